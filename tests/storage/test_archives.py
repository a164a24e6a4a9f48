"""Several archives in one output: each is named, each run ends only what its own archive lost."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from archives import WriteArticle, breaches, files_of, ingest, rows_of, verified

from pressmark.storage.errors import OutputError

URL = "https://songling-times.example/"


def west(archive: Path, name: str, content: Path | None = None) -> Path:
    """Another archive beside the first, with a copy of one of its files at the same path, if any."""
    folder = archive.parent / name
    folder.mkdir(exist_ok=True)
    if content is not None:
        shutil.copy(content, folder / content.name)
    return folder


def test_a_second_archive_is_refused_with_both_names_unless_it_is_named(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    path = write_article("a.md")
    ingest(archive, tmp_path / "out", 1)
    before = files_of(tmp_path / "out")
    other = west(archive, "west", path)
    with pytest.raises(OutputError, match="`archive`.*`west`.*--archive west.*--archive archive"):
        ingest(other, tmp_path / "out", 2)
    assert files_of(tmp_path / "out") == before
    assert ingest(other, tmp_path / "out", 2, archive="west").archive == "west"
    # Once it is there, its base name is enough; the same archive at another place takes its old name.
    assert ingest(other, tmp_path / "out", 3).parsed == 0
    moved = archive.rename(tmp_path / "moved")
    with pytest.raises(OutputError, match=re.escape("`moved`")):
        ingest(moved, tmp_path / "out", 4)
    report = ingest(moved, tmp_path / "out", 4, archive="archive")
    assert (report.archive, report.parsed, report.unchanged) == ("archive", 0, 1)


def test_each_run_ends_only_what_its_own_archive_lost(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md", url=URL + "a")
    other = west(archive, "west", write_article("b.md", url=URL + "b"))
    shutil.move(other / "b.md", other / "a.md")
    (archive / "b.md").unlink()
    (other / "bad.md").write_bytes(b"\xff")
    write_article("keep.md", url=URL + "keep")
    ingest(archive, tmp_path / "out", 1, sync=True)
    report = ingest(other, tmp_path / "out", 2, archive="west", sync=True)
    assert (report.sources, report.parsed, report.deleted, report.articles, report.rejects) == (2, 2, 0, 3, 1)
    places = [("archive", "a.md"), ("archive", "keep.md"), ("west", "a.md")]
    assert sorted(rows_of(tmp_path / "out", "articles", "archive", "source_path")) == places
    # The same path with the same or other bytes is another source.
    (archive / "a.md").unlink()
    assert ingest(archive, tmp_path / "out", 3, sync=True).deleted == 1
    assert sorted(rows_of(tmp_path / "out", "articles", "archive", "source_path")) == places[1:]
    assert rows_of(tmp_path / "out", "revisions", "archive", "source_path") == [("archive", "a.md")]
    assert rows_of(tmp_path / "out", "rejects", "archive", "source_path") == [("west", "bad.md")]
    assert breaches(tmp_path / "out") == []
    assert verified(tmp_path / "out", archive="west").sources == 2
    assert verified(tmp_path / "out").sources == 3
    runs = rows_of(tmp_path / "out", "runs", "run_id", "archive", "sources")
    assert sorted(runs) == [("run-1", "archive", 2), ("run-2", "west", 2), ("run-3", "archive", 1)]


@pytest.mark.parametrize("remembered", [True, False], ids=["settled files", "files of this moment"])
def test_an_article_of_two_archives_comes_back_by_the_other_ones_next_run(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", 0 if remembered else 1 << 62)
    other = west(archive, "west", write_article("a.md", url=URL + "a", body="<p>旧</p>"))
    shutil.copy(write_article("alone.md", url=URL + "alone"), other / "alone-too.md")
    (archive / "alone.md").unlink()
    write_article("a.md", url=URL + "a", at="2022-05-01T00:00:00", body="<p>新</p>")
    write_article("rest.md", url=URL + "rest")
    ingest(other, tmp_path / "out", 1, sync=True)
    ingest(archive, tmp_path / "out", 2, archive="archive", sync=True)
    columns = ("archive", "source_path", "text")
    assert ("archive", "a.md", "新") in rows_of(tmp_path / "out", "articles", *columns)
    assert rows_of(tmp_path / "out", "revisions", *columns, "change") == [("west", "a.md", "旧", "text")]
    assert ingest(other, tmp_path / "out", 3, sync=True).parsed == 0
    # The archive that has the current revision loses it.
    (archive / "a.md").unlink()
    ingest(archive, tmp_path / "out", 4, sync=True)
    assert len(rows_of(tmp_path / "out", "articles", "source_path")) == 2
    report = ingest(other, tmp_path / "out", 5, sync=True)
    assert (report.parsed, report.deleted) == (1, 0)
    assert ("west", "a.md", "旧") in rows_of(tmp_path / "out", "articles", *columns)
    assert rows_of(tmp_path / "out", "revisions", *columns, "superseded_by") == [("archive", "a.md", "新", None)]
    assert breaches(tmp_path / "out") == []
    assert ingest(archive, tmp_path / "out", 6, sync=True).parsed == 0


def test_an_article_without_address_is_one_of_its_archive(archive: Path, tmp_path: Path) -> None:
    (archive / "a.md").write_text("---\ntitle: 没有地址\ndate: 2022-05-06 07:08:09\n---\n<p>没有地址。</p>\n")
    other = west(archive, "west", archive / "a.md")
    ingest(archive, tmp_path / "out", 1)
    ingest(other, tmp_path / "out", 2, archive="west")
    ids = rows_of(tmp_path / "out", "articles", "article_id", "archive")
    assert len(set(ids)) == 2
    assert rows_of(tmp_path / "out", "revisions", "archive") == []
    assert breaches(tmp_path / "out") == []


def test_another_parser_reads_the_sources_of_each_archive_again(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = west(archive, "west", write_article("a.md", url=URL + "a"))
    (archive / "a.md").unlink()
    write_article("b.md", url=URL + "b")
    ingest(archive, tmp_path / "out", 1)
    ingest(other, tmp_path / "out", 2, archive="west")
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "another")
    assert ingest(archive, tmp_path / "out", 3).parsed == 1
    assert ingest(other, tmp_path / "out", 4).parsed == 1
