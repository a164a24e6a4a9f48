"""The flows `verify`, the laws on every row, and `audit`, a share of the articles derived again, each as one recorded
task; what is wrong fails the run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from pressmark.flows.recording import UNCACHED, patient, say
from pressmark.flows.summary import ProgressDisplay, audit_lines, breach_table, counted, law_lines
from pressmark.storage.auditing import Audit, audit_output
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp, write_report
from pressmark.storage.settings import base_name
from pressmark.storage.verification import Verification, second_reading, verify_output

__all__ = ["audit", "verify"]


def _run_name(kind: str) -> Callable[[], str]:
    return lambda: f"{kind} {base_name(flow_run.parameters['output'])}"


@flow(name="verify", flow_run_name=_run_name("verify"), retries=0, persist_result=False)
def verify(
    output: str = "output", source: str | None = None, archive: str | None = None, workers: int | None = None,
    independent: bool = False,  # noqa: FBT001, FBT002  # shown by name
) -> None:  # fmt: skip
    """Re-read the sources and check laws 1 to 5 on every row; fails where one does not hold.

    Args:
        output: folder of the dataset, or s3://bucket/prefix (gs://, az://)
        source: the input that was ingested [that of the latest run]
        archive: only this archive of the output [all]
        workers: processes [cores]
        independent: cut slices again for law 1 by a second implementation; needs pressmark[audit]
    """
    # No run changes the output meanwhile, so that what is read belongs together.
    folder, stamp = Output(output), new_stamp()
    with patient(lambda: folder.store.writing(stamp.run_id, lambda *_: None)):
        found = check(output, source, archive, workers or os.cpu_count() or 1, independent=independent)
    log = get_run_logger()
    breaches = [breach._asdict() for breach in found.breaches]
    write_report(folder, f"verify-{stamp.run_id}", {**found._asdict(), "breaches": breaches})
    laws = law_lines(found, breaches=False)
    for line in laws:
        log.info(line)
    broken = counted(len(found.breaches), "breach")
    say(f"verify  {broken} in {counted(found.paragraphs, 'paragraph')} of {counted(found.sources, 'source')}")
    if found.breaches:
        shown = breach_table(found.breaches)
        create_table_artifact(shown, key="verify-figures", description="  \n".join(laws))
        first = found.breaches[0]
        raise OutputError(
            f"{broken}; law {first.law} in {first.source_path}: {first.problem}", folder.address,
            "see the report beside the data; ingest the sources named there again, or into a new folder",
        )  # fmt: skip


@task(name="check", task_run_name="check", **UNCACHED)
def check(
    output: str, source: str | None, archive: str | None, workers: int, *, independent: bool = False
) -> Verification:
    """Check the laws."""
    cutter = second_reading("reference").reference_blocks if independent else None
    with ProgressDisplay() as progress:
        return verify_output(Output(output), source, archive=archive, workers=workers, progress=progress, cutter=cutter)


@flow(name="audit", flow_run_name=_run_name("audit"), retries=0, persist_result=False)
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
            f"{counted(len(found.disagreements), 'disagreement')}; {first.column} of {first.source_path}", output,
            "see the table `audits`; report what differs, or ingest the sources named there again",
        )  # fmt: skip


@task(name="look", task_run_name="look", **UNCACHED)
def look(output: str, source: str | None, archive: str | None, share: float, workers: int) -> Audit:
    """Derive again and compare; waits while another run writes to the output."""
    with ProgressDisplay() as progress, patient(lambda: contextlib.nullcontext(audit_output(
        Output(output), source, archive=archive, share=share, workers=workers, stamp=new_stamp(), progress=progress,
    ))) as found:  # fmt: skip
        return found
