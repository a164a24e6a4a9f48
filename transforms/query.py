"""What a search asks for, as a tree: words, "phrases", `AND`, `OR`, `NOT` or `-`, and parentheses; and which characters
it takes for the same: Simplified and Traditional, upper and lower case, full and half width.

One character always becomes one, so that a hit in a folded text has the same place in the text itself. Pure: OpenCC's
tables come in as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

__all__ = [
    "AllOf", "AnyOf", "Everything", "Folding", "Not", "Phrase", "Query", "QueryError", "folding_of", "parse_query",
    "phrases_of",
]  # fmt: skip

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


TOKEN: Final = re.compile(r'(?P<space>\s+)|(?P<mark>[()])|(?P<minus>-(?=[^\s)]))|["“](?P<phrase>[^"“”]*)["”]'
                          r'|(?P<open>["“”])|(?P<word>[^\s()"“”]+)')  # fmt: skip
BROKEN: Final = re.compile("[\ud800-\udfff]")
MOST_TERMS: Final = 200
MOST_LEVELS: Final = 50
QUOTE: Final = 'put it in quotes to look for it, as in "C (programming language)"'


class Phrase(NamedTuple):
    """Blocks whose folded text has this text in it."""

    text: str


class Everything(NamedTuple):
    """Every block."""


class Not(NamedTuple):
    """Blocks that the part does not find."""

    part: Query


class AllOf(NamedTuple):
    """Blocks that every part finds."""

    parts: tuple[Query, ...]


class AnyOf(NamedTuple):
    """Blocks that at least one part finds."""

    parts: tuple[Query, ...]


Query = Phrase | Everything | Not | AllOf | AnyOf


class QueryError(Exception):
    """A query that can't be read: what is wrong, before which character, and what to do."""

    def __init__(self, what: str, position: int, remedy: str) -> None:
        super().__init__(what)
        self.what, self.position, self.remedy = what, position, remedy


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse_query(query: str, fold: Callable[[str], str]) -> Query:
    """The tree of a query, its phrases folded; raises `QueryError` where it can't be read.

    Parts that stand beside each other must all be found; `OR` binds less. `*` finds everything.

    >>> parse_query('A "b c" -d', str.lower)
    AllOf(parts=(Phrase(text='a'), Phrase(text='b c'), Not(part=Phrase(text='d'))))
    """
    if (broken := BROKEN.search(query)) is not None:
        raise QueryError("this is no text", broken.start(), "write it in UTF-8")
    tokens = list(_tokens(query))
    terms = [token for token in tokens if token.kind in ("word", "phrase")]
    if not terms:
        position = len(query) if not tokens else tokens[0].position
        raise QueryError("this query looks for nothing", position, "write a word, or `*` for everything")
    if len(terms) > MOST_TERMS:
        what = f"a query has at most {MOST_TERMS} terms, not {len(terms)}"
        raise QueryError(what, terms[MOST_TERMS].position, "put what belongs together in quotes, as one phrase")
    reader = _Reader([*tokens, _Token("end", "", len(query))], fold)
    tree = reader.either(0)
    if reader.now.kind != "end":
        raise QueryError("a parenthesis closes that none opens", reader.now.position, QUOTE)
    return tree


def phrases_of(query: Query, *, wanted: bool = True) -> Iterator[str]:
    """The phrases that a block was found by: those that are not asked to be absent."""
    if isinstance(query, Phrase) and wanted:
        yield query.text
    elif isinstance(query, Not):
        yield from phrases_of(query.part, wanted=not wanted)
    elif isinstance(query, AllOf | AnyOf):
        for part in query.parts:
            yield from phrases_of(part, wanted=wanted)


def _tokens(query: str) -> Iterator[_Token]:
    for match in TOKEN.finditer(query):
        kind = str(match.lastgroup)
        text, position = match.group(kind), match.start()
        if kind == "open":
            raise QueryError("a quote has no other end", position, "close it with another quote, or leave it out")
        if kind == "word" and text in ("AND", "OR", "NOT"):
            yield _Token(text, text, position)
        elif kind == "word" and text == "-":
            raise QueryError("`-` stands before nothing", position, QUOTE)
        elif kind in ("mark", "minus"):
            yield _Token("NOT" if kind == "minus" else text, text, position)
        elif kind != "space":
            yield _Token(kind, text, position)


class _Reader:
    """Reads tokens from left to right; `now` is the next one."""

    def __init__(self, tokens: list[_Token], fold: Callable[[str], str]) -> None:
        self._tokens, self._at, self._fold = tokens, 0, fold

    @property
    def now(self) -> _Token:
        """The token that is read next."""
        return self._tokens[self._at]

    def either(self, level: int) -> Query:
        """Parts between which `OR` stands."""
        parts = [self._together(level)]
        while self._took("OR"):
            parts.append(self._together(level))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _together(self, level: int) -> Query:
        parts = [self._one(level)]
        while self._took("AND") or self.now.kind in ("word", "phrase", "(", "NOT"):
            parts.append(self._one(level))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self, level: int) -> Query:
        token = self.now
        if level > MOST_LEVELS:
            raise QueryError("too many parts lie in each other", token.position, "leave out parentheses")
        if self._took("NOT"):
            return Not(self._one(level + 1))
        if self._took("("):
            inner = self.either(level + 1)
            if not self._took(")"):
                raise QueryError("a parenthesis is not closed", token.position, f"close it, or {QUOTE}")
            return inner
        if not self._took("word") and not self._took("phrase"):
            before = self._tokens[self._at - 1].text if self._at else "the query"
            raise QueryError(f"a word is missing after `{before}`", token.position, "add it, or " + QUOTE)
        if token == _Token("word", "*", token.position):
            return Everything()
        text = re.sub(" +", " ", self._fold(token.text))
        if not text.strip():
            raise QueryError("these quotes hold nothing", token.position, "write what to look for between them")
        return Phrase(text)

    def _took(self, kind: str) -> bool:
        found = self.now.kind == kind
        self._at += found
        return found
