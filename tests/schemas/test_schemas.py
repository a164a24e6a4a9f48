"""The columns are the contract's, with its types and nullability, and each says what it means."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pressmark.schemas import OF_ARTICLES, TABLES
from pressmark.schemas.contract import CONTENT_ROLES, CONTRACT_VERSION, PARTITION_KEYS, PERIODS, UNKNOWN_PERIODS
from pressmark.schemas.tables import LINK as LINKS

S, I32, I64, B, D = pa.string(), pa.int32(), pa.int64(), pa.bool_(), pa.date32()
T = pa.timestamp("us", tz="UTC")
DICT = pa.dictionary(pa.int32(), pa.string())
TEXTS = pa.list_(pa.field("element", S, False))
PEOPLE = pa.list_(pa.field("element", pa.struct([pa.field("name", S, False), pa.field("role", S, False)]), False))
LINK = pa.struct([pa.field("href", S, False), pa.field("start", I32, False), pa.field("end", I32, False)])

CONTRACT = {
    "articles": {
        "article_id": S, "archive": S, "source_path": S, "source_sha256": S, "source_bytes": I64,
        "dialect": DICT, "markup": DICT, "encoding": DICT, "host?": S, "url?": S, "canonical_url?": S, "title": S,
        "author?": S, "contributors?": PEOPLE, "description?": S, "tags": TEXTS, "categories": TEXTS, "metadata?": S,
        "removed_at?": T,
        "removed_reason?": S, "flags": pa.list_(pa.field("element", DICT, False)), "published_at?": T,
        "published_from": DICT, "dateline_at?": T, "url_date?": D, "date_conflict": B, "local_date?": D,
        "language": DICT, "text": S, "text_sha256": S, "paragraph_count": I32, "content_count": I32,
        "header_bytes": I64, "paragraph_bytes": I64, "skipped_bytes": I64, "markup_bytes": I64, "valid_from?": T,
        "run_id": S, "ingested_at": T,
    },
    "paragraphs": {
        "paragraph_id": S, "article_id": S, "ordinal": I32, "role": DICT, "text": S,
        "char_start": I32, "char_end": I32, "byte_start": I64, "byte_end": I64, "source_sha256": S,
        "published_at?": T, "dateline_at?": T, "language": DICT, "text_hash": pa.uint64(),
        "links": pa.list_(pa.field("element", LINK, False)),
    },
    "media": {
        "media_id": S, "article_id": S, "ordinal": I32, "kind": DICT, "src": S, "alt?": S, "title?": S,
        "caption_ordinal?": I32, "byte_start": I64, "byte_end": I64, "source_sha256": S, "published_at?": T,
    },
    "revisions": {
        "revision_id": S, "article_id": S, "archive": S, "source_path": S, "source_sha256": S,
        "source_bytes": I64, "published_at?": T, "title": S, "text?": S, "text_sha256": S, "change?": DICT,
        "superseded_by?": S, "valid_from?": T, "valid_to?": T, "first_seen_at": T, "run_id": S,
    },
    "rejects": {
        "reject_id": S, "archive": S, "source_path": S, "source_sha256?": S, "source_bytes": I64, "reason": DICT,
        "detail": S, "byte_offset?": I64, "raw?": pa.binary(), "first_seen_at": T, "run_id": S,
    },
    "runs": {
        "run_id": S, "started_at": T, "finished_at": T, "archive": S, "source": S, "commit?": S, "committed_at?": T,
        "arguments": S,
        "contract_version": S, "parser_version": S, "sources": I64, "left_out": I64, "unchanged": I64, "parsed": I64,
        "parsed_bytes": I64, "accepted": I64, "rejected": I64, "deleted": I64, "articles": I64, "paragraphs": I64,
        "media": I64, "revisions": I64, "rejects": I64, "partitions_written": I64, "output_bytes": I64, "root?": S,
    },
    "audits": {
        "disagreement_id": S, "audit_id": S, "audited_at": T, "archive": S, "source_path": S, "source_sha256": S,
        "article_id": S, "kind": DICT, "column": S, "published?": S, "derived?": S, "byte_start?": I64,
        "byte_end?": I64,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACT)
def test_columns_types_and_nullability_are_the_contracts(name: str) -> None:
    found = {f"{field.name}{'?' * field.nullable}": field.type for field in TABLES[name].schema}
    assert found == CONTRACT[name]
    assert list(found) == list(CONTRACT[name])


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_meaning_and_no_null_type(name: str) -> None:
    table = TABLES[name]
    assert table.schema.metadata[b"pressmark.contract_version"]
    for field in table.schema:
        assert len(field.metadata[b"description"]) > 5, field.name
        assert not pa.types.is_null(field.type)
        if pa.types.is_integer(field.type) and field.name not in ("ordinal", "caption_ordinal", "text_hash"):
            assert field.metadata[b"unit"], field.name
    for names in (
        table.sort_keys,
        table.replace_keys,
        table.run_columns,
        table.closed_sets,
    ):
        assert set(names) <= set(table.schema.names)


CLOSED_SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "articles": {
        "dialect": ("comment", "bare", "front_matter", "json_comment", "page", "record"),
        "markup": ("html", "markdown"),
        "flags": (
            "date_conflict", "mostly_skipped", "mojibake", "title_only", "no_content", "hidden_text", "markup_in_text",
        ),
        "published_from": ("header", "front_matter", "dateline", "url", "none"),
    },
    "paragraphs": {
        "role": (
            "body", "lede", "heading", "quote", "list_item", "caption", "byline", "dateline", "note", "related",
            "boilerplate", "table",
        ),
    },
    "media": {"kind": ("image", "video", "audio", "embed")},
    "revisions": {"change": ("text", "markup", "copy")},
    "rejects": {
        "reason": (
            "empty_file", "invalid_utf8", "no_header", "bad_timestamp", "no_text", "too_large", "too_complex",
            "unreadable", "parser_error", "forgotten",
        ),
    },
    "runs": {},
    "audits": {"kind": ("source", "block", "text", "span", "count", "medium", "date")},
}  # fmt: skip


def test_the_tables_are_the_contracts() -> None:
    assert list(TABLES) == [
        "articles", "paragraphs", "media", "revisions", "rejects", "runs", "audits"
    ]  # fmt: skip
    assert [name for name, table in TABLES.items() if table.partitioned] == [*OF_ARTICLES, "revisions"]
    assert all(table.name == name for name, table in TABLES.items())


@pytest.mark.parametrize("name", CLOSED_SETS)
def test_closed_sets_are_the_contracts(name: str) -> None:
    assert TABLES[name].closed_sets == CLOSED_SETS[name]
    for column in CLOSED_SETS[name]:
        type_ = TABLES[name].schema.field(column).type
        assert (type_.value_type if pa.types.is_list(type_) else type_) == DICT


def test_content_roles_are_the_contracts() -> None:
    assert sorted(CONTENT_ROLES) == ["body", "heading", "lede", "list_item", "quote", "table"]


def test_partition_keys_are_in_the_path_alone() -> None:
    assert list(PARTITION_KEYS) == ["outlet", *PERIODS]
    assert not any(PARTITION_KEYS.keys() & set(table.schema.names) for table in TABLES.values())
    assert [UNKNOWN_PERIODS[period] for period in PERIODS] == ["unknown", "0001-01-01", "0"]


FLAGGED = [[], ["date_conflict", "no_content"], ["title_only"]]


def test_flags_are_read_by_every_reader(tmp_path: Path) -> None:
    field = TABLES["articles"].schema.field("flags")
    schema = pa.schema([field])
    path = tmp_path / "part-0.parquet"
    pq.write_table(pa.table({"flags": FLAGGED}).cast(schema), path)
    read = pq.read_table(path)
    assert read.schema.equals(schema)
    assert read["flags"].to_pylist() == FLAGGED
    assert pl.read_parquet(path)["flags"].to_list() == FLAGGED
    assert duckdb.execute("SELECT flags FROM read_parquet(?)", [str(path)]).fetchall() == [(row,) for row in FLAGGED]


def test_rows_are_sorted_as_the_contract_says() -> None:
    assert TABLES["articles"].sort_keys == ("published_at", "article_id")
    assert TABLES["paragraphs"].sort_keys == ("published_at", "article_id", "ordinal")


@pytest.mark.parametrize("name", TABLES)
def test_the_contract_version_is_in_every_schema_and_survives_parquet(name: str, tmp_path: Path) -> None:
    table = TABLES[name]
    assert table.schema.metadata[b"pressmark.contract_version"].decode() == CONTRACT_VERSION
    pq.write_table(table.schema.empty_table(), tmp_path / "part-0.parquet")
    read = pq.read_schema(tmp_path / "part-0.parquet")
    assert read.equals(table.schema)
    assert read.metadata[b"pressmark.contract_version"].decode() == CONTRACT_VERSION


def test_the_members_of_a_link_have_a_meaning_and_ranges_a_unit() -> None:
    assert [field.metadata[b"description"] != b"" for field in LINKS] == [True, True, True]
    assert [field.metadata.get(b"unit") for field in LINKS] == [None, b"code points", b"code points"]
