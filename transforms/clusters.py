"""Which texts are copies of each other: equal, edited, or quoted in a longer one, whoever published them and when.

Texts are compared by their letters and digits alone, folded as for a search. Pairs are found by MinHash and by anchors,
and each is then measured: what is said of a pair is exact, what is found of edited ones is nearly all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any, Final

import polars as pl
import pyarrow as pa

__all__ = ["EDITED", "SHORTEST", "clusters_of", "plain_of", "share_in"]

# Characters of a shingle, of the shortest text that can be a copy, and of the anchor by which a quotation is found.
SHINGLE: Final = 5
SHORTEST: Final = 16
ANCHOR: Final = 16
# Shared shingles of all shingles of two texts, from which on one is an edited copy of the other.
EDITED: Final = 0.6
PERMUTATIONS: Final = 64
ROWS: Final = 4
SEED: Final = 5
# Texts in which all pairs of a bucket are measured; in a larger one each with the next by length.
SMALL_BUCKET: Final = 24
CHUNK: Final = 20_000
# Of a polynomial over code points; arithmetic of 64 bits wraps.
BASE: Final = 0x9E3779B97F4A7C15
MEASURED: Final = {"cluster_id": pl.String(), "similarity": pl.Float64(), "kind": pl.String()}
NOT_COMPARED: Final = r"[^\p{L}\p{N}]"

Signatures = Callable[[pl.Series, Sequence[int]], pl.DataFrame]
Pairs = Iterable[tuple[int, int]]


def clusters_of(texts: pl.DataFrame, fold: Callable[[str], str], signatures: Signatures) -> pl.DataFrame:
    """The members of clusters of two or more: `cluster_id`, `id`, `first`, `similarity` (0 to 1, with the first) and
    `kind` (same, edited, quoted), in the order of cluster, time and id.

    `texts` has `id`, `text` and `published_at`; `first` is the earliest, without a time the last to be it. Which rows
    come together does not depend on their order. `signatures` makes rows of MinHash values of hashes and of where each
    text's begin.
    """
    plain = texts.with_columns(plain=plain_of(texts["text"], fold)).filter(pl.col("plain").str.len_chars() >= SHORTEST)
    unique = plain.select(pl.col("plain").unique().sort())["plain"]
    parents = list(range(len(unique)))
    for one, two in sorted(_edited(unique, _near(unique, signatures))):
        parents[max(_root(parents, one), _root(parents, two))] = min(_root(parents, one), _root(parents, two))
    # Who quotes a text is with its copies, and not for that with everybody else who quotes something.
    own = [(number, _root(parents, number)) for number in range(len(unique))]
    roots = {*own, *((long, own[short][1]) for short, long in _quoted(unique))}
    rooted = pl.DataFrame(sorted(roots), orient="row", schema={"number": pl.Int64, "root": pl.Int64})
    numbered = pl.DataFrame({"plain": unique}).with_row_index("number").cast({"number": pl.Int64})
    members = plain.join(numbered, on="plain").join(rooted, on="number").filter(pl.len().over("root") > 1)
    return _described(members.sort("root", "published_at", "id", nulls_last=True))


def share_in(text: str, other: str) -> float:
    """How much of a text stands in another one, equal or edited, 0 to 1; both are plain.

    >>> share_in("thetidebellrings", "atnoonthetidebellrings"), share_in("thetidebellringsatnoon", "thetidebellrings")
    (1.0, 0.7272727272727273)
    """
    if text in other:
        return 1.0
    if other in text:
        return len(other) / len(text)
    found, kind = _measure(text, other)
    return found if kind == "edited" else 0.0


def plain_of(texts: pl.Series, fold: Callable[[str], str]) -> pl.Series:
    """The letters and digits of texts, folded: what is compared."""
    return pl.Series([fold(text) for text in texts], dtype=pl.String).str.replace_all(NOT_COMPARED, "")


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _near(unique: pl.Series, signatures: Signatures) -> Iterator[tuple[int, int]]:
    """Pairs that share a band of their signatures."""
    parts = []
    for start in range(0, len(unique), CHUNK):
        part = unique.slice(start, CHUNK)
        hashes = _hashes(part, SHINGLE)
        starts = [0, *hashes.group_by("text", maintain_order=True).len()["len"].cum_sum()]
        rows = signatures(hashes["hash"], starts)
        bands = [
            pl.concat_list(rows.columns[band : band + ROWS]).hash(band).alias(str(band))
            for band in range(0, PERMUTATIONS, ROWS)
        ]
        numbered = rows.select(bands).with_columns(text=pl.int_range(start, start + len(part)))
        parts.append(numbered.unpivot(index="text", variable_name="band", value_name="key"))
    if not parts:
        return
    shared = pl.concat(parts).filter(pl.len().over("band", "key") > 1)
    for bucket in set(map(tuple, shared.group_by("band", "key").agg(pl.col("text").sort())["text"].to_list())):
        if len(bucket) <= SMALL_BUCKET:
            yield from combinations(bucket, 2)
        else:
            # The texts are in order, so that those with the same beginning are neighbours.
            yield from pairwise(bucket)
            yield from pairwise(sorted(bucket, key=lambda text: (len(unique[text]), text)))


def _quoted(unique: pl.Series) -> Iterator[tuple[int, int]]:
    """Pairs of a text and a longer one that holds it."""
    heads = _hashes(unique.str.slice(0, ANCHOR), ANCHOR).rename({"text": "short"})
    for start in range(0, len(unique), CHUNK):
        hashes = _hashes(unique.slice(start, CHUNK), ANCHOR).join(heads, on="hash")
        found = hashes.select(pl.col("text") + start, "short").unique()
        for long, short in found.filter(pl.col("text") != pl.col("short")).iter_rows():
            if len(unique[short]) < len(unique[long]) and unique[short] in unique[long]:
                yield short, long


def _hashes(texts: pl.Series, length: int) -> pl.DataFrame:
    """A hash of each run of so many characters: `text`, its number among the texts, and `hash`."""
    joined = "".join(texts)
    points = pa.Array.from_buffers(pa.uint32(), len(joined), [None, pa.py_buffer(joined.encode("utf-32-le"))])
    numbers = pl.int_range(len(texts), eager=True).alias("text").repeat_by(texts.str.len_chars()).explode()
    runs = pl.DataFrame({"text": numbers, "point": pl.Series(pl.from_arrow(points)).cast(pl.UInt64)})
    value: pl.Expr = pl.lit(0, pl.UInt64)
    for offset in range(length):
        value = value * pl.lit(BASE, pl.UInt64) + pl.col("point").shift(-offset)
    inside = pl.col("text") == pl.col("text").shift(1 - length)
    return runs.select("text", hash=value, inside=inside).filter("inside").drop("inside")


def _edited(unique: pl.Series, pairs: Pairs) -> set[tuple[int, int]]:
    return {(one, two) for one, two in set(pairs) if _measure(unique[one], unique[two])[0] >= EDITED}


def _measure(one: str, two: str) -> tuple[float, str]:
    """How similar two plain texts are, and of what kind: shared shingles, less where lengths differ more than these."""
    if one == two:
        return 1.0, "same"
    shingles, others = _shingles(one), _shingles(two)
    shared = len(shingles & others)
    share = shared / (len(shingles) + len(others) - shared)
    lengths = min(len(one), len(two)) / max(len(one), len(two))
    found = min(share, lengths)
    return found, "edited" if found >= EDITED else "quoted"


@lru_cache(maxsize=4096)
def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1))


def _described(members: pl.DataFrame) -> pl.DataFrame:
    rows: dict[str, list[Any]] = {name: [] for name in MEASURED}
    names = {
        root: hashlib.sha256(text.encode()).hexdigest()[:32]
        for root, text in members.group_by("root").agg(pl.col("plain").min()).iter_rows()
    }
    leader = root = None
    for number, text in members.select("root", "plain").iter_rows():
        if number != root:
            leader, root = text, number
        similarity, kind = _measure(leader or "", text)
        rows["cluster_id"].append(names[number])
        rows["similarity"].append(similarity)
        rows["kind"].append(kind)
    first = members["root"].is_first_distinct().alias("first")
    return members.select("id").with_columns(
        first, *(pl.Series(name, values, MEASURED[name]) for name, values in rows.items())
    ).select("cluster_id", "id", "first", "similarity", "kind").sort("cluster_id", maintain_order=True)  # fmt: skip
