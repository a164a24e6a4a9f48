"""A source explained block by block: the article that a run would make, its outlet, and the reason for each role."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from archives import ROOT

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.explanation import Explanation, explain
from pressmark.transforms.outlets import Outlets
from pressmark.transforms.records import Limits, Reject

REGISTRY = Outlets.from_toml(
    """
[[outlet]]
slug = "songling"
name_zh = "松岭时报"
name_en = "Songling Times"
hosts = ["songling-times.example"]
zone = "Asia/Shanghai"
languages = ["zh-Hans"]

[[outlet.layout]]
since = 2021-01-01
until = 2023-01-01
starts.note = ["本报："]

[[outlet]]
slug = "harbour"
name_zh = "港口"
name_en = "Harbour"
hosts = ["harbour.example"]
zone = "Europe/Paris"
languages = ["zh-Hant"]
"""
)
OUTLETS = Outlets(REGISTRY.entries, load_outlets().general)
AT_2022 = "<!--1646370367000-->\n"
AT_2020 = "<!--1583298367000-->\n"
FRONT_MATTER = "---\ntitle: 渡轮试航\nfrom: {url}\ndate: {day}\n---\n\n"
BODY = (
    "<div class='page' id=x data-kind='story' style='color: red'><figure role=img>"
    "<figcaption>码头</figcaption></figure><p>渡轮今天在<a href='/b'>海湾</a>里试航。</p></div>"
    "本报：渡轮明年还会再来，船长林帆说。"
)


def source(url: str = "https://www.songling-times.example/a", *, header: str = AT_2022, body: str = BODY) -> bytes:
    return f"{header}[渡轮试航]({url})\n------\n\n{body}".encode()


def explained(data: bytes, outlets: Outlets = OUTLETS) -> Explanation:
    outcome = explain(data, "a.md", outlets, Limits())
    assert isinstance(outcome, Explanation), outcome.detail
    return outcome


def test_it_explains_the_article_that_parsing_makes() -> None:
    article = parse(source(), "a.md", OUTLETS, Limits())
    found = explained(source())
    assert found.article == article
    assert [block.paragraph for block in found.blocks] == found.article.paragraphs


def test_each_block_has_its_role_its_reason_and_its_elements() -> None:
    found = [(block.paragraph.role, block.reason, block.elements) for block in explained(source()).blocks]
    page = 'div class="page" id="x" data-kind="story"'
    assert found == [
        ("caption", "inside `figcaption`", (page, 'figure role="img"', "figcaption")),
        ("body", "running text", (page, "p")),
        ("note", "starts with `本报：`", ()),
    ]


def test_a_long_attribute_is_shown_by_its_first_forty_characters() -> None:
    (block,) = explained(source(body=f"<p class='{'x' * 40}y'>渡轮</p>")).blocks
    assert block.elements == (f'p class="{"x" * 40}"',)


@pytest.mark.parametrize(
    ("url", "header", "outlet", "has_layout", "last"),
    [
        ("https://songling-times.example/a", AT_2022, "songling", True, "note"),
        ("https://songling-times.example/a", AT_2020, "songling", False, "body"),
        ("https://songling-times.example/a", "", "songling", True, "note"),
        ("https://songling-times.example/2022/03/04/a", "", "songling", True, "note"),
        ("https://songling-times.example/2020/03/04/a", AT_2022, "songling", True, "note"),
        ("https://harbour.example/a", AT_2022, "harbour", False, "body"),
        ("https://harbour.example/a", "", "harbour", False, "body"),
        ("https://news.example/a", AT_2022, "news-example", False, "body"),
    ],
    ids=["in the layout", "before the layout", "no day: the latest layout", "day of the URL in the layout",
         "the header's day goes before the URL's", "no layout", "no layout and no day", "outlet not known"],
)  # fmt: skip
def test_it_says_whether_a_layout_of_the_outlet_holds_on_the_articles_day(
    url: str, header: str, outlet: str, has_layout: bool, last: str
) -> None:
    found = explained(source(url, header=header))
    assert (found.outlet.slug, found.has_layout) == (outlet, has_layout)
    assert found.blocks[-1].paragraph.role == last


@pytest.mark.parametrize(("day", "has_layout"), [("2022-03-04", True), ("2023-01-01", False)])
def test_the_day_of_front_matter_tells_the_layout(day: str, has_layout: bool) -> None:
    header = FRONT_MATTER.format(url="https://songling-times.example/a", day=day)
    found = explained(f"{header}{BODY}".encode())
    assert (found.article.header.dialect, found.outlet.slug) == ("front_matter", "songling")
    assert found.has_layout == has_layout


def test_an_outlet_is_told_with_its_names_and_zone_where_it_is_known() -> None:
    assert explained(source()).outlet is OUTLETS.find("songling-times.example")
    unknown = explained(source("https://www.news.co.uk/a")).outlet
    assert (unknown.slug, unknown.name_zh, unknown.zone) == ("news-co-uk", "news-co-uk", ZoneInfo("UTC"))
    assert explained(source("/a")).outlet.slug == "unknown"


@pytest.mark.parametrize(
    ("data", "reason", "byte_offset"),
    [
        (b"", "empty_file", 0),
        (source() + b"\xff", "invalid_utf8", len(source())),
        (b"<p>text</p>", "no_header", 0),
        (source(body="<p> </p>"), "no_text", len(source(body=""))),
        (source(body="<b>" * 1001), "too_complex", len(source(body="<b>" * 1000))),
    ],
    ids=["empty", "no UTF-8", "no header", "no text", "too deep"],
)
def test_a_source_that_is_no_article_is_the_reject_that_parsing_makes(
    data: bytes, reason: str, byte_offset: int
) -> None:
    reject = explain(data, "a.md", OUTLETS, Limits())
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.byte_offset) == (reason, byte_offset)
    assert reject == parse(data, "a.md", OUTLETS, Limits())


def test_every_block_of_every_seed_has_a_reason() -> None:
    paths = sorted(path for path in (ROOT / "seeds").rglob("*") if path.is_file() and "broken" not in path.parts)
    assert len(paths) > 30
    for path in paths:
        found = explain(path.read_bytes(), path.name, load_outlets(), Limits())
        assert isinstance(found, Explanation), path
        assert found.blocks, path
        assert all(block.reason.strip() for block in found.blocks), path
        assert len(found.blocks) == len(found.article.paragraphs), path


def test_a_made_up_slug_is_no_entry_of_the_registry() -> None:
    found = explain("[标题](http://bbc/a)\n------\n<p>松岭</p>".encode(), "a.md", load_outlets(), Limits())
    assert isinstance(found, Explanation)
    assert (found.article.outlet, found.has_layout) == ("bbc", False)
