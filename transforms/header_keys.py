"""Which keys of front matter or JSON say when an article was published, and which of them counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

__all__ = ["DATES", "OF_PUBLICATION", "date_keys", "folded"]

DATES: Final = (
    "date_unixtime", "date", "pubDate", "publishDate", "published", "published_at", "publishedDate", "datePublished",
    "datePublish", "publicationDate", "publishingDate", "publishTime", "publishedTime", "pubTime", "pubDatetime",
    "publishedOn", "posted", "posted_at", "postDate", "created", "created_at", "dateCreated", "lastmod")  # fmt: skip
CREATED: Final = "dateCreated"
HAS_YEAR: Final = re.compile(r"[12]\d{3}")


def folded(key: str) -> str:
    """A key as all its spellings are: in small letters, without what stands between words."""
    return key.lower().replace("_", "").replace("-", "")


# Clippers and lists of pages to read say when they saved a page (the last four), and leave open when it was published.
ALL: Final = tuple(map(folded, DATES))
OF_PUBLICATION: Final = ALL[:-4]
# A wiki and a site leave the first two empty, too, of what has a date all the same.
LEFT_OPEN: Final = frozenset(ALL[2:-4])


def date_keys(said: Mapping[str, Any], understood: Collection[str], *, edited: bool) -> tuple[str, ...]:
    """The keys of a date in their order, of what is `said` under folded ones. Those of when a page was saved are none
    where one of publication is open, or says a date that is not `understood`. Of a page that is `edited` in a wiki,
    `date` is of the last edit where it also says whether it is published, and when it was created.

    >>> date_keys({"date": "2024-05-02", "published": True, "datecreated": "2023-01-07"}, (), edited=True)[0]
    'dateCreated'
    """
    if edited and said.get("published") in (True, False) and said.get(folded(CREATED)):
        return (CREATED, *DATES)
    is_open = any(
        name in said
        and ((name in LEFT_OPEN and said[name] in (None, ""))
             or (name not in understood and HAS_YEAR.search(str(said[name])) is not None))
        for name in OF_PUBLICATION
    )  # fmt: skip
    return DATES[:-4] if is_open else DATES
