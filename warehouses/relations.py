"""The output's tables in relational form, and the checksums of their rows: for a partition, the sum of DuckDB's `hash`
of its rows. Partition keys become columns, lists of records rows of tables of their own; other lists stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PARTITION_KEYS, TIMESTAMP, plain
from pressmark.schemas.tables import CONTRIBUTOR, LINK

__all__ = [
    "CHECKSUM_METHOD", "LOADS", "PARTITION", "RELATIONS", "TEXTS", "Checked", "Column", "Relation", "checksum_query",
    "literal", "partition_of", "partition_sql",
]  # fmt: skip

PARTITION: Final = ("outlet", "month")
TEXTS: Final = pa.list_(pa.string())
CHECKSUM_METHOD: Final = "duckdb-hash"


class Column(NamedTuple):
    """A column of a relation. `type` is a scalar Arrow type of the contract, or `TEXTS`; dictionaries are strings."""

    name: str
    type: pa.DataType
    nullable: bool
    description: str


class Checked(NamedTuple):
    """Rows and checksum of one partition, at one end."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of a destination: which of the output's tables it is made of, its key and the columns to index. `query`
    reads the rows from `{source}` in DuckDB's SQL; without one they are the columns of these names. `listed_in` is the
    column whose records are the rows, `fields` are these records' fields."""

    name: str
    source: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    partition_columns: tuple[str, ...] = ()
    query: str | None = None
    listed_in: str = ""
    fields: tuple[Column, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def listed(self, row: str = "") -> str:
        """The quoted names of the columns as an SQL list, those of `row` where it is given."""
        return ", ".join(f'{row}."{name}"' if row else f'"{name}"' for name in self.names)

    @property
    def schema(self) -> pa.Schema:
        """As Arrow, for destinations whose numbers all have a sign."""
        types = ((c, pa.decimal128(20, 0) if c.type == pa.uint64() else c.type) for c in self.columns)
        return pa.schema([pa.field(column.name, type_, column.nullable) for column, type_ in types])

    def table(self, rows: Sequence[Sequence[object]]) -> pa.Table:
        return pa.Table.from_pylist([dict(zip(self.names, row, strict=True)) for row in rows], self.schema)

    def select(self, source: str) -> str:
        """SQL of DuckDB for the relation's rows in `source`."""
        return self.query.format(source=source) if self.query else f"SELECT {self.listed()} FROM {source}"


def literal(text: str) -> str:
    """Text as a literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def partition_of(label: str) -> tuple[str, ...]:
    """The values of the partition columns in a partition's name, `outlet=…/month=…` or `run_id=…`."""
    return tuple(part.partition("=")[2] for part in label.split("/"))


def partition_sql(relation: Relation) -> str:
    """A row's partition, as the output's paths name it, in any SQL."""
    return " || '/' || ".join(f"'{name}=' || {name}" for name in relation.partition_columns) or "''"


def checksum_query(relation: Relation, rows: str) -> str:
    """DuckDB's SQL that gives partition, row count and checksum of each partition of `rows`, a table or a subquery."""
    return (
        "SELECT partition, count(*) AS row_count, CAST(sum(value) AS VARCHAR) AS checksum FROM "
        f"(SELECT {partition_sql(relation)} AS partition, hash({', '.join(map(_hashed, relation.columns))}) AS value "
        f"FROM {rows} AS sent) AS checked GROUP BY partition"
    )


def _hashed(column: Column) -> str:
    """What is hashed of a column: a list as its number of items and their texts, as an empty list and none have one
    hash."""
    name = f'"{column.name}"'
    return f"len({name}) || ':' || array_to_string({name}, chr(29))" if column.type == TEXTS else name


def _column(field: pa.Field) -> Column:
    description = field.metadata[b"description"].decode()
    unit = field.metadata.get(b"unit")
    type_ = TEXTS if pa.types.is_list(field.type) else plain(field.type)
    return Column(field.name, type_, field.nullable, f"{description} ({unit.decode()})" if unit else description)


def _columns(table: str) -> tuple[Column, ...]:
    keys = [Column(name, pa.string(), nullable=False, description=PARTITION_KEYS[name][1]) for name in PARTITION]
    fields = [
        field
        for field in TABLES[table].schema
        if not (pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type))
    ]
    return (*(keys if TABLES[table].partitioned else ()), *map(_column, fields))


def _relation(table: str, *indexes: tuple[str, ...], key: tuple[str, ...] = (), partitioned_by: str = "") -> Relation:
    partition = PARTITION if TABLES[table].partitioned else tuple(partitioned_by.split())
    return Relation(
        table, table, TABLES[table].meaning, _columns(table), key or TABLES[table].replace_keys,
        (PARTITION, *indexes) if TABLES[table].partitioned else indexes, partition,
    )  # fmt: skip


def _records(
    name: str, source: str, listed_in: str, fields: pa.StructType, meaning: str, ids: dict[str, str],
    renamed: dict[str, tuple[str, str]],
) -> Relation:  # fmt: skip
    """The records in a list column as rows of their own, with the `ids` of their rows."""
    of_source = {column.name: column for column in _columns(source)}
    inner = tuple(_column(field) for field in fields)
    named = []
    for column in inner:
        new, text = renamed.get(column.name, (column.name, column.description))
        named.append(column._replace(name=new, description=text))
    keys = (*PARTITION, *ids)
    listed = ", ".join(keys)
    values = ", ".join(
        f'{listed_in}[number]."{column.name}" AS {new.name}' for column, new in zip(inner, named, strict=True)
    )
    return Relation(
        name, source, meaning,
        (
            *(of_source[key] for key in PARTITION),
            *(of_source[key]._replace(description=text) for key, text in ids.items()),
            Column("position", pa.int32(), nullable=False, description="position in the list, from 0"),
            *named,
        ),
        key=(next(iter(ids)), "position"), indexes=(PARTITION, ("article_id",)), partition_columns=PARTITION,
        query=f"SELECT {listed}, CAST(number - 1 AS INTEGER) AS position, {values} FROM (SELECT {listed}, {listed_in}, "
        f"unnest(range(1, len({listed_in}) + 1)) AS number FROM {{source}} WHERE len({listed_in}) > 0)",
        listed_in=listed_in, fields=inner,
    )  # fmt: skip


_LINKS: Final = _records(
    "links",
    "paragraphs",
    "links",
    LINK,
    "Hyperlinks of paragraphs: one row per link, in the order of their texts.",
    {"paragraph_id": "the paragraph that holds this link", "article_id": "the article that holds this link"},
    {
        "start": ("text_start", "start of the link's text in `paragraphs.text` (code points)"),
        "end": ("text_end", "just past the link's text in `paragraphs.text` (code points)"),
    },
)
_CONTRIBUTORS: Final = _records(
    "contributors", "articles", "contributors", CONTRIBUTOR,
    "People who made an article: one row for each and what they did, writers first.",
    {"article_id": "the article that names them"}, {},
)  # fmt: skip

RELATIONS: Final = (
    _relation("articles", ("published_at",), ("canonical_url",)),
    _CONTRIBUTORS,
    _relation("paragraphs", ("article_id", "ordinal"), key=("paragraph_id",)),
    _LINKS,
    _relation("media", ("article_id",), key=("media_id",)),
    _relation("revisions", ("article_id",)),
    _relation("rejects"),
    _relation("runs", partitioned_by="run_id"),
)

_LOADS: Final = (
    ("load_id", pa.string(), "the load"),
    ("loaded_at", TIMESTAMP, "start of the load"),
    ("table_name", pa.string(), "table that was loaded"),
    ("partition", pa.string(), "partition of it, `outlet=…/month=…`"),
    ("source_digest", pa.string(), "XXH3-128 of the partition's files in the output; null where the partition is gone"),
    ("row_count", pa.int64(), "rows of the partition, equal at both ends"),
    ("checksum", pa.string(), "sum of the hashes of the partition's rows, equal at both ends"),
    ("checksum_method", pa.string(), "how a row is hashed"),
    ("contract_version", pa.string(), "version of the data contract"),
)
LOADS: Final = Relation(
    "_pressmark_loads",
    "",
    "What pressmark loaded: one row per load and partition, written in the transaction that loaded it.",
    tuple(Column(name, type_, name == "source_digest", description) for name, type_, description in _LOADS),
    key=("load_id", "table_name", "partition"),
    indexes=(("table_name", "partition"),),
)
