"""How many copies that were planted among invented paragraphs are found, and of what else it is said.

usage: python -m benchmarks.planted_copies [--each N]

Each kind of copy is planted N times, each of another paragraph of 40 to 200 characters; as many have no copy.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import polars as pl

from pressmark.storage.copies import clusters

__all__ = ["EDITS", "counts"]

LETTERS: Final = "松岭渡轮码头今天恢复航行乘客说水面平静得像镜子邮差带来三封信和一篮杏桥上的灯亮到半夜钟楼又慢了一刻"
Edit = Callable[[Random, str], str]


def _text(random: Random, length: int) -> str:
    return "".join(random.choices(LETTERS, k=length))


def _replaced(share: float) -> Edit:
    def edit(random: Random, text: str) -> str:
        for at in random.sample(range(len(text)), max(1, round(share * len(text)))):
            text = text[:at] + "甲" + text[at + 1 :]
        return text

    return edit


def _rewritten(share: float) -> Edit:
    def edit(random: Random, text: str) -> str:
        length = round(share * len(text))
        at = random.randrange(len(text) - length)
        return text[:at] + _text(random, length) + text[at + length :]

    return edit


# Each with the kind that it is to be told as.
EDITS: Final[Mapping[str, tuple[str, Edit]]] = {
    "equal": ("same", lambda _, text: text),
    "other script and punctuation": ("same", lambda _, text: f"“{text[:9]}，{text[9:]}。".replace("灯", "燈")),
    "one character": ("edited", _replaced(0)),
    "2 % of characters": ("edited", _replaced(0.02)),
    "5 % of characters": ("edited", _replaced(0.05)),
    "a passage of 10 %": ("edited", _rewritten(0.1)),
    "a passage of 20 %": ("edited", _rewritten(0.2)),
    "30 % added": ("edited", lambda random, text: text + _text(random, round(0.3 * len(text)))),
    "within a longer one": ("quoted", lambda random, text: _text(random, 90) + text + _text(random, 110)),
}  # fmt: skip


def counts(each: int, seed: int = 1) -> tuple[dict[str, tuple[int, int]], int]:
    """For each edit how many are found with the original, and how many of these as the kind that they are; and how many
    members clusters have besides."""
    random = Random(seed)
    texts = {
        f"{name}/{number}": _text(random, random.randrange(40, 200)) for name in [*EDITS, ""] for number in range(each)
    }
    originals = list(texts.items())
    for name, text in originals:
        if not name.startswith("/"):
            texts[f"{name}/copy"] = EDITS[name.rpartition("/")[0]][1](random, text)
    rows = pl.DataFrame({"article_id": list(texts), "text": list(texts.values())}).with_row_index("day")
    at = pl.lit(0).cast(pl.Datetime("us", "UTC")) + pl.duration(days="day")
    articles = rows.select("article_id", archive=pl.lit("x"), outlet=pl.lit("o"), published_at=at).lazy()
    blocks = rows.select("article_id", "text", paragraph_id="article_id", ordinal=pl.lit(0), role=pl.lit("body")).lazy()
    found = clusters(articles, blocks).filter(level="paragraph")
    leaders = dict(found.filter("first").select("cluster_id", "article_id").iter_rows())
    told: dict[str, list[bool]] = defaultdict(list)
    others = 0
    for cluster, member, kind in found.filter(~pl.col("first")).select("cluster_id", "article_id", "kind").iter_rows():
        if member == f"{leaders[cluster]}/copy":
            name = leaders[cluster].rpartition("/")[0]
            told[name].append(kind == EDITS[name][0])
        else:
            others += 1
    return {name: (len(told[name]), sum(told[name])) for name in EDITS}, others


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1000)
    arguments = parser.parse_args()
    found, others = counts(arguments.each)
    for name, (together, right) in found.items():
        print(f"| {name} | {arguments.each} | {together} | {right} |")
    print(f"{others} members of clusters that were not planted")
