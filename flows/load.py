"""The flow `load`: what changed in an output, into a destination, as one recorded task."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.progress import ProgressDisplay
from flows.stamp import new_stamp
from flows.summary import load_markdown
from storage.layout import Output
from warehouses.address import parse_address
from warehouses.loading import LoadReport, load_output

__all__ = ["load"]


@flow(name="load", retries=0, persist_result=False)
def load(output: str, destination: str, full: bool = False) -> LoadReport:  # noqa: FBT001, FBT002  # shown by name
    """Load an output into a destination, and leave the figures as an artifact."""
    report = send(output, destination, full=full)
    create_markdown_artifact(load_markdown(report), key="load-figures", description=f"Figures of {report.load_id}")
    return report


@task(cache_policy=NO_CACHE, persist_result=False)
def send(output: str, destination: str, *, full: bool) -> LoadReport:
    """One transaction, so repeating it is safe at any time."""
    with ProgressDisplay() as progress:
        return load_output(Output(Path(output)), parse_address(destination), new_stamp().run_id, progress, full=full)
