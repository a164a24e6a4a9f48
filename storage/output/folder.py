"""A folder of this machine as an output: contents are files, replaced by renaming, all of a run's or none of them.

How a run publishes, in this order:
1. every next file is written to staging and synced, and every folder that it goes to is made and synced;
2. `journal.json` lists the replacements; from here on the run is published, whatever happens;
3. the replacements are carried out by renaming, their folders are synced, and the journal is removed.

Nothing that can fail for good lies behind the journal. A run that is killed before it has changed nothing but for empty
folders; after it, the next writer or reader completes the run. An error of a sync ends the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Final

import pyarrow as pa

from pressmark.storage.errors import LockedError, OutputError
from pressmark.storage.output.store import Progress, Replacement, Stored

__all__ = [
    "JOURNAL", "PRIVATE", "FolderStore", "exclusive", "held_folder", "inside", "new_folder", "publishing",
    "replace_file", "save", "sync",
]  # fmt: skip

# All that is not for readers lies below this folder.
PRIVATE: Final = ".pressmark"
JOURNAL: Final = f"{PRIVATE}/journal.json"
# Syncs of many files at once share the disk's journal commits; one after another, each waits for its own.
SYNCS: Final = 8


class FolderStore:
    """See `Store`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._root = Path(address)

    def entries(self, prefix: str) -> list[Stored]:
        found = [_stored(name, entry.stat()) for name, entry in _files(os.path.join(self.address, prefix), prefix)]
        return sorted(found)

    def find(self, name: str) -> Stored | None:
        try:
            return _stored(name, os.stat(self._root / name))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, entry: Stored) -> pa.NativeFile:
        return pa.OSFile(str(self._root / entry.name))

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = inside(self._root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)

    @contextlib.contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        path = inside(self._root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    def reader_options(self) -> dict[str, str]:
        return {}

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            inside(self._root, name).unlink(missing_ok=True)

    def clear(self, prefix: str) -> None:
        shutil.rmtree(inside(self._root, prefix), ignore_errors=True)

    @contextlib.contextmanager
    def writing(self, run_id: str, progress: Progress) -> Iterator[None]:
        del progress  # The kernel knows at once whether there is another writer.
        with exclusive(self._root, run_id):
            yield

    def commit(self, steps: Sequence[Replacement]) -> None:
        _check(self._root, steps)
        drafts = [self._root / step.staged for step in steps if step.staged is not None]
        _sync_all(drafts)
        targets = {(self._root / step.target).parent for step in steps if step.staged is not None}
        for folder in targets:
            folder.mkdir(parents=True, exist_ok=True)
        # Any folder between these and the output's may be new.
        folders = targets | {draft.parent for draft in drafts}
        _sync_all(sorted({above for place in folders for above in (place, *place.parents)
                          if above.is_relative_to(self._root)}))  # fmt: skip
        with publishing(self._root, shared=False):
            replace_file(self._root / JOURNAL, json.dumps([list(step) for step in steps]).encode())
            _complete(self._root)


@contextlib.contextmanager
def exclusive(root: Path, run_id: str) -> Iterator[None]:
    """Hold the output's lock, after the run that was killed while it published is completed; raises `LockedError`,
    naming the holder, where another run has it. The kernel drops the lock when its holder dies."""
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    inside(root, f"{PRIVATE}/lock")
    try:
        (root / PRIVATE).mkdir(parents=True, exist_ok=True)
        _sync_all([folder.parent for folder in made])
        handle = os.open(root / PRIVATE / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputError(
            f"the output folder can't be written ({error.strerror})", root, "choose a folder you may write to"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 300).decode(errors="replace").strip() or "an unknown process"
            raise LockedError(
                f"another run is writing to this output ({holder})", root, "wait until it has finished"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}, run {run_id}".encode(), 0)
        with publishing(root, shared=False):
            _clear_readers(root)
            _complete(root)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def publishing(root: Path, *, shared: bool) -> Iterator[None]:
    """Wait for the lock under which files are replaced, and hold it; readers share it to see none half done. One that
    may not write to the folder, where no run has ever published, needs none."""
    path = root / PRIVATE / "publishing"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if shared and path.exists() else os.O_CREAT), 0o644)
    except OSError:
        if not shared:
            raise
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def held_folder(path: Path) -> Iterator[None]:
    """A new folder for a reader that no writer clears until the block ends, and that is gone then."""
    path.mkdir(parents=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        # Before the lock is left, or a writer may be clearing the same folder.
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


@contextlib.contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """A draft of a folder, which has its place when the block ends, and is gone where that fails."""
    draft = place.absolute().with_name(f".{place.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        yield draft
        os.rename(draft, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def save(place: Path, content: bytes) -> None:
    """Write a file that someone named, whole or not at all; what is no file, such as a pipe, is written to."""
    target = Path(os.path.realpath(place))
    try:
        if place.is_relative_to("/dev") or (target.exists() and not target.is_file()):
            place.write_bytes(content)
        else:
            replace_file(target, content, target.with_name(f".{os.getpid()}.new"))
    except OSError as error:
        error.filename, error.filename2 = str(place), None  # none has heard of the draft
        raise


def replace_file(target: Path, content: bytes, draft: Path | None = None) -> None:
    """Replace a file whole and durably, by way of a draft in its folder."""
    draft = draft or target.with_name(target.name + ".new")
    try:
        draft.write_bytes(content)
        sync(draft)
    except OSError:
        draft.unlink(missing_ok=True)  # half of it would go on filling a full disk
        raise
    os.replace(draft, target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable; raises `OSError` where that can't be had."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _complete(root: Path) -> None:
    journal = inside(root, JOURNAL)
    try:
        steps = [Replacement(*step) for step in json.loads(journal.read_bytes())]
        _check(root, steps)
    except FileNotFoundError:
        return
    except (ValueError, TypeError):
        raise OutputError("its journal is none of a run", journal, "move it away, and ingest again") from None
    touched: dict[Path, None] = {}
    for step in steps:
        _apply(root, step, touched)
    _sync_all([folder for folder in touched if folder.exists()])
    journal.unlink()
    sync(journal.parent)


def _check(root: Path, steps: Sequence[Replacement]) -> None:
    """Raises `OutputError` where a step leads out of the output: whoever made a folder could have its readers move or
    remove other files."""
    names = [name for step in steps for name in step[:2] if name is not None]
    # The links above a folder are looked for once, whatever number of files it gets.
    for name in {os.path.dirname(name): name for name in names}.values():
        inside(root, name)
    if any(os.path.basename(name) in ("", ".", "..") for name in names):
        raise ValueError("a step that names no file")


def inside(root: Path, name: str) -> Path:
    """A place in an output's folder; raises `OutputError` for one that leads out of it, also by a link."""
    *folders, _ = parts = name.split("/")
    if ".." in parts or name.startswith("/"):
        raise OutputError(f"`{name}` leads out of the output", root, "move its journal away, and ingest again")
    for folder in accumulate(folders, os.path.join, initial=str(root)):
        if folder != str(root) and os.path.islink(folder):
            raise OutputError("a folder of the output is a link", folder, "put the folder itself there")
    return root / name


def _apply(root: Path, step: Replacement, touched: dict[Path, None]) -> None:
    target = root / step.target
    touched[target.parent] = None
    if step.staged is not None:
        # A step that an interrupted run carried out already has no staged file any more.
        with contextlib.suppress(FileNotFoundError):
            os.replace(root / step.staged, target)
        return
    target.unlink(missing_ok=True)
    # Empty partition folders go too, up to the table's.
    for folder in (target.parent, target.parent.parent):
        with contextlib.suppress(OSError):
            if folder.parent != root:
                folder.rmdir()
                touched[folder.parent] = None


def _sync_all(places: Sequence[Path]) -> None:
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(sync, places))


def _clear_readers(root: Path) -> None:
    """Remove what readers left that were killed; under the lock of `publishing`, so that none is just beginning."""
    for path in inside(root, f"{PRIVATE}/readers/.").glob("*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            # Its reader has just ended.
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def _stored(name: str, info: os.stat_result) -> Stored:
    return Stored(name, info.st_size, f"{info.st_ino}-{info.st_mtime_ns}")


def _files(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir():
                yield from _files(entry.path, name)
            else:
                yield name, entry
