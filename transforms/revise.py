"""Which revision of an article is the current one, and what became of the others. Pure: records in, records out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from pressmark.schemas.contract import Change

__all__ = ["Revision", "Standing", "change_between", "rank", "row_id", "settle"]

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)


class Revision(NamedTuple):
    """A source of an article, as it stood at its path from `valid_from` until `valid_to` (None: it still does).

    `came_at` is `valid_from`, or the start of the run that brought it where there are no commits.
    """

    source_path: str
    source_sha256: str
    published_at: datetime | None
    text_sha256: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    came_at: datetime | None = None


class Standing(NamedTuple):
    """A revision that is not the current one, the one that superseded it, and what that changed; both None where
    nothing did: a tombstone."""

    revision: Revision
    superseded_by: str | None
    change: Change | None


def rank(revision: Revision) -> tuple[datetime, datetime, str]:
    """Orders revisions from the oldest to the current one: by time, by commit, then by path in code point order.

    Among published columns, `published_at` is the header's time wherever the contract trusts that time.
    """
    return (revision.published_at or EARLIEST, revision.valid_from or EARLIEST, revision.source_path)


def settle(
    revisions: Sequence[Revision], presentable: Callable[[Revision], bool] = lambda _: True
) -> tuple[Revision | None, list[Standing]]:
    """The current revision of one article, and the standing of the rest: each source that still stands is superseded
    by the next newer one, each that ended by what came in its place.

    In place of a source came what its own path had next, else what the same commit (or run) brought at another path,
    as a renamed file. Only a `presentable` source, one whose rows are at hand, can be current; without any there is
    none, and sources that still stand have no standing.
    """
    ended = [
        _superseded(revision, _successor(revision, revisions))
        for revision in revisions
        if revision.valid_to is not None
    ]
    live = [revision for revision in revisions if revision.valid_to is None]
    able = [revision for revision in live if presentable(revision)]
    if not able:
        return None, ended
    current = max(able, key=rank)
    chain = [*sorted((revision for revision in live if revision is not current), key=rank), current]
    return current, [*ended, *(_superseded(older, newer) for older, newer in pairwise(chain))]


def change_between(older: Revision, newer: Revision) -> Change:
    """`copy` for equal bytes, `markup` for equal text, else `text`."""
    if older.source_sha256 == newer.source_sha256:
        return "copy"
    return "markup" if older.text_sha256 == newer.text_sha256 else "text"


def row_id(source_path: str, source_sha256: str | None, valid_from: datetime | None = None) -> str:
    """First 32 hex digits of SHA-256 of a source's path, its hash and the time from which it stood there."""
    parts = (source_path, source_sha256 or "", "" if valid_from is None else valid_from.isoformat())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _successor(ended: Revision, revisions: Sequence[Revision]) -> Revision | None:
    followers = [other for other in revisions if other is not ended and other.came_at == ended.valid_to]
    return max(
        followers,
        key=lambda other: (other.source_path == ended.source_path, other.valid_to or LATEST, rank(other)),
        default=None,
    )


def _superseded(older: Revision, newer: Revision | None) -> Standing:
    if newer is None:
        return Standing(older, None, None)
    return Standing(older, newer.source_sha256, change_between(older, newer))
