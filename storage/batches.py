"""Parses and validates one batch of sources and stages its rows; runs in workers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import TIMESTAMP
from pressmark.schemas.validation import Violation, check_articles, check_paragraphs, check_rows
from pressmark.storage.inputs.opening import open_input
from pressmark.storage.inputs.source import Source
from pressmark.storage.staged import IDENTITIES, OWNER, VALID_TO, write_identities, write_staged
from pressmark.storage.versions import load_outlets
from pressmark.storage.work import DONE, BatchTask, ParseCounts, batch_sources
from pressmark.transforms.article import parse
from pressmark.transforms.dates import SCHEDULED_AHEAD
from pressmark.transforms.records import Article, Partition, Reject, Stamp
from pressmark.transforms.rows import article_rows, paragraph_rows, partition_of, reject_rows, sort_key

__all__ = ["parse_batch"]


def parse_batch(task: BatchTask) -> ParseCounts:
    """Read, parse and validate a batch, and stage its rows in files of the workspace.

    Repeating it gives the same files. No source raises; a row that violates its schema makes its source a
    reject. Sources in `task.fatal` killed a worker before and are rejected unparsed.
    """
    outlets = load_outlets()
    latest = task.stamp.started_at + SCHEDULED_AHEAD
    accepted: list[_Accepted] = []
    rejects: list[tuple[Reject, datetime | None]] = []
    total_bytes = left_out = 0
    sources = batch_sources(task.workspace, task.work, task.number)
    for source, data in _contents(task, sources):
        total_bytes += source.source_bytes
        if isinstance(data, Reject):
            outcome: Article | Reject = data
        elif _key(source) in task.fatal:
            outcome = _fatal(source, data)
        else:
            outcome = parse(data, source.source_path, outlets, task.limits, latest)
        if isinstance(outcome, Reject):
            rejects.append((outcome, source.valid_to))
        elif source.source_path not in task.required and not task.wanted.takes(
            outcome.outlet, outcome.dates.published_at
        ):
            left_out += 1
        else:
            accepted.append(_Accepted(outcome, source))
    accepted.sort(
        key=lambda one: (
            partition_of(one.article, task.partition_by),
            sort_key(one.article),
            one.source.source_path,
            one.source.locator,
        )
    )
    articles, (paragraphs, owners) = _rows(accepted, task.stamp)
    violations = _violations(articles, paragraphs, owners)
    if violations:
        bad = [accepted[row].source for row in violations]
        kept = {_key(source): data for source, data in _contents(task, bad)}
        rejects += [
            (_violation_reject(accepted[row].article, kept[_key(accepted[row].source)], found), source.valid_to)
            for (row, found), source in zip(violations.items(), bad, strict=True)
        ]
        accepted = [one for row, one in enumerate(accepted) if row not in violations]
        articles, (paragraphs, owners) = _rows(accepted, task.stamp)
    rejects.sort(key=lambda reject: (reject[0].source_path, reject[0].source_sha256 or ""))
    partitions = [
        (key, len(list(members)))
        for key, members in groupby(partition_of(one.article, task.partition_by) for one in accepted)
    ]
    ends = pa.array([one.source.valid_to for one in accepted], TIMESTAMP)
    staged = _numbered(articles).append_column(VALID_TO, ends)
    _stage(task, "articles", staged, partitions)
    with task.workspace.draft(f"batch-{task.number:06d}{IDENTITIES}") as path:
        write_identities(path, staged, partitions)
    sizes = iter([len(one.article.paragraphs) for one in accepted])
    _stage(
        task,
        "paragraphs",
        paragraphs.append_column(OWNER, owners),
        [(key, sum(next(sizes) for _ in range(count))) for key, count in partitions],
    )
    if rejects:
        rejected = reject_rows([reject for reject, _ in rejects], task.stamp)
        _raise_if_any(check_rows(rejected, TABLES["rejects"]))
        ends = pa.array([valid_to for _, valid_to in rejects], TIMESTAMP)
        _stage(task, "rejects", _numbered(rejected).append_column(VALID_TO, ends), [(None, len(rejects))])
    reasons = Counter(str(reject.reason) for reject, _ in rejects)
    counts = ParseCounts(len(sources), total_bytes, len(accepted), left_out, dict(reasons))
    with task.workspace.draft(f"batch-{task.number:06d}{DONE}") as path:
        path.write_text(json.dumps([task.work, *counts]))
    return counts


def _stage(task: BatchTask, table: str, rows: pa.Table, partitions: Sequence[tuple[Partition | None, int]]) -> None:
    with task.workspace.draft(f"batch-{task.number:06d}.{table}") as path:
        write_staged(path, rows, partitions)


class _Accepted(NamedTuple):
    article: Article
    source: Source


def _key(source: Source) -> tuple[str, str]:
    return source.source_path, source.locator


def _contents(task: BatchTask, sources: Sequence[Source]) -> Iterable[tuple[Source, bytes | Reject]]:
    if task.contents is None:
        return open_input(task.address).contents(sources, task.limits)
    wanted = {_key(source) for source in sources}
    return [(source, data) for source, data in task.contents if _key(source) in wanted]


def _rows(accepted: Sequence[_Accepted], stamp: Stamp) -> tuple[pa.Table, tuple[pa.Table, pa.Array]]:
    articles = [one.article for one in accepted]
    return article_rows(articles, stamp, [one.source.valid_from for one in accepted]), paragraph_rows(articles)


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


def _violation_reject(article: Article, data: bytes | Reject, violations: Sequence[Violation]) -> Reject:
    detail = "; ".join(f"column `{violation.column}`: {violation.problem}" for violation in violations[:5])
    raw = None if isinstance(data, Reject) else data
    return Reject(article.source_path, article.source_sha256, article.source_bytes, "parser_error", detail, None, raw)


def _fatal(source: Source, data: bytes) -> Reject:
    detail = "a worker process died on this source; report the file, or exclude it"
    return Reject(source.source_path, hashlib.sha256(data).hexdigest(), len(data), "parser_error", detail, None, data)


def _raise_if_any(violations: Sequence[Violation]) -> None:
    if violations:
        raise ValueError(f"rejects that violate their own schema: {violations[:3]}")
