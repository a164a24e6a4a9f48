"""The merge: row groups bound memory, and neither they nor the inputs show in the rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, files_of, ingest, read_table, rows_of

import storage.row_groups
from storage.layout import Output
from storage.verification import verify_output


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of a few rows, so that small archives are merged the way large ones are."""
    monkeypatch.setattr(storage.row_groups, "MOST_ROWS", 6)
    monkeypatch.setattr(storage.row_groups, "LEAST_ROWS", 4)


def many(write_article: WriteArticle, body: str = "") -> None:
    for number in range(30):
        write_article(
            f"{number}.md",
            url=f"https://songling-times.example/{number}",
            at=f"2022-03-{1 + number % 9:02d}T00:00:00",
            body=f"<p>第{number}条</p><p>松岭</p><p>云港</p>{body}",
        )


def test_small_and_large_row_groups_hold_the_same_rows(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(write_article)
    ingest(archive, tmp_path / "large")
    monkeypatch.setattr(storage.row_groups, "MOST_ROWS", 6)
    monkeypatch.setattr(storage.row_groups, "LEAST_ROWS", 4)
    ingest(archive, tmp_path / "small")
    for name in ("articles", "paragraphs"):
        assert read_table(tmp_path / "small", name).to_pylist() == read_table(tmp_path / "large", name).to_pylist()
    (part,) = (tmp_path / "small" / "paragraphs").rglob("*.parquet")
    metadata = pq.ParquetFile(part).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [6] * 15


@pytest.mark.usefixtures("small_groups")
def test_streamed_partitions_survive_every_kind_of_change(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    many(write_article)
    ingest(archive, tmp_path / "out", 1)
    write_article("new.md", url="https://songling-times.example/new", at="2022-03-05T00:00:00")
    write_article("3.md", url="https://songling-times.example/3", at="2022-03-04T00:00:00", body="<p>改</p>")
    (archive / "7.md").unlink()
    ingest(archive, tmp_path / "out", 2, absent_is_deleted=True)
    assert len(rows_of(tmp_path / "out", "articles", "source_path")) == 30
    many(write_article, body="<p>全部重写</p>")
    ingest(archive, tmp_path / "out", 3, absent_is_deleted=True)
    found = verify_output(Output(tmp_path / "out"), archive, workers=1, progress=lambda *_: None)
    assert found.breaches == []
    assert (found.articles, found.paragraphs) == (31, 30 * 4 + 2)
    times = rows_of(tmp_path / "out", "paragraphs", "published_at", "article_id", "ordinal")
    assert times == sorted(times)  # type: ignore[type-var]


@pytest.mark.usefixtures("small_groups")
def test_inputs_leave_no_trace_in_a_streamed_file(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    many(write_article, body="<p>" + "长" * 20_000 + "</p>")
    for workers in (1, 2, 3):
        ingest(archive, tmp_path / str(workers), workers=1 if workers == 1 else workers)
    one = read_table(tmp_path / "1", "paragraphs").to_pylist()
    assert [read_table(tmp_path / str(n), "paragraphs").to_pylist() for n in (2, 3)] == [one, one]
    assert files_of(tmp_path / "2") == files_of(tmp_path / "3")
