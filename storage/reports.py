"""A JSON file per run beside the data: its figures, what it changed, and the rejects there are.

`OUTPUT/reports/RUN_ID.json`; the tables' folders hold Parquet files only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pressmark.storage.output.tables import Output

__all__ = ["read_report", "write_report"]


def write_report(output: Output, run_id: str, content: Mapping[str, Any]) -> None:
    """Write a run's report whole."""
    text = json.dumps(content, default=str, ensure_ascii=False, indent=1)
    output.store.write(f"reports/{run_id}.json", text.encode())


def read_report(output: Output, run_id: str) -> dict[str, Any]:
    """A run's report."""
    content: dict[str, Any] = json.loads(output.store.read(f"reports/{run_id}.json"))
    return content
