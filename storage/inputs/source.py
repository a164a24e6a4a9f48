"""What an input is to the rest: something that lists sources as a frame and gives their bytes. A name in an input is a
path below its root with `/` between its parts, bytes that are no UTF-8 escaped as `os.fsdecode` does."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from pressmark.storage.inputs.budget import HASHED_BYTES, Budget
from pressmark.storage.inputs.unpacked import Broken, inflated
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import PACKED_PAGE, RECORD_FILE, Selection

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ANY_SIZE", "EVERYTHING", "LINK_PROBLEM", "LISTING", "OF_RECORDS", "Before", "Input", "Listing",
    "Request", "Source", "listing_of", "listing_schema", "named", "path_of", "source_paths", "sources_of",
]  # fmt: skip

OF_RECORDS: Final = (
    "a crawl, a dump or a page saved with all that it shows is read where it is named itself, or in a folder that is "
    "no repository; unpack or copy it, and name it"
)
EVERYTHING: Final = Selection(include=("**",))
ANY_SIZE: Final = Limits(source_bytes=1 << 62)
# What is said of an archive beside it is no file of it.
CONFIGURATION: Final = "pressmark.toml"
GZIP: Final = b"\x1f\x8b"
LINK_PROBLEM: Final = "a symbolic link is not followed; what it leads to is ingested by its own path"
PROGRESS_EVERY: Final = 1000
# Files that are left out are named, up to so many.
MOST_NAMED: Final = 1000
T = TypeVar("T")
# The columns of a listing: one row for each source, or for each period of one.
LISTING: Final = ("source_path", "locator", "source_bytes", "problem", "valid_from", "valid_to", "version")


class Source(NamedTuple):
    """A file of an input, or one that it had. `locator` is what its input finds it by; `problem` says why it can't be
    read. `valid_from` is the time of the commit that brought it (None: no history), `valid_to` that at which it was
    replaced or deleted. `version` differs whenever the bytes do; empty where listing can't tell."""

    source_path: str
    locator: str
    source_bytes: int
    problem: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    version: str = ""

    def is_beyond(self, limits: Limits) -> bool:
        """Whether it is not read even for its hash."""
        return self.source_bytes > max(limits.source_bytes, HASHED_BYTES)

    def unreadable(self, detail: str, data: bytes | None = None) -> Reject:
        """The reject of a source that can't be read; `data` are its bytes where it is only its name that is bad."""
        sha256 = None if data is None else hashlib.sha256(data).hexdigest()
        return Reject(self.source_path, sha256, self.source_bytes, "unreadable", detail, None, data)

    def too_large(self, size: int, limits: Limits, chunks: Iterable[bytes] = ()) -> Reject:
        """The reject of a source above the limit, with its hash where `chunks`, read up to `HASHED_BYTES`, are all of
        it."""
        digest, hashed = hashlib.sha256(), 0
        for chunk in chunks if size <= HASHED_BYTES else ():
            digest.update(chunk)
            hashed += len(chunk)
            if hashed > HASHED_BYTES:
                break
        detail = f"{size} bytes are more than the limit of {limits.source_bytes}; raise `--max-source-mib` to read it"
        sha256 = digest.hexdigest() if hashed == size else None
        return Reject(self.source_path, sha256, size, "too_large", detail, None, None)


def listing_schema() -> dict[str, pl.DataType]:
    """The types of the columns `LISTING`."""
    # Workers, who read sources and list none, do not load polars.
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    types = (pl.String(), pl.Binary(), pl.Int64(), pl.String(), moment, moment, pl.String())
    return dict(zip(LISTING, types, strict=True))


def _frame(sources: Iterable[Source]) -> pl.DataFrame:
    import polars as pl

    paths, locators, *others = zip(*sources, strict=True) if (sources := list(sources)) else [()] * len(LISTING)
    columns = [paths, [locator.encode("utf-8", "surrogateescape") for locator in locators], *others]
    return pl.DataFrame(dict(zip(LISTING, columns, strict=True)), schema=listing_schema())


def sources_of(frame: pl.DataFrame) -> list[Source]:
    """The sources of a frame that has the columns `LISTING`."""
    return [
        Source(path, locator.decode("utf-8", "surrogateescape"), *rest)
        for path, locator, *rest in frame.select(*LISTING).iter_rows()
    ]


class Before(NamedTuple):
    """What an earlier listing of the same address kept, and the commit that it saw."""

    frame: pl.DataFrame
    commit: str | None


class Request(NamedTuple):
    """What to list: files that `selection` takes, but for those below `leave_out`. `before` spares the walk through
    commits that were listed already. With `history`, a file that moved unchanged is one source at its last path; with
    `moves` too, at each."""

    selection: Selection = Selection()
    leave_out: Path | None = None
    before: Before | None = None
    history: bool = False
    moves: bool = False
    progress: Callable[[int], None] = lambda _: None

    def counted(self, found: Iterable[T], budget: Budget, where: Path | str) -> list[T]:
        """What is found, with a call of `progress` now and then; raises `InputError` where it is too much."""
        every: list[T] = []
        for one in found:
            every.append(one)
            budget.check_files(len(every), where)
            if len(every) % PROGRESS_EVERY == 0:
                self.progress(len(every))
        return every


class Listing(NamedTuple):
    """What an input has, and had. `frame` has the columns `LISTING`, in the order of `source_path`, `valid_from`
    (unknown first) and `locator`, files that no longer are with their `valid_to`. `kept` is for the next
    `Request.before`. `left_out` counts files that the selection did not take, `not_taken` are their first names.
    `commit` and `committed_at` are those that were listed; `notes` are for the operator."""

    frame: pl.DataFrame
    kept: pl.DataFrame
    left_out: int = 0
    commit: str | None = None
    committed_at: datetime | None = None
    notes: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()


class Input(Protocol):
    """An archive that is open for reading. `deletes`: what is absent from it was deleted. `streamed`: it is read from
    start to end, by one process, and sources are best asked for in the order of their locators as numbers."""

    deletes: bool = False
    streamed: bool = False

    def listing(self, request: Request) -> Listing:
        """What there is; raises `InputError` where the input can't be listed."""

    def find(self, paths: Iterable[str]) -> list[Source]:
        """Those of the files there are that have one of these paths."""
        import polars as pl

        frame = self.listing(Request(EVERYTHING)).frame
        return sources_of(frame.filter(pl.col("valid_to").is_null(), pl.col("source_path").is_in(set(paths))))

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        """Each source with its bytes, or with the reject that says why there are none; in the input's own order. Packed
        pages, as `story.html.gz`, are what they hold. Raises `InputError` where the input itself is broken."""
        for source, data in self.read(sources, limits):
            packed = isinstance(data, bytes) and data.startswith(GZIP) and PACKED_PAGE.search(source.source_path)
            yield source, _unpacked(source, data, limits) if packed and isinstance(data, bytes) else data

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        """The same as it is stored."""


def _unpacked(source: Source, data: bytes, limits: Limits) -> bytes | Reject:
    pieces, size, read = [], 0, 0
    try:
        for piece, place in inflated(data):
            read = place
            pieces.append(piece)
            size += len(piece)
            if size > limits.source_bytes:
                return source.too_large(size, limits)
    except Broken as error:
        return source.unreadable(f"the packed page can't be unpacked ({error}); restore the file", data)
    if data[read:].strip(b"\0"):
        left = len(data) - read
        return source.unreadable(f"{left} bytes that are not packed follow the page; restore the file", data)
    return b"".join(pieces)


def named(raw: bytes) -> str:
    """The name with these bytes."""
    return raw.decode("utf-8", "surrogateescape")


def path_of(name: str) -> str:
    """The `source_path` of a name, where no other name of the input has the same: NFC, or escaped."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return _escaped(name)
    return unicodedata.normalize("NFC", name)


def _escaped(name: str) -> str:
    """A name with its bytes outside ASCII as `\\xNN`: what no other name has."""
    return os.fsencode(name).decode("ascii", "backslashreplace")


def source_paths(names: Sequence[str]) -> list[str]:
    """A `source_path` for each of the names, which differ: of names that NFC makes equal, those not in NFC are
    escaped."""
    paths = [path_of(name) for name in names]
    if len(set(paths)) == len(paths):
        return paths
    counts = Counter(paths)
    return [
        _escaped(name) if counts[path] > 1 and name != path else path for name, path in zip(names, paths, strict=True)
    ]


def listing_of(sources: Iterable[Source] | pl.DataFrame, selection: Selection = EVERYTHING) -> Listing:
    """The listing of those that a selection takes; files of records have the problem `OF_RECORDS`."""
    import polars as pl

    rows = sources if isinstance(sources, pl.DataFrame) else _frame(sources)
    of_records = pl.col("source_path").str.contains(f"(?i){RECORD_FILE}$") & pl.col("problem").is_null()
    rows = rows.with_columns(problem=pl.when(of_records).then(pl.lit(OF_RECORDS)).otherwise("problem"))
    taken = pl.Series(selection.taken(rows["source_path"].to_arrow()), dtype=pl.Boolean)
    frame = rows.filter(taken).sort("source_path", "valid_from", "locator", nulls_last=False)
    others = rows.filter(~taken & pl.col("valid_to").is_null() & (pl.col("source_path") != CONFIGURATION))
    names = others["source_path"].sort()
    return Listing(frame, frame, len(names), not_taken=tuple(names.head(MOST_NAMED)))
