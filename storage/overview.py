"""What an output holds, at a glance: counts per partition and the list of rejects."""

from __future__ import annotations

from typing import NamedTuple

from pressmark.schemas import TABLES
from pressmark.schemas.contract import UNKNOWN_MONTH
from pressmark.storage.output.tables import Output
from pressmark.storage.state import count_rows, open_part

__all__ = ["OutletCount", "RejectLine", "outlet_counts", "reject_lines"]


class OutletCount(NamedTuple):
    """Rows of one outlet, and its first and last month (day, year), `unknown` only where it has no other."""

    outlet: str
    articles: int
    paragraphs: int
    first_month: str
    last_month: str


class RejectLine(NamedTuple):
    """A reject without its bytes."""

    source_path: str
    reason: str
    byte_offset: int | None
    detail: str


def outlet_counts(output: Output) -> list[OutletCount]:
    """Counts per outlet in the order of slugs, from the files' footers alone."""
    articles: dict[str, int] = {}
    paragraphs: dict[str, int] = {}
    months: dict[str, set[str]] = {}
    for name, totals in (("articles", articles), ("paragraphs", paragraphs)):
        for partition, rows in count_rows(output, TABLES[name]):
            if partition is None:
                continue
            totals[partition.outlet] = totals.get(partition.outlet, 0) + rows
            months.setdefault(partition.outlet, set()).add(partition.period.partition("=")[2])
    counts = []
    for outlet in sorted(articles):
        known = months[outlet] - {UNKNOWN_MONTH} or months[outlet]
        counts.append(OutletCount(outlet, articles[outlet], paragraphs.get(outlet, 0), min(known), max(known)))
    return counts


def reject_lines(output: Output) -> list[RejectLine]:
    """All rejects in the order of their paths."""
    lines: list[RejectLine] = []
    for _, entry in output.parts(TABLES["rejects"]):
        with open_part(output, entry) as file:
            rows = file.read(list(RejectLine._fields), use_threads=False).to_pylist()
            lines += [RejectLine(**row) for row in rows]
    return lines
