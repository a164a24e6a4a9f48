"""A run on a Dask cluster: the same tables as on one machine, whatever happens to workers and the scheduler."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archives import FATAL, KILLER, ROOT, STATE, WriteArticle, breaches, files_of, ingest, stamp
from dask_cluster import HOST, DaskCluster, why_no_cluster
from object_stores import S3Server

from pressmark.storage import batches, pool
from pressmark.storage.errors import PoolError
from pressmark.storage.ingestion import open_run, run_steps
from pressmark.storage.output.tables import open_store
from pressmark.storage.runs import RunReport
from pressmark.storage.settings import IngestSettings

BUCKET = "dask-press"
# Takes what it is given, and never has it done.
SLOW = """
import pathlib, time
import pressmark.storage.{module} as module
def never(task):
    pathlib.Path("begun").touch()
    time.sleep(1000)
module.{step} = never
"""


@pytest.fixture(scope="module")
def server(s3_server: S3Server) -> S3Server:
    if why := why_no_cluster():
        pytest.skip(why)
    s3_server.create_bucket(BUCKET)
    return s3_server


@pytest.fixture(scope="module")
def cluster(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers with empty folders of their own, which know nothing but how to reach the store."""
    with DaskCluster(tmp_path_factory.mktemp("dask"), 2, environment=server.environment()) as started:
        yield started


@pytest.fixture(autouse=True)
def small(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few articles make many batches."""
    monkeypatch.setattr(batches, "MOST_SOURCES", 3)
    monkeypatch.setattr("pressmark.storage.settlement.TASK_BYTES", 500)
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
        self.upload()

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
        self.upload()

    def upload(self) -> None:
        store = open_store(self.source)
        store.clear("")
        for path in self.archive.iterdir():
            store.write(path.name, path.read_bytes())

    def ingest_here(self, number: int = 1) -> dict[str, bytes]:
        """The tables that one machine makes, in a folder."""
        ingest(self.archive, self.local, number, sync=True)
        return files_of(self.local)

    def ingest_there(
        self, address: str, number: int = 1, progress: Callable[[str, int, int], None] = lambda *_: None
    ) -> RunReport:
        settings = IngestSettings(source=self.source, output=self.output, sync=True, dask=address)
        with open_run(settings, stamp(number), progress) as run:
            return run_steps(run)

    @property
    def objects(self) -> dict[str, bytes]:
        store = open_store(self.output)
        return {entry.name: store.read(entry.name) for table in STATE for entry in store.entries(table)}

    @property
    def left(self) -> set[str]:
        """What a run left beside the tables, but for its lock and what it saw."""
        names = {entry.name for entry in open_store(self.output).entries(".pressmark")}
        return {
            name
            for name in names
            if name != ".pressmark/lock" and not name.startswith((".pressmark/seen/", ".pressmark/roots/"))
        }


@pytest.fixture
def press(archive: Path, write_article: WriteArticle, tmp_path: Path, request: pytest.FixtureRequest) -> Press:
    return Press(archive, write_article, tmp_path / "out", f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}")


class Once:
    """Calls a function at the first progress of a step."""

    def __init__(self, step: str, call: Callable[[], object]) -> None:
        self.called_at: tuple[int, int] | None = None
        self._step, self._call = step, call

    def __call__(self, step: str, done: int, total: int) -> None:
        if step == self._step and self.called_at is None:
            self.called_at = done, total
            self._call()


def test_many_machines_make_the_same_bytes_as_one(press: Press, cluster: DaskCluster) -> None:
    for number in (1, 2):
        expected = press.ingest_here(number)
        report = press.ingest_there(cluster.address, number)
        assert press.objects == expected != {}
        assert report.parsed == (36 if number == 1 else 16)
        assert press.left == set()
        press.change() if number == 1 else None
    assert [path for path in cluster.folder.rglob("*") if path.suffix in (".parquet", ".arrow", ".md")] == []


def test_a_folder_and_its_output_may_be_shared(press: Press, cluster: DaskCluster, tmp_path: Path) -> None:
    ingest(press.archive, tmp_path / "shared", dask=cluster.address)
    ingest(press.archive, press.local)
    assert files_of(tmp_path / "shared") == files_of(press.local) != {}


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("step", "module", "name"), [("parse", "batches", "parse_batch"), ("merge", "output.partitions", "merge")]
)
def test_a_worker_that_is_killed_loses_nothing(
    step: str, module: str, name: str, press: Press, cluster: DaskCluster, tmp_path: Path
) -> None:
    press.ingest_here()
    press.ingest_there(cluster.address)
    press.change()
    expected = press.ingest_here(2)
    (tmp_path / "slow.py").write_text(SLOW.format(module=module, step=name))
    victim = cluster.add_worker("--preload", str(tmp_path / "slow.py"))

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


def test_a_run_that_is_interrupted_publishes_nothing_and_the_next_one_all(press: Press, cluster: DaskCluster) -> None:
    expected = press.ingest_here()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press.ingest_there(cluster.address, 1, Once("parse", interrupt))
    assert press.objects == {}
    press.ingest_there(cluster.address)
    assert press.objects == expected
    assert press.left == set()


@pytest.mark.campaign
def test_a_source_that_kills_workers_is_rejected_and_the_others_are_published(
    press: Press, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dask would start three more workers for each task that one died on.
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    monkeypatch.setattr(batches, "MOST_SOURCES", 1)
    press.write("fatal.md", body=f"<p>{FATAL}</p>")
    press.upload()
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(KILLER)
    environment = server.environment() | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "python"), str(ROOT / "src")])}
    with DaskCluster(tmp_path / "dask", 2, environment=environment, nanny=True) as cluster:
        report = press.ingest_there(cluster.address)
    assert (report.articles, report.rejects) == (36, 1)
    assert breaches(press.output, press.source) == []


def test_no_scheduler_and_no_worker_are_errors_that_say_so(
    press: Press, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_S", 0.5)
    with pytest.raises(PoolError, match=f"does not answer: `tcp://{HOST}:9`; start it"):
        press.ingest_there(f"tcp://{HOST}:9")
    with pytest.raises(PoolError, match="does not answer: `nonsense://there`"):
        press.ingest_there("nonsense://there")
    monkeypatch.setattr(pool, "CONNECT_S", 20)
    with DaskCluster(tmp_path / "dask", 0, environment=server.environment()) as cluster:
        at = cluster.address
        with pytest.raises(PoolError, match=f"no worker: `{at}`; start `dask worker {at}`"):
            press.ingest_there(at)
    assert press.objects == {}


def test_a_scheduler_that_goes_ends_the_run_with_a_remedy(press: Press, cluster: DaskCluster) -> None:
    """The last test, as the cluster of all is no more after it."""
    with pytest.raises(PoolError, match="scheduler"):
        press.ingest_there(cluster.address, 1, Once("parse", cluster.kill_scheduler))
    assert press.objects == {}
    assert press.ingest_here()
