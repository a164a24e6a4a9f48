"""A JSON file per run beside the data: its figures, what it changed, and the rejects there are.

`OUTPUT/reports/RUN_ID.json`; the tables' folders hold Parquet files only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from storage.layout import Output
from storage.publish import replace_file

__all__ = ["read_report", "write_report"]


def write_report(output: Output, run_id: str, content: Mapping[str, Any]) -> None:
    """Write a run's report whole."""
    folder = output.root / "reports"
    folder.mkdir(exist_ok=True)
    replace_file(folder / f"{run_id}.json", json.dumps(content, default=str, ensure_ascii=False, indent=1).encode())


def read_report(output: Output, run_id: str) -> dict[str, Any]:
    """A run's report."""
    content: dict[str, Any] = json.loads((output.root / "reports" / f"{run_id}.json").read_bytes())
    return content
