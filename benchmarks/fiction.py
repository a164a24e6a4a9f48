"""Fictional sentences, titles and names in three languages, from the word lists in `fiction.toml`.

Owns all wording of generated articles; knows nothing of markup, outlets or archives.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, NamedTuple

__all__ = ["Language", "Wording", "wording"]

Language = Literal["zh-Hans", "zh-Hant", "en"]
LISTS: Final = Path(__file__).with_suffix(".toml")
POOL_SENTENCES: Final = 4000
POOL_SEED: Final = 20240701


class Wording(NamedTuple):
    """What articles of one language are made of: ready sentences, titles and headings, and the lists behind them.

    Sentences of English end in a space, so that they can be joined without one.
    """

    sentences: tuple[str, ...]
    titles: tuple[str, ...]
    headings: tuple[str, ...]
    lists: Mapping[str, Any]

    def numbered(self, article: int) -> str:
        """How the first paragraph of an article begins: no two articles begin alike."""
        places = self.lists["words"]["place"]
        return str(self.lists["numbered"].format(place=places[article % len(places)], article=article))

    def edited(self, random: Random, version: int) -> str:
        """A sentence that only the given version of an article's text has."""
        return str(self.lists["edited"].format(version=version, **_words(random, self.lists["words"])))

    def person(self, random: Random) -> str:
        """The name of somebody who does not exist."""
        return str(random.choice(self.lists["words"]["person"]))


@lru_cache
def wording(language: Language) -> Wording:
    """The wording of a language, the same in every process and for every seed.

    >>> len(set(wording("zh-Hans").sentences)) > POOL_SENTENCES * 0.9
    True
    """
    lists = tomllib.loads(LISTS.read_text("utf-8"))[language]
    random = Random(f"{POOL_SEED}:{language}")
    end = " " if language == "en" else ""

    def filled(name: str, count: int, end: str = "") -> tuple[str, ...]:
        templates, words = lists[name], lists["words"]
        return tuple(random.choice(templates).format(**_words(random, words)) + end for _ in range(count))

    return Wording(
        filled("sentences", POOL_SENTENCES, end),
        filled("titles", POOL_SENTENCES),
        filled("headings", POOL_SENTENCES // 10),
        lists,
    )


def _words(random: Random, lists: Mapping[str, list[str]]) -> dict[str, str]:
    words = {name: random.choice(choices) for name, choices in lists.items()}
    words |= {f"{name}2": random.choice(lists[name]) for name in ("place", "quote")}
    return words | {"number": str(random.randint(2, 4999)), "number2": str(random.randint(1, 9))}
