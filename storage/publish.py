"""Makes merged files the published ones: all of a run's files, or after a kill the rest of them, never half a file.

The journal is the commit point. Before it is there, nothing published has changed; once it is there, whoever
next holds the lock completes it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from storage.layout import Output, sync_folder
from storage.lock import clear_readers, publishing

__all__ = ["Replacement", "commit", "complete_interrupted", "replace_file"]


class Replacement(NamedTuple):
    """One step of publishing: `staged` takes the place of `target`; None removes `target`. Both are relative to the
    output folder."""

    staged: str | None
    target: str


def commit(output: Output, steps: Sequence[Replacement]) -> None:
    """Publish all steps in order. Returns when they are durable; a kill at any point leaves the state before the
    journal was written, or one that `complete_interrupted` turns into the state after."""
    staged = [output.root / step.staged for step in steps if step.staged is not None]
    with ThreadPoolExecutor(8) as pool:
        # Syncs of many files at once share the disk's journal commits; one after another, each waits for its own.
        list(pool.map(_sync_file, staged))
    for folder in {path.parent for path in staged}:
        sync_folder(folder)
    with publishing(output, shared=False):
        replace_file(output.journal, json.dumps([list(step) for step in steps]).encode())
        _complete(output)


def complete_interrupted(output: Output) -> bool:
    """Carry out the steps of a journal that is there, and remove what killed readers left; True where there was one."""
    with publishing(output, shared=False):
        clear_readers(output)
        return _complete(output)


def _complete(output: Output) -> bool:
    try:
        steps = [Replacement(*step) for step in json.loads(output.journal.read_bytes())]
    except FileNotFoundError:
        return False
    touched: dict[Path, None] = {}
    for step in steps:
        _apply(output, step, touched)
    for folder in touched:
        if folder.exists():
            sync_folder(folder)
    output.journal.unlink()
    sync_folder(output.private)
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


def _apply(output: Output, step: Replacement, touched: dict[Path, None]) -> None:
    target = output.root / step.target
    if step.staged is None:
        target.unlink(missing_ok=True)
        # Empty partition folders go too, up to the table's.
        for folder in (target.parent, target.parent.parent):
            with contextlib.suppress(OSError):
                if folder.parent != output.root:
                    folder.rmdir()
                    touched[folder.parent] = None
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A step that an interrupted run carried out already has no staged file any more.
    with contextlib.suppress(FileNotFoundError):
        os.replace(output.root / step.staged, target)
    touched[target.parent] = None
    for folder in (target.parent.parent, target.parent.parent.parent):
        touched[folder] = None


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
