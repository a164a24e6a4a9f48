"""Which rows of two moments differ, in what, and why: what an upgrade or an archive's new state did to a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from pressmark.schemas.contract import Table
from pressmark.schemas.tables import ARTICLES, MEDIA, PARAGRAPHS, REJECTS, REVISIONS
from pressmark.transforms.selection import FORGOTTEN

__all__ = ["COMPARED", "WHY", "differences"]

COMPARED: Final = (ARTICLES, PARAGRAPHS, MEDIA, REVISIONS, REJECTS)
# What a difference comes from: an article that was forgotten, another source, or the same one read by another contract,
# another parser (with its registry of outlets), or with other settings.
WHY: Final = ("forgotten", "source", "contract", "parser", "settings")
SOURCE: Final = ("archive", "source_path", "source_sha256")
Frames = Mapping[str, pl.LazyFrame]


def differences(old: Frames, new: Frames) -> pl.LazyFrame:
    """One row for each row that came, went or changed: `table`, `id`, `kind`, `outlet` (null for rejects),
    `source_path`, `columns` (what changed; empty for other kinds) and `why`, one of `WHY`. Columns that tell of the run
    alone are not compared. `old` and `new` are the tables of two moments by name, `runs` among them.

    Rows are in the order of the tables, then of `source_path`, `id` and `kind`.
    """
    found = [_of_table(old, new, table, number) for number, table in enumerate(COMPARED)]
    return pl.concat(found).sort("order", "source_path", "id", "kind").drop("order")


def _of_table(old: Frames, new: Frames, table: Table, order: int) -> pl.LazyFrame:
    name, key = table.name, table.schema.names[0]
    before, after = (_plain(frames[name]) for frames in (old, new))
    there, apart = before.collect_schema().names(), (key, *table.run_columns)
    columns = [one for one in after.collect_schema().names() if one in there and one not in apart]
    joined = before.select(key, *columns, here=True).join(
        after.select(key, *columns, here=True), on=key, how="full", suffix=" new", coalesce=True
    )
    changed = [pl.when(pl.col(one).ne_missing(pl.col(f"{one} new"))).then(pl.lit(one)) for one in columns]
    both = pl.col("here").is_not_null() & pl.col("here new").is_not_null()
    outlet = pl.coalesce("outlet new", "outlet") if "outlet" in columns else pl.lit(None, pl.String)
    rows = joined.select(
        pl.lit(order).alias("order"), pl.lit(name).alias("table"), pl.col(key).alias("id"),
        pl.when(both).then(pl.lit("changed")).when(pl.col("here").is_null()).then(pl.lit("came")).otherwise(pl.lit("went"))
        .alias("kind"), outlet.alias("outlet"),
        pl.when(both).then(pl.concat_list(changed).list.drop_nulls()).otherwise(pl.lit([], pl.List(pl.String)))
        .alias("columns"),
    ).filter((pl.col("kind") != "changed") | (pl.col("columns").list.len() > 0))  # fmt: skip
    return _with_reasons(rows, _sources(old, name, key), _sources(new, name, key), old, new)


def _with_reasons(
    rows: pl.LazyFrame, before: pl.LazyFrame, after: pl.LazyFrame, old: Frames, new: Frames
) -> pl.LazyFrame:
    """The rows with `source_path` and `why`, by the source of each side and by who read it there."""
    seen_before, seen_after = _seen(old), _seen(new)
    both = rows.join(before, on="id", how="left").join(after, on="id", how="left", suffix=" new")
    # What came or went has one side: the other's is the same source, wherever it is there.
    both = both.join(seen_after, on=SOURCE, how="left", suffix=" seen").join(
        seen_before, left_on=[f"{column} new" for column in SOURCE], right_on=SOURCE, how="left", suffix=" was"
    )
    same = pl.col("source_sha256") == pl.col("source_sha256 new")
    one_side = pl.col("kind") == "came"
    run_old = pl.when(one_side).then(pl.col("reader was")).otherwise(pl.col("reader"))
    run_new = pl.when(one_side).then(pl.col("reader new")).otherwise(pl.coalesce("reader new", "reader seen"))
    there = pl.when(pl.col("kind") == "changed").then(same).otherwise(run_old.is_not_null() & run_new.is_not_null())
    # A source that was current is so no more, or the other way round: the archive has another one, or lost it.
    own = pl.when(pl.col("table") == "revisions").then(pl.lit("revisions")).otherwise(pl.lit("articles"))
    other = pl.when(one_side).then(pl.col("standing was")).otherwise(pl.col("standing"))
    moved = (pl.col("kind") != "changed") & (pl.col("table") != "rejects") & (other != own) & (other != "rejects")

    def field(name: str) -> pl.Expr:
        return run_old.struct.field(name).ne_missing(run_new.struct.field(name))

    rejects = [_plain(frames["rejects"]).filter(pl.col("reason") == FORGOTTEN).select(SOURCE) for frames in (old, new)]
    both = both.join(
        pl.concat(rejects).unique().with_columns(forgotten=True), how="left", right_on=SOURCE,
        left_on=[pl.coalesce(f"{column} new", column) for column in SOURCE],
    )  # fmt: skip
    why = (
        pl.when("forgotten").then(pl.lit("forgotten"))
        .when(~there.fill_null(value=False) | moved.fill_null(value=False)).then(pl.lit("source"))
        .when(field("contract_version")).then(pl.lit("contract"))
        .when(field("parser_version")).then(pl.lit("parser"))
        .otherwise(pl.lit("settings"))
    )  # fmt: skip
    return both.select(
        "order",
        "table",
        "id",
        "kind",
        "outlet",
        pl.coalesce("source_path new", "source_path").alias("source_path"),
        "columns",
        why.alias("why"),
    )


def _sources(frames: Frames, name: str, key: str) -> pl.LazyFrame:
    """Each row's source, and what read it."""
    rows = _plain(frames[name])
    if "source_path" not in rows.collect_schema().names():
        own = _plain(frames["articles"]).select("article_id", *SOURCE, "run_id")
        rows = rows.select(key, "article_id").join(own, on="article_id", how="left")
    return _read_by(rows.select(pl.col(key).alias("id"), *SOURCE, "run_id"), frames)


def _seen(frames: Frames) -> pl.LazyFrame:
    """Every source of a moment once, what read it, and its `standing`: the table that it is in."""
    names = ("articles", "revisions", "rejects")
    rows = [_plain(frames[name]).select(*SOURCE, "run_id", standing=pl.lit(name)) for name in names]
    once = pl.concat(rows).filter(pl.col("source_sha256").is_not_null()).unique(SOURCE, keep="first")
    return _read_by(once, frames)


def _read_by(rows: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    """Rows with `reader`, contract and parser of their run, in place of `run_id`."""
    reader = pl.struct("contract_version", "parser_version").alias("reader")
    runs = _plain(frames["runs"]).select("run_id", reader)
    return rows.join(runs, on="run_id", how="left").drop("run_id")


def _plain(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with texts for categories, which two moments number in their own ways."""
    texts = [name for name, kind in rows.collect_schema().items() if isinstance(kind, pl.Categorical | pl.Enum)]
    return rows.with_columns(pl.col(texts).cast(pl.String))
