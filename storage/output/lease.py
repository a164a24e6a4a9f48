"""One writer per output in an object store, by a content that is only ever replaced on a condition, again and again.
Whoever finds it held watches it: one that stays the same for `LEASE_S` has no writer. No clocks are compared."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from typing import Any, Final, Protocol

from pressmark.storage.errors import LockedError, OutputError, PressmarkError
from pressmark.storage.output.store import Progress, Store

__all__ = ["ConditionalStore", "Lease"]

LOCK: Final = ".pressmark/lock"
PROBE: Final = ".pressmark/staging/probe"
LEASE_S: Final = 30.0
BEAT_S: Final = 5.0
# A writer that could not renew for so long takes itself for dead, well before others do.
SAFE_S: Final = LEASE_S * 0.6


class ConditionalStore(Store, Protocol):
    """A store that writes on a condition."""

    def write_new(self, name: str, content: bytes) -> str | None:
        """Write a content where there is none; its version, or None where there is one. `content` is like no other."""

    def write_over(self, name: str, content: bytes, version: str) -> str | None:
        """Replace a content of a known version; the new version, or None where it is another one by now."""


class Lease:
    """Held from entering to leaving; raises `LockedError` where another writer lives, and `OutputError` where the
    store does not keep conditions."""

    def __init__(self, store: ConditionalStore, run_id: str, progress: Progress) -> None:
        self._store = store
        self._holder = f"process {os.getpid()} on {socket.gethostname()}, run {run_id}"
        self._progress = progress
        self._version = ""
        self._renewed_at = 0.0
        self._lost = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Lease:
        self._check_conditions()
        self._version = self._acquired()
        self._renewed_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        if not self._lost:
            # Where the store is out of reach, the lease ends by itself.
            with suppress(PressmarkError):
                self._store.write_over(LOCK, self._content(held=False), self._version)

    def check(self) -> None:
        """Raise `LockedError` where another writer may have taken over; asks nobody."""
        if self._lost or time.monotonic() - self._renewed_at > SAFE_S:
            self._lost = True
            raise LockedError(
                "this run could not renew its lock, and another one may have taken over", self._store.address,
                "run again; what was published is whole",
            )  # fmt: skip

    def renew(self) -> None:
        """Renew now; raises `LockedError` where another writer has taken over."""
        with self._lock:
            self.check()
            asked_at = time.monotonic()
            version = self._store.write_over(LOCK, self._content(held=True), self._version)
            if version is None:
                self._lost = True
                self.check()
            else:
                self._version, self._renewed_at = version, asked_at

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                self.renew()
            except LockedError:
                return
            except PressmarkError:
                # Tried again at the next beat, for as long as the lease may last.
                continue

    def _acquired(self) -> str:
        """The version of the lock as this writer wrote it."""
        while True:
            found = self._read()
            if found is None:
                version = self._store.write_new(LOCK, self._content(held=True))
            else:
                if found[0]["held"]:
                    self._watch(*found)
                version = self._store.write_over(LOCK, self._content(held=True), found[1])
            if version is not None:
                return version

    def _watch(self, content: dict[str, Any], version: str) -> None:
        """Return where a lock stays as it is for as long as a lease lasts; raise `LockedError` where it does not."""
        started = time.monotonic()
        while (waited := time.monotonic() - started) < LEASE_S:
            self._progress("lock", int(waited), int(LEASE_S))
            time.sleep(min(BEAT_S / 2, LEASE_S - waited))
            found = self._read()
            if found is None or found[1] != version:
                if found is not None and not found[0]["held"]:
                    return
                raise LockedError(
                    f"another run is writing to this output ({content['holder']})", self._store.address,
                    "wait until it has finished",
                )  # fmt: skip

    def _read(self) -> tuple[dict[str, Any], str] | None:
        entry = self._store.find(LOCK)
        if entry is None:
            return None
        try:
            return json.loads(self._store.read(LOCK)), entry.version
        except FileNotFoundError:
            return None

    def _content(self, *, held: bool) -> bytes:
        # Like no other content, so that a writer knows its own and an entity tag tells any two apart.
        return json.dumps({"holder": self._holder, "held": held, "nonce": uuid.uuid4().hex}).encode()

    def _check_conditions(self) -> None:
        """Raise `OutputError` where the store takes no notice of a condition."""
        name = f"{PROBE}-{uuid.uuid4().hex}"
        try:
            first = self._store.write_new(name, b"1" + uuid.uuid4().bytes)
            again = self._store.write_new(name, b"2" + uuid.uuid4().bytes)
            over = self._store.write_over(name, b"3" + uuid.uuid4().bytes, '"no-version-of-it"')
        finally:
            self._store.remove([name])
        if first is None or again is not None or over is not None:
            raise OutputError(
                "this store does not keep conditions on writes, so several writers can't be told apart",
                self._store.address, "give `--single-writer` where no other run writes here",
            )  # fmt: skip
