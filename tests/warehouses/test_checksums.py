"""A row's checksum depends on every column, and on what each value is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pressmark.storage.output.snapshot import snapshot
from pressmark.storage.output.tables import Output
from pressmark.warehouses.relations import RELATIONS, TEXTS, Column, Relation, checksum_query
from pressmark.warehouses.source import Source


def another(column: Column) -> str:
    """SQL of a value that differs a little from the column's."""
    name = f'"{column.name}"'
    if column.type == TEXTS:
        return f"list_append({name}, '')"
    if column.nullable:
        return f"CASE WHEN {name} IS NULL THEN {sample(column.type)} END"
    if pa.types.is_string(column.type):
        return f"{name} || ' '"
    if pa.types.is_boolean(column.type):
        return f"NOT {name}"
    return f"{name} + {'INTERVAL 1 MICROSECOND' if pa.types.is_timestamp(column.type) else '1'}"


def sample(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "TIMESTAMPTZ '2022-01-01 00:00:00+00'"
    if pa.types.is_date(type_):
        return "DATE '2022-01-01'"
    return {"string": "''", "binary": "''::BLOB"}.get(str(type_), "0")


@pytest.mark.slow
@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_a_change_of_any_column_changes_the_checksum(rich: Path, relation: Relation) -> None:
    with snapshot(Output(rich), "reader") as files, Source(files) as source, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE kept AS {source.rows(relation, source.parts_of(relation))}")
        before = checksums(connection, relation, "kept")
        for column in relation.columns:
            if column.name not in relation.partition_columns:
                changed = f'(SELECT * REPLACE ({another(column)} AS "{column.name}") FROM kept)'
                after = checksums(connection, relation, changed)
                assert after.keys() == before.keys()
                assert all(after[name][1] != checked for name, (_, checked) in before.items()), column.name


def checksums(connection: Any, relation: Relation, rows: str) -> dict[str, tuple[int, str]]:
    query = checksum_query(relation, rows)
    return {name: (count, checksum) for name, count, checksum in connection.execute(query).fetchall()}


def test_no_two_lists_have_one_checksum() -> None:
    relation = Relation("lists", "lists", "", (Column("flags", TEXTS, nullable=True, description=""),), ("flags",))
    lists = ["[]", "['']", "['', '']", "['a', 'b']", "['b', 'a']", "['ab']", "['a']", "NULL"]
    with duckdb.connect() as connection:
        found = [checksums(connection, relation, f"(SELECT CAST({one} AS VARCHAR[]) AS flags)")[""] for one in lists]
    assert len(set(found)) == len(lists)
