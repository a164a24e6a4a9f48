"""Finds blocks by what their texts hold: those of current articles, and of superseded revisions with a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from pressmark.schemas.contract import ROLES, UNKNOWN_PERIODS
from pressmark.schemas.tables import ARTICLES, PARAGRAPHS, REVISIONS
from pressmark.storage.errors import SettingsError, instead
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output, Part
from pressmark.storage.search_index import Index, load_folding
from pressmark.transforms.query import (
    AllOf,
    AnyOf,
    Everything,
    Folding,
    Not,
    Phrase,
    Query,
    QueryError,
    parse_query,
    phrases_of,
)

__all__ = ["HITS", "Search", "as_utc", "between", "blocks_of", "bounds", "check_outlet", "rows_about"]

SPANS: Final = pl.List(pl.Struct({"start": pl.Int32, "end": pl.Int32}))
_TEXT: Final = pl.String()
HITS: Final = pl.Schema({
    "paragraph_id": _TEXT, "article_id": _TEXT, "revision_id": _TEXT, "outlet": _TEXT, "title": _TEXT, "url": _TEXT,
    "published_at": pl.Datetime("us", "UTC"), "role": _TEXT, "ordinal": pl.Int32(), "text": _TEXT,
    "current": pl.Boolean(), "spans": SPANS,
})  # fmt: skip
FOUND: Final = pl.Schema({
    "file": _TEXT, "paragraph_id": _TEXT, "article_id": _TEXT, "revision_id": _TEXT, "title": _TEXT,
    "published_at": HITS["published_at"], "role": _TEXT, "ordinal": pl.Int32(), "text": _TEXT, "current": pl.Boolean(),
    "valid_from": HITS["published_at"],
})  # fmt: skip
ABOUT: Final = pl.Schema({"article_id": _TEXT, "url": _TEXT, "now": _TEXT})
ORDER: Final = ("published_at", "article_id", "current", "valid_from", "revision_id", "ordinal")
NEWEST: Final = (True, False, True, True, False, False)
OLDEST: Final = (False, *NEWEST[1:])
# Of the files that are read first; each time twice as much follows.
FIRST_BYTES: Final = 1 << 20
# Opening a file takes as long as reading so much.
FILE_COST: Final = 64 << 10
A_DAY, A_MOMENT = timedelta(days=1), timedelta(microseconds=1)
# A longer pattern is slow to compile: a text that has the beginning of the phrase is folded and compared.
PATTERN_CHARACTERS: Final = 64
SHOWN_BEFORE, SHOWN_AFTER = 20, 20
NAMED: Final = 20


class Search:
    """Searches an output as it is at one moment, by the index in a folder where there is one."""

    def __init__(self, moment: Output, folder: Path | None) -> None:
        self._moment = moment
        self._index = Index(folder)
        self._current, self._superseded = (
            [_File.of(part) for part in moment.parts(table)] for table in (PARAGRAPHS, REVISIONS)
        )
        self._articles = {part.entry.name for part in moment.parts(ARTICLES)}

    def find(
        self,
        query: str,
        *,
        outlet: str | None = None,
        since: date | None = None,
        until: date | None = None,
        role: str | None = None,
        superseded: bool = True,
        articles: pl.Series | None = None,
        oldest_first: bool = False,
        limit: int | None = 100,
    ) -> pl.DataFrame:
        """Blocks that a query finds, in the columns of `HITS`: see `Dataset.search`. Reads the files that the index
        does not rule out, those of the first months first, until there are enough hits."""
        folding = load_folding()
        tree = _parsed(query, folding)
        if role is not None and role not in ROLES:
            raise SettingsError("there is no such role", role, _instead(role, ROLES))
        if limit is not None and limit < 1:
            raise SettingsError("must be at least 1, or None for all", "limit", f"give another number than {limit}")
        check_outlet(outlet, (file.outlet for file in (*self._current, *self._superseded)))
        start, end = bounds(since, until)
        files = [*self._current, *(self._superseded if superseded and role is None else [])]
        files = [file for file in files if outlet in (None, file.outlet) and file.may_have(start, end)]
        names = self._index.candidates([file.entry for file in files], tree)
        # Those without a date come last, in either order.
        files = sorted((file for file in files if file.entry.name in names), key=lambda file: file.period, reverse=True)
        if oldest_first:
            files = sorted(files, key=lambda file: (not file.period, file.period))
        wanted = [expression_of(tree, folding), *([] if role is None else [pl.col("role") == role])]
        wanted += between("published_at", start, end)
        wanted += [] if articles is None else [pl.col("article_id").is_in(articles.implode())]
        found = self._first_of(files, wanted, limit, OLDEST if oldest_first else NEWEST)
        phrases = list(phrases_of(tree))
        return self._described(found, {file.entry.name: file.outlet for file in files}).with_columns(
            title=pl.coalesce("title", "now"),
            spans=pl.Series([_spans(text, phrases, folding) for text in found["text"]], dtype=SPANS),
        ).select(HITS.names()).cast(HITS)  # fmt: skip

    def _first_of(
        self, files: list[_File], wanted: list[pl.Expr], limit: int | None, down: Sequence[bool]
    ) -> pl.DataFrame:
        found = pl.DataFrame(schema=FOUND)
        for batch in _batches(files, limit):
            current = _sorted(_blocks(self._moment, batch, PARAGRAPHS.name).filter(*wanted), down)
            others = _blocks(self._moment, batch, REVISIONS.name).filter(*wanted)
            some = pl.collect_all([current if limit is None else current.head(limit), others])
            found = _sorted(pl.concat([found, *some]).lazy(), down).collect()
            if not found["current"].all():
                # A text that several revisions of an article have is given once, with the first that has it.
                found = found.filter(pl.col("current") | pl.struct("article_id", "text").is_first_distinct())
            if limit is not None and found.height >= limit:
                return found.head(limit)
        return found

    def _described(self, found: pl.DataFrame, outlets: dict[str, str]) -> pl.DataFrame:
        ids = found["article_id"].unique()
        beside = {f"{ARTICLES.name}/{name.partition('/')[2]}" for name in found["file"].unique()}
        near = [self._moment.location(name) for name in sorted(beside & self._articles)]
        articles = (
            _articles(pl.scan_parquet(near, hive_partitioning=False, glob=False), ids)
            if near
            else pl.DataFrame(schema=ABOUT)
        )
        missing = ids.filter(~ids.is_in(articles["article_id"].implode()))
        if len(missing):
            # Of a revision with another month than its current one, or of a deleted article.
            articles = pl.concat([articles, _articles(self._moment.scan(ARTICLES), missing)])
        found = found.join(articles, on="article_id", how="left", maintain_order="left")
        return found.with_columns(outlet=pl.col("file").replace_strict(outlets, return_dtype=pl.String))


class _File(NamedTuple):
    """A partition file, and its month (day, year), `""` where that is unknown."""

    entry: Stored
    outlet: str
    period: str

    @classmethod
    def of(cls, part: Part) -> _File:
        outlet, period = part.partition or ("", "")
        value = period.partition("=")[2]
        return cls(part.entry, outlet, "" if value in UNKNOWN_PERIODS.values() else value)

    def may_have(self, start: datetime | None, end: datetime | None) -> bool:
        size = len(self.period)
        return (start is None or self.period >= str(start)[:size]) and (end is None or self.period <= str(end)[:size])


def _batches(files: list[_File], limit: int | None) -> Iterator[list[_File]]:
    """Files in their order, all of a month (day, year) together: few at first, then ever more."""
    least, batch = FIRST_BYTES, list[_File]()
    for _, same in groupby(files, key=lambda file: file.period):
        batch += same
        if limit is not None and sum(max(file.entry.size, FILE_COST) for file in batch) >= least:
            yield batch
            least, batch = 2 * least, []
    if batch:
        yield batch


def _blocks(moment: Output, files: list[_File], table: str) -> pl.LazyFrame:
    names = [file.entry.name for file in files if file.entry.name.startswith(table)]
    if not names:
        return pl.LazyFrame(schema=FOUND)
    locations = {moment.location(name): name for name in names}
    rows = pl.scan_parquet(list(locations), include_file_paths="file", hive_partitioning=False, glob=False)
    if table == REVISIONS.name:
        rows = blocks_of(rows)
    rows = rows.with_columns(pl.col("file").replace_strict(locations), current=pl.lit(table == PARAGRAPHS.name))
    has = rows.collect_schema().names()
    lacking = [pl.lit(None, dtype).alias(name) for name, dtype in FOUND.items() if name not in has]
    return rows.with_columns(lacking).select(FOUND.names()).with_columns(pl.col("role").cast(pl.String))


def blocks_of(revisions: pl.LazyFrame) -> pl.LazyFrame:
    """A row for each block of revisions, with its `ordinal`; those without a text have that of a later one."""
    blocks = pl.col("text").str.split("\n\n")
    numbers = pl.int_ranges(blocks.list.len(), dtype=pl.Int32)
    return revisions.filter(pl.col("text") != "").with_columns(text=blocks, ordinal=numbers).explode("text", "ordinal")


def _sorted(rows: pl.LazyFrame, down: Sequence[bool]) -> pl.LazyFrame:
    return rows.sort(ORDER, descending=down, nulls_last=True)


def _articles(rows: pl.LazyFrame, ids: pl.Series) -> pl.DataFrame:
    return rows.filter(pl.col("article_id").is_in(ids.implode())).select("article_id", "url", now="title").collect()


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


def rows_about(frame: pl.DataFrame, query: str | None, columns: Sequence[str]) -> pl.DataFrame:
    """The rows whose texts in these columns, taken together, a query finds; all where there is none."""
    if query is None:
        return frame
    folding = load_folding()
    texts = frame.select(text=pl.concat_str(*columns, separator="\n", ignore_nulls=True))
    return frame.filter(texts.select(found=expression_of(_parsed(query, folding), folding))["found"])


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


def bounds(since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    """From when to before when."""
    end = None if until is None else as_utc(until) + (A_MOMENT if isinstance(until, datetime) else A_DAY)
    return None if since is None else as_utc(since), end


def between(column: str, start: datetime | None, end: datetime | None) -> list[pl.Expr]:
    """What is true of rows whose time in a column is from `start` to before `end`, as far as these are given."""
    at = pl.col(column)
    return [*([] if start is None else [at >= start]), *([] if end is None else [at < end])]


def as_utc(day: date) -> datetime:
    """A moment, or the beginning of a day, in UTC where it names no zone; raises `SettingsError` for a text."""
    if not isinstance(day, date):
        raise SettingsError("this is no date or datetime", repr(day), "give one of Python's, as `date(2025, 3, 1)`")
    moment = day if isinstance(day, datetime) else datetime.combine(day, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def check_outlet(outlet: str | None, known: Iterable[str]) -> None:
    """Raise `SettingsError` for an outlet that is none of those there are."""
    if outlet is not None and outlet not in (there := set(known)):
        raise SettingsError("no article is of this outlet", outlet, _instead(outlet, there))


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


def _instead(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return instead(word, names, f"one of: {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''}")
