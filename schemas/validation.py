"""Checks a batch of rows, by whole columns, against its schema and the laws that rows can show by themselves."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import Table

__all__ = ["Violation", "check_articles", "check_paragraphs", "check_rows"]

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
