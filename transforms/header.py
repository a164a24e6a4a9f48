"""Reads the header of a source: which dialect it is, what it says, and where the body starts.

Owns the three dialects. Refuses nothing about the body.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from pressmark.schemas.contract import Reason
from pressmark.transforms.dates import parse_timestamp
from pressmark.transforms.records import Header

__all__ = ["BadSource", "read_header"]

LINE_END: Final = r"(?:\r\n|\n|\r)"
SPACES: Final = r"[ \t]*"
EPOCH: Final = re.compile(rf"\s*<!--{SPACES}([^\r\n]*?){SPACES}-->{SPACES}{LINE_END}?\s*")
# Titles with line ends in them are real, so the header ends at the first line of dashes.
TITLE: Final = re.compile(
    rf"\s*\[(?P<line>.{{0,8000}}?)\){SPACES}{LINE_END}\s*?-{{3,}}{SPACES}(?={LINE_END}|<|\Z)"
    rf"(?:{LINE_END}(?:{SPACES}{LINE_END})?)?",
    re.DOTALL,
)
FRONT_MATTER: Final = re.compile(
    rf"\s*---{SPACES}{LINE_END}(?P<block>.*?)(?:(?<=\n)|(?<=\r))---{SPACES}(?:{LINE_END}|\Z)", re.DOTALL
)
FRONT_MATTER_LINE: Final = re.compile(r"^([A-Za-z_][\w-]*):[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
YAML_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
YAML_WHITE_SPACE: Final = {"n": "\n", "t": "\t", "r": "\r", "_": "\xa0", "0": ""}
EPOCH_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,18}")
LARGE_FILE_START: Final = "version https://git-lfs.github.com/spec/"
LARGE_FILE: Final = "this is a pointer of Git LFS and not the file; fetch the file with `git lfs pull`"
NO_HEADER: Final = (
    "the file starts with neither `[TITLE](URL)` and a line of dashes, nor a comment with the time before these, nor "
    "front matter between `---` lines; exclude it or mend its header"
)
EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadSource(Exception):
    """This source is no article: becomes a reject. `position` is a code point of the decoded source."""

    def __init__(self, reason: Reason, detail: str, position: int) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.position = position


def read_header(text: str) -> Header:
    """The header of a decoded source.

    Raises `BadSource` with `no_header` where none of the dialects fits, and with `bad_timestamp` where the
    header's time or front matter's date is none.

    >>> read_header("[A &amp; B](https://news.example/a)\\n------\\n<p>Text</p>").title
    'A & B'
    """
    front = FRONT_MATTER.match(text)
    if front:
        return _front_matter(text, front)
    epoch = EPOCH.match(text)
    line = _title_line(text, epoch.end() if epoch else 0)
    if line is None:
        raise BadSource("no_header", LARGE_FILE if text.startswith(LARGE_FILE_START) else NO_HEADER, 0)
    header_at = _epoch_time(epoch[1]) if epoch else None
    if epoch and header_at is None:
        raise BadSource(
            "bad_timestamp",
            f"the comment in the header is no time in milliseconds between the years 1 and 9999: `{epoch[1][:80]}`",
            epoch.start(1),
        )
    title, url, body_start = line
    return Header(
        dialect="comment" if epoch else "bare",
        title=_clean_title(title),
        url=url or None,
        author=None,
        header_at=header_at,
        front_matter_at=None,
        body_start=body_start,
    )


def _title_line(text: str, start: int) -> tuple[str, str, int] | None:
    """Title, URL, and the end of the line of dashes; the last `](` parts title and URL, as titles hold brackets."""
    match = TITLE.match(text, start)
    title, parted, url = match["line"].rpartition("](") if match else ("", "", "")
    return (title, url.strip(), match.end()) if match and parted else None


def _front_matter(text: str, front: re.Match[str]) -> Header:
    fields: dict[str, tuple[str, int]] = {}
    for line in FRONT_MATTER_LINE.finditer(front["block"]):
        fields.setdefault(line[1].lower(), (_scalar(line[2]), front.start("block") + line.start(2)))
    date, date_position = fields.get("date", ("", 0))
    front_matter_at = parse_timestamp(date) if date else None
    if date and front_matter_at is None:
        raise BadSource("bad_timestamp", f"front matter's date is no date: `{date[:80]}`", date_position)
    epoch = EPOCH.match(text, front.end())
    inner = _title_line(text, epoch.end() if epoch else front.end())
    header_at = _epoch_time(epoch[1]) if epoch and inner else None
    if epoch and inner and header_at is None and front_matter_at is None:
        problem = f"neither header nor front matter has a time: `{epoch[1][:80]}`"
        raise BadSource("bad_timestamp", problem, epoch.start(1))
    title, url, body_start = inner or ("", "", front.end())
    return Header(
        dialect="front_matter",
        title=_clean_title(fields.get("title", ("", 0))[0] or title),
        url=fields.get("from", ("", 0))[0] or url or None,
        author=_clean_title(fields.get("author", ("", 0))[0]) or None,
        header_at=header_at,
        front_matter_at=front_matter_at,
        body_start=body_start,
    )


def _scalar(value: str) -> str:
    """A YAML scalar on one line: plain, single-quoted or double-quoted; `null` and `~` are nothing."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return YAML_ESCAPE.sub(_unescaped, value[1:-1])
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    return "" if value in ("null", "~") else value


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if not code:
        return YAML_WHITE_SPACE.get(escape[4], escape[4])
    try:
        character = chr(int(code, 16))
    except ValueError:
        return escape[0]
    # Half of a pair is no character; what a scraper cut in two stays as it was found.
    return escape[0] if "\ud800" <= character <= "\udfff" else character


def _clean_title(title: str) -> str:
    return " ".join(html.unescape(title).split())


def _epoch_time(digits: str) -> datetime | None:
    """UTC time of a number of milliseconds, or None. Scrapers write `NaN` where they found no time."""
    try:
        return EPOCH_START + timedelta(milliseconds=int(digits)) if EPOCH_DIGITS.fullmatch(digits) else None
    except OverflowError:
        return None
