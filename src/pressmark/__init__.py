"""Turns archives of scraped news articles into a partitioned Parquet dataset, every paragraph with its exact bytes.

The names in `__all__` are the public API; `docs/python.md` shows them at work. Each is imported when it is first used:
`import pressmark` and `pressmark --help` load no library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pressmark.storage.dataset import Dataset, parse, verify
    from pressmark.storage.dataset import Dataset as open  # noqa: A004, N813  # read as `pressmark.open`
    from pressmark.storage.errors import (
        InputError,
        LibraryError,
        LockedError,
        OutputError,
        PoolError,
        PressmarkError,
        SettingsError,
    )
    from pressmark.storage.forgetting import forget
    from pressmark.storage.ingestion import ingest
    from pressmark.storage.runs import RunReport
    from pressmark.transforms.records import Article, Reject
    from pressmark.warehouses.address import DestinationBusyError, DestinationError, ReconciliationError, SourceError
    from pressmark.warehouses.loading import LoadReport, load

    __version__: str

__all__ = [
    "Article",
    "Dataset",
    "DestinationBusyError",
    "DestinationError",
    "InputError",
    "LibraryError",
    "LoadReport",
    "LockedError",
    "OutputError",
    "PoolError",
    "PressmarkError",
    "ReconciliationError",
    "Reject",
    "RunReport",
    "SettingsError",
    "SourceError",
    "__version__",
    "forget",
    "ingest",
    "load",
    "open",
    "parse",
    "verify",
]

_MODULES: Final = {
    "pressmark.storage.dataset": ("Dataset", "open", "parse", "verify"),
    "pressmark.storage.errors": (
        "InputError", "LibraryError", "LockedError", "OutputError", "PoolError", "PressmarkError", "SettingsError",
    ),
    "pressmark.storage.forgetting": ("forget",),
    "pressmark.storage.ingestion": ("ingest",),
    "pressmark.storage.runs": ("RunReport",),
    "pressmark.transforms.records": ("Article", "Reject"),
    "pressmark.warehouses.address": ("DestinationBusyError", "DestinationError", "ReconciliationError", "SourceError"),
    "pressmark.warehouses.loading": ("LoadReport", "load"),
}  # fmt: skip
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}
_NAMED_THERE: Final = {"open": "Dataset"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("pressmark")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), _NAMED_THERE.get(name, name))
    else:
        raise AttributeError(f"module `pressmark` has no attribute `{name}`")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
