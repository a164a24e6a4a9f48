"""Writes partition files: rows by Arrow, and row groups of other files byte for byte, as if their rows were written."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pressmark.schemas import TABLES
from pressmark.schemas.contract import DICTIONARY, Table
from pressmark.storage.footers import MAGIC, RowGroup, footer_with, row_groups_of
from pressmark.storage.versions import parser_version
from pressmark.storage.workspace import written

__all__ = ["CarryingWriter", "PartWriter", "carries", "plain", "write_single"]

# Changes whenever the same rows are written as other bytes than before.
LAYOUT: Final = "3"
# Columns with few distinct values; a dictionary of any other column costs time and saves nothing.
REPEATING: Final = (
    "outlet", "month", "dialect", "published_from", "language", "role", "change", "reason", "run_id", "article_id",
    "source_sha256", "published_at", "dateline_at", "ingested_at", "local_date", "url_date", "first_seen_at", "author",
)  # fmt: skip
# So short, or so varied, that compressing them takes time and saves nothing.
PLAIN: Final = frozenset({
    "outlet", "month", "dialect", "published_from", "run_id", "ingested_at", "published_at", "dateline_at", "url_date",
    "local_date", "date_conflict", "valid_from", "valid_to", "first_seen_at", "author", "paragraph_count",
    "content_count", "text_hash", "change",
})  # fmt: skip
# The least and greatest value of these help nobody to pass over a row group.
LONG: Final = frozenset({"text", "title", "raw", "detail", "arguments"})


class PartWriter:
    """A partition file in the making, of rows alone."""

    def __init__(self, target: Path, table: Table) -> None:
        self._table = table
        self._sink = written(target)
        self._writer = _writer(self._sink, table, parser_version())

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._sink.close()

    def write(self, rows: pa.Table) -> None:
        """Add rows as a row group."""
        self._writer.write_table(_canonical(rows, self._table), row_group_size=rows.num_rows)


class CarryingWriter:
    """A partition file in the making, some of whose row groups come from another file. It has the bytes that a
    `PartWriter` gives the same rows."""

    def __init__(self, target: Path, table: Table) -> None:
        self._table = table
        self._sink = open(target, "wb")  # noqa: SIM115  # closed with this
        self._sink.write(MAGIC)
        self._groups: list[tuple[RowGroup, int]] = []
        self._rows = 0

    def __enter__(self) -> CarryingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._sink:
            if error is None:
                self._sink.write(footer_with(_empty(self._table.name, parser_version()), self._groups, self._rows))

    def write(self, rows: pa.Table) -> None:
        """Add rows as a row group."""
        sink = pa.BufferOutputStream()
        with _writer(sink, self._table, parser_version()) as writer:
            writer.write_table(_canonical(rows, self._table), row_group_size=rows.num_rows)
        content = sink.getvalue().to_pybytes()
        (group,) = row_groups_of(content)
        self._add(memoryview(content)[group.start : group.end], group, rows.num_rows)

    def keep(self, file: pa.NativeFile, group: RowGroup, rows: int) -> None:
        """Add a row group of another file that `carries` the table's rows."""
        file.seek(group.start)
        self._add(memoryview(file.read_buffer(group.end - group.start)), group, rows)

    def _add(self, pages: memoryview, group: RowGroup, rows: int) -> None:
        self._groups.append((group, self._sink.tell()))
        self._sink.write(pages)
        self._rows += rows


def carries(metadata: pq.FileMetaData, table: Table) -> bool:
    """Whether row groups of a file with this metadata are as they would be written now."""
    return (metadata.created_by, metadata.metadata) == _written_as(table.name, parser_version())


def write_single(target: Path, rows: pa.Table, table: Table) -> None:
    """Write rows that are in order as a file of their own."""
    with written(target) as sink, _writer(sink, table, parser_version()) as writer:
        writer.write_table(_canonical(plain(rows, table), table))


@lru_cache(maxsize=len(TABLES))
def _written_as(name: str, version: str) -> tuple[str, dict[bytes, bytes]]:
    """What the files of a table say they were written by, and their metadata."""
    metadata = pq.ParquetFile(pa.BufferReader(_empty(name, version))).metadata
    return metadata.created_by, metadata.metadata


@lru_cache(maxsize=len(TABLES))
def _empty(name: str, version: str) -> bytes:
    """A file of a table without rows."""
    sink = pa.BufferOutputStream()
    _writer(sink, TABLES[name], version).close()
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _writer(target: pa.NativeFile, table: Table, version: str) -> pq.ParquetWriter:
    metadata = {
        **(table.schema.metadata or {}),
        "pressmark.parser_version": version,
        "pressmark.layout": LAYOUT,
    }
    names = table.schema.names
    paths = [path for name in names for path in _leaves(table.schema.field(name))]
    packed = [path for path in paths if path not in PLAIN]
    return pq.ParquetWriter(
        target,
        table.schema.with_metadata(metadata),
        compression=dict.fromkeys(paths, "none") | dict.fromkeys(packed, "zstd"),
        compression_level=dict.fromkeys(packed, 1),
        use_dictionary=[name for name in REPEATING if name in names],
        write_statistics=[name for name in names if name not in LONG],
    )


def _leaves(field: pa.Field) -> list[str]:
    """Paths of what a column consists of in a file, as Parquet names them."""
    if pa.types.is_list(field.type):
        return [f"{field.name}.list.element.{part.name}" for part in field.type.value_type]
    return [field.name]


def _canonical(rows: pa.Table, table: Table) -> pa.Table:
    """Rows in one piece, dictionaries in the order of first appearance, whatever inputs they came from."""
    rows = rows.combine_chunks()
    columns = []
    for field in table.schema:
        column = rows[field.name]
        if field.type == DICTIONARY:
            column = column.combine_chunks().dictionary_encode().cast(DICTIONARY)
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=table.schema)


def plain(rows: pa.Table, table: Table) -> pa.Table:
    """The table's columns, dictionaries as text: those of different inputs differ."""
    columns = []
    for field in table.schema:
        column = rows[field.name]
        wanted = pa.string() if field.type == DICTIONARY else field.type
        columns.append(column if column.type == wanted else column.cast(wanted))
    return pa.Table.from_arrays(columns, schema=_plain_schema(table))


def _plain_schema(table: Table) -> pa.Schema:
    # Without nullability, so that rows of all kinds of inputs go together.
    return pa.schema([
        (field.name, pa.string() if field.type == DICTIONARY else field.type) for field in table.schema
    ])  # fmt: skip
