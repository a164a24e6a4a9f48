"""The merge: row groups bound memory, and neither they nor the inputs show in the rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, files_of, ingest, read_table, rows_of

from pressmark.storage.output.tables import Output
from pressmark.storage.parquet import CarryingWriter
from pressmark.storage.sorted_rows import Published
from pressmark.storage.verification import verify_output


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of a few rows, so that small archives are merged the way large ones are."""
    monkeypatch.setattr(pressmark.storage.row_groups, "MOST_ROWS", 6)
    monkeypatch.setattr(pressmark.storage.row_groups, "LEAST_ROWS", 4)


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
    monkeypatch.setattr(pressmark.storage.row_groups, "MOST_ROWS", 6)
    monkeypatch.setattr(pressmark.storage.row_groups, "LEAST_ROWS", 4)
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


def change_at_random(archive: Path, write_article: WriteArticle, random: Random, turn: int) -> None:
    """New, changed, moved and deleted articles; some without a time, some at the same one."""
    for number in range(120):
        chance = random.random()
        if turn and chance > 0.04:
            continue
        path = archive / f"{number}.md"
        if path.exists() and chance < 0.01:
            path.unlink()
            continue
        body = "".join(f"<p>第{turn}次{'长' * random.randrange(400)}</p>" for _ in range(random.randrange(1, 9)))
        write_article(
            path.name,
            url=f"https://songling-times.example/{number}",
            at=f"2022-0{random.choice('333334')}-{random.randrange(1, 5):02d}T00:00:00",
            body=body,
        )


@pytest.mark.parametrize("seed", range(6))
def test_row_groups_that_stay_are_as_if_they_were_written(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    least = (4, 12, 30)[seed % 3]
    monkeypatch.setattr(pressmark.storage.row_groups, "LEAST_ROWS", least)
    monkeypatch.setattr(pressmark.storage.row_groups, "MOST_ROWS", 2 * least)
    monkeypatch.setattr(pressmark.storage.row_groups, "ENDING", "0" if seed % 2 else "")
    kept = Counter[bool]()
    keep = CarryingWriter.keep
    monkeypatch.setattr(CarryingWriter, "keep", lambda *given: (kept.update([True]), keep(*given))[1])
    random = Random(seed)
    for turn in range(5):
        change_at_random(archive, write_article, random, turn)
        ingest(archive, tmp_path / "kept", turn, absent_is_deleted=True)
        with monkeypatch.context() as patch:
            patch.setattr(Published, "stays", False)
            ingest(archive, tmp_path / "written", turn, absent_is_deleted=True)
        assert files_of(tmp_path / "kept") == files_of(tmp_path / "written")
    assert kept[True] >= 4
    found = verify_output(Output(tmp_path / "kept"), archive, workers=1, progress=lambda *_: None)
    assert found.breaches == []


def test_a_change_reaches_few_row_groups(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressmark.storage.row_groups, "LEAST_ROWS", 4)
    for number in range(240):
        write_article(f"{number}.md", url=f"https://songling-times.example/{number}", at="2022-03-01T00:00:00")
    ingest(archive, tmp_path / "out", 1)
    (part,) = (tmp_path / "out" / "articles").rglob("*.parquet")
    groups = pq.ParquetFile(part).metadata.num_row_groups
    write_article("3.md", url="https://songling-times.example/3", at="2022-03-01T00:00:00", body="<p>改</p><p>短</p>")
    written = Counter[str]()
    write = CarryingWriter.write

    def counted(self: CarryingWriter, rows: pa.Table) -> None:
        written.update([self._table.name])
        write(self, rows)

    monkeypatch.setattr(CarryingWriter, "write", counted)
    ingest(archive, tmp_path / "out", 2)
    # All have the same time, so every row group is looked into, and one is another.
    assert groups > 4
    assert written == {"articles": 1, "paragraphs": written["paragraphs"]}
    assert written["paragraphs"] <= 3


def test_files_of_another_layout_are_written_anew(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(write_article)
    monkeypatch.setattr(pressmark.storage.row_groups, "LEAST_ROWS", 4)
    pressmark.storage.parquet._empty.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(pressmark.storage.parquet, "LAYOUT", "1")
        ingest(archive, tmp_path / "out", 1)
    pressmark.storage.parquet._empty.cache_clear()
    monkeypatch.setattr(pressmark.storage.row_groups, "MOST_ROWS", 6)
    write_article("new.md", url="https://songling-times.example/new", at="2022-03-05T00:00:00")
    ingest(archive, tmp_path / "out", 2)
    (part,) = (tmp_path / "out" / "paragraphs").rglob("*.parquet")
    metadata = pq.ParquetFile(part).metadata
    assert metadata.metadata[b"pressmark.layout"] == pressmark.storage.parquet.LAYOUT.encode()
    assert max(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)) <= 6


@pytest.mark.usefixtures("small_groups")
def test_rows_that_lie_elsewhere_than_the_state_says_are_dropped(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    many(write_article)
    ingest(archive, tmp_path / "out", 1)
    (part,) = (tmp_path / "out" / "paragraphs").rglob("*.parquet")
    # Rows of the month in which paragraphs, and not their articles, were published days later.
    rows = pq.ParquetFile(part).read()
    later = pc.add(rows["published_at"], pa.scalar(timedelta(days=9))).cast(rows.schema.field("published_at").type)
    pq.write_table(rows.set_column(rows.schema.get_field_index("published_at"), "published_at", later), part)
    write_article("3.md", url="https://songling-times.example/3", at="2022-03-04T00:00:00", body="<p>改</p>")
    ingest(archive, tmp_path / "out", 2)
    ids = dict(rows_of(tmp_path / "out", "articles", "source_path", "article_id"))
    texts = rows_of(tmp_path / "out", "paragraphs", "article_id", "text")
    assert [text for article_id, text in texts if article_id == ids["3.md"]] == ["改"]
