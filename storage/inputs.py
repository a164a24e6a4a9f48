"""Lists and reads the sources of a folder, or of a single file.

Owns how names on disk become `source_path`. A file that can't be read becomes a reject, never an error.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from storage.errors import InputError
from transforms.records import Reject

__all__ = ["Source", "discover", "hash_source", "read_source"]

CHUNK_BYTES: Final = 1 << 20


class Source(NamedTuple):
    """A file of the input: `name` is its path on disk below the root, with undecodable bytes escaped as
    `os.fsdecode` does; `problem` says why it can't be read, where listing already showed that."""

    source_path: str
    name: str
    source_bytes: int
    problem: str | None


def discover(root: Path, *, leave_out: Path, progress: Callable[[int], None] | None = None) -> list[Source]:
    """Every file below `root` in the order of `source_path`, hidden ones and the folder `leave_out` excepted.

    Raises `InputError` where `root` can't be listed.
    """
    if root.is_file():
        found = [_entry(root.name, root.stat().st_size, None)]
    elif root.is_dir():
        found = list(_walk(root, leave_out.resolve(), progress))
    else:
        raise InputError("there is no such file or folder", root, "give the folder that holds the archive")
    return _distinct(sorted(found))


def read_source(root: Path, source: Source, limit_bytes: int) -> bytes | Reject:
    """The bytes of a source, or the reject that says why there are none."""
    if source.problem is not None:
        return _unreadable(source, source.problem)
    try:
        with open(_location(root, source), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit_bytes:
                detail = f"{size} bytes are more than the limit of {limit_bytes}; raise `--max-source-mib` to read it"
                return Reject(source.source_path, _hash_open(file), size, "too_large", detail, None, None)
            return file.read()
    except OSError as error:
        return _unreadable(source, f"{error.strerror or error}; mend the file or its permissions")


def hash_source(root: Path, source: Source) -> str | None:
    """Hex SHA-256 of a source's bytes; None where it can't be read."""
    if source.problem is not None:
        return None
    try:
        with open(_location(root, source), "rb", buffering=0) as file:
            if source.source_bytes <= CHUNK_BYTES:
                return hashlib.sha256(file.read()).hexdigest()
            return _hash_open(file)
    except OSError:
        return None


def _hash_open(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _location(root: Path, source: Source) -> str:
    return f"{_base(root)}/{source.name}"


@lru_cache(maxsize=4)
def _base(root: Path) -> str:
    return os.fspath(root.parent if root.is_file() else root)


def _unreadable(source: Source, detail: str) -> Reject:
    return Reject(source.source_path, None, source.source_bytes, "unreadable", detail, None, None)


def _walk(root: Path, leave_out: Path, progress: Callable[[int], None] | None) -> Iterator[Source]:
    real_root = os.path.realpath(root)
    pending = [""]
    count = 0
    while pending:
        folder = pending.pop()
        try:
            entries = os.scandir(os.path.join(root, folder))
        except OSError as error:
            if not folder:
                raise InputError(
                    f"the folder can't be listed ({error.strerror})", root, "mend its permissions"
                ) from error
            yield _entry(folder, 0, f"the folder can't be listed ({error.strerror}); mend its permissions")
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = os.path.join(folder, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if os.path.realpath(entry.path) != str(leave_out):
                        pending.append(name)
                    continue
                count += 1
                if progress is not None and count % 1000 == 0:
                    progress(count)
                yield _file(entry, name, real_root)


def _file(entry: os.DirEntry[str], name: str, real_root: str) -> Source:
    try:
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.isdir(target):
                return _entry(name, 0, "a symbolic link to a folder is not followed; ingest its target by its own path")
            if not target.startswith(os.path.join(real_root, "")):
                return _entry(name, 0, "a symbolic link that leaves the input is not followed; copy the file")
        info = entry.stat()
    except OSError as error:
        return _entry(name, 0, f"{error.strerror or error}; mend or remove the link")
    if not stat.S_ISREG(info.st_mode):
        return _entry(name, 0, "no regular file; remove it from the archive")
    return _entry(name, info.st_size, None)


def _entry(name: str, size: int, problem: str | None) -> Source:
    try:
        name.encode()
        path = unicodedata.normalize("NFC", name)
    except UnicodeEncodeError:
        path = _escaped(name)
    return Source(path, name, size, problem)


def _escaped(name: str) -> str:
    """A name that is not UTF-8, or that another name equals in NFC, with its bytes outside ASCII as `\\xNN`."""
    return os.fsencode(name).decode("ascii", "backslashreplace")


def _distinct(sources: list[Source]) -> list[Source]:
    """Sources with a path of their own each: of names that NFC makes equal, those not in NFC are escaped."""
    names: dict[str, int] = {}
    for source in sources:
        names[source.source_path] = names.get(source.source_path, 0) + 1
    if len(names) == len(sources):
        return sources
    return sorted(
        source._replace(source_path=_escaped(source.name))
        if names[source.source_path] > 1 and source.name != source.source_path
        else source
        for source in sources
    )
