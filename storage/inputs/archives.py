"""Tar and zip archives: read by one process, member by member, with limits on what they unpack to. Reading goes on
where the last call stopped if it can, so that steps which ask for sources in order read the archive once."""

from __future__ import annotations

import io
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self, cast

import pyarrow as pa

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import HARMLESS_PART_BYTES, LONGEST_NAME_BYTES, XZ_MEMORY_BYTES, Budget
from pressmark.storage.inputs.folder import file_version, settled_now
from pressmark.storage.inputs.source import (
    LINK_PROBLEM,
    Input,
    Listing,
    Request,
    Source,
    listing_of,
    named,
    source_paths,
)
from pressmark.transforms.records import Limits, Reject

__all__ = ["PackedArchive", "TarArchive", "ZipArchive"]

CHUNK_BYTES: Final = 1 << 18
OUTSIDE: Final = re.compile(r"\A(?:/|[A-Za-z]:[/\\])|(?:\A|/)\.\.(?:/|\Z)")
UTF8_FLAG: Final = 0x800
ENCRYPTED_FLAG: Final = 1
UNIX: Final = 3

NO_FILE: Final = "no regular file; leave it out of the archive"
OUT_OF_ARCHIVE: Final = "its name leads out of the archive; pack it again under a name below the root"
REPLACED: Final = "a later member of the archive has the same name and replaces this one"
NO_TARGET: Final = "it is linked to a member that is not there"
SPARSE: Final = "a sparse file, which may unpack to any size; pack it again without `--sparse`"
METHOD: Final = "it is packed by a method that is not read; pack it again by the usual one (deflate)"
ENCRYPTED: Final = "it is encrypted; unpack it with its password, and pack it again without one"


class Member(NamedTuple):
    """A file of an archive, the folder entries not counted. `problem` says why it can't be read; `linked_to` is the
    name of an earlier member that has its bytes."""

    name: str
    size: int
    problem: str | None = None
    linked_to: str | None = None


# A member's name, or what else is said of it, stands in one of these before its own header. Readers of numbers in there
# took the square of their length before Python 3.11.10.
LONG_HEADERS: Final = frozenset((b"x", b"g", b"X", b"L", b"K"))
LONG_NUMBER: Final = re.compile(rb"[0-9]{64}")
# More of them before one member than any program writes.
MOST_LONG_HEADERS: Final = 16

Opener = Callable[[], IO[bytes]]
Opened = Iterator[tuple[Member, Opener]]


class PackedArchive(Input):
    """The files in an archive at `path`; each kind of archive says how its members are opened, which errors of
    reading one are about that member alone, and which are about the archive."""

    streamed = True
    member_errors: tuple[type[Exception], ...] = ()
    archive_errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, path: Path, budget: Budget) -> None:
        self.path = path
        self.budget = budget
        self.notes: tuple[str, ...] = ()
        self._state: tuple[int, ...] | None = None
        self._members: Opened | None = None
        self._next = 0

    def opened(self) -> Opened:
        """Members in their order, each with what opens it while it is at hand."""
        raise NotImplementedError

    def listing(self, request: Request) -> Listing:
        self._state = self._state_now()
        version = file_version(os.stat(self.path), settled_now())
        members = request.counted((member for member, _ in self.opened()), self.budget, self.path)
        names = [_cleaned(member.name) for member in members]
        # Of members with the same name, unpacking leaves the last one.
        last = {name: number for number, name in enumerate(names)}
        distinct = [
            name if last[name] == number else f"{name} (member {number + 1})" for number, name in enumerate(names)
        ]
        sources = []
        for number, path in enumerate(source_paths(distinct)):
            member, bearer = members[number], number
            problem = member.problem
            if member.linked_to is not None:
                bearer = last.get(_cleaned(member.linked_to), number)
                problem = problem or (None if bearer < number else NO_TARGET)
            if distinct[number] != names[number]:
                problem = REPLACED
            if OUTSIDE.search(member.name):
                problem = OUT_OF_ARCHIVE
            sources.append(Source(path, str(bearer), members[bearer].size, problem, version=version))
        found = listing_of(sources, request.selection)
        return found._replace(notes=(*self.notes, *found.notes))

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        if self._state is not None and self._state_now() != self._state:
            raise InputError("the archive changed while it was read", self.path, "run again when it is complete")
        wanted: dict[int, list[Source]] = {}
        for source in sources:
            wanted.setdefault(int(source.locator), []).append(source)
        for number in sorted(wanted):
            data = self._read(number, wanted[number][0], limits)
            for source in wanted[number]:
                if isinstance(data, Reject):
                    yield source, data._replace(source_path=source.source_path)
                else:
                    # A bad name is no reason to lose what it names.
                    yield source, data if source.problem is None else source.unreadable(source.problem, data)

    def _read(self, number: int, source: Source, limits: Limits) -> bytes | Reject:
        if self._members is None or number < self._next:
            self._members, self._next = self.opened(), 0
        for member, opener in self._members:
            self._next += 1
            if self._next > number:
                return self._content(member, opener, source, limits)
        raise InputError(f"the archive ends before `{source.source_path}`", self.path, "run again")

    def _content(self, member: Member, opener: Opener, source: Source, limits: Limits) -> bytes | Reject:
        problem = source.problem if member.linked_to is not None else member.problem
        if problem is not None:
            return source.unreadable(problem)
        try:
            with opener() as file:
                if member.size > limits.source_bytes:
                    return source.too_large(member.size, limits, iter(partial(file.read, CHUNK_BYTES), b""))
                # A zip member may unpack to more than it says; then its checksum is wrong.
                data = file.read(member.size + 1)
                return data if len(data) <= member.size else source.too_large(len(data), limits)
        except self.member_errors as error:
            return source.unreadable(f"the member can't be unpacked ({error}); fetch the archive again")
        except self.archive_errors as error:
            raise self.broken(error, f"in `{member.name}`") from error

    def broken(self, error: Exception, where: str) -> InputError:
        return InputError(
            f"the archive can't be read {where} ({error})", self.path, "it is truncated or corrupt; fetch it again"
        )

    def _state_now(self) -> tuple[int, ...]:
        info = os.stat(self.path)
        return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _cleaned(name: str) -> str:
    """A name without `.` parts and doubled slashes."""
    return ("/" if name.startswith("/") else "") + "/".join(part for part in name.split("/") if part not in ("", "."))


class TarArchive(PackedArchive):
    """The files in a tar archive, plain or compressed with gzip, bzip2, xz or Zstandard. Hard links have the bytes
    of the member that they are linked to."""

    # Numbers that are none, in a header of the newer kinds, are a ValueError.
    archive_errors = (tarfile.TarError, EOFError, OSError, ValueError, pa.ArrowInvalid, lzma.LZMAError)

    def opened(self) -> Opened:
        with open(self.path, "rb") as packed:
            stream = _Unpacking(self, packed)
            ended, before = False, 0

            class Entry(tarfile.TarInfo):
                @classmethod
                def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
                    nonlocal ended
                    ended = ended or (len(buf) == tarfile.BLOCKSIZE and not buf.strip(b"\0"))
                    return super().frombuf(buf, encoding, errors)

                # The stream's own names are the only way to look at a header before it is read.
                def _proc_member(self, archive: Any) -> Any:
                    nonlocal before
                    before = before + 1 if self.type in LONG_HEADERS else 0
                    if before > MOST_LONG_HEADERS:
                        raise tarfile.ReadError("headers upon headers")
                    if before:
                        size = self._block(self.size)  # type: ignore[attr-defined]
                        if size > LONGEST_NAME_BYTES:
                            raise tarfile.ReadError(f"a header of {self.size} bytes")
                        stream = archive.fileobj
                        header = stream.read(size)
                        if LONG_NUMBER.search(header):
                            raise tarfile.ReadError("a header with a number that no member has")
                        stream.buf, stream.pos = header + stream.buf, stream.pos - len(header)
                    return super()._proc_member(archive)  # type: ignore[misc]

                def _proc_gnusparse_10(self, found: Any, *_: Any) -> None:
                    # A sparse member is not read, so neither is its map.
                    found.sparse = []

            try:
                with tarfile.open(
                    None, "r|", stream, CHUNK_BYTES, encoding="utf-8", errors="surrogateescape", tarinfo=Entry
                ) as archive:
                    while (entry := archive.next()) is not None:
                        # Kept by tarfile for look-ups that a stream never makes.
                        archive.members.clear()  # type: ignore[attr-defined]
                        if not entry.isdir():
                            # Asked for regular files alone, which have content.
                            yield _tar_member(entry), cast(Opener, partial(archive.extractfile, entry))
            except self.archive_errors as error:
                raise self.broken(error, f"after {stream.unpacked} unpacked bytes") from error
            if not ended:
                raise InputError(
                    f"the archive ends after {stream.unpacked} bytes without its end mark", self.path,
                    "it is truncated; fetch it again",
                )  # fmt: skip
            self._name_what_follows(stream, archive.offset)

    def _name_what_follows(self, stream: _Unpacking, mark: int) -> None:
        place, data = mark, stream.chunk[mark - stream.unpacked :]
        try:
            while data and not (left := data.lstrip(b"\0")):
                place, data = stream.unpacked, stream.read(CHUNK_BYTES)
        except self.archive_errors as error:
            raise self.broken(error, f"after {stream.unpacked} unpacked bytes") from error
        if data:
            first = place + len(data) - len(left)
            note = f"what follows the archive's end mark, from byte {first} on, is not read; join archives otherwise"
            self.notes = (note,)


class _Unpacking(io.RawIOBase):
    """The archive's bytes, unpacked as they are read, and counted."""

    def __init__(self, archive: TarArchive, packed: IO[bytes]) -> None:
        suffix = archive.path.name.lower().rpartition(".")[2]
        super().__init__()
        self._archive = archive
        self._packed = packed
        self._stream: Any = packed
        if suffix in ("xz", "txz"):
            self._stream = _Xz(packed)
        elif suffix != "tar":
            codec = "gzip" if suffix in ("gz", "tgz") else "bz2" if "bz" in suffix else "zstd"
            self._stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), codec)
        self.unpacked = 0
        self.chunk = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        if self._ended and not data:
            # Who skips a member would ask for all that its header says that it has.
            raise EOFError("it is cut off")
        self._ended = not data
        self.unpacked += len(data)
        self.chunk = data or self.chunk
        self._archive.budget.check(self.unpacked, self._packed.tell(), self._archive.path)
        return data


class _Xz:
    """The bytes of xz streams, unpacked in bounded memory."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._ahead = b""
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES)

    def read(self, size: int) -> bytes:
        while True:
            if self._unpacker.eof:
                # Streams may follow each other, with zeros between them.
                self._ahead = self._unpacker.unused_data.lstrip(b"\0") or self._packed.read(CHUNK_BYTES).lstrip(b"\0")
                if not self._ahead:
                    return b""
                self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES)
            packed = self._ahead
            if not packed and self._unpacker.needs_input and not (packed := self._packed.read(CHUNK_BYTES)):
                raise EOFError("it is cut off")
            self._ahead = b""
            if data := self._unpacker.decompress(packed, size):
                return data


def _tar_member(entry: tarfile.TarInfo) -> Member:
    name = named(entry.name.encode("utf-8", "surrogateescape"))
    if entry.issparse():
        return Member(name, 0, SPARSE)
    if entry.isreg():
        return Member(name, entry.size)
    if entry.islnk():
        return Member(name, 0, linked_to=entry.linkname)
    return Member(name, 0, LINK_PROBLEM if entry.issym() else NO_FILE)


class ZipArchive(PackedArchive):
    """The files in a zip archive, in the order of its directory."""

    # A name or a header that is none is a ValueError or `struct.error`, what zipfile can't do a RuntimeError.
    member_errors = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)

    def opened(self) -> Opened:
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OSError) as error:
            raise self.broken(error, "at its end, where its directory is") from error
        with archive:
            # Some tools for Windows write back slashes, against the format.
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith(("/", "\\"))]
            # Members may lie over each other, and each is unpacked.
            self.budget.check(sum(entry.file_size for entry in entries), os.stat(self.path).st_size, self.path)
            for entry in entries:
                yield self._member(entry), partial(archive.open, entry)

    def _member(self, entry: zipfile.ZipInfo) -> Member:
        name = entry.filename
        if not entry.flag_bits & UTF8_FLAG:
            # In UTF-8 where it is so, else escaped; what does not fit comes from an extra field, in UTF-8.
            with suppress(UnicodeEncodeError):
                name = named(name.encode("cp437"))
        name = name.replace("\\", "/")
        kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == UNIX else 0
        problem = None
        if kind not in (0, stat.S_IFREG):
            return Member(name, 0, LINK_PROBLEM if kind == stat.S_IFLNK else NO_FILE)
        if entry.flag_bits & ENCRYPTED_FLAG:
            problem = ENCRYPTED
        elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # The others are unpacked without a limit.
            problem = METHOD
        elif broken := self.budget.broken_by(entry.file_size, entry.compress_size, HARMLESS_PART_BYTES):
            problem = "; ".join(broken)
        return Member(name, entry.file_size, problem)
