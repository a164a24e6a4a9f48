"""Where rows wait between parsing and publishing: files below a prefix of a store that all of a run's workers reach."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.storage.output.store import Store, is_object_address, open_store

__all__ = ["Workspace", "written"]

# A merge reads a few rows of many staged files, and the next merge others of the same ones; so a process keeps some.
HELD_FILES: Final = 24
HELD_BYTES: Final = 96 << 20
# So much goes to the system at once.
WRITTEN_BYTES: Final = 256 << 10


def written(path: Path) -> pa.NativeFile:
    """A file of this machine for writing, closed with this. Arrow writes each buffer of each column by itself."""
    return pa.BufferedOutputStream(pa.OSFile(str(path), "wb"), WRITTEN_BYTES)


class Workspace(NamedTuple):
    """A run's own place in the store at `address`."""

    address: str
    prefix: str

    @property
    def store(self) -> Store:
        return open_store(self.address)

    def inside(self, folder: str) -> Workspace:
        """A workspace in a folder of this one."""
        return Workspace(self.address, self._full(folder))

    def names(self, suffix: str) -> list[str]:
        """Names of the files that end so, in order; files in folders are not among them."""
        start = len(self.prefix) + 1 if self.prefix else 0
        names = (entry.name[start:] for entry in self.store.entries(self.prefix))
        return [name for name in names if name.endswith(suffix) and "/" not in name]

    def open(self, name: str, *, mapped: bool = True) -> pa.NativeFile:
        """A file for reading; where it lies on this machine it may be mapped."""
        if is_object_address(self.address):
            entry = self.store.find(self._full(name))
            if entry is None:
                raise FileNotFoundError(self._full(name))
            if entry.size > HELD_BYTES // HELD_FILES:
                return self.store.open(entry)
            return pa.BufferReader(_held(self.address, entry.name, entry.version))
        path = os.path.join(self.address, self._full(name))
        # Of what is no buffer, Arrow reads each piece in another thread, which takes longer than reading it.
        return pa.BufferReader(pa.memory_map(path).read_buffer()) if mapped else pa.OSFile(path)

    def draft(self, name: str) -> AbstractContextManager[Path]:
        """A file of this machine that is there as `name` when the block ends."""
        return self.store.draft(self._full(name))

    def read(self, name: str) -> bytes:
        """A file, whole."""
        return self.store.read(self._full(name))

    def remove(self, names: list[str]) -> None:
        """Remove files; those that are not there are no error."""
        self.store.remove([self._full(name) for name in names])

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this machine for one task."""
        folder = None if is_object_address(self.address) else str(Path(self.address, self.prefix))
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=folder) as path:
            yield Path(path)

    def _full(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


@lru_cache(maxsize=HELD_FILES)
def _held(address: str, name: str, version: str) -> bytes:  # noqa: ARG001  # another version is another content
    return open_store(address).read(name)
