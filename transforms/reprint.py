"""What a body is written in, and which address a reprint gives as its original.

Both by what a body holds, as a file's name says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from pressmark.transforms.blocks import Block
from pressmark.transforms.generators import shielded
from pressmark.transforms.identity import HTTP, unarchived

__all__ = ["looks_like_markdown", "original_address"]

# At least this share of the text stands in paragraphs without any block-level tag. Bodies of HTML have a seventh at
# most, of Markdown a half at least.
MARKDOWN_SHARE: Final = 0.3
SAMPLE: Final = 1 << 15
BLANK_LINE: Final = re.compile(r"(?>\r\n|\n|\r)[ \t]*(?=[\r\n])")
BLOCK_TAG: Final = re.compile(
    r"</?(?:address|article|aside|blockquote|br|center|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|header|hr|iframe|"
    r"li|main|nav|ol|p|pre|section|table|tbody|td|th|thead|tr|ul|video)(?:class=|style=|[\s/>])",
    re.IGNORECASE,
)
TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*>")
UNSEEN: Final = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1|\Z)", re.DOTALL | re.IGNORECASE)
# Tags that a text of Markdown tells of.
SHOWN_TAG: Final = re.compile(r"`</?[a-zA-Z][^`<>\n]*>`")
MARK: Final = re.compile(
    r"^(?:\#{1,6}[ \t]+\S|>[ \t]|[ ]{0,3}[-*+][ \t]+\S|[ ]{0,3}\d{1,3}[.)][ \t]+\S|[-*=]{3,}[ \t]*\r?$|```"
    r"|\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t:-]*\r?$)"
    r"|^[ ]{0,3}\[[^\[\]\n]+\]:[ \t]+\S|\[[^\[\]\n]*\]\((?:[^()\s]+|\{[{%][^()\n]+[}%]\}[^()\s]*)\)|\*\*[^*\n]+\*\*|~~[^~\n]+~~|<https?://[^<>\s]+>",
    re.MULTILINE,
)

FIRST_BLOCKS: Final = 4
LONGEST_ORIGIN: Final = 300
ORIGIN: Final = re.compile(
    r"原文|[来來源出][自于於]|[来來]源|信息源|[转轉][载載自]|首[发發]|[刊登载載][发發于於]|出[处處]|链接|鏈接"
)
# Words of English that stories use too tell of an original where they alone stand before its link.
ENGLISH_ORIGIN: Final = re.compile(
    r"\W*(?:(?:this|the)\s(?:\w+\s){1,4})?(?:via|source|original(?:ly)?|re-?(?:posted|published|printed)|"
    r"first\s(?:published|appeared)|cross-?posted)\b[^.!?]{0,40}",
    re.IGNORECASE,
)
# Archives whose addresses hide the archived one.
OPAQUE: Final = re.compile(r"https?://(?:archive\.(?:fo|is|li|md|ph|today|vn)|perma\.cc)/", re.IGNORECASE)
# A site's front page, or one that no story is on: taken for the original, it would make many articles one.
NO_ARTICLE: Final = re.compile(
    r"https?://[^/?#]+/*(?:(?:index\.\w+|home|news|blog|about(?:-us)?|newsletters?|subscribe|donate|contact)/*)?(?:#.*)?",
    re.IGNORECASE,
)


def looks_like_markdown(body: str) -> bool:
    """Whether a body is Markdown or plain paragraphs, and not HTML.

    >>> looks_like_markdown("# 堰\\n\\n**水**又来。"), looks_like_markdown("<p>一</p>\\n\\n<p>* 二</p>")
    (True, False)
    """
    body, _ = shielded(body[:SAMPLE])
    parted = BLANK_LINE.search(body) is not None
    if not parted and BLOCK_TAG.search(body):
        return False
    body = SHOWN_TAG.sub("``", UNSEEN.sub("", body))
    plain = total = begun = tagged = 0
    for paragraph in BLANK_LINE.split(body):
        size = len(TAG.sub("", paragraph).strip())
        total += size
        if BLOCK_TAG.search(paragraph):
            tagged += 1
        else:
            plain += size
            # Bold, italic and linked words within paragraphs are written as HTML in Markdown, too.
            begun += size > 0 and not paragraph.lstrip().startswith("<")
    if plain <= total * MARKDOWN_SHARE:
        return False
    return MARK.search(body) is not None or (parted and (begun > 2 * tagged + 1 or not TAG.search(body)))


def original_address(blocks: Sequence[Block]) -> str | None:
    """The address that the first blocks of a reprint name as its original, taken out of a web archive's, or None."""
    for block in islice(blocks, FIRST_BLOCKS):
        if len(block.text) > LONGEST_ORIGIN:
            continue
        in_chinese = ORIGIN.search(block.text)
        for link in block.links:
            named = in_chinese or ENGLISH_ORIGIN.fullmatch(block.text[: link.start])
            if named and (address := _original(link.href)) is not None:
                return address
    return None


def _original(address: str) -> str | None:
    address = unarchived(address)
    named = HTTP.match(address) and not OPAQUE.match(address) and not NO_ARTICLE.fullmatch(address)
    return address if named else None
