"""The deployments of an output, and the process that runs them until it is stopped. Imported once the address of a
Prefect server is known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from pressmark.flows.cli import EXIT_FAILED
from pressmark.flows.ingest import ingest
from pressmark.flows.load import as_parameter, load
from pressmark.flows.recording import SERVING, say
from pressmark.flows.recovery import DEPLOYMENT, Watch, drop_missed, recover
from pressmark.flows.server import ServerError
from pressmark.flows.verify import verify

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

    from pressmark.storage.settings import IngestSettings
    from pressmark.warehouses.address import DestinationAddress

__all__ = ["Schedule", "deployments", "serve_until_stopped"]

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
