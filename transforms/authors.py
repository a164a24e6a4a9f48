"""Who wrote an article, by its bylines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["author_of"]

WROTE: Final = re.compile(
    r"(?:作者|特约记者|特約記者|实习记者|采访记者|本刊记者|记者|記者|撰文|特约撰稿人|撰稿人|撰稿|采写|採寫|编译|編譯)\s*[:：︱|｜/]?\s*|(?:^|\s)(?:文[、/]图|图文|文)\s*[:：︱|｜]\s*|(?:^|\s)文/(?!图)\s*"
    r"|^(?:[Bb][Yy]|Written by|Reported by)\b\s*:?\s*"
)
DID_SOMETHING_ELSE: Final = re.compile(
    r"译者|譯者|翻译|翻譯|审校|審校|校对|校對|责编|責編|责任编辑|責任編輯|网编|網編|编辑|編輯|发稿|發稿|摄影|攝影|整理|策划|制作|监制|"
    r"补充报[道导]|補充報[導道]|贡献|貢獻|Additional reporting|contributed|Translated by|Edited by"
)
NAME_END: Final = re.compile(r"[；;\n|｜︱]|\s{2,}|[\xa0\u3000]|[（(【]|\s?发自|\s(?=\S*(?:报[道导]|報[導道]))")
# Who wrote stands before what he did, as in `王二|撰稿`.
WROTE_AFTER: Final = re.compile(r"^(.{2,30}?)\s*[|｜︱/]\s*(?:撰稿|撰文|文|采写|作者|记者|報道|报道)$")
NAMES: Final = re.compile(r"\s*[,，、/]\s*")
BRACKETS: Final = " （）()【】[]"
LONGEST_NAMES: Final = 80


def author_of(bylines: Iterable[str]) -> str | None:
    """The names that the first of the bylines gives which names a writer, or None.

    >>> author_of(["记者：林帆 责编：乔一苇", "By Someone Else"]), author_of(["译者/林帆"])
    ('林帆', None)
    """
    for byline in bylines:
        for line in byline.split("\n"):
            names = _names(line.strip())
            if names:
                return names
    return None


@lru_cache(maxsize=4096)
def _names(line: str) -> str | None:
    after = WROTE_AFTER.match(line)
    wrote = None if after else WROTE.search(line)
    if after:
        line = after[1]
    elif wrote:
        line = line[wrote.end() :]
    other = DID_SOMETHING_ELSE.search(line)
    line = line[: other.start()] if other else line
    line = NAME_END.split(line.strip(BRACKETS).removeprefix("null "), maxsplit=1)[0].strip(BRACKETS + ",，、/:：")
    line = WROTE.sub("", line)
    # A scraper that joins a name and its link gives every name twice.
    names = list(dict.fromkeys(name for name in NAMES.split(line) if name))
    if not names or len(line) > LONGEST_NAMES or any(character.isdigit() for character in line):
        return None
    return line if len(names) == len(NAMES.split(line)) else ", ".join(names)
