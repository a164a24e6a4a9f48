"""What each block is, in the layouts of real outlets filled with fictional text."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from archives import ROOT

from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.blocks import cut
from pressmark.transforms.datelines import DatelineReader, PageDates
from pressmark.transforms.evidence import evidence_of
from pressmark.transforms.outlets import NO_RULES
from pressmark.transforms.records import Article, Limits
from pressmark.transforms.roles import classify

SHANGHAI = ZoneInfo("Asia/Shanghai")
STORY = "".join(f"<p>松岭市第{number}条渡轮航线今天在海湾里试航，乘客从清晨开始排队。</p>" for number in "一二三")


def classified(body: str, zone: ZoneInfo = SHANGHAI) -> tuple[list[str], datetime | None]:
    found = classify(cut(body).blocks, evidence_of(NO_RULES, load_outlets().general), PageDates(DatelineReader(zone)))
    return list(found.roles), found.dateline_at


@pytest.mark.parametrize(
    ("body", "roles", "dateline_at"),
    [
        pytest.param(
            "<div>09/01/2022 - 13:38</div>Array<p>"
            "<strong>松岭市图书馆宣布，从下月起每周五开放到夜里十一点，读者可以预约座位。 "
            f"</strong></p><div >{STORY}<div data-selfpromo-app></div></div>",
            ["dateline", "boilerplate", "lede", "body", "body", "body"],
            datetime(2022, 1, 9, 5, 38, tzinfo=UTC),
            id="dateline, Array, bold lede",
        ),
        pytest.param(
            "<div><i>Tue, 03 Nov 2020 07:27:20 GMT</i></div><img src='https://images.example/1.jpg'>"
            f"<div><small style='color: #999;'>松岭市区的街道（资料照）</small></div>{STORY}",
            ["dateline", "caption", "body", "body", "body"],
            datetime(2020, 11, 3, 7, 27, 20, tzinfo=UTC),
            id="dateline in UTC, caption in small",
        ),
        pytest.param(
            "<div><i><br>2021-03-20T10:02:14.628Z</i></div><div><small>（资料图片）南屏老城</small></div>"
            f"{STORY}<hr><h2>沿线的村庄</h2>{STORY}",
            ["dateline", "caption", "body", "body", "body", "heading", "body", "body", "body"],
            datetime(2021, 3, 20, 10, 2, 14, 628000, tzinfo=UTC),
            id="dateline after a br, heading",
        ),
        *(
            pytest.param(
                f"<div><time datetime=2020-07-17T16:57:45+09:00>{said}</time></div>{STORY}",
                ["dateline", "body", "body", "body"],
                datetime(2020, 7, 17, 7, 57, 45, tzinfo=UTC),
                id=f"a time element that says {said}",
            )
            for said in ("5小时前", "2 days ago", "昨天 16:57", "Jul 17")
        ),
        pytest.param(
            f"<div><i>林帆<br>2020-07-17 16:57:45</i></div><div><small></small></div>{STORY}"
            "<footer><p>翻译：乔一苇</p></footer>",
            ["byline", "body", "body", "body", "byline"],
            datetime(2020, 7, 17, 8, 57, 45, tzinfo=UTC),
            id="dateline inside the byline, translator below",
        ),
        pytest.param(
            "<div></div><div class='story-lead'>林帆：票价将在听证会之后公布。</div>"
            f"<div class='story-body'>{STORY}</div>",
            ["lede", "body", "body", "body"],
            None,
            id="lede by its class",
        ),
        pytest.param(
            "<div><i>2020年 8月 17日</i></div><div>"
            "<figcaption class='media-caption'><span class='off-screen'>Image caption"
            f"</span><span class='media-caption__text'>云港的清晨</span></figcaption>{STORY}"
            f"<h2 class='story-body__crosshead'>居民怎么说</h2>{STORY}</div>",
            ["dateline", "caption", "body", "body", "body", "heading", "body", "body", "body"],
            datetime(2020, 8, 16, 16, tzinfo=UTC),
            id="figcaption, cross-heading",
        ),
        pytest.param(
            f"{STORY}<ul><li><b><a class='external-link' href='/a'>雁回的旧书店为何关门？</a></b></li></ul>"
            f"<ul><li><a href='/b'>白渡港的冬天</a></li></ul><p><b>学生们的暑假</b><b> </b></p>{STORY}"
            "<p>特约记者：林帆   责编：乔一苇   网编：闻人澈</p>",
            ["body", "body", "body", "related", "related", "heading", "body", "body", "body", "byline"],
            None,
            id="related links in lists, bold heading, credits below",
        ),
        pytest.param(
            f"<p><strong>CDT编辑注：</strong>本文原载于一份虚构的校报。</p><blockquote>{STORY}</blockquote>"
            "<noscript><p>请启用脚本以查看图片</p></noscript>",
            ["note", "quote", "quote", "quote", "boilerplate"],
            None,
            id="editor's note, block quotation, noscript",
        ),
        pytest.param(
            f"日期：Sat, 27 Jun 2020 14:20:41 +0000<br><br>{STORY}",
            ["dateline", "body", "body", "body"],
            datetime(2020, 6, 27, 14, 20, 41, tzinfo=UTC),
            id="dateline with a label",
        ),
        pytest.param(
            f"<div>民國112年8月1日</div>{STORY}",
            ["dateline", "body", "body", "body"],
            datetime(2023, 7, 31, 16, tzinfo=UTC),
            id="dateline in Taiwan's calendar",
        ),
        pytest.param(
            "<p class='byline'>By Maud Ellery</p><p>The new ferry crossed the bay in twenty-six minutes .</p>"
            "<blockquote>“The boat is the door of this town,” said the captain.</blockquote>"
            "<aside class='related'><a href='/pier'>The pier that would not sink</a></aside>",
            ["byline", "body", "quote", "related"],
            None,
            id="English",
        ),
        pytest.param(
            "<div>发表时间：2022-01-09 13:38</div><div>更改时间：2022-01-10 08:00</div>" + STORY,
            ["dateline", "dateline", "body", "body", "body"],
            datetime(2022, 1, 9, 5, 38, tzinfo=UTC),
            id="two datelines, the first counts",
        ),
    ],
)
def test_a_layout_gives_these_roles_and_this_dateline(
    body: str, roles: list[str], dateline_at: datetime | None
) -> None:
    assert classified(body) == (roles, dateline_at)


@pytest.mark.parametrize(
    ("block", "role"),
    [
        ("<p>Array</p>", "boilerplate"),
        ("<p>广告</p>", "boilerplate"),
        ("<p>***</p>", "boilerplate"),
        ("<div class='share-tools'>转给朋友</div>", "boilerplate"),
        ("<div class='article-tags'>渡轮</div>", "boilerplate"),
        ("<video src='x'>您的浏览器不能播放</video>", "boilerplate"),
        ("<figure><img src='x'><figcaption>试航的渡轮</figcaption></figure>", "caption"),
        ("<p>图片来源：松岭时报</p>", "caption"),
        ("<p>作者：林帆</p>", "byline"),
        ("<div class='author'>林帆</div>", "byline"),
        ("<p>来源：松岭时报</p>", "note"),
        ("<p>编者按：本文为虚构。</p>", "note"),
        ("<p>版权声明：不得转载。</p>", "note"),
        ("<p>相关报道：渡轮的历史</p>", "related"),
        ("<div class='related'><p>渡轮的历史</p></div>", "related"),
        ("<p><a href='/x'>渡轮的历史</a></p>", "related"),
        ("<h3>岸边</h3>", "heading"),
        ("<p><b>岸边</b></p>", "heading"),
        ("<ul><li>渡轮载客三百二十人，靠岸充电十分钟。</li></ul>", "list_item"),
        ("<blockquote class='twitter-tweet'><p>渡轮来了！</p></blockquote>", "quote"),
        ("<blockquote>船就是这座城的门。</blockquote>", "quote"),
        ("<blockquote>版权归作者所有，转载请联系。</blockquote>", "note"),
        ("<p>微信号：songlingferry</p>", "note"),
        ("<p>渡轮今天在<a href='/x'>海湾</a>里试航，乘客从清晨开始排队。</p>", "body"),
        ("<p>问：票价会涨吗？</p>", "body"),
        ("<p>他说：<b>不会。</b></p>", "body"),
        ("<p>2022年1月7日，渡轮在海湾里试航。</p>", "body"),
        ("<p>Arrays of lights stood along the pier.</p>", "body"),
    ],
    ids=[
        "Array", "ad label", "only signs", "share", "tags", "player fallback", "figcaption", "source of a picture",
        "author", "author by its class", "source", "editor's words", "copyright", "see also", "related by its class",
        "nothing but a link", "heading element", "short bold line", "list item", "tweet", "block quotation",
        "rights in a block quotation", "account to follow", "body with a link",
        "question", "partly bold", "sentence with a date", "word that starts like Array",
    ],
)  # fmt: skip
def test_a_block_below_the_start_of_a_story_has_this_role(block: str, role: str) -> None:
    roles, dateline_at = classified(STORY + block + STORY)
    assert roles == ["body"] * 3 + [role] + ["body"] * 3
    assert dateline_at is None


@pytest.mark.parametrize(
    ("name", "outlet", "roles"),
    [
        ("2100101_*.txt", "rfi", ["dateline", "boilerplate", "lede", *["body"] * 6]),
        ("2300101_*.md", "voa", ["dateline", "caption", *["body"] * 7]),
        ("2700103_*.md", "ft", ["lede", "body", "body", "quote", "body", "body", *["table"] * 4, "byline"]),
        ("2500103_*.md", "bbc", ["dateline", "caption", "caption", *["body"] * 3, "heading", *["body"] * 3]),
        (
            "2600102_*.md",
            "nyt",
            ["byline", "body", "heading", "body", "body", "heading", "body", "heading", *["list_item"] * 3, "body"],
        ),
    ],
)
def test_roles_of_a_seed(name: str, outlet: str, roles: list[str]) -> None:
    (path,) = (ROOT / "seeds").rglob(name)
    article = parse(path.read_bytes(), name, load_outlets(), Limits())
    assert isinstance(article, Article)
    assert article.outlet == outlet
    assert [paragraph.role for paragraph in article.paragraphs] == roles


@pytest.mark.parametrize(
    ("block", "role"),
    [
        ("<p>原文来自松岭时报：渡口的冬天</p>", "note"), ("<blockquote><p>始发于松岭简报</p></blockquote>", "note"),
        ("<p>参考资料：</p>", "note"), ("<p>https://songling-times.example/2022/weir</p>", "note"),
        ("<p>来源：松岭时报</p>", "note"), ("<p>来源：松岭时报　责任编辑：林一帆</p>", "byline"),
        ("<p>（本文来源：松岭时报 编辑：林一帆 审核：乔二苇）</p>", "byline"),
        ("<p>来源：松岭时报 渡轮明天停航，市长这样说</p>", "note"),
        ("<img src=a.jpg><p>本文来源：松岭时报 责任编辑：林一帆_NB12</p>", "byline"),
        ("<p>Leggi anche</p>", "related"), ("<blockquote><p>渡轮明天停航，市长这样说。</p></blockquote>", "quote"),
    ],
)  # fmt: skip
def test_notes_of_publishers_and_labels_are_told_by_how_they_begin(block: str, role: str) -> None:
    assert classified(f"{STORY}{block}")[0][3:] == [role]


def test_an_item_that_holds_the_whole_story_is_no_item() -> None:
    assert classified(f"<ul><li>{STORY}{STORY}</li></ul>")[0] == ["body"] * 6
    assert classified(f"{STORY}<ul><li>苹果</li><li>梨</li></ul>")[0][3:] == ["list_item"] * 2


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("<h3 id='1-2-time-to-share-the-ads'>渡轮的一天</h3>", "heading"),
        ("<h3 id='H-Lamps'><a href='/2031/01/quay#H-Lamps'>渡轮的灯</a></h3>", "heading"),
        ("<h3><a name='lamps' href='#lamps'>渡轮的灯</a></h3>", "heading"),
        ("<h3><a href='#lamps-of-the-quay'>Lamps of the quay</a></h3>", "heading"),
        ("<h3><a href='/2031/01/quay#comments'>渡轮的灯</a></h3>", "related"),
        ("<h3 class='related'>渡轮的灯</h3>", "related"),
    ],
)
def test_what_leads_to_a_heading_itself_says_nothing_of_it(heading: str, role: str) -> None:
    assert classified(f"{STORY}{heading}<blockquote>船长说，明年再来。</blockquote>{STORY}")[0][3:5] == [role, "quote"]


def test_items_of_news_with_an_agency_behind_them_are_no_captions() -> None:
    items = "<ul><li>The quay opens for ferries in the morning. (AP)</li><li>A lamp is lit. (Quay Gazette)</li></ul>"
    assert classified(STORY + items)[0][3:] == ["list_item", "list_item"]
    blocks = cut(f"{STORY}{items}").blocks
    dates = PageDates(DatelineReader(SHANGHAI))
    found = classify(blocks, evidence_of(NO_RULES, load_outlets().general), dates, pictures={3})
    assert found.roles[3:] == ["caption", "list_item"]


@pytest.mark.parametrize(
    ("line", "is_byline"),
    [
        ("Editor specific settings", False), ("Ferry Editor 3.0", False), ("Ada Lock, Editor in Chief", True),
        ("Author Jane Roe", True), ("作者 hulk", True), ("编译 $ make", False),
        ("<code>ferryctl update_account --email crew@quay.example</code>", False),
        ("You can reach the crew at crew@quay.example", False), ("Jane Roe jane@quay.example", True),
        ("船期查询/航线变更", False), ("林帆/乔一苇", True), ("本刊记者/林一帆", True), ("校对者：林一帆", True),
        ("Von Ada Reed, dpa", True), ("Par Ada Reed à Paris", True), ("Por Ada Reed y Tom Hill, en Madrid", True),
        ("Von Ada Reed (dpa)", True), ("Von Berlin bis Paris fahren Züge.", False),
        ("Di Ada Reed resta poco.", False),
        ("Thanks to everyone who contributed to this release", False), ("Jane Roe contributed to this report", True),
    ],
)  # fmt: skip
def test_a_byline_names_somebody(line: str, is_byline: bool) -> None:
    assert (classified(f"{STORY}<p>{line}</p>")[0][3] == "byline") == is_byline


def test_a_summary_above_a_story_is_its_lede_and_one_below_is_its_end() -> None:
    summary = "<h2>Summary</h2><p>The quay has two lamps and a third one soon, and the ferries will go at night.</p>"
    assert classified(summary + STORY)[0][:2] == ["heading", "lede"]
    assert classified(f"{STORY}{STORY}{summary}")[0][6:] == ["heading", "body"]


def test_where_a_link_beside_a_date_leads_is_no_name() -> None:
    roles, at = classified(f"<p>2031-08-14 · <a href='https://a.example/x'>Original →</a></p>{STORY}")
    assert roles[0] == "dateline"
    assert at is not None
    assert classified(f"<p>2031-08-14 · <a href='/people/jane'>Jane Roe</a></p>{STORY}")[0][0] == "byline"


def test_a_sentence_with_a_date_names_nobody() -> None:
    assert classified(f"<p>2031/12/19(金)の回です。</p>{STORY}")[0][0] == "body"
    assert classified(f"<p>2031/12/19 林帆</p>{STORY}")[0][0] == "byline"


def test_a_story_begins_below_its_own_title() -> None:
    body = f"<p>Harbour Notes</p><h1>The lamp at the quay</h1><p>Nov 19, 2031</p>{STORY}{STORY}"
    data = f"---\ntitle: The lamp at the quay\n---\n{body}".encode()
    article = parse(data, "a.md", load_outlets(), Limits())
    assert isinstance(article, Article)
    assert [paragraph.role for paragraph in article.paragraphs[:4]] == ["body", "heading", "dateline", "body"]
    assert article.dates.dateline_at == datetime(2031, 11, 19, tzinfo=UTC)
    roles, at = classified(f"<p>Harbour Notes</p><p>Nov 19, 2031</p><h1>A lamp at the quay</h1>{STORY}")
    assert (roles[:4], at) == (["body", "dateline", "heading", "body"], datetime(2031, 11, 18, 16, tzinfo=UTC))
    begun = f"<p>The lamp at the quay is lit again.</p><p>Nov 19, 2031</p><h1>A lamp at the quay</h1>{STORY}"
    assert classified(begun)[0][:2] == ["body", "body"]
