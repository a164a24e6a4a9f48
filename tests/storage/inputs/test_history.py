"""Every revision that was ever committed is a row, with the times from which and to which it stood."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from archives import ingest, read_table, rows_of, stamp
from repositories import FIRST_COMMIT_S, Repository, Special, article

from benchmarks.generate import ARCHIVE, Ledger, append, generate
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.moments import articles_at, stages_of
from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output
from pressmark.transforms.identity import article_id, canonical_url

ARTICLES = 300


def hour(number: int) -> datetime:
    return datetime.fromtimestamp(FIRST_COMMIT_S, UTC) + timedelta(hours=number)


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def breaches(output: Path) -> list[object]:
    return list(verify_output(Output(output), workers=1, progress=lambda *_: None).breaches)


@pytest.fixture(scope="module", params=[False, True], ids=["straight", "merges"])
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ledger]:
    """A generated repository, the output of its history, and the truth about it."""
    place = tmp_path_factory.mktemp("generated")
    ledger = generate(ARTICLES, place, commits=60, merges=request.param)
    ingest(str(place / ARCHIVE), place / "out", workers=2, history=True)
    return place / ARCHIVE, place / "out", ledger


Stood = tuple[object, ...]


def found(output: Path) -> list[Stood]:
    """Path, bytes, article and times of every row."""
    columns = ("source_path", "source_sha256", "article_id", "valid_from")
    current = [(*row, None) for row in rows_of(output, "articles", *columns)]
    return current + rows_of(output, "revisions", *columns, "valid_to")


def test_rows_are_the_ledgers_stretches(generated: tuple[Path, Path, Ledger]) -> None:
    _, output, ledger = generated
    expected = [
        (s.path, s.sha256, article_id(canonical_url(s.article), s.path), moment(s.valid_from), moment(s.valid_to))
        for s in ledger.stretches
        if s.kind == "article"
    ]
    assert Counter(found(output)) == Counter(expected)
    bad = {(s.path, s.sha256, s.kind) for s in ledger.stretches if s.kind != "article" and s.path != "README.md"}
    assert set(rows_of(output, "rejects", "source_path", "source_sha256", "reason")) == bad
    assert len(bad) >= 2


def test_changes_tombstones_and_identities_are_the_ledgers(generated: tuple[Path, Path, Ledger]) -> None:
    _, output, ledger = generated
    totals = ledger.totals
    ended = [row for row in read_table(output, "revisions").to_pylist() if row["valid_to"] is not None]
    tombstones = [row for row in ended if row["superseded_by"] is None]
    assert all(row["change"] is None for row in tombstones)
    assert len(tombstones) == totals.tombstones
    assert len(rows_of(output, "articles", "article_id")) == totals.living
    standing = [row for row in read_table(output, "revisions").to_pylist() if row["valid_to"] is None]
    assert len(standing) == totals.extra_paths
    texts = {(s.path, s.sha256, s.valid_from): s.text_key for s in ledger.stretches}
    keys = {s.sha256: s.text_key for s in ledger.stretches}
    for row in ended + standing:
        if row["superseded_by"] is not None:
            old, new = (
                texts[row["source_path"], row["source_sha256"], row["valid_from"].timestamp()],
                keys[row["superseded_by"]],
            )
            same = row["source_sha256"] == row["superseded_by"]
            assert row["change"] == ("copy" if same else "markup" if old == new else "text")
    # Files that were revised in place say what changed, renamed ones that they go on.
    causes = {(s.path, s.valid_from): s.cause for s in ledger.stretches if s.kind == "article"}
    for row in ended:
        cause = causes[row["source_path"], row["valid_from"].timestamp()]
        if cause in ("revised_text", "revised_markup"):
            assert row["change"] == cause.removeprefix("revised_")
        elif cause == "renamed":
            assert row["change"] in ("copy", "markup")
        elif cause == "deleted":
            assert row["superseded_by"] is None


def test_every_blob_is_covered(generated: tuple[Path, Path, Ledger]) -> None:
    _, output, _ = generated
    assert breaches(output) == []


def test_articles_as_of_any_commit_are_those_that_stood(generated: tuple[Path, Path, Ledger]) -> None:
    _, output, ledger = generated
    times = sorted({s.valid_from for s in ledger.stretches})
    for at in times[:: max(len(times) // 12, 1)]:
        rows, _ = articles_at(Output(output), datetime.fromtimestamp(at, UTC), text=True)
        standing = [
            s
            for s in ledger.stretches
            if s.kind == "article" and s.valid_from <= at and (s.valid_to is None or s.valid_to > at)
        ]
        best: dict[str | None, tuple[object, ...]] = {}
        for s in standing:
            rank = (s.published_s, s.valid_from, s.path, s.sha256)
            best[s.article] = max(best.get(s.article, rank), rank)
        assert set(rows["source_sha256"]) == {rank[3] for rank in best.values()}
        assert rows.height == len(best)
        assert all(len(text) > 0 for text in rows["text"])


def test_several_runs_leave_the_bytes_of_one(generated: tuple[Path, Path, Ledger], tmp_path: Path) -> None:
    repository, once, _ = generated
    import pygit2

    commits = []
    commit = pygit2.Repository(str(repository)).revparse_single("main")
    while True:
        commits.append(str(commit.id))
        if not commit.parents:
            break
        commit = commit.parents[0]
    bare = pygit2.Repository(str(repository))
    for at in [*commits[::-1][4::13], commits[0]]:
        bare.references.create("refs/heads/growing", pygit2.Oid(hex=at), force=True)
        ingest(f"git+file://{repository}@growing", tmp_path / "out", 1, history=True, workers=2)
    for name in ("articles", "paragraphs", "revisions", "rejects"):
        one, other = read_table(once, name), read_table(tmp_path / "out", name)
        assert one.equals(other), name
    assert len(rows_of(tmp_path / "out", "runs", "run_id")) == 1


def test_history_is_kept_up_and_a_rewritten_one_keeps_what_was(tmp_path: Path) -> None:
    place = tmp_path / "generated"
    generate(60, place, commits=20)
    ingest(str(place / ARCHIVE), tmp_path / "out", 1, history=True)
    append(place, 5, seed=9)
    report = ingest(str(place / ARCHIVE), tmp_path / "out", 2)
    assert report.parsed == 5
    assert '"history": true' in report.arguments
    assert breaches(tmp_path / "out") == []


def test_a_file_that_comes_back_stood_twice(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "a.git")
    one, two = article("a"), article("a", body="<p>松岭市图书馆明天关闭。</p>")
    for data in (one, two, one, None, one, two):
        repository.commit({"x.md": article("x"), **({} if data is None else {"a.md": data})})
    ingest(str(repository.path), tmp_path / "out", history=True)
    hashes = {hashlib.sha256(data).hexdigest(): name for name, data in (("one", one), ("two", two))}
    rows = rows_of(tmp_path / "out", "revisions", "source_sha256", "change", "valid_from", "valid_to")
    assert sorted(((hashes[str(sha)], *rest) for sha, *rest in rows), key=lambda row: str(row[2])) == [
        ("one", "text", hour(1), hour(2)),
        ("two", "text", hour(2), hour(3)),
        ("one", None, hour(3), hour(4)),
        ("one", "text", hour(5), hour(6)),
    ]
    assert ("a.md", hour(6)) in rows_of(tmp_path / "out", "articles", "source_path", "valid_from")
    assert breaches(tmp_path / "out") == []
    (stages,) = {row[0] for row in rows_of(tmp_path / "out", "revisions", "article_id")}
    assert [stage.valid_from for stage in stages_of(Output(tmp_path / "out"), str(stages))] == [
        hour(1), hour(2), hour(3), hour(5), hour(6),
    ]  # fmt: skip


def test_times_never_go_back(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "a.git")
    repository.commit({"a.md": article("a", body="<p>一</p>")}, at=FIRST_COMMIT_S + 7200)
    repository.commit({"a.md": article("a", body="<p>二</p>")}, at=FIRST_COMMIT_S)
    ingest(str(repository.path), tmp_path / "out", history=True)
    assert rows_of(tmp_path / "out", "revisions", "valid_from", "valid_to") == [(hour(2), hour(2))]
    assert rows_of(tmp_path / "out", "articles", "valid_from") == [(hour(2),)]


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_bad_commit_on_a_branch_is_an_error_that_ends(tmp_path: Path, damage: str) -> None:
    repository = Repository(tmp_path / "archive.git")
    files: dict[str | bytes, bytes | Special] = {"a.md": article("a")}
    base = repository.commit(files)
    bad = repository.commit(files, parents=[base], branch=None)
    side = repository.commit({**files, "b.md": article("b")}, parents=[bad], branch=None)
    repository.commit({**files, "b.md": article("b")}, parents=[base, side])
    file = repository.path / "objects" / bad[:2] / bad[2:]
    data = file.read_bytes()
    file.unlink()
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="missing or corrupt.*git fsck"):
        ingest(str(repository.path), tmp_path / "out", history=True)


def test_what_a_branch_had_and_its_merge_has_not_is_a_row_of_no_length(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "a.git")
    base = repository.commit({"a.md": article("a", body="<p>一</p>")})
    side = repository.commit({"a.md": article("a", body="<p>二</p>")}, parents=[base], branch=None)
    side = repository.commit({"a.md": article("a", body="<p>三</p>")}, parents=[side], branch=None)
    merged = {"a.md": article("a", body="<p>三</p>"), "b.md": article("b")}
    repository.commit(merged, parents=[base, side])
    ingest(str(repository.path), tmp_path / "out", history=True)
    assert sorted(rows_of(tmp_path / "out", "revisions", "text", "change", "valid_from", "valid_to")) == [
        ("一", "text", hour(1), hour(4)), ("二", "text", hour(4), hour(4)),
    ]  # fmt: skip
    assert breaches(tmp_path / "out") == []


def test_a_reject_that_was_mended_stays_in_the_history(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "a.git")
    repository.commit({"a.md": b"\xff"})
    repository.commit({"a.md": article("a")})
    repository.commit({"a.md": b"\xff", "b.md": article("b")})
    ingest(str(repository.path), tmp_path / "out", 1, history=True)
    assert rows_of(tmp_path / "out", "rejects", "source_path", "reason", "raw") == [("a.md", "invalid_utf8", b"\xff")]
    assert rows_of(tmp_path / "out", "revisions", "source_path", "superseded_by", "valid_to") == [
        ("a.md", None, hour(3))
    ]
    assert breaches(tmp_path / "out") == []
    assert ingest(str(repository.path), tmp_path / "out", 2, history=True).parsed == 0
    ingest(str(repository.path), tmp_path / "plain", 1)
    assert rows_of(tmp_path / "plain", "rejects", "source_path") == [("a.md",)]


def test_only_a_repository_has_a_history(archive: Path, tmp_path: Path, write_article: object) -> None:
    with pytest.raises(InputError, match="only a git repository has a history"):
        ingest(archive, tmp_path / "out", history=True)
    (archive / "a.md").write_bytes(article("a"))
    ingest(archive, tmp_path / "out", 1)
    with pytest.raises(OutputError, match="ingest --history"):
        articles_at(Output(tmp_path / "out"), stamp(1).started_at, text=False)


def test_the_polars_recipe_is_what_the_command_does(generated: tuple[Path, Path, Ledger]) -> None:
    _, output, ledger = generated
    at = datetime.fromtimestamp(sorted(s.valid_from for s in ledger.stretches)[len(ledger.stretches) // 2], UTC)
    rows, _ = articles_at(Output(output), at, text=False)
    assert rows["article_id"].is_unique().all()
    assert rows.filter(pl.col("valid_from") > at).height == 0
    assert rows.height > 50
