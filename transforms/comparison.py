"""What a revision of an article changed, paragraph by paragraph. Pure: texts in, changes out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

__all__ = ["Difference", "compare", "marked", "paragraphs_of"]

Kind = Literal["same", "moved", "changed", "added", "removed"]

# Texts that share less than this of their characters are two paragraphs, not one that was changed.
ALIKE: Final = 0.5
# Words of letters and digits; each Chinese, Japanese or Korean character; white space; any other character.
TOKEN: Final = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|\s+|."
)


class Difference(NamedTuple):
    """One paragraph in two revisions: its numbers from 0 and its texts, None where a revision has it not."""

    kind: Kind
    before: int | None
    after: int | None
    old: str | None
    new: str | None


def paragraphs_of(text: str) -> list[str]:
    """Paragraphs of `articles.text` or `revisions.text`, which no paragraph's own text can part."""
    return text.split("\n\n")


def compare(old: Sequence[str], new: Sequence[str]) -> list[Difference]:
    """Every paragraph of both revisions once: those of the new one in its order, removed ones where they stood.

    A paragraph is `moved` where the same text stands elsewhere, and `changed` where one that is alike stands in its
    place.

    >>> [(d.kind, d.before, d.after) for d in compare(["a", "b", "c"], ["c", "a", "d"])]
    [('moved', 2, 0), ('same', 0, 1), ('added', None, 2), ('removed', 1, None)]
    """
    origin: dict[int, int] = {}
    kinds: dict[int, Kind] = {}
    left: list[tuple[range, range]] = []
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            origin |= zip(range(start, end), range(first, last), strict=True)
            kinds |= dict.fromkeys(range(start, end), "same")
        else:
            left.append((range(first, last), range(start, end)))
    elsewhere: dict[str, list[int]] = defaultdict(list)
    for gone, _ in left:
        for before in gone:
            elsewhere[old[before]].append(before)
    for _, come in left:
        for after in come:
            if elsewhere[new[after]]:
                origin[after], kinds[after] = elsewhere[new[after]].pop(0), "moved"
    taken = set(origin.values())
    for gone, come in left:
        pairs = sorted(
            (-_alike(old[before], new[after]), before, after)
            for before in gone
            if before not in taken
            for after in come
            if after not in origin
        )
        for likeness, before, after in pairs:
            if -likeness >= ALIKE and before not in taken and after not in origin:
                origin[after], kinds[after] = before, "changed"
                taken.add(before)
    removed = [Difference("removed", at, None, text, None) for at, text in enumerate(old) if at not in taken]
    found: list[Difference] = []
    for after, text in enumerate(new):
        if after not in origin:
            found.append(Difference("added", None, after, None, text))
            continue
        before = origin[after]
        # A moved paragraph says nothing of what stood before it.
        while kinds[after] != "moved" and removed and (removed[0].before or 0) < before:
            found.append(removed.pop(0))
        found.append(Difference(kinds[after], before, after, old[before], text))
    return found + removed


def marked(old: str, new: str) -> str:
    """A changed paragraph as one text: `[-what went-]` and `{+what came+}`.

    >>> marked("The bridge opens on Monday.", "The bridge opens on Friday.")
    'The bridge opens on [-Monday-]{+Friday+}.'
    """
    before, after = TOKEN.findall(old), TOKEN.findall(new)
    parts = []
    for tag, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        went, came = "".join(before[first:last]), "".join(after[start:end])
        if tag == "equal":
            parts.append(went)
            continue
        parts.append((f"[-{went}-]" if went else "") + (f"{{+{came}+}}" if came else ""))
    return "".join(parts)


def _alike(old: str, new: str) -> float:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0
    return matcher.ratio()
