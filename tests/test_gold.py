"""Roles on hand-labelled articles, where they are at hand. The floors only rise: raise them with the score."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from archives import ROOT

from benchmarks.scoring import gold_articles, score, without
from pressmark.storage.versions import load_outlets
from pressmark.transforms import article as article_module
from pressmark.transforms.outlets import Outlets

pytestmark = pytest.mark.corpus

ATTRIBUTE = re.compile(rb"\s(?:class|id|role|property|itemprop|data-[\w-]+|aria-[\w-]+)=(?:\"[^\"]*\"|'[^']*'|[^\s>]+)")


@pytest.fixture(scope="module")
def articles(corpus: Path) -> list[dict[str, Any]]:
    if not (corpus.parent / "gold" / "gold.jsonl").is_file():
        pytest.skip("the hand-labelled articles (../shared/gold) are not at hand")
    return gold_articles(ROOT.parent / "shared")


def test_scores_do_not_fall_below_what_was_reached(articles: list[dict[str, Any]]) -> None:
    reached = score(articles, load_outlets())["all"]
    assert reached.segmentation == 1.0
    assert reached.content_f1 >= 0.999
    assert reached.content_block_f1 >= 0.999
    assert reached.accuracy >= 0.993
    assert reached.macro_f1 >= 0.985


def test_an_outlet_without_its_registry_entry_loses_little(articles: list[dict[str, Any]]) -> None:
    outlets = load_outlets()
    labelled = score(articles, outlets).keys() - {"all"}
    left_out = [score(articles, without(outlets, slug))[slug] for slug in labelled]
    assert sum(each.right for each in left_out) / sum(each.found for each in left_out) >= 0.98
    assert min(each.accuracy for each in left_out) >= 0.97


def test_pages_without_classes_lose_little(articles: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_stripped(data: bytes, *arguments: Any) -> Any:
        return article_module.parse(ATTRIBUTE.sub(b"", data), *arguments)

    monkeypatch.setattr("benchmarks.scoring.parse", parse_stripped)
    reached = score(articles, load_outlets())["all"]
    assert reached.segmentation == 1.0
    assert reached.accuracy >= 0.985
    assert reached.content_f1 >= 0.997


def test_nothing_is_right_without_any_rules(articles: list[dict[str, Any]]) -> None:
    bare = score(articles, Outlets(load_outlets().entries))["all"]
    assert bare.accuracy < 0.98
