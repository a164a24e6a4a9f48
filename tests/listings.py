"""What inputs list and hold, in few words: for the tests of all kinds of inputs."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pressmark.storage.inputs.opening import open_input, parse_address
from pressmark.storage.inputs.source import EVERYTHING, LISTING, Before, Input, Listing, Request, Source, sources_of
from pressmark.storage.settings import ArchiveLimits
from pressmark.transforms.records import Limits, Reject

__all__ = ["before", "contents", "listed", "opened", "paths", "rejected", "there"]


def opened(address: Path | str, limits: ArchiveLimits | None = None) -> Input:
    """The input at an address."""
    return open_input(parse_address(str(address)), limits)


def listed(address: Path | str, **request: object) -> Listing:
    """What an input lists, in whole columns and in its fixed order."""
    listing = opened(address).listing(Request(**{"selection": EVERYTHING, **request}))  # type: ignore[arg-type]
    assert dict(listing.frame.schema) == LISTING
    order = listing.frame.sort("source_path", "valid_from", "locator", nulls_last=False)
    assert listing.frame.equals(order)
    assert set(LISTING) <= set(listing.kept.columns)
    return listing


def there(address: Path | str, **request: object) -> list[Source]:
    """The files that an input has."""
    return sources_of(listed(address, **request).frame.filter(pl.col("valid_to").is_null()))


def paths(address: Path | str, **request: object) -> list[str]:
    """Their paths."""
    return [source.source_path for source in there(address, **request)]


def contents(
    address: Path | str, *, limits: Limits | None = None, archive_limits: ArchiveLimits | None = None
) -> dict[str, bytes | Reject]:
    """What the files hold, or why it can't be read, by their paths."""
    source = opened(address, archive_limits)
    found = sources_of(source.listing(Request(EVERYTHING)).frame.filter(pl.col("valid_to").is_null()))
    read = list(source.contents(found, limits or Limits()))
    assert {one.source_path for one, _ in read} == {one.source_path for one in found}
    for one, outcome in read:
        if isinstance(outcome, Reject):
            assert outcome.source_path == one.source_path
    return {one.source_path: outcome for one, outcome in read}


def rejected(found: dict[str, bytes | Reject]) -> dict[str, tuple[str, bytes | None]]:
    """Reason and bytes of what can't be read."""
    return {path: (one.reason, one.raw) for path, one in found.items() if isinstance(one, Reject)}


def before(listing: Listing) -> Before:
    """What the next listing is asked with."""
    return Before(listing.kept, listing.commit)
