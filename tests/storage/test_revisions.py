"""One article, one current revision; what it superseded, and what was deleted, stays in `revisions`."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import WriteArticle, files_of, ingest, rows_of, stamp

from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

STANDING = ("source_path", "change", "valid_to")


def breaches(output: Path, archive: Path) -> list[object]:
    return list(verify_output(Output(output), archive, workers=1, progress=lambda *_: None).breaches)


def test_spellings_of_one_address_are_one_article_and_the_latest_is_current(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article(
        "a.md", url="http://songling-times.example//a?utm_source=x", at="2022-03-01T00:00:00", body="<p>旧</p>"
    )
    write_article("b.md", url="https://songling-times.example/a", at="2022-03-02T00:00:00", body="<p>新</p>")
    ingest(archive, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path", "text") == [("b.md", "新")]
    ((path, change, valid_to, text),) = rows_of(tmp_path / "out", "revisions", *STANDING, "text")
    assert (path, change, valid_to, text) == ("a.md", "text", None, "旧")
    assert breaches(tmp_path / "out", archive) == []


def test_change_tells_text_from_markup_from_copy(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("1.md", at="2022-03-01T00:00:00", body="<p>甲</p>")
    write_article("2.md", at="2022-03-02T00:00:00", body="<p>乙</p>")
    write_article("3.md", at="2022-03-02T00:00:00", body="<div>乙</div>")
    write_article("4.md", at="2022-03-02T00:00:00", body="<div>乙</div>")
    ingest(archive, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("4.md",)]
    assert rows_of(tmp_path / "out", "revisions", "source_path", "change") == [
        ("1.md", "text"),
        ("2.md", "markup"),
        ("3.md", "copy"),
    ]


def test_many_superseded_texts_are_carried_over_as_few_are(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in (1, 2):
        for month in range(1, 10):
            for number in range(3):
                at = f"2022-{month:02d}-0{number + 1}T00:00:00"
                url = f"https://songling-times.example/{month}-{number}"
                write_article(f"{month}-{number}.md", at=at, url=url, body=f"<p>稿 {run}</p>")
        for output, few, threads in (("few", 2, 99), ("threads", 256, 1), ("many", 0, 99)):
            with monkeypatch.context() as patch:
                patch.setattr("pressmark.storage.superseded.FEW", few)
                patch.setattr("pressmark.storage.state.WORTH_THREADS", threads)
                ingest(archive, tmp_path / output, run)
    assert len(rows_of(tmp_path / "few", "revisions", "source_path")) == 27
    assert files_of(tmp_path / "few") == files_of(tmp_path / "threads") == files_of(tmp_path / "many")


def test_equal_times_are_settled_by_the_greatest_path(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("b.md", body="<p>乙</p>")
    ingest(archive, tmp_path / "out", 1)
    write_article("a.md", body="<p>甲</p>")
    ingest(archive, tmp_path / "out", 2)
    write_article("c.md", body="<p>丙</p>")
    ingest(archive, tmp_path / "out", 3)
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("c.md",)]
    assert [row[0] for row in rows_of(tmp_path / "out", "revisions", "source_path")] == ["a.md", "b.md"]


def test_a_source_replaced_at_its_path_ends_then(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md", body="<p>旧</p>")
    ingest(archive, tmp_path / "out", 1)
    write_article("a.md", body="<p>新</p>")
    ingest(archive, tmp_path / "out", 2)
    ((sha256,),) = rows_of(tmp_path / "out", "articles", "source_sha256")
    assert rows_of(tmp_path / "out", "revisions", *STANDING, "superseded_by", "first_seen_at", "text") == [
        ("a.md", "text", stamp(2).started_at, sha256, stamp(1).started_at, "旧")
    ]
    assert breaches(tmp_path / "out", archive) == []


def test_absence_is_deletion_only_with_sync(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md", url="https://songling-times.example/a")
    write_article("b.md", url="https://songling-times.example/b").unlink()
    ingest(archive, tmp_path / "out", 1)
    (archive / "a.md").unlink()
    write_article("b.md", url="https://songling-times.example/b")
    ingest(archive, tmp_path / "out", 2)
    assert len(rows_of(tmp_path / "out", "articles", "source_path")) == 2
    report = ingest(archive, tmp_path / "out", 3, absent_is_deleted=True)
    assert report.deleted == 1
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("b.md",)]
    assert rows_of(tmp_path / "out", "revisions", *STANDING, "superseded_by") == [
        ("a.md", None, stamp(3).started_at, None)
    ]
    assert breaches(tmp_path / "out", archive) == []


def test_when_the_current_revision_is_deleted_its_heir_becomes_current(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("old.md", at="2022-03-01T00:00:00", body="<p>旧</p>")
    write_article("new.md", at="2022-04-02T00:00:00", body="<p>新</p>")
    ingest(archive, tmp_path / "out", 1)
    (archive / "new.md").unlink()
    ingest(archive, tmp_path / "out", 2, absent_is_deleted=True)
    assert rows_of(tmp_path / "out", "articles", "source_path", "text") == [("old.md", "旧")]
    assert rows_of(tmp_path / "out", "paragraphs", "text") == [("旧",)]
    assert rows_of(tmp_path / "out", "revisions", "source_path", "superseded_by") == [("new.md", None)]
    assert breaches(tmp_path / "out", archive) == []


def test_when_the_current_revision_becomes_another_article_its_heir_becomes_current(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("old.md", at="2022-03-01T00:00:00", body="<p>旧</p>")
    write_article("new.md", at="2022-03-02T00:00:00", body="<p>新</p>")
    ingest(archive, tmp_path / "out", 1)
    write_article("new.md", url="https://songling-times.example/other", body="<p>别</p>")
    ingest(archive, tmp_path / "out", 2)
    assert sorted(rows_of(tmp_path / "out", "articles", "source_path", "text")) == [("new.md", "别"), ("old.md", "旧")]
    assert breaches(tmp_path / "out", archive) == []


def test_a_file_that_comes_back_lives_again(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("b.md", url="https://songling-times.example/b")
    path = write_article("a.md")
    content = path.read_bytes()
    ingest(archive, tmp_path / "out", 1)
    path.unlink()
    ingest(archive, tmp_path / "out", 2, absent_is_deleted=True)
    path.write_bytes(content)
    ingest(archive, tmp_path / "out", 3, absent_is_deleted=True)
    assert sorted(rows_of(tmp_path / "out", "articles", "source_path")) == [("a.md",), ("b.md",)]
    assert rows_of(tmp_path / "out", "revisions", "source_path") == []
    assert breaches(tmp_path / "out", archive) == []


def test_an_article_that_breaks_leaves_a_tombstone_and_a_reject(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out", 1)
    (archive / "a.md").write_bytes(b"\xff")
    ingest(archive, tmp_path / "out", 2)
    assert rows_of(tmp_path / "out", "articles", "source_path") == []
    assert rows_of(tmp_path / "out", "rejects", "source_path", "reason", "byte_offset") == [("a.md", "invalid_utf8", 0)]
    assert rows_of(tmp_path / "out", "revisions", "source_path", "superseded_by", "change") == [("a.md", None, None)]
    assert breaches(tmp_path / "out", archive) == []


def test_articles_that_swap_months_are_never_shown_twice(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    """Rows move both ways between two partitions, so one of them is first shown without the row that leaves."""
    first, second = {"url": "https://songling-times.example/1"}, {"url": "https://songling-times.example/2"}
    write_article("1.md", **first, at="2022-03-01T00:00:00")
    write_article("2.md", **second, at="2022-04-01T00:00:00")
    ingest(archive, tmp_path / "out", 1)
    write_article("1.md", **first, at="2022-04-01T00:00:00")
    write_article("2.md", **second, at="2022-03-01T00:00:00")
    seen = []
    from pressmark.storage.output import publish

    apply = publish._apply

    def watched(*arguments: object) -> None:
        apply(*arguments)  # type: ignore[arg-type]
        seen.append(sorted(row[0] for row in rows_of(tmp_path / "out", "articles", "source_path")))

    publish._apply = watched  # type: ignore[assignment]
    try:
        ingest(archive, tmp_path / "out", 2)
    finally:
        publish._apply = apply
    assert all(len(paths) == len(set(paths)) for paths in seen)
    assert sorted(rows_of(tmp_path / "out", "articles", "source_path", "month")) == [
        ("1.md", "2022-04"),
        ("2.md", "2022-03"),
    ]
