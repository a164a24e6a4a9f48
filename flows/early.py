"""Processes that load what parsing and merging take while the program loads the rest and looks for changes.

Imports next to nothing, as what it has loaded by then is loaded before the processes start.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pressmark.storage.workers import Workers

__all__ = ["early_workers"]


def early_workers(arguments: argparse.Namespace, ending: contextlib.ExitStack) -> Workers | None:
    """The processes of a run over a folder or repository, which end with `ending`; None where it is carried out
    elsewhere, and for a repository's first run."""
    if not _works_here(arguments) or not _gains(arguments.source, arguments.output):
        return None
    from pressmark.storage.workers import Workers

    workers = ending.enter_context(Workers(arguments.workers))
    workers.fork_early(_load)
    return workers


def _works_here(arguments: argparse.Namespace) -> bool:
    elsewhere = arguments.dry_run or arguments.dask or arguments.flow or os.environ.get("PREFECT_API_URL")
    return arguments.workers > 1 and not elsewhere and "fork" in multiprocessing.get_all_start_methods()


def _gains(source: str, output: Path | str) -> bool:
    if not os.path.isdir(source) or not isinstance(output, Path):
        return False
    # All of a repository is listed by processes of its own, and takes longer than these need.
    repository = any(os.path.exists(os.path.join(source, name)) for name in (".git", "HEAD"))
    return output.exists() or not repository


def _load() -> None:
    from pressmark.storage.work import load_merge, load_parser

    load_parser()
    load_merge()
