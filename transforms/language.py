"""Which language and script a text is in, by its characters; nothing is downloaded."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import product
from typing import Final

__all__ = ["UNDETERMINED", "detect", "detect_all"]

UNDETERMINED: Final = "und"
HAN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
KANA_RANGE: Final = r"\u3041-\u30fa"
KANA: Final = re.compile(f"[{KANA_RANGE}]")
HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
LATIN_WORD: Final = re.compile(r"[A-Za-z\u00c0-\u024f]+")
ENGLISH: Final = frozenset(
    "the of and to in is was for that with by on are as at from this be it his her he she has have had not but "
    "will would said an or a i you we they what who how".split()
)


# Rows and cells of the Han characters in GB 2312, and of the frequent ones in Big5.
GB2312: Final = (range(0xB0, 0xF8), range(0xA1, 0xFF))
BIG5: Final = (range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))

NOT_LATIN: Final = frozenset({"zh", "ja", "ko"})
LATIN_WORDS: Final = 4

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
    only_simplified, only_traditional, not_simplified = _scripts()
    simplified = only_simplified.search(sample)
    if simplified and not not_simplified.search(sample):
        return "zh-Hans"
    traditional = only_traditional.search(sample)
    if not simplified and not traditional and not HAN.search(sample):
        return _without_han(sample)
    if KANA.search(sample) and len(KANA.findall(sample)) * 2 > len(HAN.findall(sample)):
        return "ja"
    if simplified and traditional:
        more = len(only_simplified.findall(sample)) - len(only_traditional.findall(sample))
        return UNDETERMINED if more == 0 else "zh-Hans" if more > 0 else "zh-Hant"
    return "zh-Hans" if simplified else "zh-Hant" if traditional else UNDETERMINED


@lru_cache(maxsize=1)
def _scripts() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Characters that only the simplified and only the traditional standard character set has, and the latter with
    kana: most texts have some of the one and none of the other."""
    simplified = {bytes(pair).decode("gb2312", "ignore") for pair in product(*GB2312)}
    traditional = {bytes(pair).decode("big5", "ignore") for pair in product(*BIG5)}
    only_simplified = "".join(sorted(simplified - traditional))
    only_traditional = "".join(sorted(traditional - simplified))
    return (
        re.compile(f"[{only_simplified}]"),
        re.compile(f"[{only_traditional}]"),
        re.compile(f"[{KANA_RANGE}{only_traditional}]"),
    )


def detect_all(texts: list[str]) -> tuple[list[str], str]:
    """Tags of an article's blocks, and the article's own: the one with most characters.

    A block that doesn't tell by itself, such as a number or a name, is in the article's language; words in Latin
    letters are not in Chinese, whatever they are in.
    """
    tags = [detect(text) for text in texts]
    distinct = set(tags)
    if len(distinct) == 1:
        return tags, distinct.pop()
    distinct.discard(UNDETERMINED)
    main = distinct.pop() if distinct else UNDETERMINED
    if distinct:
        sizes: Counter[str] = Counter()
        for tag, text in zip(tags, texts, strict=True):
            sizes[tag] += len(text)
        main = max({main, *distinct}, key=lambda tag: (sizes[tag], tag))
    if UNDETERMINED in tags:
        tags = [
            main if tag == UNDETERMINED and (main[:2] not in NOT_LATIN or not _is_latin(text)) else tag
            for tag, text in zip(tags, texts, strict=True)
        ]
    return tags, main


def _is_latin(text: str) -> bool:
    """Whether a text is several words in Latin letters."""
    return not HAN.search(text) and len(LATIN_WORD.findall(text)) >= LATIN_WORDS


def _without_han(text: str) -> str:
    if KANA.search(text):
        return "ja"
    if HANGUL.search(text):
        return "ko"
    words = LATIN_WORD.findall(text.lower())
    english = sum(word in ENGLISH for word in words)
    return "en" if len(words) > 1 and english * 8 >= len(words) else UNDETERMINED
