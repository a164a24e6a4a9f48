"""Front matter in YAML, TOML and JSON: what its keys say, what is kept of the rest, and what no block can do."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressmark.storage.settings import keys_of
from pressmark.transforms.front_matter import FrontMatter, read_front_matter

URL = "https://songling-times.example/a"


def read(block: str, fence: str = "---") -> FrontMatter:
    text = f"{fence}\n{block}\n{fence}\n正文"
    found = read_front_matter(text)
    assert found is not None
    assert text[found.end :] == "正文"
    json.dumps(found.metadata).encode()
    return found


@pytest.mark.parametrize(
    ("block", "title"),
    [
        ("title: >-\n  Weir is\n  open again", "Weir is open again"),
        ("title: |\n  Weir is open again\n", "Weir is open again"),
        ("title: Weir is\n  open again", "Weir is open again"),
        ('title: "Weir is\n  open again"', "Weir is open again"),
        ('"title": Weir is open again # as ever', "Weir is open again"),
        ("title:\tWeir is open again", "Weir is open again"), ("Title: 2020", "2020"), ("title: 1:30", "1:30"),
        ("title: yes", "yes"), ("title: !!str 010", "010"), ("title: ~", None), ("title: 水: 堰重开", "水: 堰重开"),
        ("title: 'it''s' [now", "'it''s' [now"), ("title: @weir", "@weir"), ("title:堰", "堰"),
        ("title: 堰\n\ttags: x", "堰 tags: x"),
    ],
)  # fmt: skip
def test_a_title_is_what_was_written(block: str, title: str | None) -> None:
    assert read(f"layout: post\n{block}").title == title


@pytest.mark.parametrize(
    ("block", "field", "value"),
    [
        (f"link: {URL}", "url", URL),
        (f"source: 松岭时报\nurl: /a\nfrom: {URL}", "url", URL),
        ("permalink: /a/b", "url", None),
        (
            "url: /2031/05/lamp.html\nblogger_orig_url: http://quay.example/2031/05/lamp.html",
            "url",
            "http://quay.example/2031/05/lamp.html",
        ),
        ("wordpress_url: https://quay.example/?p=1", "url", "https://quay.example/?p=1"),
        ("guid: https://quay.example/?p=1\nid: 1", "url", "https://quay.example/?p=1"),
        ("guid: a-b", "url", None),
        ("source: https://quay.example/", "url", None),
        ("url: https://quay.example/", "url", "https://quay.example/"),
        ("guid: https://quay.example\nsource: https://quay.example/a", "url", "https://quay.example/a"),
        ("topics: [lamp, ferry]", "tags", ("lamp", "ferry")),
        ("keywords: lamp, the ferry", "tags", ("lamp", "the ferry")),
        ("by:\n- Jane Roe\n- John Doe", "authors", ("Jane Roe", "John Doe")),
        ("authors: [林帆, 乔一苇]", "authors", ("林帆", "乔一苇")),
        ("author:\n  name: 林帆\n  email: a@b.example", "authors", ("林帆",)),
        ("creator:\n- name: 林帆\n- 乔一苇", "authors", ("林帆", "乔一苇")),
        ("byline: 林帆", "authors", ("林帆",)),
        ("date: 2022-1-7", "date", date(2022, 1, 7)),
        ("pubDate: Fri, 07 Jan 2022 10:30:00 +0800", "date", datetime(2022, 1, 7, 2, 30, tzinfo=UTC)),
        ("lastmod: 2023-01-01\ncreated: 2022-01-07 9:30", "date", datetime(2022, 1, 7, 9, 30)),  # noqa: DTZ001
        ("date: soon\npublished_at: 2022-01-07", "date", date(2022, 1, 7)),
        ("date: 2022/01/07/weir-12", "date", date(2022, 1, 7)),
        ("published:\ncreated: 2022-01-07", "date", None),
        ("published_at: null\ncreated_at: 2022-01-07", "date", None),
        ("published: ''\npubDate: 2022-01-07", "date", date(2022, 1, 7)),
        ("published: true\ncreated: 2022-01-07", "date", date(2022, 1, 7)),
        ("date:\nlastmod: 2022-01-07", "date", date(2022, 1, 7)),
        ("published: 2021-11\ncreated: 2022-01-07", "date", None),
        ("date: 7 styczna 2021\nlastmod: 2022-01-07", "date", None),
        (
            "published: true\ndate: 2024-05-02\neditor: markdown\ndateCreated: 2022-01-07T09:30:00Z",
            "date",
            datetime(2022, 1, 7, 9, 30, tzinfo=UTC),
        ),
        ("date: 2022-01-07\neditor: 林帆\ndateCreated: 2022-01-05", "date", date(2022, 1, 7)),
        ("author:\n- '[[nora7]]'\n- '[[林帆]]'", "authors", ("nora7", "林帆")),
        ("tags: [河, 2020, 河]", "tags", ("河", "2020")),
        ("tags: 河 水", "tags", ("河", "水")),
        ("tags: Hong Kong, river", "tags", ("Hong Kong", "river")),
        ("tag: Hong Kong", "tags", ("Hong Kong",)),
        ("tags:\n  - 河\n  - 水", "tags", ("河", "水")),
        ("categories: Archive", "categories", ("Archive",)),
        ("category: 城市", "categories", ("城市",)),
        ("description: 堰: 重开", "description", "堰: 重开"),
        ("summary: 堰\nexcerpt: 水", "description", "堰"),
        ("Excerpt: 水", "description", "水"),
        ("a: &x 堰\ntitle: *x", "title", "堰"),
        ("a: &x {title: 堰}\n<<: *x", "title", "堰"),
    ],
)
def test_keys_that_are_understood(block: str, field: str, value: object) -> None:
    assert getattr(read(block), field) == value


@pytest.mark.parametrize(
    ("block", "metadata"),
    [
        ("layout: post\ndraft: false\nweight: 3\nversion: 1.10\nzip: 007\nnone:", {
            "layout": "post", "draft": False, "weight": 3, "version": "1.10", "zip": "007", "none": None,
        }),
        ("date: soon\nlastmod: never", {"date": "soon", "lastmod": "never"}),
        ("source: 松岭时报", {"source": "松岭时报"}),
        (f"url: {URL}\nlink: {URL}b", {"link": f"{URL}b"}),
        ("image:\n  src: a.png\n  size: [1, 2]", {"image": {"src": "a.png", "size": [1, 2]}}),
        ("title: 一\ntitle: 二\nx: 1\nx: 2\nx: 3", {"title": "二", "x": [1, 2, 3]}),
        ("when: 2022-01-07", {"when": "2022-01-07"}),
        ("x: !!python/object/apply:os.system [ls]\ntitle: 堰", {"x": "!!python/object/apply:os.system [ls]"}),
        ("x: &a [*a]", {"x": "&a [*a]"}),
        ("x: [1\ny: b: c\nz:\n- 1\n- 2", {"x": "[1", "y": "b: c", "z": [1, 2]}),
        ("stray\nx: 1", {"_unread": ["stray"], "x": 1}),
    ],
    ids=["types", "dates", "no address", "second address", "nested", "equal keys", "a date", "tag", "alias of itself",
         "broken", "a line without a key"],
)  # fmt: skip
def test_nothing_else_is_lost(block: str, metadata: dict[str, Any]) -> None:
    assert read(block).metadata == metadata


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("title: 堰", None),
        ("title: A: b", "read entry by entry: no YAML"),
        ("title: A\ntitle: B", "given more than once, and the first counts: `title`"),
        ("x: !t y", "the tag `!t`"),
        ("x: " + "[" * 40 + "]" * 40, "more than 32 levels"),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcd", "bcde", strict=True)
        ), "more than 10000 values"),
        ("x: " + "y" * 70_000, "more than 65536 characters"),
    ],
    ids=["sound", "broken", "equal keys", "tag", "depth", "aliases", "size"],
)  # fmt: skip
def test_a_problem_is_named(block: str, problem: str | None) -> None:
    found = read(block).problem
    assert found is None if problem is None else problem in (found or "")


def test_toml_and_json() -> None:
    toml = read('title = "堰"\ndate = 2022-01-07\ntags = ["河"]\n[params]\nat = 2022-01-07T10:00:00Z', "+++")
    assert (toml.title, toml.date, toml.tags) == ("堰", date(2022, 1, 7), ("河",))
    assert toml.metadata == {"params": {"at": "2022-01-07T10:00:00+00:00"}}
    fenced = read('{"title": "堰", "authors": [{"name": "林帆"}]}', ";;;")
    assert (fenced.title, fenced.authors) == ("堰", ("林帆",))
    text = '{\n"title": "堰", "x": "\\ud800"}\n正文'
    bare = read_front_matter(text)
    assert bare is not None
    assert (bare.title, bare.metadata, text[bare.end :]) == ("堰", {"x": "\ufffd"}, "正文")


def test_a_broken_toml_block_is_read_entry_by_entry() -> None:
    found = read('title = "堰"\nx = weir', "+++")
    assert (found.title, found.metadata) == ("堰", {"x": "weir"})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("title", ["堰", "水: 堰"], ids=["sound", "broken"])
def test_line_ends_marks_and_positions(line_end: str, title: str) -> None:
    text = f"\ufeff---{line_end}layout: post{line_end}title: {title}{line_end}...{line_end}正文"
    found = read_front_matter(text)
    assert found is not None
    assert (found.title, text[found.end :]) == (title, "正文")
    assert text[found.positions["title"] :].startswith(title)


@pytest.mark.parametrize(
    "text",
    ["", "---\ntitle: 堰",
     "---\n只有一句话\n---\n", "---\n# 注\n- a\n---\n", "{% raw %}\n", "{}{}", "[1]", "--- 堰\n---\n",
     '{"a": 1} 正文'],
)  # fmt: skip
def test_what_is_no_front_matter(text: str) -> None:
    assert read_front_matter(text) is None


@given(st.text(st.sampled_from("ab:-#'\"[]{}&*!|>%@`\\ \t\n\r,.~堰\ufeff\x00"), max_size=60))
def test_any_block_is_read_or_refused(block: str) -> None:
    for fence in ("---", "+++", ";;;"):
        found = read_front_matter(f"{fence}\n{block}\n{fence}\n")
        if found is not None:
            json.dumps(found.metadata).encode()


@pytest.mark.parametrize("fence", ["---", "+++", ";;;", "{"])
def test_fields_are_where_the_map_says_and_else_under_their_usual_keys(fence: str) -> None:
    said = {"headline": "堰", "meta": {"by": {"who": "林帆"}, "n": 1}, "at": "2022-01-07", "title": "T", "link": URL}
    block = {
        "---": json.dumps(said), ";;;": json.dumps(said),
        "+++": f'headline = "堰"\nat = 2022-01-07\ntitle = "T"\nlink = "{URL}"\n[meta]\nn = 1\nby = {{ who = "林帆" }}',
    }.get(fence)  # fmt: skip
    text = f"{json.dumps(said)}\n" if block is None else f"{fence}\n{block}\n{fence}\n"
    keys = tuple(keys_of("title=headline,author=meta.by.who,date=at,description=nowhere,tags=meta.n.deeper").items())
    found = read_front_matter(text, keys)
    assert found is not None
    assert (found.title, found.authors, found.date, found.url) == ("堰", ("林帆",), date(2022, 1, 7), URL)
    assert (found.description, found.tags, found.problem) == (None, (), None)
    assert found.metadata == {"meta": {"by": {"who": "林帆"}, "n": 1}, "unmapped_title": "T"}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("标题: 渡口的灯\n作者: 林帆\n发布时间: 2022-03-04\n原文链接: https://songling-times.example/a\n标签: [港口]",
         ("渡口的灯", ("林帆",), URL, date(2022, 3, 4), ("港口",), {})),
        ("titulo: La lámpara\nautor: Ana Ruiz\nfecha: 2022-03-04\nfuente: El Muelle",
         ("La lámpara", ("Ana Ruiz",), None, date(2022, 3, 4), (), {"fuente": "El Muelle"})),
        ("链接: /a\nurl: https://songling-times.example/a\n日期: 2021-01-01\ndate: 2022-03-04\n标题: b\ntitle: a",
         ("a", (), URL, date(2022, 3, 4), (), {"链接": "/a", "日期": "2021-01-01", "标题": "b"})),
        ("Title: a\nPublish Date: 2022-03-04\ndata: data/2021.json",
         ("a", (), None, date(2022, 3, 4), (), {"data": "data/2021.json"})),
    ],
    ids=["Chinese", "Spanish", "English goes first", "with a space"],
)  # fmt: skip
def test_keys_are_read_in_other_languages(block: str, expected: tuple[Any, ...]) -> None:
    found = read(block)
    assert (found.title, found.authors, found.url, found.date, found.tags, found.metadata) == expected
