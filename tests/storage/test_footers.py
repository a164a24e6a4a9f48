"""Row groups that go over from file to file: the file is the one that Arrow would write of all rows."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pressmark.storage.compiled import FORMATS
from pressmark.storage.footers import _footer_bytes, _row_groups, footer_with, row_groups_of

SCHEMA = pa.schema([
    ("name", pa.string()), ("number", pa.int64()), ("code", pa.dictionary(pa.int32(), pa.string())),
    ("links", pa.list_(pa.struct([("href", pa.string()), ("start", pa.int32())]))), ("raw", pa.binary()),
    ("share", pa.float64()), ("flag", pa.bool_()), ("at", pa.timestamp("us", tz="UTC")),
])  # fmt: skip
OPTIONS = {"compression": "zstd", "use_dictionary": ["code"]}


def rows(count: int, seed: int) -> pa.Table:
    random = Random(seed)

    def value(make):
        return None if random.random() < 0.1 else make()

    return pa.Table.from_pylist(
        [
            {
                "name": value(lambda: "松岭" * random.randrange(200)),
                "number": value(lambda: random.randrange(-(1 << 62), 1 << 62)),
                "code": value(lambda: random.choice("abc")),
                "links": value(lambda: [{"href": "/", "start": n} for n in range(random.randrange(4))]),
                "raw": value(lambda: random.randbytes(random.randrange(300))),
                "share": value(random.random),
                "flag": value(lambda: random.random() < 0.5),
                "at": value(lambda: random.randrange(1 << 50)),
            }
            for _ in range(count)
        ],
        schema=SCHEMA,
    )


def written(groups: list[pa.Table], path: Path, **options: object) -> bytes:
    with pq.ParquetWriter(path, SCHEMA, **{**OPTIONS, **options}) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=group.num_rows)
    return path.read_bytes()


@pytest.mark.parametrize("count", [1, 2, 14, 15, 16, 40])
def test_groups_put_together_are_the_file_of_all_rows(count: int, tmp_path: Path) -> None:
    groups = [rows(1 + (number * 37) % 90, number) for number in range(count)]
    whole = written(groups, tmp_path / "whole")
    empty = written([], tmp_path / "empty")
    content, placed = b"PAR1", []
    for group in groups:
        part = written([group], tmp_path / "part")
        (found,) = row_groups_of(part)
        placed.append((found, len(content)))
        content += part[found.start : found.end]
    assert content + footer_with(empty, placed, sum(group.num_rows for group in groups)) == whole


def test_groups_of_a_file_may_be_left_out_and_taken_from_another(tmp_path: Path) -> None:
    one, two = [rows(50, n) for n in range(5)], [rows(50, n) for n in range(10, 15)]
    sources = [written(one, tmp_path / "one"), written(two, tmp_path / "two")]
    chosen = [(0, 4), (1, 0), (0, 1), (1, 1)]
    content, placed = b"PAR1", []
    for file, number in chosen:
        group = row_groups_of(sources[file])[number]
        placed.append((group, len(content)))
        content += sources[file][group.start : group.end]
    made = content + footer_with(written([], tmp_path / "empty"), placed, 200)
    assert made == written([(one, two)[file][number] for file, number in chosen], tmp_path / "expected")


def test_the_end_of_a_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = written([rows(30, 1), rows(30, 2)], path)
    length = pq.ParquetFile(path).metadata.serialized_size + 8
    assert row_groups_of(content[-length:]) == row_groups_of(content)
    with pytest.raises(ValueError, match="no whole footer"):
        row_groups_of(content[-length + 1 :])
    with pytest.raises(ValueError, match="no whole footer"):
        row_groups_of(content[:-1])


def test_a_file_with_an_index_is_left_alone(tmp_path: Path) -> None:
    content = written([rows(30, 1)], tmp_path / "file", write_page_index=True)
    with pytest.raises(ValueError, match="index"):
        row_groups_of(content)


@pytest.mark.skipif(FORMATS is None, reason="no C compiler was at hand")
def test_damaged_footers_tell_the_same_compiled_or_not(tmp_path: Path) -> None:
    content = written([rows(30, n) for n in range(3)], tmp_path / "file")
    footer = _footer_bytes(content)
    assert len(_row_groups(footer)) == 3
    assert row_groups_of(content) == _row_groups(footer)
    random = Random(1)
    damaged = [footer[: random.randrange(len(footer))] for _ in range(300)]
    for _ in range(3000):
        at = random.randrange(len(footer))
        damaged.append(footer[:at] + random.randbytes(random.randrange(1, 3)) + footer[at + 1 :])
    refused = 0
    for data in damaged:
        try:
            groups = row_groups_of(data + len(data).to_bytes(4, "little") + b"PAR1")
        except ValueError:
            refused += 1
        else:
            assert groups == _row_groups(data)
    assert 300 < refused < len(damaged)
