"""What an Iceberg folder remembers of its last load, so that a load with nothing to do need not open its tables.

A table's metadata files never change, so where the catalog still points to those of the last load, the tables are as it
left them. The memory may be deleted: that costs a second and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.output.publish import replace_file
from pressmark.storage.output.snapshot import Part
from pressmark.warehouses.relations import Relation

__all__ = ["CATALOG", "is_current", "pointers", "remember"]

CATALOG: Final = "catalog.db"
MEMORY: Final = ".pressmark-last-load.json"


def is_current(folder: Path, parts: Sequence[Part], relations: Sequence[Relation]) -> bool:
    """Whether the tables are surely what a load of these files would make of them."""
    with contextlib.suppress(OSError, json.JSONDecodeError, sqlite3.Error):
        remembered = json.loads((folder / MEMORY).read_bytes())
        return bool(remembered == _state(folder, parts, relations))
    return False


def remember(folder: Path, parts: Sequence[Part], relations: Sequence[Relation]) -> None:
    """Write down that the tables hold these files."""
    replace_file(folder / MEMORY, json.dumps(_state(folder, parts, relations)).encode())


def pointers(folder: Path) -> dict[str, str]:
    """The metadata file of each table in the folder's catalog."""
    with contextlib.closing(sqlite3.connect(f"{(folder / CATALOG).as_uri()}?mode=ro", uri=True)) as catalog:
        query = "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables ORDER BY 1"
        return dict(catalog.execute(query).fetchall())


def _state(folder: Path, parts: Sequence[Part], relations: Sequence[Relation]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "contract_version": CONTRACT_VERSION,
        "columns": {
            relation.name: [[column.name, str(column.type), column.nullable] for column in relation.columns]
            for relation in relations
        },
        "files": {f"{part.table}/{part.partition}": part.digest for part in parts},
        "tables": pointers(folder),
    }
