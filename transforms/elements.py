"""The elements that are open where a block stands, evidence for whoever judges it; and of pictures, videos, audio and
embedded pages, what a tag shows, and where it stands."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final, Self

from turbohtml import Token, TokenType, tokenize

from pressmark.schemas.contract import MediaKind
from pressmark.transforms.records import Medium

__all__ = [
    "END_TAG_REACH", "LISTS", "MEDIA", "NOWHERE", "Path", "container", "follow", "glued_value", "is_inside",
    "list_around", "medium_of", "outwards", "placed", "tag_end", "with_source",
]  # fmt: skip

INLINE: Final = frozenset(
    "a abbr b bdi bdo big cite code data dfn em font h1 h2 h3 h4 h5 h6 hgroup i ins kbd label mark p s small span"
    " strong sub sup time tt u".split()
)
LISTS: Final = frozenset({"ul", "ol"})
# An end tag closes an element at most this many levels up, so that stray end tags cost no time.
END_TAG_REACH: Final = 64
# Start tags of HTML at which an `svg` that was never closed ends, but for what stands in one of its elements that hold
# HTML: the standard's rules for foreign content.
ENDS_SVG: Final = frozenset(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    "nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
HOLDS_HTML: Final = frozenset({"foreignobject", "desc", "title"})
OF_FONT: Final = ("color", "face", "size")


class Path:
    """The start tags of the elements that are open at a place, outermost first: the innermost one, and the path around
    it, which all paths inside share. So memory grows with the elements, not with blocks times depth.

    Without an open element the path is empty, and its own `outer`.
    """

    __slots__ = ("bold", "italic", "outer", "tag", "token")

    def __init__(self, token: Token | None = None, outer: Self | None = None, name: str = "") -> None:
        self.token = token
        self.tag = "" if token is None else token.tag
        self.outer: Self = outer or self
        self.bold: bool = name == "strong" or name == "b" or (outer is not None and outer.bold)
        self.italic: bool = name == "i" or name == "em" or (outer is not None and outer.italic)

    def __iter__(self) -> Iterator[Token]:
        return reversed(list(reversed(self)))

    def __reversed__(self) -> Iterator[Token]:
        here = self
        while here.token is not None:
            yield here.token
            here = here.outer


NOWHERE: Final = Path()


def outwards(path: Path) -> list[Path]:
    """The path itself and those around it, the innermost first."""
    found = []
    while path.token is not None:
        found.append(path)
        path = path.outer
    return found


def container(path: Path) -> Path:
    """The innermost element around a block that is no paragraph, heading or inline element."""
    while path.tag in INLINE:
        path = path.outer
    return path


def is_inside(path: Path, tag: str) -> bool:
    """Whether one of the elements that are open is of this name."""
    while path.token is not None and path.tag != tag:
        path = path.outer
    return path.token is not None


def list_around(path: Path) -> Path:
    """The outermost list around a block."""
    return ([one for one in outwards(path) if one.tag in LISTS] or [path])[-1]


GLUED_VALUE: Final = re.compile(r"<[a-z]+?(?:href|src)=(\"[^\">]*|'[^'>]*|[^\t\n\f\r >]*)", re.IGNORECASE)
MEDIA: Final[dict[str, MediaKind]] = {
    "img": "image", "amp-img": "image", "video": "video", "amp-video": "video", "audio": "audio", "amp-audio": "audio",
    "iframe": "embed", "embed": "embed", "object": "embed", "amp-iframe": "embed", "amp-youtube": "embed",
}  # fmt: skip
# Where pages that load pictures late, or in several sizes, write the address; those called `srcset` hold several.
MEDIA_SOURCES: Final = (
    "src", "data-src", "data-original", "data-lazy-src", "data-url", "data", "srcset", "data-srcset",
)  # fmt: skip


def follow(inside: list[str], name: str, token: Token) -> bool:
    """Follow a tag in a skipped element, of whose kind these are open `inside`; in an `svg` also what holds HTML. True
    where the tag ends them all without being part of them."""
    is_start, is_svg = token.type is TokenType.START_TAG, inside[0] == "svg"
    if inside[-1] == "svg" and (
        (name in ENDS_SVG or (name == "font" and any(token.attr(key) is not None for key in OF_FONT)))
        if is_start
        else name in ("p", "br")
    ):
        while inside and inside[-1] == "svg":
            inside.pop()
        return not inside
    if name == inside[0] or (is_svg and name in HOLDS_HTML):
        if is_start and not (is_svg and token.self_closing):
            inside.append(name)
        elif not is_start and name in inside[-END_TAG_REACH:]:
            while inside.pop() != name:
                pass
    return False


def glued_value(source: str, start: int) -> str | None:
    """The address that is part of a tag's name, as a scraper dropped the space before its attribute."""
    found = GLUED_VALUE.match(source, start)
    return html.unescape(found[1].lstrip("\"'")) if found else None


def medium_of(source: str, token: Token, name: str, ordinal: int) -> Medium:
    """What a tag shows; `src` is empty where it names no address."""
    start, end = token.col, tag_end(source, token.col)
    if "=" in (token.tag or ""):
        # A scraper dropped the space behind the name.
        attributes = start + 1 + len(name)
        token = next(iter(tokenize(f"<{name} {source[attributes:end]}")), token)
    alt, title = (" ".join((token.attr(key) or "").split()) or None for key in ("alt", "title"))
    return Medium(MEDIA[name], _address(token), alt, title, ordinal, start, end)


def placed(media: Sequence[Medium], ends: Sequence[int]) -> list[Medium]:
    """Media that name an address, with the number of blocks that end before each."""
    found, ordinal = [], 0
    for medium in media:
        while ordinal < len(ends) and ends[ordinal] <= medium.start:
            ordinal += 1
        if medium.src:
            found.append(medium._replace(ordinal=ordinal))
    return found


def with_source(source: str, medium: Medium, token: Token, *, beside: bool) -> Medium:
    """A player with the address of the first of its sources, which are elements of their own; `beside` tells that no
    text stands between."""
    if medium.src or not beside:
        return medium
    return medium._replace(src=_address(token), end=tag_end(source, token.col))


def _address(token: Token) -> str:
    """The first address that the attributes of a tag give; that of a placeholder, whose data stand in the tag, only
    where there is no other, and without the data."""
    found = [(key, value.strip()) for key in MEDIA_SOURCES if (value := token.attr(key)) and value.strip()]
    addresses = [value.split()[0].rstrip(",") if key.endswith("srcset") else value for key, value in found]
    addresses = [address for address in addresses if not address.startswith(("about:", "javascript:"))]
    placeholder = addresses[0].partition(",")[0] if addresses else ""
    return next((address for address in addresses if not address.startswith("data:")), placeholder)


def tag_end(source: str, start: int) -> int:
    """Just past the tag at `start`."""
    size = 1 << 10
    while True:
        for token in tokenize(source[start : start + size], capture_source=True):
            if token.source is not None:
                return start + len(token.source)
            break
        if start + size >= len(source):
            return len(source)
        size *= 8
