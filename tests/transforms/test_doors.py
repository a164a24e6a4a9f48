"""Which door a source comes in by, and what each gives."""

from __future__ import annotations

import gzip
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import News, breaches, read_table

from pressmark.flows.cli import main
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.records import Article, Limits, Reading, RecordFacts

SENTENCE = "次开放，读者从早晨开始在门口排队，馆长说书架都已经擦干净了。"
STORY = "".join(f"<p>松岭市图书馆今天第{n}{SENTENCE}</p>" for n in range(8))
PAGE = (
    "<!DOCTYPE html><html lang=zh><head><meta charset={charset}><title>图书馆开放 - 松岭时报</title>"
    "<link rel=canonical href=https://songling-times.example/lib><meta property=og:title content=图书馆开放>"
    "<meta name=author content=林帆><meta property=article:published_time content=2022-03-04T05:06:07+08:00>"
    "<meta name=keywords content=图书馆,松岭></head>"
    "<body><nav><ul><li><a href=/>首页</a><li><a href=/s>体育</a></ul></nav>"
    f"<article><h1>图书馆开放</h1>{STORY}<img src=/1.jpg></article>"
    "<footer>版权所有 <a href=/about>关于我们</a></footer></body></html>"
)
CAPTURE = {
    "url": "songling-times.example/s?id=1", "title": "被删的文章", "nickname": "松岭小报", "created_at": "2022-03-04",
    "censored_date": "2022-03-06 07:08:09", "censored_msg": "The content has been deleted.", "title_eng": "Deleted",
}  # fmt: skip


def parsed(source: str | bytes, **reading: str) -> Article:
    data = source if isinstance(source, bytes) else source.encode()
    outcome = parse(data, "a", load_outlets(), Limits(), reading=Reading(**reading))  # type: ignore[arg-type]
    assert isinstance(outcome, Article), outcome.detail
    return outcome


def texts(article: Article, role: str) -> list[str]:
    return [paragraph.text.decode() for paragraph in article.paragraphs if paragraph.role == role]


@pytest.mark.parametrize("charset", ["utf-8", "gb2312", "gbk"])
def test_a_page_is_its_own_header_and_drops_nothing(charset: str) -> None:
    article = parsed(PAGE.format(charset=charset).encode("gb18030" if charset != "utf-8" else "utf-8"))
    header = article.header
    assert (header.dialect, header.title, article.author) == ("page", "图书馆开放", "林帆")
    assert header.tags == ("图书馆", "松岭")
    assert article.canonical_url == "https://songling-times.example/lib"
    assert article.dates.published_at == datetime(2022, 3, 3, 21, 6, 7, tzinfo=UTC)
    assert len(texts(article, "body")) == 8
    assert {"首页", "体育", "版权所有 关于我们"} <= set(texts(article, "boilerplate"))
    assert [medium.src for medium in article.media] == ["https://songling-times.example/1.jpg"]


def test_a_capture_says_what_became_of_its_page() -> None:
    article = parsed(f"<!-- {json.dumps(CAPTURE, ensure_ascii=False)} -->\n{PAGE.format(charset='utf-8')}")
    header = article.header
    assert (header.dialect, header.title, header.author) == ("json_comment", "被删的文章", "松岭小报")
    assert header.url == "https://songling-times.example/s?id=1"
    assert (header.removed_at, header.removed_reason) == (
        datetime(2022, 3, 6, 7, 8, 9, tzinfo=UTC), "The content has been deleted."
    )  # fmt: skip
    assert json.loads(header.metadata or "")["title_eng"] == "Deleted"
    assert article.dates.local_date is not None
    assert article.dates.local_date.isoformat() == "2022-03-04"


@pytest.mark.parametrize("comment", ["<!-- {broken -->", "<!-- {} -->", '<!-- {"url": 7, "censored_date": "x"} -->'])
def test_an_odd_comment_is_no_fault(comment: str) -> None:
    assert len(texts(parsed(f"{comment}\n{PAGE.format(charset='utf-8')}"), "body")) == 8


def test_a_page_may_begin_with_many_comments() -> None:
    assert len(texts(parsed("<!--part 0.01 -->" * 40 + PAGE.format(charset="utf-8")), "body")) == 8


@pytest.mark.parametrize(
    ("language", "printed", "day"),
    [("en-US", "3/4/2022", "2022-03-04"), ("en-GB", "3/4/2022", "2022-04-03"), ("en", "3/4/2022", None),
     ("en", "3/24/2022", "2022-03-24"), ("fr", "24/3/2022", "2022-03-24"), ("de", "5/5/2022", "2022-05-05"),
     ("en", "31/31/2022", None), ("en-US", "3/4/2022 9:30", "2022-03-04"), ("en-GB", "3/4/2022 9:30", "2022-04-03")],
)  # fmt: skip
def test_days_with_slashes_are_read_by_the_pages_language(language: str, printed: str, day: str | None) -> None:
    page = PAGE.format(charset="utf-8").replace("lang=zh", f"lang={language}").replace(
        "2022-03-04T05:06:07+08:00", printed
    )  # fmt: skip
    found = parsed(page).dates.local_date
    assert (found and found.isoformat()) == day


def test_what_is_shown_to_those_who_pay_is_part_of_a_pages_story() -> None:
    page = PAGE.format(charset="utf-8")
    paid = page.replace("<p>松岭市图书馆", "<p class='subscriber-only' style='display:none'>松岭市图书馆")
    assert texts(parsed(paid), "body") == texts(parsed(page), "body") != []


def test_what_is_hidden_is_no_part_of_a_pages_story() -> None:
    page = PAGE.format(charset="utf-8")
    hidden = page.replace("今天第3次", "今天第九次").replace(
        "<p>松岭市图书馆今天第九次", "<p hidden>松岭市图书馆今天第九次"
    )
    assert len(texts(parsed(page), "body")) == 8
    assert [text[8:11] for text in texts(parsed(hidden), "boilerplate") if "今天第" in text] == ["第九次"]


def test_a_record_of_markdown_is_markdown() -> None:
    facts = RecordFacts(url="https://songling-times.example/m", content_type="text/markdown")
    outcome = parse("水 **又** 来".encode(), "d.jsonl#0", load_outlets(), Limits(), facts=facts)
    assert isinstance(outcome, Article)
    assert (outcome.markup, outcome.text, outcome.header.dialect) == ("markdown", "水 又 来".encode(), "record")


def test_markdown_is_told_by_what_a_body_holds_or_said() -> None:
    header = "---\ntitle: 堰\n---\n"
    assert parsed(f"{header}# 堰\n\n**水**又来。\n\n- 一\n- 二\n").markup == "markdown"
    assert parsed(f"{header}<p>**水**</p>").markup == "html"
    assert parsed(f"{header}水 **又** 来", markup="markdown").text == "水 又 来".encode()


def test_packed_pages_are_read_and_lawful(news: News, tmp_path: Path) -> None:
    page = PAGE.format(charset="utf-8").encode()
    (news.archive / "a.html.gz").write_bytes(gzip.compress(page))
    (news.archive / "cut.html.gz").write_bytes(gzip.compress(page)[:200])
    (news.archive / "bomb.html.gz").write_bytes(gzip.compress(b"<html>" + b" " * (20 << 20)))
    (news.archive / "more.html.gz").write_bytes(2 * gzip.compress(page) + b"and more")
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    (row,) = read_table(news.out, "articles").to_pylist()
    assert (row["source_path"], row["source_bytes"]) == ("a.html.gz", len(page))
    rejects = {row["source_path"]: row for row in read_table(news.out, "rejects").to_pylist()}
    assert {path: row["reason"] for path, row in rejects.items()} == {
        "cut.html.gz": "unreadable", "bomb.html.gz": "too_large", "more.html.gz": "unreadable",
    }  # fmt: skip
    assert rejects["more.html.gz"]["raw"] == (news.archive / "more.html.gz").read_bytes()
    assert main(["explain", str(news.archive / "a.html.gz")]) == 0
    assert breaches(news.out, news.archive) == []


CARDS = "".join(
    f"<li><a href=/{n}><span>松岭河上的第{n}座老桥昨天重新开放</span></a><time>3月{n}日</time></li>" for n in (2, 3, 4)
)
BOXED = (
    "<!DOCTYPE html><html><head><title>图书馆开放</title></head><body><nav><a href=/>首页</a><a href=/s>体育</a></nav>"
    "<main><article><h1>图书馆开放</h1><div class=meta><p>2022年3月4日 10:30</p><p>记者 林帆</p></div>"
    f"<figure><img src=/1.jpg><figcaption>读者在门口排队</figcaption></figure><div>{STORY}</div></article></main>"
    f"<aside><div class=box><h3>大家在读</h3><ul>{CARDS}</ul></div></aside>"
    "<footer><p>松岭时报版权所有</p><a href=/about>关于松岭时报和它的读者们</a></footer></body></html>"
)


def test_what_stands_outside_a_page_s_story_has_its_own_role() -> None:
    article = parsed(BOXED)
    assert len(texts(article, "body")) == 8
    assert texts(article, "dateline") == ["2022年3月4日 10:30"]
    assert texts(article, "byline") == ["记者 林帆"]
    assert texts(article, "caption") == ["读者在门口排队"]
    # A box that is mostly titles of other stories is one, with its label; menus and the footer are none.
    assert len(texts(article, "related")) == 4
    assert texts(article, "related")[0] == "大家在读"
    assert {"首页体育", "松岭时报版权所有", "关于松岭时报和它的读者们"} <= set(texts(article, "boilerplate"))
    assert article.author == "林帆"


FAR = "http://far-away.example"
REMOTE = (
    f'<?xml version="1.0"?><!DOCTYPE html SYSTEM "{FAR}/a.dtd" [<!ENTITY x SYSTEM "{FAR}/x">]>'
    f"<html xmlns='{FAR}'><head><base href={FAR}/><link rel=stylesheet href={FAR}/s><script src={FAR}/s.js></script>"
    f'<script type="application/ld+json">{{"@context": "{FAR}/c", "@type": "NewsArticle", "url": "{FAR}/n"}}</script>'
    f"</head><body><article><h1>图书馆开放</h1>{STORY}<iframe src={FAR}></iframe><img src={FAR}/i.jpg>&x;</article>"
)


def test_nothing_is_fetched_because_a_source_names_it() -> None:
    """`conftest.py` lets no test ask another machine; here sources name some in every way."""
    with pytest.raises(AssertionError, match="asks another machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    front = f"---\ntitle: !!python/name:os.system {FAR}\nurl: {FAR}/m\ninclude: {FAR}/x.yml\n---\n"
    for source in (REMOTE, f"{front}![]({FAR}/i.png)\n\n[x]: {FAR}\n\n{SENTENCE}\n", f"{front}{REMOTE}"):
        outcome = parse(source.encode(), "a", load_outlets(), Limits())
        assert FAR in str(outcome)


@pytest.mark.parametrize("charset", ["ISO-8859-1", "windows-1252", "gbk"])
def test_a_page_knows_its_characters_better_than_a_server_s_default(charset: str) -> None:
    data = PAGE.format(charset="gbk").encode("gbk")
    facts = RecordFacts("https://songling-times.example/lib", charset, "text/html")
    outcome = parse(data, "a", load_outlets(), Limits(), facts=facts)
    assert isinstance(outcome, Article)
    assert (outcome.encoding, outcome.header.title) == ("gb18030", "图书馆开放")


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        ('{{< figure src="a.jpg" >}}\n\nA text.', "markup_in_text"),
        ("{% include a.html %}\n\nA text.", "markup_in_text"),
        ("export default function Lamp() {}\n\nA text.", "markup_in_text"),
        ('import Lamp from "./lamp"\n\nA text.', None), ('We import lamps from "a" town.', None),
        ("See [[a]] and [[b|c]].", "markup_in_text"), ("A set {a} of {{b}} and 50 %.", None),
        ('{{image "lamp.png" 640}}\n\nA text.', "markup_in_text"),
        ("== The weir\n\nIt opened, as link:https://a.example/x[we said].", "markup_in_text"),
        ("It opened[1], https://a.example/x[1] says, and https://a.example/y[2].", None),
        ("#+BEGIN_QUOTE\n\nIt [[https://a.example/x][opened]].", "markup_in_text"),
        ("It `opened <https://a.example/x>`_, and\n\n.. image:: weir.png", "markup_in_text"),
        ('h2. The weir\n\nIt "opened":https://a.example/x today.', "markup_in_text"),
        ("Câfé, déjà vu".encode().decode("cp1252") + ".\n\nA text.", "mojibake"), ("São João, Ãéâ “x”.\n\nText.", None),
    ],
    ids=["shortcode", "liquid", "MDX", "MDX's imports", "an import of lamps", "wiki", "braces", "Go's templates",
         "AsciiDoc", "numbers of notes", "Org", "reStructuredText", "Textile", "decoded twice", "accents"],
)  # fmt: skip
def test_what_was_read_as_what_it_is_not_is_flagged(body: str, flag: str | None) -> None:
    assert list(parsed(f"---\ntitle: a\n---\n\n{body}\n").flags) == ([flag] if flag else [])


def test_a_note_without_a_title_has_its_first_heading() -> None:
    assert parsed("---\ntags: [a]\n---\n\n# The *ferry* waits\n\nA text.\n").header.title == "The ferry waits"
    assert parsed("---\ntags: [a]\n---\n\nA text.\n\n# The ferry\n").header.title == ""
    assert parsed("---\ntitle: a\ncategories: [[新闻, 本地], 科技]\n---\n\nA text.\n").header.categories == (
        "新闻", "本地", "科技",
    )  # fmt: skip


ADDRESS = "https://songling-times.example/2022/lamp"
ABOVE = f"> * 永久链接：{'https://songling-times.example/' + 'lamp' * 30}\n" + "> * 译者：林帆\n" * 6 + "\n"


@pytest.mark.parametrize(
    ("source", "path", "url", "day"),
    [
        (f"# 渡口的灯\n\n> 原文：<{ADDRESS}>\n\n灯又亮了。\n", "a.md", ADDRESS, None),
        (f"> * 原文：[灯]({ADDRESS})\n{ABOVE}# 渡口的灯\n\n灯又亮了。\n", "a.md", ADDRESS, None),
        ("渡口的灯\n===\n\n2022年3月4日\n\n灯又亮了。\n", "a.md", None, "2022-03-04"),
        ("# 渡口的灯\n\n<div>灯又亮了。</div><p>灯又灭了。</p>\n", "news/20220304.md", None, "2022-03-04"),
        ("# 渡口的灯\n\n灯又亮了。\n", "2022-03-04 - 渡口的灯.md", None, "2022-03-04"),
        ("# 渡口的灯\n\n灯又亮了，2022年3月4日也亮过，那天风很大，船都停在港里。\n", "a.md", None, ""),
        ("灯又亮了。\n\n* 灯\n* 船\n", "2022-03-04 渡口的灯.txt", None, "2022-03-04"),
        ("## 夜里\n\n灯又亮了。\n", "2022/2022-03-04-渡口的灯/index.md", None, "2022-03-04"),
        ("灯又亮了。\n\n* 灯\n* 船\n", "渡口的灯.txt", None, ""),
        ("灯又亮了。\n\n* 灯\n", "2022-03-04-all-logs.txt", None, ""),
    ],
    ids=[
        "an address",
        "an address above",
        "a day",
        "HTML below",
        "a day in the name",
        "neither",
        "a name",
        "a folder",
        "a name without a day",
        "no title",
    ],
)
def test_markdown_without_a_header_says_when_or_where(source: str, path: str, url: str | None, day: str | None) -> None:
    outcome = parse(source.encode(), path, load_outlets(), Limits())
    if not isinstance(outcome, Article):
        assert (outcome.reason, day) == ("no_header", "")
        return
    local = outcome.dates.local_date
    assert (outcome.header.title, outcome.header.url, local and str(local)) == ("渡口的灯", url, day)
    assert (outcome.header_bytes, outcome.markup, outcome.header.dialect) == (0, "markdown", "front_matter")
    assert "灯又亮了。" in texts(outcome, "body")
    assert texts(outcome, "heading") in (["渡口的灯"], ["夜里"], [])


def test_a_title_with_a_day_and_a_name_is_no_byline() -> None:
    outcome = parse("# 2022-03-04 - 林帆\n\n灯又亮了。\n".encode(), "a.md", load_outlets(), Limits())
    assert isinstance(outcome, Article), outcome.detail
    assert (outcome.author, texts(outcome, "heading")) == (None, ["2022-03-04 - 林帆"])


@pytest.mark.parametrize(
    ("path", "title"),
    [("_posts/2022-03-04-the-lamp.md", "the lamp"), ("2022-03-04 渡口的灯.md", "渡口的灯"), ("index.md", ""),
     ("the-lamp/index.en.md", "the lamp"), ("Clippings/The lamp at the pier.md", "The lamp at the pier"),
     ("2022-03-04.md", ""), ("p/7f3a-12.md", "")],
)  # fmt: skip
def test_a_post_without_a_title_has_the_words_of_its_name(path: str, title: str) -> None:
    outcome = parse(b"---\ntags: [a]\n---\n\nThe lamp went out.\n", path, load_outlets(), Limits())
    assert isinstance(outcome, Article), outcome.detail
    assert outcome.header.title == title
