"""Articles and rejects as Arrow tables with exactly the columns of the schemas."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import articles as articles_schema
from pressmark.schemas import paragraphs as paragraphs_schema
from pressmark.schemas import rejects as rejects_schema
from pressmark.schemas.contract import (
    DIALECTS,
    DICTIONARY,
    FLAGS,
    MARKUPS,
    PUBLISHED_FROM,
    REASONS,
    ROLES,
    TIMESTAMP,
    UNKNOWN_PERIODS,
    Period,
)
from pressmark.transforms.identity import row_id
from pressmark.transforms.records import Article, Paragraph, Partition, Reject, Stamp

__all__ = ["article_rows", "paragraph_rows", "partition_of", "period_of", "reject_rows", "sort_key"]

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
        "dialect": _closed([header.dialect for header in headers], DIALECTS),
        "markup": _closed([article.markup for article in articles], MARKUPS),
        "flags": _flags([article.flags for article in articles]),
        "url": [header.url for header in headers],
        "title": [header.title for header in headers],
        "published_at": [date.published_at for date in dates],
        "published_from": _closed([date.published_from for date in dates], PUBLISHED_FROM),
        "dateline_at": [date.dateline_at for date in dates],
        "url_date": [date.url_date for date in dates],
        "date_conflict": [date.date_conflict for date in dates],
        "local_date": [date.local_date for date in dates],
        "valid_from": valid_from or [None] * len(articles),
        "paragraph_count": [len(article.paragraphs) for article in articles],
        "run_id": [stamp.run_id] * len(articles),
        "ingested_at": [stamp.started_at] * len(articles),
    }
    for name in articles_schema.TABLE.schema.names:
        if name not in columns:
            columns[name] = [getattr(article, name) for article in articles]
    return _table(columns, articles_schema.TABLE.schema)


def paragraph_rows(articles: Sequence[Article]) -> tuple[pa.Table, pa.Array]:
    """Rows of `paragraphs`, articles in the order of the argument, blocks by ordinal; and each row's position of its
    article in the argument."""
    own = _own_columns([article.paragraphs for article in articles])
    owners, ordinals = own["owner"], own["ordinal"]
    article_ids = pa.array([article.article_id for article in articles], pa.string()).take(owners)
    columns: dict[str, Any] = {
        **own,
        "article_id": article_ids,
        "paragraph_id": pc.binary_join_element_wise(
            article_ids, pc.utf8_lpad(ordinals.cast(pa.string()), 4, padding="0"), "-"
        ),
        "source_sha256": pa.array([article.source_sha256 for article in articles], pa.string()).take(owners),
        "published_at": pa.array([article.dates.published_at for article in articles], TIMESTAMP).take(owners),
        "dateline_at": pa.array([article.dates.dateline_at for article in articles], TIMESTAMP).take(owners),
    }
    return _table(columns, paragraphs_schema.TABLE.schema), owners


def _own_columns(articles: list[list[Paragraph]]) -> dict[str, pa.Array]:
    """What paragraphs have of their own, with `owner`, the position of a row's article."""
    counts = [len(rows) for rows in articles]
    every = list(chain.from_iterable(articles))
    role, text, char_start, char_end, byte_start, byte_end, language, text_hash, links = (
        zip(*every, strict=True) if every else [()] * 9
    )
    return {
        "owner": pa.array(list(chain.from_iterable([[i] * count for i, count in enumerate(counts)])), pa.int32()),
        "ordinal": pa.array(list(chain.from_iterable(map(range, counts))), pa.int32()),
        "role": _closed(role, ROLES),
        "text": _texts(text),
        "char_start": pa.array(char_start, pa.int32()),
        "char_end": pa.array(char_end, pa.int32()),
        "byte_start": pa.array(byte_start, pa.int64()),
        "byte_end": pa.array(byte_end, pa.int64()),
        "language": pa.array(language, pa.string()).dictionary_encode(),
        "text_hash": pa.array(text_hash, pa.uint64()),
        "links": _links(links),
    }


def reject_rows(rejects: Sequence[Reject], stamp: Stamp, archive: str) -> pa.Table:
    """Rows of `rejects`, in the order of the argument; all are sources of one archive."""
    columns: dict[str, Any] = {
        "reject_id": [row_id(archive, reject.source_path, reject.source_sha256) for reject in rejects],
        "archive": [archive] * len(rejects),
        "reason": _closed([reject.reason for reject in rejects], REASONS),
        "first_seen_at": [stamp.started_at] * len(rejects),
        "run_id": [stamp.run_id] * len(rejects),
    }
    for name in rejects_schema.TABLE.schema.names:
        if name not in columns:
            columns[name] = [getattr(reject, name) for reject in rejects]
    return _table(columns, rejects_schema.TABLE.schema)


def _table(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = []
    for field in schema:
        values = columns[field.name]
        if not isinstance(values, pa.Array):
            if field.type == DICTIONARY:
                values = pa.array(values, pa.string()).dictionary_encode()
            elif field.name == "text":
                values = _texts(values)
            else:
                values = pa.array(values, field.type)
        arrays.append(values)
    return pa.Table.from_arrays(arrays, schema=schema)


def _texts(values: Sequence[bytes]) -> pa.StringArray:
    """Texts that were UTF-8 from the start: laid end to end, in half the time that looking at each one takes."""
    ends = array("i", accumulate(map(len, values), initial=0))
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(b"".join(values)))


def _closed(values: Sequence[str], members: tuple[str, ...]) -> pa.DictionaryArray:
    codes = {member: code for code, member in enumerate(members)}
    return pa.DictionaryArray.from_arrays(
        pa.array([codes[value] for value in values], pa.int32()), pa.array(members, pa.string())
    )


def _flags(rows: Sequence[Sequence[str]]) -> pa.ListArray:
    offsets = pa.array(list(accumulate(map(len, rows), initial=0)), pa.int32())
    values = _closed(list(chain.from_iterable(rows)), FLAGS)
    return pa.ListArray.from_arrays(offsets, values, type=articles_schema.TABLE.schema.field("flags").type)


def _links(rows: Sequence[Sequence[tuple[str, int, int]]]) -> pa.ListArray:
    offsets = list(accumulate(map(len, rows), initial=0))
    flat = list(chain.from_iterable(rows))
    hrefs, starts, ends = zip(*flat, strict=True) if flat else ((), (), ())
    values = pa.StructArray.from_arrays(
        [pa.array(hrefs, pa.string()), pa.array(starts, pa.int32()), pa.array(ends, pa.int32())],
        fields=list(paragraphs_schema.LINK),
    )
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), values, type=paragraphs_schema.TABLE.schema.field("links").type
    )
