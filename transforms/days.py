"""Days as people write them: digits, signs, words and calendars; and those of a search: 2021-03-04, a month, a year."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

__all__ = [
    "ANY_LABEL", "CLOCK_WORDS", "DAY_FIRST", "DAY_WORDS", "DIGITS", "FIXED", "FREE_FORM", "IRANIAN_MONTH", "MAIL_ZONE",
    "OF_SEVERAL", "PRINTED_DATE", "PUBLISHED_WORDS", "UPDATED_WORDS", "ZONES", "OrderTold", "day_first_language",
    "day_in", "day_in_order", "in_common_words", "iranian_month", "place_of", "plain", "without_weekday",
]  # fmt: skip

AGREEMENT: Final = timedelta(days=2)
# As C and Twitter have it: `Wed Oct 10 20:19:24 +0000 2018`.
C_TIME: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d)( [+-]\d{4}| [A-Z]{3,4})? (\d{4})\Z"
)
# As JavaScript writes out its dates: `Wed Oct 10 2018 20:19:24 GMT+0000 (Coordinated Universal Time)`.
SCRIPT_TIME: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})(?: \([^()]{1,60}\))?\Z"
)
# Zones as mail has them: other letters are of several places, or no zone at all (`PM`).
MAIL_ZONE: Final = r"(?:[-+]\d{4}(?:\s\([^()]{1,40}\))?|GMT|UTC?|Z|[EP][SD]T|[CM]DT)"
# Where the ten digits begin: of Arabic and Persian, of India's scripts, Thai, Lao, Burmese, Khmer, and full width.
ZEROS: Final = (
    0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0x1040, 0x17E0, 0xFF10,
)  # fmt: skip
DIGITS: Final = {zero + digit: ord("0") + digit for zero in ZEROS for digit in range(10)}
# Marks of direction are no part of what is written.
MARKS_OF_DIRECTION: Final = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
WIDE: Final = {**DIGITS, **str.maketrans("／－．：（）　", "/-.:() ", MARKS_OF_DIRECTION)}
HAN_DIGITS: Final = {
    **{sign: value for value, sign in enumerate("〇一二三四五六七八九")}, "零": 0, "○": 0, "Ｏ": 0, "两": 2, "兩": 2,
}  # fmt: skip
HAN_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
HAN_SIGNS: Final = "".join((*HAN_DIGITS, *HAN_UNITS))
# A date with its year, in numerals or digits, and a numeral behind it.
HAN_DATE: Final = re.compile(
    rf"[{HAN_SIGNS}]{{2,8}}\s*年\s*[{HAN_SIGNS}]{{1,3}}\s*月|\d{{4}}\s*[-/.年].{{0,40}}[{HAN_SIGNS}]"
)
HANGUL_DATE: Final = re.compile(r"(\d{4})년\s*(\d{1,2})월\s*(\d{1,2})일")
HANGUL_CLOCK: Final = re.compile(r"(\d{1,2})시(?:\s*(\d{1,2})분)?")
HANGUL_HALVES: Final = {"오전": "上午", "오후": "下午"}
# Japan counts years by its emperors; the first one has a sign of its own.
ERAS: Final = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
ERA: Final = re.compile(rf"({'|'.join(ERAS)})\s*(元|\d{{1,2}}|[一二三四五六七八九十]{{1,3}})\s*年")
HAN_NUMBER: Final = re.compile(rf"[{HAN_SIGNS}]+(?=\s*[年月日号號时時点點分])")
BRACKETS: Final = {"【": "】", "[": "]", "（": "）", "(": ")", "〔": "〕"}
IRANIAN: Final = "فروردین اردیبهشت خرداد تیر مرداد شهریور مهر آبان آذر دی بهمن اسفند".split()
# With the letters of Persian, or those of Arabic.
IRANIAN_MONTH: Final = "|".join(IRANIAN).replace("ی", "[یي]")
# The calendars of places that count years in another way: Iran's from 622, Thailand's 543 years ahead.
IRAN, THAILAND = ("Asia/Tehran", "Asia/Kabul"), ("Asia/Bangkok",)
# Those in which its rule for leap years holds.
IRANIAN_YEARS, BUDDHIST_YEARS = range(1300, 1473), range(2400, 2600)
BUDDHIST: Final = re.compile(r"(?<!\d)2[45]\d\d(?!\d)")
AHEAD: Final = 543
THAI: Final = re.compile("[\u0e01-\u0e4e]")
FIRST_OF_1300: Final = date(1921, 3, 21)
# Months as they are called from Lebanon to Iraq and in the Maghreb, and without hamza: as most Arabic news calls them.
ARABIC_MONTHS: Final = {
    "كانون الثاني": "يناير", "كانون الأول": "ديسمبر", "تشرين الثاني": "نوفمبر", "تشرين الأول": "أكتوبر",
    "شباط": "فبراير", "آذار": "مارس", "نيسان": "أبريل", "أيار": "مايو", "حزيران": "يونيو", "تموز": "يوليو",
    "آب": "أغسطس", "أيلول": "سبتمبر", "جانفي": "يناير", "فيفري": "فبراير", "أفريل": "أبريل", "ماي": "مايو",
    "جوان": "يونيو", "جويلية": "يوليو", "أوت": "أغسطس", "يوليوز": "يوليو", "غشت": "أغسطس", "شتنبر": "سبتمبر",
    "نونبر": "نوفمبر", "دجنبر": "ديسمبر", "ابريل": "أبريل", "إبريل": "أبريل", "اغسطس": "أغسطس", "اكتوبر": "أكتوبر",
}  # fmt: skip
# As keyboards write them, as the library does: two months, and Moscow's time.
OTHER_SPELLINGS: Final = (("\u09af\u09bc", "\u09df"), ("फरवरी", "फ़रवरी"), ("МСК", "MSK"), ("мск", "MSK"))
# As Greeks say them.
GREEK_MONTHS: Final = {
    "Γενάρη": "Ιανουαρίου", "Φλεβάρη": "Φεβρουαρίου", "Μάρτη": "Μαρτίου", "Απρίλη": "Απριλίου", "Μάη": "Μαΐου",
    "Ιούνη": "Ιουνίου", "Ιούλη": "Ιουλίου", "Σεπτέμβρη": "Σεπτεμβρίου",
    "Οκτώβρη": "Οκτωβρίου", "Οχτώβρη": "Οκτωβρίου", "Νοέμβρη": "Νοεμβρίου", "Δεκέμβρη": "Δεκεμβρίου",
}  # fmt: skip
# The year first, as Hungarians write it.
HUNGARIAN: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)\. ?([^\W\d_]{3,12}) (\d{1,2})(?!\d)\.?")
GREEK_MONTH: Final = re.compile(rf"(?<!\w)({'|'.join(GREEK_MONTHS)})(?!\w)")
# What stands before a date, and between it and a time of day, in languages with alphabets.
PUBLISHED_WORDS: Final = (
    "publié|publicad[oa]|pubblicato|veröffentlicht|erschienen|stand|gepubliceerd|publicerad|publisert|publiceret|"
    "опубликовано|опубліковано|yayınlanma|opublikowano"
)
UPDATED_WORDS: Final = (
    "updated|modified|revised|aktualisiert|mis à jour|modifié|actualizado|atualizado|aggiornato|bijgewerkt|uppdaterad|"
    "oppdatert|opdateret|обновлено|оновлено|güncelleme|aktualizacja|cập nhật|تحديث"
)
# A label says of a date what it likes, but not that something else than the article happens on it.
ANY_LABEL: Final = (
    r"(?!(?i:when|wann|wo|where|quand|quando|cu[aá]ndo|starts?|stops?|ends?|begins?|beginn|deadline|due|expires|born|died)\b|"
    r".{0,4}(?:活动|活動|会议|會議|讲座|講座|报名|報名|截止|开始|開始|结束|結束|出生|生于))[^\d\n]{0,16}[:：]\s*"
)
DAY_WORDS: Final = (
    r"le|am|ngày|วันที่|(?:thứ [^\W\d_]{2,4}|chủ nhật),?|(?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch),?"
)
CLOCK_WORDS: Final = r"at|um|à|às|a las|alle|ore|om|klo|kl\.?|ساعت"
ARABIC_MONTH: Final = re.compile(
    rf"(?<!\w)({'|'.join(ARABIC_MONTHS)})(?: ?/ ?[\u0600-\u06ff]{{3,7}})?(?!\w)"
    rf"|(?<=\w) ?/ ?(?:{'|'.join(ARABIC_MONTHS)})(?!\w)"
)
# Names of zones and of whose time it is, in the order in which they are tried.
ZONES: Final = {
    "Asia/Shanghai": "北京|中国|中國|BJT|Beijing", "Asia/Hong_Kong": "香港|HKT|Hong Kong",
    "Asia/Taipei": "台北|臺北|台湾|臺灣",
    "Asia/Tokyo": "东京|東京|日本|JST", "Asia/Seoul": "首尔|首爾|韩国|韓國|KST", "Asia/Singapore": "新加坡|SGT",
    "America/New_York": "美国?东部|美東|美东|纽约|紐約|ET|EST|EDT", "America/Los_Angeles": "美西|PT|PST|PDT",
    "America/Chicago": "CDT", "Europe/London": "伦敦|倫敦|英国|英國|BST", "Europe/Paris": "巴黎|CET|CEST",
    "Europe/Moscow": "莫斯科|MSK", "UTC": "格林[威尼]治|格林尼治|世界|UTC|GMT|Z",
}  # fmt: skip
# These are an hour of the year, whatever the place's clocks show on the day.
FIXED: Final[dict[str, float]] = {
    "EST": -5, "EDT": -4, "PST": -8, "PDT": -7, "CDT": -5, "MDT": -6, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2,
    "BST": 1, "WAT": 1, "CAT": 2, "SAST": 2, "EET": 2, "EEST": 3, "EAT": 3, "TRT": 3, "PKT": 5, "WIB": 7,
    "WITA": 8, "WIT": 9, "ICT": 7, "PHT": 8, "MYT": 8, "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "NPT": 5.75, "IRST": 3.5, "AFT": 4.5, "BRT": -3, "BRST": -2, "ART": -3, "CLT": -4,
    "CLST": -3, "BOT": -4, "COT": -5, "PET": -5,
}  # fmt: skip
# Letters of several places: India, Israel and Ireland, China and Chicago. They say no more than "here".
OF_SEVERAL: Final = frozenset("IST CST AST ADT GST SST MST ECT".split())
# Countries that print the month first; of all other known places the day comes first.
MONTH_FIRST: Final = frozenset({
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
    "America/Detroit", "America/Boise", "America/Anchorage", "Pacific/Honolulu", "Asia/Manila",
})  # fmt: skip
NO_PLACE: Final = frozenset({"UTC", "Etc/UTC", "GMT", "America/Toronto", "America/Vancouver"})
# Letters of places that all print the day first, and languages of which some print the month or the year first.
DAY_FIRST: Final = frozenset({*FIXED, *"SGT HKT MSK CET CEST BST".split()}) - {
    "EST", "EDT", "PST", "PDT", "CDT", "MDT", "PHT", "IRST", "AFT", "NPT",
}  # fmt: skip
ORDER_OPEN: Final = frozenset({"", "und", "en", "zh", "yue", "ja", "ko", "tl", "ne", "mn", "hu", "lt"})
# Weekdays from Monday on, as they stand beside a date in digits; `_` is a space.
WEEKDAYS: Final = {name.replace("_", " "): number for number, names in enumerate((
    "monday mon montag mo lundi lunes lun lunedì lunedi segunda segunda-feira seg maandag måndag mandag mån man "
    "maanantai maanantaina luni dilluns poniedziałek pondělí pondelok ponedjeljak ponedeljak ponedeljek "
    "понедельник пн понеділок понеделник понедељак hétfő δευτέρα pazartesi senin isnin jumatatu thứ_hai thứ_2 "
    "الاثنين الإثنين دوشنبه सोमवार সোমবার วันจันทร์ จันทร์ 星期一 周一 月曜日 月 월요일 월 pirmadienis pirmdiena "
    "esmaspäev",
    "tuesday tues tue dienstag di mardi mar martes martedì martedi terça terça-feira terca ter dinsdag tisdag "
    "tirsdag tis tir tiistai tiistaina marți marţi dimarts wtorek úterý utorok utorak torek вторник вт вівторок "
    "уторак kedd τρίτη salı selasa jumanne thứ_ba thứ_3 الثلاثاء سه\u200cشنبه سه_شنبه سهشنبه मंगलवार মঙ্গলবার "
    "วันอังคาร อังคาร 星期二 周二 火曜日 火 화요일 화 antradienis otrdiena teisipäev",
    "wednesday wednes wed mittwoch mi mercredi mer miércoles miercoles mié mercoledì mercoledi quarta "
    "quarta-feira qua woensdag wo onsdag ons keskiviikko keskiviikkona miercuri dimecres środa středa streda "
    "srijeda sreda среда ср середа сряда szerda τετάρτη çarşamba rabu jumatano thứ_tư thứ_4 الأربعاء الاربعاء "
    "چهارشنبه बुधवार বুধবার วันพุธ พุธ 星期三 周三 水曜日 水 수요일 수 trečiadienis trešdiena kolmapäev",
    "thursday thurs thur thu donnerstag do jeudi jeu jueves jue giovedì giovedi gio quinta quinta-feira qui "
    "donderdag torsdag tors tor torstai torstaina joi dijous czwartek čtvrtek štvrtok četvrtak četrtek четверг чт "
    "четвер четвъртък четвртак csütörtök πέμπτη perşembe kamis khamis alhamisi thứ_năm thứ_5 الخميس پنجشنبه "
    "پنج\u200cشنبه गुरुवार বৃহস্পতিবার วันพฤหัสบดี พฤหัสบดี 星期四 周四 木曜日 木 목요일 목 ketvirtadienis "
    "ceturtdiena neljapäev",
    "friday fri freitag fr vendredi ven viernes vie venerdì venerdi sexta sexta-feira sex vrijdag vr fredag fre "
    "perjantai perjantaina vineri divendres piątek pátek piatok petak petek пятница пт п'ятниця п’ятниця петък "
    "петак péntek παρασκευή cuma jumat jum'at jum’at jumaat ijumaa thứ_sáu thứ_6 الجمعة جمعه शुक्रवार শুক্রবার "
    "วันศุกร์ ศุกร์ 星期五 周五 金曜日 金 금요일 금 penktadienis piektdiena reede",
    "saturday satur sat samstag sonnabend sa samedi sam sábado sabado sáb sabato sab zaterdag za lördag lørdag "
    "lör lør lauantai lauantaina sâmbătă sambata dissabte sobota subota суббота сб субота събота szombat σάββατο "
    "cumartesi sabtu jumamosi thứ_bảy thứ_7 السبت شنبه शनिवार শনিবার วันเสาร์ เสาร์ 星期六 周六 土曜日 土 토요일 "
    "토 šeštadienis sestdiena laupäev",
    "sunday sun sonntag so dimanche dim domingo dom domenica zondag zo söndag søndag sön søn sunnuntai "
    "sunnuntaina duminică duminica diumenge niedziela neděle nedeľa nedjelja nedelja воскресенье вс неділя неделя "
    "недеља vasárnap κυριακή pazar minggu ahad jumapili chủ_nhật الأحد الاحد یکشنبه रविवार রবিবার วันอาทิตย์ "
    "อาทิตย์ 星期日 星期天 周日 日曜日 日 일요일 일 sekmadienis svētdiena pühapäev",
)) for name in names.split()}  # fmt: skip
# A date in digits, and what may be a weekday behind it; one sign is a weekday in brackets alone.
IN_DIGITS: Final = re.compile(
    r"\d{1,4}(?P<sep>[-/.]) ?\d{1,2}(?P=sep) ?\d{1,4}\.?"
    r"(?P<behind>\s?\((?P<bracketed>[^\d()]{1,16})\)|,?\s(?P<open>[^\s\d()]{3,16}))?"
)
# A name of a month, or a year with its sign: what else has digits is left to the shapes above.
FREE_FORM: Final = re.compile(
    r"\b(?:j[aä]n|feb|m[aä]r|apr|ma[iyjg]|mei|ju[nil]|aug|ao[uû]|sep|o[ckut]t|nov|de[cz]|f[eé]v|a[vb]r|d[eé]c|gen|giu|lug|ago|"
    r"set|di[cs]|ene|iu[ln]|ian|noi|tháng)[^\W\d_]*\.?\b.*\b(?:19|20)\d\d\b|[一二三四五六七八九十]月.*\d"
    # The year first, as in Hungary and Lithuania.
    r"|\b(?:19|20)\d\d\.? (?:m\. )?[^\W\d_]{3,14}\.? \d{1,2}\b"
    # A day, a word of any alphabet with its vowel signs, and a year.
    r"|\b\d{1,2}\.? (?:[^\W\d_]|[\u0300-\u1cff.]){2,14}[،,]? (?:19|20)\d\d",
    re.IGNORECASE,
)
PRINTED_DATE: Final = re.compile(
    r"(?:19|20)\d\d\s?[-/.年년]\s?\d{1,2}\s?[-/.月월]\s?\d{1,2}[日일]?(?:(?:[T\s]+|(?<=[日일]))\d{1,2}:\d\d(?::\d\d)?)?"
    r"|(?<![\d-])\d{1,2}(?:st|nd|rd|th)?\.?\s+(?:de\s+)?[^\W\d_]{3,12}\.?,?\s+(?:del?\s+)?(?:19|20)\d\d"
    # With vowel signs, and with years of other calendars in the scripts of Iran and Thailand.
    r"|\d{1,2}\s+(?:[\u0900-\u109f.]{3,12}\s+(?:19|20|25)\d\d|[\u0600-\u06ff /]{2,20}\s+(?:19|20|1[34])\d\d)"
    r"|1[34]\d\d/\d{1,2}/\d{1,2}"
    r"|(?<!\d)(?:19|20)\d\d\. ?[^\W\d_]{3,12} \d{1,2}(?!\d)"
    r"|\d{1,2} tháng \d{1,2}(?:,| năm)? (?:19|20)\d\d"
    r"|[A-Z][A-Za-z]{2,8}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d"
    r"|(?<![\d.])\d{1,2}(?:[./]\s?|\s\|\s)\d{1,2}(?:[./]\s?|\s\|\s)(?:19|20)\d\d"
    r"|(?<![\d.,/])\d{1,2}(?:\.\s?\d{1,2}\.\s?|/\d{1,2}/)\d\d(?![\d.,/]|\s?[€$%])"
)


class OrderTold(NamedTuple):
    """What tells the order of day and month: a place, a day that the page is known to be of, the weekday beside them,
    and what is of places that all have the day first."""

    place: str = ""
    near: date | None = None
    weekday: int | None = None
    of_day_first: str = ""


@lru_cache(maxsize=64)
def plain(text: str) -> str:
    """A text with ASCII digits and signs, Chinese numerals of a date as digits, without brackets around it, and a time
    as programs write it in the order of mail."""
    if not text.isascii():
        text = HANGUL_DATE.sub(r"\1年\2月\3日", unicodedata.normalize("NFC", text).translate(WIDE))
        for half, sign in HANGUL_HALVES.items():
            text = text.replace(half, sign)
        text = HANGUL_CLOCK.sub(lambda clock: f"{clock[1]}:{int(clock[2] or 0):02}", text)
        common = ERA.sub(_common_year, text)
        if common != text or HAN_DATE.search(text):
            text = common
            text = HAN_NUMBER.sub(lambda number: str(_han(number[0])), text)
    if text and BRACKETS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return C_TIME.sub(r"\2 \1 \5 \3\4", SCRIPT_TIME.sub(r"\2 \1 \3 \4", text))


def without_weekday(text: str) -> tuple[str, int | None]:
    """A text without the weekday beside its date in digits, and which one that is.

    >>> without_weekday("Selasa, 01/05/2018 05:27 WIB"), without_weekday("2018/05/01 (火)")
    (('01/05/2018 05:27 WIB', 1), ('2018/05/01', 1))
    """
    found = IN_DIGITS.search(text)
    if found is None:
        return text, None
    said = ((found["bracketed"] or found["open"] or "").strip(" ,،.").lower()) if found["behind"] else ""
    if said in WEEKDAYS:
        return text[: found.start("behind")] + text[found.end("behind") :], WEEKDAYS[said]
    before = text[: found.start()].split()
    for size in (2, 1):
        name = " ".join(before[-size:]).strip(" ,،.()").lower().removesuffix("ที่")
        if len(before) >= size and len(name) > 1 and name in WEEKDAYS:
            rest = text[found.start() :]
            if before[-1].endswith("("):
                rest = rest.replace(")", "", 1)
            return " ".join([*before[:-size], rest]), WEEKDAYS[name]
    return text, None


def place_of(zone: ZoneInfo | None, language: str) -> str:
    """The place whose order of day and month and whose calendar a text has: its outlet's where that tells, else one
    where the calendar is that of the language, else none."""
    if zone is not None and zone.key not in NO_PLACE:
        return zone.key
    return {"fa": "Asia/Tehran", "th": "Asia/Bangkok"}.get(language, "")


def day_first_language(language: str) -> str:
    """The language where all who write it have the day first, else nothing."""
    return "" if language.partition("-")[0] in ORDER_OPEN else language


def _common_year(era: re.Match[str]) -> str:
    year = 1 if era[2] == "元" else int(era[2]) if era[2].isdigit() else _han(era[2])
    return f"{ERAS[era[1]] + year}年"


def _han(number: str) -> int:
    """A Chinese numeral: digit by digit (二〇二二), or with tens, hundreds and thousands (一百一十一)."""
    if HAN_UNITS.keys().isdisjoint(number):
        return int("".join(str(HAN_DIGITS[sign]) for sign in number))
    total = digit = 0
    for sign in number:
        if sign in HAN_UNITS:
            total += (digit or 1) * HAN_UNITS[sign]
            digit = 0
        else:
            digit = HAN_DIGITS[sign]
    return total + digit


def day_in(year: int, month: int, day: int, place: str) -> date:
    """The day that three numbers are in the calendar of a place. Raises `ValueError` where they are none, or where the
    year is of another calendar than the place has: that of Iran, of Islam, of Buddhists.

    >>> str(day_in(1402, 2, 31, "Asia/Tehran")), str(day_in(2566, 4, 28, "Asia/Bangkok"))
    ('2023-05-21', '2023-04-28')
    """
    if year in IRANIAN_YEARS and place in IRAN:
        return _iranian_day(year, month, day)
    if year in BUDDHIST_YEARS and place in THAILAND:
        return date(year - AHEAD, month, day)
    if year in IRANIAN_YEARS or year in BUDDHIST_YEARS:
        raise ValueError("a year of another calendar")
    return date(year, month, day)


def day_in_order(year: int, first: int, second: int, sign: str, told: OrderTold) -> tuple[date, str] | None:
    """The day that two numbers and a year are, and what tells their order; None where nothing does."""
    found: dict[date, str] = {}
    for month, day, name in ((second, first, "day first"), (first, second, "month first")):
        with suppress(ValueError):
            found.setdefault(day_in(year, month, day, told.place), name)
    if not found:
        raise ValueError("no day of the calendar")
    if len(found) == 1:
        return next(iter(found.items()))
    close = [(day, name) for day, name in found.items() if told.near and abs(day - told.near) <= AGREEMENT]
    if len(close) == 1:
        return close[0][0], f"{close[0][1]}, as the page is of {told.near}"
    fitting = [(day, name) for day, name in found.items() if day.weekday() == told.weekday]
    if len(fitting) == 1:
        return fitting[0][0], f"{fitting[0][1]}, as the weekday says"
    if sign == ".":
        order, reason = "day first", "as between dots"
    elif told.place and told.place not in NO_PLACE:
        order, reason = "month first" if told.place in MONTH_FIRST else "day first", f"as in {told.place}"
    elif told.of_day_first:
        order, reason = "day first", f"as where it says `{told.of_day_first}`"
    else:
        return None
    return next((day, f"{order}, {reason}") for day, name in found.items() if name == order)


def iranian_month(name: str) -> int:
    """The number of a month of Iran's calendar by its name."""
    return IRANIAN.index(name.replace("ي", "ی")) + 1


def _iranian_day(year: int, month: int, day: int) -> date:
    """Months have 31 days, from the seventh on 30, and the last one 29 but in leap years."""
    lengths = [31] * 6 + [30] * 5 + [29 + _is_leap(year)]
    if not (1 <= month <= len(lengths) and 1 <= day <= lengths[month - 1]):
        raise ValueError("no day of Iran's calendar")
    years = 365 * (year - 1300) + sum(map(_is_leap, range(1300, year)))
    return FIRST_OF_1300 + timedelta(days=years + sum(lengths[: month - 1]) + day - 1)


def _is_leap(year: int) -> bool:
    # Eight of 33 years.
    return (25 * year + 11) % 33 < 8


def in_common_words(text: str) -> str:
    """A text in Thai with years of the common calendar, one in Arabic or Greek with the months' names that most use."""
    if THAI.search(text):
        return BUDDHIST.sub(lambda year: str(int(year[0]) - AHEAD), text)
    text = HUNGARIAN.sub(r"\3 \2 \1", text)
    if not text.isascii():
        text = GREEK_MONTH.sub(lambda month: GREEK_MONTHS[month[1]], text)
        text = ARABIC_MONTH.sub(lambda month: ARABIC_MONTHS.get(month[1], ""), text)
        for written, common in OTHER_SPELLINGS:
            text = text.replace(written, common)
    return text
