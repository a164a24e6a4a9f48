"""Which revision of an article is current, and how the others stand to the next one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from transforms.revise import Candidate, Standing, change_between, rank, settle


def candidate(path: str, day: int | None = 1, *, source: str | None = None, text: str | None = None) -> Candidate:
    published_at = None if day is None else datetime(2022, 3, day, tzinfo=UTC)
    return Candidate(path, source or f"source of {path}", published_at, text or f"text of {path}")


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
    older: Candidate, newer: Candidate
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
def test_a_change_is_of_text_of_markup_or_none(older: Candidate, newer: Candidate, change: str) -> None:
    assert change_between(older, newer) == change
    assert settle([older, newer])[1] == [Standing(older, newer.source_sha256, change)]  # type: ignore[arg-type]


def test_one_source_is_current_and_none_have_no_revision() -> None:
    assert settle([candidate("a", None)]) == (candidate("a", None), [])
    assert settle([]) == (None, [])


def test_only_a_presentable_source_can_be_current() -> None:
    old, new = candidate("a", 1), candidate("b", 2)
    assert settle([old, new], lambda source: source.source_path == "a") == (old, [Standing(new, "source of a", "text")])
    assert settle([old, new], lambda _: False) == (None, [])
