"""Re-reads the sources of an output and checks the contract's laws on every row; changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from pressmark.schemas import TABLES
from pressmark.storage.inputs.opening import Address, open_input, parse_address
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, ArchiveLimits, Input, Request, Source
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import last_run
from pressmark.storage.state import open_part
from pressmark.storage.workers import Workers
from pressmark.transforms.laws import (
    ARTICLE_COLUMNS,
    PARAGRAPH_COLUMNS,
    Breach,
    Stood,
    check_article,
    completeness,
    completeness_of_history,
)
from pressmark.transforms.records import Partition, Reject
from pressmark.transforms.selection import Selection

__all__ = ["Verification", "archive_of", "verify_output"]

# Of an archive that is read as a stream, so much is held at once.
GROUP_BYTES: Final = 64 << 20


class Verification(NamedTuple):
    """What was checked, how often each law was, and every breach. `not_ingested` counts sources that the latest run
    may not have asked for, as it asked for a part of the archive."""

    articles: int
    paragraphs: int
    revisions: int
    rejects: int
    sources: int
    source_bytes: int
    breaches: list[Breach]
    not_ingested: int = 0


class _Task(NamedTuple):
    """Some sources of a partition, by path, with their bytes where only one process can read the input; the `first`
    task of a partition also checks what its articles' rows do not show."""

    output: Output
    address: Address
    partition: Partition
    sources: dict[str, Source]
    contents: dict[str, bytes | Reject] | None
    first: bool


class _Checked(NamedTuple):
    articles: int
    paragraphs: int
    source_bytes: int
    breaches: list[Breach]


class _Archive(NamedTuple):
    """The input as the latest run saw it: what it took, whether it looked at its history, and whether it was asked for
    a part of it only."""

    address: Address
    input: Input
    selection: Selection
    history: bool
    partial: bool


def archive_of(output: Output, source: str | None = None) -> _Archive:
    """The input of the latest run at the commit that it ingested, or the one that is named in its place.

    Raises `OutputError` where there was no run.
    """
    last = last_run(output)
    address = parse_address(source or last.source)
    if source is None or source == last.source:
        address = address.at(last.commit)
    limits = ArchiveLimits(last.argument("ratio"), last.argument("unpacked_bytes"))
    selection = Selection(tuple(last.argument("include")), tuple(last.argument("exclude")))
    history = address.kind == "git" and bool(last.argument("history"))
    return _Archive(address, open_input(address, limits), selection, history, last.partial)


def verify_output(
    output: Output, source: str | Path | None = None, *, workers: int, progress: Callable[[int, int], None]
) -> Verification:
    """Check laws 1 to 5. `source` is the latest run's input by default. `progress` is called with the articles checked
    and the articles there are."""
    archive = archive_of(output, None if source is None else str(source))
    breaches: list[Breach] = []
    checked = [0, 0, 0]
    with Workers(workers) as pool:
        listing = archive.input.listing(
            Request(EVERYTHING, output.folder, history=archive.history, pool=lambda work, tasks: pool.map(work, tasks))
        )
        sources = {source.source_path: source for source in listing.sources if source.valid_to is None}
        current = _current(output)
        total = sum(len(rows) for rows in current.values())
        for result in pool.map(_check_partition, _tasks(output, archive, sources, current)):
            breaches += result.breaches
            checked = [checked[0] + result.articles, checked[1] + result.paragraphs, checked[2] + result.source_bytes]
            progress(checked[0], total)
    articles = [row for rows in current.values() for row in rows]
    breaches += [
        Breach(1, row.source_path, None, "the source is not in the input; name the input that was ingested")
        for row in articles
        if row.source_path not in sources
    ]
    orphans = {partition for partition, _ in output.parts(TABLES["paragraphs"])} - current.keys()
    breaches += [
        Breach(3, f"{place}", None, "paragraphs without a file of articles") for place in sorted(map(str, orphans))
    ]
    superseded = _revisions(output)
    rejects, bad_rejects = _rejects(output)
    taken = [source for source in listing.sources if archive.selection.takes(source.source_path)]
    incomplete, not_ingested = _completeness(archive, taken, articles, superseded, rejects)
    breaches += incomplete
    breaches += bad_rejects
    duplicates = [path for path, count in Counter(row.source_path for row in articles).items() if count > 1]
    breaches += [Breach(5, path, None, "the source has more than one row in `articles`") for path in duplicates]
    return Verification(
        len(articles), checked[1], len(superseded), len(rejects), len(taken), checked[2],
        sorted(breaches, key=lambda breach: (breach.source_path, breach.law, breach.byte_offset or 0)), not_ingested,
    )  # fmt: skip


def _completeness(
    archive: _Archive,
    taken: Sequence[Source],
    articles: Sequence[Stood],
    superseded: Sequence[Stood],
    rejects: Sequence[tuple[str, str | None]],
) -> tuple[list[Breach], int]:
    """Breaches of law 5, and how many sources a run for a part of the archive left out; sources that the check of
    articles did not read are hashed."""
    # Of a current article the bytes were compared with its row already.
    known = {(row.source_path, row.valid_from): row.source_sha256 for row in articles}
    if not archive.history:
        known = {(row.source_path, None): row.source_sha256 for row in articles}
    unread = [source for source in taken if _period(archive, source) not in known or source.valid_to is not None]
    hashes = {
        (source.source_path, source.locator): _hash(data) for source, data in archive.input.contents(unread, ANY_SIZE)
    }
    discovered = [
        Stood(
            source.source_path,
            hashes.get((source.source_path, source.locator), known.get(_period(archive, source))),
            source.valid_from,
            source.valid_to,
        )
        for source in taken
    ]
    found = len(discovered)
    if archive.partial:
        discovered = _ingested(discovered, [*articles, *superseded], rejects, history=archive.history)
    left_out = found - len(discovered)
    if archive.history:
        return completeness_of_history(discovered, [*articles, *superseded], rejects), left_out
    tables = {
        "articles": [(row.source_path, row.source_sha256) for row in articles],
        "revisions": [(row.source_path, row.source_sha256) for row in superseded if row.valid_to is None],
        "rejects": rejects,
    }
    return completeness({source.source_path: source.source_sha256 for source in discovered}, tables), left_out


def _ingested(
    discovered: Sequence[Stood],
    revisions: Sequence[Stood],
    rejects: Sequence[tuple[str, str | None]],
    *,
    history: bool,
) -> list[Stood]:
    """Sources of which something is published, be it right or wrong."""
    if not history:
        paths = {row.source_path for row in revisions} | {path for path, _ in rejects}
        return [source for source in discovered if source.source_path in paths]
    periods = {(row.source_path, row.valid_from, row.valid_to) for row in revisions}
    rejected = set(rejects)
    return [
        source
        for source in discovered
        if (source.source_path, source.valid_from, source.valid_to) in periods
        or (source.source_path, source.source_sha256) in rejected
    ]


def _period(archive: _Archive, source: Source) -> tuple[str, datetime | None]:
    return source.source_path, source.valid_from if archive.history else None


def _hash(data: bytes | Reject) -> str | None:
    return data.source_sha256 if isinstance(data, Reject) else hashlib.sha256(data).hexdigest()


def _current(output: Output) -> dict[Partition, list[Stood]]:
    """Rows of `articles` by partition."""
    found: dict[Partition, list[Stood]] = {}
    for partition, entry in output.partitions(TABLES["articles"]):
        with open_part(output, entry) as file:
            rows = file.read(["source_path", "source_sha256", "valid_from"], use_threads=False).to_pylist()
        found.setdefault(partition, []).extend(Stood(**row, valid_to=None) for row in rows)
    return found


def _tasks(
    output: Output, archive: _Archive, sources: dict[str, Source], current: dict[Partition, list[Stood]]
) -> Iterator[_Task]:
    places = {row.source_path: partition for partition, rows in current.items() for row in rows}
    groups = (
        _groups(archive.input, [source for path, source in sources.items() if path in places])
        if archive.input.streamed
        else [(sources, None)]
    )
    pending = set(current)
    for group, contents in groups:
        members: dict[Partition, dict[str, Source]] = {}
        for path, source in group.items():
            if path in places:
                members.setdefault(places[path], {})[path] = source
        for partition, chosen in members.items():
            data = None if contents is None else {path: contents[path] for path in chosen}
            yield _Task(output, archive.address, partition, chosen, data, partition in pending)
            pending.discard(partition)
    for partition in sorted(pending):
        yield _Task(output, archive.address, partition, {}, None, first=True)


def _groups(archive: Input, sources: Sequence[Source]) -> Iterator[tuple[dict[str, Source], dict[str, bytes | Reject]]]:
    """Sources of a streamed input with their bytes, as many at a time as may be held."""
    group: dict[str, Source] = {}
    contents: dict[str, bytes | Reject] = {}
    size = 0
    for source, data in archive.contents(sources, ANY_SIZE):
        group[source.source_path], contents[source.source_path] = source, data
        size += source.source_bytes
        if size >= GROUP_BYTES:
            yield group, contents
            group, contents, size = {}, {}, 0
    yield group, contents


def _check_partition(task: _Task) -> _Checked:
    by_article: dict[str, list[dict[str, Any]]] = {}
    breaches: list[Breach] = []
    for article_id, rows in groupby(
        _rows(task.output, "paragraphs", task.partition, PARAGRAPH_COLUMNS), key=lambda row: row["article_id"]
    ):
        if article_id in by_article and task.first:
            breaches.append(Breach(3, article_id, None, "the article's paragraphs do not stand together"))
        by_article.setdefault(article_id, []).extend(rows)
    articles, count, total_bytes = 0, 0, 0
    pending: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for article in _rows(task.output, "articles", task.partition, ARTICLE_COLUMNS):
        paragraphs = by_article.pop(article["article_id"], [])
        if article["source_path"] in task.sources:
            pending[article["source_path"]] = article, paragraphs
    if task.first:
        breaches += [Breach(3, article_id, None, "paragraphs without an article") for article_id in by_article]
    for source, data in _contents(task):
        article, paragraphs = pending[source.source_path]
        articles += 1
        count += len(paragraphs)
        if isinstance(data, Reject):
            breaches.append(Breach(1, source.source_path, None, f"the source can't be read: {data.detail}"))
            continue
        total_bytes += len(data)
        breaches += check_article(article, paragraphs, data)
    return _Checked(articles, count, total_bytes, breaches)


def _contents(task: _Task) -> Iterable[tuple[Source, bytes | Reject]]:
    if task.contents is None:
        return open_input(task.address).contents(task.sources.values(), ANY_SIZE)
    return [(source, task.contents[path]) for path, source in task.sources.items()]


def _rows(output: Output, name: str, partition: Partition, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for _, entry in output.parts_of(TABLES[name], partition):
        with open_part(output, entry) as file:
            for batch in file.iter_batches(2048, columns=[*columns, "outlet", "month"], use_threads=False):
                yield from batch.to_pylist()


def _revisions(output: Output) -> list[Stood]:
    """Rows of `revisions`."""
    rows: list[Stood] = []
    for _, entry in output.parts(TABLES["revisions"]):
        with open_part(output, entry) as file:
            rows += [Stood(**row) for row in file.read(list(Stood._fields)).to_pylist()]
    return rows


def _rejects(output: Output) -> tuple[list[tuple[str, str | None]], list[Breach]]:
    rows: list[tuple[str, str | None]] = []
    breaches: list[Breach] = []
    for _, entry in output.parts(TABLES["rejects"]):
        with open_part(output, entry) as file:
            for batch in file.iter_batches(64, columns=["source_path", "source_sha256", "reason", "raw"]):
                for row in batch.to_pylist():
                    rows.append((row["source_path"], row["source_sha256"]))
                    breaches += _raw_breach(row)
    return rows, breaches


def _raw_breach(row: dict[str, Any]) -> list[Breach]:
    if row["raw"] is None:
        if row["reason"] in ("too_large", "unreadable"):
            return []
        return [Breach(5, row["source_path"], None, f"a `{row['reason']}` without its bytes")]
    if hashlib.sha256(row["raw"]).hexdigest() != row["source_sha256"]:
        return [Breach(5, row["source_path"], None, "the bytes kept are not those that were rejected")]
    return []
