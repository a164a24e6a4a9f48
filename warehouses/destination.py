"""What every destination can do, what those with SQL share, and what an Iceberg folder remembers of its last load.

`loading.py` knows no more of destinations than this. Metadata files of Iceberg tables never change: where the catalog
still names those of the last load, the tables are as it left them, and no load need open them. What is remembered may
be deleted: that costs a second and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.output.folder import replace_file
from pressmark.storage.output.snapshot import Part
from pressmark.warehouses.address import DestinationAddress
from pressmark.warehouses.checksums import Checked, Engine, Method, checksum_query
from pressmark.warehouses.errors import DestinationError
from pressmark.warehouses.relations import Column, Relation, literal

if TYPE_CHECKING:
    from pressmark.warehouses.source import Source

__all__ = [
    "CATALOG", "Change", "Destination", "FoundColumn", "LoadedPartition", "SQLDestination", "is_current",
    "open_destination", "pointers", "remember",
]  # fmt: skip

CLASSES: Final = {"duckdb": "DuckDB", "postgresql": "PostgreSQL", "iceberg": "Iceberg"}
CATALOG: Final = "catalog.db"
LAST_LOAD: Final = ".pressmark-last-load.json"


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
    partitions, `fresh` says that there is no such table yet."""

    relation: Relation
    parts: tuple[Part, ...]
    gone: tuple[str, ...]
    held: tuple[str, ...]
    others: int
    fresh: bool

    @property
    def partitions(self) -> tuple[str, ...]:
        return (*(part.partition for part in self.parts), *self.gone)


class Destination(Protocol):
    """A place that holds relations. A context: entering opens it, leaving closes it.

    `stage` may write what no reader looks at; everything between the start and the end of `transaction` is seen by
    readers at once, or never.
    """

    method: Method

    def __enter__(self) -> Destination: ...

    def __exit__(self, *details: object) -> None: ...

    def found(self, name: str) -> dict[str, FoundColumn] | None:
        """Columns of the table with this name; None where there is none."""

    def declared(self, column: Column) -> FoundColumn:
        """How `found` shows a column that this destination made."""

    def loaded(self) -> list[LoadedPartition]:
        """The latest row of `_pressmark_loads` for each table and partition; the table exists."""

    def convert(self, relation: Relation, rows: str) -> str:
        """DuckDB's SQL for a relation's rows, made to give the types and texts that this destination keeps."""

    def stage(self, changes: Sequence[Change], source: Source) -> None:
        """Bring rows near, before the transaction."""

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of a load; undone where the block raises."""

    def create(self, relation: Relation) -> None:
        """Make a table with its comments."""

    def add_keys(self, relation: Relation) -> None:
        """Add key and indexes to a table made in this transaction, after its rows: that is quicker."""

    def add_columns(self, relation: Relation, columns: Sequence[Column]) -> None:
        """Add nullable columns to a table."""

    def replace(self, change: Change, source: Source) -> None:
        """Make the rows of the changed partitions those of the source, and remove partitions that are gone."""

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        """Rows and checksum of each of these partitions, as the destination has them; zero for those without a row."""

    def count(self, relation: Relation) -> int:
        """Rows of a table."""

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        """Append to `_pressmark_loads`."""


class SQLDestination(ABC):
    """What destinations that take SQL share: comments, new columns and checksums."""

    engine: ClassVar[Engine]
    method: ClassVar[Method]
    types: ClassVar[Mapping[pa.DataType, str]]

    @abstractmethod
    def _execute(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows that a statement gives; driver errors are `DestinationError`s."""

    @abstractmethod
    def _in_partitions(self, relation: Relation, partitions: Sequence[str]) -> str:
        """A condition that holds for the rows of these partitions and no others."""

    def declared(self, column: Column) -> FoundColumn:
        return FoundColumn(self.types[column.type], column.nullable)

    def add_columns(self, relation: Relation, columns: Sequence[Column]) -> None:
        for column in columns:
            self._execute(f'ALTER TABLE {relation.name} ADD COLUMN "{column.name}" {self.types[column.type]}')
        self._comment(relation, columns)

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        rows = f"(SELECT * FROM {relation.name} WHERE {self._in_partitions(relation, partitions)})"
        found = self._execute(checksum_query(relation, rows, self.method, self.engine))
        return dict.fromkeys(partitions, Checked(0, "0")) | {name: Checked(*checked) for name, *checked in found}

    def count(self, relation: Relation) -> int:
        ((rows,),) = self._execute(f"SELECT count(*) FROM {relation.name}")
        return int(rows)

    def _comment(self, relation: Relation, columns: Sequence[Column]) -> None:
        for column in columns:
            self._execute(f'COMMENT ON COLUMN {relation.name}."{column.name}" IS {literal(column.description)}')

    def _comment_all(self, relation: Relation) -> None:
        self._execute(f"COMMENT ON TABLE {relation.name} IS {literal(relation.description)}")
        self._comment(relation, relation.columns)


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


def is_current(address: DestinationAddress, parts: Sequence[Part], relations: Sequence[Relation]) -> bool:
    """Whether a load would surely change nothing, as far as that is known without opening the destination."""
    with contextlib.suppress(OSError, json.JSONDecodeError, sqlite3.Error):
        if address.scheme == "iceberg":
            folder = Path(address.target).absolute()
            return bool(json.loads((folder / LAST_LOAD).read_bytes()) == _state(folder, parts, relations))
    return False


def remember(address: DestinationAddress, parts: Sequence[Part], relations: Sequence[Relation]) -> None:
    """Note for `is_current` that these files are loaded; where that fails, the next load looks for itself."""
    with contextlib.suppress(OSError, sqlite3.Error):
        if address.scheme == "iceberg":
            folder = Path(address.target).absolute()
            replace_file(folder / LAST_LOAD, json.dumps(_state(folder, parts, relations)).encode())


def pointers(folder: Path) -> dict[str, str]:
    """The metadata file of each table in the catalog of an Iceberg folder."""
    with contextlib.closing(sqlite3.connect(f"{(folder / CATALOG).as_uri()}?mode=ro", uri=True)) as catalog:
        query = "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables ORDER BY 1"
        return dict(catalog.execute(query).fetchall())


def _state(folder: Path, parts: Sequence[Part], relations: Sequence[Relation]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "contract_version": CONTRACT_VERSION,
        "columns": {
            relation.name: [[column.name, str(column.type), column.nullable] for column in relation.columns]
            for relation in relations
        },
        "files": {f"{part.table}/{part.partition}": part.digest for part in parts},
        "tables": pointers(folder),
    }
