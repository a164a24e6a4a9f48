"""Plain readers of hive-partitioned Parquet read the output folder by glob and agree."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from archives import ingest

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION


@pytest.fixture
def output(seeds: Path, tmp_path: Path) -> Path:
    ingest(seeds, tmp_path / "out", workers=2)
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["articles", "paragraphs", "revisions"])
def test_polars_duckdb_and_pyarrow_agree_on_rows_per_partition(output: Path, name: str) -> None:
    by_polars = (
        pl.scan_parquet(output / name, hive_partitioning=True).group_by("outlet", "month").len().collect().rows()
    )
    by_duckdb = duckdb.sql(
        f"select outlet, month, count(*) from read_parquet('{output}/{name}/**/*.parquet', hive_partitioning=true) "
        "group by all"
    ).fetchall()
    table = ds.dataset(output / name, partitioning="hive").to_table(columns=["outlet", "month"])
    by_pyarrow: dict[tuple[str, str], int] = {}
    for row in table.to_pylist():
        key = (row["outlet"], row["month"])
        by_pyarrow[key] = by_pyarrow.get(key, 0) + 1
    assert sorted(by_polars) == sorted(by_duckdb) == sorted((*key, count) for key, count in by_pyarrow.items())
    assert len(by_polars) >= 1


def test_rejects_and_runs_are_read_without_partitions(output: Path) -> None:
    for name in ("rejects", "runs"):
        count = pl.scan_parquet(output / name).select(pl.len()).collect().item()
        assert duckdb.sql(f"select count(*) from read_parquet('{output}/{name}/*.parquet')").fetchall() == [(count,)]
        assert count >= 1


def test_every_file_of_a_table_has_its_schema_and_version(output: Path) -> None:
    for name, table in TABLES.items():
        paths = sorted((output / name).rglob("*.parquet"))
        assert paths, name
        for path in paths:
            schema = pq.read_schema(path)
            assert schema.equals(table.schema, check_metadata=False), path
            assert schema.metadata[b"pressmark.contract_version"] == CONTRACT_VERSION.encode()
            assert [field.metadata[b"description"] for field in schema] == [
                field.metadata[b"description"] for field in table.schema
            ]


def test_rows_are_sorted_and_their_partition_columns_match_the_path(output: Path) -> None:
    for name, keys in (("articles", 2), ("paragraphs", 3)):
        for path in sorted((output / name).rglob("*.parquet")):
            rows = pq.ParquetFile(path).read().to_pylist()
            places = {(row["outlet"], row["month"]) for row in rows}
            assert places == {(path.parts[-3].removeprefix("outlet="), path.parts[-2].removeprefix("month="))}
            order = [(str(row["published_at"] or "~"), row["article_id"], row.get("ordinal", 0))[:keys] for row in rows]
            assert order == sorted(order)
