"""Whom bylines, headers and pages name, and for what: names alone, without jobs, agencies, places, dates and handles.

A line is parted at its labels, the words of `people_words.py`, which stand before or behind the names. Text without a
label is its writers' where it looks like names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from pressmark.transforms.datelines import parse_dateline
from pressmark.transforms.page_words import NOT_NAMES
from pressmark.transforms.people_words import (
    AGENCIES,
    DONE_BY,
    ENDINGS,
    JOBS,
    KEYS,
    NOBODY,
    REPORTERS,
    SHORT,
    WORDS,
    without_permission,
)
from pressmark.transforms.records import Contributor, Link

__all__ = [
    "author_of", "beside_sections", "contributors_of", "credits_in", "credits_of", "names_nobody", "people_in",
    "reports",
]  # fmt: skip

SEPARATOR: Final = "、"
UTC_ZONE: Final = ZoneInfo("UTC")
TEXT: Final = "text"
LONGEST_NAMES: Final = 80
# Of a name that no label announces, in characters without spaces between words, and in words.
LONGEST_HAN: Final = 10
MOST_WORDS: Final = 5
LONGEST_LINE: Final = 400
BRACKETS: Final = " （）()【】[]〔〕［］"
ENDS: Final = BRACKETS + ",，、/／:：|｜︱丨;；.。•·-–—＊*#＝="

SIGN: Final = r"[:：︱|｜丨/／＝=・]"
JOINED: Final = r"\s*[、/／&＆+和及与與·・]\s*"


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _roles() -> dict[str, tuple[str, ...]]:
    """The roles of each word in Chinese, Japanese and Korean."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(REPORTERS.split(), (TEXT,))
    for words in (WORDS, SHORT):
        for role, text in words.items():
            for word in text.split():
                found[word] = (*found.get(word, ()), role)
    return found


ROLES: Final = _roles()
_SHORT: Final = _any(word for word in ROLES if len(word) == 1)
_WORD: Final = _any(word for word in ROLES if len(word) > 1)
_REPORTER: Final = _any(REPORTERS.split())
# Where a word begins that is not glued to something before it.
EDGE: Final = r"(?:^|(?<=[\s（(【\[〔|｜︱丨/／:：,，、；;。])|(?<=[网網报報社台])(?=作者\s*[:：]))"
LABEL: Final = re.compile(
    # Of the same kind as the one before, but not the place where reporters meet.
    rf"(?P<reporter>(?:{_REPORTER})(?:{JOINED}(?:{_WORD}|{_SHORT}))*)(?![会會站团團招手])\s*{SIGN}?\s*"
    rf"|{EDGE}(?P<word>(?:{_WORD})(?:{JOINED}(?:{_WORD}|(?:{_SHORT})(?=\s*{SIGN})))*)(?:者|人员|人員)?"
    rf"(?:\s*{SIGN}\s*|\s+|$|(?=[\]】）)])|(?=[\u4e00-\u9fff]{{2,4}}(?:$|[\s、，,；;])))"
    rf"|{EDGE}(?P<short>(?:{_SHORT})(?:(?:\s*{SIGN}\s*|{JOINED})(?:{_WORD}|{_SHORT})(?=\s*{SIGN}|\s|$))*)"
    rf"(?:\s*{SIGN}\s*|$|(?<=[、/／&＆+和及与與·].)\s+|(?=[\]】）)]))"
    rf"|(?:^|(?<=[\s（(\[|｜•·;；,，.:：]))(?i:{'|'.join(f'(?P<{role}>{by})' for role, by in DONE_BY.items())})"
    r"(?:\s*:|(?<=:)|\s(?=\s*\S)|$)\s*"
)
CUT: Final = re.compile(r"(?:部|室|会|會|组|組|团|團|所|社|学|學|按|注|註|推荐|推薦|手记|手記)")
# Who did something stands before what he did, with a sign or a space between, to the end of the part.
AFTER: Final = re.compile(
    rf"(?P<names>[^\n;；]+?)\s*(?:{SIGN}\s*|\s+)"
    rf"(?P<word>(?:{_WORD}|{_SHORT})(?:{JOINED}(?:{_WORD}|{_SHORT}))*)\s*(?:$|[\s、，,]+|[；;]\s*)"
)
CONTRIBUTED: Final = re.compile(
    r"^(?P<names>.{3,120}?)\s+(?:also\s+)?(?:contributed(?:\s+(?:to|reporting|from|research)\b.*)?|provided\s+(?:additional\s+)?reporting.*)$",
    re.IGNORECASE,
)
CONTRIBUTED_HAN: Final = re.compile(
    r"(?P<names>.{2,60}?)\s*(?:[对對]本文[亦也]?有[贡貢][献獻]|[补補]充[采採報报]\S{1,2}|参与采写|參與採訪)[。.）)]*"
)
NAME_END: Final = re.compile(
    r"[；;\n|｜︱丨#»]|(?<![\u4e00-\u9fff])•|•(?![\u4e00-\u9fff])|\s{2,}|[\xa0\u3000]|[（(【\[]|\s是|\s(?=(?:来源|來源|稿源|出处|出處)\s*[:：])|\s?发自|\s?發自|\s?來自|\s[-–—]+\s|\s(?=[^\s/／]*(?:报[道导]|報[導道]))|"
    r"[/／](?=[^/／、，,]*(?:报[道导]|報[導道]|電|电|讯|訊)\s*$)"
)
# Chinese and Japanese part labels and names by wide or several spaces; between names these are commas.
WIDE: Final = re.compile(r"(?<=[\u4e00-\u9fff])(?:\s{2,}|[\xa0\u3000]+)(?=[\u4e00-\u9fff]{2,4}(?:[\s/／、,，]|$))")
NAMES: Final = re.compile(
    r"\s*(?:(?P<part>[,，、،/／])|[&＆]|\s(?:and|AND|und|et|y|e|og|och|en(?=\s\S+\s)|with|·)\s|"
    r"(?<=[\u4e00-\u9fff]{2})(?:和|与|與|及)(?=[\u4e00-\u9fff]{2,4}\s*$))\s*(?:and\s)?"
)
# Two people in Dutch; behind a whole name `en` is where somebody is, in Spanish and French.
FIRST_NAMES: Final = re.compile(r"^(\S+) en (\S+)$")
# Two short words by themselves, neither of which says what somebody did; joined as the parts of one name are.
SPACED: Final = re.compile(
    rf"(?:^|(?<=[、,，/／&＆]))\s*(?!(?:{_WORD}|{_REPORTER})[ \u3000])([\u3400-\u9fff々ヶ]{{1,4}})[ \u3000]"
    r"([\u3041-\u30ff\u3400-\u9fff々]{1,5})(?=\s*(?:$|[、,，/／&＆（(]))"
)
MIDDLE_DOT: Final = "·"
JOINED_NAME: Final = rf"\1{MIDDLE_DOT}\2"
HAN_NAMES: Final = re.compile(r"[\u4e00-\u9fff·]{2,}(?:\s+[\u4e00-\u9fff·]{2,})+")
MONTH: Final = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
# What stands beside names and is none.
BESIDE: Final = re.compile(
    rf"(?:https?://|www\.)\S+|<[\w.-]{{1,39}}>|\S+@\S+\.\S+|(?:\bfollow\s+)?@\w+|\bfollow(?=\s*$)|\bemail the author\b|"
    r",\s(?-i:(?:[A-Z][\w.]*\s){0,4}(?:University|Institute|College)\b)[^,;|\n]*|\b\d+\s+min(?:ute)?s?(?:\s+read)?\b|\b(?:\d+|no|keine?)\s+(?:comments?|kommentare?)\b|"
    r"\b(?:am|on)\s+(?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|"
    r"\b\d{1,2}\.\s?\d{1,2}\.\s?(?:20)?\d\d\b|\b(?:le|am|il|el|den)\s+\d{1,2}\.?\s+[^\W\d_]{3,10}\.?\s+20\d\d\b|"
    r"(?:,?\s*(?:first |last )?(?:updated|published|publiziert|posted|on)\b:?\s*)?"
    rf"(?:\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?(?:{MONTH}\s+\d{{1,2}},?\s+\d{{4}}|\d{{1,2}}\s+{MONTH}\s+\d{{4}})"
    r"(?:,?\s*(?:at\s*)?\d{1,2}:\d{2}(?:\s*[ap]\.?m\.?)?(?:\s+[A-Z]{2,4}\b)?)?|"
    r"\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?(?:[T\s]*\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:\.\d+)?Z?)?|"
    r"\b\d{1,2}/\d{1,2}/\d{2,4}(?:\s+\d{1,2}:\d{2}(?:\s*[AP]M)?(?:\s+[A-Z]{2,4}\b)?)?|\bnull\s|^\s*\d{1,2}[:：]\d{2}\s",
    re.IGNORECASE,
)
# What is glued to a name that is in an element of its own; and where a report was sent from, before its date.
GLUED_BY: Final = re.compile(r"^(?:(?:Written|Posted|Published|Story|Words) )?[Bb]y(?=[A-ZÀ-Þ])")
SENT_FROM: Final = re.compile(r"[A-ZÀ-Þ]{3,}")
JOB: Final = rf"(?:{'|'.join(sorted(JOBS, key=len, reverse=True))})s?"
# An office behind a comma, and for whom somebody writes.
OFFICE: Final = re.compile(
    r"(?:,?\s*|(?<=[a-z]))(?:(?:senior|chief|staff|special|foreign|political|science|sports|national|business|associate|"
    r"contributing|deputy|guest|health|legal|diplomatic|managing|executive)\s+)*"
    rf"\b(?:(?-i:[A-Z])\w+\s+)??(?:staff|(?<=\w\s){JOB}|(?<=[a-z]){JOB})\b.*$|"
    rf"\s(?:special to|for|of|at|in|from|is|(?-i:à|para|pour|für|aus|desde|em))\s+(?:the\s+)?(?-i:[A-Z]).*$"
    rf"|\s(?:avec|mit|con)\s+(?:{'|'.join(name for name in AGENCIES if name.isascii())})\b.*$|(?-i:\sen\s[A-Z]\S*)$",
    re.IGNORECASE,
)
GLUED_JOB: Final = re.compile(
    r"(?<=[a-z])(?:Senior|Staff|Chief|Contributing|Special|Contributor|Editor|Reporter|Writer)\b.*$"
)
GLUED_AGENCY: Final = re.compile(
    rf"(?<=[A-Za-z])(?:{'|'.join(name.title() for name in AGENCIES if name.isascii() and len(name) > 5)})$"
    r"|(?<=[a-z]{2})(?<!The)\s(?:The )?(?:Associated Press|Agence France-Presse|Canadian Press)$"
)
BEFORE_PLACE: Final = re.compile(r"^(?:(?:en|in|à|aus|desde|em)\s(?=[A-Z]).*|(?:avec|mit|con)\s+)")
IS_JOB: Final = re.compile(
    rf"(?:the\s+|a\s+)?(?:[\w&-]+\s+){{0,5}}{JOB}(?:\s+(?:of|at|for|in|on|a|à|en)\s.*)?|head of .*|special to .*|"
    rf"for the .*|\w*(?:{_any(job for job in JOBS if not job.isascii())})",
    re.IGNORECASE,
)
ORGANISATIONS: Final = frozenset(AGENCIES)
IS_ORGANISATION: Final = re.compile(ENDINGS, re.IGNORECASE)
# A body whose name is one, whatever stands in it.
ORGANISED: Final = re.compile(
    r"^[^,，]*\b(?:GmbH|LLC|Ltd|Inc|e\.\s?V|\w*[Vv]erlag|\w*[Mm]inisterium|Ministry|Department|\w*fraktion|Stiftung|Association)\b"
)
POSSESSIVE: Final = re.compile(r"^(?:the\s+)?(?:[A-Z][\w.&-]*\s+){0,4}[A-Z][\w.&-]*['’]s?\s+(?=[A-Z])", re.IGNORECASE)
# Where and when a report was sent from, glued to the name of who sent it.
CITIES: Final = (
    "北京|上海|天津|重庆|重慶|广州|廣州|深圳|香港|澳门|澳門|台北|臺北|台中|臺中|台南|高雄|新北|桃园|桃園|新竹|南京|武汉|武漢|成都|西安|沈阳|"
    "瀋陽|东京|東京|大阪|首尔|首爾|平壤|华盛顿|華盛頓|纽约|紐約|洛杉矶|洛杉磯|旧金山|舊金山|芝加哥|伦敦|倫敦|巴黎|柏林|莫斯科|布鲁塞尔|布魯塞爾|日内瓦|"
    "日內瓦|新加坡|吉隆坡|曼谷|河内|河內|马尼拉|馬尼拉|雅加达|雅加達|新德里|悉尼|雪梨|堪培拉|渥太华|渥太華|多伦多|多倫多|温哥华|溫哥華"
)
PLACES: Final = rf"(?:{CITIES}|[\u4e00-\u9fff]{{2}})"
SENT: Final = re.compile(
    rf"^(?P<name>(?:欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|司徒|东方|東方|皇甫|尉迟|尉遲|公孙|公孫|慕容|夏侯|令狐)?[\u4e00-\u9fff]{{2,3}}?)"
    rf"{PLACES}?(?:\d{{1,2}}月)?(?:\d{{1,2}}日)?(?:综合|綜合|現場|现场|特稿|专|專)?(?:电|電|报道|报导|報道|報導|讯|訊)$"
)
PLACED: Final = re.compile(rf"(?<=[A-Za-z])\s?(?:{CITIES})$")
# Between the parts of a name these stand for where its bearers came from.
PARTICLE: Final = re.compile(r"(?:von|di|av|af)\s*", re.IGNORECASE)
WITHIN_NAME: Final = re.compile(
    r"\b(?!(?:Artikel|Beitrag|Text|Bericht|Kommentar|Interview|Analyse|Kolumne|Essay|Rezension|Reportage|Autor|Uhr|Post|"
    r"Articolo|Testo|Tekst|Foto|Erstellt|Geschrieben|Veröffentlicht|Publiziert|Verfasst|Gepostet|Eingestellt)\b)(?-i:[A-ZÀ-Þ])[a-zà-ÿ'’-]+\s$"
)
# What joins a name to one that was cut off.
LEFT_OPEN: Final = re.compile(r"\s+(?:with|and|und|et|avec|con|mit)$")
# As a clipper of notes gives an author, so that a note may be about each.
NOTE_OF: Final = re.compile(r"\[\[([^\[\]]+)\]\]")
DOMAIN: Final = re.compile(r"(?:[\w-]+\.)+(?:com|org|net|info|news|[a-z]{2})", re.IGNORECASE)
LETTER: Final = re.compile(r"[^\W\d_]")
# What an outlet's system has behind a name: the number of who pressed the button.
CODE: Final = re.compile(r"(?<=[\u4e00-\u9fff])[\s_/]*[A-Za-z]{1,4}[0-9]{2,8}$")
# Where links lead that name no person.
SECTION: Final = re.compile(
    r"[/?&](?:categor(?:y|ies|ie|ia|ias)|kategorien?|cat|tags?|topics?|themen?|sections?|sujets?|rubri(?:k|que|c)s?|"
    r"channels?|columns?)[/=]",
    re.IGNORECASE,
)
CAPITALS: Final = re.compile(r"[A-ZÀ-Þ][A-ZÀ-Þ.'’-]+(?: [A-ZÀ-Þ][A-ZÀ-Þ.'’-]*)+")
VOWELS: Final = frozenset("AEIOUYÀÁÂÃÄÅÆÈÉÊËÌÍÎÏÒÓÔÕÖØÙÚÛÜÝ")
SENTENCE: Final = re.compile(
    r"^(?:View (?:[Aa]uthor|[Aa]ll|[Pp]rofile)|See [Aa]ll|More (?:[Aa]bout|[Ff]rom|[Bb]y))\b|"
    r"[时時][间間]$|\b(?:the|of|to)$|\b(?:is|was|are|were|has|have)\s|[，。！？“”《》：:!?→↗➔»›]|\.\s+[A-Z][a-z]+ [a-z]"
)
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
    return SEPARATOR.join(one.name for one in contributors_of((), bylines) if one.role == TEXT) or None


def contributors_of(
    stated: Iterable[tuple[str, str]], bylines: Iterable[str], is_label: Callable[[str], bool] = lambda _: False,
    *, or_label: bool = False, spaced: bool = False,
) -> tuple[Contributor, ...]:  # fmt: skip
    """Who made an article, writers first: whom a header or a page states, each with a role, else whom the first byline
    names as writers; and whom bylines name for something else. `is_label` tells names of the outlet itself,
    which count where `or_label` is so and nobody else is named. Where names are `spaced`, as in Japanese, a space
    between two short words is a part of one name.

    >>> contributors_of([("林帆", "text")], ["文：林帆　图：乔一苇"])
    (Contributor(name='林帆', role='text'), Contributor(name='乔一苇', role='photo'))
    """
    if spaced:
        stated = [(SPACED.sub(JOINED_NAME, text), role) for text, role in stated]
        bylines = [SPACED.sub(JOINED_NAME, line) for line in bylines]
    every = [one for text, role in stated for one in _stated(text, role)]
    said = [one for one in every if not is_label(one.name)]
    lines = [people_in(without_permission(line.strip())) for byline in bylines for line in byline.split("\n")]
    writers = [one for one in said if one.role == TEXT]
    writers = [one for one in writers if not IS_JOB.fullmatch(one.name)] or writers
    named = [[one for one in line if one.role == TEXT and not is_label(one.name)] for line in lines]
    if not writers:
        writers = next(filter(None, named), [one for one in every if one.role == TEXT and or_label])
    # A statement often leaves out whom the byline has beside the first, and rightly for whom they write.
    printed = ([one for one in line if not _is_organisation(one.name)] for line in named)
    writers = next((line for line in printed if set(writers) < set(line)), writers) if writers else writers
    others = [one for one in (*said, *(one for line in lines for one in line)) if one.role != TEXT]
    found = (*writers, *others)
    if spaced:
        found = tuple(one._replace(name=one.name.replace(MIDDLE_DOT, " ")) for one in found)
    return tuple(dict.fromkeys(found))


def credits_of(value: Any, role: str = TEXT) -> tuple[tuple[str, str], ...]:
    """Texts that name people, each with a role, in a value of front matter or JSON: a text, a map with a name, or a
    list of these."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(one for item in value for one in credits_of(item, role)))
    if isinstance(value, Mapping):
        said = {str(key).lower(): item for key, item in value.items()}
        done = " ".join(str(said[key]) for key in ("role", "job", "contribution") if isinstance(said.get(key), str))
        return credits_of(said.get("name"), _role_of(done) or role)
    if value is None or isinstance(value, bool):
        return ()
    text = " ".join(NOTE_OF.sub(r"\1", str(value)).split())
    return ((text, role),) if text else ()


def credits_in(said: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Whom the keys of front matter or JSON-LD name that are no authors."""
    return tuple(one for key, role in KEYS.items() if key in said for one in credits_of(said[key], role))


def names_nobody(author: str | None) -> bool:
    """Whether what is stated as an author is what a scraper or a system writes where it knows none."""
    return author is None or author.strip().lower() in NOBODY or LETTER.search(author) is None


def reports(text: str) -> bool:
    """Whether a text is a reporter's name and nothing but who, where and when."""
    return "者" in text and REPORT.fullmatch(BESIDE.sub("", text).strip(BRACKETS)) is not None


def beside_sections(text: str, links: Iterable[Link]) -> str:
    """A byline with line ends for the links to sections and topics that stand beside its names."""
    for link in sorted(links, key=lambda one: -one.start):
        if SECTION.search(link.href):
            text = f"{text[: link.start]}\n{text[link.end :]}"
    return text


@lru_cache(maxsize=4096)
def people_in(line: str) -> tuple[Contributor, ...]:
    """The people whom one line of a byline names, each once for each role."""
    if not line or len(line) > LONGEST_LINE or parse_dateline(line, UTC_ZONE) is not None:
        return ()
    rest = BESIDE.sub(" ", GLUED_BY.sub("By ", line)).strip()
    if re.search(r"\d", line) and SENT_FROM.fullmatch(rest) and not _is_organisation(rest):
        return ()
    line = WIDE.sub(" ", re.sub("(?<=[A-Za-z])：", ":", rest))
    if contributed := CONTRIBUTED.match(line):
        return _people(POSSESSIVE.sub("", contributed["names"]), ("contribution",), labelled=False)
    if contributed := CONTRIBUTED_HAN.fullmatch(line.strip(BRACKETS)):
        return _people(re.sub(f".*(?:{_REPORTER})", "", contributed["names"]), ("contribution",), labelled=True)
    if line[:1] in BRACKETS:
        line = line.strip(BRACKETS)
    return tuple(dict.fromkeys(_behind(line) or _before(line)))


def _stated(text: str, role: str) -> tuple[Contributor, ...]:
    """Whom a statement names: as a byline, else the text as it is."""
    if names_nobody(text := without_permission(text.strip())):
        return ()
    found = tuple(one._replace(role=role) if one.role == TEXT else one for one in people_in(text))
    return found or (Contributor(text.strip(), role),)


def _labels(line: str) -> list[tuple[re.Match[str], tuple[str, ...]]]:
    found = []
    for match in LABEL.finditer(line):
        word = match["word"] or match["short"] or match["reporter"]
        # A colon that makes a label of a word, as in `编辑部：`, belongs to a longer one.
        if word and not match["reporter"] and CUT.match(line, match.start() + len(word)):
            continue
        if PARTICLE.fullmatch(match[0]) and WITHIN_NAME.search(line[: match.start()]):
            continue
        found.append((match, _roles_of(word) if word else (str(match.lastgroup),)))
    return found


def _before(line: str) -> list[Contributor]:
    """People with what they did before their names."""
    labels = _labels(line)
    found: list[Contributor] = []
    if not labels:
        return list(_people(line, (TEXT,), labelled=False))
    first = labels[0][0]
    says_text = any(TEXT in roles for _, roles in labels)
    if not says_text:
        found += _people(line[: first.start()], (TEXT,), labelled=False)
    ends = [match.start() for match, _ in labels[1:]] + [len(line)]
    for number, ((match, roles), end) in enumerate(zip(labels, ends, strict=True)):
        names = line[match.end() : end]
        following = labels[number + 1][0] if number + 1 < len(labels) else None
        if following is not None and following["reporter"] and names and not names[-1:].isspace():
            # An outlet stands glued to its reporter.
            names = re.sub(r"[^\s、，,；;]+$", "", names)
        found += _people(names, roles, labelled=True)
    return found or list(_people(line[: first.start()], (TEXT,), labelled=False))


def _behind(line: str) -> list[Contributor]:
    """People with what they did behind their names, if that is so to the line's end."""
    labels = _labels(line)
    if labels and labels[0][0].start() == 0:
        return []
    found: list[Contributor] = []
    position = 0
    while position < len(line):
        match = AFTER.match(line, position)
        if match is None or match.end() == position:
            return []
        names = _people(match["names"], _roles_of(match["word"]), labelled=False)
        if not names or LABEL.search(match["names"]):
            return []
        found += names
        position = match.end()
    return found


def _roles_of(word: str) -> tuple[str, ...]:
    parts = [part for part in re.split(r"\s*[、/／&＆+和及与與·・:：|｜丨︱]\s*", word) if part in ROLES]
    found = tuple(dict.fromkeys(role for part in parts or [word] for role in ROLES.get(part, ())))
    # Who asks for a text writes it.
    return tuple(role for role in found if role != "interview") if TEXT in found else found


def _role_of(done: str) -> str | None:
    """The role that a word such as `Translator` means."""
    for role in (role for role in DONE_BY if role != TEXT):
        words = "|".join(re.findall(r"[a-z]{5}", DONE_BY[role]))
        if done and (re.match(words, done.lower()) or ROLES.get(done.strip(), ("",))[0] == role):
            return role
    return None


def _people(text: str, roles: Sequence[str], *, labelled: bool) -> tuple[Contributor, ...]:
    return tuple(Contributor(name, role) for name in _names(text, labelled=labelled) for role in roles)


def _names(text: str, *, labelled: bool) -> list[str]:
    """The names in what stands beside a label, or alone."""
    if ORGANISED.search(text) and len(text) <= LONGEST_NAMES:
        return [text.strip(ENDS)]
    text = LEFT_OPEN.sub("", NAME_END.split(text.strip(ENDS), maxsplit=1)[0].strip(ENDS))
    if not text or len(text) > LONGEST_NAMES:
        return []
    text = FIRST_NAMES.sub(r"\1, \2", text)
    if text.isascii():
        text = GLUED_JOB.sub("", text)
    parts: list[tuple[str, bool]] = []
    joined = True
    position = 0
    for match in (*NAMES.finditer(text), None):
        part = text[position : match.start() if match else len(text)]
        parts += [(piece, joined) for piece in (part.split() if HAN_NAMES.fullmatch(part.strip()) else [part])]
        if match:
            joined, position = match["part"] in (None, "、"), match.end()
    found: list[str] = []
    organisations: list[str] = []
    for part, joined in parts:
        name = _name(part)
        if name.lower().replace(".", "") in NOT_NAMES["credentials"] and found:
            found[-1] += f", {name}"
        elif not name or names_nobody(name) or any(map(str.isdigit, name)) or (found and IS_JOB.fullmatch(name)):
            continue
        elif not labelled and not _is_like_a_name(name):
            return []
        elif _is_organisation(name) and not (joined and found):
            organisations.append(name)
        else:
            found.append(name)
    # A scraper that joins a name and its link gives every name twice.
    return list(dict.fromkeys(found or organisations))


def _name(part: str) -> str:
    """A name as people write it: without office and place, not in capitals."""
    part = part.strip(ENDS.replace(".", "") + "‘’'\"“”")
    half = part[: len(part) // 2]
    part = half if " " in half and part in (half + half, f"{half} {half}") else part
    part = CODE.sub("", PLACED.sub("", GLUED_AGENCY.sub("", BEFORE_PLACE.sub("", part))))
    if sent := SENT.match(part):
        part = sent["name"]
    if not IS_JOB.fullmatch(part):
        part = OFFICE.sub("", part).strip(ENDS.replace(".", ""))
    part = re.sub(rf"\s+(?:{'|'.join(job for job in JOBS if not job.isascii())})$", "", part)
    part = re.sub(r"^(?:기자|칼럼니스트|특파원)\s+", "", part)
    if not CAPITALS.fullmatch(part):
        return part
    return " ".join(word.title() if VOWELS & set(word) else word for word in part.split())


def _is_organisation(name: str) -> bool:
    return name.lower() in ORGANISATIONS or bool(IS_ORGANISATION.match(name) or DOMAIN.fullmatch(name))


def _is_like_a_name(name: str) -> bool:
    """Whether a text that no label announces may be a name."""
    is_short = len(name.split()) <= MOST_WORDS and (len(name) <= LONGEST_HAN or name[0].isascii() or "·" in name)
    return is_short and not SENTENCE.search(name)
