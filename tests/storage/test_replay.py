"""Law 6: the same sources give the same rows, whatever the workers, the order, the rounds and the number of runs."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import STATE, assert_same_rows, files_of, ingest, read_table, rows_of
from repositories import FIRST_COMMIT_S, Files, Repository, article

from pressmark.storage import batches
from pressmark.transforms.records import Article

pytestmark = pytest.mark.slow

SEED_COPIES = 3


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeds several times, so that batches, workers and row moves have something to disagree on."""
    folder = tmp_path_factory.mktemp("replay") / "mixed"
    for number in range(SEED_COPIES):
        shutil.copytree("seeds", folder / f"copy-{number}", symlinks=True)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size < 40_000:
            number = path.relative_to(folder).parts[0][-1]  # type: ignore[assignment]
            path.write_bytes(path.read_bytes().replace(b"https://", f"https://n{number}.".encode(), 1))
    return folder


@pytest.fixture(scope="module")
def once(mixed: Path) -> Path:
    """What one run by one process makes of them."""
    ingest(mixed, mixed.parent / "once", archive="news")
    return mixed.parent / "once"


def test_the_number_of_workers_changes_no_byte(mixed: Path, once: Path, tmp_path: Path) -> None:
    ingest(mixed, tmp_path / "many", archive="news", workers=2)
    assert files_of(tmp_path / "many") == files_of(once)
    assert len(files_of(once)) > 20


def test_the_size_of_batches_and_rounds_changes_no_row(
    mixed: Path, once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_SOURCES", 7)
    monkeypatch.setattr("pressmark.storage.runs.ROUND_BYTES", 20_000)
    monkeypatch.setattr("pressmark.storage.settlement.TASK_BYTES", 5_000)
    ingest(mixed, tmp_path / "rounds", archive="news")
    assert files_of(tmp_path / "rounds") == files_of(once)


def test_the_order_of_discovery_changes_no_byte(
    mixed: Path, once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir, shuffled = os.scandir, []

    class Shuffled:
        def __init__(self, path: Any) -> None:
            self._entries = list(scandir(path))
            random.Random(7).shuffle(self._entries)
            shuffled.append(path)

        def __enter__(self) -> Shuffled:
            return self

        def __iter__(self) -> Iterator[Any]:
            return iter(self._entries)

        def __exit__(self, *_: object) -> None:
            self._entries = []

    monkeypatch.setattr(os, "scandir", Shuffled)
    ingest(mixed, tmp_path / "shuffled", archive="news")
    monkeypatch.undo()
    assert any(str(mixed) in os.fsdecode(path) for path in shuffled)
    assert files_of(tmp_path / "shuffled") == files_of(once)


@pytest.mark.parametrize("seed", [1, 2], ids=lambda seed: f"split-{seed}")
def test_several_runs_give_the_rows_of_one(mixed: Path, once: Path, tmp_path: Path, seed: int) -> None:
    growing = tmp_path / "growing"
    paths = [path for path in sorted(mixed.rglob("*")) if path.is_file() or path.is_symlink()]
    random.Random(seed).shuffle(paths)
    for number in range(3):
        for path in paths[len(paths) * number // 3 : len(paths) * (number + 1) // 3]:
            target = growing / path.relative_to(mixed)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target, follow_symlinks=False)
        ingest(growing, tmp_path / "parts", number + 1, archive="news", workers=1 + number % 2)
    assert_same_rows(tmp_path / "parts", once)
    assert set(files_of(tmp_path / "parts")) == set(files_of(once))


def test_only_rows_that_changed_name_the_run_that_changed_them(
    mixed: Path, once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another parser version parses everything again; rows that come out the same are the same rows."""
    output = tmp_path / "out"
    shutil.copytree(once, output)
    before = {name: read_table(output, name).to_pylist() for name in STATE}
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "another")
    report = ingest(mixed, output, 2, archive="news")
    assert report.parsed == report.sources
    assert {name: read_table(output, name).to_pylist() for name in STATE} == before
    assert ingest(mixed, output, 3, archive="news").parsed == 0
    # And one that says something else of some sources.
    plain, retitled = batches.parse_source, []  # type: ignore[attr-defined, var-annotated]

    def parse(data: bytes, path: str, *arguments: Any, **named: Any) -> Any:
        found = plain(data, path, *arguments, **named)
        if not isinstance(found, Article) or len(retitled) == 5:
            return found
        retitled.append(path)
        return found._replace(header=found.header._replace(title="改"))

    monkeypatch.setattr(batches, "parse_source", parse)
    for module in ("output.state", "output.parquet", "ingestion"):
        monkeypatch.setattr(f"pressmark.storage.{module}.parser_version", lambda: "a third")
    ingest(mixed, output, 4, archive="news")
    known = {row["source_path"]: row for row in before["articles"]}
    for row in read_table(output, "articles").to_pylist():
        was = known[row["source_path"]]
        stamped = all(row[name] == was[name] for name in ("run_id", "ingested_at"))
        assert stamped == (row["title"] != "改"), row["source_path"]
    assert {row["run_id"] for row in read_table(output, "articles").to_pylist()} == {"run-1", "run-4"}


def test_what_came_and_went_within_a_second_keeps_its_text(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "archive.git")
    second = FIRST_COMMIT_S + 60
    kept: Files = {"b.md": article("b")}
    bodies = ("<p>潮钟响。</p>", "<p class='x'>潮钟响。</p>", "<div>潮钟响。</div>")
    for body in bodies:
        repository.commit({"a.md": article("a", body=body), **kept}, at=second)
    # What stands follows all that went, whatever their bytes.
    for body in ("<p>一</p>", "<p>二</p>", "<p>三</p>"):
        repository.commit({"c.md": article("c", body=body), **kept}, at=second)
    repository.commit({"c.md": article("c", body="<p>潮</p>"), **kept}, at=second)
    ingest(repository.path, tmp_path / "out", history=True)
    found = rows_of(tmp_path / "out", "revisions", "change", "text")
    went = [("markup", None), ("markup", None), ("text", "一"), ("text", "三"), ("text", "二"), (None, "潮钟响。")]
    assert sorted(found, key=repr) == went
