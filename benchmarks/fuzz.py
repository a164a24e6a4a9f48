"""`make fuzz`: mutated sources, records, members and git objects at every door, with the contract's laws for a judge.

Whatever comes in, an article comes out that obeys laws 1 to 4 and 7, or a reject; of an archive as a whole, each listed
source has one outcome, or there is an error with a remedy. A finding is made smaller and saved to a folder. Inputs
follow from the seed and the number of the round, so that a finding can be made again.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.hostile import DOORS, Finding, findings_of, outcome_of
from benchmarks.packed import PACKED_DOORS, PackedDoor
from pressmark.transforms.records import Article, Reject

__all__ = ["Report", "campaign", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
# Rows of so many articles are made at once; of a git repository, whose program starts several times, one in so many.
AT_ONCE: Final = 64
GIT_EVERY: Final = 40
LONGEST: Final = 1_500
BROKEN_SHARE: Final = 0.1
# On a machine that does something else, too.
SLOW_S: Final = 10.0
NUMBERS: Final = (b"0", b"-1", b"1", b"255", b"65535", b"4294967295", b"18446744073709551616", b"99999999999999999999")
SMALLER_TRIES: Final = 400


class Report(NamedTuple):
    """Inputs by door, articles and rejects by reason among them, and what was found."""

    inputs: Counter[str]
    outcomes: Counter[str]
    findings: list[Finding]


def campaign(seconds: float, seed: int, corpus: Path | None = None, only: str = "", rounds: float = math.inf) -> Report:
    """Mutate inputs for some seconds or rounds. Seeds are the fictional sources of this tree, and files of `corpus`."""
    report = Report(Counter(), Counter(), [])
    sources = _sources(corpus)
    until = time.monotonic() + seconds
    number = 0
    while number < rounds and time.monotonic() < until:
        chance = random.Random(f"{seed}-{number}")
        for door in DOORS:
            if only in door.name:
                seeds = [one for one in sources if door.start[:4] in one] or sources
                marks = [mark.replace("{i}", "7").encode() for mark in door.marks]
                made = [_drawn(door.start, marks, door.end, seeds, chance) for _ in range(AT_ONCE)]
                _judge(door.name, made, report)
        for packed in PACKED_DOORS:
            if only in packed.name and (packed.file != "git" or number % GIT_EVERY == 0):
                _judge_packed(packed, _packed(packed, chance), report)
        number += 1
    return report


def _sources(corpus: Path | None) -> list[bytes]:
    paths = [path for path in sorted((ROOT / "seeds").rglob("*.*")) if path.is_file()]
    if corpus is not None:
        found = [path for path in sorted(corpus.rglob("*.*")) if path.is_file()]
        paths += found[:: max(len(found) // 2000, 1)]
    return [path.read_bytes() for path in paths]


def _drawn(start: bytes, marks: Sequence[bytes], end: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """An input for a door: marks alone, or a source that is mutated with them."""
    if chance.random() < 0.5:
        return start + b"".join(chance.choices(marks, k=chance.randrange(1, 40))) + end
    return _mutated(_short(chance.choice(seeds), chance), marks, seeds, chance)


def _packed(door: PackedDoor, chance: random.Random) -> bytes:
    marks = [mark.replace(b"{i}", b"7") for mark in door.marks]
    return _mutated(chance.choice(door.examples), marks, door.examples, chance, text=False)


def _short(data: bytes, chance: random.Random) -> bytes:
    """The start of a source and some part of the rest."""
    if len(data) <= LONGEST or chance.random() < 0.05:
        return data
    place = chance.randrange(300, len(data))
    return data[:300] + data[place : place + chance.choice((60, 200, 800))]


def _mutated(
    data: bytes, marks: Sequence[bytes], seeds: Sequence[bytes], chance: random.Random, *, text: bool = True
) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place, size = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 4, 16, 64, 512))
        kind = chance.randrange(9)
        if kind == 0:
            data = data[:place] + data[place + size :]
        elif kind == 1:
            data = data[:place] + data[place : place + size] * chance.choice((2, 3, 50)) + data[place + size :]
        elif kind == 2:
            data = data[:place]
        elif kind == 3:
            data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        elif kind == 4:
            data = data[:place] + chance.choice(NUMBERS) + data[place + size :]
        elif kind == 5:
            other = chance.choice(seeds)
            data = data[:place] + other[chance.randrange(len(other) + 1) :]
        elif kind == 6 and data:
            bit = chance.randrange(len(data))
            data = data[:bit] + bytes([data[bit] ^ 1 << chance.randrange(8)]) + data[bit + 1 :]
        elif marks:
            data = data[:place] + b"".join(chance.choices(marks, k=chance.choice((1, 1, 2, 5)))) + data[place:]
    # Most of what is changed stays text, or nothing behind the first look at it would be reached.
    if not text or chance.random() < BROKEN_SHARE:
        return data
    return data.decode(errors="ignore").encode()


def _judge(door: str, made: Sequence[bytes], report: Report) -> None:
    """Take what became of inputs into the report."""
    articles: list[tuple[Article, bytes]] = []
    for data in made:
        report.inputs[door] += 1
        start = time.perf_counter()
        outcome = outcome_of(data)
        if time.perf_counter() - start > SLOW_S:
            report.findings.append(Finding(door, bytes(data), "slow"))
        problem = _problem_of(outcome, data)
        if problem:
            report.findings.append(Finding(door, bytes(data), problem))
        if isinstance(outcome, Article):
            report.outcomes["article"] += 1
            articles.append((outcome, data))
        else:
            report.outcomes[outcome.reason] += 1
    report.findings.extend(findings_of(door, articles))


def _problem_of(outcome: Article | Reject, data: bytes) -> str | None:
    """What is wrong with an outcome by itself: an exception, or a reject that lost its bytes."""
    if isinstance(outcome, Article):
        return None
    if outcome.reason == "parser_error":
        return outcome.detail.strip().splitlines()[-1][:200]
    return "a reject lost its bytes" if outcome.raw != data or not outcome.detail else None


def _judge_packed(door: PackedDoor, data: bytes, report: Report) -> None:
    report.inputs[door.name] += 1
    sources = []
    try:
        for _, outcome in door.read(data):
            if isinstance(outcome, Reject):
                report.outcomes[outcome.reason] += 1
            else:
                sources.append(outcome)
    except Exception:
        report.findings.append(Finding(door.name, data, traceback.format_exc().strip().splitlines()[-1][:200]))
        return
    inner = Report(Counter(), report.outcomes, [])
    _judge(door.name, sources, inner)
    report.findings.extend(Finding(door.name, data, f"a source of it: {found.problem}") for found in inner.findings)


def _problems(door: str, data: bytes) -> Iterator[str]:
    report = Report(Counter(), Counter(), [])
    packed = next((one for one in PACKED_DOORS if one.name == door), None)
    if packed is None:
        _judge(door, [data], report)
    else:
        _judge_packed(packed, data, report)
    yield from (found.problem for found in report.findings)


def _smaller(finding: Finding) -> Finding:
    """The finding with as few bytes as a few hundred tries leave; its problem begins alike."""
    like, data, tries = finding.problem[:12], finding.data, 0
    size = len(data) // 2
    while size and tries < SMALLER_TRIES:
        place = 0
        while place < len(data) and tries < SMALLER_TRIES:
            tries += 1
            less = data[:place] + data[place + size :]
            if any(problem.startswith(like) for problem in _problems(finding.door, less)):
                data = less
            else:
                place += size
        size //= 2
    return finding._replace(data=data)


def save(findings: Sequence[Finding], folder: Path) -> None:
    """Print each kind of finding once, and save its input, made smaller."""
    kinds: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        known = kinds.setdefault((finding.door, finding.problem[:24]), finding)
        if len(finding.data) < len(known.data):
            kinds[finding.door, finding.problem[:24]] = finding
    for finding in map(_smaller, kinds.values()):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{finding.door.replace(' ', '-')}-{sha256(finding.data).hexdigest()[:12]}"
        path.write_bytes(finding.data)
        print(f"{finding.door}: {finding.problem}\n  {path}: {finding.data[:300]!r}")


def main() -> int:
    """Run a campaign; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--door", default="", help="only doors whose name holds this")
    parser.add_argument("--corpus", type=Path, help="a folder of more sources to mutate")
    parser.add_argument("--findings", type=Path, default=ROOT / ".bench" / "findings")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    report = campaign(given.seconds, given.seed, given.corpus, given.door)
    print(f"{report.inputs.total()} inputs: " + ", ".join(f"{name} {count}" for name, count in report.inputs.items()))
    print("outcomes: " + ", ".join(f"{name} {count}" for name, count in report.outcomes.most_common()))
    print(f"{len(report.findings)} findings")
    save(report.findings, given.findings)
    return int(bool(report.findings))


if __name__ == "__main__":
    sys.exit(main())
