"""Kills loads at random moments and looks at what they left: the old state, the new one, or anything else.

usage: PYTHONPATH=tests python -m benchmarks.kills [--kills N]

Loads one small output, then an edited one, in turn; a load is killed after a random part of its usual time. Prints a
table per destination and exits with 1 where a reader could have seen anything but the old state or the new.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archives import ROOT, ingest
from destinations import KINDS, Warehouse, load, new_database, postgresql_server

TABLES = ("articles", "paragraphs", "links", "revisions", "rejects", "runs", "_pressmark_loads")


def content(warehouse: Warehouse) -> str:
    """All rows but those of the log's columns that each load makes anew."""
    rows = []
    for table in TABLES:
        found = warehouse.rows(table)
        kept = [name for name in found.column_names if name not in ("load_id", "loaded_at")]
        if table == "_pressmark_loads":
            found = found.select(["table_name", "partition", "source_digest"]).slice(0, 0)
            kept = found.column_names
        rows.append(sorted(map(repr, found.select(kept).to_pylist())))
    return repr(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    broken = 0
    print("| destination | kills | left the old state | left the new state | left anything else |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="kills") as home, postgresql_server(Path(home) / "pg") as server:
        first, second = Path(home) / "first", Path(home) / "second"
        ingest(ROOT / "seeds", first)
        subprocess.run(["cp", "-r", str(first), str(second)], check=True)
        edited = Path(home) / "edited"
        subprocess.run(["cp", "-r", str(ROOT / "seeds"), str(edited)], check=True)
        for path in sorted(edited.rglob("*.txt"))[:6]:
            path.write_bytes(path.read_bytes() + "<p>补记。</p>\n".encode())
        ingest(edited, second, 2, archive="seeds")
        for kind in KINDS:
            if kind == "postgresql":
                warehouse = Warehouse(kind, new_database(server, "kills"))
            else:
                warehouse = Warehouse(kind, f"{kind}:///{home}/{kind}")
            broken += campaign(warehouse, first, second, arguments.kills)
    return int(broken > 0)


def campaign(warehouse: Warehouse, first: Path, second: Path, kills: int) -> int:
    states, times = {}, []
    for output in (first, second, first):
        started = time.perf_counter()
        command = [sys.executable, "-m", "pressmark.flows.cli", "load", str(output), warehouse.address]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
        states[output] = content(warehouse)
    left = {"old": 0, "new": 0, "else": 0}
    old, new = first, second
    for number in range(kills):
        command = [sys.executable, "-m", "pressmark.flows.cli", "load", str(new), warehouse.address]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.Random(number).uniform(0.1, 1.05) * times[-1])
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = content(warehouse)
        what = next((name for name, state in (("old", old), ("new", new)) if states[state] == found), "else")
        left[what] += 1
        load(new, warehouse.address, 1000 + number)
        if content(warehouse) != states[new]:
            left["else"] += 1
        old, new = new, old
    print(f"| {warehouse.kind} | {kills} | {left['old']} | {left['new']} | {left['else']} |", flush=True)
    return left["else"]


if __name__ == "__main__":
    sys.exit(main())
