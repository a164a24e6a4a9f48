"""The flow `ingest`: the steps of `storage/ingestion.py` in the same order, each a recorded task. Rows stay in the
output's staging, tasks hand on counts. `publish` and `report` are not retried: a second try belongs to the next run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Annotated, Any, Final, ParamSpec, TypeVar, get_type_hints

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.runtime import deployment, flow_run
from prefect.tasks import Task
from pydantic import BeforeValidator, Field

from pressmark.flows import lineage, recording, summary
from pressmark.flows.recording import RETRIED, UNCACHED
from pressmark.schemas.contract import Markup, Period
from pressmark.schemas.tables import ARTICLES, REVISIONS
from pressmark.storage.ingestion import Run, open_run
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import doubts_about, outlet_counts, reject_lines
from pressmark.storage.runs import RunReport, new_stamp, read_report
from pressmark.storage.settings import IngestSettings, base_name, day_of, options
from pressmark.views.figures import can_draw
from pressmark.views.report import REPORT, write_report

__all__ = ["ingest"]

BADLY: Final = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
P = ParamSpec("P")
R = TypeVar("R")


def _step(step: Callable[P, R], options: dict[str, Any]) -> Task[P, R]:
    """A step of a run as a recorded task; those of rounds are numbered, from 1."""
    name = step.__name__

    def run_name(parameters: dict[str, Any]) -> str:
        return f"{name}-{parameters['number'] + 1}" if "number" in parameters else name

    # Prefect's type asks for a class method that no function has.
    return task(name=name, task_run_name=run_name, **options)(step)  # type: ignore[arg-type]


discover = _step(Run.discover, RETRIED)
plan = _step(Run.plan, RETRIED)
parse = _step(Run.parse, RETRIED)
settle = _step(Run.settle, RETRIED)
merge = _step(Run.merge, RETRIED)
publish = _step(Run.publish, UNCACHED)
report = _step(Run.report, UNCACHED)


@task(name="draw", task_run_name="draw", **UNCACHED)
def draw(output: str, run_id: str) -> None:
    """Write the report for people and link to it."""
    write_report(output)
    create_link_artifact(
        f"{recording.address_of(output)}/{REPORT}", link_text=f"Report after run {run_id}", key="ingest-report",
        description="What the output holds, what changed, and what needs attention",
    )  # fmt: skip


def _run_name() -> str:
    given = flow_run.parameters
    archive = given.get("archive") or base_name(given["source"])
    return f"ingest {archive} into {base_name(given['output'])}"


def _whole_years(value: Any) -> Any:
    """Years and months as the command line has them; else 2025 were so many seconds after 1970."""
    given = str(value)
    if len(given) not in (len("2025"), len("2025-03")) or value is None:
        return value
    return datetime.combine(day_of(given, end=False), time(), UTC)


def _with_settings(function: Callable[..., RunReport]) -> Callable[..., RunReport]:
    """The function with each setting as a parameter, with type, default and help, as Prefect's pages show them."""
    types = get_type_hints(IngestSettings, localns={"Period": Period, "Markup": Markup, "datetime": datetime})
    types |= {"since": Annotated[datetime | None, BeforeValidator(_whole_years)]}
    described = [(option.name, types[option.name], option.default, option.help) for option in options()]
    described += [
        ("then_run", str | None, None, "deployment that is run after an ingest that changed something"),
        ("page", bool, True, f"write `{REPORT}` in the output after an ingest that changed something"),
    ]
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=Field(default, description=text), annotation=kind
        )
        for name, kind, default, text in described
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # `inspect` looks for it
    return function


@flow(name="ingest", flow_run_name=_run_name, retries=0, persist_result=False)
@_with_settings
def ingest(*, then_run: str | None = None, page: bool = True, **given: Any) -> RunReport:
    """Ingest an archive into an output folder, and leave the run's figures as artifacts."""
    log, settings = get_run_logger(), IngestSettings(**given)
    with (
        lineage.ingest_told(settings, recording.this_run()) as tell,
        summary.ProgressDisplay() as display,
        recording.patient(lambda: open_run(settings, new_stamp(), recording.StageArtifacts(display))) as run,
    ):
        log.info("%d sources found in %s", discover(run), settings.source)
        planned = plan(run)
        log.info(summary.plan_line(planned))
        for note in planned.notes:
            log.warning(note)
        for number in range(planned.rounds):
            parsed = parse(run, number)
            settle(run, number)
            merged = merge(run, number)
            published = publish(run, number)
            log.info(
                f"round {number + 1} of {planned.rounds}: {parsed.sources} sources read, {parsed.accepted} articles; "
                f"{published} partitions published, {merged.file_bytes / 1e6:.1f} MB"
            )
        done = report(run)
        tell(done)
    _show(settings, done)
    if then_run and (done.partitions_written or _was_missed(then_run)):
        # Started here and not by an event, so that it also runs on servers without event triggers.
        run_deployment(then_run, timeout=0)
    if page and done.partitions_written:
        _draw(settings, done)
    return done


def _draw(settings: IngestSettings, done: RunReport) -> None:
    """Have the report for people drawn. That it can't be is a warning: the ingest came to its end."""
    log = get_run_logger()
    if not can_draw():
        log.info("no report for people is written: that needs `pip install 'pressmark[report]'`")
        return
    state = draw(settings.output, done.run_id, return_state=True)
    if not state.is_completed():
        log.warning(f"no report for people is linked: {state.message}; see `pressmark report {settings.output}`")


def _was_missed(then_run: str) -> bool:
    """Whether an earlier change may still wait for what follows: its latest run, or the ingest before this one, did not
    come to a good end."""
    flow_name, _, name = then_run.partition("/")
    state = {"type": {"any_": [StateType.COMPLETED, *BADLY]}, "name": {"not_any_": [recording.MISSED]}}
    ended = FlowRunFilter.model_validate({"state": state})
    with get_client(sync_client=True) as client:
        followed = client.read_flow_runs(
            flow_filter=FlowFilter.model_validate({"name": {"any_": [flow_name]}}),
            deployment_filter=DeploymentFilter.model_validate({"name": {"any_": [name]}}),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1,
        )  # fmt: skip
        before = client.read_flow_runs(
            deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment.id]}}), flow_run_filter=ended,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1,
        ) if deployment.id else []  # fmt: skip
    return not followed or any(run.state_type in BADLY for run in (*followed, *before))


def _show(settings: IngestSettings, done: RunReport) -> None:
    """Log the figures; leave them and the rejects as artifacts, and the lineage, where the run changed something."""
    output = Output(settings.output)
    outlets = outlet_counts(output)
    details = read_report(output, done.run_id)
    changes = details["changes"]
    get_run_logger().info(summary.run_line(done))
    problem = summary.why_nothing_came(settings, done, outlets)
    if problem is not None:
        get_run_logger().warning(problem)
    if done.partitions_written:
        found = doubts_about(output.scan(ARTICLES), output.scan(REVISIONS), done.archive, details["doubts"])
        for line in summary.doubt_lines(found):
            get_run_logger().warning(line)
    rejects, files = summary.counted(done.rejects, "reject"), summary.counted(done.partitions_written, "file")
    line = f"{summary.changes_line(changes)}; {rejects}; {files} written"
    recording.say(f"ingest  {line}")
    if done.partitions_written:
        tables = summary.run_figures(done, outlets, changes)
        tables["rejects"] = summary.reject_table(reject_lines(output, done.archive))
        for name, rows in tables.items():
            create_table_artifact(rows, key=f"ingest-{name}", description=f"{name.capitalize()} of run {done.run_id}")
        address = recording.address_of(settings.source)
        archive = recording.asset(address, done.archive, "Archive that pressmark ingests")
        recording.record_lineage(recording.table_assets(settings.output), [archive])
