"""`pressmark status`: what an output holds, read with polars as an analyst would."""

from __future__ import annotations

import argparse
import json
from typing import Any

import polars as pl

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.summary import table
from pressmark.schemas import TABLES
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.scan import scan

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print counts per outlet and month, the last run, and rejects by reason; the exit code."""
    output = Output(arguments.output)
    runs = scan(output, TABLES["runs"])
    if runs is None:
        raise OutputError("no run has written to this folder", output.address, "name an output folder, or ingest first")
    counts = _counts(output)
    reasons = _reasons(output)
    last = runs.sort("started_at", "run_id").last().collect().row(0, named=True)
    if arguments.json:
        facts = {"partitions": counts, "rejects": reasons, "last_run": last}
        print(json.dumps(facts, default=str))
        return EXIT_OK
    rows = [(c["outlet"], c["month"], c["articles"], c["paragraphs"], c["revisions"]) for c in counts]
    print(table(("outlet", "month", "articles", "paragraphs", "superseded"), rows))
    print()
    if reasons:
        print(table(("reject reason", "sources"), list(reasons.items())))
        print()
    print(
        f"last run {last['run_id']}: {last['started_at']:%Y-%m-%d %H:%M:%S} UTC, {last['sources']} sources, "
        f"{last['parsed']} parsed, {last['rejected']} rejected, {last['partitions_written']} files written"
    )
    return EXIT_OK


def _counts(output: Output) -> list[dict[str, Any]]:
    """Rows of `articles`, `paragraphs` and `revisions` per outlet and month."""
    frames = []
    for name in ("articles", "paragraphs", "revisions"):
        rows = scan(output, TABLES[name])
        if rows is not None:
            frames.append(rows.group_by("outlet", "month").len().with_columns(table=pl.lit(name)))
    if not frames:
        return []
    counts = pl.concat(frames).collect().pivot("table", index=["outlet", "month"], values="len").fill_null(0)
    for name in ("articles", "paragraphs", "revisions"):
        if name not in counts.columns:
            counts = counts.with_columns(pl.lit(0).alias(name))
    return counts.sort("outlet", "month").to_dicts()


def _reasons(output: Output) -> dict[str, int]:
    rows = scan(output, TABLES["rejects"])
    if rows is None:
        return {}
    counts = rows.group_by(pl.col("reason").cast(pl.String)).len().sort(["len", "reason"], descending=[True, False])
    return dict(counts.collect().iter_rows())
