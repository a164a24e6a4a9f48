"""What a revision changed, told from two wordings, and notices that a page is not there."""

from __future__ import annotations

import pytest

from benchmarks.changes import generate, score, side_of
from pressmark.transforms.changes import Side, changes_between, is_notice
from pressmark.transforms.comparison import compare, marked
from pressmark.transforms.wording import what_changed

STORY = "松岭市图书馆今天开放，读者从早晨开始排队，馆长林帆致辞。" * 20


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("三百人到场。", "三百人到场。", ""),
        ("渡轮停开。", "渡轮停开！", "wording"),
        ("渡轮 停开。", "渡轮停开。", "wording"),
        ("约1,200人到场。", "约1,300人到场。", "numbers"),
        ("约1,200人到场。", "约1200人到场。", "wording"),
        ("造价3.5亿元。", "造价35000万元。", "wording"),
        ("三人受伤。", "五人受伤。", "numbers"),
        ("一些人来了。", "很多人来了。", "wording"),
        ("二〇二〇年开馆。", "2020年开馆。", "wording"),
        ("Three boats sank.", "Five boats sank.", "numbers"),
        ("Some twenty-one boats sank.", "Some 21 boats sank.", "wording"),
        ("It opens on Monday.", "It opens on Friday.", "numbers"),
        ("It opens at 10:30.", "It opens at 10:45.", "numbers"),
        ("馆长林帆致辞。", "馆长周远致辞。", "names"),
        ("馆长林帆致辞。", "馆长林凡致辞。", "names"),
        ("馆长林帆致辞。", "教授沈括之致辞。", "names"),
        ("渡轮驶向松岭市。", "渡轮驶向云港市。", "names"),
        ("安娜·韦恩到场。", "安娜·布雷到场。", "names"),
        ("她去了北京。", "她去了南京。", "names"),
        ("国务院的声明。", "美国国务院的声明。", "names"),
        ("他读《井水》这本书。", "他读《石桥》这本书。", "names"),
        ("读者从早晨开始排队。", "读者从中午开始排队。", "wording"),
        ("The keeper Ann Lee lit the lamp.", "The keeper Ida Holm lit the lamp.", "names"),
        ("The Foreign Minister spoke.", "The foreign minister spoke.", "wording"),
        ("Officials spoke for an hour.", "Keepers spoke for an hour.", "wording"),
        ("Das Haus ist mit Stein gebaut.", "Das Dach ist mit Stein gebaut.", "wording"),
        ("他说：“我来。”", "他说：“我不来。”", "quotation"),
        ("他说：“我来。”", "他说：「我来。」", "wording"),
        ("最有勇气的开炮者。", "最有勇气的“开炮”者。", "quotation"),
        ('She said "we will go" and left.', 'She said "we may go" and 3 left.', "numbers quotation"),
        ("The keeper O’Hara-Lee left.", "The keeper O'Hara\u2011Lee left.", "wording"),
        ("She said “it’s late” and left.", "She said “it's late” and left.", "wording"),
        ("See https://a.example/2020/1 now.", "See https://a.example/2021/2 now.", "wording"),
    ],
)
def test_what_differs_is_told_from_both_wordings(old: str, new: str, what: str) -> None:
    assert what_changed(old, new) == tuple(what.split())
    assert what_changed(new, old) == tuple(what.split())


def test_known_edits_are_found_and_nothing_else() -> None:
    found = score(generate(200, 1))
    assert {kind for kind, (made, told, right) in found.items() if made == told == right} >= {
        "added", "removed", "changed", "numbers", "quotation", "markup",
    }  # fmt: skip
    for kind, (made, told, right) in found.items():
        assert right >= 0.94 * max(made, told), kind


def test_bytes_tell_of_markup_and_of_nothing_where_they_are_not_known() -> None:
    head = b"[A](https://songling-times.example/a)\n------\n\n"
    old, new = (side_of(head + body) for body in (b"<p>one two</p><p>six</p>", b"<p>one <b>two</b></p>\n<p>six</p>"))
    (row,) = changes_between(old, new)
    assert (row["kind"], row["what"], row["old_text"], row["new_text"]) == ("changed", ["markup"], "one two", "one two")
    assert new.data is not None
    assert new.data[row["new_byte_start"] : row["new_byte_end"]] == b"one <b>two</b>"[: -len(b"</b>")]
    assert list(changes_between(old._replace(data=None), new)) == []
    (title,) = changes_between(Side("Rain", ""), Side("Snow", ""))
    assert (title["part"], title["kind"], title["old_text"], title["new_text"]) == ("title", "changed", "Rain", "Snow")


def test_what_moved_over_changed_paragraphs_is_one_move() -> None:
    old = ["one fish", "a b c d e", "f g h i j", "two fish", "red fish"]
    new = ["a b c d x", "f g h i y", "two fish", "red fish", "one fish"]
    assert [(one.kind, one.before, one.after) for one in compare(old, new)] == [
        ("changed", 1, 0), ("changed", 2, 1), ("same", 3, 2), ("same", 4, 3), ("moved", 0, 4),
    ]  # fmt: skip


def test_what_repeats_without_end_is_compared_nevertheless() -> None:
    assert sum(one.kind == "same" for one in compare(["a"] * 30_000, ["b", *["a"] * 20_000])) >= 19_999
    assert marked("a b " * 50_000, "x" + "b a " * 50_000).startswith("[-a b")
    rewritten = compare([f"a b c {n}" for n in range(2000)], [f"a b d {n}" for n in range(2000)])
    assert {one.kind for one in rewritten} == {"changed"}


def test_of_what_is_equal_only_what_stands_beside_a_change_is_shown() -> None:
    assert marked("甲" * 50 + "一" + "乙" * 50, "甲" * 50 + "二" + "乙" * 50, 3) == "…甲甲甲[-一-]{+二+}乙乙乙…"


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("此内容因违规无法查看", True), ("该内容已被发布者删除", True), ("404 Not Found", True),
        ("抱歉，您访问的页面不存在。", True), ("The page you asked for does not exist.", True),
        ("This video is no longer available.", True), ("根据相关法律法规和政策，该内容不予显示。", True),
        ("404 readers came.", False), ("松岭市删除了旧规定。", False), ("The statue has been removed.", False),
        ("找不到工作的青年。", False), ("The story is not over.", False), (STORY + "该内容已被发布者删除", False),
    ],
)  # fmt: skip
def test_a_notice_is_told_from_a_short_story(text: str, notice: bool) -> None:
    assert is_notice("松岭市举行读书节", text, STORY) is notice
    assert not is_notice("松岭市举行读书节", text, text)
