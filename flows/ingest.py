"""The flow `ingest`: the steps of a run in their order, each a recorded task.

The steps are those of `storage/ingestion.py`, which a run without Prefect calls too. Rows stay in the output's staging;
tasks hand on counts. `publish` and `report` write what readers see: a second try belongs to the next run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_type_hints

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.deployments import run_deployment
from prefect.runtime import flow_run
from pydantic import Field

from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.recording import (
    RETRIED,
    UNCACHED,
    StageArtifacts,
    address_of,
    asset,
    one_writer,
    record_lineage,
    say,
    table_assets,
)
from pressmark.flows.summary import (
    changes_line,
    plan_line,
    reject_table,
    run_line,
    run_markdown,
    why_nothing_came,
)
from pressmark.schemas.contract import Period
from pressmark.storage.batches import ParseCounts
from pressmark.storage.ingestion import IngestPlan, MergeCounts, Run, open_run
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import outlet_counts, reject_lines
from pressmark.storage.runs import RunReport, new_stamp, read_report
from pressmark.storage.settings import IngestSettings, base_name, options

__all__ = ["ingest"]


@task(name="discover", task_run_name="discover", **RETRIED)
def discover(run: Run) -> int:
    """List the input; the number of sources found."""
    return run.discover()


@task(name="plan", task_run_name="plan", **RETRIED)
def plan(run: Run) -> IngestPlan:
    """Compare what was found with what is published."""
    return run.plan()


@task(name="parse", task_run_name="parse-{number}", **RETRIED)
def parse(run: Run, number: int) -> ParseCounts:
    """Parse the sources of a round, the first being 1, into staging."""
    return run.parse(number - 1)


@task(name="settle", task_run_name="settle-{number}", **RETRIED)
def settle(run: Run, number: int) -> int:
    """Decide which partitions a round changes; their number."""
    return run.settle(number - 1)


@task(name="merge", task_run_name="merge-{number}", **RETRIED)
def merge(run: Run, number: int) -> MergeCounts:
    """Write the next files of a round's partitions to staging."""
    return run.merge(number - 1)


@task(name="publish", task_run_name="publish-{number}", **UNCACHED)
def publish(run: Run, number: int) -> int:
    """Replace the files of a round's partitions, all or none; the number of partitions that changed."""
    return run.publish(number - 1)


@task(name="report", task_run_name="report", **UNCACHED)
def report(run: Run) -> RunReport:
    """Write what the run did beside the tables; its row in `runs`."""
    return run.report()


def _run_name() -> str:
    """`ingest ARCHIVE into OUTPUT`: what Prefect calls a run."""
    given = flow_run.parameters
    archive = given.get("archive") or base_name(given["source"])
    return f"ingest {archive} into {base_name(given['output'])}"


def _with_settings(function: Callable[..., RunReport]) -> Callable[..., RunReport]:
    """The function with each setting as a parameter, with type, default and help, as Prefect's pages show them."""
    types = get_type_hints(IngestSettings, localns={"Period": Period, "datetime": datetime})
    described = [(option.name, types[option.name], option.default, option.help) for option in options()]
    described.append(("then_run", str | None, None, "deployment that is run after an ingest that changed something"))
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=Field(default=default, description=help_), annotation=kind
        )
        for name, kind, default, help_ in described
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # `inspect` looks for it
    return function


@flow(name="ingest", flow_run_name=_run_name, retries=0, persist_result=False)
@_with_settings
def ingest(*, then_run: str | None = None, **given: Any) -> RunReport:
    """Ingest an archive into an output folder, and leave the run's figures as artifacts."""
    log, settings = get_run_logger(), IngestSettings(**given)
    with (
        one_writer(settings.output),
        ProgressDisplay() as display,
        open_run(settings, new_stamp(), StageArtifacts(display)) as run,
    ):
        found = discover(run)
        log.info("%d sources found in %s", found, settings.source)
        planned = plan(run)
        log.info(plan_line(planned))
        for note in planned.notes:
            log.warning(note)
        for number in range(1, planned.rounds + 1):
            parsed = parse(run, number)
            settle(run, number)
            merged = merge(run, number)
            published = publish(run, number)
            log.info(_round_line(number, planned.rounds, parsed, merged, published))
        done = report(run)
    log.info(run_line(done))
    _show(settings, done)
    if then_run and done.partitions_written:
        # Started here and not by an event, so that it also runs on servers without event triggers.
        run_deployment(then_run, timeout=0)
    return done


def _round_line(number: int, rounds: int, parsed: ParseCounts, merged: MergeCounts, published: int) -> str:
    return (
        f"round {number} of {rounds}: {parsed.sources} sources read, {parsed.accepted} articles; "
        f"{published} partitions published, {merged.file_bytes / 1e6:.1f} MB"
    )


def _show(settings: IngestSettings, done: RunReport) -> None:
    """Leave figures and rejects as artifacts, and the lineage, where the run changed something."""
    output = Output(settings.output)
    outlets = outlet_counts(output)
    problem = why_nothing_came(settings, done, outlets)
    if problem is not None:
        get_run_logger().warning(problem)
    changes = read_report(output, done.run_id)["changes"]
    say(f"ingest  {changes_line(changes)}; {done.rejects} rejects; {done.partitions_written} files written")
    if not done.partitions_written:
        return
    create_markdown_artifact(
        run_markdown(done, outlets, changes), key="ingest-figures", description=f"Figures of run {done.run_id}"
    )
    create_table_artifact(
        reject_table(reject_lines(output)), key="ingest-rejects", description="Rejects in the output, by reason"
    )
    archive = asset(address_of(settings.source), done.archive, "Archive that pressmark ingests")
    record_lineage(table_assets(settings.output), [archive])
