"""`forget`: takes one article out of an output, after it has said what that removes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.summary import as_json, printable
from pressmark.storage.forgetting import Forgetting, plan_forgetting
from pressmark.storage.forgetting import forget as forget_article
from pressmark.storage.output.tables import Output

__all__ = ["forget"]

SHOWN = 5


def forget(arguments: argparse.Namespace) -> int:
    """Say what forgetting takes, do it where `--yes` is given, and tell what is left; the exit code."""
    output = Output(arguments.output)
    with ProgressDisplay() as progress:
        if arguments.yes:
            found = forget_article(arguments.article_id, output, reason=arguments.reason, progress=progress)
        else:
            found = plan_forgetting(output, arguments.article_id, progress)
    if arguments.json:
        print(as_json(found._asdict() | {"traces": [one._asdict() for one in found.traces]}))
    else:
        print("\n".join(_lines(found)))
    return EXIT_NOTHING if found.traces else EXIT_OK


def _lines(found: Forgetting) -> Iterator[str]:
    done = found.run_id is not None
    rows = ", ".join(f"{count} of `{name}`" for name, count in found.rows.items() if count)
    yield f"article {found.article_id}: {printable(found.title) or '(no title)'}"
    yield f"  rows that {'went' if done else 'go'}: {rows}"
    say = "say" if done else "will say"
    yield f"  rows in `rejects` that {say} so, with the path of a source and no text: {found.sources}"
    for name in found.files:
        yield f"  file with text of it that {'went' if done else 'goes'}: {printable(name)}"
    if found.shared:
        some = ", ".join(f"{one} ({count})" for one, count in list(found.shared.items())[:SHOWN])
        more = f", and {len(found.shared) - SHOWN} more" if len(found.shared) > SHOWN else ""
        yield f"  other articles that have pieces of its text, and stay: {some}{more}"
    if not done:
        yield "nothing was changed: give --yes to do it"
        return
    for trace in found.traces:
        column = "" if trace.column is None else f" in `{trace.column}`"
        yield f"  STILL THERE: its {'id' if trace.is_id else 'text'}{column} of {printable(trace.file)}"
    if not found.traces:
        yield "no file of the output has its id or its text, but for the rows that say so"
    yield "destinations lose it with the next `pressmark load`; archive, backups and exports elsewhere still have it"
