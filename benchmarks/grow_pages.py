"""Grows the forest of `transforms/pages.py` from pages with truth and writes `transforms/page_model.py`.

    python -m benchmarks.grow_pages [--extra FOLDER WEIGHT …]

Run by hand where `../shared/pages` is, with lightgbm and numpy installed, which the project itself does not need. Only
numbers of layout go into the model, no text. The same pages give the same file. `--extra` names a folder of pages of
another set, `NAME.html` with its story in `NAME.txt`; each counts as much as WEIGHT pages of `../shared/pages`.
docs/fidelity.md says which sets the project's forest grew on.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.whole_pages import SETS, Page, f1, half, page_of, pages_of, words
from pressmark.transforms.page_features import FEATURES, features

__all__ = ["extra", "forest", "grow", "labels", "written"]

MODEL: Final = Path(__file__).parents[1] / "transforms" / "page_model.py"
SHINGLE: Final = 4
# Half of a block's words in the truth make it the article's.
ENOUGH: Final = 0.5
DOUBTFUL: Final = 0.2
LARGEST_WEIGHT: Final = 400
# A truth that the page's blocks cannot make is of another page or another time.
LEAST_FIT: Final = 0.9
ROUNDS: Final = 150
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary", "learning_rate": 0.06, "num_leaves": 32, "min_data_in_leaf": 40, "feature_fraction": 0.3,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "seed": 1, "deterministic": True,
    "force_row_wise": True, "num_threads": 2, "verbose": -1,
}  # fmt: skip


# The first trees decide most: after so many, no later ones bring back what is below that.
SURELY_FURNITURE: Final = {30: "score < -2.4", 40: "score < -2.5", 70: "score < -2.6"}
HEAD: Final = '''"""The forest of `{forest}.py`, as `benchmarks/grow_{forest}.py` wrote it: change nothing here by hand.

Each line is a tree: a choice by one of the numbers of a block, whose names are `NAMES`, at each of its nodes.
"""

from collections.abc import Sequence
from typing import Final

__all__ = ["NAMES", "score"]

NAMES: Final = """
{names}
""".split()


def score(r: Sequence[float]) -> float:
    """The sum of what the trees say of a block; no later ones bring back what the first are sure of."""
    # fmt: off
    score = 0.0
'''


class Sample(NamedTuple):
    """A page's rows of numbers, and for each whether the block is the article's, and its weight."""

    rows: list[list[float]]
    main: list[bool]
    weights: list[float]


def labels(texts: Sequence[str], truth: str) -> list[bool]:
    """Which blocks are the article's: those whose words stand in the truth in their order, then those that make the
    choice score best, so that of a text that stands twice one is taken."""
    told = words(truth)
    shingles = {tuple(told[i : i + SHINGLE]) for i in range(len(told))}
    lines = {" ".join(words(line)) for line in truth.split("\n")}
    shares = [_share(words(text), shingles, lines) for text in texts]
    main = [share >= ENOUGH for share in shares]
    bags = [Counter(words(text)) for text in texts]
    wanted = Counter(told)
    have: Counter[str] = Counter()
    for bag, chosen in zip(bags, main, strict=True):
        if chosen:
            have.update(bag)
    same, size = sum((have & wanted).values()), sum(have.values())
    near = [sum(main[max(0, i - 4) : i + 5]) for i in range(len(main))]
    for i in sorted(range(len(main)), key=lambda i: near[i] if main[i] else 100 - near[i]):
        bag, sign = bags[i], -1 if main[i] else 1
        if not bag or (sign > 0 and shares[i] <= DOUBTFUL):
            continue
        changed = sum(
            min(have[word] + sign * n, wanted[word]) - min(have[word], wanted[word]) for word, n in bag.items()
        )
        total = sign * sum(bag.values())
        if (same + changed) / (size + total + len(told)) > same / max(1, size + len(told)) + 1e-9:
            main[i] = not main[i]
            same, size = same + changed, size + total
            for word, n in bag.items():
                have[word] += sign * n
    return main


def _share(own: list[str], shingles: set[tuple[str, ...]], lines: set[str]) -> float:
    if " ".join(own) in lines:
        return 1.0
    hit = [False] * len(own)
    for i in range(len(own) - SHINGLE + 1):
        if tuple(own[i : i + SHINGLE]) in shingles:
            hit[i : i + SHINGLE] = [True] * SHINGLE
    return sum(hit) / len(own) if own else 0.0


def sample(page: Page, weight: float = 1) -> Sample:
    """A page as the trainer takes it: every word of its truth weighs the same, and every page `weight`."""
    texts = [block.text for block in page.blocks]
    least = max(60, len(words(page.truth["text"])))
    weights = [weight * min(LARGEST_WEIGHT, max(1, len(words(text)))) / least + 1e-4 for text in texts]
    return Sample(features(page.blocks, page.facts.titles).rows, labels(texts, page.truth["text"]), weights)


def extra(folder: Path, weight: float) -> list[Sample]:
    """The pages of another set, but for those whose blocks don't make the story that `NAME.txt` has."""
    pages = [
        page_of(folder.name, {"text": path.with_suffix(".txt").read_text("utf-8")}, path.read_bytes())
        for path in sorted(folder.glob("*.html"))
    ]
    return [one for page in pages if _fits(page, one := sample(page, weight))]


def _fits(page: Page, one: Sample) -> bool:
    chosen = [block.text for block, main in zip(page.blocks, one.main, strict=True) if main]
    return f1("\n".join(chosen), page.truth["text"]) > LEAST_FIT


def grow(samples: Sequence[Sample], rounds: int = ROUNDS) -> dict[str, Any]:
    """The forest as the model's file has it."""
    return forest(samples, FEATURES, PARAMETERS, rounds)


def forest(samples: Sequence[Sample], names: Sequence[str], parameters: dict[str, Any], rounds: int) -> dict[str, Any]:
    """The trees that tell the rows that are `main` from the rest, and the names of their numbers."""
    lightgbm: Any = importlib.import_module("lightgbm")
    numpy: Any = importlib.import_module("numpy")
    weights = numpy.array([weight for one in samples for weight in one.weights])
    data = lightgbm.Dataset(
        numpy.array([row for one in samples for row in one.rows], dtype=float),
        numpy.array([main for one in samples for main in one.main], dtype=float),
        weight=weights / weights.mean(),
    )
    booster = lightgbm.train(parameters, data, rounds)
    return {
        "features": list(names),
        "trees": [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]],
    }


def written(of: str, model: dict[str, Any], ends: Mapping[int, str]) -> str:
    """The model as a module of Python, one tree a line; after so many trees, what `ends` says is sure enough."""
    names = textwrap.fill(" ".join(model["features"]), 116)
    lines = [f"    score += {_tree(tree)}\n" for tree in model["trees"]]
    for trees, sure in ends.items():
        lines[trees - 1] += f"    if {sure}:\n        return score\n"
    return HEAD.format(forest=of, names=names) + "".join(lines) + "    return score\n"


def _tree(node: dict[str, Any]) -> str:
    """A tree as an expression of Python."""
    if "leaf_value" in node:
        return repr(round(node["leaf_value"], 4))
    left, right = _tree(node["left_child"]), _tree(node["right_child"])
    bound = float(f"{node['threshold']:.5g}")
    return f"({left} if r[{node['split_feature']}] <= {bound!r} else {right})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--half", type=int, choices=(0, 1), help="grow on this half of the pages only, and write to OUT"
    )
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--extra", nargs=2, action="append", default=[], metavar=("FOLDER", "WEIGHT"))
    given = parser.parse_args()
    pages = [page for name in SETS for page in pages_of(name) if given.half is None or half(page) == given.half]
    others = [one for folder, weight in given.extra for one in extra(Path(folder), float(weight))]
    model = grow([*map(sample, pages), *others])
    given.out.write_text(written("pages", model, SURELY_FURNITURE), "utf-8")


if __name__ == "__main__":
    main()
