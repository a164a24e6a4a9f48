"""The flow `load`: what changed in an output, into a destination, as one recorded task."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.assets import Asset, materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from pressmark.flows.destinations import from_parameter
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.recording import asset, say, table_assets
from pressmark.flows.stamp import new_stamp
from pressmark.flows.summary import load_markdown
from pressmark.storage.errors import PressmarkError
from pressmark.storage.output.tables import Output
from pressmark.storage.reports import write_report
from pressmark.warehouses.errors import DestinationBusyError
from pressmark.warehouses.loading import LoadReport, load_output

__all__ = ["load"]

RETRY_DELAYS_S: Final[list[float]] = [10, 60]


@flow(name="load", retries=0, persist_result=False)
def load(output: str, destination: str, full: bool = False) -> LoadReport:  # noqa: FBT001, FBT002  # shown by name
    """Load an output into a destination, and leave the figures as an artifact.

    `destination` is an address without its password; see `flows/destinations.py`.
    """
    report = send(output, destination, full)
    folder = Output(output)
    write_report(folder, f"load-{report.load_id}", asdict(report))
    create_markdown_artifact(load_markdown(report), key="load-figures", description=f"Figures of {report.load_id}")
    say(f"load    {report.changed} partitions sent to {report.destination}")
    if report.changed:
        record_lineage(output, report)
    return report


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure may pass: someone else's load does, an error that names a remedy waits for a person."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, DestinationBusyError) or not isinstance(error, PressmarkError)


@task(
    cache_policy=NO_CACHE, persist_result=False, retries=len(RETRY_DELAYS_S), retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=_may_pass,
)  # fmt: skip
def send(output: str, destination: str, full: bool) -> LoadReport:  # noqa: FBT001  # shown by name
    """One transaction, so repeating it is safe at any time."""
    with ProgressDisplay() as progress:
        address = from_parameter(destination)
        return load_output(Output(output), address, new_stamp().run_id, progress, full=full)


def record_lineage(output: str, report: LoadReport) -> None:
    """Show the server which tables of the destination came from the output's."""
    scheme, _, place = report.destination.partition("://")
    tables = [
        asset(f"{scheme}://{place.rpartition('@')[2]}/{table.table}", table.table, "Table loaded by pressmark")
        for table in report.tables
    ]

    sources: list[Asset | str] = [*table_assets(output)]

    @materialize(
        *tables, by="pressmark", asset_deps=sources, name="lineage", cache_policy=NO_CACHE, persist_result=False
    )
    def lineage() -> int:
        return report.changed

    lineage()
