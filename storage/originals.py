"""The bytes that articles and their revisions came from, read again from archives, which stay open, each proven by its
hash."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.schemas import TABLES
from pressmark.storage.errors import InputError, OutputError, PressmarkError
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Request, Source, sources_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import Archive, archive_of, ingested_as, last_runs
from pressmark.storage.settings import READING_NAMES, IngestSettings
from pressmark.storage.versions import parse_source
from pressmark.transforms.changes import Place
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.records import Article, Reading, Reject

__all__ = ["Cut", "Originals", "Revision", "Trace", "trace_paragraph"]

# A source has 16 MiB at most, by default.
HELD: Final = 4
MOST_CUTS: Final = 4096

log = logging.getLogger(__name__)


class Revision(NamedTuple):
    """A row of `articles` or `revisions`, by what names its source."""

    archive: str
    source_path: str
    source_sha256: str
    valid_from: datetime | None


class Cut(NamedTuple):
    """What a revision's bytes hold: the hash of the text, the address, and where the paragraphs stand."""

    text_sha256: str
    url: str | None
    places: tuple[Place, ...]


class _Opened(NamedTuple):
    """An archive, how its sources are read, and these by path and the time from which they were there."""

    archive: Archive
    reading: Reading
    sources: dict[tuple[str, datetime | None], Source]
    current: dict[str, Source]


class Trace(NamedTuple):
    """Rows of a paragraph and its article, and the source's bytes before, in and after the paragraph's span."""

    paragraph: dict[str, Any]
    article: dict[str, Any]
    before: bytes
    span: bytes
    after: bytes


class Originals:
    """The archives of an output, each listed once: where there are commits, with every file that ever was at a path.
    `source` is the input to read, that of each archive's latest run where it is None."""

    def __init__(self, output: Output, source: str | None = None) -> None:
        self._output, self._source = output, source
        self._opened: dict[str, _Opened] = {}
        self._unread: set[str] = set()
        self._held = lru_cache(maxsize=HELD)(self._read)
        self._together: dict[tuple[str, str, str], bytes] = {}
        self._cuts: dict[Revision, Cut | None] = {}
        self._lock = threading.Lock()

    def bytes_of(self, archive: str, source_path: str, sha256: str) -> bytes:
        """A current source's bytes; raises `InputError` where it is gone, or is no longer what was ingested."""
        with self._lock:
            held = self._together.get((archive, source_path, sha256))
            return self._held(archive, source_path, sha256) if held is None else held

    def hold(self, asked: Iterable[Revision]) -> None:
        """Read the bytes of current sources together, and have `bytes_of` give them, until others are held."""
        self._together = {}
        # Who asks for one of them is told why it can't be had.
        with contextlib.suppress(OSError, PressmarkError):
            self._together = {one[:3]: data for one, data in self.contents(asked).items()}

    def contents(self, asked: Iterable[Revision]) -> dict[Revision, bytes]:
        """The bytes of revisions, those left out that are not there, or not what was ingested."""
        wanted: dict[str, dict[Source, Revision]] = defaultdict(dict)
        for one in asked:
            opened = self._readable(one.archive)
            if opened is not None and (source := opened.sources.get((one.source_path, one.valid_from))) is not None:
                wanted[one.archive][source] = one
        found = {}
        for name, revisions in wanted.items():
            held = self._open(name).archive.input
            ordered = sorted(revisions, key=lambda source: int(source.locator)) if held.streamed else list(revisions)
            for source, data in held.contents(ordered, ANY_SIZE):
                one = revisions[source]
                if not isinstance(data, Reject) and hashlib.sha256(data).hexdigest() == one.source_sha256:
                    found[one] = data
        return found

    def cut(self, revision: Revision, data: bytes) -> Cut | None:
        """What a revision's bytes hold; None where they are no article for today's parser."""
        if revision not in self._cuts:
            # A revision is the newer one of a pair, and later the older one of the next.
            while len(self._cuts) >= MOST_CUTS:
                self._cuts.pop(next(iter(self._cuts)))
            found = self.parsed(revision, data)
            self._cuts[revision] = None if found is None else Cut(
                found.text_sha256, found.header.url,
                tuple(Place(one.role, one.byte_start, one.byte_end) for one in found.paragraphs),
            )  # fmt: skip
        return self._cuts[revision]

    def parsed(self, revision: Revision, data: bytes) -> Article | None:
        """The article in a revision's bytes; None where they are none for today's parser."""
        reading = self._open(revision.archive).reading
        found = parse_source(data, revision.source_path, ANY_SIZE, FAR_FUTURE, revision.archive, reading)
        return None if isinstance(found, Reject) else found

    def times(self, archive: str, path: str) -> list[datetime | None]:
        """From when on a file stood at a path, each time that one did."""
        opened = self._readable(archive)
        return [] if opened is None else [since for one, since in opened.sources if one == path]

    def _read(self, name: str, source_path: str, sha256: str) -> bytes:
        archive, _, _, current = self._open(name)
        where = archive.address.location(source_path)
        if source_path not in current:
            raise InputError("the source is not in this input", where, "name the input that was ingested")
        data = next((data for _, data in archive.input.contents([current[source_path]], ANY_SIZE)), None)
        if data is None or isinstance(data, Reject):
            detail = "it is gone" if data is None else data.detail
            raise InputError(f"the source can't be read ({detail})", where, "mend it")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError("the source is no longer what was ingested", where, "ingest it again, then trace")
        return data

    def _readable(self, name: str) -> _Opened | None:
        """An archive; None, with a word, where it can't be read."""
        if name in self._unread:
            return None
        try:
            return self._open(name)
        except InputError as error:
            log.warning("the bytes of `%s` are not looked at: %s", name, error)
            self._unread.add(name)
            return None

    def _open(self, name: str) -> _Opened:
        if name not in self._opened:
            runs = last_runs(self._output)
            # Where the input that was given is another archive's, this one is read from its own.
            owner = ingested_as(runs, self._source) or name
            archive = archive_of(self._output, self._source if owner == name else None, name)
            request = Request(EVERYTHING, history=archive.history, moves=archive.moves)
            sources = sources_of(archive.input.listing(request).frame)
            run = next(run for run in runs if run.archive == name)
            settings = IngestSettings(**{key: run.argument(key) for key in READING_NAMES})
            self._opened[name] = _Opened(
                archive, settings.reading, {(one.source_path, one.valid_from): one for one in sources},
                {one.source_path: one for one in sources if one.valid_to is None},
            )  # fmt: skip
        return self._opened[name]


def trace_paragraph(
    output: Output, source: str | None, paragraph_id: str, *, context: int, archive: str | None = None
) -> Trace:
    """A paragraph and its bytes, with `context` bytes on both sides; `source` is by default the input of the latest run
    over the article's archive. Raises `OutputError` where no row has this id, and `InputError` where the source is gone
    or is no longer what was ingested."""
    paragraph = _find(output, "paragraphs", "paragraph_id", paragraph_id)
    article = _find(output, "articles", "article_id", paragraph["article_id"])
    data = Originals(output, source).bytes_of(
        archive or article["archive"], article["source_path"], article["source_sha256"]
    )
    start, end = paragraph["byte_start"], paragraph["byte_end"]
    return Trace(paragraph, article, data[max(start - context, 0) : start], data[start:end], data[end : end + context])


def _find(output: Output, name: str, column: str, value: str) -> dict[str, Any]:
    found = output.scan(TABLES[name]).filter(pl.col(column) == value).head(1).collect()
    if not found.height:
        raise OutputError(
            f"no row of `{name}` has the {column} `{value}`", output.address,
            "look it up in the table; that of a block is its article's with a number, as `…-0000`",
        )  # fmt: skip
    return found.row(0, named=True)
