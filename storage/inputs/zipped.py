"""A zip archive, with the names and limits of its members."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import IO, Final

from pressmark.storage.inputs.names import named
from pressmark.storage.inputs.packed import Member, Opened, PackedArchive, too_much
from pressmark.storage.inputs.source import LINK_PROBLEM

__all__ = ["ZipArchive"]

UTF8_FLAG: Final = 0x800
UNIX: Final = 3
# Below this size no ratio is worth a look.
HARMLESS_BYTES: Final = 1 << 20


class ZipArchive(PackedArchive):
    """The files in a zip archive, in the order of its directory."""

    # An encrypted member is a RuntimeError, a compression that is not supported a NotImplementedError.
    member_errors = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)

    def opened(self) -> Opened:
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise self.broken(error, "at its end, where its directory is") from error
        with archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > self.limits.unpacked_bytes:
                raise too_much(self.path, self.limits.unpacked_bytes)
            for entry in entries:
                yield self._member(entry), _opener(archive, entry)

    def _member(self, entry: zipfile.ZipInfo) -> Member:
        name = _name(entry)
        kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == UNIX else 0
        if kind == stat.S_IFLNK:
            return Member(name, 0, LINK_PROBLEM)
        if kind not in (0, stat.S_IFREG):
            return Member(name, 0, "no regular file; leave it out of the archive")
        if entry.file_size > max(HARMLESS_BYTES, entry.compress_size * self.limits.ratio):
            return Member(
                name, entry.file_size,
                f"it says to unpack to {entry.file_size} bytes, more than {self.limits.ratio} times its size, as no "
                "article does; raise `--max-ratio` if it is no attack",
            )  # fmt: skip
        return Member(name, entry.file_size)


def _opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return partial(archive.open, entry)


def _name(entry: zipfile.ZipInfo) -> str:
    """The member's name: in UTF-8 where it says so or is so, else escaped."""
    if entry.flag_bits & UTF8_FLAG:
        return entry.filename
    return named(entry.filename.encode("cp437"))
