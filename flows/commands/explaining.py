"""What needs no output: `explain`, a source block by block, and `completion`, a script for a shell."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, build_parser
from pressmark.flows.summary import as_json, printable
from pressmark.storage.errors import InputError
from pressmark.storage.settings import IngestSettings

if TYPE_CHECKING:
    from pressmark.transforms.explanation import Explanation

__all__ = ["completion", "explain"]

SHOWN_CHARACTERS: Final = 60
SHOWN_ELEMENTS: Final = 4


def explain(arguments: argparse.Namespace) -> int:
    """Print what a source becomes and why; the exit code."""
    from pressmark.storage.inputs.folder import Folder
    from pressmark.storage.inputs.source import Request, sources_of
    from pressmark.storage.versions import load_outlets
    from pressmark.transforms.dates import SCHEDULED_AHEAD
    from pressmark.transforms.explanation import explain as explain_source
    from pressmark.transforms.records import Reject

    path: Path = arguments.source_file
    limits = IngestSettings(max_source_mib=arguments.max_source_mib).limits
    if path.is_dir():
        inside = sources_of(Folder(path).listing(Request()).frame.head(1))
        example = f"such as `{path / inside[0].source_path}`" if inside else "which holds no article"
        raise InputError("this is a folder", path, f"name one file of it, {example}")
    if not path.is_file():
        raise InputError("there is no such file", path, "name one file of an archive")
    file = Folder(path)
    ((source, data),) = file.contents(sources_of(file.listing(Request()).frame), limits)
    found = (
        data
        if isinstance(data, Reject)
        else explain_source(data, source.source_path, load_outlets(), limits, datetime.now(UTC) + SCHEDULED_AHEAD)
    )
    if isinstance(found, Reject):
        where = "" if found.byte_offset is None else f" at byte {found.byte_offset}"
        record = {name: getattr(found, name) for name in ("source_path", "reason", "byte_offset", "detail")}
        detail = "\n".join(map(printable, found.detail.splitlines()))
        print(as_json(record) if arguments.json else f"{printable(found.source_path)}: {found.reason}{where}: {detail}")
        return EXIT_NOTHING
    print(as_json(_record(found)) if arguments.json else _text(found))
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
        lines += [
            f"{ordinal:4}  {row.role:<12} {block.reason}",
            f"      [{row.byte_start}, {row.byte_end})  {row.language}  {printable(_path(block.elements))}",
            f"      {text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + '…'}",
        ]
    return "\n".join(lines)


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
                **block.paragraph._asdict(), "text": block.paragraph.text.decode(), "reason": block.reason,
                "elements": block.elements,
            }
            for block in found.blocks
        ],
    }  # fmt: skip


def completion(arguments: argparse.Namespace) -> int:
    """Print the shell's completion script, with every command, option and path; the exit code."""
    import shtab

    parser = build_parser()
    _complete_paths(parser, shtab.FILE)
    print(shtab.complete(parser, shell=arguments.shell))
    return EXIT_OK


def _complete_paths(parser: argparse.ArgumentParser, files: object) -> None:
    """Let every argument that is a path complete to files and folders, those of commands included."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to walk a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # its only name
            for command in action.choices.values():
                _complete_paths(command, files)
        elif action.type is Path or action.dest in ("source", "output"):
            action.complete = files  # type: ignore[attr-defined]  # where shtab looks for it
