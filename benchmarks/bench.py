"""Pressmark beside the bare floor and the script most people would write: whole processes, medians, one run.

usage: bench.py [--rounds N] [--corpus FOLDER]

Prints a Markdown table with wall time, peak memory of the process tree (PSS, sampled) and the ratio to the floor, and
exits with 1 where a bound is missed. Everything it writes lies in `.bench`.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".bench"
PRESSMARK = str(Path(sys.executable).with_name("pressmark"))
SAMPLE_S = 0.01


class Measure(NamedTuple):
    seconds: float
    peak_mb: float


class Bound(NamedTuple):
    name: str
    found: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.found >= self.limit if self.at_least else self.found <= self.limit


def run(command: list[str], *, sample: bool) -> Measure:
    """Wall time of a command; with `sample`, the peak of the memory of its process tree instead of a clean time."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(process.pid, peak))
    if sample:
        watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    if sample:
        watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return Measure(seconds, peak[0])


def watch(pid: int, peak: list[float]) -> None:
    """Keep the highest sum of proportional set sizes of a process and its descendants."""
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(SAMPLE_S)
    except psutil.NoSuchProcess:
        return


def copy_times(source: Path, target: Path, times: int) -> None:
    """Copy an archive several times, each copy under other URLs."""
    for number in range(times):
        for path in source.rglob("*.md"):
            copy = target / f"copy-{number}" / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(readdressed(path.read_bytes(), number))


def readdressed(data: bytes, number: int) -> bytes:
    """A source whose URL says which copy it is."""
    head, found, rest = data.partition(b")\n---")
    return head + b"?copy=%d" % number + found + rest if found else data


def median(measures: list[Measure]) -> float:
    return statistics.median(measure.seconds for measure in measures)


def fresh(folder: Path) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    return str(folder)


def compare(corpus: Path, rounds: int) -> tuple[list[tuple[str, float, float]], list[Bound]]:
    archive = WORK / "archive"
    grown = WORK / "grown"
    tenfold = WORK / "tenfold"
    for folder in (archive, grown, tenfold):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(corpus, archive)
    paths = sorted(archive.rglob("*.md"))
    held_back = paths[:: max(len(paths) // 20, 1)][:20]
    shutil.copytree(archive, grown)
    copy_times(archive, tenfold, 10)

    output = WORK / "output"
    new_files = {grown / path.relative_to(archive): path for path in held_back}
    commands = {
        "bare floor, 1 process": lambda: [sys.executable, str(HERE / "floor.py"), str(archive), fresh(WORK / "floor")],
        "Beautiful Soup script, 2 processes": lambda: [
            sys.executable,
            str(HERE / "soup.py"),
            str(archive),
            fresh(WORK / "soup"),
        ],
        "pressmark, first run": lambda: [PRESSMARK, "ingest", str(archive), fresh(output)],
        "pressmark, nothing changed": lambda: [PRESSMARK, "ingest", str(archive), str(output)],
        "pressmark, 20 new files": lambda: [PRESSMARK, "ingest", str(grown), ingested_before(grown, new_files)],
        "pressmark, ten times the archive": lambda: [PRESSMARK, "ingest", str(tenfold), fresh(WORK / "tenfold-output")],
    }
    times: dict[str, list[Measure]] = {name: [] for name in commands}
    peaks: dict[str, float] = {}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            if round_number and "ten times" in name and round_number > 3:
                continue
            # The first round measures memory, which slows it, and warms the page cache.
            measure = run(command(), sample=round_number == 0)
            if round_number == 0:
                peaks[name] = measure.peak_mb
            else:
                times[name].append(measure)
            print(f"  round {round_number}: {name}: {measure.seconds:.2f} s", file=sys.stderr)
    rows = [(name, median(times[name]), peaks[name]) for name in commands]
    floor, soup, cold, same, few, ten = (seconds for _, seconds, _ in rows)
    cold_mb, ten_mb = rows[2][2], rows[5][2]
    bounds = [
        Bound("first run / floor", cold / floor, 1.5),
        Bound("Beautiful Soup script / first run", soup / cold, 2.5, at_least=True),
        Bound("peak memory of the first run, MB", cold_mb, 400),
        Bound("nothing changed / floor", same / floor, 0.6),
        Bound("20 new files / floor", few / floor, 1.0),
        Bound("ten times the archive / first run", ten / cold, 10.5),
        Bound("peak memory, ten times / first run", ten_mb / cold_mb, 1.3),
    ]
    return rows, bounds


def ingested_before(archive: Path, new_files: dict[Path, Path]) -> str:
    """The output of an archive as it was before some files came to it; they come now."""
    for path in new_files:
        path.unlink()
    output = fresh(WORK / "next")
    subprocess.run(
        [PRESSMARK, "ingest", str(archive), output], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for path, content in new_files.items():
        shutil.copy(content, path)
    return output


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus", type=Path, default=HERE.parent.parent / "shared" / "corpus" / "comment")
    arguments = parser.parse_args()
    if not arguments.corpus.is_dir():
        print(f"the bench needs an archive; `{arguments.corpus}` is not there, name one with --corpus", file=sys.stderr)
        return 2
    rows, bounds = compare(arguments.corpus, arguments.rounds)
    floor = rows[0][1]
    print("| whole process | wall s | times the floor | peak MB |\n|---|---:|---:|---:|")
    for name, seconds, peak in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / floor:.2f} | {peak:.0f} |")
    print("\n| bound | found | limit | |\n|---|---:|---:|---|")
    for bound in bounds:
        sign = "≥" if bound.at_least else "≤"
        print(f"| {bound.name} | {bound.found:.2f} | {sign} {bound.limit:g} | {'holds' if bound.holds else 'MISSED'} |")
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
