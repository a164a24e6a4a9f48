"""An article that is forgotten: what is left to say so, what must not come back, and how its text is looked for.

Pure. What is left is a reject for each of its sources, with the reason `forgotten` and without bytes. Its `detail`
names the article, so that no later run takes a source for it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from pressmark.schemas.contract import Reason
from pressmark.transforms.records import Article, Reject

if TYPE_CHECKING:
    import polars as pl  # workers, which load this, need nothing of it

__all__ = ["FORGOTTEN", "detail_of", "forgotten_in", "left_of", "pieces_of"]

FORGOTTEN: Final[Reason] = "forgotten"
DETAIL: Final = re.compile(r"article ([0-9a-f]{32}): ")
# Of a piece of text that is looked for: few enough characters to lie whole in any excerpt that a file may have, and
# enough bytes to be rare; and the characters that files write otherwise (as entities, escapes), which it has not.
LONGEST: Final = 16
SHORTEST_BYTES: Final = 14
SPLIT: Final = re.compile(r"""[\s\u3000]*[\n\t\r<>&"'\\`*_|\u00a0\u200b\ufeff][\s\u3000]*|[\s\u3000]{2,}""")


def detail_of(article_id: str, reason: str) -> str:
    """The `detail` of a forgotten source.

    >>> detail_of("0" * 32, "asked for by its author")
    'article 00000000000000000000000000000000: asked for by its author'
    """
    return f"article {article_id}: {reason}"


def forgotten_in(catalog: pl.DataFrame) -> dict[str, str]:
    """By the ids of articles, and the hashes of sources, that must not come back, the `detail` that says why."""
    rows = catalog.filter(catalog["reason"] == FORGOTTEN).select("source_sha256", "detail").unique().sort("detail")
    found = {}
    for sha256, detail in rows.iter_rows():
        found[sha256] = detail
        if named := DETAIL.match(detail):
            found[named[1]] = detail
    return found


def left_of(outcome: Article | Reject, forgotten: Mapping[str, str]) -> Article | Reject:
    """What a source is, or, where it is `forgotten`, what is left of it."""
    article_id = outcome.article_id if isinstance(outcome, Article) else None
    detail = forgotten.get(article_id or "") or forgotten.get(outcome.source_sha256 or "")
    if detail is None:
        return outcome
    return Reject(outcome.source_path, outcome.source_sha256, outcome.source_bytes, FORGOTTEN, detail, None, None)


def pieces_of(texts: Iterable[str]) -> list[str]:
    """Pieces of texts that stand in any file as they are, and are mostly long enough to tell these from others.

    >>> pieces_of(["The clockmaker of Tallow Quay & his three apprentices\\nran."])
    ['The clockmaker o', 'his three appren']
    """
    found: dict[str, None] = {}
    for text in texts:
        for part in SPLIT.split(text):
            for start in range(0, len(part), LONGEST):
                piece = part[start : start + LONGEST].strip()
                if len(piece.encode()) >= SHORTEST_BYTES:
                    found[piece] = None
    return list(found)
