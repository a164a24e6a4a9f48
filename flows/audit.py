"""The flow `audit`: a share of the articles derived again, as one recorded task; a disagreement fails the run."""

from __future__ import annotations

import contextlib
import os

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run

from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.recording import UNCACHED, patient, say
from pressmark.flows.summary import audit_lines
from pressmark.storage.auditing import Audit, audit_output
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp
from pressmark.storage.settings import base_name

__all__ = ["audit"]


def _run_name() -> str:
    return f"audit {base_name(flow_run.parameters['output'])}"


@flow(name="audit", flow_run_name=_run_name, retries=0, persist_result=False)
def audit(
    output: str = "output", source: str | None = None, archive: str | None = None, share: float = 0.02,
    workers: int | None = None,
) -> None:  # fmt: skip
    """Derive a share of the articles again by a second implementation; fails where something differs.

    Args:
        output: folder of the dataset, or s3://bucket/prefix (gs://, az://)
        source: the input that was ingested [that of the latest run]
        archive: only this archive of the output [all]
        share: of the sources to look at, above 0 and at most 1; the next audit goes on behind them
        workers: processes [cores]
    """
    found = look(output, source, archive, share, workers or os.cpu_count() or 1)
    *_, line = lines = audit_lines(found)
    for shown in lines:
        get_run_logger().info(shown)
    say(line)
    if found.disagreements:
        first = found.disagreements[0]
        raise OutputError(
            f"{len(found.disagreements)} disagreements; {first.column} of {first.source_path}", output,
            "see the table `audits`; report what differs, or ingest the sources named there again",
        )  # fmt: skip


@task(name="look", task_run_name="look", **UNCACHED)
def look(output: str, source: str | None, archive: str | None, share: float, workers: int) -> Audit:
    """Derive again and compare; waits while another run writes to the output."""
    with ProgressDisplay() as progress:

        def audited() -> contextlib.AbstractContextManager[Audit]:
            found = audit_output(
                Output(output), source, archive=archive, share=share, workers=workers, stamp=new_stamp(),
                progress=progress,
            )  # fmt: skip
            return contextlib.nullcontext(found)

        with patient(audited) as found:
            return found
