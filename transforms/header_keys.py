"""Keys of front matter or JSON in all their spellings and some other languages, and which of them say when an article
was published."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

__all__ = [
    "AUTHORS", "DATED", "DATES", "DESCRIPTIONS", "ELSEWHERE", "MANY", "MODIFIED", "OF_PUBLICATION", "OWN_URLS",
    "SITE_URLS", "TITLES", "UNDERSTOOD", "URLS", "date_keys", "folded",
]  # fmt: skip

# What keys are called in other languages, where English has not the same word for something else (`data`).
ELSEWHERE: Final = {field: tuple(words.split()) for field, words in {
    "title": "标题 標題 タイトル 題名 제목 título titulo titre titel titolo tytuł başlık заголовок العنوان",
    "author": "作者 著者 執筆者 작성자 autor autora autores auteur auteurs autore yazar автор авторы الكاتب",
    "date": "日期 时间 時間 发布时间 發布時間 發佈時間 发布日期 發布日期 發佈日期 发表时间 發表時間 公開日 日付 "
            "날짜 작성일 등록일 fecha datum дата tarih التاريخ",
    "url": "链接 鏈接 連結 网址 網址 原文链接 原文連結 原文地址 enlace ссылка",
    "source": "来源 來源 出处 出處 출처 fuente источник",
    "description": "摘要 简介 簡介 要約 요약 resumen resumo résumé описание",
    "tags": "标签 標籤 タグ 태그 etiquetas теги",
    "categories": "分类 分類 栏目 欄目 カテゴリ 카테고리 categoría categorías categorias",
}.items()}  # fmt: skip
DATES: Final = (
    "date_unixtime", "date", "pubDate", "publishDate", "published", "published_at", "publishedDate", "datePublished",
    "datePublish", "publicationDate", "publishingDate", "publishTime", "publishedTime", "pubTime", "pubDatetime",
    "publishedOn", "posted", "posted_at", "postDate", *ELSEWHERE["date"],
    "created", "created_at", "dateCreated", "lastmod")  # fmt: skip
CREATED: Final = "dateCreated"
OWN_URLS: Final = ("url", "link", "source_url", "original_url", "canonical_url", "permalink", *ELSEWHERE["url"])
# May name a site, whose front page is no article; the last four are of importers and feeds.
SITE_URLS: Final = ("from", "source", "blogger_orig_url", "wordpress_url", "tumblr_url", "guid", *ELSEWHERE["source"])
URLS: Final = (*OWN_URLS, *SITE_URLS)
TITLES: Final = ("title", *ELSEWHERE["title"])
AUTHORS: Final = ("author", "authors", "byline", "creator", "by", *ELSEWHERE["author"])
DESCRIPTIONS: Final = ("description", "summary", "excerpt", *ELSEWHERE["description"])
# Of one, a text with spaces is one value, as Jekyll has it.
MANY: Final = {
    "tags": ("tags", "tag", "topics", "keywords", *ELSEWHERE["tags"]),
    "categories": ("categories", "category", *ELSEWHERE["categories"]),
}
# When a page was changed last, which is no date of publication.
MODIFIED: Final = frozenset(
    "updated updatedat updatedon dateupdated lastupdated lastupdate updatetime updateddate modified modifiedat "
    "modifiedon datemodified lastmodified lastmodifiedat modifiedtime modifieddate lastedited 更新时间 更新時間".split()
)
HAS_YEAR: Final = re.compile(r"[12]\d{3}")


def folded(key: str) -> str:
    """A key as all its spellings are: in small letters, without what stands between words."""
    return key.lower().replace("_", "").replace("-", "").replace(" ", "")


DATED: Final = frozenset(map(folded, DATES))
UNDERSTOOD: Final = frozenset(map(folded, (*URLS, *AUTHORS, *DATES, *DESCRIPTIONS, *TITLES, *sum(MANY.values(), ()))))
# Clippers and lists of pages to read say when they saved a page (the last four), and leave open when it was published.
ALL: Final = tuple(map(folded, DATES))
OF_PUBLICATION: Final = ALL[:-4]
# A wiki and a site leave the first two empty, too, of what has a date all the same.
LEFT_OPEN: Final = frozenset(ALL[2:-4])


def date_keys(said: Mapping[str, Any], understood: Collection[str], *, edited: bool) -> tuple[str, ...]:
    """The keys of a date in their order, of what is `said` under folded ones. Those of when a page was saved are none
    where one of publication is open, or says a date that is not `understood`. Of a page that is `edited` in a wiki,
    `date` is of the last edit where it also says whether it is published, and when it was created.

    >>> date_keys({"date": "2024-05-02", "published": True, "datecreated": "2023-01-07"}, (), edited=True)[0]
    'dateCreated'
    """
    if edited and said.get("published") in (True, False) and said.get(folded(CREATED)):
        return (CREATED, *DATES)
    is_open = any(
        name in said
        and ((name in LEFT_OPEN and said[name] in (None, ""))
             or (name not in understood and HAS_YEAR.search(str(said[name])) is not None))
        for name in OF_PUBLICATION
    )  # fmt: skip
    return DATES[:-4] if is_open else DATES
