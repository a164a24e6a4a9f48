"""Which files are taken for articles."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from pressmark.transforms.selection import BadPatternError, Selection


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("a.md", True), ("rfi/2022/a.txt", True), ("a", True), ("README.md", False), ("rfi/readme", False),
        ("rfi/README-of-an-article.md", True), ("index.html", False), ("rfi/index.md", False),
        ("rfi/index-linked-bonds.md", True), ("_config.yml", False), ("_layouts/post.html", False),
        ("_posts/2022-01-01-a.md", True), ("assets/a.md", False), ("photo.JPG", False), ("a.md.jpg", False),
        (".github/a.md", False), ("rfi/.a.md", False), ("a\nREADME.md", True), ("a/\nindex", True),
        ("posts/the-ferry-waits/index.md", True), ("2021/04/big-fire-in-town/index.html", True),
        ("blog/2021-08-26-welcome/index.md", True), ("2021/0826-渡口/index.md", True), ("2021/0826/index.html", False),
        ("posts/渡口的灯又亮了/index.md", True), ("标签/index.md", False), ("2021-08-26灯/index.md", True),
        ("tag/local-news/index.html", False), ("zh-cn/index.html", False),
        ("_layouts/a-b-c/index.html", False), (".a/the-ferry-waits/index.md", False),
        ("the-ferry-waits/index.css", False),
        ("a.7z", False), ("a.mhtml", True), ("SUMMARY.md", False), ("x/summary.txt", True), ("news/summary.md", True),
        ("wick.example/index.html?p=12", True), ("wick.example/index.html@p=12.html", True),
        ("wick.example/index.html?C=N;O=D", False), ("wick.example/index.html.1", False),
        ("wick.example/a.css?ver=5.9", False), ("wick.example/a.jpg?w=300&h=2", False), ("a.php?id=7", True),
        ("Who needs a.js? We do.html", True), ("hts-cache/new.lst", False), ("hts-log.txt", False),
        ("2022/03/05/lamp/index.html", True), ("2022/3/lamp/index.html", True), ("2022/03/05/index.html", False),
        ("2022/03/index.html", False), ("2022/index.html", False), ("2022/03/page/2/index.html", False),
        ("news/1234567/index.html", True), ("news/lamp-12345/index.html", True), ("news/page/12/index.html", False),
        ("20220305/index.html", False), ("202203/index.html", False),
        ("blog/港口的灯昨夜熄灭了/index.md", True), ("港口/index.md", False), ("blog/2021/0305-灯/index.md", True),
        ("blog/2021/1305-灯/index.md", False), ("A lamp goes out/index.md", True), ("Lamps Quay/index.md", False),
    ],
)  # fmt: skip
def test_what_accompanies_articles_is_left_out(path: str, taken: bool) -> None:
    assert Selection().takes(path) is taken


@pytest.mark.parametrize(
    ("include", "exclude", "path", "taken"),
    [
        (("*.md",), (), "x/a.md", True), (("*.md",), (), "x/a.txt", False), (("x/*.md",), (), "x/a.md", True),
        (("x/*.md",), (), "y/x/a.md", False), (("x/**",), (), "x/y/a.md", True),
        (("**/y/*.md",), (), "x/y/a.md", True), (("README.md",), (), "x/README.md", True),
        ((), ("x/",), "x/a.md", False), ((), ("x/",), "y/x/a.md", False), ((), ("/x/",), "y/x/a.md", True),
        (("*.md",), ("a*",), "x/abc.md", False), (("**",), (), ".hidden", False), (("**",), (), "index.html", True),
        (("20[12]?-*",), (), "2022-a.md", True), (("20[12]?-*",), (), "202-a.md", False),
        (("20[12]?-*",), (), "2019-a.md", True), (("法广/*",), (), "法广/松岭.md", True),
    ],
)  # fmt: skip
def test_globs_are_those_of_gitignore(
    include: tuple[str, ...], exclude: tuple[str, ...], path: str, taken: bool
) -> None:
    assert Selection(include, exclude).takes(path) is taken


@pytest.mark.parametrize(
    ("beside", "given_patterns", "taken"),
    [
        ("399.md", {}, True), ("390.md", {}, True), ("403.md", {}, False), ("x/399.md", {}, False),
        ("399.html", {}, False), ("1205.md", {}, True), ("17.md", {}, False), ("503.md", {}, False),
        ("399.md", {"exclude": ("404.md",)}, False),
        ("399.md", {"exclude": ("399.md",)}, False),
    ],
)  # fmt: skip
def test_number_404_of_numbered_articles_is_one(
    beside: str, given_patterns: dict[str, tuple[str, ...]], taken: bool
) -> None:
    selection = Selection(**given_patterns)
    # A path stands in a history as often as it had other bytes.
    assert selection.taken(pa.array(["404.md", beside, "405.md", "404.md"])).to_pylist()[::3] == [taken, taken]
    folders = ["_layouts/399.md", "_layouts/404.md", "lamp.html", "lamp_files/399.md", "lamp_files/404.md"]
    assert selection.taken(pa.array(folders)).to_pylist() == [False, False, True, False, False]


@pytest.mark.parametrize("word", ["_files", "-Dateien", ".files", "_fichiers", "_文件"])
def test_what_a_browser_saved_with_a_page_is_left_out(word: str) -> None:
    saved = [f"x/A lamp{word}/{name}" for name in ("ad.html", "a", "b_data/c.html")]
    paths = pa.array([*saved, "x/A lamp.htm", f"x/lamp{word}/ad.html", "my_files/a.html"], pa.string())
    kept = [False, False, False, True, True, True]
    assert Selection().taken(paths).to_pylist() == kept
    assert Selection(exclude=("*.txt",)).taken(paths).to_pylist() == kept
    assert all(Selection(include=("*",)).taken(paths).to_pylist())


@pytest.mark.parametrize("pattern", ["", "#x", "!a", "\\", "[", "/"])
def test_a_pattern_that_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(BadPatternError, match="matches nothing|is no pattern"):
        Selection((pattern,))


PARTS = st.sampled_from(
    ["readme", "README", "index", "licence", "LICENSE", "_config", "assets", "vendor", "node_modules", "松岭", "a",
     "\n", ".", "..", "robots.txt",
     "/", "/a-b-c/", ".html", ".md", ".JPG", ".yml", ".", "-", "ı", "K", "ſ", "summary", "ChangeLog", "cname"]
)  # fmt: skip


@given(paths=st.lists(st.lists(PARTS, min_size=1, max_size=6).map("".join), max_size=30))
@pytest.mark.parametrize("given_patterns", [{}, {"include": ("*.md",)}, {"exclude": ("a*",)}], ids=str)
def test_paths_are_judged_together_as_one_by_one(paths: list[str], given_patterns: dict[str, tuple[str, ...]]) -> None:
    selection = Selection(**given_patterns)
    assert selection.taken(pa.array(paths, pa.string())).to_pylist() == [selection.takes(path) for path in paths]


PIECES = st.lists(
    st.sampled_from(["a", "b", "*", "*", "?", "/", "[ab]", "[!a]", "**/", "/**/", ".", "\\*"]), min_size=1, max_size=9
)
PLACES = st.lists(st.text("ab.*\n", min_size=1, max_size=5), min_size=1, max_size=5)


@given(pattern=PIECES.map("".join), places=st.lists(PLACES.map("/".join), max_size=8))
def test_patterns_are_those_of_gitignore(pattern: str, places: list[str]) -> None:
    try:
        selection = Selection(exclude=(pattern,))
    except BadPatternError:
        return
    # Git has it that no class has the `/`.
    written = str(GitIgnoreSpecPattern.pattern_to_regex(pattern)[0]).replace("[^a]", "[^a/]")
    seen = [place for place in places if not re.search(r"(?:\A|/)\.", place)]
    assert [selection.takes(place) for place in seen] == [not re.search(written, place, re.DOTALL) for place in seen]


@pytest.mark.parametrize("pattern", ["*x" * 12 + "*b", "*" * 40 + "b", "*[!b]" * 12 + "b", "**/x/" * 12 + "b"])
def test_a_pattern_of_many_stars_takes_no_longer(pattern: str) -> None:
    # Where all ways to share a name out among the stars are tried, none of these ends.
    selection = Selection(exclude=(pattern,))
    assert selection.takes("x" * 200)
    assert selection.takes("x/" * 200 + "c")
