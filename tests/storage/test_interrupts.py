"""Ctrl-C and a full disk, wherever they strike, leave an output that can be used, and that the next run completes."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Any

import pytest
from archives import WriteArticle, files_of, rows_of
from stopped_runs import run, write_sources

from pressmark.storage.output import publish
from pressmark.storage.output.tables import STAGING, Output
from pressmark.storage.verification import verify_output


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three sources, and files that count as settled at once."""
    monkeypatch.setattr("pressmark.transforms.plan.LARGEST_BATCH_SOURCES", 3)
    monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 0)


STEPS = ("discover", "plan", "parse", "settle", "merge", "publish", "report")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_at_any_step_leaves_a_usable_output(
    archive: Path,
    write_article: WriteArticle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    before, expected = prepare(archive, write_article, tmp_path)
    plain = getattr(pressmark.storage.ingestion.Ingestion, step)

    def stopped(*arguments: Any) -> None:
        if after:
            plain(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(pressmark.storage.ingestion.Ingestion, step, stopped)
    with pytest.raises(KeyboardInterrupt):
        run(archive, tmp_path / "out", 2, absent_is_deleted=True)
    monkeypatch.setattr(pressmark.storage.ingestion.Ingestion, step, plain)
    published = (step, after) == ("publish", True) or step == "report"
    assert files_of(tmp_path / "out") == (expected if published else before)
    finish(archive, tmp_path, expected)


def prepare(archive: Path, write_article: WriteArticle, tmp_path: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """An output, the changes to its archive, and what it is after them; the files before and after."""
    write_sources(write_article)
    for output in ("out", "expected"):
        run(archive, tmp_path / output, 1)
    before = files_of(tmp_path / "out")
    write_article("00.md", url="https://songling-times.example/0", body="<p>改</p>")
    write_article("01.md", url="https://songling-times.example/1", at="2022-02-09T00:00:00")
    write_article("new.md", url="https://songling-times.example/new")
    write_article("bad.md", url="https://songling-times.example/mended")
    (archive / "05.md").unlink()
    run(archive, tmp_path / "expected", 2, absent_is_deleted=True)
    expected = files_of(tmp_path / "expected")
    assert expected != before
    return before, expected


def finish(archive: Path, tmp_path: Path, expected: dict[str, bytes]) -> None:
    # The run goes on under its own name, or as the next one that has nothing to do.
    run(archive, tmp_path / "out", 3, absent_is_deleted=True)
    found = files_of(tmp_path / "out")
    if found != expected:
        # It was stopped before anything was staged, so its rows tell of the run that came after it.
        assert found.keys() == expected.keys()
        assert ("run-3",) in rows_of(tmp_path / "out", "articles", "run_id")
    verified = verify_output(Output(tmp_path / "out"), archive, workers=1, progress=lambda *_: None)
    assert verified.breaches == []
    assert not (tmp_path / "out" / STAGING).exists()
    assert not (tmp_path / "out" / publish.JOURNAL).exists()


def test_ctrl_c_at_any_replacement_is_completed_by_the_next_run(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, expected = prepare(archive, write_article, tmp_path)
    subprocess.run(["cp", "-r", str(tmp_path / "out"), str(tmp_path / "base")], check=True)
    plain = publish._apply
    steps = 0
    finished = False
    while not finished:
        subprocess.run(["rm", "-r", str(tmp_path / "out")], check=True)
        subprocess.run(["cp", "-r", str(tmp_path / "base"), str(tmp_path / "out")], check=True)
        left = steps

        def stopped(*arguments: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            plain(*arguments)

        monkeypatch.setattr(publish, "_apply", stopped)
        try:
            run(archive, tmp_path / "out", 2, absent_is_deleted=True)
            finished = True
        except KeyboardInterrupt:
            pass
        monkeypatch.setattr(publish, "_apply", plain)
        report = run(archive, tmp_path / "out", 3, absent_is_deleted=True)
        assert (report.run_id, report.parsed) == ("run-3", 0)
        assert files_of(tmp_path / "out") == expected, steps
        steps += 1
    assert steps > 6
    assert expected != before


def test_a_full_disk_clears_what_waits_but_not_what_a_journal_lists(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, expected = prepare(archive, write_article, tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    plain = publish._apply
    for place in ("pressmark.storage.batches._stage", "pressmark.storage.output.publish._apply"):
        monkeypatch.setattr(place, full)
        with pytest.raises(OSError, match="No space"):
            run(archive, tmp_path / "out", 2, absent_is_deleted=True)
        monkeypatch.undo()
        monkeypatch.setattr("pressmark.storage.inputs.entries.SETTLED_NS", 0)
        assert files_of(tmp_path / "out") == before
        assert (tmp_path / "out" / STAGING).exists() == (place != "pressmark.storage.batches._stage")
    assert publish._apply is plain
    assert run(archive, tmp_path / "out", 3, absent_is_deleted=True).parsed == 0
    assert files_of(tmp_path / "out") == expected
