"""Which files are taken for articles."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("blog/2021-08-26-welcome/index.md", True), ("tag/local-news/index.html", False), ("zh-cn/index.html", False),
        ("_layouts/a-b-c/index.html", False), (".a/the-ferry-waits/index.md", False),
        ("the-ferry-waits/index.css", False),
        ("a.7z", False), ("a.mhtml", False),
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
