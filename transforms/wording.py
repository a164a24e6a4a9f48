"""What differs between two wordings of a paragraph: numbers, names, quotation, or other words. Pure.

Each is said where the text itself shows it, without a model of any language. A number is one in digits, also where only
one wording has it; a numeral, a day of the week or a month, where another took its place. A name in a script with
capitals is a word with one that does not begin a sentence. In Chinese it is what took the place of another between the
marks of a foreign name or a title, beside an office or the ending of a place, as a known place, or as up to three
characters that begin with a surname: a name that nothing of this shows is told as other wording.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import prod
from operator import attrgetter
from typing import Final, Literal, NamedTuple, get_args

from pressmark.transforms.comparison import Edit, edits

__all__ = ["WHAT", "What", "what_changed"]

What = Literal["numbers", "names", "quotation", "wording", "markup"]
WHAT: Final[tuple[What, ...]] = get_args(What)

CJK: Final = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
HAN: Final = r"\u3007\u3400-\u4dbf\u4e00-\u9fff"
NUMERALS: Final = "〇零一二三四五六七八九十百千万萬亿億两兩"
TOKEN: Final = re.compile(
    rf"(?P<address>https?://\S+|www\.\S+)|(?P<number>\d+(?:[.,:]\d+)*[百千万萬亿億]*[%％]?)|(?P<numeral>[{NUMERALS}]+)"
    rf"|(?P<word>[^\W\d_{CJK}]+(?:['-][^\W\d_{CJK}]+)*)|(?P<cjk>[{CJK}])|(?P<mark>\S)"
)
# Marks inside of words that are written either way; one character each.
ALIKE: Final = str.maketrans("’‐‑", "'--")
QUOTED: Final = re.compile(
    '“[^”]*(?:”|$)|「[^」]*(?:」|$)|『[^』]*(?:』|$)|«[^»]*(?:»|$)|„[^“”]*(?:[“”]|$)|"[^"]*(?:"|$)|＂[^＂]*(?:＂|$)'
)
DIGITS: Final = {one: value for value, of in enumerate(("〇零", "一", "二两兩", *"三四五六七八九")) for one in of}
UNITS: Final = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
COUNTED: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
VALUES: Final = {word: str(value) for value, word in enumerate(COUNTED)} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "dozen": "12", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
}  # fmt: skip
# Names of days and months, by what each begins with.
DAYS: Final = re.compile(
    r"(mon|tues|wednes|thurs|fri|satur|sun)day|(jan|febr)uary|(march|april|may|june|july|august)|(sept|nov|dec)ember|(octo)ber"
)
# What stands at the end of a sentence, or before its first word.
SENTENCE: Final = frozenset('.!?。！？:：;；“„«"「『(（•·—–-')
GERMAN: Final = re.compile(r"\b(?:der|die|das|und|ist|nicht|ein|eine|mit|von|für|im|den|dem)\b")
# Where so many of the words have a capital, it says nothing of one of them.
CAPITALS, FEW_WORDS = 0.7, 4
SURNAMES: Final = frozenset(
    "王李张張刘劉陈陳杨楊赵趙黄黃吴吳徐孙孫胡朱郭何罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖萧蕭蔡潘田董袁蒋蔣余杜叶葉魏苏蘇吕呂丁"
    "沈崔卢盧姚姜钟鐘谭譚陆陸汪范石廖贾賈韦韋邹鄒熊孟秦阎閻薛侯龙龍段郝孔邵史毛贺賀顾顧赖賴龚龔汤湯尹黎武乔喬严嚴林马馬周"
)
OFFICE: Final = (
    "主席|总统|總統|总理|總理|首相|部长|部長|省长|省長|市长|市長|县长|縣長|区长|區長|局长|局長|院长|院長|校长|"
    "校長|馆长|館長|会长|會長|董事长|董事長|书记|書記|委员|委員|议员|議員|大使|教授|博士|医生|醫生|律师|律師|"
    "记者|記者|作者|编辑|編輯|导演|導演|演员|演員|经理|經理|主任|发言人|發言人|司令|将军|將軍|法官|教练|教練|"
    "队长|隊長|船长|船長|农民|農民|居民|学生|學生|老师|老師"
)
OFFICES: Final = re.compile(rf"(?:{OFFICE}|[:：])\s*$")
OFFICE_FIRST: Final = re.compile(rf"^(?:{OFFICE})(?=.)")
TITLES: Final = ("先生", "女士", "小姐", "教授", "博士")
LANDS: Final = "国國"
ENDINGS: Final = "省市县縣区區镇鎮乡鄉村州岛島湾灣河江湖山路街寺"
PLACES: Final = frozenset(
    (
        "北京 上海 天津 重庆 重慶 河北 山西 辽宁 遼寧 吉林 黑龙江 黑龍江 江苏 江蘇 浙江 安徽 福建 江西 山东 山東 "
        "河南 湖北 湖南 广东 廣東 海南 四川 贵州 貴州 云南 雲南 陕西 陝西 甘肃 甘肅 青海 台湾 台灣 臺灣 内蒙古 广西 "
        "廣西 西藏 宁夏 寧夏 新疆 香港 澳门 澳門 广州 廣州 深圳 武汉 武漢 南京 杭州 成都 西安 台北 臺北 高雄 美国 "
        "美國 英国 英國 法国 法國 德国 德國 俄罗斯 俄羅斯 乌克兰 烏克蘭 日本 韩国 韓國 朝鲜 朝鮮 印度 越南 泰国 泰國 "
        "缅甸 緬甸 伊朗 以色列 加拿大 巴西 澳大利亚 澳洲 欧洲 歐洲 亚洲 亞洲 非洲 美洲 东京 東京 首尔 首爾 巴黎 伦敦 "
        "倫敦 柏林 纽约 紐約 华盛顿 華盛頓 莫斯科 基辅 基輔 日内瓦"
    ).split()
)
# The stretch of an edit in the older and in the newer text.
OLD, NEW = attrgetter("old"), attrgetter("new")
ONLY_HAN: Final = re.compile(rf"[{HAN}·‧]{{1,10}}")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class _Wording(NamedTuple):
    """A text, its tokens, and for each whether it stands in quotation marks, and the name that it is part of."""

    text: str
    tokens: list[_Token]
    quotes: list[tuple[str, ...]]
    quoted: list[bool]
    names: list[str | None]


def what_changed(old: str, new: str) -> tuple[What, ...]:
    """What differs, in the order of the closed set; nothing where the texts are equal. `markup` is never among it.

    Marks and white space are `wording` where nothing else differs.

    >>> what_changed("Some 300 came to Songling.", "Some 400 came to Yungang, by train.")
    ('numbers', 'names', 'wording')
    """
    if old == new:
        return ()
    was, now = _read(old), _read(new)
    pieces = edits([token.text for token in was.tokens], [token.text for token in now.tokens])
    pieces = [piece for piece in pieces if not piece.equal]
    han = [piece for piece in _joined(pieces, was) if _is_han_name(was, now, piece)]
    plain = [
        piece
        for piece in pieces
        if not any(one.old.start <= piece.old.start and piece.old.stop <= one.old.stop for one in han)
    ]
    found: dict[What, bool] = {
        "numbers": _numbers_differ(was, now, plain),
        "quotation": Counter(was.quotes) != Counter(now.quotes),
    }
    gone, come = (
        {name for piece in pieces for name in side.names[part(piece)] if name is not None}
        for side, part in ((was, OLD), (now, NEW))
    )
    here, there = ({token.text.casefold() for token in side.tokens} for side in (was, now))
    latin = {name for name in gone if name.casefold() not in there} | {
        name for name in come if name.casefold() not in here
    }
    found["names"] = bool(latin or han)
    found["wording"] = any(
        _is_other(side, part(piece), quotation=found["quotation"])
        for piece in plain
        for side, part in ((was, OLD), (now, NEW))
    )
    if not any(found.values()):
        found["wording"] = True
    return tuple(what for what in WHAT if found.get(what))


def _read(text: str) -> _Wording:
    text = text.translate(ALIKE)
    tokens = [
        _Token(str(match.lastgroup) if match.group()[0].isalnum() else "mark", match.group(), match.start())
        for match in TOKEN.finditer(text)
    ]
    spans = [match.span() for match in QUOTED.finditer(text)]
    quotes, quoted = [], [False] * len(tokens)
    at = 0
    for start, end in spans:
        words = []
        while at < len(tokens) and tokens[at].start < end:
            if tokens[at].start >= start:
                quoted[at] = True
                words += [] if tokens[at].kind == "mark" else [tokens[at].text]
            at += 1
        quotes += [tuple(words)] if words else []
    return _Wording(text, tokens, quotes, quoted, _latin_names(text, tokens))


def _latin_names(text: str, tokens: Sequence[_Token]) -> list[str | None]:
    """For each token the name that it is, by its capital; nothing where capitals say nothing."""
    capital = [token.kind == "word" and token.text[0].isupper() for token in tokens]
    words = sum(token.kind == "word" for token in tokens)
    if len(GERMAN.findall(text)) > 1 or (words >= FEW_WORDS and sum(capital) > CAPITALS * words):
        return [None] * len(tokens)
    names: list[str | None] = []
    for at, token in enumerate(tokens):
        starts = at == 0 or tokens[at - 1].text in SENTENCE
        beside = at + 1 < len(tokens) and capital[at + 1]
        plain = token.text.removesuffix("'s").removesuffix("’s")
        is_name = capital[at] and (not starts or beside) and plain != "I" and _counted(plain) is None
        names.append(plain if is_name else None)
    return names


def _numbers_differ(was: _Wording, now: _Wording, pieces: Iterable[Edit]) -> bool:
    surely: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    come: Counter[str] = Counter()
    replaced = False
    for piece in pieces:
        old, new = ([value for token in side.tokens[part(piece)] if (value := _value(token)) is not None]
                    for side, part in ((was, OLD), (now, NEW)))  # fmt: skip
        gone.update(value for value, _ in old)
        come.update(value for value, _ in new)
        surely.update(value for value, sure in (*old, *new) if sure)
        replaced |= bool(old and new and [value for value, _ in old] != [value for value, _ in new])
    return (replaced and gone != come) or any(gone[value] != come[value] for value in surely)


def _value(token: _Token) -> tuple[str, bool] | None:
    """A number's value, and whether it surely is one; None where the token is none."""
    if token.kind == "number":
        plain = unicodedata.normalize("NFKC", token.text)
        plain = re.sub(r",(?=\d{3}(?!\d))", "", plain)
        digits = re.match(r"[\d.]+", plain)
        units = [UNITS[one] for one in plain if one in UNITS]
        if units and digits is not None and digits.group().count(".") < 2:
            size = Decimal(digits.group().strip(".")) * prod(units)
            return f"{size.normalize():f}" + ("%" if plain.endswith("%") else ""), True
        return plain, True
    if token.kind == "numeral":
        return _numeral(token.text), False
    value = _counted(token.text) if token.kind == "word" else None
    return None if value is None else (value, False)


def _counted(word: str) -> str | None:
    """The value of a word that counts, or the name of a day or a month."""
    plain = word.lower()
    if word[0].isupper() and (day := DAYS.fullmatch(plain)) is not None:
        return next(one for one in day.groups() if one is not None)
    tens, _, ones = plain.partition("-")
    if ones and tens in VALUES and ones in COUNTED:
        return str(int(VALUES[tens]) + int(VALUES[ones])) if VALUES[tens].isdecimal() else None
    return VALUES.get(plain)


def _numeral(text: str) -> str:
    """The value of a Chinese numeral, said with units or digit by digit."""
    if not any(one in UNITS for one in text):
        return "".join(str(DIGITS[one]) for one in text)
    total = section = digit = 0
    for one in text:
        if one in DIGITS:
            digit = DIGITS[one]
        elif UNITS[one] < 10**4:
            section += (digit or 1) * UNITS[one]
            digit = 0
        else:
            total = (total + section + digit or 1) * UNITS[one]
            section = digit = 0
    return str(total + section + digit)


def _joined(pieces: Sequence[Edit], was: _Wording) -> list[Edit]:
    """Edits, those with one character of Chinese between them as one: a name may share one with the next."""
    found: list[Edit] = []
    for piece in pieces:
        end = found[-1].old.stop if found else piece.old.start
        if piece.old.start - end == 1 and was.tokens[end].kind == "cjk":
            _, old, new = found.pop()
            piece = Edit(equal=False, old=slice(old.start, piece.old.stop), new=slice(new.start, piece.new.stop))
        found.append(piece)
    return found


def _is_han_name(was: _Wording, now: _Wording, piece: Edit) -> bool:
    """Whether one Chinese name took the place of another, or a known place came or went."""
    gone, come = _text_of(was, piece.old), _text_of(now, piece.new)
    if not (ONLY_HAN.fullmatch(gone) and ONLY_HAN.fullmatch(come)):
        return not (gone and come) and gone + come in PLACES
    start = was.tokens[piece.old.start].start
    before, after = was.text[:start], was.text[start + len(gone) :]
    short = max(len(gone), len(come)) <= 4
    both = (gone, come)
    if any(one in "·‧" for one in (gone + come + before[-1:] + after[:1])):
        return True
    if before.rfind("《") > before.rfind("》") and "》" in after:
        return True
    ends = [(left, right) for left in {"", before[-1:]} for right in {"", after[:1]}]
    if any(left + gone + right in PLACES and left + come + right in PLACES for left, right in ends):
        return True
    if after and after[0] in LANDS + ENDINGS and short:
        return after[0] in LANDS or min(len(gone), len(come)) > 1
    if all(len(one) > 2 and one[-1] in ENDINGS for one in both):
        return True
    if all(len(one) < 4 and one[0] in SURNAMES for one in both):
        return True
    plain = [OFFICE_FIRST.sub("", one) for one in both]
    if plain != list(both) and all(1 < len(one) <= 4 for one in plain):
        return True
    whole = min(len(gone), len(come)) > 1 and short
    if whole and (OFFICES.search(before[-8:]) or after.startswith(TITLES)):
        return True
    return short and before[-1:] in SURNAMES and OFFICES.search(before[-9:-1]) is not None


def _is_other(side: _Wording, part: slice, *, quotation: bool) -> bool:
    """Whether a stretch has a word that is neither number nor name, nor told of as quotation."""
    return any(
        token.kind != "mark" and _value(token) is None and name is None and not (quotation and quoted)
        for token, name, quoted in zip(side.tokens[part], side.names[part], side.quoted[part], strict=True)
    )


def _text_of(side: _Wording, part: slice) -> str:
    tokens = side.tokens[part]
    return side.text[tokens[0].start : tokens[-1].start + len(tokens[-1].text)] if tokens else ""
