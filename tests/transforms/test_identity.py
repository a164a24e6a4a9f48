"""One article under all spellings of its address."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pressmark.transforms.identity import article_id, canonical_url, host_of, resolve, row_id


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://news.example/a", "https://news.example/a"),
        ("http://news.example//a///b", "https://news.example/a/b"),
        ("HTTPS://News.Example/A", "https://news.example/A"),
        ("http://news.example:80/a", "https://news.example/a"),
        ("https://news.example:443/a", "https://news.example/a"),
        ("https://news.example:8080/a", "https://news.example:8080/a"),
        ("https://news.example", "https://news.example/"),
        ("https://news.example/a#top", "https://news.example/a"),
        ("https://news.example/a?utm_source=x&fbclid=1", "https://news.example/a"),
        ("https://news.example/a?full=y&utm_medium=z", "https://news.example/a?full=y"),
        ("https://news.example/%e4%b8%ad", "https://news.example/%E4%B8%AD"),
        ("https://news.example/中", "https://news.example/%E4%B8%AD"),
        ("https://news.example/%E4%B8%ad", "https://news.example/%E4%B8%AD"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        (" https://news.example/a ", "https://news.example/a"),
        ("ftp://news.example/a", None),
        ("/a/b", None),
        ("https://", None),
        ("https://news.example:port/", None),
        (None, None),
        ("https://news.example/a/", "https://news.example/a/"),
        ("http://News.Example./a", "https://news.example/a"),
        ("http://news.example:/a", "https://news.example/a"),
        ("http://news.example:443/a", "https://news.example/a"),
        ("http://news.example:8080//a", "https://news.example:8080/a"),
        ("https://user:word@news.example/a", "https://news.example/a"),
        ("http://192.0.2.7/a", "https://192.0.2.7/a"),
        ("http://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("http://[2001:DB8::1]:8080/a", "https://[2001:db8::1]:8080/a"),
        ("https://新闻.example/a", "https://xn--efvy88h.example/a"),
        ("https://XN--BCHER-KVA.example/a", "https://xn--bcher-kva.example/a"),
        (f"https://{'ü' * 64}.example/a", None),
        ("https://news.example?id=7", "https://news.example/?id=7"),
        ("https://news.example/a?", "https://news.example/a"),
        ("https://news.example/a#", "https://news.example/a"),
        ("https://news.example/a?b=1&&c=2&", "https://news.example/a?b=1&c=2"),
        ("https://news.example/a?b=//c//", "https://news.example/a?b=//c//"),
        ("https://news.example/a?c=2&b=1", "https://news.example/a?b=1&c=2"),
        ("https://news.example/a?at_campaign=64&at_medium=x&id=7", "https://news.example/a?id=7"),
        ("https://news.example/a?UTM_SOURCE=x", "https://news.example/a"),
        ("https://news.example/a?gclid", "https://news.example/a"),
        ("https://news.example/a?spm=1&spmx=2&xspm=3", "https://news.example/a?spmx=2&xspm=3"),
        ("https://news.example/a?b=%e4%b8%ad&c=中", "https://news.example/a?b=%E4%B8%AD&c=%E4%B8%AD"),
        ("https://news.example/a b", "https://news.example/a%20b"),
        ("https://news.example/100%", "https://news.example/100%25"),
        ("https://news.example/%2f%2F", "https://news.example/%2F%2F"),
        ("https://news.example/Cn/《甲》（乙）", "https://news.example/Cn/%E3%80%8A%E7%94%B2%E3%80%8B%EF%BC%88%E4%B9%99%EF%BC%89"),
        ("https://news.example/a(b)_(c)", "https://news.example/a(b)_(c)"),
        ("https://news.example/🗞", "https://news.example/%F0%9F%97%9E"),
        ("//news.example/a", None),
        ("news.example/a", None),
        ("mailto:desk@news.example", None),
        ("javascript:void(0)", None),
        ("https:///a", None),
        ("http://[bad/", None),
        ("https://news.example:99999/", None),
        ("http://./a", None),
        ("", None),
    ],
    ids=[
        "as it is", "http and slashes", "case of scheme and host", "port of http", "port of https", "another port",
        "no path", "fragment", "only tracking", "tracking and another", "lower-case escapes", "raw non-ASCII",
        "mixed escapes", "host outside ASCII", "space around", "ftp", "path only", "no host", "port is no number",
        "none", "slash at the end", "dot after the host", "empty port", "https port on http", "another port on http",
        "user", "IPv4", "IPv6", "IPv6 with port", "host in Han", "host in punycode", "label too long",
        "query without path",
        "empty query", "empty fragment", "empty parts of a query", "slashes in a query", "order of a query",
        "tracking of a broadcaster", "upper-case tracking", "tracking without value", "names like tracking",
        "escapes in a query", "space inside", "lone percent sign", "escaped slashes", "raw punctuation", "parentheses",
        "outside the BMP", "no scheme", "no slashes", "mail", "script", "empty host", "open bracket", "port too large",
        "host of a dot", "empty",
    ],
)  # fmt: skip
def test_canonical_urls(url: str | None, canonical: str | None) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    "spellings",
    [
        ["/a?id=7", "/a?id=7&amp;utm_source=x", "/a?id=7&utm%5Fsource=x", "/a?gbraid=1&id=7&wt.mc_id=3",
         "/a?id=7&_ga=2.1", "/a?id=7&CMP=share_btn", "/a?ref=share&id=7",
         "/a?from=timeline&id=7&isappinstalled=0", "/a?amp=1&id=7",
         "/a?id=7&et_rid=9&vero_conv=2&mtm_kwd=x", "/x/../a?id=7", "/./a?id=7#frag", "/%61?id=7", "/a/amp?id=7"],
        ["/~anna/b", "/%7Eanna/b", "/%7eanna/./b", "/amp/~anna/b", "/~anna/b?outputType=amp"],
        ["/90%25/a", "/90%/a"],
        ["/b/c?n=3", "/b/c;jsessionid=A1.n2?n=3", "/b/c;JSESSIONID=A1?n=3&PHPSESSID=9"],
        ["/d?n=3", *(f"/d?n=3&{name}=x1" for name in (
            "itm_source", "ga_campaign", "Echobox", "spm_id_from", "mibextid", "_kx", "rdt_cid", "ScCid", "tblci",
            "dicbo", "bsft_eid", "s_kwcid", "ml_subscriber_hash", "tracking_source", "trk", "ref_", "pd_rd_r",
            "sfmc_id", "usqp", "__tn__", "__cft__[0]", "mc_tc", "tduid", "cx_recsOrder", "dpg_medium", "tt_from",
        ))],
        ["/e", *(f"/e?{value}" for value in (
            "__s=k3jd9x2m", "share=facebook", "share=jetpack-whatsapp", "source=post_page---by--0c1d", "source=-----0c",
        ))],
        ["/s?__biz=MzA1==&idx=1&mid=26&sn=ab",
         "/s?__biz=MzA1==&mid=26&idx=1&sn=ab&chksm=8b&scene=21&key=9#wechat_redirect",
         "/s?sn=ab&from=groupmessage&mid=26&__biz=MzA1==&idx=1&sharer_shareid=3&lang=zh_CN"],
    ],
)  # fmt: skip
def test_equal_addresses_are_one(spellings: list[str]) -> None:
    host = "https://news.example"
    assert {canonical_url(host + one) for one in spellings} == {host + spellings[0]}
    cached = f"https://news-example.cdn.ampproject.org/c/s/news.example{spellings[0]}"
    assert canonical_url(cached) == host + spellings[0]


@pytest.mark.parametrize(
    "query",
    ["page=2", "gallery=3", "id=7", "p=1", "aid=5", "newsid=9", "ref=12345", "from=2", "cid=44", "share=x", "sn=1",
     "s=0", "v=abc", "ampere=1", "rss=7", "etag=1", "at=2", "nsid=3", "wtf=1", "feature=culture",
     "idx=1&mid=2", "pkey=1", "source=press", "share=7", "__s=2", "scene=3", "mid=2&scene=3&sn=4", "cx=1", "gas=2"],
)  # fmt: skip
def test_what_names_the_page_stays(query: str) -> None:
    assert canonical_url(f"https://news.example/a?{query}") == f"https://news.example/a?{query}"


def test_hosts_are_those_of_uts_46() -> None:
    assert canonical_url("https://straße.example/") == "https://xn--strae-oqa.example/"
    assert canonical_url("https://क्\u200dष.example/") == "https://xn--11b2ezcw70k.example/"
    assert canonical_url("https://a\u200bb..example/ü") is None


PATHS = st.text(st.sampled_from("abZ09/._~%!$&'()*+,;=:@-?e4"), max_size=30)
HOSTS = st.text(st.sampled_from("abz09.-"), min_size=1, max_size=12).filter(lambda host: host.strip("."))


@settings(max_examples=200)
@example("http", "a.example", "/%e4//b")
@example("https", "a.example", "/%4e/%zz%")
@example("https", "-a.", "/")
@given(st.sampled_from(["http", "https"]), HOSTS, PATHS.map("/{}".format))
def test_the_way_to_a_canonical_url_makes_no_difference(scheme: str, host: str, path: str) -> None:
    """Plain addresses take a short cut; a fragment, an upper-case scheme and a port make them others."""
    url = f"{scheme}://{host}{path}"
    canonical = canonical_url(url)
    port = {"http": 80, "https": 443}[scheme]
    assert canonical_url(f"{url}#top") == canonical
    assert canonical_url(f"{scheme.upper()}://{host}{path}") == canonical
    assert canonical_url(f"{scheme}://{host}:{port}{path}") == canonical
    assert canonical_url(canonical) == canonical


@settings(max_examples=150)
@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "https://news.example/"]))
def test_no_address_is_too_strange(text: str, start: str) -> None:
    canonical = canonical_url(start + text)
    assert canonical is None or (canonical.isascii() and canonical.startswith("https://"))


def test_ids_come_from_the_address_or_else_the_path() -> None:
    address = "https://news.example/a"
    assert article_id(address, "x", "p.md") == hashlib.sha256(address.encode()).hexdigest()[:32]
    assert article_id(None, "x", "路/p.md") == hashlib.sha256("x\n路/p.md".encode()).hexdigest()[:32]


def test_row_ids_differ_by_archive_path_bytes_and_time() -> None:
    early, late = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)
    rows: list[tuple[Any, ...]] = [
        ("x", "a", "1"), ("y", "a", "1"), ("x", "b", "1"), ("x", "a", "2"), ("x", "a", None),
        ("x", "a", "1", early), ("x", "a", "1", late), ("xa", "", "1"),
    ]  # fmt: skip
    ids = {row_id(*parts) for parts in rows}
    assert len(ids) == 8
    assert row_id("x", "a", "1") == hashlib.sha256(b"x\x00a\x001\x00").hexdigest()[:32]


@pytest.mark.parametrize(
    ("canonical", "host"),
    [
        ("https://news.example/a", "news.example"), ("https://news.example/", "news.example"),
        ("https://user@news.example:8080/a", "news.example"), ("https://192.0.2.7/a", "192.0.2.7"), (None, None),
    ],
    ids=["host", "no path", "user and port", "IPv4", "no address"],
)  # fmt: skip
def test_hosts_of_canonical_addresses(canonical: str | None, host: str | None) -> None:
    assert host_of(canonical) == host


@pytest.mark.parametrize(
    ("href", "resolved"),
    [
        ("/b", "https://news.example/b"), ("b", "https://news.example/a/b"), ("../b", "https://news.example/b"),
        ("?p=2", "https://news.example/a/c?p=2"), ("", "https://news.example/a/c"),
        ("//other.example/b", "https://other.example/b"),
        ("https://other.example/B?x=1#y", "https://other.example/B?x=1#y"),
        ("http://other.example//b", "http://other.example//b"), (" https://x.example/ ", "https://x.example/"),
        ("/long\tpath", "https://news.example/longpath"), ("/中", "https://news.example/中"),
        ("#note", "https://news.example/a/c#note"), ("mailto:desk@news.example", "mailto:desk@news.example"),
        ("//[bad", "//[bad"),
    ],
    ids=["from the root", "beside", "above", "query", "empty", "other host", "absolute", "http is kept", "space around",
         "line end inside", "non-ASCII is kept", "fragment", "mail", "no address"],
)  # fmt: skip
def test_links_are_resolved_against_the_article(href: str, resolved: str) -> None:
    assert resolve(href, "https://news.example/a/c") == resolved


def test_links_stay_as_found_without_an_address_to_resolve_against() -> None:
    assert resolve("/b", None) == "/b"
    assert resolve(" https://x.example/ ", None) == "https://x.example/"


@pytest.mark.parametrize(
    ("kept", "canonical"),
    [
        (
            "https://web.archive.org/web/20210712050255/https://www.news.example/a/1?x=2",
            "https://www.news.example/a/1?x=2",
        ),
        ("http://web.archive.org/web/2021id_/http://news.example:80/a", "https://news.example/a"),
        ("https://archive.ph/20210712/https://news.example/a", "https://news.example/a"),
        ("https://web.archive.org/web/2021/http%3A%2F%2Fnews.example%2Fa", "https://news.example/a"),
        ("https://web.archive.org/about/", "https://web.archive.org/about/"),
        ("https://archive.ph/AbCd1", "https://archive.ph/AbCd1"),
    ],
    ids=["port and query", "as it was", "another archive", "escaped", "the archive's own page", "one that hides it"],
)
def test_a_copy_in_a_web_archive_is_the_page_itself(kept: str, canonical: str) -> None:
    assert canonical_url(kept) == canonical


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        (r"https://evil.example\@songling-times.example/a", "https://evil.example/@songling-times.example/a"),
        (
            r"https://songling-times.example\.evil.example/a?b=\c",
            "https://songling-times.example/.evil.example/a?b=\\c",
        ),
        (r"https:\\songling-times.example\a", "https://songling-times.example/a"),
    ],
)
def test_a_host_ends_where_a_browser_has_it_end(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
