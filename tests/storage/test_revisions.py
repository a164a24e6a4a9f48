"""One article, one current revision; what it superseded, and what was deleted, stays in `revisions`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from archives import STATE, News, breaches, ingest, read_table, rows_of, stamp

from pressmark.storage.output import folder
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import stages_of
from pressmark.storage.runs import read_report

pytestmark = pytest.mark.slow

STANDING = ("source_path", "change", "valid_to")


def test_spellings_of_one_address_are_one_article_and_the_latest_is_current(news: News) -> None:
    news.write("a.md", url="http://songling-times.example//a?utm_source=x", at="2022-03-01T00:00:00", body="<p>旧</p>")
    news.write("b.md", url="https://songling-times.example/a", at="2022-03-02T00:00:00", body="<p>新</p>")
    news.ingest()
    assert news.rows("articles", "source_path", "text") == [("b.md", "新")]
    assert news.rows("revisions", *STANDING, "text") == [("a.md", "text", None, "旧")]
    assert news.breaches() == []


def test_a_text_is_stored_once_and_found_again_when_it_is_needed(news: News) -> None:
    """A revision that shares its text with the one that superseded it has none, until another one does."""
    output = news.out
    for name, tag in (("1.md", "p"), ("2.md", "div"), ("3.md", "div")):
        news.write(name, body=f"<{tag}>乙</{tag}>")
    news.write("0.md", at="2022-03-01T00:00:00", body="<p>甲</p>")
    ingest(news.archive, output, 1)
    columns = ("source_path", "change", "text")
    assert rows_of(output, "articles", "source_path", "text") == [("3.md", "乙")]
    assert sorted(rows_of(output, "revisions", *columns)) == [
        ("0.md", "text", "甲"), ("1.md", "markup", None), ("2.md", "copy", None)
    ]  # fmt: skip
    # Each has its text for readers.
    (article_id,) = rows_of(output, "articles", "article_id")[0]
    assert [stage.text for stage in stages_of(Output(output), str(article_id))] == ["甲", "乙", "乙", "乙"]
    # 2.md, which held nothing, is superseded by another text now; 1.md still shares its own with it.
    news.write("3.md", body="<div>丙</div>")
    ingest(news.archive, output, 2)
    found = {(path, change): text for path, change, text in rows_of(output, "revisions", *columns)}
    assert found == {
        ("0.md", "text"): "甲", ("1.md", "markup"): None, ("2.md", "text"): "乙", ("3.md", "text"): "乙"
    }  # fmt: skip
    # The one that 1.md shared its text with is deleted.
    (news.archive / "2.md").unlink()
    ingest(news.archive, output, 3, sync=True)
    found = {(path, change): text for path, change, text in rows_of(output, "revisions", *columns)}
    assert found[("1.md", "text")] == found[("2.md", None)] == "乙"
    assert breaches(output, news.archive) == []


def test_equal_times_are_settled_by_the_greatest_path(news: News) -> None:
    for number, name in enumerate("bac", 1):
        news.write(f"{name}.md", body=f"<p>{name}</p>")
        news.ingest(number)
    assert news.rows("articles", "source_path") == [("c.md",)]
    assert [row[0] for row in news.rows("revisions", "source_path")] == ["a.md", "b.md"]


def test_a_source_replaced_at_its_path_ends_then(news: News) -> None:
    news.write("a.md", body="<p>旧</p>")
    news.ingest(1)
    news.write("a.md", body="<p>新</p>")
    news.ingest(2)
    ((sha256,),) = news.rows("articles", "source_sha256")
    assert news.rows("revisions", *STANDING, "superseded_by", "first_seen_at", "text") == [
        ("a.md", "text", stamp(2).started_at, sha256, stamp(1).started_at, "旧")
    ]
    assert news.breaches() == []


def test_absence_is_deletion_only_with_sync(news: News) -> None:
    news.write("a.md", url="https://songling-times.example/a")
    news.ingest(1)
    (news.archive / "a.md").unlink()
    news.write("b.md", url="https://songling-times.example/b")
    news.ingest(2)
    assert len(news.rows("articles", "source_path")) == 2
    assert ["or ingest with `--sync`" in breach.problem for breach in news.breaches()] == [True]
    assert news.ingest(3, sync=True).deleted == 1
    notes = [read_report(Output(news.out), f"run-{number}")["notes"] for number in (1, 2, 3)]
    assert notes == [[], ["sources of earlier runs that are not in this input: 1; only `--sync` ends such"], []]
    assert news.rows("articles", "source_path") == [("b.md",)]
    assert news.rows("revisions", *STANDING, "superseded_by") == [("a.md", None, stamp(3).started_at, None)]
    assert news.breaches() == []


@pytest.mark.parametrize("how", ["deleted", "another article", "broken"])
def test_when_the_current_revision_goes_its_heir_becomes_current(news: News, how: str) -> None:
    news.write("old.md", at="2022-03-01T00:00:00", body="<p>旧</p>")
    news.write("new.md", at="2022-04-02T00:00:00", body="<p>新</p>")
    news.ingest(1)
    if how == "another article":
        news.write("new.md", url="https://songling-times.example/other", body="<p>别</p>")
    elif how == "broken":
        (news.archive / "new.md").write_bytes(b"\xff")
    else:
        (news.archive / "new.md").unlink()
    news.ingest(2, sync=True)
    others = [("new.md", "别")] if how == "another article" else []
    assert sorted(news.rows("articles", "source_path", "text")) == [*others, ("old.md", "旧")]
    assert ("旧",) in news.rows("paragraphs", "text")
    assert news.rows("revisions", "source_path", "superseded_by", "text") == [("new.md", None, "新")]
    assert news.breaches() == []


def test_a_superseded_revision_that_goes_is_no_longer_there(news: News) -> None:
    news.write("old.md", at="2022-03-01T00:00:00", body="<p>旧</p>")
    news.write("new.md", at="2022-04-02T00:00:00", body="<p>新</p>")
    news.ingest(1)
    news.write("old.md", url="https://songling-times.example/other", body="<p>别</p>")
    news.ingest(2)
    assert news.rows("revisions", *STANDING) == [("old.md", None, stamp(2).started_at)]
    assert news.breaches() == []


def test_a_file_that_comes_back_lives_again(news: News) -> None:
    news.write("b.md", url="https://songling-times.example/b")
    path = news.write("a.md")
    content = path.read_bytes()
    news.ingest(1)
    path.unlink()
    news.ingest(2, sync=True)
    path.write_bytes(content)
    news.ingest(3, sync=True)
    assert sorted(news.rows("articles", "source_path")) == [("a.md",), ("b.md",)]
    assert news.rows("revisions", "source_path") == []
    assert news.breaches() == []


def keys_of(output: Path, name: str) -> Counter[str]:
    key = {"articles": "article_id", "paragraphs": "paragraph_id", "revisions": "revision_id", "rejects": "reject_id"}
    return Counter(
        value for path in (output / name).rglob("*.parquet")
        for value in pq.ParquetFile(path).read([key[name]])[key[name]].to_pylist()
    )  # fmt: skip


def test_no_mix_of_old_and_new_files_shows_a_row_twice_or_loses_one(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each moment of publishing, whatever rows move between months, both ways at once too."""
    chance, moments = Random(3), []
    apply = folder._apply

    def watched(*arguments: object) -> None:
        apply(*arguments)  # type: ignore[arg-type]
        moments.append({name: keys_of(news.out, name) for name in STATE})

    monkeypatch.setattr(folder, "_apply", watched)
    moved = 0
    for run in range(1, 7):
        for number in [*range(4), *(chance.randrange(30) for _ in range(6))]:
            at = f"2022-{chance.choice('34'):>02}-0{1 + number % 9}T00:00:00"
            news.write(f"{number}.md", url=f"https://songling-times.example/{number}", at=at, body=f"<p>{run}</p>")
        for number in (chance.randrange(30), chance.randrange(30)):
            (news.archive / f"{number}.md").unlink(missing_ok=True)
        (news.archive / f"{chance.randrange(30)}.md").write_bytes(b"\xff" * run)
        before = {name: keys_of(news.out, name) for name in STATE}
        months = dict(rows_of_months(news.out))
        moments.clear()
        news.ingest(run, sync=True, buckets=3)
        moves = {key for key, month in rows_of_months(news.out) if months.get(key, month) != month}
        moved += len(moves)
        for name in STATE:
            stay = before[name].keys() & moments[-1][name].keys()
            for moment in moments:
                assert all(count == 1 for count in moment[name].values()), name
                missing = stay - moment[name].keys()
                assert {key.partition("-")[0] for key in missing} <= moves or name == "revisions", name
        ingest(news.archive, news.folder / "once", run, sync=True)
        for name in STATE:
            found, expected = (
                sorted(map(repr, read_table(news.folder / output, name).to_pylist())) for output in ("out", "once")
            )
            assert found == expected, (run, name)
        assert news.breaches() == []
    assert moved > 3


def rows_of_months(output: Path) -> list[tuple[str, str]]:
    return [
        (key, path.parent.name) for path in (output / "articles").rglob("*.parquet")
        for key in pq.ParquetFile(path).read(["article_id"])["article_id"].to_pylist()
    ]  # fmt: skip
