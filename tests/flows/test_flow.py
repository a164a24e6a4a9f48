"""The recorded flows: the steps of a run as task runs, figures as artifacts, names, logs, and errors in one line."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from archives import ROOT, WriteArticle, files_of, ingest, read_table

from pressmark.warehouses.address import parse_address

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("harness")]


def ask(path: str, **body: Any) -> list[dict[str, Any]]:
    """What the server answers. Prefect's own client sends nulls, which this server refuses for artifacts."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        address = str(client.api_url).rstrip("/")
    found = httpx.post(f"{address}/{path}/filter", json=body, timeout=30).json()
    assert isinstance(found, list), found
    return found


def of_run(state: Any) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}


def test_the_flow_records_its_steps_its_name_and_its_figures(
    seeds: Path, tmp_path: Path, logged: list[logging.LogRecord]
) -> None:
    from pressmark.flows.ingest import ingest as ingest_flow
    from pressmark.flows.summary import run_line

    state = ingest_flow(source=str(seeds), output=str(tmp_path / "flow"), workers=2, return_state=True)
    assert state.is_completed()  # type: ignore[attr-defined]
    (run,) = ask("flow_runs", **of_run(state))
    assert run["name"] == "ingest seeds into flow"
    assert run["parameters"]["output"] == str(tmp_path / "flow")
    steps = sorted(ask("task_runs", **of_run(state)), key=lambda task: str(task["start_time"]))
    assert [task["name"] for task in steps] == [
        "discover", "plan", "parse-1", "settle-1", "merge-1", "publish-1", "report", "lineage", "draw"
    ]  # fmt: skip
    report = state.result()  # type: ignore[attr-defined]
    artifacts = {one["key"]: f"{one['description']} {one['data']}" for one in ask("artifacts", **of_run(state))}
    assert report.run_id in artifacts["ingest-figures"]
    assert f'{{"figure": "articles", "value": {report.articles}}}' in artifacts["ingest-figures"]
    assert "no_header" in artifacts["ingest-rejects"]
    page = tmp_path / "flow" / "reports" / "report.html"
    assert page.as_uri() in artifacts["ingest-report"]
    assert report.run_id in page.read_text("utf-8")
    lines = [record.getMessage() for record in logged if record.name == "prefect.flow_runs"]
    assert f"{report.sources} sources found in {seeds}" in lines
    assert any(line.startswith("round 1 of 1: ") for line in lines)
    assert run_line(report) in lines
    (row,) = read_table(tmp_path / "flow", "runs").to_pylist()
    assert report._asdict() == row

    ingest(seeds, tmp_path / "direct")
    for name in ("articles", "paragraphs"):
        recorded, direct = (
            read_table(tmp_path / way, name).drop_columns(["run_id", "ingested_at"] if name == "articles" else [])
            for way in ("flow", "direct")
        )
        assert recorded.equals(direct)
    assert set(files_of(tmp_path / "flow")) == set(files_of(tmp_path / "direct"))

    again = ingest_flow(source=str(seeds), output=str(tmp_path / "flow"), workers=1, return_state=True)
    assert again.is_completed()  # type: ignore[attr-defined]
    assert [one["key"] for one in ask("artifacts", **of_run(again)) if one["key"]] == []


def test_a_flow_that_cannot_run_fails_in_one_line_with_the_remedy_and_no_retry(
    tmp_path: Path, logged: list[logging.LogRecord]
) -> None:
    from pressmark.flows.ingest import ingest as ingest_flow

    (tmp_path / "empty.tar").write_bytes(b"")
    state = ingest_flow(source=str(tmp_path / "empty.tar"), output=str(tmp_path / "out"), return_state=True)
    assert state.is_failed()  # type: ignore[attr-defined]
    assert "it is truncated or corrupt; fetch it again" in str(state.message)  # type: ignore[attr-defined]
    assert [(task["name"], task["run_count"]) for task in ask("task_runs", **of_run(state))] == [("discover", 1)]
    assert any("fetch it again" in record.getMessage() for record in logged)
    assert not any(record.exc_info or "Traceback" in record.getMessage() for record in logged)


def test_only_steps_that_are_safe_to_repeat_are_retried() -> None:
    from pressmark.flows import ingest

    retried = {task.name: task.retries > 0 for task in (
        ingest.discover, ingest.plan, ingest.parse, ingest.settle, ingest.merge, ingest.publish, ingest.report,
    )}  # fmt: skip
    assert [name for name, again in retried.items() if not again] == ["publish", "report"]


def test_a_run_waits_for_the_writer_before_it_and_says_so(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pressmark.flows import recording
    from pressmark.storage.output.folder import exclusive

    held, tries = contextlib.ExitStack(), list[int]()
    held.enter_context(exclusive(tmp_path / "out", "another run"))
    monkeypatch.setattr(recording, "LOOK_S", 0.0)

    def opened() -> contextlib.AbstractContextManager[None]:
        tries.append(len(tries))
        if len(tries) == 3:
            held.close()
        return exclusive(tmp_path / "out", "this run")

    with caplog.at_level("WARNING", logger="pressmark"), recording.patient(opened):
        assert tries == [0, 1, 2]
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "waiting: another run is writing to this output"
    ] * 2


def test_a_breach_fails_the_verification_and_is_named(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    from pressmark.flows.verify import verify

    source = write_article("a.md")
    ingest(archive, tmp_path / "out")
    assert verify(str(tmp_path / "out"), str(archive), workers=1, return_state=True).is_completed()
    source.write_bytes(source.read_bytes().replace("今天".encode(), "昨天".encode()))
    state = verify(str(tmp_path / "out"), str(archive), workers=1, return_state=True)
    assert state.is_failed()
    for words in ("1 breach; law", "a.md", "ingest the sources named there again"):
        assert words in str(state.message)
    assert len(list((tmp_path / "out" / "reports").glob("verify-*.json"))) == 2


def test_an_audit_that_finds_something_fails_its_run(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    from pressmark.flows.verify import audit

    source = write_article("a.md")
    ingest(archive, tmp_path / "out")
    place = str(tmp_path / "out"), str(archive)
    assert audit(*place, share=1, workers=1, return_state=True).is_completed()
    source.unlink()
    state = audit(*place, share=1, workers=1, return_state=True)
    assert state.is_failed()
    for words in ("1 disagreement; articles.source_path of a.md", "see the table `audits`"):
        assert words in str(state.message)


def test_a_load_finds_the_password_that_its_parameter_hides(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pressmark.flows.load import as_parameter, from_parameter, load

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


def test_a_recorded_run_starts_and_ends_its_own_server(seeds: Path, tmp_path: Path, prefect_home: Path) -> None:
    shutil.copytree(prefect_home, tmp_path / "prefect")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "HOME": str(tmp_path),
    }
    command = [
        sys.executable,
        "-m",
        "pressmark.flows.cli",
        "ingest",
        "--flow",
        str(seeds),
        str(tmp_path / "out"),
        "--workers",
        "1",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A slow machine also gets a line now and then on how far the run is.
    lines = [line for line in done.stderr.splitlines() if not re.match(r"\w+ \d+ of \d+", line)]
    assert lines == ["starting a local Prefect server; the first start takes about half a minute …"]
    assert "rfi" in done.stdout
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "prefect")], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    assert (tmp_path / "prefect" / "prefect.db").exists()
