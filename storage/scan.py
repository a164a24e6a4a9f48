"""A table as polars reads it, wherever the output lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pressmark.schemas.contract import Table
from pressmark.storage.output.tables import Output

if TYPE_CHECKING:
    import polars as pl

__all__ = ["scan"]


def scan(output: Output, table: Table) -> pl.LazyFrame | None:
    """All rows of a table; None where it has no file."""
    import polars as pl

    if not output.store.entries(table.name):
        return None
    # With the `/` at its end an object store knows it for a folder.
    folder = output.location(f"{table.name}/")
    options = output.store.reader_options()
    return pl.scan_parquet(folder, hive_partitioning=table.partitioned, storage_options=options or None)
