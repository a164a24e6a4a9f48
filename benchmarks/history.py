"""What happens to each article of a generated archive, and in which of its commits: the plan, before any file is made.

Owns the shares of revised, deleted, renamed and copied articles, and where branches are. Does nothing itself.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Final, Literal, NamedTuple

__all__ = ["BAD", "Event", "Window", "of_thousand", "plan_events", "plan_windows"]

Kind = Literal["add", "text", "markup", "revert", "delete", "restore", "rename", "copy", "bad", "spoil", "repair"]

# Of 1,000 articles.
REVISED: Final = 60
DELETED: Final = 10
RENAMED: Final = 10
COPIED: Final = 20
FLIPPED: Final = 2
BAD: Final = 1
LEAST: Final = 2
# Between two events of an article lie up to a tenth of all commits.
REACH: Final = 10
LONGEST_CHAIN: Final = 4
FIRST_WINDOW: Final = 6
WINDOW: Final = 6
BETWEEN_WINDOWS: Final = 18
CHANGED_TWICE: Final[tuple[tuple[Kind, Kind], ...]] = (("text", "markup"), ("markup", "text"), ("text", "text"))


class Event(NamedTuple):
    """What happens to an article; `twist` asks for the rarer form of it.

    `text` and `markup` revise it, `text` with a twist gives a later header time too; `revert` takes it back to what it
    was before; `restore` brings back what was deleted, with a twist in another wording; `rename` and `copy` keep the
    bytes, with a twist only the text; `spoil` puts a bad file in the place of an article, until `repair` brings it.
    Of `bad`, a file that is none of the articles, `article` is its number among the bad ones.
    """

    kind: Kind
    article: int
    twist: bool = False


class Window(NamedTuple):
    """Commits `[start, end)` some or all of which stand on a side branch; commit `end` merges it.

    With `both`, every second one stands on the main line, and articles with odd numbers change on the side only.
    """

    start: int
    end: int
    both: bool

    def is_side(self, commit: int) -> bool:
        """Whether a commit of the window stands on the side branch."""
        return not self.both or (commit - self.start) % 2 == 1

    def allows(self, commit: int, article: int) -> bool:
        """Whether an article may change in a commit of the window: each changes on one line only."""
        return not self.both or article % 2 == int(self.is_side(commit))


def of_thousand(count: int, share: int, least: int = 0) -> int:
    """So many of `count`, rounded."""
    return max(least, round(count * share / 1000))


def plan_windows(commits: int) -> list[Window]:
    """Where side branches leave and rejoin the main line; the last commits stay on it."""
    starts = range(FIRST_WINDOW, commits - WINDOW - LONGEST_CHAIN, BETWEEN_WINDOWS)
    return [Window(start, start + WINDOW, both=number % 2 == 0) for number, start in enumerate(starts)]


def plan_events(
    random: Random, added: list[int], commits: int, *, history: bool, windows: list[Window]
) -> dict[int, list[Event]]:
    """Events by the commit they are meant for; those of one article are in the order of their commits.

    `added` holds the commit of each article. Without `history` articles and their copies are added, and nothing that
    stands is touched again.
    """
    count = len(added)
    events: dict[int, list[Event]] = defaultdict(list)
    # Articles that nothing is planned for yet and that have time left for it; the next one is drawn from the end.
    free = [article for article, commit in enumerate(added) if commit < commits - LONGEST_CHAIN]
    random.shuffle(free)

    def chain(article: int, *steps: tuple[Kind, bool]) -> None:
        first = added[article] + 1
        last = min(commits, first + max(LONGEST_CHAIN, commits // REACH) * len(steps))
        for commit, (kind, twist) in zip(sorted(random.sample(range(first, last), len(steps))), steps, strict=True):
            events[commit].append(Event(kind, article, twist))

    def drawn(share: int, least: int = 0) -> list[int]:
        return [free.pop() for _ in range(min(len(free), of_thousand(count, share, least)))]

    spoiled = drawn(0, 1) if history else []
    for article, commit in enumerate(added):
        events[commit].append(Event("spoil" if article in spoiled else "add", article))
    for article in spoiled:
        chain(article, ("repair", False))
    for number in range(len(spoiled), of_thousand(count, BAD, LEAST)):
        events[random.randrange(commits)].append(Event("bad", number))
    for number, article in enumerate(drawn(COPIED)):
        copy: tuple[Kind, bool] = ("copy", number % 2 == 1)
        if number % 3 == 0:
            events[added[article]].append(Event(copy[0], article, copy[1]))
        elif number % 4 == 2 and history:
            chain(article, copy, ("text" if number % 8 == 2 else "markup", False))
        else:
            chain(article, copy)
    if not history:
        return events
    for number, article in enumerate(drawn(REVISED)):
        again: tuple[tuple[Kind, bool], ...] = (
            (("markup", False),) * (1 + number % 20 // 10) if number % 10 == 5 else ()
        )
        # Three quarters of all revisions change markup only, so of the further ones some must change text.
        if number % 40 == 25:
            again = (("text", False), *again[1:])
        chain(article, ("text", number % 40 == 3) if number % 4 == 3 else ("markup", False), *again)
    for number, article in enumerate(drawn(DELETED, LEAST)):
        chain(article, ("delete", False), *((("restore", number % 4 == 2),) if number % 2 == 0 else ()))
    for number, article in enumerate(drawn(RENAMED, LEAST)):
        chain(article, ("rename", number % 2 == 1))
    for number, article in enumerate(drawn(FLIPPED, LEAST)):
        chain(article, ("markup" if number % 2 else "text", False), ("revert", False))
    for number, window in enumerate(windows):
        side = [commit for commit in range(window.start, window.end) if window.is_side(commit)]
        ready = [article for article in free if added[article] < window.start and window.allows(side[0], article)]
        for article, kinds in zip(ready[:LEAST], CHANGED_TWICE[number % 2 :], strict=False):
            free.remove(article)
            for commit, kind in zip(side, kinds, strict=False):
                events[commit].append(Event(kind, article))
    return events
