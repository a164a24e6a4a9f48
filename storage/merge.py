"""Merges sorted rows into one Parquet file, in memory that depends on a row group and not on the partition.

The rows of a partition come from its published file and from staged files, each sorted by the table's keys. As every
input is sorted, the rows of one row group are one slice of each input. Row groups of the published file that stay as
they are go over byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import Table
from pressmark.storage.parquet import CarryingWriter, PartWriter
from pressmark.storage.row_groups import Unit, row_groups, too_few_to_cut
from pressmark.storage.sorted_rows import Published, SortedRows, give_back

__all__ = ["Merged", "merge_rows"]

# So many slices are put together in less time than their rows are picked.
FEW_RUNS: Final = 16


class Merged(NamedTuple):
    """A merged file: rows and bytes; zero rows and no file where nothing is left."""

    rows: int
    file_bytes: int


def merge_rows(target: Path, table: Table, inputs: Sequence[SortedRows]) -> Merged:
    """Write the rows of all inputs, in order, to `target`. The same rows give the same bytes, however they were
    spread over inputs."""
    total = sum(rows.num_rows for rows in inputs)
    if not total:
        return Merged(0, 0)
    few = too_few_to_cut(table, inputs)
    if few is None and any(isinstance(rows, Published) and rows.stays for rows in inputs):
        with CarryingWriter(target, table) as carrying:
            for units in row_groups(table, inputs):
                if not _kept(units, inputs, carrying):
                    rows = _gather(units, inputs)
                    carrying.write(rows)
                    give_back(rows.nbytes)
    else:
        with PartWriter(target, table) as writer:
            for rows in [few] if few is not None else (_gather(units, inputs) for units in row_groups(table, inputs)):
                writer.write(rows)
                give_back(rows.nbytes)
    return Merged(total, target.stat().st_size)


def _kept(units: Sequence[Unit], inputs: Sequence[SortedRows], writer: CarryingWriter) -> bool:
    """Whether some units are a whole row group of a published file, which is added as it is."""
    number = units[0].number
    source = inputs[number]
    if not isinstance(source, Published) or any(unit.number != number for unit in units):
        return False
    last = units[-1]
    group = source.row_group(units[0].start, last.start + last.length)
    if group is None:
        return False
    writer.keep(source.file, group, last.start + last.length - units[0].start)
    return True


def _gather(group: Sequence[Unit], inputs: Sequence[SortedRows]) -> pa.Table:
    """The rows of some units, in their order. As inputs are sorted, those of each are one slice of it."""
    # Numbers of inputs, and `[start, stop)` of the rows that follow each other there as here.
    runs: list[tuple[int, int, int]] = []
    for number, units in groupby(group, key=attrgetter("number")):
        some = list(units)
        runs.append((number, some[0].start, some[-1].start + some[-1].length))
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, start, stop in runs:
        first.setdefault(number, start)
        last[number] = stop
    parts = {number: inputs[number].slice(start, last[number]) for number, start in first.items()}
    if len(runs) <= FEW_RUNS:
        return pa.concat_tables(
            [parts[number].slice(start - first[number], stop - start) for number, start, stop in runs]
        )
    base: dict[int, int] = {}
    total = 0
    for number, start in first.items():
        base[number] = total - start
        total += last[number] - start
    order = [base[number] + row for number, start, stop in runs for row in range(start, stop)]
    return pa.concat_tables(parts.values()).take(pa.array(order, pa.int64()))
