"""Re-reads the sources of an output and checks the contract's laws on every row; changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.storage.inputs.opening import InputAddress, open_input
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Input, Request, Source, sources_of
from pressmark.storage.output.parquet import open_part
from pressmark.storage.output.tables import Output, Part
from pressmark.storage.pool import open_pool
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.transforms.laws import (
    ARTICLE_COLUMNS,
    MEDIA_COLUMNS,
    PARAGRAPH_COLUMNS,
    Breach,
    Stood,
    check_article,
    completeness,
    completeness_of_history,
)
from pressmark.transforms.records import Partition, Reject

__all__ = ["Verification", "verify_output"]

# Of an archive that is read as a stream, so much is held at once.
GROUP_BYTES: Final = 64 << 20


class Verification(NamedTuple):
    """What was checked, how often each law was, and every breach. `not_ingested` counts sources that the latest run may
    not have asked for, as it asked for a part of the archive."""

    articles: int
    paragraphs: int
    revisions: int
    rejects: int
    sources: int
    source_bytes: int
    breaches: list[Breach]
    not_ingested: int = 0
    media: int = 0


class _Task(NamedTuple):
    """Some sources of a partition, by path, with their bytes where only one process can read the input; the `first`
    task of a partition also checks what its articles' rows do not show."""

    output: Output
    archive: str
    address: InputAddress
    parts: dict[str, list[Part]]
    sources: dict[str, Source]
    contents: dict[str, bytes | Reject] | None
    first: bool


class _Checked(NamedTuple):
    articles: int
    paragraphs: int
    media: int
    source_bytes: int
    breaches: list[Breach]


def verify_output(
    output: Output, source: str | Path | None = None, *, archive: str | None = None, workers: int,
    progress: Callable[[int, int], None],
) -> Verification:  # fmt: skip
    """Check laws 1 to 5 and 7 on all archives of an output, or on the one that is named; `source` is by default the
    input of its latest run. `progress` is called with the articles checked and the articles there are."""
    if source is None and archive is None:
        chosen = [archive_of(output, None, run.archive) for run in last_runs(output)] or [archive_of(output)]
    else:
        chosen = [archive_of(output, None if source is None else str(source), archive)]
    found = [_verify(output, one, workers, progress) for one in chosen]
    total = Verification(0, 0, 0, 0, 0, 0, [])
    for one in found:
        total = Verification(*(here + more for here, more in zip(total, one, strict=True)))  # type: ignore[operator]
    return total


def _verify(output: Output, archive: Archive, workers: int, progress: Callable[[int, int], None]) -> Verification:
    request = Request(EVERYTHING, output.folder, None, archive.history, archive.moves, lambda _: None)
    listing = archive.input.listing(request)
    listed = [source for source in sources_of(listing.frame) if archive.history or source.valid_to is None]
    sources = {source.source_path: source for source in listed if source.valid_to is None}
    rows = _rows(output, "articles", archive.name, ["source_path", "source_sha256", "valid_from"])
    current = {partition: [Stood(**row, valid_to=None) for row in some] for partition, some in rows.items()}
    articles = [row for some in current.values() for row in some]
    breaches: list[Breach] = []
    checked = [0, 0, 0, 0]
    with open_pool(workers) as pool:
        for result in pool.map(_check_partition, _tasks(output, archive, sources, current)):
            breaches += result.breaches
            counts = (result.articles, result.paragraphs, result.media, result.source_bytes)
            checked = [before + more for before, more in zip(checked, counts, strict=True)]
            progress(checked[0], len(articles))
    breaches += [
        Breach(1, row.source_path, None, "the source is not in the input; name the input that was ingested")
        for row in articles
        if row.source_path not in sources
    ]
    breaches += _orphans(output)
    columns = ["source_path", "source_sha256", "valid_from", "valid_to"]
    found = _rows(output, "revisions", archive.name, columns)
    superseded = [Stood(**row) for some in found.values() for row in some]
    rejects, bad_rejects = _rejects(output, archive.name)
    taken = [source for source in listed if archive.selection.takes(source.source_path)]
    incomplete, not_ingested = _completeness(archive, taken, articles, superseded, rejects)
    breaches += incomplete
    breaches += bad_rejects
    duplicates = [path for path, count in Counter(row.source_path for row in articles).items() if count > 1]
    breaches += [Breach(5, path, None, "the source has more than one row in `articles`") for path in duplicates]
    return Verification(
        len(articles), checked[1], len(superseded), len(rejects), len(taken), checked[3],
        sorted(breaches, key=lambda breach: (breach.source_path, breach.law, breach.byte_offset or 0)), not_ingested,
        checked[2],
    )  # fmt: skip


def _completeness(
    archive: Archive,
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


def _period(archive: Archive, source: Source) -> tuple[str, Any]:
    return source.source_path, source.valid_from if archive.history else None


def _hash(data: bytes | Reject) -> str | None:
    return data.source_sha256 if isinstance(data, Reject) else hashlib.sha256(data).hexdigest()


def _tasks(
    output: Output, archive: Archive, sources: dict[str, Source], current: dict[Partition | None, list[Stood]]
) -> Iterator[_Task]:
    places = {row.source_path: partition for partition, rows in current.items() for row in rows}
    parts = {name: _by_partition(output, name) for name in OF_ARTICLES}
    groups: Iterable[tuple[dict[str, Source], dict[str, bytes | Reject] | None]] = (
        _groups(archive.input, [source for path, source in sources.items() if path in places])
        if archive.input.streamed
        else [(sources, None)]
    )
    pending = set(current)

    def task(partition: Partition | None, chosen: dict[str, Source], data: dict[str, bytes | Reject] | None) -> _Task:
        here = {name: of.get(partition, []) for name, of in parts.items()}
        return _Task(output, archive.name, archive.address, here, chosen, data, partition in pending)

    for group, contents in groups:
        members: dict[Partition | None, dict[str, Source]] = defaultdict(dict)
        for path, source in group.items():
            if path in places:
                members[places[path]][path] = source
        for partition, chosen in members.items():
            yield task(partition, chosen, None if contents is None else {path: contents[path] for path in chosen})
            pending.discard(partition)
    for partition in sorted(pending, key=str):
        yield task(partition, {}, None)


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
    articles = {row["article_id"]: row for row in _read(task.output, "articles", task.parts["articles"],
                                                        [*ARTICLE_COLUMNS, "archive"])}  # fmt: skip
    paragraphs = _read(task.output, "paragraphs", task.parts["paragraphs"], PARAGRAPH_COLUMNS)
    for article_id, rows in groupby(paragraphs, key=lambda row: row["article_id"]):
        if article_id in by_article and task.first:
            breaches.append(Breach(3, article_id, None, "the article's paragraphs do not stand together"))
        by_article.setdefault(article_id, []).extend(rows)
    media: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _read(task.output, "media", task.parts["media"], MEDIA_COLUMNS):
        media[row["article_id"]].append(row)
    if task.first:
        for name, ids in (("paragraphs", by_article.keys()), ("media", media.keys())):
            breaches += [Breach(3, key, None, f"{name} without an article") for key in sorted(ids - articles.keys())]
    pending = {
        row["source_path"]: row
        for row in articles.values()
        if row["archive"] == task.archive and row["source_path"] in task.sources
    }
    count = media_count = total_bytes = 0
    for source, data in _contents(task):
        article = pending[source.source_path]
        mine = by_article.get(article["article_id"], [])
        shown = media.get(article["article_id"], ())
        count, media_count = count + len(mine), media_count + len(shown)
        if isinstance(data, Reject):
            breaches.append(Breach(1, source.source_path, None, f"the source can't be read: {data.detail}"))
            continue
        total_bytes += len(data)
        breaches += check_article(article, mine, data, shown)
    return _Checked(len(task.sources), count, media_count, total_bytes, breaches)


def _contents(task: _Task) -> Iterable[tuple[Source, bytes | Reject]]:
    if task.contents is None:
        return open_input(task.address).contents(task.sources.values(), ANY_SIZE)
    return [(source, task.contents[path]) for path, source in task.sources.items()]


def _orphans(output: Output) -> list[Breach]:
    with_articles = _by_partition(output, "articles").keys()
    return [
        Breach(3, place, None, f"{name} without a file of articles")
        for name in ("paragraphs", "media")
        for place in sorted(map(str, _by_partition(output, name).keys() - with_articles))
    ]


def _by_partition(output: Output, name: str) -> dict[Partition | None, list[Part]]:
    found: dict[Partition | None, list[Part]] = defaultdict(list)
    for part in output.parts(TABLES[name]):
        found[part.partition].append(part)
    return found


def _rows(
    output: Output, name: str, archive: str, columns: Sequence[str]
) -> dict[Partition | None, list[dict[str, Any]]]:
    """Some columns of an archive's rows, by partition."""
    found = {}
    for partition, parts in _by_partition(output, name).items():
        rows = _read(output, name, parts, [*columns, "archive"])
        found[partition] = [row for row in rows if row.pop("archive") == archive]
    return found


def _read(output: Output, name: str, parts: Sequence[Part], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for part in parts:
        with open_part(output, part.entry, TABLES[name]) as file:
            rows = file.read(columns)
        for batch in rows.to_batches(2048):
            yield from batch.to_pylist()


def _rejects(output: Output, archive: str) -> tuple[list[tuple[str, str | None]], list[Breach]]:
    rows: list[tuple[str, str | None]] = []
    breaches: list[Breach] = []
    columns = ["archive", "source_path", "source_sha256", "reason", "raw"]
    for row in _read(output, "rejects", output.parts(TABLES["rejects"]), columns):
        if row["archive"] == archive:
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
