"""The staged files of a run: made new, or taken over from a run that was stopped before it published."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.inputs.source import Source
from pressmark.storage.output.publish import JOURNAL
from pressmark.storage.output.store import Store, open_store
from pressmark.storage.output.tables import STAGING, Output
from pressmark.storage.versions import parser_version
from pressmark.storage.work import DONE, ParseCounts, batch_sources
from pressmark.storage.workspace import Workspace
from pressmark.transforms.records import Stamp

__all__ = ["Batch", "Staging", "open_staging", "workspace_for"]

RUN: Final = "run.json"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Batch(NamedTuple):
    """A batch to parse: its number, the file that lists its sources, and those as a range of the plan's."""

    number: int
    work: str
    span: range


@dataclass(frozen=True, slots=True)
class Staging:
    """A run's stamp and its workspace; what an earlier try of the run has parsed already."""

    stamp: Stamp
    workspace: Workspace
    folder: str
    done: dict[int, tuple[str, ParseCounts]] = field(default_factory=dict)

    def keep(self, sources: Sequence[Source], *, by_content: bool) -> tuple[Sequence[Source], list[ParseCounts]]:
        """Those of the sources that are still to be parsed, and what became of those that are; batches that hold
        anything else are removed, as are those with a source that may have changed unseen. `by_content` tells that
        sources are found by what they hold."""
        if not self.done:
            return sources, []
        wanted = set(sources)
        kept: list[ParseCounts] = []
        parsed: set[Source] = set()
        for number, (work, counts) in sorted(self.done.items()):
            members = batch_sources(self.workspace, work, number)
            certain = by_content or all(source.version for source in members)
            if certain and wanted.issuperset(members) and parsed.isdisjoint(members):
                parsed.update(members)
                kept.append(counts)
            else:
                del self.done[number]
        stale = [name for name in self.workspace.names("") if _is_stale(name, self.done)]
        self.workspace.remove(stale)
        return [source for source in sources if source not in parsed], kept

    @property
    def next_number(self) -> int:
        return max(self.done, default=-1) + 1


def workspace_for(output: Output, run_id: str, *, shared: bool) -> Workspace:
    """Where a run stages its batches: with the output, or on this machine where that is a store and all workers are
    here."""
    if output.is_local or shared:
        return Workspace(str(output.address), f"{STAGING}/{run_id}")
    place = hashlib.sha256(str(output.address).encode()).hexdigest()[:16]
    return Workspace(os.path.join(tempfile.gettempdir(), f"pressmark-{os.getuid()}-{place}"), run_id)


@contextlib.contextmanager
def open_staging(output: Output, stamp: Stamp, facts: dict[str, Any], *, shared: bool) -> Iterator[Staging]:
    """The staging of a run; that of an earlier one with the same `facts` where it was stopped. Cleared when the block
    ends well; else kept for the next run, which clears it where it can't use it."""
    workspace = workspace_for(output, stamp.run_id, shared=shared)
    base = open_store(workspace.address)
    parent = os.path.dirname(workspace.prefix)
    facts = {
        **facts, "parser_version": parser_version(), "contract_version": CONTRACT_VERSION, "shared": shared,
        # What was written before the machine went down may not have reached the disk.
        "boot": "" if shared and not output.is_local else BOOT_ID.read_text().strip() if BOOT_ID.exists() else "",
    }  # fmt: skip
    staging = _resumed(output, base, parent, facts)
    if staging is None:
        base.clear(parent)
        staging = Staging(stamp, workspace, f"{STAGING}/{stamp.run_id}")
        run = {"facts": facts, "run_id": stamp.run_id, "started_at": stamp.started_at.isoformat()}
        base.write(f"{workspace.prefix}/{RUN}", json.dumps(run).encode())
    if not output.is_local:
        output.store.clear(STAGING) if not shared else None
    try:
        yield staging
    except OSError as error:
        # What a journal lists is published by the next run, from here.
        if error.errno == errno.ENOSPC and output.store.find(JOURNAL) is None:
            base.clear(parent)
        raise
    base.clear(parent)
    if not output.is_local:
        output.store.clear(STAGING)


def _resumed(output: Output, base: Store, parent: str, facts: dict[str, Any]) -> Staging | None:
    """The staging that a stopped run with the same facts left, without what it had begun to merge."""
    prefix = f"{parent}/" if parent else ""
    for entry in base.entries(parent):
        if not entry.name.endswith(f"/{RUN}") or entry.name.count("/") != prefix.count("/") + 1:
            continue
        run = json.loads(base.read(entry.name))
        run_id = run["run_id"]
        if run["facts"] != facts or output.store.find(f"runs/{run_id}.parquet") is not None:
            continue
        workspace = Workspace(base.address, os.path.dirname(entry.name))
        done = {}
        for name in workspace.names(DONE):
            # A process that was killed while it wrote this leaves a part of it.
            with contextlib.suppress(ValueError):
                work, *counts = json.loads(workspace.read(name))
                done[int(name.removeprefix("batch-").removesuffix(DONE))] = (work, ParseCounts(*counts))
        if done:
            stamp = Stamp(run_id, datetime.fromisoformat(run["started_at"]))
            return Staging(stamp, workspace, f"{STAGING}/{run_id}", done)
    return None


def _is_stale(name: str, done: Container[int]) -> bool:
    if name == RUN or name.startswith("work-"):
        return False
    stem = name.partition(".")[0]
    return not (stem.startswith("batch-") and int(stem.removeprefix("batch-")) in done)
