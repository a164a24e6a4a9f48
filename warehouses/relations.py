"""The tables of a destination: the output's tables in relational form, the same for every destination.

Columns, nullability and descriptions come from `schemas/`. Lists of links become rows of a table of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import TIMESTAMP
from pressmark.schemas.paragraphs import LINK

__all__ = ["LOADS", "RELATIONS", "Column", "Relation"]


class Column(NamedTuple):
    """A column of a relation. `type` is one of the scalar Arrow types of the contract; dictionaries are strings."""

    name: str
    type: pa.DataType
    nullable: bool
    description: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of a destination: which of the output's tables it is made of, its key and the columns to index.

    Rows are replaced partition by partition; `partition_columns` tell a row's. `select` reads the relation's rows from
    `{source}`, which holds rows of the output's table, in DuckDB's SQL.
    """

    name: str
    source: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    partition_columns: tuple[str, ...]
    select: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _columns(table: str, *, leave_out: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(_column(field) for field in TABLES[table].schema if field.name not in leave_out)


def _column(field: pa.Field) -> Column:
    description = field.metadata[b"description"].decode()
    unit = field.metadata.get(b"unit")
    type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return Column(field.name, type_, field.nullable, f"{description} ({unit.decode()})" if unit else description)


def _plain(
    table: str,
    description: str,
    *,
    indexes: tuple[tuple[str, ...], ...] = (),
    key: tuple[str, ...] = (),
    partition_columns: tuple[str, ...] = (),
    leave_out: tuple[str, ...] = (),
) -> Relation:
    columns = _columns(table, leave_out=leave_out)
    names = ", ".join(column.name for column in columns)
    return Relation(
        table,
        table,
        description,
        columns,
        key or TABLES[table].replace_keys,
        indexes,
        partition_columns,
        f"SELECT {names} FROM {{source}}",  # names come from the schema
    )


PARTITION: Final = ("outlet", "month")

_PARAGRAPH = {column.name: column for column in _columns("paragraphs", leave_out=("links",))}
_HREF, _START, _END = (_column(field) for field in LINK)

_LINKS: Final = Relation(
    "links",
    "paragraphs",
    "Hyperlinks of paragraphs: one row per link, in the order of their texts.",
    (
        _PARAGRAPH["outlet"],
        _PARAGRAPH["month"],
        _PARAGRAPH["paragraph_id"]._replace(description="the paragraph this link stands in"),
        _PARAGRAPH["article_id"]._replace(description="the article this link stands in"),
        Column("position", pa.int32(), nullable=False, description="position of the link in its paragraph, from 0"),
        _HREF,
        _START._replace(name="text_start", description="start of the link's text in `paragraphs.text` (code points)"),
        _END._replace(name="text_end", description="just past the link's text in `paragraphs.text` (code points)"),
    ),
    key=("paragraph_id", "position"),
    indexes=(PARTITION, ("article_id",)),
    partition_columns=PARTITION,
    select="SELECT outlet, month, paragraph_id, article_id, CAST(number - 1 AS INTEGER) AS position, "
    'links[number].href AS href, links[number]."start" AS text_start, links[number]."end" AS text_end '
    "FROM (SELECT outlet, month, paragraph_id, article_id, links, unnest(range(1, len(links) + 1)) AS number "
    "FROM {source} WHERE len(links) > 0)",
)

RELATIONS: Final = (
    _plain(
        "articles",
        "Current revisions of articles: one row per article.",
        indexes=(PARTITION, ("published_at",), ("canonical_url",)),
        partition_columns=PARTITION,
    ),
    _plain(
        "paragraphs",
        "Blocks of articles with role, text and exact offsets: one row per block.",
        key=("paragraph_id",),
        indexes=(PARTITION, ("article_id", "ordinal")),
        partition_columns=PARTITION,
        leave_out=("links",),
    ),
    _LINKS,
    _plain(
        "revisions",
        "Superseded revisions and tombstones of deleted sources.",
        indexes=(PARTITION, ("article_id",)),
        partition_columns=PARTITION,
    ),
    _plain("rejects", "Sources that are no article, with the reason and their bytes."),
    _plain("runs", "One row per run that wrote the output.", partition_columns=("run_id",)),
)

LOADS: Final = Relation(
    "_pressmark_loads",
    "",
    "What pressmark loaded: one row per load and partition, written in the transaction that loaded it.",
    (
        Column("load_id", pa.string(), nullable=False, description="the load"),
        Column("loaded_at", TIMESTAMP, nullable=False, description="start of the load"),
        Column("table_name", pa.string(), nullable=False, description="table that was loaded"),
        Column("partition", pa.string(), nullable=False, description="partition of it, as in the output's paths"),
        Column("source_digest", pa.string(), nullable=True,
               description="XXH3-128 of the partition's file in the output; null where the partition is gone"),
        Column("row_count", pa.int64(), nullable=False, description="rows of the partition, equal at both ends"),
        Column("checksum", pa.string(), nullable=False,
               description="sum of the hashes of the partition's rows, equal at both ends"),
        Column("checksum_method", pa.string(), nullable=False, description="how a row is hashed"),
        Column("contract_version", pa.string(), nullable=False, description="version of the data contract"),
    ),
    key=("load_id", "table_name", "partition"),
    indexes=(("table_name", "partition"),),
    partition_columns=(),
    select="",
)  # fmt: skip
