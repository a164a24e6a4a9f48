"""Languages and scripts are told by their characters, and only where these tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.language import UNDETERMINED, detect, predominant


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("图书馆延长开放时间，读者从早晨开始排队。", "zh-Hans"),
        ("圖書館延長開放時間，讀者從早晨開始排隊。", "zh-Hant"),
        ("松岭市 Songling 图书馆 2020", "zh-Hans"),
        ("他说「開放」时间从图书馆开门算起", "zh-Hans"),
        ("他說「开放」時間從圖書館開門算起", "zh-Hant"),
        ("The library of the town stays open for the night", "en"),
        ("HE WILL NOT SAY WHAT THE PLAN IS", "en"),
        ("The café is as old as the naïve clock", "en"),
        ("図書館は夜まで開いています", "ja"),
        ("ひらがな", "ja"),
        ("도서관은 밤까지 엽니다", "ko"),
        ("La bibliothèque reste ouverte toute la nuit", UNDETERMINED),
        ("Библиотека открыта всю ночь", UNDETERMINED),
        ("Songling", UNDETERMINED),
        ("中", UNDETERMINED),
        ("上山下水", UNDETERMINED),
        ("2020-07-18 09:30", UNDETERMINED),
        ("———", UNDETERMINED),
        ("🗞", UNDETERMINED),
        ("", UNDETERMINED),
    ],
    ids=[
        "simplified", "traditional", "simplified with Latin", "simplified quoting", "traditional quoting", "English",
        "English in capitals", "English with accents", "Japanese", "kana only", "Korean", "French", "Russian", "a name",
        "a character of both scripts", "a text of both scripts", "a date", "dashes", "an emoji", "nothing",
    ],
)  # fmt: skip
def test_a_text_is_in_the_language_its_characters_tell(text: str, tag: str) -> None:
    assert detect(text) == tag


@given(st.text(max_size=120))
def test_every_text_has_a_tag(text: str) -> None:
    assert detect(text) in {"zh-Hans", "zh-Hant", "ja", "ko", "en", UNDETERMINED}


@pytest.mark.parametrize(
    ("languages", "tag"),
    [
        ([("zh-Hans", 10), ("en", 3), ("en", 4)], "zh-Hans"),
        ([("zh-Hans", 10), ("en", 6), ("en", 5)], "en"),
        ([("und", 1000), ("en", 1)], "en"),
        ([("und", 1000)], UNDETERMINED),
        ([], UNDETERMINED),
    ],
    ids=["most characters", "sum of all", "anything but und", "only und", "nothing"],
)
def test_the_predominant_language_has_most_characters(languages: list[tuple[str, int]], tag: str) -> None:
    assert predominant(languages) == tag


def test_the_predominant_language_does_not_depend_on_the_order() -> None:
    assert predominant([("en", 5), ("ja", 5)]) == predominant([("ja", 5), ("en", 5)])
