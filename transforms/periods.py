"""From the changes that commits made to the periods over which each content stood at its path. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Event", "Period", "Periods", "periods"]

Path = TypeVar("Path", bound=Hashable)
Content = TypeVar("Content", bound=Hashable)


class Event(NamedTuple, Generic[Path, Content]):
    """From `at` on, `content` stands at `path`, or nothing. `at` is None where it is not known since when."""

    path: Path
    at: datetime | None
    content: Content | None


class Period(NamedTuple, Generic[Path, Content]):
    """`content` stood at `path` from `valid_from` until just before `valid_to`; None where it still stands."""

    path: Path
    content: Content
    valid_from: datetime | None
    valid_to: datetime | None


class Periods(NamedTuple, Generic[Path, Content]):
    """Periods that began with these events, in the order of their ends, those that have none last; and the first
    event at each path."""

    all: list[Period[Path, Content]]
    first: Mapping[Path, datetime | None]


def periods(events: Iterable[Event[Path, Content]]) -> Periods[Path, Content]:
    """Periods from events in the order of time. What was replaced in the second in which it came has a period of no
    length; of periods that nothing tells apart but their end, the last one is kept.

    >>> from datetime import datetime
    >>> noon, night = datetime(2025, 1, 1, 12), datetime(2025, 1, 1, 23)
    >>> made = periods([Event("a.md", noon, "x"), Event("a.md", night, "y")])
    >>> [(period.content, period.valid_from.hour, period.valid_to and period.valid_to.hour) for period in made.all]
    [('x', 12, 23), ('y', 23, None)]
    """
    found: list[Period[Path, Content]] = []
    standing: dict[Path, Period[Path, Content]] = {}
    first: dict[Path, datetime | None] = {}
    for path, at, content in events:
        first.setdefault(path, at)
        before = standing.get(path)
        if before is not None:
            if before.content == content:
                continue
            found.append(standing.pop(path)._replace(valid_to=at))
        if content is not None:
            standing[path] = Period(path, content, at, None)
    distinct = {period[:3]: period for period in [*found, *standing.values()]}
    return Periods(list(distinct.values()), first)
