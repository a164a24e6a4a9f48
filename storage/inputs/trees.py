"""What commits changed in a folder of a repository, from the bytes of its trees.

A commit changes a few entries of folders that have thousands, and a history has thousands of commits. libgit2 compares
two trees by reading and parsing both whole, which takes ten times as long as parsing the articles. Here each tree is
read once, folder by folder, so that the one before it is at hand when git unpacks it, and is parsed only where its
bytes differ from those of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from pressmark.storage.compiled import FORMATS

__all__ = ["LINK", "REGULAR", "REPOSITORY", "Change", "CorruptTree", "Entry", "changes_along"]

# An entry: mode, name, and 20 bytes of object id.
ENTRY: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
TREE: Final = 0o040000
REGULAR: Final = 0o100000
LINK: Final = 0o120000
REPOSITORY: Final = 0o160000
KIND: Final = 0o170000
# Trees are compared in pieces of about so many bytes.
PIECE_BYTES: Final = 1024
# No archive has so many folders in each other, and each takes some calls.
DEEPEST: Final = 200

Read = Callable[[bytes], bytes]
Entries = dict[bytes, "Entry"]


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


class _Tree(NamedTuple):
    """A tree's bytes, and where its pieces start, for comparing it in Python: at entries, the first at 0."""

    data: bytes
    starts: list[int]


def changes_along(
    read: Read, before: bytes | None, trees: Iterable[bytes | None], path: bytes = b""
) -> Iterator[tuple[int, Change]]:
    """Changes between trees, each with the position of the tree that brought it; those at one path are in order.

    `before` and `trees` are ids of what stood at `path` (empty, or with a slash at its end), None where nothing did;
    `read` gives the bytes of a tree. Raises `CorruptTree`.
    """
    yield from _along(read, before, enumerate(trees), path)


def _along(
    read: Read, before: bytes | None, trees: Iterable[tuple[int, bytes | None]], path: bytes
) -> Iterator[tuple[int, Change]]:
    if path.count(b"/") > DEEPEST:
        raise CorruptTree(f"folders in folders, more than {DEEPEST} deep, below `{path[:40].decode(errors='replace')}`")
    at = _Tree(b"", []) if before is None else _whole(read(before))
    folders: dict[bytes, tuple[bytes | None, list[tuple[int, bytes | None]]]] = {}
    for position, tree in trees:
        if tree == before:
            continue
        removed, added, at = _compared(at, b"" if tree is None else read(tree))
        before = tree
        for name in removed.keys() | added.keys():
            if b"/" in name or name in (b".", b".."):
                raise CorruptTree(f"an entry named `{name.decode(errors='replace')}`")
            old, new = removed.get(name), added.get(name)
            if old == new:
                continue
            old_folder = old.blob if old is not None and old.kind == TREE else None
            new_folder = new.blob if new is not None and new.kind == TREE else None
            if old_folder is not None or new_folder is not None:
                folders.setdefault(name, (old_folder, []))[1].append((position, new_folder))
            if new is not None and new_folder is None:
                yield position, Change(path + name, new)
            elif old is not None and old_folder is None:
                yield position, Change(path + name, None)
    for name, (first, inside) in folders.items():
        yield from _along(read, first, inside, path + name + b"/")


def _whole(data: bytes) -> _Tree:
    return _Tree(data, [] if FORMATS is not None else _parsed(data, 0, None, {})[0])


def _compared(before: _Tree, after: bytes) -> tuple[Entries, Entries, _Tree]:
    """Entries of both trees, without most of those that both have."""
    if FORMATS is None:
        return _compared_in_python(before, after)
    try:
        removed, added = FORMATS.compared(before.data, after, Entry)
    except ValueError as error:
        raise CorruptTree(str(error)) from error
    return removed, added, _Tree(after, [])


def _compared_in_python(before: _Tree, after: bytes) -> tuple[Entries, Entries, _Tree]:
    """The same as `_formats.c` gives, and some entries that both trees have."""
    old, starts = before
    ends = [*starts[1:], len(old)]
    removed: Entries = {}
    added: Entries = {}
    new_starts: list[int] = []
    position = piece = 0
    step = 1
    while piece < len(starts):
        last = min(piece + step, len(starts)) - 1
        length = ends[last] - starts[piece]
        if after[position : position + length] == old[starts[piece] : ends[last]]:
            new_starts += [start - starts[piece] + position for start in starts[piece : last + 1]]
            position += length
            piece = last + 1
            step *= 2
        elif step > 1:
            step //= 2
        else:
            _parsed(old, starts[piece], None, removed, ends[piece])
            following = None if ends[piece] == len(old) else _key(old, ends[piece])
            found, position = _parsed(after, position, following, added)
            new_starts += found
            piece += 1
    if position < len(after):
        new_starts += _parsed(after, position, None, added)[0]
    return removed, added, _Tree(after, new_starts)


def _parsed(
    data: bytes, position: int, following: bytes | None, entries: Entries, end: int | None = None
) -> tuple[list[int], int]:
    """Parse entries into `entries`, up to `end` or to the first one that does not come before `following`; where
    pieces of them start, and where they end."""
    end = len(data) if end is None else end
    starts: list[int] = []
    while position < end:
        match = ENTRY.match(data, position)
        if match is None:
            raise CorruptTree(f"no entry of a tree at byte {position}")
        mode, name, blob = match.groups()
        if following is not None and _sorted_as(mode, name) >= following:
            break
        if not starts or position - starts[-1] >= PIECE_BYTES:
            starts.append(position)
        if name in entries:
            raise CorruptTree(f"no entry of a tree at byte {position}: its name is there twice")
        entries[name] = Entry(int(mode, 8) & KIND, blob)
        position = match.end()
    return starts, position


def _key(data: bytes, position: int) -> bytes:
    match = ENTRY.match(data, position)
    if match is None:
        raise CorruptTree(f"no entry of a tree at byte {position}")
    return _sorted_as(match[1], match[2])


def _sorted_as(mode: bytes, name: bytes) -> bytes:
    """What git sorts an entry by: folders as if their names ended with a slash."""
    return name + b"/" if int(mode, 8) == TREE else name
