"""What a folder has, by the file system: compiled or not, the same."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from storage.compiled import FOLDERS
from storage.inputs import entries
from storage.inputs.entries import entries_of, file_version, settled_now

LATER = 1 << 62
NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & set(b"\0/") and name[0] != ord("."))


@pytest.fixture(
    params=[
        pytest.param("compiled", marks=pytest.mark.skipif(FOLDERS is None, reason="no C compiler was at hand")),
        "python",
    ]
)
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(entries, "FOLDERS", None)


@pytest.mark.usefixtures("either")
def test_kinds_names_sizes_and_versions_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_bytes(b"12345")
    (tmp_path / "b").mkdir()
    (tmp_path / "b-").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"1")
    (tmp_path / "link").symlink_to("b.md")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "松岭.md").write_bytes(b"123")
    found = entries_of(os.fsencode(tmp_path), LATER)
    assert found.names.to_pylist() == [b"b-", b"b.md", b"b/", b"link", b"pipe", "松岭.md".encode()]
    assert found.kinds == b"ffd??f"
    assert found.sizes.to_pylist() == [0, 5, 0, 0, 0, 3]
    info = (tmp_path / "b.md").stat()
    facts = struct.pack("=QQqqq", info.st_dev, info.st_ino, 5, info.st_mtime_ns, info.st_ctime_ns)
    versions = found.versions.to_pylist()
    assert versions[1] == xxh3_64_hexdigest(facts) == file_version(info, LATER)
    assert [bool(version) for version in versions] == [True, True, False, False, False, True]
    assert len(set(versions)) == 4
    assert [found.next_but_regular(start) for start in range(6)] == [2, 2, 2, 3, 4, 6]


@pytest.mark.usefixtures("either")
def test_a_file_that_is_too_new_has_a_size_and_no_version(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"1")
    (tmp_path / "new").write_bytes(b"12")
    changed = max((tmp_path / name).stat().st_ctime_ns for name in ("old", "new"))
    os.utime(tmp_path / "old", ns=(0, 0))
    os.utime(tmp_path / "new", ns=(0, LATER - 1))
    settled = max((tmp_path / name).stat().st_ctime_ns for name in ("old", "new"))
    found = entries_of(os.fsencode(tmp_path), settled)
    assert found.sizes.to_pylist() == [2, 1]
    assert [bool(version) for version in found.versions.to_pylist()] == [False, True]
    assert entries_of(os.fsencode(tmp_path), changed - 1).versions.to_pylist() == ["", ""]
    assert settled_now() < changed
    assert file_version((tmp_path / "old").stat(), changed - 1) == ""


@pytest.mark.usefixtures("either")
def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    found = entries_of(os.fsencode(tmp_path), LATER)
    assert (found.kinds, len(found.names), len(found.sizes), len(found.versions)) == (b"", 0, 0, 0)
    assert found.next_but_regular(0) == 0


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("name", "error"), [("none", FileNotFoundError), ("file", NotADirectoryError)])
def test_what_is_no_folder_is_an_error(name: str, error: type[OSError], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(error):
        entries_of(os.fsencode(tmp_path / name), LATER)


@pytest.mark.usefixtures("either")
def test_many_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    numbers = list(range(2000))
    Random(1).shuffle(numbers)
    for number in numbers:
        (tmp_path / f"{number}").write_bytes(b"1" * (number % 7))
    found = entries_of(os.fsencode(tmp_path), LATER)
    assert [int(name) for name in found.names.to_pylist()] == sorted(numbers, key=str)
    assert found.sizes.to_pylist() == [number % 7 for number in sorted(numbers, key=str)]


@pytest.mark.skipif(FOLDERS is None, reason="no C compiler was at hand")
@given(names=st.sets(NAMES, max_size=30), folders=st.sets(NAMES, max_size=8))
def test_both_tell_the_same(names: set[bytes], folders: set[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    place = os.fsencode(tmp_path_factory.mktemp("entries"))
    for name in folders:
        os.mkdir(os.path.join(place, name))
    for name in names - folders:
        Path(os.fsdecode(os.path.join(place, name))).write_bytes(name)
    for settled in (LATER, 0):
        assert FOLDERS is not None
        assert FOLDERS.entries(place, settled) == entries._columns(place, settled)
