"""Sources that are read together and parsed apart: nothing is lost or doubled, and tables are the same."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from archives import ROOT, files_of, ingest, rows_of
from repositories import Repository, article

from pressmark.storage.inputs.git import GitRepository
from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.sources import Sources
from pressmark.storage.windows import windows_of
from pressmark.transforms.plan import batches, groups

# A process of its own, from which workers are forked.
DEADLY_RUN = f"""
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import pressmark.storage.batches, transforms.plan
from archives import ingest

transforms.plan.LARGEST_BATCH_SOURCES = 4
parent, real = os.getpid(), storage.batches.parse
def deadly(data, path, *rest):
    if path == "b/7.md" and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(data, path, *rest)
storage.batches.parse = deadly
report = ingest(Path(sys.argv[1]), Path(sys.argv[2]), workers=2)
print(report.accepted, report.rejected)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Thirty commits, each with a file in each of three folders."""
    made = Repository(tmp_path / "archive.git")
    files: dict[str | bytes, bytes] = {}
    for number in range(30):
        files |= {f"{folder}/{number}.md": article(f"{folder}-{number}") for folder in "abc"}
        made.commit(files)
    return made


@pytest.mark.parametrize("most", [0, 1, 300, 2_000, 1 << 30])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_source_is_in_one_batch_and_each_batch_in_one_window(most: int, workers: int) -> None:
    draw = random.Random(5)
    sizes = [draw.randrange(200) for _ in range(500)]
    sources = [Source(f"{draw.choice('xyz')}/{number:03d}.md", "", size) for number, size in enumerate(sizes)]
    spans = batches(sizes, workers, most=1_000)
    steps = groups(len(spans), 4)
    windows = windows_of(Sources.of(sources), sizes, spans, steps, workers, most)
    assert [number for step in windows.steps for window in step for number in window] == list(range(len(spans)))
    assert len(windows.steps) == len(steps)
    assert [row for span in windows.spans for row in span] == list(range(500))
    assert len(windows.spans) == len(spans)
    assert all(windows.spans)
    assert sorted(windows.sources) == sorted(sources)
    for window in (window for step in windows.steps for window in step):
        first, last = spans[window.start].start, spans[window.stop - 1].stop
        chosen = [source for number in window for source in windows.sources[slices(windows.spans[number])]]
        assert sorted(chosen) == sorted(sources[first:last])
        assert not most or chosen == sorted(chosen)


def slices(span: range) -> slice:
    return slice(span.start, span.stop)


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_tables_are_the_same_whatever_is_read_together(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: bool, workers: int
) -> None:
    monkeypatch.setattr("pressmark.transforms.plan.LARGEST_BATCH_SOURCES", 4)
    monkeypatch.setattr(GitRepository, "window_bytes", 0)
    ingest(repository.path, tmp_path / "apart", history=history)
    monkeypatch.setattr(GitRepository, "window_bytes", 20_000)
    ingest(repository.path, tmp_path / "together", history=history, workers=workers)
    apart, together = files_of(tmp_path / "apart"), files_of(tmp_path / "together")
    assert len(rows_of(tmp_path / "together", "articles", "source_path")) == 90
    tables = [name for name in apart if not name.startswith(("runs/", ".pressmark/"))]
    assert {name: apart[name] for name in tables} == {name: together[name] for name in tables}


def test_a_source_that_kills_its_worker_takes_none_of_its_window_down(repository: Repository, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEADLY_RUN, str(repository.path), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "89 1\n"
    assert rows_of(tmp_path / "out", "rejects", "source_path") == [("b/7.md",)]
