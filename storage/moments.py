"""Articles as they stood at a moment, and all that is known of one article: read from the published tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.schemas import TABLES
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import LastRun, last_run
from pressmark.storage.scan import scan

__all__ = ["Stage", "articles_at", "stages_of"]

COLUMNS: Final = (
    "article_id", "outlet", "source_path", "source_sha256", "source_bytes", "published_at", "title", "text",
    "text_sha256", "valid_from",
)  # fmt: skip
RANK: Final = ("published_at", "valid_from", "source_path")


class Stage(NamedTuple):
    """A revision of an article; `change` is what the one that superseded it changed, `current` tells that none did."""

    source_path: str
    source_sha256: str
    title: str
    text: str
    published_at: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None
    change: str | None
    current: bool


def articles_at(output: Output, moment: datetime, *, text: bool) -> tuple[pl.DataFrame, LastRun]:
    """The articles of the archive as it stood at `moment`, by `published_at` and `article_id`, and the latest run.

    Raises `OutputError` where the output holds no history.
    """
    run = last_run(output)
    if not run.argument("history"):
        raise OutputError(
            "this output does not hold the archive's history", output.address,
            "run `pressmark ingest --history` on the git repository",
        )  # fmt: skip
    columns = [name for name in COLUMNS if text or name != "text"]
    frames = []
    for name in ("articles", "revisions"):
        rows = scan(output, TABLES[name])
        if rows is not None:
            ends = pl.col("valid_to") if name == "revisions" else pl.lit(None, pl.Datetime("us", "UTC"))
            frames.append(rows.select(*columns, ends.alias("valid_to")))
    if not frames:
        raise OutputError("no article was ingested yet", output.address, "ingest an archive first")
    standing = pl.concat(frames).filter(
        pl.col("valid_from").is_null() | (pl.col("valid_from") <= moment),
        pl.col("valid_to").is_null() | (pl.col("valid_to") > moment),
    )
    latest = standing.sort(*RANK).group_by("article_id", maintain_order=True).last()
    return latest.sort("published_at", "article_id", nulls_last=True).collect(), run


def stages_of(output: Output, article_id: str) -> list[Stage]:
    """Revisions of an article from the oldest to the current one; raises `OutputError` where there are none."""
    found: list[Stage] = []
    for name in ("articles", "revisions"):
        rows = scan(output, TABLES[name])
        if rows is None:
            continue
        rows = rows.filter(pl.col("article_id") == article_id)
        names = rows.collect_schema().names()
        columns = [column for column in Stage._fields if column in names]
        found += [_stage(row) for row in rows.select(columns).collect().iter_rows(named=True)]
    if not found:
        raise OutputError(f"no row of `articles` or `revisions` is about `{article_id}`", output.address, "look it up")
    return sorted(found, key=_age)


def _stage(row: dict[str, Any]) -> Stage:
    return Stage(**{"valid_to": None, "change": None, **row}, current="valid_to" not in row)


def _age(stage: Stage) -> tuple[Any, ...]:
    """Orders revisions by when they came, else by when they went, else as they supersede each other."""

    def key(moment: datetime | None, *, missing: int) -> tuple[int, datetime | None]:
        return (missing, None) if moment is None else (1, moment)

    return (
        key(stage.valid_from, missing=0), key(stage.valid_to, missing=2), stage.current,
        key(stage.published_at, missing=0), stage.source_path, stage.source_sha256,
    )  # fmt: skip
