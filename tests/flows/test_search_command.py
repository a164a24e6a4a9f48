"""`search` and `index`: what people and programs get to see, and which exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from repositories import article

import pressmark
from pressmark.flows.cli import main

PAYLOAD = "高超\x1b[31m音速 <script>alert(1)</script> \u202eevil [x](javascript:1)"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    (folder / "news").mkdir()
    payload = PAYLOAD.replace("<", "&lt;")
    long = f"<p>{'前' * 200}高超音速{'后' * 200}高超音速</p>"
    (folder / "news" / "a.md").write_bytes(article("a", body=f"<p>{payload}</p><h2>标题高超</h2>{long}"))
    (folder / "news" / "b.md").write_bytes(article("b", body="<p>别的高超</p>", at="2023-01-01"))
    pressmark.ingest(folder / "news", folder / "out", workers=1)
    return folder / "out"


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (["高超"], 0, ["2023-01-01  songling-times-example  松岭市举行读书节", "  别的»高超«", "4 blocks found"]),
        (["高超", "--limit", "1"], 0, ["more than 1 block found; `--limit` shows more"]),
        (["高超", "--since", "2023-01-01", "--until", "2023-01-01"], 0, ["1 block found"]),
        (["高超", "--since", "2023", "--until", "2023-01"], 0, ["1 block found"]),
        (["高超", "--until", "2022-12-31", "--role", "heading"], 0, ["  标题»高超«", "(heading)", "1 block found"]),
        (["高超音速"], 0, [f"  …{'前' * 60}»高超音速«…{'后' * 60}»高超音速«", "1 block found"]),
        (["alert"], 0, ["高超\\x1b[31m音速 <script>»alert«(1)</script> \\u202eevil [x](javascript:1)"]),
        (["没有这个"], 1, ["nothing found"]),
    ],
)
def test_a_list_shows_where_hits_are(
    output: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, shown: list[str]
) -> None:
    assert main(["search", words[0], str(output), *words[1:]]) == code
    said = capsys.readouterr().out
    assert [one for one in shown if one not in said] == []
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_programs_get_a_line_of_json_for_each_hit(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "高超 OR 前", str(output), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["published_at"] for row in rows] == ["2023-01-01T00:00:00Z", *["2022-03-04T05:06:07Z"] * 3]
    assert rows[1]["text"] == PAYLOAD
    assert rows[0]["spans"] == [{"start": 2, "end": 4}]
    assert main(["search", "没有这个", str(output), "--json"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "words", [["(高"], ["高", "--role", "bod"], ["高", "--outlet", "x"], ["高", "--since", "neulich"]]
)
def test_wrong_arguments_are_said_with_the_remedy(
    output: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["search", words[0], str(output), *words[1:], "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["remedy"]


def test_an_index_is_made_on_demand(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files_read"] == 2
    assert main(["index", str(output)]) == 0
    assert "the index is up to date" in capsys.readouterr().out
    assert main(["search", "别的", str(output)]) == 0
