"""What finds rows: `search` and its `index`, `clusters` of copies, `compare` with another output or moment, `keep`."""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import polars as pl

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.summary import ProgressDisplay, as_json, counted, printable, table, takes_long, utc
from pressmark.storage.dataset import Dataset
from pressmark.storage.output.folder import save
from pressmark.storage.output.snapshot import drop_moments, kept
from pressmark.storage.output.snapshot import keep as keep_moment
from pressmark.storage.output.tables import Output
from pressmark.storage.search_index import build_index

__all__ = ["clusters", "compare", "index", "keep", "search"]

# Of a list; `--json` gives all.
LISTED: Final = 20
# Characters of a block's text.
AROUND: Final = 60
SHOWN: Final = 400


def search(arguments: argparse.Namespace) -> int:
    """Print what the query finds; the exit code."""
    limit = arguments.limit or (None if arguments.json else LISTED)
    with Dataset(arguments.output) as dataset:
        found = dataset.search(
            arguments.query, outlet=arguments.outlet, since=arguments.since, until=arguments.until,
            role=arguments.role, superseded=not arguments.current, limit=limit and limit + 1,
        )  # fmt: skip
    hits = found if limit is None else found.head(limit)
    for hit in hits.iter_rows(named=True):
        print(as_json(hit) if arguments.json else "\n".join(_lines(hit)))
    if not arguments.json:
        more = "more than " if found.height > hits.height else ""
        shown = "; `--limit` shows more" if more else ""
        print(f"{more}{counted(hits.height, 'block')} found{shown}" if hits.height else "nothing found")
    return EXIT_OK if hits.height else EXIT_NOTHING


def index(arguments: argparse.Namespace) -> int:
    """Bring the index up to date, and print what it has; the exit code."""
    with ProgressDisplay() as progress:
        read, size = build_index(Output(arguments.output), progress)
    if arguments.json:
        print(as_json({"files_read": read, "index_bytes": size}))
    else:
        done = f"{counted(read, 'file')} indexed" if read else "the index is up to date"
        print(f"{done}; it has {size / 1e6:.1f} MB")
    return EXIT_OK


def _lines(hit: dict[str, Any]) -> list[str]:
    published = "no date" if hit["published_at"] is None else utc(hit["published_at"])[:10]
    state = hit["role"] if hit["current"] else f"superseded, revision {hit['revision_id']}"
    name = hit["paragraph_id"] or f"{hit['article_id']}, block {hit['ordinal']}"
    return [
        f"{published}  {hit['outlet']}  {printable(hit['title'] or '-')}",
        f"  {_marked(hit['text'], [(span['start'], span['end']) for span in hit['spans']])}",
        f"  {name}  ({state})  {printable(hit['url'] or 'no URL')}",
        "",
    ]


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    """The hits between » and «, with what stands around them, on one line.

    >>> _marked("One fish,\\ntwo fish.", [(4, 8), (14, 18)])
    'One »fish«, two »fish«.'
    """
    said, shown = "", 0
    for start, end in spans or [(0, 0)]:
        if len(said) > SHOWN:
            break
        begin = max(shown, start - AROUND)
        said += f"{'…' if begin > shown else ''}{text[begin:start]}" + (f"»{text[start:end]}«" if end else "")
        shown = end
    rest = text[shown : shown + AROUND]
    return printable(re.sub(r"\s", " ", f"{said}{rest}{'…' if len(text) > shown + AROUND else ''}"))


KINDS: Final = ("came", "went", "changed")
WIDEST: Final = 60
FEW: Final = 3


def clusters(arguments: argparse.Namespace) -> int:
    """Print or write the clusters; the exit code."""
    with Dataset(arguments.output) as dataset:
        if dataset.kept_clusters() is None:
            takes_long("comparing all texts")
        found = dataset.clusters(keep=arguments.keep)
        titles = dataset.articles.select("article_id", "title").collect()
        texts = dataset.paragraphs.select("paragraph_id", pl.col("text").cast(pl.String)).filter(
            pl.col("paragraph_id").is_in(found["paragraph_id"].filter(found["first"]).implode())
        ).collect()  # fmt: skip
    if arguments.to is not None:
        found.write_parquet(content := io.BytesIO())
        save(arguments.to, content.getvalue())
        print(f"{found.height:,} members of {found['cluster_id'].n_unique():,} clusters written to {arguments.to}")
        return EXIT_OK
    if arguments.of is None:
        found = found.filter(level=arguments.level)
    else:
        mine = pl.any_horizontal(pl.col("cluster_id", "article_id", "paragraph_id") == arguments.of)
        found = found.filter(mine.any().over("cluster_id"))
    if arguments.across:
        found = found.filter(pl.col("outlet").n_unique().over("cluster_id") > 1)
    if arguments.json:
        for row in found.iter_rows(named=True):
            print(as_json(row))
        return EXIT_OK if found.height else EXIT_NOTHING
    if not found.height:
        print("no copies were found")
        return EXIT_NOTHING
    found = found.join(titles, on="article_id", how="left").join(texts, on="paragraph_id", how="left")
    found = found.with_columns(said=pl.coalesce("text", "title"))
    if arguments.of is not None:
        print(table(("cluster", "member", "outlet", "at", "kind", "alike", "title"), list(_members(found))))
        return EXIT_OK
    later = ~pl.col("first")
    largest = found.group_by("cluster_id").agg(
        pl.len().alias("members"),
        *((later & (pl.col("kind") == kind)).sum().alias(kind) for kind in ("same", "edited", "quoted")),
        *(pl.col(name).filter("first").first().alias(f"first {name}") for name in ("outlet", "published_at")),
        pl.col("outlet").filter(later).unique().sort(), pl.col("said").filter("first").first(),
    ).sort("members", "cluster_id", descending=[True, False])  # fmt: skip
    head = ("cluster", "members", "same", "edited", "quoted", "first", "at", "then", "title or text")
    shown = [
        (*row[:6], _at(row[6]), ", ".join(row[7][:FEW]) + (", …" if len(row[7]) > FEW else ""), _head(row[8]))
        for row in largest.head(arguments.limit).iter_rows()
    ]
    print(table(head, shown))
    if largest.height > len(shown):
        print(f"\nand {largest.height - len(shown):,} more; --limit, --to or --json shows them")
    return EXIT_OK


def _members(found: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """Each member of some clusters, the first of each before those that came later."""
    for row in found.sort("level", "cluster_id", "published_at", "article_id", nulls_last=True).iter_rows(named=True):
        kind = "first" if row["first"] else row["kind"]
        yield (row["cluster_id"][:8], row["paragraph_id"] or row["article_id"], row["outlet"], _at(row["published_at"]),
               kind, f"{row['similarity']:.0%}", _head(row["title"]))  # fmt: skip


def _at(moment: datetime | None) -> str:
    return "unknown" if moment is None else utc(moment)


def _head(text: str | None) -> str:
    return printable(" ".join((text or "").split())[:WIDEST])


def compare(arguments: argparse.Namespace) -> int:
    """Print how many rows came, went and changed, why, and the first of them; the exit code."""
    with Dataset(arguments.old) as old, Dataset(arguments.new) as new:
        takes_long("comparing all rows")
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
