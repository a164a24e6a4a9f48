"""`search`: blocks that a query finds, as a list with the hits marked, or as JSON lines; and `index`."""

from __future__ import annotations

import argparse
import re
from typing import Any, Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.summary import as_json, printable, utc
from pressmark.storage.dataset import Dataset
from pressmark.storage.output.tables import Output
from pressmark.storage.search_index import build_index

__all__ = ["index", "search"]

# Of a list; `--json` gives all.
LISTED: Final = 20
# Characters of a block's text.
AROUND: Final = 60
SHOWN: Final = 400


def search(arguments: argparse.Namespace) -> int:
    """Print what the query finds; the exit code."""
    limit = arguments.limit or (None if arguments.json else LISTED)
    with Dataset(arguments.output) as dataset:
        found = dataset.search(
            arguments.query, outlet=arguments.outlet, since=arguments.since, until=arguments.until,
            role=arguments.role, superseded=not arguments.current, limit=limit and limit + 1,
        )  # fmt: skip
    hits = found if limit is None else found.head(limit)
    for hit in hits.iter_rows(named=True):
        print(as_json(hit) if arguments.json else "\n".join(_lines(hit)))
    if not arguments.json:
        more = f"; these are the newest {limit}, `--limit` gives more" if found.height > hits.height else ""
        print(f"{hits.height} block{'s' if hits.height > 1 else ''} found{more}" if hits.height else "nothing found")
    return EXIT_OK if hits.height else EXIT_NOTHING


def index(arguments: argparse.Namespace) -> int:
    """Bring the index up to date, and print what it has; the exit code."""
    with ProgressDisplay() as progress:
        read, size = build_index(Output(arguments.output), progress)
    if arguments.json:
        print(as_json({"files_read": read, "index_bytes": size}))
    else:
        done = f"{read} files were indexed" if read else "the index is up to date"
        print(f"{done}; it has {size / 1e6:.1f} MB")
    return EXIT_OK


def _lines(hit: dict[str, Any]) -> list[str]:
    """Where the block stands, and its text around the hits."""
    published = "no date" if hit["published_at"] is None else utc(hit["published_at"])[:10]
    state = hit["role"] if hit["current"] else f"superseded, revision {hit['revision_id']}"
    name = hit["paragraph_id"] or f"{hit['article_id']}, block {hit['ordinal']}"
    return [
        f"{published}  {hit['outlet']}  {printable(hit['title'] or '-')}",
        f"  {_marked(hit['text'], [(span['start'], span['end']) for span in hit['spans']])}",
        f"  {name}  ({state})  {printable(hit['url'] or 'no URL')}",
        "",
    ]


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    """The hits between » and «, with what stands around them, on one line.

    >>> _marked("One fish,\\ntwo fish.", [(4, 8), (14, 18)])
    'One »fish«, two »fish«.'
    """
    said, shown = "", 0
    for start, end in spans or [(0, 0)]:
        if len(said) > SHOWN:
            break
        begin = max(shown, start - AROUND)
        said += f"{'…' if begin > shown else ''}{text[begin:start]}" + (f"»{text[start:end]}«" if end else "")
        shown = end
    rest = text[shown : shown + AROUND]
    return printable(re.sub(r"\s", " ", f"{said}{rest}{'…' if len(text) > shown + AROUND else ''}"))
