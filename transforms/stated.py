"""What a header or a page says of its article, in a form that blocks can be held against: title, authors, summary."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from pressmark.transforms.page_features import folded
from pressmark.transforms.records import Header

__all__ = ["NOTHING_STATED", "Stated", "stated_of"]

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
