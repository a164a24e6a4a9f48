"""Cuts a Markdown body into blocks with exact spans, by the same laws as HTML.

Owns the rendering: HTML for a body, and for every piece of it the place in the body that it is from. `blocks.py` cuts
the rendering, so that text, links, roles and raw HTML follow one set of rules, and the map takes each block back to the
body. The syntax is CommonMark with tables, footnotes, strikethrough, bare addresses and attribute lists.

**What the laws mean here.** A slice of Markdown has no meaning alone: `粗** 后文` is bold only behind its first marker,
and `[a][b]` a link only beside its definition. So the text of a slice is that of what it was rendered as:
`Rendering.place(start, end)` is where exactly these code points are shown, and law 1 holds there as for any HTML: it is
one block, with exactly this text, none of it white space at the ends. Law 4 holds for the rendering without these
slices: no visible text is left. That the rendering shows all that a reader sees is what tests hold against an
independent reader, `markdown-it-py`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pyromark import Markdown, Options

from pressmark.transforms.blocks import Cut, TooDeep, cut
from pressmark.transforms.generators import FILLED_SPACE, STANDS_FOR, blanked, closed, shielded, unlinked

__all__ = ["Rendering", "cut_markdown", "render"]

READER: Final = Markdown(options=Options.ENABLE_TABLES | Options.ENABLE_FOOTNOTES | Options.ENABLE_STRIKETHROUGH)
TAGS: Final = {
    "Paragraph": ("p",), "BlockQuote": ("blockquote",), "CodeBlock": ("pre", "code"), "Item": ("li",),
    "FootnoteDefinition": ("footer",), "Table": ("table",), "TableHead": ("thead", "tr"), "TableRow": ("tr",),
    "Emphasis": ("em",), "Strong": ("strong",), "Strikethrough": ("del",), "Link": ("a",),
}  # fmt: skip
SPANS: Final = frozenset({"Emphasis", "Strong", "Strikethrough", "Link"})
ENDS: Final = {name: "".join(f"</{tag}>" for tag in reversed(tags)) for name, tags in TAGS.items()}

# Runs of markers whose neighbours decide what they open and close, and a tilde alone, which strikes nothing; addresses
# and what is in a link's brackets with one, where none of them is a marker, come before these.
MARKERS: Final = re.compile(
    r"^[ \t>]{0,99}\[(?!\^)[^\[\]\n]{1,200}\]:[ \t]+\S+[^\n]*+|\]\((?:[^()\n]|\([^()\n]{0,400}\)){0,2000}\)"
    r"|<[A-Za-z][\w+.-]{1,31}:[^<>\s]*>|\*+|~+",
    re.MULTILINE,
)
# What containers put before a line.
LONGEST_PREFIX: Final = 4096
LEFT_OVER: Final = re.compile(r"(?<!\*)\*\*(?!\*)")
# Stand in for a neighbour, so that markers open and close beside Chinese as between words: one is no punctuation to the
# reader, the other is. Text is never read from what they are in.
LETTER: Final = "\ue000"
MARK: Final = "\u2e2e"
FIRST_IDEOGRAPHIC: Final = "\u1100"

# Whatever the case, `i`, `k` and `s` would be letters outside of ASCII too.
ADDRESS: Final = re.compile(r"(?i:https?)://[^\s<>\"'`|\\^{}\u0080-\U0010ffff]+")
TRAILING: Final = ".,:;!?*_~'\""
ESCAPED: Final = re.compile(r"[&<]")
ESCAPES: Final = {"&": "&amp;", "<": "&lt;"}
TAG_OR_CODE: Final = re.compile(rf"<[^<>]*>|({STANDS_FOR['<']})")


class Rendering(NamedTuple):
    """HTML of a Markdown body. Piece number `i` begins at `places[i]` of `html` and is from `starts[i]` to `ends[i]` of
    the body, in code points; where both are as long, character by character. What lies between the pieces is tags.
    """

    html: str
    places: list[int]
    lengths: list[int]
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `[start, end)` of the HTML is from; not empty, and inside pieces at both ends."""
        first, last = bisect_right(self.places, start) - 1, bisect_right(self.places, end - 1) - 1
        begin, stop = self.starts[first], self.ends[last]
        if self.lengths[first] == self.ends[first] - begin:
            begin += start - self.places[first]
        if self.lengths[last] == stop - self.starts[last]:
            # What ends between pieces ends with the one before.
            stop = min(stop, self.starts[last] + end - self.places[last])
        return begin, stop

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Where in the HTML `[start, end)` of the body is shown; None where either end is no part of a piece."""
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end - 1) - 1
        if first < 0 or last < first or start >= self.ends[first] or end > self.ends[last]:
            return None
        begin, stop = self.places[first], self.places[last] + self.lengths[last]
        if self.lengths[first] == self.ends[first] - self.starts[first]:
            begin += start - self.starts[first]
        if self.lengths[last] == self.ends[last] - self.starts[last]:
            stop -= self.ends[last] - end
        return begin, stop


def cut_markdown(body: str, *, max_depth: int = 1000) -> Cut:
    """Blocks of a Markdown body in its order, with what was skipped and its media.

    Raises `TooDeep` where more than `max_depth` elements are open.

    >>> found = cut_markdown("# 堰\\n\\n> **水：**又来\\n> [看](u)。\\n")
    >>> [(b.text, b.start, b.end, [token.tag for token in b.path]) for b in found.blocks]
    [('堰', 2, 3, ['h1']), ('水：又来 看。', 9, 25, ['blockquote', 'p', 'strong'])]
    """
    rendering = render(body)
    try:
        found = cut(rendering.html, max_depth=max_depth)
    except TooDeep as deep:
        piece = max(bisect_right(rendering.places, deep.position) - 1, 0)
        raise TooDeep(rendering.starts[piece] if rendering.starts else 0, max_depth) from None
    blocks = []
    for block in found.blocks:
        start, end = rendering.span(block.start, block.end)
        blocks.append(block._replace(start=start, end=end))
    skipped = [rendering.span(start, end) for start, end in found.skipped]
    media = []
    for medium in found.media:
        start, end = rendering.span(medium.start, medium.end)
        # A tag that the body leaves open, and that ends with one which it is shown by, is no element.
        if rendering.place(start, end) == (medium.start, medium.end):
            media.append(medium._replace(start=start, end=end))
    return Cut(blocks, skipped, media)


def render(body: str) -> Rendering:
    """HTML of a Markdown body, with the place of each piece. Takes time in proportion to the body.

    A second reading closes what Chinese authors leave open: `**` with a space on its inner side, where a paragraph has
    an even number of these left over.
    """
    renderer = _Renderer(body)
    rendering = renderer.run()
    loose = renderer.left_over()
    return _Renderer(body, loose).run() if loose else rendering


class _Renderer:
    """One walk over the reader's events."""

    def __init__(self, body: str, loose: Mapping[int, bool] | None = None) -> None:
        self._body = body
        # Where `**` is left over, by paragraph.
        self.left: list[list[int]] = []
        # Text and tags are read without what is there for the site's generator, code from the body itself.
        self._tags = closed(body)
        self._text, around = unlinked(blanked(self._tags))
        self._around = around[::-1]
        # A return alone ends a line, too.
        text, self._stood_for = shielded(self._text)
        self._read = _beside_ideographs(re.sub(r"\r(?!\n)", "\n", text), loose or {})
        self._bytes = self._read.encode("utf-8", "replace")
        self._ascii = len(self._bytes) == len(body)
        self._byte = self._point = 0
        self._out: list[str] = []
        self._length = 0
        self._places: list[int] = []
        self._lengths: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        # Text that follows without a gap waits, so that an address in it is seen whole.
        self._run: list[int] = []
        self._linked = self._heading = 0
        self._in_code = False
        self._cell = "td"
        # The image that is being read: its `alt` so far, what it says, and where.
        self._alt: list[str] = []
        self._at: tuple[Any, Mapping[str, int]] = ({}, {})

    def run(self) -> Rendering:
        image = 0
        event: Any
        place: Any
        for event, place in READER.events_with_range(self._read):
            name, value = (event, None) if isinstance(event, str) else next(iter(event.items()))
            if image:
                # What an image holds is its `alt`.
                kind = value if isinstance(value, str) else next(iter(value or [""]))
                image += (kind == "Image") * ((name == "Start") - (name == "End"))
                if name in ("Text", "Code"):
                    self._alt.append(str(value))
                elif name in ("SoftBreak", "HardBreak"):
                    self._alt.append(" ")
                if not image:
                    self._image()
                continue
            if name == "Start" and isinstance(value, dict) and "Image" in value:
                image, self._alt, self._at = 1, [], (value["Image"], place)
                continue
            self._event(name, value, place)
        self._flush()
        return Rendering("".join(self._out), self._places, self._lengths, self._starts, self._ends)

    def _event(self, name: str, value: Any, place: Mapping[str, int]) -> None:
        while self._around and name != "End" and self._points(place)[0] >= self._around[-1][0]:
            self._flush()
            self._link_blocks()
        if name == "Text":
            self._add_text(value, *self._points(place))
            return
        self._flush()
        if name == "Start" or name == "End":
            kind = value if isinstance(value, str) else next(iter(value))
            if name == "Start":
                self._start(kind, None if isinstance(value, str) else value[kind])
            else:
                self._end(kind, ordered=kind == "List" and value[kind])
        elif name == "SoftBreak":
            self._tag("\n")
        elif name == "HardBreak":
            self._tag("<br>")
        elif name == "Rule":
            self._tag("<hr>")
        elif name == "Code":
            self._tag("<code>")
            self._code(value, *self._points(place))
            self._tag("</code>")
        elif name in ("Html", "InlineHtml"):
            start, end = self._points(place)
            if value == self._read[start:end]:
                self._markup(start, end)
            else:
                self._resolved(value, start, end, markup=True)

    def _markup(self, start: int, end: int) -> None:
        """Markup as it is written; shortcodes beside its tags are text."""
        for found in TAG_OR_CODE.finditer(self._read, start, end) if self._stood_for else ():
            if found[1]:
                self._piece(self._tags[start : found.start()], start, found.start())
                self._piece(ESCAPES["<"], found.start(), found.end())
                start = found.end()
        self._piece(self._tags[start:end], start, end)

    def _points(self, place: Mapping[str, int]) -> tuple[int, int]:
        """Code points of a range of bytes. Ranges come in order, but for those of what holds others."""
        start, end = place["start"], place["end"]
        if self._ascii:
            return start, end
        if start < self._byte:
            self._byte = self._point = 0
        self._point += len(self._bytes[self._byte : start].decode("utf-8", "ignore"))
        self._byte = start
        return self._point, self._point + len(self._bytes[start:end].decode("utf-8", "ignore"))

    def _link_blocks(self) -> None:
        _, address = self._around.pop()
        self._linked += 1 if address else -1
        self._tag(f'<a href="{html.escape(address)}">' if address else "</a>")

    def _start(self, kind: str, value: Any) -> None:
        if kind not in SPANS:
            self.left.append([])
        if kind == "Heading":
            level = value["level"] if isinstance(value, dict) else value
            self._heading = int(str(level).lstrip("Hh"))
            self._tag(f"<h{self._heading}>")
        elif kind == "Link":
            self._linked += 1
            address = self._address(value)
            if value["link_type"] == "Email":
                address = f"mailto:{address}"
            self._tag(f'<a href="{html.escape(address)}">')
        elif kind == "TableCell":
            self._tag(f"<{self._cell}>")
        elif kind == "List":
            self._tag("<ul>" if value is None else "<ol>")
        elif kind in TAGS:
            self._in_code = kind == "CodeBlock"
            if kind == "TableHead":
                self._cell = "th"
            self._tag("".join(f"<{tag}>" for tag in TAGS[kind]))

    def _end(self, kind: str, *, ordered: bool) -> None:
        if kind == "Heading":
            self._tag(f"</h{self._heading}>")
        elif kind == "TableCell":
            self._tag(f"</{self._cell}>")
        elif kind == "List":
            self._tag("</ol>" if ordered else "</ul>")
        elif kind in TAGS:
            self._linked -= kind == "Link"
            self._in_code = False
            if kind == "TableHead":
                self._cell = "td"
            self._tag(ENDS[kind])

    def _image(self) -> None:
        self._flush()
        value, place = self._at
        alt = "".join(self._alt).translate(self._stood_for)
        said = str(value["title"]).translate(self._stood_for)
        title = f' title="{html.escape(said)}"' if said else ""
        tag = f'<img src="{html.escape(self._address(value))}" alt="{html.escape(alt)}"{title}>'
        self._piece(tag, *self._points(place))

    def _add_text(self, value: str, start: int, end: int) -> None:
        if value != self._read[start:end]:
            self._flush()
            self._resolved(value, start, end)
        elif self._run and self._run[1] == start:
            self._run[1] = end
        else:
            self._flush()
            self._run = [start, end]

    def _flush(self) -> None:
        """Give out the text that waits, with links where it holds addresses."""
        if not self._run:
            return
        (start, end), self._run = self._run, []
        text = self._body if self._in_code else self._text
        position = start
        if not self._linked and not self._in_code and "://" in text[start:end]:
            for found in ADDRESS.finditer(text, start, end):
                stop = _end_of_address(found[0]) + found.start()
                self._literal(text, position, found.start())
                self._tag(f'<a href="{html.escape(text[found.start() : stop])}">')
                self._literal(text, found.start(), stop)
                self._tag("</a>")
                position = stop
        self._literal(text, position, end)
        if "**" in text[start:end] and not self._in_code and self.left:
            self.left[-1] += [found.start() for found in LEFT_OVER.finditer(text, start, end)]

    def left_over(self) -> dict[int, bool]:
        """Where a `**` is that should have opened (true) or closed something."""
        return {
            place: number % 2 == 0
            for places in self.left
            if len(places) % 2 == 0
            for number, place in enumerate(places)
            if max(self._body[max(place - 2, 0) : place + 4]) >= FIRST_IDEOGRAPHIC
        }

    def _literal(self, text: str, start: int, end: int) -> None:
        """Text that is what it says."""
        for found in ESCAPED.finditer(text, start, end):
            self._piece(text[start : found.start()], start, found.start())
            self._piece(ESCAPES[found[0]], found.start(), found.end())
            start = found.end()
        self._piece(text[start:end], start, end)

    def _code(self, value: str, start: int, end: int) -> None:
        place = self._read.find(value, start, end) if value else -1
        if place < 0:
            self._resolved(value, start, end)
        else:
            self._literal(self._body, place, place + len(value))

    def _address(self, value: Mapping[str, Any]) -> str:
        """Where a link or an image leads to; what a template would fill in is as it is written."""
        address = str(value["dest_url"])
        return address.translate(self._stood_for).replace(FILLED_SPACE, " ") if "{" in address else address

    def _resolved(self, value: str, start: int, end: int, *, markup: bool = False) -> None:
        """What is not as it is written: a character reference, or lines whose tabs and prefixes were taken away."""
        value = value.translate(self._stood_for)
        shown = value if markup else ESCAPED.sub(lambda found: ESCAPES[found[0]], value)
        if self._body.startswith("&", start) and not markup:
            self._piece(shown, start, end)
            return
        position = start
        for character in value:
            reach = min(end, position + LONGEST_PREFIX)
            place = -1 if character.isspace() else self._body.find(character, position, reach)
            shown = character if markup else ESCAPES.get(character, character)
            if place < 0:
                self._tag(shown if character.isspace() else "")
            else:
                self._piece(shown, place, place + 1)
                position = place + 1

    def _piece(self, shown: str, start: int, end: int) -> None:
        if shown:
            self._places.append(self._length)
            self._lengths.append(len(shown))
            self._starts.append(start)
            self._ends.append(end)
            self._tag(shown)

    def _tag(self, tag: str) -> None:
        self._out.append(tag)
        self._length += len(tag)


def _end_of_address(text: str) -> int:
    """How much of a bare address is one: not the punctuation behind it, nor a parenthesis that was opened before it."""
    end = len(text)
    surplus = text.count(")") - text.count("(")
    while end and (text[end - 1] in TRAILING or (text[end - 1] == ")" and surplus > 0)):
        surplus -= text[end - 1] == ")"
        end -= 1
    return end


def _beside_ideographs(body: str, loose: Mapping[int, bool]) -> str:
    """`body` as the reader gets it: what stands beside a run of `*` or `~` is replaced where it would keep the run from
    opening or closing next to Chinese, Japanese or Korean, and a tilde alone is no marker. Runs at `loose` open (true)
    or close, whatever is on their inner side."""
    if body.isascii() and "~" not in body:
        return body
    changed: dict[int, str] = {}
    for run in MARKERS.finditer(body):
        start, end = run.span()
        if run[0][0] not in "*~":
            continue
        if run[0] == "~":
            changed[start] = LETTER if not body.isascii() else "="
            continue
        left, right = body[max(start - 1, 0) : start], body[end : end + 1]
        if start in loose:
            # A space on the outer side may be what makes a line an item or a heading.
            inner, outer, beside, other = (
                (end, start - 1, right, left) if loose[start] else (start - 1, end, left, right)
            )
            if beside in (" ", "\t") or (not beside.isascii() and (beside.isspace() or _is_mark(beside))):
                changed[inner] = LETTER
            elif other.isalnum() and beside.isascii():
                changed[outer] = MARK
            continue
        if not left.strip() or not right.strip() or left == "\\" or max(left, right) < FIRST_IDEOGRAPHIC:
            continue
        for place, beside, other, beyond in ((start - 1, left, right, end), (end, right, left, start - 1)):
            if _is_mark(beside) and not _is_mark(other):
                if beside.isascii():
                    changed[beyond] = MARK
                else:
                    changed[place] = LETTER
    if not changed:
        return body
    pieces, position = [], 0
    for place in sorted(changed):
        pieces += [body[position:place], changed[place]]
        position = place + 1
    return "".join([*pieces, body[position:]])


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
