"""The flow `ingest`: the steps of `flows/job.py`, each call a recorded task run.

Tasks hand on counts; rows stay in the output folder's staging. Only steps that are safe to repeat are retried.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.assets import materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.deployments import run_deployment
from prefect.tasks import Task

from pressmark.flows.job import run_ingest
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.recording import StageArtifacts, asset, one_writer, say, table_assets
from pressmark.flows.summary import changes_line, markdown, reject_table
from pressmark.schemas.contract import Period
from pressmark.storage.errors import PressmarkError
from pressmark.storage.inputs.opening import absolute
from pressmark.storage.inputs.source import ArchiveLimits
from pressmark.storage.output.tables import Output
from pressmark.storage.overview import outlet_counts, reject_lines
from pressmark.storage.planning import Settings
from pressmark.storage.reports import read_report
from pressmark.storage.runs import RunReport
from pressmark.transforms.records import Limits
from pressmark.transforms.selection import Selection, Wanted

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
    sync: bool | None = None,  # noqa: FBT001  # Prefect shows a flow's parameters by name
    max_source_mib: int = 16,
    then_run: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    history: bool = False,  # noqa: FBT001, FBT002
    max_ratio: int = 200,
    max_unpacked_gib: int = 64,
    limit: int | None = None,
    since: datetime | None = None,
    outlets: list[str] | None = None,
    partition_by: Period | None = None,
    max_part_mib: int = 256,
    dask: str | None = None,
    single_writer: bool = False,  # noqa: FBT001, FBT002
) -> RunReport:
    """Ingest an archive into an output folder, and leave the run's figures as artifacts.

    `then_run` names a deployment that is run after an ingest that changed something.
    """
    settings = Settings(
        source,
        output,
        workers or os.cpu_count() or 1,
        sync,
        Limits(source_bytes=max_source_mib * MIB),
        Selection(tuple(include or ()), tuple(exclude or ())),
        history,
        ArchiveLimits(max_ratio, max_unpacked_gib << 30),
        Wanted(since, tuple(outlets or ()), limit),
        partition_by,
        max_part_mib * MIB,
        dask,
        single_writer,
    )
    with one_writer(output), ProgressDisplay() as progress:
        report = run_ingest(settings, StageArtifacts(progress), step=_as_task(settings))
    details = read_report(settings.output_at, report.run_id)
    changes = details["changes"]
    for note in details["notes"]:
        get_run_logger().warning(note)
    _publish_artifacts(report, settings.output_at, changes)
    say(f"ingest  {changes_line(changes)}; {report.rejects} rejects; {report.partitions_written} files written")
    if then_run and report.partitions_written:
        # Started here and not by an event, so that it runs on servers without event triggers too, and the run that
        # caused it links to it.
        run_deployment(then_run, timeout=0)
    return report


def ingest_settings(settings: Settings) -> RunReport:
    """Run the flow with the settings of a plain run."""
    return ingest(
        source=str(settings.source),
        output=str(settings.output),
        workers=settings.workers,
        sync=settings.absent_is_deleted,
        max_source_mib=settings.limits.source_bytes // MIB,
        include=list(settings.selection.include),
        exclude=list(settings.selection.exclude),
        history=settings.history,
        max_ratio=settings.archive_limits.ratio,
        max_unpacked_gib=settings.archive_limits.unpacked_bytes >> 30,
        limit=settings.wanted.limit,
        since=settings.wanted.since,
        outlets=list(settings.wanted.outlets),
        partition_by=settings.partition_by,
        max_part_mib=settings.part_bytes // MIB,
        dask=settings.dask,
        single_writer=settings.single_writer,
    )


def _as_task(settings: Settings) -> Callable[..., Any]:
    """Runs a step as a task run that bears its name; publishing shows the lineage from input to tables."""

    def run(step: Callable[..., Any], *arguments: int) -> Any:
        name = step.__name__

        def run_step(*numbers: int) -> Any:
            return step(*numbers)

        retried = name in RETRIED_STEPS
        options: dict[str, Any] = {
            "name": name,
            "task_run_name": "-".join([name, *(str(number + 1) for number in arguments)]),
            "cache_policy": NO_CACHE,
            "persist_result": False,
            "retries": len(RETRY_DELAYS_S) if retried else 0,
            "retry_delay_seconds": RETRY_DELAYS_S if retried else None,
            "retry_condition_fn": _may_pass if retried else None,
        }
        if name == "publish":
            archive = asset(_address_of(settings), "archive", "Archive that pressmark ingests")
            decorated = materialize(
                *table_assets(str(settings.output)), by="pressmark", asset_deps=[archive], **options
            )
            return decorated(run_step)(*arguments)
        return task(**options)(run_step)(*arguments)

    return run


def _address_of(settings: Settings) -> str:
    """The input as an address of a kind that Prefect takes for an asset."""
    address = absolute(str(settings.source))
    return address.removeprefix("git+") if "://" in address else Path(address).as_uri()


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure may pass: an error that names a remedy waits for a person instead."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, PressmarkError)


def _publish_artifacts(report: RunReport, output: Output, changes: Sequence[Mapping[str, Any]]) -> None:
    create_markdown_artifact(
        markdown(report, outlet_counts(output), changes),
        key="ingest-figures",
        description=f"Figures of run {report.run_id}",
    )
    create_table_artifact(
        reject_table(reject_lines(output)), key="ingest-rejects", description="Rejects in the output, by reason"
    )
