"""Worker processes: what happens when one dies, and when their parent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from archives import ROOT, WriteArticle, rows_of

from pressmark.storage.workers import WorkerDiedError, Workers

DEADLY_RUN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
import pressmark.storage.batches
from archives import ingest

parent, real = os.getpid(), storage.batches.parse
def deadly(data, path, *rest):
    if path == "deadly.md" and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(data, path, *rest)
storage.batches.parse = deadly
report = ingest(Path(sys.argv[1]), Path(sys.argv[2]), workers=2)
print(report.accepted, report.rejected)
"""


def test_a_source_that_kills_its_worker_is_a_reject_and_the_run_goes_on(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    for number in range(8):
        body = "<p>" + "字" * 60_000 + "</p>"
        write_article(f"{number}.md", url=f"https://songling-times.example/{number}", body=body)
    write_article("deadly.md", url="https://songling-times.example/deadly")
    command = [sys.executable, "-c", DEADLY_RUN.format(root=str(ROOT)), str(archive), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "8 1\n"
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


@pytest.mark.parametrize("loads", [True, False], ids=["before they load", "before their next task"])
def test_workers_that_die_while_they_wait_are_replaced(loads: bool) -> None:
    with Workers(2) as workers:
        before = set(workers.map(_process, range(8)))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        if loads:
            workers.load(os.getpid)
        after = list(workers.map(_process, range(8)))
    assert len(after) == 8
    assert before.isdisjoint(after)


def test_only_what_workers_died_on_has_no_result() -> None:
    with Workers(2) as workers:
        results: list[int] = []
        with pytest.raises(WorkerDiedError) as died:
            results.extend(workers.map(_deadly, range(9)))
        assert (sorted(results), died.value.tasks) == ([0, 1, 2, 3, 5, 6, 7, 8], [4])
        assert sorted(workers.map(_double, range(9))) == list(range(0, 18, 2))


def test_a_task_that_raises_is_told_with_where_it_did() -> None:
    with Workers(2) as workers:
        with pytest.raises(ZeroDivisionError) as raised:
            list(workers.map(_divide, [1, 0, 2]))
        assert "in _divide" in raised.value.__notes__[0]
        # What the others worked on has no taker, so they make room for new ones.
        assert sorted(workers.map(_divide, [1, 2])) == [50, 100]


def test_an_exception_that_can_not_travel_is_told_by_its_words() -> None:
    with Workers(2) as workers, pytest.raises(RuntimeError, match="is at home"):
        list(workers.map(_fail_at_home, range(2)))


def test_results_of_two_calls_can_not_be_mixed() -> None:
    with Workers(2) as workers:
        first = workers.map(_double, range(9))
        assert next(first) in (0, 2)
        with pytest.raises(RuntimeError, match="take all results"):
            workers.map(_double, range(9))
        assert len(list(first)) == 8


def test_workers_that_are_started_early_share_what_the_first_one_loads(tmp_path: Path) -> None:
    counter = tmp_path / "loads"
    with Workers(3) as workers:
        workers.fork_early(partial(_count, counter))
        processes = set(workers.map(_process, range(9)))
        assert set(workers.map(_process, range(1))) <= processes
    assert counter.read_text() == "x"
    assert len(processes) == 3
    assert os.getpid() not in processes
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_workers_that_are_started_early_end_with_what_they_do() -> None:
    with Workers(2) as workers:
        workers.fork_early(os.getpid)
        processes = list(workers.map(_process, range(2)))
        started = time.monotonic()
        workers.map(_sleep, [60, 60])
    assert time.monotonic() - started < 30
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_workers_that_load_in_vain_end_at_once() -> None:
    started = time.monotonic()
    with Workers(2) as workers:
        workers.fork_early(partial(_sleep, 60))
        assert workers._loading is not None
        pid = workers._loading.pid
    assert time.monotonic() - started < 30
    assert not Path(f"/proc/{pid}").exists()


def test_renewed_workers_are_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.delitem(sys.modules, "obstore", raising=False)
    with Workers(2) as workers:
        before = set(workers.map(_process, range(8)))
        workers.renew()
        after = set(workers.map(_process, range(8)))
    assert before.isdisjoint(after)


def test_workers_of_a_fork_server_stay_as_they_would_load_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    with Workers(2) as workers:
        before = set(workers.map(_process, range(8)))
        workers.renew()
        after = set(workers.map(_process, range(8)))
    assert before & after


def _process(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def _deadly(number: int) -> int:
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _double(number: int) -> int:
    return 2 * number


def _divide(number: int) -> int:
    return 100 // number


class _AtHomeError(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


def _fail_at_home(_: int) -> None:
    raise _AtHomeError("is at", "home")


def _count(counter: Path) -> None:
    with counter.open("a") as file:
        file.write("x")


def _sleep(seconds: int) -> None:
    time.sleep(seconds)
