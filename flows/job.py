"""The job in one place: which steps a run has, and in which order.

`step` calls a step; a Prefect flow passes one that makes each call a task run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pressmark.flows.stamp import new_stamp
from pressmark.storage.ingestion import Progress, open_ingestion
from pressmark.storage.planning import Settings
from pressmark.storage.runs import RunReport
from pressmark.storage.workers import Workers
from pressmark.transforms.records import Stamp

__all__ = ["Step", "call", "run_ingest"]

Step = Callable[..., Any]


def call(step: Callable[..., Any], *arguments: int) -> Any:
    """The plain way to run a step."""
    return step(*arguments)


def run_ingest(
    settings: Settings,
    progress: Progress,
    *,
    step: Step = call,
    stamp: Stamp | None = None,
    early: Workers | None = None,
) -> RunReport:
    """Ingest an archive: discover, plan, parse, settle, merge, publish, report; by processes that were started `early`,
    where there are any.

    Raises `PressmarkError` where the run can't be done; bad sources never raise.
    """
    with open_ingestion(settings, stamp or new_stamp(), progress, early) as run:
        step(run.discover)
        plan = step(run.plan)
        for number in range(plan.steps):
            step(run.parse, number)
        for number in range(step(run.settle)):
            step(run.merge, number)
        step(run.publish)
        report: RunReport = step(run.report)
    return report
