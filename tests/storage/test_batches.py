"""Sources are cut into batches in order, each once, and none too large."""

from __future__ import annotations

import pytest

from pressmark.storage.batches import LEAST_BYTES, MOST_BYTES, MOST_NAMED, MOST_SOURCES, ParseCounts, cut_batches


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("sizes", [[], [0], [5], [10] * 5000, [5 << 20, 1, 7 << 20], [100_000] * 300])
def test_batches_cover_every_source_once_in_order(sizes: list[int], workers: int) -> None:
    spans = cut_batches(sizes, workers)
    assert [position for span in spans for position in span] == list(range(len(sizes)))
    assert all(len(span) == 1 or sum(sizes[i] for i in span) <= MOST_BYTES for span in spans)
    assert all(0 < len(span) <= MOST_SOURCES for span in spans)


def test_batches_are_large_enough_to_be_worth_a_task_and_enough_for_all_workers() -> None:
    assert cut_batches([LEAST_BYTES // 4] * 4, 16) == [range(4)]
    assert len(cut_batches([LEAST_BYTES] * 16, 2)) == 8


def test_doubts_of_batches_are_added_up_with_the_first_paths_whatever_the_order() -> None:
    paths = [f"{number:02}.md" for number in range(2 * MOST_NAMED)]
    one, other = ParseCounts(doubts={"x": (30, tuple(paths[::2]))}), ParseCounts(doubts={"x": (30, tuple(paths[1::2]))})
    both = {"x": (60, tuple(paths[:MOST_NAMED])), "y": (1, ("a",))}
    alone = ParseCounts(doubts={"y": (1, ("a",))})
    assert (one + other + alone).doubts == (alone + other + one).doubts == both
