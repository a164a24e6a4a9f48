"""One suite for all kinds of input: the same archive gives the same tables, whatever it lies in."""

from __future__ import annotations

import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from archives import ingest, read_table, rows_of
from pressmark.storage.tracing import trace_paragraph
from repositories import Repository, article, files_below

from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output
from pressmark.transforms.records import Limits
from pressmark.transforms.selection import Selection

# What an input with commits says of its sources, and the others don't.
OF_COMMITS = {"valid_from", "revision_id"}

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
    below = {f"news/{name!s}": content for name, content in files_below(source).items()}
    repository.commit({**below, "other/x.md": b"x"}, branch="archive")
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


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def pack(request: pytest.FixtureRequest) -> Pack:
    return request.param


def tables(output: Path, *, without: set[str] = OF_COMMITS) -> dict[str, list[dict[str, object]]]:
    """Rows of every table but `runs`, without some columns."""
    return {
        name: read_table(output, name).drop_columns([c for c in without if c in read_table(output, name).schema.names])
        .to_pylist()
        for name in ("articles", "paragraphs", "revisions", "rejects")
    }  # fmt: skip


def files(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*.parquet") if "runs" not in path.parts}


def breaches(output: Path) -> list[object]:
    return list(verify_output(Output(output), workers=1, progress=lambda *_: None).breaches)


def test_the_seeds_give_the_same_rows(seeds: Path, tmp_path: Path, pack: Pack) -> None:
    ingest(seeds, tmp_path / "folder", workers=2)
    ingest(pack(seeds, tmp_path), tmp_path / "packed", workers=2)
    assert tables(tmp_path / "packed") == tables(tmp_path / "folder")
    assert files(tmp_path / "packed") == files(tmp_path / "folder")
    assert breaches(tmp_path / "packed") == []


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["git", "tar.zst", "zip"])
def test_the_corpus_gives_the_same_rows(corpus: Path, tmp_path: Path, kind: str) -> None:
    folders = tmp_path / "folder"
    ingest(corpus, folders, workers=2)
    ingest(KINDS[kind](corpus, tmp_path), tmp_path / "packed", workers=2)
    for name in ("articles", "paragraphs", "revisions", "rejects"):
        one, other = read_table(folders, name), read_table(tmp_path / "packed", name)
        columns = [column for column in one.schema.names if column not in OF_COMMITS]
        assert one.num_rows == other.num_rows
        assert one.select(columns).equals(other.select(columns)), name
    if kind != "git":
        for part in sorted(files(folders)):
            assert (tmp_path / "packed" / part).read_bytes() == (folders / part).read_bytes(), part


def test_a_second_run_parses_nothing_and_a_changed_archive_little(tmp_path: Path, pack: Pack) -> None:
    source, output = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for slug in "abc":
        (source / f"{slug}.md").write_bytes(article(slug))
    (source / "bad.md").write_bytes(b"nothing")
    (tmp_path / "1").mkdir()
    ingest(pack(source, tmp_path / "1"), output, 1)
    again = ingest(pack(source, tmp_path / "1") if pack is as_folder else existing(tmp_path / "1"), output, 2)
    assert (again.sources, again.unchanged, again.parsed, again.partitions_written) == (4, 4, 0, 0)
    (source / "a.md").write_bytes(article("a", body="<p>松岭市图书馆明天关闭。</p>"))
    (source / "b.md").unlink()
    (source / "bad.md").write_bytes(article("d"))
    (tmp_path / "2").mkdir()
    report = ingest(pack(source, tmp_path / "2"), output, 3, absent_is_deleted=True)
    assert (report.sources, report.parsed, report.deleted, report.rejects) == (3, 2, 1, 0)
    assert sorted(row[0] for row in rows_of(output, "articles", "source_path")) == ["a.md", "bad.md", "c.md"]
    assert sorted(rows_of(output, "revisions", "source_path", "change")) == [("a.md", "text"), ("b.md", None)]
    assert breaches(output) == []


def existing(place: Path) -> str:
    """What a kind made in a place before."""
    (found,) = [path for path in place.iterdir() if path.name != "plain.tar"]
    return f"git+file://{found}@archive#news" if found.name == "all@once.git" else str(found)


def test_what_accompanies_articles_is_left_out_and_globs_choose(tmp_path: Path, pack: Pack) -> None:
    source = tmp_path / "source"
    for name in ("README.md", "index.html", "rfi/a.md", "rfi/.hidden.md", "dw/b.txt", "dw/photo.jpg", "dw/old/c.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(article(name))
    address = pack(source, tmp_path)

    def taken(output: str, **choice: tuple[str, ...]) -> list[object]:
        ingest(address, tmp_path / output, selection=Selection(**choice))
        assert breaches(tmp_path / output) == []
        return sorted(row[0] for row in rows_of(tmp_path / output, "articles", "source_path"))

    assert taken("all") == ["dw/b.txt", "dw/old/c.md", "rfi/a.md"]
    ((left_out,),) = rows_of(tmp_path / "all", "runs", "left_out")
    assert left_out == (4 if pack not in (as_folder,) else 3)
    assert taken("md", include=("*.md",)) == ["README.md", "dw/old/c.md", "rfi/a.md"]
    assert taken("one", exclude=("dw/",)) == ["rfi/a.md"]
    assert taken("both", include=("dw/**",), exclude=("old/", "*.jpg")) == ["dw/b.txt"]


def test_what_a_later_selection_leaves_out_stays(tmp_path: Path, pack: Pack) -> None:
    source, output = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for slug in "ab":
        (source / f"{slug}.md").write_bytes(article(slug))
    address = pack(source, tmp_path)
    ingest(address, output, 1)
    report = ingest(address, output, 2, selection=Selection(("a.md",)), absent_is_deleted=True)
    assert (report.sources, report.deleted, report.articles) == (1, 0, 2)


def test_names_that_case_or_normalisation_tells_apart_stay_apart(tmp_path: Path, pack: Pack) -> None:
    source = tmp_path / "source"
    source.mkdir()
    composed = "café.md"
    names = ["A.md", "a.md", composed, unicodedata.normalize("NFD", composed), "é" * 120 + ".md"]
    for number, name in enumerate(names):
        (source / name).write_bytes(article(str(number)))
    ingest(pack(source, tmp_path), tmp_path / "out")
    found = {row[0] for row in rows_of(tmp_path / "out", "articles", "source_path")}
    assert found == {"A.md", "a.md", composed, "cafe\\xcc\\x81.md", "é" * 120 + ".md"}
    assert breaches(tmp_path / "out") == []


def test_names_that_are_no_utf8_are_escaped(tmp_path: Path, pack: Pack) -> None:
    if pack is as_zip:
        pytest.skip("zipfile writes names in UTF-8 only; `test_packed.py` has such a zip")
    source = tmp_path / "source"
    source.mkdir()
    with open(bytes(source) + b"/b\xff\xe9.md", "wb") as file:
        file.write(article("b"))
    if pack in (as_git, as_git_address):
        repository = Repository(tmp_path / "raw.git")
        repository.commit({b"b\xff\xe9.md": article("b")})
        address = str(repository.path)
    else:
        address = pack(source, tmp_path)
    ingest(address, tmp_path / "out", workers=2)
    assert rows_of(tmp_path / "out", "articles", "source_path") == [("b\\xff\\xe9.md",)]
    assert breaches(tmp_path / "out") == []
    assert ingest(address, tmp_path / "out", 2).parsed == 0


def test_links_are_named_and_not_followed(tmp_path: Path, pack: Pack) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.md").write_bytes(article("a"))
    for name, target in (("inside.md", "a.md"), ("outside.md", "../../secret.md"), ("absolute.md", "/etc/hostname")):
        (source / name).symlink_to(target)
    ingest(pack(source, tmp_path), tmp_path / "out")
    assert sorted(rows_of(tmp_path / "out", "rejects", "source_path", "reason")) == [
        ("absolute.md", "unreadable"), ("inside.md", "unreadable"), ("outside.md", "unreadable"),
    ]  # fmt: skip
    assert [row[0] for row in rows_of(tmp_path / "out", "articles", "source_path")] == ["a.md"]
    assert breaches(tmp_path / "out") == []


def test_a_large_source_is_hashed_and_not_kept(tmp_path: Path, pack: Pack) -> None:
    source, output = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "a.md").write_bytes(article("a"))
    (source / "large.md").write_bytes(article("large", body=" ".join(f"<p>{n}</p>" for n in range(9000))))
    address = pack(source, tmp_path)
    ingest(address, output, 1, limits=Limits(source_bytes=50_000))
    ((reason, raw, sha256),) = rows_of(output, "rejects", "reason", "raw", "source_sha256")
    assert (reason, raw, len(str(sha256))) == ("too_large", None, 64)
    assert ingest(address, output, 2, limits=Limits(source_bytes=50_000)).parsed == 0
    assert ingest(address, output, 3).articles == 2
    assert breaches(output) == []


def test_a_large_file_pointer_says_what_it_is(tmp_path: Path, pack: Pack) -> None:
    source = tmp_path / "source"
    source.mkdir()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    (source / "a.md").write_bytes(pointer.encode())
    ingest(pack(source, tmp_path), tmp_path / "out")
    ((reason, detail, raw),) = rows_of(tmp_path / "out", "rejects", "reason", "detail", "raw")
    assert (reason, raw) == ("no_header", pointer.encode())
    assert "git lfs" in str(detail)


def test_a_paragraph_is_traced_to_its_bytes(tmp_path: Path, pack: Pack) -> None:
    source = tmp_path / "source"
    (source / "x").mkdir(parents=True)
    (source / "x" / "a.md").write_bytes(article("a"))
    (source / "b.md").write_bytes(article("b"))
    ingest(pack(source, tmp_path), tmp_path / "out")
    ids = rows_of(tmp_path / "out", "paragraphs", "paragraph_id", "text")
    assert len(ids) == 4
    for paragraph_id, text in ids:
        assert trace_paragraph(Output(tmp_path / "out"), None, str(paragraph_id), context=3).span.decode() == text
