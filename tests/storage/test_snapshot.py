"""A reader's snapshot: the files of one moment, readable while runs replace them, completed where a run was killed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, files_of, ingest

from pressmark.storage.errors import OutputError
from pressmark.storage.output import folder
from pressmark.storage.output.snapshot import Part, snapshot
from pressmark.storage.output.tables import Output


def texts(parts: tuple[Part, ...]) -> list[str]:
    return [
        text
        for part in parts
        if part.table == "paragraphs"
        for path in part.paths
        for text in pq.ParquetFile(path).read(["text"])["text"].to_pylist()
    ]


def test_a_snapshot_keeps_its_files_while_a_run_replaces_them(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md", body="<p>旧。</p>")
    ingest(archive, tmp_path / "out")
    published = files_of(tmp_path / "out")
    with snapshot(Output(tmp_path / "out"), "reader") as before:
        assert files_of(tmp_path / "out") == published
        write_article("a.md", body="<p>新。</p>")
        ingest(archive, tmp_path / "out", 2)
        assert texts(before.parts) == ["旧。"]
    with snapshot(Output(tmp_path / "out"), "reader") as after:
        assert texts(after.parts) == ["新。"]
    assert not list((tmp_path / "out" / ".pressmark" / "readers").iterdir())


def test_files_are_named_by_partition_and_told_apart_by_content(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out")
    with snapshot(Output(tmp_path / "out"), "reader") as first:
        named = {(part.table, part.partition): part.digest for part in first.parts}
    write_article("b.md", url="https://songling-times.example/b", at="2022-05-04T05:06:07")
    ingest(archive, tmp_path / "out", 2)
    with snapshot(Output(tmp_path / "out"), "reader") as second:
        again = {(part.table, part.partition): part.digest for part in second.parts}
    place = "outlet=songling-times-example/month=2022-03"
    assert set(named) == {("articles", place), ("paragraphs", place), ("runs", "run_id=run-1")}
    assert named.items() <= again.items()
    assert set(again) - set(named) == {
        ("articles", place.replace("03", "05")), ("paragraphs", place.replace("03", "05")), ("runs", "run_id=run-2"),
    }  # fmt: skip


def test_a_run_that_was_killed_while_publishing_is_completed_first(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_article("a.md", body="<p>旧。</p>")
    ingest(archive, tmp_path / "out")
    write_article("a.md", body="<p>新。</p>")

    def killed(root: Path) -> None:
        if (root / folder.JOURNAL).exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(folder, "_complete", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest(archive, tmp_path / "out", 2)
    monkeypatch.undo()
    assert (tmp_path / "out" / ".pressmark" / "journal.json").exists()
    with snapshot(Output(tmp_path / "out"), "reader") as found:
        assert texts(found.parts) == ["新。"]
    assert not (tmp_path / "out" / ".pressmark" / "journal.json").exists()


def test_what_a_killed_reader_left_is_removed_by_the_next_run(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out")
    left = tmp_path / "out" / ".pressmark" / "readers" / "dead"
    left.mkdir(parents=True)
    (left / "part-0.parquet").write_bytes(b"x")
    with snapshot(Output(tmp_path / "out"), "alive") as alive:
        ingest(archive, tmp_path / "out", 2)
        assert not left.exists()
        assert texts(alive.parts)


def test_an_output_that_may_only_be_read_is_read_in_place(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    command = ["mount", "--bind", "-o", "ro", str(tmp_path / "out"), str(mounted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or os.access(mounted, os.W_OK):
        subprocess.run(["umount", str(mounted)], capture_output=True, check=False)
        pytest.skip(f"no folder can be mounted for reading here: {done.stderr.strip()}")
    try:
        with snapshot(Output(mounted), "reader") as found:
            assert len(texts(found.parts)) == 2
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_days_are_taken_together_by_month_and_years_are_refused(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    for day in (1, 2):
        write_article(f"{day}.md", url=f"https://songling-times.example/{day}", at=f"2022-03-0{day}T00:00:00")
    (archive / "undated.md").write_bytes(
        "[松岭](https://songling-times.example/undated)\n------\n\n<p>林帆</p>\n".encode()
    )
    ingest(archive, tmp_path / "days", partition="day")
    with snapshot(Output(tmp_path / "days"), "reader") as found:
        months = {part.partition: len(part.paths) for part in found.parts if part.table == "articles"}
    place = "outlet=songling-times-example/month="
    assert months == {f"{place}2022-03": 2, f"{place}unknown": 1}
    ingest(archive, tmp_path / "years", partition="year")
    with (
        pytest.raises(OutputError, match=r"years can't be loaded.*by month or by day"),
        snapshot(Output(tmp_path / "years"), "reader"),
    ):
        pass
