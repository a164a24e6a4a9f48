"""The documents: each block runs and prints what is shown. The runner and its conventions are in `documents.py`."""

from __future__ import annotations

import configparser
import contextlib
import io
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from archives import ROOT
from documents import DOCUMENTS, NOT_RUN, Block, Session, blocks_of, fits, shown_by
from program import program_in
from repositories import Repository, files_below

from pressmark.flows.cli import main
from pressmark.schemas.contract import CONTENT_ROLES, ROLES

BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Iterator[dict[Path, Session]]:
    home = tmp_path_factory.mktemp("documents")
    first = home / "first"
    shutil.copytree(ROOT / "seeds", first / "seeds", symlinks=True)
    with contextlib.chdir(first), contextlib.redirect_stdout(io.StringIO()):
        assert main(["ingest", "seeds", "output"]) == 0
    _commit_seeds(first)
    for document in DOCUMENTS:
        shutil.copytree(first, home / document.stem, symlinks=True)
    shutil.copytree(prefect_home, home / "operator" / ".prefect")
    # What stands in the README is run as it is.
    with pl.Config(), program_in(home / "program") as program:  # what snippets set ends with them
        yield {
            document: Session(document, home / document.stem, *[program] * (document.stem != "README"))
            for document in DOCUMENTS
        }


def _commit_seeds(folder: Path) -> None:
    """`news.git`: the seeds, then one of them revised, then another one deleted."""
    repository = Repository(folder / "news.git")
    files = files_below(folder / "seeds")
    revised, deleted = "harbour-gazette/3100102_tide-bell.txt", "harbour-gazette/3100101_clockmaker.md"
    repository.commit(files, at=1_735_722_000)
    text = files[revised]
    assert isinstance(text, bytes)
    before, end, after = text.rpartition(b"</p>")
    files = {**files, revised: before + end + b"<p>The council will hear both sides in spring.</p>" + after}
    repository.commit(files, at=1_738_749_600)
    repository.commit({name: data for name, data in files.items() if name != deleted}, at=1_741_510_800)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.document.name}:{block.line}")
def test_a_block_prints_what_the_document_shows(block: Block, sessions: dict[Path, Session]) -> None:
    match block.language:
        case "python" | "console":
            printed = sessions[block.document].output_of(block)
            shown = shown_by(block)
            assert fits(shown, printed), f"shown:\n{shown}\nprinted:\n{printed}"
        case "toml":
            assert tomllib.loads(block.code)
        case "ini":
            parsed = configparser.ConfigParser(strict=False, interpolation=None)
            parsed.read_string(block.code)
            assert parsed.sections()
        case "diagram":
            assert "►" in block.code
        case "sh":
            assert [line for line in block.code.splitlines() if line.partition("  ")[0] not in NOT_RUN] == []
        case _:
            pytest.fail(f"line {block.line}: `{block.language}` is no language that is run or listed: {block.code}")


def test_the_first_query_of_make_run_counts_every_outlet(sessions: dict[Path, Session]) -> None:
    block = Block(ROOT / "README.md", 1, "console", f"$ python {ROOT}/docs/first_query.py\nshape: (12, 3)\n…\n")
    session = Session(block.document, sessions[block.document].folder)
    session.blocks = [block]
    assert fits(shown_by(block), session.output_of(block))


def test_what_is_not_run_stands_in_a_document() -> None:
    lines = {line.partition("  ")[0] for block in BLOCKS if block.language == "sh" for line in block.code.splitlines()}
    assert lines == NOT_RUN.keys()


def test_each_question_shows_the_picture_that_it_draws(sessions: dict[Path, Session]) -> None:
    """`make docs` sets `DRAW`. What marks stand for is compared: where they lie depends on a machine's fonts."""
    page, kept = ROOT / "docs" / "analyst.md", ROOT / "docs" / "pictures"
    questions = re.split(r"^### \d+\. ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]
    shown = [re.findall(r"^!\[(.{30,})\]\(pictures/(\w+)\.svg\)$", text, re.MULTILINE) for text in questions]
    assert [len(pictures) for pictures in shown] == [1] * 20
    session = sessions[page]
    session.output_of(session.blocks[-1])
    drawn = {path.stem: path.read_text("utf-8") for path in (session.folder / "pictures").iterdir()}
    assert drawn.keys() == {name for [(_, name)] in shown}
    for name, picture in drawn.items():
        path = kept / f"{name}.svg"
        if os.environ.get("DRAW"):
            path.write_text(picture, "utf-8")
        assert _marks(picture) == _marks(path.read_text("utf-8")) != [], f"`make docs` draws {name}"
        assert path.stat().st_size <= 13_000


def _marks(picture: str) -> list[str]:
    return sorted(re.findall(r' aria-label="([^"]+)"', picture))


def test_analysts_read_of_every_role_and_whether_it_is_story() -> None:
    shown = re.findall(r"^\| `(\w+)` \| (yes|no) \|", (ROOT / "docs" / "analyst.md").read_text("utf-8"), re.MULTILINE)
    assert dict(shown) == {role: "yes" if role in CONTENT_ROLES else "no" for role in ROLES}


def test_every_document_with_code_is_covered() -> None:
    assert {block.document.name for block in BLOCKS} >= {"README.md", "analyst.md", "add-an-outlet.md"}


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a … c\n", "a b c\n", True), ("a\n…\nd\n", "a\nb\nc\nd\n", True), ("a … c\n", "a b\nc\n", False),
        ("", "a\n", False), ("a.c\n", "abc\n", False), ("a …   | c\n", "a b-b-b-b | c\n", True),
        ("a\n", "parse 54 of 54\nmerge 43 of 90 (17/s, 3 s left)\nsend 0\na\n", True),
    ],
    ids=["in a line", "lines", "not over lines", "not shown", "no pattern", "in a column", "progress"],
)  # fmt: skip
def test_an_ellipsis_stands_for_anything_and_nothing_else_does(shown: str, printed: str, expected: bool) -> None:
    assert fits(shown, printed) == expected


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("console", "$ echo a\na\n$ echo b\nb\n", True), ("console", "$ echo a\nb\n", False),
        ("console", "$ false\n", False), ("console", "$ false\n$ echo $?\n1\n", True),
        ("console", "$ echo a \\\n> b\na b\n", True), ("console", "$ sleep 600 &\n", True),
        ("console", "$ x=1\n$ echo $x\n1\n", True), ("python", "print('a')", True),
        ("python", "print('a'); 1 / 0", False), ("python", "print('a')  # import pandas", True),
        ("python", "print('a'); 1 / 0  # import pandas", False), ("python", "1 / 0", False),
    ],
    ids=["outputs", "another output", "fails", "shows the code", "carried on", "left running", "one shell", "prints",
         "raises", "prints in a process", "raises in a process", "raises at once"],
)  # fmt: skip
def test_commands_are_compared_one_by_one_and_no_ellipsis_hides_an_error(
    language: str, code: str, expected: bool, tmp_path: Path
) -> None:
    block = Block(ROOT / "README.md", 1, language, code, "…\n" if language == "python" else "")
    session = Session(block.document, tmp_path)
    session.blocks = [block]
    assert fits(shown_by(block), session.output_of(block)) == expected


@pytest.mark.parametrize(
    "text",
    ["a\n\n    make\n", "```\nmake\n```\n", "- a\n  ```sh\n  make\n  ```\n", "```console\n$ a\n", "```text\na\n```\n"],
    ids=["indented", "no language", "fence in a list", "open fence", "output of nothing"],
)
def test_code_that_would_be_skipped_is_found(text: str, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(text, "utf-8")
    assert {block.language for block in blocks_of(document)} <= {"", "text"} != set()
    assert blocks_of(document)
