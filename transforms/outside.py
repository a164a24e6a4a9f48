"""What stands outside the story of a whole page and is more than furniture: lines right above it, and other stories."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from turbohtml import Token

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.transforms.beside_dates import NAMED_MONTH, beside_date, looks_dated
from pressmark.transforms.blocks import Block
from pressmark.transforms.datelines import PageDates
from pressmark.transforms.elements import Path, container, list_around
from pressmark.transforms.evidence import BY_CLASS, HEADINGS, HIDDEN, Evidence, Finding
from pressmark.transforms.forms import CREDITED, EMAIL, INVITES, PHOTO, REPORTERS
from pressmark.transforms.neighbours import CELLS, NAME, TITLE, data_tables
from pressmark.transforms.own_links import (
    ADVERT,
    BUTTON,
    CJK,
    MENU,
    MENUS,
    MOST_TITLES,
    STEP,
    beside_titles,
    in_menu,
    in_rows,
    is_called,
    labels,
    like_others,
    named,
    named_tag,
    page_numbers,
)
from pressmark.transforms.page_statements import Stated
from pressmark.transforms.pages import UNSHOWN
from pressmark.transforms.people import reports
from pressmark.transforms.roles import LINK_SHARE, LONGEST_CREDIT, link_share

__all__ = ["amid", "outside_findings"]

# Date, names and the lead picture's words stand within so many blocks above the first of the story, or among these.
HEAD_BLOCKS: Final = 14
FURTHEST_TITLE: Final = 60
ABOVE_TITLE: Final = 3
FIRST_BLOCKS: Final = 2
# Who wrote and what else is said of the article stands within so many below its last.
TAIL_BLOCKS: Final = 10
LONGEST_NAME: Final = 60
LONGEST_DATED: Final = 80
LONGEST_CAPTION: Final = 500

SENTENCE: Final = re.compile(r"[.。!！?？](?:\s|$)")
ORDINAL: Final = re.compile(r"(?<=\d)\.")
BRACKETS: Final = "[]［］【】"
NAMES_WHO: Final = re.compile(
    r"\b(?:[Bb]y|[Vv]on|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Aa]v|[Oo]leh)(?: [A-ZÀ-ÞĀ-Ž]|:)"
    r"|\d\S* by \w|(?:来源|來源|出处|出處|记者|記者)\s*[:：]\s*\S"
    r"|^[A-ZÀ-Þ][\w.'’-]+ [A-ZÀ-Þ][\w'’-]+[a-zß-ÿ],? ?(?=\d)|기자"
)
COPYRIGHT: Final = re.compile(
    r"©|\(c\)|copyright|rights|版权|版權|著作权|著作權|Rechte|droits|derechos|direitos|diritti|права|ICP", re.IGNORECASE
)
DIGIT: Final = re.compile(r"\d")
SHARED: Final = re.compile(r" (?:shar(?:e|ing)|social|comments?) ")
PICTURED: Final = re.compile(r" (?:img|captions?|credits?) ")
COMMENTS: Final = re.compile(r" (?:comment (?:list|body|content|meta)|comments area) ")
CONTROLS: Final = frozenset({"button", "select", "option", "input", "label"})
TITLES: Final = frozenset({"h1", "h2"})
SECTIONS: Final = frozenset({"div", "section"})
LISTED: Final = frozenset({"ul", "ol", "li", "table", "thead", "tbody", "tr"})
PICTURES: Final = frozenset({"figure", "figcaption"})
HEAD_ROLES: Final = frozenset({"byline", "dateline", "caption"})
# Thai, Lao and Khmer have no spaces between words.
UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff]")
# Entries of menus are shorter than titles.
LEAST_WORDS: Final = 4
LEAST_LETTERS: Final = 24
LEAST_CJK: Final = 9
# What invites to sign up says more than the button beside it.
LEAST_INVITATION: Final = 3
LEAST_CJK_INVITATION: Final = 4
LEAST_OF_PLEA: Final = 6
LEAST_SENTENCES: Final = 4
LEAST_IN_SENTENCE: Final = 6
SENTENCE_SHARE: Final = 0.7
LEAST_OF_TEASER: Final = 8
LINE_SHARE: Final = 0.45
SIGN_UP: Final = re.compile(
    r"class words `(?:newsletter|subscribe|subscription|sign ?up|follow by email|mailing list|mailchimp|donate"
    r"|donations?|support us|support pay|membership)"
)

DATE: Final = Finding("dateline", "a date above the page's story")
DATED_BELOW: Final = Finding("dateline", "a date right below the page's story")
NAMES: Final = Finding("byline", "names above the page's story")
SIGNED: Final = Finding("byline", "names below the page's story")
AUTHOR: Final = Finding("byline", "an author whom the page states")
ABOUT: Final = Finding("note", "about the author, beside the page's story")
INVITATION: Final = Finding("note", "an invitation to sign up, outside the page's story")
REMARK: Final = Finding("note", "a publisher's remark right below the page's story")
PICTURE: Final = Finding("caption", "the words of a picture beside the page's story")
BOXED: Final = Finding("related", "in an element for other stories, outside the page's story")
LINKED: Final = Finding("related", "a linked title outside the page's story")
TEASER: Final = Finding("lede", "a teaser right below the article's title")
QUOTATION: Final = Finding("quote", "a quotation amid the page's story")
CODE: Final = Finding("body", "code amid the page's story")
CARD: Final = Finding("related", "in a box of titles outside the page's story")
LEADING: Final = Finding("related", "leads to the story before or behind")


def outside_findings(
    blocks: Sequence[Block], main: Sequence[bool], evidence: Evidence, dated: PageDates, stated: Stated
) -> dict[int, Finding]:
    """What the blocks outside the story are that are not furniture, by position: the article's title where the story
    has none is content, nothing else is."""
    if not blocks:
        return {}
    story = [index for index, inside in enumerate(main) if inside] or [0]
    first, last = story[0], story[-1]
    top = _top(blocks, first, stated)
    head = range(min(top, first - HEAD_BLOCKS), story[min(FIRST_BLOCKS, len(story) - 1)])
    # What an element around the story is called says nothing of what else is in it.
    frames = {id(token) for index in story for token in blocks[index].path}
    tail = range(last + 1, last + 1 + TAIL_BLOCKS)
    page = _Page(evidence, dated, stated, head, tail, container(blocks[last].path), frames, top)
    findings: dict[int, Finding] = {}
    titled = Counter(id(token) for block in blocks if _leads(block) and _is_title(block) for token in block.path)
    crowded = {number for number, count in titled.items() if count > MOST_TITLES}
    barred = page_numbers(blocks)
    barred.update(chain(*data_tables(blocks, [i for i, block in enumerate(blocks) if _is_figure(block)])))
    for index, block in enumerate(blocks):
        if main[index] or block.path.tag in UNSHOWN:
            continue
        # A box that is named for newsletters, and has many titles in it, is none.
        found = [
            one
            for token in block.path
            if id(token) not in frames
            and (one := evidence.of_element(token)) is not None
            and not (id(token) in crowded and SIGN_UP.search(one.reason))
        ]
        # What is hidden from those who listen to a page is a picture's words where it stands in its element.
        if HIDDEN in found and not any(token.tag in PICTURES for token in block.path):
            continue
        menu = is_called(block, MENU, frames) or is_called(block, ADVERT, frames | crowded)
        if any(one.role == "note" and SIGN_UP.search(one.reason) for one in found):
            barred.add(index)
            finding = _invitation(block)
        else:
            finding = _of_block(page, index, block, found, menu=menu)
            if finding is None and top - ABOVE_TITLE <= index < last:
                finding = _amid(block, frames, started=first <= index and not menu)
        if finding is None and _asks(block):
            finding = INVITATION
        if is_called(block, COMMENTS, frames) or (finding is None and (menu or in_menu(block))):
            barred.add(index)
        if finding is not None:
            findings[index] = finding
    for index in _sentences(blocks, [index for index in sorted(barred) if index not in findings]):
        findings[index] = LINKED
    titles = {index for index, finding in findings.items() if finding is LINKED}
    for index in in_rows(blocks, main, titles, barred):
        if index not in head or index not in findings:
            findings[index] = CARD
    for index in beside_titles(blocks, main, titles, barred):
        findings.setdefault(index, CARD)
    others = {index for index, finding in findings.items() if finding.role == "related"}
    for index in labels(blocks, main, others, barred):
        findings.setdefault(index, CARD)
    others = {index for index, finding in findings.items() if finding.role == "related"}
    more, fewer = like_others(blocks, main, others)
    for index in more.difference(findings):
        findings[index] = CARD
    for index in fewer:
        del findings[index]
    title = _title(blocks, main, stated, head)
    if title is None and top < first and not any(main[i] and stated.is_title(blocks[i].text) for i in head if i >= 0):
        title = top
    if title is not None:
        findings[title] = TITLE
    return findings


def _sentences(blocks: Sequence[Block], menus: Sequence[int]) -> Iterator[int]:
    """Links in lists of menus that are as long as sentences: no menu has such entries."""
    lists: dict[tuple[Path, str | None], list[int]] = defaultdict(list)
    for index in menus:
        shares = is_called(blocks[index], SHARED, ())
        if (
            not shares
            and link_share(blocks[index]) > SENTENCE_SHARE
            and any(token.tag == "li" for token in blocks[index].path)
        ):
            path = blocks[index].path
            lists[list_around(path).outer, container(path).tag].append(index)
    for inside in lists.values():
        words = [len(blocks[index].text.split()) + len(CJK.findall(blocks[index].text)) // 2 for index in inside]
        if len(inside) >= LEAST_SENTENCES and sum(words) >= LEAST_IN_SENTENCE * len(inside):
            yield from (index for index in inside if _is_title(blocks[index]))


def amid(blocks: Sequence[Block], main: Sequence[bool], evidence: Evidence) -> list[bool]:
    """Which blocks are the story's where what stands beside its paragraphs is, too: headings and plain paragraphs, and
    items and tables of data right in an element around the story, which nothing names otherwise."""
    story = [index for index, inside in enumerate(main) if inside]
    found = list(main)
    if not story:
        return found
    frames = {id(token) for index in story for token in blocks[index].path if token.tag not in CELLS}
    like = {named_tag(token) for index in story for token in blocks[index].path if token.tag in SECTIONS}
    frame = Counter(container(blocks[index].path) for index in story).most_common(1)[0][0]
    behind = [index for index in range(story[0], len(blocks)) if not main[index] and not in_menu(blocks[index])]
    between = [index for index in behind if index < story[-1]]
    cells = [index for index in behind if container(blocks[index].path).tag in CELLS]
    items = [index for index in between if any(token.tag == "li" for token in blocks[index].path)]
    for index in chain(items, *data_tables(blocks, cells)):
        # Some systems set each table as a figure.
        figured = "figure" if container(blocks[index].path).tag in CELLS else ""
        tokens = [token for token in blocks[index].path if token.tag != figured]
        own = [token for token in tokens if id(token) not in frames and named_tag(token) not in like]
        said = [evidence.of_element(token) for token in own]
        if own and own[0].tag in LISTED and all(one is None or one.role in CONTENT_ROLES for one in said):
            # What goes on behind the last paragraph does so right beside it.
            beside = index < story[-1] or tokens[tokens.index(own[0]) - 1] is frame.token
            found[index] = beside and not is_called(blocks[index], MENU, frames)
    for index in between:
        block = blocks[index]
        plain = block.path.tag == "p" and not (block.bold or block.italic or block.links)
        if container(block.path) is frame and (plain or any(token.tag in HEADINGS for token in block.path)):
            found[index] = True
    return found


class _Page(NamedTuple):
    """What is known of a page, where things above and below its story stand, and the element of the last paragraph."""

    evidence: Evidence
    dated: PageDates
    stated: Stated
    head: range
    tail: range
    frame: Path
    frames: Collection[int]
    top: int


def _top(blocks: Sequence[Block], first: int, stated: Stated) -> int:
    """Where the article's title stands above the first block of the story, or that block."""
    for index in range(max(0, first - FURTHEST_TITLE), first):
        block = blocks[index]
        if stated.is_title(block.text) and not in_menu(block) and any(token.tag in TITLES for token in block.path):
            return index
    return first


def _amid(block: Block, frames: Collection[int], *, started: bool) -> Finding | None:
    """What stands between the title and the last paragraph by the element around it: pictures' words, quotations."""
    tags = {token.tag for token in block.path}
    if tags & CONTROLS or link_share(block) >= LINK_SHARE:
        return None
    if started and "blockquote" in tags:
        return QUOTATION
    if "pre" in tags:
        return CODE if started and not block.text.replace(" ", "").isdecimal() else None
    pictured = tags & PICTURES or (started and is_called(block, PICTURED, frames))
    return PICTURE if pictured and len(block.text) <= LONGEST_CAPTION else None


def _of_block(page: _Page, index: int, block: Block, found: Sequence[Finding], *, menu: bool) -> Finding | None:
    text = block.text
    if index in page.tail and len(text) <= LONGEST_CREDIT and page.evidence.byline.fullmatch(text.strip(BRACKETS)):
        return SIGNED
    share = link_share(block)
    if share >= LINK_SHARE and is_called(block, STEP, page.frames) and _says_something(text, 2):
        return LEADING
    named_so = next((one for one in reversed(found) if one.reason.startswith(BY_CLASS)), None)
    if in_menu(block):
        return BOXED if named_so is not None and named_so.role == "related" and _says_something(text, 2) else None
    finding = None
    if index in page.head:
        finding = _above(page, block, found)
    elif index in page.tail:
        finding = _below(page, block, found)
    if finding is not None:
        return finding
    if menu:
        return None
    if index > page.head.stop and SENTENCE.search(text) and page.stated.names_author(text):
        plain = share < LINK_SHARE or text.endswith(".")
        if plain and _says_something(text, LEAST_OF_PLEA) and not is_called(block, SHARED, page.frames):
            return ABOUT
    titled = _leads(block) and not page.stated.is_title(text) and _is_title(block)
    if titled and not is_called(block, BUTTON, page.frames):
        return LINKED
    if index > page.head.stop and not titled and _invites(page, text, found):
        return INVITATION
    strong = next((one for one in reversed(found) if one.strong), None)
    teases = strong is not None and ("teaser" in strong.reason or strong.role == "lede")
    if teases and index in page.head and page.top < index <= page.top + 6:
        return TEASER if share == 0 and (SENTENCE.search(text) or _says_something(text, LEAST_OF_TEASER)) else None
    boxed = any(one.role == "related" and one.reason.startswith(BY_CLASS) for one in found)
    boxed = boxed and strong is not None and strong.role not in ("boilerplate", "byline")
    return BOXED if boxed and _says_something(text, 2) else None


def _title(blocks: Sequence[Block], main: Sequence[bool], stated: Stated, head: range) -> int | None:
    """Where the article's title stands, if the story has none: in the highest heading that repeats it."""
    if any(inside and stated.is_title(block.text) for block, inside in zip(blocks, main, strict=True)):
        return None
    tops = [index for index, block in enumerate(blocks) if any(token.tag == "h1" for token in block.path)]
    best = None
    for index in head:
        if index < 0 or main[index]:
            continue
        tags = [token.tag for token in blocks[index].path]
        said = stated.is_title(blocks[index].text) or any(_is_headline(token) for token in blocks[index].path)
        # Pages state another title for searches and networks; their only highest heading is what they show.
        if (not said and tops != [index]) or any(tag in MENUS or tag in ("a", "li") or tag in UNSHOWN for tag in tags):
            continue
        level = (not said, min([tag for tag in tags if tag in HEADINGS], default="h9"))
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
    heads = any(token.tag in HEADINGS for token in block.path)
    return INVITATION if heads or _says_something(block.text) else None


def _asks(block: Block) -> bool:
    """Whether a paragraph asks for subscribers or money."""
    plain = link_share(block) < LINK_SHARE / 2 and not any(token.tag in CONTROLS for token in block.path)
    return plain and _says_something(block.text, LEAST_OF_PLEA) and INVITES.search(block.text) is not None


def _invites(page: _Page, text: str, found: Sequence[Finding]) -> bool:
    """Whether words below the story are a publisher's to the reader, and no copyright of the site's."""
    if not _says_something(text) or len(text) > LONGEST_CAPTION or COPYRIGHT.search(text):
        return False
    if found and found[-1].role == "note" and found[-1].reason.startswith(BY_CLASS):
        return True
    said = page.evidence.of_wording(text, at_edge=True)
    return said is not None and said.role == "note"


def _says_something(text: str, words: int = LEAST_INVITATION) -> bool:
    return len(text.split()) >= words or len(CJK.findall(text)) >= LEAST_CJK_INVITATION


def _above(page: _Page, block: Block, found: Sequence[Finding]) -> Finding | None:
    text = block.text
    if any(token.tag == "figcaption" for token in block.path) or PHOTO.fullmatch(text) or CREDITED.fullmatch(text):
        return PICTURE if len(text) <= LONGEST_CAPTION else None
    role = found[-1].role if found else None
    if role == "caption" and len(text) <= LONGEST_CAPTION:
        return found[-1]
    if len(text) > LONGEST_CREDIT:
        return None
    if DIGIT.search(text) and len(text) <= LONGEST_DATED and (dated := _dated(page, text, role)) is not None:
        return dated
    if role == "dateline" or any(token.tag == "time" for token in block.path):
        return DATE if looks_dated(text) else None
    if (
        page.stated.is_author(text)
        or page.evidence.byline.fullmatch(text)
        or reports(text)
        or REPORTERS.fullmatch(text)
    ):
        return NAMES
    return found[-1] if role in HEAD_ROLES else None


def _dated(page: _Page, text: str, role: str | None) -> Finding | None:
    """What a line with a date says: when alone, or who and when."""
    rest = beside_date(text, page.dated)
    if rest is None and page.dated.read_within(text) is None and NAMED_MONTH.search(text) is None:
        return None
    if NAMES_WHO.search(text) or page.stated.names_author(text):
        return NAMES
    if rest is None:
        return None if SENTENCE.search(ORDINAL.sub("", text[:-1])) else DATE
    return NAMES if rest and (role != "dateline" or NAME.fullmatch(rest)) else DATE


def _below(page: _Page, block: Block, found: Sequence[Finding]) -> Finding | None:
    """Who wrote the article and what is said of them, and what the publisher remarks."""
    text = block.text
    if page.stated.is_author(text):
        return AUTHOR
    if found and found[-1].role == "byline" and len(text) <= LONGEST_NAME and not SENTENCE.search(text):
        return None if any("comment" in named(token) for token in block.path) else SIGNED
    if any(one.role == "note" and one.reason.startswith(BY_CLASS) for one in found):
        return ABOUT if _says_something(text) or EMAIL.search(text) else None
    if container(block.path) is page.frame and (block.italic or EMAIL.search(text)) and len(text) <= LONGEST_CAPTION:
        return SIGNED if len(text) <= LONGEST_NAME and EMAIL.search(text) else REMARK
    if DIGIT.search(text) and len(text) <= LONGEST_NAME:
        timed = any(token.tag == "time" for token in block.path) and looks_dated(text)
        if timed or beside_date(text, page.dated) == "":
            return DATED_BELOW
    if len(text) <= LONGEST_CREDIT and REPORTERS.fullmatch(text.rstrip(".")):
        return SIGNED
    said = page.evidence.of_wording(text, at_edge=True)
    return REMARK if said is not None and said.role == "note" and len(text) <= LONGEST_CAPTION else None


def _leads(block: Block) -> bool:
    """Whether a block is little else than links, or one of its lines is a link."""
    text = f"\n{block.text}\n"
    lines = "\n" in block.text and any(text[link.start] == "\n" == text[link.end + 1] for link in block.links)
    return link_share(block) >= (LINE_SHARE if lines else LINK_SHARE)


def _is_figure(block: Block) -> bool:
    return not block.links and not block.bold and container(block.path).tag in CELLS


def _is_title(block: Block) -> bool:
    """Whether a linked block is long enough for a title; several links are so for each of them."""
    text, count = block.text, max(1, len({link.href for link in block.links}))
    if len(CJK.findall(text)) >= LEAST_CJK * count:
        return True
    words = len(text.split()) >= LEAST_WORDS * count or UNSPACED.search(text) is not None
    return len(text) >= LEAST_LETTERS * count and words
