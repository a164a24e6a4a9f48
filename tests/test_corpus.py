"""The real articles, where they are at hand: every law on every row, and the user's own example."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from archives import ingest, rows_of

from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

pytestmark = pytest.mark.corpus

EXAMPLE = "000_0131cbee62deb301.txt"
SOURCES, REJECTS = 4230, 0


def articles(output: Path) -> pl.LazyFrame:
    return pl.scan_parquet(output / "articles", hive_partitioning=True)


@pytest.fixture
def output(corpus_output: Path) -> Path:
    ((sources, accepted, rejected),) = rows_of(corpus_output, "runs", "sources", "accepted", "rejected")[:1]
    assert (sources, accepted, rejected) == (SOURCES, SOURCES - REJECTS, REJECTS)
    return corpus_output


def test_all_laws_hold_on_every_row(corpus: Path, output: Path) -> None:
    found = verify_output(Output(output), corpus, workers=2, progress=lambda *_: None)
    assert found.breaches == []
    assert found.sources == SOURCES == found.articles + found.revisions + found.rejects
    assert found.paragraphs > 80_000


def test_a_second_run_changes_nothing(corpus: Path, output: Path) -> None:
    report = ingest(corpus, output, 2, workers=2)
    assert (report.parsed, report.partitions_written) == (0, 0)


def test_the_example_has_the_rows_its_reader_expects(output: Path) -> None:
    article = articles(output).filter(pl.col("source_path") == EXAMPLE).collect().to_dicts()[0]
    assert (article["outlet"], article["month"], article["host"]) == ("rfi", "2022-01", "rfi.fr")
    assert (article["archive"], article["encoding"], article["markup"]) == ("corpus", "utf-8", "html")
    assert article["published_at"].isoformat() == "2022-01-07T12:45:01+00:00"
    assert article["published_from"] == "header"
    assert article["dateline_at"].isoformat() == "2022-01-07T12:38:00+00:00"
    paragraphs = pl.scan_parquet(output / "paragraphs").filter(pl.col("article_id") == article["article_id"])
    roles = paragraphs.sort("ordinal").select(pl.col("role").cast(pl.String)).collect()["role"].to_list()
    assert roles == ["dateline", "boilerplate", "lede", *["body"] * 10]


def test_the_nine_outlets_are_told_apart(output: Path) -> None:
    rows = articles(output).select("outlet", "url").collect()
    found = set(rows["outlet"])
    assert {"rfi", "reuters", "voa", "dw", "bbc", "nyt", "ft", "rfa", "cdt"} <= found
    assert set(rows.filter(pl.col("outlet") == "unknown")["url"]) == {None}


def test_flags_are_rare_and_name_what_is_there(output: Path) -> None:
    rows = articles(output).select("flags", "content_count", "date_conflict", "text", "title").collect()
    flags = rows.explode("flags").drop_nulls("flags").with_columns(pl.col("flags").cast(pl.String))
    assert 0 < len(flags) < len(rows) / 50
    assert flags.filter(flags="date_conflict")["date_conflict"].all()
    assert (flags.filter(flags="no_content")["content_count"] == 0).all()
    assert (
        flags.filter(pl.col("flags") == "title_only")
        .select(pl.col("text").str.contains(pl.col("title"), literal=True).all())
        .item()
    )
