"""The compiled loops and those in Python give the same, so that only the clock tells which of them worked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from archives import ROOT
from fragments import FRAGMENTS
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_build import SOURCES
from storage.versions import load_outlets
from transforms import article, blocks, language, roles, rows
from transforms.article import parse
from transforms.blocks import TooDeep
from transforms.compiled import SCAN
from transforms.dates import DatelineReader
from transforms.evidence import Evidence
from transforms.outlets import Rules
from transforms.records import Article, Limits, Link, Paragraph

CORPUS = ROOT.parent / "shared" / "corpus"
HEADER = "<!--1646370367000-->\n[标题](https://songling-times.example/a)\n------\n"
USERS = (article, blocks, language, roles, rows)

compiled = pytest.mark.skipif(SCAN is None, reason="the compiled part is not installed: no C compiler was at hand")


def cut_by(loop, markup: str, max_depth: int = 1000):
    """All that a loop says of a fragment, its tokens as what they hold: each loop makes its own."""
    source = blocks.on_one_line(markup)
    found = loop(source, max_depth) or loop(blocks.RAW_TEXT.sub(r"\1-", source), max_depth)
    paths = [[(token.tag, token.col, token.attrs) for token in block.path] for block in found.blocks]
    return [block._replace(path=()) for block in found.blocks], paths, found.skipped


def outcome_in_python(monkeypatch: pytest.MonkeyPatch, data: bytes, path: str):
    with monkeypatch.context() as patch:
        for module in USERS:
            patch.setattr(module, "SCAN", None)
        return parse(data, path, load_outlets(), Limits())


def test_the_compiled_part_is_installed_where_there_is_a_compiler() -> None:
    if shutil.which("cc") is None or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python, are installed")
    assert SCAN is not None


@compiled
@settings(max_examples=500, deadline=None)
@given(FRAGMENTS)
def test_both_cut_generated_fragments_alike(markup: str) -> None:
    assert cut_by(blocks._compiled_cut, markup) == cut_by(blocks._cut, markup)


@compiled
@pytest.mark.parametrize(
    "markup",
    [
        "<p>One <a href='/x'> two </a> three</p>",
        "<p><a href='/x'>One</a><a href='/y'>two<br>three</a></p>",
        "<a href='/x'>One<p>two</p>three</a> four",
        "One <a>two</a> <a href>three</a> <a href='/x'>\u3000</a>",
        "<p>One\t<a href='/x'> two</a>  <a href='/y'>three </a><br> <a href='/z'> four</a></p>",
        "<a href='/x'>One<a href='/y'>two</a></a>",
        "<i><b>One</b></i><b><i>two</i> three</b><em><strong>four</strong></em>",
        "<svg><svg></svg>x</svg>One<svg/><template><template>x</template></template>two<script>x",
        "<p>" * 70 + "<b>" * 70 + "One</p></b>two</div>",
        "<noscript>One<iframe>two</iframe></noscript><script><noscript>x</noscript></script>three",
        "<p>One<br>two<br>&nbsp;<br>three&#10;four&#8203;</p>",
    ],
)
def test_both_cut_alike(markup: str) -> None:
    assert cut_by(blocks._compiled_cut, markup) == cut_by(blocks._cut, markup)


@compiled
def test_both_refuse_what_is_too_deep_at_the_same_place() -> None:
    places = []
    for loop in (blocks._compiled_cut, blocks._cut):
        with pytest.raises(TooDeep) as caught:
            loop("<div>" * 12 + "One", 10)
        places.append((caught.value.position, str(caught.value)))
    assert places == [(50, "more than 10 elements are open at once")] * 2


@compiled
@given(st.lists(st.text("松岭山開漢汉あカ한aé1 ,𠮷中的", max_size=90), max_size=6))
def test_both_tell_the_same_languages(texts: list[str]) -> None:
    assert language._detected(texts) == [language.detect(text) for text in texts]


@compiled
@settings(max_examples=200, deadline=None)
@given(FRAGMENTS)
def test_both_make_the_same_articles(markup: str) -> None:
    data = f"{HEADER}{markup}".encode()
    with pytest.MonkeyPatch.context() as patch:
        expected = outcome_in_python(patch, data, "a.md")
    assert parse(data, "a.md", load_outlets(), Limits()) == expected


@compiled
@pytest.mark.parametrize("root", [
    pytest.param(ROOT / "seeds", id="seeds"),
    pytest.param(CORPUS, id="corpus", marks=[pytest.mark.corpus, pytest.mark.skipif(
        not CORPUS.is_dir(), reason="the real articles are not at hand: ../shared/corpus is missing")]),
])  # fmt: skip
def test_both_make_the_same_of_every_source(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = sorted(path for path in root.rglob("*") if path.is_file())
    assert sources
    for source in sources:
        data = source.read_bytes()
        here = parse(data, source.name, load_outlets(), Limits())
        assert here == outcome_in_python(monkeypatch, data, source.name), source.relative_to(root)


@compiled
@settings(max_examples=100, deadline=None)
@given(st.lists(FRAGMENTS, max_size=4))
def test_both_make_the_same_rows(markups: list[str]) -> None:
    outcomes = [parse(f"{HEADER}{markup}".encode(), "a.md", load_outlets(), Limits()) for markup in markups]
    articles = [outcome for outcome in outcomes if isinstance(outcome, Article)]
    compiled_rows, compiled_owners = rows.paragraph_rows(articles)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SCAN", None)
        expected, owners = rows.paragraph_rows(articles)
    compiled_rows.validate(full=True)
    assert compiled_rows.equals(expected)
    assert compiled_owners.equals(owners)


@compiled
def test_both_judge_by_wording_outside_the_basic_plane_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(starts=(("📷", "caption"),), contains=(("🗞订阅", "note"),))
    story = "松岭市的故事在这里继续，说明为什么这一段足够长，因此没有任何规则适用于它，除非有登记的词语。"
    texts = [story, f"📷{story}", f"🗞{story}", f"{story[:20]}🗞订阅。", f"{story}🗞", story, story, story, story]
    cut = blocks.cut("".join(f"<p>{text}</p>" for text in texts)).blocks
    reader = DatelineReader(ZoneInfo("UTC"))
    found = roles.classify(cut, Evidence(rules, Rules()), reader)
    monkeypatch.setattr(roles, "SCAN", None)
    assert found == roles.classify(cut, Evidence(rules, Rules()), reader)
    assert found.roles[:4] == ["body", "caption", "body", "note"]


@compiled
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: SCAN.cut(b"One", 10), TypeError),
        (lambda: SCAN.prepare(1, 2), TypeError),
        (lambda: SCAN.languages(["One"], b"short", 80, language.TAGS, str), ValueError),
        (lambda: SCAN.languages([1], language._table(), 80, language.TAGS, str), TypeError),
        (lambda: SCAN.columns([()], {}), TypeError),
        (lambda: SCAN.columns([[("body",)]], {}), TypeError),
        (lambda: SCAN.columns([[Paragraph("none", b"One", 0, 3, 0, 3, "en", 1, ())]], {"body": 0}), KeyError),
        (lambda: SCAN.columns([[Paragraph("body", b"One", 0, None, 0, 3, "en", 1, ())]], {"body": 0}), TypeError),
        (lambda: SCAN.told([], [(None, 0)], bytes(65536), (), (1, 2, 3, 4)), ValueError),
        (lambda: SCAN.told([], [], b"short", (), (1, 2, 3, 4)), ValueError),
        (lambda: SCAN.surroundings([], {}, (), {}, [], print), TypeError),
        (lambda: SCAN.paragraphs("One", [], ["body"], [], [], 0, Paragraph, hash), ValueError),
        (lambda: SCAN.paragraphs("One", [("One", 0, 9)], ["body"], ["en"], [()], 0, Paragraph, hash), ValueError),
        (lambda: SCAN.paragraphs("One", [Link("x", 2, 1)], ["body"], ["en"], [()], 0, Paragraph, hash), ValueError),
    ],
)
def test_the_compiled_part_refuses_what_it_can_not_use(call, error) -> None:
    with pytest.raises(error):
        call()


def test_without_a_compiler_the_build_says_what_is_missing_and_goes_on(tmp_path: Path) -> None:
    for source in SOURCES:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / source)
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    built = subprocess.run(
        [sys.executable, "hatch_build.py"], cwd=tmp_path, env={"CC": "no-such-compiler"}, capture_output=True, text=True
    )
    assert built.returncode == 0
    assert "install a C compiler and Python's headers" in built.stderr
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")} == {*SOURCES, Path("hatch_build.py")}
