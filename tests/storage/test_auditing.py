"""An audit takes each source in its turn, keeps what differs, and leaves all else as it is."""

from __future__ import annotations

import json
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from archives import SOURCES, News, breaches, files_of, ingest, stamp, write_sources
from repositories import Repository, files_below

import pressmark
from pressmark.flows.cli import main
from pressmark.storage.auditing import Audit, Window, audit_output
from pressmark.storage.output.tables import Output
from pressmark.transforms import article as parser
from pressmark.transforms.rows import skipped_sizes

pytestmark = pytest.mark.slow


def audited(output: Path, number: int, share: float, **named: Any) -> Audit:
    return audit_output(
        Output(output), share=share, workers=1, stamp=stamp(number), progress=lambda *_: None, **named
    )  # fmt: skip


@pytest.mark.parametrize("windows", [1, 2, 3, 7, 50])
def test_windows_of_equal_shares_take_each_source_once_and_then_again(windows: int) -> None:
    hashes = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(500)] + ["0" * 64, "f" * 64]
    share = Fraction(1 / windows).limit_denominator(1_000_000)
    window, taken = Window(Fraction(1, 3), share), Counter[str]()
    for _ in range(2 * windows):
        taken.update(filter(window.takes, hashes))
        window = Window(window.end, share)
    assert window.start == Fraction(1, 3)
    assert set(taken.values()) == {2}
    assert taken.keys() == set(hashes)


@pytest.fixture
def output(news: News) -> Path:
    write_sources(news.write)
    news.ingest()
    return news.out


def test_audits_go_on_where_the_last_one_of_the_archive_ended(
    news: News, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    takes = Window.takes

    def seen(window: Window, sha: str) -> bool:
        taken = takes(window, sha)
        looked_at.extend([sha] * taken)
        return taken

    monkeypatch.setattr(Window, "takes", seen)
    other = news.folder / "other"
    other.mkdir()
    (other / "z.md").write_bytes(b"[a](https://a.example/z)\n---\n<p>z</p>")
    ingest(other, output, 2, archive="other")
    before = files_of(output)
    for number in range(5):
        found = audited(output, number, 0.2, archive="archive")
        assert (found.articles, found.disagreements) == (SOURCES - 1, [])
        # Audits of another archive do not move this one's window.
        audited(output, 10 + number, 0.5, archive="other")
    assert len(set(looked_at)) == SOURCES
    assert all(count == 1 for sha, count in Counter(looked_at).items() if sha != _hash_of(output, "z.md"))
    assert files_of(output) == before
    assert not (output / "audits").exists()


def _hash_of(output: Path, path: str) -> str:
    rows = pl.scan_parquet(output / "articles").filter(pl.col("source_path") == path)
    return str(rows.select("source_sha256").collect().item())


@pytest.fixture
def faulty(news: News, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output of a parser that counts one byte too many; its archive holds a source that is gone since."""
    counted = skipped_sizes
    with monkeypatch.context() as patch:
        patch.setattr(parser, "skipped_sizes", lambda *given: (counted(*given)[0] + 1, 0))
        for name in "abc":
            news.write(f"{name}.md", url=f"https://songling-times.example/{name}")
        news.ingest()
    (news.archive / "c.md").unlink()
    return news.out


def test_what_differs_is_a_row_with_both_versions(news: News, faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(faulty), "--share", "1", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["audited"], told["articles"], len(told["disagreements"])) == (2, 3, 5)
    rows = pl.read_parquet(faulty / "audits").to_dicts()
    assert [(row["source_path"], row["kind"], row["column"], row["published"], row["derived"]) for row in rows] == [
        *(("a.md", "count", f"articles.{name}", *versions) for name, versions in
          (("skipped_bytes", ("1", "0")), ("markup_bytes", ("14", "15")))),
        *(("b.md", "count", f"articles.{name}", *versions) for name, versions in
          (("skipped_bytes", ("1", "0")), ("markup_bytes", ("14", "15")))),
        ("c.md", "source", "articles.source_path", "c.md", None),
    ]  # fmt: skip
    assert {row["audit_id"] for row in rows} == {told["audit_id"]}
    assert [row["disagreement_id"] for row in rows] == [f"{told['audit_id']}-{number:04d}" for number in range(5)]
    assert {row["source_sha256"] for row in rows} == {_hash_of(faulty, name) for name in ("a.md", "b.md", "c.md")}
    assert main(["audit", str(faulty), "--share", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["count", "articles.markup_bytes", "2", "2", "a.md"]
    assert lines[-1].endswith("2 of 3 articles derived again, 4 paragraphs and 0 media; 5 disagreements in 3 articles")
    assert len(list((faulty / "audits").glob("*.parquet"))) == 2


def test_all_else_reads_an_output_with_audits_as_before(news: News, faulty: Path) -> None:
    assert len(audited(faulty, 2, 1).disagreements) == 5
    with pressmark.open(faulty) as dataset:
        assert dataset.audits.collect().height == 5
        assert dataset.articles.collect().height == 3
    assert {breach.law for breach in breaches(faulty, news.archive)} == {1, 4}
    assert main(["doctor", str(faulty)]) == 0
    news.ingest(3)
    assert len(pl.read_parquet(faulty / "audits")) == 5


def test_loads_leave_audits_out(news: News, output: Path) -> None:
    (news.archive / "00.md").unlink()
    assert audited(output, 2, 1).disagreements
    target = news.folder / "news.duckdb"
    assert main(["load", str(output), f"duckdb:{target}"]) == 0
    with duckdb.connect(str(target)) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "articles" in tables
    assert "audits" not in tables


def test_verify_cuts_by_the_other_implementation_where_it_is_asked_to(
    news: News, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pressmark.transforms import reference

    assert main(["verify", str(output), "--independent", "--workers", "1"]) == 0
    # A cutter with a fault agrees with itself; the other one does not.
    monkeypatch.setattr(reference, "reference_blocks", lambda markup: [])
    assert main(["verify", str(output), "--workers", "1"]) == 0
    capsys.readouterr()
    assert main(["verify", str(output), "--independent", "--workers", "1"]) == 1
    assert "law 1 (slice)" in capsys.readouterr().out


def test_records_and_commits_are_audited_as_files_are(tmp_path: Path, news: News) -> None:
    records = tmp_path / "records"
    records.mkdir()
    lines = [json.dumps({"link": f"https://a.example/{n}", "html": f"<p>堰 {n}</p><img src=a>"}) for n in range(5)]
    (records / "a.jsonl").write_text("\n".join(lines), "utf-8")
    ingest(records, tmp_path / "from-records", map="url=link,html=html")
    news.write("a.md")
    Repository(tmp_path / "news.git").commit(files_below(news.archive))
    ingest(f"git+file:{tmp_path / 'news.git'}", tmp_path / "from-git")
    for name, articles in (("from-records", 5), ("from-git", 1)):
        found = audited(tmp_path / name, 2, 1)
        assert (found.audited, found.disagreements) == (articles, [])


@pytest.mark.parametrize("command", [["audit"], ["verify", "--independent"]])
def test_a_missing_library_is_named_with_its_remedy(
    output: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("reference", "rederivation"):
        monkeypatch.delitem(sys.modules, f"pressmark.transforms.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "bs4", None)
    assert main([command[0], str(output), *command[1:]]) == 3
    assert "pip install 'pressmark[audit]'" in capsys.readouterr().err
