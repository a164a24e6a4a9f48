"""Decisions by frames are those that a plain reference takes record by record, and what the contract says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest
import reference_decisions as reference
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from reference_decisions import Found, Moment, Row

from pressmark.storage.inputs.source import listing_schema
from pressmark.transforms.revisions import (
    CATALOG,
    PARSED,
    REJECTED,
    Settled,
    decide,
    decide_rejects,
    disturbed,
    settle,
    to_hash,
)  # fmt: skip

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST = 1000
PATHS = ("a", "b", "c", "d")
ARCHIVES = ("east", "west")
BROKEN = 9


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


# Frames of records, and records of frames.


def listing_of(found: Sequence[Found]) -> pl.DataFrame:
    columns = {
        "source_path": [one.source_path for one in found], "locator": [one.source_path.encode() for one in found],
        "source_bytes": [10] * len(found), "problem": [None] * len(found),
        "valid_from": [one.valid_from for one in found], "valid_to": [one.valid_to for one in found],
        "version": [""] * len(found), "same": [one.same for one in found], "sha256": [one.sha256 for one in found],
    }  # fmt: skip
    return pl.DataFrame(columns, schema={**listing_schema(), "same": pl.Boolean(), "sha256": pl.String()})


def catalog_of(rows: Iterable[Row]) -> pl.DataFrame:
    records = [
        {**row._asdict(), "source_bytes": 10, "detail": row.reason, "outlet": "o", "period": "month=2026-01"}
        for row in sorted(rows, key=repr)
    ]
    return pl.DataFrame(records, schema=CATALOG) if records else pl.DataFrame(schema=CATALOG)


def parsed_of(rows: Sequence[Row]) -> pl.DataFrame:
    records = [
        {**row._asdict(), "outlet": "o", "period": "month=2026-01", "batch": "b", "owner": owner}
        for owner, row in enumerate(rows)
    ]
    return pl.DataFrame(records, schema=PARSED) if records else pl.DataFrame(schema=PARSED)


def rejected_of(rows: Sequence[Row]) -> pl.DataFrame:
    records = [{**row._asdict(), "detail": row.reason, "batch": "r", "owner": n} for n, row in enumerate(rows)]
    return pl.DataFrame(records, schema=REJECTED) if records else pl.DataFrame(schema=REJECTED)


def rows_of(frame: pl.DataFrame, **changes: object) -> list[Row]:
    names = [name for name in Row._fields if name in frame.columns]
    return [Row(**{"state": "", **row, **changes}) for row in frame.select(names).iter_rows(named=True)]


def settle_frames(known: Sequence[Row], parsed: Sequence[Row], rejected: Sequence[Row], moment: Moment) -> Settled:
    places = sorted(moment.replaced)
    replaced = pl.DataFrame(places, schema={"archive": pl.String, "source_path": pl.String}, orient="row")
    return settle(
        catalog_of(known), listing_of(moment.listing).drop("same", "sha256"), parsed_of(parsed), rejected_of(rejected),
        replaced, moment.ended_at, moment.started_at,
    )  # fmt: skip


def settled_rows(known: Sequence[Row], found: Settled) -> set[Row]:
    """The rows of `articles` and `revisions` after `settle`."""
    before = {row._replace(stale=False) for row in known if row.state != "rejected"}
    dropped = {row._replace(stale=False) for row in rows_of(found.dropped)}
    assert dropped <= before
    added = [*rows_of(found.current, state="current"), *rows_of(found.superseded, state="superseded")]
    assert len(set(added)) == len(added)
    assert not set(added) & (before - dropped), "a row is written that is there already"
    return (before - dropped) | set(added)


def reject_rows(
    known: Sequence[Row], parsed: Sequence[Row], rejected: Sequence[Row], gone: Sequence[Row], *, history: bool
) -> set[Row]:
    """The rows of `rejects` after `decide_rejects`."""
    catalog = catalog_of(known)
    new, dropped = decide_rejects(
        catalog, parsed_of(parsed), rejected_of(rejected), catalog_of(gone), history=history
    )  # fmt: skip
    before = {row._replace(stale=False) for row in known if row.state == "rejected"}
    kept = before - {row._replace(stale=False) for row in rows_of(dropped)}
    return kept | set(rows_of(new.drop("valid_to"), state="rejected", valid_from=None, valid_to=None))


# Generated archives: contents are numbers, of which a parser of some version makes an article or a reject.


class Parser(NamedTuple):
    version: int = 0

    def article(self, archive: str, source: Found) -> Row:
        """What becomes of a source whose content is the number in its `sha256`."""
        content = int(source.sha256 or BROKEN)
        row = Row(archive, source.source_path, source.sha256, source.valid_from, source.valid_to, "parsed")
        if content == BROKEN - self.version % 2:
            return row._replace(state="rejected", reason=f"bad {self.version}")
        # Contents 0 to 2 and 3 to 5 are two articles; 6 has no address, so that it is an article of its place.
        article = f"article {content // 3}" if content < 6 else f"{archive}:{source.source_path}"
        day = None if content == 5 else START + timedelta(days=(content + self.version) % 3 // 2)
        return row._replace(article_id=article, published_at=day, text_sha256=f"t{content // 2}")


class Archive:
    """The files of an archive over time: what each commit left, and the periods over which each file was there."""

    def __init__(self, name: str, *, commits: bool) -> None:
        self.name = name
        self.commits = commits
        self.files: dict[str, tuple[int, datetime | None]] = {}
        self.ended: list[Found] = []

    def change(self, kind: str, path: str, other: str, content: int, now: datetime) -> None:
        when = now if self.commits else None
        if kind == "write" or path not in self.files:
            self._end(path, now)
            self.files[path] = (content, when)
        elif kind == "copy" and path != other:
            self._end(other, now)
            self.files[other] = (self.files[path][0], when)
        elif kind in ("rename", "move") and path != other:
            was = self.files[path]
            self._end(other, now)
            # Of two files that came to a path at one moment, nothing tells which one it is that moved.
            if kind == "rename" or any((one.source_path, one.valid_from) == (path, was[1]) for one in self.ended):
                self._end(path, now)
                was = (was[0], when)
            # What moved unchanged goes on as one source at its later path.
            self.files.pop(path, None)
            self.files[other] = was
        elif kind == "delete":
            self._end(path, now)
        elif kind == "branch" and self.commits:
            # Came on a branch, and was replaced by the merge at the same moment.
            self._end(path, now)
            self.ended.append(Found(path, str(content), now, now))
            self.files[path] = ((content + 1) % 10, now)

    def _end(self, path: str, now: datetime) -> None:
        content, since = self.files.pop(path, (0, None))
        if since is not None:
            self.ended.append(Found(path, str(content), since, now))

    def listing(self) -> list[Found]:
        standing = [Found(path, str(content), since, None) for path, (content, since) in self.files.items()]
        every = {(one.source_path, one.sha256, one.valid_from): one for one in (*self.ended, *standing)}
        return sorted(every.values(), key=lambda one: (one.source_path, one.valid_from or START, one.valid_to is None))


CHANGES = st.tuples(
    st.sampled_from(("write", "write", "copy", "rename", "move", "delete", "branch")), st.sampled_from(PATHS),
    st.sampled_from(PATHS), st.integers(0, BROKEN),
)  # fmt: skip
RUNS = st.tuples(
    st.integers(0, 1), st.lists(CHANGES, max_size=4), st.sampled_from((None, None, None, 0, 1, 2)),
    st.sampled_from((True, True, False)), st.integers(0, 3), st.integers(1, 3),
)  # fmt: skip


class Output:
    """What a product's run over frames makes of its catalog; each of its decisions is held against the reference."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.seen: dict[str, set[Found]] = {}

    def run(
        self, archive: Archive, parser: Parser, now: datetime, *, history: bool, deletes: bool,
        limit: int | None = None, rounds: int = 1,
    ) -> None:  # fmt: skip
        listing = archive.listing()
        considered = [one for one in listing if history or one.valid_to is None]
        seen = self.seen.get(archive.name, set())
        found = [one._replace(same=one in seen, sha256=None) for one in considered]
        own = [row for row in self.rows if row.archive == archive.name]
        hashed = set(rows_paths(to_hash(listing_of(found), catalog_of(own))))
        assert hashed == {one.source_path for one in found if not one.same} & {row.source_path for row in own}
        found = [
            one._replace(sha256=real.sha256 if one.source_path in hashed and not one.same else None)
            for one, real in zip(found, considered, strict=True)
        ]
        decision = decide(
            listing_of(found), catalog_of(self.rows), archive.name, deletes=deletes, most_bytes=MOST
        )  # fmt: skip
        numbers, gone = reference.decide(found, self.rows, archive.name, deletes=deletes)
        assert {row.key for row in rows_of(decision.gone)} == gone
        chosen = {(one.source_path, one.valid_from, one.valid_to) for one in (found[n] for n in numbers)}
        assert set(decision.parse.select("source_path", "valid_from", "valid_to").iter_rows()) == chosen
        assert decision.unchanged == len(found) - len(numbers)
        parse = [one for one in considered if (one.source_path, one.valid_from, one.valid_to) in chosen]
        known_paths = {row.source_path for row in own}
        assert set(rows_paths(decision.parse.filter(required=True))) == known_paths & {one.source_path for one in parse}
        parse.sort(key=lambda one: one.source_path not in known_paths)
        if limit is not None:
            required = sum(one.source_path in known_paths for one in parse)
            parse = parse[: required + limit]
        left = [row for row in self.rows if row.key in gone]
        for number in range(rounds):
            some = parse[len(parse) * number // rounds : len(parse) * (number + 1) // rounds]
            self._settle(archive, [parser.article(archive.name, one) for one in some], listing, now, left, history)
            left = []
        self.seen[archive.name] = set(considered) if limit is None else set()

    def _settle(
        self, archive: Archive, read: list[Row], listing: list[Found], now: datetime, gone: list[Row], history: bool
    ) -> None:
        parsed = [row for row in read if row.state == "parsed"]
        rejected = [row for row in read if row.state == "rejected"]
        replaced = {row.place for row in read if row.live} | {row.place for row in gone}
        moment = Moment(listing, replaced, now, now)
        made = settle_frames(self.rows, parsed, rejected, moment)
        found = settled_rows(self.rows, made)
        assert found == reference.settle(self.rows, parsed, rejected, moment)
        for other in disturbed(catalog_of(self.rows), made, archive.name):
            self.seen.pop(other, None)
        own = [row for row in self.rows if row.archive == archive.name]
        rejects = reject_rows(own, parsed, rejected, gone, history=history)
        assert rejects == reference.settle_rejects(own, parsed, rejected, gone, history=history)
        others = [row for row in self.rows if row.state == "rejected" and row.archive != archive.name]
        stale = {row.key for row in self.rows if row.stale} - {row.key for row in read}
        self.rows = [row._replace(stale=row.key in stale) for row in (*found, *rejects)] + others

    def check(self) -> None:
        """Of each article at most one row is current, and no source has two rows that live."""
        current = [row.article_id for row in self.rows if row.state == "current"]
        assert len(current) == len(set(current))
        keys = [row.key for row in self.rows if row.state != "rejected"]
        assert len(keys) == len(set(keys))
        live = [row.place for row in self.rows if row.live]
        assert len(live) == len(set(live)) or any(row.state == "rejected" for row in self.rows)


def rows_paths(frame: pl.DataFrame) -> list[str]:
    return frame["source_path"].to_list()


@pytest.mark.slow
@pytest.mark.parametrize("commits", [False, True], ids=["folders", "repositories"])
@settings(max_examples=15, phases=[Phase.explicit, Phase.generate, Phase.shrink])
# What another parser refuses has moved since it was parsed.
@example(
    [(0, [("write", "a", "a", BROKEN - 1)], None, True, 0, 1), (0, [("move", "a", "b", 0)], None, True, 3, 1)], True
)
@given(st.lists(RUNS, min_size=1, max_size=4), st.booleans())
def test_decisions_are_those_of_the_reference(
    commits: bool, runs: list[tuple[int, list[tuple[str, str, str, int]], int | None, bool, int, int]], history: bool
) -> None:
    history = history and commits
    archives = [Archive(name, commits=commits) for name in ARCHIVES]
    output, parser = Output(), Parser()
    for hours, (which, changes, limit, deletes, version, rounds) in enumerate(runs, 1):
        for minutes, change in enumerate(changes):
            archives[which].change(*change, at(hours) + timedelta(minutes=minutes))
        if version == 3:
            parser = Parser(parser.version + 1)
            output.rows = [row._replace(stale=True) for row in output.rows]
            output.seen.clear()
        output.run(
            archives[which], parser, at(hours) + timedelta(minutes=30), history=history, deletes=deletes or commits,
            limit=limit, rounds=rounds,
        )  # fmt: skip
        output.check()
    # A run over all of each archive leaves each source in exactly one table, and nothing of what is gone; the second
    # brings back what an article has in the one archive, where the other has lost it.
    for archive in (*archives, *archives):
        output.run(archive, parser, at(100), history=history, deletes=True)
    for archive in archives:
        live = sorted(row.place for row in output.rows if row.archive == archive.name and row.live
                      and (row.state != "rejected" or row.source_path in archive.files))  # fmt: skip
        rejected = {(row.source_path, row.source_sha256) for row in output.rows if row.state == "rejected"}
        standing = sorted((archive.name, path) for path in archive.files)
        if not history:
            assert live == standing
        for one in archive.listing() if history else ():
            stood = [row for row in output.rows if row.archive == archive.name and row.state != "rejected"
                     and row.key[1:] == (one.source_path, one.sha256, one.valid_from)]  # fmt: skip
            assert len(stood) == 1 or (one.source_path, one.sha256) in rejected
    articles = {row.article_id for row in output.rows if row.live and row.article_id}
    assert articles == {row.article_id for row in output.rows if row.state == "current"}
    if not history:
        return
    # Law 6: the history in one run gives the rows of many runs.
    once = Output()
    for archive in archives:
        once.run(archive, parser, at(100), history=True, deletes=True)
    found, expected = ({row._replace(stale=False) for row in one.rows} for one in (output, once))
    # A reject that moved may also stay at a path that it left, where the path had other contents.
    assert expected <= found
    assert {row.state for row in found - expected} <= {"rejected"}


# What the contract says in words.


def row(path: str, content: str, day: int | None = 1, *, text: str | None = None, **fields: object) -> Row:
    published_at = None if day is None else at(24 * day)
    values = {"valid_from": None, "valid_to": None, "state": "parsed", "article_id": "x", **fields}
    return Row("east", path, content, published_at=published_at, text_sha256=text or content, **values)  # type: ignore[arg-type]


def settled(*parsed: Row) -> dict[str, tuple[str, str | None, str | None]]:
    """By content: state, superseded by, change."""
    found = settled_rows([], settle_frames([], parsed, [], Moment([], set(), at(1000), at(999))))
    assert len(found) == len(parsed)
    return {str(one.source_sha256): (one.state, one.superseded_by, one.change) for one in found}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (row("b", "1", 1), row("a", "2", 2)), (row("a", "1", 1), row("b", "2", 1)),
        (row("b", "1", None), row("a", "2", 1)), (row("a", "1", None), row("b", "2", None)),
        (row("Z", "1"), row("a", "2")), (row("a", "1"), row("a/b", "2")),
        (row("\uffff", "1"), row("\U00010000", "2")),
        (row("b", "1", valid_from=at(1)), row("a", "2", valid_from=at(2))),
        (row("b", "1"), row("a", "2", valid_from=at(2))),
    ],
    ids=["later time", "greater path", "any time", "greater path without time", "case", "longer path", "code points",
         "later commit before path", "a commit after none"],
)  # fmt: skip
def test_current_is_the_latest_then_the_greatest_path_in_code_point_order(older: Row, newer: Row) -> None:
    expected = {"1": ("superseded", "2", "text"), "2": ("current", None, None)}
    assert settled(older, newer) == settled(newer, older) == expected


def test_what_ended_is_superseded_by_what_came_at_its_path_then_by_what_came_then() -> None:
    early, middle, late = at(1), at(2), at(3)
    first, second = row("a", "1", valid_from=early, valid_to=middle), row("a", "2", valid_from=middle, valid_to=late)
    third, other = row("a", "3", valid_from=late), row("b", "4", valid_from=middle)
    assert settled(third, first, other, second) == {
        "1": ("superseded", "2", "text"), "2": ("superseded", "3", "text"), "3": ("current", None, None),
        "4": ("superseded", "3", "text"),
    }  # fmt: skip
    renamed, deleted = row("a", "1", valid_from=early, valid_to=middle), row("b", "5", valid_from=middle, valid_to=late)
    assert settled(renamed, deleted) == {"1": ("superseded", "5", "text"), "5": ("superseded", None, None)}
    # What came before, and stands, does not take the place of what is deleted.
    assert settled(row("b", "1", valid_from=early, valid_to=late), row("a", "2", valid_from=middle))["1"] == (
        "superseded", None, None
    )  # fmt: skip
    # What a branch brought was superseded by what the merge took.
    on_branch, merged = row("a", "2", valid_from=middle, valid_to=middle), row("a", "3", valid_from=middle)
    assert settled(first, on_branch, merged)["1"] == settled(first, on_branch, merged)["2"] == (
        "superseded", "3", "text"
    )  # fmt: skip
