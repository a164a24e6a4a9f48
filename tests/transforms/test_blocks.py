"""Section 2 of the contract, rule by rule: where blocks are cut, what their text is, and where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressmark.transforms.blocks import Cut, TooDeep, cut, element_name
from pressmark.transforms.records import Link

BLOCK_LEVEL = (
    "address article aside audio blockquote body caption center col colgroup dd details dialog dir div dl dt embed "
    "fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe legend li "
    "listing main menu nav noscript object ol optgroup option p picture plaintext pre search section summary table "
    "tbody td tfoot th thead tr ul video xmp"
).split()
INLINE = (
    "a abbr b bdi bdo big button cite code data del dfn em font i img input ins kbd label map mark noembed noframes q "
    "ruby s samp select small span strike strong sub sup textarea time title tt u unheard-of var wbr"
).split()
# Of all ends of lines and spaces that Unicode knows, and the two that the contract adds.
STRIPPED = [
    *"\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029",
    *"\u202f\u205f\u3000\u200b\ufeff",
]


def texts(markup: str) -> list[str]:
    return [block.text for block in cut(markup).blocks]


def spans(result: Cut, markup: str) -> list[str]:
    return [markup[block.start : block.end] for block in result.blocks]


@pytest.mark.parametrize("name", BLOCK_LEVEL)
def test_blocks_are_cut_at_start_and_end_of_block_level_elements(name: str) -> None:
    markup = f"一<{name}>二</{name}>三"
    assert texts(markup) == ["一", "二", "三"]
    assert spans(cut(markup), markup) == ["一", "二", "三"]
    assert element_name(name) == name


@pytest.mark.parametrize("name", BLOCK_LEVEL)
def test_upper_case_names_with_attributes_and_slash_cut_as_well(name: str) -> None:
    assert texts(f"一<{name.upper()} class='x' />二</{name.upper()}\t>三") == ["一", "二", "三"]


@pytest.mark.parametrize("name", INLINE)
def test_inline_elements_do_not_cut(name: str) -> None:
    markup = f"<p>一<{name}>二</{name}>三</p>"
    assert texts(markup) == ["一二三"]
    assert spans(cut(markup), markup) == [markup[3:-4]]
    assert element_name(name) == name


@pytest.mark.parametrize("character", STRIPPED, ids=lambda character: f"U+{ord(character):04X}")
def test_invisible_characters_are_stripped_at_the_ends_and_are_no_block(character: str) -> None:
    # A reference by number to U+0085 is read as windows-1252 by the HTML standard, and is an ellipsis.
    reference = "&#8203;" if character == "\x85" else f"&#{ord(character)};"
    markup = f"<p>{character}{reference}</p>{reference}{character}一{character}{reference}"
    (block,) = cut(markup).blocks
    assert block.text == "一"
    assert markup[block.start : block.end] == "一"


@pytest.mark.parametrize(
    ("markup", "expected", "skipped"),
    [
        pytest.param("一<!-- <p>x</p> -->二", ["一二"], ["<!-- <p>x</p> -->"], id="comment in a block"),
        pytest.param("<p>一</p><!-- x --><p>二</p>", ["一", "二"], ["<!-- x -->"], id="comment between blocks"),
        pytest.param(
            "一<script>if (a<b) '</p>'</script>二", ["一二"], ["<script>if (a<b) '</p>'</script>"], id="script"
        ),
        pytest.param("一<style>p>b{}</style>二", ["一二"], ["<style>p>b{}</style>"], id="style"),
        pytest.param(
            "一<template><p>x<br><br>y</p></template>二",
            ["一二"],
            ["<template><p>x<br><br>y</p></template>"],
            id="template with blocks",
        ),
        pytest.param(
            "<p>一</p><svg><title>x</title><text>y</text></svg>二",
            ["一", "二"],
            ["<svg><title>x</title><text>y</text></svg>"],
            id="svg",
        ),
        pytest.param("一<svg><svg>x</svg>y</svg>二", ["一二"], ["<svg><svg>x</svg>y</svg>"], id="svg in svg"),
        pytest.param("一<svg/>二<svg />三", ["一二三"], ["<svg/>", "<svg />"], id="self-closing svg"),
        pytest.param("一<svg><svg/>x</svg>二", ["一二"], ["<svg><svg/>x</svg>"], id="self-closing svg in svg"),
        pytest.param("一<script/>x</script>二", ["一二"], ["<script/>x</script>"], id="a script's slash means nothing"),
        pytest.param("一<script>x<p>y", ["一"], ["<script>x<p>y"], id="never ended"),
        pytest.param("一<!-- x", ["一"], ["<!-- x"], id="comment never ended"),
        pytest.param("</script>一</svg>二", ["一二"], [], id="stray ends"),
        pytest.param("<!doctype html>一<?php x ?>二", ["一二"], ["<!doctype html>", "<?php x ?>"], id="declarations"),
        pytest.param("<p><script>x</script><!-- y --></p>", [], ["<script>x</script>", "<!-- y -->"], id="no block"),
        pytest.param("一<!---->二<!-->三", ["一二三"], ["<!---->", "<!-->"], id="empty comments"),
        pytest.param("一<svg/><a href='x", ["一"], ["<svg/>"], id="unfinished tag after an element"),
        pytest.param("一<!-- x --></>", ["一"], ["<!-- x -->"], id="end tag without a name after a comment"),
    ],
)
def test_skipped_elements_and_comments_leave_no_text_and_are_ranged(
    markup: str, expected: list[str], skipped: list[str]
) -> None:
    result = cut(markup)
    assert [block.text for block in result.blocks] == expected
    assert [markup[start:end] for start, end in result.skipped] == skipped


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        pytest.param('一<divclass="m-ad "data-x="1">二</div>三', ["一", "二", "三"], id="div"),
        pytest.param('一<pclass="x">二</p>三', ["一", "二", "三"], id="p"),
        pytest.param("一<sectionid='x'>二</section>三", ["一", "二", "三"], id="section"),
        pytest.param("一<h2style='x'>二</h2>三", ["一", "二", "三"], id="h2"),
        pytest.param('一<imgsrc="https://img.example/x.jpg">二', ["一二"], id="img"),
        pytest.param('一<spanclass="x">二</span>三', ["一二三"], id="span"),
        pytest.param("一<divine>二</divine>三", ["一二三"], id="another name"),
        pytest.param('一<scripttype="x">if (a<b) "</p>二"</script>三', ["一三"], id="script"),
        pytest.param("一<STYLEtype='x' media=y>p > b {}</STYLE>三", ["一三"], id="style"),
        pytest.param("一<svgclass=x><g>二</g></svg><svgid=y/>三", ["一三"], id="svg"),
        pytest.param(
            "一<templateid=x><p>二<scriptsrc='/x'>'</template>'</script></p></template>三",
            ["一三"],
            id="script in a template",
        ),
        pytest.param('一<brclass="x"/>二<brid=x> <br>三', ["一\n二", "三"], id="br"),
        pytest.param('一<ahref="/x">二</a>三', ["一二三"], id="a"),
    ],
)
def test_a_glued_tag_stands_for_the_element_it_was(markup: str, expected: list[str]) -> None:
    assert texts(markup) == expected


KNOWN_NAMES = {*BLOCK_LEVEL, *INLINE, *"script style template svg br".split()} - {"unheard-of"}


@pytest.mark.parametrize("name", sorted(KNOWN_NAMES))
def test_every_known_name_is_found_where_an_attribute_is_glued_to_it(name: str) -> None:
    assert element_name(f'{name}class="x') == element_name(f"{name}data-x='") == name


@pytest.mark.parametrize(
    ("tag", "href"),
    [
        ('<ahref="/x?a=1&amp;b=2">', "/x?a=1&b=2"), ("<Ahref='/x'class=y>", "/x"), ("<ahref=/x>", "/x"),
        ('<aclass="y" href="/x">', "/x"), ('<a href="/x">', "/x"),
    ],
    ids=["double quotes", "single quotes", "no quotes", "another attribute glued", "nothing glued"],
)  # fmt: skip
def test_a_glued_link_leads_where_it_led(tag: str, href: str) -> None:
    (block,) = cut(f"<p>一{tag}二</a></p>").blocks
    assert block.links == (Link(href, 1, 2),)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n", "\f"], ids=["LF", "CR", "CRLF", "FF"])
def test_line_ends_of_every_kind_move_no_position(line_end: str) -> None:
    marked = "|<p|>|一||二<b|>三</b>|</p>|<!--|-->四"
    markup = marked.replace("|", line_end)
    result = cut(markup)
    assert [block.text for block in result.blocks] == ["一 二三", "四"]
    assert spans(result, markup) == [f"一{line_end * 2}二<b{line_end}>三", "四"]
    assert [markup[start:end] for start, end in result.skipped] == [f"<!--{line_end}-->"]


@pytest.mark.parametrize(
    ("markup", "links"),
    [
        pytest.param('前<a href="/x">甲乙</a>后', [[Link("/x", 1, 3)]], id="inside"),
        pytest.param('<a href="/x">甲</a>', [[Link("/x", 0, 1)]], id="all of the block"),
        pytest.param('前 <a href="/x"> 甲 乙 </a> 后', [[Link("/x", 2, 5)]], id="surrounding space"),
        pytest.param('<p> &nbsp;<a href="/x">\u3000甲</a>', [[Link("/x", 0, 1)]], id="stripped space before"),
        pytest.param('一<br><a href="/x">甲</a><br>二', [[Link("/x", 2, 3)]], id="between br"),
        pytest.param('<a href="/x">一<br> 二</a>', [[Link("/x", 0, 3)]], id="around a br"),
        pytest.param('前 <a href="/x"><br> 甲</a>', [[Link("/x", 2, 3)]], id="a br first"),
        pytest.param('<a href="/x">甲 <br></a> 后', [[Link("/x", 0, 1)]], id="a br last"),
        pytest.param(
            '<a href="/x"><p>一</p><p>二三</p></a>四', [[Link("/x", 0, 1)], [Link("/x", 0, 2)], []], id="blocks"
        ),
        pytest.param('前<a href="/x">一<br><br>二</a>后', [[Link("/x", 1, 2)], [Link("/x", 0, 1)]], id="across a cut"),
        pytest.param('<a href="/x">一</p><p>二', [[Link("/x", 0, 1)], [Link("/x", 0, 1)]], id="never closed"),
        pytest.param(
            '<a href="/x">一<a href="/y">二</a>三', [[Link("/x", 0, 1), Link("/y", 1, 2)]], id="opened in another"
        ),
        pytest.param('<a href="/x">一</a><a href="/y">二</a>', [[Link("/x", 0, 1), Link("/y", 1, 2)]], id="adjacent"),
        pytest.param('<a href="/x"><b>一</b> <i>二</i></a>', [[Link("/x", 0, 3)]], id="around inline tags"),
        pytest.param('前<a href="/x"><img src="y"></a>后', [[]], id="no text in it"),
        pytest.param('前<a href="/x"> &nbsp;</a>后', [[]], id="nothing visible in it"),
        pytest.param('<a name="x">一</a>', [[]], id="no href"),
        pytest.param("一</a>二", [[]], id="stray end"),
        pytest.param('<a href="/x?a=1&amp;b=2">一</a>', [[Link("/x?a=1&b=2", 0, 1)]], id="references in href"),
        pytest.param('&amp;&lt;<a href="/x">&#x1F5DE;</a>', [[Link("/x", 2, 3)]], id="references in text"),
        pytest.param('<script>x</script>一<a href="/x"><script>y</script>二</a>', [[Link("/x", 1, 2)]], id="script"),
    ],
)
def test_links_are_code_point_ranges_of_the_text(markup: str, links: list[list[Link]]) -> None:
    assert [list(block.links) for block in cut(markup).blocks] == links


FILLERS = [" ", "  ", "\n", "<br>", " <br> ", "<b>", "</b>", "&nbsp;", "\u3000", "<!--x-->", "&#10;", "<p>", "<br><br>"]
PIECES = st.lists(st.one_of(st.just("letter"), st.sampled_from([*FILLERS, "<a>", "</a>"])), max_size=25)


@settings(max_examples=200)
@given(PIECES)
def test_a_link_ranges_from_its_first_to_its_last_visible_character(pieces: list[str]) -> None:
    """Every letter is used once, so that the text itself says where each link has to stand."""
    letters = iter("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄")
    markup, count = "", 0
    linked: dict[str, str | None] = {}
    inside: str | None = None
    for piece in pieces:
        if piece == "letter":
            letter = next(letters)
            markup += letter
            linked[letter] = inside
        elif piece == "<a>":
            inside, count = f"/{count}", count + 1
            markup += f"<a href='{inside}'>"
        else:
            inside = None if piece == "</a>" else inside
            markup += piece
    for block in cut(markup).blocks:
        expected: dict[str, tuple[int, int]] = {}
        for index, character in enumerate(block.text):
            href = linked.get(character)
            if href is not None:
                expected[href] = (expected.get(href, (index, 0))[0], index + 1)
        assert [(link.href, (link.start, link.end)) for link in block.links] == list(expected.items())


@pytest.mark.parametrize(
    ("markup", "bold"),
    [
        pytest.param("<b>一</b>", [True], id="b"),
        pytest.param("<STRONG>一</STRONG>", [True], id="strong"),
        pytest.param("<b>一</b> <strong>二</strong>&nbsp;", [True], id="space outside"),
        pytest.param("<b><i>一</i></b>", [True], id="around another"),
        pytest.param("<b>一</b>。", [False], id="a full stop outside"),
        pytest.param("一<b>二</b>", [False], id="starts outside"),
        pytest.param("<i>一</i>", [False], id="another"),
        pytest.param("<b>一</b><p>二</p>", [True, False], id="the next block"),
        pytest.param("<b><p>一</p><p>二</p></b>", [True, True], id="around blocks"),
        pytest.param("<b>一<br><br>二</b>", [True, True], id="across a cut"),
    ],
)
def test_bold_says_that_no_visible_character_stands_outside_b_or_strong(markup: str, bold: list[bool]) -> None:
    assert [block.bold for block in cut(markup).blocks] == bold


@pytest.mark.parametrize(
    ("markup", "paths"),
    [
        pytest.param("一", [[]], id="root"),
        pytest.param("<div><p>一</p>二</div>三", [["div", "p"], ["div"], []], id="elements end"),
        pytest.param("<p><b>一</b>二</p>", [["p", "b"]], id="inline at the first visible character"),
        pytest.param("<p> <b> </b>一</p>", [["p"]], id="not at the first white space"),
        pytest.param("<p>一<p>二", [["p"], ["p"]], id="p ends p"),
        pytest.param("<ul><li>一<li>二</ul>", [["ul", "li"], ["ul", "li"]], id="li ends li"),
        pytest.param("<p>一<div>二", [["p"], ["div"]], id="div ends p"),
        pytest.param("<div><img><br><hr><embed>一</div>", [["div"]], id="void elements stay out"),
        pytest.param("<div><b>一</div>二", [["div", "b"], []], id="an end tag ends what is open inside"),
        pytest.param("</div><p>一</p></section>", [["p"]], id="stray end tags end nothing"),
        pytest.param("<script>x</script><svg/>一", [[]], id="skipped elements stay out"),
        ("<p><a>12</a>A lamp at the pier went out.</p>", [["p"]]),
        ("<p><a>12</a>A lamp</p>", [["p", "a"]]),
        ("<p><a>A ferry</a>, a lamp and the pier are gone.</p>", [["p", "a"]]),
        ("<p><a>1</a><i>A lamp at the pier went out.</i></p>", [["p", "a"]]),
    ],
)
def test_a_path_names_the_open_elements_outermost_first(markup: str, paths: list[list[str]]) -> None:
    assert [[token.tag for token in block.path] for block in cut(markup).blocks] == paths


def test_a_path_hands_on_the_attributes() -> None:
    (block,) = cut('<div class="story  lead" id=x><p>一').blocks
    assert [token.attr("class") for token in block.path] == ["story  lead", None]


@pytest.mark.parametrize(
    ("markup", "max_depth", "position"),
    [
        pytest.param("<i>" * 4 + "一", 3, 9, id="one too many"),
        pytest.param("松岭<p>云</p>\r\n<div><b><u>一", 2, 20, id="code points, not bytes"),
        pytest.param("<div>" * 1001, 1000, 5000, id="a thousand"),
    ],
)
def test_too_many_open_elements_are_refused_at_the_first_of_them(markup: str, max_depth: int, position: int) -> None:
    with pytest.raises(TooDeep) as refused:
        cut(markup, max_depth=max_depth)
    assert refused.value.position == position
    assert f"more than {max_depth} elements" in str(refused.value)
    assert markup[position] == "<"


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("<i>" * 3 + "一", id="exactly as many"),
        pytest.param("<i>一</i>" * 50, id="one after the other"),
        pytest.param("<p>一" * 50, id="p ends p"),
        pytest.param("<br><img><hr><wbr>" * 50 + "一", id="void elements"),
        pytest.param("<svg>" + "<g>" * 50 + "</svg>一", id="inside a skipped element"),
        pytest.param("</div>" * 50 + "一", id="stray end tags"),
    ],
)
def test_elements_that_are_not_open_at_once_are_no_depth(markup: str) -> None:
    assert "一" in cut(markup, max_depth=3).blocks[-1].text


@settings(max_examples=150)
@given(st.text(st.one_of(st.sampled_from("<>/&;!-=\"' \n\rabpr#x松\xa0"), st.characters(exclude_categories=["Cs"]))))
def test_blocks_stand_in_order_inside_the_markup_whatever_it_is(markup: str) -> None:
    result = cut(markup)
    bounds = [bound for block in result.blocks for bound in (block.start, block.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= block.start < block.end <= len(markup) for block in result.blocks)
    assert all(block.text and block.text == block.text.strip("".join(STRIPPED)) for block in result.blocks)
    ranges = [bound for span in result.skipped for bound in span]
    assert ranges == sorted(ranges)
    assert all(0 <= bound <= len(markup) for bound in ranges)
