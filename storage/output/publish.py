"""Makes merged files the published ones: all of a run's files, or after a kill the rest of them, never half a file.

The journal is the commit point. Before it is there, nothing published has changed; once it is there, whoever
next holds the lock completes it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from pressmark.storage.output.lock import PRIVATE, clear_readers, publishing
from pressmark.storage.output.store import Replacement

__all__ = ["JOURNAL", "commit", "complete_interrupted", "prepare", "replace_file", "sync_folder"]

JOURNAL: Final = f"{PRIVATE}/journal.json"
# Syncs of many files at once share the disk's journal commits; one after another, each waits for its own.
SYNCS: Final = 8


def prepare(root: Path, step: Replacement) -> None:
    """Make a staged file durable, and its partition's folder, which is no partition while it is empty."""
    if step.staged is not None:
        _sync_file(root / step.staged)
        (root / step.target).parent.mkdir(parents=True, exist_ok=True)


def commit(root: Path, steps: Sequence[Replacement], durable: Collection[str | None] = ()) -> None:
    """Publish all steps in order; `durable` are staged files that need no more syncing. Returns when all are durable; a
    kill at any point leaves the state before the journal was written, or one that `complete_interrupted` turns into the
    state after."""
    staged = [root / step.staged for step in steps if step.staged is not None]
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(_sync_file, [root / step.staged for step in steps if step.staged and step.staged not in durable]))
    for folder in {path.parent for path in staged}:
        sync_folder(folder)
    with publishing(root, shared=False):
        replace_file(root / JOURNAL, json.dumps([list(step) for step in steps]).encode())
        _complete(root)


def complete_interrupted(root: Path) -> bool:
    """Carry out the steps of a journal that is there, and remove what killed readers left; True where there was one."""
    with publishing(root, shared=False):
        clear_readers(root)
        return _complete(root)


def _complete(root: Path) -> bool:
    journal = root / JOURNAL
    try:
        steps = [Replacement(*step) for step in json.loads(journal.read_bytes())]
    except FileNotFoundError:
        return False
    touched: dict[Path, None] = {}
    for step in steps:
        _apply(root, step, touched)
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(sync_folder, [folder for folder in touched if folder.exists()]))
    journal.unlink()
    sync_folder(journal.parent)
    return True


def replace_file(target: Path, content: bytes) -> None:
    """Replace a file whole and durably."""
    draft = target.with_name(target.name + ".new")
    with open(draft, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, target)
    sync_folder(target.parent)


def _apply(root: Path, step: Replacement, touched: dict[Path, None]) -> None:
    target = root / step.target
    if step.staged is None:
        target.unlink(missing_ok=True)
        # Empty partition folders go too, up to the table's.
        for folder in (target.parent, target.parent.parent):
            with contextlib.suppress(OSError):
                if folder.parent != root:
                    folder.rmdir()
                    touched[folder.parent] = None
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A step that an interrupted run carried out already has no staged file any more.
    with contextlib.suppress(FileNotFoundError):
        os.replace(root / step.staged, target)
    touched[target.parent] = None
    for folder in (target.parent.parent, target.parent.parent.parent):
        touched[folder] = None


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Make a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
