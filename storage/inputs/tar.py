"""A tar archive, plain or compressed with gzip or Zstandard."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import IO, Final

import pyarrow as pa

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.names import named
from pressmark.storage.inputs.packed import Member, Opened, PackedArchive, too_much
from pressmark.storage.inputs.source import LINK_PROBLEM

__all__ = ["TarArchive"]

CHUNK_BYTES: Final = 1 << 18
# Below this size no ratio is worth a look.
HARMLESS_BYTES: Final = 16 << 20


class TarArchive(PackedArchive):
    """The files in a tar archive. Hard links have the bytes of the member that they are linked to."""

    archive_errors = (tarfile.TarError, EOFError, OSError, pa.ArrowInvalid)

    def opened(self) -> Opened:
        with open(self.path, "rb") as packed:
            stream = _Unpacking(self, packed)
            try:
                with tarfile.open(
                    None, "r|", stream, CHUNK_BYTES, encoding="utf-8", errors="surrogateescape"
                ) as archive:
                    while (entry := archive.next()) is not None:
                        # Kept by tarfile for look-ups that a stream never makes.
                        archive.members.clear()  # type: ignore[attr-defined]
                        if not entry.isdir():
                            yield _member(entry), _opener(archive, entry)
            except self.archive_errors as error:
                raise self.broken(error, f"after {stream.unpacked} unpacked bytes") from error
            if stream.tail.strip(b"\0") or not stream.tail:
                raise InputError(
                    f"the archive ends after {stream.unpacked} bytes without its end mark", self.path,
                    "it is truncated; fetch it again",
                )  # fmt: skip


class _Unpacking(io.RawIOBase):
    """The archive's bytes, unpacked as they are read, and counted."""

    def __init__(self, archive: TarArchive, packed: IO[bytes]) -> None:
        name = archive.path.name.lower()
        codec = "gzip" if name.endswith("gz") else None if name.endswith("tar") else "zstd"
        super().__init__()
        self._archive = archive
        self._packed = packed
        self._stream = packed if codec is None else pa.CompressedInputStream(pa.PythonFile(packed, "r"), codec)
        self.unpacked = 0
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self.unpacked += len(data)
        self.tail = data[-tarfile.BLOCKSIZE :] or self.tail
        limits = self._archive.limits
        if self.unpacked > limits.unpacked_bytes:
            raise too_much(self._archive.path, limits.unpacked_bytes)
        if self.unpacked > HARMLESS_BYTES and self.unpacked > limits.ratio * self._packed.tell():
            raise InputError(
                f"the archive unpacks to more than {limits.ratio} times its size, as no archive of articles does",
                self._archive.path, "raise `--max-ratio` if it is no attack",
            )  # fmt: skip
        return data


def _member(entry: tarfile.TarInfo) -> Member:
    name = named(entry.name.encode("utf-8", "surrogateescape"))
    if entry.isreg():
        return Member(name, entry.size)
    if entry.islnk():
        return Member(name, 0, linked_to=entry.linkname)
    return Member(name, 0, LINK_PROBLEM if entry.issym() else "no regular file; leave it out of the archive")


def _opener(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opener() -> IO[bytes]:
        file = archive.extractfile(entry)
        if file is None:
            raise tarfile.ReadError(f"`{entry.name}` has no content")
        return file

    return opener
