"""One behaviour for all destinations: what arrives, what moves, what leaves, and what stays as it is."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from destinations import Warehouse, load
from pyiceberg.exceptions import ValidationException
from pyiceberg.table.update.snapshot import _OverwriteFiles
from written_outputs import Story, read_rows, write_output

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.warehouses.address import DestinationError, parse_address
from pressmark.warehouses.destination import LoadedPartition, open_destination
from pressmark.warehouses.loading import interruptible
from pressmark.warehouses.relations import LOADS, RELATIONS, Relation

pytestmark = pytest.mark.slow

BY_NAME = {relation.name: relation for relation in RELATIONS}
KEYS = ("outlet", "month", "paragraph_id", "article_id")
# Iceberg keeps the first 16 characters of a value as a bound.
LONG_NAME = "harbour-gazette-example"


def expected_rows(output: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a relation as the output has them, in the order of their keys."""
    relation = BY_NAME[name]
    rows = read_rows(output, relation.source)
    if name == "links":
        rows = [
            {
                **{column: row[column] for column in KEYS},
                "position": position,
                "href": link["href"],
                "text_start": link["start"],
                "text_end": link["end"],
            }
            for row in rows
            for position, link in enumerate(row["links"])
        ]
    if name == "contributors":
        rows = [
            {**{column: row[column] for column in KEYS if column in row}, "position": position, **one}
            for row in rows
            for position, one in enumerate(row["contributors"] or ())
        ]
    return in_order([{column: row[column] for column in relation.names} for row in rows], relation)


def found_rows(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    rows = warehouse.rows(name).to_pylist()
    for row in rows:
        for column, value in row.items():
            if isinstance(value, Decimal) or (column == "text_hash" and isinstance(value, str)):
                row[column] = int(value)
    return in_order(rows, BY_NAME[name])


def in_order(rows: list[dict[str, Any]], relation: Relation) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [row[name] for name in relation.key])


def assert_equal(output: Path, warehouse: Warehouse) -> None:
    for relation in RELATIONS:
        assert found_rows(warehouse, relation.name) == expected_rows(output, relation.name), relation.name


def test_every_row_arrives_as_it_is(loaded: Warehouse, rich: Path) -> None:
    assert all(expected_rows(rich, relation.name) for relation in RELATIONS)
    assert_equal(rich, loaded)


def test_types_arrive_whole(loaded: Warehouse) -> None:
    hashes = [row["text_hash"] for row in found_rows(loaded, "paragraphs")]
    assert max(hashes) > 1 << 63, "an unsigned number that a signed one can't hold"
    articles = loaded.rows("articles").schema
    assert pa.types.is_timestamp(articles.field("published_at").type)
    assert articles.field("published_at").type.tz in ("UTC", "Etc/UTC")
    assert pa.types.is_date(articles.field("local_date").type)
    assert pa.types.is_boolean(articles.field("date_conflict").type)
    assert not pa.types.is_dictionary(articles.field("language").type)
    flags = articles.field("flags").type
    assert pa.types.is_list(flags) or pa.types.is_large_list(flags)
    assert pa.types.is_string(flags.value_type) or pa.types.is_large_string(flags.value_type)
    assert {type(row["raw"]) for row in found_rows(loaded, "rejects")} == {bytes, type(None)}


def test_every_column_and_table_says_what_it_means(loaded: Warehouse) -> None:
    for relation in (*RELATIONS, LOADS):
        assert comments(loaded, relation.name) == {
            "": relation.description,
            **{column.name: column.description for column in relation.columns},
        }


def comments(warehouse: Warehouse, table: str) -> dict[str, str]:
    if warehouse.kind == "iceberg":
        found = warehouse.iceberg(table)
        return {"": found.properties["comment"], **{field.name: field.doc for field in found.schema().fields}}
    if warehouse.kind == "duckdb":
        rows = warehouse.query(
            f"SELECT '' AS name, comment FROM duckdb_tables() WHERE table_name = '{table}' UNION ALL "
            f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{table}'"
        )
    else:
        rows = warehouse.query(
            f"SELECT '' AS name, obj_description('{table}'::regclass) AS comment UNION ALL "
            f"SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute "
            f"WHERE attrelid = '{table}'::regclass AND attnum > 0"
        )
    return dict(zip(rows["name"].to_pylist(), rows["comment"].to_pylist(), strict=True))


def test_keys_are_declared(loaded: Warehouse) -> None:
    for relation in (*RELATIONS, LOADS):
        if loaded.kind == "iceberg":
            schema = loaded.iceberg(relation.name).schema()
            assert {schema.find_column_name(number) for number in schema.identifier_field_ids} == set(relation.key)
        else:
            rows = loaded.query(
                "SELECT column_name FROM information_schema.table_constraints JOIN information_schema.key_column_usage "
                "USING (constraint_name, table_name) WHERE constraint_type = 'PRIMARY KEY' "
                f"AND table_name = '{relation.name}'"
            )
            assert set(rows["column_name"].to_pylist()) == set(relation.key)


def test_links_join_to_the_texts_that_hold_them(loaded: Warehouse) -> None:
    texts = {row["paragraph_id"]: row["text"] for row in found_rows(loaded, "paragraphs")}
    links = found_rows(loaded, "links")
    assert links
    for link in links:
        assert 0 <= link["text_start"] < link["text_end"] <= len(texts[link["paragraph_id"]])


def test_a_reload_of_unchanged_data_changes_nothing(loaded: Warehouse, rich: Path) -> None:
    before = loaded.rows(LOADS.name).num_rows
    snapshots = snapshot_ids(loaded)
    report = load(rich, loaded.address, 2)
    assert report.changed == 0
    assert {(t.loaded, t.removed, t.rows) for t in report.tables} == {(0, 0, 0)}
    assert loaded.rows(LOADS.name).num_rows == before
    assert snapshot_ids(loaded) == snapshots


def snapshot_ids(warehouse: Warehouse) -> list[list[int]]:
    if warehouse.kind != "iceberg":
        return []
    return [[s.snapshot_id for s in warehouse.iceberg(relation.name).snapshots()] for relation in RELATIONS]


GRID = [(outlet, month) for outlet in ("linhai", "songling") for month in ("2022-01", "2022-02")]


def grid(changed: dict[tuple[str, str], str]) -> list[Story]:
    """Two stories in each of four partitions: `edited` ones have another text in one of them, `gone` ones neither."""
    return [
        Story(f"{month}-{number}", f"{month}-04T05:06:07", outlet=outlet, links=("https://linhai.example/",),
              blocks=("新文。",) if changed.get((outlet, month)) == "edited" and number else ("旧文。", "第二段。"))
        for outlet, month in GRID if changed.get((outlet, month)) != "gone"
        for number in range(2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "how"),
    [([GRID[0], GRID[3]], "edited"), (GRID[1:3], "gone")],
    ids=["edited", "gone"],
)
def test_a_load_of_some_partitions_leaves_the_rows_of_the_others(
    warehouse: Warehouse, tmp_path: Path, changed: list[tuple[str, str]], how: str
) -> None:
    # Partitions on a diagonal have between them every outlet and every month, so only the exact pair tells them apart.
    before, after = grid({}), grid(dict.fromkeys(changed, how))
    output = write_output(tmp_path / "out", before, revisions=before)
    load(output, warehouse.address)
    kept = {name: others(warehouse, name, changed) for name in ("articles", "paragraphs", "links", "revisions")}
    assert all(len(rows) for rows in kept.values())
    report = load(write_output(output, after, 2, revisions=after), warehouse.address, 2)
    assert {name: others(warehouse, name, changed) for name in kept} == kept
    assert_equal(output, warehouse)
    figures = (len(changed), 0) if how == "edited" else (0, len(changed))
    moved = {t.table: (t.loaded, t.removed, t.unchanged) for t in report.tables}
    assert {moved[name] for name in kept} == {(*figures, 4 - len(changed))}
    assert moved["runs"] == (1, 0, 1)


def others(warehouse: Warehouse, name: str, changed: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [row for row in found_rows(warehouse, name) if (row["outlet"], row["month"]) not in changed]


def test_rows_that_did_not_change_are_not_written_again(postgresql: Warehouse, tmp_path: Path) -> None:
    output = write_output(tmp_path / "out", [Story(name) for name in "abc"])
    load(output, postgresql.address)
    before = postgresql.query("SELECT article_id, xmin::text AS written FROM articles").to_pylist()
    load(write_output(output, [Story("a"), Story("b"), Story("c", blocks=("改了。",))], 2), postgresql.address, 2)
    after = postgresql.query("SELECT article_id, xmin::text AS written FROM articles").to_pylist()
    assert sum(row in before for row in after) == 2


def test_deleted_and_superseded_articles_leave_and_a_redated_one_moves_once(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    gone, kept, moved = (
        Story("gone", "2022-01-04"),
        Story("kept", "2022-02-04", ("旧。",)),
        Story("moved", "2022-01-04"),
    )
    output = write_output(tmp_path / "out", [gone, kept, moved], rejects=[("broken.md", None)])
    load(output, warehouse.address)
    newer = [replace(kept, blocks=("新。",), at="2022-02-05"), replace(moved, at="2022-03-04")]
    report = load(write_output(output, newer, 2, revisions=[gone, kept]), warehouse.address, 2)
    assert_equal(output, warehouse)
    assert found_rows(warehouse, "rejects") == []
    assert {row["month"] for row in found_rows(warehouse, "articles")} == {"2022-02", "2022-03"}
    assert {t.table: t.removed for t in report.tables}["articles"] == 1
    assert load(output, warehouse.address, 3).changed == 0


def test_days_are_loaded_as_months(warehouse: Warehouse, tmp_path: Path) -> None:
    stories = [Story("a", "2022-01-31T23:59:59"), Story("b", "2022-01-01"), Story("c", "2022-02-01"), Story("d", None)]
    output = write_output(tmp_path / "out", stories, by="day", revisions=stories)
    load(output, warehouse.address)
    assert_equal(output, warehouse)
    assert {row["month"] for row in found_rows(warehouse, "revisions")} == {"2022-01", "2022-02", "unknown"}
    stories[0] = Story("a", "2022-01-31T23:59:59", ("改。",))
    report = load(write_output(output, stories, 2, by="day", revisions=stories[1:]), warehouse.address, 2)
    assert {t.table: t.loaded for t in report.tables}["articles"] == 1
    assert_equal(output, warehouse)


def test_two_archives_and_several_files_of_a_partition_arrive(warehouse: Warehouse, tmp_path: Path) -> None:
    stories = [Story(f"{number}", archive=archive) for archive in ("first", "second") for number in range(8)]
    stories = [replace(story, name=f"{story.archive}-{story.name}") for story in stories]
    output = write_output(tmp_path / "out", stories, buckets=4)
    assert len(list((output / "articles").rglob("*.parquet"))) == 4
    load(output, warehouse.address)
    assert_equal(output, warehouse)
    load(write_output(output, stories[:-1], 2, buckets=4), warehouse.address, 2)
    assert_equal(output, warehouse)


def test_lists_and_texts_of_any_kind_arrive(warehouse: Warehouse, tmp_path: Path) -> None:
    lists = [(), ("",), ("a", "b"), ("a\x1db",), ("it's", '"', "\\", "{NULL}", "NULL", ",")]
    stories = [Story(f"{number}", flags=flags) for number, flags in enumerate(lists)]
    blocks = (
        "引号'\"与\\反斜线，\x1f分隔\x1e符，😀和\u200b零宽，百分%s号，{花}括号，$1。",
        "第二\n行\\n\\N",
        "上\n\n下",
    )
    odd = Story('it\'s "a" \\file', blocks=blocks, title="'; DROP TABLE articles; --")
    output = write_output(tmp_path / "out", [*stories, odd])
    load(output, warehouse.address)
    assert_equal(output, warehouse)
    turned = [replace(story, flags=flags) for story, flags in zip(stories, reversed(lists), strict=True)]
    load(write_output(output, [*turned, odd], 2), warehouse.address, 2)
    assert_equal(output, warehouse)


def test_a_nul_character_becomes_the_replacement_character_where_text_cannot_hold_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(write_output(tmp_path / "out", [Story("a", blocks=("前\0后",), flags=("a\0b",))]), warehouse.address)
    (row,), (article,) = found_rows(warehouse, "paragraphs"), found_rows(warehouse, "articles")
    nul = "\ufffd" if warehouse.kind == "postgresql" else "\0"
    assert (row["text"], row["char_end"], article["flags"]) == (f"前{nul}后", 3, [f"a{nul}b"])


def test_counts_and_checksums_are_kept_for_every_partition(loaded: Warehouse, rich: Path) -> None:
    rows = loaded.rows(LOADS.name).to_pylist()
    assert {row["contract_version"] for row in rows} == {CONTRACT_VERSION}
    for relation in RELATIONS:
        kept = {row["partition"]: row for row in rows if row["table_name"] == relation.name}
        counts: dict[str, int] = {}
        for row in expected_rows(rich, relation.name):
            label = "/".join(f"{name}={row[name]}" for name in relation.partition_columns)
            counts[label] = counts.get(label, 0) + 1
        assert {label: row["row_count"] for label, row in kept.items() if row["row_count"]} == counts
        assert all(row["checksum"].isdigit() for row in kept.values())
        assert all(len(row["source_digest"]) == 32 for row in kept.values())


def test_a_full_load_repairs_what_others_changed(database: Warehouse, rich: Path) -> None:
    load(rich, database.address)
    database.execute("UPDATE paragraphs SET text = 'x' WHERE ordinal = 0")
    database.execute("DELETE FROM articles WHERE outlet = 'linhai'")
    assert load(rich, database.address, 2).changed == 0
    report = load(rich, database.address, 3, full=True)
    assert all(t.unchanged == 0 for t in report.tables)
    assert_equal(rich, database)


def without(*columns: str) -> tuple[Relation, ...]:
    """The relations as an earlier version had them: `articles` without some columns."""
    articles, *others = RELATIONS
    kept = tuple(column for column in articles.columns if column.name not in columns)
    return (replace(articles, columns=kept), *others)


def test_a_new_nullable_column_is_added_and_filled(warehouse: Warehouse, rich: Path) -> None:
    load(rich, warehouse.address, relations=without("author", "host"))
    assert "host" not in warehouse.rows("articles").column_names
    report = load(rich, warehouse.address, 2)
    assert {t.table: t.loaded > 0 for t in report.tables} == {
        relation.name: relation.name == "articles" for relation in RELATIONS
    }
    assert_equal(rich, warehouse)
    assert comments(warehouse, "articles")["host"] == "registrable domain of `canonical_url`"


def test_any_other_difference_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    output = write_output(tmp_path / "out", [Story("a")])
    load(output, warehouse.address, relations=without("title", "flags", "author"))
    before = warehouse.rows("articles")
    with pytest.raises(DestinationError, match="`flags` is missing; `title` is missing.*name another database"):
        load(output, warehouse.address, 2)
    assert warehouse.rows("articles").equals(before)


def test_iceberg_keeps_what_was_before(tmp_path: Path) -> None:
    warehouse = Warehouse("iceberg", f"iceberg:///{tmp_path / 'lake'}")
    output = write_output(tmp_path / "out", [Story("a", blocks=("旧文。",))])
    load(output, warehouse.address)
    first = warehouse.iceberg("paragraphs").current_snapshot().snapshot_id
    load(write_output(output, [Story("a", blocks=("新文。",))], 2), warehouse.address, 2)
    table = warehouse.iceberg("paragraphs")
    assert table.scan(snapshot_id=first).to_arrow()["text"].to_pylist() == ["旧文。"]
    assert table.scan().to_arrow()["text"].to_pylist() == ["新文。"]


def test_a_load_into_iceberg_goes_on_where_a_manifest_was_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse("iceberg", f"iceberg:///{tmp_path / 'lake'}")
    output = write_output(tmp_path / "out", [Story("a", outlet=LONG_NAME, blocks=("旧文。",))])
    load(output, warehouse.address)
    entries, overlooked = _OverwriteFiles._deleted_entries, []

    def deleted_entries(update: _OverwriteFiles) -> list[Any]:
        overlooked.append(len(entries(update)))
        if len(overlooked) in (1, 2):
            raise ValidationException("Missing required files to delete")
        return entries(update)

    monkeypatch.setattr(_OverwriteFiles, "_deleted_entries", deleted_entries)
    output = write_output(output, [Story("a", outlet=LONG_NAME, blocks=("新文。",))], 2)
    load(output, warehouse.address, 2)
    assert len(overlooked) > 2
    assert_equal(output, warehouse)


def test_an_output_without_one_of_its_tables_loads(warehouse: Warehouse, tmp_path: Path) -> None:
    output = write_output(tmp_path / "out", [], rejects=[("empty.md", b"")])
    load(output, warehouse.address)
    assert found_rows(warehouse, "articles") == []
    load(write_output(output, [Story("a")], 2), warehouse.address, 2)
    assert_equal(output, warehouse)


def test_a_load_leaves_no_reader_behind(rich: Path, tmp_path: Path) -> None:
    load(rich, f"duckdb:///{tmp_path / 'x.duckdb'}")
    assert not list((rich / ".pressmark" / "readers").glob("*"))


def test_the_latest_of_several_loads_counts(warehouse: Warehouse, tmp_path: Path) -> None:
    load(write_output(tmp_path / "out", [Story("a")]), warehouse.address)
    labels = ("outlet=x/month=earlier-first", "outlet=x/month=later-first")
    first, last = (
        [
            LoadedPartition(load_id, datetime(2099, 1, day, tzinfo=UTC), "articles", label, load_id * 4, 1, "1", "md5",
                            CONTRACT_VERSION)
            for load_id, day in (("load-c", 1), ("load-a", 2), ("load-b", 2))
        ]
        for label in labels
    )  # fmt: skip
    with open_destination(parse_address(warehouse.address)) as destination, destination.transaction():
        for record in (*first, *reversed(last)):
            destination.record([record])
    with open_destination(parse_address(warehouse.address)) as destination:
        found = [row for row in destination.loaded() if row.partition in labels]
    assert sorted(found, key=lambda row: row.partition) == [first[2], last[2]]


def test_a_third_load_compares_with_the_second(warehouse: Warehouse, tmp_path: Path) -> None:
    output = tmp_path / "out"
    for number, text in enumerate(("一。", "二。", "三。"), 1):
        load(write_output(output, [Story("a", blocks=(text,)), Story("b")], number), warehouse.address, number)
    assert load(output, warehouse.address, 4).changed == 0
    back = write_output(output, [Story("a", blocks=("一。",)), Story("b")], 3)
    assert {t.table: t.loaded for t in load(back, warehouse.address, 5).tables}["articles"] == 1
    assert_equal(output, warehouse)


def test_a_clock_that_was_set_back_does_not_hide_a_load(database: Warehouse, tmp_path: Path) -> None:
    output = write_output(tmp_path / "out", [Story("a", blocks=("旧。",))])
    load(output, database.address)
    database.execute(f"UPDATE {LOADS.name} SET loaded_at = TIMESTAMPTZ '2100-01-01 00:00:00+00'")
    assert load(write_output(output, [Story("a", blocks=("新。",))], 2), database.address, 2).changed
    assert load(output, database.address, 3).changed == 0
    assert_equal(output, database)


def test_ctrl_c_in_a_statement_is_ctrl_c() -> None:
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    # With more threads DuckDB waits for what one of them has begun.
    one = {"threads": 1}
    with pytest.raises(KeyboardInterrupt), interruptible(), duckdb.connect(config=one) as connection:
        connection.execute("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b").fetchall()
