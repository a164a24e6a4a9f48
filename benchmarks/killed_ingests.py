"""Ingests that are killed: at each step, at each change of a file while they publish, and at random moments.

After each kill the tables are read as a glob reader would, then the same ingest is run again, and its rows are compared
with those of a run that nobody killed.

usage: python -m benchmarks.killed_ingests [--random N] [--kinds folder git history archives]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks.generate import ARCHIVE, append, export_head, generate
from pressmark.storage.ingestion import Run, ingest
from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

KINDS = ("folder", "git", "history", "archives")
STEPS = ("discover", "plan", "parse", "settle", "merge", "publish", "report")
ARTICLES, CHANGED = 120, 30
MOST_CHANGES = 16
RUN_COLUMNS = ("run_id", "ingested_at", "first_seen_at")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--random", type=int, default=30, metavar="N", help="kills at random moments for each kind [30]"
    )
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--child", nargs=4, metavar=("KIND", "SOURCE", "OUTPUT", "WHERE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(*arguments.child)
    failures = 0
    with tempfile.TemporaryDirectory() as place:
        for kind in arguments.kinds:
            failures += campaign(kind, Path(place, kind), arguments.random)
    return 1 if failures else 0


def campaign(kind: str, place: Path, count: int) -> int:
    """Kill ingests of one kind; how many of them did not recover."""
    generate(ARTICLES, place)
    repository = place / ARCHIVE
    source = place / "folder" if kind in ("folder", "archives") else repository
    if source != repository:
        export_head(repository, source)
    before = place / "before"
    run(kind, source, before)
    if source == repository:
        append(place, CHANGED, seed=7)
    else:
        change(source)
    expected, started = place / "expected", time.monotonic()
    shutil.copytree(before, expected)
    subprocess.run(command(kind, source, expected, "never"), check=True)
    seconds = time.monotonic() - started
    rows = rows_of(expected)
    changes = int(Path(expected, "changes.txt").read_text())
    wheres = [f"{when}:{step}" for step in STEPS for when in ("before", "after")]
    positions = range(0, changes, max(1, changes // MOST_CHANGES))
    wheres += [f"change:{number}" for number in positions]
    chooser = random.Random(kind)
    moments = [chooser.uniform(0.2, seconds) for _ in range(count)]
    failures = 0
    for where in [*wheres, *moments]:
        output = place / "out"
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(before, output)
        problem = killed(kind, source, output, where, rows)
        if problem:
            failures += 1
            print(f"  {kind}, killed {where}: {problem}", flush=True)
    total = len(wheres) + len(moments)
    where = f"{len(STEPS) * 2} at steps, {len(positions)} at changes of files, {count} at random"
    print(f"{kind}: {total} kills ({where}), "
          f"{total - failures} recovered to equal rows", flush=True)  # fmt: skip
    return failures


def killed(kind: str, source: Path, output: Path, where: str | float, rows: dict[str, pl.DataFrame]) -> str:
    """Kill an ingest, look, and run it again; what is wrong, or nothing."""
    process = subprocess.Popen(
        command(kind, source, output, where if isinstance(where, str) else "never"), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if isinstance(where, float):
        time.sleep(where)
        with_group(process)
    process.wait()
    seen = looked_at(output)
    run(kind, source, output)
    found = rows_of(output)
    for name, expected in rows.items():
        if not found[name].equals(expected):
            return f"rows of `{name}` differ"
    check = verify_output(Output(output), str(source), archive="news", workers=1, progress=lambda *_: None)
    return seen or (f"{len(check.breaches)} breaches" if check.breaches else "")


def with_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def looked_at(output: Path) -> str:
    """What a glob reader finds wrong right after a kill: a row twice, or a file that can't be read."""
    for name, key in (("articles", "article_id"), ("paragraphs", "paragraph_id"), ("revisions", "revision_id")):
        files = sorted(output.glob(f"{name}/**/*.parquet"))
        if files:
            keys = pl.concat([pl.read_parquet(file, columns=[key], hive_partitioning=False) for file in files])
            if keys[key].is_duplicated().any():
                return f"`{name}` shows a row twice"
    return ""


def rows_of(output: Path) -> dict[str, pl.DataFrame]:
    found = {}
    for name, key in (("articles", "article_id"), ("paragraphs", "paragraph_id"), ("revisions", "revision_id"),
                      ("rejects", "reject_id")):  # fmt: skip
        frames = []
        for file in sorted(output.glob(f"{name}/**/*.parquet")):
            rows = pl.read_parquet(file, hive_partitioning=False)
            frames.append(rows.with_columns(file=pl.lit(str(file.relative_to(output)))))
        rows = pl.concat(frames) if frames else pl.DataFrame({key: []})
        ends = ["valid_to"] if name == "revisions" else []
        found[name] = rows.drop([*RUN_COLUMNS, *ends], strict=False).sort(key)
    return found


def change(folder: Path) -> None:
    """Change, copy and remove some files."""
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())[:CHANGED]):
        if number % 3 == 0:
            path.write_bytes(path.read_bytes() + "<p>补充一段。</p>\n".encode())
        elif number % 3 == 1:
            shutil.copyfile(path, path.with_name("copy-" + path.name))
        else:
            path.unlink()


def run(kind: str, source: Path, output: Path) -> None:
    history = kind == "history"
    if kind == "archives":
        ingest(source, output, archive="other", workers=1, sync=True)
    ingest(source, output, archive="news", workers=1, sync=True, history=history)


def command(kind: str, source: Path, output: Path, where: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.killed_ingests", "--child", kind, str(source), str(output), where]


def child(kind: str, source: str, output: str, where: str) -> int:
    """An ingest that ends itself at a step, or at one of the changes that publishing makes in the folder."""
    when, _, what = where.partition(":")
    if when in ("before", "after"):
        step = getattr(Run, what)

        def stopped(run: Run, *numbers: int) -> object:
            result = None if when == "before" else step(run, *numbers)
            os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(Run, what, stopped)
    made = 0

    def counted(name: str) -> None:
        change_file = getattr(os, name)

        def changing(*arguments: object, **options: object) -> object:
            nonlocal made
            if when == "change" and made == int(what):
                os.kill(os.getpid(), signal.SIGKILL)
            made += 1
            return change_file(*arguments, **options)

        setattr(os, name, changing)

    for name in ("replace", "fsync"):
        counted(name)
    run(kind, Path(source), Path(output))
    if when == "never":
        Path(output, "changes.txt").write_text(str(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
