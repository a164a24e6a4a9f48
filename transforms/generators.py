"""What Markdown holds for a site's generator alone, made harmless: no reader of the site sees it as it is written.

Owns attribute lists, the fences of boxes, sizes of pictures, links around whole blocks, comments and values of MDX, and
addresses that a template fills in. Each answer is as long as the body, so that places in it are those of the body.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FILLED_SPACE", "STANDS_FOR", "blanked", "closed", "shielded", "unlinked"]

ATTRIBUTE: Final = r"""(?:[#.][\w.:-]+|[\w-]+=(?:"[^"\n]*"|'[^'\n]*'|[^\s{}"'<>]+))"""
# On a line of its own, behind a span, or at the end of a heading; a colon makes anything one. An index of a formula
# (`\sum_{i=1}`) is none.
ATTRIBUTES: Final = re.compile(
    rf"^[ \t>]*(?P<line>\{{:[^{{}}\n]*\}}|\{{[ \t]*(?=[#.]){ATTRIBUTE}(?:[ \t]+{ATTRIBUTE})*[ \t]*\}})[ \t\r]*$"
    rf"|(?<=[)*_`~\]>])(?P<span>\{{:[^{{}}\n]*\}}|(?<!_)\{{[ \t]*{ATTRIBUTE}(?:[ \t]+{ATTRIBUTE})*[ \t]*\}})"
    rf"|^[ \t>]*\#{{1,6}}[ \t][^\n{{]*(?P<heading>\{{:?[ \t]*{ATTRIBUTE}(?:[ \t]+{ATTRIBUTE})*[ \t]*\}})[ \t\r]*$",
    re.MULTILINE,
)
# `![a](b.png =500x)`, as Wiki.js and others have it.
SIZE: Final = re.compile(
    r"!\[[^\[\]\n]{0,999}\]\([^\s()<>]{1,2000}(?P<size>[ \t]+=\d{0,4}%?x\d{0,4}%?)"
    r"(?=[ \t]*(?:(?:\"[^\"\n]{0,999}\"|'[^'\n]{0,999}')[ \t]*)?\))"
)
# What is made of an element `a` with blocks in it: a bracket on a line of its own, or before a picture, and the rest of
# the link behind the last block.
AROUND: Final = re.compile(
    r"^[ \t>]*(?:(?P<opens>\[)(?=[ \t\r]*$|!\[[^\[\]\n]{0,999}\]\([^()\n]{1,2000}\)[ \t\r]*$)"
    r"|(?P<closes>\]\((?P<address>[^\s<>]{1,2000}?)(?:[ \t]+\"[^\n]{0,999}\")?\))[ \t\r]*$)",
    re.MULTILINE,
)
LONGEST_LINKED: Final = 4000
# `:::note` … `:::` of Docusaurus and others, `::: {.note}` of Pandoc; what names a box is a heading to its reader.
NAME: Final = r":{3,}[ \t]*[a-z][a-z0-9-]*"
BOX: Final = re.compile(
    rf"^[ \t>]*+(?P<named>{NAME}(?:[ \t]+|\[))(?=[^\s{{\[])[^\n\[\]]*?(?P<bracket>\]?)[ \t\r]*$"
    rf"|^[ \t>]*+(?P<fence>(?:{NAME}|:{{3,}})[ \t]*(?:\{{[^{{}}\n]*\}})?)[ \t\r]*$",
    re.MULTILINE,
)
OPENING_BOX: Final = re.compile(r"^[ \t>]*+:{3,}[ \t]*[a-z{]", re.MULTILINE)
CLOSING_BOX: Final = re.compile(r"^[ \t>]*+:{3,}[ \t\r]*$", re.MULTILINE)
SHORTEST_NAMED: Final = len("###### ")
REMARK: Final = re.compile(r"\{/\*(?:[^*\n{]|\{(?!/\*)|\*(?!/)|\n(?!\s*?\n)){0,2000}+\*/\}")

# An address of Markdown holds no space, one of HTML no quotation mark of its own.
TEMPLATE: Final = r"\{[{%][^{}\n]{1,300}[%}]\}"
# Of a link or an image, or of its definition.
BEFORE: Final = r"(?:\]\(|^ {0,3}\[[^\[\]\n]{1,99}\]:[ \t]+)[^\s(){}<>]{0,500}"
FILLED: Final = re.compile(
    rf"{BEFORE}(?P<address>(?:{TEMPLATE}[^\s(){{}}<>]{{0,300}}){{1,9}})"
    rf"|\w=\"[^\"\n{{]{{0,500}}(?P<double>(?:{TEMPLATE}[^\"\n{{]{{0,300}}){{1,9}})",
    re.MULTILINE,
)
FILLED_SPACE: Final = "\u00a0"
# Shortcodes of Hugo, whose `<` opens no element, and whose `>` on a line of its own no quotation. Their stand-ins are
# noncharacters of Unicode; a text that has some all the same is left as it is.
SHORTCODE: Final = re.compile(r"(?<=\{\{)<(?P<said>[^{}]{0,2000}?)>(?=\}\})")
# A tag of Liquid on the line before a definition, which is one for the site, as what the tag gives ends with its line.
# To the reader of Markdown it is an instruction of XML, behind whose line a block may begin.
TAG_BEFORE: Final = re.compile(
    r"^([ \t]{0,3})\{%([^{}<>&\n]{1,500})%\}(?=[ \t\r]*\n {0,3}\[[^\[\]\n]{1,99}\]:[ \t]+\S)", re.MULTILINE
)
STANDS_FOR: Final = {"<": "\ufdd0", ">": "\ufdd1"}
STOOD_FOR: Final = {ord(stand_in): sign for sign, stand_in in STANDS_FOR.items()}
# Values of MDX: braces with code in them, up to two levels deeper.
VALUE: Final = r"\{(?:[^{}]{1,400}+|\{(?:[^{}]{1,400}+|\{[^{}]{0,400}+\}){0,9}+\}){1,9}+\}"
QUOTED: Final = r"\"[^\"\n]{0,999}\"|'[^'\n]{0,999}'"
# What MDX takes from modules and gives to them, where a body begins.
MODULES: Final = re.compile(
    rf"\A(?:\s*+(?:import\b(?:[\w*{{}},$ \t\r\n]{{1,300}}?\bfrom\b)?[ \t]*+(?:{QUOTED})"
    rf"|export[ \t]++(?:const|let|var)[ \t]++[\w$]{{1,60}}+[ \t]*+=[ \t]*+"
    rf"(?:{VALUE}|{QUOTED}|\[[^\[\]]{{0,2000}}+\]|[\w.]{{1,60}}+))"
    r"[ \t]*+;?[ \t]*+(?=[\r\n]|\Z))++(?=\r?\n[ \t]*+\r?(?:\n|\Z)|\Z)"
)
ELEMENT: Final = re.compile(rf"<[A-Za-z][\w.]*+(?:\s++[\w:-]{{1,60}}+(?:=(?>{QUOTED}|{VALUE}))?+){{1,60}}+\s*+/?>")
BRACED: Final = re.compile(rf"(?>{QUOTED})|=({VALUE})")


def closed(body: str) -> str:
    """`body` whose tags and addresses end where they do for the site's generator, whatever a template or a value of MDX
    in them holds.

    >>> closed('[a]({{< ref "b" >}}) <img src={c} style={{d: "e"}} />').replace(FILLED_SPACE, "_")
    '[a]({{<_ref_"b"_>}}) <img src="c" style="{d: \\'e\\'}" />'
    """
    if "{%" in body or "{{" in body:
        body = FILLED.sub(_filled, body)
    return ELEMENT.sub(lambda found: BRACED.sub(_quoted, found[0]), body) if "={" in body else body


def shielded(body: str) -> tuple[str, dict[int, str]]:
    """`body` for the reader of Markdown, with stand-ins in its shortcodes for what would be read as markup, and what
    these stand for.

    >>> shielded("<b>"), [text.translate(stood_for) for text, stood_for in [shielded("{{<lamp>}} <b>")]]
    (('<b>', {}), ['{{<lamp>}} <b>'])
    >>> shielded("{% include ends.md %}\\n[pier]: /pier")[0]
    '<? include ends.md ?>\\n[pier]: /pier'
    """
    if "{" not in body:
        return body, {}
    if "%}" in body and "]: " in body:
        body = TAG_BEFORE.sub(r"\1<?\2?>", body)
    if "{{<" not in body or any(stand_in in body for stand_in in STANDS_FOR.values()):
        return body, {}
    return SHORTCODE.sub(rf"{STANDS_FOR['<']}\g<said>{STANDS_FOR['>']}", body), STOOD_FOR


def _filled(found: re.Match[str]) -> str:
    place = found.lastgroup or ""
    before = found[0][: found.start(place) - found.start()]
    return before + (found[place].replace(" ", FILLED_SPACE) if place == "address" else found[place].replace('"', "'"))


def _quoted(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else '="' + found[1][1:-1].replace('"', "'") + '"'


def blanked(body: str) -> str:
    """`body` with spaces for attribute lists, fences of boxes, sizes of pictures, and comments and modules of MDX.

    >>> blanked("a{: .b}\\n{/* c */}\\n")
    'a{: .b}\\n         \\n'
    """
    body = MODULES.sub(lambda found: re.sub(r"[^\n\r]", " ", found[0]), body)
    if "{" in body:
        body = REMARK.sub(lambda found: re.sub(r"[^\n\r]", " ", found[0]), body)
        body = ATTRIBUTES.sub(lambda found: _without(found, found.lastgroup or ""), body)
    if "![" in body:
        body = SIZE.sub(lambda found: _without(found, "size"), body)
    boxed = ":::" in body and OPENING_BOX.search(body) and CLOSING_BOX.search(body)
    return BOX.sub(_unboxed, body) if boxed else body


def unlinked(body: str) -> tuple[str, list[tuple[int, str]]]:
    """`body` with spaces for the marks of links around whole blocks, and for each the place from which on their
    address holds, and that from which on none does.

    >>> unlinked("[\\n\\n# a\\n\\n](b)\\n")
    (' \\n\\n# a\\n\\n    \\n', [(0, 'b'), (12, '')])
    """
    links: list[tuple[int, str]] = []
    pieces, position, opening = [], 0, None
    for mark in AROUND.finditer(body) if "](" in body else ():
        if mark["opens"]:
            opening = mark.start("opens")
        elif opening is not None and mark.start() - opening <= LONGEST_LINKED:
            start, end = mark.span("closes")
            pieces += [body[position:opening], " ", body[opening + 1 : start], " " * (end - start)]
            links += [(opening, mark["address"]), (end, "")]
            position, opening = end, None
    return "".join([*pieces, body[position:]]), links


def _without(found: re.Match[str], place: str, instead: str = "") -> str:
    start, end = found.start(place) - found.start(), found.end(place) - found.start()
    return found[0][:start] + instead.ljust(end - start) + found[0][end:]


def _unboxed(found: re.Match[str]) -> str:
    if found["named"] is None:
        return _without(found, "fence")
    if len(found["named"]) < SHORTEST_NAMED:
        return found[0]
    size = found.end("bracket") - found.start()
    left = found[0] if not found["bracket"] else found[0][: size - 1] + " " + found[0][size:]
    start, end = found.start("named") - found.start(), found.end("named") - found.start()
    return left[:start] + "######".ljust(end - start) + left[end:]
