"""Which revision of an article is the current one, and what became of the others. Pure: records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from schemas.contract import Change

__all__ = ["Candidate", "Standing", "change_between", "rank", "settle"]

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class Candidate(NamedTuple):
    """A live source of an article."""

    source_path: str
    source_sha256: str
    published_at: datetime | None
    text_sha256: str


class Standing(NamedTuple):
    """A live source that is not the current one, and the next newer one that superseded it."""

    candidate: Candidate
    superseded_by: str
    change: Change


def rank(candidate: Candidate) -> tuple[datetime, str]:
    """Orders revisions from the oldest to the current one: by time, then by path in code point order.

    Among published columns, `published_at` is the header's time wherever the contract trusts that time.
    """
    return (candidate.published_at or EARLIEST, candidate.source_path)


def settle(
    candidates: Sequence[Candidate], presentable: Callable[[Candidate], bool] = lambda _: True
) -> tuple[Candidate | None, list[Standing]]:
    """The current revision of one article among its live sources, and the standing of the rest.

    Only a `presentable` source, one whose rows are at hand, can be the current one. Without any there is none,
    and no standing changes.
    """
    able = [candidate for candidate in candidates if presentable(candidate)]
    if not able:
        return None, []
    current = max(able, key=rank)
    chain = [*sorted((c for c in candidates if c is not current), key=rank), current]
    return current, [
        Standing(older, newer.source_sha256, change_between(older, newer)) for older, newer in pairwise(chain)
    ]


def change_between(older: Candidate, newer: Candidate) -> Change:
    """`copy` for equal bytes, `markup` for equal text, else `text`."""
    if older.source_sha256 == newer.source_sha256:
        return "copy"
    return "markup" if older.text_sha256 == newer.text_sha256 else "text"
