"""Each law is broken by tampering, and `check_article` names it."""

from __future__ import annotations

from typing import Any

import pytest
from archives import stamp

from storage.versions import load_outlets
from transforms.article import parse
from transforms.laws import check_article, completeness
from transforms.records import Article, Limits
from transforms.rows import article_rows, paragraph_rows

HEADER = "<!--1646370367000-->\n[标题](https://songling-times.example/a)\n------\n"
DATA = f"{HEADER}<p>松岭<b>市</b></p><!-- 注 --><p>云港</p>".encode()


def rows() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    outcome = parse(DATA, "a.md", load_outlets(), Limits())
    assert isinstance(outcome, Article)
    return article_rows([outcome], stamp(1)).to_pylist()[0], paragraph_rows([outcome]).to_pylist()


def laws(article: dict[str, Any], paragraphs: list[dict[str, Any]], data: bytes = DATA) -> set[int]:
    breaches = check_article(article, paragraphs, data)
    assert all(breach.source_path == "a.md" and breach.problem for breach in breaches)
    return {breach.law for breach in breaches}


def test_a_parsed_article_breaks_no_law() -> None:
    assert laws(*rows()) == set()


@pytest.mark.parametrize(
    ("row", "column", "change", "law"),
    [
        (0, "byte_end", 1, 1),
        (0, "byte_end", -1, 1),
        (0, "byte_start", -3, 1),
        (1, "byte_start", 1, 1),
        (0, "text_hash", 1, 1),
        (0, "char_end", 1, 2),
        (1, "char_start", -1, 2),
        (1, "ordinal", 1, 3),
        (1, "byte_start", -60, 3),
    ],
    ids=["too wide", "too narrow", "tag inside", "split character", "hash", "char end", "char start", "gap", "overlap"],
)
def test_a_tampered_paragraph_breaks_its_law(row: int, column: str, change: int, law: int) -> None:
    article, paragraphs = rows()
    paragraphs[row][column] += change
    assert law in laws(article, paragraphs)


@pytest.mark.parametrize(
    ("column", "value", "law"),
    [
        ("text", "松岭市\n\n云港。", 2),
        ("text_sha256", "0" * 64, 2),
        ("paragraph_count", 3, 3),
        ("markup_bytes", 0, 4),
        ("skipped_bytes", 0, 4),
        ("header_bytes", 1, 4),
        ("source_sha256", "0" * 64, 1),
    ],
)
def test_a_tampered_article_breaks_its_law(column: str, value: object, law: int) -> None:
    article, paragraphs = rows()
    article[column] = value
    assert law in laws(article, paragraphs)


def test_a_lost_paragraph_leaves_visible_text() -> None:
    article, paragraphs = rows()
    breaches = check_article(article, paragraphs[:1], DATA)
    assert any(breach.law == 4 and "visible text outside" in breach.problem for breach in breaches)


def test_other_bytes_break_the_slice_law() -> None:
    assert laws(*rows(), data=DATA + b" ") == {1}


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"articles": [("a", "1")]}, None),
        ({"articles": [], "rejects": []}, "no table"),
        ({"articles": [("a", "1")], "rejects": [("a", "1")]}, "`articles` and `rejects`"),
        ({"rejects": [("a", "2")]}, "other bytes"),
        ({"rejects": [("a", None)]}, None),
    ],
    ids=["in one", "in none", "in two", "other bytes", "unreadable"],
)
def test_completeness_wants_each_source_in_exactly_one_table(
    tables: dict[str, list[tuple[str, str | None]]], problem: str | None
) -> None:
    breaches = completeness({"a": "1"}, tables)
    assert [breach.law for breach in breaches] == ([5] if problem else [])
    assert all(problem in breach.problem for breach in breaches if problem)
