"""The truth about a generated archive: which file stood where, from when to when, and why that ended.

Owns how changes of files become stretches on the first-parent line. Knows nothing of git: it is told every commit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.pages import BadKind

__all__ = ["Cause", "Ledger", "Line", "Source", "Stretch", "Totals", "read_ledger", "write_ledger"]

Cause = Literal["revised_text", "revised_markup", "reverted", "renamed", "deleted", "side"]


class Source(NamedTuple):
    """What is known of the bytes of a file.

    `article` is the canonical URL. Two sources have the same blocks of visible text exactly where their `text_key` is
    equal. `published_s` (epoch seconds) is the header's time; of dialect `bare`, whose header has none, the dateline's.
    All three are None for a file that is no article.
    """

    sha256: str
    size: int
    kind: Literal["article"] | BadKind
    article: str | None
    text_key: str | None
    published_s: int | None


class Stretch(NamedTuple):
    """A file standing at a path, from the first-parent commit that brought it to the one that ended it.

    Times are epoch seconds; `valid_to` and `cause` are None while it stands at the head. What only ever stood on a side
    branch has the cause `side`, and the time of the side commit that brought it as both of its times.
    """

    path: str
    sha256: str
    size: int
    kind: Literal["article"] | BadKind
    article: str | None
    text_key: str | None
    published_s: int | None
    valid_from: int
    valid_to: int | None
    cause: Cause | None


class Totals(NamedTuple):
    """Numbers of the whole archive.

    `commits` are all, `main_commits` those of the first-parent line. `blobs` and `pairs` are the distinct contents of
    files, and of path and content, side branches included. `living` articles have a file at the head, `extra_paths` is
    how many files more than that they have. `tombstones` are files deleted by a commit that brought no other file of
    the same article. `causes` counts how stretches ended; `head_files` and `head_bytes` include what is no article.
    """

    head: str
    commits: int
    main_commits: int
    blobs: int
    pairs: int
    living: int
    extra_paths: int
    tombstones: int
    head_files: int
    head_bytes: int
    causes: dict[str, int]


class Ledger(NamedTuple):
    """Totals, and all stretches by their start and path."""

    totals: Totals
    stretches: list[Stretch]


class Line:
    """The first-parent line as it grows, with what happened beside it."""

    def __init__(self) -> None:
        self._standing: dict[str, tuple[Source, int]] = {}
        self._stood: set[tuple[str, str]] = set()
        self._ended: list[Stretch] = []
        self._branch: list[tuple[str, Source]] = []
        self._beside: dict[tuple[str, str], Stretch] = {}
        self._tombstones = 0

    def commit(self, time: int, changes: Mapping[str, Source | None]) -> dict[str, Source | None]:
        """Takes in a commit of the first-parent line, None for a deleted file; returns what of it changes anything."""
        changed = {path: source for path, source in changes.items() if source != self._source_at(path)}
        brought = {source.article for path, source in changed.items() if source and source.article}
        moved = {source.article for path, source in changed.items() if source and path not in self._standing}
        for path, source in changed.items():
            if path in self._standing:
                old, since = self._standing.pop(path)
                self._ended.append(Stretch(path, *old, since, time, self._cause(path, old, source, moved)))
                self._tombstones += source is None and old.article not in brought
            if source:
                self._standing[path] = (source, time)
                self._stood.add((path, source.sha256))
        return changed

    def commit_beside(self, changes: Mapping[str, Source | None]) -> None:
        """Takes in a commit of a side branch."""
        self._branch += [(path, source) for path, source in changes.items() if source]

    def merge(self, time: int, changes: Mapping[str, Source | None]) -> dict[str, Source | None]:
        """Takes in the merge of a side branch, as `commit` does."""
        for path, source in self._branch:
            self._beside.setdefault((path, source.sha256), Stretch(path, *source, time, time, "side"))
        self._branch.clear()
        return self.commit(time, changes)

    def close(self, head: str, commits: int, main_commits: int) -> Ledger:
        """The ledger, once all commits were taken in."""
        stretches = [Stretch(path, *source, since, None, None) for path, (source, since) in self._standing.items()]
        living = Counter(stretch.article for stretch in stretches if stretch.article)
        head_bytes = sum(stretch.size for stretch in stretches)
        stretches += self._ended
        stretches += [stretch for key, stretch in self._beside.items() if key not in self._stood]
        stretches.sort(key=lambda stretch: (stretch.valid_from, stretch.path))
        totals = Totals(
            head=head,
            commits=commits,
            main_commits=main_commits,
            blobs=len({stretch.sha256 for stretch in stretches}),
            pairs=len({(stretch.path, stretch.sha256) for stretch in stretches}),
            living=len(living),
            extra_paths=living.total() - len(living),
            tombstones=self._tombstones,
            head_files=len(self._standing),
            head_bytes=head_bytes,
            causes=dict(sorted(Counter(stretch.cause for stretch in stretches if stretch.cause).items())),
        )
        return Ledger(totals, stretches)

    def _source_at(self, path: str) -> Source | None:
        return self._standing[path][0] if path in self._standing else None

    def _cause(self, path: str, old: Source, new: Source | None, moved: set[str | None]) -> Cause:
        if new is None:
            return "renamed" if old.article in moved else "deleted"
        if (path, new.sha256) in self._stood:
            return "reverted"
        return "revised_markup" if new.text_key == old.text_key else "revised_text"


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Writes JSON lines: the totals first, then each stretch."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(ledger.totals._asdict(), ensure_ascii=False) + "\n")
        for stretch in ledger.stretches:
            file.write(json.dumps(stretch._asdict(), ensure_ascii=False) + "\n")


def read_ledger(path: Path) -> Ledger:
    """The ledger that `write_ledger` wrote."""
    with path.open(encoding="utf-8") as file:
        totals = Totals(**json.loads(next(file)))
        return Ledger(totals, [Stretch(**json.loads(line)) for line in file])
