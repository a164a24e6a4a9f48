"""What a search takes for the same character: Simplified and Traditional, upper and lower case, full and half width.

One character always becomes one, so that a hit in a folded text has the same place in the text itself. Pure: OpenCC's
tables come in as text.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

__all__ = ["Folding", "folding_of"]

# Where characters have a case, a width, or are a second code for the same ideograph: the first blocks up to the
# ideographs, those up to Hangul and behind it, compatibility forms, and cased scripts of the next plane.
VARIED: Final = (
    range(0x3400), range(0xA640, 0xAC00), range(0xF900, 0x10000), range(0x10400, 0x1E960), range(0x2F800, 0x2FA20),
)  # fmt: skip
FORMS: Final = ("<wide>", "<narrow>")


class Folding(NamedTuple):
    """`table` is what `str.translate` takes; `members` has the characters that become one, each with itself."""

    table: dict[int, int]
    members: dict[str, str]

    def fold(self, text: str) -> str:
        """A text of the same length, in which characters that are taken for the same are the same."""
        return text.translate(self.table)

    def pattern(self, folded: str) -> str:
        """A regular expression, in Rust's and DuckDB's syntax, for every text that becomes this one."""
        return "".join(self._one(character) for character in folded)

    def _one(self, character: str) -> str:
        alike = "".join(f"\\x{{{ord(one):x}}}" for one in self.members.get(character, character))
        return f"[{alike}]" if character in self.members else alike


def folding_of(simplified: str, variants: Sequence[str]) -> Folding:
    """The folding by OpenCC's tables `TSCharacters` (the first of each line is what a character becomes) and those of
    regional variants of Traditional ones.

    >>> folding_of("發\\t发\\n髮\\t发\\n", ["着\\t著\\n"]).fold("髮Ａé\\u3000著")
    '发aé 着'
    """
    become = dict(_pairs(simplified))
    for lines in variants:
        become |= {variant: become.get(usual, usual) for usual, variant in _pairs(lines)}
    for code in (code for part in VARIED for code in part):
        character = chr(code)
        plain = _plain(character)
        if plain != character:
            become[character] = plain
    table: dict[int, int] = {}
    members: dict[str, str] = defaultdict(str)
    for character in become:
        last, seen = character, {character}
        while (after := become.get(last, last)) not in seen:
            last = after
            seen.add(last)
        if last != character:
            table[ord(character)] = ord(last)
            members[last] += character
    return Folding(table, {last: last + alike for last, alike in members.items()})


def _pairs(table: str) -> Iterator[tuple[str, str]]:
    """A character and what it becomes, of each line of a table of OpenCC."""
    for line in table.splitlines():
        key, _, values = line.partition("\t")
        for value in values.split(" ")[:1]:
            if len(key) == len(value) == 1 and key != value:
                yield key, value


def _plain(character: str) -> str:
    """The character in half width, as an ideograph's usual code, in lower case, and any white space as a space."""
    if character.isspace():
        return " "
    form = unicodedata.decomposition(character)
    if form.startswith(FORMS) or (form and not form.startswith("<") and " " not in form):
        character = chr(int(form.split()[-1], 16))
    lower = character.casefold()
    return lower if len(lower) == 1 else character.lower() if len(character.lower()) == 1 else character
