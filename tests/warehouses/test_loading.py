"""One behaviour for all destinations: what arrives, what moves, what leaves, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import WriteArticle, ingest, read_table
from destinations import Warehouse, load

from pressmark.warehouses.errors import DestinationError
from pressmark.warehouses.relations import LOADS, RELATIONS, Relation

BY_NAME = {relation.name: relation for relation in RELATIONS}


def expected_rows(output: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a relation as the output has them, in the order of their keys."""
    relation = BY_NAME[name]
    rows = read_table(output, relation.source).to_pylist()
    if name == "links":
        rows = [
            {
                **{column: row[column] for column in ("outlet", "month", "paragraph_id", "article_id")},
                "position": position,
                "href": link["href"],
                "text_start": link["start"],
                "text_end": link["end"],
            }
            for row in rows
            for position, link in enumerate(row["links"])
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


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_the_seeds_have_rows_of_every_relation(seeds_output: Path, relation: Relation) -> None:
    assert expected_rows(seeds_output, relation.name)


def test_every_row_arrives_as_it_is(warehouse: Warehouse, seeds_output: Path) -> None:
    report = load(seeds_output, warehouse.address)
    assert_equal(seeds_output, warehouse)
    assert {t.table: t.rows for t in report.tables} == {
        relation.name: len(expected_rows(seeds_output, relation.name)) for relation in RELATIONS
    }


def test_types_arrive_whole(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    hashes = [row["text_hash"] for row in found_rows(warehouse, "paragraphs")]
    assert max(hashes) > 1 << 63, "an unsigned number that a signed one can't hold"
    articles = warehouse.rows("articles").schema
    assert pa.types.is_timestamp(articles.field("published_at").type)
    assert articles.field("published_at").type.tz in ("UTC", "Etc/UTC")
    assert pa.types.is_date(articles.field("local_date").type)
    assert pa.types.is_boolean(articles.field("date_conflict").type)
    assert not pa.types.is_dictionary(articles.field("language").type)
    assert {type(row["raw"]) for row in found_rows(warehouse, "rejects")} <= {bytes, type(None)}


def test_every_column_and_table_says_what_it_means(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    for relation in (*RELATIONS, LOADS):
        assert comments(warehouse, relation.name) == {
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


def test_keys_are_declared(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    for relation in (*RELATIONS, LOADS):
        if warehouse.kind == "iceberg":
            schema = warehouse.iceberg(relation.name).schema()
            assert {schema.find_column_name(number) for number in schema.identifier_field_ids} == set(relation.key)
        else:
            rows = warehouse.query(
                "SELECT column_name FROM information_schema.table_constraints JOIN information_schema.key_column_usage "
                "USING (constraint_name, table_name) WHERE constraint_type = 'PRIMARY KEY' "
                f"AND table_name = '{relation.name}'"
            )
            assert set(rows["column_name"].to_pylist()) == set(relation.key)


def test_links_join_to_the_texts_they_stand_in(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    texts = {row["paragraph_id"]: row["text"] for row in found_rows(warehouse, "paragraphs")}
    links = found_rows(warehouse, "links")
    assert links
    for link in links:
        assert 0 <= link["text_start"] < link["text_end"] <= len(texts[link["paragraph_id"]])


def test_a_reload_of_unchanged_data_changes_nothing(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    before = warehouse.rows(LOADS.name).num_rows
    snapshots = snapshot_ids(warehouse)
    report = load(seeds_output, warehouse.address, 2)
    assert report.changed == 0
    assert {(t.loaded, t.removed, t.rows) for t in report.tables} == {(0, 0, 0)}
    assert warehouse.rows(LOADS.name).num_rows == before
    assert snapshot_ids(warehouse) == snapshots
    assert_equal(seeds_output, warehouse)


def snapshot_ids(warehouse: Warehouse) -> list[list[int]]:
    if warehouse.kind != "iceberg":
        return []
    return [[s.snapshot_id for s in warehouse.iceberg(relation.name).snapshots()] for relation in RELATIONS]


def test_only_changed_partitions_move(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    for month in ("01", "02", "03"):
        write_article(f"{month}.md", url=f"https://songling-times.example/{month}", at=f"2022-{month}-04T05:06:07")
    ingest(archive, output)
    load(output, warehouse.address)
    write_article(
        "02.md", url="https://songling-times.example/02", at="2022-02-04T05:06:07",
        body="<p>新的一段，有<a href='https://songling-times.example/x'>链接</a>。</p>",
    )  # fmt: skip
    ingest(archive, output, 2)
    report = load(output, warehouse.address, 2)
    moved = {t.table: (t.loaded, t.removed, t.unchanged) for t in report.tables}
    assert moved["articles"] == moved["paragraphs"] == moved["links"] == (1, 0, 2)
    assert moved["runs"] == (1, 0, 1)
    assert_equal(output, warehouse)
    assert [row["text"] for row in found_rows(warehouse, "paragraphs") if row["month"] == "2022-02"] == [
        "新的一段，有链接。"
    ]


def test_rows_that_did_not_change_are_not_written_again(
    postgresql: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    for name in "abc":
        write_article(f"{name}.md", url=f"https://songling-times.example/{name}")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", postgresql.address)
    before = postgresql.query("SELECT article_id, xmin::text AS written FROM articles").to_pylist()
    write_article("c.md", url="https://songling-times.example/c", body="<p>改了。</p>")
    ingest(archive, tmp_path / "out", 2)
    load(tmp_path / "out", postgresql.address, 2)
    after = postgresql.query("SELECT article_id, xmin::text AS written FROM articles").to_pylist()
    assert sum(row in before for row in after) == 2


def test_deleted_and_superseded_articles_leave(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    write_article("gone.md", url="https://songling-times.example/gone", at="2022-01-04T05:06:07")
    write_article("old.md", url="https://songling-times.example/kept", at="2022-02-04T05:06:07", body="<p>旧。</p>")
    (archive / "broken.md").write_bytes(b"")
    ingest(archive, output)
    load(output, warehouse.address)
    (archive / "gone.md").unlink()
    (archive / "broken.md").unlink()
    write_article("new.md", url="https://songling-times.example/kept", at="2022-02-05T05:06:07", body="<p>新。</p>")
    ingest(archive, output, 2, absent_is_deleted=True)
    report = load(output, warehouse.address, 2)
    assert [row["source_path"] for row in found_rows(warehouse, "articles")] == ["new.md"]
    assert {row["source_path"] for row in found_rows(warehouse, "revisions")} == {"old.md", "gone.md"}
    assert found_rows(warehouse, "rejects") == []
    assert {t.table: t.removed for t in report.tables}["articles"] == 1
    assert_equal(output, warehouse)
    assert load(output, warehouse.address, 3).changed == 0


def test_a_redated_article_moves_once(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    write_article("a.md", at="2022-01-04T05:06:07")
    write_article("b.md", url="https://songling-times.example/b", at="2022-01-04T05:06:07")
    ingest(archive, output)
    load(output, warehouse.address)
    write_article("a.md", at="2022-02-04T05:06:07")
    ingest(archive, output, 2)
    load(output, warehouse.address, 2)
    assert_equal(output, warehouse)
    assert {row["month"] for row in found_rows(warehouse, "articles")} == {"2022-01", "2022-02"}


def test_texts_of_any_kind_arrive(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    body = "<p>引号'\"与\\反斜线，\x1f分隔\x1e符，😀和\u200b零宽，百分%s号，{花}括号，$1。</p><p>\t第二<br>行\\n\\N</p>"
    write_article('it\'s "a" \\file.md', title="'; DROP TABLE articles; --", body=body)
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", warehouse.address)
    assert_equal(tmp_path / "out", warehouse)


def test_a_block_with_an_empty_line_in_its_text_loads(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md", body="<p>上<br><b> </b><br>下</p><p>后</p>")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", warehouse.address)
    assert_equal(tmp_path / "out", warehouse)
    assert found_rows(warehouse, "articles")[0]["text"].count("\n\n") == 2


def test_a_nul_character_becomes_the_replacement_character_where_text_cannot_hold_it(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("nul.md", body="<p>前\0后</p>")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", warehouse.address)
    (row,) = found_rows(warehouse, "paragraphs")
    assert row["text"] == ("前\ufffd后" if warehouse.kind == "postgresql" else "前\0后")
    assert row["char_end"] == 3


def test_counts_and_checksums_are_kept_for_every_partition(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    rows = warehouse.rows(LOADS.name).to_pylist()
    for relation in RELATIONS:
        kept = {row["partition"]: row for row in rows if row["table_name"] == relation.name}
        counts: dict[str, int] = {}
        for row in expected_rows(seeds_output, relation.name):
            label = "/".join(f"{name}={row[name]}" for name in relation.partition_columns)
            counts[label] = counts.get(label, 0) + 1
        assert {label: row["row_count"] for label, row in kept.items() if row["row_count"]} == counts
        assert all(row["checksum"].isdigit() for row in kept.values())
        assert all(len(row["source_digest"]) == 32 for row in kept.values())


def test_everything_is_sent_again_when_asked(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address)
    report = load(seeds_output, warehouse.address, 2, full=True)
    assert all(t.unchanged == 0 for t in report.tables)
    assert report.changed > 20
    assert_equal(seeds_output, warehouse)


def test_a_full_load_mends_what_others_changed(database: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, database.address)
    database.change("paragraphs", "text = 'x'", "ordinal = 0")
    database.execute("DELETE FROM articles WHERE outlet = 'rfi'")
    assert load(seeds_output, database.address, 2).changed == 0
    load(seeds_output, database.address, 3, full=True)
    assert_equal(seeds_output, database)


def without(*columns: str) -> tuple[Relation, ...]:
    """The relations as an earlier version had them: `articles` without some columns."""
    articles, *others = RELATIONS
    kept = tuple(column for column in articles.columns if column.name not in columns)
    names = ", ".join(column.name for column in kept)
    from dataclasses import replace

    return (replace(articles, columns=kept, select=f"SELECT {names} FROM {{source}}"), *others)


def test_a_new_nullable_column_is_added_and_filled(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address, relations=without("author", "url_date"))
    assert "author" not in warehouse.rows("articles").column_names
    report = load(seeds_output, warehouse.address, 2)
    assert {t.table: t.loaded > 0 for t in report.tables} == {
        relation.name: relation.name == "articles" for relation in RELATIONS
    }
    assert_equal(seeds_output, warehouse)
    assert comments(warehouse, "articles")["author"] == "from front matter or byline"


def test_any_other_difference_is_refused(warehouse: Warehouse, seeds_output: Path) -> None:
    load(seeds_output, warehouse.address, relations=without("title", "author"))
    before = warehouse.rows("articles")
    with pytest.raises(DestinationError, match="`title` is missing.*name another database"):
        load(seeds_output, warehouse.address, 2)
    assert warehouse.rows("articles").equals(before)


def test_iceberg_keeps_what_was_before(archive: Path, write_article: WriteArticle, tmp_path: Path) -> None:
    warehouse = Warehouse("iceberg", f"iceberg:///{tmp_path / 'lake'}")
    write_article("a.md", body="<p>旧文。</p>")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", warehouse.address)
    first = warehouse.iceberg("paragraphs").current_snapshot().snapshot_id
    write_article("a.md", body="<p>新文。</p>")
    ingest(archive, tmp_path / "out", 2)
    load(tmp_path / "out", warehouse.address, 2)
    table = warehouse.iceberg("paragraphs")
    assert table.scan(snapshot_id=first).to_arrow()["text"].to_pylist() == ["旧文。"]
    assert table.scan().to_arrow()["text"].to_pylist() == ["新文。"]


def test_an_output_without_one_of_its_tables_loads(
    warehouse: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    (archive / "empty.md").write_bytes(b"")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", warehouse.address)
    assert found_rows(warehouse, "articles") == []
    write_article("a.md")
    ingest(archive, tmp_path / "out", 2)
    load(tmp_path / "out", warehouse.address, 2)
    assert_equal(tmp_path / "out", warehouse)


def test_files_of_the_output_may_be_read_elsewhere_meanwhile(seeds_output: Path) -> None:
    assert not list((seeds_output / ".pressmark" / "readers").glob("*"))
    assert pq.ParquetFile(next((seeds_output / "articles").rglob("*.parquet"))).metadata.num_rows


def test_iceberg_tables_that_others_changed_are_looked_at_again(seeds_output: Path, tmp_path: Path) -> None:
    warehouse = Warehouse("iceberg", f"iceberg:///{tmp_path / 'lake'}")
    load(seeds_output, warehouse.address)
    warehouse.catalog().drop_table(("pressmark", "links"))
    with pytest.raises(DestinationError, match="loaded and is gone: `links`"):
        load(seeds_output, warehouse.address, 2)


def test_a_clock_that_was_set_back_does_not_hide_a_load(
    database: Warehouse, archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md", body="<p>旧。</p>")
    ingest(archive, tmp_path / "out")
    load(tmp_path / "out", database.address)
    database.execute(f"UPDATE {LOADS.name} SET loaded_at = TIMESTAMPTZ '2100-01-01 00:00:00+00'")
    write_article("a.md", body="<p>新。</p>")
    ingest(archive, tmp_path / "out", 2)
    assert load(tmp_path / "out", database.address, 2).changed
    assert load(tmp_path / "out", database.address, 3).changed == 0
    assert_equal(tmp_path / "out", database)
