"""What a run has to do: compares what was discovered with what is known. Hashes in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

__all__ = ["Decision", "Found", "Known", "batches", "decide", "groups"]

LARGEST_BATCH_BYTES: Final = 2 << 20
SMALLEST_BATCH_BYTES: Final = 256 << 10
LARGEST_BATCH_SOURCES: Final = 1000


class Found(NamedTuple):
    """A discovered source. `sha256` is None where it can't be read, or where nothing is known to compare with."""

    source_path: str
    sha256: str | None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class Known(NamedTuple):
    """A published row: of `articles` (`current`), of `revisions`, or of `rejects`, which has no `article_id`.

    `retry` asks for another try although nothing changed: another parser version wrote the row, or the limit
    that refused the source was raised.
    """

    source_path: str
    sha256: str | None
    retry: bool
    article_id: str | None
    current: bool
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class Decision(NamedTuple):
    """Positions of the sources to parse, paths that are gone, and articles whose current revision goes."""

    parse: list[int]
    gone: list[str]
    lost: set[str]


def decide(found: Sequence[Found], known: Iterable[Known], *, absent_is_deleted: bool) -> Decision:
    """Sources to parse: new, changed, or to be tried again.

    A source that can't be read has no hash, so it is unchanged for as long as it can't be read.
    """
    rows: dict[str, list[Known]] = {}
    for row in known:
        rows.setdefault(row.source_path, []).append(row)
    stands = {source.source_path for source in found if source.valid_to is None}
    seen = {source.source_path for source in found}
    parse: list[int] = []
    lost: set[str] = set()
    for position, source in enumerate(found):
        before = rows.get(source.source_path, ())
        if any(_same(source, row) for row in before):
            continue
        parse.append(position)
        if source.valid_to is None:
            lost.update(row.article_id for row in before if row.current and row.article_id is not None)
    gone: list[str] = []
    if absent_is_deleted:
        for path in sorted(rows.keys() - stands):
            # What is known of a reject stays for as long as any file was at its path.
            ends = [
                row for row in rows[path] if row.valid_to is None and (row.article_id is not None or path not in seen)
            ]
            if ends:
                gone.append(path)
            lost.update(row.article_id for row in ends if row.current and row.article_id is not None)
    return Decision(parse, gone, lost)


def _same(source: Found, row: Known) -> bool:
    if row.retry or row.sha256 != source.sha256:
        return False
    return row.article_id is None or (row.valid_from, row.valid_to) == (source.valid_from, source.valid_to)


def batches(sizes: Sequence[int], workers: int, most: int = LARGEST_BATCH_BYTES) -> list[range]:
    """Consecutive ranges of sources: small enough to keep all workers busy and memory low, and the same number of
    them for each worker where they are many; no larger than `most` bytes but for a single source. The last ones are
    half as large, so that no worker waits long for another."""
    total = sum(sizes)
    largest = min(max(total // (workers * 4), SMALLEST_BATCH_BYTES), most)
    rounds = -(-total // (largest * workers))
    # A batch ends before the source that does not fit, so on average by half a source too early.
    target = min(largest, total // max(rounds * workers, 1) + total // max(len(sizes), 1))
    ranges = []
    left, limit = total, target
    start = total = 0
    for position, size in enumerate(sizes):
        if position > start and (total + size > limit or position - start == LARGEST_BATCH_SOURCES):
            ranges.append(range(start, position))
            left -= total
            start, total = position, 0
            if left <= target * workers:
                limit = max(target // 2, SMALLEST_BATCH_BYTES)
        total += size
    if start < len(sizes):
        ranges.append(range(start, len(sizes)))
    return ranges


def groups(count: int, most: int) -> list[range]:
    """The numbers below `count`, in order, in at most `most` ranges of nearly equal length."""
    parts = min(most, count)
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]
