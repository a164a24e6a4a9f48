"""Differences of two moments: equal to comparing row by row, each with the reason that was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pressmark
from pressmark.flows.cli import main
from pressmark.transforms.comparison import COMPARED, differences

HEAD = "<!--16500000{number:02}000-->\n[甲{number}](https://songling-times.example/{number})\n------\n\n"
Frames = dict[str, pl.LazyFrame]


def write(folder: Path, texts: dict[int, str]) -> str:
    folder.mkdir()
    for number, text in texts.items():
        (folder / f"{number}.md").write_text((HEAD.format(number=number) if text else "") + text)
    return str(folder)


def tables(output: Path) -> Frames:
    with pressmark.open(output) as dataset:
        return {name: rows.collect().lazy() for name, rows in dataset.tables().items()}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An output, and what it is when a source changed, one went, one came and one is no article any more."""
    folder = tmp_path_factory.mktemp("differences")
    texts = {number: f"<p>松岭第{number}日。</p>\n<p>渡轮。<img src='/{number}.jpg'></p>\n" for number in range(6)}
    pressmark.ingest(write(folder / "old", texts), folder / "a", archive="news")
    changed = {**texts, 1: texts[1].replace("渡轮", "渡船"), 3: "", 9: "<p>新的。</p>\n"}
    del changed[2]
    pressmark.ingest(write(folder / "new", changed), folder / "b", archive="news")
    return folder / "a", folder / "b"


def by_hand(old: Frames, new: Frames) -> set[tuple[Any, ...]]:
    found = set()
    for table in COMPARED:
        key = table.schema.names[0]
        before, after = (
            {row[key]: row for row in frames[table.name].collect().iter_rows(named=True)} for frames in (old, new)
        )
        for identity in before.keys() | after.keys():
            one, two = before.get(identity), after.get(identity)
            kind = "came" if one is None else "went" if two is None else "changed"
            columns = [
                name for name in (two or {}) if one and two and name not in table.run_columns and one[name] != two[name]
            ]  # fmt: skip
            if kind != "changed" or columns:
                found.add((table.name, identity, kind, tuple(columns)))
    return found


def seen(found: pl.DataFrame) -> set[tuple[Any, ...]]:
    return {(row["table"], row["id"], row["kind"], tuple(row["columns"])) for row in found.iter_rows(named=True)}


def test_they_are_those_of_a_comparison_row_by_row(outputs: tuple[Path, Path]) -> None:
    old, new = map(tables, outputs)
    found = differences(old, new).collect()
    assert seen(found) == by_hand(old, new)
    assert {(row["source_path"], row["kind"]) for row in found.filter(table="articles").iter_rows(named=True)} == {
        ("1.md", "changed"), ("2.md", "went"), ("3.md", "went"), ("9.md", "came"),
    }  # fmt: skip
    assert set(found["why"]) == {"source"}
    assert differences(old, old).collect().height == 0


def test_a_revision_that_another_source_took_the_place_of_came_because_of_that_source(tmp_path: Path) -> None:
    archive, output = tmp_path / "news", tmp_path / "output"
    write(archive, {1: "<p>渡轮晚点。</p>", 2: "<p>灯塔。</p>"})
    pressmark.ingest(archive, output, workers=1, sync=True)
    old = tables(output)
    (archive / "1.md").write_text(HEAD.format(number=1) + "<p>渡轮准点。</p>")
    (archive / "2.md").unlink()
    pressmark.ingest(archive, output, workers=1, sync=True)
    found = differences(old, tables(output)).collect()
    assert found.filter(table="revisions")["kind"].to_list() == ["came", "came"]
    assert found.filter(kind="went")["source_path"].unique().to_list() == ["2.md"]
    assert set(found["why"]) == {"source"}


@pytest.mark.parametrize(
    ("versions", "why"),
    [({}, "settings"), ({"parser_version": "another"}, "parser"),
     ({"parser_version": "another", "contract_version": "4"}, "contract")],
)  # fmt: skip
def test_the_same_sources_differ_by_who_read_them(
    outputs: tuple[Path, Path], versions: dict[str, str], why: str
) -> None:
    old = tables(outputs[0])
    runs = old["runs"].with_columns(**{name: pl.lit(value) for name, value in versions.items()})
    role = pl.when(pl.col("ordinal") == 0).then(pl.lit("lede")).otherwise(pl.col("role").cast(pl.String)).alias("role")
    new = {**old, "runs": runs, "paragraphs": old["paragraphs"].with_columns(role)}
    # An article that another parser takes for none is a reject of the same source.
    gone = old["articles"].filter(source_path="4.md")
    new["articles"] = old["articles"].filter(pl.col("source_path") != "4.md")
    reject = gone.select("archive", "source_path", "source_sha256", "run_id", reject_id=pl.lit("f" * 32))
    new["rejects"] = pl.concat([old["rejects"].with_columns(pl.col("reason").cast(pl.String)), reject], how="diagonal")
    found = differences(old, new).collect()
    assert seen(found) == by_hand(old, new)
    assert {row["table"]: row["why"] for row in found.iter_rows(named=True)} == dict.fromkeys(
        ("articles", "paragraphs", "rejects"), why
    )


def test_the_command_counts_them_and_says_so(outputs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = map(str, outputs)
    assert main(["compare", old, old]) == 0
    assert "no row differs" in capsys.readouterr().out
    assert main(["compare", old, new, "--limit", "1"]) == 1
    shown = capsys.readouterr().out
    assert next(line.split() for line in shown.splitlines() if line.startswith("articles ")) == [
        "articles", "source", "1", "2", "1",
    ]  # fmt: skip
    assert "more; --limit or --json shows them" in shown
    assert main(["compare", old, new, "--json"]) == 1
    assert '"why": "source"' in capsys.readouterr().out
    assert main(["compare", old, f"{old}-nowhere"]) == 3
