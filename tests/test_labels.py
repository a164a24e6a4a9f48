"""The labels of other layouts keep their promises: no text, whole spans, halves that share no site."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, get_args

import pytest
from archives import ROOT

from benchmarks.labels import __main__ as labels
from benchmarks.labels.__main__ import labelled, score
from pressmark.schemas.contract import Role

LABELS = labelled()


def test_labels_hold_hashes_spans_and_roles_and_no_text() -> None:
    keys = {
        "family",
        "site",
        "half",
        "source_sha256",
        "source_bytes",
        "repository",
        "commit",
        "blob",
        "doubtful",
        "blocks",
    }
    for article in LABELS:
        assert set(article) <= keys
        assert {role for *_, role in article["blocks"]} <= set(get_args(Role))
        ends = [place for start, end, _ in article["blocks"] for place in (start, end)]
        assert ends == sorted(ends)
        assert ends[-1] <= article["source_bytes"]
        assert all(0 <= o < len(article["blocks"]) for ordinals in article["doubtful"].values() for o in ordinals)
    assert len({article["source_sha256"] for article in LABELS}) == len(LABELS)


def test_no_site_is_in_both_halves_or_has_more_than_two_articles() -> None:
    assert len({(article["site"], article["half"]) for article in LABELS}) == len(
        {article["site"] for article in LABELS}
    )
    assert max(Counter(article["site"] for article in LABELS).values()) <= 2


def test_an_unseen_half_is_scored_only_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def sources(articles: list[dict[str, Any]], *_: object) -> dict[str, bytes]:
        asked.append({article["half"] for article in articles})
        return {}

    monkeypatch.setattr(labels, "sources", sources)
    for half in ((), *(("--half", unseen) for unseen in labels.UNSEEN)):
        monkeypatch.setattr("sys.argv", ["labels", *half])
        labels.main()
    assert asked == [set(labels.HALVES) - set(labels.UNSEEN), *({unseen} for unseen in labels.UNSEEN)]


def test_settlements_agree_with_the_labels() -> None:
    roles = {article["source_sha256"]: [role for *_, role in article["blocks"]] for article in LABELS}
    for line in (ROOT / "benchmarks/labels/settlements.jsonl").read_text("utf-8").splitlines():
        settled = json.loads(line)
        assert settled["first"] != settled["second"]
        assert roles[settled["source_sha256"]][settled["ordinal"]] == settled["settled"]


def test_a_span_that_the_product_does_not_cut_counts_as_not_found() -> None:
    data = b"<!--1600000000000-->\n[T](https://news.example/a)\n------\n\n<p>One here.</p><p>Two here.</p>"
    start = data.index(b"One")
    label = {
        "family": "fiction", "source_sha256": "0", "doubtful": {"form": [1]},
        "blocks": [[start, start + 9, "body"], [start + 16, start + 20, "body"]],
    }  # fmt: skip
    scores = score([label], {"0": data})
    assert (scores["all"].blocks, scores["all"].found, scores["all"].right) == (2, 1, 1)
    assert (scores["clear"].blocks, scores["clear"].found, scores["doubtful"].found) == (1, 1, 0)
