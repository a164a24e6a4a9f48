"""A folder, or a single file, in which files of records may lie: each record of these is a source. Its path is its
file's (in a WACZ below its own), `#`, and its place: the byte at which it starts in a WARC or ARC (of gzip, its
member's; `+` and a place in that where it is not the first), or its line in unpacked JSON Lines. A page that a browser
saved with all that it shows is one source, at its file's path.

What a WACZ says of its own files, digests and a signature, is checked; whom a key is of is not. What does not fit is a
reject beside the records, which are read all the same: these have digests of their own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import stat
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.archives import METHOD, OUT_OF_ARCHIVE, OUTSIDE
from pressmark.storage.inputs.budget import HARMLESS_PART_BYTES, Budget
from pressmark.storage.inputs.folder import NO_FILE, Folder
from pressmark.storage.inputs.source import OF_RECORDS, Listing, Request, Source, listing_of, path_of, sources_of
from pressmark.storage.inputs.unpacked import Unpacked
from pressmark.storage.inputs.warc import Fault, Found, LeftOut, fault_of, read_warc, rejected, same_digest
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import RECORD_FILE

__all__ = ["IS_SAVED", "RecordFolder"]

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


IS_RECORDS: Final = re.compile(rf"(?:{RECORD_FILE}|\.json)\Z", re.IGNORECASE)
AT_PLACE: Final = re.compile(rf"(?:{RECORD_FILE}|\.json)#[^/#]*\Z", re.IGNORECASE)
IS_JSON: Final = re.compile(r"\.json\Z", re.IGNORECASE)
IS_LINES: Final = re.compile(r"\.(?:jsonl|ndjson)(?:\.gz|\.zst)?\Z", re.IGNORECASE)
IS_SAVED: Final = re.compile(r"\.(?:mht|mhtml|webarchive)\Z", re.IGNORECASE)
IN_WACZ: Final = re.compile(r"archive/.+\.w?arc(?:\.gz|\.zst)?\Z", re.IGNORECASE | re.DOTALL)
OF_WACZ: Final = re.compile(r"(?:datapackage(?:-digest)?\.json|(?:pages|indexes|logs)/.*)\Z", re.DOTALL)
NO_WACZ: Final = "it holds no WARC below `archive/`, so it is no WACZ, or a damaged one; fetch it again"
REPEATED: Final = "an earlier file of the WACZ has the same name; pack it again"
CHANGED: Final = "its bytes do not have the digest that `{}` says; what can be read of it is read"
LOST: Final = "`datapackage.json` names it, and the WACZ has it not; fetch it again"
FORGED: Final = "its signature, by {}, is none of its `datapackage.json`; what can be read of it is read"
SIGNED: Final = (
    "{} WACZ files have signatures that fit, as `{}` by {}; whose the keys are, and whether certificates and time "
    "stamps hold, is not checked: see `wacz validate --verify-auth`"
)
UNCHECKED: Final = "{} WACZ files have signatures that are not checked, as `{}` by {}: {}"
CUT: Final = (
    "{} pages were not crawled as a whole (WARC-Truncated, or fewer bytes than Content-Length), such as {}; crawl them "
    "again, as the latest capture of an address is its current revision, whole or not"
)
# Of all that a zip says before a file, the lengths of its name and of what else follows.
LOCAL_HEADER: Final = struct.Struct("<26xHH")
# Kinds of what was left out that a note names.
MOST_KINDS: Final = 20


class RecordFolder(Folder):
    """A folder whose files of records are listed record by record. `keys` are those of JSON Lines."""

    def __init__(self, root: Path, budget: Budget, keys: Mapping[str, str]) -> None:
        super().__init__(root, budget)
        self._keys = keys
        # The files in their order and the number of each one's first source, once some hold records.
        self._files: list[Source] = []
        self._firsts: list[int] = []
        # Where reading goes on: the file, its records from the next number on, and the limits they are read with.
        self._open: tuple[int, Iterator[Found | LeftOut], Limits] | None = None
        self._next = 0
        # Who signed which WACZ, and which files in one have the digests that are stated: reading is a second pass.
        self._signatures: dict[str, Signature] = {}
        self._as_stated: dict[str, bool] = {}
        self._cut: list[str] = []

    def listing(self, request: Request) -> Listing:
        listing = super().listing(request)
        is_records = listing.frame["source_path"].str.contains(f"(?i)(?:{RECORD_FILE}|\\.json)$")
        if not is_records.any():
            return listing
        self.streamed, self._files, self._firsts, self._open = True, [], [], None
        self._signatures, self._as_stated, self._cut = {}, {}, []
        left_out: Counter[str] = Counter()
        sources = request.counted(self._listed(sources_of(listing.frame), left_out), self.budget, self._root)
        if sources and not any(IS_RECORDS.search(one.source_path.partition("#")[0]) for one in sources):
            # No file of JSON has a record: what else there is needs no second pass.
            self.streamed, self._files, self._firsts = False, [], []
            return listing
        found = listing_of(sources, request.selection)
        notes = (*listing.notes, _note(left_out)) if left_out else listing.notes
        if self._cut:
            notes = (*notes, CUT.format(len(self._cut), self._cut[0]))
        notes = (*notes, *_notes_of_signatures(self._signatures))
        others = listing.left_out + found.left_out + left_out.total()
        return found._replace(left_out=others, notes=notes, not_taken=(*listing.not_taken, *found.not_taken))

    def read(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        if not self._files:
            yield from super().read(sources, limits)
            return
        for source in sorted(sources, key=lambda one: int(one.locator)):
            number = int(source.locator)
            place = bisect_right(self._firsts, number) - 1
            file = self._files[place]
            if not _holds_records(file):
                read = self._read(file._replace(problem=source.problem), limits)
                yield source, read._replace(source_path=source.source_path) if isinstance(read, Reject) else read
                continue
            found = self._found(place, number, limits)
            if found is None or file.source_path + found.place != source.source_path:
                raise InputError("a file changed while it was read", file.source_path, "run again when it is complete")
            if isinstance(found.payload, Fault):
                yield source, rejected(source, found.payload, limits)
            else:
                yield source, found.payload

    def _listed(self, files: list[Source], left_out: Counter[str]) -> Iterator[Source]:
        number = 0
        for file in files:
            self._files.append(file)
            self._firsts.append(number)
            if not _holds_records(file):
                # A file may have a record's path for its name.
                path = f"{file.source_path} (file)" if AT_PLACE.search(file.source_path) else file.source_path
                yield file._replace(source_path=path, locator=str(number), problem=_problem_of(file))
                number += 1
                continue
            for found in self._read_file(file, Limits()):
                if isinstance(found, LeftOut):
                    left_out[found.kind] += 1
                    continue
                payload, path = found.payload, file.source_path + found.place
                self._cut += [path] * found.cut
                size = payload.size if isinstance(payload, Fault) else len(payload)
                # A file that grew, or of which one line changed, has its other records as they were.
                version = file.version if isinstance(payload, Fault) else payload.version
                yield Source(path, str(number), size, None, found.at, version=version)
                number += 1

    def _found(self, place: int, number: int, limits: Limits) -> Found | None:
        if self._open is None or self._open[::2] != (place, limits) or number < self._next:
            self._open, self._next = (place, self._read_file(self._files[place], limits), limits), self._firsts[place]
        for found in self._open[1]:
            if isinstance(found, Found):
                self._next += 1
                if self._next > number:
                    return found
        return None

    def _read_file(self, file: Source, limits: Limits) -> Iterator[Found | LeftOut]:
        """What a file holds; where it can't be read, or has nothing that is read, it is one fault itself."""
        try:
            handle = self._opened(file)
            with os.fdopen(handle, "rb") as packed:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    yield Found("", None, fault_of(NO_FILE, size=file.source_bytes))
                elif file.source_path.lower().endswith(".wacz"):
                    yield from self._read_wacz(packed, file, limits)
                else:
                    yield from self._read_records(packed, file.source_path, limits)
        except OSError as error:
            detail = f"{error.strerror or error}; mend the file or its permissions"
            yield Found("", None, fault_of(detail, size=file.source_bytes))

    def _read_records(
        self, packed: IO[bytes], name: str, limits: Limits, *, seeks: bool = True
    ) -> Iterator[Found | LeftOut]:
        stream = Unpacked(packed, self.budget, seeks=seeks)
        if IS_SAVED.search(name):
            # Few inputs have such files, and property lists and mail take a while to load.
            from pressmark.storage.inputs.saved import read_saved

            yield from read_saved(stream, limits)
            return
        if IS_JSON.search(name):
            from pressmark.storage.inputs.jsonl import read_json

            for found in read_json(stream, limits, self._keys):
                yield found._replace(place=found.place and f"#{found.place}") if isinstance(found, Found) else found
            return
        if IS_LINES.search(name):
            # It knows the names of front matter, which takes the parser of dates to load; few inputs have such files.
            from pressmark.storage.inputs.jsonl import read_json_lines

            records: Iterator[Found | LeftOut] = read_json_lines(stream, limits, self._keys)
        else:
            records = read_warc(stream, limits, self.budget)
        for found in records:
            yield found._replace(place=f"#{found.place}") if isinstance(found, Found) else found

    def _read_wacz(self, packed: IO[bytes], file: Source, limits: Limits) -> Iterator[Found | LeftOut]:
        names: set[str] = set()
        try:
            with zipfile.ZipFile(packed) as archive:
                package = package_of(archive)
                if package.signature is not None and package.is_whole:
                    self._signatures[file.source_path] = package.signature
                for entry in archive.infolist():
                    name = entry.filename.replace("\\", "/")
                    if name.endswith("/") or OF_WACZ.match(name):
                        continue
                    problem = self._problem(entry, name, names)
                    if problem is None and not IN_WACZ.match(name):
                        yield LeftOut("other file in a WACZ")
                        continue
                    names.add(name)
                    place = f"/{path_of(name)}"
                    if problem is not None:
                        yield Found(place, None, fault_of(problem, size=entry.file_size))
                        continue
                    path = f"{file.source_path}/{name}"
                    if path not in self._as_stated:
                        self._as_stated[path] = is_as_stated(archive, entry, package.digests.get(name, ""))
                    if not self._as_stated[path]:
                        yield Found(place, None, fault_of(CHANGED.format("datapackage.json"), size=entry.file_size))
                    stored = entry.compress_type == zipfile.ZIP_STORED
                    with _Stored(packed, entry) if stored else archive.open(entry) as inside:
                        for found in self._read_records(inside, name, limits, seeks=stored):
                            yield found._replace(place=place + found.place) if isinstance(found, Found) else found
        except ZIP_ERRORS as error:
            yield Found("", None, fault_of(f"it can't be read ({error}); fetch it again", size=file.source_bytes))
            return
        for name in sorted(package.digests.keys() - names):
            yield Found(f"/{path_of(name)}", None, fault_of(LOST))
        if not names:
            yield Found("", None, fault_of(NO_WACZ, size=file.source_bytes))
        elif not package.is_whole:
            yield Found("", None, fault_of(CHANGED.format("datapackage-digest.json"), size=file.source_bytes))
        elif package.signature and not package.signature.fits and not package.signature.unchecked:
            yield Found("", None, fault_of(FORGED.format(package.signature.signer), size=file.source_bytes))

    def _problem(self, entry: zipfile.ZipInfo, name: str, names: set[str]) -> str | None:
        if OUTSIDE.search(name):
            return OUT_OF_ARCHIVE
        if name in names:
            return REPEATED
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return METHOD
        broken = self.budget.broken_by(entry.file_size, entry.compress_size, HARMLESS_PART_BYTES)
        return "; ".join(broken) if broken else None


class _Stored(io.BytesIO):
    """The bytes of a file that a zip holds as they are, at any place at once; `zipfile` reads to a place."""

    def __init__(self, packed: IO[bytes], entry: zipfile.ZipInfo) -> None:
        super().__init__()
        self._packed = packed
        packed.seek(entry.header_offset)
        header = packed.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            raise zipfile.BadZipFile(f"`{entry.filename}` is not where the directory says")
        self._start = entry.header_offset + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(header))
        self._size = entry.file_size
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._size - self._at, 0)
        self._packed.seek(self._start + self._at)
        data = self._packed.read(left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data


def _holds_records(file: Source) -> bool:
    """Whether a file is read record by record; one that is empty or can't be read is a source itself."""
    return _problem_of(file) is None and file.source_bytes > 0 and IS_RECORDS.search(file.source_path) is not None


def _problem_of(file: Source) -> str | None:
    return None if file.problem == OF_RECORDS else file.problem


def _notes_of_signatures(found: Mapping[str, Signature]) -> Iterator[str]:
    """Whose signatures fit, and which are not checked, and why; those that do not fit are rejects."""
    fits = [(path, one.signer) for path, one in found.items() if one.fits]
    unchecked = [(path, one.signer, one.unchecked) for path, one in found.items() if one.unchecked]
    if fits:
        yield SIGNED.format(len(fits), *fits[0])
    if unchecked:
        yield UNCHECKED.format(len(unchecked), *unchecked[0])


def _note(left_out: Counter[str]) -> str:
    """How many records hold no page, by their kinds."""
    kinds = [f"{count} {kind}" for kind, count in left_out.most_common(MOST_KINDS)]
    others = left_out.total() - sum(count for _, count in left_out.most_common(MOST_KINDS))
    return f"{left_out.total()} records are no pages: " + ", ".join(kinds + ([f"{others} others"] if others else []))
