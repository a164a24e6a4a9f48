"""Clusters of copies among the texts of one moment: its articles, and the blocks of their content."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from pressmark.schemas.contract import CONTENT_ROLES
from pressmark.storage.errors import LibraryError
from pressmark.storage.search_index import load_folding
from pressmark.transforms.clusters import PERMUTATIONS, SEED, clusters_of

__all__ = ["clusters"]


def clusters(articles: pl.LazyFrame, paragraphs: pl.LazyFrame) -> pl.DataFrame:
    """One row for each article and block that has a copy: `level` (article, paragraph), `cluster_id`, `article_id`,
    `paragraph_id` (null for articles), `archive`, `outlet`, `published_at`, `first`, `similarity` and `kind`: see
    `transforms/clusters.py`. An article's text is that of its content. Raises `LibraryError` without rensa.
    """
    fold = load_folding().fold
    known = articles.select("article_id", "archive", "outlet", "published_at").with_columns(
        pl.col("archive", "outlet").cast(pl.String)
    )
    content = paragraphs.filter(pl.col("role").cast(pl.String).is_in([*CONTENT_ROLES])).select(
        "article_id", "paragraph_id", "ordinal", "text"
    )
    blocks = content.join(known, on="article_id").collect()
    whole = blocks.sort("article_id", "ordinal").group_by("article_id", maintain_order=True).agg(
        pl.col("text").str.join("\n"), pl.col("archive", "outlet", "published_at").first()
    )  # fmt: skip
    levels = [
        _of_level("article", whole.with_columns(id="article_id", paragraph_id=pl.lit(None, pl.String)), fold),
        _of_level("paragraph", blocks.with_columns(id="paragraph_id"), fold),
    ]
    return pl.concat(levels)


def _of_level(level: str, texts: pl.DataFrame, fold: Callable[[str], str]) -> pl.DataFrame:
    found = clusters_of(texts.select("id", "text", "published_at"), fold, _signatures)
    return found.join(texts, on="id", how="left", maintain_order="left").select(
        pl.lit(level).alias("level"), "cluster_id", "article_id", "paragraph_id", "archive", "outlet", "published_at",
        "first", "similarity", "kind",
    )  # fmt: skip


def _signatures(hashes: pl.Series, starts: Sequence[int]) -> pl.DataFrame:
    """MinHash values, a row for each text."""
    try:
        from rensa import RMinHash
    except ModuleNotFoundError:
        raise LibraryError("`rensa` is not installed", "clusters", "pip install 'pressmark[copies]'") from None
    values = memoryview(hashes.rechunk().to_arrow().buffers()[1]).cast("B").cast("Q")
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(values[: len(hashes)], starts, PERMUTATIONS, SEED)
    names = {str(number): pl.UInt32 for number in range(PERMUTATIONS)}
    return pl.DataFrame(matrix.to_rows(), orient="row", schema=names)
