"""Names the files of an output that a round changes: asks `transforms/revisions.py` who is current, stages the rows of
those that are not, and makes the tasks that merge."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.schemas.tables import check_rows
from pressmark.storage.batches import Parsed
from pressmark.storage.output.parquet import PartFile, plain_schema
from pressmark.storage.output.partitions import OWNER, MergeTask, PlaceWork, Span, StagedFile, Staging
from pressmark.storage.output.state import Catalog
from pressmark.storage.output.tables import Output, bucket_of, by_partition
from pressmark.transforms import revisions
from pressmark.transforms.identity import row_id
from pressmark.transforms.records import Partition, Stamp

__all__ = ["Place", "Round", "Settlement", "places_of", "settle_round"]

# A merge task holds about so many bytes of sources.
TASK_BYTES: Final = 8 << 20
CARRIED: Final = ("archive", "source_path", "source_sha256", "source_bytes", "title", "text", "valid_from")
LOCAL_KEY: Final = ["archive", "source_path", "source_sha256", "valid_from"]
SHARED: Final = pl.col("change").is_in(["copy", "markup"]).fill_null(value=False)
SHARED_BEFORE: Final = pl.col("change_before").is_in(["copy", "markup"]).fill_null(value=False)


class Round(NamedTuple):
    """What a round of a run has to settle: the batches that it parsed, the rows of the catalog whose files are gone,
    and the listing, with the time of what it does not tell (the commit's, else the run's start). `last` tells that no
    other round follows."""

    parsed: Sequence[Parsed]
    gone: pl.DataFrame
    listing: pl.DataFrame
    ended_at: datetime
    archive: str
    history: bool
    last: bool


class Settlement(NamedTuple):
    """The tasks that merge, what the round changed by outlet, and archives whose own next run must look again, as an
    article of theirs has no current revision now."""

    tasks: list[MergeTask]
    changes: pl.DataFrame
    disturbed: tuple[str, ...]


class Place(NamedTuple):
    """A file of a partition."""

    table: str
    partition: Partition | None
    bucket: int


def places_of(rows: pl.DataFrame, buckets: int) -> Iterator[tuple[Place, str]]:
    """The files in which a revision has rows, and the key of these: of a current one its article's id."""
    columns = ("state", "article_id", "outlet", "period", *LOCAL_KEY)
    for state, article_id, outlet, period, *key in rows.select(columns).iter_rows():
        bucket = bucket_of(article_id, buckets)
        for table in OF_ARTICLES if state == "current" else ("revisions",):
            place = Place(table, Partition(outlet, period), bucket)
            yield place, article_id if state == "current" else row_id(*key)


def settle_round(
    output: Output, staging: Staging, catalog: Catalog, now: Round, stamp: Stamp, *, buckets: int, workers: int
) -> Settlement:
    """Settle which revision of each touched article is current, and name the files that change."""
    known = catalog.frame
    parsed = _frame(((one.name, one.articles) for one in now.parsed), revisions.PARSED)
    rejected = _frame(((one.name, one.rejects) for one in now.parsed), revisions.REJECTED)
    replaced = pl.concat([
        frame.select("archive", "source_path")
        for frame in (parsed.filter(pl.col("valid_to").is_null()), now.gone,
                      rejected.filter(pl.col("valid_to").is_null()))
    ]).unique()  # fmt: skip
    settled = revisions.settle(known, now.listing, parsed, rejected, replaced, now.ended_at, stamp.started_at)
    own = known.filter(pl.col("archive") == now.archive)
    rejects, dropped_rejects = revisions.decide_rejects(own, parsed, rejected, now.gone, history=now.history)
    superseded = _stage_superseded(output, staging, known, settled, stamp)
    places = _Places(output, buckets)
    places.add_settled(settled)
    places.add_rejects(rejects, dropped_rejects)
    places.carry(catalog.outdated | (catalog.mixed if now.last else set()))
    staged = _staged_files(now.parsed, settled.current, rejects) | {"revisions": superseded}
    tasks = places.tasks(staging, staged, now, max(workers, 1))
    return Settlement(tasks, _changes(known, settled), revisions.disturbed(known, settled, now.archive))


class _Places:
    """The files that change, with the keys of the rows that leave each."""

    def __init__(self, output: Output, buckets: int) -> None:
        self._output = output
        self._buckets = buckets
        self._dropped: dict[Place, set[str]] = defaultdict(set)
        self._added: dict[Place, set[str]] = defaultdict(set)
        self._carried: set[tuple[str, Partition | None]] = set()

    def add_settled(self, settled: revisions.Settled) -> None:
        self._note(self._added, settled.current.with_columns(state=pl.lit("current")))
        self._note(self._added, settled.superseded.with_columns(state=pl.lit("superseded")))
        self._note(self._dropped, settled.dropped)

    def _note(self, keys: dict[Place, set[str]], rows: pl.DataFrame) -> None:
        for place, key in places_of(rows, self._buckets):
            keys[place].add(key)

    def add_rejects(self, added: pl.DataFrame, dropped: pl.DataFrame) -> None:
        place = Place("rejects", None, 0)
        for frame, keys in ((added, self._added), (dropped, self._dropped)):
            if frame.height:
                rows = frame.select("archive", "source_path", "source_sha256").iter_rows()
                keys[place].update(row_id(*key) for key in rows)

    def carry(self, outdated: set[tuple[str, Partition | None]]) -> None:
        """Partitions that are written anew whatever changes, with all of their files."""
        self._carried = outdated
        for table, partition in outdated:
            for bucket in range(self._buckets if partition is not None else 1):
                self._added[Place(table, partition, bucket)].update()

    def tasks(self, staging: Staging, staged: dict[str, list[StagedFile]], now: Round, workers: int) -> list[MergeTask]:
        works = self._works()
        total = sum(one.counts.source_bytes for one in now.parsed)
        found = []
        # The longest first, so that no worker waits for it at the end.
        for table in sorted({work.table for work in works}, key=lambda table: (table != "paragraphs", table)):
            mine = [work for work in works if work.table == table]
            parts = by_partition(self._output.parts(TABLES[table]))
            count = max(1, min(len(mine), max(2 * workers if workers > 1 else 1, total // TASK_BYTES)))
            for number in range(count):
                some = tuple(mine[len(mine) * number // count : len(mine) * (number + 1) // count])
                partitions = dict.fromkeys(work.partition for work in some)
                here = tuple(part for partition in partitions for part in parts.get(partition, ()))
                rows = _those_of(partitions, staged.get(table, ()))
                found.append(MergeTask(
                    self._output, staging, number, self._buckets, now.archive, now.last, some, rows, here,
                ))  # fmt: skip
        return found

    def _works(self) -> list[PlaceWork]:
        origin = {(place.table, key): place for place, keys in self._dropped.items() for key in keys}
        leaving, entering = set(), set()
        for place, keys in self._added.items():
            for key in keys:
                before = origin.get((place.table, key), place)
                if before != place:
                    leaving.add(before)
                    entering.add(place)
        # A revision may have no media, and so no row that takes the place of the last one's.
        gone = {place: self._dropped.get(place, set()) | (self._added[place] if place.table == "media" else set())
                for place in self._dropped.keys() | self._added.keys()}  # fmt: skip
        places = sorted(gone, key=lambda place: (place[1] or ("", ""), place))
        return [
            PlaceWork(
                *place, frozenset(gone[place]), place in leaving, place in leaving & entering,
                (place.table, place.partition) in self._carried,
            )
            for place in places
        ]  # fmt: skip


def _those_of(partitions: Collection[Partition | None], staged: Iterable[StagedFile]) -> tuple[StagedFile, ...]:
    """The staged files with rows of some partitions, each with no other rows."""
    found = (file._replace(spans=tuple(one for one in file.spans if one.partition in partitions)) for file in staged)
    return tuple(file for file in found if file.spans)


def _frame(batches: Iterable[tuple[str, pa.Table]], schema: pl.Schema) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=schema)]
    for name, rows in batches:
        if rows.num_rows:
            frame = pl.DataFrame(pl.from_arrow(rows)).with_columns(batch=pl.lit(name))
            frames.append(frame.select(schema.names()).cast(schema))
    return pl.concat(frames)


def _staged_files(
    batches: Sequence[Parsed], current: pl.DataFrame, rejects: pl.DataFrame
) -> dict[str, list[StagedFile]]:
    """The staged files of the batches, with the owners among their rows that are not to be published."""
    files: dict[str, list[StagedFile]] = {name: [] for name in (*OF_ARTICLES, "rejects")}
    published = _owners(current), _owners(rejects)
    for batch in batches:
        left = frozenset(range(batch.articles.num_rows)) - published[0].get(batch.name, frozenset())
        if len(left) < batch.articles.num_rows:
            for name, spans in batch.spans.items():
                files[name] += [StagedFile(f"{batch.name}.{name}", spans, left)] if spans else []
        left = frozenset(range(batch.rejects.num_rows)) - published[1].get(batch.name, frozenset())
        if len(left) < batch.rejects.num_rows:
            spans = (Span(None, 0, batch.rejects.num_rows),)
            files["rejects"].append(StagedFile(f"{batch.name}.rejects", spans, left))
    return files


def _owners(rows: pl.DataFrame) -> dict[str, frozenset[int]]:
    grouped = rows.group_by("batch").agg("owner")
    return {batch: frozenset(owners) for batch, owners in grouped.select("batch", "owner").iter_rows()}


def _stage_superseded(
    output: Output, staging: Staging, known: pl.DataFrame, settled: revisions.Settled, stamp: Stamp
) -> list[StagedFile]:
    """Stage rows of `revisions`, with titles and texts from where the superseded revisions lie, a file at a time."""
    texts = _shared_texts(output, staging, known, settled)
    staged: list[StagedFile] = []
    for number, rows in enumerate(_carried(output, staging, settled)):
        filled = _with_texts(rows, texts)
        staged.append(_stage_rows(staging, f"superseded-{number:06d}.revisions", filled, stamp))
    return staged


def _carried(output: Output, staging: Staging, settled: revisions.Settled) -> Iterator[pl.DataFrame]:
    """The superseded rows, with what they carry over from the file in which each lies."""
    new = settled.superseded.filter(pl.col("batch").is_not_null())
    for (batch,), rows in sorted(new.partition_by("batch", as_dict=True).items()):
        lies = pl.DataFrame(pl.from_arrow(staging.read(f"{batch}.articles", [*CARRIED, OWNER, "ingested_at"])))
        lies = lies.rename({"ingested_at": "first_seen_at"})
        yield rows.join(lies.drop(LOCAL_KEY), on=OWNER)
    before = settled.superseded.filter(pl.col("batch").is_null())
    for (state,), rows in sorted(before.partition_by("state", as_dict=True).items()):
        lying = rows.partition_by("outlet", "period", as_dict=True)
        for place, lies in _published(output, state, {Partition(*place) for place in lying}):
            found = lying[place].join(lies, on=LOCAL_KEY, nulls_equal=True, suffix="_there")
            if found.height:
                yield found


def _published(output: Output, state: str, places: set[Partition]) -> Iterator[tuple[Partition, pl.DataFrame]]:
    """What `revisions` carries over, of each published file of some partitions."""
    table = TABLES["articles" if state == "current" else "revisions"]
    seen = "ingested_at" if state == "current" else "first_seen_at"
    for part in output.parts(table):
        if part.partition is not None and part.partition in places:
            with PartFile(output, part.entry, table) as file:
                rows = file.read([*CARRIED, "text_sha256", seen])
            yield part.partition, pl.DataFrame(pl.from_arrow(rows)).rename({seen: "first_seen_at"})


def _shared_texts(output: Output, staging: Staging, known: pl.DataFrame, settled: revisions.Settled) -> dict[str, str]:
    """By hash the texts that rows of `revisions` left to the revision that superseded them, and need now, as another
    one did."""
    lacking = settled.superseded.filter(SHARED_BEFORE, ~SHARED)
    if not lacking.height:
        return {}
    wanted = lacking.select("article_id", "text_sha256").unique()
    texts: dict[str, str] = {}
    holders = known.join(wanted, on=["article_id", "text_sha256"], how="semi")
    for state in ("current", "superseded"):
        places = {Partition(*place) for place in holders.filter(state=state).select("outlet", "period").iter_rows()}
        for _, lies in _published(output, state, places) if places else ():
            rows = lies.filter(pl.col("text").is_not_null()).join(wanted, on="text_sha256", how="semi")
            texts.update(rows.select("text_sha256", "text").iter_rows())
    batches = pl.concat([settled.current, settled.superseded.select(settled.current.columns)])
    for batch in batches.join(wanted, on=["article_id", "text_sha256"], how="semi")["batch"].drop_nulls().unique():
        lies = pl.DataFrame(pl.from_arrow(staging.read(f"{batch}.articles", ["text_sha256", "text"])))
        texts.update(lies.join(wanted, on="text_sha256", how="semi").iter_rows())
    return texts


def _with_texts(rows: pl.DataFrame, texts: dict[str, str]) -> pl.DataFrame:
    """Rows with their texts; null where the row that supersedes one has the same."""
    lacking = pl.col("text").is_null() & ~SHARED
    if rows.filter(lacking).height:
        held = pl.col("text_sha256").replace_strict(texts, default=None, return_dtype=pl.String)
        rows = rows.with_columns(text=pl.coalesce("text", held))
    return rows.with_columns(text=pl.when(SHARED).then(None).otherwise("text"))


def _stage_rows(staging: Staging, name: str, rows: pl.DataFrame, stamp: Stamp) -> StagedFile:
    table = TABLES["revisions"]
    ids = [row_id(*key) for key in rows.select(LOCAL_KEY).iter_rows()]
    rows = rows.with_columns(
        revision_id=pl.Series(ids, dtype=pl.String),
        run_id=pl.lit(stamp.run_id),
        first_seen_at=pl.when(pl.col("known").is_null())
        .then(pl.lit(stamp.started_at, revisions.CATALOG["valid_from"]))
        .otherwise("first_seen_at"),
    ).sort("outlet", "period", *(name for name in table.sort_keys), nulls_last=True)
    arrow = rows.select(table.schema.names).to_arrow().cast(plain_schema(table))
    if violations := check_rows(arrow.cast(table.schema), table):
        raise ValueError(f"rows of `revisions` that violate their schema: {violations[:3]}")
    counts = Counter(Partition(*place) for place in rows.select("outlet", "period").iter_rows())
    return StagedFile(name, staging.write(name, arrow, list(counts.items())))


def _changes(known: pl.DataFrame, settled: revisions.Settled) -> pl.DataFrame:
    columns = ["article_id", "outlet", "source_sha256", "text_sha256", "published_at"]
    touched = pl.concat([settled.current.select("article_id"), settled.dropped.select("article_id")]).unique()
    before = known.filter(pl.col("state") == "current").join(touched, on="article_id", how="semi")
    left = settled.dropped.filter(pl.col("state") == "current").select("article_id")
    stays = before.join(left, on="article_id", how="anti")
    after = pl.concat([settled.current.select(columns), stays.select(columns)])
    return revisions.changed_articles(before.select(columns), after)
