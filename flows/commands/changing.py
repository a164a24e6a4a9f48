"""What became of articles: `changes`, a newspaper of corrections; `removals`, a ledger of what is gone; `forget`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.summary import ProgressDisplay, as_json, counted, printable, takes_long, utc
from pressmark.storage.changes import QUIET, changes_of
from pressmark.storage.dataset import Dataset
from pressmark.storage.forgetting import Forgetting, plan_forgetting
from pressmark.storage.forgetting import forget as forget_article
from pressmark.storage.output.tables import Output
from pressmark.transforms.comparison import marked

__all__ = ["changes", "forget", "removals"]

# Of what is equal, so many characters beside each change; of a paragraph that came or went, its first ones.
BESIDE: Final = 40
SHOWN: Final = 300
IN_A_ROW: Final = 3
REVISION: Final = ("article_id", "old_source_sha256", "changed_at")
NO_REMOVALS: Final = "; of a folder, what is gone is known only from an ingest with --sync"
INDENT: Final = " " * 4
SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
BYTES_IN: Final = {
    "archive": "the bytes are in the archive", "history": "the last bytes are in the archive's history",
    None: "the bytes are gone, the text is kept",
}  # fmt: skip
HOW: Final = {
    "deleted": "the file was deleted", "rejected": "the file is no article any more",
    "said": "the archive says that the page was removed", "notice": "the page became a notice",
}  # fmt: skip


def changes(arguments: argparse.Namespace) -> int:
    """Print what revisions changed; the exit code."""
    shown = left_out = 0
    day = ""
    with Dataset(arguments.output) as dataset, ProgressDisplay() as progress:
        found = changes_of(
            Output(dataset.folder), arguments.source, outlet=arguments.outlet, since=arguments.since,
            until=arguments.until, what=arguments.what, about=arguments.about, progress=progress,
        )  # fmt: skip
        for frame in found:
            if arguments.json:
                for row in frame.iter_rows(named=True):
                    print(as_json(row))
                continue
            rest = frame.filter(~QUIET) if arguments.what is None else frame
            left_out += frame.height - rest.height
            for _, some in groupby(rest.iter_rows(named=True), key=itemgetter(*REVISION)):
                rows = list(some)
                today = "at an unknown time" if rows[0]["changed_at"] is None else utc(rows[0]["changed_at"])[:10]
                if today != day:
                    day = today
                    print(f"{day}\n")
                print("\n".join(_headline(rows[0])))
                print("\n\n".join(_told(rows)), end="\n\n")
            shown += rest.height
    if not arguments.json:
        more = f"; {left_out} more in markup or white space alone or page furniture, with --json" if left_out else ""
        print(counted(shown, "change") + more)
    return EXIT_OK


def _headline(row: dict[str, Any]) -> list[str]:
    at = "" if row["changed_at"] is None else f", {utc(row['changed_at'])[11:16]} UTC"
    where = f"  {printable(row['url'] or row['new_source_path'])}"
    return [f"{row['outlet']}{at}: {printable(row['title']) or '(no title)'}", where, f"  article {row['article_id']}"]


def _told(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What a revision changed; of many paragraphs in a row that came or went, the first ones and how many."""
    for kind, some in groupby(rows, key=itemgetter("kind")):
        alike = list(some)
        shown = alike if kind == "changed" or len(alike) <= IN_A_ROW + 1 else alike[:IN_A_ROW]
        yield from ("\n".join(_change(row)) for row in shown)
        if len(alike) > len(shown):
            yield f"  {SIGNS[kind]} {kind} {len(alike) - len(shown)} more"


def _change(row: dict[str, Any]) -> list[str]:
    kind, old, new = row["kind"], row["old_text"], row["new_text"]
    if kind == "changed" and old != new:
        text = marked(old, new, BESIDE)
    else:
        text = new if old is None or old == new else old
        text = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    place = "headline" if row["part"] == "title" else _place(row)
    what = f" ({', '.join(row['what'])})" if row["what"] else ""
    return [f"  {SIGNS[kind]} {kind} {place}{what}", *(INDENT + printable(line) for line in text.split("\n"))]


def _place(row: dict[str, Any]) -> str:
    role = row["new_role"] or row["old_role"] or "paragraph"
    numbers = dict.fromkeys(one for one in (row["old_ordinal"], row["new_ordinal"]) if one is not None)
    return f"{role} {' → '.join(map(str, numbers))}"


def removals(arguments: argparse.Namespace) -> int:
    """Print the ledger; the exit code."""
    with Dataset(arguments.output) as dataset:
        if arguments.carried:
            takes_long("comparing all texts")
        found = dataset.removals(
            arguments.source, outlet=arguments.outlet, since=arguments.since, until=arguments.until,
            about=arguments.about, carried=arguments.carried,
        )  # fmt: skip
    for row in found.iter_rows(named=True):
        print(as_json(row) if arguments.json else "\n".join(_removal(row)), end="\n" if arguments.json else "\n\n")
    if not arguments.json:
        counts = found.group_by("kind").len().sort("kind").iter_rows()
        words = ": " + ", ".join(f"{count} {kind}" for kind, count in counts) if found.height else NO_REMOVALS
        print(counted(found.height, "removal") + words)
    return EXIT_OK


def _removal(row: dict[str, Any]) -> list[str]:
    at = "at an unknown time" if row["removed_at"] is None else utc(row["removed_at"])
    said = f": {printable(row['said'][:SHOWN])}" if row["said"] else ""
    back = "; the article is there again" if row["back"] else ""
    first = " ".join((row["text"] or "").split())
    return [
        f"{at}  {row['outlet']}: {printable(row['title']) or '(no title)'}",
        f"  {printable(row['url'] or 'address unknown')}",
        f"  {HOW[row['kind']]}{said}{back}",
        f"  {printable(first if len(first) <= SHOWN else first[:SHOWN] + '…')}",
        f"  {BYTES_IN[row['bytes_in']]}: {printable(row['source_path'])} of {printable(row['archive'])}, "
        f"sha256 {row['source_sha256']}",
        *(f"  still carried by {one['outlet']}: article {one['article_id']} ({one['share']:.0%} of it)"
          for one in row.get("carried_by", ())),
    ]  # fmt: skip


SHOWN_ARTICLES: Final = 5


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
        some = ", ".join(f"{one} ({count})" for one, count in list(found.shared.items())[:SHOWN_ARTICLES])
        more = f", and {len(found.shared) - SHOWN_ARTICLES} more" if len(found.shared) > SHOWN_ARTICLES else ""
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
