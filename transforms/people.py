"""Whom a byline names as the writers: names alone, without jobs, agencies, places, dates, addresses and handles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from pressmark.transforms.datelines import parse_dateline

__all__ = ["author_of", "names_nobody", "reports"]

SEPARATOR: Final = "、"
UTC_ZONE: Final = ZoneInfo("UTC")
LONGEST_NAMES: Final = 80
BRACKETS: Final = " （）()【】[]〔〕"
NOBODY: Final = frozenset(
    {"unknown", "admin", "administrator", "editor", "none", "null", "n/a", "匿名", "佚名", "未知", "网络", "無", "无"}
)

WROTE: Final = re.compile(
    r"(?:作者|特约记者|特約記者|实习记者|實習記者|采访记者|採訪記者|本刊记者|记者|記者|撰文|特约撰稿人|撰稿人|撰稿|采写|採寫|编译|編譯|通讯员|"
    r"文字整理|文字)\s*[:：︱|｜/]?\s*|(?:^|\s)(?:文[、/]图|图文|文)\s*[:：︱|｜]\s*|(?:^|\s)文/(?!图)\s*"
    r"|^(?:[Bb][Yy]|Written by|Reported by|Story by|Text by)\b\s*:?\s*"
)
DID_SOMETHING_ELSE: Final = re.compile(
    r"译者|譯者|翻译|翻譯|审校|審校|校对|校對|责编|責編|责任编辑|責任編輯|网编|網編|编辑|編輯|发稿|發稿|摄影|攝影|整理(?![:：])|策划|制作|监制|"
    r"核稿|監製|補充報[導道]|补充报[道导]|贡献|貢獻|"
    r"(?i:additional reporting|contributed|translated by|edited by|photo(?:graph)?s? by|video by)"
)
NAME_END: Final = re.compile(
    r"[；;\n|｜︱#]|\s{2,}|[\xa0\u3000]|[（(【]|\s?发自|\s?發自|\s(?=\S*(?:报[道导]|報[導道]))|"
    r"[/／](?=[^/／、，,]*(?:报[道导]|報[導道]|電|电|讯|訊)\s*$)"
)
# Who wrote stands before what he did, as in `王二|撰稿`.
WROTE_AFTER: Final = re.compile(r"^(.{2,30}?)\s*[|｜︱/／]\s*(?:撰稿|撰文|文|采写|作者|记者|報道|报道)$")
NAMES: Final = re.compile(
    r"\s*(?:[,，、/／&]|\s(?:and|und|et|y|e)\s|(?<=[\u4e00-\u9fff]{2})(?:和|与|與|及)(?=[\u4e00-\u9fff]{2,4}\s*$))\s*"
)
MONTH: Final = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
# What stands beside names and is none.
BESIDE: Final = re.compile(
    rf"\S+@\S+\.\S+|(?:\bfollow\s+)?@\w+|\bfollow(?=\s*$)|\bemail the author\b|"
    r"(?:,?\s*(?:first |last )?(?:updated|published|posted|on)\b:?\s*)?"
    rf"(?:{MONTH}\s+\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}\s+{MONTH}\s+\d{{4}})"
    r"(?:,?\s*(?:at\s*)?\d{1,2}:\d{2}(?:\s*[ap]\.?m\.?)?(?:\s+[A-Z]{2,4}\b)?)?|"
    r"\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?(?:\s*\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?|\bnull\s",
    re.IGNORECASE,
)
# An office behind a comma, and for whom somebody writes.
OFFICE: Final = re.compile(
    r",?\s*(?:(?:senior|chief|staff|special|foreign|political|science|sports|national|business|associate|contributing|"
    r"deputy|guest|health|legal|diplomatic|[A-Z]\w+)\s+)*(?:staff|writers?|reporters?|correspondents?|editors?|columnists?|"
    r"journalists?|contributors?|bureau chief)\b.*$|,\s*(?:special to|for|of|at|in)\s+(?:the\s+)?[A-Z].*$",
    re.IGNORECASE,
)
# Where and when a report was sent from, glued to the name of who sent it.
PLACES: Final = (
    r"(?:北京|上海|天津|重庆|重慶|广州|廣州|深圳|香港|澳门|澳門|台北|臺北|台中|臺中|台南|高雄|新北|桃园|桃園|新竹|南京|武汉|武漢|成都|西安|沈阳|"
    r"瀋陽|东京|東京|大阪|首尔|首爾|平壤|华盛顿|華盛頓|纽约|紐約|洛杉矶|洛杉磯|旧金山|舊金山|芝加哥|伦敦|倫敦|巴黎|柏林|莫斯科|布鲁塞尔|布魯塞爾|日内瓦|"
    r"日內瓦|新加坡|吉隆坡|曼谷|河内|河內|马尼拉|馬尼拉|雅加达|雅加達|新德里|悉尼|雪梨|堪培拉|渥太华|渥太華|多伦多|多倫多|温哥华|溫哥華|[\u4e00-\u9fff]{2})"
)
SENT: Final = re.compile(
    rf"^(?P<name>(?:欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|司徒|东方|東方|皇甫|尉迟|尉遲|公孙|公孫|慕容|夏侯|令狐)?[\u4e00-\u9fff]{{2,3}}?)"
    rf"{PLACES}?(?:\d{{1,2}}月)?(?:\d{{1,2}}日)?(?:综合|綜合|現場|现场|特稿|专|專)?(?:电|電|报道|报导|報道|報導|讯|訊)$"
)
CAPITALS: Final = re.compile(r"[A-ZÀ-Þ][A-ZÀ-Þ.'’-]+(?: [A-ZÀ-Þ][A-ZÀ-Þ.'’-]*)+")
VOWELS: Final = frozenset("AEIOUY")
# A line at a story's edge that is a reporter's name with what stands around it.
REPORT: Final = re.compile(
    r"(?:[^\s，。：:！？（）()0-9]{2,12}\s+|[^\s，。：:！？（）()0-9]{2,8}(?=本报|本報|记者|記者))?"
    r"(?:本报|本報|本刊|特约|特約|实习|實習|驻\S{2,6}|駐\S{2,6})?(?:记者|記者)\s*[:：/]?\s*[\u4e00-\u9fff·]{2,5}"
    r"(?:[、，,/／ ][\u4e00-\u9fff·]{2,5}){0,4}"
    rf"(?:\s*[/／]?\s*{PLACES}?(?:\d{{1,2}}月)?(?:\d{{1,2}}日)?(?:综合|綜合|現場|现场|专|專)?(?:电|電|报道|报导|報道|報導|讯|訊))?"
)


def author_of(bylines: Iterable[str]) -> str | None:
    """The names that the first of the bylines gives which names a writer, joined by `、`, or None.

    >>> author_of(["记者：林帆 责编：乔一苇", "By Someone Else"]), author_of(["译者/林帆"])
    ('林帆', None)
    >>> author_of(["By JANE ROE and John Doe, Staff Writers"]), author_of(["（松岭社記者林帆台北1日電）"])
    ('Jane Roe、John Doe', '林帆')
    """
    lines = (line.strip() for byline in bylines for line in byline.split("\n"))
    return next(filter(None, map(_names, lines)), None)


def names_nobody(author: str | None) -> bool:
    """Whether what is stated as an author is what a scraper or a system writes where it knows none."""
    return author is None or author.strip().lower() in NOBODY


def reports(text: str) -> bool:
    """Whether a text is a reporter's name and nothing but who, where and when."""
    return REPORT.fullmatch(BESIDE.sub("", text).strip(BRACKETS)) is not None


@lru_cache(maxsize=4096)
def _names(line: str) -> str | None:
    if parse_dateline(line, UTC_ZONE) is not None:
        return None
    line = BESIDE.sub(" ", line).strip(BRACKETS)
    if after := WROTE_AFTER.match(line):
        line = after[1]
    elif wrote := WROTE.search(line):
        line = line[wrote.end() :]
    line = DID_SOMETHING_ELSE.split(line, maxsplit=1)[0]
    line = NAME_END.split(line.strip(BRACKETS), maxsplit=1)[0].strip(BRACKETS + ",，、/／:：")
    line = OFFICE.sub("", WROTE.sub("", line)) if line.isascii() else WROTE.sub("", line)
    if sent := SENT.match(line):
        line = sent["name"]
    # A scraper that joins a name and its link gives every name twice.
    names = dict.fromkeys(_named(name) for name in NAMES.split(line) if name.strip())
    if not names or len(line) > LONGEST_NAMES or any(character.isdigit() for character in line):
        return None
    return SEPARATOR.join(names)


def _named(name: str) -> str:
    """A name as people write it, not in capitals."""
    name = name.strip()
    if not CAPITALS.fullmatch(name):
        return name
    return " ".join(word.title() if VOWELS & set(word) else word for word in name.split())
