"""Where other stories stand on a whole page: boxes of titles, cards in a row, steps to the next one, labels above.

Looks at how elements repeat, link and are named; a block's own wording is not asked.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from turbohtml import Token

from pressmark.transforms.blocks import Block
from pressmark.transforms.evidence import HEADINGS, NAMING
from pressmark.transforms.outlets import class_words
from pressmark.transforms.path import Path, outwards

__all__ = [
    "ADVERT", "BUTTON", "LABEL", "MENU", "MENUS", "MOST_TITLES", "STEP", "beside_titles", "in_menu",
    "in_rows", "is_called", "labels", "like_others", "named", "named_tag", "page_numbers",
]  # fmt: skip

MENUS: Final = frozenset({"nav", "footer", "form", "button", "menu", "select"})
FRAMES: Final = frozenset({"html", "body", "main"})
# What elements of menus, links that are no titles, steps and labels are called.
MENU: Final = re.compile(
    r" (?:menu|sub ?menu|dropdown|nav ?bar|(?:main|site|block) nav|bread ?crumbs?|shar(?:e|ing)|social|skip ?links?"
    r"|logo|log ?in|sign ?in|languages?|cookies?|tool ?bar|pagination|pager|search"
    r"|site (?:footer|title|branding)|widget categories|cat item|category rootline|calendar|respond"
    r"|off ?canvas|services?) "
)
ADVERT: Final = re.compile(r" (?:pop ?up|pop|modal|overlay|dialog|ad|ads|advert|advertisement) ")
FOOTER: Final = re.compile(r" (?:(?:(?:site|page|main|global|sub) )?footer |foot $|colophon )")
BUTTON: Final = re.compile(r" (?:btn|buttons?|toggle|cta|abo|action|tools?) ")
STEP: Final = re.compile(
    r" (?:(?:nav|navigation|links|pager|post|article|story|page) (?:prev|previous|next)"
    r"|(?:prev|previous|next) (?:post|article|story|link)|post ?nav|nav post|loop nav) "
)
LABEL: Final = re.compile(r" (?:titles?|head|header|heading|hd|tit|headline) ")
# A box of other stories has so many titles, and these are so much of its text.
LEAST_TITLES: Final = 2
BOX_SHARE: Final = 0.4
LONGEST_LABEL: Final = 60
# Of elements in a row, so many have titles where they are cards; no card has more titles or text than this.
ROW_SHARE: Final = 0.6
MOST_TITLES: Final = 2
LONGEST_CARD: Final = 1500
# Elements of one kind are other stories' where so many of their blocks are, and furniture where hardly any are.
MOSTLY: Final = 0.5
HARDLY: Final = 0.25
UNNUMBERED: Final = re.compile(r"[\W\d_]+")


def named(token: Token) -> str:
    """The words of an element's class, `id`, `rel` and what else names it, in spaces; a heading's `id` does not."""
    left = "id" if token.tag in HEADINGS else ""
    return _words(" ".join([value for key, value in token.attrs or () if key in NAMING and key != left and value]))


@lru_cache(maxsize=10_000)
def _words(names: str) -> str:
    return f" {class_words(names)} " if names else ""


def named_tag(token: Token) -> str:
    """An element's name and classes."""
    return f"{token.tag}{next((value for key, value in token.attrs or () if key == 'class'), '')}"


def is_called(block: Block, words: re.Pattern[str], frames: Collection[int]) -> bool:
    """Whether an element around a block, other than `frames`, has a name with one of `words` in it."""
    return any(id(token) not in frames and words.search(named(token)) for token in block.path)


def in_menu(block: Block) -> bool:
    """Whether a block stands in an element for menus or forms, or in the footer of a page, not of an article."""
    inside = False
    for token in block.path:
        if token.tag == "article" or token.tag == "figure":
            inside = True
        elif (token.tag in MENUS and token.tag != "footer") or (not inside and _is_footer(token)):
            return True
    return False


def _is_footer(token: Token) -> bool:
    return token.tag == "footer" or FOOTER.match(named(token)) is not None


def page_numbers(blocks: Sequence[Block]) -> set[int]:
    """Linked numbers that stand beside other numbers."""
    numbers = [index for index, block in enumerate(blocks) if block.text.isdecimal()]
    return {one for pair in pairwise(numbers) if pair[1] == pair[0] + 1 for one in pair}


def labels(
    blocks: Sequence[Block], main: Sequence[bool], others: Collection[int], barred: Collection[int]
) -> list[int]:
    """Blocks right above titles of other stories that announce them."""
    return [
        index for index in range(len(blocks) - LEAST_TITLES)
        if not main[index] and index not in others and index not in barred and len(blocks[index].text) <= LONGEST_LABEL
        and all(index + after in others for after in range(1, LEAST_TITLES + 1)) and _announces(blocks[index])
    ]  # fmt: skip


def _announces(block: Block) -> bool:
    return block.bold or any(token.tag in HEADINGS or LABEL.search(named(token)) for token in block.path)


def in_rows(
    blocks: Sequence[Block], main: Sequence[bool], titles: Collection[int], barred: Collection[int]
) -> set[int]:
    """Blocks in cards: elements of one kind in a row, where more than one has the title of another story."""
    frames = {id(path) for index, block in enumerate(blocks) if main[index] for path in outwards(block.path)}
    rows: dict[tuple[int, str], set[int]] = defaultdict(set)
    titled: Counter[int] = Counter()
    for index, block in enumerate(blocks):
        for path in outwards(block.path) if not main[index] else ():
            if id(path) not in frames:
                rows[id(path.outer), _kind(path)].add(id(path))
                titled[id(path)] += index in titles
    cards = {
        number for row in rows.values()
        if sum(bool(titled[each]) for each in row) >= max(LEAST_TITLES, ROW_SHARE * len(row))
        for number in row if titled[number] <= MOST_TITLES
    }  # fmt: skip
    held: dict[int, list[int]] = defaultdict(list)
    for index, block in enumerate(blocks):
        for path in outwards(block.path) if not main[index] else ():
            if id(path) in cards:
                held[id(path)].append(index)
    found: set[int] = set()
    for inside in held.values():
        if sum([len(blocks[index].text) for index in inside]) <= LONGEST_CARD:
            found.update(inside)
    return found.difference(barred)


def like_others(blocks: Sequence[Block], main: Sequence[bool], others: Collection[int]) -> tuple[set[int], set[int]]:
    """Blocks right between other stories' or in elements like most of theirs, and those of `others` that are like
    furniture."""
    more = {index + 1 for index in others if index + 2 in others and not main[index + 1]}
    fewer: set[int] = set()
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, block in enumerate(blocks):
        if not main[index]:
            alike[tuple(map(named_tag, block.path))].append(index)
    for same in alike.values():
        share = sum([index in others for index in same]) / len(same)
        if share >= MOSTLY:
            more.update(same)
        elif share < HARDLY:
            fewer.update(index for index in same if index in others)
    return more, fewer


def _kind(path: Path) -> str:
    """An element's name and the first of its classes without numbers: what those in a row share."""
    attributes = () if path.token is None else path.token.attrs or ()
    classes = next((value for key, value in attributes if key == "class" and value), "").split()
    return f"{path.tag}.{UNNUMBERED.sub('', classes[0]) if classes else ''}"


def beside_titles(
    blocks: Sequence[Block], main: Sequence[bool], titles: Collection[int], barred: Collection[int]
) -> Iterator[int]:
    """Blocks in a box that is mostly titles of other stories: its label, and dates, numbers and names beside them."""
    counts: Counter[int] = Counter()
    linked: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    ends: dict[int, int] = {}
    closed: set[int] = set()
    for index, block in enumerate(blocks):
        for token in block.path:
            number = id(token)
            if main[index] or token.tag in MENUS or token.tag in FRAMES:
                closed.add(number)
            sizes[number] += len(block.text)
            if index in titles:
                counts[number] += 1
                linked[number] += len(block.text)
                ends[number] = index
    boxes = {
        number for number, count in counts.items()
        if count >= LEAST_TITLES and number not in closed and linked[number] >= BOX_SHARE * sizes[number]
    }  # fmt: skip
    for index, block in enumerate(blocks):
        if main[index] or index in barred:
            continue
        # The innermost element with a title in it, and the one inside of that which has none.
        around = [token for token in block.path if counts[id(token)]]
        if not around or not any(id(token) in boxes for token in around):
            continue
        nearest = id(around[-1])
        if counts[nearest] < LEAST_TITLES or (nearest in boxes and index < ends[nearest]):
            yield index
