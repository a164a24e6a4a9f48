"""The bytes that articles came from, read again from their archives, which stay open, and proven by their hash."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.source import ANY_SIZE, EVERYTHING, Request, Source, sources_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import Archive, archive_of, last_runs
from pressmark.transforms.records import Reject

__all__ = ["Originals"]

HELD_BYTES: Final = 64 << 20


class _Opened(NamedTuple):
    """An archive and the files that it had when it was opened, by path."""

    archive: Archive
    sources: dict[str, Source]


class Originals:
    """Sources of an output's articles. `source` is the input to read, that of the latest run where it is None; an
    archive of the output that was ingested from another input is read there."""

    def __init__(self, output: Output, source: str | None = None) -> None:
        self._output, self._source = output, source
        self._opened: dict[str, _Opened] = {}
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def bytes_of(self, archive: str, source_path: str, sha256: str) -> bytes:
        """The source's bytes; raises `InputError` where it is gone, or is no longer what was ingested."""
        with self._lock:
            if sha256 not in self._held:
                self._keep(sha256, self._read(archive, source_path, sha256))
            self._held.move_to_end(sha256)
            return self._held[sha256]

    def _keep(self, sha256: str, data: bytes) -> None:
        self._held[sha256] = data
        while len(self._held) > 1 and sum(map(len, self._held.values())) > HELD_BYTES:
            self._held.popitem(last=False)

    def _read(self, name: str, source_path: str, sha256: str) -> bytes:
        archive, sources = self._archive(name)
        where = archive.address.location(source_path)
        if source_path not in sources:
            raise InputError("the source is not in this input", where, "name the input that was ingested")
        data = next((data for _, data in archive.input.contents([sources[source_path]], ANY_SIZE)), None)
        if data is None or isinstance(data, Reject):
            detail = "it is gone" if data is None else data.detail
            raise InputError(f"the source can't be read ({detail})", where, "mend it")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError("the source is no longer what was ingested", where, "ingest it again, then trace")
        return data

    def _archive(self, name: str) -> _Opened:
        if name not in self._opened:
            owner = next((run.archive for run in last_runs(self._output) if run.source == self._source), name)
            archive = archive_of(self._output, self._source if owner == name else None, name)
            frame = archive.input.listing(Request(EVERYTHING)).frame
            current = frame.filter(frame["valid_to"].is_null())
            self._opened[name] = _Opened(archive, {source.source_path: source for source in sources_of(current)})
        return self._opened[name]
