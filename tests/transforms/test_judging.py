"""What form, place and neighbours make of a block, rule by rule, with the reason that is given for each."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pressmark.schemas.contract import ROLES, Role
from pressmark.storage.versions import load_outlets
from pressmark.transforms.blocks import cut
from pressmark.transforms.datelines import DatelineReader, PageDates
from pressmark.transforms.evidence import evidence_of
from pressmark.transforms.outlets import NO_RULES, Rules
from pressmark.transforms.roles import Classified, classify

NUMBERS = "一二三四五六七八"
STORY = "".join(f"<p>松岭市第{number}条渡轮航线今天在海湾里试航，乘客从清晨开始排队。</p>" for number in NUMBERS[:3])
# Longer than what counts as the edge of an article on either side.
LONG_STORY = "".join(f"<p>松岭市第{number}座码头今天在海湾里开放，乘客从清晨开始排队。</p>" for number in NUMBERS)
BODY = ["body"] * 3
LONG_BODY = ["body"] * 8
SUMMARY = (
    "<p>松岭市图书馆从下月起每周五开放到夜里十一点，读者可以在网上预约座位，也可以当天在门口领取号码，不收费用。</p>"
)


def judged(body: str, own: Rules = NO_RULES) -> Classified:
    """The judgement on a page with the registry's general rules."""
    reader = PageDates(DatelineReader(ZoneInfo("Asia/Shanghai")))
    return classify(cut(body).blocks, evidence_of(own, load_outlets().general), reader)


def roles(body: str, own: Rules = NO_RULES) -> list[str]:
    return list(judged(body, own).roles)


# What neighbours say.


@pytest.mark.parametrize(
    "header",
    ["<p>相关报道</p>", "<p><b>相关报道：</b></p>", "<h3>相关报道</h3>", "<p>【延伸阅读】</p>"],
    ids=["paragraph", "bold", "heading", "in brackets"],
)
def test_links_below_a_header_that_announces_them_are_related_until_the_story_goes_on(header: str) -> None:
    links = "<p><a href='/a'>渡轮的历史</a></p><ul><li><a href='/b'>码头的冬天</a></li></ul>"
    found = judged(STORY + header + links + STORY)
    assert found.roles == [*BODY, *["related"] * 3, *BODY]
    assert found.reasons[4:6] == ["a link below a label of links"] * 2


def test_a_long_link_is_related_below_a_header_only() -> None:
    link = f"<p><a href='/a'>{'渡轮从前在海湾里有许多条航线，' * 6}</a></p>"
    assert roles(STORY + link + STORY) == [*BODY, "body", *BODY]
    assert roles(STORY + "<p>相关报道</p>" + link + link + STORY) == [*BODY, *["related"] * 3, *BODY]
    assert roles(STORY + "<p>相关报道</p><p>渡轮来了。</p>" + link + STORY) == [*BODY, "related", "body", "body", *BODY]


def test_text_with_a_link_in_it_below_a_header_is_body() -> None:
    text = "<p>渡轮今天在<a href='/a'>海湾</a>里试航，乘客从清晨开始排队。</p>"
    assert roles(STORY + "<p>相关报道</p>" + text + STORY) == [*BODY, "related", "body", *BODY]


@pytest.mark.parametrize(("paragraphs", "role"), [(4, "body"), (3, "caption")])
def test_a_story_that_is_told_in_a_gallery_is_no_caption(paragraphs: int, role: str) -> None:
    told = "<div class='gallery-item'><p>又一艘船今天进港。船长在甲板上挥手。</p></div>"
    assert judged(STORY * 3 + told * paragraphs).roles[-paragraphs:] == [role] * paragraphs


def test_blocks_with_a_bold_title_below_the_header_of_a_gallery_are_captions() -> None:
    gallery = "<p>相关图集</p><p><b>起航</b>船长林帆在甲板上挥手。</p><p><b>岸边</b>居民在码头上观看。</p>"
    found = judged(STORY + gallery + STORY + "<p><b>起航</b>船长在甲板上挥手。</p>" + STORY)
    assert found.roles == [*BODY, "related", "caption", "caption", *BODY, "body", *BODY]
    assert found.reasons[4:6] == ["a bold title below the heading of a gallery"] * 2
    other = gallery.replace("相关图集", "相关报道")
    assert roles(STORY + other + STORY) == [*BODY, "related", "body", "body", *BODY]


@pytest.mark.parametrize(
    "head",
    ["<h2>导读</h2>", "<h3>导读：</h3>", "<p><b>内容提要</b></p>", "<h2>摘要</h2>", "<h2>核心提示</h2>", "<p>导读</p>"],
    ids=["heading", "heading with a colon", "bold line", "another word", "third word", "paragraph"],
)
def test_the_next_long_block_below_a_heading_that_announces_a_summary_is_a_lede(head: str) -> None:
    found = judged(head + SUMMARY + SUMMARY + STORY)
    assert found.roles == ["heading", "lede", "body", *BODY]
    assert found.reasons[1] == "below a heading that announces a summary"


@pytest.mark.parametrize(
    "page",
    ["<h2>导读</h2><p>渡轮来了。</p>", "<h2>导读会</h2>" + SUMMARY, "<h2>码头</h2>" + SUMMARY],
    ids=["short block", "longer word", "another heading"],
)
def test_other_blocks_below_headings_are_body(page: str) -> None:
    assert roles(page + STORY) == ["heading", "body", *BODY]


def test_an_element_that_says_what_it_is_is_no_lede_below_the_heading_of_a_summary() -> None:
    page = "<h2>导读</h2><blockquote>" + SUMMARY + "</blockquote>" + SUMMARY + STORY
    assert roles(page) == ["heading", "quote", "body", *BODY]


@pytest.mark.parametrize("opening", ["编者按：", "【编者按】", "编辑注："])
def test_an_editors_note_goes_on_to_the_next_note_at_the_top(opening: str) -> None:
    page = (
        f"<p>{opening}本期刊登一位船长的来信。</p><p>他在海湾里开了三十年的渡轮。</p><p>本文原载于一份虚构的校报。</p>"
    )
    found = judged(page + LONG_STORY)
    assert found.roles == ["note"] * 3 + LONG_BODY
    assert found.reasons[1] == "between an editor's word and the next note"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>编者按：来信。</p><p>他是船长。</p>" + LONG_STORY, ["note", "body", *LONG_BODY]),
        (
            "<p>来源：校报</p><p>他是船长。</p><p>本文原载于校报。</p>" + LONG_STORY,
            ["note", "body", "note", *LONG_BODY],
        ),
        (
            "<p>编者按：来信。</p><h2>船长</h2><p>他是船长。</p><p>本文原载于校报。</p>" + LONG_STORY,
            ["note", "heading", "note", "note", *LONG_BODY],
        ),
        (
            "<p>编者按：来信。</p>" + LONG_STORY + "<p>本文原载于校报。</p>" + LONG_STORY,
            ["note", *LONG_BODY, "note", *LONG_BODY],
        ),
    ],
    ids=["no other note", "another note first", "a heading between", "the other note is far below"],
)
def test_an_editors_note_takes_in_running_text_only_and_only_up_to_a_note_at_the_top(
    page: str, expected: list[str]
) -> None:
    assert roles(page) == expected


# What a block's form says, inside a story.


@pytest.mark.parametrize(
    ("block", "role", "reason"),
    [
        ("<p>• 渡轮载客三百二十人</p>", "list_item", "begins with a bullet"),
        ("<p>●票价三元</p>", "list_item", "begins with a bullet"),
        ("<p>■ 靠岸充电十分钟，比从前短了一半。</p>", "list_item", "begins with a bullet"),
        ("<p>一</p>", "heading", "a section's number, or marked as a heading"),
        ("<p>（二）</p>", "heading", "a section's number, or marked as a heading"),
        ("<p>3、</p>", "heading", "a section's number, or marked as a heading"),
        ("<p>IV</p>", "heading", "a section's number, or marked as a heading"),
        ("<p>**岸边的人**</p>", "heading", "a section's number, or marked as a heading"),
        ("<p>渡轮停在码头（资料图片）</p>", "caption", "ends with the source of a picture"),
        ("<p>码头的清晨(林帆摄)</p>", "caption", "ends with the source of a picture"),
        ("<p>码头的清晨（松岭时报提供）</p>", "caption", "ends with the source of a picture"),
        ("<p>Photo: Maud Ellery</p>", "caption", "ends with the source of a picture"),
        ("<p>REUTERS/Maud Ellery</p>", "caption", "ends with the source of a picture"),
        ("<p>图1：渡轮的航线</p>", "caption", "a figure's number and title"),
        ("<p>表2 票价</p>", "caption", "a figure's number and title"),
        ("<p>圖表三、乘客人數</p>", "caption", "a figure's number and title"),
        ("<p>图12</p>", "caption", "a figure's number and title"),
        ("<p>林帆/乔一苇/闻人澈（综合报道）</p>", "byline", "names and a report, outside the story"),
        ("<p>林帆/乔一苇 （松岭社）</p>", "byline", "names and a report, outside the story"),
        ("<p>林帆 综合报道</p>", "byline", "names and a report, outside the story"),
        ("<p>作者：林帆</p>", "byline", "what people did, and their names"),
        ("<p><i>“船就是这座城的门。”</i></p>", "quote", "italic and in quotation marks"),
        ("<p><em>「船就是這座城的門，我每天都從這裡過。」</em></p>", "quote", "italic and in quotation marks"),
        ("<p>（完）</p>", "boilerplate", "page furniture by its wording"),
        ("<p>全文完</p>", "boilerplate", "page furniture by its wording"),
        ("<p>——</p>", "boilerplate", "page furniture by its wording"),
        ("<p>Реклама:</p>", "boilerplate", "page furniture by its wording"),
        ("<p>विज्ञापन</p>", "boilerplate", "page furniture by its wording"),
        ("<p>ALSO READ: The ferry</p>", "related", "starts with `ALSO READ`"),
        ("<p>Читайте также: Паром</p>", "related", "starts with `Читайте также`"),
        ("<p><b>岸边的人</b></p>", "heading", "a short bold line without a sentence's end"),
        ("<p><a href='/a'>渡轮的历史</a></p>", "related", "nothing but links"),
        ("<p><b>渡轮还来吗？</b></p>", "heading", "a short bold line without a sentence's end"),
        ("<p><b>船长怎么说：</b></p>", "heading", "a short bold line without a sentence's end"),
        ("<p>时刻表：<a href='https://ferry.example/t'>https://ferry.example/t</a></p>", "body", "running text"),
        ("<div class='summary'><ul><li>渡轮每小时一班，夜里不停航。</li></ul></div>", "list_item", "inside `li`"),
        ("<blockquote><ol><li>渡轮每小时一班。</li></ol></blockquote>", "list_item", "inside `li`"),
        ("<ul><li><blockquote>渡轮每小时一班。</blockquote></li></ul>", "quote", "inside `blockquote`"),
        ("<p>© Lin Fan</p>", "caption", "ends with the source of a picture"),
        ("<p>© Quay Post 2031</p>", "note", "starts with `©`"),
        ("<p>(via Quay Post)</p>", "note", "says by whom it was found"),
        ("<figure><pre>lamp = 1</pre></figure>", "body", "inside `pre`"),
    ],
    ids=["bullet", "bullet without a space", "bullet before a sentence", "number", "number in parentheses",
         "number and comma", "Roman number", "starred", "archive picture", "photographer", "who gave the picture",
         "photo in English", "agency", "figure", "table", "traditional", "figure without a title", "team",
         "team of an agency", "reporter of a compilation", "credit", "italic quotation", "italic with corner brackets",
         "end", "end of the text", "dashes", "advertising in Russian",
         "in Hindi", "another story", "in Russian", "bold line", "link", "bold question", "bold with a colon",
         "address with a label", "item of a summary", "item of a quotation", "quotation in an item",
         "copyright of a picture", "copyright with a year", "who found it", "code in a figure"],
)  # fmt: skip
def test_the_form_of_a_block_inside_the_story_tells_its_role(block: str, role: Role, reason: str) -> None:
    found = judged(LONG_STORY + block + LONG_STORY)
    assert found.roles == [*LONG_BODY, role, *LONG_BODY]
    assert found.reasons[8] == reason


@pytest.mark.parametrize(
    "block",
    [
        "<p>320</p>", "<p>一九三〇年</p>", "<p>一。</p>", "<p>**岸边**的人</p>",
        "<p>林帆的船今天停航（这是第三次）</p>", f"<p>{'渡轮停在码头。' * 12}（林帆摄）</p>", "<p>图书馆开放</p>",
        "<p>表演很精彩</p>", "<p>图1显示，渡轮的乘客比从前多了一倍。</p>", "<p>林帆/乔一苇</p>",
        "<p>By Maud Ellery</p>", "<p><i>船就是这座城的门。</i></p>", "<p>“船就是这座城的门。”</p>",
        "<p><i>“船”</i>就是这座城的<i>“门”</i></p>", "<p>（渡轮明年还会再来）</p>",
        "<p><b>试航以后，船长这样说：</b></p>",
        "<p><b>记者：渡轮还来吗？</b></p>", "<p><b>渡轮今天试航。</b></p>", "<p>The End of the pier was cold</p>",
        f"<h2>{'松岭市的渡轮今天在海湾里第一次试航。' * 3}</h2>",
        "<div class='lead'>渡轮明年还会再来，船长林帆在码头上说。</div>",
    ],
    ids=["number too long", "year", "sentence of a number", "partly starred", "parenthesis without a source",
         "text that ends with a source", "word with the sign for figure", "word with the sign for table",
         "sentence on a figure", "names alone", "name in English", "italic sentence", "quotation", "partly italic",
         "parentheses", "bold clauses with a colon", "bold question", "bold sentence", "words that start like the end",
         "text in a heading", "lede by its class"],
)  # fmt: skip
def test_what_only_looks_like_these_forms_inside_the_story_is_body(block: str) -> None:
    assert roles(LONG_STORY + block + LONG_STORY) == [*LONG_BODY, "body", *LONG_BODY]


@pytest.mark.parametrize(
    ("block", "role"),
    [("<p>林帆/乔一苇</p>", "byline"), ("<p>By Maud Ellery</p>", "byline"), ("<p>林帆（松岭时报编译）</p>", "byline"),
     ("<p>（林帆的船停在码头）</p>", "note"), ("<p>（林帆的船停在码头。）</p>", "note"),
     ("<p>【本刊五月出版】</p>", "note"),
     ("<p>可见 <a href='https://ferry.example'>https://ferry.example</a></p>", "note")],
    ids=["names", "name in English", "name and work", "parentheses", "sentence in parentheses", "square brackets",
         "an address"],
)  # fmt: skip
def test_names_parentheses_and_addresses_count_at_the_end(block: str, role: Role) -> None:
    assert roles(LONG_STORY + block) == [*LONG_BODY, role]


def test_a_parenthesis_counts_as_the_first_or_the_last_block_only() -> None:
    aside = "<p>（本报松岭讯 渡轮今天试航）</p>"
    assert roles(aside + STORY) == ["note", *BODY]
    assert roles("<h1>渡轮</h1>" + aside + STORY) == ["heading", "body", *BODY]
    assert roles(STORY + aside + "<p>渡轮明年还会再来。</p>") == [*BODY, "body", "body"]


def test_a_link_alone_says_where_an_article_is_from_as_its_first_block_only_and_in_no_list() -> None:
    link = "<a href='/a'>松岭时报</a>"
    found = judged(f"<p>{link}</p>" + STORY)
    assert (found.roles, found.reasons[0]) == (["note", *BODY], "nothing but links, above the story")
    assert roles("<h1>渡轮</h1>" + f"<p>{link}</p>" + STORY) == ["heading", "related", *BODY]
    assert roles(f"<ul><li>{link}</li></ul>" + STORY) == ["related", *BODY]


# Who wrote.


@pytest.mark.parametrize(
    ("byline", "text", "role"),
    [
        ("林帆", "林帆是松岭大学的教授，研究渡轮的历史。", "note"), ("林帆, 乔一苇", "乔一苇住在海湾对岸。", "note"),
        ("Maud Ellery", "MAUD ELLERY lives across the bay.", "note"), ("林帆", "林帆：渡轮明年还会再来。", "body"),
        ("林帆", "林帆 : 渡轮明年还会再来。", "body"), ("林帆", "教授林帆住在海湾对岸。", "body"),
        ("乔一苇", "林帆是松岭大学的教授，研究渡轮的历史。", "body"),
        ("林", "林帆是松岭大学的教授，研究渡轮的历史。", "body"),
    ],
    ids=["the author", "one of two authors", "in other letters", "who speaks", "who speaks, with a space",
         "not at the start", "another name", "a name of one letter"],
)  # fmt: skip
def test_a_block_at_the_end_that_begins_with_the_bylines_name_is_about_the_author(
    byline: str, text: str, role: Role
) -> None:
    found = judged(f"<div>{byline}<br>2022-01-07 13:38</div>{LONG_STORY}<p>{text}</p>")
    assert found.roles == ["byline", *LONG_BODY, role]
    assert found.dateline_at == datetime(2022, 1, 7, 5, 38, tzinfo=UTC)


def test_a_block_about_the_author_within_the_story_is_body() -> None:
    page = f"<div>林帆<br>2022-01-07 13:38</div>{LONG_STORY}<p>林帆住在海湾对岸。</p>{LONG_STORY}"
    assert roles(page) == ["byline", *LONG_BODY, "body", *LONG_BODY]


@pytest.mark.parametrize("class_name", ["author", "byline"])
def test_a_byline_by_its_class_is_short(class_name: str) -> None:
    byline, text = f"<div class='{class_name}'>林帆</div>", "松岭市的渡轮今天在海湾里试航，乘客从清晨排队。" * 6
    found = judged(byline + f"<div class='{class_name}'>{text}</div>" + LONG_STORY)
    assert found.roles == ["byline", "body", *LONG_BODY]
    assert found.reasons[0] == f"class words `{class_name}`"


def test_who_published_and_when_is_a_byline_with_a_dateline() -> None:
    found = judged("<div>林帆 于 2022-01-07 10:34 提交</div>" + STORY)
    assert found.roles == ["byline", *BODY]
    assert found.dateline_at == datetime(2022, 1, 7, 2, 34, tzinfo=UTC)


# Dates.


def test_a_second_date_is_a_heading_where_it_is_bold_and_a_dateline_otherwise() -> None:
    first = "<div>2022-01-07</div>"
    for second, role in (("<b>2022年1月6日</b>", "heading"), ("2022年1月6日", "dateline")):
        found = judged(first + f"<p>{second}</p>" + STORY)
        assert found.roles == ["dateline", role, *BODY]
        assert found.dateline_at == datetime(2022, 1, 6, 16, tzinfo=UTC)


def test_the_first_date_is_a_dateline_where_it_is_bold_too() -> None:
    assert roles("<p><b>2022年1月6日</b></p>" + STORY) == ["dateline", *BODY]


@pytest.mark.parametrize(
    "before",
    ["<p>松岭市的渡轮今天在海湾里试航，乘客从清晨排队。</p>", LONG_STORY],
    ids=["one paragraph", "a long story"],
)
@pytest.mark.parametrize(
    "block",
    ["<div>2022-01-07</div>", "<p>07/01/2022 - 13:38</p>", "<p>林帆<br>2022-01-07</p>", "<p>林帆 2022-01-07 提交</p>"],
    ids=["date", "date and time", "name and date", "who published"],
)
def test_what_imitates_a_dateline_inside_the_story_is_body(before: str, block: str) -> None:
    found = judged(before + block + LONG_STORY)
    assert set(found.roles) == {"body"}
    assert found.dateline_at is None


def test_a_dateline_is_one_of_the_first_six_blocks() -> None:
    for captions, role in ((5, "dateline"), (6, "body")):
        page = "<figcaption>码头</figcaption>" * captions + "<div>2022年1月6日</div>" + STORY
        assert roles(page) == ["caption"] * captions + [role] + BODY


def test_a_date_is_a_dateline_whatever_the_element_around_it_is_called() -> None:
    assert roles("<div class='share'>2022-01-07</div>" + STORY) == ["dateline", *BODY]


# What stands around blocks.


@pytest.mark.parametrize(
    "opening",
    ["<div class='related'>", "<div class='author'>", "<div class='gallery'>", "<div class='summary'>", "<form>",
     "<divclass='share'>"],
)  # fmt: skip
def test_an_element_that_holds_most_of_the_text_is_a_frame_and_does_not_decide(opening: str) -> None:
    page = f"{opening}{LONG_STORY}<div class='caption'>岸边</div></div></form><div class='related'>渡轮的历史</div>"
    assert roles(page) == [*LONG_BODY, "caption", "related"]


def test_an_element_that_holds_half_of_the_text_decides() -> None:
    half = "<p>松岭市的渡轮今天在海湾里试航。</p>"
    assert roles(f"<div class='related'>{half}</div>{half}") == ["related", "body"]
    assert roles(f"<div class='related'>{half}{half}</div>{half}") == ["body", "body", "body"]


def test_a_quotation_of_all_the_text_is_a_quotation() -> None:
    assert roles(f"<blockquote>{STORY}</blockquote>") == ["quote"] * 3


def test_inside_furniture_headings_and_lists_are_furniture() -> None:
    page = LONG_STORY + "<div class='share'><h3>朋友</h3><ul><li>来信</li></ul><figcaption>码头</figcaption></div>"
    assert roles(page + LONG_STORY) == [*LONG_BODY, "boilerplate", "boilerplate", "caption", *LONG_BODY]


def test_what_an_element_says_for_certain_goes_before_the_wording_and_other_elements_behind_it() -> None:
    found = judged(
        LONG_STORY
        + "<figcaption>来源：松岭时报</figcaption><footer>图：码头</footer><footer>码头</footer>"
        + LONG_STORY
    )
    assert found.roles[8:11] == ["caption", "caption", "note"]
    assert found.reasons[8:11] == ["inside `figcaption`", "starts with `图：`", "inside `footer`"]


@pytest.mark.parametrize(
    ("page", "role"),
    [
        ("<div class='lead'>林帆：票价将在听证会之后公布。</div>", "lede"),
        ("<div class='lead'>渡轮试航</div>", "body"),
        ("<p><b>松岭市的渡轮今天在海湾里第一次试航，乘客从清晨开始排队。</b></p>", "lede"),
        ("<p><b>渡轮今天在海湾里试航。</b></p>", "body"),
        ("<p><i>本刊收到一位船长的来信。</i></p>", "note"),
        ("<p><i>“船就是这座城的门。”</i></p>", "quote"),
    ],
    ids=["lede by its class", "too short for a lede", "bold sentence", "short bold sentence", "italic sentence",
         "italic quotation"],
)  # fmt: skip
def test_the_first_block_of_a_page_has_this_role(page: str, role: Role) -> None:
    assert roles(page + STORY) == [role, *BODY]


def test_two_bold_sentences_above_a_story_are_no_standfirst() -> None:
    assert roles("<p><b>松岭市的渡轮今天在海湾里第一次试航，乘客从清晨开始排队。</b></p>" * 2 + STORY)[0] == "body"


def test_an_outlets_own_rules_decide_on_its_pages_and_not_on_others() -> None:
    own = Rules(starts=(("本刊：", "note"),), classes=(("lead", "body"), ("kasten", "caption")), byline_words=("执笔",))
    page = (
        LONG_STORY
        + "<p>本刊：渡轮明年还会再来，船长说。</p><div class='kasten'>岸边</div><p>执笔：林帆</p>"
        + LONG_STORY
    )
    assert roles(page, own)[8:11] == ["note", "caption", "byline"]
    assert roles(page)[8:11] == ["body", "body", "body"]
    first = "<div class='lead'>松岭市的渡轮今天在海湾里第一次试航，</div>"
    assert (roles(first + STORY, own)[0], roles(first + STORY)[0]) == ("body", "lede")


@pytest.mark.parametrize(
    "page",
    [
        "<div>2022-01-07</div>Array<p><b>松岭市的渡轮今天在海湾里第一次试航，乘客从清晨开始排队。</b></p>" + STORY,
        "<h2>导读</h2>" + SUMMARY + LONG_STORY + "<p>相关报道</p><p><a href='/a'>渡轮的历史</a></p><p>（完）</p>",
        "<p>编者按：来信。</p><p>他是船长。</p><p>本文原载于校报。</p>" + LONG_STORY + "<p>作者：林帆</p>",
        "<div class='related'>" + LONG_STORY + "</div><figure>岸边</figure><small>码头</small><ul><li>票价三元</ul>",
        "松",
        "320",
        "—",
        "",
    ],
    ids=["dated", "summary and links", "editor's note", "frame", "one letter", "one number", "one sign", "nothing"],
)
def test_every_block_gets_one_role_and_one_reason(page: str) -> None:
    found = judged(page)
    assert len(found.roles) == len(found.reasons) == len(cut(page).blocks)
    assert set(found.roles) <= set(ROLES)
    assert all(reason.strip() for reason in found.reasons)


@pytest.mark.parametrize(("outer", "inner"), [("share", "author"), ("teaser", "intro")])
def test_frames_within_frames_decide_nothing(outer: str, inner: str) -> None:
    story = "".join(f"<p>松岭市第{n}条渡轮航线今天在海湾里试航，乘客从清晨开始排队。</p>" for n in "一二三四")
    assert roles(f"<div class='{outer}'><div class='{inner}'>{story}</div></div>") == ["body"] * 4
