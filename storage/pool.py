"""Processes of this machine, or workers of a Dask scheduler, behind one executor interface.

A task on which a worker dies is tried again alone, so that no other task is blamed for it; where a worker dies on it
again, whoever asked for the work says what is tried in its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from itertools import chain, islice
from multiprocessing import connection, forkserver
from types import TracebackType
from typing import Any, Final, TypeVar

from pressmark.storage.errors import PoolError

__all__ = ["Pool", "open_pool", "preload"]

# Loaded once, by the server that workers are forked from.
PRELOADED: Final = ["pressmark.storage.batches", "pressmark.storage.output.partitions", "pressmark.storage.worker"]
CONNECT_S: Final = 20
# Tasks under way for each worker, so that none waits for the next one.
AHEAD: Final = 2

Task = TypeVar("Task")
Result = TypeVar("Result")


class Pool:
    """Carries out tasks; `workers` says about how many at once. One worker without Dask is this process itself."""

    def __init__(
        self,
        make: Callable[[], Executor] | None,
        workers: int,
        deaths: tuple[type[Exception], ...],
        begin: Callable[[], None] | None = None,
    ) -> None:
        self.workers = workers
        self._make = make
        self._deaths = deaths
        self._begin = begin
        self._executor: Executor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(wait=error is None)

    def start(self) -> None:
        """Have what workers need loaded beside this process, as there will be work for them."""
        if self._begin is not None:
            self._begin()

    def map(
        self,
        work: Callable[[Task], Result],
        tasks: Iterable[Task],
        split: Callable[[Task], Sequence[Task]] | None = None,
        *,
        small: bool = False,
    ) -> Iterator[Result]:
        """Results as they come; few more tasks are made ahead than there are workers. A single task, and tasks that are
        `small` together, are carried out by this process, where no worker is there yet.

        Raises what a task raises. Where a worker dies on a task also when it is tried alone, the tasks that `split`
        makes of it take its place; without `split`, or where it makes none, raises `PoolError`.
        """
        ahead = iter(tasks)
        first = list(islice(ahead, 2))
        ahead = chain(first, ahead)
        if self._make is None or (self._executor is None and (small or len(first) < 2)):
            yield from map(work, ahead)
            return
        suspects: list[Task] = []
        under_way: dict[Future[Result], Task] = {}
        for task in islice(ahead, self.workers * AHEAD):
            self._submit(work, task, under_way, suspects)
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                task = under_way.pop(future)
                try:
                    result = future.result()
                except self._deaths:
                    suspects.append(task)
                else:
                    yield result
                for following in islice(ahead, 1):
                    self._submit(work, following, under_way, suspects)
        yield from self._alone(work, suspects, split)
        yield from self.map(work, ahead, split) if suspects else ()

    def _submit(
        self, work: Callable[[Task], Result], task: Task, under_way: dict[Future[Result], Task], suspects: list[Task]
    ) -> None:
        try:
            under_way[self._submitted(work, task)] = task
        except self._deaths:
            suspects.append(task)

    def _alone(
        self, work: Callable[[Task], Result], suspects: list[Task], split: Callable[[Task], Sequence[Task]] | None
    ) -> Iterator[Result]:
        """Results of tasks on which a worker may have died, one task at a time."""
        waiting = suspects[::-1]
        while waiting:
            task = waiting.pop()
            self._end(wait=True)
            try:
                yield self._submitted(work, task).result()
            except self._deaths as died:
                self._end(wait=True)
                smaller = split(task) if split is not None else ()
                if not smaller:
                    raise PoolError(
                        "a worker process was killed", work.__name__, "free memory, or use fewer workers; run again"
                    ) from died
                waiting += smaller[::-1]

    def _submitted(self, work: Callable[[Task], Result], task: Task) -> Future[Result]:
        if self._executor is None:
            assert self._make is not None  # noqa: S101  # `map` has seen to it
            self._executor = self._make()
        with _without_main():
            return self._executor.submit(work, task)

    def _end(self, *, wait: bool) -> None:
        if self._executor is not None:
            if isinstance(self._executor, ProcessPoolExecutor):
                self._executor.shutdown(wait=wait, cancel_futures=True)
            else:
                # Dask's cancels what nobody waits for.
                self._executor.shutdown(wait=wait)
            self._executor = None


@contextlib.contextmanager
def open_pool(workers: int, dask: str | None = None) -> Iterator[Pool]:
    """Processes of this machine, or the workers of the Dask scheduler at an address. Raises `PoolError` where it does
    not answer or has none."""
    if dask is not None:
        with _dask_pool(dask) as pool:
            yield pool
    elif workers == 1:
        yield Pool(None, 1, ())
    else:
        context = multiprocessing.get_context("forkserver")

        def make() -> Executor:
            preload()
            return ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)

        with Pool(make, workers, (BrokenExecutor,), preload) as pool:
            yield pool


def preload() -> None:
    """Start the server that workers are forked from: it loads what they need while this process does something else."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


@contextlib.contextmanager
def _dask_pool(address: str) -> Iterator[Pool]:
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ModuleNotFoundError as error:
        raise PoolError(f"`{error.name}` is not installed", address, "pip install 'pressmark[dask]'") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise PoolError(
            "the Dask scheduler does not answer", address, "start it with `dask scheduler`, or mend the address"
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise PoolError("the Dask scheduler has no worker", address, f"start `dask worker {address}`")
        try:
            with Pool(lambda: client.get_executor(pure=False), threads, (KilledWorker,)) as pool:
                yield pool
        except CancelledError as error:
            raise PoolError(
                "the Dask scheduler was lost", address, "start it again, and run again; what was published is whole"
            ) from error


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that start in this block do not run the calling program again: all that they do is in this package."""
    main: Any = sys.modules["__main__"]
    hidden = {name: main.__dict__.pop(name) for name in ("__file__", "__spec__") if name in main.__dict__}
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


def _follow_parent() -> None:
    """Ends this worker when the process that it works for is gone; Ctrl-C is that one's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
