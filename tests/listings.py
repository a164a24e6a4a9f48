"""Archives of all kinds, and what they list and hold, in few words."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
from repositories import Repository, files_below

from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.opening import open_input, parse_address
from pressmark.storage.inputs.source import (
    EVERYTHING,
    LISTING,
    Before,
    Input,
    Listing,
    Request,
    Source,
    listing_schema,
    sources_of,
)
from pressmark.transforms.records import Limits, Reject

__all__ = ["KINDS", "Pack", "before", "contents", "listed", "opened", "paths", "rejected", "there"]


def opened(address: Path | str, budget: Budget | None = None, *, trusted: bool = False) -> Input:
    """The input at an address."""
    return open_input(parse_address(str(address))._replace(trusted=trusted), budget)


def listed(address: Path | str, **request: object) -> Listing:
    """What an input lists, in whole columns and in its fixed order."""
    listing = opened(address).listing(Request(**{"selection": EVERYTHING, **request}))  # type: ignore[arg-type]
    assert dict(listing.frame.schema) == listing_schema()
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
    address: Path | str, *, limits: Limits | None = None, budget: Budget | None = None, trusted: bool = False
) -> dict[str, bytes | Reject]:
    """What the files hold, or why it can't be read, by their paths."""
    source = opened(address, budget, trusted=trusted)
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


# From a folder of files, and a place for what is made of it, to an address.
Pack = Callable[[Path, Path], str]


def as_folder(source: Path, _place: Path) -> str:
    return str(source)


def as_git(source: Path, place: Path) -> str:
    repository = Repository(place / "archive.git")
    repository.commit(files_below(source))
    return str(repository.path)


def as_git_address(source: Path, place: Path) -> str:
    """The same below a folder of a branch, beside files of other kinds."""
    repository = Repository(place / "all@once.git")
    below = {os.path.join(b"news", os.fsencode(name)): content for name, content in files_below(source).items()}
    repository.commit({**below, "other/x.md": b"x", "newsletter.md": b"x"}, branch="archive")  # type: ignore[dict-item]
    return f"git+file://{repository.path}@archive#news"


def as_tar(suffix: str) -> Pack:
    def pack(source: Path, place: Path) -> str:
        path = place / f"archive{suffix}"
        if suffix.endswith("zst"):
            with tarfile.open(place / "plain.tar", "w") as archive:
                archive.add(source, ".")
            with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as stream:
                stream.write((place / "plain.tar").read_bytes())
            return str(path)
        with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as archive:
            archive.add(source, ".")
        return str(path)

    return pack


def as_zip(source: Path, place: Path) -> str:
    path = place / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_symlink():
                info = zipfile.ZipInfo(str(file.relative_to(source)))
                info.create_system, info.external_attr = 3, 0o120777 << 16
                archive.writestr(info, str(file.readlink()))
            elif file.is_file():
                archive.write(file, file.relative_to(source))
    return str(path)


KINDS = {
    "folder": as_folder,
    "git": as_git,
    "git address": as_git_address,
    "tar": as_tar(".tar"),
    "tar.gz": as_tar(".tar.gz"),
    "tar.zst": as_tar(".tar.zst"),
    "zip": as_zip,
}
