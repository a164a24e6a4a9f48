"""The root over all rows of an output, which each run publishes, from records of its files: those that its workers
made, and those kept in `.pressmark/roots`, believed only for exactly their files, and made again where they lack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

import pyarrow as pa

from pressmark.schemas import OF_RUNS, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Table
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output, Part
from pressmark.transforms.roots import FORMAT, ROWS_AT_ONCE, Moment, digests_of

__all__ = ["Roots", "moment_of"]

RECORDS: Final = ".pressmark/roots/records"
# The root of the files that stand, so that a run which changes nothing reads no records.
ROOT: Final = ".pressmark/roots/root"


class Roots:
    """The records of an output's files, as they are and as a run leaves them."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next: dict[str, bytes] | None = None
        self._root = ""

    @cached_property
    def _kept(self) -> dict[Stored, bytes]:
        return _kept(self._output)

    def known(self, parts: Iterable[Part], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
        """The records of files that stand, by name: those that this run made, and those that are kept."""
        found = {part.entry.name: changed.get(part.entry.name) or self._kept.get(part.entry) for part in parts}
        return {name: records for name, records in found.items() if records}

    def root(self, changed: Mapping[str, bytes | None]) -> str:
        """The root once files have changed: to rows with these records, or to nothing."""
        parts = _parts(self._output)
        told, _, root = self._output.note(ROOT).decode(errors="replace").partition(" ")
        self._next = None
        if changed or told != _state(part.entry for _, part in parts):
            stay = [(table, part) for table, part in parts if part.entry.name not in changed]
            self._next = dict(_records(self._output, stay, self._kept))
            self._next |= {name: data for name, data in changed.items() if data is not None}
            root = _moment(self._next).root
        self._root = root
        return root

    def drop(self) -> None:
        """Let go of what is kept, as it names rows that are to leave no trace; what `root` read of it stays known."""
        self._output.store.remove([RECORDS, ROOT])

    def write(self) -> None:
        """Keep the records of which `root` made one, once the files are published."""
        if self._next is None:
            return
        entries = [part.entry for _, part in _parts(self._output)]
        kept = [{**entry._asdict(), "records": self._next[entry.name]} for entry in entries]
        self._output.note_rows(RECORDS, pa.Table.from_pylist(kept, KEPT))
        self._output.store.write(ROOT, f"{_state(entries)} {self._root}".encode())


KEPT: Final = pa.schema(
    [("name", pa.string()), ("size", pa.int64()), ("version", pa.string()), ("records", pa.large_binary())],
    metadata={"made_by": f"{CONTRACT_VERSION} {FORMAT}"},
)


def moment_of(output: Output, *, anew: bool = False) -> Moment:
    """The tree over all rows of an output as it is; `anew` reads every row, whatever was kept."""
    return _moment(dict(_records(output, _parts(output), {} if anew else _kept(output))))


def _moment(records: Mapping[str, bytes]) -> Moment:
    return Moment((name.partition("/")[0], data) for name, data in records.items())


def _parts(output: Output) -> list[tuple[Table, Part]]:
    return [(TABLES[name], part) for name in OF_RUNS for part in output.parts(TABLES[name])]


def _records(
    output: Output, parts: Iterable[tuple[Table, Part]], kept: Mapping[Stored, bytes]
) -> Iterator[tuple[str, bytes]]:
    """The records of each file by its name: those that were kept for exactly this file, else from its rows."""
    waiting: list[tuple[Table, str, str | None, pa.Table]] = []
    for table, part in parts:
        if part.entry in kept:
            yield part.entry.name, kept[part.entry]
            continue
        if waiting and (waiting[0][0] is not table or sum(len(rows) for *_, rows in waiting) >= ROWS_AT_ONCE):
            yield from _digested(waiting)
            waiting = []
        with PartFile(output, part.entry, table) as file:
            waiting.append((table, part.entry.name, part.partition and part.partition.outlet, file.read()))
    yield from _digested(waiting)


def _digested(waiting: list[tuple[Table, str, str | None, pa.Table]]) -> Iterator[tuple[str, bytes]]:
    if waiting:
        digests = digests_of([(outlet, rows) for _, _, outlet, rows in waiting], waiting[0][0])
        yield from zip([name for _, name, _, _ in waiting], digests, strict=True)


def _kept(output: Output) -> dict[Stored, bytes]:
    """What was kept, by the file that it holds for; nothing where it is damaged or of another version."""
    rows = output.noted_rows(RECORDS)
    if rows is None or rows.schema != KEPT or rows.schema.metadata != KEPT.metadata:
        return {}
    return {Stored(*one): records for *one, records in (row.values() for row in rows.to_pylist())}


def _state(entries: Iterable[Stored]) -> str:
    state = hashlib.sha256(f"{CONTRACT_VERSION} {FORMAT}".encode())
    for name, size, version in entries:
        state.update(f"{name} {size} {version}\n".encode())
    return state.hexdigest()
