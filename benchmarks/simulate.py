"""What the model in `docs/scale.md` rests on: steps of a run at sizes that no archive here has, and many partitions.

usage: python -m benchmarks.simulate plan [--sources N …] [--steps first listing increment complete]
       python -m benchmarks.simulate sliced [--sources N] [--slice N]
       python -m benchmarks.simulate partitions [--outlets N] [--months N] [--at folder s3]
       python -m benchmarks.simulate archive [FOLDER]

`plan` runs the product's own listing, comparison and planning over made-up entries of an object store and made-up
state columns, each step in a process of its own. `sliced` does the same one slice of the paths after another, as where
each slice has an output of its own. `partitions` ingests a generated archive of three small articles for each outlet
and month. `archive` tells what a run over a folder costs, with 100 changed files and with none. Prints Markdown tables.
Everything it writes lies in `.bench` and is removed.
"""

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow.dataset as ds

from benchmarks.bench import WORK, fresh
from benchmarks.scale_bench import CHANGED, change_files
from benchmarks.simulate_plan import STEPS, Meter, memory_mb, sliced
from pressmark.flows.job import run_ingest
from pressmark.schemas import TABLES
from pressmark.storage.output.tables import Output
from pressmark.storage.planning import Settings
from pressmark.storage.state import read_state

PLACE = WORK / "simulate-archive"
BUCKET = "simulate"
ITEM = """<!--{ms}-->
[Notice {number} of the harbour office](https://outlet-{outlet:03d}.example/{month}/{number})
------
<p>The ferry at pier {number} leaves at seven; whoever comes later takes the bridge.</p>
<p>The office of outlet {outlet} is closed on the second day of the fair.</p>
"""


def child(*arguments: object, environment: dict[str, str] | None = None) -> Any:
    """What this script prints as JSON in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.simulate", *map(str, arguments)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | (environment or {})).stdout
    return json.loads(printed)


def plan(arguments: argparse.Namespace) -> None:
    print("| sources | step | s | CPU s | MB added | MB at the peak |\n|---:|---|---:|---:|---:|---:|")
    for step in arguments.steps:
        for count in arguments.sources:
            for name, row in child("_plan", step, count).items():
                figures = f"{row['s']:.2f} | {row['cpu']:.2f} | {row['added']:,.0f} | {row['peak']:,.0f}"
                print(f"| {count:,} | {name} | {figures} |", flush=True)


def run_timed(source: str, output: str, workers: int) -> dict[str, Any]:
    """A run, with the seconds of each of its steps and this process's memory; as `pressmark ingest` does it."""
    steps: dict[str, dict[str, float]] = {}

    def timed(step: Callable[..., Any], *arguments: int) -> Any:
        cpu, others, started = time.process_time(), cpu_below(), time.perf_counter()
        result = step(*arguments)
        row = steps.setdefault(step.__name__, Counter())
        row.update(s=time.perf_counter() - started, cpu=time.process_time() - cpu, workers=cpu_below() - others)
        row["peak"] = memory_mb()[1]
        return result

    gc.disable()
    started = time.perf_counter()
    report = run_ingest(Settings(source, output, workers=workers), lambda *_: None, step=timed)
    facts = ("sources", "parsed", "parsed_bytes", "articles", "paragraphs", "partitions_written", "output_bytes")
    return {
        "s": time.perf_counter() - started,
        "here": time.process_time(),
        "workers": sum(row["workers"] for row in steps.values()),
        "steps": steps,
        **{name: getattr(report, name) for name in facts},
    }


def cpu_below() -> float:
    """Seconds of processor time that the processes below this one have used."""
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def read_timed(output: str) -> dict[str, dict[str, float]]:
    """Listing, reading the state and counting rows, each for the first time in this process."""
    meter, place = Meter(), Output(output)
    entries = meter("list all tables", lambda: [e for name in TABLES for e in place.store.entries(name)])
    state = meter("read the state", lambda: read_state(place))
    import polars as pl

    options = place.store.reader_options()
    glob = f"{output}/paragraphs/**/*.parquet"
    scan = pl.scan_parquet(glob, storage_options=options or None)
    rows = meter("polars counts paragraphs", lambda: scan.select(pl.len()).collect().item())
    some = pl.scan_parquet(glob, storage_options=options or None, hive_partitioning=True)
    some = some.filter(pl.col("outlet") == "outlet-001-example")
    meter("polars counts one outlet's", lambda: some.select(pl.len()).collect().item())
    if place.is_local:
        counted = meter("pyarrow counts paragraphs", lambda: ds.dataset(f"{output}/paragraphs").count_rows())
        assert rows == counted
    held = state.revisions.nbytes / 1e6
    meter.rows["there are"] = {"files": len(entries), "rows of state": state.revisions.num_rows, "MB of state": held}
    return meter.rows


def small_archive(outlets: int, months: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of three small articles for each outlet and month."""
    for outlet in range(outlets):
        for month in range(months):
            year, of_year = 2015 + month // 12, month % 12 + 1
            for number in range(3):
                when = datetime(year, of_year, 10 + number, 12, tzinfo=UTC)
                text = ITEM.format(
                    ms=int(when.timestamp() * 1000), number=number, outlet=outlet, month=f"{year}/{of_year:02d}"
                )
                yield f"outlet-{outlet:03d}/{year}-{of_year:02d}/{number}.md", text.encode()


def partitions(arguments: argparse.Namespace) -> None:
    for where in arguments.at:
        with ExitStack() as stack:
            shutil.rmtree(PLACE, ignore_errors=True)
            PLACE.mkdir(parents=True)
            stack.callback(shutil.rmtree, PLACE, ignore_errors=True)
            files = list(small_archive(arguments.outlets, arguments.months))
            place = in_store if where == "s3" else in_folder
            source, output, change, requests, environment = stack.enter_context(place(files))
            print(f"\n{where}: {arguments.outlets} outlets, {arguments.months} months\n\n{RUN_HEAD}")
            for name in ("first", "nothing changed", f"{CHANGED} changed"):
                if name.endswith(" changed") and name[0].isdigit():
                    change()
                    time.sleep(2.5)
                requests()
                print(run_line(name, child("_run", source, output, arguments.workers, environment=environment)))
                _told(requests())
            for name, row in child("_read", output, environment=environment).items():
                print(f"- {name}: " + ", ".join(f"{value:,.2f} {key}" for key, value in row.items()), flush=True)
            _told(requests())


RUN_HEAD = (
    "| run | wall s | CPU s here | parse CPU s | merge CPU s | discover | plan | parse | settle | merge | publish | "
    "report | partition files | MB written | peak MB here |\n|---|" + "---:|" * 14
)


def run_line(name: str, row: dict[str, Any]) -> str:
    steps = row["steps"]
    each = " | ".join(
        f"{steps[step]['s']:.2f}" if step in steps else "-"
        for step in ("discover", "plan", "parse", "settle", "merge", "publish", "report")
    )
    peak = max(step["peak"] for step in steps.values())
    parse, merge = (steps.get(step, {}).get("workers", 0.0) for step in ("parse", "merge"))
    return (
        f"| {name} | {row['s']:.2f} | {row['here']:.2f} | {parse:.2f} | {merge:.2f} | {each} | "
        f"{row['partitions_written']:,} | {row['output_bytes'] / 1e6:.1f} | {peak:,.0f} |"
    )


def _told(requests: dict[str, int]) -> None:
    if requests:
        print("  requests: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(requests.items())), flush=True)


@contextmanager
def in_folder(files: list[tuple[str, bytes]]) -> Iterator[tuple[str, str, Callable, Callable, dict]]:
    source = PLACE / "archive"
    for name, data in files:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    time.sleep(2.5)
    yield str(source), str(PLACE / "output"), lambda: change_files(source), dict, {}


@contextmanager
def in_store(files: list[tuple[str, bytes]]) -> Iterator[tuple[str, str, Callable, Callable, dict]]:
    """Archive and output in a real S3 server, behind a proxy that counts requests."""
    sys.path.insert(0, str(WORK.parent / "tests"))
    from fault_proxy import FaultProxy
    from object_stores import S3Server

    (PLACE / "server").mkdir()
    with S3Server(PLACE / "server") as server, FaultProxy(server) as proxy:
        server.create_bucket(BUCKET)
        os.environ.update(server.environment())
        from pressmark.storage.output.objects import connect

        client = connect(f"s3://{BUCKET}/archive")
        for name, data in files:
            client.put(name, data)

        def change() -> None:
            for name, data in files[:: len(files) // CHANGED][:CHANGED]:
                client.put(name, data + b"<p>A line that was added.</p>\n")

        def requests() -> dict[str, int]:
            found = Counter(_kind(request) for request in proxy.requests)
            proxy.clear()
            return dict(found)

        yield f"s3://{BUCKET}/archive", f"s3://{BUCKET}/output", change, requests, proxy.environment()


def _kind(request: Any) -> str:
    if "list-type" in request.query:
        return "LIST"
    if "x-amz-copy-source" in request.headers:
        return "COPY"
    return "DELETE" if request.method == "POST" and "delete" in request.query else request.method


def archive(arguments: argparse.Namespace) -> None:
    """What a run over a folder costs; files are changed in a copy."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    source, output = PLACE / "archive", PLACE / "output"
    shutil.copytree(arguments.folder, source)
    time.sleep(2.5)
    print(RUN_HEAD)
    first = child("_run", source, fresh(output), arguments.workers)
    print(run_line("first", first))
    print(run_line("nothing changed", child("_run", source, output, arguments.workers)))
    change_files(source)
    time.sleep(2.5)
    print(run_line(f"{CHANGED} changed", child("_run", source, output, arguments.workers)))
    facts = {name: value for name, value in first.items() if name != "steps"}
    sizes: Counter[str] = Counter()
    for path in output.rglob("*.parquet"):
        sizes[path.relative_to(output).parts[0]] += path.stat().st_size
    print(facts, dict(sizes), child("_read", output), sep="\n")
    shutil.rmtree(PLACE)


def main() -> None:
    if sys.argv[1:2] and sys.argv[1].startswith("_"):
        kind, *rest = sys.argv[1:]
        if kind == "_plan":
            gc.disable()  # as `pressmark ingest` does
            meter = Meter()
            STEPS[rest[0]](meter, int(rest[1]))
            print(json.dumps(meter.rows))
        else:
            print(json.dumps(run_timed(rest[0], rest[1], int(rest[2])) if kind == "_run" else read_timed(rest[0])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("plan")
    one.add_argument("--sources", type=int, nargs="+", default=[100_000, 1_000_000])
    one.add_argument("--steps", nargs="+", default=list(STEPS), choices=list(STEPS))
    one.set_defaults(call=plan)
    one = commands.add_parser("sliced")
    one.add_argument("--sources", type=int, default=100_000_000)
    one.add_argument("--slice", type=int, default=1_000_000)
    one.set_defaults(call=lambda arguments: sliced(arguments.sources, arguments.slice))
    one = commands.add_parser("partitions")
    one.add_argument("--outlets", type=int, default=100)
    one.add_argument("--months", type=int, default=100)
    one.add_argument("--at", nargs="+", default=["folder"], choices=["folder", "s3"])
    one.add_argument("--workers", type=int, default=2)
    one.set_defaults(call=partitions)
    one = commands.add_parser("archive")
    one.add_argument("folder", type=Path, nargs="?", default=WORK / "generated-10000" / "folder")
    one.add_argument("--workers", type=int, default=2)
    one.set_defaults(call=archive)
    arguments = parser.parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
