"""When an article was published: reads the dates of header, page and URL, and weighs them.

Every time that leaves this module is aware and in UTC. A date without a time of day is the start of that
day in the outlet's zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.contract import UNKNOWN_MONTH, PublishedFrom
from transforms.records import Dates

__all__ = ["month_of", "parse_dateline", "parse_timestamp", "url_date", "weigh"]

CONFLICT: Final = timedelta(days=7)
AGREEMENT: Final = timedelta(days=2)

_CLOCK = r"(?:\s*(?P<h>\d{1,2})[:：](?P<m>\d{2})(?:[:：](?P<s>\d{2}))?)?"
_PREFIX = r"(?:[^\d\n]{0,12}[:：]\s*)?"
SHAPES: Final = (
    re.compile(rf"{_PREFIX}(?P<Y>\d{{4}})\s*年\s*(?P<M>\d{{1,2}})\s*月\s*(?P<D>\d{{1,2}})\s*日{_CLOCK}"),
    re.compile(rf"{_PREFIX}(?P<Y>\d{{4}})[-/.](?P<M>\d{{1,2}})[-/.](?P<D>\d{{1,2}}){_CLOCK}"),
    re.compile(rf"{_PREFIX}(?P<D>\d{{1,2}})[/.](?P<M>\d{{1,2}})[/.](?P<Y>\d{{4}})(?:\s*-)?{_CLOCK}"),
)
ISO: Final = re.compile(rf"{_PREFIX}(\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}\S*)")
RFC_2822: Final = re.compile(
    rf"{_PREFIX}((?:[A-Z][a-z]{{2}}, )?\d{{1,2}} [A-Z][a-z]{{2}} \d{{4}} \d{{2}}:\d{{2}}(?::\d{{2}})? \S+)"
)
TAIWAN: Final = (
    re.compile(rf"{_PREFIX}(?P<Y>1\d{{2}})(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01]){_CLOCK}"),
    re.compile(
        rf"{_PREFIX}(?:民[國国])\s*(?P<Y>\d{{2,3}})\s*年\s*(?P<M>\d{{1,2}})\s*月\s*(?P<D>\d{{1,2}})\s*日{_CLOCK}"
    ),
)
TAIWAN_YEAR_ZERO: Final = 1911
LONGEST_DATELINE: Final = 80

URL_DATES: Final = (
    re.compile(r"(?<!\d)(?P<Y>(?:19|20)\d{2})([-/]?)(?P<M>0[1-9]|1[0-2])\2(?P<D>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<Y>(?:19|20)\d{2})/(?P<M>0?[1-9]|1[0-2])/(?P<D>0?[1-9]|[12]\d|3[01])(?!\d)"),
    # RFA ends its paths in month, day, year and time of day without a separator.
    re.compile(r"(?<!\d)(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01])(?P<Y>20\d{2})(?:\d{6})?(?!\d)"),
)


def parse_timestamp(text: str) -> datetime | None:
    """UTC time of an ISO 8601 date, with offset, `Z` or neither (then UTC), or None.

    >>> parse_timestamp("2020-07-26T22:52:06.000Z").isoformat()
    '2020-07-26T22:52:06+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_dateline(text: str, zone: ZoneInfo) -> datetime | None:
    """UTC time that a block says and nothing else, read in the outlet's zone, or None.

    >>> parse_dateline("07/01/2022 - 13:38", ZoneInfo("Europe/Paris")).isoformat()
    '2022-01-07T12:38:00+00:00'
    """
    if len(text) > LONGEST_DATELINE:
        return None
    try:
        for shape in SHAPES:
            match = shape.fullmatch(text)
            if match:
                return _local(match, zone)
        match = ISO.fullmatch(text)
        if match:
            moment = datetime.fromisoformat(match[1])
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        match = RFC_2822.fullmatch(text)
        if match:
            moment = parsedate_to_datetime(match[1])
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        for shape in TAIWAN:
            match = shape.fullmatch(text)
            if match:
                return _local(match, zone, TAIWAN_YEAR_ZERO)
    except (ValueError, OverflowError):
        return None
    return None


def _local(match: re.Match[str], zone: ZoneInfo, year_zero: int = 0) -> datetime:
    hour, minute, second = (int(match[part] or 0) for part in "hms")
    year, month, day = (int(match[part]) for part in "YMD")
    return datetime(year + year_zero, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)


def url_date(url: str | None) -> date | None:
    """The date that a URL's path names, or None.

    >>> url_date("https://news.example/cn/20220107-title")
    datetime.date(2022, 1, 7)
    """
    if url is None:
        return None
    path = url.partition("://")[2].partition("/")[2].partition("?")[0]
    for shape in URL_DATES:
        for match in shape.finditer(path):
            try:
                return date(int(match["Y"]), int(match["M"]), int(match["D"]))
            except ValueError:
                continue
    return None


def weigh(
    *,
    header_at: datetime | None,
    front_matter_at: datetime | None,
    dateline_at: datetime | None,
    url_day: date | None,
    zone: ZoneInfo,
) -> Dates:
    """The date columns, by the contract's order: header, front matter, dateline, URL.

    The dateline wins over a header that is over 7 days away from both the dateline and the URL's date,
    where these two agree to 2 days.
    """
    url_at = datetime(url_day.year, url_day.month, url_day.day, tzinfo=zone).astimezone(UTC) if url_day else None
    published_at, published_from = _first(
        (header_at, "header"), (front_matter_at, "front_matter"), (dateline_at, "dateline"), (url_at, "url")
    )
    if (
        header_at is not None
        and dateline_at is not None
        and url_at is not None
        and abs(header_at - dateline_at) > CONFLICT
        and abs(header_at - url_at) > CONFLICT
        and abs(dateline_at - url_at) <= AGREEMENT
    ):
        published_at, published_from = dateline_at, "dateline"
    known = [moment for moment in (header_at, front_matter_at, dateline_at, url_at) if moment is not None]
    return Dates(
        published_at=published_at,
        published_from=published_from,
        dateline_at=dateline_at,
        url_date=url_day,
        date_conflict=bool(known) and max(known) - min(known) > CONFLICT,
        local_date=_local_day(published_at, zone),
        month=month_of(published_at),
    )


def month_of(moment: datetime | None) -> str:
    """Partition of a time: its UTC month as YYYY-MM."""
    return UNKNOWN_MONTH if moment is None else f"{moment.year:04d}-{moment.month:02d}"


def _first(*signals: tuple[datetime | None, PublishedFrom]) -> tuple[datetime | None, PublishedFrom]:
    for moment, name in signals:
        if moment is not None:
            return moment, name
    return None, "none"


def _local_day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        # The first and the last day that a calendar can hold have no neighbour to shift to.
        return moment.date()
