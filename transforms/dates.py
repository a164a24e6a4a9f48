"""When an article was published: reads the dates of headers and URLs, and weighs them with that of the page.

Every time that leaves this module is aware and in UTC. A date without a time of day is the start of that day in the
outlet's zone: read back in that zone it is exactly midnight of the printed day, so the day is kept.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

from pressmark.schemas.contract import PublishedFrom
from pressmark.transforms.datelines import LONGEST_DATELINE, parts_of
from pressmark.transforms.days import MAIL_ZONE, OrderTold, day_in_order, plain
from pressmark.transforms.records import Dates

__all__ = ["FAR_FUTURE", "SCHEDULED_AHEAD", "counted_time", "parse_date", "path_date", "url_date", "weigh", "zoned_day"]

CONFLICT: Final = timedelta(days=7)
AGREEMENT: Final = timedelta(days=2)

# What is printed before 1990 or in more than a week is a slip of the pen.
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
# Two days before the last one that a calendar can hold, so that every zone has a day for it.
SCHEDULED_AHEAD: Final = timedelta(days=7)
FAR_FUTURE: Final = datetime(9999, 12, 29, tzinfo=UTC)

# As YAML, RFC 3339, HTML and people write them.
STAMP: Final = re.compile(
    # No news is of these years; in other calendars it is.
    r"(?P<Y>(?!1[34]|2[45])\d{4})(?P<sep>[-/.])(?P<M>\d{1,2})(?P=sep)(?P<D>\d{1,2})"
    r"(?:(?:[Tt]|[ \t]+)(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d+))?)?"
    r")?[ \t]*(?P<zone>[Zz](?:[-+]00:?00)?|(?:UTC|GMT)?(?P<sign>[-+\u2212])(?P<zh>\d{1,2}):?(?P<zm>\d{2})?|UTC|GMT)?",
    re.ASCII,
)
ZONED_DAY: Final = re.compile(
    r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?:[Tt]|[ \t]+)\d\d?:[\d:.,]{2,20}[ \t]*[-+](?=.{0,4}[1-9])\d\d?:?(?:\d\d)?",
    re.ASCII,
)
BASIC_STAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d):?(\d\d):?(\d\d)(?=\D|\Z)", re.ASCII)
MAIL_DATE: Final = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?\d{{1,2}}\s+[A-Za-z]{{3,9}}\s+\d{{4}}\s+\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:\s+{MAIL_ZONE})?\Z"
)
DIGITS_OF_DAY: Final = 8
# As wikis, notes and web archives number moments, up to the minute or the second.
DIGITS_OF_TIME: Final = re.compile(r"((?:19|20)\d{6})(\d{4}(?:\d\d)?)", re.ASCII)
# Seconds or milliseconds since 1970, of this century: with another digit first, ten of them are a day and its hour.
EPOCH: Final = re.compile(r"(?P<seconds>1[0-9]{9})(?:\.?(?P<parts>[0-9]{3})|\.(?P<fraction>[0-9]{1,9}))?")
START: Final = datetime(1970, 1, 1, tzinfo=UTC)
HOURS_OF_DAY: Final = 24
MINUTES_OF_HOUR: Final = 60
YEAR: Final = re.compile(r"(?:19|20)\d{2}")
MONTH_NAMES: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_Y, _M, _D = r"(?P<Y>(?:19|20)\d{2})", r"(?P<M>0?[1-9]|1[0-2])", r"(?P<D>0?[1-9]|[12]\d|3[01])"
# The surest first: folders of their own, then what a name begins with, then what stands in it.
URL_DATES: Final = tuple(map(re.compile, (
    rf"(?:^|/){_Y}(?:[-_./]{_M}[-_./]{_D}|(?P<M2>0[1-9]|1[0-2])(?P<D2>0[1-9]|[12]\d|3[01]))(?=/|\.[a-z]{{2,5}}\Z|\Z)",
    rf"(?:^|/){_Y}/{_M}/(?P<D>0[1-9]|[12]\d|3[01])[-_](?=\D)",
    rf"(?:^|/){_Y}/(?P<name>(?i:{'|'.join(MONTH_NAMES)}))/{_D}(?=/)",
    r"(?<!\d)(?P<Y>(?:19|20)\d{2})([-/]?)(?P<M>0[1-9]|1[0-2])\2(?P<D>0[1-9]|[12]\d|3[01])(?!\d)",
    # Day and month in either order, in whole parts of the path.
    r"(?:^|/)(?P<A>0?[1-9]|[12]\d|3[01])(?P<sep>[-/])(?P<B>0?[1-9]|[12]\d|3[01])(?P=sep)(?P<Y>20\d{2})"
    r"(?=/|\.[a-z]{2,5}\Z|\Z)",
    # RFA ends its paths in month, day, year and time of day without a separator.
    r"(?<!\d)(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01])(?P<Y>20\d{2})(?P<clock>\d{6})(?!\d)",
    r"(?<!\d)(?P<A>0[1-9]|1[0-2])(?P<B>0[1-9]|[12]\d|3[01])(?P<Y>20\d{2})(?!\d)",
)))  # fmt: skip
# As Jekyll, Hugo and Hexo name posts and their folders; with hyphens, as Jekyll reads them, one digit is enough.
PATH_DATE: Final = re.compile(
    r"(?:^|/)(?P<Y>(?:19|20)\d{2})(?P<sep>[-_./]?)(?P<M>0[1-9]|1[0-2]|(?<=-)[1-9])(?P=sep)"
    r"(?P<D>0[1-9]|[12]\d|3[01]|(?<=-)[1-9])(?=[-_./\s(]|[^\x00-\x7f]|\Z)"
)


def parse_date(text: str, place: ZoneInfo | None = None) -> datetime | date | None:
    """The date that a text is and nothing else, or None: a day where it has no time of day; without a zone where it
    names none, else in UTC. `place` tells the order of day and month alone.

    >>> parse_date("2020-7-26 9:30 +8").isoformat(), parse_date("2020/07/26").isoformat()
    ('2020-07-26T01:30:00+00:00', '2020-07-26')
    """
    text = text.strip()
    if len(text) > LONGEST_DATELINE:
        return None
    try:
        if match := STAMP.fullmatch(BASIC_STAMP.sub(r"\1-\2-\3T\4:\5:\6", text, count=1)):
            return _stamped(match)
        if len(text) == DIGITS_OF_DAY and text.isascii() and text.isdigit():
            return date.fromisoformat(text)
        if digits := DIGITS_OF_TIME.fullmatch(text):
            return datetime.fromisoformat("T".join(digits.groups()))
        text = plain(text)
        if MAIL_DATE.match(text):
            moment = parsedate_to_datetime(text)
            # Of whatever zone its writer is, this is a time in UTC.
            moment = moment.replace(tzinfo=UTC) if text.endswith("-0000") else moment
            return moment.astimezone(UTC) if moment.tzinfo else moment
        if parts := parts_of(text, place):
            return parts.day if parts.clock is None else parts.moment(UTC) if parts.zone else parts.local()
    except (ValueError, OverflowError):
        return None
    return None


def counted_time(text: str) -> datetime | None:
    """The time that a number of seconds or milliseconds is, where a key says that it is a time.

    >>> counted_time("1683000000123").isoformat(timespec="milliseconds")
    '2023-05-02T04:00:00.123+00:00'
    """
    match = EPOCH.fullmatch(text)
    if match is None:
        return None
    parts = (match["parts"] or match["fraction"] or "").ljust(6, "0")[:6]
    return START + timedelta(seconds=int(match["seconds"]), microseconds=int(parts))


def zoned_day(text: str) -> date | None:
    """The day of a time that names a zone other than UTC, in that zone; None for every other text.

    >>> str(zoned_day("2021-03-04T01:00:00+08:00")), str(zoned_day("Thu, 4 Mar 2021 01:00 WIB"))
    ('2021-03-04', '2021-03-04')
    """
    found = ZONED_DAY.fullmatch(text.strip())
    with suppress(ValueError, OverflowError):
        if found:
            return date(*map(int, found.groups()))
        parts = parts_of(text) if len(text) <= LONGEST_DATELINE else None
        return parts.day if parts and parts.zone and parts.zone.utcoffset(parts.local()) else None
    return None


def _stamped(match: re.Match[str]) -> datetime | date:
    day = date(int(match["Y"]), int(match["M"]), int(match["D"]))
    if match["h"] is None:
        return day
    microsecond = int((match["f"] or "0")[:6].ljust(6, "0"))
    moment = datetime.combine(day, time(int(match["h"]), int(match["m"]), int(match["s"] or 0), microsecond))
    if match["zone"] is None:
        return moment
    hours, minutes = int(match["zh"] or 0), int(match["zm"] or 0)
    if hours >= HOURS_OF_DAY or minutes >= MINUTES_OF_HOUR:
        raise ValueError("no offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return (moment + offset if match["sign"] == "-" else moment - offset).replace(tzinfo=UTC)


def url_date(url: str | None, place: ZoneInfo | None = None, near: date | None = None) -> date | None:
    """The date that a URL's path names, or None. The outlet's `place`, and a day that the article is of, tell whether
    digits that end with a year begin with a month or a day.

    >>> url_date("https://news.example/cn/20220107-title")
    datetime.date(2022, 1, 7)
    """
    if url is None:
        return None
    path = url.partition("://")[2].partition("/")[2].partition("?")[0]
    if not YEAR.search(path):
        return None
    for shape in URL_DATES:
        for match in shape.finditer(path):
            try:
                groups = match.groupdict()
                if "A" in groups:
                    year, first, second = (int(groups[name]) for name in "YAB")
                    if ordered := day_in_order(year, first, second, "", OrderTold(place.key if place else "", near)):
                        return ordered[0]
                    continue
                if name := groups.get("name"):
                    groups["M"] = str(MONTH_NAMES.index(name.lower()) + 1)
                found = date(*(int(groups[name] or groups[f"{name}2"] or "") for name in ("Y", "M", "D")))
            except ValueError:
                continue
            return found
    return None


def path_date(source_path: str) -> date | None:
    """The day by which a site's generator files a post: in its name, the name of its folder, or folders of their own.

    >>> str(path_date("_posts/2019-03-05-a-lamp.md")), str(path_date("posts/2019/03/05/a-lamp/index.md"))
    ('2019-03-05', '2019-03-05')
    """
    for match in PATH_DATE.finditer(source_path):
        with suppress(ValueError):
            return date(int(match["Y"]), int(match["M"]), int(match["D"]))
    return None


def weigh(
    *,
    header_at: datetime | None,
    front_matter_at: datetime | date | None,
    dateline_at: datetime | None,
    url_day: date | None,
    zone: ZoneInfo,
    latest: datetime = FAR_FUTURE,
) -> Dates:
    """The date columns, by the contract's order: header, front matter, dateline, URL.

    The dateline wins over a header that is over 7 days away from both the dateline and the URL's date, where these two
    agree to 2 days. A date before 1990 or after `latest` is a conflict and no date. Front matter's is in `zone` where
    it names none.
    """
    url_at = datetime(url_day.year, url_day.month, url_day.day, tzinfo=zone).astimezone(UTC) if url_day else None
    found: tuple[tuple[PublishedFrom, datetime | None], ...] = (
        ("header", header_at), ("front_matter", _placed(front_matter_at, zone)),
        ("dateline", dateline_at), ("url", url_at),
    )  # fmt: skip
    facts = {name: moment for name, moment in found if moment is not None and EARLIEST <= moment <= latest}
    slipped = len(facts) < sum(moment is not None for _, moment in found)
    published_from: PublishedFrom = next(iter(facts), "none")
    header, dateline, url = facts.get("header"), facts.get("dateline"), facts.get("url")
    if (
        header is not None
        and dateline is not None
        and url is not None
        and abs(header - dateline) > CONFLICT
        and abs(header - url) > CONFLICT
        and abs(dateline - url) <= AGREEMENT
    ):
        published_from = "dateline"
    published_at = facts.get(published_from)
    return Dates(
        published_at=published_at,
        published_from=published_from,
        dateline_at=dateline,
        url_date=url_day if url is not None else None,
        date_conflict=slipped or (len(facts) > 1 and max(facts.values()) - min(facts.values()) > CONFLICT),
        local_date=None if published_at is None else published_at.astimezone(zone).date(),
    )


def _placed(moment: datetime | date | None, zone: ZoneInfo) -> datetime | None:
    """A date of front matter as a time; one that no calendar of UTC holds is none."""
    if moment is not None and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    try:
        return None if moment is None else (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None
