"""The data that come with the transforms: read once, and the only files that they read."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["page_model", "page_words"]

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def page_words() -> dict[str, Any]:
    """Names and words by which whole pages say what they hold, in several languages."""
    return tomllib.loads((HERE / "page_words.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def page_model() -> dict[str, Any]:
    """The forest that tells a page's story from the rest; `benchmarks/grow_pages.py` writes it."""
    found: dict[str, Any] = json.loads((HERE / "page_model.json").read_text("utf-8"))
    return found
