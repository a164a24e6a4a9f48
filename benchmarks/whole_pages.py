"""Scores what `transforms/pages.py` and `transforms/page_facts.py` find on whole pages with truth.

    python -m benchmarks.whole_pages [--model FILE] [--peers PYTHON]

Prints a table for each set and both of its halves, by a hash of the page's name; the sets and their scorer are in
`../shared/pages`, and nothing is scored where they are missing. `--model` scores another forest, such as one that
`grow_pages.py` grew on one half. Peers run in an interpreter that has trafilatura and readability. No text is printed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import runpy
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import turbohtml

from benchmarks.scoring import SHARED
from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.storage.versions import load_outlets
from pressmark.transforms import pages
from pressmark.transforms.blocks import Block, cut
from pressmark.transforms.datelines import PageDates, dateline_reader
from pressmark.transforms.doors import characters_of
from pressmark.transforms.evidence import evidence_of
from pressmark.transforms.page_facts import PageFacts, page_facts
from pressmark.transforms.roles import classify

__all__ = ["SETS", "Page", "f1", "half", "page_of", "pages_of", "words"]

FOLDER: Final = SHARED / "pages"
SETS: Final = ("aeb", "fundus", "wcxb")
DEPTH: Final = 5000
WORD: Final = re.compile(r"[㐀-鿿豈-﫿぀-ヿ]|[^\W㐀-鿿豈-﫿぀-ヿ]+")
DAY: Final = re.compile(r"((?:19|20)\d\d)(?:\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})|(\d\d)(\d\d)(?!\d))")
PRINTED_DAY: Final = re.compile(
    r"(?:(\d{1,2})\w{0,2}\.?\s+)?([A-Z][a-z]{2})[a-z]*\.?,?\s+(?:(\d{1,2})\w{0,2},?\s+)?((?:19|20)\d\d)"
)
NUMBERED_DAY: Final = re.compile(r"(\d{1,2})[./](\d{1,2})[./]((?:19|20)\d\d)")
MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
PEER: Final = """
import gzip, json, sys
import trafilatura
from lxml import html
from readability import Document
for line in sys.stdin:
    page = gzip.open(line.strip()).read().decode("utf-8", "replace")
    try:
        article = html.fromstring(Document(page).summary()).text_content()
    except Exception:
        article = ""
    print(json.dumps([trafilatura.extract(page, include_comments=False) or "", article]))
"""


class Page(NamedTuple):
    """A page of a set with its truth, facts and blocks."""

    set: str
    truth: Mapping[str, Any]
    facts: PageFacts
    blocks: list[Block]


class Score(NamedTuple):
    """Of one page: F1 over its words, and how many paragraphs are exactly right, were found, and are true."""

    page: Page
    f1: float
    exact: tuple[int, int, int]


def words(text: str) -> list[str]:
    """The words that scores count; a CJK character is one."""
    return [word.casefold() for word in WORD.findall(text)]


def half(page: Page) -> int:
    """Which half of the pages a page is in."""
    return hashlib.md5(f"half {page.truth['source_path']}".encode(), usedforsecurity=False).digest()[0] & 1


@cache
def pages_of(name: str) -> list[Page]:
    """The pages of a set, cut."""
    return list(_read(FOLDER / name))


def _read(folder: Path) -> Iterator[Page]:
    for line in (folder / "truth.jsonl").read_text("utf-8").splitlines():
        truth = json.loads(line)
        yield page_of(folder.name, truth, gzip.decompress((folder / "html" / truth["source_path"]).read_bytes()))


def page_of(name: str, truth: Mapping[str, Any], data: bytes) -> Page:
    """A page of the set `name`, cut."""
    try:
        text = characters_of(data).text
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    return Page(name, truth, page_facts(text), cut(text, max_depth=DEPTH).blocks)


def f1(found: str, truth: str) -> float:
    """F1 over the bags of words of two texts."""
    have, want = Counter(words(found)), Counter(words(truth))
    if not have or not want:
        return float(not have and not want)
    return 2 * sum((have & want).values()) / (sum(have.values()) + sum(want.values()))


def _scored(page: Page, paragraphs: Sequence[str]) -> Score:
    have = Counter(" ".join(text.split()) for text in paragraphs)
    want = Counter(" ".join(text.split()) for text in page.truth.get("paragraphs", ()))
    exact = sum((have & want).values()), sum(have.values()), sum(want.values())
    return Score(page, f1("\n".join(paragraphs), page.truth["text"]), exact)


def _main(page: Page) -> list[str]:
    verdict = pages.main_blocks(page.blocks, page.facts.titles)
    return [block.text for block, main in zip(page.blocks, verdict.main, strict=True) if main]


def _content(page: Page) -> list[str]:
    """The article's blocks that have a content role, where roles are judged among the article's blocks alone."""
    verdict = pages.main_blocks(page.blocks, page.facts.titles)
    chosen = [block for block, main in zip(page.blocks, verdict.main, strict=True) if main]
    outlets = load_outlets()
    outlet = outlets.find(None)
    rules = outlet.rules_on(None)
    reader = dateline_reader(outlet.zone, rules.datelines, outlet.languages)
    roles = classify(chosen, evidence_of(rules, outlets.general), PageDates(reader)).roles
    return [block.text for block, role in zip(chosen, roles, strict=True) if role in CONTENT_ROLES]


def _day(text: str | None) -> str:
    """The day in a time as pages write it."""
    if found := DAY.search(text or ""):
        return f"{found[1]}-{int(found[2] or found[4]):02}-{int(found[3] or found[5]):02}"
    if found := NUMBERED_DAY.search(text or ""):
        first, second = sorted((int(found[1]), int(found[2]))) if int(found[1]) > 12 else (int(found[1]), int(found[2]))
        return f"{found[3]}-{first:02}-{second:02}"
    if (found := PRINTED_DAY.search(text or "")) and found[2] in MONTHS and (found[1] or found[3]):
        return f"{found[4]}-{MONTHS.index(found[2]) + 1:02}-{int(found[1] or found[3]):02}"
    return ""


def _facts_right(page: Page, fact: str) -> bool:
    facts = page.facts
    found = {"title": facts.title, "author": "、".join(facts.authors), "date": _day(facts.published)}[fact]
    folds = [re.sub(r"\W+", "", str(text or "")).casefold() for text in (found, page.truth[fact])]
    return folds[0] == folds[1]


def _row(label: str, scores: Sequence[Score]) -> str:
    """A line of the table: means over the pages of each set, and exact paragraphs."""
    cells = []
    for name in (*SETS[:2], "articles", SETS[2]):
        part = [s.f1 for s in scores if name in (s.page.set, f"{s.page.truth.get('kind')}s")]
        cells.append(f"{sum(part) / len(part):.3f}" if part else "-")
    right, found, true = (
        sum(part) for part in zip(*(score.exact for score in scores if score.page.set == "fundus"), strict=True)
    )
    return " | ".join((label, *cells, f"{2 * right / max(1, found + true):.3f}"))


def _report(label: str, everything: Sequence[Page], find: Callable[[Page], list[str]]) -> None:
    scores = [_scored(page, find(page)) for page in everything]
    print(_row(label, scores))
    for number in (0, 1):
        print(_row(f"{label}, half {number}", [score for score in scores if half(score.page) == number]))


def _peers(python: str, everything: Sequence[Page]) -> None:
    names = [str(FOLDER / page.set / "html" / page.truth["source_path"]) for page in everything]
    done = subprocess.run([python, "-c", PEER], input="\n".join(names), capture_output=True, text=True, check=True)
    texts = [json.loads(line) for line in done.stdout.splitlines()]
    for number, peer in enumerate(("trafilatura", "readability")):
        found = [_scored(page, text[number].split("\n")) for page, text in zip(everything, texts, strict=True)]
        print(_row(peer, found))


def _times(everything: Sequence[Page]) -> None:
    """Seconds of a bare parse, of the cut, of the facts and of the decision."""
    data = [
        gzip.decompress((FOLDER / p.set / "html" / p.truth["source_path"]).read_bytes()).decode("utf-8", "replace")
        for p in everything
    ]
    steps: dict[str, Callable[[], object]] = {
        "turbohtml.parse": lambda: [turbohtml.parse(text) and None for text in data],
        "cut": lambda: [cut(text, max_depth=DEPTH) and None for text in data],
        "page_facts": lambda: [page_facts(text) and None for text in data],
        "main_blocks": lambda: [pages.main_blocks(page.blocks, page.facts.titles) and None for page in everything],
    }
    for name, step in steps.items():
        start = time.process_time()
        step()
        print(f"{name}: {time.process_time() - start:.2f} s for {len(data)} pages")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a forest to score instead of the project's")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with trafilatura and readability-lxml")
    given = parser.parse_args()
    if not FOLDER.is_dir():
        print(f"nothing was scored: the pages are not there (`{FOLDER}`)", file=sys.stderr)
        return 2
    if given.model:
        vars(pages)["score"] = runpy.run_path(str(given.model))["score"]
    everything = [page for name in SETS for page in pages_of(name)]
    print("F1 | aeb | fundus | wcxb, articles | wcxb, all kinds | fundus, exact paragraphs")
    _report("main blocks", everything, _main)
    _report("with content roles", everything, _content)
    if given.peers:
        _peers(given.peers, everything)
    for fact in ("title", "author", "date"):
        told = [page for page in everything if page.truth.get(fact)]
        right = [page for page in told if _facts_right(page, fact)]
        shares = [f"{sum(half(p) == n for p in right) / sum(half(p) == n for p in told):.3f}" for n in (0, 1)]
        print(f"{fact}: {len(right)}/{len(told)} {len(right) / len(told):.3f}, halves {' '.join(shares)}")
    _times(everything)
    return 0


if __name__ == "__main__":
    sys.exit(main())
