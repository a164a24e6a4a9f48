"""Pages that an archive keeps packed one by one, as `story.html.gz`: unpacked as they are read, whatever the input."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from pressmark.storage.inputs.source import Input, Listing, Request, Source
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import PACKED_PAGE

__all__ = ["UnpackedPages"]

# Whatever the limit, no page is larger.
MOST_BYTES: Final = 1 << 30
GZIP: Final = b"\x1f\x8b"
WITH_HEADER: Final = 31


class UnpackedPages(Input):
    """An input whose packed pages are read as what they hold: hash, size and spans are of that."""

    def __init__(self, packed: Input) -> None:
        self._packed = packed
        self.deletes = packed.deletes
        self.streamed = packed.streamed

    def listing(self, request: Request) -> Listing:
        found = self._packed.listing(request)
        # A folder tells by what is in it.
        self.streamed = self._packed.streamed
        return found

    def find(self, paths: Iterable[str]) -> list[Source]:
        found = self._packed.find(paths)
        self.streamed = self._packed.streamed
        return found

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        for source, data in self._packed.contents(sources, limits):
            packed = isinstance(data, bytes) and data.startswith(GZIP) and PACKED_PAGE.search(source.source_path)
            yield source, _unpacked(source, data, limits) if packed and isinstance(data, bytes) else data


def _unpacked(source: Source, data: bytes, limits: Limits) -> bytes | Reject:
    most = min(limits.source_bytes, MOST_BYTES)
    pieces, size, rest = [], 0, data
    try:
        # A file may hold several members, one after the other.
        while rest.startswith(GZIP):
            reader = zlib.decompressobj(WITH_HEADER)
            pieces.append(reader.decompress(rest, most - size + 1))
            size += len(pieces[-1])
            if size > most:
                return source.too_large(size, limits)
            if not reader.eof:
                return source.unreadable("the packed page is cut off; restore the file", data)
            rest = reader.unused_data
    except zlib.error as error:
        return source.unreadable(f"the packed page can't be unpacked ({error}); restore the file", data)
    if rest.strip(b"\0"):
        return source.unreadable(f"{len(rest)} bytes that are not packed follow the page; restore the file", data)
    return b"".join(pieces)
