"""Copies that were planted among fictional texts, and near-copies that are none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pressmark.storage.copies import clusters
from pressmark.storage.search_index import load_folding
from pressmark.transforms import clusters as rules

CHARACTERS = "松岭渡轮码头今天恢复航行乘客说水面平静得像镜子邮差带来三封信和一篮杏桥上的灯亮到半夜钟楼又慢了一刻"
START = datetime(2022, 3, 4, tzinfo=UTC)
PLANTED = 40


def text(source: random.Random, length: int) -> str:
    return "".join(source.choices(CHARACTERS, k=length))


def frames(texts: Sequence[str]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Articles of one block each, a day apart."""
    ids = [f"a{number:05}" for number in range(len(texts))]
    articles = pl.LazyFrame({
        "article_id": ids, "archive": "x", "outlet": [f"o{number % 3}" for number in range(len(texts))],
        "published_at": [START + timedelta(days=number) for number in range(len(texts))],
    })  # fmt: skip
    paragraphs = pl.LazyFrame({
        "article_id": ids, "paragraph_id": [f"p{one}" for one in ids], "ordinal": 0, "text": texts, "role": "body",
    })  # fmt: skip
    return articles, paragraphs


def planted() -> tuple[list[str], set[tuple[int, int, str]]]:
    """Texts, and who is a copy of whom, of which kind."""
    source = random.Random(25)
    texts = [text(source, source.randrange(40, 200)) for _ in range(300)]
    truth = set()
    for number in range(PLANTED):
        original = texts[number]
        cut = len(original) // 2
        edited = original[:cut] + text(source, 2) + original[cut + 2 :]
        longer = text(source, 60) + original + text(source, 70)
        spelled = "，".join((original[:cut], original[cut:])).replace("灯", "燈").replace("钟", "鐘") + "。"
        for kind, copy in (("edited", edited), ("quoted", longer), ("same", spelled)):
            truth.add((number, len(texts), kind))
            texts.append(copy)
    return texts, truth


def test_planted_copies_are_found_each_of_its_kind_and_nothing_else() -> None:
    texts, truth = planted()
    found = clusters(*frames(texts)).filter(level="paragraph")
    leaders = dict(found.filter("first").select("cluster_id", "paragraph_id").iter_rows())
    seen = {
        (int(leaders[cluster][2:]), int(member[2:]), kind)
        for cluster, member, kind, first in found.select("cluster_id", "paragraph_id", "kind", "first").iter_rows()
        if not first
    }
    assert seen == truth
    assert found.filter(kind="same")["similarity"].unique().to_list() == [1.0]
    assert found["outlet"].n_unique() == 3


def test_they_do_not_depend_on_the_order_of_rows() -> None:
    articles, paragraphs = frames(planted()[0])
    shuffled = (frame.collect().sample(fraction=1.0, shuffle=True, seed=7).lazy() for frame in (articles, paragraphs))
    assert clusters(*shuffled).equals(clusters(articles, paragraphs))


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        (["松岭渡轮码头今天恢复航行乘客说水面平静"] * 5000, [5000]),
        (["松" * 100, "松" * 17, "松" * 16], [3]),
        (["渡轮恢复", "渡轮恢复"], []),
        ([], []),
        (["。" * 50, "，" * 50, ""], []),
        (["12345678901234567890", "1234567890，1234567890"], [2]),
    ],
    ids=["one text many times", "repeated characters", "too short to tell", "none", "punctuation", "digits"],
)
def test_odd_texts(texts: list[str], sizes: list[int]) -> None:
    found = clusters(*frames(texts)).filter(level="paragraph")
    assert sorted(found.group_by("cluster_id").len()["len"]) == sizes


def test_who_quotes_the_same_text_is_no_copy_of_each_other() -> None:
    source = random.Random(1)
    short = text(source, 20)
    others = [text(source, 200) + short + text(source, 200) for _ in range(2)]
    found = clusters(*frames([*others, short])).filter(level="paragraph")
    assert found["kind"].to_list() == ["same", "quoted", "quoted"]
    assert found["cluster_id"].n_unique() == 1


def test_the_folding_is_that_of_searches() -> None:
    assert load_folding().fold("燈") == "灯"


def test_texts_of_the_same_few_sentences_are_hardly_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(8)
    sentences = [text(source, 30) for _ in range(60)]
    texts = ["".join(source.sample(sentences, 24)) for _ in range(400)]
    measured, measure = [0], rules._similarities

    def counted(texts: pl.Series, pairs: pl.DataFrame) -> pl.Series:
        measured[0] += pairs.height
        return measure(texts, pairs)

    monkeypatch.setattr(rules, "_similarities", counted)
    assert clusters(*frames(texts)).is_empty()
    assert measured[0] < len(texts)
