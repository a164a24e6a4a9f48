"""`pressmark asof`: the articles of an archive as it stood at a moment."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.summary import printable, table
from pressmark.storage.moments import articles_at
from pressmark.storage.output.tables import Output

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print or write the articles; the exit code."""
    moment = arguments.time
    found, last = articles_at(Output(arguments.output), moment, text=arguments.json or arguments.to is not None)
    if last.committed_at is not None and moment > last.committed_at:
        when = f"{last.committed_at:%Y-%m-%d %H:%M:%S}"
        print(f"note: the archive is known up to its commit of {when} UTC", file=sys.stderr)
    if arguments.to is not None:
        found.write_parquet(arguments.to)
        print(f"{found.height} articles as of {moment:%Y-%m-%d %H:%M:%S} UTC written to {arguments.to}")
        return EXIT_OK
    if arguments.json:
        found.write_ndjson(sys.stdout)
        return EXIT_OK
    shown = found if arguments.limit is None else found.head(arguments.limit)
    rows = [
        (row["article_id"], _day(row["published_at"]), row["outlet"], printable(row["title"]))
        for row in shown.iter_rows(named=True)
    ]
    print(table(("article", "published", "outlet", "title"), rows))
    more = f"; the first {shown.height} are shown" if shown.height < found.height else ""
    print(f"\n{found.height} articles stood at {moment:%Y-%m-%d %H:%M:%S} UTC{more}")
    return EXIT_OK


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"
