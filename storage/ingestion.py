"""The steps of a run over one output folder; each hands on counts and leaves what it made in staging.

Knows no Prefect and prints nothing. `flows/job.py` puts the steps in order.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from schemas import TABLES
from schemas.contract import CONTRACT_VERSION
from storage.errors import OutputError
from storage.inputs.opening import Address, open_input, parse_address
from storage.inputs.source import Input, Listing
from storage.layout import Output
from storage.lock import exclusive
from storage.overview import reject_lines
from storage.planning import Plan, Settings, plan_sources, request_for
from storage.publish import Replacement, commit, complete_interrupted
from storage.reports import write_report
from storage.runs import LastRun, read_last_run
from storage.state import empty_state, read_articles, read_state, rows_in
from storage.versions import load_outlets, parser_version
from storage.work import (
    BatchTask,
    MergedPartition,
    MergeTask,
    ParseCounts,
    PartitionWork,
    batch_sources,
    merge,
    parse,
    write_batches,
)
from storage.workers import WorkerDiedError, Workers
from transforms.difference import ArticleState, OutletChanges, differences
from transforms.plan import batches, groups
from transforms.records import Stamp

if TYPE_CHECKING:
    from storage.settlement import Settlement

__all__ = [
    "Ingestion",
    "MergeCounts",
    "PlanCounts",
    "Progress",
    "RunReport",
    "open_ingestion",
    "plan_ingest",
]

# A step of the flow is worth seconds, and a run of any size has fewer than 200 of them.
STEP_BYTES: Final = 64 << 20
MOST_STEPS: Final = 90

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


@dataclass(frozen=True, slots=True)
class RunReport:
    """The run's row in `runs`."""

    run_id: str
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
    revisions: int
    rejects: int
    partitions_written: int
    output_bytes: int


@contextlib.contextmanager
def open_ingestion(settings: Settings, stamp: Stamp, progress: Progress) -> Iterator[Ingestion]:
    """A run that holds the output's lock, after what a killed run left is completed or cleared.

    `progress` is called with a step's name, how much is done, and how much there is to do.
    """
    output = Output(settings.output)
    with exclusive(output, stamp.run_id), Workers(settings.workers) as workers:
        complete_interrupted(output)
        output.clear_staging()
        staging = output.staging(stamp.run_id)
        staging.mkdir(parents=True)
        try:
            yield Ingestion(settings, stamp, output, workers, progress)
        finally:
            # With a journal there, the next run completes this one and needs what is staged.
            if not output.journal.exists():
                shutil.rmtree(staging, ignore_errors=True)


def plan_ingest(settings: Settings, stamp: Stamp, progress: Progress) -> PlanCounts:
    """What a run would do. Writes nothing and takes no lock, so it may see an output while that changes."""
    run = Ingestion(settings, stamp, Output(settings.output), Workers(1), progress)
    run.discover()
    return run.compare()


class Ingestion:
    """One run. Steps are called in the order `discover, plan, parse, settle, merge, publish, report`; `parse` and
    `merge` once for each of the steps that `plan` and `settle` name. Repeating a step gives the same result."""

    def __init__(self, settings: Settings, stamp: Stamp, output: Output, workers: Workers, progress: Progress) -> None:
        self._settings = settings
        self._stamp = stamp
        self._output = output
        self._staging = output.staging(stamp.run_id)
        self._workers = workers
        self._progress = progress
        self._last: LastRun | None = None
        self._listing = Listing([])
        self._history = settings.history
        self._state = empty_state()
        self._plan = Plan([], [], 0, 0)
        self._batches: list[range] = []
        self._parsed: dict[int, ParseCounts] = {}
        self._settlement: Settlement | None = None
        self._merged: dict[int, MergedPartition] = {}

    @cached_property
    def _address(self) -> Address:
        return parse_address(str(self._settings.source))

    @cached_property
    def _input(self) -> Input:
        return open_input(self._address, self._settings.archive_limits)

    def discover(self) -> int:
        """List the input; the number of sources found."""
        self._last = read_last_run(self._output)
        request = request_for(
            self._settings,
            self._address,
            self._input,
            self._last,
            lambda count: self._progress("discover", count, 0),
        )
        self._history = request.history
        self._listing = self._input.listing(request)
        return len(self._listing.sources)

    def plan(self) -> PlanCounts:
        """Compare what was found with what is published, and write down the batches to parse."""
        counts = self.compare()
        write_batches(self._staging / "work.arrow", self._plan.sources, self._batches)
        return counts

    def compare(self) -> PlanCounts:
        """Compare what was found with what is published; writes nothing."""
        self._state = read_state(self._output)
        self._plan = plan_sources(
            self._settings,
            self._input,
            self._listing,
            self._state,
            self._last,
            lambda done, total: self._progress("compare", done, total),
            history=self._history,
        )
        sizes = [source.source_bytes for source in self._plan.sources]
        self._batches = batches(sizes, self._settings.workers)
        return PlanCounts(
            self._plan.found,
            self._listing.left_out,
            self._plan.unchanged,
            len(sizes),
            sum(sizes),
            len(self._plan.gone),
            len(self._parse_steps()),
            self._listing.notes,
        )

    def parse(self, step: int) -> ParseCounts:
        """Parse and stage the batches of one step."""
        numbers = self._parse_steps()[step]
        tasks = map(self._batch_task, numbers)
        if numbers:
            # Loaded once, here, for all workers that are forked from this process.
            importlib.import_module("storage.batches")
            load_outlets()
        total = ParseCounts(0, 0, 0, {})
        results = self._workers.map(parse, tasks)
        # Loaded while the workers parse, for what comes next here and in the workers that merge.
        for module in ("storage.settlement", "storage.partitions"):
            importlib.import_module(module)
        try:
            for counts in results:
                total = self._add(total, counts)
        except WorkerDiedError as died:
            for task in died.tasks:
                total = self._add(total, self._parse_around(task))
        self._parsed[step] = total
        return total

    def settle(self) -> int:
        """Decide which partitions change; the number of merge steps."""
        from storage.settlement import Endings, settle_run

        at = self._listing.committed_at or self._stamp.started_at
        self._settlement = settle_run(
            self._output,
            self._state,
            self._staging,
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
        try:
            results = list(self._workers.map(merge, tasks))
        except WorkerDiedError as died:
            raise OutputError(
                f"{died} while merging", self._output.root, "nothing was published; free memory and run again"
            ) from died
        self._merged.update((merged.number, merged) for merged in results)
        self._progress("merge", len(self._merged), len(self._work()))
        changed = [merged for merged in results if merged.final is not None]
        return MergeCounts(len(changed), sum(merged.file_bytes for merged in changed))

    def publish(self) -> int:
        """Replace the changed partition files, all or none after a kill; the number of files touched."""
        ordered = [self._merged[number] for number in range(len(self._work()))]
        removals = [merged.removal for merged in ordered if merged.removal is not None]
        finals = [merged.final for merged in ordered if merged.final is not None]
        if removals or finals:
            commit(self._output, removals + finals)
        return len(finals)

    def report(self) -> RunReport:
        """Write the run's row, and give it back."""
        rows = {name: self._count(name) for name in ("articles", "paragraphs", "revisions", "rejects")}
        parsed = sum(self._parsed.values(), ParseCounts(0, 0, 0, {}))
        changed = [merged for merged in self._merged.values() if merged.final is not None]
        report = RunReport(
            run_id=self._stamp.run_id,
            started_at=self._stamp.started_at,
            finished_at=datetime.now(UTC),
            source=str(self._settings.source),
            commit=self._listing.commit,
            committed_at=self._listing.committed_at,
            arguments=self._settings.arguments(self._input, history=self._history),
            contract_version=CONTRACT_VERSION,
            parser_version=parser_version(),
            sources=self._plan.found,
            left_out=self._listing.left_out,
            unchanged=self._plan.unchanged,
            parsed=parsed.sources,
            parsed_bytes=parsed.source_bytes,
            accepted=parsed.accepted,
            rejected=parsed.sources - parsed.accepted,
            deleted=len(self._plan.gone),
            partitions_written=len(changed),
            output_bytes=sum(merged.file_bytes for merged in changed),
            **rows,
        )
        self._publish_report(report)
        self._write_report(report)
        return report

    def _count(self, name: str) -> int:
        """Rows of a table: as merged where its partitions were, else from their files' footers."""
        work = self._work()
        merged = {
            work[number].partition: merged.rows for number, merged in self._merged.items() if work[number].table == name
        }
        parts = self._output.parts(TABLES[name])
        return sum(merged[place] if place in merged else rows_in(path) for place, path in parts)

    def _publish_report(self, report: RunReport) -> None:
        from schemas.validation import check_rows
        from storage.merge import write_single

        table = TABLES["runs"]
        row = pa.Table.from_pylist([asdict(report)], schema=table.schema)
        violations = check_rows(row, table)
        if violations:
            raise ValueError(f"a row of `runs` that violates its schema: {violations}")
        staged = self._staging / f"{report.run_id}.parquet"
        write_single(staged, row, table)
        target = self._output.table_folder(table) / staged.name
        root = self._output.root
        commit(self._output, [Replacement(str(staged.relative_to(root)), str(target.relative_to(root)))])

    def _write_report(self, report: RunReport) -> None:
        rejects = reject_lines(self._output)
        reasons = Counter(reject.reason for reject in rejects)
        first = {reject.reason: reject.source_path for reject in reversed(rejects)}
        write_report(
            self._output,
            report.run_id,
            {
                "run": asdict(report),
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
            if work[number].table == "articles" and merged.final is not None
        ]
        places = {partition for partition, _ in written if partition is not None}
        before = {
            row.article_id: ArticleState(row.outlet, row.source_sha256, row.text_sha256, row.published_at)
            for row in self._state.current(places)
        }
        if not before:
            new: Counter[str] = Counter()
            for partition, rows in written:
                if partition is not None:
                    new[partition.outlet] += rows
            return [OutletChanges(outlet, new=new[outlet]) for outlet in sorted(new)]
        return differences(before, read_articles(self._output, places))

    def _parse_steps(self) -> list[range]:
        total = sum(source.source_bytes for source in self._plan.sources)
        return groups(len(self._batches), min(MOST_STEPS, total // STEP_BYTES + 1))

    def _merge_steps(self) -> list[range]:
        staged_bytes = sum(counts.source_bytes for counts in self._parsed.values())
        return groups(len(self._work()), min(MOST_STEPS, staged_bytes // STEP_BYTES + 1))

    def _batch_task(self, number: int) -> BatchTask:
        contents = None
        if self._input.streamed:
            sources = [self._plan.sources[position] for position in self._batches[number]]
            contents = tuple(self._input.contents(sources, self._settings.limits))
        work = self._staging / "work.arrow"
        return BatchTask(work, number, self._address, self._settings.limits, self._stamp, contents=contents)

    def _merge_task(self, number: int) -> MergeTask:
        if self._settlement is None:
            raise RuntimeError("`merge` is called after `settle`")
        work = self._settlement.work[number]
        dropped = self._settlement.dropped_rejects if work.table == "rejects" else self._settlement.dropped_owners
        return MergeTask(number, self._output, self._staging, work, dict(dropped))

    def _work(self) -> list[PartitionWork]:
        return self._settlement.work if self._settlement is not None else []

    def _add(self, total: ParseCounts, counts: ParseCounts) -> ParseCounts:
        total = total + counts
        done = total.sources + sum(parsed.sources for parsed in self._parsed.values())
        self._progress("parse", done, len(self._plan.sources))
        return total

    def _parse_around(self, task: BatchTask) -> ParseCounts:
        """Parse a batch on which a worker died, with the sources that kill a process rejected."""
        if self._workers.survives(parse, task):
            return parse(task)
        fatal = []
        for source in batch_sources(task.work, task.number):
            probe = self._staging / "probe" / "work.arrow"
            probe.parent.mkdir(exist_ok=True)
            write_batches(probe, [source], [range(1)])
            if not self._workers.survives(parse, task._replace(work=probe, number=0)):
                fatal.append((source.source_path, source.locator))
        return parse(task._replace(fatal=tuple(fatal)))
