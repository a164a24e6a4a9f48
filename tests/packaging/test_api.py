"""The public API: all names are there, and none is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pressmark
import pressmark.storage.errors
import pressmark.warehouses.address

LOADED = "import sys; before = set(sys.modules); import pressmark; print(*sorted(set(sys.modules) - before))"
STANDARD = "print(*sys.stdlib_module_names)"


def subclasses(error: type[Exception]) -> set[type[Exception]]:
    return {error}.union(*(subclasses(kind) for kind in error.__subclasses__()))


def test_importing_the_package_loads_no_library() -> None:
    command = [sys.executable, "-c", f"{LOADED}\n{STANDARD}"]
    loaded, standard = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ours = {name for name in loaded.split() if name.partition(".")[0] not in standard.split()}
    assert ours == {"pressmark"}


@pytest.mark.parametrize("name", pressmark.__all__)
def test_every_public_name_is_given_and_listed(name: str) -> None:
    assert getattr(pressmark, name) is getattr(pressmark, name)
    assert name in dir(pressmark)


def test_every_error_that_an_operator_meets_is_public() -> None:
    rooms = (".errors", ".address")
    errors = {kind for kind in subclasses(pressmark.PressmarkError) if kind.__module__.endswith(rooms)}
    assert {kind.__name__ for kind in errors} <= set(pressmark.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="`pressmark` has no attribute `nosuch`"):
        pressmark.nosuch  # noqa: B018
