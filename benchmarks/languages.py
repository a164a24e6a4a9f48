"""Languages told of sentences and of pairs of words, from files with one a line: right, undetermined and wrong.

usage: python -m benchmarks.languages FOLDER [--each N]

FOLDER has `sentences/xx.txt` and `word-pairs/xx.txt`, as the test data of the detector lingua has them; they are no
part of the repository. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from pressmark.transforms.language import UNDETERMINED, detect

LANGUAGES = "en de fr es it pt nl pl tr id vi sv da fi cs ja ko zh".split()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=100, metavar="N", help="lines of each language and kind [100]")
    arguments = parser.parse_args()
    print("| language | sentences right | und | wrong | two words right | und | wrong |\n|---|" + "---:|" * 6)
    totals: Counter[str] = Counter()
    for language in LANGUAGES:
        cells = []
        for kind in ("sentences", "word-pairs"):
            lines = (arguments.folder / kind / f"{language}.txt").read_text("utf-8").splitlines()[: arguments.each]
            found = Counter(_verdict(detect(line), language) for line in lines)
            totals.update({f"{kind} {name}": count for name, count in found.items()} | {kind: len(lines)})
            cells += [found[name] / len(lines) for name in ("right", "und", "wrong")]
        print(f"| {language} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    shares = [
        totals[f"{kind} {name}"] / totals[kind]
        for kind in ("sentences", "word-pairs")
        for name in ("right", "und", "wrong")
    ]
    print(
        f"| all, {totals['sentences']} and {totals['word-pairs']} | "
        + " | ".join(f"{one:.3f}" for one in shares)
        + " |"
    )


def _verdict(tag: str, language: str) -> str:
    if tag == UNDETERMINED:
        return "und"
    return "right" if tag.partition("-")[0] == language else "wrong"


if __name__ == "__main__":
    main()
