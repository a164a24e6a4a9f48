"""Merges sorted rows into one Parquet file, in memory that depends on a row group and not on the partition.

The rows of a partition come from its published file and from staged files, each sorted by the table's keys.
Only the keys are read whole. As every input is sorted, the rows of one row group are one slice of each input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.contract import DICTIONARY, Table
from storage.layout import Output
from storage.staged import OWNER
from storage.state import open_part
from storage.stores.store import Stored
from storage.versions import parser_version
from storage.workspace import Workspace

__all__ = [
    "Chosen", "Merged", "Published", "SortedRows", "merge_rows", "sizes_of", "sorted_positions", "staged_rows",
    "units_in_order", "write_single",
]  # fmt: skip

ROW_GROUP_ROWS: Final = 4096
ROW_GROUP_BYTES: Final = 1 << 20
# Of a partition's staged rows, so much is sorted in memory at once.
HELD_BYTES: Final = 1 << 20
SPILL_ROWS: Final = 1024
# Columns with few distinct values; a dictionary of any other column costs time and saves nothing.
REPEATING: Final = (
    "outlet", "month", "dialect", "published_from", "language", "role", "change", "reason", "run_id", "article_id",
    "source_sha256", "published_at", "dateline_at", "ingested_at", "local_date", "url_date", "first_seen_at", "author",
)  # fmt: skip


class Merged(NamedTuple):
    """A merged file: rows and bytes; zero rows and no file where nothing is left."""

    rows: int
    file_bytes: int


class SortedRows(Protocol):
    """Rows in the order of their table's sort keys."""

    num_rows: int
    num_bytes: int

    def keys(self, columns: Sequence[str]) -> pa.Table:
        """The given columns of all rows."""

    def slice(self, start: int, stop: int) -> pa.Table:
        """Rows `[start, stop)`; called with ascending ranges that do not overlap."""


class Published:
    """The rows of a published file without those whose `replace_keys` are dropped."""

    def __init__(self, output: Output, entry: Stored, table: Table, dropped: frozenset[tuple[str, ...]]) -> None:
        self._file = open_part(output, entry)
        self._table = table
        self.dropped: set[tuple[str, ...]] = set()
        self._dropped_at: list[int] = []
        self._kept = self._keep(dropped) if dropped else None
        self.rows_before: int = self._file.metadata.num_rows
        self.num_rows: int = self.rows_before if self._kept is None else len(self._kept)
        groups = range(self._file.metadata.num_row_groups)
        self.num_bytes = sum(self._file.metadata.row_group(group).total_byte_size for group in groups)
        self._group_ends = self._ends()
        self._cached: tuple[int, pa.Table] | None = None

    def keys(self, columns: Sequence[str]) -> pa.Table:
        rows = self._file.read(columns=list(columns), use_threads=False).select(list(columns))
        fields = [rows.schema.field(name).with_nullable(nullable=True) for name in columns]
        rows = pa.Table.from_arrays(rows.columns, schema=pa.schema(fields))
        return rows if self._kept is None else rows.take(self._kept)

    def slice(self, start: int, stop: int) -> pa.Table:
        if self._kept is None:
            return self._read(start, stop)
        kept = self._kept.slice(start, stop - start)
        first, last = kept[0].as_py(), kept[-1].as_py() + 1
        return self._read(first, last).take(pc.subtract(kept, first))

    def dropped_rows(self) -> Iterator[dict[str, Any]]:
        """The rows that are dropped, with all columns."""
        if not self._dropped_at:
            return
        for group, (first, last) in enumerate(pairwise(self._group_ends)):
            here = [position - first for position in self._dropped_at if first <= position < last]
            if here:
                yield from self._file.read_row_group(group, use_threads=False).take(here).to_pylist()

    def close(self) -> None:
        self._cached = None
        self._file.close()

    def _keep(self, dropped: frozenset[tuple[str, ...]]) -> pa.Array | None:
        """Positions of the rows to keep; None where that is all of them."""
        (name,) = self._table.replace_keys
        keys = self._file.read(columns=[name], use_threads=False)[name]
        found = pc.is_in(keys, value_set=pa.array([key for (key,) in dropped], keys.type))
        self.dropped.update((key,) for key in pc.unique(keys.filter(found)).to_pylist())
        self._dropped_at = pc.indices_nonzero(found).to_pylist()
        return pc.indices_nonzero(pc.invert(found)).cast(pa.int64()) if self.dropped else None

    def _ends(self) -> list[int]:
        metadata = self._file.metadata
        ends = [0]
        for group in range(metadata.num_row_groups):
            ends.append(ends[-1] + metadata.row_group(group).num_rows)
        return ends

    def _read(self, start: int, stop: int) -> pa.Table:
        parts = []
        for group, (first, last) in enumerate(pairwise(self._group_ends)):
            if first < stop and start < last:
                if self._cached is None or self._cached[0] != group:
                    self._cached = None
                    self._cached = (group, _plain(self._file.read_row_group(group, use_threads=False), self._table))
                rows = self._cached[1]
                parts.append(rows.slice(max(start - first, 0), min(stop, last) - max(start, first)))
        return pa.concat_tables(parts)


class Held:
    """Sorted rows in memory."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self.num_rows: int = rows.num_rows
        self.num_bytes: int = rows.nbytes

    def keys(self, columns: Sequence[str]) -> pa.Table:
        return self._rows.select(list(columns))

    def slice(self, start: int, stop: int) -> pa.Table:
        return self._rows.slice(start, stop - start)


class Spilled:
    """Sorted rows in a file of their own, a record batch of which is held at a time."""

    def __init__(self, path: Path, rows: pa.Table) -> None:
        self._path = path
        self.num_rows: int = rows.num_rows
        self.num_bytes: int = rows.nbytes
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows.combine_chunks(), max_chunksize=SPILL_ROWS)

    def keys(self, columns: Sequence[str]) -> pa.Table:
        with pa.memory_map(str(self._path)) as file:
            names = pa.ipc.open_file(file).schema.names
            options = pa.ipc.IpcReadOptions(included_fields=[names.index(column) for column in columns])
            rows = pa.ipc.open_file(file, options=options).read_all()
            return rows.take(pa.array(range(rows.num_rows), pa.int64()))

    def slice(self, start: int, stop: int) -> pa.Table:
        # Mapped anew for each slice: pages that were touched count as memory for as long as their map is in use.
        with pa.memory_map(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            numbers = range(start // SPILL_ROWS, -(-stop // SPILL_ROWS))
            rows = pa.Table.from_batches([reader.get_batch(number) for number in numbers])
            base = numbers.start * SPILL_ROWS
            # Copied, as a slice of a mapped file keeps all that was touched of it in memory, and there are many.
            return rows.take(pa.array(range(start - base, stop - base), pa.int64()))


def staged_rows(
    workspace: Workspace,
    pieces: Iterable[tuple[str, int]],
    table: Table,
    dropped: Mapping[str, Collection[int]],
    scratch: Callable[[], Path],
) -> Iterator[SortedRows]:
    """The staged rows of one partition in as few sorted inputs as memory allows; `pieces` are staged files and record
    batches in them, `dropped` the owners of rows to leave out, by the files' names without their ends.

    What is more than may be held is sorted in parts that wait in files of the folder that `scratch` gives.
    """
    group: list[pa.Table] = []
    size = 0
    for number, (name, batch) in enumerate(pieces):
        rows = _piece(workspace, name, batch, dropped.get(name.rpartition(".")[0], ()))
        if group and size + rows.nbytes > HELD_BYTES:
            yield Spilled(scratch() / f"sorted.{number}", _sorted_rows(group, table))
            group, size = [], 0
            pa.default_memory_pool().release_unused()
        group.append(rows)
        size += rows.nbytes
    if group:
        yield Held(_sorted_rows(group, table))


def _piece(workspace: Workspace, name: str, number: int, dropped: Collection[int]) -> pa.Table:
    # Read and not mapped: the system maps much around the little that is read of each of hundreds of files.
    with workspace.open(name, mapped=False) as file:
        batch = pa.ipc.open_file(file).get_batch(number)
    rows = pa.Table.from_batches([batch])
    if dropped:
        rows = rows.filter(pc.invert(pc.is_in(rows[OWNER], pa.array(sorted(dropped), pa.int32()))))
    return rows


def _sorted_rows(parts: Sequence[pa.Table], table: Table) -> pa.Table:
    rows = _plain(pa.concat_tables(parts), table)
    return rows.take(sorted_positions(rows, table)) if len(parts) > 1 else rows


class Chosen:
    """Some of the rows of another input; `positions` are those, ascending."""

    def __init__(self, rows: SortedRows, positions: pa.Array) -> None:
        self._rows = rows
        self._positions = positions
        self.num_rows: int = len(positions)
        self.num_bytes = rows.num_bytes * len(positions) // max(rows.num_rows, 1)

    def keys(self, columns: Sequence[str]) -> pa.Table:
        return self._rows.keys(columns).take(self._positions)

    def slice(self, start: int, stop: int) -> pa.Table:
        chosen = self._positions.slice(start, stop - start)
        if not len(chosen):
            return self._rows.slice(0, 0)
        first, last = chosen[0].as_py(), chosen[-1].as_py() + 1
        return self._rows.slice(first, last).take(pc.subtract(chosen, first))


def merge_rows(target: Path, table: Table, inputs: Sequence[SortedRows]) -> Merged:
    """Write the rows of all inputs, in order, to `target`. The same rows give the same bytes, however they were
    spread over inputs."""
    total = sum(rows.num_rows for rows in inputs)
    if not total:
        return Merged(0, 0)
    with _writer(target, table) as writer:
        for rows in _row_groups(table, inputs):
            writer.write_table(_canonical(rows, table), row_group_size=rows.num_rows)
    return Merged(total, target.stat().st_size)


def write_single(target: Path, rows: pa.Table, table: Table) -> None:
    """Write rows that are in order as a file of their own."""
    with _writer(target, table) as writer:
        writer.write_table(_canonical(_plain(rows, table), table))


def _writer(target: Path, table: Table) -> pq.ParquetWriter:
    metadata = {**(table.schema.metadata or {}), "pressmark.parser_version": parser_version()}
    return pq.ParquetWriter(
        target,
        table.schema.with_metadata(metadata),
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in REPEATING if name in table.schema.names],
    )


def _row_groups(table: Table, inputs: Sequence[SortedRows]) -> Iterator[pa.Table]:
    """The rows of all inputs in order, cut into row groups by the rows alone, whatever inputs they came from."""
    few = sum(rows.num_rows for rows in inputs) <= ROW_GROUP_ROWS
    if few and sum(rows.num_bytes for rows in inputs) <= ROW_GROUP_BYTES:
        rows = pa.concat_tables([some.slice(0, some.num_rows) for some in inputs if some.num_rows])
        if pc.sum(sizes_of(rows, table)).as_py() <= ROW_GROUP_BYTES:
            yield rows.take(sorted_positions(rows, table)) if len(inputs) > 1 else rows
            return
    yield from _streamed(table, inputs)


class Unit(NamedTuple):
    """Consecutive rows of one input that stay together: an article's paragraphs, or a single row."""

    number: int
    start: int
    length: int
    size: int


def _streamed(table: Table, inputs: Sequence[SortedRows]) -> Iterator[pa.Table]:
    """Row groups of many rows: units are sorted by their first row's keys, rows are read a group at a time."""
    group: list[Unit] = []
    rows = total = 0
    for unit in units_in_order(table, inputs):
        if group and (rows + unit.length > ROW_GROUP_ROWS or total + unit.size > ROW_GROUP_BYTES):
            yield _gather(group, inputs)
            pa.default_memory_pool().release_unused()
            group, rows, total = [], 0, 0
        group.append(unit)
        rows += unit.length
        total += unit.size
    yield _gather(group, inputs)


def units_in_order(table: Table, inputs: Sequence[SortedRows]) -> list[Unit]:
    """All rows of the inputs, as units in the order of the table."""
    parts, units = [], []
    columns = list(dict.fromkeys((*table.sort_keys, *table.size_columns)))
    for number, rows in enumerate(inputs):
        if not rows.num_rows:
            continue
        keys = rows.keys(columns).select(columns)
        first_rows = pc.equal(keys["ordinal"], 0) if "ordinal" in columns else pa.array([True] * keys.num_rows)
        starts = pc.indices_nonzero(first_rows).cast(pa.int64())
        ends = pa.concat_arrays([starts.slice(1), pa.array([keys.num_rows], pa.int64())])
        running = pc.cumulative_sum(sizes_of(keys, table).cast(pa.int64()))
        totals = running.take(pc.subtract(ends, 1)).to_pylist()
        before = 0
        for start, end, total in zip(starts.to_pylist(), ends.to_pylist(), totals, strict=True):
            units.append(Unit(number, start, end - start, total - before))
            before = total
        parts.append(keys.select(list(table.sort_keys)).take(starts))
    order = sorted_positions(pa.concat_tables(parts), table).to_pylist()
    parts.clear()
    pa.default_memory_pool().release_unused()
    return [units[position] for position in order]


def sorted_positions(rows: pa.Table, table: Table) -> pa.Array:
    """Positions of rows in the order of the table."""
    return pc.sort_indices(rows, sort_keys=[(name, "ascending", "at_end") for name in table.sort_keys])


def sizes_of(rows: pa.Table, table: Table) -> pa.ChunkedArray:
    """Bytes of each row, as its table tells them."""
    first, *last = table.size_columns
    return pc.subtract(rows[last[0]], rows[first]) if last else rows[first]


def _gather(group: Sequence[Unit], inputs: Sequence[SortedRows]) -> pa.Table:
    """The rows of some units, in their order. As inputs are sorted, those of each are one slice of it."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for unit in group:
        first.setdefault(unit.number, unit.start)
        last[unit.number] = unit.start + unit.length
    base: dict[int, int] = {}
    parts = []
    total = 0
    for number, start in first.items():
        parts.append(inputs[number].slice(start, last[number]))
        base[number] = total - start
        total += last[number] - start
    rows = pa.concat_tables(parts)
    if len(parts) > 1:
        order = [base[unit.number] + row for unit in group for row in range(unit.start, unit.start + unit.length)]
        rows = rows.take(pa.array(order, pa.int64()))
    return rows


def _canonical(rows: pa.Table, table: Table) -> pa.Table:
    """Rows in one piece, dictionaries in the order of first appearance, whatever inputs they came from."""
    rows = rows.combine_chunks()
    columns = []
    for field in table.schema:
        column = rows[field.name]
        if field.type == DICTIONARY:
            column = column.combine_chunks().dictionary_encode().cast(DICTIONARY)
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=table.schema)


def _plain(rows: pa.Table, table: Table) -> pa.Table:
    """The table's columns, dictionaries as text: those of different inputs differ."""
    columns = []
    for field in table.schema:
        column = rows[field.name]
        columns.append(column.cast(pa.string()) if field.type == DICTIONARY else column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=_plain_schema(table))


def _plain_schema(table: Table) -> pa.Schema:
    # Without nullability, so that rows of all kinds of inputs go together.
    return pa.schema([
        (field.name, pa.string() if field.type == DICTIONARY else field.type) for field in table.schema
    ])  # fmt: skip
