"""Scores roles with each kind of rule left out: what every kind is worth on layouts that no rule was written beside.

    python -m benchmarks.left_out [--half HALF...] [--git REPOSITORY...]

Uses halves of the labels (`tune`, if none is named) and the hand-labelled articles of `../shared/gold`;
`benchmarks/labels/GUIDE.md` says where the articles come from.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from benchmarks import scoring
from benchmarks.labels import __main__ as labels
from benchmarks.labels.__main__ import labelled, score, sources
from pressmark.storage.versions import load_outlets
from pressmark.transforms import article, neighbours, outside, own_links, roles
from pressmark.transforms.outlets import Outlets
from pressmark.transforms.page_statements import Stated

NEVER: Final = re.compile(r"(?!)")


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _no(*_: Any) -> bool:
    return False


def _empty(*_: Any) -> tuple[()]:
    return ()


# What each kind of rule hangs on: owner, name, and what stands in its place.
KINDS: Final[dict[str, tuple[tuple[object, str, object], ...]]] = {
    "the article's own title": ((Stated, "is_title", _no),),
    "a sentence apart below the title": ((neighbours, "standfirst", _nothing), (article, "standfirst", _nothing)),
    "numbers that go on": ((neighbours, "_numbers", _nothing),),
    "lists of links as the story": ((own_links, "_digest", _nothing),),
    "boxes with a linked heading": ((own_links, "_boxes", _nothing),),
    "alone with a caption": ((neighbours, "_pictures", _nothing),),
    "italic and bold lines at the end": ((neighbours, "_closing", _nothing),),
    "stated authors": ((Stated, "is_author", _no),),
    "names beside dates": ((roles, "beside_date", _nothing), (outside, "beside_date", _nothing)),
    "e-mail addresses": ((roles, "EMAIL", NEVER), (outside, "EMAIL", NEVER)),
    "credits by their form": ((roles, "CREDITED", NEVER), (outside, "CREDITED", NEVER)),
    "length of headings by script": ((roles, "_longest", lambda _, limit: limit),),
    "sign-up boxes": ((outside, "SIGN_UP", NEVER),),
    "lines above a page's story": ((outside, "_above", _nothing),),
    "lines below a page's story": ((outside, "_below", _nothing),),
    "boxes and labels of titles": ((outside, "beside_titles", _empty), (outside, "labels", _empty)),
    "cards in a row": ((outside, "in_rows", _empty),),
    "names of menus": ((outside, "MENU", NEVER),),
    "names of steps": ((outside, "STEP", NEVER),),
    "elements amid a page's story": ((outside, "_amid", _nothing),),
    "lines below pictures": ((neighbours, "_captions", _no),),
    "cells of tables": ((neighbours, "_tables", _nothing),),
    "items and tables amid a page's story": ((article, "amid", lambda _, main, __: list(main)),),
    "what is like other stories": ((outside, "like_others", lambda *_: (set(), set())),),
    "sentences in menus": ((outside, "_sentences", _empty),),
    "pleas": ((outside, "_asks", _no),),
    "bibliographies": ((neighbours, "_references", _nothing),),
    "links that are the story's": ((own_links, "_own_links", _nothing),),
    "lines that are links": ((outside, "LINE_SHARE", 0.8),),
    "authors named beside dates and the story": ((Stated, "names_author", _no),),
    "an interview's questions": ((neighbours, "_interview", _nothing),),
    "elements named for other stories": ((outside, "BY_CLASS", "\0"),),
    "what holds against a page's verdict": ((article, "SAID", ("starts with",)),),
}
WORDS: Final = {
    "class words": {"classes": ()},
    "wording": {"starts": (), "contains": ()},
    "words of by-lines": {"byline_words": ()},
}


@contextmanager
def without(kind: str) -> Iterator[None]:
    undo = [patch.object(owner, name, instead) for owner, name, instead in KINDS[kind]]
    for each in undo:
        each.start()
    try:
        yield
    finally:
        for each in undo:
            each.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", nargs="+", choices=labels.HALVES, default=["tune"], help="of the labels [tune]")
    parser.add_argument("--git", nargs="+", default=[], type=Path, help="repositories with labelled blobs")
    arguments = parser.parse_args()
    tune = [one for half in arguments.half for one in labelled(half)]
    found = sources(tune, [scoring.SHARED], arguments.git)
    tune = [one for one in tune if one["source_sha256"] in found]
    gold = scoring.gold_articles()
    outlets = load_outlets()

    def row(name: str, registry: Outlets) -> None:
        with patch.object(labels, "load_outlets", lambda: registry):
            both = (score(tune, found)["all"], scoring.score(gold, registry)["all"])
        cells = [f"{one.macro_f1:.3f} | {one.accuracy:.3f} | {one.content_f1:.4f}" for one in both]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)

    print("| left out | macro F1 | accuracy | content F1 | gold: macro F1 | accuracy | content F1 |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    row("nothing", outlets)
    for kind in KINDS:
        with without(kind):
            row(kind, outlets)
    for kind, parts in WORDS.items():
        changes: Any = parts
        row(kind, replace(outlets, general=replace(outlets.general, **changes)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
