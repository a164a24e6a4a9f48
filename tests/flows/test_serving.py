"""`pressmark serve` with a real server: the schedule fires, loads follow, pages show it, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from archives import ROOT, ingest, read_table
from browsers import CHROMIUM, CHROMIUM_ARGUMENTS
from destinations import Warehouse, new_database, postgresql_server

from pressmark.flows.cli import main
from pressmark.storage.output.folder import exclusive, publishing
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import read_report

pytestmark = pytest.mark.prefect

SECRET = "s3cret-Wort"
LONGEST_S = 240


@dataclass
class Served:
    """A running `pressmark serve`, and how to ask its server."""

    process: subprocess.Popen[str]
    folder: Path
    address: str
    warehouse: Warehouse

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api{path}", json.dumps(body or {}).encode(), {"Content-Type": "application/json"}
        )

        def answer() -> list[Any]:
            # A busy server asks to come again later.
            try:
                with urllib.request.urlopen(request, timeout=LONGEST_S) as got:
                    return [json.load(got)]
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                return []

        return wait_for(answer)[0]

    def runs(self, flow: str, *states: str) -> list[dict[str, Any]]:
        """Runs of a flow in one of these states, the latest first."""
        found = self.ask("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"})
        return [run for run in found if run["state_type"] in states]

    def ingest(self, **parameters: str) -> Callable[[], Any]:
        """Have an ingest run now, the schedule aside; what asks for that run until it has ended."""
        run = self.ask(f"/deployments/{self.ingesting()}/create_flow_run", {"parameters": parameters})
        return lambda: [one for one in self.runs("ingest", "COMPLETED", "FAILED") if one["id"] == run["id"]]

    def ingesting(self) -> str:
        """The deployment that ingests."""
        of = {"flows": {"name": {"any_": ["ingest"]}}, "deployments": {"name": {"any_": ["pressmark"]}}}
        (found,) = self.ask("/deployments/filter", of)
        return str(found["id"])


def wait_for(what: Callable[[], Any], pause_s: float = 1) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(pause_s)
    raise AssertionError(f"waited {LONGEST_S} s in vain")


def start(folder: Path, destination: str) -> tuple[subprocess.Popen[str], str]:
    """Start serving every ten seconds; the process and the server's address."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PRESSMARK_"))},
        "PREFECT_HOME": str(folder / "prefect"),
        "HOME": str(folder),
        "PRESSMARK_DESTINATION": destination,
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "pressmark.flows.cli", "serve", str(folder / "archive"), str(folder / "out")]
    with open(folder / "printed", "w") as printed, open(folder / "errors", "w") as errors:
        process = subprocess.Popen(
            [*command, "--interval", "10"], cwd=ROOT, env=environment, stdout=printed, stderr=errors, text=True
        )
    first = wait_for(lambda: (folder / "printed").read_text().partition("\n")[0] or process.poll())
    assert isinstance(first, str), (folder / "errors").read_text()
    return process, first.removeprefix("Prefect: ")


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that have the folder in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serving")
    shutil.copytree(prefect_home, folder / "prefect")
    shutil.copytree(ROOT / "seeds", folder / "archive", symlinks=True)
    with tempfile.TemporaryDirectory(prefix="pg") as home, postgresql_server(Path(home) / "data") as server:
        # This server trusts everyone, so any password will do.
        address = new_database(server, "news").replace("postgres:@", f"postgres:{SECRET}@")
        process, page = start(folder, address)
        served = Served(process, folder, page, Warehouse("postgresql", address))
        try:
            wait_for(lambda: served.runs("ingest", "RUNNING", "COMPLETED"))
            # From here on runs come when a test asks for one, and take no time from what else there is.
            served.ask(f"/deployments/{served.ingesting()}/pause_deployment")
            wait_for(lambda: served.runs("load", "COMPLETED", "FAILED", "CRASHED"))
            yield served
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def test_the_schedule_fires_and_the_run_is_recorded(served: Served, tmp_path: Path) -> None:
    run = served.runs("ingest", "COMPLETED")[-1]
    assert run["auto_scheduled"]
    ingest(ROOT / "seeds", tmp_path / "direct", archive="archive")
    served_rows, direct = (
        read_table(output, "articles").drop_columns(["run_id", "ingested_at"])
        for output in (served.folder / "out", tmp_path / "direct")
    )
    assert served_rows.equals(direct)


def test_the_load_followed_and_arrived(served: Served) -> None:
    (run,) = served.runs("load", "COMPLETED")
    assert run["parent_task_run_id"], "the run that caused it links to it"
    assert served.warehouse.rows("articles").num_rows == read_table(served.folder / "out", "articles").num_rows


def test_an_ingest_without_changes_is_followed_by_no_load(served: Served) -> None:
    (run,) = wait_for(served.ingest())
    assert run["state_type"] == "COMPLETED"
    assert len(served.runs("load", "COMPLETED", "RUNNING", "SCHEDULED", "PENDING")) == 1


def test_ctrl_c_of_a_terminal_reaches_no_run_even_while_that_loads(served: Served) -> None:
    ended = served.ingest()
    runs = wait_for(
        lambda: [one for one in psutil.Process(served.process.pid).children() if "prefect.engine" in one.cmdline()],
        0.02,
    )
    for one in runs:
        one.send_signal(signal.SIGINT)
    (run,) = wait_for(ended)
    assert run["state_type"] == "COMPLETED"


def test_what_changed_is_told_in_the_artifact_and_beside_the_data(served: Served) -> None:
    first = served.runs("ingest", "COMPLETED")[-1]
    artifacts = served.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [first["id"]]}}})
    shown = {artifact["key"]: f"{artifact['description']} {artifact['data']}" for artifact in artifacts}
    assert '{"outlet": "rfi", "new": 6, "revised in text": 0,' in shown["ingest-changes"]
    assert "no_header" in shown["ingest-rejects"]
    run_id = min(path.stem for path in (served.folder / "out" / "reports").glob("2*.json"))
    report = read_report(Output(served.folder / "out"), run_id)
    assert run_id in shown["ingest-figures"]
    assert {"outlet": "rfi", "new": 6, "text": 0, "markup": 0, "deleted": 0, "redated": 0} in report["changes"]
    assert {"reason": "no_header", "sources": 1, "for_example": "broken/no_header.html"} in report["rejects"]
    (loaded,) = (served.folder / "out" / "reports").glob("load-*.json")
    assert json.loads(loaded.read_text())["destination"].startswith("postgresql://postgres:***@")


def test_the_lineage_from_archive_to_tables_is_recorded(served: Served) -> None:
    found = wait_for(
        lambda: served.ask("/events/filter", {"filter": {"event": {"prefix": ["prefect.asset.materialization"]}}})[
            "events"
        ]
    )
    out, archive = ((served.folder / name).as_uri() for name in ("out", "archive"))
    lineage = {
        event["resource"]["prefect.resource.id"]: {related["prefect.resource.id"] for related in event["related"]}
        for event in found
    }
    assert archive in lineage[f"{out}/articles"]
    assert any(f"{out}/paragraphs" in sources for key, sources in lineage.items() if key.startswith("postgresql://"))


def test_the_logs_of_a_run_are_kept_by_the_server(served: Served) -> None:
    first = served.runs("ingest", "COMPLETED")[-1]
    assert first["name"] == "ingest archive into out"
    lines = [log["message"] for log in served.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [first["id"]]}}})]
    assert any("sources found in" in line for line in lines)
    assert any(line.startswith("round 1 of 1: ") for line in lines)


@pytest.mark.parametrize("cron", ["x", "0 0 31 2 *"])
def test_a_cron_expression_that_never_comes_is_named_before_a_server_starts(
    cron: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.dict(os.environ, {"PREFECT_HOME": str(tmp_path)}):
        os.environ.pop("PREFECT_API_URL", None)
        assert main(["serve", "seeds", str(tmp_path / "out"), "--cron", cron]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pressmark: this is no cron expression: `{cron}`; write five fields")
    assert "starting a local Prefect server" not in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "OWN"}, 200),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "rebound.example", "Origin": "http://rebound.example"}, 403),
    ],
    ids=[
        "a program",
        "its page",
        "another page",
        "a file",
        "another port",
        "a name bound to it",
        "a page of that name",
    ],
)
def test_the_server_answers_no_page_from_elsewhere(served: Served, headers: dict[str, str], status: int) -> None:
    given = {name: value.replace("OWN", served.address) for name, value in headers.items()}
    # A simple request, which browsers send without asking first.
    request = urllib.request.Request(f"{served.address}/api/flow_runs/count", b"{}", {"Content-Type": "", **given})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = answer.status
    except urllib.error.HTTPError as error:
        found = error.code
    assert found == status


def test_a_failed_run_names_source_reason_and_remedy(served: Served) -> None:
    nowhere = str(served.folder / "nowhere")
    (failed,) = wait_for(served.ingest(source=nowhere, output=str(served.folder / "other")))
    assert failed["state_type"] == "FAILED"
    message = failed["state"]["message"]
    assert nowhere in message
    assert "give the folder that holds the archive" in message


def test_prefect_deploys_what_the_project_file_declares(served: Served) -> None:
    environment = {
        **os.environ,
        "PREFECT_HOME": str(served.folder / "deploying"),
        "PREFECT_API_URL": f"{served.address}/api",
    }
    served.ask("/work_pools/", {"name": "default", "type": "process"})
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = served.ask("/deployments/filter", {"work_pools": {"name": {"any_": ["default"]}}})
    assert {deployment["entrypoint"]: len(deployment["schedules"]) for deployment in found} == {
        "flows/ingest.py:ingest": 1, "flows/load.py:load": 0, "flows/verify.py:verify": 1,
    }  # fmt: skip
    assert {deployment["global_concurrency_limit"]["limit"] for deployment in found} == {1}


@pytest.mark.browser
def test_the_page_of_a_run_shows_its_artifacts(served: Served) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    from playwright.sync_api import sync_playwright

    first = served.runs("ingest", "COMPLETED")[-1]
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1300, "height": 1500})
        page.goto(f"{served.address}/runs/flow-run/{first['id']}")
        page.get_by_text("Artifacts", exact=True).first.click()
        page.get_by_text("ingest-figures").first.wait_for()
        page.get_by_text("ingest-rejects").first.wait_for()
        page.get_by_text("ingest-outlets").first.click()
        page.get_by_text("harbour-gazette-example").first.wait_for()
        page.screenshot(path=str(served.folder / "run.png"), full_page=True)
        browser.close()
    assert (served.folder / "run.png").stat().st_size > 20_000


def test_a_new_article_is_ingested_and_loaded(served: Served) -> None:
    article = "<!--1650000000000-->\n[新](https://songling-times.example/new)\n------\n\n<p>松岭的新书店。</p>\n"
    (served.folder / "archive" / "new.md").write_text(article)
    # The ingest that failed above makes the one after it start a load, too: which load brings the article is not told.
    served.ingest()
    wait_for(lambda: "松岭的新书店。" in served.warehouse.rows("paragraphs")["text"].to_pylist())


@pytest.mark.campaign
def test_a_stop_in_the_middle_of_a_run_leaves_no_process_and_no_damage(served: Served) -> None:
    for number in range(600):
        head = f"<!--165{number:010}-->\n[甲{number}](https://songling-times.example/{number})\n------\n\n"
        (served.folder / "archive" / f"many-{number}.md").write_text(f"{head}<p>第{number}篇。</p>\n")
    staging = served.folder / "out" / ".pressmark" / "staging"
    served.ingest()
    wait_for(lambda: list(staging.glob("*")), pause_s=0.005)
    # A run that has begun can't publish under a reader's lock, so it is stopped in its middle however fast it is.
    with publishing(served.folder / "out", shared=True):
        wait_for(lambda: list(staging.glob("*/rows/*")))
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(90) == 0, (served.folder / "errors").read_text()
        assert left_behind(served.folder / "prefect") == []
    report = ingest(served.folder / "archive", served.folder / "out")
    assert report.unchanged + report.accepted >= 600
    printed = (served.folder / "printed").read_text() + (served.folder / "errors").read_text()
    assert "load    " in printed
    assert SECRET not in printed


@pytest.mark.campaign
def test_a_start_after_a_kill_ends_dead_runs_and_a_lost_server_ends_the_start(served: Served) -> None:
    if served.process.poll() is None:
        pytest.skip("the first server is still running")
    process, page = start(served.folder, served.warehouse.address)
    again = Served(process, served.folder, page, served.warehouse)
    # No run can end while another one has the output.
    with exclusive(served.folder / "out", "test"):
        left = wait_for(lambda: again.runs("ingest", "RUNNING"))
        process.kill()
        process.wait(90)
        wait_for(lambda: left_behind(served.folder / "prefect") == [])
    process, page = start(served.folder, served.warehouse.address)
    again = Served(process, served.folder, page, served.warehouse)
    wait_for(lambda: [run for run in again.runs("ingest", "COMPLETED") if run["start_time"] > left[0]["start_time"]])
    crashed = {run["id"]: run["state"]["message"] for run in again.runs("ingest", "CRASHED")}
    assert "the next run does its work" in crashed[left[0]["id"]]
    printed = (served.folder / "printed").read_text()
    assert f"run `{left[0]['name']}` was left behind: " in printed
    children = psutil.Process(process.pid).children()
    (server,) = [child for child in children if "pressmark.flows.server" in child.cmdline()]
    server.kill()
    assert process.wait(90) == 3
    wait_for(lambda: left_behind(served.folder / "prefect") == [])
    errors = (served.folder / "errors").read_text()
    assert re.findall("^pressmark: (.+?):", errors, re.MULTILINE) == ["the Prefect server is lost"]
    assert "Traceback" not in printed + errors


def test_prefect_never_saw_the_password(served: Served) -> None:
    if served.process.poll() is None:
        served.process.send_signal(signal.SIGINT)
        served.process.wait(90)
    files = [path for path in (served.folder / "prefect").rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in files)
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
