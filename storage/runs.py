"""What runs into an output did: the row of `runs` that a run writes, what the next one asks of the latest, and what it
decides of its settings, and of its rounds, before it looks at any source."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Period
from pressmark.schemas.tables import check_rows
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.inputs.budget import GIB, Budget
from pressmark.storage.inputs.opening import InputAddress, open_input, parse_address
from pressmark.storage.inputs.source import Input
from pressmark.storage.output.parquet import PartFile, write_part
from pressmark.storage.output.store import Replacement, is_object_address
from pressmark.storage.output.tables import PART_SUFFIX, Output
from pressmark.storage.settings import READING_NAMES, IngestSettings, base_name, keys_of
from pressmark.transforms.records import Stamp
from pressmark.transforms.selection import Selection

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Archive", "Facts", "IngestPlan", "RunReport", "archive_of", "behind", "carried_runs", "ingested_as",
    "last_runs", "latest_of", "named_archive", "new_stamp", "part_of", "read_report", "rounds_of", "settled_facts",
    "write_report", "write_run",
]  # fmt: skip

# Whoever sees a run's row sees all of its files.
LAST_RANK: Final = 9
# What a run that is stopped may have to do again: about half a minute's work.
ROUND_BYTES: Final = 1 << 30

log = logging.getLogger(__name__)


class RunReport(NamedTuple):
    """The run's row in `runs`."""

    run_id: str
    archive: str
    started_at: datetime
    finished_at: datetime
    source: str
    commit: str | None
    committed_at: datetime | None
    arguments: str
    contract_version: str
    parser_version: str
    sources: int
    left_out: int
    unchanged: int
    parsed: int
    parsed_bytes: int
    accepted: int
    rejected: int
    deleted: int
    articles: int
    paragraphs: int
    media: int
    revisions: int
    rejects: int
    partitions_written: int
    output_bytes: int
    root: str | None = None

    def argument(self, name: str, default: Any = None) -> Any:
        return json.loads(self.arguments).get(name, default)

    @property
    def partial(self) -> bool:
        """Whether sources may be missing: the run was asked for a part of the archive, or stopped between rounds."""
        return any(self.argument(name) for name in ("wanted", "limit", "since", "outlets", "unfinished"))


class Archive(NamedTuple):
    """An input as the latest run over an archive saw it: what it took, whether it looked at its history and at moves,
    and whether it was asked for a part of it only."""

    name: str
    address: InputAddress
    input: Input
    selection: Selection
    history: bool
    moves: bool
    partial: bool


def last_runs(output: Output) -> list[RunReport]:
    """The latest run of each archive, the latest of all first; none where there was no run."""
    latest: dict[str, RunReport] = {}
    wanted: set[str] = set()
    # Names sort by the second, and a run's arguments name all archives, so few of many files are read.
    entries = reversed(output.files(TABLES["runs"].name))
    for _, some in groupby(entries, key=lambda entry: entry.name.partition("-")[0]):
        rows = []
        for entry in some:
            with PartFile(output, entry, TABLES["runs"]) as file:
                rows += [RunReport(**row) for row in file.read().to_pylist()]
        for run in sorted(rows, key=lambda run: (run.started_at, run.run_id), reverse=True):
            latest.setdefault(run.archive, run)
            wanted = wanted or set(run.argument("archives", [run.archive]))
        if wanted <= latest.keys():
            break
    return list(latest.values())


def latest_of(output: Output, archive: str | None = None) -> RunReport:
    """The latest run, of one archive if one is named; raises `OutputError` where there was none."""
    runs = last_runs(output)
    if not runs:
        raise OutputError("no run has written to this folder", output.address, "name an output folder, or ingest first")
    for run in runs:
        if archive in (None, run.archive):
            return run
    names = ", ".join(f"`{run.archive}`" for run in runs)
    raise OutputError(f"this output has no archive `{archive}`", output.address, f"name one that it has: {names}")


def archive_of(output: Output, source: str | None = None, archive: str | None = None) -> Archive:
    """The input of the latest run over an archive, at the commit that was ingested, or the one named in its place.
    Without a name it is the archive that this input was ingested as, else the latest run's. Raises `OutputError` where
    no run was."""
    runs = last_runs(output)
    archive = archive or ingested_as(runs, source)
    last = latest_of(output, archive)
    if source is None and output.is_local and is_object_address(last.source):
        # Whoever made the folder would have this machine's keys used at a place of their choice.
        raise OutputError(f"the latest run read `{last.source}`", output.address, "name it, if it is to be read again")
    address = parse_address(source or last.source)._replace(trusted=bool(last.argument("trust_repository")))
    if source is None or source == last.source:
        address = address.at(last.commit)
    usual = Budget()
    budget = Budget(
        last.argument("max_ratio", usual.ratio),
        last.argument("max_unpacked_gib", usual.unpacked_bytes // GIB) * GIB,
        last.argument("max_files", usual.files),
    )
    selection = Selection(tuple(last.argument("include", ())), tuple(last.argument("exclude", ())))
    history = address.kind == "git" and bool(last.argument("history"))
    found = open_input(address, budget, keys_of(last.argument("map")))
    return Archive(last.archive, address, found, selection, history, bool(last.argument("moves")), last.partial)


def ingested_as(runs: list[RunReport], source: str | None) -> str | None:
    """The archive that an input was ingested as: by its address, else by its base name, as it has other addresses
    elsewhere; None where no archive has either."""
    base = base_name(source or "")
    ways = ((run.source == source, run.archive == base, base_name(run.source) == base) for run in runs)
    found = [(fits.index(True), number) for number, fits in enumerate(ways) if source is not None and any(fits)]
    return runs[min(found)[1]].archive if found else None


def named_archive(output: Output, runs: list[RunReport], archive: str | None, base: str) -> str:
    """The archive's name: the one given, else the input's base name. Raises `OutputError` where a base name alone would
    start a second archive in an output."""
    if archive is not None or not runs or base in {run.archive for run in runs}:
        return archive or base
    names = ", ".join(f"`{run.archive}`" for run in runs)
    raise OutputError(
        f"this output holds the archive {names}, and this input is called `{base}`", output.address,
        f"give `--archive {base}` to add it as another archive, `--archive {runs[0].archive}` if it is the same one at "
        "another place, or name another output",
    )  # fmt: skip


def write_run(output: Output, staged: str, report: RunReport) -> Replacement:
    """Stage the run's row; the step that publishes it."""
    table = TABLES["runs"]
    row = pa.Table.from_pylist([report._asdict()], schema=table.schema)
    if violations := check_rows(row, table):
        raise ValueError(f"a row of `runs` that violates its schema: {violations}")
    write_part(output, staged, row, table)
    return Replacement(staged, f"{table.name}/{report.run_id}{PART_SUFFIX}", LAST_RANK)


def carried_runs(output: Output, latest: list[RunReport], drafts: str) -> list[Replacement]:
    """The steps that bring rows of an older contract, or without a column, into this one's schema; `latest` are the
    latest runs."""
    if not latest or (latest[0].root and all(run.contract_version == CONTRACT_VERSION for run in latest)):
        return []
    table, steps = TABLES["runs"], []
    for entry in output.files(table.name):
        with PartFile(output, entry, table) as file:
            rows = file.read() if file.outdated else None
        if rows is not None:
            staged = f"{drafts}/runs-{entry.name.rpartition('/')[2]}"
            write_part(output, staged, rows, table)
            steps.append(Replacement(staged, entry.name, LAST_RANK))
    return steps


def write_report(output: Output, run_id: str, content: dict[str, Any]) -> None:
    """Write a JSON file about a run beside the tables: `OUTPUT/reports/RUN_ID.json`."""
    text = json.dumps(content, default=str, ensure_ascii=False, indent=1)
    output.store.write(f"reports/{run_id}.json", text.encode())


def read_report(output: Output, run_id: str) -> dict[str, Any]:
    """The JSON file about a run."""
    content: dict[str, Any] = json.loads(output.store.read(f"reports/{run_id}.json"))
    return content


def new_stamp(at: datetime | None = None) -> Stamp:
    """A run id that sorts by time, and the time: now, where none is given."""
    at = at or datetime.now(UTC)
    return Stamp(f"{at:%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}", at)


def behind(runs: list[RunReport], stamp: Stamp) -> Stamp:
    """The stamp of the run that comes next: where the clock was set back, the first moment behind the latest of `runs`,
    as which one is the latest, and holds the counts and the root, is told by their times."""
    if not runs or runs[0].started_at <= stamp.started_at:
        return stamp
    last = runs[0].started_at
    log.warning(
        "the latest run started at %s, which this machine's clock has not reached: this one counts as next", last
    )
    return new_stamp(last + timedelta(microseconds=1))


class IngestPlan(NamedTuple):
    """What a run has to do, and in how many rounds: at least one, which publishes the run's row."""

    archive: str
    sources: int
    left_out: int
    unchanged: int
    to_parse: int
    to_parse_bytes: int
    deleted: int
    rounds: int
    notes: tuple[str, ...]


class Facts(NamedTuple):
    """What a run has decided of its settings and asked of earlier runs. `read_before` is how the latest run over the
    archive read its sources; where it is now otherwise, they are `reread`."""

    address: InputAddress
    archive: str
    history: bool
    moves: bool
    deletes: bool
    partition: Period
    buckets: int
    arguments: dict[str, Any]
    seen_facts: str
    read_before: dict[str, Any]
    reread: bool


def settled_facts(
    settings: IngestSettings, output: Output, runs: list[RunReport], address: InputAddress, archive_input: Input
) -> Facts:
    """What a run decides of its settings; raises `OutputError` or `InputError` where they do not fit the output or the
    input."""
    archive = named_archive(output, runs, settings.archive, base_name(settings.source))
    last = next((run for run in runs if run.archive == archive), None)
    # A repository may be named in many ways, and its history is kept up by all of them.
    earlier = last if address.kind == "git" else None
    if settings.history and address.kind != "git":
        raise InputError(
            "only a git repository has a history", settings.source, "leave out `--history`, or name the repository"
        )
    history = settings.history or (earlier is not None and bool(earlier.argument("history")))
    moves = settings.moves or (earlier is not None and bool(earlier.argument("moves")))
    partition, buckets = _layout(settings, runs, output)
    deletes = archive_input.deletes if settings.sync is None else settings.sync
    arguments = settings.arguments(sync=deletes, history=history, moves=moves, partition=partition, buckets=buckets)
    facts = json.dumps([settings.source, arguments], sort_keys=True)
    arguments["archives"] = sorted({archive, *(run.archive for run in runs)})
    now = {name: arguments[name] for name in READING_NAMES}
    before = now if last is None else {name: last.argument(name) for name in READING_NAMES}
    return Facts(address, archive, history, moves, deletes, partition, buckets, arguments, facts, before, before != now)


def _layout(settings: IngestSettings, runs: list[RunReport], output: Output) -> tuple[Period, int]:
    """Period and buckets of the output; raises `OutputError` where it has others already."""
    if not runs:
        return settings.partition or "month", settings.buckets or 1
    partition: Period = runs[0].argument("partition") or runs[0].argument("partition_by") or "month"
    buckets: int = runs[0].argument("buckets") or 1
    for name, wanted, found in (("partition", settings.partition, partition), ("buckets", settings.buckets, buckets)):
        if wanted not in (None, found):
            raise OutputError(
                f"this output has `{name}` {found}, not {wanted}", output.address,
                f"leave out `--{name} {wanted}`, or ingest into another output",
            )  # fmt: skip
    return partition, buckets


def part_of(parse: pl.DataFrame, limit: int | None) -> pl.DataFrame:
    """What something published rests on, and of the other sources at most `limit`."""
    rests = parse["required"]
    return parse if limit is None else parse.filter(rests).vstack(parse.filter(~rests).head(limit))


def rounds_of(parse: pl.DataFrame, *, streamed: bool) -> list[pl.DataFrame]:
    """The sources in the order in which they are parsed, in rounds; at least one."""
    import polars as pl

    if streamed:
        order = parse.sort(pl.col("locator").cast(pl.String).cast(pl.Int64))
    else:
        # What was committed together lies together in a repository.
        order = parse.sort(~pl.col("required"), "valid_from", "source_path", "locator", nulls_last=False)
    number = (order["source_bytes"].cum_sum() // ROUND_BYTES).rank("dense")
    parts = order.with_columns(round=number).partition_by("round", maintain_order=True, include_key=False)
    return parts or [order]
