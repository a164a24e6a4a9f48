"""The elements that are open where a block stands: evidence for whoever judges it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

from turbohtml import Token

__all__ = ["LISTS", "NOWHERE", "Path", "container", "is_inside", "list_around", "outwards"]

INLINE: Final = frozenset(
    "a abbr b bdi bdo big cite code data dfn em font h1 h2 h3 h4 h5 h6 hgroup i ins kbd label mark p s small span"
    " strong sub sup time tt u".split()
)
LISTS: Final = frozenset({"ul", "ol"})


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
    return any(token.tag == tag for token in path)


def list_around(path: Path) -> Path:
    """The outermost list around a block."""
    return ([one for one in outwards(path) if one.tag in LISTS] or [path])[-1]
