"""Who wrote an article, as its bylines say it."""

from __future__ import annotations

from typing import Any

import pytest

from pressmark.storage.versions import parse_source
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.page_facts import page_facts
from pressmark.transforms.people import author_of, contributors_of, credits_of, people_in
from pressmark.transforms.records import Article, Contributor, Limits, Reading


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
        ("ByMaud Ellery", "Maud Ellery"), ("Maud Ellery <mellery>", "Maud Ellery"),
        ("Written byMAUD ELLERY", "Maud Ellery"),
        ("Maud Ellery Fri Jan 7, 2022", "Maud Ellery"),
        ("Written by Maud Ellery", "Maud Ellery"), ("Reported by Maud Ellery", "Maud Ellery"),
    ],
    ids=["a name alone", "in parentheses", "reporter in parentheses", "two kinds of reporters",
         "special writer", "text and pictures", "where from", "excerpts", "a name in English", "author",
         "half-width colon", "no sign", "reporter", "traditional", "full-width bar", "slash", "text",
         "text and bar", "compiled", "special reporter", "outlet before", "interview and text",
         "translation and text", "what was done behind the name", "with spaces around the bar",
         "report behind the name", "by", "BY", "by with a colon", "by glued to the name", "a handle",
         "written by glued to the name",
         "a day of the week", "written by", "reported by"],
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
    [
        "", "作者", "作者：", "By", "、，", "2022-01-07 13:38", "作者：第3组", "林" * 81,
        "WICKHAVEN Fri Jan 7, 2022 1:38pm GMT", "Print", "See All Articles", "View Author Page",
        "Letters to the Editor Email lamp@wick.example",
    ],
    ids=[
        "empty", "no name", "no name behind the colon", "no name behind by", "commas", "date", "digit", "too long",
        "a place and a date", "a button", "a link to all", "a link to the author", "a column for readers",
    ],
)  # fmt: skip
def test_a_byline_without_a_name_names_nobody(byline: str) -> None:
    assert author_of([byline]) is None


def test_a_name_that_a_word_announces_may_be_as_long_as_eighty_characters() -> None:
    assert (author_of(["作者：" + "林" * 80]), author_of(["林" * 80])) == ("林" * 80, None)


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
        ("Maud Ellery, Wickhaven Media Group", "Maud Ellery"),
        ("By Maud Ellery, Ada Reed and Tom Moth", "Maud Ellery、Ada Reed、Tom Moth"),
        ("By Maud Ellery, Senior Political Correspondent", "Maud Ellery"), ("By Maud Ellery, Special to The Wick",
        "Maud Ellery"),
        ("By Maud Ellery, 7 January 2022 10:30 GMT", "Maud Ellery"), ("By Maud Ellery & Ada Reed",
        "Maud Ellery、Ada Reed"),
        ("Story by Maud Ellery, photos by Ada Reed", "Maud Ellery"), ("By MAUD ELLERY and BBC NEWS",
        "Maud Ellery、BBC News"),
        ("Maud von Ellery", "Maud von Ellery"), ("Artikel von Maud von Ellery", "Maud von Ellery"),
        ("Erstellt von Maud Ellery", "Maud Ellery"), ("Von Maud / 6. November 2023 / Keine Kommentare", "Maud"),
        ("Posted by Maud 21.10.2019", "Maud"), ("Par Maud Ellery le 07 Mai 2020", "Maud Ellery"),
        ("von Maud Ellery, Redaktion", "Maud Ellery"), ("Maud Ellery am Samstag", "Maud Ellery"),
        ("Leuchtturm-Verlag GmbH, Hafen", "Leuchtturm-Verlag GmbH, Hafen"),
        ("作者 Maud Ellery 是前编辑，她的新书", "Maud Ellery"),
    ],
)  # fmt: skip
def test_offices_agencies_places_dates_and_handles_are_no_part_of_a_name(byline: str, author: str) -> None:
    assert author_of([byline]) == author


# The names with spaces as underscores, each with what was done.
@pytest.mark.parametrize(
    ("byline", "people"),
    [
        ("作者：林一帆", "林一帆:text"),
        ("记者林一帆、乔二苇", "林一帆:text 乔二苇:text"),
        ("文／林一帆", "林一帆:text"),
        ("文／林一帆　圖／喬二葦", "林一帆:text 喬二葦:photo"),
        ("文字：林一帆／攝影：喬二葦", "林一帆:text 喬二葦:photo"),
        ("撰文：林一帆 摄影：乔二苇 编辑：闻人澈", "林一帆:text 乔二苇:photo 闻人澈:edit"),
        ("林一帆／文 乔二苇／图", "林一帆:text 乔二苇:photo"),
        ("林一帆 摄", "林一帆:photo"),
        ("图：林一帆", "林一帆:photo"),
        ("翻译：乔二苇 校对：闻人澈", "乔二苇:translation 闻人澈:edit"),
        ("原文作者：林帆 校对者：闻人澈", "林帆:text 闻人澈:edit"),
        ("Auteur : Zoé", "Zoé:text"), ("Auteurs : Zoé, Luc", "Zoé:text Luc:text"),
        ("編譯／林一帆", "林一帆:text"),
        ("譯者：喬二葦", "喬二葦:translation"),
        ("编译/审校 王言/李舟", "王言:text 王言:edit 李舟:text 李舟:edit"),
        ("发稿 许舟；审校 吴言", "许舟:edit 吴言:edit"),
        ("（記者林一帆／台北報導）", "林一帆:text"),
        ("新华社记者 林一帆 乔二苇", "林一帆:text 乔二苇:text"),
        ("中央社記者林一帆台北1日電", "林一帆:text"),
        ("（新华社记者林一帆 摄影报道）", "林一帆:text"),
        ("本报记者 林一帆 通讯员 乔二苇", "林一帆:text 乔二苇:text"),
        ("特约撰稿人 林一帆", "林一帆:text"),
        ("实习生 乔二苇 记者 林一帆", "乔二苇:text 林一帆:text"),
        ("责任编辑：林一帆（EN042）", "林一帆:edit"),
        ("作者：林一帆（复旦大学教授）", "林一帆:text"),
        ("来源：新华社 作者：林一帆", "林一帆:text"),
        ("作者 | 林一帆 编辑 | 乔二苇", "林一帆:text 乔二苇:edit"),
        ("文｜林一帆　编辑｜乔二苇　设计｜闻人澈", "林一帆:text 乔二苇:edit 闻人澈:graphics"),
        ("采访、撰文：林一帆", "林一帆:text"),
        ("口述：林一帆 整理：乔二苇", "林一帆:interview 乔二苇:edit"),
        ("策划：林一帆 监制：乔二苇", "林一帆:production 乔二苇:production"),
        ("漫画：林一帆", "林一帆:graphics"),
        ("记者：林一帆 lin@paper.example", "林一帆:text"),
        ("林一帆 @linyifan", "林一帆:text"),
        ("松岭电台记者 林一帆  台北报导 责编 许安 申言  网编 瑞平", "林一帆:text 许安:edit 申言:edit 瑞平:edit"),
        ("欧阳娜娜、司马光", "欧阳娜娜:text 司马光:text"),
        ("林一帆 2022-01-07 10:30", "林一帆:text"),
        ("2022年1月7日 10:30 林一帆", "林一帆:text"),
        ("林一帆和乔二苇", "林一帆:text 乔二苇:text"),
        ("阿卜杜拉·买买提", "阿卜杜拉·买买提:text"),
        ("（编辑 余舟 周安言）", "余舟:edit 周安言:edit"),
        ("吴舟 吴安言|撰稿", "吴舟:text 吴安言:text"),
        ("王舟|责编", "王舟:edit"),
        ("实习生陈安言对本文亦有贡献", "陈安言:contribution"),
        ("南方周末记者 林一帆 发自北京", "林一帆:text"),
        ("文舟/李山/(德新社、路透社)", "文舟:text 李山:text"),
        ("洪山 （综合报道）", "洪山:text"),
        ("文 | 子兮", "子兮:text"),
        ("图/文：林一帆", "林一帆:photo 林一帆:text"),
        ("文图／林一帆", "林一帆:text 林一帆:photo"),
        ("摄影记者 林一帆", "林一帆:photo"),
        ("By Jane Roe", "Jane_Roe:text"),
        ("BY JANE ROE AND JOHN DOE", "Jane_Roe:text John_Doe:text"),
        ("2031-08-14 · Original →", ""), ("Full text →", ""),
        ("By Jane Roe, Staff Writer", "Jane_Roe:text"), ("By Jane Roe, Quay developer", "Jane_Roe:text"),
        ("By Jane Roe, Senior Lamp Engineer, and John Doe", "Jane_Roe:text John_Doe:text"),
        ("By Jane Roe, Staff Writer, and John Doe, Special to The Wick", "Jane_Roe:text John_Doe:text"),
        ("Story by Jane Roe; photos by John Doe", "Jane_Roe:text John_Doe:photo"),
        ("Words by Jane Roe | Photography by John Doe", "Jane_Roe:text John_Doe:photo"),
        ("Photographs by John Doe", "John_Doe:photo"),
        ("Translated by Ann Lee", "Ann_Lee:translation"),
        ("Translated from the French by Ann Lee", "Ann_Lee:translation"),
        ("Edited by Ann Lee", "Ann_Lee:edit"),
        ("Reporting by Jane Roe in Beijing; Editing by Ann Lee and Tom Moth",
         "Jane_Roe:text Ann_Lee:edit Tom_Moth:edit"),
        ("(Reporting by Jane Roe and John Doe; Writing by Ann Lee; Editing by Tom Moth)",
         "Jane_Roe:text John_Doe:text Ann_Lee:text Tom_Moth:edit"),
        ("Additional reporting by Tom Moth", "Tom_Moth:contribution"),
        ("Keith Moth contributed reporting from Hong Kong.", "Keith_Moth:contribution"),
        ("Jane Roe, Reuters", "Jane_Roe:text"),
        ("By Jane Roe, Associated Press", "Jane_Roe:text"),
        ("Jane Roe | AFP", "Jane_Roe:text"),
        ("By Jane Roe in Beijing", "Jane_Roe:text"),
        ("By Jane Roe for The Wick", "Jane_Roe:text"),
        ("By Dr. Jane Roe, MD", "Dr._Jane_Roe,_MD:text"),
        ("Jane Roe and John Doe contributed to this report.", "Jane_Roe:contribution John_Doe:contribution"),
        ("By Jane Roe, John Doe and Ann Lee", "Jane_Roe:text John_Doe:text Ann_Lee:text"),
        ("By Jane Roe jane@paper.example", "Jane_Roe:text"),
        ("By Jane Roe @janeroe", "Jane_Roe:text"),
        ("By Jane Roe Published January 7, 2022 10:30 AM EST", "Jane_Roe:text"),
        ("Illustration by Ann Lee", "Ann_Lee:graphics"),
        ("Video by Tom Moth", "Tom_Moth:video"),
        ("Interview by Jane Roe", "Jane_Roe:interview"),
        ("Author: Jane Roe", "Jane_Roe:text"),
        ("Authors: Jane Roe, John Doe", "Jane_Roe:text John_Doe:text"),
        ("Editor: Ann Lee", "Ann_Lee:edit"),
        ("Von Max Muster", "Max_Muster:text"),
        ("Par Jeanne Dupont", "Jeanne_Dupont:text"),
        ("Por Ana Gómez y Luis Pérez", "Ana_Gómez:text Luis_Pérez:text"),
        ("Text: Max Muster, Fotos: Eva Klein", "Max_Muster:text Eva_Klein:photo"),
        ("Jane Roe is a writer based in London", ""),
        ("By The Wick Staff", "The_Wick_Staff:text"),
        ("By Staff Reporter", "Staff_Reporter:text"),
        ("By Emma O'Neil-Smith", "Emma_O'Neil-Smith:text"),
        ("By María José de la Cruz", "María_José_de_la_Cruz:text"),
        ("作者：Jane Roe 译者：林一帆", "Jane_Roe:text 林一帆:translation"),
        ("文／Jane Roe　譯／林一帆", "Jane_Roe:text 林一帆:translation"),
        ("By 林一帆 and Jane Roe", "林一帆:text Jane_Roe:text"),
        ("Jane Roe（珍·罗） 翻译：林一帆", "Jane_Roe:text 林一帆:translation"),
        ("记者 Jane Roe、林一帆", "Jane_Roe:text 林一帆:text"),
        ("William Yeung／文 林一帆／圖", "William_Yeung:text 林一帆:photo"),
        ("Text by 林一帆 / Photos by Jane Roe", "林一帆:text Jane_Roe:photo"),
        ("作者 周舟Wayne", "周舟Wayne:text"),
        ("Emma Zhao北京补充报道", "Emma_Zhao:contribution"),
        ("唐纳•保罗•曼奇(Donato)补充报道", "唐纳•保罗•曼奇:contribution"),
        ("撰文：林一帆 Photo：Jane Roe", "林一帆:text Jane_Roe:photo"),
        ("文・林一帆", "林一帆:text"),
        ("取材・文＝山田太郎", "山田太郎:text"),
        ("写真＝山田花子", "山田花子:photo"),
        ("홍길동 기자", "홍길동:text"),
        ("松岭书评编辑部", "松岭书评编辑部:text"),
        ("Posted by Jane Roe on August 21, 2019", "Jane_Roe:text"),
        ("林一帆　喬二葦／綜合報導", "林一帆:text 喬二葦:text"),
        ("〔記者林一帆、喬二葦／綜合報導〕", "林一帆:text 喬二葦:text"),
        ("（林一帆/编译）", "林一帆:text"),
        ("责编：林一帆／校对：乔二苇／审核：闻人澈", "林一帆:edit 乔二苇:edit 闻人澈:edit"),
        ("来自：林一帆", ""),
        ("Pewarta: Sari Dewi", "Sari_Dewi:text"),
        ("Oleh Sari Dewi, Editor: Budi Raya", "Sari_Dewi:text Budi_Raya:edit"),
        ("بقلم سارة الحسن", "سارة_الحسن:text"),
        ("كتب: سارة الحسن، ليلى نور تصوير: عمر زيد", "سارة_الحسن:text ليلى_نور:text عمر_زيد:photo"),
        ("خبرنگار: نیلوفر رستمی", "نیلوفر_رستمی:text"),
        ("Автор: Анна Речная Фото: Иван Лесной", "Анна_Речная:text Иван_Лесной:photo"),
        ("Tác giả: Lê Mai", "Lê_Mai:text"),
        ("2019-09-26 12:11来源：松岭时报网作者：林一帆", "林一帆:text"),
        ("本文来源：松岭报 责任编辑：林一帆_NB12556", "林一帆:edit"),
        ("作者：林一帆 来源：松岭报", "林一帆:text"),
        ("JÖRG ÅBERG", "Jörg_Åberg:text"),
        ("Ada Reed HollowayAda Reed Holloway", "Ada_Reed_Holloway:text"), ("Redacción", ""),
        ("kokob@harbour.example\n(END)", ""),
        ("媒体报道", ""), ("最新报道", ""), ("2019-11-25 11:01:53　来源: 松岭报 举报", ""),
        ("【文/松岭网专栏作者 林一帆】", "林一帆:text"),
        ("专题报道", ""),
        ("时间：2019-09-25 作者：网络整理 阅读：1644", ""),
        ("本文编辑徐舟 desk@paper.example", "徐舟:edit"),
    ],
)  # fmt: skip
def test_bylines_in_chinese_english_and_both_name_people_and_what_they_did(byline: str, people: str) -> None:
    assert " ".join(f"{one.name.replace(' ', '_')}:{one.role}" for one in people_in(byline)) == people


@pytest.mark.parametrize(
    ("stated", "bylines", "people"),
    [
        (["路透"], ["编译 林帆；审校 乔一苇"], "林帆:text 乔一苇:edit"),
        (["路透"], ["发稿 乔一苇"], "乔一苇:edit"), (["路透"], [], ""), (["unknown"], ["林帆"], "林帆:text"),
        (["104363"], ["林帆"], "林帆:text"),
        (["林帆"], ["文：乔一苇　图：闻人澈"], "林帆:text 闻人澈:photo"),
        (["林帆"], ["By 林帆, Maud Ellery"], "林帆:text Maud_Ellery:text"),
        (["Maud Ellery, Ada Reed & more"], [], "Maud_Ellery:text Ada_Reed:text"),
        (["文／林帆", "译／乔一苇"], [], "林帆:text 乔一苇:translation"), (["kevin-r"], [], "kevin-r:text"),
        (["Maud Ellery", "Wick Editor-at-large"], [], "Maud_Ellery:text"),
        ([{"name": "林帆"}, {"name": "Ada Reed", "role": "Photographer"}], [], "林帆:text Ada_Reed:photo"),
    ],
)  # fmt: skip
def test_statements_and_bylines_are_put_together(stated: list[Any], bylines: list[str], people: str) -> None:
    found = contributors_of(credits_of(stated), bylines, lambda name: name == "路透")
    assert " ".join(f"{one.name.replace(' ', '_')}:{one.role}" for one in found) == people


@pytest.mark.parametrize(
    ("byline", "names"),
    [("松岡 美帆", "松岡 美帆"), ("松岡 美帆、堤　はるか", "松岡 美帆、堤 はるか"), ("取材 松岡", "松岡"),
     ("編集 松岡・堤", "")],
    ids=["one", "two", "what was done", "who edited"],
)  # fmt: skip
def test_a_space_is_a_part_of_japanese_names(byline: str, names: str) -> None:
    found = contributors_of((), [byline], spaced=True)
    assert "、".join(one.name for one in found if one.role in ("text", "interview")) == names
    assert [one.name for one in contributors_of((), ["林帆 乔一苇"])] == ["林帆", "乔一苇"]


@pytest.mark.parametrize(
    ("stated", "byline", "names"),
    [
        ("Ada Moth", "By Ada Moth, National Institute of Lamps and Wicks", "Ada Moth"),
        ("Ada Moth", "By Ada Moth, Contributor, Lamp World", "Ada Moth"),
        ("Ada Moth, Chief Lamp Officer and Head of Wicks", "", "Ada Moth"),
        ("Ada Moth The Associated Press", "", "Ada Moth"),
        ("The Associated Press", "", "The Associated Press"),
        ("Associated Press Associated Press", "", "Associated Press"),
        ("", "Saturday March 6, 2021 09:30 PM EST 3/6/2021 9:30 PM", ""),
    ],
)
def test_for_whom_people_write_and_when_are_no_people(stated: str, byline: str, names: str) -> None:
    found = contributors_of([(stated, "text")], [byline], lambda name: name == "Lamp World")
    assert "、".join(one.name for one in found) == names


def test_addresses_and_loose_ends_of_bylines_are_no_people() -> None:
    assert author_of(["By Ada Moth / WICK.EXAMPLE.COM / Mar 5, 2021"]) == "Ada Moth"
    assert author_of(["By Ada Moth with\xa0agencies"]) == "Ada Moth"


def test_a_page_that_names_nobody_names_its_outlet() -> None:
    stated = [("路透", "text")]
    assert contributors_of(stated, ["责编：林帆"], lambda name: name == "路透", or_label=True) == (
        Contributor("路透", "text"), Contributor("林帆", "edit"),
    )  # fmt: skip


@pytest.mark.parametrize(("byline", "author"), [("松岭晚报记者 林帆", "林帆"), ("", "松岭")])
def test_the_site_in_a_page_s_title_is_its_outlet(byline: str, author: str) -> None:
    prose = "河边的灯塔今天重新亮起，守灯人说，从此夜里归来的渡船都能看见它。" * 6
    page = (
        f'<title>灯塔重新亮起_松岭新闻</title><meta name="author" content="松岭"><h1>灯塔重新亮起</h1>'
        f'<article><p>{prose}</p><p>{prose}</p><p class="byline">{byline}</p></article>'
    )
    article = parse_source(f"<!doctype html>{page}".encode(), "a.html", Limits(), FAR_FUTURE, "", Reading())
    assert isinstance(article, Article)
    assert article.author == author


def test_links_to_sections_beside_a_name_are_no_people() -> None:
    header = "<!--1630454400000-->\n[A lamp](https://wick.example/lamp)\n------\n"
    sections = ", ".join(f'<a href="{path}">{name}</a>' for path, name in (
        ("/category/opinion/", "Opinion"), ("/?cat=7", "Knowledge Node"), ("/topics/lamps", "灯塔和自由"),
    ))  # fmt: skip
    body = f'<p class="byline"><a href="/author/maud">Maud</a> {sections} 2021年9月1日</p><p>The lamp went out.</p>'
    article = parse_source(f"{header}{body}".encode(), "a.md", Limits(), FAR_FUTURE, "", Reading())
    assert isinstance(article, Article)
    assert article.contributors == (Contributor("Maud", "text"),)


def test_an_outlet_s_name_is_one_whatever_joins_its_words() -> None:
    site = '<meta property="og:site_name" content="Lamps & Wicks"><meta name="author" content="Lamps & Wicks">'
    assert page_facts(site).authors == ("Lamps & Wicks",)
    assert page_facts(f'{site}<p class="author">Maud Ellery</p>').authors == ("Maud Ellery",)


def test_on_a_page_whoever_comments_is_no_author() -> None:
    form = '<div id="commentform"><span class="author">Name</span></div>'
    comment = f'<ol class="commentlist"><li><cite class="author">Tom Reader</cite> says</li></ol>{form}'
    page = f"<title>A lamp goes out</title><h1>A lamp goes out</h1>{comment}"
    assert page_facts(page).authors == ()
    assert page_facts(f'{page}<p class="author">Maud Ellery</p>').authors == ("Maud Ellery",)


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ("本文已获作者 林帆 授权转载", "林帆"), ("本文由作者林帆授权发布", "林帆"), ("經作者林帆授權轉載", "林帆"),
        ("作者：林帆授权转载", "林帆"), ("本文原创为林帆", "林帆"), ("原创：林帆", "林帆"), ("本文作者为林帆", "林帆"),
        ("经作者授权转载", ""), ("Reprinted with permission of Ada Reed", "Ada Reed"),
        ("Republished with the kind permission of Ada Reed and Tom Hill.", "Ada Reed、Tom Hill"),
        ("林帆", "林帆"), ("作者：林帆，授权转载", "林帆"), ("Used with permission.", ""),
        ("© 2024 Ada Reed", "Ada Reed"),
        ("Courtesy of Ada Reed", "Ada Reed"),
    ],
)  # fmt: skip
def test_words_of_permission_are_no_names(stated: str, names: str) -> None:
    found = contributors_of([(stated, "text")], [])
    assert "、".join(one.name for one in found) == names
    if names != stated:
        assert (author_of([stated]) or "") == names
    assert author_of(["作者：人物记者"]) is None


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("Par Ada Reed à Paris", "Ada Reed"),
        ("Por Ada Reed para El Faro", "Ada Reed"),
        ("Por Ada Reed, en Madrid", "Ada Reed"),
        ("Por Ada Reed en Madrid", "Ada Reed"),
        ("Par Ada Reed, avec AFP", "Ada Reed"),
        ("Ada Reed mit dpa", "Ada Reed"),
        ("Jan en Piet", "Jan、Piet"),
        ("Di Ada Reed, inviata a Roma", "Ada Reed"),
        ("Ада Рид, ТАСС", "Ада Рид"),
        ("Von Ada Reed, Korrespondentin in Paris", "Ada Reed"),
        ("Door Ada Reed en Tom Hill", "Ada Reed、Tom Hill"),
        ("Von Ada Reed und Tom Hill aus Berlin", "Ada Reed、Tom Hill"),
        ("Ada Reed mit Tom Hill", "Ada Reed mit Tom Hill"),
    ],
)
def test_places_outlets_and_agencies_behind_names_are_no_part_of_them(byline: str, names: str) -> None:
    assert author_of([byline]) == names
