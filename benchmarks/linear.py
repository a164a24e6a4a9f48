"""`make linear`: a search for inputs that take more than linear time, at every door.

Short pieces made of a door's marks are repeated until the input has some size; where twice of it takes more than three
times as long, the piece is made as small as it goes and printed. Nothing here is a list of known cases: pieces are
drawn, in the shapes in which repetition hurts (the same again, opened and then closed, one mark before many others).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.hostile import DOORS, outcome_of
from benchmarks.packed import PACKED_DOORS

__all__ = ["Case", "main", "search"]

# Each piece is tried at the first size and at four times of it; one that takes more than six times as long there, and
# some others, at the second size and twice of that.
FIRST_BYTES: Final = 16 << 10
SECOND_BYTES: Final = 512 << 10
SUSPECT: Final = 6.0
LOOKED_AT_ANYWAY: Final = 0.02
RATIO: Final = 3.0
FLOOR_S: Final = 0.08
LONGEST_S: Final = 20.0
SHAPES: Final = ("same", "nested", "after")


class Case(NamedTuple):
    """A piece that is repeated: `first` before, or as often before as `again` follows, or not at all."""

    door: str
    shape: str
    first: tuple[bytes, ...]
    again: tuple[bytes, ...]

    def data(self, start: bytes, end: bytes, size: int) -> bytes:
        """An input of about so many bytes."""
        again, first = b"".join(self.again), b"".join(self.first)
        each = len(again) + (len(first) if self.shape == "nested" else 0)
        count = max(size // each, 1)
        before = _repeated(first, count if self.shape == "nested" else 1 if self.shape == "after" else 0)
        return start + before + _repeated(again, count) + end


def _repeated(piece: bytes, count: int) -> bytes:
    if b"{i}" not in piece:
        return piece * count
    return b"".join([piece.replace(b"{i}", b"%d" % i) for i in range(count)])


class Way(NamedTuple):
    """A door as the search needs it."""

    name: str
    marks: tuple[bytes, ...]
    start: bytes
    end: bytes
    run: Callable[[bytes], object]


def ways() -> list[Way]:
    """All doors: of sources, and of what holds many."""
    sources = [
        Way(door.name, tuple([mark.encode() for mark in door.marks]), door.start, door.end, outcome_of)
        for door in DOORS
    ]
    return sources + [Way(door.name, door.marks, b"", b"", door.listed) for door in PACKED_DOORS if door.marks]


def search(seconds: float, seed: int, only: str = "") -> tuple[dict[str, int], list[str]]:
    """Pieces tried by door, and a line for each that takes more than linear time."""
    chance = random.Random(seed)
    doors = [way for way in ways() if only in way.name]
    tried = {way.name: 0 for way in doors}
    found: list[str] = []
    known: set[tuple[object, ...]] = set()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for way in doors:
            case = _drawn(way, chance)
            tried[way.name] += 1
            once, more = (_time(way, case, size) for size in (FIRST_BYTES, 4 * FIRST_BYTES))
            if more < SUSPECT * once and chance.random() > LOOKED_AT_ANYWAY:
                continue
            if not _is_steep(way, case):
                continue
            case = _smallest(way, case)
            if (key := (way.name, *sorted({*case.first, *case.again}))) in known:
                continue
            known.add(key)
            once, twice = (_time(way, case, size) for size in (SECOND_BYTES, 2 * SECOND_BYTES))
            if twice < RATIO * once and twice < LONGEST_S:
                continue
            found.append(f"{case}: {SECOND_BYTES >> 10} KiB {once:.2f} s, twice of it {twice:.2f} s")
            print(found[-1], flush=True)
            if time.monotonic() > until:
                break
    return tried, found


def _drawn(way: Way, chance: random.Random) -> Case:
    first, again = ([chance.choice(way.marks) for _ in range(chance.choice((1, 1, 2, 3, 4)))] for _ in range(2))
    shape = chance.choice(SHAPES)
    return Case(way.name, shape, tuple(first) if shape != "same" else (), tuple(again))


def _time(way: Way, case: Case, size: int) -> float:
    data = case.data(way.start, way.end, size)
    start = time.process_time()
    way.run(data)
    return time.process_time() - start


def _is_steep(way: Way, case: Case) -> bool:
    """Whether twice the input takes more than `RATIO` times as long, also when it is measured again."""
    size = FIRST_BYTES
    once = _time(way, case, size)
    # What is slow already is not made larger.
    while size < SECOND_BYTES and once < 1:
        size *= 2
        once = _time(way, case, size)
    for _ in range(2):
        twice = _time(way, case, 2 * size)
        if twice < FLOOR_S or twice < RATIO * min(once, _time(way, case, size)):
            return False
        if twice > LONGEST_S:
            return True
    return True


def _smallest(way: Way, case: Case) -> Case:
    """The case without the marks that it is as steep without."""
    goes_on = True
    while goes_on:
        goes_on = False
        smaller = [case._replace(shape="same", first=())] if case.first else []
        for name in ("first", "again"):
            marks = getattr(case, name)
            smaller += [
                case._replace(**{name: marks[:i] + marks[i + 1 :]}) for i in range(len(marks)) if len(marks) > 1
            ]
        for one in smaller:
            if _is_steep(way, one):
                case, goes_on = one, True
                break
    return case


def main() -> int:
    """Search for some seconds; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--door", default="", help="only doors whose name holds this")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    tried, found = search(given.seconds, given.seed, given.door)
    print(f"{sum(tried.values())} pieces, each up to {2 * SECOND_BYTES >> 10} KiB: " +
          ", ".join(f"{name} {count}" for name, count in tried.items()))  # fmt: skip
    print(f"{len(found)} take more than linear time")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
