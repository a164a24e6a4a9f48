"""Finds a paragraph's row, its article's, and its bytes in the source."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from pressmark.schemas import TABLES
from pressmark.schemas.contract import Table
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.inputs.source import ANY_SIZE
from pressmark.storage.output.tables import Output
from pressmark.storage.state import open_part
from pressmark.storage.verification import archive_of
from pressmark.transforms.records import Reject

__all__ = ["Trace", "trace_paragraph"]


class Trace(NamedTuple):
    """Rows of a paragraph and its article, and the source's bytes before, in and after the paragraph's span."""

    paragraph: dict[str, Any]
    article: dict[str, Any]
    before: bytes
    span: bytes
    after: bytes


def trace_paragraph(output: Output, source: str | None, paragraph_id: str, *, context: int) -> Trace:
    """Trace a paragraph to its bytes, with `context` bytes on both sides. `source` is the latest run's input where it
    is None.

    Raises `OutputError` where no row has this id, and `InputError` where the source is gone or is no longer what was
    ingested.
    """
    archive = archive_of(output, source)
    paragraph = _find(output, TABLES["paragraphs"], "paragraph_id", paragraph_id)
    article = _find(output, TABLES["articles"], "article_id", paragraph["article_id"])
    where = archive.address.location(article["source_path"])
    data = next(
        (data for _, data in archive.input.contents(archive.input.find([article["source_path"]]), ANY_SIZE)), None
    )
    if data is None:
        raise InputError("the source is not in this input", where, "name the input that was ingested")
    if isinstance(data, Reject):
        raise InputError(f"the source can't be read ({data.detail})", where, "mend it")
    if hashlib.sha256(data).hexdigest() != article["source_sha256"]:
        raise InputError("the source is no longer what was ingested", where, "ingest it again, then trace")
    start, end = paragraph["byte_start"], paragraph["byte_end"]
    return Trace(paragraph, article, data[max(start - context, 0) : start], data[start:end], data[end : end + context])


def _find(output: Output, table: Table, column: str, value: str) -> dict[str, Any]:
    for _, entry in output.parts(table):
        with open_part(output, entry) as file:
            for group in range(file.metadata.num_row_groups):
                values = file.read_row_group(group, columns=[column], use_threads=False)[column].to_pylist()
                if value in values:
                    row = file.read_row_group(group, use_threads=False).slice(values.index(value), 1)
                    found: dict[str, Any] = row.to_pylist()[0]
                    return found
    raise OutputError(f"no row of `{table.name}` has the {column} `{value}`", output.address, "look it up in the table")
