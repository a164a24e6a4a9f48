"""One suite for all kinds of input: the same archive gives the same tables, whatever it lies in."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import pytest
from archives import ROOT, ingest, read_table, rows_of
from listings import KINDS, Pack, as_git
from repositories import article

from pressmark.storage.originals import trace_paragraph
from pressmark.storage.output.tables import Output
from pressmark.storage.verification import verify_output

pytestmark = pytest.mark.slow

TABLES = ("articles", "paragraphs", "revisions", "rejects")
# What an input with commits says of its sources, and the others don't.
OF_COMMITS = {"valid_from", "revision_id"}
NAME = "news"


def tables(output: Path) -> dict[str, list[dict[str, object]]]:
    """Rows of every table but `runs`, without what only commits tell."""
    found = {name: read_table(output, name).to_pylist() for name in TABLES}
    return {
        name: [{key: value for key, value in row.items() if key not in OF_COMMITS} for row in rows]
        for name, rows in found.items()
    }


def files(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*.parquet") if "runs" not in path.parts}


def breaches(output: Path) -> list[object]:
    return list(verify_output(Output(output), workers=1, progress=lambda *_: None).breaches)


# One of those that are told apart by little more than a library's compression is enough for most days.
PACKS = [
    pytest.param(pack, id=name, marks=pytest.mark.campaign if name in ("git", "tar.gz", "tar.zst") else ())
    for name, pack in KINDS.items()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind in `source`, and in `folder` what an ingest makes of them."""
    home = tmp_path_factory.mktemp("kinds")
    source = Path(shutil.copytree(ROOT / "seeds", home / "source", symlinks=True))
    for name in ("A.md", "a.md", "café.md", unicodedata.normalize("NFD", "café.md"), "é" * 120 + ".md"):
        (source / name).write_bytes(article(name.encode().hex()[:12] + name[:1]))
    for name, target in (("inside.md", "a.md"), ("outside.md", "../../secret.md"), ("absolute.md", "/etc/hostname")):
        (source / name).symlink_to(target)
    (source / "pointer.md").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    ingest(source, home / "folder", archive=NAME)
    return home


@pytest.mark.parametrize("pack", PACKS)
def test_the_same_files_give_the_same_rows(folder: Path, tmp_path: Path, pack: Pack) -> None:
    source = folder / "source"
    ingest(pack(source, tmp_path), tmp_path / "packed", archive=NAME, workers=2)
    assert tables(tmp_path / "packed") == tables(folder / "folder")
    assert files(tmp_path / "packed") == files(folder / "folder")
    assert breaches(tmp_path / "packed") == []
    reasons = dict(rows_of(tmp_path / "packed", "rejects", "source_path", "reason"))  # type: ignore[arg-type, var-annotated]
    assert [reasons[name] for name in ("inside.md", "outside.md", "absolute.md")] == ["unreadable"] * 3
    ((detail, raw),) = (
        row[1:]
        for row in rows_of(tmp_path / "packed", "rejects", "source_path", "detail", "raw")
        if row[0] == "pointer.md"
    )
    assert "git lfs" in str(detail)
    assert bytes(raw) == (source / "pointer.md").read_bytes()  # type: ignore[call-overload]
    paragraph_id, text = rows_of(tmp_path / "packed", "paragraphs", "paragraph_id", "text")[-1]
    assert trace_paragraph(Output(tmp_path / "packed"), None, str(paragraph_id), context=3).span.decode() == text


@pytest.mark.corpus
def test_real_articles_give_the_same_rows(corpus: Path, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    for path in sorted(path for path in corpus.rglob("*") if path.is_file())[::20]:
        place = sample / path.relative_to(corpus)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    ingest(sample, tmp_path / "plain", archive="corpus", workers=2)
    ingest(as_git(sample, tmp_path), tmp_path / "packed", archive="corpus", workers=2)
    for name in TABLES:
        one, other = read_table(tmp_path / "plain", name), read_table(tmp_path / "packed", name)
        columns = [column for column in one.schema.names if column not in OF_COMMITS]
        assert one.select(columns).equals(other.select(columns)), name


def test_a_second_run_parses_nothing_and_a_changed_archive_little(source: Path, tmp_path: Path, pack: Pack) -> None:
    output = tmp_path / "out"
    for slug in "abc":
        (source / f"{slug}.md").write_bytes(article(slug))
    (source / "bad.md").write_bytes(b"nothing")
    for place in ("1", "2"):
        (tmp_path / place).mkdir()
    address = pack(source, tmp_path / "1")
    ingest(address, output, 1, archive=NAME)
    again = ingest(address, output, 2, archive=NAME)
    assert (again.sources, again.unchanged, again.parsed, again.partitions_written) == (4, 4, 0, 0)
    (source / "a.md").write_bytes(article("a", body="<p>松岭市图书馆明天关闭。</p>"))
    (source / "b.md").unlink()
    (source / "bad.md").write_bytes(article("d"))
    report = ingest(pack(source, tmp_path / "2"), output, 3, archive=NAME, sync=True)
    assert (report.sources, report.parsed, report.deleted, report.rejects) == (3, 2, 1, 0)
    assert sorted(row[0] for row in rows_of(output, "articles", "source_path")) == ["a.md", "bad.md", "c.md"]  # type: ignore[type-var]
    assert sorted(rows_of(output, "revisions", "source_path", "change")) == [("a.md", "text"), ("b.md", None)]
    assert breaches(output) == []


def test_what_a_later_selection_leaves_out_stays(source: Path, tmp_path: Path) -> None:
    for slug in "ab":
        (source / f"{slug}.md").write_bytes(article(slug))
    ingest(source, tmp_path / "out", 1)
    (source / "README.md").write_bytes(article("c"))
    report = ingest(source, tmp_path / "out", 2, include=("*.md",), exclude=("b.md",), sync=True)
    assert (report.sources, report.deleted, report.articles, report.left_out) == (2, 0, 3, 1)
