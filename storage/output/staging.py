"""Where rows wait between parsing and publishing: files of a run's own below the output, or on this machine. A staged
file holds the rows of one table of one batch, by partition, in the order that its `spans` list."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.storage.output.store import is_object_address
from pressmark.storage.output.tables import STAGING, Output, open_store
from pressmark.transforms.records import Partition

__all__ = ["OWNER", "PLACE", "Span", "Staging", "open_staging"]

# Position of a row's article (or reject) in its batch: tells rows apart that are to be left out.
OWNER: Final = "owner"
# Position of a row's partition in its file's spans.
PLACE: Final = "place"


class Span(NamedTuple):
    """Rows `[start, stop)` of a staged file are of one partition; `number` is its position among those of the file."""

    partition: Partition | None
    start: int
    stop: int
    number: int = 0


class Staging(NamedTuple):
    """A run's own place in the store at `address`, which all of its workers reach; and the folder of the output in
    which next files wait for being published."""

    address: str
    prefix: str
    drafts: str

    def write(self, name: str, rows: pa.Table, counts: Sequence[tuple[Partition | None, int]]) -> tuple[Span, ...]:
        """Stage rows that are sorted by partition; `counts` names each partition and its number of rows."""
        spans: list[Span] = []
        start = 0
        for partition, count in counts:
            spans.append(Span(partition, start, start + count, len(spans)))
            start += count
        place = pa.array([span.number for span in spans for _ in range(span.stop - span.start)], pa.int32())
        rows = rows.append_column(PLACE, place).combine_chunks()
        options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
        with (
            open_store(self.address).draft(f"{self.prefix}/{name}") as path,
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, rows.schema, options=options) as writer,
        ):
            writer.write_table(rows)
        return tuple(spans)

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a staged file; where it lies on this machine they stay in the file until they are used."""
        if is_object_address(self.address):
            source: pa.NativeFile = pa.BufferReader(open_store(self.address).read(f"{self.prefix}/{name}"))
        else:
            source = pa.memory_map(os.path.join(self.address, f"{self.prefix}/{name}"))
        table = pa.ipc.open_file(source).read_all()
        return table if columns is None else table.select(list(columns))

    def remove(self, names: Sequence[str]) -> None:
        open_store(self.address).remove([f"{self.prefix}/{name}" for name in names])


@contextlib.contextmanager
def open_staging(output: Output, run_id: str, *, shared: bool) -> Iterator[Staging]:
    """An empty staging for a run: below the output, or on this machine where the output is a store and all workers are
    here (not `shared`). It is cleared at the end, but for drafts that a journal still names."""
    output.store.clear(STAGING)
    drafts = f"{STAGING}/{run_id}"
    if output.is_local or shared:
        try:
            yield Staging(str(output.address), f"{drafts}/rows", drafts)
        finally:
            if output.store.find(".pressmark/journal.json") is None:
                output.store.clear(STAGING)
        return
    name = hashlib.sha256(str(output.address).encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory(prefix=f"pressmark-{name}-") as folder:
        yield Staging(str(Path(folder)), "rows", drafts)
        output.store.clear(STAGING)
