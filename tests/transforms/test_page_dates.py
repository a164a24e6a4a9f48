"""The day of a whole page: which of what it says is its own day of publication, and which is another's."""

import json
from datetime import date

import pytest

from pressmark.storage.versions import parse_source
from pressmark.transforms.dates import FAR_FUTURE, path_date
from pressmark.transforms.records import Article, Limits, Reading

PROSE = (
    "<p>The lamp at the end of the pier went out, and nobody in the harbour office knew why; it took all night to "
    "bring the two ferries in, and a boat with a lantern now lies at the mouth of the harbour, paid by the hour.</p>"
)
TITLE = "<title>A lamp goes out at the pier</title>"
STORY = f"<h1>A lamp goes out at the pier</h1>{PROSE}"
LD = '<script type="application/ld+json">{}</script>'


def stated(**facts: str) -> str:
    return LD.format(json.dumps({"@type": "NewsArticle", **facts}))


def dates_of(markup: str, path: str = "a.html", *, start: str = "<!doctype html>") -> Article:
    outcome = parse_source(f"{start}{markup}".encode(), path, Limits(), FAR_FUTURE, "", Reading())
    assert isinstance(outcome, Article), outcome
    return outcome


BESIDE = "<h1>A lamp goes out at the pier</h1><p class=meta>{}</p>" + PROSE
PAGES = {
    # What is stated, and what only looks like it.
    "the document's date changes with it": (
        '<meta name="date" content="2021-03-09">' + BESIDE.format("5 March 2021"), "2021-03-05",
    ),
    "the document's date, where nothing else is": ('<meta name="date" content="2021-03-09">' + STORY, "2021-03-09"),
    "published as it was modified": (
        '<meta property="article:published_time" content="2021-03-09T10:00:00Z">'
        + stated(datePublished="2021-03-05T10:00:00Z", dateModified="2021-03-09T10:00:00.4Z") + STORY, "2021-03-05",
    ),
    "published as modified, with an earlier day in print": (
        stated(datePublished="2021-11-20T10:00:00Z", dateModified="2021-11-20T10:00:00Z")
        + BESIDE.format("May 14, 2021"), "2021-05-14",
    ),
    "a video's": (
        LD.format('{"@type": "VideoObject", "uploadDate": "2019-02-02"}') + BESIDE.format("5 March 2021"),
        "2021-03-05",
    ),
    "that of an entry of a list": (
        "<ul><li itemprop=itemListElement>A ferry is late<meta itemprop=datePublished content=2019-08-19></ul>"
        + BESIDE.format("5 March 2021"), "2021-03-05",
    ),
    "in one element with all the rest": (
        """<meta name='parsely-page' content='{"pub_date":"2021-03-05T10:00:00Z"}'>""" + BESIDE.format("9 March 2021"),
        "2021-03-05",
    ),
    "another calendar's": (
        '<meta property="article:published_time" content="1399-12-15">' + stated(datePublished="2021-03-05") + STORY,
        "2021-03-05",
    ),
    "Iran's calendar, stated on a page in Persian": (
        '<html lang="fa-IR"><meta property="article:published_time" content="1399/12/15">' + STORY, "2021-03-05",
    ),
    "Iran's calendar, printed": ('<html lang="fa">' + BESIDE.format("۱۵ اسفند ۱۳۹۹ - ۰۸:۳۰"), "2021-03-05"),
    "Thailand's calendar": ('<html lang="th">' + BESIDE.format("5 มี.ค. 2564"), "2021-03-05"),
    "a time behind a dash": (
        BESIDE.format("Quay post by <a>Maud Ellery</a> on March 5, 2021 - 1:16pm; <i>tagged</i> lamps"), "2021-03-05",
    ),
    "a range of days": (BESIDE.format("<a>Maud Ellery</a> on March 5, 2021 - 16 March 2021; <i>tagged</i>"), None),
    "digits of Bengal": ('<html lang="bn">' + BESIDE.format("৫ মার্চ ২০২১"), "2021-03-05"),
    "Vietnam's months": ('<html lang="vi">' + BESIDE.format("5 tháng 3, 2021"), "2021-03-05"),
    "RDFa": (f'{STORY}<span property="schema:dateCreated" content="2021-03-05T10:00:00+01:00"></span>', "2021-03-05"),
    "the page's own data": (f'{STORY}<script>var page = {{"publishedAt": "2021-03-05T10:00"}}</script>', "2021-03-05"),
    "data of several": (
        f'{STORY}<script>[{{"publishedAt": "2021-03-05"}}, {{"publishedAt": "2021-03-06"}}]</script>', None,
    ),
    "a vendor's name for the document's date": (
        '<meta name="vx.date" content="2021-03-05T00:00:00Z">' + STORY + "<p>Last updated on 2021-03-09</p>",
        "2021-03-05",
    ),
    "only when it was modified": ('<meta name="last-modified" content="2021-03-09">' + STORY, "2021-03-09"),
    "modified, and the address names a day": (
        '<link rel=canonical href="https://wick.example/2021/03/05/lamp"><meta name="lastmod" content="2021-03-09">'
        + STORY, "2021-03-05",
    ),
    # UTC says another day than the page.
    "UTC, and the same moment with an offset": (
        stated(datePublished="2021-03-06T03:30:00Z")
        + BESIDE.format("<time datetime='2021-03-05T22:30:00-05:00'>March 5</time>"), "2021-03-05",
    ),
    "UTC, and the day in print": (
        stated(datePublished="2021-03-04T23:00:00Z") + BESIDE.format("5 March 2021"), "2021-03-05",
    ),
    "UTC, and a far day in print": (
        stated(datePublished="2021-03-04T23:00:00Z") + BESIDE.format("5 March 2011"), "2021-03-04",
    ),
    # Whose day it is.
    "a comment's": (f"{STORY}<div class=comments><time datetime=2021-03-09>x</time></div><p>Posted 5 March 2021</p>",
                    "2021-03-05"),
    "another story's": (
        f"<ul class=related><li><time class=published datetime=2019-01-01>x</time></ul>{STORY}"
        "<span class=published>5. März 2021</span>", "2021-03-05",
    ),
    "another article's": (
        f"<article>{STORY}<p class=date>5 March 2021</p></article>"
        "<article><time pubdate datetime=2021-04-09>x</time></article>", "2021-03-05",
    ),
    "today's, above the title": (f"<header><p>9 March 2021</p></header><main>{BESIDE.format('5 March 2021')}</main>",
                                 "2021-03-05"),
    "above the title": (f"<div><p class=date>Harbour, 5 March 2021</p>{STORY}</div>", "2021-03-05"),
    "a lower heading": (f"{TITLE}<p>9 March 2021</p><h2>A lamp goes out at the pier</h2><p>5 March 2021</p>{PROSE}",
                        "2021-03-05"),
    "when a reader joined": (f"{STORY}<dl><dt>Joined</dt><dd>9 March 2011</dd></dl><p>Posted: 5 March 2021</p>",
                             "2021-03-05"),
    "a range": (BESIDE.format("1 March 2021 - 9 March 2021"), None),
    "a copyright": (f"{STORY}<footer>© 5 March 2021 Wick</footer>", None),
    "an update beside it": (BESIDE.format("Updated: 9 March 2021</p><p>Published: 5 March 2021"), "2021-03-05"),
    "a time element of another day": (
        BESIDE.format("<time datetime=2021-03-09T10:18:46Z>Publié le 5 mars 2021</time>"), "2021-03-05",
    ),
    # How it is written.
    "within a sentence of its own": (f"{STORY}<p>Dieser Artikel wurde am 5. März 2021 um 14:48 von</p>", "2021-03-05"),
    "behind a name": (BESIDE.format("Hafenblatt • 05.03.2021"), "2021-03-05"),
    "the story begins with it": (
        f"<h1>A lamp goes out at the pier</h1><p>Bern, (5.3.2021). {PROSE[3:]}", "2021-03-05",
    ),
    "a day that the story tells of": (
        f"<h1>A lamp goes out at the pier</h1><p>Mit der am 5. März 2021 beschlossenen Ordnung wird alles anders, und "
        f"das gilt auch für den Leuchtturm am Ende des Hafens. {PROSE[3:]}", None,
    ),
    "a year of two digits": (BESIDE.format("5.3.21") + "<footer>© 2021</footer>", "2021-03-05"),
    "two digits of no year that the page names": (BESIDE.format("5.3.21"), None),
    "bars": (BESIDE.format("05 | 03 | 2021"), "2021-03-05"),
    "capitals": (BESIDE.format("MARCH 5, 2021"), "2021-03-05"),
    "Russian": ("<html lang=ru>" + BESIDE.format("5 марта 2021, 13:43"), "2021-03-05"),
    "Arabic": ("<html lang=ar>" + BESIDE.format("05 مارس 2021"), "2021-03-05"),
    "Korean": ("<html lang=ko>" + BESIDE.format("2021년 3월 5일"), "2021-03-05"),
    "no order": ("<html lang=en>" + BESIDE.format("3/5/2021"), None),
    "no order in Chinese": ("<html lang=zh-TW>" + BESIDE.format("3/5/2021"), None),
    "the order of another date": ("<html lang=en>" + BESIDE.format("3/5/2021") + "<p>3/25/2021</p>", "2021-03-05"),
    "the order that the modified day tells": (
        '<meta name="last-modified" content="2021-03-05"><html lang=en>' + BESIDE.format("3/5/2021"), "2021-03-05",
    ),
    "seconds in the page's own data": (f'{STORY}<script>var ct = "1614945600";</script>', "2021-03-05"),
    "seconds of several": (f'{STORY}<script>pub_time: 1614945600, more: {{"pub_time": 1615945600}}</script>', None),
    "when something else was made": (f'{STORY}<script>{{"createTime": "2021-03-05T10:00:00"}}</script>', None),
    "a minus before the time": (f'<meta name="firstpublishedtime" content="2021-03-05-23:59:05">{STORY}', "2021-03-05"),
    "a clock that a script wrote": (
        f"<ul><li><script>var now = new Date; document.writeln(now)</script>2021年10月7日 星期四</ul>{STORY}", None,
    ),
    "the time in a place": (f"{STORY}<p>北京时间2021年10月7日，船队从松岭港出发，沿河去往下游的三座小城。</p>", None),
    "a neighbour's title": (
        BESIDE.format("<span>上一篇：</span><a>股市--2019年8月19日</a>") + "<p>发布时间： 2021-03-05 10:09</p>",
        "2021-03-05",
    ),
    "a heading that is the site's": (
        "<title>A lamp goes out at the pier</title><h1>The Wick of the harbour</h1><p>19 August 2019</p>"
        f"<h2>A lamp goes out at the pier</h2><p>5 March 2021</p>{PROSE}", "2021-03-05",
    ),
    "the address's, beside another story's": (
        '<link rel=canonical href="https://wick.example/2021/03/05/lamp">' + STORY
        + "<div class=sidebar><p>A ferry is late</p><p>19 August 2019</p></div>", "2021-03-05",
    ),
    "another story's, as nothing else is": (
        STORY + "<div class=sidebar><p>A ferry is late</p><p>19 August 2019</p></div>", "2019-08-19",
    ),
    "the paper's day above the title, or when it was saved": (
        f"<div><p class=date>10 April 2023</p></div><div><div>{STORY}<p>Link<br>11:30 05.03.2021</p></div></div>",
        "2021-03-05",
    ),
    "the paper's day, as nothing else is": (
        f"<div><p class=top>5 March 2021</p></div><div><div>{STORY}</div></div>", "2021-03-05",
    ),
    "one of several days of a list": (
        STORY + "".join(f"<p class=event>{day} March 2023 - Wick</p>" for day in (3, 4, 15)), None,
    ),
    "beside a title that is no heading": (
        "<div><p class=at>9 May 2023</p></div><div><div><b>A lamp goes out at the pier</b></div><div>5 March 2021</div>"
        f"{PROSE}</div>", "2021-03-05",
    ),
    "in the language of the title, whatever the page says": (
        '<html lang="en-US"><meta property="og:title" content="Έσβησε ο φάρος"><h1>Έσβησε ο φάρος</h1>'
        f"<p>05/03/2021</p>{PROSE}",
        "2021-03-05",
    ),
    "months as Greeks say them": (
        f'<html lang="el"><h1>A lamp goes out at the pier</h1><p>Παρασκευή 5 Μάρτη 2021</p>{PROSE}',
        "2021-03-05",
    ),
    "the paper's day, where the story stands in a part called recent": (
        f"<nav><p class=date>10 April 2023</p></nav>{STORY}<div class=recent><p class=date>5 March 2021</p></div>",
        "2021-03-05",
    ),
    "the year first, as Hungarians write it": (f"{STORY}<p>2021. március 5.</p>", "2021-03-05"),
    "labels of more languages": (
        f"{STORY}<p>Opublikowano w druku: 5.03.2021, na stronie drugiej</p>", "2021-03-05",
    ),
    "an address with the day first": (
        f'<link rel=canonical href="https://wick.example/news/25-03-2021">{STORY}', "2021-03-25",
    ),
}  # fmt: skip


def test_what_a_page_writes_without_a_zone_is_in_its_outlet_s() -> None:
    stated = '<meta property="article:published_time" content="{}">'
    address = '<html lang="de"><link rel="canonical" href="https://anzeiger.example.de/a">'
    for written in ("2021-03-05 18:11", "5. März 2021 18:11 Uhr", "5. März 2021 17:11 GMT"):
        found = dates_of(address + stated.format(written) + STORY).dates
        assert str(found.published_at) == "2021-03-05 17:11:00+00:00", written


@pytest.mark.parametrize("written", ["2021-03-05T18:11:00Z", "2021-03-05T18:11:00+0000", "2021-03-05 18:11:07"])
def test_the_same_clock_with_an_offset_tells_the_zone_of_a_statement(written: str) -> None:
    meta = f'<meta property="article:published_time" content="{written}">'
    data = '<script type="application/ld+json">{{"@type": "NewsArticle", "datePublished": "{}"}}</script>'
    for clock, hour in (("18:11:30+02:00", 16), ("18:11:30Z", 18), ("18:19:00+02:00", 18)):
        other = f"2021-03-05T{clock}"
        at = dates_of(meta + data.format(other) + STORY).dates.published_at
        assert (at and at.hour) == hour, other


def test_a_stated_day_has_the_time_that_is_printed_of_it() -> None:
    stated_day = '<meta name="publishdate" content="2021-03-05">'
    for printed, hour in (("2021年03月05日08:18", 8), ("2021年03月06日08:18", 0)):
        at = dates_of(stated_day + BESIDE.format(printed)).dates.published_at
        assert at is not None
        assert (at.day, at.hour) == (5, hour)


@pytest.mark.parametrize(("markup", "day"), PAGES.values(), ids=PAGES)
def test_a_page_s_day_is_that_of_its_own_publication(markup: str, day: str | None) -> None:
    found = dates_of(f"{TITLE}{markup}").dates.local_date
    assert (found and str(found)) == day


POST = "---\ntitle: A lamp\n{}---\n\nThe lamp at the end of the pier went out.\n"


@pytest.mark.parametrize(
    ("path", "front", "day", "origin", "conflict"),
    [
        ("_posts/2021-03-05-a-lamp.md", "", date(2021, 3, 5), "url", False),
        ("posts/2021/03/05/a-lamp/index.md", "", date(2021, 3, 5), "url", False),
        ("content/2021-03-05_lamp/index.md", "", date(2021, 3, 5), "url", False),
        ("2021.03.05.md", "", date(2021, 3, 5), "url", False),
        ("_posts/2021-3-5-a-lamp.md", "", date(2021, 3, 5), "url", False),
        ("lamps/2021.3.5.md", "", None, "none", False),
        ("20210305-a-lamp/index.md", "", date(2021, 3, 5), "url", False),
        ("20210305123-a-lamp.md", "", None, "none", False),
        ("2021-3-5-lamp.md", "pubDatetime: 2021-03-06T18:11:00Z\n", date(2021, 3, 6), "front_matter", False),
        ("_posts/2021-03-05-a-lamp.md", "date: 2021-03-06\n", date(2021, 3, 6), "front_matter", False),
        ("_posts/2021-03-05-a-lamp.md", "date: 2021-05-06\n", date(2021, 5, 6), "front_matter", True),
        ("2021-03-05-a.md", "url: https://wick.example/2021/04/01/a\n", date(2021, 4, 1), "url", False),
        ("lamp.md", "permalink: /news/2021/03/05/a-lamp.html\n", date(2021, 3, 5), "url", False),
        ("2021-03-06-lamp.md", "path: 2021/03/05/Lamp\n", date(2021, 3, 5), "url", False),
        ("lamp.md", "url: /lamp/\nslug: [2021-03-05]\n", None, "none", False),
        ("_posts/2021-13-05-a-lamp.md", "", None, "none", False),
        ("a/lamp-20210305.md", "", None, "none", False),
    ],
)
def test_a_post_s_file_names_its_day_where_nothing_else_does(
    path: str, front: str, day: date | None, origin: str, conflict: bool
) -> None:
    dates = dates_of(POST.format(front), path, start="").dates
    assert (dates.local_date, dates.published_from, dates.date_conflict) == (day, origin, conflict)


@pytest.mark.parametrize(
    ("front", "text", "published"),
    [
        ("date: 5 Mayıs 2023 14:00", "Fırtınadan sonra köprü için yeni bir ışık bulundu.", "2023-05-05T14:00"),
        ("date: 1402/10/12", "پس از طوفان، پل روی رودخانه دوباره باز شد و مردم از آن گذشتند.", "2024-01-02T00:00"),
        ("pub_time: 3 มกราคม 2566", "หลังพายุ สะพานข้ามแม่น้ำเปิดให้ประชาชนใช้อีกครั้งหนึ่ง", "2023-01-03T00:00"),
        ("published: 12 мая 2023\nlastmod: 2024-01-01", "После бури мост открыли для всех.", "2023-05-12T00:00"),
        ("posted_at: 12 May 2023\ncreated: 2024-01-01", "After the storm the bridge was open.", "2023-05-12T00:00"),
        ("date: spring 2023", "After the storm the bridge over the river was open again.", None),
    ],
    ids=["Turkish", "Iran's calendar", "Thai", "Russian", "when it was posted", "no day"],
)
def test_a_header_s_date_in_words_or_another_calendar_is_read(front: str, text: str, published: str | None) -> None:
    article = dates_of(f"---\ntitle: A\n{front}\nedition: 3\n---\n\n{text}\n", "a.md", start="")
    at = article.dates.published_at
    assert (at and at.strftime("%Y-%m-%dT%H:%M")) == published
    assert ("2023" in (article.header.metadata or "")) == (published is None)


def test_a_file_s_name_is_no_date_of_a_page() -> None:
    assert dates_of(f"{TITLE}{STORY}", "2021-03-05-saved.html").dates.local_date is None
    assert path_date("2021-02-30-a.md") is None
