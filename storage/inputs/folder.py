"""A folder of files, or a single file."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
from xxhash import xxh3_64_hexdigest

from storage.errors import InputError
from storage.inputs.names import path_of, source_paths
from storage.inputs.source import EVERYTHING, LINK_PROBLEM, Listing, Request, Source, too_large, unreadable
from storage.inputs.sources import Sources
from transforms.records import Limits, Reject

__all__ = ["Folder", "file_version"]

SETTLED_NS: Final = 2_000_000_000
UNLISTED: Final = "the folder can't be listed ({})"
READ_BYTES: Final = 1 << 20


class Folder:
    """The files below `root`, hidden ones excepted; links are not followed, as what they lead to has a path of its
    own or is no part of the archive."""

    deletes = False
    streamed = False
    window_bytes = 0

    def __init__(self, root: Path) -> None:
        self._root = root
        self._base = os.fspath(root.parent if root.is_file() else root)

    def listing(self, request: Request) -> Listing:
        if self._root.is_file():
            info = self._root.stat()
            sources: Iterable[Source] = [_source(self._root.name, info.st_size, version=file_version(info))]
        elif self._root.is_dir():
            sources = self._walk(request)
        else:
            raise InputError("there is no such file or folder", self._root, "give the folder that holds the archive")
        takes = request.selection.takes if self._root.is_dir() else lambda _: True
        found = _told_apart(Sources.of(sources))
        chosen = found.where(takes)
        return Listing(chosen, left_out=len(found) - len(chosen))

    def find(self, paths: Iterable[str]) -> list[Source]:
        wanted = set(paths)
        found = [source for path in sorted(wanted) if (source := self._named(path)) is not None]
        if len(found) < len(wanted):
            # Some are gone, or have a name that is not their path.
            return [source for source in self.listing(Request(EVERYTHING)).sources if source.source_path in wanted]
        return found

    def _named(self, path: str) -> Source | None:
        """The regular file whose name is the path, where no link leads to it."""
        if not self._root.is_dir() or path_of(path) != path:
            return None
        try:
            info = os.lstat(os.path.join(self._root, path))
        except OSError:
            return None
        real = os.path.realpath(self._root)
        folder = os.path.normpath(os.path.join(real, os.path.dirname(path)))
        if not stat.S_ISREG(info.st_mode) or os.path.realpath(folder) != folder:
            return None
        return Source(path, path, info.st_size, version=file_version(info))

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        for source in sources:
            yield source, self._read(source, limits)

    def _read(self, source: Source, limits: Limits) -> bytes | Reject:
        if source.problem is not None:
            return unreadable(source, source.problem)
        try:
            number = os.open(f"{self._base}/{source.locator}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = os.fstat(number).st_size
                if size <= limits.source_bytes:
                    return _all_of(number, size)
                with open(number, "rb", buffering=0, closefd=False) as file:
                    return too_large(source, hashlib.file_digest(file, "sha256").hexdigest(), size, limits)
            finally:
                os.close(number)
        except OSError as error:
            return unreadable(source, f"{error.strerror or error}; mend the file or its permissions")

    def _walk(self, request: Request) -> Iterator[Source]:
        """The files in the order of their names, so that a whole archive's need not be sorted."""
        leave_out = os.path.realpath(request.leave_out) if request.leave_out is not None else ""
        # What changes from now on is too new to be told by its times.
        settled = time.time_ns() - SETTLED_NS
        # What was looked at is dropped at once, as it keeps what the system says of it.
        folders = [("", *self._entries(""))]
        count = 0
        while folders:
            prefix, ahead, inside = folders[-1]
            while ahead:
                entry = ahead.pop()
                name = prefix + entry.name
                if entry.name not in inside:
                    count += 1
                    if count % 1000 == 0:
                        request.progress(count)
                    yield _file(entry, name, settled)
                elif not leave_out or os.path.realpath(entry.path) != leave_out:
                    try:
                        folders.append((f"{name}/", *self._entries(name)))
                        break
                    except OSError as error:
                        yield _source(name, 0, f"{UNLISTED.format(error.strerror)}; mend its permissions")
            else:
                folders.pop()

    def _entries(self, folder: str) -> tuple[list[os.DirEntry[str]], set[str]]:
        """What a folder has that is not hidden, the last of the paths below it first, and which of these are folders;
        raises `InputError` for the root, `OSError` for others."""
        try:
            with os.scandir(os.path.join(self._root, folder)) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            if folder:
                raise
            raise InputError(UNLISTED.format(error.strerror), self._root, "mend its permissions") from error
        inside = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        if inside:
            entries.sort(key=lambda entry: f"{entry.name}/" if entry.name in inside else entry.name, reverse=True)
        else:
            entries.sort(key=attrgetter("name"), reverse=True)
        return entries, inside


def _all_of(number: int, size: int) -> bytes:
    """What an open file holds, which is `size` bytes but where it is being written."""
    # A file object would ask the system four times more for each of thousands of small files.
    data = os.read(number, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while parts[-1]:
        parts.append(os.read(number, READ_BYTES))
    return b"".join(parts)


def _told_apart(found: Sources) -> Sources:
    """The same sources in order, each with a path of its own."""
    if found.ascends("source_path"):
        return found
    if pc.count_distinct(found.column("source_path")).as_py() < len(found):
        sources = list(found)
        names = source_paths([source.locator for source in sources])
        found = Sources.of(source._replace(source_path=path) for source, path in zip(sources, names, strict=True))
    return found.sorted_by("source_path", "locator")


def _file(entry: os.DirEntry[str], name: str, settled: int) -> Source:
    try:
        info = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _source(name, 0, f"{error.strerror or error}; mend or remove it")
    version = _version(info, settled)
    if stat.S_ISREG(info.st_mode):
        return Source(path_of(name), name, info.st_size, None, None, None, version)
    if stat.S_ISLNK(info.st_mode):
        return _source(name, 0, LINK_PROBLEM, version)
    return _source(name, 0, "no regular file; remove it from the archive", version)


def _source(name: str, size: int, problem: str | None = None, version: str = "") -> Source:
    return Source(path_of(name), name, size, problem, None, None, version)


def file_version(info: os.stat_result) -> str:
    """What changes whenever the file's bytes do, as git's index takes it; nothing where the file is so new that a
    change may follow within the same tick of the clock."""
    return _version(info, time.time_ns() - SETTLED_NS)


def _version(info: os.stat_result, settled: int) -> str:
    modified, changed = info.st_mtime_ns, info.st_ctime_ns
    if modified > settled or changed > settled:
        return ""
    return xxh3_64_hexdigest(b"%d %d %d %d %d" % (info.st_dev, info.st_ino, info.st_size, modified, changed))
