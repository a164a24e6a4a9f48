"""Processes that load what parsing takes while the program loads the rest: for a run that surely has much to parse.

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
    from storage.workers import Workers

__all__ = ["early_workers"]


def early_workers(arguments: argparse.Namespace, ending: contextlib.ExitStack) -> Workers | None:
    """The processes of a first run over a folder, which end with `ending`; None where a run may have little to parse,
    or is carried out elsewhere."""
    if not _parses_here(arguments) or not _is_first(arguments.source, arguments.output):
        return None
    from storage.workers import Workers

    workers = ending.enter_context(Workers(arguments.workers))
    workers.fork_early(_load)
    return workers


def _parses_here(arguments: argparse.Namespace) -> bool:
    elsewhere = arguments.dry_run or arguments.dask or arguments.flow or os.environ.get("PREFECT_API_URL")
    return arguments.workers > 1 and not elsewhere and "fork" in multiprocessing.get_all_start_methods()


def _is_first(source: str, output: Path | str) -> bool:
    # A repository is listed by processes of its own, and takes longer than these need.
    repository = any(os.path.exists(os.path.join(source, name)) for name in (".git", "HEAD"))
    return os.path.isdir(source) and not repository and isinstance(output, Path) and not output.exists()


def _load() -> None:
    from storage.work import load_merge, load_parser

    load_parser()
    load_merge()
