"""Reads the dates that pages print: one grammar of day, part of the day, clock and zone, for every place that has one.

Nothing is guessed: where the order of day and month can be either, the address, the header or the outlet's country says
which, else there is no date. Every reading says its evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pressmark.transforms.days import (
    ANY_LABEL,
    CLOCK_WORDS,
    DAY_FIRST,
    DAY_WORDS,
    FIXED,
    FREE_FORM,
    IRANIAN_MONTH,
    MAIL_ZONE,
    OF_SEVERAL,
    PUBLISHED_WORDS,
    UPDATED_WORDS,
    ZONES,
    OrderTold,
    day_first_language,
    day_in,
    day_in_order,
    in_common_words,
    iranian_month,
    place_of,
    plain,
    without_weekday,
)  # fmt: skip

__all__ = [
    "FOUR_DIGITS", "LONGEST_DATELINE", "DatelineReader", "PageDates", "Parts", "Printed", "dateline_reader",
    "parse_dateline", "parts_of",
]  # fmt: skip

LONGEST_DATELINE: Final = 80
NOON, MIDDAY_FROM, SMALL_HOURS = 12, 10, 6

MORNING: Final = frozenset({"上午", "午前", "凌晨", "清晨", "早上", "早晨", "早", "am"})
AFTERNOON: Final = frozenset({"下午", "傍晚", "午后", "午後", "pm"})
EVENING: Final = frozenset({"晚上", "晚间", "晚間", "晚"})
NIGHT: Final = frozenset({"深夜", "半夜", "午夜", "夜间", "夜間"})
HALVES: Final = "|".join(sorted({*MORNING, *AFTERNOON, *EVENING, *NIGHT, "中午"} - {"am", "pm"}, key=len, reverse=True))

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
WEEKDAY: Final = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"

ZONE_NAMES: Final = "|".join(sorted("|".join(ZONES.values()).split("|"), key=len, reverse=True))
ZONE_WORDS: Final = r"(?:部?(?:标准|標準)?(?:时间|時間)| [Tt]ime)?"
OFFSET: Final = r"(?P<sign>[-+\u2212])(?P<zh>\d{1,2})(?::?(?P<zm>\d{2}))?"
ZONE: Final = rf"(?:\s*\(?(?:(?:UTC|GMT)?\s*{OFFSET}|(?P<zone>{ZONE_NAMES}|[A-Z]{{3,4}}){ZONE_WORDS})\)?)?"
ZONE_BEFORE: Final = rf"(?:(?P<before>{ZONE_NAMES}){ZONE_WORDS}[:：]?\s*)?"

UPDATED: Final = re.compile(f"更新|修改|修订|修訂|(?i:{UPDATED_WORDS})")
LABEL: Final = (
    rf"(?:{ANY_LABEL}|(?:发布|發布|发表|發表|更新|刊登)(?:时间|時間|日期|于|於)?\s*|"
    r"(?i:(?:first |last )?(?:published|posted|updated|modified|created)(?: on| at)? |on |"
    rf"(?:{PUBLISHED_WORDS}|{UPDATED_WORDS}) (?:(?:le|el|em|il|am|vom|op|den) )?|(?:{DAY_WORDS}) ))?"
)
TAIL: Final = r"(?:\s*(?:发布|發布|更新|发表|發表|刊登|讯|訊|电|電|Uhr|hs?\b|น\.|[-|]))?"
CLOCK: Final = (
    rf"(?P<half>{HALVES})?\s*(?P<h>\d{{1,2}})"
    r"(?:[:：.h](?P<m>\d{2})(?:[:：](?P<s>\d{2})(?:[.,]\d+)?)?|[时時点點](?:(?P<n>\d{1,2})分|(?P<thirty>半)|整)?)"
    r"(?:\s*(?P<ampm>[aApP]\.?[mM]\b\.?))?"
)
HAN_WEEKDAY: Final = (
    r"(?:\s*[,，]?\s*(?:[(（]?(?:(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]|[月火水木金土日]曜日?|[월화수목금토일]요일)[)）]?"
    r"|\([月火水木金土日월화수목금토일]\)))?"
)
THEN: Final = rf"{HAN_WEEKDAY}(?:(?:\s*[,，،Tt]|\s+(?:{CLOCK_WORDS})(?=\s)|\s+[-–|])?\s*{CLOCK})?{ZONE}{TAIL}"

# With what a shape is called, and the year in which its calendar's first year begins: Taiwan's is 1912.
SHAPES: Final = tuple(
    (re.compile(f"{LABEL}{ZONE_BEFORE}{day}{then}", flags), name, year_zero)
    for day, then, flags, name, year_zero in (
        (r"(?P<Y>\d{4})\s*年\s*(?P<M>\d{1,2})\s*月\s*(?P<D>\d{1,2})\s*[日号號]", THEN, 0, "year, month, day", 0),
        (r"(?P<Y>\d{4})(?P<sep>[-/._]) ?(?P<M>\d{1,2})(?P=sep) ?(?P<D>\d{1,2})\.?", THEN, 0, "year, month, day", 0),
        (r"(?P<A>\d{1,2})(?P<sep>[-/.]) ?(?P<B>\d{1,2})(?P=sep) ?(?P<Y>\d{4})(?:\s*-)?", THEN, 0, "", 0),
        (r"(?P<Y>1[0-4]\d)(?P<M>0[1-9]|1[0-2])(?P<D>0[1-9]|[12]\d|3[01])", THEN, 0, "Taiwan's calendar", 1911),
        (r"(?P<Y>1[0-4]\d)(?P<sep>[-/.])(?P<M>\d{1,2})(?P=sep)(?P<D>\d{1,2})", THEN, 0, "Taiwan's calendar", 1911),
        (r"(?:(?:中[华華])?民[國国]\s*(?P<Y>\d{1,3})|(?P<Y2>1[0-4]\d))\s*年\s*(?P<M>\d{1,2})\s*月\s*(?P<D>\d{1,2})\s*[日号號]",
         THEN, 0, "Taiwan's calendar", 1911),
        (rf"(?:[\u0600-\u06ff\u200c ]{{2,14}}[،,]?\s+)?(?P<D>\d{{1,2}})\s+(?P<iranian>{IRANIAN_MONTH})(?:\s+ماه)?"
         r"\s+(?P<Y>1[34]\d\d)", THEN, 0, "Iran's calendar", 0),
        (rf"{WEEKDAY}(?P<D>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?[\s-]+{MONTH},?[\s-]+(?P<Y>\d{{4}})", THEN,
         re.IGNORECASE, "month in words", 0),
        (rf"{WEEKDAY}{MONTH}\s+(?P<D>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<Y>\d{{4}})", THEN, re.IGNORECASE,
         "month in words", 0),
        (rf"{CLOCK}{ZONE},?\s*(?:on\s+)?{WEEKDAY}{MONTH}\s+(?P<D>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<Y>\d{{4}})", "",
         re.IGNORECASE, "month in words", 0),
        (rf"{CLOCK}{ZONE},?\s*(?:on\s+)?{WEEKDAY}(?P<D>\d{{1,2}})(?:st|nd|rd|th)?\s+{MONTH},?\s+(?P<Y>\d{{4}})", "",
         re.IGNORECASE, "month in words", 0),
    )
)  # fmt: skip
DAYLIKE: Final = re.compile(r"\d\s*[-/._年月]\s*\d|\d{4}")
ISO: Final = re.compile(rf"{LABEL}(\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}\S*)")
RFC_2822: Final = re.compile(
    rf"{LABEL}((?:[A-Z][a-z]{{2}}, )?\d{{1,2}} [A-Z][a-z]{{2}} \d{{4}} \d{{2}}:\d{{2}}(?::\d{{2}})? {MAIL_ZONE})"
)
SEPARATED: Final = re.compile(
    r"\s*[|｜•；;\n]\s*|\s+·\s+|\s+(?=(?:更新|修改|最后|最後|发布|發布)\S{0,4}[:：])|"
    r"(?<=\d)[,，]?\s+[-–—]?\s*(?=(?i:last |updated|modified|published|posted))"
)
RELATIVE: Final = re.compile(
    rf"{LABEL}(?:(?P<N>\d{{1,3}}|an?|one|一|两|兩|半)\s*(?:个|個)?\s*(?P<unit>秒|分|小时|小時|钟头|天|日|周|週|星期|月|年|"
    r"s(?:ec(?:ond)?s?)?\b|min(?:ute)?s?\b|m\b|h(?:ou)?rs?\b|h\b|days?\b|d\b|weeks?\b|months?\b|years?\b)(?:钟|鐘)?\s*"
    r"(?:之前|以前|前|ago)|(?P<now>刚刚|剛剛|刚才|just now)|"
    rf"(?P<day>今天|今日|昨天|昨日|前天|today|yesterday)[,，]?\s*(?:at\s+)?(?:{CLOCK})?)",
    re.IGNORECASE,
)
UNITS: Final = {
    **dict.fromkeys(("秒", "s"), timedelta(seconds=1)), **dict.fromkeys(("分", "m"), timedelta(minutes=1)),
    **dict.fromkeys(("小时", "小時", "钟头", "h"), timedelta(hours=1)), **dict.fromkeys("天日d", timedelta(days=1)),
    **dict.fromkeys(("周", "週", "星期", "w"), timedelta(weeks=1)),
}  # fmt: skip
COUNTS: Final = {"a": 1.0, "an": 1.0, "one": 1.0, "一": 1.0, "两": 2.0, "兩": 2.0, "半": 0.5}
DAYS_BACK: Final = {"今天": 0, "今日": 0, "today": 0, "昨天": 1, "昨日": 1, "yesterday": 1, "前天": 2}
WITHIN: Final = re.compile(
    r"\d{4}[-/.年]\s*\d{1,2}[-/.月]\s*\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?"
    r"|\d{1,2}/\d{1,2}/\d{4}(?:\s*-?\s*\d{1,2}:\d{2})?"
)
# What has no such number, and no name of a month in Chinese, has no date in words.
YEAR: Final = re.compile(r"(?:19|20)\d{2}")
FOUR_DIGITS: Final = re.compile(r"\d{4}")
SAID_BEFORE: Final = re.compile(rf"\A(?:{LABEL})")
SPOKEN_CLOCK: Final = re.compile(r"(?<=\d)h(?=\d\d\b)")
LETTERS_OF_ZONE: Final = re.compile(r"\s*\(?\b(?P<name>(?![AP]M\b)[A-Z]{2,5})\)?$")
NO_DATE: Final = re.compile(r"[@#—–“”\"«»]")
LONGEST_FREE_FORM: Final = 50
# Without vowel signs, Thai's March is January; only ASCII may lack the accents of its words.
FREE_FORM_SETTINGS: Final = {"STRICT_PARSING": True, "REQUIRE_PARTS": ["day", "month", "year"], "NORMALIZE": False}
WITHOUT_ACCENTS: Final = {**FREE_FORM_SETTINGS, "NORMALIZE": True}

# Numbers among the directives of `strptime`, as it takes them.
NUMBERS: Final = {
    "%Y": r"(?P<year>\d{4})", "%m": r"(?P<month>1[0-2]|0[1-9]|[1-9])",
    "%d": r"(?P<day>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])", "%H": r"(?P<hour>2[0-3]|[01]\d|\d)",
    "%M": r"(?P<minute>[0-5]\d|\d)", "%S": r"(?P<second>6[01]|[0-5]\d|\d)",
}  # fmt: skip


class Printed(NamedTuple):
    """A date that is printed, and by what it was read; a relative time without anything to count from has no moment."""

    moment: datetime | None
    evidence: str


class Parts(NamedTuple):
    """A date in its parts: the day, the time since its start where one is printed, and the zone where one is."""

    day: date
    clock: timedelta | None
    zone: tzinfo | None
    evidence: str

    def local(self) -> datetime:
        """The time as it is printed."""
        return datetime.combine(self.day, time()) + (self.clock or timedelta())

    def moment(self, zone: tzinfo) -> datetime:
        """The time in UTC; without a zone of its own it is in `zone`."""
        return self.local().replace(tzinfo=self.zone or zone).astimezone(UTC)


def parts_of(text: str, zone: ZoneInfo | None = None, near: date | None = None, language: str = "") -> Parts | None:
    """The one date that a text is and nothing else, or None. `near` is a day that the page is known to be of, `zone`
    the outlet's, `language` the text's: they tell the order of day and month, and the calendar, as does a weekday.
    Raises `ValueError` or `OverflowError` where it is no day.

    >>> parts_of("民國一一一年八月一日 上午12:30").local().isoformat()
    '2022-08-01T00:30:00'
    """
    text, weekday = without_weekday(plain(text))
    if not DAYLIKE.search(text):
        return None
    place = place_of(zone, language)
    for shape, name, year_zero in SHAPES:
        match = shape.fullmatch(text)
        if match is None:
            continue
        groups = match.groupdict()
        year = int(groups["Y"] or groups["Y2"]) + year_zero
        if "A" in groups:
            letters = (groups["zone"] or groups["before"] or "").upper()
            told = OrderTold(place, near, weekday, letters if letters in DAY_FIRST else day_first_language(language))
            ordered = day_in_order(year, int(groups["A"]), int(groups["B"]), groups["sep"], told)
            if ordered is None:
                return None
            day, name = ordered
        else:
            if "iranian" in groups:
                month, place = iranian_month(groups["iranian"]), "Asia/Tehran"
            else:
                month = int(groups["M"]) if "M" in groups else MONTHS.index(groups["month"][:3].lower()) + 1
            day = day_in(year, month, int(groups["D"]), place)
        clock = None if groups["h"] is None else _clock(groups)
        found = _zone_of(groups, day, zone)
        return Parts(day, clock, found, name if found is None else f"{name}, zone printed")
    return None


def _clock(groups: dict[str, Any]) -> timedelta:
    """The time since the start of the printed day: 12 o'clock in the morning is its start, at night its end."""
    hour, minute = int(groups["h"]), int(groups["m"] or groups["n"] or (30 if groups["thirty"] else 0))
    second = int(groups["s"] or 0)
    time(hour, minute, second)  # Raises where it is none.
    half = groups["half"] or (groups["ampm"] or "").replace(".", "").lower()
    if half in MORNING:
        hour = 0 if hour == NOON else hour
    elif half in AFTERNOON or (half == "中午" and hour < MIDDAY_FROM):
        hour += NOON if hour < NOON else 0
    elif half in EVENING or (half in NIGHT and hour >= SMALL_HOURS):
        hour += NOON if hour <= NOON else 0
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _zone_of(groups: dict[str, Any], day: date, own: ZoneInfo | None) -> tzinfo | None:
    """The zone that is printed, None where none is."""
    if groups.get("sign"):
        offset = timedelta(hours=int(groups["zh"]), minutes=int(groups["zm"] or 0))
        if offset >= timedelta(hours=24) or int(groups["zm"] or 0) >= 60:  # of a day, of an hour
            raise ValueError("no offset")
        return timezone(offset if groups["sign"] == "+" else -offset)
    name = groups.get("zone") or groups.get("before")
    if not name:
        return None
    if own is not None and datetime.combine(day, time(12), own).tzname() == name.upper():
        return own
    if name.upper() in OF_SEVERAL:
        return None
    if name.upper() in FIXED:
        return timezone(timedelta(hours=FIXED[name.upper()]))
    for key, names in ZONES.items():
        if re.fullmatch(names, name, re.IGNORECASE):
            return ZoneInfo(key)
    raise ValueError("letters that are no zone")


def parse_dateline(text: str, zone: ZoneInfo, near: date | None = None) -> datetime | None:
    """UTC time that a block says and nothing else, read in the outlet's zone, or None.

    >>> parse_dateline("07/01/2022 - 13:38", ZoneInfo("Europe/Paris")).isoformat()
    '2022-01-07T12:38:00+00:00'
    """
    found = _absolute(text, zone, near)
    return None if found is None else found.moment


def _absolute(text: str, zone: ZoneInfo, near: date | None, language: str = "") -> Printed | None:
    if len(text) > LONGEST_DATELINE:
        return None
    try:
        if match := ISO.fullmatch(text):
            moment = datetime.fromisoformat(match[1])
            return Printed(_utc(moment, zone), "ISO 8601" + (", zone printed" if moment.tzinfo else ""))
        if match := RFC_2822.fullmatch(text):
            with suppress(ValueError):
                return Printed(_utc(parsedate_to_datetime(match[1]), UTC), "RFC 2822, zone printed")
        if parts := parts_of(text, zone, near, language):
            return Printed(parts.moment(zone), parts.evidence)
    except (ValueError, OverflowError):
        return None
    return None


def _utc(moment: datetime, zone: tzinfo) -> datetime:
    """A time in UTC; one without a zone is in `zone`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


class DatelineReader:
    """Reads the dates that an outlet prints: by the shapes that the registry knows of it, then by those of the trade,
    and last, where a text looks like a date at all, by the words that its languages use for dates."""

    def __init__(self, zone: ZoneInfo, shapes: Sequence[str] = (), languages: Sequence[str] = ()) -> None:
        self._zone = zone
        self._shapes = tuple(shapes)
        spoken = (language.partition("-")[0] for language in languages)
        self._languages = tuple(dict.fromkeys([*("nb" if one == "no" else one for one in spoken), "zh", "en"]))
        self._language = languages[0] if languages else ""

    def read(self, text: str, near: date | None = None, at: datetime | None = None) -> Printed | None:
        """The date that `text` says and nothing else, or None. `near` is a day that the page is known to be of, `at`
        the time from which relative ones count. Of several in one line it is the first that is no update's.

        >>> DatelineReader(ZoneInfo("Europe/London")).read("May 14th 2020").moment.isoformat()
        '2020-05-13T23:00:00+00:00'
        """
        if len(text) > LONGEST_DATELINE:
            return None
        found = self._of_outlet(text) or _absolute(text, self._zone, near, self._language) or self._relative(text, at)
        return found or self._of_several(text, near) or self._in_words(text)

    def read_within(self, text: str, near: date | None = None) -> Printed | None:
        """The one date in a short text that says more than it, such as who published it, or None."""
        found = {match[0] for match in WITHIN.finditer(text)}
        return self.read(found.pop(), near) if len(found) == 1 else None

    def _of_outlet(self, text: str) -> Printed | None:
        for shape in self._shapes:
            if match := _outline(shape).fullmatch(text):
                numbers: dict[str, Any] = {name: int(number) for name, number in match.groupdict().items()}
                with suppress(ValueError, OverflowError):
                    # Of numbers in a quarter of the time; the zone follows.
                    printed = datetime(**numbers) if numbers else datetime.strptime(text, shape)  # noqa: DTZ001, DTZ007
                    return Printed(_utc(printed, self._zone), "the outlet's own shape")
        return None

    def _relative(self, text: str, at: datetime | None) -> Printed | None:
        match = RELATIVE.fullmatch(plain(text))
        if match is None:
            return None
        evidence = "a relative time" if at is None else "counted from the header's time"
        if at is None or match["now"]:
            return Printed(at, evidence)
        if match["day"]:
            day = at.astimezone(self._zone).date() - timedelta(days=DAYS_BACK[match["day"].lower()])
            try:
                clock = None if match["h"] is None else _clock(match.groupdict())
            except ValueError:
                return None
            return Printed(Parts(day, clock, None, "").moment(self._zone), evidence)
        unit = match["unit"].lower()
        length = UNITS.get(unit) or (None if unit.startswith(("mo", "月", "年", "y")) else UNITS[unit[0]])
        if length is None:
            return Printed(None, "a relative time without a day")
        count = COUNTS.get(match["N"].lower())
        return Printed(at - length * (float(match["N"]) if count is None else count), evidence)

    def _of_several(self, text: str, near: date | None) -> Printed | None:
        """The first of dates in one line that is not when the page was updated."""
        parts = [part for part in SEPARATED.split(text) if part]
        if len(parts) < 2:  # one is no several
            return None
        found = [_absolute(part, self._zone, near, self._language) for part in parts]
        if None in found:
            return None
        first = next((one for part, one in zip(parts, found, strict=True) if not UPDATED.search(part)), found[0])
        return first and Printed(first.moment, f"{first.evidence}, the first of {len(parts)} dates")

    def _in_words(self, text: str) -> Printed | None:
        if FOUR_DIGITS.search(text) or "月" in text:
            text = SPOKEN_CLOCK.sub(":", SAID_BEFORE.sub("", in_common_words(plain(text))))
        has_year = YEAR.search(text) or "月" in text
        if len(text) > LONGEST_FREE_FORM or not has_year or NO_DATE.search(text) or not FREE_FORM.search(text):
            return None
        zone = LETTERS_OF_ZONE.search(text)
        if zone and zone["name"] not in FIXED and not re.fullmatch(ZONE_NAMES, zone["name"]):
            text = text[: zone.start()]  # The library takes letters of several places for those of one.
        parse, spoken = _free_form()
        languages = [language for language in self._languages if language in spoken]
        found: datetime | None = parse(text, languages=languages, settings=FREE_FORM_SETTINGS)
        if found is None and text.isascii():
            found = parse(text, languages=languages, settings=WITHOUT_ACCENTS)
        if found is None or str(found.year) not in text:  # It may count from now on.
            return None
        with suppress(OverflowError):
            return Printed(_utc(found, self._zone), "words of a language" + (", zone printed" if found.tzinfo else ""))
        return None


class PageDates(NamedTuple):
    """Reads the dates of one page: with its outlet's reader, a day that the address names, and the header's time."""

    reader: DatelineReader
    url_day: date | None = None
    header_at: datetime | None = None

    def read(self, text: str) -> Printed | None:
        """See `DatelineReader.read`."""
        return self.reader.read(text, self._near, self.header_at)

    def read_within(self, text: str) -> Printed | None:
        """See `DatelineReader.read_within`."""
        return self.reader.read_within(text, self._near)

    @property
    def _near(self) -> date | None:
        return self.url_day or (self.header_at.date() if self.header_at else None)


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
