"""The contract's laws over one article: its row, its paragraphs and the bytes of its source.

Checks nothing that needs more than these; completeness (law 5) over a whole output is in `completeness`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from xxhash import xxh3_64_intdigest

from pressmark.transforms.blocks import cut
from pressmark.transforms.doors import part_source
from pressmark.transforms.encodings import UTF_8, Decoded, as_encoded
from pressmark.transforms.header import BadSource
from pressmark.transforms.identity import absolute
from pressmark.transforms.markdown import render
from pressmark.transforms.records import Reading, RecordFacts
from pressmark.transforms.rows import SEPARATOR

__all__ = [
    "ARTICLE_COLUMNS", "MEDIA_COLUMNS", "PARAGRAPH_COLUMNS", "Breach", "Cutter", "Stood", "check_article",
    "completeness", "completeness_of_history",
]  # fmt: skip

# Cut apart, markup loses end tags, so elements may be open here that were closed in the source.
ANY_DEPTH = 1 << 40
ARTICLE_COLUMNS = (
    "article_id", "source_path", "source_sha256", "source_bytes", "dialect", "canonical_url", "encoding", "markup",
    "text", "text_sha256",
    "paragraph_count", "header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes",
)  # fmt: skip
PARAGRAPH_COLUMNS = (
    "paragraph_id", "article_id", "ordinal", "text", "char_start", "char_end", "byte_start", "byte_end",
    "source_sha256", "text_hash",
)  # fmt: skip
MEDIA_COLUMNS = (
    "media_id", "article_id", "ordinal", "kind", "src", "byte_start", "byte_end", "source_sha256", "caption_ordinal",
)  # fmt: skip


# Blocks of a piece of markup: each has a text, a start and an end.
Cutter = Callable[[str], Sequence[Any]]


class Breach(NamedTuple):
    """A law (1 to 5, or 7) that does not hold: at which source, at which byte of it if at one, and how."""

    law: int
    source_path: str
    byte_offset: int | None
    problem: str


def check_article(
    article: Mapping[str, Any],
    paragraphs: Sequence[Mapping[str, Any]],
    data: bytes,
    media: Sequence[Mapping[str, Any]] = (),
    cutter: Cutter | None = None,
) -> list[Breach]:
    """Breaches of laws 1 to 4 and 7 by one article. `paragraphs` and `media` are its rows in the order of the file;
    slices are cut again by `cutter`, by default the parser's own."""
    if hashlib.sha256(data).hexdigest() != article["source_sha256"]:
        problem = "the source's bytes are not those that were ingested; bring these back, or ingest again"
        return [Breach(1, article["source_path"], None, problem)]
    markdown = article["markup"] == "markdown"
    shown = _Shown(data, article["header_bytes"], article["encoding"]) if markdown else None
    cutter = cutter or (lambda markup: cut(markup, max_depth=ANY_DEPTH).blocks)
    return [*_breaches(article, paragraphs, data, shown, cutter), *_media_law(article, paragraphs, data, media, shown)]


def completeness(
    discovered: Mapping[str, str | None], tables: Mapping[str, Collection[tuple[str, str | None]]]
) -> list[Breach]:
    """Breaches of law 5: sources that are in none or in several of the tables, or with other bytes than discovered.

    `discovered` maps paths to hashes (None where a file can't be read); `tables` maps table names to the paths and
    hashes of their rows, superseded revisions whose file is gone excepted.
    """
    breaches = []
    places: dict[str, list[tuple[str, str | None]]] = {}
    for table, rows in tables.items():
        for path, sha256 in rows:
            places.setdefault(path, []).append((table, sha256))
    for path, sha256 in discovered.items():
        found = places.get(path, [])
        if len(found) != 1:
            where = " and ".join(f"`{table}`" for table, _ in found) or "no table"
            breaches.append(Breach(5, path, None, f"the source is in {where}"))
        elif found[0][1] is not None and found[0][1] != sha256:
            problem = f"the row in `{found[0][0]}` was made from other bytes; ingest again"
            breaches.append(Breach(5, path, None, problem))
    return breaches


class Stood(NamedTuple):
    """A source of a history: its bytes, and from when until when they stood at its path."""

    source_path: str
    source_sha256: str | None
    valid_from: datetime | None
    valid_to: datetime | None


def completeness_of_history(
    discovered: Collection[Stood], revisions: Collection[Stood], rejects: Collection[tuple[str, str | None]]
) -> list[Breach]:
    """Breaches of law 5 by a history: sources that are in none or in several of the tables. `revisions` are the rows of
    `articles` and `revisions`, `rejects` paths and hashes, as a reject has one row however often it stood."""
    breaches = []
    rows = Counter(revisions)
    rejected = set(rejects)
    for source in discovered:
        count = rows[source] + ((source.source_path, source.source_sha256) in rejected)
        if count != 1:
            since = "its beginning" if source.valid_from is None else f"{source.valid_from:%Y-%m-%d %H:%M:%S}"
            which = "" if source.source_sha256 is None else f" with the hash {source.source_sha256[:12]}…"
            problem = f"what stood there from {since} on{which} has {count} rows"
            breaches.append(Breach(5, source.source_path, None, problem))
    return breaches


def _breaches(
    article: Mapping[str, Any], paragraphs: Sequence[Mapping[str, Any]], data: bytes, shown: _Shown | None,
    cutter: Cutter,
) -> Iterator[Breach]:  # fmt: skip
    path: str = article["source_path"]
    text: str = article["text"]
    if hashlib.sha256(text.encode()).hexdigest() != article["text_sha256"]:
        yield Breach(2, path, None, "`text_sha256` is not the hash of `text`")
    if SEPARATOR.join([row["text"] for row in paragraphs]) != text:
        yield Breach(2, path, None, "the paragraphs' texts joined are not the article's text")
    if len(paragraphs) != article["paragraph_count"]:
        yield Breach(3, path, None, f"{len(paragraphs)} rows where `paragraph_count` is {article['paragraph_count']}")
    byte_floor, char_floor = article["header_bytes"], 0
    written = _Written(data, article["encoding"])
    for ordinal, row in enumerate(paragraphs):
        start, end = row["byte_start"], row["byte_end"]
        yield from _slice_law(path, row, written, shown, cutter)
        if text[row["char_start"] : row["char_end"]] != row["text"]:
            yield Breach(2, path, start, f"`{row['paragraph_id']}`: the char range is not its text")
        expected_id = f"{article['article_id']}-{ordinal:04d}"
        if row["ordinal"] != ordinal or row["paragraph_id"] != expected_id:
            yield Breach(3, path, start, f"`{row['paragraph_id']}`: not the paragraph numbered {ordinal}")
        if not (byte_floor <= start < end <= len(data) and char_floor <= row["char_start"] < row["char_end"]):
            yield Breach(3, path, start, f"`{row['paragraph_id']}`: its ranges do not follow those before it")
        if row["source_sha256"] != article["source_sha256"]:
            yield Breach(1, path, start, f"`{row['paragraph_id']}`: its `source_sha256` is not its article's")
        byte_floor, char_floor = end, row["char_end"]
    yield from _conservation(article, paragraphs, data, written, shown)


class _Written:
    """The bytes of a source as the characters that they are where they stand."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self._data = data
        self._encoding = encoding

    def slice(self, start: int, end: int) -> str:
        # In other encodings than UTF-8 a byte that means nothing is U+FFFD, and how many bytes that takes hangs on what
        # comes next.
        text = self._data[start:end].decode(self._encoding, "strict" if self._encoding == UTF_8 else "replace")
        if "\ufffd" not in text or self._encoding == UTF_8 or (offsets := self._whole.offsets) is None:
            return text
        return self._whole.text[bisect_left(offsets, start) : bisect_left(offsets, end)]

    def outside(self, places: Sequence[tuple[int, int]]) -> Decoded:
        """What is left of the source without the bytes between these places, joined."""
        if self._encoding == UTF_8 or (offsets := self._whole.offsets) is None:
            rest = b"".join([self._data[start:end] for start, end in places])
            return (
                Decoded(rest.decode(errors="replace")) if self._encoding == UTF_8 else as_encoded(rest, self._encoding)
            )
        points = [range(bisect_left(offsets, start), bisect_left(offsets, end)) for start, end in places]
        sizes = [offsets[point + 1] - offsets[point] for some in points for point in some]
        text = "".join([self._whole.text[some.start : some.stop] for some in points])
        return Decoded(text, self._encoding, offsets=[*accumulate(sizes, initial=0)])

    @cached_property
    def _whole(self) -> Decoded:
        return as_encoded(self._data, self._encoding)


class _Shown:
    """The HTML that a Markdown body is shown as, which the laws hold for; `markdown.py` says why."""

    def __init__(self, data: bytes, offset: int, encoding: str) -> None:
        self._data = data[offset:]
        self._offset = offset
        self._encoding = encoding
        self._decoded = as_encoded(self._data, encoding)
        self._body = self._decoded.text
        self.rendering = render(self._body)
        # Rows come in order, so that each byte is looked at once.
        self._byte = self._point = 0
        self.places: list[tuple[int, int]] = []

    def slice(self, byte_start: int, byte_end: int, *, keep: bool = True) -> str:
        """What a range of the source's bytes is shown as; nothing where it does not begin and end with what is seen.
        Those to `keep` are blocks."""
        place = self.rendering.place(self._points(byte_start), self._points(byte_end))
        if place and keep:
            self.places.append(place)
        return self.rendering.html[slice(*place)] if place else ""

    def rest(self) -> tuple[str, int]:
        """What is shown outside the slices so far, and the bytes of what is skipped in it."""
        starts = [*(start for start, _ in self.places), len(self.rendering.html)]
        ends = [0, *(end for _, end in self.places)]
        kept = list(zip(ends, starts, strict=True))
        rest = "".join([self.rendering.html[end:start] for end, start in kept])
        before = list(accumulate((start - end for end, start in kept), initial=0))
        size = 0
        for start, end in cut(rest, max_depth=ANY_DEPTH).skipped:
            first, last = (bisect_right(before, place) - 1 for place in (start, end - 1))
            begin, stop = kept[first][0] + start - before[first], kept[last][0] + end - before[last]
            size += len(self._body[slice(*self.rendering.span(begin, stop))].encode(self._encoding, "replace"))
        return rest, size

    def _points(self, byte: int) -> int:
        byte -= self._offset
        if byte < 0:
            return -1
        if self._decoded.offsets is not None:
            return bisect_left(self._decoded.offsets, byte)
        if byte < self._byte:
            self._byte = self._point = 0
        self._point += len(self._data[self._byte : byte].decode(self._encoding, "ignore"))
        self._byte = byte
        return self._point


def _slice_law(
    path: str, row: Mapping[str, Any], written: _Written, shown: _Shown | None, cutter: Cutter
) -> Iterator[Breach]:
    start = row["byte_start"]
    try:
        markup = written.slice(start, row["byte_end"])
    except UnicodeDecodeError as error:
        yield Breach(1, path, start + error.start, f"`{row['paragraph_id']}`: the byte range splits a character")
        return
    if shown is not None:
        markup = shown.slice(start, row["byte_end"])
    blocks = cutter(markup)
    if len(blocks) != 1:
        yield Breach(1, path, start, f"`{row['paragraph_id']}`: the byte range holds {len(blocks)} blocks")
    elif blocks[0].text != row["text"]:
        yield Breach(1, path, start, f"`{row['paragraph_id']}`: the byte range has another text")
    elif (blocks[0].start, blocks[0].end) != (0, len(markup)):
        yield Breach(1, path, start, f"`{row['paragraph_id']}`: the byte range is wider than its visible text")
    if xxh3_64_intdigest(row["text"].encode()) != row["text_hash"]:
        yield Breach(1, path, start, f"`{row['paragraph_id']}`: `text_hash` is not the hash of its text")


def _media_law(
    article: Mapping[str, Any],
    paragraphs: Sequence[Mapping[str, Any]],
    data: bytes,
    media: Sequence[Mapping[str, Any]],
    shown: _Shown | None,
) -> Iterator[Breach]:
    path = article["source_path"]
    starts = [*(row["byte_start"] for row in paragraphs), len(data)]
    ends = [article["header_bytes"], *(row["byte_end"] for row in paragraphs)]
    for number, row in enumerate(media):
        start, end, ordinal = row["byte_start"], row["byte_end"], row["ordinal"]
        name = f"`{row['media_id']}`"
        if row["media_id"] != f"{article['article_id']}-m{number:04d}":
            yield Breach(7, path, start, f"{name}: not the medium numbered {number}")
        if row["source_sha256"] != article["source_sha256"]:
            yield Breach(7, path, start, f"{name}: its `source_sha256` is not its article's")
        # A picture in a line of text stands inside the block that follows those before it.
        inside = ordinal < len(paragraphs) and starts[ordinal] <= start and end <= ends[ordinal + 1]
        if not (
            0 <= ordinal <= len(paragraphs) and ends[ordinal] <= start < end and (end <= starts[ordinal] or inside)
        ):
            yield Breach(7, path, start, f"{name}: it does not stand after {ordinal} blocks")
            continue
        if row["caption_ordinal"] is not None and not 0 <= row["caption_ordinal"] < len(paragraphs):
            yield Breach(7, path, start, f"{name}: its caption is no block of the article")
        markup = data[start:end].decode(article["encoding"], "replace")
        found = cut(shown.slice(start, end, keep=False) if shown else markup, max_depth=ANY_DEPTH).media
        if len(found) != 1 or (found[0].start, found[0].kind) != (0, row["kind"]):
            yield Breach(7, path, start, f"{name}: the byte range is no {row['kind']}")
        elif absolute(found[0].src, article["canonical_url"]) != row["src"]:
            yield Breach(7, path, start, f"{name}: the byte range has another `src`")


def _conservation(
    article: Mapping[str, Any], paragraphs: Sequence[Mapping[str, Any]], data: bytes, written: _Written,
    shown: _Shown | None,
) -> Iterator[Breach]:  # fmt: skip
    path = article["source_path"]
    try:
        facts = RecordFacts() if article["dialect"] == "record" else None
        opened = part_source(data, Reading(article["encoding"]), facts)
    except (UnicodeDecodeError, BadSource) as error:
        yield Breach(4, path, None, f"the source has no header, or is no UTF-8 text: {error}")
        return
    starts = [*(row["byte_start"] for row in paragraphs), len(data)]
    ends = [opened.header_bytes, *(row["byte_end"] for row in paragraphs)]
    places = list(zip(ends, starts, strict=True))
    decoded = written.outside(places)
    markup, skipped_bytes = (decoded.text, 0) if shown is None else shown.rest()
    left = cut(markup, max_depth=ANY_DEPTH)
    for block in left.blocks:
        yield Breach(4, path, None, f"visible text outside all spans: `{block.text[:40]}`")
    if shown is None:
        skipped_bytes = sum(decoded.size(start, end) for start, end in left.skipped)
    counted = {
        "header_bytes": opened.header_bytes,
        "paragraph_bytes": sum(row["byte_end"] - row["byte_start"] for row in paragraphs),
        "skipped_bytes": skipped_bytes,
        "markup_bytes": sum(start - end for end, start in places) - skipped_bytes,
        "source_bytes": len(data),
    }
    for name, value in counted.items():
        if article[name] != value:
            yield Breach(4, path, None, f"`{name}` is {article[name]}, counted {value}")
