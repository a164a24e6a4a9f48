"""What a WACZ says of its own files: digests and a signature, which are checked; whom a key is of is not.

What does not fit is a reject beside the records, which are read all the same: these have digests of their own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
import zlib
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pressmark.storage.inputs.payloads import same_digest

__all__ = ["ZIP_ERRORS", "Package", "Signature", "is_as_stated", "package_of"]

ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
LARGEST: Final = 1 << 24
SHA_256: Final = re.compile(r"sha256:[0-9a-fA-F]{2,64}")
SIGNER: Final = re.compile(r"[\w.:-]{1,100}")


class Signature(NamedTuple):
    """Who signed a WACZ by its own words, whether the signature fits, and why that was not checked, if it was not."""

    signer: str
    fits: bool = False
    unchecked: str = ""


class Package(NamedTuple):
    """The digests of files below `archive/` by their names, whether those of the package hold, and its signature."""

    digests: dict[str, str]
    is_whole: bool = True
    signature: Signature | None = None


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
    signature = _signature(signed if isinstance(signed, dict) else {}, data) if signed else None
    return Package(digests, same_digest(str(seal.get("hash", "")), [data]), signature)


def _signature(signed: dict[str, Any], data: bytes) -> Signature:
    """Whether a signature is one of the digest of `datapackage.json` by the key, or by the certificate's, beside it."""
    domain = SIGNER.fullmatch(str(signed.get("domain", "")))
    signer = domain[0] if domain else "a key of its own"
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key
        from cryptography.x509 import InvalidVersion, load_pem_x509_certificate
    except ModuleNotFoundError:
        return Signature(signer, unchecked="`cryptography` is not installed: pip install 'pressmark[sign]'")
    digest = str(signed.get("hash", ""))
    try:
        written = base64.b64decode(str(signed.get("signature", "")), validate=True)
        if "publicKey" in signed:
            key: object = load_der_public_key(base64.b64decode(str(signed["publicKey"]), validate=True))
        else:
            key = load_pem_x509_certificate(str(signed.get("domainCert", "")).encode()).public_key()
    except (ValueError, UnsupportedAlgorithm, InvalidVersion):
        return Signature(signer, unchecked="its key or its signature can't be read")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not SHA_256.fullmatch(digest):
        return Signature(signer, unchecked="it is none of ECDSA over a digest of SHA-256")
    # Browsers write the two numbers one after the other, servers as DER.
    half = (key.key_size + 7) // 8
    numbers = (int.from_bytes(written[:half]), int.from_bytes(written[half:]))
    forms = [written, utils.encode_dss_signature(*numbers)] if len(written) == 2 * half else [written]
    for form in forms:
        with suppress(InvalidSignature):
            key.verify(form, digest.encode(), ec.ECDSA(SHA256()))
            return Signature(signer, fits=digest.lower() == f"sha256:{hashlib.sha256(data).hexdigest()}")
    return Signature(signer)


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
