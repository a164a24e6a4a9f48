"""Worker processes: what happens when one dies, and when their parent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import ROOT, WriteArticle, ingest, rows_of

import storage.batches


def test_a_source_that_kills_its_worker_is_a_reject_and_the_run_goes_on(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        write_article(
            f"{number}.md", url=f"https://songling-times.example/{number}", body="<p>" + "字" * 60_000 + "</p>"
        )
    write_article("deadly.md", url="https://songling-times.example/deadly")
    parent = os.getpid()
    real = storage.batches.parse

    def deadly(data: bytes, path: str, *rest: object) -> object:
        if path == "deadly.md" and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(data, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(storage.batches, "parse", deadly)
    report = ingest(archive, tmp_path / "out", workers=2)
    assert (report.accepted, report.rejected) == (8, 1)
    ((path, reason, raw),) = rows_of(tmp_path / "out", "rejects", "source_path", "reason", "raw")
    assert (path, reason, raw) == ("deadly.md", "parser_error", (archive / "deadly.md").read_bytes())


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from storage.workers import Workers\n"
        "w = Workers(2)\n"
        "print(*set(w.map(lambda_, range(8))), flush=True)\n"
        "time.sleep(60)\n"
    ).replace("lambda_", "pid")
    program = "import os, time\ndef pid(_):\n    time.sleep(0.1)\n    return os.getpid()\n" + program
    script = tmp_path / "parent.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, str(script), str(ROOT)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
