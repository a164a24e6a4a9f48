"""Campaigns against the doors, in short: mutated inputs obey the laws, and the judges see what is wrong."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from benchmarks import fuzz, hostile, linear
from benchmarks.packed import PACKED_DOORS
from pressmark.transforms.records import Article

ROUNDS = 3  # `make fuzz` goes on for ten minutes
SEEDED = "<!--1646370367000-->\n[T](https://songling-times.example/a)\n---\n<p>松岭</p><img src=/a>".encode()


@pytest.mark.slow
def test_some_rounds_of_mutated_inputs_find_nothing() -> None:
    report = fuzz.campaign(math.inf, seed=20261129, rounds=ROUNDS)
    assert [(found.door, found.problem, found.data) for found in report.findings] == []
    assert {*report.inputs} == {door.name for door in hostile.DOORS} | {door.name for door in PACKED_DOORS}
    assert report.outcomes["article"] > report.inputs.total() // 10


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda article: article._replace(text=article.text + b" "), "law 2"),
        (lambda article: article._replace(markup_bytes=article.markup_bytes + 1), "law 4|schema"),
        (lambda article: article._replace(media=[article.media[0]._replace(start=0)]), "law 7"),
        (lambda article: article._replace(paragraphs=[article.paragraphs[0]._replace(byte_end=10**6)]), "law 1|schema"),
        (lambda article: article._replace(paragraphs=[None]), "Error"),
    ],
)
def test_what_breaks_a_law_is_a_finding(change: Any, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = hostile.outcome_of(SEEDED)
    assert isinstance(outcome, Article)
    sound = [(outcome, SEEDED)] * 3
    assert list(hostile.findings_of("html", sound)) == []
    found = list(hostile.findings_of("html", [*sound, (change(outcome), SEEDED)]))
    assert found
    assert any(part in one.problem for one in found for part in problem.split("|"))

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pressmark.transforms.article._parse", fails)
    report = fuzz.Report(Counter(), Counter(), [])
    fuzz._judge("html", [SEEDED], report)
    assert ["ZeroDivisionError" in one.problem for one in report.findings] == [True]


def test_every_packed_door_reads_its_own_examples() -> None:
    for door in PACKED_DOORS:
        for example in door.examples:
            outcomes = [outcome for _, outcome in door.read(example)]
            assert outcomes, door.name
            assert door.name == "zip directory" or any(isinstance(outcome, bytes) for outcome in outcomes), door.name


def test_an_input_that_takes_the_square_of_its_length_is_found_and_made_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spent(_: linear.Way, case: linear.Case, size: int) -> float:
        return 1e-9 * case.data(b"", b"", size).count(b"bad") ** 2 + 1e-7 * size

    monkeypatch.setattr(linear, "_time", spent)
    way = linear.Way("square", (), b"", b"", len)
    case = linear.Case("square", "after", (b"a", b"b"), (b"ba", b"d", b"!!"))
    assert linear._is_steep(way, case)
    assert linear._smallest(way, case) == linear.Case("square", "same", (), (b"ba", b"d"))
    assert not linear._is_steep(way, case._replace(again=(b"good",)))
