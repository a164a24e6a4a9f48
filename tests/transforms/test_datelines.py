"""How printed dates are read: shapes, calendars, zones, parts of the day, and times that count from another."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressmark.transforms.datelines import DatelineReader, _outline, parse_dateline
from pressmark.transforms.dates import parse_date

PARIS, SHANGHAI, TAIPEI, NEW_YORK = map(ZoneInfo, ("Europe/Paris", "Asia/Shanghai", "Asia/Taipei", "America/New_York"))
UTC_ZONE = ZoneInfo("UTC")


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
        ("1120801 09:30", TAIPEI, "2023-08-01T01:30:00+00:00"),
        ("民国 99 年 12 月 31 日", TAIPEI, "2010-12-30T16:00:00+00:00"),
        ("1090229", TAIPEI, "2020-02-28T16:00:00+00:00"),
        ("2022年1月7日", SHANGHAI, "2022-01-06T16:00:00+00:00"),
        ("发表时间：2022年01月07日 13:38:09", SHANGHAI, "2022-01-07T05:38:09+00:00"),
        ("2022年1月7日13：38", SHANGHAI, "2022-01-07T05:38:00+00:00"),
        ("2022-01-07", PARIS, "2022-01-06T23:00:00+00:00"),
        ("2022/1/7 9:05", PARIS, "2022-01-07T08:05:00+00:00"),
        ("2022.01.07", UTC_ZONE, "2022-01-07T00:00:00+00:00"),
        ("更新时间: 2022-07-07 13:38", PARIS, "2022-07-07T11:38:00+00:00"),
        ("07.01.2022", PARIS, "2022-01-06T23:00:00+00:00"),
        ("07/01/2022 13:38", PARIS, "2022-01-07T12:38:00+00:00"),
        ("发表时间： 07/01/2022 - 13:38", PARIS, "2022-01-07T12:38:00+00:00"),
        ("2020-07-20T03:57:00+02:00", SHANGHAI, "2020-07-20T01:57:00+00:00"),
        ("2020-07-20T03:57", NEW_YORK, "2020-07-20T07:57:00+00:00"),
        ("日期：2020-01-20T03:57:00", NEW_YORK, "2020-01-20T08:57:00+00:00"),
        ("19 Jul 2020 22:02:13 +0200", PARIS, "2020-07-19T20:02:13+00:00"),
        ("Sun, 19 Jul 2020 22:02 GMT", NEW_YORK, "2020-07-19T22:02:00+00:00"),
        ("Sun, 19 Jul 2020 22:02:13 -0000", PARIS, "2020-07-19T22:02:13+00:00"),
        ("27/03/2022 - 01:59", PARIS, "2022-03-27T00:59:00+00:00"),
        ("27/03/2022 - 03:00", PARIS, "2022-03-27T01:00:00+00:00"),
        ("30/10/2022 - 01:59", PARIS, "2022-10-29T23:59:00+00:00"),
        ("30/10/2022 - 03:00", PARIS, "2022-10-30T02:00:00+00:00"),
        ("9999-12-31 23:59:59", UTC_ZONE, "9999-12-31T23:59:59+00:00"),
        ("0001-01-01", UTC_ZONE, "0001-01-01T00:00:00+00:00"),
    ],
    ids=[
        "day first, winter", "day first, summer", "RFC 2822", "RFC 2822 with a label", "ISO without offset",
        "ISO in UTC", "years, months, days", "with time of day", "dashes", "Taiwan's year", "Taiwan's digits",
        "Taiwan's digits with time", "Taiwan's year of two digits", "Taiwan's leap day", "day only",
        "label and seconds", "wide colon", "dashes, day only", "slashes", "dots", "label and dashes",
        "day first with dots", "day first without dash", "day first with a label", "ISO with offset",
        "ISO without seconds", "ISO with a label", "RFC 2822 without weekday", "RFC 2822 without seconds",
        "RFC 2822 of unknown zone", "before summer time", "after summer time began", "before summer time ends",
        "after summer time", "last second", "first day",
    ],
)  # fmt: skip
def test_datelines_are_read_in_the_outlets_zone(text: str, zone: ZoneInfo, iso: str) -> None:
    moment = parse_dateline(text, zone)
    assert moment is not None
    assert moment.isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["", "松岭", "2020", "2020年7月18日，松岭市开放图书馆。", "31/02/2022 - 10:00",
     "25:00", "12/2022", "2020-07-20T99:00:00",
     "1129901", "x" * 100, "2022年13月1日", "2021-02-29", "2022-01-07 24:00", "2022-01-07 13:60",
     "32 Jul 2020 10:00 GMT",
     "Sun, 19 Foo 2020 22:02:13 GMT", "2020-07-20T10:02 and more", "07/01/22 - 13:38", "1110229", "民國112年",
     "0001-01-01", "0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00", "2022-01-07 至 2022-01-08",
     "When: August 14, 2031", "Deadline: 2031-08-14", "活动时间：2031年8月14日", "Cuándo: 14/08/2031",
     "松岭市图书馆的新开放时间是从什么时候：2022-01-07", "于2022年1月7日", "١٩٩٩-١٢-٣١T00:00", "\n2022-01-07"],
    ids=lambda text: text[:30].replace("\n", "LF") or "nothing",
)  # fmt: skip
def test_what_is_no_dateline_is_none(text: str) -> None:
    assert parse_dateline(text, PARIS) is None


def test_a_dateline_is_no_longer_than_a_line() -> None:
    assert parse_dateline("2022-01-07" + " " * 70 + "10:00", PARIS) is None
    assert parse_dateline("2022-01-07" + " " * 65 + "10:00", PARIS) is not None


@pytest.mark.parametrize(
    ("text", "shapes", "iso"),
    [
        ("07/01/2022", ["%m/%d/%Y"], "2022-07-01T00:00:00+02:00"),
        ("07/01/2022", [], "2022-01-07T00:00:00+01:00"),
        ("2020-07-03T10:18:27.658Z", ["%Y-%m-%dT%H:%M:%S.%f%z"], "2020-07-03T12:18:27.658000+02:00"),
        ("2020年7月18日 下午3:05", [], "2020-07-18T15:05:00+02:00"),
        ("2020年7月18日 中午12:05", [], "2020-07-18T12:05:00+02:00"),
        ("2020年7月18日 凌晨3:05", [], "2020-07-18T03:05:00+02:00"),
        ("2020-07-03 星期五 10:11", [], "2020-07-03T10:11:00+02:00"),
        ("2020年7月18日15时20分", [], "2020-07-18T15:20:00+02:00"),
        ("发布时间 2020-07-03 10:11", [], "2020-07-03T10:11:00+02:00"),
        ("May 14th 2020", [], "2020-05-14T00:00:00+02:00"),
        ("July 3, 2020 at 10:02 am", [], "2020-07-03T10:02:00+02:00"),
        ("Sat, 18 Jul 2020 10:00 +0800", [], "2020-07-18T04:00:00+02:00"),
        ("June 2020", [], None),
        ("in the May of 2020, 12 of them left", [], None),
        ("第12期", [], None),
        ("2020", [], None),
    ],
)  # fmt: skip
def test_printed_dates_are_read_by_an_outlets_shapes_then_by_those_of_the_trade(
    text: str, shapes: list[str], iso: str | None
) -> None:
    found = DatelineReader(PARIS, shapes, ["zh-Hans"]).read(text)
    assert (None if found is None or found.moment is None else found.moment.astimezone(PARIS).isoformat()) == iso


def test_a_date_without_a_time_of_day_keeps_its_day_in_the_outlets_zone() -> None:
    for zone in (PARIS, SHANGHAI, NEW_YORK, TAIPEI):
        found = DatelineReader(zone).read("2020年 7月 18日")
        assert found is not None
        assert found.moment is not None
        assert found.moment.astimezone(zone).isoformat()[:19] == "2020-07-18T00:00:00"


def test_one_date_is_read_within_a_line_and_two_are_not() -> None:
    reader = DatelineReader(SHANGHAI)
    found = reader.read_within("林帆 在 星期四, 06/05/2014 - 21:07 提交")
    assert found is not None
    assert found.moment == datetime(2014, 5, 6, 13, 7, tzinfo=UTC)
    assert reader.read_within("2014-05-06 至 2014-05-07") is None


def test_a_language_that_the_reader_of_dates_does_not_know_is_left_out() -> None:
    found = DatelineReader(PARIS, [], ["nan-Hant"]).read("14 mai 2020")
    assert found is None


@settings(max_examples=200)
@given(
    st.sampled_from(
        ["%d/%m/%Y - %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y年 %m月 %d日", "%Y%m%d", "%H时%M分 100%%", "%b %d, %Y"]
    ),
    st.from_regex(r"[ ]?[0-9]{1,4}[年/ -]{0,2}[0-9]{0,2}[月/ T-]{0,2}[0-9]{0,2}[ -]{0,3}[0-9:日]{0,8}", fullmatch=True)
    | st.datetimes().flatmap(
        lambda moment: st.sampled_from(
            ["%d/%m/%Y - %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y年 %m月 %d日", "%Y%m%d", "%b %d, %Y"]
        ).map(lambda shape: moment.strftime(shape))
    ),
)
def test_no_date_that_strptime_reads_is_passed_over(shape: str, text: str) -> None:
    with suppress(ValueError):
        datetime.strptime(text, shape)  # noqa: DTZ007  # as it is printed
        assert _outline(shape).fullmatch(text)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2023年3月9日，星期四", "2023-03-09T00:00"), ("2023年三月九号，礼拜四 上午八时三十分", "2023-03-09T08:30"),
        ("2023-03-09早上七点", "2023-03-09T07:00"), ("两千零二十三年三月九日下午两点半", "2023-03-09T14:30"),
        ("二千零二十年十二月三十一日晚上十一点五十九分", "2020-12-31T23:59"),
        ("2023年3月9日 上午12:05", "2023-03-09T00:05"), ("2023年3月9日 凌晨12点半", "2023-03-09T00:30"),
        ("2023年3月9日 早上6:20", "2023-03-09T06:20"), ("2023年3月9日 中午12:10", "2023-03-09T12:10"),
        ("2023年3月9日 中午1点", "2023-03-09T13:00"), ("2023年3月9日 下午12:40", "2023-03-09T12:40"),
        ("2023年3月9日 傍晚6点", "2023-03-09T18:00"), ("2023年3月9日 晚上12:00", "2023-03-10T00:00"),
        ("2023年3月9日 深夜11:59", "2023-03-09T23:59"), ("2023年3月9日 午夜12点", "2023-03-10T00:00"),
        ("2023年3月9日 下午15:40", "2023-03-09T15:40"), ("March 9, 2023 12:05 a.m.", "2023-03-09T00:05"),
        ("9 March 2023, 12:05 PM", "2023-03-09T12:05"), ("9:05 PM, March 9th, 2023", "2023-03-09T21:05"),
        ("２０２３年３月９日　２１：０５", "2023-03-09T21:05"), ("二〇二三年三月九日", "2023-03-09T00:00"),
        ("二○二三年十二月三十一日 晚上八点", "2023-12-31T20:00"), ("民国一百一十二年三月九日", "2023-03-09T00:00"),
        ("中華民國112年3月9日", "2023-03-09T00:00"), ("112-03-09", "2023-03-09T00:00"), ("112.3.9", "2023-03-09T00:00"),
        ("112年3月9日 21:05", "2023-03-09T21:05"), ("【2023年3月9日讯】", "2023-03-09T00:00"),
        ("（2023-03-09 21:05）", "2023-03-09T21:05"), ("2023年3月9号", "2023-03-09T00:00"),
        ("Published: 9 March 2023 21:05 | Updated: 11 March 2023 08:00", "2023-03-09T21:05"),
        ("Updated: March 11, 2023 | Published: March 9, 2023", "2023-03-09T00:00"),
        ("发表于：2023-03-09 21:05 最后更新：2023-03-11 08:00", "2023-03-09T21:05"),
        ("2023-03-09 21:05；更新时间：2023-03-11", "2023-03-09T21:05"),
    ],
)  # fmt: skip
def test_parts_of_the_day_numerals_calendars_and_updates(text: str, local: str) -> None:
    found = DatelineReader(PARIS).read(text)
    assert found is not None
    assert found.moment == datetime.fromisoformat(local).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-03-09 21:05:00 +0800", "13:05"), ("2023-03-09 21:05 (GMT+8)", "13:05"),
        ("2023-03-09 21:05 UTC", "21:05"),
        ("2023-03-09 21:05:00Z", "21:05"), ("北京时间2023年3月9日 21:05", "13:05"),
        ("2023年3月9日 21:05 北京時間", "13:05"),
        ("台北時間 2023/03/09 21:05", "13:05"), ("2023年3月9日 12:05 美东时间", "17:05"),
        ("March 9, 2023 12:05 PM EST", "17:05"),
        ("12:05 p.m. ET, March 9, 2023", "17:05"), ("2023-03-09 21:05 CET", "20:05"), ("2023-03-09 21:05", "20:05"),
        ("2023-03-09 21:05 +05:30", "15:35"), ("2023-03-09 18:05 \u221202:00", "20:05"),
        ("2023-03-09 21:05 XYZ", None),
        ("2023-03-09 21:05 +25:00", None),
    ],
)  # fmt: skip
def test_zones_before_and_after_the_time(text: str, utc: str | None) -> None:
    found = DatelineReader(PARIS).read(text)
    if utc is None:
        assert found is None
    else:
        assert found is not None
        assert found.moment == datetime.fromisoformat(f"2023-03-09T{utc}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "near", "day"),
    [
        ("03/09/2023", PARIS, None, "2023-09-03"), ("03/09/2023", NEW_YORK, None, "2023-03-09"),
        ("03/09/2023", UTC_ZONE, None, None), ("03/09/2023", UTC_ZONE, date(2023, 3, 10), "2023-03-09"),
        ("03/09/2023", PARIS, date(2023, 3, 9), "2023-03-09"), ("03/09/2023", NEW_YORK, date(2023, 9, 3), "2023-09-03"),
        ("13/09/2023", UTC_ZONE, None, "2023-09-13"), ("09/13/2023", PARIS, None, "2023-09-13"),
        ("09/09/2023", UTC_ZONE, None, "2023-09-09"), ("03.09.2023", UTC_ZONE, None, "2023-09-03"),
        ("03/09/2023", UTC_ZONE, date(2021, 1, 1), None),
    ],
)  # fmt: skip
def test_the_order_of_day_and_month_is_told_or_there_is_no_date(
    text: str, zone: ZoneInfo, near: date | None, day: str | None
) -> None:
    found = DatelineReader(zone).read(text, near)
    if day is None:
        assert found is None
    else:
        assert found is not None
        assert found.moment is not None
        assert found.moment.astimezone(zone).date() == date.fromisoformat(day)


AT = datetime(2023, 3, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24 分钟前", AT - timedelta(minutes=24)), ("3 hours ago", AT - timedelta(hours=3)),
        ("2小時前", AT - timedelta(hours=2)),
        ("an hour ago", AT - timedelta(hours=1)), ("半小时前", AT - timedelta(minutes=30)),
        ("5 days ago", AT - timedelta(days=5)),
        ("两周前", AT - timedelta(weeks=2)), ("刚刚", AT), ("昨天 10:30", datetime(2023, 3, 8, 2, 30, tzinfo=UTC)),
        ("Yesterday at 10:30 AM", datetime(2023, 3, 8, 2, 30, tzinfo=UTC)),
        ("发布于 2 小时前", AT - timedelta(hours=2)),
    ],
)  # fmt: skip
def test_relative_times_count_from_the_header_s_time(text: str, moment: datetime) -> None:
    reader = DatelineReader(SHANGHAI)
    found, without = reader.read(text, at=AT), reader.read(text)
    assert found is not None
    assert found.moment == moment
    assert without is not None
    assert without.moment is None


@pytest.mark.parametrize(
    "text",
    ["3个月前", "2 years ago", "十年前，松岭还没有图书馆", "昨天松岭下雨", "today", "前天的会议", "5 hours", "1400年"],
)
def test_what_only_looks_like_a_relative_time_has_no_moment(text: str) -> None:
    found = DatelineReader(SHANGHAI).read(text, at=AT)
    assert found is None or found.moment is None or text == "today"


@pytest.mark.parametrize(
    ("text", "zone", "language", "local"),
    [
        ("Veröffentlicht am 28.04.2023 um 18:11 Uhr", "Europe/Berlin", "de", "2023-04-28T18:11:00"),
        ("28.04.2023 | 18:11 Uhr", "Europe/Vienna", "de", "2023-04-28T18:11:00"),
        ("Publié le 28 avril 2023 à 18h11", "Europe/Paris", "fr", "2023-04-28T18:11:00"),
        ("Mis à jour le 28/04/2023 à 18:11", "Europe/Paris", "fr", "2023-04-28T18:11:00"),
        ("28/04/2023 18h11", "America/Sao_Paulo", "pt", "2023-04-28T18:11:00"),
        ("28. 4. 2023 18:11", "Europe/Prague", "cs", "2023-04-28T18:11:00"),
        ("28 kwietnia 2023, 18:11", "Europe/Warsaw", "pl", "2023-04-28T18:11:00"),
        ("28 Nisan 2023 Cuma 18:11", "Europe/Istanbul", "tr", "2023-04-28T18:11:00"),
        ("Thứ sáu, 28/4/2023, 18:11 (GMT+7)", "Asia/Ho_Chi_Minh", "vi", "2023-04-28T18:11:00"),
        ("Ngày 28 tháng 4 năm 2023", "Asia/Ho_Chi_Minh", "vi", "2023-04-28T00:00:00"),
        ("28 באפריל 2023", "Asia/Jerusalem", "he", "2023-04-28T00:00:00"),
        ("٢٨ مارس ٢٠٢٣", "Africa/Cairo", "ar", "2023-03-28T00:00:00"),
        ("الجمعة 28 نيسان 2023", "Asia/Beirut", "ar", "2023-04-28T00:00:00"),
        ("الأربعاء، 28 آب/أغسطس 2013", "Asia/Dubai", "ar", "2013-08-28T00:00:00"),
        ("5 يناير/كانون الثاني 2022", "Asia/Dubai", "ar", "2022-01-05T00:00:00"),
        ("3 غشت 2013", "Africa/Casablanca", "ar", "2013-08-03T00:00:00"),
        ("3 اغسطس 2013", "Asia/Dubai", "ar", "2013-08-03T00:00:00"),
        ("5 تشرين الثاني 2023", "Asia/Damascus", "ar", "2023-11-05T00:00:00"),
        ("२८ अप्रैल २०२३", "Asia/Kolkata", "hi", "2023-04-28T00:00:00"),
        ("২৮ এপ্রিল ২০২৩, ১৮:১১", "Asia/Dhaka", "bn", "2023-04-28T18:11:00"),
        ("28 เม.ย. 2566 18:11 น.", "Asia/Bangkok", "th", "2023-04-28T18:11:00"),
        ("วันที่ ๒๘ เมษายน ๒๕๖๖", "Asia/Bangkok", "th", "2023-04-28T00:00:00"),
        ("28/04/2566", "Asia/Bangkok", "th", "2023-04-28T00:00:00"),
        ("5 มีค 2564", "Asia/Bangkok", "th", "2021-03-05T00:00:00"),
        ("5 ਜੂਨ 2021", "Asia/Kolkata", "pa", "2021-06-05T00:00:00"),
        ("5 मे 2021", "Asia/Kolkata", "mr", "2021-05-05T00:00:00"),
        ("5 FEVRIER 2021", "Europe/Paris", "fr", "2021-02-05T00:00:00"),
        ("5 maart 2021", "Europe/Brussels", "nl", "2021-03-05T00:00:00"),
        ("5. desember 2021", "Europe/Oslo", "no", "2021-12-05T00:00:00"),
        ("جمعه ۸ اردیبهشت ۱۴۰۲ - ۱۸:۱۱", "Asia/Tehran", "fa", "2023-04-28T18:11:00"),
        ("۳۱ اردیبهشت ۱۴۰۲", "UTC", "fa", "2023-05-21T00:00:00"),
        ("30 اسفند 1403", "Asia/Tehran", "fa", "2025-03-20T00:00:00"),
        ("1 فروردين 1404", "Asia/Tehran", "fa", "2025-03-21T00:00:00"),
        ("۱۴۰۲/۰۲/۳۱ - ۱۸:۱۱", "Asia/Tehran", "fa", "2023-05-21T18:11:00"),
        ("\u200f28.04.2023 \u200e18:11", "Asia/Jerusalem", "he", "2023-04-28T18:11:00"),
    ],
)
def test_a_date_is_read_in_the_words_digits_and_calendar_of_its_place(
    text: str, zone: str, language: str, local: str
) -> None:
    found = DatelineReader(ZoneInfo(zone), (), (language,)).read(text)
    assert found is not None
    assert found.moment is not None
    assert found.moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat() == local


@pytest.mark.parametrize(
    ("text", "zone"),
    [("1402/02/08", "Europe/Berlin"), ("1445/03/15", "Asia/Riyadh"), ("30 اسفند 1402", "Asia/Tehran"),
     ("28/04/2566", "Europe/Berlin"), ("1402/13/01", "Asia/Tehran")],
    ids=["Iran's, elsewhere", "Islam's", "no leap year", "Thailand's, elsewhere", "no month"],
)  # fmt: skip
def test_a_year_of_another_calendar_is_no_date_where_the_place_does_not_tell_which(text: str, zone: str) -> None:
    assert DatelineReader(ZoneInfo(zone), (), ("fa", "ar", "th")).read(text) is None


@pytest.mark.parametrize(
    ("zone", "utc"),
    [("Asia/Kolkata", "12:41"), ("Asia/Jerusalem", "15:11"), ("UTC", "18:11"), ("Europe/Berlin", "16:11")],
)
@pytest.mark.parametrize("text", ["28 Apr 2023, 06:11 PM IST", "28 avril 2023 18:11 IST"])
def test_letters_of_several_zones_are_those_of_the_outlet(text: str, zone: str, utc: str) -> None:
    found = DatelineReader(ZoneInfo(zone), (), ("fr",)).read(text)
    assert found is not None
    assert found.moment is not None
    assert found.moment.isoformat() == f"2023-04-28T{utc}:00+00:00"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Selasa, 01/05/2018 05:27 WIB", "2018-04-30T22:27"), ("Selasa, 01/05/2018 | 05.27 WITA", "2018-04-30T21:27"),
        ("Tue 05/01/2018 10:00 AM", "2018-05-01T10:00"), ("01/05/2018 (Tuesday), 05:27", "2018-05-01T05:27"),
        ("2018/05/01 (火) 05:27 JST", "2018-04-30T20:27"), ("Published: Thứ Ba, 01/05/2018, 05:27", "2018-05-01T05:27"),
        ("01/05/2018 05:27 MSK", "2018-05-01T02:27"), ("01/05/2018 05:27 EAT", "2018-05-01T02:27"),
        ("05/01/2018 05:27 BRT", "2018-01-05T08:27"), ("01/05/2018 10:00 EST", None), ("01/05/2018 05:27 JST", None),
        ("Wednesday, 01/05/2018", None), ("Wednesday, 13/02/2018", "2018-02-13T00:00"),
    ],
)  # fmt: skip
def test_a_weekday_and_letters_of_a_zone_tell_the_order_of_day_and_month(text: str, utc: str | None) -> None:
    found = DatelineReader(UTC_ZONE).read(text)
    moment = found and found.moment
    assert (moment and moment.isoformat(timespec="minutes")) == (utc and f"{utc}+00:00")


def test_a_weekday_goes_before_the_order_of_the_place() -> None:
    day = DatelineReader(PARIS).read("Tuesday 05/01/2018")
    assert day is not None
    assert day.moment == datetime(2018, 4, 30, 22, tzinfo=UTC)
    assert day.evidence == "month first, as the weekday says"


@pytest.mark.parametrize(
    ("language", "day"), [("id", "2018-05-01"), ("pt", "2018-05-01"), ("en", None), ("zh-Hans", None), ("", None)]
)
def test_a_language_whose_countries_all_have_the_day_first_tells_the_order(language: str, day: str | None) -> None:
    found = DatelineReader(UTC_ZONE, (), (language,)).read("01/05/2018")
    assert (found and str(found.moment)[:10]) == day


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("01 May 2018 05:27 PM", "2018-05-01T15:27"), ("Tue, 01 May 2018 12:27:00 AM", "2018-04-30T22:27"),
        ("Tue, 01 May 2018 05:27:00 JST", "2018-04-30T20:27"), ("Tue, 01 May 2018 05:27 CST", "2018-05-01T03:27"),
        ("Tue May 01 05:27:00 KST 2018", "2018-04-30T20:27"), ("Tue May  1 05:27:00 IST 2018", "2018-05-01T03:27"),
        ("Tue, 01 May 2018 05:27:00 +0800 (CST)", "2018-04-30T21:27"),
        ("Tue, 01 May 2018 05:27:00 EST", "2018-05-01T10:27"),
    ],
)  # fmt: skip
def test_letters_behind_a_date_of_mail_are_halves_of_the_day_and_zones(text: str, utc: str) -> None:
    found = DatelineReader(PARIS).read(text)
    assert found is not None
    assert found.moment is not None
    assert found.moment.isoformat(timespec="minutes") == f"{utc}+00:00"
    moment = parse_date(text)
    assert isinstance(moment, datetime)
    assert (moment if moment.tzinfo else moment.replace(tzinfo=PARIS)) == found.moment


@pytest.mark.parametrize(
    ("language", "text", "local"),
    [
        ("id", "Sabtu (03/02/2024)", "2024-02-03T00:00"), ("ja", "2024年2月2日（金）15時15分", "2024-02-02T15:15"),
        ("ko", "2024년 2월 2일 금요일 오후 3시 15분", "2024-02-02T15:15"),
        ("fi", "Perjantai 2.2.2024 klo 9.15", "2024-02-02T09:15"),
        ("hi", "शुक्रवार, 2 फरवरी 2024 09:15 IST", "2024-02-02T09:15"),
        ("bn", "শুক্রবার, ০২ ফেব্রুয়ারি ২০২৪", "2024-02-02T00:00"),
        ("hu", "2024. február 2. péntek 09:15", "2024-02-02T09:15"),
        ("ru", "2 февраля 2024, 09:15 (МСК)", "2024-02-02T06:15"),
        ("fr", "2 fe\u0301vrier 2024 à 9h15", "2024-02-02T09:15"),
    ],
)  # fmt: skip
def test_weekdays_clocks_and_months_as_they_are_written_elsewhere(language: str, text: str, local: str) -> None:
    found = DatelineReader(UTC_ZONE, (), (language,)).read(text)
    assert found is not None
    assert found.moment == datetime.fromisoformat(local).replace(tzinfo=UTC)
