"""Where everything lies in an output folder.

Table folders hold `.parquet` files only. Whatever else a run needs (lock, staging, journal) lives in
`.pressmark`, beside them and on the same file system.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.contract import Table
from transforms.records import Partition

__all__ = ["Output", "sync_folder"]

PART: Final = "part-0.parquet"


@dataclass(frozen=True, slots=True)
class Output:
    """An output folder and the paths in it."""

    root: Path

    @property
    def private(self) -> Path:
        return self.root / ".pressmark"

    @property
    def journal(self) -> Path:
        return self.private / "journal.json"

    def staging(self, run_id: str) -> Path:
        return self.private / "staging" / run_id

    def table_folder(self, table: Table) -> Path:
        return self.root / table.name

    def part(self, table: Table, partition: Partition | None) -> Path:
        """The file of a partition; of the whole table where it has no partitions."""
        if partition is None:
            return self.root / table.name / PART
        return self.root / table.name / f"outlet={partition.outlet}" / f"month={partition.month}" / PART

    def parts(self, table: Table) -> Iterator[tuple[Partition | None, Path]]:
        """Partition files that exist, in the order of their paths."""
        folder = self.table_folder(table)
        if not table.partitioned:
            if (folder / PART).exists():
                yield None, folder / PART
            return
        for path in sorted(folder.glob(f"outlet=*/month=*/{PART}")):
            yield Partition(path.parts[-3].removeprefix("outlet="), path.parts[-2].removeprefix("month=")), path

    def partitions(self, table: Table) -> Iterator[tuple[Partition, Path]]:
        """Files of a partitioned table that exist, in the order of their paths."""
        return ((partition, path) for partition, path in self.parts(table) if partition is not None)

    def clear_staging(self) -> None:
        """Remove what killed runs left in staging."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.private / "staging")


def sync_folder(path: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
