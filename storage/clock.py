"""A limit on the time that one source may take: seconds of the processor, so that a busy machine rejects no more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Clock", "TookTooLong"]

# What was raised where a library takes any exception for its own is raised again.
AGAIN_S = 1.0


class TookTooLong(BaseException):
    """A source took more than its time. No `Exception`, as nothing on the way may take it for one of its own."""


class Clock:
    """Ends what takes too long. Signals reach the first thread of a process alone; in others it ends nothing."""

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raises `TookTooLong` where the block takes more seconds; between two steps of Python or of a pattern."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGVTALRM, _stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)


def _stop(*_: object) -> None:
    raise TookTooLong
