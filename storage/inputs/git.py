"""A git repository, bare or not: the files of a commit, and of those before it, without a checkout."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from storage.errors import InputError
from storage.inputs.commits import (
    CorruptObject,
    Line,
    changes_of,
    check_loose,
    commit_of,
    entry_at,
    main_line,
    opened,
    side_changes,
    tree_changes,
    tree_of,
)
from storage.inputs.names import ambiguous, named, path_of, source_paths
from storage.inputs.source import LINK_PROBLEM, Listing, Request, Source, too_large, unreadable
from storage.inputs.trees import LINK, REGULAR, REPOSITORY, Change, Entry
from transforms.periods import Event, Period, periods
from transforms.records import Limits, Reject

if TYPE_CHECKING:
    import pygit2

__all__ = ["GitRepository"]

PROBLEMS: Final = {LINK: LINK_PROBLEM, REPOSITORY: "a submodule is not read; ingest its own repository"}
MISSING: Final = "its object is missing or corrupt ({}); see `git fsck`, and fetch the repository again"


class GitRepository:
    """The repository at `path` as `ref` (HEAD by default) has it, below the folder `subdir`."""

    deletes = True
    streamed = False

    def __init__(self, path: Path, ref: str | None, subdir: str) -> None:
        self._path = path
        self._ref = ref or "HEAD"
        self._subdir = subdir

    def listing(self, request: Request) -> Listing:
        repository = opened(self._path)
        head = self._head(repository)
        if tree_of(repository, head, self._subdir) is None:
            raise InputError(f"commit {head.id} has no folder `{self._subdir}`", self._path, "name one that it has")
        notes = []
        line = main_line(repository, head, request.since)
        if request.since is not None and not line.reached:
            notes.append(self._lost(repository, request.since.commit))
        walked = self._walk(repository, line, request)
        if line.reached and self._renames_others(repository, head, walked.names):
            # What a name's path is depends on the other names, so all of them are listed.
            line = main_line(repository, head, None)
            walked = self._walk(repository, line, request)
        sources, left_out = self._sources(repository, walked, request)
        return Listing(
            sources,
            complete=not line.reached,
            ended=walked.ended,
            changed=walked.changed,
            left_out=left_out,
            commit=str(head.id),
            committed_at=line.steps[-1].at if line.steps else request.since and request.since.committed_at,
            notes=tuple(notes),
        )

    def find(self, paths: Iterable[str]) -> list[Source]:
        repository = opened(self._path)
        changes = tree_changes(repository, None, [tree_of(repository, self._head(repository), self._subdir)])
        entries = {change.path: change.after for _, change in changes if change.after is not None}
        wanted = set(paths)
        return [
            _source(repository, path, entry, None, None)
            for path, entry in zip(source_paths([named(raw) for raw in entries]), entries.values(), strict=True)
            if path in wanted
        ]

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        repository = opened(self._path)
        for source in sources:
            yield source, _read(repository, source, limits)

    def _head(self, repository: pygit2.Repository) -> pygit2.Commit:
        import pygit2

        try:
            return repository.revparse_single(self._ref).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise InputError(
                f"the repository has no commit `{self._ref}` ({error})", self._path,
                "name a branch, a tag or a commit that it has, after an `@`",
            ) from error  # fmt: skip

    def _lost(self, repository: pygit2.Repository, commit: str) -> str:
        why = "is not in the repository any more" if commit not in repository else "is not among those that led here"
        shallow = "; this is a shallow clone" if repository.is_shallow else ""
        return f"the commit of the latest run, {commit[:12]}, {why}{shallow}: all files are compared by their hashes"

    def _walk(self, repository: pygit2.Repository, line: Line, request: Request) -> _Walked:
        since = request.since.commit if request.since is not None else None
        found = changes_of(self._path, self._subdir, line, since, request.pool, request.progress)
        events = [Event(change.path, line.steps[position].at, change.after) for position, change in found]
        made = periods(events)
        all_periods = list(made.all)
        if request.history:
            all_periods += _beside(repository, line, found, self._subdir)
        kept = [period for period in all_periods if _is_kept(period, history=request.history)]
        raw_names = list(dict.fromkeys(period.path for period in kept))
        names = [named(raw) for raw in raw_names]
        paths = dict(zip(raw_names, source_paths(names), strict=True))
        all_paths = {raw: paths.get(raw) or path_of(named(raw)) for raw in made.first}
        latest = {event.path: event.at for event in events}
        changes = made.first if line.reached else latest
        return _Walked(
            kept,
            paths,
            {name: raw for raw, name in zip(raw_names, names, strict=True)},
            {
                (all_paths[period.path], period.valid_from): period.valid_to
                for period in made.all
                if period.valid_to is not None
            },
            {all_paths[raw]: at for raw, at in changes.items() if at is not None},
        )

    def _renames_others(self, repository: pygit2.Repository, head: pygit2.Commit, names: Mapping[str, bytes]) -> bool:
        """Whether the path of one of these names depends on names that are not among them."""
        if ambiguous(names):
            return True
        root = tree_of(repository, head, self._subdir)
        decomposed = (unicodedata.normalize("NFD", name) for name in names if not name.isascii())
        return any(entry_at(repository, root, name) is not None for name in decomposed if name not in names)

    def _sources(self, repository: pygit2.Repository, walked: _Walked, request: Request) -> tuple[list[Source], int]:
        takes = {path: request.selection.takes(path) for path in set(walked.paths.values())}
        sources = [
            _source(repository, walked.paths[raw], entry, valid_from, valid_to)
            for raw, entry, valid_from, valid_to in walked.periods
            if takes[walked.paths[raw]]
        ]
        left_out = Counter(takes[walked.paths[period.path]] for period in walked.periods)[False]
        return sorted(sources, key=_order), left_out


class _Walked(NamedTuple):
    """Periods of files, their paths, the names that have these, when known periods ended, and paths that changed."""

    periods: list[Period[bytes, Entry]]
    paths: dict[bytes, str]
    names: dict[str, bytes]
    ended: dict[tuple[str, datetime | None], datetime]
    changed: dict[str, datetime]


def _beside(
    repository: pygit2.Repository, line: Line, found: list[tuple[int, Change]], subdir: str
) -> Iterator[Period[bytes, Entry]]:
    """What was committed on branches and is not what their merge has: periods of no length, at its time."""
    brought: dict[int, set[Change]] = {}
    for position, change in found:
        brought.setdefault(position, set()).add(change)
    for position, step in enumerate(line.steps):
        seen = brought.get(position, set())
        for change in side_changes(repository, step.commit, subdir):
            if change.after is not None and change not in seen and not _has(repository, step.commit, subdir, change):
                seen.add(change)
                yield Period(change.path, change.after, step.at, step.at)


def _is_kept(period: Period[bytes, Entry], *, history: bool) -> bool:
    """Of what no longer stands only files are kept: links and submodules have no bytes of their own."""
    return period.valid_to is None or (history and period.content.kind == REGULAR)


def _order(source: Source) -> tuple[str, bool, datetime | None, str]:
    return source.source_path, source.valid_from is not None, source.valid_from, source.locator


def _source(
    repository: pygit2.Repository, path: str, entry: Entry, valid_from: datetime | None, valid_to: datetime | None
) -> Source:
    import pygit2

    locator = entry.blob.hex()
    if entry.kind != REGULAR:
        return Source(path, locator, 0, PROBLEMS[entry.kind], valid_from, valid_to)
    try:
        check_loose(repository, locator)
        size = repository.odb.read_header(pygit2.Oid(raw=entry.blob))[1]
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        return Source(path, locator, 0, MISSING.format(error), valid_from, valid_to)
    return Source(path, locator, size, None, valid_from, valid_to)


def _read(repository: pygit2.Repository, source: Source, limits: Limits) -> bytes | Reject:
    import pygit2

    if source.problem is not None:
        return unreadable(source, source.problem)
    try:
        check_loose(repository, source.locator)
        data: bytes = repository.odb.read(pygit2.Oid(hex=source.locator))[1]
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        return unreadable(source, MISSING.format(error))
    if len(data) > limits.source_bytes:
        return too_large(source, hashlib.sha256(data).hexdigest(), len(data), limits)
    return data


def _has(repository: pygit2.Repository, commit: str, subdir: str, change: Change) -> bool:
    """Whether a commit has what a change brought at its path."""
    root = tree_of(repository, commit_of(repository, commit), subdir)
    return change.after is not None and entry_at(repository, root, named(change.path)) == change.after.blob
