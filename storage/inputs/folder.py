"""A folder of files, or a single file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.entries import FOLDER, REGULAR, Entries, Found, entries_of, file_version, settled_now
from pressmark.storage.inputs.names import named, path_of, source_paths
from pressmark.storage.inputs.source import EVERYTHING, LINK_PROBLEM, Listing, Request, Source, too_large, unreadable
from pressmark.storage.inputs.sources import Sources
from pressmark.transforms.records import Limits, Reject

__all__ = ["Folder"]

BATCH_ROWS: Final = 16384
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
            version = file_version(info, settled_now())
            return Listing([_source(self._root.name, info.st_size, version=version)])
        if not self._root.is_dir():
            raise InputError("there is no such file or folder", self._root, "give the folder that holds the archive")
        found = _told_apart(Sources.of_batches(self._walk(request)))
        chosen = found.where(request.selection.taken)
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
        return Source(path, path, info.st_size, version=file_version(info, settled_now()))

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

    def _walk(self, request: Request) -> Iterator[pa.RecordBatch]:
        """The files in the order of their names, so that a whole archive's need not be sorted."""
        root = os.path.join(os.fsencode(self._root), b"")
        left_out = _below(root, request.leave_out) if request.leave_out is not None else None
        settled = settled_now()
        found, count = Found(), 0
        # What a folder has, how many entries of it were looked at, and how long their paths are.
        folders = [(self._root_entries(root, settled), 0, 0)]
        while folders:
            entries, done, place = folders.pop()
            stop = min(entries.next_but_regular(done), done + BATCH_ROWS)
            end = place + entries.path_bytes(done, stop)
            found.add(entries, done, stop, entries.paths[place:end])
            if len(found) >= BATCH_ROWS:
                count += len(found)
                request.progress(count)
                yield found.take()
            if stop == len(entries.kinds):
                continue
            if entries.kinds[stop] == REGULAR:
                folders.append((entries, stop, end))
                continue
            after = end + entries.path_bytes(stop, stop + 1)
            path = entries.paths[end:after]
            folders.append((entries, stop + 1, after))
            if entries.kinds[stop] != FOLDER:
                found.add_other(_irregular(root, path, settled))
            elif path != left_out:
                try:
                    folders.append((entries_of(root + path, path, settled), 0, 0))
                except OSError as error:
                    problem = f"{UNLISTED.format(error.strerror)}; mend its permissions"
                    found.add_other(_source(named(path[:-1]), 0, problem))
        yield found.take()

    def _root_entries(self, root: bytes, settled: int) -> Entries:
        try:
            return entries_of(root, b"", settled)
        except OSError as error:
            raise InputError(UNLISTED.format(error.strerror), self._root, "mend its permissions") from error


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


def _below(root: bytes, folder: Path) -> bytes | None:
    """A folder's path from `root` on, if it lies below that."""
    base, path = os.path.join(os.path.realpath(root), b""), os.fsencode(os.path.realpath(folder))
    return path[len(base) :] + b"/" if path.startswith(base) else None


def _irregular(root: bytes, raw: bytes, settled: int) -> Source:
    """What is neither a folder nor a file that can be read, unless it became one."""
    name = named(raw)
    try:
        info = os.lstat(root + raw)
    except OSError as error:
        return _source(name, 0, f"{error.strerror or error}; mend or remove it")
    version = file_version(info, settled)
    if stat.S_ISREG(info.st_mode):
        return _source(name, info.st_size, version=version)
    if stat.S_ISLNK(info.st_mode):
        return _source(name, 0, LINK_PROBLEM, version)
    return _source(name, 0, "no regular file; remove it from the archive", version)


def _source(name: str, size: int, problem: str | None = None, version: str = "") -> Source:
    return Source(path_of(name), name, size, problem, None, None, version)
