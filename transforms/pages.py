"""Which blocks of a whole page are the article's, and which are furniture.

Owns the decision alone: no block is made, changed or dropped here. A small forest of decision trees (`page_model.py`,
grown by `benchmarks/grow_pages.py`) gives each block the probability that it belongs to the story, from the numbers of
`page_features.py`; the page's choice is then the one with the best expected F1. Pure arithmetic, so that the same page
gives the same answer everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from math import exp
from typing import Final, NamedTuple

from pressmark.transforms.blocks import Block
from pressmark.transforms.page_features import CJK, Layout, features, folded
from pressmark.transforms.page_model import score
from pressmark.transforms.page_words import WALLS

__all__ = ["UNSHOWN", "Verdict", "declared_inside", "is_wall", "main_blocks"]

# A page says the same long text twice where it repeats its summary or shows the article for another device.
LONG_ENOUGH_TO_REPEAT: Final = 60
SAME_START: Final = 50
NEARLY_AS_LIKELY: Final = 0.9
# No block that is more likely the article's than not is left out, and none that is hardly likely is taken.
HIGHEST_BAR: Final = 0.5
LOWEST_BAR: Final = 0.15
# A page's title in its head is no part of what it shows.
UNSHOWN: Final = frozenset({"title", "titl-"})

DECLARED: Final = re.compile(
    rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([^\s\"'/>;]{1,40})|^\s*<\?xml[^>]{0,200}encoding\s*=\s*[\"']([^\"']{1,40})",
    re.IGNORECASE,
)
# Standards ask for a declaration in the first 1024 bytes; browsers find later ones too, as pages have them.
PRESCAN_BYTES: Final = 16 * 1024
# What stands in place of a story says little, and what it says is its sign where it says hardly anything.
WALL, HARDLY = 1500, 400
WALL_TITLE, WALL_TEXT = (re.compile("|".join(WALLS[of]), re.IGNORECASE | re.MULTILINE) for of in ("titles", "texts"))


class Verdict(NamedTuple):
    """For each block whether it is the article's, and how likely; `bar` is the likelihood from which on blocks are, and
    `layout` says why."""

    main: list[bool]
    likely: list[float]
    bar: float
    layout: Layout

    def reason(self, index: int) -> str:
        """What `explain` prints of a block that is none of the story."""
        return f"no part of the story: {self.likely[index]:.2f} likely, where the page's story begins at {self.bar:.2f}"


def main_blocks(blocks: Sequence[Block], titles: Sequence[str] = ()) -> Verdict:
    """The article's blocks among those that `cut` makes of a whole page.

    `titles` are those that the page states (`PageFacts.titles`). A page without a story may have no such block.
    """
    layout = features(blocks, titles)
    likely = [
        0.0 if block.path.tag in UNSHOWN else 1 / (1 + exp(-score(row)))
        for block, row in zip(blocks, layout.rows, strict=True)
    ]
    for index in _repeated(blocks, likely):
        likely[index] = 0.0
    sizes = [_words(block.text) for block in blocks]
    bar = _bar(likely, sizes)
    return Verdict([chance >= bar for chance in likely], likely, bar, layout)


def _repeated(blocks: Sequence[Block], likely: Sequence[float]) -> list[int]:
    """Blocks whose long text, or how it starts, stands elsewhere where it is as likely the article's or more so."""
    starts = [
        (folded(block.text[: 2 * SAME_START])[:SAME_START], index)
        for index, block in enumerate(blocks)
        if len(block.text) >= LONG_ENOUGH_TO_REPEAT
    ]
    found = []
    for _, group in groupby(sorted(starts), key=lambda start: start[0]):
        same = [index for _, index in group]
        best = max(likely[index] for index in same)
        kept = next(index for index in same if likely[index] >= NEARLY_AS_LIKELY * best)
        found += [index for index in same if index != kept]
    return found


def _bar(likely: Sequence[float], sizes: Sequence[int]) -> float:
    """The likelihood from which on blocks are taken, so that the choice has the best expected F1 over its words."""
    expected = sum([chance * size for chance, size in zip(likely, sizes, strict=True)])
    order = sorted(range(len(likely)), key=lambda index: (-likely[index], index))
    right = taken = best = 0.0
    bar = HIGHEST_BAR
    for index in order:
        right += likely[index] * sizes[index]
        taken += sizes[index]
        if taken and (score := right / (taken + expected)) > best:
            best, bar = score, likely[index]
    return min(HIGHEST_BAR, max(LOWEST_BAR, bar))


def _words(text: str) -> int:
    return text.count(" ") + 1 + len(CJK.findall(text)) if not text.isascii() else text.count(" ") + 1


def declared_inside(data: bytes) -> str | None:
    """The label of the encoding that a page declares for itself, in a `meta` element or an XML declaration."""
    found = DECLARED.search(re.sub(rb"<!--.*?-->", b"", data[:PRESCAN_BYTES], flags=re.DOTALL))
    label = (found[1] or found[2]).decode("ascii", "replace") if found else None
    # What could be read so far is no UTF-16, whatever it says.
    return "utf-8" if label and label.lower().startswith("utf-16") else label


def is_wall(titles: Sequence[str], content: Sequence[str]) -> bool:
    """Whether a page is by its title or its few words one of an error, or asks for consent or for a proof that a human
    reads it.

    >>> is_wall(["Page not found"], ["It may have been moved."]), is_wall(["Lost and found"], ["A lamp was."])
    (True, False)
    """
    size = sum(map(len, content))
    titled = size <= WALL and any(map(WALL_TITLE.match, titles))
    return titled or (size <= HARDLY and any(map(WALL_TEXT.search, content)))
