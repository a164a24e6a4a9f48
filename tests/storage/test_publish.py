"""Publishing is all or nothing: a run killed at any step leaves a dataset that readers can use and the next run
completes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from archives import ROOT, WriteArticle, files_of, ingest, rows_of

from pressmark.storage.errors import LockedError, OutputError
from pressmark.storage.output.lock import exclusive
from pressmark.storage.output.publish import JOURNAL
from pressmark.storage.output.tables import STAGING, Output
from pressmark.storage.verification import verify_output

KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from archives import ingest
from pressmark.storage.output import publish
import pressmark.storage.ingestion

steps = int(sys.argv[1])
def count(*_):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)
for name in ("fsync", "replace", "rmdir", "mkdir"):
    def counted(*arguments, _call=getattr(os, name), **keywords):
        count()
        return _call(*arguments, **keywords)
    setattr(os, name, counted)
ingest(Path(sys.argv[2]), Path(sys.argv[3]), 2, absent_is_deleted=True)
print("finished")
"""


def change(archive: Path, write_article: WriteArticle) -> None:
    """New, revised, moved, deleted and broken sources at once."""
    write_article("new.md", url="https://songling-times.example/new")
    write_article("revised.md", url="https://songling-times.example/revised", body="<p>修订</p>")
    write_article("moved.md", url="https://songling-times.example/moved", at="2022-07-01T00:00:00")
    (archive / "deleted.md").unlink()
    (archive / "broken.md").write_bytes(b"")


def first_state(archive: Path, write_article: WriteArticle) -> None:
    for name in ("revised", "moved", "deleted", "broken", "kept"):
        write_article(f"{name}.md", url=f"https://songling-times.example/{name}")


def run_killed(steps: int, archive: Path, output: Path) -> bool:
    """Whether the run finished before its budget of system calls was used up."""
    command = [sys.executable, "-c", KILLED_RUN.format(root=str(ROOT)), str(steps), str(archive), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert done.stdout == "finished\n"
        return True
    assert done.returncode == -signal.SIGKILL, done.stderr
    return False


def test_a_run_killed_at_any_step_is_completed_by_the_next(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    first_state(archive, write_article)
    ingest(archive, tmp_path / "base", 1)
    ingest(archive, tmp_path / "expected", 1)
    change(archive, write_article)
    ingest(archive, tmp_path / "expected", 2, absent_is_deleted=True)
    expected = files_of(tmp_path / "expected")
    before = files_of(tmp_path / "base")
    assert expected != before
    kills = 0
    finished = False
    while not finished:
        output = tmp_path / f"killed-{kills}"
        subprocess.run(["cp", "-r", str(tmp_path / "base"), str(output)], check=True)
        finished = run_killed(kills, archive, output)
        journal = output / JOURNAL
        if not finished and not journal.exists() and files_of(output) != expected:
            assert files_of(output) == before, f"killed at call {kills}: neither the old state nor the new"
        check_readable(output)
        # The same run again, under the id it had, so that the bytes can be compared.
        ingest(archive, output, 2, absent_is_deleted=True)
        assert files_of(output) == expected, f"killed at call {kills}"
        assert not journal.exists()
        assert not (output / STAGING).exists() or os.listdir(output / STAGING) == []
        kills += 1
    assert kills > 30


def check_readable(output: Path) -> None:
    """A glob reader sees whole files and no row twice."""
    for name, key in (("articles", "article_id"), ("paragraphs", "paragraph_id"), ("rejects", "source_path")):
        if any((output / name).rglob("*.parquet")):
            keys = pl.scan_parquet(output / name, hive_partitioning=True).select(key).collect()[key]
            assert keys.n_unique() == len(keys)
        assert all(path.suffix == ".parquet" for path in (output / name).rglob("*") if path.is_file())


def test_the_state_after_a_kill_and_a_plain_run_verifies(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    first_state(archive, write_article)
    ingest(archive, tmp_path / "out", 1)
    change(archive, write_article)
    for steps in (3, 12, 24, 36):
        run_killed(steps, archive, tmp_path / "out")
        ingest(archive, tmp_path / "out", 3)
        found = verify_output(Output(tmp_path / "out"), archive, workers=1, progress=lambda *_: None)
        assert [breach for breach in found.breaches if breach.source_path != "deleted.md"] == []


def test_a_second_writer_is_refused_by_name(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    with exclusive(tmp_path / "out", "the-first"), pytest.raises(LockedError) as refused:
        ingest(archive, tmp_path / "out")
    assert f"process {os.getpid()}" in str(refused.value)
    assert "the-first" in str(refused.value)
    assert "wait" in str(refused.value)
    ingest(archive, tmp_path / "out")
    assert len(rows_of(tmp_path / "out", "articles", "source_path")) == 1


def test_files_that_pressmark_did_not_write_are_refused(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    part = tmp_path / "out" / "articles" / "outlet=x" / "month=2022-01" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    pl.DataFrame({"a": [1]}).write_parquet(part)
    with pytest.raises(OutputError, match="no contract version"):
        ingest(archive, tmp_path / "out")
    part.write_bytes(b"not parquet")
    with pytest.raises(OutputError, match="can't be read"):
        ingest(archive, tmp_path / "out")
    assert part.read_bytes() == b"not parquet"


def test_the_run_log_has_one_row_per_run_with_its_figures(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    (archive / "empty.md").write_bytes(b"")
    for number in (1, 2):
        ingest(archive, tmp_path / "out", number)
    runs = pl.read_parquet(tmp_path / "out" / "runs").sort("started_at")
    columns = ["run_id", "sources", "unchanged", "parsed", "accepted", "rejected", "articles", "paragraphs", "rejects"]
    assert runs.select(columns).rows() == [("run-1", 2, 0, 2, 1, 1, 1, 2, 1), ("run-2", 2, 2, 0, 0, 0, 1, 2, 1)]
    assert json.loads(runs["arguments"][0])["sync"] is False
