"""Examples in docstrings print what they show. Only modules with one are imported; `--doctest-modules` imports all."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from archives import ROOT

PACKAGE = ROOT / "src" / "pressmark"
MODULES = sorted(
    path for folder in PACKAGE.iterdir() for path in folder.glob("**/*.py") if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_examples_of_a_module_print_what_they_show(path: Path) -> None:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
