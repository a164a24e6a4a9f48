"""Where everything lies in an output: tables' folders hold `.parquet` files only, and whatever else a run needs (lock,
staging, journal) lies in `.pressmark`, beside them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from pressmark.schemas.contract import UNKNOWN_PERIODS, Table
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.output.folder import FolderStore
from pressmark.storage.output.store import Store, Stored, is_object_address
from pressmark.transforms.records import Partition

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PART_SUFFIX", "STAGING", "Output", "Part", "bucket_of", "by_partition", "open_store", "part_name"]

STAGING: Final = ".pressmark/staging"
PART_SUFFIX: Final = ".parquet"
PART_STEM: Final = "part-"
ID_DIGITS: Final = 8


class Part(NamedTuple):
    """A file of a table: its partition (None where the table has none), its number, and what is stored."""

    partition: Partition | None
    number: int
    entry: Stored


class _Output(NamedTuple):
    address: str | Path
    single_writer: bool = False
    older_archive: str = ""


class Output(_Output):
    """An output, by the address of its folder or of the objects that it consists of. Its rows of an older contract are
    those of `older_archive`. Raises `SettingsError` for an address of another kind."""

    __slots__ = ()

    def __new__(cls, address: str | Path, *more: Any) -> Output:
        return super().__new__(cls, _place(str(address)) or address, *more)

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
        return f"{self.address}".rstrip("/") + f"/{name}"

    def note(self, name: str) -> bytes:
        """A content that may be deleted at any time; empty where it is."""
        try:
            return self.store.read(name)
        except FileNotFoundError:
            return b""

    def noted_rows(self, name: str) -> pa.Table | None:
        """The rows of such a content; None where it is gone or damaged."""
        try:
            return pa.ipc.open_file(pa.BufferReader(self.note(name))).read_all()
        except (pa.ArrowException, OSError):
            return None

    def note_rows(self, name: str, rows: pa.Table, compression: str | None = None) -> None:
        """Write such a content."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write_table(rows)
        self.store.write(name, sink.getvalue().to_pybytes())

    def files(self, table: str) -> list[Stored]:
        """What is stored of a table; without what others left in its folder, such as `.DS_Store`."""
        return _of_table(self.store.entries(table))

    def parts(self, table: Table) -> list[Part]:
        """Files of a table that exist, in the order of their partitions and numbers. Files of `runs` have none."""
        found = []
        for entry in self.files(table.name):
            folders, _, file = entry.name.rpartition("/")
            number = file.removeprefix(PART_STEM).removesuffix(PART_SUFFIX)
            if number.isdigit():
                found.append(Part(_partition(folders, table), int(number), entry))
        return sorted(found, key=lambda part: (part.partition or ("", ""), part))

    def scan(self, table: Table) -> pl.LazyFrame:
        """All rows of a table as polars reads them, the partition keys as columns; none where it has no file."""
        import polars as pl

        listed = self.store.entries(table.name)
        entries = _of_table(listed)
        if not entries:
            rows = pl.DataFrame(pl.from_arrow(table.schema.empty_table())).lazy()
            keys = ("outlet", "month") if table.partitioned else ()
            return rows.with_columns(pl.lit("").alias(key) for key in keys)
        # With the `/` at its end an object store knows it for a folder.
        # By name only where there are other files: a folder above may have a name like a key's.
        foreign = len(entries) < len(listed)
        places = [self.location(one.name) for one in entries] if foreign else self.location(f"{table.name}/")
        options = self.store.reader_options()
        # Types are named, or outlets `007` and `2047` were numbers. Version 2 had `unknown` for days and years, too.
        types = {"outlet": pl.String, "month": pl.String, "day": pl.Date, "year": pl.Int64}
        named = table.partitioned and not any("/day=unknown/" in e.name or "/year=unknown/" in e.name for e in entries)
        return pl.scan_parquet(
            places, hive_partitioning=table.partitioned, hive_schema=types if named else None, glob=False,
            storage_options=options or None,
        )  # fmt: skip


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


def _of_table(listed: Iterable[Stored]) -> list[Stored]:
    return [one for one in listed if one.name.endswith(PART_SUFFIX) and "/." not in one.name]


def by_partition(parts: Iterable[Part]) -> dict[Partition | None, list[Part]]:
    """The files of each partition."""
    found = defaultdict(list)
    for part in parts:
        found[part.partition].append(part)
    return found


def bucket_of(article_id: str, buckets: int) -> int:
    """The number of the file that an article's rows are in: it follows from the id alone."""
    return int(article_id[:ID_DIGITS], 16) % buckets


def _partition(folders: str, table: Table) -> Partition | None:
    if not table.partitioned:
        return None
    outlet, period = folders.split("/")[1:]
    # Version 2 of the contract wrote `unknown` for days and years, too.
    key, _, value = period.partition("=")
    period = f"{key}={UNKNOWN_PERIODS[key]}" if value == UNKNOWN_PERIODS["month"] and key in UNKNOWN_PERIODS else period
    return Partition(outlet.removeprefix("outlet="), period)


def _place(address: str) -> str:
    """The whole path of a folder behind `file:`, or of one with a `:` in its name, whose beginning libraries would take
    for a scheme; of others nothing.

    >>> _place("file:///data/news"), _place("/data/12:30"), _place("news")
    ('/data/news', '/data/12:30', '')
    """
    scheme, _, rest = address.partition("://")
    if ":" not in address or is_object_address(address):
        return ""
    if rest and not (scheme == "file" and rest.startswith("/")):
        raise SettingsError(
            f"outputs of the kind `{scheme}` can't be written", address,
            "give a folder, or s3://bucket/prefix (gs://, az://)",
        )  # fmt: skip
    behind = address.removeprefix("file:")
    return os.path.abspath(address if behind == address else unquote(behind.removeprefix("//")))


@lru_cache(maxsize=16)
def open_store(address: str, *, single_writer: bool = False) -> Store:
    """The store at an address: a path, or `s3://bucket/prefix` (`gs://`, `az://container/prefix`). `single_writer`
    promises that no other process writes there, for stores that can't tell. Raises `SettingsError` for an empty one."""
    if not address.strip():
        raise SettingsError("the output has no address", address, "name a place; `.` is the working folder")
    if is_object_address(address):
        from pressmark.storage.output.objects import ObjectStore

        return ObjectStore(address, single_writer=single_writer)
    return FolderStore(address)
