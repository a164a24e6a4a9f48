"""`pressmark doctor`: each thing that can be wrong is found, with a remedy; what is safe is mended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import News

from pressmark.flows.cli import main
from pressmark.storage.output.folder import exclusive


@pytest.fixture
def output(news: News) -> Path:
    for name in ("a.md", "b.md"):
        news.write(name)
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    return news.out


def looked(output: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings that are not `ok` by their name."""
    capsys.readouterr()
    code = main(["doctor", str(output), *more, "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert all(one["remedy"] for one in found if one["state"] in ("warning", "failure"))
    return code, {one["name"]: one for one in found if one["area"] != "environment" and one["state"] != "ok"}


def test_a_sound_output_has_no_finding(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert looked(output, capsys) == (0, {})
    assert main(["doctor", str(output)]) == 0
    assert "0 failures" in capsys.readouterr().out


def test_an_output_that_can_not_be_written_is_named(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != output)
    assert main(["doctor", str(output)]) == 0
    assert f"WARNING  environment: output's disk: `{output}` can't be written\n" in capsys.readouterr().out


def test_a_run_that_asked_for_a_part_is_named_until_one_asks_for_all(
    news: News, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        news.write(name, url=f"https://songling-times.example/{name}")
    command = ["ingest", str(news.archive), str(news.out)]
    assert main([*command, "--limit", "1"]) == 0
    code, found = looked(news.out, capsys)
    assert (code, list(found)) == (0, ["partial runs"])
    assert "archive" in found["partial runs"]["found"]
    assert "--limit" in found["partial runs"]["remedy"]
    assert main(["verify", str(news.out), str(news.archive)]) == 0
    assert "2 sources are not ingested" in caplog.text
    caplog.clear()
    assert main(command) == 0
    assert looked(news.out, capsys) == (0, {})
    assert main(["verify", str(news.out), str(news.archive)]) == 0
    assert "not ingested" not in caplog.text


def _doubled(output: Path) -> None:
    part = next((output / "articles").rglob("part-0.parquet"))
    target = part.with_name("part-1.parquet")
    shutil.copy(part, target)


def _rows_gone(output: Path) -> None:
    shutil.rmtree(output / "articles")
    (output / "articles").mkdir()


def _cut(output: Path) -> None:
    part = next((output / "paragraphs").rglob("part-0.parquet"))
    part.write_bytes(part.read_bytes()[:-10])


def _other_contract(output: Path) -> None:
    part = next((output / "paragraphs").rglob("part-0.parquet"))
    rows = pq.read_table(part, partitioning=None)
    kept = {key: value for key, value in (rows.schema.metadata or {}).items() if key != b"pressmark.contract_version"}
    pq.write_table(rows.replace_schema_metadata(kept), part)


@pytest.mark.parametrize(
    ("harm", "name", "state", "says"),
    [
        (_doubled, "tables", "failure", "stand twice"),
        (_rows_gone, "tables", "failure", "have no article"),
        (_cut, "schema", "failure", "can't be read"),
        (_other_contract, "schema", "failure", "no contract version"),
        (lambda output: (output / "articles" / "notes.txt").write_text("x"), "files", "failure", "notes.txt"),
        (shutil.rmtree, "runs", "failure", "no run has written"),
    ],
    ids=["doubled", "rows gone", "cut", "contract", "strange file", "no output"],
)
def test_what_is_wrong_with_an_output_is_found(
    harm: Callable[[Path], object], name: str, state: str, says: str, output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    harm(output)
    code, found = looked(output, capsys)
    assert code == (1 if state == "failure" else 0)
    assert found[name]["state"] == state
    assert says in found[name]["found"]


def test_fix_completes_and_clears_what_a_killed_run_left(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    staged = output / ".pressmark" / "staging" / "x" / "new.parquet"
    staged.parent.mkdir(parents=True)
    runs = next((output / "runs").iterdir())
    runs.rename(staged)
    target = f"runs/{runs.name}"
    journal = [[staged.relative_to(output).as_posix(), target, 9]]
    (output / ".pressmark" / "journal.json").write_text(json.dumps(journal))
    # The latest run's row is still in staging, so that there is none until the journal is carried out.
    shutil.copy(staged, output / "runs" / "20200101T000000Z-aaaaaa.parquet")
    _, found = looked(output, capsys)
    assert {"journal", "leftovers"} <= found.keys()
    assert looked(output, capsys, "--fix")[1].keys() == {"leftovers"}
    assert (output / target).exists()
    assert looked(output, capsys)[1] == {}


@pytest.mark.slow
def test_nothing_is_fixed_while_a_run_writes(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (output / ".pressmark" / "staging" / "x").mkdir(parents=True)
    (output / ".pressmark" / "staging" / "x" / "rows").write_bytes(b"1")
    with exclusive(output, "a-run"):
        # A lock is a process's own, so another one has to look.
        code = "from pressmark.flows.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
        ended = subprocess.run(
            [sys.executable, "-c", code, "doctor", str(output), "--fix"], capture_output=True, text=True, check=False
        )
    assert (ended.returncode, "a run is writing" in ended.stdout) == (0, True)
    assert (output / ".pressmark" / "staging" / "x" / "rows").exists()


@pytest.mark.slow
def test_destination_and_server_are_looked_at(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"duckdb:{tmp_path}/news.duckdb"
    assert looked(output, capsys, address)[1]["rows"]["remedy"] == "run `pressmark load`"
    assert main(["load", str(output), address]) == 0
    assert looked(output, capsys, address) == (0, {})
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    code, found = looked(output, capsys, f"duckdb:{tmp_path}/none/news.duckdb")
    assert (code, found["load"]["state"], found["server"]["state"]) == (1, "failure", "failure")
