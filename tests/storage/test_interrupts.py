"""A run that is stopped in any step leaves an output that can be used, and the next run gives the rows that it would
have given."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from archives import (
    ROOT,
    SOURCES,
    Changed,
    News,
    WriteArticle,
    assert_same_rows,
    breaches,
    change_sources,
    files_of,
    ingest,
    write_sources,
)  # fmt: skip
from repositories import Repository, files_below

from pressmark.storage import batches
from pressmark.storage.errors import LockedError
from pressmark.storage.ingestion import Run
from pressmark.storage.output.folder import JOURNAL, FolderStore
from pressmark.storage.output.tables import STAGING
from pressmark.transforms.records import Article

pytestmark = pytest.mark.slow

STEPS = ("discover", "plan", "parse", "settle", "merge", "publish", "report")


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of a few sources each."""
    monkeypatch.setattr("pressmark.storage.runs.ROUND_BYTES", 600)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the sources in the order in which they were parsed."""
    calls: list[str] = []
    parse = batches.parse_source  # type: ignore[attr-defined]

    def counted(data: bytes, source_path: str, *arguments: Any, **named: Any) -> Any:
        calls.append(source_path)
        return parse(data, source_path, *arguments, **named)

    monkeypatch.setattr(batches, "parse_source", counted)
    return calls


class Stopping:
    """Ctrl-C before or after the call of a step that has this number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str, at: int = 0, *, after: bool = False) -> None:
        plain = getattr(Run, step)
        left = at

        def stopped(run: Run, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left >= 0:
                return plain(run, *arguments)
            if after:
                plain(run, *arguments)
            raise KeyboardInterrupt

        self._patch = (monkeypatch, step, plain, stopped)

    def ingest(self, *arguments: Any, **settings: Any) -> None:
        monkeypatch, step, plain, stopped = self._patch
        monkeypatch.setattr(Run, step, stopped)
        with pytest.raises(KeyboardInterrupt):
            ingest(*arguments, **settings)
        monkeypatch.setattr(Run, step, plain)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_at_any_step_leaves_a_usable_output(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    archive, output = changed.archive, changed.copy(tmp_path / "out")
    Stopping(monkeypatch, step, after=after).ingest(archive, output, 2, sync=True)
    published = (step, after) == ("publish", True) or step == "report"
    assert files_of(output) == (changed.after if published else changed.before)
    report = ingest(archive, output, 2, sync=True)
    assert (report.parsed == 0) == published
    assert files_of(output) == changed.after
    assert breaches(output, archive) == []
    assert not (output / STAGING).exists()
    assert not (output / JOURNAL).exists()


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("step", ["parse", "settle", "merge", "publish"])
@pytest.mark.parametrize("round_", [1, pytest.param(2, marks=pytest.mark.campaign)])
def test_a_run_stopped_between_rounds_leaves_a_right_output_and_the_next_does_the_rest(
    news: News, monkeypatch: pytest.MonkeyPatch, parsed: list[str], step: str, round_: int
) -> None:
    paths = write_sources(news.write)
    ingest(news.archive, news.folder / "expected", 2)
    parsed.clear()
    Stopping(monkeypatch, step, round_).ingest(news.archive, news.out, 1)
    done = {str(path) for name in ("articles", "rejects") for (path,) in news.rows(name, "source_path")}
    assert 0 < len(done) < SOURCES
    assert news.breaches() == []
    ((arguments,),) = news.rows("runs", "arguments")
    assert '"unfinished": true' in str(arguments)
    parsed.clear()
    report = news.ingest(2)
    assert sorted(parsed) == sorted(set(paths) - done)
    assert (report.parsed, report.unchanged, report.sources) == (SOURCES - len(done), len(done), SOURCES)
    assert_same_rows(news.out, news.folder / "expected")
    assert news.breaches() == []
    assert news.ingest(3).parsed == 0


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("history", [pytest.param(False, marks=pytest.mark.campaign), True])
def test_rounds_of_a_repository_that_are_stopped_again_and_again_give_the_rows_of_one_run(
    news: News, monkeypatch: pytest.MonkeyPatch, history: bool
) -> None:
    write_sources(news.write)
    repository = Repository(news.folder / "git")
    repository.commit(files_below(news.archive))
    change_sources(news.archive, news.write)
    (news.archive / "02.md").rename(news.archive / "moved.md")
    repository.commit(files_below(news.archive))
    for number in range(1, 4):
        Stopping(monkeypatch, "publish", 1).ingest(repository.path, news.out, number, history=history)
        assert breaches(news.out, repository.path) == []
    change_sources_again(news.archive, news.write)
    repository.commit(files_below(news.archive))
    Stopping(monkeypatch, "settle", 1).ingest(repository.path, news.out, 5, history=history)
    ingest(repository.path, news.out, 6, history=history)
    monkeypatch.setattr("pressmark.storage.runs.ROUND_BYTES", 1 << 30)
    ingest(repository.path, news.folder / "expected", 1, history=history)
    tables = () if history else ("articles", "paragraphs", "rejects")
    assert_same_rows(news.out, news.folder / "expected", *([tables] if tables else []))
    assert breaches(news.out, repository.path) == []


def change_sources_again(archive: Path, write_article: WriteArticle) -> None:
    write_article("03.md", url="https://songling-times.example/3", body="<p>改</p>")
    (archive / "04.md").rename(archive / "moved-4.md")
    (archive / "worse.md").unlink()


@pytest.mark.usefixtures("rounds")
def test_rows_that_swap_months_in_rounds_are_never_shown_twice(news: News) -> None:
    for at in ("2022-03-01T00:00:00", "2022-04-01T00:00:00"):
        other = "2022-04-01T00:00:00" if "-03-" in at else "2022-03-01T00:00:00"
        for number in range(8):
            url = f"https://songling-times.example/{number}"
            news.write(f"{number}.md", url=url, at=at if number % 2 else other)
        news.ingest(1 if "-03-" in at else 2)
        ids = news.rows("articles", "article_id")
        assert len(ids) == len(set(ids)) == 8
    assert news.breaches() == []


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r} + "/src", {root!r} + "/tests"]
from archives import ingest
import pressmark.storage.batches, pressmark.storage.pool

parent, parse = os.getpid(), pressmark.storage.batches.parse_batch
def killing(batch):
    os.kill(parent, signal.{signal})
    signal.pause()
def main():
    import pressmark.storage.ingestion
    pressmark.storage.ingestion.parse_batch = killing
    ingest(Path(sys.argv[1]), Path(sys.argv[2]), workers=1)
main()
"""


@pytest.mark.parametrize("kill", ["SIGKILL", "SIGINT"])
def test_a_killed_run_leaves_no_lock(news: News, kill: str) -> None:
    write_sources(news.write)
    script = KILLED_RUN.format(root=str(ROOT), signal=kill)
    command = [sys.executable, "-c", script, str(news.archive), str(news.out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -getattr(signal, kill), done.stderr
    assert news.files() == {}
    assert _free(news.out)
    news.ingest(1)
    shutil.rmtree(news.out / ".pressmark")
    # Without what lies beside the tables the next run compares, and changes nothing.
    before = news.files()
    assert news.ingest(2).parsed == 0
    assert news.files() == before
    assert os.listdir(news.out / ".pressmark")


def _free(output: Path) -> bool:
    """Whether the lock is free: workers of a killed run hold it until they notice."""
    for _ in range(600):
        try:
            with FolderStore(str(output)).writing("test", lambda *_: None):
                return True
        except LockedError:
            time.sleep(0.05)
    return False


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("step", [pytest.param("parse", marks=pytest.mark.campaign), "publish"])
def test_a_run_for_another_parser_that_is_stopped_between_rounds_forgets_no_source(
    news: News, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_sources(news.write)
    news.ingest(1)
    plain = batches.parse_source  # type: ignore[attr-defined]

    def retitled(data: bytes, *arguments: Any, **named: Any) -> Any:
        found = plain(data, *arguments, **named)
        return found._replace(header=found.header._replace(title="改")) if isinstance(found, Article) else found

    monkeypatch.setattr(batches, "parse_source", retitled)
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "another")
    Stopping(monkeypatch, step, 1).ingest(news.archive, news.out, 2)
    assert len(set(news.rows("articles", "title"))) == 2
    news.ingest(3)
    assert set(news.rows("articles", "title")) == {("改",)}
    assert news.ingest(4).parsed == 0
    # Not stopped, it parses each once.
    ingest(news.archive, news.folder / "whole", 1)
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "a third")
    assert ingest(news.archive, news.folder / "whole", 2).parsed == SOURCES
    assert ingest(news.archive, news.folder / "whole", 3).parsed == 0
