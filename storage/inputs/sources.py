"""Many sources in little memory: columns instead of a record for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, overload

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import TIMESTAMP
from pressmark.storage.inputs.source import Source

__all__ = ["SOURCE_SCHEMA", "Sources", "source_batch", "sources_of"]

SOURCE_SCHEMA: Final = pa.schema([
    ("source_path", pa.string()), ("locator", pa.binary()), ("source_bytes", pa.int64()), ("problem", pa.string()),
    ("valid_from", TIMESTAMP), ("valid_to", TIMESTAMP), ("version", pa.string()),
])  # fmt: skip
CHUNK_ROWS: Final = 4096


class Sources(Sequence[Source]):
    """An immutable sequence of sources; records are made as they are asked for, and slices copy nothing."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    @classmethod
    def of(cls, sources: Iterable[Source]) -> Sources:
        """These sources, in their order."""
        if isinstance(sources, Sources):
            return sources
        ahead = iter(sources)
        batches = []
        while chunk := list(islice(ahead, CHUNK_ROWS)):
            batches.append(source_batch(chunk))
        return cls.of_batches(batches)

    @classmethod
    def of_batches(cls, batches: Iterable[pa.RecordBatch]) -> Sources:
        """The sources of record batches."""
        return cls(pa.Table.from_batches(list(batches), schema=SOURCE_SCHEMA))

    def __len__(self) -> int:
        rows: int = self._rows.num_rows
        return rows

    @overload
    def __getitem__(self, index: int) -> Source: ...

    @overload
    def __getitem__(self, index: slice) -> Sources: ...

    def __getitem__(self, index: int | slice) -> Source | Sources:
        if not isinstance(index, slice):
            (source,) = self[range(len(self))[index] :][:1]
            return source
        start, stop, step = index.indices(len(self))
        if step != 1:
            return self.take(pa.array(range(start, stop, step), pa.int64()))
        return Sources(self._rows.slice(start, max(stop - start, 0)))

    def __iter__(self) -> Iterator[Source]:
        for batch in self._rows.to_batches(max_chunksize=CHUNK_ROWS):
            yield from sources_of(batch)

    def column(self, name: str) -> pa.ChunkedArray:
        """One value of each source."""
        return self._rows[name]

    def batch(self) -> pa.RecordBatch:
        """The sources as one record batch."""
        arrays = [column.combine_chunks() for column in self._rows.columns]
        return pa.record_batch(arrays, schema=SOURCE_SCHEMA)

    def take(self, positions: pa.Array) -> Sources:
        """The sources at these positions."""
        return Sources(self._rows.take(positions))

    def where(self, chosen: Callable[[pa.StringArray], pa.BooleanArray]) -> Sources:
        """The sources whose paths are chosen; where most are, most are not copied."""
        batches = []
        for batch in self._rows.to_batches():
            mask = chosen(batch.column("source_path"))
            batches.append(batch if mask.true_count == batch.num_rows else batch.filter(mask))
        return Sources.of_batches(batches)

    def ascends(self, name: str) -> bool:
        """Whether each source has a value in this column, and a greater one than the source before it."""
        last = None
        for values in self._rows[name].chunks:
            if values.null_count or (len(values) and last is not None and not last < values[0].as_py()):
                return False
            if not pc.all(pc.less(values[:-1], values[1:]), min_count=0).as_py():
                return False
            last = values[-1].as_py() if len(values) else last
        return True

    def sorted_by(self, *columns: str) -> Sources:
        """The sources in the order of some columns, what has no value first."""
        if self.ascends(columns[0]):
            return self
        keys = [(name, "ascending", "at_start") for name in columns]
        return self.take(pc.sort_indices(self._rows, sort_keys=keys))


def source_batch(sources: Sequence[Source]) -> pa.RecordBatch:
    """Some sources as a record batch."""
    if isinstance(sources, Sources):
        return sources.batch()
    paths, locators, *others = zip(*sources, strict=True) if sources else [()] * len(SOURCE_SCHEMA)
    named = [locator.encode("utf-8", "surrogateescape") for locator in locators]
    return pa.record_batch([paths, named, *others], schema=SOURCE_SCHEMA)


def sources_of(rows: pa.RecordBatch) -> list[Source]:
    """The sources of a record batch."""
    return [
        Source(path, locator.decode("utf-8", "surrogateescape"), *rest)
        for path, locator, *rest in zip(*(column.to_pylist() for column in rows.columns), strict=True)
    ]
