"""Destinations: one PostgreSQL server for the session, a database, file or folder of its own for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from archives import ingest
from destinations import KINDS, Warehouse, new_database, postgresql_server

NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    # A short path: the names of sockets have a limit.
    with tempfile.TemporaryDirectory(prefix="pg") as folder, postgresql_server(Path(folder) / "data") as server:
        yield server


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Each kind of destination, empty."""
    return make(request.param, request, tmp_path)


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Each kind that takes SQL, empty."""
    return make(request.param, request, tmp_path)


@pytest.fixture
def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    return make("postgresql", request, tmp_path)


def make(kind: str, request: pytest.FixtureRequest, folder: Path) -> Warehouse:
    if kind == "postgresql":
        return Warehouse(kind, new_database(request.getfixturevalue("server"), f"news_{next(NUMBERS)}"))
    name = "news.duckdb" if kind == "duckdb" else "lake"
    return Warehouse(kind, f"{kind}:///{folder / name}")


@pytest.fixture(scope="session")
def seeds_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeds as an output; not to be changed."""
    from archives import ROOT

    output = tmp_path_factory.mktemp("seeds") / "output"
    ingest(ROOT / "seeds", output)
    return output
