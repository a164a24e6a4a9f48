"""Which links are a story's own, and which lead from it: items of its lists, boxes of other stories, links to other
sites amid its sections, labelled links below it.

And where other stories stand on a whole page: boxes of titles, cards in a row, steps to the next one, labels above.
All look at how elements repeat, link and are named, at order and where links lead; no wording.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from turbohtml import Token

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.transforms.blocks import Block
from pressmark.transforms.elements import Path, container, list_around, outwards
from pressmark.transforms.evidence import HEADINGS, NAMING, Finding
from pressmark.transforms.outlets import class_words

__all__ = [
    "ADVERT", "BUTTON", "CJK", "LINKS", "MENU", "MENUS", "MOST_TITLES", "STEP", "TITLE_WORDS", "beside_titles",
    "in_menu", "in_rows", "is_called", "labels", "leads_away", "leads_here", "like_others", "named", "named_tag",
    "page_numbers", "settle_labelled", "settle_links", "width",
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
TITLE_WORDS: Final = re.compile(r" (?:titles?|head|header|heading|hd|tit|headline) ")
# A box of other stories has so many titles, and these are so much of its text.
LEAST_TITLES: Final = 2
LINKED_SHARE: Final = 0.4
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
    return block.bold or any(token.tag in HEADINGS or TITLE_WORDS.search(named(token)) for token in block.path)


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
        if count >= LEAST_TITLES and number not in closed and linked[number] >= LINKED_SHARE * sizes[number]
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


# Links that are longer are titles of other stories, and no items of this one.
LEAST_OF_TITLE: Final = 40
# Lists of links are a digest's story where they are so much of it.
LEAST_ITEMS: Final = 6
ITEM_SHARE: Final = 0.4
# A box beside the story holds less than this of the text.
BOX_SHARE: Final = 0.3
# Links to other sites are the story's where they end so many of its sections.
LEAST_SECTIONS: Final = 3
LEAST_LABELLED: Final = 2
# Sites of one house share a name of so many letters.
LEAST_OF_NAME: Final = 3

CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
HOST: Final = re.compile(r"\s*(?:https?:)?//(?:[^/?#]*@)?([^/?#:]+)", re.IGNORECASE)
# A label and its colon; what stands beside the links behind it is marks alone.
LABEL: Final = re.compile(r"[^:：\d\n]{2,30}[:：]\s*")
MARKS: Final = re.compile(r"[\W_]*")
FILE: Final = re.compile(r"(?:mailto|tel):|\.(?:pdf|docx?|xlsx?|zip|mp3)(?:[?#]|$)", re.IGNORECASE)

LINKS: Final = Finding("related", "nothing but links")
DIGEST: Final = Finding("list_item", "links in lists that are most of the article")
ANNOUNCED: Final = Finding("list_item", "a list of links that the paragraph above announces")
AMONG_ITEMS: Final = Finding("list_item", "a link in a list that has other items, too")
OWN_ITEM: Final = Finding("list_item", "a link in a list below a heading of the story")
OWN_HEADING: Final = Finding("heading", "a linked heading over a paragraph of the story")
BOXED: Final = Finding("related", "in a box with a linked heading, beside the story")
AWAY: Final = Finding("list_item", "a link to another site, as other sections of the story have")
AWAY_LINE: Final = Finding("body", AWAY.reason)
POINTERS: Final = Finding("related", "one of several labelled links to the site's own pages, below the story")


def settle_links(findings: list[Finding], blocks: Sequence[Block], site: str) -> None:
    """Brings blocks that are nothing but links in line with the story around them; `site` is its page's domain."""
    linked = [index for index, finding in enumerate(findings) if finding is LINKS]
    _boxes(findings, blocks, linked)
    _digest(findings, blocks, linked)
    _own_links(findings, blocks, linked)
    _ends_of_sections(findings, blocks, [index for index in linked if findings[index] is LINKS], site)


def leads_here(block: Block) -> bool:
    """Whether all links of a block lead to the block itself, as headings have them for whoever wants to cite them."""
    marks = {value for token in block.path for key, value in token.attrs or () if key == "id" or key == "name"}
    marks |= {re.sub(r"\W+", "-", block.text.casefold()).strip("-")}
    return all(link.href.rpartition("#")[2] in marks and "#" in link.href for link in block.links)


def settle_labelled(findings: list[Finding], blocks: Sequence[Block], site: str) -> None:
    """Several lines below the story that are each a label and a link to the site's own pages lead to other stories."""
    found = []
    for index in range(len(blocks) - 1, -1, -1):
        if findings[index].role != "body" and findings[index].role in CONTENT_ROLES:
            break
        if findings[index].role == "body":
            if not _is_pointer(blocks[index], site):
                break
            found.append(index)
    if len(found) >= LEAST_LABELLED:
        for index in found:
            findings[index] = POINTERS


def _is_pointer(block: Block, site: str) -> bool:
    label = LABEL.match(block.text)
    if not block.links or label is None or label.end() > block.links[0].start:
        return False
    rest, end = "", label.end()
    for link in block.links:
        if leads_away(link.href, site) or FILE.search(link.href):
            return False
        rest += block.text[end : link.start]
        end = link.end
    return MARKS.fullmatch(rest + block.text[end:]) is not None


def leads_away(href: str, site: str) -> bool:
    """Whether a link leads to another site than `site`, a domain, and to none that is called like it; nothing does
    where that is not known."""
    host = HOST.match(href)
    if host is None or not site:
        return False
    own = site.partition(".")[0]
    labels = host[1].lower().split(".")
    return not any(label == own or (len(label) >= LEAST_OF_NAME and own.startswith(label)) for label in labels)


def _ends_of_sections(findings: list[Finding], blocks: Sequence[Block], linked: Sequence[int], site: str) -> None:
    """Links to other sites that end several sections of a story, below headings, are its own: its deals and tips."""
    away = [i for i in linked if all(leads_away(link.href, site) for link in blocks[i].links)]
    ends, start = [], 0
    for run in _runs(away):
        section = [findings[index].role for index in range(start, run[0])]
        ended = run[-1] + 1 == len(blocks) or findings[run[-1] + 1].role in CONTENT_ROLES
        if ended and "heading" in section and section[-1] in CONTENT_ROLES:
            ends.append(run)
        start = run[-1] + 1
    if len(ends) >= LEAST_SECTIONS:
        for index in (index for run in ends for index in run):
            findings[index] = AWAY if any(token.tag == "li" for token in blocks[index].path) else AWAY_LINE


def _boxes(findings: list[Finding], blocks: Sequence[Block], linked: Sequence[int]) -> None:
    """A box of another story in the midst of this one: its date, names and first lines are no part of this."""
    heads = [index for index in linked if any(token.tag in HEADINGS for token in blocks[index].path)]
    if not heads:
        return
    frame = _frame(findings, blocks)
    if frame is None:
        return
    frames = {id(path) for path in outwards(frame)}
    total = sum([len(block.text) for block in blocks])
    boxed: dict[int, list[int]] = {}
    for head in heads:
        box = None
        for path in outwards(container(blocks[head].path)):
            if id(path) in frames:
                break
            box = path
        if box is not None and id(box) not in boxed:
            boxed[id(box)] = [
                index for index, block in enumerate(blocks) if any(path is box for path in outwards(block.path))
            ]
    # A page of many such boxes is about them.
    if sum([len(blocks[index].text) for inside in boxed.values() for index in inside]) > total * BOX_SHARE:
        return
    for inside in boxed.values():
        for index in inside:
            if findings[index].role in ("body", "byline", "dateline", "heading"):
                findings[index] = BOXED


def _digest(findings: list[Finding], blocks: Sequence[Block], linked: Sequence[int]) -> None:
    """Several lists of links that are much of an article are what it is about."""
    items = [index for index in linked if any(token.tag == "li" for token in blocks[index].path)]
    plain = {list_around(blocks[index].path) for index, finding in enumerate(findings) if finding.role == "list_item"}
    for index in items:
        if list_around(blocks[index].path) in plain:
            findings[index] = AMONG_ITEMS
    items = [index for index in items if findings[index] is LINKS]
    for run in _runs(items):
        before, behind = run[0] - 1, run[-1] + 1
        short = not any(width(blocks[index].text) >= LEAST_OF_TITLE for index in run)
        names = all(" " not in blocks[index].text and blocks[index].text.isascii() for index in run)
        announced = short and before >= 0 and findings[before].role == "body"
        announced = announced and (names or blocks[before].text[-1] in ":：")
        if announced and len(run) > 1 and behind < len(blocks) and findings[behind].role in CONTENT_ROLES:
            for index in run:
                findings[index] = ANNOUNCED
    if len(items) < max(LEAST_ITEMS, ITEM_SHARE * len(blocks)):
        return
    lists = 1 + sum(
        any(findings[between].role in CONTENT_ROLES for between in range(before + 1, index))
        for before, index in pairwise(items)
    )
    if lists > 1 or len(items) == len(blocks):
        for index in items:
            findings[index] = DIGEST


def _own_links(findings: list[Finding], blocks: Sequence[Block], linked: Sequence[int]) -> None:
    """Beside most paragraphs, links in a list below a heading are the story's, and linked headings over a paragraph."""
    frame = _frame(findings, blocks)
    for index in linked:
        path = blocks[index].path
        if findings[index] is not LINKS or frame is None:
            continue
        before = findings[index - 1] if index else LINKS
        behind = index + 1 < len(blocks) and findings[index + 1].role == "body" and blocks[index + 1].path
        if any(token.tag == "li" for token in path):
            if (before is OWN_ITEM or before.role == "heading") and list_around(path).outer is frame:
                findings[index] = OWN_ITEM
        elif behind and container(path) is container(behind) is frame and any(token.tag in HEADINGS for token in path):
            findings[index] = OWN_HEADING


def _frame(findings: Sequence[Finding], blocks: Sequence[Block]) -> Path | None:
    """The element that most paragraphs stand right in."""
    sizes: Counter[Path] = Counter()
    for block, finding in zip(blocks, findings, strict=True):
        if finding.role == "body":
            sizes[container(block.path)] += len(block.text)
    return max(sizes, key=lambda path: sizes[path], default=None)


def _runs(indices: Sequence[int]) -> list[list[int]]:
    """Positions that follow each other, together."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def width(text: str) -> int:
    """The length of a text, where characters of Chinese, Japanese and Korean count twice."""
    return len(text) + len(CJK.findall(text))
