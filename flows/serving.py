"""The deployments of an output, and the process that runs them until it is stopped. What keeps a schedule alive: runs
whose process is gone are ended at its start; a lost server, a runner that stands still and a clock that jumped are seen
while it runs. Imported once the address of a Prefect server is known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, VariableCreate, VariableUpdate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed
from prefect.types.entrypoint import EntrypointType

from pressmark.flows.cli import EXIT_FAILED
from pressmark.flows.ingest import ingest
from pressmark.flows.load import as_parameter, load
from pressmark.flows.recording import MISSED, SERVING, say
from pressmark.flows.server import ServerError, prefect_home
from pressmark.flows.verify import verify

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment

    from pressmark.storage.settings import IngestSettings
    from pressmark.warehouses.address import DestinationAddress

__all__ = ["DEPLOYMENT", "Schedule", "Watch", "deployments", "drop_missed", "recover", "serve_until_stopped"]

DEPLOYMENT: Final = "pressmark"
OURS: Final = DeploymentFilter.model_validate({"name": {"any_": [DEPLOYMENT]}})
HEARTBEAT: Final = "pressmark_heartbeat"
LEFT: Final = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
# How often the server is asked, and how long it may take.
BEAT_S: Final = 5.0
AGAIN_S: Final = 2.0
ANSWER_S: Final = 20.0
# How long a server may be gone, and how long a busy one may refuse: with ten
# busy processes on two cores it gave no answer for a minute.
GONE_S: Final = 10.0
BUSY_S: Final = 120.0
# How long the runner may ask for no runs, as it does every few seconds; and a step of the clock that is no adjustment.
STALL_S: Final = 120.0
JUMP_S: Final = 30.0


async def recover(client: PrefectClient) -> list[str]:
    """A line for each run that nobody carries out any more (marked as crashed), each slot that none holds (freed), and
    for runs that were missed (dropped, but for the latest)."""
    lines: list[str] = []
    if await client.read_variable_by_name(HEARTBEAT) is None:
        await client.create_variable(VariableCreate(name=HEARTBEAT, value=_beat_now()))
    for deployment in await client.read_deployments(deployment_filter=OURS):
        for run in await _runs(client, deployment, *LEFT):
            what = "its process ended without a word, as `pressmark serve` or the machine did"
            await client.set_flow_run_state(run.id, Crashed(message=f"{what}; the next run does its work"), force=True)
            lines.append(f"run `{run.name}` was left behind: {what}; marked as crashed")
        # Read again: a run that was marked has given its slot back.
        held = (await client.read_deployment(deployment.id)).global_concurrency_limit
        if held is not None and held.active_slots:
            await client.update_global_concurrency_limit(held.name, GlobalConcurrencyLimitUpdate(active_slots=0))
            lines.append(f"a slot of {held.name} was held by no run; freed")
    return [*lines, *await drop_missed(client)]


async def drop_missed(client: PrefectClient) -> list[str]:
    """Cancel all but the latest of the scheduled runs that each deployment should have begun; a line for each."""
    lines, now = [], datetime.now(UTC)
    for deployment in await client.read_deployments(deployment_filter=OURS):
        waiting = await _runs(client, deployment, StateType.SCHEDULED)
        missed = [
            one for one in waiting if one.auto_scheduled and one.expected_start_time and one.expected_start_time < now
        ]
        for run in missed[:-1]:
            # Not deleted: the runner may just be about to begin it.
            await client.set_flow_run_state(run.id, Cancelled(name=MISSED, message="a later run does its work"))
        if missed[1:]:
            lines.append(f"{len(missed)} runs were missed, the latest is made up for: {deployment.description}")
    return lines


async def _runs(client: PrefectClient, deployment: DeploymentResponse, *states: StateType) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": list(states)}}}),
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment.id]}}),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


class Watch:
    """Looks at the server and the runner from a thread of its own, which goes on where the runner's loop does not.
    `lost` is called once with what is wrong, and looking ends."""

    def __init__(self, polled: Callable[[], object], lost: Callable[[str], Any]) -> None:
        self._polled = polled
        self._lost = lost
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        self._ended.set()

    def _look(self) -> None:
        last, moved_at, offset = self._polled(), time.monotonic(), time.time() - time.monotonic()
        reason, good_at = "", moved_at
        while not self._ended.wait(AGAIN_S if reason else BEAT_S):
            reason, patience_s = self._beat()
            if not reason:
                good_at = time.monotonic()
            if (polled := self._polled()) != last:
                last, moved_at = polled, time.monotonic()
            gone = reason and time.monotonic() - good_at > patience_s
            problem = f"the Prefect server is lost: {reason}" if gone else ""
            if time.monotonic() - moved_at > STALL_S:
                problem = f"no run was asked for in {STALL_S:.0f} s, so none would begin"
            step_s = time.time() - time.monotonic() - offset
            if abs(step_s) > JUMP_S:
                # A server plans by the clock, and waits for an hour where that was set back by one.
                problem = f"the clock was set by {step_s:+.0f} s, so runs would begin too late or all at once"
            if problem and not self._ended.is_set():
                self._lost(problem)
                return

    def _beat(self) -> tuple[str, float]:
        """Have the server write a line, as one whose database is full or locked answers other requests; why it could
        not, or nothing, and for how many seconds that may go on."""
        # Prefect's client would try again for minutes.
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": ANSWER_S}) as client,
        ):
            try:
                client.update_variable(VariableUpdate(name=HEARTBEAT, value=_beat_now()))
            except httpx.HTTPStatusError as error:
                free = shutil.disk_usage(prefect_home()).free / 1e6
                code = error.response.status_code
                return f"it answers a change with {code}; PREFECT_HOME has {free:.0f} MB free", BUSY_S
            except httpx.HTTPError as error:
                patience_s = GONE_S if isinstance(error, httpx.ConnectError) else BUSY_S
                return f"it gives no answer ({type(error).__name__})", patience_s
        return "", 0.0


def _beat_now() -> dict[str, Any]:
    return {"process": os.getpid(), "at": datetime.now(UTC).isoformat()}


# Runs that are due while one of their kind has not ended wait for it, and then find little to do.
ONE: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
POLL_S: Final = 5
SHORTEN_S: Final = 30
# How long runs under way may take to end.
STOP_S: Final = 15


class Schedule(NamedTuple):
    """When to ingest, by a cron expression or every so many seconds, and when to verify."""

    cron: str
    interval_s: int | None
    verify_cron: str

    def shown(self, destination: DestinationAddress | None) -> str:
        lines = [f"  ingest/pressmark   {f'every {self.interval_s} s' if self.interval_s else f'cron `{self.cron}`'}"]
        if destination is not None:
            lines.append(f"  load/pressmark     after an ingest that changed something, into {destination.shown}")
        lines.append(f"  verify/pressmark   cron `{self.verify_cron}`")
        return "\n".join([*lines, "times of cron are UTC; stop with Ctrl-C"])


def deployments(
    settings: IngestSettings, destination: DestinationAddress | None, schedule: Schedule
) -> list[RunnerDeployment]:
    """`ingest` on its schedule, `verify` nightly, and `load`, which `ingest` runs when it changed something."""
    # Flows are named by module, so that runs start in any folder.
    shared: dict[str, Any] = {"concurrency_limit": ONE, "entrypoint_type": EntrypointType.MODULE_PATH}
    when: dict[str, Any] = {"interval": schedule.interval_s} if schedule.interval_s else {"cron": schedule.cron}
    source, output = settings.source, settings.output
    then_run = "load/pressmark" if destination else None
    served: list[Any] = [
        ingest.to_deployment(
            DEPLOYMENT, parameters={**settings.parameters(), "then_run": then_run},
            description=f"Ingests `{source}` into `{output}`.", **when, **shared,
        ),
        verify.to_deployment(
            DEPLOYMENT, parameters={"output": output, "workers": settings.workers},
            description=f"Checks the laws on every row of `{output}`.", cron=schedule.verify_cron, **shared,
        ),
    ]  # fmt: skip
    if destination is not None:
        parameters = {"output": output, "destination": as_parameter(destination)}
        what = f"Loads `{output}` into `{destination.shown}`."
        served.append(load.to_deployment(DEPLOYMENT, parameters=parameters, description=what, **shared))
    return served


def serve_until_stopped(served: Sequence[RunnerDeployment], address: str) -> None:
    """Run what is due until SIGINT or SIGTERM; then end the runs under way and pause the schedules. Ends the program
    where the server or the runner can't go on; raises `ServerError` where they can't begin."""
    os.environ[SERVING] = str(os.getpid())
    try:
        asyncio.run(_serve(served, address))
    except (httpx.HTTPError, ObjectNotFound) as error:
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        raise ServerError(
            f"the Prefect server can't be used: it answers with {status}", address,
            "look at the server and the disk of its PREFECT_HOME",
        ) from None  # fmt: skip


async def _serve(served: Sequence[RunnerDeployment], address: str) -> None:
    runner = Runner(name="pressmark", query_seconds=POLL_S, pause_on_shutdown=True)
    for deployment in served:
        await runner.aadd_deployment(deployment)
    async with get_client() as client:
        for line in await recover(client):
            say(line)
    # A terminal sends Ctrl-C to the runs, too, which would tell of it in tracebacks. They inherit that it is blocked;
    # another thread takes it for this process.
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    running = asyncio.create_task(runner.start())
    while not runner.started and not running.done():
        await asyncio.sleep(0.05)
    for number in (signal.SIGINT, signal.SIGTERM):
        # After the runner's own handler, which waits for the loop that it runs in.
        loop.add_signal_handler(number, stop.set)

    shortening = asyncio.create_task(_shorten_queue())
    watch = Watch(lambda: runner.last_polled, lambda problem: _leave(problem, address))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    watch.end()
    waiting.cancel()
    shortening.cancel()
    try:
        async with asyncio.timeout(STOP_S):
            if not running.done():
                await runner.astop()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    except TimeoutError:
        _leave(f"what was under way did not end in {STOP_S} s", address)
    except (RuntimeError, ExceptionGroup) as error:
        _leave(f"the runner ended by itself ({error})", address)


def _leave(what: str, address: str) -> NoReturn:
    """End here and now: the loop may stand still, and its orderly end asks the server for a minute. The server that was
    started here and the runs end with this process, and the next start marks the runs."""
    remedy = "start it again, as systemd does; if that is no help, look at the server and the disk of its PREFECT_HOME"
    error = ServerError(what, address, remedy)
    print(f"pressmark: {error}", file=sys.stderr, flush=True)
    os._exit(EXIT_FAILED)


async def _shorten_queue() -> None:
    """Let no more than one run of a kind wait, where runs take longer than the time between them."""
    while True:
        await asyncio.sleep(SHORTEN_S)
        with contextlib.suppress(httpx.HTTPError, ObjectNotFound):
            async with get_client() as client:
                await drop_missed(client)
