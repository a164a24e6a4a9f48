"""What recorded runs share at the Prefect server: options of tasks, logs, one writer per output, progress, lineage."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.assets import Asset, AssetProperties, materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import Task

from pressmark.schemas import TABLES
from pressmark.storage.errors import LockedError, PressmarkError
from pressmark.storage.inputs.opening import absolute
from pressmark.storage.output.store import Progress
from pressmark.warehouses.address import DestinationBusyError

__all__ = [
    "MISSED", "RETRIED", "SERVING", "UNCACHED", "StageArtifacts", "address_of", "asset", "patient",
    "record_lineage", "say", "table_assets", "this_run",
]  # fmt: skip

T = TypeVar("T")
log = logging.getLogger(__name__)

SERVING: Final = "PRESSMARK_SERVING"
# The name of the state of runs that were not begun, as a later one does their work.
MISSED: Final = "Missed"
WAIT_S: Final = 3600.0
LOOK_S: Final = 5.0
# An update of an artifact is a request to the server.
UPDATE_S: Final = 5.0
# Steps of runs that may change nothing, and then leave nothing.
QUIET: Final = ("lock", "compare", "discover", "plan")
# What Prefect does not take in the key of an asset.
REFUSED: Final = re.compile(r"""[\s\0#?&%"'<>\[\]{}|\\^`]""")
LONGEST_KEY: Final = 512


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure may pass: another's load does; an error that names a remedy waits for a person."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, DestinationBusyError) or not isinstance(error, PressmarkError)


# Rows stay in the output's staging: results are counts, and mean something within their run only.
UNCACHED: Final[dict[str, Any]] = {"cache_policy": NO_CACHE, "persist_result": False}
RETRIED: Final[dict[str, Any]] = {
    **UNCACHED, "retries": 2, "retry_delay_seconds": [2, 10], "retry_condition_fn": _may_pass
}  # fmt: skip


class _OneLine(logging.Filter):
    """Leaves the traceback out where an error says itself what is wrong and where: ours, and the system's."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, PressmarkError | OSError):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


def _follow_parent() -> None:
    """End this run, which holds the output's lock, when the process that serves it is gone. No published row is
    lost."""
    while os.getppid() == int(os.environ[SERVING]):
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_OneLine())
if os.environ.get(SERVING, str(os.getpid())) != str(os.getpid()):
    threading.Thread(target=_follow_parent, daemon=True).start()
# What storage and warehouses log goes where Prefect sends it: PREFECT_LOGGING_EXTRA_LOGGERS names this logger.
logging.getLogger("pressmark").setLevel(logging.INFO)


def say(line: str) -> None:
    """Print one line about a finished run, where `pressmark serve` runs it."""
    if os.environ.get(SERVING):
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {line}", flush=True)


@contextlib.contextmanager
def patient(opened: Callable[[], contextlib.AbstractContextManager[T]]) -> Iterator[T]:
    """The block under what is opened, which is tried again while another run writes to the output. Prefect's own limits
    would keep runs apart as well, but outlive a run that is killed by minutes."""
    with contextlib.ExitStack() as stack:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                entered = stack.enter_context(opened())
                break
            except LockedError as error:
                if time.monotonic() > until:
                    raise
                log.warning("waiting: %s", error)
                time.sleep(LOOK_S)
        yield entered


class StageArtifacts:
    """Progress artifacts of a flow run, one for each step that changes something and takes more than a few seconds;
    `shown` is called for all steps."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._began: dict[str, float] = {}
        self._artifacts: dict[str, tuple[UUID, float]] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        self._shown(step, done, total)
        now = time.monotonic()
        if not total or step in QUIET or now - self._began.setdefault(step, now) < UPDATE_S:
            return
        share = 100.0 * min(done, total) / total
        if step not in self._artifacts:
            what = f"Share of `{step}` that is done"
            artifact = cast("UUID", create_progress_artifact(share, key=f"ingest-{step}", description=what))
            self._artifacts[step] = (artifact, now)
        elif done >= total or now - self._artifacts[step][1] >= UPDATE_S:
            artifact, _ = self._artifacts[step]
            update_progress_artifact(artifact, share)
            self._artifacts[step] = (artifact, now)


def this_run() -> tuple[str, str]:
    """Name and id of the flow run that this is."""
    return flow_run.name or "", flow_run.id or ""


def address_of(source: str) -> str:
    """An input as an address of a kind that Prefect takes for an asset."""
    address = absolute(source)
    return address.removeprefix("git+") if "://" in address else Path(address).as_uri()


def asset(address: str, name: str, description: str) -> Asset:
    """An asset with a key that Prefect takes, whatever the address holds."""
    properties = AssetProperties(name=name, description=description)
    return Asset(key=REFUSED.sub("_", address)[:LONGEST_KEY], properties=properties)


def table_assets(output: str) -> list[Asset]:
    """One asset for each table of an output."""
    root = address_of(output)
    return [asset(f"{root}/{table}", table, f"Table {table} of a pressmark output") for table in TABLES]


def record_lineage(made: Sequence[Asset], sources: Sequence[Asset]) -> None:
    """Show the server which assets were made from which: a task run that does nothing else."""
    deps: list[str | Asset] = [*sources]
    recorded = materialize(*made, by="pressmark", asset_deps=deps, name="lineage", task_run_name="lineage", **UNCACHED)
    recorded(lambda: None)()
