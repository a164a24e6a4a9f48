"""Statements that make, fill and renew pressmark's tables in warehouses that read Parquet files themselves: into
staging tables, which then replace what the tables hold, in one transaction where there is such. `outlet` comes from a
file's path, `month` from `published_at`. Nothing here connects to anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, get_args

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.errors import SettingsError
from pressmark.warehouses.relations import PARTITION, RELATIONS, TEXTS, Column, Relation

__all__ = ["DIALECTS", "Dialect", "statements"]

Dialect = Literal["bigquery", "snowflake", "redshift", "clickhouse"]
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)

STAGING: Final = "pressmark_staging_"
FILES: Final = "pressmark_files"
PLACES: Final[Mapping[Dialect, str]] = {
    "bigquery": "gs://BUCKET/output", "snowflake": "@STAGE/output", "redshift": "s3://BUCKET/output",
    "clickhouse": "https://BUCKET.s3.amazonaws.com/output",
}  # fmt: skip
ARROW: Final = (
    pa.string(), pa.binary(), pa.bool_(), pa.int32(), pa.int64(), pa.uint64(), pa.date32(),
    pa.timestamp("us", tz="UTC"), TEXTS,
)  # fmt: skip


class _Words(NamedTuple):
    """How a dialect says what differs. `types` are in the order of `ARROW`; `quote` is the mark around names, `comment`
    what describes a table, then a column; `table_end` follows a relation's columns. `opened` makes a table's files
    readable, `closed` ends that; `files` is what their rows are selected from; `outlet` and `month` are the keys of a
    row of files, `field` one of its columns. `records` selects the records of a list, `{source}`, with the ids (`id`)
    of its row; `record` is one of their fields. Without a `transaction`, tables change places."""

    types: tuple[str, ...]
    quote: str
    comment: tuple[str, str]
    table_end: Callable[[Relation], str]
    opened: Callable[[Relation, str], list[str]]
    closed: str
    files: str
    outlet: str
    month: str
    field: Callable[[Column], str]
    id: str
    records: str
    record: Callable[[int, Column], str]
    transaction: tuple[str, str] | None

    def name(self, name: str) -> str:
        return f"{self.quote}{name}{self.quote}"

    def names(self, names: tuple[str, ...]) -> str:
        return ", ".join(map(self.name, names))

    def described(self, text: str, *, table: bool) -> str:
        # Dialects with backquotes, BigQuery and ClickHouse, escape by a backslash.
        escaped = text.replace("'", "\\'" if self.quote == "`" else "''")
        return self.comment[0 if table else 1].format(f"'{escaped}'")


def statements(dialect: Dialect, location: str | None = None) -> list[str]:
    """The statements in their order, without semicolons; a first load and each later one run the same. Raises
    `SettingsError` for a location that would end the text that it stands in."""
    if location is not None and not (location.isprintable() and {*"'\\"}.isdisjoint(location)):
        raise SettingsError("this can't stand in a statement", location, "name a place without `'` and backslashes")
    words = _WORDS[dialect]
    place = (location or PLACES[dialect]).rstrip("/")
    sources = [relation for relation in RELATIONS if relation.name == relation.source]
    renewed = [statement for relation in RELATIONS for statement in _renew(relation, words)]
    if words.transaction is not None:
        renewed = [words.transaction[0], *renewed, words.transaction[1]]
    return [
        *(_create(relation, relation.name, words) for relation in RELATIONS),
        *(statement for relation in sources for statement in words.opened(relation, f"{place}/{relation.name}")),
        *(statement for relation in RELATIONS for statement in _stage(relation, place, words)),
        *renewed,
        *(f"DROP TABLE {words.name(STAGING + relation.name)}" for relation in RELATIONS),
        *(words.closed.format(relation.name) for relation in sources if words.closed),
    ]


def _create(relation: Relation, name: str, words: _Words) -> str:
    columns = []
    for column in relation.columns:
        type_ = words.types[ARROW.index(column.type)]
        if words is _WORDS["clickhouse"]:
            definition = f"Nullable({type_})" if column.nullable else type_
        else:
            # BigQuery's arrays are never null and may not say so.
            free = column.nullable or type_.startswith("ARRAY<")
            definition = type_ if free else f"{type_} NOT NULL"
        columns.append(f"{words.name(column.name)} {definition}{words.described(column.description, table=False)}")
    if name == relation.name and words in (_WORDS["snowflake"], _WORDS["redshift"]):
        columns.append(f"PRIMARY KEY ({words.names(relation.key)})")
    end = words.described(f"{relation.description} Contract {CONTRACT_VERSION}.", table=True)
    body = ",\n  ".join(columns)
    return f"CREATE TABLE IF NOT EXISTS {words.name(name)} (\n  {body}\n){words.table_end(relation)}{end}"


def _stage(relation: Relation, place: str, words: _Words) -> Iterator[str]:
    staging = words.name(STAGING + relation.name)
    files = words.files.format(table=relation.source, place=f"{place}/{relation.source}")
    keys = {"outlet": words.outlet, "month": words.month} if relation.partition_columns == PARTITION else {}
    if relation.listed_in:
        ids = [column.name for column in relation.columns if column.name.endswith("_id")]
        fields = [words.record(number, column) for number, column in enumerate(relation.fields, 1)]
        rows = words.records.format(
            files=files, **keys, ids=", ".join(map(words.id.format, ids)), plain=", ".join(ids),
            source=relation.listed_in, fields=", ".join(fields),
        )  # fmt: skip
    else:
        fields = [keys.get(column.name) or words.field(column) for column in relation.columns]
        rows = f"SELECT {', '.join(fields)} FROM {files}"
    yield f"DROP TABLE IF EXISTS {staging}"
    yield _create(relation, STAGING + relation.name, words)
    yield f"INSERT INTO {staging} ({words.names(relation.names)}) {rows}"


def _renew(relation: Relation, words: _Words) -> Iterator[str]:
    kept, sent = words.name(relation.name), words.name(STAGING + relation.name)
    names = words.names(relation.names)
    if words.transaction is None:
        yield f"EXCHANGE TABLES {sent} AND {kept}"
    else:
        yield f"DELETE FROM {kept} WHERE true"
        yield f"INSERT INTO {kept} ({names}) SELECT {names} FROM {sent}"


def _open_redshift(relation: Relation, place: str) -> list[str]:
    types = dict(zip(ARROW, (
        "VARCHAR(65535)", "VARBYTE", "BOOLEAN", "INTEGER", "BIGINT", "DECIMAL(20, 0)", "DATE", "TIMESTAMP",
        "ARRAY<VARCHAR(65535)>",
    ), strict=True))  # fmt: skip
    columns = [f'"{c.name}" {types[c.type]}' for c in relation.columns if c.name not in PARTITION]
    for other in RELATIONS:
        if other.listed_in and other.source == relation.name:
            fields = ", ".join(f'"{field.name}": {types[field.type]}' for field in other.fields)
            columns.append(f'"{other.listed_in}" ARRAY<STRUCT<{fields}>>')
    return [
        *([
            f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {FILES} FROM DATA CATALOG DATABASE '{FILES}' IAM_ROLE DEFAULT "
            "CREATE EXTERNAL DATABASE IF NOT EXISTS",
            "SET json_serialization_enable TO true",
        ] if relation.name == RELATIONS[0].name else []),
        f"DROP TABLE IF EXISTS {FILES}.{relation.name}",
        f"CREATE EXTERNAL TABLE {FILES}.{relation.name} ({', '.join(columns)}) STORED AS PARQUET LOCATION '{place}/'",
    ]  # fmt: skip


def _merge_tree(relation: Relation) -> str:
    parts = " PARTITION BY (outlet, month)" if relation.partition_columns == PARTITION else ""
    return f" ENGINE = MergeTree{parts} ORDER BY ({', '.join(f'`{name}`' for name in relation.key)})"


_WORDS: Final[Mapping[Dialect, _Words]] = {
    "bigquery": _Words(
        ("STRING", "BYTES", "BOOL", "INT64", "INT64", "NUMERIC", "DATE", "TIMESTAMP", "ARRAY<STRING>"),
        "`",
        (" OPTIONS (description = {})", " OPTIONS (description = {})"),
        lambda relation: " CLUSTER BY outlet, month" if relation.partition_columns == PARTITION else "",
        lambda relation, place: [
            f"CREATE OR REPLACE EXTERNAL TABLE `{FILES}_{relation.name}` OPTIONS (format = 'PARQUET', "
            f"enable_list_inference = true, uris = ['{place}/*.parquet'])"
        ],
        f"DROP EXTERNAL TABLE `{FILES}_{{}}`",
        f"`{FILES}_{{table}}`",
        "REGEXP_EXTRACT(_FILE_NAME, '/outlet=([^/]+)/')",
        "COALESCE(FORMAT_TIMESTAMP('%Y-%m', published_at), 'unknown')",
        lambda column: f"CAST(`{column.name}` AS NUMERIC)" if column.type == pa.uint64() else f"`{column.name}`",
        "{}",
        "SELECT {outlet}, {month}, {ids}, position, {fields} "
        "FROM {files} CROSS JOIN UNNEST({source}) AS item WITH OFFSET AS position",
        lambda _number, column: f"item.`{column.name}`",
        ("BEGIN TRANSACTION", "COMMIT TRANSACTION"),
    ),
    "snowflake": _Words(
        ("VARCHAR", "BINARY", "BOOLEAN", "INTEGER", "BIGINT", "NUMBER(20, 0)", "DATE", "TIMESTAMP_TZ(6)", "ARRAY"),
        "",
        (" COMMENT = {}", " COMMENT {}"),
        lambda _relation: "",
        # A stage is readable as it is, given the format of its files.
        lambda relation, _place: [
            f"CREATE OR REPLACE FILE FORMAT {FILES} TYPE = 'PARQUET' USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE"
        ] if relation.name == RELATIONS[0].name else [],
        "",
        f"'{{place}}/' (FILE_FORMAT => '{FILES}', PATTERN => '.*[.]parquet')",
        "REGEXP_SUBSTR(METADATA$FILENAME, 'outlet=([^/]+)/', 1, 1, 'e')",
        "COALESCE(TO_CHAR($1:published_at::TIMESTAMP_NTZ, 'YYYY-MM'), 'unknown')",
        lambda column: f"$1:{column.name}::{_WORDS['snowflake'].types[ARROW.index(column.type)]}",
        "$1:{}::VARCHAR",
        "SELECT {outlet}, {month}, {ids}, item.index, {fields} "
        "FROM {files}, LATERAL FLATTEN(input => $1:{source}) AS item",
        lambda _number, column: f"item.value:\"{column.name}\"::{_WORDS['snowflake'].types[ARROW.index(column.type)]}",
        ("BEGIN", "COMMIT"),
    ),
    "redshift": _Words(
        ("VARCHAR(65535)", "VARBYTE(16777216)", "BOOLEAN", "INTEGER", "BIGINT", "DECIMAL(20, 0)", "DATE",
         "TIMESTAMPTZ", "SUPER"),
        '"',
        ("", ""),
        lambda _relation: "",
        _open_redshift,
        f"DROP TABLE {FILES}.{{}}",
        f"{FILES}.{{table}}",
        "REGEXP_SUBSTR(\"$path\", '/outlet=([^/]+)/', 1, 1, 'e')",
        "COALESCE(TO_CHAR(published_at, 'YYYY-MM'), 'unknown')",
        # Lists of files arrive as JSON; times of files are in UTC and do not say so.
        lambda column: f'JSON_PARSE("{column.name}")' if column.type == TEXTS
        else f"\"{column.name}\" AT TIME ZONE 'UTC'" if pa.types.is_timestamp(column.type) else f'"{column.name}"',
        "p.{}",
        "SELECT p.outlet, p.month, {ids}, position, {fields} FROM (SELECT {outlet} AS outlet, {month} AS month, "
        "{plain}, JSON_PARSE({source}) AS items FROM {files}) AS p, p.items AS item AT position",
        lambda _number, column: f'item."{column.name}"::{"INTEGER" if column.type == pa.int32() else "VARCHAR"}',
        ("BEGIN", "COMMIT"),
    ),
    "clickhouse": _Words(
        ("String", "String", "Bool", "Int32", "Int64", "UInt64", "Date32", "DateTime64(6, 'UTC')", "Array(String)"),
        "`",
        (" COMMENT {}", " COMMENT {}"),
        _merge_tree,
        lambda _relation, _place: [],
        "",
        "s3('{place}/**/*.parquet', 'Parquet')",
        "extract(_path, '/outlet=([^/]+)/')",
        "ifNull(formatDateTime(published_at, '%Y-%m', 'UTC'), 'unknown')",
        lambda column: f"`{column.name}`",
        "{}",
        "SELECT {outlet}, {month}, {ids}, number - 1, {fields} "
        "FROM {files} ARRAY JOIN {source} AS item, arrayEnumerate({source}) AS number",
        lambda number, _column: f"item.{number}",
        None,
    ),
}  # fmt: skip
