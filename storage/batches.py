"""Reads, parses and validates one batch of sources, each within its time, and stages its rows; runs in workers."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import TIMESTAMP, Period, Reason
from pressmark.schemas.tables import Violation, check_articles, check_paragraphs, check_rows
from pressmark.storage.inputs.opening import InputAddress, open_input
from pressmark.storage.inputs.source import Source
from pressmark.storage.output.partitions import OWNER, Span, Staging
from pressmark.storage.settings import IngestSettings
from pressmark.storage.versions import parse_source
from pressmark.transforms.records import Article, Partition, Reject, Stamp
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows, partition_of, reject_rows, sort_key
from pressmark.transforms.selection import left_of

__all__ = [
    "Batch", "ParseCounts", "Parsed", "TookTooLong", "cut", "cut_batches", "parse_batch", "seconds_of", "split_batch",
    "within",
]  # fmt: skip

IDENTITY_COLUMNS = (
    "archive", "source_path", "source_sha256", "article_id", "published_at", "text_sha256", "valid_from",
)  # fmt: skip
REJECT_COLUMNS = ("archive", "source_path", "source_sha256", "reason", "detail")
# Small enough to keep all workers busy and memory low.
MOST_BYTES = 4 << 20
LEAST_BYTES = 256 << 10
MOST_SOURCES = 1000
# Of what has a doubt so many are called by name.
MOST_NAMED: Final = 20
# How long a batch may take on a machine that does ten other things, beside what its bytes do: so long, and so many
# bytes each second. No batch loses more than its time: it is then tried in halves.
BATCH_S: Final = 300
SLOWEST_BYTES_PER_S: Final = 1 << 17
# What was raised where a library takes any exception for its own is raised again.
AGAIN_S: Final = 1.0
DIED: Final = "a worker process died on this source; report the file, or exclude it"
LATE: Final = "reading it took more than {:.0f} seconds; report the file, or exclude it"


class Batch(NamedTuple):
    """Sources that are parsed together. Those at a `required` path are kept whatever part of the archive is wanted.
    `fatal` says why a single source is not parsed. `contents` are the sources with their bytes where only one process
    can read the input. `forgotten` says by id and hash of what must not come back why."""

    name: str
    address: InputAddress
    archive: str
    staging: Staging
    settings: IngestSettings
    stamp: Stamp
    partition_by: Period
    sources: tuple[Source, ...]
    required: frozenset[str] = frozenset()
    fatal: tuple[Reason, str] | None = None
    contents: tuple[tuple[Source, bytes | Reject], ...] | None = None
    forgotten: Mapping[str, str] = {}


class ParseCounts(NamedTuple):
    """What became of sources. `left_out` are those that the run does not ask for; `doubts` are how many articles have
    one, and the first of their paths."""

    sources: int = 0
    source_bytes: int = 0
    accepted: int = 0
    left_out: int = 0
    reasons: dict[str, int] = {}  # noqa: RUF012  # never changed
    doubts: dict[str, tuple[int, tuple[str, ...]]] = {}  # noqa: RUF012

    def __add__(self, other: object) -> ParseCounts:
        if not isinstance(other, ParseCounts):
            return NotImplemented
        return ParseCounts(
            self.sources + other.sources,
            self.source_bytes + other.source_bytes,
            self.accepted + other.accepted,
            self.left_out + other.left_out,
            dict(Counter(self.reasons) + Counter(other.reasons)),
            {doubt: _joined(self.doubts.get(doubt), other.doubts.get(doubt)) for doubt in self.doubts | other.doubts},
        )


def _joined(*counted: tuple[int, tuple[str, ...]] | None) -> tuple[int, tuple[str, ...]]:
    known = [one for one in counted if one is not None]
    return sum(count for count, _ in known), tuple(sorted(path for _, paths in known for path in paths)[:MOST_NAMED])


class Parsed(NamedTuple):
    """A batch whose rows are staged: its name, what identifies its articles (with their partitions) and rejects, with
    their `owner` and the time at which each ended, and where each partition's rows lie in the files of articles,
    paragraphs and media."""

    name: str
    counts: ParseCounts
    articles: pa.Table
    rejects: pa.Table
    spans: dict[str, tuple[Span, ...]]


class _Accepted(NamedTuple):
    article: Article
    source: Source


def cut_batches(sizes: Sequence[int], workers: int) -> list[range]:
    """Consecutive ranges of sources, each for one batch; no larger than `MOST_BYTES` but for a single source."""
    return cut(sizes, min(max(sum(sizes) // (workers * 4), LEAST_BYTES), MOST_BYTES), MOST_SOURCES)


def cut(sizes: Sequence[int], most_bytes: int, most: int) -> list[range]:
    """Consecutive ranges of at most so many things, and bytes in all but for a single one."""
    ranges, start, total = [], 0, 0
    for position, size in enumerate(sizes):
        if position > start and (total + size > most_bytes or position - start == most):
            ranges.append(range(start, position))
            start, total = position, 0
        total += size
    return [*ranges, range(start, len(sizes))] if start < len(sizes) else ranges


def seconds_of(batch: Batch) -> float:
    """How long a batch may take before its worker is taken for one that hangs."""
    return BATCH_S + sum(source.source_bytes for source in batch.sources) / SLOWEST_BYTES_PER_S


def split_batch(batch: Batch, *, late: bool) -> list[Batch]:
    """What is tried in place of a batch on which workers died, or which they were `late` with: its halves; a source
    alone is rejected unparsed."""
    if len(batch.sources) == 1:
        why: tuple[Reason, str] = ("too_complex", LATE.format(seconds_of(batch))) if late else ("parser_error", DIED)
        return [] if batch.fatal else [batch._replace(fatal=why)]
    middle = len(batch.sources) // 2
    halves = {"a": batch.sources[:middle], "b": batch.sources[middle:]}
    return [batch._replace(name=batch.name + half, sources=sources) for half, sources in halves.items()]


def parse_batch(batch: Batch) -> Parsed:
    """Read, parse and validate a batch, and stage its rows. Repeating it gives the same rows. No source raises; a row
    that violates its schema makes its source a reject."""
    accepted, rejects, total_bytes, left_out = _outcomes(batch)
    accepted.sort(key=lambda one: (
        partition_of(one.article, batch.partition_by), sort_key(one.article), one.source.source_path, one.source.locator
    ))  # fmt: skip
    rows = _rows(accepted, batch.stamp)
    violations = _violations(*rows)
    if violations:
        bad = [accepted[row].source for row in violations]
        kept = {_key(source): data for source, data in _contents(batch, bad)}
        rejects += [
            (_violation_reject(accepted[row].article, kept[_key(accepted[row].source)], found), source)
            for (row, found), source in zip(violations.items(), bad, strict=True)
        ]
        accepted = [one for row, one in enumerate(accepted) if row not in violations]
        rows = _rows(accepted, batch.stamp)
    articles, paragraphs, owners, media, media_owners = rows
    rejects.sort(key=lambda reject: (reject[0].source_path, reject[0].source_sha256 or ""))
    partitions = [partition_of(one.article, batch.partition_by) for one in accepted]
    spans = {
        "articles": _stage(batch, partitions, "articles", articles, pa.array(range(len(accepted)), pa.int32())),
        "paragraphs": _stage(batch, partitions, "paragraphs", paragraphs, owners),
        "media": _stage(batch, partitions, "media", media, media_owners),
    }
    identities = _identities(articles, IDENTITY_COLUMNS, [one.source for one in accepted])
    identities = identities.append_column("outlet", pa.array([one.outlet for one in partitions], pa.string()))
    identities = identities.append_column("period", pa.array([one.period for one in partitions], pa.string()))
    rejected = reject_rows([reject for reject, _ in rejects], batch.stamp, batch.archive)
    if rejects:
        if wrong := check_rows(rejected, TABLES["rejects"]):
            raise ValueError(f"rejects that violate their own schema: {wrong[:3]}")
        numbered = rejected.append_column(OWNER, pa.array(range(len(rejects)), pa.int32()))
        batch.staging.write(f"{batch.name}.rejects", numbered, [(None, len(rejects))])
    reasons = Counter(str(reject.reason) for reject, _ in rejects)
    return Parsed(
        batch.name,
        ParseCounts(len(batch.sources), total_bytes, len(accepted), left_out, dict(reasons), _doubts(accepted)),
        identities,
        _identities(rejected, REJECT_COLUMNS, [source for _, source in rejects]),
        spans,
    )


def _doubts(accepted: Sequence[_Accepted]) -> dict[str, tuple[int, tuple[str, ...]]]:
    named: dict[str, list[str]] = defaultdict(list)
    for article, _ in accepted:
        for doubt in article.doubts:
            named[doubt].append(article.source_path)
    return {doubt: (len(paths), tuple(sorted(paths)[:MOST_NAMED])) for doubt, paths in named.items()}


def _outcomes(batch: Batch) -> tuple[list[_Accepted], list[tuple[Reject, Source]], int, int]:
    """Articles and rejects of a batch, its bytes, and how many articles the run does not ask for."""
    # A run that leaves this to workers does not load the parser.
    from pressmark.transforms.dates import SCHEDULED_AHEAD

    limits, reading, wanted = batch.settings.limits, batch.settings.reading, batch.settings.wanted
    latest = batch.stamp.started_at + SCHEDULED_AHEAD
    accepted: list[_Accepted] = []
    rejects: list[tuple[Reject, Source]] = []
    total_bytes = left_out = 0
    for source, data in _contents(batch, batch.sources):
        total_bytes += source.source_bytes
        if isinstance(data, Reject):
            outcome: Article | Reject = data
        elif batch.fatal:
            outcome = _unparsed(source, data, *batch.fatal)
        else:
            seconds = limits.seconds + len(data) / SLOWEST_BYTES_PER_S
            try:
                with within(seconds):
                    outcome = parse_source(data, source.source_path, limits, latest, batch.archive, reading)
            except TookTooLong:
                outcome = _unparsed(source, data, "too_complex", LATE.format(seconds))
        outcome = left_of(outcome, batch.forgotten) if batch.forgotten else outcome
        if isinstance(outcome, Reject):
            rejects.append((outcome, source))
        elif source.source_path in batch.required or wanted.takes(outcome.outlet, outcome.dates.published_at):
            accepted.append(_Accepted(outcome, source))
        else:
            left_out += 1
    return accepted, rejects, total_bytes, left_out


def _stage(batch: Batch, places: Sequence[Partition], name: str, rows: pa.Table, owners: pa.Array) -> tuple[Span, ...]:
    """Stage rows of a table of articles; where each partition's lie in the file, which is not written without rows."""
    if not rows.num_rows:
        return ()
    counts = Counter(owners.to_pylist())
    members = groupby(enumerate(places), key=itemgetter(1))
    partitions = [(key, sum(counts[owner] for owner, _ in of)) for key, of in members]
    return batch.staging.write(f"{batch.name}.{name}", rows.append_column(OWNER, owners), partitions)


def _key(source: Source) -> tuple[str, str]:
    return source.source_path, source.locator


def _contents(batch: Batch, sources: Sequence[Source]) -> Iterable[tuple[Source, bytes | Reject]]:
    if batch.contents is None:
        return open_input(batch.address).contents(sources, batch.settings.limits)
    wanted = {_key(source) for source in sources}
    return [(source, data) for source, data in batch.contents if _key(source) in wanted]


def _rows(accepted: Sequence[_Accepted], stamp: Stamp) -> tuple[pa.Table, pa.Table, pa.Array, pa.Table, pa.Array]:
    """Articles, paragraphs and media, the latter two with their owners."""
    articles, since = [one.article for one in accepted], [one.source.valid_from for one in accepted]
    return article_rows(articles, stamp, since), *paragraph_rows(articles), *media_rows(articles)


def _identities(rows: pa.Table, names: Sequence[str], sources: Sequence[Source]) -> pa.Table:
    """Some columns as text and times, with each row's owner and the time at which its source ended."""
    columns = {name: rows[name] for name in names}
    texts = {name: values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
             for name, values in columns.items()}  # fmt: skip
    ends = pa.array([source.valid_to for source in sources], TIMESTAMP)
    return pa.table({**texts, "valid_to": ends, OWNER: pa.array(range(rows.num_rows), pa.int32())}).combine_chunks()


def _violations(
    articles: pa.Table, paragraphs: pa.Table, owners: pa.Array, media: pa.Table, media_owners: pa.Array
) -> dict[int, list[Violation]]:
    found: dict[int, list[Violation]] = {}
    for violation in check_rows(articles, TABLES["articles"]) + check_articles(articles):
        found.setdefault(violation.row, []).append(violation)
    for violation in check_rows(paragraphs, TABLES["paragraphs"]) + check_paragraphs(paragraphs, owners, articles):
        found.setdefault(owners[violation.row].as_py(), []).append(violation)
    for violation in check_rows(media, TABLES["media"]):
        found.setdefault(media_owners[violation.row].as_py(), []).append(violation)
    return found


def _violation_reject(article: Article, data: bytes | Reject, violations: Sequence[Violation]) -> Reject:
    detail = "; ".join(f"column `{violation.column}`: {violation.problem}" for violation in violations[:5])
    raw = None if isinstance(data, Reject) else data
    return Reject(article.source_path, article.source_sha256, article.source_bytes, "parser_error", detail, None, raw)


def _unparsed(source: Source, data: bytes, reason: Reason, detail: str) -> Reject:
    return Reject(source.source_path, hashlib.sha256(data).hexdigest(), len(data), reason, detail, None, data)


class TookTooLong(BaseException):
    """A source took more than its time. No `Exception`, as nothing on the way may take it for one of its own."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `TookTooLong` where the block takes more seconds of the processor, between two steps of Python or of a
    pattern. Signals reach the first thread of a process alone; in others it ends nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
