"""How a partition's rows become one number that does not depend on their order, in the SQL of two engines.

A row's hash is 64 bits of DuckDB's own `hash`, where DuckDB reads both ends, else 56 bits of the MD5 of its values as
text; the checksum is the sum of the hashes, as decimal digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import pyarrow as pa

from pressmark.warehouses.relations import Column, Relation

__all__ = ["Checked", "Method", "checksum_query", "partition_sql"]

Method = Literal["duckdb-hash", "md5"]
Engine = Literal["duckdb", "postgresql"]

# Between and instead of values; neither occurs in text of news.
SEPARATOR: Final = "chr(31)"
ABSENT: Final = "chr(30)"

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


class Checked(NamedTuple):
    """Rows and checksum of one partition, at one end."""

    rows: int
    checksum: str


def checksum_query(relation: Relation, rows: str, method: Method, engine: Engine) -> str:
    """SQL that gives partition, row count and checksum of each partition of `rows`, a table or a subquery."""
    if method == "duckdb-hash":
        value = f"hash({', '.join(_quoted(name) for name in relation.names)})"
    else:
        texts = ", ".join(_text(column, engine) for column in relation.columns)
        value = MD5[engine].format(text=f"concat_ws({SEPARATOR}, {texts})")
    label = partition_sql(relation)
    return (
        "SELECT partition, count(*) AS row_count, CAST(sum(value) AS VARCHAR) AS checksum "
        f"FROM (SELECT {label} AS partition, {value} AS value FROM {rows} AS sent) AS checked GROUP BY partition"
    )


def partition_sql(relation: Relation) -> str:
    """A row's partition, as it stands in the output's paths, in any SQL."""
    if not relation.partition_columns:
        return "''"
    return " || '/' || ".join(f"'{name}=' || {_quoted(name)}" for name in relation.partition_columns)


def _text(column: Column, engine: Engine) -> str:
    name = _quoted(column.name)
    if pa.types.is_timestamp(column.type):
        name = TIMESTAMP[engine].format(name=name)
    elif pa.types.is_date(column.type):
        name = DATE[engine].format(name=name)
    elif pa.types.is_boolean(column.type):
        name = f"CAST({name} AS INTEGER)"
    elif pa.types.is_binary(column.type):
        name = f"md5({name})"
    text = name if pa.types.is_string(column.type) else f"CAST({name} AS VARCHAR)"
    return f"coalesce({text}, {ABSENT})" if column.nullable else text


def _quoted(name: str) -> str:
    return f'"{name}"'
