"""The bytes of a fictional article in any of its versions: the same for the same seed, number and version.

Owns headers, bodies and addresses. Which versions there are, and where they stand in an archive, is decided elsewhere.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from benchmarks.fiction import Language, wording

__all__ = [
    "BadKind",
    "Story",
    "Version",
    "bad_source",
    "copy_path",
    "mirrored_path",
    "render",
    "short_path",
    "story_of",
]

BadKind = Literal["empty_file", "invalid_utf8", "no_header", "no_text"]
LISTS: Final = Path(__file__).with_name("layouts.toml")
FIRST_NUMBER: Final = 1_000_000
LARGEST_BYTES: Final = 470_000
SENTENCES: Final = (1, 1, 2, 2, 3, 3, 4)
HEADING_SHARE: Final = 0.08
MIRROR_FOLDER: Final = "_posts"
SECTIONS: Final = ("城市专栏", "要闻解说", "副刊", "港口")
TOPICS: Final = ("world", "business", "science", "travel", "culture")
SLUGS: Final = ("lamp", "ferry", "tram", "harbour", "clock", "letter", "bridge", "tea", "fog", "lantern", "mill")


class Version(NamedTuple):
    """One state of an article: how often its text and its markup were changed, and its place among the dialects.

    `later_s` is added to the time of its header and dateline; `mirrored` makes it a file of front matter. Two versions
    have the same visible blocks exactly where article and `text` are equal.
    """

    article: int
    text: int = 0
    markup: int = 0
    later_s: int = 0
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How one outlet's articles look, and how many of them there are: an entry of `layouts.toml`."""

    folder: str
    share: int
    size: Sequence[float]
    url: str
    dialect: Literal["comment", "bare", "front_matter"] = "comment"
    language: Language = "zh-Hans"
    zone: str = "UTC"
    dateline: str = ""
    head: str = ""
    tail: str = ""
    before: str = "<p>"
    after: str = "</p>"
    heading: str = ""
    furniture: tuple[str, ...] = ()
    furniture_share: float = 0.0
    inner: bool = False


class Layouts(NamedTuple):
    """All layouts, with the running total of their shares."""

    entries: tuple[Layout, ...]
    running: tuple[int, ...]


class Story(NamedTuple):
    """What all versions of an article have in common. `url` is canonical, `spelled` is how its header writes it."""

    article: int
    layout: Layout
    published_s: int
    title: str
    author: str
    author2: str
    url: str
    spelled: str
    path: str


class _Part(NamedTuple):
    text: str
    source: str


@lru_cache(maxsize=1)
def layouts() -> Layouts:
    """The layouts of `layouts.toml`, mirrors last."""
    data = tomllib.loads(LISTS.read_text("utf-8"))

    def whole(template: str) -> str:
        for name, part in data["parts"].items():
            template = template.replace(f"@{name}@", part)
        return template

    named: dict[str, Layout] = {}
    for name, entry in data["layouts"].items():
        fields: dict[str, Any] = {
            key: whole(value) if isinstance(value, str) else value for key, value in entry.items()
        }
        fields["furniture"] = tuple(whole(template) for template in entry.get("furniture", ()))
        named[name] = Layout(**fields)
    for mirror in data["mirrors"]:
        layout = named[mirror["of"]]
        named[f"{mirror['of']}-mirrored"] = replace(
            layout,
            folder=MIRROR_FOLDER,
            dialect="front_matter",
            inner=True,
            share=mirror["share"],
            size=mirror["size"],
            head="\n<div>\n" + layout.head,
            tail=layout.tail + "\n</div>\n",
            furniture=tuple(whole(template) for template in mirror["furniture"]),
            furniture_share=mirror["furniture_share"],
        )
    entries = tuple(named.values())
    return Layouts(entries, tuple(accumulate(layout.share for layout in entries)))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def story_of(seed: int, article: int, published_s: int) -> Story:
    """Title, address and path of an article; all three are its own.

    >>> story_of(1, 5, 1720000000).url == story_of(1, 6, 1720000000).url
    False
    """
    random = Random(f"{seed}:{article}:story")
    layout = random.choices(layouts().entries, cum_weights=layouts().running)[0]
    words = wording(layout.language)
    title, author, author2 = random.choice(words.titles), words.person(random), words.person(random)
    at = datetime.fromtimestamp(published_s, UTC)
    number = FIRST_NUMBER + article
    fields = {
        "number": number,
        "day": f"{at:%Y%m%d}",
        "year": f"{at:%Y}",
        "month": f"{at:%m}",
        "month_day": f"{at:%m%d}",
        "day_of_month": f"{at:%d}",
        "month_day_year": f"{at:%m%d%Y}",
        "clock": f"{at:%H%M%S}",
        "name": quote(title, safe=""),
        "section": quote(random.choice(SECTIONS)),
        "topic": random.choice(TOPICS),
        "slug": "-".join(random.choices(SLUGS, k=4)),
    }
    url = layout.url.format(**fields)
    if layout.folder == MIRROR_FOLDER:
        path = f"{MIRROR_FOLDER}/{at:%Y-%m-%d}-{title} - {author}.{number:08x}.md"
    else:
        path = f"{layout.folder}/{number}_{title}.{'md' if random.random() < 0.99 else 'txt'}"
    return Story(article, layout, published_s, title, author, author2, url, _spelled(random, layout, url), path)


def copy_path(path: str, article: int) -> str:
    """Where a copy of an article's file stands beside it."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}.{article * 2_654_435_761 % 2**32:08x}{dot}{suffix}"


def mirrored_path(story: Story) -> str:
    """Where an article's file of front matter stands, when the article has another one."""
    day = datetime.fromtimestamp(story.published_s, UTC)
    return f"{MIRROR_FOLDER}/{day:%Y-%m-%d}-{story.title}.{FIRST_NUMBER + story.article:08x}.md"


def short_path(story: Story) -> str:
    """An article's path without its title."""
    return f"{story.layout.folder}/{FIRST_NUMBER + story.article}.md"


def _spelled(random: Random, layout: Layout, url: str) -> str:
    """Another way to write an address: some archives have escapes in lower case, few addresses are written oddly."""
    if "chinadigitaltimes" in layout.url:
        return "".join(part.lower() if number else part for number, part in enumerate(url.partition("/chinese/")))
    roll = random.random()
    if roll < 0.05:
        host, slash, path = url.removeprefix("https://").partition("/")
        return f"http://{host}/{slash}{path}"
    if roll < 0.08:
        return f"{url}{'&' if '?' in url else '?'}utm_source=relay"
    return url


def render(seed: int, story: Story, version: Version) -> bytes:
    """The source of one version of an article."""
    layout = story.layout
    published_s = story.published_s + version.later_s
    random = Random(f"{seed}:{story.article}:body")
    at = datetime.fromtimestamp(published_s, UTC)
    fields = {
        "number": FIRST_NUMBER + story.article,
        "title": story.title,
        "author": story.author,
        "author2": story.author2,
        "url": story.url,
        "host": story.url.removeprefix("https://").partition("/")[0],
        "day": f"{at:%Y%m%d}",
        "year": f"{at:%Y}",
        "month": f"{at:%m}",
        "dateline": at.astimezone(_zone(layout.zone if layout.dialect != "bare" else "UTC")).strftime(layout.dateline),
        "caption": random.choice(wording(layout.language).sentences).strip(),
        "spot": 0,
    }
    head, tail = layout.head.format(**fields), layout.tail.format(**fields)
    parts = _parts(random, story, fields, len(head.encode()) + len(tail.encode()))
    for text_version in range(1, version.text + 1):
        _edit(Random(f"{seed}:{story.article}:edit:{text_version}"), layout, parts, text_version)
    body = head + "".join([part.source for part in parts]) + tail
    if version.mirrored:
        body = f"\n<div>\n{body}\n</div>\n"
    source = _header(story, published_s, version.mirrored) + _restyled(body, story.article, version.markup)
    return source.replace("\n", "\r\n").encode() if story.article % 97 == 11 else source.encode()


def _header(story: Story, published_s: int, mirrored: bool) -> str:
    line = f"[{story.title}]({story.spelled})\n------\n"
    timed = f"<!--{published_s}000-->\n{line}\n"
    if story.layout.dialect == "bare" and not mirrored:
        return line
    if story.layout.dialect == "comment" and not mirrored:
        return timed
    name = story.author if story.layout.folder == MIRROR_FOLDER else story.layout.folder
    date = f"{datetime.fromtimestamp(published_s, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    front = (
        f'---\nlayout: post\ntitle: "{story.title}"\ndate: {date}\nauthor: {name}\nfrom: {story.spelled}\n'
        f"tags: [ {name} ]\ncategories: [ news, {name} ]\n---\n"
    )
    return front + timed if story.layout.inner or mirrored else front


def _parts(random: Random, story: Story, fields: dict[str, object], framed_bytes: int) -> list[_Part]:
    """Paragraphs until the size drawn for the article is reached; the first holds what no other article has."""
    layout = story.layout
    words = wording(layout.language)
    sentences, headings = words.sentences, words.headings
    header_bytes = 150 + 2 * len(story.spelled)
    wanted = min(LARGEST_BYTES, math.exp(random.gauss(*layout.size))) - framed_bytes - header_bytes
    roll, choices = random.random, random.choices
    first = words.numbered(story.article)
    parts: list[_Part] = []
    while wanted > 0 or not parts:
        if layout.heading and parts and roll() < HEADING_SHARE:
            text = random.choice(headings)
            source = layout.heading.replace("{text}", text)
        else:
            text = first + "".join(choices(sentences, k=random.choice(SENTENCES))).strip()
            source = layout.before + text + layout.after
            first = ""
        if roll() < layout.furniture_share:
            fields["caption"] = random.choice(sentences).strip()
            fields["spot"] = random.getrandbits(31)
            addition = random.choice(layout.furniture).format(**fields)
            text += str(fields["caption"])
            source += addition
        parts.append(_Part(text, source))
        wanted -= len(source.encode())
    return parts


def _edit(random: Random, layout: Layout, parts: list[_Part], version: int) -> None:
    """Change, add, remove or move one paragraph after the first, so that no two versions have the same text.

    Only the first edit removes or moves: all others leave a sentence that names their version.
    """
    words = wording(layout.language)
    text = random.choice(words.sentences) + words.edited(random, version)
    edited = _Part(text, layout.before + text + layout.after)
    kind = random.choice(("change", "add", "remove", "move") if version == 1 and len(parts) > 2 else ("change", "add"))
    spot = random.randrange(1, len(parts)) if len(parts) > 1 else 1
    if kind == "remove":
        del parts[spot]
    elif kind == "move" and parts[1].text != parts[-1].text:
        parts[1], parts[-1] = parts[-1], parts[1]
    elif kind == "change" and len(parts) > 1:
        parts[spot] = edited
    else:
        parts.insert(spot, edited)


def _restyled(body: str, article: int, markup: int) -> str:
    """The same visible blocks in other markup, which no other number of `markup` gives."""
    if not markup:
        return body
    match (article + markup) % 4:
        case 0:
            return f'<div class="page page-{markup}">{body}</div>'
        case 1:
            return f'{body}<img src="https://images.weserv.nl?url=counter.example/{article}-{markup}.gif" width="1">'
        case 2:
            return f"<!-- copy {markup} -->{body}"
        case _:
            if "<p>" in body:
                return body.replace("<p>", f'<p class="r{markup}">')
            return f'<section data-copy="{markup}">{body}</section>'


def bad_source(kind: BadKind, number: int) -> bytes:
    """A source that is no article, for the reason that the kind names."""
    header = f"<!--1720000000000-->\n[松岭市]({'https://www.rfi.fr/cn/broken/'}{number})\n------\n\n"
    match kind:
        case "empty_file":
            return b""
        case "invalid_utf8":
            return f"{header}<p>第{number}号".encode() + b"\xff\xfe</p>\n"
        case "no_header":
            return f"<p>第{number}号文件没有开头。</p>\n".encode()
        case "no_text":
            return f"{header}<div><br></div><!-- {number} -->\n".encode()
