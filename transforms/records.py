"""The records that pass between the parts: sources' outcomes, limits, partitions and the run's stamp.

Holds no logic and imports no parser, so that a run with nothing to parse loads none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from pressmark.schemas.contract import Dialect, Flag, Markup, MediaKind, PublishedFrom, Reason, Role

__all__ = [
    "INDEX_PAGE", "NO_ZONE", "WALL_PAGE", "Article", "Contributor", "Dates", "Header", "Limits", "Link", "Medium",
    "Paragraph", "Partition", "Reading", "RecordFacts", "Reject", "Stamp",
]  # fmt: skip


class Stamp(NamedTuple):
    """The run that writes rows, and when it started."""

    run_id: str
    started_at: datetime


class Partition(NamedTuple):
    """A partition of `articles`, `paragraphs` or `revisions`; `period` as in its path, such as `month=2022-01`."""

    outlet: str
    period: str


class Link(NamedTuple):
    """A hyperlink inside one block: `[start, end)` are code points of the block's text, never empty."""

    href: str
    start: int
    end: int


class Reading(NamedTuple):
    """How the sources of an archive are to be read, where its operator says so: their encoding (a codec's name), the
    language of their bodies, of pages whose host no outlet of the registry has the zone of dates and the outlet, and
    pairs of a field and the key, or the path of keys with dots between, under which front matter has it.
    """

    encoding: str | None = None
    markup: Markup | None = None
    zone: str | None = None
    outlet: str | None = None
    keys: tuple[tuple[str, str], ...] = ()


class Medium(NamedTuple):
    """A picture, video, audio or embedded page: the `[start, end)` of its tag, and the blocks that stand before it.

    `start` and `end` are code points of the markup where a cutter gives them, and bytes of the source in an article.
    """

    kind: MediaKind
    src: str
    alt: str | None
    title: str | None
    ordinal: int
    start: int
    end: int
    caption_ordinal: int | None = None


class Contributor(NamedTuple):
    """A person, or who stands for one, and what was done for an article: a member of `CONTRIBUTIONS`."""

    name: str
    role: str


class Header(NamedTuple):
    """What a header says. `body_start` is the code point of the decoded source at which the body starts.

    `header_at` is the time of a `comment` header, also of one inside front matter, in UTC. `front_matter_at` is front
    matter's date: in UTC where it names its zone, else a time without one, or a day, both of the outlet's zone;
    `stated_day` is the day of a whole page's time, as written, or of a time with an offset,
    and `dated_by` what on the page says that time.
    `metadata` is a JSON object with its keys in order: what the header says and no other field holds. `credits` are
    the texts that name people, each with a role.
    """

    dialect: Dialect
    title: str
    url: str | None
    author: str | None
    header_at: datetime | None
    front_matter_at: datetime | date | None
    body_start: int
    description: str | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    metadata: str | None = None
    removed_at: datetime | None = None
    removed_reason: str | None = None
    stated_day: date | None = None
    credits: tuple[tuple[str, str], ...] = ()
    dated_by: str = ""


class RecordFacts(NamedTuple):
    """What a record of a crawl or a dump says beside its payload: the page's address, the charset and the media type
    that its headers declare, and, of a JSON object, what its other keys say, as JSON."""

    url: str | None = None
    charset: str | None = None
    content_type: str | None = None
    said: str | None = None


class Dates(NamedTuple):
    """The date columns of an article."""

    published_at: datetime | None
    published_from: PublishedFrom
    dateline_at: datetime | None
    url_date: date | None
    date_conflict: bool
    local_date: date | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may be and take: its size in bytes, how many elements may be open at once, and seconds of the
    processor, which only what no archive of articles holds ever meets."""

    source_bytes: int = 16 * 1024 * 1024
    depth: int = 1000
    seconds: int = 60

    def __post_init__(self) -> None:
        if self.source_bytes < 1 or self.depth < 1 or self.seconds < 1:
            raise ValueError("limits must be at least 1")


class Paragraph(NamedTuple):
    """One row of `paragraphs`, without what it has from its article. `text` is UTF-8."""

    role: Role
    text: bytes
    char_start: int
    char_end: int
    byte_start: int
    byte_end: int
    language: str
    text_hash: int
    links: tuple[Link, ...]


# A time without its zone was read as UTC; a whole page is a front page or a list of links, or in place of a story.
NO_ZONE: Final = "no_zone"
INDEX_PAGE: Final = "index_page"
WALL_PAGE: Final = "wall_page"
# Its header says when it was modified, and nothing says when it was published.
ONLY_MODIFIED: Final = "only_modified"


class Article(NamedTuple):
    """One row of `articles`, without run columns, and its paragraphs, with the reason for each one's role. `text` is
    UTF-8; `doubts` (`NO_ZONE`, `INDEX_PAGE`, `WALL_PAGE`, `ONLY_MODIFIED`) are in no row, but for what a run says."""

    archive: str
    article_id: str
    source_path: str
    source_sha256: str
    source_bytes: int
    header: Header
    encoding: str
    markup: Markup
    canonical_url: str | None
    host: str | None
    outlet: str
    author: str | None
    contributors: tuple[Contributor, ...] | None
    dates: Dates
    language: str
    text: bytes
    text_sha256: str
    content_count: int
    header_bytes: int
    paragraph_bytes: int
    skipped_bytes: int
    markup_bytes: int
    paragraphs: list[Paragraph]
    flags: tuple[Flag, ...]
    reasons: list[str]
    media: tuple[Medium, ...] = ()
    doubts: tuple[str, ...] = ()


class Reject(NamedTuple):
    """One row of `rejects`, without run columns. `raw` is None only for `too_large`, `unreadable` and `forgotten`."""

    source_path: str
    source_sha256: str | None
    source_bytes: int
    reason: Reason
    detail: str
    byte_offset: int | None
    raw: bytes | None
