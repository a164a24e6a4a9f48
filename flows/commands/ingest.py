"""`pressmark ingest`: the job, directly or as a recorded Prefect flow."""

from __future__ import annotations

import argparse
import gc
import json
import os
from dataclasses import asdict

from flows.cli import EXIT_OK, EXIT_REJECTS, MIB
from flows.job import run_ingest
from flows.progress import ProgressDisplay
from flows.stamp import new_stamp
from flows.summary import text_of_plan, text_of_run
from storage.ingestion import RunReport, Settings, plan_ingest
from storage.layout import Output
from storage.overview import outlet_counts, reject_lines
from storage.reports import read_report
from transforms.records import Limits

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Ingest, print the summary; the exit code."""
    settings = Settings(
        source=arguments.source,
        output=arguments.output,
        workers=arguments.workers,
        absent_is_deleted=arguments.sync,
        limits=Limits(source_bytes=arguments.max_source_mib * MIB),
    )
    if arguments.dry_run:
        with ProgressDisplay() as progress:
            plan = plan_ingest(settings, new_stamp(), progress)
        print(json.dumps(plan._asdict()) if arguments.json else text_of_plan(plan))
        return EXIT_OK
    if arguments.flow or os.environ.get("PREFECT_API_URL"):
        report = _recorded(settings)
    else:
        # A run's records hold no cycles, so collections would only cost time.
        gc.disable()
        try:
            with ProgressDisplay() as progress:
                report = run_ingest(settings, progress)
        finally:
            gc.enable()
    output = Output(settings.output)
    if arguments.json:
        print(json.dumps(asdict(report), default=str))
    else:
        changes = read_report(output, report.run_id)["changes"]
        print(text_of_run(report, outlet_counts(output), reject_lines(output), changes))
    return EXIT_REJECTS if arguments.strict and report.rejects else EXIT_OK


def _recorded(settings: Settings) -> RunReport:
    # Prefect takes seconds to import, so only a recorded run does it.
    from flows.server import prefect_server

    with prefect_server():
        from flows.ingest import ingest_settings

        return ingest_settings(settings)
