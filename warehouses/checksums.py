"""How a partition's rows become one number that does not depend on their order, in the SQL of two engines.

A row's hash is 64 bits of DuckDB's own `hash`, where DuckDB reads both ends, else 56 bits of the MD5 of its values as
text; the checksum is the sum of the hashes, as decimal digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import pyarrow as pa

from pressmark.warehouses.relations import TEXTS, Column, Relation

__all__ = ["Checked", "Engine", "Method", "checksum_query", "partition_sql"]

Method = Literal["duckdb-hash", "md5"]
Engine = Literal["duckdb", "postgresql"]

# Between values, instead of one, and between the items of a list; none occurs in text of news.
SEPARATOR: Final = "chr(31)"
ABSENT: Final = "chr(30)"
BETWEEN_ITEMS: Final = "chr(29)"

MD5: Final[Mapping[Engine, str]] = {
    "duckdb": "CAST(('0x' || md5({text})[1:14]) AS BIGINT)",
    "postgresql": "('x' || substr(md5({text}), 1, 14))::bit(56)::bigint",
}
TIMESTAMP: Final[Mapping[Engine, str]] = {
    "duckdb": "epoch_us({name})",
    "postgresql": "(extract(epoch FROM {name}) * 1000000)::bigint",
}
DATE: Final[Mapping[Engine, str]] = {
    "duckdb": "date_diff('day', DATE '1970-01-01', {name})",
    "postgresql": "({name} - DATE '1970-01-01')",
}
ITEMS: Final[Mapping[Engine, str]] = {"duckdb": "len({name})", "postgresql": "cardinality({name})"}


class Checked(NamedTuple):
    """Rows and checksum of one partition, at one end."""

    rows: int
    checksum: str


def checksum_query(relation: Relation, rows: str, method: Method, engine: Engine) -> str:
    """SQL that gives partition, row count and checksum of each partition of `rows`, a table or a subquery."""
    if method == "duckdb-hash":
        # DuckDB gives one hash to an empty list and to none.
        values = (_text(column, engine) if column.type == TEXTS else f'"{column.name}"' for column in relation.columns)
        value = f"hash({', '.join(values)})"
    else:
        texts = ", ".join(_text(column, engine) for column in relation.columns)
        value = MD5[engine].format(text=f"concat_ws({SEPARATOR}, {texts})")
    label = partition_sql(relation)
    return (
        "SELECT partition, count(*) AS row_count, CAST(sum(value) AS VARCHAR) AS checksum "
        f"FROM (SELECT {label} AS partition, {value} AS value FROM {rows} AS sent) AS checked GROUP BY partition"
    )


def partition_sql(relation: Relation) -> str:
    """A row's partition, as the output's paths name it, in any SQL."""
    if not relation.partition_columns:
        return "''"
    return " || '/' || ".join(f"'{name}=' || {name}" for name in relation.partition_columns)


def _text(column: Column, engine: Engine) -> str:
    name = f'"{column.name}"'
    if pa.types.is_timestamp(column.type):
        name = TIMESTAMP[engine].format(name=name)
    elif pa.types.is_date(column.type):
        name = DATE[engine].format(name=name)
    elif pa.types.is_boolean(column.type):
        name = f"CAST({name} AS INTEGER)"
    elif pa.types.is_binary(column.type):
        name = f"md5({name})"
    elif pa.types.is_list(column.type):
        # With the number of items: no item and one empty item give the same text.
        name = f"({ITEMS[engine].format(name=name)} || ':' || array_to_string({name}, {BETWEEN_ITEMS}))"
    text = name if column.type in (pa.string(), TEXTS) else f"CAST({name} AS VARCHAR)"
    return f"coalesce({text}, {ABSENT})" if column.nullable else text
