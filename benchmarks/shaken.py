"""Outputs that are shaken: readers while runs publish, disks that are full or may not be written, two writers at once.

usage: python -m benchmarks.shaken [--publishes N] [--disks N] [--writers N]

Prints a line with counts for each, and exits with 1 where something was wrong. Full disks are small file systems in
memory, which needs the right to mount; without it they are left out, and that is said.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

import pressmark
from benchmarks.generate import ARCHIVE, export_head, generate

ARTICLES = 120
TOUCHED = 7
PRESSMARK = Path(sys.executable).with_name("pressmark")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--publishes", type=int, default=200, metavar="N", help="runs that publish beside readers [200]"
    )
    parser.add_argument("--disks", type=int, default=24, metavar="N", help="sizes of a full disk [24]")
    parser.add_argument("--writers", type=int, default=20, metavar="N", help="pairs of writers [20]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        generate(ARTICLES, place)
        source = place / "folder"
        export_head(place / ARCHIVE, source)
        wrong = readers(source, place / "read", arguments.publishes)
        wrong += writers(source, place / "written", arguments.writers)
        wrong += disks(source, place, arguments.disks)
    return 1 if wrong else 0


def readers(source: Path, output: Path, publishes: int) -> int:
    """Publish again and again while others read by glob and by `pressmark.open`; how many reads were wrong."""
    pressmark.ingest(source, output, archive="news", workers=1)
    files = sorted(source.rglob("*.md"))
    states = [hashes(output)]
    with multiprocessing.get_context("spawn").Pool(2) as pool, multiprocessing.Manager() as manager:
        ended: Any = manager.Event()
        reading = [pool.apply_async(reader, (str(output), ended)) for reader in (by_glob, by_open)]
        for number in range(publishes):
            for file in files[number % 11 :: len(files) // TOUCHED]:
                with open(file, "ab") as text:
                    text.write(f"<p>补充 {number}。</p>\n".encode())
            pressmark.ingest(source, output, archive="news", workers=1)
            states.append(hashes(output))
        ended.set()
        glob, opened = (one.get(600) for one in reading)
    known = {frozenset(state) for state in states}
    strange = sum(state not in known for state in opened.pop("states"))
    opened["wrong"] += strange
    words = (f"{one['reads']} reads, {one['wrong']} wrong, {one['errors']} errors" for one in (glob, opened))
    print(f"readers: {publishes} publishes; by glob {next(words)}; by `pressmark.open` {next(words)}", flush=True)
    return int(glob["wrong"] + opened["wrong"] + opened["errors"])


def hashes(output: Path) -> list[str]:
    return list(pl.read_parquet(f"{output}/articles/**/*.parquet", columns=["source_sha256"])["source_sha256"])


def by_glob(output: str, ended: Event) -> dict[str, Any]:
    """Reads tables as any tool does; a row twice or a strange schema is wrong, a file that was replaced an error."""
    counts: Counter[str] = Counter()
    while not ended.is_set():
        counts["reads"] += 1
        try:
            if counts["reads"] % 2:
                ids = pl.scan_parquet(f"{output}/articles").select("article_id").collect()["article_id"]
                counts["wrong"] += ids.n_unique() != len(ids)
            else:
                query = f"SELECT count(*), count(DISTINCT paragraph_id) FROM '{output}/paragraphs/**/*.parquet'"
                rows, distinct = duckdb.sql(query).fetchall()[0]
                counts["wrong"] += rows != distinct
        except (OSError, duckdb.Error, pl.exceptions.PolarsError, BaseExceptionGroup):
            counts["errors"] += 1
        except BaseException as error:  # polars panics on a file that was cut short or replaced
            if type(error).__name__ != "PanicException":
                raise
            counts["errors"] += 1
    return {"reads": counts["reads"], "wrong": counts["wrong"], "errors": counts["errors"]}


def by_open(output: str, ended: Event) -> dict[str, Any]:
    """Reads one moment; tables that disagree are wrong, and so is any error. Also all states that it saw."""
    counts: Counter[str] = Counter()
    states: set[frozenset[str]] = set()
    while not ended.is_set():
        counts["reads"] += 1
        try:
            with pressmark.open(output) as dataset:
                articles = dataset.articles.select("article_id", "source_sha256", "paragraph_count").collect()
                counted = dataset.paragraphs.group_by("article_id").len().collect()
            joined = articles.join(counted, on="article_id", how="full", coalesce=True)
            agree = (joined["paragraph_count"].cast(pl.Int64) == joined["len"].cast(pl.Int64)).fill_null(value=False)
            counts["wrong"] += not agree.all() or articles["article_id"].n_unique() != len(articles)
            states.add(frozenset(articles["source_sha256"]))
        except Exception as error:  # whatever it is, a reader of one moment must not see it
            counts["errors"] += 1
            print("".join(traceback.format_exception(error)[-3:]), flush=True)
    return {"reads": counts["reads"], "wrong": counts["wrong"], "errors": counts["errors"], "states": states}


def writers(source: Path, output: Path, pairs: int) -> int:
    """Start two ingests at once; one may be refused, and the rows are those of one."""
    expected = output.with_name("alone")
    pressmark.ingest(source, expected, archive="news", workers=1)
    wrong = refused = 0
    for _ in range(pairs):
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(["rm", "-rf", str(output)], check=True)
        command = [str(PRESSMARK), "ingest", str(source), str(output), "--archive", "news", "--workers", "1"]
        both = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        ends = [(one.communicate()[1], one.returncode) for one in both]
        refused += sum("another run is writing" in text for text, _ in ends)
        bad = any(code and not (code == 3 and "another run is writing" in text) for text, code in ends)
        wrong += bad or sorted(hashes(output)) != sorted(hashes(expected))
    print(f"writers: {pairs} pairs at once, {refused} refused with the other's name, {wrong} wrong", flush=True)
    return wrong


def disks(source: Path, place: Path, sizes: int) -> int:
    """Ingest and load onto disks that are too small, then make them larger and go on; and onto read-only ones."""
    whole = place / "whole"
    pressmark.ingest(source, whole, archive="news", workers=1)
    expected = sorted(hashes(whole))
    most = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file()) * 3
    wrong, full = 0, 0
    for number in range(1, sizes + 1):
        with mounted(place / "disk", most * number // sizes) as disk:
            if disk is None:
                print("disks: left out, as this user may not mount file systems", flush=True)
                return 0
            code, text = ran("ingest", str(source), str(disk / "out"), "--archive", "news", "--workers", "1")
            full += code == 3
            wrong += code not in (0, 3) or (code == 3 and "space" not in text.lower())
            code, text = ran("load", str(disk / "out"), f"duckdb:{disk}/news.duckdb")
            full += code == 3 and "space" in text.lower()
            wrong += "Traceback" in text
            subprocess.run(["mount", "-o", f"remount,size={most * 20}", str(disk)], check=True)
            code, text = ran("ingest", str(source), str(disk / "out"), "--archive", "news", "--workers", "1")
            wrong += code != 0 or sorted(hashes(disk / "out")) != expected
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            code, text = ran("ingest", str(source), str(disk / "out"), "--archive", "news", "--workers", "1")
            wrong += code != 3 or "Traceback" in text or sorted(hashes(disk / "out")) != expected
    print(f"disks: {sizes} sizes, {full} runs ended by a full disk with a message, each went on when there was room; "
          f"{sizes} read-only; {wrong} wrong", flush=True)  # fmt: skip
    return wrong


@contextlib.contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path | None]:
    """A file system of so many bytes in memory; None where it can't be had."""
    folder.mkdir(exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        for _ in range(50):
            if not subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
                break
            time.sleep(0.1)


def ran(*arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "TMPDIR": tempfile.gettempdir()}
    done = subprocess.run([str(PRESSMARK), *arguments], capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stderr


if __name__ == "__main__":
    sys.exit(main())
