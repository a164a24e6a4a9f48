"""What an output knows: the frame `catalog`, read from the published tables, which are the only state there is. What is
kept beside them is believed only for exactly the files that it was made of, and made again where it lacks: what the
latest runs saw of their inputs, and the records of files that the root over all rows is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa

from pressmark.schemas import OF_ARTICLES, OF_RUNS, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Table
from pressmark.storage.errors import OutputError
from pressmark.storage.inputs.source import LISTING, Before
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output, Part
from pressmark.storage.versions import parser_version
from pressmark.transforms.records import Partition
from pressmark.transforms.revisions import CATALOG, REJECT
from pressmark.transforms.roots import FORMAT, ROWS_AT_ONCE, Moment, digests_of

__all__ = [
    "STANDING", "Catalog", "Roots", "Seen", "SeenBefore", "moment_of", "read_catalog", "row_counts", "what_is_missed",
]  # fmt: skip

STANDING: Final = pl.col("valid_to").is_null()
# So many sources that end at once, and are more than half of all, are worth a word.
MANY_GONE: Final = 10
SEEN: Final = ".pressmark/seen"
TABLES_SEEN: Final = f"{SEEN}/tables"
# The hash of the text of an article that has media alone.
NO_TEXT: Final = hashlib.sha256().hexdigest()
RECORDS: Final = ".pressmark/roots/records"
# The root of the files that stand, so that a run which changes nothing reads no records.
ROOT: Final = ".pressmark/roots/root"
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


def what_is_missed(
    listing: pl.DataFrame, known: pl.DataFrame, output: Output, *, deletes: bool, told: bool
) -> list[str]:
    """What to say of an input that lacks sources which an output knows of its archive. Raises `OutputError` where these
    end and it has none of them: it is another, or is not there, as a disk that is not mounted; where deletions are
    `told`, only of many sources in an input that is empty."""
    last = known.filter(STANDING)
    standing = listing.filter(STANDING)
    if not deletes:
        articles = last.filter(~REJECT).select("source_path").unique()
        absent = 0 if told else articles.join(standing, on="source_path", how="anti").height
        said = f"sources of earlier runs that are not in this input: {absent:,}; only `--sync` ends such"
        return [said] if absent else []
    last = last.select("source_path").unique()
    gone, sources = last.join(standing, on="source_path", how="anti").height, last.height or known.height
    other = not standing.join(known, on="source_path", how="semi").height
    if other and (not told or (sources >= MANY_GONE and not standing.height)):
        raise OutputError(
            f"this input has none of the {sources} sources that the output has of the archive `{known['archive'][0]}`",
            output.address,
            "look whether it is all there, as a disk that is not mounted; give another folder or --archive name to "
            "another archive, `--all-gone` to have them deleted, or `--no-sync` to keep them",
        )
    if gone < MANY_GONE or gone * 2 <= sources:
        return []
    return [
        f"{gone:,} of the {sources:,} sources that the output has of this archive are not in this input, and end: look "
        "whether it is all there; what comes back is ingested again"
    ]


def _known(
    output: Output, table: Table, part: Part, archive: str, whole: dict[tuple[Partition | None, int], Part]
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
        return _digest_of(entry for name in OF_RUNS for entry in self._output.files(name)).encode()


class Roots:
    """The records of an output's files, as they are and as a run leaves them."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next: dict[str, bytes] | None = None
        self._root = ""

    @cached_property
    def _kept(self) -> dict[Stored, bytes]:
        return _kept(self._output)

    def known(self, parts: Iterable[Part], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
        """The records of files that stand, by name: those that this run made, and those that are kept."""
        found = {part.entry.name: changed.get(part.entry.name) or self._kept.get(part.entry) for part in parts}
        return {name: records for name, records in found.items() if records}

    def root(self, changed: Mapping[str, bytes | None]) -> str:
        """The root once files have changed: to rows with these records, or to nothing."""
        parts = _parts(self._output)
        told, _, root = self._output.note(ROOT).decode(errors="replace").partition(" ")
        self._next = None
        if changed or told != _digest_of(part.entry for _, part in parts):
            stay = [(table, part) for table, part in parts if part.entry.name not in changed]
            self._next = dict(_records(self._output, stay, self._kept))
            self._next |= {name: data for name, data in changed.items() if data is not None}
            root = _moment(self._next).root
        self._root = root
        return root

    def drop(self) -> None:
        """Let go of what is kept, as it names rows that are to leave no trace; what `root` read of it stays known."""
        self._output.store.remove([RECORDS, ROOT])

    def write(self) -> None:
        """Keep the records of which `root` made one, once the files are published."""
        if self._next is None:
            return
        entries = [part.entry for _, part in _parts(self._output)]
        kept = [{**entry._asdict(), "records": self._next[entry.name]} for entry in entries]
        self._output.note_rows(RECORDS, pa.Table.from_pylist(kept, KEPT))
        self._output.store.write(ROOT, f"{_digest_of(entries)} {self._root}".encode())


KEPT: Final = pa.schema(
    [("name", pa.string()), ("size", pa.int64()), ("version", pa.string()), ("records", pa.large_binary())],
    metadata={"made_by": f"{CONTRACT_VERSION} {FORMAT}"},
)


def moment_of(output: Output, *, anew: bool = False) -> Moment:
    """The tree over all rows of an output as it is; `anew` reads every row, whatever was kept."""
    return _moment(dict(_records(output, _parts(output), {} if anew else _kept(output))))


def _moment(records: Mapping[str, bytes]) -> Moment:
    return Moment((name.partition("/")[0], data) for name, data in records.items())


def _parts(output: Output) -> list[tuple[Table, Part]]:
    return [(TABLES[name], part) for name in OF_RUNS for part in output.parts(TABLES[name])]


def _records(
    output: Output, parts: Iterable[tuple[Table, Part]], kept: Mapping[Stored, bytes]
) -> Iterator[tuple[str, bytes]]:
    """The records of each file by its name: those that were kept for exactly this file, else from its rows."""
    waiting: list[tuple[Table, str, str | None, pa.Table]] = []
    for table, part in parts:
        if part.entry in kept:
            yield part.entry.name, kept[part.entry]
            continue
        if waiting and (waiting[0][0] is not table or sum(len(rows) for *_, rows in waiting) >= ROWS_AT_ONCE):
            yield from _digested(waiting)
            waiting = []
        with PartFile(output, part.entry, table) as file:
            waiting.append((table, part.entry.name, part.partition and part.partition.outlet, file.read()))
    yield from _digested(waiting)


def _digested(waiting: list[tuple[Table, str, str | None, pa.Table]]) -> Iterator[tuple[str, bytes]]:
    if waiting:
        digests = digests_of([(outlet, rows) for _, _, outlet, rows in waiting], waiting[0][0])
        yield from zip([name for _, name, _, _ in waiting], digests, strict=True)


def _kept(output: Output) -> dict[Stored, bytes]:
    """What was kept, by the file that it holds for; nothing where it is damaged or of another version."""
    rows = output.noted_rows(RECORDS)
    if rows is None or rows.schema != KEPT or rows.schema.metadata != KEPT.metadata:
        return {}
    return {Stored(*one): records for *one, records in (row.values() for row in rows.to_pylist())}


def _digest_of(entries: Iterable[Stored]) -> str:
    """What differs where any of these files does, or what is kept of them."""
    state = hashlib.sha256(f"{CONTRACT_VERSION} {FORMAT}".encode())
    for name, size, version in entries:
        state.update(f"{name} {size} {version}\n".encode())
    return state.hexdigest()
