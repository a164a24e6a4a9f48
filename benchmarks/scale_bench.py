"""Generated archives of three sizes, as folders and as repositories: what grows with the archive, and what must not.

usage: python -m benchmarks.scale_bench [--articles N …] [--kinds folder git] [--memory-only] [--against PATH]

Prints Markdown tables with documents and bytes per second, how busy the cores are while sources are parsed, the peak
memory of the process tree (PSS, sampled in a run of its own, as sampling slows it) and the size of the output; then the
time of runs with nothing to do and after 100 changed files. With `--against`, the first run of the middle size is timed
in turn with that of another checkout, which has a `.venv` of its own. Exits with 1 where a bound is missed. Everything
it writes is in `.bench`; archives are made once and kept.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.bench import PRESSMARK, WORK, Bound, fresh, median, print_bounds, run
from benchmarks.generate import ARCHIVE, append, export_head, generate

SIZES = (10_000, 60_000, 300_000)
CHANGED = 100
ROUNDS = 3
MEDIUM, LARGE = SIZES[1], SIZES[2]


class Figures(NamedTuple):
    seconds: float
    sources: int
    source_mb: float
    busy: float
    peak_mb: float
    output_mb: float


def archive_of(articles: int) -> Path:
    place = WORK / f"generated-{articles}"
    if not (place / "folder").exists():
        shutil.rmtree(place, ignore_errors=True)
        generate(articles, place)
        export_head(place / ARCHIVE, place / "folder")
    return place


def measure(source: Path, output: Path, *, memory_only: bool) -> Figures:
    command = [PRESSMARK, "ingest", str(source), fresh(output)]
    peak = run(command, sample=True).peak_mb
    seconds, busy = 0.0, 0.0
    if not memory_only:
        command[-1] = fresh(output)
        seconds, busy = busy_run(command)
    files = [path for path in output.rglob("*.parquet") if ".pressmark" not in path.parts]
    counts = subprocess.run(
        [PRESSMARK, "status", str(output), "--json"], capture_output=True, text=True, check=True
    ).stdout
    last = json.loads(counts)["last_run"]
    return Figures(
        seconds, last["sources"], last["parsed_bytes"] / 1e6, busy, peak, sum(p.stat().st_size for p in files) / 1e6
    )


def busy_run(command: list[str]) -> tuple[float, float]:
    """Wall time, and the share of all cores' time that the processes used while sources were parsed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    samples: list[tuple[float, float]] = []
    sampler = threading.Thread(target=watch_cpu, args=(process.pid, samples))
    sampler.start()
    parsing = [time.perf_counter() for line in process.stderr if line.startswith("parse ")]
    if process.wait():
        raise SystemExit(f"{' '.join(command)} failed")
    seconds = time.perf_counter() - started
    sampler.join()
    window = [sample for sample in samples if parsing and parsing[0] <= sample[0] <= parsing[-1]]
    if len(window) < 2:
        return seconds, 0.0
    (first, used_first), (last, used_last) = window[0], window[-1]
    return seconds, (used_last - used_first) / (last - first) / (os.cpu_count() or 1)


def watch_cpu(pid: int, samples: list[tuple[float, float]]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            used = 0.0
            for process in [root, *root.children(recursive=True)]:
                try:
                    times = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                used += times.user + times.system
            samples.append((time.perf_counter(), used))
            time.sleep(0.2)
    except psutil.NoSuchProcess:
        return


def change_files(folder: Path) -> list[tuple[Path, bytes]]:
    """Change 100 files all over the folder; what they were before."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = paths[:: max(len(paths) // CHANGED, 1)][:CHANGED]
    before = [(path, path.read_bytes()) for path in chosen]
    for path, data in before:
        path.write_bytes(data + b"<p>Nachtrag der Redaktion.</p>\n")
    return before


def runs_again(place: Path, kind: str, output: Path) -> tuple[float, float]:
    """Seconds of a run with nothing to do, and of one after 100 changed files; medians."""
    source = place / ("folder" if kind == "folder" else ARCHIVE)
    command = [PRESSMARK, "ingest", str(source), str(output)]
    run(command, sample=False)
    nothing = median([run(command, sample=False) for _ in range(ROUNDS)])
    if kind == "folder":
        changed = []
        for _ in range(ROUNDS):
            before = change_files(source)
            changed.append(run(command, sample=False))
            for path, data in before:
                path.write_bytes(data)
            time.sleep(2.5)
            run(command, sample=False)
        return nothing, median(changed)
    grown, copy = WORK / "scale-grown", WORK / "scale-grown-output"
    shutil.rmtree(grown, ignore_errors=True)
    shutil.copytree(place, grown, ignore=lambda *_: ["folder"])
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(output, copy)
    # The same repository at another place: one run to learn that, then one after each commit.
    command = [PRESSMARK, "ingest", str(grown / ARCHIVE), str(copy)]
    run(command, sample=False)
    changed = []
    for seed in range(ROUNDS):
        append(grown, CHANGED, seed=seed + 2)
        changed.append(run(command, sample=False))
    return nothing, median(changed)


def beside(other: Path, articles: int) -> Bound:
    """First runs of this checkout and of another one, in turn; the ratio of their medians."""
    source, output = archive_of(articles) / "folder", WORK / "scale-beside"
    here, there = [], []
    for _ in range(ROUNDS):
        for program, times in ((str(other / ".venv" / "bin" / "pressmark"), there), (PRESSMARK, here)):
            times.append(run([program, "ingest", str(source), fresh(output)], sample=False))
    print(f"\n{articles:,} articles: {median(here):.1f} s here, {median(there):.1f} s by `{other.name}`")
    return Bound(f"{articles:,} articles: time / that of `{other.name}`", median(here) / median(there), 1.45)


def bounds_of(found: dict[tuple[str, int], Figures], *, timed: bool) -> Iterator[Bound]:
    """Bounds of first runs, for what was measured."""
    for (kind, articles), figures in found.items():
        limit = {MEDIUM: 500.0, LARGE: 1300.0}.get(articles)
        if limit:
            yield Bound(f"{kind}, {articles:,} articles: peak memory, MB", figures.peak_mb, limit)
        folder = found.get(("folder", articles))
        if timed and kind == "git" and folder is not None:
            rate = figures.sources / figures.seconds / (folder.sources / folder.seconds)
            yield Bound(f"{articles:,} articles: files per second, git / folder", rate, 0.6, at_least=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--kinds", nargs="+", default=["folder", "git"], choices=["folder", "git"])
    parser.add_argument("--memory-only", action="store_true")
    parser.add_argument("--against", type=Path, metavar="PATH", help="a checkout with its own .venv")
    arguments = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    found: dict[tuple[str, int], Figures] = {}
    print(
        "| archive | wall s | docs/s | MB/s | cores busy | peak MB | output MB |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for kind, articles in itertools.product(arguments.kinds, arguments.articles):
        place = archive_of(articles)
        source = place / ("folder" if kind == "folder" else ARCHIVE)
        figures = measure(source, WORK / f"scale-{kind}-{articles}", memory_only=arguments.memory_only)
        found[kind, articles] = figures
        seconds = figures.seconds or float("nan")
        print(
            f"| {kind}, {figures.sources:,} files, {figures.source_mb:,.0f} MB | {seconds:.1f} | "
            f"{figures.sources / seconds:,.0f} | {figures.source_mb / seconds:.1f} | "
            # A parse of a few seconds prints too few lines to know when it went on.
            f"{f'{figures.busy:.0%}' if figures.busy else ''} | "
            f"{figures.peak_mb:.0f} | {figures.output_mb:,.0f} |",
            flush=True,
        )
    bounds = list(bounds_of(found, timed=not arguments.memory_only))
    if not arguments.memory_only:
        largest = max(arguments.articles)
        for kind in arguments.kinds:
            nothing, changed = runs_again(archive_of(largest), kind, WORK / f"scale-{kind}-{largest}")
            bounds.append(Bound(f"{kind}, {largest:,} articles: nothing changed, s", nothing, 4.0))
            bounds.append(
                Bound(f"{kind}, {largest:,} articles: {CHANGED} changed files, s more", changed - nothing, 12.0)
            )
    if arguments.against is not None:
        chosen = MEDIUM if MEDIUM in arguments.articles else max(arguments.articles)
        bounds.append(beside(arguments.against.resolve(), chosen))
    print_bounds(bounds)
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
