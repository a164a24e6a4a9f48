"""What a page states: its JSON-LD, the objects in it, and which of these are of the page's own article; and what it or
a header says in a form that blocks can be held against.

Broken JSON is passed over. Texts and times leave as one line; a time that is a number of seconds is written out.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from turbohtml import Document

from pressmark.transforms.dates import counted_time
from pressmark.transforms.page_features import folded
from pressmark.transforms.records import Header

__all__ = [
    "ARTICLE_TYPE", "NOTHING_STATED", "OWN_MACHINE", "PAGE_TYPE", "Entry", "Stated", "address_of",
    "json_ld", "kind_of", "nodes_of", "own_articles", "stated_of", "text_of", "texts_of",
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
