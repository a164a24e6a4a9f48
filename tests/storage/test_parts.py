"""Partitions of several files: where a row goes, that it stays there, and that nothing else differs for a reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, files_of, ingest, read_table
from destinations import Warehouse, load
from repositories import Repository, files_below

from pressmark.schemas import TABLES
from pressmark.schemas.contract import Period
from pressmark.storage.errors import OutputError
from pressmark.storage.output import publish
from pressmark.storage.output.tables import Output
from pressmark.storage.tracing import trace_paragraph
from pressmark.storage.verification import verify_output
from pressmark.transforms.selection import Wanted

PLACE = "outlet=songling-times-example/month=2022-03"
PARTITIONED = ("articles", "paragraphs", "revisions")
STATE = (*PARTITIONED, "rejects")
SMALL = 1500


def write_many(write_article: WriteArticle, numbers: range, body: str = "", month: str = "2022-03") -> None:
    """Articles of about 300 bytes each, whose times are in another order than their names."""
    for number in numbers:
        write_article(
            f"{number:03d}.md",
            url=f"https://songling-times.example/{number}",
            at=f"{month}-{1 + number * 7 % 28:02d}T{number % 24:02d}:00:00",
            body=f"<p>林帆第{number}次到松岭市图书馆。</p><p>{'读者排队。' * (number % 5 + 1)}</p>{body}",
        )


def parts(output: Path, name: str, place: str = PLACE) -> list[Path]:
    folder = output / name if name == "rejects" else output / name / place
    return sorted(folder.glob("*.parquet"), key=lambda path: int(path.stem.removeprefix("part-")))


def sorted_rows(output: Path, name: str) -> list[str]:
    return sorted(map(repr, read_table(output, name).to_pylist()))


def homes(output: Path, name: str) -> dict[str, list[str]]:
    """The files that hold each key; a key that is in one file twice has it twice."""
    key = {"articles": "article_id", "paragraphs": "paragraph_id", "revisions": "revision_id", "rejects": "reject_id"}
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((output / name).rglob("*.parquet")):
        for value in pq.ParquetFile(path).read([key[name]])[key[name]].to_pylist():
            found[value].append(str(path.relative_to(output)))
    return found


def breaches(output: Path, archive: Path) -> list[object]:
    return list(verify_output(Output(output), archive, workers=1, progress=lambda *_: None).breaches)


def test_a_partition_that_outgrows_a_file_has_several_and_the_same_rows(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_many(write_article, range(40))
    ingest(archive, tmp_path / "one")
    ingest(archive, tmp_path / "out", part_bytes=SMALL)
    for name, sizes in (("articles", ("source_bytes",)), ("paragraphs", ("byte_end", "byte_start"))):
        files = parts(tmp_path / "out", name)
        assert [path.name for path in files] == [f"part-{number}.parquet" for number in range(len(files))]
        assert len(files) > 2
        assert len(parts(tmp_path / "one", name)) == 1
        assert read_table(tmp_path / "out", name).to_pylist() == read_table(tmp_path / "one", name).to_pylist()
        for path in files:
            rows = pq.ParquetFile(path).read().to_pylist()
            assert sum(row[sizes[0]] - sum(row[name] for name in sizes[1:]) for row in rows) <= SMALL
            order = [tuple(row[key] for key in TABLES[name].sort_keys) for row in rows]
            assert order == sorted(order)
    by_article = defaultdict(set)
    for paragraph, places in homes(tmp_path / "out", "paragraphs").items():
        by_article[paragraph.partition("-")[0]].update(places)
    assert len(by_article) == 40
    assert {len(places) for places in by_article.values()} == {1}
    assert breaches(tmp_path / "out", archive) == []


def test_an_article_above_the_size_has_a_file_of_its_own(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_many(write_article, range(3))
    ingest(archive, tmp_path / "out", part_bytes=1)
    assert len(parts(tmp_path / "out", "articles")) == 3
    assert len(parts(tmp_path / "out", "paragraphs")) == 3
    assert breaches(tmp_path / "out", archive) == []
    with pytest.raises(ValueError, match="room for a byte"):
        ingest(archive, tmp_path / "out", part_bytes=0)


def test_parts_do_not_depend_on_workers_batches_or_names(
    archive: Path, write_article: WriteArticle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(write_article, range(60))
    ingest(archive, tmp_path / "1", part_bytes=SMALL)
    expected = files_of(tmp_path / "1")
    assert len(expected) > 6
    monkeypatch.setattr("pressmark.transforms.plan.LARGEST_BATCH_SOURCES", 7)
    monkeypatch.setattr(pressmark.storage.sorted_rows, "HELD_BYTES", 2000)
    for workers in (1, 2, 3):
        output = tmp_path / f"small-{workers}"
        ingest(archive, output, part_bytes=SMALL, workers=workers)
        assert files_of(output) == expected, workers
    # The input in another order: paths decide nothing but their own column.
    names = [f"{number:03d}.md" for number in range(60)]
    shuffled = Random(1).sample(names, len(names))
    for name, other in zip(names, shuffled, strict=True):
        (archive / name).rename(archive / f"to-{other}")
    ingest(archive, tmp_path / "shuffled", part_bytes=SMALL)
    assert homes(tmp_path / "shuffled", "paragraphs") == homes(tmp_path / "1", "paragraphs")
    assert [path.read_bytes() for path in parts(tmp_path / "shuffled", "paragraphs")] == [
        path.read_bytes() for path in parts(tmp_path / "1", "paragraphs")
    ]


def test_new_rows_go_to_the_last_part_and_changed_ones_stay(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_many(write_article, range(20))
    ingest(archive, tmp_path / "out", 1, part_bytes=SMALL)
    before = {name: homes(tmp_path / "out", name) for name in ("articles", "paragraphs")}
    files = files_of(tmp_path / "out")
    last = {name: len(parts(tmp_path / "out", name)) - 1 for name in before}
    assert last["articles"] > 1
    # Earlier and later than all others, so they would be first and last of the partition.
    write_article("first.md", url="https://songling-times.example/first", at="2022-03-01T00:00:00")
    write_article("last.md", url="https://songling-times.example/last", at="2022-03-31T00:00:00")
    ingest(archive, tmp_path / "out", 2, part_bytes=SMALL)
    for name, known in before.items():
        now = homes(tmp_path / "out", name)
        assert {key: now[key] for key in known} == known
        for key in now.keys() - known.keys():
            (home,) = now[key]
            assert int(Path(home).stem.removeprefix("part-")) >= last[name]
    unchanged = [name for name in files if f"part-{last['articles']}" not in name and "articles" in name]
    assert {name: files_of(tmp_path / "out")[name] for name in unchanged} == {name: files[name] for name in unchanged}
    # What grows stays where it is, even where that part has more than its size then.
    write_many(write_article, range(1), body="<p>" + "松岭。" * 2000 + "</p>")
    ingest(archive, tmp_path / "out", 3, part_bytes=SMALL)
    now = homes(tmp_path / "out", "articles")
    assert {key: now[key] for key in before["articles"]} == before["articles"]
    assert breaches(tmp_path / "out", archive) == []


def test_a_part_without_rows_is_removed_and_its_neighbours_stay(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_many(write_article, range(30))
    ingest(archive, tmp_path / "out", 1, part_bytes=SMALL)
    before = files_of(tmp_path / "out")
    middle, last = parts(tmp_path / "out", "articles")[1], parts(tmp_path / "out", "articles")[-1]
    for path in (middle, last):
        for source in pq.ParquetFile(path).read(["source_path"])["source_path"].to_pylist():
            (archive / source).unlink()
    ingest(archive, tmp_path / "out", 2, part_bytes=SMALL, absent_is_deleted=True)
    assert not middle.exists()
    assert not last.exists()
    kept = {name: content for name, content in files_of(tmp_path / "out").items() if name.startswith("articles/")}
    assert kept == {name: before[name] for name in kept}
    assert breaches(tmp_path / "out", archive) == []
    # What comes then goes to the last part that there is, never between others.
    write_many(write_article, range(100, 130))
    ingest(archive, tmp_path / "out", 3, part_bytes=SMALL, absent_is_deleted=True)
    assert not middle.exists()
    assert breaches(tmp_path / "out", archive) == []
    for source in archive.iterdir():
        source.unlink()
    ingest(archive, tmp_path / "out", 4, part_bytes=SMALL, absent_is_deleted=True)
    assert parts(tmp_path / "out", "articles") == parts(tmp_path / "out", "paragraphs") == []


def test_a_part_keeps_what_a_smaller_or_larger_size_would_put_elsewhere(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_many(write_article, range(20))
    ingest(archive, tmp_path / "out", 1)
    before = homes(tmp_path / "out", "articles")
    write_many(write_article, range(20, 40))
    ingest(archive, tmp_path / "out", 2, part_bytes=SMALL)
    smaller = homes(tmp_path / "out", "articles")
    assert len(parts(tmp_path / "out", "articles")) > 2
    assert {key: smaller[key] for key in before} == before
    write_many(write_article, range(40, 60))
    ingest(archive, tmp_path / "out", 3)
    larger = homes(tmp_path / "out", "articles")
    assert {key: larger[key] for key in smaller} == smaller
    assert breaches(tmp_path / "out", archive) == []


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Calls after each single step of publishing, and before the first."""
    watchers: list[Callable[[], None]] = []
    apply = publish._apply

    def watched(*arguments: object) -> None:
        for watcher in watchers:
            watcher()
        apply(*arguments)  # type: ignore[arg-type]
        for watcher in watchers:
            watcher()

    monkeypatch.setattr(publish, "_apply", watched)
    return watchers


class Reader:
    """Looks at a table at every moment, and holds that no mix of old and new files misleads."""

    def __init__(self, output: Path, name: str) -> None:
        self.output = output
        self.name = name
        self.seen: list[dict[str, list[str]]] = []

    def __call__(self) -> None:
        self.seen.append(homes(self.output, self.name))

    def check(self) -> int:
        """Whoever lists the files at one moment and reads each of them at any later one finds a row in one file only,
        and finds each that was there before and is there afterwards: as every row has one file at all moments."""
        before, after = self.seen[0], self.seen[-1]
        places: dict[str, set[str]] = defaultdict(set)
        for moment in self.seen:
            for key, files in moment.items():
                assert len(files) == 1, (self.name, key, files)
                places[key].update(files)
        moved = {
            key for key in before.keys() & after.keys() if before[key][0].split("/")[:3] != after[key][0].split("/")[:3]
        }
        for key in places.keys() - moved:
            assert len(places[key]) == 1, (self.name, key, places[key])
        for key in (before.keys() & after.keys()) - moved:
            assert all(key in moment for moment in self.seen), (self.name, key)
        return len(moved)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_changes_no_mix_of_old_and_new_files_misleads(
    archive: Path,
    write_article: WriteArticle,
    tmp_path: Path,
    moments: list[Callable[[], None]],
    seed: int,
) -> None:
    chance = Random(seed)
    moved = steps = 0
    write_many(write_article, range(25))
    for number in range(1, 9):
        for _ in range(chance.randrange(1, 9)):
            which = chance.randrange(60)
            month = chance.choice(("2022-03", "2022-03", "2022-04"))
            body = chance.choice(("", "<p>改</p>", "<p>" + "松岭。" * chance.randrange(300) + "</p>"))
            write_many(write_article, range(which, which + 1), body=body, month=month)
        for _ in range(chance.randrange(4)):
            (archive / f"{chance.randrange(60):03d}.md").unlink(missing_ok=True)
        for _ in range(chance.randrange(3)):
            (archive / f"{chance.randrange(60):03d}.md").write_bytes(b"\xff" * chance.randrange(1, 2000))
        for _ in range(chance.randrange(3)):
            # The same article at another path: one of the two is superseded.
            copied = archive / f"{chance.randrange(60):03d}.md"
            if copied.exists():
                (archive / f"copy-{number}.md").write_bytes(copied.read_bytes() + b"\n<p>more</p>\n")
        readers = [Reader(tmp_path / "out", name) for name in STATE]
        moments[:] = readers
        ingest(archive, tmp_path / "out", number, part_bytes=2000, absent_is_deleted=True)
        moments.clear()
        steps += len(readers[0].seen)
        moved += sum(reader.check() for reader in readers if reader.seen)
        ingest(archive, tmp_path / "one", number, absent_is_deleted=True)
        for name in STATE:
            assert sorted_rows(tmp_path / "out", name) == sorted_rows(tmp_path / "one", name), (number, name)
            for path in (tmp_path / "out" / name).rglob("*.parquet"):
                table = pq.ParquetFile(path).read()
                positions = pressmark.storage.sorted_rows.sorted_positions(table, TABLES[name]).to_pylist()
                assert positions == list(range(table.num_rows)), path
        assert breaches(tmp_path / "out", archive) == []
    assert steps > 50
    assert moved > 0
    assert all(len(parts(tmp_path / "out", name)) > 1 for name in ("articles", "paragraphs"))


def test_rejects_and_revisions_outgrow_a_file_too(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    for number in range(12):
        (archive / f"bad-{number}.md").write_bytes(bytes([200 + number]) * 900)
        for copy in range(3):
            write_article(
                f"{number}-{copy}.md",
                url=f"https://songling-times.example/{number}",
                body=f"<p>{'松岭。' * 60}</p><p>{copy}</p>",
            )
    ingest(archive, tmp_path / "out", 1, part_bytes=SMALL)
    ingest(archive, tmp_path / "one", 1)
    for name in ("revisions", "rejects"):
        assert len(parts(tmp_path / "out", name)) > 3
        assert read_table(tmp_path / "out", name).to_pylist() == read_table(tmp_path / "one", name).to_pylist()
    before = homes(tmp_path / "out", "rejects")
    (archive / "bad-3.md").unlink()
    (archive / "bad-4.md").write_bytes(b"\xfe" * 900)
    (archive / "bad-new.md").write_bytes(b"\xfd" * 900)
    for output, settings in (("out", {"part_bytes": SMALL}), ("one", {})):
        ingest(archive, tmp_path / output, 2, absent_is_deleted=True, **settings)
        assert breaches(tmp_path / output, archive) == []
    now = homes(tmp_path / "out", "rejects")
    assert {key: now[key] for key in before.keys() & now.keys()} == {
        key: home for key, home in before.items() if key in now
    }
    assert sorted_rows(tmp_path / "out", "rejects") == sorted_rows(tmp_path / "one", "rejects")


@pytest.mark.parametrize("by", ["month", "day", "year"])
def test_polars_pyarrow_and_duckdb_agree_on_parts(
    archive: Path, write_article: WriteArticle, tmp_path: Path, by: Period
) -> None:
    write_undated(archive)
    write_many(write_article, range(40))
    write_many(write_article, range(40, 60), month="2021-11")
    output = tmp_path / "out"
    ingest(archive, output, part_bytes=300, partition_by=by)
    assert len(files_of(output)) > 40
    for name in ("articles", "paragraphs"):
        files = f"read_parquet('{output}/{name}/**/*.parquet', hive_partitioning=true)"
        query = f"select {by}, count(*) from {files} group by 1"
        by_duckdb = {str(key): count for key, count in duckdb.sql(query).fetchall()}
        by_polars = pl.scan_parquet(output / name, hive_partitioning=True).group_by(by).len().collect().rows()
        rows = ds.dataset(output / name, partitioning="hive").to_table(columns=[by])[by].to_pylist()
        by_pyarrow: dict[str, int] = defaultdict(int)
        for row in rows:
            by_pyarrow[str(row)] += 1
        assert by_duckdb == {str(key): count for key, count in by_polars} == by_pyarrow
        assert "unknown" in by_duckdb
        assert sum(by_duckdb.values()) == read_table(output, name).num_rows


def write_undated(archive: Path) -> None:
    (archive / "undated.md").write_bytes(
        "[松岭](https://songling-times.example/undated)\n------\n\n<p>林帆</p>\n".encode()
    )


@pytest.mark.parametrize("by", ["day", "year"])
def test_periods_hold_the_rows_that_months_hold(
    archive: Path, write_article: WriteArticle, tmp_path: Path, by: Period
) -> None:
    write_undated(archive)
    write_many(write_article, range(40))
    (archive / "bad.md").write_bytes(b"\xff")
    ingest(archive, tmp_path / "month")
    ingest(archive, tmp_path / by, partition_by=by)
    write_many(write_article, range(5), body="<p>改</p>", month="2023-01")
    (archive / "007.md").unlink()
    for output in ("month", by):
        # Without the option it stays as it was.
        ingest(archive, tmp_path / output, 2, absent_is_deleted=True, part_bytes=1000)
    for name in STATE:
        assert sorted_rows(tmp_path / by, name) == sorted_rows(tmp_path / "month", name)
    folders = {path.name for path in (tmp_path / by / "articles" / "outlet=songling-times-example").iterdir()}
    months = {row["month"] for row in read_table(tmp_path / by, "articles").to_pylist()}
    assert {"2022-03", "2023-01", "unknown"} <= months
    if by == "year":
        assert folders == {"year=2022", "year=2023", "year=unknown"}
    else:
        assert {"day=2022-03-01", "day=2023-01-08", "day=unknown"} < folders
        assert {len(folder) for folder in folders} == {len("day=2022-03-01"), len("day=unknown")}
    assert breaches(tmp_path / by, archive) == []
    paragraph = str(read_table(tmp_path / by, "paragraphs")["paragraph_id"][0])
    assert trace_paragraph(Output(tmp_path / by), None, paragraph, context=0).paragraph["paragraph_id"] == paragraph
    assert f'"partition_by": "{by}"' in read_table(tmp_path / by, "runs")["arguments"].to_pylist()[1]


def test_another_period_than_the_outputs_is_refused(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out", 1, partition_by="day")
    ingest(archive, tmp_path / "plain", 1)
    before = files_of(tmp_path / "out")
    for output, by, other in (("out", "day", "month"), ("out", "day", "year"), ("plain", "month", "day")):
        with pytest.raises(OutputError, match=f"partitioned by {by}") as refused:
            ingest(archive, tmp_path / output, 2, partition_by=other)
        assert f"--partition {other}" in str(refused.value)
    ingest(archive, tmp_path / "out", 3, partition_by="day")
    assert files_of(tmp_path / "out") == before


@pytest.mark.parametrize("by", ["month", "day"])
def test_a_load_takes_all_parts_and_days(
    archive: Path, write_article: WriteArticle, tmp_path: Path, by: Period
) -> None:
    write_undated(archive)
    write_many(write_article, range(30))
    (archive / "bad.md").write_bytes(b"\xff" * 3000)
    output, warehouse = tmp_path / "out", Warehouse("duckdb", f"duckdb:///{tmp_path / 'news.duckdb'}")

    def check() -> None:
        for name in (*STATE, "runs"):
            columns = [column for column in TABLES[name].schema.names if column != "links"]
            key = TABLES[name].sort_keys
            found, expected = (
                sorted(rows.select(columns).to_pylist(), key=lambda row: [str(row[column]) for column in key])
                for rows in (warehouse.rows(name), read_table(output, name))
            )
            assert found == expected, name

    ingest(archive, output, 1, part_bytes=SMALL, partition_by=by)
    assert load(output, warehouse.address).changed > 0
    check()
    write_many(write_article, range(25, 50), body="<p>改</p>")
    for number in range(12):
        (archive / f"{number:03d}.md").unlink()
    ingest(archive, output, 2, part_bytes=SMALL, absent_is_deleted=True)
    assert load(output, warehouse.address, 2).changed > 0
    check()
    assert load(output, warehouse.address, 3).changed == 0


def test_years_are_not_loaded(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    write_article("a.md")
    ingest(archive, tmp_path / "out", partition_by="year")
    with pytest.raises(OutputError, match="years can't be loaded") as refused:
        load(tmp_path / "out", f"duckdb:///{tmp_path / 'news.duckdb'}")
    assert "by month or by day" in str(refused.value)


def test_history_and_backfills_of_parts_give_the_rows_of_one(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "git")
    for number in range(4):
        write_many(write_article, range(number * 4, number * 4 + 14), body=f"<p>第{number}版</p>")
        repository.commit(files_below(archive))
    ingest(repository.path, tmp_path / "one", 1, history=True)
    for number in range(1, 9):
        ingest(repository.path, tmp_path / "out", number, history=True, part_bytes=1000, wanted=Wanted(limit=7))
    ingest(repository.path, tmp_path / "out", 9, history=True, part_bytes=1000)
    assert len(parts(tmp_path / "out", "revisions")) > 2
    for name in STATE:
        dropped = [column for column in TABLES[name].run_columns if column in TABLES[name].schema.names]
        found, expected = (
            sorted(map(repr, read_table(tmp_path / output, name).drop_columns(dropped).to_pylist()))
            for output in ("out", "one")
        )
        assert found == expected, name
    found = verify_output(Output(tmp_path / "out"), repository.path, workers=1, progress=lambda *_: None)
    assert found.breaches == []
