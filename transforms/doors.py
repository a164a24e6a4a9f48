"""Which door a source comes in by: its characters, its header, and how its body is cut into blocks.

A door is a module: `header.py` reads what scrapers put before a body, `front_matter.py` what sites do, `page_facts.py`
what a whole page says of itself; `blocks.py` cuts bodies of HTML, `markdown.py` those of Markdown. This tells which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

from pressmark.schemas.contract import Markup
from pressmark.transforms.blocks import Cut, TooDeep, cut
from pressmark.transforms.encodings import STATEFUL, UTF_8, Decoded, codec_of, decode
from pressmark.transforms.header import (
    NO_HEADER,
    NO_LINES,
    BadSource,
    commented_header,
    read_header,
    record_header,
    stated_at_top,
)
from pressmark.transforms.header_keys import OF_PUBLICATION, folded
from pressmark.transforms.language import detect_all
from pressmark.transforms.markdown import cut_markdown
from pressmark.transforms.page_dates import read_date
from pressmark.transforms.page_facts import PageFacts, page_facts
from pressmark.transforms.pages import declared_inside
from pressmark.transforms.records import Header, Reading, RecordFacts
from pressmark.transforms.reprint import looks_like_markdown

__all__ = [
    "AS_IT_IS", "Opened", "characters_of", "cut_body", "dated_in_words", "open_source", "part_source",
]  # fmt: skip

AS_IT_IS: Final = Reading()
# A whole page says of itself what a header would.
PAGE: Final = re.compile(
    r"[\s\ufeff]*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).){0,4000}+-->\s*+){0,99}+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
# What a server printed before the page: warnings, and elements that belong inside it.
LATE_PAGE: Final = re.compile(
    r"[\s\ufeff]*<(?:br|b|script|style|link|meta|noscript)\b.{0,65536}?<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
# A comment with one JSON object tells of the page that follows.
JSON_COMMENT: Final = re.compile(r"[\s\ufeff]*<!--\s*(?=\{)")
WEB_DEFAULT: Final = "cp1252"
# Switches to another script in encodings whose bytes are all ASCII, which as UTF-8 would be read wrongly.
ESCAPE: Final = b"\x1b$"
ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?=[T ])")
END_OF_COMMENT: Final = re.compile(r"\s*-->[ \t]*(?:\r\n|\n|\r)?")


class Opened(NamedTuple):
    """A source that is read: its characters, its header, the bytes of that, its body, the language of the body, of a
    whole page, the titles that it states, and, of a text without a header, why it is no article where its blocks and
    its path do not say what it is called, and when or where it was published."""

    decoded: Decoded
    header: Header
    header_bytes: int
    body: str
    markup: Markup = "html"
    titles: tuple[str, ...] | None = None
    unsaid: BadSource | None = None

    def size(self, start: int, end: int) -> int:
        """Bytes of the characters `[start, end)` of the body."""
        return self.decoded.size(self.header.body_start + start, self.header.body_start + end)


def open_source(data: bytes, reading: Reading = AS_IT_IS, facts: RecordFacts | None = None) -> Opened:
    """The source in `data`. Raises `BadSource` where no door is its own, and `UnicodeDecodeError` for bytes that are no
    text in the encoding that was declared, UTF-8 where none was."""
    found = part_source(data, reading, facts)
    if found.header.dialect == "page" or PAGE.match(found.body):
        page = page_facts(found.body)
        return found._replace(header=_with_page(found.header, page), titles=page.titles)
    markup = reading.markup
    if markup is None:
        said = facts is not None and facts.content_type == "text/markdown"
        markup = "markdown" if said or looks_like_markdown(found.body) else "html"
    return found._replace(markup=markup)


def part_source(data: bytes, reading: Reading = AS_IT_IS, facts: RecordFacts | None = None) -> Opened:
    """The source in `data` parted into header and body, which is not looked at yet; raises as `open_source`."""
    decoded = characters_of(data, reading, facts)
    header = record_header(facts) if facts is not None else _json_comment(decoded.text, reading.keys)
    if header is None and (PAGE.match(decoded.text) or LATE_PAGE.match(decoded.text)):
        header = Header("page", "", None, None, None, None, 0)
    unsaid = None
    try:
        header = header or read_header(decoded.text, reading.keys)
    except BadSource as bad:
        if bad.detail not in (NO_LINES, NO_HEADER):
            raise
        # A post whose title is its first heading, or its name.
        header, unsaid = stated_at_top(decoded.text, reading.keys), bad
    size = decoded.mark + decoded.size(0, header.body_start)
    return Opened(decoded, header, size, decoded.text[header.body_start :], unsaid=unsaid)


def characters_of(data: bytes, reading: Reading = AS_IT_IS, facts: RecordFacts | None = None) -> Decoded:
    """The characters of the source in `data`, by the encoding that its archive or its record declares."""
    declared = reading.encoding or (codec_of(facts.charset) if facts is not None and facts.charset else None)
    if reading.encoding is None and declared == WEB_DEFAULT:
        # What servers say of every page, whatever it is in; the page itself knows better.
        declared = None
    if ESCAPE[:1] in data and ESCAPE in data:
        raise UnicodeDecodeError("utf-8", data, data.index(ESCAPE), data.index(ESCAPE) + 1, STATEFUL)
    try:
        return decode(data, declared)
    except UnicodeDecodeError:
        # What a page says of its own encoding counts where nobody else says anything.
        label = declared_inside(data)
        codec = codec_of(label) if label else None
        if codec in (None, UTF_8) and facts is not None and facts.charset:
            codec = codec_of(facts.charset)
        if codec in (None, UTF_8):
            raise
        return decode(data, codec)


def _json_comment(text: str, keys: Sequence[tuple[str, str]]) -> Header | None:
    """The header in the comment that a source starts with, if that is one JSON object; the page follows."""
    start = JSON_COMMENT.match(text)
    if start is None:
        return None
    try:
        said, stop = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    end = END_OF_COMMENT.match(text, stop)
    return commented_header(said, end.end(), keys) if end is not None and isinstance(said, dict) else None


def _with_page(header: Header, page: PageFacts) -> Header:
    """A header with what the page says, where the header itself says nothing."""
    said = json.loads(header.metadata) if header.metadata else {}
    more = {**page.metadata, "modified": page.modified, "published": page.published, "site_name": page.site_name}
    said = {**{key: value for key, value in more.items() if value}, **said}
    dated = header.header_at is not None or header.front_matter_at is not None
    return header._replace(
        title=header.title or page.title or "",
        url=header.url or page.url,
        author=header.author or "、".join(page.authors) or None,
        credits=(*(header.credits or ((name, "text") for name in page.authors)), *page.credits),
        front_matter_at=header.front_matter_at if dated else read_date(page.published, page.language),
        stated_day=header.stated_day if dated else page.printed_day or _stated_day(page.published),
        dated_by="" if dated else page.dated_by,
        description=header.description or page.description,
        tags=header.tags or page.tags,
        categories=header.categories or page.categories,
        metadata=json.dumps(said, ensure_ascii=False, sort_keys=True) if said else None,
    )


def dated_in_words(header: Header, texts: list[str]) -> Header:
    """A header with the date of publication that it gives in words, or by a calendar, of its texts' language."""
    said = json.loads(header.metadata or "{}")
    for key in OF_PUBLICATION:
        written = next((value for name, value in said.items() if folded(name) == key), None)
        if isinstance(written, str) and written:
            _, spoken = detect_all(texts, [True] * len(texts))
            if moment := read_date(written, spoken):
                left = {name: value for name, value in said.items() if folded(name) != key}
                metadata = json.dumps(left, ensure_ascii=False, sort_keys=True) if left else None
                return header._replace(front_matter_at=moment, metadata=metadata)
    return header


def _stated_day(printed: str | None) -> date | None:
    found = ISO_DAY.match(printed or "")
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def cut_body(opened: Opened, max_depth: int) -> Cut:
    """The blocks of a body. Raises `BadSource` where more elements are open than `max_depth`."""
    read: Callable[..., Cut] = cut_markdown if opened.markup == "markdown" else cut
    try:
        return read(opened.body, max_depth=max_depth)
    except TooDeep as deep:
        detail = f"{deep}; raise the limit or correct the file"
        raise BadSource("too_complex", detail, opened.header.body_start + deep.position) from None
