"""Folders: which files are listed, in which order, what tells of their changes, and what stands in the way."""

from __future__ import annotations

import gzip
import os
import unicodedata
from pathlib import Path
from random import Random

import pytest
from listings import contents, listed, opened, paths, rejected, there
from repositories import article

from pressmark.storage.errors import InputError
from pressmark.storage.inputs import folder
from pressmark.storage.inputs.folder import file_version, settled_now
from pressmark.storage.inputs.source import LINK_PROBLEM, Source
from pressmark.transforms.records import Limits, Reject

LATER = 1 << 62


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    place = tmp_path / "archive"
    place.mkdir()
    return place


def test_a_sparse_file_is_not_read_for_its_hash(archive: Path) -> None:
    with open(archive / "sparse.md", "wb") as file:
        file.truncate(100 << 20)
    (archive / "full.md").write_bytes(bytes(20 << 20))
    found = contents(archive)
    hashes = {name: one.source_sha256 is not None for name, one in found.items() if isinstance(one, Reject)}
    assert hashes == {"full.md": True, "sparse.md": False}
    assert rejected(found) == dict.fromkeys(hashes, ("too_large", None))


def test_a_page_in_very_many_members_is_read(archive: Path) -> None:
    members = gzip.compress(b"") * 50_000 + gzip.compress(article("a")) + bytes(9)
    (archive / "a.html.gz").write_bytes(members)
    (archive / "b.html.gz").write_bytes(members[:-20])
    found = contents(archive)
    assert found["a.html.gz"] == article("a")
    assert "cut off" in str(found["b.html.gz"])


def test_files_are_listed_with_sizes_and_problems(archive: Path) -> None:
    (archive / "b.md").write_bytes(b"12345")
    (archive / "b").mkdir()
    (archive / "b-").write_bytes(b"")
    (archive / ".hidden").write_bytes(b"1")
    (archive / ".git").mkdir()
    (archive / "link").symlink_to("b.md")
    (archive / "松岭.md").write_bytes(b"123")
    os.mkfifo(archive / "pipe")
    rows = [(one.source_path, one.source_bytes, one.problem) for one in there(f"file://{archive}")]
    assert rows == [
        ("b-", 0, None), ("b.md", 5, None), ("link", 0, LINK_PROBLEM), ("pipe", 0, folder.NO_FILE),
        ("松岭.md", 3, None),
    ]  # fmt: skip
    assert rejected(contents(f"file://{archive}")) == dict.fromkeys(("link", "pipe"), ("unreadable", None))


def test_many_files_come_in_the_order_of_their_paths(archive: Path) -> None:
    numbers = list(range(500))
    Random(1).shuffle(numbers)
    for number in numbers:
        name = archive / f"{number % 7}" / f"{number}"
        name.parent.mkdir(exist_ok=True)
        name.write_bytes(b"1" * (number % 5))
    counts: list[int] = []
    found = there(archive, progress=counts.append)
    assert [one.source_path for one in found] == sorted(f"{number % 7}/{number}" for number in numbers)
    assert all(one.source_bytes == int(Path(one.source_path).name) % 5 for one in found)
    assert counts == []


def test_a_version_changes_with_the_file_and_a_file_that_is_too_new_has_none(archive: Path) -> None:
    path = archive / "a.md"
    path.write_bytes(b"1")
    info = path.stat()
    version = file_version(info, LATER)
    assert len(version) == 16
    assert file_version(info, max(info.st_mtime_ns, info.st_ctime_ns)) == version
    assert file_version(info, info.st_ctime_ns - 1) == ""
    os.utime(path, ns=(0, LATER))
    assert file_version(path.stat(), LATER - 1) == ""
    assert [one.version for one in there(archive)] == [""]
    assert settled_now() < info.st_ctime_ns
    changed = set()
    for data in (b"2", b"12"):
        path.write_bytes(data)
        changed.add(file_version(path.stat(), LATER))
    (archive / "b.md").write_bytes(b"1")
    changed.add(file_version((archive / "b.md").stat(), LATER))
    assert len(changed | {version}) == 4


def test_a_file_that_is_old_enough_has_a_version(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive / "a.md").write_bytes(b"1")
    monkeypatch.setattr(folder.time, "time_ns", lambda: (archive / "a.md").stat().st_ctime_ns + folder.SETTLED_NS)  # type: ignore[attr-defined]
    (found,) = there(archive)
    assert found.version == file_version((archive / "a.md").stat(), LATER)
    assert [one.version for one in there(archive / "a.md")] == [found.version]
    assert [one.version for one in opened(archive).find(["a.md"])] == [found.version]


def test_the_output_is_left_out_and_nothing_that_is_called_alike(archive: Path, tmp_path: Path) -> None:
    for name in ("out/x/y", "out-/b", "a/out/z", "a.md"):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(b"")
    assert paths(archive, leave_out=archive / "out") == ["a.md", "a/out/z", "out-/b"]
    (tmp_path / "link").symlink_to(archive)
    assert paths(tmp_path / "link", leave_out=archive / "out") == ["a.md", "a/out/z", "out-/b"]
    assert len(paths(archive, leave_out=tmp_path / "elsewhere")) == 4


def test_a_single_file_is_an_input(archive: Path) -> None:
    (archive / "a.md").write_bytes(article("a"))
    (archive / "b.md").write_bytes(article("b"))
    (archive / "link.md").symlink_to("a.md")
    assert contents(archive / "a.md") == {"a.md": article("a")}
    # The operator named it.
    assert contents(archive / "link.md") == {"link.md": article("a")}


def test_a_folder_that_cannot_be_listed_is_named(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive / "closed").mkdir()
    (archive / "a.md").write_bytes(article("a"))
    scan = os.scandir

    def refused(place: bytes) -> object:
        if place.endswith(b"closed/") or place == os.fsencode(closed):
            raise PermissionError(13, "Permission denied")
        return scan(place)

    closed = ""
    monkeypatch.setattr(folder.os, "scandir", refused)  # type: ignore[attr-defined]
    assert rejected(contents(archive)) == {"closed": ("unreadable", None)}
    closed = f"{archive}/"
    with pytest.raises(InputError, match="can't be listed.*mend its permissions"):
        listed(archive)


def test_what_vanishes_or_becomes_something_else_after_listing_is_a_reject(archive: Path, tmp_path: Path) -> None:
    for name in ("gone.md", "pipe.md", "link.md", "a.md"):
        (archive / name).write_bytes(article("a"))
    found = there(archive)
    for name in ("gone.md", "pipe.md", "link.md"):
        (archive / name).unlink()
    os.mkfifo(archive / "pipe.md")
    (archive / "link.md").symlink_to("a.md")
    read = {one.source_path: outcome for one, outcome in opened(archive).contents(found, Limits())}
    assert rejected(read) == dict.fromkeys(("gone.md", "pipe.md", "link.md"), ("unreadable", None))
    assert read["a.md"] == article("a")


def test_a_file_that_grows_beyond_the_limit_is_not_read_on(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive / "a.md").write_bytes(b"12")
    (found,) = there(archive)
    monkeypatch.setattr(folder.os, "read", lambda number, size: b"1" * size)  # type: ignore[attr-defined]
    ((_, outcome),) = opened(archive).contents([found], Limits(source_bytes=3 << 20))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.source_sha256) == ("too_large", None)
    assert outcome.source_bytes < 5 << 20


def test_a_file_of_any_size_is_refused_at_once(archive: Path) -> None:
    with open(archive / "huge.md", "wb") as file:
        file.truncate(8 << 40)
    outcome = contents(archive)["huge.md"]
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.source_bytes, outcome.source_sha256) == ("too_large", 8 << 40, None)


def test_files_are_found_by_path_and_not_through_links(archive: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "café.md")
    for name in ("d/a.md", decomposed, "b.md"):
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).write_bytes(article(name))
    (archive / "to").symlink_to("d")
    assert opened(archive).find(["to/a.md", "none.md", "café.md"]) == [
        Source("café.md", decomposed, len(article(decomposed)))
    ]
    assert [one.source_path for one in opened(archive).find(["d/a.md", "b.md"])] == ["b.md", "d/a.md"]
