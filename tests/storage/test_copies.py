"""Clusters that are kept: the rows are those that are found anew, whatever the runs and their order."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from archives import ingest, writer

import pressmark
from pressmark.storage import copies
from pressmark.storage.dataset import Dataset

pytestmark = pytest.mark.slow

CHARACTERS = "松岭渡轮码头今天恢复航行乘客说水面平静得像镜子邮差带来三封信和一篮杏桥上的灯亮到半夜钟楼又慢了一刻"


def bodies(count: int) -> list[str]:
    """Blocks that are copied, edited and quoted among each other."""
    source = random.Random(31)
    pool = ["".join(source.choices(CHARACTERS, k=60)) for _ in range(count // 3)]
    made = []
    for _ in range(count):
        one, other, third = source.sample(pool, 3)
        new = "".join(source.choices(CHARACTERS, k=90))
        made.append(f"<p>{one}</p><p>{other[:30]}，旧的{other[31:]}</p><p>{new}，{third}</p>")
    return made


def write(archive: Path, numbers: list[int], texts: list[str]) -> None:
    for number in numbers:
        url, at = f"https://n{number % 3}.example/{number}", f"2022-03-{number + 1:02}T05:06:07"
        writer(archive)(f"{number}.md", url=url, at=at, body=texts[number])


def found_anew(out: Path) -> pl.DataFrame:
    with Dataset(out) as dataset:
        return copies.clusters(dataset.articles, dataset.paragraphs)


@pytest.mark.parametrize("seed", range(2))
def test_kept_clusters_are_those_of_one_run_whatever_the_runs(tmp_path: Path, seed: int) -> None:
    texts = bodies(18)
    write(tmp_path / "whole", list(range(18)), texts)
    ingest(tmp_path / "whole", tmp_path / "one", archive="a")
    expected = found_anew(tmp_path / "one")
    assert set(expected["kind"]) == {"same", "edited", "quoted"}
    order = random.Random(seed).sample(range(18), 18)
    for run, end in enumerate((3, 11, 18)):
        write(tmp_path / "parts", order[:end], texts)
        ingest(tmp_path / "parts", tmp_path / "many", run + 1, archive="a")
        with Dataset(tmp_path / "many") as dataset:
            assert dataset.clusters(keep=True).equals(found_anew(tmp_path / "many"))
    assert found_anew(tmp_path / "many").equals(expected)


def test_an_unchanged_output_reads_what_is_kept_and_a_run_brings_it_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    texts, out = bodies(12), tmp_path / "out"
    write(tmp_path / "news", [0, 1, 2, 3], texts)
    ingest(tmp_path / "news", out)
    kept = out / copies.KEPT
    with Dataset(out) as dataset:
        dataset.clusters()
        assert not kept.exists()
        dataset.clusters(keep=True)
    write(tmp_path / "news", list(range(12)), texts)
    ingest(tmp_path / "news", out, 2)
    expected = found_anew(out)
    with monkeypatch.context() as patched, Dataset(out) as dataset:
        patched.setattr(copies, "clusters", lambda *_: pytest.fail("found anew"))
        assert dataset.clusters().equals(expected)
    kept.write_bytes(kept.read_bytes()[:-9])
    with Dataset(out) as dataset:
        assert dataset.clusters().equals(expected)
    assert "is damaged" in caplog.text
    # Of another moment it is not believed; what can't be kept up to date stops no run.
    monkeypatch.setitem(__import__("sys").modules, "rensa", None)
    (tmp_path / "news" / "0.md").unlink()
    assert ingest(tmp_path / "news", out, 3, sync=True).deleted == 1
    assert "could not be brought up to date" in caplog.text
    with Dataset(out) as dataset, pytest.raises(pressmark.LibraryError):
        dataset.clusters()
