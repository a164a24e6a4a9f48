"""The tables of a destination: the output's tables in relational form, the same for every destination.

Columns, nullability and descriptions come from `schemas/`. Partition keys become columns; lists of links become rows of
a table of their own; other lists stay lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import PARTITION_KEYS, TIMESTAMP
from pressmark.schemas.paragraphs import LINK

__all__ = ["LOADS", "PARTITION", "RELATIONS", "TEXTS", "Column", "Relation", "literal", "partition_of"]

PARTITION: Final = ("outlet", "month")
TEXTS: Final = pa.list_(pa.string())


class Column(NamedTuple):
    """A column of a relation. `type` is a scalar Arrow type of the contract, or `TEXTS`; dictionaries are strings."""

    name: str
    type: pa.DataType
    nullable: bool
    description: str


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

    def listed(self, row: str = "", *, key: bool = True) -> str:
        """The quoted names of the columns as an SQL list, those of `row` where it is given; without those of the key
        where `key` is false."""
        prefix = f"{row}." if row else ""
        return ", ".join(f'{prefix}"{name}"' for name in self.names if key or name not in self.key)

    def select(self, source: str) -> str:
        """SQL of DuckDB for the relation's rows in `source`."""
        return self.query.format(source=source) if self.query else f"SELECT {self.listed()} FROM {source}"


def literal(text: str) -> str:
    """Text as a literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def partition_of(label: str) -> tuple[str, ...]:
    """The values of the partition columns in a partition's name, `outlet=…/month=…` or `run_id=…`."""
    return tuple(part.partition("=")[2] for part in label.split("/"))


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


def _relation(
    table: str, description: str, *indexes: tuple[str, ...], key: tuple[str, ...] = (), partitioned_by: str = ""
) -> Relation:
    partition = PARTITION if TABLES[table].partitioned else tuple(partitioned_by.split())
    return Relation(
        table, table, description, _columns(table), key or TABLES[table].replace_keys,
        (PARTITION, *indexes) if TABLES[table].partitioned else indexes, partition,
    )  # fmt: skip


_PARAGRAPHS: Final = _relation(
    "paragraphs", "Blocks of articles with role, text and exact offsets: one row per block.",
    ("article_id", "ordinal"), key=("paragraph_id",),
)  # fmt: skip
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
    _relation("articles", "Current revisions of articles: one row per article.", ("published_at",), ("canonical_url",)),
    _PARAGRAPHS,
    _LINKS,
    _relation("revisions", "Superseded revisions and tombstones of deleted sources.", ("article_id",)),
    _relation("rejects", "Sources that are no article, with the reason and their bytes."),
    _relation("runs", "One row per run that wrote the output.", partitioned_by="run_id"),
)

LOADS: Final = Relation(
    "_pressmark_loads",
    "",
    "What pressmark loaded: one row per load and partition, written in the transaction that loaded it.",
    (
        Column("load_id", pa.string(), nullable=False, description="the load"),
        Column("loaded_at", TIMESTAMP, nullable=False, description="start of the load"),
        Column("table_name", pa.string(), nullable=False, description="table that was loaded"),
        Column("partition", pa.string(), nullable=False, description="partition of it, `outlet=…/month=…`"),
        Column("source_digest", pa.string(), nullable=True,
               description="XXH3-128 of the partition's files in the output; null where the partition is gone"),
        Column("row_count", pa.int64(), nullable=False, description="rows of the partition, equal at both ends"),
        Column("checksum", pa.string(), nullable=False,
               description="sum of the hashes of the partition's rows, equal at both ends"),
        Column("checksum_method", pa.string(), nullable=False, description="how a row is hashed"),
        Column("contract_version", pa.string(), nullable=False, description="version of the data contract"),
    ),
    key=("load_id", "table_name", "partition"),
    indexes=(("table_name", "partition"),),
)  # fmt: skip
