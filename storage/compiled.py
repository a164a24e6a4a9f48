"""What `_folders.c` and `_formats.c` hold, where a C compiler was at hand at installation; else None: Python serves."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from pressmark.transforms.compiled import compiled

__all__ = ["FOLDERS", "FORMATS"]

FOLDERS: Final[ModuleType | None] = compiled("pressmark.storage._folders")
FORMATS: Final[ModuleType | None] = compiled("pressmark.storage._formats")
