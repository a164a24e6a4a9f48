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

from pressmark.schemas import TABLES
from pressmark.storage.workspace import Workspace, written
from pressmark.transforms.records import Partition

__all__ = [
    "IDENTITIES", "IDENTITY_COLUMNS", "OWNER", "VALID_TO", "StagedIndex", "articles_beside", "read_staged",
    "write_identities", "write_staged",
]  # fmt: skip

# Position of a row's article (or reject) in its batch's staged file: tells rows apart that are to be left out.
OWNER: Final = "owner"
# When the source of a row was replaced or deleted; null where it still stands.
VALID_TO: Final = "valid_to"


# What staged rows of a table have beside its own columns.
ADDED: Final = {"articles": (OWNER, VALID_TO), "paragraphs": (OWNER,), "rejects": (OWNER, VALID_TO)}
# Ends the name of a file of identities.
IDENTITIES: Final = ".identities"
IDENTITY_COLUMNS: Final = (
    "article_id", "source_path", "source_sha256", "published_at", "text_sha256", "valid_from", VALID_TO,
)  # fmt: skip


def write_identities(path: Path, articles: pa.Table, partitions: Sequence[tuple[Partition | None, int]]) -> None:
    """Write what identifies the articles of a staged file, which has the same partitions."""
    rows = articles.select(list(IDENTITY_COLUMNS)).combine_chunks()
    schema = rows.schema.with_metadata({"partitions": json.dumps(partitions)})
    with written(path) as sink, pa.ipc.new_file(sink, schema) as writer:
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
    with written(path) as sink, pa.ipc.new_file(sink, schema) as writer:
        for _, count in partitions:
            for batch in rows.slice(start, count).to_batches():
                writer.write_batch(batch)
            start += count


def read_staged(
    workspace: Workspace, name: str, columns: Sequence[str]
) -> tuple[list[tuple[Partition | None, int]], pa.Table]:
    """The partitions of a staged file with their numbers of rows, and some columns of all rows; others are not read."""
    every = _columns_of(name)
    options = pa.ipc.IpcReadOptions(included_fields=sorted(every.index(column) for column in columns))
    with workspace.open(name) as file:
        reader = pa.ipc.open_file(file, options=options)
        if set(reader.schema.names) != set(columns):
            raise ValueError(f"`{name}`: staged with other columns than {every}")
        return _partitions(reader.schema), reader.read_all().select(list(columns))


def _columns_of(name: str) -> tuple[str, ...]:
    """Columns of a staged file, which saves opening it twice."""
    ending = name[name.rindex(".") :]
    if ending == IDENTITIES:
        return IDENTITY_COLUMNS
    table = TABLES[ending[1:]]
    return (*table.schema.names, *ADDED.get(table.name, ()))


def _partitions(schema: pa.Schema) -> list[tuple[Partition | None, int]]:
    index = json.loads(schema.metadata[b"partitions"])
    return [(Partition(*name) if name else None, count) for name, count in index]


class StagedIndex:
    """Where rows are staged: a whole archive has as many places as files times partitions, so they are kept small."""

    def __init__(self, workspace: Workspace) -> None:
        self._files: list[str] = []
        self._places: dict[tuple[str, Partition | None], array[int]] = defaultdict(lambda: array("i"))
        for name in workspace.names(IDENTITIES):
            partitions = self._partitions_of(workspace, name)
            stem = name.removesuffix(IDENTITIES)
            self._add(f"{stem}.articles", partitions)
            self._add(f"{stem}.paragraphs", partitions)
        for ending in (".rejects", ".revisions"):
            for name in workspace.names(ending):
                self._add(name, self._partitions_of(workspace, name))

    @staticmethod
    def _partitions_of(workspace: Workspace, name: str) -> list[tuple[Partition | None, int]]:
        with workspace.open(name) as file:
            return _partitions(pa.ipc.open_file(file).schema)

    def _add(self, name: str, partitions: Sequence[tuple[Partition | None, int]]) -> None:
        table = name.rpartition(".")[2]
        for batch, (partition, _) in enumerate(partitions):
            self._places[table, partition].extend((len(self._files), batch))
        self._files.append(name)

    def of(self, table: str, partition: Partition | None) -> list[tuple[str, int]]:
        """The files with rows for a partition of a table, each with the number of the record batch that has them."""
        found = iter(self._places.get((table, partition), ()))
        return [(self._files[file], batch) for file, batch in zip(found, found, strict=True)]
