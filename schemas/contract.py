"""The contract's closed sets, versions and the form in which tables are declared.

Owns every name that more than one table uses. Imports nothing of ours.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

import pyarrow as pa

__all__ = [
    "CHANGES", "CONTENT_ROLES", "CONTRACT_VERSION", "DIALECTS", "DICTIONARY", "PUBLISHED_FROM", "REASONS",
    "ROLES", "TIMESTAMP", "UNKNOWN_MONTH", "Change", "Dialect", "PublishedFrom", "Reason", "Role", "Table", "column",
]  # fmt: skip

CONTRACT_VERSION: Final = "2"

Dialect = Literal["comment", "bare", "front_matter"]
Role = Literal[
    "body", "lede", "heading", "quote", "list_item", "caption", "byline", "dateline", "note", "related", "boilerplate"
]
Reason = Literal[
    "empty_file", "invalid_utf8", "no_header", "bad_timestamp", "no_text", "too_large", "too_complex",
    "unreadable", "parser_error",
]  # fmt: skip
PublishedFrom = Literal["header", "front_matter", "dateline", "url", "none"]
Change = Literal["text", "markup", "copy"]

DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
CONTENT_ROLES: Final[frozenset[Role]] = frozenset({"body", "lede", "heading", "quote", "list_item"})
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
PUBLISHED_FROM: Final[tuple[PublishedFrom, ...]] = get_args(PublishedFrom)
CHANGES: Final[tuple[Change, ...]] = get_args(Change)

UNKNOWN_MONTH: Final = "unknown"
Period = Literal["month", "day", "year"]
PERIODS: Final[tuple[Period, ...]] = get_args(Period)
TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
DICTIONARY: Final = pa.dictionary(pa.int32(), pa.string())


class Table(NamedTuple):
    """A table of the output: its schema, the order of its rows, and the closed sets of its columns.

    Rows whose `replace_keys` are equal replace each other. `size_columns` tell the size of a row in bytes: one column
    with it, or a start and an end; `text_columns` that of its text, where it is much less. `partitioned` tables live in
    `outlet=…/month=…` folders and carry both as columns. `run_columns` keep their value where nothing else in the row
    changed.
    """

    name: str
    schema: pa.Schema
    sort_keys: tuple[str, ...]
    replace_keys: tuple[str, ...]
    size_columns: tuple[str, ...]
    partitioned: bool
    closed_sets: dict[str, tuple[str, ...]]
    run_columns: tuple[str, ...] = ()
    text_columns: tuple[str, ...] = ()


def column(
    name: str, type_: pa.DataType, description: str, *, unit: str | None = None, nullable: bool = False
) -> pa.Field:
    """A column with its meaning, and its unit where it has one, in the field's metadata."""
    metadata = {"description": description}
    if unit is not None:
        metadata["unit"] = unit
    return pa.field(name, type_, nullable=nullable, metadata=metadata)


def table_schema(columns: list[pa.Field]) -> pa.Schema:
    """Schema with the contract's version in its metadata."""
    return pa.schema(columns, metadata={"pressmark.contract_version": CONTRACT_VERSION})


OUTLET: Final = column("outlet", pa.string(), "ASCII slug of the outlet; the same as in the path")
MONTH: Final = column("month", pa.string(), "UTC month of `published_at` as YYYY-MM, `unknown` when there is none")
RUN_ID: Final = column("run_id", pa.string(), "run that wrote this row")
