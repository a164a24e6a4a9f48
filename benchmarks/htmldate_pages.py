"""Days of publication on the public test pages of htmldate, by pressmark and by htmldate, with one rule.

    python -m benchmarks.htmldate_pages FOLDER [--peer PYTHON] [--wrong N]

FOLDER is `tests` of a copy of github.com/adbar/htmldate at one commit; PYTHON belongs to an environment that has
htmldate. Each page goes to both as bytes, without its address, and is right where the day is the one that its label
says; for the five pages that the labels give none, none is right. Prints counts, the share of pages that are right,
the share of given days that are, and with `--wrong` names of files.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.records import Article, Limits, Reading

SETS = ("eval_default.json", "eval_mediacloud_2020.json")
FOLDERS = ("test_set", "cache", "eval")
PEER = """
import json, sys
from htmldate import find_date
for line in sys.stdin:
    data = open(line.rstrip("\\n"), "rb").read()
    try:
        found = find_date(data, original_date=True)
    except Exception:
        found = None
    print(json.dumps(found))
"""


def pages_of(folder: Path, name: str) -> dict[Path, str | None]:
    """The pages of a set that are there, with the day of each; none where the label is no day."""
    found: dict[Path, str | None] = {}
    for one in json.loads((folder / name).read_text("utf-8")).values():
        path = next((folder / part / one["file"] for part in FOLDERS if (folder / part / one["file"]).is_file()), None)
        if path is not None:
            found[path] = one["date"] if isinstance(one["date"], str) else None
    return found


def our_day(path: Path) -> str | None:
    """The day that pressmark gives a page."""
    data = path.read_bytes()
    try:
        data.decode()
        reading = Reading()
    except UnicodeDecodeError:
        # What declares no encoding is mostly this one.
        reading = Reading(encoding="windows-1252")
    for one in (Reading(), reading):
        article = parse(data, path.name, load_outlets(), Limits(), reading=one)
        if isinstance(article, Article):
            return str(article.dates.local_date) if article.dates.local_date else None
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--wrong", type=int, default=0)
    arguments = parser.parse_args()
    print("| pages | tool | right | wrong | none | accuracy | of given days |\n|---|---|---:|---:|---:|---:|---:|")
    for name in SETS:
        pages = pages_of(arguments.folder, name)
        days = {"pressmark": [our_day(path) for path in pages]}
        if arguments.peer:
            listed = "".join(f"{path}\n" for path in pages)
            said = subprocess.run(
                [arguments.peer, "-c", PEER], input=listed, capture_output=True, text=True, check=True
            )
            days["htmldate"] = [json.loads(line) for line in said.stdout.splitlines()]
        for tool, found in days.items():
            counts = Counter(
                "right" if day == label else "none" if day is None else "wrong"
                for day, label in zip(found, pages.values(), strict=True)
            )
            share = counts["right"] / max(1, len(pages))
            given = sum(day is not None and day == label for day, label in zip(found, pages.values(), strict=True))
            precision = given / max(1, given + counts["wrong"])
            figures = " | ".join(str(counts[key]) for key in ("right", "wrong", "none"))
            print(
                f"| {name.removesuffix('.json')}, {len(pages)} | {tool} | {figures} | {share:.3f} | {precision:.3f} |",
                flush=True,
            )
        missed = [
            (path, label, days) for path, label, *days in zip(pages, pages.values(), *days.values(), strict=True)
            if days[0] != label
        ]  # fmt: skip
        for path, label, found in missed[: arguments.wrong]:
            print(f"{path.name}: {label}, found {found}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
