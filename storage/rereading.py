"""Reads an archive's articles again: the rows of each partition together with the bytes of their sources."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.storage.errors import LibraryError
from pressmark.storage.inputs.opening import InputAddress, open_input
from pressmark.storage.inputs.source import ANY_SIZE, Input, Source
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.tables import Output, Part
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.transforms.records import Partition, Reject

__all__ = [
    "Task", "archives_of", "by_article", "by_partition", "contents_of", "partition_rows", "read_parts",
    "second_reading", "tasks_of",
]  # fmt: skip

# Of an archive that is read as a stream, so much is held at once.
GROUP_BYTES: Final = 64 << 20


class Task(NamedTuple):
    """Some sources of a partition, by path, with their bytes where only one process can read the input. `parts` are the
    partition's files by table."""

    output: Output
    archive: str
    address: InputAddress
    partition: Partition | None
    parts: dict[str, list[Part]]
    sources: dict[str, Source]
    contents: dict[str, bytes | Reject] | None


def second_reading(name: str) -> Any:
    """A module of the second implementation, whose libraries only those install who ask for it; raises `LibraryError`
    where they are missing."""
    try:
        return importlib.import_module(f"pressmark.transforms.{name}")
    except ModuleNotFoundError as error:
        raise LibraryError(
            "the second implementation needs a library that is not installed", str(error.name),
            "pip install 'pressmark[audit]'",
        ) from None  # fmt: skip


def archives_of(output: Output, source: str | None, archive: str | None) -> list[Archive]:
    """All archives of an output, or the one that an input or a name tells; raises `OutputError` where there was no
    run."""
    if source is None and archive is None:
        return [archive_of(output, None, run.archive) for run in last_runs(output)] or [archive_of(output)]
    return [archive_of(output, source, archive)]


def tasks_of(
    output: Output, archive: Archive, sources: dict[str, Source], places: dict[str, Partition | None]
) -> Iterator[Task]:
    """Those of the sources that have a place: some of one partition together, which `places` gives by path."""
    parts = {name: by_partition(output, name) for name in OF_ARTICLES}
    chosen = [source for path, source in sources.items() if path in places]
    groups = _groups(archive.input, chosen) if archive.input.streamed else [(chosen, None)]
    for group, contents in groups:
        members: dict[Partition | None, dict[str, Source]] = defaultdict(dict)
        for source in group:
            members[places[source.source_path]][source.source_path] = source
        for partition, mine in members.items():
            here = {name: of.get(partition, []) for name, of in parts.items()}
            data = None if contents is None else {path: contents[path] for path in mine}
            yield Task(output, archive.name, archive.address, partition, here, mine, data)


def _groups(archive: Input, sources: Sequence[Source]) -> Iterator[tuple[list[Source], dict[str, bytes | Reject]]]:
    """Sources of a streamed input with their bytes, as many at a time as may be held."""
    group: list[Source] = []
    contents: dict[str, bytes | Reject] = {}
    size = 0
    for source, data in archive.contents(sources, ANY_SIZE):
        group.append(source)
        contents[source.source_path] = data
        size += source.source_bytes
        if size >= GROUP_BYTES:
            yield group, contents
            group, contents, size = [], {}, 0
    yield group, contents


def contents_of(task: Task) -> Iterable[tuple[Source, bytes | Reject]]:
    """Each source of a task with its bytes, or with the reject that says why there are none."""
    if task.contents is None:
        return open_input(task.address).contents(task.sources.values(), ANY_SIZE)
    return [(source, task.contents[path]) for path, source in task.sources.items()]


def by_article(
    task: Task, name: str, columns: Sequence[str], only: Collection[str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Some columns of the partition's rows in a table, by article; those of some articles alone if these are given."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_parts(task.output, name, task.parts[name], columns, ("article_id", only) if only else None):
        found[row["article_id"]].append(row)
    return found


def by_partition(output: Output, name: str) -> dict[Partition | None, list[Part]]:
    """The files of a table by partition."""
    found: dict[Partition | None, list[Part]] = defaultdict(list)
    for part in output.parts(TABLES[name]):
        found[part.partition].append(part)
    return found


def partition_rows(
    output: Output, name: str, archive: str, columns: Sequence[str]
) -> dict[Partition | None, list[dict[str, Any]]]:
    """Some columns of an archive's rows, by partition."""
    found = {}
    for partition, parts in by_partition(output, name).items():
        rows = read_parts(output, name, parts, [*columns, "archive"])
        found[partition] = [row for row in rows if row.pop("archive") == archive]
    return found


def read_parts(
    output: Output, name: str, parts: Sequence[Part], columns: Sequence[str],
    only: tuple[str, Collection[str]] | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Some columns of the rows in some files of a table, in their order; `only` names a column and the values to read
    rows of."""
    for part in parts:
        with PartFile(output, part.entry, TABLES[name]) as file:
            rows = file.read(columns)
        if only is not None:
            rows = rows.filter(pc.is_in(rows[only[0]], pa.array(list(only[1]), pa.string())))
        for batch in rows.to_batches(2048):
            yield from batch.to_pylist()
