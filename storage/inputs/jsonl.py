"""Reads JSON Lines: one record in a line, its payload under one key and what the others say beside; and JSON, a record
in each object. What is no object of JSON, is too long, or has no payload is a fault at its place in the unpacked file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from pressmark.storage.inputs.budget import LONGEST_LINE_BYTES
from pressmark.storage.inputs.unpacked import Broken, Unpacked
from pressmark.storage.inputs.warc import Fault, Found, LeftOut, Payload, fault_of, limited
from pressmark.transforms.front_matter import read_front_matter
from pressmark.transforms.header_keys import DATED, DATES, DESCRIPTIONS, ELSEWHERE, UNDERSTOOD, URLS, folded
from pressmark.transforms.records import Limits, RecordFacts

__all__ = ["CONTENT", "read_json", "read_json_lines", "suggested"]

# What a payload may be called, as keys are folded, with what it then is; where a line has several, the first counts.
CONTENT: Final[Mapping[str, str | None]] = MappingProxyType({
    "html": "text/html", "contenthtml": "text/html", "rawhtml": "text/html", "content": None, "body": None,
    "markdown": "text/markdown", "text": "text/plain", "fulltext": "text/plain", "contenttext": "text/plain",
    "maintext": "text/plain", "plaintext": "text/plain", "articlebody": "text/plain", "articletext": "text/plain",
})  # fmt: skip
# What is said by these alone is named in a suggestion too, so that who reads it sees where each field is.
USUAL: Final = UNDERSTOOD.difference(*ELSEWHERE.values())
# Of these an article has one; some scrapers write each value as a list.
SINGLE: Final = frozenset(map(folded, (*URLS, *DATES, *DESCRIPTIONS, "title", "headline")))
EPOCH: Final = re.compile(r"[0-9]{10}(?:[0-9]{3})?(?:\.[0-9]{1,9})?")
CHUNK_BYTES: Final = 1 << 20
# How a crawler's list of its pages begins, whose WARC files hold these.
PAGES: Final = re.compile(rb"\s*\{\s*\"format\"\s*:\s*\"json-pages-")
# What stands before, between and behind the objects of a file of JSON.
DECODER: Final = json.JSONDecoder()
BEFORE, BETWEEN = re.compile(r"\s*+\[?\s*+"), re.compile(r"\s*+,?\s*+(?:\]\s*+)?")
# A number of this size counts milliseconds.
MILLISECONDS_FROM: Final = 10**11
# Of what is said beside the payload, so much is read; where it is more, its short values.
MOST_SAID: Final = 1 << 18
LONGEST_SAID: Final = 1 << 12
# Keys that are named where none has a text.
MOST_KEYS, LONGEST_KEY = 12, 40
# A text of so many characters may be an article. Objects are looked into so deep for it.
SHORTEST_TEXT, DEEPEST = 60, 4
# An address, or the name of a file or a page.
NO_TEXT: Final = re.compile(r"\S{0,20}://|[!-~]+\Z")
# A line of a text that is wrapped is no longer than this, and seldom ends as a sentence does.
WRAPPED: Final = 120
ENDS_PARAGRAPH: Final = re.compile(r"[.!?…:。！？：।॥۔؟።។]['\"”’»」』）)\]]*$")
LINE_END: Final = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
BLANK_LINE: Final = re.compile(r"(?>\r\n|\n|\r)[ \t]*[\r\n]")
TABLE_OR_CODE: Final = re.compile(r"^(?:\||```|~~~|    \S)", re.MULTILINE)
TAGS: Final = re.compile(r"</?(?:p|div|br|h[1-6]|article)\b", re.IGNORECASE)
# How dumps call titles in other languages than English.
TITLES: Final = (
    r"t[ií]tulo|titre|titel|titolo|titlu|tytuł|judul|başlık|baslik|заголов(?:ок|ак)|назва(?:ние)?|عنوان|शीर्षक|제목|"
    r"標題|标题|題名|タイトル|tiêuđề|otsikko|rubrik|cím|titul(?:ek)?|naslov|τίτλος|כותרת"
)
# How dumps call the keys of fields, as they are folded, the surest first; and what the whole of a value has to be.
CALLED: Final = (
    ("url", (r"(?:web|page|article|source|original|canonical|news|post)?(?:url|link|uri|href|permalink)",), r"https?://\S+"),
    ("title", (r"\w*title", r"\w*headline", TITLES), r".{1,400}"),
    ("author", (r"\w*author\w*|byline\w*|writer|creator",
                r"autore?s?|auteurs?|penulis|yazar|автор|نویسنده|الكاتب|كاتب|작성자|기자"
                r"|作者|記者|记者|tácgiả|लेखक"), r"(?!https?:).{1,200}"),
    ("date", (r"\w*pub(?!lisher)\w*", r"\w*creat\w*(?<!or)", r"\w*date|\w*time(?:stamp)?|issued",
              r"data\w*|datum\w*|fecha\w*|tanggal\w*|tarih\w*|дата\w*"
              r"|veröffentlicht\w*|تاریخ|تاريخ|日期|日付|날짜|ngày\w*|तारीख"),
     r"(?=.*\d).{4,40}"),
)  # fmt: skip
IS_TITLE: Final = re.compile(rf"\w*title|\w*headline|{TITLES}")
NO_FIELD: Final = re.compile(
    r"modif|version|updat|crawl|scrap|fetch|warc|index|image|img|icon|thumb|avatar|api", re.IGNORECASE
)
# What names the form of a value, and not the value.
FORMS: Final = re.compile(r"\.(?:rendered|main|original|value)$")
# The reader of front matter takes several times as many.
FEW_OPEN, FEW_VALUES = 16, 1000


def read_json_lines(stream: Unpacked, limits: Limits, keys: Mapping[str, str]) -> Iterator[Found | LeftOut]:
    """The records of a file in their order; empty lines are none. `keys` says under which key of a line each field
    is; those that it does not name have their usual ones."""
    lists_pages: bool | None = None
    while True:
        place = str(stream.total)
        try:
            if not stream.total and stream.peek(3) == b"\xef\xbb\xbf":
                place = str(len(stream.read(3)))
            line = stream.readline(LONGEST_LINE_BYTES)
            if not line and not stream.next_member():
                return
            if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
                yield Found(place, None, _too_long(stream, line))
                continue
        except Broken as problem:
            yield Found(place, None, fault_of(f"{problem}; no more of the file is read"))
            return
        if line.strip():
            lists_pages = PAGES.match(line) is not None if lists_pages is None else lists_pages
            yield LeftOut("line of a list of pages") if lists_pages else Found(place, None, _read(line, limits, keys))


def read_json(stream: Unpacked, limits: Limits, keys: Mapping[str, str]) -> Iterator[Found | LeftOut]:
    """The records of a file that is an object of JSON, a list of objects, or some of them one after the other. A single
    object is the file itself, others are at their offsets. What has nothing like a text is left out."""
    data = stream.read(LONGEST_LINE_BYTES + 1)
    if len(data) > LONGEST_LINE_BYTES:
        yield Found("", None, fault_of(f"the file has more than {LONGEST_LINE_BYTES} bytes; write it as JSON Lines"))
        return
    try:
        text = data.decode()
        start = first = _behind(BEFORE, text, int(text.startswith("\ufeff")))
        offset = counted = 0
        while start < len(text):
            found, end = DECODER.raw_decode(text, start)
            follows = _behind(BETWEEN, text, end)
            alone = start == first and follows == len(text) and "[" not in text[:first]
            offset, counted = offset + len(text[counted:start].encode()), start
            place = "" if alone else str(offset)
            if _has_text(found, keys):
                yield Found(place, None, _payload(found, text[start:end].encode(), limits, keys, "object"))
            elif key := _list_of_texts(found, keys):
                detail = f"its records are a list under `{key}`; write that alone, as `jq '.{key}'` does"
                yield Found(place, None, fault_of(detail, text[start:end].encode(), reason="no_header"))
            else:
                yield LeftOut("JSON without a text")
            start = follows
    except UnicodeDecodeError as error:
        yield Found(
            "", None, fault_of(f"the file is no UTF-8 ({error.reason}); convert it", data, reason="invalid_utf8")
        )
    except RecursionError:
        yield Found("", None, fault_of("the file's values lie too deep in each other", data, reason="too_complex"))
    except ValueError as error:
        yield Found("", None, fault_of(f"the file is no JSON ({error}); mend or exclude it", data, reason="no_header"))


def _has_text(found: Any, keys: Mapping[str, str]) -> bool:
    """Whether a value is an object with a text, or with what may be one."""
    if not isinstance(found, dict):
        return False
    return _text(_value(found, _content(found, keys)[0])) is not None or suggested(found) != ""


def _list_of_texts(found: Any, keys: Mapping[str, str]) -> str | None:
    """The key under which an object has a list of objects with texts."""
    lists = found.items() if isinstance(found, dict) else ()
    return next((key for key, value in lists if isinstance(value, list) and value and _has_text(value[0], keys)), None)


def _behind(what: re.Pattern[str], text: str, start: int) -> int:
    found = what.match(text, start)
    return found.end() if found else start


def _too_long(stream: Unpacked, start: bytes) -> Fault:
    """The fault of a line whose start was read; goes past its end."""
    size = len(start)
    while part := stream.readline(CHUNK_BYTES):
        size += len(part)
        if part.endswith(b"\n"):
            break
    return Fault(
        "too_large", f"the line has {size} bytes, more than {LONGEST_LINE_BYTES}; split the file otherwise", None, size
    )


def _read(line: bytes, limits: Limits, keys: Mapping[str, str]) -> Payload | Fault:
    try:
        found = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return fault_of(f"the line is no UTF-8 ({error.reason})", line, reason="invalid_utf8")._replace(
            byte_offset=error.start
        )
    except RecursionError:
        return fault_of("the line's values lie too deep in each other", line, reason="too_complex")
    except ValueError as error:
        return fault_of(f"the line is no JSON ({error})", line, reason="no_header")
    if not isinstance(found, dict):
        return fault_of("the line is no JSON object; one record is expected in a line", line, reason="no_header")
    return _payload(found, line, limits, keys, "line")


def _payload(found: dict[str, Any], data: bytes, limits: Limits, keys: Mapping[str, str], what: str) -> Payload | Fault:
    key, media_type = _content(found, keys)
    content = _text(_value(found, key))
    if content is not None and media_type in (None, "text/plain"):
        content = _parted(content)
    if content is None:
        names = f"`{key}`" if key else "`html`, `text` or another usual key"
        has = ", ".join(f"`{name[:LONGEST_KEY]}`" for name in list(found)[:MOST_KEYS]) or "none"
        where = (not key and suggested(found)) or "html=KEY"
        detail = f"the {what} has no text under {names}, its keys are {has}; say where it is with `--map {where}`"
        return fault_of(detail, data, reason="no_header")
    if not content:
        return fault_of(f"the {what} has an empty text under `{key}`; fetch the page again", data, reason="empty_file")
    # Half of a pair of surrogates is no character; the parser then says so.
    payload = limited([content.encode("utf-8", "surrogatepass")], limits)
    if isinstance(payload, Fault):
        return payload
    return Payload(payload, RecordFacts(content_type=media_type, said=_said(_without(found, key), keys)))


def suggested(found: dict[str, Any]) -> str:
    """What `--map` may say of an object without a usual key for its text: the longest text it has, and what has another
    name or place than usual; empty where it has no text.

    >>> suggested({"_source": {"weblink": "https://a.example/b", "story": "The weir opened at dawn. " * 9, "no": 1}})
    'text=_source.story,url=_source.weblink'
    """
    said = dict(_scalars(found, "", DEEPEST))
    texts = [path for path, value in said.items()
             if len(value) >= SHORTEST_TEXT and not NO_TEXT.match(value)
             and not IS_TITLE.fullmatch(folded(path.rpartition(".")[2]))]  # fmt: skip
    if not texts:
        return ""
    longest = max(texts, key=lambda path: len(said[path]))
    keys = {"html" if TAGS.search(said[longest]) else "text": longest}
    for field, names, form in CALLED:
        fits = {path: folded(FORMS.sub("", path).rpartition(".")[2]) for path, value in said.items()
                if path != longest and re.fullmatch(form, value.strip()) and not NO_FIELD.search(path)}  # fmt: skip
        every = [path for name in names for path in fits if re.fullmatch(name, fits[path])]
        if not any(folded(path) in USUAL for path in every):
            keys |= dict(zip([field], every, strict=False))
    return ",".join(f"{field}={path}" for field, path in keys.items())


def _scalars(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Texts and numbers in an object with the paths of keys to them, what is less deep first."""
    within = [(f"{path}.{key}".lstrip("."), _moment(one)) for key, one in value.items() if len(key) <= LONGEST_KEY]
    yield from ((at, str(one)) for at, one in within if isinstance(one, str | int) and not isinstance(one, bool))
    for at, one in within:
        if isinstance(one, dict) and depth:
            yield from _scalars(one, at, depth - 1)


def _content(found: dict[str, Any], keys: Mapping[str, str]) -> tuple[str, str | None]:
    """The key of the payload, and what it is; no key where there is none."""
    for name in CONTENT:
        if name in keys:
            return keys[name], CONTENT[name]
    names = {folded(key): key for key in reversed(found)}
    texts = {name: text for name in CONTENT if name in names and (text := _text(found[names[name]])) is not None}
    # One without text counts where no other has some.
    name = next((name for name, text in texts.items() if text.strip()), next(iter(texts), ""))
    return names.get(name, ""), CONTENT.get(name)


def _text(value: Any) -> str | None:
    """A text, or a list of paragraphs as one, with empty lines between them; of a list in which some pieces are marked
    up, as messengers export them, all that they say."""
    if isinstance(value, list) and (plain := [part for part in value if isinstance(part, str)]):
        if len(plain) == len(value):
            return "\n\n".join(plain)
        pieces = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "".join(map(str, pieces)) if all(isinstance(piece, str) for piece in pieces) else None
    return value if isinstance(value, str) else None


def _parted(text: str) -> str:
    """A text with empty lines between its paragraphs: as it is, unless each of its lines is one, as readers of pages
    write them."""
    lines = [line for line in LINE_END.split(text) if line.strip()]
    if len(lines) < 2 or BLANK_LINE.search(text.strip()) or TAGS.search(text) or TABLE_OR_CODE.search(text):
        return text
    ended = sum(len(line) for line in lines if ENDS_PARAGRAPH.search(line))
    whole = max(map(len, lines)) > WRAPPED or 2 * ended > sum(map(len, lines))
    return "\n\n".join(lines) if whole else text


def _value(found: Any, key: str) -> Any:
    """What is under a key, or along a path of keys with dots between them."""
    if isinstance(found, dict) and key in found:
        return found[key]
    name, dot, rest = key.partition(".")
    return _value(found[name], rest) if dot and isinstance(found, dict) and name in found else None


def _without(found: dict[str, Any], key: str) -> dict[str, Any]:
    name, _, rest = key.partition(".")
    if key in found or not isinstance(found.get(name), dict):
        return {other: value for other, value in found.items() if other != key}
    return {**found, name: _without(found[name], rest)}


def _said(said: dict[str, Any], keys: Mapping[str, str]) -> str | None:
    """What a record says beside its payload as JSON, its fields under the names that front matter has for them; without
    what is long or deep where that is more than is read."""
    every: dict[str, Any] = {}
    for name, key in keys.items():
        if name not in CONTENT and (value := _value(said, key)) is not None:
            every[name], said = value, _without(said, key)
    every |= {key: value for key, value in said.items() if key not in keys or key in CONTENT}
    every = {key: value[0] if folded(key) in SINGLE and _is_alone(value) else value for key, value in every.items()}
    every = {key: _moment(value) if folded(key) in DATED else value for key, value in every.items()}
    for most in (MOST_SAID, LONGEST_SAID, 0):
        if most < MOST_SAID:
            every = {key: value for key, value in every.items() if _is_short(value, most)}
        text = json.dumps(every)
        if len(text) <= MOST_SAID and (_is_simple(text) or read_front_matter(text) is not None):
            return text
    return None


def _is_alone(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str | int)


def _is_simple(text: str) -> bool:
    return text.count("{") + text.count("[") < FEW_OPEN and text.count(",") < FEW_VALUES


def _is_short(value: Any, most: int) -> bool:
    return len(json.dumps(value)) <= most if most else not isinstance(value, list | dict)


def _moment(value: Any) -> Any:
    """A number of seconds or milliseconds as the time that it is, also where it is written as a text or by MongoDB."""
    if isinstance(value, dict) and len(value) == 1 and "$date" in value:
        value = value["$date"]
        value = value.get("$numberLong", value) if isinstance(value, dict) else value
    if isinstance(value, str) and EPOCH.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value / (1000 if abs(value) >= MILLISECONDS_FROM else 1), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return value
