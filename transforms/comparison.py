"""What a revision of an article changed, paragraph by paragraph. Pure: texts in, changes out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

__all__ = ["Difference", "Edit", "compare", "edits", "marked", "paragraphs_of"]

Kind = Literal["same", "moved", "changed", "added", "removed"]

# Texts that share less than this of their words are two paragraphs, not one that was changed.
ALIKE: Final = 0.5
# What is aligned in full has at most so many pairs of equal members, and a stretch is searched for paragraphs that are
# alike up to so many pairs of them and of their words: more is seconds, and no article.
MOST_EQUAL_PAIRS: Final = 1_000_000
MOST_ALIGNED: Final = 400_000_000
MOST_PAIRS: Final = 250_000
MOST_PAIRS_OF_WORDS: Final = 4_000_000_000
MOST_WORDS: Final = 10_000
# Numbers with their points and commas; words of letters and digits; each Chinese, Japanese or Korean character; white
# space; any other character.
TOKEN: Final = re.compile(
    r"\d+(?:[.,]\d+)+|[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|\s+|."
)


class Difference(NamedTuple):
    """One paragraph in two revisions: its numbers from 0 and its texts, None where a revision has it not."""

    kind: Kind
    before: int | None
    after: int | None
    old: str | None
    new: str | None


class Edit(NamedTuple):
    """A stretch of both texts, in members from a start to just before an end: equal, or not."""

    equal: bool
    old: slice
    new: slice


def paragraphs_of(text: str) -> list[str]:
    """Paragraphs of `articles.text` or `revisions.text`, which no paragraph's own text can part."""
    return text.split("\n\n")


def compare(old: Sequence[str], new: Sequence[str]) -> list[Difference]:
    """Every paragraph of both revisions once: those of the new one in its order, removed ones where they stood.

    A paragraph is `moved` where the same text stands elsewhere, and `changed` where one that is alike stands in its
    place, else elsewhere.

    >>> [(d.kind, d.before, d.after) for d in compare(["a", "b", "c"], ["c", "a", "d"])]
    [('moved', 2, 0), ('same', 0, 1), ('added', None, 2), ('removed', 1, None)]
    """
    origin: dict[int, int] = {}
    kinds: dict[int, Kind] = {}
    left: list[tuple[range, range]] = []
    for equal, was, now in _aligned(old, new):
        before_, after_ = range(was.start, was.stop), range(now.start, now.stop)
        if equal:
            origin |= zip(after_, before_, strict=True)
            kinds |= dict.fromkeys(after_, "same")
        else:
            left.append((before_, after_))
    elsewhere: dict[str, deque[int]] = defaultdict(deque)
    for gone, _ in left:
        for before in gone:
            elsewhere[old[before]].append(before)
    for _, come in left:
        for after in come:
            if elsewhere[new[after]]:
                origin[after], kinds[after] = elsewhere[new[after]].popleft(), "moved"
    taken = set(origin.values())
    # In its own place first, then anywhere.
    away: set[int] = set()
    for gone, come in (*left, (range(len(old)), range(len(new)))):
        rest = {at: old[at] for at in gone if at not in taken}, {at: new[at] for at in come if at not in origin}
        for before, after in _alike(*rest):
            if before not in taken and after not in origin:
                origin[after], kinds[after] = before, "changed"
                taken.add(before)
                away.update([after] if (gone, come) not in left else [])
    removed = deque(Difference("removed", at, None, text, None) for at, text in enumerate(old) if at not in taken)
    found: list[Difference] = []
    for after, text in enumerate(new):
        if after not in origin:
            found.append(Difference("added", None, after, None, text))
            continue
        before = origin[after]
        # A moved paragraph says nothing of what stood before it.
        while kinds[after] != "moved" and after not in away and removed and (removed[0].before or 0) < before:
            found.append(removed.popleft())
        found.append(Difference(kinds[after], before, after, old[before], text))
    return [*found, *removed]


def edits(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    """Two sequences of texts aligned. What repeats so often that this would take long is one edit from the first
    difference to the last.

    >>> [(one.equal, one.old.stop, one.new.stop) for one in edits("abc", "abdc")]
    [(True, 2, 2), (False, 2, 3), (True, 3, 4)]
    """
    start, shorter = 0, min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    was, now = old[start : len(old) - end], new[start : len(new) - end]
    counts = Counter(was)
    if sum(counts[one] for one in now) > MOST_EQUAL_PAIRS:
        found: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(was), 0, len(now))]
    else:
        found = SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    between = [
        Edit(tag == "equal", slice(a + start, b + start), slice(c + start, d + start)) for tag, a, b, c, d in found
    ]
    head = [Edit(equal=True, old=slice(0, start), new=slice(0, start))]
    tail = [Edit(equal=True, old=slice(len(old) - end, len(old)), new=slice(len(new) - end, len(new)))]
    return [*(head if start else []), *between, *(tail if end else [])]


def _aligned(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    """Paragraphs aligned such that as many as possible are equal, and no more are moved than need be."""
    # Commands that compare nothing do not load it.
    from rapidfuzz.distance import Indel

    if len(old) * len(new) > MOST_ALIGNED:
        return edits(old, new)
    found: list[Edit] = []
    for tag, first, last, start, end in Indel.opcodes(old, new):
        one = Edit(tag == "equal", slice(first, last), slice(start, end))
        if found and not found[-1].equal and not one.equal:
            one = Edit(equal=False, old=slice(found[-1].old.start, last), new=slice(found[-1].new.start, end))
            found.pop()
        found.append(one)
    return found


def marked(old: str, new: str, context: int | None = None) -> str:
    """A changed paragraph as one text: `[-what went-]` and `{+what came+}`. Of what is equal, so many characters beside
    each change as `context` says, else all.

    >>> marked("The bridge opens on Monday.", "The bridge opens on Friday.")
    'The bridge opens on [-Monday-]{+Friday+}.'
    >>> marked("1,200 boats", "1,500 boats")
    '[-1,200-]{+1,500+} boats'
    """
    before, after = TOKEN.findall(old), TOKEN.findall(new)
    parts = []
    found = edits(before, after)
    for number, (equal, was, now) in enumerate(found):
        went, came = "".join(before[was]), "".join(after[now])
        if equal:
            parts.append(went if context is None else _shortened(went, context, number > 0, number < len(found) - 1))
        else:
            parts.append((f"[-{went}-]" if went else "") + (f"{{+{came}+}}" if came else ""))
    return "".join(parts)


def _shortened(text: str, context: int, follows: bool, leads: bool) -> str:  # noqa: FBT001  # two sides of one text
    """The ends of a text that stand beside a change."""
    head, tail = context if follows else 0, context if leads else 0
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[len(text) - tail :]}"


def _alike(old: dict[int, str], new: dict[int, str]) -> list[tuple[int, int]]:
    """Numbers of paragraphs that are alike, the most alike first. Of a stretch with too many pairs, only those that
    stand at about the same place of it are looked at."""
    from rapidfuzz.distance import Indel

    before, after = ([(at, _words(text)) for at, text in texts.items()] for texts in (old, new))
    sizes = [sum(len(words) for _, words in side) for side in (before, after)]
    share = min(MOST_PAIRS / max(len(before) * len(after), 1), MOST_PAIRS_OF_WORDS / max(sizes[0] * sizes[1], 1))
    reach = len(after) if share >= 1 else int(len(after) * share / 2) + 1
    pairs = []
    for number, (at, words) in enumerate(before):
        place = number * len(after) // len(before)
        for other, others in after[max(place - reach, 0) : place + reach + 1]:
            likeness = Indel.normalized_similarity(words, others, score_cutoff=ALIKE)
            if likeness >= ALIKE:
                pairs.append((-likeness, at, other))
    return [(at, other) for _, at, other in sorted(pairs)]


def _words(text: str) -> list[str]:
    return [token for token in TOKEN.findall(text) if not token.isspace()][:MOST_WORDS]
