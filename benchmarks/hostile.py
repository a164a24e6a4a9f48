"""The doors that strangers' bytes come in by, the marks that each of them gives a meaning, and what may become of them.

`fuzz.py` mutates sources with these, `linear.py` repeats them. Whatever comes in, what comes out is an article that
obeys laws 1 to 4 and 7, or a reject: an exception is a finding, and so is a row that its schema refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pressmark.schemas import TABLES
from pressmark.schemas.tables import check_articles, check_paragraphs, check_rows
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.laws import check_article
from pressmark.transforms.records import Article, Limits, Reject, Stamp
from pressmark.transforms.rows import article_rows, media_rows, paragraph_rows

__all__ = ["DOORS", "Door", "Finding", "findings_of", "outcome_of"]

STAMP: Final = Stamp("hostile", datetime(2026, 1, 1, tzinfo=UTC))
COMMENT: Final = b"<!--1646370367000-->\n[T](https://songling-times.example/a)\n------\n\n"
WORDS: Final = (
    "a", "b", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "\f", "\x00", "\x1c", "松", "岭", "\u3000", "\u200b",
    "\ufeff", "\U0001f5de",
    "1", "0", "2022-03-04", "05:06", "https://songling-times.example/a", "http://", "www.", "&", "&amp;", "&nbsp;",
    "&#10;", "&#x3000;", "&lt", "{i}", ".", ",", ":", ";", "!", "?", "。", "：", "，", "-", "--", "=", "/", "//", "\\",
    "@", "(", ")", "[",
    "]", "{", "}", "'", '"', "`", "~", "%", "+", "*", "_", "#", "|", "<", ">", "$", "^",
)  # fmt: skip
TAGS: Final = (
    *(f"<{name}>" for name in "p div span b strong i em a li ul td tr table blockquote h1 h2 figure".split()),
    *(f"</{name}>" for name in "p div span b a li ul td table blockquote h1 h2 figure script style svg".split()),
    "<br>", "<br/>", "<hr>", "<img src=x>", "<imgsrc='x'>", '<divclass="a "data-x="1">', "<a href=x>", "<a href='",
    "<p", "<p ",
    "</", "</>", "<!", "<!--", "-->", "--", "<!doctype html>", "<?", "?>", "<![CDATA[", "]]>", "<script>", "<style>",
    "<svg>",
    "<svg/>", "<template>", "<noscript>", "<iframe>", "<textarea>", "<title>", "<plaintext>", "<xmp>", "<video>",
    "<source src=x>",
    "<audio>", "<picture>", "<object>", "<embed src=x>", "<scripttype=x>", "<p class=x>", "<p class='{i}'>",
    "<p id={i}>",
    "<x{i}>", " x{i}=1", "<math>", "<select>", "<option>", "<frameset>", "<body>", "<html>", "<head>", "<form>",
    "<article>",
)  # fmt: skip
MARKS: Final = (
    "# ", "## ", "> ", ">", "- ", "* ", "1. ", "    ", "```", "~~~", "``", "**", "***", "__", "~~", "[", "![", "](",
    "](x)", "[a]", "[a]:",
    "[a]: x\n", "[{i}]: x\n", "[{i}]", "[^{i}]", "[^1]", "[^1]: x\n", "<http://a>", "---\n", "===\n", "|a|b|\n",
    "|-|-|\n", "| ", "\\", "\\\n",
    "{: .x}", "{.x}", "{:", "<a@b.c>", "  \n", "**「", "」**", "https://a.b/(", "- [ ] ", "![a](b)", "[a](<",
    '[a](b "', "&#", "\n> ",
    "\n- ", "\n    ", "\n\t", "<div>\n", "\n\n<p>", "*a", "_a_", "a*", "a**b",
)  # fmt: skip
YAML: Final = (
    "---\n", "...\n", "title: ", "date: ", "tags:\n", "- ", "  ", "key{i}: ", "a: ", "&a ", "*a", "<<: ",
    "!!python/object:x ", "!", "| \n", ">-\n",
    "? ", ": ", "#", "'", '"', "[", "]", "{", "}", ",", "\n", "\n  ", "\n- ", "&a{i} ", "*a{i} ", "\\x41", "\\",
    "%YAML 1.1\n", "@", "`",
    "author: ", "url: ", "2020-01-01", "- - ", "\t", "categories: a b",
)  # fmt: skip
TOML: Final = (
    "+++\n", "title = ", '"', '"""', "'''", "'", "[a]\n", "[[a]]\n", "[a{i}]\n", "a{i} = ", "a.b = ", "1", "[", "]",
    "{", "}", ",", "\n", "#",
    "2020-01-01", "\\", "\\u0041", "_", ".", "true", "inf", "nan", "a.", "e9",
)  # fmt: skip
JSON: Final = (
    "{", "}", "[", "]", ":", ",", '"', '"a"', '"a{i}":', '"title":', '"html":', '"<p>x</p>"', "1", "-", "1e9",
    "null", "true", "\\", "\\u0041",
    "\\ud800", " ", "\n", "NaN", "Infinity", '{"a":', '[[', "]]", ";;;\n", "1" * 40,
)  # fmt: skip
HEADER: Final = (
    "<!--", "-->", "1646370367000", "NaN", "[", "](", ")", "[T](u)", "------", "---", "\n", "\r\n", "\r", " ", "\t",
    "\n\n", "日期：",
    "Fri, 04 Mar 2022 05:06:07 +0800", "2022年3月4日", "記者林一／報導", "https://a.b/2022/03/04/x_20.html", "<div>",
    "&#", "9" * 30,
)  # fmt: skip
PAGE: Final = (
    "<html>", "<head>", "</head>", "<body>", "<meta charset=gb18030>", "<meta name=author content='林一'>",
    "<meta property=og:url content='",
    "<meta property='article:tag' content='{i}'>", "<link rel=canonical href=",
    '<script type="application/ld+json">', "</script>", '{"@type":"NewsArticle",',
    '"@graph":[', '"author":{"@id":"a{i}"},', '"headline":"x"', "<time datetime='2022-03-04'>", "</time>",
    "<article>", "</article>",
    "<main>", "<nav>", "</nav>", "<aside>", "<h1>T</h1>", "<title>T</title>",
    "<p>松岭市图书馆今天开放，读者从早晨开始排队。</p>",
    "<div itemprop=articleBody>",
    "<span class='author byline'>", "<!--", "-->", "<ul><li><a href=x>y</a></li></ul>", "<base href=",
    "<div hidden>", "<div style='display:none'>",
    "By ", "Updated ", "2022-03-04", "/*", "*/", "//<![CDATA[",
)  # fmt: skip


class Door(NamedTuple):
    """A way in: its name, what a source starts with there, the marks that mean something, and what ends one."""

    name: str
    start: bytes
    marks: Sequence[str]
    end: bytes = b""


DOORS: Final = (
    Door("header", b"", (*HEADER, *WORDS), b"\n\n<p>a</p>"),
    Door("comment", b"<!--", (*HEADER, *WORDS), b"-->\n[T](u)\n---\n<p>a</p>"),
    Door("title", b"<!--1646370367000-->\n[T", (*HEADER, *WORDS), b"](u)\n---\n<p>a</p>"),
    Door("html", COMMENT, (*TAGS, *TAGS, *WORDS)),
    Door("yaml", b"---\n", (*YAML, *YAML, *WORDS), b"\n---\n<p>a</p>"),
    Door("toml", b"+++\n", (*TOML, *TOML, *WORDS), b"\n+++\n<p>a</p>"),
    Door("json", b"{", (*JSON, *WORDS), b"}\n<p>a</p>"),
    Door("json_comment", b"<!-- {", (*JSON, *WORDS), b"} -->\n<html><body><p>a</p>"),
    Door("markdown", b"---\ntitle: T\n---\n\n# T\n\n[a](b) **c**\n\n", (*MARKS, *MARKS, *MARKS, *WORDS, *TAGS)),
    Door(
        "untitled", b"# T\n\n",
        ("Date: ", "**Link:** ", "Author：", "[a](", "<https://a.b/c>", " | **", *HEADER, *MARKS, *WORDS),
        b"\n\n2022-03-04",
    ),
    Door("page", b"<!doctype html><html>", (*PAGE, *PAGE, *TAGS, *WORDS)),
    Door("text", COMMENT + b"<p>", ("<p>", "<br>", "<b>", "</b>", "<a href=x>", "</a>", *HEADER, *WORDS)),
)  # fmt: skip


class Finding(NamedTuple):
    """What should not have been: with which bytes, and how it shows."""

    door: str
    data: bytes
    problem: str


def outcome_of(data: bytes, facts: Any = None) -> Article | Reject:
    """What the parser makes of bytes."""
    return parse(data, "a.md", load_outlets(), Limits(), archive="news", facts=facts or getattr(data, "facts", None))


def findings_of(door: str, articles: Sequence[tuple[Article, bytes]]) -> Iterator[Finding]:
    """What is wrong with articles, whose rows are made together, as that costs most."""
    if not articles:
        return
    try:
        problems = list(_problems(articles))
    except Exception as error:
        if len(articles) == 1:
            yield Finding(door, bytes(articles[0][1]), f"{type(error).__name__}: {error}")
            return
        middle = len(articles) // 2
        yield from findings_of(door, articles[:middle])
        yield from findings_of(door, articles[middle:])
        return
    for index, problem in problems:
        yield Finding(door, bytes(articles[index][1]), problem)


def _problems(articles: Sequence[tuple[Article, bytes]]) -> Iterator[tuple[int, str]]:
    made = [article for article, _ in articles]
    rows = article_rows(made, STAMP)
    paragraphs, owners = paragraph_rows(made)
    media, media_owners = media_rows(made)
    for violation in [*check_rows(rows, TABLES["articles"]), *check_articles(rows)]:
        yield violation.row, f"schema: {violation.column} {violation.problem}"
    for violation in [*check_rows(paragraphs, TABLES["paragraphs"]), *check_paragraphs(paragraphs, owners, rows)]:
        yield owners[violation.row].as_py(), f"schema: {violation.column} {violation.problem}"
    for violation in check_rows(media, TABLES["media"]):
        yield media_owners[violation.row].as_py(), f"schema: {violation.column} {violation.problem}"
    of_article = [_owned(table.to_pylist(), owned.to_pylist(), len(made)) for table, owned in
                  ((paragraphs, owners), (media, media_owners))]  # fmt: skip
    for index, row in enumerate(rows.to_pylist()):
        for breach in check_article(row, of_article[0][index], articles[index][1], of_article[1][index]):
            yield index, f"law {breach.law}: {breach.problem}"


def _owned(rows: Iterable[dict[str, Any]], owners: Iterable[int], count: int) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for row, owner in zip(rows, owners, strict=True):
        found[owner].append(row)
    return found
