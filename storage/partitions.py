"""Merges one partition's published and staged rows into its next files; runs in workers."""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.schemas.contract import Table
from pressmark.storage.merge import Merged, merge_rows
from pressmark.storage.output.store import Replacement, Stored
from pressmark.storage.output.tables import part_name
from pressmark.storage.row_groups import sizes_of, units_in_order
from pressmark.storage.sorted_rows import Chosen, Published, SortedRows, staged_rows
from pressmark.storage.work import MergedPartition, MergeTask

__all__ = ["merge_partition"]

Key = tuple[Any, ...]


def merge_partition(task: MergeTask) -> MergedPartition:
    """Write the next files of a partition to staging. Repeating it gives the same files.

    A row that is published stays in its part, and new ones go to the last part for as long as it has room, so that
    no reader finds a row in two parts or in none. A part whose next file equals the published one is left alone.
    """
    work = task.work
    table = TABLES[work.table]
    entries = dict(task.output.parts_of(table, work.partition))
    published: dict[int, Published] = {}
    removals: list[Replacement] = []
    finals: list[Replacement] = []
    rows = file_bytes = 0
    try:
        with contextlib.ExitStack() as stack:
            # Most partitions need no folder.
            scratch = cache(lambda: stack.enter_context(task.workspace.scratch()))
            staged: list[SortedRows] = list(staged_rows(task.workspace, task.staged, table, task.dropped, scratch))
            # Staged rows replace those of their keys, also where the state did not tell of these: whoever takes a file
            # away by hand has its sources parsed again.
            coming: set[Key] = {key for rows in staged for key in _keys(table, rows)} if entries else set()
            dropped = work.dropped.keys() | coming
            # The state tells where rows are that it knows. Where not all are there, they may be anywhere.
            for near in [None] if coming - work.dropped.keys() else [set(work.dropped.values()), None]:
                for number, entry in entries.items():
                    published[number] = Published(task.output, entry, table, dropped, near)
                if near is None or sum(len(part.dropped) for part in published.values()) >= len(dropped):
                    break
                for opened in published.values():
                    opened.close()
            before = dict(_run_columns(published, table, dropped)) if dropped else {}
            if before:
                staged = [_KeepingRunColumns(some, table, before) for some in staged]
            placed = _placed(table, published, staged, coming, task.part_bytes)
            for number in sorted(published.keys() | placed.keys()):
                part = _NextPart(task, table, number, entries.get(number), published.get(number))
                merged = part.merge(placed.get(number, []))
                rows += merged.rows
                file_bytes += merged.file_bytes
                removals += part.removals
                finals += part.finals
    finally:
        for part_rows in published.values():
            part_rows.close()
    rows_before = sum(part_rows.rows_before for part_rows in published.values())
    return MergedPartition(task.number, rows_before, rows, file_bytes, tuple(removals), tuple(finals))


class _NextPart:
    """The next file of one part, and the steps that publish it."""

    def __init__(
        self, task: MergeTask, table: Table, number: int, entry: Stored | None, published: Published | None
    ) -> None:
        self.removals: list[Replacement] = []
        self.finals: list[Replacement] = []
        self._task = task
        self._table = table
        self._entry = entry
        self._published = published
        self._target = part_name(table, task.work.partition, number)
        self._stem = f"{task.number:06d}-{number}"
        leaving = task.work.leaving
        self._rank = (1 if leaving else 3) if table.name == "articles" else (0 if leaving else 2)

    def merge(self, staged: Sequence[SortedRows]) -> Merged:
        published = self._published
        if published is not None and not staged and published.num_rows == published.rows_before:
            return Merged(published.num_rows, 0)
        inputs: list[SortedRows] = [published] if published is not None else []
        if self._task.work.removal_first and self._entry is not None and published is not None:
            # Rows that come back here stay as they were until then.
            leaving = published.dropped - {key for rows in staged for key in _keys(self._table, rows)}
            if leaving:
                with_returning = Published(self._task.output, self._entry, self._table, frozenset(leaving))
                try:
                    self.removals.append(self._written("removal", [with_returning], 0)[1])
                finally:
                    with_returning.close()
        merged, final = self._written("next", [*inputs, *staged], self._rank)
        if final.staged is not None and not self.removals and self._is_published(final.staged):
            self._task.output.store.remove([final.staged])
            return Merged(merged.rows, 0)
        self.finals.append(final)
        return merged

    def _written(self, kind: str, inputs: Sequence[SortedRows], rank: int) -> tuple[Merged, Replacement]:
        name = f"{self._task.staging}/{kind}-{self._stem}.parquet"
        with self._task.output.store.draft(name) as path:
            merged = merge_rows(path, self._table, inputs)
        return merged, Replacement(name if merged.rows else None, self._target, rank)

    def _is_published(self, staged: str) -> bool:
        if self._entry is None:
            return False
        store = self._task.output.store
        written = store.find(staged)
        if written is None or written.size != self._entry.size:
            return False
        with store.local(written) as one, store.local(self._entry) as other:
            return filecmp.cmp(one, other, shallow=False)


def _placed(
    table: Table,
    published: Mapping[int, Published],
    staged: Sequence[SortedRows],
    coming: Collection[Key],
    part_bytes: int,
) -> dict[int, list[SortedRows]]:
    """Staged rows, whose keys are `coming`, by the number of the part that they go to."""
    last = max(published, default=0)
    if len(published) == 1 and published[last].dropped.issuperset(coming):
        return {last: list(staged)} if staged else {}
    if len(published) < 2:
        # Rows take more bytes in the file than their table counts for them.
        most = sum(_size(table, rows) for rows in staged)
        most += _sum_of_sizes(table, published[last].all_keys(table.size_columns)) if published else 0
        if most <= part_bytes:
            return {last: list(staged)} if staged else {}
    homes = {key: number for number, part in published.items() for key in part.dropped}
    placed: dict[int, list[SortedRows]] = defaultdict(list)
    new: list[SortedRows] = []
    for rows in staged:
        positions: dict[int | None, list[int]] = defaultdict(list)
        for position, key in enumerate(_keys(table, rows)):
            positions[homes.get(key)].append(position)
        for home, chosen in positions.items():
            some = Chosen(rows, pa.array(chosen, pa.int64()))
            if home is None:
                new.append(some)
            else:
                placed[home].append(some)
    size = (_size(table, published[last]) if published else 0) + sum(_size(table, rows) for rows in placed[last])
    places: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for unit in units_in_order(table, new) if new else []:
        if size and size + unit.size > part_bytes:
            last, size = last + 1, 0
        places[last][unit.number].extend(range(unit.start, unit.start + unit.length))
        size += unit.size
    for number, of_input in places.items():
        placed[number] += [Chosen(new[which], pa.array(rows, pa.int64())) for which, rows in of_input.items()]
    return {number: inputs for number, inputs in placed.items() if inputs}


def _keys(table: Table, rows: SortedRows) -> Iterator[Key]:
    """The `replace_keys` of all rows."""
    columns = rows.keys(table.replace_keys).select(list(table.replace_keys)).to_pydict().values()
    return zip(*columns, strict=True)


def _size(table: Table, rows: SortedRows) -> int:
    return _sum_of_sizes(table, rows.keys(table.size_columns)) if rows.num_rows else 0


def _sum_of_sizes(table: Table, rows: pa.Table) -> int:
    return pc.sum(sizes_of(rows, table)).as_py() or 0


class _KeepingRunColumns:
    """Staged rows, with the run columns of the published rows that they only repeat."""

    def __init__(self, rows: SortedRows, table: Table, before: Mapping[Key, tuple[bytes, dict[str, Any]]]) -> None:
        self._rows = rows
        self._table = table
        self._before = before
        self.num_rows = rows.num_rows
        self.num_bytes = rows.num_bytes

    def keys(self, columns: Sequence[str]) -> pa.Table:
        return self._rows.keys(columns)

    def slice(self, start: int, stop: int) -> pa.Table:
        rows = self._rows.slice(start, stop)
        records = rows.to_pylist()
        for record in records:
            digest, run_columns = self._before.get(_key(record, self._table), (b"", {}))
            if digest == _digest(record, self._table):
                record.update(run_columns)
        for name in self._table.run_columns:
            column = pa.array([record[name] for record in records], rows.schema.field(name).type)
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        return rows


def _run_columns(
    published: Mapping[int, Published], table: Table, dropped: Collection[Key]
) -> Iterator[tuple[Key, tuple[bytes, dict[str, Any]]]]:
    """Content and run columns of the published rows that are dropped, by key."""
    if not table.run_columns:
        return
    for part in published.values():
        for record in part.dropped_rows():
            key = _key(record, table)
            if key in dropped:
                run_columns = {name: record[name] for name in table.run_columns}
                yield key, (_digest(record, table), run_columns)


def _key(record: Mapping[str, Any], table: Table) -> Key:
    return tuple(record[name] for name in table.replace_keys)


def _digest(record: Mapping[str, Any], table: Table) -> bytes:
    content = [record[name] for name in table.schema.names if name not in table.run_columns]
    return hashlib.sha256(repr(content).encode()).digest()
