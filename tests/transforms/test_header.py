"""Three header dialects, as scrapers write them."""

from __future__ import annotations

import pytest

from transforms.header import BadSource, read_header

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
    ],
    ids=[
        "comment", "CRLF", "CR", "no blank line", "no line end", "bare", "no body", "brackets and entities",
        "title over lines", "parentheses", "raw non-ASCII", "no URL", "double quotes", "single quotes", "inner header",
        "front matter CRLF",
    ],
)  # fmt: skip
def test_a_header_says_title_url_and_where_the_body_starts(
    text: str, dialect: str, title: str, url: str | None, rest: str
) -> None:
    header = read_header(text)
    assert (header.dialect, header.title, header.url, text[header.body_start :]) == (dialect, title, url, rest)


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("2014-03-07T10:09:55+01:00", "2014-03-07T09:09:55+00:00"),
        ("2020-07-26T22:52:06.000Z", "2020-07-26T22:52:06+00:00"),
        ("2020-07-26T22:52:06Z", "2020-07-26T22:52:06+00:00"),
        ("2020-07-26", "2020-07-26T00:00:00+00:00"),
    ],
)
def test_front_matter_dates_are_utc(date: str, iso: str) -> None:
    moment = read_header(f"---\ndate: {date}\n---\nx").front_matter_at
    assert moment is not None
    assert moment.isoformat() == iso


@pytest.mark.parametrize(
    ("milliseconds", "iso"),
    [
        ("1641559501000", "2022-01-07T12:45:01+00:00"),
        ("-996595200000", "1938-06-03T08:00:00+00:00"),
        ("1641559501001", "2022-01-07T12:45:01.001000+00:00"),
    ],
)
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
        ("---\ndate: someday\n---\nx", "bad_timestamp", 10),
        (f"---\ntitle: t\n---\n<!--NaN-->\n[t]({URL})\n------\n", "bad_timestamp", 21),
    ],
    ids=["html", "nothing", "no dashes", "front matter open", "NaN", "empty", "out of range", "no date", "NaN inside"],
)
def test_what_is_no_header_says_why_and_where(text: str, reason: str, position: int) -> None:
    with pytest.raises(BadSource) as bad:
        read_header(text)
    assert (bad.value.reason, bad.value.position) == (reason, position)


def test_front_matter_with_a_date_forgives_an_inner_time_that_is_none() -> None:
    header = read_header(f"---\ndate: 2021-09-01\n---\n<!--NaN-->\n[t]({URL})\n------\nx")
    assert header.header_at is None
    assert header.front_matter_at is not None
