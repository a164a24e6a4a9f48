"""Addresses of destinations: what is none is refused, and no password in one is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pressmark.storage.errors import PressmarkError
from pressmark.storage.inputs.opening import parse_address as parse_input
from pressmark.warehouses.address import DestinationError, parse_address

SECRET = "s3cret-Wort"


@pytest.mark.parametrize(
    "address",
    [
        "news.duckdb", "mysql://host/db", "duckdb://", "duckdb:///", "iceberg://folder", "", "postgresql:host",
        f"postgresql://ann:{SECRET}/x@host/db", f"postgresql://ann:{SECRET}@x@host/db",
        f"postgresql://ann:{SECRET}#@host/db", f"postgresql://ann@host:{SECRET}/db", f"ann:{SECRET}@host",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(DestinationError) as refused:
        parse_address(address)
    assert "write" in refused.value.remedy
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgresql://ann:{SECRET}@db/news", "postgresql://ann:***@db/news"),
        (f"postgres://ann:{SECRET}@db:5433/news?sslmode=require", "postgres://ann:***@db:5433/news?sslmode=require"),
        (f"postgresql://db/news?user=ann&password={SECRET}", "postgresql://db/news?user=ann&password=***"),
        ("postgresql:///news?host=%2Ftmp%2Fpg", "postgresql:///news?host=%2Ftmp%2Fpg"),
        ("duckdb:///a/b.duckdb", "duckdb:///a/b.duckdb"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    parsed = parse_address(address)
    assert parsed.shown == shown
    assert (SECRET in parsed.without_secrets(f"driver says {SECRET}")) == (SECRET not in address)


@pytest.mark.parametrize("scheme", ["file", "git+file", "duckdb", "iceberg"])
def test_a_path_behind_a_scheme_is_written_as_anywhere_else(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)

    def target(address: str) -> str:
        path = str(parse_input(address).path) if "file" in scheme else parse_address(address).target
        return str(Path(path).absolute())

    assert target(f"{scheme}:in/news") == target(f"{scheme}:{tmp_path}/in/news") == f"{tmp_path}/in/news"
    # What others call three slashes differs by scheme: where only the other reading is there, it is named.
    (tmp_path / "in" / "news").mkdir()
    other = f"{scheme}:///in/news" if "file" in scheme else f"{scheme}://{tmp_path}/in/news"
    with pytest.raises(PressmarkError) as refused:
        parse_input(other) if "file" in scheme else parse_address(other)
    assert refused.value.remedy.startswith(f"write `{scheme}:" + ("in/news`" if "file" in scheme else f"{tmp_path}/in"))
