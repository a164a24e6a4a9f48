"""Which runs start processes before the program has loaded itself."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pressmark.flows.cli import build_parser
from pressmark.flows.early import early_workers


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def starts(source: object, output: object, *options: str) -> bool:
    arguments = build_parser().parse_args(["ingest", str(source), str(output), "--workers", "2", *options])
    with contextlib.ExitStack() as ending:
        return early_workers(arguments, ending) is not None


def test_a_folder_is_parsed_by_processes_that_start_early(source: Path, tmp_path: Path) -> None:
    assert starts(source, tmp_path / "output")
    (tmp_path / "output").mkdir()
    assert starts(source, tmp_path / "output")


@pytest.mark.parametrize("options", [["--dry-run"], ["--flow"], ["--dask", "tcp://127.0.0.1:1"], ["--workers", "1"]])
def test_none_start_for_what_is_done_elsewhere_or_alone(source: Path, tmp_path: Path, options: list[str]) -> None:
    assert not starts(source, tmp_path / "output", *options)


def test_none_start_for_what_prefect_runs(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert not starts(source, tmp_path / "output")


def test_none_start_for_what_is_no_folder(source: Path, tmp_path: Path) -> None:
    assert not starts(tmp_path / "missing", tmp_path / "output")
    assert not starts(source, "s3://bucket/output")


def test_a_repository_is_listed_first(source: Path, tmp_path: Path) -> None:
    (source / "HEAD").touch()
    assert not starts(source, tmp_path / "output")
    (tmp_path / "output").mkdir()
    assert starts(source, tmp_path / "output")
