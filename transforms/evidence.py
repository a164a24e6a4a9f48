"""What elements and wording say about a block: the registry's rules in the form that judging needs.

Gives each finding with its reason, which `pressmark explain` shows. Knows nothing of a block's place or neighbours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from turbohtml import Token

from pressmark.schemas.contract import Role
from pressmark.transforms.blocks import RENAMED, element_name
from pressmark.transforms.outlets import Rules, class_words
from pressmark.transforms.page_features import PAID

__all__ = [
    "BY_CLASS", "BY_START", "ELEMENT_FINDINGS", "HEADINGS", "HIDDEN", "LONGEST_PLAIN_REMARK", "LONGEST_REMARK",
    "Evidence", "Finding", "evidence_of", "telling",
]  # fmt: skip

# Content of the strong ones is never running text, whatever is around it; what the others say counts where neither an
# element around nor the wording says more.
ELEMENTS: Final[tuple[tuple[Role, bool, str], ...]] = (
    ("boilerplate", True, "audio video object noscript iframe form"),
    ("quote", True, "blockquote"),
    ("caption", True, "figcaption"),
    ("related", True, "nav"),
    ("heading", False, "h1 h2 h3 h4 h5 h6"),
    ("list_item", False, "li"),
    ("body", False, "pre"),
    ("caption", False, "small figure"),
    ("note", False, "footer"),
)
NAMING: Final = frozenset({"class", "id", "role", "property", "itemprop", "rel", "aria-label"})
NAMING_BY_NAME: Final = ("data-", "aria-")
OPENING: Final = ' \xa0\u3000\n【（(［[「『“"*#—–-=•●▪■◆◼‧∙'
ANNOUNCING: Final = frozenset({"related", "boilerplate", "byline"})
ENDS_WORDS: Final = ("", *" \xa0\n：:】］]）)」』|｜")
SENTENCE: Final = re.compile(r"[，。！？]")
SHORT: Final = 40
NEVER: Final = r"(?!)"
MOST_NAMES: Final = 10_000
# A remark that merely occurs in a long block is part of the story; within the story it is one in a short block only.
LONGEST_REMARK: Final = 300
LONGEST_PLAIN_REMARK: Final = 40


# How reasons begin that class words and first words give.
BY_CLASS: Final = "class words"
BY_START: Final = "starts with"


class Finding(NamedTuple):
    """A role, why, and whether it holds against what the block's wording says."""

    role: Role
    reason: str
    strong: bool = True


HIDDEN: Final = Finding("boilerplate", "hidden from readers")
# What shows pictures holds no more paragraphs of several sentences than this, where it does not tell the story.
SHOWING: Final = frozenset(
    Finding("caption", f"{BY_CLASS} `{word}`") for word in ("chart", "gallery", "slideshow", "graphic", "infographic")
)
MOST_TOLD: Final = 4
TOLD: Final = re.compile(r"\w{4}[.!?][\"”’)]?(?=\s|$)|[。！？]")
# What hides an element: an attribute, words of a style, and class words for what is only read aloud.
HIDING_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
ALOUD: Final = re.compile(r"(?:^|\s)(?:sr-only|screen-reader(?:-only|-text)?|visually-?hidden)(?=\s|$)")

# What a site's generator puts in the place of a block; a block that has words of its own beside that is none.
FILLED: Final = Finding("boilerplate", "filled in by the site's generator")
GENERATED: Final = re.compile(
    r"(?:(?:\{\{(?:[<%][^{}]{1,2000}[%>]|\w{2,20} \"[^{}]{1,500})\}\}|\{%[^{}]{1,500}%\})\s?){1,99}+"
)

ELEMENT_FINDINGS: Final = {
    tag: Finding(role, f"inside `{tag}`", strong) for role, strong, tags in ELEMENTS for tag in tags.split()
}
# By any name that the cut gives an element.
FINDINGS_BY_NAME: Final = ELEMENT_FINDINGS | {
    renamed: ELEMENT_FINDINGS[tag] for renamed, tag in RENAMED.items() if tag in ELEMENT_FINDINGS
}


class Evidence:
    """The rules for one layout, compiled. Findings are shared, so asking costs a look-up for most blocks."""

    def __init__(self, own: Rules, general: Rules) -> None:
        rules = own + general
        self._starts: dict[str, list[tuple[str, Finding]]] = {}
        for text, role in rules.starts:
            self._starts.setdefault(text[0], []).append((text, Finding(role, f"{BY_START} `{text}`")))
        self._remarks: dict[str, tuple[int, Finding]] = {}
        for order, (text, role) in enumerate(rules.contains):
            self._remarks.setdefault(text, (order, Finding(role, f"contains `{text}`")))
        self._contains = [_any_of(part) for part in (own, general) if part.contains]
        # Most blocks contain none of them, which one search tells.
        self.remark: Final = _any_of(rules)
        self._classes = [(f" {words} ", Finding(role, f"{BY_CLASS} `{words}`")) for words, role in rules.classes]
        self._named: dict[str, Finding | None] = {}
        self.byline: Final = _credits(rules.byline_words)
        # A block that begins with none of these has no telling words, but for a remark in a short one.
        self.telling: Final = frozenset(self._starts) | frozenset(OPENING) | {"{"}

    def of_wording(self, text: str, *, at_edge: bool) -> Finding | None:
        """What the first words of a block say, or, outside the story, any words of a remark."""
        if len(text) <= (LONGEST_REMARK if at_edge else LONGEST_PLAIN_REMARK) and self.remark.search(text):
            for contains in self._contains:
                found = set(contains.findall(text))
                if found:
                    return min(self._remarks[remark] for remark in found)[1]
        finding = self._of_start(text)
        if finding is None and text[0] in OPENING:
            finding = self._of_start(text.lstrip(OPENING))
        return finding

    def _of_start(self, text: str) -> Finding | None:
        if text.startswith(("{{", "{%")) and GENERATED.fullmatch(text):
            return FILLED
        for start, finding in self._starts.get(text[:1], ()):
            if text.startswith(start) and (finding.role not in ANNOUNCING or _announces(text, start)):
                return finding
        return None

    def of_element(self, token: Token) -> Finding | None:
        """What an element says by its attributes, else by its name."""
        tag = token.tag or ""
        names = ""
        for key, value in token.attrs or ():
            if key in HIDING and _hides(key, value or "") and not PAID.search(names):
                return HIDDEN
            # The id of a heading is its own words, for others to lead to.
            if key in NAMING and (key != "id" or tag not in HEADINGS):
                names += f"{value} "
            elif key.startswith(NAMING_BY_NAME):
                names += f"{key} "
        if "=" in tag:
            # A scraper dropped the space, so the first attribute is part of the name.
            names += tag
            tag = element_name(tag)
        if names:
            finding = self._named[names] if names in self._named else self._of_names(names)
            if finding is not None:
                return finding
        return FINDINGS_BY_NAME.get(tag)

    def _of_names(self, names: str) -> Finding | None:
        words = f" {class_words(names)} "
        found = next((finding for phrase, finding in self._classes if phrase in words), None)
        if len(self._named) < MOST_NAMES:
            self._named[names] = found
        return found


HIDING: Final = frozenset({"hidden", "style", "aria-hidden", "class"})
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def _hides(key: str, value: str) -> bool:
    if key == "hidden":
        return value.lower() != "until-found"
    if key == "aria-hidden":
        return value.strip().lower() == "true"
    return (HIDING_STYLE if key == "style" else ALOUD).search(value) is not None


def _announces(text: str, start: str) -> bool:
    """Whether the words stand for themselves, and are not the first ones of a sentence."""
    return text[len(start) : len(start) + 1] in ENDS_WORDS or (len(text) <= SHORT and not SENTENCE.search(text))


def _any_of(rules: Rules) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text, _ in rules.contains) or NEVER)


# Behind a word of Latin letters a name begins with none that is small: `Editor settings` names nobody.
SPACE: Final = r"\s(?:(?<![A-Za-z]\s)(?![$>])|(?=[^a-z0-9$>]|in.[Cc]hief))"


def _credits(words: tuple[str, ...]) -> re.Pattern[str]:
    """Blocks that say what people did for an article, and their names."""
    word = "|".join(sorted(map(re.escape, words), key=len, reverse=True)) or NEVER
    longer = "|".join(sorted((re.escape(one) for one in words if len(one) > 1), key=len, reverse=True)) or NEVER
    credit = rf"(?:{word})\s*(?:[:：/︱|｜丨]|{SPACE})\s*[^\s，。！？；;:：][^，。！？;；\n]{{0,60}}"
    return re.compile(
        rf"(?:[^，。！？：:\n]{{1,16}}\s)?{credit}(?:，[^，。！？\n]{{2,30}})?(?:[;；\n]\s*[^，。！？;；\n]{{1,60}})*"
        rf"|[^，。！？：:\n]{{2,30}}\s*[|｜︱丨/]\s*(?:{word})"
        rf"|[（(\[［【]\s*{credit}[）)\]］】]"
        rf"|(?=[\u4e00-\u9fff]{{3,14}}\s*[:：])[\u4e00-\u9fff]{{1,6}}(?:{longer})\s*[:：]\s*[^，。！？；;:：\n]{{2,30}}"
    )


def telling(said: Iterable[tuple[Finding | None, str]]) -> frozenset[Finding]:
    """Of findings by classes that show pictures those in which the story itself is told, as in reviews."""
    found = Counter(finding for finding, text in said if finding in SHOWING and len(TOLD.findall(text)) > 1)
    return frozenset(finding for finding, count in found.items() if finding is not None and count >= MOST_TOLD)


# Rules are compared by identity.
evidence_of: Final = lru_cache(maxsize=1024)(Evidence)
