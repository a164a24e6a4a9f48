"""A folder of this machine: contents are files, replaced by renaming."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from pressmark.storage.output.lock import exclusive
from pressmark.storage.output.publish import commit, complete_interrupted, prepare, replace_file
from pressmark.storage.output.store import Replacement, Stored, Waiting

__all__ = ["FolderStore"]


class FolderStore:
    """See `Store`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._root = Path(address)
        self._durable: set[str | None] = set()

    def entries(self, prefix: str) -> list[Stored]:
        found = [_stored(name, entry.stat()) for name, entry in _files(os.path.join(self.address, prefix), prefix)]
        return sorted(found)

    def find(self, name: str) -> Stored | None:
        try:
            return _stored(name, os.stat(self._root / name))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, entry: Stored) -> pa.NativeFile:
        return pa.OSFile(str(self._root / entry.name))

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)

    @contextlib.contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    @contextlib.contextmanager
    def local(self, entry: Stored) -> Iterator[Path]:
        yield self._root / entry.name

    def reader_options(self) -> dict[str, str]:
        return {}

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self._root / name).unlink(missing_ok=True)

    def clear(self, prefix: str) -> None:
        shutil.rmtree(self._root / prefix, ignore_errors=True)

    @contextlib.contextmanager
    def writing(self, run_id: str, waiting: Waiting) -> Iterator[None]:
        del waiting  # The kernel knows at once whether there is another writer.
        with exclusive(self._root, run_id):
            complete_interrupted(self._root)
            yield

    @contextlib.contextmanager
    def preparing(self) -> Iterator[Callable[[Replacement], object]]:
        with ThreadPoolExecutor(1) as beside:
            yield lambda step: beside.submit(self._prepare, step)

    def commit(self, steps: Sequence[Replacement]) -> None:
        durable, self._durable = self._durable, set()
        commit(self._root, steps, durable)

    def _prepare(self, step: Replacement) -> None:
        # What fails here fails again, and is told, when it is committed.
        self._durable.discard(step.staged)
        prepare(self._root, step)
        self._durable.add(step.staged)


def _stored(name: str, info: os.stat_result) -> Stored:
    return Stored(name, info.st_size, f"{info.st_ino}-{info.st_mtime_ns}")


def _files(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir():
                yield from _files(entry.path, name)
            else:
                yield name, entry
