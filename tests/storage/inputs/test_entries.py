"""What a folder has, by the file system: compiled or not, the same."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from pressmark.storage.compiled import FOLDERS
from pressmark.storage.inputs import entries, folder
from pressmark.storage.inputs.entries import Found, entries_of, file_version, settled_now
from pressmark.storage.inputs.folder import Folder
from pressmark.storage.inputs.source import EVERYTHING, Request, Source
from pressmark.storage.inputs.sources import SOURCE_SCHEMA

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


def listed(folder: Path, settled: int = LATER) -> list[tuple[str, int, str]]:
    """Paths, sizes and versions of what is in a folder, whatever it is."""
    entries = entries_of(os.fsencode(folder), b"x/", settled)
    found = Found()
    found.add(entries, 0, len(entries.kinds), entries.paths)
    rows = found.take()
    assert rows.schema == SOURCE_SCHEMA
    assert rows.column("locator").cast(pa.string()).equals(rows.column("source_path"))
    columns = (rows.column(name).to_pylist() for name in ("source_path", "source_bytes", "version"))
    return list(zip(*columns, strict=True))


@pytest.mark.usefixtures("either")
def test_kinds_paths_sizes_and_versions_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_bytes(b"12345")
    (tmp_path / "b").mkdir()
    (tmp_path / "b-").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"1")
    (tmp_path / "link").symlink_to("b.md")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "松岭.md").write_bytes(b"123")
    found = entries_of(os.fsencode(tmp_path), b"", LATER)
    assert found.kinds == b"ffd??f"
    assert [found.next_but_regular(start) for start in range(6)] == [2, 2, 2, 3, 4, 6]
    assert found.path_bytes(0, 3) == len("b-b.mdb/")
    rows = listed(tmp_path)
    assert [path for path, _, _ in rows] == ["x/b-", "x/b.md", "x/b/", "x/link", "x/pipe", "x/松岭.md"]
    assert [size for _, size, _ in rows] == [0, 5, 0, 0, 0, 3]
    assert [bool(version) for _, _, version in rows] == [True, True, False, False, False, True]
    info = (tmp_path / "b.md").stat()
    facts = struct.pack("=QQqqq", info.st_dev, info.st_ino, 5, info.st_mtime_ns, info.st_ctime_ns)
    assert rows[1][2] == xxh3_64_hexdigest(facts) == file_version(info, LATER)
    assert len({version for _, _, version in rows}) == 4


@pytest.mark.usefixtures("either")
def test_a_file_that_is_too_new_has_a_size_and_no_version(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"1")
    (tmp_path / "new").write_bytes(b"12")
    changed = max((tmp_path / name).stat().st_ctime_ns for name in ("old", "new"))
    os.utime(tmp_path / "old", ns=(0, 0))
    os.utime(tmp_path / "new", ns=(0, LATER - 1))
    settled = max((tmp_path / name).stat().st_ctime_ns for name in ("old", "new"))
    assert [(path, size, bool(version)) for path, size, version in listed(tmp_path, settled)] == [
        ("x/new", 2, False),
        ("x/old", 1, True),
    ]
    assert [version for _, _, version in listed(tmp_path, changed - 1)] == ["", ""]
    assert settled_now() < changed
    assert file_version((tmp_path / "old").stat(), changed - 1) == ""


@pytest.mark.usefixtures("either")
def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    found = entries_of(os.fsencode(tmp_path), b"x/", LATER)
    assert found == (b"", b"", b"", b"", b"")
    assert found.next_but_regular(0) == 0
    assert listed(tmp_path) == []


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("name", "error"), [("none", FileNotFoundError), ("file", NotADirectoryError)])
def test_what_is_no_folder_is_an_error(name: str, error: type[OSError], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(error):
        entries_of(os.fsencode(tmp_path / name), b"", LATER)


@pytest.mark.usefixtures("either")
def test_many_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    numbers = list(range(2000))
    Random(1).shuffle(numbers)
    for number in numbers:
        (tmp_path / f"{number}").write_bytes(b"1" * (number % 7))
    rows = listed(tmp_path)
    assert [path for path, _, _ in rows] == [f"x/{number}" for number in sorted(numbers, key=str)]
    assert [size for _, size, _ in rows] == [number % 7 for number in sorted(numbers, key=str)]


def test_what_is_collected_keeps_its_order_and_problems(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"1")
    entries = entries_of(os.fsencode(tmp_path), b"", LATER)
    found = Found()
    found.add(entries, 0, 1, b"a")
    found.add_other(Source("b\\xff", "b\udcff", 0, "no file", version="v"))
    found.add(entries, 1, 3, b"bc")
    assert len(found) == 4
    rows = found.take()
    assert rows.column("locator").to_pylist() == [b"a", b"b\xff", b"b", b"c"]
    assert rows.column("source_path").to_pylist() == ["a", "b\\xff", "b", "c"]
    assert rows.column("problem").to_pylist() == [None, "no file", None, None]
    assert rows.column("version").to_pylist()[1] == "v"
    assert (len(found), found.take().num_rows) == (0, 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_folders_come_in_order_however_much_is_taken_at_once(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "BATCH_ROWS", rows)
    names = ["a/1", "a/2", "a/b/1", "a/c", "a-", "b", "b.md/1", "b.md/2", "c/d/e/f", "d", "e", "松岭/1"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "out" / "x").mkdir(parents=True)
    (tmp_path / "out" / "x" / "y").write_bytes(b"")
    (tmp_path / "out-").symlink_to("b")
    listing = Folder(tmp_path).listing(Request(EVERYTHING, leave_out=tmp_path / "out"))
    assert [source.source_path for source in listing.sources] == sorted([*names, "out-"])
    assert [source.source_bytes for source in listing.sources if source.problem is None] == [
        len(name.encode()) for name in sorted(names)
    ]
    assert [source.source_path for source in listing.sources if source.problem] == ["out-"]


@pytest.mark.skipif(FOLDERS is None, reason="no C compiler was at hand")
@given(names=st.sets(NAMES, max_size=30), folders=st.sets(NAMES, max_size=8), prefix=st.binary(max_size=9))
def test_both_tell_the_same(
    names: set[bytes], folders: set[bytes], prefix: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = os.fsencode(tmp_path_factory.mktemp("entries"))
    for name in folders:
        os.mkdir(os.path.join(place, name))
    for name in names - folders:
        Path(os.fsdecode(os.path.join(place, name))).write_bytes(name)
    assert FOLDERS is not None
    for settled in (LATER, 0):
        assert FOLDERS.entries(place, prefix, settled) == entries._columns(place, prefix, settled)
