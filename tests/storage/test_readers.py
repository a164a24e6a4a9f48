"""Plain readers of hive-partitioned Parquet read the output folder by glob and agree, whatever the layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from archives import ROOT, STATE, News, WriteArticle, assert_same_rows, breaches, ingest, read_table

import pressmark
from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Period
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.originals import trace_paragraph
from pressmark.storage.output.tables import Output, bucket_of
from pressmark.storage.search_index import build_index

pytestmark = pytest.mark.slow

PARTITIONED = ("articles", "paragraphs", "revisions")
UNKNOWN = {"month": "unknown", "day": date(1, 1, 1), "year": 0}
PANDAS = ROOT / ".venv" / "pandas"
BY_PANDAS = """
import json, sys
sys.path.append(sys.argv[1])
import pandas as pd
rows = pd.read_parquet(sys.argv[2])
chosen = pd.read_parquet(sys.argv[2], filters=[("outlet", "==", "songling-times-example")])
print(json.dumps([sorted(map(str, rows[sys.argv[3]])), len(chosen)]))
"""


def write_news(archive: Path, write_article: WriteArticle, *, undated: bool = True) -> None:
    for number in range(24):
        host = "yungang-daily" if number % 5 == 0 else "songling-times"
        at = f"{2021 + number % 2}-{number % 3 + 1:02}-{number % 7 + 1:02}T00:00:00"
        write_article(f"{number:02}.md", url=f"https://{host}.example/{number}", at=at, body=f"<p>{number}</p>")
    (archive / "copy.md").write_bytes((archive / "03.md").read_bytes())
    (archive / "bad.md").write_bytes(b"\xff")
    if undated:
        (archive / "undated.md").write_bytes(
            "[松岭](https://songling-times.example/undated)\n------\n\n<p>林帆</p>\n".encode()
        )


@pytest.mark.parametrize("undated", [True, False], ids=["with undated ones", "all dated"])
@pytest.mark.parametrize("by", ["month", "day", "year"])
def test_readers_agree_on_keys_of_one_type(news: News, by: Period, undated: bool) -> None:
    write_news(news.archive, news.write, undated=undated)
    output = news.out
    ingest(news.archive, output, partition=by, buckets=2)
    for name in ("articles", "paragraphs"):
        rows = pl.scan_parquet(output / name, hive_partitioning=True).collect()
        keys = Counter(rows[by].to_list())
        assert rows.schema[by] == {"month": pl.String, "day": pl.Date, "year": pl.Int64}[by]
        assert sum(keys.values()) == len(rows) == 24 + undated
        assert keys[UNKNOWN[by]] == int(undated)
        files = f"read_parquet('{output}/{name}/**/*.parquet', hive_partitioning=true)"
        by_duckdb = duckdb.sql(f"select {by}, count(*) from {files} group by 1").fetchall()
        assert {str(key): count for key, count in by_duckdb} == {str(key): count for key, count in keys.items()}
        assert type(by_duckdb[0][0]) is type(rows[by][0])
        read = pq.read_table(output / name, filters=[("outlet", "=", "songling-times-example")])
        assert read.num_rows == rows.filter(outlet="songling-times-example").height
        assert Counter(map(str, pq.read_table(output / name)[by].to_pylist())) == Counter(map(str, rows[by]))
        dataset = ds.dataset(output / name, partitioning="hive")
        assert Counter(map(str, dataset.to_table(columns=[by])[by].to_pylist())) == Counter(map(str, rows[by]))
        if PANDAS.is_dir() and undated and name == "articles":
            command = [sys.executable, "-c", BY_PANDAS, str(PANDAS), str(output / name), by]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert json.loads(done.stdout) == [sorted(map(str, rows[by])), read.num_rows]
    assert breaches(output, news.archive) == []


@pytest.fixture(scope="module")
def of_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    ingest(ROOT / "seeds", folder / "out", described=True)
    return folder / "out"


def test_rejects_and_runs_are_read_without_partitions(of_seeds: Path) -> None:
    for name in ("rejects", "runs"):
        count = pl.scan_parquet(of_seeds / name).select(pl.len()).collect().item()
        assert duckdb.sql(f"select count(*) from read_parquet('{of_seeds}/{name}/*.parquet')").fetchall() == [(count,)]
        assert count >= 1


def test_every_file_has_the_schema_of_its_table_and_no_key_of_its_path(of_seeds: Path) -> None:
    for name, table in TABLES.items():
        if name == "audits":
            continue  # no audit found anything
        paths = sorted((of_seeds / name).rglob("*.parquet"))
        assert paths, name
        for path in paths:
            schema = pq.read_schema(path)
            assert schema.equals(table.schema, check_metadata=False), path
            assert not {"outlet", "month"} & set(schema.names)
            assert schema.metadata[b"pressmark.contract_version"] == CONTRACT_VERSION.encode()
            assert [field.metadata for field in schema] == [field.metadata for field in table.schema]


def test_rows_are_sorted_in_each_file(of_seeds: Path) -> None:
    for name in STATE:
        keys = TABLES[name].sort_keys
        for path in sorted((of_seeds / name).rglob("*.parquet")):
            rows = pq.ParquetFile(path).read(list(keys)).to_pylist()
            order = [tuple((row[key] is None, row[key]) for key in keys if row[key] is not None) for row in rows]
            assert order == sorted(order, key=repr) or order == sorted(order), path


def test_a_rows_file_follows_from_its_article_alone(news: News) -> None:
    write_news(news.archive, news.write)
    ingest(news.archive, news.folder / "one", 1)
    news.ingest(1, buckets=3)
    for number in range(6):
        news.write(f"{number:02}.md", url=f"https://songling-times.example/{number}", body="<p>改</p>")
    (news.archive / "07.md").unlink()
    for output in ("one", "out"):
        # What the first run fixed is that of all later ones.
        ingest(news.archive, news.folder / output, 2, sync=True, workers=2)
    numbers: Counter[int] = Counter()
    for name in PARTITIONED:
        for path in (news.out / name).rglob("*.parquet"):
            number = int(path.stem.removeprefix("part-"))
            ids = pq.ParquetFile(path).read(["article_id"])["article_id"].to_pylist()
            assert {int(key[:8], 16) % 3 for key in ids} == {bucket_of(key, 3) for key in ids} == {number}
            numbers[number] += 1
    assert set(numbers) == {0, 1, 2}
    assert_same_rows(news.out, news.folder / "one")
    assert news.breaches() == []


def test_another_layout_than_the_outputs_is_refused(news: News) -> None:
    news.write("a.md")
    news.ingest(1, partition="day", buckets=2)
    ingest(news.archive, news.folder / "plain", 1)
    before = news.files()
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("out", {"partition": "month"}, "has `partition` day, not month.*--partition month"),
        ("out", {"buckets": 3}, "has `buckets` 2, not 3.*--buckets 3"),
        ("plain", {"partition": "day"}, "has `partition` month, not day"),
        ("plain", {"buckets": 2}, "has `buckets` 1, not 2"),
    ]
    for output, settings, message in cases:
        with pytest.raises(OutputError, match=message):
            ingest(news.archive, news.folder / output, 2, **settings)
    news.ingest(3, partition="day", buckets=2)
    assert news.files() == before


@pytest.mark.parametrize("by", ["day", "year"])
def test_periods_hold_the_rows_that_months_hold(news: News, by: Period) -> None:
    write_news(news.archive, news.write)
    ingest(news.archive, news.folder / "month")
    ingest(news.archive, news.folder / by, partition=by)
    for number in range(5):
        news.write(f"{number:02}.md", url=f"https://songling-times.example/{number}", at="2023-01-08T00:00:00")
    (news.archive / "07.md").unlink()
    for output in ("month", by):
        ingest(news.archive, news.folder / output, 2, sync=True)
    assert_same_rows(news.folder / by, news.folder / "month")
    folders = {path.name for path in (news.folder / by / "articles" / "outlet=songling-times-example").iterdir()}
    expected = {"year": {"year=2021", "year=2022", "year=2023", "year=0"},
                "day": {"day=2023-01-08", "day=0001-01-01", "day=2021-03-02"}}[by]  # fmt: skip
    assert expected <= folders
    assert breaches(news.folder / by, news.archive) == []
    paragraph = str(read_table(news.folder / by, "paragraphs")["paragraph_id"][0])
    assert trace_paragraph(Output(news.folder / by), None, paragraph, context=0).paragraph["paragraph_id"] == paragraph


def test_tables_hold_parquet_files_only(of_seeds: Path) -> None:
    kinds = {path.relative_to(of_seeds).parts[0]: path.suffix for path in of_seeds.rglob("*") if path.is_file()}
    assert {name: kind for name, kind in kinds.items() if name[0] != "."} == {
        **dict.fromkeys(TABLES.keys() - {"audits"}, ".parquet"), "reports": ".json", "README.md": ".md",
        "croissant.json": ".json", "datacontract.yaml": ".yaml", "columns.csv": ".csv",
    }  # fmt: skip
    assert not [name for name in os.listdir(of_seeds) if name.startswith(".") and name != ".pressmark"]


def test_what_others_left_in_a_tables_folder_is_passed_over(news: News) -> None:
    write_news(news.archive, news.write)
    output = news.out
    ingest(news.archive, output)
    before = {table.name: Output(output).scan(table).collect() for table in TABLES.values()}
    for table in TABLES:
        folders = [path for path in (output / table, *(output / table).rglob("*")) if path.is_dir()]
        for folder, name in product(folders, ("notes.txt", ".DS_Store", "._part-0.parquet")):
            (folder / name).write_bytes(b"left here")
    (news.archive / "00.md").unlink()
    ingest(news.archive, output, sync=True)
    assert breaches(output, news.archive) == []
    now = {table.name: Output(output).scan(table).collect() for table in TABLES.values()}
    assert now["articles"].height == before["articles"].height - 1
    with pressmark.open(output) as dataset:
        assert dataset.paragraphs.collect().height == now["paragraphs"].height


@pytest.mark.parametrize("name", ["[ab]", "out:1", "file:named"])
def test_an_output_may_have_a_name_that_libraries_take_for_more(
    news: News, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    news.write("a.md", body="<p>灯塔今天开放。</p>")
    monkeypatch.chdir(news.folder)
    for indexed in (False, True):
        ingest(news.archive.name, name, 1 + indexed)
        with pressmark.open(name) as dataset:
            assert dataset.search("灯塔").height == dataset.articles.collect().height == 1
        build_index(Output(name), lambda *_: None)
    assert pressmark.load(name, "duckdb:news.duckdb").tables[0].rows == 1
    assert (news.folder / name.removeprefix("file:") / "articles").is_dir()


def test_an_output_of_another_kind_is_refused_before_anything_is_written(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(news.folder)
    for address in ("gcs://news/output", "S3://news/output", "file://output"):
        with pytest.raises(SettingsError, match="can't be written"):
            ingest(news.archive, address)
    assert {path.name for path in news.folder.iterdir()} == {"archive"}
