"""Errors of loading, named by what an operator does about them. None of them shows a password."""

from pressmark.storage.errors import PressmarkError

__all__ = ["DestinationBusyError", "DestinationError", "ReconciliationError", "SourceError"]


class DestinationError(PressmarkError):
    """The destination can't be used as it is: change it, or name another one."""


class DestinationBusyError(DestinationError):
    """Another process writes to the destination: wait for it."""


class SourceError(PressmarkError):
    """The output can't be loaded as it is: ingest or verify it."""


class ReconciliationError(PressmarkError):
    """What arrived is not what was sent; nothing was kept."""
