"""How the names that files have in an input become `source_path`.

A name is a path below the input's root with `/` between its parts, its bytes that are no UTF-8 escaped as
`os.fsdecode` does.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["ambiguous", "escaped", "named", "path_column", "path_of", "paths_of", "source_paths"]


Names = TypeVar("Names", pa.Array, pa.ChunkedArray)


def named(raw: bytes) -> str:
    """The name with these bytes."""
    return raw.decode("utf-8", "surrogateescape")


def path_of(name: str) -> str:
    """The `source_path` of a name, where no other name of the input has the same: NFC, or escaped."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return escaped(name)
    return unicodedata.normalize("NFC", name)


def escaped(name: str) -> str:
    """A name with its bytes outside ASCII as `\\xNN`: what no other name has."""
    return os.fsencode(name).decode("ascii", "backslashreplace")


def source_paths(names: Sequence[str]) -> list[str]:
    """A `source_path` for each of the names, which differ: of names that NFC makes equal, those not in NFC are
    escaped."""
    paths = [path_of(name) for name in names]
    if len(set(paths)) == len(paths):
        return paths
    counts = Counter(paths)
    return [
        escaped(name) if counts[path] > 1 and name != path else path for name, path in zip(names, paths, strict=True)
    ]


def path_column(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """`source_paths` of the bytes of names, which may come more than once."""
    paths = _as_they_are(names)
    if paths is not None:
        return paths
    distinct = pc.unique(names)
    made = pa.array(source_paths([named(raw) for raw in distinct.to_pylist()]), pa.string())
    return pa.chunked_array([made.take(pc.index_in(names, value_set=distinct).combine_chunks())])


def paths_of(names: pa.BinaryArray) -> pa.StringArray:
    """`path_of` each of the names with these bytes."""
    paths = _as_they_are(names)
    return paths if paths is not None else pa.array([path_of(named(raw)) for raw in names.to_pylist()], pa.string())


def _as_they_are(names: Names) -> Names | None:
    """Names as text where that is the `source_path` of each."""
    try:
        paths = names.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    return paths if pc.utf8_normalize(paths, form="NFC").equals(paths) else None


def ambiguous(names: Iterable[str]) -> bool:
    """Whether the `source_path` of one of these names may depend on what other names the input has."""
    return any(not unicodedata.is_normalized("NFC", name) for name in names if not name.isascii())
