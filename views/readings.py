"""What an address asks for, and what answers it: one moment of an output, with a catalogue (tables without texts) in
memory. That tells in which partition an article lies, so that a page reads a few files, however many there are."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import polars as pl

from pressmark.schemas.contract import FLAGS, PERIODS, REASONS, ROLES
from pressmark.storage.batches import cut
from pressmark.storage.changes import changes_between_pairs, pairs_of, removals_of
from pressmark.storage.copies import CARRIED_BY, carriers
from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import OutputError
from pressmark.storage.originals import Revision
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import Stage, stages_in
from pressmark.storage.search import between, bounds
from pressmark.storage.settings import day_of

__all__ = ["About", "Asked", "Moment", "Part", "Refused", "Room", "asked_in", "counts", "part_of", "with_changes"]

# More hits than these are counted as "at least", and the first of them are shown.
MOST_HITS: Final = 10_000
HELD_SEARCHES: Final = 8
LONGEST_WORDS: Final = 20_000
MOST_PAGES: Final = 10_000_000
ORDERS: Final = ("newest", "oldest")
# What files are written of is read so much at a time, in bytes of sources and in articles.
BYTES_TOGETHER: Final = 32 << 20
MOST_TOGETHER: Final = 1000
# Paragraphs that are compared with each other in less than ten seconds.
MOST_COMPARED: Final = 100_000
CATALOGUE: Final = (
    "article_id", "outlet", "title", "author", "url", "canonical_url", "published_at", "published_from", "local_date",
    "language", "flags", "paragraph_count", "content_count", "source_bytes", "removed_at", "removed_reason", "dialect",
    "date_conflict", "archive", "source_path", "run_id",
)  # fmt: skip
OF_REVISIONS: Final = (
    "revision_id", "article_id", "outlet", "title", "published_at", "change", "superseded_by", "valid_from", "valid_to",
    "first_seen_at", "archive", "source_path", "source_sha256", "source_bytes", "run_id",
)  # fmt: skip
WITHOUT_BYTES: Final = (
    "reject_id", "reason", "source_path", "archive", "source_bytes", "detail", "byte_offset", "source_sha256",
    "first_seen_at", "run_id",
)  # fmt: skip


class Asked(NamedTuple):
    """What a reader looks for: words, and what the articles must be. Empty where all will do."""

    words: str = ""
    outlet: str = ""
    since: date | None = None
    until: date | None = None
    role: str = ""
    language: str = ""
    flag: str = ""
    newest_first: bool = False


class About(NamedTuple):
    """All rows about an article: its current row, None where there is none; paragraphs and media in their order; and
    its revisions from the oldest to the current one, none where there is no such article."""

    article: dict[str, Any] | None
    paragraphs: pl.DataFrame
    media: pl.DataFrame
    stages: list[Stage]


class Moment:
    """An output as it was when it was opened."""

    def __init__(self, output: str | Path, source: str | None = None) -> None:
        self.dataset = Dataset(output)
        self.originals = self.dataset.originals(source)
        try:
            self.articles = _catalogue(self.dataset.articles, CATALOGUE)
            self.revisions = _catalogue(self.dataset.revisions, OF_REVISIONS)
            self.rejects = _plain(self.dataset.rejects.select(WITHOUT_BYTES)).sort("reason", "source_path").collect()
            self.runs = _plain(self.dataset.runs).sort("started_at", descending=True).collect()
        except BaseException:
            self.dataset.close()
            raise
        # Asked once, as every file has the same and finding them all takes a while.
        self._schemas = {name: table.collect_schema() for name, table in self.dataset.tables().items()}
        # Paragraphs with the words, of articles that are as asked; at most `MOST_HITS`.
        self.found = lru_cache(maxsize=HELD_SEARCHES)(self._found)
        self._batch_of: dict[str, int] = {}
        self._batches: list[Sequence[str]] = []
        self._batch = lru_cache(maxsize=1)(self._read_batch)
        self._making = threading.Lock()
        self._made: dict[str, pl.DataFrame] = {}
        self._output = Output(self.dataset.folder)

    def about(self, article_id: str) -> About:
        """All rows about an article; those that are to be read together with its own are then held."""
        number = self._batch_of.get(article_id)
        return self._read([article_id])[article_id] if number is None else self._batch(number)[article_id]

    def read_together(self, ids: Sequence[str], sizes: Sequence[int]) -> None:
        """Have articles that are asked for in this order read many at a time, with their sources; `sizes` are in bytes
        of these."""
        self._batches = [ids[span.start : span.stop] for span in cut(sizes, BYTES_TOGETHER, MOST_TOGETHER)]
        self._batch_of = {one: number for number, batch in enumerate(self._batches) for one in batch}
        self._batch.cache_clear()

    def _read_batch(self, number: int) -> dict[str, About]:
        found = self._read(self._batches[number])
        rows = [about.article for about in found.values() if about.article is not None]
        self.originals.hold(Revision(*(row[name] for name in Revision._fields)) for row in rows)
        return found

    def _read(self, ids: Sequence[str]) -> dict[str, About]:
        articles, revisions = self._rows("articles", self.articles, ids), self._rows("revisions", self.revisions, ids)
        stages = stages_in(articles.lazy(), revisions.lazy())
        rows = {row["article_id"]: row for row in articles.iter_rows(named=True)}
        paragraphs, media = (
            self._rows(name, self.articles, ids).sort("article_id", key)
            for name, key in (("paragraphs", "ordinal"), ("media", "media_id"))
        )
        blocks, shown = (frame.partition_by("article_id", as_dict=True) for frame in (paragraphs, media))
        return {
            one: About(
                rows.get(one), blocks.get((one,), paragraphs.clear()), shown.get((one,), media.clear()),
                stages.get(one, []),
            )
            for one in ids
        }  # fmt: skip

    def reject(self, reject_id: str) -> dict[str, Any] | None:
        """A reject with its bytes; None where there is none."""
        found = _plain(self.dataset.rejects.filter(pl.col("reject_id") == reject_id)).collect()
        return found.row(0, named=True) if found.height else None

    def rejects_with(self, words: str) -> pl.DataFrame:
        """Rejects whose path, detail or bytes have the words."""
        if not words:
            return self.rejects
        said = pl.any_horizontal(pl.col("source_path", "detail").str.contains(words, literal=True))
        found = self.dataset.rejects.filter(said | pl.col("raw").bin.contains(words.encode()).fill_null(value=False))
        return self.rejects.join(found.select("reject_id").collect(), on="reject_id", how="semi")

    def listed(self, asked: Asked) -> pl.DataFrame:
        """Current articles that are as asked, whatever their words."""
        return _ordered(self.articles.filter(*_conditions(asked)), newest_first=asked.newest_first)

    def _found(self, asked: Asked) -> pl.DataFrame:
        # Of superseded revisions no language or flag is known, but by their articles.
        some = self.articles.filter(*_conditions(Asked(language=asked.language, flag=asked.flag)))["article_id"]
        hits = self.dataset.search(
            asked.words, outlet=asked.outlet or None, since=asked.since, until=asked.until, role=asked.role or None,
            articles=some if asked.language or asked.flag else None, oldest_first=not asked.newest_first,
            limit=MOST_HITS,
        )  # fmt: skip
        known = self.articles.select("article_id", "language", "flags", "author")
        return hits.join(known, on="article_id", how="left", maintain_order="left")

    def titled(self, asked: Asked) -> pl.DataFrame:
        """Current articles whose title has the words as they stand, in capitals or not."""
        said = pl.col("title").str.to_lowercase().str.contains(asked.words.lower(), literal=True)
        return self.listed(asked).filter(said)

    @property
    def latest(self) -> dict[str, Any]:
        return self.runs.row(0, named=True)

    def is_known(self, article_id: str) -> bool:
        return any(article_id in frame["article_id"] for frame in (self.articles, self.revisions))

    @property
    def comparable(self) -> bool:
        """Whether all texts can be compared while a reader waits."""
        return int(self.articles["paragraph_count"].sum()) <= MOST_COMPARED and find_spec("rensa") is not None

    @cached_property
    def has_copies(self) -> bool:
        """Whether clusters are kept, or can be found while a reader waits."""
        if (kept := self.dataset.kept_clusters()) is not None:
            self._made.setdefault("copies", kept)
        return kept is not None or self.comparable

    def removals(self) -> pl.DataFrame:
        return self._once("removals", lambda: removals_of(self._output, read=False))

    def carried_removals(self) -> pl.DataFrame:
        """The ledger, with who still carries each text where that can be told."""
        ledger = self.removals()
        if not ledger.height or not self.comparable:
            return ledger.with_columns(carried_by=pl.lit(None, CARRIED_BY))
        tables = self.dataset.articles, self.dataset.paragraphs
        return self._once("carried", lambda: ledger.with_columns(carriers(ledger, *tables)))

    def changes(self) -> pl.DataFrame:
        """Each revision that another one superseded, with that one, the latest day first."""
        return self._once("changes", lambda: pairs_of(self._output))

    def changes_between(self, pairs: pl.DataFrame) -> pl.DataFrame:
        return changes_between_pairs(self._output, pairs)

    def copies(self) -> pl.DataFrame:
        """Clusters of copies: see `Dataset.clusters`; only of a moment that `has_copies`."""
        known = self.articles.select("article_id", "title", "language")
        found = self._once("copies", self.dataset.clusters)
        return found.join(known, on="article_id", how="left", maintain_order="left")

    def is_copied(self, article_id: str) -> bool:
        """Whether the article may have copies: all may of which nobody knows it yet."""
        known = self._made.get("copies") if self.has_copies else None
        return self.has_copies and (known is None or bool(known.height and article_id in known["article_id"]))

    def _once(self, name: str, made: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        with self._making:
            if name not in self._made:
                self._made[name] = made()
            return self._made[name]

    def neighbours(self, article_id: str) -> tuple[str | None, str | None]:
        """The articles of the outlet before and after this one in time."""
        return self._beside[article_id]

    @cached_property
    def _beside(self) -> dict[str, tuple[str | None, str | None]]:
        before, after = (pl.col("article_id").shift(step).over("outlet") for step in (1, -1))
        beside = _ordered(self.articles).select("article_id", before=before, after=after)
        return {one: (before, after) for one, before, after in beside.iter_rows()}

    def _rows(self, table: str, catalogue: pl.DataFrame, ids: Sequence[str]) -> pl.DataFrame:
        """Rows of a table about articles, of the partitions alone in which the catalogue has them."""
        found = catalogue.lazy().filter(pl.col("article_id").is_in(ids)).group_by("outlet", "place").agg("article_id")
        frames = []
        for outlet, place, mine in found.sort("outlet", "place").collect().iter_rows():
            folder = self.dataset.folder / table / f"outlet={outlet}" / place
            if files := sorted(folder.glob("part-*.parquet")):
                part = pl.scan_parquet(files, hive_partitioning=False, glob=False)
                frames.append(part.filter(pl.col("article_id").is_in(mine)).with_columns(outlet=pl.lit(outlet)))
        every = pl.concat(frames) if frames else pl.LazyFrame(schema=self._schemas[table])
        return _plain(every).collect()


class _Held:
    def __init__(self, moment: Moment) -> None:
        self.moment, self.readers, self.replaced = moment, 0, False


class Room:
    """The moments of an output that requests read: each has one, and a new one is opened when a run has published.
    `source` is the archive, that of each latest run where it is None."""

    def __init__(self, output: str | Path, source: str | None = None) -> None:
        self._output, self._source = Output(output), source
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._seen: object = None

    @contextlib.contextmanager
    def moment(self) -> Iterator[Moment]:
        """The output as the latest run left it; it stays as it is until the block ends. Raises `OutputError` where it
        can't be read."""
        with self._lock:
            held = self._latest()
            held.readers += 1
        try:
            yield held.moment
        finally:
            with self._lock:
                held.readers -= 1
                _let_go(held)

    def close(self) -> None:
        with self._lock:
            if self._held is not None:
                self._held.replaced = True
                _let_go(self._held)
                self._held = None

    def _latest(self) -> _Held:
        # A run's own row is published last: who sees it sees all that the run did.
        runs = self._output.files("runs")
        if self._held is None or runs != self._seen:
            if not runs:
                raise OutputError(
                    "no run has written to this folder", self._output.address, "name an output folder, or ingest first"
                )
            held = _Held(Moment(self._output.address, self._source))
            if self._held is not None:
                self._held.replaced = True
                _let_go(self._held)
            self._held, self._seen = held, runs
        return self._held


def _let_go(held: _Held) -> None:
    if held.replaced and not held.readers:
        held.moment.dataset.close()


def counts(frame: pl.DataFrame, column: str) -> list[tuple[str, int]]:
    """Values of a column, or of its lists, with the rows that have each, the most frequent first."""
    values = frame[column]
    found = (values.explode() if values.dtype.is_nested() else values).drop_nulls().value_counts()
    return sorted(found.iter_rows(), key=lambda one: (-one[1], one[0]))


def _plain(frame: pl.LazyFrame) -> pl.LazyFrame:
    """With dictionaries as texts, which any two frames share."""
    schema = frame.collect_schema()
    lists = [name for name, kind in schema.items() if isinstance(kind, pl.List) and kind.inner == pl.Categorical]
    return frame.with_columns(
        pl.col(pl.Categorical).cast(pl.String), *(pl.col(name).cast(pl.List(pl.String)) for name in lists)
    )


def _catalogue(table: pl.LazyFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Some columns of a table, the UTC month, and the folder of the partition that a row lies in."""
    schema = table.collect_schema()
    period = next(name for name in PERIODS if name in schema)
    month = pl.col("published_at").dt.strftime("%Y-%m").fill_null("unknown")
    place = pl.concat_str(pl.lit(f"{period}="), pl.col(period).cast(pl.String))
    return _plain(table.select(*columns, month=month, place=place)).sort("published_at", "article_id").collect()


def _conditions(asked: Asked) -> Iterator[pl.Expr]:
    if asked.outlet:
        yield pl.col("outlet") == asked.outlet
    yield from between("published_at", *bounds(asked.since, asked.until))
    if asked.language:
        yield pl.col("language") == asked.language
    if asked.flag:
        yield pl.col("flags").list.contains(asked.flag)


def _ordered(frame: pl.DataFrame, *, newest_first: bool = False) -> pl.DataFrame:
    return frame.sort("published_at", "article_id", descending=[newest_first, False], nulls_last=True)


class Refused(Exception):
    """What was asked can't be answered: the status, what is wrong, and what to do."""

    def __init__(self, status: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.status, self.what, self.remedy = status, what, remedy


class Part(NamedTuple):
    """A page of a list: its rows, its number and how many there are, and the rows of all pages."""

    rows: list[dict[str, object]]
    number: int
    pages: int
    total: int
    first: int


def asked_in(query: Mapping[str, str], moment: Moment) -> Asked:
    """The words and filters of an address; raises `Refused` where one can't be."""
    words = query.get("q", "").strip()
    if len(words) > LONGEST_WORDS:
        raise Refused(400, f"these are {len(words):,} characters", f"search for at most {LONGEST_WORDS:,}")
    known: dict[str, set[str]] = {
        "outlet": _known(moment.articles, "outlet") | _known(moment.revisions, "outlet"),
        "role": set(ROLES), "language": _known(moment.articles, "language"), "flag": set(FLAGS),
        "reason": set(REASONS), "order": set(ORDERS), "what": {"articles", "rejects"},
    }  # fmt: skip
    for name, values in known.items():
        if (value := query.get(name, "")) and value not in values:
            raise Refused(400, f"there is no {name} `{value[:80]}` here", f"one of: {', '.join(sorted(values))}")
    since, until = _day(query.get("since", ""), end=False), _day(query.get("until", ""), end=True)
    if since and until and since > until:
        raise Refused(400, f"no day is from {since} on and not after {until}", "swap the two")
    return Asked(
        words, query.get("outlet", ""), since, until, query.get("role", ""), query.get("language", ""),
        query.get("flag", ""), newest_first=query.get("order") != "oldest",
    )  # fmt: skip


def part_of(frame: pl.DataFrame, query: Mapping[str, str], size: int) -> Part:
    """The page of a list that an address asks for; raises `Refused` where there is none."""
    text = query.get("page", "1")
    pages = max(-(-frame.height // size), 1)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MOST_PAGES)) else 0
    if not number:
        raise Refused(400, f"`{text[:80]}` is no number of a page", f"one of 1 to {pages}")
    if number > pages:
        raise Refused(404, f"there is no page {number}", f"the last one is {pages}")
    first = (number - 1) * size
    return Part(frame.slice(first, size).to_dicts(), number, pages, frame.height, first)


def with_changes(path: str, query: Mapping[str, str], **changes: object) -> str:
    """The address with some of its parameters changed, or left out where they are None or empty."""
    every = {**query, **changes}
    left = {name: value for name, value in every.items() if value not in (None, "")}
    return f"{path}?{urlencode(left)}" if left else path


def _known(frame: pl.DataFrame, column: str) -> set[str]:
    return set(frame[column].unique().drop_nulls())


def _day(text: str, *, end: bool) -> date | None:
    text = text.strip()
    if not text:
        return None
    try:
        day = day_of(text, end=end)
    except ValueError:
        raise Refused(400, f"`{text[:80]}` is no day", "write 2021-03-04, 2021-03 or 2021") from None
    if day == date.max:
        raise Refused(400, f"`{text}` is too far away", "write 2021-03-04, 2021-03 or 2021")
    return day
