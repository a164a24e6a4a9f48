"""What an address asks for: words and filters, a page of a list. What makes no sense is refused, with what would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple
from urllib.parse import urlencode

import polars as pl

from pressmark.schemas.contract import FLAGS, REASONS, ROLES
from pressmark.transforms.days import day_of
from pressmark.views.readings import Asked, Moment

__all__ = ["Part", "Refused", "asked_in", "part_of", "with_changes"]

LONGEST_WORDS: Final = 20_000
MOST_PAGES: Final = 10_000_000
ORDERS: Final = ("newest", "oldest")


class Refused(Exception):
    """What was asked can't be answered: the status, what is wrong, and what to do."""

    def __init__(self, status: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.status, self.what, self.remedy = status, what, remedy


class Part(NamedTuple):
    """A page of a list: its rows, its number and how many there are, and the rows of all pages."""

    rows: list[dict[str, object]]
    number: int
    pages: int
    total: int
    first: int


def asked_in(query: Mapping[str, str], moment: Moment) -> Asked:
    """The words and filters of an address; raises `Refused` where one can't be."""
    words = query.get("q", "").strip()
    if len(words) > LONGEST_WORDS:
        raise Refused(400, f"these are {len(words):,} characters", f"search for at most {LONGEST_WORDS:,}")
    known: dict[str, set[str]] = {
        "outlet": _known(moment.articles, "outlet") | _known(moment.revisions, "outlet"),
        "role": set(ROLES), "language": _known(moment.articles, "language"), "flag": set(FLAGS),
        "reason": set(REASONS), "order": set(ORDERS), "what": {"articles", "rejects"},
    }  # fmt: skip
    for name, values in known.items():
        if (value := query.get(name, "")) and value not in values:
            raise Refused(400, f"there is no {name} `{value[:80]}` here", f"one of: {', '.join(sorted(values))}")
    since, until = _day(query.get("since", ""), end=False), _day(query.get("until", ""), end=True)
    if since and until and since > until:
        raise Refused(400, f"no day is from {since} on and not after {until}", "swap the two")
    return Asked(
        words, query.get("outlet", ""), since, until, query.get("role", ""), query.get("language", ""),
        query.get("flag", ""), newest_first=query.get("order") != "oldest",
    )  # fmt: skip


def part_of(frame: pl.DataFrame, query: Mapping[str, str], size: int) -> Part:
    """The page of a list that an address asks for; raises `Refused` where there is none."""
    text = query.get("page", "1")
    pages = max(-(-frame.height // size), 1)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MOST_PAGES)) else 0
    if not number:
        raise Refused(400, f"`{text[:80]}` is no number of a page", f"one of 1 to {pages}")
    if number > pages:
        raise Refused(404, f"there is no page {number}", f"the last one is {pages}")
    first = (number - 1) * size
    return Part(frame.slice(first, size).to_dicts(), number, pages, frame.height, first)


def with_changes(path: str, query: Mapping[str, str], **changes: object) -> str:
    """The address with some of its parameters changed, or left out where they are None or empty."""
    every = {**query, **changes}
    left = {name: value for name, value in every.items() if value not in (None, "")}
    return f"{path}?{urlencode(left)}" if left else path


def _known(frame: pl.DataFrame, column: str) -> set[str]:
    return set(frame[column].unique().drop_nulls())


def _day(text: str, *, end: bool) -> date | None:
    text = text.strip()
    if not text:
        return None
    try:
        day = day_of(text, end=end)
    except ValueError:
        raise Refused(400, f"`{text[:80]}` is no day", "write 2021-03-04, 2021-03 or 2021") from None
    if day == date.max:
        raise Refused(400, f"`{text}` is too far away", "write 2021-03-04, 2021-03 or 2021")
    return day
