"""Whatever lies in the input's folder becomes a source, a reject with a reason, or an error with a remedy."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest
from archives import WriteArticle, breaches, ingest, rows_of

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.folder import Folder
from pressmark.storage.inputs.source import Request, sources_of
from pressmark.transforms.records import Limits, Reject


def rejects(output: Path) -> dict[object, object]:
    return dict(rows_of(output, "rejects", "source_path", "reason"))  # type: ignore[arg-type]


def verified(output: Path, archive: Path) -> bool:
    return not breaches(output, archive)


def test_a_folder_named_like_an_article_is_a_folder(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("x.md/inner.md")
    ingest(archive, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("x.md/inner.md",)]
    assert rejects(tmp_path / "out") == {}


def test_links_are_not_followed(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    outside = tmp_path / "outside.md"
    outside.write_bytes((archive / "a.md").read_bytes())
    links = {"inside": "a.md", "outside": str(outside), "self": "self-link.md", "loop": ".", "dangling": "nowhere.md"}
    for name, target in links.items():
        (archive / f"{name}-link.md").symlink_to(target)
    ingest(archive, tmp_path / "out")
    assert rejects(tmp_path / "out") == {f"{name}-link.md": "unreadable" for name in links}
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("a.md",)]
    assert rows_of(tmp_path / "out", "revisions", "source_path") == []
    assert verified(tmp_path / "out", archive)
    assert ingest(archive, tmp_path / "out", 2).partitions_written == 0


def test_pipes_do_not_block_a_run(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    os.mkfifo(archive / "pipe.md")
    ingest(archive, tmp_path / "out")
    assert rejects(tmp_path / "out") == {"pipe.md": "unreadable"}


def test_names_that_are_not_utf8_are_escaped_and_read(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    content = write_article("a.md").read_bytes()
    with open(os.fsencode(archive) + b"/b\xff\xe9.md", "wb") as file:
        file.write(content.replace(b"example/a", b"example/b"))
    ingest(archive, tmp_path / "out", workers=2)
    assert sorted(rows_of(tmp_path / "out", "articles", "source_path")) == [("a.md",), ("b\\xff\\xe9.md",)]
    assert verified(tmp_path / "out", archive)
    assert ingest(archive, tmp_path / "out", 2).parsed == 0


def test_names_that_normalisation_makes_equal_stay_apart(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    composed, decomposed = "caf\u00e9.md", unicodedata.normalize("NFD", "caf\u00e9.md")
    write_article(composed, url="https://songling-times.example/1")
    write_article(decomposed, url="https://songling-times.example/2")
    ingest(archive, tmp_path / "out")
    assert {row[0] for row in rows_of(tmp_path / "out", "articles", "source_path")} == {composed, "cafe\\xcc\\x81.md"}
    assert verified(tmp_path / "out", archive)


def test_a_decomposed_name_alone_is_given_composed(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article(unicodedata.normalize("NFD", "caf\u00e9.md"))
    ingest(archive, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("caf\u00e9.md",)]


def test_bytes_that_are_no_article_are_kept_with_reason_and_offset(archive: Path, tmp_path: Path) -> None:
    header = b"<!--1646370367000-->\n[T](https://songling-times.example/a)\n------\n\n"
    cases = {
        "empty.md": (b"", "empty_file", 0),
        "binary.md": (b"\x89PNG\r\n\x1a\n\x00", "invalid_utf8", 0),
        "late.md": (header + "松岭".encode() + b"\xff", "invalid_utf8", len(header) + 6),
        "marked.md": (b"\xef\xbb\xbf" + header + b"\xfe", "invalid_utf8", 3 + len(header)),
        "plain.md": (b"<p>text</p>", "no_header", 0),
        "time.md": (header.replace(b"1646370367000", b"soon"), "bad_timestamp", 4),
        "image.md": (header + b"<img alt=x><p> </p>", "no_text", len(header)),
        "deep.md": (header + b"<div>" * 100_000 + b"x", "too_complex", len(header) + 5 * 1000),
    }
    for name, (content, _, _) in cases.items():
        (archive / name).write_bytes(content)
    ingest(archive, tmp_path / "out")
    found = rows_of(tmp_path / "out", "rejects", "source_path", "raw", "reason", "byte_offset")
    assert {name: rest for name, *rest in found} == {name: list(case) for name, case in cases.items()}
    assert verified(tmp_path / "out", archive)


def test_a_byte_order_mark_is_part_of_the_header(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    path = write_article("a.md", body="<p>松岭</p>")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    ingest(archive, tmp_path / "out")
    ((start, end),) = rows_of(tmp_path / "out", "paragraphs", "byte_start", "byte_end")
    assert path.read_bytes()[start:end].decode() == "松岭"  # type: ignore[index]
    assert verified(tmp_path / "out", archive)


def test_a_source_above_the_limit_is_hashed_and_refused_unread(archive: Path, tmp_path: Path) -> None:
    with open(archive / "huge.md", "wb") as file:
        file.truncate(200 << 20)
    ingest(archive, tmp_path / "out")
    ((reason, size, raw, sha256),) = rows_of(
        tmp_path / "out", "rejects", "reason", "source_bytes", "raw", "source_sha256"
    )
    assert (reason, size, raw) == ("too_large", 200 << 20, None)
    assert sha256 == hashlib.sha256(bytes(200 << 20)).hexdigest()
    assert ingest(archive, tmp_path / "out", 2).parsed == 0


def test_an_input_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the folder that holds the archive"):
        ingest(tmp_path / "nowhere", tmp_path / "out")


def test_an_output_inside_the_input_is_no_source(archive: Path, write_article: WriteArticle) -> None:
    write_article("a.md")
    ingest(archive, archive / "out")
    report = ingest(archive, archive / "out", 2)
    assert (report.sources, report.parsed) == (1, 0)


def test_a_single_file_is_an_input(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    path = write_article("a.md")
    write_article("b.md", url="https://songling-times.example/b")
    ingest(path, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("a.md",)]
    assert verified(tmp_path / "out", path)


def test_a_file_that_vanishes_after_listing_is_a_reject(archive: Path, write_article: WriteArticle) -> None:
    write_article("a.md")
    folder = Folder(archive)
    sources = sources_of(folder.listing(Request()).frame)
    (archive / "a.md").unlink()
    ((_, outcome),) = folder.contents(sources, Limits())
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.raw) == ("unreadable", None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads whatever it likes")
def test_a_file_without_permission_is_a_reject(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md").chmod(0)
    ingest(archive, tmp_path / "out")
    assert rejects(tmp_path / "out") == {"a.md": "unreadable"}
