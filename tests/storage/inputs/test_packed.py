"""Archives that are cut short, lie about their size, or name what lies outside: an error or a reject, never a loss."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from archives import ingest, rows_of
from repositories import article

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.source import ArchiveLimits
from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

MEMBERS = {f"{name}.md": article(name) for name in ("a", "b", "c")}


def breaches(output: Path) -> list[object]:
    return list(verify_output(Output(output), workers=1, progress=lambda *_: None).breaches)


def tar_of(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


PACKED = {
    "a.tar": tar_of(list(MEMBERS.items())),
    "a.tar.gz": gzip.compress(tar_of(list(MEMBERS.items()))),
    "a.zip": zip_of(list(MEMBERS.items())),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.3, 0.5, 0.9])
def test_an_archive_that_is_cut_short_stops_the_run(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    data = PACKED[name]
    path.write_bytes(data)
    ingest(str(path), tmp_path / "out", 1)
    before = rows_of(tmp_path / "out", "articles", "source_path")
    # Of a plain tar the rest is zeros after its end mark.
    size = int(len(tar_of(list(MEMBERS.items())).rstrip(b"\0")) * kept) if name == "a.tar" else int(len(data) * kept)
    path.write_bytes(data[:size])
    with pytest.raises(InputError, match=r"can't be read|without its end mark"):
        ingest(str(path), tmp_path / "out", 2, absent_is_deleted=True)
    assert rows_of(tmp_path / "out", "articles", "source_path") == before
    assert len(before) == 3


def test_a_tar_cut_between_members_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(list(MEMBERS.items()))[: 2 * 1024])
    with pytest.raises(InputError, match="without its end mark"):
        ingest(str(path), tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.zst", "a.zip"])
def test_what_is_no_archive_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>404 not found</html>" * 100)
    with pytest.raises(InputError, match="can't be read"):
        ingest(str(tmp_path / name), tmp_path / "out")


@pytest.mark.parametrize(("suffix", "pack"), [("tar", tar_of), ("zip", zip_of)])
def test_names_that_lead_out_are_rejects_with_their_bytes(tmp_path: Path, suffix: str, pack: object) -> None:
    bad = ["../up.md", "x/../../up.md", "/etc/abs.md", "C:/drive.md"]
    data = pack([(name, article(str(n))) for n, name in enumerate([*bad, "./ok//fine.md"])])  # type: ignore[operator]
    (tmp_path / f"a.{suffix}").write_bytes(data)
    ingest(str(tmp_path / f"a.{suffix}"), tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("ok/fine.md",)]
    rejected = {row[0]: row[1:] for row in rows_of(tmp_path / "out", "rejects", "source_path", "reason", "raw")}
    assert rejected == {name: ("unreadable", article(str(n))) for n, name in enumerate(bad)}
    assert breaches(tmp_path / "out") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", "out"]


@pytest.mark.parametrize(("suffix", "pack"), [("tar", tar_of), ("zip", zip_of)])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_with_one_name_the_last_is_the_file(tmp_path: Path, suffix: str, pack: object) -> None:
    old, new = article("a", body="<p>旧</p>"), article("a", body="<p>新</p>")
    (tmp_path / f"a.{suffix}").write_bytes(pack([("a.md", old), ("b.md", article("b")), ("./a.md", new)]))  # type: ignore[operator]
    ingest(str(tmp_path / f"a.{suffix}"), tmp_path / "out")
    assert ("a.md", "新") in rows_of(tmp_path / "out", "articles", "source_path", "text")
    assert rows_of(tmp_path / "out", "rejects", "source_path", "raw") == [("a.md (member 1)", old)]
    assert breaches(tmp_path / "out") == []


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
    ingest(str(tmp_path / "a.tar"), tmp_path / "out", workers=2)
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("z.md",)]
    assert rows_of(tmp_path / "out", "revisions", "source_path", "change") == [("a.md", "copy")]
    assert sorted(rows_of(tmp_path / "out", "rejects", "source_path", "reason")) == [
        ("bad.md", "unreadable"), ("pipe.md", "unreadable"),
    ]  # fmt: skip
    assert breaches(tmp_path / "out") == []


def test_a_zip_member_that_unpacks_to_too_much_is_a_reject_unread(tmp_path: Path) -> None:
    bomb = bytes(8 << 20)
    (tmp_path / "a.zip").write_bytes(zip_of([("bomb.md", bomb), ("a.md", article("a"))]))
    ingest(str(tmp_path / "a.zip"), tmp_path / "out", 1)
    ((path, reason, detail, raw),) = rows_of(tmp_path / "out", "rejects", "source_path", "reason", "detail", "raw")
    assert (path, reason, raw) == ("bomb.md", "unreadable", None)
    assert "--max-ratio" in str(detail)
    assert ingest(str(tmp_path / "a.zip"), tmp_path / "out", 2).parsed == 0
    ingest(str(tmp_path / "a.zip"), tmp_path / "wide", 1, archive_limits=ArchiveLimits(ratio=2000))
    assert rows_of(tmp_path / "wide", "rejects", "reason", "source_bytes") == [("no_header", 8 << 20)]


def test_a_zip_that_lies_about_a_members_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    data = bytearray(zip_of([("bomb.md", bytes(8 << 20)), ("a.md", article("a"))]))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 100)
    (tmp_path / "a.zip").write_bytes(bytes(data))
    ingest(str(tmp_path / "a.zip"), tmp_path / "out")
    assert rows_of(tmp_path / "out", "rejects", "source_path", "reason") == [("bomb.md", "unreadable")]
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("a.md",)]


def test_a_tar_that_unpacks_to_too_much_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(tar_of([("bomb.md", bytes(64 << 20)), ("a.md", article("a"))])))
    with pytest.raises(InputError, match=r"200 times its size.*--max-ratio"):
        ingest(str(tmp_path / "a.tar.gz"), tmp_path / "out")
    report = ingest(str(tmp_path / "a.tar.gz"), tmp_path / "out", archive_limits=ArchiveLimits(ratio=5000))
    assert (report.articles, report.rejects) == (1, 1)
    assert rows_of(tmp_path / "out", "rejects", "reason") == [("too_large",)]


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_above_the_limit_of_unpacked_bytes_stops_the_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    with pytest.raises(InputError, match="--max-unpacked-gib"):
        ingest(str(tmp_path / name), tmp_path / "out", archive_limits=ArchiveLimits(unpacked_bytes=300))


def test_bad_zip_members_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    data = bytearray(zip_of([("a.md", article("a")), ("b.md", article("b")), ("c.md", article("c"))]))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[first + 8] |= 1  # says that it is encrypted
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[second + 16] ^= 0xFF  # another checksum
    (tmp_path / "a.zip").write_bytes(bytes(data))
    ingest(str(tmp_path / "a.zip"), tmp_path / "out")
    rejected = dict(rows_of(tmp_path / "out", "rejects", "source_path", "detail"))
    assert rejected.keys() == {"a.md", "b.md"}
    assert "encrypted" in str(rejected["a.md"])
    assert "CRC" in str(rejected["b.md"])
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("c.md",)]


def test_zip_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    data = zip_of([("bXX.md", article("b"))]).replace(b"bXX.md", b"b\xff\xe9.md")
    (tmp_path / "a.zip").write_bytes(data)
    ingest(str(tmp_path / "a.zip"), tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("b\\xff\\xe9.md",)]


def test_an_archive_that_changes_while_it_is_read_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pressmark.storage import ingestion

    path = tmp_path / "a.tar"
    path.write_bytes(PACKED["a.tar"])
    plan = ingestion.Ingestion.plan

    def planned(run: ingestion.Ingestion) -> object:
        counts = plan(run)
        os.utime(path, ns=(1, 1))
        return counts

    monkeypatch.setattr(ingestion.Ingestion, "plan", planned)
    with pytest.raises(InputError, match="changed while it was read"):
        ingest(str(path), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.parquet"))
