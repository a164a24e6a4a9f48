"""Merges sorted rows into one Parquet file, in memory that depends on a row group and not on the partition.

The rows of a partition come from its published file and from staged files, each sorted by the table's keys.
Only the keys are read whole. As every input is sorted, the rows of one row group are one slice of each input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.contract import DICTIONARY, Table
from storage.staged import OWNER
from storage.state import open_part
from storage.versions import parser_version

__all__ = ["Merged", "Published", "SortedRows", "Staged", "merge_rows", "write_single"]

ROW_GROUP_ROWS: Final = 8192
ROW_GROUP_BYTES: Final = 8 << 20
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
        for group, (first, last) in enumerate(zip(self._group_ends, self._group_ends[1:], strict=False)):
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
        self._kept = self._keep(dropped_owners) if dropped_owners else None

    def keys(self, columns: Sequence[str]) -> pa.Table:
        rows = self._open(lambda batch: _copy(pa.Table.from_batches([batch]).select(list(columns))))
        return rows if self._kept is None else rows.take(self._kept)

    def slice(self, start: int, stop: int) -> pa.Table:
        if self._kept is None:
            return self._open(lambda batch: _copy(_plain_batch(batch.slice(start, stop - start), self._table)))
        kept = self._kept.slice(start, stop - start)
        return self._open(lambda batch: _plain_batch(batch, self._table).take(kept))

    def _open(self, use: Callable[[pa.RecordBatch], Any]) -> Any:
        # Mapped anew for each slice: pages that were touched would count as memory for as long as the map lives.
        with pa.memory_map(str(self._path)) as file:
            return use(pa.ipc.open_file(file).get_batch(self._number))

    def _keep(self, dropped_owners: Collection[int]) -> pa.Array:
        dropped = pa.array(sorted(dropped_owners), pa.int32())

        def kept(batch: pa.RecordBatch) -> pa.Array:
            return pc.indices_nonzero(pc.invert(pc.is_in(batch[OWNER], dropped))).cast(pa.int64())

        return self._open(kept)


def merge_rows(target: Path, table: Table, inputs: Sequence[SortedRows]) -> Merged:
    """Write the rows of all inputs, in order, to `target`. The same rows give the same bytes, however they were
    spread over inputs."""
    order, size = _order(table, inputs)
    if not order.num_rows:
        return Merged(0, 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _writer(target, table) as writer:
        for start, stop in _row_groups(size):
            rows = _gather(order.slice(start, stop - start), inputs, table)
            writer.write_table(rows, row_group_size=stop - start)
    return Merged(order.num_rows, target.stat().st_size)


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


def _order(table: Table, inputs: Sequence[SortedRows]) -> tuple[pa.Table, pa.ChunkedArray]:
    """Input and position of each row in the order of the table, and the rows' sizes."""
    parts = []
    columns = list(dict.fromkeys((*table.sort_keys, *table.size_columns)))
    for number, rows in enumerate(inputs):
        keys = rows.keys(columns).select(columns)
        keys = keys.append_column("_input", pa.array([number] * keys.num_rows, pa.int32()))
        parts.append(keys.append_column("_row", pa.array(range(keys.num_rows), pa.int64())))
    keys = pa.concat_tables(parts)
    if len(inputs) > 1:
        sort_keys = [(name, "ascending", "at_end") for name in table.sort_keys]
        keys = keys.take(pc.sort_indices(keys, sort_keys=sort_keys))
    if len(table.size_columns) == 2:
        size = pc.subtract(keys[table.size_columns[1]], keys[table.size_columns[0]])
    else:
        size = keys[table.size_columns[0]]
    return keys.select(["_input", "_row"]), size


def _row_groups(sizes: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Row groups as `[start, stop)`: cut by the rows alone, so that they do not depend on the inputs."""
    start = total = 0
    for position, size in enumerate(sizes.to_pylist()):
        if position > start and (position - start == ROW_GROUP_ROWS or total + size > ROW_GROUP_BYTES):
            yield start, position
            start, total = position, 0
        total += size
    yield start, len(sizes)


def _gather(order: pa.Table, inputs: Sequence[SortedRows], table: Table) -> pa.Table:
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
    return _canonical(rows, table)


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


def _plain_batch(batch: pa.RecordBatch, table: Table) -> pa.Table:
    return _plain(pa.Table.from_batches([batch]), table)


def _copy(rows: pa.Table) -> pa.Table:
    """Rows that no longer need the file they were mapped from."""
    return rows.take(pa.array(range(rows.num_rows), pa.int64()))
