"""`pressmark diff`: two revisions of an article, paragraph by paragraph."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.summary import printable, table
from pressmark.storage.errors import OutputError
from pressmark.storage.moments import Stage, stages_of
from pressmark.storage.output.tables import Output
from pressmark.transforms.comparison import Difference, compare, marked, paragraphs_of

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print what changed; the exit code."""
    output = Output(arguments.output)
    stages = stages_of(output, arguments.article_id)
    if arguments.list:
        print(_listed(stages))
        return EXIT_OK
    if arguments.revisions is not None:
        chosen = tuple(number - 1 for number in arguments.revisions)
        if max(chosen) >= len(stages):
            raise OutputError(f"the article has {len(stages)} revisions", output.address, "see `pressmark diff --list`")
    elif len(stages) == 1:
        print(f"{_listed(stages)}\n\nthere is no other revision of this article")
        return EXIT_OK
    else:
        chosen = _latest_change(stages)
    old, new = (stages[number] for number in chosen)
    differences = compare(paragraphs_of(old.text), paragraphs_of(new.text))
    if arguments.json:
        print(json.dumps([difference._asdict() for difference in differences], ensure_ascii=False))
    else:
        print(_text(stages, chosen, differences, everything=arguments.all))
    return EXIT_OK


def _latest_change(stages: Sequence[Stage]) -> tuple[int, int]:
    """The latest two neighbours whose texts differ, else the latest two."""
    for number in range(len(stages) - 1, 0, -1):
        if stages[number - 1].text != stages[number].text:
            return number - 1, number
    return len(stages) - 2, len(stages) - 1


def _listed(stages: Sequence[Stage]) -> str:
    rows = [
        (number, _time(stage), "current" if stage.current else _end(stage), printable(stage.source_path))
        for number, stage in enumerate(stages, 1)
    ]
    return table(("revision", "from (UTC)", "until (UTC)", "path"), rows)


def _time(stage: Stage) -> str:
    return "" if stage.valid_from is None else f"{stage.valid_from:%Y-%m-%d %H:%M:%S}"


def _end(stage: Stage) -> str:
    return "stands" if stage.valid_to is None else f"{stage.valid_to:%Y-%m-%d %H:%M:%S}"


def _text(
    stages: Sequence[Stage], chosen: Sequence[int], differences: Sequence[Difference], *, everything: bool
) -> str:
    old, new = (stages[number] for number in chosen)
    lines = [_listed(stages), ""]
    if old.title != new.title:
        lines += [f"title  {printable(marked(old.title, new.title))}", ""]
    for difference in differences:
        if difference.kind != "same" or everything:
            lines.append(_line(difference))
    counts = Counter(str(difference.kind) for difference in differences)
    kinds = ("same", "changed", "moved", "added", "removed")
    words = ", ".join(f"{counts[kind]} {kind}" for kind in kinds)
    if all(difference.kind == "same" for difference in differences):
        words += "; only markup differs" if old.source_sha256 != new.source_sha256 else "; the bytes are the same"
    return "\n".join([*lines, "", f"revision {chosen[0] + 1} to {chosen[1] + 1}: paragraphs {words}"])


def _line(difference: Difference) -> str:
    kind, before, after, old, new = difference
    text = marked(old, new) if kind == "changed" and old is not None and new is not None else new or old or ""
    place = " → ".join(str(number) for number in dict.fromkeys((before, after)) if number is not None)
    return f"{kind:<8} {place:>9}  " + "\n".join(f"{'':<20}{printable(line)}" for line in text.split("\n")).lstrip()
