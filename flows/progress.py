"""Tells a person how far a run is, how fast, and how long it will take: a bar on a terminal, a line now and then
elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressDisplay"]

SECONDS_BETWEEN_LINES: Final = 2.0
SECONDS_BETWEEN_FRAMES: Final = 0.1


class ProgressDisplay:
    """Called with a step's name, how much is done and how much there is (0: unknown). Writes to standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._shown_at = time.monotonic()

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        self._started.setdefault(step, (time.monotonic(), done))
        if self._stream.isatty():
            self._draw(step, done, total)
        elif time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._shown_at = time.monotonic()
            print(self._line(step, done, total), file=self._stream, flush=True)

    def _line(self, step: str, done: int, total: int) -> str:
        line = f"{step} {done}" + (f" of {total}" if total else "")
        rate = self._rate_of(step, done)
        if rate is None:
            return line
        left = f", {(total - done) / rate:.0f} s left" if total > done else ""
        return f"{line} ({rate:,.0f}/s{left})"

    def _rate_of(self, step: str, done: int) -> float | None:
        """How many of a step are done each second; None where nobody knows yet."""
        started, before = self._started[step]
        elapsed = time.monotonic() - started
        return (done - before) / elapsed if done > before and elapsed > 0 else None

    def _rate(self, step: str, done: int) -> str:
        rate = self._rate_of(step, done)
        return "" if rate is None else f"{rate:,.0f}/s"

    def _draw(self, step: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            # No refreshing thread: processes are forked only while a run has no threads.
            self._bar = Progress(
                TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
                console=Console(file=self._stream), auto_refresh=False, transient=True,
            )  # fmt: skip
            self._bar.start()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total or None, rate="")
        self._bar.update(self._tasks[step], completed=done, total=total or None, rate=self._rate(step, done))
        if time.monotonic() - self._shown_at >= SECONDS_BETWEEN_FRAMES or done == total:
            self._shown_at = time.monotonic()
            self._bar.refresh()
