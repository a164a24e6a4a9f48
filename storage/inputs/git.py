"""A git repository, bare or not: the files of a commit, and of those before it, without a checkout. The states that the
archive had are those of the chain of first parents. A merge brings what it merges at its own time; what was committed
on a branch and never was in a state of the chain has a period of no length.

An event says that from a commit on there is something at a path, or nothing; a period, from which commit until just
before which one a content was there. `position` is a commit's place in the order of commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.repository import WHOLE, Commit, Git, opened
from pressmark.storage.inputs.source import (
    LINK_PROBLEM,
    LISTING,
    Before,
    Input,
    Listing,
    Request,
    Source,
    listing_of,
    listing_schema,
    named,
    path_of,
    source_paths,
)
from pressmark.transforms.records import Limits, Reject

__all__ = ["GitRepository", "continued", "distinct", "joined", "periods"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_S: Final = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp())
WRAPPED_S: Final = 1 << 63
REGULAR: Final = 0o100000
PROBLEMS: Final = {0o120000: LINK_PROBLEM, 0o160000: "a submodule is not read; ingest its own repository"}
UNKNOWN: Final = "an entry of a kind that git does not know; see `git fsck`"

IS_FILE: Final = pl.col("kind") == REGULAR
LASTS: Final = pl.col("ended").is_null()
CONTENT: Final = ("kind", "locator")
EVENTS: Final = ("name", "position", "valid_from", *CONTENT)
# What a listing keeps for the next one, beside `LISTING`: all periods before any are selected or joined. Positions
# count from the commit that was listed, which has 0.
KEPT: Final = listing_schema() | {
    "name": pl.Binary(), "kind": pl.Int32(), "position": pl.Int64(), "ended": pl.Int64(), "deleted": pl.Boolean(),
}  # fmt: skip
PERIODS: Final = (*EVENTS, "valid_to", "ended", "deleted")
SIZES: Final = ("locator", "source_bytes", "problem")


class GitRepository(Input):
    """The repository at `path` as `ref` (HEAD by default) has it, below the folder `subdir`."""

    deletes = True

    def __init__(self, path: Path, ref: str | None, subdir: str, budget: Budget, *, trusted: bool = False) -> None:
        self._path = path
        self._budget = budget
        self._trusted = trusted
        self._ref = ref or "HEAD"
        self._subdir = subdir

    def listing(self, request: Request) -> Listing:
        git = opened(self._path, trusted=self._trusted)
        head = git.commit_of(self._ref)
        if self._subdir and git.kind_of(f"{head}:{self._subdir}") != "tree":
            raise InputError(f"commit {head} has no folder `{self._subdir}`", self._path, "name one that it has")
        line = git.commits(head, "--first-parent")
        known, start, notes = self._known(git, line, request.before)
        times = _times(line, known, start, shallow=git.is_shallow)
        if request.history and git.is_shallow and not start and not notes:
            before = f"what was before {line[0].id[:12]} is not known"
            notes.append(f"this is a shallow clone: {before}; `git fetch --unshallow` gets it")
        rows = known.select(PERIODS)
        if start < len(line):
            rows = self._walked(git, line, start, rows, times, request)
        rows = _described(rows, git, known)
        produced = int(rows.unique("locator")["source_bytes"].sum())
        # Of a repository no ratio is known: what its packs hold is made of what they held before.
        self._budget.check(produced, produced, self._path)
        missing = rows.filter(LASTS & IS_FILE & pl.col("problem").is_not_null())
        if git.is_partial and len(missing):
            notes.append(f"this is a partial clone: {len(missing)} files are not in it; {WHOLE}")
        rows = _with_paths(rows, history=request.history)
        frame = joined(rows, CONTENT) if request.history and not request.moves else rows
        # Links and submodules that ended had no bytes of their own.
        frame = distinct(frame.filter(LASTS | IS_FILE), CONTENT)
        kept = rows.select(*KEPT).with_columns(pl.col("position", "ended") - (len(line) - 1))
        found = listing_of(frame.select(*LISTING), request.selection)
        return Listing(found.frame, kept, found.left_out, head, times[-1], (*notes, *found.notes), found.not_taken)

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        asked = []
        for source in sources:
            if source.problem is not None:
                yield source, source.unreadable(source.problem)
            elif source.is_beyond(limits):
                yield source, source.too_large(source.source_bytes, limits)
            else:
                asked.append(source)
        yield from opened(self._path, trusted=self._trusted).contents(asked, limits)

    def _known(self, git: Git, line: list[Commit], before: Before | None) -> tuple[pl.DataFrame, int, list[str]]:
        """What an earlier listing kept, positions counted from the start of the line; the first position after it;
        notes."""
        nothing = pl.DataFrame(schema=KEPT)
        if before is None or before.commit is None or before.frame.columns != list(KEPT):
            return nothing, 0, []
        for at in range(len(line) - 1, -1, -1):
            if line[at].id == before.commit:
                return before.frame.with_columns(pl.col("position", "ended") + at), at + 1, []
        lost = git.kind_of(before.commit) is None
        why = "is not in the repository any more" if lost else "is not among those that led here"
        shallow = "; this is a shallow clone" if git.is_shallow else ""
        commit = f"the commit of the latest run, {before.commit[:12]}, {why}{shallow}"
        return nothing, 0, [f"{commit}: all files are compared by their hashes"]

    def _walked(
        self,
        git: Git,
        line: list[Commit],
        start: int,
        known: pl.DataFrame,
        times: list[datetime | None],
        request: Request,
    ) -> pl.DataFrame:
        pairs = [(line[at].id, line[at - 1].id if at else None) for at in range(start, len(line))]
        changes = git.changes(pairs, self._subdir, self._budget, request.progress)
        if changes.select("pair", "name").is_duplicated().any():
            raise git.corrupt("an entry of a folder: its name is there twice")
        at = pl.Series("valid_from", times, KEPT["valid_from"])
        events = changes.with_columns(position=pl.col("pair") + start)
        events = events.with_columns(at.gather(events["position"])).drop("pair")
        rows = continued(known, events.select(*EVENTS), CONTENT)
        beside = self._beside(git, line, start, rows, request)
        beside = beside.with_columns(at.gather(beside["position"])).with_columns(
            valid_to="valid_from", ended="position", deleted=pl.lit(value=False)
        )
        # Of rows with one beginning, those that lasted come last, and are the ones that `distinct` leaves.
        rows = pl.concat([beside.select(*PERIODS), rows.select(*PERIODS)])
        return rows.sort("name", "position", "ended", *CONTENT, nulls_last=True)

    def _beside(
        self, git: Git, line: list[Commit], start: int, periods: pl.DataFrame, request: Request
    ) -> pl.DataFrame:
        """What was committed on branches and is not what their merge has, with the merge's position. A merge on the
        branch itself brings only what none of its parents has."""
        pairs: list[tuple[str, str | None]] = []
        facts: list[tuple[int, str, int, int]] = []
        if any(len(commit.parents) > 1 for commit in line[start:]):
            parents = {commit.id: commit.parents for commit in git.commits(line[-1].id)}
            seen: set[str] = set()
            for position, commit in enumerate(line):
                seen.add(commit.id)
                ahead = commit.parents[1:]
                while ahead:
                    side = ahead.pop()
                    if side in seen:
                        continue
                    seen.add(side)
                    ahead += parents[side]
                    before: list[str | None] = [*parents[side]] or [None]
                    for parent in before if position >= start else ():
                        facts.append((len(pairs), side, position, len(before)))
                        pairs.append((side, parent))
        changes = git.changes(pairs, self._subdir, self._budget, request.progress).filter(pl.col("kind").is_not_null())
        schema = {"pair": pl.Int64, "commit": pl.String, "position": pl.Int64, "parents": pl.Int64}
        commits = pl.DataFrame(facts, schema=schema, orient="row")
        found = changes.join(commits, on="pair").group_by("commit", "position", "parents", "name", *CONTENT).len()
        found = found.filter(pl.col("len") == pl.col("parents")).sort("position", "name", *CONTENT)
        found = found.unique(["position", "name", "locator"], keep="first", maintain_order=True)
        spans = periods.select("name", "locator", "ended", began="position")
        had = found.join(spans, on=["name", "locator"]).filter(
            (pl.col("began") <= pl.col("position")) & (LASTS | (pl.col("ended") > pl.col("position")))
        )
        return found.join(had, on=["position", "name", "locator"], how="anti")


def _times(line: list[Commit], known: pl.DataFrame, start: int, *, shallow: bool) -> list[datetime | None]:
    """The time of each commit of a line. It never goes back, whatever the clocks of those who committed said; None
    where a shallow clone ends, as what is there came at some time before."""
    at = EPOCH
    times: list[datetime | None] = []
    for position, commit in enumerate(line):
        # Git gives a time before 1970 as one that wrapped around.
        at = max(at, EPOCH + timedelta(seconds=min(commit.seconds, LATEST_S) if commit.seconds < WRAPPED_S else 0))
        if position == start - 1:
            # A clone may have become shallower since.
            at = max(at, known.select(pl.max_horizontal(pl.col("valid_from", "valid_to").max())).item() or EPOCH)
        times.append(None if shallow and position == 0 else at)
    return times


def _described(rows: pl.DataFrame, git: Git, known: pl.DataFrame) -> pl.DataFrame:
    """Rows with size, problem and version of what is at their names; sizes that are known are not asked for."""
    sizes = known.filter(IS_FILE & pl.col("problem").is_null()).select(SIZES).unique("locator")
    asked = rows.filter(IS_FILE).select("locator").unique(maintain_order=True).join(sizes, on="locator", how="anti")
    sizes = pl.concat([sizes, git.sizes(asked["locator"].to_list())])
    rows = rows.join(sizes, on="locator", how="left", maintain_order="left")
    other = pl.col("kind").replace_strict(PROBLEMS, default=UNKNOWN)
    rows = rows.with_columns(
        source_bytes=pl.when(IS_FILE).then("source_bytes").otherwise(0),
        problem=pl.when(IS_FILE).then("problem").otherwise(other),
    )
    # Whether a missing object is back is asked anew, and then there is another version.
    missing = IS_FILE & pl.col("problem").is_not_null()
    return rows.with_columns(version=pl.when(missing).then(pl.lit("")).otherwise(pl.col("locator").cast(pl.String)))


def _with_paths(rows: pl.DataFrame, *, history: bool) -> pl.DataFrame:
    """Rows with the `source_path` of their names, which depends on what other names are listed."""
    raw = rows.filter(LASTS | (IS_FILE & history))["name"].unique(maintain_order=True).to_list()
    paths = dict(zip(raw, source_paths([named(name) for name in raw]), strict=True))
    found = {name: paths.get(name) or path_of(named(name)) for name in rows["name"].unique(maintain_order=True)}
    schema = {"name": pl.Binary, "source_path": pl.String}
    names = pl.DataFrame(list(found.items()), schema=schema, orient="row")
    return rows.join(names, on="name", how="left", maintain_order="left")


def periods(events: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """Periods of the events, in the order of `name` and `position`.

    Events have `name`, `position` (no two at one name are equal), `valid_from` (the commit's time, null where nobody
    knows it), and the columns `content`, the first of which is null where the commit left nothing at the name. Periods
    have the events' columns and `valid_to`, `ended` (time and position of the event that ended it, null where it lasts)
    and `deleted`: whether that event left nothing.

    >>> events = {"name": ["a", "a"], "position": [0, 1], "valid_from": [12, 23], "blob": ["x", "y"]}
    >>> periods(pl.DataFrame(events), ["blob"]).select("blob", "valid_from", "valid_to").rows()
    [('x', 12, 23), ('y', 23, None)]
    """
    events = events.sort("name", "position")
    repeats = [pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("name", *content)]
    # The first row has no row before it; a null is not its content.
    events = events.filter(~pl.all_horizontal(repeats) | (pl.int_range(pl.len()) == 0))
    followed = pl.col("name") == pl.col("name").shift(-1)
    return events.with_columns(
        pl.when(followed).then(pl.col("valid_from").shift(-1)).alias("valid_to"),
        pl.when(followed).then(pl.col("position").shift(-1)).alias("ended"),
        (followed & pl.col(content[0]).shift(-1).is_null()).fill_null(value=False).alias("deleted"),
    ).filter(pl.col(content[0]).is_not_null())


def continued(before: pl.DataFrame, events: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """`periods` of all events, from the periods of the earlier ones and the later events."""
    lasting = before.filter(pl.col("ended").is_null())
    later = periods(pl.concat([lasting.select(events.columns), events]), content)
    return pl.concat([before.filter(pl.col("ended").is_not_null()), later.select(before.columns)]).sort(
        "name", "position"
    )


def joined(rows: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """The same periods, those of a file that moved unchanged as one at its last name, from the first one's beginning.

    A file moved where a commit deleted it and began the same content at another name. Of several such files the first
    ones by name belong together.
    """
    rows = rows.sort("name", "position").with_row_index("row")
    keys = [*content, "position"]
    left = rows.filter("deleted").select("row", *content, position="ended").sort(*keys, "row")
    # What was on a branch only ended where it began, and nothing moved there.
    lasted = pl.col("ended").is_null() | (pl.col("ended") > pl.col("position"))
    came = rows.filter(lasted).select("row", *content, "position").sort(*keys, "row")
    numbered = pl.int_range(pl.len()).over(keys).alias("number")
    moves = left.with_columns(numbered).join(
        came.with_columns(numbered), on=[*keys, "number"], how="inner", nulls_equal=True, suffix="_after"
    )
    first = list(range(len(rows)))
    for row, after in moves.sort("position").select("row", "row_after").iter_rows():
        first[after] = first[row]
    beginnings = [rows[name].gather(first) for name in ("position", "valid_from")]
    return rows.with_columns(beginnings).filter(~pl.col("row").is_in(moves["row"].implode())).drop("row")


def distinct(rows: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """The last of the rows that have the same `name`, `valid_from` and content: commits of one second may leave
    several."""
    return rows.unique(["name", "valid_from", *content], keep="last", maintain_order=True)
