"""A generated archive as a folder and as a git repository, with and without its history: whole processes, one run.

usage: python -m benchmarks.history_bench [--articles N] [--rounds N]

Prints Markdown tables with wall time, documents per second and peak memory of the process tree (PSS, sampled), and with
what the history holds beside the archive's ledger. Exits with 1 where a bound is missed or the two differ. Everything
it writes lies in `.bench`; the archive is made once and kept.
"""

import argparse
import shutil
import sys

from benchmarks.bench import PRESSMARK, WORK, Bound, Measure, fresh, median, run
from benchmarks.generate import ARCHIVE, LEDGER, append, export_head, generate, read_ledger
from benchmarks.history_check import report

NEW = 20
# The ledger has a row for each path at which a file was.
EVERY_PATH = ("--history", "--moves")


def compare(articles: int, rounds: int) -> tuple[list[tuple[str, float, float, float]], list[Bound]]:
    place = WORK / f"generated-{articles}"
    repository, folder = place / ARCHIVE, place / "folder"
    if not folder.exists():
        shutil.rmtree(place, ignore_errors=True)
        generate(articles, place)
        export_head(repository, folder)
    ledger = read_ledger(place / LEDGER)
    sources = ledger.totals.head_files
    blobs = len(ledger.stretches)

    def ingest(source: object, output: str, *options: str) -> list[str]:
        return [PRESSMARK, "ingest", *options, str(source), output]

    commands = {
        "folder, first run": (lambda: ingest(folder, fresh(WORK / "of-folder")), sources),
        "git, first run": (lambda: ingest(repository, fresh(WORK / "of-git")), sources),
        "git, first run with `--history`": (lambda: ingest(repository, fresh(WORK / "of-history"), *EVERY_PATH), blobs),
        "git, nothing changed": (lambda: ingest(repository, str(WORK / "of-git")), sources),
    }
    times: dict[str, list[Measure]] = {name: [] for name in commands}
    peaks: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, (command, _) in commands.items():
            # The first round measures memory, which slows it, and warms the page cache.
            measure = run(command(), sample=number == 0)
            if number:
                times[name].append(measure)
            else:
                peaks[name] = measure.peak_mb
    # Times of the run after one commit, beside those of a program that only starts.
    grown = WORK / "generated-grown"
    shutil.rmtree(grown, ignore_errors=True)
    shutil.copytree(place, grown, ignore=lambda *_: ["folder"])
    base, output = WORK / "of-grown", WORK / "of-grown-next"
    run(ingest(grown / ARCHIVE, fresh(base)), sample=False)
    append(grown, NEW, seed=2)
    start, increments = [], []
    for _ in range(rounds):
        start.append(run([PRESSMARK, "--version"], sample=False))
        fresh(output)
        shutil.copytree(base, output, copy_function=shutil.copy)
        increments.append(run(ingest(grown / ARCHIVE, str(output)), sample=False))
    rows = [
        (name, median(times[name]), count / median(times[name]), peaks[name]) for name, (_, count) in commands.items()
    ]
    rows.append((f"git, one commit with {NEW} articles", median(increments), NEW / median(increments), 0.0))
    rows.append(("`pressmark --version`", median(start), 0.0, 0.0))
    rate = {name: rate for name, _, rate, _ in rows}
    bounds = [
        Bound("docs/s, git / folder", rate["git, first run"] / rate["folder, first run"], 0.6, at_least=True),
        Bound("cost per blob, history / plain", rate["git, first run"] / rate["git, first run with `--history`"], 1.3),
        Bound("peak memory with history, MB", peaks["git, first run with `--history`"], 600),
        Bound(f"{NEW} new articles, seconds more than a start", median(increments) - median(start), 1.5),
    ]
    return rows, bounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    rows, bounds = compare(arguments.articles, arguments.rounds)
    print("| what | wall s | docs/s | peak MB |\n|---|---:|---:|---:|")
    for name, seconds, rate, peak in rows:
        print(f"| {name} | {seconds:.2f} | {rate:,.0f} | {peak:.0f} |" if rate else f"| {name} | {seconds:.2f} | | |")
    print("\n| bound | found | limit | |\n|---|---:|---:|---|")
    for bound in bounds:
        sign = ">=" if bound.at_least else "<="
        print(f"| {bound.name} | {bound.found:.2f} | {sign} {bound.limit} | {'holds' if bound.holds else 'MISSED'} |")
    print()
    faithful = report(WORK / "of-history", read_ledger(WORK / f"generated-{arguments.articles}" / LEDGER))
    return 0 if faithful and all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
