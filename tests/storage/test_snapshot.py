"""A reader's snapshot: the files of one moment, readable while runs replace them, completed where a run was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import News, ingest

import pressmark
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


def test_a_snapshot_keeps_its_files_while_a_run_replaces_them(news: News) -> None:
    news.write("a.md", body="<p>旧。</p>")
    news.ingest()
    published = news.files()
    with snapshot(Output(news.out), "reader") as before:
        assert news.files() == published
        news.write("a.md", body="<p>新。</p>")
        news.ingest(2)
        assert texts(before.parts) == ["旧。"]
    with snapshot(Output(news.out), "reader") as after:
        assert texts(after.parts) == ["新。"]
    assert not list((news.out / ".pressmark" / "readers").iterdir())


def test_errors_of_a_dataset_name_the_output_and_not_the_folder_of_its_moment(news: News) -> None:
    data = news.write("a.md").read_bytes()
    news.ingest()
    found = pressmark.parse(memoryview(data), path="a.md")  # type: ignore[arg-type]
    assert isinstance(found, pressmark.Article)
    with pressmark.open(news.out) as dataset:
        for asked in (lambda: dataset.trace("none-0000"), lambda: dataset.asof(datetime(2030, 1, 1, tzinfo=UTC))):
            with pytest.raises(OutputError) as refused:
                asked()
            assert refused.value.where == str(news.out)


def test_what_is_published_right_after_the_links_were_made_is_not_listed(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.write("a.md")
    news.ingest()
    publishing, runs = folder.publishing, list[int]()

    @contextmanager
    def published_behind(root: Path, *, shared: bool) -> Iterator[None]:
        with publishing(root, shared=shared):
            yield
        if not runs:
            runs.append(2)
            news.write("b.md", url="https://songling-times.example/b", at="2022-05-04T05:06:07")
            news.ingest(2)

    monkeypatch.setattr("pressmark.storage.output.snapshot.publishing", published_behind)
    with snapshot(Output(news.out), "reader") as first:
        assert runs == [2]
        assert {part.partition.partition("/")[2] for part in first.parts if part.table == "articles"} == {
            "month=2022-03"
        }
        assert all(path.exists() for part in first.parts for path in part.paths)


def test_a_reader_s_folder_is_gone_before_its_lock_is(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    place, remove, held = news.folder / "reader", shutil.rmtree, []

    def removed(path: Path, **options: Any) -> None:
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(path)
        finally:
            os.close(handle)
        remove(path, **options)

    monkeypatch.setattr("pressmark.storage.output.folder.shutil.rmtree", removed)
    with folder.held_folder(place):
        pass
    assert held == [place]
    assert not place.exists()


def test_files_are_named_by_partition_and_told_apart_by_content(news: News) -> None:
    news.write("a.md")
    news.ingest()
    with snapshot(Output(news.out), "reader") as first:
        named = {(part.table, part.partition): part.digest for part in first.parts}
    news.write("b.md", url="https://songling-times.example/b", at="2022-05-04T05:06:07")
    news.ingest(2)
    with snapshot(Output(news.out), "reader") as second:
        again = {(part.table, part.partition): part.digest for part in second.parts}
    place = "outlet=songling-times-example/month=2022-03"
    assert set(named) == {("articles", place), ("paragraphs", place), ("runs", "run_id=run-1")}
    assert named.items() <= again.items()
    assert set(again) - set(named) == {
        ("articles", place.replace("03", "05")), ("paragraphs", place.replace("03", "05")), ("runs", "run_id=run-2"),
    }  # fmt: skip


def test_a_run_that_was_killed_while_publishing_is_completed_first(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    news.write("a.md", body="<p>旧。</p>")
    news.ingest()
    news.write("a.md", body="<p>新。</p>")

    def killed(root: Path) -> None:
        if (root / folder.JOURNAL).exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(folder, "_complete", killed)
    with pytest.raises(KeyboardInterrupt):
        news.ingest(2)
    monkeypatch.undo()
    assert (news.out / ".pressmark" / "journal.json").exists()
    with snapshot(Output(news.out), "reader") as found:
        assert texts(found.parts) == ["新。"]
    assert not (news.out / ".pressmark" / "journal.json").exists()


def test_what_a_killed_reader_left_is_removed_by_the_next_run(news: News) -> None:
    news.write("a.md")
    news.ingest()
    left = news.out / ".pressmark" / "readers" / "dead"
    left.mkdir(parents=True)
    (left / "part-0.parquet").write_bytes(b"x")
    with snapshot(Output(news.out), "alive") as alive:
        news.ingest(2)
        assert not left.exists()
        assert texts(alive.parts)


def test_an_output_that_may_only_be_read_is_read_in_place(news: News) -> None:
    news.write("a.md")
    news.ingest()
    mounted = news.folder / "mounted"
    mounted.mkdir()
    command = ["mount", "--bind", "-o", "ro", str(news.out), str(mounted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or os.access(mounted, os.W_OK):
        subprocess.run(["umount", str(mounted)], capture_output=True, check=False)
        pytest.skip(f"no folder can be mounted for reading here: {done.stderr.strip()}")
    try:
        with snapshot(Output(mounted), "reader") as found:
            assert len(texts(found.parts)) == 2
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_days_are_taken_together_by_month_and_years_are_refused(news: News) -> None:
    for day in (1, 2):
        news.write(f"{day}.md", url=f"https://songling-times.example/{day}", at=f"2022-03-0{day}T00:00:00")
    (news.archive / "undated.md").write_bytes(
        "[松岭](https://songling-times.example/undated)\n------\n\n<p>林帆</p>\n".encode()
    )
    ingest(news.archive, news.folder / "days", partition="day")
    with snapshot(Output(news.folder / "days"), "reader") as found:
        months = {part.partition: len(part.paths) for part in found.parts if part.table == "articles"}
    place = "outlet=songling-times-example/month="
    assert months == {f"{place}2022-03": 2, f"{place}unknown": 1}
    ingest(news.archive, news.folder / "years", partition="year")
    with pressmark.open(news.folder / "years") as dataset:
        assert dataset.articles.collect()["year"].sort().to_list() == [0, 2022, 2022]
    with pytest.raises(OutputError, match=r"years can't be loaded.*by month or by day"):
        pressmark.load(news.folder / "years", f"duckdb:{news.folder / 'news.duckdb'}")
