"""Runs after the first: only what changed is parsed, only its partitions are written."""

from __future__ import annotations

import os
from pathlib import Path

from archives import WriteArticle, files_of, ingest, rows_of


def stamps(output: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(output)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in output.rglob("*.parquet")
        if "runs" not in path.parts
    }


def test_a_second_run_rewrites_no_file(seeds: Path, tmp_path: Path) -> None:
    first = ingest(seeds, tmp_path / "out", 1)
    before = stamps(tmp_path / "out")
    second = ingest(seeds, tmp_path / "out", 2)
    assert stamps(tmp_path / "out") == before
    assert (second.parsed, second.unchanged, second.partitions_written) == (0, first.sources, 0)
    assert len(rows_of_runs(tmp_path / "out")) == 2


def rows_of_runs(output: Path) -> list[Path]:
    return sorted((output / "runs").iterdir())


def test_a_fresh_clone_parses_nothing(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    path = write_article("a.md")
    ingest(archive, tmp_path / "out", 1)
    os.utime(path, (1, 1))
    assert ingest(archive, tmp_path / "out", 2).parsed == 0


def test_a_change_of_equal_size_and_time_is_seen(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    path = write_article("a.md", body="<p>甲</p>")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    ingest(archive, tmp_path / "out", 1)
    write_article("a.md", body="<p>乙</p>")
    os.utime(path, ns=times)
    assert ingest(archive, tmp_path / "out", 2).parsed == 1
    assert rows_of(tmp_path / "out", "articles", "text", "run_id") == [("乙", "run-2")]


def test_one_changed_source_rewrites_only_its_partition(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("march.md", url="https://songling-times.example/1", at="2022-03-01T00:00:00")
    write_article("april.md", url="https://songling-times.example/2", at="2022-04-01T00:00:00")
    ingest(archive, tmp_path / "out", 1)
    before = stamps(tmp_path / "out")
    write_article("april.md", url="https://songling-times.example/2", at="2022-04-01T00:00:00", body="<p>新文</p>")
    report = ingest(archive, tmp_path / "out", 2)
    changed = {name for name, stamp in stamps(tmp_path / "out").items() if before.get(name) != stamp}
    place = "outlet=songling-times-example/month=2022-04/part-0.parquet"
    assert changed == {f"articles/{place}", f"paragraphs/{place}", f"revisions/{place}"}
    assert report.partitions_written == 3


def test_a_source_that_moves_to_another_month_leaves_the_old_one(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md", at="2022-03-01T00:00:00")
    ingest(archive, tmp_path / "out", 1)
    write_article("a.md", at="2022-05-01T00:00:00")
    ingest(archive, tmp_path / "out", 2)
    assert rows_of(tmp_path / "out", "articles", "month") == [("2022-05",)]
    assert {row[0] for row in rows_of(tmp_path / "out", "paragraphs", "month")} == {"2022-05"}
    assert "articles/outlet=songling-times-example/month=2022-03/part-0.parquet" not in files_of(tmp_path / "out")


def test_a_reject_leaves_when_it_parses_and_is_not_tried_before(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    path = archive / "a.md"
    path.write_bytes(b"no header here")
    ingest(archive, tmp_path / "out", 1)
    assert rows_of(tmp_path / "out", "rejects", "source_path", "reason", "raw") == [
        ("a.md", "no_header", b"no header here")
    ]
    assert ingest(archive, tmp_path / "out", 2).parsed == 0
    write_article("a.md")
    ingest(archive, tmp_path / "out", 3)
    assert rows_of(tmp_path / "out", "rejects", "source_path") == []
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("a.md",)]


def test_a_raised_limit_tries_what_was_too_large(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    from pressmark.transforms.records import Limits

    write_article("a.md", body="<p>" + "长" * 1000 + "</p>")
    ingest(archive, tmp_path / "out", 1, limits=Limits(source_bytes=1000))
    ((reason, raw, sha256),) = rows_of(tmp_path / "out", "rejects", "reason", "raw", "source_sha256")
    assert (reason, raw, len(str(sha256))) == ("too_large", None, 64)
    assert ingest(archive, tmp_path / "out", 2, limits=Limits(source_bytes=1000)).parsed == 0
    ingest(archive, tmp_path / "out", 3)
    assert rows_of(tmp_path / "out", "rejects", "reason") == []
    assert len(rows_of(tmp_path / "out", "articles", "source_path")) == 1
