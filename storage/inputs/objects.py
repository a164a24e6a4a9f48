"""Objects below a prefix of a bucket, as an archive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import polars as pl

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.names import source_paths
from pressmark.storage.inputs.source import (
    EVERYTHING,
    Listing,
    Request,
    Source,
    listing_frame,
    selected,
    sources_of,
    too_large,
    unreadable,
)
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import open_store
from pressmark.transforms.records import Limits, Reject

__all__ = ["Objects"]

# Objects asked for at once: each is small, and waiting for it takes longer than sending it.
REQUESTS: Final = 16
READ_BYTES: Final = 1 << 20


class Objects:
    """The objects at an address such as `s3://bucket/prefix`, hidden ones excepted. Their versions are entity tags."""

    deletes = False
    streamed = False

    def __init__(self, address: str) -> None:
        self._address = address
        self._store = open_store(address)

    def listing(self, request: Request) -> Listing:
        # What a tool wrote to stand for a folder has no bytes and a name that ends so.
        entries = [entry for entry in self._store.entries("") if not entry.name.endswith("/") and _shown(entry.name)]
        request.progress(len(entries))
        if not entries:
            raise InputError("there are no objects", self._address, "mend the address; a prefix ends before a `/`")
        sources = [
            Source(path, entry.name, entry.size, version=f"{entry.size}-{entry.version}")
            for path, entry in zip(source_paths([entry.name for entry in entries]), entries, strict=True)
        ]
        frame, left_out = selected(listing_frame(sources), request.selection)
        return Listing(frame, frame, left_out)

    def find(self, paths: Iterable[str]) -> list[Source]:
        frame = self.listing(Request(EVERYTHING)).frame
        return sources_of(frame.filter(pl.col("source_path").is_in(set(paths))))

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        with ThreadPoolExecutor(REQUESTS) as threads:
            ahead: deque[tuple[Source, Future[bytes | Reject]]] = deque()
            for source in sources:
                ahead.append((source, threads.submit(self._read, source, limits)))
                if len(ahead) > 2 * REQUESTS:
                    first, result = ahead.popleft()
                    yield first, result.result()
            for first, result in ahead:
                yield first, result.result()

    def _read(self, source: Source, limits: Limits) -> bytes | Reject:
        try:
            if source.source_bytes > limits.source_bytes:
                with self._store.open(Stored(source.locator, source.source_bytes, "")) as file:
                    return too_large(source, source.source_bytes, limits, iter(partial(file.read, READ_BYTES), b""))
            return self._store.read(source.locator)
        except FileNotFoundError:
            return unreadable(source, "the object is gone; it was there when the archive was listed")


def _shown(name: str) -> bool:
    return not any(part.startswith(".") for part in name.split("/"))
