"""The real articles, where they are at hand: every law on every row, and the user's own example."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from archives import ingest, rows_of

from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

pytestmark = pytest.mark.corpus

EXAMPLE = "000_0131cbee62deb301.txt"


@pytest.fixture(scope="module")
def output(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "out"
    report = ingest(corpus, folder, workers=2)
    assert (report.sources, report.accepted, report.rejected) == (3617, 3617, 0)
    return folder


def test_all_laws_hold_on_every_row(corpus: Path, output: Path) -> None:
    found = verify_output(Output(output), corpus, workers=2, progress=lambda *_: None)
    assert found.breaches == []
    assert found.sources == 3617 == found.articles + found.revisions + found.rejects
    assert found.paragraphs > 80_000


def test_a_second_run_changes_nothing(corpus: Path, output: Path) -> None:
    report = ingest(corpus, output, 2, workers=2)
    assert (report.parsed, report.partitions_written) == (0, 0)


def test_the_example_has_the_rows_its_reader_expects(output: Path) -> None:
    article = pl.scan_parquet(output / "articles").filter(pl.col("source_path") == EXAMPLE).collect().to_dicts()[0]
    assert article["outlet"] == "rfi"
    assert article["published_at"].isoformat() == "2022-01-07T12:45:01+00:00"
    assert article["published_from"] == "header"
    assert article["dateline_at"].isoformat() == "2022-01-07T12:38:00+00:00"
    paragraphs = pl.scan_parquet(output / "paragraphs").filter(pl.col("article_id") == article["article_id"])
    roles = paragraphs.sort("ordinal").select(pl.col("role").cast(pl.String)).collect()["role"].to_list()
    assert roles == ["dateline", "boilerplate", "lede", *["body"] * 10]


def test_the_nine_outlets_are_told_apart(output: Path) -> None:
    counts = Counter(row[0] for row in rows_of(output, "articles", "outlet"))
    assert {"rfi", "reuters", "voa", "dw", "bbc", "nyt", "ft", "rfa", "cdt"} <= counts.keys()
    assert "unknown" not in counts
