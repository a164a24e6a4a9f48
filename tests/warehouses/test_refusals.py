"""What can't be loaded, or loaded into: a clear error with the remedy, nothing half loaded, no password anywhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from destinations import Warehouse, load, new_database
from pyiceberg.expressions import EqualTo
from written_outputs import Story, write_output

from pressmark.flows.cli import main
from pressmark.storage.errors import OutputError
from pressmark.warehouses.address import (
    DestinationBusyError,
    DestinationError,
    ReconciliationError,
    SourceError,
    parse_address,
)
from pressmark.warehouses.destination import Change, open_destination
from pressmark.warehouses.relations import LOADS, Checked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cret-Wort"
STORIES = (Story("a", "2022-01-04T05:06:07"), Story("b", "2022-02-04T05:06:07"))
CHANGED = (STORIES[0], Story("b", "2022-02-04T05:06:07", ("改。",)))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Two articles of two months."""
    return write_output(tmp_path / "out", STORIES)


def test_a_table_of_someone_else_is_left_alone(warehouse: Warehouse, output: Path) -> None:
    if warehouse.kind == "iceberg":
        load(output, warehouse.address)
        warehouse.catalog().drop_table(("pressmark", LOADS.name))
    else:
        warehouse.execute("CREATE TABLE articles (title varchar)")
    before = warehouse.rows("articles")
    with pytest.raises(DestinationError, match=r"there already, and not by pressmark: `articles`; name another"):
        load(output, warehouse.address)
    assert warehouse.rows("articles").equals(before)
    if warehouse.kind != "iceberg":
        assert warehouse.tables() == {"articles"}


def test_a_load_table_of_someone_else_is_left_alone(database: Warehouse, output: Path) -> None:
    database.execute(f"CREATE TABLE {LOADS.name} (id integer)")
    with pytest.raises(DestinationError, match="`id` is not of the contract"):
        load(output, database.address)
    assert database.tables() == {LOADS.name}


def test_a_destination_of_another_contract_version_is_refused(database: Warehouse, output: Path) -> None:
    load(output, database.address)
    database.execute(f"UPDATE {LOADS.name} SET contract_version = '2'")
    with pytest.raises(DestinationError, match="made by contract version 2, not 3.*load into a new database"):
        load(output, database.address, 2)


def test_a_table_that_was_loaded_and_dropped_is_named(warehouse: Warehouse, output: Path) -> None:
    load(output, warehouse.address)
    for name in ("links", "paragraphs"):
        if warehouse.kind == "iceberg":
            warehouse.catalog().drop_table(("pressmark", name))
        else:
            warehouse.execute(f"DROP TABLE {name}")
    with pytest.raises(DestinationError, match="loaded and is gone: `paragraphs`; restore it"):
        load(output, warehouse.address, 2)


def test_a_column_of_another_type_is_refused(postgresql: Warehouse, output: Path) -> None:
    load(output, postgresql.address)
    postgresql.execute("ALTER TABLE paragraphs ALTER COLUMN text_hash TYPE double precision")
    with pytest.raises(DestinationError, match=r"`text_hash` is double precision not null, not numeric\(20,0\)"):
        load(output, postgresql.address, 2)


def test_rows_changed_on_their_way_fail_the_load_and_name_the_partition(postgresql: Warehouse, output: Path) -> None:
    load(output, postgresql.address)
    before = postgresql.rows("paragraphs")
    postgresql.execute(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.text := NEW.text || '!'; RETURN NEW; END $$"
    )
    postgresql.execute("CREATE TRIGGER shout BEFORE INSERT ON paragraphs FOR EACH ROW EXECUTE FUNCTION shout()")
    write_output(output, CHANGED, 2)
    with pytest.raises(ReconciliationError, match="1 rows arrived, but their checksum is .*month=2022-02`; nothing"):
        load(output, postgresql.address, 2)
    assert postgresql.rows("paragraphs").equals(before)
    postgresql.execute("DROP TRIGGER shout ON paragraphs")
    load(output, postgresql.address, 3)
    assert postgresql.rows("paragraphs").num_rows == 3


@pytest.mark.parametrize("what", ["a row less", "another text"])
def test_what_arrives_otherwise_than_it_was_sent_is_not_kept(
    warehouse: Warehouse, output: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    kind: Any = type(open_destination(parse_address(warehouse.address)))
    read = kind.checksums

    def checksums(self: object, relation: Any, partitions: Any) -> Any:
        found = read(self, relation, partitions)
        if relation.name == "paragraphs":
            rows, checksum = found[max(partitions)]
            found[max(partitions)] = Checked(rows - 1, checksum) if what == "a row less" else Checked(rows, "7")
        return found

    monkeypatch.setattr(kind, "checksums", checksums)
    expected = "1 rows arrived of 2" if what == "a row less" else "checksum is 7"
    with pytest.raises(ReconciliationError, match=f"`paragraphs` was not loaded whole: .*{expected}") as refused:
        load(output, warehouse.address)
    assert refused.value.where == "paragraphs/outlet=songling/month=2022-02"
    assert warehouse.tables() == set()
    monkeypatch.undo()
    load(output, warehouse.address, 2)
    assert warehouse.rows("paragraphs").num_rows == 4


def test_rows_that_leave_partitions_that_did_not_change_fail_the_load(
    warehouse: Warehouse, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(output, warehouse.address)
    kind: Any = type(open_destination(parse_address(warehouse.address)))
    carried_out = kind.replace

    def replace(self: Any, change: Change, source: object) -> None:
        carried_out(self, change, source)
        if change.relation.name != "paragraphs":
            return
        if warehouse.kind == "iceberg":
            self._table("paragraphs").delete(EqualTo("month", "2022-01"))
        else:
            self._execute("DELETE FROM paragraphs WHERE month = '2022-01'")

    monkeypatch.setattr(kind, "replace", replace)
    write_output(output, CHANGED, 2)
    with pytest.raises(ReconciliationError, match="`paragraphs` would hold 1 rows, but 3 were loaded.*--full"):
        load(output, warehouse.address, 2)
    assert warehouse.rows("paragraphs").num_rows == 4
    monkeypatch.undo()
    load(output, warehouse.address, 3)
    assert warehouse.rows("paragraphs").num_rows == 3


def _with(rows: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = rows.schema.field(name)
    return rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))


def _text(rows: pa.Table) -> pa.Table:
    return _with(rows, "text", [text + "。" for text in rows["text"].to_pylist()])


def _short(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def _reversed(rows: pa.Table) -> pa.Table:
    return _with(rows, "ordinal", rows["ordinal"].to_pylist()[::-1])


def _shifted(rows: pa.Table) -> pa.Table:
    starts = [start and start - 1 for start in rows["char_start"].to_pylist()]
    ends = [start + len(text) for start, text in zip(starts, rows["text"].to_pylist(), strict=True)]
    return _with(_with(rows, "char_start", starts), "char_end", ends)


def _older(rows: pa.Table) -> pa.Table:
    return rows.replace_schema_metadata({**(rows.schema.metadata or {}), b"pressmark.contract_version": b"2"})


def _without_language(rows: pa.Table) -> pa.Table:
    return rows.drop_columns(["language"])


def _swapped(rows: pa.Table) -> pa.Table:
    return _with(rows, "source_sha256", ["0" * 64] * rows.num_rows)


@pytest.mark.parametrize(
    ("change", "what", "remedy"),
    [
        (_text, "the texts of the paragraphs are not the text of the article", "pressmark verify"),
        (_short, "paragraphs are missing or repeated", "pressmark verify"),
        (_reversed, "the texts of the paragraphs are not the text of the article", "pressmark verify"),
        (_shifted, "a span is out of place", "pressmark verify"),
        (_swapped, "spans of another source", "pressmark verify"),
        (_older, "made by contract version 2, not 3", "ingest the archive again"),
        (_without_language, r"columns are not those of the contract \(language\)", "ingest the archive again"),
    ],
    ids=["text", "rows", "order", "offset", "source", "version", "column"],
)
def test_an_output_that_verify_would_fail_is_refused(
    duckdb: Warehouse, output: Path, change: Callable[[pa.Table], pa.Table], what: str, remedy: str
) -> None:
    path = next((output / "paragraphs").rglob("month=2022-02/*.parquet"))
    pq.write_table(change(pq.ParquetFile(path).read()), path)
    with pytest.raises(SourceError, match=what) as refused:
        load(output, duckdb.address)
    assert remedy in refused.value.remedy
    assert duckdb.tables() == set()


def test_a_file_in_the_folder_of_another_month_is_refused(duckdb: Warehouse, output: Path) -> None:
    for table in ("articles", "paragraphs"):
        (output / table / "outlet=songling" / "month=2022-02").rename(output / table / "outlet=songling/month=2022-03")
    with pytest.raises(SourceError, match="a partition of another month: .*month=2022-03`.*verify"):
        load(output, duckdb.address)


def test_paragraphs_in_the_partition_of_another_article_are_refused(duckdb: Warehouse, output: Path) -> None:
    first, second = sorted((output / "paragraphs").rglob("*.parquet"))
    draft = first.rename(output / "draft")
    second.rename(first)
    draft.rename(second)
    with pytest.raises(SourceError, match="paragraphs are not in the partition of their article"):
        load(output, duckdb.address)


@pytest.mark.parametrize("damage", [slice(-100, None), slice(40, 400)], ids=["cut short", "inside"])
def test_a_damaged_file_is_refused(duckdb: Warehouse, output: Path, damage: slice) -> None:
    path = next((output / "articles").rglob("month=2022-02/*.parquet"))
    data = bytearray(path.read_bytes())
    data[damage] = bytes(360) if damage.stop else b""
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="can't be read .*verify"):
        load(output, duckdb.address)


def test_a_missing_partition_is_refused(duckdb: Warehouse, output: Path) -> None:
    shutil.rmtree(next((output / "paragraphs").rglob("month=2022-02")))
    with pytest.raises(SourceError, match="paragraphs are missing"):
        load(output, duckdb.address)


def test_a_folder_without_an_output_is_refused(duckdb: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no run has written to this folder"):
        load(tmp_path, duckdb.address)
    assert not list(tmp_path.iterdir())


def test_a_second_load_at_the_same_time_is_refused(warehouse: Warehouse, output: Path) -> None:
    if warehouse.kind == "duckdb":
        path = parse_address(warehouse.address).target
        code = f"import duckdb; held = duckdb.connect({path!r}); print('open', flush=True); input()"
        other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(DestinationBusyError, match="another process has this database open.*close it there"):
                load(output, warehouse.address)
        finally:
            other.communicate("\n")
    else:
        with (
            open_destination(parse_address(warehouse.address)),
            pytest.raises(DestinationBusyError, match="another load"),
        ):
            load(output, warehouse.address)
    load(output, warehouse.address)
    assert warehouse.rows("articles").num_rows == 2


def test_a_server_that_is_down_is_named(output: Path) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(DestinationError, match="no server answers there.*start PostgreSQL") as refused:
        load(output, f"postgresql://ann:{SECRET}@127.0.0.1:{port}/news")
    assert SECRET not in str(refused.value)


def test_a_missing_database_is_named(server: Any, output: Path) -> None:
    with pytest.raises(DestinationError, match="there is no such database.*create it"):
        load(output, server.get_uri(database="nowhere"))


def test_a_missing_schema_is_named(postgresql: Warehouse, output: Path) -> None:
    with pytest.raises(DestinationError, match="there is no such schema.*search_path"):
        load(output, postgresql.address + "&options=-csearch_path%3Dnowhere")


def test_a_schema_of_its_own_holds_the_tables(postgresql: Warehouse, output: Path) -> None:
    postgresql.execute("CREATE SCHEMA news")
    address = postgresql.address + "&options=-csearch_path%3Dnews"
    load(output, address)
    assert load(output, address, 2).changed == 0
    assert postgresql.query("SELECT count(*) AS n FROM news.articles")["n"].to_pylist() == [2]
    assert postgresql.tables() == set()


@pytest.fixture
def secretive(server: Any) -> Iterator[str]:
    """A database whose user must give a password; the address has it."""
    address = new_database(server, f"guarded_{os.urandom(3).hex()}")
    with closing(adbc.connect(address, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE keeper LOGIN PASSWORD '{SECRET}'")
        cursor.execute("GRANT CREATE ON SCHEMA public TO keeper")
        cursor.execute("SELECT current_setting('hba_file')")
        rules = Path(cursor.fetchone()[0])
        before = rules.read_text()
        rules.write_text("local all keeper scram-sha-256\n" + before)
        cursor.execute("SELECT pg_reload_conf()")
        cursor.fetchall()
        yield address.replace("postgres:@", f"keeper:{SECRET}@")
        rules.write_text(before)
        cursor.execute("SELECT pg_reload_conf()")
        cursor.fetchall()
        cursor.execute("DROP OWNED BY keeper")
        cursor.execute("DROP ROLE keeper")


def test_a_wrong_password_is_refused_and_no_password_is_ever_shown(
    secretive: str, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = secretive.replace(SECRET, SECRET + "-not")
    assert main(["load", str(output), wrong]) == 3
    assert main(["load", str(output), secretive]) == 0
    assert main(["load", str(output), secretive, "--json"]) == 0
    assert main(["load", str(output), secretive, "--dry-run"]) == 0
    shown = capfd.readouterr()
    assert "the server refuses this user or password" in shown.err
    assert "keeper:***@" in shown.out
    assert SECRET not in shown.err + shown.out


def test_a_database_that_does_not_keep_utf_8_is_refused(server: Any, output: Path) -> None:
    options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    address = new_database(server, f"latin_{os.urandom(3).hex()}", options)
    with pytest.raises(DestinationError, match="keeps text as LATIN1.*ENCODING 'UTF8'"):
        load(output, address)
    assert Warehouse("postgresql", address).tables() == set()


def test_a_user_who_may_not_create_tables_learns_why(server: Any, output: Path) -> None:
    address = new_database(server, f"guarded_{os.urandom(3).hex()}")
    with closing(adbc.connect(address, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(DestinationError, match="may not make tables in the schema `public`.*GRANT USAGE, CREATE"):
        load(output, address.replace("postgres:@", "guest:@"))


def test_a_disk_without_room_for_what_is_sent_is_left_alone(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("pressmark.warehouses.loading.shutil.disk_usage", lambda _: full)
    for address in (f"duckdb:{tmp_path}/x.duckdb", f"iceberg:{tmp_path}/lake"):
        with pytest.raises(DestinationError, match="the disk has 0 MB free"):
            load(output, address)


def test_a_file_that_is_no_database_is_left_alone(output: Path, tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database, " * 1000)
    with pytest.raises(DestinationError, match="no DuckDB database"):
        load(output, f"duckdb:///{tmp_path / 'x.duckdb'}")
    assert (tmp_path / "x.duckdb").read_text().startswith("not a database")


def test_a_folder_with_other_things_is_left_alone(output: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("x")
    with pytest.raises(DestinationError, match=r"holds other things \(`thesis.txt`\)"):
        load(output, f"iceberg:///{folder}")
    assert os.listdir(folder) == ["thesis.txt"]


@pytest.mark.parametrize("kind", ["duckdb", "iceberg"])
def test_a_folder_that_may_only_be_read_is_refused(kind: str, output: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    _mount(folder, "ro")
    try:
        with pytest.raises(DestinationError, match="may write to"):
            load(output, f"{kind}:///{folder / 'x'}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["duckdb", "iceberg"])
def test_a_full_disk_leaves_the_old_state(kind: str, output: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    _mount(folder, "size=6m")
    try:
        warehouse = Warehouse(kind, f"{kind}:///{folder / 'x'}")
        load(output, warehouse.address)
        before = warehouse.rows("paragraphs").sort_by("paragraph_id")
        noise = tuple(os.urandom(400).hex() for _ in range(12_000))
        write_output(output, [*STORIES, Story("c", blocks=noise)], 2)
        with pytest.raises(
            DestinationError, match="the disk (?:is full; nothing was loaded|has [0-9]+ MB free).*free some space"
        ):
            load(output, warehouse.address, 2)
        assert warehouse.rows("paragraphs").sort_by("paragraph_id").equals(before)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(folder: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def test_a_driver_that_is_not_installed_is_named(output: Path) -> None:
    code = (
        "import sys; sys.modules['pyiceberg'] = None; from pressmark.flows.cli import main; "
        f"sys.exit(main(['load', {str(output)!r}, 'iceberg:///{output.parent / 'lake'}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'pressmark[iceberg]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_output_does_not_take_the_place_of_the_one_that_was_loaded(
    warehouse: Warehouse, output: Path, tmp_path: Path
) -> None:
    load(output, warehouse.address)
    write_output(tmp_path / "other", STORIES, [7])
    with pytest.raises(DestinationError, match="from another output.*give --full"):
        load(tmp_path / "other", warehouse.address, 2)
    assert warehouse.rows("runs")["run_id"].to_pylist() == ["run-1"]
    load(tmp_path / "other", warehouse.address, 3, full=True)
    assert warehouse.rows("runs")["run_id"].to_pylist() == ["run-7"]


@pytest.mark.parametrize("kind", ["duckdb", "iceberg"])
def test_a_path_with_spaces_and_other_letters_is_taken_as_it_is(kind: str, output: Path, tmp_path: Path) -> None:
    folder = tmp_path / "我的 news"
    folder.mkdir()
    warehouse = Warehouse(kind, f"{kind}:///{folder / 'x y'}")
    load(output, warehouse.address)
    assert load(output, warehouse.address, 2).changed == 0
    assert warehouse.rows("articles").num_rows == 2
    assert {path.name for path in tmp_path.iterdir()} == {"out", folder.name}


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("duckdb:///:memory:", "names no file"), ("duckdb:///{}/", "names no file"), ("duckdb:///{}", "names no file"),
        ("duckdb:///{}/nowhere/x.duckdb", "no such folder"), ("iceberg:///{}/file", "this is a file"),
        ("iceberg:///{}/a#b", "takes no"), ("duckdb:///{}/out/x.duckdb", "lies in the output's folder"),
        ("iceberg:///{}/out/articles", "lies in the output's folder"),
    ],
)  # fmt: skip
def test_a_place_that_can_hold_no_tables_is_refused(address: str, what: str, output: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(DestinationError, match=what):
        load(output, address.format(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == before


def test_an_iceberg_folder_that_was_moved_is_refused(output: Path, tmp_path: Path) -> None:
    load(output, f"iceberg:///{tmp_path / 'lake'}")
    (tmp_path / "lake").rename(tmp_path / "moved")
    with pytest.raises(DestinationError, match="the folder was moved.*move it back"):
        load(output, f"iceberg:///{tmp_path / 'moved'}", 2)
    (tmp_path / "moved").rename(tmp_path / "lake")
    assert load(output, f"iceberg:///{tmp_path / 'lake'}", 3).changed == 0
    (tmp_path / "lake" / "catalog.db").unlink()
    with pytest.raises(DestinationError, match="no catalog"):
        load(output, f"iceberg:///{tmp_path / 'lake'}", 4)
