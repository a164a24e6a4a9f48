"""The pure core: the bytes of one source become an article or a reject.

No clock, no disk, no look-up of settings: the registry of outlets and the limits come in as arguments.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

from xxhash import xxh3_64_intdigest

from pressmark.schemas.contract import CONTENT_ROLES, FLAGS, Flag, Reason, Role
from pressmark.transforms import identity, language
from pressmark.transforms.blocks import Block, TooDeep, cut
from pressmark.transforms.dates import FAR_FUTURE, dateline_reader, url_date, weigh
from pressmark.transforms.evidence import author_of, evidence_of
from pressmark.transforms.header import BadSource, read_header, record_header
from pressmark.transforms.outlets import Outlets
from pressmark.transforms.records import Article, Dates, Header, Limits, Link, Medium, Paragraph, RecordFacts, Reject
from pressmark.transforms.roles import classify

__all__ = ["SEPARATOR", "Article", "Limits", "Reject", "decode", "page_day", "parse"]

SEPARATOR: Final = "\n\n"
SEPARATOR_BYTES: Final = SEPARATOR.encode()
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def parse(
    data: bytes, source_path: str, outlets: Outlets, limits: Limits, latest: datetime = FAR_FUTURE, *,
    archive: str = "", facts: RecordFacts | None = None,
) -> Article | Reject:  # fmt: skip
    """The article in `data`, or the reject that says why there is none. Never raises for bad data.

    A date after `latest` is ignored. `archive` and `source_path` name the source; a source without a URL has its
    identity from them. With `facts`, `data` is the payload of a record, which has these for a header. An exception on
    this one source is a reject too (`parser_error`), with the traceback as its detail.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    offset: int | None = None
    reason: Reason
    try:
        return _parse(data, sha256, archive, source_path, outlets, limits, latest, facts)
    except UnicodeDecodeError as error:
        offset = error.start + len(data) - len(error.object)
        reason, detail = "invalid_utf8", f"{error.reason}: byte 0x{data[offset]:02x}; convert the file to UTF-8"
    except BadSource as bad:
        reason, detail = bad.reason, bad.detail
        text, mark = decode(data)
        offset = mark + _size(text[: bad.position])
    except Exception:
        reason, detail = "parser_error", traceback.format_exc()
    return Reject(source_path, sha256, len(data), reason, detail, offset, data)


def decode(data: bytes) -> tuple[str, int]:
    """`data` as text, and the bytes of the byte order mark before it; raises `UnicodeDecodeError`."""
    mark = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0
    return data[mark:].decode("utf-8"), mark


def _parse(
    data: bytes, sha256: str, archive: str, source_path: str, outlets: Outlets, limits: Limits, latest: datetime,
    facts: RecordFacts | None,
) -> Article:  # fmt: skip
    if not data:
        raise BadSource("empty_file", "the file has no bytes; exclude it or restore it", 0)
    text, mark = decode(data)
    header = read_header(text) if facts is None else record_header(facts)
    body = text[header.body_start :]
    try:
        blocks, skipped, media = cut(body, max_depth=limits.depth)
    except TooDeep as deep:
        detail = f"{deep}; raise the limit or correct the file"
        raise BadSource("too_complex", detail, header.body_start + deep.position) from None
    if not blocks and not media:
        raise BadSource(
            "no_text", "no visible text after the header, and no picture or other medium", header.body_start
        )
    canonical = identity.canonical_url(header.url)
    host = identity.host_of(canonical)
    outlet = outlets.find(host)
    rules = outlet.rules_on(page_day(header))
    reader = dateline_reader(outlet.zone, rules.datelines, outlet.languages)
    roles, reasons, dateline_at = classify(blocks, evidence_of(rules, outlets.general), reader)
    dates = weigh(
        header_at=header.header_at, front_matter_at=header.front_matter_at, dateline_at=dateline_at,
        url_day=url_date(header.url), zone=outlet.zone, latest=latest,
    )  # fmt: skip
    header_bytes = mark + _size(text[: header.body_start])
    languages, main_language = language.detect_all([block.text for block in blocks])
    paragraphs = _paragraphs(body, blocks, roles, languages, header_bytes, canonical)
    full_text = SEPARATOR_BYTES.join([paragraph.text for paragraph in paragraphs])
    paragraph_bytes = sum([paragraph.byte_end - paragraph.byte_start for paragraph in paragraphs])
    skipped_bytes, all_skipped = _skipped_sizes(body, blocks, skipped)
    content = [block.text for block, role in zip(blocks, roles, strict=True) if role in CONTENT_ROLES]
    bylines = (block.text for block, role in zip(blocks, roles, strict=True) if role == "byline")
    return Article(
        archive=archive,
        article_id=identity.article_id(canonical, archive, source_path),
        source_path=source_path,
        source_sha256=sha256,
        source_bytes=len(data),
        header=header,
        encoding="utf-8",
        markup="html",
        canonical_url=canonical,
        host=outlets.domain_of(host),
        outlet=outlet.slug,
        author=header.author or author_of(bylines),
        dates=dates,
        language=main_language,
        text=full_text,
        text_sha256=hashlib.sha256(full_text).hexdigest(),
        content_count=len(content),
        header_bytes=header_bytes,
        paragraph_bytes=paragraph_bytes,
        skipped_bytes=skipped_bytes,
        markup_bytes=len(data) - header_bytes - paragraph_bytes - skipped_bytes,
        paragraphs=paragraphs,
        flags=_flags(dates, header.title, content, mostly_skipped=2 * all_skipped > len(data) - header_bytes),
        reasons=reasons,
        media=tuple(_media(body, media, blocks, roles, header_bytes, canonical)),
    )


def _flags(dates: Dates, title: str, content: Sequence[str], *, mostly_skipped: bool) -> tuple[Flag, ...]:
    """What a reader of the rows should know, in the order of the closed set."""
    repeats_title = bool(content) and all(" ".join(text.split()) == title for text in content)
    raised = {
        "date_conflict": dates.date_conflict,
        "mostly_skipped": mostly_skipped,
        "title_only": repeats_title,
        "no_content": not content,
    }
    return tuple([flag for flag in FLAGS if raised.get(flag)])


def page_day(header: Header) -> date | None:
    """The day by which an outlet's layout is chosen, before anything on the page is read."""
    moment = header.header_at or header.front_matter_at
    if moment is None:
        return url_date(header.url)
    return moment.date() if isinstance(moment, datetime) else moment


def _paragraphs(
    body: str, blocks: list[Block], roles: list[Role], languages: list[str], header_bytes: int, base: str | None
) -> list[Paragraph]:
    """Rows with char spans in the article's text and byte spans in the source, which start at `header_bytes`."""
    paragraphs = []
    char_start = position = 0
    byte_end = header_bytes
    for (text, start, end, _, _, _, links), role, tag in zip(blocks, roles, languages, strict=True):
        data = text.encode()
        char_end = char_start + len(text)
        gap, source = body[position:start], body[start:end]
        byte_start = byte_end + (len(gap) if gap.isascii() else len(gap.encode()))
        byte_end = byte_start + (len(data) if source == text else _size(source))
        if links:
            links = tuple([Link(identity.resolve(link.href, base), link.start, link.end) for link in links])
        paragraphs.append(
            Paragraph(role, data, char_start, char_end, byte_start, byte_end, tag, xxh3_64_intdigest(data), links)
        )
        char_start = char_end + len(SEPARATOR)
        position = end
    return paragraphs


def _media(
    body: str,
    media: Sequence[Medium],
    blocks: Sequence[Block],
    roles: Sequence[Role],
    header_bytes: int,
    base: str | None,
) -> Iterator[Medium]:
    """Media with byte spans in the source, absolute addresses, and the block that is the caption of each."""
    position, size = 0, header_bytes
    for medium in media:
        size += _size(body[position : medium.start])
        position = medium.start
        yield medium._replace(
            src=identity.absolute(medium.src, base), start=size, end=size + _size(body[medium.start : medium.end]),
            caption_ordinal=_caption_of(medium, body, blocks, roles),
        )  # fmt: skip


def _caption_of(medium: Medium, body: str, blocks: Sequence[Block], roles: Sequence[Role]) -> int | None:
    """The block that is a medium's caption: the next one, or the one before in the same `figure`."""
    ordinal = medium.ordinal
    if ordinal < len(roles) and roles[ordinal] == "caption":
        return ordinal
    before = ordinal - 1
    if before < 0 or roles[before] != "caption" or all(token.tag != "figure" for token in blocks[before].path):
        return None
    return None if "</figure" in body[blocks[before].end : medium.start].lower() else before


def _size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _skipped_sizes(body: str, blocks: Sequence[Block], skipped: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Bytes of skipped elements and comments: of those that no block's span covers, and of all."""
    outside = total = index = 0
    for start, end in skipped:
        while index < len(blocks) and blocks[index].end <= start:
            index += 1
        size = _size(body[start:end])
        total += size
        if index == len(blocks) or start < blocks[index].start:
            outside += size
    return outside, total
