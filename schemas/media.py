"""Columns of `media`: one row per picture, video, audio or embedded page of each current article."""

import pyarrow as pa

from pressmark.schemas.contract import DICTIONARY, MEDIA_KINDS, TIMESTAMP, Table, column, table_schema

__all__ = ["TABLE"]

TABLE = Table(
    name="media",
    schema=table_schema([
        column("media_id", pa.string(), "`article_id`, `-m`, and the medium's number in its article in 4 digits"),
        column("article_id", pa.string(), "the article this medium belongs to"),
        column("ordinal", pa.int32(), "blocks of the article that stand before it"),
        column("kind", DICTIONARY, "what it is: " + ", ".join(MEDIA_KINDS)),
        column("src", pa.string(), "address, resolved against the article's; of a `data:` address, its type alone"),
        column("alt", pa.string(), "text in its place, as the element says it", nullable=True),
        column("title", pa.string(), "title of the element", nullable=True),
        column("caption_ordinal", pa.int32(), "ordinal of the block that is its caption", nullable=True),
        column("byte_start", pa.int64(), "first byte of the element's tag in the source", unit="bytes"),
        column("byte_end", pa.int64(), "just past the tag's last byte in the source", unit="bytes"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source that the byte range indexes"),
        column("published_at", TIMESTAMP, "of the article", nullable=True),
    ]),
    sort_keys=("published_at", "article_id", "media_id"),
    replace_keys=("article_id",),
    size_columns=("byte_start", "byte_end"),
    partitioned=True,
    closed_sets={"kind": MEDIA_KINDS},
)  # fmt: skip
