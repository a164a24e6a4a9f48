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

from storage.errors import LockedError, OutputError
from storage.layout import Output

__all__ = ["clear_readers", "exclusive", "held_folder", "publishing"]


@contextlib.contextmanager
def exclusive(output: Output, run_id: str) -> Iterator[None]:
    """Hold the output's lock; raises `LockedError`, naming the holder, where another run has it."""
    try:
        output.private.mkdir(parents=True, exist_ok=True)
        handle = os.open(output.private / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputError(
            f"the output folder can't be written ({error.strerror})", output.root, "choose a folder you may write to"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 300).decode(errors="replace").strip() or "an unknown process"
            raise LockedError(
                f"another run is writing to this output ({holder})", output.root, "wait until it has finished"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}, run {run_id}".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def publishing(output: Output, *, shared: bool) -> Iterator[None]:
    """Wait for the lock under which files are replaced, and hold it; readers share it to see none half done.

    A reader that may not write to the folder, where no run has ever published, needs no lock.
    """
    path = output.private / "publishing"
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


def clear_readers(output: Output) -> None:
    """Remove what readers left that were killed; under the lock of `publishing`, so that none is just beginning."""
    for path in (output.private / "readers").glob("*"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
