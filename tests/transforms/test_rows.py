"""Articles, paragraphs and rejects become rows with every column of the schemas, each from its own field."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from archives import stamp
from hypothesis import given
from hypothesis import strategies as st

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PERIODS, Period
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.identity import row_id
from pressmark.transforms.records import Article, Limits, Partition, Reject
from pressmark.transforms.rows import article_rows, paragraph_rows, partition_of, period_of, reject_rows, sort_key

HEADER = "<!--1646370367000-->\n[渡轮试航](https://cn.songling-times.example/{})\n------\n\n"
PUBLISHED_AT = datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)
DATELINE_AT = datetime(2022, 3, 4, 13, 6, tzinfo=UTC)
COMMITTED_AT = datetime(2022, 4, 1, tzinfo=UTC)


def parsed(name: str, body: str) -> Article:
    outcome = parse((HEADER.format(name) + body).encode(), f"{name}.md", load_outlets(), Limits(), archive="songling")
    assert isinstance(outcome, Article)
    return outcome


@pytest.fixture
def articles() -> list[Article]:
    return [
        parsed("a", "<p>2022-03-04 13:06</p><p>é🗞渡<a href='/x'>轮</a>&amp;🗞</p><p>𠀀</p>"),
        parsed("b", "<p>渡轮试航</p>"),
    ]


def test_a_row_of_articles_has_what_its_article_has(articles: list[Article]) -> None:
    first, second = article_rows(articles, stamp(1), [None, COMMITTED_AT]).to_pylist()
    article = articles[0]
    taken = {name: getattr(article, name) for name in TABLES["articles"].schema.names if hasattr(article, name)}
    assert first == taken | {
        "text": article.text.decode(), "flags": [], "dialect": "comment", "title": "渡轮试航", "markup": "html",
        "url": "https://cn.songling-times.example/a", "published_at": PUBLISHED_AT, "published_from": "header",
        "dateline_at": DATELINE_AT, "url_date": None, "date_conflict": False, "local_date": date(2022, 3, 4),
        "paragraph_count": 3, "valid_from": None, "run_id": "run-1", "ingested_at": stamp(1).started_at,
        "description": None, "tags": [], "categories": [], "metadata": None, "removed_at": None,
        "removed_reason": None,
    }  # fmt: skip
    assert (first["archive"], first["host"], first["encoding"]) == ("songling", "songling-times.example", "utf-8")
    assert (second["flags"], second["valid_from"]) == (["title_only"], COMMITTED_AT)


def test_a_row_of_paragraphs_has_its_own_span_and_its_articles_times(articles: list[Article]) -> None:
    table, owners = paragraph_rows(articles)
    rows = table.to_pylist()
    assert owners.to_pylist() == [0, 0, 0, 1]
    assert [row["paragraph_id"] for row in rows] == [
        f"{articles[owner].article_id}-{ordinal:04d}" for owner, ordinal in [(0, 0), (0, 1), (0, 2), (1, 0)]
    ]
    assert [(row["published_at"], row["dateline_at"]) for row in rows] == [
        *[(PUBLISHED_AT, DATELINE_AT)] * 3,
        (PUBLISHED_AT, None),
    ]
    for owner, row in zip(owners.to_pylist(), rows, strict=True):
        paragraph = articles[owner].paragraphs[row["ordinal"]]
        own = paragraph._asdict() | {"text": paragraph.text.decode(), "links": [x._asdict() for x in paragraph.links]}
        assert {name: row[name] for name in own} == own
        assert (row["article_id"], row["source_sha256"]) == (articles[owner].article_id, articles[owner].source_sha256)


def test_offsets_count_characters_in_texts_and_bytes_in_sources_whatever_their_size(articles: list[Article]) -> None:
    data = (HEADER.format("a") + "<p>2022-03-04 13:06</p><p>é🗞渡<a href='/x'>轮</a>&amp;🗞</p><p>𠀀</p>").encode()
    rows = paragraph_rows(articles[:1])[0].to_pylist()
    assert [(row["text"], row["char_start"], row["char_end"]) for row in rows] == [
        ("2022-03-04 13:06", 0, 16), ("é🗞渡轮&🗞", 18, 24), ("𠀀", 26, 27),
    ]  # fmt: skip
    slices = [data[row["byte_start"] : row["byte_end"]].decode() for row in rows]
    assert slices == ["2022-03-04 13:06", "é🗞渡<a href='/x'>轮</a>&amp;🗞", "𠀀"]
    assert rows[1]["links"] == [{"href": "https://cn.songling-times.example/x", "start": 3, "end": 4}]


def test_no_articles_give_no_rows() -> None:
    assert article_rows([], stamp(1)).equals(TABLES["articles"].schema.empty_table())
    assert paragraph_rows([])[0].equals(TABLES["paragraphs"].schema.empty_table())


def test_a_reject_is_known_by_its_archive_path_and_bytes() -> None:
    reject = Reject("a.md", "1" * 64, 2, "invalid_utf8", "x", 1, b"a\xff")
    (row,) = reject_rows([reject], stamp(1), "songling").to_pylist()
    assert row == reject._asdict() | {
        "archive": "songling", "reject_id": row_id("songling", "a.md", "1" * 64), "run_id": "run-1",
        "first_seen_at": stamp(1).started_at,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("by", "period"),
    [("month", "month=2022-03"), ("day", "day=2022-03-04"), ("year", "year=2022")],
    ids=["month", "day", "year"],
)
def test_a_partition_is_an_outlet_and_a_period_in_utc(articles: list[Article], by: Period, period: str) -> None:
    assert partition_of(articles[0], by) == Partition("songling-times-example", period)


def test_a_time_that_is_not_known_has_a_period_of_the_same_type() -> None:
    assert [period_of(None, by) for by in PERIODS] == ["unknown", "0001-01-01", "0"]
    assert date.fromisoformat(period_of(None, "day"))


@given(st.datetimes(timezones=st.just(UTC)))
def test_periods_are_of_one_type(moment: datetime) -> None:
    assert date.fromisoformat(period_of(moment, "day")) == moment.date()
    assert str(int(period_of(moment, "year"))) == period_of(moment, "year") == str(moment.year)
    assert period_of(moment, "month") == period_of(moment, "day")[:7]


def test_articles_without_a_time_come_last(articles: list[Article]) -> None:
    unknown = articles[0]._replace(dates=articles[0].dates._replace(published_at=None))
    earlier = articles[1]._replace(
        dates=articles[1].dates._replace(published_at=PUBLISHED_AT.replace(year=2021))
    )  # fmt: skip
    keys = [sort_key(article) for article in (earlier, *sorted(articles, key=lambda each: each.article_id))]
    assert keys == sorted(keys)
    assert (sort_key(unknown)[0], sort_key(articles[0])[0]) == (True, False)
