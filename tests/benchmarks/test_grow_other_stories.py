"""Growing the forest of other stories: what the rules said then beside the labels."""

import json

import pytest

from benchmarks.grow_other_stories import LETTERS, RULES, UNSEEN, WEIGHTS, samples
from benchmarks.labels.__main__ import labelled
from pressmark.schemas.contract import ROLES
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.other_stories import NAMES
from pressmark.transforms.records import Article, Limits

PAGE = (
    b"<html><body><nav><a href='/'>Quay</a></nav><h1>A lamp</h1><p>The lamp at the end of the pier went out.</p>"
    b"<div><a href='/b'>Two ferries wait outside the harbour</a></div><footer>Contact us</footer></body></html>"
)


@pytest.mark.slow
def test_blocks_that_the_rules_of_a_time_had_as_either_are_seen_by_their_label() -> None:
    article = parse(PAGE, "lamp.html", load_outlets(), Limits())
    assert isinstance(article, Article)
    right = ("boilerplate", "heading", "body", "related", "boilerplate")
    spans = [(one.byte_start, one.byte_end) for one in article.paragraphs]
    label = {"source_sha256": "lamp", "blocks": [(*span, role) for span, role in zip(spans, right, strict=True)]}
    then, later = samples(label, PAGE, ["-hb--", "rhbr-"])
    assert then.main == later.main == [False, True, False]
    place = NAMES.index("related")
    assert ([row[place] for row in then.rows], [row[place] for row in later.rows]) == ([0, 0, 0], [1, 1, 0])
    assert sum(then.weights) * WEIGHTS[1] == pytest.approx(sum(later.weights) * WEIGHTS[0])


def test_what_the_rules_said_is_kept_for_each_labelled_block_of_seen_halves() -> None:
    labels = {label["source_sha256"]: label for label in labelled()}
    for line in map(json.loads, RULES.read_text("utf-8").splitlines()):
        label = labels[line["source_sha256"]]
        assert label["half"] != UNSEEN
        assert [len(letters) for letters in line["roles"]] == [len(label["blocks"])] * len(WEIGHTS)
    assert set(LETTERS.values()) == set(ROLES)
