"""Clusters that are kept: the rows are those that are found anew, whatever the runs and their order."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from archives import ingest, writer
from object_stores import S3Server

import pressmark
from pressmark.flows.cli import main
from pressmark.storage import copies
from pressmark.storage.dataset import Dataset
from pressmark.storage.output.tables import open_store

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


def test_an_object_store_finds_the_same_and_refuses_to_keep_them(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    s3_server.create_bucket("songling-copies")
    open_store.cache_clear()
    write(tmp_path / "news", list(range(9)), bodies(9))
    ingest(tmp_path / "news", tmp_path / "out")
    ingest(tmp_path / "news", place := "s3://songling-copies/out")
    with Dataset(place) as dataset:
        with pytest.raises(pressmark.PressmarkError, match="s3://songling-copies/out"):
            dataset.clusters(keep=True)
        assert dataset.kept_clusters() is None
        assert dataset.clusters().equals(found_anew(tmp_path / "out"))
    assert not [entry.name for entry in open_store(place).entries("") if "clusters" in entry.name]
    ingest(tmp_path / "news", place, 2)
    open_store.cache_clear()


def test_people_see_who_was_first_and_who_came_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = f"<p>{CHARACTERS}</p>"
    for number, name in enumerate(("one", "two", "three")):
        url, body = f"https://{name}.example/a", story.replace("三封", "四封") if number == 2 else story
        writer(tmp_path / "news")(f"{name}.md", url=url, at=f"2022-03-0{number + 1}T05:06:07", title=name, body=body)
    ingest(tmp_path / "news", tmp_path / "out")
    assert main(["clusters", str(tmp_path / "out"), "--across"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "comparing all texts …\n"
    head, _, row = printed.out.splitlines()
    assert head.split() == "cluster members same edited quoted first at then title or text".split()
    assert row.split()[1:] == [
        "3",
        "1",
        "1",
        "0",
        "one-example",
        "2022-03-01T05:06:07Z",
        "three-example,",
        "two-example",
        "one",
    ]
    assert main(["clusters", str(tmp_path / "out"), "--level", "paragraph"]) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith(CHARACTERS)
    with Dataset(tmp_path / "out") as dataset:
        ids = dict(dataset.articles.select("title", "article_id").collect().iter_rows())
    assert main(["clusters", str(tmp_path / "out"), "--of", ids["two"]]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [(row[1][:32], row[4]) for row in rows] == [
        (ids[name], kind) for name, kind in [("one", "first"), ("two", "same"), ("three", "edited")] * 2
    ]
    assert rows[0][1:] == [ids["one"], "one-example", "2022-03-01T05:06:07Z", "first", "100%", "one"]
    assert main(["clusters", str(tmp_path / "out"), "--of", "0" * 32]) == 1
    assert capsys.readouterr().out == "no copies were found\n"
