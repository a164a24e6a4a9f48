"""What a record of HTTP holds once its transfer and content encodings are undone, within limits on what is produced."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import Reason
from pressmark.storage.inputs.budget import HARMLESS_PART_BYTES, HASHED_BYTES, Budget
from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.unpacked import GZIP_WINDOW, Broken, inflated
from pressmark.transforms.records import Limits, RecordFacts, Reject

__all__ = ["Fault", "Payload", "decoded", "fault_of", "limited", "rejected", "same_digest"]

CHUNK_BYTES: Final = 1 << 16
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
            while data := stream.read(CHUNK_BYTES):
                yield data
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
        digest = (
            bytes.fromhex(value)
            if len(value) == 2 * size
            else base64.b32decode(value.upper() + "=" * (-len(value) % 8))
        )
    except (ValueError, binascii.Error):
        return True
    # Typeshed wants `readinto`, which `IO` lacks and every opened file has.
    files: Iterable[Any] = (io.BytesIO(data) if isinstance(data, bytes) else data for data in candidates)
    return any(
        hashlib.file_digest(data, lambda: hashlib.new(name, usedforsecurity=False)).digest() == digest for data in files
    )
