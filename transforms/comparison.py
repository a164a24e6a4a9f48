"""What differs: paragraphs between two revisions of an article, and rows between two moments, in what, and why: what an
upgrade or an archive's new state did to a dataset. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

import polars as pl

from pressmark.schemas.contract import Table
from pressmark.schemas.tables import ARTICLES, MEDIA, PARAGRAPHS, REJECTS, REVISIONS
from pressmark.transforms.selection import FORGOTTEN

__all__ = [
    "COMPARED", "WHY", "Difference", "Edit", "compare", "differences", "edits", "marked", "paragraphs_of", "stretches",
]  # fmt: skip

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


def stretches(old: str, new: str) -> Iterator[tuple[bool, str, str]]:
    """Two texts in words and marks, stretch by stretch: whether it is equal, what went, and what came."""
    before, after = TOKEN.findall(old), TOKEN.findall(new)
    for equal, was, now in edits(before, after):
        yield equal, "".join(before[was]), "".join(after[now])


def marked(old: str, new: str, context: int | None = None) -> str:
    """A changed paragraph as one text: `[-what went-]` and `{+what came+}`. Of what is equal, so many characters beside
    each change as `context` says, else all.

    >>> marked("The bridge opens on Monday.", "The bridge opens on Friday.")
    'The bridge opens on [-Monday-]{+Friday+}.'
    >>> marked("1,200 boats", "1,500 boats")
    '[-1,200-]{+1,500+} boats'
    """
    parts, found = [], list(stretches(old, new))
    for number, (equal, went, came) in enumerate(found):
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


COMPARED: Final = (ARTICLES, PARAGRAPHS, MEDIA, REVISIONS, REJECTS)
# What a difference comes from: an article that was forgotten, another source, or the same one read by another contract,
# another parser (with its registry of outlets), or with other settings.
WHY: Final = ("forgotten", "source", "contract", "parser", "settings")
SOURCE: Final = ("archive", "source_path", "source_sha256")
Frames = Mapping[str, pl.LazyFrame]


def differences(old: Frames, new: Frames) -> pl.LazyFrame:
    """One row for each row that came, went or changed: `table`, `id`, `kind`, `outlet` (null for rejects),
    `source_path`, `columns` (what changed; empty for other kinds) and `why`, one of `WHY`. Columns that tell of the run
    alone are not compared. `old` and `new` are the tables of two moments by name, `runs` among them.

    Rows are in the order of the tables, then of `source_path`, `id` and `kind`.
    """
    found = [_of_table(old, new, table, number) for number, table in enumerate(COMPARED)]
    return pl.concat(found).sort("order", "source_path", "id", "kind").drop("order")


def _of_table(old: Frames, new: Frames, table: Table, order: int) -> pl.LazyFrame:
    name, key = table.name, table.schema.names[0]
    before, after = (_plain(frames[name]) for frames in (old, new))
    there, apart = before.collect_schema().names(), (key, *table.run_columns)
    columns = [one for one in after.collect_schema().names() if one in there and one not in apart]
    joined = before.select(key, *columns, here=True).join(
        after.select(key, *columns, here=True), on=key, how="full", suffix=" new", coalesce=True
    )
    changed = [pl.when(pl.col(one).ne_missing(pl.col(f"{one} new"))).then(pl.lit(one)) for one in columns]
    both = pl.col("here").is_not_null() & pl.col("here new").is_not_null()
    outlet = pl.coalesce("outlet new", "outlet") if "outlet" in columns else pl.lit(None, pl.String)
    rows = joined.select(
        pl.lit(order).alias("order"), pl.lit(name).alias("table"), pl.col(key).alias("id"),
        pl.when(both).then(pl.lit("changed")).when(pl.col("here").is_null()).then(pl.lit("came")).otherwise(pl.lit("went"))
        .alias("kind"), outlet.alias("outlet"),
        pl.when(both).then(pl.concat_list(changed).list.drop_nulls()).otherwise(pl.lit([], pl.List(pl.String)))
        .alias("columns"),
    ).filter((pl.col("kind") != "changed") | (pl.col("columns").list.len() > 0))  # fmt: skip
    return _with_reasons(rows, _sources(old, name, key), _sources(new, name, key), old, new)


def _with_reasons(
    rows: pl.LazyFrame, before: pl.LazyFrame, after: pl.LazyFrame, old: Frames, new: Frames
) -> pl.LazyFrame:
    """The rows with `source_path` and `why`, by the source of each side and by who read it there."""
    seen_before, seen_after = _seen(old), _seen(new)
    both = rows.join(before, on="id", how="left").join(after, on="id", how="left", suffix=" new")
    # What came or went has one side: the other's is the same source, wherever it is there.
    both = both.join(seen_after, on=SOURCE, how="left", suffix=" seen").join(
        seen_before, left_on=[f"{column} new" for column in SOURCE], right_on=SOURCE, how="left", suffix=" was"
    )
    same = pl.col("source_sha256") == pl.col("source_sha256 new")
    one_side = pl.col("kind") == "came"
    run_old = pl.when(one_side).then(pl.col("reader was")).otherwise(pl.col("reader"))
    run_new = pl.when(one_side).then(pl.col("reader new")).otherwise(pl.coalesce("reader new", "reader seen"))
    there = pl.when(pl.col("kind") == "changed").then(same).otherwise(run_old.is_not_null() & run_new.is_not_null())
    # A source that was current is so no more, or the other way round: the archive has another one, or lost it.
    own = pl.when(pl.col("table") == "revisions").then(pl.lit("revisions")).otherwise(pl.lit("articles"))
    other = pl.when(one_side).then(pl.col("standing was")).otherwise(pl.col("standing"))
    moved = (pl.col("kind") != "changed") & (pl.col("table") != "rejects") & (other != own) & (other != "rejects")

    def field(name: str) -> pl.Expr:
        return run_old.struct.field(name).ne_missing(run_new.struct.field(name))

    rejects = [_plain(frames["rejects"]).filter(pl.col("reason") == FORGOTTEN).select(SOURCE) for frames in (old, new)]
    both = both.join(
        pl.concat(rejects).unique().with_columns(forgotten=True), how="left", right_on=SOURCE,
        left_on=[pl.coalesce(f"{column} new", column) for column in SOURCE],
    )  # fmt: skip
    why = (
        pl.when("forgotten").then(pl.lit("forgotten"))
        .when(~there.fill_null(value=False) | moved.fill_null(value=False)).then(pl.lit("source"))
        .when(field("contract_version")).then(pl.lit("contract"))
        .when(field("parser_version")).then(pl.lit("parser"))
        .otherwise(pl.lit("settings"))
    )  # fmt: skip
    path = pl.coalesce("source_path new", "source_path").alias("source_path")
    return both.select("order", "table", "id", "kind", "outlet", path, "columns", why.alias("why"))


def _sources(frames: Frames, name: str, key: str) -> pl.LazyFrame:
    """Each row's source, and what read it."""
    rows = _plain(frames[name])
    if "source_path" not in rows.collect_schema().names():
        own = _plain(frames["articles"]).select("article_id", *SOURCE, "run_id")
        rows = rows.select(key, "article_id").join(own, on="article_id", how="left")
    return _read_by(rows.select(pl.col(key).alias("id"), *SOURCE, "run_id"), frames)


def _seen(frames: Frames) -> pl.LazyFrame:
    """Every source of a moment once, what read it, and its `standing`: the table that it is in."""
    names = ("articles", "revisions", "rejects")
    rows = [_plain(frames[name]).select(*SOURCE, "run_id", standing=pl.lit(name)) for name in names]
    once = pl.concat(rows).filter(pl.col("source_sha256").is_not_null()).unique(SOURCE, keep="first")
    return _read_by(once, frames)


def _read_by(rows: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    """Rows with `reader`, contract and parser of their run, in place of `run_id`."""
    reader = pl.struct("contract_version", "parser_version").alias("reader")
    runs = _plain(frames["runs"]).select("run_id", reader)
    return rows.join(runs, on="run_id", how="left").drop("run_id")


def _plain(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with texts for categories, which two moments number in their own ways."""
    texts = [name for name, kind in rows.collect_schema().items() if isinstance(kind, pl.Categorical | pl.Enum)]
    return rows.with_columns(pl.col(texts).cast(pl.String))
