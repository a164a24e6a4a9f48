"""OpenLineage events of runs: that one began, and how it ended, from which archive and into which tables. Told only
where OpenLineage's own settings are in the environment; what can't be told is a warning, and never fails a run."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import pressmark
from pressmark.schemas import TABLES
from pressmark.schemas.tables import AUDITS
from pressmark.storage.inputs.opening import absolute
from pressmark.storage.settings import IngestSettings, base_name
from pressmark.warehouses.address import FILE_SCHEMES

if TYPE_CHECKING:
    from pressmark.storage.runs import RunReport
    from pressmark.warehouses.address import DestinationAddress
    from pressmark.warehouses.loading import LoadReport

__all__ = ["Data", "ingest_told", "load_told", "told"]

ON: Final = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__")
NAMESPACE: Final = "pressmark"
# Whoever made the events, as an address, which the format asks for.
PRODUCER: Final = f"pkg:pypi/pressmark@{pressmark.__version__}"
# What a client raises for settings that are wrong, and where nobody listens.
UNTOLD: Final = (OSError, RuntimeError, ValueError, KeyError, TypeError)
# A run that is stopped, and not failed.
STOPS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)

log = logging.getLogger(__name__)


class Data(NamedTuple):
    """A dataset of an event: its address, the version that was read or made, its rows, and its columns with types."""

    address: str
    version: str | None = None
    rows: int | None = None
    columns: Sequence[tuple[str, str]] = ()


@contextlib.contextmanager
def ingest_told(
    settings: IngestSettings, parent: tuple[str, str] | None = None
) -> Iterator[Callable[[RunReport], None]]:
    """The block as an ingest; it gives its report to what it gets. `parent` is the name and id of a flow run."""
    source, output = _address(settings.source), _address(settings.output)
    job = f"ingest {settings.archive or base_name(settings.source)} into {base_name(settings.output)}"
    with told(job, [Data(source)], _tables(output), parent) as tell:
        yield lambda report: tell([Data(source, report.commit)], _tables(output, report.run_id, report._asdict()))


@contextlib.contextmanager
def load_told(
    output: str, address: DestinationAddress, parent: tuple[str, str] | None = None
) -> Iterator[Callable[[LoadReport], None]]:
    """The block as a load of an output into a destination; it gives its report to what it gets."""
    local = address.scheme in FILE_SCHEMES
    place = f"{address.scheme}:{os.path.abspath(address.target)}" if local else address.shown
    tables = _tables(_address(output))
    with told(f"load {base_name(output)} into {address.scheme}", tables, [Data(place)], parent) as tell:
        yield lambda report: tell(
            tables, [Data(f"{place}/{one.table}", report.load_id, one.rows) for one in report.tables]
        )


@contextlib.contextmanager
def told(
    job: str, inputs: Sequence[Data], outputs: Sequence[Data], parent: tuple[str, str] | None = None
) -> Iterator[Callable[[Sequence[Data], Sequence[Data]], None]]:
    """The block as a run of a job: START before it; COMPLETE, FAIL or ABORT after it, with what it read and made
    as it says in the end."""
    client = _client()
    if client is None:
        yield lambda _inputs, _outputs: None
        return
    from openlineage.client.uuid import generate_new_uuid

    run, ended = str(generate_new_uuid()), (inputs, outputs)

    def keep(read: Sequence[Data], made: Sequence[Data]) -> None:
        nonlocal ended
        ended = (read, made)

    _emit(client, "START", job, run, ended, parent)
    try:
        yield keep
    except BaseException as error:
        _emit(client, "ABORT" if isinstance(error, STOPS) else "FAIL", job, run, ended, parent, str(error))
        raise
    _emit(client, "COMPLETE", job, run, ended, parent)


def _client() -> Any:
    """A client as the environment describes it; None where it describes none, or one that can't be had."""
    asked = any(name.startswith(ON) for name in os.environ)
    if not asked or os.environ.get("OPENLINEAGE_DISABLED", "").lower() == "true":
        return None
    try:
        from openlineage.client import OpenLineageClient
    except ModuleNotFoundError:
        log.warning("OpenLineage events are asked for, but not installed: pip install 'pressmark[lineage]'")
        return None
    try:
        return OpenLineageClient()
    except UNTOLD as error:
        log.warning("OpenLineage events can't be told: %s; correct the OPENLINEAGE variables", error)
        return None


def _emit(
    client: Any, state: str, job: str, run: str, data: tuple[Sequence[Data], Sequence[Data]],
    parent: tuple[str, str] | None, problem: str = "",
) -> None:  # fmt: skip
    from openlineage.client import event_v2, facet_v2

    facets: dict[str, Any] = {
        "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet(
            version=pressmark.__version__, name="pressmark"
        )
    }
    if parent is not None:
        above, (name, id_) = facet_v2.parent_run, parent
        facets["parent"] = above.ParentRunFacet(run=above.Run(id_), job=above.Job(NAMESPACE, name))
    if problem:
        facets["errorMessage"] = facet_v2.error_message_run.ErrorMessageRunFacet(problem, "Python")
    kind = facet_v2.job_type_job.JobTypeJobFacet("BATCH", "PRESSMARK", jobType="JOB")
    event = event_v2.RunEvent(
        eventType=event_v2.RunState[state], eventTime=datetime.now(UTC).isoformat(), producer=PRODUCER,
        run=event_v2.Run(run, facets), job=event_v2.Job(NAMESPACE, job, {"jobType": kind}),
        inputs=[event_v2.InputDataset(*_name(one), facets=_facets(one)) for one in data[0]],
        outputs=[
            event_v2.OutputDataset(*_name(one), facets=_facets(one), outputFacets=_counted(one)) for one in data[1]
        ],
    )  # fmt: skip
    try:
        client.emit(event)
    except UNTOLD as error:
        log.warning("an OpenLineage event was not told: %s", error)


def _facets(data: Data) -> dict[str, Any]:
    from openlineage.client import facet_v2

    found: dict[str, Any] = {}
    if data.version is not None:
        found["version"] = facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet(data.version)
    if data.columns:
        schema = facet_v2.schema_dataset
        fields = [schema.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in data.columns]
        found["schema"] = schema.SchemaDatasetFacet(fields=fields)
    return found


def _counted(data: Data) -> dict[str, Any]:
    from openlineage.client import facet_v2

    if data.rows is None:
        return {}
    counts = facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=data.rows)
    return {"outputStatistics": counts}


def _name(data: Data) -> tuple[str, str]:
    """Namespace and name as the format has them: `file` and a path, or an address up to its host, and the rest."""
    parts = urlsplit(data.address)
    if parts.netloc:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/") or "/"
    return "file" if parts.scheme in ("", "file") else parts.scheme, parts.path


def _address(place: str) -> str:
    address = absolute(place)
    return address.removeprefix("git+") if "://" in address else f"file:{address}"


def _tables(output: str, version: str | None = None, rows: dict[str, Any] | None = None) -> list[Data]:
    return [
        Data(
            f"{output}/{name}",
            version,
            (rows or {}).get(name),
            [(field.name, str(field.type)) for field in table.schema],
        )
        for name, table in TABLES.items()
        if table is not AUDITS
    ]
