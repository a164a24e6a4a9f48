"""A load that is killed anywhere leaves the old state or the new one, and the next load brings the new one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from copies import InCopy, copies_of
from destinations import Warehouse, load
from written_outputs import Story, write_output

from pressmark.warehouses.relations import LOADS

pytestmark = pytest.mark.slow

# Loads, and ends at a point: the Nth call of a step of the destination, or just after the commit.
KILLED = """
import signal
from destinations import load
from pathlib import Path
from pressmark.warehouses.address import parse_address
from pressmark.warehouses.destination import open_destination
import adbc_driver_postgresql.dbapi, duckdb, polars, pressmark.warehouses.duckdb, pressmark.warehouses.iceberg

def end():
    os.kill(os.getpid(), signal.SIGKILL)

def work(output, address, step, number):
    kind = type(open_destination(parse_address(address)))
    calls = 0
    def counted(original):
        def call(self, *arguments):
            nonlocal calls
            calls += 1
            if calls == int(number):
                end()
            return original(self, *arguments)
        return call
    if step == "committed":
        kind.__exit__ = lambda self, *details: end()
    else:
        setattr(kind, step, counted(getattr(kind, step)))
    load(Path(output), address, 2)
"""
# `make kills` ends loads at random moments too.
POINTS = [("replace", 3), ("committed", 1)]


@pytest.fixture(scope="module")
def killed() -> Iterator[InCopy]:
    with copies_of(KILLED) as in_copy:
        yield in_copy


@pytest.mark.parametrize(("step", "number"), POINTS, ids=[f"{step}-{number}" for step, number in POINTS])
def test_a_killed_load_leaves_the_old_state_or_the_new(
    warehouse: Warehouse, killed: InCopy, tmp_path: Path, step: str, number: int
) -> None:
    output = write_output(tmp_path / "out", [Story("1", "2022-01-04"), Story("2", "2022-02-04")])
    load(output, warehouse.address)
    old = content(warehouse)
    changed = [Story("2", "2022-02-04", ("改。",)), Story("3", "2022-03-04")]
    write_output(output, changed, 2, revisions=[Story("1", "2022-01-04")])

    assert killed(output, warehouse.address, step, number) == ("", signal.SIGKILL)
    left = content(warehouse)
    report = load(output, warehouse.address, 3)
    new = content(warehouse)
    assert old != new
    assert left == (new if step == "committed" else old)
    assert (report.changed == 0) == (step == "committed")
    assert not any(name.startswith("_pressmark_staging") for name in warehouse.tables())


def content(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    """What a reader sees: ids and texts, and which partitions were loaded."""
    columns = {
        "articles": ("article_id", "month", "text"),
        "paragraphs": ("paragraph_id", "month", "text"),
        "revisions": ("source_path", "source_sha256"),
        "runs": ("run_id",),
        LOADS.name: ("table_name", "partition", "checksum"),
    }
    return {
        table: sorted(zip(*(warehouse.rows(table)[name].to_pylist() for name in names), strict=True))
        for table, names in columns.items()
    }
