"""What an output knows: the frame `catalog`, read from the published tables, which are the only state there is; and
what the latest runs saw of their inputs, which is believed only for exactly the files that the tables consist of."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple

import polars as pl

from pressmark.schemas import OF_ARTICLES, OF_RUNS, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Table
from pressmark.storage.inputs.source import LISTING, Before
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.tables import Output, Part
from pressmark.storage.versions import parser_version
from pressmark.transforms.records import Partition
from pressmark.transforms.revisions import CATALOG

__all__ = ["Catalog", "Seen", "SeenBefore", "read_catalog", "row_counts"]

SEEN: Final = ".pressmark/seen"
TABLES_SEEN: Final = f"{SEEN}/tables"
# The hash of the text of an article that has media alone.
NO_TEXT: Final = hashlib.sha256().hexdigest()
# Files opened at once: an object store lets each wait longer than it works.
THREADS: Final = 2
REQUESTS: Final = 16


class Catalog(NamedTuple):
    """The catalog, and the partitions of each table that hold a file of an older contract or schema (`outdated`), or
    rows of the archive that another parser made (`mixed`)."""

    frame: pl.DataFrame
    outdated: set[tuple[str, Partition | None]]
    mixed: set[tuple[str, Partition | None]]


def read_catalog(output: Output, archive: str) -> Catalog:
    """The catalog of an output for a run over an archive; empty where there is none. Raises `OutputError` for
    files of a contract that can't be carried over."""
    whole = {(part.partition, part.number): part for part in output.parts(TABLES["paragraphs"])}
    parts = [
        (TABLES[name], part) for name in ("articles", "revisions", "rejects") for part in output.parts(TABLES[name])
    ]

    with ThreadPoolExecutor(THREADS if output.is_local else REQUESTS) as threads:
        found = list(threads.map(lambda one: _known(output, one[0], one[1], archive, whole), parts))
    outdated, mixed = (
        {(name, part.partition) for (table, part), one in zip(parts, found, strict=True) if one[which]
         for name in (OF_ARTICLES if table.name == "articles" else (table.name,))}
        for which in (1, 2)
    )  # fmt: skip
    frames = [pl.DataFrame(schema=CATALOG), *(one[0] for one in found)]
    return Catalog(pl.concat(frames), outdated, mixed)


def row_counts(output: Output) -> dict[str, int]:
    """How many rows each table has, by the files that are there."""

    def rows(part: Part, name: str) -> int:
        with PartFile(output, part.entry, TABLES[name]) as file:
            return file.rows

    with ThreadPoolExecutor(THREADS if output.is_local else REQUESTS) as threads:
        return {name: sum(threads.map(partial(rows, name=name), output.parts(TABLES[name]))) for name in OF_RUNS}


def _known(
    output: Output,
    table: Table,
    part: Part,
    archive: str,
    whole: dict[tuple[Partition | None, int], Part],
) -> tuple[pl.DataFrame, bool, bool]:
    """Rows of a file as the catalog has them, and whether it is outdated, and mixed. Articles of a file that has no
    paragraphs any more are to be parsed again."""
    columns = [name for name in CATALOG if name in table.schema.names]
    with PartFile(output, part.entry, table) as file:
        rows = file.read(columns)
        archives, outdated = file.stale, file.outdated
    if table.name == "articles":
        beside = whole.get((part.partition, part.number))
        if beside is not None and archives is None and not outdated:
            # Another release may have added a column there alone.
            with PartFile(output, beside.entry, TABLES["paragraphs"]) as file:
                outdated = file.outdated
        lost = beside is None and any(digest != NO_TEXT for digest in rows["text_sha256"].to_pylist())
        archives = None if lost else archives
    state = {"articles": "current", "revisions": "superseded", "rejects": "rejected"}[table.name]
    outlet, period = part.partition if part.partition is not None else (None, None)
    frame = pl.DataFrame(pl.from_arrow(rows))
    stale = pl.lit(value=True) if archives is None else pl.col("archive").is_in(sorted(archives))
    frame = frame.with_columns(state=pl.lit(state), stale=stale, outlet=pl.lit(outlet), period=pl.lit(period))
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in CATALOG.items() if name not in frame.columns]
    return (
        frame.with_columns(missing).select(CATALOG.names()).cast(CATALOG),
        outdated,
        archives is not None and archive in archives,
    )


class SeenBefore(NamedTuple):
    """What the latest run over an archive with the same settings saw: its listing, and what the input wants to know."""

    frame: pl.DataFrame
    before: Before


class Seen:
    """What the latest runs saw, one file for each archive, and a digest of the tables that they left."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.believed = output.note(TABLES_SEEN) == self._digest()

    def of(self, archive: str, facts: str) -> SeenBefore | None:
        """What was seen of an archive; None where nothing was, or it can't be believed for these `facts`."""
        if not self.believed:
            return None
        found = [self._output.noted_rows(self._name(archive, kind)) for kind in ("listing", "kept")]
        if found[0] is None or found[1] is None:
            return None
        told = [json.loads(table.schema.metadata[b"seen"]) for table in found if table is not None]
        if told[0] != told[1] or told[0]["facts"] != self._facts(facts):
            return None
        frame, kept = (pl.DataFrame(pl.from_arrow(table)) for table in found if table is not None)
        return SeenBefore(frame, Before(kept, told[0]["commit"]))

    def forget(self, archives: tuple[str, ...] | None = None) -> None:
        """Forget what was seen of some archives, or of all: their next runs compare everything."""
        if archives is None:
            self._output.store.clear(SEEN)
        else:
            self._output.store.remove([self._name(name, kind) for name in archives for kind in ("listing", "kept")])

    def begin(self) -> None:
        """Forget what can't be believed, before the tables change."""
        if not self.believed:
            self.forget()

    def write(self, archive: str, facts: str, frame: pl.DataFrame, kept: pl.DataFrame, commit: str | None) -> None:
        told = json.dumps({"facts": self._facts(facts), "commit": commit}).encode()
        for kind, rows in (("listing", frame.select(list(LISTING))), ("kept", kept)):
            table = rows.to_arrow().replace_schema_metadata({b"seen": told})
            self._output.note_rows(self._name(archive, kind), table, "zstd")

    def finish(self) -> None:
        """Say that all that was seen holds for the tables as they are now."""
        self._output.store.write(TABLES_SEEN, self._digest())

    def _name(self, archive: str, kind: str) -> str:
        return f"{SEEN}/{hashlib.sha256(archive.encode()).hexdigest()[:16]}.{kind}"

    def _facts(self, facts: str) -> str:
        return f"{facts}\n{CONTRACT_VERSION}\n{parser_version()}"

    def _digest(self) -> bytes:
        state = hashlib.sha256()
        for name in OF_RUNS:
            for entry in self._output.files(name):
                state.update(f"{entry.name} {entry.size} {entry.version}\n".encode())
        return state.hexdigest().encode()
