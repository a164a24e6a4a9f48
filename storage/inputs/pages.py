"""Pages that an archive keeps packed one by one, as `story.html.gz`: unpacked as they are read, whatever the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pressmark.storage.inputs.source import Input, Listing, Request, Source
from pressmark.storage.inputs.unpacked import Broken, inflated
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import PACKED_PAGE

__all__ = ["UnpackedPages"]

GZIP: Final = b"\x1f\x8b"


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
    pieces, size, read = [], 0, 0
    try:
        for piece, place in inflated(data):
            read = place
            pieces.append(piece)
            size += len(piece)
            if size > limits.source_bytes:
                return source.too_large(size, limits)
    except Broken as error:
        return source.unreadable(f"the packed page can't be unpacked ({error}); restore the file", data)
    if data[read:].strip(b"\0"):
        left = len(data) - read
        return source.unreadable(f"{left} bytes that are not packed follow the page; restore the file", data)
    return b"".join(pieces)
