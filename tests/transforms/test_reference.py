"""The fast path and the reference cut every fragment into the same blocks, texts and spans."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import blocks, reference
from transforms.header import BadSource, read_header

CORPUS: Final = Path(__file__).resolve().parents[3] / "shared" / "corpus"

Cutter = Callable[[str], list[tuple[str, int, int]]]


def fast_path(markup: str) -> list[tuple[str, int, int]]:
    return [(block.text, block.start, block.end) for block in blocks.cut(markup).blocks]


def reference_path(markup: str) -> list[tuple[str, int, int]]:
    return [tuple(block) for block in reference.reference_blocks(markup)]


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Markup without its `⟦` and `⟧`, and the spans that they enclose."""
    spans: list[tuple[int, int]] = []
    markup = ""
    start = 0
    for character in marked:
        if character == "⟦":
            start = len(markup)
        elif character == "⟧":
            spans.append((start, len(markup)))
        else:
            markup += character
    return markup, spans


both = pytest.mark.parametrize(
    "cutter", [pytest.param(fast_path, id="fast"), pytest.param(reference_path, id="reference")]
)

# Markup with `⟦` and `⟧` around each block, and the texts of the blocks.
CASES: Final = [
    pytest.param("", [], id="empty"),
    pytest.param(" \t\n&nbsp;\u3000<p></p><br><!-- x -->", [], id="nothing visible"),
    pytest.param("⟦One⟧", ["One"], id="text under the root"),
    pytest.param("<p>⟦One⟧</p>⟦two⟧<p>⟦three⟧</p>", ["One", "two", "three"], id="text between elements"),
    pytest.param("<p>⟦One⟧<p>⟦two⟧<div>⟦three⟧", ["One", "two", "three"], id="unclosed elements"),
    pytest.param("⟦One⟧</div>⟦two⟧</p>⟦three⟧", ["One", "two", "three"], id="stray end tags cut"),
    pytest.param("⟦One</b></span>two⟧", ["Onetwo"], id="stray inline end tags do not cut"),
    pytest.param("<p>⟦One⟧<div>⟦two⟧</div>⟦three⟧</p>", ["One", "two", "three"], id="div inside p"),
    pytest.param("<P>⟦One⟧</P\n>⟦two⟧<DIV ID=x>⟦three⟧", ["One", "two", "three"], id="upper case and space in tags"),
    pytest.param("⟦One⟧<p/>⟦two⟧<video/>⟦three⟧", ["One", "two", "three"], id="self-closing block tags"),
    pytest.param("<p>⟦One <b>two</b>⟧</p>", None, id="span holds inline tags up to the last character")
    if False
    else pytest.param("<p><i>⟦One</i> <b>two⟧</b></p>", ["One two"], id="inline tags inside the span only"),
]
