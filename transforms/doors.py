"""Which door a source comes in by: its characters, its header, and how its body is cut into blocks.

A door is a module: `header.py` reads what scrapers put before a body, `front_matter.py` what sites do, and `blocks.py`
cuts bodies of HTML. This one tells which.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pressmark.schemas.contract import Markup
from pressmark.transforms.blocks import Cut, TooDeep, cut
from pressmark.transforms.encodings import Decoded, decode
from pressmark.transforms.header import BadSource, read_header, record_header
from pressmark.transforms.records import Header, Reading, RecordFacts

__all__ = ["AS_IT_IS", "Opened", "cut_body", "open_source"]

AS_IT_IS: Final = Reading()


class Opened(NamedTuple):
    """A source that is read: its characters, its header, and the language of its body."""

    decoded: Decoded
    header: Header
    markup: Markup

    @property
    def body(self) -> str:
        return self.decoded.text[self.header.body_start :]

    def size(self, start: int, end: int) -> int:
        """Bytes of the characters `[start, end)` of the body."""
        return self.decoded.size(self.header.body_start + start, self.header.body_start + end)

    @property
    def header_bytes(self) -> int:
        return self.decoded.mark + self.decoded.size(0, self.header.body_start)


def open_source(data: bytes, reading: Reading = AS_IT_IS, facts: RecordFacts | None = None) -> Opened:
    """The source in `data`. Raises `BadSource` where no door is its own, and `UnicodeDecodeError` for bytes that are no
    text in the encoding that was declared, UTF-8 where none was. `facts` are those of a record, all of whose payload is
    body."""
    decoded = decode(data, reading.encoding)
    return Opened(decoded, read_header(decoded.text) if facts is None else record_header(facts), "html")


def cut_body(opened: Opened, max_depth: int) -> Cut:
    """The blocks of a body. Raises `BadSource` where more elements are open than `max_depth`."""
    try:
        return cut(opened.body, max_depth=max_depth)
    except TooDeep as deep:
        detail = f"{deep}; raise the limit or correct the file"
        raise BadSource("too_complex", detail, opened.header.body_start + deep.position) from None
