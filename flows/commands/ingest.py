"""`pressmark ingest`: the job, directly or as a recorded Prefect flow."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys

from pressmark.flows.cli import EXIT_OK, EXIT_REJECTS, MIB
from pressmark.flows.job import run_ingest
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.stamp import new_stamp
from pressmark.flows.summary import text_of_plan, text_of_run
from pressmark.storage.errors import InputError
from pressmark.storage.ingestion import plan_ingest
from pressmark.storage.inputs.source import ArchiveLimits
from pressmark.storage.overview import outlet_counts, reject_lines
from pressmark.storage.planning import Settings
from pressmark.storage.reports import read_report
from pressmark.storage.runs import RunReport
from pressmark.transforms.records import Limits
from pressmark.transforms.selection import BadPatternError, Selection, Wanted

__all__ = ["run", "selection_of"]


def run(arguments: argparse.Namespace) -> int:
    """Ingest, print the summary; the exit code."""
    settings = Settings(
        source=arguments.source,
        output=arguments.output,
        workers=arguments.workers,
        absent_is_deleted=arguments.sync,
        limits=Limits(source_bytes=arguments.max_source_mib * MIB),
        selection=selection_of(arguments),
        history=arguments.history,
        archive_limits=ArchiveLimits(arguments.max_ratio, arguments.max_unpacked_gib << 30),
        wanted=Wanted(arguments.since, tuple(arguments.outlet), arguments.limit),
        partition_by=arguments.partition,
        part_bytes=arguments.max_part_mib * MIB,
        dask=arguments.dask,
        single_writer=arguments.single_writer,
    )
    if arguments.dry_run:
        with ProgressDisplay() as progress:
            plan = plan_ingest(settings, new_stamp(), progress)
        for note in plan.notes:
            print(f"note: {note}", file=sys.stderr)
        print(json.dumps(plan._asdict()) if arguments.json else text_of_plan(plan))
        return EXIT_OK
    if arguments.flow or os.environ.get("PREFECT_API_URL"):
        report = _recorded(settings)
    else:
        # A run's records hold no cycles, so collections would only cost time.
        gc.disable()
        try:
            with ProgressDisplay() as progress:
                report = run_ingest(settings, progress, early=arguments.early)
        finally:
            gc.enable()
    output = settings.output_at
    if arguments.json:
        print(json.dumps(report._asdict(), default=str))
    else:
        details = read_report(output, report.run_id)
        for note in details["notes"]:
            print(f"note: {note}", file=sys.stderr)
        print(text_of_run(report, outlet_counts(output), reject_lines(output), details["changes"]))
    return EXIT_REJECTS if arguments.strict and report.rejects else EXIT_OK


def selection_of(arguments: argparse.Namespace) -> Selection:
    """The files that the arguments choose; raises `InputError` where a pattern is none."""
    try:
        return Selection(tuple(arguments.include), tuple(arguments.exclude))
    except BadPatternError as error:
        raise InputError("a pattern is wrong", str(error), "write it as in `.gitignore`") from error


def _recorded(settings: Settings) -> RunReport:
    # Prefect takes seconds to import, so only a recorded run does it.
    from pressmark.flows.server import prefect_server

    with prefect_server():
        from pressmark.flows.ingest import ingest_settings

        return ingest_settings(settings)
