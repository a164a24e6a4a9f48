"""Who wrote an article, as its bylines say it."""

from __future__ import annotations

import pytest

from pressmark.transforms.people import author_of


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("林帆", "林帆"), ("（特约记者林帆）", "林帆"), ("（记者林帆）", "林帆"),
        ("松岭时报记者林帆、实习记者乔一苇", "林帆、乔一苇"), ("特约撰稿人林帆", "林帆"), ("文、图：林帆", "林帆"),
        ("林帆 发自松岭", "林帆"), ("林帆(摘编)", "林帆"), ("Maud Ellery", "Maud Ellery"), ("作者：林帆", "林帆"),
        ("作者: 林帆", "林帆"), ("作者林帆", "林帆"), ("记者 林帆", "林帆"), ("記者：林帆", "林帆"),
        ("撰文｜林帆", "林帆"), ("采写/林帆", "林帆"), ("文/林帆", "林帆"), ("文|林帆", "林帆"),
        ("编译 林帆", "林帆"), ("特约记者：林帆", "林帆"), ("松岭时报记者林帆", "林帆"), ("采访、撰文：林帆", "林帆"),
        ("翻译/撰文：林帆", "林帆"), ("林帆｜文", "林帆"), ("林帆 | 撰稿", "林帆"), ("林帆/报道", "林帆"),
        ("By Maud Ellery", "Maud Ellery"), ("BY Maud Ellery", "Maud Ellery"), ("by: Maud Ellery", "Maud Ellery"),
        ("Written by Maud Ellery", "Maud Ellery"), ("Reported by Maud Ellery", "Maud Ellery"),
    ],
    ids=["a name alone", "in parentheses", "reporter in parentheses", "two kinds of reporters",
         "special writer", "text and pictures", "where from", "excerpts", "a name in English", "author",
         "half-width colon", "no sign", "reporter", "traditional", "full-width bar", "slash", "text",
         "text and bar", "compiled", "special reporter", "outlet before", "interview and text",
         "translation and text", "what was done behind the name", "with spaces around the bar",
         "report behind the name", "by", "BY", "by with a colon", "written by", "reported by"],
)  # fmt: skip
def test_a_byline_names_who_wrote(byline: str, author: str) -> None:
    assert author_of([byline]) == author


@pytest.mark.parametrize(
    "byline",
    [
        "译者/林帆", "翻译：乔一苇", "翻譯：喬一葦", "责编：乔一苇", "责任编辑：乔一苇", "網編：喬一葦", "编辑 乔一苇",
        "校对：乔一苇", "摄影：乔一苇", "策划：乔一苇", "Translated by Ada Reed", "Edited by Ada Reed",
        "Additional reporting by Ada Reed",
    ],
)  # fmt: skip
def test_who_did_something_else_is_no_author(byline: str) -> None:
    assert author_of([byline]) is None


@pytest.mark.parametrize(
    "byline",
    [
        "作者：林帆 责编：乔一苇", "责编：乔一苇 作者：林帆", "作者：林帆；责编：乔一苇", "作者：林帆 | 乔一苇",
        "编辑｜乔一苇 文｜林帆", "编译 林帆；审校 乔一苇", "撰文：林帆　摄影：乔一苇",
        "特约记者：林帆   责编：乔一苇   网编：闻人澈", "作者：林帆 翻译: 乔一苇", "本报记者 林帆 松岭报道",
        "作者：林帆（松岭大学教授）", "作者：林帆【松岭】", "林帆\n2020-07-17 16:57:45", "2020-07-17 16:57:45\n林帆",
        "作者：\n林帆", "责编：乔一苇\n作者：林帆", "null 林帆", " 林帆 ",
    ],
    ids=["editor behind", "editor before", "semicolon", "bar", "both with bars", "proof-reader behind",
         "full-width space", "many spaces", "translator behind", "place of the report", "office", "square brackets",
         "date in the next line", "date in the line before", "name in the next line", "editor in the line before",
         "a scraper's null", "space around"],
)  # fmt: skip
def test_what_else_a_byline_says_is_left_out(byline: str) -> None:
    assert author_of([byline]) == "林帆"


@pytest.mark.parametrize(
    ("byline", "authors"),
    [
        ("作者：林帆、乔一苇", "林帆、乔一苇"), ("记者：林帆，乔一苇", "林帆、乔一苇"),
        ("文/林帆/乔一苇", "林帆、乔一苇"), ("By Maud Ellery, Ada Reed", "Maud Ellery、Ada Reed"),
        ("By Maud Ellery and Ada Reed", "Maud Ellery、Ada Reed"), ("记者 林帆、乔一苇 综合报道", "林帆、乔一苇"),
        ("林帆、林帆", "林帆"), ("By Maud Ellery, Maud Ellery", "Maud Ellery"),
        ("林帆, 林帆, 乔一苇", "林帆、乔一苇"), ("Maud Ellery, Additional reporting by Ada Reed", "Maud Ellery"),
    ],
    ids=["enumeration comma", "full-width comma", "slash", "comma", "and", "with a report", "the same name twice",
         "the same English name twice", "one of two twice", "who contributed is left out"],
)  # fmt: skip
def test_several_authors_are_each_named_once(byline: str, authors: str) -> None:
    assert author_of([byline]) == authors


@pytest.mark.parametrize(
    ("bylines", "author"),
    [
        (["作者：林帆", "作者：乔一苇"], "林帆"), (["责编：乔一苇", "作者：林帆"], "林帆"),
        (["译者/林帆", "2022-01-07 13:38", "林帆"], "林帆"), (["林帆", "责编：乔一苇"], "林帆"),
        (["责编：乔一苇", "译者/林帆"], None), ([], None),
    ],
    ids=["the first one counts", "behind an editor", "behind a date", "before an editor", "nobody wrote", "no byline"],
)  # fmt: skip
def test_the_first_byline_that_names_a_writer_decides(bylines: list[str], author: str | None) -> None:
    assert author_of(iter(bylines)) == author


@pytest.mark.parametrize(
    "byline",
    ["", "作者", "作者：", "By", "、，", "2022-01-07 13:38", "作者：第3组", "林" * 81],
    ids=["empty", "no name", "no name behind the colon", "no name behind by", "commas", "date", "digit", "too long"],
)
def test_a_byline_without_a_name_names_nobody(byline: str) -> None:
    assert author_of([byline]) is None


def test_a_name_may_be_as_long_as_eighty_characters() -> None:
    assert author_of(["林" * 80]) == "林" * 80


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("記者林一帆／台北報導", "林一帆"), ("（松岭社記者林一帆台北1日電）", "林一帆"), ("松岭報 記者林一帆",
        "林一帆"),
        ("【记者林帆北京报道】", "林帆"), ("2022-01-07 10:30 记者 林帆", "林帆"), ("记者 林帆 2022年1月7日 10:30",
        "林帆"),
        ("〔記者林一帆、喬一葦／綜合報導〕", "林一帆、喬一葦"), ("特約記者欧阳一帆东京专电", "欧阳一帆"),
        ("寒冬記者 林一", "林一"), ("文字整理：林一；责任编辑：王二#", "林一"), ("林帆和乔一苇", "林帆、乔一苇"),
        ("By Maud Ellery maud@paper.example", "Maud Ellery"), ("By MAUD ELLERY, Staff Writer", "Maud Ellery"),
        ("By Maud Ellery Updated January 7, 2022", "Maud Ellery"), ("By Maud Ellery Follow @maud", "Maud Ellery"),
        ("By Maud Ellery | Email the author", "Maud Ellery"), ("By The Wire Agency", "The Wire Agency"),
        ("By Maud Ellery, Ada Reed and Tom Moth", "Maud Ellery、Ada Reed、Tom Moth"),
        ("By Maud Ellery, Senior Political Correspondent", "Maud Ellery"), ("By Maud Ellery, Special to The Wick",
        "Maud Ellery"),
        ("By Maud Ellery, 7 January 2022 10:30 GMT", "Maud Ellery"), ("By Maud Ellery & Ada Reed",
        "Maud Ellery、Ada Reed"),
        ("Story by Maud Ellery, photos by Ada Reed", "Maud Ellery"), ("By MAUD ELLERY and BBC NEWS",
        "Maud Ellery、BBC News"),
    ],
)  # fmt: skip
def test_offices_agencies_places_dates_and_handles_are_no_part_of_a_name(byline: str, author: str) -> None:
    assert author_of([byline]) == author
