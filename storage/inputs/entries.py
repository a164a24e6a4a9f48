"""What folders have, by the file system: paths, sizes and versions, as columns."""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from array import array
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_hexdigest

from pressmark.storage.compiled import FOLDERS
from pressmark.storage.inputs.names import paths_of
from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.sources import SOURCE_SCHEMA

__all__ = ["FOLDER", "REGULAR", "Entries", "Found", "entries_of", "file_version", "settled_now"]

REGULAR: Final = ord("f")
FOLDER: Final = ord("d")
OTHER: Final = ord("?")
BUT_REGULAR: Final = re.compile(b"[^f]")

SETTLED_NS: Final = 2_000_000_000
# Device, inode, size, and the times of the last change of the file and of what the system keeps of it.
FACTS: Final = struct.Struct("=QQqqq")
TOO_NEW: Final = bytes(FACTS.size)
INTEGER: Final = array("q").itemsize


class Entries(NamedTuple):
    """What a folder has that is not hidden, in the order of the bytes of the paths below it: kinds, lengths of paths,
    paths, sizes and what tells of changes, each of these side by side. Paths of folders end with a slash."""

    kinds: bytes
    lengths: bytes
    paths: bytes
    sizes: bytes
    facts: bytes

    def next_but_regular(self, start: int) -> int:
        """The next entry from `start` on that is no regular file, or the end."""
        found = BUT_REGULAR.search(self.kinds, start)
        return found.start() if found else len(self.kinds)

    def path_bytes(self, start: int, stop: int) -> int:
        """Length of the paths of the entries `[start, stop)`."""
        return sum(memoryview(self.lengths).cast("q")[start:stop])


def entries_of(folder: bytes, prefix: bytes, settled: int) -> Entries:
    """What a folder has, all paths with a prefix; of a file that changed after `settled`, in nanoseconds, nothing tells
    of changes. Raises `OSError`."""
    return Entries(*(FOLDERS.entries if FOLDERS is not None else _columns)(folder, prefix, settled))


class Found:
    """Collects files: a few of many folders, or some of one with many."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._lengths: list[bytes] = []
        self._paths: list[bytes] = []
        self._sizes: list[bytes] = []
        self._facts: list[bytes] = []
        # Those that are not told by facts, by position.
        self._others: dict[int, Source] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, entries: Entries, start: int, stop: int, paths: bytes) -> None:
        """Add the regular files `[start, stop)` of a folder; `paths` are theirs."""
        self._lengths.append(entries.lengths[start * INTEGER : stop * INTEGER])
        self._paths.append(paths)
        self._sizes.append(entries.sizes[start * INTEGER : stop * INTEGER])
        self._facts.append(entries.facts[start * FACTS.size : stop * FACTS.size])
        self._count += stop - start

    def add_other(self, source: Source) -> None:
        """Add what is no regular file."""
        path = os.fsencode(source.locator)
        self._lengths.append(array("q", [len(path)]).tobytes())
        self._paths.append(path)
        self._sizes.append(array("q", [source.source_bytes]).tobytes())
        self._facts.append(TOO_NEW)
        self._others[self._count] = source
        self._count += 1

    def take(self) -> pa.RecordBatch:
        """What was collected, in its order, as `SOURCE_SCHEMA` has it; then there is nothing."""
        count = self._count
        lengths = pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(b"".join(self._lengths))])
        ends = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)]).cast(pa.int32())
        paths = pa.py_buffer(b"".join(self._paths))
        locators = pa.Array.from_buffers(pa.binary(), count, [None, ends.buffers()[1], paths])
        facts = memoryview(b"".join(self._facts))
        versions = [_version(facts[start : start + FACTS.size]) for start in range(0, len(facts), FACTS.size)]
        for position, source in self._others.items():
            versions[position] = source.version
        columns = {
            "source_path": paths_of(locators),
            "locator": locators,
            "source_bytes": pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(b"".join(self._sizes))]),
            "version": pa.array(versions, pa.string()),
        }
        if self._others:
            problems = {position: source.problem for position, source in self._others.items()}
            columns["problem"] = pa.array([problems.get(position) for position in range(count)], pa.string())
        nothing = {field.name: pa.nulls(count, field.type) for field in SOURCE_SCHEMA if field.name not in columns}
        self._clear()
        return pa.record_batch([(columns | nothing)[name] for name in SOURCE_SCHEMA.names], schema=SOURCE_SCHEMA)


def settled_now() -> int:
    """The time before which changes are told by times: what changes from now on has others."""
    return time.time_ns() - SETTLED_NS


def file_version(info: os.stat_result, settled: int) -> str:
    """What changes whenever the file's bytes do, as git's index takes it; nothing where the file is so new that a
    change may follow within the same tick of the clock."""
    return _version(_facts(info, settled))


def _version(facts: bytes | memoryview) -> str:
    return "" if facts == TOO_NEW else xxh3_64_hexdigest(facts)


def _facts(info: os.stat_result, settled: int) -> bytes:
    if info.st_mtime_ns > settled or info.st_ctime_ns > settled:
        return TOO_NEW
    return FACTS.pack(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def _columns(folder: bytes, prefix: bytes, settled: int) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """The same as `_folders.c` gives."""
    with os.scandir(folder) as found:
        entries = sorted(_looked_at(entry, settled) for entry in found if not entry.name.startswith(b"."))
    return (
        bytes(kind for _, kind, _, _ in entries),
        array("q", [len(prefix) + len(name) for name, _, _, _ in entries]).tobytes(),
        b"".join(prefix + name for name, _, _, _ in entries),
        array("q", [size for _, _, size, _ in entries]).tobytes(),
        b"".join(facts for _, _, _, facts in entries),
    )


def _looked_at(entry: os.DirEntry[bytes], settled: int) -> tuple[bytes, int, int, bytes]:
    """Name, kind, size and facts."""
    try:
        info = entry.stat(follow_symlinks=False)
    except OSError:
        # Whoever asks again hears what is wrong.
        return entry.name, OTHER, 0, TOO_NEW
    if stat.S_ISDIR(info.st_mode):
        return entry.name + b"/", FOLDER, 0, TOO_NEW
    if stat.S_ISREG(info.st_mode):
        return entry.name, REGULAR, info.st_size, _facts(info, settled)
    return entry.name, OTHER, 0, TOO_NEW
