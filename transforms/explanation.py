"""Why each block of a source is what it is: the evidence, for those who add an outlet."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from turbohtml import Token

from pressmark.transforms.article import page_day, parse
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.doors import AS_IT_IS, cut_body, open_source
from pressmark.transforms.identity import host_of
from pressmark.transforms.outlets import NO_RULES, Outlet, Outlets
from pressmark.transforms.records import Article, Limits, Paragraph, Reading, RecordFacts, Reject

__all__ = ["ExplainedBlock", "Explanation", "explain"]

LONGEST_ATTRIBUTE = 40


class ExplainedBlock(NamedTuple):
    """A paragraph, the reason for its role, and the elements it is inside of, outermost first."""

    paragraph: Paragraph
    reason: str
    elements: tuple[str, ...]


class Explanation(NamedTuple):
    """An article, what is known of its outlet, whether a layout of it holds on the article's day, and its blocks."""

    article: Article
    outlet: Outlet
    has_layout: bool
    blocks: list[ExplainedBlock]


def explain(
    data: bytes, source_path: str, outlets: Outlets, limits: Limits, latest: datetime = FAR_FUTURE,
    reading: Reading = AS_IT_IS, facts: RecordFacts | None = None,
) -> Explanation | Reject:  # fmt: skip
    """The article in `data` with the evidence for each of its blocks, or the reject that it would become."""
    article = parse(data, source_path, outlets, limits, latest, reading=reading, facts=facts)
    if isinstance(article, Reject):
        return article
    blocks = cut_body(open_source(data, reading, facts), limits.depth).blocks
    outlet = outlets.find(host_of(article.canonical_url), reading.outlet, reading.zone)
    return Explanation(
        article,
        outlet,
        outlet.rules_on(page_day(article.header)) is not NO_RULES,
        [
            ExplainedBlock(paragraph, reason, tuple(map(_element, block.path)))
            for paragraph, reason, block in zip(article.paragraphs, article.reasons, blocks, strict=True)
        ],
    )


def _element(token: Token) -> str:
    attributes = [
        f'{key}="{value[:LONGEST_ATTRIBUTE]}"'
        for key, value in token.attrs or ()
        if key in ("class", "id", "role", "property", "itemprop") or key.startswith(("data-", "aria-"))
    ]
    return " ".join([token.tag or "", *attributes])
