"""What a search asks for: words, "phrases", `AND`, `OR`, `NOT` or `-`, and parentheses, as a tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["AllOf", "AnyOf", "Everything", "Not", "Phrase", "Query", "QueryError", "parse_query", "phrases_of"]

TOKEN: Final = re.compile(r'(?P<space>\s+)|(?P<mark>[()])|(?P<minus>-(?=[^\s)]))|["“](?P<phrase>[^"“”]*)["”]'
                          r'|(?P<open>["“”])|(?P<word>[^\s()"“”]+)')  # fmt: skip
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
