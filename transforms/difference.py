"""What a run changed in an archive's articles, counted by outlet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

__all__ = ["ArticleState", "OutletChanges", "differences"]


class ArticleState(NamedTuple):
    """An article as one run left it."""

    outlet: str
    source_sha256: str
    text_sha256: str
    published_at: datetime | None


class OutletChanges(NamedTuple):
    """Articles of an outlet that are new, have another text, have the same text in other bytes (`markup`), or are gone.

    `redated` ones have another `published_at`; they may be counted under `text` or `markup` too.
    """

    outlet: str
    new: int = 0
    text: int = 0
    markup: int = 0
    deleted: int = 0
    redated: int = 0


def differences(before: Mapping[str, ArticleState], after: Mapping[str, ArticleState]) -> list[OutletChanges]:
    """Changes by outlet, in the order of slugs, between two states of articles by `article_id`.

    >>> old, new = ArticleState("rfi", "a", "t", None), ArticleState("rfi", "b", "t", None)
    >>> differences({"1": old}, {"1": new, "2": new})
    [OutletChanges(outlet='rfi', new=1, text=0, markup=1, deleted=0, redated=0)]
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for article_id, now in after.items():
        was = before.get(article_id)
        if was is None:
            counts[now.outlet]["new"] += 1
            continue
        if was.text_sha256 != now.text_sha256:
            counts[now.outlet]["text"] += 1
        elif was.source_sha256 != now.source_sha256:
            counts[now.outlet]["markup"] += 1
        if was.published_at != now.published_at:
            counts[now.outlet]["redated"] += 1
    for article_id in before.keys() - after.keys():
        counts[before[article_id].outlet]["deleted"] += 1
    return [OutletChanges(outlet, **counts[outlet]) for outlet in sorted(counts)]
