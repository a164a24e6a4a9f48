"""How git itself is asked about a repository, which may be anybody's: without a shell, hooks, network and the
operator's settings. Nothing outside of it is read, and what would keep git waiting, or fill the memory, is refused."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Final, NamedTuple

import polars as pl

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.budget import CHANGES_BYTES, DEEPEST_FOLDER, GIT_MEMORY_BYTES, Budget
from pressmark.storage.inputs.source import Source
from pressmark.transforms.records import Limits, Reject

__all__ = ["CHANGES", "MISSING", "WHOLE", "Commit", "Git", "opened"]

MISSING: Final = "its object is missing or corrupt ({}); see `git fsck`, and fetch the repository again"
GAVE_UP: Final = "git can't read it"
FETCH_AGAIN: Final = "see `git fsck`, and fetch the repository again"
ABSENT: Final = "it is not in this partial clone; {}"
WHOLE: Final = "clone the repository without `--filter`, and name that clone"
# What git says of repositories in a format that is newer than it is, such as reftables.
NEWER: Final = re.compile(r"repository extension|extensions\.|Expected git repo version")
INSTALL: Final = (
    "install a newer git (2.45 or later reads reftables), or clone it with one that writes plain references"
)
CLONE: Final = "clone it whole (`git clone --mirror --no-local`), and name the clone"
TRUST: Final = (
    "where you trust its owner with any folder of this machine, give `--trust-repository`; else clone it whole "
    "(`git clone --mirror --no-local`), and name the clone"
)
LONGEST_POINTER: Final = 4096
ENVIRONMENT: Final = {
    "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull,
}  # fmt: skip
OPTIONS: Final = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*",
    "-c", "protocol.allow=never", "-c", "core.commitGraph=false", "--no-pager", "--literal-pathspecs",
)  # fmt: skip
# What git reads of a repository; all of it must lie in there, and be files and folders.
READ: Final = (
    "HEAD", "commondir", "config", "config.worktree", "info", "logs", "objects", "packed-refs", "refs", "reftable",
    "shallow",
)  # fmt: skip
TOO_MUCH: Final = "its commits name more, or larger, files than those of any archive of articles"
NAME_ANOTHER: Final = "name another one, or a folder of it after a `#`"
FEW_LINES: Final = 4
READ_BYTES: Final = 1 << 20

DIFF_TREE: Final = ("diff-tree", "-r", "-z", "--raw", "--root", "--no-renames", "--no-abbrev", "--no-ext-diff")
SHA1_DIGITS: Final = 40
SIZES: Final = {"locator": pl.Binary, "source_bytes": pl.Int64, "problem": pl.String}
BATCH_ROWS: Final = 1 << 16
KIND: Final = 0o170000
# What a pair of commits changed: `kind` and `locator` say what is at `name` then, null where nothing is.
CHANGES: Final = {"pair": pl.Int64(), "name": pl.Binary(), "kind": pl.Int32(), "locator": pl.Binary()}


class Commit(NamedTuple):
    """A commit, its parents, and its time in seconds since 1970."""

    id: str
    parents: list[str]
    seconds: int


def opened(path: Path, *, trusted: bool = False) -> Git:
    """The repository in a folder, looked at once for as long as nothing replaces it; one that is `trusted` may have
    parts in other folders. Raises `InputError`."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InputError(f"the repository can't be read ({error.strerror})", path, "name its folder") from error
    return _opened(path, trusted, (info.st_ino, info.st_ctime_ns))


class Git:
    """Git, for one repository. Raises `InputError` where there is none, or it is not whole."""

    def __init__(self, path: Path, trusted: bool, _state: tuple[int, ...] = ()) -> None:  # noqa: FBT001
        self.path = path
        self._folder = _git_folder(path, trusted=trusted)
        parts = _parts(path, self._folder, trusted=trusted)
        for part in parts:
            _check_folder(path, part, trusted=trusted)
        self.is_shallow = any(_is_filled(part, "shallow") for part in parts)
        packs = os.path.join(parts[-1], "objects", "pack")
        self.is_partial = os.path.isdir(packs) and any(name.endswith(".promisor") for name in os.listdir(packs))

    @contextmanager
    def _started(self, *arguments: str, lines: Iterable[str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        """A process of git that reads the lines, and its messages; it is ended with the block."""
        command = ["git", f"--git-dir={self._folder}", *OPTIONS, *arguments]
        environment = {"PATH": os.environ.get("PATH", os.defpath), **ENVIRONMENT}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.writelines(os.fsencode(line) + b"\n" for line in lines)
            given.seek(0)
            try:
                # In the root a repository's own settings can't make paths mean something else.
                process = subprocess.Popen(
                    command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=environment, cwd="/",
                    bufsize=READ_BYTES,
                )  # fmt: skip
            except FileNotFoundError as error:
                what = "git is not installed"
                raise InputError(what, self.path, "install it; repositories are read by it") from error
            with process:
                if hasattr(resource, "prlimit"):
                    resource.prlimit(process.pid, resource.RLIMIT_DATA, (GIT_MEMORY_BYTES, GIT_MEMORY_BYTES))
                try:
                    yield process, said
                finally:
                    process.kill()

    def asked(self, *arguments: str, lines: Iterable[str] = ()) -> Iterator[bytes]:
        """What git answers, in chunks; raises `InputError` at its end where git failed."""
        with self._started(*arguments, lines=lines) as (process, said):
            assert process.stdout is not None  # noqa: S101
            yield from iter(partial(process.stdout.read1, READ_BYTES), b"")  # type: ignore[attr-defined]
            if process.wait():
                message = _message(said)
                if NEWER.search(message):
                    raise InputError(f"git here is too old for the repository ({message})", self.path, INSTALL)
                if "out of memory" in message.lower():
                    raise InputError(TOO_MUCH, self.path, NAME_ANOTHER)
                raise self.corrupt(message)

    def corrupt(self, detail: str) -> InputError:
        if self.is_partial:
            return InputError(
                f"this is a partial clone, and git can't go on without the rest ({detail})", self.path, WHOLE
            )
        return InputError(f"an object of the repository is missing or corrupt ({detail})", self.path, FETCH_AGAIN)

    def commit_of(self, ref: str) -> str:
        """The id of the commit that a name stands for."""
        try:
            output = self.asked("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
            return b"".join(output).decode().strip()
        except InputError as error:
            if error.remedy in (INSTALL, WHOLE):
                raise
            # That is git's word for a name that stands for nothing.
            why = "" if "Needed a single revision" in error.what else f" ({error.what})"
            raise InputError(
                f"the repository has no commit `{ref}`{why}", self.path,
                "name a branch, a tag or a commit that it has, after an `@`; see `git fsck` if it should be there, and "
                "read files that are not committed with `file:` before the path",
            ) from error  # fmt: skip

    def kind_of(self, name: str) -> str | None:
        """What kind of object a name stands for; None where it stands for none."""
        try:
            return b"".join(self.asked("cat-file", "-t", name)).decode().strip()
        except InputError:
            return None

    def commits(self, head: str, *options: str) -> list[Commit]:
        output = b"".join(self.asked("rev-list", "--timestamp", "--parents", *options, head, "--")).decode()
        lines = [line.split(" ") for line in output.splitlines()]
        return [Commit(line[1], line[2:], int(line[0])) for line in reversed(lines)]

    def changes(
        self, pairs: Sequence[tuple[str, str | None]], subdir: str, budget: Budget, progress: Callable[[int], None]
    ) -> pl.DataFrame:
        """What is another content below a folder in the first commit of each pair than in the second one (None: than
        nothing): rows of `CHANGES`, `pair` being the number of the pair."""
        lines = (f"{commit} {parent}" if parent else commit for commit, parent in pairs)
        output = self.asked(*DIFF_TREE, "--stdin", "--always", *(("--", subdir) if subdir else ()), lines=lines)
        skipped = os.fsencode(subdir) + b"/" if subdir else b""
        frames = [pl.DataFrame(schema=CHANGES)]
        rows: list[tuple[int, bytes, int | None, bytes | None]] = []
        meta: list[bytes] | None = None
        size, count, pair = 0, 0, -1
        for token in _tokens(output, b"\0"):
            size += len(token)
            if meta is not None:
                if token.startswith(skipped):
                    name, kind = token[len(skipped) :], int(meta[1], 8) & KIND
                    self._check_name(name)
                    rows.append((pair, name, kind or None, meta[3] if kind else None))
                meta = None
            elif token.startswith(b":"):
                meta = token.split(b" ")
            else:
                # The commit of the next pair.
                pair += 1
            if size > CHANGES_BYTES:
                raise InputError(TOO_MUCH, self.path, NAME_ANOTHER)
            if len(rows) == BATCH_ROWS:
                frames.append(_frame(rows))
                rows.clear()
                budget.check_files(count := count + BATCH_ROWS, self.path)
                progress(sum(map(len, frames)))
        budget.check_files(count + len(rows), self.path)
        if pair != len(pairs) - 1:
            raise self.corrupt(f"of {len(pairs)} commits {pair + 1} could be compared")
        found = pl.concat([*frames, _frame(rows)])
        progress(len(found))
        return found

    def _check_name(self, name: bytes) -> None:
        """Raises `InputError` where a name leads elsewhere, or too deep."""
        if name.count(b"/") >= DEEPEST_FOLDER:
            shown = name[:40].decode(errors="replace")
            raise self.corrupt(f"folders in folders, more than {DEEPEST_FOLDER} deep, below `{shown}`")
        if b"/." in name or name.startswith(b"."):
            for part in {b".", b".."}.intersection(name.split(b"/")):
                raise self.corrupt(f"an entry named `{part.decode()}`")

    def sizes(self, locators: Sequence[bytes]) -> pl.DataFrame:
        """Size of each file by its id, or why it has none: columns `locator`, `source_bytes`, `problem`."""
        if self.is_partial:
            return self._sizes_of_partial(locators)
        sizes: list[int] = []
        problems: list[str | None] = []
        while len(sizes) < len(locators):
            asked = [locator.decode() for locator in locators[len(sizes) :]]
            with suppress(InputError):
                output = self.asked("cat-file", "--batch-check", lines=asked)
                for line in _tokens(output, b"\n"):
                    _, kind, *size = line.split(b" ")
                    sizes.append(int(size[0]) if kind == b"blob" else 0)
                    problems.append(None if kind == b"blob" else MISSING.format(kind.decode()))
            if len(sizes) < len(locators):
                sizes.append(0)
                problems.append(MISSING.format(GAVE_UP))
        return pl.DataFrame({"locator": locators, "source_bytes": sizes, "problem": problems}, schema=SIZES)

    def _sizes_of_partial(self, locators: Sequence[bytes]) -> pl.DataFrame:
        """The same where git would give up at each file that is not there: by all objects that are."""
        lines = _tokens(self.asked("cat-file", "--batch-all-objects", "--batch-check"), b"\n")
        blobs = {words[0]: int(words[2]) for words in map(bytes.split, lines) if words[1] == b"blob"}
        problems = [None if locator in blobs else ABSENT.format(WHOLE) for locator in locators]
        sizes = [blobs.get(locator, 0) for locator in locators]
        return pl.DataFrame({"locator": locators, "source_bytes": sizes, "problem": problems}, schema=SIZES)

    def contents(self, sources: Iterable[Source], limits: Limits) -> Iterator[tuple[Source, bytes | Reject]]:
        """Each source with its content by its id, or with the reject that says why there is none."""
        ahead = deque(sources)
        while ahead:
            # Where git gives up at an object, it is asked again for those that follow.
            with self._started("cat-file", "--batch", lines=[source.locator for source in ahead]) as (process, _):
                goes_on = True
                while ahead and goes_on:
                    source = ahead.popleft()
                    assert process.stdout is not None  # noqa: S101
                    outcome, goes_on = _content(process.stdout, source, limits)
                    yield source, outcome


_opened: Final = lru_cache(maxsize=2)(Git)


def _content(file: IO[bytes], source: Source, limits: Limits) -> tuple[bytes | Reject, bool]:
    """The content of a source as git answers it, and whether git goes on with what follows."""
    header = file.readline().split()
    if len(header) < 2:
        return source.unreadable(MISSING.format(GAVE_UP)), False
    if header[1] != b"blob":
        return source.unreadable(MISSING.format(header[1].decode())), header[1] == b"missing"
    size = int(header[2])
    if size > limits.source_bytes:
        chunks = (file.read(min(READ_BYTES, size - start)) for start in range(0, size, READ_BYTES))
        reject = source.too_large(size, limits, chunks)
        return reject, reject.source_sha256 is not None and file.read(1) == b"\n"
    data = file.read(size)
    if len(data) < size or file.read(1) != b"\n":
        return source.unreadable(MISSING.format(GAVE_UP)), False
    digest = hashlib.new("sha1" if len(source.locator) == SHA1_DIGITS else "sha256", usedforsecurity=False)
    digest.update(b"blob %d\0" % size)
    digest.update(data)
    if digest.hexdigest() != source.locator:
        detail = f"object hash mismatch: its bytes are those of {digest.hexdigest()}"
        return source.unreadable(MISSING.format(detail)), True
    return data, True


def _frame(rows: list[tuple[int, bytes, int | None, bytes | None]]) -> pl.DataFrame:
    return pl.DataFrame(list(zip(*rows, strict=True)) or [()] * len(CHANGES), schema=CHANGES)


def _tokens(output: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """What ends with `end` in chunks of output."""
    rest = b""
    for chunk in output:
        *tokens, rest = (rest + chunk).split(end)
        yield from tokens


def _message(said: IO[bytes]) -> str:
    said.seek(0)
    last = said.read().decode(errors="replace").rpartition("fatal: ")[2]
    lines = [line.strip() for line in last.splitlines() if line.strip()]
    return " ".join(lines if len(lines) < FEW_LINES else lines[-1:]) or "git failed"


def _git_folder(path: Path, *, trusted: bool) -> str:
    """Where a repository has its state, as git has to be told."""
    inside = os.path.join(path, ".git")
    if os.path.isfile(inside):
        if not trusted:
            raise InputError("its `.git` is a file that names another folder", path, TRUST)
        with open(inside, "rb") as file:
            named = os.fsdecode(file.read(LONGEST_POINTER)).removeprefix("gitdir:").strip()
        inside = os.path.join(path, named)
    folder = os.path.realpath(inside if os.path.isdir(inside) else path)
    has_objects = os.path.isdir(os.path.join(folder, "objects")) or (trusted and _is_filled(folder, "commondir"))
    if not has_objects or not os.path.lexists(os.path.join(folder, "HEAD")):
        raise InputError("this is no git repository that can be read", path, "name its folder")
    return folder


def _parts(path: Path, folder: str, *, trusted: bool) -> list[str]:
    """The folders that a repository consists of: its own, and, where it is trusted, those that it names. The last one
    has its objects, those of alternates excepted."""
    parts = [folder]
    for name in ("commondir", "objects/info/alternates"):
        if _is_filled(folder, name) and not trusted:
            raise InputError(f"its objects are elsewhere, by its file `{name}`", path, TRUST)
    if _is_filled(folder, "commondir"):
        with open(os.path.join(folder, "commondir"), "rb") as file:
            parts.append(os.path.realpath(os.path.join(folder, os.fsdecode(file.read(LONGEST_POINTER)).strip())))
    if not trusted and not os.path.join(folder, "").startswith(os.path.join(os.path.realpath(path), "")):
        raise InputError("its `.git` leads out of the folder", path, TRUST)
    return parts


def _check_folder(path: Path, folder: str, *, trusted: bool) -> None:
    """Raises `InputError` where git would wait for ever, or read something outside of a repository that may not."""
    root = os.path.join(os.path.realpath(path), "")
    ahead = [folder]
    while ahead:
        at = ahead.pop()
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    if at == folder and entry.name not in READ:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(entry.path)
                    elif not entry.is_file() and not (trusted and entry.is_symlink() and entry.is_dir()):
                        raise InputError("this is neither a file nor a folder", entry.path, CLONE)
                    elif entry.is_symlink() and not trusted and not os.path.realpath(entry.path).startswith(root):
                        raise InputError("this leads out of the repository", entry.path, TRUST)
        except OSError as error:
            raise InputError(f"the repository can't be read ({error.strerror})", at, "mend its permissions") from error


def _is_filled(folder: str, name: str) -> bool:
    """Whether a file of the repository says anything."""
    place = os.path.join(folder, name)
    if os.path.lexists(place) and not os.path.isfile(place):
        return True
    with suppress(OSError), open(place, "rb") as file:
        return any(line.strip() and not line.startswith(b"#") for line in file)
    return False
