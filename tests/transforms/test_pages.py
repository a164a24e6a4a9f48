"""Whole pages: which blocks are the article's, what a page says of itself, and the encoding it declares."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pressmark.storage.versions import parse_source
from pressmark.transforms import page_model
from pressmark.transforms.blocks import cut
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.page_facts import page_facts
from pressmark.transforms.page_features import FEATURES, features
from pressmark.transforms.pages import declared_inside, main_blocks
from pressmark.transforms.records import Limits, Reading, Reject

SENTENCES = (
    "The lamp at the end of the pier went out on Tuesday, and nobody in the harbour office knew why.",
    "A keeper who has tended it for thirty years said that the oil had been changed in the spring.",
    "Two ferries waited outside until the morning, with their passengers asleep on the benches.",
    "The council will meet on Friday to decide whether the old lens is to be kept or replaced.",
    "Until then a boat with a lantern lies at the mouth of the harbour, and is paid by the hour.",
)
CHINESE = (
    "周二晚间，码头尽头的灯忽然熄灭，港务处没有人知道原因，两艘渡船只好在港外等到天亮。",
    "看守这盏灯三十年的老人说，春天刚换过灯油，灯芯也是新的，他从来没有见过这样的事情。",
    "镇议会将在周五开会，决定是保留旧的透镜，还是换一盏电灯；在此之前由一条小船守在港口。",
    "有居民担心，换灯之后，老人便无事可做。议会表示会另作安排，但没有说明具体的办法。",
)


def page(story: tuple[str, ...], title: str, *, words: tuple[str, ...], frame: str = "article") -> str:
    """A news page with menus, the story, cards of other stories, comments and a footer."""
    menu = "".join(f'<li><a href="/{n}">{word}</a></li>' for n, word in enumerate(words))
    cards = "".join(
        f'<div class="card"><a href="/c{n}"><h3>{word} {title[::-1][:9]}</h3></a></div>' for n, word in enumerate(words)
    )
    body = "".join(f"<p>{text}</p>" for text in story)
    return (
        f"<html><head><title>{title} | {words[0]}</title></head><body>"
        f"<header class='site-header'><nav><ul>{menu}</ul></nav></header>"
        f"<{frame} class='main-content'><h1>{title}</h1><div class='article-body'>{body}</div></{frame}>"
        f"<aside class='related'><h2>{words[1]}</h2>{cards}</aside>"
        f"<section class='comments'><div class='comment'><span>Tom</span><p>{words[2]}!</p></div></section>"
        f"<footer class='site-footer'><ul>{menu}</ul><p>© {words[0]}. {words[3]}</p></footer></body></html>"
    )


PAGES = {
    "English": (page(SENTENCES, "A lamp goes out", words=("Wick", "More stories", "Terrible", "Contact")), SENTENCES),
    "Chinese": (page(CHINESE, "码头的灯熄灭了", words=("灯塔报", "相关阅读", "太可惜", "版权所有")), CHINESE),
    "no article element": (
        page(SENTENCES, "A lamp goes out", words=("Wick", "Most read", "Sad", "Contact"), frame="div"), SENTENCES,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("markup", "story"), PAGES.values(), ids=PAGES)
def test_the_story_is_told_from_menus_cards_comments_and_footers(markup: str, story: tuple[str, ...]) -> None:
    blocks = cut(markup).blocks
    verdict = main_blocks(blocks, page_facts(markup).titles)
    chosen = [block.text for block, main in zip(blocks, verdict.main, strict=True) if main]
    assert [text for text in chosen if text in story] == list(story)
    assert len(chosen) <= len(story) + 1


@pytest.mark.parametrize("name", ["opOpinie", "yorumlar", "hozzaszolasok-box", "komentarze"])
def test_comments_are_no_story_in_whatever_language_their_box_is_called_so(name: str) -> None:
    story = "".join(f"<p>{text}</p>" for text in SENTENCES)
    others = "".join(f"<div><b>~Tom [2021-03-05 10:02]</b><p>{text[::-1]}</p></div>" for text in SENTENCES)
    blocks = cut(f"<div id=page><div><h1>A lamp</h1>{story}</div><div class={name}>{others}</div></div>").blocks
    verdict = main_blocks(blocks, ("A lamp",))
    chosen = [block.text for block, main in zip(blocks, verdict.main, strict=True) if main]
    assert [text for text in chosen if text != "A lamp"] == list(SENTENCES)


def test_of_a_long_text_that_stands_twice_one_is_the_articles() -> None:
    story = "".join(f"<p>{text}</p>" for text in SENTENCES)
    blocks = cut(f"<main><h1>A lamp</h1>{story}<div>{story}</div></main>").blocks
    verdict = main_blocks(blocks)
    chosen = [block.text for block, main in zip(blocks, verdict.main, strict=True) if main]
    assert len({*SENTENCES} & {*chosen}) == sum(text in SENTENCES for text in chosen)


@given(
    st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<p>", "word. ", "<article class='nav'>", "<h1>", "<a href=x>", "</a>", "光。"]
        )
    )
)
def test_every_block_gets_a_verdict_and_a_full_row(parts: list[str]) -> None:
    blocks = cut("".join(parts)).blocks
    assert all(len(row) == len(FEATURES) for row in features(blocks).rows)
    verdict = main_blocks(blocks)
    assert len(verdict.main) == len(verdict.likely) == len(blocks)
    assert verdict == main_blocks(blocks)


def test_the_trees_were_grown_on_these_numbers() -> None:
    assert tuple(page_model.NAMES) == FEATURES


@given(
    st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<p>", "word. ", "<h1>", "<img src=x>", "<embed src=x>", "<figure>", "</figure>",
             "<!--", "<title>", "</title>", "<time>", "2021-03-04", "<table><tr><td>", "<li>", "</ul>", "<blockquote>"]
        )
    )
)  # fmt: skip
@example(["<img src=x>"])
def test_no_page_is_too_odd_for_the_rules(parts: list[str]) -> None:
    """Pages without a text, without a story, with nothing but a title: each has rows, or a reason that says why not."""
    page = "".join(["<!doctype html><html><body>", *parts]).encode()
    outcome = parse_source(page, "a.html", Limits(), FAR_FUTURE, "", Reading())
    assert not isinstance(outcome, Reject) or outcome.reason == "no_text"


def test_facts_come_from_json_ld_in_a_graph_with_people_by_reference() -> None:
    graph = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": "The Wick"},
            {"@type": "Person", "@id": "#ada", "name": "Ada Moth"},
            {
                "@type": ["NewsArticle"], "headline": "A lamp goes out",
                "author": [{"@id": "#ada"}, {"name": "Ben Wick"}],
                "datePublished": "2026-03-01T09:00:00+01:00", "dateModified": "2026-03-02",
                "keywords": "lamps, harbours", "articleSection": ["Town"], "inLanguage": "en-GB",
            },
        ],
    }  # fmt: skip
    facts = page_facts(
        f'<script type="application/ld+json">{json.dumps(graph)}</script>'
        '<link rel="canonical" href="https://wick.example/lamp"><meta property="og:description" content="No light.">'
        '<meta name="edition" content="late"><meta name="viewport" content="x">'
    )
    assert facts[:10] == (
        "https://wick.example/lamp", "A lamp goes out", ("Ada Moth", "Ben Wick"), "2026-03-01T09:00:00+01:00",
        "2026-03-02", "No light.", ("lamps", "harbours"), ("Town",), "en-GB", "The Wick",
    )  # fmt: skip
    assert facts.metadata == {"edition": "late"}


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ('{"@type": "NewsArticle", "datePublished": "2026-03-01",}', "2026-03-01"),
        ('[{"@type": "BlogPosting", "datePublished": "2026-03-01"}]; ', "2026-03-01"),
        ('{"@type": "NewsArticle", "headline": "two\nlines", "datePublished": "2026-03-01"}', "2026-03-01"),
        ('{"@type": "NewsArticle", "datePublished": ', None),
        ("[" * 100_000, None),
    ],
    ids=["comma too many", "list and semicolon", "line end in a string", "cut off", "too deep"],
)
def test_broken_json_is_read_as_far_as_it_goes(text: str, published: str | None) -> None:
    assert page_facts(f'<script type="application/ld+json">{text}</script><p>x').published == published


def described(*articles: Mapping[str, object]) -> str:
    graph = json.dumps([{"@type": "NewsArticle", **one} for one in articles])
    return f'<script type="application/ld+json">{graph}</script>'


@pytest.mark.parametrize(
    ("markup", "authors"),
    [
        ('<meta name="author" content="By Ada Moth and Ben Wick, Staff Writer">', ("Ada Moth", "Ben Wick")),
        ('<meta name="author" content="ada@wick.example">', ()),
        ('<meta name="author" content="Ada Moth | ada@wick.example">', ("Ada Moth",)),
        ('<meta name="author" content="Ada Moth ada@wick.example">', ("Ada Moth",)),
        ('<meta name="author" content="The Wick"><a rel="author" href="/a">Ada Moth</a>', ("Ada Moth",)),
        ('<meta name="author" content="The Wick">', ("The Wick",)),
        ('<meta name="author" content="The Wick, Wickhaven, Germany">', ("The Wick",)),
        ('<meta name="author" content="The Wick, Wickhaven, Germany"><p class=author>Ada Moth</p>', ("Ada Moth",)),
        (
            """<meta name='parsely-page' content='{"authors": ["Ada Moth"], "tags": []}'><p class=author>A B</p>""",
            ("Ada Moth",),
        ),
        ("<h1>A lamp</h1><p>By</p><p><a>Ada Moth</a></p>", ("Ada Moth",)),
        ('<span class="author">作者：林帆 乔一苇</span>', ("林帆", "乔一苇")),
        ('<meta property="article:author" content="https://wick.example/ada">', ()),
        ('<meta name="author" content="104363"><p class="author">林帆</p>', ("林帆",)),
        ('<p class="author">[责任编辑：林帆 PK155]</p>', ()),
        ('<p class="author"><a>林帆</a><span>松岭大学水文研究院院长</span></p>', ("林帆",)),
        ('<p class="author"><span>林帆</span><span>乔一苇</span></p>', ("林帆", "乔一苇")),
        ('<p class="author"><a>林帆</a><span>灯塔号</span></p>', ("林帆",)),
        ('<p class="author">来源: 松岭网</p>', ()),
        ('<p class="author">+复制链接</p>', ()),
        ('<span class="authorized">我已授权</span>', ()),
        (f'<title>{"灯熄灭了" * 7}</title><p class="author">{"灯熄灭了" * 7}</p>', ()),
        ('<title>Maud Ellery</title><p class="author">Maud Ellery</p>', ("Maud Ellery",)),
        (
            '<link rel=canonical href="https://www.wick.example/a"><meta name="author" content="wick.example">'
            '<p class="author">Ada Moth</p>',
            ("Ada Moth",),
        ),
        ('<meta name="author" content="&lt;a href=&quot;/ada&quot;&gt;Ada Moth&lt;/a&gt;">', ("Ada Moth",)),
        ('<meta name="author" content="facebook.com"><p class="author">Ada Moth</p>', ("Ada Moth",)),
        ('<meta name="author" content="anónimo">', ()),
        ('<meta itemprop="author" content="(Image: Wick Pictures)"><p class="author">Ada Moth</p>', ("Ada Moth",)),
        ('<p class="author">Twitter Facebook</p>', ()),
        ('<a rel=author href=/a>More About Moth</a><p class="author">Ada Moth</p>', ("Ada Moth",)),
        ('<html lang="ja"><meta name="author" content="松岡 美帆">', ("松岡 美帆",)),
        (described({"author": [{"givenName": "Ada", "familyName": "Moth"}]}), ("Ada Moth",)),
        ('<p class="author">Themen bearbeiten</p>', ()),
        ('<p class="author">Ada van der Moth</p>', ("Ada van der Moth",)),
        ('<p class="author">ลงโฆษณากับประชาคมริมน้ำ</p>', ()),
        ('<p class="author">สมชาย ใจดี</p>', ("สมชาย ใจดี",)),
        (described({"author": {"name": ["Ada Moth", "Ben Wick"]}}), ("Ada Moth", "Ben Wick")),
        (described({"author": {"name": ", The Pier Daily"}}) + "<p class=author>Ada Moth</p>", ("Ada Moth",)),
        (described({"author": {"name": ", The Pier Daily"}}), ("The Pier Daily",)),
        ('<meta property="article:author" content="ada.moth.12"><p class=author>Ada Moth</p>', ("Ada Moth",)),
        (described({"author": [{"name": "Ada M.K."}, {"name": "Ben Wick Jr."}]}), ("Ada M.K.", "Ben Wick Jr.")),
        ('<meta name="author" content="Ada Moth MS, RDN, LD">', ("Ada Moth MS, RDN, LD",)),
        # Who made or owns the site goes behind who wrote.
        ('<meta name="author" content="LampNet sp. z o.o."><p class="author">Ada Moth</p>', ("Ada Moth",)),
        ('<meta name="author" content="lamp.example.pl"><p class="author">Ada Moth</p>', ("Ada Moth",)),
        ('<meta name="author" content="lamp.pl">', ("lamp.pl",)),
        ('<meta name="author" content="Design: Ben Wick. HTML: Cy Ost"><p class=author>Ada Moth</p>', ("Ada Moth",)),
        ('<meta name="author" content="Web design by Wick"><p>No name</p>', ()),
        ("<p class=author>Por: Ada Moth</p>", ("Ada Moth",)),
        ("<p class=author>Article written by Ada Moth</p>", ("Ada Moth",)),
        ("<p class=author>Email Ada Moth</p>", ("Ada Moth",)),
        ("<p class=author>Autor: Ada Moth. Data publikacji Pią, 2021-03-05</p>", ("Ada Moth",)),
        ("<p class=author>Του Στέφανου Φάρου</p>", ("Στέφανου Φάρου",)),
        ("<p class=author>Join Us Now</p>", ()),
        ("<h1>A lamp</h1><p>👤 Ада Моль | 5 марта 2021</p>", ("Ада Моль",)),
    ],
)
def test_authors_are_people_and_the_outlet_only_where_nobody_else_is_named(
    markup: str, authors: tuple[str, ...]
) -> None:
    assert page_facts(f'<meta property="og:site_name" content="The Wick">{markup}').authors == authors


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title>A lamp goes out | The Wick</title>", "A lamp goes out"),
        ("<title>The Wick: news</title><h1>The Wick</h1><h1>News</h1>", "News"),
        ('<title>灯熄灭了_灯塔报</title><h1 class="logo">首页</h1>', "灯熄灭了"),
        (
            '<meta property="og:title" content="A lamp - and a lens"><title>A lamp - and a lens - The Wick</title>',
            "A lamp - and a lens",
        ),
        ("<p>nothing</p>", None),
        (
            '<meta property="og:title" content="A lamp goes out at the pier"><h1 hidden>The Harbour Wick</h1>'
            "<title>A lamp goes out at the pier - The Harbour Wick</title><h2>A lamp goes out at the pier</h2>",
            "A lamp goes out at the pier",
        ),
        ("<title>港口的灯在夜里熄灭了 :: 松岭的家</title><h1>松岭的家</h1>", "港口的灯在夜里熄灭了"),
        ("<title>Culture: A lamp goes out</title><h1>A lamp goes out</h1>", "A lamp goes out"),
        ("<title>港口的灯在夜里熄灭了-松岭网</title>", "港口的灯在夜里熄灭了"),
        ("<title>港口的灯在夜里熄灭了-一个故事</title>", "港口的灯在夜里熄灭了-一个故事"),
        ("<title>港口的灯在夜里熄灭了-EDN 电子</title><h4>港口的灯在夜里熄灭了</h4>", "港口的灯在夜里熄灭了"),
        ("<title>港口的灯在夜里熄灭了-一个故事</title><h4>港口的灯</h4>", "港口的灯在夜里熄灭了-一个故事"),
        (
            "<title>A lamp at the pier goes out</title><h1><a href=/h>Harbour |</a> A lamp at the pier goes out</h1>",
            "A lamp at the pier goes out",
        ),
        (
            "<title>A lamp at the pier goes out</title><h1>Harbour: A lamp at the pier goes out</h1>",
            "Harbour: A lamp at the pier goes out",
        ),
        (described({"headline": "The Wick"}) + "<title>A lamp goes out</title><h1>Old lamps</h1>", "A lamp goes out"),
        # What a page prints by itself tells where its title ends.
        ("<title>Is the lamp out? - Sea - Wick Online</title><body><b>Is the lamp out?</b>", "Is the lamp out?"),
        ("<title>码头的灯在夜里“灭”了-灯,码头-北港</title><b>码头的灯在夜里“灭”了</b>", "码头的灯在夜里“灭”了"),
        ("<title>БЕРЕГ : «Фонарь» погас</title><body><div>«Фонарь» погас</div>", "«Фонарь» погас"),
        (
            "<title>TO KYMA - A lamp - out at the pier - harbour and sea</title><body><a href=/sea>Harbour and sea</a>"
            "<td>A lamp - out at the pier</td>",
            "A lamp - out at the pier",
        ),
        ("<title>Wick Online - The lamp is out</title><i>Wick Online</i><b>The lamp is out</b>", "The lamp is out"),
        ("<title>A lamp is out at the old pier :: Sea, Wind</title><b>Sea, Wind</b>", "A lamp is out at the old pier"),
        # What is glued to a title within its heading.
        (
            "<title>The lamp at the pier is out - Local - Wick Online</title><h1><span>Sponsored by</span> The lamp "
            "at the pier is out</h1>",
            "The lamp at the pier is out",
        ),
        (
            "<title>The lamp at the pier is out – W</title><h1>The lamp at the pier is out<i>News</i><i>Sea</i></h1>",
            "The lamp at the pier is out",
        ),
        # Of pages that state their site's name alone.
        ("<title>The Harbour</title><body><h1>A lamp goes out at the pier</h1>", "A lamp goes out at the pier"),
        ("<title>The Harbour</title><body><h1><a href=/>All the news of the sea</a></h1>", "The Harbour"),
    ],
)
def test_the_title_is_the_articles_and_not_the_sites(markup: str, title: str | None) -> None:
    assert page_facts(f'<meta property="og:site_name" content="The Wick">{markup}').title == title


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b'<meta charset="gb2312"><p>', "gb2312"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=big5">', "big5"),
        (b'<?xml version="1.0" encoding="Shift_JIS"?><html>', "Shift_JIS"),
        (b'<!--<meta charset="gbk">--><meta charset=koi8-r>', "koi8-r"),
        (b'<meta charset="utf-16">', "utf-8"),
        (b"<p>charset=gbk", None),
    ],
)
def test_a_page_declares_its_encoding_in_its_head(data: bytes, label: str | None) -> None:
    assert declared_inside(data) == label


LAMP = {
    "headline": "A lamp goes out",
    "datePublished": 1646113200,
    "author": "Ada Moth",
    "url": "https://wick.example/lamp",
}
FERRY = {"headline": "A ferry waits", "datePublished": "2020-02-02", "author": "Ben Wick"}
FOG = {"headline": "Fog on the bay", "datePublished": "2020-02-03", "author": "Cy Lantern"}


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        (
            f"{described(FERRY, LAMP)}<title>A lamp goes out | The Wick</title>",
            ("https://wick.example/lamp", ("Ada Moth",), 2022),
        ),
        (
            f"{described(FERRY, FOG)}<link rel=canonical href=https://wick.example/lamp><h1>The Wick</h1>",
            ("https://wick.example/lamp", (), None),
        ),
        (f"{described(LAMP)}<h1>Another title</h1>", ("https://wick.example/lamp", ("Ada Moth",), 2022)),
        ("<!-- saved from url=(0024)https://wick.example/a -->\n<h1>A</h1>", ("https://wick.example/a", (), None)),
        (
            "<!--\n Page saved with SingleFile\n url: https://wick.example/b\n--><h1>B</h1>",
            ("https://wick.example/b", (), None),
        ),
        ("<article><h1>A</h1><blockquote><p>Soon.</p><a>January 2, 2022</a></blockquote></article>", (None, (), None)),
        (
            "<article><h1>A</h1><time datetime=2022-01-02T03:04:05+02:00>2 January 2022</time></article>",
            (None, (), 2022),
        ),
    ],
    ids=[
        "of several",
        "a list of others",
        "one, under another title",
        "a browser's",
        "SingleFile's",
        "quoted",
        "to the second",
    ],
)
def test_facts_are_those_of_the_page_s_own_article(
    markup: str, found: tuple[str | None, tuple[str, ...], int | None]
) -> None:
    facts = page_facts(markup)
    year = int(facts.published[:4]) if facts.published else None
    assert (facts.url, facts.authors, year) == found
    assert facts.published is None or "T" in facts.published


@pytest.mark.parametrize(
    ("markup", "url"),
    [
        ("<!-- Saved from https://wick.example/a at 2022-03-05T12:00:00Z using monolith -->\n<h1>A</h1>", "/a"),
        ("<html><!--\n Archive processed by SingleFile \n url: https://wick.example/a \n--><h1>A</h1>", "/a"),
        ("<html>\n<!-- Mirrored from wick.example/a?b=1 by HTTrack Website Copier/3.x, Sat -->\n<h1>A</h1>", "/a?b=1"),
        ("<meta name=savepage-url content=https://wick.example/a><h1>A</h1>", "/a"),
        ('<html data-scrapbook-source="https://wick.example/a"><h1>A</h1>', "/a"),
        ("<base href=https://wick.example/2022/a><h1>A</h1>", "/2022/a"),
        ("<base href=https://wick.example/2022/><h1>A</h1>", None),
        ("<base href=https://wick.example><h1>A</h1>", None),
        ("<base href=https://wick.example/><link rel=canonical href=/a><h1>A</h1>", "/a"),
        ("<!-- saved from url=(0024)https://wick.example/a -->\n<link rel=canonical href=index.html><h1>A</h1>", "/a"),
        ("<!-- saved from url=(0024)https://wick.example/a -->\n<meta property=og:url content=//wick.example/>", "/a"),
        ("""<meta name=parsely-page content='{"link": "https://wick.example/a"}'><h1>A</h1>""", "/a"),
        (f"<link rel=canonical href=../lamp.html>{described(LAMP)}<h1>A lamp goes out</h1>", "/lamp"),
    ],
    ids=[
        "monolith's", "SingleFile's first", "HTTrack's", "Save Page WE's", "a scrapbook's", "a base", "a folder",
        "a site", "below a base", "saved, rewritten", "saved, and a front page",
        "in one element with all the rest", "of its article",
    ],
)  # fmt: skip
def test_a_saved_page_has_the_address_that_it_was_saved_from(markup: str, url: str | None) -> None:
    found = page_facts(markup).url
    assert (found and found.partition("://wick.example")[2]) == url


@pytest.mark.parametrize(
    ("links", "url"),
    [
        (["https://wick.example/", "https://wick.example/a"], "https://wick.example/a"),
        (["https://www.wick.example", "https://wick.example/a"], "https://wick.example/a"),
        (["https://wick.example/", "https://post.wick.example/a"], "https://post.wick.example/a"),
        (["https://wick.example/", "https://candlewick.example/a"], "https://wick.example/"),
        (["https://wick.example/", "https://other.example/a"], "https://wick.example/"),
        (["https://wick.example/"], "https://wick.example/"),
        (["https://wick.example/b", "https://wick.example/a"], "https://wick.example/b"),
        (["http://localhost:4000/b", "https://wick.example/a"], "https://wick.example/a"),
    ],
    ids=[
        "another of the page",
        "with and without www",
        "of a part of the site",
        "of one that ends alike",
        "another site's",
        "nothing else",
        "a page's own",
        "the machine's that made it",
    ],
)
def test_a_front_page_is_no_page_s_address_where_it_states_another(links: list[str], url: str) -> None:
    first, *rest = links
    markup = f'<link rel="canonical" href="{first}">' + "".join(
        f'<meta property="og:url" content="{one}">' for one in rest
    )
    assert page_facts(markup).url == url


def test_a_page_without_an_address_has_that_for_phones() -> None:
    phones = '<meta name="mobile-agent" content="format=html5;url=https://m.quay.example/lamp.html">'
    assert page_facts(phones).url == "https://m.quay.example/lamp.html"
    assert page_facts(f"<link rel=canonical href=https://quay.example/lamp>{phones}").url == "https://quay.example/lamp"
    assert page_facts(phones.replace("lamp.html", "")).url is None


def test_a_page_that_a_site_was_looked_at_by_has_no_address() -> None:
    made = "http://localhost:4000/lamp"
    assert page_facts(f'<link rel=canonical href="{made}">{described({"headline": "A", "url": made})}').url is None


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title>Quay Notes: A lamp</title><h1><a href=/>Quay Notes</a></h1><h3>A lamp</h3>", "A lamp"),
        (
            "<title>Quay Notes » A lamp</title><h1><a href=https://quay.example>Quay Notes</a></h1><h2>A lamp</h2>"
            "<p>It went out.</p><h2>Archives</h2>",
            "A lamp",
        ),
        (
            "<title>Quay Notes » A lamp</title><h1><a href=https://web.archive.org/web/20310305/http://quay.example/>"
            "Quay Notes</a></h1><h2>A lamp</h2>",
            "A lamp",
        ),
        ("<title>Quay Notes: A lamp</title><h1><a href=./>Quay Notes</a></h1><p>A lamp</p>", "Quay Notes"),
        ("<title>Lamps: A lamp</title><h1><a href=/>Lamps</a></h1><h2>A lamp</h2><p>It.</p><h2>A lamp</h2>", "Lamps"),
        ("<title>Three lamps: how they went out</title><h1>Three lamps</h1><h2>How they went out</h2>", "Three lamps"),
        (
            "<title>Three lamps: how they went out</title><h1><a href=/2031/lamps>Three lamps</a></h1>"
            "<h2>How they went out</h2>",
            "Three lamps",
        ),
        ("<title>Quay Notes</title><h1>Quay Notes</h1><h2>A lamp</h2>", "Quay Notes"),
        ("<title>notes.quay-wick.example: Lamps</title><h1><a href=/lamps>Lamps</a></h1>", "Lamps"),
        ("<title>notes.quay-wick.example: Lamp</title><h1><img></h1><h2>Lamp</h2>", "Lamp"),
    ],
    ids=[
        "a colon",
        "a sign",
        "a link within a web archive",
        "no heading below",
        "two headings below",
        "a second half below",
        "a link to itself",
        "a title alone",
        "a short title behind an address",
        "a lower heading behind an address",
    ],
)
def test_a_heading_that_only_begins_a_title_is_the_sites_where_the_rest_is_a_heading_below(
    markup: str, title: str
) -> None:
    facts = page_facts(markup)
    assert facts.title == title
    assert ("Quay Notes: A lamp" in facts.titles) == (title == "Quay Notes" and ":" in markup)
