"""Stages rows of `revisions`: carries titles and texts over from where the superseded revision lies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas import TABLES
from schemas.validation import check_rows
from storage.staged import read_staged, write_staged
from storage.state import open_part
from transforms.records import Partition, Stamp
from transforms.revise import Standing, row_id

__all__ = ["Superseded", "Superseding"]

CARRIED: Final = ("source_path", "source_sha256", "source_bytes", "title", "text", "valid_from")

Key = tuple[str, str, datetime | None]


class Superseding(NamedTuple):
    """A row of `revisions` to be, without what it carries over from `file`: a staged file of articles, or a
    published file of `articles` or `revisions`."""

    file: Path
    partition: Partition
    article_id: str
    standing: Standing
    is_new: bool


class Superseded:
    """Collects rows of `revisions` and stages them, one record batch per partition."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._rows: dict[Path, dict[Key, Superseding]] = defaultdict(dict)

    def add(self, row: Superseding) -> None:
        revision = row.standing.revision
        self._rows[row.file][revision.source_path, revision.source_sha256, revision.valid_from] = row

    def write(self, target: Path) -> None:
        """Stage all rows; nothing where there are none. Raises `ValueError` where a row violates the schema."""
        table = TABLES["revisions"]
        rows = [row for file, wanted in self._rows.items() for row in self._carry(file, wanted)]
        if not rows:
            return
        rows.sort(
            key=lambda row: (
                row["outlet"],
                row["month"],
                *((row[name] is None, row[name]) for name in table.sort_keys),
            )
        )
        staged = pa.Table.from_pylist(rows, schema=table.schema)
        violations = check_rows(staged, table)
        if violations:
            raise ValueError(f"rows of `revisions` that violate their schema: {violations[:3]}")
        partitions: dict[Partition, int] = {}
        for row in rows:
            partition = Partition(row["outlet"], row["month"])
            partitions[partition] = partitions.get(partition, 0) + 1
        write_staged(target, staged, list(partitions.items()))

    def _carry(self, file: Path, wanted: dict[Key, Superseding]) -> Iterator[dict[str, Any]]:
        for carried in _rows_of(file, pa.array({path for path, _, _ in wanted}, pa.string())):
            row = wanted.get((carried["source_path"], carried["source_sha256"], carried["valid_from"]))
            if row is None:
                continue
            revision, superseded_by, change = row.standing
            first_seen_at = carried.pop("first_seen_at")
            yield {
                **carried,
                "outlet": row.partition.outlet,
                "month": row.partition.month,
                "revision_id": row_id(revision.source_path, revision.source_sha256, revision.valid_from),
                "article_id": row.article_id,
                "published_at": revision.published_at,
                "text_sha256": revision.text_sha256,
                "change": change,
                "superseded_by": superseded_by,
                "valid_to": revision.valid_to,
                "first_seen_at": self._stamp.started_at if row.is_new else first_seen_at,
                "run_id": self._stamp.run_id,
            }


def _rows_of(file: Path, paths: pa.Array) -> Iterator[dict[str, Any]]:
    """What a revision carries over, for the rows of a staged or published file that are about one of `paths`; a row
    group at a time."""
    seen = "first_seen_at" if "revisions" in file.parts else "ingested_at"
    for rows in _groups_of(file, [*CARRIED, seen]):
        wanted = rows.filter(pc.is_in(rows["source_path"], paths))
        yield from (_renamed(row, seen) for row in wanted.to_pylist())


def _groups_of(file: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    if file.suffix != ".parquet":
        yield read_staged(file, columns)[1]
        return
    with open_part(file) as part:
        for group in range(part.metadata.num_row_groups):
            yield part.read_row_group(group, columns=list(columns), use_threads=False)


def _renamed(row: dict[str, Any], seen: str) -> dict[str, Any]:
    row["first_seen_at"] = row.pop(seen)
    return row
