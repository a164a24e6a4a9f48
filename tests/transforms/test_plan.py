"""What a run has to do, from hashes alone."""

from __future__ import annotations

import pytest

from transforms.plan import Decision, Found, Known, batches, decide, groups


def known(
    path: str, sha256: str | None = "1", *, retry: bool = False, article: str | None = None, current: bool = True
) -> Known:
    return Known(path, sha256, retry, article or path, current)


@pytest.mark.parametrize(
    ("found", "before", "absent_is_deleted", "decision"),
    [
        ([Found("a", 1, None)], [], False, Decision([0], [], 0)),
        ([Found("a", 1, "1")], [known("a")], False, Decision([], [], 1)),
        ([Found("a", 1, "2")], [known("a")], False, Decision([0], [], 0)),
        ([Found("a", 1, "1")], [known("a", retry=True)], False, Decision([0], [], 0)),
        ([Found("a", 1, None)], [known("a", None)], False, Decision([], [], 1)),
        ([Found("a", 1, "1")], [known("a", None)], False, Decision([0], [], 0)),
        ([], [known("a")], False, Decision([], [], 0)),
        ([], [known("b"), known("a")], True, Decision([], ["a", "b"], 0)),
        (
            [Found("a", 1, "2"), Found("b", 1, "1")],
            [known("a", article="x"), known("b", article="x", current=False)],
            False,
            Decision([0, 1], [], 0),
        ),
        (
            [Found("b", 1, "1")],
            [known("a", article="x"), known("b", article="x", current=False)],
            True,
            Decision([0], ["a"], 0),
        ),
        (
            [Found("a", 1, "1"), Found("b", 1, "2")],
            [known("a", article="x"), known("b", article="x", current=False)],
            False,
            Decision([1], [], 1),
        ),
        ([], [], True, Decision([], [], 0)),
        ([Found("b", 1, "1"), Found("a", 1, None)], [], True, Decision([0, 1], [], 0)),
        ([Found("a", 1, None)], [known("a")], True, Decision([0], [], 0)),
        ([Found("a", 1, None)], [known("a", None, retry=True)], False, Decision([0], [], 0)),
        (
            [Found("a", 1, "2"), Found("b", 1, "1"), Found("c", 1, "1")],
            [known("a", article="x"), known("b", article="x", current=False), known("c", article="y", current=False)],
            False,
            Decision([0, 1], [], 1),
        ),
        (
            [Found("b", 1, "1")],
            [known("a", article="x"), known("b", article="x", current=False)],
            False,
            Decision([], [], 1),
        ),
        (
            [Found("a", 1, "1")],
            [known("a", article="x"), known("b", article="x", current=False)],
            True,
            Decision([], ["b"], 1),
        ),
        (
            [],
            [known("a", article="x"), known("b", article="x", current=False)],
            True,
            Decision([], ["a", "b"], 0),
        ),
        (
            [Found("a", 1, "2"), Found("b", 1, "1")],
            [Known("a", "1", False, None, False), Known("b", "1", False, None, False)],
            False,
            Decision([0], [], 1),
        ),
        (
            [Found("b", 1, "1"), Found("c", 1, "1"), Found("d", 1, "1")],
            [known("a", article="x"), *(known(path, article="x", current=False) for path in "bcd")],
            True,
            Decision([0, 1, 2], ["a"], 0),
        ),
    ],
    ids=["new", "same", "changed", "to be retried", "unreadable", "readable again", "absent", "deleted",
         "heir of a changed one", "heir of a deleted one", "no heir needed", "nothing", "new, one unreadable",
         "no longer readable", "unreadable, to be retried", "only heirs of the article", "absent but not deleted",
         "superseded one deleted", "all deleted", "rejects have no heirs", "several heirs"],
)  # fmt: skip
def test_decisions(found: list[Found], before: list[Known], absent_is_deleted: bool, decision: Decision) -> None:
    rows = {row.source_path: row for row in before}
    assert decide(found, rows, absent_is_deleted=absent_is_deleted) == decision


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("sizes", [[], [5], [10] * 5000, [3 << 20, 1, 5 << 20], [100_000] * 300])
def test_batches_cover_every_source_once_in_order(sizes: list[int], workers: int) -> None:
    ranges = batches(sizes, workers)
    assert [position for span in ranges for position in span] == list(range(len(sizes)))
    assert all(len(span) == 1 or sum(sizes[i] for i in span) <= 1 << 20 for span in ranges)


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
