"""What blocks make of each other once each is judged by itself: numbers that go on, items of one list, tables, lines
below a title, remarks at the end.

Rules here look at order, at elements that blocks share, and at form; no wording. Each changes findings in place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.transforms.blocks import Block
from pressmark.transforms.elements import LISTS, Path, container, list_around
from pressmark.transforms.evidence import BY_START, ELEMENT_FINDINGS, HEADINGS, HIDDEN, Finding
from pressmark.transforms.forms import ASKED, ASKS, BULLETS, REFERENCES, SIGN_UP_WORDS
from pressmark.transforms.own_links import CJK, LINKS, TITLE_WORDS, named, settle_labelled, settle_links, width
from pressmark.transforms.page_statements import Stated

__all__ = ["CELLS", "NAME", "TITLE", "data_tables", "settle", "standfirst", "title_among"]

# A title and what belongs to it stand within so many blocks.
HEAD_BLOCKS: Final = 12
LEAST_OF_LEDE: Final = 30
LONGEST_LEDE: Final = 600
LEAST_OF_WORDS: Final = 4
# A table of data has so many cells at least, none longer than this, and most of them shorter, but in as
# many rows of several.
LEAST_CELLS: Final = 4
LONGEST_CELL: Final = 200
SHORT_CELL: Final = 40
CELLS: Final = frozenset({"td", "th"})
LEAST_QUESTIONS: Final = 4
# A picture's box has no more blocks than this.
PICTURE_BLOCKS: Final = 3
LONGEST_REMARK: Final = 400
LONGEST_CAPTION: Final = 250
SHORT: Final = 45
LAST_LINES: Final = 6
LEAST_TO_INVITE: Final = 2

ENDS: Final = re.compile(r"[.。!！?？…:：;；]['\"”’」』)）]*$")
# Neither a sentence nor what goes on in the next block, nor in parentheses.
OPEN_ENDS: Final = re.compile(r"[.。!！?？…:：;；,，—)）][\'\"”’」』]*$")
MARKS: Final = frozenset(
    "(（0123456789０１２３４５６７８９一二三四五六七八九十①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳abcdefghABCDEFGHiIvVxX"
)
NUMBER: Final = re.compile(
    r"[(（]?(?:(?P<year>(?:19|20)\d\d)年?(?=[\s:：、])|(?P<digits>\d{1,2})|(?P<chinese>[一二三四五六七八九十]{1,3})|(?P<letter>[A-Za-z])|(?P<circled>[①-⑳]))"
    r"(?P<end>[)）]|[.．](?!\d)|[、:：](?!\d))?\s*(?P<text>.?)",
    re.DOTALL,
)
CHINESE: Final = {sign: value for value, sign in enumerate("一二三四五六七八九十", 1)}

TITLE: Final = Finding("heading", "the article's own title")
STANDFIRST: Final = Finding("lede", "apart from the paragraphs, below the title")
LATER: Final = Finding("body", "called a summary, below what is none")
SUMMARY: Final = Finding("lede", "what the page states as its summary")
QUESTION: Final = Finding("body", "one of many questions in headings, as interviews have")
TITLED: Final = Finding("heading", "named a title, between a picture and a paragraph")
RIGHTS: Final = re.compile(r"\W*(?:©|\(c\)|copyright|版[权權]|著作[权權])", re.IGNORECASE)
OF_ONE_LIST: Final = Finding("list_item", "in a list that has other items of the story")
ITEM: Final = Finding("list_item", "its number goes on from the block before, or to the one behind")
BULLETED: Final = Finding("heading", "a bulleted line, with paragraphs between it and the next one")
SECTION: Final = Finding("heading", "a numbered line, with paragraphs between it and the next number")
BELOW_PICTURE: Final = Finding("caption", "a short line right below a picture")
PICTURED: Final = Finding("caption", "alone with a caption in an element")
REMARK: Final = Finding("note", "italic, below the story")
CITED: Final = Finding("note", "in a bibliography")
INVITES_TO: Final = Finding("note", "an invitation to sign up, at the story's end")
SIGNED: Final = Finding("byline", "a name alone in bold or italic, below the story")
CELL: Final = Finding("table", "a cell of a table of short texts")
# Some systems set each table as a figure.
IN_FIGURE: Final = ELEMENT_FINDINGS["figure"]
TABLE_TITLE: Final = Finding("caption", "the caption of a table")
# A story sums itself up before any of these; cards and lists have a summary of each.
TOLD: Final = ("body", "related", "list_item")


def settle(findings: list[Finding], blocks: Sequence[Block], stated: Stated, pictures: Collection[int] = ()) -> None:
    """Brings the findings of a story in line with each other; `pictures` says before which blocks a picture stands."""
    if not findings:
        return
    if LINKS in findings:
        settle_links(findings, blocks, stated.site)
    noted = [index for index, finding in enumerate(findings) if finding.role == "note"]
    if noted:
        _items(findings, blocks, noted)
    cells = [index for index, block in enumerate(blocks) if container(block.path).tag in CELLS]
    if len(cells) >= LEAST_CELLS:
        _tables(findings, blocks, cells)
    numbered = [index for index, block in enumerate(blocks) if block.text[0] in MARKS]
    if len(numbered) > 1:
        _numbers(findings, blocks, numbered)
    bulleted = [index for index, block in enumerate(blocks) if block.text[0] in BULLETS]
    if len(bulleted) > 1:
        _bulleted(findings, blocks, bulleted)
    for index in pictures:
        if 0 < index < len(blocks) and findings[index].role == "body" and _captions(blocks[index]):
            here = blocks[index].path.token
            findings[index] = TITLED if here is not None and TITLE_WORDS.search(named(here)) else BELOW_PICTURE
    _interview(findings, blocks)
    _references(findings, blocks)
    captions = [index for index, finding in enumerate(findings) if finding.role == "caption"]
    if captions:
        _pictures(findings, blocks, captions)
    if blocks[-1].italic or blocks[-1].bold or findings[-1].role not in CONTENT_ROLES:
        _closing(findings, blocks, stated)
    if any(block.links for block in blocks[-LAST_LINES:]):
        settle_labelled(findings, blocks, stated.site)
        _invitation(findings, blocks)
    ledes = [index for index, finding in enumerate(findings) if finding.role == "lede"]
    if len(ledes) > 1:
        between = (index for index in range(ledes[0], ledes[-1]) if findings[index].role in TOLD)
        below = next(between, ledes[-1])
        findings[below:] = [LATER if one.role == "lede" and below < ledes[-1] else one for one in findings[below:]]
    title = title_among(findings[:HEAD_BLOCKS], blocks)
    if title is not None or stated.summary:
        standfirst(findings, blocks, stated, title)


def _items(findings: list[Finding], blocks: Sequence[Block], noted: Sequence[int]) -> None:
    """What the first words of an item say of it is no role where other items of its list are the story's."""
    plain = {list_around(blocks[index].path) for index, finding in enumerate(findings) if finding.role == "list_item"}
    for index in noted:
        around = list_around(blocks[index].path)
        said = findings[index].reason.startswith(BY_START) and not RIGHTS.match(blocks[index].text)
        if said and around.tag in LISTS and around in plain:
            findings[index] = OF_ONE_LIST


def _captions(block: Block) -> bool:
    """Whether what follows a picture is a line in italics, or as short as a title and no sentence."""
    text = block.text
    if block.italic and not block.bold:
        return len(text) <= LONGEST_CAPTION
    says = len(text.split()) > 1 or len(CJK.findall(text)) >= LEAST_OF_WORDS
    return says and not block.bold and not block.links and width(text) <= 2 * SHORT and not OPEN_ENDS.search(text)


def title_among(findings: Sequence[Finding], blocks: Sequence[Block]) -> int | None:
    """Where the article's title stands."""
    headings = (index for index, finding in enumerate(findings) if finding.role == "heading")
    return next((index for index in headings if _heads(findings[index], blocks[index])), None)


def _tables(findings: list[Finding], blocks: Sequence[Block], cells: Sequence[int]) -> None:
    """What a table holds is its cells where there are several in a row, and rows, and all are short."""
    for inside in data_tables(blocks, cells):
        for index in inside:
            if findings[index] is IN_FIGURE or findings[index].role not in ("boilerplate", "caption"):
                findings[index] = CELL
        above = inside[0] - 1
        if above >= 0 and blocks[above].path.tag == "caption" and findings[above].role in CONTENT_ROLES:
            findings[above] = TABLE_TITLE


def data_tables(blocks: Sequence[Block], cells: Sequence[int]) -> Iterator[list[int]]:
    """The cells of each table of data."""
    tables: dict[Path, list[int]] = {}
    for index in cells:
        row = container(blocks[index].path).outer
        around = row.outer if row.outer.tag == "table" else row.outer.outer
        tables.setdefault(around, []).append(index)
    for around, inside in tables.items():
        sizes = sorted(len(blocks[index].text) for index in inside)
        rows = Counter(container(blocks[index].path).outer for index in inside)
        grid = len(inside) >= LEAST_CELLS and len(rows) > 1 and max(rows.values()) > 1
        even = sum(count > 1 for count in rows.values()) >= LEAST_CELLS
        short = even or sizes[len(sizes) // 2] <= SHORT_CELL
        if grid and around.tag == "table" and sizes[-1] <= LONGEST_CELL and short:
            yield inside


def _interview(findings: list[Finding], blocks: Sequence[Block]) -> None:
    """Headings are an interview's questions where there are several and most ask, and whoever is asked is addressed."""
    heads = [index for index, finding in enumerate(findings) if finding.role == "heading" and finding is not TITLE]
    if len(heads) < LEAST_QUESTIONS:
        return
    asking = [index for index in heads if ASKS.search(blocks[index].text)]
    asked = [index for index in heads if ASKED.search(blocks[index].text)]
    if len(asking) >= LEAST_QUESTIONS and 2 * len(asking) > len(heads) and 2 * len(asked) > len(heads):
        for index in heads:
            if ENDS.search(blocks[index].text):
                findings[index] = QUESTION


def _heads(finding: Finding, block: Block) -> bool:
    return finding is TITLE or (finding.role == "heading" and any(token.tag == "h1" for token in block.path))


def _numbered(text: str) -> tuple[str, int] | None:
    """The kind of number that a block begins with, and its value."""
    match = NUMBER.match(text)
    if match is None or not match["text"]:
        return None
    end = match["end"] or ""
    if match["year"]:
        return "year", int(match["year"])
    if match["circled"]:
        return "circled", ord(match["circled"]) - ord("①") + 1
    if not end:
        return None
    if match["digits"]:
        return f"digits{end}", int(match["digits"])
    if match["letter"]:
        # A letter and a full stop are how initials begin.
        return (f"letter{end}", ord(match["letter"].lower())) if end in ")）" else None
    tens = match["chinese"]
    value = CHINESE[tens] if len(tens) == 1 else _of_tens(tens)
    return (f"chinese{end}", value) if value else None


def _of_tens(signs: str) -> int:
    before, _, behind = signs.partition("十")
    if len(before) > 1 or len(behind) > 1 or "十" not in signs:
        return 0
    return CHINESE.get(before, 1) * 10 + CHINESE.get(behind, 0)


def _numbers(findings: list[Finding], blocks: Sequence[Block], numbered: Sequence[int]) -> None:
    """Numbers that go on: items where they follow each other, sections' headings where paragraphs stand between."""
    found = [
        (index, *number)
        for index in numbered
        if findings[index].role in ("body", "quote") and (number := _numbered(blocks[index].text)) is not None
    ]
    heads = []
    for (index, kind, value), (following, other, successor) in pairwise(found):
        back = kind == "year" and successor < value
        if kind != other or successor != value + (-1 if back else 1):
            continue
        if following == index + 1:
            findings[index] = findings[following] = ITEM
        else:
            heads += [index, following]
    for index in heads:
        text = blocks[index].text
        if findings[index].role == "body" and len(text) <= SHORT and not ENDS.search(text) and index + 1 < len(blocks):
            findings[index] = SECTION


def _bulleted(findings: list[Finding], blocks: Sequence[Block], bulleted: Sequence[int]) -> None:
    """Short bulleted lines head sections where each has a paragraph below it: items follow each other."""
    ends = [*bulleted[1:], len(blocks)]
    for index, following in zip(bulleted, ends, strict=True):
        text = blocks[index].text
        if following == index + 1 or findings[index + 1].role != "body" or len(text) > SHORT or ENDS.search(text):
            return
    for index in bulleted:
        if findings[index].role in ("body", "list_item"):
            findings[index] = BULLETED


def _references(findings: list[Finding], blocks: Sequence[Block]) -> None:
    """What stands below the heading of a bibliography, up to the next heading."""
    below = False
    for index, finding in enumerate(findings):
        if finding.role == "heading" or len(blocks[index].text) <= SHORT:
            heads = REFERENCES.fullmatch(blocks[index].text) is not None
            below = heads or (below and finding.role != "heading")
        if below and finding.role in ("heading", "body", "list_item", "related"):
            findings[index] = CITED


def _pictures(findings: list[Finding], blocks: Sequence[Block], captions: Sequence[int]) -> None:
    """What stands in one element with a picture's credit, and nothing else does."""
    for index in captions:
        box = container(blocks[index].path)
        if box.token is None or box.tag == "body":
            continue
        around = range(max(0, index - PICTURE_BLOCKS), min(len(blocks), index + PICTURE_BLOCKS + 1))
        inside = [other for other in around if container(blocks[other].path) is box]
        others = [other for other in inside if findings[other].role != "caption"]
        if len(inside) <= PICTURE_BLOCKS and len(others) == 1 and findings[others[0]].role in ("body", "heading"):
            findings[others[0]] = PICTURED


def _closing(findings: list[Finding], blocks: Sequence[Block], stated: Stated) -> None:
    """Italic remarks below the last paragraph that is not, and a name there."""
    last = len(blocks) - 1
    while last >= 0:
        block, finding = blocks[last], findings[last]
        if finding.role in CONTENT_ROLES:
            alone = block.italic or block.bold
            if not alone or finding.role not in ("body", "heading") or len(block.text) > LONGEST_REMARK:
                return
            plain = sum([not other.italic and not other.bold for other in blocks[:last]])
            if plain <= last / 2:
                return
            if stated.is_author(block.text) or (finding.role == "heading" and NAME.fullmatch(block.text)):
                findings[last] = SIGNED
            elif block.italic:
                findings[last] = REMARK
            else:
                return
        last -= 1


def _invitation(findings: list[Finding], blocks: Sequence[Block]) -> None:
    """The last paragraph, where a link in it signs readers up."""
    last = next((index for index in range(len(blocks) - 1, 0, -1) if findings[index].role in CONTENT_ROLES), 0)
    block = blocks[last]
    if last and findings[last].role == "body" and block.links and len(block.text) <= LONGEST_REMARK:
        words = {word.casefold() for word in SIGN_UP_WORDS.findall(block.text)}
        if len(words) >= LEAST_TO_INVITE:
            findings[last] = INVITES_TO


NAME: Final = re.compile(r"[A-ZÀ-ÞĀ-ŽĐ][\w.'’-]+(?: [A-ZÀ-ÞĀ-ŽĐ][\w.'’-]*){1,3}|[\u4e00-\u9fff]{2,4}")


def standfirst(findings: list[Finding], blocks: Sequence[Block], stated: Stated, title: int | None) -> None:
    """The one block below the title that is set apart from the paragraphs sums the story up."""
    start = 0 if title is None else title + 1
    for index in range(start, min(len(blocks), start + HEAD_BLOCKS)):
        block, finding = blocks[index], findings[index]
        if finding.role == "lede":
            return
        could = finding.role == "body" or (finding.role == "heading" and finding is not TITLE)
        # What a page has outside its story is furniture, unless it is a sentence.
        could = could or (
            finding.role == "boilerplate" and finding is not HIDDEN and ENDS.search(block.text) is not None
        )
        if could and not block.links and width(block.text) >= LEAST_OF_LEDE and len(block.text) <= LONGEST_LEDE:
            summary = stated.is_summary(block.text)
            if (summary or (title is not None and _belongs(blocks[title], block))) and _is_apart(
                findings, blocks, index
            ):
                findings[index] = SUMMARY if summary else STANDFIRST
                return
        if finding.role == "body":
            return


def _belongs(title: Block, block: Block) -> bool:
    """Whether a block stands in the element around the title, or is no deeper than one element inside of it."""
    around = container(title.path)
    here = container(block.path)
    return around.token is not None and (here is around or here.outer is around or here is around.outer)


def _is_apart(findings: Sequence[Finding], blocks: Sequence[Block], index: int) -> bool:
    """Whether no paragraph of the story stands beside a block, and none goes on from it."""
    block = blocks[index]
    here = container(block.path)
    heading = any(token.tag in HEADINGS for token in block.path)
    later = (other for other in range(index + 1, len(blocks)) if container(blocks[other].path).tag != "pre")
    following = next((other for other in later if findings[other].role == "body"), None)
    if following is None:
        return False
    if heading:
        return not any(token.tag in HEADINGS for token in blocks[following].path)
    there = container(blocks[following].path)
    return there is not here and _shape(there) != _shape(here)


def _shape(path: Path) -> tuple[str, str | None]:
    """An element's name and classes: paragraphs that each have an element of their own have one of the same kind."""
    attributes = () if path.token is None else path.token.attrs or ()
    return path.tag or "", next((value for key, value in attributes if key == "class"), None)
