"""Kept moments: the rows of a run whatever follows, equal to a copy made then; dropped one by one or by forgetting."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

import pressmark
from pressmark.flows.cli import main
from pressmark.storage.errors import OutputError
from pressmark.storage.forgetting import forget, plan_forgetting
from pressmark.storage.output import snapshot
from pressmark.storage.output.snapshot import drop_moments, keep, kept, output_at
from pressmark.storage.output.tables import Output

pytestmark = pytest.mark.slow

PAGE = "<!--1650000{number}00000-->\n[甲{number}](https://songling-times.example/{number})\n------\n\n<p>{text}</p>\n"


class Kept:
    """An output with three runs, of which the first one's moment is kept, and a copy of it from then."""

    def __init__(self, folder: Path) -> None:
        self.news, self.out, self.copy = folder / "news", folder / "out", folder / "copy"
        self.news.mkdir()
        self.runs = []
        for number, text in enumerate(("旧的渡轮。", "新的渡轮。", "更新的渡轮。")):
            for name in (1, 2, 3)[: number + 1]:
                (self.news / f"{name}.md").write_text(PAGE.format(number=name, text=text if name == 1 else "松岭。"))
            self.runs.append(pressmark.ingest(self.news, self.out).run_id)
            if number == 0:
                keep(Output(self.out))
                shutil.copytree(self.out, self.copy)

    def at(self, run: int) -> str:
        return f"{self.out}@{self.runs[run]}"


@pytest.fixture
def outputs(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def rows(address: str | Path) -> dict[str, pl.DataFrame]:
    with pressmark.open(address) as dataset:
        return {name: table.collect() for name, table in dataset.tables().items()}


def test_several_may_keep_a_moment_at_once(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "1.md").write_text(PAGE.format(number=1, text="渡轮。"))
    run = pressmark.ingest(tmp_path / "news", tmp_path / "out", workers=1).run_id
    output = Output(tmp_path / "out")
    for _ in range(5):
        with ThreadPoolExecutor(4) as threads:
            assert {one.run_id for one in threads.map(keep, [output] * 4)} == {run}
        drop_moments(output)


def test_a_dataset_that_is_closed_says_so(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "1.md").write_text(PAGE.format(number=1, text="渡轮。"))
    pressmark.ingest(tmp_path / "news", tmp_path / "out", workers=1)
    with pressmark.open(tmp_path / "out") as dataset:
        assert dataset.root() == dataset.runs.collect()["root"][-1]
    for call in (dataset.root, dataset.changes, dataset.removals, dataset.originals):
        with pytest.raises(OutputError, match="closed"):
            call()
    dataset.close()


def test_a_kept_moment_has_the_rows_of_a_copy_and_compares_like_it(
    outputs: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    held, copied = rows(outputs.at(0)), rows(outputs.copy)
    assert held.keys() == copied.keys()
    assert all(held[name].equals(copied[name]) for name in held)
    assert rows(outputs.at(2))["articles"].equals(rows(outputs.out)["articles"])
    said = []
    for old in (outputs.at(0), outputs.copy):
        assert main(["compare", str(old), outputs.at(2), "--json"]) == 1
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""
    with pressmark.open(outputs.at(0)) as dataset:
        assert dataset.search("旧的")["current"].to_list() == [True]


def test_moments_are_listed_dropped_and_named_where_one_is_missing(
    outputs: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(outputs.out)
    assert main(["keep", out]) == 0
    assert main(["keep", out]) == 0  # the same moment
    own = {moment.run_id: moment.own_bytes for moment in kept(Output(out))}
    assert own.keys() == {outputs.runs[2], outputs.runs[0]}
    assert own[outputs.runs[2]] == 0 < own[outputs.runs[0]]
    capsys.readouterr()
    with pytest.raises(OutputError, match=f"{outputs.runs[1]}.* is not kept.*{outputs.runs[0]}"):
        pressmark.open(outputs.at(1))
    with pytest.raises(OutputError, match="is not kept"):
        drop_moments(Output(out), outputs.runs[1])
    assert main(["keep", out, "--drop", outputs.runs[0], "--json"]) == 0
    assert outputs.runs[2] in capsys.readouterr().out
    assert [moment.run_id for moment in kept(Output(out))] == [outputs.runs[2]]
    assert main(["keep", out, "--drop", outputs.runs[2]]) == 0
    assert capsys.readouterr().out == "no moment is kept\n"
    assert not list((outputs.out / ".pressmark" / "readers").iterdir())


def test_commands_read_a_moment_and_change_none(outputs: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    moment, before = outputs.at(0), sorted(outputs.out.parent.iterdir())
    exported = outputs.out.parent / "exported"
    report = ["report", moment, "--to", str(exported.with_suffix(".html"))]
    for words in (report, ["status", moment], ["export", moment, "--to", str(exported), "--format", "csv"]):
        assert main(words) == 0
    assert "旧的渡轮。" in (exported / "paragraphs.csv").read_text("utf-8")
    capsys.readouterr()
    for words in (
        ["ingest", str(outputs.news), moment],
        ["describe", moment],
        ["report", moment],
        ["clusters", moment, "--keep"],
        ["forget", "0" * 32, moment, "--reason", "x"],
    ):
        assert main(words) == 2
        assert "stays as it is" in capsys.readouterr().err
    assert sorted(outputs.out.parent.iterdir()) == sorted([*before, exported, exported.with_suffix(".html")])


def test_a_folder_whose_name_looks_like_a_moment_is_itself(outputs: Kept, tmp_path: Path) -> None:
    named = tmp_path / f"copy@{outputs.runs[1]}"
    outputs.copy.rename(named)
    assert output_at(named).address == named


def test_forgetting_lets_go_of_moments_as_they_hold_the_text(outputs: Kept) -> None:
    article = rows(outputs.out)["articles"].filter(pl.col("title") == "甲1")["article_id"][0]
    assert plan_forgetting(Output(outputs.out), article).files == (f".pressmark/moments/{outputs.runs[0]}",)
    assert kept(Output(outputs.out))
    assert not forget(article, str(outputs.out), reason="asked for by its author").traces
    assert not kept(Output(outputs.out))


def test_where_no_links_can_be_made_nothing_is_kept_and_a_remedy_is_said(
    outputs: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(next(iter(snapshot.NO_LINKS)), os.strerror(1))

    monkeypatch.setattr(snapshot, "_link", refused)
    with pytest.raises(OutputError, match="no hard links.*copy the output"):
        keep(Output(outputs.out))
    assert [moment.run_id for moment in kept(Output(outputs.out))] == [outputs.runs[0]]
