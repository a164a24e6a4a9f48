"""Dates of page, header and URL, and which of them is believed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pressmark.transforms.dates import counted_time, parse_date, url_date, weigh
from pressmark.transforms.front_matter import read_front_matter
from pressmark.transforms.records import Dates

PARIS, SHANGHAI, NEW_YORK = map(ZoneInfo, ("Europe/Paris", "Asia/Shanghai", "America/New_York"))
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://news.example/cn/20220107-title", date(2022, 1, 7)),
        ("https://news.example/2021/05/01/tunnel", date(2021, 5, 1)),
        ("https://news.example/2021-05-01-tunnel", date(2021, 5, 1)),
        ("https://news.example/a/cm-07172020140157.html", date(2020, 7, 17)),
        ("https://news.example/a/5509463.html", None), ("https://news.example/20221399", None),
        ("https://news.example/a?date=2021-05-01", None), ("https://2021-05-01.example/a", None), (None, None),
        ("https://news.example/2021/5/1/tunnel", date(2021, 5, 1)),
        ("https://news.example/1999/12/31/", date(1999, 12, 31)),
        ("https://news.example/cn/20220107", date(2022, 1, 7)),
        ("https://news.example/a/cm-07172020.html", date(2020, 7, 17)),
        ("https://news.example/20210229/20210301", date(2021, 3, 1)), ("https://news.example/a/120220107", None),
        ("https://news.example/a/202201071", None), ("https://news.example/a/2021-05/01", date(2021, 5, 1)),
        ("https://news.example/a/2021-13-01", None), ("https://news.example/a/18991231", None),
        ("https://news.example/20220107?x=20230101", date(2022, 1, 7)), ("https://news.example", None),
        ("2021/05/01", None), ("", None),
        ("https://news.example/a/2021/may/01/tunnel", date(2021, 5, 1)), ("https://news.example/2021/may/rain", None),
        ("https://news.example/x/2021/05-01/900.shtml", date(2021, 5, 1)),
        ("https://news.example/2021_05_01/a", date(2021, 5, 1)),
        ("https://news.example/2021.05.01/a", date(2021, 5, 1)),
        ("https://news.example/best-20190101-lists/2021/06/05/all", date(2021, 6, 5)),
        ("https://news.example/2021/03/7_20.html", None), ("https://news.example/law/2021/04/92713", None),
        ("https://news.example/2021/05/01_weir.html", date(2021, 5, 1)),
    ],
    ids=[
        "eight digits", "folders", "dashes", "month, day, year and time", "number of an article", "month 13",
        "in the query", "in the host", "no URL", "folders of one digit", "last century", "nothing after it",
        "month, day, year", "first of two is none", "digit before", "digit after", "mixed separators",
        "month 13 again", "too long ago", "path before query", "no path", "no address", "empty",
        "a month by its name", "no day behind a month's name",
        "month and day in one folder", "low lines", "dots", "folders before a number in a name", "a number, no day",
        "a number, no day, again", "a name behind the day",
    ],
)  # fmt: skip
def test_the_date_in_a_urls_path(url: str | None, day: date | None) -> None:
    assert url_date(url) == day


@pytest.mark.parametrize(
    ("name", "place", "near", "day"),
    [
        ("show-01032021", None, None, None), ("show-01032021", "UTC", None, None),
        ("show-01032021", "Asia/Hong_Kong", None, date(2021, 3, 1)),
        ("show-01032021", "America/New_York", None, date(2021, 1, 3)),
        ("show-01032021", "UTC", date(2021, 3, 2), date(2021, 3, 1)),
        ("show-01032021", "Asia/Hong_Kong", date(2021, 1, 4), date(2021, 1, 3)),
        ("show-01032021101500", None, None, date(2021, 1, 3)), ("show-01132021", None, None, date(2021, 1, 13)),
        ("show-03032021", None, None, date(2021, 3, 3)),
        ("01/03/2021/show", None, None, None), ("01/03/2021/show", "America/New_York", None, date(2021, 1, 3)),
        ("1-3-2021.html", "UTC", date(2021, 3, 2), date(2021, 3, 1)), ("2/13/2021/", None, None, date(2021, 2, 13)),
        ("13/02/2021", "America/New_York", None, date(2021, 2, 13)), ("41/03/2021/13", None, None, None),
    ],
)  # fmt: skip
def test_digits_that_may_begin_with_either_are_a_date_where_place_or_header_tells(
    name: str, place: str | None, near: date | None, day: date | None
) -> None:
    assert url_date(f"https://news.example/a/{name}", ZoneInfo(place) if place else None, near) == day


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2020-07-26T22:52:06+08:00", "2020-07-26T14:52:06+00:00"),
        ("2020-07-26 22:52:06 +0800", "2020-07-26T14:52:06+00:00"),
        ("2020-07-26 9:30 -8", "2020-07-26T17:30:00+00:00"),
        ("2020-07-26 22:52:06.12345678Z", "2020-07-26T22:52:06.123456+00:00"),
        ("2020/7/6 22:52 UTC", "2020-07-06T22:52:00+00:00"), ("2020-07-26T22:52", "2020-07-26T22:52:00"),
        ("2020-07-26", "2020-07-26"), ("2020.7.6 +0800", "2020-07-06"), ("20200726", "2020-07-26"),
        ("Sun, 26 Jul 2020 22:52:06 +0800", "2020-07-26T14:52:06+00:00"),
        ("Sun, 26 Jul 2020 22:52:06 -0000", "2020-07-26T22:52:06+00:00"),
        ("26 Jul 2020 22:52", "2020-07-26T22:52:00"), ("2020年7月26日", "2020-07-26"),
        ("2020年7月26日 下午3:05", "2020-07-26T15:05:00"), ("民國109年7月26日", "2020-07-26"),
        ("Sun Jul 26 2020 22:52:06 GMT+0800 (中国标准时间)", "2020-07-26T14:52:06+00:00"),
        ("202007262252", "2020-07-26T22:52:00"), ("20200726225206", "2020-07-26T22:52:06"),
    ],
)  # fmt: skip
def test_a_date_is_a_day_or_a_time_with_or_without_a_zone(text: str, iso: str) -> None:
    moment = parse_date(text)
    assert moment is not None
    assert moment.isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["", "today", "2020-13-01", "0001-01-01T00:00:00+08:00", "9999-12-31T23:00:00-08:00", "2020-07-26 25:00",
     "2020-07-26 10:00 +30", "1580000000", "7 Foo 2020 10:00", "202013262252",
     "140007262252", "2020072622520"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("front", "iso", "day"),
    [
        (date(2022, 1, 7), "2022-01-07T05:00:00+00:00", date(2022, 1, 7)),
        (datetime(2022, 1, 7, 22, 30), "2022-01-08T03:30:00+00:00", date(2022, 1, 7)),  # noqa: DTZ001
        (datetime(2022, 1, 7, 22, 30, tzinfo=UTC), "2022-01-07T22:30:00+00:00", date(2022, 1, 7)),
    ],
    ids=["a day", "no zone", "zone"],
)
def test_front_matter_without_a_zone_is_in_the_outlets(front: date, iso: str, day: date) -> None:
    dates = weigh(header_at=None, front_matter_at=front, dateline_at=None, url_day=None, zone=NEW_YORK)
    assert dates.published_at is not None
    assert (dates.published_at.isoformat(), dates.local_date) == (iso, day)


BASE = datetime(2023, 8, 1, 9, tzinfo=UTC)
MIDNIGHT = datetime(2023, 8, 1, tzinfo=UTC)
WEEK, TWO_DAYS, SECOND = timedelta(days=7), timedelta(days=2), timedelta(seconds=1)
WRONG = datetime(2001, 7, 31, 16, tzinfo=UTC)


def weighed(
    header: datetime | None, front: datetime | None, dateline: datetime | None, url: date | None
) -> tuple[str, bool]:
    dates = weigh(header_at=header, front_matter_at=front, dateline_at=dateline, url_day=url, zone=UTC_ZONE)
    expected = {"header": header, "front_matter": front, "dateline": dateline, "none": None}
    if dates.published_from != "url":
        assert dates.published_at == expected[dates.published_from]
    assert (dates.dateline_at, dates.url_date) == (dateline, url)
    return dates.published_from, dates.date_conflict


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((BASE, BASE, BASE, BASE.date()), ("header", False)),
        ((None, BASE, BASE, BASE.date()), ("front_matter", False)),
        ((None, None, BASE, BASE.date()), ("dateline", False)),
        ((None, None, None, BASE.date()), ("url", False)),
        ((None, None, None, None), ("none", False)),
        ((WRONG, None, BASE, BASE.date()), ("dateline", True)),
        ((WRONG, None, BASE, None), ("header", True)),
        ((WRONG, None, None, BASE.date()), ("header", True)),
        ((WRONG, BASE, None, BASE.date()), ("header", True)),
        ((WRONG, BASE, BASE, BASE.date()), ("dateline", True)),
        ((WRONG, None, BASE, date(2023, 8, 5)), ("header", True)),
        ((None, WRONG, BASE, BASE.date()), ("front_matter", True)),
        ((MIDNIGHT + WEEK, None, MIDNIGHT, MIDNIGHT.date()), ("header", False)),
        ((MIDNIGHT - WEEK, None, MIDNIGHT, MIDNIGHT.date()), ("header", False)),
        ((MIDNIGHT + WEEK + SECOND, None, MIDNIGHT, MIDNIGHT.date()), ("dateline", True)),
        ((MIDNIGHT - WEEK - SECOND, None, MIDNIGHT, MIDNIGHT.date()), ("dateline", True)),
        ((BASE + WEEK, None, BASE, BASE.date()), ("header", True)),
        ((BASE + WEEK + SECOND, None, BASE, BASE.date()), ("dateline", True)),
        ((WRONG, None, MIDNIGHT + TWO_DAYS, MIDNIGHT.date()), ("dateline", True)),
        ((WRONG, None, MIDNIGHT - TWO_DAYS, MIDNIGHT.date()), ("dateline", True)),
        ((WRONG, None, MIDNIGHT + TWO_DAYS + SECOND, MIDNIGHT.date()), ("header", True)),
        ((WRONG, None, MIDNIGHT - TWO_DAYS - SECOND, MIDNIGHT.date()), ("header", True)),
        ((MIDNIGHT + WEEK + TWO_DAYS, None, MIDNIGHT + TWO_DAYS, MIDNIGHT.date()), ("header", True)),
        ((MIDNIGHT - WEEK - TWO_DAYS, None, MIDNIGHT - TWO_DAYS, MIDNIGHT.date()), ("header", True)),
        ((MIDNIGHT + WEEK, None, MIDNIGHT - TWO_DAYS, MIDNIGHT.date()), ("header", True)),
        ((MIDNIGHT - WEEK, None, MIDNIGHT + TWO_DAYS, MIDNIGHT.date()), ("header", True)),
        ((MIDNIGHT, MIDNIGHT + WEEK + SECOND, None, None), ("header", True)),
        ((MIDNIGHT, MIDNIGHT + WEEK, None, None), ("header", False)),
        ((None, None, MIDNIGHT, date(2023, 8, 9)), ("dateline", True)),
        ((None, None, MIDNIGHT, date(2023, 8, 8)), ("dateline", False)),
    ],
    ids=[
        "header first", "front matter", "dateline", "url", "none", "wrong by years", "url missing", "dateline missing",
        "front matter is no dateline", "dateline before front matter", "url disagrees", "front matter is not a header",
        "a week after", "a week before", "over a week after", "over a week before", "a week after one of two",
        "over a week after both", "two days apart", "two days apart, earlier", "over two days apart",
        "over two days apart, earlier", "a week after the dateline alone",
        "a week before the dateline alone", "a week after the url alone", "a week before the url alone",
        "header and front matter apart",
        "header and front matter a week apart", "dateline and url apart", "dateline and url a week apart",
    ],
)  # fmt: skip
def test_signals_are_weighed_in_the_contracts_order(
    signals: tuple[datetime | None, datetime | None, datetime | None, date | None], expected: tuple[str, bool]
) -> None:
    assert weighed(*signals) == expected


def test_a_url_names_the_start_of_its_day_in_the_outlets_zone() -> None:
    dates = weigh(header_at=None, front_matter_at=None, dateline_at=None, url_day=date(2022, 3, 1), zone=SHANGHAI)
    assert dates == Dates(
        published_at=datetime(2022, 2, 28, 16, tzinfo=UTC),
        published_from="url",
        dateline_at=None,
        url_date=date(2022, 3, 1),
        date_conflict=False,
        local_date=date(2022, 3, 1),
    )


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2022, 7, 1, 2, tzinfo=UTC), NEW_YORK, date(2022, 6, 30)),
        (datetime(2022, 6, 30, 16, tzinfo=UTC), SHANGHAI, date(2022, 7, 1)),
        (datetime(2022, 6, 30, 15, 59, 59, tzinfo=UTC), SHANGHAI, date(2022, 6, 30)),
        (datetime(2021, 12, 31, 23, 30, tzinfo=UTC), PARIS, date(2022, 1, 1)),
        (datetime(1990, 1, 1, tzinfo=UTC), NEW_YORK, date(1989, 12, 31)),
        (datetime(9999, 12, 29, tzinfo=UTC), SHANGHAI, date(9999, 12, 29)),
    ],
    ids=["evening before", "after midnight", "before midnight", "New Year", "first fact", "last fact"],
)
def test_the_local_day_is_the_day_in_the_outlets_zone(moment: datetime, zone: ZoneInfo, day: date) -> None:
    dates = weigh(header_at=moment, front_matter_at=None, dateline_at=None, url_day=None, zone=zone)
    assert dates.local_date == day


NEXT_WEEK = BASE + WEEK


@pytest.mark.parametrize(
    ("header", "dateline", "url", "published_from", "conflict"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), BASE, None, "dateline", True),
        (datetime(1989, 12, 31, 23, 59, 59, tzinfo=UTC), None, MIDNIGHT.date(), "url", True),
        (datetime(1990, 1, 1, tzinfo=UTC), None, None, "header", False),
        (NEXT_WEEK, None, None, "header", False),
        (NEXT_WEEK + SECOND, None, None, "none", True),
        (datetime.max.replace(tzinfo=UTC), BASE, None, "dateline", True),
        (datetime.min.replace(tzinfo=UTC), None, None, "none", True),
        (BASE, datetime(2099, 1, 1, tzinfo=UTC), None, "header", True),
        (BASE, None, date(1900, 1, 1), "header", True),
    ],
    ids=["start of the epoch", "before 1990", "1990", "next week", "after next week", "end of the calendar",
         "start of the calendar", "dateline to come", "address of another century"],
)  # fmt: skip
def test_dates_outside_1990_to_next_week_are_conflicts_and_no_facts(
    header: datetime, dateline: datetime | None, url: date | None, published_from: str, conflict: bool
) -> None:
    dates = weigh(
        header_at=header, front_matter_at=None, dateline_at=dateline, url_day=url, zone=SHANGHAI, latest=NEXT_WEEK
    )
    assert (dates.published_from, dates.date_conflict) == (published_from, conflict)
    for moment in (dates.published_at, dates.dateline_at):
        assert moment is None or datetime(1990, 1, 1, tzinfo=UTC) <= moment <= NEXT_WEEK
    assert dates.url_date in (None, MIDNIGHT.date())
    assert (dates.published_at is None) == (dates.published_from == "none")


def test_a_number_that_begins_a_title_is_no_day_of_a_url() -> None:
    assert url_date("https://news.example/2020/06/1%e5%8f%b7") is None
    assert url_date("https://news.example/2020/06/1号") is None
    assert url_date("https://news.example/2020/06/1/") == date(2020, 6, 1)
    assert url_date("https://news.example/2020/06/1") == date(2020, 6, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2023-05-01 오후 3:20", "2023-05-01T15:20:00"), ("2023. 5. 1. 오전 9시 5분", "2023-05-01T09:05:00"),
        ("2023년 5월 1일 오후 12시", "2023-05-01T12:00:00"), ("令和5年5月1日", "2023-05-01"),
        ("令和元年五月一日 午前9時", "2019-05-01T09:00:00"), ("平成31年4月30日 午後3時20分", "2019-04-30T15:20:00"),
        ("昭和六十四年一月七日", "1989-01-07"), ("令和5年2月30日", None),
    ],
)  # fmt: skip
def test_clocks_of_korea_and_years_of_japan(text: str, said: str | None) -> None:
    found = parse_date(text)
    assert (None if found is None else found.isoformat()) == said


@pytest.mark.parametrize(("text", "parts"), [("1683000000", 0), ("1683000000.25", 250_000), ("1683000000123", 123_000)])
def test_a_number_of_seconds_is_a_time_where_a_key_says_so(text: str, parts: int) -> None:
    found = read_front_matter(f"---\ntitle: Weir\ndate: {text}\n---\n")
    assert found is not None
    assert found.date == datetime(2023, 5, 2, 4, 0, 0, parts, tzinfo=UTC)
    assert counted_time("2023050115") is counted_time("168300000") is None
