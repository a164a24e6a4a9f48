"""What a run has to do, from hashes alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pressmark.transforms.plan import Decision, Found, Known, batches, decide, groups

EARLY, LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)


def known(
    path: str, sha256: str | None = "1", *, retry: bool = False, article: str | None = None, current: bool = True
) -> Known:
    return Known(path, sha256, retry, article or path, current)


def rejected(path: str, sha256: str | None = "1") -> Known:
    return Known(path, sha256, retry=False, article_id=None, current=False)


@pytest.mark.parametrize(
    ("found", "before", "absent_is_deleted", "decision"),
    [
        ([Found("a", None)], [], False, Decision([0], [], set())),
        ([Found("a", "1")], [known("a")], False, Decision([], [], set())),
        ([Found("a", "2")], [known("a")], False, Decision([0], [], {"a"})),
        ([Found("a", "1")], [known("a", retry=True)], False, Decision([0], [], {"a"})),
        ([Found("a", None)], [known("a", None)], False, Decision([], [], set())),
        ([Found("a", "1")], [known("a", None)], False, Decision([0], [], {"a"})),
        ([], [known("a")], False, Decision([], [], set())),
        ([], [known("b"), known("a")], True, Decision([], ["a", "b"], {"a", "b"})),
        ([Found("a", "2")], [known("a", article="x", current=False)], False, Decision([0], [], set())),
        ([], [known("a", article="x", current=False)], True, Decision([], ["a"], set())),
        ([], [], True, Decision([], [], set())),
        ([Found("b", "1"), Found("a", None)], [], True, Decision([0, 1], [], set())),
        ([Found("a", None)], [known("a")], True, Decision([0], [], {"a"})),
        ([Found("a", "1")], [rejected("a")], True, Decision([], [], set())),
        ([Found("a", "2")], [rejected("a")], True, Decision([0], [], set())),
        ([], [rejected("a")], True, Decision([], ["a"], set())),
    ],
    ids=["new", "same", "changed", "to be retried", "unreadable", "readable again", "absent", "deleted",
         "changed, not the current one", "deleted, not the current one", "nothing", "new, one unreadable",
         "no longer readable", "same reject", "changed reject", "deleted reject"],
)  # fmt: skip
def test_decisions(found: list[Found], before: list[Known], absent_is_deleted: bool, decision: Decision) -> None:
    assert decide(found, before, absent_is_deleted=absent_is_deleted) == decision


def test_what_stood_at_a_path_is_told_apart_by_when_it_stood() -> None:
    ended = known("a", current=False)._replace(valid_from=EARLY, valid_to=LATE)
    stands = known("a", "2")._replace(valid_from=LATE)
    found = [Found("a", "1", EARLY, LATE), Found("a", "2", LATE)]
    assert decide(found, [ended, stands], absent_is_deleted=True) == Decision([], [], set())
    # The same bytes as before, again.
    again = Found("a", "1", LATE)
    assert decide([found[0], again], [ended, stands], absent_is_deleted=True) == Decision([1], [], {"a"})


def test_what_ended_is_neither_gone_nor_lost() -> None:
    ended = known("a")._replace(current=False, valid_from=EARLY, valid_to=LATE)
    assert decide([], [ended], absent_is_deleted=True) == Decision([], [], set())
    assert decide([Found("a", "1", EARLY, LATE)], [rejected("a")], absent_is_deleted=True) == Decision([], [], set())


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("sizes", [[], [5], [10] * 5000, [3 << 20, 1, 5 << 20], [100_000] * 300])
def test_batches_cover_every_source_once_in_order(sizes: list[int], workers: int) -> None:
    ranges = batches(sizes, workers)
    assert [position for span in ranges for position in span] == list(range(len(sizes)))
    assert all(len(span) == 1 or sum(sizes[i] for i in span) <= 2 << 20 for span in ranges)


@pytest.mark.parametrize(("count", "most"), [(0, 90), (1, 90), (90, 90), (1000, 90), (5, 2)])
def test_groups_are_at_most_so_many_and_cover_all(count: int, most: int) -> None:
    parts = groups(count, most)
    assert [number for part in parts for number in part] == list(range(count))
    assert len(parts) == min(count, most)


@pytest.mark.parametrize(
    ("sizes", "workers", "expected"),
    [
        ([], 2, []),
        ([0], 2, [range(1)]),
        ([1] * 2500, 2, [range(1000), range(1000, 2000), range(2000, 2500)]),
        ([256 << 10] * 3, 2, [range(1), range(1, 2), range(2, 3)]),
        ([128 << 10] * 3, 2, [range(2), range(2, 3)]),
        ([1, 4 << 20, 1], 2, [range(1), range(1, 2), range(2, 3)]),
        ([1 << 20] * 3, 1, [range(1), range(1, 2), range(2, 3)]),
    ],
    ids=["none", "one of no bytes", "a thousand at most", "as large as a batch", "two fit", "larger than a batch",
         "one worker"],
)  # fmt: skip
def test_batches_are_limited_in_bytes_and_in_sources(sizes: list[int], workers: int, expected: list[range]) -> None:
    assert batches(sizes, workers) == expected


def test_groups_are_of_nearly_equal_length() -> None:
    assert groups(5, 2) == [range(2), range(2, 5)]
    assert groups(0, 3) == []
    lengths = [len(group) for group in groups(1000, 90)]
    assert max(lengths) - min(lengths) == 1
