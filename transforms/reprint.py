"""What a body is written in, and which address a reprint gives as its original.

Both by what a body holds, as a file's name says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

from pressmark.transforms.blocks import Block
from pressmark.transforms.generators import shielded
from pressmark.transforms.identity import HTTP, unarchived

__all__ = ["LONGEST_ORIGIN", "looks_like_markdown", "original_address"]

# At least this share of the text stands in paragraphs without any block-level tag. Bodies of HTML have a seventh at
# most, of Markdown a half at least.
MARKDOWN_SHARE: Final = 0.3
SAMPLE: Final = 1 << 15
BLANK_LINE: Final = re.compile(r"(?>\r\n|\n|\r)[ \t]*(?=[\r\n])")
# The same for most line ends, and found several times as fast.
BELOW_BLANK: Final = re.compile(r"\n[ \t]*[\r\n]")
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

# No HTML begins so.
HEADED: Final = re.compile(r"\s*\#{1,3}[ \t]+[^\s#]")

FIRST_BLOCKS: Final = 4
LONGEST_ORIGIN: Final = 300
# Behind a longer block the story has begun, and what it names from then on is what it cites.
LONGEST_ABOVE: Final = 120
# Right before the link, or in it; not what a picture or figures are from, nor where a file is.
ORIGIN: Final = re.compile(
    r"(?:原文(?!作者)|(?<![图圖片照频頻据據料])(?:[来來源出][自于於]|[来來]源)|信息源|[转轉][载載自]|首[发發]|[刊登载載][发發于於]|出[处處]"
    r"|(?<!下[载載])(?:链接|鏈接))[^。！？]{0,60}"
)
# Words of English that stories use too tell of an original where they alone stand before its link.
ENGLISH_ORIGIN: Final = re.compile(
    r"\W*(?:(?:this|the)\s(?:\w+\s){1,4})?(?:originally|re-?(?:posted|published|printed)|first\s(?:published|appeared)|"
    r"cross-?posted)\b[^.!?]{0,40}|\W*(?:(?:original|article|news)\s)?(?:source|via|original)\W*",
    re.IGNORECASE,
)
# A link that is called the original.
CALLED: Final = re.compile(
    r"\W*(?:(?:read|view|see|open)\s)?(?:the\s)?original(?:\s(?:article|post|story|page|source|link|version|url))?\W*",
    re.IGNORECASE,
)
# The credit of a picture right above it begins so, too.
LABEL: Final = re.compile(r"\W*(?:[来來]源|[来來源出][自于於]|source|via)", re.IGNORECASE)
# What the publisher's own report holds is no page of its own.
OWN: Final = re.compile(r"\bour\b", re.IGNORECASE)
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
    if HEADED.match(body):
        return True
    body, _ = shielded(body[:SAMPLE])
    parted = BELOW_BLANK.search(body) is not None or ("\r" in body and BLANK_LINE.search(body) is not None)
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


def original_address(
    blocks: Sequence[Block], below: Collection[int] = (), *, title: str = "", page: bool = False
) -> str | None:
    """The address that the first blocks of a reprint name as its original, taken out of a web archive's, or None.
    `below` are the blocks right behind a picture. A first block that is the `title` and a link leads there, too. A
    whole `page` that has a link to its original is another one, such as a translation, where it does not say that it is
    a reprint."""
    if not page and blocks and len(blocks[0].links) == 1:
        first, (link,) = blocks[0], blocks[0].links
        is_title = " ".join(first.text.split()) == title and (link.start, link.end) == (0, len(first.text))
        if is_title and (address := _original(link.href)) is not None:
            return address
    for index, block in enumerate(islice(blocks, FIRST_BLOCKS)):
        credit = index in below and LABEL.match(block.text)
        for link in block.links if len(block.text) <= LONGEST_ORIGIN and not credit else ():
            called = not page and CALLED.fullmatch(block.text, link.start, link.end)
            in_english = called or (ENGLISH_ORIGIN.fullmatch(block.text[: link.start]) and not OWN.search(block.text))
            named = in_english or any(one.end() >= link.start for one in ORIGIN.finditer(block.text, 0, link.end))
            if named and (address := _original(link.href)) is not None:
                return address
        if len(block.text) > LONGEST_ABOVE:
            break
    return None


def _original(address: str) -> str | None:
    address = unarchived(address)
    named = HTTP.match(address) and not OPAQUE.match(address) and not NO_ARTICLE.fullmatch(address)
    return address if named else None
