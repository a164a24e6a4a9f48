"""What a WACZ says of its own files: digests, which are checked, and a signature, which is named and not checked.

A digest that does not fit is a reject beside the records, which are read all the same: these have digests of their own.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pressmark.storage.inputs.payloads import same_digest

__all__ = ["ZIP_ERRORS", "Package", "is_as_stated", "package_of"]

ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
LARGEST: Final = 1 << 24
SIGNER: Final = re.compile(r"[\w.:-]{1,100}")


class Package(NamedTuple):
    """The digests of files below `archive/` by their names, whether those of the package hold, and who signed it."""

    digests: dict[str, str]
    is_whole: bool = True
    signer: str | None = None


def package_of(archive: zipfile.ZipFile) -> Package:
    """What `datapackage.json` and `datapackage-digest.json` say; what can't be read there says nothing."""
    (data, package), (_, seal) = (_read(archive, name) for name in ("datapackage.json", "datapackage-digest.json"))
    digests = {}
    for one in package["resources"] if isinstance(package.get("resources"), list) else ():
        if isinstance(one, dict) and str(one.get("path")).startswith("archive/"):
            # Version 1.0 has them with the kind beside.
            old = one["stats"] if isinstance(one.get("stats"), dict) else {}
            digests[one["path"]] = str(one.get("hash") or f"{one.get('hashing')}:{old.get('hash')}")
    signed = seal.get("signedData")
    domain = SIGNER.fullmatch(str(signed.get("domain", ""))) if isinstance(signed, dict) else None
    signer = domain[0] if domain else "a key of its own" if signed else None
    return Package(digests, same_digest(str(seal.get("hash", "")), [data]), signer)


def is_as_stated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, stated: str) -> bool:
    """Whether a file in a zip has a digest, if one is stated; one of an unknown kind says nothing."""
    try:
        with archive.open(entry) as inside:
            return not stated or same_digest(stated, [inside])
    except ZIP_ERRORS:
        return False


def _read(archive: zipfile.ZipFile, name: str) -> tuple[bytes, dict[str, Any]]:
    """A file of JSON in a zip: its bytes, and its object."""
    data, found = b"", None
    with suppress(KeyError, RecursionError, *ZIP_ERRORS), archive.open(name) as inside:
        data = inside.read(LARGEST)
        found = json.loads(data)
    return data, found if isinstance(found, dict) else {}
