"""What blocks make of each other, and of what their header says: one case for each rule, and its counter-case."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from pressmark.storage.versions import load_outlets
from pressmark.transforms.blocks import cut
from pressmark.transforms.datelines import DatelineReader, PageDates
from pressmark.transforms.evidence import evidence_of
from pressmark.transforms.outlets import NO_RULES
from pressmark.transforms.page_features import folded
from pressmark.transforms.page_statements import NOTHING_STATED, Stated
from pressmark.transforms.roles import classify

SENTENCE = "The night ferry of Songling crossed the bay again on Monday, and everybody on the quay had come to see it."
STORY = f"<p>{SENTENCE}</p>" * 3
BODY = ["body"] * 3
TITLED = Stated((folded("The lamp at the pier"),), 40, frozenset({folded("Lin Fan")}), folded(SENTENCE[:60]))


def roles(body: str, stated: Stated = NOTHING_STATED) -> list[str]:
    """The roles of all blocks but those of the story above and below."""
    reader = PageDates(DatelineReader(ZoneInfo("UTC")))
    return list(classify(cut(body).blocks, evidence_of(NO_RULES, load_outlets().general), reader, stated).roles)


def links(*names: str) -> str:
    return "<ul>" + "".join(f"<li><a href='/{name}'>{name}</a></li>" for name in names) + "</ul>"


@pytest.mark.parametrize(
    ("items", "role"),
    [
        pytest.param(["1. 先到码头", "2. 再买船票", "3. 上船"], "list_item", id="digits"),
        pytest.param(["一、先到码头。", "二、再买船票。"], "list_item", id="Chinese"),
        pytest.param(["九、先到码头。", "十、再买船票。", "十一、上船。"], "list_item", id="above ten"),
        pytest.param(["(a) go to the quay", "(b) buy a ticket"], "list_item", id="letters"),
        pytest.param(["① 先到码头。", "② 再买船票。"], "list_item", id="in circles"),
        pytest.param(["2031年 灯塔", "2030年 渡船", "2029年：码头"], "list_item", id="years that go back"),
        pytest.param(["2031年 灯塔", "2028年 渡船"], "body", id="years that don't go on"),
        pytest.param(["1. 先到码头。", "3. 再买船票。"], "body", id="not the next number"),
        pytest.param(["1. 先到码头。", "2) 再买船票。"], "body", id="numbers of two kinds"),
        pytest.param(["1.5 米宽的船。", "2.5 米宽的船。"], "body", id="decimals"),
        pytest.param(["A. Smith came.", "B. Jones came."], "body", id="initials"),
    ],
)
def test_numbers_that_go_on_make_items(items: list[str], role: str) -> None:
    page = STORY + "".join(f"<p>{item}</p>" for item in items) + STORY
    assert roles(page) == [*BODY, *[role] * len(items), *BODY]


def test_numbered_lines_with_paragraphs_between_are_headings_and_items_of_a_quotation_are_items() -> None:
    assert roles(f"{STORY}<p>一、码头</p>{STORY}<p>二、渡船</p>{STORY}") == [*BODY, "heading", *BODY, "heading", *BODY]
    quoted = "<blockquote><p>1. 先到码头；</p><p>2. 再买船票。</p></blockquote>"
    assert roles(STORY + quoted + STORY) == [*BODY, "list_item", "list_item", *BODY]


def test_bulleted_lines_with_paragraphs_between_are_headings_and_items_where_they_follow_each_other() -> None:
    lines = f"<p>●2031年3月4日</p>{STORY}<p>●2031年3月9日</p>"
    assert roles(STORY + lines + STORY) == [*BODY, "heading", *BODY, "heading", *BODY]
    assert roles(STORY + lines + "<p>●上船</p>" + STORY) == [*BODY, "list_item", *BODY, "list_item", "list_item", *BODY]
    assert roles(f"{STORY}<p>●先到码头。</p>{STORY}<p>●上船</p>{STORY}").count("list_item") == 2


def test_lists_of_links_are_a_digests_items_where_they_are_most_of_it_and_related_elsewhere() -> None:
    digest = "<h3>码头</h3>" + links("渡轮的历史", "码头的冬天", "灯塔之夜") + "<h3>渡船</h3>"
    digest += links("船长日记", "试航之后", "票价之争")
    assert roles(digest) == ["heading", *["list_item"] * 3, "heading", *["list_item"] * 3]
    one_list = "<h3>码头</h3>" + links("渡轮的历史", "码头的冬天", "灯塔之夜", "船长日记", "试航之后", "票价之争")
    assert roles(one_list) == ["heading", *["related"] * 6]
    assert roles(STORY * 5 + links("渡轮的历史", "码头的冬天"))[15:] == ["related"] * 2


@pytest.mark.parametrize(
    ("between", "found"),
    [
        pytest.param("<h3>More</h3>" + links("lamp", "quay"), ["heading", *["list_item"] * 2], id="below a heading"),
        pytest.param("<p>It burns.</p>" + links("lamp 1", "lamp 2"), ["body", *["related"] * 2], id="below text"),
        pytest.param("<h3><a href='/l'>The lamp</a></h3>", ["heading"], id="linked heading over a paragraph"),
        pytest.param("<aside><h3><a href='/l'>The lamp</a></h3></aside>", ["related"], id="linked heading in a box"),
        pytest.param("<h3>References</h3><p>Ash, T.: Lamps</p><h3>Tides</h3>", ["note", "note", "heading"], id="list"),
        pytest.param("<p>[1] Ash, T.: Lamps of Songling</p>", ["note"], id="numbered reference"),
        pytest.param("<p>References to lamps</p>", ["body"], id="a line about references"),
        pytest.param("<p>{{< lamp src='quay' >}}</p>", ["boilerplate"], id="template mark"),
        pytest.param(f"<p>{'{{< lamp >}} ' * 20}</p>", ["boilerplate"], id="many template marks"),
        pytest.param("<p>{{< lamp >}}It burns again.{{< /lamp >}}</p>", ["body"], id="text between template marks"),
        pytest.param(f"<p>{'—' * 40}–</p>", ["boilerplate"], id="a long rule of dashes"),
    ],
)  # fmt: skip
def test_what_stands_between_a_storys_paragraphs(between: str, found: list[str]) -> None:
    assert roles(STORY + between + STORY) == [*BODY, *found, *BODY]


def test_a_story_has_one_summary() -> None:
    one = f"<p class='summary'>{SENTENCE}</p>"
    card = f"<h3><a href='/c'>The lamp</a></h3>{one}"
    assert roles(f"<h1>Lamps</h1>{one}{one}{STORY}")[:4] == ["heading", "lede", "lede", "body"]
    assert roles(f"<h1>Lamps</h1>{one}{card * 3}").count("lede") == 1


def test_a_box_with_a_linked_heading_is_another_story() -> None:
    card = "<div class='x'><span>02.10.14</span><h2><a href='/m'>Music at sea</a></h2><div>A word on it</div></div>"
    page = f"<div>{STORY}{card}{STORY}</div>"
    assert roles(page) == [*BODY, "related", "related", "related", *BODY]
    digest = f"<div>{card * 4}<p>{SENTENCE}</p></div>"
    assert roles(digest).count("related") == 4  # the linked headings alone


@pytest.mark.parametrize(
    ("head", "found"),
    [
        pytest.param("<h1>The lamp at the pier</h1>", ["heading"], id="title"),
        pytest.param("<p class='t'>The lamp at the pier</p>", ["heading"], id="title in a paragraph"),
        pytest.param("<small>The lamp at the pier</small>", ["caption"], id="title of a video"),
        pytest.param(
            "<header><h1>The lamp at the pier</h1><p>Nobody in the harbour office knows why it went out.</p></header>",
            ["heading", "lede"], id="standfirst beside the title",
        ),
        pytest.param(
            "<h1>The lamp at the pier</h1><h2>Nobody in the harbour office knows why the lamp went out</h2>",
            ["heading", "lede"], id="standfirst as a second title",
        ),
        pytest.param(f"<div>{SENTENCE[:60]}</div>", ["lede"], id="stated summary, apart"),
        pytest.param("<p>2019-01-02 Quay Post</p>", ["byline"], id="date and name"),
        pytest.param("<small>2019-01-02 Quay Post</small>", ["caption"], id="date and name of a picture"),
        pytest.param("<p>The lamp (2019-01-02)</p>", ["body"], id="a date in parentheses"),
        pytest.param("<p>Published on 2 January 2019</p>", ["dateline"], id="date and its label"),
        pytest.param("<div class='when time'>8-29</div>", ["dateline"], id="a class for dates"),
        pytest.param("<p>1,171 Views</p>", ["boilerplate"], id="a count of readers"),
    ],
)  # fmt: skip
def test_what_stands_above_a_story(head: str, found: list[str]) -> None:
    assert roles(f"<div>{head}<section>{STORY}</section></div>", TITLED) == [*found, *BODY]


def test_the_first_paragraph_beside_the_others_is_no_standfirst() -> None:
    first = "<p>Nobody in the harbour office knows why it went out.</p>"
    assert roles(f"<h1>The lamp at the pier</h1>{first}{STORY}", TITLED) == ["heading", "body", *BODY]


@pytest.mark.parametrize(
    ("tail", "found"),
    [
        pytest.param("<p><i>Lin Fan keeps the lamp.</i></p>", ["note"], id="italic remark"),
        pytest.param("<p><i>Lin Fan</i></p>", ["byline"], id="stated author in italic"),
        pytest.param("<p><b>Maud Ellery</b></p>", ["byline"], id="a name in bold with nothing below it"),
        pytest.param("<p><b>The quay</b></p><p>It is wide.</p>", ["heading", "body"], id="a bold line above text"),
        pytest.param("<p>Write to lamp@quay.example and tell us.</p>", ["note"], id="e-mail address"),
        pytest.param("<p>Maud Ellery lamp@quay.example</p>", ["byline"], id="name and e-mail address"),
        pytest.param("<p>2019年1月1日</p>", ["dateline"], id="date"),
        pytest.param(f"<p>Writers Tom Ash and {'Jo Elm and ' * 9}Al Oak contributed to this report.</p>", ["byline"],
                     id="those who contributed"),
        pytest.param("<div class='author-bio'>She has kept lamps for years.</div>", ["note"], id="about the author"),
    ],
)  # fmt: skip
def test_what_stands_below_a_story(tail: str, found: list[str]) -> None:
    assert roles(STORY * 2 + tail, TITLED) == [*BODY, *BODY, *found]


def test_what_stands_alone_with_a_credit_is_a_caption() -> None:
    box = "<div class='x'><h4>The captain looks at the bay in the evening light</h4><p>Photo: Quay Post</p></div>"
    assert roles(f"<div>{STORY}{box}{STORY}</div>") == [*BODY, "caption", "caption", *BODY]
    box = f"<div class='x'><p>{SENTENCE}</p><p>Photo: Quay Post</p><p>{SENTENCE}</p></div>"
    assert roles(f"<div>{STORY}{box}{STORY}</div>") == [*BODY, "body", "caption", "body", *BODY]


def test_a_bold_line_in_latin_letters_may_be_twice_as_long_as_in_chinese() -> None:
    line = "The council of the harbour decides on Friday about the lamp"
    assert roles(f"{STORY}<p><b>{line}</b></p>{STORY}") == [*BODY, "heading", *BODY]
    assert roles(f"{STORY}<p><b>{line}.</b></p>{STORY}") == [*BODY, "body", *BODY]
    assert roles(f"{STORY}<p><b>{'渡轮在海湾里试航' * 7}</b></p>{STORY}") == [*BODY, "body", *BODY]


ROWS = "<tr><th>Town</th><th>Rain</th></tr><tr><td>Aldo</td><td><p>120</p></td></tr>"


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (f"<table><caption>Rain</caption>{ROWS}</table>", ["caption", *["table"] * 4]),
        (f"<table><tbody>{ROWS}</tbody></table>", ["table"] * 4),
        (f"<table>{ROWS.replace('Aldo', 'https://quay.example/lamp')}</table>", ["table"] * 4),
        (f"<table><tr><td>{SENTENCE}</td><td>a</td></tr><tr><td>{SENTENCE}</td><td>b</td></tr></table>", ["body"] * 4),
        ("<table><tr><td>Alone</td></tr><tr><td>Below</td></tr></table>", ["body"] * 2),
    ],
    ids=["with a caption", "with a body", "with an address", "of a layout", "of one column"],
)
def test_short_cells_in_rows_are_a_table(table: str, found: list[str]) -> None:
    assert roles(STORY + table + STORY) == [*BODY, *found, *BODY]


@pytest.mark.parametrize(
    ("above", "items", "role"),
    [
        pytest.param("Three calls are stable:", ["lamp.on", "lamp.off"], "list_item", id="announced"),
        pytest.param("Three calls are stable.", ["lamp on", "lamp off"], "related", id="not announced"),
        pytest.param("Three calls are stable.", ["lamp.on", "lamp.off"], "list_item", id="names without spaces"),
        pytest.param("Three calls are stable:", ["What the harbour of Songling does with its lamps", "On"], "related",
                     id="titles of stories"),
    ],
)  # fmt: skip
def test_short_links_that_a_paragraph_announces_are_items(above: str, items: list[str], role: str) -> None:
    assert roles(f"{STORY}<p>{above}</p>{links(*items)}{STORY}") == [*BODY, "body", role, role, *BODY]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        pytest.param("The pier in the evening", "caption", id="short line"),
        pytest.param("<i>The pier burns again.</i>", "caption", id="italic sentence"),
        pytest.param("The pier burns again.", "body", id="sentence"),
        pytest.param("Lamp", "body", id="lone word"),
    ],
)
def test_a_short_line_right_below_a_picture_is_its_caption(text: str, role: str) -> None:
    blocks = cut(f"{STORY}<p>{text}</p>{STORY}").blocks
    reader, evidence = PageDates(DatelineReader(ZoneInfo("UTC"))), evidence_of(NO_RULES, load_outlets().general)
    assert classify(blocks, evidence, reader, NOTHING_STATED, {3}).roles[3] == role
    assert classify(blocks, evidence, reader).roles[3] == "body"


def test_links_among_other_items_of_a_list_are_items_too() -> None:
    mixed = f"<ul><li>The lamp</li><li>The ferry<ul>{links('渡轮的历史', '码头的冬天')}</ul></li></ul>"
    assert roles(STORY + mixed + STORY) == [*BODY, *["list_item"] * 4, *BODY]


@pytest.mark.parametrize(
    ("heads", "role"),
    [
        pytest.param(["Who are you?", "What is your lamp?", "Tell us of your quay.", "Will you stay?", "Why?"], "body",
                     id="asked"),
        pytest.param(["Who are you?", "What do you keep?", "The lamp"], "heading", id="few"),
        pytest.param(["Who pays?", "Why now?", "What next?", "Where to?"], "heading", id="nobody is addressed"),
    ],
)  # fmt: skip
def test_many_questions_to_somebody_in_headings_are_an_interview(heads: list[str], role: str) -> None:
    assert roles("".join(f"<h3>{head}</h3>{STORY}" for head in heads)) == [role, *BODY] * len(heads)


def test_a_line_below_a_picture_that_is_named_a_title_is_a_heading() -> None:
    blocks = cut(f"{STORY}<div class='x title'>The pier in the evening</div>{STORY}").blocks
    reader, evidence = PageDates(DatelineReader(ZoneInfo("UTC"))), evidence_of(NO_RULES, load_outlets().general)
    assert classify(blocks, evidence, reader, NOTHING_STATED, {3}).roles[3] == "heading"


@pytest.mark.parametrize(
    ("quoted", "role"),
    [
        pytest.param("作者：林帆", "byline", id="names"),
        pytest.param("码头版面编辑：林帆", "byline", id="a longer word for what they did"),
        pytest.param("https://quay.example/lamp", "note", id="address"),
        pytest.param("The lamp burns.", "quote", id="quotation"),
    ],
)  # fmt: skip
def test_names_and_addresses_set_as_quotations_are_none(quoted: str, role: str) -> None:
    assert roles(f"{STORY}<blockquote><p>{quoted}</p></blockquote>{STORY}") == [*BODY, role, *BODY]


def test_an_address_with_a_label_is_an_invitation_and_a_notice_in_a_caption_at_the_end_a_note() -> None:
    assert roles(f"{STORY}<p>投稿邮箱 ：lamp@quay.example</p>")[3] == "note"
    notice = "<figcaption>本文不得转载</figcaption>"
    assert roles(STORY + notice)[3] == "note"
    assert roles(notice + STORY * 2)[0] == "caption"


SHOP = "<ul><li><a href='https://lamps.example/{0}'>Buy lamp {0} at Songling Lamps</a></li></ul>"
SECTIONS = "".join(f"<h2>Lamp {number}</h2>{STORY}{SHOP.format(number)}" for number in range(3))


@pytest.mark.parametrize(
    ("page", "site", "role"),
    [
        pytest.param(SECTIONS, "quay.example", "list_item", id="items that lead to another site"),
        pytest.param(SECTIONS.replace("ul>", "div>").replace("li>", "p>"), "quay.example", "body", id="lines that do"),
        pytest.param(SECTIONS, "lamps.example", "related", id="to the site itself"),
        pytest.param(SECTIONS, "lamps.co.example", "related", id="to one of the same name"),
        pytest.param(SECTIONS, "", "related", id="nobody knows the site"),
        pytest.param(SECTIONS.replace("h2>", "p>"), "quay.example", "related", id="no sections"),
    ],
)
def test_links_to_other_sites_that_end_sections_are_the_storys(page: str, site: str, role: str) -> None:
    found = roles(page, Stated(site=site))
    assert found[4::5] == [role] * 3
    assert roles(page.partition("<h2>Lamp 2")[0], Stated(site=site))[4] != "list_item"


def labelled(*lines: str) -> str:
    return "".join(f"<p>{line}</p>" for line in lines)


@pytest.mark.parametrize(
    ("lines", "site", "role"),
    [
        pytest.param(["Roundup: <a href='/lamps'>Lamps</a>", "Tag: <a href='//www.quay.example/x'>Quays</a> (all)"],
                     "quay.example", "body", id="words behind the link"),
        pytest.param(["Tag: <a href='/l'>A</a>", "主题：<a href='//www.quay.example/'>码头</a>、<a href='/y'>船</a>"],
                     "quay.example", "related", id="labels and links"),
        pytest.param(["Roundup: <a href='/lamps'>Lamps</a>"], "quay.example", "body", id="a single one"),
        pytest.param(["Tickets: <a href='https://hall.example/'>here</a>", "Map: <a href='https://maps.example/'>Quay</a>"],
                     "quay.example", "body", id="to other sites"),
        pytest.param(["Programme: <a href='/a.pdf'>all days</a>", "Poster: <a href='/b.pdf'>the lamp</a>"],
                     "quay.example", "body", id="files"),
        pytest.param(["Who spoke <a href='/lamps'>there</a>: Lin", "Tag: <a href='/x'>Quays</a>"],
                     "quay.example", "body", id="a sentence above"),
    ],
)  # fmt: skip
def test_labelled_links_to_the_sites_own_pages_below_a_story_are_no_part_of_it(
    lines: list[str], site: str, role: str
) -> None:
    stated = Stated(site=site)
    assert roles(STORY + labelled(*lines), stated)[3:] == [role] * len(lines)
    assert roles(STORY + labelled(*lines) + STORY, stated)[3:-3] == ["body"] * len(lines)


def test_items_of_one_list_are_of_one_role_whatever_their_first_words() -> None:
    items = "<ul><li>Note: the ferry has no lamp.</li><li>Take the second ferry.</li><li>Copyright 2031</li></ul>"
    assert roles(STORY + items + STORY) == [*BODY, "list_item", "list_item", "note", *BODY]
    assert roles(f"{STORY}<p>Note: the ferry has no lamp.</p>{STORY}")[3] == "note"
    assert roles(f"{STORY}<ul><li>Note: the ferry has no lamp.</li></ul>{STORY}")[3] == "note"


@pytest.mark.parametrize(
    ("text", "role"),
    [
        pytest.param("Like this? <a href='/x'>Sign up</a> and have our newsletter each day.", "note", id="English"),
        pytest.param("Mit einem Klick <a href='/x'>abonnieren</a> Sie unseren Newsletter.", "note", id="German"),
        pytest.param("Sign up and have our newsletter each day, she said.", "body", id="no link"),
        pytest.param("The <a href='/x'>newsletter</a> of the harbour told of it.", "body", id="one word of it"),
    ],
)
def test_a_last_paragraph_that_signs_readers_up_is_a_note(text: str, role: str) -> None:
    assert roles(f"{STORY}<p>{text}</p>")[3] == role
    assert roles(f"{STORY}<p>{text}</p>{STORY}")[3] == "body"


def test_a_table_that_is_set_as_a_figure_has_cells_and_its_caption() -> None:
    rows = "".join(f"<tr><td>Lamp {number}</td><td>{number} m</td></tr>" for number in range(3))
    figure = f"<figure class='wp-block-table'><table>{rows}</table><figcaption>Lamps of the quay</figcaption></figure>"
    assert roles(STORY + figure + STORY) == [*BODY, *["table"] * 6, "caption", *BODY]
    assert roles(f"{STORY}<figure><p>Lamps of the quay</p></figure>{STORY}") == [*BODY, "caption", *BODY]


def test_a_paragraph_before_a_listing_is_no_summary() -> None:
    body = "<h1>Lamps of the quay</h1><p>The quay has three lamps, and this is how they are lit:</p><pre>light 1</pre>"
    assert roles(f"<div>{body}</div>") == ["heading", "body", "body"]
    assert roles(f"<div>{body}{STORY}</div>") == ["heading", "body", "body", *BODY]
