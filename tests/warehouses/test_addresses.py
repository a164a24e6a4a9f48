"""Addresses of destinations: what is none is refused, and no password in one is ever shown."""

from __future__ import annotations

import pytest

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
