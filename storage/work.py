"""The units of work that go to worker processes, and the two functions that do them.

Imports no parser: a worker loads one when its first unit comes, and a run without changes never does.
"""

from __future__ import annotations

import importlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import Period
from pressmark.storage.inputs.opening import Address, open_input
from pressmark.storage.inputs.source import Source
from pressmark.storage.inputs.sources import SOURCE_SCHEMA, source_batch, sources_of
from pressmark.storage.output.store import Replacement
from pressmark.storage.output.tables import Output
from pressmark.storage.versions import load_outlets
from pressmark.storage.workspace import Workspace, written
from pressmark.transforms.records import Limits, Partition, Reject, Stamp
from pressmark.transforms.selection import EVERY_ARTICLE, Wanted

__all__ = [
    "DONE",
    "BatchTask",
    "MergeTask",
    "MergedPartition",
    "ParseCounts",
    "PartitionWork",
    "batch_sources",
    "load_merge", "load_parser",
    "merge",
    "parse",
    "parse_together",
    "work_file",
    "write_batches",
]  # fmt: skip


class BatchTask(NamedTuple):
    """One batch: the workspace's file `work` lists its sources; rows are staged there, too.

    `fatal` are paths and locators of sources that killed a worker. `contents` are the sources with their bytes where
    only the process that makes the batches can read the input.
    """

    workspace: Workspace
    work: str
    number: int
    address: Address
    limits: Limits
    stamp: Stamp
    wanted: Wanted = EVERY_ARTICLE
    required: frozenset[str] = frozenset()
    partition_by: Period = "month"
    fatal: tuple[tuple[str, str], ...] = ()
    contents: tuple[tuple[Source, bytes | Reject], ...] | None = None


class ParseCounts(NamedTuple):
    """What became of a batch's sources. `left_out` are those that the run does not ask for."""

    sources: int = 0
    source_bytes: int = 0
    accepted: int = 0
    left_out: int = 0
    reasons: dict[str, int] = {}  # noqa: RUF012  # never changed

    def __add__(self, other: object) -> ParseCounts:
        if not isinstance(other, ParseCounts):
            return NotImplemented
        return ParseCounts(
            self.sources + other.sources,
            self.source_bytes + other.source_bytes,
            self.accepted + other.accepted,
            self.left_out + other.left_out,
            dict(Counter(self.reasons) + Counter(other.reasons)),
        )


# Ends the name of the file that is written last for a batch, with its counts.
DONE: Final = ".done"
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def write_batches(workspace: Workspace, work: str, sources: Sequence[Source], ranges: Iterable[range]) -> None:
    """Write the file that tells workers which sources each batch has."""
    with (
        workspace.draft(work) as path,
        written(path) as sink,
        pa.ipc.new_file(sink, SOURCE_SCHEMA) as writer,
    ):
        for span in ranges:
            writer.write_batch(source_batch(sources[span.start : span.stop]))


def work_file(first: int) -> str:
    """Name of the file that lists sources of the batches from `first` on."""
    return f"work-{first:06d}.arrow"


def _first_number(work: str) -> int:
    return int(work.removeprefix("work-").removesuffix(".arrow"))


def batch_sources(workspace: Workspace, work: str, number: int) -> list[Source]:
    """Sources of one batch."""
    with workspace.open(work) as file:
        rows = pa.ipc.open_file(file).get_batch(number - _first_number(work))
        return sources_of(rows)


class PartitionWork(NamedTuple):
    """A partition to write: published rows to drop, by the table's `replace_keys`, each with its first sort key;
    whether some of them move to another partition; and whether it must be shown without them before rows move in, as
    they move to one that rows also come from."""

    table: str
    partition: Partition | None
    dropped: dict[tuple[str, ...], Any]
    leaving: bool
    removal_first: bool


class MergeTask(NamedTuple):
    """A partition to merge: its next files go below the output's folder `staging`, none larger than `part_bytes`
    before compression. `staged` names the files with rows for it, each with the number of their record batch, and
    `dropped` which of these rows to leave out, by the names of their files."""

    number: int
    output: Output
    workspace: Workspace
    staging: str
    part_bytes: int
    work: PartitionWork
    staged: list[tuple[str, int]]
    dropped: dict[str, set[int]]


class MergedPartition(NamedTuple):
    """What merging a partition made: its rows before and now, bytes written, and how to publish it. `removals` show
    the partition without the rows that leave it, where that must come before any rows move in."""

    number: int
    rows_before: int
    rows: int
    file_bytes: int
    removals: tuple[Replacement, ...]
    finals: tuple[Replacement, ...]


def load_parser() -> None:
    """Load what parsing takes."""
    importlib.import_module("pressmark.storage.batches")
    load_outlets()


def load_merge() -> None:
    """Load what merging takes."""
    importlib.import_module("pressmark.storage.partitions")


def parse(task: BatchTask) -> ParseCounts:
    """See `pressmark.storage.batches.parse_batch`."""
    from pressmark.storage.batches import parse_batch

    return parse_batch(task)


def parse_together(tasks: Sequence[BatchTask]) -> ParseCounts:
    """Parse batches whose sources are read in one go, in the order in which they came into the archive."""
    if len(tasks) == 1:
        return parse(tasks[0])
    batch_of = {
        source: task.number for task in tasks for source in batch_sources(task.workspace, task.work, task.number)
    }
    sources = sorted(batch_of, key=lambda source: (source.valid_from or EARLIEST, source.source_path))
    read: dict[int, list[tuple[Source, bytes | Reject]]] = defaultdict(list)
    for source, data in open_input(tasks[0].address).contents(sources, tasks[0].limits):
        read[batch_of[source]].append((source, data))
    total = ParseCounts()
    for task in tasks:
        total += parse(task._replace(contents=tuple(read.pop(task.number))))
    return total


def merge(task: MergeTask) -> MergedPartition:
    """See `pressmark.storage.partitions.merge_partition`."""
    from pressmark.storage.partitions import merge_partition

    return merge_partition(task)
