"""Re-reads the sources of an output, a partition at a time, and checks the laws on every row; changes nothing."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.storage.errors import library
from pressmark.storage.inputs.opening import InputAddress, open_input
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Input, Request, Source, sources_of
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output, Part, by_partition
from pressmark.storage.pool import open_pool
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.transforms.laws import (
    ARTICLE_COLUMNS,
    MEDIA_COLUMNS,
    PARAGRAPH_COLUMNS,
    Breach,
    Cutter,
    Stood,
    check_article,
    completeness,
    completeness_of_history,
)
from pressmark.transforms.records import Partition, Reject
from pressmark.transforms.selection import FORGOTTEN

__all__ = [
    "Task", "Verification", "added", "archives_of", "partition_rows", "rows_of", "second_reading", "tasks_of",
    "verify_output",
]  # fmt: skip

# Of an archive that is read as a stream, so much is held at once.
GROUP_BYTES: Final = 64 << 20
# An input that has less than this share of an archive's sources is hardly that archive.
HARDLY_ANY: Final = 0.1
Row = dict[str, Any]

log = logging.getLogger(__name__)


class Task(NamedTuple):
    """Some sources of a partition, by path, with their bytes where only one process can read the input. `parts` are the
    partition's files by table."""

    output: Output
    archive: str
    address: InputAddress
    partition: Partition | None
    parts: dict[str, list[Part]]
    sources: dict[str, Source]
    contents: dict[str, bytes | Reject] | None


def second_reading(name: str) -> Any:
    """A module of the second implementation; raises `LibraryError` where its libraries are missing."""
    return library(f"pressmark.transforms.{name}", "audit")


def archives_of(output: Output, source: str | None, archive: str | None) -> list[Archive]:
    """All archives of an output, or the one that an input or a name tells; raises `OutputError` where there was no
    run."""
    if source is None and archive is None:
        return [archive_of(output, None, run.archive) for run in last_runs(output)] or [archive_of(output)]
    return [archive_of(output, source, archive)]


def tasks_of(
    output: Output, archive: Archive, sources: dict[str, Source], places: dict[str, Partition | None]
) -> Iterator[Task]:
    """Those of the sources that have a place: some of one partition together, which `places` gives by path."""
    parts = {name: by_partition(output.parts(TABLES[name])) for name in OF_ARTICLES}
    chosen = [source for path, source in sources.items() if path in places]
    groups = _groups(archive.input, chosen) if archive.input.streamed else [(chosen, None)]
    for group, contents in groups:
        members: dict[Partition | None, dict[str, Source]] = defaultdict(dict)
        for source in group:
            members[places[source.source_path]][source.source_path] = source
        for partition, mine in members.items():
            here = {name: of.get(partition, []) for name, of in parts.items()}
            data = None if contents is None else {path: contents[path] for path in mine}
            yield Task(output, archive.name, archive.address, partition, here, mine, data)


def _groups(archive: Input, sources: Sequence[Source]) -> Iterator[tuple[list[Source], dict[str, bytes | Reject]]]:
    """Sources of a streamed input with their bytes, as many at a time as may be held."""
    group: list[Source] = []
    contents: dict[str, bytes | Reject] = {}
    size = 0
    for source, data in archive.contents(sources, ANY_SIZE):
        group.append(source)
        contents[source.source_path] = data
        size += source.source_bytes
        if size >= GROUP_BYTES:
            yield group, contents
            group, contents, size = [], {}, 0
    yield group, contents


def rows_of(
    task: Task, columns: Sequence[str], of_paragraphs: Sequence[str], of_media: Sequence[str]
) -> Iterator[tuple[Source, bytes | Reject, Row, list[Row], list[Row]]]:
    """Each source of a task with its bytes, or the reject that says why there are none, and some columns of its
    article, paragraphs and media."""
    rows = read_parts(
        task.output, "articles", task.parts["articles"], [*columns, "archive"], ("source_path", task.sources)
    )
    articles = {row["source_path"]: row for row in rows if row["archive"] == task.archive}
    ids = {row["article_id"] for row in articles.values()}
    owned: list[dict[str, list[Row]]] = []
    for name, some in (("paragraphs", of_paragraphs), ("media", of_media)):
        owned.append(defaultdict(list))
        for row in read_parts(task.output, name, task.parts[name], some, ("article_id", ids)):
            owned[-1][row["article_id"]].append(row)
    contents: Iterable[tuple[Source, bytes | Reject]]
    if task.contents is None:
        contents = open_input(task.address).contents(task.sources.values(), ANY_SIZE)
    else:
        contents = [(source, task.contents[path]) for path, source in task.sources.items()]
    for source, data in contents:
        article = articles[source.source_path]
        yield source, data, article, owned[0][article["article_id"]], owned[1][article["article_id"]]


def partition_rows(
    output: Output, name: str, archive: str, columns: Sequence[str]
) -> dict[Partition | None, list[dict[str, Any]]]:
    """Some columns of an archive's rows, by partition."""
    found = {}
    for partition, parts in by_partition(output.parts(TABLES[name])).items():
        rows = read_parts(output, name, parts, [*columns, "archive"])
        found[partition] = [row for row in rows if row.pop("archive") == archive]
    return found


def read_parts(
    output: Output, name: str, parts: Sequence[Part], columns: Sequence[str],
    only: tuple[str, Collection[str]] | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Some columns of the rows in some files of a table, in their order; `only` names a column and the values to read
    rows of."""
    for part in parts:
        with PartFile(output, part.entry, TABLES[name]) as file:
            rows = file.read(columns)
        if only is not None:
            rows = rows.filter(pc.is_in(rows[only[0]], pa.array(list(only[1]), pa.string())))
        for batch in rows.to_batches(2048):
            yield from batch.to_pylist()


# What belongs to articles, with the columns that are checked.
OWNED: Final = {"paragraphs": PARAGRAPH_COLUMNS, "media": MEDIA_COLUMNS}
Sums = TypeVar("Sums", bound=tuple[Any, ...])


class Verification(NamedTuple):
    """What was checked, how often each law was, and every breach. `not_ingested` counts sources that the latest run may
    not have asked for, as it asked for a part of the archive."""

    articles: int = 0
    paragraphs: int = 0
    revisions: int = 0
    rejects: int = 0
    sources: int = 0
    source_bytes: int = 0
    breaches: list[Breach] = []  # noqa: RUF012  # never changed
    not_ingested: int = 0
    media: int = 0


def added(one: Sums, more: Sums) -> Sums:
    """Two findings as one: their counts are added, their lists joined."""
    return type(one)(*(mine + other for mine, other in zip(one, more, strict=True)))


class _Rejected(NamedTuple):
    place: tuple[str, str | None]
    forgotten: bool


def verify_output(
    output: Output, source: str | Path | None = None, *, archive: str | None = None, workers: int,
    progress: Progress, cutter: Cutter | None = None,
) -> Verification:  # fmt: skip
    """Check laws 1 to 5 and 7 on all archives of an output, or on the one that is named; `source` is by default the
    input of its latest run. `progress` is called with `verify`, the articles checked and the articles there are. Slices
    are cut again for law 1 by `cutter`, a function of a module, by default the parser's own."""
    total = Verification()
    for one in archives_of(output, None if source is None else str(source), archive):
        total = added(total, _verify(output, one, workers, progress, cutter))
    return total


def _verify(output: Output, archive: Archive, workers: int, progress: Progress, cutter: Cutter | None) -> Verification:
    request = Request(EVERYTHING, output.folder, None, archive.history, archive.moves, lambda _: None)
    listing = archive.input.listing(request)
    listed = [source for source in sources_of(listing.frame) if archive.history or source.valid_to is None]
    sources = {source.source_path: source for source in listed if source.valid_to is None}
    rows = partition_rows(output, "articles", archive.name, ["source_path", "source_sha256", "valid_from"])
    current = {partition: [Stood(**row, valid_to=None) for row in some] for partition, some in rows.items()}
    articles = [row for some in current.values() for row in some]
    checked = Verification()
    there = sum(row.source_path in sources for row in articles)
    if there < len(articles) * HARDLY_ANY:
        log.warning(
            "this input has %d of the %d sources whose articles are of the archive `%s`; is `%s` the right one?",
            there, len(articles), archive.name, archive.address.location(""),
        )  # fmt: skip
    places = {row.source_path: partition for partition, some in current.items() for row in some}
    with open_pool(workers) as pool:
        for result in pool.map(partial(_check_partition, cutter=cutter), tasks_of(output, archive, sources, places)):
            checked = added(checked, result)
            progress("verify", checked.articles, len(articles))
    breaches = checked.breaches + [
        Breach(
            1, row.source_path, None, "the source is not in the input: name that of its ingest, or ingest with `--sync`"
        )
        for row in articles
        if row.source_path not in sources
    ]
    breaches += _strays(output)
    columns = ["source_path", "source_sha256", "valid_from", "valid_to"]
    found = partition_rows(output, "revisions", archive.name, columns)
    superseded = [Stood(**row) for some in found.values() for row in some]
    rejects, bad_rejects = _rejects(output, archive.name)
    chosen = archive.selection.taken(pa.array([source.source_path for source in listed], pa.string()))
    taken = [source for source, taken in zip(listed, chosen.to_pylist(), strict=True) if taken]
    incomplete, not_ingested = _completeness(archive, taken, articles, superseded, rejects)
    breaches += incomplete + bad_rejects
    duplicates = [path for path, count in Counter(row.source_path for row in articles).items() if count > 1]
    breaches += [Breach(5, path, None, "the source has more than one row in `articles`") for path in duplicates]
    return checked._replace(
        revisions=len(superseded), rejects=len(rejects), sources=len(taken),
        breaches=sorted(breaches, key=lambda breach: (breach.source_path, breach.law, breach.byte_offset or 0)),
        not_ingested=not_ingested,
    )  # fmt: skip


def _completeness(
    archive: Archive,
    taken: Sequence[Source],
    articles: Sequence[Stood],
    superseded: Sequence[Stood],
    rejected: Sequence[_Rejected],
) -> tuple[list[Breach], int]:
    """Breaches of law 5, and how many sources a run for a part of the archive left out; sources that the check of
    articles did not read are hashed."""
    # Of a current article the bytes were compared with its row already.
    known = {_period(archive, row): row.source_sha256 for row in articles}
    unread = [source for source in taken if _period(archive, source) not in known or source.valid_to is not None]
    hashes = {
        (source.source_path, source.locator):
            data.source_sha256 if isinstance(data, Reject) else hashlib.sha256(data).hexdigest()
        for source, data in archive.input.contents(unread, ANY_SIZE)
    }  # fmt: skip
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
    there = {(one.source_path, one.source_sha256) for one in discovered}
    # What is forgotten stays so when its source goes.
    rejects = [row.place for row in rejected if row.place in there or not row.forgotten]
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
    discovered: Sequence[Stood], revisions: Sequence[Stood], rejects: Sequence[tuple[str, str | None]], *, history: bool
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


def _period(archive: Archive, source: Source | Stood) -> tuple[str, Any]:
    return source.source_path, source.valid_from if archive.history else None


def _check_partition(task: Task, cutter: Cutter | None) -> Verification:
    breaches: list[Breach] = []
    count = media_count = total_bytes = 0
    for source, data, article, mine, shown in rows_of(task, ARTICLE_COLUMNS, *OWNED.values()):
        count, media_count = count + len(mine), media_count + len(shown)
        if isinstance(data, Reject):
            breaches.append(Breach(1, source.source_path, None, f"the source can't be read: {data.detail}"))
            continue
        total_bytes += len(data)
        breaches += check_article(article, mine, data, shown, cutter)
    return Verification(len(task.sources), count, source_bytes=total_bytes, breaches=breaches, media=media_count)


def _strays(output: Output) -> list[Breach]:
    """Rows without an article beside them, and paragraphs that do not stand together."""
    breaches = []
    articles = by_partition(output.parts(TABLES["articles"]))
    for name in OWNED:
        for partition, parts in by_partition(output.parts(TABLES[name])).items():
            if partition not in articles:
                breaches.append(Breach(3, str(partition), None, f"{name} without a file of articles"))
                continue
            known = {row["article_id"] for row in read_parts(output, "articles", articles[partition], ["article_id"])}
            rows = read_parts(output, name, parts, ["article_id"])
            places = Counter(article_id for article_id, _ in groupby(rows, key=lambda row: row["article_id"]))
            for article_id, count in places.items():
                if article_id not in known:
                    breaches.append(Breach(3, article_id, None, f"{name} without an article"))
                if count > 1:
                    breaches.append(Breach(3, article_id, None, f"the article's {name} do not stand together"))
    return breaches


def _rejects(output: Output, archive: str) -> tuple[list[_Rejected], list[Breach]]:
    rows: list[_Rejected] = []
    breaches: list[Breach] = []
    columns = ["archive", "source_path", "source_sha256", "reason", "raw"]
    for row in read_parts(output, "rejects", output.parts(TABLES["rejects"]), columns):
        if row["archive"] == archive:
            place = row["source_path"], row["source_sha256"]
            rows.append(_Rejected(place, row["reason"] == FORGOTTEN))
            breaches += _raw_breach(row)
    return rows, breaches


def _raw_breach(row: dict[str, Any]) -> list[Breach]:
    if row["raw"] is None:
        if row["reason"] in ("too_large", "unreadable", FORGOTTEN):
            return []
        return [Breach(5, row["source_path"], None, f"a `{row['reason']}` without its bytes")]
    if hashlib.sha256(row["raw"]).hexdigest() != row["source_sha256"]:
        return [Breach(5, row["source_path"], None, "the bytes kept are not those that were rejected")]
    return []
