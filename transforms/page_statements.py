"""What a page states: its JSON-LD, the objects in it, and which of these are of the page's own article; its titles, and
which of these is the article's; and what it or a header says in a form that blocks can be held against.

Broken JSON is passed over. Texts and times leave as one line; a time that is a number of seconds is written out.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from turbohtml import Document, Element

from pressmark.transforms.dates import counted_time
from pressmark.transforms.identity import unarchived
from pressmark.transforms.page_features import folded
from pressmark.transforms.records import Header

__all__ = [
    "ARTICLE_TYPE", "LONGEST_TITLE", "NOTHING_STATED", "OWN_MACHINE", "PAGE_TYPE", "Entry", "Stated", "address_of",
    "article_title", "json_ld", "kind_of", "line_of", "nodes_of", "own_articles", "stated_of", "text_of", "texts_of",
    "time_of", "values_of",
]  # fmt: skip

# Where a site is looked at while it is made.
OWN_MACHINE: Final = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?=[:/]|\Z)")

Entry = Mapping[str, Any]

ARTICLE_TYPE: Final = re.compile(r"(?:Article|Posting|Report|Review|Recipe|HowTo|BlogPost|Question|Story)$")
PAGE_TYPE: Final = re.compile(r"(?:Page|VideoObject|Product|Event|Course|Episode)$")
# Deeper or longer JSON than this is no description of a page.
MOST_NODES: Final = 20_000
WRAPPING: Final = re.compile(r"^\s*(?://\s*)?(?:<!--|<!\[CDATA\[)|(?:-->|(?://\s*)?\]\]>)\s*$")
# So many articles, none of them the page's, are a list of others.
SEVERAL: Final = 2
# A headline with fewer letters stands in another title by chance.
SHORTEST: Final = 4


def own_articles(nodes: Iterable[Entry], printed: Sequence[str], address: str | None) -> list[Entry]:
    """Of the articles that a page describes those that are its own: whose headline is one of the `printed` titles, or a
    part of one, or whose address is the page's; where several are described and none is, the page is a list of them."""
    articles = [node for node in nodes if ARTICLE_TYPE.search(kind_of(node))]
    headlines = {name for node in articles if (name := folded(text_of(node.get("headline")) or ""))}
    if len(headlines) < SEVERAL:
        return articles
    titles = [title for title in map(folded, printed) if title]
    own = [
        node
        for node in articles
        if (address is not None and address_of(node) == address)
        or (
            (name := folded(text_of(node.get("headline")) or ""))
            and any(
                name == one or (len(name) >= SHORTEST and name in one) or (one in name and 2 * len(one) > len(name))
                for one in titles
            )
        )
    ]
    return own + [node for node in articles if own and not text_of(node.get("headline"))]


def address_of(node: Entry) -> str | None:
    """The address that an object gives as its page's."""
    for value in (node.get("url"), node.get("mainEntityOfPage")):
        text = text_of(value.get("@id") or value.get("url") if isinstance(value, dict) else value)
        if text and re.match(r"https?://[^/\s]+/[^\s#]", text) and not OWN_MACHINE.match(text):
            return text
    return None


def time_of(value: Any) -> str | None:
    """A time as it is written; a number of seconds or milliseconds as the time that it is."""
    text = str(value) if isinstance(value, int) else text_of(value)
    counted = counted_time(text or "")
    return text if counted is None else counted.isoformat()


def json_ld(document: Document) -> Iterator[Any]:
    """The values of a page's JSON-LD, in order."""
    for script in document.select('script[type*="ld+json" i]'):
        yield from values_of(WRAPPING.sub("", script.text).strip(" ;\n\t\r"))


def values_of(text: str) -> Iterator[Any]:
    """The JSON values in `text`, one after the other; commas too many are taken out, what is broken ends it."""
    decoder = json.JSONDecoder(strict=False)
    for attempt in (text, re.sub(r",(\s*[}\]])", r"\1", text), html.unescape(text)):
        values: list[Any] = []
        position = 0
        try:
            while position < len(attempt) and len(values) < 50:
                value, position = decoder.raw_decode(attempt, position)
                values.append(value)
                position += len(attempt[position:]) - len(attempt[position:].lstrip(" ,;\n\t\r"))
        except (ValueError, RecursionError):
            if not values:
                continue
        yield from values
        return


def nodes_of(values: Iterable[Any]) -> Iterator[Entry]:
    """All JSON objects in `values`, outer ones first."""
    waiting: list[Any] = list(values)
    for count, value in enumerate(waiting):
        if count > MOST_NODES:
            return
        if isinstance(value, dict):
            yield value
            waiting.extend(part for part in value.values() if isinstance(part, dict | list))
        elif isinstance(value, list):
            waiting.extend(part for part in value if isinstance(part, dict | list))


def kind_of(node: Entry) -> str:
    """The type of an object, an article's where it has several; empty where it has none."""
    kind = node.get("@type")
    kinds = [name for name in (kind if isinstance(kind, list) else [kind]) if isinstance(name, str)]
    return next(filter(ARTICLE_TYPE.search, kinds), kinds[0] if kinds else "")


def text_of(value: Any) -> str | None:
    """A JSON value as one line of text, if it is a string that says something."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str):
        return None
    return " ".join(html.unescape(value).split()) or None


def texts_of(value: Any) -> list[str]:
    """Texts in a JSON value: a string, a map with `name`, or a list of these."""
    found = []
    for part in value if isinstance(value, list) else [value]:
        said = (part.get("name") or part.get("@value")) if isinstance(part, dict) else part
        # A system gives all of its writers as the names of one person.
        if isinstance(said, list) and said is not part:
            found += texts_of([one for one in said if isinstance(one, str)])
            continue
        text = text_of(said)
        if text is None and isinstance(part, dict):
            text = " ".join(filter(None, (text_of(part.get(key)) for key in ("givenName", "familyName")))) or None
        if text:
            found.append(text)
    return found


LONGEST_TITLE: Final = 400
# A heading is the page's title where it is a part of a stated title, and at least so much of the shortest.
AGREES: Final = 0.3
LOWER: Final = "h2, h3, h4"
MOST_LOWER: Final = 30
LONGEST_KICKER: Final = 24
SEPARATED: Final = re.compile(
    r"\s+(?:[|–—·•»:/\-]|::|//)+\s+|\s*[|｜_ㅣ│]\s*|\s+[«<]\s+|"
    r"(?<=[^\x00-\xff])[-–—]{1,2}(?=[^-–—]{1,12}(?:[网網报報社台]|新闻|新聞|频道|頻道|传媒|傳媒|公众号)$)"
)
# Where the name of a site leads, and no title of an article does.
FRONT: Final = re.compile(r"\s*(?:https?://[^/?#\s]+)?(?:\.{0,2}/)*(?:\.|index\.\w{2,5})?\s*")
# A site that is called by its address, before what it calls its page.
DOMAIN: Final = re.compile(r"(?:[\w-]+\.){1,9}[a-z]{2,9}(?=\s*[:|»–—-]\s)")


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
    if len(headings) == 1 and (not stated or _shares_words(headings[0][0], stated)):
        return _without_kicker(*headings[0], stated), headings[0][1]
    lower = _lower_heading(document, folds)
    heading = lower or (headings[0][1] if headings else None)
    title = _without_site(stated, own) if stated else headings[0][0] if headings else None
    if title and lower is not None and folded(title).startswith(text := folded(line_of(lower))):
        title = line_of(lower) if 2 * len(text) > len(folded(title)) else title
    elif lower is not None and folded(line_of(lower)) in folds[len(stated) :]:
        title = line_of(lower)
    return title, heading


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


NAMES_PART: Final = re.compile(r"[、，,;；/／&|]| and | und | et | y ")
# What is stated goes on with the site's name where the page itself ends.
LEAST_OF_TITLE: Final = 10
LEAST_OF_SUMMARY: Final = 20
LEAST_OF_NAME: Final = 4
# What a block has beside the letters of a title.
MARKS: Final = 8


class Stated(NamedTuple):
    """Titles, authors and the summary, each folded to letters and digits, and the registrable domain of its address; no
    text longer than `longest` is a title."""

    titles: tuple[str, ...] = ()
    longest: int = 0
    authors: frozenset[str] = frozenset()
    summary: str = ""
    site: str = ""

    def is_title(self, text: str) -> bool:
        """Whether a block repeats a title, or one that goes on with the name of its site."""
        if len(text) > self.longest:
            return False
        fold = folded(text)
        return any(fold == title or (len(fold) >= LEAST_OF_TITLE and title.startswith(fold)) for title in self.titles)

    def is_author(self, text: str) -> bool:
        """Whether a block is the name of an author and nothing else."""
        return bool(self.authors) and folded(text) in self.authors

    def names_author(self, text: str) -> bool:
        """Whether a short line has an author's name in it."""
        fold = folded(text)
        return any(len(author) >= LEAST_OF_NAME and author in fold for author in self.authors)

    def is_summary(self, text: str) -> bool:
        """Whether a block is the stated summary, or one of the two begins with the other."""
        fold = folded(text)
        return min(len(fold), len(self.summary)) >= LEAST_OF_SUMMARY and (
            self.summary.startswith(fold) or fold.startswith(self.summary)
        )


NOTHING_STATED: Final = Stated()


def stated_of(header: Header, titles: Iterable[str] = ()) -> Stated:
    """What `header` says, and the titles that a whole page states."""
    given = [title for title in (header.title, *titles) if title]
    author = header.author
    return Stated(
        tuple(dict.fromkeys(map(folded, given))),
        MARKS + max(map(len, given), default=0),
        frozenset(filter(None, map(folded, (*NAMES_PART.split(author), author)))) if author else frozenset(),
        folded(header.description) if header.description else "",
    )
