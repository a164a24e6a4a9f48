"""What a page's layout says of each block: the numbers by which `pages.py` tells the article from the rest.

Owns the numbers and their order, `FEATURES`. All follow from elements, place, form and neighbours, and from words that
pages in general use (`page_words.py`); no number stands for a text. Each element and block is looked at a fixed number
of times, so that the cost grows with the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from turbohtml import Token

from pressmark.transforms.blocks import Block, element_name
from pressmark.transforms.elements import Path
from pressmark.transforms.page_words import CLASSES, LABELS

__all__ = ["CJK", "FEATURES", "Layout", "features", "folded", "since"]

CLASS_GROUPS: Final = tuple(CLASSES)
# Elements whose distance upwards counts; several names are one kind.
KINDS: Final = (
    "article", "main", "nav", "header", "footer", "aside", "form", "section", "figure", "list", "table", "blockquote",
    "button", "heading", "li", "p", "td", "noscript", "body_property",
)  # fmt: skip
DISTANCES: Final = (*(f"in_{kind}" for kind in KINDS), *(f"class_{group}" for group in CLASS_GROUPS), "hidden")
COMMENT: Final = DISTANCES.index("class_comment")
GROUPS_OF_WORD: Final[dict[str, tuple[int, ...]]] = {}
for _number, _group in enumerate(CLASS_GROUPS, len(KINDS)):
    for _word in CLASSES[_group].split():
        GROUPS_OF_WORD[_word] = (*GROUPS_OF_WORD.get(_word, ()), _number)
KIND_OF_TAG: Final[Mapping[str, int]] = {
    name: KINDS.index(kind)
    for name, kind in {
        **{kind: kind for kind in KINDS}, "ul": "list", "ol": "list", "dl": "list", "menu": "list", "dialog": "form",
        "figcaption": "figure", "caption": "figure", "picture": "figure", "select": "button", "option": "button",
        "label": "button", "textarea": "button", "iframe": "noscript", "th": "td", "dd": "li", "dt": "li",
        "pre": "blockquote", **{f"h{n}": "heading" for n in range(1, 7)},
    }.items()
}  # fmt: skip
KIND_OF_ROLE: Final[Mapping[str, int]] = {
    name: KINDS.index(kind)
    for name, kind in {
        "main": "main", "navigation": "nav", "banner": "header", "contentinfo": "footer", "complementary": "aside",
        "article": "article", "search": "form", "dialog": "form", "alertdialog": "form", "button": "button",
        "menu": "nav",
    }.items()
}  # fmt: skip
HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
BODY_PROPERTIES: Final = frozenset({"articlebody", "text", "reviewbody"})
LABEL: Final = re.compile("|".join(re.escape(label) + r"(?!\w)" * label.isascii() for label in LABELS))

FAR: Final = 12
# One further away, up to that.
FURTHER: Final = bytes([min(distance + 1, FAR) for distance in range(256)])
PROSE: Final = 80
SHORTEST_STORY: Final = 250
LONGEST_LABEL: Final = 60
LONGEST_CLASSES: Final = 400
SAME_START: Final = 60
MOST: Final = 99
LINKED: Final = 0.8
# An element is the story's frame where it holds this share of the prose, and no smaller one does.
FRAME_SHARE: Final = 0.6
NAME_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
CJK: Final = re.compile(r"[㐀-鿿豈-﫿぀-ヿ가-힣]")
MARKS: Final = re.compile(r"[,，、;；:：]")
STOPS: Final = re.compile(r"[.!?](?=[\s\"”’)]|$)|[。！？…]")
ENDS: Final = re.compile(r"[.!?。！？…:：][\"”’」』）)\]]*$")
DIGIT: Final = re.compile(r"\d")
NOT_A_LETTER: Final = re.compile(r"[\W_]+")
HIDING_STYLE: Final = re.compile(r"display:\s*none|visibility:\s*hidden")
# What a script shows to those who pay is the story, and hidden from nobody who may read it.
PAID: Final = re.compile(r"(?:^|[\s_-])(?:subscribers?|members?|premium|paid)[_-]?(?:only|content)(?=[\s_-]|$)")

# What stands in each row of numbers, in order.
FEATURES: Final = (
    *DISTANCES,
    "heading_level", "chars", "words", "link_share", "links", "stops", "marks", "ends", "digits", "bold", "label",
    "place", "chars_before", "prose_before", "prose_after", "after_title", "titles_before", "label_before",
    "heading_before", "prose_ago", "prose_ahead",
    "repeats", "again", "same_start", "shape_count", "shape_mean", "shape_links", "shape_prose",
    "shape_parents", "shape_after_link",
    "parent_chars", "parent_links", "parent_mean", "parent_prose", "grand_links", "grand_mean", "grand_prose",
    "climb", "frame_links", "frame_prose", "title_climb", "title_prose", "article_prose", "article_rank",
    "title_article",
    "prev_chars", "next_chars", "prev2_chars", "next2_chars", "prev_links", "next_links", "near_prose", "near_links",
    "same_shape_prev", "same_shape_next",
    "page_blocks", "page_chars", "page_links", "page_prose", "page_frame", "page_articles",
)  # fmt: skip


class _Element(NamedTuple):
    """An element that holds blocks, by numbers: its own, its parent's, those of its kind, its shape and the outermost
    `article` around it, the level of the heading it is in, and the distances to what it is inside of."""

    number: int
    parent: int
    kind: int
    shape: int
    article: int
    heading: int
    distances: bytes


class Layout(NamedTuple):
    """For each block a row of numbers, the kind of its element (names and classes, up to the root), and that around."""

    rows: list[list[float]]
    kinds: list[int]
    outer_kinds: list[int]


class _Sums(NamedTuple):
    """What is added up over the blocks of one element or shape."""

    blocks: float
    chars: float
    links: float
    prose: float

    @property
    def link_share(self) -> float:
        return self.links / self.chars if self.chars else 0.0


def folded(text: str) -> str:
    """Letters and digits of `text`, in small letters.

    >>> folded("A  “b”, 3!")
    'ab3'
    """
    return NOT_A_LETTER.sub("", text).casefold()


def features(blocks: Sequence[Block], titles: Sequence[str] = ()) -> Layout:
    """What a page's layout says of its blocks; `titles` are what the page states as its title."""
    return _Page(blocks, titles).layout() if blocks else Layout([], [], [])


class _Page:
    """A page's blocks, the elements around them, and what is summed over these."""

    def __init__(self, blocks: Sequence[Block], titles: Sequence[str]) -> None:
        self._blocks = blocks
        self._tree = _Tree()
        self._inner = [self._tree.innermost(block.path) for block in blocks]
        self._chars = [_size(block.text) for block in blocks]
        self._links = [min(1.0, sum([b.end - b.start for b in block.links]) / len(block.text)) for block in blocks]
        self._prose = self._told()
        self._folds = [folded(block.text) for block in blocks]
        self._title_at = self._find_title({folded(title) for title in titles} - {""})
        self._in_element = self._by_element()
        self._shapes = [element.shape * 2 + block.bold for element, block in zip(self._inner, blocks, strict=True)]
        self._in_shape = self._by_shape()
        self._frame = self._find_frame()
        self._labels = [_is_label(block.text) for block in blocks]

    def layout(self) -> Layout:
        parts = (self._of_form(), self._of_place(), self._of_repetition(), self._of_elements(), self._of_neighbours())
        page, inner, known = self._of_page(), self._inner, self._tree.elements
        rows = [
            [*one.distances, one.heading, *chain.from_iterable(part), *page]
            for one, *part in zip(inner, *parts, strict=True)
        ]
        return Layout(rows, [one.shape for one in inner], [known[one.parent].shape for one in inner])

    def _told(self) -> list[int]:
        """The size of each block that is prose, else 0; comments are none where a story stands beside them."""
        prose = [
            size if size >= PROSE and share < 0.5 and ENDS.search(block.text) else 0
            for size, share, block in zip(self._chars, self._links, self._blocks, strict=True)
        ]
        story = [0 if inner.distances[COMMENT] < FAR else size for inner, size in zip(self._inner, prose, strict=True)]
        return story if sum(story) >= SHORTEST_STORY else prose

    def _find_title(self, titles: set[str]) -> int:
        """Where the story's title stands: the first main heading that is the page's title, else the first of any."""
        first = -1
        for index, (element, fold) in enumerate(zip(self._inner, self._folds, strict=True)):
            if element.heading == 1 and fold:
                if fold in titles:
                    return index
                first = index if first < 0 else first
        headings = (i for i, fold in enumerate(self._folds) if fold in titles and self._inner[i].heading)
        return first if first >= 0 else next(headings, 0)

    def _by_element(self) -> list[_Sums]:
        """For each element, the sums over all blocks inside it."""
        elements = self._tree.elements
        sums = [[0.0, 0.0, 0.0, 0.0] for _ in elements]
        for element, size, share, words in zip(self._inner, self._chars, self._links, self._prose, strict=True):
            own = sums[element.number]
            own[0] += 1
            own[1] += size
            own[2] += size * share
            own[3] += words
        # Parents stand before their children.
        for element in reversed(elements[1:]):
            own, outer = sums[element.number], sums[element.parent]
            for place in range(4):
                outer[place] += own[place]
        return [_Sums(*own) for own in sums]

    def _by_shape(self) -> dict[int, _Sums]:
        """The sums over all blocks of one shape: in elements of the same names and classes, up to the root."""
        sums: dict[int, list[float]] = {}
        for shape, size, share, words in zip(self._shapes, self._chars, self._links, self._prose, strict=True):
            own = sums.setdefault(shape, [0.0, 0.0, 0.0, 0.0])
            own[0] += 1
            own[1] += size
            own[2] += size * share
            own[3] += words
        return {shape: _Sums(*own) for shape, own in sums.items()}

    def _of_form(self) -> list[tuple[float, ...]]:
        rows: list[tuple[float, ...]] = []
        for block, size, share, label in zip(self._blocks, self._chars, self._links, self._labels, strict=True):
            text = block.text
            words = text.count(" ") + 1 + (size - len(text)) // 2
            rows.append((
                size, words, share, len(block.links), len(STOPS.findall(text)), len(MARKS.findall(text)),
                ENDS.search(text) is not None, len(DIGIT.findall(text)) / len(text), block.bold, label,
            ))  # fmt: skip
        return rows

    def _of_place(self) -> list[tuple[float, ...]]:
        count, total, all_prose = len(self._blocks), sum(self._chars), max(1, sum(self._prose))
        ago = since(self._prose)
        ahead = since(self._prose[::-1])[::-1]
        rows: list[tuple[float, ...]] = []
        seen_chars = seen_prose = titles = 0
        label = heading = MOST
        before = -1
        for i, element in enumerate(self._inner):
            after = 1 - (seen_prose + self._prose[i]) / all_prose
            rows.append((
                i / count, seen_chars / total, seen_prose / all_prose, after, max(-50, min(200, i - self._title_at)),
                titles, label, heading, ago[i], ahead[i],
            ))  # fmt: skip
            seen_chars += self._chars[i]
            seen_prose += self._prose[i]
            titles += element.heading == 1 and before != element.number
            label = 0 if self._labels[i] else min(MOST, label + 1)
            heading = 0 if element.heading else min(MOST, heading + 1)
            before = element.number
        return rows

    def _of_repetition(self) -> list[tuple[float, ...]]:
        all_prose = max(1, sum(self._prose))
        repeats = Counter(self._folds)
        starts = Counter([fold[:SAME_START] for fold in self._folds])
        seen: set[str] = set()
        parents: dict[int, set[int]] = {}
        after_link: Counter[int] = Counter()
        for i, (shape, element) in enumerate(zip(self._shapes, self._inner, strict=True)):
            parents.setdefault(shape, set()).add(element.parent)
            after_link[shape] += i > 0 and self._links[i - 1] > LINKED
        rows: list[tuple[float, ...]] = []
        for fold, shape in zip(self._folds, self._shapes, strict=True):
            same = self._in_shape[shape]
            rows.append((
                repeats[fold] if fold else 1, fold in seen, starts[fold[:SAME_START]] if len(fold) >= SAME_START else 1,
                same.blocks, same.chars / same.blocks, same.link_share, same.prose / all_prose,
                same.blocks / len(parents[shape]), after_link[shape] / same.blocks,
            ))  # fmt: skip
            if fold:
                seen.add(fold)
        return rows

    def _of_elements(self) -> list[tuple[float, ...]]:
        elements, sums = self._tree.elements, self._in_element
        total, all_prose = sum(self._chars), max(1, sum(self._prose))
        to_frame = self._tree.climbs(self._frame)
        to_title = self._tree.climbs(self._inner[self._title_at].number)
        title_article = self._inner[self._title_at].article
        ranks: dict[int, int] = {0: -1}
        for element in self._inner:
            ranks.setdefault(element.article, len(ranks) - 1)
        known: dict[int, tuple[float, ...]] = {}
        for element in self._inner:
            number = element.number
            if number in known:
                continue
            parent, grand = sums[element.parent], sums[elements[element.parent].parent]
            climb, frame = to_frame[number]
            title_climb, title = to_title[number]
            known[number] = (
                parent.chars / total, parent.link_share, parent.chars / max(1, parent.blocks), parent.prose / all_prose,
                grand.link_share, grand.chars / max(1, grand.blocks), grand.prose / all_prose,
                climb, sums[frame].link_share, sums[frame].prose / all_prose,
                title_climb, sums[title].prose / all_prose,
                sums[element.article].prose / all_prose if element.article else -1, ranks[element.article],
                element.article == title_article,
            )  # fmt: skip
        return [known[element.number] for element in self._inner]

    def _of_neighbours(self) -> list[tuple[float, ...]]:
        chars, links = [0, 0, *self._chars, 0, 0], [0.0, *self._links, 0.0]
        shapes = [-1, *self._shapes, -1]
        rows: list[tuple[float, ...]] = []
        for i in range(len(self._blocks)):
            near = slice(max(0, i - 3), i + 4)
            size = sum(self._chars[near])
            linked = sum([part * share for part, share in zip(self._chars[near], self._links[near], strict=True)])
            rows.append((
                chars[i + 1], chars[i + 3], chars[i], chars[i + 4], links[i], links[i + 2],
                sum(self._prose[near]) / size, linked / size,
                shapes[i] == shapes[i + 1], shapes[i + 2] == shapes[i + 1],
            ))  # fmt: skip
        return rows

    def _of_page(self) -> tuple[float, ...]:
        whole = self._in_element[0]
        frame = self._in_element[self._frame].prose / max(1, whole.prose)
        articles = sum([element.distances[0] == 0 for element in self._tree.elements])
        return whole.blocks, whole.chars, whole.link_share, whole.prose, frame, articles

    def _find_frame(self) -> int:
        """The smallest element that holds most of the prose."""
        largest: dict[int, tuple[float, int]] = {}
        for element in self._tree.elements[1:]:
            held = (self._in_element[element.number].prose, -element.number)
            largest[element.parent] = max(largest.get(element.parent, (0.0, 0)), held)
        here, least = 0, FRAME_SHARE * self._in_element[0].prose
        while here in largest and largest[here][0] >= least and largest[here][0]:
            here = -largest[here][1]
        return here


class _Tree:
    """The elements around a page's blocks, each made once; the first stands for the page."""

    def __init__(self) -> None:
        self.elements = [_Element(0, 0, 0, 0, 0, 0, bytes([FAR]) * len(DISTANCES))]
        self._known: dict[int, _Element] = {}
        self._shapes: dict[tuple[int, str, str], int] = {}
        self._groups: dict[str, frozenset[int]] = {}
        self._kinds: dict[tuple[int, str, str, tuple[int, ...]], tuple[int, bytes]] = {}

    def innermost(self, path: Path) -> _Element:
        """The innermost element of `path`, made known with those around it."""
        known, found, ahead = self._known, self.elements[0], []
        while path.token is not None:
            have = known.get(id(path))
            if have is not None:
                found = have
                break
            ahead.append((id(path), path.token))
            path = path.outer
        for number, token in reversed(ahead):
            found = known[number] = self._add(found, token)
        return found

    def climbs(self, target: int) -> list[tuple[int, int]]:
        """For each element: how far above `target` the first element is that holds both, and which one."""
        up: dict[int, int] = {}
        here = target
        while here not in up:
            up[here] = len(up)
            here = self.elements[here].parent
        found: list[tuple[int, int]] = []
        for element in self.elements:
            number = element.number
            found.append((up[number], number) if number in up else found[element.parent])
        return found

    def _add(self, parent: _Element, token: Token) -> _Element:
        name = element_name(token.tag or "")
        said, classes, here = _attributes(token)
        # Most elements have a like before them, with the same around them: distances are found once for all of a kind.
        key = (parent.kind, name, said, here)
        known = self._kinds.get(key)
        if known is None:
            known = self._kinds[key] = (len(self._kinds) + 1, self._distances(parent, name, said, here))
        kind, distances = known
        heading = HEADINGS.get(name, parent.heading)
        number = len(self.elements)
        # The outermost `article` counts, as pages set cards with articles of their own into the story.
        article = parent.article or (number if distances[0] == 0 else 0)
        shape = self._shapes.setdefault((parent.shape, name, classes), len(self._shapes) + 1)
        element = _Element(number, parent.number, kind, shape, article, heading, distances)
        self.elements.append(element)
        return element

    def _distances(self, parent: _Element, name: str, said: str, here: tuple[int, ...]) -> bytes:
        """Distances to what an element is inside of, itself included."""
        distances = bytearray(parent.distances.translate(FURTHER))
        for place in here:
            distances[place] = 0
        # A role says what an element is, whatever its name.
        if name in KIND_OF_TAG:
            distances[KIND_OF_TAG[name]] = 0
        if said and name not in ("html", "body"):
            for place in self._groups_of(said):
                distances[place] = 0
        return bytes(distances)

    def _groups_of(self, said: str) -> frozenset[int]:
        known = self._groups.get(said)
        if known is None:
            groups = (GROUPS_OF_WORD.get(part.lower(), ()) for part in NAME_PART.findall(said[:LONGEST_CLASSES]))
            known = self._groups[said] = frozenset(chain.from_iterable(groups))
        return known


def _attributes(token: Token) -> tuple[str, str, tuple[int, ...]]:
    """Of a start tag: names it has for itself, its classes, and the distances that other attributes set to nothing."""
    said = classes = ""
    here: list[int] = []
    for key, value in token.attrs or ():
        if key == "hidden" or (key == "aria-hidden" and value == "true"):
            here.append(len(DISTANCES) - 1)
        elif not value:
            continue
        elif key == "class":
            classes = value
            said += value + " "
        elif key == "id" or key == "data-testid" or key == "data-component":
            said += value + " "
        elif key == "role" and value in KIND_OF_ROLE:
            here.append(KIND_OF_ROLE[value])
        elif key == "style" and HIDING_STYLE.search(value) and not PAID.search(said):
            here.append(len(DISTANCES) - 1)
        elif key == "itemprop" and value.lower() in BODY_PROPERTIES:
            here.append(KINDS.index("body_property"))
    return said, classes, tuple(here)


def _is_label(text: str) -> bool:
    """Whether a short text is what pages write over or in furniture."""
    return len(text) <= LONGEST_LABEL and LABEL.match(text.lower()) is not None


def _size(text: str) -> int:
    """Characters of `text`, where a CJK character counts as three, as it says about as much."""
    return len(text) if text.isascii() else len(text) + 2 * len(CJK.findall(text))


def since(prose: Sequence[int]) -> list[int]:
    """How many blocks ago prose stood."""
    found, ago = [], MOST
    for size in prose:
        found.append(ago)
        ago = 0 if size else min(MOST, ago + 1)
    return found
