"""Dates of page, header and URL, and which of them is believed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from transforms.dates import month_of, parse_dateline, url_date, weigh

PARIS, SHANGHAI, TAIPEI, NEW_YORK = map(ZoneInfo, ("Europe/Paris", "Asia/Shanghai", "Asia/Taipei", "America/New_York"))


@pytest.mark.parametrize(
    ("text", "zone", "iso"),
    [
        ("07/01/2022 - 13:38", PARIS, "2022-01-07T12:38:00+00:00"),
        ("07/07/2022 - 13:38", PARIS, "2022-07-07T11:38:00+00:00"),
        ("Sun, 19 Jul 2020 22:02:13 GMT", PARIS, "2020-07-19T22:02:13+00:00"),
        ("日期：Sat, 27 Jun 2020 14:20:41 +0000", PARIS, "2020-06-27T14:20:41+00:00"),
        ("2020-07-20T03:57:00", SHANGHAI, "2020-07-19T19:57:00+00:00"),
        ("2020-07-20T10:02:14.628Z", PARIS, "2020-07-20T10:02:14.628000+00:00"),
        ("2020年 7月 18日", SHANGHAI, "2020-07-17T16:00:00+00:00"),
        ("2020年7月18日 09:30", SHANGHAI, "2020-07-18T01:30:00+00:00"),
        ("2020-07-17 16:57:45", SHANGHAI, "2020-07-17T08:57:45+00:00"),
        ("民國112年8月1日", TAIPEI, "2023-07-31T16:00:00+00:00"),
        ("發布日期：1120801", TAIPEI, "2023-07-31T16:00:00+00:00"),
    ],
)
def test_datelines_are_read_in_the_outlets_zone(text: str, zone: ZoneInfo, iso: str) -> None:
    moment = parse_dateline(text, zone)
    assert moment is not None
    assert moment.isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["", "松岭", "2020", "2020年7月18日，松岭市开放图书馆。", "31/02/2022 - 10:00",
     "25:00", "12/2022", "2020-07-20T99:00:00",
     "1129901", "x" * 100],
)  # fmt: skip
def test_what_is_no_dateline_is_none(text: str) -> None:
    assert parse_dateline(text, PARIS) is None


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://news.example/cn/20220107-title", date(2022, 1, 7)),
        ("https://news.example/2021/05/01/tunnel", date(2021, 5, 1)),
        ("https://news.example/2021-05-01-tunnel", date(2021, 5, 1)),
        ("https://news.example/a/cm-07172020140157.html", date(2020, 7, 17)),
        ("https://news.example/a/5509463.html", None),
        ("https://news.example/20221399", None),
        ("https://news.example/a?date=2021-05-01", None),
        ("https://2021-05-01.example/a", None),
        (None, None),
    ],
)
def test_the_date_in_a_urls_path(url: str | None, day: date | None) -> None:
    assert url_date(url) == day


BASE = datetime(2023, 8, 1, 9, tzinfo=UTC)


def weighed(header: datetime | None, front: datetime | None, dateline: datetime | None, url: date | None) -> object:
    dates = weigh(header_at=header, front_matter_at=front, dateline_at=dateline, url_day=url, zone=ZoneInfo("UTC"))
    return dates.published_from, dates.date_conflict


WEEK, SECOND = timedelta(days=7), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((BASE, BASE, BASE, BASE.date()), ("header", False)),
        ((None, BASE, BASE, BASE.date()), ("front_matter", False)),
        ((None, None, BASE, BASE.date()), ("dateline", False)),
        ((None, None, None, BASE.date()), ("url", False)),
        ((None, None, None, None), ("none", False)),
        ((datetime(1938, 6, 3, tzinfo=UTC), None, BASE, BASE.date()), ("dateline", True)),
        ((datetime(1938, 6, 3, tzinfo=UTC), None, BASE, None), ("header", True)),
        ((datetime(1938, 6, 3, tzinfo=UTC), None, BASE, date(2023, 8, 5)), ("header", True)),
        ((BASE + WEEK, None, BASE, BASE.date()), ("header", True)),
        ((BASE - WEEK + timedelta(hours=9), None, BASE, BASE.date()), ("header", False)),
        ((BASE + WEEK + SECOND, None, BASE, BASE.date()), ("dateline", True)),
    ],
    ids=["header first", "front matter", "dateline", "url", "none", "wrong by years", "url missing", "url disagrees",
         "exactly a week", "within a week", "over a week"],
)  # fmt: skip
def test_signals_are_weighed_in_the_contracts_order(signals: tuple[object, ...], expected: object) -> None:
    assert weighed(*signals) == expected  # type: ignore[arg-type]


def test_the_local_day_and_the_utc_month_can_differ() -> None:
    moment = datetime(2022, 7, 1, 2, tzinfo=UTC)
    dates = weigh(header_at=moment, front_matter_at=None, dateline_at=None, url_day=None, zone=NEW_YORK)
    assert (dates.local_date, dates.month) == (date(2022, 6, 30), "2022-07")


def test_months_of_early_years_and_of_no_time() -> None:
    assert month_of(datetime(938, 1, 2, tzinfo=UTC)) == "0938-01"
    assert month_of(None) == "unknown"
