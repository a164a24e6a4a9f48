"""Which door a source comes in by: its characters, its header, and how its body is cut into blocks.

A door is a module: `header.py` reads what scrapers put before a body, `front_matter.py` what sites do; `blocks.py` cuts
bodies of HTML, `markdown.py` those of Markdown. This one tells which.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pressmark.schemas.contract import Markup
from pressmark.transforms.blocks import Cut, TooDeep, cut
from pressmark.transforms.encodings import Decoded, codec_of, decode
from pressmark.transforms.header import BadSource, read_header, record_header
from pressmark.transforms.markdown import cut_markdown
from pressmark.transforms.records import Header, Reading, RecordFacts
from pressmark.transforms.reprint import looks_like_markdown

__all__ = ["AS_IT_IS", "Opened", "characters_of", "cut_body", "open_source"]

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
    text in the encoding that was declared, UTF-8 where none was."""
    decoded = characters_of(data, reading, facts)
    header = read_header(decoded.text) if facts is None else record_header(facts)
    found = Opened(decoded, header, "html")
    markup = reading.markup or ("markdown" if looks_like_markdown(found.body) else "html")
    return found._replace(markup=markup)


def characters_of(data: bytes, reading: Reading = AS_IT_IS, facts: RecordFacts | None = None) -> Decoded:
    """The characters of the source in `data`, by the encoding that its archive or its record declares."""
    charset = facts.charset if facts is not None else None
    return decode(data, reading.encoding or (codec_of(charset) if charset else None))


def cut_body(opened: Opened, max_depth: int) -> Cut:
    """The blocks of a body. Raises `BadSource` where more elements are open than `max_depth`."""
    read = cut_markdown if opened.markup == "markdown" else cut
    try:
        return read(opened.body, max_depth=max_depth)
    except TooDeep as deep:
        detail = f"{deep}; raise the limit or correct the file"
        raise BadSource("too_complex", detail, opened.header.body_start + deep.position) from None
