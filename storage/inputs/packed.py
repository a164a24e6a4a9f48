"""What tar and zip archives have in common: members that are read from the first to the last, and limits on them.

An archive is read by one process, member by member; nothing is unpacked to disk. Reading goes on where the last call
stopped if it can, so that steps which ask for sources in order read the archive once.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.entries import file_version, settled_now
from pressmark.storage.inputs.names import source_paths
from pressmark.storage.inputs.source import EVERYTHING, ArchiveLimits, Listing, Request, Source, too_large, unreadable
from pressmark.transforms.records import Limits, Reject

__all__ = ["Member", "Opened", "PackedArchive", "too_much"]

CHUNK_BYTES: Final = 1 << 20
OUTSIDE: Final = re.compile(r"\A(?:/|[A-Za-z]:[/\\])|(?:\A|/)\.\.(?:/|\Z)")


class Member(NamedTuple):
    """A file of an archive, the folder entries not counted. `problem` says why it can't be read; `linked_to` is the
    name of an earlier member that has its bytes."""

    name: str
    size: int
    problem: str | None = None
    linked_to: str | None = None


Opened = Generator[tuple[Member, Callable[[], IO[bytes]]], None, None]


class PackedArchive:
    """The files in an archive at `path`; each kind of archive says how its members are opened, which errors of
    reading one are about that member alone, and which are about the archive."""

    deletes = False
    streamed = True
    window_bytes = 0
    member_errors: tuple[type[Exception], ...] = ()
    archive_errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self.path = path
        self.limits = limits
        self._state: tuple[int, ...] | None = None
        self._members: Opened | None = None
        self._next = 0

    def opened(self) -> Opened:
        """Members in their order, each with what opens it while it is at hand."""
        raise NotImplementedError

    def listing(self, request: Request) -> Listing:
        self._state = self._state_now()
        version = file_version(os.stat(self.path), settled_now())
        members: list[Member] = []
        for member, _ in self.opened():
            members.append(member)
            if len(members) % 1000 == 0:
                request.progress(len(members))
        names = [_cleaned(member.name) for member in members]
        # Of members with the same name, unpacking leaves the last one.
        last = {name: number for number, name in enumerate(names)}
        distinct = [
            name if last[name] == number else f"{name} (member {number + 1})" for number, name in enumerate(names)
        ]
        sources = []
        for number, path in enumerate(source_paths(distinct)):
            if not request.selection.takes(path):
                continue
            member, bearer = members[number], number
            problem = member.problem
            if member.linked_to is not None:
                bearer = last.get(_cleaned(member.linked_to), number)
                problem = problem or (None if bearer < number else "it is linked to a member that is not there")
            if distinct[number] != names[number]:
                problem = "a later member of the archive has the same name and replaces this one"
            if OUTSIDE.search(member.name):
                problem = "its name leads out of the archive; pack it again under a name below the root"
            size = members[bearer].size
            sources.append(Source(path, str(bearer), size, problem, version=version))
        return Listing(sorted(sources), left_out=len(members) - len(sources))

    def find(self, paths: Iterable[str]) -> list[Source]:
        wanted = set(paths)
        return [source for source in self.listing(Request(EVERYTHING)).sources if source.source_path in wanted]

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        if self._state is not None and self._state_now() != self._state:
            raise InputError("the archive changed while it was read", self.path, "run again when it is complete")
        wanted: dict[int, list[Source]] = {}
        for source in sources:
            wanted.setdefault(int(source.locator), []).append(source)
        for number in sorted(wanted):
            data = self._read(number, wanted[number][0], limits)
            for source in wanted[number]:
                yield source, _outcome(source, data)

    def _read(self, number: int, source: Source, limits: Limits) -> bytes | Reject:
        if self._members is None or number < self._next:
            if self._members is not None:
                self._members.close()
            self._members, self._next = self.opened(), 0
        for member, opener in self._members:
            self._next += 1
            if self._next > number:
                return self._content(member, opener, source, limits)
        raise InputError(f"the archive ends before `{source.source_path}`", self.path, "run again")

    def _content(
        self, member: Member, opener: Callable[[], IO[bytes]], source: Source, limits: Limits
    ) -> bytes | Reject:
        problem = source.problem if member.linked_to is not None else member.problem
        if problem is not None:
            return unreadable(source, problem)
        try:
            with opener() as file:
                if member.size <= limits.source_bytes:
                    return file.read()
                digest = hashlib.sha256()
                size = 0
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                return too_large(source, digest.hexdigest(), size, limits)
        except self.member_errors as error:
            return unreadable(source, f"the member can't be unpacked ({error}); fetch the archive again")
        except self.archive_errors as error:
            raise self.broken(error, f"in `{member.name}`") from error

    def broken(self, error: Exception, where: str) -> InputError:
        """The error of an archive that can't be read to its end."""
        return InputError(
            f"the archive can't be read {where} ({error})", self.path, "it is truncated or corrupt; fetch it again"
        )

    def _state_now(self) -> tuple[int, ...]:
        info = os.stat(self.path)
        return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def too_much(path: Path, limit: int) -> InputError:
    """The error of an archive that unpacks to more than it may."""
    return InputError(
        f"the archive unpacks to more than {limit / (1 << 30):g} GiB", path, "raise `--max-unpacked-gib`, or split it"
    )


def _outcome(source: Source, data: bytes | Reject) -> bytes | Reject:
    if isinstance(data, Reject):
        return data._replace(source_path=source.source_path)
    # A bad name is no reason to lose what it names.
    return data if source.problem is None else unreadable(source, source.problem, data)


def _cleaned(name: str) -> str:
    """A name without `.` parts and doubled slashes."""
    return ("/" if name.startswith("/") else "") + "/".join(part for part in name.split("/") if part not in ("", "."))
