"""Every file that ever was in a repository is listed, with the times from which and to which it was at its path."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pygit2
import pytest
from listings import before, listed
from repositories import FIRST_COMMIT_S, LINK, Repository, Special, article

from benchmarks.generate import ARCHIVE, Ledger, generate
from pressmark.storage.inputs.source import Before, Listing

ARTICLES = 300


def hour(number: int) -> datetime:
    return datetime.fromtimestamp(FIRST_COMMIT_S, UTC) + timedelta(hours=number)


def periods(listing: Listing) -> list[tuple[object, ...]]:
    """Path, content and times of all that is listed."""
    return listing.frame.select("source_path", "version", "valid_from", "valid_to").rows()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "archive.git")


@pytest.fixture(scope="module", params=[False, True], ids=["straight", "merges"])
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    """A generated repository, and the truth about it."""
    place = tmp_path_factory.mktemp("generated")
    ledger = generate(ARTICLES, place, commits=60, merges=request.param)
    return place / ARCHIVE, ledger


def test_periods_are_the_ledgers_stretches(generated: tuple[Path, Ledger]) -> None:
    path, ledger = generated
    git = pygit2.Repository(str(path))
    import hashlib

    listing = listed(path, history=True, moves=True)
    sha256 = {blob: hashlib.sha256(git[blob].data).hexdigest() for blob in listing.frame["version"].unique()}  # type: ignore[attr-defined]
    found = [(path, sha256[blob], start, end) for path, blob, start, end in periods(listing)]
    moment = {None: None} | {
        second: datetime.fromtimestamp(second, UTC)
        for stretch in ledger.stretches
        for second in (stretch.valid_from, stretch.valid_to)
        if second is not None
    }
    expected = [(s.path, s.sha256, moment[s.valid_from], moment[s.valid_to]) for s in ledger.stretches]
    assert Counter(found) == Counter(expected)


@pytest.mark.parametrize("moves", [False, True])
def test_any_split_into_listings_gives_the_same(generated: tuple[Path, Ledger], *, moves: bool) -> None:
    path, _ = generated
    commits = []
    commit = pygit2.Repository(str(path)).revparse_single("main")
    while True:
        commits.append(str(commit.id))
        if not commit.parents:  # type: ignore[attr-defined]
            break
        commit = commit.parents[0]  # type: ignore[attr-defined]
    once = listed(path, history=True, moves=moves)
    earlier: Before | None = None
    for at in [*commits[::-1][4::13], commits[0]]:
        part = listed(f"git+file://{path}@{at}", history=True, moves=moves, before=earlier)
        earlier = before(part)
        assert not part.notes
    assert part.frame.equals(once.frame)
    assert part.kept.equals(once.kept)
    assert part.committed_at == once.committed_at


def test_times_never_go_back(repository: Repository) -> None:
    repository.commit({"a.md": b"1"}, at=FIRST_COMMIT_S + 7200)
    repository.commit({"a.md": b"2"}, at=FIRST_COMMIT_S)
    listing = listed(repository.path, history=True)
    assert {(start, end) for *_, start, end in periods(listing)} == {(hour(2), None), (hour(2), hour(2))}
    assert listing.committed_at == hour(2)


@pytest.mark.parametrize(("seconds", "year"), [(-100, 1970), (1 << 40, 9999)])
def test_times_that_no_calendar_has_are_moved_into_it(repository: Repository, seconds: int, year: int) -> None:
    repository.commit({"a.md": b"1"})
    raw = repository.git[repository.commits[0]].read_raw()
    raw = raw.replace(b" %d +0000" % hour(1).timestamp(), b" %d +0000" % seconds)
    made = repository.git.odb.write(pygit2.GIT_OBJECT_COMMIT, raw)
    repository.git.references.create("refs/heads/main", made, force=True)
    (found,) = listed(repository.path).frame["valid_from"]
    assert found.year == year


def test_what_a_branch_had_and_its_merge_has_not_has_no_length(repository: Repository) -> None:
    one, two, three = b"1", b"2", b"3"
    base = repository.commit({"a.md": one})
    side = repository.commit({"a.md": two, "link": Special(LINK, "a.md")}, parents=[base], branch=None)
    side = repository.commit({"a.md": three}, parents=[side], branch=None)
    repository.commit({"a.md": three, "b.md": b"b"}, parents=[base, side])
    blobs = {str(pygit2.hash(data)): data for data in (one, two, three, b"b")}
    found = sorted((blobs[blob], start, end) for _, blob, start, end in periods(listed(repository.path)) if end)  # type: ignore[index]
    assert found == [(one, hour(1), hour(4)), (two, hour(4), hour(4))]


def test_a_merge_on_a_branch_brings_only_what_none_of_its_parents_has(repository: Repository) -> None:
    base = repository.commit({"a": b"0"})
    left = repository.commit({"a": b"0", "l": b"l"}, parents=[base], branch=None)
    right = repository.commit({"a": b"0", "r": b"r"}, parents=[base], branch=None)
    both = repository.commit({"a": b"0", "l": b"l", "r": b"r", "new": b"n"}, parents=[left, right], branch=None)
    repository.commit({"a": b"0"}, parents=[base, both])
    found = [(path, start, end) for path, _, start, end in periods(listed(repository.path)) if end]
    assert found == [(name, hour(5), hour(5)) for name in ("l", "new", "r")]


def moved(repository: Repository) -> list[tuple[object, ...]]:
    """What is listed of a history in which unchanged files moved, without contents."""
    return [(path, start, end) for path, _, start, end in periods(listed(repository.path, history=True))]


def test_a_file_that_moved_unchanged_goes_on_at_its_last_path(repository: Repository) -> None:
    for name in ("a.md", "b.md", "c/d.md"):
        repository.commit({name: article("a"), "x.md": article("x")})
    repository.commit({"c/d.md": article("a", body="<p>新</p>"), "x.md": article("x")})
    assert moved(repository) == [("c/d.md", hour(1), hour(4)), ("c/d.md", hour(4), None), ("x.md", hour(1), None)]
    assert len(listed(repository.path, history=True, moves=True).frame) == 5
    # Without a history each path counts.
    assert len(listed(repository.path).frame) == 5


def test_random_histories_are_listed_the_same_in_any_split(tmp_path: Path) -> None:
    for seed in range(4):
        random = Random(seed)
        repository = Repository(tmp_path / f"{seed}.git")
        files: dict[str | bytes, bytes | Special] = {}
        at = FIRST_COMMIT_S
        for _ in range(12):
            at += random.choice([0, 0, 3600, -60])
            for _ in range(random.randrange(3)):
                name = random.choice(["a", "b", "c/a", "c/b"])
                if files and random.random() < 0.5:
                    files[name] = files.pop(random.choice(sorted(files, key=str)))
                else:
                    files[name] = b"%d" % random.randrange(3)
            repository.commit(files, at=at)
        for options in ({"history": True}, {}):
            once = listed(repository.path, **options)
            earlier: Before | None = None
            for commit in [*sorted(random.sample(range(12), 4)), 11]:
                address = f"git+file://{repository.path}@{repository.commits[commit]}"
                part = listed(address, before=earlier, **options)
                earlier = before(part)
            assert part.frame.equals(once.frame), seed
            standing = part.frame.filter(pl.col("valid_to").is_null())["source_path"].to_list()
            assert standing == sorted(map(str, files)), seed
