"""An output of `ingest --history --moves` held against the ledger of the archive that it came from.

usage: python -m benchmarks.history_check OUTPUT LEDGER

Compares every row with what the generator decided, prints what was expected and what was found, and exits with 1 where
they differ.
"""

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.generate import Ledger, read_ledger
from pressmark.transforms.identity import article_id, canonical_url

WITHOUT_ARTICLE = "README.md"


def checks(output: Path, ledger: Ledger) -> list[tuple[str, object, object]]:
    """What is compared, what the ledger expects, and what the tables hold."""
    times = ["source_path", "source_sha256", "article_id", "valid_from"]
    current = pl.read_parquet(output / "articles/**/*.parquet", columns=[*times])
    revisions = pl.read_parquet(
        output / "revisions/**/*.parquet", columns=[*times, "valid_to", "superseded_by", "change"]
    ).with_columns(pl.col("change").cast(pl.String))
    rejects = pl.read_parquet(output / "rejects/*.parquet", columns=["source_path", "source_sha256", "reason"])
    expected = Counter(
        (s.path, s.sha256, article_id(canonical_url(s.article), "", s.path), moment(s.valid_from), moment(s.valid_to))
        for s in ledger.stretches
        if s.kind == "article"
    )
    found = Counter([*((*row, None) for row in current.iter_rows()), *revisions.select(*times, "valid_to").iter_rows()])
    bad = {(s.path, s.sha256, s.kind) for s in ledger.stretches if s.kind != "article" and s.path != WITHOUT_ARTICLE}
    differing = (expected - found).total() + (found - expected).total()
    ended = revisions.filter(pl.col("valid_to").is_not_null())
    totals = ledger.totals
    return [
        ("revisions ever committed", expected.total(), found.total()),
        ("rows with another path, bytes, identity, from or to", 0, differing),
        ("current articles", totals.living, current.height),
        ("live copies at other paths", totals.extra_paths, revisions.height - ended.height),
        ("tombstones", totals.tombstones, ended.filter(pl.col("superseded_by").is_null()).height),
        ("identities", len({row[2] for row in expected}), len({row[2] for row in found})),
        ("rejects", len(bad), len(set(rejects.cast(pl.String).iter_rows()) & bad)),
        *changes(ended, ledger),
    ]


def changes(ended: pl.DataFrame, ledger: Ledger) -> list[tuple[str, object, object]]:
    """Revisions that ended in place or by a new name, by what superseded them."""
    causes = {(s.path, moment(s.valid_from)): s.cause for s in ledger.stretches if s.kind == "article"}
    after = {(s.path, moment(s.valid_from)): s for s in ledger.stretches}
    texts = {s.sha256: s.text_key for s in ledger.stretches}
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for row in ended.iter_rows(named=True):
        cause = causes[row["source_path"], row["valid_from"]]
        if cause in ("revised_text", "revised_markup"):
            expected[cause.removeprefix("revised_")] += 1
        elif row["superseded_by"] is not None:
            old = after[row["source_path"], row["valid_from"]]
            same = old.sha256 == row["superseded_by"]
            expected["copy" if same else "markup" if old.text_key == texts[row["superseded_by"]] else "text"] += 1
        if row["change"] is not None:
            found[row["change"]] += 1
    return [(f"ended by `{change}`", expected[change], found[change]) for change in ("text", "markup", "copy")]


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def report(output: Path, ledger: Ledger) -> bool:
    """Print the comparison; whether all is as expected."""
    compared = checks(output, ledger)
    print("| history beside its ledger | expected | found |\n|---|---:|---:|")
    for what, expected, found in compared:
        print(f"| {what} | {expected:,} | {found:,} |")
    return all(expected == found for _, expected, found in compared)


if __name__ == "__main__":
    sys.exit(0 if report(Path(sys.argv[1]), read_ledger(Path(sys.argv[2]))) else 1)
