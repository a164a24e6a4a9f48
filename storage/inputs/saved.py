"""Reads pages that a browser saved with all that they show: MHTML, a message of MIME (RFC 2557) whose headers `email`
reads, and the web archives of Safari, which are property lists. The page is a source; the rest is told by its kind."""

from __future__ import annotations

import binascii
import plistlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from xml.parsers.expat import ExpatError

from pressmark.storage.inputs.budget import ENCODED_BYTES, RECORD_HEADER_BYTES
from pressmark.storage.inputs.unpacked import Unpacked
from pressmark.storage.inputs.warc import CHARSET, HTML, MEDIA_TYPE, Fault, Found, LeftOut, Payload, fault_of, limited
from pressmark.transforms.records import Limits, RecordFacts

__all__ = ["read_saved"]

PROPERTY_LIST: Final = re.compile(rb"bplist|\s*<")
HEADER_END: Final = re.compile(rb"(?:\r?\n){2}")
BOUNDARY: Final = re.compile(r"boundary\s{0,9}=\s{0,9}(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
# Mail programs put the page and its plain text into a part of their own; nothing puts more into each other.
DEEPEST: Final = 4
# What the library of property lists raises for what is none.
NO_LIST: Final = (ExpatError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
NO_PAGE: Final = "it holds no page; save the page again, as HTML if this stays so"
TOO_LARGE: Final = f"it has more than {ENCODED_BYTES} bytes with all that the page shows; save the page as HTML"


class _Part(NamedTuple):
    """One of the files in a saved one, as it is encoded there."""

    content_type: str
    url: str
    content: memoryview
    coding: str = ""

    @property
    def kind(self) -> str:
        found = MEDIA_TYPE.match(self.content_type)
        return found[0].lower() if found else "part of no known type"


def read_saved(stream: Unpacked, limits: Limits) -> Iterator[Found | LeftOut]:
    """The page that a file holds, at the time at which it was saved, or what is wrong with it; then its other parts."""
    data = stream.read(ENCODED_BYTES + 1)
    if len(data) > ENCODED_BYTES:
        yield Found("", None, fault_of(TOO_LARGE, size=stream.size))
        return
    parts: list[_Part] = []
    problem, at, address = None, None, ""
    try:
        if PROPERTY_LIST.match(data):
            parts += _of_list(data)
        else:
            header, _ = _header(data, 0, len(data))
            at, address = _time(header), _says(header, "Snapshot-Content-Location")
            for part in _of_message(data, 0, len(data)):
                parts.append(part)
    except _Cut as error:
        problem = str(error)
    pages = [part for part in parts if HTML.match(part.kind)]
    page = next((part for part in pages if address and part.url == address), pages[0] if pages else None)
    if page is None:
        yield Found("", at, fault_of(problem or NO_PAGE, data))
        return
    yield Found("", at, _payload(page, address, limits))
    for part in parts:
        if part is not page:
            yield LeftOut("frame of a saved page" if HTML.match(part.kind) else part.kind)
    if problem is not None:
        yield LeftOut("saved page without all that it shows")


class _Cut(Exception):
    """A file ends, or makes no sense, from some place on; the message says what to do."""


def _of_message(data: bytes, start: int, end: int, depth: int = 0) -> Iterator[_Part]:
    """The parts of a message, or of a part of it, in their order, and theirs."""
    header, start = _header(data, start, end)
    if header.get_content_maintype() != "multipart":
        yield _Part(
            _says(header, "Content-Type"), _says(header, "Content-Location"), memoryview(data)[start:end],
            _says(header, "Content-Transfer-Encoding").lower(),
        )  # fmt: skip
        return
    boundary = BOUNDARY.search(_says(header, "Content-Type"))
    if boundary is None or depth == DEEPEST:
        raise _Cut("nothing says where its parts end, or they lie too deep in each other; save the page again")
    name = re.escape((boundary[1] or boundary[2]).encode("utf-8", "surrogateescape"))
    before = None
    for mark in re.compile(rb"\n--%s(--)?[ \t]{0,99}(?=\r?\n|\Z)" % name).finditer(data, start - 1, end):
        if before is not None:
            yield from _of_message(data, before, mark.start() - (data[mark.start() - 1] == ord("\r")), depth + 1)
        if mark[1]:
            return
        before = mark.end()
    raise _Cut("it ends before its last part does; save the page again")


def _header(data: bytes, start: int, end: int) -> tuple[Message, int]:
    """The header that starts here, and where its content does."""
    found = HEADER_END.search(data, start, min(end + 2, start + RECORD_HEADER_BYTES))
    if found is None:
        raise _Cut("a header in it has no end; save the page again")
    return BytesHeaderParser().parsebytes(data[start : found.start()].lstrip(b"\r\n")), found.end()


def _says(header: Message, name: str) -> str:
    return " ".join(str(header.get(name, "")).split())


def _time(header: Message) -> datetime | None:
    try:
        moment = parsedate_to_datetime(_says(header, "Date"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _of_list(data: bytes) -> Iterator[_Part]:
    """The page of a web archive, then what it shows."""
    try:
        found = plistlib.loads(data)
        resources = [found["WebMainResource"], *found.get("WebSubresources", [])]
        resources += [frame["WebMainResource"] for frame in found.get("WebSubframeArchives", [])]
        yield from map(_of_resource, resources)
    except NO_LIST as error:
        raise _Cut(f"it is no web archive ({type(error).__name__}); save the page again") from None


def _of_resource(resource: Mapping[str, Any]) -> _Part:
    kind, charset = resource["WebResourceMIMEType"], resource.get("WebResourceTextEncodingName")
    content_type = f"{kind}; charset={charset}" if charset else str(kind)
    return _Part(content_type, str(resource.get("WebResourceURL", "")), memoryview(resource["WebResourceData"]))


def _payload(page: _Part, address: str, limits: Limits) -> Payload | Fault:
    try:
        if page.coding == "quoted-printable":
            content = binascii.a2b_qp(page.content)
        elif page.coding == "base64":
            content = binascii.a2b_base64(page.content)
        else:
            content = bytes(page.content)
    except binascii.Error as error:
        return fault_of(f"its page can't be decoded ({error}); save the page again", bytes(page.content))
    data = limited([content], limits)
    if isinstance(data, Fault):
        return data
    url = next((url for url in (page.url, address) if re.match("https?://", url, re.IGNORECASE)), None)
    charset = CHARSET.search(page.content_type)
    return Payload(data, RecordFacts(url, charset[1] if charset else None, page.content_type or None))
