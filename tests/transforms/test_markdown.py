"""Markdown bodies: what a reader sees is the text, where it stands is the span, and no mark is text."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from markdown_bodies import ANY, SOUND, rows_of
from markdown_it import MarkdownIt

from pressmark.transforms.blocks import TooDeep, cut
from pressmark.transforms.header import read_header
from pressmark.transforms.laws import check_article
from pressmark.transforms.markdown import cut_markdown
from pressmark.transforms.reprint import looks_like_markdown, original_address

INDEPENDENT = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# 堰 {#weir .x}\n\n水", [("堰", "堰", "h1"), ("水", "水", "p")]),
        ("堰\n===\n一\n二  \n三\\\n四", [("堰", "堰", "h1"), ("一 二\n三\n四", "一\n二  \n三\\\n四", "p")]),
        ("> 一\n> **二**\n三", [("一 二 三", "一\n> **二**\n三", "blockquote p")]),
        ("- 一\n- 二\n\n  三", [("一", "一", "ul li p"), ("二", "二", "ul li p"), ("三", "三", "ul li p")]),
        ("1. 一\n   - 二", [("一", "一", "ol li"), ("二", "二", "ol li ul li")]),
        ("|a|b|\n|-|-|\n|`c`|d\\|e|", [("a", "a", "table thead tr th"), ("b", "b", "table thead tr th"),
                                       ("c", "c", "table tr td code"), ("d|e", "d\\|e", "table tr td")]),
        ("```py\na <b>\n  c {: .x}\n```", [("a <b> c {: .x}", "a <b>\n  c {: .x}", "pre code")]),
        ("水[^1]又来。\n\n[^1]: 注", [("水又来。", "水[^1]又来。", "p"), ("注", "注", "footer p")]),
        ("**重点：**后文**“引”**，中文**[链](u)**后**(注)**文", [
            ("重点：后文“引”，中文链后(注)文", "重点：**后文**“引”**，中文**[链](u)**后**(注)**文", "p strong"),
        ]),
        ("前**重点。 **后文", [("前重点。 后文", "前**重点。 **后文", "p")]),
        ("要3~5天，或10~20天", [("要3~5天，或10~20天", "要3~5天，或10~20天", "p")]),
        ("~~河~~ &amp; \\* &lt;", [("河 & * <", "河~~ &amp; \\* &lt;", "p del")]),
        ("<div class=x>\n块\n</div>\n\n*中* <b>文</b>", [("块", "块", "div"), ("中 文", "中* <b>文", "p em")]),
        ("<div>\n\n**中**\n\n</div>", [("中", "中", "div p strong")]),
        ("一<br><br>二", [("一", "一", "p"), ("二", "二", "p")]),
        ("一\n{: .x}\n二{:.y}", [("一", "一", "p"), ("二{:.y}", "二{:.y}", "p")]),
        ("[a](u){: target=_blank} b", [("a b", "a](u){: target=_blank} b", "p a")]),
        ("![堰](a.png)", []),
        ("堰`~/a`$s_{i=1}$", [("堰~/a$s_{i=1}$", "堰`~/a`$s_{i=1}$", "p")]),
        ("写`{: .x}`和`<a b={c}>`", [("写{: .x}和<a b={c}>", "写`{: .x}`和`<a b={c}>", "p")]),
        ("## 堰 {#a.b}\n\n:::note\n一\n:::\n> ::: tip 二\n> 三\n> :::", [
            ("堰", "堰", "h2"), ("一", "一", "p"), ("二", "二", "blockquote h6"), ("三", "三", "blockquote p"),
        ]),
        (":::info[堰]\n\n一 {/* 不见\n*/}\n\n:::", [("堰", "堰", "h6"), ("一", "一", "p")]),
        ("import A, {\n  B } from './a'\nimport \"c\";\nexport const d = {e: {f: 1},\n g: 2}\n\n# 堰\n\n水", [
            ("堰", "堰", "h1"), ("水", "水", "p"),
        ]),
        ("import A from 'b' c", [("import A from 'b' c", "import A from 'b' c", "p")]),
        ("import A from 'b'\n水", [("import A from 'b' 水", "import A from 'b'\n水", "p")]),
        ("```\n:::note\n{/* a */}\n:::\n```", [(":::note {/* a */} :::", ":::note\n{/* a */}\n:::", "pre code")]),
        ("::::::\n一 :::二", [(":::::: 一 :::二", "::::::\n一 :::二", "p")]),
        ("[\n\n### 堰\n\n水`x`\n\n](u_(1) \"a (b)\")\n\n三", [
            ("堰", "堰", "a h3"), ("水x", "水`x", "a p"), ("三", "三", "p"),
        ]),
        ("> [![](a.png)\n>\n> **堰**\n>\n> ](u)\n\n二", [("堰", "堰", "blockquote a p strong"), ("二", "二", "p")]),
        ("[\n\n堰\n\n](u", [("[", "[", "p"), ("堰", "堰", "p"), ("](u", "](u", "p")]),
        ("> 堰\n{.is-warning}\n\n{a}", [("堰", "堰", "blockquote p"), ("{a}", "{a}", "p")]),
        ("![](a.png =50x) ![堰](b.png =1x2 'c') 水", [("水", "水", "p")]),
        ("一\r\r二\r\n三", [("一", "一", "p"), ("二 三", "二\r\n三", "p")]),
        # What closes or opens with a space inside, or beside words of another script, leaves lists and headings be.
        (
            "1. **潮位:**PC室\n2. **水门 **开",
            [("潮位:PC室", "潮位:**PC室", "ol li strong"), ("水门 开", "水门 **开", "ol li strong")],
        ),
        ("- **潮位 **表\n- 二", [("潮位 表", "潮位 **表", "ul li strong"), ("二", "二", "ul li")]),
        ("## **🌊 **Tides\n\n潮", [("🌊 Tides", "🌊 **Tides", "h2 strong"), ("潮", "潮", "p")]),
        ("潮**\n\n## 水 **门", [("潮**", "潮**", "p"), ("水 **门", "水 **门", "h2")]),
    ],
)  # fmt: skip
def test_blocks_have_the_text_that_is_seen(body: str, expected: list[tuple[str, str, str]]) -> None:
    found = cut_markdown(body).blocks
    shown = [(b.text, body[b.start : b.end], " ".join(token.tag or "" for token in b.path)) for b in found]
    assert shown == expected


def test_links_are_inline_by_reference_and_bare() -> None:
    body = "[一](/a) [二][r] <https://b.example> 见https://c.example/x_y?a=1&b=(2))。\n\n[r]: /c 'd'"
    (block,) = cut_markdown(body).blocks
    links = [(block.text[link.start : link.end], link.href) for link in block.links]
    address = "https://c.example/x_y?a=1&b=(2)"
    assert links == [("一", "/a"), ("二", "/c"), ("https://b.example",) * 2, (address, address)]


def test_a_link_around_blocks_is_each_one_s_and_ends_with_the_last() -> None:
    body = "[\n\n# 堰\n\n水 https://c.example/ 又来\n\n](/a)\n\nhttps://d.example/\n\n![](a.png =50x)"
    found = cut_markdown(body)
    assert [[link.href for link in block.links] for block in found.blocks] == [["/a"], ["/a"], ["https://d.example/"]]
    assert [medium.src for medium in found.media] == ["a.png"]
    assert check_article(*rows_of(body)) == []


def test_shortcodes_stay_in_the_text_as_they_are_written() -> None:
    codes = '{{<quay "a">}}', "{{</quay>}}", '{{<credit\n  name="Ada"\n>}}', '{{<embed src="x" />}}'
    picture = f"![{codes[3]}](a.png '{codes[1]}')"
    body = f"{codes[0]}\n\nThe {codes[3]} weir &amp; {codes[1]}\n\n{codes[2]}\n\n> {codes[0]} {picture}"
    found = cut_markdown(body)
    texts = [codes[0], f"The {codes[3]} weir & {codes[1]}", " ".join(codes[2].split()), codes[0]]
    assert [block.text for block in found.blocks] == texts
    assert [(medium.alt, medium.title) for medium in found.media] == [(codes[3], codes[1])]
    assert check_article(*rows_of(body)) == []


def test_shortcodes_inside_of_markup_are_text_beside_its_tags() -> None:
    body = '<div class="{{<quay>}}">\nThe weir {{<lamp "a">}}\n<b>burns</b> {{</lamp>}}\n</div>\n'
    (block,) = cut_markdown(body).blocks
    assert block.text == 'The weir {{<lamp "a">}} burns {{</lamp>}}'
    assert check_article(*rows_of(body)) == []


@pytest.mark.parametrize("code", ["", "\n\n{{<lamp>}}"])
@pytest.mark.parametrize("sign", ["\ue001", "\ue002", "\ufdd0", "\ufdd1"])
def test_no_character_of_a_text_is_taken_for_what_a_shortcode_has(sign: str, code: str) -> None:
    body = f'<div>\n{sign} tide &lt; {sign}\n</div>\n\n> {sign}\n> \tbell\n\n![a {sign} b](c.png "d {sign}"){code}'
    found = cut_markdown(body)
    assert [block.text for block in found.blocks][:2] == [f"{sign} tide < {sign}", f"{sign} bell"]
    (medium,) = found.media
    assert (medium.alt, medium.title) == (f"a {sign} b", f"d {sign}")
    assert check_article(*rows_of(body)) == []


def test_what_a_generator_fills_in_is_an_address_and_no_text() -> None:
    body = (
        '[一]({{< ref "/b c" >}} "d")[二]({{ site.url }}{% post_url e %})![三](/f/{{ g }}.png)'
        '<a href="{{< ref "h" >}}" rel=i>四</a><img src={j("k")} style={{l: \'m\', n: {o: 1}}} />[五][p]'
        "\n\n[p]: {{ q }}"
    )
    found = cut_markdown(body)
    assert [(block.text, [link.href for link in block.links]) for block in found.blocks] == [
        ("一二四五", ['{{< ref "/b c" >}}', "{{ site.url }}{% post_url e %}", "{{< ref 'h' >}}", "{{ q }}"])
    ]
    assert [medium.src for medium in found.media] == ["/f/{{ g }}.png", "j('k')"]
    assert check_article(*rows_of(body)) == []


def test_a_tag_of_liquid_on_the_line_before_definitions_is_no_part_of_a_paragraph_with_them() -> None:
    body = '堰又[开][p]了。\n\n{% include ends.md %}\n{% include more.md b="c" %}\n[p]: /pier\n[q]: /quay\n'
    found = cut_markdown(body)
    assert [(block.text, [link.href for link in block.links]) for block in found.blocks] == [
        ("堰又开了。", ["/pier"]), ("{% include ends.md %}", []), ('{% include more.md b="c" %}', []),
    ]  # fmt: skip
    assert check_article(*rows_of(body)) == []


def test_form_is_told() -> None:
    found = cut_markdown("**一**\n\n*二*\n\n**三**四").blocks
    assert [(block.bold, block.italic) for block in found] == [(True, False), (False, True), (False, False)]


@pytest.mark.parametrize("word", ["lamp", "灯"])
def test_addresses_keep_the_signs_that_are_markers_in_a_text(word: str) -> None:
    body = f'{word}～[a](/~b/(c)~d "e ~ f") <https://g.example/~h> [i][1] 3~5, 10~20\n\n![](/~j.png "~")\n\n[1]: /~k\n'
    found = cut_markdown(body)
    assert [block.text for block in found.blocks] == [f"{word}～a https://g.example/~h i 3~5, 10~20"]
    assert [link.href for link in found.blocks[0].links] == ["/~b/(c)~d", "https://g.example/~h", "/~k"]
    assert [(medium.src, medium.title) for medium in found.media] == [("/~j.png", "~")]


def test_media_are_told_with_their_places() -> None:
    picture, embed = '![a *b*](x.png "t")', '<iframe src="v"></iframe>'
    body = f"一\n\n{picture}\n*图注*\n\n> <img src=y>二\n\n{embed}\n\n<!-- <img src=n> -->"
    found = cut_markdown(body)
    assert [(m.kind, m.src, m.alt, m.title, m.ordinal) for m in found.media] == [
        ("image", "x.png", "a b", "t", 1), ("image", "y", None, None, 2), ("embed", "v", None, None, 3),
    ]  # fmt: skip
    assert [body[m.start : m.end] for m in found.media] == [
        '![a *b*](x.png "t")', "<img src=y>", '<iframe src="v">',
    ]  # fmt: skip
    assert len(found.skipped) == 1


@settings(max_examples=60, deadline=None)
@given(SOUND)
def test_an_independent_reader_sees_the_same(body: str) -> None:
    expected = [block.text for block in cut(INDEPENDENT.render(body)).blocks]
    assert [block.text for block in cut_markdown(body).blocks] == expected
    assert check_article(*rows_of(body)) == []


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_laws_1_to_4_and_7_hold_for_any_mixture(body: str) -> None:
    article, paragraphs, data = rows_of(body)
    assert check_article(article, paragraphs, data) == []
    found = cut_markdown(body, max_depth=10_000)
    for medium in found.media:
        assert body[medium.start] in "<!"
        assert medium.ordinal == sum(block.end <= medium.start for block in found.blocks)


@pytest.mark.parametrize(
    ("column", "change"), [("byte_start", -2), ("byte_start", 3), ("byte_end", 2), ("byte_end", -3), ("text_hash", 1)]
)
def test_a_tampered_span_breaks_law_1(column: str, change: int) -> None:
    article, paragraphs, data = rows_of("前 **水又来** 后\n\n二")
    paragraphs[0][column] += change
    assert 1 in {breach.law for breach in check_article(article, paragraphs, data)}


MANY = 20_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "> " * MANY + "a", ">" * MANY, "- " * MANY + "a", "[" * MANY + "]" * MANY, "[a](" * MANY,
        "![" * MANY, "*a " * MANY,
        "**重：" * MANY, "** 重 " * MANY, "*a_ " * MANY, "`" + "a`" * MANY,
        "<a href=\"" * MANY, "&" * MANY, "<!--" * MANY,
        "){: " * MANY, "http://a.example/" + ")." * MANY, "|" * MANY + "\n" + "|-" * MANY, "字" * 1_000_000,
        "<div>\n" * MANY,
        "<a b={" * MANY, "<a b " * MANY + "={", "](a{{b " * MANY, "](" + "{{a}}" * MANY, "{/* " * MANY,
        "](" + "(a" * MANY, "](()" * MANY, "](a~" * MANY, "[a]: " * MANY,
        "<a b={" + "{a}" * MANY, ":::a " * MANY + "\n:::\n" * MANY, "a=\"{{ " * MANY,
    ],
)  # fmt: skip
def test_hostile_bodies_end(body: str) -> None:
    with suppress(TooDeep):
        cut_markdown(body)


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("# 堰", True), ("一\n\n二", True), ("> 一\n> 二", True), ("- 一\n- 二", True),
        ("看[这](https://a.example)。", True), ("一\r\n\r\n**二**\r\n\r\n<br>", True), ("", False), ("一句话", False),
        ("<p>一</p>\n\n<p>二</p>", False),
        ("<div>\n\n  - 一\n\n</div>\n<p>很长的一段文字，在标签里</p>", False), ("<b>一</b>\n\n<i>二</i>", False),
        ("一<br><br>二", False),
        ("- 用`<ul>`代替`<ol>`，这一段很长\n\n一", True), ("看[这][1]。\n\n[1]: https://a.example", True),
        ("看[这]({{< ref \"a\" >}})。", True),
        ("The <b>weir</b> opened.\n\n{{<figure src=\"a.jpg\">}}\n\nThe <a href=\"/k\">keeper</a> saw <i>it</i>.", True),
        ("<div>\n\nThe <b>weir</b> opened.\n\nThe keeper saw <i>it</i>.\n\n</div>", False),
        ("<div>\r\nThe <b>weir</b> opened.\r\nThe keeper saw.\r\nNobody spoke.\r\n</div>", False),
        ("日期：x\n\n<div>很长的一段文字，在标签里</div>", False), ("<!-- # 堰\n\n -->\n\n<p>一</p>", False),
    ],
)  # fmt: skip
def test_markdown_is_told_by_what_it_holds(body: str, markdown: bool) -> None:
    assert looks_like_markdown(body) is markdown


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("> 原文来自公号：~~[题](https://a.example/x)~~\n\n---\n\n一", "https://a.example/x"),
        ("作者：林帆\n\n转载自 <https://a.example/x>", "https://a.example/x"),
        ("Originally published at [A](https://web.archive.org/web/20200101000000/https://a.example/x?y=1).",
         "https://a.example/x?y=1"),
        ("来源：[备份](https://archive.today/AbCdE) [原文](http://a.example/x)", "http://a.example/x"),
        ("原文：[题](https://archive.today/20200101/https://a.example/x)", "https://a.example/x"),
        ("来源：[题](https://web.archive.org/web/2020id_/http:/a.example/x)", "http://a.example/x"),
        ("见[别处](https://a.example/x)。", None),
        ("This post was originally published on [A](https://a.example/x).", "https://a.example/x"),
        ("*Source: <https://a.example/x>*", "https://a.example/x"), ("Via https://a.example/x", "https://a.example/x"),
        ("Nets were originally proposed in [a letter](https://a.example/x).", None),
        ("Ferries can be booked via [the quay](https://a.example/x).", None),
        ("As we said in the original [plan](https://a.example/x), the source is open.", None),
        ("原文：<https://archive.today/2R7Iv#a-1>", None),
        ("原文：~~https://www.shipin.example/kiosk/i?k=s~~", "https://www.shipin.example/kiosk/i?k=s"),
        ("一\n\n二\n\n三\n\n四\n\n原文：<https://a.example/x>", None),
        ("原文：[题](/x)", None),
        ("This article first appeared in A, [B](https://b.example/)'s letter.", None),
        ("This was originally published in [our letter](https://b.example/newsletters/#a).", None),
        ("This was first published in [our report of 2030](https://b.example/report.pdf).", None),
        ("The ferry's source is at <https://a.example/x>.", None),
        ("The open quay project is [three years old](https://a.example/x).", None),
        ("渡轮的灯亮了，" + "乘客从清晨开始排队，" * 20 + "\n\n来源：<https://a.example/x>", None),
        ("2031-08-14 · [Original →](https://a.example/x)", "https://a.example/x"),
        ("[Read the original post](https://a.example/x)", "https://a.example/x"),
        ("The [original lamp](https://a.example/x) is lit.", None),
        ("原文作者：[林帆](https://a.example/x)", None), ("图片来自：<https://a.example/x>", None),
        ("数据来源：[统计局](https://a.example/x)", None),
        ("见[别处](https://a.example/y)，原文来自「渡口」：[题](https://a.example/x)", "https://a.example/x"),
    ],
)  # fmt: skip
def test_a_reprint_names_its_original(body: str, address: str | None) -> None:
    assert original_address(cut_markdown(body).blocks) == address


def test_a_source_named_right_below_a_picture_is_the_pictures() -> None:
    named, label = cut_markdown("Source: <https://a.example/x>"), cut_markdown("原文：<https://a.example/x>")
    assert (original_address(named.blocks, {0}), original_address(named.blocks, {1})) == (None, "https://a.example/x")
    assert original_address(label.blocks, {0}) == "https://a.example/x"


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("[The *lamp*](https://web.archive.org/web/2024/https://a.example/x)\n\nIt burns.", "https://a.example/x"),
        ("# [The lamp](https://a.example/x)\n\nIt burns.", "https://a.example/x"),
        ("[The lamp](https://a.example/x) burns", None), ("[A lamp](https://a.example/x)\n\nIt burns.", None),
        ("It burns.\n\n[The lamp](https://a.example/x)", None), ("[The lamp](https://a.example/)\n\nIt burns.", None),
        ("[The lamp](/x)\n\nIt burns.", None),
    ],
)  # fmt: skip
def test_a_title_at_the_top_that_is_a_link_leads_to_the_original(body: str, address: str | None) -> None:
    blocks = cut_markdown(body).blocks
    assert (original_address(blocks, title="The lamp"), original_address(blocks, title="The lamp", page=True)) == (
        address,
        None,
    )


def test_a_whole_page_with_a_link_to_its_original_is_another_page() -> None:
    called, said = (
        cut_markdown("[Original](https://a.example/x)"),
        cut_markdown("First published at <https://a.example/x>"),
    )
    assert original_address(called.blocks) == "https://a.example/x"
    assert original_address(called.blocks, page=True) is None
    assert original_address(said.blocks, page=True) == "https://a.example/x"


RAW_MARK = re.compile(r"\*\*|~~|^#{1,6} |^> |!\[|\]\(|```|\{:|\[\^", re.MULTILINE)
MOST_RAW = 0.005


@pytest.fixture
def posts(corpus: Path) -> list[str]:
    texts = [path.read_bytes().decode() for path in sorted((corpus / "markdown" / "_posts").glob("*.md"))]
    return [text[read_header(text).body_start :] for text in texts]


def test_real_posts_are_told_and_read(posts: list[str]) -> None:
    cuts = [cut_markdown(body) for body in posts]
    blocks = [block for found in cuts for block in found.blocks]
    assert sum(RAW_MARK.search(block.text) is not None for block in blocks) < MOST_RAW * len(blocks)
    assert all(map(looks_like_markdown, posts))
    assert sum(original_address(found.blocks) is not None for found in cuts) > 0.75 * len(posts)
    for body in posts[::6]:
        assert check_article(*rows_of(body)) == []


def test_real_html_is_never_told_as_markdown(corpus: Path) -> None:
    paths = [path for kind in ("comment", "bare", "jekyll") for path in sorted((corpus / kind).rglob("*"))[::3]]
    texts = [path.read_bytes().decode() for path in paths if path.is_file()]
    assert not [text[:80] for text in texts if looks_like_markdown(text[read_header(text).body_start :])]
