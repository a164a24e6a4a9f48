"""Crawls: each page in a WARC is a source, what is none is counted, and what is broken costs one record."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import pickle
import sys
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from archives import ROOT, breaches, ingest, rows_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from listings import contents, listed, opened, paths

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.source import EVERYTHING, Request, sources_of
from pressmark.storage.inputs.warc import MOST_BROKEN, Payload
from pressmark.transforms.records import Limits, Reject

PAGE = "<html><body><p>松岭市图书馆今天开门。</p><p>林帆到场。</p></body></html>".encode()
URL = "https://songling-times.example/a"
DATE = "2022-03-04T05:06:07Z"

# The same bytes in every process of the suite: without the time of packing.
gzipped = partial(gzip.compress, mtime=0)


def record(kind: str, content: bytes, *, length: int | None = None, **headers: str) -> bytes:
    fields = {
        "WARC-Type": kind, "WARC-Target-URI": URL, "WARC-Date": DATE,
        "Content-Type": "application/http; msgtype=response",
        **{name.replace("_", "-"): value for name, value in headers.items()},
        "Content-Length": str(len(content) if length is None else length),
    }  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + content + b"\r\n\r\n"


def http(body: bytes = PAGE, status: str = "200 OK", **headers: str) -> bytes:
    fields = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def response(body: bytes = PAGE, **headers: str) -> bytes:
    return record("response", http(body, **headers))


def plain(records: list[bytes]) -> tuple[str, bytes, list[int]]:
    return "a.warc", b"".join(records), [sum(map(len, records[:number])) for number in range(len(records))]


def members(records: list[bytes]) -> tuple[str, bytes, list[int]]:
    name, data, places = plain([gzip.compress(one) for one in records])
    return f"{name}.gz", data, places


def one_member(records: list[bytes]) -> tuple[str, bytes, list[int]]:
    name, data, places = plain(records)
    return f"{name}.gz", gzip.compress(data), places


def zstd(records: list[bytes]) -> tuple[str, bytes, list[int]]:
    name, data, places = plain(records)
    return f"{name}.zst", pa.compress(data, codec="zstd", asbytes=True), places


FORMS = pytest.mark.parametrize("form", [plain, members, one_member, zstd])
Form = Callable[[list[bytes]], tuple[str, bytes, list[int]]]


def written(folder: Path, form: Form, records: list[bytes]) -> tuple[Path, list[int]]:
    name, data, places = form(records)
    (folder / name).write_bytes(data)
    return folder / name, places


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@FORMS
def test_pages_are_sources_and_the_rest_is_counted(tmp_path: Path, form: Form) -> None:
    kinds = [
        record("warcinfo", b"software: x\r\n"), record("request", b"GET /a HTTP/1.1\r\n\r\n"), response(),
        record("revisit", http(b"")), record("resource", PAGE, Content_Type="text/html; charset=utf-8"),
        record("response", http(status="404 Not Found")), record("response", http(status="301 Moved", Location="/b")),
        response(b"\x89PNG", Content_Type="image/png"), record("metadata", b"x: y\r\n"),
        response(PAGE, Content_Type=""), response(b"{}", Content_Type=""),
    ]  # fmt: skip
    path, places = written(tmp_path, form, kinds)
    listing = listed(path)
    sources = sources_of(listing.frame.sort("locator"))
    found = contents(path)
    assert [bytes(data) for data in found.values() if isinstance(data, bytes)] == [PAGE] * 3
    assert {source.valid_from for source in sources} == {datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)}
    assert {source.source_bytes for source in sources} == {len(PAGE)}
    marks = [f"0+{places[at]}" if form is one_member else str(places[at]) for at in (2, 4, 9)]
    assert sorted(found) == sorted(f"{path.name}#{mark}" for mark in marks)
    assert listing.left_out == 8
    (note,) = listing.notes
    for kind in ("1 warcinfo", "1 request", "1 revisit", "1 HTTP 404", "1 redirect (HTTP 301)", "1 image/png"):
        assert kind in note


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (response(b' {"a": 1}'), "1 JSON, called HTML"), (response(b"[{}]"), "1 JSON, called HTML"),
        (response(b"<?xml version='1.0'?>\n<!-- x -->\n<rss version='2.0'/>"), "1 XML, called HTML"),
        (response(b"<urlset/>"), "1 XML, called HTML"),
        (record("response", http(PAGE, status="206 P", Content_Range="bytes 0-9/90")), "1 part of a page (HTTP 206)"),
        (record("response", http(PAGE, status="206 Part")), "1 part of a page (HTTP 206)"),
        (record("response", http(PAGE, status="206 Part", Content_Range="bytes 0-89/90")), ""),
        (response(b"{% a %}<p>A lamp</p>"), ""), (response(b"<?xml version='1.0'?><html><p>A lamp</p></html>"), ""),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_servers_call_a_page_and_is_none_is_left_out(tmp_path: Path, made: bytes, kind: str) -> None:
    path, _ = written(tmp_path, plain, [made])
    assert listed(path).notes == ((f"1 records are no pages: {kind}",) if kind else ())
    assert len(contents(path)) == (not kind)


def test_pages_that_were_not_crawled_as_a_whole_are_told(tmp_path: Path) -> None:
    made = [response(), *[record("response", http(PAGE), WARC_Truncated=why) for why in ("length", "time")]]
    made += [response(Content_Length=str(len(PAGE) + more)) for more in (1, 0, -1)]
    made.append(response(chunked(PAGE), Content_Length="9999", Transfer_Encoding="chunked"))
    path, places = written(tmp_path, members, made)
    (note,) = listed(path).notes
    why = "WARC-Truncated, or fewer bytes than Content-Length"
    assert note.startswith(f"3 pages were not crawled as a whole ({why}), such as a.warc.gz#{places[1]};")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (chunked(PAGE), {"Transfer_Encoding": "chunked"}),
        (chunked(PAGE)[:-5], {"Transfer_Encoding": "chunked"}),
        (PAGE, {"Transfer_Encoding": "chunked"}),
        (gzipped(PAGE), {"Content_Encoding": "gzip"}),
        (gzipped(PAGE[:9]) + gzipped(PAGE[9:]), {"Content_Encoding": "x-gzip"}),
        (PAGE, {"Content_Encoding": "gzip"}),
        (PAGE, {"Content_Encoding": "br"}),
        (zlib.compress(PAGE), {"Content_Encoding": "deflate"}),
        (raw_deflate(PAGE), {"Content_Encoding": "deflate"}),
        (pa.compress(PAGE, codec="brotli", asbytes=True), {"Content_Encoding": "br"}),
        (pa.compress(PAGE, codec="zstd", asbytes=True), {"Content_Encoding": "zstd"}),
        (chunked(gzipped(PAGE)), {"Content_Encoding": "gzip", "Transfer_Encoding": "Chunked"}),
        (gzipped(PAGE), {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"}),
        (gzipped(zlib.compress(PAGE)), {"Content_Encoding": "deflate, gzip"}),
    ],
    ids=range(14),
)  # fmt: skip
def test_encodings_are_undone(tmp_path: Path, body: bytes, headers: dict[str, str]) -> None:
    path, _ = written(tmp_path, plain, [response(body, **headers)])
    assert contents(path) == {"a.warc#0": PAGE}


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (gzipped(PAGE)[:-12], {"Content_Encoding": "gzip"}, "unreadable"),
        (b"\1" + PAGE, {"Content_Encoding": "x-unknown"}, "unreadable"),
        (b"zz\r\n" + PAGE, {"Transfer_Encoding": "chunked"}, "unreadable"),
        (b"zz\r\n" + gzipped(PAGE), {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"}, "unreadable"),
        (gzipped(b"<" * (40 << 20)), {"Content_Encoding": "gzip"}, "unreadable"),
        (gzipped(b"<" + zlib.compress(PAGE) * 40_000, 1), {"Content_Encoding": "gzip"}, "too_large"),
        (b"<" * 1_100_000, {}, "too_large"),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_can_not_be_decoded_or_is_too_much_is_a_reject(
    tmp_path: Path, body: bytes, headers: dict[str, str], reason: str
) -> None:
    path, _ = written(tmp_path, plain, [response(body, **headers), response()])
    found = list(contents(path, limits=Limits(source_bytes=1 << 20)).values())
    assert isinstance(found[0], Reject)
    assert found[0].reason == reason
    assert found[1] == PAGE


BROKEN = {
    "too short": record("response", http(), length=50),
    "too long": record("response", http(), length=500),
    "beyond the file": record("response", http(), length=1 << 40),
    "no number": record("response", http(), length=0).replace(b"Length: 0", b"Length: -7"),
    "no length": b"WARC/1.0\r\nWARC-Type: response\r\n\r\nx\r\n\r\n",
    "no HTTP": record("response", b"\0\1\2" * 99),
    "no record": b"<html>no record</html>\r\n\r\n",
    "endless header": b"WARC/1.0\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    "wrong digest": record("response", http(), WARC_Block_Digest="sha1:" + "A" * 32),
}  # fmt: skip


@FORMS
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_record_costs_no_other(tmp_path: Path, form: Form, case: str) -> None:
    others = [response(PAGE + b"%d" % number) for number in range(4)]
    path, places = written(tmp_path, form, [others[0], BROKEN[case], *others[1:]])
    found = contents(path)
    payloads = [bytes(data) for data in found.values() if not isinstance(data, Reject)]
    faults = {name: data for name, data in found.items() if isinstance(data, Reject)}
    place = f"0+{places[1]}" if form is one_member else str(places[1])
    assert list(faults) == [f"{path.name}#{place}"]
    # In a stream, records that a length swallowed are gone with it.
    swallowed = {"too long": 2, "beyond the file": 3}.get(case, 0) if form in (one_member, zstd) else 0
    if case == "endless header" and form is zstd:
        return
    assert len(payloads) >= 4 - swallowed
    assert set(payloads) <= {PAGE, *(PAGE + b"%d" % number for number in range(4))}


@FORMS
def test_a_file_that_is_cut_off_keeps_what_came_before(tmp_path: Path, form: Form) -> None:
    name, data, _ = form([response(PAGE + bytes([65 + number]) * 3000) for number in range(5)])
    (tmp_path / name).write_bytes(data[: len(data) * 9 // 10])
    found = list(contents(tmp_path / name).values())
    assert isinstance(found[-1], Reject)
    assert "cut off" in found[-1].detail or "ends before" in found[-1].detail or "unpacked" in found[-1].detail
    if form in (plain, members):
        assert sum(not isinstance(data, Reject) for data in found) == 4


def test_a_broken_member_costs_only_its_record(tmp_path: Path) -> None:
    packed = [gzip.compress(response(PAGE + b"%d" % number)) for number in range(3)]
    bad = bytearray(packed[1])
    bad[40] ^= 0xFF
    (tmp_path / "a.warc.gz").write_bytes(packed[0] + bytes(bad) + packed[2])
    found = contents(tmp_path / "a.warc.gz")
    assert [not isinstance(data, Reject) for data in found.values()].count(True) == 2
    assert isinstance(found[f"a.warc.gz#{len(packed[0])}"], Reject)


def test_a_file_of_nothing_but_broken_records_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(response()) + b"\x1f\x8b\x08" * 5000)
    found = contents(tmp_path / "a.warc.gz")
    assert MOST_BROKEN < len(found) < MOST_BROKEN + 5


def test_what_unpacks_to_too_much_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(response() + b"\r\n" * (20 << 20)))
    first, last = contents(tmp_path / "a.warc.gz", budget=Budget(ratio=100)).values()
    assert first == PAGE
    assert isinstance(last, Reject)
    assert "--max-ratio" in last.detail


@pytest.mark.parametrize("digits", ["base32", "hex"])
@pytest.mark.parametrize("part", ["payload", "block", "decoded", "wrong"])
def test_a_digest_is_checked_in_any_of_its_readings(tmp_path: Path, digits: str, part: str) -> None:
    body, headers = chunked(gzip.compress(PAGE)), {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"}
    block = http(body, **headers)
    digest = hashlib.sha1({"payload": body, "block": block, "decoded": PAGE, "wrong": b""}[part]).digest()
    stated = "sha1:" + (digest.hex() if digits == "hex" else base64.b32encode(digest).decode())
    name = "WARC_Block_Digest" if part == "block" else "WARC_Payload_Digest"
    path, _ = written(tmp_path, plain, [record("response", block, length=None, **{name: stated})])
    (found,) = contents(path).values()
    assert isinstance(found, Reject) == (part == "wrong")
    assert (found.raw if isinstance(found, Reject) else found) == PAGE


def wacz(names: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in names.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_wacz_is_read_by_its_crawls_alone(tmp_path: Path, method: int, pack: Callable[[bytes], bytes]) -> None:
    data = pack(response())
    names = {
        "datapackage.json": b"{}", "pages/pages.jsonl": b'{"format": "json-pages-1.0"}\n', "archive/a.warc.gz": data,
        "archive\\b.warc.gz": data, "archive/../../x.warc.gz": data, "/archive/c.warc.gz": data, "other.txt": b"x",
    }  # fmt: skip
    (tmp_path / "crawl.wacz").write_bytes(wacz(names, method))
    found = contents(tmp_path / "crawl.wacz")
    assert {path: data for path, data in found.items() if not isinstance(data, Reject)} == {
        "crawl.wacz/archive/a.warc.gz#0": PAGE, "crawl.wacz/archive/b.warc.gz#0": PAGE,
    }  # fmt: skip
    outside = [data.detail for data in found.values() if isinstance(data, Reject)]
    assert len(outside) == 2
    assert all("leads out of the archive" in detail for detail in outside)
    assert listed(tmp_path / "crawl.wacz").left_out == 1


def sealed(resources: list[dict[str, object]], **signed: object) -> dict[str, bytes]:
    package = json.dumps({"resources": resources}).encode()
    seal = {"path": "datapackage.json", "hash": f"sha256:{hashlib.sha256(package).hexdigest()}", **signed}
    return {"datapackage.json": package, "datapackage-digest.json": json.dumps(seal).encode()}


CRAWL: dict[str, object] = {"path": "archive/a.warc", "hash": f"sha256:{hashlib.sha256(response()).hexdigest()}"}
OLDER: dict[str, object] = {
    "path": "archive/a.warc", "hashing": "sha256", "stats": {"hash": hashlib.sha256(response()).hexdigest()},
}  # fmt: skip
OTHER = "the digest that `datapackage.json` says"
WRONG: dict[str, object] = {**CRAWL, "hash": f"sha256:{'0' * 64}"}
Signed = dict[str, str]
FITS, FORGED, UNCHECKED = "signatures that fit", "none of its `datapackage.json`", "signatures that are not checked"
SIGNED = {"signedData": {"hash": "sha256:0", "domain": "songling-times.example", "signature": "x"}}


@pytest.mark.parametrize(("files", "rejects", "signer"), [
    (sealed([CRAWL]), {}, None),
    (sealed([OLDER]), {}, None),
    (sealed([]), {}, None),
    ({"datapackage.json": b'{"resources": 7}', "datapackage-digest.json": b"[" * 100_000}, {}, None),
    (sealed([WRONG]), {"/archive/a.warc": OTHER}, None),
    (sealed([{**OLDER, "stats": {"hash": "0" * 64}}]), {"/archive/a.warc": OTHER}, None),
    (sealed([CRAWL, {**CRAWL, "path": "archive/b.warc"}]), {"/archive/b.warc": "has it not"}, None),
    (sealed([CRAWL]) | {"datapackage.json": b"{}"}, {"": "that `datapackage-digest.json` says"}, None),
    (sealed([CRAWL], **SIGNED), {}, "`crawl.wacz` by songling-times.example"),
    (sealed([CRAWL], signedData={"publicKey": "x"}), {}, "`crawl.wacz` by a key of its own: its key"),
])  # fmt: skip
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_digests_of_a_wacz_are_checked_and_a_signature_that_cant_be_is_named(
    tmp_path: Path, method: int, files: dict[str, bytes], rejects: dict[str, str], signer: str | None
) -> None:
    path = tmp_path / "crawl.wacz"
    path.write_bytes(wacz({"archive/a.warc": response(), **files}, method))
    found = contents(path)
    assert found.pop("crawl.wacz/archive/a.warc#0") == PAGE
    said = {place.removeprefix("crawl.wacz"): one.detail for place, one in found.items() if isinstance(one, Reject)}
    assert said.keys() == rejects.keys()
    assert all(part in said[place] for place, part in rejects.items())
    notes = [note for note in listed(path).notes if "signatures that are not checked" in note]
    assert [str(signer) in note for note in notes] == ([] if signer is None else [True])


P384, P256 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PACKAGE_HASH = json.loads(sealed([CRAWL])["datapackage-digest.json"])["hash"]
NAMED = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "songling-times.example")])
OPENS, ENDS = datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
CERTIFICATE = (
    x509.CertificateBuilder(NAMED, NAMED, P256.public_key(), 7, OPENS, ENDS)
    .sign(P256, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
)  # fmt: skip


def signature(key: ec.EllipticCurvePrivateKey, of: str, *, raw: bool) -> str:
    """As servers write it, in DER, or as browsers do, two numbers of the size of the curve."""
    der = key.sign(of.encode(), ec.ECDSA(hashes.SHA256()))
    numbers = (number.to_bytes((key.key_size + 7) // 8) for number in utils.decode_dss_signature(der))
    return base64.b64encode(b"".join(numbers) if raw else der).decode()


def anonymous(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, written: str, of: str = PACKAGE_HASH) -> Signed:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"hash": of, "signature": written, "publicKey": base64.b64encode(public).decode()}


def by_domain(written: str) -> Signed:
    return {"hash": PACKAGE_HASH, "signature": written, "domain": "songling-times.example", "domainCert": CERTIFICATE}


@pytest.mark.parametrize(("signed", "said"), [
    pytest.param(anonymous(P384, signature(P384, PACKAGE_HASH, raw=True)), FITS, id="a browser's"),
    pytest.param(anonymous(P384, signature(P384, PACKAGE_HASH, raw=False)), FITS, id="in DER"),
    pytest.param(by_domain(signature(P256, PACKAGE_HASH, raw=False)), FITS, id="a certificate's"),
    pytest.param(by_domain(signature(P384, PACKAGE_HASH, raw=False)), FORGED, id="not the certificate's"),
    pytest.param(anonymous(P384, signature(P384, "sha256:00", raw=True)), FORGED, id="of another digest"),
    pytest.param(anonymous(P384, signature(P384, "sha256:00", raw=True), "sha256:00"), FORGED, id="of another package"),
    pytest.param(anonymous(P384, "AAAA"), FORGED, id="no signature"),
    pytest.param(anonymous(RSA, "AAAA"), UNCHECKED, id="a key of another kind"),
    pytest.param(anonymous(P384, "AAAA", "sha256:\ud800"), UNCHECKED, id="a digest of another kind"),
    pytest.param({"hash": PACKAGE_HASH, "signature": "AAAA"}, UNCHECKED, id="no key"),
])  # fmt: skip
def test_a_signature_of_a_wacz_is_checked_and_one_that_does_not_fit_is_a_reject(
    tmp_path: Path, signed: Signed, said: str
) -> None:
    path = tmp_path / "crawl.wacz"
    path.write_bytes(wacz({"archive/a.warc": response(), **sealed([CRAWL], signedData=signed)}))
    found = contents(path)
    assert found.pop("crawl.wacz/archive/a.warc#0") == PAGE
    rejects = {place: one.detail for place, one in found.items() if isinstance(one, Reject)}
    assert [place for place, detail in rejects.items() if FORGED in detail] == ["crawl.wacz"] * (said == FORGED)
    assert [said in note for note in listed(path).notes if "signatures" in note] == [True] * (said != FORGED)


def test_a_signature_is_named_as_unchecked_where_the_library_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = anonymous(P384, signature(P384, PACKAGE_HASH, raw=True))
    (tmp_path / "crawl.wacz").write_bytes(wacz({"archive/a.warc": response(), **sealed([CRAWL], signedData=signed)}))
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    (note,) = listed(tmp_path / "crawl.wacz").notes
    assert UNCHECKED in note
    assert "pip install 'pressmark[sign]'" in note


@pytest.mark.parametrize("data", [b"no zip", wacz({"data/x.txt": b"x"}), wacz({"archive/a.warc": response()})[:-30]])
def test_what_is_no_wacz_is_a_reject(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "crawl.wacz").write_bytes(data)
    ((path, found),) = contents(tmp_path / "crawl.wacz").items()
    assert path == "crawl.wacz"
    assert isinstance(found, Reject)


def test_an_arc_is_read_too(tmp_path: Path) -> None:
    columns = "URL IP-address Archive-date Content-type Archive-length"
    head = f"filedesc://a.arc 127.0.0.1 20220304050607 text/plain {{}}\n1 0 X\n{columns}\n\n"
    page = http()
    line = f"{URL}?q=a b 127.0.0.1 20220304050607 text/html {len(page)}\n".encode()
    data = head.format(len(head.partition("\n")[2])).encode() + line + page + b"\n" + line + page + b"\n"
    (tmp_path / "a.arc").write_bytes(data)
    found = contents(tmp_path / "a.arc")
    assert list(found.values()) == [PAGE, PAGE]
    (payload, _) = found.values()
    assert isinstance(payload, Payload)
    assert payload.facts.url == f"{URL}?q=a%20b"


def test_a_payload_keeps_its_facts_on_its_way_to_a_worker(tmp_path: Path) -> None:
    path, _ = written(tmp_path, plain, [response(Content_Type='text/html; charset="GBK"')])
    (payload,) = contents(path).values()
    again = pickle.loads(pickle.dumps(payload))
    assert again == payload
    assert (again.facts.url, again.facts.charset) == (URL, "GBK")


def test_captures_of_one_address_are_revisions_by_their_time(source: Path, tmp_path: Path) -> None:
    captures = [
        record("response", http(f"<p>松岭第{day}天。</p>".encode("gbk"), Content_Type="text/html; charset=gbk"),
               WARC_Date=f"2022-03-0{day}T00:00:00Z")
        for day in (2, 3, 1)
    ]  # fmt: skip
    written(source, members, captures)
    (source / "b.md").write_bytes(b"<!--1646352000000-->\n[T](https://songling-times.example/b)\n---\n<p>Text.</p>")
    (source / "c.warc").write_bytes(b"")
    (source / "a.warc.gz#0").write_bytes(b"a file that has a record's path for its name")
    for run, workers in ((1, 1), (2, 2)):
        report = ingest(source, tmp_path / f"out{workers}", run, workers=workers)
        assert (report.articles, report.revisions, report.rejects) == (2, 2, 2)
        assert breaches(tmp_path / f"out{workers}") == []
    rows = rows_of(tmp_path / "out1", "articles", "text", "dialect", "url", "encoding", "header_bytes", "valid_from")
    (row,) = (row for row in rows if row[1] == "record")
    assert row == ("松岭第3天。", "record", URL, "gb18030", 0, datetime(2022, 3, 3, tzinfo=UTC))
    assert ingest(source, tmp_path / "out1", 3).parsed == 0
    report = ingest(source, tmp_path / "out1", 4, include=("*.warc.gz",), sync=True)
    assert (report.sources, report.deleted) == (4, 0)
    assert breaches(tmp_path / "out1") == []


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path, _ = written(tmp_path, plain, [response(), response()])
    source = opened(path)
    found = sources_of(source.listing(Request(EVERYTHING)).frame)
    path.write_bytes(response(PAGE + b"longer") * 2)
    with pytest.raises(InputError, match="changed while it was read"):
        list(source.contents(found, Limits()))


def test_records_in_an_archive_of_another_kind_say_where_they_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.warc", response())
        archive.writestr("a.jsonl", json.dumps({"html": "<p>x</p>"}))
    found = contents(tmp_path / "a.zip").values()
    assert all(isinstance(data, Reject) and "unpack" in data.detail for data in found)


@pytest.fixture
def crawls() -> Path:
    folder = ROOT.parent / "shared" / "pages" / "warc"
    if not folder.is_dir():
        pytest.skip("../shared/pages/warc is not there")
    return folder


@pytest.mark.corpus
def test_public_examples_come_in_as_they_are(crawls: Path, tmp_path: Path) -> None:
    report = ingest(crawls, tmp_path / "out")
    assert (report.articles + report.revisions, report.rejects) == (27, 7)
    assert breaches(tmp_path / "out") == []
    assert len(paths(crawls)) == 34
