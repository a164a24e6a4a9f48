"""The deployments of an output and the process that runs them until it is told to stop.

Imported once the address of a Prefect server is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from pressmark.flows.destinations import as_parameter
from pressmark.flows.ingest import ingest
from pressmark.flows.load import load
from pressmark.flows.recording import SERVING
from pressmark.flows.verify import verify
from pressmark.storage.inputs.opening import absolute

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

    from pressmark.warehouses.address import Address

__all__ = ["Plan", "deployments", "serve_until_stopped"]

# Runs that are due while one of their kind has not ended wait for it, and then find little to do.
ONE: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
# Flows are named by module, so that runs start in any folder.
MODULE: Final = EntrypointType.MODULE_PATH
POLL_S: Final = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is served: an archive, its output, where it is loaded to, and when."""

    source: str
    output: Path | str
    destination: Address | None
    cron: str
    interval_s: int | None
    verify_cron: str
    workers: int
    include: list[str]
    exclude: list[str]
    history: bool
    sync: bool | None


def deployments(plan: Plan) -> list[RunnerDeployment]:
    """`ingest` on its schedule, `verify` nightly, and `load`, which `ingest` runs when it changed something."""
    source, output = plan.source, absolute(str(plan.output))
    when: dict[str, Any] = {"interval": plan.interval_s} if plan.interval_s else {"cron": plan.cron}
    served = [
        ingest.to_deployment(
            "pressmark",
            parameters={
                "source": source,
                "output": output,
                "workers": plan.workers,
                "include": plan.include,
                "exclude": plan.exclude,
                "history": plan.history,
                "sync": plan.sync,
                "then_run": "load/pressmark" if plan.destination else None,
            },
            description=f"Ingests `{source}` into `{output}`.",
            concurrency_limit=ONE,
            entrypoint_type=MODULE,
            **when,
        ),
        verify.to_deployment(
            "pressmark",
            parameters={"output": output, "source": source, "workers": plan.workers},
            description=f"Checks the laws on every row of `{output}`.",
            concurrency_limit=ONE,
            entrypoint_type=MODULE,
            cron=plan.verify_cron,
        ),
    ]
    if plan.destination:
        served.append(
            load.to_deployment(
                "pressmark",
                parameters={"output": output, "destination": as_parameter(plan.destination)},
                description=f"Loads `{output}` into `{plan.destination.shown}`.",
                concurrency_limit=ONE,
                entrypoint_type=MODULE,
            )
        )
    return served  # type: ignore[return-value]  # outside an event loop these are no coroutines


def serve_until_stopped(served: Sequence[RunnerDeployment]) -> None:
    """Run what is due until SIGINT or SIGTERM; then end the runs under way and pause the schedules."""
    os.environ[SERVING] = "1"
    asyncio.run(_serve(served))


async def _serve(served: Sequence[RunnerDeployment]) -> None:
    runner = Runner(name="pressmark", query_seconds=POLL_S, pause_on_shutdown=True)
    for deployment in served:
        await runner.aadd_deployment(deployment)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.start())
    while not runner.started and not running.done():
        await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # After the runner's own handler, which waits for the loop that it runs in.
        loop.add_signal_handler(number, stop.set)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await runner.astop()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
