"""Names of runs and loads."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from pressmark.transforms.records import Stamp

__all__ = ["new_stamp"]


def new_stamp() -> Stamp:
    """A run id that sorts by time, and the time."""
    now = datetime.now(UTC)
    return Stamp(f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}", now)
