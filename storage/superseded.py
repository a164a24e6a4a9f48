"""The bytes of any revision of an article, as far as its archive still has them, each proven by its hash."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Request, Source, sources_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.storage.settings import IngestSettings
from pressmark.storage.versions import parse_source
from pressmark.transforms.changes import Place
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.records import Article, Reading, Reject

__all__ = ["Cut", "Revision", "Superseded"]

READING: Final = ("encoding", "markup", "zone", "single_outlet", "map")
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


class Superseded:
    """The archives of an output, each listed once: where there are commits, with every file that ever was at a path.
    `source` is the input to read, that of each archive's latest run where it is None."""

    def __init__(self, moment: Output, source: str | None) -> None:
        self._runs = {run.archive: run for run in last_runs(moment)}
        self._moment, self._source = moment, source
        self._opened: dict[str, _Opened | None] = {}
        self._cuts: dict[Revision, Cut | None] = {}

    def contents(self, asked: Iterable[Revision]) -> dict[Revision, bytes]:
        """The bytes of revisions, those left out that are not there, or not what was ingested."""
        wanted: dict[str, dict[Source, Revision]] = {}
        for one in asked:
            opened = self._open(one.archive)
            if opened is not None and (source := opened.sources.get((one.source_path, one.valid_from))) is not None:
                wanted.setdefault(one.archive, {})[source] = one
        found = {}
        for name, revisions in wanted.items():
            opened = self._open(name)
            if opened is None:
                continue
            streamed = opened.archive.input.streamed
            ordered = sorted(revisions, key=lambda source: int(source.locator)) if streamed else list(revisions)
            for source, data in opened.archive.input.contents(ordered, ANY_SIZE):
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
        opened = self._open(revision.archive)
        reading = Reading() if opened is None else opened.reading
        found = parse_source(data, revision.source_path, ANY_SIZE, FAR_FUTURE, revision.archive, reading)
        return None if isinstance(found, Reject) else found

    def times(self, archive: str, path: str) -> list[datetime | None]:
        """From when on a file stood at a path, each time that one did."""
        opened = self._open(archive)
        return [] if opened is None else [since for one, since in opened.sources if one == path]

    def _open(self, name: str) -> _Opened | None:
        """An archive; None, with a word, where it can't be read."""
        if name not in self._opened:
            self._opened[name] = None
            owner = next((run.archive for run in self._runs.values() if run.source == self._source), name)
            try:
                archive = archive_of(self._moment, self._source if owner == name else None, name)
                request = Request(EVERYTHING, history=archive.history, moves=archive.moves)
                sources = sources_of(archive.input.listing(request).frame)
            except InputError as error:
                log.warning("the bytes of `%s` are not looked at: %s", name, error)
            else:
                settings = IngestSettings(**{key: self._runs[name].argument(key) for key in READING})
                by_place = {(one.source_path, one.valid_from): one for one in sources}
                self._opened[name] = _Opened(archive, settings.reading, by_place)
        return self._opened[name]
