"""When a whole page's article was published, from what the page says: statements first, then what it prints.

Owns the order of evidence. A statement of publication goes first; a date of the document, which changes with it, goes
behind the day that is printed beside the title. What stands in menus, comments and boxes of other stories is not the
page's own. A date that cannot be read is passed over. Knows no outlet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import chain, islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from turbohtml import Document, Element, Node

from pressmark.transforms.datelines import dateline_reader
from pressmark.transforms.dates import counted_time, parse_date, url_date
from pressmark.transforms.days import PRINTED_DATE
from pressmark.transforms.page_statements import Entry, kind_of, time_of
from pressmark.transforms.page_titles import Region, ancestors, is_quoted, names_of
from pressmark.transforms.page_words import DATE_WORDS, DOCUMENT_DATE, KEYS, SELECTORS

__all__ = ["PageDate", "modified_times", "page_date", "read_date"]

UTC_ZONE: Final = ZoneInfo("UTC")
# Where order of day and month, and calendar, are those of a page's language; these and English alone tell none.
PLACES: Final = {
    **dict.fromkeys(("en", "zh", "ja", "ko"), UTC_ZONE), "en-us": ZoneInfo("America/New_York"),
    "fa": ZoneInfo("Asia/Tehran"), "th": ZoneInfo("Asia/Bangkok"),
}  # fmt: skip
DAY_FIRST: Final = ZoneInfo("Europe/London")
# Whose words for months are read where a page's own language does not say them.
MONTHS_OF: Final = (
    "de", "fr", "es", "pt", "it", "nl", "ro", "pl", "sv", "tr", "ru", "uk", "ar", "el", "cs", "hu", "id",
)  # fmt: skip
ONE_DAY, ONE_SECOND = timedelta(days=1), timedelta(seconds=1)
BESIDE, ABOVE = ", beside the story", ", above the title"

MOST_NODES_NEAR, MOST_STRINGS, MOST_STRINGS_NEAR, MOST_STRINGS_ABOVE = 25, 2000, 16, 4
LONGEST_NEAR, LONGEST_DATELINE, LONGEST_LABEL = 200, 60, 30
# A date is what a text is for where it is so much of it.
SHARE: Final = 2.5
# The first keys of a list are believed before JSON-LD.
SUREST: Final = 4
ISO: Final = re.compile(r"\d{4}-\d\d|\d{8}|\d{4}/\d\d|\d{10}")
# Between a day and a time, as some systems have it.
GLUED: Final = re.compile(r"(?<=\d{4}-\d\d-\d\d)-(?=\d\d:)")
FIRST_YEAR: Final = 1990
YEAR: Final = re.compile(r"(?:19|20)\d\d")
TWO_DIGITS: Final = re.compile(r"(\d{1,2})([./])\s?(\d{1,2})[./]\s?(\d\d)")
SLASHED: Final = re.compile(r"(?<![\d/])(0?[1-9]|[12]\d|3[01])/(0?[1-9]|[12]\d|3[01])/((?:19|20)\d\d)(?![\d/])")
MONTHS, LETTERS_BESIDE, LONGEST_LABELLED, SEVERAL = 12, 8, 120, 3
WORD: Final = re.compile(r"[^\W_]+")
LONG_AGO: Final = timedelta(days=400)
MINUTE: Final = len("2021-03-05T18:11")
CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
IN_DATA: Final = re.compile(
    r"""["']?(?:date_?published|published_?(?:at|date)|publish_?(?:date|time)|pub_?time|publication_?date|"""
    r"""article_publication_date|\bvar (?:ct|(?:ori)?createtime))["']?\s*[:=]\s*["']?"""
    r"""((?:19|20)\d\d-\d\d-\d\d[^"']{0,20}["']|1\d{9}(?:\d{3})?\b)""",
    re.IGNORECASE,
)
UPDATED, LABELLED, WEAKLY_LABELLED, NOT_PUBLISHED = (
    re.compile("|".join(words), re.IGNORECASE) for words in DATE_WORDS.values()
)
RANGE: Final = re.compile(r"\W{0,3}(?:[-–~～]|bis|to|au)\W{0,2}(?!\d\d?:\d\d)\d")
SEPARATED: Final = re.compile(r"[|•·/｜]|\s[-–—]\s")
# A story that begins with its day, mostly behind its place: `Bern, (3.2.2021). It …`.
PLACE: Final = re.compile(r"(?:[^\W\d_][\w.-]*(?: [^\W\d_][\w.-]*){0,2}(?:,\s?|:\s?|\s?(?=[(\[])))?[(\[]?$")
BEHIND: Final = re.compile(r"\s?[])}.:,;|–—\"„“«-]|\Z")
TIMES, PRINTED_TIMES = SELECTORS["times"], SELECTORS["printed_times"]


class PageDate(NamedTuple):
    """A date as it is written, by what it was found, and the day that the page prints for it where that is another."""

    written: str | None = None
    evidence: str = ""
    day: date | None = None


def read_date(written: str | None, language: str | None) -> datetime | date | None:
    """The time that a page writes; a day where it writes no time of day."""
    if not written:
        return None
    spoken = (language or "en").partition("-")[0].partition("_")[0].lower()
    place = PLACES.get((language or "en").lower()) or PLACES.get("" if spoken == "en" else spoken, DAY_FIRST)
    moment = parse_date(written) or parse_date(written, place)
    if moment is None:
        found = dateline_reader(UTC_ZONE, (), (spoken, *MONTHS_OF)).read(written)
        if found is None or found.moment is None or "zone printed" in found.evidence:
            return None if found is None else found.moment
        # What names no zone is not in the one that it was read in.
        return found.moment.date() if found.moment.time() == time() else found.moment.replace(tzinfo=None)
    return moment


EVERYWHERE: Final = Region(None, everywhere=True)


class _Dates:
    """What one page says of its dates."""

    def __init__(
        self, document: Document, meta: Mapping[str, Sequence[str]], articles: Sequence[Entry], pages: Sequence[Entry],
        heading: Element | None, language: str | None, address: str | None, markup: str,
    ) -> None:  # fmt: skip
        self._document, self._meta, self._articles, self._pages = document, meta, articles, pages
        self._heading, self._language, self._address, self._markup = heading, language, address, markup
        self._region = Region(heading)
        self._modified = modified_times(meta, articles, pages)
        said = (read_date(text, language) for text in (*self._stated(), *self._modified))
        self._known = [day for day in (url_date(address), *said) if day is not None]

    @cached_property
    def _times(self) -> list[tuple[str, str]]:
        """What time elements say, and print."""
        elements = self._document.select("time[datetime]")[:20]
        return [((one.attr("datetime") or "").strip(), " ".join(one.text.split())) for one in elements]

    @cached_property
    def _years(self) -> frozenset[str]:
        return frozenset(YEAR.findall(self._markup))

    @cached_property
    def _orders(self) -> tuple[bool, bool]:
        """Whether dates of the page have a month first, and whether some have a day first."""
        pairs = [(int(one[1]), int(one[2])) for one in SLASHED.finditer(self._markup)]
        return any(second > MONTHS for _, second in pairs), any(first > MONTHS for first, _ in pairs)

    def found(self) -> Iterator[PageDate]:
        """What may be the day of publication, the surest first."""
        stated = list(self._stated())
        sure = [text for text in stated if ISO.match(text)]
        modified, near = self._modified, self._near()
        for text in sure:
            if self._is_one_of(text, modified):
                # What is stated as published and as modified is the latter, where the page has an earlier day, too.
                yield from self._earlier(text, sure, near)
            yield from self._of_same_day(text, near)
            yield self._of_utc(text, sure)
        yield from self._marked(TIMES[:1])
        yield from self._printed(near, "printed beside the title")
        loose = [texts[0] for name, texts in self._meta.items() if DOCUMENT_DATE.fullmatch(name)]
        yield from (self._of_utc(text, loose) for text in loose if ISO.match(text))
        yield from self._marked(TIMES[1:])
        yield from self._printed(near, "updated beside the title", updates=True)
        yield from self._printed(self._named(below=True), "printed in an element for dates")
        yield from (self._of_utc(text, ()) for text in self._stated_of_media() if ISO.match(text))
        yield from (PageDate(text, "stated in words") for text in stated)
        yield from self._in_data()
        story = self._document.select_one("main, article, body")
        everything = story.descendants if story else ()
        strings = list(self._region.strings(everything, MOST_STRINGS))
        heading = self._heading
        nodes = chain(heading.descendants, heading.following) if heading else ()
        own = list(self._region.strings(nodes, MOST_STRINGS)) if heading else strings
        listed = _listed(own)
        yield from self._printed(own, "printed with a label", form="label")
        yield from self._printed([one for one in own if one not in listed], "printed by itself", form="alone")
        # What stands above the title is the day of the paper, or that on which the page was saved.
        yield from self._printed(self._named(), f"printed in an element for dates{ABOVE}")
        yield from self._printed(strings, f"printed with a label{ABOVE}", form="label")
        single = [one for one in strings if one not in listed]
        yield from self._printed(single, f"printed by itself{ABOVE}", form="alone")
        region, self._region = self._region, EVERYWHERE
        yield from self._marked(TIMES, f"an element for times{BESIDE}")
        named = [*self._named(below=True), *self._named()]
        yield from self._printed(named, f"printed in an element for dates{BESIDE}")
        everywhere = list(self._region.strings(story.descendants if story else (), MOST_STRINGS))
        self._region = region
        yield from self._printed(single, "printed in a line of its own")
        yield from self._printed(everywhere, f"printed with a label{BESIDE}", form="label")
        listed = _listed(everywhere)
        single = [one for one in everywhere if one not in listed]
        yield from self._printed(single, f"printed by itself{BESIDE}", form="alone")
        yield from (PageDate(text, "stated in words") for text in loose)
        if url_date(self._address) is None:
            yield from self._printed(strings, "updated, in a line of its own", updates=True)
            yield from (PageDate(text, "when it was modified") for text in self._modified)

    def _stated(self) -> Iterator[str]:
        keys = KEYS["published"]
        yield from self._first(keys[:SUREST])
        yield from filter(None, (time_of(node.get("datePublished")) for node in self._articles))
        yield from self._first(keys[SUREST:])
        nodes = (*(node for node in self._pages if kind_of(node).endswith("Page")), *self._articles)
        yield from filter(None, (time_of(node.get("datePublished") or node.get("dateCreated")) for node in nodes))

    def _stated_of_media(self) -> Iterator[str]:
        times = (
            time_of(node.get("datePublished") or node.get("uploadDate")) for node in (*self._pages, *self._articles)
        )
        yield from filter(None, times)

    @cached_property
    def _below(self) -> frozenset[Node]:
        """What stands below the title, or all of a page without one."""
        return frozenset(self._heading.following if self._heading else self._document.descendants)

    def _named(self, *, below: bool = False) -> list[tuple[str, str]]:
        return [
            (" ".join(one.text.split()), names_of(one))
            for name in PRINTED_TIMES
            for one in self._document.select(name)[:8]
            if not self._region.is_aside(one) and (not below or one in self._below)
        ]

    def _first(self, keys: Iterable[str]) -> Iterator[str]:
        return (GLUED.sub(" ", " ".join(self._meta[key][0].split()), count=1) for key in keys if key in self._meta)

    def _is_one_of(self, text: str, others: Sequence[str]) -> bool:
        moment = read_date(text, self._language)
        return any(_distance(moment, read_date(other, self._language)) <= ONE_SECOND for other in others)

    def _earlier(self, text: str, sure: Sequence[str], near: Sequence[tuple[str, str]]) -> Iterator[PageDate]:
        """What the page states, or prints beside its title, of an earlier day than this statement."""
        moment = read_date(text, self._language)
        for one in (*(self._of_utc(other, sure) for other in sure), *self._printed(near, "printed beside the title")):
            other = read_date(one.written, self._language)
            earlier = other is not None and str(other)[:10] < str(moment)[:10]
            if earlier and ONE_DAY < _distance(moment, other) < LONG_AGO:
                yield one

    def _in_data(self) -> Iterator[PageDate]:
        """The day of publication in the data of a page's own scripts, where these name one only."""
        said = [match[1].rstrip("\"'") for match in IN_DATA.finditer(self._markup)]
        said = [counted.isoformat() if (counted := counted_time(one)) else one for one in said]
        if len({text[:10] for text in said}) == 1:
            yield PageDate(said[0], "the page's own data")

    def _of_same_day(self, text: str, near: Sequence[tuple[str, str]]) -> Iterator[PageDate]:
        """Of a day that is stated without a time, what is printed beside the title with one."""
        if type(day := read_date(text, self._language)) is date:
            for one in self._printed(near, "stated, and the time as printed"):
                moment = read_date(one.written, self._language)
                if isinstance(moment, datetime) and moment.date() == day:
                    yield one

    def _of_utc(self, text: str, others: Sequence[str]) -> PageDate:
        """A statement; of one in UTC the day is what the page says of the same moment with an offset, or prints. The
        same clock with an offset tells that another without one is of that zone, and no UTC."""
        moment = read_date(text, self._language)
        in_utc = isinstance(moment, datetime) and moment.tzinfo is not None and _is_utc(text)
        if isinstance(moment, datetime) and (in_utc or moment.tzinfo is None):
            for other in (*others, *(said for said, _ in self._times)):
                same = parse_date(other) if CLOCK.match(other) and not _is_utc(other) else None
                if not isinstance(same, datetime) or same.tzinfo is None:
                    continue
                if in_utc and abs(same - moment) < ONE_SECOND:
                    return PageDate(other, "stated")
                if other[:MINUTE] == text[:MINUTE].replace(" ", "T"):
                    return PageDate(other, "stated, in the zone that the page says elsewhere")
        if isinstance(moment, datetime) and in_utc:
            for found in self._printed(self._near(), ""):
                printed = read_date(found.written, self._language)
                day = printed.date() if isinstance(printed, datetime) else printed
                if day is not None and abs(day - moment.date()) == ONE_DAY:
                    return PageDate(text, "stated, and the day as printed", day)
                break
        return PageDate(text, "stated")

    def _near(self) -> list[tuple[str, str]]:
        """The strings below the title, to where the story begins, then those right above it."""
        if self._heading is None:
            return []
        found: list[tuple[str, str]] = []
        for text, names in self._region.strings(self._heading.following, MOST_STRINGS_NEAR):
            found.append((text, names))
            if len(text) > LONGEST_NEAR:
                break
        box = self._heading.parent
        box = box.parent if isinstance(box, Element) and isinstance(box.parent, Element) else box
        preceding = islice(self._heading.preceding, MOST_NODES_NEAR * MOST_STRINGS_ABOVE)
        inside = (node for node in preceding if isinstance(box, Element) and box in ancestors(node))
        return found + list(self._region.strings(inside, MOST_STRINGS_ABOVE))

    def _marked(self, selectors: Iterable[str], evidence: str = "an element for times") -> Iterator[PageDate]:
        for selector in selectors:
            for element in self._document.select(selector)[:20]:
                text = element.attr("datetime") or element.attr("content") or ""
                text = (text if YEAR.search(text) else " ".join(element.text.split())).strip()
                text = text if YEAR.search(text) else element.attr("title") or ""
                if not YEAR.search(text) or is_quoted(element) or self._region.is_aside(element):
                    continue
                names = names_of(element)
                if "publish" in names or not UPDATED.search(f"{names} {element.attr('itemprop') or ''}"):
                    yield PageDate(text, evidence)

    def _printed(
        self, texts: Sequence[tuple[str, str]], evidence: str, *, updates: bool = False, form: str = ""
    ) -> Iterator[PageDate]:
        """The dates that these texts print, where the date is most of the text, or has a label, or opens the story;
        `form` asks for a label, or for nothing else."""
        label = ""
        for text, names in texts:
            before, label = label, text[-LONGEST_LABEL:] if len(text) < LONGEST_DATELINE else ""
            found = PRINTED_DATE.search(text[: 2 * LONGEST_NEAR])
            if found is None:
                continue
            start, end = text[: found.start()], text[found.end() :]
            said = f"{before} {start}"[-LONGEST_LABEL:]
            is_update = UPDATED.search(said) or (UPDATED.search(names) and "publish" not in names)
            if NOT_PUBLISHED.search(said) or RANGE.match(end) or (is_update and not updates):
                continue
            part = SEPARATED.split(start)[-1] + found[0] + SEPARATED.split(end)[0]
            is_labelled = len(text) <= LONGEST_NEAR and (
                LABELLED.search(said)
                or LABELLED.search(end[:LONGEST_DATELINE])
                or (len(start) <= LONGEST_LABEL and WEAKLY_LABELLED.search(start) and len(end) <= LONGEST_LABEL)
            )
            has_form = {
                "label": is_labelled and len(text) <= LONGEST_LABELLED,
                "alone": len(part) <= len(found[0]) + LETTERS_BESIDE,
                "": is_labelled
                or SHARE * len(found[0]) > len(part)
                or (len(start) <= LONGEST_LABEL and PLACE.match(start) and BEHIND.match(end))
                or (updates and is_update),
            }
            if not has_form[form]:
                continue
            if (written := self._whole(found[0])) is not None:
                yield PageDate(self._time_that_prints(written, found[0]), evidence)

    def _whole(self, written: str) -> str | None:
        """A date with all digits of its year, and in the order of the page's other dates; None where nothing on the
        page tells which year two digits are."""
        written = written.replace(" | ", ".")
        if short := TWO_DIGITS.fullmatch(written):
            first, sign, second, year = short[1], short[2], short[3], f"20{short[4]}"
            if year not in self._years or (sign == "/" and max(int(first), int(second)) <= MONTHS):
                return None
            written = f"{first}{sign}{second}{sign}{year}"
        found = SLASHED.fullmatch(written)
        if found and max(int(found[1]), int(found[2])) <= MONTHS:
            orders = [date(int(found[3]), int(found[m]), int(found[d])) for m, d in ((1, 2), (2, 1))]
            if close := [day for day in orders if any(_distance(day, known) <= 2 * ONE_DAY for known in self._known)]:
                return str(close[0])
            is_month_first, is_day_first = self._orders
            if is_month_first != is_day_first:
                return str(orders[0 if is_month_first else 1])
        return written

    def _time_that_prints(self, written: str, printed: str) -> str:
        """The time of the element that prints a date, which says more than that, if it is near; else the date."""
        for said, text in self._times:
            if ISO.match(said) and printed in text:
                day, moment = read_date(written, self._language), read_date(said, self._language)
                return said if day is None or _distance(day, moment) <= 2 * ONE_DAY else written
        return written


def _listed(texts: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """What is one of several dates of one form in elements of one name: those of other stories, posts or events."""
    groups: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for text, names in texts:
        if len(text) < LONGEST_DATELINE and PRINTED_DATE.search(text):
            groups.setdefault((WORD.sub("", text), names), set()).add((text, names))
    return frozenset(one for group in groups.values() if len(group) >= SEVERAL for one in group)


def modified_times(
    meta: Mapping[str, Sequence[str]], articles: Sequence[Entry], pages: Sequence[Entry]
) -> list[str]:  # fmt: skip
    """When the article was modified, as its page states it, the surest first."""
    first, rest = KEYS["modified"][:SUREST], KEYS["modified"][SUREST:]
    said = [meta[key][0] for key in first if key in meta] + [time_of(node.get("dateModified")) for node in articles]
    said += [meta[key][0] for key in rest if key in meta] + [time_of(node.get("dateModified")) for node in pages]
    return [" ".join(text.split()) for text in said if text]


def page_date(
    document: Document, meta: Mapping[str, Sequence[str]], articles: Sequence[Entry], pages: Sequence[Entry],
    heading: Element | None, language: str | None, address: str | None, markup: str,
) -> PageDate:  # fmt: skip
    """When the article was published, as its page writes it: the first that can be read."""
    dates = _Dates(document, meta, articles, pages, heading, language, address, markup)
    for one in dates.found():
        moment = read_date(one.written, language)
        # What stands beside the story is mostly another's; the address says whose.
        is_own = BESIDE not in one.evidence or _distance(moment, url_date(address) or moment) <= 2 * ONE_DAY
        if is_own and moment is not None and moment.year >= FIRST_YEAR:
            return one
    return PageDate()


def _distance(one: datetime | date | None, other: datetime | date | None) -> timedelta:
    """How far two dates are apart; in days where one is a day, or has no zone and the other has."""
    if one is None or other is None:
        return timedelta.max
    if isinstance(one, datetime) and isinstance(other, datetime) and (one.tzinfo is None) == (other.tzinfo is None):
        return abs(one - other)
    days = [day.date() if isinstance(day, datetime) else day for day in (one, other)]
    return abs(days[0] - days[1])


def _is_utc(text: str) -> bool:
    return re.search(r"(?:Z|[+-]00:?00)$", text) is not None
