"""How values become HTML: whatever an archive says is text, and shows what it would hide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from rich.filesize import decimal

from pressmark.transforms.comparison import stretches

__all__ = ["FLAG_MEANINGS", "HIDDEN", "STATIC", "environment", "snippet"]

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
# What has no shape of its own, or turns the order of what stands around it: its number is shown in its place.
HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
SEEN: Final = Markup('<span class="hidden" title="a character that is not seen">U+{:04X}</span>')
WEB: Final = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\^`{|}]+", re.IGNORECASE)
AROUND: Final = 70
LONGEST_SNIPPET: Final = 260
FLAG_MEANINGS: Final = {
    "date_conflict": "two of its dates are over seven days apart",
    "mostly_skipped": "more than half of the source is scripts, styles or comments",
    "mojibake": "some characters were broken before it came here",
    "title_only": "its only text repeats the title",
    "no_content": "no block is part of a story",
    "hidden_text": "some of the text was hidden on the page",
    "markup_in_text": "marks of HTML or Markdown stand in its text",
}
ROLE_MEANINGS: Final = {
    "body": "running text", "lede": "summary at the top", "heading": "subheading", "quote": "quotation set apart",
    "list_item": "item of a list", "caption": "caption or credit", "byline": "who wrote it",
    "dateline": "when it was published", "note": "note by the publisher", "related": "links to other stories",
    "boilerplate": "page furniture", "table": "cell of a table",
}  # fmt: skip


def environment() -> Environment:
    """Templates that escape whatever they are given."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "shown": _shown, "named": _named, "snippet": snippet, "web": _web, "linked": _linked, "decoded": _decoded,
        "moment": _moment, "day": _day, "size": decimal, "number": "{:,}".format, "differing": _differing,
    }  # fmt: skip
    made.globals |= {"FLAGS": FLAG_MEANINGS, "ROLES": ROLE_MEANINGS}
    return made


def _shown(text: object) -> Markup:
    """The text with what is invisible in it made visible, isolated from the order of what stands around it."""
    parts, at = [], 0
    said = str(text)
    for found in HIDDEN.finditer(said):
        parts += [escape(said[at : found.start()]), SEEN.format(ord(found[0]))]
        at = found.end()
    return Markup("").join([*parts, escape(said[at:])])


def _named(markup: str) -> str:
    """What stands in a place that can't hold elements, with what is invisible in it as numbers."""
    return HIDDEN.sub(lambda found: f"U+{ord(found[0]):04X}", markup)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    parts, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            parts += [_shown(text[at:start]), Markup("<mark>{}</mark>").format(_shown(text[start:end]))]
            at = end
    return Markup("").join([*parts, _shown(text[at:])])


def snippet(text: str, spans: Iterable[dict[str, int]]) -> Markup:
    """The text around its first marked range."""
    marks = [(span["start"], span["end"]) for span in spans]
    first = min(start for start, _ in marks) if marks else 0
    start = max(first - AROUND, 0) if len(text) > LONGEST_SNIPPET else 0
    end = min(start + LONGEST_SNIPPET, len(text))
    inside = [(max(a - start, 0), min(b, end) - start) for a, b in marks if a < end and b > start]
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return Markup("{}{}{}").format(before, _marked(text[start:end], inside), after)


def _web(address: str | None, text: object = None) -> Markup:
    """A link where the address is one of the web, else its text alone."""
    inner = _shown(address or "" if text is None else text)
    if not address or not WEB.fullmatch(address):
        return inner
    return Markup('<a class="out" rel="noreferrer noopener nofollow" href="{}">{}</a>').format(address, inner)


def _linked(text: str, links: Iterable[dict[str, Any]]) -> Markup:
    parts, at = [], 0
    for link in sorted(links or (), key=lambda link: (link["start"], link["end"])):
        start, end = link["start"], link["end"]
        if at <= start < end <= len(text):
            parts += [_shown(text[at:start]), _web(link["href"], text[start:end])]
            at = end
    return Markup("").join([*parts, _shown(text[at:])])


def _decoded(data: bytes, encoding: str = "utf-8", most: int = 1 << 20) -> Markup:
    """Bytes as the text that they are; what is none of the encoding as `\\xNN`."""
    return _shown(data[:most].decode(encoding, "backslashreplace"))


def _differing(old: str, new: str) -> Markup:
    """A changed paragraph as one text: what went, and what came."""
    parts = []
    for equal, went, came in stretches(old, new):
        if equal:
            parts.append(_shown(went))
            continue
        parts += [Markup("<del>{}</del>").format(_shown(went))] if went else []
        parts += [Markup("<ins>{}</ins>").format(_shown(came))] if came else []
    return Markup("").join(parts)


def _moment(at: datetime | None, without: str = "unknown") -> Markup:
    if at is None:
        return Markup('<span class="none">{}</span>').format(without)
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(utc.isoformat(), utc)


def _day(at: datetime | date | None, without: str = "no date") -> Markup:
    if at is None:
        return Markup('<span class="none">{}</span>').format(without)
    return Markup('<time datetime="{0:%Y-%m-%d}">{0:%Y-%m-%d}</time>').format(at)
