"""What stands outside a page's story and is more than furniture: one case for each rule."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from pressmark.storage.versions import load_outlets
from pressmark.transforms.blocks import cut
from pressmark.transforms.datelines import DatelineReader, PageDates
from pressmark.transforms.evidence import evidence_of
from pressmark.transforms.outlets import NO_RULES
from pressmark.transforms.outside import amid, outside_findings
from pressmark.transforms.page_features import folded
from pressmark.transforms.page_statements import Stated

STATED = Stated((folded("The lamp at the pier"),), 40, frozenset({folded("Maud Ellery")}))
STORY = "<section>" + "<p>The night ferry of Songling crossed the bay again on Monday.</p>" * 4 + "</section>"


def titles(*numbers: int) -> str:
    return (
        "<ul>" + "".join(f"<li><a href='/{n}'>What the harbour does with lamp {n}</a></li>" for n in numbers) + "</ul>"
    )


def found(above: str = "", below: str = "") -> list[str]:
    """The roles of the blocks above and below the story; `boilerplate` where nothing is found."""
    blocks = cut(f"<body><div>{above}{STORY}{below}</div></body>").blocks
    main = [any(token.tag == "section" for token in block.path) for block in blocks]
    evidence = evidence_of(NO_RULES, load_outlets().general)
    reader = PageDates(DatelineReader(ZoneInfo("UTC")))
    findings = outside_findings(blocks, main, evidence, reader, STATED)
    return [
        findings[index].role if index in findings else "boilerplate"
        for index, inside in enumerate(main) if not inside
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("above", "roles"),
    [
        pytest.param("<h1>The lamp at the pier</h1>", ["heading"], id="title"),
        pytest.param(
            "<h1>The lamp at the pier</h1><h2>The lamp at the pier</h2>", ["heading", "boilerplate"], id="title, once"
        ),
        pytest.param("<ul><li>The lamp at the pier</li></ul>", ["boilerplate"], id="title in a trail of links"),
        pytest.param("<nav><h1>The lamp at the pier</h1></nav>", ["boilerplate"], id="title in a menu"),
        pytest.param("<h1>A lamp burns again</h1>", ["heading"], id="the only highest heading"),
        pytest.param("<h1>Quay Post</h1><h1>A lamp</h1>", ["boilerplate"] * 2, id="two highest headings"),
        pytest.param("<h2 itemprop='headline'>A lamp</h2>", ["heading"], id="an element that says it is the headline"),
        pytest.param("<p>Thursday, 22/10/2025, 19:25 (GMT+7)</p>", ["dateline"], id="date with a day of the week"),
        pytest.param("<p>Date :[ 2018-08-25 15:24 ]</p>", ["dateline"], id="date with a label"),
        pytest.param("<p>Quay Post 2016年10月14日07:17</p>", ["byline"], id="outlet and date"),
        pytest.param("<p>Von Maud Ellery am 30. Juli 2018</p>", ["byline"], id="name and a date in words"),
        pytest.param("<p>Released Wednesday, March 2, 2031</p>", ["dateline"], id="label, day of the week, date"),
        pytest.param("<p>April 10, 2031 3 years Ellery 142 Views</p>", ["byline"], id="name among date and counts"),
        pytest.param("<p>Maud Ellery, April 19, 2031</p>", ["byline"], id="stated author and date"),
        pytest.param("<p class='date'>Tom Ash - April 19, 2031</p>", ["byline"], id="name in an element for dates"),
        pytest.param("<p>Posted on 2031年4月13日 by maud</p>", ["byline"], id="who posted when"),
        pytest.param("<p class='post-date'>02 Ago 2017</p>", ["dateline"], id="date by its class"),
        pytest.param("<p>Publié le 27 octobre 2031 à 15h01 Lecture 1 min.</p>", ["dateline"], id="date among labels"),
        pytest.param("<p>2031-02-19 20:29:58 来源： 码头晚报</p>", ["byline"], id="date and source"),
        pytest.param(f"<h1>The lamp at the pier</h1>{'<p>Lamp</p>' * 20}<p>March 2, 2031</p>",
                     ["heading", *["boilerplate"] * 20, "dateline"], id="title far above"),
        pytest.param("<h1>The lamp at the pier</h1><p class='teaser'>It burns again.</p>", ["heading", "lede"],
                     id="teaser below the title"),
        pytest.param("<h2><a href='/lamp'>The lamp at the pier</a></h2>", ["heading"], id="title that links to itself"),
        pytest.param("<h1>The lamp at the pier</h1><p class='intro'>It burns again.</p>", ["heading", "lede"],
                     id="standfirst by its class"),
        pytest.param("<h1>The lamp at the pier</h1><p class='intro'>It burns</p>", ["heading", "boilerplate"],
                     id="too short for a standfirst"),
        pytest.param("<p class='date'>Geschrieben am 15. April 2031 in Licht</p>", ["dateline"], id="ordinal"),
        pytest.param("<p>Maud Ellery</p>", ["byline"], id="stated author"),
        pytest.param("<p>The pier in the evening (Credit: Quay Post)</p>", ["caption"], id="credit in parentheses"),
    ],
)  # fmt: skip
def test_what_stands_above_a_pages_story(above: str, roles: list[str]) -> None:
    assert found(above) == roles


@pytest.mark.parametrize(
    ("below", "roles"),
    [
        pytest.param("<div>[责任编辑：林帆]</div>", ["byline"], id="editor"),
        pytest.param("<p>Maud Ellery</p>", ["byline"], id="stated author"),
        pytest.param("<div class='author-bio'>She has kept lamps for years.</div>", ["note"], id="about the author"),
        pytest.param("<div>Copyright Quay Post</div>", ["note"], id="copyright right below"),
        pytest.param("<footer><div>Copyright Quay Post</div></footer>", ["boilerplate"], id="copyright in a footer"),
        pytest.param(
            "<form class='newsletter'><h3>Sign up for letters</h3><button>Send them</button></form>",
            ["note", "boilerplate"], id="invitation and its button",
        ),
        pytest.param(f"<h4>More</h4>{titles(1, 2, 3)}", ["related"] * 4, id="label right above titles"),
        pytest.param("<div class='related'><h3>You may like these</h3></div>", ["related"], id="label of an empty box"),
        pytest.param("<p><a href='/a'>Light</a> <a href='/b'>Sea and sand</a> <a href='/c'>Oil</a></p>",
                     ["boilerplate"], id="several links, none of them a title"),
        pytest.param("".join(f"<div class='card n{n}'><a href='/{n}'>What the harbour does with lamp {n}</a>"
                             "<p>It burns.</p><i>Monday</i></div>" for n in (1, 2)), ["related"] * 6,
                     id="cards in a row"),
        pytest.param("<div class='card'><a href='/1'>What the harbour does with lamps</a><p>It burns.</p></div>",
                     ["related", "boilerplate"], id="one card"),
        pytest.param("<div class='post-previous'><a href='/1'>Night ferry</a></div>", ["related"], id="story before"),
        pytest.param(f"<div class='main-menu'>{titles(1, 2)}</div>", ["boilerplate"] * 2, id="menu by its name"),
        pytest.param("<div class='footer'><p>Copyright Quay Post</p></div>", ["boilerplate"], id="footer by its name"),
        pytest.param("<p>Posted by Maud Lamp.</p>", ["byline"], id="who posted"),
        pytest.param("<p>2031-03-04</p>", ["dateline"], id="date right below"),
        pytest.param("<p>The Quay Post lives on donations of those who read it.</p>", ["note"], id="plea for money"),
        pytest.param("<p><a href='/d'>The Quay Post lives on donations of those who read it.</a></p>", ["related"],
                     id="title about money"),
        pytest.param(f"<p>{'<br><br>'.join(['Lamp'] * 12)}</p><div class='comment-text'><p>I saw it burn.</p></div>",
                     ["boilerplate"] * 13, id="reader's comment"),
        pytest.param(f"<aside>{titles(1, 2)}<table><tr><td>Oil</td><td>3.1</td></tr><tr><td>Wax</td><td>2.0</td></tr>"
                     f"</table>{titles(3, 4)}</aside>", [*["related"] * 2, *["boilerplate"] * 4, *["related"] * 2],
                     id="figures among titles"),
        pytest.param(f"<aside>{titles(1, 2)}<b>Sea</b>{titles(3, 4)}</aside>", ["related"] * 5, id="between titles"),
        pytest.param("<nav><ul>" + "".join(f"<li><a href='/{n}'>What the harbour of Songling does with its old lamps at"
                                           f" night, part {n}</a></li>" for n in range(4)) + "</ul></nav>",
                     ["related"] * 4, id="sentences in a menu"),
        pytest.param(f"<footer><div class='recent-posts'>{titles(1)}</div></footer>", ["related"],
                     id="named for other stories in a footer"),
        pytest.param(f"<div class='pop'>{titles(1, 2, 3)}</div>", ["related"] * 3, id="titles in what pops up"),
        pytest.param(f"<div class='pop'>{titles(1, 2)}</div>", ["boilerplate"] * 2, id="two titles in what pops up"),
        pytest.param("<div class='most-popular'><div class='summary'><i>It burns again.</i></div></div>", ["related"],
                     id="summary in a box of other stories"),
        pytest.param("<p><a href='/1'>What the harbour does with lamps</a><br>by Tom Ash (5/17/2031)</p>",
                     ["related"], id="title with names below"),
        pytest.param("<nav><ul>" + "<li><a href='/l'>Lamps</a></li>" * 4
                     + "".join(f"<li><div><a href='/{n}'>What the harbour does with lamp {n}</a></div></li>" for n in
                               range(4)) + "</ul></nav>",
                     [*["boilerplate"] * 4, *["related"] * 4], id="titles beside a menu's entries"),
        pytest.param(f"<p>{'<br><br>'.join(['Lamp'] * 12)}</p><p>Maud Ellery has kept lamps on the quay for years.</p>",
                     [*["boilerplate"] * 12, "note"], id="about a stated author"),
        pytest.param("<div class='comments-area'>" + "".join(f"<div class='c'><a href='/{n}'>What the harbour does with"
                     f" lamp {n}</a><p>It burns.</p><i>Maud</i></div>" for n in (1, 2)) + "</div>",
                     ["related", "boilerplate", "boilerplate"] * 2,
                     id="comments are no cards"),
        pytest.param("<div class='newsletter'><h3>Letters</h3><p>Letters</p></div>", ["note", "boilerplate"],
                     id="short invitations"),
        pytest.param(f"<div class='footer-widgets'>{titles(1, 2)}</div>", ["boilerplate"] * 2,
                     id="titles in a named footer"),
        pytest.param(f"<div class='foot-notes'>{titles(1, 2)}</div>", ["related"] * 2,
                     id="titles in what is no footer"),
        pytest.param(f"<footer>{titles(1, 2)}</footer>", ["boilerplate"] * 2, id="titles in a footer"),
        pytest.param(f"<div class='newsletter'>{titles(1, 2, 3)}</div>", ["related"] * 3,
                     id="a box of titles that is named for letters"),
        pytest.param(f"<aside>{titles(1, 2)}<div>Followers</div></aside>", ["related", "related", "boilerplate"],
                     id="behind the last title of a box"),
    ],
)  # fmt: skip
def test_what_stands_below_a_pages_story(below: str, roles: list[str]) -> None:
    assert found("", below) == roles


@pytest.mark.parametrize(
    ("between", "role"),
    [
        pytest.param("<div class='story-img__copy'>The lamp at dusk</div>", "caption", id="picture"),
        pytest.param("<div class='media-credit'>Maud Ellery</div>", "caption", id="credit"),
        pytest.param("<div class='share-img'><span>Send the lamp to a friend</span></div>", "boilerplate", id="menu"),
        pytest.param("<div class='copy'>The lamp at dusk</div>", "boilerplate", id="no name"),
    ],
)
def test_what_is_named_for_pictures_amid_a_pages_story_is_their_words(between: str, role: str) -> None:
    assert found("", between + STORY) == [role]


def test_what_is_named_for_pictures_above_a_pages_story_is_furniture() -> None:
    assert found("<div class='story-img__copy'>The lamp at dusk</div>") == ["boilerplate"]


@pytest.mark.parametrize(
    ("between", "inside"),
    [
        pytest.param("<ul><li>The lamp</li><li><a href='/q'>The quay</a></li></ul>", True, id="items"),
        pytest.param(
            "<table><tr><td>Oil</td><td>3.1</td></tr><tr><td>Wax</td><td>2.0</td></tr></table>", True, id="data"
        ),
        pytest.param(
            "<figure><table><tr><td>Oil</td><td>3.1</td></tr><tr><td>Wax</td><td>2.0</td></tr></table></figure>", True,
            id="data, set as a figure",
        ),
        pytest.param("<div class='part'><ul><li>The lamp</li></ul></div>", True, id="in a part like the story's"),
        pytest.param("<div class='box'><ul><li>The lamp</li></ul></div>", False, id="in another element"),
        pytest.param("<ul class='tags'><li>The lamp</li></ul>", False, id="named for furniture"),
        pytest.param("<nav><ul><li>The lamp</li></ul></nav>", False, id="menu"),
        pytest.param("<table><tr><td>The lamp</td></tr></table>", False, id="one cell"),
        pytest.param("<p>The lamp</p>", False, id="paragraph"),
    ],
)  # fmt: skip
def test_items_and_tables_amid_a_pages_story_are_its_own(between: str, inside: bool) -> None:
    part = "<div class='part'><h4>The lamp</h4></div>"
    blocks = cut(f"<body>{part}{between}{part}</body>").blocks
    main = [any(token.tag == "h4" for token in block.path) for block in blocks]
    found = amid(blocks, main, evidence_of(NO_RULES, load_outlets().general))
    assert found == [True, *[inside] * (len(blocks) - 2), True]


def test_headings_and_paragraphs_beside_a_storys_own_and_a_table_behind_them_are_the_storys() -> None:
    rows = "<tr><td>Oil</td><td>3.1</td></tr><tr><td>Wax</td><td>2.0</td></tr>"
    page = "<p>One</p><h3><a href='/t'>Two</a></h3><p>Three</p><p><b>Four</b></p><p>Five</p>"
    blocks = cut(f"<body><div>{page}<table>{rows}</table></div><div><table>{rows}</table></div></body>").blocks
    main = [block.text in ("One", "Five") for block in blocks]
    found = amid(blocks, main, evidence_of(NO_RULES, load_outlets().general))
    assert found == [True, True, True, False, True, *[True] * 4, *[False] * 4]
