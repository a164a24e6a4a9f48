"""How far a run is, how fast, and how long it will take: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressDisplay", "takes_long"]

SECONDS_BETWEEN_LINES: Final = 2.0
SECONDS_BETWEEN_FRAMES: Final = 0.1


def takes_long(what: str) -> None:
    """Say what is done, where nothing can tell how much of it is done already."""
    print(f"{what} …", file=sys.stderr, flush=True)


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Called with a step's name, how much is done and how much there is (0: unknown). Writes to standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._shown_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        started_at, before = self._started.setdefault(step, (now, done))
        rate = (done - before) / (now - started_at) if done > before and now > started_at else 0.0
        on_terminal = self._stream.isatty()
        if on_terminal:
            self._update_bar(step, done, total, f"{rate:,.0f}/s" if rate else "")
        pause = SECONDS_BETWEEN_FRAMES if on_terminal else SECONDS_BETWEEN_LINES
        if now - self._shown_at < pause and not (on_terminal and done == total):
            return
        self._shown_at = now
        if self._bar is not None:
            self._bar.refresh()
        else:
            left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
            of = f" of {total}" if total else ""
            print(f"{step} {done}{of}{f' ({rate:,.0f}/s{left})' if rate else ''}", file=self._stream, flush=True)

    def _update_bar(self, step: str, done: int, total: int, rate: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            # No refreshing thread: processes are started only while a run has no threads.
            self._bar = Progress(
                TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
                console=Console(file=self._stream), auto_refresh=False, transient=True,
            )  # fmt: skip
            self._bar.start()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total or None, rate="")
        self._bar.update(self._tasks[step], completed=done, total=total or None, rate=rate)
