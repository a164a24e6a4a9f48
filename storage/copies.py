"""Clusters of copies among the texts of one moment: its articles, and the blocks of their content; and which articles
still carry what was removed.

Clusters may be kept beside the tables, in `.pressmark/clusters.parquet`, which says of which files and by which rules
it was made, and is believed for exactly these. It may be deleted at any time.
"""

from __future__ import annotations

import io
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

import polars as pl
import xxhash

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.schemas.tables import ARTICLES, PARAGRAPHS
from pressmark.storage.errors import LibraryError, OutputError, library
from pressmark.storage.output.folder import PRIVATE, replace_file
from pressmark.storage.output.tables import Output
from pressmark.storage.search_index import fold_array, folding_version, load_folding
from pressmark.transforms.clusters import PERMUTATIONS, SEED, clusters_of, plain_of, same_story_of, share_in

if TYPE_CHECKING:
    from pressmark.transforms.clusters import Numbers

__all__ = [
    "CARRIED_BY", "carriers", "clusters", "clusters_at", "drop_clusters", "keep_clusters", "kept_clusters",
    "same_story",
]  # fmt: skip

log = logging.getLogger(__name__)

# Where clusters are kept, and by which version of the rules they were found.
KEPT: Final = f"{PRIVATE}/clusters.parquet"
FORMAT: Final = "1"
MADE_OF: Final = "pressmark.made_of"
CARRIED_BY: Final = pl.List(pl.Struct({"article_id": pl.String, "outlet": pl.String, "share": pl.Float64}))
# An article carries a text that it has at least half of; what stands in more articles than this is nobody's text.
HALF: Final = 0.5
MOST_CARRIERS: Final = 200


def clusters(articles: pl.LazyFrame, paragraphs: pl.LazyFrame) -> pl.DataFrame:
    """One row for each article and block that has a copy: `level` (article, paragraph), `cluster_id`, `article_id`,
    `paragraph_id` (null for articles), `archive`, `outlet`, `published_at`, `first`, `similarity` and `kind`: see
    `transforms/clusters.py`. An article's text is that of its content. Raises `LibraryError` without rensa."""
    known = articles.select("article_id", "archive", "outlet", "published_at").with_columns(
        pl.col("archive", "outlet").cast(pl.String)
    )
    blocks = _content(paragraphs).join(known, on="article_id").collect()
    blocks = blocks.with_columns(plain=plain_of(blocks["text"], _fold)).drop("text")
    levels = [_of_level("article", _whole(blocks)), _of_level("paragraph", blocks.with_columns(id="paragraph_id"))]
    return pl.concat(levels)


def _whole(blocks: pl.DataFrame) -> pl.DataFrame:
    """An article's blocks as one text."""
    texts = blocks.sort("article_id", "ordinal").group_by("article_id", maintain_order=True).agg(
        pl.col("plain").str.join(""), pl.col("archive", "outlet", "published_at").first()
    )  # fmt: skip
    return texts.with_columns(id="article_id", paragraph_id=pl.lit(None, pl.String))


def clusters_at(output: Output, moment: Output, *, keep: bool = False) -> pl.DataFrame:
    """The clusters of an output at one moment: those that are kept where they are of it, else found now, and with
    `keep` kept from now on. Raises `OutputError` where they are to be kept of an output in no folder."""
    folder = output.root if keep else None
    found = kept_clusters(output, moment)
    if found is not None:
        return found
    found = clusters(moment.scan(ARTICLES), moment.scan(PARAGRAPHS))
    if folder is not None:
        sink = io.BytesIO()
        found.write_parquet(sink, metadata={MADE_OF: _made_of(moment)})
        replace_file(folder / KEPT, sink.getvalue())
    return found


def kept_clusters(output: Output, moment: Output) -> pl.DataFrame | None:
    """The clusters that are kept, where they are of this moment."""
    if output.is_local and (output.root / KEPT).exists():
        content = io.BytesIO((output.root / KEPT).read_bytes())
        try:
            if pl.read_parquet_metadata(content).get(MADE_OF) == _made_of(moment):
                return pl.read_parquet(content)
        except pl.exceptions.ComputeError:
            log.warning("`%s` is damaged: the clusters are found again", output.root / KEPT)
    return None


def _made_of(moment: Output) -> str:
    entries = [part.entry for table in (ARTICLES, PARAGRAPHS) for part in moment.parts(table)]
    known = json.dumps([FORMAT, folding_version(), sorted((one.name, one.version) for one in entries)])
    return xxhash.xxh3_128(known.encode()).hexdigest()


def keep_clusters(output: Output, *, again: bool = False) -> None:
    """Bring clusters that are kept up to date, or make them `again`; for who holds the output's lock. What can't be
    done is a warning, as they are found when they are asked for."""
    try:
        if again or (output.is_local and (output.root / KEPT).exists()):
            clusters_at(output, output, keep=True)
    except (OSError, LibraryError, OutputError) as error:
        log.warning("the clusters that are kept could not be brought up to date: %s", error)


def drop_clusters(output: Output) -> bool:
    """Remove clusters that are kept, as some article is to leave no trace; whether there were any."""
    there = output.is_local and (output.root / KEPT).exists()
    if there:
        (output.root / KEPT).unlink()
    return there


def carriers(removed: pl.DataFrame, articles: pl.LazyFrame, paragraphs: pl.LazyFrame) -> pl.Series:
    """For each row of `removed`, by its `article_id` and `text`, the other current articles that have at least half of
    that text, equal or edited, in blocks of their content: `CARRIED_BY`, the largest share first. Raises `LibraryError`
    without rensa."""
    outlets = dict(articles.select("article_id", pl.col("outlet").cast(pl.String)).collect().iter_rows())
    lost = removed.with_row_index("row").select(
        "row", "article_id", text=pl.col("text").fill_null("").str.split("\n\n")
    )
    lost = lost.explode("text", empty_as_null=True, keep_nulls=True).with_columns(pl.col("text").fill_null(""))
    lost = lost.with_row_index("id").with_columns(id=pl.format("{}", "id"), plain=plain_of(lost["text"], _fold))
    here = _content(paragraphs).select("article_id", "text", id="paragraph_id").collect()
    here = here.with_columns(plain=plain_of(here["text"], _fold)).drop("text")
    texts = pl.concat([lost.select("id", "plain"), here.select("id", "plain")])
    found = clusters_of(texts.with_columns(published_at=pl.lit(None, pl.Datetime("us", "UTC"))), _signatures)
    mine = found.join(lost, on="id").select("cluster_id", "row", "id", "article_id", "plain")
    theirs = found.join(here, on="id").join(mine.select("cluster_id").unique(), on="cluster_id", how="semi")
    theirs = theirs.filter(pl.col("article_id").n_unique().over("cluster_id") <= MOST_CARRIERS)
    theirs = theirs.select("cluster_id", by="article_id", other="plain")
    pairs = mine.join(theirs, on="cluster_id").filter(pl.col("article_id") != pl.col("by"))
    best: dict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for row, block, plain, by, other in pairs.select("row", "id", "plain", "by", "other").iter_rows():
        held = best[row, by]
        held[block] = max(held.get(block, 0.0), share_in(plain, other) * len(plain))
    sizes = dict(lost.group_by("row").agg(pl.col("plain").str.len_chars().sum()).iter_rows())
    rows: list[list[dict[str, object]]] = [[] for _ in range(removed.height)]
    for (row, by), held in best.items():
        share = round(sum(held.values()) / sizes[row], 3)
        if share >= HALF:
            rows[row].append({"article_id": by, "outlet": outlets[by], "share": share})
    ordered = [sorted(some, key=lambda one: (-float(str(one["share"])), str(one["article_id"]))) for some in rows]
    return pl.Series("carried_by", ordered, CARRIED_BY)


def _content(paragraphs: pl.LazyFrame) -> pl.LazyFrame:
    return paragraphs.filter(pl.col("role").cast(pl.String).is_in([*CONTENT_ROLES])).select(
        "article_id", "paragraph_id", "ordinal", pl.col("text").cast(pl.String)
    )


def same_story(articles: pl.LazyFrame, paragraphs: pl.LazyFrame) -> pl.DataFrame:
    """One row for each article that is another copy or slug of an earlier one: see `transforms/clusters.py`."""
    content = _content(paragraphs).sort("article_id", "ordinal")
    texts = content.group_by("article_id", maintain_order=True).agg(pl.col("text").str.join("\n"))
    known = articles.select("article_id", "canonical_url", "published_at").join(texts, on="article_id", how="left")
    return same_story_of(known.with_columns(pl.col("text").fill_null("")).collect(), load_folding().fold)


def _of_level(level: str, texts: pl.DataFrame) -> pl.DataFrame:
    found = clusters_of(texts.select("id", "plain", "published_at"), _signatures)
    return found.join(texts, on="id", how="left", maintain_order="left").select(
        pl.lit(level).alias("level"), "cluster_id", "article_id", "paragraph_id", "archive", "outlet", "published_at",
        "first", "similarity", "kind",
    )  # fmt: skip


def _signatures(hashes: Numbers, starts: Sequence[int]) -> Numbers:
    """MinHash values, a row for each text."""
    import numpy as np

    matrix = library("rensa", "copies").RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, starts, PERMUTATIONS, SEED
    )
    return np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint64).reshape(-1, PERMUTATIONS)


def _fold(text: str) -> str:
    """`load_folding().fold` for many characters at once."""
    import numpy as np

    folded = fold_array()[np.frombuffer(text.encode("utf-32-le"), np.uint32)].astype(np.uint32)
    return folded.tobytes().decode("utf-32-le")
