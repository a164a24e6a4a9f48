"""What a run is asked to do, and what of it there is to do: compares what an input lists with what is published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pressmark.schemas.contract import Period
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.inputs.opening import Address
from pressmark.storage.inputs.source import ArchiveLimits, Input, Listing, Request, Since, Source
from pressmark.storage.inputs.sources import Sources
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import LastRun
from pressmark.storage.state import KnownRevision, State
from pressmark.storage.versions import parser_version
from pressmark.storage.work import EARLIEST
from pressmark.storage.workers import Workers
from pressmark.transforms.plan import Found, Known, decide
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import EVERY_ARTICLE, Selection, Wanted

__all__ = ["Plan", "Settings", "plan_sources", "request_for"]

PROGRESS_EVERY: Final = 500
PART_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked to do. `absent_is_deleted` is what the input says by default: a git repository does."""

    source: Path | str
    output: Path | str
    workers: int = 1
    absent_is_deleted: bool | None = None
    limits: Limits = field(default_factory=Limits)
    selection: Selection = field(default_factory=Selection)
    history: bool = False
    archive_limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    wanted: Wanted = EVERY_ARTICLE
    partition_by: Period | None = None
    part_bytes: int = PART_BYTES
    dask: str | None = None
    single_writer: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")
        if self.part_bytes < 1:
            raise ValueError(f"a part must have room for a byte, not {self.part_bytes}")

    @property
    def output_at(self) -> Output:
        """The output."""
        return Output(self.output, self.single_writer)

    @property
    def staging_facts(self) -> dict[str, Any]:
        """What must be the same for a run to go on where a stopped one was."""
        return {
            "source": str(self.source), "sync": self.absent_is_deleted, "history": self.history,
            "selection": [*self.selection.include, "", *self.selection.exclude], **asdict(self.limits),
            "partition_by": self.partition_by, "wanted": json.loads(json.dumps(self.wanted._asdict(), default=str)),
        }  # fmt: skip

    def period(self, last: LastRun | None) -> Period:
        """What the output is partitioned by; raises `OutputError` where it is by something else already."""
        before: Period | None = last.argument("partition_by", "month") if last is not None else None
        if self.partition_by is not None and before is not None and before != self.partition_by:
            raise OutputError(
                f"this output is partitioned by {before}", self.output,
                f"leave out `--partition {self.partition_by}`, or ingest into another output",
            )  # fmt: skip
        return self.partition_by or before or "month"

    def deletes(self, archive: Input) -> bool:
        """Whether what is absent from the input counts as deleted."""
        return archive.deletes if self.absent_is_deleted is None else self.absent_is_deleted

    def arguments(self, archive: Input, *, history: bool, period: Period) -> str:
        """The settings that can change rows, as a JSON object; paths of the machine are left out."""
        facts = {
            "sync": self.deletes(archive),
            "history": history,
            "include": self.selection.include,
            "exclude": self.selection.exclude,
            **asdict(self.limits),
            **asdict(self.archive_limits),
            "partition_by": period,
        }
        if not self.wanted.everything:
            facts["wanted"] = self.wanted._asdict()
        return json.dumps(facts, sort_keys=True, default=str)


class Plan(NamedTuple):
    """Sources to parse, in the order in which the input is best read, and paths that are gone; the sources that the
    archive has, and how many of them are as they were. `required` are paths that must be parsed whatever the run asks
    for, as something is published of them or rests on them."""

    sources: Sequence[Source]
    gone: list[str]
    found: int
    unchanged: int
    required: frozenset[str] = frozenset()


def request_for(
    settings: Settings, address: Address, archive: Input, last: LastRun | None, progress: Callable[[int], None]
) -> Request:
    """What to ask of the input: all of it, or only what changed since the latest run, where that one was the same.

    History that was asked for once is kept up. Raises `InputError` where it is asked of an input that has none.
    """
    if address.kind != "git":
        if settings.history:
            raise InputError(
                "only a git repository has a history",
                str(settings.source),
                "leave out `--history`, or name the repository",
            )
        return Request(settings.selection, settings.output_at.folder, progress=progress)
    continued = last is not None and last.source == str(settings.source)
    history = settings.history or (continued and last is not None and bool(last.argument("history")))
    since = None
    if (
        continued
        and last is not None
        and last.commit is not None
        and last.committed_at is not None
        and not last.partial
        and last.arguments == settings.arguments(archive, history=history, period=settings.period(last))
        and last.parser_version == parser_version()
    ):
        since = Since(last.commit, last.committed_at)
    return Request(settings.selection, settings.output_at.folder, since, history, progress, _Pool(settings.workers))


class _Pool:
    """Processes for as long as one call takes."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __call__(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        with Workers(min(self._workers, max(len(tasks), 1))) as workers:
            yield from workers.map(work, tasks)


def plan_sources(
    settings: Settings,
    archive: Input,
    listing: Listing,
    state: Callable[[], State],
    last: LastRun | None,
    progress: Callable[[int, int], None],
    *,
    history: bool,
) -> Plan:
    """Compare a listing with what is published, which is read only where it matters.

    Raises `OutputError` where the output seems to be another archive's.
    """
    known_state = None
    if listing.complete:
        known_state = state()
        if known_state.is_empty:
            return _first_plan(settings, archive, Sources.of(listing.sources))
    sources = list(listing.sources)
    paths = {source.source_path for source in sources} | listing.changed.keys()
    if not listing.complete and not paths:
        found = listing.total if listing.total is not None else last.sources if last is not None else 0
        return Plan([], [], found, found)
    known_state = known_state or state()
    rows = known_state.all() if listing.complete else known_state.at(paths)
    known = [row for row in _known(settings, rows, known_state) if listing.complete or row.source_path in paths]
    known_paths = {row.source_path for row in known}
    # Only a known source can be unchanged, so only these are hashed before they are parsed.
    positions = [position for position, source in enumerate(sources) if source.source_path in known_paths]
    hashes = dict(zip(positions, _hashes([sources[p] for p in positions], archive, settings, progress), strict=True))
    decision = decide(
        [
            Found(source.source_path, hashes.get(position), source.valid_from, source.valid_to)
            for position, source in enumerate(sources)
        ],
        # What the selection does not take is not missed.
        [row for row in known if settings.selection.takes(row.source_path)],
        absent_is_deleted=settings.deletes(archive),
    )
    standing = {source.source_path for source in sources if source.valid_to is None}
    if settings.absent_is_deleted is None and listing.complete and decision.gone and not standing & known_paths:
        raise OutputError(
            f"this archive has none of the {len(decision.gone)} sources that the output holds", settings.output,
            "give another folder to another archive, or `--sync` to have them deleted, or `--no-sync` to keep them",
        )  # fmt: skip
    to_parse = set(decision.parse)
    unchanged = len(sources) - len(to_parse)
    heirs = {row.source_path: row for row in known_state.of(decision.lost) if row.live and not row.current}
    to_parse.update(p for p, source in enumerate(sources) if source.source_path in heirs and source.valid_to is None)
    found = len(sources)
    chosen = [sources[position] for position in sorted(to_parse)]
    if not listing.complete:
        missing = heirs.keys() - standing - set(decision.gone)
        chosen += (
            [source._replace(valid_from=heirs[source.source_path].valid_from) for source in archive.find(missing)]
            if missing
            else []
        )
        before = last.sources if last is not None else 0
        # Everything else that the latest run found is as it was.
        ended = 0 if history else len({row.source_path for row in known if row.valid_to is None})
        found = before + len(sources) - ended if listing.total is None else listing.total
        unchanged = found - len(chosen)
    if archive.streamed:
        chosen.sort(key=lambda source: int(source.locator))
    else:
        # What was committed together lies together in a pack, and git unpacks it three times as fast in that order.
        chosen.sort(key=lambda source: source.valid_from or EARLIEST)
    if settings.wanted.everything:
        return Plan(chosen, decision.gone, found, unchanged)
    required = frozenset(known_paths | heirs.keys())
    others = (source for source in chosen if source.source_path not in required)
    taken = set(islice(others, settings.wanted.limit))
    chosen = [source for source in chosen if source.source_path in required or source in taken]
    return Plan(chosen, decision.gone, found, unchanged, required)


def _first_plan(settings: Settings, archive: Input, sources: Sources) -> Plan:
    """All sources: nothing is known of any."""
    if archive.streamed:
        chosen: Sequence[Source] = sorted(sources, key=lambda source: int(source.locator))
    else:
        chosen = sources.sorted_by("valid_from") if sources.column("valid_from").null_count < len(sources) else sources
    return Plan(chosen[: settings.wanted.limit] if settings.wanted.limit else chosen, [], len(sources), 0)


def _known(settings: Settings, rows: Sequence[KnownRevision], state: State) -> Iterator[Known]:
    for row in rows:
        yield Known(
            row.source_path,
            row.source_sha256,
            row.stale,
            row.article_id,
            row.current,
            row.valid_from,
            row.valid_to,
        )
    for reject in state.rejects:
        fits_now = reject.reason == "too_large" and reject.source_bytes <= settings.limits.source_bytes
        yield Known(reject.source_path, reject.source_sha256, reject.stale or fits_now, article_id=None, current=False)


def _hashes(
    sources: Sequence[Source], archive: Input, settings: Settings, progress: Callable[[int, int], None]
) -> list[str | None]:
    """Hash of each source's bytes; None where it can't be read."""
    found: dict[tuple[str, str], str | None] = {}
    # One thread is quickest here: sources are small, and threads would wait for each other's turn.
    for done, (source, data) in enumerate(archive.contents(sources, settings.limits), 1):
        sha256 = data.source_sha256 if isinstance(data, Reject) else hashlib.sha256(data).hexdigest()
        found[source.source_path, source.locator] = sha256
        if done % PROGRESS_EVERY == 0:
            progress(done, len(sources))
    return [found[source.source_path, source.locator] for source in sources]
