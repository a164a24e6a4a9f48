"""The steps of a run over one output folder; each hands on counts and leaves what it made in staging.

Knows no Prefect and prints nothing. `flows/job.py` puts the steps in order.
"""

from __future__ import annotations

import contextlib
import importlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Period
from pressmark.storage.errors import OutputError
from pressmark.storage.inputs.opening import Address, open_input, parse_address
from pressmark.storage.inputs.source import Input, Listing, Source
from pressmark.storage.inputs.sources import Sources
from pressmark.storage.output.store import Replacement
from pressmark.storage.output.tables import PART_SUFFIX, Output
from pressmark.storage.overview import reject_lines
from pressmark.storage.planning import Plan, Settings, plan_sources, request_for
from pressmark.storage.reports import write_report
from pressmark.storage.runs import LastRun, RunReport, read_last_run
from pressmark.storage.seen import Seen
from pressmark.storage.staging import Batch, Staging, open_staging, workspace_for
from pressmark.storage.state import State, read_articles, read_state
from pressmark.storage.versions import parser_version
from pressmark.storage.windows import windows_of
from pressmark.storage.work import (
    BatchTask,
    MergedPartition,
    MergeTask,
    ParseCounts,
    PartitionWork,
    batch_sources,
    load_merge,
    load_parser,
    merge,
    parse,
    parse_together,
    work_file,
    write_batches,
)
from pressmark.storage.workers import Pool, WorkerDiedError, Workers, open_pool, take_memory_from_system
from pressmark.transforms.difference import OutletChanges, differences
from pressmark.transforms.plan import groups
from pressmark.transforms.records import Stamp

if TYPE_CHECKING:
    from pressmark.storage.settlement import Settlement

__all__ = ["Ingestion", "MergeCounts", "PlanCounts", "Progress", "open_ingestion", "plan_ingest"]

# A step of the flow is worth seconds, and a run of any size has fewer than 200 of them.
STEP_BYTES: Final = 128 << 20
# So much was parsed that to start other processes takes less than what these keep of it.
RENEW_BYTES: Final = 64 << 20
MOST_STEPS: Final = 90
# Whoever sees a run's row sees all of its files.
LAST_RANK: Final = 4

Progress = Callable[[str, int, int], None]


class PlanCounts(NamedTuple):
    """What a run has to do, and in how many parse steps."""

    sources: int
    left_out: int
    unchanged: int
    to_parse: int
    to_parse_bytes: int
    deleted: int
    steps: int
    notes: tuple[str, ...]


class MergeCounts(NamedTuple):
    """Partition files that a merge step wrote or found to remove, and the bytes of those written."""

    partitions: int
    file_bytes: int


@contextlib.contextmanager
def open_ingestion(
    settings: Settings, stamp: Stamp, progress: Progress, early: Workers | None = None
) -> Iterator[Ingestion]:
    """A run that holds the output's lock, after what a killed run left is completed, taken over or cleared; by
    processes that were started `early`, where there are any.

    `progress` is called with a step's name, how much is done, and how much there is to do.
    """
    output = settings.output_at
    take_memory_from_system()
    with (
        output.store.writing(stamp.run_id, lambda done, most: progress("lock", done, most)),
        open_pool(settings.workers, settings.dask, early) as pool,
        open_staging(output, stamp, settings.staging_facts, shared=settings.dask is not None) as staging,
    ):
        yield Ingestion(settings, output, staging, pool, progress)


def plan_ingest(settings: Settings, stamp: Stamp, progress: Progress) -> PlanCounts:
    """What a run would do. Writes nothing and takes no lock, so it may see an output while that changes."""
    output = settings.output_at
    staging = Staging(stamp, workspace_for(output, stamp.run_id, shared=False), "")
    run = Ingestion(settings, output, staging, Workers(1), progress)
    run.discover()
    return run.compare()


class Ingestion:
    """One run. Steps are called in the order `discover, plan, parse, settle, merge, publish, report`; `parse` and
    `merge` once for each of the steps that `plan` and `settle` name. A step that failed may be repeated."""

    def __init__(self, settings: Settings, output: Output, staging: Staging, pool: Pool, progress: Progress) -> None:
        self._settings = settings
        self._stamp = staging.stamp
        self._output = output
        self._staging = staging
        self._pool = pool
        self._progress = progress
        self._last: LastRun | None = None
        self._period: Period = "month"
        self._listing = Listing([])
        self._seen: Seen | None = None
        self._history = settings.history
        self._plan = Plan([], [], 0, 0)
        self._kept = ParseCounts()
        self._to_parse = 0
        self._to_parse_bytes = 0
        self._batches: list[Batch] = []
        self._steps: list[list[range]] = []
        self._parsed: dict[int, ParseCounts] = {}
        self._settlement: Settlement | None = None
        self._merged: dict[int, MergedPartition] = {}
        self._report: RunReport | None = None

    @cached_property
    def _state(self) -> State:
        return read_state(self._output)

    @cached_property
    def _address(self) -> Address:
        return parse_address(str(self._settings.source))

    @cached_property
    def _input(self) -> Input:
        return open_input(self._address, self._settings.archive_limits)

    def discover(self) -> int:
        """List the input; the number of sources found."""
        self._last = read_last_run(self._output)
        if self._last is None and self._address.kind == "folder":
            # All there is will be parsed. Other inputs are listed by processes of their own, or are not worth it.
            self._pool.start(load_parser)
        request = request_for(
            self._settings,
            self._address,
            self._input,
            self._last,
            lambda count: self._progress("discover", count, 0),
        )
        self._history = request.history
        self._period = self._settings.period(self._last)
        listing = self._input.listing(request)
        if listing.complete and self._last is None and self._state.is_empty:
            # Nothing stood before, so nothing ended; and what tells of that takes as much as the sources.
            listing = listing._replace(ended={}, changed={})
        pa.default_memory_pool().release_unused()
        self._listing = listing._replace(sources=Sources.of(listing.sources))
        found = len(self._listing.sources)
        if self._settings.wanted.everything:
            # A run for a part has not seen what it left out.
            self._seen = Seen(self._output, str(self._settings.source), self._arguments)
            self._listing = self._seen.since(self._listing)
        return found

    def plan(self) -> PlanCounts:
        """Compare what was found with what is published, and write down the batches to parse."""
        counts = self.compare()
        if self._batches:
            spans = [batch.span for batch in self._batches]
            write_batches(self._staging.workspace, self._batches[0].work, self._plan.sources, spans)
        # From here on sources are read from the file of batches, as a whole archive's are too many to be kept.
        self._plan = self._plan._replace(sources=())
        self._listing = self._listing._replace(sources=())
        pa.default_memory_pool().release_unused()
        return counts

    def compare(self) -> PlanCounts:
        """Compare what was found with what is published; writes nothing."""
        self._plan = plan_sources(
            self._settings,
            self._input,
            self._listing,
            lambda: self._state,
            self._last,
            lambda done, total: self._progress("compare", done, total),
            history=self._history,
        )
        to_parse = self._plan.sources
        sizes = _sizes(to_parse)
        sources, kept = self._staging.keep(to_parse, by_content=self._address.kind == "git")
        self._kept = sum(kept, ParseCounts())
        self._to_parse = len(sources)
        left = sizes if sources is to_parse else _sizes(sources)
        self._to_parse_bytes = sum(left)
        spans = self._pool.batches(left)
        steps = groups(len(spans), min(MOST_STEPS, self._to_parse_bytes // STEP_BYTES + 1))
        windows = windows_of(sources, left, spans, steps, self._settings.workers, self._input.window_bytes)
        self._plan, self._steps = self._plan._replace(sources=windows.sources), windows.steps
        first = self._staging.next_number
        self._batches = [Batch(first + number, work_file(first), span) for number, span in enumerate(windows.spans)]
        return PlanCounts(
            self._plan.found,
            self._listing.left_out,
            self._plan.unchanged,
            len(to_parse),
            sum(sizes),
            len(self._plan.gone),
            len(self._steps),
            self._listing.notes,
        )

    def parse(self, step: int) -> ParseCounts:
        """Parse and stage the batches of one step."""
        windows = self._steps[step] if self._steps else []
        if windows:
            self._pool.load(load_parser)
        total = ParseCounts()
        results = self._pool.map(parse_together, map(self._batch_tasks, windows))
        # Loaded while the workers parse, for what comes next here.
        for module in ("pressmark.storage.settlement", "pressmark.storage.parquet"):
            importlib.import_module(module)
        try:
            for counts in results:
                total = self._add(total, counts)
        except WorkerDiedError as died:
            for task in chain.from_iterable(died.tasks):
                total = self._add(total, self._parse_around(task))
        self._parsed[step] = total
        return total

    def settle(self) -> int:
        """Decide which partitions change; the number of merge steps."""
        if not self._all_parsed.sources and not self._plan.gone:
            return 0
        from pressmark.storage.settlement import Endings, settle_run

        if self._all_parsed.source_bytes > RENEW_BYTES:
            # Processes that parsed have no use for what they keep of it when they merge, nor has settling for them; to
            # start others takes as long as to merge what a small archive has.
            self._pool.renew()
        self._pool.load(load_merge)
        at = self._listing.committed_at or self._stamp.started_at
        self._settlement = settle_run(
            self._output,
            self._state,
            self._staging.workspace,
            self._plan.gone,
            Endings(at, self._listing.complete, self._listing.ended, self._listing.changed),
            self._stamp,
            history=self._history,
        )
        # Arrow keeps what it was given until told, and the workers can use it better now.
        pa.default_memory_pool().release_unused()
        return len(self._merge_steps())

    def merge(self, step: int) -> MergeCounts:
        """Write the next files of one step's partitions to staging."""
        numbers = self._merge_steps()[step]
        tasks = [self._merge_task(number) for number in numbers]
        results: list[MergedPartition] = []
        try:
            with self._output.store.preparing() as prepare:
                for merged in self._pool.map(merge, tasks):
                    results.append(merged)
                    self._merged[merged.number] = merged
                    for final in merged.finals:
                        prepare(final)
                    self._progress("merge", len(self._merged), len(self._work()))
        except WorkerDiedError as died:
            raise OutputError(
                f"{died} while merging", self._output.address, "nothing was published; free memory and run again"
            ) from died
        changed = [merged for merged in results if merged.finals]
        return MergeCounts(len(changed), sum(merged.file_bytes for merged in changed))

    def publish(self) -> int:
        """Replace the changed partition files and add the run's row, all or none after a kill; the number of
        partitions that changed."""
        self._pool.dismiss()
        ordered = [self._merged[number] for number in range(len(self._work()))]
        removals = [removal for merged in ordered for removal in merged.removals]
        finals = [final for merged in ordered for final in merged.finals]
        self._report = self._run_report()
        self._output.store.commit([*removals, *finals, self._staged_row(self._report)])
        return sum(bool(merged.finals) for merged in ordered)

    def report(self) -> RunReport:
        """Write what the run did and what it saw beside the tables, and give back its row."""
        if self._report is None:
            raise RuntimeError("`report` is called after `publish`")
        if self._seen is not None:
            self._seen.write()
        self._write_report(self._report)
        return self._report

    def _run_report(self) -> RunReport:
        rows = {name: self._count(name) for name in ("articles", "paragraphs", "revisions", "rejects")}
        parsed = self._all_parsed
        changed = [merged for merged in self._merged.values() if merged.finals]
        return RunReport(
            run_id=self._stamp.run_id,
            started_at=self._stamp.started_at,
            finished_at=datetime.now(UTC),
            source=str(self._settings.source),
            commit=self._listing.commit,
            committed_at=self._listing.committed_at,
            arguments=self._arguments,
            contract_version=CONTRACT_VERSION,
            parser_version=parser_version(),
            sources=self._plan.found,
            left_out=self._listing.left_out + parsed.left_out,
            unchanged=self._plan.unchanged,
            parsed=parsed.sources,
            parsed_bytes=parsed.source_bytes,
            accepted=parsed.accepted,
            rejected=parsed.sources - parsed.accepted - parsed.left_out,
            deleted=len(self._plan.gone),
            partitions_written=len(changed),
            output_bytes=sum(merged.file_bytes for merged in changed),
            **rows,
        )

    @property
    def _arguments(self) -> str:
        return self._settings.arguments(self._input, history=self._history, period=self._period)

    @property
    def _all_parsed(self) -> ParseCounts:
        return sum(self._parsed.values(), self._kept)

    def _count(self, name: str) -> int:
        """Rows of a table: those after the latest run, whose row was published with its files, and what changed."""
        work = self._work()
        changes = [merged for number, merged in self._merged.items() if work[number].table == name]
        before: int = getattr(self._last, name) if self._last is not None else 0
        return before + sum(merged.rows - merged.rows_before for merged in changes)

    def _staged_row(self, report: RunReport) -> Replacement:
        from pressmark.schemas.validation import check_rows
        from pressmark.storage.parquet import write_single

        table = TABLES["runs"]
        row = pa.Table.from_pylist([report._asdict()], schema=table.schema)
        violations = check_rows(row, table)
        if violations:
            raise ValueError(f"a row of `runs` that violates its schema: {violations}")
        staged = f"{self._staging.folder}/{report.run_id}{PART_SUFFIX}"
        with self._output.store.draft(staged) as path:
            write_single(path, row, table)
        return Replacement(staged, f"{table.name}/{report.run_id}{PART_SUFFIX}", LAST_RANK)

    def _write_report(self, report: RunReport) -> None:
        rejects = reject_lines(self._output)
        reasons = Counter(reject.reason for reject in rejects)
        first = {reject.reason: reject.source_path for reject in reversed(rejects)}
        write_report(
            self._output,
            report.run_id,
            {
                "run": report._asdict(),
                "notes": list(self._listing.notes),
                "changes": [changes._asdict() for changes in self._changes()],
                "rejects": [
                    {"reason": reason, "sources": count, "for_example": first[reason]}
                    for reason, count in reasons.most_common()
                ],
            },
        )

    def _changes(self) -> list[OutletChanges]:
        """What the run changed in articles; only partitions that it wrote can differ."""
        work = self._work()
        written = [
            (work[number].partition, merged.rows)
            for number, merged in self._merged.items()
            if work[number].table == "articles" and merged.finals
        ]
        places = {partition for partition, _ in written if partition is not None}
        if not places:
            return []
        before = self._state.current(places)
        if not before.num_rows:
            new: Counter[str] = Counter()
            for partition, rows in written:
                if partition is not None:
                    new[partition.outlet] += rows
            return [OutletChanges(outlet, new=new[outlet]) for outlet in sorted(new)]
        dropped = {one.partition: one.dropped for one in work if one.table == "articles" and one.partition is not None}
        after = read_articles(self._output, {place: dropped[place] for place in places}, self._stamp.run_id)
        known = pa.array([article_id for keys in dropped.values() for (article_id,) in keys], pa.string())
        touched = pa.concat_arrays([known, *after["article_id"].chunks])
        return differences(before.filter(pc.is_in(before["article_id"], value_set=touched)), after)

    def _merge_steps(self) -> list[range]:
        return groups(len(self._work()), min(MOST_STEPS, self._all_parsed.source_bytes // STEP_BYTES + 1))

    def _batch_tasks(self, window: range) -> tuple[BatchTask, ...]:
        return tuple(self._batch_task(batch) for batch in self._batches[window.start : window.stop])

    def _batch_task(self, batch: Batch) -> BatchTask:
        told = bool(self._plan.required) or self._input.streamed
        sources = batch_sources(self._staging.workspace, batch.work, batch.number) if told else []
        return BatchTask(
            self._staging.workspace,
            batch.work,
            batch.number,
            self._address,
            self._settings.limits,
            self._stamp,
            self._settings.wanted,
            self._plan.required.intersection(source.source_path for source in sources),
            self._period,
            contents=tuple(self._input.contents(sources, self._settings.limits)) if self._input.streamed else None,
        )

    def _merge_task(self, number: int) -> MergeTask:
        if self._settlement is None:
            raise RuntimeError("`merge` is called after `settle`")
        work = self._settlement.work[number]
        dropped = self._settlement.dropped_rejects if work.table == "rejects" else self._settlement.dropped_owners
        staged = self._settlement.staged.of(work.table, work.partition)
        stems = {name.rpartition(".")[0] for name, _ in staged}
        return MergeTask(
            number,
            self._output,
            self._staging.workspace,
            self._staging.folder,
            self._settings.part_bytes,
            work,
            staged,
            {stem: rows for stem, rows in dropped.items() if stem in stems},
        )

    def _work(self) -> list[PartitionWork]:
        return self._settlement.work if self._settlement is not None else []

    def _add(self, total: ParseCounts, counts: ParseCounts) -> ParseCounts:
        total = total + counts
        before = self._all_parsed
        done = total.sources + before.sources
        self._progress("parse", done, self._kept.sources + self._to_parse)
        return total

    def _parse_around(self, task: BatchTask) -> ParseCounts:
        """Parse a batch on which a worker died, with the sources that kill a process rejected."""
        if self._pool.survives(parse, task):
            return parse(task)
        fatal = []
        probe = self._staging.workspace.inside("probe")
        for source in batch_sources(task.workspace, task.work, task.number):
            write_batches(probe, work_file(0), [source], [range(1)])
            if not self._pool.survives(parse, task._replace(workspace=probe, work=work_file(0), number=0)):
                fatal.append((source.source_path, source.locator))
        return parse(task._replace(fatal=tuple(fatal)))


def _sizes(sources: Sequence[Source]) -> Sequence[int]:
    if isinstance(sources, Sources):
        sizes = array("q")
        for chunk in sources.column("source_bytes").chunks:
            start = chunk.offset * sizes.itemsize
            sizes.frombytes(memoryview(chunk.buffers()[1])[start : start + len(chunk) * sizes.itemsize])
        return sizes
    return [source.source_bytes for source in sources]
