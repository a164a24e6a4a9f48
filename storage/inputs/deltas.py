"""Trees of a repository, read from its packs.

libgit2 keeps no object of more than 1 MB at hand, so that for each tree of a folder with more than some 20,000 files it
unpacks a whole chain of deltas again: 3.4 ms and more, where applying one delta takes 0.3 ms. It takes three times as
long for smaller ones, too. Neighbouring trees are read one after the other, so here the latest ones are kept. What is
not as expected is left to libgit2.

The formats are those of git's documents `gitformat-pack`.
"""

from __future__ import annotations

import mmap
import os
import zlib
from bisect import bisect_left
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Final

from pressmark.storage.compiled import FORMATS

__all__ = ["UNPACKED_BYTES", "PackedObjects"]

# libgit2 is as quick with a tree of less.
UNPACKED_BYTES: Final = 1 << 14
# Holds most deltas of trees.
READ_BYTES: Final = 2048
KEPT_BYTES: Final = 8 << 20
ID_BYTES: Final = 20
INDEX_MAGIC: Final = b"\xfftOc\0\0\0\x02"
FANOUT: Final = len(INDEX_MAGIC)
NAMES: Final = FANOUT + 256 * 4
OFFSET_DELTA: Final = 6
ID_DELTA: Final = 7
WHOLE: Final = range(1, 5)
FAR: Final = 1 << 31
LONGEST_CHAIN: Final = 5000


class UnreadableError(ValueError):
    """Bytes of a pack that are none that this module reads."""


class PackedObjects:
    """Objects in the packs of a folder of objects, the latest of them kept."""

    def __init__(self, objects: str) -> None:
        self._packs = []
        for path in sorted(Path(objects, "pack").glob("*.idx")):
            with suppress(OSError, ValueError):
                self._packs.append(_Pack(path, path.with_suffix(".pack")))
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._kept_bytes = 0

    def close(self) -> None:
        """Close the packs."""
        for pack in self._packs:
            pack.close()

    def read(self, object_id: bytes, size: int) -> bytes | None:
        """The bytes of an object of a size; None where it is in no pack, or not in a way that is known here."""
        try:
            for number, pack in enumerate(self._packs):
                offset = pack.offset_of(object_id)
                if offset is not None:
                    data = self._at(number, offset)
                    return data if len(data) == size else None
        except (OSError, UnreadableError, IndexError, zlib.error):
            return None
        return None

    def _at(self, number: int, offset: int) -> bytes:
        """An object: the chain of deltas is followed to the first one that is at hand, or that is whole."""
        deltas: list[tuple[int, bytes]] = []
        data = self._kept_at(number, offset)
        while data is None:
            base, content = self._packs[number].entry(offset)
            if len(deltas) > LONGEST_CHAIN:
                raise UnreadableError("a chain of deltas without an end")
            if base is None:
                data = content
                self._keep(number, offset, data)
            else:
                deltas.append((offset, content))
                offset = base
                data = self._kept_at(number, offset)
        for at, delta in reversed(deltas):
            data = _applied(data, delta)
            self._keep(number, at, data)
        return data

    def _kept_at(self, number: int, offset: int) -> bytes | None:
        data = self._kept.get((number, offset))
        if data is not None:
            self._kept.move_to_end((number, offset))
        return data

    def _keep(self, number: int, offset: int, data: bytes) -> None:
        self._kept[number, offset] = data
        self._kept_bytes += len(data)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])


class _Pack:
    """A pack, and its index."""

    def __init__(self, index: Path, pack: Path) -> None:
        self._index = _mapped(index)
        if self._index[:FANOUT] != INDEX_MAGIC:
            raise UnreadableError(f"{index.name} has another version")
        self._count = self._number(NAMES - 4)
        self._offsets = NAMES + self._count * (ID_BYTES + 4)
        # Not mapped, else all that was read of it counts as memory.
        self._pack = pack.open("rb", buffering=0)

    def close(self) -> None:
        self._pack.close()
        self._index.close()

    def offset_of(self, object_id: bytes) -> int | None:
        """Where an object is; None where it is not in the pack."""
        first = object_id[0]
        low = self._number(FANOUT + 4 * (first - 1)) if first else 0
        high = self._number(FANOUT + 4 * first)
        place = bisect_left(range(self._count), object_id, low, high, key=self._id)
        if place == self._count or self._id(place) != object_id:
            return None
        offset = self._number(self._offsets + 4 * place)
        if offset < FAR:
            return offset
        at = self._offsets + 4 * self._count + 8 * (offset - FAR)
        return int.from_bytes(self._index[at : at + 8], "big")

    def entry(self, offset: int) -> tuple[int | None, bytes]:
        """What an object's delta is based on, None where it is whole, and the delta or the object."""
        start = os.pread(self._pack.fileno(), READ_BYTES, offset)
        position = 0
        byte = start[position]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            position += 1
            byte = start[position]
            size |= (byte & 0x7F) << shift
            shift += 7
        position += 1
        base: int | None = None
        if kind == OFFSET_DELTA:
            byte = start[position]
            back = byte & 0x7F
            while byte & 0x80:
                position += 1
                byte = start[position]
                back = (back + 1) << 7 | byte & 0x7F
            position += 1
            base = offset - back
            if base <= 0:
                raise UnreadableError("a delta is based on nothing")
        elif kind == ID_DELTA:
            base = self.offset_of(start[position : position + ID_BYTES])
            position += ID_BYTES
            if base is None:
                raise UnreadableError("a delta is based on an object of another pack")
        elif kind not in WHOLE:
            raise UnreadableError(f"an object of type {kind}")
        return base, self._unpacked(start[position:], offset + len(start), size)

    def _unpacked(self, packed: bytes, following: int, size: int) -> bytes:
        """What `packed` and the bytes of the pack from `following` on unpack to."""
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, size + 1)
        if not unpacking.eof:
            # What can't be made smaller takes some bytes more.
            rest = os.pread(self._pack.fileno(), size + size // 1000 + 128, following)
            data += unpacking.decompress(unpacking.unconsumed_tail + rest, size + 1 - len(data))
        if len(data) != size or not unpacking.eof:
            raise UnreadableError(f"{len(data)} bytes instead of {size}")
        return data

    def _id(self, place: int) -> bytes:
        at = NAMES + ID_BYTES * place
        return self._index[at : at + ID_BYTES]

    def _number(self, at: int) -> int:
        return int.from_bytes(self._index[at : at + 4], "big")


def _applied(base: bytes, delta: bytes) -> bytes:
    """What a delta makes of its base: pieces of it, and bytes of its own."""
    if FORMATS is None:
        return _applied_in_python(base, delta)
    try:
        made: bytes = FORMATS.applied(base, delta)
    except ValueError as error:
        raise UnreadableError(str(error)) from error
    return made


def _applied_in_python(base: bytes, delta: bytes) -> bytes:
    """The same as `_formats.c` gives."""
    before, position = _size(delta, 0)
    after, position = _size(delta, position)
    if before != len(base):
        raise UnreadableError("a delta with another base")
    parts: list[bytes | memoryview] = []
    source = memoryview(base)
    while position < len(delta):
        code = delta[position]
        position += 1
        if not code & 0x80:
            if not code:
                raise UnreadableError("an instruction that is reserved")
            if position + code > len(delta):
                raise UnreadableError("an instruction that is cut short")
            parts.append(delta[position : position + code])
            position += code
            continue
        start = length = 0
        for bit in range(7):
            if code & 1 << bit:
                if bit < 4:
                    start |= delta[position] << 8 * bit
                else:
                    length |= delta[position] << 8 * (bit - 4)
                position += 1
        length = length or 0x10000
        if start + length > len(base):
            raise UnreadableError("a copy of bytes that the base has not")
        parts.append(source[start : start + length])
    data = b"".join(parts)
    if len(data) != after:
        raise UnreadableError("a delta that makes another size than it says")
    return data


def _size(delta: bytes, position: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = delta[position]
        position += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size, position


def _mapped(path: Path) -> mmap.mmap:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(handle)
