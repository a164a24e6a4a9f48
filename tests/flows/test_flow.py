"""The recorded flow: the same job, each step a task run, figures as artifacts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from archives import ROOT, WriteArticle, files_of, ingest, read_table

from pressmark.warehouses.address import parse_address

pytestmark = pytest.mark.prefect


@pytest.fixture(scope="module")
def harness() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=240):
        yield


def test_the_flow_records_its_steps_and_figures(harness: None, seeds: Path, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

    from pressmark.flows.ingest import ingest as ingest_flow

    state = ingest_flow(source=str(seeds), output=str(tmp_path / "flow"), workers=2, return_state=True)
    assert state.is_completed()
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(limit=10, sort=FlowRunSort.ID_DESC)
        task_runs = client.read_task_runs(limit=200, sort=TaskRunSort.ID_DESC)
        # The client sends nulls here, which this server refuses.
        found = httpx.post(str(client.api_url).rstrip("/") + "/artifacts/filter", json={}).json()
        assert isinstance(found, list), found
    artifacts = {artifact["key"]: str(artifact["data"]) for artifact in found}
    assert run.parameters["output"] == str(tmp_path / "flow")
    names = {task_run.name for task_run in task_runs}
    assert {"discover", "plan", "parse-1", "settle", "merge-1", "publish", "report"} == names
    report = state.result()
    assert report.run_id in artifacts["ingest-figures"]
    assert f"| articles | {report.articles} |" in artifacts["ingest-figures"]
    assert "no_header" in artifacts["ingest-rejects"]

    ingest(seeds, tmp_path / "direct")
    for name in ("articles", "paragraphs"):
        recorded, direct = (
            read_table(tmp_path / way, name).drop_columns(["run_id", "ingested_at"] if name == "articles" else [])
            for way in ("flow", "direct")
        )
        assert recorded.equals(direct)
    assert set(files_of(tmp_path / "flow")) == set(files_of(tmp_path / "direct"))


def test_a_flow_that_cannot_run_fails_with_the_remedy_and_no_retry(harness: None, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import TaskRunSort

    from pressmark.flows.ingest import ingest as ingest_flow

    state = ingest_flow(source=str(tmp_path / "nowhere"), output=str(tmp_path / "out"), return_state=True)
    assert state.is_failed()
    assert "give the folder that holds the archive" in str(state.message)
    with get_client(sync_client=True) as client:
        runs = [
            run
            for run in client.read_task_runs(limit=200, sort=TaskRunSort.ID_DESC)
            if run.flow_run_id == state.state_details.flow_run_id
        ]
    assert [(run.name, run.run_count) for run in runs] == [("discover", 1)]


def test_a_breach_fails_the_verification_and_is_named(
    harness: None, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    from pressmark.flows.verify import verify

    source = write_article("a.md")
    ingest(archive, tmp_path / "out")
    assert verify(str(tmp_path / "out"), str(archive), 1, return_state=True).is_completed()
    source.write_bytes(source.read_bytes().replace("今天".encode(), "昨天".encode()))
    state = verify(str(tmp_path / "out"), str(archive), 1, return_state=True)
    assert state.is_failed()
    assert "breaches; law" in str(state.message)
    assert "a.md" in str(state.message)
    assert "ingest the sources named there again" in str(state.message)
    assert len(list((tmp_path / "out" / "reports").glob("verify-*.json"))) == 2


def test_a_load_finds_the_password_that_its_parameter_hides(
    harness: None, archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pressmark.flows.destinations import as_parameter, from_parameter
    from pressmark.flows.load import load

    whole = "postgresql://ann:s3cret-Wort@127.0.0.1:1/news"
    monkeypatch.setenv("PRESSMARK_DESTINATION", "duckdb:///elsewhere.duckdb")
    shown = as_parameter(parse_address(whole))
    assert shown == "postgresql://ann:***@127.0.0.1:1/news"
    assert from_parameter(shown).given == whole
    write_article("a.md")
    ingest(archive, tmp_path / "out")
    state = load(str(tmp_path / "out"), shown, return_state=True)
    assert state.is_failed()
    assert "no server answers there" in str(state.message)
    assert "start PostgreSQL" in str(state.message)
    assert "s3cret" not in str(state.message)
    monkeypatch.delenv("PRESSMARK_DESTINATION")
    state = load(str(tmp_path / "out"), shown, return_state=True)
    assert "set that variable to the whole address" in str(state.message)


def test_a_recorded_run_starts_and_ends_its_own_server(seeds: Path, tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "pressmark.flows.cli", "ingest", "--flow", str(seeds), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["starting a local Prefect server; the first start takes about half a minute …"]
    assert "rfi" in done.stdout
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "prefect")], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    assert (tmp_path / "prefect" / "prefect.db").exists()
