"""The citation of a paragraph, and the root that it leads to, signed and time-stamped. What is signed is a line of text
in a file of its own, so that openssl checks it, too."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.storage.errors import InputError, OutputError, SettingsError, library
from pressmark.storage.originals import trace_paragraph
from pressmark.storage.output.folder import new_folder
from pressmark.storage.output.parquet import plain_schema
from pressmark.storage.output.state import moment_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport, latest_of
from pressmark.transforms.citation import Finding, check_citation, written
from pressmark.transforms.roots import Moment, Step, content_of, leaf_of, path_to

__all__ = ["SIGNED", "check_signed", "cite", "sign", "statement"]

SIGNED: Final = {"statement": "root.txt", "signature": "root.sig", "stamp": "root.tsr"}
ANSWER_S: Final = 30
MOST_BYTES: Final = 1 << 20
PARAGRAPH_ID: Final = re.compile(r"([0-9a-f]{32})-([0-9]{4,})")


def cite(output: Output, paragraph_id: str, source: str | None = None) -> dict[str, Any]:
    """The content of a paragraph's citation; with `source`, the input that was ingested, also the bytes. Raises
    `OutputError` where no row has this id, or the tables are not those whose root the latest run published;
    `InputError` where the source is gone or is no longer what was ingested."""
    found = PARAGRAPH_ID.fullmatch(paragraph_id)
    rows = _rows(output, "paragraphs", found[1]) if found else []
    index = next((n for n, row in enumerate(rows) if row["paragraph_id"] == paragraph_id), None)
    if found is None or index is None:
        raise OutputError(
            f"no row of `paragraphs` has the paragraph_id `{paragraph_id}`", output.address, "look it up in the table"
        )
    article = next(iter(_rows(output, "articles", found[1])), None)
    run, moment = _published(output)
    paths = moment.paths(found[1])
    span = None if source is None else trace_paragraph(output, source, paragraph_id, context=0).span
    content = {
        "paragraph": rows[index],
        "article": article,
        "paths": {
            "paragraph": _written(path_to([leaf_of(row) for row in rows], index) + paths["paragraphs"]),
            "article": _written(paths["articles"]),
            "entry": _written(paths["entry"]),
        },
        "head": moment.head,
        "root": moment.root,
        "run": {"run_id": run.run_id, "archive": run.archive, "finished_at": run.finished_at.isoformat()},
        "bytes": None if span is None else base64.b64encode(span).decode(),
    }
    if article is None or any(finding.kind == "fail" for finding in check_citation(written(content))):
        # The tables were read one after the other.
        raise OutputError("a run was publishing meanwhile", output.address, "cite again")
    return content


def _published(output: Output) -> tuple[RunReport, Moment]:
    """The latest run, and the tree over the rows, whose root it has published."""
    run = latest_of(output)
    if run.root is None:
        raise OutputError(
            f"the latest run, `{run.run_id}`, has published no root", output.address,
            "wait for it; where it was stopped, or is of an older pressmark, run `pressmark ingest`",
        )  # fmt: skip
    moment = moment_of(output)
    if moment.root != run.root:
        raise OutputError(
            f"the rows are other ones than those whose root the latest run, `{run.run_id}`, has published",
            output.address, "wait for a run that is publishing, and try again; where none is, run `pressmark ingest`",
        )  # fmt: skip
    return run, moment


def _rows(output: Output, name: str, article_id: str) -> list[dict[str, Any]]:
    table = TABLES[name]
    frame = output.scan(table).filter(pl.col("article_id") == article_id).sort(table.sort_keys).collect()
    if not frame.height:
        return []
    rows = pa.table({field.name: frame[field.name].to_arrow() for field in table.schema}).cast(plain_schema(table))
    return content_of(rows, table, str(frame["outlet"][0]))


def _written(steps: list[Step]) -> list[list[str]]:
    return [[step.side, step.sibling.hex()] for step in steps]


def statement(root: str) -> bytes:
    """What is signed and stamped.

    >>> statement("00" * 32)[:24]
    b'pressmark-root-1 0000000'
    """
    return f"pressmark-root-1 {root}\n".encode()


def sign(output: Output, key: Path, to: Path, authority: str | None = None) -> str:
    """Write the statement of the latest run's root, its signature by the private key (Ed25519, PEM) and the time stamp
    of an authority, if its address is given, into a new folder; the root. Raises `OutputError` where the tables are not
    those that the root is over, `InputError` for a key or an authority that will not do."""
    root = _published(output)[1].root
    if to.exists():
        raise SettingsError("there is something at this place already", to, "name a folder that is not there yet")
    data = statement(root)
    signature = _key(key, private=True).sign(data)
    stamp = None if authority is None else _stamped(data, authority)
    with new_folder(to) as draft:
        for name, content in (("statement", data), ("signature", signature), ("stamp", stamp)):
            if content is not None:
                (draft / SIGNED[name]).write_bytes(content)
    return root


def check_signed(folder: Path, root: str, key: Path | None, authority: Path | None) -> Iterator[Finding]:
    """What holds of a folder that `sign` wrote, for a root: by the signer's public key, and by the certificate of the
    authority (both PEM)."""
    data = statement(root)
    same = (folder / SIGNED["statement"]).read_bytes() == data
    yield Finding("ok" if same else "fail", "what is signed is this root")
    if key is None:
        yield Finding("open", "the signature: give the signer's public key with --key")
    else:
        held = _verifies(key, (folder / SIGNED["signature"]).read_bytes(), data)
        yield Finding("ok" if held else "fail", f"the root is signed by the key `{key.name}`")
    stamp = folder / SIGNED["stamp"]
    if authority is None:
        yield from [
            Finding("open", "the time stamp: give the authority's certificate with --authority")
        ] * stamp.exists()
    elif not stamp.exists():
        yield Finding("fail", "there is a time stamp")
    else:
        yield _stamp_finding(stamp.read_bytes(), data, authority)


def _verifies(key: Path, signature: bytes, data: bytes) -> bool:
    try:
        _key(key, private=False).verify(signature, data)
    except library("cryptography.exceptions", "sign").InvalidSignature:
        return False
    return True


def _key(path: Path, *, private: bool) -> Any:
    keys = library("cryptography.hazmat.primitives.serialization", "sign")
    kinds = library("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
    kind = kinds.Ed25519PrivateKey if private else kinds.Ed25519PublicKey
    name = "private" if private else "public"
    wrong = InputError(
        f"this is no {name} key of Ed25519 in PEM, or it needs a password", path,
        "make one with `openssl genpkey -algorithm ed25519`, its public one with `openssl pkey -pubout`",
    )  # fmt: skip
    try:
        data = path.read_bytes()
        found = keys.load_pem_private_key(data, None) if private else keys.load_pem_public_key(data)
    except (ValueError, TypeError, library("cryptography.exceptions", "sign").UnsupportedAlgorithm):
        raise wrong from None
    if not isinstance(found, kind):
        raise wrong
    return found


def _stamped(data: bytes, authority: str) -> bytes:
    stamps = library("rfc3161_client", "sign")
    if urlsplit(authority).scheme not in ("http", "https"):
        raise SettingsError("an authority is asked over http or https", authority, "give its address")
    asked = stamps.TimestampRequestBuilder().data(data).hash_algorithm(stamps.HashAlgorithm.SHA256).build()
    request = urllib.request.Request(  # noqa: S310  # its scheme was looked at
        authority, asked.as_bytes(), {"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            content = bytes(answer.read(MOST_BYTES))
        found = stamps.decode_timestamp_response(content)
        told = found.tst_info.message_imprint.message, found.tst_info.nonce
    except (OSError, ValueError) as error:
        raise InputError(
            f"the authority gave no time stamp ({error})", authority, "try again, or ask another one"
        ) from error
    if told != (hashlib.sha256(data).digest(), asked.nonce):
        raise InputError("the authority's time stamp is of something else", authority, "ask another one")
    return content


def _stamp_finding(stamp: bytes, data: bytes, authority: Path) -> Finding:
    stamps, certificates = library("rfc3161_client", "sign"), library("cryptography.x509", "sign")
    try:
        builder = stamps.VerifierBuilder()
        for one in certificates.load_pem_x509_certificates(authority.read_bytes()):
            builder = builder.add_root_certificate(one)
        found = stamps.decode_timestamp_response(stamp)
        builder.build().verify_message(found, data)
    except (ValueError, stamps.VerificationError) as error:
        return Finding("fail", f"the time stamp is of this root and by the authority `{authority.name}` ({error})")
    at = found.tst_info.gen_time
    return Finding("ok", f"the root was there at {at:%Y-%m-%dT%H:%M:%SZ}, says the authority `{authority.name}`")
