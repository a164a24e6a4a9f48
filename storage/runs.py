"""What runs into an output did: the row of `runs` that a run writes, and what the next one asks of the latest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from pressmark.schemas import TABLES
from pressmark.storage.errors import OutputError
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.state import open_part

__all__ = ["LastRun", "RunReport", "last_run", "read_last_run"]


class RunReport(NamedTuple):
    """The run's row in `runs`."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    source: str
    commit: str | None
    committed_at: datetime | None
    arguments: str
    contract_version: str
    parser_version: str
    sources: int
    left_out: int
    unchanged: int
    parsed: int
    parsed_bytes: int
    accepted: int
    rejected: int
    deleted: int
    articles: int
    paragraphs: int
    revisions: int
    rejects: int
    partitions_written: int
    output_bytes: int


class LastRun(NamedTuple):
    """Columns of the latest row of `runs`."""

    source: str
    arguments: str
    parser_version: str
    commit: str | None
    committed_at: datetime | None
    sources: int
    articles: int
    paragraphs: int
    revisions: int
    rejects: int

    def argument(self, name: str, default: Any = None) -> Any:
        """One of the run's settings."""
        return json.loads(self.arguments).get(name, default)

    @property
    def partial(self) -> bool:
        """Whether it was asked for a part of the archive only."""
        return bool(self.argument("wanted"))


def read_last_run(output: Output) -> LastRun | None:
    """The latest run; None where there was none."""
    entries = output.store.entries(TABLES["runs"].name)
    if not entries:
        return None
    # Names sort by the second; runs of one second are told apart by the time inside.
    second = entries[-1].name.partition("-")[0]
    same_second = [entry for entry in entries if entry.name.partition("-")[0] == second]
    return max((_read(output, entry) for entry in same_second), key=lambda found: found[0])[1]


def _read(output: Output, entry: Stored) -> tuple[datetime, LastRun]:
    with open_part(output, entry) as file:
        row = file.read(["started_at", *LastRun._fields]).to_pylist()[0]
    return row.pop("started_at"), LastRun(**row)


def last_run(output: Output) -> LastRun:
    """The latest run; raises `OutputError` where there was none."""
    run = read_last_run(output)
    if run is None:
        raise OutputError("no run has written to this folder", output.address, "name an output folder, or ingest first")
    return run
