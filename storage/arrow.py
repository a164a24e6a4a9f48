"""Importing this module loads Arrow without numpy, which it would load wherever that is installed: half of Arrow's own
time."""

from __future__ import annotations

import sys

__all__: list[str] = []

if sys.modules.keys().isdisjoint(("numpy", "pyarrow")):
    sys.modules["numpy"] = None  # type: ignore[assignment]  # so it can't be found, until Arrow is there
    try:
        import pyarrow.compute  # noqa: F401  # loaded for whoever comes next
    finally:
        del sys.modules["numpy"]
