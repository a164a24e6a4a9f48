"""Every block of the README and of `docs/` runs, in order, and prints what the document shows.

A document has a folder of its own, with a copy of `seeds`, the `output` of `pressmark ingest seeds output`, and a
repository `news.git` in which the seeds were committed, one of them revised and one deleted. The language of a fenced
block says what becomes of it, and each is a test named `document:line`:

- `python` runs in a namespace that the blocks of a document share. A block that imports pandas runs in a process of its
  own, with the folder in which pandas lies on its path: it shares nothing.
- `text` right after a `python` block is what that prints. Without one, it must print nothing.
- `console` has commands after `$ `, carried on in lines after `> `; each prints the lines below it, errors included.
  They run in one bash per block, with `benchmarks` on Python's path, as in a clone; `pressmark` there is a copy of one
  process (`program.py`), and the program itself in the README. A command must end with 0, unless
  the next one is `echo $?`. One that runs on until it is stopped ends with `&`; what a block leaves running is killed.
- `toml` and `ini` must be well-formed. `diagram` is a picture. `sh` is not run, and each of its lines is named below
  with the reason.

In shown output a line `…` stands for any lines, `…` in a line, with the blanks after it, for anything there. Empty
lines do not count, nor do lines of progress, of which a slow machine prints more. All other code fails its test: of
another language, of none, or indented. Blocks before the one asked for are run too, so `-k analyst.md:40` works.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Final, NamedTuple

from archives import ROOT

__all__ = ["DOCUMENTS", "NOT_RUN", "Block", "Session", "blocks_of", "fits", "shown_by"]

DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN: Final = {
    "make run": "makes the environment in which this runs; `test_flow.py` runs the flow",
    "make score": "needs hand-labelled articles that are not part of the repository",
    "make test": "is the run in which this is a test",
}
BIN: Final = Path(sys.executable).parent
PANDAS: Final = BIN.parent / "pandas"
TIMEOUT_S: Final = 400
MARK: Final = "--- ended with"
PROGRESS: Final = re.compile(r"[a-z]+ \d+(?: of \d+)?(?: \(.*\))?")


class Block(NamedTuple):
    """A fenced block; `line` is that of its opening fence, `shown` what a `text` block says it prints."""

    document: Path
    line: int
    language: str
    code: str
    shown: str = ""


def blocks_of(document: Path) -> list[Block]:
    """Blocks in order, each `text` block joined to the `python` block right before it."""
    blocks: list[Block] = []
    source = document.read_text("utf-8")
    end = 0
    for found in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", source, re.MULTILINE):
        between = source[end : found.start()]
        end = found.end()
        blocks += _unfenced(document, source, found.start() - len(between), between)
        language, code = found[1].strip(), found[2]
        if language == "text" and blocks and blocks[-1].language == "python" and not between.strip():
            blocks[-1] = blocks[-1]._replace(shown=code)
        else:
            blocks.append(Block(document, source.count("\n", 0, found.start()) + 1, language, code))
    return [*blocks, *_unfenced(document, source, end, source[end:])]


def _unfenced(document: Path, source: str, start: int, prose: str) -> list[Block]:
    """Code that stands in the prose: indented after an empty line, or in a fence that is indented or open."""
    found = re.search(r"^ *(```|~~~)|(?<=\n\n) {4}", prose, re.MULTILINE)
    return [Block(document, source.count("\n", 0, start + found.start()) + 1, "", found[0])] if found else []


class Session:
    """A document's folder and namespace, and what its blocks printed so far; `program` is a folder with `pressmark`."""

    def __init__(self, document: Path, folder: Path, program: Path = BIN) -> None:
        self.blocks = blocks_of(document)
        self.folder = folder
        self._path = f"{program}:{BIN}:{os.environ['PATH']}"
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed: list[str] = []

    def output_of(self, block: Block) -> str:
        """What a block prints, once those before it have run."""
        number = self.blocks.index(block)
        while len(self.printed) <= number:
            self.printed.append(self._run(self.blocks[len(self.printed)]))
        return self.printed[number]

    def _run(self, block: Block) -> str:
        if block.language == "console":
            return self._process(["bash", "-c", script_of(block)], PYTHONPATH=str(ROOT))[0]
        if block.language != "python":
            return ""
        if "import pandas" in block.code:
            output, code = self._process([str(BIN / "python"), "-c", block.code], PYTHONPATH=str(PANDAS))
            return f"{output}\n{MARK} {code}\n"
        printed, code = io.StringIO(), 0
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(printed):
            try:
                exec(compile(block.code, f"{block.document.name}:{block.line}", "exec"), self.names)
            except Exception:  # noqa: BLE001  # what a snippet raises is what it prints
                printed.write(traceback.format_exc())
                code = 1
        return f"{printed.getvalue()}\n{MARK} {code}\n"

    def _process(self, command: list[str], **variables: str) -> tuple[str, int]:
        """What a process and all it starts print, and its exit code. What stays running would keep a pipe open."""
        left_out = ("PREFECT_", "POLARS_")  # settings of whoever runs the tests, and of the snippets before
        environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        environment |= {"PATH": self._path, "LC_ALL": "C.UTF-8", **variables}
        path = self.folder / ".printed"
        with path.open("wb") as printed:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=printed,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                printed.write(f"still running after {TIMEOUT_S} s\n".encode())
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return path.read_text("utf-8", errors="replace"), process.returncode


def script_of(block: Block) -> str:
    """A block's commands for bash, each with a line after it that tells its exit code and keeps it for the next."""
    commands = re.findall(r"^\$ (.*(?:\n> .*)*)", block.code, re.MULTILINE)
    after = f"status_=$?; echo; echo {MARK} $status_; (exit $status_)"
    return "".join(command.replace("\n> ", "\n") + f"\n{after}\n" for command in commands)


def shown_by(block: Block) -> str:
    """What a block shows as its output, with the lines that tell how it ended, so that no `…` hides an error."""
    if block.language == "python":
        return f"{block.shown}\n{MARK} 0\n"
    first, *parts = re.split(r"^\$ .*(?:\n> .*)*\n", block.code, flags=re.MULTILINE)
    assert not first, "a console block begins with a command"
    commands = re.findall(r"^\$ (.*)", block.code, re.MULTILINE)
    codes = ["…" if following == "echo $?" else "0" for following in [*commands[1:], ""]]
    return "".join(f"{part.rstrip()}\n{MARK} {code}\n" for part, code in zip(parts, codes, strict=True))


def fits(shown: str, printed: str) -> bool:
    """Whether what is printed is what is shown, but for `…`, empty lines and white space at line ends."""
    expected = "".join(
        "(?:.*\n)*" if line == "…" else re.sub(r"…(\\ )*", ".*", re.escape(line)) + "\n" for line in _lines(shown)
    )
    return bool(re.fullmatch(expected, "".join(line + "\n" for line in _lines(printed))))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip() and not PROGRESS.fullmatch(line)]
