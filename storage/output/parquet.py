"""Reads and writes partition files: one explicit schema for each table, whatever version of the contract wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pressmark.schemas.contract import CONTRACT_VERSION, Table, plain
from pressmark.storage.errors import OutputError
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.settings import base_name
from pressmark.storage.versions import load_outlets, parser_version
from pressmark.transforms.identity import article_id, host_of, row_id

__all__ = ["PartFile", "plain_schema", "write_part"]

CARRIED_VERSIONS: Final = ("2",)
ROW_GROUP_ROWS: Final = 32_768
# Columns with few distinct values; a dictionary of any other column costs time and saves nothing.
REPEATING: Final = (
    "archive", "dialect", "markup", "encoding", "host", "published_from", "language", "role", "change", "reason",
    "run_id", "article_id", "source_sha256", "published_at", "dateline_at", "ingested_at", "local_date", "url_date",
    "first_seen_at", "author",
)  # fmt: skip
# The least and greatest value of these help nobody to pass over a row group.
LONG: Final = frozenset({"text", "title", "raw", "detail", "arguments"})
MOSTLY: Final = 0.5
# What the columns that version 3 adds are made of.
CARRY_NEEDS: Final = (
    "archive", "source_path", "source_sha256", "source_bytes", "article_id", "canonical_url", "valid_from",
    "date_conflict", "header_bytes", "skipped_bytes", "content_count", "source",
)  # fmt: skip


class PartFile(AbstractContextManager["PartFile"]):
    """A partition file that is open for reading. `outdated` ones are of an older contract, or lack a column; their rows
    are read as this version has them. `stale` are archives whose rows are by another parser; None: all are. Raises
    `OutputError` for a file, or a contract, that can't be read."""

    def __init__(self, output: Output, entry: Stored, table: Table) -> None:
        self._table = table
        self._archive = output.older_archive
        self._path = output.location(entry.name)
        try:
            content = str(self._path) if output.is_local else output.store.open(entry)
            # Requests that are put together save time in a store. In a file, the threads that do so cost more.
            self._file = pq.ParquetFile(content, pre_buffer=not output.is_local)
        except (OSError, pa.ArrowInvalid) as error:
            raise OutputError(
                f"a partition file can't be read ({error})", self._path, "remove it and ingest its sources again"
            ) from error
        version = self._metadata("contract_version")
        if version != CONTRACT_VERSION and version not in CARRIED_VERSIONS:
            self._file.close()
            found = "no contract version" if version is None else f"contract version {version}"
            raise OutputError(
                f"a file with {found} stands where version {CONTRACT_VERSION} is written", self._path,
                "choose another output folder, and ingest the archive into it",
            )  # fmt: skip
        self.names: list[str] = self._file.schema_arrow.names
        self.rows: int = self._file.metadata.num_rows
        current = self._metadata("parser_version") == parser_version()
        self.stale = frozenset(json.loads(self._metadata("stale_archives") or "[]")) if current else None
        self.outdated = version != CONTRACT_VERSION or self.names != table.schema.names

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows, all or some columns of them, in the order and with the types of this version's schema."""
        wanted = [name for name in self._table.schema.names if columns is None or name in columns]
        if not self.outdated:
            return _typed(self._file.read(wanted, use_threads=False), self._table, wanted)
        rows = self._file.read([name for name in self.names if name in {*wanted, *CARRY_NEEDS}], use_threads=False)
        return _typed(_carried(rows, self._table, self._archive), self._table, wanted)

    def _metadata(self, key: str) -> str | None:
        value = (self._file.metadata.metadata or {}).get(f"pressmark.{key}".encode())
        return None if value is None else value.decode()


def write_part(output: Output, name: str, rows: pa.Table, table: Table, stale: Collection[str] = ()) -> int:
    """Write rows that are in order as a file; its size in bytes. Rows of the archives in `stale` are by another parser,
    as their own runs have not parsed them again yet."""
    schema = table.schema.with_metadata(
        {
            **(table.schema.metadata or {}),
            b"pressmark.parser_version": parser_version().encode(),
            b"pressmark.stale_archives": json.dumps(sorted(stale)).encode(),
        }
    )
    with output.store.draft(name) as path:
        pq.write_table(
            _typed(rows, table, schema.names).cast(schema), path, row_group_size=ROW_GROUP_ROWS, compression="zstd",
            compression_level=1, use_dictionary=[name for name in REPEATING if name in schema.names],
            write_statistics=[name for name in schema.names if name not in LONG],
        )  # fmt: skip
        return path.stat().st_size


def plain_schema(table: Table) -> pa.Schema:
    """The table's columns with dictionaries as text."""
    return pa.schema([(field.name, plain(field.type)) for field in table.schema])


def _typed(rows: pa.Table, table: Table, names: Sequence[str]) -> pa.Table:
    """Some columns, dictionaries as text, missing nullable ones as nulls."""
    columns = []
    for name in names:
        wanted = plain(table.schema.field(name).type)
        if name not in rows.column_names:
            columns.append(pa.nulls(rows.num_rows, wanted))
        else:
            column = rows[name]
            columns.append(column if column.type == wanted else column.cast(wanted))
    return pa.Table.from_arrays(columns, schema=pa.schema([(n, plain(table.schema.field(n).type)) for n in names]))


def _carried(rows: pa.Table, table: Table, archive: str) -> pa.Table:
    """Rows of an older file with the columns and ids that this version adds. What needs the source's bytes follows when
    the source is parsed again, as the parser's version changed, too."""
    names = rows.column_names
    added: dict[str, pa.Array] = {}
    if "archive" not in names and "archive" in table.schema.names:
        runs = table.name == "runs"
        named = [base_name(source) for source in rows["source"].to_pylist()] if runs else None
        added["archive"] = pa.array(named or [archive] * len(rows), pa.string())
        if table.name in ("revisions", "rejects"):
            added |= _ids(rows, table, archive)
    if table.name == "runs" and "media" not in names:
        added["media"] = pa.array([0] * len(rows), pa.int64())
    if table.name == "articles":
        domain_of, nothing = load_outlets().domain_of, pa.array([[]] * len(rows), pa.list_(pa.string()))
        defaults = {
            "host": pa.array([domain_of(host_of(url)) for url in rows["canonical_url"].to_pylist()], pa.string()),
            "encoding": pa.repeat("utf-8", len(rows)), "markup": pa.repeat("html", len(rows)),
            "flags": pa.array(_flags(rows), pa.list_(pa.string())), "tags": nothing, "categories": nothing,
        }  # fmt: skip
        added |= {name: values for name, values in defaults.items() if name not in names}
    for name, values in added.items():
        rows = rows.set_column(names.index(name), name, values) if name in names else rows.append_column(name, values)
    return rows


def _ids(rows: pa.Table, table: Table, archive: str) -> dict[str, pa.Array]:
    """Ids that the archive's name is a part of."""
    paths, hashes = rows["source_path"].to_pylist(), rows["source_sha256"].to_pylist()
    if table.name == "rejects":
        return {"reject_id": pa.array([row_id(archive, *key) for key in zip(paths, hashes, strict=True)])}
    ids = [row_id(archive, *key) for key in zip(paths, hashes, rows["valid_from"].to_pylist(), strict=True)]
    articles = [
        article_id(None, archive, path) if known == hashlib.sha256(path.encode()).hexdigest()[:32] else known
        for path, known in zip(paths, rows["article_id"].to_pylist(), strict=True)
    ]
    return {"revision_id": pa.array(ids, pa.string()), "article_id": pa.array(articles, pa.string())}


def _flags(rows: pa.Table) -> list[list[str]]:
    body = pc.subtract(rows["source_bytes"], rows["header_bytes"])
    shown = {
        "date_conflict": rows["date_conflict"],
        "mostly_skipped": pc.greater(pc.cast(rows["skipped_bytes"], pa.float64()), pc.multiply(body, MOSTLY)),
        "no_content": pc.equal(rows["content_count"], 0),
    }
    columns = [(name, values.to_pylist()) for name, values in shown.items()]
    return [[name for name, values in columns if values[row]] for row in range(len(rows))]
