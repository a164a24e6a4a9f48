"""Three header dialects, as scrapers write them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from pressmark.transforms.header import BadSource, read_header, stated_at_top

URL = "https://songling-times.example/a"


@pytest.mark.parametrize(
    ("text", "dialect", "title", "url", "rest"),
    [
        (f"<!--1-->\n[标题]({URL})\n------\n\n<p>x", "comment", "标题", URL, "<p>x"),
        (f"<!--1-->\r\n[标题]({URL})\r\n------\r\n\r\n<p>x", "comment", "标题", URL, "<p>x"),
        (f"<!--1-->\r[标题]({URL})\r---\r\r<p>x", "comment", "标题", URL, "<p>x"),
        (f"<!--1-->\n[标题]({URL})\n------\n<p>x", "comment", "标题", URL, "<p>x"),
        (f"<!--1-->\n[标题]({URL})\n------<p>x", "comment", "标题", URL, "<p>x"),
        (f"[标题]({URL})\n------\n日期：x", "bare", "标题", URL, "日期：x"),
        (f"[标题]({URL})\n------", "bare", "标题", URL, ""),
        (f"[[视频] A &amp; B  C]({URL})\n------\n", "bare", "[视频] A & B C", URL, ""),
        (f"[断\n\n行\n]({URL})\n------\n", "bare", "断 行", URL, ""),
        (f"[t]({URL}(b)_(c))\n------\n", "bare", "t", f"{URL}(b)_(c)", ""),
        (f"[t]({URL}/渡轮（试航）/)\n------\n", "bare", "t", f"{URL}/渡轮（试航）/", ""),
        ("[t]()\n------\nx", "bare", "t", None, "x"),
        (f"---\ntitle: \"a \\\"b\\\"\"\nfrom: {URL}\n---\nx", "front_matter", 'a "b"', URL, "x"),
        (f"---\ntitle: 'it''s'\nfrom: {URL}\n---\nx", "front_matter", "it's", URL, "x"),
        (f"---\nlayout: post\n---\n<!--1-->\n[内]({URL})\n------\n\nx", "front_matter", "内", URL, "x"),
        ("---\r\ntitle: t\r\n---\r\nx", "front_matter", "t", None, "x"),
        ("---\rtitle: t\r---\rx", "front_matter", "t", None, "x"),
        ("---\ntitle: 外\n---\n<!--1-->\n[内](http://in.example)\n------\n\nx", "front_matter", "外",
         "http://in.example", "x"),
        (f"---\ntitle: 外\nfrom: {URL}\n---\n\n<!--1-->\n[内](http://in.example)\n------\n\nx", "front_matter", "外",
         URL, "x"),
        (f"---\ntitle: t\n---\n[内]({URL})\n---\nx", "front_matter", "t", URL, "x"),
        (f"---\ntitle: t\nfrom: {URL}\n---\n<div>x", "front_matter", "t", URL, "<div>x"),
        ("---\ntitle: t\n---", "front_matter", "t", None, ""),
        ("---\n---\nx", "front_matter", "", None, "x"),
        ("---\ntitle: A &amp; B: c\n---\nx", "front_matter", "A & B: c", None, "x"),
        ("---\ntitle: null\nfrom: ~\n---\nx", "front_matter", "", None, "x"),
        ("---\ntitle: t\n---\n<!-- note -->x", "front_matter", "t", None, "<!-- note -->x"),
        (f"<!--1-->\n[t]({URL})\n------", "comment", "t", URL, ""),
        (f"<!-- 1 --> \n[t]({URL}) \n------ \n \n\nx", "comment", "t", URL, "\nx"),
        (f"<!--1-->\n\n[t]({URL})\n--------------------\nx", "comment", "t", URL, "x"),
        ("<!--1-->\n[t](http://news.example//a//b)\n---\nx", "comment", "t", "http://news.example//a//b", "x"),
        (f"[a](b) [c]({URL})\n---\nx", "bare", "a](b) [c", URL, "x"),
        (f"[&#x677E;&lt;i&gt;\u3000\u00a0岭\ufffd]({URL})\n---\nx", "bare", "松<i> 岭\ufffd", URL, "x"),
        (f"[]({URL})\n---\nx", "bare", "", URL, "x"),
        (f"[一\r\n二\r三]({URL})\r\n---\r\nx", "bare", "一 二 三", URL, "x"),
        (f"[t]({URL})\n---\n------\nx", "bare", "t", URL, "------\nx"),
        (f'[t]({URL} "a (title)")\n---\nx', "bare", "t", URL, "x"), (f"[t](<{URL}>)\n---\nx", "bare", "t", URL, "x"),
        (f"[t]({URL} 'a title')\n---\nx", "bare", "t", URL, "x"),
        ("---\ntitle: 堰<BR>水\n---\nx", "front_matter", "堰 水", None, "x"),
    ],
    ids=[
        "comment", "CRLF", "CR", "no blank line", "no line end", "bare", "no body", "brackets and entities",
        "title over lines", "parentheses", "raw non-ASCII", "no URL", "double quotes", "single quotes", "inner header",
        "front matter CRLF", "front matter CR", "inner URL", "outer URL first", "inner bare header",
        "div after front matter", "front matter without line end", "front matter without fields", "plain scalar",
        "null scalars", "comment that is no time", "no final line end", "spaces and a second blank line",
        "blank line before the title", "double slashes", "brackets that are links", "white space in the title",
        "no title", "CRLF and CR in the title", "more dashes below", "a title behind the address",
        "an address in angles", "a title in single quotes", "a break in the title",
    ],
)  # fmt: skip
def test_a_header_says_title_url_and_where_the_body_starts(
    text: str, dialect: str, title: str, url: str | None, rest: str
) -> None:
    header = read_header(text)
    assert (header.dialect, header.title, header.url, text[header.body_start :]) == (dialect, title, url, rest)


@pytest.mark.parametrize(
    ("milliseconds", "iso"),
    [
        ("1641559501000", "2022-01-07T12:45:01+00:00"), ("-996595200000", "1938-06-03T08:00:00+00:00"),
        ("1641559501001", "2022-01-07T12:45:01.001000+00:00"), ("0", "1970-01-01T00:00:00+00:00"),
        ("-62135596800000", "0001-01-01T00:00:00+00:00"), ("253402300799999", "9999-12-31T23:59:59.999000+00:00"),
    ],
)  # fmt: skip
def test_header_times_are_exact(milliseconds: str, iso: str) -> None:
    moment = read_header(f"<!--{milliseconds}-->\n[t]({URL})\n------\n").header_at
    assert moment is not None
    assert moment.isoformat() == iso


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("<p>text</p>", "no_header", 0),
        ("", "no_header", 0),
        (f"[t]({URL})\n<p>no dashes", "no_header", 0),
        ("---\ntitle: never closed\n", "no_header", 0),
        (f"<!--NaN-->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f"<!---->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f"<!--99999999999999999-->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f"---\ntitle: t\n---\n<!--NaN-->\n[t]({URL})\n------\n", "bad_timestamp", 21),
        (f"<!--253402300800000-->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f"<!--1e12-->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f" \n<!-- {'9' * 30} -->\n[t]({URL})\n------\n", "bad_timestamp", 7),
        (f"<!--１６４１-->\n[t]({URL})\n------\n", "bad_timestamp", 4),
        (f"<!--1-->\n[t] {URL}\n------\n", "no_header", 0),
        (f"<!--1-->\n[t]({URL})\n--\n<p>x", "no_header", 0),
        (f"<p>x</p>\n[t]({URL})\n------\n", "no_header", 0),
        ("<!--1-->\n", "no_header", 0),
        (f"[t]({URL})------\nx", "no_header", 0),
    ],
    ids=[
        "html", "nothing", "no dashes", "front matter open", "NaN", "empty", "out of range", "NaN inside",
        "year 10000", "exponent", "too long a number", "digits that are not ASCII",
        "no parentheses", "two dashes", "text before", "only a time", "dashes on the same line",
    ],
)  # fmt: skip
def test_what_is_no_header_says_why_and_where(text: str, reason: str, position: int) -> None:
    with pytest.raises(BadSource) as bad:
        read_header(text)
    assert (bad.value.reason, bad.value.position) == (reason, position)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# A lamp\n\nThe lamp went out.\n", "markup without a header"),
        ("A lamp\n======\n\nThe lamp went out.\n", "markup without a header"),
        ('import Lamp from "./lamp"\n\n# A lamp\n', "MDX without front matter"),
        ("export const meta = {}\n\nThe lamp went out.\n", "MDX without front matter"),
        ("The lamp went out.\n\n**Nobody** knew why.\n", "the file starts with neither"),
    ],
)
def test_markdown_without_front_matter_is_told_what_to_write_before_it(text: str, kind: str) -> None:
    with pytest.raises(BadSource) as bad:
        read_header(text)
    assert kind in bad.value.detail
    assert "between `---` lines" in bad.value.detail


def test_front_matter_with_a_date_forgives_an_inner_time_that_is_none() -> None:
    header = read_header(f"---\ndate: 2021-09-01\n---\n<!--NaN-->\n[t]({URL})\n------\nx")
    assert header.header_at is None
    assert header.front_matter_at is not None
    assert header.front_matter_at.isoformat() == "2021-09-01"


def test_front_matter_hands_on_the_time_of_an_inner_header() -> None:
    header = read_header(f"---\ndate: 2021-09-01\n---\n<!--1641559501000-->\n[t]({URL})\n------\nx")
    assert header.header_at is not None
    assert header.header_at.isoformat() == "2022-01-07T12:45:01+00:00"
    assert header.front_matter_at is not None


@pytest.mark.parametrize("date", ["someday", "2022-13-01", "0001-01-01T00:00:00+08:00"])
def test_a_date_that_is_none_is_kept_as_text(date: str) -> None:
    header = read_header(f"---\nlayout: post\ndate: '{date}'\n---\nx")
    assert header.front_matter_at is None
    assert header.metadata == f'{{"date": "{date}", "layout": "post"}}'


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("author: 林 帆", "林 帆"), ("Author: '林帆 &amp; 乔'", "林帆 & 乔"), ("author:", None), ("author: ~", None),
        ("authors: [林帆, {name: 乔}]", "林帆、乔"),
    ],
    ids=["plain", "quoted", "empty", "null", "several"],
)  # fmt: skip
def test_an_author_comes_from_front_matter(line: str, author: str | None) -> None:
    assert read_header(f"---\n{line}\n---\nx").author == author


def test_a_title_may_be_long_but_a_text_without_dashes_is_none() -> None:
    title = "长" * 4000
    assert read_header(f"[{title}]({URL})\n------\nx").title == title
    with pytest.raises(BadSource):
        read_header("[" + "长" * 100_000)


def test_dashes_in_the_body_do_not_move_its_start() -> None:
    text = f"<!--1-->\n[t]({URL})\n------\n\n<p>[x](y)\n------\n"
    assert text[read_header(text).body_start :] == "<p>[x](y)\n------\n"


MEGABYTE = 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "<!--" + " " * MEGABYTE, "<!--" + " \t" * (MEGABYTE // 2) + "-->" + " " * MEGABYTE + "x",
        "---\ntitle:" + " " * MEGABYTE + "\rx", "---\ntitle: a" + " " * MEGABYTE + "b\n---\n",
        "---\n" + "---   x\n" * (MEGABYTE // 8), "---\n" + "a: b: c\n" * (MEGABYTE // 8) + "---\n",
        "---\na: " + "[" * MEGABYTE + "\n---\n", "+++\n" + "a." * (MEGABYTE // 2) + "\n+++\n",
        '{"a":' * (MEGABYTE // 5), "[" + ")\n" * 4000 + "\n" * MEGABYTE,
        "[t](u)\n" + "-" * MEGABYTE + " " * MEGABYTE + "x", " \n" * (MEGABYTE // 2),
        "[&#" + "9" * 7000 + ";](u)\n---\n", "title: a\n" + " b\n" * (MEGABYTE // 3), "a:" * (MEGABYTE // 2),
        "a\n===\n" + "\n" * MEGABYTE, "===\na\n===\n" + "\n" * MEGABYTE,
    ],
    ids=[
        "comment not ended", "comment of spaces", "spaces before a return", "spaces in a title", "dashes and text",
        "broken entries", "nested lists", "dotted keys", "nested objects", "parentheses", "dashes and spaces",
        "white space", "a reference of 7,000 digits", "a value of many lines", "colons",
        "a line below a title", "a line above it, too",
    ],
)  # fmt: skip
def test_a_hostile_header_of_a_megabyte_ends(text: str) -> None:
    with suppress(BadSource):
        read_header(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<?xml version="1.0"?>\n<rss version="2.0">', "XML"),
        ("<feed xmlns='x'>", "XML"),
        ("HTTP/2 200 \r\nDate: Sat, 05 Mar 2022\r\nContent-Type: text/html\r\n\r\n<html>", "headers of HTTP"),
        ("From: <Saved by Blink>\r\nSubject: a\r\n b\r\nMIME-Version: 1.0\r\n", "name the page `.mhtml`"),
        ("From ada@a.example Thu Jan  2 2020\nFrom: ada@a.example\nSubject: Bells\n\nThe weir opened.", "a message"),
        ('<nitf version="x"><head>', "NITF"),
        ('<!DOCTYPE lewis SYSTEM "lewis.dtd">\n<REUTERS TOPICS="YES">', "SGML"),
        ("<doc>\n<url>https://a.example/b</url>\n", "SGML"),
        ('{"log":{"version":"1.2","entries":[]}}', "HAR"),
        ("1\n00:00:01,000 --> 00:00:02,000\nThe weir.\n", "subtitles"),
        ('{"level": "info", "at": 1}\n{"level": "info", "at": 2}\n', "JSON Lines"),
        ('[{"url": "x"}]', "`jq -c '.[]'`"),
        ("---\ntitle: open\n", "no closing"),
        ("Rar!\x1a\x07\0", "no characters"),
        ("#+TITLE: x\n", "Org"),
        ("# -*- mode: org -*-\n#+title: x\n", "Org"),
        ("= The weir\nAda Lock\n:tags: river\n\nIt opened.\n", "AsciiDoc"),
        ("== The weir\n\nIt opened.\n", "AsciiDoc"),
        ("======\n堰\n======\n:date: 2020-01-01\n", "reStructuredText"),
        ("Ferries, weirs, and a lamp\nThey are open.\n", "starts with neither"),
        ("Title\n=====\n", "between `---` lines"),
        (".. title: x\n", "Nikola"),
        ("<!--\n.. title: x\n.. date: 2020-01-01\n-->\n\n水", "Nikola"),
        (".. image:: weir.png\n", "reStructuredText"),
        ("{{News|date = 9 October 2002}}\n\nThe weir.", "wikitext"),
        ("====== Weir ======\n\nIt opened.", "wikitext"),
        ("[[Datei:Weir.jpg|thumb]]\nIt opened.", "wikitext"),
        ("堰\n####\n\n:date: 2020-01-01\n", "reStructuredText"),
        ("Date: 2020-01-01\nStatus: open\n\n水", "--map title=headline"),
        ("Title: 堰\nThe weir: open\n水", "whole HTML page"),
        ("Title: 堰\n\nDate: 2020-01-01", "whole HTML page"),
        ("Title: 堰\nDate: 2020-01-01\n水\n\n火", "--map title=headline"),
        ("title: 堰\n---\nbody:\n\n水", "Lektor"),
        ('{"news": [{"title": "堰"}]}\n', "'.KEY[]'"),
        ("url,title,text\na,b,c\n", "CSV"),
        ("[a](https://b.example/)\nx", "starts with neither"),
        ("A text.", "whole HTML page"),
        ("{% extends 'lamp.html' %}\n{% block a %}The weir.\n", "whole HTML page"),
    ],
)
def test_what_no_door_reads_is_called_what_it_is(text: str, said: str) -> None:
    with pytest.raises(BadSource) as bad:
        read_header(text)
    assert (bad.value.reason, said in bad.value.detail) == ("no_header", True)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("<ruby>渡<rp>(</rp><rt>と</rt><rp>)</rp></ruby>口の灯", "渡(と)口の灯"),
        ("The <em>Wick</em> is <b class=x>lit</b>", "The Wick is lit"),
        ("Why 3 &lt; 4 &lt;b&gt;", "Why 3 < 4 <b>"), ("How <div> became a word", "How <div> became a word"),
    ],
    ids=["as paragraphs have ruby", "emphasis", "written as text", "an element that is the matter"],
)  # fmt: skip
def test_a_title_has_no_markup_of_its_line(written: str, title: str) -> None:
    assert read_header(f"[{written}](https://news.example/a)\n------\n<p>a</p>").title == title
    assert read_header(f"---\ntitle: '{written}'\n---\n\na").title == title


@pytest.mark.parametrize(
    ("text", "title", "url", "at", "rest"),
    [
        (f"URL: {URL}\r\nTitle: #1 - Lamp: on\r\nDate: 2 May 2030\r\n\r\nx", "#1 - Lamp: on", URL, "2030-05-02", "x"),
        ("\ufeffTitle: 堰\nSummary: a\n    b\nDate: 2030-05-02 10:11\n\n\nx", "堰", None, "2030-05-02T10:11:00", "\nx"),
        ("title: '堰'\ntags:\n- a\n- b\ndate: 2030-05-02\n---\nx: y\n", "堰", None, "2030-05-02", "x: y\n"),
        (f"标题：堰\n时间：2030-05-02 10:11\n链接: {URL}\n\nx", "堰", URL, "2030-05-02T10:11:00", "x"),
    ],
    ids=["as scrapers write it", "as Pelican has it", "as Hexo may have it", "with keys that are mapped"],
)  # fmt: skip
def test_a_header_may_have_no_lines_around_it(text: str, title: str, url: str | None, at: str, rest: str) -> None:
    header = read_header(text, (("title", "标题"), ("date", "时间"), ("url", "链接")))
    assert header.front_matter_at is not None
    assert (header.dialect, header.title, header.url) == ("front_matter", title, url)
    assert (header.front_matter_at.isoformat(), text[header.body_start :]) == (at, rest)


def test_lines_of_keys_in_chinese_are_a_header() -> None:
    header = read_header(f"标题：渡口的灯\n来源：松岭时报\n时间：2022-03-04 10:30\n链接：{URL}\n\n灯又亮了。\n")
    assert (header.title, header.url, str(header.front_matter_at)) == ("渡口的灯", URL, "2022-03-04 10:30:00")
    assert header.metadata == '{"来源": "松岭时报"}'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"# A lamp\n\n**URL:** {URL}\n\n**Author:** Ada Reed\n\n**Published:** 2031-08-05\n\n**Saved:** now\n\n---\n",
         (URL, "Ada Reed", "2031-08-05", ())),
        (f"# A lamp\n- **Source:** [Songling]({URL}_(b)) | **Date:** March 4, 2031 | **Score:** 87\n- **Tags:** a, b\n",
         (f"{URL}_(b)", None, "2031-03-04", ("a", "b"))),
        (f"> * 原文链接：[A lamp]({URL})\n> * 作者：[林帆](https://a.example/b)\n\n# 灯\n", (URL, "林帆", None, ())),
        ("A lamp\n===\n\nLink: https://songling-times.example/\n\nBy night it is lit.\n\nDate: 2031-03-04\n",
         (None, None, None, ())),
        ("# A lamp\n\nDate: the day on which we met\n", (None, None, None, ())),
    ],
    ids=["bold", "beside each other", "above", "a front page, and prose", "no date"],
)  # fmt: skip
def test_first_lines_say_what_a_header_would(lines: str, expected: tuple[object, ...]) -> None:
    header = stated_at_top(f"{lines}\nThe lamp is out.\n")
    day = header.front_matter_at and str(header.front_matter_at)
    assert (header.url, header.author, day, header.tags) == expected
    assert header.body_start == 0


# As long as what is looked at may be.
@pytest.mark.parametrize("line", [f"a{' ' * 16_000}b", "- " * 8_000, "a | **" * 2_700, f"Link: [a]({'x' * 16_000}"])
def test_hostile_first_lines_end(line: str) -> None:
    assert stated_at_top(f"# T\n\n{line}\n").url is None
