"""What the latest run into an output did, from its row in `runs`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas import TABLES
from storage.errors import OutputError
from storage.layout import Output
from storage.state import open_part

__all__ = ["LastRun", "last_run", "read_last_run"]


class LastRun(NamedTuple):
    """Columns of the latest row of `runs`."""

    source: str
    arguments: str
    parser_version: str
    commit: str | None
    committed_at: datetime | None
    sources: int

    def argument(self, name: str) -> Any:
        """One of the run's settings."""
        return json.loads(self.arguments)[name]


def read_last_run(output: Output) -> LastRun | None:
    """The latest run; None where there was none."""
    paths = sorted(output.table_folder(TABLES["runs"]).glob("*.parquet"))
    if not paths:
        return None
    # Names sort by the second; runs of one second are told apart by the time inside.
    same_second = [path for path in paths if path.name.partition("-")[0] == paths[-1].name.partition("-")[0]]
    return max(map(_read, same_second), key=lambda found: found[0])[1]


def _read(path: Path) -> tuple[datetime, LastRun]:
    with open_part(path) as file:
        row = file.read(["started_at", *LastRun._fields]).to_pylist()[0]
    return row.pop("started_at"), LastRun(**row)


def last_run(output: Output) -> LastRun:
    """The latest run; raises `OutputError` where there was none."""
    run = read_last_run(output)
    if run is None:
        raise OutputError("no run has written to this folder", output.root, "name an output folder, or ingest first")
    return run
