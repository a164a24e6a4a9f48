"""Stages rows of `revisions`: carries titles and texts over from where the superseded revision lies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain, starmap
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.schemas.validation import check_rows
from pressmark.storage.bounds import groups_with
from pressmark.storage.output.tables import Output
from pressmark.storage.staged import read_staged, write_staged
from pressmark.storage.state import open_part, read_beside, rows_where
from pressmark.storage.workspace import Workspace
from pressmark.transforms.records import Partition, Stamp
from pressmark.transforms.revise import Standing, row_id
from pressmark.transforms.rows import period_of

__all__ = ["Origin", "Superseded", "Superseding"]

# About so much text is held at a time.
PART_CHARACTERS: Final = 1 << 19
# So few rows of an origin are held while others are read.
FEW: Final = 256
CARRIED: Final = ("source_path", "source_sha256", "source_bytes", "title", "text", "valid_from")

Key = tuple[str, str, datetime | None]
# Where a row is: a staged file of articles, or a partition of a published table.
Origin = str | tuple[str, Partition]


class Superseding(NamedTuple):
    """A row of `revisions` to be, without what it carries over from its origin."""

    origin: Origin
    partition: Partition
    article_id: str
    standing: Standing
    is_new: bool


class Superseded:
    """Collects rows of `revisions` and stages them, one record batch per partition in each file."""

    def __init__(self, output: Output, workspace: Workspace, stamp: Stamp) -> None:
        self._output = output
        self._workspace = workspace
        self._stamp = stamp
        self._rows: dict[Origin, dict[Key, Superseding]] = defaultdict(dict)

    def add(self, row: Superseding) -> None:
        revision = row.standing.revision
        self._rows[row.origin][revision.source_path, revision.source_sha256, revision.valid_from] = row

    def write(self, stem: str) -> None:
        """Stage all rows, in files whose names begin with `stem`. Raises `ValueError` where a row violates the
        schema."""
        part: list[tuple[Partition, dict[str, Any]]] = []
        number = size = 0
        few = [origin for origin in self._rows.items() if len(origin[1]) <= FEW]
        many = [origin for origin in self._rows.items() if len(origin[1]) > FEW]
        beside = read_beside(self._output, lambda origin: list(self._carry(*origin)), few)
        for partition, row in chain(chain.from_iterable(beside), chain.from_iterable(starmap(self._carry, many))):
            part.append((partition, row))
            size += len(row["text"])
            if size >= PART_CHARACTERS:
                self._write_part(f"{stem}-{number:06d}.revisions", part)
                part, number, size = [], number + 1, 0
        if part:
            self._write_part(f"{stem}-{number:06d}.revisions", part)

    def _write_part(self, target: str, rows: list[tuple[Partition, dict[str, Any]]]) -> None:
        table = TABLES["revisions"]
        rows.sort(key=lambda one: (one[0], *((one[1][name] is None, one[1][name]) for name in table.sort_keys)))
        staged = pa.Table.from_pylist([row for _, row in rows], schema=table.schema)
        violations = check_rows(staged, table)
        if violations:
            raise ValueError(f"rows of `revisions` that violate their schema: {violations[:3]}")
        partitions = Counter(partition for partition, _ in rows)
        with self._workspace.draft(target) as path:
            write_staged(path, staged, list(partitions.items()))

    def _carry(self, origin: Origin, wanted: dict[Key, Superseding]) -> Iterator[tuple[Partition, dict[str, Any]]]:
        left = dict(wanted)
        # The state tells where rows lie. Where not all do, they may be anywhere.
        for near in ({row.standing.revision.published_at for row in wanted.values()}, None):
            for carried in self._rows_of(origin, list(left), near):
                row = left.pop((carried["source_path"], carried["source_sha256"], carried["valid_from"]), None)
                if row is not None:
                    yield row.partition, self._row(row, carried)
            if not left:
                return

    def _row(self, row: Superseding, carried: dict[str, Any]) -> dict[str, Any]:
        revision, superseded_by, change = row.standing
        first_seen_at = carried.pop("first_seen_at")
        return {
            **carried,
            "outlet": row.partition.outlet,
            "month": period_of(revision.published_at, "month"),
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

    def _rows_of(
        self, origin: Origin, keys: Collection[Key], near: Collection[datetime | None] | None
    ) -> Iterator[dict[str, Any]]:
        """What a revision carries over, for the rows that are about one of the paths; a row group at a time, and only
        those near some times of publication, if any are given."""
        paths = pa.array({path for path, _, _ in keys}, pa.string())
        seen = "first_seen_at" if origin[0] == "revisions" else "ingested_at"
        columns = [*CARRIED, seen]

        def about_paths(rows: pa.Table) -> pa.ChunkedArray:
            return pc.is_in(rows["source_path"], paths)

        if isinstance(origin, str):
            rows = read_staged(self._workspace, origin, columns)[1]
            yield from (_renamed(row, seen) for row in rows.filter(about_paths(rows)).to_pylist())
            return
        for _, entry in self._output.parts_of(TABLES[origin[0]], origin[1]):
            with open_part(self._output, entry) as part:
                groups = groups_with(part.metadata, "published_at", near)
                for rows in rows_where(part, groups, ["source_path"], about_paths, columns):
                    yield from (_renamed(row, seen) for row in rows.to_pylist())


def _renamed(row: dict[str, Any], seen: str) -> dict[str, Any]:
    row["first_seen_at"] = row.pop(seen)
    return row
