"""A second derivation agrees with the parser on every door, and finds each fault that is put into the parser."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from archives import stamp
from fragments import FRAGMENTS
from hypothesis import given, settings
from markdown_bodies import SOUND

from pressmark.storage.versions import load_outlets
from pressmark.transforms import article as parser
from pressmark.transforms.identity import host_of
from pressmark.transforms.records import Article, Limits, Reading, RecordFacts
from pressmark.transforms.rederivation import Disagreement, disagreements
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows, partition_of

AT = "<!--1646370367000-->\n[渡轮](https://cn.songling-times.example/2022/03/04/a)\n------\n\n"
BODY = "<p>一&amp;<b>é</b></p><!-- 注 --><img src='/a.png'><div>二<br>三</div><script>x</script><p>2022-03-04 13:06</p>"
PAGE = f"<!DOCTYPE html><html><head><title>渡轮</title></head><body><article>{BODY * 9}</article></body></html>"


def differing(data: bytes, reading: Reading = Reading(), facts: RecordFacts | None = None) -> list[Disagreement]:  # noqa: B008
    """What a second derivation says of the rows that the parser makes."""
    outcome = parser.parse(data, "a.md", load_outlets(), Limits(), archive="x", reading=reading, facts=facts)
    assert isinstance(outcome, Article), outcome
    (row,) = article_rows([outcome], stamp(1)).to_pylist()
    paragraphs, media = (rows([outcome])[0].to_pylist() for rows in (paragraph_rows, media_rows))
    zone = load_outlets().find(host_of(row["canonical_url"])).zone
    return list(disagreements(row, paragraphs, media, data, zone=zone, period=partition_of(outcome, "month").period))


@pytest.mark.parametrize(
    "text",
    [
        AT + BODY, "\ufeff" + AT + BODY, AT.replace("\n", "\r\n") + BODY, "\n " + AT.replace("\n\n", "\n") + BODY,
        AT.replace("渡轮", "渡\n[轮] (1)") + BODY, AT.replace("------\n\n", "---") + BODY,
        "[渡轮](u)\n---\n日期：Fri, 04 Mar 2022 13:06:07 +0800\n\n" + BODY,
        "---\ntitle: a\ndate: 2022-03-04 13:06:07 +0800\n---\n" + BODY,
        "---\ntitle: a\ncreated: 202203041306\n---\n1. **潮位:**PC室\n2. **水门 **开\n",
        "---\ntitle: a\ndatePublished: Fri Mar 04 2022 13:06:07 GMT-0300 (Wickhaven Time)\n---\n" + BODY,
        "---\ntitle: a\nurl: https://wick.example/2022/07/03/a\ndate: 03/07/2022\n---\n" + BODY,
        "---\ntitle: a\npubDatetime: 2022-03-04T13:06:07+08:00\nposted: 2022-03-05\n---\n" + BODY,
        "---\ntitle: a\ndate: 2022-03-04\nfrom: https://rfi.fr/a\n---\n" + AT + BODY,
        "---\ntitle: [a\npublished: 2022-03-04 13:06\ndate: '2022-03-05'\n...\n" + BODY,
        "+++\ntitle = 'a'\ndate = 2022-03-04T13:06:07+08:00\n+++\n" + BODY,
        "---\ntitle: a\npublished:\ncreated: 2022-03-04\n---\n" + BODY, "---\npubTime: 2022-03-04\n---\n" + BODY,
        ";;;\n{\"pubDate\": \"2022-03-04\"}\n;;;\n" + BODY, '{"created": "2022-03-04T13:06:07Z"}\n' + BODY,
        "Title: a\nURL: https://a.example/x\nDate: 4 Mar 2022 13:06\n  +0800\n\n" + BODY,
        "title: a\ndate: 2022-03-04\n----\n" + BODY,
        '<!-- {"url": "a.example/x", "created_at": "2022-03-04"} -->\n' + PAGE, PAGE,
        AT + "# 堰\n\n- **水**又来，<https://a.example/%E6%B0%B4>\n- ~~二~~&amp;\n\n> 三",
        AT + "| a | b |\n|---|---|\n| c | d |\n",
        AT + "1. 堰 | 水\n-- | --\n二 | 三\n\n**四**\n",
        AT + "+----+----+\n| 堰 | 水 |\n+====+====+\n| 二 | 三 |\n+----+----+\n\n**四**\n",
        AT + " 堰   水\n---  ---\n 二   三\n\nTable: **四**\n",
        AT + "-----------\n 堰   水\n---- -----\n 二   三\n      四\n\n 五   六\n-----------\n\n**七**\n",
        AT + "import A from './a'\n\n**堰**<A/>\n\n水\n",
        AT + "堰[^1]\n\n[^1]: 注\n\n水\n{: .x}\n",
        "---\ntitle: a\ndate: Tue, 01 May 2018 05:27:00 JST\n---\n水\n", "---\ndate: 01 May 2018 05:27 PM\n---\n水\n",
        "---\ndate: Selasa, 01/05/2018 05:27 WIB\n---\n水\n", "---\ndate: Tuesday, 05/01/2018 10:00\n---\n水\n",
        "<!--996595200000-->\n[a](https://a.example/2023/05/06/x)\n---\n<p>2023-05-06 12:00</p><p>一</p>",
        "<!--1-->\n[a](https://a.example/x)\n---\n一",
        "首发于：https://a.example/x\n\n# 堰\n\n水又来。\n", "堰\n===\n\n2022年3月4日\n\n水又来。\n",
        "- 译者：林帆\n\n# 堰\n\n2022年3月4日\n", "标题：堰\n时间：2022-03-04\n作者：林帆\n\n# 水又来\n\n二。\n",
        "---\ntitle: a\nfecha: 2022-03-04\ncreated: 2022-03-09\n---\n水\n", "---\nPublish Date: 2022-03-04\n---\n水\n",
    ],
)  # fmt: skip
def test_both_derive_the_same_by_every_door(text: str) -> None:
    assert differing(text.encode()) == []


def test_both_derive_the_same_of_records_and_other_encodings() -> None:
    assert differing(BODY.encode(), facts=RecordFacts("https://a.example/x")) == []
    assert differing(PAGE.encode("utf-16"), facts=RecordFacts("https://a.example/x")) == []
    for broken in (b"", b"\xff\xff", b"\x81"):
        assert differing((AT + BODY).encode("gb18030") + broken, Reading("gb18030")) == []


@settings(max_examples=60)
@given(FRAGMENTS)
def test_both_derive_the_same_of_generated_fragments(markup: str) -> None:
    assert differing(f"{AT}<p>松</p>{markup}".encode(), Reading(markup="html")) == []


@settings(max_examples=40)
@given(SOUND)
def test_both_derive_the_same_of_generated_markdown(body: str) -> None:
    assert differing(f"{AT}松岭\n\n{body}".encode(), Reading(markup="markdown")) == []


def test_both_derive_the_same_of_shortcodes_and_of_a_day_in_its_own_zone() -> None:
    body = 'The {{<lamp "a">}} burns.\n\n{{<quay\n  name="b"\n>}}\n\n- It is {{</lamp>}}\n'
    assert differing(f"{AT}松岭\n\n{body}".encode(), Reading(markup="markdown")) == []
    behind = f"{body}\n\0The pier\0 is [open][p].\n\n{{% include ends.md %}}\n[p]: /pier\n"
    assert differing(f"{AT}松岭\n\n{behind}".encode(), Reading(markup="markdown")) == []
    nothing = f"{AT}松岭\n\nThe pier\0 is open.\n"
    assert differing(nothing.encode(), Reading(markup="markdown")) == []
    post = f"---\ndate: 2022-03-07 21:30:00 -0500\n---\n{body}"
    assert differing(post.encode(), Reading(markup="markdown")) == []


def _moved(of: Callable[..., Any], start: int, end: int) -> Callable[..., Any]:
    def moved(*arguments: Any) -> Any:
        rows = list(of(*arguments))
        rows[1] = rows[1]._replace(byte_start=rows[1].byte_start + start, byte_end=rows[1].byte_end + end)
        return rows

    return moved


def _without(of: Callable[..., Any], which: int) -> Callable[..., Any]:
    def without(*arguments: Any) -> Any:
        found = of(*arguments)
        return found._replace(blocks=[block for number, block in enumerate(found.blocks) if number != which])

    return without


def _later(of: Callable[..., Any], **days: int) -> Callable[..., Any]:
    return lambda **facts: (dates := of(**facts))._replace(published_at=dates.published_at + timedelta(**days))


# A fault in the parser, by the function that is in its place; and what an audit says of it, by kind and column.
FAULTS: dict[str, tuple[str, Callable[[Any], Any], set[tuple[str, str]]]] = {
    "a span that starts a byte early": (
        "paragraphs_of", lambda of: _moved(of, -1, 0),
        {("span", "paragraphs.byte_start, byte_end"), ("count", "articles.markup_bytes")},
    ),
    "a span moved by one": (
        "paragraphs_of", lambda of: _moved(of, 1, 1), {("span", "paragraphs.byte_start, byte_end")},
    ),
    "a block dropped": (
        "cut_body", lambda of: _without(of, 1),
        {("block", "paragraphs.text"), ("count", "articles.markup_bytes")},
    ),
    "white space kept": (
        "cut_body", lambda of: lambda *given: (found := of(*given))._replace(
            blocks=[block._replace(text=block.text.replace("\n", " ")) for block in found.blocks]),
        {("text", "paragraphs.text")},
    ),
    "a comment counted as markup": (
        "skipped_sizes", lambda of: lambda *given: (of(*given)[0] - 10, of(*given)[1]),
        {("count", "articles.skipped_bytes"), ("count", "articles.markup_bytes")},
    ),
    "a header of another length": (
        "open_source", lambda of: lambda *given: (found := of(*given))._replace(header_bytes=found.header_bytes + 1),
        {("count", "articles.header_bytes"), ("count", "articles.markup_bytes"), ("medium", "media"),
         ("span", "paragraphs.byte_start, byte_end")},
    ),
    "a medium missed": (
        "cut_body", lambda of: lambda *given: of(*given)._replace(media=[]), {("medium", "media")},
    ),
    "another address": (
        "media_of", lambda of: lambda *given: [one._replace(src=one.src + "x") for one in of(*given)],
        {("medium", "media.src")},
    ),
    "a wrong month": ("weigh", lambda of: _later(of, days=31), {
        ("date", "articles.published_at"), ("date", "articles.local_date"),
    }),
    "a header that loses to the address": (
        "weigh", lambda of: lambda **facts: of(**facts | {"header_at": None}),
        {("date", "articles.published_at"), ("date", "articles.published_from")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_parser_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make, expected = FAULTS[fault]
    monkeypatch.setattr(parser, name, make(getattr(parser, name)))
    found = differing((AT + BODY).encode())
    assert {(one.kind, one.column) for one in found} == expected
    assert all(one.published != one.derived for one in found)


MARKDOWN = AT + "# 堰\n\n**水**又来。\n\n- 一\n- 二\n"


@pytest.mark.parametrize("fault", ["a span that starts a byte early", "a block dropped"])
def test_a_fault_in_what_cuts_markdown_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make, _ = FAULTS[fault]
    monkeypatch.setattr(parser, name, make(getattr(parser, name)))
    assert {one.kind for one in differing(MARKDOWN.encode())} == {"span" if name == "paragraphs_of" else "block"}


def test_a_row_tells_of_another_month_than_its_file_and_of_other_bytes() -> None:
    (row,) = article_rows([_parsed(AT + BODY)], stamp(1)).to_pylist()
    rows = paragraph_rows([_parsed(AT + BODY)])[0].to_pylist(), media_rows([_parsed(AT + BODY)])[0].to_pylist()
    zone = load_outlets().find(None).zone
    (other,) = disagreements(row, *rows, (AT + BODY).encode(), zone=zone, period="month=2022-04")
    assert other == Disagreement("date", "month", "2022-04", "2022-03")
    (other,) = disagreements(row, *rows, AT.encode(), zone=zone, period="month=2022-03")
    assert (other.kind, other.column) == ("source", "source_sha256")
    assert json.dumps(other._asdict())


def _parsed(text: str) -> Article:
    outcome = parser.parse(text.encode(), "a.md", load_outlets(), Limits(), archive="x")
    assert isinstance(outcome, Article)
    return outcome
