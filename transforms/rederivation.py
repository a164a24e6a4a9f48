"""Derives an article again from its source by other means than the parser's, and says where its rows differ.

Owns a second reading of characters, headers and dates; `reference.py` cuts bodies. Judges by the contract alone and
shares no code that reads or cuts with the parser; what it is told is the outlet's zone and where relative addresses
lead. It does not look at roles, languages, links, authors, titles, identity, nor at printed dates (`dateline_at`,
`url_date`), which it takes from the row; of Markdown only at what is shown, and of pages and records not at dates.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

import yaml
from dateutil import parser as dateutil
from markdown_it import MarkdownIt
from markdown_it.rules_block import table

from pressmark.schemas.contract import CONTENT_ROLES, DisagreementKind
from pressmark.transforms.reference import ReferenceBlock, ReferenceCut, reference_cut

__all__ = ["ARTICLE_COLUMNS", "MEDIA_COLUMNS", "PARAGRAPH_COLUMNS", "Disagreement", "disagreements"]

ARTICLE_COLUMNS: Final = (
    "article_id", "archive", "source_path", "source_sha256", "source_bytes", "dialect", "markup", "encoding",
    "canonical_url", "published_at", "published_from", "dateline_at", "url_date", "date_conflict", "local_date", "text",
    "text_sha256", "paragraph_count", "content_count", "header_bytes", "paragraph_bytes", "skipped_bytes",
    "markup_bytes", "ingested_at",
)  # fmt: skip
PARAGRAPH_COLUMNS: Final = (
    "article_id", "ordinal", "role", "text", "char_start", "char_end", "byte_start", "byte_end", "published_at",
)  # fmt: skip
MEDIA_COLUMNS: Final = ("article_id", "ordinal", "kind", "src", "byte_start", "byte_end", "published_at")


def _commonmark() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": True}).enable("strikethrough")
    # A line that begins a list or a heading is no row of a table, as GitHub has it; the library asks for tables first.
    reader.block.ruler.before("lheading", "rows", table, {"alt": ["paragraph", "reference"]})
    # Addresses are shown as they are written, wherever they lead.
    reader.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    reader.validateLink = bool  # type: ignore[method-assign, assignment]
    return reader


LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
FENCES: Final = {"---": ("---", "..."), "+++": ("+++",), ";;;": (";;;",)}
DASHES: Final = re.compile(r"\s*---+[ \t]*(?=<|[\r\n]|\Z)")
COMMENT: Final = re.compile(r"\s*<!--(.*?)-->", re.DOTALL)
TIME_COMMENT: Final = re.compile(r"\s*<!--[ \t]*([+-]?\d{1,18})?[^\r\n]*?-->\s*")
DATE_LINE: Final = re.compile(r"^(\w+)[ \t]*[:=][ \t]*[\"']?([^\"'\r\n]+)", re.MULTILINE)
# The contract's keys of a date, in its order.
DATE_KEYS: Final = (
    "dateunixtime", "date", "pubdate", "publishdate", "published", "publishedat", "publisheddate", "datepublished",
    "datepublish", "publicationdate", "publishingdate", "publishtime", "publishedtime", "pubtime",
    "pubdatetime", "publishedon", "posted", "postedat", "postdate", "created", "createdat", "datecreated", "lastmod",
)  # fmt: skip
OPEN_DATE: Final = re.compile(
    r"\d{4}\D\d\d?\Z|\D*(?:0?\d|1[0-2])[/-](?:0?\d|1[0-2])[/-]\d|.*(?:\b(?!GMT|UTC|[AP]M)[A-Z]{2,5}\b| \d+\.\d)"
)
PAGE: Final = re.compile(r"(?si)\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype|html|head|body)\b")
DATED_BY_HEADER: Final = ("comment", "bare", "front_matter")
MARKS: Final = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
EPOCH, WEEK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=7)
NEWS, LONGEST_SHOWN = range(1500, 2400), 2000
CONTINUATION: Final = 0x80, 0xC0
COMMONMARK: Final = _commonmark()
BEYOND_COMMONMARK: Final = re.compile(
    r"\A\s*(?:im|ex)port\s|^[ \t>]*(?:\[\^[^\]\n]+\]:|:::|\]\()|[ \t]=\d*%?x\d*%?[ \t]*[\")]"
    r"|%\}[ \t\r]*\n {0,3}\[|\{:|\{[ \t]*(?:[#.]|[\w-]+=)|\{/\*|\w=\{|(?:\]\(|=\"|\]:[ \t]+)[^\s()\"]*\{[{%]",
    re.MULTILINE,
)
# Beside ideographs, CommonMark leaves marks that the contract's emphasis takes for what authors meant.
MARKUP_OF_TEXT: Final = re.compile(r"[\s*~_]+")


class Disagreement(NamedTuple):
    """Something that a row says and a second derivation does not: what kind it is, the column, both versions (None
    where one has nothing), and the bytes of the source that it is about."""

    kind: DisagreementKind
    column: str
    published: str | None
    derived: str | None
    byte_start: int | None = None
    byte_end: int | None = None


class _Source(NamedTuple):
    """A source as this reading has it: its characters, the first byte of each (then the number of all bytes), where its
    body begins, and the times in its header: by the comment, and by front matter as written (a day, or no zone)."""

    text: str
    places: Sequence[int]
    body_start: int
    header_at: datetime | None = None
    stated_at: datetime | date | None = None
    dated: bool = True


def disagreements(
    article: Mapping[str, Any], paragraphs: Sequence[Mapping[str, Any]], media: Sequence[Mapping[str, Any]],
    data: bytes, *, zone: tzinfo, period: str,
) -> Iterator[Disagreement]:  # fmt: skip
    """Where the rows of an article are not what its source gives. `paragraphs` and `media` are its rows in order,
    `zone` is its outlet's, `period` the partition that it is in, as `month=2022-01`."""
    if hashlib.sha256(data).hexdigest() != article["source_sha256"]:
        yield Disagreement("source", "source_sha256", article["source_sha256"], hashlib.sha256(data).hexdigest())
        return
    try:
        source = _opened(data, article["encoding"], article["dialect"])
    except (ValueError, LookupError) as error:
        yield Disagreement("source", "dialect", article["dialect"], f"can't be read so: {error}")
        return
    body = source.text[source.body_start :]
    yield from _of_period(article, period)
    # A whole page's own times count where its header has none.
    if article["dialect"] in DATED_BY_HEADER and source.dated and not PAGE.match(body):
        yield from _of_dates(article, source, zone)
    for row in (*paragraphs, *media):
        if row["published_at"] != article["published_at"]:
            yield _of_times("published_at", row["published_at"], article["published_at"])
    if article["markup"] == "markdown":
        yield from _of_markdown(article, paragraphs, body, data)
        counted = {"header_bytes": source.places[source.body_start]}
    else:
        found = reference_cut(body)
        places = source.places[source.body_start :]
        yield from _of_blocks(paragraphs, found.blocks, places)
        yield from _of_media(article, media, found, places, whole=PAGE.match(body) is not None)
        counted = _counts(source, found, len(data))
        text = "\n\n".join(block.text for block in found.blocks)
        if [row["text"] for row in paragraphs] == [block.text for block in found.blocks] and text != article["text"]:
            yield Disagreement("text", "articles.text", _shown(article["text"]), _shown(text))
    counted |= {
        "source_bytes": len(data), "paragraph_count": len(paragraphs),
        "content_count": sum(row["role"] in CONTENT_ROLES for row in paragraphs),
        "paragraph_bytes": sum(row["byte_end"] - row["byte_start"] for row in paragraphs),
    }  # fmt: skip
    for column, count in counted.items():
        if article[column] != count:
            yield Disagreement("count", f"articles.{column}", str(article[column]), str(count))
    yield from _of_characters(article, paragraphs)


def _of_characters(article: Mapping[str, Any], paragraphs: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    """Ranges in the article's text, and the hash of that."""
    place = 0
    for row in paragraphs:
        expected = (place, place + len(row["text"]))
        if (row["char_start"], row["char_end"]) != expected:
            given = _range(row["char_start"], row["char_end"])
            yield Disagreement("span", "paragraphs.char_start, char_end", given, _range(*expected), row["byte_start"],
                               row["byte_end"])  # fmt: skip
        place = expected[1] + 2
    digest = hashlib.sha256(article["text"].encode()).hexdigest()
    if digest != article["text_sha256"]:
        yield Disagreement("text", "articles.text_sha256", article["text_sha256"], digest)


def _of_blocks(
    rows: Sequence[Mapping[str, Any]], blocks: Sequence[ReferenceBlock], places: Sequence[int]
) -> Iterator[Disagreement]:
    """Blocks that only one reading has, and those that both have with other texts or ranges. Two are the same block
    where their ranges meet."""
    left = list(rows)
    right = [(block.text, places[block.start], places[block.end]) for block in blocks]
    while left or right:
        row = left[0] if left else None
        text, start, end = right[0] if right else ("", 0, 0)
        if row is None or (right and end <= row["byte_start"]):
            yield Disagreement("block", "paragraphs.text", None, _shown(text), start, end)
            right.pop(0)
            continue
        left.pop(0)
        given = row["byte_start"], row["byte_end"]
        if not right or row["byte_end"] <= start:
            yield Disagreement("block", "paragraphs.text", _shown(row["text"]), None, *given)
            continue
        right.pop(0)
        if row["text"] != text:
            yield Disagreement("text", "paragraphs.text", _shown(row["text"]), _shown(text), *given)
        if given != (start, end):
            yield Disagreement("span", "paragraphs.byte_start, byte_end", _range(*given), _range(start, end), *given)


def _of_media(
    article: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], found: ReferenceCut, places: Sequence[int], *,
    whole: bool,
) -> Iterator[Disagreement]:  # fmt: skip
    ends = [places[block.end] for block in found.blocks]
    expected = {}
    for medium in found.media:
        start = places[medium.start]
        key = (medium.kind, start, places[medium.end], bisect_right(ends, start))
        expected[key] = [_absolute(address, article["canonical_url"]) for address in medium.addresses]
    given = {(row["kind"], row["byte_start"], row["byte_end"], row["ordinal"]): row["src"] for row in rows}
    # Of a whole page, only the story's media have rows.
    missing = [] if whole else expected.keys() - given.keys()
    for key in sorted(missing):
        yield Disagreement("medium", "media", None, _medium(key), key[1], key[2])
    for key in sorted(given.keys() - expected.keys()):
        yield Disagreement("medium", "media", _medium(key), None, key[1], key[2])
    for key in sorted(given.keys() & expected.keys()):
        if not any(given[key] in addresses for addresses in expected[key]):
            named = " or ".join(addresses[0] for addresses in expected[key])
            yield Disagreement("medium", "media.src", _shown(given[key]), _shown(named), key[1], key[2])


def _medium(key: tuple[str, int, int, int]) -> str:
    return f"{key[0]} {_range(key[1], key[2])} after {key[3]} blocks"


def _absolute(address: str, base: str | None) -> tuple[str, ...]:
    """What an address may be written as."""
    if address.startswith("data:"):
        return (address.partition(",")[0],)
    plain = re.sub(r"[\t\r\n]", "", address)
    try:
        return (plain, urljoin(base, plain)) if base else (plain,)
    except ValueError:
        return (plain,)


def _counts(source: _Source, found: ReferenceCut, size: int) -> dict[str, int]:
    places = source.places[source.body_start :]
    inside = sum(places[block.end] - places[block.start] for block in found.blocks)
    ends = [block.end for block in found.blocks]
    skipped = 0
    for start, end in found.skipped:
        index = bisect_right(ends, start)
        if index == len(ends) or start < found.blocks[index].start:
            skipped += places[end] - places[start]
    return {"header_bytes": places[0], "skipped_bytes": skipped, "markup_bytes": size - places[0] - inside - skipped}


def _of_markdown(
    article: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], body: str, data: bytes
) -> Iterator[Disagreement]:
    """Blocks that CommonMark's own reader shows otherwise, but for marks of emphasis and white space; and ranges of
    bytes that do not begin and end with what their text does. It has no footnotes, and nothing of
    what `generators.py` reads: bodies with these are looked at for ranges alone."""
    for row in rows:
        start, end = row["byte_start"], row["byte_end"]
        written, text = data[start:end].decode(article["encoding"], "replace"), row["text"]
        # An escape or a reference stands for its character.
        if not (written[:1] in (text[0], "&", "\\") and written[-1:] in (text[-1], ";")):
            ends = f"{written[:20]} … {written[-20:]}"
            yield Disagreement("span", "paragraphs.byte_start, byte_end", _range(start, end), ends, start, end)
    if BEYOND_COMMONMARK.search(body):
        return
    given = [row for row in rows if _unmarked(row["text"])]
    # A shortcode of Hugo is text, and no element; so is what is no character.
    html = COMMONMARK.render(body.replace("{{<", "{{\ufdd0").replace(">}}", "\ufdd1}}").replace("\0", "\ufdd2"))
    texts = (one.text.translate({0xFDD0: "<", 0xFDD1: ">", 0xFDD2: "\0"}) for one in reference_cut(html).blocks)
    blocks = [text for text in texts if _unmarked(text)]
    plain = [_unmarked(row["text"]) for row in given], [_unmarked(text) for text in blocks]
    for change, low, high, first, last in SequenceMatcher(None, *plain, autojunk=False).get_opcodes():
        if change == "equal":
            continue
        for mine, text in zip_longest(given[low:high], blocks[first:last]):
            published = None if mine is None else _shown(mine["text"])
            derived = None if text is None else _shown(text)
            places = (None, None) if mine is None else (mine["byte_start"], mine["byte_end"])
            yield Disagreement("text" if mine and text else "block", "paragraphs.text", published, derived, *places)


def _unmarked(text: str) -> str:
    return MARKUP_OF_TEXT.sub("", text)


def _of_period(article: Mapping[str, Any], period: str) -> Iterator[Disagreement]:
    published = article["published_at"]
    key, _, value = period.partition("=")
    written = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}[key]
    expected = published.strftime(written).lstrip("0") if published else value
    if expected != value:
        yield Disagreement("date", key, value, expected)


def _of_dates(article: Mapping[str, Any], source: _Source, zone: tzinfo) -> Iterator[Disagreement]:
    """Times by the contract's order, from what this reading finds in the header and what the row says was printed."""
    published = article["published_at"]
    latest = article["ingested_at"] + WEEK
    printed = article["url_date"]
    url_at = None if printed is None else datetime(printed.year, printed.month, printed.day, tzinfo=zone)
    stated = source.stated_at
    if stated is not None and not isinstance(stated, datetime):
        stated = datetime(stated.year, stated.month, stated.day)  # noqa: DTZ001  # its zone follows
    if stated is not None and stated.tzinfo is None:
        stated = stated.replace(tzinfo=zone)
    found = {"header": source.header_at, "front_matter": stated, "dateline": article["dateline_at"], "url": url_at}
    facts = {
        name: moment.astimezone(UTC)
        for name, moment in found.items()
        if moment is not None and datetime(1990, 1, 1, tzinfo=UTC) <= moment <= latest
    }
    origin = next(iter(facts), "none")
    if {"header", "dateline", "url"} <= facts.keys():
        header, dateline, url = (facts[name] for name in ("header", "dateline", "url"))
        if min(abs(header - dateline), abs(header - url)) > WEEK and abs(dateline - url) <= timedelta(days=2):
            origin = "dateline"
    if origin != article["published_from"]:
        yield Disagreement("date", "articles.published_from", article["published_from"], origin)
    if facts.get(origin) != published:
        yield _of_times("articles.published_at", published, facts.get(origin))
    day = published.astimezone(zone).date() if published else None
    # Where nobody knows an outlet's zone, the offset that a time names is as good.
    own = stated.date() if stated is not None and origin == "front_matter" else day
    if article["local_date"] not in (day, own):
        yield Disagreement("date", "articles.local_date", str(article["local_date"]), str(day))
    # What was left out as a slip of the pen is a conflict, too, and no row shows it.
    if facts and max(facts.values()) - min(facts.values()) > WEEK and not article["date_conflict"]:
        yield Disagreement("date", "articles.date_conflict", "false", "true")


def _of_times(column: str, published: datetime | None, derived: datetime | None) -> Disagreement:
    said = [moment.isoformat() if moment else None for moment in (published, derived)]
    return Disagreement("date", column, said[0], said[1])


def _opened(data: bytes, encoding: str, dialect: str) -> _Source:
    """The source as characters with their places, and its header. Raises `ValueError` where it is not of its dialect,
    or not text in its encoding."""
    mark = len(MARKS[encoding]) if encoding in MARKS and data.startswith(MARKS[encoding]) else 0
    if encoding == "utf-8":
        low, mask = CONTINUATION
        text = data[mark:].decode()
        places = [at for at, byte in enumerate(data) if byte & mask != low][1 if mark else 0 :]
    else:
        text, places = _placed(data[mark:], encoding, mark)
    places.append(len(data))
    if dialect == "json_comment":
        match = COMMENT.match(text)
        if match is None:
            raise ValueError("no comment at its start")
        line = re.compile(r"[ \t]*(?:\r\n|\r|\n)?").match(text, match.end())
        return _Source(text, places, line.end() if line else match.end())
    if dialect in ("page", "record"):
        return _Source(text, places, 0)
    start, stated, dated = 0, None, True
    if dialect == "front_matter":
        start, stated, dated = _front_matter(text)
    comment = TIME_COMMENT.match(text, start) if dialect != "bare" else None
    body_start = _after_title(text, comment.end() if comment else start)
    if body_start is None:
        if dialect != "front_matter":
            raise ValueError("no title and line of dashes")
        return _Source(text, places, start, None, stated, dated)
    header_at = EPOCH + timedelta(milliseconds=int(comment[1])) if comment and comment[1] else None
    return _Source(text, places, body_start, header_at, stated, dated)


def _placed(data: bytes, encoding: str, offset: int) -> tuple[str, list[int]]:
    """Characters of other encodings than UTF-8, byte by byte, and where each begins."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    pieces: list[str] = []
    places: list[int] = []
    begin = 0
    for at in range(len(data)):
        piece = decoder.decode(data[at : at + 1], at + 1 == len(data))
        if piece:
            # What is no second half of a broken character stands for itself.
            places += [offset + begin, *[offset + at] * (len(piece) - 1)]
            pieces.append(piece)
            begin = at + 1
    return "".join(pieces), places


def _after_title(text: str, start: int) -> int | None:
    """Where the body starts behind `[title](url)`, a line of dashes and a blank line; None where it is not so."""
    if not text[start:].lstrip().startswith("["):
        return None
    for line in LINE.finditer(text, start):
        dashes = DASHES.match(text, line.start())
        if dashes and line.start() > start and text[start : line.start()].rstrip().endswith(")"):
            found = re.compile(r"(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))?").match(text, dashes.end())
            return found.end() if found else dashes.end()
    return None


def _front_matter(text: str) -> tuple[int, datetime | date | None, bool]:
    """Where front matter ends, its date, and whether that could be told."""
    first = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    opening = LINE.match(text, first)
    fence = opening[0].strip() if opening else ""
    if (opening is None or fence not in FENCES) and not text.startswith("{", first):
        # Without lines around it, a header ends at one of dashes or at an empty one; Markdown without any has headings.
        line = next(line for line in LINE.finditer(text, first) if not line[0].strip().strip("-"))
        block = text[first : line.start()]
        said = re.search(r"(?im)^(?:t[ií]t\w+|标题|標題)\s*[:=：]", block)
        is_none = not said and re.search(r"(?m)\A(?![^\W\d][\w .-]*[:：])|^(?:#|==+\s*$)", text[first:])
        return (0, None, False) if is_none else (line.end(), *_dated_block(block.replace("：", ": "), "---"))
    if opening is None or fence not in FENCES:
        found, end = json.JSONDecoder().raw_decode(text, first)
        rest = LINE.match(text, end)
        return rest.end() if rest else end, *_dated(found)
    for line in LINE.finditer(text, opening.end()):
        if line[0].rstrip() in FENCES[fence]:
            return line.end(), *_dated_block(text[opening.end() : line.start()], fence)
    raise ValueError("front matter without an end")


def _dated_block(block: str, fence: str) -> tuple[datetime | date | None, bool]:
    readers: dict[str, Any] = {"---": yaml.safe_load, "+++": tomllib.loads, ";;;": json.loads}
    try:
        return _dated(readers[fence](re.sub(r"\r\n?", "\n", block)))
    except (ValueError, yaml.YAMLError):
        return _dated(dict(DATE_LINE.findall(block)[::-1]))


def _dated(found: Any) -> tuple[datetime | date | None, bool]:
    """The date by the first key that says one; False where what it says can't be understood here."""
    said = {re.sub("[_ -]", "", str(key).lower()): value for key, value in found.items()}
    keys = DATE_KEYS[:-4] if any(said.get(key, 0) in (None, "") for key in DATE_KEYS[2:-4]) else DATE_KEYS
    keys = ("datecreated", *keys) if "editor" in said and said.get("published") in (True, False) else keys
    value = next((said[key] for key in keys if said.get(key) and said[key] is not True), None)
    if not (told := all(key.isascii() and key not in ("fecha", "datum", "tarih") for key in said)) or value is None:
        return None, told
    if re.fullmatch(r"1\d{9}(?:\d{3}|\.\d+)?", str(value)):
        parts = str(value)[10:].lstrip(".").ljust(6, "0")[:6]
        return EPOCH + timedelta(seconds=int(str(value)[:10]), microseconds=int(parts)), True
    # A month alone, a day that may be the month, letters of a zone and other calendars are read by what is around them.
    if OPEN_DATE.match(str(value)):
        return None, False
    moment: Any = value if isinstance(value, date) else None
    with suppress(ValueError, OverflowError):
        moment = moment or dateutil.parse(re.sub("GMT(?=[-+])", "", str(value)))
    if moment is None or moment.year not in NEWS:
        return None, False
    return moment if isinstance(value, date) or re.search(r"\d:\d|^\d{12}(\d\d)?$", str(value)) else moment.date(), True


def _range(start: int, end: int) -> str:
    return f"[{start}, {end})"


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
