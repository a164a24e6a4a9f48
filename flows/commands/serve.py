"""`pressmark serve`: an output's deployments on a local Prefect server, or on the one of PREFECT_API_URL."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.commands.ingest import selection_of
from pressmark.flows.server import prefect_server
from pressmark.storage.errors import PressmarkError
from pressmark.storage.inputs.opening import absolute, open_input
from pressmark.storage.inputs.opening import parse_address as parse_input
from pressmark.warehouses.address import parse_address

if TYPE_CHECKING:
    from pressmark.flows.serving import Plan

__all__ = ["ScheduleError", "run"]


class ScheduleError(PressmarkError):
    """The schedule can't be kept: mend the expression."""


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; the exit code."""
    source = absolute(arguments.source)
    open_input(parse_input(source))
    selection_of(arguments)
    destination = parse_address(arguments.destination).absolute() if arguments.destination else None
    with prefect_server(ui=True) as address:
        # Prefect reads its settings once, so it is imported when the server is known.
        from pressmark.flows.serving import Plan, deployments, serve_until_stopped

        plan = Plan(
            source, arguments.output, destination, arguments.cron, arguments.interval, arguments.verify_cron,
            arguments.workers, arguments.include, arguments.exclude, arguments.history, arguments.sync,
        )  # fmt: skip
        try:
            served = deployments(plan)
        except ValueError as error:
            raise ScheduleError(
                "this is no cron expression",
                f"{plan.cron}`, `{plan.verify_cron}",
                "write five fields as in `0 * * * *`",
            ) from error
        print(_served(plan, address))
        sys.stdout.flush()
        # A signal before the runner listens comes as an interrupt, and means the same.
        with contextlib.suppress(KeyboardInterrupt):
            serve_until_stopped(served)
        # Ending the server takes a moment in which a second Ctrl-C would leave it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("stopping …", file=sys.stderr, flush=True)
    return EXIT_OK


def _served(plan: Plan, address: str) -> str:
    when = f"every {plan.interval_s} s" if plan.interval_s else f"cron `{plan.cron}`"
    into = plan.destination
    lines = [
        f"Prefect: {address.removesuffix('/api')}",
        f"  ingest/pressmark   {when}",
        *([f"  load/pressmark     after an ingest that changed something, into {into.shown}"] if into else []),
        f"  verify/pressmark   cron `{plan.verify_cron}`",
        "times of cron are UTC; stop with Ctrl-C",
    ]
    return "\n".join(lines)
