"""Roles of fictional pages in real layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import ROOT

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.records import Article, Limits


def seed(name: str) -> Article:
    (path,) = (ROOT / "seeds").rglob(name)
    outcome = parse(path.read_bytes(), name, load_outlets(), Limits())
    assert isinstance(outcome, Article), Path(path)
    return outcome


@pytest.mark.parametrize(
    ("name", "outlet", "roles"),
    [
        ("2100101_*.txt", "rfi", ["dateline", "boilerplate", "lede", *["body"] * 6]),
        ("2300101_*.md", "voa", ["dateline", "caption", *["body"] * 7]),
        ("2700103_*.md", "ft", ["lede", "body", "body", "quote", *["body"] * 6, "byline"]),
        ("2500103_*.md", "bbc", ["dateline", "caption", "caption", *["body"] * 3, "heading", *["body"] * 3]),
        (
            "2600102_*.md",
            "nyt",
            ["byline", "body", "heading", "body", "body", "heading", "body", "heading", *["list_item"] * 3, "body"],
        ),
    ],
)
def test_roles_of_a_layout(name: str, outlet: str, roles: list[str]) -> None:
    article = seed(name)
    assert article.outlet == outlet
    assert [paragraph.role for paragraph in article.paragraphs] == roles
