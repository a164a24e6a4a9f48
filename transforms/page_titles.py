"""Which of a whole page's headings and stated titles is its article's, what of them is the site's name, and what on the
page stands beside that heading's story.

Looks at titles, headings and names alone; `page_facts.py` says what a page states. A title stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice
from typing import Final

from turbohtml import Document, Element, Node, Text

from pressmark.transforms.days import DIGITS
from pressmark.transforms.identity import unarchived
from pressmark.transforms.page_features import folded
from pressmark.transforms.page_words import ASIDE

__all__ = ["LONGEST_TITLE", "Region", "ancestors", "article_title", "is_quoted", "line_of", "names_of"]

LONGEST_TITLE: Final = 400
# A heading is the page's title where it is a part of a stated title, and at least so much of the shortest.
AGREES: Final = 0.3
LOWER: Final = "h2, h3, h4"
MOST_LOWER: Final = 30
MOST_NODES: Final = 20_000
# A part of a title that a page prints by itself has so many bytes: letters of some scripts say more.
LEAST_PRINTED, MOST_PARTS = 12, 8
LONGEST_BESIDE: Final = 30
WEIGHTS: Final = {"a": 1, "h1": 3, "h2": 3}
WORDS_APART: Final = re.compile(r"[\W_]+")
CLOSES: Final = re.compile(r"""["'”’»)\]?!.…%。！？」』）】]+""")
OPENS: Final = re.compile(r"""(?<!["'“‘«(\[「『（【¿¡])["'“‘«(\[「『（【¿¡]+$""")
ADDRESS: Final = re.compile(r"(?:[\w-]+\.){1,9}[a-z]{2,9}", re.IGNORECASE)
UNREAD: Final = frozenset({"title", "script", "style", "option", "noscript", "template", "textarea"})
LONGEST_KICKER: Final = 24
SEPARATED: Final = re.compile(
    r"\s+(?:[|–—·•»:/\-]|::|//)+\s+|\s*[|｜_ㅣ│]\s*|\s+[«<]\s+|"
    r"(?<=[^\x00-\xff])[-–—]{1,2}(?=[^-–—]{1,12}(?:[网網报報社台]|新闻|新聞|频道|頻道|传媒|傳媒|公众号)$)"
)
# Where the name of a site leads, and no title of an article does.
FRONT: Final = re.compile(r"\s*(?:https?://[^/?#\s]+)?(?:\.{0,2}/)*(?:\.|index\.\w{2,5})?\s*")
# A site that is called by its address, before what it calls its page.
DOMAIN: Final = re.compile(r"(?:[\w-]+\.){1,9}[a-z]{2,9}(?=\s*[:|»–—-]\s)")

IS_ASIDE: Final = re.compile(rf"(?<![A-Za-z])(?i:{'|'.join(ASIDE)})(?![a-z])")
ASIDE_TAGS: Final = frozenset({"nav", "aside", "select", "template", "option", "button", "textarea"})
UNPRINTED: Final = frozenset({"script", "style", "template", "noscript"})
MOST_NODES_NEAR: Final = 25


class Region:
    """Tells which elements are beside a page's own story: in menus, comments, boxes and articles of their own."""

    def __init__(self, heading: Element | None, *, everywhere: bool = False) -> None:
        self._everywhere = everywhere
        self._own = set(ancestors(heading)) if heading is not None else set()
        self._others_are_articles = any(one.tag == "article" for one in self._own)
        self._known: dict[Element, bool] = {}

    def is_aside(self, element: Element) -> bool:
        """Whether the element stands in a part that does not hold the title, and is named as one beside the story."""
        way: list[Element] = []
        found = False
        if self._everywhere:
            return found
        for one in (element, *ancestors(element)):
            if one in self._own:
                break
            known = self._known.get(one)
            if known is not None:
                found = known
                break
            way.append(one)
        for one in reversed(way):
            found = found or self._is_beside(one)
            self._known[one] = found
        return found

    def _is_beside(self, element: Element) -> bool:
        if element.tag in ASIDE_TAGS or (element.tag == "article" and self._others_are_articles):
            return True
        named = element.tag not in ("body", "html") and IS_ASIDE.search(names_of(element)) is not None
        return named or element.attr("itemprop") == "itemListElement"

    def strings(self, nodes: Iterable[Node], most: int) -> Iterator[tuple[str, str]]:
        """The printed strings in `nodes`, at most `most` of them, each with the names of its element, without those
        beside the story."""
        count = 0
        for node in islice(nodes, MOST_NODES_NEAR * most):
            if not isinstance(node, Text) or not (text := " ".join(node.data.split()).translate(DIGITS)):
                continue
            parent = node.parent
            if not isinstance(parent, Element) or parent.tag in UNPRINTED or is_clock(node.previous_sibling):
                continue
            if is_quoted(parent) or self.is_aside(parent):
                continue
            yield text, names_of(parent)
            count += 1
            if count == most:
                return


def ancestors(node: Node) -> list[Element]:
    """The elements around a node, the nearest first."""
    found = []
    above = node.parent
    while isinstance(above, Element):
        found.append(above)
        above = above.parent
    return found


def names_of(element: Element) -> str:
    """What an element is called by."""
    return f"{element.attr('class') or ''} {element.attr('id') or ''}"


def is_clock(before: Node | None) -> bool:
    """Whether what stands behind this was written by a script that asked for the time: it is when a page was saved."""
    script = before.text if isinstance(before, Element) and before.tag == "script" else ""
    return "document.write" in script and "new Date" in script


def is_quoted(element: Element) -> bool:
    """Whether an element is part of a quotation or an embedded post, whose dates are not the page's."""
    return any(one.tag == "blockquote" for one in (element, *ancestors(element)[:3]))


def line_of(element: Element) -> str:
    """What an element prints, on one line."""
    return " ".join(element.text.split())


def article_title(document: Document, stated: Sequence[str], site: str | None) -> tuple[str | None, Element | None]:
    """The printed heading that what the page states agrees with, else what it states without the site's name; and
    the heading."""
    leading = [found[0] for title in stated if (found := DOMAIN.match(title))]
    folds, own = [folded(title) for title in stated], folded(site or next(iter(leading), ""))
    folds += [rest for fold in folds if own and (rest := fold.removeprefix(own)) not in ("", fold)]
    headings = [
        (text, element)
        for element in document.select("h1")[:20]
        if (text := line_of(element))
        and len(text) <= LONGEST_TITLE
        and folded(text) not in ("", own)
        and not _is_ending(folded(text), folds, own)
    ]
    agreed = [
        (len(text), text, element)
        for text, element in headings
        if any(folded(text) in title for title in folds) and len(folded(text)) > AGREES * min(map(len, folds))
    ]
    if agreed:
        _, text, element = max(agreed, key=lambda one: one[0])
        own_link = any(FRONT.fullmatch(unarchived(link.attr("href") or "")) for link in element.select("a[href]"))
        return (own_link and _below_site(document, folded(text), folds)) or (text, element)
    printed = _printed_part(document, stated, own)
    if len(headings) == 1 and (not stated or _shares_words(headings[0][0], stated)):
        text, element = headings[0]
        is_inside = printed is not None and _first_heading(printed[1]) is element
        return (printed[0] if printed and is_inside else _without_kicker(text, element, stated)), element
    if printed is not None and not any(one.tag == "a" for one in (printed[1], *ancestors(printed[1]))):
        return printed
    if printed is None and len(headings) == 1 and _is_more_than_a_name(*headings[0], stated):
        return headings[0]
    lower = _lower_heading(document, folds)
    heading = lower or (headings[0][1] if headings else None)
    title = _without_site(stated, own) if stated else headings[0][0] if headings else None
    if printed is not None:
        return printed[0], heading
    if title and lower is not None and folded(title).startswith(text := folded(line_of(lower))):
        title = line_of(lower) if 2 * len(text) > len(folded(title)) else title
    elif lower is not None and folded(line_of(lower)) in folds[len(stated) :]:
        title = line_of(lower)
    return title, heading


def _printed_part(document: Document, stated: Sequence[str], own: str) -> tuple[str, Element] | None:
    """The longest part of a stated title, from its beginning or to its end, that the page prints by itself, and where:
    the rest is names of the site and its sections."""
    parts: dict[str, str] = {}
    for title in stated:
        strong = [(0, 0), *(match.span() for match in SEPARATED.finditer(title)), (len(title), len(title))]
        spans = [(start, end) for (_, start), (end, _) in combinations(strong[:MOST_PARTS], 2)]
        for match in islice(WORDS_APART.finditer(title), MOST_LOWER):
            # Signs that close or open what is beside them are of the part.
            before, behind = CLOSES.match(title, match.start()), OPENS.search(title, *match.span())
            ends = before.end() if before else match.start(), behind.start() if behind else match.end()
            spans += [span for span in ((0, ends[0]), (ends[1], len(title))) if 2 * (span[1] - span[0]) > len(title)]
        for start, end in spans:
            fold, part = folded(title[start:end]), " ".join(title[start:end].split())
            led_by_names = all(len(folded(one)) <= LONGEST_KICKER for one in SEPARATED.split(title[:start]))
            is_long = len(fold.encode()) >= LEAST_PRINTED and len(fold) > AGREES * len(folded(title))
            if is_long and led_by_names and fold != own and not ADDRESS.fullmatch(part):
                parts.setdefault(fold, part)
    found: tuple[str, Element] | None = None
    best, body = 0, document.select_one("body")
    for node in islice(body.descendants if parts and body is not None else (), MOST_NODES):
        if not isinstance(node, Text) or not isinstance(above := node.parent, Element) or above.tag in UNREAD:
            continue
        text = parts.get(folded(node.data)) if len(node.data) <= 2 * LONGEST_TITLE else None
        # Titles are headings, names of sections are links.
        weight = len(text or "") * WEIGHTS.get(above.tag, 2)
        if text is not None and weight > best and not _runs_on(above):
            found, best = (text, above), weight
    return found


def _first_heading(element: Element) -> Element:
    """The heading of the first level around an element, else the element itself."""
    around: Node | None = element
    for _ in range(MOST_PARTS):
        if isinstance(around, Element) and around.tag == "h1":
            return around
        around = around.parent if around is not None else None
    return element


def _runs_on(element: Element) -> bool:
    """Whether what an element prints is only how a paragraph begins or ends."""
    beside = (element.previous_sibling, element.next_sibling)
    return any(isinstance(one, Text) and len(one.data.strip()) > LONGEST_BESIDE for one in beside)


def _below_site(document: Document, top: str, folds: Sequence[str]) -> tuple[str, Element] | None:
    """The one lower heading that is the rest of a title which begins with the heading above, a link to the site."""
    rests = {title.removeprefix(top) for title in folds if title.startswith(top)}
    lower = [(text, element) for element in document.select(LOWER)[:MOST_LOWER] if (text := line_of(element))]
    found = [one for one in lower if folded(one[0]) in rests]
    return found[0] if len(found) == 1 and top not in folds else None


def _without_kicker(text: str, heading: Element, stated: Sequence[str]) -> str:
    """The stated title where the heading has only a section's name before it, in an element of its own."""
    for title in stated:
        kicker = text.removesuffix(title).strip()
        if text.endswith(title) and 0 < len(kicker) <= LONGEST_KICKER < len(title):
            parts = [folded(line_of(one)) for one in heading.select("*")]
            return title if folded(kicker) in parts else text
    return text


def _is_more_than_a_name(text: str, heading: Element, stated: Sequence[str]) -> bool:
    """Whether a page states no more than a name, as of its site, and prints a heading that is no sign of that."""
    longest = max(len(folded(title)) for title in stated)
    is_sign = any(FRONT.fullmatch(link.attr("href") or "") for link in heading.select("a[href]"))
    return longest <= LONGEST_KICKER and 2 * longest < len(folded(text)) and not (is_sign or heading.select("img"))


def _lower_heading(document: Document, folds: Sequence[str]) -> Element | None:
    """Of a page without a heading of the first level the one that repeats what the page states as its title."""
    for element in document.select(LOWER)[:MOST_LOWER]:
        text = folded(line_of(element))
        if any(text in title and len(text) > AGREES * len(title) for title in folds):
            return element
    return None


def _shares_words(heading: str, stated: Sequence[str]) -> bool:
    words = set(heading.casefold().split())
    shared = [len(words & set(title.casefold().split())) for title in stated]
    return len(words) > 3 and any(2 * count > len(words) for count in shared)


def _is_ending(text: str, titles: Sequence[str], own: str) -> bool:
    """Whether a heading is only what titles end with, as the site's name is where they do not begin with it."""
    longer = [title for title in titles if text in title]
    ends = all(title.endswith(text) and 2 * len(text) < len(title) for title in longer)
    return bool(longer) and ends and not (own and any(title.startswith(own) for title in longer))


def _without_site(stated: Sequence[str], own: str) -> str:
    """The part of the stated titles that is the article's; `own` is the site's name, folded."""
    title = stated[0]
    folds = {folded(other) for other in stated}
    ends = [match.span() for match in SEPARATED.finditer(title)]
    if not ends:
        return title
    for start, end in reversed(ends):
        if folded(title[:start]) in folds or (own and folded(title[end:]) == own):
            return title[:start]
    if own and folded(title[: ends[0][0]]) == own:
        return title[ends[0][1] :]
    start = ends[-1][0]
    last = title[ends[-1][1] :]
    # A short ending is the site's name, a long one may be a second half of the title.
    return title[:start] if len(last) <= 40 and len(last) < start else title
