"""What an archive may make a run produce: one budget for every input. Nothing counts that an archive says of itself:
what is unpacked is held against what was read for it, and a file against what its file system holds of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from pressmark.storage.errors import InputError

__all__ = [
    "CHANGES_BYTES", "DEEPEST_FOLDER", "ENCODED_BYTES", "GIT_MEMORY_BYTES", "HARMLESS_ARCHIVE_BYTES",
    "HARMLESS_PART_BYTES", "HASHED_BYTES", "LONGEST_LINE_BYTES", "LONGEST_NAME_BYTES", "RECORD_HEADER_BYTES",
    "XZ_MEMORY_BYTES", "Budget",
]  # fmt: skip

MIB: Final = 1 << 20
GIB: Final = 1 << 30
# Below these sizes no ratio is worth a look: of all that an archive unpacks to, and of a part of it.
HARMLESS_ARCHIVE_BYTES: Final = 16 * MIB
HARMLESS_PART_BYTES: Final = 1 * MIB
# Of a source above the limit at most so many bytes are read for its hash: it may say to have any size.
HASHED_BYTES: Final = 256 * MIB
# What is held whole, or looked through for its end: a body of HTTP with encodings, a line of JSON, the header of a
# record and of a tar's member.
ENCODED_BYTES: Final = 64 * MIB
LONGEST_LINE_BYTES: Final = 64 * MIB
RECORD_HEADER_BYTES: Final = 256 << 10
LONGEST_NAME_BYTES: Final = 1 * MIB
# What the largest dictionary of `xz -9` needs, twice over; and more than git takes for any archive of articles.
XZ_MEMORY_BYTES: Final = 160 * MIB
GIT_MEMORY_BYTES: Final = 1 * GIB
# No archive has so many folders in each other, or so long a list of changes: 11 objects can name 10^9 files.
DEEPEST_FOLDER: Final = 200
CHANGES_BYTES: Final = 1 * GIB


class Budget(NamedTuple):
    """What an archive may be: so many times its own size when it is unpacked, so many bytes in all, and files."""

    ratio: int = 200
    unpacked_bytes: int = 64 * GIB
    files: int = 5_000_000

    def check(self, produced: int, read: int, where: Path | str) -> None:
        """Raises `InputError` where an archive unpacks to more than it may."""
        if problem := self.broken_by(produced, read):
            raise InputError(problem[0], where, problem[1])

    def broken_by(self, produced: int, read: int, harmless: int = HARMLESS_ARCHIVE_BYTES) -> tuple[str, str] | None:
        """What is wrong, and what to do, where so many bytes came out of those that were read; below `harmless` they
        may at any ratio."""
        if produced > self.unpacked_bytes:
            what = f"it unpacks to more than {self.unpacked_bytes / GIB:g} GiB"
            return what, "raise `--max-unpacked-gib`, or split it"
        if produced > max(harmless, self.ratio * read):
            what = f"it unpacks to more than {self.ratio} times its size, as no archive of articles does"
            return what, "raise `--max-ratio` if it is no attack"
        return None

    def check_files(self, files: int, where: Path | str) -> None:
        """Raises `InputError` where an archive names more files than it may."""
        if files > self.files:
            raise InputError(
                f"it names more than {self.files} files", where, "raise `--max-files` if it is no attack, or split it"
            )
