"""Pictures, videos, audio and embedded pages: what a tag shows, and where it stands."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from turbohtml import Token, tokenize

from pressmark.schemas.contract import MediaKind
from pressmark.transforms.records import Medium

__all__ = ["MEDIA", "glued_value", "medium_of", "placed", "tag_end", "with_source"]

GLUED_VALUE: Final = re.compile(r"<[a-z]+?(?:href|src)=(\"[^\">]*|'[^'>]*|[^\t\n\f\r >]*)", re.IGNORECASE)
MEDIA: Final[dict[str, MediaKind]] = {
    "img": "image", "amp-img": "image", "video": "video", "amp-video": "video", "audio": "audio", "amp-audio": "audio",
    "iframe": "embed", "embed": "embed", "object": "embed", "amp-iframe": "embed", "amp-youtube": "embed",
}  # fmt: skip
# Where pages that load pictures late, or in several sizes, write the address; those called `srcset` hold several.
MEDIA_SOURCES: Final = (
    "src", "data-src", "data-original", "data-lazy-src", "data-url", "data", "srcset", "data-srcset",
)  # fmt: skip


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
