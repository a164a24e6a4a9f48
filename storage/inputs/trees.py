"""What differs between two states of a folder in a repository, from the bytes of its trees.

A commit changes a few entries of folders that have thousands, and a history has thousands of commits. libgit2 reads
and parses both trees of each pair whole, which takes ten times as long as the parse of the articles; here a tree is
read once, and parsed only where its bytes differ from those it had before.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["LINK", "REGULAR", "REPOSITORY", "Change", "CorruptTree", "Entry", "Folders"]

# An entry: mode, name, and 20 bytes of object id.
ENTRY: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
TREE: Final = 0o040000
REGULAR: Final = 0o100000
LINK: Final = 0o120000
REPOSITORY: Final = 0o160000
KIND: Final = 0o170000
# A start of an entry is remembered about every so many bytes.
STRIDE: Final = 2048


class Entry(NamedTuple):
    """What a name stands for: `TREE`, `REGULAR` (executable or not), `LINK` or `REPOSITORY`, and its object."""

    kind: int
    blob: bytes


class Change(NamedTuple):
    """What stands at a path after a commit; None where nothing does. Folders have no changes of their own."""

    path: bytes
    after: Entry | None


class CorruptTree(ValueError):
    """Bytes that are no tree."""


class _Tree:
    """A tree's bytes, and where some of its entries start."""

    def __init__(self, data: bytes, starts: list[int]) -> None:
        self.data = data
        self.starts = starts


EMPTY: Final = _Tree(b"", [0])


class Folders:
    """A folder and those below it, as the latest commit left them; `read` gives the bytes of a tree by its id."""

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read
        self._trees: dict[bytes, tuple[bytes, _Tree]] = {}

    def move(self, path: bytes, tree_id: bytes | None) -> Iterator[Change]:
        """Go on to the state in which the folder at `path` (empty, or with a slash at its end) is this tree."""
        before_id, before = self._trees.pop(path, (None, EMPTY))
        if tree_id == before_id:
            if before_id is not None:
                self._trees[path] = (before_id, before)
            return
        data = b"" if tree_id is None else self._read(tree_id)
        removed, added, starts = _window(before, data)
        if tree_id is not None:
            self._trees[path] = (tree_id, _Tree(data, starts))
        for name in removed.keys() | added.keys():
            old, new = removed.get(name), added.get(name)
            if old == new:
                continue
            old_is_folder = old is not None and old.kind == TREE
            new_is_folder = new is not None and new.kind == TREE
            if old_is_folder or new_is_folder:
                yield from self.move(path + name + b"/", new.blob if new is not None and new_is_folder else None)
            if new is not None and not new_is_folder:
                yield Change(path + name, new)
            elif old is not None and not old_is_folder:
                yield Change(path + name, None)


def _window(before: _Tree, after: bytes) -> tuple[dict[bytes, Entry], dict[bytes, Entry], list[int]]:
    """Entries between the bytes that both trees start with and those that both end with, and starts in `after`."""
    old = before.data
    first = bisect_right(before.starts, _common_prefix(old, after)) - 1
    begin = before.starts[first]
    # The rest is what both have after the window; where it starts is known for `before` and checked for `after`.
    rest = len(old) - _common_suffix(old[begin:], after[begin:])
    last = bisect_left(before.starts, rest, lo=first)
    old_end = before.starts[last] if last < len(before.starts) else len(old)
    new_end = old_end + len(after) - len(old)
    kept = before.starts[:first]
    if new_end >= begin:
        added, starts, reached = _entries(after, begin, new_end)
        if reached == new_end:
            removed, _, _ = _entries(old, begin, old_end)
            moved = [start + len(after) - len(old) for start in before.starts[last:] if start > old_end]
            return removed, added, [*kept, *starts, *moved]
    removed, _, _ = _entries(old, begin, len(old))
    added, starts, _ = _entries(after, begin, len(after))
    return removed, added, [*kept, *starts]


def _entries(data: bytes, begin: int, end: int) -> tuple[dict[bytes, Entry], list[int], int]:
    """Entries from the start of one up to `end` or past it, some of their starts, and where they end."""
    entries = {}
    starts = [begin]
    position = begin
    while position < end:
        match = ENTRY.match(data, position)
        if match is None:
            raise CorruptTree(f"no entry of a tree at byte {position}")
        mode, name, blob = match.groups()
        entries[name] = Entry(int(mode, 8) & KIND, blob)
        position = match.end()
        if position - starts[-1] >= STRIDE:
            starts.append(position)
    return entries, starts, position


def _common_prefix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
