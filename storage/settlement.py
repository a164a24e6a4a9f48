"""Decides which partitions change and how: joins staged rows with published ones.

Reads identities and hashes only; titles and texts move in `superseded`, all other rows in the merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas import TABLES
from storage.layout import Output
from storage.staged import read_staged, staged_partitions
from storage.state import KnownReject, KnownRevision, State
from storage.superseded import Superseded, Superseding
from storage.work import PartitionWork
from transforms.records import Partition, Stamp
from transforms.revise import Candidate, Standing, change_between, settle

__all__ = ["Settlement", "settle_run"]

ARTICLE_COLUMNS: Final = ("article_id", "source_path", "source_sha256", "published_at", "text_sha256")
REJECT_COLUMNS: Final = ("source_path", "source_sha256", "source_bytes", "reason", "detail")

Place = tuple[str, Partition | None]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Partition files to write, in the order to publish them, and staged rows that are not to be published: owners
    of articles and positions of rejects, by the staged file's stem."""

    work: list[PartitionWork]
    dropped_owners: dict[str, set[int]]
    dropped_rejects: dict[str, set[int]]
    tombstones: int


class _Accepted(NamedTuple):
    """A source that this run accepted, and where its rows lie."""

    article_id: str
    candidate: Candidate
    file: Path
    partition: Partition
    owner: int


def settle_run(output: Output, state: State, staging: Path, gone: Collection[str], stamp: Stamp) -> Settlement:
    """Settle which revision of each touched article is current, and stage the rows of those that are not.

    `gone` are paths whose sources no longer exist. Rows for `revisions` are staged as `settled.revisions`.
    """
    changes = _Changes()
    accepted = _accepted(staging, state, changes)
    rejected = {reject.source_path: (reject, stem, row) for reject, stem, row in _rejected(staging)}
    cleared = _accepted_paths(staging) if state.rejects else set()
    dropped_rejects = _settle_rejects(changes, state, rejected, cleared | set(gone))

    replaced = accepted.keys() | rejected.keys() | set(gone)
    touched = {source.article_id for source in accepted.values()}
    touched.update(row.article_id for row in state.revisions if row.live and row.source_path in replaced)
    known = [row for row in state.revisions if row.live and row.article_id in touched]
    articles: dict[str, list[Candidate]] = defaultdict(list)
    for source in accepted.values():
        articles[source.article_id].append(source.candidate)
    for row in known:
        if row.source_path not in replaced:
            articles[row.article_id].append(_candidate(row))

    superseded = Superseded(stamp)
    settled = _Settled(output, changes, superseded, accepted, {row.source_path: row for row in known})
    for article_id, candidates in articles.items():
        settled.settle_article(article_id, candidates)
    tombstones = 0
    for row in known:
        if row.source_path not in settled.kept:
            changes.drop_known(row)
        successor = accepted.get(row.source_path)
        if row.source_path in replaced and (
            successor is None or successor.candidate.source_sha256 != row.source_sha256
        ):
            tombstones += settled.end(row, successor, stamp)
    for row in state.revisions:
        returned = accepted.get(row.source_path)
        # A file that came back as it was lives again, so the row that says it ended goes.
        if not row.live and returned is not None and returned.candidate.source_sha256 == row.source_sha256:
            changes.drop_known(row)
    superseded.write(staging / "settled.revisions")
    return Settlement(changes.work(_staged_index(staging)), settled.dropped_owners, dropped_rejects, tombstones)


class _Settled:
    """What the settling of articles adds, keeps and leaves out."""

    def __init__(
        self,
        output: Output,
        changes: _Changes,
        superseded: Superseded,
        accepted: dict[str, _Accepted],
        known: dict[str, KnownRevision],
    ) -> None:
        self.kept: set[str] = set()
        self.dropped_owners: dict[str, set[int]] = defaultdict(set)
        self._output = output
        self._changes = changes
        self._superseded = superseded
        self._accepted = accepted
        self._known = known

    def settle_article(self, article_id: str, candidates: list[Candidate]) -> None:
        current, standings = settle(candidates, self._presentable)
        if current is None:
            self.kept.update(candidate.source_path for candidate in candidates)
            return
        if current.source_path in self._accepted:
            for table in ("articles", "paragraphs"):
                self._changes.add(table, self._accepted[current.source_path].partition, (article_id,))
        else:
            self.kept.add(current.source_path)
        for standing in standings:
            self._stand(article_id, standing)

    def end(self, row: KnownRevision, successor: _Accepted | None, stamp: Stamp) -> bool:
        """The file of `row` was replaced or deleted; True where that leaves a tombstone."""
        follows = successor is not None and successor.article_id == row.article_id
        candidate = _candidate(row)
        self._supersede(
            Superseding(
                self._published(row),
                row.partition,
                row.article_id,
                candidate,
                change_between(candidate, successor.candidate) if successor is not None and follows else None,
                successor.candidate.source_sha256 if successor is not None and follows else None,
                valid_to=stamp.started_at,
                is_new=False,
            )
        )
        return not follows

    def _presentable(self, candidate: Candidate) -> bool:
        # The plan has the heirs of every current revision that goes parsed, so others than these exist only where
        # the input does not show them.
        return candidate.source_path in self._accepted or self._known[candidate.source_path].current

    def _stand(self, article_id: str, standing: Standing) -> None:
        candidate = standing.candidate
        source = self._accepted.get(candidate.source_path)
        known = self._known.get(candidate.source_path)
        if known is not None and known.source_sha256 != candidate.source_sha256:
            known = None
        if source is not None:
            self.dropped_owners[source.file.stem].add(source.owner)
        elif known is not None and not known.current and known.superseded_by == standing.superseded_by:
            self.kept.add(candidate.source_path)
            return
        self._supersede(
            Superseding(
                source.file if source is not None else self._published(self._known[candidate.source_path]),
                source.partition if source is not None else self._known[candidate.source_path].partition,
                article_id,
                candidate,
                standing.change,
                standing.superseded_by,
                valid_to=None,
                is_new=known is None,
            )
        )

    def _supersede(self, row: Superseding) -> None:
        self._superseded.add(row)
        self._changes.add("revisions", row.partition, (row.candidate.source_path, row.candidate.source_sha256))

    def _published(self, row: KnownRevision) -> Path:
        return self._output.part(TABLES["articles" if row.current else "revisions"], row.partition)


class _Changes:
    """Rows to drop and to add, per table and partition."""

    def __init__(self) -> None:
        self._dropped: dict[Place, set[tuple[str, ...]]] = defaultdict(set)
        self._added: dict[Place, set[tuple[str, ...]]] = defaultdict(set)

    def drop(self, table: str, partition: Partition | None, key: tuple[str, ...]) -> None:
        self._dropped[table, partition].add(key)

    def drop_known(self, row: KnownRevision) -> None:
        if row.current:
            self.drop("articles", row.partition, (row.article_id,))
            self.drop("paragraphs", row.partition, (row.article_id,))
        else:
            self.drop("revisions", row.partition, (row.source_path, row.source_sha256))

    def touch(self, partition: Partition) -> None:
        """Have a partition's articles and paragraphs written, whatever else comes of it."""
        for table in ("articles", "paragraphs"):
            self._added[table, partition].update()

    def add(self, table: str, partition: Partition | None, key: tuple[str, ...]) -> None:
        self._added[table, partition].add(key)

    def work(self, staged: dict[Place, list[tuple[Path, int]]]) -> list[PartitionWork]:
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
                frozenset(self._dropped.get(place, ())),
                place in leaving and place in entering,
                tuple(staged.get(place, ())),
            )
            for place in places
        ]


def _accepted(staging: Path, state: State, changes: _Changes) -> dict[str, _Accepted]:
    """Sources that this run accepted, by path, but for those that nothing stands against: an article that no other
    source and no published row is about only marks its partition as changed."""
    files = sorted(staging.glob("batch-*.articles"))
    contested = pa.array({row.article_id for row in state.revisions} | _repeated(files), pa.string())
    known = pa.array({row.source_path for row in state.revisions}, pa.string())
    accepted: dict[str, _Accepted] = {}
    for path in files:
        first = 0
        for partition, batch in read_staged(path, ARTICLE_COLUMNS):
            if partition is None:
                raise ValueError(f"`{path.name}`: staged articles without a partition")
            changes.touch(partition)
            stands = pc.or_(pc.is_in(batch["article_id"], contested), pc.is_in(batch["source_path"], known))
            rows = pc.indices_nonzero(stands)
            for row, values in zip(rows.to_pylist(), batch.take(rows).to_pylist(), strict=True):
                article_id = values.pop("article_id")
                candidate = Candidate(**values)
                accepted[candidate.source_path] = _Accepted(article_id, candidate, path, partition, first + row)
            first += batch.num_rows
    return accepted


def _repeated(files: Sequence[Path]) -> set[str]:
    """Articles that several staged rows are about."""
    # Copied, as an array of a mapped file keeps all of the map in memory.
    ids = [
        pa.array(batch["article_id"].to_pylist()) for path in files for _, batch in read_staged(path, ["article_id"])
    ]
    counts = pc.value_counts(pa.chunked_array(ids, pa.string()))
    return set(counts.field("values").filter(pc.greater(counts.field("counts"), 1)).to_pylist())


def _accepted_paths(staging: Path) -> set[str]:
    return {
        path
        for file in staging.glob("batch-*.articles")
        for _, batch in read_staged(file, ["source_path"])
        for path in batch["source_path"].to_pylist()
    }


def _rejected(staging: Path) -> Iterator[tuple[KnownReject, str, int]]:
    for path in sorted(staging.glob("batch-*.rejects")):
        for _, batch in read_staged(path, REJECT_COLUMNS):
            for row, values in enumerate(batch.to_pylist()):
                yield KnownReject(**values, stale=False), path.stem, row


def _staged_index(staging: Path) -> dict[Place, list[tuple[Path, int]]]:
    """Staged files with rows for each table and partition, and the number of the record batch that has them."""
    index: dict[Place, list[tuple[Path, int]]] = defaultdict(list)
    for table in TABLES:
        for path in sorted(staging.glob(f"*.{table}")):
            for number, partition in enumerate(staged_partitions(path)):
                index[table, partition].append((path, number))
    return index


def _settle_rejects(
    changes: _Changes,
    state: State,
    rejected: dict[str, tuple[KnownReject, str, int]],
    cleared: Collection[str],
) -> dict[str, set[int]]:
    """Staged rejects that are published already, by file stem."""
    known = {row.source_path: row for row in state.rejects}
    published: dict[str, set[int]] = defaultdict(set)
    for path, (reject, stem, row) in rejected.items():
        if known.get(path) == reject:
            published[stem].add(row)
            continue
        changes.add("rejects", None, (path,))
        if path in known:
            changes.drop("rejects", None, (path,))
    for path in known.keys() & set(cleared):
        changes.drop("rejects", None, (path,))
    return published


def _candidate(row: KnownRevision) -> Candidate:
    return Candidate(row.source_path, row.source_sha256, row.published_at, row.text_sha256)
