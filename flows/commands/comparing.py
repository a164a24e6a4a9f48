"""What two outputs, or a copy and what became of it, differ in: `compare`."""

from __future__ import annotations

import argparse
from typing import Final

import polars as pl

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.summary import as_json, printable, table
from pressmark.storage.dataset import Dataset

__all__ = ["compare"]

KINDS: Final = ("came", "went", "changed")
WIDEST: Final = 60


def compare(arguments: argparse.Namespace) -> int:
    """Print how many rows came, went and changed, why, and the first of them; the exit code."""
    with Dataset(arguments.old) as old, Dataset(arguments.new) as new:
        found = old.differences(new)
    if arguments.json:
        for row in found.iter_rows(named=True):
            print(as_json(row))
        return EXIT_NOTHING if found.height else EXIT_OK
    if not found.height:
        print("no row differs, but in the columns that tell of the run")
        return EXIT_OK
    counts = found.group_by("table", "why", maintain_order=True).agg(
        (pl.col("kind") == kind).sum().alias(kind) for kind in KINDS
    )
    print(table(("table", "because of", *KINDS), list(counts.iter_rows())), end="\n\n")
    shown = [
        (row["table"], row["id"], row["kind"], row["why"], ", ".join(row["columns"]),
         printable(row["source_path"] or "")[-WIDEST:])
        for row in found.head(arguments.limit).iter_rows(named=True)
    ]  # fmt: skip
    print(table(("table", "id", "", "because of", "columns", "source"), shown))
    if found.height > len(shown):
        print(f"\nand {found.height - len(shown):,} more; --limit or --json shows them")
    return EXIT_NOTHING
