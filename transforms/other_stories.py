"""Which blocks of a page are other stories' and which are furniture, where a small forest is surer than the rules.

Owns this one choice: it makes no block content, and takes content from none. The trees (`other_stories_model.py`, grown
by `benchmarks/grow_other_stories.py`) see what `page_features.py` counts, where links lead, and what the rules said
here and around; no number stands for a text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import exp
from typing import Final

from pressmark.schemas.contract import CONTENT_ROLES, Role
from pressmark.transforms.blocks import Block
from pressmark.transforms.evidence import HIDDEN, Finding
from pressmark.transforms.other_stories_model import score
from pressmark.transforms.own_links import leads_away
from pressmark.transforms.page_features import FEATURES, since
from pressmark.transforms.pages import UNSHOWN, Verdict

__all__ = ["NAMES", "corrections", "doubted"]

# What the rules say of either is taken back where the forest gives the other so much.
SURE: Final = 0.7
NEAR: Final = 4
LINKS: Final = ("away", "name", "words", "digits")
NO_LINK: Final = (-1, -1, -1, -1)
DIGIT: Final = re.compile(r"\d")
LONGEST_SCHEME: Final = 10

# What stands in each row of numbers, in order.
NAMES: Final = (
    *FEATURES, "related", "likely", *(f"link_{name}" for name in LINKS), *(f"links_{name}" for name in LINKS),
    "like_related", "outer_related", "near_related", "content_ahead",
)  # fmt: skip


def corrections(
    blocks: Sequence[Block], findings: Sequence[Finding], verdict: Verdict, site: str
) -> Iterator[tuple[int, Finding]]:
    """The blocks, by position, of which the rules' `findings` are taken back, and what each is; `site` is the page's
    domain."""
    for index, row in doubted(blocks, [finding.role for finding in findings], verdict, site):
        said = findings[index]
        if said.reason == HIDDEN.reason:
            continue
        chance = 1 / (1 + exp(-score(row)))
        role: Role = "related" if said.role == "boilerplate" else "boilerplate"
        sure = chance if role == "related" else 1 - chance
        if sure >= SURE:
            reason = f"{role} by the model: {sure:.2f} likely, the rules say {said.role}: {said.reason}"
            yield index, Finding(role, reason)


def doubted(
    blocks: Sequence[Block], roles: Sequence[Role], verdict: Verdict, site: str
) -> Iterator[tuple[int, list[float]]]:
    """Blocks that `roles` have as other stories' or as furniture, by position, each with its numbers as in `NAMES`."""
    rows, kinds, outers = verdict.layout
    related = [role == "related" for role in roles]
    ahead = since([role in CONTENT_ROLES for role in reversed(roles)])[::-1]
    # Of each kind, and of each kind around one: how many blocks, how many other stories', and where links lead.
    inside: dict[int, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0])
    around: dict[int, list[float]] = defaultdict(lambda: [0, 0])
    found = []
    for index, (role, block) in enumerate(zip(roles, blocks, strict=True)):
        if (role == "boilerplate" or role == "related") and block.path.tag not in UNSHOWN:
            link = _link(block.links[0].href, site) if block.links else NO_LINK
            sums, outer = inside[kinds[index]], around[outers[index]]
            found.append((index, link, sums, outer))
            outer[0] += 1
            sums[0] += 1
            if role == "related":
                outer[1] += 1
                sums[1] += 1
            away, name, words, digits = link
            sums[2] += away
            sums[3] += name
            sums[4] += words
            sums[5] += digits
    for index, link, (count, others, away, name, words, digits), (beside, alike) in found:
        other = related[index]
        near = related[max(0, index - NEAR) : index + NEAR + 1]
        yield index, [
            *rows[index], other, verdict.likely[index], *link,
            away / count, name / count, words / count, digits / count,
            (others - other) / (count - 1) if count > 1 else -1, (alike - other) / (beside - 1) if beside > 1 else -1,
            (sum(near) - other) / (len(near) - 1) if len(near) > 1 else -1, ahead[index],
        ]  # fmt: skip


def _link(href: str, site: str) -> tuple[float, float, float, float]:
    """Whether a link leads to another site, and of its path how long the longest name is, how many marks part the words
    of that, and how many digits there are."""
    names = href.partition("?")[0].partition("#")[0].split("/")
    away = False
    if "//" in href[:LONGEST_SCHEME] and len(names) > 2:
        away, names = _leads_away(names[2], site), names[3:]
    name = max(names, key=len, default="")
    return away, len(name), name.count("-") + name.count("_"), len(DIGIT.findall("/".join(names)))


@lru_cache(maxsize=1000)
def _leads_away(host: str, site: str) -> bool:
    """A page has many links to few hosts."""
    return leads_away(f"//{host}", site)
