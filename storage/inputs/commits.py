"""The walk through a repository's history: which commits are on its main line, and what each of them changed.

The main line is the chain of first parents: the states that the archive had, one after the other. A merge brings what
it merges at the time of the merge. What was committed on a branch and never stood on the main line is found apart.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.deltas import UNPACKED_BYTES, PackedObjects
from pressmark.storage.inputs.source import LINK_PROBLEM
from pressmark.storage.inputs.trees import LINK, REGULAR, REPOSITORY, Change, CorruptTree, Entry, changes_along

if TYPE_CHECKING:
    import pygit2

__all__ = [
    "CONTENT", "MISSING", "CorruptObject", "Line", "Step", "change_rows", "changes_of", "check_loose", "check_tip",
    "commit_of", "entry_at", "main_line", "opened", "parent_ids", "side_changes", "tree_changes", "tree_of",
    "unverified",
]  # fmt: skip

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC, microsecond=0)
# A walk shorter than this is done before another process has started.
WORTH_A_PROCESS: Final = 64
MOST_SEGMENTS: Final = 16
WINDOW_BYTES: Final = 1 << 20
MAPPED_BYTES: Final = 16 << 20
CHUNK_BYTES: Final = 1 << 20
CHUNK_ROWS: Final = 4096
OBJECT_ID: Final = re.compile("[0-9a-f]{40}")
# Where what follows a name in an expression such as `main~2` begins.
EXPRESSION: Final = re.compile(r"[~^@:]")
# Columns that say what a change put at its path, null where it put nothing there; then what a source says of that.
CONTENT: Final = ("kind", "locator")
CHANGES: Final = pa.schema([
    ("position", pa.int32()), ("path", pa.binary()), ("kind", pa.int32()), ("locator", pa.binary()),
    ("source_bytes", pa.int64()), ("problem", pa.string()),
])  # fmt: skip
UNKNOWN: Final = "an entry of the type {:o}, which git does not know; see `git fsck`"
PROBLEMS: Final = {LINK: LINK_PROBLEM, REPOSITORY: "a submodule is not read; ingest its own repository"}
MISSING: Final = "its object is missing or corrupt ({}); see `git fsck`, and fetch the repository again"


class Step(NamedTuple):
    """A commit of the main line. Times never go back along the line, whatever the clocks of those who committed said;
    None where a shallow clone ends, as what stands there came at some time before."""

    commit: str
    at: datetime | None


class Line(NamedTuple):
    """Commits from the oldest to the newest; `reached` tells whether the one asked for stands right before them."""

    steps: list[Step]
    reached: bool


def opened(path: Path) -> pygit2.Repository:
    """The repository, opened once in each process for as long as nothing replaces it."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InputError(f"the repository can't be read ({error.strerror})", path, "name its folder") from error
    return _opened(path, (os.getpid(), info.st_ino, info.st_ctime_ns))


@lru_cache(maxsize=2)
def _opened(path: Path, _state: tuple[int, ...]) -> pygit2.Repository:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    # Only objects are read, so it is of no matter whom the folder belongs to.
    pygit2.settings.owner_validation = False
    # A pack is mapped in windows, else all that was read of it counts as memory of each process.
    pygit2.settings.mwindow_size = WINDOW_BYTES
    pygit2.settings.mwindow_mapped_limit = MAPPED_BYTES
    try:
        return pygit2.Repository(os.fspath(path), RepositoryOpenFlag.NO_SEARCH)
    except pygit2.GitError as error:
        raise InputError(f"this is no git repository that can be read ({error})", path, "name its folder") from error


def time_of(commit: pygit2.Commit) -> datetime:
    """When a commit was made, as far as a date can say that."""
    try:
        return min(EPOCH + timedelta(seconds=commit.commit_time), LATEST)
    except OverflowError:
        return LATEST if commit.commit_time > 0 else EPOCH


def main_line(repository: pygit2.Repository, head: pygit2.Commit, since: tuple[str, datetime] | None) -> Line:
    """The commits after `since` (a commit and its time), or from the first one on."""
    found = [head]
    while not _is(found[-1], since) and (parents := _parents(repository, found[-1])):
        found.append(parents[0])
    reached = since is not None and _is(found[-1], since)
    at = since[1] if since is not None and reached else EPOCH
    steps: list[Step] = []
    for commit in reversed(found[:-1] if reached else found):
        at = max(at, time_of(commit))
        cut_off = not steps and not reached and repository.is_shallow
        steps.append(Step(str(commit.id), None if cut_off else at))
    return Line(steps, reached)


def _is(commit: pygit2.Commit, since: tuple[str, datetime] | None) -> bool:
    return since is not None and str(commit.id) == since[0]


def _parents(repository: pygit2.Repository, commit: pygit2.Commit) -> list[pygit2.Commit]:
    """Parents; none where a shallow clone ends. Raises `InputError` where one is missing or corrupt."""
    return [commit_of(repository, parent) for parent in commit.parent_ids]


def check_loose(repository: pygit2.Repository, object_id: str) -> None:
    """Raises `CorruptObject` where an object is a file of its own that is cut short: libgit2 would read it for ever."""
    for objects in _all_objects(repository.path):
        path = f"{objects}/{object_id[:2]}/{object_id[2:]}"
        # Asked for each file of an archive, most of which are in packs: an exception would take ten times as long.
        if os.access(path, os.F_OK):
            _check_file(path, object_id)


def _check_file(path: str, object_id: str) -> None:
    with suppress(FileNotFoundError), open(path, "rb") as file:
        unpacking = zlib.decompressobj()
        try:
            while chunk := file.read(CHUNK_BYTES):
                while chunk:
                    unpacking.decompress(chunk, CHUNK_BYTES)
                    chunk = unpacking.unconsumed_tail
        except zlib.error as error:
            raise CorruptObject(f"object {object_id}: {error}") from error
        if not unpacking.eof:
            raise CorruptObject(f"object {object_id} is cut short")


@lru_cache(maxsize=4)
def _all_objects(git_folder: str) -> tuple[str, ...]:
    """The folder of a repository's objects, and those that it borrows from."""
    own = _objects(git_folder)
    try:
        borrowed = Path(own, "info", "alternates").read_bytes().splitlines()
    except FileNotFoundError:
        return (own,)
    return own, *(os.path.join(own, os.fsdecode(line)) for line in borrowed if line and not line.startswith(b"#"))


@contextmanager
def unverified() -> Iterator[None]:
    """Objects are read without libgit2's check of their hashes, which also looks for forged collisions."""
    import pygit2

    pygit2.settings.enable_strict_hash_verification(False)  # noqa: FBT003
    try:
        yield
    finally:
        pygit2.settings.enable_strict_hash_verification(True)  # noqa: FBT003


@lru_cache(maxsize=4)
def _objects(git_folder: str) -> str:
    """The folder of a repository's objects; a work tree of its own has that of another one."""
    common = os.path.join(git_folder, "commondir")
    if os.path.exists(common):
        git_folder = os.path.join(git_folder, Path(common).read_text("utf-8").strip())
    return os.path.join(git_folder, "objects")


def check_tip(repository: pygit2.Repository, ref: str) -> None:
    """Raises `InputError` where the commit or tag that a name, or the start of an expression, stands for is cut short:
    see `check_loose`."""
    import pygit2

    name = EXPRESSION.split(ref, maxsplit=1)[0] or "HEAD"
    try:
        tip = str(repository.lookup_reference_dwim(name).resolve().target)
    except (KeyError, ValueError, pygit2.GitError):
        # No name of a branch or tag: an id, if it is anything.
        tip = name
    if not OBJECT_ID.fullmatch(tip):
        return
    try:
        check_loose(repository, tip)
        while isinstance(found := repository.get(tip), pygit2.Tag):
            tip = str(found.target)
            check_loose(repository, tip)
    except (CorruptObject, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error


class CorruptObject(ValueError):
    """An object whose bytes are none."""


def commit_of(repository: pygit2.Repository, commit_id: pygit2.Oid | str) -> pygit2.Commit:
    """A commit by its id; raises `InputError` where it is missing or corrupt."""
    import pygit2

    try:
        check_loose(repository, str(commit_id))
        return repository[commit_id].peel(pygit2.Commit)
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error


class _Segment(NamedTuple):
    """A part of the main line: its commits, of which the first has the position `first`, after the commit `before`."""

    path: Path
    subdir: str
    before: str | None
    first: int
    commits: list[str]


def changes_of(
    path: Path,
    subdir: str,
    line: Line,
    since: str | None,
    pool: Callable[[Callable[[Any], Any], Sequence[Any]], Any],
    progress: Callable[[int], None],
) -> pa.Table:
    """What the commits of the line changed below `subdir`: a row of `CHANGES` each, with the commit's position."""
    commits = [step.commit for step in line.steps]
    size = max(WORTH_A_PROCESS, -(-len(commits) // MOST_SEGMENTS))
    segments = []
    for first in range(0, len(commits), size):
        before = commits[first - 1] if first else since if line.reached else None
        segments.append(_Segment(path, subdir, before, first, commits[first : first + size]))
    tables = [CHANGES.empty_table()]
    for changes in pool(_walk, segments):
        tables.append(changes)
        progress(sum(map(len, tables)))
    return pa.concat_tables(tables)


def _walk(segment: _Segment) -> pa.Table:
    repository = opened(segment.path)
    before = None
    if segment.before is not None:
        before = tree_of(repository, commit_of(repository, segment.before), segment.subdir)
    trees = [tree_of(repository, commit_of(repository, commit), segment.subdir) for commit in segment.commits]
    found = tree_changes(repository, before, trees)
    return change_rows(repository, ((segment.first + position, change) for position, change in found))


def change_rows(repository: pygit2.Repository, changes: Iterable[tuple[int, Change]]) -> pa.Table:
    """Rows of `CHANGES`, with what the repository says of each file."""
    ahead = iter(changes)
    batches = []
    while chunk := list(islice(ahead, CHUNK_ROWS)):
        rows = [(position, change.path, *_described(repository, change.after)) for position, change in chunk]
        batches.append(pa.record_batch([list(column) for column in zip(*rows, strict=True)], schema=CHANGES))
    return pa.Table.from_batches(batches, schema=CHANGES)


def _described(
    repository: pygit2.Repository, entry: Entry | None
) -> tuple[int | None, bytes | None, int | None, str | None]:
    """Kind, locator, size and problem of what stands at a path."""
    if entry is None:
        return None, None, None, None
    locator = entry.blob.hex()
    if entry.kind != REGULAR:
        return entry.kind, locator.encode(), 0, PROBLEMS.get(entry.kind, UNKNOWN.format(entry.kind))
    size, problem = _size_of(repository, locator)
    return entry.kind, locator.encode(), size, problem


def _size_of(repository: pygit2.Repository, locator: str) -> tuple[int, str | None]:
    """The size of a file, and why it can't be read."""
    import pygit2

    try:
        check_loose(repository, locator)
        return repository.odb.read_header(pygit2.Oid(hex=locator))[1], None
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        return 0, MISSING.format(error)


def tree_changes(
    repository: pygit2.Repository, before: bytes | None, trees: Iterable[bytes | None]
) -> Iterator[tuple[int, Change]]:
    """See `changes_along`; raises `InputError` where a tree is missing or corrupt."""
    try:
        # Trees are read by the thousand, and hashing each of them costs half of the walk; files are verified.
        with unverified():
            yield from changes_along(lambda tree: _read_tree(repository, tree), before, trees)
    except CorruptTree as error:
        raise _corrupt(repository, error) from error
    finally:
        if _packed_objects.cache_info().currsize:
            _packed_objects(repository.path).close()
            _packed_objects.cache_clear()


def parent_ids(repository: pygit2.Repository, commit: str) -> list[str]:
    """Ids of a commit's parents."""
    return [str(parent) for parent in commit_of(repository, commit).parent_ids]


def side_changes(repository: pygit2.Repository, merge: str, subdir: str, checked: set[str]) -> Iterator[Change]:
    """What the commits that a merge brought to the main line put at a path, the merge itself excepted.

    A merge on the branch itself brings only what none of its parents has. `checked` are commits that are known to be
    whole; more are added.
    """
    import pygit2
    from pygit2.enums import SortMode

    parents = _parents(repository, commit_of(repository, merge))
    if len(parents) < 2:
        return
    _check_ancestors(repository, parents, checked)
    walker = repository.walk(parents[1].id, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    for parent in parents[2:]:
        walker.push(parent.id)
    walker.hide(parents[0].id)
    try:
        commits = list(walker)
    except (KeyError, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error
    for commit in commits:
        brought: set[Change] | None = None
        befores: list[pygit2.Commit | None] = [*_parents(repository, commit)]
        after = [tree_of(repository, commit, subdir)]
        for before in befores or [None]:
            tree = None if before is None else tree_of(repository, before, subdir)
            changes = {change for _, change in tree_changes(repository, tree, after)}
            brought = changes if brought is None else brought & changes
        yield from sorted(brought or (), key=lambda change: change.path)


def _check_ancestors(repository: pygit2.Repository, commits: Iterable[pygit2.Commit], checked: set[str]) -> None:
    """Raises `InputError` where a commit that led to these is missing or corrupt: libgit2's walk does not look."""
    ahead = list(commits)
    while ahead:
        new = {str(parent) for parent in ahead.pop().parent_ids} - checked
        checked |= new
        ahead += [commit_of(repository, parent) for parent in new]


def tree_of(repository: pygit2.Repository, commit: pygit2.Commit, subdir: str) -> bytes | None:
    """The id of the folder `subdir` of a commit; None where it has none."""
    import pygit2

    try:
        check_loose(repository, str(commit.tree_id))
        found: pygit2.Object = commit.tree
        for name in filter(None, subdir.split("/")):
            if not isinstance(found, pygit2.Tree):
                return None
            found = found[name]
            check_loose(repository, str(found.id))
    except KeyError:
        return None
    except (CorruptObject, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error
    return found.id.raw if found.type_str == "tree" else None


def entry_at(repository: pygit2.Repository, root: bytes | None, name: str) -> bytes | None:
    """The id of what stands at a path below a tree."""
    import pygit2

    if root is None:
        return None
    try:
        return repository[pygit2.Oid(raw=root)].peel(pygit2.Tree)[name].id.raw
    except KeyError:
        return None


def _read_tree(repository: pygit2.Repository, object_id: bytes) -> bytes:
    import pygit2
    from pygit2.enums import ObjectType

    try:
        check_loose(repository, object_id.hex())
        oid = pygit2.Oid(raw=object_id)
        kind, size = repository.odb.read_header(oid)
    except (KeyError, CorruptObject, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error
    if kind != ObjectType.TREE:
        raise _corrupt(repository, CorruptObject(f"object {oid} stands for a folder and is none"))
    if size > UNPACKED_BYTES and (packed := _packed_objects(repository.path).read(object_id, size)) is not None:
        return packed
    try:
        data: bytes = repository.odb.read(oid)[1]
    except (KeyError, pygit2.GitError) as error:
        raise _corrupt(repository, error) from error
    return data


@lru_cache(maxsize=1)
def _packed_objects(git_folder: str) -> PackedObjects:
    return PackedObjects(_objects(git_folder))


def _corrupt(repository: pygit2.Repository, error: Exception) -> InputError:
    problem = f"an object of the repository is missing or corrupt ({error})"
    return InputError(problem, repository.path, "see `git fsck`, and fetch the repository again")
