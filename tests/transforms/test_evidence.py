"""Roles, languages and outlets of fictional pages in real layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import ROOT

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.language import detect
from pressmark.transforms.outlets import Outlets, RegistryError
from pressmark.transforms.records import Article, Limits

ENTRY = (
    '[[outlet]]\nslug = "x"\nname_zh = "甲"\nname_en = "X"\nhosts = ["x.example"]\nzone = "UTC"\nlanguages = ["en"]\n'
)


def seed(name: str) -> Article:
    (path,) = (ROOT / "seeds").rglob(name)
    outcome = parse(path.read_bytes(), name, load_outlets(), Limits())
    assert isinstance(outcome, Article), Path(path)
    return outcome


@pytest.mark.parametrize(
    ("name", "outlet", "roles"),
    [
        ("2100101_*.txt", "rfi", ["dateline", "boilerplate", "lede", *["body"] * 6]),
        ("2300101_*.md", "voa", ["dateline", "caption", *["body"] * 7]),
        ("2700103_*.md", "ft", ["lede", "body", "body", "quote", *["body"] * 6, "byline"]),
        ("2500103_*.md", "bbc", ["dateline", "caption", "caption", *["body"] * 3, "heading", *["body"] * 3]),
        (
            "2600102_*.md",
            "nyt",
            [
                "byline",
                "body",
                "heading",
                "body",
                "body",
                "heading",
                "body",
                "heading",
                *["list_item"] * 3,
                "body",
            ],
        ),
    ],
)
def test_roles_of_a_layout(name: str, outlet: str, roles: list[str]) -> None:
    article = seed(name)
    assert article.outlet == outlet
    assert [paragraph.role for paragraph in article.paragraphs] == roles


def test_text_that_imitates_a_dateline_inside_a_story_is_body() -> None:
    body = "".join(f"<p>松岭市第{n}条新闻说了很多事情。</p>" for n in range(8)) + "<p>07/01/2022 - 13:38</p>"
    source = f"[标题](https://songling-times.example/a)\n------\n{body}"
    outcome = parse(source.encode(), "a.md", load_outlets(), Limits())
    assert isinstance(outcome, Article)
    assert outcome.paragraphs[-1].role == "body"
    assert outcome.dates.dateline_at is None


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("图书馆延长开放时间", "zh-Hans"),
        ("圖書館延長開放時間", "zh-Hant"),
        ("The library stays open for the night", "en"),
        ("図書館は夜まで開いています", "ja"),
        ("도서관은 밤까지 엽니다", "ko"),
        ("2020", "und"),
        ("", "und"),
    ],
)
def test_languages(text: str, tag: str) -> None:
    assert detect(text) == tag


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("www.rfi.fr", "rfi"),
        ("rfi.fr", "rfi"),
        ("cn.nytimes.com", "nyt"),
        ("notrfi.fr", "notrfi-fr"),
        ("a.b.news.co.uk", "news-co-uk"),
        ("127.0.0.1", "127-0-0-1"),
        (None, "unknown"),
    ],
)
def test_outlets_are_found_by_host_or_made_from_the_registrable_domain(host: str | None, slug: str) -> None:
    assert load_outlets().find(host).slug == slug


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        (ENTRY + 'colour = "red"\n', "unknown key `colour`"),
        (ENTRY.replace('zone = "UTC"', 'zone = "Mars/Base"'), "no IANA time zone"),
        (ENTRY.replace('["x.example"]', "[]"), "empty list"),
        (ENTRY.replace('zone = "UTC"\n', ""), "`zone` is missing"),
        (ENTRY.replace('"x"', '"X!"'), "lower-case ASCII"),
        (ENTRY + ENTRY, "used twice"),
    ],
    ids=["unknown key", "zone", "hosts", "missing", "slug", "twice"],
)
def test_a_bad_registry_entry_is_refused_by_name(toml: str, problem: str) -> None:
    with pytest.raises(RegistryError, match=r"entry `[xX!]+`") as refused:
        Outlets.from_toml(toml)
    assert problem in str(refused.value)
