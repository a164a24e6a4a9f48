"""Where everything lies in an output.

Tables' folders hold `.parquet` files only. Whatever else a run needs (lock, staging, journal) lies in `.pressmark`,
beside them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pressmark.schemas.contract import Table
from pressmark.storage.errors import OutputError
from pressmark.storage.output.store import Store, Stored, is_object_address, open_store
from pressmark.transforms.records import Partition

__all__ = ["PART_SUFFIX", "STAGING", "Output", "Part", "part_name"]

STAGING: Final = ".pressmark/staging"
PART_SUFFIX: Final = ".parquet"
PART_STEM: Final = "part-"

Part = tuple[Partition | None, Stored]


class Output(NamedTuple):
    """An output, by the address of its folder or of the objects that it consists of."""

    address: str | Path
    single_writer: bool = False

    @property
    def store(self) -> Store:
        return open_store(str(self.address), single_writer=self.single_writer)

    @property
    def is_local(self) -> bool:
        return not is_object_address(str(self.address))

    @property
    def root(self) -> Path:
        """The folder; raises `OutputError` where the output is none."""
        if not self.is_local:
            raise OutputError("this needs an output in a folder", self.address, "copy it to this machine first")
        return Path(self.address)

    @property
    def folder(self) -> Path | None:
        """The folder; None where the output is none."""
        return Path(self.address) if self.is_local else None

    def location(self, name: str) -> str:
        """A content's address, for messages and readers."""
        return f"{self.address}".rstrip("/") + f"/{name}"

    def parts(self, table: Table) -> Iterator[Part]:
        """Partition files that exist, in the order of their partitions and numbers."""
        found = []
        for entry in self.store.entries(table.name):
            folders, _, file = entry.name.rpartition("/")
            number = file.removeprefix(PART_STEM).removesuffix(PART_SUFFIX)
            if not number.isdigit():
                continue
            found.append((_partition(folders, table), int(number), entry))
        found.sort(key=lambda one: (one[0] or ("", ""), one[1]))
        return ((partition, entry) for partition, _, entry in found)

    def parts_of(self, table: Table, partition: Partition | None) -> list[tuple[int, Stored]]:
        """Files of one partition with their numbers, in the order of those."""
        folder = os.path.dirname(part_name(table, partition))
        files = [entry for entry in self.store.entries(folder) if entry.name.count("/") == folder.count("/") + 1]
        return sorted((_number(entry.name), entry) for entry in files)

    def partitions(self, table: Table) -> Iterator[tuple[Partition, Stored]]:
        """Files of a partitioned table that exist, in the order of their partitions and numbers."""
        return ((partition, entry) for partition, entry in self.parts(table) if partition is not None)


def part_name(table: Table, partition: Partition | None, number: int = 0) -> str:
    """Name of a file of a partition; of the whole table where it has no partitions.

    >>> from pressmark.schemas import TABLES
    >>> part_name(TABLES["articles"], Partition("rfi", "month=2022-01"))
    'articles/outlet=rfi/month=2022-01/part-0.parquet'
    """
    file = f"{PART_STEM}{number}{PART_SUFFIX}"
    if partition is None:
        return f"{table.name}/{file}"
    return f"{table.name}/outlet={partition.outlet}/{partition.period}/{file}"


def _number(name: str) -> int:
    return int(name.rpartition("/")[2].removeprefix(PART_STEM).removesuffix(PART_SUFFIX))


def _partition(folders: str, table: Table) -> Partition | None:
    if not table.partitioned:
        return None
    outlet, period = folders.split("/")[1:]
    return Partition(outlet.removeprefix("outlet="), period)
