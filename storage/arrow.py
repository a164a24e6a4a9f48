"""Importing this module before others makes starts short: Arrow comes without numpy, which it would load wherever that
is installed, for half of its own time; and cycles are looked for less often, as what is loaded stays."""

from __future__ import annotations

import gc
import sys

__all__: list[str] = []

gc.set_threshold(100_000)

if sys.modules.keys().isdisjoint(("numpy", "pyarrow")):
    sys.modules["numpy"] = None  # type: ignore[assignment]  # so it can't be found, until Arrow is there
    try:
        import pyarrow.compute  # noqa: F401  # loaded for whoever comes next
    finally:
        del sys.modules["numpy"]
