"""Citations: `cite` writes one, `check` looks at one without the output."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, UsageError
from pressmark.flows.summary import as_json, printable
from pressmark.storage.citing import cite as cite_paragraph
from pressmark.storage.output.tables import Output
from pressmark.transforms.citation import check_citation, markdown_of, written

__all__ = ["check", "cite"]

WORDS: Final = {"ok": "holds       ", "fail": "FAILS       ", "open": "not checked "}


def cite(arguments: argparse.Namespace) -> int:
    """Write a citation, and print a line of Markdown; the exit code."""
    content = cite_paragraph(Output(arguments.output), arguments.paragraph_id, arguments.source)
    path: Path = arguments.to or Path(f"{arguments.paragraph_id}.json")
    path.write_bytes(written(content))
    print(printable(markdown_of(content)))
    return EXIT_OK


def check(arguments: argparse.Namespace) -> int:
    """Print what holds of a citation; the exit code."""
    root = None if arguments.root is None else arguments.root.lower()
    if root is not None and not re.fullmatch("[0-9a-f]{64}", root):
        raise UsageError("a root has 64 hexadecimal digits", arguments.root, "copy it from the table `runs`")
    source = None if arguments.source is None else arguments.source.read_bytes()
    findings = check_citation(arguments.citation.read_bytes(), source, root)
    if arguments.json:
        print(as_json([finding._asdict() for finding in findings]))
    else:
        print("\n".join(WORDS[kind] + printable(what) for kind, what in findings))
    return EXIT_NOTHING if any(finding.kind == "fail" for finding in findings) else EXIT_OK
