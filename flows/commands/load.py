"""`pressmark load`: the changed partitions of an output into a destination, directly or as a recorded Prefect flow."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import Any

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.destinations import as_parameter
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.stamp import new_stamp
from pressmark.flows.summary import text_of_load, text_of_load_plan
from pressmark.storage.output.tables import Output
from pressmark.warehouses.address import Address, parse_address
from pressmark.warehouses.errors import DestinationError
from pressmark.warehouses.loading import LoadPlan, LoadReport, load_output, plan_load

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Load, print what was sent and reconciled; the exit code."""
    if not arguments.destination:
        raise DestinationError(
            "no destination is named", "PRESSMARK_DESTINATION", "give one as argument or in that variable"
        )
    address = parse_address(arguments.destination)
    output = Output(arguments.output)
    if arguments.dry_run:
        plan = plan_load(output, address, new_stamp().run_id, full=arguments.full)
        print(json.dumps(_plan_record(plan)) if arguments.json else text_of_load_plan(plan, address.shown))
        return EXIT_OK
    if arguments.flow or os.environ.get("PREFECT_API_URL"):
        report = _recorded(output, address, full=arguments.full)
    else:
        report = _direct(output, address, full=arguments.full)
    print(json.dumps(_record(report), default=str) if arguments.json else text_of_load(report))
    return EXIT_OK


def _direct(output: Output, address: Address, *, full: bool) -> LoadReport:
    with ProgressDisplay() as progress:
        return load_output(output, address, new_stamp().run_id, progress, full=full)


def _recorded(output: Output, address: Address, *, full: bool) -> LoadReport:
    # Prefect takes seconds to import, so only a recorded run does it.
    from pressmark.flows.server import prefect_server

    with prefect_server():
        from pressmark.flows.load import load

        return load(str(output.address), as_parameter(address), full)


def _record(report: LoadReport) -> dict[str, Any]:
    return {**asdict(report), "tables": [table._asdict() for table in report.tables]}


def _plan_record(plan: LoadPlan) -> dict[str, Any]:
    return {
        "tables": [
            {
                "table": change.relation.name,
                "to_load": [part.partition for part in change.parts],
                "to_remove": list(change.gone),
                "unchanged": plan.unchanged[change.relation.name],
            }
            for change in plan.changes
        ],
        "tables_to_make": [relation.name for relation in plan.created],
        "columns_to_add": {name: [column.name for column in columns] for name, columns in plan.added.items()},
    }
