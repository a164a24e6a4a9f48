"""Makes the citation of a paragraph from an output as its latest run left it."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import polars as pl
import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.storage.errors import OutputError
from pressmark.storage.output.parquet import plain_schema
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import trace_paragraph
from pressmark.storage.rooting import moment_of
from pressmark.storage.runs import latest_of
from pressmark.transforms.citation import check_citation, written
from pressmark.transforms.merkle import Step, path_to
from pressmark.transforms.roots import content_of, leaf_of

__all__ = ["cite"]

PARAGRAPH_ID: Final = re.compile(r"([0-9a-f]{32})-([0-9]{4,})")


def cite(output: Output, paragraph_id: str, source: str | None = None) -> dict[str, Any]:
    """The content of a paragraph's citation; with `source`, the input that was ingested, also the bytes.

    Raises `OutputError` where no row has this id, or the tables are not those whose root the latest run published; and
    `InputError` where the source is gone or is no longer what was ingested.
    """
    found = PARAGRAPH_ID.fullmatch(paragraph_id)
    rows = _rows(output, "paragraphs", found[1]) if found else []
    index = next((n for n, row in enumerate(rows) if row["paragraph_id"] == paragraph_id), None)
    if found is None or index is None:
        raise OutputError(
            f"no row of `paragraphs` has the paragraph_id `{paragraph_id}`", output.address, "look it up in the table"
        )
    articles = _rows(output, "articles", found[1])
    run = latest_of(output)
    if run.root is None:
        raise OutputError(
            f"the latest run, `{run.run_id}`, has published no root", output.address,
            "wait for it; where it was stopped, or is of an older pressmark, run `pressmark ingest`",
        )  # fmt: skip
    moment = moment_of(output)
    if moment.root != run.root or not articles:
        raise OutputError(
            f"the rows are other ones than those whose root the latest run, `{run.run_id}`, has published",
            output.address, "wait for a run that is publishing; where none is, run `pressmark ingest` and cite again",
        )  # fmt: skip
    paths = moment.paths(found[1])
    span = None if source is None else trace_paragraph(output, source, paragraph_id, context=0).span
    content = {
        "paragraph": rows[index],
        "article": articles[0],
        "paths": {
            "paragraph": _written(path_to([leaf_of(row) for row in rows], index) + paths["paragraphs"]),
            "article": _written(paths["articles"]),
            "entry": _written(paths["entry"]),
        },
        "head": moment.head,
        "root": moment.root,
        "run": {"run_id": run.run_id, "archive": run.archive, "finished_at": run.finished_at.isoformat()},
        "bytes": None if span is None else base64.b64encode(span).decode(),
    }
    if any(finding.kind == "fail" for finding in check_citation(written(content))):
        # The tables were read one after the other.
        raise OutputError("a run was publishing meanwhile", output.address, "cite again")
    return content


def _rows(output: Output, name: str, article_id: str) -> list[dict[str, Any]]:
    """What a root has of an article's rows, in their order."""
    table = TABLES[name]
    keys = [key for key in ("ordinal",) if key in table.schema.names]
    frame = output.scan(table).filter(pl.col("article_id") == article_id).sort(*keys or ["article_id"]).collect()
    if not frame.height:
        return []
    rows = pa.table({field.name: frame[field.name].to_arrow() for field in table.schema}).cast(plain_schema(table))
    return content_of(rows, table, str(frame["outlet"][0]))


def _written(steps: list[Step]) -> list[list[str]]:
    return [[step.side, step.sibling.hex()] for step in steps]
