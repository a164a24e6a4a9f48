"""`pressmark trace`: from a paragraph back to its bytes."""

from __future__ import annotations

import argparse
import json

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.summary import printable
from pressmark.storage.output.tables import Output
from pressmark.storage.tracing import Trace, trace_paragraph

__all__ = ["run"]

BYTES_PER_LINE = 16


def run(arguments: argparse.Namespace) -> int:
    """Print a paragraph, its article, and its bytes in their context; the exit code."""
    output = Output(arguments.output)
    trace = trace_paragraph(output, arguments.source, arguments.paragraph_id, context=max(arguments.context, 0))
    print(_json(trace) if arguments.json else _text(trace, hexdump=arguments.hexdump))
    return EXIT_OK


def _text(trace: Trace, *, hexdump: bool) -> str:
    row, article = trace.paragraph, trace.article
    lines = [
        f"paragraph  {row['paragraph_id']}  ({row['role']}, {row['language']}, {row['ordinal'] + 1} of "
        f"{article['paragraph_count']})",
        f"article    {article['title']}",
        f"           {article['outlet']}, {article['published_at'] or 'no date'}, {article['url'] or 'no URL'}",
        f"source     {printable(article['source_path'])}, {article['source_bytes']} bytes",
        f"           sha256 {article['source_sha256']}",
        f"bytes      [{row['byte_start']}, {row['byte_end']})   characters of the article's text [{row['char_start']}, "
        f"{row['char_end']})",
        "",
        row["text"],
        "",
        "source, the span between ⟦ and ⟧:",
        f"{_decoded(trace.before)}⟦{_decoded(trace.span)}⟧{_decoded(trace.after)}",
    ]
    if hexdump:
        lines += ["", *_hexdump(trace.span, row["byte_start"])]
    return "\n".join(lines)


def _decoded(data: bytes) -> str:
    # A source is valid UTF-8: what can't be decoded is a character that the edge of the context cuts.
    return "\n".join(printable(line) for line in data.decode(errors="ignore").splitlines())


def _hexdump(data: bytes, offset: int) -> list[str]:
    lines = []
    for start in range(0, len(data), BYTES_PER_LINE):
        chunk = data[start : start + BYTES_PER_LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in chunk)
        lines.append(f"{offset + start:08x}  {chunk.hex(' '):<{BYTES_PER_LINE * 3}} |{shown}|")
    return lines


def _json(trace: Trace) -> str:
    return json.dumps(
        {"paragraph": trace.paragraph, "article": trace.article, "span_hex": trace.span.hex()},
        ensure_ascii=False,
        default=str,
    )
