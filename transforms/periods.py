"""From the changes that commits made to the periods over which each content stood at its path. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Periods", "periods"]


class Periods(NamedTuple):
    """Periods that began with some events, in the order of their paths and beginnings: the events' columns, `at` being
    the beginning, and `until` just before which each ended, null where it still stands. `first` has `path` and `at` of
    the first event at each path."""

    all: pa.Table
    first: pa.Table


def periods(events: pa.Table, content: Sequence[str]) -> Periods:
    """Periods from events: at `path` something stands from `at` on, as the columns `content` say, or nothing, where
    these are null. `position` is the order of events; `at` is null where it is not known since when.

    What was replaced in the second in which it came has a period of no length; of periods that nothing tells apart but
    their end, the last one is kept. All that is made takes a few times the memory of `events`, which may be the events
    at some paths only.

    >>> events = {"path": [b"a.md", b"a.md"], "position": [0, 1], "at": [12, 23], "blob": [b"x", b"y"]}
    >>> periods(pa.table(events), ["blob"]).all.select(["blob", "at", "until"]).to_pylist()
    [{'blob': b'x', 'at': 12, 'until': 23}, {'blob': b'y', 'at': 23, 'until': None}]
    """
    events = events.sort_by([("path", "ascending"), ("position", "ascending")]).combine_chunks()
    first = events.select(["path", "at"]).filter(pc.invert(_repeats(events, ["path"])))
    events = events.filter(pc.invert(_repeats(events, ["path", *content])))
    followed = _moved_up(_repeats(events, ["path"]))
    at = _column(events, "at")
    following = pa.concat_arrays([at[1:], pa.nulls(min(len(at), 1), at.type)])
    events = events.append_column("until", pc.if_else(followed, following, pa.scalar(None, at.type)))
    events = events.filter(pc.is_valid(events[content[0]]))
    return Periods(_distinct(events, ["path", "at", *content]), first)


def _distinct(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """The last of the rows with the same values, which are among those with the same `path` and `at`."""
    together = _repeats(rows, ["path", "at"])
    crowded = pc.indices_nonzero(pc.or_(together, _moved_up(together)))
    latest: dict[tuple[Any, ...], int] = {}
    superseded = []
    for index, row in zip(crowded.to_pylist(), rows.select(names).take(crowded).to_pylist(), strict=True):
        key = tuple(row.values())
        if key in latest:
            superseded.append(latest[key])
        latest[key] = index
    if not superseded:
        return rows
    numbers = pa.array(range(len(rows)), pa.uint64())
    return rows.filter(pc.invert(pc.is_in(numbers, value_set=pa.array(superseded, pa.uint64()))))


def _repeats(rows: pa.Table, names: Sequence[str]) -> pa.BooleanArray:
    """For each row whether it has the values of the row before it; nulls are equal."""
    found = pa.array([True] * max(len(rows) - 1, 0), pa.bool_())
    for name in names:
        before, after = (column := _column(rows, name))[:-1], column[1:]
        both_null = pc.and_(pc.is_null(before), pc.is_null(after))
        found = pc.and_(found, pc.or_(pc.fill_null(pc.equal(before, after), False), both_null))  # noqa: FBT003
    return pa.concat_arrays([pa.array([False] * min(len(rows), 1), pa.bool_()), found])


def _moved_up(flags: pa.BooleanArray) -> pa.BooleanArray:
    """The next row's flag."""
    return pa.concat_arrays([flags[1:], pa.array([False] * min(len(flags), 1), pa.bool_())])


def _column(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].combine_chunks()
