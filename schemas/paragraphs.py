"""Columns of `paragraphs`: one row per block of each current article."""

import pyarrow as pa

from pressmark.schemas.contract import DICTIONARY, ROLES, TIMESTAMP, Table, column, table_schema

__all__ = ["LINK", "TABLE"]

LINK = pa.struct([
    column("href", pa.string(), "address, resolved against the article's"),
    column("start", pa.int32(), "start of the link's text in `text`", unit="code points"),
    column("end", pa.int32(), "just past the link's text in `text`", unit="code points"),
])  # fmt: skip

TABLE = Table(
    name="paragraphs",
    schema=table_schema([
        column("paragraph_id", pa.string(), "`article_id`, `-`, and `ordinal` in at least 4 digits"),
        column("article_id", pa.string(), "the article this block belongs to"),
        column("ordinal", pa.int32(), "position of the block in its article, from 0"),
        column("role", DICTIONARY, "what the block is: " + ", ".join(ROLES)),
        column("text", pa.string(), "visible text of the block; a `br` is a line feed"),
        column("char_start", pa.int32(), "start of `text` in `articles.text`", unit="code points"),
        column("char_end", pa.int32(), "just past `text` in `articles.text`", unit="code points"),
        column("byte_start", pa.int64(), "first byte of the block in the source", unit="bytes"),
        column("byte_end", pa.int64(), "just past the block's last byte in the source", unit="bytes"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source that the byte range indexes"),
        column("published_at", TIMESTAMP, "of the article", nullable=True),
        column("dateline_at", TIMESTAMP, "of the article", nullable=True),
        column("language", DICTIONARY, "BCP 47 tag of the block, `und` where it is not known"),
        column("text_hash", pa.uint64(), "XXH3-64 of `text` in UTF-8"),
        column("links", pa.list_(pa.field("element", LINK, nullable=False)),
               "hyperlinks whose text is in this block"),
    ]),
    sort_keys=("published_at", "article_id", "ordinal"),
    replace_keys=("article_id",),
    size_columns=("byte_start", "byte_end"),
    partitioned=True,
    closed_sets={"role": ROLES},
)  # fmt: skip
