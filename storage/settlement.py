"""Decides which partitions change and how: joins staged rows with published ones.

Reads identities and hashes only; titles and texts move in `superseded`, all other rows in the merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.storage.output.tables import Output
from pressmark.storage.staged import IDENTITIES, IDENTITY_COLUMNS, VALID_TO, StagedIndex, articles_beside, read_staged
from pressmark.storage.state import KnownReject, KnownRevision, State
from pressmark.storage.superseded import Origin, Superseded, Superseding
from pressmark.storage.work import PartitionWork
from pressmark.storage.workspace import Workspace
from pressmark.transforms.records import Partition, Stamp
from pressmark.transforms.revise import Revision, Standing, row_id, settle

__all__ = ["Endings", "Settlement", "settle_run"]

REJECT_COLUMNS: Final = ("source_path", "source_sha256", "source_bytes", "reason", "detail", VALID_TO)

ID_START: Final = 8

Place = tuple[str, Partition | None]
Key = tuple[str, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Partition files to write, in the order to publish them; where rows for them are staged; and staged rows that are
    not to be published: owners of articles and positions of rejects, by the staged file's stem."""

    work: list[PartitionWork]
    staged: StagedIndex
    dropped_owners: dict[str, set[int]]
    dropped_rejects: dict[str, set[int]]


@dataclass(frozen=True, slots=True)
class Endings:
    """When sources that no longer stand ended: what the input tells of that (see `Listing`), else `at`. `complete`
    tells that all of the input is known, not only what changed."""

    at: datetime
    complete: bool = True
    ended: Mapping[tuple[str, datetime | None], datetime] = field(default_factory=dict)
    changed: Mapping[str, datetime | None] = field(default_factory=dict)

    def of(self, row: KnownRevision) -> datetime:
        """When the source of a row that was thought to stand was replaced or deleted."""
        path = row.source_path
        return self.ended.get((path, row.valid_from)) or self.changed.get(path) or self.at

    def unknown(self, row: KnownRevision) -> bool:
        """Whether the input knows of no source that stood from then on: it has no commits, or other ones now."""
        return self.complete and (row.source_path, row.valid_from) not in self.ended


class _Accepted(NamedTuple):
    """A source that this run accepted, and where its rows lie."""

    article_id: str
    revision: Revision
    file: str
    partition: Partition
    owner: int


def settle_run(
    output: Output,
    state: State,
    workspace: Workspace,
    gone: Collection[str],
    endings: Endings,
    stamp: Stamp,
    *,
    history: bool,
) -> Settlement:
    """Settle which revision of each touched article is current, and stage the rows of those that are not.

    `gone` are paths whose sources no longer exist; with `history` what was rejected there stays. Rows for `revisions`
    are staged in files named `settled-…`.
    """
    changes = _Changes()
    rejected = list(_rejected(workspace))
    dropped_rejects = _settle_rejects(changes, state, workspace, rejected, gone, history=history)
    accepted = _accepted(workspace, state, changes, stamp)
    replaced = set(gone)
    replaced.update(row.known.source_path for row in rejected if row.stands)
    replaced.update(path for (path, _, _), source in accepted.items() if source.revision.valid_to is None)

    at_paths = state.at(replaced | {path for path, _, _ in accepted})
    touched = {source.article_id for source in accepted.values()}
    touched.update(row.article_id for row in at_paths if row.live and row.source_path in replaced)
    known = {(_key(row), row.current): row for row in [*at_paths, *state.of(touched)]}.values()

    superseded = Superseded(output, workspace, stamp)
    settled = _Settled(changes, superseded, accepted, [row for row in known if row.article_id in touched])
    for article_id in sorted(touched):
        settled.settle_article(article_id, replaced, endings)
    for row in known:
        if _key(row) in accepted or (row.live and row.article_id in touched and _key(row) not in settled.kept):
            changes.drop_known(row)
    superseded.write("settled")
    return Settlement(changes.work(), StagedIndex(workspace), settled.dropped_owners, dropped_rejects)


class _Settled:
    """What the settling of articles adds, keeps and leaves out."""

    def __init__(
        self,
        changes: _Changes,
        superseded: Superseded,
        accepted: dict[Key, _Accepted],
        known: Sequence[KnownRevision],
    ) -> None:
        self.kept: set[Key] = set()
        self.dropped_owners: dict[str, set[int]] = defaultdict(set)
        self._changes = changes
        self._superseded = superseded
        self._accepted = accepted
        self._known = {_key(row): row for row in known if row.live}
        # What ended before stays as it is, unless what came in its place is only known now: runs for a part of an
        # archive see that in any order.
        self._ended = {
            key: row for row in known if not row.live and (key := _key(row)) not in accepted and key not in self._known
        }
        self._new: dict[str, list[Revision]] = defaultdict(list)
        self._standing: set[tuple[str, str]] = set()
        for key, source in accepted.items():
            # What is only parsed again came before.
            came_at = source.revision.valid_from if key in self._known else source.revision.came_at
            self._new[source.article_id].append(source.revision._replace(came_at=came_at))
            if source.revision.valid_to is None:
                self._standing.add(key[:2])
        self._before: dict[str, list[KnownRevision]] = defaultdict(list)
        for row in (*self._known.values(), *self._ended.values()):
            self._before[row.article_id].append(row)

    def settle_article(self, article_id: str, replaced: Collection[str], endings: Endings) -> None:
        revisions = list(self._new[article_id])
        for row in self._before[article_id]:
            revision = _revision(row)
            if row.source_path not in replaced or not row.live:
                revisions.append(revision)
            elif not self._is_repeated(row, endings):
                revisions.append(revision._replace(valid_to=endings.of(row)))
        current, standings = settle(revisions, self._presentable)
        if current is None:
            self.kept.update(_key(revision) for revision in revisions if revision.valid_to is None)
        elif (source := self._accepted.get(_key(current))) is not None:
            for table in ("articles", "paragraphs"):
                self._changes.add(table, source.partition, (article_id,))
        else:
            self.kept.add(_key(current))
        for standing in standings:
            self._stand(article_id, standing)

    def _is_repeated(self, row: KnownRevision, endings: Endings) -> bool:
        """Whether this run parsed a source again, or found from when on it stands."""
        return _key(row) in self._accepted or (endings.unknown(row) and _key(row)[:2] in self._standing)

    def _presentable(self, revision: Revision) -> bool:
        # The plan has the heirs of every current revision that goes parsed, so others than these exist only where
        # the input does not show them.
        key = _key(revision)
        return key in self._accepted or self._known[key].current

    def _stand(self, article_id: str, standing: Standing) -> None:
        key = _key(standing.revision)
        source, known = self._accepted.get(key), self._known.get(key)
        if (ended := self._ended.get(key)) is not None:
            if standing.superseded_by in (None, ended.superseded_by):
                return
            self._changes.drop_known(ended)
            known = ended
        if source is not None:
            self.dropped_owners[source.file.rpartition(".")[0]].add(source.owner)
        elif known is not None and (
            not known.current and standing.revision.valid_to is None and known.superseded_by == standing.superseded_by
        ):
            self.kept.add(key)
            return
        file, partition = (
            (source.file, source.partition) if source is not None else _published(known or self._known[key])
        )
        self._superseded.add(Superseding(file, partition, article_id, standing, is_new=known is None))
        self._changes.add("revisions", partition, (row_id(*key),))


class _Changes:
    """Rows to drop and to add, per table and partition."""

    def __init__(self) -> None:
        self._dropped: dict[Place, dict[tuple[str, ...], Any]] = defaultdict(dict)
        self._added: dict[Place, set[tuple[str, ...]]] = defaultdict(set)

    def drop(self, table: str, partition: Partition | None, key: tuple[str, ...], near: Any) -> None:
        """Drop the row with a key, whose first sort key is `near`."""
        self._dropped[table, partition][key] = near

    def drop_known(self, row: KnownRevision) -> None:
        if row.current:
            self.drop("articles", row.partition, (row.article_id,), row.published_at)
            self.drop("paragraphs", row.partition, (row.article_id,), row.published_at)
        else:
            self.drop("revisions", row.partition, (row_id(*_key(row)),), row.published_at)

    def touch(self, partition: Partition) -> None:
        """Have a partition's articles and paragraphs written, whatever else comes of it."""
        for table in ("articles", "paragraphs"):
            self._added[table, partition].update()

    def add(self, table: str, partition: Partition | None, key: tuple[str, ...]) -> None:
        self._added[table, partition].add(key)

    def work(self) -> list[PartitionWork]:
        """Partitions in the order to publish them: those that rows leave for another one come first, so that no
        reader sees a row twice, and `articles` comes after the other tables of its partition."""
        origin = {(place[0], key): place for place, keys in self._dropped.items() for key in keys}
        leaving, entering = set(), set()
        for place, keys in self._added.items():
            for key in keys:
                before = origin.get((place[0], key), place)
                if before != place:
                    leaving.add(before)
                    entering.add(place)
        places = sorted(
            self._dropped.keys() | self._added.keys(),
            key=lambda place: (place not in leaving, place[1] or ("", ""), place[0] == "articles", place[0]),
        )
        return [
            PartitionWork(
                *place,
                self._dropped.get(place, {}),
                place in leaving,
                place in leaving and place in entering,
            )
            for place in places
        ]


def _accepted(workspace: Workspace, state: State, changes: _Changes, stamp: Stamp) -> dict[Key, _Accepted]:
    """Sources that this run accepted, but for those that nothing stands against: an article that no other source and
    no published row is about only marks its partition as changed."""
    files = workspace.names(IDENTITIES)
    contested, known_paths = _repeated(workspace, files), pa.array([], pa.string())
    if state.revisions.num_rows:
        ids, paths = _column(workspace, files, "article_id"), _column(workspace, files, "source_path")
        known = pc.unique(state.revisions["article_id"].filter(pc.is_in(state.revisions["article_id"], ids)))
        contested = pc.unique(pa.concat_arrays([contested, known]))
        known_paths = pc.unique(state.revisions["source_path"].filter(pc.is_in(state.revisions["source_path"], paths)))
    accepted: dict[Key, _Accepted] = {}
    for path in files:
        index, staged = read_staged(workspace, path, IDENTITY_COLUMNS)
        stands = pc.or_(pc.is_in(staged["article_id"], contested), pc.is_in(staged["source_path"], known_paths))
        owners = pc.indices_nonzero(pc.or_(stands, pc.is_valid(staged[VALID_TO])))
        partitions = []
        for partition, count in index:
            if partition is None:
                raise ValueError(f"`{path}`: staged articles without a partition")
            changes.touch(partition)
            partitions += [partition] * count
        for owner, values in zip(owners.to_pylist(), staged.take(owners).to_pylist(), strict=True):
            article_id = values.pop("article_id")
            revision = Revision(**values, came_at=values["valid_from"] or stamp.started_at)
            accepted[_key(revision)] = _Accepted(article_id, revision, articles_beside(path), partitions[owner], owner)
    return accepted


def _column(
    workspace: Workspace, files: Sequence[str], name: str, made: Callable[[pa.Array], pa.Array] = lambda values: values
) -> pa.Array:
    """What is made of a text column of all staged rows."""
    nothing = pa.array([], pa.string())
    # Copied, as an array of a mapped file keeps all of the map in memory.
    texts = (pa.concat_arrays([nothing, *read_staged(workspace, path, [name])[1][name].chunks]) for path in files)
    parts = [made(nothing), *map(made, texts)]
    return pa.concat_arrays(parts)


def _repeated(workspace: Workspace, files: Sequence[str]) -> pa.Array:
    """Articles that several staged rows are about; with them may be some that share the first digits of an id."""
    starts = _column(workspace, files, "article_id", _start)
    counts = pc.value_counts(starts)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(repeated):
        return pa.array([], pa.string())
    return _column(workspace, files, "article_id", lambda ids: ids.filter(pc.is_in(_start(ids), repeated)))


def _start(ids: pa.Array) -> pa.Array:
    """The first digits of ids as numbers: a quarter of what ids take."""
    return pc.binary_slice(ids.cast(pa.binary()), 0, ID_START).cast(pa.binary(ID_START)).view(pa.int64())


def _accepted_hashes(workspace: Workspace) -> Iterator[tuple[str, str, bool]]:
    """Path and hash of each source that this run accepted, and whether it stands."""
    for name in workspace.names(IDENTITIES):
        _, staged = read_staged(workspace, name, ("source_path", "source_sha256", VALID_TO))
        columns = (staged[name].to_pylist() for name in ("source_path", "source_sha256", VALID_TO))
        yield from ((path, sha256, valid_to is None) for path, sha256, valid_to in zip(*columns, strict=True))


class _Rejected(NamedTuple):
    """A source that this run rejected, where its row lies, and whether the source stands."""

    known: KnownReject
    stem: str
    row: int
    stands: bool


def _rejected(workspace: Workspace) -> Iterator[_Rejected]:
    for path in workspace.names(".rejects"):
        _, staged = read_staged(workspace, path, REJECT_COLUMNS)
        for row, values in enumerate(staged.to_pylist()):
            stands = values.pop(VALID_TO) is None
            yield _Rejected(KnownReject(**values, stale=False), path.rpartition(".")[0], row, stands)


def _settle_rejects(
    changes: _Changes,
    state: State,
    workspace: Workspace,
    rejected: Sequence[_Rejected],
    gone: Collection[str],
    *,
    history: bool,
) -> dict[str, set[int]]:
    """Staged rejects that are published already, or that are there twice, by file stem.

    A reject goes when its source parses; without `history` also when its source is replaced or deleted.
    """
    known = {(row.source_path, row.source_sha256): row for row in state.rejects}
    left_out: dict[str, set[int]] = defaultdict(set)
    staged: set[tuple[str, str | None]] = set()
    for reject, stem, row, _ in rejected:
        key = (reject.source_path, reject.source_sha256)
        if known.get(key) == reject or key in staged:
            left_out[stem].add(row)
        else:
            changes.add("rejects", None, (row_id(*key),))
            if key in known:
                changes.drop("rejects", None, (row_id(*key),), key[0])
        staged.add(key)
    if not known:
        return left_out
    accepted = list(_accepted_hashes(workspace))
    parsed = {(path, sha256) for path, sha256, _ in accepted}
    replaced = {path for path, _, stands in accepted if stands} | set(gone)
    replaced.update(row.known.source_path for row in rejected if row.stands)
    for key in known.keys() - staged:
        # What can't be read has no bytes to keep, and no place in history.
        if key in parsed or (key[0] in replaced and (key[1] is None or not history)):
            changes.drop("rejects", None, (row_id(*key),), key[0])
    return left_out


def _published(row: KnownRevision) -> tuple[Origin, Partition]:
    return ("articles" if row.current else "revisions", row.partition), row.partition


def _revision(row: KnownRevision) -> Revision:
    return Revision(
        row.source_path,
        row.source_sha256,
        row.published_at,
        row.text_sha256,
        row.valid_from,
        row.valid_to,
        row.valid_from,
    )


def _key(row: KnownRevision | Revision) -> Key:
    return row.source_path, row.source_sha256, row.valid_from
