"""Cuts sorted rows into row groups, by the rows alone: however they were spread over inputs leaves no trace.

A row group ends with the unit that makes it large enough and whose key says so, or else makes it too large. So where it
ends depends on nothing before its first row and nothing after its last, and a row that comes or goes changes the row
group that it is in, and few after that.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import Table
from pressmark.storage.bounds import Bound
from pressmark.storage.sorted_rows import Published, SortedRows, sorted_positions

__all__ = ["Unit", "row_groups", "sizes_of", "too_few_to_cut", "units_in_order"]

LEAST_ROWS: Final = 3072
LEAST_BYTES: Final = 768 << 10
MOST_ROWS: Final = 5120
MOST_BYTES: Final = 1280 << 10
# One key in 16 may end a row group: keys are hexadecimal digits of hashes.
ENDING: Final = "0"


class Unit(NamedTuple):
    """Consecutive rows of one input that stay together: an article's paragraphs, or a single row; in bytes their size,
    and whether a row group may end with them."""

    number: int
    start: int
    length: int
    size: int
    ends: bool


def too_few_to_cut(table: Table, inputs: Sequence[SortedRows]) -> pa.Table | None:
    """All rows in order, where they are too few for two row groups."""
    if sum(rows.num_rows for rows in inputs) >= LEAST_ROWS or sum(rows.num_bytes for rows in inputs) >= LEAST_BYTES:
        return None
    rows = pa.concat_tables([some.slice(0, some.num_rows) for some in inputs if some.num_rows])
    if pc.sum(_sizes(rows, _text_columns(table))).as_py() >= LEAST_BYTES:
        return None
    return rows.take(sorted_positions(rows, table)) if len(inputs) > 1 else rows


def row_groups(table: Table, inputs: Sequence[SortedRows]) -> Iterator[list[Unit]]:
    """The units of each row group.

    Of a published file, only the row groups that rows leave or enter are looked into, and those after them up to one
    that starts where it did.
    """
    group = _Group()
    for number, rows in enumerate(inputs):
        bounds = rows.bounds if isinstance(rows, Published) and rows.stays else None
        if isinstance(rows, Published) and bounds:
            others = [(n, other) for n, other in enumerate(inputs) if n != number]
            staged = _units(table, others, _text_columns(table))
            yield from _beside(_Part(table, number, rows, bounds), staged, group)
            break
    else:
        yield from group.add(_units(table, enumerate(inputs), _text_columns(table)).in_order(table))
    if group.units:
        yield group.units


def units_in_order(table: Table, inputs: Sequence[SortedRows]) -> list[Unit]:
    """All rows of the inputs, as units in the order of the table, with their sizes by its `size_columns`."""
    return _units(table, enumerate(inputs), table.size_columns).in_order(table)


class _Group:
    """Units of the row group that is being made."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self._rows = self._size = 0

    def add(self, units: Iterable[Unit]) -> Iterator[list[Unit]]:
        """Take units; gives each row group that ends with one of them."""
        for unit in units:
            self.units.append(unit)
            self._rows += unit.length
            self._size += unit.size
            enough = self._rows >= LEAST_ROWS or self._size >= LEAST_BYTES
            if (enough and unit.ends) or self._rows >= MOST_ROWS or self._size >= MOST_BYTES:
                yield self.units
                self.units, self._rows, self._size = [], 0, 0


class _Units(NamedTuple):
    """Units, and the sort keys of each one's first row."""

    units: list[Unit]
    keys: pa.Table

    def in_order(self, table: Table) -> list[Unit]:
        return [self.units[position] for position in sorted_positions(self.keys, table).to_pylist()]

    def chosen(self, positions: Sequence[int]) -> _Units:
        return _Units([self.units[n] for n in positions], self.keys.take(pa.array(positions, pa.int64())))


class _Part(NamedTuple):
    """A published file among the inputs, and the bounds of the first sort key in each of its row groups."""

    table: Table
    number: int
    rows: Published
    bounds: Sequence[tuple[Bound, Bound]]

    def units(self, first: int, last: int) -> _Units:
        """Units of the row groups `[first, last)`."""
        sizes = _text_columns(self.table)
        keys = self.rows.group_keys(first, last, _key_columns(self.table, sizes))
        return _units_of(self.table, self.number, keys, sizes, self.rows.group_range(first)[0])

    def homes(self, keys: Iterable[Any]) -> list[range]:
        """For first sort keys of rows, the row groups among whose rows they may come to lie, or after whose rows."""
        highest = [high for _, high in self.bounds]
        found = []
        for key in keys:
            place = (key is None, key)
            first = bisect.bisect_left(highest, place)
            last = first
            while last < len(highest) and self.bounds[last][0] <= place:
                last += 1
            found.append(range(first, last) if first < last else range(max(first - 1, 0), max(first, 1)))
        return found


def _beside(part: _Part, staged: _Units, group: _Group) -> Iterator[list[Unit]]:
    """Row groups of a published file's rows and of others."""
    homes = part.homes(staged.keys[part.table.sort_keys[0]].to_pylist())
    changed = {number for home in homes for number in home} | set(part.rows.groups_left)
    position = 0
    while position < part.rows.num_groups:
        stop = position + 1
        if position not in changed and not group.units:
            start, end = part.rows.group_range(position)
            yield [Unit(part.number, start, end - start, 0, ends=True)]
        else:
            while position in changed and stop in changed:
                stop += 1
            here = [n for n, home in enumerate(homes) if position <= home.start < stop]
            units, others = part.units(position, stop), staged.chosen(here)
            together = _Units([*units.units, *others.units], pa.concat_tables([units.keys, others.keys]))
            yield from group.add(together.in_order(part.table))
        position = stop


def _units(table: Table, inputs: Iterable[tuple[int, SortedRows]], sizes: Sequence[str]) -> _Units:
    columns = _key_columns(table, sizes)
    parts = [_units_of(table, number, rows.keys(columns), sizes, 0) for number, rows in inputs if rows.num_rows]
    units = [unit for part in parts for unit in part.units]
    nothing = pa.schema([(name, table.schema.field(name).type) for name in table.sort_keys]).empty_table()
    return _Units(units, pa.concat_tables([nothing, *(part.keys for part in parts)]))


def _units_of(table: Table, number: int, keys: pa.Table, sizes: Sequence[str], base: int) -> _Units:
    """Units of rows with these keys, the first of which is the row `base` of its input."""
    keys = keys.select(_key_columns(table, sizes))
    if "ordinal" in table.sort_keys:
        starts = pc.indices_nonzero(pc.equal(keys["ordinal"], 0)).cast(pa.int64())
    else:
        starts = pa.array(range(keys.num_rows), pa.int64())
    ends = pa.concat_arrays([starts.slice(1), pa.array([keys.num_rows] if len(starts) else [], pa.int64())])
    totals = pc.cumulative_sum(_sizes(keys, sizes).cast(pa.int64())).take(pc.subtract(ends, 1)).to_pylist()
    firsts = keys.take(starts)
    can_end = pc.starts_with(firsts[table.replace_keys[0]], ENDING).to_pylist()
    units = []
    before = 0
    for start, end, total, ending in zip(starts.to_pylist(), ends.to_pylist(), totals, can_end, strict=True):
        units.append(Unit(number, base + start, end - start, total - before, ending))
        before = total
    return _Units(units, firsts.select(list(table.sort_keys)))


def _key_columns(table: Table, sizes: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*table.sort_keys, *sizes, *table.replace_keys)))


def _text_columns(table: Table) -> tuple[str, ...]:
    return table.text_columns or table.size_columns


def sizes_of(rows: pa.Table, table: Table) -> pa.ChunkedArray:
    """Bytes of each row, as its table tells them."""
    return _sizes(rows, table.size_columns)


def _sizes(rows: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    first, *last = columns
    return pc.subtract(rows[last[0]], rows[first]) if last else rows[first]
