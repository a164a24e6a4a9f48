"""The report: one HTML file that says what an output holds, what needs attention and what changed since the last one.

It has no script, asks no network, and shows what comes from an archive as text alone. The file keeps the figures that it
was made from in a meta element: the next report that takes its place says what changed. Writes nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTENT_ROLES, CONTRACT_VERSION
from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.output.folder import PRIVATE, replace_file
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import doubts_in
from pressmark.views import charts, figures

__all__ = ["REPORT", "Written", "render", "write_report"]

REPORT: Final = "reports/report.html"
TEMPLATES: Final = Path(__file__).parent / "templates"
META: Final = "pressmark-report"
LONGEST_TEXT: Final = 160
FIRST_BYTES: Final = 120
WEB: Final = ("http://", "https://")
# Controls, marks that turn the direction of text, separators of lines, and characters that nothing shows.
UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
KINDS_OF_CHANGE: Final = {
    "text": "the text", "markup": "markup only", "copy": "a copy at another path", "removed": "removed from the archive"
}  # fmt: skip


class Written(NamedTuple):
    """Where a report is, and how large."""

    address: str
    size: int


class Cell(NamedTuple):
    """A value as it is shown; `href` where it leads to the web, `part` how much of its bar is filled (in a head, that
    there are bars)."""

    text: str
    number: bool = False
    href: str | None = None
    part: float | None = None


class Sheet(NamedTuple):
    """A table as it is shown."""

    caption: str
    head: list[Cell]
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
    """Something that needs attention, what to do, and the section that shows it."""

    text: str
    remedy: str
    anchor: str


class _Read(NamedTuple):
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


def write_report(output: str | Path, to: str | Path | None = None, *, made_at: datetime | None = None) -> Written:
    """Write the report of an output to a file, by default `OUTPUT/reports/report.html`, replacing it whole.

    Raises `OutputError` where there is no output, or where the file can't be written or is not a report; `SettingsError`
    where it would lie in a table; `LibraryError` where charts can't be drawn.
    """
    place = Output(output)
    target = None if to is None else _target(place, Path(to))
    last = _last(place, target)
    with Dataset(output) as dataset:
        text = render(dataset, str(output), last, made_at or datetime.now(UTC))
    content = text.encode()
    where = place.location(REPORT) if target is None else str(to)
    try:
        if target is None:
            place.store.write(REPORT, content)
        else:
            replace_file(target, content)
    except OSError as error:
        remedy = "name a file in a folder that you may write to with `--to`"
        raise OutputError(f"the report can't be written ({error.strerror or error})", where, remedy) from error
    return Written(where, len(content))


def _target(output: Output, to: Path) -> Path:
    """The file to write; raises where it must not be."""
    target = Path(os.path.realpath(to))
    if target.is_dir():
        raise SettingsError("this is a folder", str(to), f"name a file in it, such as `{to / 'report.html'}`")
    if output.is_local:
        for name in (*TABLES, PRIVATE):
            if target.is_relative_to(os.path.realpath(output.root / name)):
                raise SettingsError(
                    "a report can't lie among an output's tables, where readers take every file for rows", str(to),
                    f"leave `--to` out for `{output.location(REPORT)}`, or name another place",
                )  # fmt: skip
    return target


def _last(output: Output, target: Path | None) -> dict[str, Any] | None:
    """The figures of the report that this one replaces, else of that in the output."""
    if target is not None and target.exists():
        found = _figures_in(target.read_bytes())
        if found is None:
            what = "there is a file that is no report"
            raise OutputError(what, target, "name another file, or remove this one")
        return found
    try:
        return _figures_in(output.store.read(REPORT))
    except FileNotFoundError:
        return None


def _figures_in(content: bytes) -> dict[str, Any] | None:
    """The figures that a report keeps; None where this is none."""
    found = re.search(rf'<meta name="{META}" content="([^"]*)">'.encode(), content)
    try:
        kept = json.loads(html.unescape(found[1].decode())) if found else None
    except ValueError:
        return None
    return kept if isinstance(kept, dict) and {"run_id", "made_at", "figures", "before"} <= kept.keys() else None


def render(dataset: Dataset, name: str, last: dict[str, Any] | None, made_at: datetime) -> str:
    """The report as HTML. `last` are the figures that the report before it keeps; where no run came in between, it is
    compared with what that one was compared with, so that a second report of an output says the same."""
    read = _read(dataset)
    runs = read.runs.sort("started_at", "run_id")
    now = {
        "run_id": runs["run_id"].last(), "made_at": f"{made_at:%Y-%m-%d %H:%M}", "figures": _totals(read),
    }  # fmt: skip
    before = last["before"] if last is not None and last["run_id"] == now["run_id"] else last
    if before is not None:
        before = {key: before[key] for key in ("run_id", "made_at", "figures")}
    sections = [one for one in _sections(read, now["figures"], before) if one is not None]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=lambda shown: visible(shown) if type(shown) is str else shown,
    )  # fmt: skip
    css = (TEMPLATES / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    dated = read.articles["published_at"].drop_nulls()
    return environment.get_template("report.html").render(
        name=os.path.basename(name.rstrip("/")) or name, place=name, made_at=now["made_at"],
        archives=runs["archive"].unique(maintain_order=True).to_list(), contract=CONTRACT_VERSION,
        run=runs.row(-1, named=True) if runs.height else None, css=Markup(css), digest=digest,  # noqa: S704
        kept=json.dumps({**now, "before": before}), figures=now["figures"], notices=_notices(read, now["figures"]),
        span=(dated.min(), dated.max()) if dated.len() else None, sections=sections,
    )  # fmt: skip


def _read(dataset: Dataset) -> _Read:
    text = {name: pl.col(name).cast(pl.String) for name in ("role", "language")}
    host = pl.col("href").str.extract(figures.HTTP_HOST).alias("name")
    size = pl.col("char_end") - pl.col("char_start")
    story = pl.col("role").cast(pl.String).is_in(sorted(CONTENT_ROLES))
    articles = dataset.articles.select(
        pl.col(figures.ARTICLE_COLUMNS).exclude("language", "published_from", "dialect", "flags"),
        pl.col("language", "published_from", "dialect").cast(pl.String), pl.col("flags").cast(pl.List(pl.String)),
    )  # fmt: skip
    links = dataset.paragraphs.select("outlet", "links").explode("links").drop_nulls("links")
    frames = pl.collect_all([
        articles,
        dataset.paragraphs.group_by(**text).agg(paragraphs=pl.len(), characters=size.cast(pl.Int64).sum()),
        dataset.paragraphs.group_by("article_id").agg(blocks=pl.len(), characters=size.filter(story).sum()),
        links.select("outlet", pl.col("links").struct.field("href")).group_by("outlet", host).agg(links=pl.len()),
        dataset.media.group_by(pl.col("kind").cast(pl.String)).agg(
            media=pl.len(), captions=pl.col("caption_ordinal").count(),
            texts=(pl.col("alt").fill_null("") != "").sum(),
        ),
        figures.changes(dataset.revisions.select(
            "revision_id", "article_id", "outlet", "source_path", "title", pl.col("change").cast(pl.String), "valid_to",
            "first_seen_at", "run_id",
        )),
        dataset.rejects.select(
            "archive", "source_path", "source_bytes", pl.col("reason").cast(pl.String), "detail",
            pl.col("raw").bin.head(FIRST_BYTES).alias("head"),
        ),
        dataset.runs, dataset.audits,
    ])  # fmt: skip
    doubts = [
        Notice(
            f"{one.articles:,} of {one.of:,} articles ({_percent(one.articles / one.of)}) of {name} {one.what}, such as "
            f"{one.example}", one.remedy, "flags"
        )
        for name in frames[0]["archive"].unique().sort()
        for one in doubts_in(frames[0].lazy().filter(archive=name))
    ]  # fmt: skip
    return _Read(*frames, doubts=doubts)


def _totals(read: _Read) -> dict[str, int]:
    removed = read.changes.filter(change="removed").height
    return {
        "articles": read.articles.height, "outlets": read.articles["outlet"].n_unique(),
        "paragraphs": int(read.blocks["paragraphs"].sum()), "media": int(read.media["media"].sum()),
        "revisions replaced": read.changes.height - removed, "removed sources": removed,
        "rejects": read.rejects.height, "runs": read.runs.height,
    }  # fmt: skip


def _notices(read: _Read, totals: Mapping[str, int]) -> list[Notice]:
    """What needs attention, the gravest first."""
    found = []
    breaches = figures.sums(read.articles, totals["paragraphs"], read.sizes)["breaches"].sum()
    if breaches:
        found.append(Notice(f"{breaches:,} breaches: the tables do not add up", "run `pressmark verify`", "checks"))
    if read.audits.height:
        articles = read.audits["article_id"].n_unique()
        found.append(Notice(
            f"Audits found {read.audits.height:,} differences in {articles:,} articles", "see the section", "audits"
        ))  # fmt: skip
    if totals["rejects"]:
        kept = totals["articles"] + totals["revisions replaced"] + totals["removed sources"] + totals["rejects"]
        share = _percent(totals["rejects"] / kept)
        found.append(Notice(
            f"{totals['rejects']:,} of {kept:,} sources ({share}) are no article", "see the reasons", "rejects"
        ))  # fmt: skip
    conflicts = int(read.articles["date_conflict"].sum())
    if conflicts:
        share = _percent(conflicts / totals["articles"])
        found.append(Notice(
            f"{conflicts:,} of {totals['articles']:,} articles ({share}) have dates that are over 7 days apart",
            "see which", "dates",
        ))  # fmt: skip
    return found + read.doubts


def _sections(read: _Read, totals: dict[str, int], before: dict[str, Any] | None) -> Iterator[Section | None]:
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


def _since(read: _Read, totals: dict[str, int], before: dict[str, Any] | None) -> Section:
    heading, anchor = "Since the last report", "since"
    if before is None:
        return Section(anchor, heading, "This is the first report: the next one says here what changed.", [])
    then = before["figures"]
    rows = pl.DataFrame({
        "in the output": list(totals), "then": [int(then.get(name, 0)) for name in totals], "now": list(totals.values()),
    }).with_columns((pl.col("now") - pl.col("then")).alias("change"))  # fmt: skip
    order = read.runs.sort("started_at", "run_id")["run_id"].to_list()
    since = order[order.index(before["run_id"]) + 1 :] if before["run_id"] in order else order
    says = f"{len(since):,} runs since the report of {before['made_at']} UTC."
    parts = [_sheet("What the output held then and holds now", rows)]
    written = figures.rows_since(read.articles, read.changes, since)
    if written.height:
        parts.append(_sheet("Rows written since, by outlet", written, bar="articles new or rewritten"))
    return Section(anchor, heading, says, parts)


def _volume(read: _Read) -> Section:
    unit, first = figures.unit_of(read.articles["published_at"])
    rows = figures.over_time(read.articles, "published_at", unit, first)
    undated = read.articles["published_at"].null_count()
    early = read.articles.height - undated - int(rows["count"].sum())
    says = f"Articles by the {unit.name} in which they were published, in UTC."
    if early:
        says += f" {early:,} earlier articles are left out here: their dates lie far before the others."
    if undated:
        says += f" {undated:,} articles have no date."
    if rows.height < 2:
        return Section("time", "Articles over time", says, [_sheet(f"Articles by {unit.name}", _periods(rows, unit))])
    busiest = rows.sort("count", descending=True).row(0, named=True)
    caption = f"Articles by {unit.name}; the most, {busiest['count']:,}, in {busiest['period']:{unit.written}}"
    return Section("time", "Articles over time", says, [
        _chart(caption, charts.columns(rows, unit), _periods(rows, unit), bar="articles")
    ])  # fmt: skip


def _periods(rows: pl.DataFrame, unit: figures.Unit) -> pl.DataFrame:
    return rows.select(pl.col("period").dt.to_string(unit.written).alias(unit.name), articles="count")


def _outlets(read: _Read) -> Section:
    rows = figures.outlets(read.articles, read.sizes)
    named = [name for name in rows["outlet"] if not name.endswith(" others")]
    mine = read.articles.filter(pl.col("outlet").is_in(named))
    unit, first = figures.unit_of(mine["published_at"])
    cells = figures.over_time(mine, "published_at", unit, first, "outlet")
    parts: list[Sheet | Chart] = [_sheet("Outlets by number of articles; dates in UTC", rows, bar="articles")]
    if cells["period"].n_unique() > 1:
        most = cells.sort("count", descending=True).row(0, named=True)
        caption = (
            f"Articles by outlet and {unit.name}; the darkest is {most['outlet']} in "
            f"{most['period']:{unit.written}} with {most['count']:,}"
        )
        years = cells.with_columns(pl.col("period").dt.year().cast(pl.String)).group_by("outlet", "period").agg(
            pl.col("count").sum()
        ).sort("period").pivot("period", index="outlet", values="count")  # fmt: skip
        order = pl.DataFrame({"outlet": named}).join(years, on="outlet", how="left", maintain_order="left")
        parts.append(_chart(caption, charts.grid(cells, unit, named), order))
    says = f"{read.articles['outlet'].n_unique():,} outlets. Characters are those of the story, furniture left out."
    return Section("outlets", "Outlets", says, parts)


def _texts(read: _Read) -> Section:
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


def _dates(read: _Read) -> Section:
    parts = [_sheet("Where dates come from", figures.sources_of_dates(read.articles), bar="articles")]
    conflicts = figures.conflicts(read.articles)
    if conflicts.height:
        parts.append(_sheet("Articles whose dates are furthest apart; days in UTC", conflicts))
    number = int(read.articles["date_conflict"].sum())
    says = f"{number:,} of {read.articles.height:,} articles have two dates that are over 7 days apart."
    return Section("dates", "Dates and their conflicts", says, parts)


def _flags(read: _Read) -> Section:
    rows = figures.flags(read.articles)
    says = "What to know of an article before it is used. An article can have several flags."
    return Section("flags", "Flags", says if rows.height else "No article has a flag.",
                   [_sheet("Articles by flag", rows, bar="articles")] if rows.height else [])  # fmt: skip


def _rejects(read: _Read) -> Section:
    heading, anchor = "Rejects: sources that are no article", "rejects"
    if not read.rejects.height:
        return Section(anchor, heading, "Every source is an article or a revision of one.", [])
    examples = figures.reject_examples(read.rejects).with_columns(
        pl.col("first bytes").map_elements(lambda raw: raw.decode("utf-8", "replace"), pl.String)
    )
    says = f"{read.rejects.height:,} sources, kept with their bytes in the table `rejects`."
    return Section(anchor, heading, says, [
        _sheet("Rejects by reason", figures.reasons(read.rejects), bar="sources"),
        _sheet("Examples: the first of each reason", examples),
    ])  # fmt: skip


def _changes(read: _Read) -> Section:
    heading, anchor = "Revisions and removals", "revisions"
    gone = read.articles.drop_nulls("removed_at").sort("removed_at", "article_id", descending=[True, False])
    parts: list[Sheet | Chart] = []
    if read.changes.height:
        unit, first = figures.unit_of(read.changes["at"])
        kinds = [kind for kind in KINDS_OF_CHANGE if kind in read.changes["change"]]
        rows = figures.over_time(read.changes, "at", unit, first, "change")
        table = rows.pivot("change", index="period", values="count").sort("period").select(
            pl.col("period").dt.to_string(unit.written).alias(unit.name),
            *[pl.col(kind).fill_null(0).alias(KINDS_OF_CHANGE[kind]) for kind in kinds],
        )  # fmt: skip
        caption = f"What changed, by the {unit.name} in which a revision was replaced or removed"
        if table.height > 1:
            named = [KINDS_OF_CHANGE[kind] for kind in kinds]
            parts.append(_chart(caption, charts.stacked(rows, unit, kinds), table, kinds=named))
        else:
            parts.append(_sheet(caption, table))
        told = read.changes.filter(pl.col("change").is_in(["text", "removed"])).head(12).join(
            read.articles.select("article_id", _href="canonical_url"), on="article_id", how="left", maintain_order="left"
        )  # fmt: skip
        if told.height:
            parts.append(_sheet("The latest that changed a text or removed it", told.select(
                "title", "outlet", pl.col("change").replace_strict(KINDS_OF_CHANGE), pl.col("at").alias("at (UTC)"),
                pl.col("source_path").alias("path"), "_href",
            )))  # fmt: skip
    if gone.height:
        parts.append(_sheet(f"Pages that the archive says were removed: the latest of {gone.height:,}", gone.head(12).select(
            "title", "outlet", pl.col("removed_at").alias("removed (UTC)"), pl.col("removed_reason").alias("reason"),
            pl.col("canonical_url").alias("_href"),
        )))  # fmt: skip
    says = (
        f"{read.changes.height:,} revisions are no longer current. `pressmark diff` shows what each changed."
        if parts else "No article has another revision, and none was removed."
    )  # fmt: skip
    return Section(anchor, heading, says, parts)


def _links(read: _Read) -> Section:
    rows = figures.link_domains(read.links, read.articles)
    says = f"{int(read.links['links'].sum()):,} links in paragraphs. A site is a registrable domain, as bbc.co.uk."
    return Section("links", "Where links lead", says if rows.height else "No paragraph has a link.",
                   [_sheet("Links by domain", rows, bar="links")] if rows.height else [])  # fmt: skip


def _media(read: _Read) -> Section:
    rows = figures.media_kinds(read.media)
    says = f"{int(read.media['media'].sum()):,} pictures, videos, sounds and embedded pages."
    return Section("media", "Media", says if rows.height else "No article has a picture, video or sound.",
                   [_sheet("Media by kind", rows, bar="media")] if rows.height else [])  # fmt: skip


def _runs(read: _Read) -> Section:
    parts: list[Sheet | Chart] = [_sheet("The latest runs; times in UTC", figures.runs(read.runs))]
    moments = read.runs.sort("started_at").select(moment="started_at", count="articles")
    if moments.height > 2:
        table = moments.rename({"moment": "run (UTC)", "count": "articles"}).tail(figures.TOP)
        parts.insert(0, _chart("Articles in the output after each run", charts.line(moments), table))
    return Section("runs", "Runs", f"{read.runs.height:,} runs wrote this output.", parts)


def _checks(read: _Read, totals: dict[str, int]) -> Section:
    parts = [_sheet("What the tables show by themselves", figures.sums(read.articles, totals["paragraphs"], read.sizes))]
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
    caption: str, drawing: charts.Drawing, rows: pl.DataFrame, *, bar: str = "", kinds: Sequence[str] = ()
) -> Chart:
    # What is drawn has no text of an archive but slugs of outlets, which Vega escapes.
    wide, narrow = (Markup(svg) for svg in drawing)  # noqa: S704
    return Chart(caption, wide, narrow, _sheet(caption, rows, bar=bar), kinds)


def _sheet(caption: str, rows: pl.DataFrame, *, bar: str = "") -> Sheet:
    """The table of a frame. A column `_href` has the addresses of what is in the first one."""
    names = [name for name in rows.columns if name != "_href"]
    most = max(rows[bar].max() or 0, 1) if bar else 1  # type: ignore[type-var]
    head = [Cell(name, rows.schema[name].is_numeric(), part=0.0 if name == bar else None) for name in names]
    cells = []
    for row in rows.iter_rows(named=True):
        href = row.get("_href")
        one = [_cell(row[name], row[name] / most if name == bar else None) for name in names]
        if href and href.lower().startswith(WEB):
            one[0] = one[0]._replace(href=href)
        cells.append(one)
    return Sheet(caption, head, cells)


def _cell(value: object, part: float | None = None) -> Cell:
    match value:
        case None:
            return Cell("")
        case int():
            return Cell(f"{value:,}", number=True, part=part)
        case float():
            return Cell(_percent(value), number=True)
        case datetime():
            return Cell(f"{value:%Y-%m-%d %H:%M}")
        case date():
            return Cell(f"{value:%Y-%m-%d}")
        case _:
            text = str(value)
            return Cell(text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…")


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share:.1%}".replace("%", " %")


def visible(text: str) -> str:
    """Text in which characters that a page would obey or hide are written out.

    >>> visible("a\\x1b[1m\\u202eb")
    'a\\\\x1b[1m\\\\u202eb'
    """
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
