"""The flow `load`: what changed in an output, into a destination, as one recorded task. Prefect shows and keeps a
flow's parameters, so a password is masked in them; the whole address stays in PRESSMARK_DESTINATION."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Final

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from pressmark.flows import lineage
from pressmark.flows.recording import RETRIED, asset, record_lineage, say, table_assets, this_run
from pressmark.flows.summary import ProgressDisplay
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp, write_report
from pressmark.storage.settings import base_name
from pressmark.warehouses.address import MASK, DestinationAddress, DestinationError, parse_address
from pressmark.warehouses.loading import LoadReport, load_output

__all__ = ["as_parameter", "from_parameter", "load"]

VARIABLE: Final = "PRESSMARK_DESTINATION"


def as_parameter(address: DestinationAddress) -> str:
    """What may be a flow's parameter; where that hides a password, the address is left in this process's environment,
    which the processes of its flow runs inherit."""
    if address.secrets:
        os.environ[VARIABLE] = address.given
    return address.shown


def from_parameter(text: str) -> DestinationAddress:
    """The address that a parameter means."""
    if MASK not in text:
        return parse_address(text)
    kept = os.environ.get(VARIABLE)
    if kept is None or parse_address(kept).shown != text:
        raise DestinationError(
            f"the password of this destination is not in {VARIABLE}", text,
            "set that variable to the whole address where flow runs are started",
        )  # fmt: skip
    return parse_address(kept)


def _run_name() -> str:
    given = flow_run.parameters
    return f"load {base_name(given['output'])} into {given['destination'].partition(':')[0]}"


@flow(name="load", flow_run_name=_run_name, retries=0, persist_result=False)
def load(output: str, destination: str, full: bool = False) -> LoadReport:  # noqa: FBT001, FBT002  # shown by name
    """Load what changed in an output into a destination, and leave the figures as an artifact.

    Args:
        output: folder of the dataset, or s3://bucket/prefix (gs://, az://)
        destination: its address, the password masked as ***; PRESSMARK_DESTINATION then holds the whole address
        full: send all partitions again, changed or not
    """
    with lineage.load_told(output, from_parameter(destination), this_run()) as tell:
        report = send(output, destination, full)
        tell(report)
    write_report(Output(output), f"load-{report.load_id}", asdict(report))
    line = f"{report.changed} partitions sent to {report.destination}"
    get_run_logger().info(line)
    say(f"load    {line}")
    if report.changed:
        figures = [table._asdict() for table in report.tables]
        create_table_artifact(figures, key="load-figures", description=f"Load {report.load_id}: {line}")
        scheme, _, place = report.destination.partition(":")
        place = place.removeprefix("//") if place.startswith("//") else f"/{place}"
        root = f"{scheme}://{place.rpartition('@')[2]}"
        tables = [asset(f"{root}/{one.table}", one.table, "Table loaded by pressmark") for one in report.tables]
        record_lineage(tables, table_assets(output))
    return report


@task(name="send", task_run_name="send", **{**RETRIED, "retry_delay_seconds": [10, 60]})
def send(output: str, destination: str, full: bool) -> LoadReport:  # noqa: FBT001  # shown by name
    """Send what changed in one transaction, so repeating it is safe at any time."""
    with ProgressDisplay() as progress:
        return load_output(Output(output), from_parameter(destination), new_stamp().run_id, progress, full=full)
