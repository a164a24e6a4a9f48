"""Every error as a page of Markdown, made from the code that raises them: `make docs` writes it to `errors.md`."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pressmark.flows.cli import EXIT_FAILED, EXIT_USAGE
from pressmark.storage.errors import PressmarkError, SettingsError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("storage", "warehouses", "views", "flows")
HEAD = """\
# Errors

This page is made from the code by `make docs`. An error says what is wrong, where, and what to do about it:

> pressmark: there is no such file or folder: `archive`; give the folder that holds the archive

Under `--json` it is one object on standard output: `code`, `message`, `where`, `remedy`. The code tells what an
operator does about it, and the exit code whether the arguments or the world are wrong. Bad sources are no errors: they
are rows of `rejects`. `…` stands for what differs from case to case.
"""


class Raised(NamedTuple):
    """An error as a line of code makes it, with `…` for what differs."""

    kind: str
    what: str
    remedy: str


def errors_page() -> str:
    """Markdown: a section for each code with its meaning, its exit code, and every message with its remedy."""
    kinds = _kinds()
    raised = sorted({one for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
                     for one in _raised(path, kinds)})  # fmt: skip
    lines = [HEAD]
    for name, kind in sorted(kinds.items()):
        found = [one for one in raised if one.kind == name]
        exit_code = EXIT_USAGE if issubclass(kind, SettingsError) else EXIT_FAILED
        meaning = " ".join((kind.__doc__ or "").split())
        lines += [f"## `{_code(kind)}`", "", f"{meaning} Exit code {exit_code}; in Python `{name}`.", ""]
        if found:
            lines += ["| message | remedy |", "|---|---|", *(f"| {one.what} | {one.remedy} |" for one in found), ""]
    return "\n".join(lines)


def _kinds() -> dict[str, type[PressmarkError]]:
    for module in ("storage.errors", "warehouses.address", "flows.cli", "flows.server"):
        importlib.import_module(f"pressmark.{module}")
    waiting, found = [PressmarkError], {}
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind is not PressmarkError:
            found[kind.__name__] = kind
    return found


def _code(kind: type[PressmarkError]) -> str:
    return kind("", "", "").code


def _raised(path: Path, kinds: dict[str, type[PressmarkError]]) -> Iterator[Raised]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in kinds and len(node.args) == 3:
            yield Raised(node.func.id, _words(node.args[0]), _words(node.args[2]))
        elif node.func.id == "Remedy" and len(node.args) >= 3:
            busy = any(one.arg == "busy" for one in node.keywords)
            kind = "DestinationBusyError" if busy else "DestinationError"
            yield Raised(kind, _words(node.args[1]), _words(node.args[2]))


def _words(node: ast.expr) -> str:
    """A text as far as the code says it."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(_words(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        text = _words(node.left) + _words(node.right)
    else:
        text = "…"
    return (
        " ".join(text.replace("|", "\\|").split()) if not isinstance(node, ast.Constant) else text.replace("|", "\\|")
    )


if __name__ == "__main__":
    sys.stdout.write(errors_page())
