"""What revisions changed, derived from one moment of an output and never stored: texts from its tables, and where
paragraphs stood from the sources of superseded revisions, as far as their archives still have these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PERIODS
from pressmark.schemas.tables import ARTICLES, PARAGRAPHS, REJECTS, REVISIONS, RUNS
from pressmark.storage.batches import cut
from pressmark.storage.copies import carriers
from pressmark.storage.errors import SettingsError
from pressmark.storage.originals import Originals, Revision
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output
from pressmark.storage.search import between, bounds, check_outlet, rows_about
from pressmark.transforms.changes import CHANGES, Place, Side, changes_between, removals, successions
from pressmark.transforms.wording import WHAT

__all__ = ["QUIET", "changes_between_pairs", "changes_of", "pairs_of", "removals_of"]

# So many revisions, and bytes of their sources, are looked at together.
AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 32 << 20
# What no reader of corrections looks for, unless asked: markup or white space alone, and page furniture.
BARE: Final = [pl.col(name).str.replace_all(r"\s+", "") for name in ("old_text", "new_text")]
QUIET: Final = (
    (pl.col("what") == ["markup"])
    | ((pl.col("kind") == "changed") & (BARE[0] == BARE[1]))
    | pl.coalesce("new_role", "old_role").is_in(["boilerplate", "related"]).fill_null(value=False)
)


def changes_of(
    moment: Output, source: str | None = None, *, outlet: str | None = None, since: date | None = None,
    until: date | None = None, what: str | None = None, about: str | None = None,
    progress: Progress = lambda *_: None,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """Rows of `CHANGES`, some at a time, the latest day first: see `Dataset.changes`. `source` is the input of each
    archive's latest run. `progress` is called with the revisions looked at, and all.
    Raises `SettingsError` for what is no `what` or outlet."""
    if what is not None and what not in WHAT:
        raise SettingsError("this is nothing that a change is told as", what, "name one of " + ", ".join(WHAT))
    pairs = pairs_of(moment, outlet).filter(*between("changed_at", *bounds(since, until)))
    archives = Originals(moment, source)
    done = 0
    sizes = (pairs["old_source_bytes"] + pairs["new_source_bytes"]).to_list()
    for span in cut(sizes, BYTES_AT_ONCE, AT_ONCE):
        some = pairs[span.start : span.stop]
        progress("changes", done, pairs.height)
        done += some.height
        rows = changes_between_pairs(moment, some, archives)
        rows = rows if what is None else rows.filter(pl.col("what").list.contains(pl.lit(what, pl.Enum(WHAT))))
        rows = rows_about(rows, about, ("title", "old_text", "new_text"))
        if rows.height:
            yield rows


def pairs_of(moment: Output, outlet: str | None = None) -> pl.DataFrame:
    """Each revision that another one superseded, with that one: see `successions`."""
    _check_outlet(moment, outlet)
    pairs = successions(_with_period(moment, "articles"), _with_period(moment, "revisions"))
    return pairs.filter(pl.lit(value=True) if outlet is None else pl.col("outlet") == outlet).collect()


def changes_between_pairs(moment: Output, pairs: pl.DataFrame, archives: Originals | None = None) -> pl.DataFrame:
    """The rows of `CHANGES` of some of these pairs, with bytes where `archives` are given."""
    return pl.DataFrame(list(_rows(moment, pairs, archives)), schema=CHANGES, orient="row")


def removals_of(
    moment: Output, source: str | None = None, *, outlet: str | None = None, since: date | None = None,
    until: date | None = None, about: str | None = None, carried: bool = False, read: bool = True,
) -> pl.DataFrame:  # fmt: skip
    """The ledger of removals: see `Dataset.removals`. The address of what is no article any more is read from its
    bytes, as far as these are there, and with `read` alone."""
    _check_outlet(moment, outlet)
    found = removals(
        _with_period(moment, "articles"), _with_period(moment, "revisions"), moment.scan(REJECTS), moment.scan(RUNS)
    )
    found = found if outlet is None else found.filter(pl.col("outlet") == outlet)
    found = rows_about(found.filter(*between("removed_at", *bounds(since, until))), about, ("title", "text"))
    if carried:
        found = found.with_columns(carriers(found, moment.scan(ARTICLES), moment.scan(PARAGRAPHS)))
    if not read:
        return found
    archives = Originals(moment, source)
    nameless = [Revision(*row) for row in found.filter(pl.col("url").is_null(), pl.col("bytes_in").is_not_null())
                .select(Revision._fields).iter_rows()]  # fmt: skip
    urls: dict[Revision, str | None] = {}
    for start in range(0, len(nameless), AT_ONCE):
        for one, data in archives.contents(nameless[start : start + AT_ONCE]).items():
            cut = archives.cut(one, data)
            urls[one] = None if cut is None else cut.url
    known = [urls.get(Revision(*row)) for row in found.select(Revision._fields).iter_rows()]
    return found.with_columns(url=pl.coalesce("url", pl.Series(known, dtype=pl.String)))


def _check_outlet(moment: Output, outlet: str | None) -> None:
    parts = (part.partition for table in (ARTICLES, REVISIONS) for part in moment.parts(table))
    check_outlet(outlet, (partition.outlet for partition in parts if partition is not None))


def _with_period(moment: Output, name: str) -> pl.LazyFrame:
    rows = moment.scan(TABLES[name])
    return rows.with_columns(pl.col("outlet").cast(pl.String), period=pl.col(_period_of(rows)).cast(pl.String))


def _period_of(rows: pl.LazyFrame) -> str:
    return next(name for name in PERIODS if name in rows.collect_schema())


def _rows(moment: Output, pairs: pl.DataFrame, archives: Originals | None) -> Iterator[dict[str, Any]]:
    texts = _texts(moment, pairs)
    current = _current_places(moment, pairs)
    asked = [_revision(pair, side) for pair in pairs.iter_rows(named=True) for side in ("old", "new")]
    contents = {} if archives is None else archives.contents(asked)
    for pair in pairs.iter_rows(named=True):
        sides, url = [], pair["url"]
        for name in ("old", "new"):
            data = contents.get(_revision(pair, name))
            places: Sequence[Place] | None = None
            if name == "new" and pair["new_current"]:
                places = current.get(pair["article_id"], [])
            elif data is not None and archives is not None:
                cut = archives.cut(_revision(pair, name), data)
                if cut is not None and cut.text_sha256 == pair[f"{name}_text_sha256"]:
                    places, url = cut.places, url or cut.url
            text = texts[pair["article_id"], pair[f"{name}_text_sha256"]]
            sides.append(Side(pair[f"{name}_title"], text, places, data))
        for row in changes_between(*sides):
            yield {name: pair[name] for name in CHANGES if name in pair} | row | {
                "title": pair["new_title"], "url": url
            }  # fmt: skip


def _texts(moment: Output, pairs: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Texts by article and hash; of revisions that share one, a single one has it."""
    found = {}
    for table in (ARTICLES, REVISIONS):
        rows = _narrowed(moment.scan(table), pairs, current=table is ARTICLES).filter(pl.col("text").is_not_null())
        for article_id, digest, text in rows.select("article_id", "text_sha256", "text").collect().iter_rows():
            found[article_id, digest] = text
    return found


def _current_places(moment: Output, pairs: pl.DataFrame) -> dict[str, list[Place]]:
    rows = _narrowed(moment.scan(PARAGRAPHS), pairs.filter("new_current"), current=True).select(
        "article_id", "ordinal", pl.col("role").cast(pl.String), "byte_start", "byte_end"
    )
    found: dict[str, list[Place]] = {}
    for article_id, _, *place in rows.collect().sort("article_id", "ordinal").iter_rows():
        found.setdefault(article_id, []).append(Place(*place))
    return found


def _narrowed(rows: pl.LazyFrame, pairs: pl.DataFrame, *, current: bool) -> pl.LazyFrame:
    """The rows of the pairs' articles; of current ones, from the partitions that these are in alone."""
    wanted = [pl.col("article_id").is_in(pairs["article_id"].unique().implode())]
    for key, name in (("outlet", "current_outlet"), (_period_of(rows), "current_period")) if current else ():
        # A file whose path says that it has none of these is not opened.
        value = pl.col(key) if rows.collect_schema()[key] == pl.String else pl.col(key).cast(pl.String)
        wanted.append(value.is_in(pairs[name].drop_nulls().unique().implode()))
    return rows.filter(*wanted)


def _revision(pair: dict[str, Any], side: str) -> Revision:
    return Revision(*(pair[f"{side}_{name}"] for name in Revision._fields))
