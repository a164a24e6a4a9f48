"""Two revisions, paragraph by paragraph."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pressmark.transforms.comparison import compare, marked, paragraphs_of

OLD = ["松岭市图书馆今天开放。", "读者从早晨开始排队。", "馆长林帆致辞。", "雨一直下到傍晚。"]


def kinds(old: list[str], new: list[str]) -> list[tuple[str, int | None, int | None]]:
    return [(d.kind, d.before, d.after) for d in compare(old, new)]


def test_equal_texts_are_the_same() -> None:
    assert kinds(OLD, OLD) == [("same", n, n) for n in range(4)]


def test_a_changed_paragraph_is_told_from_one_replaced() -> None:
    new = [OLD[0], "读者从中午开始排队。", "云港的渡轮停开。", OLD[3]]
    assert kinds(OLD, new) == [
        ("same", 0, 0), ("changed", 1, 1), ("added", None, 2), ("removed", 2, None), ("same", 3, 3),
    ]  # fmt: skip


def test_a_paragraph_elsewhere_was_moved() -> None:
    assert kinds(OLD, [OLD[3], *OLD[:3]]) == [("moved", 3, 0), ("same", 0, 1), ("same", 1, 2), ("same", 2, 3)]


def test_removed_ones_stand_where_they_stood() -> None:
    assert kinds(OLD, [OLD[0], OLD[3]]) == [("same", 0, 0), ("removed", 1, None), ("removed", 2, None), ("same", 3, 1)]
    assert kinds(OLD, []) == [("removed", n, None) for n in range(4)]
    assert kinds([], OLD) == [("added", None, n) for n in range(4)]


def test_repeated_paragraphs_are_counted() -> None:
    assert kinds(["a", "a"], ["a"]) in ([("same", 0, 0), ("removed", 1, None)], [("removed", 0, None), ("same", 1, 0)])


def test_changes_inside_a_paragraph_are_marked() -> None:
    assert marked("读者从早晨开始排队。", "读者从中午开始排队。") == "读者从[-早晨-]{+中午+}开始排队。"
    assert marked("It opens  on Monday.", "It opened on Monday.") == "It [-opens  -]{+opened +}on Monday."


def test_paragraphs_of_a_text() -> None:
    assert paragraphs_of("甲\n乙\n\n丙") == ["甲\n乙", "丙"]


@given(*[st.lists(st.sampled_from(["a b c d", "a b c e", "x", "y", "z z z", "a b c d f"]), max_size=12)] * 2)
def test_every_paragraph_is_told_of_once(old: list[str], new: list[str]) -> None:
    found = compare(old, new)
    assert sorted(d.before for d in found if d.before is not None) == list(range(len(old)))
    assert [d.after for d in found if d.after is not None] == list(range(len(new)))
    for d in found:
        assert d.old == (None if d.before is None else old[d.before])
        assert d.new == (None if d.after is None else new[d.after])
        assert (d.kind in ("same", "moved")) == (d.old == d.new)
