"""Tells a person how far a run is: a bar on a terminal, a plain line now and then elsewhere."""

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
        if self._stream.isatty():
            self._draw(step, done, total)
        elif time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._shown_at = time.monotonic()
            print(f"{step} {done}" + (f" of {total}" if total else ""), file=self._stream, flush=True)

    def _draw(self, step: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            # No refreshing thread: processes are forked only while a run has no threads.
            self._bar = Progress(
                TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                console=Console(file=self._stream), auto_refresh=False, transient=True,
            )  # fmt: skip
            self._bar.start()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total or None)
        self._bar.update(self._tasks[step], completed=done, total=total or None)
        if time.monotonic() - self._shown_at >= SECONDS_BETWEEN_FRAMES or done == total:
            self._shown_at = time.monotonic()
            self._bar.refresh()
