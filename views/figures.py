"""What an output holds, as small tables, their columns named as a reader sees them. A `share` is a number from 0 to 1,
and its column says of what. Times are UTC. Rows below a bound are summed into one of `the rest`.

And charts of them as SVG, wide and narrow, that takes its colours from the page: `currentColor` and `--series-1`,
`--series-2`, … Vega-Lite draws them in the JavaScript engine of `vl-convert-python`, which is given no address to read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

import polars as pl
from publicsuffixlist import PublicSuffixList

from pressmark.schemas.contract import CONTENT_ROLES, FLAGS
from pressmark.storage.errors import library
from pressmark.views.showing import FLAG_MEANINGS

__all__ = [
    "ARTICLE_COLUMNS", "REVISION_COLUMNS", "TOP", "WIDTHS", "Drawing", "Unit", "can_draw", "changes", "columns",
    "conflicts", "flags", "grid", "languages", "lengths", "line", "link_domains", "media_kinds", "outlets", "over_time",
    "period_name", "ranked", "reasons", "reject_examples", "roles", "rows_since", "runs", "sources_of_dates", "stacked",
    "sums", "unit_of",
]  # fmt: skip

TOP: Final = 20
ARTICLE_COLUMNS: Final = (
    "article_id", "archive", "outlet", "source_path", "dialect", "host", "canonical_url", "title", "removed_at",
    "removed_reason", "flags", "published_at", "published_from", "dateline_at", "url_date", "date_conflict", "language",
    "source_bytes", "header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes", "paragraph_count", "run_id",
)  # fmt: skip
REVISION_COLUMNS: Final = (
    "revision_id", "article_id", "outlet", "source_path", "title", "change", "valid_from", "valid_to", "first_seen_at",
    "run_id",
)  # fmt: skip
BOUNDS: Final = (1, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
DATE_SOURCES: Final = {
    "header": "the header of the source",
    "front_matter": "front matter",
    "dateline": "the date printed on the page",
    "url": "the date in the address",
    "none": "no date found",
}
HTTP_HOST: Final = r"(?i)^https?://(?:[^/?#@]*@)?([^/:?#\s]+)"
NO_HOST: Final = "no web address"
DAYS_IN_MONTH: Final = 30.44


class Unit(NamedTuple):
    """How long a period is: as polars and as Vega have it, its name, how it and an axis of it are written, its days."""

    every: str
    vega: str
    name: str
    written: str
    axis: str
    days: float


UNITS: Final = (
    Unit("1d", "utcyearmonthdate", "day", "%Y-%m-%d", "%d %b %Y", 1),
    Unit("1mo", "utcyearmonth", "month", "%Y-%m", "%b %Y", DAYS_IN_MONTH),
    Unit("1q", "utcyearquarter", "quarter", "%Y Q{quarter}", "%Y", 3 * DAYS_IN_MONTH),
    Unit("1y", "utcyear", "year", "%Y", "%Y", 12 * DAYS_IN_MONTH),
    Unit("10y", "utcyear", "decade", "%Ys", "%Y", 120 * DAYS_IN_MONTH),
)  # fmt: skip
MOST_PERIODS: Final = 72


def unit_of(moments: pl.Series) -> tuple[Unit, datetime | None]:
    """The shortest unit in which the moments span few enough periods, and the first moment that counts for that: where
    leaving out the first half per cent halves the span, the others decide."""
    known = moments.drop_nulls().sort()
    if known.is_empty():
        return UNITS[0], None
    first, last = known[0], known[-1]
    most = known[known.len() // 200]
    if (last - most) * 2 < last - first:
        first = most
    days = (last - first).days + 1
    return next((unit for unit in UNITS if days / unit.days <= MOST_PERIODS), UNITS[-1]), first


def period_name(day: date, unit: Unit) -> str:
    """The period that begins on a day: 2020-07-01, 2020-07, 2020 Q3, 2020 or 2020s.

    >>> period_name(date(2020, 7, 1), UNITS[2])
    '2020 Q3'
    """
    return f"{day:{unit.written.format(quarter=day.month // 3 + 1)}}"


def over_time(rows: pl.DataFrame, moment: str, unit: Unit, first: datetime | None, *keys: str) -> pl.DataFrame:
    """`period` (its first day), the keys, and `count`; without periods that end before `first`."""
    counted = rows.drop_nulls(moment).group_by(pl.col(moment).dt.truncate(unit.every).dt.date().alias("period"), *keys)
    found = counted.agg(count=pl.len()).sort("period", *keys)
    if first is None:
        return found
    return found.filter(pl.col("period") >= pl.lit(first).dt.truncate(unit.every).dt.date())


def ranked(rows: pl.DataFrame, count: str, top: int = TOP, share: str | None = None) -> pl.DataFrame:
    """The rows with the highest counts and one of the rest, in which whole numbers are sums; `share` names a column for
    what each has of all."""
    label, total = rows.columns[0], max(int(rows[count].sum()), 1)
    found = rows.sort(count, label, descending=[True, False], nulls_last=True)
    if found.height > top + 1:
        rest = found.slice(top)
        numbers = [name for name, kind in found.schema.items() if kind.is_integer() and not name.startswith("median")]
        found = pl.concat(
            [found.head(top), rest.select(pl.lit(f"{rest.height:,} others").alias(label), pl.col(numbers).sum())],
            how="diagonal",
        )
    if share is not None:
        place = found.columns.index(count) + 1
        found = found.insert_column(place, (found[count] / total).alias(share))
    return found


def sums(articles: pl.DataFrame, paragraphs: int, counted: pl.DataFrame) -> pl.DataFrame:
    """What must hold of the tables by themselves: `check`, `looked at`, `breaches`. `counted` has `article_id` and
    `blocks` of each article that has rows in `paragraphs`, of which there are so many."""
    parts = pl.sum_horizontal("header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes")
    joined = articles.select("article_id", "paragraph_count").join(counted, on="article_id", how="full", coalesce=True)
    blocks = joined.select(pl.col("blocks").fill_null(0).ne_missing(pl.col("paragraph_count")).sum()).item()
    wrong = articles.select((parts != pl.col("source_bytes")).sum()).item()
    every, doubled = f"{articles.height:,} articles", articles.height - articles["article_id"].n_unique()
    rows = [
        ("Header, text, skipped and markup bytes of an article add up to its source (law 4)", every, wrong),
        ("An article has as many paragraphs as it says", f"{paragraphs:,} paragraphs", blocks),
        ("No article stands twice", every, doubled),
    ]
    return pl.DataFrame(rows, {"check": pl.String, "looked at": pl.String, "breaches": pl.Int64}, orient="row")


def outlets(articles: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """`outlet`, `articles`, `share of articles`, `first`, `last`, `without date`, `paragraphs`, `median characters`."""
    rows = articles.join(sizes, on="article_id", how="left").group_by("outlet")
    every = rows.agg(
        pl.len().alias("articles"),
        pl.col("published_at").min().dt.date().alias("first"),
        pl.col("published_at").max().dt.date().alias("last"),
        pl.col("published_at").null_count().alias("without date"),
        pl.col("paragraph_count").cast(pl.Int64).sum().alias("paragraphs"),
        pl.col("characters").fill_null(0).median().round().cast(pl.Int64).alias("median characters"),
    )
    return ranked(every, "articles", share="share of articles")


def lengths(articles: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """`characters` (a range), `articles`, `share of articles`: how long the stories are, furniture left out."""
    labels = ["none", *(f"{low:,}–{high - 1:,}" for low, high in pairwise(BOUNDS)),
              f"{BOUNDS[-1]:,} or more"]  # fmt: skip
    size = pl.col("characters").fill_null(0)
    # How many bounds a length has reached is the number of its range.
    reached = pl.sum_horizontal((size >= low).cast(pl.Int64) for low in BOUNDS)
    counts = articles.join(sizes, on="article_id", how="left").group_by(range=reached).agg(articles=pl.len())
    every = pl.DataFrame({"range": range(len(labels)), "characters": labels}).join(counts, on="range", how="left")
    found = pl.col("articles").fill_null(0).cast(pl.Int64)
    share = (found / max(articles.height, 1)).alias("share of articles")
    return every.sort("range").select("characters", found, share)


def roles(blocks: pl.DataFrame) -> pl.DataFrame:
    """`role`, `paragraphs`, `share of paragraphs`, `characters`, `share of characters`, `part of the story`; `blocks`
    has `role`, `paragraphs`, `characters`."""
    every = blocks.group_by("role").agg(pl.col("paragraphs", "characters").sum())
    found = ranked(every, "paragraphs", share="share of paragraphs")
    total = max(int(found["characters"].sum()), 1)
    return found.with_columns(
        (pl.col("characters") / total).alias("share of characters"),
        pl.when(pl.col("role").is_in(sorted(CONTENT_ROLES))).then(pl.lit("yes")).otherwise(pl.lit("no"))
        .alias("part of the story"),
    )  # fmt: skip


def languages(articles: pl.DataFrame) -> pl.DataFrame:
    """`language`, `articles`, `share of articles`, `outlets`."""
    rows = articles.group_by("language").agg(articles=pl.len(), outlets=pl.col("outlet").n_unique())
    return ranked(rows, "articles", share="share of articles")


def flags(articles: pl.DataFrame) -> pl.DataFrame:
    """`flag`, `articles`, `share of articles`, `meaning`, `for example` (a path): flags that articles have."""
    order = pl.DataFrame({"flag": FLAGS, "meaning": [FLAG_MEANINGS[name] for name in FLAGS]})
    rows = articles.select("flags", "source_path").explode("flags").drop_nulls("flags").group_by(flag="flags")
    found = order.join(rows.agg(articles=pl.len(), example=pl.col("source_path").min()), on="flag")
    share = (pl.col("articles") / max(articles.height, 1)).alias("share of articles")
    example = pl.col("example").alias("for example")
    return found.sort("articles", descending=True).select("flag", "articles", share, "meaning", example)


def sources_of_dates(articles: pl.DataFrame) -> pl.DataFrame:
    """`the date is from`, `articles`, `share of articles`."""
    named = pl.col("published_from").replace_strict(DATE_SOURCES).alias("the date is from")
    return ranked(articles.group_by(named).agg(articles=pl.len()), "articles", share="share of articles")


def conflicts(articles: pl.DataFrame, top: int = 12) -> pl.DataFrame:
    """`title`, `outlet`, `published`, `on the page`, `in the address`, `days apart`, `_href`: the articles whose dates
    are furthest apart."""
    days = ("published_at", "dateline_at", "url_date")
    dates = [pl.col(name).cast(pl.Date) for name in days]
    apart = (pl.max_horizontal(dates) - pl.min_horizontal(dates)).dt.total_days()
    rows = articles.filter("date_conflict").with_columns(apart.alias("days apart"), *dates)
    return rows.sort("days apart", "article_id", descending=[True, False], nulls_last=True).head(top).select(
        "title", "outlet", pl.col("published_at").alias("published"), pl.col("dateline_at").alias("on the page"),
        pl.col("url_date").alias("in the address"), "days apart", pl.col("canonical_url").alias("_href"),
    )  # fmt: skip


def reasons(rejects: pl.DataFrame) -> pl.DataFrame:
    """`reason`, `sources`, `share of rejects`, `bytes`."""
    rows = rejects.group_by("reason").agg(sources=pl.len(), bytes=pl.col("source_bytes").sum())
    return ranked(rows, "sources", share="share of rejects")


def reject_examples(rejects: pl.DataFrame, each: int = 3) -> pl.DataFrame:
    """`reason`, `path`, `what was found`, `first bytes`: the first rejects of each reason, of each path one."""
    first = (
        rejects.sort("reason", "archive", "source_path")
        .unique(["reason", "archive", "source_path"], keep="first", maintain_order=True)
        .group_by("reason", maintain_order=True)
        .head(each)
    )
    return first.select(
        "reason", pl.col("source_path").alias("path"),
        pl.col("detail").str.strip_chars().str.split("\n").list.last().alias("what was found"),
        pl.col("head").alias("first bytes"),
    )  # fmt: skip


def changes(revisions: pl.DataFrame) -> pl.DataFrame:
    """Revisions with `change` (`removed` for tombstones) and `at`, when they were replaced or deleted: `valid_to`;
    where their file still exists, `valid_from`; in archives without commits, the run that first saw them. What was on
    a branch only never was in the archive, and did not leave it."""
    there = pl.col("change").is_not_null() | pl.col("valid_to").ne_missing(pl.col("valid_from"))
    return revisions.filter(there).with_columns(
        pl.col("change").fill_null("removed"), at=pl.coalesce("valid_to", "valid_from", "first_seen_at")
    ).sort("at", "revision_id", descending=[True, False])  # fmt: skip


def link_domains(links: pl.DataFrame, articles: pl.DataFrame, top: int = TOP) -> pl.DataFrame:
    """`domain`, `links`, `share of links`, `from the same site`, `outlets`; `links` has `outlet`, `name`, `links`."""
    suffixes = PublicSuffixList()
    names = links["name"].drop_nulls().unique().to_list()
    domains = {name: suffixes.privatesuffix(name.lower().rstrip(".")) or name for name in names}
    named = links.with_columns(pl.col("name").replace_strict(domains, default=NO_HOST, return_dtype=pl.String))
    own = articles.select("outlet", name="host").drop_nulls().unique().with_columns(own=pl.lit(value=True))
    rows = named.join(own, on=["outlet", "name"], how="left").group_by(domain="name")
    own_links = pl.col("links").filter("own").sum().alias("from the same site")
    found = rows.agg(pl.col("links").sum(), own_links, pl.col("outlet").n_unique().alias("outlets"))
    counts = ranked(found, "links", top, share="share of links")
    # Of outlets, sums would count some twice.
    rest = pl.col("domain").str.ends_with(" others")
    return counts.with_columns(pl.when(~rest).then("outlets").alias("outlets"))


def media_kinds(media: pl.DataFrame) -> pl.DataFrame:
    """`kind`, `media`, `share of media`, `with a caption`, `with a text in their place`."""
    found = ranked(media, "media", share="share of media")
    return found.rename({"captions": "with a caption", "texts": "with a text in its place"})


def runs(rows: pl.DataFrame, top: int = 15) -> pl.DataFrame:
    """The latest runs: `started`, `archive`, `seconds`, `sources`, `unchanged`, `read`, `articles`, `rejected`,
    `deleted`, `files written`."""
    return rows.sort("started_at", "run_id", descending=True).head(top).select(
        pl.col("started_at").alias("started"), "archive",
        (pl.col("finished_at") - pl.col("started_at")).dt.total_seconds().alias("seconds"), "sources", "unchanged",
        pl.col("parsed").alias("read"), pl.col("accepted").alias("articles"),
        pl.col("rejected").alias("rejects"), "deleted", pl.col("partitions_written").alias("files written"),
    )  # fmt: skip


def rows_since(articles: pl.DataFrame, changed: pl.DataFrame, since: list[str]) -> pl.DataFrame:
    """`outlet`, `articles new or rewritten`, `revisions replaced or removed`: what these runs wrote."""
    mine = pl.col("run_id").is_in(since)
    new, gone = "articles new or rewritten", "revisions replaced or removed"
    written = articles.filter(mine).group_by("outlet").agg(pl.len().alias(new))
    replaced = changed.filter(mine).group_by("outlet").agg(pl.len().alias(gone))
    both = written.join(replaced, on="outlet", how="full", coalesce=True)
    return ranked(both.with_columns(pl.col(new, gone).fill_null(0).cast(pl.Int64)), new)


LIBRARY: Final = "vl_convert"
WIDTHS: Final = (864, 358)
LONGEST_LABEL: Final = 24
ROW: Final = 18
BELOW: Final = 30  # of a drawing's height, for its axis and padding
AXIS: Final[dict[str, Any]] = {
    "labelColor": "currentColor", "tickColor": "currentColor", "domainColor": "currentColor",
    "gridColor": "currentColor", "gridOpacity": 0.15, "domainOpacity": 0.4, "tickOpacity": 0.4, "labelFontSize": 12,
    "title": None, "labelOverlap": True, "labelSeparation": 12, "labelFlush": False,
}  # fmt: skip
QUANTITY: Final[dict[str, Any]] = {
    "field": "count", "type": "quantitative",
    "axis": {**AXIS, "domain": False, "ticks": False, "tickCount": 4, "format": ",d"},
}  # fmt: skip
COLOR: Final = {"value": "var(--series-1)"}
CONFIG: Final[dict[str, Any]] = {
    "aria": False, "background": None, "font": "system-ui, sans-serif", "view": {"stroke": None},
    "bar": {"binSpacing": 1},
}  # fmt: skip


class Drawing(NamedTuple):
    """A chart in the two widths, as SVG."""

    wide: str
    narrow: str


def can_draw() -> bool:
    """Whether the library is installed."""
    return importlib.util.find_spec(LIBRARY) is not None


def columns(rows: pl.DataFrame, unit: Unit) -> Drawing:
    """A column for each period: of `period`, `count`."""
    return _drawn(rows, "bar", {"x": _time(unit), "y": QUANTITY, "color": COLOR}, 150)


def stacked(rows: pl.DataFrame, unit: Unit, kinds: Sequence[str]) -> Drawing:
    """A column for each period, stacked of `kinds` in their order: of `period`, `change`, `count`."""
    scale = {"domain": list(kinds), "range": [f"var(--series-{number})" for number in range(1, len(kinds) + 1)]}
    color = {"field": "change", "type": "nominal", "scale": scale, "legend": None}
    return _drawn(rows, "bar", {"x": _time(unit), "y": QUANTITY, "color": color}, 150)


def grid(rows: pl.DataFrame, unit: Unit, labels: Sequence[str]) -> Drawing:
    """A row for each outlet, in which a period with more articles is darker: of `period`, `outlet`, `count`."""
    shade = {
        "field": "count", "type": "quantitative", "legend": None,
        "scale": {"type": "sqrt", "domainMin": 0, "range": [0.08, 1]},
    }  # fmt: skip
    axis = {**AXIS, "domain": False, "ticks": False, "labelLimit": 130, "labelOverlap": False, "grid": True}
    y = {"field": "outlet", "type": "nominal", "sort": list(labels), "axis": axis}
    height = ROW * len(labels) + BELOW
    return _drawn(rows, "rect", {"x": _time(unit), "y": y, "opacity": shade, "color": COLOR}, height)


def line(rows: pl.DataFrame) -> Drawing:
    """A line of `count` at `moment`, in the order of these."""
    first, last = rows["moment"][0], rows["moment"][-1]
    axis = {**_time_axis("%d %b %H:%M" if last - first < timedelta(days=4) else "%d %b %Y"), "tickCount": 5}
    x = {"field": "moment", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}
    mark = {"type": "line", "interpolate": "step-after", "point": True}
    return _drawn(rows, mark, {"x": x, "y": QUANTITY, "color": COLOR}, 150)


def _time_axis(written: str) -> dict[str, Any]:
    return {**AXIS, "grid": False, "format": written, "tickCount": 8}


def _time(unit: Unit) -> dict[str, Any]:
    return {"field": "period", "type": "temporal", "timeUnit": unit.vega, "axis": _time_axis(unit.axis)}


def _drawn(rows: pl.DataFrame, mark: str | dict[str, Any], encoding: dict[str, Any], height: int) -> Drawing:
    vega = library(LIBRARY, "report")
    texts = rows.with_columns(pl.selectors.temporal().dt.to_string("iso:strict"))
    wide, narrow = (
        vega.vegalite_to_svg(
            {
                "width": width, "height": height, "autosize": {"type": "fit", "contains": "padding"},
                "padding": {"left": 16, "right": 24, "top": 4, "bottom": 2},  # fonts of readers may be wider
                "data": {"values": texts.to_dicts()}, "mark": mark, "encoding": encoding, "config": CONFIG,
            },
            allowed_base_urls=[],
        )
        for width in WIDTHS
    )  # fmt: skip
    return Drawing(wide, narrow)
