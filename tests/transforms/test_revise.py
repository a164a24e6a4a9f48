"""Which revision of an article is current, and how the others stand to the next one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from pressmark.transforms.revise import Revision, Standing, change_between, rank, row_id, settle


def candidate(path: str, day: int | None = 1, *, source: str | None = None, text: str | None = None) -> Revision:
    published_at = None if day is None else datetime(2022, 3, day, tzinfo=UTC)
    return Revision(path, source or f"source of {path}", published_at, text or f"text of {path}")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (candidate("b", 1), candidate("a", 2)),
        (candidate("a", 1), candidate("b", 1)),
        (candidate("b", None), candidate("a", 1)),
        (candidate("a", None), candidate("b", None)),
        (candidate("Z", 1), candidate("a", 1)),
        (candidate("a", 1), candidate("a/b", 1)),
        (candidate("\uffff", 1), candidate("\U00010000", 1)),
    ],
    ids=["later time", "greater path", "any time", "greater path without time", "case", "longer path", "code points"],
)
def test_the_current_revision_is_the_latest_then_the_greatest_path_in_code_point_order(
    older: Revision, newer: Revision
) -> None:
    assert rank(older) < rank(newer)
    standing = Standing(older, newer.source_sha256, "text")
    assert settle([older, newer]) == settle([newer, older]) == (newer, [standing])


def test_each_revision_is_superseded_by_the_next_one_in_whatever_order_they_come() -> None:
    first, second, third = candidate("c", 1), candidate("a", 2), candidate("b", 2)
    for order in permutations([first, second, third]):
        assert settle(order) == (
            third,
            [Standing(first, "source of a", "text"), Standing(second, "source of b", "text")],
        )


@pytest.mark.parametrize(
    ("older", "newer", "change"),
    [
        (candidate("a"), candidate("b"), "text"),
        (candidate("a", text="t"), candidate("b", text="t"), "markup"),
        (candidate("a", source="s", text="t"), candidate("b", source="s", text="t"), "copy"),
    ],
    ids=["text", "markup", "copy"],
)
def test_a_change_is_of_text_of_markup_or_none(older: Revision, newer: Revision, change: str) -> None:
    assert change_between(older, newer) == change
    assert settle([older, newer])[1] == [Standing(older, newer.source_sha256, change)]


def test_one_source_is_current_and_none_have_no_revision() -> None:
    assert settle([candidate("a", None)]) == (candidate("a", None), [])
    assert settle([]) == (None, [])


def test_only_a_presentable_source_can_be_current() -> None:
    old, new = candidate("a", 1), candidate("b", 2)
    assert settle([old, new], lambda source: source.source_path == "a") == (old, [Standing(new, "source of a", "text")])
    assert settle([old, new], lambda _: False) == (None, [])


EARLY, MIDDLE, LATE = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3))


def stood(path: str, source: str, start: datetime | None, end: datetime | None = None, text: str = "t") -> Revision:
    return Revision(path, source, datetime(2022, 3, 1, tzinfo=UTC), text, start, end, start)


def test_equal_times_are_settled_by_commit_before_path() -> None:
    assert rank(stood("b", "1", EARLY)) < rank(stood("a", "2", LATE)) < rank(stood("b", "3", LATE))


def test_what_ended_was_superseded_by_what_came_at_its_path() -> None:
    first, second, third = (
        stood("a", "1", EARLY, MIDDLE),
        stood("a", "2", MIDDLE, LATE),
        stood("a", "3", LATE, text="u"),
    )
    other = stood("b", "4", MIDDLE)
    assert settle([third, first, other, second]) == (
        third,
        [
            Standing(first, "2", "markup"),
            Standing(second, "3", "text"),
            Standing(other, "3", "text"),
        ],
    )


def test_a_renamed_file_goes_on_and_a_deleted_one_leaves_a_tombstone() -> None:
    renamed, here = stood("a", "1", EARLY, MIDDLE), stood("b", "1", MIDDLE, LATE)
    assert settle([renamed, here]) == (None, [Standing(renamed, "1", "copy"), Standing(here, None, None)])


def test_a_file_that_comes_back_is_another_revision() -> None:
    deleted, back = stood("a", "1", EARLY, MIDDLE), stood("a", "1", LATE)
    assert settle([deleted, back]) == (back, [Standing(deleted, None, None)])


def test_what_was_on_a_branch_only_was_superseded_by_what_the_merge_brought() -> None:
    first, on_branch, merged = stood("a", "1", EARLY, MIDDLE), stood("a", "2", MIDDLE, MIDDLE), stood("a", "3", MIDDLE)
    assert settle([first, on_branch, merged]) == (
        merged,
        [Standing(first, "3", "markup"), Standing(on_branch, "3", "markup")],
    )


def test_a_copy_that_stands_does_not_follow_one_that_is_deleted() -> None:
    deleted, copy = stood("b", "1", EARLY, LATE), stood("a", "1", MIDDLE)
    assert settle([deleted, copy]) == (copy, [Standing(deleted, None, None)])


def test_row_ids_tell_path_bytes_and_time_apart() -> None:
    ids = {row_id("a", "1"), row_id("a", None), row_id("a", "1", EARLY), row_id("a", "1", LATE), row_id("b", "1")}
    assert len(ids) == 5
    assert all(len(one) == 32 for one in ids)
