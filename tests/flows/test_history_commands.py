"""`asof` and `diff`, and what `ingest` says of repositories and archives."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from repositories import FIRST_COMMIT_S, Repository, article

from pressmark.flows.cli import main
from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import SettingsError

OLD, NEW = "<p>松岭市图书馆今天开放。</p><p>馆长林帆致辞。</p>", "<p>松岭市图书馆明天开放。</p><p>馆长林帆致辞。</p>"


def at(hour: float) -> str:
    return datetime.fromtimestamp(FIRST_COMMIT_S + 3600 * hour, UTC).isoformat()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Two articles; one is revised in text, then in markup, the other is deleted."""
    repository = Repository(tmp_path / "a.git")
    other = article("b", body="<p>云港的渡轮停开。</p>")
    repository.commit({"a.md": article("a", body=OLD), "b.md": other})
    repository.commit({"a.md": article("a", body=NEW), "b.md": other})
    repository.commit({"a.md": article("a", body=f"<div>{NEW}</div>")})
    assert main(["ingest", "--history", str(repository.path), str(tmp_path / "out")]) == 0
    return tmp_path / "out"


def identity(output: Path) -> str:
    return str(pl.read_parquet(output / "articles")["article_id"][0])


@pytest.mark.slow
@pytest.mark.parametrize(("hour", "texts"), [(0.5, []), (1, ["今天", "渡轮"]), (2.5, ["明天", "渡轮"]), (3, ["明天"])])
def test_asof_gives_the_articles_that_stood(
    output: Path, capsys: pytest.CaptureFixture[str], hour: float, texts: list[str]
) -> None:
    capsys.readouterr()
    assert main(["asof", str(output), at(hour), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(texts)
    assert all(any(text in row["text"] for row in rows) for text in texts)


def test_asof_prints_a_table_and_writes_parquet(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["asof", str(output), at(1), "--limit", "1"]) == 0
    assert "2 articles existed at 2025-02-19T22:20:00Z; the first 1 are shown" in capsys.readouterr().out
    assert main(["asof", str(output), at(99), "--to", str(tmp_path / "then.parquet")]) == 0
    assert "pressmark: the archive is known up to its commit of" in capsys.readouterr().err
    assert pl.read_parquet(tmp_path / "then.parquet")["text"].to_list() == ["松岭市图书馆明天开放。\n\n馆长林帆致辞。"]


def test_a_history_is_kept_up_by_whatever_name_its_repository_has(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.git", "./a.git", f"git+file://{tmp_path}/a.git"):
        assert main(["ingest", name, str(output)]) == 0
        capsys.readouterr()
        assert main(["asof", str(output), at(1), "--json"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2


def test_asof_tells_of_archives_with_a_history_whichever_was_ingested_last(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "c.md").write_bytes(article("c", body="<p>云港的灯塔。</p>"))
    assert main(["ingest", str(folder), str(output), "--archive", "folder"]) == 0
    assert main(["ingest", str(tmp_path / "a.git"), str(output)]) == 0
    for _ in range(2):
        capsys.readouterr()
        assert main(["asof", str(output), at(1), "--json"]) == 0
        printed = capsys.readouterr()
        assert [json.loads(line)["archive"] for line in printed.out.splitlines()] == ["a.git", "a.git"]
        assert "`folder` is left out" in printed.err
        assert main(["ingest", str(folder), str(output)]) == 0


def test_a_text_is_no_moment_and_what_is_not_there_no_archive(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Dataset(output) as dataset:
        calls: list[Any] = [
            dataset.asof,
            lambda text: dataset.search("*", since=text),
            lambda text: dataset.changes(until=text),
        ]
        for call in calls:
            with pytest.raises(SettingsError, match="no date or datetime"):
                call("2025-01-01")
    capsys.readouterr()
    assert main(["browse", str(output), str(output.parent / "nowhere"), "--static", str(output.parent / "room")]) == 3
    assert "there is no such file or folder" in capsys.readouterr().err


@pytest.mark.slow
def test_asof_needs_a_time_and_a_history(tmp_path: Path, seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asof", str(tmp_path), "yesterday"]) == 2
    assert "is no date or time" in capsys.readouterr().err
    assert main(["ingest", str(seeds), str(tmp_path / "out")]) == 0
    assert main(["asof", str(tmp_path / "out"), "2025-01-01"]) == 3
    assert "ingest --history" in capsys.readouterr().err


def test_diff_shows_the_latest_change_of_the_text(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["diff", identity(output), str(output)]) == 0
    text = capsys.readouterr().out
    assert "松岭市图书馆[-今-]{+明+}天开放。" in text
    assert "revision 1 to 2: paragraphs 1 same, 1 changed, 0 moved, 0 added, 0 removed" in text
    assert main(["diff", identity(output), str(output), "--revisions", "2", "3", "--all"]) == 0
    assert "2 same, 0 changed, 0 moved, 0 added, 0 removed; only markup differs" in capsys.readouterr().out
    assert main(["diff", identity(output), str(output), "--json"]) == 0
    assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == ["changed", "same"]
    assert main(["diff", identity(output), str(output), "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_diff_of_what_is_not_there(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "0" * 32, str(output)]) == 3
    assert "no row of `articles` or `revisions`" in capsys.readouterr().err
    assert main(["diff", identity(output), str(output), "--revisions", "1", "9"]) == 3
    assert "the article has 3 revisions" in capsys.readouterr().err


def test_ingest_tells_of_a_rewritten_history_and_of_bad_patterns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository(tmp_path / "a.git")
    repository.commit({"a.md": article("a"), "README.md": b"x"})
    assert main(["ingest", str(repository.path), str(tmp_path / "out")]) == 0
    assert "1 other file left out" in capsys.readouterr().out
    repository.commit({"a.md": article("a")}, parents=[])
    assert main(["ingest", str(repository.path), str(tmp_path / "out"), "--dry-run"]) == 0
    assert "pressmark: the commit of the latest run" in capsys.readouterr().err
    assert main(["ingest", str(repository.path), str(tmp_path / "out")]) == 0
    assert "pressmark: the commit of the latest run" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "out")]) == 0
