"""Statements that make, fill and renew pressmark's tables in warehouses that read Parquet files themselves.

Each warehouse copies the output's files into staging tables, which then replace what the tables hold, in one
transaction where it has such. Nothing here connects to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.warehouses.relations import RELATIONS, Column, Relation

__all__ = ["DIALECTS", "Dialect", "statements"]

Dialect = Literal["bigquery", "snowflake", "redshift", "clickhouse"]
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)

STAGING: Final = "pressmark_staging_"
PLACES: Final[Mapping[Dialect, str]] = {
    "bigquery": "gs://BUCKET/output", "snowflake": "@STAGE/output", "redshift": "s3://BUCKET/output",
    "clickhouse": "https://BUCKET.s3.amazonaws.com/output",
}  # fmt: skip
_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_ARROW: Final = (
    pa.string(), pa.binary(), pa.bool_(), pa.int32(), pa.int64(), pa.uint64(), pa.date32(), _TIMESTAMP,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Words:
    """How a dialect says what differs: types in the order of `_ARROW`, the type of a list of links, the quotation mark
    of names, the end of a CREATE TABLE, the copy of one table's files, the rows of links in staged paragraphs, and how
    a transaction begins and ends."""

    types: tuple[str, ...]
    links: str
    quote: str
    table_end: Callable[[Relation], str]
    copy: Callable[[str, str], str]
    unnest: str
    transaction: tuple[str, str]


def statements(dialect: Dialect, location: str | None = None) -> list[str]:
    """The statements in their order, without semicolons; a first load and each later one run the same."""
    words = _WORDS[dialect]
    place = (location or PLACES[dialect]).rstrip("/")
    made = [_create(relation, relation.name, dialect) for relation in RELATIONS]
    loaded = [statement for relation in RELATIONS for statement in _stage(relation, place, dialect)]
    renewed = [statement for relation in RELATIONS for statement in _renew(relation, dialect)]
    begin, commit = words.transaction
    cleared = [f"DROP TABLE {_name(STAGING + relation.name, words)}" for relation in RELATIONS]
    return [*made, *loaded, *([begin] if begin else []), *renewed, *([commit] if commit else []), *cleared]


def _create(relation: Relation, name: str, dialect: Dialect, *, staged: bool = False) -> str:
    words = _WORDS[dialect]
    columns = [_definition(column, words, dialect) for column in relation.columns]
    if staged and relation.name == "paragraphs":
        columns.append(f"{_name('links', words)} {words.links}")
    elif not staged and dialect in ("snowflake", "redshift"):
        columns.append(f"PRIMARY KEY ({_names(relation.key, words)})")
    end = words.table_end(relation)
    if dialect == "bigquery":
        end += f" OPTIONS (description = {_text(f'{relation.description} Contract {CONTRACT_VERSION}.', dialect)})"
    elif dialect in ("snowflake", "clickhouse"):
        sign = "COMMENT = " if dialect == "snowflake" else "COMMENT "
        end += f" {sign}{_text(f'{relation.description} Contract {CONTRACT_VERSION}.', dialect)}"
    body = ",\n  ".join(columns)
    return f"CREATE TABLE IF NOT EXISTS {_name(name, words)} (\n  {body}\n){end}"


def _definition(column: Column, words: _Words, dialect: Dialect) -> str:
    type_ = words.types[_ARROW.index(column.type)]
    comment = _text(column.description, dialect)
    if dialect == "clickhouse":
        return f"{_name(column.name, words)} {f'Nullable({type_})' if column.nullable else type_} COMMENT {comment}"
    definition = f"{_name(column.name, words)} {type_}{'' if column.nullable else ' NOT NULL'}"
    if dialect == "bigquery":
        return f"{definition} OPTIONS (description = {comment})"
    return f"{definition} COMMENT {comment}" if dialect == "snowflake" else definition


def _stage(relation: Relation, place: str, dialect: Dialect) -> Iterator[str]:
    """Make a staging table and copy the files; links come out of staged paragraphs."""
    words = _WORDS[dialect]
    staging = STAGING + relation.name
    yield f"DROP TABLE IF EXISTS {_name(staging, words)}"
    yield _create(relation, staging, dialect, staged=True)
    if relation.name == "links":
        target = f"{_name(staging, words)} ({_names(relation.names, words)})"
        yield f"INSERT INTO {target} {words.unnest.format(paragraphs=_name(STAGING + 'paragraphs', words))}"
    else:
        yield words.copy(_name(staging, words), f"{place}/{relation.name}")


def _renew(relation: Relation, dialect: Dialect) -> Iterator[str]:
    """Make the rows of a table those of its staging table."""
    words = _WORDS[dialect]
    kept, sent = _name(relation.name, words), _name(STAGING + relation.name, words)
    names = _names(relation.names, words)
    if dialect == "clickhouse":
        # It has no transactions, but tables can change places at once.
        if relation.name == "paragraphs":
            yield f"ALTER TABLE {sent} DROP COLUMN {_name('links', words)}"
        yield f"EXCHANGE TABLES {sent} AND {kept}"
        return
    if dialect == "redshift":
        yield f"DELETE FROM {kept} WHERE true"
        yield f"INSERT INTO {kept} ({names}) SELECT {names} FROM {sent}"
        return
    joined = " AND ".join(f"kept.{_name(name, words)} = sent.{_name(name, words)}" for name in relation.key)
    if dialect == "snowflake":
        yield f"DELETE FROM {kept} AS kept WHERE NOT EXISTS (SELECT 1 FROM {sent} AS sent WHERE {joined})"
    others = [name for name in relation.names if name not in relation.key]
    updated = ", ".join(f"{_name(name, words)} = sent.{_name(name, words)}" for name in others)
    values = ", ".join(f"sent.{_name(name, words)}" for name in relation.names)
    gone = " WHEN NOT MATCHED BY SOURCE THEN DELETE" if dialect == "bigquery" else ""
    yield (
        f"MERGE INTO {kept} AS kept USING {sent} AS sent ON {joined} WHEN MATCHED THEN UPDATE SET {updated} "
        f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values}){gone}"
    )


def _name(name: str, words: _Words) -> str:
    return f"{words.quote}{name}{words.quote}"


def _names(names: tuple[str, ...], words: _Words) -> str:
    return ", ".join(_name(name, words) for name in names)


def _text(text: str, dialect: Dialect) -> str:
    return "'" + text.replace("'", "\\'" if dialect in ("bigquery", "clickhouse") else "''") + "'"


def _nothing(_relation: Relation) -> str:
    return ""


def _cluster(relation: Relation) -> str:
    return " CLUSTER BY outlet, month" if relation.partition_columns == ("outlet", "month") else ""


def _merge_tree(relation: Relation) -> str:
    parts = " PARTITION BY (outlet, month)" if relation.partition_columns == ("outlet", "month") else ""
    return f" ENGINE = MergeTree{parts} ORDER BY ({', '.join(f'`{name}`' for name in relation.key)})"


_WORDS: Final[Mapping[Dialect, _Words]] = {
    "bigquery": _Words(
        ("STRING", "BYTES", "BOOL", "INT64", "INT64", "NUMERIC", "DATE", "TIMESTAMP"),
        "ARRAY<STRUCT<`href` STRING, `start` INT64, `end` INT64>>",
        "`",
        _cluster,
        lambda table, files: f"LOAD DATA INTO {table} FROM FILES (format = 'PARQUET', uris = ['{files}/*.parquet'])",
        "SELECT outlet, month, paragraph_id, article_id, position, link.href, link.`start`, link.`end` "
        "FROM {paragraphs} CROSS JOIN UNNEST(links) AS link WITH OFFSET AS position",
        ("BEGIN TRANSACTION", "COMMIT TRANSACTION"),
    ),
    "snowflake": _Words(
        ("VARCHAR", "BINARY", "BOOLEAN", "INTEGER", "BIGINT", "NUMBER(20, 0)", "DATE", "TIMESTAMP_TZ(6)"),
        "ARRAY",
        "",
        _nothing,
        lambda table, files: f"COPY INTO {table} FROM '{files}/' FILE_FORMAT = (TYPE = 'PARQUET') "
        "MATCH_BY_COLUMN_NAME = 'CASE_INSENSITIVE' PATTERN = '.*[.]parquet'",
        "SELECT outlet, month, paragraph_id, article_id, link.index, link.value:href::VARCHAR, "
        "link.value:start::INTEGER, link.value:\"end\"::INTEGER "
        "FROM {paragraphs}, LATERAL FLATTEN(input => links) AS link",
        ("BEGIN", "COMMIT"),
    ),
    "redshift": _Words(
        ("VARCHAR(65535)", "VARBYTE(16777216)", "BOOLEAN", "INTEGER", "BIGINT", "DECIMAL(20, 0)", "DATE",
         "TIMESTAMPTZ"),
        "SUPER",
        '"',
        _nothing,
        lambda table, files: f"COPY {table} FROM '{files}/' IAM_ROLE DEFAULT FORMAT AS PARQUET SERIALIZETOJSON",
        "SELECT p.outlet, p.month, p.paragraph_id, p.article_id, position, link.href::VARCHAR, link.start::INTEGER, "
        'link."end"::INTEGER FROM {paragraphs} AS p, p.links AS link AT position',
        ("BEGIN", "COMMIT"),
    ),
    "clickhouse": _Words(
        ("String", "String", "Bool", "Int32", "Int64", "UInt64", "Date32", "DateTime64(6, 'UTC')"),
        "Array(Tuple(href String, start Int32, end Int32))",
        "`",
        _merge_tree,
        lambda table, files: f"INSERT INTO {table} SELECT * FROM s3('{files}/**/*.parquet', 'Parquet')",
        "SELECT outlet, month, paragraph_id, article_id, number - 1, link.1, link.2, link.3 "
        "FROM {paragraphs} ARRAY JOIN links AS link, arrayEnumerate(links) AS number",
        ("", ""),
    ),
}  # fmt: skip
