"""What a whole page says of itself: address, title, authors, times, tags, and the rest of its meta elements.

Owns which of a page's statements count, and in which order: JSON-LD, OpenGraph and other meta elements, microdata, then
what is printed. Times stay as they are written. Knows no outlet and reads no story; broken JSON is passed over.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

from turbohtml import Document, Element, Node, Text, parse

from pressmark.transforms.language import spoken
from pressmark.transforms.page_dates import modified_times, page_date
from pressmark.transforms.page_features import folded
from pressmark.transforms.page_statements import (
    OWN_MACHINE,
    PAGE_TYPE,
    address_of,
    json_ld,
    kind_of,
    nodes_of,
    own_articles,
    text_of,
    texts_of,
    values_of,
)
from pressmark.transforms.page_titles import LONGEST_TITLE, Region, article_title, is_quoted, line_of
from pressmark.transforms.page_words import KEYS, NOT_NAMES, SELECTORS
from pressmark.transforms.people import ORGANISED, credits_in, people_in

__all__ = ["PageFacts", "page_facts"]

LONGEST_NAME: Final = 80
# A title that is no longer may be of somebody's own page.
LONGEST_NAMED: Final = 24
LONGEST_UNCASED: Final = 12
FRONT_PAGE: Final = re.compile(r"https?://[^/]+/?")
MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
MOST_NODES_NEAR: Final = 25
MOST_STRINGS_NEAR: Final = 16
LONGEST_NEAR: Final = 200
LONGEST_BYLINE: Final = 160
LONGEST_STATEMENT: Final = 400
# Where a browser, SingleFile, monolith or HTTrack says that it saved the page from.
SAVED: Final = re.compile(
    r"<!--\s{0,9}(?:saved from url=\(\d{1,9}\)|Saved from |(?:Page saved with|Archive processed by) SingleFile\s{0,9}"
    r"url:\s{0,9})(https?://[^\s<>]+)|<!--\s{0,9}Mirrored from ([^\s<>/]+\.[^\s<>]+) by HTTrack"
)
# Its address for phones, as pages say it to search engines in China.
MOBILE: Final = re.compile(r"(?<=url=)https?://[^/\s;]+/[^\s;]+")
SAVERS: Final = '[data-scrapbook-source], meta[name="savepage-url"]'
WHOLE: Final = re.compile(r"https?://[^/]+")
SAVED_WITHIN: Final = 1 << 13
YEAR: Final = re.compile(r"(?:19|20)\d\d")

PARSELY: Final = {"title": "title", "link": "link", "pub_date": "pub-date", "authors": "author", "author": "author",
                  "section": "section", "tags": "tags"}  # fmt: skip
USED: Final = frozenset({key for keys in KEYS.values() for key in keys} | {"og:url"})
BYLINES = SELECTORS["bylines"]
# Meta elements that tell a browser or a crawler what to do say nothing of the article.
TECHNICAL: Final = re.compile(
    r"viewport|theme-color|robots|googlebot|bingbot|csrf|.*verif|msapplication|apple-|format-detection|generator$|"
    r"referrer|fb:|al:|twitter:app|http-equiv|.*token|next-head|color-scheme|mobile-web|handheld|renderer|x-ua|google|.*image:"
)

MAIL: Final = re.compile(r"(?<=\s)[\w.+-]{1,99}@(?:[\w-]{1,99}\.){1,9}\w{2,20}\Z")
NAMES: Final = re.compile(r"\s*(?:[,;、，；/|\n]|\s&\s|\b(?:and|und|et|y|e|og|och|en)\s(?=[A-Z])|\s和\s)\s*")
WROTE: Final = re.compile(
    r"(?:(?:story|article|words?|post|posted|published|written|reported|reviewed|review|text|compiled|submitted|"
    r"contributed|created|authored)\s+){0,2}\bby\b[:\s]*|(?:von|par|por|di|door|av|af)(?::\s*|\s+)(?=[A-ZÀ-Þ])|"
    r"[\U0001f464\u270d\U0001f58a\U0001f58b]\ufe0f?\s*|(?:του|της|e-?mail|contact|about)\s+(?=[^\W\d_])|(?:authors?|autore?|auteur|redacteur)\s*[:\s]\s*|"
    r"(?:penulis|pewarta|wartawan|yazan|muhabir|szerző|írta|tekst|συντάκτης|συντάκτρια|"
    r"tác giả|автор|текст|كتب|كتبت|نویسنده|خبرنگار|लेखक)\s*:\s*|(?:oleh|بقلم)\s+|"
    r"(?:作者|文|撰文|记者|記者|编辑|編輯|责任编辑|責任編輯)\s*[:：/／\s]\s*|本[报報刊台]记者\s*",
    re.IGNORECASE,
)
# What follows a name in a byline and is none: times, places, jobs, numbers of minutes.
NAME_ENDS: Final = re.compile(
    r"\s*(?:[|•·–—\n\t]|\s-\s|\s(?:on|in|at|for|is|are)\s|[(（\[]|@|»|https?:|\b(?:updated|published|posted|last|"
    r"data publikacji|dodan[oey]|opublikowan[oey]|publicado|publié|veröffentlicht|опубликовано|δημοσιεύ\w*)\b|"
    r"(?:\b|(?<=[a-z]))(?-i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s\d|\s\d)",
    re.IGNORECASE,
)
NO_NAME: Final = re.compile(
    rf"https?:|www\.|[@#/]|[(\[]?(?:image|photo|picture|credit)s?\s*:|[\W\d_]+$|.*@.*\.|(?:[\w-]+\.)+\d+$|(?:{'|'.join(NOT_NAMES['nobody'])})$|"
    rf".*\b(?:{'|'.join(NOT_NAMES['elsewhere'])})\b",
    re.IGNORECASE,
)
JOBS: Final = re.compile(rf"(?:the\s+)?(?:\w+\s+){{0,3}}(?:{'|'.join(NOT_NAMES['jobs'])})s?$", re.IGNORECASE)
# Where an outlet has its seat, behind its name: town and country.
OF_A_PLACE: Final = re.compile(r",\s*[^\W\d_]+,\s*[^\W\d_]+\s*\Z")
# Who made or owns a site, as old pages state it: companies by their legal form, sites by their address.
HOUSE: Final = re.compile(
    r"(?:[\w-]+\.){1,9}(?:com|net|org|info|[a-z]{2})|"
    r".*[\s.](?:sp\. ?z ?o\. ?o|s\.? ?a|s\.? ?r\.? ?l|zrt|kft|gmbh|ag|co|plc|pty|pvt|ltd|llc|inc|s\.r\.o|d\.o\.o|"
    r"oy|aps|ооо|зао|interactive|(?:web )?solutions|technologies|studios?|it systems?)\.?",
    re.IGNORECASE,
)
MADE_BY: Final = re.compile(
    r"\bweb\s?(?:design|master|architecture|studio)|\bdesign(?:er|ed)?\s?(?:by\b|:)|\bprogramming\b|"
    r"\b(?:developed|development|powered) by\b",
    re.IGNORECASE,
)
SEVERAL: Final = 2
HAN_NAME: Final = re.compile(r"[\u4e00-\u9fff·]{2,4}")
INITIAL: Final = re.compile(r"\w\W+(?:[A-Z]|[JS]r)\Z|\.[A-Z]\Z")
CREDENTIALS: Final = frozenset(NOT_NAMES["credentials"])


class PageFacts(NamedTuple):
    """A page's statements on its article; times as written, empty where the page says nothing."""

    url: str | None
    title: str | None
    authors: tuple[str, ...]
    published: str | None
    modified: str | None
    description: str | None
    tags: tuple[str, ...]
    categories: tuple[str, ...]
    language: str | None
    site_name: str | None
    metadata: dict[str, str]
    titles: tuple[str, ...]
    credits: tuple[tuple[str, str], ...] = ()
    printed_day: date | None = None
    dated_by: str = ""


def page_facts(markup: str) -> PageFacts:
    """The facts of a page, from what it says of itself first and from what it prints then.

    >>> facts = page_facts('<title>A lamp | The Wick</title><meta name="author" content="By Ada Moth"><h1>A lamp</h1>')
    >>> facts.title, facts.authors
    ('A lamp', ('Ada Moth',))
    """
    saved = SAVED.search(markup, 0, SAVED_WITHIN)
    kept = (saved[1] or f"http://{saved[2]}") if saved else None
    return _Page(parse(markup), markup, kept).facts()


class _Page:
    """A parsed page with what it states: meta elements, and the JSON-LD objects of an article or a page."""

    def __init__(self, document: Document, markup: str, kept_address: str | None = None) -> None:
        self._document, self._markup, self._kept_address = document, markup, kept_address
        self._meta = _meta(document)
        nodes = list(nodes_of(json_ld(document)))
        printed = [line_of(element) for element in document.select("h1, title")[:20]] + self._all(KEYS["titles"])
        self._address = self._stated_address()
        self._articles = own_articles(nodes, printed, self._address)
        self._pages = [node for node in nodes if PAGE_TYPE.search(kind_of(node))]
        self._by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and len(node) > 1}
        publishers = [node["publisher"] for node in self._articles if isinstance(node.get("publisher"), dict)]
        sites = [node for node in nodes if kind_of(node) == "WebSite"]
        names = [self._first(KEYS["sites"]), *(text_of(node.get("name")) for node in (*sites, *publishers))]
        self._site = next(filter(None, names), None)
        self._near: list[str] = []
        self._titles: frozenset[str] = frozenset()
        self._region = Region(None)

    def facts(self) -> PageFacts:
        document, meta, articles = self._document, self._meta, self._articles
        head = document.select_one("title")
        titles = [
            *(text_of(node.get("headline")) for node in articles),
            *(meta[key][0] for key in KEYS["titles"] if key in meta),
            line_of(head) if head is not None else None,
        ]  # fmt: skip
        stated = tuple(dict.fromkeys([title for title in titles if title and len(title) <= LONGEST_TITLE]))
        # Some systems state the site's name as the headline of all their pages.
        stated = tuple(title for title in stated if folded(title) != folded(self._site or "")) or stated
        title, heading = article_title(document, stated, self._site)
        if title and heading is not None and heading.tag != "h1":
            # What else begins a title is the site's name, which may stand above the article's.
            stated = tuple(one for one in stated if one == title or not folded(one).endswith(folded(title)))
        self._titles = frozenset(folded(text) for text in (title or "", *stated) if len(text) > LONGEST_NAMED)
        self._near = _strings_of(heading.following if heading is not None else (), MOST_STRINGS_NEAR)
        language = spoken(self._language(), title or "")
        dated = page_date(document, meta, articles, self._pages, heading, language, self._address, self._markup)
        descriptions = [self._first(KEYS["descriptions"]), *(text_of(node.get("description")) for node in articles)]
        tags = self._all(KEYS["tags"]) or [text for node in articles for text in texts_of(node.get("keywords"))]
        sections = [text for node in articles for text in texts_of(node.get("articleSection"))]
        return PageFacts(
            url=self._page_address(),
            title=title,
            authors=self._authors(),
            credits=tuple(one for node in articles for one in credits_in(node)),
            published=dated.written,
            modified=next(filter(YEAR.search, modified_times(meta, articles, self._pages)), None),
            description=next(filter(None, descriptions), None),
            tags=_listed(tags),
            categories=_listed([*self._all(KEYS["sections"]), *sections]),
            language=language,
            site_name=self._site,
            metadata={
                key: " ".join(values[0].split())
                for key, values in list(meta.items())[:200]
                if key not in USED and not TECHNICAL.match(key)
            },
            titles=tuple(dict.fromkeys(filter(None, (title, *stated)))),
            printed_day=dated.day,
            dated_by=dated.evidence,
        )

    def _first(self, keys: Iterable[str]) -> str | None:
        return next((" ".join(self._meta[key][0].split()) for key in keys if key in self._meta), None)

    def _all(self, keys: Iterable[str]) -> list[str]:
        """Values of the first of the keys that the page has."""
        return next((self._meta[key] for key in keys if key in self._meta), [])

    def _stated_address(self) -> str | None:
        """What the page calls its address, else what saved it; of relative ones those below a stated base are whole."""
        links = self._document.select('link[rel~="canonical" i][href]')
        savers = [one.attr("data-scrapbook-source") or one.attr("content") for one in self._document.select(SAVERS)]
        stated = [url for key in ("og:url", "parsely-link") for url in self._meta.get(key, ())]
        phones = [one for text in self._meta.get("mobile-agent", ()) for one in MOBILE.findall(text)]
        given = [*(one.attr("href") for one in links), *stated, self._kept_address, *savers, *phones]
        site = WHOLE.match(self._base())
        found = [address.strip() for address in given if address and not OWN_MACHINE.match(address.strip())]
        found = [site[0] + address if site and re.match(r"/[^/]", address) else address for address in found]
        whole = [address for address in found if WHOLE.match(address)]
        if whole and FRONT_PAGE.fullmatch(whole[0]):
            # Some systems call the front page, or their site's, the canonical one of all their pages.
            host = f".{_host(whole[0])}"
            within = [one for one in whole if f".{_host(one)}".endswith(host) and not FRONT_PAGE.fullmatch(one)]
            whole = within or whole
        return next(iter(whole or found), None)

    def _base(self) -> str:
        base = self._document.select_one("base[href]")
        return (base.attr("href") or "").strip() if base is not None else ""

    def _page_address(self) -> str | None:
        """The page's address: what it calls so, what its articles do, the base of its links where that is no folder."""
        base = self._base()
        links_from = None if base.endswith("/") or FRONT_PAGE.fullmatch(base) else base
        found = (self._address, *map(address_of, self._articles), links_from)
        return next((one for one in found if one and WHOLE.match(one)), self._address)

    def _language(self) -> str | None:
        root = self._document.select_one("html")
        found = [root.attr("lang") or root.attr("xml:lang") if root is not None else None]
        found += [text_of(node.get("inLanguage")) for node in self._articles]
        found += [self._first(("og:locale", "content-language", "language", "dc.language"))]
        return next((text.strip().replace("_", "-") for text in found if text and text.strip()), None)

    def _authors(self) -> tuple[str, ...]:
        """People first: what the page states, what it prints, then the outlet where it names nobody else."""
        host = _host(self._address or "")
        own = {folded(self._site or ""), folded(host), folded(".".join(host.split(".")[-2:])), ""}
        outlets: tuple[str, ...] = ()
        spaced = (self._language() or "").startswith("ja")
        for texts in self._stated_authors():
            # The outlet's own name is one, whatever joins its words.
            texts = [name if folded(name := OF_A_PLACE.sub("", text)) in own else text for text in texts]
            whole = tuple(text for text in texts if folded(text) in own or ORGANISED.search(text))
            told = (text for text in texts if text not in whole and not MADE_BY.search(text))
            names = (*_people(told, spaced=spaced), *whole)
            people = tuple(name for name in names if folded(name) not in own and not HOUSE.fullmatch(name))
            # What begins with a comma is for whom somebody writes whose name is missing.
            if people and not all(text.startswith(",") for text in texts):
                return people
            outlets = outlets or names
        for text in self._bylines():
            said = people_in(text)
            if said and all(one.role != "text" for one in said):
                continue
            names = tuple(name for name in _people([text]) if folded(name) not in own | self._titles)
            if names and all(_is_like_a_name(name) for name in names):
                return names
        return outlets

    def _stated_authors(self) -> Iterator[list[str]]:
        for node in self._articles or self._pages:
            raw = node.get("author") or node.get("creator")
            people = [
                self._by_id.get(str(part.get("@id")), part) if isinstance(part, dict) else part
                for part in (raw if isinstance(raw, list) else [raw])
            ]
            yield [text for person in people for text in texts_of(person)]
        yield from (self._meta[key] for key in KEYS["authors"] if key in self._meta)
        if re.search(r"\b(?:author|by)\b", " ".join(self._meta.get("twitter:label1", ())).lower()):
            yield self._meta.get("twitter:data1", [])

    def _bylines(self) -> list[str]:
        """Short printed texts that may name an author, the surest first."""
        printed = [
            text
            for selector in BYLINES
            for element in self._document.select(selector)[:8]
            if not self._region.is_aside(element)
            and 1 < len(text := element.attr("content") or _names_apart(element)) <= LONGEST_BYLINE
        ]
        # A word such as "By", and then the name, often as a link.
        said = [
            text if wrote.end() < len(text) else following
            for text, following in pairwise((*self._near, ""))
            if len(text) <= LONGEST_BYLINE and (wrote := WROTE.match(text))
        ]
        return [*printed[:1], *said, *printed]


def _names_apart(element: Element) -> str:
    """What an element prints; of a name in an element of its own, and what stands glued to it, names alone."""
    plain = line_of(element)
    if len(plain) > LONGEST_BYLINE or not HAN_NAME.match(plain):
        return plain
    texts = [one for one in element.descendants if isinstance(one, Text) and one.data.strip()]
    strings = [one.data.strip() for one in texts]
    if len(strings) < SEVERAL or not HAN_NAME.fullmatch(strings[0]) or WROTE.match(f"{strings[0]}："):
        return plain
    tags = {one.parent.tag for one in texts if isinstance(one.parent, Element)}
    if all(map(HAN_NAME.fullmatch, strings)) and len(tags) < SEVERAL:
        return "、".join(strings)
    return strings[0] if re.match(r"[\u4e00-\u9fff]{3}", strings[1]) else plain


def _meta(document: Document) -> dict[str, list[str]]:
    """Values of meta elements by their small-letter names, in order."""
    found: dict[str, list[str]] = {}
    # Entries of a list tell of other stories.
    listed = set(document.select("[itemprop~=itemListElement] meta[content]"))
    for element in document.select("meta[content]"):
        value = "" if element in listed else (element.attr("content") or "").strip()
        for key in ("property", "name", "itemprop"):
            if value and (name := element.attr(key)):
                found.setdefault(name.strip().lower(), []).append(html.unescape(value))
    # An older form has the elements of a name in one, as an object.
    for node in nodes_of(value for text in found.get("parsely-page", ())[:1] for value in values_of(text)):
        for key, name in PARSELY.items():
            if texts := texts_of(node.get(key)):
                found.setdefault(f"parsely-{name}", texts)
    return found


def _strings_of(nodes: Iterable[Node], most: int) -> list[str]:
    """The first printed strings in `nodes`, to where a story may have begun."""
    found: list[str] = []
    for count, node in enumerate(nodes):
        if count > MOST_NODES_NEAR * most or len(found) >= most:
            break
        if isinstance(node, Text) and (text := " ".join(node.data.split())):
            parent = node.parent
            if isinstance(parent, Element) and (parent.tag in ("script", "style") or is_quoted(parent)):
                continue
            if len(text) > LONGEST_NEAR and most == MOST_STRINGS_NEAR:
                break
            found.append(text)
    return found


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].lower().removeprefix("www.")


def _is_like_a_name(name: str) -> bool:
    """Whether a printed text may be a name: a few words with capitals, or a few characters without any."""
    words = name.split()
    several = len(words) > 1 or not name.isascii()
    several = several and name[0].isalpha() and ":" not in name and "：" not in name
    several = several and name[0] == name[0].upper() and words[-1][0] == words[-1][0].upper()
    # A word of a script without capitals that is longer than a name is a phrase.
    phrase = max(map(len, words)) > LONGEST_UNCASED and name.lower() == name.upper()
    return several and not phrase and len(words) <= 5 and not any(word.isdigit() for word in words)


def _people(texts: Iterable[str], *, spaced: bool = False) -> tuple[str, ...]:
    """The names in author statements, each once; those of two words in characters are one where names are `spaced`.

    >>> _people(["By Ada Moth and Ben Wick, Staff Writer", "https://a.example/ada"]), _people(["作者：林帆 乔一苇"])
    (('Ada Moth', 'Ben Wick'), ('林帆', '乔一苇'))
    """
    found: list[str] = []
    for text in texts:
        line = " ".join(MAIL.sub("|", MARKUP.sub(" ", text[:LONGEST_STATEMENT])).split())
        if NO_NAME.match(line):
            continue
        if wrote := WROTE.match(line):
            line = line[wrote.end() :]
        if end := NAME_ENDS.search(line, 1):
            line = line[: end.start()]
        for part in NAMES.split(line):
            parted = not spaced and re.fullmatch(r"[\u4e00-\u9fff]{2,4}(?:\s[\u4e00-\u9fff]{2,4})+", part)
            pieces = part.split() if parted else [part]
            for piece in pieces:
                name = piece.strip(" .:,;-–—")
                # The stop behind an initial is part of the name.
                name += "." if INITIAL.search(name) and f"{name}." in piece else ""
                if wrote := WROTE.match(name):
                    name = name[wrote.end() :]
                if found and name.lower().replace(".", "") in CREDENTIALS:
                    found[-1] += f", {name}"
                elif 1 < len(name) <= LONGEST_NAME and not NO_NAME.match(name) and not (found and JOBS.fullmatch(name)):
                    found.append(name)
    return tuple(dict.fromkeys(found))


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    """Entries of lists that are separated by commas, each once."""
    parts = (part.strip() for value in values for part in re.split(r"[,，;；、]", value))
    return tuple(dict.fromkeys(part for part in parts if part))[:100]
