"""Grows the forest of `transforms/other_stories.py` from the labels and writes `transforms/other_stories_model.py`.

    python -m benchmarks.grow_other_stories [--also FOLDER] [--git REPOSITORY...]

Run by hand where the labelled pages are (`benchmarks/labels` says where from), with lightgbm and numpy installed, which
the project itself does not need. Only numbers go into the model, no text; the same pages give the same file. It grows
on all whole pages but those of `fourth-held`. Rules were tuned on these, and a forest that saw only what they say there
would trust them too much: it sees what rules said when nobody had looked at a half, and what they said later counts
less. `labels/rules.jsonl` has both, a letter for each labelled block.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.grow_pages import Sample, forest, written
from benchmarks.labels.__main__ import labelled, sources
from benchmarks.scoring import SHARED
from pressmark.schemas.contract import Role
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.doors import AS_IT_IS, cut_body, open_source
from pressmark.transforms.other_stories import NAMES, doubted
from pressmark.transforms.pages import main_blocks
from pressmark.transforms.records import Article, Limits

__all__ = ["LETTERS", "samples"]

MODEL: Final = Path(__file__).parents[1] / "transforms" / "other_stories_model.py"
RULES: Final = Path(__file__).parent / "labels" / "rules.jsonl"
UNSEEN: Final = "fourth-held"
LETTERS: Final[Mapping[str, Role]] = {
    "-": "boilerplate", "r": "related", "n": "note", "c": "caption", "w": "byline", "d": "dateline", "b": "body",
    "l": "lede", "h": "heading", "q": "quote", "i": "list_item", "t": "table",
}  # fmt: skip
# What the rules said of a page before anyone had looked at its half, and what they said when this forest grew.
WEIGHTS: Final = (1.0, 0.3)
ROUNDS: Final = 60
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 12, "min_data_in_leaf": 40, "feature_fraction": 0.3,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "seed": 1, "deterministic": True,
    "force_row_wise": True, "num_threads": 2, "verbose": -1,
}  # fmt: skip
# No later trees bring back what the first are so sure of.
SURELY: Final = {20: "not -1.6 < score < 1.6", 40: "not -2 < score < 2"}


def samples(label: dict[str, Any], data: bytes, said: Sequence[str]) -> list[Sample]:
    """What the trainer sees of a page: blocks that rules had as furniture or as other stories', once for each of the
    letters that were `said`. Of a page with many such blocks each counts for less."""
    sha256 = label["source_sha256"]
    article = parse(data, sha256, load_outlets(), Limits())
    if not isinstance(article, Article):
        raise TypeError(f"`{sha256}` is labelled and no article: {article.detail}")
    opened = open_source(data, AS_IT_IS)
    blocks = cut_body(opened, Limits().depth).blocks
    verdict, site = main_blocks(blocks, opened.titles or ()), article.host or ""
    spans = [(paragraph.byte_start, paragraph.byte_end) for paragraph in article.paragraphs]
    right = {(start, end): role for start, end, role in label["blocks"]}
    found = []
    for letters, weight in zip(said, WEIGHTS, strict=True):
        then = dict(zip(right, letters, strict=True))
        roles = [LETTERS[then.get(span, "b")] for span in spans]
        rows = [(row, right[spans[index]] == "related") for index, row in doubted(blocks, roles, verdict, site)]
        weights = [weight / max(1, len(rows)) ** 0.5] * len(rows)
        found.append(Sample([row for row, _ in rows], [is_other for _, is_other in rows], weights))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--also", action="append", default=[], type=Path, help="another folder with sources")
    parser.add_argument("--git", action="extend", nargs="+", default=[], type=Path, help="repositories with blobs")
    parser.add_argument("--out", type=Path, default=MODEL)
    given = parser.parse_args()
    said = {line["source_sha256"]: line["roles"] for line in map(json.loads, RULES.read_text("utf-8").splitlines())}
    pages = [label for label in labelled() if label["half"] != UNSEEN and label["source_sha256"] in said]
    found = sources(pages, [SHARED, *given.also], given.git)
    if missing := len(pages) - len(found):
        raise SystemExit(f"{missing} of {len(pages)} labelled pages are not here; GUIDE.md says where they come from")
    seen = [
        one
        for page in pages
        for one in samples(page, found[page["source_sha256"]], said[page["source_sha256"]])
        if one.rows
    ]
    model = forest(seen, NAMES, PARAMETERS, ROUNDS)
    given.out.write_text(written("other_stories", model, SURELY), "utf-8")


if __name__ == "__main__":
    main()
