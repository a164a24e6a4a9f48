"""From changes in the order of time to the periods over which each content stood."""

from __future__ import annotations

from datetime import UTC, datetime

from transforms.periods import Event, Period, periods

ONE, TWO, THREE = (datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3))


def test_each_content_stands_until_the_next_event_at_its_path() -> None:
    found = periods([Event("a", ONE, "x"), Event("b", ONE, "x"), Event("a", TWO, "y"), Event("a", THREE, None)])
    assert found.all == [Period("a", "x", ONE, TWO), Period("a", "y", TWO, THREE), Period("b", "x", ONE, None)]
    assert found.first == {"a": ONE, "b": ONE}


def test_what_comes_back_stands_twice_and_what_stays_once() -> None:
    events = [Event("a", ONE, "x"), Event("a", TWO, None), Event("a", THREE, "x"), Event("a", THREE, "x")]
    assert periods(events).all == [Period("a", "x", ONE, TWO), Period("a", "x", THREE, None)]


def test_changes_of_one_second_leave_a_period_of_no_length() -> None:
    events = [Event("a", ONE, "x"), Event("a", ONE, "y"), Event("a", ONE, "x")]
    assert sorted(periods(events).all, key=str) == [Period("a", "x", ONE, None), Period("a", "y", ONE, ONE)]


def test_a_deletion_of_what_came_before_the_events_is_only_told() -> None:
    assert periods([Event("a", TWO, None)]) == ([], {"a": TWO})
