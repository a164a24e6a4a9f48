"""The contract's closed sets, versions and the form in which tables are declared: every name that more than one table
uses."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

import pyarrow as pa

__all__ = [
    "ARCHIVE", "CHANGES", "CONTENT_ROLES", "CONTRACT_VERSION", "CONTRIBUTIONS", "DIALECTS", "DICTIONARY",
    "DISAGREEMENTS", "FLAGS", "MEDIA_KINDS", "PARTITION_KEYS", "PERIODS", "PUBLISHED_FROM", "REASONS", "ROLES",
    "RUN_ID", "TIMESTAMP", "UNKNOWN_MONTH", "UNKNOWN_PERIODS", "Change", "Contribution", "Dialect",
    "DisagreementKind", "Flag", "Markup", "MediaKind", "Period", "PublishedFrom", "Reason", "Role", "Table",
    "column", "plain", "table_schema",
]  # fmt: skip

CONTRACT_VERSION: Final = "3"

Dialect = Literal["comment", "bare", "front_matter", "json_comment", "page", "record"]
Markup = Literal["html", "markdown"]
MediaKind = Literal["image", "video", "audio", "embed"]
Flag = Literal[
    "date_conflict", "mostly_skipped", "mojibake", "title_only", "no_content", "hidden_text", "markup_in_text"
]
Role = Literal[
    "body", "lede", "heading", "quote", "list_item", "caption", "byline", "dateline", "note", "related", "boilerplate",
    "table",
]  # fmt: skip
Contribution = Literal[
    "text", "photo", "video", "graphics", "translation", "edit", "interview", "production", "contribution"
]
Reason = Literal[
    "empty_file", "invalid_utf8", "no_header", "bad_timestamp", "no_text", "too_large", "too_complex",
    "unreadable", "parser_error", "forgotten",
]  # fmt: skip
PublishedFrom = Literal["header", "front_matter", "dateline", "url", "none"]
Change = Literal["text", "markup", "copy"]
DisagreementKind = Literal["source", "block", "text", "span", "count", "medium", "date"]

DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)
MARKUPS: Final[tuple[Markup, ...]] = get_args(Markup)
MEDIA_KINDS: Final[tuple[MediaKind, ...]] = get_args(MediaKind)
FLAGS: Final[tuple[Flag, ...]] = get_args(Flag)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
CONTENT_ROLES: Final[frozenset[Role]] = frozenset({"body", "lede", "heading", "quote", "list_item", "table"})
CONTRIBUTIONS: Final[tuple[Contribution, ...]] = get_args(Contribution)
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
PUBLISHED_FROM: Final[tuple[PublishedFrom, ...]] = get_args(PublishedFrom)
CHANGES: Final[tuple[Change, ...]] = get_args(Change)
DISAGREEMENTS: Final[tuple[DisagreementKind, ...]] = get_args(DisagreementKind)

Period = Literal["month", "day", "year"]
PERIODS: Final[tuple[Period, ...]] = get_args(Period)
# The value of a partition key for articles without a time: of the key's own type, as readers want it.
UNKNOWN_MONTH: Final = "unknown"
UNKNOWN_PERIODS: Final[dict[Period, str]] = {"month": UNKNOWN_MONTH, "day": "0001-01-01", "year": "0"}
# Keys that the path of a file names and its columns do not: type and meaning.
PARTITION_KEYS: Final[dict[str, tuple[str, str]]] = {
    "outlet": ("string", "ASCII slug of the outlet, at most 64 characters"),
    "month": ("string", "UTC month of `published_at` as YYYY-MM, `unknown` where there is none"),
    "day": ("date", "in place of `month` with `--partition day`: UTC day, `0001-01-01` where there is none"),
    "year": ("number", "in place of `month` with `--partition year`: UTC year, `0` where there is none"),
}
TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
DICTIONARY: Final = pa.dictionary(pa.int32(), pa.string())


class Table(NamedTuple):
    """A table of the output. Rows whose `replace_keys` are equal replace each other. `partitioned` tables live in
    `outlet=…/month=…` folders, whose names alone hold both. `run_columns` keep their value where nothing else in the
    row changed."""

    name: str
    meaning: str
    schema: pa.Schema
    sort_keys: tuple[str, ...]
    replace_keys: tuple[str, ...]
    closed_sets: dict[str, tuple[str, ...]]
    partitioned: bool = False
    run_columns: tuple[str, ...] = ()


def column(
    name: str, type_: pa.DataType, description: str, *, unit: str | None = None, nullable: bool = False
) -> pa.Field:
    """A column with its meaning, and its unit where it has one, in the field's metadata."""
    metadata = {"description": description}
    if unit is not None:
        metadata["unit"] = unit
    return pa.field(name, type_, nullable=nullable, metadata=metadata)


def plain(type_: pa.DataType) -> pa.DataType:
    """The type of a column with dictionaries as text, so that rows of all files go together."""
    if pa.types.is_list(type_) and pa.types.is_dictionary(type_.value_type):
        return pa.list_(pa.string())
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def table_schema(columns: list[pa.Field]) -> pa.Schema:
    """Schema with the contract's version in its metadata."""
    return pa.schema(columns, metadata={"pressmark.contract_version": CONTRACT_VERSION})


ARCHIVE: Final = column("archive", pa.string(), "name of the archive: `--archive`, else the input's base name")
RUN_ID: Final = column("run_id", pa.string(), "run that wrote this row")
