"""Processes that do a run's heavy work, and what happens when one of them dies.

A worker that dies takes no source down but the one it died on: the batch is probed source by source. Each process is at
the other end of a pipe, so this one knows what a process that died had to do, and they know when this one is gone.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import select
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from pressmark.transforms.plan import batches

__all__ = ["Pool", "WorkerDiedError", "Workers", "open_pool", "take_memory_from_system"]

# A run that turns out to have little to do has no use for more.
EARLY: Final = 4
# A process may die before it begins with a task, or of something else, so another one tries.
TRIES: Final = 2
# What a process that waits for work needs to end by itself when this one is gone.
GRACE_S: Final = 0.2
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

    def dismiss(self) -> None:
        """End processes that are easily replaced, as no more tasks will come; this one does not wait for that."""

    def survives(self, work: Callable[[Task], object], task: Task) -> bool:
        """Whether a process of its own lives through `work(task)`."""


@contextlib.contextmanager
def open_pool(count: int, dask: str | None = None, early: Workers | None = None) -> Iterator[Pool]:
    """Processes of this machine, those that were started early where there are any, or the workers of the Dask
    scheduler at an address."""
    if dask is not None:
        from pressmark.storage.dask_pool import DaskPool

        with DaskPool(dask) as pool:
            yield pool
        return
    with early or Workers(count) as workers:
        yield workers


class WorkerDiedError(Exception):
    """Worker processes died on these tasks; the other tasks are done."""

    def __init__(self, tasks: list[Any]) -> None:
        super().__init__(f"worker processes died on {len(tasks)} tasks")
        self.tasks = tasks


class _Worker(NamedTuple):
    """A process at the other end of a pipe; `process` is None where another worker started it and waits for it."""

    pipe: Connection
    process: BaseProcess | None


class _Tried(NamedTuple):
    """A task, and how many processes died on it."""

    task: Any
    deaths: int = 0


class Workers:
    """`count` processes, started at the first call that has work for more than one; none for a count of 1."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._crew: dict[Connection, _Worker] = {}
        self._busy: dict[Connection, _Tried] = {}
        self._gone: list[_Worker] = []
        # The process that loads for others, until it has work.
        self._loading: BaseProcess | None = None
        self._forked = False
        self._keeps_memory = True

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def batches(self, sizes: Sequence[int]) -> list[range]:
        return batches(sizes, self.count)

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come; the first tasks are under way when this returns, and few more than there are
        processes are made ahead of them.

        Iterating raises what a task raised, and, after all other results, `WorkerDiedError` for tasks that processes
        died on. Processes whose results nobody takes end.
        """
        ahead = iter(tasks)
        first = list(islice(ahead, 2))
        if self.count == 1 or (len(first) < 2 and not self._crew):
            return map(work, chain(first, ahead))
        if self._busy:
            raise RuntimeError("take all results of one call before the next one")
        waiting = _Tasks(chain(first, ahead))
        self._give(work, waiting)
        return self._results(work, waiting)

    def fork_early(self, load: Callable[[], object]) -> None:
        """Start the first processes while this one has loaded next to nothing: one of them calls `load`, and the others
        are forked from it."""
        context = multiprocessing.get_context("fork")
        pipes = [context.Pipe() for _ in range(min(self.count, EARLY))]
        process = context.Process(target=_found, args=(pipes, load))
        process.start()
        self._loading = process
        for number, (ours, theirs) in enumerate(pipes):
            theirs.close()
            self._crew[ours] = _Worker(ours, None if number else process)
        self._forked = True

    def start(self, load: Callable[[], object]) -> None:
        """Start the processes, each of which calls `load`, unless there is one process only."""
        while 1 < self.count > len(self._crew):
            self._add(load)

    def load(self, load: Callable[[], object]) -> None:
        """Have each process call `load` while this one goes on; where there are none yet, call it here."""
        for pipe in list(self._crew):
            try:
                pipe.send(_Message(load))
            except OSError:
                self._drop(pipe)
        if not self._crew:
            load()

    def renew(self) -> None:
        """End the processes where they were forked: the next ones share what this process has loaded by then, and give
        memory back at once."""
        if not self._crew or self._forked:
            self._keeps_memory = False
        if self._forked:
            self._close()

    def dismiss(self) -> None:
        """End the processes, while this one goes on."""
        if self._loading is not None:
            # Nobody needs what it loads. It may not have set up yet how it takes other signals.
            self._loading.kill()
            self._loading = None
        for pipe in list(self._crew):
            self._drop(pipe)

    @staticmethod
    def survives(work: Callable[[Task], object], task: Task) -> bool:
        """Whether a process of its own lives through `work(task)`."""
        worker = _start([], None, keeps_memory=True)
        try:
            worker.pipe.send(_Message(work, (task,)))
            worker.pipe.recv().value()
        except (EOFError, ConnectionError):
            return False
        finally:
            _end([worker])
        return True

    def _give(self, work: Callable[[Any], object], tasks: _Tasks) -> None:
        """Give each process that has none a task; those that come next are made while all work."""
        self._loading = None
        while len(self._busy) < self.count and (tried := tasks.take()) is not None:
            pipe = next((pipe for pipe in self._crew if pipe not in self._busy), None) or self._add(None)
            try:
                pipe.send(_Message(work, (tried.task,)))
                self._busy[pipe] = tried
            except OSError:
                # It died while it waited, and no task with it.
                self._drop(pipe)
                tasks.put_back(tried)
        tasks.make(self.count)

    def _results(self, work: Callable[[Task], Result], tasks: _Tasks) -> Iterator[Result]:
        died: list[Any] = []
        try:
            while self._busy:
                ready = wait(list(self._busy))
                for pipe in [pipe for pipe in self._busy if pipe in ready]:
                    outcome: _Outcome | None = None
                    with contextlib.suppress(EOFError, OSError):
                        outcome = pipe.recv()
                    tried = self._busy.pop(pipe)
                    if outcome is None:
                        self._drop(pipe)
                        if tried.deaths + 1 < TRIES:
                            tasks.put_back(_Tried(tried.task, tried.deaths + 1))
                        else:
                            died.append(tried.task)
                    self._give(work, tasks)
                    if outcome is not None:
                        yield outcome.value()
        finally:
            for pipe in list(self._busy):
                self._drop(pipe)
        if died:
            raise WorkerDiedError(died)

    def _add(self, load: Callable[[], object] | None) -> Connection:
        self._forked = _can_fork()
        worker = _start(list(self._crew), load, keeps_memory=self._keeps_memory)
        self._crew[worker.pipe] = worker
        return worker.pipe

    def _drop(self, pipe: Connection) -> None:
        """Let go of a process that died, or whose result nobody takes, which ends it."""
        self._busy.pop(pipe, None)
        pipe.close()
        self._gone.append(self._crew.pop(pipe))

    def _close(self) -> None:
        self.dismiss()
        gone, self._gone = self._gone, []
        _end(gone)


class _Tasks:
    """Tasks that wait for a process: some that were made, and those to come."""

    def __init__(self, ahead: Iterator[Any]) -> None:
        self._ahead = ahead
        self._made: deque[_Tried] = deque()

    def make(self, count: int) -> None:
        """Have `count` at hand, where there are so many."""
        self._made.extend(_Tried(task) for task in islice(self._ahead, max(count - len(self._made), 0)))

    def take(self) -> _Tried | None:
        self.make(1)
        return self._made.popleft() if self._made else None

    def put_back(self, tried: _Tried) -> None:
        self._made.appendleft(tried)


class _Message(NamedTuple):
    """What a process is told to call: with a task, whose outcome it sends back, or without."""

    call: Callable[..., Any]
    task: tuple[Any] | tuple[()] = ()


class _Outcome(NamedTuple):
    """What a task returned, or the exception that it raised."""

    result: Any
    error: Exception | None = None

    def value(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


def _can_fork() -> bool:
    # A fork shares the libraries that are loaded already, but copies locks that other threads may hold; so
    # beside threads, as in a Prefect flow, processes come from a server that has none.
    # An object store's client has threads of its own that Python does not count.
    return threading.active_count() == 1 and "obstore" not in sys.modules


def _start(others: Sequence[Connection], load: Callable[[], object] | None, *, keeps_memory: bool) -> _Worker:
    forks = _can_fork()
    context: Any = multiprocessing.get_context("fork" if forks else "forkserver")
    ours, theirs = context.Pipe()
    # A fork has this process's ends of all pipes, which would look as if this one were there still.
    closed = [*others, ours] if forks else []
    facts = theirs, closed, dict(os.environ), load, keeps_memory
    process = context.Process(target=_serve, args=facts, daemon=True)
    process.start()
    theirs.close()
    return _Worker(ours, process)


def _end(workers: Iterable[_Worker]) -> None:
    for worker in workers:
        worker.pipe.close()
    for worker in workers:
        if worker.process is not None:
            worker.process.join()


def take_memory_from_system() -> None:
    """Have Arrow give all memory back when it is told to release what is unused."""
    import pyarrow as pa

    # Arrow's other pools keep some: jemalloc 80 MB after a listing of 300,000 files.
    pa.set_memory_pool(pa.system_memory_pool())


def _found(pipes: Sequence[tuple[Connection, Connection]], load: Callable[[], object]) -> None:
    """The first of several processes: loads, and starts the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    if sys.platform == "linux" and "pyarrow" not in sys.modules:
        # Arrow asks for no other pool where it writes files, and all its builds for Linux have this one. 5 % of a run.
        os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "jemalloc"
    ours, theirs = zip(*pipes, strict=True)
    for pipe in ours:
        pipe.close()
    with contextlib.suppress(Exception):
        load()
    context = multiprocessing.get_context("fork")
    others = []
    for pipe in theirs[1:]:
        closed = [other for other in theirs if other is not pipe]
        others.append(context.Process(target=_serve, args=(pipe, closed, {}, None, True), daemon=True))
        others[-1].start()
    for pipe in theirs[1:]:
        pipe.close()
    _serve(theirs[0], (), {}, None, keeps_memory=True, others=others)


def _serve(
    pipe: Connection,
    closed: Sequence[Connection],
    environment: Mapping[str, str],
    load: Callable[[], object] | None,
    keeps_memory: bool,  # noqa: FBT001  # as a process hands it on
    others: Sequence[BaseProcess] = (),
) -> None:
    """Do what comes through the pipe, until its other end is closed."""
    for other in closed:
        other.close()
    # What is typed at a terminal reaches all processes, and the one that they work for decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A fork server has the environment of its own start, which may lack the keys of a store.
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, args=(pipe.fileno(), others), daemon=True).start()
    _prepare(keeps_memory=keeps_memory)
    if load is not None:
        _call(load, ())
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            call, task = pipe.recv()
            outcome = _call(call, task)
            if task:
                pipe.send(outcome)
    for process in others:
        process.join()


def _call(call: Callable[..., Any], arguments: tuple[Any, ...]) -> _Outcome:
    try:
        return _Outcome(call(*arguments))
    except Exception as error:  # noqa: BLE001  # raised again by whoever takes the outcome
        said = traceback.format_exc()
        error.add_note(f"in a worker process:\n{said}")
        # Some exceptions can't travel; what they say can.
        return _Outcome(None, error if _travels(error) else RuntimeError(said))


def _travels(error: Exception) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), Exception)  # noqa: S301  # made in this line
    except (pickle.PickleError, AttributeError, TypeError, ValueError):
        return False


def _prepare(*, keeps_memory: bool) -> None:
    import pyarrow as pa

    # Batches leave no cycles behind, so collections would only cost time.
    gc.disable()
    # What merges has pieces of all sizes for long enough that jemalloc keeps 20 MB more than it uses.
    if keeps_memory and "jemalloc" in pa.supported_memory_backends():
        # Gives memory back between batches at the least cost in page faults: 5 % of a run.
        pa.set_memory_pool(pa.jemalloc_memory_pool())
        pa.jemalloc_set_decay_ms(DECAY_MS)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _end_with_parent(number: int, others: Sequence[BaseProcess]) -> None:
    """End this process when the other end of its pipe is closed, whatever it is doing then."""
    closed = select.poll()
    closed.register(number, 0)
    closed.poll()
    # One that waits for work ends by itself.
    time.sleep(GRACE_S)
    for process in others:
        process.join()
    os._exit(1)
