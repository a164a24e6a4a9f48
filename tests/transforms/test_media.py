"""Pictures, videos, audio and embedded pages: found, placed, named, and pointed to exactly."""

from __future__ import annotations

from typing import Any

import pytest
from archives import stamp

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.blocks import cut
from pressmark.transforms.laws import check_article
from pressmark.transforms.records import Article, Limits
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows

HEADER = "<!--1646370367000-->\n[标题](https://songling-times.example/a/b)\n------\n"
PAGE = (
    f"{HEADER}<p>松岭的<img src='/1.jpg' alt='晨  雾'>早晨</p><figure><img data-src=2.jpg src='data:image/gif;x,y'>"
    "<figcaption>图片来源：云港</figcaption><img src=2b.jpg></figure><video><source src=a.mp4></video>末段。"
    "<img src='//img.example/3.png'>"
)


def parsed(source: str) -> Article:
    outcome = parse(source.encode(), "a.md", load_outlets(), Limits())
    assert isinstance(outcome, Article), outcome.detail
    return outcome


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<img src=a.jpg>", [("image", "a.jpg")]),
        ("<imgsrc='a b.jpg'>", [("image", "a b.jpg")]),
        ("<img src='' data-original=late.jpg>", [("image", "late.jpg")]),
        ("<img srcset='s.jpg 1x, l.jpg 2x'>", [("image", "s.jpg")]),
        ("<img src='data:image/gif;base64,R0lG' data-src=late.jpg>", [("image", "late.jpg")]),
        ("<img src='data:image/gif;base64,R0lG'>", [("image", "data:image/gif;base64")]),
        ("<picture><source srcset='w.webp'><img src=a.jpg></picture>", [("image", "a.jpg")]),
        ("<video src=v.mp4></video><audio><source src=a.mp3></audio>", [("video", "v.mp4"), ("audio", "a.mp3")]),
        ("<iframe src='https://v.example/1'></iframe><object data=x.swf></object>",
         [("embed", "https://v.example/1"), ("embed", "x.swf")]),
        ("<noscript><img src=a.jpg></noscript>", [("image", "a.jpg")]),
        ("<iframe src='about:blank'></iframe><img alt=x><video></video>", []),
        ("<script>'<img src=a.jpg>'</script><!-- <img src=b.jpg> --><a title='<img src=c.jpg>'>x</a>", []),
    ],
)  # fmt: skip
def test_a_medium_is_found_by_its_element_and_address(markup: str, found: list[tuple[str, str]]) -> None:
    assert [(medium.kind, medium.src) for medium in cut(markup).media] == found


def test_media_are_placed_between_blocks_and_resolved() -> None:
    article = parsed(PAGE)
    data = PAGE.encode()
    base = "https://songling-times.example/a/"
    rows = [
        (m.kind, m.src.removeprefix(base), m.alt, m.ordinal, m.caption_ordinal, data[m.start : m.end].decode())
        for m in article.media
    ]
    assert rows == [
        ("image", "https://songling-times.example/1.jpg", "晨 雾", 0, None, "<img src='/1.jpg' alt='晨  雾'>"),
        ("image", "2.jpg", None, 1, 1, "<img data-src=2.jpg src='data:image/gif;x,y'>"),
        ("image", "2b.jpg", None, 2, 1, "<img src=2b.jpg>"),
        ("video", "a.mp4", None, 2, None, "<video><source src=a.mp4>"),
        ("image", "https://img.example/3.png", None, 3, None, "<img src='//img.example/3.png'>"),
    ]  # fmt: skip


def test_media_without_text_are_an_article() -> None:
    article = parsed(f"{HEADER}<p><img src=a.jpg></p>")
    assert (article.paragraphs, article.text, len(article.media), article.flags) == ([], b"", 1, ("no_content",))


@pytest.mark.parametrize(
    "wrong",
    [{"byte_start": 0}, {"byte_end": 150}, {"ordinal": 3}, {"kind": "audio"}, {"src": "https://x.example/"},
     {"source_sha256": ""}, {"media_id": "x"}, {"caption_ordinal": 9}],
    ids=str,
)  # fmt: skip
def test_law_7_is_broken_by_tampering(wrong: dict[str, Any]) -> None:
    article = parsed(PAGE)
    row, paragraphs = article_rows([article], stamp(1)).to_pylist()[0], paragraph_rows([article])[0].to_pylist()
    media = media_rows([article])[0].to_pylist()
    assert check_article(row, paragraphs, PAGE.encode(), media) == []
    breaches = check_article(row, paragraphs, PAGE.encode(), [{**media[0], **wrong}, *media[1:]])
    assert {breach.law for breach in breaches} == {7}


def test_a_long_tag_ends_where_it_ends() -> None:
    markup = f"<p>松岭</p><img src=a.jpg alt='{'x>' * 5000}'><img src=b.jpg"
    (medium,) = cut(markup).media
    assert (medium.start, medium.end) == (9, markup.index("<img src=b"))
