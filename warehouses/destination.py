"""What every destination can do; `loading.py` knows no more of them than this."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pressmark.storage.output.snapshot import Part
from pressmark.warehouses.address import Address
from pressmark.warehouses.checksums import Checked, Method
from pressmark.warehouses.errors import DestinationError
from pressmark.warehouses.relations import Column, Relation

if TYPE_CHECKING:
    from pressmark.warehouses.source import Source

__all__ = ["Change", "Destination", "FoundColumn", "LoadedPartition", "is_current", "open_destination"]

MODULES: Final = {"duckdb": "duckdb", "postgresql": "postgresql", "iceberg": "iceberg"}
EXTRAS: Final = {"postgresql": "pressmark[postgresql]", "iceberg": "pressmark[iceberg]"}


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
    are gone. `held` are those of both that the destination has rows of; `fresh` says that it has no such table yet."""

    relation: Relation
    parts: tuple[Part, ...]
    gone: tuple[str, ...]
    held: tuple[str, ...]
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

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        """Append to `_pressmark_loads`."""

    def loaded_whole(self, parts: Sequence[Part], relations: Sequence[Relation]) -> None:
        """After the transaction: note that the relations are now what these files make them."""


def is_current(address: Address, parts: Sequence[Part], relations: Sequence[Relation]) -> bool:
    """Whether a load would surely change nothing, as far as that can be told without opening the destination."""
    if address.scheme != "iceberg":
        return False
    from pressmark.warehouses import memory

    return memory.is_current(Path(address.target).absolute(), parts, relations)


def open_destination(address: Address) -> Destination:
    """The destination of an address; raises `DestinationError` where its driver is not installed."""
    try:
        module = importlib.import_module(f"pressmark.warehouses.{MODULES[address.scheme]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("pressmark",):
            raise
        raise DestinationError(
            f"`{error.name}` is not installed, which {address.scheme} needs", address.shown,
            f"pip install '{EXTRAS[address.scheme]}'",
        ) from None  # fmt: skip
    destination: Destination = module.open_address(address)
    return destination
