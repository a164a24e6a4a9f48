"""What recorded runs share at the Prefect server: one writer per output, and the lineage of tables."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.assets import Asset, AssetProperties
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

from pressmark.schemas import TABLES
from pressmark.storage.errors import LockedError
from pressmark.storage.inputs.opening import absolute

__all__ = ["SERVING", "StageArtifacts", "asset", "one_writer", "say", "table_assets"]

SERVING: Final = "PRESSMARK_SERVING"
WAIT_S: Final = 3600.0
# An update of an artifact is a request to the server.
UPDATE_S: Final = 5.0
# What Prefect does not take in the key of an asset.
REFUSED: Final = re.compile(r"""[\s\0#?&%"'<>\[\]{}|\\^`]""")
LONGEST_KEY: Final = 512


def say(line: str) -> None:
    """Print one line about a finished run, where `pressmark serve` runs it."""
    if os.environ.get(SERVING):
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}  {line}", flush=True)


@contextlib.contextmanager
def one_writer(output: str) -> Iterator[None]:
    """Wait until no other recorded run of this server writes to the output, and hold its limit.

    The lock in the output folder is what makes sure; this keeps runs waiting in Prefect instead of failing.
    """
    name = "pressmark-output:" + re.sub(r"[/%&<>]", "-", absolute(output))
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    try:
        with concurrency(name, timeout_seconds=WAIT_S, strict=True):
            yield
    except TimeoutError:
        raise LockedError(
            f"another run has held the limit `{name}` for {WAIT_S / 60:.0f} minutes", output,
            "wait until it has finished, or cancel it in Prefect",
        ) from None  # fmt: skip


class StageArtifacts:
    """Progress artifacts of a flow run, one for each stage, beside what `shown` shows of it."""

    def __init__(self, shown: Callable[[str, int, int], None]) -> None:
        self._shown = shown
        self._artifacts: dict[str, tuple[UUID, float]] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        self._shown(step, done, total)
        if not total:
            return
        share = 100.0 * min(done, total) / total
        if step not in self._artifacts:
            made = create_progress_artifact(share, key=f"ingest-{step}", description=f"Share of `{step}` that is done")
            self._artifacts[step] = (cast("UUID", made), time.monotonic())
            return
        artifact, updated_at = self._artifacts[step]
        if done >= total or time.monotonic() - updated_at >= UPDATE_S:
            update_progress_artifact(artifact, share)
            self._artifacts[step] = (artifact, time.monotonic())


def asset(address: str, name: str, description: str) -> Asset:
    """An asset with a key that Prefect takes, whatever the address holds."""
    return Asset(
        key=REFUSED.sub("_", address)[:LONGEST_KEY], properties=AssetProperties(name=name, description=description)
    )


def table_assets(output: str) -> list[Asset]:
    """One asset for each table of an output."""
    root = output if "://" in output else Path(output).absolute().as_uri()
    return [asset(f"{root}/{table}", table, f"Table {table} of a pressmark output") for table in TABLES]
