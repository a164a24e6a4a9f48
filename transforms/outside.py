"""What stands outside the story of a whole page and is more than furniture: lines right above it, and other stories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pressmark.transforms.blocks import Block
from pressmark.transforms.datelines import PageDates
from pressmark.transforms.evidence import HIDDEN, Evidence, Finding
from pressmark.transforms.people import reports
from pressmark.transforms.stated import Stated
from pressmark.transforms.roles import LINK_SHARE, LONGEST_CREDIT, PHOTO, REPORTERS, link_share

__all__ = ["outside_findings"]

# Date, names and the lead picture's words stand within so many blocks above the first of the story.
HEAD_BLOCKS: Final = 14
LONGEST_DATE: Final = 40
# A box of other stories has so many titles, and these are so much of its text.
LEAST_TITLES: Final = 2
BOX_SHARE: Final = 0.4
FRAMES: Final = frozenset({"html", "body", "main"})

DIGIT: Final = re.compile(r"\d")
MENUS: Final = frozenset({"nav", "footer", "form", "button", "menu", "select"})
HEAD_ROLES: Final = frozenset({"byline", "dateline", "caption"})
CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
# Entries of menus are shorter than titles.
LEAST_WORDS: Final = 4
LEAST_LETTERS: Final = 24
LEAST_CJK: Final = 9

DATE: Final = Finding("dateline", "a date above the page's story")
NAMES: Final = Finding("byline", "names above the page's story")
PICTURE: Final = Finding("caption", "the words of a picture beside the page's story")
TITLE: Final = Finding("related", "a linked title outside the page's story")
CARD: Final = Finding("related", "in a box of titles outside the page's story")


def outside_findings(
    blocks: Sequence[Block], main: Sequence[bool], evidence: Evidence, dated: PageDates, stated: Stated
) -> dict[int, Finding]:
    """What the blocks outside the story are that are not furniture, by position. None of them is content."""
    first = next((index for index, inside in enumerate(main) if inside), 0)
    last = len(main) - next((index for index, inside in enumerate(reversed(main)) if inside), len(main))
    findings: dict[int, Finding] = {}
    for index, block in enumerate(blocks):
        if main[index] or any(token.tag in MENUS for token in block.path):
            continue
        found = [one for token in block.path if (one := evidence.of_element(token)) is not None]
        if HIDDEN in found:
            continue
        above = first - HEAD_BLOCKS <= index < first and len(block.text) <= LONGEST_CREDIT
        finding = _above(block, found, dated, evidence) if above else None
        if finding is None and first <= index < last and any(token.tag == "figcaption" for token in block.path):
            finding = PICTURE
        if finding is None and link_share(block) >= LINK_SHARE and _is_title(block.text):
            finding = TITLE
        if finding is not None:
            findings[index] = finding
    for index in _beside_titles(blocks, main, findings):
        findings.setdefault(index, CARD)
    return findings


def _beside_titles(blocks: Sequence[Block], main: Sequence[bool], findings: Mapping[int, Finding]) -> Iterator[int]:
    """Blocks in a box that is mostly titles of other stories: its label, and dates, numbers and names beside them."""
    titles: Counter[int] = Counter()
    linked: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    barred: set[int] = set()
    for index, block in enumerate(blocks):
        for token in block.path:
            number = id(token)
            if main[index] or token.tag in MENUS or token.tag in FRAMES:
                barred.add(number)
            sizes[number] += len(block.text)
            if findings.get(index) is TITLE:
                titles[number] += 1
                linked[number] += len(block.text)
    boxes = {
        number for number, count in titles.items()
        if count >= LEAST_TITLES and number not in barred and linked[number] >= BOX_SHARE * sizes[number]
    }  # fmt: skip
    for index, block in enumerate(blocks):
        if not main[index] and any(id(token) in boxes for token in block.path):
            yield index


def _above(block: Block, found: Sequence[Finding], dated: PageDates, evidence: Evidence) -> Finding | None:
    text = block.text
    if DIGIT.search(text):
        short = len(text) <= LONGEST_DATE
        if dated.read(text) is not None or (short and dated.read_within(text) is not None):
            return DATE
    if any(token.tag == "figcaption" for token in block.path) or PHOTO.fullmatch(text):
        return PICTURE
    if evidence.byline.fullmatch(text) or reports(text) or REPORTERS.fullmatch(text):
        return NAMES
    return found[-1] if found and found[-1].role in HEAD_ROLES else None


def _is_title(text: str) -> bool:
    if len(CJK.findall(text)) >= LEAST_CJK:
        return True
    return len(text) >= LEAST_LETTERS and len(text.split()) >= LEAST_WORDS
