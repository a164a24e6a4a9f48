"""Reads front matter: a block of YAML, TOML or JSON before the body, and what its keys say.

Owns the three notations and the keys of the contract's section 6. Makes values of no other type than text, numbers,
dates, lists and maps, whatever tags a block has; a block that is broken is read entry by entry, and says so.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from pressmark.transforms.dates import counted_time, parse_date, zoned_day
from pressmark.transforms.header_keys import (
    AUTHORS,
    DATED,
    DESCRIPTIONS,
    MANY,
    OWN_URLS,
    SITE_URLS,
    TITLES,
    UNDERSTOOD,
    date_keys,
    folded,
)
from pressmark.transforms.people import credits_in, credits_of

__all__ = ["BELOW", "PROBLEM", "FrontMatter", "read_front_matter"]

OPENING: Final = re.compile(r"[\s\ufeff]*(---|\+\+\+|;;;)[ \t]*(?:\r\n|\n|\r)")
CLOSING: Final = {
    "---": re.compile(r"(?:(?<=\n)|(?<=\r))(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)"),
    "+++": re.compile(r"(?:(?<=\n)|(?<=\r))\+\+\+[ \t]*(?:\r\n|\n|\r|\Z)"),
    ";;;": re.compile(r"(?:(?<=\n)|(?<=\r));;;[ \t]*(?:\r\n|\n|\r|\Z)"),
}
OPENING_OBJECT: Final = re.compile(r"[\s\ufeff]*(?=\{\s*[\"}])")
REST_OF_LINE: Final = re.compile(r"[ \t]*(?:\r\n|\n|\r|\Z)")
ENTRY: Final = {
    sign: re.compile(rf"^(?P<key>[^\W\d][\w-]*|'[^'\n]*'|\"[^\"\n]*\")[ \t]*{sign}(?!//)", re.MULTILINE)
    for sign in ":="
}

# A block that is larger is read entry by entry, as are those that go deeper or have more values once aliases are read.
MOST_CHARACTERS: Final = {"---": 1 << 16, "+++": 1 << 14, ";;;": 1 << 16}
MOST_VALUES: Final = 10_000
DEEPEST: Final = 32

ADDRESS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^\s/]", re.IGNORECASE)
BELOW: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^\s/?#]+(?:/+[^\s/#]|\?)", re.IGNORECASE)
# Sites keep a post's day in its path, which `--map date=path` names.
DAY_OF_PATH: Final = re.compile(r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}(?=/[^/\s])")
COMMAS: Final = re.compile(r"[,，、;；]")
NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The key of `metadata` that says what was wrong with a block.
PROBLEM: Final = "_problem"


class FrontMatter(NamedTuple):
    """What a block says. `end` is the code point of the text just past the closing line.

    `date` is a day alone, a time without a zone, or a time with one, whose own day is `stated_day` where that is not
    UTC. `metadata` holds what no other field does, dates that were not understood and the later ones of equal keys
    included; it can be written as JSON. `positions` tells, for keys in lower case, the code point at which a value
    starts. `problem` says what was read as text, or dropped.
    """

    url: str | None
    title: str | None
    credits: tuple[tuple[str, str], ...]
    stated_day: date | None
    date: date | datetime | None
    description: str | None
    tags: tuple[str, ...]
    categories: tuple[str, ...]
    metadata: dict[str, Any]
    end: int
    positions: dict[str, int]
    problem: str | None

    @property
    def authors(self) -> tuple[str, ...]:
        """The texts that name writers."""
        return tuple(text for text, role in self.credits if role == "text")


class _Scalar(NamedTuple):
    """A scalar as written, without its quotes; one without quotes may be a number, a truth value or nothing."""

    text: str
    plain: bool


class _Entry(NamedTuple):
    key: str
    value: Any
    position: int | None


class _Unreadable(Exception):
    """The block, or a part of it, is not what its notation allows, or more than is read."""


def read_front_matter(text: str, keys: Sequence[tuple[str, str]] = ()) -> FrontMatter | None:
    """The front matter that a decoded source starts with; None where it has none, or one with no key that can be read.

    Of two equal keys, the first counts. `keys` are fields, each with the key, or the path of keys with dots between,
    that goes before its usual ones. Takes time in proportion to the block.

    >>> found = read_front_matter("---\\ntitle: Weir: open again\\ntags: [river]\\n---\\nText")
    >>> found.title, found.tags, found.end
    ('Weir: open again', ('river',), 46)
    """
    opening = OPENING.match(text)
    if opening is None:
        start = OPENING_OBJECT.match(text)
        return _read_object(text, start.end(), keys) if start else None
    closing = CLOSING[opening[1]].search(text, opening.end())
    if closing is None:
        return None
    block, first, fence = text[opening.end() : closing.start()], opening.end(), opening[1]
    problem = None
    try:
        entries = _read(block, fence)
    except _Unreadable as error:
        problem = f"read entry by entry: {error}"
        entries = list(_by_entry(block.replace("\r\n", " \n").replace("\r", "\n"), fence))
    if not entries and _lines(block):
        return None
    return _understood(entries, first, closing.end(), problem, keys)


class _Pairs(list[tuple[str, Any]]):
    """A map with its keys as they stand, equal ones included."""


JSON: Final = json.JSONDecoder(object_pairs_hook=_Pairs)


def _read_object(text: str, start: int, keys: Sequence[tuple[str, str]]) -> FrontMatter | None:
    try:
        found, end = JSON.raw_decode(text, start)
        entries = _entries_of(found)
    except (ValueError, RecursionError, _Unreadable):
        return None
    line_end = REST_OF_LINE.match(text, end)
    return None if line_end is None else _understood(entries, start, line_end.end(), None, keys)


def _read(block: str, fence: str) -> list[_Entry]:
    if len(block) > MOST_CHARACTERS[fence]:
        raise _Unreadable(f"it has more than {MOST_CHARACTERS[fence]} characters")
    if fence == "---":
        return _yaml_entries(block)
    try:
        if fence == ";;;":
            return _entries_of(JSON.decode(block))
        entries = _entries_of(tomllib.loads(block.replace("\r\n", "\n").replace("\r", "\n")))
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"it is not of its notation ({error})") from None
    places = {entry["key"].strip("\"'"): entry.end() for entry in reversed(list(ENTRY["="].finditer(block)))}
    return [entry._replace(position=places.get(entry.key)) for entry in entries]


def _entries_of(found: Any) -> list[_Entry]:
    """Entries of what a reader made of a block, if it is a map with no more depth and values than are read."""
    if not isinstance(found, _Pairs | dict):
        raise _Unreadable("it is no map")
    level, count = [found], 0
    for _ in range(DEEPEST):
        level = [item for value in level for item in _items(value)]
        count += len(level)
    if level or count > MOST_VALUES:
        raise _Unreadable(f"more than {DEEPEST} levels or {MOST_VALUES} values")
    return [_Entry(key, value, None) for key, value in (found.items() if isinstance(found, dict) else found)]


def _items(value: Any) -> list[Any]:
    if isinstance(value, _Pairs):
        return [item for _, item in value]
    return list(value.values() if isinstance(value, dict) else value) if isinstance(value, dict | list) else []


def _yaml_entries(block: str) -> list[_Entry]:
    """Entries of a YAML map. Made of events, so that no tag makes an object and each alias is counted in full."""
    import yaml  # many archives have none

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    if block.startswith("\ufeff"):
        block = " " + block[1:]
    try:
        events = iter(yaml.parse(block, Loader=loader))
        while True:
            event = next(events, None)
            if event is None:
                return []
            if isinstance(event, yaml.NodeEvent):
                break
        if not isinstance(event, yaml.MappingStartEvent):
            raise _Unreadable("it is no map")
        return _YamlReader(yaml, events).map(1)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _Unreadable(f"no YAML ({what}{f', line {mark.line + 1} of the block' if mark else ''})") from None


class _YamlReader:
    """Values from events, up to a depth and a number."""

    def __init__(self, yaml: Any, events: Iterator[Any]) -> None:
        self._yaml = yaml
        self._events = events
        self._count = 0
        # What each anchor names, and of how many values that consists.
        self._anchors: dict[str, tuple[Any, int]] = {}

    def map(self, depth: int) -> list[_Entry]:
        entries: list[_Entry] = []
        merged: list[_Entry] = []
        for event in iter(lambda: next(self._events), None):
            if isinstance(event, self._yaml.MappingEndEvent):
                break
            key = self.value(event, depth + 1)
            following = next(self._events)
            value = self.value(following, depth + 1)
            if not isinstance(key, _Scalar):
                raise _Unreadable("a key is a list or a map")
            if key == ("<<", True):
                merged += [_Entry(*pair, None) for pair in value] if isinstance(value, _Pairs) else []
                continue
            entries.append(_Entry(key.text, value, following.start_mark.index))
        known = {entry.key for entry in entries}
        return entries + [entry for entry in merged if entry.key not in known]

    def value(self, event: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise _Unreadable(f"more than {DEEPEST} levels")
        if isinstance(event, self._yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Unreadable(f"the alias `{event.anchor}` names nothing before it")
            value, size = self._anchors[event.anchor]
            self._add(size)
            return value
        before = self._count
        self._add(1)
        if event.tag is not None and event.tag not in TAGS:
            raise _Unreadable(f"the tag `{event.tag}`")
        value = self._node(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _node(self, event: Any, depth: int) -> Any:
        if isinstance(event, self._yaml.ScalarEvent):
            return _Scalar(event.value, bool(event.implicit[0]))
        if isinstance(event, self._yaml.MappingStartEvent):
            return _Pairs((entry.key, entry.value) for entry in self.map(depth))
        items = []
        for item in iter(lambda: next(self._events), None):
            if isinstance(item, self._yaml.SequenceEndEvent):
                break
            items.append(self.value(item, depth + 1))
        return items

    def _add(self, count: int) -> None:
        self._count += count
        if self._count > MOST_VALUES:
            raise _Unreadable(f"more than {MOST_VALUES} values")


TAGS: Final = frozenset(
    {"!", *(f"tag:yaml.org,2002:{name}" for name in "str int float bool null timestamp seq map".split())}
)


def _by_entry(block: str, fence: str) -> Iterator[_Entry]:
    """Entries of a broken block: each is read alone, and one that can't be is the text behind its key."""
    found = list(ENTRY["=" if fence == "+++" else ":"].finditer(block))
    alone = len(block) <= MOST_CHARACTERS[fence] and fence != ";;;"
    unread = _lines(block[: found[0].start()] if found else "")
    ends = [*[entry.start() for entry in found[1:]], len(block)][: len(found)]
    for entry, end in zip(found, ends, strict=True):
        whole, text = block[entry.start() : end], block[entry.end() : end]
        try:
            (read,) = _read(whole, fence) if alone else []
            yield read._replace(position=None if read.position is None else read.position + entry.start())
        except (_Unreadable, ValueError):
            lines = _lines(text)
            items = [line[1:].strip().strip("\"'") for line in lines if line.startswith("- ")]
            position = entry.end() + len(text) - len(text.lstrip(" \t"))
            value = items if lines and len(items) == len(lines) else _bare(" ".join(lines))
            yield _Entry(entry["key"].strip("\"'"), value, position)
    if unread and found:
        yield _Entry("_unread", unread, None)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _bare(text: str) -> _Scalar:
    """The text of a line, without quotes around it."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return _Scalar(text[1:-1] if quoted else text, not quoted)


def _mapped(entries: list[_Entry], keys: Sequence[tuple[str, str]]) -> list[_Entry]:
    """The entries with those first, by the names of their fields, that `keys` places; what stands under such a name
    itself is then no field's. A map that has one of them inside stays whole."""
    found, left = [], list(entries)
    for field, key in keys:
        for entry in entries:
            if (value := _under(entry, key)) is not None:
                found.append(entry._replace(key=field, value=value))
                left = [other for other in left if other is not entry or other.key != key]
                break
    names = {folded(entry.key) for entry in found}
    return [
        *found,
        *(entry._replace(key=f"unmapped_{entry.key}") if folded(entry.key) in names else entry for entry in left),
    ]


def _under(entry: _Entry, key: str) -> Any:
    """What an entry has under a key or a path of keys."""
    path = key.removeprefix(f"{entry.key}.")
    if entry.key == key or path == key or not isinstance(entry.value, _Pairs | dict):
        return entry.value if entry.key == key else None
    pairs = entry.value.items() if isinstance(entry.value, dict) else entry.value
    return next((found for pair in pairs if (found := _under(_Entry(pair[0], pair[1], None), path)) is not None), None)


def _understood(
    entries: list[_Entry], first: int, end: int, problem: str | None, keys: Sequence[tuple[str, str]]
) -> FrontMatter:
    positions: dict[str, int] = {}
    fields: dict[str, tuple[str, Any]] = {}
    metadata: dict[str, Any] = {}
    repeated: dict[str, list[Any]] = {}
    for entry in _mapped(entries, keys) if keys else entries:
        key, name = _characters(entry.key), folded(entry.key)
        if entry.position is not None:
            positions.setdefault(key.lower(), first + entry.position)
        if name in fields or (name not in UNDERSTOOD and key in metadata):
            repeated.setdefault(key, []).append(_jsonable(entry.value))
        elif name in UNDERSTOOD:
            fields[name] = (key, entry.value)
        else:
            metadata[key] = _jsonable(entry.value)
    if repeated:
        names = ", ".join(f"`{key}`" for key in list(repeated)[:8])
        problem = "; ".join(filter(None, (problem, f"given more than once, and the first counts: {names}")))

    def take(keys: tuple[str, ...], read: Callable[[Any], Any]) -> Any:
        """What the first of some keys says that says anything."""
        for key in map(folded, keys):
            if key in fields and (found := read(fields[key][1])):
                del fields[key]
                return found
        return None

    url = take(OWN_URLS, _address) or take(SITE_URLS, lambda value: _address(value, BELOW))
    title = take(TITLES, _text)
    authors = take(AUTHORS, lambda value: credits_of(_jsonable(value)))
    said = {name: _jsonable(value) for name, (_, value) in fields.items()}
    moments = {name: found for name in DATED & said.keys() if (found := _moment(fields[name][1]))}
    wanted = map(folded, date_keys(said, moments, edited="editor" in metadata))
    key = next((name for name in wanted if name in moments), "")
    moment, own_day = moments.get(key, (None, None))
    fields.pop(key, None)
    description = take(DESCRIPTIONS, _text)
    tags, kinds = [take(keys[:1], _words) or take(keys[1:], _parts) or () for keys in MANY.values()]
    for key, value in fields.values():
        if (left := _jsonable(value)) not in (None, [], {}, ""):
            metadata[key] = left
    for key, values in repeated.items():
        metadata[key] = [metadata[key], *values] if key in metadata else values if len(values) > 1 else values[0]
    people = (*(authors or ()), *credits_in(metadata))
    return FrontMatter(url, title, people, own_day, moment, description, tags, kinds, metadata, end, positions, problem)


def _text(value: Any) -> str | None:
    """A scalar as it was written; a list or a map is no text."""
    if isinstance(value, _Scalar):
        value = None if value.plain and value.text in ("~", "null", "Null", "NULL") else value.text
    if value is None or isinstance(value, list | dict):
        return None
    return _characters(value.isoformat() if isinstance(value, date | time) else str(value)).strip() or None


def _address(value: Any, form: re.Pattern[str] = ADDRESS) -> str | None:
    return text if (text := _text(value)) and form.match(text) else None


def _moment(value: Any) -> tuple[date | datetime, date | None] | None:
    """A date, and its day in the zone that it names."""
    if isinstance(value, date):
        return value, value.date() if isinstance(value, datetime) and value.utcoffset() else None
    text = _text(value) or ""
    moment = counted_time(text) or parse_date(path[0] if (path := DAY_OF_PATH.match(text)) else text)
    return None if moment is None else (moment, zoned_day(text))


def _words(value: Any) -> tuple[str, ...]:
    """Values of a list, or of a text with commas, else with spaces, between them."""
    return _parts(value) if not (text := _text(value)) or COMMAS.search(text) else tuple(dict.fromkeys(text.split()))


def _parts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and not isinstance(value, _Pairs):
        texts = [text for item in value for text in (_parts(item) if isinstance(item, list) else [_text(item) or ""])]
    else:
        texts = COMMAS.split(_text(value) or "")
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _jsonable(value: Any) -> Any:
    if isinstance(value, _Scalar):
        if value.plain and value.text in WORDS:
            return WORDS[value.text]
        if not value.plain or not NUMBER.fullmatch(value.text):
            return _characters(value.text)
        number = float(value.text) if "." in value.text else int(value.text)
        return number if str(number) == value.text else value.text
    if isinstance(value, _Pairs):
        return {_characters(key): _jsonable(item) for key, item in reversed(value)}
    if isinstance(value, dict):
        return {_characters(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return _characters(value.isoformat() if isinstance(value, date | time) else str(value))


def _characters(text: str) -> str:
    """`text` with the halves of a pair joined, and U+FFFD for a half that is alone."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
