"""Runs for a part of an archive: what they take, what they leave as it is, and that they add up to one full run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from archives import News, WriteArticle, assert_same_rows, ingest, read_table, rows_of, settled_rows, verified
from repositories import Repository, article, files_below

from pressmark.flows.cli import main

pytestmark = pytest.mark.slow

SONGLING, YUNGANG = "songling-times-example", "yungang-daily-example"
SINCE = datetime(2022, 3, 1, tzinfo=UTC)


def write_news(write_article: WriteArticle, count: int = 24) -> None:
    """Articles of two outlets and three months, copies of some at other paths, and sources that are none."""
    for number in range(count):
        host = "yungang-daily.example" if number % 3 == 2 else "songling-times.example"
        path = write_article(
            f"{number:02d}.md",
            url=f"https://{host}/{number}",
            at=f"2022-{1 + number % 4:02d}-04T00:00:00",
            body=f"<p>林帆第{number}次到松岭。</p>",
        )
        if number % 5 == 0:
            (path.parent / f"copy-{number:02d}.md").write_bytes(path.read_bytes())
    write_article("bad.md").write_bytes(b"\xff")
    write_article("empty.md").write_bytes(b"")


def paths_of(output: Path, name: str = "articles") -> set[object]:
    return {path for (path,) in rows_of(output, name, "source_path")}


@pytest.mark.parametrize(("limit", "workers"), [pytest.param(1, 1, marks=pytest.mark.campaign), (4, 2), (100, 1)])
def test_runs_with_a_limit_walk_through_the_archive(news: News, limit: int, workers: int) -> None:
    write_news(news.write, 9)
    total = ingest(news.archive, news.folder / "full").parsed
    parsed: list[int] = []
    while sum(parsed) < total:
        report = news.ingest(len(parsed) + 1, limit=limit, workers=workers)
        assert 0 < report.parsed <= limit
        assert (report.sources, report.left_out) == (total, 0)
        parsed.append(report.parsed)
        found = verified(news.out, news.archive)
        assert (found.breaches, found.not_ingested) == ([], total - sum(parsed))
    assert_same_rows(news.out, news.folder / "full")
    before = news.files()
    assert news.ingest(90, limit=limit).parsed == 0
    assert news.ingest(91).parsed == 0
    assert news.files() == before
    assert verified(news.out, news.archive).not_ingested == 0


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        ({"outlets": (YUNGANG,)}, lambda row: row["outlet"] == YUNGANG),
        ({"outlets": (YUNGANG, SONGLING)}, lambda _: True),
        ({"since": SINCE}, lambda row: row["published_at"] >= SINCE),
        (
            {"since": SINCE, "outlets": (SONGLING,)},
            lambda row: row["published_at"] >= SINCE and row["outlet"] == SONGLING,
        ),
        ({"outlets": ("nobody",)}, lambda _: False),
    ],
    ids=["an outlet", "two outlets", "since", "an outlet since", "an outlet that there is not"],
)
def test_a_run_takes_what_it_asks_for_and_a_full_one_the_rest(news: News, wanted: dict[str, Any], takes: Any) -> None:
    write_news(news.write)
    full = ingest(news.archive, news.folder / "full")
    everything = [
        {**row, "outlet": str(row["host"]).replace(".", "-")}
        for row in read_table(news.folder / "full", "articles").to_pylist()
    ]
    expected = {row["article_id"] for row in everything if takes(row)}
    report = news.ingest(1, **wanted)
    assert {article_id for (article_id,) in news.rows("articles", "article_id")} == expected
    assert paths_of(news.out, "rejects") == {"bad.md", "empty.md"}
    assert report.parsed == full.parsed
    assert (report.accepted + report.left_out, report.rejected) == (full.accepted, 2)
    found = verified(news.out, news.archive)
    assert (found.breaches, found.not_ingested) == ([], report.left_out)
    before = news.files()
    again = news.ingest(2, **wanted)
    assert (again.accepted, again.left_out) == (0, report.left_out)
    assert news.files() == before
    assert news.ingest(3).parsed == report.left_out
    assert_same_rows(news.out, news.folder / "full")
    found = verified(news.out, news.archive)
    assert (found.breaches, found.not_ingested) == ([], 0)


def test_an_article_without_a_time_is_not_since(news: News) -> None:
    (news.archive / "a.md").write_bytes("[松岭](https://songling-times.example/a)\n------\n\n<p>林帆</p>\n".encode())
    assert news.ingest(1, since=SINCE).left_out == 1
    assert news.ingest(2, outlets=(SONGLING,)).accepted == 1


@pytest.mark.parametrize("sync", [None, True, False])
def test_what_is_published_is_kept_up_by_a_run_for_something_else(news: News, sync: bool | None) -> None:
    write_news(news.write)
    news.ingest(1, sync=sync)
    news.write("00.md", url="https://songling-times.example/0", body="<p>改</p>")
    news.write("01.md", url="https://songling-times.example/1", at="2021-01-01T00:00:00")
    news.write("bad.md", url="https://songling-times.example/mended")
    news.write("new.md", url="https://songling-times.example/new")
    news.write("asked.md", url="https://yungang-daily.example/new", at="2022-05-01T00:00:00")
    (news.archive / "03.md").unlink()
    (news.archive / "empty.md").unlink()
    report = news.ingest(2, sync=sync, since=SINCE, outlets=(YUNGANG,), limit=1)
    articles = dict(news.rows("articles", "source_path", "text"))  # type: ignore[arg-type, var-annotated]
    assert articles["00.md"] == "改"
    assert list((news.out / "articles").glob("*/month=2021-01"))
    # What was a reject is published already, so it is kept up, whatever it is now.
    assert "bad.md" in articles
    assert ("03.md" in articles) == (sync is not True)
    assert ("empty.md" in paths_of(news.out, "rejects")) == (sync is not True)
    # One new source was asked for: the first of the two, which is the one that the outlet has.
    assert "asked.md" in articles
    assert "new.md" not in articles
    assert report.deleted == (2 if sync else 0)
    found = verified(news.out, news.archive)
    missing = [] if sync else ["03.md"]
    assert [breach.source_path for breach in found.breaches] == missing
    assert found.not_ingested == 1
    news.ingest(3, sync=sync)
    if sync:
        ingest(news.archive, news.folder / "full", 3, sync=sync)
        assert_same_rows(news.out, news.folder / "full", ("articles", "paragraphs", "rejects"))


def test_a_partial_run_does_not_hide_a_real_breach(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    write_news(news.write)
    news.ingest(1, limit=9)
    assert main(["verify", str(news.out), "--workers", "1"]) == 0
    assert "22 sources are not ingested" in "".join(capsys.readouterr())
    assert main(["verify", str(news.out), "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["not_ingested"] == 22
    (path,) = (news.out / "articles").glob(f"outlet={SONGLING}/month=2022-01/*.parquet")
    plain = path.read_bytes()
    part = pl.read_parquet(path, hive_partitioning=False)
    ingested = part["source_path"][0]
    # Other bytes than those that were ingested.
    (news.archive / ingested).write_bytes((news.archive / ingested).read_bytes() + b"\n")
    found = verified(news.out, news.archive)
    assert {breach.source_path for breach in found.breaches} == {ingested}
    assert {breach.law for breach in found.breaches} == {1}
    assert found.not_ingested == 22
    (news.archive / ingested).write_bytes((news.archive / ingested).read_bytes()[:-1])
    assert verified(news.out, news.archive).breaches == []
    # A source with two rows.
    beside = path.with_name("part-1.parquet")
    beside.write_bytes(plain)
    found = verified(news.out, news.archive)
    twice = {breach.source_path for breach in found.breaches if breach.law == 5}
    assert twice == set(part["source_path"])
    beside.unlink()
    # Paragraphs without their article.
    path.unlink()
    laws = {breach.law for breach in verified(news.out, news.archive).breaches}
    assert laws == {3}
    path.write_bytes(plain)
    # A full run has asked for everything.
    news.ingest(2)
    (news.archive / "late.md").write_bytes((news.archive / "01.md").read_bytes())
    found = verified(news.out, news.archive)
    assert [(breach.law, breach.source_path) for breach in found.breaches] == [(5, "late.md")]
    assert found.not_ingested == 0


def test_a_partial_runs_commit_is_no_base_for_the_next(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "git")
    files: dict[str | bytes, Any] = {f"{number}.md": article(f"{number}") for number in range(8)}
    repository.commit(files)
    ingest(repository.path, tmp_path / "out", 1, limit=3)
    assert len(paths_of(tmp_path / "out")) == 3
    ingest(repository.path, tmp_path / "out", 2)
    assert len(paths_of(tmp_path / "out")) == 8
    # After a full run a partial one, over commits that it takes a part of, and a full one that completes it.
    files |= {f"{number}.md": article(f"{number}") for number in range(8, 14)}
    files["2.md"] = article("2", body="<p>改</p>")
    del files["5.md"]
    repository.commit(files)
    partial = ingest(repository.path, tmp_path / "out", 3, limit=2)
    assert (partial.parsed, partial.deleted) == (3, 1)
    assert len(paths_of(tmp_path / "out")) == 9
    assert "改" in {text for (text,) in rows_of(tmp_path / "out", "articles", "text")}
    complete = ingest(repository.path, tmp_path / "out", 4)
    assert (complete.parsed, complete.sources, complete.unchanged) == (4, 13, 9)
    ingest(repository.path, tmp_path / "full", 1)
    assert_same_rows(tmp_path / "out", tmp_path / "full", ("articles", "paragraphs", "rejects"))
    assert verified(tmp_path / "out", repository.path).breaches == []
    # That one is a base again.
    files["new.md"] = article("new")
    repository.commit(files)
    last = ingest(repository.path, tmp_path / "out", 5)
    assert (last.parsed, last.sources, last.unchanged) == (1, 14, 13)


def changed(files: dict[str | bytes, Any], chance: Random) -> dict[str | bytes, Any]:
    """Another state of an archive: files new, revised, copied, renamed, broken, mended and deleted."""
    files = dict(files)
    for _ in range(chance.randrange(1, 6)):
        names = sorted(map(str, files))
        kind = chance.choice(("new", "new", "revise", "revise", "copy", "rename", "break", "delete"))
        number = chance.randrange(40)
        if kind == "new" or len(names) < 4:
            body = f"<p>第{chance.randrange(4)}版</p>"
            files[f"{number}.md"] = article(f"{number % 30}", at=f"2022-{1 + number % 4:02d}-04T00:00:00", body=body)
        elif kind == "revise":
            name = chance.choice(names)
            files[name] = files[name] + f"<p>{chance.randrange(100)}</p>\n".encode()
        elif kind == "copy":
            files[f"copy-{number}.md"] = files[chance.choice(names)]
        elif kind == "rename":
            files[f"to-{number}.md"] = files.pop(chance.choice(names))
        elif kind == "break":
            files[chance.choice(names)] = bytes([200 + chance.randrange(50)])
        else:
            del files[chance.choice(names)]
    return files


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.campaign)])
def test_any_runs_for_parts_of_a_repository_add_up_to_one_full_run(tmp_path: Path, seed: int, history: bool) -> None:
    chance = Random(seed)
    repository = Repository(tmp_path / "git")
    files: dict[str | bytes, Any] = {
        f"{n}.md": article(f"{n}", at=f"2022-{1 + n % 4:02d}-04T00:00:00") for n in range(6)
    }
    repository.commit(files)
    parts = 0
    for number in range(1, 9):
        for _ in range(chance.randrange(3)):
            files = changed(files, chance)
            repository.commit(files)
        wanted = chance.choice((
            {}, {"limit": chance.randrange(1, 6)}, {"limit": chance.randrange(1, 6)}, {"since": SINCE},
            {"since": SINCE, "limit": 2}, {"outlets": ("nobody",)},
        ))  # fmt: skip
        parts += bool(wanted)
        ingest(repository.path, tmp_path / "out", number, **wanted, history=history)
        assert verified(tmp_path / "out", repository.path).breaches == []
    ingest(repository.path, tmp_path / "out", 20, history=history)
    assert parts > 0
    ingest(repository.path, tmp_path / "full", 1, history=history)
    # Without its history an archive tells nothing of what stood before, so that depends on when runs looked.
    tables = ("revisions",) if history else ("rejects",)
    assert_same_rows(tmp_path / "out", tmp_path / "full", ("articles", "paragraphs", *tables))
    # A reject that moved may also stay at a path that it left, where the path had other contents.
    assert set(settled_rows(tmp_path / "full", "rejects")) <= set(settled_rows(tmp_path / "out", "rejects"))
    found = verified(tmp_path / "out", repository.path)
    assert (found.breaches, found.not_ingested) == ([], 0)


def test_any_runs_for_parts_of_a_folder_add_up_to_one_full_run(news: News) -> None:
    chance = Random(0)
    files: dict[str | bytes, Any] = {}
    for number in range(1, 9):
        files = changed(files, chance)
        for path in news.archive.iterdir():
            path.unlink()
        for name, content in files.items():
            (news.archive / str(name)).write_bytes(content)
        wanted: dict[str, Any] = {"limit": chance.randrange(1, 6)} if number % 3 else {}
        news.ingest(number, **wanted, sync=True)
        assert verified(news.out, news.archive).breaches == []
    assert files_below(news.archive).keys() == files.keys()
    news.ingest(20, sync=True)
    ingest(news.archive, news.folder / "full", 1)
    assert_same_rows(news.out, news.folder / "full", ("articles", "paragraphs", "rejects"))
