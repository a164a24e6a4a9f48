"""Listing, comparing and planning over made-up entries of an object store and made-up state columns; see
`simulate.py`, whose commands `plan` and `sliced` call this."""

import gc
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.bench import WORK
from pressmark.storage.inputs.objects import Objects
from pressmark.storage.inputs.source import Listing, Request, Source
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.planning import Settings, plan_sources
from pressmark.storage.seen import Seen
from pressmark.storage.state import REVISION_SCHEMA, State, empty_state

PLACE = WORK / "simulate"
SOURCE_BYTES = 10_000
SHARE = 10_000  # one source of so many is changed
SMALL = b"<p>A page of an invented archive.</p>"
FOLDERS = 100  # an archive's sources lie in so many


class Meter:
    """Seconds and memory of steps in this process."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        gc.collect()
        pa.default_memory_pool().release_unused()
        Path("/proc/self/clear_refs").write_text("5")
        before, cpu, started = memory_mb()[0], time.process_time(), time.perf_counter()
        result = work()
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        now, peak = memory_mb()
        self.rows[name] = {"s": seconds, "cpu": used, "added": now - before, "peak": peak - before}
        return result


def memory_mb() -> tuple[float, float]:
    """Resident memory now, and its peak since that was last reset."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) / 1e3 for name in ("VmRSS", "VmHWM"))


def _strings(data: bytes, width: int) -> pa.Array:
    count = len(data) // width
    offsets = pa.array(range(0, len(data) + 1, width), pa.int64()).buffers()[1]
    return pa.LargeStringArray.from_buffers(count, offsets, pa.py_buffer(data)).cast(pa.string())


def paths_of(count: int, outlet: int = 0) -> pa.Array:
    """Paths of 70 characters in their order, those of an outlet below a folder."""
    each = -(-count // FOLDERS)
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
    pressmark.storage.inputs.objects.open_store = lambda _: Entries(paths, tags)
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


def step_first(meter: Meter, count: int) -> None:
    """Plan where nothing is published yet."""
    listing = listed(paths_of(count), hashes_of(count, 32))
    plan = meter("plan, all new", lambda: plan_over(empty_state(), listing))
    assert len(plan.sources) == count


STEPS = {"first": step_first, "listing": step_listing, "increment": step_increment, "complete": step_complete}


def sliced(sources: int, slice_sources: int) -> None:
    """List, compare and plan one slice of the paths after another; all else is made beside the clock."""
    gc.disable()
    totals: Counter[str] = Counter()
    tags = hashes_of(slice_sources, 32)
    state, later = state_of(tags).revisions, changed_tags(tags)
    position, seen = REVISION_SCHEMA.get_field_index("source_path"), seen_of()

    def clocked(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        totals[name] += time.perf_counter() - started
        return result

    for number in range(sources // slice_sources):
        paths = paths_of(slice_sources, number * FOLDERS)
        known = State(state.set_column(position, REVISION_SCHEMA.field(position), paths), [])
        names = ((path, tag) for path, tag in zip(paths.to_pylist(), tags.to_pylist(), strict=True))
        seen.keep(Listing([Source(path, path, 0, version=f"{SOURCE_BYTES}-{tag}") for path, tag in names]))
        clocked("write seen.arrow", seen.write)
        listing = clocked("list", lambda paths=paths: listed(paths, later))
        since = clocked("compare and prepare seen.arrow", lambda listing=listing: seen.since(listing))
        chosen = clocked("plan", lambda known=known, since=since: plan_over(known, since))
        totals["sources changed"] += len(chosen.sources)
        del listing, since, chosen, paths, known, names
    print(f"{sources:,} sources, {slice_sources:,} at a time; peak {memory_mb()[1]:,.0f} MB")
    for name, value in totals.items():
        print(f"- {name}: {value:,.1f}")
    shutil.rmtree(PLACE / f"seen-{os.getpid()}")
