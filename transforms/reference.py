"""Cuts an HTML fragment into blocks a second time, by Beautiful Soup and Python's `html.parser`.

Owns the reading of the contract's section 2 that audits and tests compare the product's with, so it shares neither code
nor method with `pressmark.transforms.blocks`: it builds a tree, drops what is skipped from it, and reads the blocks off
what is left, with a source position for every single character. Needs the extra `pressmark[audit]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5
from html.parser import HTMLParser
from itertools import accumulate
from typing import Final, NamedTuple

from bs4 import BeautifulSoup, Tag
from bs4.builder import HTMLTreeBuilder

__all__ = ["ReferenceBlock", "ReferenceCut", "ReferenceMedium", "reference_blocks", "reference_cut"]

BLOCK_LEVEL: Final = frozenset(
    "address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li "
    "listing main menu nav ol optgroup option p plaintext pre search section summary table tbody td tfoot "
    "th thead tr ul xmp audio embed iframe noscript object picture video".split()
)
SKIPPED: Final = ("script", "style", "template", "svg")
VOID_OR_INLINE: Final = frozenset(
    "a abbr area b base basefont bdi bdo bgsound big br button cite code col data del dfn em embed font hr i img input "
    "ins kbd keygen label link map mark meta noembed noframes param q rp rt ruby s samp select small source span "
    "strike strong sub sup textarea time title track tt u var wbr".split()
)
KNOWN: Final = BLOCK_LEVEL.union(SKIPPED, VOID_OR_INLINE)
# Attributes that a scraper glued to the name before them, as in `<divclass="x">`, by how they start.
GLUED_ATTRIBUTES: Final = tuple(
    "class id style data- aria- role src href title itemprop property lang dir align width height type rel target alt "
    "name async defer charset datetime cite color face size border colspan rowspan onclick onload".split()
)
RAW_TEXT: Final = ("script", "style")
# An open `svg` ends where HTML begins, as in browsers; inside these HTML is part of it.
HTML_IN_SVG: Final = ("foreignobject", "desc", "title")
NOT_IN_SVG: Final = re.compile(
    r"b|big|blockquote|body|br|center|code|d[dlt]|div|em(?:bed)?|h[1-6r]|head|i|img|li|listing|menu|meta|nobr|[ou]l|p|pre"
    r"|ruby|s|small|span|strong|strike|su[bp]|table|tt|u|var"
)
MEDIA: Final = {
    "image": ("img", "amp-img"), "video": ("video", "amp-video"), "audio": ("audio", "amp-audio"),
    "embed": ("iframe", "embed", "object", "amp-iframe", "amp-youtube"),
}  # fmt: skip
KIND_OF: Final = {name: kind for kind, names in MEDIA.items() for name in names}
# Attributes that name what an element shows; of those that end in `set`, the first address does.
ADDRESSES: Final = re.compile(r"(?:data-)?src(?:set)?|data|data-(?:original|lazy-src|url)")
NO_ADDRESS: Final = ("about:", "javascript:")

COMMENT: Final = re.compile(r"<!--(?:-?>|.*?--!?>)", re.DOTALL)
# An instruction (`<?`) that never ends makes no token.
UNENDED: Final = re.compile(r"<!|</[^a-zA-Z>]")
REFERENCE: Final = re.compile(r"&(?:#(?P<decimal>[0-9]+);?|#[xX](?P<hex>[0-9a-fA-F]+);?|(?P<name>[A-Za-z0-9]{1,31};?))")

# Python counts U+001C to U+001F as white space, Unicode does not.
INVISIBLE: Final = "\u200b\ufeff" + "".join(
    character for character in map(chr, range(0x10000)) if character.isspace() and not "\x1c" <= character <= "\x1f"
)
TO_SPACE: Final = str.maketrans("\t\n\f\r", "    ")

# Stands in for `&`, as html.parser resolves references its own way and loses how long they were. The text
# itself is read from the markup.
NO_REFERENCE: Final = "+"
# Elements added to the tree to mark a run of text and an end tag, as Beautiful Soup gives positions to
# elements only. Names of elements in markup never hold a space.
TEXT_MARK: Final = "text mark"
END_MARK: Final = "end mark"
COMMENT_MARK: Final = "comment mark"


class ReferenceBlock(NamedTuple):
    """One block: its text, and `[start, end)` in code points of the markup it was cut from."""

    text: str
    start: int
    end: int


class ReferenceMedium(NamedTuple):
    """A picture, video, audio or embedded page: all addresses that its tag names, and the `[start, end)` of the tag."""

    kind: str
    addresses: tuple[str, ...]
    start: int
    end: int


class ReferenceCut(NamedTuple):
    """Blocks, the `[start, end)` of each comment and skipped element, and media, all in order and in code points."""

    blocks: list[ReferenceBlock]
    skipped: list[tuple[int, int]]
    media: list[ReferenceMedium]


def reference_blocks(markup: str) -> list[ReferenceBlock]:
    """Blocks of an HTML fragment in document order, whatever the depth of its elements.

    >>> reference_blocks("<p>One<br>two</p>three")
    [ReferenceBlock(text='One\\ntwo', start=3, end=13), ReferenceBlock(text='three', start=17, end=22)]
    """
    return reference_cut(markup).blocks


def reference_cut(markup: str) -> ReferenceCut:
    """What an HTML fragment holds, whatever the depth of its elements.

    >>> found = reference_cut("<!-- x --><img src=a.png>One")
    >>> found.skipped, found.media
    ([(0, 10)], [ReferenceMedium(kind='image', addresses=('a.png',), start=10, end=25)])
    """
    # A line end after the markup shows html.parser that a last `<` is text; it never stands in a block.
    source = markup + "\n"
    soup = BeautifulSoup(source.replace("&", NO_REFERENCE), builder=_MarkingTreeBuilder())
    skipped = [(start, min(end, len(markup))) for start, end in _taken_out(soup, len(markup))]
    blocks: list[ReferenceBlock] = []
    media: list[ReferenceMedium] = []
    player: Tag | None = None
    run = _InlineRun()
    for element in soup.descendants:
        if not isinstance(element, Tag) or "at" not in element.attrs:
            continue
        position, end = int(str(element["at"])), int(str(element["to"]))
        if element.name == TEXT_MARK:
            run.add_text(source, position, end)
            continue
        if element.name == "br":
            if run.ends_with_break():
                blocks += run.take()
            else:
                run.add_break(position)
            continue
        if (str(element["of"]) if element.name == END_MARK else element.name) in BLOCK_LEVEL:
            blocks += run.take()
        if element.name in KIND_OF:
            media.append(ReferenceMedium(KIND_OF[element.name], _addresses(source[position:end]), position, end))
            player = element
        elif (
            # A player's sources are elements of their own; text that stands between parts them from it.
            element.name == "source" and player is not None and player in element.parents
            and not media[-1].addresses and not run.is_visible()
            and not (blocks and blocks[-1].end > media[-1].end)
        ):  # fmt: skip
            media[-1] = media[-1]._replace(addresses=_addresses(source[position:end]), end=end)
    return ReferenceCut(blocks + run.take(), skipped, [medium for medium in media if medium.addresses])


def _taken_out(soup: BeautifulSoup, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of comments and skipped elements, which are taken out of the tree."""
    found = soup.find_all([*SKIPPED, COMMENT_MARK])
    outermost = [one for one in found if not any(above.name in SKIPPED for above in one.parents)]
    for element in outermost:
        start, end = int(str(element["at"])), int(str(element["to"]))
        if element.name != COMMENT_MARK and "alone" not in element.attrs:
            # One without an end tag ends with the source.
            follower = element.next_sibling
            end = int(str(follower["to"])) if isinstance(follower, Tag) and follower.get("of") else size
        yield start, end
        element.extract()


def _addresses(tag: str) -> tuple[str, ...]:
    """Every address that the attributes of a tag name."""
    name = re.match(r"<([^\s/>]*)", tag)
    if name is not None and "=" in name[1]:
        size = len(_unglued(name[1].lower()))
        tag = f"{tag[: size + 1]} {tag[size + 1 :]}"
    reader = _AttributeReader()
    reader.feed(tag)
    values = [(key, value.strip()) for key, value in reader.found if value and ADDRESSES.fullmatch(key)]
    firsts = [value.split()[0].rstrip(",") if key.endswith("set") and value else value for key, value in values]
    return tuple(value for value in firsts if value and not value.startswith(NO_ADDRESS))


class _AttributeReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found = self.found or attrs


def _unglued(name: str) -> str:
    """The longest known name that `name` begins with, where an attribute is glued to it; else `name`."""
    head, glued, _ = name.partition("=")
    if glued:
        for size in range(len(head) - 1, 0, -1):
            if head[:size] in KNOWN and head[size:].startswith(GLUED_ATTRIBUTES):
                return head[:size]
    return name


class _MarkingTreeBuilder(HTMLTreeBuilder):
    """Feeds Beautiful Soup from html.parser, as its own builder for that parser does."""

    TRACKS_LINE_NUMBERS = True

    def feed(self, markup: str | bytes) -> None:
        # The parser is not closed: all it can hold back is a tag, comment or declaration that never ends,
        # which is no text. On closing, older Pythons hand that over as text.
        if self.soup is not None:
            parser = _MarkingParser(self.soup, str(markup))
            parser.feed(str(markup))
            parser.mark_unended()


class _MarkingParser(HTMLParser):
    """Builds the tree from html.parser's events; comments and declarations leave nothing in it."""

    def __init__(self, soup: BeautifulSoup, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.soup = soup
        self.source = source
        self.line_starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
        self.hiding = ""

    def place(self) -> int:
        line, column = self.getpos()
        return self.line_starts[line - 1] + column

    def start(self, name: str, end: int, **attributes: str) -> bool:
        """Open an element at the current position; True where it is one that has no content."""
        attributes |= {"at": str(self.place()), "to": str(end)}
        element = self.soup.handle_starttag(name, None, None, attributes)
        return element is not None and element.is_empty_element

    def mark(self, name: str, end: int, **attributes: str) -> None:
        self.start(name, end, **attributes)
        self.soup.handle_endtag(name)

    def mark_tag(self, name: str, **attributes: str) -> None:
        """Mark what ends with the next `>`."""
        self.mark(name, self.source.find(">", self.place()) + 1 or len(self.source), **attributes)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]], **facts: str) -> None:
        name = _unglued(tag)
        if NOT_IN_SVG.fullmatch(name) or (name == "font" and {key for key, _ in attrs} & {"color", "face", "size"}):
            self.leave_svg()
        if self.start(name, self.place() + len(self.get_starttag_text() or ""), **facts):
            self.soup.handle_endtag(name)
        elif name in SKIPPED:
            self.hiding = self.hiding or name
        if name != tag and name in RAW_TEXT:
            self.set_cdata_mode(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The slash means something in foreign content only.
        name = _unglued(tag)
        alone = name == "svg" or (self.hiding == "svg" and name in HTML_IN_SVG)
        self.handle_starttag(tag, attrs, **({"alone": ""} if alone else {}))
        if alone:
            self.end(name)
        elif tag in RAW_TEXT:
            self.set_cdata_mode(tag)

    def handle_endtag(self, tag: str) -> None:
        tag = _unglued(tag)
        if tag in ("p", "br"):
            self.leave_svg()
        # Only the skipped element's own tags matter until it ends.
        if self.hiding and tag != self.hiding:
            if tag in self.open_in_svg():
                self.end(tag)
            return
        if tag == "br":
            self.mark_tag(tag)
            return
        self.end(tag)
        self.mark_tag(END_MARK, of=tag)

    def end(self, name: str) -> None:
        self.soup.handle_endtag(name)
        if name == self.hiding and not self.soup.open_tag_counter[name]:
            self.hiding = ""

    def open_in_svg(self) -> list[str]:
        """What is open from the current element up to the outermost `svg`, of these and of what holds HTML in one."""
        current = self.soup.currentTag
        if self.hiding != "svg" or current is None:
            return []
        names = [one.name for one in (current, *current.parents) if one.name == "svg" or one.name in HTML_IN_SVG]
        return names[: len(names) - names[::-1].index("svg")]

    def leave_svg(self) -> None:
        """End what is open here of `svg` elements, up to one that holds HTML."""
        while self.open_in_svg()[:1] == ["svg"]:
            self.end("svg")
            self.mark(END_MARK, self.place(), of="svg")

    def handle_data(self, data: str) -> None:
        self.mark(TEXT_MARK, self.place() + len(data))

    def handle_comment(self, data: str) -> None:
        del data
        match = COMMENT.match(self.source, self.place())
        if match:
            self.mark(COMMENT_MARK, match.end())
        else:
            self.mark_tag(COMMENT_MARK)

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)

    def mark_unended(self) -> None:
        """Mark the comment that the markup ends in; it was held back."""
        if UNENDED.match(self.rawdata):
            self.mark(COMMENT_MARK, len(self.source))

    def set_cdata_mode(self, elem: str, **options: bool) -> None:
        # Newer Pythons also take the content of `iframe`, `textarea` and others as raw text.
        if elem in RAW_TEXT:
            super().set_cdata_mode(elem, **options)

    def parse_comment(self, i: int, report: int = 1) -> int:
        # Older Pythons end a comment at `-- >`, and neither at `--!>` nor as empty at `<!-->`.
        match = COMMENT.match(self.rawdata, i)
        if match and report:
            self.handle_comment(match[0])
        return match.end() if match else -1

    def parse_html_declaration(self, i: int) -> int:
        # Without foreign content there are no marked sections: `<![CDATA[` is a comment up to the next `>`.
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)


class _InlineRun:
    """Inline content since the last cut: its characters, and where in the markup each of them stands."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def add(self, text: str, start: int, end: int) -> None:
        """Take characters that all come from the markup's `[start, end)`."""
        self.pieces.append(text)
        self.starts += [start] * len(text)
        self.ends += [end] * len(text)

    def add_text(self, markup: str, start: int, end: int) -> None:
        position = start
        for reference, resolved in _references(markup, start, end):
            self.add_literal(markup, position, reference[0])
            self.add(resolved.translate(TO_SPACE), *reference)
            position = reference[1]
        self.add_literal(markup, position, end)

    def add_literal(self, markup: str, start: int, end: int) -> None:
        self.pieces.append(markup[start:end].translate(TO_SPACE))
        self.starts += range(start, end)
        self.ends += range(start + 1, end + 1)

    def add_break(self, position: int) -> None:
        self.add("\n", position, position)

    def is_visible(self) -> bool:
        return any(piece.strip(INVISIBLE) for piece in self.pieces)

    def ends_with_break(self) -> bool:
        """Whether nothing visible stands after the last line break."""
        for piece in reversed(self.pieces):
            if piece == "\n":
                return True
            if piece.strip(INVISIBLE):
                return False
        return False

    def take(self) -> list[ReferenceBlock]:
        """The block of the content so far, none where nothing is visible; starts anew after it."""
        text = "".join(self.pieces)
        first, last = len(text) - len(text.lstrip(INVISIBLE)), len(text.rstrip(INVISIBLE)) - 1
        blocks = []
        if first <= last:
            collapsed = re.sub(" *\n *", "\n", re.sub("  +", " ", text[first : last + 1]))
            blocks.append(ReferenceBlock(collapsed, self.starts[first], self.ends[last]))
        self.pieces, self.starts, self.ends = [], [], []
        return blocks


def _references(markup: str, start: int, end: int) -> Iterator[tuple[tuple[int, int], str]]:
    """Each character reference in `[start, end)`: its own range, and what it resolves to."""
    for match in REFERENCE.finditer(markup, start, end):
        name = match["name"]
        if name is None:
            digits, base = (match["decimal"], 10) if match["decimal"] else (match["hex"], 16)
            # Eight digits are too large a number in either base, and Python refuses to read thousands.
            yield match.span(), _numbered(int(digits.lstrip("0")[:8] or "0", base))
            continue
        # The longest name that starts here counts; some need no semicolon, so `&ampx` is `&x`.
        for size in range(len(name), 1, -1):
            if name[:size] in html5:
                yield (match.start(), match.start() + 1 + size), html5[name[:size]]
                break


def _numbered(number: int) -> str:
    """The character of a numeric reference, by the HTML standard."""
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return "\ufffd"
    if 0x80 <= number <= 0x9F:
        # Meant for windows-1252, which leaves five of these without a character.
        return bytes([number]).decode("cp1252", "ignore") or chr(number)
    return chr(number)
