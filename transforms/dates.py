"""When an article was published: reads the dates of header, page and URL, and weighs them.

Every time that leaves this module is aware and in UTC. A date without a time of day is the start of that day in the
outlet's zone: read back in that zone it is exactly midnight of the printed day, so the day is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from pressmark.schemas.contract import PublishedFrom
from pressmark.transforms.records import Dates

__all__ = [
    "FAR_FUTURE", "SCHEDULED_AHEAD", "DatelineReader", "dateline_reader", "parse_date", "parse_dateline", "url_date",
    "weigh",
]  # fmt: skip

CONFLICT: Final = timedelta(days=7)
AGREEMENT: Final = timedelta(days=2)

# What is printed before 1990 or in more than a week is a slip of the pen.
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
# Two days before the last one that a calendar can hold, so that every zone has a day for it.
SCHEDULED_AHEAD: Final = timedelta(days=7)
FAR_FUTURE: Final = datetime(9999, 12, 29, tzinfo=UTC)

_CLOCK = (
    r"(?:\s*[(（]?(?:星期|周|週)[一二三四五六日天][)）]?)?"
    r"(?:\s*(?P<half>[上下]午|凌晨|清晨|早上|中午|晚上|晚间)?\s*(?P<h>\d{1,2})(?:[:：](?P<m>\d{2})(?:[:：](?P<s>\d{2}))?|[时時点點](?:(?P<n>\d{1,2})分)?))?"
    r"(?:\s*(?:发布|發布|更新|发表|發表))?"
)
_PREFIX = r"(?:[^\d\n]{0,12}[:：]\s*|(?:发布|發布|发表|發表|更新)(?:时间|時間|日期|于|於)?\s*)?"
AFTERNOON: Final = frozenset({"下午", "晚上", "晚间"})
# With the year in which the calendar's first year begins: Taiwan's is 1912.
SHAPES: Final = tuple(
    (re.compile(f"{_PREFIX}{day}{_CLOCK}"), year_zero)
    for day, year_zero in (
        (r"(?P<Y>\d{4})\s*年\s*(?P<M>\d{1,2})\s*月\s*(?P<D>\d{1,2})\s*日", 0),
        (r"(?P<Y>\d{4})[-/.](?P<M>\d{1,2})[-/.](?P<D>\d{1,2})", 0),
        (r"(?P<D>\d{1,2})[/.](?P<M>\d{1,2})[/.](?P<Y>\d{4})(?:\s*-)?", 0),
        (r"(?P<Y>1\d{2})(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01])", 1911),
        (r"(?:民[國国])\s*(?P<Y>\d{2,3})\s*年\s*(?P<M>\d{1,2})\s*月\s*(?P<D>\d{1,2})\s*日", 1911),
    )
)
ISO: Final = re.compile(rf"{_PREFIX}(\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}\S*)")
RFC_2822: Final = re.compile(
    rf"{_PREFIX}((?:[A-Z][a-z]{{2}}, )?\d{{1,2}} [A-Z][a-z]{{2}} \d{{4}} \d{{2}}:\d{{2}}(?::\d{{2}})? \S+)"
)
# As YAML, RFC 3339, HTML and people write them.
STAMP: Final = re.compile(
    r"(?P<Y>\d{4})(?P<sep>[-/.])(?P<M>\d{1,2})(?P=sep)(?P<D>\d{1,2})"
    r"(?:(?:[Tt]|[ \t]+)(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d+))?)?"
    r")?[ \t]*(?P<zone>[Zz](?:[-+]00:?00)?|(?:UTC|GMT)?(?P<sign>[-+\u2212])(?P<zh>\d{1,2}):?(?P<zm>\d{2})?|UTC|GMT)?",
    re.ASCII,
)
MAIL_DATE: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{4}\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s+\S+)?\Z"
)
DIGITS_OF_DAY: Final = 8
HOURS_OF_DAY: Final = 24
MINUTES_OF_HOUR: Final = 60
LONGEST_DATELINE: Final = 80
NOON: Final = 12
MIDDAY_FROM: Final = 10
WITHIN: Final = re.compile(
    r"\d{4}[-/.年]\s*\d{1,2}[-/.月]\s*\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?"
    r"|\d{1,2}/\d{1,2}/\d{4}(?:\s*-?\s*\d{1,2}:\d{2})?"
)
# A name of a month, or a year with its sign: what else has digits is left to the shapes above.
FREE_FORM: Final = re.compile(
    r"\b(?:jan|feb|mar|apr|ma[iy]|ju[nil]|aug|ao[uû]|sep|o[ck]t|nov|de[cz]|f[eé]v|avr|juin|d[eé]c)[a-zéû]*\.?\b.*\b(?:19|20)\d\d\b"
    r"|\b\d{1,2}(?:st|nd|rd|th)?\b.*\b(?:jan|feb|mar|apr|ma[iy]|ju[nil]|aug|sep|o[ck]t|nov|de[cz])[a-z]*\b.*\b(?:19|20)\d\d\b"
    r"|[一二三四五六七八九十]月.*\d",
    re.IGNORECASE,
)
NO_DATE: Final = re.compile(r"[@#—–“”\"«»]")
LONGEST_FREE_FORM: Final = 50
FREE_FORM_SETTINGS: Final = {"STRICT_PARSING": True, "REQUIRE_PARTS": ["day", "month", "year"]}

# Numbers among the directives of `strptime`, as it takes them.
NUMBERS: Final = {
    "%Y": r"(?P<year>\d{4})", "%m": r"(?P<month>1[0-2]|0[1-9]|[1-9])",
    "%d": r"(?P<day>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])", "%H": r"(?P<hour>2[0-3]|[01]\d|\d)",
    "%M": r"(?P<minute>[0-5]\d|\d)", "%S": r"(?P<second>6[01]|[0-5]\d|\d)",
}  # fmt: skip

URL_DATES: Final = (
    re.compile(r"(?<!\d)(?P<Y>(?:19|20)\d{2})([-/]?)(?P<M>0[1-9]|1[0-2])\2(?P<D>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<Y>(?:19|20)\d{2})/(?P<M>0?[1-9]|1[0-2])/(?P<D>0?[1-9]|[12]\d|3[01])(?=[/_.-]|\Z)"),
    # RFA ends its paths in month, day, year and time of day without a separator.
    re.compile(r"(?<!\d)(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01])(?P<Y>20\d{2})(?:\d{6})?(?!\d)"),
)
# What has no such number, and no name of a month in Chinese, has no date in words, nor one in a path.
YEAR: Final = re.compile(r"(?:19|20)\d{2}")


def parse_date(text: str) -> datetime | date | None:
    """The date that a text is and nothing else, or None: a day where it has no time of day; without a zone where it
    names none, else in UTC.

    >>> parse_date("2020-7-26 9:30 +8").isoformat(), parse_date("2020/07/26").isoformat()
    ('2020-07-26T01:30:00+00:00', '2020-07-26')
    """
    text = text.strip()
    if len(text) > LONGEST_DATELINE:
        return None
    try:
        if match := STAMP.fullmatch(text):
            return _stamped(match)
        if len(text) == DIGITS_OF_DAY and text.isascii() and text.isdigit():
            return date.fromisoformat(text)
        if MAIL_DATE.match(text):
            moment = parsedate_to_datetime(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment
        for shape, year_zero in SHAPES:
            if match := shape.fullmatch(text):
                local = _local(match, UTC, year_zero).replace(tzinfo=None)
                return local if match["h"] else local.date()
    except (ValueError, OverflowError):
        return None
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


def parse_dateline(text: str, zone: ZoneInfo) -> datetime | None:
    """UTC time that a block says and nothing else, read in the outlet's zone, or None.

    >>> parse_dateline("07/01/2022 - 13:38", ZoneInfo("Europe/Paris")).isoformat()
    '2022-01-07T12:38:00+00:00'
    """
    if len(text) > LONGEST_DATELINE:
        return None
    try:
        for shape, year_zero in SHAPES:
            if match := shape.fullmatch(text):
                return _local(match, zone, year_zero)
        if match := ISO.fullmatch(text):
            return _utc(datetime.fromisoformat(match[1]), zone)
        if match := RFC_2822.fullmatch(text):
            return _utc(parsedate_to_datetime(match[1]), UTC)
    except (ValueError, OverflowError):
        return None
    return None


def _utc(moment: datetime, zone: tzinfo) -> datetime:
    """A time in UTC; one without a zone is in `zone`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _local(match: re.Match[str], zone: tzinfo, year_zero: int) -> datetime:
    hour, minute, second = int(match["h"] or 0), int(match["m"] or match["n"] or 0), int(match["s"] or 0)
    if hour < NOON and (match["half"] in AFTERNOON or (match["half"] == "中午" and hour < MIDDAY_FROM)):
        hour += NOON
    year, month, day = (int(match[part]) for part in "YMD")
    return datetime(year + year_zero, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)


class DatelineReader:
    """Reads the dates that an outlet prints: by the shapes that the registry knows of it, then by those of the trade,
    and last, where a text looks like a date at all, by the words that its languages use for dates."""

    def __init__(self, zone: ZoneInfo, shapes: Sequence[str] = (), languages: Sequence[str] = ()) -> None:
        self._zone = zone
        self._shapes = tuple(shapes)
        self._languages = tuple(dict.fromkeys([*(language.partition("-")[0] for language in languages), "zh", "en"]))

    def read(self, text: str) -> datetime | None:
        """UTC time that `text` says and nothing else, or None.

        >>> DatelineReader(ZoneInfo("Europe/London")).read("May 14th 2020").isoformat()
        '2020-05-13T23:00:00+00:00'
        """
        if len(text) > LONGEST_DATELINE:
            return None
        for shape in self._shapes:
            if match := _outline(shape).fullmatch(text):
                numbers: dict[str, Any] = {name: int(number) for name, number in match.groupdict().items()}
                with suppress(ValueError, OverflowError):
                    # Of numbers in a quarter of the time; the zone follows.
                    printed = datetime(**numbers) if numbers else datetime.strptime(text, shape)  # noqa: DTZ001, DTZ007
                    return _utc(printed, self._zone)
        moment = parse_dateline(text, self._zone)
        if moment is not None or len(text) > LONGEST_FREE_FORM or not (YEAR.search(text) or "月" in text):
            return moment
        if NO_DATE.search(text) or not FREE_FORM.search(text):
            return None
        parse, spoken = _free_form()
        languages = [language for language in self._languages if language in spoken]
        found: datetime | None = parse(text, languages=languages, settings=FREE_FORM_SETTINGS)
        try:
            return _utc(found, self._zone) if found else None
        except OverflowError:
            return None

    def read_within(self, text: str) -> datetime | None:
        """UTC time of the one date in a short text that says more than it, such as who published it, or None."""
        found = {match[0] for match in WITHIN.finditer(text)}
        return self.read(found.pop()) if len(found) == 1 else None


# Of the pages of one layout; arguments are tuples.
dateline_reader: Final = lru_cache(maxsize=1024)(DatelineReader)


@lru_cache(maxsize=256)
def _outline(shape: str) -> re.Pattern[str]:
    """What any text of a shape for `strptime` matches; with groups where numbers alone tell the date."""
    parts = re.findall(r"%.|\s+|[^%\s]+", shape)
    names = [part for part in parts if part[0] == "%" and part != "%%"]
    numbers = NUMBERS if {"%Y", "%m", "%d"} <= set(names) <= NUMBERS.keys() and len(set(names)) == len(names) else {}
    known = {"%%": "%", **dict.fromkeys(names, ".+?"), **numbers}
    outline = "".join(known.get(part) or (r"\s+" if part.isspace() else re.escape(part)) for part in parts)
    return re.compile(outline, re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=1)
def _free_form() -> Any:
    # Takes longer to load than a hundred articles to parse, and few layouts need it.
    from dateparser import parse
    from dateparser.data.languages_info import language_order

    return parse, frozenset(language_order)


def url_date(url: str | None) -> date | None:
    """The date that a URL's path names, or None.

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
                return date(int(match["Y"]), int(match["M"]), int(match["D"]))
            except ValueError:
                continue
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
        return None if moment is None else _utc(moment, zone)
    except OverflowError:
        return None
