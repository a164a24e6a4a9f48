"""What stands outside the story of a whole page and is more than furniture: lines right above it, and other stories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from turbohtml import Token

from pressmark.transforms.beside_dates import beside_date, looks_dated
from pressmark.transforms.blocks import Block
from pressmark.transforms.datelines import PageDates
from pressmark.transforms.evidence import BY_CLASS, HIDDEN, Evidence, Finding
from pressmark.transforms.forms import CREDITED, EMAIL, PHOTO, REPORTERS
from pressmark.transforms.neighbours import TITLE, container
from pressmark.transforms.path import Path
from pressmark.transforms.people import reports
from pressmark.transforms.roles import LINK_SHARE, LONGEST_CREDIT, link_share
from pressmark.transforms.stated import Stated

__all__ = ["outside_findings"]

# Date, names and the lead picture's words stand within so many blocks above the first of the story, or among these.
HEAD_BLOCKS: Final = 14
FIRST_BLOCKS: Final = 2
# Who wrote and what else is said of the article stands within so many below its last.
TAIL_BLOCKS: Final = 10
LONGEST_NAME: Final = 60
LONGEST_CAPTION: Final = 500
# A box of other stories has so many titles, and these are so much of its text.
LEAST_TITLES: Final = 2
BOX_SHARE: Final = 0.4
FRAMES: Final = frozenset({"html", "body", "main"})

SENTENCE: Final = re.compile(r"[.。!！?？](?:\s|$)")
BRACKETS: Final = "[]［］【】"
DIGIT: Final = re.compile(r"\d")
MENUS: Final = frozenset({"nav", "footer", "form", "button", "menu", "select"})
CONTROLS: Final = frozenset({"button", "select", "option", "input"})
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
UNSHOWN: Final = frozenset({"title", "titl-"})
HEAD_ROLES: Final = frozenset({"byline", "dateline", "caption"})
CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
# Entries of menus are shorter than titles.
LEAST_WORDS: Final = 4
LEAST_LETTERS: Final = 24
LEAST_CJK: Final = 9
# What invites to sign up says more than the button beside it.
LEAST_INVITATION: Final = 3
LEAST_CJK_INVITATION: Final = 4
SIGN_UP: Final = re.compile(
    r"class words `(?:newsletter|subscribe|subscription|sign ?up|follow by email|mailing list|mailchimp)"
)

DATE: Final = Finding("dateline", "a date above the page's story")
NAMES: Final = Finding("byline", "names above the page's story")
SIGNED: Final = Finding("byline", "names below the page's story")
AUTHOR: Final = Finding("byline", "an author whom the page states")
ABOUT: Final = Finding("note", "about the author, below the page's story")
INVITATION: Final = Finding("note", "an invitation to sign up, outside the page's story")
REMARK: Final = Finding("note", "a publisher's remark right below the page's story")
PICTURE: Final = Finding("caption", "the words of a picture beside the page's story")
BOXED: Final = Finding("related", "in an element for other stories, outside the page's story")
LINKED: Final = Finding("related", "a linked title outside the page's story")
CARD: Final = Finding("related", "in a box of titles outside the page's story")


def outside_findings(
    blocks: Sequence[Block], main: Sequence[bool], evidence: Evidence, dated: PageDates, stated: Stated
) -> dict[int, Finding]:
    """What the blocks outside the story are that are not furniture, by position: the article's title where the story
    has none is content, nothing else is."""
    if not blocks:
        return {}
    story = [index for index, inside in enumerate(main) if inside] or [0]
    first, last = story[0], story[-1]
    head = range(first - HEAD_BLOCKS, story[min(FIRST_BLOCKS, len(story) - 1)])
    page = _Page(evidence, dated, stated, head, range(last + 1, last + 1 + TAIL_BLOCKS), container(blocks[last].path))
    # What an element around the story is called says nothing of what else is in it.
    frames = {id(token) for index in story for token in blocks[index].path}
    findings: dict[int, Finding] = {}
    invitations: set[int] = set()
    for index, block in enumerate(blocks):
        if main[index] or block.path.tag in UNSHOWN:
            continue
        found = [
            one for token in block.path if id(token) not in frames and (one := evidence.of_element(token)) is not None
        ]
        if HIDDEN in found:
            continue
        if any(one.role == "note" and SIGN_UP.search(one.reason) for one in found):
            invitations.add(index)
            finding = _invitation(block)
        else:
            finding = _of_block(page, index, block, found)
            if finding is None and first <= index < last and any(token.tag == "figcaption" for token in block.path):
                finding = PICTURE
        if finding is not None:
            findings[index] = finding
    for index in (*_beside_titles(blocks, main, findings), *_labels(blocks, main, findings)):
        if index not in invitations:
            findings.setdefault(index, CARD)
    title = _title(blocks, main, stated, head)
    if title is not None:
        findings[title] = TITLE
    return findings


class _Page(NamedTuple):
    """What is known of a page, where things above and below its story stand, and the element of the last paragraph."""

    evidence: Evidence
    dated: PageDates
    stated: Stated
    head: range
    tail: range
    frame: Path


def _of_block(page: _Page, index: int, block: Block, found: Sequence[Finding]) -> Finding | None:
    text = block.text
    if index in page.tail and len(text) <= LONGEST_CREDIT and page.evidence.byline.fullmatch(text.strip(BRACKETS)):
        return SIGNED
    if any(token.tag in MENUS for token in block.path):
        return None
    finding = None
    if index in page.head:
        finding = _above(page, block, found)
    elif index in page.tail:
        finding = _below(page, block, found)
    if finding is not None:
        return finding
    strong = next((one for one in reversed(found) if one.strong), None)
    if (
        strong is not None
        and strong.role == "related"
        and strong.reason.startswith(BY_CLASS)
        and _says_something(text, 2)
    ):
        return BOXED
    if link_share(block) >= LINK_SHARE and not page.stated.is_title(text) and _is_title(block):
        return LINKED
    return None


def _title(blocks: Sequence[Block], main: Sequence[bool], stated: Stated, head: range) -> int | None:
    """Where the article's title stands, if the story has none: in the highest heading that repeats it."""
    if any(inside and stated.is_title(block.text) for block, inside in zip(blocks, main, strict=True)):
        return None
    best = None
    for index in head:
        if index < 0 or main[index]:
            continue
        tags = [token.tag for token in blocks[index].path]
        if not stated.is_title(blocks[index].text) and not any(_is_headline(token) for token in blocks[index].path):
            continue
        if any(tag in MENUS or tag in ("a", "li") or tag in UNSHOWN for tag in tags):
            continue
        level = min([tag for tag in tags if tag in HEADINGS], default="h9")
        if best is None or level < best[0]:
            best = level, index
    return best[1] if best is not None else None


def _is_headline(token: Token) -> bool:
    """Whether an element says that it is the headline of an article."""
    return token.tag in HEADINGS and any(key == "itemprop" and value == "headline" for key, value in token.attrs or ())


def _invitation(block: Block) -> Finding | None:
    """A sign-up box's words; its buttons and fields are furniture."""
    if any(token.tag in CONTROLS for token in block.path) or link_share(block) >= LINK_SHARE:
        return None
    return INVITATION if _says_something(block.text) else None


def _says_something(text: str, words: int = LEAST_INVITATION) -> bool:
    return len(text.split()) >= words or len(CJK.findall(text)) >= LEAST_CJK_INVITATION


def _labels(blocks: Sequence[Block], main: Sequence[bool], findings: Mapping[int, Finding]) -> Iterator[int]:
    """Headings right above titles of other stories."""
    for index in range(len(blocks) - LEAST_TITLES):
        if main[index] or index in findings or len(blocks[index].text) > LONGEST_NAME:
            continue
        if not all(findings.get(index + after) is LINKED for after in range(1, LEAST_TITLES + 1)):
            continue
        tags = {token.tag for token in blocks[index].path}
        if tags & HEADINGS and not tags & MENUS:
            yield index


def _beside_titles(blocks: Sequence[Block], main: Sequence[bool], findings: Mapping[int, Finding]) -> Iterator[int]:
    """Blocks in a box that is mostly titles of other stories: its label, and dates, numbers and names beside them."""
    titles: Counter[int] = Counter()
    linked: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    ends: dict[int, int] = {}
    barred: set[int] = set()
    for index, block in enumerate(blocks):
        is_title = findings.get(index) is LINKED
        for token in block.path:
            number = id(token)
            if main[index] or token.tag in MENUS or token.tag in FRAMES:
                barred.add(number)
            sizes[number] += len(block.text)
            if is_title:
                titles[number] += 1
                linked[number] += len(block.text)
                ends[number] = index
    boxes = {
        number for number, count in titles.items()
        if count >= LEAST_TITLES and number not in barred and linked[number] >= BOX_SHARE * sizes[number]
    }  # fmt: skip
    for index, block in enumerate(blocks):
        if main[index]:
            continue
        # The innermost element with a title in it, and the one inside of that which has none.
        around = [token for token in block.path if titles[id(token)]]
        if not around or not any(id(token) in boxes for token in around):
            continue
        nearest = id(around[-1])
        if titles[nearest] < LEAST_TITLES or (nearest in boxes and index < ends[nearest]):
            yield index


def _above(page: _Page, block: Block, found: Sequence[Finding]) -> Finding | None:
    text = block.text
    if any(token.tag == "figcaption" for token in block.path) or PHOTO.fullmatch(text) or CREDITED.fullmatch(text):
        return PICTURE if len(text) <= LONGEST_CAPTION else None
    role = found[-1].role if found else None
    if role == "caption" and len(text) <= LONGEST_CAPTION:
        return found[-1]
    if len(text) > LONGEST_CREDIT:
        return None
    if DIGIT.search(text) and len(text) <= LONGEST_NAME:
        rest = beside_date(text, page.dated)
        if rest is not None:
            return NAMES if rest and role != "dateline" else DATE
    if role == "dateline":
        return DATE if looks_dated(text) else None
    if (
        page.stated.is_author(text)
        or page.evidence.byline.fullmatch(text)
        or reports(text)
        or REPORTERS.fullmatch(text)
    ):
        return NAMES
    return found[-1] if role in HEAD_ROLES else None


def _below(page: _Page, block: Block, found: Sequence[Finding]) -> Finding | None:
    """Who wrote the article and what is said of them, and what the publisher remarks."""
    text = block.text
    if page.stated.is_author(text):
        return AUTHOR
    if any(one.role == "note" and one.reason.startswith(BY_CLASS) for one in found):
        return ABOUT if _says_something(text) or EMAIL.search(text) else None
    if container(block.path) is page.frame and (block.italic or EMAIL.search(text)) and len(text) <= LONGEST_CAPTION:
        return SIGNED if len(text) <= LONGEST_NAME and EMAIL.search(text) else REMARK
    said = page.evidence.of_wording(text, at_edge=True)
    return REMARK if said is not None and said.role == "note" and len(text) <= LONGEST_CAPTION else None


def _is_title(block: Block) -> bool:
    """Whether a linked block is long enough for a title; several links are so for each of them."""
    text, count = block.text, max(1, len({link.href for link in block.links}))
    if len(CJK.findall(text)) >= LEAST_CJK * count:
        return True
    return len(text) >= LEAST_LETTERS * count and len(text.split()) >= LEAST_WORDS * count
