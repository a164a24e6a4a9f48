"""Search by the index beside full scans by polars and DuckDB, over a million paragraphs; needs ../shared.

usage: python -m benchmarks.search_bench [--copies N] [--phrases N]

The archive is the corpus of real articles, copied with other addresses and dates, and with a part of the ideographs
changed for others that are as frequent, so that each copy has words of its own. Phrases are drawn from its texts, half
of them from ideographs and half from other letters. Prints Markdown and exits with 1 where a bound is missed.
Everything it writes is in `.bench`; archive and output are made once and kept.
"""

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

import duckdb
import polars as pl

import pressmark
from benchmarks.bench import PRESSMARK, WORK, Bound, fresh, print_bounds, run
from pressmark.storage.search_index import load_folding

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "comment"
COPIES, PHRASES, LONGEST = 24, 4, 12
MONTH_MS = 31 * 86_400_000
KEPT = frozenset("年月日时時分")  # of datelines
CHANGED, ALIKE = 0.3, 50
TABLES = ("articles", "paragraphs", "media", "revisions", "rejects")


def grow(copies: int, folder: Path) -> None:
    """Write the corpus `copies` times."""
    sources = {path: path.read_text("utf-8", errors="replace") for path in sorted(CORPUS.rglob("*")) if path.is_file()}
    frequent = Counter("".join(sources.values()))
    ideographs = [one for one, _ in frequent.most_common() if "\u4e00" <= one <= "\u9fff" and one not in KEPT]
    for number in range(copies):
        random = Random(number)
        chosen = [at for at in range(len(ideographs)) if random.random() < CHANGED] if number else []
        parts = [chosen[start : start + ALIKE] for start in range(0, len(chosen), ALIKE)]
        moved = [at for part in parts for at in random.sample(part, len(part))]
        table = {ord(ideographs[one]): ideographs[other] for one, other in zip(chosen, moved, strict=True)}
        for path, text in sources.items():
            head, line, rest = text.partition("\n------")
            head = re.sub(r"^<!--(\d+)", lambda found, back=number: f"<!--{int(found[1]) - back * MONTH_MS}", head)
            head = re.sub(r"\)$", f"?copy={number})", head)
            target = folder / str(number) / path.relative_to(CORPUS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"{head}{line}{rest}".translate(table), "utf-8")


def drawn(texts: pl.Series, count: int) -> list[str]:
    """Phrases of 1 to 12 characters, half of them beginning with an ideograph, half with another letter."""
    random, found = Random(1), []
    for length in range(1, LONGEST + 1):
        for number in range(count):
            letters = r"[^\W\u2e80-\uffff\d_]" if number % 2 else r"[\u4e00-\u9fff]"
            while True:
                text = texts[random.randrange(len(texts))]
                places = [one.start() for one in re.finditer(letters, text) if one.start() + length <= len(text)]
                if places and not set(part := text[(at := random.choice(places)) : at + length]) & set('"“”\n'):
                    found.append(part)
                    break
    return found


def size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--phrases", type=int, default=PHRASES)
    arguments = parser.parse_args()
    archive, output = WORK / f"search-{arguments.copies}", WORK / f"search-output-{arguments.copies}"
    if not archive.exists():
        grow(arguments.copies, archive.with_suffix(".new"))
        archive.with_suffix(".new").rename(archive)
    if not output.exists():
        run([PRESSMARK, "ingest", str(archive), str(output)], sample=False)
    fresh(output / ".pressmark" / "search")
    build = run([PRESSMARK, "index", str(output)], sample=False).seconds
    again = run([PRESSMARK, "index", str(output)], sample=False).seconds
    command = run([PRESSMARK, "search", "的", str(output)], sample=False).seconds
    tables, index = sum(size(output / name) for name in TABLES), size(output / ".pressmark" / "search")
    fold = load_folding()
    with pressmark.open(output) as dataset:
        rows = dataset.paragraphs.select("paragraph_id", "text").collect()
        folded = pl.Series("\0".join(rows["text"]).translate(fold.table).split("\0"))
        phrases = drawn(rows["text"], arguments.phrases)
        took = dataset.runs.select(pl.col("finished_at") - pl.col("started_at")).collect().to_series()
        ingest = took.sum().total_seconds()
        dataset.search("*")
        times: dict[int, list[float]] = {}
        scans: dict[str, list[float]] = {"polars": [], "DuckDB": []}
        missed = wrong = 0
        for number, phrase in enumerate(phrases):
            started = time.perf_counter()
            dataset.search(f'"{phrase}"')
            times.setdefault(len(phrase), []).append(time.perf_counter() - started)
            plain = re.sub(" +", " ", fold.fold(phrase))
            truth = set(rows["paragraph_id"].filter(folded.str.contains(plain, literal=True)))
            found = set(dataset.search(f'"{phrase}"', limit=None, superseded=False)["paragraph_id"])
            missed, wrong = missed + len(truth - found), wrong + len(found - truth)
            if number % (2 * arguments.phrases) == 0:
                pattern = fold.pattern(plain)
                started = time.perf_counter()
                dataset.paragraphs.filter(pl.col("text").str.contains(pattern)).select("paragraph_id").collect()
                scans["polars"].append(time.perf_counter() - started)
                started = time.perf_counter()
                glob = f"{output}/paragraphs/**/*.parquet"
                query = "SELECT paragraph_id FROM read_parquet(?) WHERE regexp_matches(text, ?)"
                duckdb.execute(query, [glob, pattern]).fetchall()
                scans["DuckDB"].append(time.perf_counter() - started)
    every = [one for some in times.values() for one in some]
    print(f"{rows.height} paragraphs, {tables:.0f} MB of tables, {len(phrases)} phrases\n")
    print("| what | |\n|---|---:|")
    print(f"| ingest | {ingest:.1f} s |\n| index, first | {build:.1f} s |\n| index, nothing new | {again:.1f} s |")
    print(f"| index, size | {index:.0f} MB, {index / tables:.0%} of the tables |")
    print(f"| a phrase, the first 100 hits: median, slowest | {median(every):.3f} s, {max(every):.3f} s |")
    print(f"| `pressmark search`, whole command | {command:.1f} s |")
    for name, taken in scans.items():
        print(f"| full scan by {name}, median | {median(taken):.2f} s |")
    print(f"| hits missed, hits too many | {missed}, {wrong} |\n")
    print("| characters | median, s | slowest, s |\n|---:|---:|---:|")
    for length, taken in times.items():
        print(f"| {length} | {median(taken):.3f} | {max(taken):.3f} |")
    print()
    bounds = [
        Bound("a phrase, median, s", median(every), 0.3), Bound("index / tables", index / tables, 0.6),
        Bound("index / ingest, time", build / ingest, 1.0), Bound("hits missed or too many", missed + wrong, 0),
    ]  # fmt: skip
    print_bounds(bounds)
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
