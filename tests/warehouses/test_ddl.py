"""Statements for other warehouses parse in their dialects, name every column, and take what a place is called."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from pressmark.flows.cli import main
from pressmark.warehouses.ddl import DIALECTS, Dialect, statements
from pressmark.warehouses.relations import RELATIONS

# What sqlglot keeps as words of its dialect, without looking inside.
KEPT_AS_WORDS = {
    "bigquery": {"DROP EXTERNAL TABLE"}, "snowflake": set(), "redshift": {"CREATE EXTERNAL SCHEMA"},
    "clickhouse": {"EXCHANGE TABLES"},
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_parses_in_its_dialect(dialect: Dialect) -> None:
    for statement in statements(dialect):
        parsed = sqlglot.parse_one(statement, read=dialect)
        if isinstance(parsed, exp.Command):
            assert statement.startswith(tuple(KEPT_AS_WORDS[dialect])), statement
        else:
            assert parsed.sql(dialect=dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tables_have_the_columns_of_the_contract(dialect: Dialect) -> None:
    made = {}
    for statement in statements(dialect):
        parsed = sqlglot.parse_one(statement, read=dialect)
        if isinstance(parsed, exp.Create) and not parsed.find(exp.Table).db:
            names = [column.name for column in parsed.this.expressions if isinstance(column, exp.ColumnDef)]
            made[parsed.this.this.name] = names
    for relation in RELATIONS:
        assert made[relation.name] == list(relation.names)
        assert made[f"pressmark_staging_{relation.name}"] == list(relation.names)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_keys_of_rows_come_from_the_path_and_the_time(dialect: Dialect) -> None:
    filled = {}
    for statement in statements(dialect):
        parsed = sqlglot.parse_one(statement, read=dialect)
        if isinstance(parsed, exp.Insert) and "pressmark_staging_" in statement.partition(" (")[0]:
            filled[parsed.find(exp.Table).name.removeprefix("pressmark_staging_")] = statement
    assert filled.keys() == {relation.name for relation in RELATIONS}
    for relation in RELATIONS:
        keyed = relation.partition_columns == ("outlet", "month")
        assert ("outlet=" in filled[relation.name]) == keyed
        assert ("%Y-%m" in filled[relation.name] or "YYYY-MM" in filled[relation.name]) == keyed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_are_replaced_for_every_relation(dialect: Dialect) -> None:
    written = set()
    for statement in statements(dialect):
        parsed = sqlglot.parse_one(statement, read=dialect)
        if isinstance(parsed, exp.Merge | exp.Insert):
            table = parsed.find(exp.Table)
            assert table is not None
            written.add(table.name)
        elif statement.startswith("EXCHANGE TABLES"):
            written.add(statement.rpartition("`")[0].rpartition("`")[2])
    assert written >= {relation.name for relation in RELATIONS}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_command_prints_them_with_the_place_of_the_files(
    dialect: Dialect, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ddl", "--dialect", dialect, "--location", "s3://mine/news/"]) == 0
    printed = capsys.readouterr().out
    assert "s3://mine/news/articles/" in printed
    assert "BUCKET" not in printed
    assert len(sqlglot.parse(printed, read=dialect)) >= len(statements(dialect))


@pytest.mark.parametrize("location", ["s3://mine/o'clock", "s3://mine/a\\", "s3://mine/a\nb"])
def test_a_place_that_would_end_its_text_is_refused(location: str) -> None:
    assert main(["ddl", "--dialect", "bigquery", "--location", location]) == 2
