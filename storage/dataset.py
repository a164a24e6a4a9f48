"""What other programs use: `parse` one source, `open` an output as it is at one moment, and `verify` it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import polars as pl

from pressmark.schemas import TABLES
from pressmark.storage.changes import changes_of, removals_of
from pressmark.storage.copies import clusters_at, kept_clusters, same_story
from pressmark.storage.errors import OutputError
from pressmark.storage.originals import Originals, Trace, trace_paragraph
from pressmark.storage.output.snapshot import output_at, snapshot
from pressmark.storage.output.state import moment_of
from pressmark.storage.output.tables import Output
from pressmark.storage.queries import articles_at
from pressmark.storage.runs import new_stamp
from pressmark.storage.search import Search, as_utc
from pressmark.storage.search_index import index_folder
from pressmark.storage.verification import Verification, verify_output
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse as parse_source
from pressmark.transforms.changes import CHANGES
from pressmark.transforms.comparison import differences
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.records import Article, Limits, Reject

__all__ = ["Dataset", "parse", "verify"]


def parse(
    data: bytes, *, path: str, archive: str = "archive", limits: Limits | None = None, latest: datetime = FAR_FUTURE
) -> Article | Reject:
    """The article in the bytes of one source, or the reject that says why there is none. Pure: reads no file but the
    registry of outlets that comes with the package, and never raises for bad data.

    `path` is the source's path in its archive, with `/`; a date after `latest` is no fact.

    Example:
        >>> found = parse(b"[A title](https://news.example/a)\\n------\\n<p>Text.</p>", path="a.md")
        >>> found.header.title, [paragraph.text for paragraph in found.paragraphs]
        ('A title', [b'Text.'])
    """
    return parse_source(bytes(data), path, load_outlets(), limits or Limits(), latest, archive=archive)


def verify(
    output: str | Path, source: str | Path | None = None, *, archive: str | None = None, workers: int | None = None
) -> Verification:
    """What re-reading the sources shows: laws 1 to 5 and 7 on every row. `source` is the input of the latest run."""
    count = workers or os.cpu_count() or 1
    return verify_output(Output(output), source, archive=archive, workers=count, progress=lambda *_: None)


class Dataset(contextlib.AbstractContextManager["Dataset"]):
    """An output as it was at the moment at which it was opened, whatever runs do meanwhile. Close it, or use it as a
    context, so that its files can go.

    Its tables are polars LazyFrames with the partition keys as columns: `articles` has one row for each article, its
    current revision; `paragraphs` one for each block of each article; `media` one for each picture, video, audio or
    embedded page; `revisions` superseded revisions, and tombstones of deleted sources; `rejects` sources that are no
    article, with the reason and their bytes; `runs` one row for each run; `audits` one for each disagreement that an
    audit found. `OUTPUT@RUN` is the output after its latest run, or after one whose moment is kept (`pressmark keep`).
    Raises `OutputError` where the address holds no output, or no such moment."""

    def __init__(self, output: str | Path) -> None:
        self._output = output_at(output)
        self._held = contextlib.ExitStack()
        held = self._held.enter_context(snapshot(self._output, f"dataset-{new_stamp().run_id}", digested=False))
        self._held_moment: Output | None = Output(held.folder)
        # Once, as finding all files of many partitions takes a while.
        self._tables = {name: self._moment.scan(table) for name, table in TABLES.items()}
        (
            self.articles, self.paragraphs, self.media, self.revisions, self.rejects, self.runs, self.audits
        ) = self._tables.values()  # fmt: skip

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._held_moment = None
        self._held.close()

    @property
    def _moment(self) -> Output:
        """The moment's files: without them each table would look like one without rows."""
        if self._held_moment is None:
            raise OutputError("this dataset is closed", self._output.address, "open it again")
        return self._held_moment

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """The block, in which an error names the output, and not the folder of its moment."""
        try:
            yield
        except OutputError as error:
            where = error.where.replace(str(self._moment.address), str(self._output.address))
            raise type(error)(error.what, where, error.remedy) from None

    @property
    def folder(self) -> Path:
        """Where the files of this moment lie, in folders as an output has them, until it is closed."""
        return Path(self._moment.address)

    def originals(self, source: str | None = None) -> Originals:
        """What reads the sources of articles again; `source` is the input of each archive's latest run."""
        return Originals(self._moment, source)

    def verify(self, source: str | Path | None = None, **options: str | int | None) -> Verification:
        """See `verify`; looks at the output as it is now."""
        return verify(self._output.address, source, **options)  # type: ignore[arg-type]

    def trace(self, paragraph_id: str, source: str | None = None, *, context: int = 80) -> Trace:
        """A paragraph's row, its article's, and its bytes in the source with `context` bytes on both sides."""
        with self._named():
            return trace_paragraph(self._moment, source, paragraph_id, context=context)

    def clusters(self, *, keep: bool = False) -> pl.DataFrame:
        """Articles and blocks that have a copy, each with its cluster, who was first, and how alike they are; see
        `storage/copies.py`. With `keep` they are kept beside the tables, and each run brings them up to date. Raises
        `LibraryError` without `pressmark[copies]`."""
        return clusters_at(self._output, self._moment, keep=keep)

    def kept_clusters(self) -> pl.DataFrame | None:
        """The clusters that are kept of this moment, as `clusters` gives them; None where none are."""
        return kept_clusters(self._output, self._moment)

    def same_story(self) -> pl.DataFrame:
        """Articles that are another copy or slug of an earlier one, whose id is `same_story`, and `by` what it is known
        (address, id, text): see `transforms/clusters.py`. It depends on all articles, so no row holds it."""
        return same_story(self.articles, self.paragraphs)

    def differences(self, newer: Dataset) -> pl.DataFrame:
        """The rows that came, went or changed from this moment to that of `newer`, in what, and why: see
        `transforms/comparison.py`."""
        return differences(self.tables(), newer.tables()).collect(engine="streaming")

    def changes(
        self,
        source: str | None = None,
        *,
        outlet: str | None = None,
        since: date | None = None,
        until: date | None = None,
        what: str | None = None,
        about: str | None = None,
    ) -> pl.DataFrame:
        """One row for each headline and paragraph that a revision added, removed, changed or moved, in the columns of
        `transforms/changes.py:CHANGES`: the latest day first, on it by outlet and time, the paragraphs of an article in
        the order of its newer revision.

        `what` is a list of `numbers`, `names`, `quotation`, `wording`, and `markup` where the text is the same in other
        bytes; ask for rows that have one of them with the argument of that name. `since` and `until` are days (whole,
        in UTC) or times, both included; `about` is a query, as of `search`, for title and
        texts. Ordinals, roles and bytes of superseded revisions, and changes of markup, are known as far as the archive
        still has the bytes: `source` is the input of its latest run. Raises `SettingsError` for what is no `what`, and
        for an outlet that does not exist."""
        found = changes_of(self._moment, source, outlet=outlet, since=since, until=until, what=what, about=about)
        return pl.concat([pl.DataFrame(schema=CHANGES), *found])

    def removals(
        self,
        source: str | None = None,
        *,
        outlet: str | None = None,
        since: date | None = None,
        until: date | None = None,
        about: str | None = None,
        carried: bool = False,
    ) -> pl.DataFrame:
        """One row for each thing that tells of a removal, the latest first, in the columns of
        `transforms/changes.py:REMOVALS`: a file that is gone (`deleted`) or no article any more (`rejected`), a header
        that says so (`said`), a text that became a notice (`notice`). `since`, `until` and `about` are as of
        `changes`. With `carried` also `carried_by`, the other current articles that have at least half of its last
        text, equal or edited, and how much: this compares all paragraphs, as `clusters` does. Raises `SettingsError`
        for an outlet that does not exist."""
        return removals_of(self._moment, source, outlet=outlet, since=since, until=until, about=about, carried=carried)

    def tables(self) -> dict[str, pl.LazyFrame]:
        """The tables by name."""
        return dict(self._tables)

    def root(self) -> str:
        """The root over all rows of the moment, computed from them: the one that the run's row has."""
        return moment_of(self._moment, anew=True).root

    def asof(self, moment: datetime) -> pl.DataFrame:
        """The articles as they stood at a moment (UTC where it names no zone), of archives that are there with their
        history."""
        with self._named():
            return articles_at(self._moment, as_utc(moment), text=True)[0]

    def search(
        self,
        query: str,
        *,
        outlet: str | None = None,
        since: date | None = None,
        until: date | None = None,
        role: str | None = None,
        superseded: bool = True,
        articles: pl.Series | None = None,
        oldest_first: bool = False,
        limit: int | None = 100,
    ) -> pl.DataFrame:
        """Blocks whose text a query finds, the newest first or `oldest_first`, then by `article_id` and `ordinal`:
        those of current articles, and with `superseded` those of earlier and deleted revisions of which none that comes
        before them has the text.

        A query has words and "phrases", of which each is found wherever its characters stand; all of them must be in
        the block, or those on one side of `OR`; none after `-` or `NOT`; parentheses group; `*` finds everything.
        Simplified and Traditional characters, upper and lower case, and full and half width are taken for the same.
        `since` and `until` are days (whole, in UTC) or times, both included; `limit` None gives all. A `role` finds
        current blocks alone, as no other have one; `articles` are the ids to look in.

        Columns: `paragraph_id`, `article_id`, `revision_id`, `outlet`, `title`, `url`, `published_at`, `role`,
        `ordinal`, `text`, `current`, and `spans`, where in `text` the phrases stand (code points, half-open). Blocks of
        superseded revisions have `revision_id`, and neither `paragraph_id` nor `role`. Raises `SettingsError` for a
        query that can't be read, and for an outlet or a role that does not exist."""
        return self._search.find(
            query, outlet=outlet, since=since, until=until, role=role,
            superseded=superseded, articles=articles, oldest_first=oldest_first, limit=limit,
        )  # fmt: skip

    @cached_property
    def _search(self) -> Search:
        return Search(self._moment, index_folder(self._output) if self._output.is_local else None)
