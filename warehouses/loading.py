"""Loads what changed in an output since the destination's last load, and proves that it arrived."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.errors import OutputError, PressmarkError
from pressmark.storage.output.snapshot import snapshot
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp
from pressmark.warehouses.address import (
    FILE_SCHEMES,
    DestinationAddress,
    DestinationError,
    ReconciliationError,
    parse_address,
)
from pressmark.warehouses.destination import Change, Destination, FoundColumn, LoadedPartition, open_destination
from pressmark.warehouses.relations import CHECKSUM_METHOD, LOADS, RELATIONS, Checked, Column, Relation
from pressmark.warehouses.source import Source

__all__ = ["LoadPlan", "LoadReport", "Progress", "TableLoad", "interruptible", "load", "load_output", "plan_load"]

NEVER: Final = datetime.fromtimestamp(0, UTC)
ELSEWHERE: Final = "name another database, schema or folder, or rename that table"


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
    last_at: datetime


def load(
    output: str | Path, destination: str, *, full: bool = False, progress: Progress = lambda *_: None
) -> LoadReport:
    """Load what changed in an output into a destination such as `duckdb:///news.duckdb`; see `load_output`."""
    return load_output(Output(output), parse_address(str(destination)), new_stamp().run_id, progress, full=full)


def load_output(
    output: Output,
    address: DestinationAddress,
    load_id: str,
    progress: Progress,
    *,
    full: bool = False,
    relations: Sequence[Relation] = RELATIONS,
) -> LoadReport:
    """Load the partitions that changed since the last load; with `full`, all of them, in one transaction. Raises
    `SourceError`, `DestinationError` or `ReconciliationError`, after which the destination is as it was."""
    started_at = datetime.now(UTC)
    with interruptible(), snapshot(output, load_id) as files, Source(files) as source:
        _check_apart(output, address)
        with open_destination(address) as destination:
            plan = plan_changes(source, destination, relations, full=full)
            _check_room(plan, address)
            rows = {}
            if plan.created or plan.added or any(change.partitions for change in plan.changes):
                # Later loads count, so a clock that was set back may not make this one the earlier.
                loaded_at = max(started_at, plan.last_at + timedelta(microseconds=1))
                rows = _carry_out(plan, source, destination, (load_id, loaded_at), progress)
    tables = [
        TableLoad(one.relation.name, len(one.parts), len(one.gone), one.unchanged, rows.get(one.relation.name, 0))
        for one in plan.changes
    ]
    return LoadReport(load_id, address.shown, started_at, datetime.now(UTC), tuple(tables))


def plan_load(output: Output, address: DestinationAddress, load_id: str, *, full: bool = False) -> LoadPlan:
    """What a load would do; writes nothing to the destination."""
    with (
        interruptible(),
        snapshot(output, load_id) as files,
        Source(files) as source,
        open_destination(address) as destination,
    ):
        return plan_changes(source, destination, RELATIONS, full=full)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is one, also where DuckDB had it in its own words."""
    try:
        yield
    except RuntimeError as error:
        raise KeyboardInterrupt if str(error) == "Query interrupted" else error from None


def plan_changes(
    source: Source, destination: Destination, relations: Sequence[Relation], *, full: bool = False
) -> LoadPlan:
    """Compare the output's files with what the destination says it has; raises `OutputError` where it has years."""
    if any("/year=" in part.partition for part in source.parts):
        where = next(part.partition for part in source.parts if "/year=" in part.partition)
        raise OutputError("years can't be loaded, as destinations hold months", where, "ingest by month or by day")
    found = {relation.name: destination.found(relation.name) for relation in (LOADS, *relations)}
    before = _known(found, destination)
    if not full:
        _check_same_output(source, before)
    added = {
        relation.name: missing
        for relation in (LOADS, *relations)
        if (columns := found[relation.name]) is not None and (missing := _missing(relation, columns, destination))
    }
    changes = []
    for relation in relations:
        known = before.get(relation.name, {})
        digests = {partition: row.source_digest for partition, row in known.items()}
        parts = source.parts_of(relation)
        # A column that is new to the destination is empty in every row it has.
        everything = full or relation.name in added
        changed = tuple(part for part in parts if everything or digests.get(part.partition) != part.digest)
        gone = tuple(sorted(known.keys() - {part.partition for part in parts}))
        places = {*(part.partition for part in changed), *gone}
        held = tuple(place for place, row in known.items() if place in places and row.row_count)
        others = sum(row.row_count for place, row in known.items() if place not in places)
        unchanged = len(parts) - len(changed)
        changes.append(Change(relation, changed, gone, held, others, unchanged, fresh=found[relation.name] is None))
    created = tuple(relation for relation in (LOADS, *relations) if found[relation.name] is None)
    last_at = max((row.loaded_at for rows in before.values() for row in rows.values()), default=NEVER)
    return LoadPlan(created, added, tuple(changes), last_at)


def _check_apart(output: Output, address: DestinationAddress) -> None:
    if not output.is_local or address.scheme not in FILE_SCHEMES:
        return
    if Path(address.target).resolve().is_relative_to(output.root.resolve()):
        raise DestinationError("the destination lies in the output's folder", address.target, "name a place outside it")


def _check_room(plan: LoadPlan, address: DestinationAddress) -> None:
    """Raise where the disk has less room than what is sent takes in the output; a server's disk is not known."""
    if address.scheme not in FILE_SCHEMES:
        return
    needed = sum(path.stat().st_size for change in plan.changes for part in change.parts for path in part.paths)
    free = shutil.disk_usage(Path(address.target).absolute().parent).free
    if free < needed:
        raise DestinationError(
            f"the disk has {free / 1e6:.0f} MB free, and {needed / 1e6:.0f} MB are to be sent", address.shown,
            "free some space, or name a place on another disk; nothing was loaded",
        )  # fmt: skip


def _carry_out(
    plan: LoadPlan, source: Source, destination: Destination, stamp: tuple[str, datetime], progress: Progress
) -> dict[str, int]:
    """Check, stage, replace, reconcile and record; rows sent per relation. `stamp` is the load's id and time."""
    parts = list(dict.fromkeys(part for change in plan.changes for part in change.parts))
    source.check_schemas(parts)

    def expected() -> dict[str, dict[str, Checked]]:
        source.check_laws(parts)
        return {
            relation.name: source.checksums(relation, changed, destination.sent)
            for relation, changed, *_ in plan.changes
        }

    with ThreadPoolExecutor(1) as pool:
        progress("send", 0, 0)
        with _source_first(expected):
            destination.stage(plan.changes, source)
        # The source is read for its laws and checksums while the destination is at work.
        expecting = pool.submit(expected)
        with _source_first(expecting.result), destination.transaction():
            _write(plan, source, destination, progress)
            sent = expecting.result()
            progress("reconcile", 0, 0)
            loaded = [
                LoadedPartition(*stamp, name, partition, digest, *checked, CHECKSUM_METHOD, CONTRACT_VERSION)
                for change in plan.changes
                for name in (change.relation.name,)
                for partition, digest, checked in _reconcile(change, sent[name], destination)
            ]
            if loaded:
                destination.record(loaded)
    return {name: sum(checked.rows for checked in partitions.values()) for name, partitions in sent.items()}


@contextlib.contextmanager
def _source_first(read_source: Callable[[], object]) -> Iterator[None]:
    """Where the block fails, raise what the source's own reader finds wrong, if it does: the first reader of a damaged
    file fails, but only that one can say what is wrong."""
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


def _reconcile(
    change: Change, expected: Mapping[str, Checked], destination: Destination
) -> Iterator[tuple[str, str | None, Checked]]:
    """Each changed partition with its digest and what both ends have of it. Raises `ReconciliationError` where the ends
    differ, or where the whole table has not the rows that this load and the earlier ones sent."""
    if not change.partitions:
        return
    name, none = change.relation.name, Checked(0, "0")
    found = destination.checksums(change.relation, change.partitions)
    digests = {part.partition: part.digest for part in change.parts}
    for partition in change.partitions:
        sent, arrived = expected.get(partition, none), found.get(partition, none)
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
        yield partition, digests.get(partition), arrived
    rows, due = destination.count(change.relation), change.others + sum(checked.rows for checked in found.values())
    if rows != due:
        raise ReconciliationError(
            f"`{name}` would hold {rows} rows, but {due} were loaded", name,
            "another writer changed this table, and nothing was kept; give --full, or drop the tables and load again",
        )  # fmt: skip


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
