"""Pressmark beside the bare floor, the script most people would write, and peers: whole processes, medians, one run.

usage: bench.py [--rounds N] [--corpus FOLDER] [--peers PYTHON]

Prints a Markdown table with wall time, peak memory of the process tree (PSS, sampled) and the ratio to the floor, and
exits with 1 where a bound is missed. Peers are measured where the Python that `--peers` names has them; their extra is
`pressmark[peers]`. Everything it writes is in `.bench`.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".bench"
PRESSMARK = str(Path(sys.executable).with_name("pressmark"))
SAMPLE_S = 0.01
# What takes long is measured no more often than this.
SLOW_ROUNDS = 3
PEERS = {"trafilatura": ("trafilatura",), "datatrove": ("datatrove", "trafilatura")}
FLOOR, SOUP = "bare floor, 1 process", "Beautiful Soup script, 2 processes"
COLD, SAME, FEW, TEN = (
    f"pressmark, {what}" for what in ("first run", "nothing changed", "20 new files", "ten times the archive")
)


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


def without_peers(python: str) -> dict[str, str]:
    """The peers that a Python can't run, each with the reason."""
    missing = {}
    for peer, modules in PEERS.items():
        imports = subprocess.run(
            [python, "-c", f"import {', '.join(modules)}"], capture_output=True, text=True, check=False
        )
        if imports.returncode:
            missing[peer] = (imports.stderr.strip().splitlines() or ["it can't be imported"])[-1]
    return missing


def compare(corpus: Path, rounds: int, python: str, missing: dict[str, str]) -> tuple[dict[str, Measure], list[Bound]]:
    """Medians and peaks by name, and the bounds."""
    archive, grown, tenfold = WORK / "archive", WORK / "grown", WORK / "tenfold"
    for folder in (archive, grown, tenfold):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(corpus, archive)
    paths = sorted(archive.rglob("*.md"))
    held_back = paths[:: max(len(paths) // 20, 1)][:20]
    shutil.copytree(archive, grown)
    copy_times(archive, tenfold, 10)

    output = WORK / "output"
    new_files = {grown / path.relative_to(archive): path for path in held_back}

    def script(name: str, python: str) -> Callable[[], list[str]]:
        return lambda: [python, str(HERE / f"{name}.py"), str(archive), fresh(WORK / name)]

    commands: dict[str, Callable[[], list[str]]] = {
        FLOOR: script("floor", sys.executable),
        SOUP: script("soup", sys.executable),
        **{f"{peer}, 2 processes": script(f"{peer}_peer", python) for peer in PEERS if peer not in missing},
        COLD: lambda: [PRESSMARK, "ingest", str(archive), fresh(output)],
        SAME: lambda: [PRESSMARK, "ingest", str(archive), str(output)],
        FEW: lambda: [PRESSMARK, "ingest", str(grown), ingested_before(grown, new_files)],
        TEN: lambda: [PRESSMARK, "ingest", str(tenfold), fresh(WORK / "tenfold-output")],
    }
    times: dict[str, list[Measure]] = {name: [] for name in commands}
    peaks: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, command in commands.items():
            if number > SLOW_ROUNDS and (name == TEN or name.partition(",")[0] in PEERS):
                continue
            # The first round measures memory, which slows it, and warms the page cache.
            measure = run(command(), sample=number == 0)
            if number == 0:
                peaks[name] = measure.peak_mb
            else:
                times[name].append(measure)
            print(f"  round {number}: {name}: {measure.seconds:.2f} s", file=sys.stderr)
    found = {name: Measure(median(times[name]), peaks[name]) for name in commands}
    return found, bounds_of({name: measure.seconds for name, measure in found.items()})


def bounds_of(seconds: dict[str, float]) -> list[Bound]:
    """The bounds, as ratios of one run."""
    floor, cold = seconds[FLOOR], seconds[COLD]
    peers = [
        Bound(f"{name.partition(',')[0]} / first run", taken / cold, 5.0, at_least=True)
        for name, taken in seconds.items()
        if name.partition(",")[0] in PEERS
    ]
    return [
        Bound("first run / floor", cold / floor, 2.2),
        Bound("Beautiful Soup script / first run", seconds[SOUP] / cold, 1.8, at_least=True),
        *peers,
        Bound("nothing changed / floor", seconds[SAME] / floor, 0.8),
        Bound("20 new files / floor", seconds[FEW] / floor, 1.2),
    ]


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


def print_bounds(bounds: list[Bound]) -> None:
    """The table of bounds."""
    print("\n| bound | found | limit | |\n|---|---:|---:|---|")
    for bound in bounds:
        sign = "≥" if bound.at_least else "≤"
        print(f"| {bound.name} | {bound.found:.2f} | {sign} {bound.limit:g} | {'holds' if bound.holds else 'MISSED'} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus", type=Path, default=HERE.parent.parent / "shared" / "corpus" / "comment")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="a Python that has the peers")
    arguments = parser.parse_args()
    if not arguments.corpus.is_dir():
        print(f"the bench needs an archive; `{arguments.corpus}` is not there, name one with --corpus", file=sys.stderr)
        return 2
    missing = without_peers(arguments.peers)
    found, bounds = compare(arguments.corpus, arguments.rounds, arguments.peers, missing)
    floor = found[FLOOR].seconds
    print("| whole process | wall s | times the floor | peak MB |\n|---|---:|---:|---:|")
    for name, (seconds, peak) in found.items():
        print(f"| {name} | {seconds:.2f} | {seconds / floor:.2f} | {peak:.0f} |")
    for peer, reason in missing.items():
        print(f"\n{peer} was left out: {reason}; install `pressmark[peers]`, see `make bench-peers`")
    print_bounds(bounds)
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
