"""What makes runs: `ingest`, `load`, both directly or as recorded Prefect flows, `serve` and `ddl`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pressmark.flows import summary
from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, UsageError, settings_of
from pressmark.flows.lineage import ingest_told, load_told
from pressmark.flows.server import one_server, prefect_server
from pressmark.schemas.tables import ARTICLES, REVISIONS
from pressmark.storage.errors import PressmarkError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp, read_report
from pressmark.transforms.selection import FORGOTTEN

if TYPE_CHECKING:
    from pressmark.storage.runs import RunReport
    from pressmark.storage.settings import IngestSettings
    from pressmark.warehouses.loading import LoadReport

__all__ = ["ddl", "ingest", "load", "serve"]

log = logging.getLogger(__name__)


def ingest(arguments: argparse.Namespace) -> int:
    """Ingest, print the summary; the exit code."""
    from pressmark.storage.ingestion import plan_ingest
    from pressmark.storage.queries import doubts_about, outlet_counts, reject_lines

    settings = settings_of(arguments)
    if arguments.dry_run:
        with summary.ProgressDisplay() as progress:
            plan = plan_ingest(settings, new_stamp(), progress)
        for note in plan.notes:
            log.warning(note)
        print(summary.as_json(plan._asdict()) if arguments.json else f"{summary.plan_line(plan)}; nothing was changed")
        return EXIT_OK
    report = _ingest(settings, as_flow=_as_flow(arguments))
    output = Output(settings.output)
    # What is forgotten on purpose is no fault of the archive.
    rejects = [one for one in reject_lines(output, report.archive) if one.reason != FORGOTTEN]
    outlets, details = outlet_counts(output), read_report(output, report.run_id)
    if arguments.json:
        print(summary.as_json(report._asdict()))
    else:
        print(summary.text_of_run(report, outlets, rejects, details))
    problem = summary.why_nothing_came(settings, report, outlets)
    doubts = (
        doubts_about(output.scan(ARTICLES), output.scan(REVISIONS), report.archive, details["doubts"])
        if report.partitions_written else []
    )  # fmt: skip
    share = len(rejects) / max(report.sources, 1)
    if not problem and arguments.max_reject_share is not None and share > arguments.max_reject_share:
        problem = f"{share:.1%} of the sources are rejects, more than --max-reject-share allows; see the reasons"
    for note in (*details["notes"], *summary.doubt_lines(doubts), *filter(None, [problem])):
        log.warning(note)
    if arguments.report and not _as_flow(arguments):
        _report(settings.output)
    return EXIT_NOTHING if problem or (arguments.strict and rejects) else EXIT_OK


def _report(output: str) -> None:
    """Write the report for people; that it can't be written is a warning, as the ingest came to its end."""
    from pressmark.views.report import write_report

    try:
        written = write_report(output)
    except PressmarkError as error:
        log.warning(error)
    else:
        print(f"report: {written.address}", file=sys.stderr)


def _as_flow(arguments: argparse.Namespace) -> bool:
    return bool(arguments.flow or os.environ.get("PREFECT_API_URL"))


def _ingest(settings: IngestSettings, *, as_flow: bool) -> RunReport:
    from pressmark.storage.ingestion import ingest as ingest_directly

    if as_flow:
        with prefect_server():
            # Prefect takes seconds to import, and reads its settings once: when the server's address is known.
            from pressmark.flows.ingest import ingest as flow

            report: RunReport = flow(**settings.parameters())
            return report
    with ingest_told(settings) as tell, summary.ProgressDisplay() as progress:
        report = ingest_directly(progress=progress, **asdict(settings))
        tell(report)
        return report


def load(arguments: argparse.Namespace) -> int:
    """Load, print what was sent and reconciled; the exit code."""
    from pressmark.warehouses.address import parse_address
    from pressmark.warehouses.loading import load_output, plan_load

    if not arguments.destination:
        raise UsageError("no destination is named", "pressmark load", "give one, here or in PRESSMARK_DESTINATION")
    address = parse_address(arguments.destination)
    output = Output(arguments.output)
    if arguments.dry_run:
        plan = summary.load_plan(plan_load(output, address, new_stamp().run_id, full=arguments.full))
        print(summary.as_json(plan) if arguments.json else summary.text_of_load_plan(plan, address.shown))
        return EXIT_OK
    if _as_flow(arguments):
        with prefect_server():
            from pressmark.flows.load import as_parameter
            from pressmark.flows.load import load as flow

            report: LoadReport = flow(arguments.output, as_parameter(address), arguments.full)
    else:
        with load_told(arguments.output, address) as tell, summary.ProgressDisplay() as progress:
            report = load_output(output, address, new_stamp().run_id, progress, full=arguments.full)
            tell(report)
    record = {**asdict(report), "tables": [table._asdict() for table in report.tables]}
    print(summary.as_json(record) if arguments.json else summary.text_of_load(report))
    return EXIT_OK


def ddl(arguments: argparse.Namespace) -> int:
    """Print the statements, each with its semicolon; the exit code."""
    from pressmark.warehouses.ddl import statements

    print("\n\n".join(f"{statement};" for statement in statements(arguments.dialect, arguments.location)))
    return EXIT_OK


def serve(arguments: argparse.Namespace) -> int:
    """Serve until stopped; the exit code."""
    from pressmark.storage.inputs.opening import absolute, open_input
    from pressmark.storage.inputs.opening import parse_address as parse_input
    from pressmark.warehouses.address import parse_address

    settings = settings_of(arguments)
    settings = replace(settings, source=absolute(settings.source), output=absolute(settings.output))
    open_input(parse_input(settings.source))
    destination = parse_address(arguments.destination).absolute() if arguments.destination else None
    crons = [arguments.verify_cron, *([] if arguments.interval else [arguments.cron])]
    with one_server(), prefect_server(ui=True, first=lambda: _check_crons(crons)) as address:
        from pressmark.flows.serving import Schedule, deployments, serve_until_stopped

        schedule = Schedule(arguments.cron, arguments.interval, arguments.verify_cron)
        served = deployments(settings, destination, schedule)
        print(f"Prefect: {address.removesuffix('/api')}\n{schedule.shown(destination)}", flush=True)
        # A signal before the runner listens comes as an interrupt, and means the same.
        with contextlib.suppress(KeyboardInterrupt):
            serve_until_stopped(served, address)
        # Ending the server takes a moment in which a second Ctrl-C would leave it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("stopping …", file=sys.stderr, flush=True)
    return EXIT_OK


def _check_crons(crons: list[str]) -> None:
    from prefect._vendor.croniter import croniter  # type: ignore[attr-defined]
    from prefect.client.schemas.schedules import CronSchedule

    for cron in crons:
        try:
            CronSchedule(cron=cron)
            # The 31st of February is an expression, and never comes.
            croniter(cron).get_next()  # type: ignore[no-untyped-call]
        except ValueError:
            remedy = "write five fields, minute to day of the week, as in `0 * * * *`, that come some day"
            raise UsageError("this is no cron expression", cron, remedy) from None
