"""What a Dask task costs, and an ingest by Dask workers beside one by processes of this machine: store to store.

usage: python -m benchmarks.dask_bench [--articles N] [--rounds N] [--tasks N] [--batch-mb N …]

Prints Markdown tables. The object store, the scheduler and two workers of one thread each are processes of this
machine, so all share its cores. Archives are those of `scale_bench`; everything else that it writes goes at the end.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.bench import HERE, WORK
from benchmarks.scale_bench import archive_of

# A run with batches of a given size, whatever the archive's size says.
SIZED_RUN = """
import os, sys
from pressmark.storage import batches, ingestion

cut = ingestion.cut_batches

def sized(sizes, workers):
    ranges = cut(sizes, workers)
    print(len(ranges), "batches", file=sys.stderr)
    return ranges

if os.environ.get("BATCH_MB"):
    batches.MOST_BYTES = batches.LEAST_BYTES = int(float(os.environ["BATCH_MB"]) * (1 << 20))
ingestion.cut_batches = sized
from pressmark.flows.cli import main
sys.exit(main(sys.argv[1:]))
"""
WORKERS = 2
Runs = dict[str, tuple[tuple[str, ...], float | None]]
BUCKET = "songling-press"


def upload(source: Path, address: str) -> int:
    """Put an archive's files into the store; their number."""
    from pressmark.storage.output.tables import open_store

    store = open_store(address)
    paths = [path for path in source.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda path: store.write(path.relative_to(source).as_posix(), path.read_bytes()), paths))
    return len(paths)


def overhead(address: str, scheduler: int, tasks: int) -> Iterator[str]:
    from pressmark.storage.pool import open_pool

    yield "| tasks that do nothing | ms each | peak memory of the scheduler before, MB | after, MB |"
    yield "|---|--:|--:|--:|"
    with open_pool(1, address) as pool:
        before = peak_mb(scheduler)
        list(pool.map(abs, range(100)))
        started = time.perf_counter()
        done = sum(1 for _ in pool.map(abs, range(tasks)))
        seconds = time.perf_counter() - started
    if done != tasks:
        raise SystemExit(f"{tasks - done} tasks were lost")
    yield f"| {tasks:,} | {seconds / tasks * 1000:.2f} | {before:.0f} | {peak_mb(scheduler):.0f} |"


def peak_mb(process: int) -> float:
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def ingest(source: str, output: str, *options: str, batch_mb: float | None = None) -> tuple[float, str]:
    """Wall time of a whole process, and how many batches it says it made."""
    command = [sys.executable, "-c", SIZED_RUN, "ingest", source, output, *options]
    environment = {**os.environ, "BATCH_MB": f"{batch_mb:g}" if batch_mb else ""}
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=HERE.parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command[3:])} failed: {done.stderr[-2000:]}")
    (batches,) = [line.split()[0] for line in done.stderr.splitlines() if line.endswith(" batches")] or ["–"]
    return seconds, batches


def efficiency(place: str, address: str, batch_mb: list[float], rounds: int) -> Iterator[str]:
    source = f"{place}/archive"
    runs: Runs = {f"{WORKERS} processes": (("--workers", str(WORKERS)), None)}
    runs |= {f"Dask, batches of {size:g} MB": (("--dask", address), size) for size in batch_mb}
    times: dict[str, list[float]] = {name: [] for name in runs}
    batches = dict.fromkeys(runs, "–")
    for number in range(rounds):
        for name, (options, size) in runs.items():
            output = f"{place}/{name.replace(' ', '-')}-{number}"
            seconds, batches[name] = ingest(source, output, *options, batch_mb=size)
            times[name].append(seconds)
            print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    base = statistics.median(times[f"{WORKERS} processes"])
    yield "| ingest | batches | median, s | of all rounds, s | efficiency |"
    yield "|---|--:|--:|---|--:|"
    for name, found in times.items():
        middle = statistics.median(found)
        every = ", ".join(f"{seconds:.1f}" for seconds in found)
        yield f"| {name} | {batches[name]} | {middle:.1f} | {every} | {base / middle:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--batch-mb", type=float, nargs="*", default=[1, 4, 8, 32])
    chosen = parser.parse_args()
    sys.path.insert(0, str(HERE.parent / "tests"))
    from dask_cluster import DaskCluster
    from object_stores import S3Server

    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dask-", dir=WORK) as folder, S3Server(Path(folder, "s3")) as server:
        os.environ.update(server.environment())
        server.create_bucket(BUCKET)
        with DaskCluster(Path(folder, "dask"), WORKERS, environment=server.environment()) as cluster:
            print(*overhead(cluster.address, cluster.scheduler_pid, chosen.tasks), sep="\n", flush=True)
            print()
            place = f"s3://{BUCKET}/bench"
            count = upload(archive_of(chosen.articles) / "folder", f"{place}/archive")
            print(f"{count:,} sources, {WORKERS} workers of one thread:\n", flush=True)
            print(*efficiency(place, cluster.address, chosen.batch_mb, chosen.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
