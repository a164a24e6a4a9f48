"""One article under all spellings of its address."""

from __future__ import annotations

import pytest

from transforms.identity import article_id, canonical_url, host_of, resolve


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
    ],
)
def test_canonical_urls(url: str | None, canonical: str | None) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


def test_ids_come_from_the_address_or_else_the_path() -> None:
    import hashlib

    assert article_id("https://news.example/a", "p.md") == hashlib.sha256(b"https://news.example/a").hexdigest()[:32]
    assert article_id(None, "路/p.md") == hashlib.sha256("路/p.md".encode()).hexdigest()[:32]


def test_hosts_of_canonical_addresses() -> None:
    assert host_of("https://user@news.example:8080/a") == "news.example"
    assert host_of(None) is None


@pytest.mark.parametrize(
    ("href", "resolved"),
    [
        ("/b", "https://news.example/b"),
        ("//other.example/b", "https://other.example/b"),
        (" https://x.example/ ", "https://x.example/"),
        ("#note", "https://news.example/a/c#note"),
        ("//[bad", "//[bad"),
    ],
)
def test_links_are_resolved_against_the_article(href: str, resolved: str) -> None:
    assert resolve(href, "https://news.example/a/c") == resolved
    assert resolve("/b", None) == "/b"
