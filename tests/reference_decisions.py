"""What a run decides, one record after another: what the frames of `transforms/revisions.py` are held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Place = tuple[str, str]
Key = tuple[str, str, str | None, datetime | None]


class Row(NamedTuple):
    """A row of the catalog, or a source that was parsed (`state` is `parsed`); its archive and path are its place."""

    archive: str
    source_path: str
    source_sha256: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    state: str
    article_id: str | None = None
    published_at: datetime | None = None
    text_sha256: str | None = None
    superseded_by: str | None = None
    change: str | None = None
    stale: bool = False
    reason: str | None = None
    came_at: datetime | None = None

    @property
    def place(self) -> Place:
        return self.archive, self.source_path

    @property
    def key(self) -> Key:
        return *self.place, self.source_sha256, self.valid_from

    @property
    def live(self) -> bool:
        return self.valid_to is None


class Found(NamedTuple):
    """A row of the listing; `sha256` is None where the bytes can't be read, or where nobody looked."""

    source_path: str
    sha256: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    same: bool = False


def decide(found: Sequence[Found], known: Sequence[Row], archive: str, *, deletes: bool) -> tuple[set[int], set[Key]]:
    """Positions to parse, and keys of the rows whose files are gone."""
    rows: dict[str, list[Row]] = {}
    for row in known:
        if row.archive == archive:
            rows.setdefault(row.source_path, []).append(row)
    standing = {source.source_path for source in found if source.valid_to is None}
    seen = {source.source_path for source in found}
    latest: dict[str | None, Row] = {}
    for row in known:
        if row.state != "rejected" and row.live:
            latest[row.article_id] = max(latest.get(row.article_id, row), row, key=_rank)
    # Another archive's run left these without their latest source as the current one.
    lost = {row.article_id for row in latest.values() if row.state != "current"}
    parse, gone = set(), set()  # type: ignore[var-annotated]
    for position, source in enumerate(found):
        before = rows.get(source.source_path, [])
        if any(_same(source, row) for row in before):
            continue
        parse.add(position)
        if source.valid_to is None:
            lost.update(row.article_id for row in before if row.state == "current")
    for path in rows.keys() - standing if deletes else ():
        ends = [row for row in rows[path] if row.live and (row.state != "rejected" or path not in seen)]
        gone.update(row.key for row in ends)
        lost.update(row.article_id for row in ends if row.state == "current")
    heirs = {
        path for path, here in rows.items() for row in here
        if row.state == "superseded" and row.live and row.article_id in lost
    }  # fmt: skip
    parse.update(p for p, source in enumerate(found) if source.valid_to is None and source.source_path in heirs)
    return parse, gone


def _same(source: Found, row: Row) -> bool:
    if row.stale or not (source.same or row.source_sha256 == source.sha256):
        return False
    return row.state == "rejected" or (row.valid_from, row.valid_to) == (source.valid_from, source.valid_to)


class Moment(NamedTuple):
    """What a round of a run knows: the listing, the places whose files were read again or are gone, and its times."""

    listing: Sequence[Found]
    replaced: set[Place]
    ended_at: datetime
    started_at: datetime


def settle(known: Iterable[Row], parsed: Sequence[Row], rejected: Sequence[Row], moment: Moment) -> set[Row]:
    """The rows of `articles` and `revisions` after a round."""
    rows = [row for row in known if row.state != "rejected"]
    listed = {(one.source_path, one.valid_from) for one in moment.listing}
    keys = {row.key for row in parsed}
    # What another parser refuses never was an article.
    refused = {(*row.place, row.source_sha256) for row in rejected}
    keys |= {row.key for row in rows if (*row.place, row.source_sha256) in refused}
    # What moved unchanged goes on at its later path.
    keys |= {
        row.key for row in rows for one in (*parsed, *rejected)
        if row.valid_from and (row.source_path, row.valid_from) not in listed
        and (row.archive, row.source_sha256, row.valid_from) == (one.archive, one.source_sha256, one.valid_from)
    }  # fmt: skip
    touched = {row.article_id for row in parsed}
    touched |= {row.article_id for row in rows if (row.live and row.place in moment.replaced) or row.key in keys}
    settled = {row for row in rows if row.article_id not in touched}
    for article_id in touched:
        before = [row for row in rows if row.article_id == article_id]
        again = {row.key for row in before if row.live}
        members = [
            # What is only parsed again came before.
            row._replace(came_at=row.valid_from if row.key in again else row.valid_from or moment.started_at)
            for row in parsed if row.article_id == article_id
        ]  # fmt: skip
        for row in before:
            if row.key in keys:
                continue
            row = row._replace(came_at=row.valid_from)
            if not row.live or row.place not in moment.replaced:
                members.append(row)
            elif not _repeated(row, parsed, moment.listing):
                members.append(row._replace(valid_to=_end(row, moment), superseded_by=None, change=None))
        settled |= _settle_article(members)
    return {row._replace(came_at=None, stale=False) for row in settled}


def _settle_article(members: list[Row]) -> set[Row]:
    ended = [row for row in members if not row.live]
    live = [row for row in members if row.live]
    settled = set()
    for row in ended:
        newer = _successor(row, members)
        # What ended before stays as it is, unless what came in its place is only known now.
        settled.add(row if newer is None and row.state == "superseded" and row.superseded_by else _after(row, newer))
    able = [row for row in live if row.state in ("current", "parsed")]
    if not able:
        return settled | set(live)
    current = max(able, key=_rank)
    chain = [*sorted((row for row in live if row is not current), key=_rank), current]
    settled.update(_after(older, newer) for older, newer in pairwise(chain))
    settled.add(current._replace(state="current"))
    return settled


def _repeated(row: Row, parsed: Sequence[Row], listing: Sequence[Found]) -> bool:
    """Whether a source did not end but is listed in another way now, and was parsed."""
    if any((one.source_path, one.valid_from) == (row.source_path, row.valid_from) for one in listing):
        return False
    return any(one.live and (one.place, one.source_sha256) == (row.place, row.source_sha256) for one in parsed)


def _end(row: Row, moment: Moment) -> datetime:
    """When a file was replaced or deleted."""
    here = [one for one in moment.listing if one.source_path == row.source_path]
    ends = [one.valid_to for one in here if one.valid_from == row.valid_from and one.valid_to is not None]
    times = [time for one in here for time in (one.valid_from, one.valid_to) if time is not None]
    return max(ends or times, default=moment.ended_at)


def _rank(row: Row) -> tuple[Any, ...]:
    return row.published_at or EARLIEST, row.valid_from or EARLIEST, row.source_path, row.archive


def _successor(ended: Row, members: Sequence[Row]) -> Row | None:
    followers = [other for other in members if other is not ended and other.came_at == ended.valid_to]
    if ended.came_at == ended.valid_to:
        own = (*_rank(ended), ended.source_sha256)
        followers = [
            other
            for other in followers
            if other.valid_to != ended.valid_to or (*_rank(other), other.source_sha256) > own
        ]
    return max(
        followers, default=None, key=lambda other: (other.place == ended.place, other.valid_to or LATEST, _rank(other))
    )


def _after(older: Row, newer: Row | None) -> Row:
    if newer is None:
        return older._replace(state="superseded", superseded_by=None, change=None)
    same_text = older.text_sha256 == newer.text_sha256
    change = "copy" if older.source_sha256 == newer.source_sha256 else "markup" if same_text else "text"
    return older._replace(state="superseded", superseded_by=newer.source_sha256, change=change)


def settle_rejects(
    known: Iterable[Row], parsed: Sequence[Row], rejected: Sequence[Row], gone: Sequence[Row], *, history: bool
) -> set[Row]:
    """The rows of `rejects` after a round."""
    before = {(*row.place, row.source_sha256): row for row in known if row.state == "rejected"}
    new = {(*row.place, row.source_sha256): row for row in reversed(rejected)}
    read = {(*row.place, row.source_sha256) for row in parsed}
    replaced = {row.place for row in (*parsed, *rejected) if row.live} | {row.place for row in gone}
    # Of a history, a reject goes when no file ever was at its path.
    never = {(*row.place, row.source_sha256) for row in gone if row.state == "rejected"}
    left = {
        key for key in before.keys() - new.keys()
        if key in read | never or (key[:2] in replaced and (not history or key[2] is None))
    }  # fmt: skip
    kept = {key: row for key, row in before.items() if key not in left}
    return {
        row._replace(valid_from=None, valid_to=None, state="rejected", stale=False) for row in (kept | new).values()
    }
