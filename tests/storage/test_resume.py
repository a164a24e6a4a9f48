"""A run that is stopped leaves an output as it was, and the next one goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archives import ROOT, WriteArticle, files_of, ingest, read_table, rows_of, stamp
from repositories import Repository, files_below
from stopped_runs import SOURCES, run, write_sources

from pressmark.storage.errors import LockedError
from pressmark.storage.ingestion import Progress
from pressmark.storage.output.folder import FolderStore
from pressmark.storage.output.tables import STAGING
from pressmark.transforms.records import Limits
from pressmark.transforms.selection import Selection, Wanted

OUTLET = "songling-times-example"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three sources, and files that count as settled at once."""
    monkeypatch.setattr("pressmark.transforms.plan.LARGEST_BATCH_SOURCES", 3)
    monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 0)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the sources in the order in which they were parsed."""
    calls: list[str] = []
    parse = pressmark.storage.batches.parse

    def counted(data: bytes, source_path: str, *arguments: Any) -> Any:
        calls.append(source_path)
        return parse(data, source_path, *arguments)

    monkeypatch.setattr(pressmark.storage.batches, "parse", counted)
    return calls


def stopping(step: str, done: int) -> Progress:
    """Ctrl-C as soon as so much of a step is done."""

    def progress(name: str, now: int, _: int) -> None:
        if name == step and now >= done:
            raise KeyboardInterrupt

    return progress


def stop(source: Path, output: Path, number: int, step: str = "parse", done: int = 7, **settings: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(source, output, number, stopping(step, done), **settings)


def staged(output: Path, suffix: str = ".done") -> list[str]:
    return sorted(path.name for path in (output / STAGING).rglob(f"*{suffix}"))


def runs_of(output: Path) -> list[dict[str, Any]]:
    """Rows of `runs` without the time at which they ended."""
    return read_table(output, "runs").drop_columns(["finished_at"]).to_pylist()


def assert_same(output: Path, expected: Path) -> None:
    assert files_of(output) == files_of(expected)
    assert runs_of(output) == runs_of(expected)
    assert not (output / STAGING).exists()


@pytest.mark.parametrize("done", [1, 4, 9, SOURCES])
def test_a_stopped_run_goes_on_under_its_name_and_parses_no_source_twice(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str], done: int
) -> None:
    paths = write_sources(write_article)
    run(archive, tmp_path / "expected", 1)
    parsed.clear()
    stop(archive, tmp_path / "out", 1, done=done)
    assert files_of(tmp_path / "out") == {}
    assert len(parsed) == min(-(-done // 3) * 3, SOURCES)
    report = run(archive, tmp_path / "out", 2)
    assert sorted(parsed) == sorted(paths)
    assert (report.run_id, report.started_at) == stamp(1)
    assert (report.parsed, report.accepted, report.rejected) == (SOURCES, SOURCES - 1, 1)
    assert_same(tmp_path / "out", tmp_path / "expected")
    # The run after that is one of its own.
    assert run(archive, tmp_path / "out", 3).run_id == "run-3"


def test_a_run_may_be_stopped_again_and_again(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str]
) -> None:
    paths = write_sources(write_article)
    run(archive, tmp_path / "expected", 1)
    parsed.clear()
    for number, done in enumerate((2, 6, 7, 13, 19), 1):
        stop(archive, tmp_path / "out", number, done=done)
    run(archive, tmp_path / "out", 9)
    assert sorted(parsed) == sorted(paths)
    assert_same(tmp_path / "out", tmp_path / "expected")


def test_what_is_done_is_counted_as_done(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1, done=12)
    shown: list[tuple[int, int]] = []
    run(archive, tmp_path / "out", 2, lambda step, now, all_: shown.append((now, all_)) if step == "parse" else None)
    assert shown == [(15, SOURCES), (18, SOURCES), (SOURCES, SOURCES)]


def test_sources_that_changed_meanwhile_are_parsed_as_they_are_now(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str]
) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1, done=12)
    changed = archive / "01.md"
    times = changed.stat()
    content = changed.read_bytes()
    changed.write_bytes(content.replace("第1次".encode(), "第7次".encode()))
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    write_article("new.md", url="https://songling-times.example/new")
    (archive / "08.md").unlink()
    parsed.clear()
    run(archive, tmp_path / "out", 2)
    # The batches of what changed and of what is gone are parsed again without it, and those that were never parsed.
    assert sorted(parsed) == [
        "00.md", "01.md", "02.md", "06.md", "07.md", *(f"{number}.md" for number in range(12, 19)), "bad.md", "new.md"
    ]  # fmt: skip
    run(archive, tmp_path / "expected", 1)
    assert_same(tmp_path / "out", tmp_path / "expected")
    assert ("林帆第7次到松岭。",) in rows_of(tmp_path / "out", "articles", "text")


def test_a_source_too_new_to_tell_is_parsed_again(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sources(write_article)
    monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 1 << 62)
    stop(archive, tmp_path / "out", 1, done=12)
    (archive / "01.md").write_bytes((archive / "01.md").read_bytes().replace("第1次".encode(), "第7次".encode()))
    run(archive, tmp_path / "out", 2)
    assert ("林帆第7次到松岭。",) in rows_of(tmp_path / "out", "articles", "text")


def test_a_stopped_run_over_an_output_with_rows_goes_on(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str]
) -> None:
    write_sources(write_article)
    for output in ("out", "expected"):
        run(archive, tmp_path / output, 1, absent_is_deleted=True)
    before = files_of(tmp_path / "out")
    for number in range(10):
        write_article(f"{number:02d}.md", url=f"https://songling-times.example/{number}", body="<p>改</p>")
    (archive / "15.md").unlink()
    run(archive, tmp_path / "expected", 2, absent_is_deleted=True)
    parsed.clear()
    stop(archive, tmp_path / "out", 2, done=5, absent_is_deleted=True)
    assert files_of(tmp_path / "out") == before
    run(archive, tmp_path / "out", 3, absent_is_deleted=True)
    assert sorted(parsed) == [f"{number:02d}.md" for number in range(10)]
    assert_same(tmp_path / "out", tmp_path / "expected")


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": Limits(source_bytes=1000)},
        {"selection": Selection(exclude=("x.md",))},
        {"wanted": Wanted(outlets=(OUTLET,))},
        {"wanted": Wanted(limit=100)},
        {"partition_by": "day"},
        {"absent_is_deleted": False},
    ],
    ids=repr,
)
def test_other_settings_begin_anew(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str], settings: dict[str, Any]
) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1)
    parsed.clear()
    assert run(archive, tmp_path / "out", 2, **settings).run_id == "run-2"
    assert len(parsed) == SOURCES
    run(archive, tmp_path / "expected", 2, **settings)
    assert_same(tmp_path / "out", tmp_path / "expected")


@pytest.mark.parametrize(("settings"), [{"workers": 2}, {"part_bytes": 300}], ids=repr)
def test_settings_that_no_parsing_depends_on_may_differ(
    archive: Path, write_article: WriteArticle, tmp_path: Path, settings: dict[str, Any]
) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1)
    assert run(archive, tmp_path / "out", 2, **settings).run_id == "run-1"
    run(archive, tmp_path / "expected", 1, **settings)
    assert_same(tmp_path / "out", tmp_path / "expected")


def test_another_parser_or_another_boot_begins_anew(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: list[str]
) -> None:
    write_sources(write_article)
    boot = tmp_path / "boot"
    boot.write_text("first")
    monkeypatch.setattr(pressmark.storage.staging, "BOOT_ID", boot)
    stop(archive, tmp_path / "out", 1)
    boot.write_text("second")
    stop(archive, tmp_path / "out", 2)
    monkeypatch.setattr(pressmark.storage.staging, "parser_version", lambda: "another")
    parsed.clear()
    assert run(archive, tmp_path / "out", 3).run_id == "run-3"
    assert len(parsed) == SOURCES


def test_another_source_begins_anew(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_bytes((archive / "00.md").read_bytes())
    assert run(other, tmp_path / "out", 2).run_id == "run-2"
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("a.md",)]


def test_what_a_published_run_left_is_not_taken_up(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the journal: all is published, and what is staged belongs to a run that is over."""
    write_sources(write_article)
    monkeypatch.setattr(pressmark.storage.ingestion.Ingestion, "report", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(archive, tmp_path / "out", 1)
    monkeypatch.undo()
    assert staged(tmp_path / "out") != []
    published = files_of(tmp_path / "out")
    report = run(archive, tmp_path / "out", 2)
    assert (report.run_id, report.parsed) == ("run-2", 0)
    assert files_of(tmp_path / "out") == published
    assert not (tmp_path / "out" / STAGING).exists()


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:9]),
        lambda path: path.unlink(),
    ],
    ids=["empty", "cut", "gone"],
)
def test_a_batch_that_was_not_finished_is_parsed_again(
    archive: Path,
    write_article: WriteArticle,
    tmp_path: Path,
    damage: Callable[[Path], None],
    parsed: list[str],
) -> None:
    write_sources(write_article)
    run(archive, tmp_path / "expected", 1)
    stop(archive, tmp_path / "out", 1, done=9)
    (folder,) = (tmp_path / "out" / STAGING).iterdir()
    damage(folder / "batch-000001.done")
    # What a process leaves that is killed while it writes down what to parse, and while it merges.
    (folder / "work-000002.arrow").write_bytes(b"ARROW1")
    (folder / "next-000000-0.parquet").write_bytes(b"PAR1")
    (folder / "settled.revisions").write_bytes(b"ARROW1")
    (folder / "scratch-a").mkdir()
    parsed.clear()
    run(archive, tmp_path / "out", 2)
    assert sorted(parsed) == ["03.md", "04.md", "05.md", *(f"{number:02d}.md" for number in range(9, 19)), "bad.md"]
    assert_same(tmp_path / "out", tmp_path / "expected")


def test_a_streamed_archive_goes_on_too(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str]
) -> None:
    paths = write_sources(write_article)
    packed = tmp_path / "news.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(archive, ".")
    run(packed, tmp_path / "expected", 1)
    parsed.clear()
    stop(packed, tmp_path / "out", 1)
    assert len(parsed) == 9
    run(packed, tmp_path / "out", 2)
    assert sorted(parsed) == sorted(paths)
    assert_same(tmp_path / "out", tmp_path / "expected")
    # Another archive of the same names and sizes is another one.
    stop(packed, tmp_path / "changed", 1)
    for path in archive.glob("[01]*.md"):
        path.write_bytes(path.read_bytes().replace("林帆".encode(), "云港".encode()))
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(archive, ".")
    parsed.clear()
    run(packed, tmp_path / "changed", 2)
    assert sorted(parsed) == sorted(paths)
    assert all(str(text).startswith("云港") for (text,) in rows_of(tmp_path / "changed", "articles", "text"))


@pytest.mark.parametrize("history", [False, True])
def test_a_repository_goes_on_with_the_commits_that_came(
    archive: Path, write_article: WriteArticle, tmp_path: Path, parsed: list[str], history: bool
) -> None:
    write_sources(write_article)
    repository = Repository(tmp_path / "git")
    repository.commit(files_below(archive))
    write_article("03.md", url="https://songling-times.example/3", body="<p>改</p>")
    repository.commit(files_below(archive))
    stop(repository.path, tmp_path / "out", 1, done=12, history=history)
    write_article("16.md", url="https://songling-times.example/16", body="<p>新</p>")
    repository.commit(files_below(archive))
    before = len(parsed)
    run(repository.path, tmp_path / "out", 2, history=history)
    total = len(parsed)
    run(repository.path, tmp_path / "expected", 1, history=history)
    assert_same(tmp_path / "out", tmp_path / "expected")
    assert before >= 12
    assert total < before + len(parsed) - total


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from archives import ingest
import pressmark.storage.batches, storage.inputs.entries, transforms.plan

pressmark.transforms.plan.LARGEST_BATCH_SOURCES = 3
pressmark.storage.inputs.entries.SETTLED_NS = 0
left = int(sys.argv[1])
parent = os.getpid()
parse = pressmark.storage.batches.parse
def counted(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(parent, signal.{signal})
        if os.getpid() != parent:
            signal.pause()
    with open(sys.argv[4], "a") as calls:
        calls.write(arguments[1] + "\\n")
    return parse(*arguments)
pressmark.storage.batches.parse = counted
ingest(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[5]), workers=int(sys.argv[6]))
print("finished")
"""


@pytest.mark.parametrize(("kill", "workers"), [("SIGKILL", 1), ("SIGINT", 1), ("SIGKILL", 2)])
def test_a_killed_run_goes_on(
    archive: Path, write_article: WriteArticle, tmp_path: Path, kill: str, workers: int
) -> None:
    paths = write_sources(write_article)
    run(archive, tmp_path / "expected", 1)
    calls = tmp_path / "calls"
    script = KILLED_RUN.format(root=str(ROOT), signal=kill)
    for number in (1, 2, 3) if workers == 1 else (1,):
        command = [
            sys.executable, "-c", script, "5", str(archive), str(tmp_path / "out"), str(calls), str(number),
            str(workers),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == -getattr(signal, kill), done.stderr
        assert files_of(tmp_path / "out") == {}
        assert _free(tmp_path / "out")
    assert staged(tmp_path / "out") != []
    run(archive, tmp_path / "out", 9)
    assert_same(tmp_path / "out", tmp_path / "expected")
    if workers == 1:
        # Each of the three tries lost the two sources of the batch that it was at.
        assert len(calls.read_text().splitlines()) == 15
    assert set(calls.read_text().splitlines()) <= set(paths)


def _free(output: Path) -> bool:
    """Whether the lock is free: workers of a killed run hold it until they notice."""
    for _ in range(600):
        try:
            with FolderStore(str(output)).writing("test", lambda *_: None):
                return True
        except LockedError:
            time.sleep(0.05)
    return False


def test_a_run_that_ends_well_leaves_no_staging(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_sources(write_article)
    stop(archive, tmp_path / "out", 1)
    facts = json.loads(next((tmp_path / "out" / STAGING).rglob("run.json")).read_bytes())
    assert facts["run_id"] == "run-1"
    ingest(archive, tmp_path / "out", 2)
    assert not (tmp_path / "out" / STAGING).exists()
