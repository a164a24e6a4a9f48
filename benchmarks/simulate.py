"""What the model in `docs/scale.md` rests on: steps of a run at sizes that no archive here has, and many partitions.

usage: python -m benchmarks.simulate plan [--sources N …] [--steps listing increment complete]
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
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

import storage.inputs.objects
from benchmarks.bench import WORK, fresh
from benchmarks.scale_bench import CHANGED, change_files
from flows.job import run_ingest
from schemas import TABLES
from storage.inputs.objects import Objects
from storage.inputs.source import Listing, Request, Source
from storage.layout import Output
from storage.planning import Settings, plan_sources
from storage.seen import Seen
from storage.state import REVISION_SCHEMA, State, read_state
from storage.stores.store import Stored

PLACE = WORK / "simulate"
SOURCE_BYTES = 10_000
SHARE = 10_000  # one source of so many is changed
SMALL = b"<p>A page of an invented archive.</p>"
OUTLETS_OF_A_MODEL = 100
BUCKET = "simulate"
ITEM = """<!--{ms}-->
[Notice {number} of the harbour office](https://outlet-{outlet:03d}.example/{month}/{number})
------
<p>The ferry at pier {number} leaves at seven; whoever comes later takes the bridge.</p>
<p>The office of outlet {outlet} is closed on the second day of the fair.</p>
"""


class Meter:
    """Seconds and memory of steps in this process."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        gc.collect()
        pa.default_memory_pool().release_unused()
        Path("/proc/self/clear_refs").write_text("5")
        before, cpu, started = _memory_mb()[0], time.process_time(), time.perf_counter()
        result = work()
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        now, peak = _memory_mb()
        self.rows[name] = {"s": seconds, "cpu": used, "added": now - before, "peak": peak - before}
        return result


def _memory_mb() -> tuple[float, float]:
    """Resident memory now, and its peak since that was last reset."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) / 1e3 for name in ("VmRSS", "VmHWM"))


def _strings(data: bytes, width: int) -> pa.Array:
    count = len(data) // width
    offsets = pa.array(range(0, len(data) + 1, width), pa.int64()).buffers()[1]
    return pa.LargeStringArray.from_buffers(count, offsets, pa.py_buffer(data)).cast(pa.string())


def paths_of(count: int, outlet: int = 0) -> pa.Array:
    """Paths of 70 characters in their order, those of an outlet below a folder."""
    each = -(-count // OUTLETS_OF_A_MODEL)
    names = _strings(os.urandom(count * 15).hex().encode(), 30)
    heads = (f"outlet-{outlet + row // each:04d}.example/2019/07/{row:012d}-" for row in range(count))
    return pc.binary_join_element_wise(pa.array(heads, pa.string()), names, pa.scalar(".md"), "")


def hashes_of(count: int, width: int = 64) -> pa.Array:
    return _strings(os.urandom(count * width // 2).hex().encode(), width)


def state_of(paths: pa.Array) -> State:
    """What `read_state` gives for articles at these paths."""
    count = len(paths)
    when = pa.scalar(datetime(2019, 7, 1, tzinfo=UTC), REVISION_SCHEMA.field("published_at").type)
    columns = {
        "article_id": hashes_of(count, 32), "source_path": paths, "source_sha256": hashes_of(count),
        "published_at": pa.repeat(when, count), "text_sha256": hashes_of(count),
        "outlet": pa.repeat("outlet-0000-example", count), "period": pa.repeat("month=2019-07", count),
        "current": pa.repeat(True, count), "stale": pa.repeat(False, count),
    }  # fmt: skip
    arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in REVISION_SCHEMA]
    return State(pa.table(arrays, schema=REVISION_SCHEMA), [])


class Entries:
    """An object store of which only the listing is asked for."""

    def __init__(self, paths: pa.Array, tags: pa.Array) -> None:
        self._paths, self._tags = paths, tags

    def entries(self, _: str) -> list[Stored]:
        step = 100_000
        starts = range(0, len(self._paths), step)
        return sorted(
            Stored(path, SOURCE_BYTES, tag)
            for start in starts
            for path, tag in zip(
                self._paths.slice(start, step).to_pylist(), self._tags.slice(start, step).to_pylist(), strict=True
            )
        )


class Archive:
    """An input whose sources all have the same few bytes, so that hashing them costs little."""

    deletes = streamed = False

    def contents(self, sources: list[Source], _: Any) -> Iterator[tuple[Source, bytes]]:
        return ((source, SMALL) for source in sources)

    def find(self, _: Any) -> list[Source]:
        return []


def listed(paths: pa.Array, tags: pa.Array) -> Listing:
    """The product's listing of a bucket with these objects."""
    storage.inputs.objects.open_store = lambda _: Entries(paths, tags)
    return Objects("s3://made/up").listing(Request())


def changed_tags(tags: pa.Array) -> pa.Array:
    """The tags with a few of them changed."""
    count = len(tags)
    marks = pc.equal(pc.bit_wise_and(pa.array(range(count), pa.int64()), 8191), 1)
    return pc.if_else(marks, pa.scalar("0" * 32), tags)


def plan_over(state: State, listing: Listing) -> Any:
    settings = Settings("s3://made/up", str(PLACE / "none"))
    return plan_sources(settings, Archive(), listing, lambda: state, None, lambda *_: None, history=False)


def seen_of() -> Seen:
    return Seen(Output(str(PLACE / f"seen-{os.getpid()}")), "s3://made/up", "{}")


def step_listing(meter: Meter, count: int) -> None:
    """List, compare with what the run before saw, and remember: what a run with few changes does first."""
    paths, tags = paths_of(count), hashes_of(count, 32)
    later = changed_tags(tags)
    listing = meter("list the archive", partial(listed, paths, tags))
    seen = seen_of()
    meter("remember it", lambda: (seen.keep(listing), seen.write()))
    kept = sum(path.stat().st_size for path in PLACE.glob(f"seen-{os.getpid()}/.pressmark/*"))
    del listing, tags
    listing = listed(paths, later)
    del paths, later
    since = meter("compare with what was seen", lambda: seen_of().since(listing))
    print(f"  {count:,}: {len(since.sources):,} changed, {kept / 1e6:,.0f} MB of seen.arrow", file=sys.stderr)
    shutil.rmtree(PLACE / f"seen-{os.getpid()}")


def step_increment(meter: Meter, count: int) -> None:
    """Plan what has changed: 0.01 % of the sources."""
    paths = paths_of(count)
    state = meter("state columns, held", lambda: state_of(paths))
    some = paths.take(pa.array(range(0, count, SHARE), pa.int64())).to_pylist()
    listing = Listing([Source(path, path, SOURCE_BYTES) for path in some], complete=False, total=count)
    plan = meter("plan 0.01 % changed", lambda: plan_over(state, listing))
    assert len(plan.sources) == len(some)


def step_complete(meter: Meter, count: int) -> None:
    """Plan with nothing remembered: every source is compared by its hash."""
    paths = paths_of(count)
    state = state_of(paths)
    listing = listed(paths, hashes_of(count, 32))
    plan = meter("plan, all compared", lambda: plan_over(state, listing))
    assert len(plan.sources) == count


STEPS = {"listing": step_listing, "increment": step_increment, "complete": step_complete}


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


def sliced(arguments: argparse.Namespace) -> None:
    """List, compare and plan one slice of the paths after another; all else is made beside the clock."""
    gc.disable()
    PLACE.mkdir(parents=True, exist_ok=True)
    totals: Counter[str] = Counter()
    tags = hashes_of(arguments.slice, 32)
    state, later = state_of(tags).revisions, changed_tags(tags)
    position, seen = REVISION_SCHEMA.get_field_index("source_path"), seen_of()

    def clocked(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        totals[name] += time.perf_counter() - started
        return result

    for number in range(arguments.sources // arguments.slice):
        paths = paths_of(arguments.slice, number * OUTLETS_OF_A_MODEL)
        known = State(state.set_column(position, REVISION_SCHEMA.field(position), paths), [])
        names = ((path, tag) for path, tag in zip(paths.to_pylist(), tags.to_pylist(), strict=True))
        seen.keep(Listing([Source(path, path, 0, version=f"{SOURCE_BYTES}-{tag}") for path, tag in names]))
        clocked("write seen.arrow", seen.write)
        listing = clocked("list", lambda paths=paths: listed(paths, later))
        clocked("prepare seen.arrow", lambda listing=listing: seen.keep(listing))
        since = clocked("compare", lambda listing=listing: seen.since(listing))
        chosen = clocked("plan", lambda known=known, since=since: plan_over(known, since))
        totals["sources changed"] += len(chosen.sources)
        del listing, since, chosen, paths, known, names
    print(f"{arguments.sources:,} sources, {arguments.slice:,} at a time; peak {_memory_mb()[1]:,.0f} MB")
    for name, value in totals.items():
        print(f"- {name}: {value:,.1f}")
    shutil.rmtree(PLACE)


def run_timed(source: str, output: str, workers: int) -> dict[str, Any]:
    """A run, with the seconds of each of its steps and this process's memory; as `pressmark ingest` does it."""
    steps: dict[str, dict[str, float]] = {}

    def timed(step: Callable[..., Any], *arguments: int) -> Any:
        cpu, started = time.process_time(), time.perf_counter()
        result = step(*arguments)
        row = steps.setdefault(step.__name__, {"s": 0.0, "cpu": 0.0, "peak": 0.0})
        row["s"] += time.perf_counter() - started
        row["cpu"] += time.process_time() - cpu
        row["peak"] = _memory_mb()[1]
        return result

    gc.disable()
    started = time.perf_counter()
    report = run_ingest(Settings(source, output, workers=workers), lambda *_: None, step=timed)
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    facts = ("sources", "parsed", "parsed_bytes", "articles", "paragraphs", "partitions_written", "output_bytes")
    return {
        "s": seconds,
        "cpu": sum(one.ru_utime + one.ru_stime for one in used),
        "here": used[0].ru_utime + used[0].ru_stime,
        "steps": steps,
        **{name: getattr(report, name) for name in facts},
    }


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
            files = small_archive(arguments.outlets, arguments.months)
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
    "| run | wall s | CPU s | of it here | discover | plan | parse | settle | merge | publish | report | "
    "partitions | MB written | peak MB here |\n|---|" + "---:|" * 13
)


def run_line(name: str, row: dict[str, Any]) -> str:
    steps = row["steps"]
    each = " | ".join(
        f"{steps[step]['s']:.2f}" if step in steps else "-"
        for step in ("discover", "plan", "parse", "settle", "merge", "publish", "report")
    )
    peak = max(step["peak"] for step in steps.values())
    return (
        f"| {name} | {row['s']:.2f} | {row['cpu']:.2f} | {row['here']:.2f} | {each} | {row['partitions_written']:,} | "
        f"{row['output_bytes'] / 1e6:.1f} | {peak:,.0f} |"
    )


def _told(requests: dict[str, int]) -> None:
    if requests:
        print("  requests: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(requests.items())), flush=True)


@contextmanager
def in_folder(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, str, Callable, Callable, dict]]:
    source = PLACE / "archive"
    for name, data in files:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    time.sleep(2.5)
    yield str(source), str(PLACE / "output"), lambda: change_files(source), dict, {}


@contextmanager
def in_store(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, str, Callable, Callable, dict]]:
    """Archive and output in a real S3 server, behind a proxy that counts requests."""
    sys.path.insert(0, str(WORK.parent / "tests"))
    from object_stores import FaultProxy, S3Server

    (PLACE / "server").mkdir()
    with S3Server(PLACE / "server") as server, FaultProxy(server) as proxy:
        server.create_bucket(BUCKET)
        os.environ.update(server.environment())
        from storage.stores.objects import connect

        client = connect(f"s3://{BUCKET}/archive")
        kept = []
        for number, (name, data) in enumerate(files):
            client.put(name, data)
            if number % 97 == 0 and len(kept) < CHANGED:
                kept.append((name, data))

        def change() -> None:
            for name, data in kept:
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
    print(json.dumps(first))
    sizes = Counter()
    for path in output.rglob("*.parquet"):
        sizes[path.relative_to(output).parts[0]] += path.stat().st_size
    print(dict(sizes), child("_read", output))
    shutil.rmtree(PLACE)


def main() -> None:
    if sys.argv[1:2] and sys.argv[1].startswith("_"):
        kind, *rest = sys.argv[1:]
        PLACE.mkdir(parents=True, exist_ok=True)
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
    one.set_defaults(call=sliced)
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
