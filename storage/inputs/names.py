"""How the names that files have in an input become `source_path`.

A name is a path below the input's root with `/` between its parts, its bytes that are no UTF-8 escaped as
`os.fsdecode` does.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = ["named", "path_of", "source_paths"]


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
        return _escaped(name)
    return unicodedata.normalize("NFC", name)


def _escaped(name: str) -> str:
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
        _escaped(name) if counts[path] > 1 and name != path else path for name, path in zip(names, paths, strict=True)
    ]
