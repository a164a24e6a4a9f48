"""Rows of one partition in the order of their table: those of its published file, and those that are staged for it.

Each gives keys of all its rows, and whole rows a range at a time, so that memory depends on the range.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import Table
from pressmark.storage.bounds import Bound, bounds_of, groups_with
from pressmark.storage.footers import TAIL, RowGroup, row_groups_of
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.parquet import carries, plain
from pressmark.storage.staged import OWNER
from pressmark.storage.state import open_content, open_part
from pressmark.storage.workspace import Workspace, written

__all__ = ["Chosen", "Published", "SortedRows", "give_back", "sorted_positions", "staged_rows"]

# Of a partition's staged rows, so much is sorted in memory at once.
HELD_BYTES: Final = 4 << 20
SPILL_ROWS: Final = 1024
# So many slices are put together in less time than their rows are picked.
FEW_GAPS: Final = 16

# Arrow keeps what was freed until it is told, which takes a millisecond.
KEPT_BYTES: Final = 8 << 20


class _Freed:
    """How much was freed since memory was given back."""

    size = 0


def give_back(size: int) -> None:
    """Give memory back to the system from time to time; `size` are the bytes of rows that are no longer needed."""
    _Freed.size += size
    if _Freed.size >= KEPT_BYTES:
        pa.default_memory_pool().release_unused()
        _Freed.size = 0


class SortedRows(Protocol):
    """Rows in the order of their table's sort keys."""

    num_rows: int
    num_bytes: int

    def keys(self, columns: Sequence[str]) -> pa.Table:
        """The given columns of all rows."""

    def slice(self, start: int, stop: int) -> pa.Table:
        """Rows `[start, stop)`; called with ascending ranges that do not overlap."""


class Published:
    """The rows of a published file without those whose `replace_keys` are dropped; `near` are first sort keys of all
    of these, where they are known, and only row groups that have them are looked into then."""

    def __init__(
        self,
        output: Output,
        entry: Stored,
        table: Table,
        dropped: Collection[tuple[str, ...]],
        near: Collection[Any] | None = None,
    ) -> None:
        self._entry = entry
        self._table = table
        self.file = open_content(output, entry)
        # As codes, keys of rows are told apart ten times as fast.
        self._file = open_part(output, entry, codes_of=table.replace_keys, content=self.file)
        metadata = self._file.metadata
        self.num_groups: int = metadata.num_row_groups
        sizes = (metadata.row_group(group).num_rows for group in range(self.num_groups))
        self._ends = list(accumulate(sizes, initial=0))
        self.dropped: set[tuple[str, ...]] = set()
        self._dropped_at = self._positions(dropped, near) if dropped else []
        # How many rows before each dropped one stay.
        self._staying_before = [position - number for number, position in enumerate(self._dropped_at)]
        self.rows_before: int = metadata.num_rows
        self.num_rows: int = self.rows_before - len(self._dropped_at)
        self.num_bytes = sum(metadata.row_group(group).total_byte_size for group in range(self.num_groups))
        self._cached: tuple[int, pa.Table] | None = None

    def keys(self, columns: Sequence[str]) -> pa.Table:
        return self.group_keys(0, self.num_groups, columns)

    def slice(self, start: int, stop: int) -> pa.Table:
        first, last = self._place(start), self._place(stop - 1) + 1
        return self._without_dropped(self._read(first, last), first)

    def all_keys(self, columns: Sequence[str]) -> pa.Table:
        """The given columns of all rows of the file, also of those that are dropped."""
        return self._file.read(columns=list(columns), use_threads=False)

    def dropped_rows(self) -> Iterator[dict[str, Any]]:
        """The rows that are dropped, with all columns."""
        for group in self.groups_left:
            first, last = self._ends[group : group + 2]
            here = [position - first for position in self._dropped_at if first <= position < last]
            yield from self._group(group).take(here).to_pylist()

    def close(self) -> None:
        self._cached = None
        self._file.close()
        self.file.close()

    # Row groups, by their numbers. Rows are counted without those that are dropped.

    @property
    def groups_left(self) -> list[int]:
        """Row groups that rows are dropped from."""
        return sorted({bisect.bisect_right(self._ends, position) - 1 for position in self._dropped_at})

    def group_range(self, group: int) -> tuple[int, int]:
        """First row of a row group, and the first one after it."""
        first, last = self._ends[group : group + 2]
        return first - bisect.bisect_left(self._dropped_at, first), last - bisect.bisect_left(self._dropped_at, last)

    def group_keys(self, first: int, last: int, columns: Sequence[str]) -> pa.Table:
        """The given columns of all rows of the row groups `[first, last)`."""
        groups = range(first, last)
        if len(groups) == 1:
            # Whoever asks for the keys of one will ask for its rows.
            return self._without_dropped(self._group(first).select(list(columns)), self._ends[first])
        rows = self._file.read_row_groups(groups, columns=list(columns), use_threads=False).select(list(columns))
        # Codes and dictionaries of row groups differ, and so may what is nullable elsewhere.
        fields = [pa.field(field.name, _text_of(field.type)) for field in rows.schema]
        rows = rows.cast(pa.schema(fields))
        return self._without_dropped(rows, self._ends[first])

    @cached_property
    def bounds(self) -> list[tuple[Bound, Bound]] | None:
        """Least and greatest first sort key in each row group, null above all others; None where nobody knows."""
        return bounds_of(self._file.metadata, self._table.sort_keys[0])

    @cached_property
    def stays(self) -> bool:
        """Whether row groups can go over to another file as they are."""
        return carries(self._file.metadata, self._table) and self._row_groups is not None

    def row_group(self, start: int, stop: int) -> RowGroup | None:
        """The row group that consists of the rows `[start, stop)`; None where none does, or where it can't go over."""
        if not self.stays or self._row_groups is None or stop - start == 0:
            return None
        first, last = self._place(start), self._place(stop - 1)
        group = bisect.bisect_right(self._ends, first) - 1
        if self._ends[group : group + 2] != [first, last + 1] or last - first != stop - 1 - start:
            return None
        return self._row_groups[group]

    @cached_property
    def _row_groups(self) -> list[RowGroup] | None:
        size = self._file.metadata.serialized_size + TAIL
        self.file.seek(self._entry.size - size)
        try:
            return row_groups_of(self.file.read(size))
        except ValueError:
            return None

    def _positions(self, keys: Collection[tuple[str, ...]], near: Collection[Any] | None) -> list[int]:
        """Positions of the rows with some keys."""
        (name,) = self._table.replace_keys
        wanted = pa.array([key for (key,) in keys], pa.string())
        found: list[int] = []
        for group in groups_with(self._file.metadata, self._table.sort_keys[0], near):
            start = self._ends[group]
            for chunk in self._file.read_row_group(group, columns=[name], use_threads=False)[name].chunks:
                told = pc.is_in(chunk.dictionary, value_set=wanted)
                if told.true_count:
                    self.dropped.update((key,) for key in chunk.dictionary.filter(told).to_pylist())
                    found += pc.add(pc.indices_nonzero(told.take(chunk.indices)).cast(pa.int64()), start).to_pylist()
                start += len(chunk)
        return found

    def _place(self, row: int) -> int:
        """Where in the file a row lies."""
        return row + bisect.bisect_right(self._staying_before, row)

    def _without_dropped(self, rows: pa.Table, first: int) -> pa.Table:
        """Consecutive rows of the file, of which the first one lies at `first`, without those that are dropped."""
        start = bisect.bisect_left(self._dropped_at, first)
        stop = bisect.bisect_left(self._dropped_at, first + rows.num_rows)
        if start == stop:
            return rows
        gaps = [position - first for position in self._dropped_at[start:stop]]
        if len(gaps) <= FEW_GAPS:
            edges = pairwise([-1, *gaps, rows.num_rows])
            return pa.concat_tables([rows.slice(before + 1, after - before - 1) for before, after in edges])
        left = set(gaps)
        return rows.take(pa.array([row for row in range(rows.num_rows) if row not in left], pa.int64()))

    def _read(self, start: int, stop: int) -> pa.Table:
        parts = []
        for group, (first, last) in enumerate(pairwise(self._ends)):
            if first < stop and start < last:
                rows = self._group(group)
                parts.append(rows.slice(max(start - first, 0), min(stop, last) - max(start, first)))
        return pa.concat_tables(parts)

    def _group(self, group: int) -> pa.Table:
        if self._cached is None or self._cached[0] != group:
            self._cached = None
            self._cached = (group, plain(self._file.read_row_group(group, use_threads=False), self._table))
        return self._cached[1]


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
        with written(path) as sink, pa.ipc.new_file(sink, rows.schema) as writer:
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
            give_back(size)
            group, size = [], 0
        group.append(rows)
        size += rows.nbytes
    if group:
        yield Held(_sorted_rows(group, table))


def _piece(workspace: Workspace, name: str, number: int, dropped: Collection[int]) -> pa.Table:
    # Read and not mapped: the system maps much around the little that is read of each of hundreds of files.
    with workspace.open(name, mapped=False) as file:
        batch = pa.ipc.open_file(file).get_batch(number)
    left = _left(batch.column(OWNER), dropped) if dropped and batch.num_rows else [(0, batch.num_rows)]
    return pa.Table.from_batches([batch.slice(start, stop - start) for start, stop in left], schema=batch.schema)


def _left(owners: pa.Array, dropped: Collection[int]) -> list[tuple[int, int]]:
    """Ranges of the rows of other owners than some: rows are staged in the order of their owners. To filter them would
    copy all columns."""
    first, last = owners[0].as_py(), owners[-1].as_py()
    here = sorted(owner for owner in dropped if first <= owner <= last)
    known = owners.to_pylist() if here else []
    edges = [0]
    for owner in here:
        edges += [bisect.bisect_left(known, owner), bisect.bisect_right(known, owner)]
    edges.append(len(owners))
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]


def _sorted_rows(parts: Sequence[pa.Table], table: Table) -> pa.Table:
    rows = plain(pa.concat_tables(parts), table)
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


def sorted_positions(rows: pa.Table, table: Table) -> pa.Array:
    """Positions of rows in the order of the table."""
    return pc.sort_indices(rows, sort_keys=[(name, "ascending", "at_end") for name in table.sort_keys])


def _text_of(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
