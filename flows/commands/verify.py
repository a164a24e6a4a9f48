"""`pressmark verify`: the laws on every row."""

from __future__ import annotations

import argparse
import json
import time

from pressmark.flows.cli import EXIT_OK, EXIT_REJECTS
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.summary import LAWS, printable
from pressmark.storage.output.tables import Output
from pressmark.storage.verification import Verification, verify_output

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Verify, print breaches and counts; the exit code."""
    output = Output(arguments.output)
    started = time.monotonic()
    with ProgressDisplay() as progress:
        found = verify_output(
            output,
            arguments.source,
            workers=arguments.workers,
            progress=lambda done, total: progress("verify", done, total),
        )
    print(_json(found) if arguments.json else _text(found, time.monotonic() - started))
    return EXIT_REJECTS if found.breaches else EXIT_OK


def _text(found: Verification, seconds: float) -> str:
    lines = []
    for breach in found.breaches:
        where = "" if breach.byte_offset is None else f", byte {breach.byte_offset}"
        broken = f"law {breach.law} ({LAWS[breach.law]})"
        lines.append(f"{broken}: {printable(breach.source_path)}{where}: {printable(breach.problem)}")
    checked = {1: found.paragraphs, 2: found.paragraphs, 3: found.paragraphs, 4: found.articles, 5: found.sources}
    for law, name in LAWS.items():
        count = sum(breach.law == law for breach in found.breaches)
        unit = "paragraphs" if law < 4 else "articles" if law == 4 else "sources"
        lines.append(f"law {law}, {name}: {checked[law]} {unit} checked, {count} breaches")
    lines.append(
        f"{found.articles} articles, {found.revisions} superseded revisions and {found.rejects} rejects of "
        f"{found.sources} sources; {found.source_bytes / 1e6:.1f} MB re-read in {seconds:.1f} s "
        f"({found.source_bytes / 1e6 / seconds:.1f} MB/s)"
    )
    if found.not_ingested:
        lines.append(
            f"note: {found.not_ingested} sources are not ingested, as the latest run asked for a part of the archive; "
            "ingest without `--limit`, `--since` and `--outlet` to have them"
        )
    return "\n".join(lines)


def _json(found: Verification) -> str:
    return json.dumps(
        {**found._asdict(), "breaches": [breach._asdict() for breach in found.breaches]}, ensure_ascii=False
    )
