"""Roots and citations: one root however an output came to be, and a citation that two programs check alike.

A citation *says* its values, and the order of what its lists hold. A flipped byte that changes neither, such as one
between two white spaces, changes nothing that is cited; every other one is found.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import FIRST_RUN, ROOT, ingest, read_table, writer
from repositories import Repository

from pressmark.flows.cli import main
from pressmark.schemas import OF_RUNS, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, Table
from pressmark.storage.citing import cite
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.state import RECORDS, moment_of
from pressmark.storage.output.tables import Output
from pressmark.transforms.citation import check_citation, written
from pressmark.transforms.roots import NODE, ROWS_AT_ONCE, canonical, content_of, digests_of, leaf_of

pytestmark = pytest.mark.slow

BODY = (
    '<p>松岭市图书馆今天开放。</p><p>读者\u2028从<a href="/b">早晨</a>开始<br>排队，'
    '见<a href="/c">公告</a>。</p><img src="/1.jpg">'
)
NODE_JS = shutil.which("node")
VERIFIER = ROOT / "docs" / "verify-citation.mjs"


def write_archive(folder: Path) -> list[Path]:
    """Sources of every kind: plain, with two revisions, without a date, without an address, a reject."""
    folder.mkdir(parents=True)
    write = writer(folder)
    paths = [
        write(f"{n}.md", url=f"https://songling-times.example/{n}", at=f"2022-{1 + n % 3:02d}-04T00:00:00", body=BODY)
        for n in range(11)
    ]
    paths.append(write("again.md", url="https://songling-times.example/3", at="2021-01-01T00:00:00"))
    for name, data in (
        ("empty.md", b""),
        ("bad.md", b"\xff"),
        ("none.md", b"[T \xf0\x9f\x93\xb0](u)\n------\n<p>x</p>"),
    ):
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths


class Cited(NamedTuple):
    archive: Path
    output: Path
    paragraph_id: str
    content: dict[str, Any]
    source: bytes

    @property
    def data(self) -> bytes:
        return written(self.content)


@pytest.fixture(scope="module")
def cited(tmp_path_factory: pytest.TempPathFactory) -> Cited:
    folder = tmp_path_factory.mktemp("cited")
    write_archive(folder / "archive")
    ingest(folder / "archive", folder / "out")
    row = next(r for r in read_table(folder / "out", "paragraphs").to_pylist() if r["links"])
    content = cite(Output(folder / "out"), row["paragraph_id"], str(folder / "archive"))
    source = folder / "archive" / content["article"]["source_path"]
    return Cited(folder / "archive", folder / "out", row["paragraph_id"], content, source.read_bytes())


def split_root(hashes: list[bytes]) -> bytes:
    """A tree's root as RFC 6962 words it: split at the largest power of two below the number of nodes."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256().digest()
    at = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(NODE + split_root(hashes[:at]) + split_root(hashes[at:])).digest()


def rooted(output: Path, names: Sequence[str] = OF_RUNS, **changed: Any) -> str:
    """The root of an output row by row, as docs/citing.md has it; `changed` takes the place of values of articles."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        for part in Output(output).parts(TABLES[name]):
            with PartFile(Output(output), part.entry, TABLES[name]) as file:
                found = content_of(file.read(), TABLES[name], part.partition and part.partition.outlet)
            rows.setdefault(name, []).extend(found)
    entries = []
    for article in sorted(rows["articles"], key=lambda row: row["article_id"]):
        nodes = [leaf_of(article | changed)]
        for name in ("paragraphs", "media"):
            mine = [leaf_of(row) for row in rows.get(name, []) if row["article_id"] == article["article_id"]]
            nodes += [split_root(mine)] if mine else []
        entries.append(split_root(nodes))
    for name, key in (("revisions", "revision_id"), ("rejects", "reject_id")):
        entries += [leaf_of(row) for row in sorted(rows.get(name, []), key=lambda row: row[key])]
    tree = split_root(entries).hex()
    head = {"contract_version": CONTRACT_VERSION, "entries": str(len(entries)), "tree": tree}
    return sha256(canonical(head)).hexdigest()


WAYS = {
    "three workers": lambda archive, out: ingest(archive, out, 5, workers=3).root,
    "days and buckets": lambda archive, out: ingest(archive, out, partition="day", buckets=3).root,
    "years, at another place": lambda archive, out: (
        ingest(shutil.copytree(archive, out.parent / "b" / archive.name), out, partition="year").root
    ),
    "a part at a time": lambda archive, out: [ingest(archive, out, n, limit=6).root for n in range(3)][-1],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_root_is_the_same_however_the_output_came_to_be(way: str, cited: Cited, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert WAYS[way](cited.archive, out) == cited.content["root"] == rooted(cited.output)
    assert moment_of(Output(out)).root == moment_of(Output(out), anew=True).root == rooted(out)


def test_commits_are_facts_and_two_clones_have_one_root(cited: Cited, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "archive")
    repository.commit({path.name: path.read_bytes() for path in cited.archive.iterdir()})
    clone = shutil.copytree(tmp_path / "archive", tmp_path / "clone" / "archive")
    first = ingest(f"git+file:{tmp_path / 'archive'}", tmp_path / "a").root
    second = ingest(f"git+file:{clone}", tmp_path / "b", workers=2).root
    assert first == second != cited.content["root"]
    names = [name for name in OF_RUNS if name != "revisions"]
    assert rooted(tmp_path / "a", names, valid_from=None) == rooted(cited.output, names, valid_from=None)


def rows_in(output: Path, name: str) -> tuple[pa.Table, str | None]:
    part = Output(output).parts(TABLES[name])[0]
    with PartFile(Output(output), part.entry, TABLES[name]) as file:
        return file.read(), part.partition and part.partition.outlet


# What is not in a root, and why: a run's own facts, and what a hash stands for that is taken anew.
LEFT_OUT = {
    "articles": {"run_id", "ingested_at", "text_sha256"},
    "paragraphs": set(),
    "media": set(),
    "revisions": {"first_seen_at", "run_id", "text_sha256", "valid_to"},
    "rejects": {"first_seen_at", "run_id", "detail", "source_sha256"},
}


@pytest.mark.parametrize("name", OF_RUNS)
def test_any_value_that_changes_gives_another_root(name: str, cited: Cited) -> None:
    table = TABLES[name]
    rows, outlet = rows_in(cited.output, name)
    assert digests_of([(outlet, rows)] * 3, table) == digests_of([(outlet, rows)], table) * 3
    (before,) = digests_of([(outlet, rows)], table)
    same = set()
    for column in rows.column_names:
        values = rows[column].to_pylist()
        other = [_other(value, rows.schema.field(column).type) for value in values]
        if (table.partitioned and column == "article_id") or column in ("revision_id", "reject_id"):
            other = [value.translate({97: 98, 48: 49}) + "0" * (32 - len(value)) for value in values]
        changed = rows.set_column(
            rows.column_names.index(column), column, pa.array(other, rows.schema.field(column).type)
        )
        same |= {column} if digests_of([(outlet, changed)], table) == [before] else set()
    assert same == LEFT_OUT[name]
    assert not table.partitioned or digests_of([("other", rows)], table) != [before]


def _other(value: Any, kind: pa.DataType) -> Any:
    """Another value of a type."""
    if pa.types.is_string(kind):
        return (value or "") + "x"
    if pa.types.is_binary(kind):
        return (value or b"") + b"x"
    if pa.types.is_list(kind):
        other: Any = ""
        if pa.types.is_struct(kind.value_type):
            other = {field.name: 0 if pa.types.is_integer(field.type) else "" for field in kind.value_type}
        return [*(value or ()), other]
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_integer(kind):
        return (value or 0) + 1
    return FIRST_RUN if value is None or pa.types.is_timestamp(kind) else FIRST_RUN.date()


def test_rows_in_one_piece_and_in_many_are_hashed_alike(cited: Cited) -> None:
    rows, outlet = rows_in(cited.output, "paragraphs")
    many = pa.concat_tables([rows] * (ROWS_AT_ONCE // len(rows) + 2))
    (found,) = digests_of([(outlet, many)], TABLES["paragraphs"])
    (once,) = digests_of([(outlet, rows)], TABLES["paragraphs"])
    assert found == once * (len(many) // len(rows))


def test_what_was_kept_is_believed_for_exactly_its_files(cited: Cited, tmp_path: Path) -> None:
    out = Path(shutil.copytree(cited.output, tmp_path / "out"))
    kept = (out / RECORDS).read_bytes()
    for damage in (b"", b"junk", kept[: len(kept) // 2]):
        (out / RECORDS).write_bytes(damage)
        assert moment_of(Output(out)).root == cited.content["root"]
    shutil.copytree(cited.output / ".pressmark", out / ".pressmark", dirs_exist_ok=True)
    assert ingest(cited.archive, out, 2).root == cited.content["root"]
    # A file with other rows, of the same name: what was kept is of the file before.
    path = out / Output(out).parts(TABLES["paragraphs"])[0].entry.name
    rows = pq.ParquetFile(path).read()
    texts = pa.array(["forged", *rows["text"].to_pylist()[1:]])
    pq.write_table(rows.set_column(rows.column_names.index("text"), "text", texts).cast(rows.schema), path)
    with pytest.raises(OutputError, match="rows are other ones"):
        cite(Output(out), cited.paragraph_id)
    assert ingest(cited.archive, out, 3).root == rooted(out) != cited.content["root"]


def test_runs_without_a_root_get_the_column_from_the_next_run(cited: Cited, tmp_path: Path) -> None:
    out = Path(shutil.copytree(cited.output, tmp_path / "out"))
    (path,) = (out / "runs").iterdir()
    rows = pq.ParquetFile(path).read()
    pq.write_table(rows.drop_columns(["root"]), path)
    shutil.rmtree(out / ".pressmark")
    with pytest.raises(OutputError, match="published no root"):
        cite(Output(out), cited.paragraph_id)
    ingest(cited.archive, out, 2)
    assert read_table(out, "runs")["root"].to_pylist() == [None, cited.content["root"]]


@pytest.mark.parametrize(
    ("paragraph_id", "source", "error", "words"),
    [
        ("nothing", None, OutputError, "no row of `paragraphs`"),
        ("0" * 32 + "-0000", None, OutputError, "no row of `paragraphs`"),
        ("{}0", None, OutputError, "no row of `paragraphs`"),
        ("{}", "changed", InputError, "no longer what was ingested"),
        ("{}", "empty", InputError, "not in this input"),
    ],
)
def test_what_cannot_be_cited_is_named(
    paragraph_id: str, source: str | None, error: type[Exception], words: str, cited: Cited, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    changed = Path(shutil.copytree(cited.archive, tmp_path / "changed")) / cited.content["article"]["source_path"]
    changed.write_bytes(cited.source + b"\n")
    with pytest.raises(error, match=words):
        cite(Output(cited.output), paragraph_id.format(cited.paragraph_id), source and str(tmp_path / source))


# Pairs of a citation's bytes and source; prints what is found in each.
DRIVER = r"""
import { readFileSync } from "node:fs";
import { check } from "%s";
const [cases, source, root] = process.argv.slice(2);
for (const line of readFileSync(cases, "utf-8").trim().split("\n"))
  console.log(JSON.stringify(check(Buffer.from(line, "base64"), source ? readFileSync(source) : undefined, root)));
"""
Checked = Callable[[Sequence[bytes], bytes | None, str | None], list[list[list[str]]]]


@pytest.fixture(params=["python", "node"])
def checked(request: pytest.FixtureRequest, tmp_path: Path) -> Checked:
    """What each of two programs finds in some files."""

    def by_python(cases: Sequence[bytes], source: bytes | None, root: str | None) -> list[list[list[str]]]:
        return [[list(finding) for finding in check_citation(case, source, root)] for case in cases]

    def by_node(cases: Sequence[bytes], source: bytes | None, root: str | None) -> list[list[list[str]]]:
        (tmp_path / "driver.mjs").write_text(DRIVER % VERIFIER.as_uri())
        (tmp_path / "cases").write_text("\n".join(base64.b64encode(case).decode() for case in cases))
        (tmp_path / "source").write_bytes(source or b"")
        command = [
            str(NODE_JS),
            "driver.mjs",
            "cases",
            "source" if source is not None else "",
            *([root] if root else []),
        ]
        printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]

    if request.param == "node" and NODE_JS is None:
        pytest.skip("Node.js is not installed, by which the second verifier runs")
    return by_python if request.param == "python" else by_node


def fails(found: list[list[str]]) -> bool:
    return any(kind == "fail" for kind, _ in found)


def test_both_programs_say_the_same_of_what_holds(checked: Checked, cited: Cited) -> None:
    for source, root in ((None, None), (cited.source, cited.content["root"])):
        (found,) = checked([cited.data], source, root)
        assert not fails(found)
        assert [tuple(one) for one in found] == check_citation(cited.data, source, root)
        assert sum(kind == "open" for kind, _ in found) == (4 if source is None else 2)


def test_every_byte_that_is_flipped_is_found_or_changes_nothing_cited(checked: Checked, cited: Cited) -> None:
    data = cited.data
    flipped = [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(len(data))]
    passed = [one for one, found in zip(flipped, checked(flipped, None, None), strict=True) if not fails(found)]
    assert all(json.loads(one) == json.loads(data) for one in passed)
    assert len(passed) < len(data) // 20


def values_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a citation."""
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    yield path
    for name, one in inside:
        yield from values_of(one, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def test_a_forger_who_mends_the_digest_is_found_by_root_and_source(checked: Checked, cited: Cited) -> None:
    others: tuple[Any, ...] = (None, "0", "left", "forged", "f" * 64, [])
    forged = {
        (path, str(new)): written(replaced(cited.content, path, new))
        for path in values_of(cited.content)
        for new in others
        if path and path[0] != "run"
    }
    known = [case for case in forged.values() if case != cited.data]
    found = checked(known, cited.source, cited.content["root"])
    missed = [key for key, case in forged.items() if case != cited.data and not fails(found[known.index(case)])]
    # Whoever gives the source has its bytes.
    assert missed == [(("bytes",), "None")]
    assert found == [[list(one) for one in check_citation(case, cited.source, cited.content["root"])] for case in known]


BROKEN = {
    "nothing": (b"", "no citation"),
    "no object": (b"[]", "no citation"),
    "deep": (b"[" * 100_000, "no citation"),
    "cut": (b"half", "no citation"),
    "other contract": (
        b"contract",
        "of contract version 9, and this program checks pressmark-citation-1 of contract version 3",
    ),
    "other output": (b"output", "the root is the one given"),
    "surrogate": (b'{"format": "\\ud800"}', "no citation"),
    "numbers": (b'{"format": "a", "head": {"contract_version": 3}}', "no citation"),
    "twice": (b'{"format": "a", "format": 1}', "no citation"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_other_files_are_told_in_words(case: str, checked: Checked, cited: Cited) -> None:
    data, words = BROKEN[case]
    made = {
        b"half": cited.data[: len(cited.data) // 2],
        b"contract": written(replaced(cited.content, ("head", "contract_version"), "9")),
        b"output": cited.data,
    }
    root = "0" * 64 if case == "other output" else cited.content["root"]
    (found,) = checked([made.get(data, data)], cited.source, root)
    assert found[-1][0] == "fail"
    assert words in found[-1][1]


def test_the_commands_write_check_and_end_with_a_code(
    cited: Cited, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cite", cited.paragraph_id, str(cited.output), str(cited.archive)]) == 0
    (path,) = tmp_path.iterdir()
    assert (path.name, path.read_bytes()) == (f"{cited.paragraph_id}.json", cited.data)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert cited.content["root"] in line
    assert f"]({cited.content['article']['canonical_url']})" not in line
    root = cited.content["root"].upper()
    assert main(["check", str(path), "--source", str(cited.archive / cited.content["article"]["source_path"]),
                 "--root", root]) == 0  # fmt: skip
    assert main(["check", str(path), "--root", "0" * 64]) == 1
    assert "FAILS       the root is the one given" in capsys.readouterr().out
    assert main(["check", str(path), "--root", "12"]) == 2
    assert main(["check", str(tmp_path / "none.json")]) == 3


def test_a_run_hashes_only_the_rows_that_it_brings_and_has_the_root_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of rows that stay are kept; those of rows that changed, went or moved to another file are not."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    write = writer(archive)
    hashed: list[int] = []

    def counted(files: Any, table: Table) -> list[bytes]:
        hashed.extend(len(rows) for _, rows in files if table.name == "articles")
        return digests_of(files, table)

    monkeypatch.setattr("pressmark.storage.output.partitions.digests_of", counted)

    def run(number: int) -> int:
        """How many articles were hashed in a run that left the root of all rows."""
        hashed.clear()
        report = ingest(archive, out, number, sync=True)
        assert report.root == moment_of(Output(out), anew=True).root
        return sum(hashed)

    def story(number: int, body: str, month: int = 3) -> None:
        url = f"https://songling-times.example/{number}"
        write(f"{number}.md", url=url, at=f"2022-{month:02}-04T05:06:07", body=f"<p>{body}</p>")

    for number in range(8):
        story(number, f"松岭报道 {number}")
    assert run(1) == 8
    story(8, "新的报道")
    assert run(2) == 1
    story(0, "修订的报道")
    (archive / "1.md").unlink()
    assert run(3) == 1
    story(2, "改期的报道", month=5)
    assert run(4) == 1


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "citation.json").write_text("{}")
    for given in (
        [str(tmp_path / "pipe")],
        [str(tmp_path / "citation.json"), "--source", "/dev/zero"],
        [str(tmp_path)],
    ):
        assert main(["check", *given]) == 2
        assert "this is no file" in capsys.readouterr().err
