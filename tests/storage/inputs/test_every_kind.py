"""One suite for all kinds of input: the same archive gives the same sources, whatever it lies in."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import pytest
from listings import Pack, as_folder, as_git, as_git_address, as_zip, contents, listed, opened, paths, rejected, there
from repositories import article, files_below

from pressmark.storage.errors import InputError
from pressmark.storage.inputs import source as sources
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.source import EVERYTHING, Request, sources_of
from pressmark.transforms.records import Limits, Reject
from pressmark.transforms.selection import Selection


def test_sizes_and_contents_are_those_of_the_files(source: Path, tmp_path: Path, pack: Pack) -> None:
    for name in ("x/a.md", "x-/b.md", "x.md", "z/y/empty.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"" if "empty" in name else article(name))
    address = pack(source, tmp_path)
    found = contents(address)
    assert found == {str(name): data for name, data in files_below(source).items()}
    assert list(found) == ["x-/b.md", "x.md", "x/a.md", "z/y/empty.md"] or "tar" in address or "zip" in address
    assert [one.source_bytes for one in there(address)] == [len(found[path]) for path in sorted(found)]


def test_a_source_is_found_by_its_path(source: Path, tmp_path: Path, pack: Pack) -> None:
    decomposed = unicodedata.normalize("NFD", "café.md")
    for name in ("a.md", "b.md", decomposed):
        (source / name).write_bytes(article(name))
    archive = opened(pack(source, tmp_path))
    assert [one.source_path for one in archive.find(["b.md", "none.md"])] == ["b.md"]
    (found,) = archive.find(["café.md"])
    ((_, data),) = archive.contents([found], Limits())
    assert data == article(decomposed)


def test_what_accompanies_articles_is_left_out_and_globs_choose(source: Path, tmp_path: Path, pack: Pack) -> None:
    for name in ("README.md", "index.html", "rfi/a.md", "rfi/.hidden.md", "dw/b.txt", "dw/photo.jpg", "dw/old/c.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(article(name))
    address = pack(source, tmp_path)
    assert paths(address, selection=Selection()) == ["dw/b.txt", "dw/old/c.md", "rfi/a.md"]
    # A folder's hidden files are not even counted.
    assert listed(address, selection=Selection()).left_out == (3 if pack is as_folder else 4)
    assert paths(address, selection=Selection(("*.md",))) == ["README.md", "dw/old/c.md", "rfi/a.md"]
    assert paths(address, selection=Selection(exclude=("dw/",))) == ["rfi/a.md"]
    assert paths(address, selection=Selection(("dw/**",), ("old/", "*.jpg"))) == ["dw/b.txt"]


def test_names_that_case_or_normalisation_tells_apart_stay_apart(source: Path, tmp_path: Path, pack: Pack) -> None:
    composed = "café.md"
    names = ["A.md", "a.md", composed, unicodedata.normalize("NFD", composed), "é" * 120 + ".md"]
    for name in names:
        (source / name).write_bytes(article(name))
    address = pack(source, tmp_path)
    assert set(paths(address)) == {"A.md", "a.md", composed, "cafe\\xcc\\x81.md", "é" * 120 + ".md"}
    assert contents(address)["cafe\\xcc\\x81.md"] == article(names[3])


def test_names_that_are_no_utf8_are_escaped(source: Path, tmp_path: Path, pack: Pack) -> None:
    if pack is as_zip:
        pytest.skip("zipfile writes names in UTF-8 only; `test_archives.py` has such a zip")
    with open(bytes(source) + b"/b\xff\xe9.md", "wb") as file:
        file.write(article("b"))
    assert contents(pack(source, tmp_path)) == {"b\\xff\\xe9.md": article("b")}


def test_links_are_named_and_not_followed(source: Path, tmp_path: Path, pack: Pack) -> None:
    (source / "a.md").write_bytes(article("a"))
    links = {"inside.md": "a.md", "outside.md": "../../secret.md", "absolute.md": "/etc/hostname", "loop": "."}
    for name, target in links.items():
        (source / name).symlink_to(target)
    found = contents(pack(source, tmp_path))
    assert rejected(found) == dict.fromkeys(links, ("unreadable", None))
    assert found["a.md"] == article("a")


def test_a_large_source_is_hashed_and_not_kept(
    source: Path, tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "a.md").write_bytes(article("a"))
    large = b"".join(b"<p>%d</p>" % number for number in range(9000))
    for name in ("large.md", "larger.md"):
        (source / name).write_bytes(large)
    (source / "z.md").write_bytes(article("z"))
    address = pack(source, tmp_path)
    found = contents(address, limits=Limits(source_bytes=50_000))
    assert rejected(found) == dict.fromkeys(("large.md", "larger.md"), ("too_large", None))
    reject = found["large.md"]
    assert isinstance(reject, Reject)
    assert (reject.source_bytes, reject.source_sha256) == (len(large), sha256(large))
    assert found["z.md"] == article("z")
    assert contents(address)["large.md"] == large
    monkeypatch.setattr(sources, "HASHED_BYTES", 60_000)
    found = contents(address, limits=Limits(source_bytes=50_000))
    assert isinstance(reject := found["large.md"], Reject)
    assert (reject.reason, reject.source_sha256, reject.source_bytes) == ("too_large", None, len(large))
    assert found["z.md"] == article("z")


def test_more_files_than_an_archive_may_name_are_an_error(source: Path, tmp_path: Path, pack: Pack) -> None:
    for number in range(5):
        (source / f"{number}.md").write_bytes(article(str(number)))
    address = pack(source, tmp_path)
    assert len(contents(address, budget=Budget(files=9))) == 5
    with pytest.raises(InputError, match="names more than 4 files.*--max-files"):
        contents(address, budget=Budget(files=4))


def sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_versions_tell_whether_a_source_changed(
    source: Path, tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressmark.storage.inputs.folder.SETTLED_NS", -(1 << 60))
    for name in ("a.md", "b.md"):
        (source / name).write_bytes(article(name))
    (tmp_path / "1").mkdir()
    first = versions(pack(source, tmp_path / "1"))
    assert all(first.values())
    (source / "a.md").write_bytes(article("a", body="<p>松岭市图书馆明天关闭。</p>"))
    (tmp_path / "2").mkdir()
    second = versions(pack(source, tmp_path / "2"))
    assert first["a.md"] != second["a.md"]
    assert (first["b.md"] == second["b.md"]) == (pack in (as_folder, as_git, as_git_address))


def versions(address: str) -> dict[str, str]:
    return {one.source_path: one.version for one in there(address)}


def test_an_archive_without_files_lists_none(source: Path, tmp_path: Path, pack: Pack) -> None:
    if pack is as_git_address:
        pytest.skip("a commit has no empty folders")
    if pack is as_zip:
        with zipfile.ZipFile(tmp_path / "archive.zip", "w"):
            pass
        assert paths(tmp_path / "archive.zip") == []
        return
    assert paths(pack(source, tmp_path)) == []


def test_contents_come_in_any_order_and_more_than_once(source: Path, tmp_path: Path, pack: Pack) -> None:
    for name in "abc":
        (source / f"{name}.md").write_bytes(article(name))
    archive = opened(pack(source, tmp_path))
    a, b, c = sources_of(archive.listing(Request(EVERYTHING)).frame)
    for asked in ([c, a], [b], [a, b, c], []):
        read = {one.source_path: data for one, data in archive.contents(asked, Limits())}
        assert read == {one.source_path: article(one.source_path[0]) for one in asked}
