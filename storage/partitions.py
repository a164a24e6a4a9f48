"""Merges one partition's published and staged rows into its next file; runs in workers."""

from __future__ import annotations

import filecmp
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas import TABLES
from schemas.contract import Table
from storage.layout import Output
from storage.merge import Published, SortedRows, merge_rows, staged_rows
from storage.publish import Replacement
from storage.state import open_part
from storage.work import MergedPartition, MergeTask

__all__ = ["merge_partition"]

Key = tuple[Any, ...]


def merge_partition(task: MergeTask) -> MergedPartition:
    """Write the next file of a partition to staging. Repeating it gives the same file.

    `final` is None where the next file equals the published one.
    """
    work, output = task.work, task.output
    table = TABLES[work.table]
    part = output.part(table, work.partition)
    staged_part = task.staging / f"next-{task.number:06d}.parquet"
    published = Published(part, table, work.dropped) if part.exists() else None
    try:
        before = dict(_run_columns(part, table, work.dropped)) if published and work.dropped else {}
        inputs: list[SortedRows] = [published] if published else []
        removal = None
        if work.removal_first:
            removed_part = staged_part.with_stem(f"removal-{task.number:06d}")
            merged = merge_rows(removed_part, table, inputs)
            removal = _replacement(output, removed_part if merged.rows else None, part)
        for rows in staged_rows(work.staged, table, task.dropped, staged_part):
            inputs.append(_KeepingRunColumns(rows, table, before) if before else rows)
        merged = merge_rows(staged_part, table, inputs)
    finally:
        if published is not None:
            published.close()
        pa.default_memory_pool().release_unused()
    if not merged.rows:
        return MergedPartition(task.number, 0, 0, removal, _replacement(output, None, part))
    if removal is None and part.exists() and filecmp.cmp(staged_part, part, shallow=False):
        staged_part.unlink()
        return MergedPartition(task.number, merged.rows, 0, None, None)
    return MergedPartition(
        task.number, merged.rows, merged.file_bytes, removal, _replacement(output, staged_part, part)
    )


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


def _run_columns(part: Path, table: Table, dropped: frozenset[Key]) -> list[tuple[Key, tuple[bytes, dict[str, Any]]]]:
    """Content and run columns of the published rows that are dropped, by key."""
    found: list[tuple[Key, tuple[bytes, dict[str, Any]]]] = []
    if not table.run_columns:
        return found
    with open_part(part) as file:
        for group in range(file.metadata.num_row_groups):
            for record in file.read_row_group(group, use_threads=False).to_pylist():
                key = _key(record, table)
                if key in dropped:
                    run_columns = {name: record[name] for name in table.run_columns}
                    found.append((key, (_digest(record, table), run_columns)))
    return found


def _key(record: Mapping[str, Any], table: Table) -> Key:
    return tuple(record[name] for name in table.replace_keys)


def _digest(record: Mapping[str, Any], table: Table) -> bytes:
    content = [record[name] for name in table.schema.names if name not in table.run_columns]
    return hashlib.sha256(repr(content).encode()).digest()


def _replacement(output: Output, staged: Path | None, target: Path) -> Replacement:
    return Replacement(
        None if staged is None else str(staged.relative_to(output.root)), str(target.relative_to(output.root))
    )
