"""A run on a Dask cluster: the same tables as on one machine, whatever happens to workers and the scheduler."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import ROOT, WriteArticle, files_of, ingest, rows_of, stamp
from dask_cluster import HOST, DaskCluster, why_no_cluster
from object_stores import S3Server, why_no_server

from pressmark.flows.job import run_ingest
from pressmark.storage.dask_pool import DaskPool
from pressmark.storage.errors import OutputError, PoolError
from pressmark.storage.output.tables import open_store
from pressmark.storage.output.tables import Output
from pressmark.storage.planning import Settings
from pressmark.storage.runs import RunReport
from pressmark.storage.verification import verify_output
from pressmark.storage.versions import parser_version

BUCKET = "songling-press"
TABLES = ("articles", "paragraphs", "revisions", "rejects")
# A text that ends whatever process parses it, as a fault in a library would.
FATAL = "致命"
KILLER = f"""
import os
import pressmark.transforms.article
parse = pressmark.transforms.article.parse
def fatal(data, *arguments):
    if "{FATAL}".encode() in data:
        os._exit(139)
    return parse(data, *arguments)
pressmark.transforms.article.parse = fatal
"""
# Takes what it is given, and never has it done.
SLOW = """
import pathlib, time
import pressmark.storage.work
def never(task):
    pathlib.Path("begun").touch()
    time.sleep(1000)
pressmark.storage.work.{step} = never
"""
# Takes its time over its first batch.
SLOW_ONCE = """
import pathlib, time
import pressmark.storage.work
def slow(task, parse=pressmark.storage.work.parse):
    if not pathlib.Path("begun").exists():
        pathlib.Path("begun").touch()
        time.sleep(2)
    return parse(task)
pressmark.storage.work.parse = slow
"""
KILLED_RUN = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import pressmark.storage.dask_pool, transforms.plan
pressmark.storage.dask_pool.BATCH_BYTES, pressmark.transforms.plan.SMALLEST_BATCH_BYTES = 600, 1
from archives import ingest
ingest(sys.argv[1], sys.argv[2], dask=sys.argv[3], absent_is_deleted=True)
"""
OTHER_PARSER = """
import pressmark.storage.versions
pressmark.storage.versions.parser_version = lambda: "0123456789abcdef"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if why := why_no_server() or why_no_cluster():
        pytest.skip(why)
    with S3Server(tmp_path_factory.mktemp("s3")) as started:
        started.create_bucket(BUCKET)
        yield started


@pytest.fixture(scope="module")
def cluster(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Three workers with empty folders of their own, which know nothing but how to reach the store."""
    with DaskCluster(tmp_path_factory.mktemp("dask"), 3, environment=server.environment()) as started:
        yield started


@pytest.fixture(autouse=True)
def small(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few articles make many batches, and nobody waits for long."""
    for name, value in (("LEASE_S", 1.0), ("BEAT_S", 0.2), ("SAFE_S", 0.6)):
        monkeypatch.setattr(pressmark.storage.output.lease, name, value)
    monkeypatch.setattr(pressmark.storage.dask_pool, "BATCH_BYTES", 600)
    monkeypatch.setattr(pressmark.transforms.plan, "SMALLEST_BATCH_BYTES", 1)
    monkeypatch.setattr(pressmark.storage.dask_pool, "LOOK_S", 0.2)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    open_store.cache_clear()
    yield
    open_store.cache_clear()


class Press:
    """An archive in a folder and in the store, and outputs of both."""

    def __init__(self, archive: Path, write: WriteArticle, local: Path, place: str) -> None:
        self.archive, self.local = archive, local
        self.source, self.output = f"{place}/archive", f"{place}/out"
        self._write = write
        for number in range(36):
            self.write(f"{number:02}.md", at=f"2022-{number % 3 + 1:02}-04T05:06:07")

    def write(self, name: str, **values: str) -> None:
        stem = name.removesuffix(".md")
        self._write(name, url=f"https://songling-times.example/{stem}", title=f"林帆的报道 {stem}", **values)

    def change(self) -> None:
        """Revise, move, break, add and delete some sources each."""
        for number in range(4):
            self.write(f"{number:02}.md", at=f"2022-{number % 3 + 1:02}-04T05:06:07", body="<p>修订</p>")
            self.write(f"{number + 4:02}.md", at="2022-07-01T00:00:00")
            self.write(f"new-{number}.md")
            (self.archive / f"{number + 8:02}.md").unlink()
            (self.archive / f"{number + 12:02}.md").write_bytes(b"")

    def upload(self) -> None:
        store = open_store(self.source)
        store.clear("")
        for path in self.archive.iterdir():
            store.write(path.name, path.read_bytes())

    def ingest_here(self, number: int = 1) -> dict[str, bytes]:
        """The tables that one machine makes, in a folder."""
        ingest(self.archive, self.local, number, absent_is_deleted=True)
        return files_of(self.local)

    def ingest_there(
        self, address: str, number: int = 1, progress: Callable[[str, int, int], None] = lambda *_: None
    ) -> RunReport:
        settings = Settings(self.source, self.output, absent_is_deleted=True, dask=address)
        return run_ingest(settings, progress, stamp=stamp(number))

    @property
    def objects(self) -> dict[str, bytes]:
        store = open_store(self.output)
        return {entry.name: store.read(entry.name) for table in TABLES for entry in store.entries(table)}

    @property
    def left(self) -> set[str]:
        """What a run left beside the tables, but for its lock and what it saw."""
        return {entry.name for entry in open_store(self.output).entries(".pressmark")} - {
            ".pressmark/lock", ".pressmark/seen.arrow",
        }  # fmt: skip


@pytest.fixture
def press(archive: Path, write_article: WriteArticle, tmp_path: Path, request: pytest.FixtureRequest) -> Press:
    made = Press(archive, write_article, tmp_path / "out", f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}")
    made.upload()
    return made


class Once:
    """Calls a function at the first progress of a step."""

    def __init__(self, step: str, call: Callable[[], object]) -> None:
        self.called_at: tuple[int, int] | None = None
        self._step, self._call = step, call

    def __call__(self, step: str, done: int, total: int) -> None:
        if step == self._step and self.called_at is None:
            self.called_at = done, total
            self._call()


def test_many_machines_make_the_same_bytes_as_one(
    press: Press, cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[int] = []
    results: list[int] = []
    submit, result = DaskPool._submit, DaskPool._result

    def submitted(pool: DaskPool, work: Callable[[Any], Any], share: list[Any]) -> None:
        tasks.extend(len(pickle.dumps(task)) for task in share)
        submit(pool, work, share)

    def received(pool: DaskPool, future: Any) -> Any:
        found = result(pool, future)
        results.extend(len(pickle.dumps(one)) for one in found[1])
        return found

    monkeypatch.setattr(DaskPool, "_submit", submitted)
    monkeypatch.setattr(DaskPool, "_result", received)
    for number in (1, 2):
        expected = press.ingest_here(number)
        report = press.ingest_there(cluster.address, number)
        assert press.objects == expected != {}
        assert report.parsed == (36 if number == 1 else 16)
        assert press.left == set()
        if number == 1:
            press.change()
            press.upload()
    assert len(tasks) == len(results) > 30
    assert max(tasks) < 8000
    assert max(results) < 1000
    folders = [path for path in cluster.folder.rglob("*") if path.suffix in (".parquet", ".arrow", ".md")]
    assert folders == []


def test_a_folder_and_its_output_may_be_shared(press: Press, cluster: DaskCluster, tmp_path: Path) -> None:
    ingest(press.archive, tmp_path / "shared", dask=cluster.address)
    ingest(press.archive, press.local)
    assert files_of(tmp_path / "shared") == files_of(press.local) != {}


def test_a_folder_that_workers_do_not_have_is_named(
    press: Press, cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(press.archive.parent)
    with pytest.raises(PoolError, match="worker tcp://.* can't use a file.*the same absolute paths on all machines"):
        ingest(press.source, Path("out"), dask=cluster.address)


@pytest.mark.parametrize("step", ["parse", "merge"])
def test_a_worker_that_is_killed_loses_nothing(step: str, press: Press, cluster: DaskCluster, tmp_path: Path) -> None:
    press.ingest_here()
    press.ingest_there(cluster.address)
    press.change()
    press.upload()
    expected = press.ingest_here(2)
    (tmp_path / "slow.py").write_text(SLOW.format(step=step))
    victim = cluster.add_worker(options=("--preload", str(tmp_path / "slow.py")))

    def kill() -> None:
        while not (cluster.folder / f"worker-{victim}" / "begun").exists():
            time.sleep(0.05)
        cluster.kill_worker(victim)

    killed = Once(step, kill)
    press.ingest_there(cluster.address, 2, killed)
    assert killed.called_at is not None
    assert killed.called_at[0] < killed.called_at[1]
    assert press.objects == expected
    assert press.left == set()


@pytest.mark.parametrize("step", ["parse", "merge"])
def test_a_scheduler_that_is_started_anew_loses_nothing(
    step: str, press: Press, cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = press.ingest_here()
    given_again: list[int] = []
    returned = DaskPool._return

    def counted(pool: DaskPool, work: Callable[[Any], Any]) -> None:
        given_again.append(len(pool._pending))
        returned(pool, work)

    monkeypatch.setattr(DaskPool, "_return", counted)
    restarted = Once(step, cluster.restart_scheduler)
    press.ingest_there(cluster.address, 1, restarted)
    assert restarted.called_at is not None
    assert restarted.called_at[0] < restarted.called_at[1]
    (tasks,) = given_again
    assert tasks > 1
    assert press.objects == expected
    assert press.left == set()


def test_a_run_that_is_interrupted_leaves_no_worker_at_work(press: Press, cluster: DaskCluster) -> None:
    expected = press.ingest_here()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press.ingest_there(cluster.address, 1, Once("parse", interrupt))
    with DaskPool(cluster.address) as pool:
        assert not any(pool._workers_busy())
    assert press.objects == {}
    seen = Once("parse", lambda: None)
    press.ingest_there(cluster.address, 1, seen)
    assert press.objects == expected
    assert press.left == set()


def test_a_run_that_was_killed_does_not_write_into_the_next(
    press: Press, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = press.ingest_here()
    (tmp_path / "slow.py").write_text(SLOW_ONCE)
    busy: list[bool] = []
    looked = DaskPool._workers_busy

    def noted(pool: DaskPool) -> Iterator[bool]:
        found = list(looked(pool))
        busy.extend(found)
        return iter(found)

    monkeypatch.setattr(DaskPool, "_workers_busy", noted)
    slow = ("--preload", str(tmp_path / "slow.py"))
    with DaskCluster(tmp_path / "dask", 1, environment=server.environment(), options=slow) as cluster:
        arguments = [sys.executable, "-c", KILLED_RUN, press.source, press.output, cluster.address]
        with subprocess.Popen(arguments) as process:
            while not (cluster.folder / "worker-0" / "begun").exists():
                assert process.poll() is None
                time.sleep(0.05)
            process.kill()
        press.ingest_there(cluster.address)
    assert busy[0]
    assert not busy[-1]
    assert press.objects == expected
    assert press.left == set()


def test_a_source_that_kills_workers_is_rejected_and_the_others_are_published(
    press: Press, server: S3Server, tmp_path: Path
) -> None:
    press.write("fatal.md", body=f"<p>{FATAL}</p>")
    press.upload()
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(KILLER)
    environment = server.environment() | {"PYTHONPATH": str(tmp_path / "python")}
    with DaskCluster(tmp_path / "dask", 2, environment=environment, nanny=True) as cluster:
        done = run_command(press, cluster.address, environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["articles"], report["rejects"]) == (36, 1)
    copy = tmp_path / "copy"
    for name, data in press.objects.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(data)
    ((path, reason, detail),) = rows_of(copy, "rejects", "source_path", "reason", "detail")
    assert (path, reason) == ("fatal.md", "parser_error")
    assert "a worker process died on this source" in str(detail)


@pytest.mark.prefect
def test_a_recorded_run_does_its_work_there_too(
    press: Press, cluster: DaskCluster, server: S3Server, tmp_path: Path
) -> None:
    expected = press.ingest_here()
    press.upload()
    environment = {**server.environment(), "PREFECT_HOME": str(tmp_path / "prefect")}
    done = run_command(press, cluster.address, environment, "--flow", "--sync")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["articles"] == 36
    assert press.objects.keys() == expected.keys()
    assert press.left == set()


def test_a_worker_with_another_version_is_refused(
    press: Press, cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.py").write_text(OTHER_PARSER)
    other = cluster.add_worker(options=("--preload", str(tmp_path / "other.py")))
    try:
        refused = (
            f"a worker has .*parser 0123456789abcdef.*this machine .*parser {parser_version()}.*: `tcp://.*same lock"
        )
        with pytest.raises(PoolError, match=refused):
            press.ingest_there(cluster.address)
        # One that comes when the run has begun, and was not looked at.
        monkeypatch.setattr(DaskPool, "_workers_busy", lambda _: iter(()))
        with pytest.raises(PoolError, match=refused):
            press.ingest_there(cluster.address)
    finally:
        cluster.kill_worker(other)
    assert press.objects == {}


def test_an_error_that_nobody_foresaw_comes_through(press: Press, cluster: DaskCluster, tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text(
        "import pressmark.storage.work\ndef deep(task): deep(task)\nstorage.work.parse = deep\n"
    )
    other = cluster.add_worker(options=("--preload", str(tmp_path / "deep.py")))
    try:
        with pytest.raises(RuntimeError, match="RecursionError.* on the Dask worker tcp://"):
            press.ingest_there(cluster.address)
    finally:
        cluster.kill_worker(other)
    assert press.objects == {}


def test_a_worker_without_pressmark_is_refused(press: Press, cluster: DaskCluster) -> None:
    other = cluster.add_worker(python=("-S",))
    try:
        with pytest.raises(PoolError, match="can't load pressmark .*: `tcp://.*install the same pressmark"):
            press.ingest_there(cluster.address)
    finally:
        cluster.kill_worker(other)
    assert press.objects == {}


def test_a_worker_without_access_stops_the_run_and_nothing_is_published(
    press: Press, server: S3Server, tmp_path: Path
) -> None:
    expected = press.ingest_here()
    wrong = server.environment() | {"AWS_SECRET_ACCESS_KEY": "a-secret-that-is-wrong"}
    with DaskCluster(tmp_path / "dask", 1, environment=wrong) as cluster:
        with pytest.raises(OutputError, match="access is denied .on the Dask worker tcp://.*check AWS_ACCESS_KEY_ID"):
            press.ingest_there(cluster.address)
        done = run_command(press, cluster.address, server.environment())
        assert done.returncode == 3, done.stderr
        assert "access is denied (on the Dask worker tcp://" in done.stderr
        assert "check AWS_ACCESS_KEY_ID" in done.stderr
        assert "a-secret-that-is-wrong" not in done.stderr
        assert press.objects == {}
        cluster.kill_worker(0)
        cluster.add_worker(server.environment())
        press.ingest_there(cluster.address)
        assert press.objects == expected
        done = run_command(press, cluster.address, server.environment())
        assert done.returncode == 0, done.stderr
        assert "distributed" not in done.stderr
        assert "Traceback" not in done.stderr


def test_no_scheduler_is_an_error_that_says_so(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressmark.storage.dask_pool, "CONNECT_S", 0.5)
    with pytest.raises(PoolError, match=f"does not answer: `tcp://{HOST}:9`; start it"):
        press.ingest_there(f"tcp://{HOST}:9")
    with pytest.raises(PoolError, match="does not answer: `nonsense://there`"):
        press.ingest_there("nonsense://there")
    assert press.objects == {}


def test_without_a_worker_nothing_is_published_and_what_was_parsed_is_kept(
    press: Press, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = press.ingest_here()
    with DaskCluster(tmp_path / "dask", 0, environment=server.environment()) as cluster:
        with monkeypatch.context() as patch:
            patch.setattr(pressmark.storage.dask_pool, "CONNECT_S", 2)
            at = cluster.address
            with pytest.raises(PoolError, match=f"no worker: `{at}`; start `dask worker {at}`"):
                press.ingest_there(at)
        only = cluster.add_worker()
        with monkeypatch.context() as patch:
            patch.setattr(pressmark.storage.dask_pool, "RETURN_S", 0.5)
            with pytest.raises(PoolError, match="all workers of the scheduler are gone.*what was parsed is kept"):
                press.ingest_there(cluster.address, 1, Once("parse", lambda: cluster.kill_worker(only)))
        assert press.objects == {}
        cluster.add_worker()
        first = Once("parse", lambda: None)
        press.ingest_there(cluster.address, 1, first)
        assert press.objects == expected
        # The first batch that was parsed now is not the first of all.
        assert first.called_at is not None
        assert first.called_at[0] > 1
    assert verify_output(Output(press.output), press.source, workers=1, progress=lambda *_: None).breaches == []


def run_command(
    press: Press, address: str, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pressmark.flows.cli",
        "ingest",
        press.source,
        press.output,
        "--dask",
        address,
        "--json",
    ]
    command += options
    base = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**base, **environment}, timeout=120
    )
