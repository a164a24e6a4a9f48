"""Processes that do a run's heavy work, and what happens when one of them dies.

A worker that dies takes no source down but the one it died on: the batch is probed source by source.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa

from transforms.plan import batches

__all__ = ["Pool", "WorkerDiedError", "Workers", "open_pool", "take_memory_from_system"]

PARENT_CHECK_S: Final = 0.5
# Tasks made for each process: one that it works on, one that waits at it, one on the way.
AHEAD: Final = 3
# How long a worker keeps memory for what comes next: Arrow's own setting.
DECAY_MS: Final = 1000

Task = TypeVar("Task")
Result = TypeVar("Result")


class Pool(Protocol):
    """What carries out tasks: processes of this machine, or workers on many."""

    def batches(self, sizes: Sequence[int]) -> list[range]:
        """Consecutive ranges of sources, each for one task."""

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come. Iterating raises `WorkerDiedError`, after all other results, where workers died."""

    def start(self, load: Callable[[], object]) -> None:
        """Have processes call `load` for tasks that will come, while this one does something else."""

    def load(self, load: Callable[[], object]) -> None:
        """Have `load` called where tasks will come to: by the processes that there are, or by this one for those that
        will be forked from it."""

    def renew(self) -> None:
        """End processes that are easily replaced, with all that they keep of earlier tasks; none has a task now."""

    def survives(self, work: Callable[[Task], object], task: Task) -> bool:
        """Whether a process of its own lives through `work(task)`."""


@contextlib.contextmanager
def open_pool(count: int, dask: str | None = None) -> Iterator[Pool]:
    """Processes of this machine, or the workers of the Dask scheduler at an address."""
    if dask is not None:
        from storage.dask_pool import DaskPool

        with DaskPool(dask) as pool:
            yield pool
        return
    with Workers(count) as workers:
        yield workers


class WorkerDiedError(Exception):
    """Worker processes died on these tasks; the other tasks are done."""

    def __init__(self, tasks: list[Any]) -> None:
        super().__init__(f"worker processes died on {len(tasks)} tasks")
        self.tasks = tasks


class Workers:
    """`count` processes, started at the first call that has work for more than one; none for a count of 1."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._forked = False
        self._keeps_memory = True

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def batches(self, sizes: Sequence[int]) -> list[range]:
        return batches(sizes, self.count)

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come; the first tasks are under way when this returns, and few more than there are
        processes are made ahead of them.

        Iterating raises `WorkerDiedError`, after all other results, where processes died.
        """
        ahead = iter(tasks)
        first = list(islice(ahead, AHEAD * self.count))
        if self.count == 1 or len(first) < 2:
            return map(work, chain(first, ahead))
        pool = self._pool or self._open(None)
        try:
            futures = {pool.submit(work, task): task for task in first}
        except BrokenProcessPool:
            # A process died while it waited, and no task with it: others take its place.
            self._close()
            pool = self._open(None)
            futures = {pool.submit(work, task): task for task in first}
        return self._results(pool, work, futures, ahead)

    def start(self, load: Callable[[], object]) -> None:
        """Start the processes, each of which calls `load`, unless there is one process only."""
        if self.count > 1 and self._pool is None:
            # Processes are started with the first task.
            self._open(load).submit(os.getpid)

    def load(self, load: Callable[[], object]) -> None:
        """Have each process call `load` while this one goes on; where there are none yet, call it here."""
        if self._pool is not None:
            try:
                for _ in range(self.count):
                    self._pool.submit(load)
            except BrokenProcessPool:
                self._close()
        if self._pool is None:
            load()

    def _open(self, load: Callable[[], object] | None) -> ProcessPoolExecutor:
        self._forked = _can_fork()
        self._pool = _start(self.count, load, keeps_memory=self._keeps_memory)
        return self._pool

    def renew(self) -> None:
        """End the processes where they were forked: the next ones share what this process has loaded by then, and give
        memory back at once."""
        if self._pool is None or self._forked:
            self._keeps_memory = False
        if self._forked:
            self._close()

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _results(
        self,
        pool: ProcessPoolExecutor,
        work: Callable[[Task], Result],
        futures: dict[Future[Result], Task],
        ahead: Iterator[Task],
    ) -> Iterator[Result]:
        died: list[Task] = []
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                task = futures.pop(future)
                for following in islice(ahead, 1):
                    try:
                        futures[pool.submit(work, following)] = following
                    except BrokenProcessPool:
                        died.append(following)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    died.append(task)
                    continue
                yield result
        if died:
            died += ahead
        if died:
            self._close()
            raise WorkerDiedError(died)

    @staticmethod
    def survives(work: Callable[[Task], object], task: Task) -> bool:
        """Whether a process of its own lives through `work(task)`."""
        with _start(1) as pool:
            try:
                pool.submit(work, task).result()
            except BrokenProcessPool:
                return False
        return True


def _can_fork() -> bool:
    # A fork shares the libraries that are loaded already, but copies locks that other threads may hold; so
    # beside threads, as in a Prefect flow, processes come from a server that has none.
    # An object store's client has threads of its own that Python does not count.
    return threading.active_count() == 1 and "obstore" not in sys.modules


def _start(count: int, load: Callable[[], object] | None = None, *, keeps_memory: bool = True) -> ProcessPoolExecutor:
    method = "fork" if _can_fork() else "forkserver"
    facts = dict(os.environ), load, keeps_memory
    return ProcessPoolExecutor(count, multiprocessing.get_context(method), _prepare, facts)


def take_memory_from_system() -> None:
    """Have Arrow give all memory back when it is told to release what is unused."""
    # Arrow's other pools keep some: jemalloc 80 MB after a listing of 300,000 files.
    pa.set_memory_pool(pa.system_memory_pool())


def _prepare(
    environment: Mapping[str, str],
    load: Callable[[], object] | None,
    keeps_memory: bool,  # noqa: FBT001  # as a pool hands it on
) -> None:
    # A fork server has the environment of its own start, which may lack the keys of a store.
    os.environ.update(environment)
    # Batches leave no cycles behind, so collections would only cost time.
    gc.disable()
    # What merges has pieces of all sizes for long enough that jemalloc keeps 20 MB more than it uses.
    if keeps_memory and "jemalloc" in pa.supported_memory_backends():
        # Gives memory back between batches at the least cost in page faults: 5 % of a run.
        pa.set_memory_pool(pa.jemalloc_memory_pool())
        pa.jemalloc_set_decay_ms(DECAY_MS)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    if load is not None:
        load()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent was killed: a pool's process would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)
