"""The pages of the reading room: what each shows of a moment, and the frame behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import polars as pl
from starlette.requests import Request

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.storage.changes import QUIET
from pressmark.storage.errors import PressmarkError
from pressmark.storage.queries import Stage
from pressmark.storage.versions import load_outlets
from pressmark.transforms.comparison import compare, paragraphs_of
from pressmark.transforms.explanation import explain
from pressmark.transforms.identity import article_id as id_of
from pressmark.transforms.identity import canonical_url
from pressmark.transforms.records import Limits, Reject
from pressmark.views.readings import MOST_COMPARED, MOST_HITS, Moment, Refused, asked_in, counts, part_of, with_changes

__all__ = [
    "BLOCKS", "Elsewhere", "Page", "article", "changes", "cluster", "copies", "copies_of", "difference", "month",
    "outlet", "outlets", "paragraph", "reject", "rejects", "removals", "run", "runs", "start",
]  # fmt: skip

LISTED: Final = 50
FOUND: Final = 20
FEW_YEARS: Final = 3  # are shown by month
BLOCKS: Final = 300
SHOWN_HITS: Final = 3
SHOWN_BYTES: Final = 4_000
REJECT_BYTES: Final = 100_000
CONTEXT_BYTES: Final = 400
HEATS: Final = 4
ID: Final = re.compile(r"[0-9a-f]{32}")
NO_HITS: Final = "Search for fewer or other words, or take a filter away."


class Page(NamedTuple):
    """A page: its template, what that is given, and the frame that is handed out in other formats under a name."""

    template: str
    given: dict[str, Any]
    frame: pl.DataFrame
    name: str


class Elsewhere(Exception):
    """What was asked for has an address of its own."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def start(moment: Moment, request: Request) -> Page:
    """The search: paragraphs with the words, or articles where there are none, and how many there are of each kind."""
    query = request.query_params
    asked = asked_in(query, moment)
    _look_up(moment, asked.words)
    if query.get("what") == "rejects":
        raise Elsewhere(with_changes("/rejects", {}, q=asked.words))
    given: dict[str, Any] = {"asked": asked, "facets": {}, "groups": [], "titles": []}
    if not asked.words:
        frame = moment.listed(asked)
        given["part"] = part_of(frame, query, LISTED)
    else:
        frame = moment.found(asked)
        heads = frame.unique("article_id", keep="first", maintain_order=True)
        part = part_of(heads, query, FOUND)
        ids = [str(row["article_id"]) for row in part.rows]
        some = frame.filter(pl.col("article_id").is_in(ids)).partition_by("article_id", maintain_order=True)
        given["groups"] = [(hits[0], hits[:SHOWN_HITS], len(hits)) for hits in map(pl.DataFrame.to_dicts, some)]
        given |= {"part": part, "hits": frame.height, "more": frame.height >= MOST_HITS, "remedy": NO_HITS}
        given["titles"] = moment.titled(asked).head(FOUND).to_dicts() if part.number == 1 else []
        given["facets"]["role"] = counts(frame, "role")
    articles = frame.unique("article_id", maintain_order=True) if asked.words else frame
    given["facets"] |= {name: counts(articles, name) for name in ("outlet", "language")}
    given["facets"]["flag"] = counts(articles, "flags")
    written = "%Y-%m" if articles["published_at"].dt.year().n_unique() <= FEW_YEARS else "%Y"
    given["periods"] = sorted(counts(articles.select(pl.col("published_at").dt.strftime(written)), "published_at"))
    given["roles_on"] = bool(asked.words)
    return Page("start.html", given, frame, "search" if asked.words else "articles")


def _look_up(moment: Moment, words: str) -> None:
    article_id = words.partition("-")[0]
    if words.startswith(("http://", "https://")) and (address := canonical_url(words)):
        article_id = id_of(address, "", "")
        words = article_id
    if ID.fullmatch(article_id) and moment.is_known(article_id):
        raise Elsewhere(f"/article/{article_id}" if words == article_id else f"/paragraph/{words}")


def article(moment: Moment, request: Request) -> Page:
    """An article: facts, blocks beside their bytes, media, links, revisions; of one that is gone, what is known."""
    article_id = request.path_params["article_id"]
    found, paragraphs, media, stages = moment.about(article_id)
    if found is None:
        return _gone(article_id, stages)
    part = part_of(paragraphs, request.query_params, BLOCKS)
    data, absent = _source(moment, found)
    reasons = {} if data is None else _reasons(data, found["source_path"])
    shown = media.to_dicts()
    captions = {row["caption_ordinal"]: row["media_id"] for row in shown}
    blocks = [_block(row, data, reasons, captions) for row in part.rows]
    before, after = moment.neighbours(article_id)
    links = [link for row in paragraphs["links"].to_list() for link in row or []]
    given = {
        "article": found, "part": part, "blocks": blocks, "absent": absent, "media": shown,
        "links": _links(paragraphs), "link_count": len(links), "stages": stages, "before": before, "after": after,
        "metadata": json.loads(found["metadata"]) if found["metadata"] else {}, "content": CONTENT_ROLES,
        "roles": counts(paragraphs, "role"), "shown_bytes": SHOWN_BYTES,
        "copied": moment.is_copied(article_id),
    }  # fmt: skip
    return Page("article.html", given, paragraphs, f"article-{article_id}")


def _gone(article_id: str, stages: list[Stage]) -> Page:
    if not stages:
        raise Refused(
            404, "no article has this id at this moment",
            "It may have gone with a run that published since. Search for its words or its address.",
        )  # fmt: skip
    last = stages[-1]
    frame = pl.DataFrame([stage._asdict() for stage in stages])
    given = {"article_id": article_id, "last": last, "paragraphs": paragraphs_of(last.text), "stages": stages}
    return Page("gone.html", given, frame, f"article-{article_id}")


def _source(moment: Moment, row: dict[str, Any]) -> tuple[bytes | None, str | None]:
    """The bytes of an article's source, or why they can't be had."""
    try:
        return moment.originals.bytes_of(row["archive"], row["source_path"], row["source_sha256"]), None
    except PressmarkError as error:
        return None, f"{error.what}: {error.where}"
    except OSError as error:
        return None, f"the archive can't be read ({error.strerror}): {error.filename}"


def _reasons(data: bytes, path: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Role and reason of each block by its bytes, where the source is read without what its operator said of it."""
    found = explain(data, path, load_outlets(), Limits())
    if isinstance(found, Reject):
        return {}
    of = [(block.paragraph, block.reason) for block in found.blocks]
    return {(block.byte_start, block.byte_end): (block.role, reason) for block, reason in of}


def _block(
    row: dict[str, Any], data: bytes | None, reasons: dict[tuple[int, int], tuple[str, str]], captions: dict[int, str]
) -> dict[str, Any]:
    start, end = row["byte_start"], row["byte_end"]
    role, reason = reasons.get((start, end), ("", ""))
    return {
        **row, "reason": reason if role == row["role"] else "", "caption_of": captions.get(row["ordinal"]),
        "bytes": None if data is None else data[start:end],
    }  # fmt: skip


def _links(paragraphs: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {"href": link["href"], "text": row["text"][link["start"] : link["end"]], "ordinal": row["ordinal"],
         "host": _host(link["href"])}
        for row in paragraphs.select("links", "text", "ordinal").iter_rows(named=True)
        for link in row["links"] or []
    ]  # fmt: skip


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def paragraph(moment: Moment, request: Request) -> Page:
    """A paragraph and its bytes among those around it."""
    paragraph_id = request.path_params["paragraph_id"]
    article_id = paragraph_id.partition("-")[0]
    found, paragraphs, _, _ = moment.about(article_id)
    rows = paragraphs.filter(pl.col("paragraph_id") == paragraph_id)
    if found is None or not rows.height:
        remedy = "It may have gone with a run that published since."
        if moment.is_known(article_id):
            remedy += f" What is known of its article: /article/{article_id}"
        raise Refused(404, "no paragraph has this id at this moment", remedy)
    row = rows.row(0, named=True)
    data, absent = _source(moment, found)
    reasons = {} if data is None else _reasons(data, found["source_path"])
    start, end = row["byte_start"], row["byte_end"]
    around = None
    if data is not None:
        around = (data[max(start - CONTEXT_BYTES, 0) : start], data[start:end], data[end : end + CONTEXT_BYTES])
    block = _block(row, data, reasons, {})
    given = {"article": found, "block": block, "absent": absent, "around": around, "content": CONTENT_ROLES}
    return Page("paragraph.html", given, rows, f"paragraph-{paragraph_id}")


def difference(moment: Moment, request: Request) -> Page:
    """What one revision of an article changed against another."""
    article_id, *numbers = (request.path_params[name] for name in ("article_id", "first", "second"))
    stages = moment.about(article_id).stages
    if not stages:
        raise Refused(404, "no article has this id at this moment", "Search for its words or its address.")
    of = {str(number): number for number in range(1, len(stages) + 1)}
    if not of.keys() >= {*numbers}:
        raise Refused(404, f"the article has {len(stages)} revisions", f"compare two of 1 to {len(stages)}")
    first, second = (of[number] for number in numbers)
    old, new = stages[first - 1], stages[second - 1]
    found = compare(paragraphs_of(old.text), paragraphs_of(new.text))
    rows = [one._asdict() for one in found]
    schema = {"kind": pl.String, "before": pl.Int64, "after": pl.Int64, "old": pl.String, "new": pl.String}
    frame = pl.DataFrame(rows, schema=schema)
    given = {
        "article_id": article_id, "stages": stages, "first": first, "second": second, "old": old, "new": new,
        "differences": _folded(rows), "kinds": dict(counts(frame, "kind")),
    }  # fmt: skip
    return Page("difference.html", given, frame, f"difference-{article_id}-{first}-{second}")


def _folded(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs of unchanged paragraphs as one entry each."""
    folded: list[dict[str, Any]] = []
    for row in rows:
        if row["kind"] == "same" and folded and folded[-1]["kind"] == "same":
            folded[-1]["texts"].append(row["new"])
        elif row["kind"] == "same":
            folded.append({"kind": "same", "texts": [row["new"]], "after": row["after"]})
        else:
            folded.append(row)
    return folded


def outlets(moment: Moment, _: Request) -> Page:
    """All outlets, with their size and span."""
    frame = (
        moment.articles.group_by("outlet")
        .agg(
            articles=pl.len(), paragraphs=pl.col("paragraph_count").sum(), first=pl.col("published_at").min(),
            last=pl.col("published_at").max(), undated=pl.col("published_at").null_count(),
            languages=pl.col("language").unique().sort().str.join(", "),
        )
        .sort("articles", "outlet", descending=[True, False])
    )  # fmt: skip
    gone = dict(moment.revisions.group_by("outlet").len().rows())
    frame = frame.with_columns(superseded=pl.col("outlet").replace_strict(gone, default=0, return_dtype=pl.Int64))
    return Page("outlets.html", {"rows": frame.to_dicts()}, frame, "outlets")


def outlet(moment: Moment, request: Request) -> Page:
    """An outlet: its months as a calendar, its languages and flags."""
    mine = _of_outlet(moment, request.path_params["outlet"])
    frame = mine.group_by("month").agg(articles=pl.len(), paragraphs=pl.col("paragraph_count").sum()).sort("month")
    months = dict(frame.select("month", "articles").rows())
    most = max((count for name, count in months.items() if name != "unknown"), default=1)
    years: dict[str, list[tuple[str, int, int]]] = {}
    for name in months:
        if name != "unknown" and (year := name[:4]) not in years:
            every = [f"{year}-{number:02d}" for number in range(1, 13)]
            years[year] = [(one, months.get(one, 0), -(-months.get(one, 0) * HEATS // most)) for one in every]
    given = {
        "outlet": request.path_params["outlet"], "years": years, "undated": months.get("unknown", 0),
        "total": mine.height, "languages": counts(mine, "language"), "flags": counts(mine, "flags"),
        "span": mine.select(first=pl.col("published_at").min(), last=pl.col("published_at").max()).row(0),
        "paragraphs": mine["paragraph_count"].sum(),
        "hosts": mine["archive"].unique().sort().to_list(),
        "gone": moment.removals().filter(pl.col("outlet") == request.path_params["outlet"]).height,
    }  # fmt: skip
    return Page("outlet.html", given, frame, f"outlet-{request.path_params['outlet']}")


def month(moment: Moment, request: Request) -> Page:
    """The articles of an outlet in a month."""
    name, period = request.path_params["outlet"], request.path_params["month"]
    mine = _of_outlet(moment, name)
    frame = mine.filter(pl.col("month") == period)
    months = mine["month"].unique().sort().to_list()
    if not frame.height:
        raise Refused(404, f"`{name}` has no article of `{period[:40]}` at this moment", "See the months it has.")
    at = months.index(period)
    given = {
        "outlet": name, "month": period, "part": part_of(frame, request.query_params, LISTED),
        "before": months[at - 1] if at else None, "after": months[at + 1] if at + 1 < len(months) else None,
    }  # fmt: skip
    return Page("month.html", given, frame, f"{name}-{period}")


def _of_outlet(moment: Moment, name: str) -> pl.DataFrame:
    mine = moment.articles.filter(pl.col("outlet") == name)
    if not mine.height:
        raise Refused(404, f"no article is of the outlet `{name[:80]}` at this moment", "See the list of outlets.")
    return mine


def rejects(moment: Moment, request: Request) -> Page:
    """Sources that are no article, by reason."""
    query = request.query_params
    asked = asked_in(query, moment)
    frame = moment.rejects_with(asked.words)
    reasons = counts(frame, "reason")
    if query.get("reason"):
        frame = frame.filter(pl.col("reason") == query["reason"])
    part = part_of(frame, query, LISTED)
    given = {"reasons": reasons, "part": part, "asked": asked, "reason": query.get("reason", "")}
    return Page("rejects.html", given, frame, "rejects")


def reject(moment: Moment, request: Request) -> Page:
    """A reject with its bytes, and where in them the reason holds."""
    found = moment.reject(request.path_params["reject_id"])
    if found is None:
        raise Refused(
            404, "no reject has this id at this moment", "It leaves the rejects when its source becomes an article."
        )
    raw, at = found["raw"], found["byte_offset"]
    around = None
    if raw is not None:
        cut = raw[:REJECT_BYTES]
        around = (cut, b"") if at is None else (cut[:at], cut[at:])
    given = {"reject": found, "around": around, "most": REJECT_BYTES}
    frame = pl.DataFrame([found], schema_overrides={"raw": pl.Binary, "byte_offset": pl.Int64})
    return Page("reject.html", given, frame, f"reject-{found['reject_id']}")


def runs(moment: Moment, request: Request) -> Page:
    """All runs, the latest first."""
    part = part_of(moment.runs, request.query_params, LISTED)
    return Page("runs.html", {"part": part}, moment.runs, "runs")


def run(moment: Moment, request: Request) -> Page:
    """A run, and the articles whose current rows it wrote."""
    found = moment.runs.filter(pl.col("run_id") == request.path_params["run_id"])
    if not found.height:
        raise Refused(404, "no run has this id", "See the list of runs.")
    row = found.row(0, named=True)
    frame = moment.articles.filter(pl.col("run_id") == row["run_id"]).sort("published_at", descending=True)
    given = {
        "run": row, "arguments": json.loads(row["arguments"]), "part": part_of(frame, request.query_params, LISTED),
    }  # fmt: skip
    return Page("run.html", given, frame, f"run-{row['run_id']}")


# Each with its paragraphs.
CHANGED: Final = 20
PAIR: Final = ["article_id", "old_source_sha256", "changed_at"]


def removals(moment: Moment, request: Request) -> Page:
    """What left the archive, or is said to be removed, and who still carries it."""
    frame, outlet = moment.carried_removals(), asked_in(request.query_params, moment).outlet
    kinds, outlets = counts(frame, "kind"), counts(frame, "outlet")
    frame = frame.filter(pl.col("outlet") == outlet) if outlet else frame
    part = part_of(frame, request.query_params, LISTED)
    given = {"part": part, "kinds": kinds, "outlets": outlets, "outlet": outlet, "carried": moment.comparable}
    return Page("removals.html", given, frame, "removals")


def changes(moment: Moment, request: Request) -> Page:
    """What revisions changed, as a newspaper of corrections."""
    frame, outlet = moment.changes(), asked_in(request.query_params, moment).outlet
    outlets = counts(frame, "outlet")
    frame = frame.filter(pl.col("outlet") == outlet) if outlet else frame
    part = part_of(frame, request.query_params, CHANGED)
    pairs = frame.slice(part.first, len(part.rows))
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in moment.changes_between(pairs).with_columns(quiet=QUIET).iter_rows(named=True):
        found.setdefault(tuple(row[name] for name in PAIR), []).append(row)
    entries = []
    for pair in part.rows:
        rows = found.get(tuple(pair[name] for name in PAIR), [])
        told = [row for row in rows if not row["quiet"]]
        entries.append({**pair, "changes": told, "quiet": len(rows) - len(told)})
    given = {"part": part, "entries": entries, "outlets": outlets, "outlet": outlet}
    shown = ("article_id", "outlet", "changed_at", "old_title", "new_title", "old_source_path", "old_source_sha256",
             "new_source_path", "new_source_sha256")  # fmt: skip
    return Page("changes.html", given, frame.select(shown), "changes")


def copies(moment: Moment, request: Request) -> Page:
    """Clusters of articles that are copies of each other, those of most outlets first."""
    members, across = _members(moment), "across" in request.query_params
    members = members.filter(pl.col("level") == "article")
    frame = members.group_by("cluster_id").agg(
        articles=pl.len(), outlets=pl.col("outlet").unique().sort(),
        **{kind: (~pl.col("first") & (pl.col("kind") == kind)).sum() for kind in ("same", "edited", "quoted")},
        **{name: pl.col(name).filter("first").first() for name in ("article_id", "outlet", "title", "language")},
        since=pl.col("published_at").min(), until=pl.col("published_at").max(),
    ).sort(pl.col("outlets").list.len(), "articles", "cluster_id", descending=[True, True, False])  # fmt: skip
    frame = frame.filter(pl.col("outlets").list.len() > 1) if across else frame
    part = part_of(frame, request.query_params, LISTED)
    return Page("copies.html", {"part": part, "across": across}, frame, "copies")


def cluster(moment: Moment, request: Request) -> Page:
    """The members of a cluster of articles in the order of time."""
    name = request.path_params["cluster_id"]
    frame = _members(moment).filter(pl.col("cluster_id") == name, pl.col("level") == "article")
    if not frame.height:
        raise Refused(404, "no cluster has this id at this moment", "See the list of copies.")
    return Page("cluster.html", {"part": part_of(frame, request.query_params, LISTED)},
                frame, f"copies-{name}")  # fmt: skip


def copies_of(moment: Moment, request: Request) -> Page:
    """Other articles that are copies of an article, and those that have some of its blocks."""
    article_id = request.path_params["article_id"]
    found = moment.about(article_id).article
    if found is None:
        raise Refused(404, "no current article has this id", "Of one that is gone, see who carries it under Removals.")
    members = _members(moment)
    mine = members.filter(pl.col("article_id") == article_id)
    whole = mine.filter(pl.col("level") == "article")["cluster_id"].to_list()
    clusters = members.filter(pl.col("cluster_id").is_in(whole), pl.col("level") == "article")
    blocks = mine.filter(pl.col("level") == "paragraph").select("cluster_id", block="paragraph_id")
    shared = (
        members.filter(pl.col("level") == "paragraph", pl.col("article_id") != article_id)
        .join(blocks, on="cluster_id")
        .group_by("article_id", "outlet", "title", "language", "published_at")
        .agg(blocks=pl.col("block").unique().sort())
        .sort(pl.col("blocks").list.len(), "published_at", "article_id", descending=[True, False, False])
    )
    given = {
        "article": found, "clusters": clusters.to_dicts(), "part": part_of(shared, request.query_params, LISTED),
    }  # fmt: skip
    return Page("copies_of.html", given, shared, f"copies-of-{article_id}")


def _members(moment: Moment) -> pl.DataFrame:
    if not moment.has_copies:
        raise Refused(
            404, "nobody has looked for copies yet",
            "Keep them with `pressmark clusters OUTPUT --keep` (it needs `pressmark[copies]`). Of at most "
            f"{MOST_COMPARED:,} paragraphs they are found while you wait.",
        )  # fmt: skip
    return moment.copies()
