"""Each law is broken by tampering, and `check_article` names it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from archives import stamp

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.laws import check_article, completeness
from pressmark.transforms.records import Article, Limits
from pressmark.transforms.rows import article_rows, paragraph_rows

HEADER = "<!--1646370367000-->\n[标题](https://songling-times.example/a)\n------\n"
DATA = f"{HEADER}<p>松岭<b>市</b></p><!-- 注 --><p>云港</p>".encode()


Rows = tuple[dict[str, Any], list[dict[str, Any]]]


def rows(data: bytes = DATA, limits: Limits | None = None) -> Rows:
    outcome = parse(data, "a.md", load_outlets(), limits or Limits())
    assert isinstance(outcome, Article), outcome.detail
    return article_rows([outcome], stamp(1)).to_pylist()[0], paragraph_rows([outcome])[0].to_pylist()


def laws(article: dict[str, Any], paragraphs: list[dict[str, Any]], data: bytes = DATA) -> set[int]:
    breaches = check_article(article, paragraphs, data)
    assert all(breach.source_path == "a.md" and breach.problem for breach in breaches)
    return {breach.law for breach in breaches}


@pytest.mark.parametrize(
    "source",
    [
        DATA.decode(),
        f"\ufeff{HEADER}<p>松<br>岭</p>\r\n<p>&amp;云<a href='/x'>港</a>&nbsp;</p>",
        "---\r\ntitle: 标题\r\n---\r\n<svg>x</svg>松<!-- 注 -->岭<script>x</script>",
        f"{HEADER}松岭",
        f"{HEADER}<p>松岭</p><script>never ended",
        f"{HEADER}<p>松岭</p><a href='never ended",
        f"{HEADER}<p>松岭</p><script>x</script>云港<a href='never ended",
        f"{HEADER}<!-- 注 -->云港</>",
        HEADER + "<b>问：</b>松岭在哪里？<br><br>" * 1200,
        HEADER + "<a href=x>松岭</a>云港<br><br>" * 1200,
    ],
    ids=["plain", "byte order mark, br, references", "skipped elements", "text only", "script not ended",
         "tag not ended", "tag not ended after a script", "end tag without a name after a comment",
         "a thousand bold starts", "a thousand links"],
)  # fmt: skip
def test_a_parsed_article_breaks_no_law(source: str) -> None:
    data = source.encode()
    assert check_article(*rows(data), data) == []


def test_an_article_of_a_raised_limit_of_depth_breaks_no_law() -> None:
    data = f"{HEADER}{'<div>' * 1500}松岭".encode()
    assert check_article(*rows(data, Limits(depth=2000)), data) == []


@pytest.mark.parametrize(
    ("row", "column", "change", "law"),
    [
        (0, "byte_end", 1, 1), (0, "byte_end", -1, 1), (0, "byte_start", -3, 1), (1, "byte_start", 1, 1),
        (0, "text_hash", 1, 1), (0, "char_end", 1, 2), (1, "char_start", -1, 2), (1, "ordinal", 1, 3),
        (1, "byte_start", -60, 3), (0, "byte_start", -60, 3), (1, "byte_end", 100, 3), (0, "byte_end", -12, 3),
        (0, "byte_start", 3, 4), (0, "char_start", 1, 2), (1, "char_start", -5, 3), (0, "char_end", 3, 3),
        (0, "ordinal", 1, 3),
    ],
    ids=["too wide", "too narrow", "tag inside", "split character", "hash", "char end", "char start", "gap", "overlap",
         "in the header", "outside the source", "empty", "text left out", "char start later", "chars overlap",
         "chars overlap at the end", "gap at the start"],
)  # fmt: skip
def test_a_tampered_paragraph_breaks_its_law(row: int, column: str, change: int, law: int) -> None:
    article, paragraphs = rows()
    paragraphs[row][column] += change
    assert law in laws(article, paragraphs)


@pytest.mark.parametrize(
    ("column", "value", "law"),
    [
        ("text", "松岭市\n\n云港。", 2), ("text_sha256", "0" * 64, 2), ("paragraph_count", 3, 3),
        ("markup_bytes", 0, 4), ("skipped_bytes", 0, 4), ("header_bytes", 1, 4), ("source_sha256", "0" * 64, 1),
        ("paragraph_bytes", 0, 4), ("source_bytes", 1, 4), ("article_id", "0" * 32, 3), ("paragraph_count", 1, 3),
        ("text", "松岭市\n云港", 2), ("text", "", 2),
    ],
    ids=["another text", "hash of the text", "too many counted", "markup", "skipped", "header", "hash of the source",
         "paragraphs' bytes", "source's bytes", "id", "too few counted", "another separator", "no text"],
)  # fmt: skip
def test_a_tampered_article_breaks_its_law(column: str, value: object, law: int) -> None:
    article, paragraphs = rows()
    article[column] = value
    assert law in laws(article, paragraphs)


def test_a_lost_paragraph_leaves_visible_text() -> None:
    article, paragraphs = rows()
    breaches = check_article(article, paragraphs[:1], DATA)
    assert any(breach.law == 4 and "visible text outside" in breach.problem for breach in breaches)


@pytest.mark.parametrize(
    ("row", "column", "value", "law"),
    [
        (0, "text", "松岭", 1), (0, "text", "松岭市 ", 1), (0, "text", "松岭", 2), (1, "paragraph_id", "0-0001", 3),
        (1, "source_sha256", "0" * 64, 1),
    ],
    ids=["text of the slice", "white space", "text of the article", "id", "hash of the source"],
)  # fmt: skip
def test_a_paragraph_with_another_value_breaks_its_law(row: int, column: str, value: object, law: int) -> None:
    article, paragraphs = rows()
    paragraphs[row][column] = value
    assert law in laws(article, paragraphs)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda paragraphs: paragraphs[::-1], {2, 3}),
        (lambda paragraphs: [*paragraphs, paragraphs[-1]], {2, 3}),
        (lambda paragraphs: [paragraphs[0], *paragraphs], {2, 3}),
        (lambda paragraphs: paragraphs[1:], {2, 3, 4}),
        (lambda _: [], {2, 3, 4}),
    ],
    ids=["another order", "the last twice", "the first twice", "the first lost", "all lost"],
)
def test_rows_lost_doubled_or_moved_break_the_order_law(
    tamper: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], expected: set[int]
) -> None:
    article, paragraphs = rows()
    assert laws(article, tamper(paragraphs)) >= expected


@pytest.mark.parametrize(
    "data",
    [DATA + b" ", DATA[:-1], DATA.replace("松岭".encode(), "岭松".encode()), b"", b"\xff"],
    ids=["longer", "shorter", "another wording", "empty", "no text"],
)
def test_other_bytes_break_the_slice_law(data: bytes) -> None:
    assert laws(*rows(), data=data) == {1}


@pytest.mark.parametrize(
    ("data", "law"),
    [
        (DATA + "雁回".encode(), 4), (DATA + b"<!-- -->", 4), (DATA + b"<hr>", 4), (b" " + DATA, 4),
        (DATA.replace("松岭".encode(), "岭松".encode()), 1), (DATA.replace(b"<b>", b"<p>"), 1),
        (DATA.replace(b"------", b"--....", 1), 4), (DATA.replace("云".encode(), b"\xff\xff\xff"), 1),
        (DATA.replace("注".encode(), b"\xff\xff\xff"), 4),
    ],
    ids=["visible text after all", "comment after all", "markup after all", "space before the header",
         "another wording", "a cut inside", "no header", "no UTF-8 in a span", "no UTF-8 in a comment"],
)  # fmt: skip
def test_rows_that_claim_other_bytes_break_the_law_that_shows_it(data: bytes, law: int) -> None:
    """The hashes were forged along with the bytes, so only the laws themselves can tell."""
    article, paragraphs = rows()
    sha256 = hashlib.sha256(data).hexdigest()
    article["source_sha256"] = sha256
    for row in paragraphs:
        row["source_sha256"] = sha256
    assert law in laws(article, paragraphs, data)


def test_a_breach_names_source_byte_and_paragraph() -> None:
    article, paragraphs = rows()
    paragraphs[1]["text_hash"] += 1
    (breach,) = check_article(article, paragraphs, DATA)
    assert (breach.law, breach.source_path, breach.byte_offset) == (1, "a.md", DATA.index("云".encode()))
    assert paragraphs[1]["paragraph_id"] in breach.problem


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"articles": [("a", "1")]}, None),
        ({"articles": [], "revisions": [("a", "1")], "rejects": []}, None),
        ({"rejects": [("a", "1")]}, None),
        ({"rejects": [("a", None)]}, None),
        ({"articles": [("a", "1"), ("b", "2")]}, None),
        ({}, "no table"),
        ({"articles": [], "rejects": []}, "no table"),
        ({"articles": [("b", "1")]}, "no table"),
        ({"articles": [("a", "1")], "rejects": [("a", "1")]}, "`articles` and `rejects`"),
        ({"articles": [("a", "1")], "revisions": [("a", "1")]}, "`articles` and `revisions`"),
        ({"revisions": [("a", "1"), ("a", "1")]}, "`revisions` and `revisions`"),
        ({"articles": [("a", "2")]}, "other bytes"),
        ({"rejects": [("a", "2")]}, "other bytes"),
    ],
    ids=["article", "revision", "reject", "unreadable", "another source beside it", "no tables", "in none",
         "only another source", "article and reject", "article and revision", "twice in one", "other bytes",
         "other bytes rejected"],
)  # fmt: skip
def test_completeness_wants_each_source_in_exactly_one_table(
    tables: dict[str, list[tuple[str, str | None]]], problem: str | None
) -> None:
    breaches = completeness({"a": "1"}, tables)
    assert [(breach.law, breach.source_path) for breach in breaches] == ([(5, "a")] if problem else [])
    assert all(problem in breach.problem for breach in breaches if problem)


def test_completeness_names_every_source_that_is_missing() -> None:
    breaches = completeness({"a": "1", "b": "2", "c": None}, {"articles": [("b", "2")]})
    assert [breach.source_path for breach in breaches] == ["a", "c"]
