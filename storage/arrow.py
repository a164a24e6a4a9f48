"""Importing this module loads Arrow without numpy, for programs and workers of our own: Arrow would load numpy wherever
it is installed, half of the time that Arrow itself takes, and nothing here hands arrays from the one to the other.
"""

from __future__ import annotations

import sys

__all__: list[str] = []

if sys.modules.keys().isdisjoint(("numpy", "pyarrow")):
    sys.modules["numpy"] = None  # type: ignore[assignment]  # so it can't be found, until Arrow is there
    try:
        import pyarrow.compute  # noqa: F401  # loaded for whoever comes next
    finally:
        del sys.modules["numpy"]
