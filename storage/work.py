"""The units of work that go to worker processes, and the two functions that do them.

Imports no parser: a worker loads one when its first unit comes, and a run without changes never does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from schemas.contract import TIMESTAMP
from storage.inputs.opening import Address
from storage.inputs.source import Source
from storage.layout import Output
from storage.publish import Replacement
from transforms.records import Limits, Partition, Reject, Stamp

__all__ = [
    "BatchTask", "MergeTask", "MergedPartition", "ParseCounts", "PartitionWork", "batch_sources", "merge", "parse",
    "write_batches",
]  # fmt: skip


class BatchTask(NamedTuple):
    """One batch: record batch `number` of the file `work` lists its sources, staged files go beside it.

    `fatal` are paths and locators of sources that killed a worker. `contents` are the sources with their bytes where
    only the process that makes the batches can read the input.
    """

    work: Path
    number: int
    address: Address
    limits: Limits
    stamp: Stamp
    fatal: tuple[tuple[str, str], ...] = ()
    contents: tuple[tuple[Source, bytes | Reject], ...] | None = None


class ParseCounts(NamedTuple):
    """What became of a batch's sources."""

    sources: int
    source_bytes: int
    accepted: int
    reasons: dict[str, int]

    def __add__(self, other: object) -> ParseCounts:
        if not isinstance(other, ParseCounts):
            return NotImplemented
        return ParseCounts(
            self.sources + other.sources,
            self.source_bytes + other.source_bytes,
            self.accepted + other.accepted,
            dict(Counter(self.reasons) + Counter(other.reasons)),
        )


WORK_SCHEMA: Final = pa.schema([
    ("source_path", pa.string()), ("locator", pa.binary()), ("source_bytes", pa.int64()), ("problem", pa.string()),
    ("valid_from", TIMESTAMP), ("valid_to", TIMESTAMP),
])  # fmt: skip


def write_batches(path: Path, sources: Sequence[Source], ranges: Iterable[range]) -> None:
    """Write the file that tells workers which sources each batch has."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, WORK_SCHEMA) as writer:
        for span in ranges:
            rows = sources[span.start : span.stop]
            writer.write_batch(
                pa.record_batch(
                    [
                        [source.source_path for source in rows],
                        [source.locator.encode("utf-8", "surrogateescape") for source in rows],
                        [source.source_bytes for source in rows],
                        [source.problem for source in rows],
                        [source.valid_from for source in rows],
                        [source.valid_to for source in rows],
                    ],
                    schema=WORK_SCHEMA,
                )
            )


def batch_sources(work: Path, number: int) -> list[Source]:
    """Sources of one batch."""
    with pa.OSFile(str(work)) as file:
        rows = pa.ipc.open_file(file).get_batch(number)
        return [
            Source(path, locator.decode("utf-8", "surrogateescape"), *rest)
            for path, locator, *rest in zip(*(column.to_pylist() for column in rows.columns), strict=True)
        ]


class PartitionWork(NamedTuple):
    """One partition file to write: published rows to drop, by the table's `replace_keys`, and whether the file must
    be shown without them before rows move in, as some of them move to a partition that rows also come from.

    `staged` names the staged files with rows for it, each with the number of their record batch.
    """

    table: str
    partition: Partition | None
    dropped: frozenset[tuple[str, ...]]
    removal_first: bool
    staged: tuple[tuple[Path, int], ...]


class MergeTask(NamedTuple):
    """A partition to merge, and which staged rows to leave out, by file stem."""

    number: int
    output: Output
    staging: Path
    work: PartitionWork
    dropped: dict[str, set[int]]


class MergedPartition(NamedTuple):
    """What merging a partition made: rows of its next file, bytes written, and how to publish it. `removal` shows the
    partition without the rows that leave it, where that must come before any rows move in."""

    number: int
    rows: int
    file_bytes: int
    removal: Replacement | None
    final: Replacement | None


def parse(task: BatchTask) -> ParseCounts:
    """See `storage.batches.parse_batch`."""
    from storage.batches import parse_batch

    return parse_batch(task)


def merge(task: MergeTask) -> MergedPartition:
    """See `storage.partitions.merge_partition`."""
    from storage.partitions import merge_partition

    return merge_partition(task)
