"""Rows of blocks and media with their places: code points of the article's text, bytes of the source; and articles and
rejects as Arrow tables with exactly the columns of the schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

from pressmark.schemas.contract import DICTIONARY, TIMESTAMP, UNKNOWN_PERIODS, Period, Role, Table
from pressmark.schemas.tables import ARTICLES, MEDIA, PARAGRAPHS, REJECTS
from pressmark.transforms.identity import absolute, resolve, row_id
from pressmark.transforms.records import Article, Dates, Link, Medium, Paragraph, Partition, Reject, Stamp

if TYPE_CHECKING:
    # Who makes Arrow rows alone does not load the parser.
    from pressmark.transforms.blocks import Block
    from pressmark.transforms.doors import Opened

__all__ = [
    "SEPARATOR", "article_rows", "media_of", "media_rows", "paragraph_rows", "paragraphs_of", "partition_of",
    "period_of", "reject_rows", "skipped_sizes", "sort_key",
]  # fmt: skip

SEPARATOR: Final = "\n\n"


def paragraphs_of(
    opened: Opened, blocks: list[Block], roles: list[Role], languages: list[str], base: str | None
) -> list[Paragraph]:
    """Paragraphs with char spans in the article's text and byte spans in the source."""
    paragraphs = []
    char_start = 0
    size, body = opened.decoded.size, opened.header.body_start
    position, byte_end = body, opened.header_bytes
    for (text, start, end, _, _, _, links), role, tag in zip(blocks, roles, languages, strict=True):
        data = text.encode()
        char_end = char_start + len(text)
        byte_start = byte_end + size(position, body + start)
        position = body + end
        byte_end = byte_start + size(body + start, position)
        if links:
            links = tuple([Link(resolve(link.href, base), link.start, link.end) for link in links])
        paragraphs.append(
            Paragraph(role, data, char_start, char_end, byte_start, byte_end, tag, xxh3_64_intdigest(data), links)
        )
        char_start = char_end + len(SEPARATOR)
    return paragraphs


def media_of(
    opened: Opened, media: Sequence[Medium], blocks: Sequence[Block], roles: Sequence[Role], base: str | None
) -> Iterator[Medium]:
    """Media with byte spans in the source, absolute addresses, and the block that is the caption of each."""
    position, size = 0, opened.header_bytes
    for medium in media:
        size += opened.size(position, medium.start)
        position = medium.start
        yield medium._replace(
            src=absolute(medium.src, base), start=size, end=size + opened.size(medium.start, medium.end),
            caption_ordinal=_caption_of(medium, opened.body, blocks, roles),
        )  # fmt: skip


def _caption_of(medium: Medium, body: str, blocks: Sequence[Block], roles: Sequence[Role]) -> int | None:
    """The block that is a medium's caption: the next one, or the one before in the same `figure`."""
    ordinal = medium.ordinal
    if ordinal < len(roles) and roles[ordinal] == "caption":
        return ordinal
    before = ordinal - 1
    if before < 0 or roles[before] != "caption" or all(token.tag != "figure" for token in blocks[before].path):
        return None
    return None if "</figure" in body[blocks[before].end : medium.start].lower() else before


def skipped_sizes(opened: Opened, blocks: Sequence[Block], skipped: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Bytes of skipped elements and comments: of those that no block's span covers, and of all."""
    outside = total = index = 0
    for start, end in skipped:
        while index < len(blocks) and blocks[index].end <= start:
            index += 1
        size = opened.size(start, end)
        total += size
        if index == len(blocks) or start < blocks[index].start:
            outside += size
    return outside, total


OF_THE_HEADER: Final = (
    "url", "title", "description", "tags", "categories", "metadata", "removed_at", "removed_reason",
)  # fmt: skip
PERIOD_LENGTHS: Final[dict[Period, int]] = {"year": 4, "month": 7, "day": 10}


def partition_of(article: Article, by: Period) -> Partition:
    """Partition that an article's rows belong to."""
    return Partition(article.outlet, f"{by}={period_of(article.dates.published_at, by)}")


def period_of(moment: datetime | None, by: Period) -> str:
    """The UTC year, month or day of a time, as in a partition's path.

    >>> period_of(None, "month"), period_of(None, "year"), period_of(None, "day")
    ('unknown', '0', '0001-01-01')
    """
    if moment is None:
        return UNKNOWN_PERIODS[by]
    period = moment.date().isoformat()[: PERIOD_LENGTHS[by]]
    # A number has no zeros before it, which readers would not see.
    return period.lstrip("0") if by == "year" else period


def sort_key(article: Article) -> tuple[bool, datetime | None, str]:
    """Orders articles as the contract orders rows, those without a time last."""
    published_at = article.dates.published_at
    return (published_at is None, published_at, article.article_id)


def article_rows(
    articles: Sequence[Article], stamp: Stamp, valid_from: Sequence[datetime | None] | None = None
) -> pa.Table:
    """Rows of `articles`, in the order of the argument; `valid_from` holds the time of each one's commit."""
    headers = [article.header for article in articles]
    dates = [article.dates for article in articles]
    columns: dict[str, Any] = {
        "dialect": [header.dialect for header in headers],
        **{name: [getattr(header, name) for header in headers] for name in OF_THE_HEADER},
        **{name: [getattr(date, name) for date in dates] for name in Dates._fields},
        "valid_from": valid_from or [None] * len(articles),
        "paragraph_count": [len(article.paragraphs) for article in articles],
        "run_id": [stamp.run_id] * len(articles),
        "ingested_at": [stamp.started_at] * len(articles),
    }
    return _table(columns, ARTICLES, articles)


def paragraph_rows(articles: Sequence[Article]) -> tuple[pa.Table, pa.Array]:
    """Rows of `paragraphs`, articles in the order of the argument, blocks by ordinal; and each row's position of its
    article in the argument."""
    counts = [len(article.paragraphs) for article in articles]
    every = chain.from_iterable([article.paragraphs for article in articles])
    own: dict[str, Any] = dict(zip(Paragraph._fields, zip(*every, strict=True), strict=False))
    own = own or dict.fromkeys(Paragraph._fields, ())
    owners = pa.array(list(chain.from_iterable([[i] * count for i, count in enumerate(counts)])), pa.int32())
    ordinals = pa.array(list(chain.from_iterable(map(range, counts))), pa.int32())
    article_ids = pa.array([article.article_id for article in articles], pa.string()).take(owners)
    columns: dict[str, Any] = {
        **own,
        "links": [[link._asdict() for link in links] for links in own["links"]],
        "ordinal": ordinals,
        "article_id": article_ids,
        "paragraph_id": pc.binary_join_element_wise(
            article_ids, pc.utf8_lpad(ordinals.cast(pa.string()), 4, padding="0"), "-"
        ),
        "source_sha256": pa.array([article.source_sha256 for article in articles], pa.string()).take(owners),
        "published_at": pa.array([article.dates.published_at for article in articles], TIMESTAMP).take(owners),
        "dateline_at": pa.array([article.dates.dateline_at for article in articles], TIMESTAMP).take(owners),
    }
    return _table(columns, PARAGRAPHS), owners


def media_rows(articles: Sequence[Article]) -> tuple[pa.Table, pa.Array]:
    """Rows of `media`, and each row's position of its article in the argument."""
    owners = [position for position, article in enumerate(articles) for _ in article.media]
    numbers = chain.from_iterable(range(len(article.media)) for article in articles)
    rows = list(chain.from_iterable(article.media for article in articles))
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in Medium._fields}
    columns |= {"byte_start": columns["start"], "byte_end": columns["end"]}
    for name, of in (
        ("article_id", articles),
        ("source_sha256", articles),
        ("published_at", [a.dates for a in articles]),
    ):
        columns[name] = [getattr(of[owner], name) for owner in owners]
    columns["media_id"] = [f"{key}-m{number:04d}" for key, number in zip(columns["article_id"], numbers, strict=True)]
    return _table(columns, MEDIA), pa.array(owners, pa.int32())


def reject_rows(rejects: Sequence[Reject], stamp: Stamp, archive: str) -> pa.Table:
    """Rows of `rejects`, in the order of the argument; all are sources of one archive."""
    columns: dict[str, Any] = {
        "reject_id": [row_id(archive, reject.source_path, reject.source_sha256) for reject in rejects],
        "archive": [archive] * len(rejects),
        "first_seen_at": [stamp.started_at] * len(rejects),
        "run_id": [stamp.run_id] * len(rejects),
    }
    return _table(columns, REJECTS, rejects)


def _table(columns: dict[str, Any], table: Table, records: Sequence[Article | Reject] = ()) -> pa.Table:
    """Rows with the columns of a table; those that are not given are attributes of the records."""
    arrays = []
    for field in table.schema:
        values = columns.get(field.name)
        if values is None:
            values = [getattr(record, field.name) for record in records]
        if isinstance(values, pa.Array):
            arrays.append(values)
        elif field.type == DICTIONARY:
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=table.schema)
