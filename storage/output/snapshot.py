"""The files of an output as they stood at one moment: readable while runs replace them, or kept as `OUTPUT@RUN`. Files
are replaced by renaming, so a hard link keeps what a reader began with; a shared lock keeps a run from publishing while
the links are made. Objects are copied."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import xxhash

from pressmark.schemas import BY_RUN, TABLES
from pressmark.schemas.contract import UNKNOWN_PERIODS
from pressmark.storage.errors import OutputError
from pressmark.storage.output.folder import JOURNAL, PRIVATE, exclusive, held_folder, inside, publishing, sync
from pressmark.storage.output.store import Stored
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import latest_of, new_stamp
from pressmark.transforms.records import Partition

__all__ = [
    "MOMENTS", "KeptMoment", "Part", "Snapshot", "drop_moments", "keep", "kept", "names_moment", "output_at",
    "snapshot",
]  # fmt: skip

MOST_TRIES: Final = 5
MOMENTS: Final = f"{PRIVATE}/moments"
AT: Final = re.compile(r".+@\d{8}T\d{6}Z-[0-9a-f]+")
# What a folder answers that may be read only, or lies where there are no hard links.
NO_LINKS: Final = frozenset({errno.EPERM, errno.EACCES, errno.EROFS, errno.EXDEV, errno.ENOTSUP, errno.EMLINK})

_File = tuple[str, str, Stored]


class Part(NamedTuple):
    """The files of a partition: its table, its partition as in its path (`outlet=…/month=…`, `run_id=…` or nothing),
    where they can be read, and the XXH3-128 of their bytes. Days are taken together by month."""

    table: str
    partition: str
    paths: tuple[Path, ...]
    digest: str


class Snapshot(NamedTuple):
    """An output's files, which lie below `folder` as they do in the output; and all its partitions where digests were
    asked for, tables in the order of the contract, partitions in the order of their paths."""

    output: Output
    folder: Path
    parts: tuple[Part, ...]


@contextlib.contextmanager
def snapshot(output: Output, reader_id: str, *, digested: bool = True) -> Iterator[Snapshot]:
    """The output's files as of now; they stay as they are until the block ends. Without `digested`, which needs all of
    their bytes, no partitions are named. Raises `OutputError` where there is no output, or an interrupted run can't be
    completed."""
    # A run's own row comes last, so what was killed while it published has none.
    if not any(output.files(name) for name in ("runs", *TABLES)):
        raise OutputError("no run has written to this folder", output.address, "name an output folder, or ingest first")
    with _linked(output, reader_id) if output.is_local else _copied(output) as (folder, held):
        files: dict[tuple[str, str], list[Path]] = {}
        for table, name, entry in held if digested else ():
            files.setdefault((table, name), []).append(folder / entry.name)
        parts = [Part(*key, tuple(paths), _digest(paths)) for key, paths in files.items()]
        yield Snapshot(output, folder, tuple(parts))


@contextlib.contextmanager
def _linked(output: Output, reader_id: str) -> Iterator[tuple[Path, list[_File]]]:
    """A folder with links to the files of one moment, and these: later ones may be other files."""
    with contextlib.ExitStack() as held, contextlib.ExitStack() as lock:
        lock.enter_context(_unpublished(output.root, reader_id))
        links = inside(output.root, f"{PRIVATE}/readers/{reader_id}")
        try:
            held.enter_context(held_folder(links))
            files = list(_files(output))
            _link(output.root, links, [entry.name for _, _, entry in files])
            lock.close()
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            # No links can be made, so the lock is held instead: runs wait with publishing until the reader is done.
            links, files = output.root, list(_files(output))
        yield links, files


@contextlib.contextmanager
def _unpublished(root: Path, reader_id: str) -> Iterator[None]:
    """A moment at which no run is publishing or was killed while it did."""
    with publishing(root, shared=True):
        if not (root / JOURNAL).exists():
            yield
            return
    # No one is publishing, so whoever was is dead: this reader completes it, as the next run would.
    with exclusive(root, reader_id), publishing(root, shared=True):
        yield


@contextlib.contextmanager
def _copied(output: Output) -> Iterator[tuple[Path, list[_File]]]:
    """A folder with copies of objects that were there together, and these: no run published while they were copied."""
    store = output.store
    with tempfile.TemporaryDirectory(prefix="pressmark-") as folder:
        have: dict[str, str] = {}
        for _ in range(MOST_TRIES):
            files = list(_files(output))
            entries = {entry.name: entry for _, _, entry in files}
            for gone in have.keys() - entries.keys():
                Path(folder, gone).unlink()
                del have[gone]
            for name, entry in entries.items():
                if have.get(name) != entry.version:
                    target = Path(folder, name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with contextlib.suppress(FileNotFoundError), store.open(entry) as content:
                        content.download(str(target))
                        have[name] = entry.version
            now = {entry.name: entry.version for _, _, entry in _files(output)}
            if now == {name: entry.version for name, entry in entries.items()} and store.find(JOURNAL) is None:
                yield Path(folder), files
                return
        raise OutputError(
            "a run is publishing all the time, or was killed while it did", output.address, "run `pressmark ingest`"
        )


def _files(output: Output) -> Iterator[_File]:
    """Each file's table, its partition as in `Part`, and what is stored."""
    for table in TABLES.values():
        if table.name in BY_RUN:
            for entry in output.files(table.name):
                yield table.name, f"run_id={Path(entry.name).stem}", entry
        else:
            yield from ((table.name, _label(part.partition), part.entry) for part in output.parts(table))


def _label(partition: Partition | None) -> str:
    if partition is None:
        return ""
    key, _, value = partition.period.partition("=")
    if key == "year":
        return f"outlet={partition.outlet}/{partition.period}"
    month = UNKNOWN_PERIODS["month"] if value in UNKNOWN_PERIODS.values() else value[: len("2022-01")]
    return f"outlet={partition.outlet}/month={month}"


def _link(root: Path, links: Path, names: Sequence[str]) -> None:
    # Of text, as an output may have tens of thousands of files.
    for folder in dict.fromkeys(name.rpartition("/")[0] for name in names):
        os.makedirs(f"{links}/{folder}", exist_ok=True)
    for name in names:
        os.link(f"{root}/{name}", f"{links}/{name}")


def _digest(paths: Sequence[Path]) -> str:
    state = xxhash.xxh3_128()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: state)
    return state.hexdigest()


class KeptMoment(NamedTuple):
    """A kept moment: the run after which the output was so, and the bytes of files that no other moment has and that
    the output has replaced."""

    run_id: str
    own_bytes: int


def keep(output: Output) -> KeptMoment:
    """Keep an output as it is, as the moment of its latest run; again is as well. Raises `OutputError` where it has no
    run, or lies where no hard links can be made."""
    moments = output.root / MOMENTS
    with snapshot(output, f"keep-{new_stamp().run_id}", digested=False) as held:
        run_id = latest_of(Output(held.folder)).run_id
        target = moments / run_id
        if held.folder == output.root:
            raise OutputError("no hard links can be made here", output.address, "copy the output's folder instead")
        moments.mkdir(exist_ok=True)
        for folder, _, _ in os.walk(held.folder):
            sync(Path(folder))
        try:
            held.folder.rename(target)
        except OSError:
            # It is kept already; by another process maybe, a moment ago.
            if not target.is_dir():
                raise
        sync(moments)
    return _moment(target)


def kept(output: Output) -> list[KeptMoment]:
    """The moments that are kept, the latest first."""
    return [_moment(folder) for folder in sorted((output.root / MOMENTS).glob("*"), reverse=True)]


def drop_moments(output: Output, run_id: str | None = None) -> list[str]:
    """Let go of one moment, or of all; their runs. Raises `OutputError` where it is not kept."""
    found = [moment.run_id for moment in kept(output) if run_id in (None, moment.run_id)] if output.is_local else []
    if run_id is not None and not found:
        raise _not_kept(output, run_id)
    for name in found:
        shutil.rmtree(output.root / MOMENTS / name)
    return found


def output_at(address: str | Path) -> Output:
    """The output at an address, or at `OUTPUT@RUN` its moment after a run. Raises `OutputError` where that moment is
    neither the latest nor kept."""
    if not names_moment(address):
        return Output(address)
    folder, _, run_id = str(address).rpartition("@")
    output = Output(folder)
    moment = output.root / MOMENTS / run_id
    if moment.is_dir():
        return Output(moment)
    if latest_of(output).run_id != run_id:
        raise _not_kept(output, run_id)
    return output


def names_moment(address: str | Path) -> bool:
    """Whether an address is `OUTPUT@RUN`, and no folder of that name."""
    return AT.fullmatch(str(address)) is not None and Output(address).is_local and not Path(address).exists()


def _not_kept(output: Output, run_id: str) -> OutputError:
    names = ", ".join(moment.run_id for moment in kept(output)) or "none"
    return OutputError(
        f"the moment of the run `{run_id}` is not kept", output.address,
        f"kept are: {names}; `pressmark keep {output.address}` keeps the output as it is",
    )  # fmt: skip


def _moment(folder: Path) -> KeptMoment:
    files = [path.stat() for path in folder.rglob("*.parquet")]
    return KeptMoment(folder.name, sum(file.st_size for file in files if file.st_nlink == 1))
