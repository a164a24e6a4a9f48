"""Merges sorted rows into one Parquet file, in memory that depends on a row group and not on the partition.

The rows of a partition come from its published file and from staged files, each sorted by the table's keys.
Only the keys are read whole. As every input is sorted, the rows of one row group are one slice of each input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.contract import DICTIONARY, Table
from storage.staged import OWNER
from storage.state import open_part
from storage.versions import parser_version

__all__ = ["Merged", "Published", "SortedRows", "Staged", "merge_rows", "write_single"]

ROW_GROUP_ROWS: Final = 8192
ROW_GROUP_BYTES: Final = 2 << 20
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

    def __init__(self, path: Path, table: Table, dropped: Collection[tuple[str, ...]]) -> None:
        self._file = open_part(path)
        self._table = table
        self._kept = self._keep(dropped) if dropped else None
        self.num_rows: int = self._file.metadata.num_rows if self._kept is None else len(self._kept)
        groups = range(self._file.metadata.num_row_groups)
        self.num_bytes = sum(self._file.metadata.row_group(group).total_byte_size for group in groups)
        self._group_ends = self._ends()
        self._cached: tuple[int, pa.Table] | None = None

    def keys(self, columns: Sequence[str]) -> pa.Table:
        rows = self._file.read(columns=list(columns), use_threads=False)
        return rows if self._kept is None else rows.take(self._kept)

    def slice(self, start: int, stop: int) -> pa.Table:
        if self._kept is None:
            return self._read(start, stop)
        kept = self._kept.slice(start, stop - start)
        first, last = kept[0].as_py(), kept[-1].as_py() + 1
        return self._read(first, last).take(pc.subtract(kept, first))

    def close(self) -> None:
        self._cached = None
        self._file.close()

    def _keep(self, dropped: Collection[tuple[str, ...]]) -> pa.Array:
        names = list(self._table.replace_keys)
        columns = self._file.read(columns=names, use_threads=False).select(names).to_pydict().values()
        keep = [position for position, key in enumerate(zip(*columns, strict=True)) if key not in dropped]
        return pa.array(keep, pa.int64())

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


class Staged:
    """The rows of one partition in a staged file, without those of the articles in `dropped_owners`."""

    def __init__(self, path: Path, number: int, table: Table, dropped_owners: Collection[int] = ()) -> None:
        self._path = path
        self._number = number
        self._table = table
        self._kept: pa.Array | None = None
        batch = self._batch()
        if dropped_owners:
            dropped = pa.array(sorted(dropped_owners), pa.int32())
            self._kept = pc.indices_nonzero(pc.invert(pc.is_in(batch[OWNER], dropped))).cast(pa.int64())
        self.num_rows: int = batch.num_rows if self._kept is None else len(self._kept)
        self.num_bytes: int = batch.nbytes

    def keys(self, columns: Sequence[str]) -> pa.Table:
        rows = pa.Table.from_batches([self._batch()]).select(list(columns))
        return rows if self._kept is None else rows.take(self._kept)

    def slice(self, start: int, stop: int) -> pa.Table:
        rows = pa.Table.from_batches([self._batch()])
        if self._kept is None:
            return _plain(rows.slice(start, stop - start), self._table)
        return _plain(rows.take(self._kept.slice(start, stop - start)), self._table)

    def _batch(self) -> pa.RecordBatch:
        # Mapped anew for each slice: pages that were touched count as memory for as long as their map is in use.
        with pa.memory_map(str(self._path)) as file:
            return pa.ipc.open_file(file).get_batch(self._number)


def merge_rows(target: Path, table: Table, inputs: Sequence[SortedRows]) -> Merged:
    """Write the rows of all inputs, in order, to `target`. The same rows give the same bytes, however they were
    spread over inputs."""
    total = sum(rows.num_rows for rows in inputs)
    if not total:
        return Merged(0, 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    few = total <= ROW_GROUP_ROWS and sum(rows.num_bytes for rows in inputs) <= ROW_GROUP_BYTES
    with _writer(target, table) as writer:
        for rows in _at_once(table, inputs) if few else _streamed(table, inputs):
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


def _at_once(table: Table, inputs: Sequence[SortedRows]) -> Iterator[pa.Table]:
    """Row groups of few rows: all of them are read and sorted together."""
    rows = pa.concat_tables([some.slice(0, some.num_rows) for some in inputs if some.num_rows])
    if len(inputs) > 1:
        rows = rows.take(_sorted(rows, table))
    for start, stop in _row_groups(_sizes(rows, table)):
        yield rows.slice(start, stop - start)


def _streamed(table: Table, inputs: Sequence[SortedRows]) -> Iterator[pa.Table]:
    """Row groups of many rows: keys are sorted together, rows are read a group at a time."""
    order, sizes = _order(table, inputs)
    for start, stop in _row_groups(sizes):
        yield _gather(order.slice(start, stop - start), inputs)


def _order(table: Table, inputs: Sequence[SortedRows]) -> tuple[pa.Table, pa.ChunkedArray]:
    """Input and position of each row in the order of the table, and the rows' sizes; the keys are let go of."""
    parts = []
    columns = list(dict.fromkeys((*table.sort_keys, *table.size_columns)))
    for number, rows in enumerate(inputs):
        keys = rows.keys(columns).select(columns)
        keys = keys.append_column("_input", pa.array([number] * keys.num_rows, pa.int32()))
        parts.append(keys.append_column("_row", pa.array(range(keys.num_rows), pa.int32())))
    keys = pa.concat_tables(parts)
    order, sizes = keys.select(["_input", "_row"]), _sizes(keys, table)
    if len(inputs) > 1:
        sorted_rows = _sorted(keys, table)
        order, sizes = order.take(sorted_rows), sizes.take(sorted_rows)
    return order, sizes


def _sorted(rows: pa.Table, table: Table) -> pa.Array:
    return pc.sort_indices(rows, sort_keys=[(name, "ascending", "at_end") for name in table.sort_keys])


def _sizes(rows: pa.Table, table: Table) -> pa.ChunkedArray:
    first, *last = table.size_columns
    return pc.subtract(rows[last[0]], rows[first]) if last else rows[first]


def _row_groups(sizes: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Row groups as `[start, stop)`: cut by the rows alone, so that they do not depend on the inputs."""
    start = total = 0
    for position, size in enumerate(sizes.to_pylist()):
        if position > start and (position - start == ROW_GROUP_ROWS or total + size > ROW_GROUP_BYTES):
            yield start, position
            start, total = position, 0
        total += size
    yield start, len(sizes)


def _gather(order: pa.Table, inputs: Sequence[SortedRows]) -> pa.Table:
    """The rows that a slice of the order names, in that order."""
    numbers, positions = order["_input"].to_pylist(), order["_row"].to_pylist()
    first: dict[int, int] = {}
    count: dict[int, int] = {}
    for number, position in zip(numbers, positions, strict=True):
        first.setdefault(number, position)
        count[number] = position - first[number] + 1
    base: dict[int, int] = {}
    parts = []
    total = 0
    for number in first:
        parts.append(inputs[number].slice(first[number], first[number] + count[number]))
        base[number] = total - first[number]
        total += count[number]
    rows = pa.concat_tables(parts)
    if len(parts) > 1:
        rows = rows.take(pa.array([base[n] + p for n, p in zip(numbers, positions, strict=True)], pa.int64()))
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
    return pa.table(columns, names=table.schema.names)
