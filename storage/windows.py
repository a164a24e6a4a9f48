"""Sources that are read together and parsed apart: windows of batches.

What an input stores side by side it also reads fastest side by side, as git does what was committed together. But such
neighbours lie in many partitions, and each batch that has rows for a partition makes its merge slower. So a worker
reads a window of some megabytes in the input's order, and parses it in batches that follow paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple, overload

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.sources import Sources
from pressmark.transforms.plan import groups

__all__ = ["Windows", "windows_of"]

ORDER: Final = ("source_path", "valid_from", "locator")


class Windows(NamedTuple):
    """Sources in the order of their batches, those as ranges of the sources, and for each step its windows as ranges
    of the batches."""

    sources: Sequence[Source]
    spans: list[range]
    steps: list[list[range]]


def windows_of(
    sources: Sequence[Source],
    sizes: Sequence[int],
    spans: list[range],
    steps: Sequence[range],
    workers: int,
    most: int,
) -> Windows:
    """Windows of up to about `most` bytes, as many batches in each as before; with 0 each batch is one.

    `spans` are batches in the order in which the input is best read, of sources of these `sizes`, and `steps` ranges of
    batches. A step ends when all of its windows are parsed, so it has as many of them for each of the workers.
    """
    if not most or len(spans) < 2:
        return Windows(sources, spans, [[range(number, number + 1) for number in step] for step in steps])
    windows: list[list[range]] = []
    for step in steps:
        step_bytes = sum(sizes[spans[step.start].start : spans[step.stop - 1].stop])
        parts = groups(len(step), workers * -(-step_bytes // (most * workers)))
        windows.append([range(step.start + part.start, step.start + part.stop) for part in parts])
    members = [spans[window.start : window.stop] for window in chain.from_iterable(windows)]
    rows = [range(batches[0].start, batches[-1].stop) for batches in members]
    columns = Sources.of(sources)
    order = pa.concat_arrays([_by_path(columns, window_rows) for window_rows in rows])
    in_order = pa.array(sizes, pa.int64()).take(order)
    cut = [_parts(in_order, window_rows, len(batches)) for window_rows, batches in zip(rows, members, strict=True)]
    return Windows(_Ordered(columns, order), list(chain.from_iterable(cut)), windows)


class _Ordered(Sequence[Source]):
    """Sources in another order, in which neighbours come from near each other. A whole copy would take as much again as
    they do."""

    def __init__(self, sources: Sources, order: pa.Array) -> None:
        self._sources = sources
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Source: ...

    @overload
    def __getitem__(self, index: slice) -> Sources: ...

    def __getitem__(self, index: int | slice) -> Source | Sources:
        if not isinstance(index, slice):
            position: int = self._order[index].as_py()
            return self._sources[position]
        positions = self._order[index]
        if not len(positions):
            return self._sources[:0]
        first, last = pc.min_max(positions).as_py().values()
        return self._sources[first : last + 1].take(pc.subtract(positions, first))


def _by_path(sources: Sources, rows: range) -> pa.Array:
    """Positions of some rows in the order of paths."""
    columns = [sources.column(name).slice(rows.start, len(rows)) for name in ORDER]
    order = pc.sort_indices(pa.table(columns, ORDER), sort_keys=[(name, "ascending") for name in ORDER])
    return pc.add(order.cast(pa.int64()), rows.start)


def _parts(sizes: pa.Array, rows: range, count: int) -> list[range]:
    """Rows in `count` ranges of nearly as many bytes, none of which is empty."""
    sums = pc.cumulative_sum(sizes.slice(rows.start, len(rows))).to_pylist()
    ranges = []
    start = 0
    for part in range(1, count + 1):
        stop, last = start + 1, len(rows) - (count - part)
        while stop < last and sums[stop - 1] * count < sums[-1] * part:
            stop += 1
        stop = last if part == count else stop
        ranges.append(range(rows.start + start, rows.start + stop))
        start = stop
    return ranges
