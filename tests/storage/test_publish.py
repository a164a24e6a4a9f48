"""Publishing is all or nothing: a run killed at any step leaves a dataset that readers can use and the next run
completes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import polars as pl
import pytest
from archives import ROOT, Changed, News, breaches, files_of, ingest

import pressmark
from pressmark.storage import runs
from pressmark.storage.errors import LockedError, OutputError
from pressmark.storage.output.folder import JOURNAL, exclusive, new_folder, replace_file, save
from pressmark.storage.output.tables import STAGING, Output

pytestmark = pytest.mark.slow

# Runs in processes that end after one system call more each, until one finishes; they start out with all loaded.
KILLED_RUNS = """
import os, shutil, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r} + "/src", {root!r} + "/tests"]
from archives import die_after, ingest
import pressmark.storage.batches, pressmark.storage.inputs.folder, pressmark.storage.output.partitions

base, archive, outputs = map(Path, sys.argv[1:4])
number = int(sys.argv[4])
while True:
    shutil.copytree(base, outputs / str(number))
    child = os.fork()
    if not child:
        die_after(number)
        ingest(archive, outputs / str(number), 2, sync=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    number += int(sys.argv[5])
print(number)
"""


@pytest.mark.parametrize("every", [16, pytest.param(3, marks=pytest.mark.campaign)])
def test_a_run_killed_at_any_step_is_completed_by_the_next(changed: Changed, tmp_path: Path, every: int) -> None:
    before, expected = changed.before, changed.after
    killed = tmp_path / "killed"
    killed.mkdir()
    command = [
        sys.executable, "-c", KILLED_RUNS.format(root=str(ROOT)), str(changed.output), str(changed.archive),
        str(killed),
    ]  # fmt: skip
    done = subprocess.run([*command, "0", str(every)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30
    seen = set()
    for number in range(0, int(done.stdout) + 1, every):
        output = killed / str(number)
        committed = (output / JOURNAL).exists()
        if not committed:
            assert files_of(output) in (before, expected), f"killed at call {number}: neither the old state nor the new"
        seen.add("between" if committed else "old" if files_of(output) == before else "new")
        check_readable(output)
        # The same run again, under the id it had, so that the bytes can be compared.
        ingest(changed.archive, output, 2, sync=True)
        assert files_of(output) == expected, f"killed at call {number}"
        assert not (output / JOURNAL).exists()
        assert not (output / STAGING).exists() or os.listdir(output / STAGING) == []
    assert seen == {"old", "between", "new"}
    assert breaches(killed / str(2 * every), changed.archive) == []


def check_readable(output: Path) -> None:
    """A glob reader sees whole files and no row twice."""
    for name, key in (("articles", "article_id"), ("paragraphs", "paragraph_id"), ("rejects", "source_path")):
        if any((output / name).rglob("*.parquet")):
            keys = pl.scan_parquet(output / name, hive_partitioning=True).select(key).collect()[key]
            assert keys.n_unique() == len(keys)
        assert all(path.suffix == ".parquet" for path in (output / name).rglob("*") if path.is_file())


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.campaign)])
def test_any_error_of_a_sync_ends_the_run_and_nothing_is_published(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """Up to the journal nothing has changed; behind it the next run completes what is published."""
    before, expected = changed.before, changed.after
    fsync = os.fsync
    number, states = 0, set()
    while True:
        output = tmp_path / f"failed-{number}"
        changed.copy(output)
        calls = []

        def failing(handle: int) -> None:
            calls.append(handle)  # noqa: B023
            if len(calls) == number + 1:  # noqa: B023
                raise OSError(errno.EIO, "Input/output error")
            fsync(handle)

        monkeypatch.setattr(os, "fsync", failing)
        try:
            ingest(changed.archive, output, 2, sync=True)
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017
        else:
            assert len(calls) <= number, "an error of a sync was swallowed"
            break
        finally:
            monkeypatch.undo()
        committed = (output / JOURNAL).exists()
        if not committed:
            assert files_of(output) in (before, expected), number
        states.add("between" if committed else "old" if files_of(output) == before else "new")
        ingest(changed.archive, output, 2, sync=True)
        assert files_of(output) == expected, number
        number += every
    assert number > 20
    assert states >= {"old", "between"}


def test_a_folder_that_can_not_be_made_is_met_before_the_journal(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, expected = changed.before, changed.after
    base = changed.copy(tmp_path / "base")
    mkdir = Path.mkdir

    def refused(path: Path, *arguments: Any, **named: Any) -> None:
        if path.name == "month=2022-07":
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        mkdir(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(OSError, match="too long"):
        ingest(changed.archive, base, 2, sync=True)
    monkeypatch.undo()
    assert not (base / JOURNAL).exists()
    assert files_of(base) == before
    ingest(changed.archive, base, 2, sync=True)
    assert files_of(base) == expected


@pytest.mark.parametrize("place", ["partitions.Staging.write", "partitions.write_part", "folder._apply"])
def test_a_full_disk_leaves_the_output_as_it_was_or_to_be_completed(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    before, expected = changed.before, changed.after
    base = changed.copy(tmp_path / "base")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"pressmark.storage.output.{place}", full)
    with pytest.raises(OSError, match="No space"):
        ingest(changed.archive, base, 2, sync=True)
    monkeypatch.undo()
    assert files_of(base) == before
    # What a journal lists is kept for the next run.
    assert (base / STAGING).exists() == (place == "folder._apply")
    report = ingest(changed.archive, base, 2, sync=True)
    assert files_of(base) == expected
    assert (report.parsed == 0) == (place == "folder._apply")


def test_a_file_that_can_not_be_replaced_stays_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        replace_file(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_file_that_someone_named_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / ("ä" * 120 + ".json")  # a draft of a longer name could not be made
    save(named, b"old")
    (tmp_path / "link").symlink_to(named)
    save(tmp_path / "link", b"new")
    assert (named.read_bytes(), (tmp_path / "link").is_symlink()) == (b"new", True)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    save(tmp_path / "pipe", b"through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    for place in (named, tmp_path / "other"):
        with pytest.raises(OSError, match=f"No space.*{place.name}"):
            save(place, b"half")
    with pytest.raises(IsADirectoryError):
        save(tmp_path, b"")
    with pytest.raises(IsADirectoryError), new_folder(tmp_path / "folder") as draft:
        draft.write_bytes(b"a")
    assert (named.read_bytes(), sorted(tmp_path.iterdir())) == (b"new", before)


def test_a_second_writer_is_refused_by_name(news: News) -> None:
    news.write("a.md")
    with exclusive(news.out, "the-first"), pytest.raises(LockedError) as refused:
        news.ingest()
    for part in (f"process {os.getpid()}", "the-first", "wait"):
        assert part in str(refused.value)
    news.ingest()
    assert len(news.rows("articles", "source_path")) == 1


def test_an_output_that_can_not_be_written_names_the_remedy(news: News) -> None:
    file = news.write("a.md")
    with pytest.raises(Exception, match="can't be written.*choose a folder you may write to"):
        ingest(news.archive, file / "out")


def test_the_run_log_has_one_row_per_run_with_its_figures(news: News) -> None:
    news.write("a.md")
    (news.archive / "empty.md").write_bytes(b"")
    for number in (1, 2):
        news.ingest(number)
    runs = pl.read_parquet(news.out / "runs").sort("started_at")
    columns = ["run_id", "sources", "unchanged", "parsed", "accepted", "rejected", "articles", "paragraphs", "rejects"]
    assert runs.select(columns).rows() == [("run-1", 2, 0, 2, 1, 1, 1, 2, 1), ("run-2", 2, 2, 0, 0, 0, 1, 2, 1)]
    arguments = json.loads(runs["arguments"][0])
    assert (arguments["sync"], arguments["partition"], arguments["buckets"]) == (False, "month", 1)


def test_a_folder_that_is_a_link_is_not_written_through(news: News) -> None:
    news.write("a.md", url="https://songling-times.example/a")
    ingest(news.archive, news.out)
    others = news.folder / "others"
    for name in (".pressmark/readers", ".pressmark/staging", "runs", "articles/outlet=songling-times-example"):
        held = news.out / name
        elsewhere = others / name.replace("/", "-")
        elsewhere.parent.mkdir(exist_ok=True)
        if held.exists():
            held.rename(elsewhere)
        (elsewhere / "kept").mkdir(parents=True)
        before = sorted(elsewhere.rglob("*"))
        held.symlink_to(elsewhere)
        (news.archive / "a.md").write_bytes((news.archive / "a.md").read_bytes() + b"<p>more</p>")
        with pytest.raises(OutputError, match="is a link"):
            ingest(news.archive, news.out, 2)
        assert sorted(elsewhere.rglob("*")) == before
        held.unlink()
        elsewhere.rename(held)
        (held / "kept").rmdir()
    assert not ingest(news.archive, news.out, 3).deleted


@pytest.mark.parametrize(
    "journal",
    ['[[null, "../others/a.txt", 0]]', '[["../others/a.txt", "runs/a.parquet", 0]]', '[["{0}/a.txt", "runs/a", 0]]',
     '[[null, "linked/a.txt", 0]]', "[1]", "{", "[[]]", "[[1, 2]]", '[[null, ".."]]',
     '[["runs/..", "runs/a"]]'],
)  # fmt: skip
def test_a_journal_that_leads_out_of_the_output_is_carried_out_by_nobody(news: News, journal: str) -> None:
    news.write("a.md", url="https://songling-times.example/a")
    ingest(news.archive, news.out)
    others = news.folder / "others"
    others.mkdir()
    (others / "a.txt").write_text("mine")
    (news.out / "linked").symlink_to(others)
    (news.out / JOURNAL).write_text(journal.replace("{0}", str(others)))
    for use in (lambda: ingest(news.archive, news.out, 2), lambda: pressmark.open(news.out).__enter__()):
        with pytest.raises(OutputError, match=r"leads out|is a link|none of a run"):
            use()
    assert (others / "a.txt").read_text() == "mine"


def test_a_store_that_an_output_names_is_asked_only_where_the_user_names_it(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.write("a.md", url="https://songling-times.example/a")
    ingest(news.archive, news.out)
    sent = runs.latest_of(Output(news.out))._replace(source="s3://another-bucket/x")
    monkeypatch.setattr(runs, "latest_of", lambda *_: sent)
    with pytest.raises(OutputError, match=r"s3://another-bucket/x.*name it"):
        runs.archive_of(Output(news.out))
    assert runs.archive_of(Output(news.out), str(news.archive)).address.path == news.archive
