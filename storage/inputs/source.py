"""What an input is to the rest: something that lists sources and gives their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import Selection

__all__ = [
    "ANY_SIZE", "EVERYTHING", "LINK_PROBLEM", "ArchiveLimits", "Input", "Listing", "Request", "Since", "Source",
    "too_large", "unreadable",
]  # fmt: skip

EVERYTHING: Final = Selection(include=("**",))
ANY_SIZE: Final = Limits(source_bytes=1 << 62)
LINK_PROBLEM: Final = "a symbolic link is not followed; what it leads to is ingested by its own path"


class Source(NamedTuple):
    """A file of an input, or one that it had: `valid_to` is the time at which that one was replaced or deleted.

    `locator` is what its input finds it by; `problem` says why it can't be read, where listing already showed that.
    `valid_from` is the time of the commit that brought it; None where the input has no history. `version` differs
    whenever the bytes do, where listing tells such a thing.
    """

    source_path: str
    locator: str
    source_bytes: int
    problem: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a tar or zip archive may unpack to: so many times its own size, and so many bytes in all."""

    ratio: int = 200
    unpacked_bytes: int = 64 << 30

    def __post_init__(self) -> None:
        if self.ratio < 1 or self.unpacked_bytes < 1:
            raise ValueError("limits must be at least 1")


class Since(NamedTuple):
    """The commit that the latest run ingested, and its time."""

    commit: str
    committed_at: datetime


class Request(NamedTuple):
    """What to list: files that `selection` takes, those below the folder `leave_out` excepted.

    With `since`, an input with commits lists only what changed after that one; with `history`, also every file that
    no longer stands. `pool` maps a function over tasks, in processes if there are any.
    """

    selection: Selection = Selection()
    leave_out: Path | None = None
    since: Since | None = None
    history: bool = False
    progress: Callable[[int], None] = lambda _: None
    pool: Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]] = map


class Listing(NamedTuple):
    """Sources in the order of `source_path`; all of them, or, where not `complete`, those that came after
    `Request.since`.

    `ended` tells when a source that stood at a path from some time on was replaced or deleted, and `changed` when that
    happened first to a path since `Request.since`, or last if the listing is complete; None where nobody knows. `total`
    counts all sources of an input that tells, whether or not the listing has them. `left_out` counts files that the
    selection did not take. `commit` and `committed_at` are those of the archive's state that was listed. `notes` are
    for whoever started the run.
    """

    sources: Sequence[Source]
    complete: bool = True
    ended: Mapping[tuple[str, datetime | None], datetime] = {}  # never changed
    changed: Mapping[str, datetime | None] = {}  # never changed
    left_out: int = 0
    total: int | None = None
    commit: str | None = None
    committed_at: datetime | None = None
    notes: tuple[str, ...] = ()


class Input(Protocol):
    """An archive that is open for reading.

    `deletes`: what is absent from it was deleted. `streamed`: it is read from its start to its end, so only one
    process can read it, and sources are best asked for in the order of their locators. `window_bytes`: about so many
    bytes of what came together are read much faster in one go than source by source; 0 where that is all one.
    """

    deletes: bool
    streamed: bool
    window_bytes: int

    def listing(self, request: Request) -> Listing:
        """What there is; raises `InputError` where the input can't be listed."""

    def find(self, paths: Iterable[str]) -> list[Source]:
        """Those sources of the listed state that have one of these paths."""

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        """Each source with its bytes, or with the reject that says why there are none; in the input's own order.

        Raises `InputError` where the input itself is broken.
        """


def unreadable(source: Source, detail: str, data: bytes | None = None) -> Reject:
    """The reject of a source that can't be read; `data` are its bytes where it is only its name that is bad."""
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    return Reject(source.source_path, sha256, source.source_bytes, "unreadable", detail, None, data)


def too_large(source: Source, sha256: str | None, size: int, limits: Limits) -> Reject:
    """The reject of a source above the limit."""
    detail = f"{size} bytes are more than the limit of {limits.source_bytes}; raise `--max-source-mib` to read it"
    return Reject(source.source_path, sha256, size, "too_large", detail, None, None)
