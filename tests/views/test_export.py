"""Exports hold what the output holds, cell by cell, as each program reads them; they are whole, or not there."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from documents import PANDAS
from written_outputs import Story, read_rows, write_output

from pressmark.flows.cli import main
from pressmark.schemas import TABLES
from pressmark.views import export
from pressmark.views.export import DATABASE, FORMATS, LINKS

pytestmark = pytest.mark.slow

# Each is a title, a paragraph, a picture's address, a link, a path, a flag and the name of a reject.
PAYLOADS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "=HYPERLINK(\"https://a.example\",\"a\")", 'a"b', "a,b",
    "a;b", "a\nb", "a\r\nb", "a\rb", "\x00", "a\x00b", "\\N", "a\\", "␀", "\ufeffa", "a\u202eb\u2066c", "\u2028",
    "'; DROP TABLE articles; --", "%s {x} ?", "", " ", " a ", "2047", "007", "1e5", "null", "NaN", "true", "2022-01-01",
    '{"v":["a"]}', "🙂", "\x1b[31m", "<script>alert(1)</script>", "`|`",
)  # fmt: skip
STORIES = [
    Story(f"n{number}{text}", at=None if number == 1 else f"2022-0{1 + number % 9}-04T05:06:07.000089", title=text,
          blocks=(text, "松岭市图书馆今天开放。"), outlet="2047" if number % 2 else "007", flags=(text, "mojibake"),
          links=(text, "b"), pictures=(text,))
    for number, text in enumerate(PAYLOADS)
]  # fmt: skip
KEYS = {table.name: table.schema.names[:1] for table in TABLES.values()} | {"links": ["paragraph_id", "position"]}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rejects = [(text, b"\x00\xff=1" if number else None) for number, text in enumerate(PAYLOADS)]
    return write_output(tmp_path_factory.mktemp("out") / "output", STORIES, revisions=STORIES, rejects=rejects)


@pytest.fixture(scope="module")
def exports(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    for kind in FORMATS:
        assert main(["export", str(output), "--to", str(folder / kind), "--format", kind]) == 0
    return folder


def expected(output: Path, table: str) -> list[dict[str, Any]]:
    """The output's rows, without lists of structs; those of `links` made of them."""
    if table != "links":
        return [{key: value for key, value in row.items() if key != "links"} for row in read_rows(output, table)]
    return [
        {**{key: row[key] for key in ("outlet", "month", "paragraph_id", "article_id")}, "position": position,
         "href": link["href"], "text_start": link["start"], "text_end": link["end"]}
        for row in read_rows(output, "paragraphs") for position, link in enumerate(row["links"])
    ]  # fmt: skip


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]], table: str) -> None:
    def key(row: dict[str, Any]) -> list[str]:
        return [str(row[name]) for name in KEYS[table]]

    assert len(found) == len(wanted) > 0 or table == "audits"
    for one, other in zip(sorted(found, key=key), sorted(wanted, key=key), strict=True):
        assert one == other


def as_stored(row: dict[str, Any], kind: str) -> dict[str, Any]:
    """A row as a file of texts and numbers has it; in CSV all is text, and nothing is an empty cell."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            shown[name] = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif isinstance(value, date):
            shown[name] = value.isoformat()
        elif isinstance(value, bytes) and kind != "sqlite":
            shown[name] = base64.b64encode(value).decode()
        elif name == "text_hash":
            shown[name] = str(value)
        else:
            shown[name] = value
    if kind == "csv":
        shown = {name: str(value).lower() if isinstance(value, bool) else value for name, value in shown.items()}
        shown = {name: "" if value is None else value for name, value in shown.items()}
        return {name: value if isinstance(value, list) else str(value) for name, value in shown.items()}
    return shown


TESTED = ("articles", "paragraphs", "links", "media", "revisions", "rejects", "runs")


def of_python(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]


def of_polars(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path, infer_schema=False).fill_null("").to_dicts()
        case ".jsonl":
            return pl.read_ndjson(path).to_dicts()
    return pl.read_parquet(path).to_dicts()


def of_duckdb(path: Path) -> list[dict[str, Any]]:
    readers = {
        ".csv": "read_csv('{}', all_varchar = true, delim = ',', quote = '\"', escape = '\"', new_line = '\\n')",
        ".jsonl": "read_json('{}', auto_detect = true, convert_strings_to_integers = false, "
        "dateformat = 'none', timestampformat = 'none')",
        ".parquet": "read_parquet('{}')",
    }
    connection = duckdb.connect()
    connection.sql("set timezone = 'UTC'")
    found = connection.sql(f"select * from {readers[path.suffix].format(path)}")
    return [
        {
            name: "" if value is None and path.suffix == ".csv" else value
            for name, value in zip(found.columns, row, strict=True)
        }
        for row in found.fetchall()
    ]


PANDAS_READS = """
import json, sys, pandas as pd
rows = {}
for path in sys.argv[1:]:
    if path.endswith(".csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, lineterminator="\\n")
    elif path.endswith(".jsonl"):
        frame = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    else:
        frame = pd.read_parquet(path)
    rows[path] = json.loads(frame.to_json(orient="records", date_unit="us", default_handler=str)) \\
        if path.endswith("parquet") else frame.astype(object).where(frame.notna(), None).to_dict("records")
print(json.dumps(rows))
"""


@pytest.mark.parametrize("reader", ["python", "polars", "duckdb", "pandas"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_texts_hold_every_cell(kind: str, reader: str, exports: Path, output: Path) -> None:
    files = {table: exports / kind / f"{table}.{kind}" for table in TESTED}
    if reader == "pandas":
        # In a process of its own: pyarrow imports pandas wherever it is.
        command = [sys.executable, "-c", PANDAS_READS, *map(str, files.values())]
        environment = {**os.environ, "PYTHONPATH": str(PANDAS)}
        rows = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    else:
        rows = {str(path): globals()[f"of_{reader}"](path) for path in files.values()}
    for table, path in files.items():
        found, wanted = rows[str(path)], [as_stored(row, kind) for row in expected(output, table)]
        if kind == "csv":
            lists = [name for name, value in wanted[0].items() if isinstance(value, list)]
            found = [{**row, **{name: json.loads(row[name]) for name in lists}} for row in found]
        same(found, wanted, table)


@pytest.mark.parametrize("reader", [of_polars, of_duckdb])
def test_parquet_holds_every_value_with_its_type(reader: Any, exports: Path, output: Path) -> None:
    for table in TESTED:
        same(reader(exports / "parquet" / f"{table}.parquet"), expected(output, table), table)


def test_a_database_has_types_keys_and_descriptions_and_every_value(exports: Path, output: Path) -> None:
    connection = sqlite3.connect(exports / "sqlite" / DATABASE)
    connection.row_factory = sqlite3.Row
    described = json.loads((exports / "sqlite" / "metadata.json").read_text("utf-8"))["databases"]["pressmark"][
        "tables"
    ]
    for table in TESTED:
        found = [dict(row) for row in connection.execute(f"select * from {table}")]
        wanted = [as_stored(row, "sqlite") for row in expected(output, table)]
        lists = [name for name, value in wanted[0].items() if isinstance(value, list)]
        same([{**row, **{name: json.loads(row[name]) for name in lists}} for row in found], wanted, table)
        assert list(described[table]["columns"]) == list(found[0])
    assert connection.execute("pragma foreign_key_check").fetchall() == []
    assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    assert {row["table"] for row in connection.execute("pragma foreign_key_list(links)")} == {"articles", "paragraphs"}
    assert connection.execute("select count(*) from articles where outlet = '007'").fetchone()[0] == 20
    plan = connection.execute("explain query plan select * from paragraphs where article_id = 'a'").fetchone()
    assert "USING INDEX" in plan["detail"]


def test_a_parquet_file_is_written_in_groups_that_memory_holds(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH_ROWS", 10)
    assert main(["export", str(output), "--to", str(tmp_path / "new"), "--format", "parquet"]) == 0
    for path in (tmp_path / "new").glob("*.parquet"):
        rows = pq.ParquetFile(path).metadata
        assert all(rows.row_group(number).num_rows <= 10 for number in range(rows.num_row_groups)), path


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_says_what_its_columns_are(kind: str, exports: Path) -> None:
    readme = (exports / kind / "README.md").read_text("utf-8")
    head = yaml.safe_load(readme.split("---\n")[1])
    shown = list(csv.DictReader((exports / kind / "columns.csv").open(encoding="utf-8", newline="")))
    assert [row["column"] for row in shown if row["table"] == "links"] == LINKS.names
    contract = yaml.safe_load((exports / kind / "datacontract.yaml").read_text("utf-8"))
    assert [table["name"] for table in contract["schema"]] == [*dict.fromkeys(row["table"] for row in shown)]
    if kind == "sqlite":
        assert "configs" not in head
        return
    files = {one["config_name"]: one["data_files"] for one in head["configs"]}
    assert files == {table: f"{table}.{kind}" for table in TESTED}  # none for `audits`, which has no row
    if kind == "csv":
        features = {one["config_name"]: one["features"] for one in head["dataset_info"]}
        assert {"name": "outlet", "dtype": "string"} in features["articles"]
    croissant = json.loads((exports / kind / "croissant.json").read_text("utf-8"))
    (run,), (archive,) = croissant["prov:wasGeneratedBy"], croissant["prov:wasDerivedFrom"]
    assert (run["name"], run["prov:used"]["@id"], archive["name"]) == ("run-1", archive["@id"], "archive")
    for file in croissant["distribution"]:
        assert hashlib.sha256((exports / kind / file["contentUrl"]).read_bytes()).hexdigest() == file["sha256"]


def test_a_spreadsheet_computes_no_cell(output: Path, tmp_path: Path) -> None:
    assert main(["export", str(output), "--to", str(tmp_path / "a"), "--format", "csv", "--defuse"]) == 0
    text = (tmp_path / "a" / "articles.csv").read_bytes().decode("utf-8")
    assert text[0] == "\ufeff"
    found = [row["title"] for row in csv.DictReader(io.StringIO(text[1:], newline=""))]
    risky = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    assert not [cell for cell in found if cell.startswith(risky)]
    assert sorted(found) == sorted(f"'{text}" if text.startswith(risky) else text for text in PAYLOADS)


def test_an_outlet_and_a_time_are_chosen(output: Path, tmp_path: Path) -> None:
    command = ["export", str(output), "--to", str(tmp_path / "a"), "--format", "parquet", "--outlet", "007"]
    assert main([*command, "--since", "2022-03-04T05:06:07Z", "--until", "2022-05-04T05:06:06Z"]) == 0
    assert not (tmp_path / "a" / "rejects.parquet").exists()
    for table in ("articles", "paragraphs", "links", "media", "revisions"):
        found = pl.read_parquet(tmp_path / "a" / f"{table}.parquet")
        assert set(found["outlet"]) == {"007"}
        assert set(found["month"]) == {"2022-03", "2022-04"}
    command[3] = str(tmp_path / "b")
    assert main([*command, "--since", "2022-04", "--until", "2022-04"]) == 0
    assert set(pl.read_parquet(tmp_path / "b" / "articles.parquet")["month"]) == {"2022-04"}
    assert main(["export", str(output), "--to", str(tmp_path / "c"), "--format", "csv", "--outlet", "rfi"]) == 2


def test_only_an_earlier_export_is_replaced_and_only_when_asked(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, home = tmp_path / "export", tmp_path / "home"
    home.mkdir()
    (home / "README.md").write_text("my own", "utf-8")

    def run(place: Path, *more: str) -> int:
        return main(["export", str(output), "--to", str(place), "--outlet", "007", "--format", *more])

    assert run(folder, "csv") == 0
    (folder / "notes.txt").write_text("mine", "utf-8")
    assert run(folder, "jsonl") == 2
    assert run(folder, "jsonl", "--force") == 0
    names = {path.name for path in folder.iterdir()}
    assert {"notes.txt", "articles.jsonl"} <= names
    assert "articles.csv" not in names
    for place in (home, output, output / "articles", output / "new", Path("s3://bucket/a")):
        assert run(place, "csv", "--force") == 2
    assert [path.name for path in home.iterdir()] == ["README.md"]
    # Nothing half done is left, also where the writing fails.
    (tmp_path / "broken").write_text("a file", "utf-8")
    assert run(tmp_path / "broken", "csv") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"export", "home", "broken"}
    capsys.readouterr()
