"""The flow `ingest`: the steps of `flows/job.py`, each call a recorded task run.

Tasks hand on counts; rows stay in the output folder's staging. Only steps that are safe to repeat are retried.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.job import run_ingest
from flows.progress import ProgressDisplay
from flows.summary import markdown, reject_table
from storage.errors import PressmarkError
from storage.ingestion import RunReport, Settings
from storage.layout import Output
from storage.overview import outlet_counts, reject_lines
from transforms.records import Limits

__all__ = ["ingest", "ingest_settings"]

# `publish` and `report` write what readers see; a second try belongs to the next run, which completes them.
RETRIED_STEPS: Final = frozenset({"discover", "plan", "parse", "settle", "merge"})
RETRY_DELAYS_S: Final[list[float]] = [2, 10]
MIB: Final = 1 << 20


@flow(name="ingest", retries=0, persist_result=False)
def ingest(
    source: str = "seeds",
    output: str = "output",
    workers: int | None = None,
    sync: bool = False,  # noqa: FBT001, FBT002  # Prefect shows a flow's parameters by name
    max_source_mib: int = 16,
) -> RunReport:
    """Ingest an archive into an output folder, and leave the run's figures as artifacts."""
    settings = Settings(
        Path(source), Path(output), workers or os.cpu_count() or 1, sync, Limits(source_bytes=max_source_mib * MIB)
    )
    with ProgressDisplay() as progress:
        report = run_ingest(settings, progress, step=_as_task)
    _publish_artifacts(report, Output(settings.output))
    return report


def ingest_settings(settings: Settings) -> RunReport:
    """Run the flow with the settings of a plain run."""
    return ingest(
        source=str(settings.source),
        output=str(settings.output),
        workers=settings.workers,
        sync=settings.absent_is_deleted,
        max_source_mib=settings.limits.source_bytes // MIB,
    )


def _as_task(step: Callable[..., Any], *arguments: int) -> Any:
    """Run a step as a task run that bears its name."""
    name = step.__name__

    def run_step(*numbers: int) -> Any:
        return step(*numbers)

    retried = name in RETRIED_STEPS
    as_task = task(
        name=name,
        task_run_name="-".join([name, *(str(number + 1) for number in arguments)]),
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(RETRY_DELAYS_S) if retried else 0,
        retry_delay_seconds=RETRY_DELAYS_S if retried else None,
        retry_condition_fn=_may_pass if retried else None,
    )
    return as_task(run_step)(*arguments)


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure may pass: an error that names a remedy waits for a person instead."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, PressmarkError)


def _publish_artifacts(report: RunReport, output: Output) -> None:
    create_markdown_artifact(
        markdown(report, outlet_counts(output)), key="ingest-figures", description=f"Figures of run {report.run_id}"
    )
    create_table_artifact(
        reject_table(reject_lines(output)), key="ingest-rejects", description="Rejects in the output, by reason"
    )
