"""Days as people write them: digits, signs, words and calendars; and those of a search: 2021-03-04, a month, a year."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

__all__ = [
    "ANY_LABEL", "CLOCK_WORDS", "DAY_WORDS", "DIGITS", "FREE_FORM", "IRANIAN_MONTH", "PRINTED_DATE",
    "PUBLISHED_WORDS", "UPDATED_WORDS", "day_in", "day_of", "in_common_words", "iranian_month", "plain",
]  # fmt: skip

# Lengths of a year and of a month.
YEAR, MONTH = len("2021"), len("2021-03")

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
DAY_WORDS: Final = r"le|am|ngày|วันที่|thứ [^\W\d_]{2,4},?|chủ nhật,?|(?:mon|diens|donners|frei|sams|sonn)tag,?|mittwoch,?"
CLOCK_WORDS: Final = r"at|um|à|às|a las|alle|ore|om|kl\.?|ساعت"
ARABIC_MONTH: Final = re.compile(
    rf"(?<!\w)({'|'.join(ARABIC_MONTHS)})(?: ?/ ?[\u0600-\u06ff]{{3,7}})?(?!\w)"
    rf"|(?<=\w) ?/ ?(?:{'|'.join(ARABIC_MONTHS)})(?!\w)"
)
# A name of a month, or a year with its sign: what else has digits is left to the shapes above.
FREE_FORM: Final = re.compile(
    r"\b(?:j[aä]n|feb|m[aä]r|apr|ma[iyjg]|mei|ju[nil]|aug|ao[uû]|sep|o[ckut]t|nov|de[cz]|f[eé]v|a[vb]r|d[eé]c|gen|giu|lug|ago|"
    r"set|di[cs]|ene|iu[ln]|ian|noi|tháng)[^\W\d_]*\.?\b.*\b(?:19|20)\d\d\b|[一二三四五六七八九十]月.*\d"
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


def plain(text: str) -> str:
    """A text with ASCII digits and signs, Chinese numerals of a date as digits, without brackets around it."""
    if not text.isascii():
        text = HANGUL_DATE.sub(r"\1年\2月\3日", text.translate(WIDE))
        for half, sign in HANGUL_HALVES.items():
            text = text.replace(half, sign)
        text = HANGUL_CLOCK.sub(lambda clock: f"{clock[1]}:{int(clock[2] or 0):02}", text)
        common = ERA.sub(_common_year, text)
        if common != text or HAN_DATE.search(text):
            text = common
            text = HAN_NUMBER.sub(lambda number: str(_han(number[0])), text)
    if text and BRACKETS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


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
    if text.isascii():
        return text
    text = GREEK_MONTH.sub(lambda month: GREEK_MONTHS[month[1]], text)
    return ARABIC_MONTH.sub(lambda month: ARABIC_MONTHS.get(month[1], ""), text)


def day_of(text: str, *, end: bool) -> date:
    """The day; of a month or year its first one, or with `end` its last one. Raises `ValueError` for what is none.

    >>> str(day_of("2024-02", end=True)), str(day_of("2024", end=False))
    ('2024-02-29', '2024-01-01')
    """
    if len(text) == YEAR:
        text = f"{text}-12" if end else f"{text}-01"
    if "W" in text:
        raise ValueError(f"`{text}` is a week, and of one the first day would be no end")
    if len(text) != MONTH:
        return date.fromisoformat(text)
    first = date.fromisoformat(f"{text}-01")
    if not end:
        return first
    try:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    except OverflowError as error:
        raise ValueError(f"`{text}` is too far away") from error
