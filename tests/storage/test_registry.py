"""The registry that comes with the package, and what happens where it can't be used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pressmark import transforms
from pressmark.storage.errors import InputError
from pressmark.storage.versions import load_outlets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in the place of the package, so that its registry can be another one."""
    importlib.import_module("pressmark.transforms.outlets")
    monkeypatch.setattr(transforms, "__path__", [str(tmp_path)])
    load_outlets.cache_clear()
    yield tmp_path
    load_outlets.cache_clear()


def test_a_registry_that_cant_be_used_is_named_with_file_entry_and_reason(folder: Path) -> None:
    (folder / "outlets.toml").write_text('[[outlet]]\nslug = "songling"\ncolour = "red"\n')
    with pytest.raises(InputError) as refused:
        load_outlets()
    for part in ("outlets.toml", "entry `songling`", "unknown key `colour`"):
        assert part in str(refused.value)


def test_a_registry_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"outlets\.toml"):
        load_outlets()


def test_every_entry_of_the_registry_has_a_layout_and_names() -> None:
    for outlet in load_outlets().entries:
        assert outlet.layouts, outlet.slug
        assert outlet.name_zh
        assert outlet.name_en
        assert outlet.languages
