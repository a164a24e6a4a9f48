"""No bad row passes: each kind of violation is found, and names row, column and value."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from archives import WriteArticle, ingest, rows_of, stamp

import storage.batches
from schemas import TABLES
from schemas.validation import Violation, check_articles, check_paragraphs, check_rows
from storage.versions import load_outlets
from transforms.article import parse
from transforms.records import Article, Limits
from transforms.rows import article_rows, paragraph_rows

SOURCE = (
    "<!--1646370367000-->\n[标题](https://songling-times.example/{})\n------\n<p>松岭</p><p>云港<a href='/x'>甲</a></p>"
)


def parsed(name: str) -> Article:
    outcome = parse(SOURCE.format(name).encode(), name, load_outlets(), Limits())
    assert isinstance(outcome, Article)
    return outcome


@pytest.fixture
def articles() -> pa.Table:
    return article_rows([parsed("a"), parsed("b")], stamp(1))


@pytest.fixture
def paragraphs() -> pa.Table:
    return paragraph_rows([parsed("a"), parsed("b")])


OWNERS = pa.array([0, 0, 1, 1], pa.int32())


def changed(rows: pa.Table, row: int, column: str, value: object) -> pa.Table:
    values = rows[column].to_pylist()
    values[row] = value
    field = rows.schema.field(column)
    return rows.set_column(rows.schema.get_field_index(column), field, pa.array(values, pa.string()).dictionary_encode()
                           if pa.types.is_dictionary(field.type) else pa.array(values, field.type))  # fmt: skip


def test_parsed_rows_have_no_violation(articles: pa.Table, paragraphs: pa.Table) -> None:
    assert check_rows(articles, TABLES["articles"]) == []
    assert check_articles(articles) == []
    assert check_rows(paragraphs, TABLES["paragraphs"]) == []
    assert check_paragraphs(paragraphs, OWNERS, articles) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", None),
        ("dialect", "novel"),
        ("published_from", "guess"),
        ("outlet", "RFI 法广"),
        ("month", "2022-04"),
        ("published_at", datetime(2023, 1, 1, tzinfo=UTC)),
        ("published_at", None),
    ],
    ids=["null", "closed set", "other closed set", "no slug", "other month", "other time", "no time"],
)
def test_a_bad_article_is_named(articles: pa.Table, column: str, value: object) -> None:
    (violation,) = check_rows(changed(articles, 1, column, value), TABLES["articles"])
    expected = "month" if column == "published_at" else column
    assert (violation.row, violation.column) == (1, expected)
    assert violation.problem


def test_bytes_that_do_not_add_up_are_named(articles: pa.Table) -> None:
    (violation,) = check_articles(changed(articles, 0, "markup_bytes", 10_000))
    assert violation == Violation(0, "source_bytes", f"not the sum of its parts: `{articles['source_bytes'][0]}`")
    assert {v.column for v in check_articles(changed(articles, 0, "skipped_bytes", -1))} >= {"skipped_bytes"}


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("ordinal", 1, 3),
        ("byte_start", 3, 5),
        ("byte_end", 2, 1_000_000),
        ("char_start", 1, 2),
        ("char_end", 3, 99),
        ("text", 2, "别的"),
        ("byte_start", 0, 3),
    ],
    ids=["gap", "overlap", "outside", "chars overlap", "length", "text law", "in the header"],
)
def test_a_bad_paragraph_is_named(
    articles: pa.Table, paragraphs: pa.Table, column: str, row: int, value: object
) -> None:
    found = check_paragraphs(changed(paragraphs, row, column, value), OWNERS, articles)
    owners = {int(OWNERS[violation.row].as_py()) for violation in found}
    assert owners == {row // 2}
    assert any(violation.column in (column, "byte_start", "char_start") for violation in found)


def test_a_role_outside_the_contract_is_named(paragraphs: pa.Table) -> None:
    (violation,) = check_rows(changed(paragraphs, 2, "role", "poem"), TABLES["paragraphs"])
    assert violation == Violation(2, "role", "not a member: `poem`")


def test_columns_that_are_not_the_schemas_are_a_bug(articles: pa.Table) -> None:
    with pytest.raises(TypeError, match="expected"):
        check_rows(articles.drop_columns(["title"]), TABLES["articles"])


def test_a_violation_rejects_its_source_and_no_other(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in a transform, planted here, gives a reject that names column and value, never a bad row."""
    write_article("good.md", url="https://songling-times.example/good")
    write_article("bad.md", url="https://songling-times.example/bad")
    real = storage.batches.parse

    def wrong(data: bytes, path: str, *rest: object) -> object:
        article = real(data, path, *rest)  # type: ignore[arg-type]
        if path == "bad.md":
            article.paragraphs[1] = article.paragraphs[1]._replace(byte_end=99_999)  # type: ignore[union-attr]
        return article

    monkeypatch.setattr(storage.batches, "parse", wrong)
    ingest(archive, tmp_path / "out", workers=1)
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("good.md",)]
    ((path, reason, detail, raw),) = rows_of(tmp_path / "out", "rejects", "source_path", "reason", "detail", "raw")
    assert (path, reason, raw) == ("bad.md", "parser_error", (archive / "bad.md").read_bytes())
    assert "`byte_end`" in str(detail)
    assert "99999" in str(detail)


def test_an_exception_on_one_source_rejects_it_with_the_traceback(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transforms.article

    write_article("good.md", url="https://songling-times.example/good")
    write_article("bad.md", url="https://songling-times.example/bad", title="坏")
    real = transforms.article.read_header

    def broken(text: str) -> object:
        if "坏" in text:
            raise RuntimeError("planted")
        return real(text)

    monkeypatch.setattr(transforms.article, "read_header", broken)
    ingest(archive, tmp_path / "out", workers=1)
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("good.md",)]
    ((reason, detail),) = rows_of(tmp_path / "out", "rejects", "reason", "detail")
    assert reason == "parser_error"
    assert "RuntimeError: planted" in str(detail)
