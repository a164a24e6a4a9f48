"""What a run remembers of files: unchanged ones are not read again, and whatever makes that unsafe has them read."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, files_of, ingest, read_table, rows_of

from pressmark.storage.output.tables import Output
from pressmark.storage.seen import NAME
from pressmark.storage.verification import verify_output
from pressmark.transforms.records import Limits
from pressmark.transforms.selection import Selection, Wanted

COUNT = 8
PLACE = "outlet=songling-times-example/month=2022-03/part-0.parquet"


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


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that count as settled at once."""
    monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 0)


@pytest.fixture
def output(archive: Path, write_article: WriteArticle, tmp_path: Path) -> Path:
    """The output of a run over some articles, one of them a copy, and over no article."""
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


def assert_whole(output: Path, archive: Path) -> None:
    assert verify_output(Output(output), archive, workers=1, progress=lambda *_: None).breaches == []


def test_a_second_run_reads_no_source_and_no_table(archive: Path, output: Path, opens: Opens) -> None:
    before = files_of(output)
    for number in (2, 3):
        opens.clear()
        report = ingest(archive, output, number)
        assert opens.sources == []
        # Only what a report tells of: the latest run, and the rejects that there are.
        assert {path.removeprefix(f"{output}/").partition("/")[0] for path in opens.tables} == {"runs", "rejects"}
        assert (report.sources, report.unchanged, report.parsed) == (COUNT + 2, COUNT + 2, 0)
        assert (report.articles, report.rejects, report.revisions) == (COUNT, 1, 1)
    assert files_of(output) == before


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
    assert_whole(output, archive)


def test_a_file_in_anothers_place_is_read(archive: Path, output: Path, opens: Opens) -> None:
    path = archive / "3.md"
    times = path.stat()
    other = archive / "3.new"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.rename(path)
    opens.clear()
    # The same bytes, so nothing is parsed.
    assert ingest(archive, output, 2).parsed == 0
    assert opens.sources == ["3.md"]


@pytest.mark.parametrize("sync", [False, True])
def test_files_that_come_and_go_are_noticed(
    archive: Path, write_article: WriteArticle, output: Path, opens: Opens, sync: bool
) -> None:
    ingest(archive, output, 2, absent_is_deleted=sync)
    write_article("new.md", url="https://songling-times.example/new")
    (archive / "1.md").unlink()
    (archive / "copy.md").unlink()
    opens.clear()
    report = ingest(archive, output, 3, absent_is_deleted=sync)
    # What the copy that is gone had superseded takes its place.
    assert set(opens.sources) == ({"new.md", "0.md"} if sync else {"new.md"})
    assert report.deleted == (2 if sync else 0)
    assert report.sources == COUNT + 1
    paths = {path for (path,) in rows_of(output, "articles", "source_path")}
    kept = {f"{number}.md" for number in range(2, COUNT)} | {"new.md"}
    assert paths == kept | ({"0.md"} if sync else {"1.md", "copy.md"})
    opens.clear()
    ingest(archive, output, 4, absent_is_deleted=sync)
    assert opens.sources == []
    if sync:
        assert_whole(output, archive)


def _cut(content: bytes, most: int) -> bytes:
    return content[:most]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: None,
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:40],
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\0",
        lambda content: content[:32] + b"garbage" * 20,
        lambda content: b"ARROW1\0\0" * 20,
        lambda content: content[:-40] + bytes(byte ^ 1 for byte in content[-40:]),
        lambda content: content[:32] + content[32:64][::-1] + content[64:],
    ],
    ids=["gone", "empty", "20", "40", "short", "half", "long", "body", "foreign", "end", "begin"],
)
def test_a_damaged_note_costs_a_comparison(
    archive: Path, output: Path, opens: Opens, damage: Callable[[bytes], bytes | None]
) -> None:
    before = files_of(output)
    path = output / NAME
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


def test_the_note_of_another_output_or_archive_is_not_believed(
    archive: Path, output: Path, opens: Opens, tmp_path: Path
) -> None:
    shutil.copytree(archive, tmp_path / "other")
    ingest(archive, tmp_path / "foreign", 1)
    shutil.copy(tmp_path / "foreign" / NAME, output / NAME)
    opens.clear()
    ingest(archive, output, 2)
    assert_compared(opens, archive)
    assert ingest(tmp_path / "other", output, 3).parsed == 0
    opens.clear()
    ingest(archive, output, 4)
    assert_compared(opens, archive)


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": Limits(source_bytes=5000)},
        {"selection": Selection(exclude=("x.md",))},
        {"absent_is_deleted": True},
        {"wanted": Wanted(limit=3)},
        {"wanted": Wanted(outlets=("nobody",))},
    ],
    ids=repr,
)
def test_other_settings_compare_everything(archive: Path, output: Path, opens: Opens, settings: dict[str, Any]) -> None:
    opens.clear()
    ingest(archive, output, 2, **settings)
    assert_compared(opens, archive)


def test_another_parser_compares_everything(
    archive: Path, output: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressmark.storage.seen, "parser_version", lambda: "another")
    opens.clear()
    ingest(archive, output, 2)
    assert_compared(opens, archive)


def test_a_copy_of_an_output_is_compared(archive: Path, output: Path, opens: Opens, tmp_path: Path) -> None:
    shutil.copytree(output, tmp_path / "copied")
    opens.clear()
    assert ingest(archive, tmp_path / "copied", 2).parsed == 0
    assert_compared(opens, archive)
    # In another place, but the same files.
    output.rename(tmp_path / "moved")
    opens.clear()
    ingest(archive, tmp_path / "moved", 3)
    assert opens.sources == []


def test_a_file_of_this_moment_is_read_again(
    archive: Path, output: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    (output / NAME).unlink()
    now = max((archive / name).stat().st_ctime_ns for name in all_names(archive)) + 1_000_000_000
    monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 2_000_000_000)
    monkeypatch.setattr("pressmark.storage.inputs.entries.time.time_ns", lambda: now)
    for number in (2, 3):
        opens.clear()
        assert ingest(archive, output, number).parsed == 0
        assert sorted(opens.sources) == all_names(archive)
    # A second later they are settled, and read once more, as nothing was noted of them.
    now += 1_500_000_000
    opens.clear()
    ingest(archive, output, 4)
    assert sorted(opens.sources) == all_names(archive)
    opens.clear()
    ingest(archive, output, 5)
    assert opens.sources == []


def test_what_a_run_for_a_part_left_out_is_read_by_the_next(
    archive: Path, write_article: WriteArticle, output: Path, opens: Opens
) -> None:
    write_article("new.md", url="https://songling-times.example/new")
    assert ingest(archive, output, 2, wanted=Wanted(outlets=("nobody",))).accepted == 0
    opens.clear()
    assert ingest(archive, output, 3).accepted == 1
    assert "new.md" in opens.sources


TABLE_NAMES = ("articles", "paragraphs", "revisions", "rejects")


@pytest.mark.parametrize(
    ("name", "how"),
    # Older paragraphs are found by `verify`: a run compares sources with articles.
    [(name, how) for name in TABLE_NAMES for how in ("removed", "older", "rewritten")
     if (name, how) != ("paragraphs", "older")],
)  # fmt: skip
def test_a_partition_file_that_was_touched_by_hand_is_healed(
    archive: Path, write_article: WriteArticle, output: Path, opens: Opens, tmp_path: Path, name: str, how: str
) -> None:
    target = output / name / ("part-0.parquet" if name == "rejects" else PLACE)
    older = target.read_bytes()
    write_article("1.md", url="https://songling-times.example/1", body="<p>改</p><p>二</p>")
    write_article("late.md", url="https://songling-times.example/late")
    shutil.copy(archive / "2.md", archive / "copy-2.md")
    (archive / "worse.md").write_bytes(b"\xfe")
    ingest(archive, output, 2)
    expected = {table: sorted_texts(output, table) for table in TABLE_NAMES}
    ingest(archive, output, 3)
    content = target.read_bytes()
    target.unlink()
    if how != "removed":
        target.write_bytes(older if how == "older" else content)
    opens.clear()
    ingest(archive, output, 4)
    assert set(opens.sources) == set(all_names(archive))
    assert {table: sorted_texts(output, table) for table in TABLE_NAMES if table != "revisions"} == {
        table: texts for table, texts in expected.items() if table != "revisions"
    }
    assert_whole(output, archive)
    opens.clear()
    ingest(archive, output, 5)
    assert opens.sources == []


def sorted_texts(output: Path, table: str) -> list[tuple[object, ...]]:
    columns = {"articles": ("source_path", "text"), "paragraphs": ("paragraph_id", "text")}
    return sorted(rows_of(output, table, *columns.get(table, ("source_path", "source_sha256"))), key=repr)


def test_a_note_is_one_file_that_readers_of_tables_do_not_see(output: Path) -> None:
    assert (output / NAME).is_file()
    assert read_table(output, "articles").num_rows == COUNT
    assert not list((output / "articles").rglob("*.arrow"))
