"""Batches of sources become staged Arrow files: what workers do between plan and publish.

A staged file of rows holds one record batch per partition, in the order of its schema metadata's list.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from schemas import TABLES
from schemas.validation import Violation, check_articles, check_paragraphs, check_rows
from storage.inputs import Source, read_source
from storage.versions import load_outlets
from transforms.article import Article, Limits, Reject, parse
from transforms.rows import Partition, Stamp, article_rows, paragraph_rows, partition_of, reject_rows, sort_key

__all__ = ["BatchTask", "ParseCounts", "OWNER", "parse_batch", "read_staged", "write_batches", "write_staged"]

# Position of a row's article (or reject) in its batch's staged file: tells rows apart that are to be left out.
OWNER: Final = "owner"


class BatchTask(NamedTuple):
    """One batch: record batch `number` of the file `work` lists its sources, staged files go beside it."""

    work: Path
    number: int
    root: Path
    limits: Limits
    stamp: Stamp
    fatal: tuple[str, ...] = ()


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
    ("source_path", pa.string()), ("name", pa.binary()), ("source_bytes", pa.int64()), ("problem", pa.string()),
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
                        [source.name.encode("utf-8", "surrogateescape") for source in rows],
                        [source.source_bytes for source in rows],
                        [source.problem for source in rows],
                    ],
                    schema=WORK_SCHEMA,
                )
            )


def batch_sources(work: Path, number: int) -> list[Source]:
    """Sources of one batch."""
    with pa.OSFile(str(work)) as file:
        rows = pa.ipc.open_file(file).get_batch(number)
        return [
            Source(path, name.decode("utf-8", "surrogateescape"), size, problem)
            for path, name, size, problem in zip(*(column.to_pylist() for column in rows.columns), strict=True)
        ]


def parse_batch(task: BatchTask) -> ParseCounts:
    """Read, parse and validate a batch, and stage its rows in three files beside the work file.

    Repeating it gives the same files. No source raises; a row that violates its schema makes its source a
    reject. Sources in `task.fatal` killed a worker before and are rejected unparsed.
    """
    outlets = load_outlets()
    accepted: list[Article] = []
    rejects: list[Reject] = []
    total_bytes = 0
    sources = batch_sources(task.work, task.number)
    for source in sources:
        total_bytes += source.source_bytes
        data = read_source(task.root, source, task.limits.source_bytes)
        if isinstance(data, Reject):
            outcome: Article | Reject = data
        elif source.source_path in task.fatal:
            outcome = _fatal(source, data)
        else:
            outcome = parse(data, source.source_path, outlets, task.limits)
        if isinstance(outcome, Reject):
            rejects.append(outcome)
        else:
            accepted.append(outcome)
    accepted.sort(key=lambda article: (partition_of(article), sort_key(article), article.source_path))
    articles, paragraphs = article_rows(accepted, task.stamp), paragraph_rows(accepted)
    violations = _violations(articles, paragraphs)
    if violations:
        for row in violations:
            rejects.append(_violation_reject(task.root, sources, accepted[row], violations[row], task.limits))
        accepted = [article for row, article in enumerate(accepted) if row not in violations]
        articles, paragraphs = article_rows(accepted, task.stamp), paragraph_rows(accepted)
    rejects.sort(key=lambda reject: reject.source_path)
    stem = task.work.parent / f"batch-{task.number:06d}"
    partitions = [(key, len(list(members))) for key, members in groupby(map(partition_of, accepted))]
    write_staged(stem.with_suffix(".articles"), _owned(articles, range(len(accepted))), partitions)
    sizes = iter([len(article.paragraphs) for article in accepted])
    write_staged(
        stem.with_suffix(".paragraphs"),
        _owned(paragraphs, (row for row, article in enumerate(accepted) for _ in article.paragraphs)),
        [(key, sum(next(sizes) for _ in range(count))) for key, count in partitions],
    )
    rejected = reject_rows(rejects, task.stamp)
    _raise_if_any(check_rows(rejected, TABLES["rejects"]))
    write_staged(stem.with_suffix(".rejects"), _owned(rejected, range(len(rejects))), [(None, len(rejects))] if rejects else [])
    reasons = Counter(str(reject.reason) for reject in rejects)
    return ParseCounts(len(sources), total_bytes, len(accepted), dict(reasons))


def write_staged(path: Path, rows: pa.Table, partitions: Sequence[tuple[Partition | None, int]]) -> None:
    """Write rows that are sorted by partition; `partitions` names each one and its number of rows."""
    index = json.dumps([[partition, count] for partition, count in partitions])
    schema = rows.schema.with_metadata({"partitions": index})
    start = 0
    # All record batches of an IPC file share one dictionary per column, which `combine_chunks` makes.
    rows = rows.combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for _, count in partitions:
            for batch in rows.slice(start, count).to_batches():
                writer.write_batch(batch)
            start += count


def staged_partitions(path: Path) -> list[Partition | None]:
    """Partitions of a staged file, in the order of its record batches."""
    with pa.OSFile(str(path)) as file:
        metadata = pa.ipc.open_file(file).schema.metadata
        return [Partition(*name) if name else None for name, _ in json.loads(metadata[b"partitions"])]


def read_staged(path: Path, columns: Sequence[str]) -> Iterator[tuple[Partition | None, pa.RecordBatch]]:
    """Some columns of each partition's rows in a staged file."""
    with pa.OSFile(str(path)) as file:
        names = pa.ipc.open_file(file).schema.names
        options = pa.ipc.IpcReadOptions(included_fields=[names.index(column) for column in columns])
        reader = pa.ipc.open_file(file, options=options)
        index = json.loads(reader.schema.metadata[b"partitions"])
        for number, (name, _) in enumerate(index):
            yield Partition(*name) if name else None, reader.get_batch(number)


def _owned(rows: pa.Table, owners: Iterable[int]) -> pa.Table:
    return rows.append_column(OWNER, pa.array(list(owners), pa.int32()))


def _violations(articles: pa.Table, paragraphs: pa.Table) -> dict[int, list[Violation]]:
    """Violations by position of the article."""
    found: dict[int, list[Violation]] = {}
    for violation in check_rows(articles, TABLES["articles"]) + check_articles(articles):
        found.setdefault(violation.row, []).append(violation)
    counts = articles["paragraph_count"].to_pylist()
    owner_of = [row for row, count in enumerate(counts) for _ in range(count)]
    owners = pa.array(owner_of, pa.int32())
    for violation in check_rows(paragraphs, TABLES["paragraphs"]) + check_paragraphs(paragraphs, owners, articles):
        found.setdefault(owner_of[violation.row], []).append(violation)
    return found


def _violation_reject(
    root: Path, sources: Sequence[Source], article: Article, violations: Sequence[Violation], limits: Limits
) -> Reject:
    detail = "; ".join(f"column `{violation.column}`: {violation.problem}" for violation in violations[:5])
    source = next(source for source in sources if source.source_path == article.source_path)
    data = read_source(root, source, limits.source_bytes)
    raw = None if isinstance(data, Reject) else data
    return Reject(article.source_path, article.source_sha256, article.source_bytes, "parser_error", detail, None, raw)


def _fatal(source: Source, data: bytes) -> Reject:
    detail = "a worker process died on this source; report the file, or exclude it"
    return Reject(source.source_path, hashlib.sha256(data).hexdigest(), len(data), "parser_error", detail, None, data)


def _raise_if_any(violations: Sequence[Violation]) -> None:
    if violations:
        raise ValueError(f"rejects that violate their own schema: {violations[:3]}")
