"""Errors of the machinery, named by what an operator does about them; bad data never raises these."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = [
    "InputError", "LibraryError", "LockedError", "OutputError", "PoolError", "PressmarkError", "SettingsError",
    "instead", "library",
]  # fmt: skip


def instead(word: str, known: Iterable[str], otherwise: str) -> str:
    """The remedy for a word that is none: the nearest one that is known, else `otherwise`."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise


class PressmarkError(Exception):
    """Base of all errors that stop a run: what, where, and what to do next."""

    def __init__(self, what: str, where: Path | str, remedy: str) -> None:
        super().__init__(f"{what}: `{where}`; {remedy}")
        self.what = what
        self.where = str(where)
        self.remedy = remedy

    @property
    def code(self) -> str:
        """The error's kind as programs know it, listed in `docs/errors.md`: `input`, `destination_busy`, …"""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__.removesuffix("Error")).lower()

    def __reduce__(self) -> tuple[type[PressmarkError], tuple[str, str, str]]:
        # Errors come back from worker processes, too.
        return type(self), (self.what, self.where, self.remedy)


class InputError(PressmarkError):
    """The input can't be read: mend the path."""


class OutputError(PressmarkError):
    """The output can't be used as it is: mend it or choose another folder."""


class LockedError(PressmarkError):
    """Another run writes to this output: wait for it."""


class LibraryError(PressmarkError):
    """A library that only some need is not installed: install it."""


def library(name: str, extra: str) -> Any:
    """A module that only those can load who installed `pressmark[extra]`; raises `LibraryError` for others."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise LibraryError(
            "a library that this needs is not installed", str(error.name), f"pip install 'pressmark[{extra}]'"
        ) from None


class PoolError(PressmarkError):
    """The workers can't be used as they are: start or mend them."""


class SettingsError(PressmarkError):
    """A setting can't be used: give another value."""
