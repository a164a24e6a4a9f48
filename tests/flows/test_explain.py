"""`explain`: what it prints of one source, as text and as JSON, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archives import WriteArticle

from pressmark.flows.cli import main


def test_explain_prints_text_and_the_same_as_one_json_object(seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = seeds.rglob("2100101_*.txt")
    data = path.read_bytes()
    assert main(["explain", str(path)]) == 0
    text = capsys.readouterr().out
    assert "rfi (法广), its layout is known" in text
    assert f"[{data.index(b'Array')}, {data.index(b'Array') + 5})" in text
    assert main(["explain", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["source_path"], found["outlet"], found["has_layout"]) == (path.name, "rfi", True)
    assert found["author"] is None
    assert found["dates"]["published_at"] == "2022-01-11T12:41:07Z"
    assert found["dates"]["published_from"] == "header"
    assert found["dates"]["date_conflict"] is False
    assert [block["role"] for block in found["blocks"]] == ["dateline", "boilerplate", "lede", *["body"] * 6]
    assert found["blocks"][2]["reason"] == "a bold sentence above the story"
    assert found["blocks"][2]["elements"] == ["p", "strong"]
    for block in found["blocks"]:
        assert block["reason"]
        assert block["text"] in data[block["byte_start"] : block["byte_end"]].decode()


def test_explain_says_where_no_layout_is_known_and_cuts_long_paths_of_elements(
    write_article: WriteArticle, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_article("a.md", body="<div><ul><li><p><b><i>松岭市图书馆今天开放。</i></b></p></li></ul></div>")
    assert main(["explain", str(path)]) == 0
    text = capsys.readouterr().out
    assert "songling-times-example (songling-times-example), general rules only" in text
    assert "… > li > p > b > i\n" in text
    assert "松岭市图书馆今天开放。\n" in text


@pytest.mark.parametrize(
    ("name", "reason", "offset"),
    [("empty_file.md", "empty_file", 0), ("invalid_utf8.md", "invalid_utf8", 238), ("no_header.html", "no_header", 0),
     ("bad_timestamp.md", "bad_timestamp", 4), ("no_text.md", "no_text", 187), ("too_complex.md", "too_complex", 5113)],
)  # fmt: skip
def test_explain_ends_with_1_on_a_reject_and_says_why_and_where(
    name: str, reason: str, offset: int, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(seeds / "broken" / name)]) == 1
    assert capsys.readouterr().out.startswith(f"{name}: {reason} at byte {offset}: ")
    assert main(["explain", str(seeds / "broken" / name), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["source_path"], found["reason"], found["byte_offset"]) == (name, reason, offset)


def test_explain_rejects_a_source_above_the_limit_without_an_offset(
    write_article: WriteArticle, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_article("a.md", body="<p>松岭</p>" + "<!-- -->" * (1 << 17))
    assert main(["explain", str(path)]) == 0
    capsys.readouterr()
    assert main(["explain", str(path), "--max-source-mib", "1"]) == 1
    assert capsys.readouterr().out.startswith("a.md: too_large: ")


def test_explain_of_a_file_of_records_says_what_shows_them(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (archive / "a.jsonl").write_text("{}\n")
    assert main(["explain", str(archive / "a.jsonl")]) == 3
    assert "this is a file of records" in capsys.readouterr().err


def test_explain_of_a_page_that_a_browser_saved_is_of_the_page(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = b"Content-Type: text/html\nContent-Location: https://songling-times.example/a\nMIME-Version: 1.0\n\n"
    (archive / "a.mhtml").write_bytes(head + "<html><body><p>水门开了，渡轮过河。</p></body></html>".encode())
    assert main(["explain", str(archive / "a.mhtml")]) == 0
    said = capsys.readouterr().out
    assert "outlet      songling-times-example" in said
    assert "水门开了，渡轮过河。" in said


def test_explain_takes_no_date_to_come_for_a_fact_and_shows_no_control_characters(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive / "a.md"
    path.write_text(
        "<!--4102444800000-->\n[渡\x1b[31m轮](https://songling-times.example/a)\n------\n<p class='\x1b[1m'>松岭</p>"
    )
    assert main(["explain", str(path)]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "conflict    yes" in text
    assert "published   - from none" in text
