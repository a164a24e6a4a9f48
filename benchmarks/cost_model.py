"""What 10^6, 10^8 and 10^9 articles would cost, from constants in `cost_model.toml`; see `docs/scale.md`.

usage: python -m benchmarks.cost_model [--slices] [--check SOURCES MB FILES OUTPUT_MB]

Prints a Markdown table: an archive and an output in an object store, a backfill in one run, then hourly increments.
With `--slices` each outlet has a prefix and an output of its own: figures are for one of them. With `--check`, what a
first run over a folder on this machine should take.
"""

import argparse
import math
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

CONSTANTS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
WORK, HERE, REQUESTS = (CONSTANTS[name] for name in ("work", "coordinator", "requests"))
ASSUMED = CONSTANTS["assumed"]
WHOLE_MB = 4  # files up to this size are read whole, others by the MB
MONTH_HOURS = 730


class Cost(NamedTuple):
    """One run: seconds of the workers' processors, and of the coordinator, processor and waits."""

    work_s: float
    here_s: float
    wait_s: float
    here_mb: float
    written_mb: float
    read_mb: float
    requests: Counter[str]

    @property
    def dollars(self) -> float:
        reads = sum(self.requests[kind] for kind in ("get", "head"))
        writes = sum(self.requests[kind] for kind in ("put", "copy", "list"))
        return (reads * ASSUMED["price_read"] + writes * ASSUMED["price_write"]) / 1000


class Shape(NamedTuple):
    """An output: its articles and partitions."""

    articles: int
    outlets: int
    source_mb: float = ASSUMED["source_mb"]

    @property
    def partitions(self) -> int:
        return self.outlets * ASSUMED["months"]

    @property
    def files(self) -> int:
        return self.partitions * ASSUMED["tables"]

    @property
    def output_mb(self) -> float:
        return self.articles * self.source_mb * WORK["output_per_mb"]


def listed(articles: int) -> tuple[float, float, Counter[str]]:
    """Seconds of work and of waiting, and requests, to list an archive and compare it with the run before."""
    lists = -(-articles // REQUESTS["list_names"])
    return articles * (HERE["list_s"] + HERE["compare_s"]), lists * ASSUMED["list_request_s"], Counter(list=lists)


def written(files: float) -> tuple[float, Counter[str]]:
    """Seconds of waiting, and requests, to publish partition files."""
    requests = Counter({kind: round(count * files) for kind, count in REQUESTS["per_file"].items()})
    return files * ASSUMED["write_s"] / ASSUMED["at_once"], requests


def parsed(sources: float, source_mb: float) -> float:
    """Seconds of workers to parse sources."""
    return sources * WORK["parse_s_per_source"] + source_mb * WORK["parse_s_per_mb"]


def merged(files: float, output_mb: float) -> float:
    """Seconds of workers to write partition files."""
    return files * WORK["merge_s_per_file"] + output_mb * WORK["merge_s_per_mb"]


def reads_of(mb: float, files: float) -> int:
    """GETs for all of some files."""
    return round(files if mb <= WHOLE_MB * files else mb)


def backfill(shape: Shape) -> Cost:
    """A first run over everything."""
    list_s, wait_s, requests = listed(shape.articles)
    publish_s, writes = written(shape.files)
    requests += writes + Counter(get=shape.articles) + Counter(REQUESTS["per_run"])
    source_mb = shape.articles * shape.source_mb
    return Cost(
        parsed(shape.articles, source_mb) + merged(shape.files, shape.output_mb),
        HERE["start_s"] + list_s + shape.articles * HERE["new_s"] + shape.files * HERE["file_s"],
        wait_s + publish_s,
        HERE["base_mb"] + shape.articles * HERE["list_bytes"] / 1e6,
        shape.output_mb,
        source_mb,
        requests,
    )


def increment(shape: Shape, partitions: float) -> Cost:
    """An hourly run that finds new sources in some of the partitions."""
    new = shape.articles * ASSUMED["increment"]
    list_s, wait_s, requests = listed(shape.articles)
    files = partitions * ASSUMED["tables"]
    rewritten_mb = shape.output_mb * partitions / shape.partitions
    state_mb = shape.output_mb * WORK["articles_share"]
    state_gets = reads_of(state_mb, shape.partitions)
    publish_s, writes = written(files)
    gets = round(new) + state_gets + reads_of(rewritten_mb, files)
    requests += writes + Counter(get=gets) + Counter(REQUESTS["per_run"])
    requests += Counter({kind: round(count * partitions) for kind, count in REQUESTS["per_partition"].items()})
    state_s = shape.partitions * HERE["state_s_per_file"] + shape.articles * HERE["state_s_per_article"]
    here_s = HERE["start_s"] + list_s + state_s + new * HERE["new_s"] + files * HERE["file_s"]
    memory = max(HERE["list_bytes"], HERE["state_bytes"]) * shape.articles / 1e6
    return Cost(
        parsed(new, new * shape.source_mb) + merged(files, rewritten_mb),
        here_s,
        wait_s + publish_s + state_gets * ASSUMED["get_s"] / ASSUMED["at_once"],
        HERE["base_mb"] + memory, rewritten_mb, state_mb + rewritten_mb + new * shape.source_mb, requests,
    )  # fmt: skip


def workers(shape: Shape, cost: Cost) -> float:
    """Workers that finish in the hours there are: by processors, or by what one process gets from the store."""
    seconds = ASSUMED["hours"] * 3600
    by_cpu = cost.work_s / (seconds * ASSUMED["cores"] * ASSUMED["busy"])
    by_gets = shape.articles * ASSUMED["get_s"] / ASSUMED["at_once"] / (seconds * ASSUMED["cores"])
    return max(by_cpu, by_gets)


def told(shape: Shape) -> list[tuple[str, str]]:
    """A column of the table."""
    first = backfill(shape)
    recent = increment(shape, min(shape.outlets, shape.articles * ASSUMED["increment"]))
    # New sources fall anywhere: the share of partitions that at least one of them hits.
    chance = 1 - (1 - 1 / shape.partitions) ** (shape.articles * ASSUMED["increment"])
    spread = increment(shape, shape.partitions * chance)
    new_mb = shape.articles * ASSUMED["increment"] * shape.source_mb * WORK["output_per_mb"]

    def requests(cost: Cost) -> str:
        return " / ".join(number(cost.requests[kind]) for kind in ("get", "list", "put"))

    def of_run(cost: Cost) -> str:
        return f"{hours(cost.here_s)} + {hours(cost.wait_s)}"

    return [
        ("archive, output, GB", f"{shape.articles * shape.source_mb / 1e3:,.0f}, {shape.output_mb / 1e3:,.1f}"),
        ("partitions, files, articles in each",
         f"{shape.partitions:,}, {shape.files:,}, {shape.articles // shape.partitions:,}"),
        ("backfill: CPU hours of workers", f"{first.work_s / 3600:,.1f}"),
        ("workers for 8 hours", f"{math.ceil(workers(shape, first)):,}"),
        ("coordinator: work + waiting for the store", of_run(first)),
        ("coordinator: memory, GB", f"{first.here_mb / 1e3:,.1f}"),
        ("GET / LIST / PUT", requests(first)),
        ("US$ for requests", f"{first.dollars:,.2f}"),
        ("hourly, current months: coordinator", of_run(recent)),
        ("memory, GB", f"{recent.here_mb / 1e3:,.1f}"),
        ("GET / LIST / PUT", requests(recent)),
        ("GB read; GB written, times what is new",
         f"{recent.read_mb / 1e3:,.1f}; {recent.written_mb / 1e3:,.2f}, {recent.written_mb / new_mb:,.0f}"),
        ("US$ for requests, a month", f"{recent.dollars * MONTH_HOURS:,.0f}"),
        ("hourly, any month: GB written, times what is new",
         f"{spread.written_mb / 1e3:,.1f}, {spread.written_mb / new_mb:,.0f}"),
        ("workers' CPU", hours(spread.work_s)),
        ("US$ for storing archive and output, a month",
         f"{(shape.articles * shape.source_mb + shape.output_mb) / 1e3 * ASSUMED['price_gb_month']:,.0f}"),
    ]  # fmt: skip


def check(sources: float, mb: float, files: float, output_mb: float) -> None:
    """Tell what a first run over a folder on this machine should take, with two workers."""
    work_s = parsed(sources, mb) + merged(files, output_mb)
    here_s = HERE["start_s"] + listed(int(sources))[0] + sources * HERE["new_s"] + files * HERE["file_s"]
    seconds = here_s + work_s / ASSUMED["cores"] / ASSUMED["busy"]
    memory = HERE["base_mb"] + sources * HERE["list_bytes"] / 1e6
    print(f"workers' CPU {work_s:.1f} s, here {here_s:.1f} s, wall {seconds:.1f} s, {memory:,.0f} MB here")


def hours(seconds: float) -> str:
    for most, unit, name in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < most:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds / 3600:,.1f} h"


def number(count: float) -> str:
    for least, name in ((1e9, " bn"), (1e6, " M"), (1e4, " k")):
        if count >= least:
            scaled = count / {" bn": 1e9, " M": 1e6, " k": 1e3}[name]
            return f"{scaled:,.1f}{name}" if scaled < 10 else f"{scaled:,.0f}{name}"
    return f"{count:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", action="store_true")
    parser.add_argument("--check", type=float, nargs=4, metavar=("SOURCES", "MB", "FILES", "OUTPUT_MB"))
    arguments = parser.parse_args()
    if arguments.check:
        check(*arguments.check)
        return
    sizes = {int(articles): outlets for articles, outlets in CONSTANTS["outlets"].items()}
    if arguments.slices:
        columns = {f"{n:,} in {outlets}": told(Shape(n // outlets, 1)) for n, outlets in sizes.items()}
    else:
        columns = {f"{n:,}": told(Shape(n, outlets)) for n, outlets in sizes.items()}
    print("| | " + " | ".join(columns) + " |\n|---" + "|---:" * len(columns) + "|")
    for rows in zip(*columns.values(), strict=True):
        print(f"| {rows[0][0]} | " + " | ".join(value for _, value in rows) + " |")


if __name__ == "__main__":
    main()
