"""One writer per output folder, by a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from storage.errors import LockedError, OutputError
from storage.layout import Output

__all__ = ["exclusive"]


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
