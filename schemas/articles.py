"""Columns of `articles`: one row per article, its current revision."""

import pyarrow as pa

from pressmark.schemas.contract import (
    ARCHIVE,
    DIALECTS,
    DICTIONARY,
    FLAGS,
    MARKUPS,
    PUBLISHED_FROM,
    RUN_ID,
    TIMESTAMP,
    Table,
    column,
    table_schema,
)  # fmt: skip

__all__ = ["TABLE"]

TEXTS = pa.list_(pa.field("element", pa.string(), nullable=False))
TABLE = Table(
    name="articles",
    schema=table_schema([
        column("article_id", pa.string(), "first 32 hex digits of SHA-256 of `canonical_url`, of `archive`, a line "
               "feed and `source_path` where there is no URL"),
        ARCHIVE,
        column("source_path", pa.string(), "path relative to the input's root, `/` separators, NFC"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source's bytes"),
        column("source_bytes", pa.int64(), "size of the source", unit="bytes"),
        column("dialect", DICTIONARY, "shape of the header: " + ", ".join(DIALECTS)),
        column("markup", DICTIONARY, "language of the body: " + ", ".join(MARKUPS)),
        column("encoding", DICTIONARY, "how the source's bytes become characters: utf-8, or what was declared"),
        column("host", pa.string(), "registrable domain of `canonical_url`", nullable=True),
        column("url", pa.string(), "address in the header, as found", nullable=True),
        column("canonical_url", pa.string(), "address without what does not distinguish articles", nullable=True),
        column("title", pa.string(), "title in the header, entities resolved, white space collapsed"),
        column("author", pa.string(), "from front matter or byline", nullable=True),
        column("description", pa.string(), "summary in the header", nullable=True),
        column("tags", TEXTS, "keywords in the header"),
        column("categories", TEXTS, "sections in the header"),
        column("metadata", pa.string(), "whatever else the header says, as a JSON object with its keys in order",
               nullable=True),
        column("removed_at", TIMESTAMP, "when the page was removed, as the archive says", nullable=True),
        column("removed_reason", pa.string(), "why the page was removed, in the archive's words", nullable=True),
        column("flags", pa.list_(pa.field("element", DICTIONARY, nullable=False)),
               "what to know before using the row: " + ", ".join(FLAGS)),
        column("published_at", TIMESTAMP, "when the article was published", nullable=True),
        column("published_from", DICTIONARY, "where `published_at` comes from: " + ", ".join(PUBLISHED_FROM)),
        column("dateline_at", TIMESTAMP, "date printed on the page, in the outlet's zone, converted", nullable=True),
        column("url_date", pa.date32(), "date that the URL's path names", nullable=True),
        column("date_conflict", pa.bool_(), "two of header, front matter, dateline and URL are over 7 days apart"),
        column("local_date", pa.date32(), "day of `published_at` in the outlet's time zone", nullable=True),
        column("language", DICTIONARY, "BCP 47 tag, `und` where it is not known"),
        column("text", pa.string(), "texts of all blocks, joined by two line feeds"),
        column("text_sha256", pa.string(), "hex SHA-256 of `text` in UTF-8"),
        column("paragraph_count", pa.int32(), "blocks", unit="rows"),
        column("content_count", pa.int32(), "blocks whose role is content", unit="rows"),
        column("header_bytes", pa.int64(), "bytes before the body, a byte order mark included", unit="bytes"),
        column("paragraph_bytes", pa.int64(), "bytes inside the blocks' spans", unit="bytes"),
        column("skipped_bytes", pa.int64(), "bytes of comments and skipped elements outside spans", unit="bytes"),
        column("markup_bytes", pa.int64(), "all other bytes", unit="bytes"),
        column("valid_from", TIMESTAMP, "time of the commit that brought this revision to its path; null where the "
               "input has no commits", nullable=True),
        RUN_ID,
        column("ingested_at", TIMESTAMP, "start of the run that wrote this row"),
    ]),
    sort_keys=("published_at", "article_id"),
    replace_keys=("article_id",),
    size_columns=("source_bytes",),
    text_columns=("paragraph_bytes",),
    partitioned=True,
    closed_sets={"dialect": DIALECTS, "markup": MARKUPS, "flags": FLAGS, "published_from": PUBLISHED_FROM},
    run_columns=("run_id", "ingested_at"),
)  # fmt: skip
