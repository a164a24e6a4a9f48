"""Several archives in one output: each is named, each run ends only what its own archive lost."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from archives import News, breaches, ingest, verified, writer

from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import latest_of, read_report

URL = "https://songling-times.example/"


def west(archive: Path, name: str, content: Path | None = None) -> Path:
    """Another archive beside the first, with a copy of one of its files at the same path, if any."""
    folder = archive.parent / name
    folder.mkdir(exist_ok=True)
    if content is not None:
        shutil.copy(content, folder / content.name)
    return folder


def test_a_second_archive_is_refused_with_both_names_unless_it_is_named(news: News) -> None:
    path = news.write("a.md")
    news.ingest(1)
    before = news.files()
    other = west(news.archive, "west", path)
    with pytest.raises(OutputError, match="`archive`.*`west`.*--archive west.*--archive archive"):
        ingest(other, news.out, 2)
    assert news.files() == before
    assert ingest(other, news.out, 2, archive="west").archive == "west"
    # Once it is there, its base name is enough; the same archive at another place takes its old name.
    assert ingest(other, news.out, 3).parsed == 0
    moved = news.archive.rename(news.folder / "moved")
    with pytest.raises(OutputError, match=re.escape("`moved`")):
        ingest(moved, news.out, 4)
    report = ingest(moved, news.out, 4, archive="archive")
    assert (report.archive, report.parsed, report.unchanged) == ("archive", 0, 1)


def test_an_input_is_known_as_its_archive_by_another_address(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    news.write("a.md", url=URL + "a")
    other = west(news.archive, "west")
    writer(other)("b.md", url=URL + "b")
    monkeypatch.chdir(news.folder)
    ingest(other.name, news.out, 1, archive="abroad")
    ingest(news.archive.name, news.out, 2, archive="archive")
    for name in ("west", "abroad"):
        path = other = other.rename(news.folder / name)
        assert verified(news.out, path) == verified(news.out, path, archive="abroad")
        with Dataset(news.out) as dataset:
            ids = dataset.paragraphs.filter(ordinal=0).collect()["paragraph_id"]
            assert [dataset.trace(one, str(path)).span.decode() for one in ids] == ["松岭市图书馆今天开放。"] * 2


def test_each_run_ends_only_what_its_own_archive_lost(news: News) -> None:
    news.write("a.md", url=URL + "a")
    other = west(news.archive, "west", news.write("b.md", url=URL + "b"))
    shutil.move(other / "b.md", other / "a.md")
    (news.archive / "b.md").unlink()
    (other / "bad.md").write_bytes(b"\xff")
    news.write("keep.md", url=URL + "keep")
    news.ingest(1, sync=True)
    report = ingest(other, news.out, 2, archive="west", sync=True)
    assert (report.sources, report.parsed, report.deleted, report.articles, report.rejects) == (2, 2, 0, 3, 1)
    places = [("archive", "a.md"), ("archive", "keep.md"), ("west", "a.md")]
    assert sorted(news.rows("articles", "archive", "source_path")) == places
    # The same path with the same or other bytes is another source.
    (news.archive / "a.md").unlink()
    assert news.ingest(3, sync=True).deleted == 1
    assert sorted(news.rows("articles", "archive", "source_path")) == places[1:]
    assert news.rows("revisions", "archive", "source_path") == [("archive", "a.md")]
    assert news.rows("rejects", "archive", "source_path") == [("west", "bad.md")]
    assert breaches(news.out) == []
    assert verified(news.out, archive="west").sources == 2
    assert verified(news.out).sources == 3
    runs = news.rows("runs", "run_id", "archive", "sources")
    assert sorted(runs) == [("run-1", "archive", 2), ("run-2", "west", 2), ("run-3", "archive", 1)]


@pytest.mark.parametrize("remembered", [True, False], ids=["settled files", "files of this moment"])
def test_an_article_of_two_archives_comes_back_by_the_other_ones_next_run(
    news: News, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", 0 if remembered else 1 << 62)
    other = west(news.archive, "west", news.write("a.md", url=URL + "a", body="<p>旧</p>"))
    shutil.copy(news.write("alone.md", url=URL + "alone"), other / "alone-too.md")
    (news.archive / "alone.md").unlink()
    news.write("a.md", url=URL + "a", at="2022-05-01T00:00:00", body="<p>新</p>")
    news.write("rest.md", url=URL + "rest")
    ingest(other, news.out, 1, sync=True)
    news.ingest(2, archive="archive", sync=True)
    columns = ("archive", "source_path", "text")
    assert ("archive", "a.md", "新") in news.rows("articles", *columns)
    assert news.rows("revisions", *columns, "change") == [("west", "a.md", "旧", "text")]
    assert ingest(other, news.out, 3, sync=True).parsed == 0
    # The archive that has the current revision loses it.
    (news.archive / "a.md").unlink()
    news.ingest(4, sync=True)
    assert len(news.rows("articles", "source_path")) == 2
    report = ingest(other, news.out, 5, sync=True)
    assert (report.parsed, report.deleted) == (1, 0)
    assert ("west", "a.md", "旧") in news.rows("articles", *columns)
    assert news.rows("revisions", *columns, "superseded_by") == [("archive", "a.md", "新", None)]
    assert breaches(news.out) == []
    assert news.ingest(6, sync=True).parsed == 0


def test_an_article_without_address_is_one_of_its_archive(news: News) -> None:
    (news.archive / "a.md").write_text("---\ntitle: 没有地址\ndate: 2022-05-06 07:08:09\n---\n<p>没有地址。</p>\n")
    other = west(news.archive, "west", news.archive / "a.md")
    news.ingest(1)
    ingest(other, news.out, 2, archive="west")
    ids = news.rows("articles", "article_id", "archive")
    assert len(set(ids)) == 2
    assert news.rows("revisions", "archive") == []
    assert breaches(news.out) == []


def test_another_parser_reads_the_sources_of_each_archive_again(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    other = west(news.archive, "west", news.write("a.md", url=URL + "a"))
    (news.archive / "a.md").unlink()
    news.write("b.md", url=URL + "b")
    news.ingest(1)
    ingest(other, news.out, 2, archive="west")
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "another")
    assert news.ingest(3).parsed == 1
    assert ingest(other, news.out, 4).parsed == 1


def test_an_input_that_lost_all_is_refused_and_one_that_lost_most_is_warned_of(news: News) -> None:
    for number in range(24):
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", title=str(number))
    news.ingest(1, sync=True)
    before = news.rows("articles", "source_path", "run_id")
    elsewhere = news.archive.rename(news.archive.with_name("unmounted"))
    news.archive.mkdir()
    with pytest.raises(OutputError, match=r"none of the 24 sources .*not mounted.*--all-gone"):
        news.ingest(2, sync=True)
    assert news.rows("articles", "source_path", "run_id") == before
    for number in range(11):
        (elsewhere / f"{number}.md").rename(news.archive / f"{number}.md")
    assert news.ingest(3, sync=True).deleted == 13
    output = Output(news.out)
    assert read_report(output, latest_of(output).run_id)["notes"] == [
        "13 of the 24 sources that the output has of this archive are not in this input, and end: look whether it is "
        "all there; what comes back is ingested again"
    ]
    for path in news.archive.iterdir():
        path.unlink()
    assert news.ingest(4, sync=True, all_gone=True).deleted == 11
    assert not news.rows("articles", "source_path")


def test_a_few_sources_and_those_that_others_take_the_place_of_end_as_is_told(news: News) -> None:
    for number in range(12):
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", title=str(number))
    news.ingest(1, sync=True)
    for path in news.archive.iterdir():
        path.unlink()
    news.write("other.md", url="https://songling-times.example/other", title="other")
    assert news.ingest(2, sync=True).deleted == 12
    (news.archive / "other.md").unlink()
    assert news.ingest(3, sync=True).deleted == 1
