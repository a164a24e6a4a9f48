"""Runs after the first: what did not change is not read, only what changed is written, and no side state is trusted
further than it can be checked."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import STATE, News, WriteArticle, breaches, files_of, ingest, rows_of, writer

from pressmark.schemas import OF_RUNS
from pressmark.storage.dataset import Dataset
from pressmark.storage.forgetting import forget
from pressmark.storage.output.folder import FolderStore
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import latest_of, new_stamp

pytestmark = pytest.mark.slow

COUNT = 8
PLACE = "outlet=songling-times-example/month=2022-03/part-0.parquet"
SEEN = ".pressmark/seen"


def test_one_changed_source_rewrites_only_its_partition(news: News) -> None:
    for month in ("03", "04"):
        news.write(f"{month}.md", url=f"https://songling-times.example/{month}", at=f"2022-{month}-01T00:00:00")
    news.ingest(1)
    before = news.files()
    news.write("04.md", url="https://songling-times.example/04", at="2022-04-01T00:00:00", body="<p>新文</p>")
    report = news.ingest(2)
    changed = {name for name, content in news.files().items() if before.get(name) != content}
    place = PLACE.replace("03", "04")
    assert changed == {f"articles/{place}", f"paragraphs/{place}", f"revisions/{place}"}
    assert report.partitions_written == 3


def test_tables_are_listed_as_often_however_many_partitions_change(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    entries = FolderStore.entries

    def counted(store: FolderStore, prefix: str) -> list[Stored]:
        listed.append(prefix)
        return entries(store, prefix)

    monkeypatch.setattr(FolderStore, "entries", counted)
    counts = []
    for run, changed in enumerate((COUNT, 1, COUNT)):
        for month in range(1, 1 + changed):
            address, at = f"https://songling-times.example/{month}", f"2022-{month:02d}-01T00:00:00"
            news.write(f"{month}.md", url=address, at=at, body=f"<p>第{run}版</p>")
        listed.clear()
        news.ingest(1 + run)
        counts.append(len(listed))
    assert len(news.rows("revisions", "revision_id")) == 1 + COUNT
    assert counts[2] == counts[1]


def test_a_source_that_moves_to_another_month_leaves_the_old_one(news: News) -> None:
    news.write("a.md")
    news.ingest(1)
    news.write("a.md", at="2022-05-01T00:00:00")
    news.ingest(2)
    place = PLACE.replace("03", "05")
    assert sorted(news.files()) == [f"articles/{place}", f"paragraphs/{place}", f"revisions/{PLACE}"]


def test_a_reject_leaves_when_it_parses_and_is_not_tried_before(news: News) -> None:
    (news.archive / "a.md").write_bytes(b"no header here")
    news.ingest(1)
    assert news.rows("rejects", "source_path", "reason", "raw") == [("a.md", "no_header", b"no header here")]
    assert news.ingest(2).parsed == 0
    news.write("a.md")
    news.ingest(3)
    assert news.rows("rejects", "source_path") == []
    assert news.rows("articles", "source_path") == [("a.md",)]


def test_a_raised_limit_tries_what_was_too_large(news: News) -> None:
    news.write("a.md", body="<p>" + "长" * 600_000 + "</p>")
    news.ingest(1, max_source_mib=1)
    ((reason, raw, sha256),) = news.rows("rejects", "reason", "raw", "source_sha256")
    assert (reason, raw, len(str(sha256))) == ("too_large", None, 64)
    assert news.ingest(2, max_source_mib=1).parsed == 0
    news.ingest(3)
    assert news.rows("rejects", "reason") == []
    assert len(news.rows("articles", "source_path")) == 1


# What a run remembers of files.


class Opens:
    """Sources and partition files that were opened."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.tables: list[str] = []
        self.watched: Path | None = None

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watched is not None and event == "open" and isinstance(arguments[0], str):
            path = Path(arguments[0])
            if path.parent == self.watched:
                self.sources.append(path.name)

    def clear(self) -> None:
        self.sources.clear()
        self.tables.clear()


OPENS = Opens()
sys.addaudithook(OPENS.audit)


@pytest.fixture
def opens(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    plain = pq.ParquetFile

    def opened(source: Any, *arguments: Any, **keywords: Any) -> pq.ParquetFile:
        OPENS.tables.append(str(source))
        return plain(source, *arguments, **keywords)

    monkeypatch.setattr(pq, "ParquetFile", opened)
    OPENS.clear()
    OPENS.watched = archive
    yield OPENS
    OPENS.watched = None


@pytest.fixture
def output(archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output of a run over some articles, one of them a copy, and over no article; files count as settled at
    once."""
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", 0)
    for number in range(COUNT):
        write_article(
            f"{number}.md", url=f"https://songling-times.example/{number}", body=f"<p>林帆第{number}次到松岭。</p>"
        )
    shutil.copy(archive / "0.md", archive / "copy.md")
    (archive / "bad.md").write_bytes(b"\xff")
    ingest(archive, tmp_path / "out", 1)
    return tmp_path / "out"


def all_names(archive: Path) -> list[str]:
    return sorted(path.name for path in archive.iterdir())


def assert_compared(opens: Opens, archive: Path) -> None:
    assert sorted(set(opens.sources)) == all_names(archive)
    assert any("/articles/" in path for path in opens.tables)


def test_a_second_run_reads_no_source_and_no_table(archive: Path, output: Path, opens: Opens) -> None:
    def stamps() -> dict[Path, tuple[int, int]]:
        paths = (path for path in output.rglob("*.parquet") if not {"runs", ".pressmark"} & {*path.parts})
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    before = stamps()
    for number in (2, 3):
        opens.clear()
        report = ingest(archive, output, number)
        assert opens.sources == []
        # Only what a report tells: the latest run, and the rejects that there are.
        assert {path.removeprefix(f"{output}/").partition("/")[0] for path in opens.tables} <= {"runs", "rejects"}
        assert (report.sources, report.unchanged, report.parsed) == (COUNT + 2, COUNT + 2, 0)
        assert (report.articles, report.rejects, report.revisions) == (COUNT, 1, 1)
    assert stamps() == before


def test_a_change_that_size_and_time_do_not_show_is_read(archive: Path, output: Path, opens: Opens) -> None:
    path = archive / "3.md"
    times = path.stat()
    path.write_bytes(path.read_bytes().replace("第3次".encode(), "第9次".encode()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (times.st_size, times.st_mtime_ns, times.st_ino)
    opens.clear()
    report = ingest(archive, output, 2)
    assert set(opens.sources) == {"3.md"}
    assert (report.parsed, report.unchanged, report.sources) == (1, COUNT + 1, COUNT + 2)
    assert ("林帆第9次到松岭。", "run-2") in rows_of(output, "articles", "text", "run_id")
    opens.clear()
    assert ingest(archive, output, 3).parsed == 0
    assert opens.sources == []
    assert breaches(output, archive) == []


def test_a_file_with_other_times_is_read_and_not_parsed(archive: Path, output: Path, opens: Opens) -> None:
    os.utime(archive / "3.md", (1, 1))
    other = archive / "4.new"
    other.write_bytes((archive / "4.md").read_bytes())
    other.rename(archive / "4.md")
    opens.clear()
    assert ingest(archive, output, 2).parsed == 0
    assert sorted(opens.sources) == ["3.md", "4.md"]


@pytest.mark.parametrize("sync", [None, True])
def test_files_that_come_and_go_are_noticed(news: News, output: Path, opens: Opens, sync: bool | None) -> None:
    ingest(news.archive, output, 2, sync=sync)
    news.write("new.md", url="https://songling-times.example/new")
    (news.archive / "1.md").unlink()
    (news.archive / "copy.md").unlink()
    opens.clear()
    report = ingest(news.archive, output, 3, sync=sync)
    # What the copy that is gone had superseded takes its place.
    assert set(opens.sources) == ({"new.md", "0.md"} if sync else {"new.md"})
    assert report.deleted == (2 if sync else 0)
    assert report.sources == COUNT + 1
    paths = {path for (path,) in rows_of(output, "articles", "source_path")}
    kept = {f"{number}.md" for number in range(2, COUNT)} | {"new.md"}
    assert paths == kept | ({"0.md"} if sync else {"1.md", "copy.md"})
    opens.clear()
    ingest(news.archive, output, 4, sync=sync)
    assert opens.sources == []
    assert not sync or breaches(output, news.archive) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: None, lambda _: b"", lambda content: content[: len(content) // 2], lambda _: b"ARROW1\0\0" * 20,
        lambda content: content[:-40] + bytes(byte ^ 1 for byte in content[-40:]),
    ],
    ids=["gone", "empty", "half", "foreign", "end"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["listing", "kept", "tables"])
def test_a_damaged_note_costs_a_comparison(
    archive: Path, output: Path, opens: Opens, kind: str, damage: Callable[[bytes], bytes | None]
) -> None:
    before = files_of(output)
    (path,) = (output / SEEN).glob("tables" if kind == "tables" else f"*.{kind}")
    content = damage(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    opens.clear()
    assert ingest(archive, output, 2).parsed == 0
    assert_compared(opens, archive)
    assert files_of(output) == before
    opens.clear()
    ingest(archive, output, 3)
    assert opens.sources == []


@pytest.mark.parametrize(
    "settings",
    [{"max_source_mib": 5}, {"exclude": ("x.md",)}, {"sync": True}, {"limit": 3}, {"outlets": ("nobody",)}],
    ids=repr,
)
def test_other_settings_compare_everything(archive: Path, output: Path, opens: Opens, settings: dict[str, Any]) -> None:
    opens.clear()
    ingest(archive, output, 2, **settings)
    assert_compared(opens, archive)


def test_another_parser_compares_everything(
    archive: Path, output: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressmark.storage.output.state.parser_version", lambda: "another")
    opens.clear()
    ingest(archive, output, 2)
    assert_compared(opens, archive)


def test_the_notes_of_another_output_or_source_are_not_believed(news: News, output: Path, opens: Opens) -> None:
    shutil.copytree(news.archive, news.folder / "other" / "archive")
    ingest(news.archive, news.folder / "foreign", 1)
    shutil.rmtree(output / SEEN)
    shutil.copytree(news.folder / "foreign" / SEEN, output / SEEN)
    opens.clear()
    ingest(news.archive, output, 2)
    assert_compared(opens, news.archive)
    # The same archive at another place, and back.
    assert ingest(news.folder / "other" / "archive", output, 3).parsed == 0
    opens.clear()
    ingest(news.archive, output, 4)
    assert_compared(opens, news.archive)
    # A copy has other files; what was only renamed has the same.
    shutil.copytree(output, news.folder / "copied")
    opens.clear()
    assert ingest(news.archive, news.folder / "copied", 5).parsed == 0
    assert_compared(opens, news.archive)
    output.rename(news.folder / "moved")
    opens.clear()
    ingest(news.archive, news.folder / "moved", 6)
    assert opens.sources == []


def test_a_file_of_this_moment_is_read_again(
    archive: Path, output: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(output / SEEN)
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", 1 << 62)
    for number in (2, 3):
        opens.clear()
        assert ingest(archive, output, number).parsed == 0
        assert sorted(opens.sources) == all_names(archive)
    # Later they are settled, and read once more, as nothing was noted of them.
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", 0)
    for number, sources in ((4, all_names(archive)), (5, [])):
        opens.clear()
        ingest(archive, output, number)
        assert sorted(opens.sources) == sources


def test_what_a_run_for_a_part_left_out_is_read_by_the_next(news: News, output: Path, opens: Opens) -> None:
    news.write("new.md", url="https://songling-times.example/new")
    assert ingest(news.archive, output, 2, outlets=("nobody",)).accepted == 0
    opens.clear()
    assert ingest(news.archive, output, 3).accepted == 1
    assert "new.md" in opens.sources


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """An archive that changed once, and its output before and after."""
    archive, older, newer = (tmp_path_factory.mktemp(name) / name for name in ("archive", "older", "newer"))
    write = writer(archive)
    for number in range(COUNT):
        write(f"{number}.md", url=f"https://songling-times.example/{number}")
    shutil.copy(archive / "0.md", archive / "copy.md")
    (archive / "bad.md").write_bytes(b"\xff")
    ingest(archive, older, 1, buckets=2)
    shutil.copytree(older, newer)
    write("1.md", url="https://songling-times.example/1", body="<p>改</p><p>二</p>")
    write("late.md", url="https://songling-times.example/late")
    shutil.copy(archive / "2.md", archive / "copy-2.md")
    (archive / "worse.md").write_bytes(b"\xfe")
    ingest(archive, newer, 2)
    return archive, older, newer


@pytest.mark.parametrize(
    ("name", "how"),
    # Older paragraphs are found by `verify`: a run compares sources with articles.
    [(name, how) for name in STATE for how in ("removed", "older", "rewritten")
     if (name, how) != ("paragraphs", "older")],
)  # fmt: skip
def test_a_partition_file_that_was_touched_by_hand_is_healed(
    twice: tuple[Path, Path, Path], tmp_path: Path, name: str, how: str
) -> None:
    archive, older, newer = twice
    output = Path(shutil.copytree(newer, tmp_path / "out"))
    place = sorted((older / name).rglob("*.parquet"))[0].relative_to(older)
    (output / place).unlink()
    if how != "removed":
        shutil.copy((older if how == "older" else newer) / place, output / place)
    ingest(archive, output, 4)
    for table in STATE:
        # A revision that only a removed file held is gone for good.
        assert table == "revisions" or sorted_texts(output, table) == sorted_texts(newer, table)
    assert breaches(output, archive) == []
    assert ingest(archive, output, 5).parsed == 0


def sorted_texts(output: Path, table: str) -> list[tuple[object, ...]]:
    columns = {"articles": ("source_path", "text"), "paragraphs": ("paragraph_id", "text")}
    return sorted(rows_of(output, table, *columns.get(table, ("source_path", "source_sha256"))), key=repr)


def test_a_run_counts_as_the_next_one_though_the_clock_was_set_back(
    news: News, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("archives.stamp", lambda number: new_stamp(datetime(2026, 1, number, tzinfo=UTC)))
    for name in ("a", "b", "c"):
        news.write(f"{name}.md", url=f"https://songling-times.example/{name}", title=name)
    news.ingest(9)
    (news.archive / "c.md").unlink()
    assert news.ingest(2, sync=True).articles == 2
    assert "which this machine's clock has not reached" in caplog.text
    again = news.ingest(3, sync=True)
    assert (again.articles, again.revisions, again.deleted) == (2, 1, 0)
    assert again.started_at <= again.finished_at
    monkeypatch.setattr("pressmark.storage.forgetting.new_stamp", lambda: new_stamp(datetime(2026, 1, 4, tzinfo=UTC)))
    (article_id,) = next(row for row in news.rows("articles", "article_id"))
    run_id = forget(str(article_id), str(news.out), reason="asked for").run_id
    last = latest_of(Output(news.out))
    assert (last.run_id, last.articles) == (run_id, 1)
    with Dataset(news.out) as dataset:
        assert dataset.root() == last.root


def test_a_run_counts_the_rows_that_are_there_where_somebody_removed_files(news: News) -> None:
    for number in range(3):
        url, body = f"https://songling-times.example/{number}", '<p>松岭市。</p><img src="/a.jpg">'
        news.write(f"{number}.md", url=url, title=str(number), body=body)
    first = news.ingest()
    for number, name in enumerate(("paragraphs", "media", "articles"), 2):
        shutil.rmtree(news.out / name)
        again = news.ingest(number)
        assert again.parsed == 3
        assert [getattr(again, table) for table in OF_RUNS] == [getattr(first, table) for table in OF_RUNS]
        assert again.root == first.root
