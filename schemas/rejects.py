"""Columns of `rejects`: sources that are no article, with the reason and their bytes."""

import pyarrow as pa

from pressmark.schemas.contract import ARCHIVE, DICTIONARY, REASONS, RUN_ID, TIMESTAMP, Table, column, table_schema

__all__ = ["TABLE"]

TABLE = Table(
    name="rejects",
    schema=table_schema([
        column("reject_id", pa.string(),
               "first 32 hex digits of SHA-256 of `archive`, `source_path` and `source_sha256`"),
        ARCHIVE,
        column("source_path", pa.string(), "path relative to the input's root, `/` separators, NFC"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source's bytes; null when it could not be read",
               nullable=True),
        column("source_bytes", pa.int64(), "size of the source", unit="bytes"),
        column("reason", DICTIONARY, "why it is no article: " + ", ".join(REASONS)),
        column("detail", pa.string(), "what was found and what to do; the traceback of a `parser_error`"),
        column("byte_offset", pa.int64(), "byte of the source at which the reason holds", unit="bytes",
               nullable=True),
        column("raw", pa.binary(), "the source's bytes; null only for `too_large` and `unreadable`", nullable=True),
        column("first_seen_at", TIMESTAMP, "start of the run that first rejected these bytes"),
        RUN_ID,
    ]),
    sort_keys=("archive", "source_path", "source_sha256"),
    replace_keys=("reject_id",),
    size_columns=("source_bytes",),
    partitioned=False,
    closed_sets={"reason": REASONS},
    run_columns=("first_seen_at", "run_id"),
)  # fmt: skip
