"""Reads WARC and ARC files: records of pages with their payloads, and what else there is by its kind. Headers are read
by warcio; where a record starts and ends is checked here, as that library stops at the first that is broken. A payload
is what a record of HTTP holds once its transfer and content encodings are undone, within limits on what is produced."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import Reason
from pressmark.storage.inputs.budget import (
    ENCODED_BYTES,
    HARMLESS_PART_BYTES,
    HASHED_BYTES,
    RECORD_HEADER_BYTES,
    Budget,
)
from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.unpacked import CHUNK_BYTES, GZIP_WINDOW, Broken, TooMuch, Unpacked, inflated
from pressmark.transforms.records import Limits, RecordFacts, Reject

__all__ = [
    "CHARSET", "HTML", "MEDIA_TYPE", "Fault", "Found", "LeftOut", "Payload", "decoded", "fault_of", "limited",
    "read_warc", "rejected", "same_digest",
]  # fmt: skip

# The longest line before a chunk; its size has at most eight digits.
CHUNK_SIZE: Final = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
INFLATED: Final = {"gzip": GZIP_WINDOW, "x-gzip": GZIP_WINDOW, "deflate": 15}
ARROW_CODECS: Final = {"br": "brotli", "zstd": "zstd"}
IDENTITY: Final = ("", "identity", "none", "utf-8")


class Payload(bytes):
    """The bytes of a record, with what the record says of them beside."""

    facts: RecordFacts

    def __new__(cls, data: bytes, facts: RecordFacts) -> Payload:
        made = super().__new__(cls, data)
        made.facts = facts
        return made

    @property
    def version(self) -> str:
        digest = hashlib.sha256(repr(self.facts).encode("utf-8", "backslashreplace"))
        digest.update(self)
        return digest.hexdigest()

    def __getnewargs__(self) -> tuple[bytes, RecordFacts]:  # type: ignore[override]
        return bytes(self), self.facts


class Fault(NamedTuple):
    """Why a record has no payload, with its bytes where they are at hand: `byte_offset` is a place in these."""

    reason: Reason
    detail: str
    data: bytes | None = None
    size: int = 0
    sha256: str | None = None
    byte_offset: int | None = None


def fault_of(detail: str, data: bytes | None = None, size: int = 0, *, reason: Reason = "unreadable") -> Fault:
    """The fault of a record with these bytes."""
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    return Fault(reason, detail, data, size if data is None else len(data), sha256)


def rejected(source: Source, fault: Fault, limits: Limits) -> Reject:
    """The reject of a source whose record has a fault."""
    above = fault.size > limits.source_bytes and fault.data is not None
    if above or (fault.reason == "too_large" and not fault.detail):
        return source.too_large(fault.size, limits)._replace(source_sha256=fault.sha256)
    return Reject(
        source.source_path, fault.sha256, fault.size, fault.reason, fault.detail, fault.byte_offset, fault.data
    )


def limited(chunks: Iterable[bytes], limits: Limits) -> bytes | Fault:
    """The chunks together; where they are more than a source may be, only their size and hash, up to a bound."""
    kept: list[bytes] = []
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > HASHED_BYTES:
            return Fault("too_large", "", None, size)
        if size > limits.source_bytes:
            digest.update(b"".join(kept))
            kept.clear()
    return b"".join(kept) if size <= limits.source_bytes else Fault("too_large", "", None, size, digest.hexdigest())


def decoded(body: bytes, codings: Iterable[str], budget: Budget, limits: Limits) -> bytes | Fault:
    """`body` without its codings, named in the order in which they were applied. One that markup as it stands shows not
    to have been applied is passed over: crawlers keep headers of what they have undone. So are chunks of which none
    begins, where something was coded before."""
    left = [name for name in (coding.strip().lower() for coding in codings) if name not in IDENTITY]
    while left:
        coding = left.pop()
        try:
            found = limited(_bounded(_pieces(body, coding), len(body), budget), limits)
        except _Coded as problem:
            if not MARKUP.match(body) and not (coding == "chunked" and left and not CHUNK_SIZE.match(body)):
                return fault_of(f"its content can't be decoded ({coding}: {problem}); crawl the page again", body)
            found = body
        if isinstance(found, Fault):
            return found
        body = found
    return body


class _Coded(Exception):
    """A body is not coded as it says, or can't be decoded."""


def _pieces(body: bytes, coding: str) -> Iterator[bytes]:
    if coding == "chunked":
        return _unchunked(body)
    if coding in INFLATED:
        return _inflated(body, INFLATED[coding])
    if coding in ARROW_CODECS:
        return _unpacked(body, ARROW_CODECS[coding])
    raise _Coded("it is not known")


def _unchunked(body: bytes) -> Iterator[bytes]:
    """The chunks; what a last one lacks was cut off by the crawler."""
    place = 0
    while place < len(body):
        size = CHUNK_SIZE.match(body, place)
        if size is None:
            raise _Coded(f"no size of a chunk at byte {place}")
        count = int(size[1], 16)
        if count == 0:
            return
        yield body[size.end() : size.end() + count]
        place = size.end() + count
        place += 2 if body.startswith(b"\r\n", place) else 1 if body.startswith(b"\n", place) else 0


def _inflated(body: bytes, window: int) -> Iterator[bytes]:
    # What is called deflate has a header of zlib or, as some servers have it, none.
    if window < GZIP_WINDOW and (len(body) < 2 or body[0] & 15 != 8 or int.from_bytes(body[:2], "big") % 31):
        window = -15
    try:
        # Members may follow each other; anything else behind one is padding.
        yield from (piece for piece, _ in (inflated(body, window) if body else ()))
    except Broken as error:
        raise _Coded(str(error)) from None


def _unpacked(body: bytes, codec: str) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), codec) as stream:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    except (OSError, pa.ArrowInvalid) as error:
        raise _Coded(str(error)) from None


def _bounded(pieces: Iterator[bytes], packed: int, budget: Budget) -> Iterator[bytes]:
    produced = 0
    for piece in pieces:
        produced += len(piece)
        if problem := budget.broken_by(produced, packed, HARMLESS_PART_BYTES):
            raise _Coded("; ".join(problem))
        yield piece


def same_digest(stated: str, candidates: Iterable[bytes | IO[bytes]]) -> bool:
    """Whether one of the candidates, bytes or files of them, has the stated digest, such as `sha1:` and base 32 or
    hexadecimal digits; one of an unknown kind says nothing."""
    name, _, value = stated.strip().partition(":")
    name, value = name.lower().replace("-", ""), value.strip()
    if name not in ("md5", "sha1", "sha256", "sha512"):
        return True
    try:
        size = hashlib.new(name, usedforsecurity=False).digest_size
        padded = value.upper() + "=" * (-len(value) % 8)
        digest = bytes.fromhex(value) if len(value) == 2 * size else base64.b32decode(padded)
    except (ValueError, binascii.Error):
        return True
    # Typeshed wants `readinto`, which `IO` lacks and every opened file has.
    files: Iterable[Any] = (io.BytesIO(data) if isinstance(data, bytes) else data for data in candidates)
    return any(
        hashlib.file_digest(data, lambda: hashlib.new(name, usedforsecurity=False)).digest() == digest for data in files
    )


# A file with so many broken records, and no more others, is no archive.
MOST_BROKEN: Final = 1000
START: Final = re.compile(rb"(?<=\n)WARC/[0-9]\.[0-9]{1,3}\r?\n")
HTML: Final = re.compile(r"text/html|application/xhtml\+xml", re.IGNORECASE)
MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,60}")
CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
SNIFFED: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
# What servers call HTML, too: the data of scripts, feeds and site maps.
NO_HTML: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(?P<JSON>\{\s*[\"}]|\[\s*[{\"\]])|(?:<\?[^>]{0,400}\?>\s*|<!--.{0,2000}?-->\s*){0,9}"
    rb"<(?P<XML>rss|feed|rdf:RDF|urlset|sitemapindex)\b)",
    re.DOTALL,
)
FULL_RANGE: Final = re.compile(r"bytes 0-([0-9]{1,18})/([0-9]{1,18})")
ARC_START: Final = re.compile(
    rb"(?<=\n)[a-z]{3,8}:[^\n]{1,2000} [0-9a-fA-F.:]{1,45} [0-9]{14} [^ \n]{1,80} [0-9]{1,18}\r?\n"
)
LENGTH: Final = re.compile(r"[0-9]{1,18}")
# In the order in which they are applied.
ENCODINGS: Final = ("content-encoding", "transfer-encoding")
PAGES: Final = ("response", "resource")
LIES: Final = "its length says {} bytes, and there no record ends; crawl the page again"


class Found(NamedTuple):
    """A record of a page: its place in the file, its time, and its payload or what is wrong with it; `cut` tells that
    the crawler did not take the whole page."""

    place: str
    at: datetime | None
    payload: Payload | Fault
    cut: bool = False


class LeftOut(NamedTuple):
    """A record of no page, by its kind."""

    kind: str


class _Record(NamedTuple):
    """A record's header block, with the position at which its content starts, and the content's length."""

    headers: Any
    start: int
    length: int
    arc: bool

    def says(self, name: str) -> str:
        return self.headers.get_header(name) or ""


@cache
def _parsers() -> Any:
    """Those of warcio, and the errors that it raises for what is no header."""
    # It loads fsspec where that is installed, which takes longer than a small run.
    from warcio.recordloader import ARC2WARCHeadersParser
    from warcio.statusandheaders import StatusAndHeadersParser, StatusAndHeadersParserException

    return SimpleNamespace(
        warc=StatusAndHeadersParser([], verify=False), http=StatusAndHeadersParser([], verify=False),
        arc=ARC2WARCHeadersParser(), errors=(StatusAndHeadersParserException, ValueError, EOFError),
    )  # fmt: skip


class _Part:
    """The next bytes of a stream and no more, also where a gzip member ends within; `left` counts those that were not
    read, `lines` are those that were."""

    def __init__(self, stream: Unpacked | _Part, size: int) -> None:
        self._stream = stream
        self._ended = False
        self.left = size
        self.lines: list[bytes] = []

    def read(self, size: int) -> bytes:
        data = b"" if self._ended else self._stream.read(min(size, self.left))
        if not data and self.left and not self._ended and isinstance(self._stream, Unpacked):
            self._ended = not self._stream.continues(b"WARC/")
            return self.read(size)
        self.left -= len(data)
        return data

    def readline(self, size: int = RECORD_HEADER_BYTES) -> bytes:
        line = self._stream.readline(min(size, self.left))
        self.left -= len(line)
        self.lines.append(line)
        return line


def read_warc(stream: Unpacked, limits: Limits, budget: Budget) -> Iterator[Found | LeftOut]:
    """The records of a file in their order. What is broken is a fault at its place, and reading goes on at the next
    record that can be found."""
    broken = whole = 0
    mark: re.Pattern[bytes] | None = None
    while True:
        place, start = "", stream.position
        try:
            if not stream.to_record():
                return
            place, start = stream.place, stream.position
            mark = mark or (START if stream.peek(5) == b"WARC/" else ARC_START)
            yield _read(stream, place, limits, budget)
            whole += 1
            continue
        except Broken as problem:
            yield Found(
                place or stream.place, None, fault_of(f"{problem}; reading goes on at the next record that is found")
            )
            if isinstance(problem, TooMuch):
                return
        broken += 1
        if broken >= max(MOST_BROKEN, whole):
            detail = f"{broken} broken records came before this place; no more of the file is read"
            yield Found(f"{stream.place} and on", None, fault_of(detail))
            return
        if not stream.resume(mark or START, start + 1):
            return


def _read(stream: Unpacked, place: str, limits: Limits, budget: Budget) -> Found | LeftOut:
    record = _record(stream)
    kind = record.says("WARC-Type").strip().lower()
    if not record.arc and stream.codec is None:
        _check_end(stream, record.start + record.length, record.length)
    block = _Part(stream, record.length)
    found: Found | LeftOut
    if kind not in PAGES:
        found = LeftOut(kind if re.fullmatch(r"[\w-]{1,40}", kind) else "record of no known type")
    else:
        found = _page(record, block, place, limits, budget)
    if stream.codec is None:
        block.left -= stream.skip(block.left)
    while block.read(CHUNK_BYTES):
        pass
    if block.left:
        raise Broken(f"the file or its member ends before the {record.length} bytes that its length says")
    if not record.arc and stream.codec is not None and not _ends(stream.peek(16)):
        raise Broken(LIES.format(record.length))
    return found


def _record(stream: Unpacked) -> _Record:
    arc = stream.peek(5) != b"WARC/"
    head = _Part(stream, RECORD_HEADER_BYTES)
    try:
        headers = (_parsers().arc if arc else _parsers().warc).parse(head)
    except _parsers().errors as error:
        raise Broken(f"no record starts here ({str(error)[:200]})") from None
    first = arc and (headers.get_header("WARC-Type") or "") == "warcinfo"
    length = (headers.get_header("Content-Length") or "").strip()
    length = "0" if first and not LENGTH.fullmatch(length) else length
    if not head.left or not LENGTH.fullmatch(length):
        raise Broken(f"the record has no length (`{length[:40]}`), or more than {RECORD_HEADER_BYTES} bytes of header")
    # Of an ARC's first record, two lines that were read belong to its content.
    return _Record(headers, stream.position, max(int(length) - (headers.total_len if arc else 0), 0), arc)


def _check_end(stream: Unpacked, end: int, length: int) -> None:
    if end > stream.size:
        raise Broken(f"the file ends before the {length} bytes that its length says")
    if not _ends(stream.at(end, 16)):
        raise Broken(LIES.format(length))


def _ends(after: bytes) -> bool:
    left = after.lstrip(b"\r\n")
    return after.startswith((b"\r\n\r\n", b"\n\n")) or not left or left.startswith(b"WARC/"[: len(left)])


def _page(record: _Record, block: _Part, place: str, limits: Limits, budget: Budget) -> Found | LeftOut:
    """The page in a record's content, of which what is not needed stays unread."""
    content_type, codings = record.says("Content-Type"), []
    cut = bool(record.says("WARC-Truncated").strip())
    if record.says("WARC-Segment-Number"):
        return LeftOut("record in segments")
    if content_type.lower().startswith("application/http"):
        try:
            http = _parsers().http.parse(_Part(block, RECORD_HEADER_BYTES))
        except _parsers().errors:
            http = None
        if http is None or not http.protocol.upper().startswith("HTTP/"):
            return Found(place, _time(record), fault_of("it holds no HTTP response; crawl the page again"))
        status = http.get_statuscode()
        if not status.startswith("2"):
            number = status if re.fullmatch(r"[0-9]{3}", status) else "without a status"
            return LeftOut(f"redirect (HTTP {number})" if number[0] == "3" else f"HTTP {number}")
        given = FULL_RANGE.fullmatch(http.get_header("Content-Range") or "")
        if status == "206" and (given is None or int(given[1]) + 1 != int(given[2])):
            return LeftOut("part of a page (HTTP 206)")
        content_type = http.get_header("Content-Type") or ""
        codings = [coding for name in ENCODINGS for header, value in http.headers if header.lower() == name
                   for coding in value.lower().split(",") if coding.strip() not in ("", "identity")]  # fmt: skip
        length = (http.get_header("Content-Length") or "").strip()
        # What has more bytes than the server said is what the crawler has undone the encoding of.
        cut = cut or (LENGTH.fullmatch(length) is not None and block.left < int(length) and "chunked" not in codings)
    elif record.says("WARC-Type").lower() == "response":
        return LeftOut("response of no HTTP")
    declared = MEDIA_TYPE.match(content_type.strip())
    if declared and not HTML.match(declared[0]):
        return LeftOut(declared[0].lower())
    data = _payload(record, block, codings, limits, budget)
    if not declared and isinstance(data, bytes) and not SNIFFED.match(data):
        return LeftOut("page of no known type")
    if isinstance(data, Fault):
        return Found(place, _time(record), data)
    if other := NO_HTML.match(data):
        return LeftOut(f"{other.lastgroup}, called HTML")
    charset = CHARSET.search(content_type)
    url = record.says("WARC-Target-URI").strip().removeprefix("<").removesuffix(">").replace(" ", "%20")
    facts = RecordFacts(url or None, charset[1] if charset else None, content_type or None)
    return Found(place, _time(record), Payload(data, facts), cut)


def _payload(record: _Record, block: _Part, codings: list[str], limits: Limits, budget: Budget) -> bytes | Fault:
    """The rest of a content without its codings, if it has one of the digests that the record says: crawlers differ in
    which codings they leave on, and some change headers later."""
    if not codings:
        body = limited(iter(lambda: block.read(CHUNK_BYTES), b""), limits)
        if isinstance(body, Fault):
            return body
        data: bytes | Fault = body
    elif block.left > ENCODED_BYTES:
        return fault_of(f"it has more than {ENCODED_BYTES} bytes with an encoding", size=block.left)
    else:
        body = block.read(block.left)
        data = decoded(body, codings, budget, limits)
    if isinstance(data, Fault):
        return data
    unchunked = decoded(body, [coding for coding in codings if "chunked" in coding], budget, limits)
    readings = {
        "WARC-Payload-Digest": [body, data, *([unchunked] if isinstance(unchunked, bytes) else [])],
        "WARC-Block-Digest": [b"".join(block.lines) + body],
    }
    stated = [name for name in readings if record.says(name)]
    if stated and not any(same_digest(record.says(name), readings[name]) for name in stated):
        return fault_of("its bytes do not have the digest that the record says; crawl the page again", data)
    return data


def _time(record: _Record) -> datetime | None:
    try:
        moment = datetime.fromisoformat(record.says("WARC-Date").strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
