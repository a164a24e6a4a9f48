"""The flow `verify`: the laws on every row, as one recorded task; a breach fails the run."""

from __future__ import annotations

import os

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.recording import one_writer, say
from pressmark.flows.stamp import new_stamp
from pressmark.flows.summary import verify_markdown
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.storage.reports import write_report
from pressmark.storage.verification import Verification, verify_output

__all__ = ["verify"]


@flow(name="verify", retries=0, persist_result=False)
def verify(output: str = "output", source: str | None = None, workers: int | None = None) -> None:
    """Re-read the sources and check laws 1 to 5 on every row; fails where one does not hold."""
    folder = Output(output)
    # No run changes the output meanwhile, so that what is read belongs together.
    with one_writer(output):
        found = check(output, source, workers or os.cpu_count() or 1)
    stamp = new_stamp()
    write_report(
        folder, f"verify-{stamp.run_id}", {**found._asdict(), "breaches": [b._asdict() for b in found.breaches]}
    )
    create_markdown_artifact(verify_markdown(found), key="verify-figures", description=f"Laws on {output}")
    say(f"verify  {len(found.breaches)} breaches in {found.paragraphs} paragraphs of {found.sources} sources")
    if found.breaches:
        first = found.breaches[0]
        raise OutputError(
            f"{len(found.breaches)} breaches; law {first.law} in {first.source_path}: {first.problem}", folder.root,
            "see the report beside the data; ingest the sources named there again, or into a new folder",
        )  # fmt: skip


@task(cache_policy=NO_CACHE, persist_result=False)
def check(output: str, source: str | None, workers: int) -> Verification:
    """The laws, checked."""
    folder = Output(output)
    with ProgressDisplay() as progress:
        return verify_output(
            folder, source, workers=workers, progress=lambda done, total: progress("verify", done, total)
        )
