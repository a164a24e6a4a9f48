"""The files in which rows wait between parsing and publishing.

A staged file holds the rows of one table, one record batch per partition, in the order that its schema's
metadata lists. Beside the articles of a batch lie their identities in one record batch: settling reads these of all
batches, and each record batch takes as long as a hundred rows.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas import TABLES
from storage.workspace import Workspace
from transforms.records import Partition

__all__ = [
    "IDENTITIES", "IDENTITY_COLUMNS", "OWNER", "VALID_TO", "StagedIndex", "articles_beside", "read_staged",
    "write_identities", "write_staged",
]  # fmt: skip

# Position of a row's article (or reject) in its batch's staged file: tells rows apart that are to be left out.
OWNER: Final = "owner"
# When the source of a row was replaced or deleted; null where it still stands.
VALID_TO: Final = "valid_to"


# Ends the name of a file of identities.
IDENTITIES: Final = ".identities"
IDENTITY_COLUMNS: Final = (
    "article_id", "source_path", "source_sha256", "published_at", "text_sha256", "valid_from", VALID_TO,
)  # fmt: skip


def write_identities(path: Path, articles: pa.Table, partitions: Sequence[tuple[Partition | None, int]]) -> None:
    """Write what identifies the articles of a staged file, which has the same partitions."""
    rows = articles.select(list(IDENTITY_COLUMNS)).combine_chunks()
    schema = rows.schema.with_metadata({"partitions": json.dumps(partitions)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(rows)


def articles_beside(identities: str) -> str:
    """The staged file with the articles that a file of identities is about."""
    return identities.removesuffix(IDENTITIES) + ".articles"


def write_staged(path: Path, rows: pa.Table, partitions: Sequence[tuple[Partition | None, int]]) -> None:
    """Write rows that are sorted by partition; `partitions` names each one and its number of rows."""
    schema = rows.schema.with_metadata({"partitions": json.dumps(partitions)})
    start = 0
    # All record batches of an IPC file share one dictionary per column, which `combine_chunks` makes.
    rows = rows.combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for _, count in partitions:
            for batch in rows.slice(start, count).to_batches():
                writer.write_batch(batch)
            start += count


def read_staged(file: pa.NativeFile, columns: Sequence[str]) -> tuple[list[tuple[Partition | None, int]], pa.Table]:
    """The partitions of a staged file with their numbers of rows, and some columns of all rows; others are not read."""
    names = pa.ipc.open_file(file).schema.names
    options = pa.ipc.IpcReadOptions(included_fields=[names.index(column) for column in columns])
    reader = pa.ipc.open_file(file, options=options)
    index = json.loads(reader.schema.metadata[b"partitions"])
    return [(Partition(*name) if name else None, count) for name, count in index], reader.read_all()


class StagedIndex:
    """Where rows are staged: a whole archive has as many places as files times partitions, so they are kept small."""

    def __init__(self, workspace: Workspace) -> None:
        self._files: list[str] = []
        self._places: dict[tuple[str, Partition | None], array[int]] = defaultdict(lambda: array("i"))
        for table in TABLES:
            for path in workspace.names(f".{table}"):
                with workspace.open(path) as file:
                    partitions = json.loads(pa.ipc.open_file(file).schema.metadata[b"partitions"])
                for batch, (name, _) in enumerate(partitions):
                    self._places[table, Partition(*name) if name else None].extend((len(self._files), batch))
                self._files.append(path)

    def of(self, table: str, partition: Partition | None) -> list[tuple[str, int]]:
        """The files with rows for a partition of a table, each with the number of the record batch that has them."""
        found = iter(self._places.get((table, partition), ()))
        return [(self._files[file], batch) for file, batch in zip(found, found, strict=True)]
