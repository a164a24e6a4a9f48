"""Articles and rejects as Arrow tables with exactly the columns of the schemas."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas import articles as articles_schema
from schemas import paragraphs as paragraphs_schema
from schemas import rejects as rejects_schema
from schemas.contract import (
    DIALECTS,
    DICTIONARY,
    PUBLISHED_FROM,
    REASONS,
    ROLES,
    TIMESTAMP,
    UNKNOWN_MONTH,
    Period,
)
from transforms.records import Article, Partition, Reject, Stamp
from transforms.revise import row_id

__all__ = ["article_rows", "paragraph_rows", "partition_of", "period_of", "reject_rows", "sort_key"]

PERIOD_LENGTHS: Final[dict[Period, int]] = {"year": 4, "month": 7, "day": 10}


def partition_of(article: Article, by: Period) -> Partition:
    """Partition that an article's rows belong to."""
    return Partition(article.outlet, f"{by}={period_of(article.dates.published_at, by)}")


def period_of(moment: datetime | None, by: Period) -> str:
    """The UTC year, month or day of a time, as in a partition's path."""
    return UNKNOWN_MONTH if moment is None else moment.date().isoformat()[: PERIOD_LENGTHS[by]]


def sort_key(article: Article) -> tuple[bool, datetime | None, str]:
    """Orders articles as the contract orders rows, those without a time last."""
    published_at = article.dates.published_at
    return (published_at is None, published_at, article.article_id)


def article_rows(
    articles: Sequence[Article], stamp: Stamp, valid_from: Sequence[datetime | None] | None = None
) -> pa.Table:
    """Rows of `articles`, in the order of the argument; `valid_from` is what an input with commits tells of each."""
    headers = [article.header for article in articles]
    dates = [article.dates for article in articles]
    columns: dict[str, Any] = {
        "outlet": [article.outlet for article in articles],
        "month": [date.month for date in dates],
        "dialect": _closed([header.dialect for header in headers], DIALECTS),
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
    counts = [len(article.paragraphs) for article in articles]
    rows = list(chain.from_iterable([article.paragraphs for article in articles]))
    role, text, char_start, char_end, byte_start, byte_end, language, text_hash, links = (
        zip(*rows, strict=True) if rows else [()] * 9
    )
    owners = pa.array(list(chain.from_iterable([[i] * count for i, count in enumerate(counts)])), pa.int32())
    ordinals = pa.array(list(chain.from_iterable(map(range, counts))), pa.int32())
    article_ids = pa.array([article.article_id for article in articles], pa.string()).take(owners)
    columns: dict[str, Any] = {
        "article_id": article_ids,
        "paragraph_id": pc.binary_join_element_wise(
            article_ids, pc.utf8_lpad(ordinals.cast(pa.string()), 4, padding="0"), "-"
        ),
        "ordinal": ordinals,
        "role": _closed(role, ROLES),
        "text": text,
        "char_start": char_start,
        "char_end": char_end,
        "byte_start": byte_start,
        "byte_end": byte_end,
        "language": pa.array(language, pa.string()).dictionary_encode(),
        "text_hash": text_hash,
        "links": _links(links),
        "outlet": pa.array([article.outlet for article in articles], pa.string()).take(owners),
        "month": pa.array([article.dates.month for article in articles], pa.string()).take(owners),
        "source_sha256": pa.array([article.source_sha256 for article in articles], pa.string()).take(owners),
        "published_at": pa.array([article.dates.published_at for article in articles], TIMESTAMP).take(owners),
        "dateline_at": pa.array([article.dates.dateline_at for article in articles], TIMESTAMP).take(owners),
    }
    return _table(columns, paragraphs_schema.TABLE.schema), owners


def reject_rows(rejects: Sequence[Reject], stamp: Stamp) -> pa.Table:
    """Rows of `rejects`, in the order of the argument."""
    columns: dict[str, Any] = {
        "reject_id": [row_id(reject.source_path, reject.source_sha256) for reject in rejects],
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
