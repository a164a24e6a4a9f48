"""Which language and script a text is in, by its characters; nothing is downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["UNDETERMINED", "detect", "predominant"]

UNDETERMINED: Final = "und"
HAN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
KANA: Final = re.compile(r"[\u3041-\u30fa]")
HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
LATIN_WORD: Final = re.compile(r"[A-Za-z\u00c0-\u024f]+")
ENGLISH: Final = frozenset(
    "the of and to in is was for that with by on are as at from this be it his her he she has have had not but "
    "will would said an or a i you we they what who how".split()
)


def _characters(codec: str) -> frozenset[str]:
    """Han characters that a two-byte character set holds."""
    cells = (bytes((row, column)).decode(codec, "ignore") for row in range(0x81, 0xFF) for column in range(0x40, 0xFF))
    return frozenset(cell for cell in cells if len(cell) == 1 and HAN.match(cell))


_SIMPLIFIED, _TRADITIONAL = _characters("gb2312"), _characters("big5")
# What only one of the two standard character sets holds tells the script; most text has some of it.
ONLY_SIMPLIFIED: Final = re.compile(f"[{''.join(sorted(_SIMPLIFIED - _TRADITIONAL))}]")
ONLY_TRADITIONAL: Final = re.compile(f"[{''.join(sorted(_TRADITIONAL - _SIMPLIFIED))}]")


# The script shows within a few words; looking further costs time and changes nothing.
SAMPLE: Final = 80


def detect(text: str) -> str:
    """BCP 47 tag of `text`: `zh-Hans`, `zh-Hant`, `ja`, `ko`, `en`, or `und` where its start doesn't tell.

    >>> detect("汉语"), detect("漢語"), detect("The language of the page"), detect("2020")
    ('zh-Hans', 'zh-Hant', 'en', 'und')
    """
    sample = text[:SAMPLE]
    if sample.isascii():
        return _without_han(sample)
    simplified = len(ONLY_SIMPLIFIED.findall(sample))
    traditional = len(ONLY_TRADITIONAL.findall(sample))
    if simplified == traditional == 0 and not HAN.search(sample):
        return _without_han(sample)
    if KANA.search(sample) and len(KANA.findall(sample)) * 4 > len(HAN.findall(sample)):
        return "ja"
    if simplified == traditional:
        return UNDETERMINED
    return "zh-Hans" if simplified > traditional else "zh-Hant"


def predominant(languages: Iterable[tuple[str, int]]) -> str:
    """The tag with most characters among `(tag, characters)`, `und` left out where there is another."""
    totals: dict[str, int] = {}
    for tag, characters in languages:
        totals[tag] = totals.get(tag, 0) + characters
    totals.pop(UNDETERMINED, None)
    return max(totals, key=lambda tag: (totals[tag], tag), default=UNDETERMINED)


def _without_han(text: str) -> str:
    if KANA.search(text):
        return "ja"
    if HANGUL.search(text):
        return "ko"
    words = LATIN_WORD.findall(text.lower())
    english = sum(word in ENGLISH for word in words)
    return "en" if len(words) > 1 and english * 8 >= len(words) else UNDETERMINED
