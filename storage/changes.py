"""What revisions changed, derived from one moment of an output: texts from its tables, and where paragraphs stood from
the sources of superseded revisions, as far as their archives still have these.

Nothing of it is stored: the texts are in `articles` and `revisions` already, and what is made of them alone is the same
after any number of runs.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PERIODS
from pressmark.schemas.tables import ARTICLES, PARAGRAPHS, REVISIONS
from pressmark.storage.errors import InputError, SettingsError
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Request, Source, sources_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.storage.search import bounds
from pressmark.storage.settings import IngestSettings
from pressmark.storage.versions import parse_source
from pressmark.transforms.changes import CHANGES, Place, Side, changes_between, successions
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.records import Reading, Reject
from pressmark.transforms.wording import WHAT

__all__ = ["changes_of"]

# So many revisions, and bytes of their sources, are looked at together.
AT_ONCE: Final = 1000
BYTES_AT_ONCE: Final = 32 << 20
READING: Final = ("encoding", "markup", "zone", "single_outlet", "map")
KEY: Final = ("source_path", "source_sha256", "valid_from")

log = logging.getLogger(__name__)


def changes_of(
    moment: Output, source: str | None = None, *, outlet: str | None = None, since: date | None = None,
    until: date | None = None, what: str | None = None, read: bool = True,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """Rows of `CHANGES`, some at a time, the latest day first: see `Dataset.changes`. With `read` the archives are
    read; `source` is the input of each one's latest run. Raises `SettingsError` for what is no `what` or outlet."""
    if what is not None and what not in WHAT:
        raise SettingsError("this is nothing that a change is told as", what, "name one of " + ", ".join(WHAT))
    start, end = bounds(since, until)
    pairs = successions(_with_period(moment, "articles"), _with_period(moment, "revisions")).collect()
    if outlet is not None:
        known = moment.scan(ARTICLES).select(pl.col("outlet").cast(pl.String)).unique().collect()["outlet"].to_list()
        if outlet not in {*known, *pairs["outlet"]}:
            raise SettingsError("no article is of this outlet", outlet, "see `pressmark status` for those there are")
        pairs = pairs.filter(pl.col("outlet") == outlet)
    pairs = pairs.filter(*([] if start is None else [pl.col("changed_at") >= start]),
                         *([] if end is None else [pl.col("changed_at") < end]))  # fmt: skip
    archives = _Archives(moment, source) if read else None
    for some in _parts(pairs):
        rows = pl.DataFrame(list(_rows(moment, some, archives)), schema=CHANGES, orient="row")
        rows = rows if what is None else rows.filter(pl.col("what").list.contains(pl.lit(what, pl.Enum(WHAT))))
        if rows.height:
            yield rows


def _with_period(moment: Output, name: str) -> pl.LazyFrame:
    rows = moment.scan(TABLES[name])
    return rows.with_columns(pl.col("outlet").cast(pl.String), period=_period(rows).cast(pl.String))


def _period(rows: pl.LazyFrame) -> pl.Expr:
    return pl.col(next(name for name in PERIODS if name in rows.collect_schema()))


def _parts(pairs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The pairs in parts that may be held."""
    start = size = 0
    for at, more in enumerate((pairs["old_source_bytes"] + pairs["new_source_bytes"]).to_list()):
        if at - start == AT_ONCE or (at > start and size + more > BYTES_AT_ONCE):
            yield pairs[start:at]
            start, size = at, 0
        size += more
    if start < pairs.height:
        yield pairs[start:]


def _rows(moment: Output, pairs: pl.DataFrame, archives: _Archives | None) -> Iterator[dict[str, Any]]:
    texts = _texts(moment, pairs)
    places = _current_places(moment, pairs)
    contents = {} if archives is None else archives.contents(pairs)
    for pair in pairs.iter_rows(named=True):
        sides = []
        for name in ("old", "new"):
            text = texts[pair["article_id"], pair[f"{name}_text_sha256"]]
            data = contents.get(_key(pair, name))
            if name == "new" and pair["new_current"]:
                stand: Sequence[Place] | None = places.get(pair["article_id"], [])
            else:
                stand = None if data is None or archives is None else archives.places(pair, name, data)
            sides.append(Side(pair[f"{name}_title"], text, stand, data))
        for row in changes_between(*sides):
            yield {name: pair[name] for name in CHANGES if name in pair} | row | {"title": pair["new_title"]}


def _texts(moment: Output, pairs: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Texts by article and hash; of revisions that share one, a single one has it."""
    found = {}
    for name, table, sides in (("articles", ARTICLES, ("new",)), ("revisions", REVISIONS, ("old", "new"))):
        rows = _narrowed(moment.scan(table), pairs, sides if name == "articles" else ())
        rows = rows.filter(pl.col("text").is_not_null())
        for article_id, digest, text in rows.select("article_id", "text_sha256", "text").collect().iter_rows():
            found[article_id, digest] = text
    return found


def _current_places(moment: Output, pairs: pl.DataFrame) -> dict[str, list[Place]]:
    """Where the paragraphs of the articles stand that are current."""
    rows = _narrowed(moment.scan(PARAGRAPHS), pairs.filter("new_current"), ("new",)).select(
        "article_id", "ordinal", pl.col("role").cast(pl.String), "byte_start", "byte_end"
    )
    found: dict[str, list[Place]] = {}
    for article_id, _, *place in rows.collect().sort("article_id", "ordinal").iter_rows():
        found.setdefault(article_id, []).append(Place(*place))
    return found


def _narrowed(rows: pl.LazyFrame, pairs: pl.DataFrame, sides: Sequence[str]) -> pl.LazyFrame:
    """The rows of the pairs' articles; where sides are named, from the partitions of these alone."""
    wanted = [pl.col("article_id").is_in(pairs["article_id"].unique().implode())]
    for side in sides:
        for key, name in ((pl.col("outlet"), "outlet"), (_period(rows), "period")):
            wanted.append(key.cast(pl.String).is_in(pairs[f"{side}_{name}"].unique().implode()))
    return rows.filter(*wanted)


def _key(pair: dict[str, Any], side: str) -> tuple[Any, ...]:
    return (pair[f"{side}_archive"], *(pair[f"{side}_{name}"] for name in KEY))


class _Archives:
    """The archives of an output, each listed once, with every file that ever was at a path where there are commits."""

    def __init__(self, moment: Output, source: str | None) -> None:
        self._runs = {run.archive: run for run in last_runs(moment)}
        self._moment, self._source = moment, source
        self._opened: dict[str, tuple[Archive, dict[tuple[Any, ...], Source]] | None] = {}
        self._readings: dict[str, Reading] = {}

    def contents(self, pairs: pl.DataFrame) -> dict[tuple[Any, ...], bytes]:
        """The bytes of both sides' sources, as far as they are there and are what was ingested."""
        wanted: dict[str, dict[tuple[Any, ...], str]] = {}
        for pair in pairs.iter_rows(named=True):
            for side in ("old", "new"):
                archive, path, digest, came = _key(pair, side)
                wanted.setdefault(archive, {})[path, came] = digest
        found = {}
        for name, digests in wanted.items():
            opened = self._open(name)
            if opened is None:
                continue
            archive, sources = opened
            asked = {source: key for key in digests if (source := sources.get(key)) is not None}
            ordered = sorted(asked, key=lambda source: int(source.locator)) if archive.input.streamed else list(asked)
            for source, data in archive.input.contents(ordered, ANY_SIZE):
                digest = digests[asked[source]]
                if not isinstance(data, Reject) and hashlib.sha256(data).hexdigest() == digest:
                    found[name, source.source_path, digest, source.valid_from] = data
        return found

    def places(self, pair: dict[str, Any], side: str, data: bytes) -> list[Place] | None:
        """Where paragraphs stand in a source; None where today's parser makes another text of it."""
        archive = pair[f"{side}_archive"]
        if archive not in self._readings:
            run = self._runs[archive]
            settings = IngestSettings(**{name: run.argument(name) for name in READING})
            self._readings[archive] = settings.reading
        article = parse_source(
            data, pair[f"{side}_source_path"], ANY_SIZE, FAR_FUTURE, archive, self._readings[archive]
        )
        if isinstance(article, Reject) or article.text_sha256 != pair[f"{side}_text_sha256"]:
            return None
        return [Place(one.role, one.byte_start, one.byte_end) for one in article.paragraphs]

    def _open(self, name: str) -> tuple[Archive, dict[tuple[Any, ...], Source]] | None:
        """An archive and its sources by path and time; None, with a word, where it can't be read."""
        if name not in self._opened:
            try:
                owner = next((run.archive for run in self._runs.values() if run.source == self._source), name)
                archive = archive_of(self._moment, self._source if owner == name else None, name)
                request = Request(EVERYTHING, history=archive.history, moves=archive.moves)
                sources = sources_of(archive.input.listing(request).frame)
            except InputError as error:
                log.warning("the bytes of `%s` are not looked at, and no change of markup is told: %s", name, error)
                self._opened[name] = None
            else:
                self._opened[name] = archive, {(one.source_path, one.valid_from): one for one in sources}
        return self._opened[name]
