"""Processes of this machine, or workers of a Dask scheduler, behind one executor interface. A task on which a worker
dies is tried again alone, then what its owner gives in its place. Workers that stand still too long are killed."""

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
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final, TypeVar

from pressmark.storage.errors import PoolError

__all__ = ["Pool", "open_pool", "preload"]

# Loaded once, by the server that workers are forked from.
PRELOADED: Final = [
    "pressmark.storage.arrow", "pressmark.storage.batches", "pressmark.storage.output.partitions",
    "pressmark.storage.worker",
]  # fmt: skip
_preloaded = False
CONNECT_S: Final = 20
# Tasks under way for each worker, so that none waits for the next one.
AHEAD: Final = 2
# How often workers are looked at while no result comes; for how long one may be stopped, or take to end.
POLL_S: Final = 1.0
STOPPED_S: Final = 5.0
ENDING_S: Final = 5.0
LATE: Final = "a worker process was killed, as it gave no result for too long"
KILLED: Final = "a worker process was killed"

Task = TypeVar("Task")
Result = TypeVar("Result")
# What is tried in place of a task that a worker died on, or was `late` with.
Split = Callable[..., Sequence[Task]]
Seconds = Callable[[Task], float]


class Pool:
    """Carries out tasks; `workers` says about how many at once. One worker without Dask is this process itself."""

    def __init__(self, make: Callable[[], Executor] | None, workers: int, deaths: tuple[type[Exception], ...]) -> None:
        self.workers = workers
        self._make = make
        self._deaths: tuple[type[BaseException], ...] = (*deaths, MemoryError)
        self._executor: Executor | None = None
        self._processes: list[BaseProcess] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(clean=error is None)

    def map(
        self,
        work: Callable[[Task], Result],
        tasks: Iterable[Task],
        split: Split[Task] | None = None,
        *,
        seconds: Seconds[Task] | None = None,
        small: bool = False,
    ) -> Iterator[Result]:
        """Results as they come; few more tasks are made ahead than there are workers. A single task, and tasks that are
        `small` together, are carried out by this process, where workers have still to load what they need; its lack of
        memory is as a worker's death. Raises what a task raises. Where a worker dies on a task also when it is tried
        alone, or takes longer than its `seconds`, the tasks that `split` makes of it take its place; where there are
        none, raises `PoolError`."""
        ahead = iter(tasks)
        first = list(islice(ahead, 2))
        ahead = chain(first, ahead)
        if self._make is None or (self._executor is None and not _preloaded and (small or len(first) < 2)):
            yield from self._here(work, ahead, split)
            return
        suspects: list[Task] = []
        under_way: dict[Future[Result], Task] = {}
        for task in islice(ahead, self.workers * AHEAD):
            self._submit(work, task, under_way, suspects)
        while under_way:
            self._wait_for(under_way, max(map(seconds, under_way.values())) if seconds else None)
            for future in [future for future in under_way if future.done()]:
                task = under_way.pop(future)
                try:
                    result = future.result()
                except self._deaths:
                    suspects.append(task)
                else:
                    yield result
                for following in islice(ahead, 1):
                    self._submit(work, following, under_way, suspects)
        yield from self._alone(work, suspects, split, seconds)
        yield from self.map(work, ahead, split, seconds=seconds) if suspects else ()

    def renew(self) -> None:
        """Have processes of this machine begin anew with the next task: what they hold is given back."""
        if isinstance(self._executor, ProcessPoolExecutor):
            self._end(clean=True)

    def _here(
        self, work: Callable[[Task], Result], tasks: Iterable[Task], split: Split[Task] | None
    ) -> Iterator[Result]:
        for task in tasks:
            try:
                result = work(task)
            except MemoryError as error:
                smaller = split(task, late=False) if split is not None else ()
                if not smaller:
                    raise PoolError("memory is not enough", work.__name__, OUT_OF_MEMORY) from error
            else:
                yield result
                continue
            yield from self._here(work, smaller, split)

    def _wait_for(self, under_way: Iterable[Future[Result]], seconds: float | None) -> bool:
        """Wait until one of these is done; True where all workers were killed, so that all are."""
        waited, stopped = 0.0, 0.0
        while not wait(under_way, POLL_S, FIRST_COMPLETED).done:
            # Counted by looks, so that a stop of this process itself does not count.
            waited += POLL_S
            stopped = stopped + POLL_S if any(_is_stopped(process.pid) for process in self._processes) else 0.0
            if self._processes and (stopped >= STOPPED_S or (seconds is not None and waited >= seconds)):
                self._kill()
                wait(under_way)
                return stopped < STOPPED_S
        return False

    def _submit(
        self, work: Callable[[Task], Result], task: Task, under_way: dict[Future[Result], Task], suspects: list[Task]
    ) -> None:
        try:
            under_way[self._submitted(work, task)] = task
        except self._deaths:
            suspects.append(task)

    def _alone(
        self, work: Callable[[Task], Result], suspects: list[Task], split: Split[Task] | None,
        seconds: Seconds[Task] | None,
    ) -> Iterator[Result]:  # fmt: skip
        """Results of tasks on which a worker may have died, one task at a time."""
        waiting = suspects[::-1]
        while waiting:
            task = waiting.pop()
            self._end(clean=True)
            late = False
            try:
                future = self._submitted(work, task)
                late = self._wait_for([future], seconds(task) if seconds else None)
                yield future.result()
            except self._deaths as died:
                self._end(clean=True)
                smaller = split(task, late=late) if split is not None else ()
                if not smaller:
                    raise PoolError(LATE if late else KILLED, work.__name__, OUT_OF_MEMORY) from died
                waiting += smaller[::-1]

    def _submitted(self, work: Callable[[Task], Result], task: Task) -> Future[Result]:
        if self._executor is None:
            assert self._make is not None  # noqa: S101  # `map` has seen to it
            self._executor = self._make()
        with _without_main():
            future = self._executor.submit(work, task)
        if isinstance(self._executor, ProcessPoolExecutor):
            # There is no other way to know them before Python 3.14.
            self._processes = list((self._executor._processes or {}).values())  # noqa: SLF001
        return future

    def _end(self, *, clean: bool) -> None:
        """End all workers; without mercy where it is not `clean`, and those that do not end."""
        if self._executor is None:
            return
        if isinstance(self._executor, ProcessPoolExecutor):
            self._executor.shutdown(wait=False, cancel_futures=True)
            until = monotonic() + (ENDING_S if clean else 0)
            for process in self._processes:
                process.join(max(until - monotonic(), 0))
            self._kill()
        else:
            # Dask's cancels what nobody waits for.
            self._executor.shutdown(wait=clean)
        self._executor, self._processes = None, []

    def _kill(self) -> None:
        """Kill the workers, as one that is stopped ends by nothing else."""
        for process in self._processes:
            process.kill()


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
            _start_server()
            return ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)

        with Pool(make, workers, (BrokenExecutor,)) as pool:
            yield pool


def preload() -> None:
    """Have what workers need loaded while this process does something else: they are worth it for one task, then."""
    global _preloaded
    _preloaded = True
    _start_server()


def _start_server() -> None:
    """Start the server that workers are forked from."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    # It ignores Ctrl-C, but only once all is loaded: till then it has this mask, and shows no traceback. What it starts
    # with it would undo the mask.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _dask_pool(address: str) -> Iterator[Pool]:
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ModuleNotFoundError as error:
        raise PoolError(f"`{error.name}` is not installed", address, "pip install 'pressmark[dask]'") from None

    class Connection(Client):  # type: ignore[misc]
        """A client that waits for nobody when it goes, as one does that got no answer: all others are closed."""

        def __del__(self) -> None:
            return

    try:
        try:
            client = Connection(address, timeout=CONNECT_S, set_as_default=False)
        except AssertionError:  # its own thread did not start within ten seconds, as a busy machine stood still
            client = Connection(address, timeout=CONNECT_S, set_as_default=False)
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


def _is_stopped(pid: int | None) -> bool:
    """Whether somebody stopped a process; where the system does not tell, a result that does not come will."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


OUT_OF_MEMORY: Final = "free memory, or use fewer workers; run again"


def _follow_parent() -> None:
    """Ends this worker when the process that it works for is gone; Ctrl-C is that one's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
