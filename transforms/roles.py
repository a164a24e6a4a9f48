"""What each block is: a small classifier over a block's elements, place, neighbours and wording.

Rules hold for a layout or for news in general; none names an outlet or an article. They are tried in
order, and the first that holds decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from turbohtml import Token

from schemas.contract import Role
from transforms.blocks import RENAMED, Block, block_name
from transforms.dates import parse_dateline

__all__ = ["classify"]

# Datelines stand above the story or right below it, never in its middle.
TOP_BLOCKS: Final = 6
SHORT: Final = 80
LINK_SHARE: Final = 0.8

NAMING_ATTRIBUTES: Final = frozenset({"class", "id", "property", "itemprop"})
TOKENS_BY_ROLE: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    ("boilerplate", re.compile(r"\b(?:advert\w*|mpu|slot|share|sharing|social|tags?|selfpromo|player|trust|cookie)\b")),
    ("related", re.compile(r"\b(?:related|recommend\w*|read-?more|see-also|more-on|also-read|teaser)\b")),
    ("caption", re.compile(r"\b(?:caption\w*|copyright|credit|image-source|legend)\b")),
    ("byline", re.compile(r"\b(?:byline|author|authors|writer)\b")),
    ("lede", re.compile(r"\b(?:lead|lede|standfirst|introduction|intro|summary|chapo|dek)\b")),
    ("quote", re.compile(r"\b(?:tweet|twitter|quote|pullquote|instagram|embed)\b")),
)
ELEMENT_ROLES: Final[dict[str, Role]] = {
    "figcaption": "caption",
    "small": "caption",
    "blockquote": "quote",
    "h1": "heading",
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "h5": "heading",
    "h6": "heading",
    "audio": "boilerplate",
    "video": "boilerplate",
    "object": "boilerplate",
    "noscript": "boilerplate",
    "iframe": "boilerplate",
    "nav": "related",
    "footer": "note",
    "li": "list_item",
}
WORDS: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    ("boilerplate", re.compile(r"Array|广告|廣告|Advertisement|ADVERTISEMENT|[\W_]{1,12}")),
    ("boilerplate", re.compile(r"(?:获取更多RSS|分享到|标签[:：]|關鍵字[:：]|关键词[:：]).*", re.DOTALL)),
    ("caption", re.compile(
        r"(?:图片版权|圖片版權|Image caption|Image copyright|图片来源|圖片來源|图[:：]|照片[:：]).*", re.DOTALL)),
    ("byline", re.compile(r"(?:作者|记者|記者|编辑|編輯|撰文|翻译|翻譯|译者|责编|責編|特约记者|采写)\s*[:：].{0,60}")),
    ("note", re.compile(
        r"(?:编者按|編者按|CDT编辑注|编辑注|编注|来源[:：]|来源[：:]|原标题|免责声明|版权声明|本文版权|译注|注[:：]|"
        r"（?\(?欢迎点击|以下(?:文章|内容|为).{0,20}(?:转|摘)).*", re.DOTALL)),
    ("related", re.compile(
        r"(?:相关(?:报道|文章|阅读|新闻)|相關(?:報道|報導|文章)|延伸阅读|推荐阅读|"
        r"更多(?:报道|文章|内容)|阅读更多).*", re.DOTALL)),
)  # fmt: skip
# One pattern for all words: most blocks start with none of them, which a single match then tells.
ANY_WORDS: Final = re.compile(
    "|".join(f"(?P<w{index}>(?:{words.pattern})\\Z)" for index, (_, words) in enumerate(WORDS)), re.DOTALL
)
DIGITS: Final = re.compile(r"[0-9]{2}")
SENTENCE_END: Final = re.compile(r"[。！？!?.…”\"’」』）)]$")


def classify(blocks: Sequence[Block], zone: ZoneInfo) -> tuple[list[Role], datetime | None]:
    """One role for each block, and the UTC time of the first dateline at the top, if there is one."""
    roles: list[Role] = []
    dateline_at: datetime | None = None
    story_started = False
    # Most blocks share their ancestors, so each start tag is judged once.
    judged: dict[int, Role | None] = {}
    for index, block in enumerate(blocks):
        text = block.text
        at_top = index < TOP_BLOCKS and not story_started and len(text) <= SHORT
        moment = _dateline(text, zone) if at_top and DIGITS.search(text) else None
        if moment is not None and dateline_at is None:
            dateline_at = moment
        if moment is not None:
            role: Role = "dateline" if parse_dateline(text, zone) else "byline"
        else:
            role = _by_words(text) or _by_elements(block, judged) or _by_form(block, index, story_started=story_started)
        if role == "body":
            story_started = True
        roles.append(role)
    return roles, dateline_at


def _dateline(text: str, zone: ZoneInfo) -> datetime | None:
    """The time in a block that is a dateline, or a byline with a dateline as one of its lines."""
    for line in text.split("\n"):
        moment = parse_dateline(line, zone)
        if moment is not None:
            return moment
    return None


def _by_words(text: str) -> Role | None:
    match = ANY_WORDS.match(text)
    if match is None:
        return None
    role: Role = WORDS[int(match.lastgroup[1:])][0] if match.lastgroup else "body"
    return role


def _by_elements(block: Block, judged: dict[int, Role | None]) -> Role | None:
    path = block.path
    role: Role | None = None
    # From the innermost element outwards, to the first that tells or whose ancestors were judged before.
    for depth in range(len(path) - 1, -1, -1):
        token = path[depth]
        number = id(token)
        if number in judged:
            role = judged[number]
            break
        role = _by_element(token)
        if role is not None:
            judged[number] = role
            break
    else:
        depth = 0
    for token in path[depth + 1 :]:
        judged[id(token)] = role
    return "related" if role == "list_item" and _link_share(block) >= LINK_SHARE else role


def _by_element(token: Token) -> Role | None:
    attributes = token.attrs
    tag = token.tag or ""
    tag = RENAMED.get(tag, tag)
    if not attributes:
        return ELEMENT_ROLES.get(tag)
    names = " ".join([value for key, value in attributes if key in NAMING_ATTRIBUTES])
    return (names and _by_names(names)) or ELEMENT_ROLES.get(tag) or ELEMENT_ROLES.get(block_name(tag) or "")


@lru_cache(maxsize=4096)
def _by_names(names: str) -> Role | None:
    names = names.lower()
    for role, words in TOKENS_BY_ROLE:
        if words.search(names):
            return role
    return None


def _by_form(block: Block, index: int, *, story_started: bool) -> Role:
    text = block.text
    if block.bold and not story_started and index < TOP_BLOCKS and len(text) > 20 and SENTENCE_END.search(text):
        return "lede"
    if block.bold and len(text) <= 30 and not SENTENCE_END.search(text):
        return "heading"
    if _link_share(block) >= LINK_SHARE and len(text) <= SHORT:
        return "related"
    return "body"


def _link_share(block: Block) -> float:
    links = block.links
    return sum([link.end - link.start for link in links]) / len(block.text) if links else 0.0
