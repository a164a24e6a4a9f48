"""The tables of a destination: the output's tables in relational form, and the checksums of their rows.

Columns, nullability and descriptions come from `schemas/`. Partition keys become columns; lists of links become rows of
a table of their own; other lists stay lists. A partition's checksum is the sum of the hashes of its rows, in any order:
64 bits of DuckDB's own `hash` where DuckDB reads both ends, else 56 bits of the MD5 of the values as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PARTITION_KEYS, TIMESTAMP
from pressmark.schemas.tables import LINK

__all__ = [
    "LOADS", "PARTITION", "RELATIONS", "TEXTS", "Checked", "Column", "Engine", "Method", "Relation", "checksum_query",
    "literal", "partition_of", "partition_sql",
]  # fmt: skip

Method = Literal["duckdb-hash", "md5"]
Engine = Literal["duckdb", "postgresql"]

PARTITION: Final = ("outlet", "month")
TEXTS: Final = pa.list_(pa.string())
# Between values, instead of one, and between the items of a list; none occurs in text of news.
SEPARATOR, ABSENT, BETWEEN_ITEMS = "chr(31)", "chr(30)", "chr(29)"
# What no SQL of both engines says: 56 bits of a text's MD5, microseconds since 1970, the number of items in a list.
WORDS: Final[Mapping[Engine, tuple[str, str, str]]] = {
    "duckdb": ("CAST(('0x' || md5({})[1:14]) AS BIGINT)", "epoch_us({})", "len({})"),
    "postgresql": (
        "('x' || substr(md5({}), 1, 14))::bit(56)::bigint", "(extract(epoch FROM {}) * 1000000)::bigint",
        "cardinality({})",
    ),
}  # fmt: skip


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
    """A table of a destination: which of the output's tables it is made of, its key and the columns to index.

    Rows are replaced partition by partition; `partition_columns` identify a row's. `query` reads the relation's rows
    from `{source}`, rows of the output's table, in DuckDB's SQL; without one they are the columns of these names.
    """

    name: str
    source: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    partition_columns: tuple[str, ...] = ()
    query: str | None = None

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
        """Rows as an Arrow table."""
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


def checksum_query(relation: Relation, rows: str, method: Method, engine: Engine) -> str:
    """SQL that gives partition, row count and checksum of each partition of `rows`, a table or a subquery."""
    if method == "duckdb-hash":
        # DuckDB gives one hash to an empty list and to none.
        values = (_text(column, engine) if column.type == TEXTS else f'"{column.name}"' for column in relation.columns)
        value = f"hash({', '.join(values)})"
    else:
        texts = ", ".join(_text(column, engine) for column in relation.columns)
        value = WORDS[engine][0].format(f"concat_ws({SEPARATOR}, {texts})")
    return (
        "SELECT partition, count(*) AS row_count, CAST(sum(value) AS VARCHAR) AS checksum FROM "
        f"(SELECT {partition_sql(relation)} AS partition, {value} AS value FROM {rows} AS sent) AS checked "
        "GROUP BY partition"
    )


def _text(column: Column, engine: Engine) -> str:
    _, microseconds, items = WORDS[engine]
    name = f'"{column.name}"'
    if pa.types.is_timestamp(column.type):
        name = microseconds.format(name)
    elif pa.types.is_date(column.type):
        name = f"({name} - DATE '1970-01-01')"
    elif pa.types.is_boolean(column.type):
        name = f"CAST({name} AS INTEGER)"
    elif pa.types.is_binary(column.type):
        name = f"md5({name})"
    elif pa.types.is_list(column.type):
        # With the number of items: no item and one empty item give the same text.
        name = f"({items.format(name)} || ':' || array_to_string({name}, {BETWEEN_ITEMS}))"
    text = name if column.type in (pa.string(), TEXTS) else f"CAST({name} AS VARCHAR)"
    return f"coalesce({text}, {ABSENT})" if column.nullable else text


def _column(field: pa.Field) -> Column:
    description = field.metadata[b"description"].decode()
    unit = field.metadata.get(b"unit")
    type_ = TEXTS if pa.types.is_list(field.type) else field.type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return Column(field.name, type_, field.nullable, f"{description} ({unit.decode()})" if unit else description)


def _columns(table: str) -> tuple[Column, ...]:
    """The columns of an output's table, but for lists of records; those of partitioned tables begin with the keys."""
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


_PARAGRAPHS: Final = _relation("paragraphs", ("article_id", "ordinal"), key=("paragraph_id",))
_OF_PARAGRAPH: Final = {column.name: column for column in _PARAGRAPHS.columns}
_HREF, _START, _END = (_column(field) for field in LINK)

_LINKS: Final = Relation(
    "links",
    "paragraphs",
    "Hyperlinks of paragraphs: one row per link, in the order of their texts.",
    (
        *(_OF_PARAGRAPH[name] for name in PARTITION),
        _OF_PARAGRAPH["paragraph_id"]._replace(description="the paragraph that holds this link"),
        _OF_PARAGRAPH["article_id"]._replace(description="the article that holds this link"),
        Column("position", pa.int32(), nullable=False, description="position of the link in its paragraph, from 0"),
        _HREF,
        _START._replace(name="text_start", description="start of the link's text in `paragraphs.text` (code points)"),
        _END._replace(name="text_end", description="just past the link's text in `paragraphs.text` (code points)"),
    ),
    key=("paragraph_id", "position"),
    indexes=(PARTITION, ("article_id",)),
    partition_columns=PARTITION,
    query="SELECT outlet, month, paragraph_id, article_id, CAST(number - 1 AS INTEGER) AS position, "
    'links[number].href AS href, links[number]."start" AS text_start, links[number]."end" AS text_end '
    "FROM (SELECT outlet, month, paragraph_id, article_id, links, unnest(range(1, len(links) + 1)) AS number "
    "FROM {source} WHERE len(links) > 0)",
)

RELATIONS: Final = (
    _relation("articles", ("published_at",), ("canonical_url",)),
    _PARAGRAPHS,
    _LINKS,
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
