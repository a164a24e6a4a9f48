"""Which language and script a text is in: by its characters, and where several languages share these by a detector.

Nothing is downloaded. What does not tell is `und`.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from itertools import product
from typing import Any, Final

__all__ = ["HANGUL", "UNDETERMINED", "by_characters", "detect", "detect_all", "family_of", "spoken"]

UNDETERMINED: Final = "und"
HAN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
KANA_RANGE: Final = r"\u3041-\u30fa"
KANA: Final = re.compile(f"[{KANA_RANGE}]")
# Kana between Han characters, or behind them, that make a sentence of words: no name in a Chinese text has them.
PARTICLE: Final = re.compile(
    r"(?:[\u3400-\u9fff](?:は|が|を|に|で|と|の|も|へ|から|まで|より|や|した|して|する|され|った|いた)|[っんれりるくきけ]た|です|ます)"
)
QUOTED: Final = re.compile(r"[「『“《（(][^「」『』“”《》（）()]*[」』”》）)]")
LATIN_LETTER: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
LATIN_WORD: Final = re.compile(r"[A-Za-z\u00c0-\u024f]+")
# Words of English that no other language with Latin letters has: two of them tell it without the detector.
ENGLISH: Final = frozenset(
    "the and that with this from they which their said has were been would are you what who how but not she his will "
    "it for was have on by".split()
)
ONLY_ENGLISH: Final = ENGLISH - set("it for was have on by has".split())
# What news in Latin letters is written in, as far as the detector knows it; creoles and dialects would share the votes.
LATIN_LANGUAGES: Final = (
    "af", "az", "bs", "ca", "cs", "cy", "da", "de", "en", "eo", "es", "et", "eu", "fi", "fr", "ga", "gl", "ha", "hr",
    "hu", "id", "is", "it", "lb", "lt", "lv", "ms", "mt", "nl", "no", "pl", "pt", "ro", "sk", "sl", "so", "sq", "sv",
    "sw", "tl", "tr", "uz", "vi", "yo", "zu",
)  # fmt: skip
# Other scripts from the code point at which each starts, and what news in it is written in.
SCRIPTS: Final = (
    (0x370, "el"), (0x400, "ru uk bg sr mk be kk ky mn tt tg"), (0x530, "hy"), (0x590, "he"),
    (0x600, "ar fa ur ps ug ku"),
    (0x700, ""), (0x750, "ar fa ur ps ug ku"), (0x780, "dv"), (0x7C0, ""), (0x8A0, "ar fa ur ps ug ku"),
    (0x900, "hi mr ne"), (0x980, "bn as"), (0xA00, "pa"), (0xA80, "gu"), (0xB00, "or"), (0xB80, "ta"), (0xC00, "te"),
    (0xC80, "kn"), (0xD00, "ml"), (0xD80, "si"), (0xE00, "th"), (0xE80, "lo"), (0xF00, "bo"), (0x1000, "my"),
    (0x10A0, "ka"), (0x1100, ""), (0x1200, "am ti"), (0x1380, ""), (0x1780, "km"), (0x1800, "mn"), (0x18B0, ""),
    (0x1F00, "el"),
)  # fmt: skip
SCRIPT_STARTS: Final = [start for start, _ in SCRIPTS]
SCRIPT_LETTER: Final = re.compile(r"[\u0370-\u10ff\u1200-\u1cff\u1f00-\u1fff]")
SCRIPT_LETTERS: Final = 4
# Cantonese as it is spoken, in characters that written Chinese has no use for.
CANTONESE: Final = re.compile(r"[\u5605\u55ba\u5497\u54cb\u569f\u5572\u5187\u55f0\u5514\u4e5c\u5622\u5481]")


# Rows and cells of the Han characters in GB 2312, and of the frequent ones in Big5.
GB2312: Final = (range(0xB0, 0xF8), range(0xA1, 0xFF))
BIG5: Final = (range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))

EAST_ASIAN: Final = frozenset({"zh", "ja", "ko"})
# Letters of another script that say as much as a Chinese character.
HAN_LETTERS: Final = 2
LATIN_WORDS: Final = 4
SEVERAL: Final = 2
# What the detector says less surely is wrong in one of fifty sentences, and in more names.
SURE: Final = 0.6

# The script shows within a few words; looking further costs time and changes nothing.
SAMPLE: Final = 80
LONG_SAMPLE: Final = 400


def detect(text: str) -> str:
    """BCP 47 tag of `text`: `zh-Hans`, `zh-Hant`, `yue`, a language, or `und`.

    >>> detect("汉语"), detect("漢語"), detect("The language of the page"), detect("ภาษา"), detect("2020")
    ('zh-Hans', 'zh-Hant', 'en', 'th', 'und')
    """
    tag = by_characters(text)
    return _by_words(text) if tag == UNDETERMINED else tag


def by_characters(text: str) -> str:
    """The tag that characters tell, and English by its own words."""
    sample = text[:SAMPLE]
    if len(text) > SAMPLE and len(LATIN_LETTER.findall(sample)) * 2 > SAMPLE:
        # What begins in Latin letters may go on in others: most of a text decides.
        sample = text[:LONG_SAMPLE]
    if sample.isascii():
        return _without_han(sample)
    only_simplified, only_traditional, not_simplified = _scripts()
    simplified = only_simplified.search(sample)
    if simplified and not not_simplified.search(sample):
        return "zh-Hans" if len(sample) <= SAMPLE or not _is_mostly_latin(sample) else _without_han(sample)
    traditional = only_traditional.search(sample)
    if not simplified and not traditional and not HAN.search(sample):
        return _without_han(sample)
    if _is_mostly_latin(sample):
        return _without_han(sample)
    if KANA.search(sample) and _is_japanese(sample):
        return "ja"
    if len(set(CANTONESE.findall(sample))) > SEVERAL:
        return "yue"
    if simplified and traditional:
        more = len(only_simplified.findall(sample)) - len(only_traditional.findall(sample))
        return UNDETERMINED if more == 0 else "zh-Hans" if more > 0 else "zh-Hant"
    return "zh-Hans" if simplified else "zh-Hant" if traditional else UNDETERMINED


def _is_japanese(sample: str) -> bool:
    """Whether kana are part of the sentences, and not a name that Chinese quotes."""
    kana, han = len(KANA.findall(QUOTED.sub("", sample))), len(HAN.findall(sample))
    return kana * 2 > han or (bool(PARTICLE.search(QUOTED.sub("", sample))) and kana * 20 >= han)


def _is_mostly_latin(sample: str) -> bool:
    """Whether a text has so many Latin words that its Han characters are what it quotes; a word is as much as two."""
    return len(LATIN_WORD.findall(sample)) > 2 * len(HAN.findall(sample))


# Of one article's texts, which may be asked for twice: for its dates, and for itself.
@lru_cache(maxsize=256)
def _by_words(text: str) -> str:
    """The language of a text by its script and words; `und` where these are few, or the detector is not sure."""
    languages = _languages_of(text)
    if len(languages) < SEVERAL:
        return languages[0] if languages else UNDETERMINED
    language, sure = _detector(languages).classify(text[:LONG_SAMPLE])
    return str(language) if sure >= SURE else UNDETERMINED


def spoken(declared: str | None, text: str) -> str | None:
    """What a page declares as its language; where a text of its is in a script that this has no use for, which themes
    in English are full of, what that script is used for first.

    >>> spoken("en-US", "Στο λιμάνι έσβησε ο φάρος"), spoken("uk", "Ліхтар у порту згас"), spoken(None, "A lamp")
    ('el', 'uk', None)
    """
    languages = _languages_of(text)
    is_its_own = not languages or languages == LATIN_LANGUAGES or (declared or "").partition("-")[0] in languages
    return declared if is_its_own else languages[0]


def _languages_of(text: str) -> tuple[str, ...]:
    """What the script of most letters of a text, if these are some, is used for."""
    letters = [] if text.isascii() else SCRIPT_LETTER.findall(text[:LONG_SAMPLE])
    if len(letters) >= SCRIPT_LETTERS and len(letters) > len(LATIN_LETTER.findall(text[:LONG_SAMPLE])):
        scripts = Counter(SCRIPTS[bisect(SCRIPT_STARTS, ord(letter)) - 1][1] for letter in letters)
        return tuple(max(scripts, key=lambda script: (scripts[script], script)).split())
    return LATIN_LANGUAGES if _is_latin(text) else ()


@lru_cache
def _detector(languages: tuple[str, ...]) -> Any:
    detector = copy(_every_language())
    detector.set_languages([language for language in languages if language in detector.nb_classes])
    return detector


@lru_cache(maxsize=1)
def _every_language() -> Any:
    # Takes longer to load than a thousand articles to parse, and archives in Chinese and English never ask.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


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


def detect_all(
    texts: Sequence[str], story: Sequence[bool] = (), tags: Sequence[str] | None = None
) -> tuple[list[str], str]:
    """Tags of an article's blocks, and the article's own: the one with most characters, of the blocks that are its
    `story`, if these tell. `tags` are those of `by_characters`, where they are known.

    A block that doesn't tell by itself, such as a number or a name, is in the article's language; words in Latin
    letters are not in a language with others, whatever they are in.
    """
    counted = [index for index, is_story in enumerate(story) if is_story] or list(range(len(texts)))
    tags = list(tags or map(by_characters, texts))
    main = _main_of(tags, texts, counted)
    if main[:2] not in EAST_ASIAN:
        tags = [_by_words(text) if tag == UNDETERMINED else tag for tag, text in zip(tags, texts, strict=True)]
        main = _main_of(tags, texts, counted)
        said = sum(len(texts[index]) for index in counted if tags[index] == main)
        if main == UNDETERMINED or (main in LATIN_LANGUAGES and 2 * said < sum(len(texts[index]) for index in counted)):
            # Where most blocks tell nothing, as lists of names and code, all of them together do.
            whole = _by_words(" ".join(texts[index] for index in counted))
            main = main if whole == UNDETERMINED else whole
    if main == UNDETERMINED:
        main = _main_of(tags, texts, range(len(texts)))
    if UNDETERMINED in tags:
        latin = main in (*LATIN_LANGUAGES, UNDETERMINED)
        tags = [
            main if tag == UNDETERMINED and (latin or not _is_latin(text)) else tag
            for tag, text in zip(tags, texts, strict=True)
        ]
    return tags, main


def _main_of(tags: list[str], texts: Sequence[str], counted: Sequence[int]) -> str:
    """The tag with most characters in the counted blocks; `und` only where there is no other."""
    distinct = {tags[index] for index in counted} - {UNDETERMINED}
    if len(distinct) < SEVERAL:
        return next(iter(distinct), UNDETERMINED)
    sizes, families = Counter[str](), Counter[str]()
    for index in counted:
        sizes[tags[index]] += len(texts[index])
    for tag, size in sizes.items():
        families[family_of(tag)] += size * (HAN_LETTERS if tag[:2] in EAST_ASIAN or tag == "yue" else 1)
    return max(distinct, key=lambda tag: (families[family_of(tag)], sizes[tag], tag))


def family_of(tag: str) -> str:
    """Chinese is one language in two scripts, and as it is spoken in Canton."""
    return "zh" if tag[:2] in ("zh", "yu") else tag


def _is_latin(text: str) -> bool:
    """Whether a text is several words in Latin letters."""
    return not HAN.search(text) and len(LATIN_WORD.findall(text)) >= LATIN_WORDS


def _without_han(text: str) -> str:
    words = LATIN_WORD.findall(text.lower())
    for letter, tag in ((KANA, "ja"), (HANGUL, "ko")):
        # A name among many Latin words tells of itself alone.
        if (letters := len(letter.findall(text))) and len(words) <= 2 * letters:
            return tag
    english = [word for word in words if word in ENGLISH]
    sure = len(set(english) & ONLY_ENGLISH) > 0 and len(set(english)) >= SEVERAL and len(english) * 6 >= len(words)
    return "en" if sure else UNDETERMINED
