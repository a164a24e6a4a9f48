"""Roles against hand-labelled articles, through the pure core: no output folder, no files but the sources."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.transforms.article import parse
from pressmark.transforms.outlets import Outlets
from pressmark.transforms.records import Article, Limits

SHARED = Path(__file__).resolve().parents[2] / "shared"


@dataclass
class Score:
    """Counts over articles; shares are properties, 1.0 where there is nothing to count."""

    blocks: int = 0
    found: int = 0
    right: int = 0
    content_blocks: Counter[str] = field(default_factory=Counter)
    content_chars: Counter[str] = field(default_factory=Counter)
    roles: dict[str, Counter[str]] = field(default_factory=dict)
    errors: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def segmentation(self) -> float:
        return _share(self.found, self.blocks)

    @property
    def accuracy(self) -> float:
        return _share(self.right, self.found)

    @property
    def content_f1(self) -> float:
        return _f1(self.content_chars)

    @property
    def content_block_f1(self) -> float:
        return _f1(self.content_blocks)

    @property
    def macro_f1(self) -> float:
        scores = [_f1(counts) for counts in self.roles.values() if counts["hit"] + counts["missed"]]
        return sum(scores) / len(scores) if scores else 1.0

    def add(self, gold: dict[str, Any], article: Article) -> None:
        """Count an article. Blocks are compared one by one, so a wrong cut counts as all blocks after it lost."""
        for want, have in zip(gold["blocks"], article.paragraphs, strict=False):
            if have.text.decode() != want["text"]:
                break
            self.found += 1
            right, said = want["role"], have.role
            self.right += right == said
            if right == said:
                self._count(right, "hit")
            else:
                self._count(right, "missed")
                self._count(said, "wrong")
                self.errors.append((gold["source_path"], right, said, want["text"]))
            outcome = {(True, True): "hit", (False, True): "wrong", (True, False): "missed"}.get(
                (right in CONTENT_ROLES, said in CONTENT_ROLES)
            )
            if outcome:
                self.content_blocks[outcome] += 1
                self.content_chars[outcome] += len(want["text"])
        self.blocks += max(len(gold["blocks"]), len(article.paragraphs))

    def _count(self, role: str, outcome: str) -> None:
        self.roles.setdefault(role, Counter())[outcome] += 1


def gold_articles(shared: Path = SHARED) -> list[dict[str, Any]]:
    """The hand-labelled articles, in the order of the file."""
    lines = (shared / "gold" / "gold.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def score(articles: Iterable[dict[str, Any]], outlets: Outlets, shared: Path = SHARED) -> dict[str, Score]:
    """Scores of each outlet, and of all under the name `all`."""
    scores = {"all": Score()}
    for gold in articles:
        path = gold["source_path"]
        article = parse((shared / "corpus" / path).read_bytes(), path, outlets, Limits())
        if not isinstance(article, Article):
            raise TypeError(f"`{path}` is labelled and no article: {article.detail}")
        for name in ("all", article.outlet):
            scores.setdefault(name, Score()).add(gold, article)
    return scores


def without(outlets: Outlets, slug: str) -> Outlets:
    """The registry as if nothing but hosts, names and zone were known of one outlet."""
    entries = [entry._replace(layouts=()) if entry.slug == slug else entry for entry in outlets.entries]
    return replace(outlets, entries=tuple(entries))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _f1(counts: Counter[str]) -> float:
    return _share(2 * counts["hit"], 2 * counts["hit"] + counts["wrong"] + counts["missed"])
