"""Rows of blocks and media with their places: code points of the article's text, bytes of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from xxhash import xxh3_64_intdigest

from pressmark.schemas.contract import Role
from pressmark.transforms import identity
from pressmark.transforms.blocks import Block
from pressmark.transforms.doors import Opened
from pressmark.transforms.records import Link, Medium, Paragraph

__all__ = ["SEPARATOR", "media_of", "paragraphs_of", "skipped_sizes"]

SEPARATOR: Final = "\n\n"


def paragraphs_of(
    opened: Opened, blocks: list[Block], roles: list[Role], languages: list[str], base: str | None
) -> list[Paragraph]:
    """Paragraphs with char spans in the article's text and byte spans in the source."""
    paragraphs = []
    char_start = 0
    size, body = opened.decoded.size, opened.header.body_start
    position, byte_end = body, opened.header_bytes
    for (text, start, end, _, _, _, links), role, tag in zip(blocks, roles, languages, strict=True):
        data = text.encode()
        char_end = char_start + len(text)
        byte_start = byte_end + size(position, body + start)
        position = body + end
        byte_end = byte_start + size(body + start, position)
        if links:
            links = tuple([Link(identity.resolve(link.href, base), link.start, link.end) for link in links])
        paragraphs.append(
            Paragraph(role, data, char_start, char_end, byte_start, byte_end, tag, xxh3_64_intdigest(data), links)
        )
        char_start = char_end + len(SEPARATOR)
    return paragraphs


def media_of(
    opened: Opened, media: Sequence[Medium], blocks: Sequence[Block], roles: Sequence[Role], base: str | None
) -> Iterator[Medium]:
    """Media with byte spans in the source, absolute addresses, and the block that is the caption of each."""
    position, size = 0, opened.header_bytes
    for medium in media:
        size += opened.size(position, medium.start)
        position = medium.start
        yield medium._replace(
            src=identity.absolute(medium.src, base), start=size, end=size + opened.size(medium.start, medium.end),
            caption_ordinal=_caption_of(medium, opened.body, blocks, roles),
        )  # fmt: skip


def _caption_of(medium: Medium, body: str, blocks: Sequence[Block], roles: Sequence[Role]) -> int | None:
    """The block that is a medium's caption: the next one, or the one before in the same `figure`."""
    ordinal = medium.ordinal
    if ordinal < len(roles) and roles[ordinal] == "caption":
        return ordinal
    before = ordinal - 1
    if before < 0 or roles[before] != "caption" or all(token.tag != "figure" for token in blocks[before].path):
        return None
    return None if "</figure" in body[blocks[before].end : medium.start].lower() else before


def skipped_sizes(opened: Opened, blocks: Sequence[Block], skipped: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Bytes of skipped elements and comments: of those that no block's span covers, and of all."""
    outside = total = index = 0
    for start, end in skipped:
        while index < len(blocks) and blocks[index].end <= start:
            index += 1
        size = opened.size(start, end)
        total += size
        if index == len(blocks) or start < blocks[index].start:
            outside += size
    return outside, total
