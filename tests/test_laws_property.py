"""Laws 1 to 4 on generated articles: whatever markup a scraper leaves, spans slice back to their text."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import ROOT, stamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.laws import check_article
from pressmark.transforms.records import Article, Limits
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows

BLOCK_TAGS = ["p", "div", "li", "blockquote", "h2", "figcaption", "td", "section", "noscript", "iframe", "video"]
INLINE_TAGS = ["b", "strong", "i", "span", "a", "small", "noembed", "title", "textarea"]
SKIPPED = ["script", "style", "template", "svg"]
CHARACTERS = "松岭市開放ab1.,&;<>'\" \t\r\n\f\u00a0\u3000\u200b\ufeff\u0085\u001c\ufffd🗞é#x"
REFERENCES = [
    "&amp;", "&nbsp;", "&#8203;", "&#x3000;", "&lt", "&lt;", "&nbspx", "&notit;", "&#10;", "&NewLine;", "&bogus;",
    "&#0;", "&",
]  # fmt: skip
BREAKS = ["<br>", "<br/> <br/>", "<br>\n<br />", "</br>", "<hr>", "<img src=x>", "<wbr>"]
ODDITIES = [
    "<!-- 评 -->", "<!---->", "<!bogus>", "<?pi?>", "<![CDATA[x]]>", "</>", "<", "</", "<!--",
    '<divclass="m-ad "data-x="1">',
    '<imgsrc="x">', "</p>", "</div>", "</b>", "<p", "<a href='", "<svg/>", "Array",
]  # fmt: skip


def element(name: str, inside: str, closed: bool) -> str:
    attributes = ' href="/x?a=1&amp;b"' if name == "a" else ""
    return f"<{name}{attributes}>{inside}" + (f"</{name}>" if closed else "")


TEXT = st.text(CHARACTERS, max_size=12)
LEAVES = st.one_of(TEXT, st.sampled_from(REFERENCES), st.sampled_from(BREAKS), st.sampled_from(ODDITIES))
FRAGMENTS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        element,
        st.sampled_from(BLOCK_TAGS + INLINE_TAGS + SKIPPED),
        st.lists(inner, max_size=5).map("".join),
        st.booleans(),
    ),
    max_leaves=40,
)  # fmt: skip
HEADERS = st.sampled_from([
    "<!--1646370367000-->\n[标题](https://songling-times.example/a)\n------\n\n",
    "\ufeff[标题](https://songling-times.example/b)\r\n-----\r\n",
    "---\ntitle: 标题\ndate: 2022-03-04\n---\n",
])  # fmt: skip


def breaches(data: bytes) -> list[object]:
    outcome = parse(data, "a.md", load_outlets(), Limits())
    if not isinstance(outcome, Article):
        assert outcome.reason == "no_text", outcome.detail
        return []
    articles = article_rows([outcome], stamp(1)).to_pylist()
    paragraphs, media = (rows([outcome])[0].to_pylist() for rows in (paragraph_rows, media_rows))
    return list(check_article(articles[0], paragraphs, data, media))


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(HEADERS, st.lists(FRAGMENTS, max_size=8).map("".join))
def test_every_generated_article_obeys_laws_1_to_4_and_7(header: str, body: str) -> None:
    assert breaches((header + body).encode("utf-8", "replace")) == []


@pytest.mark.parametrize(
    "path", [path for path in sorted((ROOT / "seeds").rglob("*.*")) if path.is_file()], ids=lambda path: path.name[:40]
)
def test_every_seed_obeys_laws_1_to_4(path: Path) -> None:
    if "broken" in path.parts:
        assert not isinstance(parse(path.read_bytes(), path.name, load_outlets(), Limits()), Article)
    else:
        assert breaches(path.read_bytes()) == []
