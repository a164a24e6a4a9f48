"""A DuckDB file: rows are read from the Parquet files by DuckDB itself, and merged by key."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from pressmark.warehouses.address import DestinationError
from pressmark.warehouses.destination import FILE_REMEDIES, Change, FoundColumn, LoadedPartition, Remedy, SQLDestination
from pressmark.warehouses.relations import LOADS, TEXTS, Checked, Column, Relation, literal, partition_of, partition_sql
from pressmark.warehouses.source import Source, checksums_of

__all__ = ["DuckDB"]

TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "VARCHAR", pa.binary(): "BLOB", pa.bool_(): "BOOLEAN", pa.int32(): "INTEGER", pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT", pa.date32(): "DATE", pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
    TEXTS: "VARCHAR[]",
}  # fmt: skip


class DuckDB(SQLDestination):
    """A DuckDB file; made where there is none. See `pressmark.warehouses.destination.Destination`."""

    title = "DuckDB"
    errors = (duckdb.Error,)
    remedies = (
        Remedy("Could not set lock|Conflicting lock", "another process has this database open",
               "close it there (a notebook, a shell), and load again", busy=True),
        Remedy("not a valid DuckDB database", "this file is no DuckDB database", "name another file"),
        *FILE_REMEDIES,
    )  # fmt: skip
    types = TYPES
    begin = ("BEGIN",)

    def __enter__(self) -> DuckDB:
        name = self._address.target
        if name.endswith("/") or name.startswith(":") or os.path.isdir(name):
            raise DestinationError("this names no file", name, "write `duckdb:folder/news.duckdb`")
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

    def sent(self, column: Column) -> str:
        return f'"{column.name}"'

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
        updated = ", ".join(f'"{name}" = sent."{name}"' for name in relation.names if name not in relation.key)
        self._execute(
            f"MERGE INTO {relation.name} AS kept USING ({rows}) AS sent ON {joined} "
            f"WHEN MATCHED AND ({relation.listed('kept')}) IS DISTINCT FROM ({relation.listed('sent')}) "
            f"THEN UPDATE SET {updated} "
            f"WHEN NOT MATCHED THEN INSERT ({relation.listed()}) VALUES ({relation.listed('sent')}) "
            f"WHEN NOT MATCHED BY SOURCE AND {leaving} THEN DELETE"
        )

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        query = f"SELECT * FROM {relation.name} WHERE {self._in_partitions(relation, partitions)}"
        with self._explained():
            return checksums_of(relation, query, self._connection)

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
