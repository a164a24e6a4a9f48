"""A folder of files, a single file, or objects below a prefix of a bucket: what is said of them, and their bytes."""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from xxhash import xxh3_64_hexdigest

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import HARMLESS_PART_BYTES, Budget
from pressmark.storage.inputs.source import (
    LINK_PROBLEM,
    Input,
    Listing,
    Request,
    Source,
    listing_of,
    named,
    path_of,
    source_paths,
)
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import open_store
from pressmark.transforms.records import Limits, Reject

__all__ = ["Folder", "Objects", "file_version", "settled_now"]

# A file that changed less than two seconds ago may change again within the same tick of the file system's clock.
SETTLED_NS: Final = 2_000_000_000
# Device, inode, size, and the times of the last change of the file and of what the system keeps of it.
FACTS: Final = struct.Struct("=QQqqq")
READ_BYTES: Final = 1 << 20
# What file systems count in.
BLOCK_BYTES: Final = 512
# A pipe that took a file's place must not be waited for, nor a link followed.
OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
# Requests that wait at once, as each object is small and waiting takes longer than sending; and objects held at once.
REQUESTS: Final = 16
AT_ONCE: Final = 64
UNLISTED: Final = "the folder can't be listed ({}); mend its permissions"
NO_FILE: Final = "no regular file; remove it from the archive"


class Folder(Input):
    """The files below `root`, hidden ones excepted; links are not followed, as what they lead to has a path of its
    own or is no part of the archive."""

    def __init__(self, root: Path, budget: Budget) -> None:
        self._root = root
        self.budget = budget
        self._is_file = root.is_file()

    def listing(self, request: Request) -> Listing:
        if self._is_file:
            info = self._root.stat()
            name, version = self._root.name, file_version(info, settled_now())
            sources = [Source(path_of(name), name, info.st_size, version=version)]
            return listing_of(sources)
        if not self._root.is_dir():
            raise InputError("there is no such file or folder", self._root, "give the folder that holds the archive")
        files = request.counted(self._walk(request), self.budget, self._root)
        paths = source_paths([file.locator for file in files])
        sources = [
            file if file.source_path == path else file._replace(source_path=path)
            for file, path in zip(files, paths, strict=True)
        ]
        return listing_of(sources, request.selection)

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        for source in sources:
            yield source, self._read(source, limits)

    def _read(self, source: Source, limits: Limits) -> bytes | Reject:
        if source.problem is not None:
            return source.unreadable(source.problem)
        try:
            number = self._opened(source)
            try:
                info = os.fstat(number)
                if not stat.S_ISREG(info.st_mode):
                    return source.unreadable(NO_FILE)
                # A file object would ask the system four times more for each of thousands of small files.
                chunks = iter(partial(os.read, number, READ_BYTES), b"")
                if info.st_size > limits.source_bytes:
                    # A sparse file has as many zeros as it says, and holds none of them.
                    held = getattr(info, "st_blocks", info.st_size) * BLOCK_BYTES
                    sparse = self.budget.broken_by(info.st_size, held, HARMLESS_PART_BYTES)
                    return source.too_large(info.st_size, limits, () if sparse else chunks)
                data = os.read(number, info.st_size + 1)
                if len(data) == info.st_size:
                    return data
                # It is being written.
                for chunk in chunks:
                    data += chunk
                    if len(data) > limits.source_bytes:
                        return source.too_large(len(data), limits)
                return data
            finally:
                os.close(number)
        except OSError as error:
            return source.unreadable(f"{error.strerror or error}; mend the file or its permissions")

    def _opened(self, source: Source) -> int:
        # A single file may be a link: it was named by the operator.
        path = os.fspath(self._root) if self._is_file else f"{self._root}/{source.locator}"
        return os.open(path, OPEN_FLAGS if self._is_file else OPEN_FLAGS | os.O_NOFOLLOW)

    def _walk(self, request: Request) -> Iterator[Source]:
        root = os.path.join(os.fsencode(self._root), b"")
        left_out = _below(root, request.leave_out) if request.leave_out is not None else None
        settled = settled_now()
        folders = [b""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(root + folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(b"."):
                            continue
                        raw = folder + entry.name
                        name = named(raw)
                        try:
                            info = entry.stat(follow_symlinks=False)
                        except OSError as error:
                            yield Source(name, name, 0, f"{error.strerror or error}; mend or remove it")
                            continue
                        if stat.S_ISDIR(info.st_mode):
                            folders += [] if raw == left_out else [raw + b"/"]
                            continue
                        size, problem = info.st_size, None
                        if not stat.S_ISREG(info.st_mode):
                            size, problem = 0, LINK_PROBLEM if stat.S_ISLNK(info.st_mode) else NO_FILE
                        yield Source(name, name, size, problem, version=file_version(info, settled))
            except OSError as error:
                if not folder:
                    raise InputError(UNLISTED.format(error.strerror), self._root, "mend its permissions") from error
                name = named(folder[:-1])
                yield Source(name, name, 0, UNLISTED.format(error.strerror))


def settled_now() -> int:
    """The time before which a change can be told by its time, in nanoseconds: later ones may follow it unseen."""
    return time.time_ns() - SETTLED_NS


def file_version(info: os.stat_result, settled: int) -> str:
    """What changes whenever the file's bytes do, as git's index takes it; empty where the file changed after
    `settled`, as a change may follow within the same tick of the clock."""
    if info.st_mtime_ns > settled or info.st_ctime_ns > settled:
        return ""
    return xxh3_64_hexdigest(FACTS.pack(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns))


def _below(root: bytes, folder: Path) -> bytes | None:
    base, path = os.path.join(os.path.realpath(root), b""), os.fsencode(os.path.realpath(folder))
    return path[len(base) :] if path.startswith(base) else None


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
