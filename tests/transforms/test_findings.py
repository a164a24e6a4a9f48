"""What elements and wording say of a block, rule by rule, with the reason that is given for each."""

from __future__ import annotations

import pytest

from pressmark.schemas.contract import Role
from pressmark.storage.versions import load_outlets
from pressmark.transforms.blocks import cut
from pressmark.transforms.evidence import Evidence, Finding, evidence_of
from pressmark.transforms.outlets import NO_RULES, Rules

RULES = Rules(
    starts=(
        ("编者按", "note"), ("图：", "caption"), ("相关报道", "related"), ("分享到", "boilerplate"),
        ("执笔", "byline"), ("导语：", "lede"),
    ),
    contains=(("版权所有", "note"), ("弹出播放器", "boilerplate")),
    classes=(("ad", "boilerplate"), ("story lead", "lede"), ("lead", "note"), ("image caption", "caption")),
    byline_words=("作者",),
)  # fmt: skip


GENERAL = load_outlets().general


def element(markup: str, rules: Rules = RULES) -> Finding | None:
    """What the innermost element of the only block says."""
    (block,) = cut(f"{markup}渡轮").blocks
    return Evidence(NO_RULES, rules).of_element([*block.path][-1])


def wording(text: str, *, at_edge: bool = False) -> Finding | None:
    return Evidence(NO_RULES, RULES).of_wording(text, at_edge=at_edge)


# What an element says.


@pytest.mark.parametrize(
    ("markup", "role"),
    [
        ("<div class='story-lead'>", "lede"), ("<div class='storyLead'>", "lede"),
        ("<div class='StoryLead'>", "lede"), ("<div class='story_lead'>", "lede"),
        ("<div class='story__lead--large'>", "lede"), ("<div class='story lead'>", "lede"),
        ("<div class='STORY-LEAD'>", "lede"), ("<div class='story2lead'>", "note"),
        ("<div class='lead-story'>", "note"), ("<div class='misleading'>", None), ("<div class='storylead'>", None),
        ("<div class='m-ad'>", "boilerplate"), ("<div class='ad300'>", "boilerplate"),
        ("<div class='adobe header shadow'>", None), ("<div class='HTMLAd'>", "boilerplate"),
        ("<div class='imageCaption'>", "caption"), ("<div class='image'>", None),
        ("<span class='story-lead'>", "lede"),
    ],
    ids=["kebab-case", "camelCase", "PascalCase", "snake_case", "BEM", "two classes", "upper case",
         "a number between the words", "other order", "part of a word", "words run together", "last word",
         "number behind", "words that hold a word", "abbreviation before", "two words in camelCase",
         "one of two words", "inline element"],
)  # fmt: skip
def test_words_of_a_class_are_found_in_a_row_and_in_any_spelling(markup: str, role: Role | None) -> None:
    found = element(markup)
    assert (found.role if found else None) == role


@pytest.mark.parametrize(
    ("markup", "role"),
    [
        ("<div id='story-lead'>", "lede"), ("<div role='storyLead'>", "lede"),
        ("<div property='story:lead'>", "lede"), ("<div itemprop='storyLead'>", "lede"),
        ("<div rel='story lead'>", "lede"), ("<div aria-label='Story lead'>", "lede"),
        ("<div data-story-lead>", "lede"), ("<div data-story-lead='1'>", "lede"),
        ("<div aria-story-lead='1'>", "lede"), ("<div data-kind='story-lead'>", None),
        ("<div aria-describedby='story-lead'>", None), ("<div style='story-lead'>", None),
        ("<div title='story-lead'>", None), ("<a href='/story-lead'>", None), ("<div CLASS='story-lead'>", "lede"),
        ("<div class>", None), ("<div>", None),
    ],
    ids=["id", "role", "property", "itemprop", "rel", "aria-label", "data without a value", "data with a value",
         "aria by its name", "value of data", "value of aria", "style", "title", "href", "CLASS", "class without value",
         "no attribute"],
)  # fmt: skip
def test_attributes_that_name_an_element_count_and_others_do_not(markup: str, role: Role | None) -> None:
    found = element(markup)
    assert (found.role if found else None) == role


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ('<divclass="m-block-ad "data-x="1">', "class words `ad`"),
        ('<divclass="story-lead">', "class words `story lead`"),
        ('<sectionid="image-caption">', "class words `image caption`"),
        ('<figcaptionclass="x">', "inside `figcaption`"),
        ('<liclass="x">', "inside `li`"),
    ],
    ids=["class and more", "class", "id", "strong element", "weak element"],
)
def test_an_attribute_glued_to_the_name_of_an_element_counts_and_so_does_the_element(markup: str, reason: str) -> None:
    found = element(markup)
    assert found is not None
    assert found.reason == reason


@pytest.mark.parametrize(
    ("name", "role"),
    [("figcaption", "caption"), ("blockquote", "quote"), ("audio", "boilerplate"), ("video", "boilerplate"),
     ("object", "boilerplate"), ("noscript", "boilerplate"), ("iframe", "boilerplate"), ("form", "boilerplate"),
     ("nav", "related")],
)  # fmt: skip
def test_what_is_inside_these_elements_is_never_running_text(name: str, role: Role) -> None:
    assert element(f"<{name}>") == Finding(role, f"inside `{name}`", strong=True)


@pytest.mark.parametrize(
    ("name", "role"),
    [*((f"h{level}", "heading") for level in range(1, 7)), ("li", "list_item"), ("small", "caption"),
     ("figure", "caption"), ("footer", "note")],
)  # fmt: skip
def test_these_elements_count_only_where_nothing_says_more(name: str, role: Role) -> None:
    assert element(f"<{name}>") == Finding(role, f"inside `{name}`", strong=False)


@pytest.mark.parametrize("name", ["p", "div", "span", "section", "article", "ul", "a", "b", "i", "table"])
def test_other_elements_say_nothing(name: str) -> None:
    assert element(f"<{name}>") is None


def test_a_class_says_more_than_the_name_of_its_element() -> None:
    assert element("<h2 class='image-caption'>") == Finding("caption", "class words `image caption`", strong=True)
    assert element("<blockquote class='story-lead'>") == Finding("lede", "class words `story lead`", strong=True)


def test_the_first_of_several_class_words_decides_whatever_their_order_on_the_page() -> None:
    found = element("<div class='image-caption story-lead ad'>")
    assert found is not None
    assert found.role == "boilerplate"


def test_more_names_of_classes_than_are_kept_are_judged_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressmark.transforms.evidence.MOST_NAMES", 1)
    evidence = Evidence(NO_RULES, RULES)
    tokens = [next(iter(cut(f"<div class='{name}'>渡轮").blocks[0].path)) for name in ("ad", "story-lead", "x", "ad")]
    found = [evidence.of_element(token) for token in tokens * 2]
    assert [finding.role if finding else None for finding in found] == ["boilerplate", "lede", None, "boilerplate"] * 2
    assert len(evidence._named) == 1


# What the wording says.


@pytest.mark.parametrize(
    "opening",
    ["", "【", "（", "(", "［", "[", "「", "『", "“", '"', "*", "**", "#", "——", "- ", "=", "• ", "●", "▪", "■", "　",
     "\xa0", "【 “", "\n"],
)  # fmt: skip
def test_signs_that_open_a_block_are_left_out_of_how_it_begins(opening: str) -> None:
    assert wording(f"{opening}编者按 松岭的来信，说了许多事情。") == Finding("note", "starts with `编者按`")


@pytest.mark.parametrize(
    "text",
    ["松岭编者按：来信", "来信的编者按", "编者：来信", "，编者按：来信", "编", "——", "【】", "“"],
    ids=["in the middle", "at the end", "the first letters", "another sign", "one letter", "dashes",
         "brackets", "quotation mark"],
)  # fmt: skip
def test_a_block_that_begins_otherwise_has_no_telling_start(text: str) -> None:
    assert wording(text, at_edge=True) is None


@pytest.mark.parametrize("start", ["相关报道", "分享到", "执笔"], ids=["related", "boilerplate", "byline"])
@pytest.mark.parametrize(
    ("rest", "announces"),
    [
        ("", True), ("：渡轮的历史，以及它从前在海湾里的航线。", True),
        (":渡轮的历史，以及它从前在海湾里的航线。", True), (" 渡轮的历史，以及它从前在海湾里的航线。", True),
        ("\n渡轮的历史，以及它从前在海湾里的航线。", True), ("】渡轮的历史，以及它从前在海湾里的航线。", True),
        ("｜渡轮的历史，以及它从前在海湾里的航线。", True), ("渡轮的历史", True), ("渡轮的历史，以及它的航线", False),
        ("渡轮明年还会再来。", False), ("渡轮明年还会再来吗？", False), ("渡轮的历史" * 8, False),
    ],
    ids=[
        "nothing", "colon", "half-width colon", "space", "line break", "bracket", "bar", "a few words", "a comma",
        "a sentence", "a question", "many words",
    ],
)  # fmt: skip
def test_a_start_that_announces_decides_only_where_it_stands_for_itself(start: str, rest: str, announces: bool) -> None:
    found = wording(start + rest)
    assert (found is not None) == announces


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("编者按这封来信说了许多事情，我们一字未改。", "note"),
        ("图：渡轮在海湾里试航，乘客从清晨开始排队。", "caption"),
        ("导语：渡轮在海湾里试航，乘客从清晨开始排队。", "lede"),
    ],
    ids=["note", "caption", "lede"],
)
def test_other_starts_decide_before_a_sentence_too(text: str, role: Role) -> None:
    found = wording(text)
    assert found is not None
    assert found.role == role


@pytest.mark.parametrize(
    ("length", "at_edge", "found"),
    [(40, False, True), (41, False, False), (41, True, True), (300, True, True), (301, True, False)],
    ids=["short, in the story", "too long for the story", "the same at the edge", "long at the edge",
         "too long for the edge"],
)  # fmt: skip
def test_a_remark_counts_in_a_short_block_only_and_within_the_story_in_a_shorter_one(
    length: int, at_edge: bool, found: bool
) -> None:
    text = "松岭时报版权所有".ljust(length, "船")
    assert len(text) == length
    expected = Finding("note", "contains `版权所有`") if found else None
    assert wording(text, at_edge=at_edge) == expected


def test_a_remark_says_more_than_how_the_block_begins() -> None:
    assert wording("图：码头的清晨，松岭时报版权所有") == Finding("note", "contains `版权所有`")


def test_an_outlets_own_rules_are_asked_before_the_general_ones() -> None:
    own = Rules(
        starts=(("编者按语", "quote"), ("图：", "note")), contains=(("版权", "related"),), classes=(("lead", "body"),)
    )
    evidence = Evidence(own, RULES)
    (block,) = cut("<div class='story-lead'>渡轮").blocks
    assert evidence.of_element(next(iter(block.path))) == Finding("body", "class words `lead`")
    assert evidence.of_wording("图：渡轮", at_edge=False) == Finding("note", "starts with `图：`")
    assert evidence.of_wording("编者按语", at_edge=False) == Finding("quote", "starts with `编者按语`")
    assert evidence.of_wording("编者按：来信", at_edge=False) == Finding("note", "starts with `编者按`")
    assert evidence.of_wording("弹出播放器 版权", at_edge=False) == Finding("related", "contains `版权`")
    assert evidence.of_wording("弹出播放器", at_edge=False) == Finding("boilerplate", "contains `弹出播放器`")


def test_a_remark_that_is_in_both_rules_has_the_role_that_the_outlets_own_give() -> None:
    evidence = Evidence(Rules(contains=(("版权所有", "caption"),)), RULES)
    assert evidence.of_wording("松岭时报版权所有", at_edge=False) == Finding("caption", "contains `版权所有`")


def test_without_rules_no_wording_and_no_class_says_anything() -> None:
    evidence = Evidence(NO_RULES, NO_RULES)
    assert evidence.of_wording("编者按：来信，版权所有", at_edge=True) is None
    assert element("<div class='ad'>", NO_RULES) is None
    assert evidence.byline.fullmatch("作者：林帆") is None


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("作者：林帆", True), ("作者 林帆", True), ("作者|林帆", True), ("作者/林帆", True),
        ("松岭 作者：林帆", True), ("林帆|作者", True), ("（作者：林帆）", True), ("作者：林帆；船长：乔一苇", True),
        ("作者：林帆\n乔一苇", True), ("作者林帆", False), ("作者：", False),
        ("作者：林帆说，渡轮明年还会再来。", False), ("编辑：林帆", False),
    ],
    ids=["colon", "space", "bar", "slash", "a word before", "behind the name", "in parentheses", "more people",
         "next line", "no sign between", "no name", "a sentence", "another word"],
)  # fmt: skip
def test_credits_are_a_word_for_the_work_and_names(text: str, fits: bool) -> None:
    assert (Evidence(NO_RULES, RULES).byline.fullmatch(text) is not None) == fits


def test_the_compiled_form_of_the_same_rules_is_shared() -> None:
    assert evidence_of(RULES, NO_RULES) is evidence_of(RULES, NO_RULES)
    assert evidence_of(RULES, NO_RULES) is not evidence_of(NO_RULES, RULES)


def test_a_start_with_a_bracket_of_its_own_hides_no_other_one() -> None:
    own = Rules(starts=(("【松岭", "note"),))
    found = [
        evidence_of(own, GENERAL).of_wording(text, at_edge=False)
        for text in ("【松岭】字", "【编者按】字", "【图：渡轮】")
    ]
    assert [finding and finding.role for finding in found] == ["note", "note", "caption"]


def test_the_first_remark_in_the_file_decides_wherever_it_stands_in_the_block() -> None:
    rules = Rules(contains=(("甲语", "boilerplate"), ("乙语", "note")))
    finding = Evidence(NO_RULES, rules).of_wording("有乙语也有甲语", at_edge=True)
    assert finding is not None
    assert finding.role == "boilerplate"
