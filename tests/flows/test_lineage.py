"""OpenLineage events: what runs tell where it is asked for, and that they run on where nobody listens."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from pressmark.flows.cli import main
from pressmark.schemas import TABLES

ARTICLE = "<!--1650000000000-->\n[甲](https://songling-times.example/a)\n------\n\n<p>松岭。</p>\n"


@pytest.fixture
def archive(tmp_path: Path) -> str:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.md").write_text(ARTICLE)
    return str(tmp_path / "archive")


def told(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_an_ingest_and_loads_tell_what_they_read_and_made(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, events = str(tmp_path / "out"), tmp_path / "events"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(events))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    assert main(["ingest", archive, output]) == 0
    began, ended = told(events)
    assert [event["eventType"] for event in (began, ended)] == ["START", "COMPLETE"]
    assert began["run"]["runId"] == ended["run"]["runId"]
    assert ended["job"]["name"] == "ingest archive into out"
    assert [(one["namespace"], one["name"]) for one in ended["inputs"]] == [("file", archive)]
    made = {one["name"]: one for one in ended["outputs"]}
    assert made.keys() == {f"{output}/{name}" for name in TABLES if name != "audits"}
    articles = made[f"{output}/articles"]
    assert articles["outputFacets"]["outputStatistics"]["rowCount"] == 1
    columns = {column["name"]: column["type"] for column in articles["facets"]["schema"]["fields"]}
    assert (columns["title"], columns["paragraph_count"]) == ("string", "int32")
    assert articles["facets"]["version"]["datasetVersion"] == next(Path(output, "runs").glob("*.parquet")).stem
    assert main(["load", output, f"duckdb:{tmp_path}/news.duckdb"]) == 0
    loaded = told(events)[-1]
    assert f"{output}/articles" in {one["name"] for one in loaded["inputs"]}
    assert ("duckdb", f"{tmp_path}/news.duckdb/articles") in [
        (one["namespace"], one["name"]) for one in loaded["outputs"]
    ]
    assert main(["load", output, f"duckdb:{tmp_path}/missing/news.duckdb"]) == 3
    failed = told(events)[-1]
    assert failed["eventType"] == "FAIL"
    assert "missing" in failed["run"]["facets"]["errorMessage"]["message"]


def test_nobody_who_listens_is_a_warning(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, and never listens
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", f"http://127.0.0.1:{bound.getsockname()[1]}")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY__TOTAL", "0")
        assert main(["ingest", archive, str(tmp_path / "out")]) == 0
    assert "an OpenLineage event was not told: " in capfd.readouterr().err


def test_settings_that_mean_nothing_are_a_warning(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "nowhere")
    assert main(["ingest", archive, str(tmp_path / "out")]) == 0
    assert "OpenLineage events can't be told: " in capfd.readouterr().err
