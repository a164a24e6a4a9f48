"""What each block is: a small classifier over a block's elements, wording, place, form and neighbours.

Rules hold for a layout or for news in general; what is known of one outlet comes from the registry. They are tried in
the order of `_judge`, and the first that holds decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pressmark.schemas.contract import CONTENT_ROLES, Role
from pressmark.transforms.beside_dates import STOPS, beside_date, looks_dated, without_lead
from pressmark.transforms.blocks import Block
from pressmark.transforms.datelines import FOUR_DIGITS, PageDates, Printed
from pressmark.transforms.elements import container, is_inside
from pressmark.transforms.evidence import BY_CLASS, LONGEST_PLAIN_REMARK, LONGEST_REMARK, Evidence, Finding, telling
from pressmark.transforms.forms import (
    ADDRESS,
    ASKED,
    ASKS,
    BULLET,
    BULLETS,
    CONTRIBUTED,
    CREDITED,
    DATED,
    DIGIT,
    EDITORS_WORD,
    EMAIL,
    ENDS_SENTENCE,
    EXTRACT_HEAD,
    FIGURE,
    FIGURES,
    FOOTNOTE,
    FURNITURE,
    GALLERY,
    NAMES_SOURCE,
    NUMBERED,
    PARENTHESISED,
    PHOTO,
    PHOTO_CREDIT,
    PICTURED,
    QUOTED,
    REPORTERS,
    SENTENCE,
    SENTENCE_END,
    SOURCED,
    STARRED,
    SUBMITTED,
    TEAM,
    TELLING_AT_EDGE,
    TRANSLATED,
    VIA,
)  # fmt: skip
from pressmark.transforms.neighbours import TITLE, settle
from pressmark.transforms.own_links import CJK, LINKS, leads_here
from pressmark.transforms.page_statements import NOTHING_STATED, Stated
from pressmark.transforms.people import reports

__all__ = ["LINK_SHARE", "LONGEST_CREDIT", "Classified", "classify", "link_share"]

# Datelines stand above the story or right below it, never in its middle.
TOP_BLOCKS: Final = 6
# Remarks on the author, and who reported, stand at the end where they are not at the top.
LAST_BLOCKS: Final = 4
SHORT: Final = 80
SHORTEST_LEDE: Final = 12
LONGEST_HEADING: Final = 45
LONGEST_CREDIT: Final = 120
LINK_SHARE: Final = 0.8
# What most of an article is inside of is its frame, whatever its class is called.
FRAME_SHARE: Final = 0.5
ITEM_BLOCKS: Final = 4

BODY: Final = Finding("body", "running text")

# What an element around a block says, and its number; None where none says anything.
Surrounding = tuple[Finding | None, int]


class Classified(NamedTuple):
    """One role for each block, and why; and the first dateline at the top, if there is one."""

    roles: list[Role]
    reasons: list[str]
    dateline_at: datetime | None


def classify(
    blocks: list[Block], evidence: Evidence, dates: PageDates, stated: Stated = NOTHING_STATED,
    pictures: Collection[int] = (),
) -> Classified:  # fmt: skip
    """Roles of an article's blocks, judged with what is known of its layout and what its header says; `pictures` are
    the blocks with a picture right before them."""
    return _Classifier(blocks, evidence, dates, stated).run(pictures)


class _Classifier:
    """Judges an article's blocks from first to last; what it has seen so far counts for the next one."""

    def __init__(self, blocks: list[Block], evidence: Evidence, dates: PageDates, stated: Stated) -> None:
        self._blocks = blocks
        self._stated = stated
        self._evidence = evidence
        self._dates = dates
        self._dateline_at: datetime | None = None
        self._names: tuple[str, ...] = ()
        self._story_started = False
        self._after: Finding | None = None
        # Most blocks share their ancestors, so each start tag is judged once: by its number, what holds inside it.
        self._judged: dict[int, Surrounding] = {}
        self._frames: frozenset[int] = frozenset()
        self._pictures: Collection[int] = ()

    def run(self, pictures: Collection[int]) -> Classified:
        blocks, self._pictures = self._blocks, pictures
        inside = [self._inside(block) for block in blocks]
        while frames := self._frames_among(inside):
            self._judged.clear()
            self._frames |= frames
            inside = [self._inside(block) for block in blocks]
        findings = []
        last = len(blocks) - LAST_BLOCKS
        titles = [is_inside(block.path, "h1") or self._stated.is_title(block.text) for block in blocks[:TOP_BLOCKS]]
        title = titles.index(True) if True in titles else 0
        for index, (block, (context, _)) in enumerate(zip(blocks, inside, strict=True)):
            plain = self._story_started and context is None and self._after is None
            if plain and self._is_plain(block, at_edge=index >= last):
                findings.append(BODY)
                continue
            finding = self._judge(index, block, context)
            names_section = index < title and len(block.text) <= SHORT and block.text[-1] not in ".。!！?？"
            if finding.role == "body" and not names_section:
                self._story_started = True
            findings.append(finding)
        _join_editors_words(findings, blocks)
        settle(findings, blocks, self._stated, pictures)
        return Classified([f.role for f in findings], [f.reason for f in findings], self._dateline_at)

    def _is_plain(self, block: Block, *, at_edge: bool) -> bool:
        """Whether no rule can hold for a block of a story that has started, which spares asking for most of them."""
        text, _, _, _, bold, italic, links = block
        evidence = self._evidence
        if bold or italic or links or text[0] in evidence.telling:
            return False
        if len(text) <= LONGEST_CREDIT and text[-1] not in ENDS_SENTENCE:
            return False
        if at_edge and (self._names or any(sign in text for sign in TELLING_AT_EDGE)):
            return False
        longest = LONGEST_REMARK if at_edge else LONGEST_PLAIN_REMARK
        return len(text) > longest or evidence.remark.search(text) is None

    def _judge(self, index: int, block: Block, context: Finding | None) -> Finding:
        text = block.text
        heads = context is None or context.role == "heading"
        titled = heads and index < TOP_BLOCKS and self._stated.is_title(text)
        if index < TOP_BLOCKS and not self._story_started and len(text) <= LONGEST_CREDIT and DATED.search(text):
            dated = self._dated(block, context)
            if dated is not None and not (titled and is_inside(block.path, "h1")):
                return dated
        strong = context if context is not None and context.strong else None
        if titled:
            return TITLE
        after = self._continued(index, block, strong) if self._after is not None else None
        if after is not None:
            return after
        if strong is not None and self._fits(strong, text):
            noted = strong.role == "quote" or (strong.role == "caption" and index >= len(self._blocks) - LAST_BLOCKS)
            said = self._evidence.of_wording(text, at_edge=True) if noted else None
            # Publishers set their notes as quotations, and as captions at the end; names and addresses as quotations.
            if strong.role == "quote" and said is None and len(text) <= LONGEST_CREDIT:
                said = REFERENCE if ADDRESS.fullmatch(text) else None
                return CREDITS if self._evidence.byline.fullmatch(text) else said or strong
            return said if said is not None and said.role == "note" else strong
        at_edge = not self._story_started or index >= len(self._blocks) - LAST_BLOCKS
        pictured = text[0] in "©(" and index < len(self._blocks) - 1 and PICTURED.fullmatch(text)
        finding = PICTURE_CREDIT if pictured else self._evidence.of_wording(text, at_edge=at_edge)
        if "源" in text and len(text) <= LONGEST_CREDIT and (sourced := SOURCED.match(text)):
            is_credit = self._evidence.byline.fullmatch(text[sourced.end() :].rstrip("）)】]"))
            finding = CREDITS if is_credit else finding
        # Most blocks end like a sentence, which none of the short forms does.
        if finding is None and len(text) <= LONGEST_CREDIT and text[-1] not in ENDS_SENTENCE:
            # Items of news have their agency behind them, too.
            item = context is not None and context.role == "list_item" and index not in self._pictures
            finding = self._of_short_form(index, block, at_edge=at_edge, item=item)
        if finding is not None:
            self._open(finding, text)
            return finding
        if context is not None and not context.strong:
            if context.role in ("list_item", "heading") and link_share(block) >= LINK_SHARE and not leads_here(block):
                return LINKS
            is_sentence = len(text) > _longest(text, SHORT) or (len(text) > LONGEST_HEADING and SENTENCE.search(text))
            if context.role != "heading" or not is_sentence:
                self._open(context, text)
                return context
        return self._of_form(index, block, at_edge=at_edge)

    def _fits(self, finding: Finding, text: str) -> bool:
        """Whether a block can be what the class of an element around it says: names are used loosely."""
        if finding.role == "byline":
            return len(text) <= LONGEST_CREDIT
        if finding.role == "dateline":
            return looks_dated(text)
        if finding.role == "lede":
            return not self._story_started and len(text) > SHORTEST_LEDE
        return True

    def _inside(self, block: Block) -> Surrounding:
        """What the elements around a block say, and which one: the innermost that holds against any wording, else
        the innermost of all."""
        here, judged = block.path, self._judged
        found = NOTHING
        # A plain paragraph says nothing, and has no other block in it.
        if here.tag == "p" and here.token is not None and not here.token.attrs:
            here = here.outer
        # From the innermost element outwards, to the first that was judged before.
        ahead = []
        while here.token is not None:
            known = judged.get(id(here))
            if known is not None:
                found = known
                break
            ahead.append((id(here), here.token))
            here = here.outer
        for number, token in reversed(ahead):
            own = None if number in self._frames else self._evidence.of_element(token)
            # Inside furniture, a heading or a list item is furniture too; in a summary or a quotation an item is one.
            outer = found[0]
            if own is not None and (own.strong or outer is None or not outer.strong or (own.role, outer.role) in ITEMS):
                found = (own, number)
            judged[number] = found
        return found

    def _frames_among(self, inside: Sequence[Surrounding]) -> frozenset[int]:
        """Elements that hold so much of the text that they are the article's frame."""
        # Most articles have no element that could be one.
        if not any(_is_framing(finding) for finding, _ in self._judged.values()):
            return frozenset()
        pairs = zip(self._blocks, inside, strict=True)
        told = telling((one[0], block.text) for at, (block, one) in enumerate(pairs) if at not in self._pictures)
        shown = {number for finding, number in inside if finding in told}
        held: Counter[int] = Counter()
        # A single item of a list that holds most paragraphs of a page is no item of the story.
        items: Counter[int] = Counter()
        for block, (finding, number) in zip(self._blocks, inside, strict=True):
            if _is_framing(finding):
                held[number] += len(block.text)
                items[number] += 1 if finding is not None and finding.role == "list_item" else ITEM_BLOCKS
        total = sum([len(block.text) for block in self._blocks])
        large = (number for number, size in held.items() if size > total * FRAME_SHARE and items[number] >= ITEM_BLOCKS)
        return frozenset(shown.union(large))

    def _continued(self, index: int, block: Block, strong: Finding | None) -> Finding | None:
        """What the block before makes of this one, as a heading over links or over pictures does."""
        after, finding = self._after, None
        if after is LINKS and link_share(block) >= LINK_SHARE:
            return LABELLED
        if strong is None:
            if after is PICTURES and any(token.tag in BOLD for token in block.path):
                return PICTURES
            if after is EXTRACT and index <= TOP_BLOCKS and len(block.text) > LONGEST_HEADING:
                finding = EXTRACT
        self._after = None
        return finding

    def _open(self, finding: Finding, text: str) -> None:
        if finding.role == "related" and len(text) <= SHORT:
            self._after = PICTURES if GALLERY.match(text) else LINKS
        elif EXTRACT_HEAD.fullmatch(text):
            self._after = EXTRACT

    def _dated(self, block: Block, context: Finding | None) -> Finding | None:
        """A dateline, or a byline with a dateline in it."""
        text = without_lead(block.text)
        found = self._dates.read(text)
        if found and self._dateline_at is not None and block.bold:
            return None
        if found is None or not FOUR_DIGITS.search(text):
            found = self._in_attribute(block) or found  # "3 hours ago" says less
        if found:
            self._keep(found)
            return Finding(DATELINE.role, f"{DATELINE.reason}: {found.evidence}")
        lines = [line.strip() for line in text.split("\n")]
        for line in lines if len(lines) > 1 else ():
            if DIGIT.search(line) and (found := self._dates.read(line)):
                self._keep(found)
                names = [name.strip() for other in lines if other != line for name in NAME_ENDS.split(other)]
                self._names = tuple(name.casefold() for name in names if len(name) > 1)
                return BYLINE_WITH_DATE
        if len(text) <= SHORT and not block.bold and (found := self._dates.read_within(text)):
            rest = beside_date(text, self._dates)
            named = rest and (context is None or context.role != "caption")
            if SUBMITTED.search(text) or named:
                self._keep(found)
                return BYLINE_WITH_DATE
        return None

    def _keep(self, found: Printed) -> None:
        self._dateline_at = self._dateline_at or found.moment

    def _in_attribute(self, block: Block) -> Printed | None:
        """What the `datetime` of a `time` element around a short block says, which is exact where the text is not."""
        around = next((token for token in reversed(block.path) if token.tag == "time"), None)
        stated = around.attr("datetime") if around is not None else None
        return self._dates.read(stated.strip()) if stated else None

    def _of_short_form(self, index: int, block: Block, *, at_edge: bool, item: bool) -> Finding | None:
        text = block.text
        if FURNITURE.fullmatch(text):
            return FURNISHING
        if EXTRACT_HEAD.fullmatch(text):
            return EXTRACT_TITLE
        if self._evidence.byline.fullmatch(text):
            return CREDITS
        if len(text) <= SHORT and (at_edge or TEAM.search(text)) and (REPORTERS.fullmatch(text) or reports(text)):
            return REPORTER
        if text[0] in FIGURES and FIGURE.fullmatch(text):
            return FIGURE_TITLE
        credited = not item and ("(" in text or "（" in text) and PHOTO_CREDIT.fullmatch(text)
        if credited and (len(text) <= SHORT or not SENTENCE.search(text)):
            return PICTURE_CREDIT
        if PHOTO.fullmatch(text) or (NAMES_SOURCE.search(text) and CREDITED.fullmatch(text)):
            return PICTURE_CREDIT
        if at_edge and self._story_started and DIGIT.search(text) and self._dates.read(text) is not None:
            return SIGNED_OFF
        if VIA.fullmatch(text):
            return REFERRED
        if at_edge and index in (0, len(self._blocks) - 1) and PARENTHESISED.fullmatch(text):
            return ASIDE
        return None

    def _of_form(self, index: int, block: Block, *, at_edge: bool) -> Finding:
        text = block.text
        if ADDRESS.fullmatch(text) or (text[0] == "[" and FOOTNOTE.match(text)):
            return REFERENCE
        if at_edge and len(text) <= LONGEST_REMARK and "@" in text and EMAIL.search(text):
            signs = text[-1] not in ENDS_SENTENCE + "." and not STOPS.search(EMAIL.sub("", text))
            signs = signs and not LABELLED_MAIL.search(text)
            return SIGNED if signs and len(text) <= SHORT else CONTACT
        if at_edge and CONTRIBUTED.fullmatch(text):
            return REPORTER
        if block.links and len(text) <= SHORT and link_share(block) >= LINK_SHARE:
            if "://" in text:
                return ADDRESSED if at_edge else BODY
            return SOURCE if index == 0 and container(block.path).tag != "li" else LINKS
        if text[0] in BULLETS and BULLET.match(text):
            return BULLETED
        could_head = len(text) <= LONGEST_HEADING and text[-1] not in ENDS_SENTENCE
        if could_head and (NUMBERED.fullmatch(text) or STARRED.fullmatch(text)):
            return SECTION
        if block.bold:
            alone = not any(one.bold and not ASKS.search(one.text) for one in self._blocks[index + 1 : index + 2])
            above = not self._story_started and index < TOP_BLOCKS
            if above and alone and len(text) > 20 and SENTENCE_END.search(text):
                return BOLD_TOP
            if _heads(text):
                self._open(BOLD_LINE, text)
                return BOLD_LINE
        if block.italic:
            if QUOTED.fullmatch(text):
                return ITALIC_QUOTE
            if not self._story_started and index < TOP_BLOCKS:
                return ITALIC_TOP
        if at_edge and self._story_started and (TRANSLATED.search(text) or self._is_about_the_author(text)):
            return AUTHOR
        return BODY

    def _is_about_the_author(self, text: str) -> bool:
        folded = text.casefold() if self._names else ""
        # A name with a colon is who speaks in an interview.
        return any(folded.startswith(name) and not SPEAKS.match(folded, len(name)) for name in self._names)


def _longest(text: str, limit: int) -> int:
    """The limit for a text, which counts for twice as many letters as characters of Chinese, Japanese or Korean."""
    return limit if CJK.search(text) else 2 * limit


def _heads(text: str) -> bool:
    """Whether a bold line is as short as a heading and no sentence."""
    if len(text) <= LONGEST_HEADING:
        if ASKS.search(text) and not SENTENCE.search(text[:-1]):
            return ASKED.search(text) is None
        announces = text[-1] in ":：" and ("，" in text or ", " in text)
        return not announces and not SENTENCE.search(text) and not text.endswith(("?", "…"))
    return len(text) <= _longest(text, LONGEST_HEADING) and not SENTENCE_END.search(text) and text[-1] not in ":,"


def _is_framing(finding: Finding | None) -> bool:
    if finding is None:
        return False
    # A quotation may be all of an article where an element says so, and hardly where a class does.
    loose = finding.role not in QUOTING or finding.reason.startswith(BY_CLASS)
    return finding.role == "list_item" or (finding.strong and loose)


def _join_editors_words(findings: list[Finding], blocks: Sequence[Block]) -> None:
    """An editor's word goes on to the next note at the top."""
    notes = [index for index, finding in enumerate(findings[:TOP_BLOCKS]) if finding.role == "note"]
    if len(notes) > 1 and EDITORS_WORD.match(blocks[notes[0]].text):
        for index in range(notes[0], notes[-1]):
            if findings[index].role == "body":
                findings[index] = EDITORS_WORD_GOES_ON


def link_share(block: Block) -> float:
    """How much of a block's text is links, from 0 to 1."""
    links = block.links
    return sum([link.end - link.start for link in links]) / len(block.text) if links else 0.0


BOLD: Final = frozenset({"b", "strong"})
NOTHING: Final[Surrounding] = (None, 0)
ITEMS: Final = frozenset({("list_item", "lede"), ("list_item", "quote")})
QUOTING: Final = CONTENT_ROLES - {"lede"}
NAME_ENDS: Final = re.compile(r"[,，/、]")
# An address with a label, or amid words that are in no name.
LABELLED_MAIL: Final = re.compile(r"[:：]\s*[\w.+-]+@|(?<![\w@.+-])[a-z_]{4,}(?![\w@.+-])")
SPEAKS: Final = re.compile(r"\s*[：:]")

DATELINE: Final = Finding("dateline", "a date and nothing else, above the story")
BYLINE_WITH_DATE: Final = Finding("byline", "a name and a date, above the story")
LABELLED: Final = Finding("related", "a link below a label of links")
CONTACT: Final = Finding("note", "an e-mail address, at the article's edge")
SIGNED: Final = Finding("byline", "a name and an e-mail address, at the article's edge")
SIGNED_OFF: Final = Finding("dateline", "a date and nothing else, at the end")
PICTURES: Final = Finding("caption", "a bold title below the heading of a gallery")
EXTRACT_TITLE: Final = Finding("heading", "announces a summary")
EXTRACT: Final = Finding("lede", "below a heading that announces a summary")
FURNISHING: Final = Finding("boilerplate", "page furniture by its wording")
CREDITS: Final = Finding("byline", "what people did, and their names")
REPORTER: Final = Finding("byline", "names and a report, outside the story")
REFERENCE: Final = Finding("note", "an address and nothing else, or a numbered reference")
ADDRESSED: Final = Finding("note", "little else than an address, at the article's edge")
SOURCE: Final = Finding("note", "nothing but links, above the story")
REFERRED: Final = Finding("note", "says by whom it was found")
FIGURE_TITLE: Final = Finding("caption", "a figure's number and title")
PICTURE_CREDIT: Final = Finding("caption", "ends with the source of a picture")
ASIDE: Final = Finding("note", "in parentheses, at the article's edge")
BULLETED: Final = Finding("list_item", "begins with a bullet")
SECTION: Final = Finding("heading", "a section's number, or marked as a heading")
BOLD_TOP: Final = Finding("lede", "a bold sentence above the story")
BOLD_LINE: Final = Finding("heading", "a short bold line without a sentence's end")
ITALIC_QUOTE: Final = Finding("quote", "italic and in quotation marks")
ITALIC_TOP: Final = Finding("note", "italic, above the story")
AUTHOR: Final = Finding("note", "about the author, at the end")
EDITORS_WORD_GOES_ON: Final = Finding("note", "between an editor's word and the next note")
