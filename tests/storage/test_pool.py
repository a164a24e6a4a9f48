"""Worker processes: what happens when one dies, and when their parent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from archives import FATAL, KILLER, ROOT, News

from pressmark.storage import ingestion
from pressmark.storage.errors import PoolError
from pressmark.storage.pool import Pool, open_pool, preload

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fatal", [1, 2])
def test_a_source_that_kills_its_worker_is_a_reject_and_the_run_goes_on(news: News, fatal: int) -> None:
    for number in range(8):
        body = "<p>" + "字" * 60_000 + "</p>"
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", body=body)
    names = [f"fatal-{number}.md" for number in range(fatal)]
    for name in names:
        news.write(name, url=f"https://songling-times.example/{name}", body=f"<p>{FATAL}</p>")
    (news.folder / "sitecustomize.py").write_text(KILLER)
    paths = os.pathsep.join([str(news.folder), str(ROOT / "src"), str(ROOT / "tests")])
    script = "import sys; from archives import ingest; ingest(*sys.argv[1:], workers=2)"
    command = [sys.executable, "-c", script, str(news.archive), str(news.out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    assert news.rows("runs", "accepted", "rejected") == [(8, fatal)]
    found = news.rows("rejects", "source_path", "reason", "raw")
    assert found == [(name, "parser_error", (news.archive / name).read_bytes()) for name in names]
    assert all("a worker process died" in str(row[0]) for row in news.rows("rejects", "detail"))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("import os, time\ndef pid(_):\n    time.sleep(0.1)\n    return os.getpid()\n")
    (tmp_path / "parent.py").write_text(
        "import time\nfrom work import pid\nfrom pressmark.storage.pool import open_pool, preload\n"
        "with open_pool(2) as pool:\n    print(*set(pool.map(pid, range(8))), flush=True)\n    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(tmp_path)])}
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(workers) == 2
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))


def test_ctrl_c_while_workers_load_shows_no_traceback() -> None:
    script = (
        "import os, signal\nfrom multiprocessing import forkserver\n"
        "from pressmark.storage.pool import open_pool, preload\npreload()\n"
        "os.kill(forkserver._forkserver._forkserver_pid, signal.SIGINT)\n"
        "with open_pool(2) as pool:\n    print(list(pool.map(abs, [-1])))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[1]\n", "")


def test_a_scheduler_that_is_not_there_is_named_in_one_line() -> None:
    pytest.importorskip("distributed")
    script = "from pressmark.flows.cli import script; script()"
    command = [sys.executable, "-c", script, "ingest", "seeds", "nowhere", "--dask", "nonsense://there"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr


def test_workers_that_are_renewed_have_ended_and_others_take_their_place() -> None:
    with open_pool(2) as pool:
        before = set(pool.map(_process, range(8)))
        pool.renew()
        assert not any(map(alive, before))
        after = set(pool.map(_process, range(8)))
    assert before
    assert after
    assert not before & after
    with open_pool(1) as pool:
        pool.renew()
        assert list(pool.map(_process, [0])) == [os.getpid()]


def test_a_large_run_merges_in_other_processes_than_it_parsed_in(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[list[BaseProcess]] = []

    def renew(pool: Pool) -> None:
        ended.append(pool._processes)
        real(pool)

    real = Pool.renew
    monkeypatch.setattr(Pool, "renew", renew)
    news.write("1.md", url="https://songling-times.example/1", body="<p>晴。</p>")
    news.ingest(workers=2)
    assert not ended
    monkeypatch.setattr(ingestion, "RENEWED_BYTES", 0)
    for number in range(2, 6):
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", body="<p>雨。</p>")
    news.ingest(workers=2)
    assert len(ended) == 1
    assert not any(process.is_alive() for process in ended[0])
    assert news.rows("runs", "articles")[-1] == (5,)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended may wait for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_workers_die_on_is_split_and_all_else_has_a_result() -> None:
    with open_pool(2) as pool:
        results = sorted(pool.map(_deadly, [[0, 1], [2, 3], [4, 5], [6, 7], [8]], _split))
    assert results == [[], [0, 1], [2, 3], [5], [6, 7], [8]]


def test_without_anything_smaller_a_death_is_an_error_with_a_remedy() -> None:
    with pytest.raises(PoolError, match="a worker process was killed.*fewer workers"), open_pool(2) as pool:
        list(pool.map(_deadly, [[4], [1], [2]]))


def test_a_task_that_raises_ends_the_call_with_its_error() -> None:
    with pytest.raises(ZeroDivisionError), open_pool(2) as pool:
        list(pool.map(_divide, [1, 0, 2]))


def test_one_worker_or_one_task_is_this_process() -> None:
    with open_pool(1) as pool:
        assert list(pool.map(_process, range(3))) == [os.getpid()] * 3
    with open_pool(2) as pool:
        assert list(pool.map(_process, range(1))) == [os.getpid()]
        assert os.getpid() not in pool.map(_process, range(4))


def test_workers_that_are_loaded_ahead_take_one_task_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressmark.storage.pool._preloaded", False)
    preload()
    with open_pool(2) as pool:
        assert os.getpid() not in pool.map(_process, range(1))
        assert os.getpid() not in pool.map(_process, range(2), small=True)


def _deadly(numbers: list[int]) -> list[int]:
    if 4 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers


def test_a_worker_that_is_stopped_is_replaced_and_all_work_is_done() -> None:
    with open_pool(2) as pool:
        assert sorted(pool.map(_stops_once, [[number] for number in range(6)], _split)) == [[n] for n in range(6)]
        os.kill(next(iter(pool.map(_process, range(4)))), signal.SIGSTOP)
    # The pool has ended: a worker that is stopped with nothing to do keeps nobody waiting.


def test_a_worker_that_hangs_is_killed_and_what_it_hangs_on_is_split() -> None:
    with open_pool(2) as pool:
        # Longer than workers take to start on a busy machine.
        assert sorted(pool.map(_hangs, [[0, 1], [4]], _split, seconds=lambda _: 10.0)) == [[], [0, 1]]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_needs_more_memory_than_there_is_is_split(workers: int) -> None:
    with open_pool(workers) as pool:
        assert sorted(pool.map(_greedy, [[0, 1], [2, 4], [3]], _split)) == [[], [0, 1], [2], [3]]
        with pytest.raises(PoolError, match="free memory, or use fewer workers"):
            list(pool.map(_greedy, [[4], [1], [2]]))


def _stops_once(numbers: list[int]) -> list[int]:
    """Stops the worker that carries it out first."""
    mark = Path(tempfile.gettempdir()) / f"pressmark-stopped-{os.getppid()}"
    if numbers == [2] and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return numbers


def _hangs(numbers: list[int]) -> list[int]:
    while 4 in numbers:
        time.sleep(60)
    return numbers


def _greedy(numbers: list[int]) -> list[int]:
    if 4 in numbers:
        raise MemoryError
    return numbers


def _split(numbers: list[int], *, late: bool = False) -> list[list[int]]:
    del late
    return [[number] for number in numbers] if len(numbers) > 1 else [[]]


def _divide(number: int) -> int:
    return 100 // number


def _process(_: int) -> int:
    return os.getpid()
