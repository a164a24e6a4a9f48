"""A file's bytes (plain, gzip or Zstandard), unpacked as they are read, with the place of each: for files that hold one
record after the other. What may be unpacked is bounded by what was read for it."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from typing import IO, Final, Literal

import pyarrow as pa

from pressmark.storage.inputs.budget import Budget

__all__ = ["GZIP_WINDOW", "Broken", "TooMuch", "Unpacked", "inflated"]

CHUNK_BYTES: Final = 1 << 16
LONGEST_MARK: Final = 1 << 12
GZIP: Final = b"\x1f\x8b\x08"
# What zlib calls a stream with gzip's header.
GZIP_WINDOW: Final = 31
# So much is given to zlib at first, then twice as much: what follows a member is copied with each.
FIRST_BYTES: Final = 256
ZSTD: Final = (b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18")
LONGEST_LINE: Final = 1 << 16
LINE_ENDS: Final = b"\r\n\0 \t"

Codec = Literal["gzip", "zstd", "plain"]


class Broken(Exception):
    """From here on the bytes can't be unpacked, or are not what they should be; the message says why."""


class TooMuch(Broken):
    """The file unpacks to more than it may; nothing more of it is read."""


def inflated(data: bytes, window: int = GZIP_WINDOW) -> Iterator[tuple[bytes, int]]:
    """What is packed in `data`, one member after the other, in pieces of at most `CHUNK_BYTES`, each with how much of
    `data` was read by then. What follows the last member is not read. Raises `Broken`."""
    place = 0
    while place == 0 or data.startswith(GZIP[:2], place):
        inflater, size, ahead = zlib.decompressobj(window), FIRST_BYTES, b""
        while not inflater.eof:
            if not ahead:
                ahead = data[place : place + size]
                place, size = place + len(ahead), min(2 * size, CHUNK_BYTES)
            ended = not ahead
            try:
                piece = inflater.decompress(ahead, CHUNK_BYTES)
            except zlib.error as error:
                raise Broken(str(error)) from error
            ahead = inflater.unconsumed_tail
            if ended and not piece and not inflater.eof:
                raise Broken("it is cut off")
            if piece:
                yield piece, place
        place -= len(inflater.unused_data)
        yield b"", place


class Unpacked:
    """The bytes of a file, which `seeks` where it can be read at any place at once. `member` is the place in the file
    of the gzip member at hand, else 0; `position` counts unpacked bytes from there, `total` all of them. Reading stops
    at a member's end until `next_member`. `codec` is None where the bytes are as in the file and it seeks."""

    def __init__(self, packed: IO[bytes], budget: Budget, *, seeks: bool = True) -> None:
        self._packed = packed
        self._budget = budget
        self.size = packed.seek(0, os.SEEK_END)
        packed.seek(0)
        start = packed.read(4)
        packed.seek(0)
        self.codec: Codec | None = None if seeks else "plain"
        if start.startswith(GZIP) or start in ZSTD:
            self.codec = "zstd" if start in ZSTD else "gzip"
        self.member = self.position = self.total = 0
        self._buffer = b""
        self._at = 0
        self._inflater = zlib.decompressobj(31)
        self._ahead = b""
        self._stream = packed
        if self.codec == "zstd":
            self._stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")

    @property
    def place(self) -> str:
        """Where the next byte is: in the file, or from a member's start; in what is unpacked, where all is one."""
        inside = self.codec == "gzip" and self.position
        return f"{self.member}+{self.position}" if inside else str(self.member + self.position)

    def peek(self, size: int) -> bytes:
        """Up to `size` next bytes, which stay."""
        while len(self._buffer) - self._at < size and (more := self._more()):
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next bytes, `size` of them if there are so many."""
        parts = []
        while size > 0 and (part := self.peek(1) and self._buffer[self._at : self._at + size]):
            parts.append(self._taken(part))
            size -= len(part)
        return b"".join(parts)

    def readline(self, size: int = LONGEST_LINE) -> bytes:
        """The next line with its end, or its first `size` bytes."""
        parts = []
        while size > 0 and self.peek(1):
            end = self._buffer.find(b"\n", self._at, self._at + size)
            part = self._taken(self._buffer[self._at : end + 1 if end >= 0 else self._at + size])
            parts.append(part)
            size -= len(part)
            if end >= 0:
                break
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Leave out bytes of a plain file; how many there were."""
        size = min(size, self.size - self.position)
        self._packed.seek(self.position + size)
        self._buffer, self._at = b"", 0
        self.position, self.total = self.position + size, self.total + size
        return size

    def at(self, offset: int, size: int) -> bytes:
        """Bytes of a plain file from the unpacked offset on; where reading goes on does not change."""
        here = self._packed.tell()
        self._packed.seek(offset)
        data = self._packed.read(size)
        self._packed.seek(here)
        return data

    def continues(self, start: bytes) -> bool:
        """Whether what a gzip member's end broke off goes on in the next, which does not begin as records `start`."""
        return self.next_member() and self.peek(len(start)) != start

    def to_record(self) -> bool:
        """Go past line ends to the next byte that is none, in this member or a later one; False where there is none."""
        while True:
            while data := self.peek(LONGEST_MARK):
                blank = len(data) - len(data.lstrip(LINE_ENDS))
                self._taken(data[:blank])
                if blank < len(data):
                    return True
            if not self.next_member():
                return False

    def next_member(self) -> bool:
        """Go to the next gzip member; False where there is none. Raises `Broken` where what follows is none."""
        if self.codec != "gzip" or not self._inflater.eof:
            return False
        ahead = self._inflater.unused_data
        while not (ahead := ahead.lstrip(b"\0")) or len(ahead) < len(GZIP):
            if not (more := self._packed.read(CHUNK_BYTES)):
                break
            ahead += more
        if not ahead:
            return False
        self._start(self._packed.tell() - len(ahead), ahead)
        if not ahead.startswith(GZIP):
            self._broken = True
            raise Broken("what follows the last gzip member is none")
        return True

    def resume(self, mark: re.Pattern[bytes], start: int) -> bool:
        """Go on where the next record may start, behind what is broken: at the next gzip member, or at the next `mark`
        after `start`, a position of a plain file; False where there is none."""
        if self.codec == "gzip" and not self.position and not self._broken:
            return True
        if self.codec == "gzip" and (self._broken or not self._inflater.eof):
            return self._find_member()
        if self._broken:
            return False
        if self.codec is None:
            self._packed.seek(start)
            self._buffer, self._at, self.position = b"", 0, start
        try:
            while data := self.peek(CHUNK_BYTES):
                # In a stream, what is broken was read to the end of a line.
                before = b"" if self.codec is None else b"\n"
                if match := mark.search(before + data):
                    self._taken(data[: match.start() - len(before)])
                    return True
                self._taken(data[:-LONGEST_MARK] if len(data) == CHUNK_BYTES else data)
        except Broken:
            return self.codec == "gzip" and self._find_member()
        return self.codec == "gzip"

    _broken = False

    def _find_member(self) -> bool:
        place = self.member + 1
        self._packed.seek(place)
        data = b""
        while more := self._packed.read(CHUNK_BYTES):
            data += more
            if (found := data.find(GZIP)) >= 0:
                self._packed.seek(place + found)
                self._start(place + found, b"")
                return True
            place += max(len(data) - 2, 0)
            data = data[-2:]
        self._start(self.size, b"")
        return False

    def _start(self, member: int, ahead: bytes) -> None:
        self.member, self.position, self._broken = member, 0, False
        self._buffer, self._at, self._ahead = b"", 0, ahead
        self._inflater = zlib.decompressobj(31)

    def _taken(self, part: bytes) -> bytes:
        self._at += len(part)
        self.position += len(part)
        self.total += len(part)
        return part

    def _more(self) -> bytes:
        data = self._inflated() if self.codec == "gzip" else self._read()
        if self.codec in (None, "plain"):
            return data
        if problem := self._budget.broken_by(self.total + len(data), self._packed.tell()):
            raise TooMuch("; ".join(problem))
        return data

    def _read(self) -> bytes:
        try:
            data: bytes = self._stream.read(CHUNK_BYTES)
        except (OSError, pa.ArrowInvalid) as error:
            self._broken = True
            raise Broken(f"it can't be unpacked ({error})") from error
        return data

    def _inflated(self) -> bytes:
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._ahead or self._packed.read(CHUNK_BYTES)
            self._ahead = b""
            try:
                data = self._inflater.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                self._broken = True
                raise Broken(f"its gzip member can't be unpacked ({error})") from error
            if data:
                return data
            if not packed:
                self._broken = True
                raise Broken("its gzip member is cut off")
        return b""
