"""Archives that are cut short, lie about their size, or name what lies outside: an error or a reject, never a loss."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from listings import contents, listed, opened, rejected
from repositories import article

from pressmark.storage.errors import InputError
from pressmark.storage.inputs import archives
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.source import EVERYTHING, Request, sources_of
from pressmark.transforms.records import Limits, Reject

MEMBERS = {f"{name}.md": article(name) for name in ("a", "b", "c")}
Pack = Callable[[list[tuple[str, bytes]]], bytes]


def tar_of(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


PACKED = {
    "a.tar": tar_of(list(MEMBERS.items())),
    "a.tar.gz": gzip.compress(tar_of(list(MEMBERS.items()))),
    "a.tar.bz2": bz2.compress(tar_of(list(MEMBERS.items()))),
    "a.txz": lzma.compress(tar_of(list(MEMBERS.items()))),
    "a.zip": zip_of(list(MEMBERS.items())),
}
BOTH = pytest.mark.parametrize(("suffix", "pack"), [("tar", tar_of), ("zip", zip_of)])


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.3, 0.5, 0.9])
def test_an_archive_that_is_cut_short_is_an_error(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    assert contents(path) == MEMBERS
    # Of a plain tar the rest is zeros after its end mark.
    size = int(len(PACKED[name].rstrip(b"\0") if name == "a.tar" else PACKED[name]) * kept)
    path.write_bytes(PACKED[name][:size])
    with pytest.raises(InputError, match=r"can't be read|without its end mark"):
        listed(path)


@pytest.mark.parametrize("unpack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize(
    ("behind", "size"), [(b"", 0), (b"\0" * 900_000, 0), (PACKED["a.tar"], 1), (b"x" * 600_000, 1)]
)
def test_what_follows_the_end_mark_of_a_tar_is_named(
    tmp_path: Path, unpack: Callable[[bytes], bytes], behind: bytes, size: int
) -> None:
    path = tmp_path / {bytes: "a.tar", gzip.compress: "a.tgz", lzma.compress: "a.tar.xz"}[unpack]
    path.write_bytes(unpack(PACKED["a.tar"] + behind))
    assert contents(path) == MEMBERS
    notes = listed(path).notes
    assert len(notes) == bool(size)
    assert not size or f"from byte {len(PACKED['a.tar'])} on" in notes[0]


def test_back_slashes_in_the_names_of_a_zip_part_folders(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of([("rfi\\", b""), ("rfi\\a.md", article("a")), ("..\\b.md", article("b"))]))
    found = contents(path)
    assert found["rfi/a.md"] == article("a")
    assert rejected(found) == {"../b.md": ("unreadable", None)} or len(found) == 2


def test_a_tar_cut_between_members_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(list(MEMBERS.items()))[: 2 * 1024])
    with pytest.raises(InputError, match="without its end mark"):
        listed(path)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.zst", "a.zip"])
def test_what_is_no_archive_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>404 not found</html>" * 100)
    with pytest.raises(InputError, match="can't be read"):
        listed(tmp_path / name)


@BOTH
def test_names_that_lead_out_are_rejects_with_their_bytes(tmp_path: Path, suffix: str, pack: Pack) -> None:
    bad = ["../up.md", "x/../../up.md", "/etc/abs.md", "C:/drive.md"]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pack([(name, article(str(n))) for n, name in enumerate([*bad, "./ok//fine.md"])]))
    found = contents(path)
    assert found["ok/fine.md"] == article("4")
    assert rejected(found) == {name: ("unreadable", article(str(n))) for n, name in enumerate(bad)}
    assert list(tmp_path.iterdir()) == [path]


@BOTH
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_with_one_name_the_last_is_the_file(tmp_path: Path, suffix: str, pack: Pack) -> None:
    old, new = article("a", body="<p>旧</p>"), article("a", body="<p>新</p>")
    (tmp_path / f"a.{suffix}").write_bytes(pack([("a.md", old), ("b.md", article("b")), ("./a.md", new)]))
    found = contents(tmp_path / f"a.{suffix}")
    assert found["a.md"] == new
    assert rejected(found) == {"a.md (member 1)": ("unreadable", old)}


def test_hard_links_have_the_bytes_of_what_they_are_linked_to(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("z.md")
        info.size = len(article("z"))
        archive.addfile(info, io.BytesIO(article("z")))
        for name, target in (("a.md", "z.md"), ("bad.md", "nowhere.md")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, target
            archive.addfile(link)
        fifo = tarfile.TarInfo("pipe.md")
        fifo.type = tarfile.FIFOTYPE
        archive.addfile(fifo)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    found = contents(tmp_path / "a.tar")
    assert (found["a.md"], found["z.md"]) == (article("z"), article("z"))
    assert rejected(found) == dict.fromkeys(("bad.md", "pipe.md"), ("unreadable", None))


def test_a_sparse_tar_member_is_a_reject_unread(tmp_path: Path) -> None:
    with open(tmp_path / "sparse.md", "wb") as file:
        file.truncate(8 << 40)
    (tmp_path / "a.md").write_bytes(article("a"))
    for kind in ("gnu", "posix"):
        path = tmp_path / f"{kind}.tar"
        command = ["tar", "-C", tmp_path, f"--format={kind}", "-Scf", path, "sparse.md", "a.md"]
        subprocess.run(command, check=True)  # type: ignore[arg-type]
        assert path.stat().st_size < 20_000
        found = contents(path)
        assert rejected(found) == {"sparse.md": ("unreadable", None)}
        assert found["a.md"] == article("a")


def test_a_tar_whose_numbers_are_none_is_an_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.md")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "x"}
        archive.addfile(info)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="can't be read"):
        listed(tmp_path / "a.tar")


def test_a_zip_member_that_unpacks_to_too_much_is_a_reject_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of([("bomb.md", bytes(8 << 20)), ("a.md", article("a"))]))
    found = contents(path)
    assert rejected(found) == {"bomb.md": ("unreadable", None)}
    assert "--max-ratio" in str(found["bomb.md"])
    assert contents(path, budget=Budget(ratio=2000))["bomb.md"] == bytes(8 << 20)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path: Path, method: int) -> None:
    data = bytearray(zip_of([("bomb.md", bytes(20 << 20)), ("a.md", article("a"))], method))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    (tmp_path / "a.zip").write_bytes(bytes(data))
    archive = opened(tmp_path / "a.zip")
    sources = sources_of(archive.listing(Request(EVERYTHING)).frame)
    tracemalloc.start()
    found = {one.source_path: outcome for one, outcome in archive.contents(sources, Limits())}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rejected(found)["bomb.md"] == ("unreadable", None)
    assert peak < 4 << 20
    if method == zipfile.ZIP_DEFLATED:
        assert found["a.md"] == article("a")


def test_a_tar_that_unpacks_to_too_much_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar_of([("bomb.md", bytes(20 << 20)), ("a.md", article("a"))])))
    with pytest.raises(InputError, match=r"200 times its size.*--max-ratio"):
        listed(path)
    found = contents(path, budget=Budget(ratio=5000))
    assert rejected(found) == {"bomb.md": ("too_large", None)}
    assert isinstance(reject := found["bomb.md"], Reject)
    assert reject.source_bytes == 20 << 20


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_above_the_limit_of_unpacked_bytes_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    with pytest.raises(InputError, match="--max-unpacked-gib"):
        contents(tmp_path / name, budget=Budget(unpacked_bytes=300))


def test_zip_members_that_lie_over_each_other_are_counted_each(tmp_path: Path) -> None:
    whole = zip_of([("a.md", article("a") + bytes(900_000))])
    directory = whole.index(b"PK\x01\x02")
    entry, end = whole[directory : whole.index(b"PK\x05\x06")], bytearray(whole[-22:])
    end[8:16] = struct.pack("<HHI", 60, 60, 60 * len(entry))
    (tmp_path / "a.zip").write_bytes(whole[:directory] + 60 * entry + end)
    with pytest.raises(InputError, match=r"200 times its size.*--max-ratio"):
        listed(tmp_path / "a.zip")


def long_header(kind: bytes, data: bytes) -> bytes:
    info = tarfile.TarInfo("h")
    info.type, info.size = kind, len(data)
    return info.tobuf() + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    "headers",
    [
        *(long_header(kind, bytes(2 << 20)) for kind in (b"x", b"g", b"L", b"K", b"X")),
        long_header(b"x", b"1" * 100_000),
        long_header(b"x", b"12 path=a.md\n") * 2000,
        long_header(b"L", b"a.md") * 2000,
    ],
    ids=["x", "g", "L", "K", "X", "digits", "x upon x", "L upon L"],
)
def test_headers_that_no_program_writes_are_an_error(tmp_path: Path, headers: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(headers + PACKED["a.tar"])
    with pytest.raises(InputError, match="can't be read.*header"):
        listed(tmp_path / "a.tar")


def test_the_map_of_a_sparse_member_is_not_read(tmp_path: Path) -> None:
    sparse = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n24 GNU.sparse.name=s.md\n"
    member = tar_of([("s.md", b"999999999\n" + b"1\n" * 400)]).rstrip(b"\0")
    (tmp_path / "a.tar").write_bytes(long_header(b"x", sparse) + member + bytes(-len(member) % 512) + PACKED["a.tar"])
    found = contents(tmp_path / "a.tar")
    assert [path for path, outcome in found.items() if isinstance(outcome, bytes)] == ["a.md", "b.md", "c.md"]
    assert "sparse" in str(found["s.md"])


def test_bad_zip_members_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    data = bytearray(PACKED["a.zip"])
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[first + 8] |= 1  # says that it is encrypted
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[second + 16] ^= 0xFF  # another checksum
    (tmp_path / "a.zip").write_bytes(bytes(data))
    found = contents(tmp_path / "a.zip")
    assert rejected(found) == dict.fromkeys(("a.md", "b.md"), ("unreadable", None))
    assert "encrypted" in str(found["a.md"])
    assert "CRC" in str(found["b.md"])
    assert found["c.md"] == article("c")


def test_any_byte_of_a_zip_may_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for position in range(0, len(PACKED["a.zip"]), 3):
        data = bytearray(PACKED["a.zip"])
        data[position] ^= 0xFF
        path.write_bytes(bytes(data))
        try:
            found = contents(path)
        except InputError:
            continue
        assert all(isinstance(outcome, Reject) or outcome in MEMBERS.values() for outcome in found.values())


def test_zip_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of([("bXX.md", article("b"))]).replace(b"bXX.md", b"b\xff\xe9.md"))
    assert contents(tmp_path / "a.zip") == {"b\\xff\\xe9.md": article("b")}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_that_changes_while_it_is_read_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    archive = opened(path)
    sources = sources_of(archive.listing(Request(EVERYTHING)).frame)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed while it was read"):
        list(archive.contents(sources, Limits()))


def test_steps_that_read_in_order_open_an_archive_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tar").write_bytes(PACKED["a.tar"])
    archive = opened(tmp_path / "a.tar")
    sources = sources_of(archive.listing(Request(EVERYTHING)).frame)
    times = []
    unpacked = archives.TarArchive.opened
    monkeypatch.setattr(archives.TarArchive, "opened", lambda tar: (times.append(1), unpacked(tar))[1])  # type: ignore[func-returns-value]
    for source in sources:
        ((_, data),) = archive.contents([source], Limits())
        assert data == MEMBERS[source.source_path]
    assert len(times) == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["tar", "tar.gz"])
def test_a_member_that_is_said_to_be_larger_than_any_disk_takes_no_longer(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tarfile.TarInfo("a.md")
    info.size = 1 << 36
    path = tmp_path / ("a.tar" if pack is bytes else "a.tar.gz")
    path.write_bytes(pack(tar_of([("b.md", article("b"))])[:1024] + info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512))
    reads, read = [0], archives._Unpacking.read

    def counted(stream: archives._Unpacking, size: int = -1) -> bytes:
        reads[0] += 1
        return read(stream, size)

    monkeypatch.setattr(archives._Unpacking, "read", counted)
    with pytest.raises(InputError, match="cut off"):
        listed(path)
    assert reads[0] < 10
