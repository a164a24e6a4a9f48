"""Citations: `cite` writes one, `sign` signs the root that they lead to, `check` looks at both without the output."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, UsageError
from pressmark.flows.summary import as_json, printable
from pressmark.storage.citing import SIGNED, check_signed
from pressmark.storage.citing import cite as cite_paragraph
from pressmark.storage.citing import sign as sign_root
from pressmark.storage.output.tables import Output
from pressmark.transforms.citation import check_citation, markdown_of, written

__all__ = ["check", "cite", "sign"]

WORDS: Final = {"ok": "holds       ", "fail": "FAILS       ", "open": "not checked "}


def cite(arguments: argparse.Namespace) -> int:
    """Write a citation, and print a line of Markdown; the exit code."""
    content = cite_paragraph(Output(arguments.output), arguments.paragraph_id, arguments.source)
    path: Path = arguments.to or Path(f"{arguments.paragraph_id}.json")
    path.write_bytes(written(content))
    print(printable(markdown_of(content)))
    return EXIT_OK


def sign(arguments: argparse.Namespace) -> int:
    """Write the signed root, and print it; the exit code."""
    root = sign_root(Output(arguments.output), arguments.key, arguments.to, arguments.authority)
    names = [name for name in SIGNED.values() if (arguments.to / name).exists()]
    print(f"root {root}: {', '.join(names)} in {printable(str(arguments.to))}")
    return EXIT_OK


def check(arguments: argparse.Namespace) -> int:
    """Print what holds of a citation; the exit code."""
    root = None if arguments.root is None else arguments.root.lower()
    if root is not None and not re.fullmatch("[0-9a-f]{64}", root):
        raise UsageError("a root has 64 hexadecimal digits", arguments.root, "copy it from the table `runs`")
    source = None if arguments.source is None else arguments.source.read_bytes()
    data = arguments.citation.read_bytes()
    findings = check_citation(data, source, root)
    if arguments.signed is None and (arguments.key or arguments.authority):
        raise UsageError("there is nothing signed to check", "--key", "name the folder with `--signed`")
    if arguments.signed is not None and all(finding.kind != "fail" for finding in findings):
        cited = json.loads(data)["root"]
        findings += check_signed(arguments.signed, cited, arguments.key, arguments.authority)
    if arguments.json:
        print(as_json([finding._asdict() for finding in findings]))
    else:
        print("\n".join(WORDS[kind] + printable(what) for kind, what in findings))
    return EXIT_NOTHING if any(finding.kind == "fail" for finding in findings) else EXIT_OK
