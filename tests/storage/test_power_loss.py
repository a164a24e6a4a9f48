"""A power loss at any moment loses nothing that was published, and no sync is there in vain.

The test notes what a run makes last: the bytes of a file when it is synced, the names in a folder when that is. For
each moment it builds what a power loss may leave: of each file the bytes that were synced; of each folder the names
that were synced, or those that it had, as a file system may write names earlier than it is asked to.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import Changed, News, files_of, ingest, write_sources

from pressmark.storage.errors import OutputError
from pressmark.storage.output.folder import JOURNAL, FolderStore

pytestmark = pytest.mark.slow

PRIVATE = ".pressmark"
# Of which folders, by their paths from the output's on, names are written without being synced.
EARLY: dict[str, Callable[[str], bool]] = {
    "none": lambda _: False,
    "all": lambda _: True,
    "those of the tables": lambda path: not path.startswith(PRIVATE),
    "those beside the tables": lambda path: path.startswith(PRIVATE),
}
# Kinds of syncs: by path, whether it is a folder, and whether the journal is there.
KINDS: dict[str, Callable[[str, bool, bool], bool]] = {
    "next files": lambda path, is_folder, _: "/staging/" in path and not is_folder,
    "folders of next files": lambda path, is_folder, _: path.startswith(f"{PRIVATE}/staging") and is_folder,
    "folders that were made": lambda path, _, committed: not path.startswith(PRIVATE) and not committed,
    "folders of replaced files": lambda path, _, committed: not path.startswith(PRIVATE) and committed,
    "the journal": lambda path, *_: path == f"{JOURNAL}.new",
    "the journal's folder": lambda path, *_: path == PRIVATE,
}
RUNS = 2
State = tuple[tuple[str, bytes], ...]


class Disk:
    """What a run over an output makes last, and the states that a power loss may leave at each step of it."""

    def __init__(self, root: Path, leave_out: Callable[[str, bool, bool], bool] = lambda *_: False) -> None:
        self.root = root
        self.states: dict[State, bool] = {}
        self._leave_out = leave_out
        self._lock = threading.RLock()
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._folders: dict[int, dict[str, int]] = {}
        self._paths: dict[int, str] = {}
        # Open files, so that no inode is used again.
        self._held: dict[int, int] = {}
        self._look()
        self._names = {inode: dict(names) for inode, names in self._folders.items()}
        for path in root.rglob("*"):
            if path.is_file():
                self._contents[path.stat().st_ino] = path.read_bytes()

    def record(self, monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> None:
        """Carry out a run, and note the states after each of its steps; True for those after its end."""
        for name in ("mkdir", "replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))
        fsync = os.fsync

        def synced(handle: int) -> None:
            with self._lock:
                fsync(handle)
                self._sync(Path(os.readlink(f"/proc/self/fd/{handle}")))
                self._note()

        monkeypatch.setattr(os, "fsync", synced)
        run()
        monkeypatch.undo()
        self._note(ended=True)
        for handle in self._held.values():
            os.close(handle)

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                try:
                    return call(*arguments, **named)
                finally:
                    self._note()

        return wrapped

    def _sync(self, path: Path) -> None:
        self._look()
        if not path.is_relative_to(self.root):
            return
        name = "" if path == self.root else path.relative_to(self.root).as_posix()
        if self._leave_out(name, path.is_dir(), (self.root / JOURNAL).exists()):
            return
        inode = path.stat().st_ino
        if path.is_dir():
            self._names[inode] = dict(self._folders[inode])
        else:
            self._contents[inode] = path.read_bytes()

    def _look(self) -> None:
        """Look at the folders as they are now."""
        self._paths = {}
        for folder, _, _ in os.walk(self.root):
            names = {}
            for entry in os.scandir(folder):
                inode = names[entry.name] = entry.inode()
                if inode not in self._held:
                    self._held[inode] = os.open(entry.path, os.O_RDONLY)
                if entry.is_dir():
                    self._folders.setdefault(inode, {})
            inode = os.stat(folder).st_ino
            self._folders[inode] = names
            place = os.path.relpath(folder, self.root)
            self._paths[inode] = "" if place == "." else place

    def _note(self, *, ended: bool = False) -> None:
        self._look()
        for early in EARLY.values():
            found: dict[str, bytes] = {}
            self._collect(self.root.stat().st_ino, "", early, found)
            state = tuple(sorted(found.items()))
            self.states[state] = self.states.get(state, False) or ended

    def _arrived(self, child: int, early: Callable[[str], bool]) -> bool:
        """Whether a file that was renamed is at its new place for good, or is nowhere any more."""
        places = [(inode, path) for inode, path in self._paths.items() if child in self._folders[inode].values()]
        return all(early(path) or child in self._names.get(inode, {}).values() for inode, path in places)

    def _collect(self, inode: int, path: str, early: Callable[[str], bool], found: dict[str, bytes]) -> None:
        synced = self._names.get(inode, {})
        names = synced
        if early(path):
            # A file leaves a folder only with coming to another one: renaming is one step.
            stays = {name: child for name, child in synced.items() if not self._arrived(child, early)}
            names = stays | self._folders.get(inode, {})
        for name, child in names.items():
            place = f"{path}/{name}" if path else name
            if child in self._folders:
                found[f"{place}/"] = b""
                self._collect(child, place, early, found)
            else:
                found[place] = self._contents.get(child, b"")


def broken(disk: Disk, changed: Changed, folder: Path) -> Iterator[bool]:
    """Of each state whether the next run makes neither what was before nor what is after; the latter alone is right
    for the states after the run's end, which come first."""
    for number, (state, ended) in enumerate(sorted(disk.states.items(), key=lambda item: not item[1])):
        output = folder / str(number)
        output.mkdir(parents=True)
        for name, content in state:
            if name.endswith("/"):
                (output / name).mkdir()
            else:
                (output / name).write_bytes(content)
        try:
            with FolderStore(str(output)).writing("next", lambda *_: None):
                found = files_of(output)
            # Rows of runs have times of their own: each of their files is whole, and after the end there are two.
            runs = [pq.read_metadata(path) for path in (output / "runs").rglob("*.parquet")]
        except (OSError, ValueError, OutputError):
            found, runs = {}, []
        yield (ended and len(runs) < RUNS) or found not in (
            [changed.after] if ended else [changed.before, changed.after]
        )
        shutil.rmtree(output)


def test_a_power_loss_at_any_moment_leaves_what_was_or_what_was_published(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(changed.copy(tmp_path / "out"))
    disk.record(monkeypatch, lambda: ingest(changed.archive, tmp_path / "out", 2, sync=True))
    assert len(disk.states) > 40
    assert not any(broken(disk, changed, tmp_path / "lost"))


def test_a_first_run_is_there_when_it_has_ended(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sources(news.write)
    ingest(news.archive, news.folder / "after", 1)
    (news.folder / "world").mkdir()
    disk = Disk(news.folder / "world")
    disk.record(monkeypatch, lambda: ingest(news.archive, news.folder / "world" / "news" / "out", 1))
    expected = files_of(news.folder / "after")
    ends = [state for state, ended in disk.states.items() if ended]
    for state in ends:
        found = {name.removeprefix("news/out/"): content for name, content in state}
        assert {name: content for name, content in found.items() if name in expected} == expected
    assert ends


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_sync_is_needed(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    disk = Disk(changed.copy(tmp_path / "out"), KINDS[kind])
    disk.record(monkeypatch, lambda: ingest(changed.archive, tmp_path / "out", 2, sync=True))
    assert any(broken(disk, changed, tmp_path / "lost"))
