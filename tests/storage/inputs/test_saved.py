"""Pages that browsers saved in one file: the page is a source, and what it shows is counted by its kind."""

from __future__ import annotations

import base64
import io
import plistlib
import quopri
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pytest
from archives import breaches, ingest, rows_of
from hypothesis import given
from hypothesis import strategies as st
from listings import contents, listed

from pressmark.storage.inputs import saved
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.unpacked import Unpacked
from pressmark.storage.inputs.warc import Found, Payload
from pressmark.transforms.records import Limits, Reject

URL = "https://songling-times.example/2022/weir"
PAGE = (
    '<html><head><meta charset="utf-8"><title>水门开了</title></head><body><article><h1>水门开了</h1>'
    "<p>松岭市的水门今天上午开了，渡轮又可以过河。</p><p>林帆到场，说灯塔也亮了。</p></article></body></html>"
).encode()
AT = datetime(2022, 3, 4, 13, 6, 7, tzinfo=UTC)
HEAD = (
    "From: <Saved by Blink>\r\n"
    "Snapshot-Content-Location: {url}\r\n"
    "Subject: =?utf-8?Q?=E6=B0=B4=E9=97=A8?=\r\n"
    "Date: Fri, 4 Mar 2022 21:06:07 +0800\r\n"
    "MIME-Version: 1.0\r\n"
    'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----{mark}----"\r\n\r\n\r\n'
)


def part(content: bytes, kind: str = "text/html", coding: str = "quoted-printable", url: str = URL) -> bytes:
    packed = {
        "quoted-printable": lambda: quopri.encodestring(content).replace(b"\n", b"\r\n"),
        "base64": lambda: base64.encodebytes(content).replace(b"\n", b"\r\n"),
        "binary": lambda: content,
    }[coding]()
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {coding}\r\nContent-Location: {url}\r\n\r\n"
    return head.encode() + packed


def mhtml(*parts: bytes, url: str = URL, mark: str = "weir", end: str = "--") -> bytes:
    between = f"\r\n------{mark}----".encode()
    body = b"".join(between + b"\r\n" + one for one in parts)
    return HEAD.format(url=url, mark=mark).encode() + body[2:] + between + end.encode() + b"\r\n"


PICTURE = part(b"\x89PNG", "image/png", "base64", "https://songling-times.example/a.png")
FRAME = part(b"<html><body><p>x</p></body></html>", url="cid:frame-1@mhtml.blink")


def web_archive(page: bytes = PAGE, form: plistlib.PlistFormat = plistlib.FMT_BINARY) -> bytes:
    main = {
        "WebResourceURL": URL, "WebResourceMIMEType": "text/html", "WebResourceTextEncodingName": "UTF-8",
        "WebResourceData": page,
    }  # fmt: skip
    picture = {"WebResourceURL": "a.png", "WebResourceMIMEType": "image/png", "WebResourceData": b"\x89PNG"}
    whole = {
        "WebMainResource": main, "WebSubresources": [picture], "WebSubframeArchives": [{"WebMainResource": main}],
    }  # fmt: skip
    return plistlib.dumps(whole, fmt=form)


FORMS = {
    "quoted-printable": ("a.mhtml", mhtml(part(PAGE), PICTURE, FRAME)),
    "base64, a frame first": ("a.mht", mhtml(FRAME, PICTURE, part(PAGE, coding="base64"))),
    "binary": ("a.MHTML", mhtml(part(PAGE, coding="binary"), PICTURE, FRAME)),
    "web archive": ("a.webarchive", web_archive()),
    "web archive as XML": ("a.webarchive", web_archive(form=plistlib.FMT_XML)),
}


def read(tmp_path: Path, data: bytes, name: str = "a.mhtml", limits: Limits | None = None) -> bytes | Reject:
    (tmp_path / name).write_bytes(data)
    ((path, found),) = contents(tmp_path / name, limits=limits).items()
    assert path == name
    return found


@pytest.mark.parametrize(("name", "data"), FORMS.values(), ids=FORMS)
def test_the_page_is_a_source_and_the_rest_is_counted(tmp_path: Path, name: str, data: bytes) -> None:
    found = read(tmp_path, data, name)
    assert isinstance(found, Payload)
    assert (bytes(found), found.facts.url) == (PAGE, URL)
    for path in (tmp_path, tmp_path / name):
        listing = listed(path)
        assert listing.frame["valid_from"].to_list() == [None if name == "a.webarchive" else AT]
        assert listing.left_out == 2
        (note,) = listing.notes
        assert note.startswith("2 records are no pages: ")
        assert {"1 image/png", "1 frame of a saved page"} == set(note.partition(": ")[2].split(", "))


@pytest.mark.parametrize("name", ["a.mhtml", "a.webarchive"])
def test_it_becomes_an_article_whose_rows_are_lawful(tmp_path: Path, name: str) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / name).write_bytes(web_archive() if name == "a.webarchive" else mhtml(part(PAGE), PICTURE))
    ingest(tmp_path / "news", tmp_path / "out")
    ((path, title, url, size),) = rows_of(tmp_path / "out", "articles", "source_path", "title", "url", "source_bytes")
    assert (path, title, url, size) == (name, "水门开了", URL, len(PAGE))
    texts = [text for text, role in rows_of(tmp_path / "out", "paragraphs", "text", "role") if role == "body"]
    assert texts == ["松岭市的水门今天上午开了，渡轮又可以过河。", "林帆到场，说灯塔也亮了。"]
    assert breaches(tmp_path / "out", tmp_path / "news") == []


def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    # Line ends of one character, no line before the first part, a page and its plain text in a part of their own.
    inner = b"\n".join([
        b"Content-Type: multipart/alternative; boundary=inner", b"", b"--inner", b"", b"no header", b"--inner",
        b"content-type: TEXT/HTML; charset=gb2312", b"", PAGE, b"--inner--", b"",
    ])  # fmt: skip
    outer = b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary = outer\n\n--outer\n" + inner
    found = read(tmp_path, outer + b"\n--outer\nContent-Type: image/png\n\n\n--outer--\n")
    assert isinstance(found, Payload)
    assert (bytes(found), found.facts.charset, found.facts.url) == (PAGE, "gb2312", None)
    alone = b"MIME-Version: 1.0\r\nDate: none\r\nContent-Type: text/html\r\nContent-Location: file:///a.htm\r\n\r\n"
    found = read(tmp_path, alone + PAGE)
    assert isinstance(found, Payload)
    assert (bytes(found), found.facts.url) == (PAGE, None)


def test_of_a_file_that_is_cut_off_a_whole_page_is_read_and_half_a_one_is_not(tmp_path: Path) -> None:
    whole = mhtml(part(PAGE), PICTURE, PICTURE)
    found = read(tmp_path, whole[: whole.rindex(b"\r\n------weir")])
    assert bytes(found) == PAGE if isinstance(found, Payload) else None
    assert "1 saved page without all that it shows" in listed(tmp_path).notes[0]
    found = read(tmp_path, whole[: whole.index(b"</article>")])
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == ("unreadable", "it ends before its last part does; save the page again")
    assert found.raw == whole[: whole.index(b"</article>")]


DEEP = reduce(
    lambda inner, at: b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%b\n--b%d--\n" % (at, at, inner, at),
    range(100), b"Content-Type: text/html\n\n" + PAGE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.mhtml", mhtml(PICTURE), "it holds no page"), ("a.mhtml", b"x", "has no end"),
        ("a.mhtml", b"A: b\r\n" * 100_000, "has no end"), ("a.mhtml", DEEP, "too deep"),
        ("a.mhtml", HEAD.format(url=URL, mark="x").encode().replace(b"boundary", b"bounds"), "nothing says"),
        ("a.mhtml", mhtml(part(b"!", coding="base64").replace(b"IQ==", b"IQ=")), "can't be decoded"),
        ("a.webarchive", b"bplist00" + b"\0" * 40, "no web archive"), ("a.webarchive", b"<plist>", "no web archive"),
        ("a.webarchive", plistlib.dumps({"WebMainResource": 3}), "no web archive"),
        ("a.webarchive", plistlib.dumps([]), "no web archive"),
        ("a.webarchive", web_archive().replace(b"text/html", b"text/text"), "it holds no page"),
        ("a.webarchive", b'<!DOCTYPE x [<!ENTITY a "b">]><plist><string>&a;</string></plist>', "no web archive"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_saved_page_is_a_reject_that_says_so(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    found = read(tmp_path, data, name)
    assert isinstance(found, Reject)
    assert said in found.detail
    assert (found.reason, found.source_bytes) == ("unreadable", len(found.raw or b""))


def test_what_is_too_large_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(tmp_path, mhtml(part(PAGE)), limits=Limits(source_bytes=len(PAGE) - 1))
    assert isinstance(found, Reject)
    assert (found.reason, found.source_bytes) == ("too_large", len(PAGE))
    monkeypatch.setattr(saved, "ENCODED_BYTES", 500)
    found = read(tmp_path, mhtml(part(PAGE)))
    assert isinstance(found, Reject)
    assert "with all that the page shows" in found.detail


@given(
    st.sampled_from([data for _, data in FORMS.values()]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4))),
)
def test_whatever_is_broken_is_one_outcome(data: bytes, changes: list[tuple[int, bytes]]) -> None:
    for place, put in changes:
        data = data[:place] + put + data[place + len(put) :]
    found = list(saved.read_saved(Unpacked(io.BytesIO(data), Budget()), Limits()))
    assert [type(one) for one in found].count(Found) == 1
