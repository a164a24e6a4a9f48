"""The columns of each table: its Arrow schema, the order of its rows, its keys and its closed sets; and the check of a
batch of rows, by whole columns, against these and the laws that rows can show by themselves."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import (
    ARCHIVE,
    CHANGES,
    CONTRIBUTIONS,
    DIALECTS,
    DICTIONARY,
    DISAGREEMENTS,
    FLAGS,
    MARKUPS,
    MEDIA_KINDS,
    PUBLISHED_FROM,
    REASONS,
    ROLES,
    RUN_ID,
    TIMESTAMP,
    Table,
    column,
    table_schema,
)

__all__ = [
    "ARTICLES", "AUDITS", "BY_RUN", "CONTRIBUTOR", "LINK", "MEDIA", "OF_ARTICLES", "OF_RUNS", "PARAGRAPHS", "REJECTS",
    "REVISIONS", "RUNS", "TABLES", "Violation", "check_articles", "check_paragraphs", "check_rows",
]  # fmt: skip

# Tables whose rows are of one current article: they come, move and go with it.
OF_ARTICLES: Final = ("articles", "paragraphs", "media")
# Tables whose rows follow from sources; a run counts them, and its root is over them.
OF_RUNS: Final = (*OF_ARTICLES, "revisions", "rejects")

LINK: Final = pa.struct([
    column("href", pa.string(), "address, resolved against the article's"),
    column("start", pa.int32(), "start of the link's text in `text`", unit="code points"),
    column("end", pa.int32(), "just past the link's text in `text`", unit="code points"),
])  # fmt: skip

CONTRIBUTOR: Final = pa.struct([
    column("name", pa.string(), "name, as it is written; of an agency or an outlet where it stands for people"),
    column("role", pa.string(), "what was done: " + ", ".join(CONTRIBUTIONS)),
])  # fmt: skip

TEXTS: Final = pa.list_(pa.field("element", pa.string(), nullable=False))

SOURCE_PATH: Final = column(
    "source_path", pa.string(),
    "path relative to the input's root, `/` separators, NFC; of a record its file's, `#` and its offset",
)  # fmt: skip
SOURCE_SHA256: Final = column(
    "source_sha256", pa.string(),
    "hex SHA-256 of the source's bytes; of a record those of its decoded payload, as all sizes and ranges",
)  # fmt: skip
RANGE_SHA256: Final = column("source_sha256", pa.string(), "hex SHA-256 of the source that the byte range indexes")
SOURCE_BYTES: Final = column("source_bytes", pa.int64(), "size of the source", unit="bytes")
VALID_FROM: Final = column(
    "valid_from", TIMESTAMP, "time of the commit that brought this revision to its path, or of its capture; null where "
    "the input has no commits", nullable=True,
)  # fmt: skip

ARTICLES: Final = Table(
    name="articles",
    meaning="One row per article, its current revision.",
    schema=table_schema([
        column("article_id", pa.string(), "first 32 hex digits of SHA-256 of `canonical_url`, of `archive`, a line "
               "feed and `source_path` where there is no URL"),
        ARCHIVE, SOURCE_PATH, SOURCE_SHA256, SOURCE_BYTES,
        column("dialect", DICTIONARY, "shape of the header: " + ", ".join(DIALECTS)),
        column("markup", DICTIONARY, "language of the body: " + ", ".join(MARKUPS)),
        column("encoding", DICTIONARY, "how the source's bytes become characters: utf-8, or what was declared"),
        column("host", pa.string(), "registrable domain of `canonical_url`", nullable=True),
        column("url", pa.string(), "address in the header, as found", nullable=True),
        column("canonical_url", pa.string(), "address without what does not distinguish articles", nullable=True),
        column("title", pa.string(), "title in the header, entities resolved, white space collapsed"),
        column("author", pa.string(), "names of the `contributors` whose role is text, joined by `、`", nullable=True),
        column("contributors", pa.list_(pa.field("element", CONTRIBUTOR, nullable=False)),
               "people in header, page and bylines and what they did, writers first; null where nobody is named",
               nullable=True),
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
        column(
            "url_date", pa.date32(),
            "date that the URL's path names; of a post whose URL names none, that in its file's name or folders",
            nullable=True,
        ),
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
        VALID_FROM, RUN_ID,
        column("ingested_at", TIMESTAMP, "start of the run that wrote this row"),
    ]),
    sort_keys=("published_at", "article_id"),
    replace_keys=("article_id",),
    partitioned=True,
    closed_sets={"dialect": DIALECTS, "markup": MARKUPS, "flags": FLAGS, "published_from": PUBLISHED_FROM},
    run_columns=("run_id", "ingested_at"),
)  # fmt: skip

PARAGRAPHS: Final = Table(
    name="paragraphs",
    meaning="One row per block of each current article.",
    schema=table_schema([
        column("paragraph_id", pa.string(), "`article_id`, `-`, and `ordinal` in at least 4 digits"),
        column("article_id", pa.string(), "the article this block belongs to"),
        column("ordinal", pa.int32(), "position of the block in its article, from 0"),
        column("role", DICTIONARY, "what the block is: " + ", ".join(ROLES)),
        column("text", pa.string(), "visible text of the block; a `br` is a line feed"),
        column("char_start", pa.int32(), "start of `text` in `articles.text`", unit="code points"),
        column("char_end", pa.int32(), "just past `text` in `articles.text`", unit="code points"),
        column("byte_start", pa.int64(), "first byte of the block in the source", unit="bytes"),
        column("byte_end", pa.int64(), "just past the block's last byte in the source", unit="bytes"), RANGE_SHA256,
        column("published_at", TIMESTAMP, "of the article", nullable=True),
        column("dateline_at", TIMESTAMP, "of the article", nullable=True),
        column("language", DICTIONARY, "BCP 47 tag of the block, `und` where it is not known"),
        column("text_hash", pa.uint64(), "XXH3-64 of `text` in UTF-8"),
        column("links", pa.list_(pa.field("element", LINK, nullable=False)),
               "hyperlinks whose text is in this block"),
    ]),
    sort_keys=("published_at", "article_id", "ordinal"),
    replace_keys=("article_id",),
    partitioned=True,
    closed_sets={"role": ROLES},
)  # fmt: skip

MEDIA: Final = Table(
    name="media",
    meaning="One row per picture, video, audio or embedded page of each current article.",
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
        column("byte_end", pa.int64(), "just past the tag's last byte in the source", unit="bytes"), RANGE_SHA256,
        column("published_at", TIMESTAMP, "of the article", nullable=True),
    ]),
    sort_keys=("published_at", "article_id", "media_id"),
    replace_keys=("article_id",),
    partitioned=True,
    closed_sets={"kind": MEDIA_KINDS},
)  # fmt: skip

REVISIONS: Final = Table(
    name="revisions",
    meaning="Sources whose article has a newer revision, and tombstones of deleted ones.",
    schema=table_schema([
        column("revision_id", pa.string(),
               "first 32 hex digits of SHA-256 of `archive`, `source_path`, `source_sha256` and `valid_from`"),
        column("article_id", pa.string(), "the article this is a revision of"),
        ARCHIVE, SOURCE_PATH, SOURCE_SHA256, SOURCE_BYTES,
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
        VALID_FROM,
        column("valid_to", TIMESTAMP, "time of the commit (start of the run where there are none) that replaced or "
               "deleted it; null while its file still exists; equal to `valid_from` where it was on a branch only",
               nullable=True),
        column("first_seen_at", TIMESTAMP, "start of the run that first ingested this source"),
        RUN_ID,
    ]),
    sort_keys=("published_at", "article_id", "archive", "source_path", "source_sha256", "valid_from"),
    replace_keys=("revision_id",),
    partitioned=True,
    closed_sets={"change": CHANGES},
    run_columns=("first_seen_at", "run_id"),
)  # fmt: skip

REJECTS: Final = Table(
    name="rejects",
    meaning="Sources that are no article, with the reason and their bytes.",
    schema=table_schema([
        column("reject_id", pa.string(),
               "first 32 hex digits of SHA-256 of `archive`, `source_path` and `source_sha256`"),
        ARCHIVE, SOURCE_PATH,
        column("source_sha256", pa.string(), "hex SHA-256 of the source's bytes; null when it could not be read",
               nullable=True),
        SOURCE_BYTES,
        column("reason", DICTIONARY, "why it is no article: " + ", ".join(REASONS)),
        column("detail", pa.string(), "what was found and what to do; the traceback of a `parser_error`; of what is "
               "`forgotten` the article, and why"),
        column("byte_offset", pa.int64(), "byte of the source at which the reason holds", unit="bytes",
               nullable=True),
        column("raw", pa.binary(), "the source's bytes; null only for `too_large`, `unreadable` and `forgotten`",
               nullable=True),
        column("first_seen_at", TIMESTAMP, "start of the run that first rejected these bytes"),
        RUN_ID,
    ]),
    sort_keys=("archive", "source_path", "source_sha256"),
    replace_keys=("reject_id",),
    closed_sets={"reason": REASONS},
    run_columns=("first_seen_at", "run_id"),
)  # fmt: skip

RUNS: Final = Table(
    name="runs",
    meaning="One row, and one file, per run.",
    schema=table_schema([
        RUN_ID,
        column("started_at", TIMESTAMP, "start of the run"),
        column("finished_at", TIMESTAMP, "when all other tables were published"),
        ARCHIVE,
        column("source", pa.string(), "input, as given"),
        column("commit", pa.string(), "commit that was ingested; null where the input has none", nullable=True),
        column("committed_at", TIMESTAMP, "its time", nullable=True),
        column("arguments", pa.string(), "settings of the run as a JSON object"),
        column("contract_version", pa.string(), "version of the data contract"),
        column("parser_version", pa.string(), "version of everything that decides a row's content"),
        column("sources", pa.int64(), "sources discovered", unit="sources"),
        column("left_out", pa.int64(), "files seen and not taken for sources", unit="files"),
        column("unchanged", pa.int64(), "of these, known with the same content", unit="sources"),
        column("parsed", pa.int64(), "of these, read and parsed by this run", unit="sources"),
        column("parsed_bytes", pa.int64(), "size of the parsed sources", unit="bytes"),
        column("accepted", pa.int64(), "parsed sources that are articles", unit="sources"),
        column("rejected", pa.int64(), "parsed sources that are rejects", unit="sources"),
        column("deleted", pa.int64(), "known sources that were deleted (git, or `--sync`)", unit="sources"),
        *(column(name, pa.int64(), f"rows of `{name}` after the run", unit="rows") for name in OF_RUNS),
        column("partitions_written", pa.int64(), "partition files replaced, added or removed", unit="files"),
        column("output_bytes", pa.int64(), "size of the partition files written", unit="bytes"),
        column("root", pa.string(), "hex SHA-256 over all rows that the output has after the run, see docs/citing.md; "
               "null where the run was stopped", nullable=True),
    ]),
    sort_keys=("started_at", "run_id"),
    replace_keys=("run_id",),
    closed_sets={},
)  # fmt: skip

AUDITS: Final = Table(
    name="audits",
    meaning="One row per disagreement that an audit found between an article's rows and what a second implementation "
    "derives from its source, and one file per audit that found some. Loads leave it out.",
    schema=table_schema([
        column("disagreement_id", pa.string(), "`audit_id`, `-`, and the number in its audit in at least 4 digits"),
        column("audit_id", pa.string(), "the audit that found it"),
        column("audited_at", TIMESTAMP, "start of the audit"),
        ARCHIVE,
        column("source_path", pa.string(), "the source, as in `articles`"),
        column("source_sha256", pa.string(), "hex SHA-256 of the source that the rows were made from"),
        column("article_id", pa.string(), "the article whose rows differ"),
        column("kind", DICTIONARY, "what differs: " + ", ".join(DISAGREEMENTS)),
        column("column", pa.string(), "table and column of the value"),
        column("published", pa.string(), "what the rows say, as text; null where they have nothing", nullable=True),
        column("derived", pa.string(), "what the second implementation says; null where it has nothing", nullable=True),
        column("byte_start", pa.int64(), "first byte of the source that it is about", unit="bytes", nullable=True),
        column("byte_end", pa.int64(), "just past the last one", unit="bytes", nullable=True),
    ]),
    sort_keys=("disagreement_id",),
    replace_keys=("disagreement_id",),
    closed_sets={"kind": DISAGREEMENTS},
)  # fmt: skip

TABLES: Final = {table.name: table for table in (ARTICLES, PARAGRAPHS, MEDIA, REVISIONS, REJECTS, RUNS, AUDITS)}
# Tables that have one file, named after it, for each run or audit.
BY_RUN: Final = ("runs", "audits")


SEPARATOR_CHARS = 2
# What the size of a source consists of.
PARTS = ("header_bytes", "paragraph_bytes", "skipped_bytes", "markup_bytes")


class Violation(NamedTuple):
    """A row that must not be published: position in the batch, column, and what is wrong with its value."""

    row: int
    column: str
    problem: str


def check_rows(rows: pa.Table, table: Table) -> list[Violation]:
    """Violations of types, nullability and closed sets. Raises `TypeError` where the columns are not the schema's: a
    bug."""
    if not rows.schema.equals(table.schema):
        raise TypeError(f"`{table.name}`: expected\n{table.schema}\nfound\n{rows.schema}")
    found: list[Violation] = []
    for field in table.schema:
        column = rows[field.name]
        if not field.nullable and column.null_count:
            found += _where(pc.is_null(column), rows, field.name, "null")
        members = table.closed_sets.get(field.name)
        if pa.types.is_list(field.type):
            found += _inside_lists(column, field, members)
        elif members is not None:
            allowed = pa.array([*members, *([None] if field.nullable else [])], pa.string())
            found += _where(pc.invert(pc.is_in(column.cast(pa.string()), allowed)), rows, field.name, "not a member")
    return found


def check_articles(rows: pa.Table) -> list[Violation]:
    """Violations of the conservation law's sum."""
    header, paragraphs, skipped, markup = (rows[name] for name in PARTS)
    parts = pc.add(pc.add(header, paragraphs), pc.add(skipped, markup))
    found = _where(pc.not_equal(parts, rows["source_bytes"]), rows, "source_bytes", "not the sum of its parts")
    for name in (*PARTS, "content_count", "paragraph_count"):
        found += _where(pc.less(rows[name], 0), rows, name, "negative")
    return found


def check_paragraphs(rows: pa.Table, owners: pa.Array, articles: pa.Table) -> list[Violation]:
    """Violations of order, spans and text law; `owners` holds each row's position in `articles`, ascending."""
    found: list[Violation] = []
    counts = articles["paragraph_count"].to_pylist()
    expected = pa.array(list(chain.from_iterable(map(range, counts))), pa.int32())
    if len(expected) != rows.num_rows:
        raise TypeError(f"`paragraphs`: {rows.num_rows} rows where `articles` counts {len(expected)}")
    if not rows.num_rows:
        return found
    first = pc.equal(expected, 0)
    found += _where(pc.not_equal(rows["ordinal"], expected), rows, "ordinal", "not in sequence")
    for name, base in (("byte_start", articles["header_bytes"].take(owners)), ("char_start", None)):
        start, end = rows[name], rows[name.replace("start", "end")]
        found += _where(pc.less_equal(end, start), rows, name, "not before its end")
        floor = pc.cast(base, pa.int64()) if base is not None else pa.scalar(0, pa.int32())
        previous = pc.if_else(first, floor, _shift(end))
        least = previous if base is not None else pc.if_else(first, previous, pc.add(previous, SEPARATOR_CHARS))
        wrong = pc.less(start, least) if base is not None else pc.not_equal(start, least)
        found += _where(wrong, rows, name, "not after the block before it")
    outside = pc.greater(rows["byte_end"], articles["source_bytes"].take(owners))
    found += _where(outside, rows, "byte_end", "outside the source")
    length = pc.cast(pc.utf8_length(rows["text"]), pa.int32())
    wrong = pc.not_equal(pc.subtract(rows["char_end"], rows["char_start"]), length)
    found += _where(wrong, rows, "char_end", "not the text's length after `char_start`")
    return found + _text_law(rows, articles)


def _text_law(rows: pa.Table, articles: pa.Table) -> list[Violation]:
    offsets = list(accumulate(articles["paragraph_count"].to_pylist(), initial=0))
    texts = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), rows["text"].combine_chunks())
    differing = pc.not_equal(pc.binary_join(texts, "\n\n"), articles["text"].combine_chunks())
    return [
        Violation(offsets[article], "text", "the texts joined are not the article's text")
        for article, differs in enumerate(differing.to_pylist())
        if differs
    ]


def _inside_lists(column: pa.ChunkedArray, field: pa.Field, members: tuple[str, ...] | None) -> list[Violation]:
    """Nulls in a list, or in the fields of its structs, where there may be none, and values outside its closed set."""
    lists = column.combine_chunks()
    owners, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    if members is not None:
        strange = pc.invert(pc.is_in(values.cast(pa.string()), pa.array(members, pa.string())))
        pairs = zip(owners.filter(strange).to_pylist(), values.filter(strange).to_pylist(), strict=True)
        return [Violation(row, field.name, f"not a member: `{str(value)[:80]}`") for row, value in pairs]
    found = []
    element = field.type.value_field
    structs = pa.types.is_struct(element.type)
    for part in element.type if structs else [element]:
        inner = values.field(part.name) if structs else values
        if not part.nullable and inner.null_count:
            rows = owners.filter(pc.is_null(inner)).unique().to_pylist()
            found += [Violation(row, field.name, f"null in `{part.name}`") for row in rows]
    return found


def _shift(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([column.slice(0, 1).combine_chunks(), column.slice(0, len(column) - 1).combine_chunks()])


def _where(mask: pa.ChunkedArray | pa.Array, rows: pa.Table, column: str, problem: str) -> list[Violation]:
    if not pc.any(mask, min_count=0).as_py():
        return []
    positions = pc.indices_nonzero(mask).to_pylist()
    values = rows[column]
    return [Violation(row, column, f"{problem}: `{str(values[row].as_py())[:80]}`") for row in positions]
