"""The doors that hold many sources: tar, zip, gzip, WARC, WACZ, JSON Lines and git, made and read in a folder.

For each there are whole examples to mutate, pieces to repeat, and how a file is made of bytes that were changed: with
the checksum of a tar's header or the hash of a git object set right, so that what lies behind is reached.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import plistlib
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.opening import open_input, parse_address
from pressmark.storage.inputs.source import EVERYTHING, Request, sources_of
from pressmark.transforms.records import Limits, Reject

__all__ = ["PACKED_DOORS", "PackedDoor"]

PAGE: Final = "<html><body><p>松岭市图书馆今天开门。</p></body></html>".encode()
ARTICLE: Final = "<!--1646370367000-->\n[题](https://songling-times.example/a)\n------\n\n<p>松岭。</p>\n".encode()
BLOCK: Final = 512


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _tar(members: list[tuple[str, bytes, bytes]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "a.md" if kind in b"12" else ""
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _member(name: str, kind: bytes = b"0", data: bytes = ARTICLE) -> bytes:
    """A member alone, without what ends an archive."""
    made = _tar([(name, kind, data)])
    return made[: BLOCK * (1 + -(-len(data) // BLOCK))] if len(name) < 100 else made.rstrip(b"\0") + bytes(BLOCK)


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def _http(body: bytes = PAGE, **headers: str) -> bytes:
    fields = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return b"HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n" + body


def _record(kind: str, content: bytes, **headers: str) -> bytes:
    fields = {
        "WARC-Type": kind, "WARC-Target-URI": "https://songling-times.example/a", "WARC-Date": "2022-03-04T05:06:07Z",
        "Content-Type": "application/http; msgtype=response", **headers, "Content-Length": str(len(content)),
    }  # fmt: skip
    return (
        b"WARC/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n" + content + b"\r\n\r\n"
    )


RECORDS: Final = [
    _record("warcinfo", b"software: x\r\n"), _record("response", _http()),
    _record("request", b"GET / HTTP/1.1\r\n\r\n"),
    _record("response", _http(_gzip(PAGE), Content_Encoding="gzip")),
    _record("response", _http(b"5\r\n<html\r\n1\r\n>\r\n0\r\n\r\n", Transfer_Encoding="chunked")),
    _record("revisit", b""), _record("resource", PAGE, **{"Content-Type": "text/html; charset=gb18030"}),
]  # fmt: skip
LINES: Final = (
    b'{"html": "<p>a</p>", "url": "https://songling-times.example/a", "date": 1646370367, "tags": ["x"]}\n'
    b'{"markdown": "# a\\n\\nb", "title": "\\u677e", "author": {"name": "x"}}\n\n{"text": "a"}\n'
)


def _central(name: bytes, size: int = 9, method: int = 8) -> bytes:
    return struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0x800, method, 0, 33, 0, size, size, len(name), 0, 0, 0, 0, 0, 0
    ) + name  # fmt: skip


def _with_directory(data: bytes) -> bytes:
    """A zip of nothing but a directory."""
    count = data.count(b"PK\1\2")
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), len(data), 0, 0)
    return data + end


def _summed(data: bytes) -> bytes:
    """A tar whose headers have the checksums that they should have, as far as its blocks are headers."""
    blocks = bytearray(data)
    place = 0
    while place + BLOCK <= len(blocks) and any(blocks[place : place + BLOCK]):
        block = blocks[place : place + BLOCK]
        block[148:156] = b" " * 8
        blocks[place + 148 : place + 156] = b"%06o\0 " % sum(block)
        try:
            size = int(bytes(blocks[place + 124 : place + 136]).strip(b"\0 ") or b"0", 8)
        except ValueError:
            break
        place += BLOCK * (1 + -(-size // BLOCK))
    return bytes(blocks)


def _repository(folder: Path, objects: bytes) -> None:
    """A bare repository whose blob, tree and commit are parts of `objects`, each at its own hash."""
    blob, tree, commit = [*objects.split(b"\xff\xfe\xff"), b"", b""][:3]
    for name in ("objects/info", "objects/pack", "refs/heads"):
        os.makedirs(folder / name, exist_ok=True)
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    blob_id = _store(folder, b"blob", blob)
    tree_id = _store(folder, b"tree", tree.replace(b"@BLOB@", bytes.fromhex(blob_id)))
    commit_id = _store(folder, b"commit", commit.replace(b"@TREE@", tree_id.encode()))
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "refs/heads/main").write_text(commit_id + "\n")


def _store(folder: Path, kind: bytes, data: bytes) -> str:
    whole = b"%s %d\0%s" % (kind, len(data), data)
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    os.makedirs(folder / "objects" / name[:2], exist_ok=True)
    (folder / "objects" / name[:2] / name[2:]).write_bytes(zlib.compress(whole))
    return name


OBJECTS: Final = b"\xff\xfe\xff".join([
    ARTICLE, b"100644 a.md\0@BLOB@100644 b.md\0@BLOB@",
    b"tree @TREE@\nauthor a <a@b.example> 1740000000 +0000\ncommitter a <a@b.example> 1740000000 +0000\n\nc\n",
])  # fmt: skip


class PackedDoor(NamedTuple):
    """A way in: its name, the name of a file, whole examples, pieces, and what makes a file of changed bytes."""

    name: str
    file: str
    examples: tuple[bytes, ...]
    marks: tuple[bytes, ...] = ()
    mended: Callable[[bytes], bytes] = bytes

    def read(self, data: bytes) -> Iterator[tuple[str, bytes | Reject]]:
        """Each source with its bytes, or the reject; nothing where the archive as a whole can't be read. Raises
        `ValueError` where a source was lost, and whatever else it should not."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.file
            if self.file == "git":
                _repository(path, data)
            else:
                path.write_bytes(self.mended(data))
            try:
                found = open_input(parse_address(str(path)))
                listing = found.listing(Request(EVERYTHING))
                asked = sources_of(listing.frame)
                read = 0
                for source, outcome in found.contents(asked, Limits()):
                    read += 1
                    yield source.source_path, outcome
                if read != len(asked):
                    raise ValueError(f"{len(asked)} sources were listed and {read} were read")
            except InputError as error:
                if not (error.what and error.remedy):
                    raise ValueError("an error without a remedy") from error

    def listed(self, data: bytes) -> int:
        """How many sources come out."""
        return sum(1 for _ in self.read(data))


MEMBERS: Final = (
    _member("a.md"), _member("b/a.md", data=b""), _member("a.md", b"1", b""), _member("a.md", b"2", b""),
    _member("d", b"5", b""),
    _member("n" * 200), _member("松.md"), bytes(BLOCK), b"x" * BLOCK,
)  # fmt: skip
GZIPPED: Final = (_gzip(b""), _gzip(b"<p>a</p>"), b"\0", b"\x1f\x8b\x08", b"x")
WARC_MARKS: Final = (
    *RECORDS, b"WARC/1.0\r\n", b"\r\n", b"\n", b"WARC-Type: response\r\n", b"Content-Length: 0\r\n",
    b"Content-Length: 99999999\r\n", b"a: b\r\n",
    b" c\r\n", b"\0", b"x", b"HTTP/1.1 200 OK\r\n", b"http://a 1.2.3.4 20220304050607 text/html 10\n",
)  # fmt: skip
LINE_MARKS: Final = (
    LINES, b'{"html": "', b'"}\n', b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b"a", b":", b",", b'{"a":', b"1",
    b'"a{i}":1,', b'{"html":"<p>a</p>"}\n',
    b"\\ud800", b"null", b" ", b'{"text":"a","x":{"y":[1]}}\n',
)  # fmt: skip
SAVED: Final = (
    b"Snapshot-Content-Location: https://songling-times.example/a\r\nDate: Fri, 4 Mar 2022 21:06:07 +0800\r\n"
    b"Content-Type: multipart/related; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n" + PAGE + b"\r\n--b\r\nContent-Type: image/png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBO\r\n--b--\r\n"
)  # fmt: skip
SAVED_MARKS: Final = (
    SAVED, b"\r\n--b\r\n", b"\n--b--", b"\r\n", b"\n", b"Content-Type: text/html\r\n", b"a: b\r\n", b" c\r\n", b"--b",
    b"x", b"Content-Type: multipart/mixed; boundary=c{i}\r\n\r\n--c{i}\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b";", b'"',
)  # fmt: skip
LISTS: Final = tuple(
    plistlib.dumps({"WebMainResource": {
        "WebResourceURL": "https://a.example/a", "WebResourceMIMEType": "text/html", "WebResourceData": PAGE,
    }}, fmt=form)
    for form in (plistlib.FMT_BINARY, plistlib.FMT_XML)
)  # fmt: skip

TARS: Final = (
    _tar([("a.md", b"0", ARTICLE), ("b/松.md", b"0", ARTICLE), ("l", b"2", b""), ("h", b"1", b"")]),
    _tar([("n" * 200, b"0", ARTICLE), ("d", b"5", b"")]),
)
ZIPS: Final = (_zip({"a.md": ARTICLE, "b/松.md": ARTICLE, "c.html": PAGE}), _zip({"a.md": ARTICLE}, 0))
ENTRIES: Final = (_central(b"a.md"), _central(b"b{i}.md"), _central(b"../x"), _central(b"d/"), b"x")
CRAWL: Final = b"".join(RECORDS)
WACZ: Final = (
    _zip({"archive/a.warc": CRAWL, "datapackage.json": b"{}"}, 0), _zip({"archive/a.warc.gz": _gzip(CRAWL)}),
)  # fmt: skip

PACKED_DOORS: Final = (
    PackedDoor("tar", "a.tar", TARS, MEMBERS, _summed),
    PackedDoor("tar.gz", "a.tgz", (_gzip(TARS[0]),), (*GZIPPED, _gzip(MEMBERS[0]))),
    PackedDoor("zip", "a.zip", ZIPS),
    PackedDoor("zip directory", "a.zip", ENTRIES[:1], ENTRIES, _with_directory),
    PackedDoor("page.gz", "a.html.gz", (_gzip(PAGE),), GZIPPED),
    PackedDoor("warc", "a.warc", (CRAWL,), WARC_MARKS),
    PackedDoor("warc.gz", "a.warc.gz", (b"".join(map(_gzip, RECORDS)),), (*GZIPPED, *map(_gzip, RECORDS))),
    PackedDoor("wacz", "a.wacz", WACZ),
    PackedDoor("mhtml", "a.mhtml", (SAVED,), SAVED_MARKS),
    PackedDoor("webarchive", "a.webarchive", LISTS),
    PackedDoor("json lines", "a.jsonl", (LINES,), LINE_MARKS),
    PackedDoor("git", "git", (OBJECTS,)),
)
