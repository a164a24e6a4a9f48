"""How well changes between revisions are told: fictional pairs with known edits, and precision and recall of each kind.

    python -m benchmarks.changes --pairs 200 --seed 1

Each pair is two sources of one article, parsed as any other. Names in Chinese are of each sort that the text can show
(an office before, the mark of a foreign name, a surname, a place's ending), and every seventh is of none: `names` is
what a reader may miss, so its recall is below 1 by design.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from pressmark.storage.dataset import parse
from pressmark.transforms.changes import Place, Side, changes_between
from pressmark.transforms.records import Reject
from pressmark.transforms.wording import WHAT

__all__ = ["Edited", "Truth", "generate", "main", "score", "side_of"]

# Slots: {N} a number, {P} a person, {L} a place, {Q} words in a quotation, {W} a word.
CHINESE: Final = (
    "{P}在{L}的码头上等了{N}个小时，{W}才看到渡轮靠岸。", "图书馆的新馆设在{L}，占地{N}平方米，{W}向读者开放。",
    "{P}说：“{Q}。”在场的渔民{W}没有回答。", "记录显示，{L}去年的降雨量为{N}毫米，{W}低于往年。",
    "灯塔的看守人换成了{P}，他{W}沿着旧石阶往上走。", "按照规划，桥梁将连接{L}与对岸的茶园，造价约{N}万元。",
    "“{Q}，”{P}在信里这样写道，墨迹{W}褪色了。", "展览共收到{N}幅木刻作品，其中多数{W}描绘山谷里的集市。",
    "孩子们{W}把纸船放进水渠，看它们漂向{L}。", "气象站的仪表每{N}分钟记录一次风速，{P}负责抄写。",
    "老茶馆{W}重新开张，门口挂着“{Q}”的木牌。", "夜里停电，{P}点起油灯，{W}把剩下的信件分完。",
)  # fmt: skip
ENGLISH: Final = (
    "The ferry to {L} was late by {N} minutes, and nobody {W} complained about the fog.",
    "Yesterday {P} opened the new reading room, which {W} holds some {N} volumes on tides.",
    '"{Q}," said the keeper {P} before the lamp was {W} lit for the first time.',
    "Records of the weather station show {N} days of rain in the valley around {L}, {W} fewer than before.",
    "Carpenters {W} repaired the bridge that leads from the market to {L} after the flood.",
    "At noon {P} rang the bell {N} times while children {W} watched from the sea wall.",
    'The wooden sign reads "{Q}", although the paint has {W} faded in the salt wind.',
    "Some {N} kites rose over the harbour as the brass band {W} played an old waltz.",
    "Neighbours say that {P} {W} keeps bees behind the mill and sells honey on weekends.",
    'A letter found in {L} mentions "{Q}" twice, historians {W} believe.',
)
PEOPLE: Final = (
    "馆长林帆",
    "局长周远",
    "教授沈括之",
    "记者何平",
    "安娜·韦恩",
    "约翰·布雷",
    "王小舟",
    "李明远",
    "陈静",
    "赵一川",
    "船长吴迪",
    "市长许亮",
)
HIDDEN: Final = ("阿木", "老根", "小满", "石头爷爷")
PLACES: Final = ("松岭市", "云港镇", "白鹭县", "青石村", "长桥区", "杉溪乡")
LATIN: Final = ("Ann Lee", "Tom Brook", "Maria Vane", "Joost Kern", "Ida Holm", "Paul Reyes")
TOWNS: Final = ("Songling", "Yungang", "Egret Bay", "Cedar Hollow", "Longbridge", "Stonewick")
QUOTES: Final = (
    "水比去年清得多",
    "钟声会自己找到路",
    "今年的茶叶不苦",
    "风从来不看日历",
    "船总要回来的",
    "石头也会记事",
)
SAID: Final = (
    "the tide owes us nothing",
    "every lamp needs a hand",
    "we count the boats twice",
    "bread first and then maps",
)
WORDS: Final = ("慢慢地", "终于", "似乎", "果然", "刚刚", "渐渐")
ADVERBS: Final = ("quietly", "finally", "hardly", "slowly", "openly", "merely")
KINDS: Final = ("numbers", "names", "quotation", "wording", "markup", "added", "removed", "moved")
BOLD: Final = 4


class Truth(NamedTuple):
    """An edit that was made: its kind, what it changed, and both texts."""

    kind: str
    what: tuple[str, ...]
    old: str | None
    new: str | None


class Edited(NamedTuple):
    """Two sources of one article, and what was done to the first to make the second."""

    old: bytes
    new: bytes
    truth: list[Truth]


class _Paragraph:
    """A template with its slots filled; `bold` is a change of its markup."""

    def __init__(self, chance: random.Random, template: str, *, latin: bool) -> None:
        self.template, self.latin, self.bold = template, latin, False
        self.slots = {slot: _fill(chance, slot, None, latin=latin) for slot in "NPLQW" if f"{{{slot}}}" in template}

    def changed(self, chance: random.Random, slot: str) -> _Paragraph:
        copy = _Paragraph(chance, self.template, latin=self.latin)
        copy.slots = self.slots | {slot: _fill(chance, slot, self.slots[slot], latin=self.latin)}
        return copy

    @property
    def text(self) -> str:
        return self.template.format(**self.slots)

    @property
    def html(self) -> str:
        text = self.text
        return f"<p>{text[:BOLD]}<b>{text[BOLD:-BOLD]}</b>{text[-BOLD:]}</p>" if self.bold else f"<p>{text}</p>"


def _fill(chance: random.Random, slot: str, before: str | None, *, latin: bool) -> str:
    if slot == "N":
        return next(one for _ in range(99) if (one := str(chance.randint(2, 9000))) != before)
    people = HIDDEN if before in HIDDEN or (before is None and not chance.randrange(7)) else PEOPLE
    pools = {"P": LATIN if latin else people, "L": TOWNS if latin else PLACES, "Q": SAID if latin else QUOTES,
             "W": ADVERBS if latin else WORDS}  # fmt: skip
    return chance.choice([one for one in pools[slot] if one != before])


def generate(pairs: int, seed: int) -> Iterator[Edited]:
    """Pairs of sources with one to four edits each, at most one of a paragraph."""
    chance = random.Random(seed)
    for number in range(pairs):
        latin = bool(number % 2)
        pool = [*(ENGLISH if latin else CHINESE)]
        chance.shuffle(pool)
        spare = pool.pop()
        old = [_Paragraph(chance, one, latin=latin) for one in pool]
        yield _edited(chance, number, old, _Paragraph(chance, spare, latin=latin))


def _edited(chance: random.Random, number: int, old: list[_Paragraph], spare: _Paragraph) -> Edited:
    new, truth, free = list(old), [], list(old)
    chance.shuffle(free)
    for kind in chance.sample(KINDS, chance.randint(1, 4)):
        slot = {"numbers": "N", "names": chance.choice("PL"), "quotation": "Q", "wording": "W"}.get(kind)
        one = next((one for one in free if slot is None or slot in one.slots), spare)
        if kind == "added" or one is spare:
            if spare in new:
                continue
            new.insert(chance.randint(0, len(new)), spare)
            truth.append(Truth("added", (), None, spare.text))
            continue
        free.remove(one)
        at = new.index(one)
        if kind == "removed":
            del new[at]
            truth.append(Truth("removed", (), one.text, None))
        elif kind == "moved":
            del new[at]
            new.insert(at - 3 if at > len(new) // 2 else at + 3, one)
            truth.append(Truth("moved", (), one.text, one.text))
        else:
            after = one.changed(chance, slot or "W") if slot else one.changed(chance, next(iter(one.slots)))
            if slot is None:
                after.slots, after.bold = one.slots, True
            new[at] = after
            truth.append(Truth("changed", (kind,), one.text, after.text))
    return Edited(_source(number, old), _source(number, new), truth)


def _source(number: int, paragraphs: list[_Paragraph]) -> bytes:
    body = "\n".join(one.html for one in paragraphs)
    return f"<!--1646370367000-->\n[A story](https://songling-times.example/{number})\n------\n\n{body}\n".encode()


def side_of(data: bytes) -> Side:
    """A source as a side of a comparison."""
    article = parse(data, path="a.md")
    if isinstance(article, Reject):
        raise TypeError(article.detail)
    places = [Place(one.role, one.byte_start, one.byte_end) for one in article.paragraphs]
    return Side(article.header.title, article.text.decode(), places, data)


def score(pairs: Iterator[Edited]) -> dict[str, tuple[int, int, int]]:
    """For each kind, and each thing that changed: how many were made, told, and told rightly."""
    made: Counter[str] = Counter()
    told: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for pair in pairs:
        rows = list(changes_between(side_of(pair.old), side_of(pair.new)))
        truth = {(one.kind, one.old, one.new): one.what for one in pair.truth}
        found = {(row["kind"], row["old_text"], row["new_text"]): tuple(row["what"]) for row in rows}
        for side, counts in ((truth, made), (found, told)):
            counts.update(key[0] for key in side)
            counts.update(what for whats in side.values() for what in whats)
        for key in truth.keys() & found.keys():
            right[key[0]] += 1
            right.update(set(truth[key]) & set(found[key]))
    return {kind: (made[kind], told[kind], right[kind]) for kind in ("added", "removed", "changed", "moved", *WHAT)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{'':<10}  made  told  precision  recall")
    for kind, (made, told, right) in score(generate(given.pairs, given.seed)).items():
        print(f"{kind:<10}  {made:4}  {told:4}  {right / max(told, 1):9.3f}  {right / max(made, 1):6.3f}")


if __name__ == "__main__":
    main()
