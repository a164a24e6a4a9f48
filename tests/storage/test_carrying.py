"""Outputs of an older contract, or of fewer columns, are carried over by the next run."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import ROOT, STATE, breaches, files_of, ingest, read_table, rows_of, settled_rows

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.errors import OutputError

pytestmark = pytest.mark.slow

FIXTURE = ROOT / "tests" / "fixtures" / "output-v2"


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output that version 2 made by two runs with `--sync` over `news`: a revised article, a copy, other markup, a
    tombstone, rejects, an article without address and one without a time."""
    shutil.copytree(FIXTURE, tmp_path / "v2")
    monkeypatch.chdir(tmp_path / "v2")
    return tmp_path / "v2" / "output"


def assert_new_schema(output: Path) -> None:
    for name in STATE:
        for path in (output / name).rglob("*.parquet"):
            assert pq.read_schema(path).equals(TABLES[name].schema, check_metadata=False), path
            version = pq.read_schema(path).metadata[b"pressmark.contract_version"]
            assert version == CONTRACT_VERSION.encode(), path


@pytest.mark.parametrize("workers", [1, 2])
def test_an_output_of_version_2_is_carried_over(older: Path, tmp_path: Path, workers: int) -> None:
    before = {name: [row for path in sorted((older / name).rglob("*.parquet"))
                     for row in pq.ParquetFile(path).read().to_pylist()] for name in STATE}  # fmt: skip
    report = ingest("news", older, 3, sync=True, workers=workers)
    # Another parser made the rows, so all is parsed again.
    assert (report.archive, report.parsed, report.deleted) == ("news", 8, 0)
    assert_new_schema(older)
    assert breaches(older, "news") == []
    # What has not changed is what a first run finds; what ended before is kept.
    ingest("news", tmp_path / "new", 3)
    for name in ("articles", "paragraphs", "rejects"):
        assert settled_rows(older, name) == settled_rows(tmp_path / "new", name), name
    columns = ("source_path", "change", "text", "valid_to", "superseded_by", "first_seen_at")
    found = {str(row[0]): row for row in rows_of(older, "revisions", *columns)}
    known = {row["source_path"]: tuple(row[name] for name in columns) for row in before["revisions"]}
    assert found.keys() == known.keys() == {"a.md", "b.md", "c.md", "d.md"}
    # A copy has no text of its own any more, if its row was written anew for that.
    assert {path: row for path, row in found.items() if path != "b.md"} == {
        path: row for path, row in known.items() if path != "b.md"
    }
    assert found["b.md"][1] == "copy"
    for name in ("articles", "revisions", "rejects"):
        assert set(rows_of(older, name, "archive")) == {("news",)}
    ids = {row["source_path"]: row["article_id"] for row in before["articles"]}
    assert {path for path, key in rows_of(older, "articles", "source_path", "article_id") if ids[path] != key} == {
        "no-url.md"
    }
    after = files_of(older)
    assert ingest("news", older, 4, sync=True).parsed == 0
    assert files_of(older) == after
    assert {row[0] for row in rows_of(older, "runs", "archive")} <= {"news"} if _all_new(older) else True


def _all_new(output: Path) -> bool:
    return all("archive" in pq.read_schema(path).names for path in (output / "runs").glob("*.parquet"))


def test_plain_readers_never_see_two_schemas_of_a_table(older: Path) -> None:
    ingest("news", older, 3, sync=True)
    for name in TABLES.keys() - {"media", "audits"}:
        assert pl.read_parquet(older / name, hive_partitioning=True).height == pq.read_table(older / name).num_rows


def test_another_archive_does_not_take_the_rows_of_version_2(older: Path, tmp_path: Path) -> None:
    (tmp_path / "west").mkdir()
    (tmp_path / "west" / "a.md").write_bytes(Path("news/a.md").read_bytes().replace(b"/a)", b"/west)"))
    with pytest.raises(OutputError, match="`news`.*`west`"):
        ingest(tmp_path / "west", older, 3)
    ingest(tmp_path / "west", older, 3, archive="west", sync=True)
    assert_new_schema(older)
    assert sorted(set(rows_of(older, "articles", "archive"))) == [("news",), ("west",)]
    assert len(rows_of(older, "articles", "archive")) == 6
    ingest("news", older, 4, sync=True)
    assert breaches(older) == []


def test_a_run_for_a_part_carries_all_over(older: Path) -> None:
    ingest("news", older, 3, outlets=("nobody",), sync=True)
    assert_new_schema(older)
    assert len(rows_of(older, "articles", "source_path")) == 5
    assert breaches(older, "news") == []


def test_unknown_periods_of_version_2_get_their_new_names(older: Path) -> None:
    for folder in sorted(older.glob("*/outlet=*/month=*")):
        key = folder.name.partition("=")[2]
        folder.rename(folder.with_name("day=unknown" if key == "unknown" else f"day={key}-04"))
    for path in (older / "runs").glob("*.parquet"):
        rows = pq.ParquetFile(path).read()
        arguments = [
            text.replace('"partition_by": "month"', '"partition_by": "day"') for text in rows["arguments"].to_pylist()
        ]
        place = rows.schema.get_field_index("arguments")
        pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array(arguments)), path)
    ingest("news", older, 3, sync=True)
    days = {path.parent.name for path in (older / "articles").rglob("*.parquet")}
    assert days == {"day=2022-03-04", "day=2022-03-05", "day=2022-05-06", "day=2023-01-05", "day=0001-01-01"}
    assert len(set(rows_of(older, "articles", "article_id"))) == read_table(older, "articles").num_rows == 5
    assert breaches(older, "news") == []


@pytest.mark.parametrize(
    ("name", "column"),
    [("articles", "tags"), ("articles", "contributors"), ("revisions", "change"), ("rejects", "byte_offset"),
     ("paragraphs", "dateline_at")],
)  # fmt: skip
def test_files_that_lack_a_nullable_column_are_carried_over(older: Path, name: str, column: str) -> None:
    """A release that adds a column to a table has another parser version, so each file is of another one."""
    ingest("news", older, 3, sync=True)
    expected = files_of(older)
    for path in older.glob("*/**/*.parquet"):
        rows = pq.ParquetFile(path).read()
        metadata = {**rows.schema.metadata, b"pressmark.parser_version": b"before"}
        lacks = [column] if path.relative_to(older).parts[0] == name else []
        pq.write_table(rows.drop_columns(lacks).replace_schema_metadata(metadata), path)
    # What is gone from the archive, and is not told to be deleted, stays, in the new schema.
    (Path("news") / "d.md").unlink()
    ingest("news", older, 4, sync=False)
    assert_new_schema(older)
    assert files_of(older).keys() == expected.keys()
    assert {breach.source_path for breach in breaches(older, "news")} == {"d.md"}


def test_other_contracts_and_foreign_files_are_refused(older: Path, tmp_path: Path) -> None:
    (path, *_) = sorted((older / "articles").rglob("*.parquet"))
    rows = pq.ParquetFile(path).read()
    metadata = {**rows.schema.metadata, b"pressmark.contract_version": b"9"}
    pq.write_table(rows.replace_schema_metadata(metadata), path)
    with pytest.raises(OutputError, match="contract version 9"):
        ingest("news", older, 3)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(OutputError, match="no contract version"):
        ingest("news", older, 3)
    path.write_bytes(b"not parquet")
    with pytest.raises(OutputError, match="can't be read"):
        ingest("news", older, 3)
    assert path.read_bytes() == b"not parquet"
