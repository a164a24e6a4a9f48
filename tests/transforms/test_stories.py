"""One story under several addresses, and stories that only look alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pressmark.transforms.clusters import LEAST_TEXT, address_key, id_key, same_story_of
from pressmark.transforms.identity import canonical_url

HOST = "https://news.example"
TEXT = "渡轮今天在海湾里试航，乘客从清晨开始排队。" * 8


def stories(addresses: list[str], texts: list[str] | None = None) -> dict[str, tuple[str, str]]:
    """What is found of articles that follow each other, by their numbers."""
    texts = texts or [f"第{number}篇。" for number in range(len(addresses))]
    frame = pl.DataFrame({
        "article_id": [str(number) for number in range(len(addresses))], "text": texts,
        "canonical_url": [canonical_url(address) for address in addresses],
        "published_at": [datetime(2022, 3, 4, tzinfo=UTC) + timedelta(hours=n) for n in range(len(addresses))],
    })  # fmt: skip
    found = same_story_of(frame, str.casefold)
    assert same_story_of(frame.sample(fraction=1, shuffle=True, seed=3), str.casefold).equals(found)
    return {row["article_id"]: (row["same_story"], row["by"]) for row in found.to_dicts()}


@pytest.mark.parametrize(
    "other",
    ["https://m.news.example/a", "https://www.news.example/a", "https://mobile.news.example/a/", f"{HOST}/a/",
     f"{HOST}/a/index.html", f"{HOST}/a?b=", f"{HOST}/a/amp", "https://amp.news.example/a", "http://WWW.news.example//a"],
)  # fmt: skip
def test_forms_of_an_address_for_other_readers_are_one_story(other: str) -> None:
    assert stories([f"{HOST}/a", other]) in ({"1": ("0", "address")}, {})
    assert address_key(canonical_url(other) or "") == address_key(f"{HOST}/a")


@pytest.mark.parametrize(
    ("one", "two"),
    [("/2022/old-slug-5512345", "/2022/new-slug-5512345"), ("/simp/world-5512345", "/trad/world-5512345"),
     ("/a/渡轮-5512345.html", "/b/5512345.html"), ("/c_5512345.htm", "/5512345-ferry/")],
)  # fmt: skip
def test_the_number_that_a_site_gives_an_article_tells_its_story(one: str, two: str) -> None:
    assert stories([HOST + one, HOST + two]) == {"1": ("0", "id")}


@pytest.mark.parametrize(
    ("one", "two"),
    [("/a?id=1", "/a?id=2"), ("/a-20220304", "/b-20220304"), ("/a-5512345", "/a-5512346"), ("/a-202203", "/b-202203"),
     ("/a-5512345?page=1", "/a-5512345?page=2"), ("/5512345/a", "/5512345/b"), ("/a-12345", "/b-12345"),
     ("/a-1234567-7654321", "/b-1234567-7654321"), ("/a", "/A"), ("/a", "/b")],
)  # fmt: skip
def test_what_names_another_page_is_another_story(one: str, two: str) -> None:
    assert stories([HOST + one, HOST + two]) == {}


def test_numbers_are_of_their_own_host() -> None:
    assert (
        stories([f"{HOST}/a-5512345", "https://other.example/b-5512345", "https://blog.news.example/c-5512345"]) == {}
    )
    assert id_key("https://m.example/a-5512345") == "m.example#5512345?"


def test_the_very_same_text_is_one_story_wherever_it_stands_and_a_short_one_is_not() -> None:
    spaced = TEXT.replace("，", " ， ")
    assert stories([f"{HOST}/a", "https://other.example/b"], [TEXT, spaced]) == {"1": ("0", "text")}
    assert stories([f"{HOST}/a", f"{HOST}/b"], [TEXT[: LEAST_TEXT - 10]] * 2) == {}


def test_chains_lead_to_the_earliest() -> None:
    addresses = [f"{HOST}/new-5512345", f"{HOST}/old-5512345", "https://m.news.example/old-5512345/"]
    assert stories(addresses) == {"1": ("0", "id"), "2": ("0", "address")}
