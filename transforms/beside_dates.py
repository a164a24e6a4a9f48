"""What stands beside the one date of a line: its label, or the name of who published then.

Reads no date itself; that is `datelines.py`.
"""

from __future__ import annotations

import re
from typing import Final

from pressmark.transforms.datelines import WITHIN, PageDates

__all__ = ["STOPS", "beside_date", "looks_dated", "without_lead"]

LONGEST_NAME: Final = 45
MONTH: Final = r"[^\W\d_]{3,10}\.?"
NAMED_MONTH: Final = re.compile(
    rf"\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\b\d{{1,2}}\.? (?:de )?{MONTH},?(?: de)? \d{{4}}"
)
DATE_LABEL: Final = re.compile(
    r"(?:发布|發布|發佈|发表|發表|更新|更改|修改|刊登|创建|時間|时间|日期|于|於|页|版|最[后後]|首次|입력|수정|등록)+"
    r"|\b(?:(?:first |last )?(?:published|updated|posted|modified|created|added|edited|released|submitted)|date|time|on"
    r"|at|page ?\d*|publi[cée]+ le|mis à jour le|le|à|lecture|am|um|uhr|vom|aktualisiert|veröffentlicht|geschrieben"
    r"|erstellt|online seit|stand|datum|ausgabe|pubblicato il|aggiornato il|alle|ore|publicado(?: em| el)?"
    r"|actualizado(?: el)?|atualizado(?: em)?|às"
    r"|publicerad|uppdaterad|publisert|oppdatert|publiceret|opdateret|gepubliceerd|bijgewerkt"
    r"|op|opublikowano|dodano|aktualizacja|опубликовано|обновлено|дата|güncelleme|yayınlanma|diterbitkan)\b"
    r"|نشر|تحديث|تاريخ",
    re.IGNORECASE,
)
TIME: Final = re.compile(
    r"\d{1,2}(?:[:：]|[.h](?=\d\d\b))\d{2}(?:[:：]\d{2})?(?:\s?[ap]\.?m\.?)?(?:\s?\(?(?:GMT|UTC|[A-Z]{2,4}T)?[+-]?\d*\)?)?",
    re.IGNORECASE,
)
# How long ago that was, how often and how long one reads: counts beside the date, and no part of a name.
COUNTED: Final = re.compile(
    r"\b\d{1,6} ?(?:(?:year|month|week|day|hour|view|read|comment)s?(?: ago)?|min(?:ute[ns]?|uti|utos)?\.?(?: read)?)"
    r"\b",
    re.IGNORECASE,
)
WEEKDAY: Final = re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b,?", re.IGNORECASE)
OPENS: Final = " \xa0\u3000[(（【"
AROUND_DATE: Final = " \xa0\u3000,，.。|｜丨/／·•-–—:：()（）[]【】@"
# No name has these.
STOPS: Final = re.compile(r"[，。！？!?;；]|\d")
# Where a link behind a date leads, with an arrow.
LEAD: Final = re.compile(r"(?:\s*[·•|–—-])?\s*[^\d·•|\n]{1,30}[→↗➔⟶›»]\s*$")


# Names of elements that say "time" are loose: what is in them is a date or a time of day by its form.
DATED: Final = re.compile(
    r"\d\s?[-/:：年月]\s?\d|\d\.\s?\d|\d{4}|\b[^\W\d_]{3,10}\.? \d{1,2}\b|^\d{1,2}\.? [^\W\d_]{3,10}$"
)
LONGEST_DATE: Final = 40


def looks_dated(text: str) -> bool:
    """Whether a short text has the form of a date or a time of day."""
    return len(text) <= LONGEST_DATE and text[-1] not in "?!？！" and DATED.search(text) is not None


def without_lead(text: str) -> str:
    """A line without where it leads at its end: `2031-08-14 · Original →`."""
    return LEAD.sub("", text) if text[-1:] in "→↗➔⟶›»" else text


def beside_date(text: str, dates: PageDates) -> str | None:
    """What stands beside the one date of a line: nothing where that is its label, a name, or None where the text is
    none of these."""
    text = without_lead(text)
    if dates.read(text) is not None:
        return ""
    is_sentence = text.endswith("。")
    text = WEEKDAY.sub("", COUNTED.sub("", text)).strip(AROUND_DATE)
    found = {match[0] for match in WITHIN.finditer(text)} or {match[0] for match in NAMED_MONTH.finditer(text)}
    if len(found) != 1:
        return None
    date = found.pop()
    before, _, behind = text.partition(date)
    if before.rstrip().endswith(("(", "（")):
        # So a picture's words end.
        return None
    before, behind = before.rstrip(OPENS), DATE_LABEL.sub("", TIME.sub("", behind)).strip(AROUND_DATE)
    if not behind and before.endswith((":", "：", ",")):
        return ""
    rest = DATE_LABEL.sub("", f"{before} {behind}")
    said = text.replace(date, " ", 1)
    is_name = len(rest) <= LONGEST_NAME and not STOPS.search(TIME.sub("", said)) and not (before and behind)
    rest = rest.strip(AROUND_DATE)
    return rest if is_name and not (rest and is_sentence) else None
