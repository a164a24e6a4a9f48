"""An output in an object store: the same tables as in a folder, whatever the network, other writers and kills do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import fsspec  # type: ignore[import-untyped]
import polars as pl
import pyarrow.dataset as ds
import pyarrow.fs
import pytest
from archives import ROOT, STATE, News, WriteArticle, breaches, files_of, ingest, rows_of
from copies import InCopy, copies_of
from fault_proxy import Fault, FaultProxy, Kind
from object_stores import S3Server

from pressmark.flows.cli import main
from pressmark.storage.citing import cite
from pressmark.storage.errors import LockedError, OutputError
from pressmark.storage.output import lease
from pressmark.storage.output import snapshot as snapshots
from pressmark.storage.output.objects import ObjectStore
from pressmark.storage.output.snapshot import snapshot
from pressmark.storage.output.store import Store
from pressmark.storage.output.tables import Output, open_store

BUCKET = "songling-press"

# Ingests, and ends before the Nth request.
KILLED_RUN = """
import signal
from pathlib import Path
import pressmark.storage.batches, pressmark.storage.inputs.folder, pressmark.storage.output.partitions
from pressmark.storage.output import lease, objects
from archives import ingest
lease.LEASE_S, lease.BEAT_S = 1.0, 0.2

def work(steps, archive, address):
    left = int(steps)
    request = objects.ObjectStore._tried
    def counted(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return request(*arguments)
    objects.ObjectStore._tried = counted
    ingest(Path(archive), address, 2, sync=True)
"""


@pytest.fixture(scope="module")
def server(s3_server: S3Server) -> S3Server:
    s3_server.create_bucket(BUCKET)
    return s3_server


@pytest.fixture(scope="module")
def killed_run(server: S3Server) -> Iterator[InCopy]:
    with copies_of(KILLED_RUN, server.environment()) as in_copy:
        yield in_copy


@pytest.fixture(autouse=True)
def fresh_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients keep what the environment said when they were made. Nobody waits for a dead writer for long."""
    monkeypatch.setattr(lease, "LEASE_S", 1.0)
    monkeypatch.setattr(lease, "BEAT_S", 0.2)
    open_store.cache_clear()
    yield
    open_store.cache_clear()


@pytest.fixture
def place(server: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The address of an output that nothing was written to yet."""
    reach(server, monkeypatch)
    return f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}/out"


def reach(server: S3Server | FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    open_store.cache_clear()


def objects_of(address: str) -> dict[str, bytes]:
    """Contents of every partition file but those of `runs`."""
    store: Store = open_store(address)
    return {entry.name: store.read(entry.name) for table in STATE for entry in store.entries(table)}


def left(address: str) -> set[str]:
    """What a run left beside the tables, but for its lock and what it saw."""
    names = {entry.name for entry in open_store(address).entries(".pressmark")}
    return {
        name
        for name in names
        if name != ".pressmark/lock" and not name.startswith((".pressmark/seen/", ".pressmark/roots/"))
    }


def uploaded(archive: Path, place: str) -> str:
    """The address of the archive's files as objects."""
    source = place.removesuffix("/out") + "/archive"
    for path in archive.iterdir():
        open_store(source).write(path.name, path.read_bytes())
    return source


def some_articles(write_article: WriteArticle) -> None:
    for name in ("revised", "moved", "deleted", "broken", "kept"):
        write_article(f"{name}.md", url=f"https://songling-times.example/{name}")


def change(archive: Path, write_article: WriteArticle) -> None:
    write_article("new.md", url="https://songling-times.example/new")
    write_article("revised.md", url="https://songling-times.example/revised", body="<p>修订</p>")
    write_article("moved.md", url="https://songling-times.example/moved", at="2022-07-01T00:00:00")
    (archive / "deleted.md").unlink(missing_ok=True)
    (archive / "broken.md").write_bytes(b"")


@pytest.fixture
def states(archive: Path, write_article: WriteArticle, tmp_path: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What an output in a folder holds before and after the change that the archive has gone through."""
    some_articles(write_article)
    ingest(archive, tmp_path / "folder", 1)
    shutil.copytree(tmp_path / "folder", tmp_path / "first")
    before = files_of(tmp_path / "folder")
    change(archive, write_article)
    ingest(archive, tmp_path / "folder", 2, sync=True)
    return before, files_of(tmp_path / "folder")


def test_an_object_store_holds_the_same_bytes_as_a_folder(news: News, place: str) -> None:
    some_articles(news.write)
    for number, workers in ((1, 1), (2, 2)):
        there = ingest(news.archive, place, number, sync=True, workers=workers)
        here = ingest(news.archive, news.folder / "folder", number, sync=True)
        assert there.root == here.root is not None
        assert objects_of(place) == files_of(news.folder / "folder") != {}
        change(news.archive, news.write)
    assert breaches(place, news.archive) == []
    paragraph = cite(Output(place), str(rows_of(news.folder / "folder", "paragraphs", "paragraph_id")[0][0]))
    assert paragraph["root"] == here.root
    assert left(place) == set()


def test_an_archive_of_objects_gives_the_same_tables(news: News, place: str) -> None:
    some_articles(news.write)
    (news.archive / "kept.md").write_bytes((news.archive / "kept.md").read_bytes() * 9000)
    source = uploaded(news.archive, place)
    store = open_store(source)
    settings = {"max_source_mib": 1, "archive": "news"}
    ingest(source, place, **settings)  # type: ignore[arg-type]
    ingest(news.archive, place + "-of-folder", **settings)  # type: ignore[arg-type]
    assert objects_of(place) == objects_of(place + "-of-folder")
    assert "rejects/part-0.parquet" in objects_of(place)
    again = ingest(source, place, 2, **settings)
    assert (again.sources, again.unchanged, again.parsed) == (5, 5, 0)
    store.remove(["deleted.md"])
    store.write("revised.md", (news.archive / "revised.md").read_bytes() + b"<p>Nachtrag</p>")
    changed = ingest(source, place, 3, sync=True, **settings)
    assert (changed.sources, changed.parsed, changed.deleted) == (4, 1, 1)
    assert breaches(place) == []


def test_readers_find_the_tables(place: str, server: S3Server, seeds: Path, tmp_path: Path) -> None:
    ingest(seeds, place)
    ingest(seeds, tmp_path / "folder")
    options = {"aws_endpoint_url": server.endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"}
    options |= {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key}
    remote = pl.scan_parquet(f"{place}/paragraphs/", hive_partitioning=True, storage_options=options).collect()
    local = pl.scan_parquet(tmp_path / "folder" / "paragraphs", hive_partitioning=True).collect()
    assert remote.sort("paragraph_id").equals(local.sort("paragraph_id"))
    scheme, _, endpoint = server.endpoint.partition("://")
    files = pyarrow.fs.S3FileSystem(
        access_key=server.access_key, secret_key=server.secret_key, endpoint_override=endpoint, scheme=scheme
    )
    rows = ds.dataset(f"{place.removeprefix('s3://')}/paragraphs", filesystem=files, format="parquet").count_rows()
    assert rows == local.height
    with duckdb.connect() as connection:
        from obstore.fsspec import FsspecStore

        filesystem = FsspecStore(
            "s3", endpoint=server.endpoint, access_key_id=server.access_key, secret_access_key=server.secret_key,
            region="us-east-1", client_options={"allow_http": True},
        )  # fmt: skip
        assert isinstance(filesystem, fsspec.AbstractFileSystem)
        connection.register_filesystem(filesystem)
        paths = [f"s3://{path}" for path in filesystem.glob(f"{place.removeprefix('s3://')}/paragraphs/*/*/*.parquet")]
        query = f"SELECT count(*) FROM read_parquet({paths})"
        assert connection.execute(query).fetchone() == (local.height,)


def test_a_snapshot_is_a_copy_of_one_moment(news: News, place: str) -> None:
    some_articles(news.write)
    ingest(news.archive, place)
    ingest(news.archive, news.folder / "folder")
    with snapshot(Output(place), "a") as remote, snapshot(Output(news.folder / "folder"), "a") as local:
        change(news.archive, news.write)
        ingest(news.archive, place, 2, sync=True)
        digests = [(part.table, part.partition, part.digest) for part in remote.parts if part.table != "runs"]
        assert digests == [(part.table, part.partition, part.digest) for part in local.parts if part.table != "runs"]
        assert all(path.exists() for part in remote.parts for path in part.paths)


def test_a_snapshot_has_no_file_that_went_while_it_was_copied(
    news: News, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_articles(news.write)
    gone = news.write("gone.md", url="https://songling-times.example/gone", at="2019-01-01T00:00:00")
    ingest(news.archive, place)
    listed, looks = snapshots._files, [0]

    def changing(output: Output) -> Iterator[snapshots._File]:
        looks[0] += 1
        if looks[0] == 2:
            gone.unlink()
            ingest(news.archive, place, 2, sync=True)
        yield from listed(output)

    monkeypatch.setattr(snapshots, "_files", changing)
    with snapshot(Output(place), "a") as found:
        copied = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
        assert copied == {entry.name for _, _, entry in listed(Output(place))}


def assert_whole(place: str, source: Path | str, expected: dict[str, bytes]) -> None:
    """A first run over the changed archive made all of its files, and no law is broken."""
    assert objects_of(place).keys() == {name for name in expected if not name.startswith("revisions")}
    assert breaches(place, source) == []


@pytest.fixture
def proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The server is reached through it."""
    with FaultProxy(server) as started:
        started.delay_s = 0.05
        reach(started, monkeypatch)
        yield started
        started.clear()
    reach(server, monkeypatch)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.campaign)])
def test_a_faulty_network_loses_nothing_and_repeats_nothing(
    seed: int, place: str, states: tuple[dict[str, bytes], dict[str, bytes]], archive: Path, proxy: FaultProxy
) -> None:
    kinds = ("drop_before", "error_500", "error_503", "slow", "truncate", "lost_reply", "error_409")
    proxy.random(seed, 0.25, kinds)  # type: ignore[arg-type]
    source = uploaded(archive, place)
    for _ in range(2):
        ingest(source, place, 2)
    assert sum(proxy.counts.values()) > 5
    proxy.clear()
    assert_whole(place, source, states[1])


@pytest.mark.parametrize("kind", ["lost_reply", "error_500", "drop_before", "error_409"])
def test_a_fault_at_any_write_is_overcome(
    kind: Kind, place: str, states: tuple[dict[str, bytes], dict[str, bytes]], archive: Path, proxy: FaultProxy
) -> None:
    """Every PUT, conditional or not, fails once in its turn; a reply that is lost leaves what it wrote."""
    seen: set[str] = set()
    proxy.rules = [Fault(kind, lambda request: request.method == "PUT" and _first(request, seen), times=None)]
    ingest(archive, place, 2)
    assert proxy.counts[kind] >= (3 if kind == "error_409" else 8)
    proxy.clear()
    assert_whole(place, archive, states[1])


def _first(request: object, seen: set[str]) -> bool:
    key = f"{request.path} {request.headers.get('x-amz-copy-source', '')}"  # type: ignore[attr-defined]
    new = key not in seen
    seen.add(key)
    return new


@pytest.mark.campaign
def test_a_run_killed_at_any_request_is_completed_by_the_next(
    news: News, place: str, states: tuple[dict[str, bytes], dict[str, bytes]], killed_run: InCopy
) -> None:
    before, expected = states
    kills, finished, states_seen = 0, False, set()
    while not finished:
        address = f"{place}-{kills}"
        store = open_store(address)
        for path in (news.folder / "first").rglob("*.parquet"):
            store.write(path.relative_to(news.folder / "first").as_posix(), path.read_bytes())
        _, ended = killed_run(kills, news.archive, address)
        assert ended in (0, signal.SIGKILL)
        finished = ended == 0
        found = objects_of(address)
        committed = store.find(".pressmark/journal.json") is not None
        if not committed:
            assert found in (before, expected), f"killed at request {kills}: neither the old state nor the new"
        states_seen.add("between" if committed else "old" if found == before else "new")
        keys = _article_ids(found, address)
        assert len(keys) == len(set(keys)), f"killed at request {kills}"
        ingest(news.archive, address, 2, sync=True)
        assert objects_of(address) == expected, f"killed at request {kills}"
        assert left(address) == set(), f"killed at request {kills}"
        kills += 7
    assert states_seen == {"old", "between", "new"}


def _article_ids(found: dict[str, bytes], address: str) -> list[str]:
    ids: list[str] = []
    for name, data in found.items():
        if name.startswith("articles/"):
            ids += pl.read_parquet(data, columns=["article_id"])["article_id"].to_list()
    return ids


def test_a_second_writer_is_refused_while_the_first_lives(place: str) -> None:
    store, other = ObjectStore(place), ObjectStore(place)
    with (
        store.writing("the-first", lambda *_: None),
        pytest.raises(LockedError, match="another run is writing .*the-first"),
        other.writing("b", lambda *_: None),
    ):
        pytest.fail("two writers at once")
    with other.writing("the-second", lambda *_: None):
        pass


def test_the_lock_of_a_dead_writer_is_taken_over(place: str, killed_run: InCopy) -> None:
    waited: list[tuple[int, int]] = []
    assert killed_run(14, ROOT / "seeds", place) == ("", signal.SIGKILL)
    assert json.loads(open_store(place).read(".pressmark/lock"))["held"]
    with ObjectStore(place).writing("heir", lambda *progress: waited.append(progress)):
        assert "heir" in json.loads(open_store(place).read(".pressmark/lock"))["holder"]
    assert waited


def test_one_of_many_writers_wins(place: str) -> None:
    results: list[str] = []
    inside = threading.Event()

    def write(number: int) -> None:
        try:
            with ObjectStore(place).writing(f"run-{number}", lambda *_: None):
                results.append("won")
                inside.wait(30)
        except LockedError:
            results.append("refused")
        if len(results) == 6:
            inside.set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while len(results) < 6 and any(thread.is_alive() for thread in threads):
        inside.wait(0.05)
    inside.set()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 5 + ["won"]


def test_a_writer_that_lost_its_lock_publishes_nothing(news: News, place: str) -> None:
    news.write("a.md")
    store, thief = ObjectStore(place), ObjectStore(place)
    with store.writing("slow", lambda *_: None):
        stolen = None
        while stolen is None:
            found = thief.find(".pressmark/lock")
            assert found is not None
            stolen = thief.write_over(".pressmark/lock", b'{"holder": "thief", "held": true}', found.version)
        with pytest.raises(LockedError, match="could not renew"):
            store.commit([])
    assert open_store(place).find(".pressmark/journal.json") is None


def test_a_store_without_conditions_is_refused_but_for_a_single_writer(
    news: News, place: str, proxy: FaultProxy
) -> None:
    news.write("a.md")
    proxy.no_conditions = True
    with pytest.raises(OutputError, match="does not keep conditions.*--single-writer"):
        ingest(news.archive, place)
    assert objects_of(place) == {}
    ingest(news.archive, place, single_writer=True)
    assert len(objects_of(place)) == 2
    proxy.no_conditions = False
    proxy.rules = [Fault("error_501", times=None)]
    with pytest.raises(OutputError, match="can't write on a condition.*--single-writer"):
        ingest(news.archive, place + "-2")


@pytest.mark.parametrize("skew", [timedelta(hours=-30), timedelta(hours=30)])
def test_clocks_may_differ(news: News, skew: timedelta, place: str, proxy: FaultProxy) -> None:
    news.write("a.md")
    proxy.skew = skew
    ingest(news.archive, place)
    assert len(objects_of(place)) == 2


@pytest.mark.parametrize("command", [["ingest", "seeds", "PLACE"], ["verify", "PLACE", "seeds"], ["status", "PLACE"]])
@pytest.mark.parametrize(
    ("trouble", "message"),
    [("bucket", "no such bucket"), ("denied", "access is denied"), ("endpoint", "can't be reached")],
)
def test_trouble_is_named_with_its_remedy_and_without_secrets(
    command: list[str], trouble: str, message: str, server: S3Server, place: str,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    address, secret = place, server.secret_key
    if trouble == "bucket":
        address = "s3://no-such-bucket/trouble/out"
    elif trouble == "denied":
        secret = "a-secret-that-is-wrong"
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main([address if word == "PLACE" else word for word in command]) == 3
    shown = capfd.readouterr()
    assert message in shown.err
    assert address in shown.err
    for words in ("Traceback", secret, server.access_key, "Signature="):
        assert words not in shown.err + shown.out


def test_a_bucket_that_vanishes_mid_run_is_an_error_that_says_so(news: News, place: str, proxy: FaultProxy) -> None:
    some_articles(news.write)
    ingest(news.archive, place)
    before = objects_of(place)
    change(news.archive, news.write)
    started: list[int] = []
    proxy.rules = [Fault("error_404_bucket", lambda _: bool(started.append(1)) or len(started) > 25, times=None)]  # type: ignore[func-returns-value]
    with pytest.raises(OutputError, match="no such bucket"):
        ingest(news.archive, place, 2, sync=True)
    proxy.clear()
    assert objects_of(place) == before


def test_keys_come_from_a_profile(place: str, server: S3Server, tmp_path: Path, seeds: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[press]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    (folder / "config").write_text(f"[profile press]\nregion = us-east-1\nendpoint_url = {server.endpoint}\n")
    base = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "pressmark.flows.cli", "ingest", str(seeds), place, "--json"], capture_output=True,
        text=True, check=False, cwd=ROOT,
        env={**base, "HOME": str(tmp_path), "AWS_PROFILE": "press", "AWS_ALLOW_HTTP": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["articles"] == 44


def test_a_run_with_nothing_to_do_asks_little(place: str, seeds: Path, proxy: FaultProxy) -> None:
    # Files that have just been written are looked at once more.
    for number in (1, 2, 3):
        proxy.clear()
        ingest(seeds, place, number)
    # A run that takes longer renews its lease more often.
    asked = [f"{one.method} {one.key}" for one in proxy.requests if not one.key.endswith("/.pressmark/lock")]
    assert 0 < len(asked) <= 53, asked


@pytest.mark.parametrize("command", [["asof"], ["diff"]])
def test_commands_read_objects(news: News, command: list[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    news.write("a.md")
    ingest(news.archive, place)
    news.write("a.md", body="<p>改</p>")
    ingest(news.archive, place, 2)
    (article_id,) = _article_ids(objects_of(place), place)
    if command == ["asof"]:
        assert main(["asof", place, "2030-01-01"]) == 3
        assert "does not hold the archive's history" in capsys.readouterr().err
    else:
        assert main(["diff", article_id, place]) == 0
        assert "改" in capsys.readouterr().out
