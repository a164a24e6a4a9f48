"""One source becomes one article or one reject: spans, sums, reasons, and never an exception."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.outlets import Outlet, Outlets
from pressmark.transforms.records import Article, Dates, Header, Limits, Link, Paragraph, Reject
from pressmark.transforms.rows import SEPARATOR

REGISTRY = Outlets.from_toml(
    '[[outlet]]\nslug = "songling"\nname_zh = "松岭时报"\nname_en = "Songling Times"\n'
    'hosts = ["songling-times.example"]\nzone = "Asia/Shanghai"\nlanguages = ["zh-Hans"]\n'
)
OUTLETS = Outlets(REGISTRY.entries, load_outlets().general)
TITLE = "[渡轮试航](http://www.songling-times.example//a?utm_source=x)\n------\n\n"
HEADER = f"<!--1646370367000-->\n{TITLE}"
MARK = "\ufeff"


def outcome(text: str | bytes, *, path: str = "a.md", depth: int = 1000) -> Article | Reject:
    data = text.encode() if isinstance(text, str) else text
    return parse(data, path, OUTLETS, Limits(depth=depth))


def article(text: str | bytes, *, path: str = "a.md") -> Article:
    parsed = outcome(text, path=path)
    assert isinstance(parsed, Article), parsed.detail
    return parsed


def test_an_article_says_all_that_its_source_says() -> None:
    source = (
        "<!--1646370367000-->\r\n[渡轮 &amp; 试航](http://www.Songling-Times.example//a?utm_source=x)\r\n------\r\n\r\n"
        "<div><i>2022-03-04 13:06</i></div><p>渡轮<a href='/b'>今天</a>试航。</p><!-- 注 --><p>2020&nbsp;!</p>"
    )
    data = source.encode()
    url = "https://www.songling-times.example/a"
    published_at = datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)
    dateline_at = datetime(2022, 3, 4, 5, 6, tzinfo=UTC)
    texts = ["2022-03-04 13:06", "渡轮今天试航。", "2020\xa0!"]
    assert article(source, path="路/a.md") == Article(
        archive="",
        article_id=hashlib.sha256(url.encode()).hexdigest()[:32],
        source_path="路/a.md",
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_bytes=len(data),
        header=Header(
            dialect="comment",
            title="渡轮 & 试航",
            url="http://www.Songling-Times.example//a?utm_source=x",
            author=None,
            header_at=published_at,
            front_matter_at=None,
            body_start=source.index("<div>"),
        ),
        encoding="utf-8",
        markup="html",
        canonical_url=url,
        host="songling-times.example",
        outlet="songling",
        author=None,
        contributors=None,
        dates=Dates(published_at, "header", dateline_at, None, False, date(2022, 3, 4)),
        language="zh-Hans",
        text="2022-03-04 13:06\n\n渡轮今天试航。\n\n2020\xa0!".encode(),
        text_sha256=hashlib.sha256("\n\n".join(texts).encode()).hexdigest(),
        content_count=2,
        header_bytes=len(source[: source.index("<div>")].encode()),
        paragraph_bytes=len("2022-03-04 13:06渡轮<a href='/b'>今天</a>试航。2020&nbsp;!".encode()),
        skipped_bytes=len("<!-- 注 -->".encode()),
        markup_bytes=len(b"<div><i></i></div><p></p><p></p>"),
        paragraphs=[
            Paragraph("dateline", texts[0].encode(), 0, 16, data.index(b"2022-03"), data.index(b"</i>"), "zh-Hans",
                      xxh3_64_intdigest(texts[0].encode()), ()),
            Paragraph("body", texts[1].encode(), 18, 25, data.index("渡轮<a".encode()), data.index(b"</p><!--"),
                      "zh-Hans", xxh3_64_intdigest(texts[1].encode()),
                      (Link("https://www.songling-times.example/b", 2, 4),)),
            Paragraph("body", texts[2].encode(), 27, 33, data.index(b"2020&"), data.rindex(b"</p>"), "zh-Hans",
                      xxh3_64_intdigest(texts[2].encode()), ()),
        ],
        flags=(),
        reasons=["a date and nothing else, above the story: year, month, day", "running text", "running text"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "slices"),
    [
        ("<p>松岭</p><p>云港</p>", ["松岭", "云港"]), ("<p>\u3000é🗞&amp;一 </p>\u200b<p>三</p>", ["é🗞&amp;一", "三"]),
        ("一<br><br>\r\n二", ["一", "二"]), ("<p>一<!-- 注 -->二</p>", ["一<!-- 注 -->二"]),
        ("<p>前<b>二</b></p>", ["前<b>二"]), ("一", ["一"]),
    ],
    ids=["plain", "two, three and four bytes", "line ends", "comment inside", "inline tag", "no element"],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", MARK], ids=["no mark", "byte order mark"])
def test_spans_are_bytes_of_the_source(start: str, body: str, slices: list[str]) -> None:
    data = (start + HEADER + body).encode()
    parsed = article(data)
    assert [data[row.byte_start : row.byte_end].decode() for row in parsed.paragraphs] == slices
    assert parsed.header_bytes == len((start + HEADER).encode())


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("一", ("一", "", "")),
        ("<p>一</p>\n", ("一", "", "<p></p>\n")),
        ("<p>一<!-- 注 -->二</p>", ("一<!-- 注 -->二", "", "<p></p>")),
        ("<!-- 注 --><p>一</p><script>x</script>", ("一", "<!-- 注 --><script>x</script>", "<p></p>")),
        ("<p>一<svg>x</svg></p>", ("一", "<svg>x</svg>", "<p></p>")),
        ("一<!-- 注 --><p>二<style>x</style>三</p>", ("一二<style>x</style>三", "<!-- 注 -->", "<p></p>")),
        ("一<script>x", ("一", "<script>x", "")),
    ],
    ids=["text only", "markup", "comment inside a span", "skipped around", "skipped at the end of a block",
         "inside and outside", "skipped to the end"],
)  # fmt: skip
def test_every_byte_is_header_paragraph_skipped_or_markup(body: str, parts: tuple[str, str, str]) -> None:
    parsed = article(HEADER + body)
    counted = (parsed.paragraph_bytes, parsed.skipped_bytes, parsed.markup_bytes)
    assert counted == tuple(len(part.encode()) for part in parts)
    assert parsed.header_bytes + sum(counted) == parsed.source_bytes


@pytest.mark.parametrize(
    ("source", "reason", "byte_offset"),
    [
        (b"", "empty_file", 0),
        (b"\xff", "invalid_utf8", 0),
        (HEADER.encode() + b"<p>\xe6\x9d", "invalid_utf8", len(HEADER.encode()) + 3),
        ((MARK + HEADER).encode() + "松".encode() + b"\xc0\xaf", "invalid_utf8", len((MARK + HEADER).encode()) + 3),
        (HEADER.encode() + b"\xed\xa0\x80", "invalid_utf8", len(HEADER.encode())),
        ("<p>松岭</p>", "no_header", 0),
        (f"{MARK}<p>松岭</p>", "no_header", 3),
        (f"{MARK}", "no_header", 3),
        (f"<!--NaN-->\n{TITLE}<p>松岭</p>", "bad_timestamp", 4),
        (f"{MARK}<!--NaN-->\n{TITLE}<p>松岭</p>", "bad_timestamp", 7),
        (HEADER, "no_text", len(HEADER.encode())),
        (f"{HEADER}<p>&nbsp;</p><script>x</script><!-- 注 -->", "no_text", len(HEADER.encode())),
        (f"{MARK}{HEADER}<p></p>", "no_text", len((MARK + HEADER).encode())),
        (f"{HEADER}松岭{'<i>' * 6}一", "too_complex", len(HEADER.encode()) + 6 + 15),
        (f"{MARK}{HEADER}{'<i>' * 6}一", "too_complex", len((MARK + HEADER).encode()) + 15),
    ],
    ids=[
        "no bytes", "one bad byte", "cut off", "bad byte after a byte order mark", "surrogate", "no header",
        "no header after a byte order mark", "nothing but a byte order mark", "NaN", "NaN after a byte order mark",
        "no body", "nothing visible", "nothing visible after a byte order mark", "too deep",
        "too deep after a byte order mark",
    ],
)  # fmt: skip
def test_a_reject_says_why_and_at_which_byte_and_keeps_all_bytes(
    source: str | bytes, reason: str, byte_offset: int
) -> None:
    data = source.encode() if isinstance(source, str) else source
    reject = outcome(data, path="路/a.md", depth=5)
    assert isinstance(reject, Reject)
    assert reject.detail
    assert reject == Reject(
        source_path="路/a.md",
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_bytes=len(data),
        reason=reason,  # type: ignore[arg-type]
        detail=reject.detail,
        byte_offset=byte_offset,
        raw=data,
    )


class BrokenRegistry(Outlets):
    """A registry with a bug, as an outlet's entry might have one."""

    def find(self, host: str | None, slug: str | None = None, zone: str | None = None) -> Outlet:
        raise LookupError(f"no entry for {host}")


def test_an_exception_on_a_source_is_a_reject_with_the_traceback() -> None:
    data = f"{HEADER}<p>松岭</p>".encode()
    reject = parse(data, "a.md", BrokenRegistry(()), Limits())
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.byte_offset, reject.raw) == ("parser_error", None, data)
    assert "Traceback" in reject.detail
    assert "LookupError: no entry for www.songling-times.example" in reject.detail


def test_as_many_open_elements_as_the_limit_are_an_article() -> None:
    assert isinstance(outcome(HEADER + "<i>" * 5 + "一", depth=5), Article)


@pytest.mark.parametrize(("source_bytes", "depth"), [(0, 1), (1, 0), (-1, 1)])
def test_limits_below_one_are_refused(source_bytes: int, depth: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limits(source_bytes=source_bytes, depth=depth)


@pytest.mark.parametrize(
    ("body", "flags"),
    [
        ("<p>一</p>", ()),
        ("<p>渡轮试航</p>", ("title_only",)),
        ("<h2> 渡轮试航\n</h2><p>渡轮试航</p>", ("title_only",)),
        ("<p>渡轮试航</p><p>一</p>", ()),
        ("<p>Array</p>", ("no_content",)),
        ("<p>一</p><!-- 0123456789 -->", ("mostly_skipped",)),
        ("一二<b></b><svg>一二</svg>三", ("mostly_skipped",)),
        ("一<b></b><script></script>三", ("mostly_skipped",)),
        ("一二三<!--ab-->", ()),
        ("<div><i>2012-03-04</i></div><p>一</p>", ("date_conflict",)),
        ("<div><i>2012-03-04</i></div><!-- 0123456789012345678901234567890123456789 -->",
         ("date_conflict", "mostly_skipped", "no_content")),
    ],
    ids=["none", "title", "title twice", "title and more", "furniture", "comment", "inside a span",
         "script inside a span", "just half", "dates apart", "several"],
)  # fmt: skip
def test_flags_say_what_to_know_of_an_article(body: str, flags: tuple[str, ...]) -> None:
    parsed = article(HEADER + body)
    assert parsed.flags == flags


def test_an_article_without_an_address_is_known_by_its_archive_and_path() -> None:
    source = "[渡轮]()\n---\n<p><a href='/b'>一</a></p>".encode()
    parsed = parse(source, "路/a.md", OUTLETS, Limits(), archive="渡口")
    assert isinstance(parsed, Article)
    assert parsed.archive == "渡口"
    assert parsed.article_id == hashlib.sha256("渡口\n路/a.md".encode()).hexdigest()[:32]
    assert (parsed.header.url, parsed.canonical_url, parsed.host, parsed.outlet) == (None, None, None, "unknown")
    assert parsed.paragraphs[0].links == (Link("/b", 0, 1),)


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("<p>作者：林帆</p>", "林帆"), ("<p>记者: 林 帆</p>", "林 帆"),
        ("<p class='byline'>By Maud Ellery</p>", "Maud Ellery"),
        ("<div><i>林帆<br>2022-03-04 13:06:07</i></div>", "林帆"),
        ("<div><i>2022-03-04 13:06:07<br>林帆</i></div>", "林帆"),
        ("<div>发表时间：2022-03-04 13:06<br>林帆</div>", "林帆"),
        ("<div>Fri, 04 Mar 2022 13:06:07 GMT<br>林帆</div>", "林帆"),
        ("<p class='byline'>Byron Ellery</p>", "Byron Ellery"), ("<p class='byline'>文静</p>", "文静"),
        ("<div>2022-03-04 13:06:07</div>", None), ("", None),
    ],
    ids=["author", "reporter", "English", "name above a date", "name below a date", "name below a date with a label",
         "name below a date in words", "name like a word", "name of a word", "only a date", "no byline"],
)  # fmt: skip
def test_the_name_in_a_byline_is_the_author(byline: str, author: str | None) -> None:
    assert article(f"{HEADER}{byline}<p>渡轮今天在海湾里试航，乘客从清晨开始排队。</p>").author == author


def test_the_author_of_front_matter_is_believed_before_a_byline() -> None:
    assert article("---\ntitle: 渡轮\nauthor: 林帆\n---\n<p>作者：乔一苇</p><p>一</p>").author == "林帆"


def test_a_block_that_does_not_tell_its_language_is_in_the_articles() -> None:
    parsed = article(f"{HEADER}<p>图书馆延长开放时间</p><p>2020</p><p>The ferry is on the way to the bay</p>")
    assert [row.language for row in parsed.paragraphs] == ["zh-Hans", "en", "en"]
    assert parsed.language == "en"
    assert article(f"{HEADER}<p>2020</p>").language == "und"


def test_equal_paragraphs_have_equal_numbers_wherever_they_stand() -> None:
    first, second = article(f"{HEADER}<p>一 二</p>"), article(f"{TITLE}三<p><b>一</b>\n二</p>")
    assert first.paragraphs[0].text_hash == second.paragraphs[1].text_hash == xxh3_64_intdigest("一 二".encode())


def assert_laws_of_sums_and_slices(parsed: Article | Reject, data: bytes) -> None:
    assert isinstance(parsed, Article | Reject)
    if isinstance(parsed, Reject):
        assert parsed.reason != "parser_error", parsed.detail
        assert parsed.raw == data
        return
    parts = (parsed.header_bytes, parsed.paragraph_bytes, parsed.skipped_bytes, parsed.markup_bytes)
    assert min(parts) >= 0
    assert sum(parts) == parsed.source_bytes == len(data)
    assert sum(row.byte_end - row.byte_start for row in parsed.paragraphs) == parsed.paragraph_bytes
    text = parsed.text.decode()
    assert text == SEPARATOR.join(row.text.decode() for row in parsed.paragraphs)
    bounds = [parsed.header_bytes, *(bound for row in parsed.paragraphs for bound in (row.byte_start, row.byte_end))]
    assert bounds == sorted(bounds)
    for row in parsed.paragraphs:
        assert text[row.char_start : row.char_end] == row.text.decode()
        data[row.byte_start : row.byte_end].decode()


@settings(max_examples=200)
@example(b"\xef\xbb\xbf")
@example(b"---\n---\n")
@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert_laws_of_sums_and_slices(parse(data, "a.md", OUTLETS, Limits()), data)


HEADERS = st.sampled_from([HEADER, TITLE, MARK + HEADER, "---\ntitle: t\n---\n", "---\r\ndate: 2022-03-04\r\n---\r\n"])
SCRAPS = st.sampled_from([
    *("<p>", "</p>", "<br>", "<b>", "</b>", "<!--", "-->", "<script>", "</script>", "<svg/>", "<a href='", "'>"),
    *("&amp;", "&nbsp", "&#", "<", ">", "</", "松岭", "🗞", "\0", "\x1c", "\r\n", "\u200b", "2022-03-04", "\ufeff"),
    *("<iframe>", "[t](u)\n---\n"),
]).map(str.encode)  # fmt: skip
WORDS = st.text(max_size=5).map(lambda text: text.encode("utf-8", "replace"))


@settings(max_examples=200)
@example(HEADER, [b"\0"])
@example(HEADER, [b"<p>", b"\0\xe6\x9d\xbe", b"</p>"])
@given(HEADERS, st.lists(st.one_of(SCRAPS, SCRAPS, WORDS, st.binary(max_size=2)), max_size=20))
def test_no_bytes_after_a_header_raise(header: str, scraps: list[bytes]) -> None:
    data = header.encode() + b"".join(scraps)
    assert_laws_of_sums_and_slices(parse(data, "a.md", OUTLETS, Limits(depth=8)), data)


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("It\u00e2\u0080\u0099s a caf\u00c3\u00a9. " * 2, "mojibake"), ("CAFÉ® CAFÉ® CAFÉ® «CAFÉ»", None),
        ("甲。 **标题**  乙。 ** 又一个**  丙。", "markup_in_text"), ("By Ad** My** and Jo** Al** and An** Fe**", None),
    ],
    ids=["UTF-8 read as Latin letters", "capital letters before signs", "Markdown in HTML", "names that are hidden"],
)  # fmt: skip
def test_flags_tell_what_went_wrong_before_from_what_looks_like_it(text: str, flag: str | None) -> None:
    assert set(article(f"{HEADER}<p>{text}</p><p>渡轮。</p>").flags) == ({flag} if flag else set())


def test_the_address_tells_the_day_of_a_page_whose_zone_nobody_knows() -> None:
    page = (
        "<!doctype html><html lang=de><head><title>Die Fähre</title><link rel=canonical href='https://x.example/2023/11/08/{}'>"
        "</head><body><article><h1>Die Fähre</h1><p>{}</p>"
        "<p>Sie fährt heute wieder über den See und zurück.</p></article>"
    )
    utc = page.format("a", "").replace(
        "</head>", "<meta property=article:published_time content=2023-11-09T03:28:35Z></head>"
    )
    assert article(utc).dates.local_date == date(2023, 11, 8)
    assert article(page.replace("2023/11/08/", "").format("b", "8. März 2022")).dates.local_date == date(2022, 3, 8)
    late = article(
        "<br />\n<b>Warning</b>: no such function<br />\n" + page.replace("2023/11/08/", "").format("b", "8. März 2022")
    )
    assert (late.header.dialect, late.dates.local_date) == ("page", date(2022, 3, 8))


@pytest.mark.parametrize(
    "front",
    ["+++\ndate = 2022-03-07T21:30:00-05:00\n+++", "---\ndate: 2022-03-07 21:30:00 -0500\n---",
     '{"date": "2022-03-07T21:30-05"}', "---\ndate: Mon, 7 Mar 2022 21:30:00 EST\n---"],
    ids=["TOML", "YAML", "JSON", "letters"],
)  # fmt: skip
def test_the_offset_of_a_time_tells_its_day_where_nobody_knows_the_zone(front: str) -> None:
    found = article(f"{front}\nThe ferry sails again.\n").dates
    assert (found.published_at, found.local_date) == (datetime(2022, 3, 8, 2, 30, tzinfo=UTC), date(2022, 3, 7))


BARE = "[渡轮试航](https://{}/a)\n------\n\n<p>{}</p><p>渡轮今天试航，许多人来看。</p>"


@pytest.mark.parametrize("printed", ["Selasa, 1 Mei 2018 01:27 WIB", "01/05/2018 01:27 WIB"])
def test_a_date_is_read_in_the_language_of_the_text_where_nobody_knows_the_outlet(printed: str) -> None:
    story = "<p>Para nelayan di pelabuhan itu mengatakan bahwa lampu mercusuar tua telah dinyalakan lagi.</p>"
    found = article(f"[Lampu](https://kabar.example/1)\n---\n<p>{printed}</p>{story}")
    assert (found.paragraphs[0].role, found.dates.published_from) == ("dateline", "dateline")
    assert found.dates.published_at == datetime(2018, 4, 30, 18, 27, tzinfo=UTC)
    posted = article(f"---\ntitle: Lampu\ndate: {printed}\n---\n{story}")
    assert posted.dates.published_at == found.dates.published_at


@pytest.mark.parametrize(
    ("printed", "day"), [("May 4, 2024", date(2024, 5, 4)), ("April 5, 2024", date(2024, 4, 5)), ("June 1, 2024", None)]
)
def test_what_is_printed_tells_the_order_of_day_and_month_in_an_address(printed: str, day: date | None) -> None:
    found = article(
        f"[Ferry](https://ferry.example/04/05/2024/ferry)\n---\n<p>{printed}</p><p>The ferry sails again.</p>"
    )
    assert (found.dates.url_date, found.dates.date_conflict) == (day, False)


@pytest.mark.parametrize(
    ("source", "doubted"),
    [
        (BARE.format("news.example", "2022-03-04 13:06"), True),
        (BARE.format("news.example", "2022-03-04 13:06 GMT+8"), False),
        (BARE.format("news.example", "2022-03-04T13:06:00+08:00"), False),
        (BARE.format("news.example", "2022-03-04T13:06:00"), True),
        (BARE.format("news.example", "2022-03-04"), False),
        (BARE.format("songling-times.example", "2022-03-04 13:06"), False),
        (HEADER + "<p>2022-03-04 13:06</p><p>渡轮今天试航。</p>", False),
        ("---\ntitle: a\ndate: 2022-03-04 13:06\n---\n\n渡轮今天试航。", True),
        ("---\ntitle: a\ndate: 2022-03-04 13:06 +0800\n---\n\n渡轮今天试航。", False),
        ("---\ntitle: a\ndate: 2022-03-04\n---\n\n渡轮今天试航。", False),
    ],
    ids=[
        "printed", "printed with a zone", "ISO with a zone", "ISO without", "a day", "an outlet that is known",
        "behind a header's time", "front matter", "front matter with a zone", "a day of front matter",
    ],
)  # fmt: skip
def test_a_time_of_day_whose_zone_nothing_tells_is_doubted(source: str, doubted: bool) -> None:
    assert ("no_zone" in article(source).doubts) is doubted


@pytest.mark.parametrize(
    ("source", "doubted"),
    [
        ("---\ntitle: a\nupdated_at: 2022-03-04\n---\nThe ferry sails again.\n", True),
        ("---\ntitle: a\nlast-modified: 2022-03-04\ndate: soon\n---\nThe ferry sails again.\n", False),
        ("---\ntitle: a\nModified: 2022-03-04\ncreated: 2022-03-01\n---\nThe ferry sails again.\n", False),
        ("---\ntitle: a\nmodified: 2022-03-04\nurl: https://ferry.example/2022/03/01/a\n---\nThe ferry.\n", False),
        ("---\ntitle: a\n---\nThe ferry sails again.\n", False),
    ],
    ids=["alone", "beside a date in words", "beside a date", "beside a date in the address", "no date"],
)
def test_a_header_that_says_only_when_it_was_modified_is_doubted(source: str, doubted: bool) -> None:
    assert ("only_modified" in article(source).doubts) is doubted


LINKS = "".join(f"<li><a href=/{n}>The ferry was late for the {n}th time</a></li>" for n in range(12))
STORY = "<p>The lamp at the end of the pier went out, and nobody in the harbour office knew when it would be lit.</p>"
PAGE = "<!doctype html><title>News</title>{}<h1>News</h1>{}"


@pytest.mark.parametrize(
    ("source", "doubted"),
    [
        (PAGE.format("", f"<ul>{LINKS}</ul>"), True),
        (PAGE.format('<meta property="og:type" content="article">', f"<ul>{LINKS}</ul>"), False),
        (PAGE.format("", f"{STORY * 4}<ul>{LINKS}</ul>"), False),
        (PAGE.format("", f"<ul>{LINKS[:200]}</ul>"), False),
        (PAGE.format('<link rel=canonical href="https://news.example/">', STORY * 4), True),
        (PAGE.format('<link rel=canonical href="https://news.example/?id=7">', STORY * 4), False),
        (f"{HEADER}<ul>{LINKS}</ul>", False),
    ],
    ids=["links", "says it is an article", "a story with links", "few links", "a front page", "a page by its number",
         "what a scraper took for an article"],
)  # fmt: skip
def test_a_page_that_is_an_index_is_doubted(source: str, doubted: bool) -> None:
    assert ("index_page" in article(source).doubts) is doubted


WALL = "<!doctype html><title>{}</title><h1>The Wick</h1>{}"


@pytest.mark.parametrize(
    ("source", "doubted"),
    [
        (WALL.format("Just a moment...", "<p>wick.example needs to review your connection.</p>"), True),
        (WALL.format("Page not found | The Wick", "<p>It may have been moved.</p>"), True),
        (WALL.format("404 – Seite nicht gefunden", ""), True),
        (WALL.format("500 boats wait for the lamp", STORY), False),
        (WALL.format("页面不存在", "<p>请返回首页。</p>"), True),
        (WALL.format("The Wick", "<noscript>You need to enable JavaScript to run this app.</noscript>"), True),
        (WALL.format("Just a moment", "".join(STORY.replace("went", f"{n} went") for n in range(20))), False),
        (WALL.format("Just a moment", "<meta property=article:published_time content=2022-03-01>" + STORY), False),
        (WALL.format("The lamp", "<meta property=article:published_time content=2022-03-01><p>Loading…</p>"), True),
        (HEADER + "<h1>404 Not Found</h1>", False),
    ],
    ids=["against robots", "no page", "an error's number", "a number", "Chinese", "a script's", "long", "dated",
         "loading", "behind a header"],
)  # fmt: skip
def test_a_page_in_place_of_a_story_is_doubted(source: str, doubted: bool) -> None:
    assert ("wall_page" in article(source).doubts) is doubted


def test_a_megabyte_of_letters_behind_the_sign_of_an_address_ends() -> None:
    head = b"<!--1646370367000-->\n[T](https://songling-times.example/a)\n------\n\n<p>"
    found = parse(head + b"@" + b"b1" * 500_000, "a.md", load_outlets(), Limits())
    assert isinstance(found, Article)
    assert [one.role for one in found.paragraphs] == ["body"]
