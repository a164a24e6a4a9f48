"""From changes in the order of commits to the periods over which each content was at its path."""

from __future__ import annotations

import random
from collections.abc import Iterable

import polars as pl
import pytest

from pressmark.storage.inputs.git import continued, distinct, joined, periods

# Name, time and content, in the order of commits; several events of one commit have one number before them.
Event = tuple[str, int | None, str | None]
SCHEMA = {"name": pl.String, "valid_from": pl.Int64, "text": pl.String, "position": pl.Int64}
CONTENT = ["text"]


def frame(events: Iterable[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema=SCHEMA, orient="row")


def numbered(events: Iterable[Event]) -> pl.DataFrame:
    """Each event in a commit of its own."""
    return frame((*event, position) for position, event in enumerate(events))


def rows(found: pl.DataFrame) -> list[tuple[object, ...]]:
    return found.select("name", "text", "valid_from", "valid_to").rows()


def found(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Periods of events that are given in another order."""
    shuffled = numbered(events).sample(fraction=1, shuffle=True, seed=1)
    return rows(distinct(periods(shuffled, CONTENT), CONTENT))


def test_each_content_lasts_until_the_next_event_at_its_path() -> None:
    events: list[Event] = [("a", 1, "x"), ("b", 1, "x"), ("a", 2, "y"), ("a", 3, None)]
    assert found(events) == [("a", "x", 1, 2), ("a", "y", 2, 3), ("b", "x", 1, None)]
    made = periods(numbered(events), CONTENT)
    assert made.select("position", "ended", "deleted").rows() == [(0, 2, False), (2, 3, True), (1, None, False)]


def test_what_comes_back_is_there_twice_and_what_stays_once() -> None:
    assert found([("a", 1, "x"), ("a", 2, None), ("a", 3, "x"), ("a", 3, "x")]) == [
        ("a", "x", 1, 2), ("a", "x", 3, None),
    ]  # fmt: skip


def test_changes_of_one_second_leave_a_period_of_no_length() -> None:
    assert found([("a", 1, "x"), ("a", 1, "y"), ("a", 1, "x")]) == [("a", "y", 1, 1), ("a", "x", 1, None)]


def test_a_time_that_nobody_knows_comes_first() -> None:
    assert found([("a", None, "x"), ("a", 5, "y")]) == [("a", "x", None, 5), ("a", "y", 5, None)]


@pytest.mark.parametrize(
    "events", [[], [("a", 2, None)], [("a", 2, None), ("a", 3, None)]], ids=["none", "gone", "twice"]
)
def test_without_contents_there_are_no_periods(events: list[Event]) -> None:
    assert found(events) == []


def one_by_one(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """The same by keeping what is at each path."""
    ended: dict[tuple[str, str, int | None], int | None] = {}
    lasting: dict[str, tuple[str, int | None]] = {}
    for path, at, text in events:
        before = lasting.get(path)
        if before is not None:
            if before[0] == text:
                continue
            ended[path, *before] = at
            del lasting[path]
        if text is not None:
            lasting[path] = text, at
    ended.update({(path, *before): None for path, before in lasting.items()})
    return [(*key, until) for key, until in ended.items()]


def drawn(draw: random.Random) -> list[Event]:
    times = sorted(draw.choices(range(6), k=draw.randrange(30)))
    return [(draw.choice("abc"), at, draw.choice(["x", "y", "z", None])) for at in times]


def test_any_events_make_the_periods_that_keeping_what_is_there_makes() -> None:
    draw = random.Random(5)
    for _ in range(200):
        events = drawn(draw)
        assert sorted(found(events), key=str) == sorted(one_by_one(events), key=str)


def test_periods_that_are_continued_are_those_of_all_events() -> None:
    draw = random.Random(6)
    for _ in range(100):
        events = numbered(drawn(draw))
        whole = periods(events, CONTENT)
        cut = draw.randrange(len(events) + 1)
        assert continued(periods(events[:cut], CONTENT), events[cut:], CONTENT).equals(whole)


def moved(*events: tuple[str, int, str | None, int]) -> list[tuple[object, ...]]:
    """Periods after joining; events are name, time, content and commit."""
    return rows(joined(periods(frame(events), CONTENT), CONTENT).sort("name", "position"))


def test_a_file_that_moved_goes_on_at_its_last_name() -> None:
    assert moved(
        ("a", 1, "x", 0), ("a", 2, None, 1), ("b", 2, "x", 1), ("b", 3, None, 2), ("c", 3, "x", 2), ("c", 4, "y", 3)
    ) == [("c", "x", 1, 4), ("c", "y", 4, None)]


@pytest.mark.parametrize(
    "events",
    [
        [("a", 1, "x", 0), ("b", 2, "x", 1)],
        [("a", 1, "x", 0), ("b", 2, "x", 1), ("a", 2, "y", 1)],
        [("a", 1, "x", 0), ("a", 2, None, 1), ("b", 2, "y", 1)],
        [("a", 1, "x", 0), ("a", 2, None, 1), ("b", 2, "x", 2)],
        [("a", 1, "x", 0), ("b", 1, "x", 0), ("a", 2, None, 1)],
    ],
    ids=["copied", "replaced", "changed", "later in the same second", "there before"],
)
def test_what_did_not_move_is_not_joined(events: list[tuple[str, int, str | None, int]]) -> None:
    assert moved(*events) == rows(periods(frame(events), CONTENT))


def test_of_equal_files_the_first_names_belong_together() -> None:
    events = [("a", 1, "x", 0), ("b", 2, "x", 1), ("c", 3, "x", 2)]
    events += [(name, 4, None, 3) for name in "abc"] + [("y", 4, "x", 3), ("z", 4, "x", 3)]  # type: ignore[arg-type]
    assert moved(*events) == [("c", "x", 3, 4), ("y", "x", 1, None), ("z", "x", 2, None)]


def test_a_file_that_moved_there_and_back_is_one() -> None:
    events = [("a", 1, "x", 0), ("a", 2, None, 1), ("b", 2, "x", 1), ("b", 3, None, 2), ("a", 3, "x", 2)]
    assert moved(*events) == [("a", "x", 1, None)]


def test_nothing_moves_to_where_it_ended_at_once() -> None:
    made = periods(frame([("a", 1, "x", 0), ("a", 2, None, 1)]), CONTENT)
    beside = made.with_columns(
        name=pl.lit("b"), position=1, ended=1, valid_from=2, valid_to=2, deleted=pl.lit(value=False)
    ).cast(dict(made.schema))  # type: ignore[arg-type]
    assert len(joined(pl.concat([made, beside]), CONTENT)) == 2
