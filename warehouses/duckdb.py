"""A DuckDB file: rows are read from the Parquet files by DuckDB itself, and merged by key."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from pressmark.warehouses.address import DestinationAddress
from pressmark.warehouses.checksums import partition_sql
from pressmark.warehouses.destination import Change, FoundColumn, LoadedPartition, SQLDestination
from pressmark.warehouses.errors import DestinationBusyError, DestinationError
from pressmark.warehouses.relations import LOADS, TEXTS, Relation, literal, partition_of
from pressmark.warehouses.source import Source

__all__ = ["DuckDB"]

TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "VARCHAR", pa.binary(): "BLOB", pa.bool_(): "BOOLEAN", pa.int32(): "INTEGER", pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT", pa.date32(): "DATE", pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
    TEXTS: "VARCHAR[]",
}  # fmt: skip


class DuckDB(SQLDestination):
    """A DuckDB file; made where there is none. See `pressmark.warehouses.destination.Destination`."""

    engine = "duckdb"
    method = "duckdb-hash"
    types = TYPES

    def __init__(self, address: DestinationAddress) -> None:
        self._address = address

    def __enter__(self) -> DuckDB:
        name = self._address.target
        if name.endswith("/") or name.startswith(":") or os.path.isdir(name):
            raise DestinationError("this names no file", name, "write `duckdb:///folder/news.duckdb`")
        folder = os.path.dirname(os.path.abspath(name))
        if not os.path.isdir(folder):
            raise DestinationError("there is no such folder", folder, "make it, or name another file")
        with self._explained():
            self._connection = duckdb.connect(self._address.target)
            self._connection.execute("SET TimeZone = 'UTC'")
        return self

    def __exit__(self, *details: object) -> None:
        with self._explained() if details[0] is None else contextlib.suppress(duckdb.Error):
            self._connection.close()

    def found(self, name: str) -> dict[str, FoundColumn] | None:
        rows = self._execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = current_schema() AND table_name = ?",
            [name],
        )
        return {column: FoundColumn(type_, nullable) for column, type_, nullable in rows} or None

    def loaded(self) -> list[LoadedPartition]:
        rows = self._execute(
            f"SELECT {', '.join(LOADS.names)} FROM {LOADS.name} "
            "QUALIFY row_number() OVER (PARTITION BY table_name, partition ORDER BY loaded_at DESC, load_id DESC) = 1"
        )
        return [LoadedPartition(*row) for row in rows]

    def convert(self, relation: Relation, rows: str) -> str:
        return rows

    def stage(self, changes: Sequence[Change], source: Source) -> None:
        """Nothing: the rows are read from their files in the transaction."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self._execute("BEGIN")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise

    def create(self, relation: Relation) -> None:
        columns = ", ".join(f'"{c.name}" {TYPES[c.type]}{"" if c.nullable else " NOT NULL"}' for c in relation.columns)
        self._execute(f"CREATE TABLE {relation.name} ({columns})")
        self._comment_all(relation)

    def add_keys(self, relation: Relation) -> None:
        """Add the key alone: DuckDB prunes by the order of rows, and an index would only cost."""
        self._execute(f"ALTER TABLE {relation.name} ADD PRIMARY KEY ({', '.join(relation.key)})")

    def replace(self, change: Change, source: Source) -> None:
        relation = change.relation
        leaving = self._in_partitions(relation, change.held) if change.held else "false"
        if not change.parts:
            self._execute(f"DELETE FROM {relation.name} WHERE {leaving}")
            return
        rows = source.rows(relation, change.parts)
        if not change.held:
            self._execute(f"INSERT INTO {relation.name} ({relation.listed()}) {rows}")
            return
        joined = " AND ".join(f"kept.{name} = sent.{name}" for name in relation.key)
        others = [name for name in relation.names if name not in relation.key]
        self._execute(
            f"MERGE INTO {relation.name} AS kept USING ({rows}) AS sent ON {joined} "
            f"WHEN MATCHED AND ({relation.listed('kept')}) IS DISTINCT FROM ({relation.listed('sent')}) "
            "THEN UPDATE SET "
            + ", ".join(f'"{name}" = sent."{name}"' for name in others)
            + f" WHEN NOT MATCHED THEN INSERT ({relation.listed()}) VALUES ({relation.listed('sent')})"
            + f" WHEN NOT MATCHED BY SOURCE AND {leaving} THEN DELETE"
        )

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        if rows:
            marks = ", ".join("?" * len(LOADS.columns))
            with self._explained():
                self._connection.executemany(f"INSERT INTO {LOADS.name} VALUES ({marks})", rows)

    def _execute(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            rows: list[tuple[Any, ...]] = self._connection.execute(query, list(values)).fetchall()
            return rows

    def _in_partitions(self, relation: Relation, partitions: Sequence[str]) -> str:
        """Values of each column alone let DuckDB leave out what it need not read; the pair of them decides."""
        if not relation.partition_columns:
            return "true"
        values = zip(*map(partition_of, partitions), strict=True)
        alone = [
            f"{name} IN ({', '.join(sorted({literal(value) for value in column}))})"
            for name, column in zip(relation.partition_columns, values, strict=True)
        ]
        return " AND ".join([*alone, f"{partition_sql(relation)} IN ({', '.join(map(literal, partitions))})"])

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise _explanation(error, self._address) from None


def _explanation(error: duckdb.Error, address: DestinationAddress) -> DestinationError:
    what = str(error).strip().splitlines()[0]
    where = address.target
    if "Could not set lock" in what or "Conflicting lock" in what:
        return DestinationBusyError(
            "another process has this database open", where, "close it there (a notebook, a shell), and load again"
        )
    if "No space left" in what:
        return DestinationError("the disk is full; nothing was loaded", where, "free some space, and load again")
    if "not a valid DuckDB database" in what:
        return DestinationError("this file is no DuckDB database", where, "name another file")
    if "Permission denied" in what or "Read-only file system" in what or "read-only" in what:
        return DestinationError("the database can't be written", where, "choose a file and folder you may write to")
    return DestinationError(f"DuckDB refused ({what})", where, "remove that cause, and load again; nothing was loaded")
