"""No bad row passes: each kind of violation is found, and names row, column and value."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from archives import News, stamp

from pressmark.schemas import TABLES
from pressmark.schemas.tables import Violation, check_articles, check_paragraphs, check_rows
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.records import Article, Limits
from pressmark.transforms.rows import article_rows, paragraph_rows

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
    return paragraph_rows([parsed("a"), parsed("b")])[0]


OWNERS = pa.array([0, 0, 1, 1], pa.int32())
REQUIRED = [
    (name, field.name) for name in ("articles", "paragraphs") for field in TABLES[name].schema if not field.nullable
]


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
    "milliseconds",
    [-62135596800000, -996595200000, 0, 631152000000, 253402041599000, 253402300799999],
    ids=["year 1", "year 1938", "1970", "1990", "year 9999", "its last day"],
)
def test_times_of_any_year_have_no_violation(milliseconds: int) -> None:
    source = f"<!--{milliseconds}-->\n[标题](https://songling-times.example/a)\n------\n<p>松岭</p>"
    article = parse(source.encode(), "a", load_outlets(), Limits())
    assert isinstance(article, Article)
    rows = article_rows([article], stamp(1))
    assert check_rows(rows, TABLES["articles"]) == []
    assert check_rows(paragraph_rows([article])[0], TABLES["paragraphs"]) == []


def test_an_article_without_a_time_has_no_violation() -> None:
    article = parse("[标题]()\n------\n<p>松岭</p>".encode(), "a", load_outlets(), Limits())
    assert isinstance(article, Article)
    rows = article_rows([article], stamp(1))
    assert check_rows(rows, TABLES["articles"]) == []


@pytest.mark.parametrize("name", ["articles", "paragraphs"])
def test_no_rows_have_no_violation(name: str) -> None:
    assert check_rows(TABLES[name].schema.empty_table(), TABLES[name]) == []
    empty = TABLES["articles"].schema.empty_table()
    assert check_articles(empty) == []
    assert check_paragraphs(TABLES["paragraphs"].schema.empty_table(), pa.array([], pa.int32()), empty) == []


@pytest.mark.parametrize(("name", "column"), REQUIRED)
def test_a_null_in_a_column_that_has_none_is_named(
    articles: pa.Table, paragraphs: pa.Table, name: str, column: str
) -> None:
    rows = {"articles": articles, "paragraphs": paragraphs}[name]
    found = check_rows(changed(rows, 1, column, None), TABLES[name])
    assert (1, column, "null: `None`") in found
    assert {violation.row for violation in found} == {1}


@pytest.mark.parametrize("column", [field.name for field in TABLES["articles"].schema if field.nullable])
def test_a_null_where_the_contract_allows_it_is_no_violation(articles: pa.Table, column: str) -> None:
    assert check_rows(changed(articles, 0, column, None), TABLES["articles"]) == []


@pytest.mark.parametrize("member", ["href", "start", "end"])
def test_a_null_inside_a_link_is_named(paragraphs: pa.Table, member: str) -> None:
    link = {"href": "https://songling-times.example/x", "start": 2, "end": 3, member: None}
    found = check_rows(changed(paragraphs, 1, "links", [link]), TABLES["paragraphs"])
    assert [(violation.row, violation.column) for violation in found] == [(1, "links")]


@pytest.mark.parametrize("change", ["text", "markup", "copy", None], ids=["text", "markup", "copy", "tombstone"])
def test_members_of_a_closed_set_and_allowed_nulls_are_no_violation(change: str | None) -> None:
    assert check_rows(revision(change), TABLES["revisions"]) == []


def test_a_change_outside_the_contract_is_named() -> None:
    found = check_rows(revision("typo"), TABLES["revisions"])
    assert found == [Violation(0, "change", "not a member: `typo`")]


def revision(change: str | None) -> pa.Table:
    row = {
        "archive": "songling", "revision_id": "3" * 32, "article_id": "0" * 32,
        "source_path": "a.md", "source_sha256": "1" * 64, "source_bytes": 9,
        "published_at": datetime(2022, 3, 4, tzinfo=UTC), "title": "标题", "text": "松岭", "text_sha256": "2" * 64,
        "change": change, "superseded_by": None, "valid_from": None, "valid_to": None,
        "first_seen_at": datetime(2026, 1, 1, tzinfo=UTC), "run_id": "run-1",
    }  # fmt: skip
    schema = TABLES["revisions"].schema
    arrays = [
        pa.array([row[field.name]], pa.string()).dictionary_encode().cast(field.type)
        if pa.types.is_dictionary(field.type)
        else pa.array([row[field.name]], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@pytest.mark.parametrize(
    ("flags", "problems"),
    [
        ([], []),
        (["date_conflict", "title_only"], []),
        (["title_only", "novel"], ["not a member: `novel`"]),
        (["poem", "novel"], ["not a member: `poem`", "not a member: `novel`"]),
        ([None], ["not a member: `None`"]),
    ],
    ids=["none", "members", "one strange", "two strange", "null"],
)
def test_flags_outside_the_contract_are_named(articles: pa.Table, flags: list[str | None], problems: list[str]) -> None:
    found = check_rows(changed(articles, 1, "flags", flags), TABLES["articles"])
    assert found == [Violation(1, "flags", problem) for problem in problems]


def test_a_revision_may_have_no_text_of_its_own() -> None:
    assert check_rows(changed(revision("markup"), 0, "text", None), TABLES["revisions"]) == []


def test_every_bad_row_is_named(articles: pa.Table) -> None:
    rows = changed(changed(articles, 0, "dialect", "novel"), 1, "dialect", "poem")
    assert check_rows(rows, TABLES["articles"]) == [
        Violation(0, "dialect", "not a member: `novel`"),
        Violation(1, "dialect", "not a member: `poem`"),
    ]


@pytest.mark.parametrize(
    "column", ["header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes", "content_count", "paragraph_count"]
)
def test_a_negative_count_is_named(articles: pa.Table, column: str) -> None:
    found = check_articles(changed(articles, 1, column, -1))
    assert (1, column) in {(violation.row, violation.column) for violation in found}
    assert {violation.row for violation in found} == {1}


@pytest.mark.parametrize("column", ["header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes", "source_bytes"])
def test_a_part_that_changes_the_sum_is_named(articles: pa.Table, column: str) -> None:
    rows = changed(articles, 1, column, articles[column][1].as_py() + 1)
    problem = f"not the sum of its parts: `{rows['source_bytes'][1]}`"
    assert check_articles(rows) == [Violation(1, "source_bytes", problem)]


@pytest.mark.parametrize(
    ("column", "row", "value", "named"),
    [
        ("ordinal", 1, 2, [(1, "ordinal")]), ("ordinal", 2, 1, [(2, "ordinal")]),
        ("ordinal", 0, -1, [(0, "ordinal")]), ("char_start", 0, 1, [(0, "char_start"), (0, "char_end")]),
        ("char_start", 3, 3, [(3, "char_start"), (3, "char_end")]),
        ("char_start", 3, 5, [(3, "char_start"), (3, "char_end")]), ("char_end", 3, 8, [(3, "char_end")]),
        ("char_end", 2, 3, [(2, "char_end"), (3, "char_start")]), ("byte_start", 0, 1, [(0, "byte_start")]),
        ("byte_start", 0, -1, [(0, "byte_start")]), ("byte_end", 1, 10_000, [(1, "byte_end")]),
        ("byte_end", 1, 0, [(1, "byte_start")]), ("text", 0, "岭松", [(0, "text")]),
        ("text", 1, "云港乙", [(0, "text")]),
    ],
    ids=[
        "gap", "gap at the start of an article", "negative", "later start", "overlapping characters",
        "gap between characters", "longer than the text", "next one starts elsewhere", "inside the header",
        "before the source", "outside the source", "ends before its start", "text law", "text law, second block",
    ],
)  # fmt: skip
def test_a_paragraph_that_breaks_a_law_is_named_with_its_column(
    articles: pa.Table, paragraphs: pa.Table, column: str, row: int, value: object, named: list[tuple[int, str]]
) -> None:
    found = check_paragraphs(changed(paragraphs, row, column, value), OWNERS, articles)
    assert sorted((violation.row, violation.column) for violation in found) == sorted(named)
    assert all(violation.problem for violation in found)


def test_overlapping_bytes_are_named(articles: pa.Table, paragraphs: pa.Table) -> None:
    inside = paragraphs["byte_end"][2].as_py() - 1
    found = check_paragraphs(changed(paragraphs, 3, "byte_start", inside), OWNERS, articles)
    assert found == [Violation(3, "byte_start", f"not after the block before it: `{inside}`")]


def test_rows_that_their_articles_do_not_count_are_a_bug(articles: pa.Table, paragraphs: pa.Table) -> None:
    with pytest.raises(TypeError, match="3 rows where `articles` counts 4"):
        check_paragraphs(paragraphs.slice(1), OWNERS, articles)


def test_a_role_outside_the_contract_is_named(paragraphs: pa.Table) -> None:
    (violation,) = check_rows(changed(paragraphs, 2, "role", "poem"), TABLES["paragraphs"])
    assert violation == Violation(2, "role", "not a member: `poem`")


def test_columns_that_are_not_the_schemas_are_a_bug(articles: pa.Table) -> None:
    with pytest.raises(TypeError, match="expected"):
        check_rows(articles.drop_columns(["title"]), TABLES["articles"])


def test_a_violation_rejects_its_source_and_no_other(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a transform, planted here, gives a reject that names column and value, never a bad row."""
    news.write("good.md", url="https://songling-times.example/good")
    news.write("bad.md", url="https://songling-times.example/bad")

    def wrong(data: bytes, path: str, *rest: object, **named: object) -> object:
        article = parse(data, path, *rest, **named)  # type: ignore[arg-type]
        if path == "bad.md":
            article.paragraphs[1] = article.paragraphs[1]._replace(byte_end=99_999)  # type: ignore[union-attr]
        return article

    monkeypatch.setattr("pressmark.transforms.article.parse", wrong)
    news.ingest(workers=1)
    assert news.rows("articles", "source_path") == [("good.md",)]
    ((path, reason, detail, raw),) = news.rows("rejects", "source_path", "reason", "detail", "raw")
    assert (path, reason, raw) == ("bad.md", "parser_error", (news.archive / "bad.md").read_bytes())
    assert "`byte_end`" in str(detail)
    assert "99999" in str(detail)
