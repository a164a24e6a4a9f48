"""What the latest run saw of an input: files told apart by what the file system or the object store says of them.

Kept beside the tables, and believed only for exactly the files that they consist of: whoever changes those, the next
run compares everything.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas import TABLES
from pressmark.storage.inputs.source import Listing
from pressmark.storage.inputs.sources import Sources
from pressmark.storage.output.tables import Output
from pressmark.storage.versions import parser_version

__all__ = ["Seen"]

NAME: Final = ".pressmark/seen.arrow"
STATE_TABLES: Final = ("articles", "paragraphs", "revisions", "rejects")


class Seen:
    """The versions of an input's files as the latest run over it with these settings saw them."""

    def __init__(self, output: Output, source: str, arguments: str) -> None:
        self._output = output
        self._facts = f"{source}\n{arguments}\n{parser_version()}"
        self._kept = b""

    def since(self, listing: Listing) -> Listing:
        """The sources of a listing that changed since; the listing itself where nothing is known of that. Prepares to
        write down a listing that is another one now."""
        if not listing.complete:
            return listing
        sources = Sources.of(listing.sources)
        before = self._read() if len(sources) else None
        if before is None:
            self.keep(listing)
            return listing
        paths, versions = sources.column("source_path"), sources.column("version")
        known, missing = before["version"], 0
        if not before["path"].equals(paths):
            places = pc.index_in(paths, value_set=before["path"])
            known = known.combine_chunks().take(places)
            missing = len(before) - len(paths) + places.null_count
        same = pc.fill_null(pc.and_(pc.equal(known, versions), pc.not_equal(versions, "")), False)  # noqa: FBT003
        changed = pc.indices_nonzero(pc.invert(same))
        gone = []
        if missing:
            gone = before["path"].filter(pc.invert(pc.is_in(before["path"], value_set=paths))).to_pylist()
        if len(changed) or gone:
            del before, known, same
            self.keep(listing)
        return listing._replace(
            sources=sources.take(changed),
            complete=False,
            changed=dict.fromkeys(gone),
            total=len(sources),
        )

    def keep(self, listing: Listing) -> None:
        """Prepare to write down a listing that is complete."""
        sources = Sources.of(listing.sources)
        versions = sources.column("version")
        if pc.any(pc.not_equal(versions, "")).as_py():
            sink = pa.BufferOutputStream()
            rows = pa.table({"path": sources.column("source_path"), "version": versions})
            with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
                writer.write_table(rows)
            self._kept = sink.getvalue().to_pybytes()

    def write(self) -> None:
        """Write down what was prepared, for the tables as they are now."""
        if self._kept:
            self._output.store.write(NAME, self._digest(self._kept) + self._kept)

    def _read(self) -> pa.Table | None:
        try:
            content = self._output.store.read(NAME)
        except FileNotFoundError:
            return None
        size = hashlib.sha256().digest_size
        if content[:size] != self._digest(content[size:]):
            return None
        return pa.ipc.open_file(pa.BufferReader(content[size:])).read_all()

    def _digest(self, content: bytes) -> bytes:
        """Of the content, and of all that it is believed for."""
        state = hashlib.sha256(f"{self._facts}\n".encode())
        for name in STATE_TABLES:
            for entry in self._output.store.entries(TABLES[name].name):
                state.update(f"{entry.name} {entry.size} {entry.version}\n".encode())
        state.update(content)
        return state.digest()
