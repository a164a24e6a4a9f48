"""A run: its steps in their order (discover, plan, for each round parse, settle, merge, publish, and report), and what
passes between them. Knows no Prefect and prints nothing; `flows/ingest.py` makes tasks of the steps."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.schemas import OF_ARTICLES, OF_RUNS
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.batches import Batch, ParseCounts, Parsed, cut_batches, parse_batch, seconds_of, split_batch
from pressmark.storage.copies import keep_clusters
from pressmark.storage.description import describe
from pressmark.storage.inputs.opening import look_at, open_input, parse_address
from pressmark.storage.inputs.source import LISTING, Input, Listing, Request, sources_of
from pressmark.storage.inputs.warc import Payload
from pressmark.storage.output.partitions import Merged, Staging, merge, open_staging
from pressmark.storage.output.state import (
    STANDING,
    Catalog,
    Roots,
    Seen,
    SeenBefore,
    read_catalog,
    row_counts,
    what_is_missed,
)
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output
from pressmark.storage.pool import Pool, open_pool
from pressmark.storage.queries import reject_lines
from pressmark.storage.runs import (
    Facts,
    IngestPlan,
    RunReport,
    behind,
    carried_runs,
    last_runs,
    new_stamp,
    part_of,
    rounds_of,
    settled_facts,
    write_report,
    write_run,
)
from pressmark.storage.search_index import keep_index
from pressmark.storage.settings import IngestSettings, configured
from pressmark.storage.settlement import Round, Settlement, settle_round
from pressmark.storage.versions import parser_version
from pressmark.transforms.records import Reject, Stamp
from pressmark.transforms.revisions import CATALOG, Decision, decide, to_hash
from pressmark.transforms.selection import forgotten_in

__all__ = ["MergeCounts", "Progress", "Run", "ingest", "open_run", "plan_ingest", "run_steps"]

log = logging.getLogger(__name__)

PROGRESS_EVERY: Final = 500
SMALL_BYTES: Final = 1 << 20
# A file that is larger than this is slow to rewrite, and readers hold more of it than they want.
LARGE_FILE_BYTES: Final = 256 << 20
# Workers that parsed so much hold as much again as those that merge need, such as what tells languages.
RENEWED_BYTES: Final = 64 << 20
KINDS: Final = ("new", "text", "markup", "deleted", "redated")


class MergeCounts(NamedTuple):
    """Files that a merge wrote or found to remove, and the bytes of those written."""

    partitions: int
    file_bytes: int


def ingest(
    source: Any = "seeds", output: Any = "output", *, progress: Progress | None = None, **options: Any
) -> RunReport:
    """Ingest an archive into an output folder; the run's row in `runs`.

    `options` are the fields of `IngestSettings`, such as `archive`, `workers` or `history`. `progress` is called with a
    step's name, how much is done, and how much there is (0: unknown). Raises `PressmarkError` where the run can't be
    done; bad sources never raise.
    """
    settings = IngestSettings(source=source, output=output, **options)
    with open_run(settings, new_stamp(), progress or (lambda *_: None)) as run:
        return run_steps(run)


def run_steps(run: Run) -> RunReport:
    """Carry out all steps of a run."""
    run.discover()
    for number in range(run.plan().rounds):
        run.parse(number)
        run.settle(number)
        run.merge(number)
        run.publish(number)
    return run.report()


@contextlib.contextmanager
def open_run(settings: IngestSettings, stamp: Stamp, progress: Progress) -> Iterator[Run]:
    """A run that holds the output's lock, after what a killed run left is completed or cleared."""
    settings = configured(settings)
    output = Output(settings.output, settings.single_writer)
    # Before anything is written: a lock in a folder that was named by mistake makes it an output.
    look_at(parse_address(settings.source), output.folder)
    with (
        open_pool(settings.workers, settings.dask) as pool,
        output.store.writing(stamp.run_id, progress),
        open_staging(output, stamp.run_id, shared=settings.dask is not None) as staging,
    ):
        yield Run(settings, stamp, output, progress, pool, staging)


def plan_ingest(settings: IngestSettings, stamp: Stamp, progress: Progress) -> IngestPlan:
    """What a run would do. Writes nothing and takes no lock, so it may see an output while that changes."""
    settings = configured(settings)
    output = Output(settings.output, settings.single_writer)
    look_at(parse_address(settings.source), output.folder)
    run = Run(settings, stamp, output, progress, Pool(None, 1, ()), Staging("", "", ""))
    run.discover()
    return run.plan()


class Run:
    """One run. A step that failed before `publish` may be repeated."""

    def __init__(
        self, settings: IngestSettings, stamp: Stamp, output: Output, progress: Progress, pool: Pool, staging: Staging
    ) -> None:
        self._settings = settings
        self._output = output
        self._progress = progress
        self._pool = pool
        self._staging = staging
        self._runs = last_runs(output)
        self._stamp = behind(self._runs, stamp)
        self._counts = {name: getattr(self._runs[0], name) if self._runs else 0 for name in OF_RUNS}
        self._facts: Facts
        self._input: Input
        self._listing: Listing
        self._seen: SeenBefore | None = None
        self._decision: Decision
        self._remarks: list[str] = []
        self._rounds: list[pl.DataFrame] = []
        self._parsed: list[Parsed] = []
        self._settlement: Settlement | None = None
        self._merged: list[Merged] = []
        self._total = ParseCounts()
        self._written = MergeCounts(0, 0)
        self._roots = Roots(output)
        self._digests: dict[str, bytes | None] = {}
        self._changes: dict[str, Counter[str]] = {}
        self._report: RunReport | None = None

    def discover(self) -> int:
        """List the input; the number of sources found."""
        address = parse_address(self._settings.source)._replace(trusted=self._settings.trust_repository)
        self._input = open_input(address, self._settings.budget, self._settings.keys)
        self._facts = settled_facts(self._settings, self._output, self._runs, address, self._input)
        facts = self._facts
        older = next((run.archive for run in self._runs if run.contract_version != CONTRACT_VERSION), facts.archive)
        self._output = self._output._replace(older_archive=older)
        seen = Seen(self._output)
        self._seen = seen.of(facts.archive, facts.seen_facts)
        if self._runs and not seen.believed:
            # Somebody may have removed files; of media nothing else tells that there were some.
            before, self._counts = self._counts, row_counts(self._output)
            if self._counts["media"] < before["media"]:
                self._facts = facts._replace(reread=True)
        self._listing = self._input.listing(
            Request(
                self._settings.selection, self._output.folder, None if self._seen is None else self._seen.before,
                facts.history, facts.moves, lambda count: self._progress("discover", count, 0),
            )
        )  # fmt: skip
        return self._considered.height

    def plan(self) -> IngestPlan:
        """Compare what was found with what is published."""
        self._decision = self._decide()
        parse = self._decision.parse
        self._rounds = rounds_of(parse, streamed=self._input.streamed)
        # The rounds have all of it.
        self._decision = self._decision._replace(parse=parse.clear())
        return IngestPlan(
            self._facts.archive, self._considered.height, self._listing.left_out, self._decision.unchanged,
            parse.height, int(parse["source_bytes"].sum() or 0), self._decision.gone.height, len(self._rounds),
            self._notes,
        )  # fmt: skip

    def parse(self, number: int) -> ParseCounts:
        """Parse and stage the sources of a round."""
        self._parsed = []
        counts = ParseCounts()
        batches = self._batches(number, self._rounds[number])
        for parsed in self._pool.map(parse_batch, batches, split_batch, seconds=seconds_of):
            self._parsed.append(parsed)
            counts += parsed.counts
            self._progress("parse", self._total.sources + counts.sources, self._to_parse)
        self._parsed.sort(key=lambda parsed: parsed.name)
        if counts.source_bytes > RENEWED_BYTES:
            self._pool.renew()
        return counts

    def settle(self, number: int) -> int:
        """Decide which revisions are current; the number of files that change."""
        gone = self._decision.gone if number == 0 else self._decision.gone.clear()
        last = number == len(self._rounds) - 1
        carried = self._catalog.outdated or (last and self._catalog.mixed)
        if not self._parsed and not gone.height and not carried:
            self._settlement = None
            return 0
        ended_at = self._listing.committed_at or self._stamp.started_at
        facts = self._facts
        now = Round(self._parsed, gone, self._listing.frame, ended_at, facts.archive, facts.history, last)
        self._settlement = settle_round(
            self._output, self._staging, self._catalog, now, self._stamp, buckets=facts.buckets,
            workers=1 if self._small else self._pool.workers,
        )  # fmt: skip
        return sum(len(task.works) for task in self._settlement.tasks)

    def merge(self, number: int) -> MergeCounts:
        """Write the next files of a round to staging."""
        del number
        tasks = [] if self._settlement is None else self._settlement.tasks
        tasks = [one._replace(records=self._roots.known(one.parts, self._digests)) for one in tasks]
        total = sum(len(task.works) for task in tasks)
        self._merged = []
        for files in self._pool.map(merge, tasks, small=self._small):
            self._merged += files
            self._progress("merge", len(self._merged), total)
        for one in self._changed:
            if one.file_bytes > LARGE_FILE_BYTES:
                log.warning(
                    "`%s` has %d MB, which is slow to rewrite: ingest into a new output with `--partition day` or "
                    "`--buckets`", one.finals[0].target, one.file_bytes >> 20,
                )  # fmt: skip
        return MergeCounts(len(self._changed), sum(merged.file_bytes for merged in self._changed))

    def publish(self, number: int) -> int:
        """Replace the files that changed and the run's row, all or none after a kill; the number of files."""
        last = number == len(self._rounds) - 1
        steps = [step for merged in self._merged for step in (*merged.removals, *merged.finals)]
        steps.sort(key=lambda step: step.rank)
        changed = self._changed
        file_bytes = self._written.file_bytes + sum(merged.file_bytes for merged in changed)
        self._written = MergeCounts(self._written.partitions + len(changed), file_bytes)
        for merged in self._merged:
            self._counts[merged.work.table] += merged.rows - merged.rows_before
            self._digests |= merged.becomes
        self._total = sum((parsed.counts for parsed in self._parsed), self._total)
        seen = Seen(self._output)
        self._report = self._run_report(self._roots.root(self._digests) if last else None, unfinished=not last)
        seen.begin()
        staged = f"{self._staging.drafts}/{self._stamp.run_id}-{number}.parquet"
        runs = [] if number else carried_runs(self._output, self._runs, self._staging.drafts)
        self._output.store.commit([*steps, *runs, write_run(self._output, staged, self._report)])
        self._roots.write()
        if self._settlement is not None:
            seen.forget(self._settlement.disturbed)
            for row in self._settlement.changes.iter_rows(named=True):
                self._changes.setdefault(row["outlet"], Counter()).update({kind: row[kind] for kind in KINDS})
        self._remember(seen, last=last)
        self._after(last=last)
        return len(changed)

    def report(self) -> RunReport:
        """Write what the run did, and what the output is, beside the tables, and give back the run's row."""
        if self._report is None:
            raise RuntimeError("`report` is called after `publish`")
        rejects = reject_lines(self._output)
        found = Counter(reject.reason for reject in rejects).most_common()
        first = {reject.reason: reject.source_path for reject in reversed(rejects)}
        changes = [{"outlet": one, **{kind: of[kind] for kind in KINDS}} for one, of in sorted(self._changes.items())]
        content = {
            "run": self._report._asdict(), "notes": list(self._notes), "changes": changes,
            "doubts": [
                {"doubt": doubt, "articles": count, "of": self._total.accepted, "for_example": list(paths)}
                for doubt, (count, paths) in sorted(self._total.doubts.items())
            ],
            "left_out": list(self._listing.not_taken),
            "rejects": [{"reason": one, "sources": count, "for_example": first[one]} for one, count in found],
        }  # fmt: skip
        write_report(self._output, self._report.run_id, content)
        keep_index(self._output)
        keep_clusters(self._output)
        describe(self._output, self._report)
        return self._report

    @property
    def _notes(self) -> tuple[str, ...]:
        return (*self._listing.notes, *self._remarks)

    @property
    def _to_parse(self) -> int:
        return sum(len(sources) for sources in self._rounds)

    @property
    def _changed(self) -> list[Merged]:
        return [merged for merged in self._merged if merged.finals]

    @property
    def _small(self) -> bool:
        """Whether this round is done before workers would have started."""
        return sum(parsed.counts.source_bytes for parsed in self._parsed) < SMALL_BYTES

    @property
    def _considered(self) -> pl.DataFrame:
        frame = self._listing.frame
        return frame if self._facts.history else frame.filter(STANDING)

    @property
    def _catalog(self) -> Catalog:
        if self._known is None:
            self._known = read_catalog(self._output, self._facts.archive)
            if self._facts.reread:
                mine = pl.col("archive") == self._facts.archive
                self._known = self._known._replace(frame=self._known.frame.with_columns(stale=pl.col("stale") | mine))
        return self._known

    _known: Catalog | None = None

    def _decide(self) -> Decision:
        rows = self._considered
        listing = rows.with_columns(same=pl.lit(value=False))
        if self._seen is not None:
            # Of these, the latest run saw the very bytes.
            key = ["source_path", "valid_from", "valid_to", "version"]
            before = self._seen.frame.filter(pl.col("version") != "").select(key).with_columns(same=pl.lit(value=True))
            listing = rows.join(before.unique(), on=key, how="left", nulls_equal=True, maintain_order="left")
            listing = listing.with_columns(pl.col("same").fill_null(value=False))
            considered = self._seen.frame if self._facts.history else self._seen.frame.filter(STANDING)
            if listing["same"].all() and listing.height == considered.height:
                self._known = Catalog(pl.DataFrame(schema=CATALOG), set(), set())
                nothing = listing.clear().with_columns(required=pl.lit(value=False))
                return Decision(nothing, pl.DataFrame(schema=CATALOG), listing.height)
        catalog = self._catalog.frame
        listing = listing.with_columns(sha256=pl.lit(None, pl.String))
        listing = self._hashed(listing, to_hash(listing, catalog.filter(pl.col("archive") == self._facts.archive)))
        # What the selection does not take is not missed.
        taken = pl.Series(self._settings.selection.taken(catalog["source_path"].to_arrow()), dtype=pl.Boolean)
        known = catalog.filter(taken | (pl.col("archive") != self._facts.archive))
        decision = decide(
            listing, known, self._facts.archive, deletes=self._facts.deletes,
            most_bytes=self._settings.limits.source_bytes,
        )  # fmt: skip
        mine = known.filter(pl.col("archive") == self._facts.archive)
        told, deletes = self._settings.sync is not None, self._facts.deletes
        if not self._settings.all_gone and (decision.gone.height or not deletes):
            self._remarks = what_is_missed(self._listing.frame, mine, self._output, deletes=deletes, told=told)
        return decision._replace(parse=part_of(decision.parse, self._settings.limit))

    def _hashed(self, listing: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        if not rows.height:
            return listing
        found: dict[tuple[str, str], str | None] = {}
        sources = sources_of(rows.select(list(LISTING)))
        for done, (source, data) in enumerate(self._input.contents(sources, self._settings.limits), 1):
            sha256 = data.source_sha256 if isinstance(data, Reject) else hashlib.sha256(data).hexdigest()
            # What a record says beside its payload is in no hash that the output has.
            found[source.source_path, source.locator] = "" if isinstance(data, Payload) else sha256
            if done % PROGRESS_EVERY == 0:
                self._progress("compare", done, len(sources))
        hashes = pl.DataFrame(
            [(path, locator.encode("utf-8", "surrogateescape"), sha256) for (path, locator), sha256 in found.items()],
            schema={"source_path": pl.String, "locator": pl.Binary, "sha256": pl.String}, orient="row",
        )  # fmt: skip
        return listing.drop("sha256").join(hashes, on=["source_path", "locator"], how="left", maintain_order="left")

    def _batches(self, number: int, rows: pl.DataFrame) -> Iterator[Batch]:
        sources = sources_of(rows.select(list(LISTING)))
        required = rows["required"].to_list()
        sizes = [source.source_bytes for source in sources]
        forgotten = forgotten_in(self._catalog.frame) if sources else {}
        for position, span in enumerate(cut_batches(sizes, self._pool.workers)):
            some = tuple(sources[span.start : span.stop])
            kept = [source.source_path for source, asked in zip(some, required[span.start :], strict=False) if asked]
            yield Batch(
                f"{number:04d}-{position:06d}", self._facts.address, self._facts.archive, self._staging,
                self._settings, self._stamp, self._facts.partition, some, frozenset(kept),
                contents=tuple(self._input.contents(some, self._settings.limits)) if self._input.streamed else None,
                forgotten=forgotten,
            )  # fmt: skip

    def _run_report(self, root: str | None, *, unfinished: bool) -> RunReport:
        total = self._total
        return RunReport(
            run_id=self._stamp.run_id,
            archive=self._facts.archive,
            started_at=self._stamp.started_at,
            finished_at=max(datetime.now(UTC), self._stamp.started_at),
            source=self._settings.source,
            commit=self._listing.commit,
            committed_at=self._listing.committed_at,
            arguments=json.dumps(
                {**self._facts.arguments, **({**self._facts.read_before, "unfinished": True} if unfinished else {})},
                sort_keys=True,
            ),
            contract_version=CONTRACT_VERSION,
            parser_version=parser_version(),
            sources=self._considered.height,
            left_out=self._listing.left_out + total.left_out,
            unchanged=self._decision.unchanged,
            parsed=total.sources,
            parsed_bytes=total.source_bytes,
            accepted=total.accepted,
            rejected=total.sources - total.accepted - total.left_out,
            deleted=self._decision.gone.height,
            partitions_written=self._written.partitions,
            output_bytes=self._written.file_bytes,
            root=root,
            **self._counts,
        )

    def _remember(self, seen: Seen, *, last: bool) -> None:
        """Write down what the run saw, once all of it is published; a run for a part has not looked at all."""
        facts, listing = self._facts, self._listing
        if not last or not self._settings.wanted.everything:
            seen.forget((facts.archive,))
        elif self._seen is None or self._to_parse or self._decision.gone.height or self._moved:
            seen.write(facts.archive, facts.seen_facts, listing.frame, listing.kept, listing.commit)
        seen.finish()

    @property
    def _moved(self) -> bool:
        """Whether what the input lists differs from what the latest run saw, though no source does."""
        seen = self._seen
        return seen is None or seen.before.commit != self._listing.commit or not seen.frame.equals(self._listing.frame)

    def _after(self, *, last: bool) -> None:
        """Free what a round has taken, and look at the tables anew for the next one."""
        self._staging.remove([
            f"{parsed.name}.{table}" for parsed in self._parsed for table in (*OF_ARTICLES, "rejects")
        ])  # fmt: skip
        self._parsed, self._settlement, self._merged = [], None, []
        if not last:
            self._known = None
