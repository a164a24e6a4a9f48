"""Pages of the reading room that tell of many articles at once: what was removed, what changed, who copied whom."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from starlette.requests import Request

from pressmark.storage.changes import QUIET
from pressmark.views.pages import Page
from pressmark.views.readings import MOST_COMPARED, Moment, Refused, asked_in, counts, part_of

__all__ = ["changes", "cluster", "copies", "copies_of", "removals"]

LISTED: Final = 50
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
