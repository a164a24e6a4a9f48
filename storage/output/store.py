"""What an output lies in: named contents, each replaced whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

__all__ = ["OBJECT_SCHEMES", "Progress", "Replacement", "Store", "Stored", "is_object_address"]

OBJECT_SCHEMES: Final = ("s3://", "gs://", "az://")

# Told the name of a step, how much of it is done, and how much there is (0: unknown).
Progress = Callable[[str, int, int], None]


class Stored(NamedTuple):
    """One content: its name, relative and with `/`; its size in bytes; and a version that changes when it does."""

    name: str
    size: int
    version: str


class Replacement(NamedTuple):
    """One step of publishing: `staged` takes the place of `target`; None removes `target`. Steps of a lower `rank`
    come first; those of one rank may be seen in any order."""

    staged: str | None
    target: str
    rank: int = 0


class Store(Protocol):
    """Contents by name. Reading a name that is not there raises `FileNotFoundError`."""

    address: str

    def entries(self, prefix: str) -> list[Stored]:
        """All contents below a folder, in the order of their names."""

    def find(self, name: str) -> Stored | None:
        """One content; None where there is none."""

    def open(self, entry: Stored) -> pa.NativeFile:
        """A content, to be read at any position."""

    def read(self, name: str) -> bytes:
        """A content, whole."""

    def write(self, name: str, content: bytes) -> None:
        """Replace a content, durably."""

    def draft(self, name: str) -> AbstractContextManager[Path]:
        """A file of this machine that becomes the content `name` when the block ends, if something was written."""

    def reader_options(self) -> dict[str, str]:
        """What polars needs to read here, as `storage_options`."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove contents; those that are not there are no error."""

    def clear(self, prefix: str) -> None:
        """Remove everything below a folder."""

    def writing(self, run_id: str, progress: Progress) -> AbstractContextManager[None]:
        """Be the only writer, after what a killed one left is completed. Raises `LockedError` where there is one;
        `progress` is told of the seconds for which it is waited for as `lock`."""

    def commit(self, steps: Sequence[Replacement]) -> None:
        """Carry out all steps: durable on return, and after a kill at any point none or, once the next writer came,
        all of them."""


def is_object_address(address: str) -> bool:
    """Whether an address names an object store."""
    return address.startswith(OBJECT_SCHEMES)
