"""The paragraphs that a revision of an article added, removed, changed or moved, and the revisions to compare; and what
left an archive, or is said to be removed. Pure.

Four things tell of a removal: a file is gone (`deleted`); a file is no article any more (`rejected`); the archive's own
header says that the page was removed (`said`); a page's text became a notice that it is not there (`notice`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

import polars as pl

from pressmark.transforms.comparison import compare, paragraphs_of
from pressmark.transforms.selection import FORGOTTEN
from pressmark.transforms.wording import WHAT, What, what_changed

__all__ = [
    "CHANGES", "KINDS", "ORDER", "REMOVALS", "REMOVAL_KINDS", "ChangeKind", "Place", "RemovalKind", "Side",
    "changes_between", "is_notice", "removals", "successions",
]  # fmt: skip

ChangeKind = Literal["added", "removed", "changed", "moved"]
KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)
TIME: Final = pl.Datetime("us", "UTC")
_SIDE: Final = {
    "source_path": pl.String(), "source_sha256": pl.String(), "valid_from": TIME, "ordinal": pl.Int32(),
    "role": pl.String(), "text": pl.String(), "byte_start": pl.Int64(), "byte_end": pl.Int64(),
}  # fmt: skip
CHANGES: Final = pl.Schema({
    "article_id": pl.String(), "outlet": pl.String(), "title": pl.String(), "url": pl.String(), "changed_at": TIME,
    "part": pl.Enum(["title", "paragraph"]), "kind": pl.Enum(KINDS), "what": pl.List(pl.Enum(WHAT)),
    "old_archive": pl.String(), **{f"old_{name}": type_ for name, type_ in _SIDE.items()},
    "new_archive": pl.String(), **{f"new_{name}": type_ for name, type_ in _SIDE.items()},
})  # fmt: skip
"""`changed_at` is the newer revision's `valid_from`; where the input has no commits, the start of the run that saw it;
null where both files exist. `part` tells a headline from a paragraph; a headline has no ordinal, role or bytes. `what`
is a part of `WHAT`, empty for what was added, removed or moved in the same bytes. Ordinals, roles and bytes are of that
side's source, and null where it can't be read any more."""

REVISION: Final = (
    "archive", "outlet", "period", "source_path", "source_sha256", "source_bytes", "title", "text_sha256", "valid_from",
)  # fmt: skip
# The latest day first, on it by outlet, then by time.
ORDER: Final = ("day", "outlet", "changed_at", "article_id", "old_source_path", "old_source_sha256", "old_valid_from")
DOWN: Final = (True, *[False] * 6)


class Place(NamedTuple):
    """Where a paragraph stands in its source, and what it is there."""

    role: str
    byte_start: int
    byte_end: int


class Side(NamedTuple):
    """A revision: its title, its text, where its paragraphs stand, and its source's bytes, as far as they are known."""

    title: str
    text: str
    places: Sequence[Place] | None = None
    data: bytes | None = None

    def place(self, ordinal: int | None) -> Place | None:
        """Where a paragraph stands."""
        return None if ordinal is None or self.places is None else self.places[ordinal]

    def markup(self, ordinal: int) -> bytes | None:
        """The bytes of a paragraph, with the tags inside it."""
        place = self.place(ordinal)
        return None if place is None or self.data is None else self.data[place.byte_start : place.byte_end]


def successions(articles: pl.LazyFrame, revisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row for each revision that another one superseded with other bytes: `article_id`, `url`, `changed_at`, the
    partition that the article is in now (`current_outlet`, `current_period`), and the columns of both sides behind
    `old_` and `new_`, with whether the newer one is `new_current`; in the order of `ORDER`. Both tables have their
    partition's `period`.
    """
    shared = pl.col("article_id"), *(pl.col(name) for name in REVISION)
    superseded = revisions.select(*shared, "valid_to", "superseded_by", "change", current=pl.lit(value=False))
    every = pl.concat([
        articles.select(*shared, valid_to=pl.lit(None, TIME), current=pl.lit(value=True)),
        superseded.drop("superseded_by", "change"),
    ])  # fmt: skip
    old = superseded.filter(pl.col("change").cast(pl.String).is_in(["text", "markup"])).drop("change", "current")
    old = old.rename({name: f"old_{name}" for name in (*REVISION, "valid_to")}).with_row_index("pair")
    new = every.rename({name: f"new_{name}" for name in (*REVISION, "valid_to", "current")})
    both = old.join(new, left_on=["article_id", "superseded_by"], right_on=["article_id", "new_source_sha256"],
                    coalesce=False)  # fmt: skip
    # The same bytes may have stood at several places and times.
    came_then = pl.col("new_valid_from").eq_missing(pl.col("old_valid_to")).fill_null(value=False)
    both = both.with_columns(came_then=came_then & pl.col("old_valid_to").is_not_null())
    both = both.sort("pair", "came_then", "new_current", "new_valid_from", "new_source_path", nulls_last=False)
    both = both.group_by("pair", maintain_order=True).last()
    addresses = articles.select("article_id", "url", current_outlet="outlet", current_period="period")
    moment = pl.coalesce("new_valid_from", "old_valid_to")
    return (
        both.join(addresses, on="article_id", how="left")
        .with_columns(changed_at=moment, day=moment.dt.date(), outlet="new_outlet")
        .sort(*ORDER, descending=list(DOWN), nulls_last=True)
        .drop("pair", "came_then", "superseded_by", "article_id_right", "new_valid_to", strict=False)
    )


def changes_between(old: Side, new: Side) -> Iterator[dict[str, Any]]:
    """What the newer revision did, as the columns of `CHANGES` that tell of it: the title first, then the paragraphs in
    the order of the newer one, removed ones where they stood.

    >>> rows = changes_between(Side("A", "x y"), Side("A", "x y\\n\\nz"))
    >>> [(row["kind"], row["new_text"]) for row in rows]
    [('added', 'z')]
    """
    if old.title != new.title:
        yield _row("title", "changed", what_changed(old.title, new.title), old.title, new.title)
    for kind, before, after, was, now in compare(
        *(paragraphs_of(side.text) if side.text else [] for side in (old, new))
    ):
        what: tuple[What, ...] = ()
        known: ChangeKind | None = None if kind == "same" else kind
        if kind == "changed":
            what = what_changed(was or "", now or "")
        elif before is not None and after is not None:
            markup = old.markup(before), new.markup(after)
            if None not in markup and markup[0] != markup[1]:
                what, known = ("markup",), known or "changed"
        if known is not None:
            yield _row("paragraph", known, what, was, now) | {
                "old_ordinal": before, "new_ordinal": after,
                **_placed("old", old.place(before)), **_placed("new", new.place(after)),
            }  # fmt: skip


def _row(part: str, kind: ChangeKind, what: tuple[What, ...], old: str | None, new: str | None) -> dict[str, Any]:
    return {"part": part, "kind": kind, "what": list(what), "old_text": old, "new_text": new}


def _placed(side: str, place: Place | None) -> dict[str, Any]:
    return {} if place is None else {f"{side}_{name}": value for name, value in place._asdict().items()}


RemovalKind = Literal["deleted", "rejected", "said", "notice"]
REMOVAL_KINDS: Final[tuple[RemovalKind, ...]] = get_args(RemovalKind)
REMOVALS: Final = pl.Schema({
    "article_id": pl.String(), "outlet": pl.String(), "kind": pl.Enum(REMOVAL_KINDS), "removed_at": TIME,
    "said": pl.String(), "back": pl.Boolean(), "title": pl.String(), "url": pl.String(), "published_at": TIME,
    "text": pl.String(), "archive": pl.String(), "source_path": pl.String(), "source_sha256": pl.String(),
    "source_bytes": pl.Int64(), "valid_from": TIME, "bytes_in": pl.Enum(["archive", "history"]),
})  # fmt: skip
"""`said` is what the archive or the platform says of it: the header's reason, the notice, the reject's reason. `back`
tells that the article stands in `articles` now, with a text of its own. Title, text and source are those of the last
revision that was an article; `bytes_in` says where its bytes are: in the archive as it is, in its history, or nowhere
(null), and then the text is all that is left."""

EVENT: Final = pl.Schema({
    "article_id": pl.String(), "source_sha256": pl.String(), "at": TIME, "notice": pl.String(), "stands": pl.Boolean(),
})  # fmt: skip
# A notice is short, and much shorter than what was there.
LONGEST: Final = 400
SHARE: Final = 0.5
THING: Final = (
    r"(?:pages?|articles?|stor(?:y|ies)|contents?|posts?|videos?|messages?|accounts?|files?|documents?|urls?|links?|sites?|"
    r"websites?)"
)
IS_GONE: Final = (
    r"(?:(?:has|have|had|was|were|is|are)\s+(?:been\s+)?(?:\w+\s+)?(?:removed|deleted|taken\s+down|withdrawn|blocked|"
    r"suspended|unpublished|retracted)|(?:is|are|was|were)\s+(?:no\s+longer|not|currently\s+not|temporarily\s+not)\s+"
    r"(?:available|accessible|found)|(?:is|are)\s+(?:currently\s+)?unavailable|no\s+longer\s+exists?|"
    r"(?:does|do|did)\s*(?:not|n[’']t)\s+exist|(?:could|can)\s*(?:not|n[’']t)\s+be\s+(?:found|displayed|reached))"
)
NAMED: Final = (
    "(?:内容|內容|文章|页面|頁面|网页|網頁|网址|網址|帖子|微博|链接|鏈接|連結|视频|視頻|影片|图文|消息|账号|帐号|"
    "帳號|公众号|新闻|新聞)"
)
NOTICE: Final = re.compile(
    rf"\b{THING}\b(?:\s+(?:that\s+|which\s+)?you\s+(?:\S+\s+){{1,6}}?|\s+){IS_GONE}"
    r"|\b(?:page|file|article|content|document)\s+not\s+found\b|^\W*(?:error\s*)?(?:40[134]|410|451|50[0-4])\b\W*"
    r"(?:error|not\s+found|forbidden|gone|unauthori[sz]ed|bad\s+gateway|service\s+unavailable|internal\s+server\s+error|"
    r"unavailable\s+for\s+legal\s+reasons|gateway\s+time-?out|$)|^\W*(?:access\s+denied|403\s+forbidden)\b"
    r"|unavailable\s+for\s+legal\s+reasons"
    rf"|{NAMED}[^。！!\n]{{0,12}}(?:不存在|已(?:经|經)?(?:被|由)?[^。！!\n]{{0,8}}(?:删除|刪除|移除|屏蔽|封禁|封停|下架|撤下)|"
    r"被(?:发布者|發布者|作者|管理员|管理員)?(?:删除|刪除|移除|屏蔽)|无法(?:查看|访问|显示|打开)|無法(?:查看|訪問|顯示|打開|瀏覽)|"
    r"找不到|走丢了|走丟了|已失效|已过期|已過期|涉嫌违反|涉嫌違反|违规|違規|审核未通过|不予显示)"
    rf"|(?:找不到|无法找到|無法找到|没有找到|沒有找到)[^。\n]{{0,10}}{NAMED}|根据相关法律法规[^。\n]{{0,20}}(?:不予|无法|未予)|"
    r"(?:页面|頁面|网页|網頁)(?:未找到|没有找到|沒有找到)",
    re.IGNORECASE,
)


def is_notice(title: str, text: str, before: str) -> bool:
    """Whether a short text, or its title, says that what was here `before` is not there any more.

    >>> is_notice("Songling", "The page you asked for does not exist.", "The library opened. " * 20)
    True
    >>> is_notice("Songling", "The statue has been removed from the square.", "It stands on the square. " * 20)
    False
    """
    short = len(text) <= LONGEST and len(text) <= SHARE * len(before)
    return short and (NOTICE.search(text) is not None or NOTICE.search(title) is not None)


def removals(
    articles: pl.LazyFrame, revisions: pl.LazyFrame, rejects: pl.LazyFrame, runs: pl.LazyFrame
) -> pl.DataFrame:
    """The ledger, in the columns of `REMOVALS`, the latest first. `articles` and `revisions` have their partition's
    `period`. Tables tell no address of what no article is any more: there `url` is null."""
    found, notices = _notices(articles, revisions)
    rows = [_ended(revisions, rejects), found, _said(articles, found, notices)]
    current = articles.select("article_id", "source_sha256", back=pl.lit(value=True)).collect()
    current = current.join(notices, on=["article_id", "source_sha256"], how="anti").select("article_id", "back")
    committed = runs.filter(pl.col("commit").is_not_null()).select("archive", commits=True).unique().collect()
    addresses = articles.select("article_id", "url").collect()
    return (
        pl.concat(rows)
        .join(current, on="article_id", how="left")
        .join(committed, on="archive", how="left")
        .join(addresses, on="article_id", how="left")
        .with_columns(
            back=pl.col("back").fill_null(value=False) & (pl.col("kind") != "said"),
            bytes_in=pl.when("stands").then(pl.lit("archive")).when("commits").then(pl.lit("history")),
        )
        .select(REMOVALS.names()).cast(REMOVALS)
        .sort("removed_at", "article_id", "kind", "source_path", "source_sha256",
              descending=[True, *[False] * 4], nulls_last=True)
    )  # fmt: skip


def _ended(revisions: pl.LazyFrame, rejects: pl.LazyFrame) -> pl.DataFrame:
    """Sources that ended with nothing in their place; what was on a branch only never was in the archive."""
    ended = pl.col("valid_to").is_not_null() & pl.col("valid_to").ne_missing(pl.col("valid_from"))
    bad = rejects.filter(pl.col("reason").cast(pl.String) != FORGOTTEN).group_by("archive", "source_path").agg(
        said=pl.format("{}: {}", pl.col("reason").cast(pl.String), pl.col("detail").str.split("\n").list.first())
        .sort_by("first_seen_at", "reject_id").last()
    )  # fmt: skip
    rows = revisions.filter(pl.col("superseded_by").is_null(), ended).join(
        bad, on=["archive", "source_path"], how="left"
    )
    return _columns(rows, removed_at="valid_to", said="said", kind=pl.when(pl.col("said").is_null())
                    .then(pl.lit("deleted")).otherwise(pl.lit("rejected")), stands=pl.lit(value=False))  # fmt: skip


def _notices(articles: pl.LazyFrame, revisions: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The revisions that a notice took the place of; and `article_id`, `source_sha256`, and the hash of what was there
    before, of all revisions that are notices."""
    pairs = successions(articles, revisions).select(
        "article_id", "changed_at", "old_source_sha256", "old_valid_to", "new_source_sha256", "new_title",
        "new_text_sha256",
    ).sort("changed_at", maintain_order=True).collect()  # fmt: skip
    key = ["article_id", "text_sha256"]
    texts = pl.concat([
        rows.filter(pl.col("text").is_not_null()).select(*key, "text", "source_sha256")
        for rows in (articles, revisions)
    ]).filter(pl.col("article_id").is_in(pairs["article_id"].implode()))  # fmt: skip
    short = pl.col("text").str.len_chars() <= LONGEST
    said = {(one, digest): text for one, digest, text, _ in texts.filter(short).collect().iter_rows()}
    likely = {article_id for article_id, _ in said}
    held = texts.filter(pl.col("article_id").is_in(list(likely))).collect()
    before = {(one, source): text for one, _, text, source in held.iter_rows()}
    last: dict[tuple[str, str], str] = {}
    events = []
    for article_id, at, old, ended, new, title, digest in pairs.iter_rows():
        there = last.get((article_id, old), old)
        text = said.get((article_id, digest))
        if text is None or not is_notice(title, text, before.get((article_id, there), "")):
            continue
        last[article_id, new] = there
        if there == old:
            events.append((article_id, old, at, text, ended is None))
    told = pl.DataFrame(events, schema=EVENT, orient="row").unique(["article_id", "source_sha256"], maintain_order=True)
    rows = revisions.filter(pl.col("superseded_by").is_not_null(), pl.col("text").is_not_null())
    rows = rows.join(told.lazy(), on=["article_id", "source_sha256"])
    known = [(article_id, new, there) for (article_id, new), there in last.items()]
    columns = {"article_id": pl.String, "source_sha256": pl.String, "there": pl.String}
    return (
        _columns(rows, removed_at="at", said="notice", kind=pl.lit("notice"), stands=pl.col("stands")),
        pl.DataFrame(known, schema=columns, orient="row"),
    )


def _said(articles: pl.LazyFrame, found: pl.DataFrame, notices: pl.DataFrame) -> pl.DataFrame:
    """Articles whose header says that the page was removed; where a notice is all that they have, with what was there
    before it."""
    rows = articles.filter(pl.col("removed_at").is_not_null() | pl.col("removed_reason").is_not_null())
    every = _columns(
        rows, removed_at="removed_at", said="removed_reason", kind=pl.lit("said"), stands=pl.lit(value=True)
    )
    before = every.join(notices, on=["article_id", "source_sha256"], how="left")
    held = found.select(pl.exclude("removed_at", "said", "kind"))
    earlier = before.select("article_id", "removed_at", "said", "kind", source_sha256="there").join(
        held, on=["article_id", "source_sha256"]
    )
    return pl.concat([every.join(earlier, on="article_id", how="anti"), earlier.select(every.columns)])


def _columns(rows: pl.LazyFrame, *, removed_at: str, said: str, kind: pl.Expr, stands: pl.Expr) -> pl.DataFrame:
    """Rows with the columns that all kinds have."""
    return rows.select(
        "article_id", pl.col("outlet").cast(pl.String), kind=kind, removed_at=pl.col(removed_at),
        said=pl.col(said), title="title", published_at="published_at", text="text", archive="archive",
        source_path="source_path", source_sha256="source_sha256", source_bytes="source_bytes", valid_from="valid_from",
        stands=stands,
    ).collect()  # fmt: skip
