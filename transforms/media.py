"""Pictures, videos, audio and embeds of an HTML fragment, with their places and captions.

Owns which elements are media and where their address is. Knows nothing of how the fragment was cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from turbohtml import TokenType, tokenize

from pressmark.transforms.blocks import Block, element_name
from pressmark.transforms.records import Medium, MediumKind

__all__ = ["media_of"]

KINDS: Final[dict[str, MediumKind]] = {
    "img": "image", "video": "video", "audio": "audio", "iframe": "embed", "embed": "embed", "object": "embed",
}  # fmt: skip
# In order: lazy pages keep a placeholder in `src`.
SOURCES: Final = ("data-src", "data-original", "src", "data", "poster")
HAS_MEDIA: Final = re.compile(rf"<(?:{'|'.join(KINDS)})", re.IGNORECASE)
LINE_ENDS: Final = str.maketrans("\n\r\f", "\t\t\t")
# Between a picture and its caption there is nothing but tags and white space.
NOTHING: Final = re.compile(r"(?:<(?!img)[^<>]*>|\s)*", re.IGNORECASE)
CAPTION: Final = re.compile(r"[△▲▽▼↑]|[图圖](?:[:：注片]|[/／])|(?:Photo|Image|Figure|Credit)\b")
LONGEST_CAPTION: Final = 200


def media_of(markup: str, blocks: Sequence[Block], skipped: Sequence[tuple[int, int]]) -> list[Medium]:
    """Media in the order of an HTML fragment, from its blocks and skipped ranges; those in skipped ones are none.

    Places are code points of `markup`. The caption of one is the block right behind it that stands in a `figcaption`,
    is italic throughout, or begins as captions do.
    """
    found: list[Medium] = []
    if not HAS_MEDIA.search(markup):
        return found
    before = passed = 0
    # On one line, a token's column is its offset.
    for token in tokenize(markup.translate(LINE_ENDS), capture_source=True):
        if token.type is not TokenType.START_TAG or (name := element_name(token.tag or "")) not in KINDS:
            continue
        start, end = token.col, token.col + len(token.source or "<")
        src = next(filter(None, map(token.attr, SOURCES)), None)
        while passed < len(skipped) and skipped[passed][1] <= start:
            passed += 1
        if not src or (passed < len(skipped) and skipped[passed][0] <= start):
            continue
        while before < len(blocks) and blocks[before].start < start:
            before += 1
        caption = before if before < len(blocks) and _is_caption(markup, end, blocks[before]) else None
        alt, title = token.attr("alt") or None, token.attr("title") or None
        found.append(Medium(KINDS[name], src, alt, title, before, caption, start, end))
    return found


def _is_caption(markup: str, end: int, block: Block) -> bool:
    if len(block.text) > LONGEST_CAPTION or not NOTHING.fullmatch(markup, end, block.start):
        return False
    in_caption = any(element.tag == "figcaption" for element in block.path)
    return in_caption or block.italic or CAPTION.match(block.text) is not None
