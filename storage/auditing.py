"""Derives a share of an output's articles again by the second implementation, and keeps what differs in `audits`. An
audit takes the sources whose hash falls into its window; the next one goes on where that ended."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import partial
from typing import Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.tables import check_rows
from pressmark.storage.output.parquet import write_part
from pressmark.storage.output.store import Progress, Replacement
from pressmark.storage.output.tables import PART_SUFFIX, STAGING, Output
from pressmark.storage.pool import open_pool
from pressmark.storage.runs import Archive, latest_of, write_report
from pressmark.storage.verification import Task, added, archives_of, partition_rows, rows_of, second_reading, tasks_of
from pressmark.storage.versions import load_outlets
from pressmark.transforms.identity import host_of
from pressmark.transforms.records import Reject, Stamp

__all__ = ["Audit", "Disagreed", "Window", "audit_output"]

REPORTS: Final = "reports/audit-"
HASH_DIGITS: Final = 16
FINEST: Final = 1_000_000


class Window(NamedTuple):
    """A part of the circle of hashes, which is 1 around."""

    start: Fraction
    share: Fraction

    def takes(self, source_sha256: str) -> bool:
        place = Fraction(int(source_sha256[:HASH_DIGITS], 16), 1 << 4 * HASH_DIGITS)
        return (place - self.start) % 1 < self.share

    @property
    def end(self) -> Fraction:
        return (self.start + self.share) % 1


class Disagreed(NamedTuple):
    """A disagreement and the article that it is about: a row of `audits` without what names the audit."""

    archive: str
    source_path: str
    source_sha256: str
    article_id: str
    kind: str
    column: str
    published: str | None
    derived: str | None
    byte_start: int | None
    byte_end: int | None


class Audit(NamedTuple):
    """What an audit looked at: of so many `articles` those in its share, and every disagreement."""

    audit_id: str
    articles: int = 0
    audited: int = 0
    paragraphs: int = 0
    media: int = 0
    source_bytes: int = 0
    disagreements: list[Disagreed] = []  # noqa: RUF012  # never changed


def audit_output(
    output: Output, source: str | None = None, *, archive: str | None = None, share: float, workers: int, stamp: Stamp,
    progress: Progress,
) -> Audit:  # fmt: skip
    """Audit a share of all archives of an output, or of the one that is named; `source` is by default the input of its
    latest run. No run publishes meanwhile. `progress` is called with `audit`, the articles looked at and those to look
    at. Raises `LibraryError` where the libraries of the second implementation are missing."""
    second_reading("rederivation")
    portion = Fraction(share).limit_denominator(FINEST)
    windows: dict[str, Window] = {}
    total = Audit(stamp.run_id)
    with output.store.writing(stamp.run_id, progress):
        for one in archives_of(output, source, archive):
            windows[one.name] = Window(_start(output, one.name), portion)
            total = added(total, _audit(output, one, windows[one.name], workers, progress))
        found_rows = sorted(total.disagreements, key=lambda row: (row.archive, row.source_path, row.byte_start or 0))
        total = total._replace(disagreements=found_rows)
        if found_rows:
            _publish(output, stamp, found_rows)
        write_report(output, f"audit-{stamp.run_id}", {
            **total._asdict(), "disagreements": len(found_rows), "share": share,
            "windows": {name: [str(window.start), str(window.end)] for name, window in windows.items()},
        })  # fmt: skip
    return total


def _start(output: Output, archive: str) -> Fraction:
    """Where the archive's latest audit ended; 0 where none is known."""
    for entry in reversed(output.store.entries("reports")):
        if entry.name.startswith(REPORTS):
            windows = json.loads(output.store.read(entry.name))["windows"]
            if archive in windows:
                return Fraction(windows[archive][1])
    return Fraction(0)


def _audit(output: Output, archive: Archive, window: Window, workers: int, progress: Progress) -> Audit:
    columns = ["source_path", "source_sha256", "article_id"]
    rows = partition_rows(output, "articles", archive.name, columns)
    chosen = {
        row["source_path"]: (partition, row)
        for partition, some in rows.items()
        for row in some
        if window.takes(row["source_sha256"])
    }
    sources = {source.source_path: source for source in archive.input.find(chosen)}
    last = latest_of(output, archive.name)
    work = partial(_audit_partition, single_outlet=last.argument("single_outlet"), zone=last.argument("zone"))
    looked = Audit("", sum(map(len, rows.values())))
    progress("audit", 0, len(chosen))
    with open_pool(workers) as pool:
        places = {path: partition for path, (partition, _) in chosen.items()}
        for result in pool.map(work, tasks_of(output, archive, sources, places)):
            looked = added(looked, result)
            progress("audit", looked.audited, len(chosen))
    lost = [_unread(archive.name, row, None) for path, (_, row) in chosen.items() if path not in sources]
    return looked._replace(disagreements=looked.disagreements + lost)


def _audit_partition(task: Task, *, single_outlet: str | None, zone: str | None) -> Audit:
    second = second_reading("rederivation")
    columns = second.ARTICLE_COLUMNS, second.PARAGRAPH_COLUMNS, second.MEDIA_COLUMNS
    period = task.partition.period if task.partition else ""
    outlets = load_outlets()
    found: list[Disagreed] = []
    stood = shown = size = 0
    for _, data, article, paragraphs, media in rows_of(task, *columns):
        stood, shown = stood + len(paragraphs), shown + len(media)
        if isinstance(data, Reject):
            found.append(_unread(task.archive, article, data.detail))
            continue
        size += len(data)
        place = outlets.find(host_of(article["canonical_url"]), single_outlet, zone).zone
        named = [article[name] for name in Disagreed._fields[:4]]
        found += [Disagreed(*named, *one) for one in second.disagreements(article, paragraphs, media, data, zone=place,
                                                                          period=period)]  # fmt: skip
    return Audit("", 0, len(task.sources), stood, shown, size, found)


def _unread(archive: str, article: dict[str, Any], why: str | None) -> Disagreed:
    path = article["source_path"]
    what = ("source", "articles.source_path", path, why, None, None)
    return Disagreed(archive, path, article["source_sha256"], article["article_id"], *what)


def _publish(output: Output, stamp: Stamp, found: list[Disagreed]) -> None:
    table = TABLES["audits"]
    rows = pa.Table.from_pylist(
        [
            {"disagreement_id": f"{stamp.run_id}-{number:04d}", "audit_id": stamp.run_id,
             "audited_at": stamp.started_at, **row._asdict()}
            for number, row in enumerate(found)
        ],
        schema=table.schema,
    )  # fmt: skip
    if violations := check_rows(rows, table):
        raise ValueError(f"rows of `audits` that violate their schema: {violations[:3]}")
    staged = f"{STAGING}/audit-{stamp.run_id}{PART_SUFFIX}"
    write_part(output, staged, rows, table)
    output.store.commit([Replacement(staged, f"{table.name}/{stamp.run_id}{PART_SUFFIX}")])
