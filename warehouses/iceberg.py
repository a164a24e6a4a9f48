"""Iceberg tables in a folder, in the namespace `pressmark`, with a SQLite catalog beside them. All tables of a load are
committed by one transaction of the catalog, so that no reader sees some of them new and others old."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import duckdb
import pyarrow as pa
from pyiceberg import types
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, ValidationException
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, EqualTo, In, Or
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from pressmark.storage.batches import cut
from pressmark.warehouses.address import DestinationAddress, DestinationBusyError, DestinationError
from pressmark.warehouses.destination import FILE_REMEDIES, Change, Destination, FoundColumn, LoadedPartition
from pressmark.warehouses.relations import LOADS, PARTITION, TEXTS, Checked, Column, Relation, partition_of
from pressmark.warehouses.source import Source

__all__ = ["CATALOG", "NAMESPACE", "Iceberg"]

CATALOG: Final = "catalog.db"
NAMESPACE: Final = "pressmark"
TYPES: Final[dict[pa.DataType, types.IcebergType]] = {
    pa.string(): types.StringType(), pa.binary(): types.BinaryType(), pa.bool_(): types.BooleanType(),
    pa.int32(): types.IntegerType(), pa.int64(): types.LongType(), pa.uint64(): types.DecimalType(20, 0),
    pa.date32(): types.DateType(), pa.timestamp("us", tz="UTC"): types.TimestamptzType(),
}  # fmt: skip
LIST_IDS: Final = 1_000  # the items of a list are a field with a number of its own, which the catalog then gives anew
# Rows are written from memory, so a load of any size goes in portions of about this much Parquet.
PORTION_BYTES: Final = 32 << 20
# Threads of pyiceberg 0.12 share what tells which manifests name a file that goes, so that it may overlook one; it sees
# that before anything is committed.
TRIES: Final = 5


class Iceberg(Destination):
    """A folder of Iceberg tables; made where there is none. See `pressmark.warehouses.destination.Destination`."""

    title = "Iceberg"
    errors = (OSError, SQLAlchemyError, duckdb.Error)
    remedies = FILE_REMEDIES

    def __init__(self, address: DestinationAddress) -> None:
        super().__init__(address)
        self._folder = Path(address.target).absolute()

    def __enter__(self) -> Iceberg:
        with self._explained():
            self._check_folder()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] = open(self._folder / ".pressmark-lock", "ab")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                raise DestinationBusyError(
                    "another load is writing to this folder", self._folder, "wait until it has finished"
                ) from None
            # A path as it is: what reads these addresses does not decode percent signs.
            self._catalog = SqlCatalog(
                NAMESPACE, uri=f"sqlite:///{self._folder / CATALOG}", warehouse=f"file://{self._folder}"
            )
            self._catalog.create_namespace_if_not_exists(NAMESPACE)
            self._check_place()
        return self

    def __exit__(self, *details: object) -> None:
        self._catalog.close()
        self._lock.close()

    def found(self, name: str) -> dict[str, FoundColumn] | None:
        try:
            fields = self._table(name).schema().fields
        except NoSuchTableError:
            return None
        return {field.name: FoundColumn(str(field.field_type), not field.required) for field in fields}

    def declared(self, column: Column) -> FoundColumn:
        return FoundColumn(str(_type(column)), column.nullable)

    def loaded(self) -> list[LoadedPartition]:
        rows = self._table(LOADS.name).scan().to_arrow().sort_by([("loaded_at", "ascending"), ("load_id", "ascending")])
        latest = {(row["table_name"], row["partition"]): LoadedPartition(**row) for row in rows.to_pylist()}
        return list(latest.values())

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        engine = self._catalog.engine
        # Sessions on a connection that has begun leave committing to it.
        with self._explained(), engine.begin() as connection:
            self._catalog.engine = connection
            try:
                yield
            finally:
                self._catalog.engine = engine

    def create(self, relation: Relation) -> None:
        numbers = {column.name: number for number, column in enumerate(relation.columns, 1)}
        fields = [
            types.NestedField(number, one.name, _type(one, number), required=not one.nullable, doc=one.description)
            for number, one in enumerate(relation.columns, 1)
        ]
        partition = PARTITION if relation.partition_columns == PARTITION else ()
        spec = PartitionSpec(*(
            PartitionField(numbers[name], 1000 + number, IdentityTransform(), name)
            for number, name in enumerate(partition)
        ))  # fmt: skip
        schema = Schema(*fields, identifier_field_ids=[numbers[name] for name in relation.key])
        self._catalog.create_table(
            (NAMESPACE, relation.name), schema, partition_spec=spec, properties={"comment": relation.description}
        )

    def add_columns(self, relation: Relation, columns: Sequence[Column]) -> None:
        with self._table(relation.name).update_schema() as update:
            for column in columns:
                update.add_column(column.name, _type(column), doc=column.description)

    def replace(self, change: Change, source: Source) -> None:
        for _ in range(TRIES - 1):
            with contextlib.suppress(ValidationException):
                self._replace(change, source)
                return
        self._replace(change, source)

    def _replace(self, change: Change, source: Source) -> None:
        relation = change.relation
        table = self._table(relation.name)
        with self._explained(), table.transaction() as writing:
            if change.held:
                writing.delete(_in_partitions(relation, change.held))
            sizes = [sum(path.stat().st_size for path in part.paths) for part in change.parts]
            for span in cut(sizes, PORTION_BYTES, len(sizes)):
                rows = source.arrow(relation, change.parts[span.start : span.stop], self.sent).read_all()
                if rows.num_rows:
                    writing.append(rows.cast(relation.schema))

    def checksums(self, relation: Relation, partitions: Sequence[str]) -> dict[str, Checked]:
        table = self._table(relation.name)
        if table.current_snapshot() is None:
            return {}
        found = self._checked(relation, table.scan(_around(relation, partitions)).to_arrow_batch_reader())
        return {partition: found[partition] for partition in partitions if partition in found}

    def count(self, relation: Relation) -> int:
        return self._table(relation.name).scan().count()

    def record(self, rows: Sequence[LoadedPartition]) -> None:
        self._table(LOADS.name).append(LOADS.table(rows))

    def _table(self, name: str) -> Table:
        return self._catalog.load_table((NAMESPACE, name))

    def _check_place(self) -> None:
        """Raise where the tables were made in another folder: Iceberg's files name each other by their whole paths."""
        with self._catalog.engine.connect() as connection:
            locations = connection.scalars(select(IcebergTables.metadata_location)).all()
        for location in filter(None, locations):
            if not location.startswith(f"file://{self._folder}/"):
                raise DestinationError(
                    f"the folder was moved, and its tables still name `{location.partition('/pressmark/')[0]}`",
                    self._folder, "move it back, or load into a new folder",
                )  # fmt: skip

    def _check_folder(self) -> None:
        if any(character in str(self._folder) for character in "?#%"):
            raise DestinationError("Iceberg takes no `?`, `#` or `%` in a path", self._folder, "name another folder")
        if self._folder.exists() and not self._folder.is_dir():
            raise DestinationError("this is a file", self._folder, "name a folder")
        if self._folder.is_dir() and not (self._folder / CATALOG).exists():
            others = [name for name in os.listdir(self._folder) if not name.startswith(".pressmark-")]
            if others:
                raise DestinationError(
                    f"the folder holds other things (`{min(others)}`) and no catalog", self._folder,
                    "name a new or empty folder",
                )  # fmt: skip


def _in_partitions(relation: Relation, partitions: Sequence[str]) -> BooleanExpression:
    if not relation.partition_columns:
        return AlwaysTrue()
    values = [partition_of(partition) for partition in partitions]
    if len(relation.partition_columns) == 1:
        return In(relation.partition_columns[0], [value for (value,) in values])
    # Each file is looked at with each term: one for every pair takes the square of their number.
    months: dict[str, list[str]] = {}
    for outlet, month in values:
        months.setdefault(outlet, []).append(month)
    first, second = relation.partition_columns
    filters: list[BooleanExpression] = [And(EqualTo(first, one), In(second, months[one])) for one in months]
    return filters[0] if len(filters) == 1 else Or(*filters)


def _around(relation: Relation, partitions: Sequence[str]) -> BooleanExpression:
    """A filter for the rows of these partitions and of some others, which costs a fraction of an exact one."""
    values = zip(*map(partition_of, partitions), strict=True)
    filters = [In(name, {*of}) for name, of in zip(relation.partition_columns, values, strict=False)]
    return And(AlwaysTrue(), *filters) if filters else AlwaysTrue()


def _type(column: Column, number: int = 0) -> types.IcebergType:
    if column.type == TEXTS:
        return types.ListType(LIST_IDS + number, types.StringType(), element_required=False)
    return TYPES[column.type]
