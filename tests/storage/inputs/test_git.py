"""Repositories: which state is listed, what a later listing walks through, and which are refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pygit2
import pytest
from listings import before, contents, listed, paths, rejected, there
from repositories import FIRST_COMMIT_S, LINK, SUBMODULE, Repository, Special, article

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.repository import WHOLE, Git
from pressmark.storage.inputs.source import LINK_PROBLEM, Before


def hour(number: int) -> datetime:
    """Time of a repository's commit: the first, second, …"""
    return datetime.fromtimestamp(FIRST_COMMIT_S, UTC) + timedelta(hours=number)


def cloned(repository: Repository, *options: str) -> Path:
    place = repository.path.with_name("clone.git")
    command = ["git", "clone", "-q", "--bare", *options, f"file://{repository.path}", str(place)]
    subprocess.run(command, check=True, capture_output=True)
    return place


@pytest.mark.parametrize("name", ["main", "refs/heads/main", "v1", "HEAD~0", "main@x"])
def test_a_branch_a_tag_or_a_commit_is_listed(repository: Repository, name: str) -> None:
    first = repository.commit({"a.md": article("a")})
    repository.git.create_reference("refs/tags/v1", first)
    repository.git.create_reference("refs/heads/main@x", first)
    listing = listed(f"git+file://{repository.path}@{name}")
    assert listing.frame.select("source_path", "valid_from", "valid_to").rows() == [("a.md", hour(1), None)]
    assert listing.frame["version"].to_list() == [pygit2.hash(article("a")).__str__()]
    assert (listing.commit, listing.committed_at, listing.notes) == (first, hour(1), ())


def test_a_folder_with_a_repository_is_listed_from_its_commits(tmp_path: Path) -> None:
    bare = Repository(tmp_path / "work" / ".git")
    bare.git.config["core.bare"] = False
    bare.commit({"a.md": article("a")})
    (tmp_path / "work" / "not-committed.md").write_bytes(article("b"))
    assert paths(tmp_path / "work") == ["a.md"]
    assert paths(f"file://{tmp_path}/work") == ["not-committed.md"]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("git+file://{path}@nope", "the repository has no commit `nope`: "),
        ("git+file://{path}@--all", "the repository has no commit `--all`"),
        ("git+file://{path}@main..main", "the repository has no commit `main..main`"),
        ("git+file://{path}@HEAD^{{tree}}", "the repository has no commit"),
        ("git+file://{path}@", "no branch, tag or commit follows"),
        ("git+file://{path}#nope", "has no folder `nope`"),
        ("git+file://{path}#a.md", "has no folder `a.md`"),
        ("git+file://{path}-nope", "there is no such file or folder"),
        ("git+file://{path}/objects", "this is no git repository"),
        ("git+file:relative", "there is no such"),
        ("git+file://relative", "write `git\\+file:relative`"),
        ("git+file://{path}@a%00b", "a character that no name has"),
        ("https://pressmark.example/x.git", "another machine.*git clone"),
        ("git+https://pressmark.example/x.git", "another machine.*git clone https"),
        ("ssh://git@pressmark.example/x.git", "another machine.*git clone ssh"),
        ("git@pressmark.example:a/x.git", "another machine.*git clone git@"),
    ],
)
def test_an_address_that_names_nothing_says_so(repository: Repository, address: str, problem: str) -> None:
    repository.commit({"a.md": article("a")})
    with pytest.raises(InputError, match=problem):
        listed(address.format(path=repository.path))


def test_a_repository_without_commits_says_so(repository: Repository) -> None:
    with pytest.raises(InputError, match="has no commit `HEAD`"):
        listed(repository.path)


def test_only_later_commits_are_walked_and_the_frame_is_that_of_one_listing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({f"{n}.md": article(str(n)) for n in range(30)})
    first = listed(repository.path)
    changed = {f"{n}.md": article(str(n)) for n in range(28)}
    repository.commit(changed | {"3.md": article("3", body="<p>明天关闭。</p>"), "new/40.md": article("40")})  # type: ignore[arg-type]
    walked: list[int] = []
    changes, sizes = Git.changes, Git.sizes
    monkeypatch.setattr(
        Git,
        "changes",
        lambda git, pairs, *rest: (walked.append(len(pairs)), changes(git, pairs, *rest))[1],  # type: ignore[func-returns-value]
    )
    asked: list[bytes] = []
    monkeypatch.setattr(Git, "sizes", lambda git, blobs: (asked.extend(blobs), sizes(git, blobs))[1])  # type: ignore[func-returns-value]
    second = listed(repository.path, before=before(first))
    assert (walked.pop(0), len(asked)) == (1, 2)
    assert not any(walked)
    assert second.frame.equals(listed(repository.path).frame)
    ended = second.frame.filter(pl.col("valid_to").is_not_null())
    assert ended.select("source_path", "valid_from", "valid_to").rows() == [
        ("28.md", hour(1), hour(2)), ("29.md", hour(1), hour(2)), ("3.md", hour(1), hour(2)),
    ]  # fmt: skip
    walked.clear()
    again = listed(repository.path, before=before(second))
    assert again.frame.equals(second.frame)
    assert again.kept.equals(second.kept)
    assert (again.commit, again.committed_at, walked) == (second.commit, second.committed_at, [])


def rewritten(repository: Repository) -> None:
    repository.commit({"a.md": article("a"), "c.md": article("c")}, parents=[])


def lost(repository: Repository) -> None:
    """The repository is made anew: nothing of the old one is there."""
    shutil.rmtree(repository.path)
    repository.__init__(repository.path)  # type: ignore[misc]
    rewritten(repository)


def shallow(repository: Repository) -> None:
    for number in range(3):
        repository.commit({"a.md": article("a"), "c.md": article("c"), f"{number}.md": article(str(number))})
    repository.commit({"a.md": article("a"), "c.md": article("c")})
    clone = cloned(repository, "--depth", "2")
    shutil.rmtree(repository.path)
    clone.rename(repository.path)


@pytest.mark.parametrize(
    ("happens", "note"),
    [
        (rewritten, "is not among those that led here"),
        (lost, "is not in the repository any more"),
        (shallow, "this is a shallow clone"),
    ],
)
def test_a_lost_commit_is_told_and_everything_is_walked(
    repository: Repository, happens: Callable[[Repository], None], note: str
) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    first = listed(repository.path)
    happens(repository)
    second = listed(repository.path, before=before(first))
    (said,) = second.notes
    assert note in said
    assert "compared by their hashes" in said
    assert second.frame.equals(listed(repository.path).frame)
    assert paths(repository.path) == ["a.md", "c.md"]
    assert listed(repository.path, before=before(second)).notes == ()


def test_what_another_kind_of_input_kept_is_of_no_use(repository: Repository, tmp_path: Path) -> None:
    head = repository.commit({"a.md": article("a")})
    other = listed(tmp_path).kept
    assert listed(repository.path, before=Before(other, head)).frame.equals(listed(repository.path).frame)


def test_where_a_shallow_clone_ends_the_time_is_not_known(repository: Repository) -> None:
    repository.commit({"b.md": article("b")})
    shallow(repository)
    listing = listed(repository.path)
    assert listing.notes == ()
    (said,) = listed(repository.path, history=True).notes
    assert re.fullmatch(
        "this is a shallow clone: what was before [0-9a-f]{12} is not known; `git fetch .*` gets it", said
    )
    found = listing.frame.select("source_path", "valid_from", "valid_to").rows()
    assert found == [("2.md", None, hour(5)), ("a.md", None, None), ("c.md", None, None)]


def test_times_never_go_back_where_a_clone_became_shallow(repository: Repository) -> None:
    repository.commit({"a.md": article("a")}, at=FIRST_COMMIT_S + 7200)
    repository.commit({"a.md": article("a"), "b.md": article("b")}, at=FIRST_COMMIT_S)
    first = listed(repository.path)
    repository.commit({"b.md": article("b")}, at=FIRST_COMMIT_S + 60)
    second = listed(cloned(repository, "--depth", "2"), before=before(first))
    assert second.notes == ()
    assert (first.committed_at, second.committed_at) == (hour(2), hour(2))
    assert second.frame.select("source_path", "valid_from", "valid_to").rows() == [
        ("a.md", hour(2), hour(2)), ("b.md", hour(2), None),
    ]  # fmt: skip


def test_a_partial_clone_says_what_is_not_in_it(repository: Repository) -> None:
    repository.git.config["uploadpack.allowFilter"] = True
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    clone = cloned(repository, "--filter=blob:none")
    listing = listed(clone)
    assert listing.notes == (f"this is a partial clone: 2 files are not in it; {WHOLE}",)
    assert set(rejected(contents(clone)).values()) == {("unreadable", None)}
    assert {outcome.detail for outcome in contents(clone).values()} == {f"it is not in this partial clone; {WHOLE}"}  # type: ignore[union-attr]
    shutil.rmtree(clone)
    with pytest.raises(InputError, match="partial clone.*without `--filter`"):
        listed(cloned(repository, "--filter=tree:0"))


@pytest.mark.parametrize("setting", ["extensions.pressmarkTest", "extensions.refStorage"])
def test_a_repository_of_a_newer_format_asks_for_a_newer_git(repository: Repository, setting: str) -> None:
    repository.commit({"a.md": article("a")})
    repository.git.config["core.repositoryformatversion"] = 1
    repository.git.config[setting] = "no-such-storage"
    with pytest.raises(InputError, match="too old.*newer git"):
        listed(repository.path)


def test_a_repository_of_longer_hashes_is_read(tmp_path: Path) -> None:
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    run(["git", "init", "--quiet", "--object-format=sha256", "."])
    (tmp_path / "a.md").write_bytes(article("a"))
    run(["git", "add", "a.md"])
    run(["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "--quiet", "-m", "c"])
    assert contents(tmp_path) == {"a.md": article("a")}


def test_a_name_that_normalisation_makes_equal_to_a_new_one(repository: Repository) -> None:
    composed = "café.md"
    decomposed = unicodedata.normalize("NFD", composed)
    repository.commit({decomposed: article("1")})
    first = listed(repository.path)
    assert first.frame["source_path"].to_list() == [composed]
    repository.commit({decomposed: article("1"), composed: article("2")})
    second = listed(repository.path, before=before(first))
    assert second.frame["source_path"].to_list() == ["cafe\\xcc\\x81.md", composed]
    repository.commit({decomposed: article("1")})
    third = listed(repository.path, before=before(second))
    assert [one.source_path for one in there(repository.path)] == [composed]
    assert third.frame.equals(listed(repository.path).frame)
    assert listed(repository.path, history=True).frame["source_path"].to_list() == ["cafe\\xcc\\x81.md", composed]


def test_names_longer_than_a_file_system_takes(repository: Repository) -> None:
    name = "长" * 200 + ".md"
    repository.commit({name: article("a"), f"{'d' * 300}/b.md": article("b")})
    assert contents(repository.path) == {f"{'d' * 300}/b.md": article("b"), name: article("a")}


def test_submodules_and_links_are_named(repository: Repository) -> None:
    repository.commit({"a.md": article("a"), "mod": Special(SUBMODULE, "1" * 40), "to": Special(LINK, "a.md")})
    assert {one.source_path: (one.problem or "").partition(";")[0] for one in there(repository.path)} == {
        "a.md": "", "mod": "a submodule is not read", "to": LINK_PROBLEM.partition(";")[0],
    }  # fmt: skip
    repository.commit({"a.md": article("a")})
    assert listed(repository.path, history=True).frame["source_path"].to_list() == ["a.md"]
