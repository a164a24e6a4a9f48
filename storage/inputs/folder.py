"""A folder of files, or a single file: what the file system says of them, and their bytes."""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl
from xxhash import xxh3_64_hexdigest

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.names import path_of, paths_of
from pressmark.storage.inputs.source import (
    EVERYTHING,
    LINK_PROBLEM,
    LISTING,
    Listing,
    Request,
    Source,
    listing_frame,
    selected,
    sources_of,
    too_large,
    unreadable,
)
from pressmark.transforms.records import Limits, Reject

__all__ = ["Folder", "file_version", "settled_now"]

# A file that changed less than two seconds ago may change again within the same tick of the file system's clock.
SETTLED_NS: Final = 2_000_000_000
# Device, inode, size, and the times of the last change of the file and of what the system keeps of it.
FACTS: Final = struct.Struct("=QQqqq")
READ_BYTES: Final = 1 << 20
PROGRESS_EVERY: Final = 16384
# A pipe that took a file's place must not be waited for, nor a link followed.
OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
UNLISTED: Final = "the folder can't be listed ({}); mend its permissions"
NO_FILE: Final = "no regular file; remove it from the archive"


class Folder:
    """The files below `root`, hidden ones excepted; links are not followed, as what they lead to has a path of its
    own or is no part of the archive."""

    deletes = False
    streamed = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._is_file = root.is_file()

    def listing(self, request: Request) -> Listing:
        if self._is_file:
            info = self._root.stat()
            name, version = self._root.name, file_version(info, settled_now())
            frame = listing_frame([Source(path_of(name), name, info.st_size, version=version)])
            return Listing(frame, frame)
        if not self._root.is_dir():
            raise InputError("there is no such file or folder", self._root, "give the folder that holds the archive")
        frame, left_out = selected(self._walk(request), request.selection)
        return Listing(frame, frame, left_out)

    def find(self, paths: Iterable[str]) -> list[Source]:
        wanted = set(paths)
        found = [source for path in sorted(wanted) if (source := self._at(path)) is not None]
        if len(found) < len(wanted):
            # Some are gone, or have a name that is not their path.
            frame = self.listing(Request(EVERYTHING)).frame
            return sources_of(frame.filter(pl.col("source_path").is_in(wanted)))
        return found

    def _at(self, path: str) -> Source | None:
        """The regular file whose name is the path, where no link leads to it."""
        if self._is_file or path_of(path) != path:
            return None
        try:
            info = os.lstat(os.path.join(self._root, path))
        except OSError:
            return None
        real = os.path.realpath(self._root)
        folder = os.path.normpath(os.path.join(real, os.path.dirname(path)))
        if not stat.S_ISREG(info.st_mode) or os.path.realpath(folder) != folder:
            return None
        return Source(path, path, info.st_size, version=file_version(info, settled_now()))

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        for source in sources:
            yield source, self._read(source, limits)

    def _read(self, source: Source, limits: Limits) -> bytes | Reject:
        if source.problem is not None:
            return unreadable(source, source.problem)
        # A single file may be a link: it was named by the operator.
        path = os.fspath(self._root) if self._is_file else f"{self._root}/{source.locator}"
        try:
            number = os.open(path, OPEN_FLAGS if self._is_file else OPEN_FLAGS | os.O_NOFOLLOW)
            try:
                info = os.fstat(number)
                if not stat.S_ISREG(info.st_mode):
                    return unreadable(source, NO_FILE)
                # A file object would ask the system four times more for each of thousands of small files.
                chunks = iter(partial(os.read, number, READ_BYTES), b"")
                if info.st_size > limits.source_bytes:
                    return too_large(source, info.st_size, limits, chunks)
                data = os.read(number, info.st_size + 1)
                if len(data) == info.st_size:
                    return data
                # It is being written.
                for chunk in chunks:
                    data += chunk
                    if len(data) > limits.source_bytes:
                        return too_large(source, len(data), limits)
                return data
            finally:
                os.close(number)
        except OSError as error:
            return unreadable(source, f"{error.strerror or error}; mend the file or its permissions")

    def _walk(self, request: Request) -> pl.DataFrame:
        """A listing of all files."""
        root = os.path.join(os.fsencode(self._root), b"")
        left_out = _below(root, request.leave_out) if request.leave_out is not None else None
        settled = settled_now()
        locators: list[bytes] = []
        sizes: list[int] = []
        versions: list[str] = []
        problems: dict[int, str] = {}

        def add(name: bytes, size: int, version: str, problem: str | None = None) -> None:
            if problem is not None:
                problems[len(locators)] = problem
            locators.append(name)
            sizes.append(size)
            versions.append(version)
            if len(locators) % PROGRESS_EVERY == 0:
                request.progress(len(locators))

        folders = [b""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(root + folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(b"."):
                            continue
                        name = folder + entry.name
                        try:
                            info = entry.stat(follow_symlinks=False)
                        except OSError as error:
                            add(name, 0, "", f"{error.strerror or error}; mend or remove it")
                            continue
                        mode = info.st_mode
                        if stat.S_ISREG(mode):
                            add(name, info.st_size, file_version(info, settled))
                        elif not stat.S_ISDIR(mode):
                            problem = LINK_PROBLEM if stat.S_ISLNK(mode) else NO_FILE
                            add(name, 0, file_version(info, settled), problem)
                        elif name != left_out:
                            folders.append(name + b"/")
            except OSError as error:
                if not folder:
                    raise InputError(UNLISTED.format(error.strerror), self._root, "mend its permissions") from error
                add(folder[:-1], 0, "", UNLISTED.format(error.strerror))
        names = pl.Series("locator", locators, pl.Binary)
        frame = pl.DataFrame([paths_of(names).alias("source_path"), names, pl.Series("source_bytes", sizes, pl.Int64)])
        said = pl.lit(None, pl.String)
        if problems:
            said = pl.lit(pl.Series([problems.get(number) for number in range(len(names))], dtype=pl.String))
        never = pl.lit(None, LISTING["valid_from"])
        version = pl.Series(versions, dtype=pl.String)
        return frame.with_columns(problem=said, valid_from=never, valid_to=never, version=version)


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
    """A folder's path from `root` on, if it lies below that."""
    base, path = os.path.join(os.path.realpath(root), b""), os.fsencode(os.path.realpath(folder))
    return path[len(base) :] if path.startswith(base) else None
