"""A PostgreSQL database: rows travel as binary COPY into staging tables, and one transaction brings them in. Works in
the connection's default schema (`?options=-csearch_path%3Dnews` names another)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from pressmark.warehouses.address import DestinationBusyError, DestinationError
from pressmark.warehouses.destination import Change, FoundColumn, LoadedPartition, Remedy, SQLDestination
from pressmark.warehouses.relations import LOADS, TEXTS, Checked, Column, Relation, literal, partition_of
from pressmark.warehouses.source import Source

__all__ = ["PostgreSQL"]

TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "text", pa.binary(): "bytea", pa.bool_(): "boolean", pa.int32(): "integer", pa.int64(): "bigint",
    pa.uint64(): "numeric(20,0)", pa.date32(): "date", pa.timestamp("us", tz="UTC"): "timestamp with time zone",
    TEXTS: "text[]",
}  # fmt: skip
STAGING: Final = "_pressmark_staging_"
# One load at a time: the number is pressmark's name for the lock.
LOCK: Final = int.from_bytes(b"pressmrk") % (1 << 63)
CONNECTIONS: Final = 2
OLDEST: Final = 120_000
CONNECT_TIMEOUT_S: Final = 10
# What a server gives by default has it make indexes on disk.
MEMORY: Final = ("SET LOCAL work_mem = '64MB'", "SET LOCAL maintenance_work_mem = '256MB'")
# PostgreSQL's text holds every character but this one.
NUL_REPLACED: Final = "replace({}, chr(0), chr(65533))"
REMEDIES: Final = (
    Remedy("password authentication failed", "the server refuses this user or password",
           "correct user or password, or set it in PGPASSWORD or a password file"),
    Remedy("no password supplied", "the server wants a password",
           "put it in the address, in PGPASSWORD or in a password file"),
    Remedy("could not translate host name", "there is no such host", "correct the host in the address"),
    Remedy("Connection refused|timeout expired", "no server answers there",
           "start PostgreSQL, correct host and port in the address, or ask for firewalls"),
    Remedy("No such file or directory", "no server answers on that socket",
           "start PostgreSQL, or correct the folder in `host=`"),
    Remedy("does not exist", "there is no such database, role or schema",
           "create it, or correct its name in the address"),
    Remedy("permission denied", "this user may not do that",
           "grant it USAGE and CREATE on the schema, or name another user"),
    Remedy("no schema has been selected", "there is no such schema",
           "create it, or correct `search_path` in the address"),
    Remedy("read-only transaction", "the server is read only", "name the primary server, not a standby"),
    Remedy("No space left on device|could not extend file", "the server's disk is full",
           "free some space there; nothing was loaded"),
    Remedy("terminating connection|server closed the connection", "the server ended the connection",
           "load again when it runs; nothing was loaded"),
)  # fmt: skip


class PostgreSQL(SQLDestination):
    """A PostgreSQL database, version 12 or newer. See `pressmark.warehouses.destination.Destination`."""

    title = "PostgreSQL"
    errors = (adbc_driver_manager.Error,)
    remedies = REMEDIES
    types = TYPES
    begin = MEMORY
    # Byte by byte is what keys are, and quicker than by a language.
    collation = ' COLLATE "C"'

    def __enter__(self) -> PostgreSQL:
        self._connection = self._connect()
        try:
            self._look_first()
            self._hold()
        except DestinationError:
            self._connection.close()
            raise
        return self

    def __exit__(self, *details: object) -> None:
        # What can't be undone here, because the server is gone, the server or the next load undoes.
        with contextlib.suppress(adbc_driver_manager.Error, DestinationError):
            self._connection.rollback()
            self._drop_staging()
        with contextlib.suppress(adbc_driver_manager.Error):
            self._connection.close()

    def found(self, name: str) -> dict[str, FoundColumn] | None:
        rows = self._execute(
            "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute "
            "JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname = current_schema() AND relname = $1 AND attnum > 0 AND NOT attisdropped",
            [name],
        )
        return {column: FoundColumn(type_, nullable) for column, type_, nullable in rows} or None

    def sent(self, column: Column) -> str:
        name = f'"{column.name}"'
        if pa.types.is_string(column.type):
            return f"{NUL_REPLACED.format(name)} AS {name}"
        if column.type == TEXTS:
            return f"list_transform({name}, lambda item: {NUL_REPLACED.format('item')}) AS {name}"
        return super().sent(column)

    def stage(self, changes: Sequence[Change], source: Source) -> None:
        """Copy each relation's rows into a staging table of its own, two at a time."""
        with self._explained():
            self._drop_staging()
            sent = [change for change in changes if change.parts]
            # The largest first, so that the others fit beside them.
            sent.sort(key=lambda change: -sum(path.stat().st_size for part in change.parts for path in part.paths))
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                for copied in [pool.submit(self._copy, change, source) for change in sent]:
                    copied.result()

    def create(self, relation: Relation) -> None:
        """Make a table; where rows were staged for it, the staging table becomes it."""
        if self.found(STAGING + relation.name) is None:
            super().create(relation)
        else:
            self._execute(f"ALTER TABLE {STAGING}{relation.name} RENAME TO {relation.name}")
            self._describe(relation)

    def add_keys(self, relation: Relation) -> None:
        super().add_keys(relation)
        for columns in relation.indexes:
            self._execute(f"CREATE INDEX ON {relation.name} ({', '.join(columns)})")
        # Until the server gets to it, plans on a new table are poor: for readers, and for the checksums here.
        self._execute(f"ANALYZE {relation.name}")

    def replace(self, change: Change, source: Source) -> None:
        if change.fresh:
            return
        relation = change.relation
        staging = STAGING + relation.name
        if change.held:
            joined = " AND ".join(f"sent.{name} = kept.{name}" for name in relation.key)
            unsent = f" AND NOT EXISTS (SELECT FROM {staging} AS sent WHERE {joined})" if change.parts else ""
            leaving = self._in_partitions(relation, change.held)
            self._execute(f"DELETE FROM {relation.name} AS kept WHERE {leaving}{unsent}")
        if not change.parts:
            return
        updated = ", ".join(f'"{name}" = excluded."{name}"' for name in relation.names if name not in relation.key)
        self._execute(
            f"INSERT INTO {relation.name} AS kept ({relation.listed()}) SELECT {relation.listed()} FROM {staging} "
            f"ON CONFLICT ({', '.join(relation.key)}) DO UPDATE SET {updated} "
            f"WHERE ({relation.listed('kept')}) IS DISTINCT FROM ({relation.listed('excluded')})"
        )

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        where = self._in_partitions(relation, partitions)
        with self._explained(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {relation.listed()} FROM {relation.name} WHERE {where}")
            return self._checked(relation, cursor.fetch_record_batch())

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        with self._explained(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(LOADS.name, LOADS.table(rows), mode="append")

    def _look_first(self) -> None:
        """Raise where the server is too old, can't be written, or would garble: rows are sent as UTF-8, and a database
        of another encoding would keep their bytes and give other characters."""
        ((version, stored, sent, standby, schema, may_use, may_create),) = self._execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
            "current_setting('client_encoding'), pg_is_in_recovery(), current_schema(), "
            "coalesce(has_schema_privilege(current_schema(), 'USAGE'), true), "
            "coalesce(has_schema_privilege(current_schema(), 'CREATE'), true)"
        )
        shown = self._address.shown
        if version < OLDEST:
            what = f"the server is PostgreSQL {version // 10_000}, older than {OLDEST // 10_000}"
            raise DestinationError(what, shown, "name a newer server")
        if {stored, sent} != {"UTF8"}:
            raise DestinationError(
                f"the database keeps text as {stored} and takes it as {sent}, not as UTF8", shown,
                "load into a database made with ENCODING 'UTF8', with PGCLIENTENCODING unset",
            )  # fmt: skip
        if standby:
            raise DestinationError("the server is read only", shown, "name the primary server, not a standby")
        if schema is None:
            raise DestinationError(
                "there is no such schema", shown, "create it, or correct `search_path` in the address"
            )
        if not (may_use and may_create):
            raise DestinationError(
                f"this user may not make tables in the schema `{schema}`", shown,
                f'`GRANT USAGE, CREATE ON SCHEMA "{schema}" TO` this user, or name another one',
            )  # fmt: skip

    def _hold(self) -> None:
        ((held,),) = self._execute("SELECT pg_try_advisory_lock($1)", [LOCK])
        self._commit()
        if not held:
            raise DestinationBusyError(
                "another load is writing to this database", self._address.shown, "wait until it has finished"
            )

    def _drop_staging(self) -> None:
        left = self._execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND starts_with(tablename, $1)",
            [STAGING],
        )
        if left:
            self._execute(f"DROP TABLE {', '.join(name for (name,) in left)}")
        self._commit()

    def _copy(self, change: Change, source: Source) -> None:
        relation = change.relation
        kept = "" if change.fresh else "UNLOGGED "
        rows = source.arrow(relation, change.parts, self.sent)
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE {kept}TABLE {STAGING}{relation.name} ({self._definitions(relation)})")
            cursor.adbc_ingest(STAGING + relation.name, rows, mode="append")
            connection.commit()

    def _connect(self) -> Any:
        uri = self._address.target
        if "connect_timeout=" not in uri:
            uri += f"{'&' if '?' in uri else '?'}connect_timeout={CONNECT_TIMEOUT_S}"
        with self._explained():
            return adbc.connect(uri)

    def _execute(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._explained(), self._connection.cursor() as cursor:
            cursor.execute(query, list(values) or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return rows

    def _commit(self) -> None:
        with self._explained():
            self._connection.commit()

    def _in_partitions(self, relation: Relation, partitions: Sequence[str]) -> str:
        """In a form that the index on the partition columns serves."""
        if not relation.partition_columns:
            return "true"
        values = ", ".join(f"({', '.join(map(literal, partition_of(partition)))})" for partition in partitions)
        return f"({', '.join(relation.partition_columns)}) IN (VALUES {values})"
