"""Loads what changed in an output since the destination's last load, and proves that it arrived."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.errors import PressmarkError
from pressmark.storage.output.snapshot import Part, snapshot
from pressmark.storage.output.tables import Output
from pressmark.warehouses.address import FILE_SCHEMES, Address
from pressmark.warehouses.checksums import Checked
from pressmark.warehouses.destination import (
    Change,
    Destination,
    FoundColumn,
    LoadedPartition,
    is_current,
    open_destination,
)
from pressmark.warehouses.errors import DestinationError, ReconciliationError
from pressmark.warehouses.relations import LOADS, RELATIONS, Column, Relation
from pressmark.warehouses.source import Source

__all__ = ["LoadPlan", "LoadReport", "Progress", "TableLoad", "load_output", "plan_load"]

NEVER: Final = datetime.fromtimestamp(0, UTC)
ELSEWHERE: Final = "name another database, schema or folder, or rename that table"

Progress = Callable[[str, int, int], None]


class TableLoad(NamedTuple):
    """What a load did to one table: partitions replaced, removed and left alone, and rows sent."""

    table: str
    loaded: int
    removed: int
    unchanged: int
    rows: int


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `changed` partitions were reconciled, each by rows and checksum."""

    load_id: str
    destination: str
    started_at: datetime
    finished_at: datetime
    tables: tuple[TableLoad, ...]

    @property
    def changed(self) -> int:
        return sum(table.loaded + table.removed for table in self.tables)


class LoadPlan(NamedTuple):
    """What a load has to do: tables to make, columns to add, and the changes of each relation. `last_at` is when the
    destination was last loaded."""

    created: tuple[Relation, ...]
    added: Mapping[str, tuple[Column, ...]]
    changes: tuple[Change, ...]
    unchanged: Mapping[str, int]
    last_at: datetime


def load_output(
    output: Output,
    address: Address,
    load_id: str,
    progress: Progress,
    *,
    full: bool = False,
    relations: Sequence[Relation] = RELATIONS,
) -> LoadReport:
    """Load the partitions that changed since the last load; with `full`, all of them.

    One transaction: readers of the destination see all of it or nothing. Raises `SourceError`, `DestinationError` or
    `ReconciliationError`, after which the destination is as it was.
    """
    started_at = datetime.now(UTC)
    with snapshot(output, load_id) as files, Source(files) as source:
        _check_apart(output, address)
        if not full and is_current(address, source.parts, relations):
            tables = [TableLoad(relation.name, 0, 0, len(source.parts_of(relation)), 0) for relation in relations]
        else:
            with open_destination(address) as destination:
                plan = plan_changes(source, destination, relations, full=full)
                rows = {}
                if plan.created or plan.added or any(change.partitions for change in plan.changes):
                    # Later loads count, so a clock that was set back may not make this one the earlier.
                    loaded_at = max(started_at, plan.last_at + timedelta(microseconds=1))
                    rows = _carry_out(plan, source, destination, _Stamp(load_id, loaded_at), progress)
                destination.loaded_whole(source.parts, relations)
            tables = [_figures(change, plan, rows) for change in plan.changes]
    return LoadReport(load_id, address.shown, started_at, datetime.now(UTC), tuple(tables))


def _check_apart(output: Output, address: Address) -> None:
    """Raise where the destination would lie among the output's own files."""
    if not output.is_local or address.scheme not in FILE_SCHEMES:
        return
    if Path(address.target).resolve().is_relative_to(output.root.resolve()):
        raise DestinationError("the destination lies in the output's folder", address.target, "name a place outside it")


def _figures(change: Change, plan: LoadPlan, rows: Mapping[str, int]) -> TableLoad:
    name = change.relation.name
    return TableLoad(name, len(change.parts), len(change.gone), plan.unchanged[name], rows.get(name, 0))


def plan_load(output: Output, address: Address, load_id: str, *, full: bool = False) -> LoadPlan:
    """What a load would do; writes nothing to the destination."""
    with snapshot(output, load_id) as files, Source(files) as source, open_destination(address) as destination:
        return plan_changes(source, destination, RELATIONS, full=full)


def plan_changes(
    source: Source, destination: Destination, relations: Sequence[Relation], *, full: bool = False
) -> LoadPlan:
    """Compare the output's files with what the destination says it has."""
    found = {relation.name: destination.found(relation.name) for relation in (LOADS, *relations)}
    before = _known(found, destination)
    if not full:
        _check_same_output(source, before)
    added = {
        relation.name: _missing(relation, columns, destination)
        for relation in (LOADS, *relations)
        if (columns := found[relation.name]) is not None
    }
    changes, unchanged = [], {}
    for relation in relations:
        known = before.get(relation.name, {})
        parts = source.parts_of(relation)
        # A column that is new to the destination is empty in every row it has.
        everything = full or bool(added.get(relation.name))
        changed = tuple(part for part in parts if everything or _digest(known, part.partition) != part.digest)
        gone = tuple(sorted(known.keys() - {part.partition for part in parts}))
        places = [*(part.partition for part in changed), *gone]
        held = tuple(place for place in places if place in known and known[place].row_count)
        changes.append(Change(relation, changed, gone, held, fresh=found[relation.name] is None))
        unchanged[relation.name] = len(parts) - len(changed)
    created = tuple(relation for relation in (LOADS, *relations) if found[relation.name] is None)
    new_columns = {name: columns for name, columns in added.items() if columns}
    rows = [row for partitions in before.values() for row in partitions.values()]
    last_at = max((row.loaded_at for row in rows), default=NEVER)
    return LoadPlan(created, new_columns, tuple(changes), unchanged, last_at)


class _Stamp(NamedTuple):
    load_id: str
    loaded_at: datetime


def _carry_out(
    plan: LoadPlan, source: Source, destination: Destination, stamp: _Stamp, progress: Progress
) -> dict[str, int]:
    """Check, stage, replace, reconcile and record; rows sent per relation."""
    parts = list(dict.fromkeys(part for change in plan.changes for part in change.parts))
    source.check_schemas(parts)
    with ThreadPoolExecutor(1) as pool:
        progress("send", 0, 0)
        with _source_first(lambda: _expected(plan.changes, parts, source, destination)):
            destination.stage(plan.changes, source)
        # The source is read for its laws and checksums while the destination is at work.
        expecting = pool.submit(_expected, plan.changes, parts, source, destination)
        with _source_first(expecting.result), destination.transaction():
            _write(plan, source, destination, progress)
            expected = expecting.result()
            progress("reconcile", 0, 0)
            destination.record([
                record
                for change in plan.changes
                if change.partitions
                for record in _reconcile(change, expected[change.relation.name], destination, stamp)
            ])  # fmt: skip
    return {name: sum(checked.rows for checked in partitions.values()) for name, partitions in expected.items()}


@contextlib.contextmanager
def _source_first(read_source: Callable[[], object]) -> Iterator[None]:
    """Where the block fails, raise what the source's own reader finds wrong, if it does: whoever reads a damaged file
    first fails, but only that reader can say what is wrong."""
    try:
        yield
    except (PressmarkError, pa.ArrowException):
        read_source()
        raise


def _write(plan: LoadPlan, source: Source, destination: Destination, progress: Progress) -> None:
    relations = {relation.name: relation for relation in (LOADS, *(change.relation for change in plan.changes))}
    for relation in plan.created:
        destination.create(relation)
    for name, columns in plan.added.items():
        destination.add_columns(relations[name], columns)
    for done, change in enumerate(plan.changes):
        progress("load", done, len(plan.changes))
        if change.partitions:
            destination.replace(change, source)
    for relation in plan.created:
        destination.add_keys(relation)


def _expected(
    changes: Sequence[Change], parts: Sequence[Part], source: Source, destination: Destination
) -> dict[str, dict[str, Checked]]:
    source.check_laws(parts)
    return {
        change.relation.name: source.checksums(change.relation, change.parts, destination.method, destination.convert)
        for change in changes
    }


def _reconcile(
    change: Change, expected: Mapping[str, Checked], destination: Destination, stamp: _Stamp
) -> list[LoadedPartition]:
    """Rows of `_pressmark_loads` for a relation whose partitions are equal at both ends."""
    name = change.relation.name
    found = destination.checksums(change.relation, change.partitions)
    digests = {part.partition: part.digest for part in change.parts}
    records = []
    for partition in change.partitions:
        sent, arrived = expected.get(partition, Checked(0, "0")), found[partition]
        if sent != arrived:
            what = (
                f"{arrived.rows} rows arrived of {sent.rows}"
                if arrived.rows != sent.rows
                else f"{sent.rows} rows arrived, but their checksum is {arrived.checksum}, not {sent.checksum}"
            )
            raise ReconciliationError(
                f"`{name}` was not loaded whole: {what}", f"{name}/{partition}".rstrip("/"),
                "nothing was kept; look for triggers, rules or other writers in the destination, and load again",
            )  # fmt: skip
        records.append(
            LoadedPartition(
                *stamp, name, partition, digests.get(partition), *arrived, destination.method, CONTRACT_VERSION
            )
        )
    return records


def _known(
    found: Mapping[str, dict[str, FoundColumn] | None], destination: Destination
) -> dict[str, dict[str, LoadedPartition]]:
    """What each partition was loaded from, by table; raises where the destination's tables are not ours."""
    if found[LOADS.name] is None:
        for name, columns in found.items():
            if columns is not None:
                raise DestinationError("this table is there already, and not by pressmark", name, ELSEWHERE)
        return {}
    _missing(LOADS, found[LOADS.name] or {}, destination)
    known: dict[str, dict[str, LoadedPartition]] = {}
    for row in destination.loaded():
        if row.contract_version != CONTRACT_VERSION:
            raise DestinationError(
                f"the destination was made by contract version {row.contract_version}, not {CONTRACT_VERSION}",
                row.table_name,
                "load into a new database, schema or folder; or drop pressmark's tables there and load again",
            )
        if row.source_digest is not None:
            known.setdefault(row.table_name, {})[row.partition] = row
    for name, columns in found.items():
        if columns is None and name in known:
            raise DestinationError(
                "this table was loaded and is gone", name,
                f"restore it, or drop `{LOADS.name}` and pressmark's other tables and load again",
            )  # fmt: skip
    return known


def _digest(known: Mapping[str, LoadedPartition], partition: str) -> str | None:
    return known[partition].source_digest if partition in known else None


def _check_same_output(source: Source, known: Mapping[str, Mapping[str, LoadedPartition]]) -> None:
    """Raise where the destination was loaded from another output, all of which this load would remove."""
    loaded = known.get("runs", {}).keys()
    if loaded and not loaded & {part.partition for part in source.parts if part.table == "runs"}:
        raise DestinationError(
            "the destination was loaded from another output: none of its runs is here", source.output.address,
            "load into another database, schema or folder; or give --full to put this output in the other's place",
        )  # fmt: skip


def _missing(relation: Relation, found: dict[str, FoundColumn], destination: Destination) -> tuple[Column, ...]:
    """Nullable columns that a table lacks; raises `DestinationError` where it differs in any other way."""
    differences = [f"`{name}` is not of the contract" for name in found.keys() - set(relation.names)]
    missing = []
    for column in relation.columns:
        expected = destination.declared(column)
        has = found.get(column.name)
        if has is None and column.nullable:
            missing.append(column)
        elif has is None:
            differences.append(f"`{column.name}` is missing")
        elif has != expected:
            differences.append(f"`{column.name}` is {_words(has)}, not {_words(expected)}")
    if differences:
        raise DestinationError(
            "this table is not the contract's: " + "; ".join(sorted(differences)), relation.name, ELSEWHERE
        )
    return tuple(missing)


def _words(column: FoundColumn) -> str:
    return column.type if column.nullable else f"{column.type} not null"
