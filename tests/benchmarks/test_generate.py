"""Generated archives are what their ledgers say, by git's and the parser's own account."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.generate import ARCHIVE, BAD_KINDS, LEDGER, Ledger, append, export_head, generate, read_ledger
from benchmarks.ledger import Stretch
from benchmarks.pages import bad_source
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import Article, Limits, Reject, parse

pytestmark = pytest.mark.slow

COUNT = 300
# With 50 commits there are side branches with and without commits of the main line beside them.
ARGUMENTS: dict[str, dict[str, Any]] = {"straight": {}, "merges": {"merges": True, "commits": 50}}
NO_BLOB = "0" * 40


class Made(NamedTuple):
    folder: Path
    ledger: Ledger

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        command = ["git", "--git-dir", str(self.folder / ARCHIVE), "-c", "core.quotePath=off", *arguments]
        return subprocess.run(command, check=True, input=given, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module", params=ARGUMENTS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    return Made(folder, generate(COUNT, folder, **ARGUMENTS[request.param]))


class Commit(NamedTuple):
    time: int
    parents: int
    changes: list[tuple[str, str | None]]


def first_parent_commits(made: Made) -> Iterator[Commit]:
    """Each commit of the first-parent line, oldest first, with its paths and their new blobs, None where deleted."""
    log = ("log", "-m", "--first-parent", "--raw", "--no-renames", "--no-abbrev", "--reverse", "--format=>%ct %P", "-z")
    output = made.git(*log, "main").decode()
    for entry in output.split(">")[1:]:
        fields = entry.replace("\n", "\0").strip("\0").split("\0")
        time, *parents = fields[0].split()
        pairs = [field for field in fields[1:] if field]
        changes = [(path, raw.split()[3]) for raw, path in zip(pairs[::2], pairs[1::2], strict=True)]
        yield Commit(int(time), len(parents), [(path, None if blob == NO_BLOB else blob) for path, blob in changes])


def contents(made: Made, blobs: list[str]) -> dict[str, bytes]:
    """What `git cat-file --batch` has for each blob."""
    output = made.git("cat-file", "--batch", given="\n".join(blobs).encode())
    found: dict[str, bytes] = {}
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        blob, _, size = output[position:end].decode().split()
        found[blob] = output[end + 1 : end + 1 + int(size)]
        position = end + 2 + int(size)
    return found


def all_blobs(made: Made) -> dict[str, bytes]:
    """Every blob of the repository, side branches included, by SHA-256."""
    listed = made.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").decode()
    blobs = [line.split()[0] for line in listed.splitlines() if line.endswith(" blob")]
    return {hashlib.sha256(data).hexdigest(): data for data in contents(made, blobs).values()}


def parsed(made: Made) -> Iterator[tuple[Stretch, Article | Reject]]:
    """Each stretch beside what the parser makes of its bytes."""
    blobs = all_blobs(made)
    outcomes: dict[str, Article | Reject] = {}
    for stretch in made.ledger.stretches:
        if stretch.sha256 not in outcomes:
            outcomes[stretch.sha256] = parse(blobs[stretch.sha256], stretch.path, load_outlets(), Limits())
        yield stretch, outcomes[stretch.sha256]


def test_stretches_are_what_the_first_parent_line_shows(made: Made) -> None:
    commits = list(first_parent_commits(made))
    data = contents(made, [blob for commit in commits for _, blob in commit.changes if blob])
    standing: dict[str, tuple[str, int, int]] = {}
    found = []
    for commit in commits:
        for path, blob in commit.changes:
            if path in standing:
                found.append((path, *standing.pop(path), commit.time))
            if blob:
                standing[path] = (hashlib.sha256(data[blob]).hexdigest(), len(data[blob]), commit.time)
    found += [(path, *stood, None) for path, stood in standing.items()]  # type: ignore[misc]
    told = [
        (stretch.path, stretch.sha256, stretch.size, stretch.valid_from, stretch.valid_to)
        for stretch in made.ledger.stretches
        if stretch.cause != "side"
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, told))


def test_side_stretches_are_what_no_first_parent_commit_ever_had(made: Made) -> None:
    log = ("log", "-m", "--raw", "--no-renames", "--no-abbrev", "--format=", "-z", "--no-merges")
    fields = [field for field in made.git(*log, "main").decode().replace("\n", "\0").split("\0") if field]
    blobs = {(path, raw.split()[3]) for raw, path in zip(fields[::2], fields[1::2], strict=True)}
    main = {change for commit in first_parent_commits(made) for change in commit.changes}
    beside = {(path, blob) for path, blob in blobs - main if blob != NO_BLOB}
    data = contents(made, [blob for _, blob in beside]) if beside else {}
    side = [stretch for stretch in made.ledger.stretches if stretch.cause == "side"]
    assert {(path, hashlib.sha256(data[blob]).hexdigest()) for path, blob in beside} == {row[:2] for row in side}
    assert all(stretch.valid_from == stretch.valid_to for stretch in side)
    merges = {commit.time for commit in first_parent_commits(made) if commit.parents == 2}
    assert {stretch.valid_from for stretch in side} <= merges
    assert bool(side) == bool(merges) == ("merges" in made.folder.name)


def test_commit_times_increase_and_follow_what_they_bring(made: Made) -> None:
    times = list(map(int, made.git("log", "--topo-order", "--reverse", "--format=%ct", "main").split()))
    assert len(set(times)) == len(times)
    main = [commit.time for commit in first_parent_commits(made)]
    assert all(earlier < later for earlier, later in pairwise(main))
    assert all(stretch.published_s <= stretch.valid_from for stretch in made.ledger.stretches if stretch.published_s)


def test_every_article_is_parsed_under_one_id_and_every_bad_file_rejected_for_its_reason(made: Made) -> None:
    ids: set[tuple[str | None, str]] = set()
    texts: set[tuple[str | None, str]] = set()
    kinds: set[str] = set()
    for stretch, outcome in parsed(made):
        if stretch.kind == "article":
            assert isinstance(outcome, Article), outcome
            assert outcome.canonical_url == stretch.article
            assert outcome.dates.published_at is not None
            assert outcome.dates.published_at.timestamp() == stretch.published_s
            assert not outcome.dates.date_conflict
            ids.add((stretch.article, outcome.article_id))
            texts.add((stretch.text_key, outcome.text_sha256))
        else:
            assert isinstance(outcome, Reject)
            assert (outcome.reason, stretch.article) == (stretch.kind, None)
            kinds.add(outcome.reason)
    # Few articles bring few bad files, so that each kind is looked at by itself, too.
    assert len(kinds) >= 2
    for kind in BAD_KINDS:
        outcome = parse(bad_source(kind, 7), "a.md", load_outlets(), Limits())
        assert isinstance(outcome, Reject)
        assert outcome.reason == kind
    for pairs in (ids, texts):
        assert len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)


def test_the_same_arguments_give_the_same_head_and_others_another(made: Made, tmp_path: Path) -> None:
    arguments = ARGUMENTS["merges" if "merges" in made.folder.name else "straight"]
    assert generate(COUNT, tmp_path / "same", **arguments) == read_ledger(made.folder / LEDGER) == made.ledger
    assert generate(COUNT, tmp_path / "other", **arguments, seed=2).totals.head != made.ledger.totals.head


def test_the_head_can_be_had_as_a_plain_folder(made: Made, tmp_path: Path) -> None:
    export_head(made.folder / ARCHIVE, tmp_path / "head")
    found = {
        os.path.relpath(path, tmp_path / "head"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "head").rglob("*")
        if path.is_file()
    }
    assert found == {stretch.path: stretch.sha256 for stretch in made.ledger.stretches if stretch.valid_to is None}


def test_appended_commits_bring_new_articles_only(tmp_path: Path) -> None:
    ledger = generate(40, tmp_path)
    made = Made(tmp_path, ledger)
    known = {stretch.path for stretch in ledger.stretches}
    urls = {stretch.article for stretch in ledger.stretches}
    for seed in (7, 7):
        head = append(tmp_path, 5, seed=seed)
        *_, last = first_parent_commits(made)
        assert head == made.git("rev-parse", "main").decode().strip()
        assert len(last.changes) == 5
        assert not known & {path for path, _ in last.changes}
        known |= {path for path, _ in last.changes}
        for data in contents(made, [blob for _, blob in last.changes if blob]).values():
            article = parse(data, "a.md", load_outlets(), Limits())
            assert isinstance(article, Article)
            assert article.canonical_url not in urls
            urls.add(article.canonical_url)
