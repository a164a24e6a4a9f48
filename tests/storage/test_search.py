"""A search finds exactly what a look at every text finds: with an index, with a part of one, and with none."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from repositories import Repository, article

import pressmark
from pressmark.schemas import TABLES
from pressmark.storage import search, search_index
from pressmark.storage.output.tables import Output
from pressmark.storage.search_index import Index, build_index, index_folder, load_folding
from pressmark.transforms.query import Phrase

pytestmark = pytest.mark.slow

TEXTS = (
    "中国试射高超音速导弹，美国表示关注。", "臺灣高超音速飛彈研究中心隨著時代進步", "高超 音速不是一個詞", "速", "高",
    "Hypersonic glide vehicles: the U.S. Navy’s plan", "ＨＹＰＥＲ　ｓｏｎｉｃ", "haute vitesse\u00a0: l’été à Orléans",
    "Гиперзвуковая ракета «Циркон»", "극초음속 미사일", "極超音速ミサイル、ﾐｻｲﾙ", "صاروخ فرط صوتي",
    "C++ (programming) \"quoted\" a*b .* [x]", "🚀🚀 rocket 𠮷野家", "ab", "aab", "ba\nab", "ΣΊΣΥΦΟΣ",
    "x" * 500 + "高超",
)  # fmt: skip
# A query, and what it asks as Python says it; `has` looks for a phrase as it stands.
QUERIES = {
    "高超音速 美国": "has('高超音速') and has('美国')",
    "高超音速 -美國": "has('高超音速') and not has('美国')",
    "高 OR 速 AND 音": "has('高') or has('速') and has('音')",
    "(高 OR hyper) NOT 速": "(has('高') or has('hyper')) and not has('速')",
    '"glide vehicle" navy': "has('glide vehicle') and has('navy')",
    "-高超": "not has('高超')",
    "*": "True",
    "* -高": "not has('高')",
    "HYPERSONIC OR ロケット OR ミサイル": "has('hypersonic') or has('ミサイル')",
    "隨着 AND (飞弹 OR 導彈)": "has('随着') and (has('飞弹') or has('导弹'))",
    "NOT (高 OR a)": "not (has('高') or has('a'))",
    "-(-高)": "has('高')",
    "NOT NOT 高": "has('高')",
    "“高超　音速” OR 研究　中心": "has('高超 音速') or has('研究') and has('中心')",
    "a-b OR c++": "has('a-b') or has('c++')",
    "高超 OR (a b) OR -c": "has('高超') or has('a') and has('b') or not has('c')",
    '"ba ab"': "has('ba ab')",
}
PHRASES = (
    "高超音速", "hyper", "臺灣", "随着", "ab", "a", "🚀", "𠮷", "σίσυφος", "ракета", "صوت", "음속", "(programming)",
    ".*", "[x]", "é", "zz", "xxx", "x", "l’été", "著", "ＡＢ", "vitesse :", "x" * 400, "x" * 501, "高超" * 5000, "音\0",
)  # fmt: skip


def body(*texts: str) -> str:
    escaped = (text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>") for text in texts)
    return "".join(f"<p>{text}</p>" for text in escaped)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outlets over three months, one article that was revised twice, and one that was deleted."""
    folder = tmp_path_factory.mktemp("search")
    repository = Repository(folder / "news.git")
    files: dict[str | bytes, Any] = {
        f"{number}.md": article(f"{number}", body=body(*TEXTS[number::5]), at=f"2022-0{1 + number % 3}-0{1 + number}")
        for number in range(5)
    }
    first: dict[str | bytes, Any] = {
        "revised.md": article("revised", body=body("高超音速的旧闻", "一样的段落")),
        "gone.md": article("gone", body=body("删掉的高超音速")),
    }
    repository.commit({**files, **first})
    repository.commit({**files, "revised.md": article("revised", body=body("美国的高超音速", "一样的段落"))})
    repository.commit({**files, "revised.md": article("revised", body=body("新闻", "一样的段落"))})
    pressmark.ingest(f"git+file:{repository.path}", folder / "out", history=True, workers=1)
    return folder / "out"


Found = set[tuple[str, ...]]


def looked_up(dataset: pressmark.Dataset, meanings: Iterable[str]) -> list[Found]:
    """What is true of the texts, each of them folded and looked at: ids of current blocks, else article and text."""
    fold = load_folding().fold
    current = dataset.paragraphs.select("article_id", "text", "paragraph_id").collect().rows()
    old = dataset.revisions.filter(pl.col("text").is_not_null()).select("article_id", "text").collect().rows()
    known = {(article_id, text) for article_id, text, _ in current}
    rows: list[tuple[tuple[str, ...], str]] = [((name,), fold(text)) for _, text, name in current]
    rows += [((name, text), fold(text)) for name, whole in old for text in whole.split("\n\n")
             if (name, text) not in known]  # fmt: skip
    found: list[Found] = []
    for meaning in meanings:
        asked = re.sub(r"has\((.*?)\)(?= |\)|$)", lambda match: f"({fold(eval(match[1]))!r} in text)", meaning)
        code = compile(asked, "query", "eval")
        found.append({key for key, text in rows if eval(code, {"text": text})})
    return found


def searched(dataset: pressmark.Dataset, query: str) -> Found:
    rows = dataset.search(query, limit=None).select("paragraph_id", "article_id", "text").rows()
    found = [(name,) if name is not None else (article_id, text) for name, article_id, text in rows]
    assert len(found) == len(set(found))
    return set(found)


def may_have(output: Path, phrase: str) -> int:
    """How many files the index does not rule out."""
    out = Output(output)
    entries = [part.entry for name in ("paragraphs", "revisions") for part in out.parts(TABLES[name])]
    return len(Index(index_folder(out)).candidates(entries, Phrase(phrase)))


@pytest.fixture(params=["none", "whole", "small segments", "old", "damaged"])
def indexed(request: pytest.FixtureRequest, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output, with an index in all of its states."""
    copy = tmp_path / "out"
    shutil.copytree(output, copy)
    if request.param == "small segments":
        for name, value in (("SEGMENT_KEYS", 60), ("ROW_GROUP_KEYS", 16)):
            monkeypatch.setattr(search_index, name, value)
    if request.param != "none":
        build_index(Output(copy), lambda *_: None)
        assert may_have(copy, "鑫鑫") == 0 < may_have(copy, "飛彈".translate(load_folding().table)) <= 2
    if request.param == "old":
        # One month's file is another one since, with the same rows but for one.
        path = next(copy.glob("paragraphs/*/month=2022-02/part-0.parquet"))
        pl.read_parquet(path, hive_partitioning=False).with_columns(
            text=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("鑫鑫 高超音速 abc")).otherwise("text")
        ).write_parquet(path)
        assert may_have(copy, "鑫鑫") == 1
    elif request.param == "damaged":
        for path in index_folder(Output(copy)).iterdir():
            path.write_bytes(path.read_bytes()[:-9])
    return copy


def test_a_search_finds_what_a_look_at_every_text_finds(indexed: Path) -> None:
    draw = random.Random(5)
    parts = [
        text[at : at + draw.randint(1, 12)] for text in TEXTS for at in (0, draw.randrange(len(text)), len(text) - 1)
    ]
    asked = {
        f'"{part}"': f"has({part.replace(chr(10), ' ')!r})"
        for part in (*PHRASES, *parts)
        if part.strip() and '"' not in part
    }
    asked |= QUERIES
    with pressmark.open(indexed) as dataset:
        for query, expected in zip(asked, looked_up(dataset, asked.values()), strict=True):
            assert searched(dataset, query) == expected, query


def test_the_first_blocks_are_those_of_the_whole_list_and_filters_hold(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FIRST_BYTES", 1)
    with pressmark.open(output) as dataset:
        every = dataset.search("高 OR 速 OR a OR 段", limit=None)
        for count in range(1, every.height + 2):
            assert dataset.search("高 OR 速 OR a OR 段", limit=count).equals(every.head(count)), count
        assert every["published_at"].to_list() == sorted(every["published_at"], reverse=True)
        oldest = dataset.search("高 OR 速 OR a OR 段", oldest_first=True, limit=None)
        assert oldest["published_at"].to_list() == sorted(every["published_at"])
        for count in range(1, every.height + 2):
            found = dataset.search("高 OR 速 OR a OR 段", oldest_first=True, limit=count)
            assert found.equals(oldest.head(count)), count
        for ids in (every["article_id"].unique().sort().head(2), every["article_id"].head(0)):
            some = dataset.search("高 OR 速 OR a OR 段", articles=ids, limit=None)
            assert some.equals(every.filter(pl.col("article_id").is_in(ids.implode())))
        assert every.filter(~pl.col("current"))["text"].sort().to_list() == [
            "删掉的高超音速",
            "美国的高超音速",
            "高超音速的旧闻",
        ]
        assert every.filter(pl.col("text") == "一样的段落").select("current", "role", "ordinal").rows() == [
            (True, "body", 1)
        ]
        assert dataset.search("*", role="body", limit=None)["current"].all()
        assert dataset.search("*", superseded=False, limit=None).height == dataset.paragraphs.collect().height
        assert (
            dataset.search("*", outlet="songling-times-example", limit=None).height
            == dataset.search("*", limit=None).height
        )
        one = dataset.search("*", limit=None, since=date(2022, 2, 2), until=date(2022, 2, 2))
        assert one.height > 0
        assert set(one["published_at"]) == {datetime(2022, 2, 2, tzinfo=UTC)}
        late = dataset.search(
            "*", limit=None, since=datetime(2022, 2, 2, 0, 0, 1, tzinfo=UTC), until=datetime(2022, 2, 28, tzinfo=UTC)
        )
        assert datetime(2022, 2, 2, tzinfo=UTC) not in set(late["published_at"])


@pytest.mark.parametrize(
    ("query", "spans"),
    [
        ("高超音速 OR 超音", [(0, 4)]),
        ("發展 OR ａｂ", [(5, 7), (8, 10)]),
        ("-没有", []),
        ('"速 发"', [(3, 6)]),
        ("b AND NOT zz", [(9, 10)]),
    ],
)
def test_spans_are_where_the_text_has_the_phrases(tmp_path: Path, query: str, spans: list[tuple[int, int]]) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.md").write_bytes(article("a", body=body("高超音速\n发展 aB")))
    pressmark.ingest(tmp_path / "news", tmp_path / "out", workers=1)
    with pressmark.open(tmp_path / "out") as dataset:
        (hit,) = dataset.search(query).to_dicts()
    assert [(span["start"], span["end"]) for span in hit["spans"]] == spans
    assert hit["url"] == "https://songling-times.example/a"
    assert hit["title"] == "松岭市举行读书节"


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        ("", "▸", "looks for nothing"),
        ("  ", "▸", "looks for nothing"),
        ("OR", "▸OR", "looks for nothing"),
        ("高 OR", "高 OR▸", "missing after `OR`"),
        ("高 (超", "高 ▸(超", "not closed"),
        ("高) 超", "高▸) 超", "none opens"),
        ('a "高超', 'a ▸"高超', "no other end"),
        ('""', '▸""', "hold nothing"),
        ("a - b", "a ▸- b", "before nothing"),
        ("( )a", "( ▸)a", "missing after"),
        ("a \udcff", "a ▸�", "no text"),
        ("\x1b[1m (", "�[1m (▸", "missing"),
        ("(" * 99 + "a", "(((((((((((((((((((▸(", "lie in each other"),
        ("a " * 201, "▸a", "at most 200"),
    ],
)
def test_a_query_that_cannot_be_read_says_where_and_what_to_do(
    output: Path, query: str, where: str, words: str
) -> None:
    with pressmark.open(output) as dataset, pytest.raises(pressmark.SettingsError) as error:
        dataset.search(query)
    assert where in error.value.where
    assert words in error.value.what
    assert error.value.remedy


@pytest.mark.parametrize("options", [{"outlet": "songling-time"}, {"role": "bodi"}, {"limit": 0}])
def test_a_wrong_filter_is_an_error(output: Path, options: dict[str, Any]) -> None:
    with pressmark.open(output) as dataset, pytest.raises(pressmark.SettingsError):
        dataset.search("高", **options)


def test_an_ingest_keeps_an_index_that_is_there_and_makes_none(tmp_path: Path) -> None:
    news, out = tmp_path / "news", tmp_path / "out"
    news.mkdir()
    for number in range(4):
        (news / f"{number}.md").write_bytes(article(f"{number}", body=body(TEXTS[number]), at=f"2022-0{number + 1}-01"))
        pressmark.ingest(news, out, workers=1)
        if number == 0:
            assert not index_folder(Output(out)).exists()
            assert build_index(Output(out), lambda *_: None)[0] == 1
        assert may_have(out, "鑫鑫") == 0
        with pressmark.open(out) as dataset:
            assert [searched(dataset, "高超音速")] == looked_up(dataset, ["has('高超音速')"])
    # Few segments, however many runs: each has twice as much as the next.
    assert len(list(index_folder(Output(out)).iterdir())) <= 2
    assert build_index(Output(out), lambda *_: None)[0] == 0


def test_an_open_dataset_uses_the_index_of_its_moment_while_runs_change_it(tmp_path: Path) -> None:
    news, out = tmp_path / "news", tmp_path / "out"
    news.mkdir()
    (news / "a.md").write_bytes(article("a", body=body("高超音速")))
    pressmark.ingest(news, out, workers=1)
    build_index(Output(out), lambda *_: None)
    with pressmark.open(out) as dataset:
        assert dataset.search("高超").height == 1
        (news / "a.md").write_bytes(article("a", body=body("低速")))
        pressmark.ingest(news, out, workers=1)
        assert dataset.search("高超").height == 1
        assert dataset.search("低速").height == 0
    with pressmark.open(out) as dataset:
        assert dataset.search("低速", superseded=False).height == 1
