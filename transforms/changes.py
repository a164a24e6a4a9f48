"""The paragraphs that a revision of an article added, removed, changed or moved, and the revisions to compare. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

import polars as pl

from pressmark.transforms.comparison import compare, paragraphs_of
from pressmark.transforms.wording import WHAT, What, what_changed

__all__ = ["CHANGES", "KINDS", "ORDER", "ChangeKind", "Place", "Side", "changes_between", "successions"]

ChangeKind = Literal["added", "removed", "changed", "moved"]
KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)
TIME: Final = pl.Datetime("us", "UTC")
_SIDE: Final = {
    "source_path": pl.String(), "source_sha256": pl.String(), "valid_from": TIME, "ordinal": pl.Int32(),
    "role": pl.String(), "text": pl.String(), "byte_start": pl.Int64(), "byte_end": pl.Int64(),
}  # fmt: skip
CHANGES: Final = pl.Schema({
    "article_id": pl.String(), "outlet": pl.String(), "title": pl.String(), "url": pl.String(), "changed_at": TIME,
    "part": pl.Enum(["title", "paragraph"]), "kind": pl.Enum(KINDS), "what": pl.List(pl.Enum(WHAT)),
    "old_archive": pl.String(), **{f"old_{name}": type_ for name, type_ in _SIDE.items()},
    "new_archive": pl.String(), **{f"new_{name}": type_ for name, type_ in _SIDE.items()},
})  # fmt: skip
"""`changed_at` is the newer revision's `valid_from`; where the input has no commits, the start of the run that saw it;
null where both files exist. `part` tells a headline from a paragraph; a headline has no ordinal, role or bytes. `what`
is a part of `WHAT`, empty for what was added, removed or moved in the same bytes. Ordinals, roles and bytes are of that
side's source, and null where it can't be read any more."""

REVISION: Final = (
    "archive", "outlet", "period", "source_path", "source_sha256", "source_bytes", "title", "text_sha256", "valid_from",
)  # fmt: skip
# The latest day first, on it by outlet, then by time.
ORDER: Final = ("day", "outlet", "changed_at", "article_id", "old_source_path", "old_source_sha256", "old_valid_from")
DOWN: Final = (True, *[False] * 6)


class Place(NamedTuple):
    """Where a paragraph stands in its source, and what it is there."""

    role: str
    byte_start: int
    byte_end: int


class Side(NamedTuple):
    """A revision: its title, its text, where its paragraphs stand, and its source's bytes, as far as they are known."""

    title: str
    text: str
    places: Sequence[Place] | None = None
    data: bytes | None = None

    def place(self, ordinal: int | None) -> Place | None:
        """Where a paragraph stands."""
        return None if ordinal is None or self.places is None else self.places[ordinal]

    def markup(self, ordinal: int) -> bytes | None:
        """The bytes of a paragraph, with the tags inside it."""
        place = self.place(ordinal)
        return None if place is None or self.data is None else self.data[place.byte_start : place.byte_end]


def successions(articles: pl.LazyFrame, revisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row for each revision that another one superseded with other bytes: `article_id`, `url`, `changed_at`, the
    partition that the article is in now (`current_outlet`, `current_period`), and the columns of both sides behind
    `old_` and `new_`, with whether the newer one is `new_current`; in the order of `ORDER`. Both tables have their
    partition's `period`.
    """
    shared = pl.col("article_id"), *(pl.col(name) for name in REVISION)
    superseded = revisions.select(*shared, "valid_to", "superseded_by", "change", current=pl.lit(value=False))
    every = pl.concat([
        articles.select(*shared, valid_to=pl.lit(None, TIME), current=pl.lit(value=True)),
        superseded.drop("superseded_by", "change"),
    ])  # fmt: skip
    old = superseded.filter(pl.col("change").cast(pl.String).is_in(["text", "markup"])).drop("change", "current")
    old = old.rename({name: f"old_{name}" for name in (*REVISION, "valid_to")}).with_row_index("pair")
    new = every.rename({name: f"new_{name}" for name in (*REVISION, "valid_to", "current")})
    both = old.join(new, left_on=["article_id", "superseded_by"], right_on=["article_id", "new_source_sha256"],
                    coalesce=False)  # fmt: skip
    # The same bytes may have stood at several places and times.
    came_then = pl.col("new_valid_from").eq_missing(pl.col("old_valid_to")).fill_null(value=False)
    both = both.with_columns(came_then=came_then & pl.col("old_valid_to").is_not_null())
    both = both.sort("pair", "came_then", "new_current", "new_valid_from", "new_source_path", nulls_last=False)
    both = both.group_by("pair", maintain_order=True).last()
    addresses = articles.select("article_id", "url", current_outlet="outlet", current_period="period")
    moment = pl.coalesce("new_valid_from", "old_valid_to")
    return (
        both.join(addresses, on="article_id", how="left")
        .with_columns(changed_at=moment, day=moment.dt.date(), outlet="new_outlet")
        .sort(*ORDER, descending=list(DOWN), nulls_last=True)
        .drop("pair", "came_then", "superseded_by", "article_id_right", "new_valid_to", strict=False)
    )


def changes_between(old: Side, new: Side) -> Iterator[dict[str, Any]]:
    """What the newer revision did, as the columns of `CHANGES` that tell of it: the title first, then the paragraphs in
    the order of the newer one, removed ones where they stood.

    >>> rows = changes_between(Side("A", "x y"), Side("A", "x y\\n\\nz"))
    >>> [(row["kind"], row["new_text"]) for row in rows]
    [('added', 'z')]
    """
    if old.title != new.title:
        yield _row("title", "changed", what_changed(old.title, new.title), old.title, new.title)
    for kind, before, after, was, now in compare(
        *(paragraphs_of(side.text) if side.text else [] for side in (old, new))
    ):
        what: tuple[What, ...] = ()
        known: ChangeKind | None = None if kind == "same" else kind
        if kind == "changed":
            what = what_changed(was or "", now or "")
        elif before is not None and after is not None:
            markup = old.markup(before), new.markup(after)
            if None not in markup and markup[0] != markup[1]:
                what, known = ("markup",), known or "changed"
        if known is not None:
            yield _row("paragraph", known, what, was, now) | {
                "old_ordinal": before, "new_ordinal": after,
                **_placed("old", old.place(before)), **_placed("new", new.place(after)),
            }  # fmt: skip


def _row(part: str, kind: ChangeKind, what: tuple[What, ...], old: str | None, new: str | None) -> dict[str, Any]:
    return {"part": part, "kind": kind, "what": list(what), "old_text": old, "new_text": new}


def _placed(side: str, place: Place | None) -> dict[str, Any]:
    return {} if place is None else {f"{side}_{name}": value for name, value in place._asdict().items()}
