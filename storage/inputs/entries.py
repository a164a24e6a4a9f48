"""What a folder has: names, kinds, sizes and what the file system says of changes, as columns."""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from array import array
from typing import Final, NamedTuple

import pyarrow as pa
from xxhash import xxh3_64_hexdigest

from storage.compiled import FOLDERS

__all__ = ["FOLDER", "REGULAR", "Entries", "entries_of", "file_version", "settled_now"]

REGULAR: Final = ord("f")
FOLDER: Final = ord("d")
OTHER: Final = ord("?")

BUT_REGULAR: Final = re.compile(b"[^f]")

SETTLED_NS: Final = 2_000_000_000
# Device, inode, size, and the times of the last change of the file and of what the system keeps of it.
FACTS: Final = struct.Struct("=QQqqq")
TOO_NEW: Final = bytes(FACTS.size)


class Entries(NamedTuple):
    """What a folder has that is not hidden, in the order of the bytes of the paths below it: names of folders end with
    a slash. `versions` are those of regular files, see `file_version`."""

    kinds: bytes
    names: pa.LargeBinaryArray
    sizes: pa.Int64Array
    versions: pa.StringArray

    def next_but_regular(self, start: int) -> int:
        """The next entry from `start` on that is no regular file, or the end."""
        found = BUT_REGULAR.search(self.kinds, start)
        return found.start() if found else len(self.kinds)


# `kinds`, ends of names, names, sizes and facts, side by side.
Columns = tuple[bytes, bytes, bytes, bytes, bytes]


def entries_of(folder: bytes, settled: int) -> Entries:
    """What a folder has; a file that changed after `settled`, in nanoseconds, has no version. Raises `OSError`."""
    kinds, ends, names, sizes, facts = (FOLDERS.entries if FOLDERS is not None else _columns)(folder, settled)
    count = len(kinds)
    told = memoryview(facts)
    versions = [_version(told[start : start + FACTS.size]) for start in range(0, len(facts), FACTS.size)]
    return Entries(
        kinds,
        pa.Array.from_buffers(pa.large_binary(), count, [None, pa.py_buffer(ends), pa.py_buffer(names)]),
        pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(sizes)]),
        pa.array(versions, pa.string()),
    )


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


def _columns(folder: bytes, settled: int) -> Columns:
    """The same as `_folders.c` gives."""
    with os.scandir(folder) as found:
        entries = sorted(_looked_at(entry, settled) for entry in found if not entry.name.startswith(b"."))
    ends = array("q", [0])
    for name, *_ in entries:
        ends.append(ends[-1] + len(name))
    return (
        bytes(kind for _, kind, _, _ in entries),
        ends.tobytes(),
        b"".join(name for name, _, _, _ in entries),
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
