"""The loops that `_scan.c` holds, where a C compiler was at hand at installation; else None, and Python serves.

Both give the same results: which of them works is seen by the clock alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

__all__ = ["SCAN", "compiled"]


def compiled(name: str) -> ModuleType | None:
    """A compiled module, where it was installed."""
    return import_module(name) if find_spec(name) else None


SCAN: Final[ModuleType | None] = compiled("pressmark.transforms._scan")
