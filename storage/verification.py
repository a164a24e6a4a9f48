"""Re-reads the sources of an output and checks the contract's laws on every row; changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from schemas import TABLES
from storage.errors import OutputError
from storage.inputs import Source, discover, hash_source, read_source
from storage.layout import Output
from storage.state import open_part
from storage.workers import Workers
from transforms.laws import ARTICLE_COLUMNS, PARAGRAPH_COLUMNS, Breach, check_article, completeness
from transforms.records import Partition, Reject

__all__ = ["Verification", "last_source", "verify_output"]

ANY_SIZE = 1 << 62


class Verification(NamedTuple):
    """What was checked, how often each law was, and every breach."""

    articles: int
    paragraphs: int
    revisions: int
    rejects: int
    sources: int
    source_bytes: int
    breaches: list[Breach]


class _Task(NamedTuple):
    output: Output
    root: Path
    partition: Partition
    sources: dict[str, Source]


class _Checked(NamedTuple):
    rows: list[tuple[str, str | None]]
    paragraphs: int
    source_bytes: int
    breaches: list[Breach]


def last_source(output: Output) -> Path:
    """The input of the latest run, as it was given; raises `OutputError` where there was no run."""
    paths = sorted(output.table_folder(TABLES["runs"]).glob("*.parquet"))
    if not paths:
        raise OutputError("no run has written to this folder", output.root, "name an output folder, or ingest first")
    with open_part(paths[-1]) as file:
        return Path(file.read(["source"])["source"][0].as_py())


def verify_output(output: Output, root: Path, *, workers: int, progress: Callable[[int, int], None]) -> Verification:
    """Check laws 1 to 5. `progress` is called with the articles checked and the articles there are."""
    if not output.root.is_dir():
        raise OutputError("there is no such output folder", output.root, "name the folder that `ingest` wrote")
    sources = {source.source_path: source for source in discover(root, leave_out=output.root)}
    tasks, total = _tasks(output, root, sources)
    breaches: list[Breach] = []
    current: list[tuple[str, str | None]] = []
    paragraphs = source_bytes = 0
    with Workers(workers) as pool:
        for checked in pool.map(_check_partition, tasks):
            breaches += checked.breaches
            current += checked.rows
            paragraphs += checked.paragraphs
            source_bytes += checked.source_bytes
            progress(len(current), total)
    orphans = {partition for partition, _ in output.parts(TABLES["paragraphs"])} - {task.partition for task in tasks}
    breaches += [
        Breach(3, f"{place}", None, "paragraphs without a file of articles") for place in sorted(map(str, orphans))
    ]
    superseded, ended = _revisions(output)
    rejects, bad_rejects = _rejects(output)
    hashes = dict(current)
    others = [path for path in sources if path not in hashes]
    discovered = {path: hashes.get(path) for path in sources}
    discovered.update((path, hash_source(root, sources[path])) for path in others)
    breaches += completeness(discovered, {"articles": current, "revisions": superseded, "rejects": rejects})
    breaches += bad_rejects
    duplicates = [path for path, count in Counter(path for path, _ in current).items() if count > 1]
    breaches += [Breach(5, path, None, "the source has more than one row in `articles`") for path in duplicates]
    return Verification(
        len(current), paragraphs, len(superseded) + ended, len(rejects), len(sources), source_bytes,
        sorted(breaches, key=lambda breach: (breach.source_path, breach.law, breach.byte_offset or 0)),
    )  # fmt: skip


def _tasks(output: Output, root: Path, sources: dict[str, Source]) -> tuple[list[_Task], int]:
    tasks, total = [], 0
    for partition, path in output.partitions(TABLES["articles"]):
        with open_part(path) as file:
            paths = file.read(["source_path"], use_threads=False)["source_path"].to_pylist()
        total += len(paths)
        tasks.append(_Task(output, root, partition, {path: sources[path] for path in paths if path in sources}))
    return tasks, total


def _check_partition(task: _Task) -> _Checked:
    articles = _rows(task.output, "articles", task.partition, ARTICLE_COLUMNS)
    by_article: dict[str, list[dict[str, Any]]] = {}
    count = 0
    breaches: list[Breach] = []
    for article_id, rows in groupby(
        _rows(task.output, "paragraphs", task.partition, PARAGRAPH_COLUMNS), key=lambda row: row["article_id"]
    ):
        if article_id in by_article:
            breaches.append(Breach(3, article_id, None, "the article's paragraphs do not stand together"))
        by_article.setdefault(article_id, []).extend(rows)
    checked: list[tuple[str, str | None]] = []
    total_bytes = 0
    for article in articles:
        path = article["source_path"]
        checked.append((path, article["source_sha256"]))
        paragraphs = by_article.pop(article["article_id"], [])
        count += len(paragraphs)
        source = task.sources.get(path)
        if source is None:
            breaches.append(Breach(1, path, None, "the source is not in the input; name the input that was ingested"))
            continue
        data = read_source(task.root, source, ANY_SIZE)
        if isinstance(data, Reject):
            breaches.append(Breach(1, path, None, f"the source can't be read: {data.detail}"))
            continue
        total_bytes += len(data)
        breaches += check_article(article, paragraphs, data)
    breaches += [Breach(3, article_id, None, "paragraphs without an article") for article_id in by_article]
    return _Checked(checked, count, total_bytes, breaches)


def _rows(output: Output, name: str, partition: Partition, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    part = output.part(TABLES[name], partition)
    if not part.exists():
        return
    with open_part(part) as file:
        for batch in file.iter_batches(2048, columns=[*columns, "outlet", "month"], use_threads=False):
            yield from batch.to_pylist()


def _revisions(output: Output) -> tuple[list[tuple[str, str | None]], int]:
    """Paths and hashes of superseded sources whose file still exists, and the number of those that ended."""
    live: list[tuple[str, str | None]] = []
    ended = 0
    for _, path in output.parts(TABLES["revisions"]):
        with open_part(path) as file:
            for row in file.read(["source_path", "source_sha256", "valid_to"]).to_pylist():
                if row["valid_to"] is None:
                    live.append((row["source_path"], row["source_sha256"]))
                else:
                    ended += 1
    return live, ended


def _rejects(output: Output) -> tuple[list[tuple[str, str | None]], list[Breach]]:
    rows: list[tuple[str, str | None]] = []
    breaches: list[Breach] = []
    for _, path in output.parts(TABLES["rejects"]):
        with open_part(path) as file:
            for batch in file.iter_batches(64, columns=["source_path", "source_sha256", "reason", "raw"]):
                for row in batch.to_pylist():
                    rows.append((row["source_path"], row["source_sha256"]))
                    breaches += _raw_breach(row)
    return rows, breaches


def _raw_breach(row: dict[str, Any]) -> list[Breach]:
    if row["raw"] is None:
        if row["reason"] in ("too_large", "unreadable"):
            return []
        return [Breach(5, row["source_path"], None, f"a `{row['reason']}` without its bytes")]
    if hashlib.sha256(row["raw"]).hexdigest() != row["source_sha256"]:
        return [Breach(5, row["source_path"], None, "the bytes kept are not those that were rejected")]
    return []
