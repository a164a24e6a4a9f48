"""What people ask of an output: counts, rejects, an article's revisions, the archive at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PERIODS, UNKNOWN_PERIODS
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport, last_runs, latest_of
from pressmark.storage.versions import is_in_another_language
from pressmark.transforms.outlets import UNKNOWN
from pressmark.transforms.records import INDEX_PAGE, NO_ZONE, ONLY_MODIFIED, WALL_PAGE

__all__ = [
    "JOINED", "TITLES", "TRANSLATED", "Doubt", "OutletCount", "RejectLine", "Stage", "articles_at", "doubts_about",
    "outlet_counts", "reject_lines", "stages_in", "stages_of",
]  # fmt: skip

AT_COLUMNS: Final = (
    "article_id", "archive", "outlet", "source_path", "source_sha256", "source_bytes", "published_at", "title", "text",
    "text_sha256", "valid_from",
)  # fmt: skip
# Fewer articles than these are worth a word only where they are a tenth of all.
FEW: Final = 3
EXAMPLES: Final = 3
TENTH: Final = 10
# What is wrong where more than a share of an archive's articles have it, and the remedy.
DOUBTFUL: Final = (
    ("show marks of Markdown, HTML, a wiki or templates in their text", 0.01,
     "say what they are written in with `--markup`, and make Markdown of AsciiDoc, Org, Textile and reStructuredText; "
     "what a site's generator fills in is kept as it is written",
     pl.col("flags").list.contains("markup_in_text")),
    ("have broken characters", 0.01,
     "name their encoding with `--encoding`; what was broken when it was written, as in a dump, stays so",
     pl.col("flags").list.contains("mojibake")),
    ("have no date", 0.02, "see `pressmark explain` or `browse` on it, or say with `--map date=KEY` where dates are",
     pl.col("published_at").is_null()),
    ("have no title", 0.02, "see `pressmark explain` or `browse` on it, or say with `--map title=KEY` where titles are",
     pl.col("title") == ""),
    ("are of an unknown outlet", 0.02, "name it with `--single-outlet`", pl.col("outlet").cast(pl.String) == UNKNOWN),
    ("are one long block", 0.05, "see `pressmark explain` or `browse` on it",
     (pl.col("paragraph_count") == 1) & (pl.col("paragraph_bytes") > 3000)),
    ("have no text but their title, or none", 0.05, "leave out with `--exclude` what is no article",
     pl.col("flags").list.contains("title_only") | pl.col("flags").list.contains("no_content")),
    ("are skipped for more than a half", 0.02, "look for an element that is never closed",
     pl.col("flags").list.contains("mostly_skipped") & ~pl.col("dialect").is_in(["page", "json_comment", "record"])),
)  # fmt: skip
# Files of so many titles that are all there are hardly those of one article.
TITLES: Final = 5
JOINED: Final = (
    "stand for files of five titles or more that state one address",
    "see `pressmark explain` or `browse` on some of them, and say with `--map url=KEY` where each has its own",
)
# Files that state one address are revisions of one article, and of a translation and its original one is superseded.
TRANSLATED: Final = (
    "stand for files in several languages that state one address",
    "put each one's own address into its header, and the original's under another key",
)
MOST_COMPARED, FIRST_LETTERS = 1000, 400
# What a parser doubts, in the same words; rows do not hold it, so a run says it of what it read.
OF_PARSING: Final = {
    NO_ZONE: ("that were read say a time without a zone, which was taken for UTC",
              "name theirs as `zone` in `pressmark.toml`"),
    INDEX_PAGE: ("that were read look like front pages or lists of links",
                 "leave out with `--exclude` what is no article"),
    ONLY_MODIFIED: ("that were read say when they were modified, and not when they were published",
                    "take that for their date, as `--map date=updated_at` does, if it is as good"),
    WALL_PAGE: ("that were read look like pages of errors, or walls of consent or against robots",
                "fetch them again, or leave them out with `--exclude`"),
}  # fmt: skip
RANK: Final = ("published_at", "valid_from", "source_path", "archive")
# Revisions by when they came, else by when they went, else as they supersede each other; unknown times of going last.
AGE: Final = ("valid_from", "valid_to", "current", "published_at", "source_path", "source_sha256")


class OutletCount(NamedTuple):
    """Rows of one outlet, and its first and last month (day, year), `unknown` only where it has no other."""

    outlet: str
    articles: int
    paragraphs: int
    first_month: str
    last_month: str


class Doubt(NamedTuple):
    """So many of the archive's `of` articles have something that looks wrong; with one of them, and what to do."""

    what: str
    articles: int
    of: int
    example: str
    remedy: str


class RejectLine(NamedTuple):
    """A reject without its bytes."""

    source_path: str
    reason: str
    byte_offset: int | None
    detail: str


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


def outlet_counts(output: Output) -> list[OutletCount]:
    """Counts per outlet in the order of slugs."""
    articles = output.scan(TABLES["articles"])
    period = next(name for name in PERIODS if name in articles.collect_schema())
    known = pl.col(period).cast(pl.String)
    known = known.filter(known.ne(UNKNOWN_PERIODS[period]))
    every = articles.group_by("outlet").agg(
        pl.len().alias("articles"), pl.col("paragraph_count").sum().alias("paragraphs"),
        known.min().fill_null("unknown").alias("first"), known.max().fill_null("unknown").alias("last"),
    )  # fmt: skip
    return [OutletCount(*row) for row in every.sort("outlet").collect().iter_rows()]


def reject_lines(output: Output, archive: str | None = None) -> list[RejectLine]:
    """All rejects, or those of an archive, in the order of their paths."""
    mine = True if archive is None else pl.col("archive") == archive
    rejects = output.scan(TABLES["rejects"]).filter(mine).select(RejectLine._fields).sort("source_path")
    return [RejectLine(*row) for row in rejects.with_columns(pl.col("reason").cast(pl.String)).collect().iter_rows()]


def doubts_about(
    articles: pl.LazyFrame, revisions: pl.LazyFrame, archive: str, parsed: Iterable[Mapping[str, Any]] = ()
) -> list[Doubt]:
    """What looks wrong with the articles of an archive, the most frequent first: each is a share above its bound. What
    `parsed` counts, the `doubts` of a run's report, is told where it is more than a few."""
    figures = [pl.len().alias("articles")]
    for name, _, _, expression in DOUBTFUL:
        figures += [expression.sum().alias(name), pl.col("source_path").filter(expression).min().alias(f"{name} in")]
    found = articles.filter(pl.col("archive") == archive).select(figures).collect().row(0, named=True)
    total = found["articles"]
    doubts = [
        Doubt(name, found[name], total, found[f"{name} in"], remedy)
        for name, share, remedy, _ in DOUBTFUL
        if found[name] > share * total and (found[name] >= FEW or found[name] * TENTH >= total)
    ]
    for one in parsed:
        what, remedy = OF_PARSING[one["doubt"]]
        if one["articles"] >= FEW or one["articles"] * TENTH >= one["of"]:
            doubts.append(Doubt(what, one["articles"], one["of"], ", ".join(one["for_example"][:EXAMPLES]), remedy))
    standing = revisions.filter(pl.col("archive") == archive, pl.col("valid_to").is_null())
    titled = standing.group_by("article_id").agg(pl.col("source_path").min(), titles=pl.col("title").n_unique())
    several = titled.filter(pl.col("titles") >= TITLES - 1).select(pl.len(), pl.col("source_path").min()).collect()
    count, example = several.row(0)
    if count and (count >= FEW or count * TENTH >= total):
        doubts.append(Doubt(JOINED[0], count, total, example, JOINED[1]))
    if examples := _translated(articles, standing):
        doubts.append(Doubt(TRANSLATED[0], len(examples), total, examples[0], TRANSLATED[1]))
    return sorted(doubts, key=lambda doubt: -doubt.articles)


def _translated(articles: pl.LazyFrame, standing: pl.LazyFrame) -> list[str]:
    """The paths of sources that are superseded by one in another language, one for each article."""
    current = articles.select("article_id", pl.col("language").cast(pl.String), current="title")
    others = standing.filter(pl.col("text").is_not_null()).join(current, on="article_id")
    texts = others.filter(pl.col("title") != pl.col("current")).select(
        "article_id", "source_path", "language", pl.col("text").str.head(FIRST_LETTERS)
    )
    found: dict[str, str] = {}
    for article_id, path, language, text in texts.sort("source_path").head(MOST_COMPARED).collect().iter_rows():
        if is_in_another_language(text, language):
            found.setdefault(article_id, path)
    return list(found.values())


def articles_at(output: Output, moment: datetime, *, text: bool) -> tuple[pl.DataFrame, list[RunReport]]:
    """The articles of archives with their history as they stood at `moment`, by `published_at` and `article_id`, and
    the latest run of each archive; with `text`, also those that revisions share. Raises `OutputError` where the output
    holds no history."""
    runs = last_runs(output) or [latest_of(output)]
    known = [run.archive for run in runs if run.argument("history")]
    if not known:
        raise OutputError(
            "this output does not hold the archive's history", output.address,
            "run `pressmark ingest --history` on the git repository",
        )  # fmt: skip
    every = _revisions(output.scan(TABLES["articles"]), output.scan(TABLES["revisions"]))
    standing = every.filter(
        pl.col("archive").is_in(known),
        pl.col("valid_from").is_null() | (pl.col("valid_from") <= moment),
        pl.col("valid_to").is_null() | (pl.col("valid_to") > moment),
    )
    latest = standing.sort(*RANK).group_by("article_id", maintain_order=True).last()
    if text:
        latest = _with_texts(latest, every)
    columns = [name for name in AT_COLUMNS if text or name != "text"]
    return latest.select(columns).sort("published_at", "article_id", nulls_last=True).collect(), runs


def stages_of(output: Output, article_id: str) -> list[Stage]:
    """Revisions of an article from the oldest to the current one; raises `OutputError` where there are none."""
    mine = pl.col("article_id") == article_id
    found = stages_in(*(output.scan(TABLES[name]).filter(mine) for name in ("articles", "revisions")))
    if not found:
        raise OutputError(f"no row of `articles` or `revisions` is about `{article_id}`", output.address, "look it up")
    return found[article_id]


def stages_in(articles: pl.LazyFrame, revisions: pl.LazyFrame) -> dict[str, list[Stage]]:
    """The same of all articles that these rows are about, by their ids."""
    every = _revisions(articles, revisions)
    rows = _with_texts(every, every).sort(AGE, nulls_last=[name == "valid_to" for name in AGE])
    found: dict[str, list[Stage]] = {}
    for article_id, *row in rows.select("article_id", *Stage._fields).collect().iter_rows():
        found.setdefault(article_id, []).append(Stage(*row))
    return found


def _revisions(articles: pl.LazyFrame, revisions: pl.LazyFrame) -> pl.LazyFrame:
    current = articles.select(
        *AT_COLUMNS,
        valid_to=pl.lit(None, pl.Datetime("us", "UTC")),
        change=pl.lit(None, pl.String),
        current=pl.lit(value=True),
    )
    superseded = revisions.select(
        *AT_COLUMNS, "valid_to", pl.col("change").cast(pl.String), current=pl.lit(value=False)
    )
    return pl.concat([current, superseded])


def _with_texts(rows: pl.LazyFrame, every: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with the texts that they share with another revision of their article."""
    key = ["article_id", "text_sha256"]
    held = every.filter(pl.col("text").is_not_null()).group_by(key).agg(held=pl.col("text").first())
    return rows.join(held, on=key, how="left").with_columns(text=pl.coalesce("text", "held")).drop("held")
