"""Repositories: which state is read, what a run after the first one reads, and what can be wrong with them."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest
from archives import files_of, ingest, rows_of, stamp
from repositories import FIRST_COMMIT_S, SUBMODULE, Repository, Special, article

from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.ingestion import plan_ingest
from pressmark.storage.output.tables import Output
from pressmark.storage.planning import Settings
from pressmark.storage.verification import verify_output


def hour(number: int) -> datetime:
    """Time of a repository's commit: the first, second, …"""
    return datetime.fromtimestamp(FIRST_COMMIT_S, UTC) + timedelta(hours=number)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "archive.git")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def breaches(output: Path, source: str | None = None) -> list[object]:
    return list(verify_output(Output(output), source, workers=1, progress=lambda *_: None).breaches)


def notes(source: str, output: Path) -> tuple[str, ...]:
    """What the next run would tell."""
    return plan_ingest(Settings(source, output), stamp(99), lambda *_: None).notes


def paths(output: Path, table: str = "articles") -> list[object]:
    return sorted(row[0] for row in rows_of(output, table, "source_path"))


@pytest.mark.parametrize("name", ["main", "refs/heads/main", "v1", "HEAD~0"])
def test_a_branch_a_tag_or_a_commit_is_read(repository: Repository, output: Path, name: str) -> None:
    first = repository.commit({"a.md": article("a")})
    repository.git.create_reference("refs/tags/v1", first)
    ingest(f"git+file://{repository.path}@{name}", output)
    assert rows_of(output, "articles", "source_path", "valid_from") == [("a.md", hour(1))]
    assert rows_of(output, "runs", "commit", "committed_at") == [(first, hour(1))]


def test_a_folder_with_a_repository_is_read_from_its_commits(tmp_path: Path, output: Path) -> None:
    bare = Repository(tmp_path / "work" / ".git")
    bare.git.config["core.bare"] = False
    bare.commit({"a.md": article("a")})
    (tmp_path / "work" / "not-committed.md").write_bytes(article("b"))
    ingest(tmp_path / "work", output)
    assert paths(output) == ["a.md"]
    ingest(f"file://{tmp_path}/work", tmp_path / "files")
    assert paths(tmp_path / "files") == ["not-committed.md"]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("git+file://{path}@nope", "the repository has no commit `nope`"),
        ("git+file://{path}@HEAD^{{tree}}", "the repository has no commit"),
        ("git+file://{path}@", "no branch, tag or commit follows"),
        ("git+file://{path}#nope", "has no folder `nope`"),
        ("git+file://{path}#a.md", "has no folder `a.md`"),
        ("git+file://{path}-nope", "there is no such file or folder"),
        ("git+file://{path}/objects", "this is no git repository"),
        ("git+file:relative", "inputs of the kind|there is no such"),
        ("git+file://relative", "by its absolute path"),
        ("https://pressmark.example/x.git", "inputs of the kind `https`"),
    ],
)
def test_an_address_that_names_nothing_says_so(
    repository: Repository, output: Path, address: str, problem: str
) -> None:
    repository.commit({"a.md": article("a")})
    with pytest.raises(InputError, match=problem):
        ingest(address.format(path=repository.path), output)
    assert not list(output.rglob("*.parquet"))


def test_a_repository_without_commits_says_so(repository: Repository, output: Path) -> None:
    with pytest.raises(InputError, match="has no commit `HEAD`"):
        ingest(str(repository.path), output)


def test_only_changed_files_are_read_and_the_rows_are_those_of_one_run(
    repository: Repository, output: Path, tmp_path: Path
) -> None:
    repository.commit({f"{n}.md": article(str(n)) for n in range(30)})
    first = ingest(str(repository.path), output, 1)
    changed = {f"{n}.md": article(str(n)) for n in range(28)}
    changed |= {"3.md": article("3", body="<p>松岭市图书馆明天关闭。</p>"), "new/40.md": article("40")}
    repository.commit(changed)
    second = ingest(str(repository.path), output, 2)
    assert (first.parsed, second.parsed) == (30, 2)
    assert (second.sources, second.unchanged, second.deleted) == (29, 27, 2)
    assert ingest(str(repository.path), output, 3).parsed == 0
    assert breaches(output) == []
    ingest(str(repository.path), tmp_path / "once", 1)
    assert rows_of(output, "articles", "article_id", "source_sha256", "valid_from") == rows_of(
        tmp_path / "once", "articles", "article_id", "source_sha256", "valid_from"
    )
    assert sorted(rows_of(output, "revisions", "source_path", "change", "valid_from", "valid_to")) == [
        ("28.md", None, hour(1), hour(2)), ("29.md", None, hour(1), hour(2)), ("3.md", "text", hour(1), hour(2)),
    ]  # fmt: skip


def test_nothing_is_read_of_files_that_did_not_change(
    repository: Repository, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pressmark.storage.inputs.git as module

    repository.commit({f"{n}.md": article(str(n)) for n in range(50)})
    ingest(str(repository.path), output, 1)
    repository.commit({f"{n}.md": article(str(n)) for n in range(51)})
    seen: list[str] = []
    read = module._read
    monkeypatch.setattr(
        module, "_read", lambda repo, source, limits: (seen.append(source.source_path), read(repo, source, limits))[1]
    )
    ingest(str(repository.path), output, 2)
    assert seen == ["50.md"]


def rewritten(repository: Repository) -> None:
    repository.commit({"a.md": article("a"), "c.md": article("c")}, parents=[])


def lost(repository: Repository) -> None:
    """The repository is made anew: nothing of the old one is there."""
    import shutil

    shutil.rmtree(repository.path)
    repository.__init__(repository.path)  # type: ignore[misc]
    rewritten(repository)


def shallow(repository: Repository) -> None:
    import shutil

    for number in range(3):
        repository.commit({"a.md": article("a"), "c.md": article("c"), f"{number}.md": article(str(number))})
    repository.commit({"a.md": article("a"), "c.md": article("c")})
    clone = repository.path.with_name("clone")
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--depth", "2", f"file://{repository.path}", str(clone)], check=True
    )
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
def test_a_lost_commit_is_told_and_files_are_compared_by_hashes(
    repository: Repository, output: Path, happens: Callable[[Repository], None], note: str
) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    ingest(str(repository.path), output, 1)
    happens(repository)
    (told,) = notes(str(repository.path), output)
    assert note in told
    assert "compared by their hashes" in told
    ingest(str(repository.path), output, 2)
    assert paths(output) == ["a.md", "c.md"]
    assert paths(output, "revisions") == ["b.md"]
    assert notes(str(repository.path), output) == ()
    assert breaches(output) == []


def test_where_a_shallow_clone_ends_the_time_is_not_known(repository: Repository, output: Path) -> None:
    repository.commit({"b.md": article("b")})
    shallow(repository)
    ingest(str(repository.path), output)
    assert sorted(rows_of(output, "articles", "source_path", "valid_from"), key=str) == [("a.md", None), ("c.md", None)]


def test_other_settings_or_another_archive_compare_everything(
    repository: Repository, output: Path, tmp_path: Path
) -> None:
    repository.commit({"a.md": article("a"), "README.md": article("r")})
    ingest(str(repository.path), output, 1)
    from pressmark.transforms.selection import Selection

    report = ingest(str(repository.path), output, 2, selection=Selection(("*.md",)))
    assert (report.sources, report.unchanged, report.articles) == (2, 1, 2)
    other = Repository(tmp_path / "other.git")
    other.commit({"z.md": article("z")})
    with pytest.raises(OutputError, match="has none of the 2 sources"):
        ingest(str(other.path), output, 3, selection=Selection(("*.md",)))
    kept = ingest(str(other.path), output, 4, absent_is_deleted=False, selection=Selection(("*.md",)))
    assert (kept.articles, kept.deleted) == (3, 0)
    gone = ingest(str(other.path), output, 5, absent_is_deleted=True, selection=Selection(("*.md",)))
    assert (gone.articles, gone.deleted) == (1, 2)


def test_of_equal_times_the_later_commit_is_current(repository: Repository, output: Path) -> None:
    older, newer = article("x", body="<p>旧</p>"), article("x", body="<p>新</p>")
    repository.commit({"z.md": older})
    repository.commit({"z.md": older, "a.md": newer})
    ingest(str(repository.path), output)
    assert paths(output) == ["a.md"]
    assert rows_of(output, "revisions", "source_path", "change", "valid_to") == [("z.md", "text", None)]


def test_an_heir_is_read_although_it_did_not_change(repository: Repository, output: Path) -> None:
    older, newer = article("x", body="<p>旧</p>"), article("x", at="2022-03-05T00:00:00", body="<p>新</p>")
    repository.commit({"café/旧.md": older, "new.md": newer})
    ingest(str(repository.path), output, 1)
    repository.commit({"café/旧.md": older})
    ingest(str(repository.path), output, 2)
    assert rows_of(output, "articles", "source_path", "text", "valid_from") == [("café/旧.md", "旧", hour(1))]
    assert rows_of(output, "revisions", "source_path", "superseded_by", "valid_to") == [("new.md", None, hour(2))]
    assert breaches(output) == []


def test_a_name_that_normalisation_makes_equal_to_a_new_one(repository: Repository, output: Path) -> None:
    composed = "café.md"
    decomposed = unicodedata.normalize("NFD", composed)
    repository.commit({decomposed: article("1")})
    ingest(str(repository.path), output, 1)
    assert paths(output) == [composed]
    repository.commit({decomposed: article("1"), composed: article("2")})
    ingest(str(repository.path), output, 2)
    assert paths(output) == ["cafe\\xcc\\x81.md", composed]
    assert breaches(output) == []


def test_names_longer_than_a_file_system_takes(repository: Repository, output: Path) -> None:
    name = "长" * 200 + ".md"
    repository.commit({name: article("a"), f"{'d' * 300}/b.md": article("b")})
    ingest(str(repository.path), output, workers=2)
    assert paths(output) == sorted([name, f"{'d' * 300}/b.md"])
    assert breaches(output) == []


def test_submodules_are_named(repository: Repository, output: Path) -> None:
    repository.commit({"a.md": article("a"), "mod": Special(SUBMODULE, "1" * 40)})
    ingest(str(repository.path), output, 1)
    assert rows_of(output, "rejects", "source_path", "reason") == [("mod", "unreadable")]
    assert breaches(output) == []
    repository.commit({"a.md": article("a")})
    ingest(str(repository.path), output, 2)
    assert rows_of(output, "rejects", "source_path") == []


def loose(repository: Repository, kind: str) -> Path:
    """The file of a loose object: of the blob `b.md`, of the tree or of the commit."""
    commit = repository.git.revparse_single("main")
    found = {"blob": commit.tree["b.md"].id, "tree": commit.tree_id, "commit": commit.id}[kind]
    return repository.path / "objects" / str(found)[:2] / str(found)[2:]


@pytest.mark.parametrize("damage", ["missing", "corrupt", "truncated"])
def test_a_bad_blob_is_a_reject_and_the_rest_is_read(repository: Repository, output: Path, damage: str) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    file = loose(repository, "blob")
    data = file.read_bytes()
    file.chmod(0o644)
    file.unlink()
    if damage != "missing":
        file.write_bytes(data[: len(data) // 2] if damage == "truncated" else data[:20] + b"\xff\xff" + data[22:])
    ingest(str(repository.path), output, 1)
    assert paths(output) == ["a.md"]
    ((path, reason, detail),) = rows_of(output, "rejects", "source_path", "reason", "detail")
    assert (path, reason) == ("b.md", "unreadable")
    assert "git fsck" in str(detail)
    file.unlink(missing_ok=True)
    file.write_bytes(data)
    repository.commit({"a.md": article("a"), "b.md": article("b"), "c.md": article("c")})
    ingest(str(repository.path), output, 2)
    # Nothing tells that the object is back, so the file is tried again when all are compared.
    repository.commit({"a.md": article("a")}, parents=[])
    repository.commit({"a.md": article("a"), "b.md": article("b"), "c.md": article("c")})
    ingest(str(repository.path), output, 3)
    assert paths(output) == ["a.md", "b.md", "c.md"]


@pytest.mark.parametrize("kind", ["tree", "commit"])
@pytest.mark.parametrize("damage", ["missing", "corrupt", "truncated"])
def test_a_bad_tree_or_commit_stops_the_run(repository: Repository, output: Path, kind: str, damage: str) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    file = loose(repository, kind)
    data = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(data[: len(data) // 2] if damage == "truncated" else data[:20] + b"\xff\xff" + data[22:])
    with pytest.raises(InputError, match="corrupt|has no commit|has no folder"):
        ingest(str(repository.path), output)
    assert not list(output.rglob("*.parquet"))


@pytest.mark.parametrize("ref", ["main~0", "v1", "id"])
def test_a_tip_that_is_cut_short_is_not_read_for_ever(repository: Repository, output: Path, ref: str) -> None:
    repository.commit({"b.md": article("b")})
    commit = repository.git.revparse_single("main")
    signature = pygit2.Signature("x", "x@songling-times.example")
    tag = repository.git.create_tag("v1", commit.id, pygit2.GIT_OBJECT_COMMIT, signature, "x")
    found = str(tag if ref == "v1" else commit.id)
    file = repository.path / "objects" / found[:2] / found[2:]
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is cut short.*git fsck"):
        ingest(f"git+file://{repository.path}@{found if ref == 'id' else ref}", output)


def committed(repository: Repository, tree: bytes) -> None:
    """Make the bytes of a tree the next commit's, whatever they are."""
    git = ["git", "--git-dir", str(repository.path)]
    made = subprocess.run(
        [*git, "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], input=tree, capture_output=True, check=True
    )
    who = pygit2.Signature("x", "x@songling-times.example", 0, 0)
    main = repository.git.references.get("refs/heads/main")
    parents = [] if main is None else [main.target]
    repository.git.create_commit("refs/heads/main", who, who, "x", made.stdout.decode().strip(), parents)


@pytest.mark.parametrize("mode", [b"644", b"60000"])
def test_an_entry_of_a_type_that_git_does_not_know_is_named(repository: Repository, output: Path, mode: bytes) -> None:
    blob = repository.git.create_blob(article("a")).raw
    committed(repository, b"100644 a.md\0" + blob + mode + b" b.md\0" + blob)
    ingest(str(repository.path), output)
    assert paths(output) == ["a.md"]
    ((path, reason, detail),) = rows_of(output, "rejects", "source_path", "reason", "detail")
    assert (path, reason) == ("b.md", "unreadable")
    assert "git fsck" in str(detail)


@pytest.mark.parametrize("name", [b"..", b".", b"x/y.md", b"../../a.md"])
def test_a_name_that_no_entry_may_have_is_an_error(repository: Repository, output: Path, name: bytes) -> None:
    committed(repository, b"100644 " + name + b"\0" + repository.git.create_blob(article("a")).raw)
    with pytest.raises(InputError, match=f"an entry named `{re.escape(name.decode())}`.*git fsck"):
        ingest(str(repository.path), output)


def test_a_name_that_is_there_twice_is_an_error(repository: Repository, output: Path) -> None:
    entries = [b"100644 a.md\0" + repository.git.create_blob(article(name)).raw for name in "ab"]
    committed(repository, b"".join(entries))
    with pytest.raises(InputError, match="its name is there twice.*git fsck"):
        ingest(str(repository.path), output)


def test_a_folder_that_is_an_empty_file_is_an_error(repository: Repository, output: Path) -> None:
    committed(repository, b"40000 b\0" + repository.git.create_blob(b"").raw)
    with pytest.raises(InputError, match="stands for a folder and is none.*git fsck"):
        ingest(str(repository.path), output)


def test_a_borrowed_object_that_is_cut_short_is_not_read_for_ever(
    repository: Repository, output: Path, tmp_path: Path
) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    file = loose(repository, "blob")
    subprocess.run(["git", "clone", "-q", "--shared", "--bare", repository.path, tmp_path / "other.git"], check=True)
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[: len(data) // 2])
    ingest(str(tmp_path / "other.git"), output)
    assert paths(output) == ["a.md"]
    ((path, reason, detail),) = rows_of(output, "rejects", "source_path", "reason", "detail")
    assert (path, reason) == ("b.md", "unreadable")
    assert "cut short" in str(detail)


def test_folders_deeper_than_any_archive_are_an_error(repository: Repository, output: Path) -> None:
    repository.commit({"/".join(["d"] * 150 + ["a.md"]): article("a")})
    ingest(str(repository.path), output, 1)
    assert len(paths(output)) == 1
    tree = b"100644 a.md\0" + repository.git.create_blob(article("a")).raw
    for _ in range(2000):
        tree = b"40000 d\0" + repository.git.odb.write(pygit2.GIT_OBJECT_TREE, tree).raw
    committed(repository, tree)
    with pytest.raises(InputError, match="more than 200 deep, below `d/d/"):
        ingest(str(repository.path), output, 2)


def test_a_corrupt_pack_never_gives_wrong_rows(repository: Repository, output: Path) -> None:
    files: dict[str | bytes, bytes | Special] = {
        f"{n}.md": article(str(n), body=f"<p>松岭 {n}</p>" * 50) for n in range(40)
    }
    repository.commit(files)
    git = ["git", "--git-dir", str(repository.path)]
    subprocess.run([*git, "repack", "-adq"], check=True)
    (pack,) = (repository.path / "objects" / "pack").glob("*.pack")
    data = bytearray(pack.read_bytes())
    pack.chmod(0o644)
    for position in range(200, len(data) - 40, 97):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        pack.write_bytes(bytes(damaged))
        place = output / str(position)
        try:
            ingest(str(repository.path), place)
        except InputError:
            continue
        texts = dict(rows_of(place, "articles", "source_path", "text"))
        rejected = {row[0] for row in rows_of(place, "rejects", "source_path")}
        assert texts.keys() | rejected == files.keys()
        assert all(text == "\n\n".join([f"松岭 {str(path)[:-3]}"] * 50) for path, text in texts.items())


def test_several_runs_leave_the_bytes_of_one_but_for_run_columns(
    repository: Repository, output: Path, tmp_path: Path
) -> None:
    repository.commit({f"{n}.md": article(str(n)) for n in range(5)})
    ingest(str(repository.path), output, 1)
    repository.commit({f"{n}.md": article(str(n)) for n in range(9)})
    ingest(str(repository.path), output, 1)
    ingest(str(repository.path), tmp_path / "once", 1)
    assert files_of(output) == files_of(tmp_path / "once")
