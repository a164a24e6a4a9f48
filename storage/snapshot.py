"""The files of an output as they stood at one moment, kept readable while runs replace them.

Partition files are replaced by renaming, so a hard link keeps what a reader began with. A shared lock keeps a run from
publishing while the links are made; it waits for no more than that.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import xxhash

from schemas import TABLES
from schemas.contract import Table
from storage.errors import OutputError
from storage.layout import Output
from storage.lock import exclusive, held_folder, publishing
from storage.publish import complete_interrupted

__all__ = ["Part", "Snapshot", "snapshot"]

READ_BYTES: Final = 1 << 20
# What a folder answers that may be read only, or lies where there are no hard links.
NO_LINKS: Final = frozenset({errno.EPERM, errno.EACCES, errno.EROFS, errno.EXDEV, errno.ENOTSUP, errno.EMLINK})


class Part(NamedTuple):
    """A partition file: its table, its partition as in its path (`outlet=…/month=…`, `run_id=…` or nothing), where it
    can be read, and the XXH3-128 of its bytes."""

    table: str
    partition: str
    path: Path
    digest: str


class Snapshot(NamedTuple):
    """All partition files of an output, tables in the order of the contract, files in the order of their paths."""

    output: Output
    parts: tuple[Part, ...]


@contextlib.contextmanager
def snapshot(output: Output, reader_id: str) -> Iterator[Snapshot]:
    """The output's files as of now; they stay as they are until the block ends.

    Raises `OutputError` where the folder holds no output, or one whose interrupted run can't be completed.
    """
    if not any(output.table_folder(table).is_dir() for table in TABLES.values()):
        raise OutputError("no run has written to this folder", output.root, "name an output folder, or ingest first")
    with contextlib.ExitStack() as held, contextlib.ExitStack() as lock:
        lock.enter_context(_unpublished(output, reader_id))
        links = output.private / "readers" / reader_id
        try:
            held.enter_context(held_folder(links))
            files = [(*file, _link(file[2], links / file[2].relative_to(output.root))) for file in _files(output)]
            lock.close()
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            # No links can be made, so the lock is held instead: runs wait with publishing until the reader is done.
            files = [(*file, file[2]) for file in _files(output)]
        yield Snapshot(output, tuple(Part(table, name, path, _digest(path)) for table, name, _, path in files))


@contextlib.contextmanager
def _unpublished(output: Output, reader_id: str) -> Iterator[None]:
    """A moment at which no run is publishing or was killed while it did."""
    with publishing(output, shared=True):
        if not output.journal.exists():
            yield
            return
    # No one is publishing, so whoever was is dead: this reader completes it, as the next run would.
    with exclusive(output, reader_id):
        complete_interrupted(output)
        with publishing(output, shared=True):
            yield


def _files(output: Output) -> Iterator[tuple[str, str, Path]]:
    for table in TABLES.values():
        if table.name == "runs":
            for path in sorted(output.table_folder(table).glob("*.parquet")):
                yield table.name, f"run_id={path.stem}", path
        else:
            yield from ((table.name, _label(table, path), path) for _, path in output.parts(table))


def _label(table: Table, path: Path) -> str:
    return "/".join(path.parts[-3:-1]) if table.partitioned else ""


def _link(path: Path, link: Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    os.link(path, link)
    return link


def _digest(path: Path) -> str:
    state = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(READ_BYTES):
            state.update(block)
    return state.hexdigest()
