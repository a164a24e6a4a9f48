"""Which articles are one story under several addresses: copies for other readers, new slugs, and the very same text.

It depends on all articles of a moment, so it is derived from them and no row holds it: no order of runs can make it
differ. Owns what of an address does not tell stories apart; canonical addresses stay the ones that answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import polars as pl

__all__ = ["LEAST_TEXT", "address_key", "id_key", "same_story_of"]

# Letters and digits of a text that nobody writes twice.
LEAST_TEXT: Final = 100
NOT_COMPARED: Final = r"[^\p{L}\p{N}]"
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
