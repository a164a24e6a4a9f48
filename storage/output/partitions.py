"""Where rows wait between parsing and publishing, and how they come into partition files: reads a partition, drops,
adds, sorts, writes. Runs in workers. A staged file, of a run's own, holds the rows of one table of one batch, by
partition, in the order that its `spans` list. A row's file follows from its `article_id` alone, so no row ever moves
between the files of a partition."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.schemas.contract import Table
from pressmark.storage.output.folder import JOURNAL
from pressmark.storage.output.parquet import PartFile, plain_schema, write_part
from pressmark.storage.output.store import Replacement, is_object_address
from pressmark.storage.output.tables import STAGING, Output, Part, bucket_of, by_partition, open_store, part_name
from pressmark.transforms.records import Partition
from pressmark.transforms.roots import ROWS_AT_ONCE, digests_of, records_of

__all__ = [
    "OWNER", "PLACE", "MergeTask", "Merged", "PlaceWork", "Span", "StagedFile", "Staging", "merge", "open_staging",
]  # fmt: skip

# Position of a row's article (or reject) in its batch: tells rows apart that are to be left out.
OWNER: Final = "owner"
# Position of a row's partition in its file's spans.
PLACE: Final = "place"
# Steps of a lower rank are published first: what rows leave, then what they come to, and articles after the rest.
LEAVING, REST = 0, 2


class Span(NamedTuple):
    """Rows `[start, stop)` of a staged file are of one partition; `number` is its position among those of the file."""

    partition: Partition | None
    start: int
    stop: int
    number: int = 0


class Staging(NamedTuple):
    """A run's own place in the store at `address`, which all of its workers reach; and the folder of the output in
    which next files wait for being published."""

    address: str
    prefix: str
    drafts: str

    def write(self, name: str, rows: pa.Table, counts: Sequence[tuple[Partition | None, int]]) -> tuple[Span, ...]:
        """Stage rows that are sorted by partition; `counts` names each partition and its number of rows."""
        spans: list[Span] = []
        start = 0
        for partition, count in counts:
            spans.append(Span(partition, start, start + count, len(spans)))
            start += count
        place = pa.array([span.number for span in spans for _ in range(span.stop - span.start)], pa.int32())
        rows = rows.append_column(PLACE, place).combine_chunks()
        options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
        with (
            open_store(self.address).draft(f"{self.prefix}/{name}") as path,
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, rows.schema, options=options) as writer,
        ):
            writer.write_table(rows)
        return tuple(spans)

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a staged file; where it lies on this machine they stay in the file until they are used."""
        if is_object_address(self.address):
            source: pa.NativeFile = pa.BufferReader(open_store(self.address).read(f"{self.prefix}/{name}"))
        else:
            source = pa.memory_map(os.path.join(self.address, f"{self.prefix}/{name}"))
        table = pa.ipc.open_file(source).read_all()
        return table if columns is None else table.select(list(columns))

    def remove(self, names: Sequence[str]) -> None:
        open_store(self.address).remove([f"{self.prefix}/{name}" for name in names])


@contextlib.contextmanager
def open_staging(output: Output, run_id: str, *, shared: bool) -> Iterator[Staging]:
    """An empty staging for a run: below the output, or on this machine where the output is a store and all workers are
    here (not `shared`). It is cleared at the end, but for drafts that a journal still names."""
    output.store.clear(STAGING)
    drafts = f"{STAGING}/{run_id}"
    if output.is_local or shared:
        try:
            yield Staging(str(output.address), f"{drafts}/rows", drafts)
        finally:
            if output.store.find(JOURNAL) is None:
                output.store.clear(STAGING)
        return
    name = hashlib.sha256(str(output.address).encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory(prefix=f"pressmark-{name}-") as folder:
        yield Staging(str(Path(folder)), "rows", drafts)
        output.store.clear(STAGING)


class PlaceWork(NamedTuple):
    """A file of a partition to write: keys of published rows to drop. `leaving` says that some of them move to another
    partition; `removal_first` that the file must be shown without them before rows move in, as it gets rows from where
    its own go. `carry` says that files of an older contract stand in the partition."""

    table: str
    partition: Partition | None
    bucket: int
    dropped: frozenset[str] = frozenset()
    leaving: bool = False
    removal_first: bool = False
    carry: bool = False

    @property
    def outlet(self) -> str | None:
        return None if self.partition is None else self.partition.outlet


class StagedFile(NamedTuple):
    """The rows of a staged file that a task needs, and the owners among them that are not to be published."""

    name: str
    spans: tuple[Span, ...]
    dropped: frozenset[int] = frozenset()


class MergeTask(NamedTuple):
    """Files of one table to write. `archive` is the run's; `last` tells that no other round of the run follows; `parts`
    are the published files of their partitions; `records` is what the output's root is made of where it is known of one
    of these, by its name."""

    output: Output
    staging: Staging
    number: int
    buckets: int
    archive: str
    last: bool
    works: tuple[PlaceWork, ...]
    staged: tuple[StagedFile, ...]
    parts: tuple[Part, ...]
    records: Mapping[str, bytes] = {}


class Merged(NamedTuple):
    """What merging a file made: rows before and now, bytes written, the steps that publish it, in order, and what the
    output's root is made of, where rows were written."""

    work: PlaceWork
    rows_before: int
    rows: int
    file_bytes: int
    removals: tuple[Replacement, ...] = ()
    finals: tuple[Replacement, ...] = ()
    digests: bytes = b""

    @property
    def becomes(self) -> dict[str, bytes | None]:
        """The digests of the files that it changes, by name; None of those that go."""
        gone = {step.target: None for step in self.removals}
        return gone | {step.target: self.digests if step.staged else None for step in self.finals}


def merge(task: MergeTask) -> list[Merged]:
    """Write the next file of each place to staging. Repeating it gives the same rows. A file whose rows stay as they
    are is left alone."""
    table = TABLES[task.works[0].table]
    parts = by_partition(task.parts)
    found: list[Merged] = []
    waiting: list[tuple[int, pa.Table]] = []
    for index, (work, new) in enumerate(zip(task.works, _new_rows(task, table), strict=True)):
        merged, rows = _merge_place(task, table, work, f"{task.number:06d}-{index}", new, parts.get(work.partition, []))
        found.append(merged)
        if rows is not None:
            waiting.append((index, rows))
        if sum(len(rows) for _, rows in waiting) >= ROWS_AT_ONCE or index == len(task.works) - 1:
            files = [(found[number].work.outlet, rows) for number, rows in waiting]
            for (number, _), digests in zip(waiting, digests_of(files, table), strict=True):
                found[number] = found[number]._replace(digests=found[number].digests + digests)
            waiting = []
    return found


def _new_rows(task: MergeTask, table: Table) -> Iterator[pa.Table]:
    """The staged rows of each place, in the order of the table."""
    places = {(work.partition, work.bucket): number for number, work in enumerate(task.works)}
    schema = plain_schema(table)
    found = [piece for file in task.staged for piece in _pieces(task, file, places, schema)]
    if not found:
        yield from (schema.empty_table() for _ in task.works)
        return
    rows = pa.concat_tables(found).combine_chunks()
    keys = [(PLACE, "ascending"), *((name, "ascending") for name in table.sort_keys)]
    rows = rows.take(pc.sort_indices(rows, sort_keys=keys))
    counts = {one["values"]: one["counts"] for one in pc.value_counts(rows[PLACE]).to_pylist()}
    rows, start = rows.drop_columns([PLACE]), 0
    for number in range(len(task.works)):
        yield rows.slice(start, counts.get(number, 0))
        start += counts.get(number, 0)


def _pieces(
    task: MergeTask, file: StagedFile, places: dict[tuple[Partition | None, int], int], schema: pa.Schema
) -> Iterator[pa.Table]:
    """The rows of a staged file that belong to the task, with the number of their place."""
    first, last = file.spans[0], file.spans[-1]
    rows = task.staging.read(file.name).slice(first.start, last.stop - first.start)
    if file.dropped:
        rows = rows.filter(pc.invert(pc.is_in(rows[OWNER], pa.array(sorted(file.dropped), pa.int32()))))
    partitions = {span.number: span.partition for span in file.spans}
    if task.buckets == 1 or first.partition is None:
        of_place = [places.get((partitions[n], 0)) if n in partitions else None for n in range(last.number + 1)]
        numbers = pa.array(of_place, pa.int32()).take(rows[PLACE])
    else:
        keys = zip(rows[PLACE].to_pylist(), rows["article_id"].to_pylist(), strict=True)
        found = [places.get((partitions[n], bucket_of(key, task.buckets))) if n in partitions else None
                 for n, key in keys]  # fmt: skip
        numbers = pa.chunked_array([pa.array(found, pa.int32())])
    columns = [rows[field.name] for field in schema]
    columns = [c if c.type == field.type else c.cast(field.type) for c, field in zip(columns, schema, strict=True)]
    piece = pa.Table.from_arrays([*columns, numbers], schema=schema.append(pa.field(PLACE, pa.int32())))
    yield piece.filter(pc.is_valid(numbers)) if numbers.null_count else piece


def _merge_place(
    task: MergeTask, table: Table, work: PlaceWork, stem: str, new: pa.Table, parts: list[Part]
) -> tuple[Merged, pa.Table | None]:
    """What a file becomes, and where it is written, those of its rows whose digests are not known."""
    target = part_name(table, work.partition, work.bucket)
    here = parts if work.carry else [part for part in parts if part.number == work.bucket]
    before, outdated, stale = _published(task, table, work, here)
    key = table.replace_keys[0]
    coming = set(new[key].to_pylist())
    going = pc.is_in(before[key], pa.array(work.dropped | coming, pa.string()))
    kept = before.filter(pc.invert(going))
    new = _with_run_columns(new, before.filter(going), table, key)
    rows = pa.concat_tables([kept, new]) if kept.num_rows else new
    if kept.num_rows:
        keys = [(name, "ascending") for name in table.sort_keys]
        rows = rows.take(pc.sort_indices(rows, sort_keys=keys))
    others = [part.entry.name for part in here if part.entry.name != target]
    # What an older version left at another place goes first: no reader may find a row twice.
    removals = [Replacement(None, name, LEAVING) for name in others if work.bucket == 0]
    left = stale & set(kept["archive"].to_pylist()) if "archive" in kept.column_names else set()
    # After a run's last round all sources of its archive are by this parser.
    left -= {task.archive} if task.last else set()
    if not outdated and left == stale and not others and rows.equals(before):
        return Merged(work, before.num_rows, rows.num_rows, 0), None
    if work.removal_first and (leaving := work.dropped - coming):
        stays = before.filter(pc.invert(pc.is_in(before[key], pa.array(leaving, pa.string()))))
        if stays.num_rows < before.num_rows:
            removals.append(_written(task, table, f"removal-{stem}", stays, target, LEAVING)[0])
    # A file that rows leave and enter shows those that enter when they have left their own.
    rank = (LEAVING if work.leaving and not work.removal_first else REST) + (table.name == "articles")
    final, size = _written(task, table, f"next-{stem}", rows, target, rank, left)
    known = [task.records.get(part.entry.name) for part in here]
    digests, fresh = b"", rows
    if table.partitioned and not outdated and all(known):
        # Most rows stay as they are.
        digests, fresh = records_of(b"".join(filter(None, known)), set(kept[key].to_pylist())), new
    merged = Merged(work, before.num_rows, rows.num_rows, size, tuple(removals), (final,), digests)
    return merged, fresh if final.staged else None


def _published(task: MergeTask, table: Table, work: PlaceWork, parts: list[Part]) -> tuple[pa.Table, bool, set[str]]:
    """The published rows of a place, whether a file that they are in is to be written anew anyway, and the archives
    whose rows are by another parser."""
    found, outdated = [plain_schema(table).empty_table()], False
    stale: set[str] = set()
    for part in parts:
        with PartFile(task.output, part.entry, table) as file:
            rows = file.read()
            outdated = outdated or file.outdated or file.stale is None
            every = rows["archive"].to_pylist() if "archive" in rows.column_names else ()
            stale |= set(every) if file.stale is None else file.stale
        if work.carry and task.buckets > 1 and table.partitioned:
            keys = rows["article_id"].to_pylist()
            rows = rows.filter(pa.array([bucket_of(key, task.buckets) == work.bucket for key in keys], pa.bool_()))
        found.append(rows)
    return pa.concat_tables(found), outdated, stale


def _written(
    task: MergeTask, table: Table, name: str, rows: pa.Table, target: str, rank: int, stale: Collection[str] = ()
) -> tuple[Replacement, int]:
    if not rows.num_rows:
        return Replacement(None, target, rank), 0
    staged = f"{task.staging.drafts}/{table.name}-{name}.parquet"
    return Replacement(staged, target, rank), write_part(task.output, staged, rows, table, stale)


def _with_run_columns(new: pa.Table, before: pa.Table, table: Table, key: str) -> pa.Table:
    """New rows, with the run columns of published rows that they only repeat."""
    if not table.run_columns or not before.num_rows or not new.num_rows:
        return new
    content = [name for name in new.column_names if name not in table.run_columns]
    published = {record[key]: record for record in before.to_pylist()}
    kept: dict[str, list[Any]] = {name: [] for name in table.run_columns}
    for record in new.to_pylist():
        known = published.get(record[key])
        same = known is not None and all(record[name] == known[name] for name in content)
        for name, values in kept.items():
            values.append(known[name] if same and known is not None else record[name])
    for name, values in kept.items():
        field = new.schema.field(name)
        new = new.set_column(new.schema.get_field_index(name), field, pa.array(values, field.type))
    return new
