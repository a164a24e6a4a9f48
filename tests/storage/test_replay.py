"""Law 6: the same sources give the same bytes, whatever the workers, the order and the number of runs."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import files_of, ingest, read_table

from pressmark.schemas import TABLES

SEED_COPIES = 4


@pytest.fixture
def mixed(seeds: Path, tmp_path: Path) -> Path:
    """The seeds several times, so that batches, workers and row moves have something to disagree on."""
    folder = tmp_path / "mixed"
    for number in range(SEED_COPIES):
        shutil.copytree(seeds, folder / f"copy-{number}", symlinks=True)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size < 40_000:
            number = path.relative_to(folder).parts[0][-1]
            path.write_bytes(path.read_bytes().replace(b"https://", f"https://n{number}.".encode(), 1))
    return folder


def without_run_columns(output: Path) -> dict[str, list[dict[str, object]]]:
    rows = {}
    for name in ("articles", "paragraphs", "revisions", "rejects"):
        table = read_table(output, name)
        rows[name] = table.drop_columns(list(TABLES[name].run_columns)).to_pylist()
    return rows


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(mixed: Path, tmp_path: Path, workers: int) -> None:
    ingest(mixed, tmp_path / "one", workers=1)
    ingest(mixed, tmp_path / "many", workers=workers)
    assert files_of(tmp_path / "many") == files_of(tmp_path / "one")
    assert len(files_of(tmp_path / "one")) > 20


def test_the_order_of_discovery_changes_no_byte(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(mixed, tmp_path / "sorted")
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            self._entries = list(scandir(path))
            random.Random(7).shuffle(self._entries)

        def __enter__(self) -> Shuffled:
            return self

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self._entries)

        def __exit__(self, *_: object) -> None:
            self._entries = []

    monkeypatch.setattr(os, "scandir", Shuffled)
    ingest(mixed, tmp_path / "shuffled")
    assert files_of(tmp_path / "shuffled") == files_of(tmp_path / "sorted")


@pytest.mark.parametrize("seed", [1, 2, 3], ids=lambda seed: f"split-{seed}")
def test_several_runs_give_the_rows_of_one(mixed: Path, tmp_path: Path, seed: int) -> None:
    ingest(mixed, tmp_path / "once")
    growing = tmp_path / "growing"
    paths = [path for path in sorted(mixed.rglob("*")) if path.is_file() or path.is_symlink()]
    random.Random(seed).shuffle(paths)
    for number in range(3):
        for path in paths[len(paths) * number // 3 : len(paths) * (number + 1) // 3]:
            target = growing / path.relative_to(mixed)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target, follow_symlinks=False)
        ingest(growing, tmp_path / "parts", number + 1, workers=1 + number % 2)
    assert without_run_columns(tmp_path / "parts") == without_run_columns(tmp_path / "once")
    assert set(files_of(tmp_path / "parts")) == set(files_of(tmp_path / "once"))


def test_a_row_that_did_not_change_keeps_its_run(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(mixed, tmp_path / "out", 1)
    before = {name: read_table(tmp_path / "out", name).to_pylist() for name in ("articles", "rejects", "revisions")}
    # Another parser version parses everything again; rows that come out the same are the same rows.
    for module in ("pressmark.storage.state", "pressmark.storage.parquet", "pressmark.storage.ingestion"):
        monkeypatch.setattr(f"{module}.parser_version", lambda: "another")
    report = ingest(mixed, tmp_path / "out", 2)
    assert report.parsed == report.sources
    after = {name: read_table(tmp_path / "out", name).to_pylist() for name in ("articles", "rejects", "revisions")}
    assert after == before
    assert ingest(mixed, tmp_path / "out", 3).parsed == 0
