"""What a run has to do: compares what was discovered with what is known. Hashes in, decisions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["Decision", "Found", "Known", "batches", "decide", "groups"]

LARGEST_BATCH_BYTES: Final = 1 << 20
SMALLEST_BATCH_BYTES: Final = 256 << 10
LARGEST_BATCH_SOURCES: Final = 1000


class Found(NamedTuple):
    """A discovered source. `sha256` is None where it can't be read, or where nothing is known to compare with."""

    source_path: str
    source_bytes: int
    sha256: str | None


class Known(NamedTuple):
    """The published state of a path: in `articles` (`article_id`, `current`), live in `revisions` or in `rejects`.

    `retry` asks for another try although nothing changed: another parser version wrote the row, or the limit
    that refused the source was raised.
    """

    source_path: str
    sha256: str | None
    retry: bool
    article_id: str | None
    current: bool


class Decision(NamedTuple):
    """Positions of the sources to parse, paths that are gone, and how many sources are as they were."""

    parse: list[int]
    gone: list[str]
    unchanged: int


def decide(found: Sequence[Found], known: Mapping[str, Known], *, absent_is_deleted: bool) -> Decision:
    """Sources to parse: new, changed, to be tried again, or live revisions of an article that loses its current one.

    A source that can't be read has no hash, so it is unchanged for as long as it can't be read.
    """
    seen: set[str] = set()
    parse: set[int] = set()
    lost: set[str] = set()
    for position, source in enumerate(found):
        seen.add(source.source_path)
        before = known.get(source.source_path)
        if before is None or before.retry or before.sha256 != source.sha256:
            parse.add(position)
            if before is not None and before.current and before.article_id is not None:
                lost.add(before.article_id)
    gone = sorted(path for path in known if path not in seen) if absent_is_deleted else []
    lost.update(row.article_id for path in gone if (row := known[path]).current and row.article_id is not None)
    if lost:
        heirs = {row.source_path for row in known.values() if row.article_id in lost and not row.current}
        parse.update(position for position, source in enumerate(found) if source.source_path in heirs)
    return Decision(sorted(parse), gone, len(found) - len(parse))


def batches(sizes: Sequence[int], workers: int) -> list[range]:
    """Consecutive ranges of sources: small enough to keep all workers busy and memory low, and the same number of
    them for each worker where they are many."""
    total = sum(sizes)
    largest = min(max(total // (workers * 6), SMALLEST_BATCH_BYTES), LARGEST_BATCH_BYTES)
    rounds = -(-total // (largest * workers))
    # A batch ends before the source that does not fit, so on average by half a source too early.
    target = min(largest, total // max(rounds * workers, 1) + total // max(len(sizes), 1))
    ranges = []
    start = total = 0
    for position, size in enumerate(sizes):
        if position > start and (total + size > target or position - start == LARGEST_BATCH_SOURCES):
            ranges.append(range(start, position))
            start, total = position, 0
        total += size
    if start < len(sizes):
        ranges.append(range(start, len(sizes)))
    return ranges


def groups(count: int, most: int) -> list[range]:
    """The numbers below `count`, in order, in at most `most` ranges of nearly equal length."""
    parts = min(most, count)
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]
