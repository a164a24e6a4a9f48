"""The sections of the report, as plain text and numbers: what is read of an output once, and what each section says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import polars as pl
from markupsafe import Markup

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.storage.dataset import Dataset
from pressmark.storage.queries import doubts_about
from pressmark.views import figures

__all__ = [
    "SECTIONS", "Cell", "Chart", "Column", "Notice", "Read", "Section", "Sheet", "notices_of", "read_output",
    "sections_of", "totals_of",
]  # fmt: skip

SECTIONS: Final = 12
LONGEST_TEXT: Final = 160
SHORT_TEXT: Final = 24
FIRST_BYTES: Final = 120
SHOWN: Final = 12
WEB: Final = ("http://", "https://")
KINDS_OF_CHANGE: Final = {"text": "text", "markup": "markup only", "copy": "copy", "removed": "removed"}


class Cell(NamedTuple):
    """A value as it is shown; `href` where it leads to the web."""

    text: str
    href: str | None = None
    part: float = 0.0


class Column(NamedTuple):
    """A column: its name, and how it is laid out (`number`, `date`, `short` or `long`); with bars, each cell's `part`
    of the greatest is drawn."""

    name: str
    kind: str
    bars: bool


class Sheet(NamedTuple):
    """A table as it is shown."""

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]


class Chart(NamedTuple):
    """A chart, and the same as a table; `kinds` are what its colours mean, in order."""

    caption: str
    wide: Markup
    narrow: Markup
    sheet: Sheet
    kinds: Sequence[str] = ()


class Section(NamedTuple):
    """A part of the report: a heading, what is seen in it, and tables or charts."""

    anchor: str
    heading: str
    says: str
    parts: Sequence[Sheet | Chart]


class Notice(NamedTuple):
    """Something that needs attention, the section that shows it, and an example and a remedy where there are some."""

    text: str
    anchor: str
    example: str = ""
    remedy: str = ""


class Read(NamedTuple):
    """What is read of an output, once, for all sections."""

    articles: pl.DataFrame
    blocks: pl.DataFrame
    sizes: pl.DataFrame
    links: pl.DataFrame
    media: pl.DataFrame
    changes: pl.DataFrame
    rejects: pl.DataFrame
    runs: pl.DataFrame
    audits: pl.DataFrame
    doubts: list[Notice]


def read_output(dataset: Dataset) -> Read:
    """What all sections are made of."""
    host = pl.col("href").str.extract(figures.HTTP_HOST).alias("name")
    size = pl.col("char_end") - pl.col("char_start")
    story = pl.col("role").cast(pl.String).is_in(sorted(CONTENT_ROLES))
    links = dataset.paragraphs.select("outlet", "links").explode("links").drop_nulls("links")
    articles, blocks, sizes, linked, media, revisions, rejects, runs, audits = pl.collect_all([
        dataset.articles.select(figures.ARTICLE_COLUMNS).with_columns(
            pl.col("language", "published_from", "dialect").cast(pl.String), pl.col("flags").cast(pl.List(pl.String)),
        ),
        dataset.paragraphs.group_by(pl.col("role").cast(pl.String)).agg(
            paragraphs=pl.len(), characters=size.cast(pl.Int64).sum()
        ),
        dataset.paragraphs.group_by("article_id").agg(blocks=pl.len(), characters=size.filter(story).sum()),
        links.select("outlet", pl.col("links").struct.field("href")).group_by("outlet", host).agg(links=pl.len()),
        dataset.media.group_by(pl.col("kind").cast(pl.String)).agg(
            media=pl.len(), captions=pl.col("caption_ordinal").count(), texts=(pl.col("alt").fill_null("") != "").sum()
        ),
        dataset.revisions.select(figures.REVISION_COLUMNS).with_columns(pl.col("change").cast(pl.String)),
        dataset.rejects.select(
            "archive", "source_path", "source_bytes", pl.col("reason").cast(pl.String), "detail",
            pl.col("raw").bin.head(FIRST_BYTES).alias("head"),
        ),
        dataset.runs.sort("started_at", "run_id"), dataset.audits,
    ])  # fmt: skip
    doubts = [
        Notice(
            f"{one.articles:,} of {one.of:,} articles of {name} ({_percent(one.articles / one.of)}) {one.what}",
            "flags", one.example, one.remedy,
        )
        for name in articles["archive"].unique().sort()
        for one in doubts_about(articles.lazy(), dataset.revisions, name)
    ]  # fmt: skip
    changed = figures.changes(revisions)
    return Read(articles, blocks, sizes, linked, media, changed, rejects, runs, audits, doubts)


def totals_of(read: Read) -> dict[str, int]:
    """The figures at the top, which a report keeps for the next one."""
    removed = read.changes.filter(change="removed").height
    return {
        "articles": read.articles.height, "outlets": read.articles["outlet"].n_unique(),
        "paragraphs": int(read.blocks["paragraphs"].sum()), "media": int(read.media["media"].sum()),
        "revisions replaced": read.changes.height - removed, "removed sources": removed,
        "rejects": read.rejects.height, "runs": read.runs.height,
    }  # fmt: skip


def notices_of(read: Read, totals: Mapping[str, int]) -> list[Notice]:
    """What needs attention, the gravest first."""
    found = []
    breaches = figures.sums(read.articles, totals["paragraphs"], read.sizes)["breaches"].sum()
    if breaches:
        found.append(
            Notice(f"The tables do not add up: {breaches:,} breaches", "checks", remedy="run `pressmark verify`")
        )
    if read.audits.height:
        articles = read.audits["article_id"].n_unique()
        found.append(Notice(
            f"Audits found {_many(read.audits.height, 'difference')} in {_many(articles, 'article')}", "checks"
        ))  # fmt: skip
    if totals["rejects"]:
        kept = totals["articles"] + totals["revisions replaced"] + totals["removed sources"] + totals["rejects"]
        share = _percent(totals["rejects"] / kept)
        found.append(Notice(
            f"{totals['rejects']:,} of {kept:,} sources ({share}) are no article", "rejects"
        ))  # fmt: skip
    conflicts = int(read.articles["date_conflict"].sum())
    if conflicts:
        share = _percent(conflicts / totals["articles"])
        found.append(Notice(
            f"{conflicts:,} of {totals['articles']:,} articles ({share}) have dates that are over 7 days apart",
            "dates",
        ))  # fmt: skip
    return found + read.doubts


def sections_of(read: Read, totals: dict[str, int], before: dict[str, Any] | None) -> Iterator[Section]:
    """All sections in order."""
    yield _since(read, totals, before)
    yield _volume(read)
    yield _outlets(read)
    yield _texts(read)
    yield _dates(read)
    yield _flags(read)
    yield _rejects(read)
    yield _changes(read)
    yield _links(read)
    yield _media(read)
    yield _runs(read)
    yield _checks(read, totals)


def _since(read: Read, totals: dict[str, int], before: dict[str, Any] | None) -> Section:
    heading, anchor = "Since the last report", "since"
    if before is None:
        return Section(anchor, heading, "This is the first report: the next one says here what changed.", [])
    then = before["figures"]
    rows = pl.DataFrame({
        "in the output": list(totals), "then": [then.get(name, 0) for name in totals], "now": list(totals.values()),
    }).with_columns((pl.col("now") - pl.col("then")).alias("change"))  # fmt: skip
    order = read.runs["run_id"].to_list()
    since = order[order.index(before["run_id"]) + 1 :]
    says = f"{_many(len(since), 'run')} since the report of {before['made_at']} UTC."
    parts = [_sheet("What the output held then and holds now", rows)]
    written = figures.rows_since(read.articles, read.changes, since)
    if written.height:
        parts.append(_sheet("Rows written since, by outlet", written, bar="articles new or rewritten"))
    return Section(anchor, heading, says, parts)


def _volume(read: Read) -> Section:
    unit, first = figures.unit_of(read.articles["published_at"])
    rows = figures.over_time(read.articles, "published_at", unit, first)
    undated = read.articles["published_at"].null_count()
    early = read.articles.height - undated - int(rows["count"].sum())
    says = f"Articles by the {unit.name} in which they were published, in UTC."
    if early:
        says += f" Left out, as their dates lie far before the others: {_many(early, 'article')}."
    if undated:
        says += f" Without a date: {_many(undated, 'article')}."
    if rows.height < 2:
        return Section("time", "Articles over time", says, [_sheet(f"Articles by {unit.name}", _periods(rows, unit))])
    busiest = rows.sort("count", descending=True).row(0, named=True)
    caption = (
        f"Articles by {unit.name}; the most, {busiest['count']:,}, in {figures.period_name(busiest['period'], unit)}"
    )
    return Section("time", "Articles over time", says, [
        _chart(caption, figures.columns(rows, unit), _periods(rows, unit), bar="articles")
    ])  # fmt: skip


def _periods(rows: pl.DataFrame, unit: figures.Unit) -> pl.DataFrame:
    return rows.select(_named(unit), articles="count")


def _named(unit: figures.Unit) -> pl.Expr:
    return pl.col("period").map_elements(lambda day: figures.period_name(day, unit), pl.String).alias(unit.name)


def _outlets(read: Read) -> Section:
    rows = figures.outlets(read.articles, read.sizes)
    named = [name for name in rows["outlet"] if not name.endswith(" others")]
    mine = read.articles.filter(pl.col("outlet").is_in(named))
    unit, first = figures.unit_of(mine["published_at"])
    cells = figures.over_time(mine, "published_at", unit, first, "outlet")
    parts: list[Sheet | Chart] = [_sheet("Outlets by number of articles; dates in UTC", rows, bar="articles")]
    if cells["period"].n_unique() > 1:
        most = cells.sort("count", descending=True).row(0, named=True)
        caption = (
            f"Articles by outlet and {unit.name}; the most, {most['count']:,}, by {most['outlet']} in "
            f"{figures.period_name(most['period'], unit)}"
        )
        years = cells.with_columns(pl.col("period").dt.year().cast(pl.String)).group_by("outlet", "period").agg(
            pl.col("count").sum()
        ).sort("period").pivot("period", index="outlet", values="count")  # fmt: skip
        order = pl.DataFrame({"outlet": named}).join(years, on="outlet", how="left", maintain_order="left")
        parts.append(_chart(caption, figures.grid(cells, unit, named), order))
    says = (
        f"{_many(read.articles['outlet'].n_unique(), 'outlet')}. Characters are those of the story, furniture left out."
    )
    return Section("outlets", "Outlets", says, parts)


def _texts(read: Read) -> Section:
    sizes = figures.lengths(read.articles, read.sizes)
    middle = read.sizes["characters"].median()
    return Section("texts", "Texts: roles, lengths, languages", (
        "What the paragraphs are, how long the stories are, and the language of each article. "
        f"Half of the stories are longer than {round(middle) if isinstance(middle, (int, float)) else 0:,} characters."
    ), [
        _sheet("Paragraphs by role", figures.roles(read.blocks), bar="paragraphs"),
        _sheet("Articles by length of the story, in characters", sizes, bar="articles"),
        _sheet("Articles by language", figures.languages(read.articles), bar="articles"),
    ])  # fmt: skip


def _dates(read: Read) -> Section:
    parts = [_sheet("Where dates come from", figures.sources_of_dates(read.articles), bar="articles")]
    conflicts = figures.conflicts(read.articles)
    if conflicts.height:
        parts.append(_sheet("Articles whose dates are furthest apart; days in UTC", conflicts))
    number = int(read.articles["date_conflict"].sum())
    says = f"{number:,} of {read.articles.height:,} articles have two dates that are over 7 days apart."
    return Section("dates", "Dates and their conflicts", says, parts)


def _flags(read: Read) -> Section:
    says = "What to know of an article before it is used. An article can have several flags."
    sheet = _sheet("Articles by flag", figures.flags(read.articles), bar="articles")
    return _one("flags", "Flags", says, "No article has a flag.", sheet)


def _one(anchor: str, heading: str, says: str, without: str, sheet: Sheet) -> Section:
    """A section of one table, which says something else where that has no rows."""
    return Section(anchor, heading, says if sheet.rows else without, [sheet] if sheet.rows else [])


def _rejects(read: Read) -> Section:
    heading, anchor = "Rejects: sources that are no article", "rejects"
    if not read.rejects.height:
        return Section(anchor, heading, "Every source is an article or a revision of one.", [])
    examples = figures.reject_examples(read.rejects).with_columns(
        pl.col("first bytes").map_elements(lambda raw: raw.decode("utf-8", "replace"), pl.String)
    )
    says = f"{read.rejects.height:,} sources, kept in the table `rejects`, with their bytes where these were read."
    return Section(anchor, heading, says, [
        _sheet("Rejects by reason", figures.reasons(read.rejects), bar="sources"),
        _sheet("Examples: the first of each reason", examples),
    ])  # fmt: skip


def _changes(read: Read) -> Section:
    heading, anchor = "Revisions and removals", "revisions"
    gone = read.articles.drop_nulls("removed_at").sort("removed_at", "article_id", descending=[True, False])
    parts: list[Sheet | Chart] = []
    if read.changes.height:
        unit, first = figures.unit_of(read.changes["at"])
        kinds = [kind for kind in KINDS_OF_CHANGE if kind in read.changes["change"]]
        rows = figures.over_time(read.changes, "at", unit, first, "change")
        table = rows.pivot("change", index="period", values="count").sort("period").select(
            _named(unit),
            *[pl.col(kind).fill_null(0).alias(KINDS_OF_CHANGE[kind]) for kind in kinds],
        )  # fmt: skip
        caption = f"What changed, by the {unit.name} in which a revision was replaced or removed"
        if table.height > 1:
            named = [KINDS_OF_CHANGE[kind] for kind in kinds]
            parts.append(_chart(caption, figures.stacked(rows, unit, kinds), table, kinds=named))
        else:
            parts.append(_sheet(caption, table))
        addresses = read.articles.select("article_id", _href="canonical_url")
        told = read.changes.filter(pl.col("change").is_in(["text", "removed"])).head(SHOWN)
        told = told.join(addresses, on="article_id", how="left", maintain_order="left")
        if told.height:
            parts.append(_sheet("The latest changes of a text, and removals", told.select(
                "title", "outlet", pl.col("change").replace_strict(KINDS_OF_CHANGE), pl.col("at").alias("at (UTC)"),
                pl.col("source_path").alias("path"), "_href",
            )))  # fmt: skip
    if gone.height:
        caption = f"Pages that the archive says were removed: the latest of {gone.height:,}"
        parts.append(_sheet(caption, gone.head(SHOWN).select(
            "title", "outlet", pl.col("removed_at").alias("removed (UTC)"), pl.col("removed_reason").alias("reason"),
            pl.col("canonical_url").alias("_href"),
        )))  # fmt: skip
    says = (
        f"{_many(read.changes.height, 'revision')} replaced or removed. `pressmark diff` shows what each changed."
        if parts else "No article has another revision, and none was removed."
    )  # fmt: skip
    return Section(anchor, heading, says, parts)


def _links(read: Read) -> Section:
    says = f"{int(read.links['links'].sum()):,} links in paragraphs. A site is a registrable domain, as bbc.co.uk."
    sheet = _sheet("Links by domain", figures.link_domains(read.links, read.articles), bar="links")
    return _one("links", "Where links lead", says, "No paragraph has a link.", sheet)


def _media(read: Read) -> Section:
    says = f"{int(read.media['media'].sum()):,} pictures, videos, sounds and embedded pages."
    sheet = _sheet("Media by kind", figures.media_kinds(read.media), bar="media")
    return _one("media", "Media", says, "No article has a picture, video or sound.", sheet)


def _runs(read: Read) -> Section:
    parts: list[Sheet | Chart] = [_sheet("The latest runs; times in UTC", figures.runs(read.runs))]
    moments = read.runs.select(moment="started_at", count="articles")
    if moments.height > 2:
        table = moments.rename({"moment": "run (UTC)", "count": "articles"}).tail(figures.TOP)
        parts.insert(0, _chart("Articles in the output after each run", figures.line(moments), table))
    return Section("runs", "Runs", f"{_many(read.runs.height, 'run')} wrote this output.", parts)


def _checks(read: Read, totals: dict[str, int]) -> Section:
    parts = [
        _sheet("What the tables show by themselves", figures.sums(read.articles, totals["paragraphs"], read.sizes))
    ]
    says = "`pressmark verify` re-reads every source and checks all laws. "
    if read.audits.height:
        rows = read.audits.group_by(pl.col("kind", "column").cast(pl.String)).agg(
            differences=pl.len(), articles=pl.col("article_id").n_unique(), latest=pl.col("audited_at").max(),
            example=pl.col("source_path").min(),
        )  # fmt: skip
        sheet = figures.ranked(rows, "differences").rename({"latest": "latest (UTC)", "example": "for example"})
        parts.append(_sheet("What audits found to differ, by kind and column", sheet, bar="differences"))
    else:
        says += "No audit has found a difference; `pressmark audit` looks for some."
    return Section("checks", "Checks and audits", says, parts)


def _chart(
    caption: str, drawing: figures.Drawing, rows: pl.DataFrame, *, bar: str = "", kinds: Sequence[str] = ()
) -> Chart:
    # What is drawn has no text of an archive but slugs of outlets, which Vega escapes.
    wide, narrow = (Markup(svg) for svg in drawing)  # noqa: S704
    return Chart(caption, wide, narrow, _sheet(caption, rows, bar=bar), kinds)


def _sheet(caption: str, rows: pl.DataFrame, *, bar: str = "") -> Sheet:
    names = [name for name in rows.columns if name != "_href"]
    columns = [Column(name, _kind(rows[name]), name == bar) for name in names]
    most = max([*(rows[bar].drop_nulls() if bar else ()), 1])
    cells = []
    for row in rows.iter_rows(named=True):
        one = [Cell(_shown(row[name]), part=(row[name] or 0) / most if name == bar else 0.0) for name in names]
        if (row.get("_href") or "").lower().startswith(WEB):
            one[0] = one[0]._replace(href=row["_href"])
        cells.append(one)
    return Sheet(caption, columns, cells)


def _kind(column: pl.Series) -> str:
    if column.dtype.is_numeric():
        return "number"
    if column.dtype.is_temporal():
        return "date"
    return "long" if (column.cast(pl.String).str.len_chars().max() or 0) > SHORT_TEXT else "short"  # type: ignore[operator]


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case int():
            return f"{value:,}"
        case float():
            return _percent(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case date():
            return f"{value:%Y-%m-%d}"
        case _:
            text = str(value)
            return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share:.1%}".replace("%", " %")
