"""What a run decides: two frames in, decisions out. Pure.

`listing` is what the input shows, one row for each period over which a file stood at its path. `catalog` is what the
output knows, one row for each row of `articles`, `revisions` and `rejects`. A source is known by its archive and path.

An article is all sources with one `article_id`. Of those that still exist, the one that ranks last is current: ordered
by `published_at`, then by the time of the commit, then by path in code point order. Each other one is superseded by the
next. A source that ended is superseded by what came at the moment at which it ended: at its own path, else at another.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import polars as pl

from pressmark.transforms.selection import FORGOTTEN

__all__ = [
    "CATALOG", "KEY", "PARSED", "REJECT", "REJECTED", "Decision", "Settled", "changed_articles", "decide",
    "decide_rejects", "disturbed", "settle", "to_hash",
]  # fmt: skip

TIME: Final = pl.Datetime("us", "UTC")
CATALOG: Final = pl.Schema({
    "archive": pl.String(), "source_path": pl.String(), "source_sha256": pl.String(), "source_bytes": pl.Int64(),
    "article_id": pl.String(), "published_at": TIME, "text_sha256": pl.String(), "valid_from": TIME, "valid_to": TIME,
    "superseded_by": pl.String(), "change": pl.String(), "state": pl.String(), "stale": pl.Boolean(),
    "reason": pl.String(), "detail": pl.String(), "outlet": pl.String(), "period": pl.String(),
})  # fmt: skip
"""`state` is `current`, `superseded` or `rejected`. `stale` rows were written by another parser version. A row is live
while its file exists unchanged: `valid_to` is null."""

PARSED: Final = pl.Schema({
    "archive": pl.String(), "source_path": pl.String(), "source_sha256": pl.String(), "article_id": pl.String(),
    "published_at": TIME, "text_sha256": pl.String(), "valid_from": TIME, "valid_to": TIME, "outlet": pl.String(),
    "period": pl.String(), "batch": pl.String(), "owner": pl.Int32(),
})  # fmt: skip
"""Sources that this run read as articles; `owner` is a row's position in its batch."""

REJECTED: Final = pl.Schema({
    "archive": pl.String(), "source_path": pl.String(), "source_sha256": pl.String(), "reason": pl.String(),
    "detail": pl.String(), "valid_to": TIME, "batch": pl.String(), "owner": pl.Int32(),
})  # fmt: skip

KEY: Final = ["archive", "source_path", "source_sha256", "valid_from"]
RANK: Final = ["published_at", "valid_from", "source_path", "archive"]
LIVE: Final = pl.col("valid_to").is_null()
REJECT: Final = pl.col("state") == "rejected"
# What is to be forgotten stays so, whatever becomes of its source.
LEAVES: Final = pl.col("reason").ne_missing(FORGOTTEN)


class Decision(NamedTuple):
    """What a run has to do: the rows of the listing to parse, with `required` where something published rests on them;
    the rows of the catalog whose files are gone; and how many sources are as they were."""

    parse: pl.DataFrame
    gone: pl.DataFrame
    unchanged: int


def to_hash(listing: pl.DataFrame, catalog: pl.DataFrame) -> pl.DataFrame:
    """The rows of the listing that must be hashed to know whether they changed: their path is known, and nothing says
    that they are the `same` as at the latest run."""
    return listing.filter(~pl.col("same")).join(catalog.select("source_path").unique(), on="source_path", how="semi")


def decide(listing: pl.DataFrame, catalog: pl.DataFrame, archive: str, *, deletes: bool, most_bytes: int) -> Decision:
    """Parse what is new, what changed, and what another parser or a lower limit refused; end what is absent, where that
    means that it was deleted; parse again whatever takes the place of a current revision that goes.

    `listing` has `same` (the latest run saw these very bytes) and `sha256` (null where nobody looked, or where the
    source can't be read) beside its own columns. `most_bytes` is the limit of a source.
    """
    known = catalog.filter(pl.col("archive") == archive)
    listing = listing.with_row_index("row")
    fits_now = (pl.col("reason") == "too_large") & (pl.col("source_bytes_known") <= most_bytes)
    unchanged = listing.join(known, on="source_path", suffix="_known").filter(
        ~(pl.col("stale") | fits_now.fill_null(value=False)),
        pl.col("same") | pl.col("sha256").eq_missing(pl.col("source_sha256")),
        REJECT
        | (pl.col("valid_from").eq_missing(pl.col("valid_from_known"))
           & pl.col("valid_to").eq_missing(pl.col("valid_to_known"))),
    )  # fmt: skip
    changed = listing.join(unchanged.select("row").unique(), on="row", how="anti")
    standing = listing.filter(LIVE)
    live = known.filter(LIVE)
    gone = live.clear()
    if deletes:
        absent = live.join(standing, on="source_path", how="anti")
        # Of a history, rejects stay for as long as any file was at their path.
        rejects = absent.filter(REJECT, LEAVES).join(listing, on="source_path", how="anti")
        gone = pl.concat([absent.filter(~REJECT), rejects])
    going = pl.concat([gone, live.join(changed.filter(LIVE), on="source_path", how="semi")])
    lost = going.filter(pl.col("state") == "current").select("article_id").unique()
    lost = pl.concat([lost, _outranked(catalog.filter(~REJECT)).select("article_id")])
    heirs = live.filter(pl.col("state") == "superseded").join(lost, on="article_id", how="semi")
    wanted = pl.concat([changed.select("row"), standing.join(heirs, on="source_path", how="semi").select("row")])
    parse = listing.join(wanted.unique(), on="row", how="semi")
    required = pl.col("source_path").is_in(known["source_path"].unique().implode())
    return Decision(
        parse.with_columns(required=required).drop("row", "same", "sha256"), gone, listing.height - parse.height
    )


class Settled(NamedTuple):
    """What becomes of the articles that a run touches.

    `current`: parsed sources to publish in `articles` and `paragraphs`. `superseded`: rows to write into `revisions`,
    parsed (`batch` and `owner` say where) or known (`state` says in which table), with `superseded_by`, `change` and
    `valid_to` as they are now and `change_before` as it was. `dropped`: rows of the catalog to take out of the table
    that `state` names.
    """

    current: pl.DataFrame
    superseded: pl.DataFrame
    dropped: pl.DataFrame


def settle(
    catalog: pl.DataFrame, listing: pl.DataFrame, parsed: pl.DataFrame, rejected: pl.DataFrame, replaced: pl.DataFrame,
    ended_at: datetime, started_at: datetime,
) -> Settled:  # fmt: skip
    """Which revision of each touched article is current, who superseded whom, and when what was replaced ended.

    `replaced` has the archive and path of each file that was read again or is gone; the listing tells when the content
    that it had ended, else `ended_at` is the time. What came without a commit came at `started_at`. Only a source
    whose rows are at hand, as it was parsed now or is current, can be current; an article that has none keeps its
    rows. The same sources give the same rows, whatever the number of runs.
    """
    catalog = catalog.filter(~REJECT).with_row_index("known").with_columns(pl.col("known").cast(pl.Int64))
    again = catalog.join(parsed, on=KEY, how="semi", nulls_equal=True)
    # What moved unchanged goes on at its later path, and has no row at the one that it left.
    content = ["archive", "source_sha256", "valid_from"]
    read = pl.concat([parsed.select(content), rejected.join(listing, on="source_path").select(content)])
    moved = catalog.join(read, on=content, how="semi")
    moved = moved.join(listing, on=["source_path", "valid_from"], how="anti")
    # What another parser refuses never was an article.
    refused = catalog.join(rejected, on=["archive", "source_path", "source_sha256"], how="semi")
    again = pl.concat([again, moved, refused]).unique("known")
    touched = pl.concat([
        parsed.select("article_id"),
        catalog.filter(LIVE).join(replaced, on=["archive", "source_path"], how="semi").select("article_id"),
        again.select("article_id"),
    ]).unique()  # fmt: skip
    before = catalog.join(touched, on="article_id", how="semi")
    before = before.with_columns(valid_to_before=pl.when(pl.col("state") == "superseded").then("valid_to"))
    again = before.join(again, on="known", how="semi")
    going = before.filter(LIVE).join(replaced, on=["archive", "source_path"], how="semi")
    going = going.join(again, on="known", how="anti")
    repeated = _repeated(going, listing, parsed)
    ended = _ended(going.join(repeated, on="known", how="anti"), listing, ended_at)
    kept = before.join(pl.concat([again, going]).select("known"), on="known", how="anti")
    rows = _rows(parsed, again, pl.concat([kept, ended]), started_at)
    placed = _placed(rows)
    known = pl.col("known").is_not_null()
    current = placed.filter(pl.col("is_current"))
    moved = placed.filter(
        ~pl.col("is_current"),
        ~known
        | (pl.col("state") == "current")
        | ~pl.col("valid_to").eq_missing(pl.col("valid_to_before"))
        # What ended before stays as it is, unless what came in its place is only known now.
        | ((LIVE | pl.col("superseded_by").is_not_null())
           & ~(pl.col("superseded_by").eq_missing(pl.col("superseded_by_before"))
               & pl.col("change").eq_missing(pl.col("change_before")))),
    )  # fmt: skip
    gone = pl.concat([again, repeated]).select("known")
    gone = pl.concat([gone, moved.filter(known).select("known")])
    return Settled(
        current.filter(~known).select(PARSED.names()),
        moved.select(*PARSED.names(), "known", "state", "superseded_by", "change", "change_before"),
        before.join(gone, on="known", how="semi").drop("known", "valid_to_before"),
    )


def disturbed(catalog: pl.DataFrame, settled: Settled, archive: str) -> tuple[str, ...]:
    """Other archives that have a source which is to be current now: their own next runs must look at it again."""
    names = ["article_id", "state", *RANK, "valid_to"]
    touched = pl.concat([settled.current.select("article_id"), settled.dropped.select("article_id")]).unique()
    known = catalog.filter(~REJECT).join(touched, on="article_id", how="semi")
    kept = known.join(settled.dropped, on=[*KEY, "state"], how="anti", nulls_equal=True)
    made = [frame.with_columns(state=pl.lit(state)).select(names)
            for frame, state in ((settled.current, "current"), (settled.superseded, "superseded"))]  # fmt: skip
    found = _outranked(pl.concat([kept.select(names), *made]))["archive"].unique().sort()
    return tuple(name for name in found if name != archive)


def _outranked(rows: pl.DataFrame) -> pl.DataFrame:
    """The live rows that rank last in their articles and are not current."""
    live = rows.filter(LIVE)
    some = live.join(live.filter(pl.col("state") == "superseded"), on="article_id", how="semi")
    last = some.sort(*RANK, nulls_last=False).group_by("article_id", maintain_order=True).last()
    return last.filter(pl.col("state") != "current")


def decide_rejects(
    catalog: pl.DataFrame, parsed: pl.DataFrame, rejected: pl.DataFrame, gone: pl.DataFrame, *, history: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rejected sources to publish, and the rejects of the catalog to drop.

    A reject is known by its path and bytes. It goes when its source parses; without `history` also when its source is
    replaced or deleted, with it when no file ever was at its path. What can't be read has no bytes, and no place in
    history. What is forgotten stays.
    """
    key = ["archive", "source_path", "source_sha256"]
    known = catalog.filter(REJECT)
    rejected = rejected.unique(key, keep="first", maintain_order=True)
    same = known.filter(~pl.col("stale"))
    new = rejected.join(same, on=[*key, "reason", "detail"], how="anti", nulls_equal=True)
    place = ["archive", "source_path"]
    replaced = pl.concat([
        parsed.filter(LIVE).select(place), rejected.filter(LIVE).select(place), gone.select(place)
    ])  # fmt: skip
    others = known.filter(LEAVES).join(rejected, on=key, how="anti", nulls_equal=True)
    left = others.join(replaced, on=place, how="semi").filter(pl.lit(not history) | pl.col("source_sha256").is_null())
    dropped = [
        known.join(new, on=key, how="semi", nulls_equal=True), left, others.join(parsed, on=key, how="semi"),
        others.join(gone.filter(REJECT), on=key, how="semi", nulls_equal=True),
    ]  # fmt: skip
    return new, pl.concat(dropped).unique()


def changed_articles(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """By outlet the articles that are new, have another text, have the same text in other bytes (`markup`), are gone
    (`deleted`), or have another time (`redated`); `before` and `after` have the current rows of the same articles."""
    both = after.join(before, on="article_id", how="full", suffix="_before", coalesce=True)
    there, was = pl.col("outlet").is_not_null(), pl.col("outlet_before").is_not_null()
    same_text = pl.col("text_sha256") == pl.col("text_sha256_before")
    kinds = {
        "new": there & ~was,
        "text": there & was & ~same_text,
        "markup": there & was & same_text & (pl.col("source_sha256") != pl.col("source_sha256_before")),
        "deleted": was & ~there,
        "redated": there & was & ~pl.col("published_at").eq_missing(pl.col("published_at_before")),
    }
    counts = both.group_by(outlet=pl.coalesce("outlet", "outlet_before")).agg(
        found.fill_null(value=False).sum().alias(kind) for kind, found in kinds.items()
    )
    return counts.filter(pl.any_horizontal(pl.col(*kinds) > 0)).sort("outlet")


def _repeated(going: pl.DataFrame, listing: pl.DataFrame, parsed: pl.DataFrame) -> pl.DataFrame:
    """Sources that did not end but are listed from another time on now, and were parsed: an input without commits took
    the place of one with them, or the other way."""
    unknown = going.join(listing, on=["source_path", "valid_from"], how="anti", nulls_equal=True)
    return unknown.join(parsed.filter(LIVE), on=["archive", "source_path", "source_sha256"], how="semi")


def _ended(going: pl.DataFrame, listing: pl.DataFrame, ended_at: datetime) -> pl.DataFrame:
    """Rows whose files were replaced or deleted, with the time at which that happened."""
    periods = listing.filter(~LIVE).select("source_path", "valid_from", ended="valid_to")
    periods = periods.group_by("source_path", "valid_from").agg(pl.col("ended").max())
    latest = listing.group_by("source_path").agg(latest=pl.max_horizontal("valid_from", "valid_to").max())
    timed = going.join(periods, on=["source_path", "valid_from"], how="left", nulls_equal=True)
    timed = timed.join(latest, on="source_path", how="left")
    end = pl.coalesce("ended", "latest", pl.lit(ended_at, TIME))
    return timed.with_columns(valid_to=end).select(going.columns)


def _rows(parsed: pl.DataFrame, again: pl.DataFrame, known: pl.DataFrame, started_at: datetime) -> pl.DataFrame:
    """All sources of the touched articles; `came_at` is when each came: null for what was there before, without a
    commit."""
    was = parsed.join(again.filter(LIVE), on=KEY, how="semi", nulls_equal=True).select("batch", "owner")
    was = was.with_columns(was=pl.lit(value=True))
    new = parsed.join(was, on=["batch", "owner"], how="left").with_columns(
        came_at=pl.when(pl.col("was").is_null())
        .then(pl.coalesce("valid_from", pl.lit(started_at, TIME)))
        .otherwise("valid_from")
    )
    before = known.with_columns(
        came_at="valid_from", superseded_by_before="superseded_by", change_before="change"
    ).drop("superseded_by", "change")  # fmt: skip
    return pl.concat([new.drop("was"), before], how="diagonal").with_row_index("row")


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    """Each source with whether it is current, and by which one it is superseded, and what that changed. Sources that
    exist, of articles of which none can be current, are left out."""
    able = LIVE & (pl.col("known").is_null() | (pl.col("state") == "current"))
    rows = rows.sort(*RANK, "source_sha256", nulls_last=False).with_row_index("rank")
    latest = rows.filter(able).group_by("article_id").agg(pl.col("row").get(pl.col("rank").arg_max()))
    rows = rows.join(latest.rename({"row": "current"}), on="article_id", how="left")
    rows = rows.with_columns(is_current=(pl.col("row") == pl.col("current")).fill_null(value=False))
    live = rows.filter(LIVE, pl.col("current").is_not_null())
    # The current one ranks after those whose rows are not at hand.
    live = live.sort("article_id", "is_current", "rank")
    live = live.with_columns(
        superseded_by=pl.col("source_sha256").shift(-1).over("article_id"),
        text_after=pl.col("text_sha256").shift(-1).over("article_id"),
    )
    ended = rows.filter(~LIVE).join(_successors(rows), on="row", how="left")
    found = pl.concat([live, ended], how="diagonal")
    change = (
        pl.when(pl.col("superseded_by").is_null()).then(None)
        .when(pl.col("superseded_by") == pl.col("source_sha256")).then(pl.lit("copy"))
        .when(pl.col("text_after") == pl.col("text_sha256")).then(pl.lit("markup"))
        .otherwise(pl.lit("text"))
    )  # fmt: skip
    return found.with_columns(change=change)


def _successors(rows: pl.DataFrame) -> pl.DataFrame:
    """For each source that ended, by `row`, what came in its place: at its own path, else what stood longest."""
    came = rows.select(
        "article_id", "came_at", other="row", path="source_path", of="archive", until="valid_to",
        superseded_by="source_sha256", text_after="text_sha256", rank="rank",
    )  # fmt: skip
    ended = rows.filter(~LIVE).select(
        "article_id", "row", "source_path", "archive", came_at="valid_to", own="rank", began="came_at"
    )
    pairs = ended.join(came, on=["article_id", "came_at"]).filter(pl.col("row") != pl.col("other"))
    # Of two that both came and went within this second, one follows the other, and not that one it, too.
    both_at_once = pl.all_horizontal(pl.col("began", "until").eq_missing(pl.col("came_at")))
    pairs = pairs.filter(~both_at_once | (pl.col("rank") > pl.col("own")))
    here = (pl.col("path") == pl.col("source_path")) & (pl.col("of") == pl.col("archive"))
    pairs = pairs.with_columns(here=here).sort("here", "until", "rank", nulls_last=True)
    return pairs.group_by("row", maintain_order=True).agg(pl.col("superseded_by", "text_after").last())
