"""Repositories that are damaged, that lead elsewhere, or that ask for more than any machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pygit2
import pytest
from listings import before, contents, listed, opened, paths, rejected
from repositories import Repository, Special, article

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.source import Source
from pressmark.transforms.records import Limits, Reject


def loose(repository: Repository, kind: str) -> Path:
    """The file of a loose object: of the blob `b.md`, of the tree or of the commit."""
    commit = repository.git.revparse_single("main")
    found = {"blob": commit.tree["b.md"].id, "tree": commit.tree_id, "commit": commit.id}[kind]  # type: ignore[attr-defined]
    return repository.path / "objects" / str(found)[:2] / str(found)[2:]


def damaged(file: Path, damage: str) -> bytes:
    """Damage a loose object; its bytes as they were."""
    data = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(data[: len(data) // 2] if damage == "truncated" else data[:20] + b"\xff\xff" + data[22:])
    return data


@pytest.mark.parametrize("damage", ["missing", "corrupt", "truncated"])
def test_a_bad_blob_is_a_reject_and_the_rest_is_read(repository: Repository, damage: str) -> None:
    files = {f"{name}.md": article(name) for name in "abcd"}
    repository.commit(dict(files))  # type: ignore[arg-type]
    file = loose(repository, "blob")
    data = damaged(file, damage)
    listing = listed(repository.path)
    found = contents(repository.path)
    reject = found.pop("b.md")
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.raw) == ("unreadable", None)
    assert "git fsck" in reject.detail
    assert str(repository.path) not in reject.detail
    assert found == {path: content for path, content in files.items() if path != "b.md"}
    file.unlink(missing_ok=True)
    file.write_bytes(data)
    # An object that is back is another version of its file, in the next listing too.
    assert contents(repository.path) == files
    second = listed(repository.path, before=before(listing)).frame
    assert second.equals(listed(repository.path).frame)
    if damage == "missing":
        versions = [
            frame.filter(pl.col("source_path") == "b.md")["version"].item() for frame in (listing.frame, second)
        ]
        assert versions == ["", str(pygit2.hash(files["b.md"]))]


def test_bytes_of_another_object_are_never_taken_for_a_file(repository: Repository) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b"), "c.md": article("c")})
    file = loose(repository, "blob")
    other = repository.git.create_blob(article("other"))
    file.chmod(0o644)
    shutil.copyfile(repository.path / "objects" / str(other)[:2] / str(other)[2:], file)
    found = contents(repository.path)
    assert rejected(found) == {"b.md": ("unreadable", None)}
    assert isinstance(reject := found["b.md"], Reject)
    assert "hash mismatch" in reject.detail


@pytest.mark.parametrize("kind", ["tree", "commit"])
@pytest.mark.parametrize("damage", ["missing", "corrupt", "truncated"])
def test_a_bad_tree_or_commit_is_an_error(repository: Repository, kind: str, damage: str) -> None:
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    damaged(loose(repository, kind), damage)
    with pytest.raises(InputError, match="git fsck"):
        listed(repository.path)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_bad_commit_before_or_beside_the_line_is_an_error(repository: Repository, damage: str) -> None:
    files: dict[str | bytes, bytes | Special] = {"a.md": article("a")}
    base = repository.commit(files)
    bad = repository.commit(files, parents=[base], branch=None)
    side = repository.commit({**files, "b.md": article("b")}, parents=[bad], branch=None)
    repository.commit({**files, "b.md": article("b")}, parents=[base, side])
    damaged(repository.path / "objects" / bad[:2] / bad[2:], damage)
    with pytest.raises(InputError, match="missing or corrupt.*git fsck"):
        listed(repository.path)
    repository.commit({**files, "b.md": article("b")}, parents=[bad])
    with pytest.raises(InputError, match="missing or corrupt.*git fsck"):
        listed(repository.path)


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
def test_an_entry_of_a_type_that_git_does_not_know_is_named(repository: Repository, mode: bytes) -> None:
    blob = repository.git.create_blob(article("a")).raw
    committed(repository, b"100644 a.md\0" + blob + mode + b" b.md\0" + blob)
    found = contents(repository.path)
    assert found["a.md"] == article("a")
    assert rejected(found) == {"b.md": ("unreadable", None)}


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        *((b"100644 %s\0" % name, "an entry named `.*git fsck") for name in (b"..", b".", b"../../a.md", b"x/../a.md")),
        (b"100644 a.md\0" + bytes(19) + b"1" + b"100644 a.md\0", "its name is there twice.*git fsck"),
        (b"40000 b\0", "git fsck"),
    ],
)  # fmt: skip
def test_a_tree_that_git_would_not_make_is_an_error(repository: Repository, tree: bytes, problem: str) -> None:
    committed(repository, tree + repository.git.create_blob(b"").raw)
    with pytest.raises(InputError, match=problem):
        listed(repository.path)


def test_folders_deeper_than_any_archive_are_an_error(repository: Repository) -> None:
    repository.commit({"/".join(["d"] * 150 + ["a.md"]): article("a")})
    assert len(paths(repository.path)) == 1
    tree = b"100644 a.md\0" + repository.git.create_blob(article("a")).raw
    for _ in range(1000):
        tree = b"40000 d\0" + repository.git.odb.write(pygit2.GIT_OBJECT_TREE, tree).raw
    committed(repository, tree)
    with pytest.raises(InputError, match="more than 200 deep, below `d/d/"):
        listed(repository.path)


@pytest.mark.parametrize(("limit", "most", "depth"), [("CHANGES_BYTES", 1 << 16, 3), ("GIT_MEMORY_BYTES", 1 << 27, 9)])
def test_a_few_trees_that_name_a_billion_files_are_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, depth: int
) -> None:
    monkeypatch.setattr(f"pressmark.storage.inputs.repository.{limit}", most)
    entry = repository.git.create_blob(b"").raw
    kind = b"100644"
    for _ in range(depth):
        tree = b"".join(kind + b" %d\0" % number + entry for number in range(10))
        entry, kind = repository.git.odb.write(pygit2.GIT_OBJECT_TREE, tree).raw, b"40000"
    committed(repository, tree)
    with pytest.raises(InputError, match="more, or larger, files than those of any archive"):
        listed(repository.path)


def alternates(repository: Repository, elsewhere: Path) -> None:
    (repository.path / "objects" / "info" / "alternates").write_text(f"{elsewhere}/objects\n")


def common_folder(repository: Repository, elsewhere: Path) -> None:
    (repository.path / "commondir").write_text(f"{elsewhere}\n")


def linked_objects(repository: Repository, elsewhere: Path) -> None:
    shutil.rmtree(repository.path / "objects" / "pack")
    (repository.path / "objects" / "pack").symlink_to(elsewhere / "objects" / "pack")


def linked_head(repository: Repository, elsewhere: Path) -> None:
    (repository.path / "HEAD").unlink()
    (repository.path / "HEAD").symlink_to(elsewhere / "HEAD")


def pipe(repository: Repository, _: Path) -> None:
    loose(repository, "blob").unlink()
    os.mkfifo(loose(repository, "blob"))


@pytest.mark.parametrize("leads_out", [alternates, common_folder, linked_objects, linked_head, pipe])
def test_what_leads_out_of_a_repository_or_never_ends_is_refused(
    repository: Repository, tmp_path: Path, leads_out: Callable[[Repository, Path], None]
) -> None:
    other = Repository(tmp_path / "other.git")
    other.commit({"secret.md": article("s")})
    repository.commit({"a.md": article("a"), "b.md": article("b")})
    leads_out(repository, other.path)
    with pytest.raises(InputError, match="git clone --mirror --no-local"):
        listed(repository.path)
    with pytest.raises(InputError, match="git clone --mirror --no-local"):
        list(opened(repository.path).contents([Source("a.md", "1" * 40, 1)], Limits()))


def test_a_work_tree_whose_repository_is_elsewhere_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.md": article("a")})
    subprocess.run(
        ["git", "--git-dir", repository.path, "worktree", "add", "-q", tmp_path / "tree", "main"], check=True
    )
    with pytest.raises(InputError, match="names another folder.*git clone"):
        listed(tmp_path / "tree")


def test_a_repository_that_is_trusted_may_have_its_objects_elsewhere(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.md": article("a")})
    for name in ("tree", "other"):
        words = ["worktree", "add", "-q", "--detach", str(tmp_path / name), "main"]
        subprocess.run(["git", "--git-dir", repository.path, *words], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", repository.path, tmp_path / "shared"], check=True)
    for place in (tmp_path / "tree", tmp_path / "shared"):
        with pytest.raises(InputError, match="--trust-repository.*git clone --mirror"):
            listed(place)
        assert contents(place, trusted=True) == {"a.md": article("a")}
    os.mkfifo(repository.path / "objects" / "pack" / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        contents(tmp_path / "other", trusted=True)


def test_settings_of_a_repository_run_nothing_and_move_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"d/a.md": article("a"), "d/b.md": article("b")})
    trap = tmp_path / "trap"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "core.alternateRefsCommand"):
        repository.git.config[name] = str(script)
    repository.git.config["core.bare"] = False
    repository.git.config["core.worktree"] = str(tmp_path)
    repository.git.config["protocol.allow"] = "always"
    (repository.path / "hooks").mkdir(exist_ok=True)
    shutil.copy(script, repository.path / "hooks" / "post-index-change")
    assert contents(f"git+file://{repository.path}#d") == {"a.md": article("a"), "b.md": article("b")}
    assert not trap.exists()


def test_a_corrupt_pack_never_gives_wrong_bytes(repository: Repository) -> None:
    files: dict[str | bytes, bytes | Special] = {
        f"{n}.md": article(str(n), body=f"<p>松岭 {n}</p>" * 50) for n in range(40)
    }
    repository.commit(files)
    subprocess.run(["git", "--git-dir", str(repository.path), "repack", "-adq"], check=True)
    (pack,) = (repository.path / "objects" / "pack").glob("*.pack")
    data = bytearray(pack.read_bytes())
    pack.chmod(0o644)
    read = 0
    for position in range(200, len(data) - 40, 211):
        harmed = bytearray(data)
        harmed[position] ^= 0xFF
        pack.write_bytes(bytes(harmed))
        try:
            found = contents(repository.path)
        except InputError:
            continue
        read += 1
        assert found.keys() == files.keys()
        for path, outcome in found.items():
            assert outcome == files[path] or isinstance(outcome, Reject)
    assert read
