"""Which texts are copies of each other: equal, edited, or quoted in a longer one, whoever published them and when.

Texts are compared by their letters and digits alone, folded as for a search. Pairs are found by MinHash and by anchors,
and each is then measured: what is said of a pair is exact, what is found of edited ones is nearly all. No text is held
against more than a bounded number of others, so that time grows with the characters, whatever they are.

And which articles are one story under several addresses: copies for other readers, new slugs, and the very same text.
Both depend on all articles of a moment, so no row holds them: no order of runs can make them differ.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.uint64]
    Places = npt.NDArray[np.int64]

__all__ = [
    "EDITED", "LEAST_TEXT", "SHORTEST", "address_key", "clusters_of", "id_key", "plain_of", "same_story_of", "share_in",
]  # fmt: skip

# Characters of a shingle, of the shortest text that can be a copy, and bytes of the shortest that can be an edited or a
# quoted one: 16 ideographs, or some eight words. Shorter ones are names, dates and figures in a common form.
SHINGLE: Final = 5
SHORTEST: Final = 16
TELLING_BYTES: Final = 48
# Shared shingles of all shingles of two texts, from which on one is an edited copy of the other.
EDITED: Final = 0.6
# Where lengths differ more than this, nothing is measured.
FAR: Final = 0.05
PERMUTATIONS: Final = 64
ROWS: Final = 4
SEED: Final = 5
# Equal MinHash values of the 64, below which no pair is measured: of those that are alike by 0.6, one in 370 has fewer.
FEWEST_EQUAL: Final = 28
# Texts in which all pairs of a bucket are measured; in a larger one each with the next by letters and by length.
SMALL_BUCKET: Final = 8
# What begins as more texts than these go on is a set phrase, and no quotation.
MOST_HOLDERS: Final = 200
# Pairs, and characters, that are looked at together.
PAIRS: Final = 20_000
CHUNK: Final = 2_000_000
# Of a polynomial over code points; arithmetic of 64 bits wraps.
BASE: Final = 0x9E3779B97F4A7C15
PLACED: Final = {"number": pl.Int64(), "root": pl.Int64()}
PAIR: Final = {"one": pl.Int64(), "two": pl.Int64()}
FOUND: Final = {"text": pl.Int64(), "length": pl.Int64(), "hash": pl.UInt64()}
NOT_COMPARED: Final = r"[^\p{L}\p{N}]+"

Signatures = Callable[["Numbers", Sequence[int]], "Numbers"]


def clusters_of(texts: pl.DataFrame, signatures: Signatures) -> pl.DataFrame:
    """The members of clusters of two or more: `cluster_id`, `id`, `first`, `similarity` (0 to 1, with the first) and
    `kind` (same, edited, quoted), in the order of cluster, time and id.

    `texts` has `id`, `plain` (`plain_of` a text) and `published_at`; `first` is the earliest, without a time the last
    to be it. Which rows come together does not depend on their order. `signatures` makes rows of MinHash values of
    hashes and of where each text's begin.
    """
    plain = texts.filter(pl.col("plain").str.len_chars() >= SHORTEST)
    unique = plain.select(pl.col("plain").unique().sort())["plain"]
    roots = _joined(unique, _near(unique, signatures))
    own = pl.DataFrame({"number": range(len(roots)), "root": roots}, PLACED)
    # Who quotes a text is with its copies, and not for that with everybody else who quotes something.
    held = [
        some.with_columns(unique.gather(some[name]).alias(f"text_{name}") for name in PAIR)
        .filter(pl.col("text_two").str.contains(pl.col("text_one"), literal=True)).select(*PAIR)
        for some in _holders(unique).iter_slices(PAIRS)
    ]  # fmt: skip
    quoting = pl.concat([pl.DataFrame(schema=PAIR), *held]).join(own.rename({"number": "one"}), on="one")
    quoting = quoting.select(number="two", root="root").unique().join(own, on=["number", "root"], how="anti")
    placed = pl.concat([own.with_columns(own=True), quoting.with_columns(own=False)])
    numbers = pl.DataFrame({"plain": unique, "number": own["number"]})
    members = plain.join(numbers, on="plain").join(placed, on="number").filter(pl.len().over("root") > 1)
    return _described(members.sort("root", "published_at", "id", nulls_last=True), unique)


def share_in(text: str, other: str) -> float:
    """How much of a text stands in another one, equal or edited, 0 to 1; both are plain.

    >>> share_in("thetidebellrings", "atnoonthetidebellrings"), share_in("thetidebellringsatnoon", "thetidebellrings")
    (1.0, 0.7272727272727273)
    """
    if text in other:
        return 1.0
    if other in text:
        return len(other) / len(text)
    found = _similarities(pl.Series([text, other]), pl.DataFrame({"one": [0], "two": [1]}, PAIR))[0]
    return float(found) if found >= EDITED else 0.0


def plain_of(texts: pl.Series, fold: Callable[[str], str]) -> pl.Series:
    """The letters and digits of texts, folded: what is compared. `fold` is given many texts at once, each of whose
    characters becomes one."""
    spelled = texts.unique()
    parts = [pl.Series(dtype=pl.String)]
    for _, part in _chunks(spelled):
        joined = part.str.replace_all("\0", " ", literal=True).str.join("\0").item()
        parts.append(pl.Series(fold(joined).split("\0"), dtype=pl.String).str.replace_all(NOT_COMPARED, ""))
    known = pl.DataFrame({"text": spelled, "plain": pl.concat(parts)})
    return pl.DataFrame({"text": texts}).join(known, on="text", how="left", maintain_order="left")["plain"]


def _joined(unique: pl.Series, pairs: pl.DataFrame) -> Places:
    """For each text the first of those that it is an edited copy of, by way of others too."""
    import numpy as np

    parents = np.arange(len(unique))
    for some in pairs.iter_slices(PAIRS):
        # What is together already need not be measured.
        apart = some.filter(pl.Series(np.not_equal(*_roots_of(parents, some))))
        alike = apart.filter(_similarities(unique, apart) >= EDITED)
        while np.not_equal(*(ends := _roots_of(parents, alike))).any():
            np.minimum.at(parents, np.maximum(*ends), np.minimum(*ends))
    return _roots(parents, np.arange(len(unique)))


def _roots_of(parents: Places, pairs: pl.DataFrame) -> tuple[Places, Places]:
    return _roots(parents, pairs["one"].to_numpy()), _roots(parents, pairs["two"].to_numpy())


def _roots(parents: Places, numbers: Places) -> Places:
    """Where the way up from each of these ends; it is one step long from then on."""
    found = parents[numbers]
    while (found != (above := parents[found])).any():
        found = above
    parents[numbers] = found
    return found


def _near(unique: pl.Series, signatures: Signatures) -> pl.DataFrame:
    """Pairs that share a band of their signatures and may be alike by their lengths."""
    import numpy as np

    bands = np.empty((PERMUTATIONS // ROWS, len(unique)), np.uint64)
    # A byte of each value tells whether two of them are equal, but for one in 256.
    sketches = np.empty((len(unique), PERMUTATIONS), np.uint8)
    for start, part in _chunks(unique):
        values = signatures(*_shingles(part))
        keys = values[:, ::ROWS]
        for row in range(1, ROWS):
            keys = keys * np.uint64(BASE) + values[:, row::ROWS]
        bands[:, start : start + len(part)] = keys.T
        sketches[start : start + len(part)] = values
    texts = pl.DataFrame({"text": range(len(unique)), "length": unique.str.len_chars()})
    telling = unique.str.len_bytes() >= TELLING_BYTES
    found = [pl.DataFrame(schema=PAIR)]
    for band in bands:
        keyed = texts.with_columns(key=pl.Series(band)).filter(telling)
        keyed = keyed.with_columns(size=pl.len().over("key"))
        small = keyed.filter(pl.col("size").is_between(2, SMALL_BUCKET))
        beside = [small.join(small, on="key").filter(pl.col("text") < pl.col("text_right"))]
        # The texts are in order, so that those with the same beginning are neighbours.
        for order in (["key", "text"], ["key", "length", "text"]):
            large = keyed.filter(pl.col("size") > SMALL_BUCKET).sort(order)
            after = large.select(pl.all().shift(-1).name.suffix("_right"))
            beside.append(large.hstack(after).filter(pl.col("key") == pl.col("key_right")))
        lengths = [pl.col("length"), pl.col("length_right")]
        alike = pl.min_horizontal(lengths) >= EDITED * pl.max_horizontal(lengths)
        pair = {"one": pl.min_horizontal("text", "text_right"), "two": pl.max_horizontal("text", "text_right")}
        for some in beside:
            pairs = some.filter(alike).select(**pair)
            found += [few.filter(_sketched(sketches, few)) for few in pairs.iter_slices(PAIRS)]
    return pl.concat(found).unique().sort("one", "two")


def _sketched(sketches: npt.NDArray[np.uint8], pairs: pl.DataFrame) -> pl.Series:
    equal = sketches[pairs["one"].to_numpy()] == sketches[pairs["two"].to_numpy()]
    return pl.Series(equal.sum(axis=1) >= FEWEST_EQUAL)


def _holders(unique: pl.Series) -> pl.DataFrame:
    """Pairs of a text and a longer one that has its first half, the largest power of two of its characters."""
    import numpy as np

    lengths = unique.str.len_chars().to_numpy().astype(np.int64)
    sizes = np.where(unique.str.len_bytes().to_numpy() >= TELLING_BYTES, 1 << np.log2(lengths.clip(1)).astype(int), 0)
    heads = pl.concat([pl.DataFrame(schema=FOUND), *(
        pl.DataFrame({"text": mine, "length": size, "hash": _heads(unique.gather(mine), size)}, FOUND)
        for size in np.unique(sizes[sizes > 0]).tolist() for mine in [np.flatnonzero(sizes == size)]
    )])  # fmt: skip
    # By their size the hashes of heads, how many texts hold each, and which first bits they have.
    hashes = {size: some["hash"].unique().sort().to_numpy() for (size,), some in heads.group_by("length")}
    counts = {size: np.zeros(len(some), np.int64) for size, some in hashes.items()}
    shifts = {size: np.uint64(64 - (16 * len(some)).bit_length()) for size, some in hashes.items()}
    known = {size: np.zeros(1 << (64 - int(shift)), np.bool_) for size, shift in shifts.items()}
    for size, some in hashes.items():
        known[size][some >> shifts[size]] = True
    found = [pl.DataFrame(schema=FOUND)]
    for first, size, runs, room, starts in _runs(unique, sizes):
        at = np.flatnonzero(known[size][runs >> shifts[size]])
        at = at[room[at] >= size]
        place = np.searchsorted(hashes[size], runs[at])
        texts = first + np.searchsorted(starts, at, side="right") - 1
        held = pl.DataFrame({"text": texts, "place": place}).filter(
            pl.Series(hashes[size][place.clip(max=len(hashes[size]) - 1)] == runs[at])
        ).unique()  # fmt: skip
        place = held["place"].to_numpy()
        counts[size] += np.bincount(place, minlength=len(counts[size]))
        few = pl.DataFrame({"text": held["text"], "length": size, "hash": hashes[size][place]}, FOUND)
        found.append(few.filter(pl.Series(counts[size][place] <= MOST_HOLDERS)))
    key = ["length", "hash"]
    rare = pl.concat([pl.DataFrame(schema=FOUND).select(key), *(
        pl.DataFrame({"length": size, "hash": some[counts[size] <= MOST_HOLDERS]}, {name: FOUND[name] for name in key})
        for size, some in hashes.items()
    )])  # fmt: skip
    pairs = heads.join(rare, on=key, how="semi").join(pl.concat(found), on=key).select(one="text", two="text_right")
    longer = lengths[pairs["one"].to_numpy()] < lengths[pairs["two"].to_numpy()]
    return pairs.filter(pl.Series(longer)).sort("one", "two")


def _chunks(texts: pl.Series) -> Iterator[tuple[int, pl.Series]]:
    """Parts of the texts that may be held as numbers, each with its first one's number."""
    ends = texts.str.len_chars().cast(pl.Int64).cum_sum()
    start = 0
    while start < len(texts):
        before = ends[start - 1] if start else 0
        after = max(int(ends.search_sorted(before + CHUNK, side="right")), start + 1)
        yield start, texts.slice(start, after - start)
        start = after


def _codes(texts: pl.Series) -> tuple[Numbers, Places]:
    """The code points of texts, and how many there are from each to its text's end."""
    import numpy as np

    codes = np.frombuffer(texts.str.join("").item().encode("utf-32-le"), np.uint32).astype(np.uint64)
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    return codes, np.repeat(np.cumsum(lengths), lengths) - np.arange(len(codes))


def _then(hashes: Numbers, size: int, more: Numbers, length: int) -> Numbers:
    """Hashes of the runs that consist of one of so many characters and the next one of so many."""
    import numpy as np

    runs = hashes * np.uint64(pow(BASE, length, 1 << 64))
    runs[: max(len(runs) - size, 0)] += more[size:]
    return runs


def _heads(texts: pl.Series, size: int) -> Numbers:
    """For each text the hash of the run of its first characters: so many, a power of two, which it has."""
    import numpy as np

    parts = []
    for _, part in _chunks(texts.str.head(size)):
        hashes, length = _codes(part)[0].reshape(-1, size), 1
        while length < size:
            hashes = hashes[:, ::2] * np.uint64(pow(BASE, length, 1 << 64)) + hashes[:, 1::2]
            length *= 2
        parts.append(hashes[:, 0])
    return np.concatenate(parts)


def _runs(texts: pl.Series, sizes: Places) -> Iterator[tuple[int, int, Numbers, Places, Places]]:
    """Of parts of the texts, for each size that a head has and that their runs may have: the first one's number, the
    size, the hashes of runs from each character on, how many there are to the text's end, and where texts start."""
    import numpy as np

    wanted = set(np.unique(sizes[sizes > 0]).tolist())
    for first, part in _chunks(texts) if wanted else ():
        hashes, room = _codes(part)
        starts = np.append(0, np.cumsum(part.str.len_chars().to_numpy().astype(np.int64))[:-1])
        size = 1
        while size * 2 <= min(max(wanted), room.max(initial=0)):
            hashes = _then(hashes, size, hashes, size)
            size *= 2
            if size in wanted:
                yield first, size, hashes, room, starts


def _shingles(texts: pl.Series) -> tuple[Numbers, list[int]]:
    """Hashes of the shingles of texts, and where each text's begin, and the last one's end."""
    import numpy as np

    codes, room = _codes(texts)
    runs = codes
    for size in range(1, SHINGLE):
        runs = _then(runs, size, codes, 1)
    ends = np.cumsum(texts.str.len_chars().to_numpy().astype(np.int64) - (SHINGLE - 1))
    return runs[room >= SHINGLE], [0, *ends.tolist()]


def _similarities(texts: pl.Series, pairs: pl.DataFrame) -> pl.Series:
    """Of each pair its shared shingles of all shingles of the two, less where their lengths differ more than these; 0
    where these differ very much."""
    sizes = [texts.gather(pairs[name]).str.len_chars().cast(pl.Int64).alias(f"size_{name}") for name in PAIR]
    least, most = pl.min_horizontal(pl.col("^size_.*$")), pl.max_horizontal(pl.col("^size_.*$"))
    apart = pairs.with_columns(sizes).filter(pl.col("one") != pl.col("two"), least >= FAR * most)
    parts = apart.unique(maintain_order=True).with_columns(
        part=pl.sum_horizontal("size_one", "size_two").cum_sum() // CHUNK
    )
    found = [pl.DataFrame(schema={**PAIR, "similarity": pl.Float64()})]
    for part in parts.partition_by("part", maintain_order=True):
        numbers = pl.concat([part["one"], part["two"]]).unique().sort()
        hashes, starts = _shingles(texts.gather(numbers))
        values = pa.Array.from_buffers(pa.uint64(), len(hashes), [None, pa.py_buffer(hashes)])
        lists = pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), values)))
        sets = lists.list.unique()
        both = part.with_columns(sets.gather(numbers.search_sorted(part[name])).alias(f"of_{name}") for name in PAIR)
        shared = pl.col("of_one").list.set_intersection("of_two").list.len()
        every = pl.sum_horizontal(pl.col("^of_.*$").list.len()) - shared
        found.append(both.select("one", "two", similarity=pl.min_horizontal(shared / every, least / most)))
    told = pairs.join(pl.concat(found), on=["one", "two"], how="left", maintain_order="left")
    return told.select(
        pl.when(pl.col("one") == pl.col("two")).then(1.0).otherwise(pl.col("similarity").fill_null(0.0))
    ).to_series()


def _described(members: pl.DataFrame, unique: pl.Series) -> pl.DataFrame:
    """What is said of each member: one that no longer is like the first, but came by way of others that are, is edited,
    not quoted."""
    led = pl.col("number", "own").first().over("root").name.suffix("_first")
    names = (
        members.group_by("root")
        .agg(name=pl.col("plain").min())
        .with_columns(
            cluster_id=pl.col("name").map_elements(
                lambda text: hashlib.sha256(text.encode()).hexdigest()[:32], pl.String
            )
        )
    )
    rows = members.join(names, on="root", maintain_order="left").with_columns(led)
    pairs = rows.select(one="number_first", two="number")
    same = pl.col("number") == pl.col("number_first")
    edited = (pl.col("similarity") >= EDITED) | (pl.col("own") & pl.col("own_first"))
    return rows.with_columns(similarity=_similarities(unique, pairs)).select(
        "cluster_id", "id", first=pl.col("root").is_first_distinct(), similarity="similarity",
        kind=pl.when(same).then(pl.lit("same")).when(edited).then(pl.lit("edited")).otherwise(pl.lit("quoted")),
    ).sort("cluster_id", maintain_order=True)  # fmt: skip


# Letters and digits of a text that nobody writes twice.
LEAST_TEXT: Final = 100
# Hosts of the same pages for other machines, and what a server adds to an address that does not need it.
READER: Final = re.compile(r"^(?:(?:www\d?|m|mobile|wap|amp|touch|3g|lite|text)\.)+(?=[^.]+\.[^.])")
INDEX: Final = re.compile(r"(?<=/)(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
EMPTY: Final = re.compile(r"(?:^|&)[^=&]*=?(?=&|$)")
# The number that a site gives an article, among words of the last part of its path; days and months are none.
ID: Final = re.compile(r"(?<!\d)\d{6,}(?!\d)")
DAY: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?")
SAME_STORY: Final = {"article_id": pl.String(), "same_story": pl.String(), "by": pl.String()}


def address_key(canonical: str) -> str:
    """What of a canonical address tells stories apart, without the forms for other readers.

    >>> address_key("https://m.news.example/a/") == address_key("https://www.news.example/a?b=")
    True
    """
    host, _, rest = canonical.removeprefix("https://").partition("/")
    path, _, query = rest.partition("?")
    path = INDEX.sub("", path).rstrip("/")
    query = EMPTY.sub("", query).lstrip("&")
    return f"{READER.sub('', host)}/{path}?{query}"


def id_key(canonical: str) -> str | None:
    """The host of a canonical address, and the number in the last part of its path, if there is one; None otherwise.

    >>> id_key("https://www.news.example/2022/old-slug-5512345.html")
    'news.example#5512345?'
    """
    host, _, path = address_key(canonical).partition("/")
    path, _, query = path.partition("?")
    numbers = [number for number in ID.findall(path.rpartition("/")[2]) if not DAY.fullmatch(number)]
    return f"{host}#{numbers[-1]}?{query}" if len(numbers) == 1 else None


def same_story_of(articles: pl.DataFrame, fold: Callable[[str], str]) -> pl.DataFrame:
    """A row for each article that is another copy or slug of an earlier one: `article_id`, `same_story`, the id of the
    earliest, and `by` what it is known: `address`, `id` or `text`.

    `articles` has `article_id`, `canonical_url`, `published_at` and `text`, the text of its content; the order of the
    rows makes no difference. Edited copies are for `clusters_of`.
    """
    ordered = articles.sort("published_at", "article_id", nulls_last=True)
    ids = ordered["article_id"].to_list()
    first = list(range(len(ids)))
    by: dict[int, str] = {}
    for kind, keys in _keys(ordered, fold):
        seen: dict[str, int] = {}
        for number, key in enumerate(keys):
            if key is None:
                continue
            other = seen.setdefault(key, number)
            one, two = sorted((_root(first, number), _root(first, other)))
            if one != two:
                first[two] = one
                by.setdefault(two, kind)
    rows = [(ids[n], ids[root], by[n]) for n in range(len(ids)) if (root := _root(first, n)) != n]
    return pl.DataFrame(rows, orient="row", schema=SAME_STORY).sort("same_story", "article_id")


def _keys(ordered: pl.DataFrame, fold: Callable[[str], str]) -> Iterator[tuple[str, list[str | None]]]:
    urls = ordered["canonical_url"].to_list()
    yield "address", [url and address_key(url) for url in urls]
    yield "id", [url and id_key(url) for url in urls]
    plain = pl.Series([fold(text) for text in ordered["text"]], dtype=pl.String).str.replace_all(NOT_COMPARED, "")
    yield "text", [text if len(text) >= LEAST_TEXT else None for text in plain]


def _root(first: list[int], number: int) -> int:
    while first[number] != number:
        first[number] = first[first[number]]
        number = first[number]
    return number
