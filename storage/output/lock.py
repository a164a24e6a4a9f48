"""One writer per output folder, and no reader's snapshot while it publishes, by locks that the kernel drops when their
holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pressmark.storage.errors import LockedError, OutputError

__all__ = ["PRIVATE", "clear_readers", "exclusive", "held_folder", "publishing"]

# All that is not for readers lies below this folder.
PRIVATE: Final = ".pressmark"


@contextlib.contextmanager
def exclusive(root: Path, run_id: str) -> Iterator[None]:
    """Hold the output's lock; raises `LockedError`, naming the holder, where another run has it."""
    try:
        (root / PRIVATE).mkdir(parents=True, exist_ok=True)
        handle = os.open(root / PRIVATE / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputError(
            f"the output folder can't be written ({error.strerror})", root, "choose a folder you may write to"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 300).decode(errors="replace").strip() or "an unknown process"
            raise LockedError(
                f"another run is writing to this output ({holder})", root, "wait until it has finished"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}, run {run_id}".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def publishing(root: Path, *, shared: bool) -> Iterator[None]:
    """Wait for the lock under which files are replaced, and hold it; readers share it to see none half done.

    A reader that may not write to the folder, where no run has ever published, needs no lock.
    """
    path = root / PRIVATE / "publishing"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if shared and path.exists() else os.O_CREAT), 0o644)
    except OSError:
        if not shared:
            raise
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def held_folder(path: Path) -> Iterator[None]:
    """A new folder that `clear_readers` leaves alone until the block ends, and that is gone then."""
    path.mkdir(parents=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
        shutil.rmtree(path, ignore_errors=True)


def clear_readers(root: Path) -> None:
    """Remove what readers left that were killed; under the lock of `publishing`, so that none is just beginning."""
    for path in (root / PRIVATE / "readers").glob("*"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
