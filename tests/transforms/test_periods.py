"""From changes in the order of time to the periods over which each content stood."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pyarrow as pa

from pressmark.transforms.periods import Periods, periods

Event = tuple[str, int | None, str | None]
SCHEMA = pa.schema([("path", pa.string()), ("at", pa.int64()), ("text", pa.string()), ("position", pa.int64())])


def periods_of(events: Iterable[Event]) -> Periods:
    """Periods from paths, times and contents in their order, given in another one."""
    rows = [(*event, position) for position, event in enumerate(events)]
    rows.sort(key=lambda row: str(row[1:]))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return periods(pa.table(columns, schema=SCHEMA), ["text"])


def found(events: Iterable[Event]) -> list[tuple[str | int | None, ...]]:
    rows = periods_of(events).all.select(["path", "text", "at", "until"]).to_pylist()
    return [tuple(row.values()) for row in rows]


def test_each_content_stands_until_the_next_event_at_its_path() -> None:
    events: list[Event] = [("a", 1, "x"), ("b", 1, "x"), ("a", 2, "y"), ("a", 3, None)]
    assert found(events) == [("a", "x", 1, 2), ("a", "y", 2, 3), ("b", "x", 1, None)]
    assert periods_of(events).first.to_pylist() == [{"path": "a", "at": 1}, {"path": "b", "at": 1}]


def test_what_comes_back_stands_twice_and_what_stays_once() -> None:
    assert found([("a", 1, "x"), ("a", 2, None), ("a", 3, "x"), ("a", 3, "x")]) == [
        ("a", "x", 1, 2), ("a", "x", 3, None),
    ]  # fmt: skip


def test_changes_of_one_second_leave_a_period_of_no_length() -> None:
    assert found([("a", 1, "x"), ("a", 1, "y"), ("a", 1, "x")]) == [("a", "y", 1, 1), ("a", "x", 1, None)]


def test_a_time_that_nobody_knows_comes_first() -> None:
    assert found([("a", None, "x"), ("a", 5, "y")]) == [("a", "x", None, 5), ("a", "y", 5, None)]


def test_a_deletion_of_what_came_before_the_events_is_only_told() -> None:
    assert found([("a", 2, None)]) == []
    assert periods_of([("a", 2, None)]).first.to_pylist() == [{"path": "a", "at": 2}]


def test_no_events_make_no_periods() -> None:
    assert found([]) == []


def told_one_by_one(events: Iterable[Event]) -> list[tuple[str | int | None, ...]]:
    """The same by keeping what stands at each path."""
    ended: dict[tuple[str, str, int | None], int | None] = {}
    standing: dict[str, tuple[str, int | None]] = {}
    for path, at, text in events:
        before = standing.get(path)
        if before is not None:
            if before[0] == text:
                continue
            ended[path, *before] = at
            del standing[path]
        if text is not None:
            standing[path] = text, at
    ended.update({(path, *before): None for path, before in standing.items()})
    return [(*key, until) for key, until in ended.items()]


def test_any_events_make_the_periods_that_keeping_what_stands_makes() -> None:
    draw = random.Random(5)
    for _ in range(300):
        times = sorted(draw.choices(range(6), k=draw.randrange(30)))
        events = [(draw.choice("abc"), at, draw.choice(["x", "y", "z", None])) for at in times]
        assert sorted(found(events), key=str) == sorted(told_one_by_one(events), key=str)
