"""Chinese dates of the public specification of Recognizers-Text, each read as a dateline by itself.

Its cases are whole dates, and phrases that count from a day of reference, of which a dateline has few.

    python -m benchmarks.specified_dates Recognizers-Text/Specs/DateTime/Chinese
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pressmark.transforms.datelines import parse_dateline

FILES = ("DateParser.json", "DateTimeParser.json")
# What names its year means the same on any day.
WHOLE = re.compile(r"\d{4}|(?<![去今明前后])年")


class Case(NamedTuple):
    """A phrase, the day that it counts from, what it means, and whether that hangs on the day."""

    text: str
    reference: date
    meant: str
    whole: bool


def cases(folder: Path) -> Iterator[Case]:
    """All that mean one day or time."""
    for name in FILES:
        for case in json.loads((folder / name).read_text("utf-8-sig")):
            reference = date.fromisoformat(case["Context"]["ReferenceDateTime"][:10])
            for found in case["Results"]:
                resolved = (found.get("Value") or {}).get("PastResolution") or {}
                for meant in [*resolved.values()][:1]:
                    yield Case(found["Text"], reference, meant, WHOLE.search(found["Text"]) is not None)


def main() -> None:
    counts: Counter[tuple[bool, str]] = Counter()
    for case in cases(Path(sys.argv[1])):
        moment = parse_dateline(case.text, ZoneInfo("UTC"), case.reference)
        read = None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"[: len(case.meant)]
        outcome = "none" if read is None else "right" if read == case.meant else "wrong"
        counts[case.whole, outcome] += 1
        if outcome != "right" and case.whole:
            print(f"{outcome:<5}  {case.text}  {case.meant}  {read or ''}")
    for whole, label in ((True, "by themselves"), (False, "from a day of reference")):
        print(f"{label}:", *(f"{counts[whole, outcome]} {outcome}" for outcome in ("right", "none", "wrong")))


if __name__ == "__main__":
    main()
