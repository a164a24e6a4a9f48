"""Destinations: one PostgreSQL server for the session, a database, file or folder of its own for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from destinations import KINDS, Warehouse, load, new_database, postgresql_server
from written_outputs import Story, write_output

NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    # A short path: the names of sockets have a limit.
    with tempfile.TemporaryDirectory(prefix="pg") as folder, postgresql_server(Path(folder) / "data") as server:
        yield server


@pytest.fixture(params=[KINDS[0], *(pytest.param(kind, marks=pytest.mark.campaign) for kind in KINDS[1:])])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Each kind of destination, empty. What the first load brings to each is seen by `loaded`, on any day."""
    return make(request.param, request, tmp_path)


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Each kind that takes SQL, empty."""
    return make(request.param, request, tmp_path)


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    """One kind of destination, for what all are sent alike and what is refused before any is opened."""
    return Warehouse("duckdb", f"duckdb:///{tmp_path / 'x.duckdb'}")


@pytest.fixture
def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    return make("postgresql", request, tmp_path)


def make(kind: str, request: pytest.FixtureRequest, folder: Path) -> Warehouse:
    if kind == "postgresql":
        return Warehouse(kind, new_database(request.getfixturevalue("server"), f"news_{next(NUMBERS)}"))
    name = "news.duckdb" if kind == "duckdb" else "lake"
    return Warehouse(kind, f"{kind}:///{folder / name}")


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, rich: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Each kind of destination with the rich output, loaded once for the tests that only look."""
    warehouse = make(request.param, request, tmp_path_factory.mktemp("loaded"))
    load(rich, warehouse.address)
    return warehouse


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with rows of every kind: two outlets, two archives, three buckets, lists; not to be changed."""
    stories = [
        Story(f"{number}", f"2022-0{number % 3 + 1}-04T05:06:07.000001", outlet=outlet, archive=archive)
        for outlet, archive in (("songling", "first"), ("linhai", "second"))
        for number in range(12)
    ]
    stories += [
        Story("undated", None, ("没有日期。", "第二段。")),
        Story(
            "linked",
            links=("https://songling-times.example/x", "https://linhai.example/?a=1&b=2"),
            pictures=("https://songling-times.example/1.jpg", "https://songling-times.example/2.jpg"),
        ),
        Story("flagged", flags=("date_conflict", "mojibake")),
        Story("flagged-too", outlet="linhai", flags=("title_only",), links=("https://linhai.example/",)),
    ]
    return write_output(
        tmp_path_factory.mktemp("rich") / "output", stories, 2, buckets=3,
        revisions=[Story("0", "2022-01-03T05:06:07", ("旧文。",)), Story("old", None, ("旧文。",), outlet="linhai")],
        rejects=[("broken.md", b"\x00\xff raw"), ("huge.md", None)],
    )  # fmt: skip
