"""What canonical addresses join: of all addresses of outputs' articles and links, how many change, by what, and how
many are joined that differ in more than scheme and fragment.

    python -m benchmarks.addresses OUTPUT... [--show N]

Prints Markdown tables; with `--show` as many joined groups, drawn at random, to read by eye.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import polars as pl

from pressmark.transforms.identity import canonical_url

# What tells that a step changed an address: on it as found, and as it is canonical.
STEPS = {
    "`http`": lambda found, _: found.scheme.lower() == "http",
    "fragment": lambda found, _: bool(found.fragment),
    "order of the query": lambda found, _: found.query.split("&") != sorted(found.query.split("&"), key=_name),
    "parameters taken out": lambda found, canonical: bool(_names(found) - _names(canonical)),
    "characters outside ASCII": lambda found, _: not (found.path + found.query).isascii(),
    "lower-case escapes": lambda found, _: re.search(r"%(?:[a-f]|.[a-f])", found.path + found.query) is not None,
    "host or port": lambda found, canonical: found.netloc.lower() != canonical.netloc,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", nargs="+", type=Path, metavar="OUTPUT")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="joined groups to print [0]")
    arguments = parser.parse_args()
    addresses = {address for output in arguments.outputs for address in addresses_of(output)}
    groups: dict[str, list[str]] = defaultdict(list)
    steps: Counter[str] = Counter()
    for address in sorted(addresses):
        if canonical := canonical_url(address):
            groups[canonical].append(address)
            found = urlsplit(address)
            steps.update(step for step, changed in STEPS.items() if changed(found, urlsplit(canonical)))
    joined = [found for found in groups.values() if len({_bare(address) for address in found}) > 1]
    print("| addresses | canonical | none | joined, but for scheme and fragment | of these addresses |")
    print(f"|---:|---:|---:|---:|---:|\n| {len(addresses):,} | {len(groups):,} |", end=" ")
    print(f"{len(addresses) - sum(map(len, groups.values())):,} | {len(joined):,} | {sum(map(len, joined)):,} |\n")
    print("| step | addresses |\n|---|---:|")
    print("\n".join(f"| {step} | {count:,} |" for step, count in steps.most_common()))
    for found in random.Random(0).sample(joined, min(arguments.show, len(joined))):
        print("", *found, sep="\n")


def addresses_of(output: Path) -> Iterable[str]:
    """The web addresses of an output's articles, and those that their links lead to."""
    yield from pl.read_parquet(output / "articles/**/*.parquet", columns=["url"])["url"].drop_nulls()
    links = pl.read_parquet(output / "paragraphs/**/*.parquet", columns=["links"])["links"].explode().struct["href"]
    yield from links.filter(links.str.contains("(?i)^https?://"))


def _bare(address: str) -> str:
    return re.sub(r"^https?:|#.*", "", address, flags=re.IGNORECASE)


def _names(address: SplitResult) -> set[str]:
    return {_name(part) for part in address.query.split("&") if part}


def _name(part: str) -> str:
    return part.partition("=")[0]


if __name__ == "__main__":
    main()
