"""What two outputs differ in: `compare`; a moment of one: `keep`; which texts are copies of each other: `clusters`."""

from __future__ import annotations

import argparse
from typing import Final

import polars as pl

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.summary import as_json, printable, table, utc
from pressmark.storage.dataset import Dataset
from pressmark.storage.moments import drop_moments, kept
from pressmark.storage.moments import keep as keep_moment
from pressmark.storage.output.tables import Output

__all__ = ["clusters", "compare", "keep"]

KINDS: Final = ("came", "went", "changed")
WIDEST: Final = 60


def clusters(arguments: argparse.Namespace) -> int:
    """Print or write the clusters; the exit code."""
    with Dataset(arguments.output) as dataset:
        found = dataset.clusters(keep=arguments.keep)
        titles = dataset.articles.select("article_id", "title").collect()
    if arguments.to is not None:
        found.write_parquet(arguments.to)
        print(f"{found.height:,} members of {found['cluster_id'].n_unique():,} clusters written to {arguments.to}")
        return EXIT_OK
    found = found.filter(level=arguments.level)
    if arguments.across:
        found = found.filter(pl.col("outlet").n_unique().over("cluster_id") > 1)
    if arguments.json:
        for row in found.iter_rows(named=True):
            print(as_json(row))
        return EXIT_OK if found.height else EXIT_NOTHING
    if not found.height:
        print("no copies were found")
        return EXIT_NOTHING
    largest = found.join(titles, on="article_id", how="left").group_by("cluster_id").agg(
        pl.len().alias("members"), pl.col("outlet").n_unique().alias("outlets"),
        *((pl.col("kind") == kind).sum().alias(kind) for kind in ("same", "edited", "quoted")),
        *(pl.col(name).filter("first").first().alias(f"first {name}") for name in ("outlet", "published_at", "title")),
    ).sort("members", "cluster_id", descending=[True, False])  # fmt: skip
    head = ("cluster", "members", "outlets", "same", "edited", "quoted", "first", "at", "title")
    shown = [
        (*row[:7], "unknown" if row[7] is None else utc(row[7]), printable(row[8] or "")[:WIDEST])
        for row in largest.head(arguments.limit).iter_rows()
    ]
    print(table(head, shown))
    if largest.height > len(shown):
        print(f"\nand {largest.height - len(shown):,} more; --limit, --to or --json shows them")
    return EXIT_OK


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


def keep(arguments: argparse.Namespace) -> int:
    """Keep the output's moment, list those that are kept, or let go of one; the exit code."""
    output = Output(arguments.output)
    if arguments.drop is not None:
        drop_moments(output, arguments.drop)
    found = kept(output) if arguments.list or arguments.drop is not None else [keep_moment(output)]
    for moment in found:
        if arguments.json:
            print(as_json(moment._asdict()))
        else:
            print(f"{output.address}@{moment.run_id}  {moment.own_bytes / 1e6:.1f} MB that the output has no more")
    if not found and not arguments.json:
        print("no moment is kept")
    return EXIT_OK
