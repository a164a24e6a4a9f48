"""What an output folder holds already: the published tables are the only state there is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from schemas import TABLES
from schemas.contract import CONTRACT_VERSION, Table
from storage.errors import OutputError
from storage.layout import Output
from storage.versions import parser_version
from transforms.difference import ArticleState
from transforms.records import Partition

__all__ = [
    "KnownReject", "KnownRevision", "State", "count_rows", "open_part", "part_metadata", "read_articles", "read_state",
    "rows_in",
]  # fmt: skip


class KnownRevision(NamedTuple):
    """A row of `articles` (`current`) or `revisions`. It is live while its file exists unchanged.

    `stale` rows were written by another parser version.
    """

    article_id: str
    source_path: str
    source_sha256: str
    published_at: datetime | None
    text_sha256: str
    partition: Partition
    current: bool
    live: bool
    stale: bool
    superseded_by: str | None


class KnownReject(NamedTuple):
    """A row of `rejects` without its bytes."""

    source_path: str
    source_sha256: str | None
    source_bytes: int
    reason: str
    detail: str
    stale: bool


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of sources, and the row counts of each table."""

    revisions: list[KnownRevision]
    rejects: list[KnownReject]


COLUMNS = ["article_id", "source_path", "source_sha256", "published_at", "text_sha256"]


def read_state(output: Output) -> State:
    """State of an output folder; empty where there is none. Raises `OutputError` for a folder that pressmark of
    this contract version did not write."""
    revisions: list[KnownRevision] = []
    rejects: list[KnownReject] = []
    for name, extra in (("articles", []), ("revisions", ["valid_to", "superseded_by"])):
        table = TABLES[name]
        for partition, path in output.partitions(table):
            stale, rows = _read(path, COLUMNS + extra)
            current = name == "articles"
            nothing = [None] * rows.num_rows
            ended = nothing if current else rows["valid_to"].to_pylist()
            successors = nothing if current else rows["superseded_by"].to_pylist()
            values = zip(*(rows[column].to_pylist() for column in COLUMNS), strict=True)
            revisions += [
                KnownRevision._make((*row, partition, current, valid_to is None, stale, superseded_by))
                for row, valid_to, superseded_by in zip(values, ended, successors, strict=True)
            ]
    for _, path in output.parts(TABLES["rejects"]):
        names = [name for name in KnownReject._fields if name != "stale"]
        stale, rows = _read(path, names)
        rejects += [KnownReject(**row, stale=stale) for row in rows.to_pylist()]
    return State(revisions, rejects)


def read_articles(output: Output, places: Collection[Partition]) -> dict[str, ArticleState]:
    """Articles of some partitions, by `article_id`."""
    found: dict[str, ArticleState] = {}
    for partition in sorted(places):
        path = output.part(TABLES["articles"], partition)
        if path.exists():
            _, rows = _read(path, ["article_id", "source_sha256", "text_sha256", "published_at"])
            columns = (
                rows[name].to_pylist() for name in ("article_id", "source_sha256", "text_sha256", "published_at")
            )
            for article_id, *state in zip(*columns, strict=True):
                found[article_id] = ArticleState(partition.outlet, *state)
    return found


def rows_in(path: Path) -> int:
    """Rows of a partition file, from its footer."""
    with open_part(path) as file:
        rows: int = file.metadata.num_rows
    return rows


def count_rows(output: Output, table: Table) -> Iterator[tuple[Partition | None, int]]:
    """Rows of each partition, from the files' footers."""
    return ((partition, rows_in(path)) for partition, path in output.parts(table))


def open_part(path: Path) -> pq.ParquetFile:
    """A partition file; raises `OutputError` where it is none of this contract version's."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(
            f"a partition file can't be read ({error})", path, "remove the file and ingest its sources again"
        ) from error
    version = part_metadata(file, "contract_version")
    if version != CONTRACT_VERSION:
        found = "no contract version" if version is None else f"contract version {version}"
        file.close()
        raise OutputError(
            f"a file with {found} stands where version {CONTRACT_VERSION} is written",
            path,
            "choose another output folder, and ingest the archive into it",
        )
    return file


def part_metadata(file: pq.ParquetFile, key: str) -> str | None:
    """A value that pressmark keeps in a file's metadata."""
    value = (file.metadata.metadata or {}).get(f"pressmark.{key}".encode())
    return None if value is None else value.decode()


def _read(path: Path, columns: list[str]) -> tuple[bool, pa.Table]:
    with open_part(path) as file:
        return part_metadata(file, "parser_version") != parser_version(), file.read(columns, use_threads=False)
