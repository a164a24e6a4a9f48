"""Objects below a prefix of a bucket, as an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.source import Input, Listing, Request, Source, listing_of, source_paths
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import open_store
from pressmark.transforms.records import Limits, Reject

__all__ = ["Objects"]

# Requests that wait at once, as each object is small and waiting takes longer than sending; and objects held at once.
REQUESTS: Final = 16
AT_ONCE: Final = 64
READ_BYTES: Final = 1 << 20


class Objects(Input):
    """The objects at an address such as `s3://bucket/prefix`, hidden ones excepted. Their versions are entity tags."""

    def __init__(self, address: str, budget: Budget) -> None:
        self._address = address
        self._store = open_store(address)
        self._budget = budget

    def listing(self, request: Request) -> Listing:
        # What a tool wrote to stand for a folder has no bytes and a name that ends so.
        names = (entry for entry in self._store.entries("") if not entry.name.endswith("/"))
        shown = (entry for entry in names if "/." not in f"/{entry.name}")
        entries = request.counted(shown, self._budget, self._address)
        if not entries:
            raise InputError("there are no objects", self._address, "mend the address; a prefix ends before a `/`")
        sources = [
            Source(path, entry.name, entry.size, version=f"{entry.size}-{entry.version}")
            for path, entry in zip(source_paths([entry.name for entry in entries]), entries, strict=True)
        ]
        return listing_of(sources, request.selection)

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        ahead = iter(sources)
        with ThreadPoolExecutor(REQUESTS) as threads:
            while some := list(islice(ahead, AT_ONCE)):
                yield from zip(some, threads.map(partial(self._read, limits), some), strict=True)

    def _read(self, limits: Limits, source: Source) -> bytes | Reject:
        if source.problem is not None:
            return source.unreadable(source.problem)
        try:
            if source.source_bytes > limits.source_bytes:
                with self._store.open(Stored(source.locator, source.source_bytes, "")) as file:
                    return source.too_large(source.source_bytes, limits, iter(partial(file.read, READ_BYTES), b""))
            return self._store.read(source.locator)
        except FileNotFoundError:
            return source.unreadable("the object is gone; it was there when the archive was listed")
