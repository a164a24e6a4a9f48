"""`pressmark explain`: an article block by block, with the evidence that decided each role."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from pressmark.flows.cli import EXIT_OK, EXIT_REJECTS, MIB
from pressmark.flows.summary import printable
from pressmark.storage.errors import InputError
from pressmark.storage.inputs.folder import Folder
from pressmark.storage.inputs.source import Request
from pressmark.storage.versions import load_outlets
from pressmark.transforms.dates import SCHEDULED_AHEAD
from pressmark.transforms.explanation import Explanation, explain
from pressmark.transforms.records import Limits, Reject

__all__ = ["run"]

SHOWN_CHARACTERS = 60
SHOWN_ELEMENTS = 4


def run(arguments: argparse.Namespace) -> int:
    """Print what a source becomes and why; the exit code."""
    path = arguments.source_file
    if not path.is_file():
        raise InputError("there is no such file", path, "give one source of an archive")
    limits = Limits(source_bytes=arguments.max_source_mib * MIB)
    file = Folder(path)
    ((source, data),) = file.contents(file.listing(Request()).sources, limits)
    outcome = (
        data
        if isinstance(data, Reject)
        else explain(data, source.source_path, load_outlets(), limits, datetime.now(UTC) + SCHEDULED_AHEAD)
    )
    if isinstance(outcome, Reject):
        where = "" if outcome.byte_offset is None else f" at byte {outcome.byte_offset}"
        print(f"{printable(outcome.source_path)}: {outcome.reason}{where}: {_lines(outcome.detail)}")
        return EXIT_REJECTS
    print(json.dumps(_record(outcome), ensure_ascii=False, default=str) if arguments.json else _text(outcome))
    return EXIT_OK


def _text(found: Explanation) -> str:
    article, outlet, dates = found.article, found.outlet, found.article.dates
    zone = outlet.zone.key
    layout = "its layout is known" if found.has_layout else "general rules only: no layout is known for this day"
    lines = [
        f"source      {printable(article.source_path)}, {article.source_bytes} bytes, {article.header.dialect}",
        f"title       {printable(article.header.title)}",
        f"outlet      {article.outlet} ({outlet.name_zh}), {layout}",
        f"author      {printable(article.author or '-')}",
        f"published   {dates.published_at or '-'} from {dates.published_from}; {dates.local_date or '-'} in {zone}",
        f"header      {article.header.header_at or article.header.front_matter_at or '-'}",
        f"dateline    {dates.dateline_at or '-'}",
        f"in the URL  {dates.url_date or '-'}",
        f"conflict    {'yes' if dates.date_conflict else 'no'}",
        f"language    {article.language}",
        "",
    ]
    for ordinal, block in enumerate(found.blocks):
        row = block.paragraph
        text = printable(row.text.decode())
        shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
        lines += [
            f"{ordinal:4}  {row.role:<12} {block.reason}",
            f"      [{row.byte_start}, {row.byte_end})  {row.language}  {printable(_path(block.elements))}",
            f"      {shown}",
        ]
    return "\n".join(lines)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.splitlines()))


def _path(elements: tuple[str, ...]) -> str:
    if not elements:
        return "no element"
    return " > ".join(["…", *elements[-SHOWN_ELEMENTS:]] if len(elements) > SHOWN_ELEMENTS else elements)


def _record(found: Explanation) -> dict[str, Any]:
    article = found.article
    return {
        "source_path": article.source_path,
        "outlet": article.outlet,
        "has_layout": found.has_layout,
        "author": article.author,
        "dates": article.dates._asdict(),
        "blocks": [
            {
                **block.paragraph._asdict(),
                "text": block.paragraph.text.decode(),
                "reason": block.reason,
                "elements": block.elements,
            }
            for block in found.blocks
        ],
    }
