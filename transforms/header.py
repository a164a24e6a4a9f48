"""Reads the header of a source: which dialect it is, what it says, and where the body starts.

Owns what stands at the top of a source, but for front matter, whose block `front_matter.py` reads. Refuses nothing
about the body. Takes time in proportion to the source.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pressmark.schemas.contract import Reason
from pressmark.transforms.dates import parse_date
from pressmark.transforms.front_matter import BELOW, PROBLEM, FrontMatter, read_front_matter
from pressmark.transforms.header_keys import AUTHORS, DATES, TITLES, UNDERSTOOD, URLS, folded
from pressmark.transforms.records import Header, RecordFacts

__all__ = [
    "NO_HEADER", "NO_LINES", "BadSource", "commented_header", "read_header", "record_header", "stated_at_top",
]  # fmt: skip

LINE_END: Final = r"(?:\r\n|\n|\r)"
SPACES: Final = r"[ \t]*"
EPOCH: Final = re.compile(rf"\s*<!--([^\r\n]*?)-->{SPACES}{LINE_END}?\s*")
# Titles with line ends in them are real, so the header ends at the first line of dashes.
TITLE: Final = re.compile(
    rf"\s*\[(?P<line>.{{0,8000}}?)\){SPACES}{LINE_END}\s*?-{{3,}}{SPACES}(?={LINE_END}|<|\Z)"
    rf"(?:{LINE_END}(?:{SPACES}{LINE_END})?)?",
    re.DOTALL,
)
LINK: Final = re.compile(r"<([^<>\s]+)>|(https?://[^\s\"']+)[ \t]+(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
EPOCH_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,18}")
NO_HEADER: Final = (
    "the file starts with neither `[TITLE](URL)` and a line of dashes, nor a comment with the time before these, nor "
    "front matter between `---` lines, and is no whole HTML page; put its title, date and address between `---` lines "
    "before it, or exclude it"
)
NO_LINES: Final = (
    "this is markup without a header, and neither what stands at its top nor its path says when or where it was "
    "published; put its title and date between `---` lines before it, as Markdown has them"
)
# What else a file may be by how it starts, and what to do with that.
OTHERS: Final = tuple((re.compile(start), said) for start, said in (
    (r"version https://git-lfs\.github\.com/spec/",
     "this is a pointer of Git LFS and not the file; fetch the file with `git lfs pull`"),
    (r"[\s\ufeff]*+(?:<\?xml|<(?i:rss|feed|rdf:RDF|urlset|sitemapindex|nitf|newsItem|newsMessage|NewsML|mediawiki|opml|docs?"
     r"|reuters|!doctype (?!html))\b)",
     "this is XML or SGML, such as a feed, an export, an agency's NITF or NewsML or a site map, and no page; write its "
     "articles as JSON Lines"),
    (r"(?:From [^\n]{1,300}\n)?(?:[A-Z][\w-]{1,40}: [^\n]{0,1000}\n(?:[ \t][^\n]{0,1000}\n)?){0,20}"
     r"(?i:MIME-Version|Content-Type|Subject): ",
     "this is a message, or a page saved as MHTML; name the page `.mhtml`, and write messages as JSON Lines"),
    (r"[\s\ufeff]*+\{\s*+\"log\"\s*+:\s*+\{\s*+\"(?:version|creator|pages|entries)\"",
     "this is a HAR, as browsers save their traffic; make a WARC of it, as `har2warc` does"),
    (r"HTTP/[0-9.]{1,4} [0-9]{3}", "this has the headers of HTTP before its page; take them off, or make a WARC of it"),
    (r"(?:WEBVTT\b|\s*+1\r?\n\d\d:\d\d:\d\d[,.]\d)", "these are subtitles; exclude them"),
    (r"[\s\ufeff]*+(?:\{\{\w[^{}\n]{0,400}(?:\||\}\})|\{\||\[\[\w{1,20}:|={2,6}[^=\n]{1,200}={2,6}\s*\n|'{3}\w)",
     "this is wikitext, as of MediaWiki or DokuWiki; convert it to Markdown, as `pandoc` does, with title and date "
     "between `---` lines before it"),
    (r"[\s\ufeff]*+(?:<!--\s*)?\.\. (?:title|slug|date): ",
     "this is a header of Nikola; put title and date between `---` lines before the article's Markdown or HTML"),
    (r"[\s\ufeff]*+\[\s*+[\[{\"]",
     "this is a JSON list, or a broken one; name it, or its folder where that is no repository, or write one object on "
     "a line of a `.jsonl` file, as `jq -c '.[]'` does"),
    (r"[\s\ufeff]*+\{(?![{%#])",
     "this is one JSON document, or a broken one; name it, or its folder where that is no repository, or write one "
     "object on a line of a `.jsonl` file, as `jq -c . *.json` does, or `jq -c '.KEY[]'` of a list under a key"),
    (r"[\s\ufeff]*+---[ \t]*\r?\n", "its front matter has no closing `---` line, or no key that can be read; mend it"),
    (r"(?s)(?=.{0,2000}\0)", "these are no characters of a text; exclude it"),
    (r"[\s\ufeff]*+[a-z_]{1,40}:[^\n]{0,400}\n---[ \t]*\r?\n",
     "this is a page of Lektor; put its fields between two `---` lines, and its body behind them"),
    (r"[\s\ufeff]*+(?i:title|date|authors?|slug|category|tags|status|modified|lang): [^\n]{0,1000}\n\w[\w-]{0,40}:",
     "its header is no lines of a key and a value, `title` among the keys, with an empty line or `---` behind; mend "
     "it, put it between `---` lines, or name the title's key, as `--map title=headline` does"),
    (r"\s*+(?:\.\. |:[A-Za-z]+: |(?:[#*=~-]{3,}[ \r]*+\n)?[^\n]{1,300}\n[#*=~-]{3,}[ \r]*+\n\s*+:[A-Za-z]+: )",
     "this is reStructuredText; convert it to Markdown, with front matter"),
    (r"\s*+(?:= \S[^\n]{0,300}\n(?:[^\n:]{0,300}\n){0,3}:[\w-]{1,40}!?:|={1,2} \S[^\n=]{0,300}\n\s*+[^\s=])",
     "this is AsciiDoc; convert it to Markdown, with front matter"),
    (r"(?:\# [^\n]{0,300}\n){0,3}\#\+[A-Za-z_]{1,40}:",
     "this is an Org file; convert it to Markdown, with front matter"),
    (r"\s*+(?:[^\n]{1,300}\n(?:={3,}|~{3,}|-{3,})\s*\n|#{1,6} )", NO_LINES),
    (r"\s*+(?:import\s[^\n]{1,300}[\"'];?[ \t]*\r?\n|export\s(?:const|default|function)\s|\{/\*)",
     "this is MDX without front matter; put its title and date between `---` lines before it"),
    (r"(?:[\w \"-]{1,40}[,;\t](?! )){2,99}[\w \"-]{1,40}\r?\n",
     "this looks like a table (CSV); write its rows as JSON Lines"),
    (r"(?:[^\n]{0,300}\n){1,12}\# ", NO_LINES),
))  # fmt: skip
# A header without lines around it is lines of a key and a value, and then one of dashes, as Hexo may have it, or an
# empty one, as Pelican, MultiMarkdown and many a scraper have it.
LINE: Final = re.compile(r"(?P<said>[^\r\n]*+)(?:\r\n|\n|\r|\Z)")
SAYS: Final = re.compile(r"(?P<key>[^\W\d][\w.-]{0,39}(?: [\w.-]{1,40})?)[ \t]*[:：](?!//)[ \t]*(?P<value>.*)")
# A text without a header may say the same in its first lines, as scrapers and translators set them around its title:
# `**Published:** 2031-03-04 | **Source:** [a](b)`.
TOLD: Final = re.compile(
    r"[ \t>*+-]*?(?:\*\*|__)?([^\W\d][\w .-]{0,39}?)[ \t]*+(?:\*\*|__)?+[ \t]*+[:：](?!//)(?:\*\*|__)?[ \t]*(\S.*)"
)
BESIDE: Final = re.compile(r"(?<![ \t])[ \t]+[|｜·•][ \t]+(?=\*\*|__)")
LINKED: Final = re.compile(r"\[([^\[\]]*)\]\(([^\s()]*(?:\([^\s()]*\)[^\s()]*)*)[^()]*\)|<(https?://[^<>\s]+)>")
TITLE_OR_RULE: Final = re.compile(r"\# .*|[=-]{3,}[ \t]*")
MOST_TOLD, LONGEST_TOLD = 14, 600
ADDRESSES: Final = frozenset(map(folded, URLS))
LONGEST_HEADER: Final = 1 << 14
LEAST_SAID: Final = 2
OPENING_BRACE: Final = re.compile(r"[\s\ufeff]*+\{")
NEXT_OBJECT: Final = re.compile(r"\s*+\{\s*+\"")
JSON_LINES: Final = "these are JSON Lines; let the file's name end in `.jsonl`, or exclude it"
BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
# Elements within a line, as some write them in titles.
INLINE: Final = re.compile(r"</?(?:ruby|rb|rt|rp|em|i|b|strong|u|s|small|sup|sub|span|mark|wbr)(?:\s[^<>]{0,400})?/?>")
AUTHORS_SEPARATOR: Final = "、"
# What a capture says of a page's removal, of the account that published it, and of when it was made.
REMOVED_AT: Final = ("removed_at", "censored_date", "deleted_at", "removed_date", "deleted_date")
REMOVED_REASONS: Final = ("removed_reason", "censored_msg", "deleted_reason", "removed_msg", "deleted_msg")
ACCOUNTS: Final = ("nickname", "account", "account_name")
CREATED: Final = ("created_at", "publish_time", "pub_time")
EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadSource(Exception):
    """This source is no article: becomes a reject. `position` is a code point of the decoded source."""

    def __init__(self, reason: Reason, detail: str, position: int) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.position = position


def read_header(text: str, keys: Sequence[tuple[str, str]] = ()) -> Header:
    """The header of a decoded source.

    Raises `BadSource` with `no_header` where none of the dialects fits, and with `bad_timestamp` where the
    header's time is none and front matter has no date.

    >>> read_header("[A &amp; B](https://news.example/a)\\n------\\n<p>Text</p>").title
    'A & B'
    """
    front = read_front_matter(text, keys)
    if front is not None:
        if OPENING_BRACE.match(text) and not text[front.end :].strip():
            raise BadSource("no_header", _other(text), 0)
        if OPENING_BRACE.match(text) and NEXT_OBJECT.match(text, front.end):
            raise BadSource("no_header", JSON_LINES, 0)
        return _front_matter(text, front)
    epoch = EPOCH.match(text)
    line = _title_line(text, epoch.end() if epoch else 0)
    if line is None and epoch is None and (front := _unfenced(text, keys)) is not None:
        return _front_matter(text, front)
    if line is None:
        raise BadSource("no_header", _other(text), 0)
    header_at = _epoch_time(epoch[1]) if epoch else None
    if epoch and header_at is None:
        problem = "the comment in the header is no time in milliseconds between the years 1 and 9999"
        raise _no_time(problem, epoch)
    title, url, body_start = line
    return Header(
        dialect="comment" if epoch else "bare",
        title=_clean_title(title),
        url=_address(url) or None,
        author=None,
        header_at=header_at,
        front_matter_at=None,
        body_start=body_start,
    )


def stated_at_top(text: str, keys: Sequence[tuple[str, str]] = ()) -> Header:
    """What the first lines of a text without a header say by the keys of one; all of it is body.

    >>> stated_at_top("# Lamps\\n\\n**Author:** Ada Reed\\n> Link: <https://a.example/b>\\n\\nNote: text").url
    'https://a.example/b'
    """
    said: dict[str, str] = {}
    mapped = {key: field for field, key in keys}
    lines = [line.strip() for line in text[:LONGEST_HEADER].splitlines() if line.strip()][:MOST_TOLD]
    for index, line in enumerate(lines):
        if len(line) > LONGEST_TOLD:
            break
        told = [TOLD.fullmatch(part) for part in BESIDE.split(line)]
        if index > 0 and not all(told) and not TITLE_OR_RULE.fullmatch(line):
            break
        for key, value in (one.groups() for one in told if one):
            if (name := folded(mapped.get(key, key))) not in UNDERSTOOD:
                continue
            linked = LINKED.search(value) if name in ADDRESSES else None
            said.setdefault(key, (linked[2] or linked[3]) if linked else LINKED.sub(r"\1\3", value))
    front = read_front_matter(json.dumps(said), keys)
    if front is None:
        return Header("front_matter", "", None, None, None, None, 0)
    # A site's front page is no article, whatever it is called.
    return _front_matter("", front._replace(url=front.url if BELOW.match(front.url or "") else None, end=0))


def _unfenced(text: str, keys: Sequence[tuple[str, str]]) -> FrontMatter | None:
    """What the lines of keys and values say that a text begins with: a title, and something else that is understood.
    It is text, or, where a line of dashes ends them, YAML."""
    start = position = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    said: list[list[str]] = []
    while (line := LINE.match(text, position)) and line["said"].strip().strip("-"):
        found = SAYS.fullmatch(line["said"].rstrip())
        if found:
            said.append([found["key"], found["value"]])
        elif said and line["said"].startswith((" ", "\t", "- ")):
            said[-1][1] += f" {line['said'].strip()}"
        else:
            return None
        position = line.end()
        if position - start > LONGEST_HEADER:
            return None
    mapped = {key: field for field, key in keys}
    names = {folded(mapped.get(key, key)) for key, _ in said}
    if not names.intersection(TITLES) or len(names & UNDERSTOOD) < LEAST_SAID or line is None or position == len(text):
        return None
    block = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in said) + "}"
    if line["said"].strip():
        block = f"---\n{text[start:position]}---\n"
    front = read_front_matter(block, keys)
    return front and front._replace(end=line.end(), positions={})


def _other(text: str) -> str:
    """What a text without a header is, and what to do with it."""
    return next((said for start, said in OTHERS if start.match(text)), NO_HEADER)


def _address(url: str) -> str:
    """The address of a link as Markdown writes it: in `<>`, or with a title in quotation marks behind it."""
    found = LINK.fullmatch(url)
    return url if found is None else found[1] or found[2]


def record_header(facts: RecordFacts) -> Header:
    """The header of a record, whose payload is all body: what the record says, by the keys of front matter."""
    front = read_front_matter(facts.said) if facts.said else None
    if front is None:
        return Header("record", "", facts.url, None, None, None, 0)
    at = front.date if isinstance(front.date, datetime) and front.date.tzinfo else None
    found = _front_matter("", front._replace(url=front.url or facts.url, date=None if at else front.date, end=0))
    return found._replace(dialect="record", header_at=at)


def commented_header(said: dict[str, Any], body_start: int, keys: Sequence[tuple[str, str]] = ()) -> Header:
    """The header that a JSON object in a comment is, with what became of the page."""
    said = dict(said)
    removed_at, removed_reason = (_taken(said, keys) for keys in (REMOVED_AT, REMOVED_REASONS))
    moment = parse_date(removed_at) if removed_at else None
    if removed_at and moment is None:
        said[REMOVED_AT[0]] = removed_at
    if not said.keys() & set(AUTHORS) and (account := _taken(said, ACCOUNTS)):
        said["author"] = account
    if not said.keys() & set(DATES) and (created := _taken(said, CREATED)):
        said["date"] = created
    front = read_front_matter(json.dumps(said, ensure_ascii=False), keys)
    found = Header("json_comment", "", None, None, None, None, 0) if front is None else _front_matter("", front)
    url = found.url or next((str(said[key]) for key in URLS if key in said and "." in str(said[key])), None)
    return found._replace(
        dialect="json_comment",
        url=url if url is None or "://" in url else f"https://{url}",
        metadata=_without(found.metadata, URLS) if url else found.metadata,
        removed_at=_in_utc(moment),
        removed_reason=removed_reason,
        body_start=body_start,
    )


def _taken(said: dict[str, Any], keys: Sequence[str]) -> str | None:
    """What the first of some keys says, which is taken out."""
    key = next((key for key in keys if isinstance(said.get(key), str) and said[key].strip()), None)
    return None if key is None else str(said.pop(key)).strip()


def _without(metadata: str | None, keys: Sequence[str]) -> str | None:
    left = {key: value for key, value in json.loads(metadata or "{}").items() if key not in keys}
    return json.dumps(left, ensure_ascii=False, sort_keys=True) if left else None


def _in_utc(moment: datetime | date | None) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _title_line(text: str, start: int) -> tuple[str, str, int] | None:
    """Title, URL, and the end of the line of dashes; the last `](` parts title and URL, as titles hold brackets."""
    match = TITLE.match(text, start)
    title, parted, url = match["line"].rpartition("](") if match else ("", "", "")
    return (title, url.strip(), match.end()) if match and parted else None


def _front_matter(text: str, front: FrontMatter) -> Header:
    epoch = EPOCH.match(text, front.end)
    inner = _title_line(text, epoch.end() if epoch else front.end)
    header_at = _epoch_time(epoch[1]) if epoch and inner else None
    if epoch and inner and header_at is None and front.date is None:
        raise _no_time("neither header nor front matter has a time", epoch)
    title, url, body_start = inner or ("", "", front.end)
    people = tuple((name, role) for text, role in front.credits if (name := _clean_title(text)))
    said = front.metadata | ({PROBLEM: front.problem} if front.problem else {})
    return Header(
        dialect="front_matter",
        title=_clean_title(front.title or title),
        url=front.url or url or None,
        author=AUTHORS_SEPARATOR.join(name for name, role in people if role == "text") or None,
        header_at=header_at,
        front_matter_at=front.date,
        body_start=body_start,
        description=front.description,
        tags=front.tags,
        categories=front.categories,
        metadata=json.dumps(said, ensure_ascii=False, sort_keys=True) if said else None,
        stated_day=front.stated_day if header_at is None else None,
        credits=people,
    )


def _no_time(problem: str, epoch: re.Match[str]) -> BadSource:
    said = epoch[1].strip(" \t")
    return BadSource("bad_timestamp", f"{problem}: `{said[:80]}`", epoch.start(1) + epoch[1].index(said))


def _clean_title(title: str) -> str:
    title = INLINE.sub("", title)
    # A reference with more digits than a number may have is none.
    with suppress(ValueError):
        title = html.unescape(title)
    return " ".join(BREAK.sub(" ", title).split())


def _epoch_time(digits: str) -> datetime | None:
    """UTC time of a number of milliseconds, or None. Scrapers write `NaN` where they found no time."""
    digits = digits.strip(" \t")
    try:
        return EPOCH_START + timedelta(milliseconds=int(digits)) if EPOCH_DIGITS.fullmatch(digits) else None
    except OverflowError:
        return None
