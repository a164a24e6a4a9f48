"""An article that is forgotten: gone from every table and file, known by rows that say so, back by no later run."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import ROOT, breaches, ingest, read_table, stamp, verified, writer
from destinations import KINDS, Warehouse, load, new_database, postgresql_server
from object_stores import S3Server
from repositories import Repository, Special, article

from pressmark.flows.cli import main
from pressmark.storage.auditing import Disagreed, _publish
from pressmark.storage.citing import cite
from pressmark.storage.copies import KEPT
from pressmark.storage.dataset import Dataset
from pressmark.storage.diagnosis import State, examine_forgotten
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.forgetting import forget, plan_forgetting
from pressmark.storage.output.folder import JOURNAL
from pressmark.storage.output.state import Roots
from pressmark.storage.output.tables import Output, open_store
from pressmark.storage.runs import latest_of, write_report
from pressmark.storage.search_index import build_index, index_folder
from pressmark.transforms.citation import check_citation, written
from pressmark.transforms.identity import article_id

pytestmark = pytest.mark.slow

SECRET = "云港的渡轮从早晨起停开，码头上的人把伞收起来又撑开，等一个不会来的消息。"
EARLIER = "云港的渡轮从早晨起停开，船长说他从没有见过这样安静的一个星期天的港口。"
OTHER = "松岭市图书馆今天开放，读者从早晨开始排队，一直排到了河对岸的旧邮局门口。"
BROKEN = "\xff".encode("latin-1") + EARLIER.encode()
URL = "https://songling-times.example/{}"
FORGOTTEN = article_id(URL.format("a"), "", "")
STAYS = article_id(URL.format("b"), "", "")
WHY = "asked for by its author"
TABLES = ("articles", "paragraphs", "media", "revisions", "rejects", "audits")


def states() -> list[dict[str | bytes, bytes | Special]]:
    """An article with two edits, a broken state, a copy under another path and one that moved; and another article."""
    shown = '<p>{}</p><img src="/ferry.jpg" alt="渡轮">'.format
    first: dict[str | bytes, bytes | Special] = {
        "news/a.md": article("a", body=shown(EARLIER)), "b.md": article("b", body=shown(OTHER)), "c.md": b"",
    }  # fmt: skip
    second = first | {"news/a.md": article("a", body=shown(SECRET)), "b.md": article("b", body=shown(OTHER + EARLIER))}
    third = second | {"news/a.md": BROKEN}
    fourth = second | {"copy.md": article("a", at="2022-03-05T00:00:00", body=shown(SECRET))}
    return [first, second, third, fourth]


class Kept:
    """An archive with its history, and its output with everything beside the tables that is made of them."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "news.git")
        self.out = folder / "out"
        for files in states():
            self.repository.commit(files)
        ingest(self.repository.path, self.out, history=True)
        output = Output(self.out)
        build_index(output, lambda *_: None)
        _publish(output, stamp(2), [
            Disagreed("news.git", path, "0" * 64, one, "text", "paragraphs.text", text, text, 0, 9)
            for path, one, text in (("copy.md", FORGOTTEN, SECRET), ("b.md", STAYS, OTHER))
        ])  # fmt: skip
        write_report(output, "verify-1", {"breaches": [SECRET[:20]]})
        write_report(output, "verify-2", {"breaches": [OTHER[:20]]})

    def commit(self, files: dict[str | bytes, bytes | Special], number: int, **settings: Any) -> None:
        self.repository.commit(files)
        ingest(self.repository.path, self.out, number, history=True, **settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("made"))


@pytest.fixture(autouse=True)
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is forgotten after the fourth run."""
    monkeypatch.setattr("pressmark.storage.forgetting.new_stamp", lambda: stamp(5))


@pytest.fixture
def kept(made: Kept, tmp_path: Path) -> Iterator[Kept]:
    """A copy of the output, so that each test has its own; and the archive as it was."""
    one = object.__new__(Kept)
    one.repository, one.out = made.repository, tmp_path / "out"
    commits = list(made.repository.commits)
    shutil.copytree(made.out, one.out)
    yield one
    made.repository.commits[:] = commits
    made.repository.git.references.create("refs/heads/main", commits[-1], force=True)


def rows_in(folder: Path, name: str) -> list[dict[str, Any]]:
    if name == "audits":
        return [row for path in sorted(folder.glob("audits/*")) for row in pq.read_table(path).to_pylist()]
    rows: list[dict[str, Any]] = read_table(folder, name).to_pylist()
    return rows


def holding(folder: Path, *needles: str) -> set[str]:
    """Files with some text, found by another way than the product's: every value of every Parquet file as text."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if data.startswith(b"PAR1"):
                data = repr(pq.read_table(path, partitioning=None).to_pylist()).encode()
            found |= {str(path.relative_to(folder)) for one in needles if one.encode() in data}
    return found


def findings(output: Path, **asked: Any) -> dict[str, State]:
    return {one.name: one.state for one in examine_forgotten(Output(output), FORGOTTEN, **asked)}


def test_nothing_of_it_is_left_but_rows_that_say_so(kept: Kept) -> None:
    (kept.out / KEPT).write_text(FORGOTTEN)
    before = {name: rows_in(kept.out, name) for name in TABLES}
    root = latest_of(Output(kept.out)).root
    segments = set(index_folder(Output(kept.out)).glob("*"))
    done = forget(FORGOTTEN, str(kept.out), reason=WHY)
    assert (done.traces, done.files) == ((), ("reports/verify-1.json",))
    assert holding(kept.out, SECRET[14:]) == set()
    # The other article has a text of an earlier revision.
    assert set() < holding(kept.out, "船长说") <= in_tables(kept.out)
    assert holding(kept.out, FORGOTTEN) == {"rejects/part-0.parquet"}
    after = {name: rows_in(kept.out, name) for name in TABLES}
    for name in ("articles", "paragraphs", "media", "revisions", "audits"):
        assert after[name] == [row for row in before[name] if row["article_id"] != FORGOTTEN]
        assert len(before[name]) - len(after[name]) == done.rows[name] > 0
    said = [row for row in after["rejects"] if row["reason"] == "forgotten"]
    assert [row for row in after["rejects"] if row not in said] == [
        row for row in before["rejects"] if row["source_path"] != "news/a.md"
    ]
    assert {(row["source_path"], row["raw"], row["detail"]) for row in said} == {
        (path, None, f"article {FORGOTTEN}: {WHY}") for path in ("copy.md", "news/a.md")
    }
    assert len(said) == done.sources == 4
    run = latest_of(Output(kept.out))
    assert run.run_id == done.run_id
    assert [getattr(run, name) for name in TABLES[:5]] == [len(after[name]) for name in TABLES[:5]]
    assert not segments & set(index_folder(Output(kept.out)).glob("*"))
    assert "kind" in pl.read_parquet(kept.out / KEPT)
    with Dataset(kept.out) as dataset:
        assert root != run.root == dataset.root()
        assert dataset.changes().filter(article_id=FORGOTTEN).height == 0 < dataset.changes().height
        assert dataset.removals().height == 0
        assert dataset.clusters().filter(article_id=FORGOTTEN).height == 0
        assert set(dataset.search("渡轮从早晨")["article_id"]) == {STAYS}
    assert breaches(kept.out) == []
    assert findings(kept.out)["traces"] is State.OK


def test_a_comparison_says_that_it_was_forgotten(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept.out, tmp_path / "before")
    forget(FORGOTTEN, str(kept.out), reason=WHY)
    with Dataset(tmp_path / "before") as before, Dataset(kept.out) as after:
        there, back = before.differences(after), after.differences(before)
    assert set(there["why"]) == set(back["why"]) == {"forgotten"}
    assert set(there.filter(table="articles").select("id", "kind").rows()) == {(FORGOTTEN, "went")}
    assert there.filter(table="rejects")["kind"].sort().to_list() == ["came"] * 3 + ["changed"]


def test_no_later_run_brings_it_back(kept: Kept) -> None:
    forget(FORGOTTEN, str(kept.out), reason=WHY)
    files = states()[-1]
    edited = article("a", body=f"<p>{SECRET}渡轮明天再开。</p>")
    commits: list[tuple[dict[str | bytes, bytes | Special], dict[str, str]]] = [
        ({}, {}), ({"news/a.md": edited}, {}), ({"elsewhere.md": files["copy.md"]}, {}), ({}, {"zone": "Asia/Tokyo"}),
        ({"news/a.md": article("new", body=f"<p>{OTHER}</p>")}, {"zone": "Asia/Tokyo"}),
    ]  # fmt: skip
    for number, (more, settings) in enumerate(commits, 6):
        files = files | more
        kept.commit(files, number, **settings)
        assert breaches(kept.out) == []
        assert read_table(kept.out, "articles")["article_id"].to_pylist().count(FORGOTTEN) == 0
        assert holding(kept.out, "码头", FORGOTTEN) == {"rejects/part-0.parquet"}
    kept.commit({"b.md": files["b.md"]}, 20, zone="Asia/Tokyo")
    assert breaches(kept.out) == []
    kept.commit({"b.md": files["b.md"], "a.md": edited}, 21, zone="Asia/Tokyo")
    assert holding(kept.out, "码头", FORGOTTEN) == {"rejects/part-0.parquet"}
    assert {row["source_path"] for row in read_table(kept.out, "rejects").to_pylist()
            if row["reason"] == "forgotten"} == {"a.md", "copy.md", "elsewhere.md", "news/a.md"}  # fmt: skip


def test_a_folder_with_two_archives_forgets_it_in_both(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write = writer(tmp_path / name)
        write("a.md", url=URL.format("a"), body=f"<p>{SECRET}</p>")
        write("b.md", url=URL.format("b" + name), body=f"<p>{OTHER}{name}</p>")
        ingest(tmp_path / name, tmp_path / "out", 1 if name == "one" else 2, archive=name)
    forget(FORGOTTEN, str(tmp_path / "out"), reason=WHY)
    for number, name in enumerate(("one", "two", "one"), 6):
        if number == 8:
            (tmp_path / name / "a.md").write_bytes(article("other", body=f"<p>{OTHER}</p>"))
        done = ingest(tmp_path / name, tmp_path / "out", number, archive=name, sync=True)
        assert (done.accepted, done.rejects) == (int(number == 8), 2)
    checked = verified(tmp_path / "out")
    assert (checked.breaches, checked.articles, checked.sources) == ([], 3, 4)


def test_a_citation_of_it_is_not_of_the_moment(kept: Kept) -> None:
    cited = f"{FORGOTTEN}-0000"
    citation = written(cite(Output(kept.out), cited))
    forget(FORGOTTEN, str(kept.out), reason=WHY)
    with pytest.raises(OutputError, match=cited):
        cite(Output(kept.out), cited)
    assert [one.kind for one in check_citation(citation, root=latest_of(Output(kept.out)).root)][-1] == "fail"


def test_doctor_finds_what_is_left(kept: Kept) -> None:
    (kept.out / "mine").mkdir()
    with Dataset(kept.out) as held:
        reader = next((kept.out / ".pressmark" / "readers").glob("dataset-*"))
        done = forget(FORGOTTEN, str(kept.out), reason=WHY)
        assert {trace.file for trace in done.traces} >= {
            str(path.relative_to(kept.out)) for path in reader.glob("paragraphs/*/*/*.parquet")
            if SECRET in read_text(path)
        } != set()  # fmt: skip
        assert any(name.startswith(".pressmark/readers/") for name in findings(kept.out))
        assert held.articles.filter(article_id=FORGOTTEN).collect().height == 1
    assert findings(kept.out)["traces"] is State.OK
    planted = {
        "mine/notes.json": json.dumps([SECRET]).encode(), "mine/a.gz": gzip.compress(SECRET.encode()),
        ".pressmark/staging/x": f"{FORGOTTEN}-0003".encode(), "reports/old.html": SECRET[4:].encode(),
    }  # fmt: skip
    for name, data in planted.items():
        (kept.out / name).parent.mkdir(exist_ok=True)
        (kept.out / name).write_bytes(data)
    values = {"deep": [[{"of": SECRET}]], "raw": [SECRET.encode()], "named": pa.array([SECRET]).dictionary_encode()}
    for name, column in values.items():
        pq.write_table(pa.table({"x": column}), kept.out / "mine" / f"{name}.parquet")
        planted[f"mine/{name}.parquet"] = b""
    found = findings(kept.out)
    assert {name for name, state in found.items() if state is State.FAILURE} == set(planted)
    assert main(["doctor", str(kept.out), "--forgotten", FORGOTTEN]) == 1


def test_what_another_article_names_too_is_no_trace_of_it(tmp_path: Path) -> None:
    address = "https://yungang-ferries.example/timetable/winter"
    write = writer(tmp_path / "news")
    write("a.md", url=URL.format("a"), title="渡轮停开", body=f"<p>{SECRET}</p><p>{address}</p>")
    write("b.md", url=URL.format("b"), body=f'<p>{OTHER}<a href="{address}">时刻表</a></p>')
    write("c.md", url=URL.format("c"), body=f'<p>{OTHER}</p><img src="{address}.png" alt="{SECRET[-20:]}">')
    ingest(tmp_path / "news", tmp_path / "out")
    done = forget(FORGOTTEN, str(tmp_path / "out"), reason=WHY)
    assert not done.traces
    assert not done.shared
    found = findings(tmp_path / "out")
    assert {name for name, state in found.items() if state is not State.OK} == set()
    (tmp_path / "out" / "reports" / "old.html").write_text(SECRET[:16])
    assert findings(tmp_path / "out")["reports/old.html"] is State.FAILURE


def in_tables(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for name in TABLES for path in folder.glob(f"{name}/**/*.parquet")}


def read_text(path: Path) -> str:
    return repr(pq.read_table(path, partitioning=None).to_pylist())


def test_destinations_and_exports_lose_it(kept: Kept, tmp_path: Path) -> None:
    target, sqlite = tmp_path / "news.duckdb", str(tmp_path / "x")
    export = ["export", str(kept.out), "--to", sqlite, "--format", "sqlite"]
    load(kept.out, f"duckdb:{target}", 1)
    assert main(export) == 0
    forget(FORGOTTEN, str(kept.out), reason=WHY)
    load(kept.out, f"duckdb:{target}", 2)
    assert main([*export, "--force"]) == 0
    with duckdb.connect(str(target)) as connection:
        for name in ("articles", "paragraphs", "media", "revisions"):
            rows = connection.sql(f"SELECT article_id FROM {name}").fetchall()
            assert len(rows) == len(read_table(kept.out, name))
            assert (FORGOTTEN,) not in rows
        assert connection.sql("SELECT count(*) FROM rejects WHERE reason = 'forgotten'").fetchall() == [(4,)]
    assert holding(Path(sqlite), "码头") == set()


@pytest.mark.parametrize("step", ["commit", "write"])
def test_a_run_that_fails_on_the_way_leaves_all_or_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    place = Roots if step == "write" else type(Output(kept.out).store)

    def refuse(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(place, step, refuse)
        with pytest.raises(OSError, match="no space"):
            forget(FORGOTTEN, str(kept.out), reason=WHY)
    there = read_table(kept.out, "articles")["article_id"].to_pylist().count(FORGOTTEN)
    assert there == (step == "commit")
    if there:
        forget(FORGOTTEN, str(kept.out), reason=WHY)
    else:
        ingest(kept.repository.path, kept.out, 6, history=True)
    assert findings(kept.out)["traces"] is State.OK
    assert breaches(kept.out) == []


# A process that ends at one of its system calls.
KILLED = """
import sys
sys.path[:0] = [{root!r} + "/src", {root!r} + "/tests"]
from archives import die_after
from pressmark.storage.forgetting import forget
die_after(int(sys.argv[3]))
forget(sys.argv[1], sys.argv[2], reason="asked for by its author")
"""


@pytest.mark.campaign
def test_a_command_killed_at_any_step_is_done_by_the_next(kept: Kept, tmp_path: Path) -> None:
    with Dataset(kept.out) as dataset:
        dataset.clusters(keep=True)
    states, number = set(), 0
    while True:
        out = tmp_path / f"out-{number}"
        shutil.copytree(kept.out, out)
        command = [sys.executable, "-c", KILLED.format(root=str(ROOT)), FORGOTTEN, str(out), str(number)]
        ended = subprocess.run(command, check=False).returncode
        assert ended in (0, -signal.SIGKILL)
        journal = (out / JOURNAL).exists()
        there = read_table(out, "articles")["article_id"].to_pylist().count(FORGOTTEN)
        states.add("between" if journal else "old" if there else "new")
        with contextlib.nullcontext() if there and not journal else pytest.raises(OutputError, match="already"):
            forget(FORGOTTEN, str(out), reason=WHY)
        assert {name for name, state in findings(out).items() if state is State.FAILURE} == set(), number
        assert breaches(out) == []
        with Dataset(out) as dataset:
            assert FORGOTTEN not in dataset.clusters()["article_id"]
        shutil.rmtree(out)
        if not ended:
            break
        number += 7
    assert states == {"old", "between", "new"}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.campaign) for kind in KINDS[1:]])
def test_every_kind_of_destination_loses_it(kept: Kept, tmp_path: Path, kind: str) -> None:
    with tempfile.TemporaryDirectory(prefix="pg") as folder, contextlib.ExitStack() as stack:
        address = f"{kind}:///{tmp_path / 'lake'}"
        if kind == "postgresql":
            server = stack.enter_context(postgresql_server(Path(folder) / "data"))
            address = new_database(server, "songling")
        warehouse = Warehouse(kind, address)
        load(kept.out, address, 1)
        assert FORGOTTEN in warehouse.rows("articles")["article_id"].to_pylist()
        forget(FORGOTTEN, str(kept.out), reason=WHY)
        load(kept.out, address, 2)
        for name in ("articles", "paragraphs", "media", "revisions"):
            rows = warehouse.rows(name)
            assert rows.num_rows == len(read_table(kept.out, name)), name
            assert FORGOTTEN not in rows["article_id"].to_pylist(), name
            assert SECRET not in repr(rows.to_pylist()), name
        assert warehouse.rows("rejects")["reason"].to_pylist().count("forgotten") == 4


def test_the_command_asks_before_it_does(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["forget", FORGOTTEN, str(kept.out), "--reason", WHY]
    files = {path: path.stat().st_mtime_ns for path in kept.out.rglob("*") if path.is_file()}
    assert main(command) == 0
    assert "give --yes" in capsys.readouterr().out
    assert files == {path: path.stat().st_mtime_ns for path in kept.out.rglob("*") if path.is_file()}
    assert main([*command, "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"articles": 1, "revisions": 3, "paragraphs": 1, "media": 1, "audits": 1, "rejects": 1}
    assert main([*command, "--yes"]) == 3
    assert "forgotten already" in capsys.readouterr().err
    for one, why in (("0" * 32, WHY), ("x", WHY), (STAYS, " \n")):
        with pytest.raises((OutputError, SettingsError)):
            forget(one, str(kept.out), reason=why)


def test_an_object_store_forgets_as_a_folder_does(
    made: Kept, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    s3_server.create_bucket("songling-forgetting")
    open_store.cache_clear()
    place = "s3://songling-forgetting/out"
    ingest(made.repository.path, place, history=True)
    assert plan_forgetting(Output(place), FORGOTTEN).sources == 4
    assert forget(FORGOTTEN, place, reason=WHY).traces == ()
    with Dataset(place) as dataset:
        assert dataset.root() == latest_of(Output(place)).root
        assert dataset.rejects.filter(pl.col("reason").cast(pl.String) == "forgotten").collect().height == 4
    open_store.cache_clear()
