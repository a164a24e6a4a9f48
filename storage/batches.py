"""Parses and validates one batch of sources and stages its rows; runs in workers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from schemas import TABLES
from schemas.validation import Violation, check_articles, check_paragraphs, check_rows
from storage.inputs import Source, read_source
from storage.staged import OWNER, write_staged
from storage.versions import load_outlets
from storage.work import BatchTask, ParseCounts, batch_sources
from transforms.article import parse
from transforms.dates import SCHEDULED_AHEAD
from transforms.records import Article, Limits, Reject
from transforms.rows import article_rows, paragraph_rows, partition_of, reject_rows, sort_key

__all__ = ["parse_batch"]


def parse_batch(task: BatchTask) -> ParseCounts:
    """Read, parse and validate a batch, and stage its rows in three files beside the work file.

    Repeating it gives the same files. No source raises; a row that violates its schema makes its source a
    reject. Sources in `task.fatal` killed a worker before and are rejected unparsed.
    """
    outlets = load_outlets()
    latest = task.stamp.started_at + SCHEDULED_AHEAD
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
            outcome = parse(data, source.source_path, outlets, task.limits, latest)
        if isinstance(outcome, Reject):
            rejects.append(outcome)
        else:
            accepted.append(outcome)
    accepted.sort(key=lambda article: (partition_of(article), sort_key(article), article.source_path))
    articles, (paragraphs, owners) = article_rows(accepted, task.stamp), paragraph_rows(accepted)
    violations = _violations(articles, paragraphs, owners)
    if violations:
        rejects += [
            _violation_reject(task.root, sources, accepted[row], found, task.limits)
            for row, found in violations.items()
        ]
        accepted = [article for row, article in enumerate(accepted) if row not in violations]
        articles, (paragraphs, owners) = article_rows(accepted, task.stamp), paragraph_rows(accepted)
    rejects.sort(key=lambda reject: reject.source_path)
    stem = task.work.parent / f"batch-{task.number:06d}"
    partitions = [(key, len(list(members))) for key, members in groupby(map(partition_of, accepted))]
    write_staged(stem.with_suffix(".articles"), _numbered(articles), partitions)
    sizes = iter([len(article.paragraphs) for article in accepted])
    write_staged(
        stem.with_suffix(".paragraphs"),
        paragraphs.append_column(OWNER, owners),
        [(key, sum(next(sizes) for _ in range(count))) for key, count in partitions],
    )
    rejected = reject_rows(rejects, task.stamp)
    _raise_if_any(check_rows(rejected, TABLES["rejects"]))
    write_staged(stem.with_suffix(".rejects"), _numbered(rejected), [(None, len(rejects))] if rejects else [])
    reasons = Counter(str(reject.reason) for reject in rejects)
    return ParseCounts(len(sources), total_bytes, len(accepted), dict(reasons))


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column(OWNER, pa.array(range(rows.num_rows), pa.int32()))


def _violations(articles: pa.Table, paragraphs: pa.Table, owners: pa.Array) -> dict[int, list[Violation]]:
    """Violations by position of the article."""
    found: dict[int, list[Violation]] = {}
    for violation in check_rows(articles, TABLES["articles"]) + check_articles(articles):
        found.setdefault(violation.row, []).append(violation)
    for violation in check_rows(paragraphs, TABLES["paragraphs"]) + check_paragraphs(paragraphs, owners, articles):
        found.setdefault(owners[violation.row].as_py(), []).append(violation)
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
