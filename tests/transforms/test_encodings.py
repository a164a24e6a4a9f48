"""Sources in other encodings than UTF-8: the same text, with spans of the source's own bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest
from archives import stamp
from hypothesis import example, given
from hypothesis import strategies as st

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.encodings import as_encoded, codec_of, decode
from pressmark.transforms.laws import check_article
from pressmark.transforms.records import Article, Limits, Reading, Reject
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows

SOURCE = (
    "<!--1646370367000-->\n[松岭](https://songling-times.example/a)\n------\n"
    "<p>松岭市<b>今天</b>。</p><!-- 注 --><img src=x.jpg><p>A&amp;B</p>"
)
JAPANESE = SOURCE.replace("松岭", "東京").replace("注", "註")


def parsed(data: bytes, encoding: str | None) -> Article | Reject:
    reading = Reading(codec_of(encoding) if encoding else None)
    return parse(data, "a.md", load_outlets(), Limits(), reading=reading)


def breaches(article: Article, data: bytes) -> list[object]:
    rows = [rows([article])[0].to_pylist() for rows in (paragraph_rows, media_rows)]
    return list(check_article(article_rows([article], stamp(1)).to_pylist()[0], rows[0], data, rows[1]))


@pytest.mark.parametrize(
    ("source", "label", "codec"),
    [(SOURCE, "GBK", "gb18030"), (SOURCE, "utf-16le", "utf-16-le"), (SOURCE.replace("岭", "嶺"), "big5", "big5hkscs"),
     (JAPANESE, "x-sjis", "cp932"), (JAPANESE, "EUC-JP", "euc_jp")],
)  # fmt: skip
def test_a_declared_encoding_gives_the_same_text_and_lawful_spans(source: str, label: str, codec: str) -> None:
    data = source.encode(codec)
    article, plain = parsed(data, label), parsed(source.encode(), None)
    assert isinstance(article, Article)
    assert isinstance(plain, Article)
    assert (article.encoding, plain.encoding, article.text) == (codec, "utf-8", plain.text)
    assert breaches(article, data) == []


def test_a_byte_order_mark_declares_utf_16() -> None:
    data = SOURCE.encode("utf-16")
    article = parsed(data, None)
    assert isinstance(article, Article)
    assert (article.encoding, breaches(article, data)) == ("utf-16-le", [])


def test_utf_8_wins_over_a_wrong_declaration() -> None:
    article = parsed(SOURCE.encode(), "gb2312")
    assert isinstance(article, Article)
    assert article.encoding == "utf-8"


def test_bytes_that_are_none_of_the_declared_encoding_are_flagged_and_lawful() -> None:
    data = SOURCE.encode("gb18030") + b"<p>\xff\x81<b>\xd6\xd0\x80</b></p>" + "<p>末</p>".encode("gb18030")
    article = parsed(data, "gb18030")
    assert isinstance(article, Article)
    assert "mojibake" in article.flags
    assert breaches(article, data) == []


def test_undeclared_bytes_stay_a_reject_and_the_remedy_is_named() -> None:
    reject = parsed(SOURCE.encode("gb18030"), None)
    assert isinstance(reject, Reject)
    assert (reject.reason, "--encoding" in reject.detail) == ("invalid_utf8", True)


def test_an_encoding_with_states_is_no_utf_8() -> None:
    data = f"<html><head><meta charset=iso-2022-jp></head>{JAPANESE}</html>".encode("iso2022_jp", "replace")
    reject = parsed(data, None)
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.byte_offset, reject.raw) == ("invalid_utf8", data.index(b"\x1b$"), data)
    assert "iconv" in reject.detail
    assert "--encoding" not in reject.detail


# Bytes that begin, go on with and break characters of several bytes.
BREAKING = st.binary(max_size=60) | st.lists(
    st.sampled_from(b"\x200A\x80\x81\x8f\xa1\xb6\xd8\xfe\xff"), max_size=12
).map(bytes)


@pytest.mark.parametrize("codec", ["gb18030", "big5hkscs", "cp932", "cp1252", "utf-16-le", "euc_kr", "euc_jp", "johab"])
@given(data=BREAKING)
def test_each_character_has_its_own_bytes_whatever_these_are(codec: str, data: bytes) -> None:
    found = as_encoded(data, codec)
    starts = [found.size(0, at) for at in range(len(found.text) + 1)]
    assert [data[a:b].decode(codec, "replace") for a, b in pairwise(starts)] == list(found.text)
    assert (starts[0], starts[-1]) == (0, len(data))


@given(data=BREAKING)
def test_markdown_in_a_damaged_encoding_is_lawful(data: bytes) -> None:
    data = "---\ntitle: 堰\n---\n\n第一 *段*。\n\n> 第二段 ".encode("gb18030") + data
    article = parsed(data, "gb18030")
    assert isinstance(article, Article | Reject)
    assert isinstance(article, Reject) or breaches(article, data) == []


ENDS: Final = (b"</p><b>e</b>", b"", b"<script>\xe31</script>\xfe")


@pytest.mark.slow
# A byte that begins a character of four, before one that cannot go on with it: what follows tells how much is broken.
@pytest.mark.parametrize("codec", ["gb18030", "big5hkscs", "cp949", "johab"])
@given(end=st.sampled_from(ENDS), data=BREAKING)
@example(end=ENDS[0], data=b"\xe31")
@example(end=ENDS[1], data=b"\xe31")
@example(end=ENDS[2], data=b"\xe31")
def test_a_slice_of_a_damaged_source_is_what_it_is_where_it_stands(codec: str, end: bytes, data: bytes) -> None:
    data = SOURCE.encode(codec, "replace") + b"<p>" + data + end
    article = parsed(data, codec)
    if isinstance(article, Reject):  # as it names an encoding with states
        assert b"\x1b" in data
        return
    assert breaches(article, data) == []


def test_labels_of_the_web() -> None:
    labels = ("gb2312", "ISO-8859-1", "x-sjis", "Windows-31J", "utf-16", "unicode-1-1-utf-8")
    assert [codec_of(label) for label in labels] == ["gb18030", "cp1252", "cp932", "cp932", "utf-16-le", "utf-8"]
    # What has states, and what is an encoding to Python alone.
    for label in ("hz-gb-2312", "iso-2022-jp", "utf-7", "base64", "punycode", "unicode_escape", "none-such"):
        assert codec_of(label) is None
    assert decode(b"").text == ""
