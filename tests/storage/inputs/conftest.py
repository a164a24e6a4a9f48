"""An archive in each kind of input, and an empty repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from listings import KINDS, Pack
from repositories import Repository


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())  # type: ignore[call-overload, untyped-decorator]
def pack(request: pytest.FixtureRequest) -> Pack:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "archive.git")
