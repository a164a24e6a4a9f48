"""Small archives and the outputs they give: what tests of storage and flows share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pressmark.schemas import TABLES
from pressmark.storage.ingestion import open_run, run_steps
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport
from pressmark.storage.settings import IngestSettings
from pressmark.transforms.records import Stamp

ROOT = Path(__file__).resolve().parent.parent
FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)


WriteArticle = Callable[..., Path]


def stamp(number: int) -> Stamp:
    """The stamp of a test's run: the first, second, … an hour apart."""
    return Stamp(f"run-{number}", FIRST_RUN + timedelta(hours=number))


def ingest(source: Path | str, output: Path | str, number: int = 1, **settings: object) -> RunReport:
    """Ingest with a known stamp and no progress; `settings` are fields of `IngestSettings`, `workers` 1 by default."""
    chosen = IngestSettings(**{"source": source, "output": output, "workers": 1, **settings})  # type: ignore[arg-type]
    with open_run(chosen, stamp(number), lambda *_: None) as run:
        return run_steps(run)


def read_table(output: Path, name: str) -> pa.Table:
    """All rows of a table, partition by partition in the order of their paths."""
    paths = [output / part.entry.name for part in Output(output).parts(TABLES[name])]
    if name == "runs":
        paths = sorted((output / name).glob("*.parquet"))
    parts = [pq.ParquetFile(path).read() for path in paths]
    return pa.concat_tables(parts) if parts else TABLES[name].schema.empty_table()


def rows_of(output: Path, name: str, *columns: str) -> list[tuple[object, ...]]:
    """Some columns of a table as tuples."""
    rows = read_table(output, name).select(list(columns)).to_pylist()
    return [tuple(row[column] for column in columns) for row in rows]


def files_of(output: Path) -> dict[str, bytes]:
    """Bytes of every published partition file but those of `runs`."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for name in ("articles", "paragraphs", "revisions", "rejects")
        for path in sorted((output / name).rglob("*"))
        if path.is_file()
    }
