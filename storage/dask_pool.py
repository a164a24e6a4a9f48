"""Workers on many machines, reached through a Dask scheduler. Only addresses and counts travel to them and back."""

from __future__ import annotations

import gc
import logging
import pickle
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.errors import PoolError, PressmarkError
from pressmark.storage.versions import parser_version
from pressmark.storage.workers import WorkerDiedError, Workers
from pressmark.transforms.plan import batches

__all__ = ["DaskPool"]

# A task costs 5 ms and 4 MB of sources take a second, so it is lost in them; smaller batches only make more files.
# What larger ones stage is more than a worker keeps at hand (`storage/workspace.py`), so it is read again for each
# partition: a run took 30 % longer with 8 MB, and 80 % with 32 MB (`benchmarks/dask_bench.py`).
BATCH_BYTES: Final = 4 << 20
# Tasks under way for each thread of a worker: one that it works on, and some that wait at it or at the scheduler.
AHEAD: Final = 4
# What takes less time goes to a worker together, so that the work outweighs what a task costs.
SHARE_S: Final = 0.5
MOST_SHARED: Final = 64
CONNECT_S: Final = 10
# Whoever watches over a scheduler and its workers starts them again well within this.
RETURN_S: Final = 60
LOOK_S: Final = 2
# The longest that workers are given to end what they do for a run that ended before.
ENDING_S: Final = 600
RETRIES: Final = 3
KEY: Final = "pressmark"
# What of Dask says on the error stream that a connection was lost, found again or closed.
LOGGERS: Final = ("distributed", "distributed.client", "tornado.application")
UNABLE: Final = "can't load pressmark"
REMEDY: Final = "install the same pressmark, by the same lock, there, and start the worker again"

Task = TypeVar("Task")
Result = TypeVar("Result")


class Versions(NamedTuple):
    """What decides on the bytes of a table."""

    pressmark: str
    contract: str
    parser: str
    pyarrow: str

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self._asdict().items())


class DaskPool:
    """The workers of the scheduler at an address. Raises `PoolError` where it can't be reached, or where a worker has
    another version of pressmark."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._here = _versions()
        self._threads = 1
        self._share = 1
        self._pending: dict[str, tuple[Any, list[Any]]] = {}
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._alone_since: float | None = None

    def __enter__(self) -> DaskPool:
        self._connect(CONNECT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._pending and self._client.status == "running":
                # What runs already goes on in its worker, and must not write into the next run's staging.
                self._client.cancel([future for future, _ in self._pending.values()])
                self._wait_for_others()
        except (OSError, TimeoutError, PoolError, CancelledError):
            # The scheduler is gone, and the error that ends the run says more.
            return
        finally:
            self._close()

    def batches(self, sizes: Sequence[int]) -> list[range]:
        return batches(sizes, self._threads, most=BATCH_BYTES)

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come; the first tasks are under way when this returns. A task whose worker died is given to
        another one, by the scheduler or, where that was started anew, by this process.

        Iterating raises `WorkerDiedError`, after all other results, for tasks that several workers died on.
        """
        ahead = iter(tasks)
        self._share = 1
        self._fill(work, ahead)
        return self._results(work, ahead)

    def start(self, load: Callable[[], object]) -> None:
        """Nothing: the workers are the scheduler's, and load what they need with their first task."""

    def load(self, load: Callable[[], object]) -> None:
        """Nothing, as above."""

    def renew(self) -> None:
        """Nothing: the workers are the scheduler's."""

    def dismiss(self) -> None:
        """Nothing, as above."""

    @staticmethod
    def survives(work: Callable[[Task], object], task: Task) -> bool:
        """Whether a process of its own, on this machine, lives through `work(task)`: what comes of a source that kills
        is the same as without Dask, and no more workers die of it."""
        return Workers.survives(work, task)

    def _results(self, work: Callable[[Task], Result], ahead: Iterator[Task]) -> Iterator[Result]:
        died: list[Task] = []
        returns = 0
        while self._pending:
            future = self._next()
            if future is not None:
                _, share = self._pending.pop(future.key)
                try:
                    seconds, results, error = self._result(future)
                except _LostError:
                    self._pending[future.key] = (future, share)
                except _KilledError:
                    died += share
                    self._fill(work, ahead)
                    continue
                else:
                    if error is not None:
                        raise error
                    returns = 0
                    self._share = max(1, min(int(SHARE_S * len(share) / max(seconds, 1e-6)), MOST_SHARED))
                    self._fill(work, ahead)
                    yield from results
                    continue
            returns += 1
            if returns > RETRIES:
                raise PoolError(
                    "the Dask scheduler was lost again and again", self._address,
                    "look at its log, and run again; what was parsed is kept",
                )  # fmt: skip
            self._return(work)
        if died:
            raise WorkerDiedError(died)

    def _fill(self, work: Callable[[Task], Result], ahead: Iterator[Task]) -> None:
        while len(self._pending) < AHEAD * self._threads:
            share = list(islice(ahead, self._share))
            if not share:
                return
            self._submit(work, share)

    def _submit(self, work: Callable[[Task], Result], share: list[Task]) -> None:
        # As bytes, and by a function that needs nothing of ours: a scheduler would load both.
        data = pickle.dumps((_carry_out, self._here, work, share))
        future = self._client.submit(_caller(), data, key=f"{KEY}-{uuid.uuid4().hex}", pure=False)
        self._pending[future.key] = (future, share)
        future.add_done_callback(self._done.put)

    def _next(self) -> Any:
        """The next future that ended; None where the scheduler was lost."""
        while True:
            try:
                future = self._done.get(timeout=LOOK_S)
            except Empty:
                if not self._look():
                    return None
            else:
                if future.key in self._pending:
                    return future

    def _look(self) -> bool:
        """Whether the scheduler is there; raises `PoolError` where it has had no worker for long."""
        if self._client.status != "running":
            return False
        try:
            threads = sum(self._client.nthreads().values())
        except (OSError, TimeoutError, CancelledError):
            return False
        if threads:
            self._threads, self._alone_since = threads, None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > RETURN_S:
            raise PoolError(
                "all workers of the scheduler are gone", self._address,
                f"start `dask worker {self._address}`, and run again; what was parsed is kept",
            )  # fmt: skip
        return True

    def _result(self, future: Any) -> Any:
        """What a task gave; raises what it raised, `_KilledError` or `_LostError`."""
        from distributed import KilledWorker

        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                raise _KilledError from error
            if isinstance(error, ImportError):
                raise PoolError(f"a worker {UNABLE} ({error})", self._address, REMEDY) from error
            raise error
        if future.status != "finished":
            raise _LostError
        try:
            return future.result(timeout=RETURN_S)
        except KilledWorker as error:
            raise _KilledError from error
        except (OSError, TimeoutError, CancelledError) as error:
            raise _LostError from error

    def _return(self, work: Callable[[Task], Result]) -> None:
        """Reach a scheduler that was started anew, and give it what the one before took along."""
        lost = [share for _, share in self._pending.values()]
        self._pending.clear()
        self._close()
        self._connect(RETURN_S)
        for share in lost:
            self._submit(work, share)

    def _connect(self, seconds: float) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise PoolError("Dask is not installed", self._address, "install `pressmark[dask]`") from error
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = Client(self._address, timeout=seconds, set_as_default=False, name=KEY)
        except (OSError, TimeoutError, ValueError) as error:
            raise PoolError(
                "the Dask scheduler does not answer", self._address, "start it, or mend the address, and run again"
            ) from error
        try:
            try:
                self._client.wait_for_workers(1, timeout=seconds)
            except (OSError, TimeoutError, CancelledError) as error:
                raise PoolError(
                    "the scheduler has no worker", self._address, f"start `dask worker {self._address}`, and run again"
                ) from error
            self._wait_for_others()
            self._threads = sum(self._client.nthreads().values()) or 1
        except BaseException:
            self._close()
            raise

    def _wait_for_others(self) -> None:
        """Return when no worker works for a run that ended; raises `PoolError` where one has another version."""
        until = time.monotonic() + ENDING_S
        while any(self._workers_busy()):
            if time.monotonic() > until:
                raise PoolError(
                    "a worker still works for a run that ended", self._address, "start that worker anew, and run again"
                )
            time.sleep(0.1)

    def _workers_busy(self) -> Iterator[bool]:
        """For each worker, whether it works for a run that ended."""
        found = self._client.run(_caller(), pickle.dumps((_describe,)), on_error="return")
        for worker, state in found.items():
            if isinstance(state, ImportError):
                raise PoolError(f"a worker {UNABLE} ({state})", worker, REMEDY) from state
            if not isinstance(state, BaseException):
                there, busy = state
                _check(there, self._here, worker)
                yield busy

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()


class _LostError(Exception):
    """A scheduler that was started anew knows nothing of a task, or its result is gone."""


class _KilledError(Exception):
    """Several workers died on a task."""


def _caller() -> Callable[..., Any]:
    """A function that calls what it is given as bytes. It has no name that could be imported, so it goes to workers
    and the scheduler as code, and only workers need pressmark."""

    def call(data: bytes, dask_worker: Any = None) -> Any:
        import pickle

        function, *arguments = pickle.loads(data)  # noqa: S301  # from the process that runs the ingest
        return function(dask_worker, *arguments)

    return call


def _carry_out(
    _: None, versions: Versions, work: Callable[[Task], Result], share: list[Task]
) -> tuple[float, list[Result], Exception | None]:
    """Do a share of the tasks in a worker, which may have come after the run began: the seconds it took, what they
    gave, and what one of them raised. Errors name the worker."""
    from distributed import get_worker

    worker = get_worker().address
    collects = gc.isenabled()
    # Batches leave no cycles behind, so collections would only cost time.
    gc.disable()
    started = time.perf_counter()
    results: list[Result] = []
    try:
        _check(_versions(), versions, worker)
        results.extend(map(work, share))
    # Given back, not raised: the client waits for ever for a task whose traceback it can't read.
    except Exception as error:  # noqa: BLE001
        return 0.0, results, _named(error, worker)
    else:
        return time.perf_counter() - started, results, None
    finally:
        if collects:
            gc.enable()


def _named(error: Exception, worker: str) -> Exception:
    """An error as this process shall see it, with the worker's address."""
    if isinstance(error, PoolError):
        return error
    if isinstance(error, PressmarkError):
        return type(error)(f"{error.what} (on the Dask worker {worker})", error.where, error.remedy)
    if isinstance(error, OSError):
        return PoolError(
            f"the Dask worker {worker} can't use a file ({error.strerror or error})", error.filename or "",
            "give source and output the same absolute paths on all machines, or keep both in an object store",
        )  # fmt: skip
    lines = "".join(traceback.format_exception(error)[-20:])
    return RuntimeError(f"{error!r} on the Dask worker {worker}\n{lines}")


def _describe(worker: Any) -> tuple[Versions, bool]:
    """A worker's versions, and whether it works for a run that ended: such a task goes on to its end."""
    busy = any(task.state != "executing" and str(task.key).startswith(KEY) for task in worker.state.executing)
    return _versions(), busy


def _check(there: Versions, here: Versions, worker: str) -> None:
    if tuple(there) != tuple(here):
        raise PoolError(f"a worker has {there}, and this machine {here}", worker, REMEDY)


def _versions() -> Versions:
    try:
        pressmark = version("pressmark")
    except PackageNotFoundError:
        pressmark = "uninstalled"
    return Versions(pressmark, CONTRACT_VERSION, parser_version(), pa.__version__)
