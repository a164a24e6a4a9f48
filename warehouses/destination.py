"""What every destination can do, and what those with SQL share. `loading.py` knows no more of them."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, Protocol, Self

import duckdb
import pyarrow as pa

from pressmark.storage.output.snapshot import Part
from pressmark.warehouses.address import DestinationAddress, DestinationBusyError, DestinationError
from pressmark.warehouses.relations import LOADS, Checked, Column, Relation, literal
from pressmark.warehouses.source import Source, checksums_of

__all__ = [
    "FILE_REMEDIES", "Change", "Destination", "FoundColumn", "LoadedPartition", "Remedy", "SQLDestination",
    "open_destination",
]  # fmt: skip

CLASSES: Final = {"duckdb": "DuckDB", "postgresql": "PostgreSQL", "iceberg": "Iceberg"}
LONGEST_MESSAGE: Final = 300
NOTHING_LOADED: Final = "remove that cause, and load again; nothing was loaded"


class Remedy(NamedTuple):
    """What a driver's message that matches `sign` means, and what to do about it."""

    sign: str
    what: str
    remedy: str
    busy: bool = False


FILE_REMEDIES: Final = (
    Remedy("No space left|disk is full", "the disk is full; nothing was loaded", "free some space, and load again"),
    Remedy(
        "Permission denied|[Rr]ead-?only", "the destination can't be written", "choose a folder that you may write to"
    ),
)


class FoundColumn(NamedTuple):
    """A column as a destination has it, its type in the destination's words."""

    type: str
    nullable: bool


class LoadedPartition(NamedTuple):
    """A row of `_pressmark_loads`."""

    load_id: str
    loaded_at: datetime
    table_name: str
    partition: str
    source_digest: str | None
    row_count: int
    checksum: str
    checksum_method: str
    contract_version: str


class Change(NamedTuple):
    """What a load does to a relation: the files whose rows replace those of their partitions, and the partitions that
    are gone. `held` are those of both that the destination has rows of, `others` is the number of rows of all other
    partitions, `unchanged` of partitions that stay; `fresh` says that there is no such table yet."""

    relation: Relation
    parts: tuple[Part, ...]
    gone: tuple[str, ...]
    held: tuple[str, ...]
    others: int
    unchanged: int
    fresh: bool

    @property
    def partitions(self) -> tuple[str, ...]:
        return (*(part.partition for part in self.parts), *self.gone)


class Destination(Protocol):
    """A place that holds relations, open between entering and leaving it. `stage` writes what no reader looks at; all
    that is done in `transaction` is seen at once, or never. `errors` become a `DestinationError` by `remedies`."""

    title: ClassVar[str]
    errors: ClassVar[tuple[type[Exception], ...]]
    remedies: ClassVar[tuple[Remedy, ...]]
    _address: DestinationAddress

    def __init__(self, address: DestinationAddress) -> None:
        self._address = address

    def __enter__(self) -> Self: ...

    def __exit__(self, *details: object) -> None: ...

    def found(self, name: str) -> dict[str, FoundColumn] | None:
        """Columns of the table with this name; None where there is none."""

    def declared(self, column: Column) -> FoundColumn:
        """How `found` shows a column that this destination made."""

    def loaded(self) -> list[LoadedPartition]:
        """The latest row of `_pressmark_loads` for each table and partition; the table exists."""

    def sent(self, column: Column) -> str:
        """DuckDB's SQL for a column, made to give the type and the texts that this destination keeps."""
        name = f'"{column.name}"'
        return f"CAST({name} AS DECIMAL(20, 0)) AS {name}" if column.type == pa.uint64() else name

    def stage(self, changes: Sequence[Change], source: Source) -> None:
        """Bring rows near, before the transaction, where that helps."""
        return

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of a load; undone where the block raises."""

    def create(self, relation: Relation) -> None:
        """Make a table with its comments."""

    def add_keys(self, relation: Relation) -> None:
        """Add key and indexes to a table made in this transaction, after its rows: that is quicker."""
        return

    def add_columns(self, relation: Relation, columns: Sequence[Column]) -> None:
        """Add nullable columns to a table."""

    def replace(self, change: Change, source: Source) -> None:
        """Make the rows of the changed partitions those of the source, and remove partitions that are gone."""

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        """Rows and checksum of each of these partitions that has rows here, read back."""

    def _checked(self, relation: Relation, arrived: pa.RecordBatchReader) -> dict[str, Checked]:
        """Rows and checksum of each partition in rows that were read back."""
        with self._explained(), duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("arrived", arrived)
            return checksums_of(
                relation, f"SELECT {', '.join(map(self.sent, relation.columns))} FROM arrived", connection
            )

    def count(self, relation: Relation) -> int:
        """Rows of a table."""

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        """Append to `_pressmark_loads`."""

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            # A catalog's error holds that of its database.
            message = self._address.without_secrets(" ".join(str(getattr(error, "orig", None) or error).split()))
            shown = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
            for sign, what, remedy, busy in self.remedies:
                if re.search(sign, message):
                    kind = DestinationBusyError if busy else DestinationError
                    raise kind(f"{what} ({shown})", self._address.shown, remedy) from None
            raise DestinationError(f"{self.title} refused ({shown})", self._address.shown, NOTHING_LOADED) from None


class SQLDestination(Destination, Protocol):
    """What destinations that take SQL share. Texts of keys are compared by `collation`."""

    types: ClassVar[Mapping[pa.DataType, str]]
    begin: ClassVar[tuple[str, ...]]
    collation: ClassVar[str] = ""
    _connection: Any

    def _execute(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows that a statement gives."""

    def _in_partitions(self, relation: Relation, partitions: Sequence[str]) -> str:
        """A condition that holds for the rows of these partitions and no others."""

    def declared(self, column: Column) -> FoundColumn:
        return FoundColumn(self.types[column.type], column.nullable)

    def loaded(self) -> list[LoadedPartition]:
        rows = self._execute(
            f"SELECT DISTINCT ON (table_name, partition) {LOADS.listed()} FROM {LOADS.name} "
            "ORDER BY table_name, partition, loaded_at DESC, load_id DESC"
        )
        return [LoadedPartition(*row) for row in rows]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            for statement in self.begin:
                self._execute(statement)
            yield
            with self._explained():
                self._connection.commit()
        except BaseException:
            with contextlib.suppress(*self.errors):
                self._connection.rollback()
            raise

    def create(self, relation: Relation) -> None:
        self._execute(f"CREATE TABLE {relation.name} ({self._definitions(relation)})")
        self._describe(relation)

    def add_keys(self, relation: Relation) -> None:
        self._execute(f"ALTER TABLE {relation.name} ADD PRIMARY KEY ({', '.join(relation.key)})")

    def add_columns(self, relation: Relation, columns: Sequence[Column]) -> None:
        for column in columns:
            self._execute(f'ALTER TABLE {relation.name} ADD COLUMN "{column.name}" {self.types[column.type]}')
        self._comment(relation, columns)

    def count(self, relation: Relation) -> int:
        return int(self._execute(f"SELECT count(*) FROM {relation.name}")[0][0])

    def _definitions(self, relation: Relation) -> str:
        keys = {name for columns in (relation.key, *relation.indexes) for name in columns}
        return ", ".join(
            f'"{column.name}" {self.types[column.type]}'
            + (self.collation if column.name in keys and column.type == pa.string() else "")
            + ("" if column.nullable else " NOT NULL")
            for column in relation.columns
        )

    def _describe(self, relation: Relation) -> None:
        self._execute(f"COMMENT ON TABLE {relation.name} IS {literal(relation.description)}")
        self._comment(relation, relation.columns)

    def _comment(self, relation: Relation, columns: Sequence[Column]) -> None:
        for column in columns:
            self._execute(f'COMMENT ON COLUMN {relation.name}."{column.name}" IS {literal(column.description)}')


def open_destination(address: DestinationAddress) -> Destination:
    """The destination of an address; raises `DestinationError` where its driver is not installed."""
    try:
        module = importlib.import_module(f"pressmark.warehouses.{address.scheme}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "pressmark":
            raise
        raise DestinationError(
            f"`{error.name}` is not installed, which {address.scheme} needs", address.shown,
            f"pip install 'pressmark[{address.scheme}]'",
        ) from None  # fmt: skip
    destination: Destination = getattr(module, CLASSES[address.scheme])(address)
    return destination
