"""The loops that `_formats.c` holds, where a C compiler was at hand at installation; else None, and Python serves."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from transforms.compiled import compiled

__all__ = ["FORMATS"]

FORMATS: Final[ModuleType | None] = compiled("storage._formats")
