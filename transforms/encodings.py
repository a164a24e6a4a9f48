"""How the bytes of a source become characters, and where the bytes of each character are."""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

__all__ = ["STATEFUL", "UTF_8", "Decoded", "as_encoded", "codec_of", "decode", "remedy_of"]

UTF_8: Final = "utf-8"
BROKEN: Final = "\ufffd"
MARKS: Final = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What pages mean by a label, as the encoding standard has it: the larger set that browsers read in its place.
MEANT: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "iso8859-1": "cp1252",
    "ascii": "cp1252", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-9": "cp1254",
    "iso8859-11": "cp874", "tis-620": "cp874", "utf-16": "utf-16-le",
}  # fmt: skip
# Labels of the web that Python has no name for.
UNNAMED: Final = {"windows-31j": "cp932", "windows-874": "cp874"}
# Encodings of text in which a byte means the same wherever its character stands.
STATELESS: Final = re.compile(
    r"(?:cp|iso8859-|gb|big5|euc_|shift_jis|koi8|mac[-_]|johab|kz1048|tis-620|ascii|ptcp)[\w-]*|utf-8|utf-16-[bl]e"
)

STATEFUL: Final = "the encoding has states between characters"
# How files begin that no encoding makes text of.
NO_TEXT: Final = (
    (b"\x1f\x8b", "a file packed by gzip"), (b"PK\3\4", "a zip"), (b"\xfd7zXZ", "a file packed by xz"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd"), (b"BZh", "a file packed by bzip2"), (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"SQLite format 3", "a database"),
    (b'\x04"M\x18', "a file packed by lz4"), (b"7z\xbc\xaf", "a file packed by 7-Zip"), (b"Rar!", "a RAR"),
    (b"bplist00", "a web archive of Safari, or another property list"), (b"\xd0\xcf\x11\xe0", "a document of Office"),
)  # fmt: skip
# In so many bytes what is no text has some that are zero.
MARKED: Final = 2000
HALF: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


class Decoded(NamedTuple):
    """A source as characters. `mark` are the bytes of a byte order mark before them; `damaged` tells that some bytes
    are none of the encoding, and U+FFFD in the text. `offsets` holds the first byte of each character where sizes in
    the encoding do not tell it."""

    text: str
    encoding: str = UTF_8
    mark: int = 0
    damaged: bool = False
    offsets: Sequence[int] | None = None

    def size(self, start: int, end: int) -> int:
        """Bytes of the characters `[start, end)`."""
        if self.offsets is not None:
            return self.offsets[end] - self.offsets[start]
        text = self.text[start:end]
        return len(text) if self.encoding == UTF_8 and text.isascii() else len(text.encode(self.encoding))


def codec_of(label: str) -> str | None:
    """Python's name for the encoding that a label of the web means; None where it is unknown.

    >>> codec_of("GB2312"), codec_of("latin1"), codec_of("utf8"), codec_of("x-none")
    ('gb18030', 'cp1252', 'utf-8', None)
    """
    try:
        label = label.strip().lower().removeprefix("x-").removeprefix("unicode-1-1-")
        name = codecs.lookup(UNNAMED.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = MEANT.get(name, name)
    return name if STATELESS.fullmatch(name) else None


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """`data` as characters: by its byte order mark, else as UTF-8 where it is that, else as `declared`, a codec's name.

    Raises `UnicodeDecodeError` for bytes that are no UTF-8 where nothing else was declared.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return as_encoded(data[len(mark) :], encoding)._replace(mark=len(mark))
    if declared is None or declared == UTF_8:
        return Decoded(data.decode())
    if declared.startswith("utf-16"):
        return as_encoded(data, declared)
    try:
        # Text in other encodings is hardly ever UTF-8 by chance, and labels are often wrong.
        return Decoded(data.decode())
    except UnicodeDecodeError:
        return as_encoded(data, declared)


def as_encoded(data: bytes, encoding: str) -> Decoded:
    """`data` as characters of an encoding, whatever else it may be; only bytes that are no UTF-8 raise."""
    if encoding == UTF_8:
        return Decoded(data.decode())
    try:
        text, damaged = data.decode(encoding), False
    except UnicodeDecodeError:
        text, damaged = data.decode(encoding, "replace"), True
    if not damaged and text.encode(encoding, "replace") == data:
        return Decoded(text, encoding)
    text, offsets = _placed(data, encoding)
    return Decoded(text, encoding, 0, damaged, offsets)


def _placed(data: bytes, encoding: str) -> tuple[str, Sequence[int]]:
    """The characters of `data`, and the first byte of each; then the number of all bytes."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    pieces: list[str] = []
    offsets = array("q")
    begin, unit = 0, 2 if encoding.startswith("utf-16") else 1
    for position in range(len(data)):
        last = position + 1 == len(data)
        if piece := decoder.decode(data[position : position + 1], last):
            end = position + 1 - len(decoder.getstate()[0])
            # What follows a broken one in its piece was read again, as the beginning of something else.
            sizes = [unit if one == BROKEN else len(one.encode(encoding, "replace")) for one in piece]
            sizes[-1 if last and piece[-1] == BROKEN else 0] += end - begin - sum(sizes)
            offsets.extend(accumulate(sizes[:-1], initial=begin))
            pieces.append(piece)
            begin = end
    offsets.append(len(data))
    return "".join(pieces), offsets


def remedy_of(error: UnicodeDecodeError, data: bytes, offset: int, *, of_record: bool) -> str:
    """What to do with a source whose bytes are no text from `offset` on."""
    kind = next((kind for start, kind in NO_TEXT if data.startswith(start)), None)
    if kind is not None:
        return f"these are the bytes of {kind}; unpack or exclude it"
    if b"\0" in data[:MARKED]:
        return "these are no characters of a text; exclude it, or name its encoding with `--encoding`"
    if of_record and HALF.match(data, offset):
        return "it is half of a pair of surrogates, and no character; write the dump again without such halves"
    if error.reason == STATEFUL:
        return "convert the file to UTF-8, as `iconv -f ISO-2022-JP -t UTF-8` does"
    return "name the archive's encoding with `--encoding`, or convert the file to UTF-8"
