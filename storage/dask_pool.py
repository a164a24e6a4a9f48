"""Workers on many machines, reached through a Dask scheduler. Only addresses and counts travel to them and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final, TypeVar

from schemas.contract import CONTRACT_VERSION
from storage.errors import PoolError
from storage.versions import parser_version
from storage.workers import WorkerDiedError
from transforms.plan import batches

__all__ = ["DaskPool"]

# A task costs the scheduler about a millisecond and a worker some requests, whatever its size: see `docs/scale.md`.
BATCH_BYTES: Final = 8 << 20
AHEAD: Final = 4
CONNECT_S: Final = 10
RETRIES: Final = 3

Task = TypeVar("Task")
Result = TypeVar("Result")


class DaskPool:
    """The workers of the scheduler at an address. Raises `PoolError` where it can't be reached, or where a worker has
    another version of pressmark."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None

    def __enter__(self) -> DaskPool:
        try:
            from distributed import Client
        except ImportError as error:
            raise PoolError("Dask is not installed", self._address, "install `pressmark[dask]`") from error
        try:
            self._client = Client(self._address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise PoolError(
                f"the Dask scheduler does not answer ({error})", self._address, "start it, or mend the address"
            ) from error
        try:
            self._check_versions()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def batches(self, sizes: Sequence[int]) -> list[range]:
        threads = sum(self._client.nthreads().values()) or 1
        return batches(sizes, threads, most=BATCH_BYTES)

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come. A task whose worker died is given to another one, by the scheduler or, where that was
        started anew, by this process. Raises `WorkerDiedError` for tasks that several workers died on."""
        from distributed import as_completed

        ahead = iter(tasks)
        threads = sum(self._client.nthreads().values()) or 1
        pending = {self._submit(work, task): task for task in islice(ahead, AHEAD * threads)}
        completed = as_completed(pending, loop=self._client.loop)
        died: list[Any] = []
        tries: dict[int, int] = {}
        while pending:
            future = next(completed)
            task = pending.pop(future)
            if future.status == "finished":
                result = future.result()
                for following in islice(ahead, 1):
                    another = self._submit(work, following)
                    pending[another] = following
                    completed.add(another)
                yield result
                continue
            again = self._outcome(future, task, tries, died)
            if again:
                another = self._submit(work, task)
                pending[another] = task
                completed.add(another)
        if died:
            raise WorkerDiedError(died)

    def survives(self, work: Callable[[Task], object], task: Task) -> bool:
        """Whether a worker lives through `work(task)`."""
        from distributed import KilledWorker

        future = self._client.submit(work, task, pure=False, retries=0)
        try:
            future.result()
        except KilledWorker:
            return False
        return True

    def _submit(self, work: Callable[[Task], Result], task: Task) -> Any:
        return self._client.submit(work, task, pure=False)

    def _outcome(self, future: Any, task: Any, tries: dict[int, int], died: list[Any]) -> bool:
        """Whether a task that did not finish is to be tried again; raises what it raised where it is not."""
        from distributed import KilledWorker

        if future.status == "error":
            error = future.exception()
            if not isinstance(error, KilledWorker):
                raise error
            died.append(task)
            return False
        # Cancelled or lost: the scheduler was started anew and knows nothing of it.
        tries[id(task)] = tries.get(id(task), 0) + 1
        if tries[id(task)] > RETRIES:
            raise PoolError(
                "the Dask scheduler lost a task again and again", self._address, "look at its log, and run again"
            )
        self._client.wait_for_workers(1, timeout=60)
        return True

    def _check_versions(self) -> None:
        here = _versions()
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise PoolError(
                "the scheduler has no worker", self._address, f"start `dask worker {self._address}`"
            ) from error
        found = self._client.run(_versions, on_error="return")
        for worker, versions in found.items():
            if isinstance(versions, BaseException):
                raise PoolError(
                    f"a worker can't load pressmark ({versions})", worker, "install pressmark with the same lock there"
                )
            if versions != here:
                raise PoolError(
                    f"a worker has contract {versions[0]} and parser {versions[1]}, not {here[0]} and {here[1]}",
                    worker, "install the same pressmark there, and start the worker again",
                )  # fmt: skip


def _versions() -> tuple[str, str]:
    """Versions of the contract and of all that decides what a row says."""
    return CONTRACT_VERSION, parser_version()
