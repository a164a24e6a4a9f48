"""Whatever lies in the input's folder becomes a source, a reject with a reason, or an error with a remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from archives import News, breaches, ingest, rows_of

from pressmark.storage.errors import InputError


def rejects(output: Path) -> dict[object, object]:
    return dict(rows_of(output, "rejects", "source_path", "reason"))  # type: ignore[arg-type]


def verified(output: Path, archive: Path) -> bool:
    return not breaches(output, archive)


def test_a_folder_named_like_an_article_is_a_folder(news: News) -> None:
    news.write("x.md/inner.md")
    news.ingest()
    assert news.rows("articles", "source_path") == [("x.md/inner.md",)]
    assert rejects(news.out) == {}


def test_names_that_are_not_utf8_are_escaped_and_read(news: News) -> None:
    content = news.write("a.md").read_bytes()
    with open(os.fsencode(news.archive) + b"/b\xff\xe9.md", "wb") as file:
        file.write(content.replace(b"example/a", b"example/b"))
    news.ingest(workers=2)
    assert sorted(news.rows("articles", "source_path")) == [("a.md",), ("b\\xff\\xe9.md",)]
    assert verified(news.out, news.archive)
    assert news.ingest(2).parsed == 0


def test_bytes_that_are_no_article_are_kept_with_reason_and_offset(news: News) -> None:
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
        (news.archive / name).write_bytes(content)
    news.ingest()
    found = news.rows("rejects", "source_path", "raw", "reason", "byte_offset")
    assert {name: rest for name, *rest in found} == {name: list(case) for name, case in cases.items()}
    assert verified(news.out, news.archive)


def test_an_output_inside_the_input_is_no_source(news: News) -> None:
    news.write("a.md")
    ingest(news.archive, news.archive / "out")
    report = ingest(news.archive, news.archive / "out", 2)
    assert (report.sources, report.parsed) == (1, 0)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [("https://git.example/news.git", "git clone https"), ("https://a.example/b.zip?c", "curl -LO")],
)
def test_what_is_on_another_machine_says_how_to_fetch_it(news: News, address: str, remedy: str) -> None:
    with pytest.raises(InputError, match=remedy):
        ingest(address, news.out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads whatever it likes")
def test_a_file_without_permission_is_a_reject(news: News) -> None:
    news.write("a.md").chmod(0)
    news.ingest()
    assert rejects(news.out) == {"a.md": "unreadable"}
