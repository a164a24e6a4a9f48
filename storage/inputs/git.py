"""A git repository, bare or not: the files of a commit, and of those before it, without a checkout."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import TIMESTAMP
from pressmark.storage.errors import InputError
from pressmark.storage.inputs.commits import (
    CONTENT,
    MISSING,
    CorruptObject,
    Line,
    change_rows,
    changes_of,
    check_loose,
    check_tip,
    commit_of,
    entry_at,
    main_line,
    opened,
    parent_ids,
    side_changes,
    tree_changes,
    tree_of,
    unverified,
)
from pressmark.storage.inputs.names import ambiguous, named, path_column, path_of
from pressmark.storage.inputs.source import EVERYTHING, Listing, Request, Source, too_large, unreadable
from pressmark.storage.inputs.sources import SOURCE_SCHEMA, Sources
from pressmark.storage.inputs.trees import REGULAR, Change
from pressmark.storage.later import Later
from pressmark.transforms.periods import periods
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import Selection

if TYPE_CHECKING:
    import pygit2

__all__ = ["GitRepository"]

# Changes are made to periods so many at a time.
PART_ROWS: Final = 16384
# A file is mostly a delta of one that was committed right before it, and to unpack it git needs all of its chain.
WINDOW_BYTES: Final = 12 << 20


class GitRepository:
    """The repository at `path` as `ref` (HEAD by default) has it, below the folder `subdir`."""

    deletes = True
    streamed = False
    window_bytes = WINDOW_BYTES

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
        if line.reached and self._renames_others(repository, head, walked):
            # What a name's path is depends on the other names, so all of them are listed.
            line = main_line(repository, head, None)
            walked = self._walk(repository, line, request)
        # What the walk took lies in many small pieces, which stay with this process until it asks for them.
        pa.default_memory_pool().release_unused()
        sources, left_out = _sources(walked, request.selection)
        ended, changed = _times(walked)
        return Listing(
            sources,
            complete=not line.reached,
            ended=ended,
            changed=changed,
            left_out=left_out,
            commit=str(head.id),
            committed_at=line.steps[-1].at if line.steps else request.since and request.since.committed_at,
            notes=tuple(notes),
        )

    def find(self, paths: Iterable[str]) -> list[Source]:
        repository = opened(self._path)
        changes = tree_changes(repository, None, [tree_of(repository, self._head(repository), self._subdir)])
        rows = change_rows(repository, changes)
        nowhen = pa.nulls(len(rows), TIMESTAMP)
        rows = rows.append_column("at", nowhen).append_column("until", nowhen)
        wanted = set(paths)
        sources, _ = _sources(_Walked(rows, path_column(rows["path"]), rows, None), EVERYTHING)
        return [source for source in sources if source.source_path in wanted]

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        repository = opened(self._path)
        # `_verified` does the check itself, in a quarter of the time.
        with unverified():
            for source in sources:
                yield source, _read(repository, source, limits)

    def _head(self, repository: pygit2.Repository) -> pygit2.Commit:
        import pygit2

        check_tip(repository, self._ref)
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
        times = pa.array([step.at for step in line.steps], TIMESTAMP)
        beside = list(_beside(repository, line, found, self._subdir)) if request.history else []
        kept, ended, first = [], [], []
        parts = _by_path(found)
        # What is cut into parts is a copy, and both at once would be half of all that a listing takes.
        del found
        for events in parts:
            made = periods(events.append_column("at", times.take(events["position"].combine_chunks())), CONTENT)
            stands = pc.is_null(made.all["until"])
            # Of what no longer stands only files are kept: links and submodules have no bytes of their own.
            is_file = pc.and_(pc.equal(made.all["kind"], REGULAR), request.history)
            kept.append(made.all.filter(pc.or_(stands, is_file)))
            ended.append(made.all.select(["path", "at", "until"]).filter(pc.invert(stands)))
            first.append(made.first if line.reached else made.first.slice(0, 0))
        if beside:
            rows = change_rows(repository, beside)
            at = times.take(rows["position"].combine_chunks())
            kept.append(rows.append_column("at", at).append_column("until", at))
        periods_kept = pa.concat_tables(kept)
        return _Walked(
            periods_kept,
            path_column(periods_kept["path"]),
            pa.concat_tables(ended),
            pa.concat_tables(first) if line.reached else None,
        )

    def _renames_others(self, repository: pygit2.Repository, head: pygit2.Commit, walked: _Walked) -> bool:
        """Whether the path of one of these files depends on names that are not among them."""
        names = {named(raw) for raw in pc.unique(walked.periods["path"]).to_pylist()}
        if ambiguous(names):
            return True
        root = tree_of(repository, head, self._subdir)
        decomposed = (unicodedata.normalize("NFD", name) for name in names if not name.isascii())
        return any(entry_at(repository, root, name) is not None for name in decomposed if name not in names)


def _by_path(changes: pa.Table) -> Iterator[pa.Table]:
    """Changes in parts that each have all changes at some paths: one at least, so that there is a schema."""
    changes = changes.combine_chunks()
    order = pc.sort_indices(changes, sort_keys=[("path", "ascending"), ("position", "ascending")])
    start = 0
    while start < len(order) or start == 0:
        stop = min(start + PART_ROWS, len(order))
        while (
            0 < stop < len(order) and changes["path"][order[stop].as_py()] == changes["path"][order[stop - 1].as_py()]
        ):
            stop += 1
        yield changes.take(order[start:stop])
        start = max(stop, 1)


class _Walked(NamedTuple):
    """Periods of files and their paths; which periods that the commits tell of ended; and the first changes after the
    commit that the walk began at, if it did."""

    periods: pa.Table
    paths: pa.ChunkedArray
    ended: pa.Table
    first: pa.Table | None


def _sources(walked: _Walked, selection: Selection) -> tuple[Sources, int]:
    """The sources that a selection takes, and how many it does not."""
    taken = pa.chunked_array([selection.taken(paths) for paths in walked.paths.chunks], pa.bool_())
    rows = walked.periods.append_column("source_path", walked.paths)
    left_out = len(taken) - (pc.sum(taken).as_py() or 0)
    if left_out:
        rows = rows.filter(taken)
    versions = pa.repeat("", len(rows))
    rows = rows.append_column("version", versions).rename_columns({"at": "valid_from", "until": "valid_to"})
    sources = Sources(rows.select(SOURCE_SCHEMA.names).cast(SOURCE_SCHEMA))
    return sources.sorted_by("source_path", "valid_from", "locator"), left_out


def _times(walked: _Walked) -> tuple[Mapping[tuple[str, datetime | None], datetime], Mapping[str, datetime | None]]:
    """When periods ended, and when paths changed: see `Listing`. Found out where somebody asks, as that is a lot of a
    whole history."""

    def known() -> Mapping[bytes, str]:
        return dict(zip(walked.periods["path"].to_pylist(), walked.paths.to_pylist(), strict=True))

    path = Later(known)

    def all_of(rows: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
        for raw, *values in zip(*(rows[name].to_pylist() for name in ("path", *columns)), strict=True):
            yield (path.get(raw) or path_of(named(raw)), *values)

    def changed() -> Mapping[str, datetime | None]:
        if walked.first is not None:
            return {name: at for name, at in all_of(walked.first, "at") if at is not None}
        latest = dict(all_of(walked.ended, "until"))
        standing = walked.periods.filter(pc.is_null(walked.periods["until"]))
        return {**latest, **{name: at for name, at in all_of(standing, "at") if at is not None}}

    return Later(lambda: {(name, at): until for name, at, until in all_of(walked.ended, "at", "until")}), Later(changed)


def _beside(repository: pygit2.Repository, line: Line, found: pa.Table, subdir: str) -> Iterator[tuple[int, Change]]:
    """What was committed on branches and is not what their merge has, which gets no time to stand; with the merge's
    position."""
    merges = [number for number, step in enumerate(line.steps) if len(parent_ids(repository, step.commit)) > 1]
    brought: dict[int, set[tuple[bytes, bytes | None]]] = {merge: set() for merge in merges}
    with_merges = found.filter(pc.is_in(found["position"], value_set=pa.array(merges, pa.int32())))
    for row in with_merges.select(["position", "path", "locator"]).to_pylist():
        brought[row["position"]].add((row["path"], row["locator"]))
    checked = {step.commit for step in line.steps}
    for position, seen in brought.items():
        commit = line.steps[position].commit
        for change in side_changes(repository, commit, subdir, checked):
            if change.after is None:
                continue
            key = change.path, change.after.blob.hex().encode()
            if key not in seen and not _has(repository, commit, subdir, change):
                seen.add(key)
                yield position, change


def _read(repository: pygit2.Repository, source: Source, limits: Limits) -> bytes | Reject:
    import pygit2

    if source.problem is not None:
        return unreadable(source, source.problem)
    try:
        check_loose(repository, source.locator)
        data = _verified(repository, source.locator)
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        return unreadable(source, MISSING.format(error))
    if len(data) > limits.source_bytes:
        return too_large(source, hashlib.sha256(data).hexdigest(), len(data), limits)
    return data


def _verified(repository: pygit2.Repository, object_id: str) -> bytes:
    """A file's bytes; raises `CorruptObject` where they are not those of its id."""
    import pygit2

    data: bytes = repository.odb.read(pygit2.Oid(hex=object_id))[1]
    digest = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    if digest.hexdigest() != object_id:
        raise CorruptObject(f"object hash mismatch - expected {object_id} but got {digest.hexdigest()}")
    return data


def _has(repository: pygit2.Repository, commit: str, subdir: str, change: Change) -> bool:
    """Whether a commit has what a change brought at its path."""
    root = tree_of(repository, commit_of(repository, commit), subdir)
    return change.after is not None and entry_at(repository, root, named(change.path)) == change.after.blob
