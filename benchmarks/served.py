"""A schedule in fast motion: `pressmark serve` every ten seconds, killed in all its parts while the archive grows.

Whatever ends is started again, as systemd does. At the end `verify` must pass, every article must be in the output and
in the destination, and no run, slot or process may be left.

usage: python -m benchmarks.served [--runs N] [--kill-every N] [--minutes M] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import psutil

INTERVAL_S = 10
LONGEST_S = 600
TARGETS = ("server", "serve", "run")
ARTICLE = "<!--16500{number:05}000-->\n[第{number}篇](https://songling-times.example/{number})\n------\n\n<p>第{number}篇。</p>\n"


class Served:
    """`pressmark serve`, started again whenever it ends, and the archive that it ingests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.archive, self.output = folder, folder / "archive", folder / "out"
        self.articles = 0
        self.starts: list[int] = []
        (folder / "archive").mkdir()
        self.grow()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pressmark.flows.cli", "serve", str(self.archive), str(self.output),
                   f"duckdb:///{self.folder}/news.duckdb", "--interval", str(INTERVAL_S), "--workers", "1"]  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PRESSMARK_"))}
        environment = {**kept, "PREFECT_HOME": str(self.folder / "prefect"), "PYTHONUNBUFFERED": "1"}
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def log(self) -> str:
        """All that was printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def runs(self) -> int:
        """How many ingests came to their end."""
        return self.log().count("Z  ingest  ")

    def look(self) -> None:
        """Start it again where it has ended."""
        if self.process.poll() is not None:
            self.starts.append(self.process.returncode)
            time.sleep(1)
            self.process = self._start()

    def grow(self) -> None:
        """One more article."""
        self.articles += 1
        (self.archive / f"{self.articles}.md").write_text(ARTICLE.format(number=self.articles))

    def kill(self, target: str) -> bool:
        """Kill the server, the process that serves, or a run; whether there was one."""
        # What ends while it is looked at is no longer there to be killed.
        with contextlib.suppress(psutil.NoSuchProcess):
            found = [psutil.Process(self.process.pid)]
            if target != "serve":
                word = "pressmark.flows.server" if target == "server" else "prefect.engine"
                found = [child for child in found[0].children() if word in child.cmdline()]
            for process in found[:1]:
                process.kill()
            return bool(found)
        return False

    def wait_for_run(self, count: int) -> float:
        """Seconds until so many ingests have ended; the archive grows meanwhile."""
        began = grown = time.monotonic()
        while self.runs() < count:
            now = time.monotonic()
            if now - began > LONGEST_S:
                raise SystemExit(f"no run in {LONGEST_S} s; the log's end:\n{self.log()[-2000:]}")
            if now - grown > INTERVAL_S:
                self.grow()
                grown = now
            self.look()
            time.sleep(0.3)
        return time.monotonic() - began

    def stop(self) -> float:
        """End it with SIGTERM; the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LONGEST_S)
        return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, metavar="N", help="ingests that come to their end [300]")
    parser.add_argument("--kill-every", type=int, default=3, metavar="N", help="a kill after every N of them [3]")
    parser.add_argument("--minutes", type=float, default=600, metavar="M", help="begin no other kill after these [600]")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work here and leave it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="served") as place:
        folder = arguments.keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        return campaign(Served(folder), arguments.runs, arguments.kill_every, arguments.minutes)


def campaign(served: Served, runs: int, kill_every: int, minutes: float) -> int:
    """Kill one part after another until there were so many runs, and look at what is left; the exit code."""
    chooser, targets = random.Random(1), itertools.cycle(TARGETS)
    until_s = time.monotonic() + minutes * 60
    served.wait_for_run(1)
    waits: dict[str, list[float]] = {target: [] for target in ("none", *TARGETS)}
    while served.runs() < runs and time.monotonic() < until_s:
        for _ in range(kill_every):
            waits["none"].append(served.wait_for_run(served.runs() + 1))
        target = next(targets)
        until = time.monotonic() + chooser.uniform(0, 2 * INTERVAL_S)
        while time.monotonic() < until or not served.kill(target):
            time.sleep(0.05)
        waits[target].append(served.wait_for_run(served.runs() + 1))
        print(f"{served.runs()} runs, {served.articles} articles; killed {target}: "
              f"the next run ended {waits[target][-1]:.0f} s later", flush=True)  # fmt: skip
    # The last articles, and the load that follows.
    served.wait_for_run(served.runs() + 2)
    deadline = time.monotonic() + LONGEST_S
    while lost := missing(served):
        if time.monotonic() > deadline:
            break
        time.sleep(INTERVAL_S)
    stopped_s = served.stop()
    problems = [*lost, *left(served)]
    print("\n| killed | times | s until the next run has ended, median | longest |\n|---|---:|---:|---:|")
    for target, seconds in waits.items():
        if seconds:
            print(f"| {target} | {len(seconds)} | {statistics.median(seconds):.0f} | {max(seconds):.0f} |")
    kinds = ", ".join(f"{code}: {times}" for code, times in sorted(Counter(served.starts).items()))
    print(f"\n{served.runs()} runs, {served.articles} articles, {len(served.starts)} starts again (codes {kinds}); "
          f"SIGTERM took {stopped_s:.0f} s; {len(problems)} problems")  # fmt: skip
    print("\n".join(problems))
    return int(bool(problems))


def missing(served: Served) -> list[str]:
    """Articles that are not in the output, or not in the destination."""
    expected = {f"{number}.md" for number in range(1, served.articles + 1)}
    found = set(pl.read_parquet(served.output / "articles", columns=["source_path"])["source_path"])
    try:
        with duckdb.connect(str(served.folder / "news.duckdb"), read_only=True) as database:
            loaded = {path for (path,) in database.execute("SELECT source_path FROM articles").fetchall()}
    except duckdb.Error:
        loaded = set()
    lines = {"output": expected - found, "destination": expected - loaded}
    return [f"{len(paths)} articles are not in the {where}" for where, paths in lines.items() if paths]


def left(served: Served) -> list[str]:
    """What a stopped schedule must not leave."""
    command = [sys.executable, "-m", "pressmark.flows.cli", "verify", str(served.output), str(served.archive)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    problems = [] if verified.returncode == 0 else [f"verify: {verified.stdout}{verified.stderr}"]
    with sqlite3.connect(f"file:{served.folder}/prefect/prefect.db?mode=ro", uri=True) as database:
        for name, state in database.execute(
            "SELECT name, state_name FROM flow_run WHERE state_type IN ('RUNNING', 'PENDING', 'CANCELLING')"
        ):
            problems.append(f"run `{name}` is {state}")
        for name, slots in database.execute(
            "SELECT name, active_slots FROM concurrency_limit_v2 WHERE active_slots > 0"
        ):
            problems.append(f"{slots} slots of {name} are held")
    if re.search(r"^Traceback|^  File ", served.log(), re.MULTILINE):
        problems.append("the log has a traceback")
    word = str(served.folder / "prefect").encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word in (process / "environ").read_bytes():
                problems.append(f"process {process.name} is left: {(process / 'cmdline').read_text()[:100]}")
        except OSError:
            continue
    return problems


if __name__ == "__main__":
    sys.exit(main())
