"""Columns of `revisions`: sources whose article has a newer revision, and tombstones of deleted ones."""

import pyarrow as pa

from pressmark.schemas.contract import (
    ARCHIVE,
    CHANGES,
    DICTIONARY,
    RUN_ID,
    TIMESTAMP,
    Table,
    column,
    table_schema,
)

__all__ = ["TABLE"]

TABLE = Table(
    name="revisions",
    schema=table_schema([
        column("revision_id", pa.string(),
               "first 32 hex digits of SHA-256 of `archive`, `source_path`, `source_sha256` and `valid_from`"),
        column("article_id", pa.string(), "the article this is a revision of"),
        ARCHIVE,
        column("source_path", pa.string(), "path relative to the input's root, `/` separators, NFC"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source's bytes"),
        column("source_bytes", pa.int64(), "size of the source", unit="bytes"),
        column("published_at", TIMESTAMP, "when this revision says it was published", nullable=True),
        column("title", pa.string(), "title of this revision"),
        column("text", pa.string(), "texts of all blocks, joined by two line feeds; null where the row that supersedes "
               "this one has the same `text_sha256`", nullable=True),
        column("text_sha256", pa.string(), "hex SHA-256 of `text` in UTF-8"),
        column("change", DICTIONARY,
               "what the next revision changed: text, markup (same text, other bytes) or copy (same bytes); "
               "null for a tombstone", nullable=True),
        column("superseded_by", pa.string(), "`source_sha256` of the next revision, null for a tombstone",
               nullable=True),
        column("valid_from", TIMESTAMP, "time of the commit that brought this revision to its path; null where the "
               "input has no commits", nullable=True),
        column("valid_to", TIMESTAMP, "time of the commit (start of the run where there are none) that replaced or "
               "deleted it; null while its file still exists; equal to `valid_from` where it was on a branch only",
               nullable=True),
        column("first_seen_at", TIMESTAMP, "start of the run that first ingested this source"),
        RUN_ID,
    ]),
    sort_keys=("published_at", "article_id", "archive", "source_path", "source_sha256", "valid_from"),
    replace_keys=("revision_id",),
    size_columns=("source_bytes",),
    partitioned=True,
    closed_sets={"change": CHANGES},
    run_columns=("first_seen_at", "run_id"),
)  # fmt: skip
