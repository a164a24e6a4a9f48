"""How git itself is asked about a repository: its commits, what they changed, and the contents of files.

The repository may be anybody's. Git runs without a shell, hooks, network and the operator's settings; nothing that lies
outside of the repository is read, and what would keep git waiting, or fill the memory, is refused.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import IO, Final, NamedTuple

import polars as pl

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.source import Source, too_large, unreadable
from pressmark.transforms.records import Limits, Reject

__all__ = ["CHANGES", "MISSING", "Blobs", "Commit", "Git", "opened"]

MISSING: Final = "its object is missing or corrupt ({}); see `git fsck`, and fetch the repository again"
GAVE_UP: Final = "git can't read it"
FETCH_AGAIN: Final = "see `git fsck`, and fetch the repository again"
CLONE: Final = "clone it whole (`git clone --mirror --no-local`), and name the clone"
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
# More than git takes for any archive of articles: a small pack can ask for any amount.
MEMORY_BYTES: Final = 1 << 30
TOO_MUCH: Final = "its commits name more, or larger, files than those of any archive of articles"
NAME_ANOTHER: Final = "name another one, or a folder of it after a `#`"
READ_BYTES: Final = 1 << 20

DIFF_TREE: Final = ("diff-tree", "-r", "-z", "--raw", "--root", "--no-renames", "--no-abbrev", "--no-ext-diff")
SHA1_DIGITS: Final = 40
EMPTY_TREES: Final = {
    SHA1_DIGITS: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
# No archive has so many folders in each other, or so long a list of changes: 11 objects can name 10^9 files.
DEEPEST: Final = 200
CHANGES_BYTES: Final = 1 << 30
BATCH_ROWS: Final = 1 << 16
KIND: Final = 0o170000
# What a pair of commits changed: `kind` and `locator` say what is at `name` then, null where nothing is.
CHANGES: Final = {"pair": pl.Int64(), "name": pl.Binary(), "kind": pl.Int32(), "locator": pl.Binary()}


class Commit(NamedTuple):
    """A commit, its parents, and its time in seconds since 1970."""

    id: str
    parents: list[str]
    seconds: int


def opened(path: Path) -> Git:
    """The repository in a folder, looked at once for as long as nothing replaces it. Raises `InputError`."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InputError(f"the repository can't be read ({error.strerror})", path, "name its folder") from error
    return _opened(path, (info.st_ino, info.st_ctime_ns))


@lru_cache(maxsize=2)
def _opened(path: Path, _state: tuple[int, ...]) -> Git:
    return Git(path)


class Git:
    """Git, for one repository. Raises `InputError` where there is none, or it is not whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = _git_folder(path)
        _check_folder(path, self._folder)
        self.is_shallow = _is_filled(self._folder, "shallow")
        packs = os.path.join(self._folder, "objects", "pack")
        self.is_partial = os.path.isdir(packs) and any(name.endswith(".promisor") for name in os.listdir(packs))

    def start(self, *arguments: str, given: IO[bytes] | int, said: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """A process of git that reads what is given to it; `said` takes its messages."""
        command = ["git", f"--git-dir={self._folder}", *OPTIONS, *arguments]
        environment = {"PATH": os.environ.get("PATH", os.defpath), **ENVIRONMENT}
        try:
            # In the root a repository's own settings can't make paths mean something else.
            process = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=environment, cwd="/", bufsize=READ_BYTES
            )
        except FileNotFoundError as error:
            raise InputError("git is not installed", self.path, "install it; repositories are read by it") from error
        if hasattr(resource, "prlimit"):
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        return process

    def asked(self, *arguments: str, lines: Iterable[str] = ()) -> Iterator[bytes]:
        """What git answers, in chunks; raises `InputError` at its end where git failed."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.writelines(os.fsencode(line) + b"\n" for line in lines)
            given.seek(0)
            process = self.start(*arguments, given=given, said=said)
            assert process.stdout is not None  # noqa: S101
            try:
                yield from iter(partial(process.stdout.read1, READ_BYTES), b"")  # type: ignore[attr-defined]
                if process.wait():
                    message = _last_line(said)
                    if "out of memory" in message.lower():
                        raise InputError(TOO_MUCH, self.path, NAME_ANOTHER)
                    raise self.corrupt(message)
            finally:
                _end(process)

    def corrupt(self, detail: str) -> InputError:
        """The error of a repository that can't be read."""
        return InputError(f"an object of the repository is missing or corrupt ({detail})", self.path, FETCH_AGAIN)

    def commit_of(self, ref: str) -> str:
        """The id of the commit that a name stands for."""
        try:
            output = self.asked("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
            return b"".join(output).decode().strip()
        except InputError as error:
            raise InputError(
                f"the repository has no commit `{ref}` ({error.what})", self.path,
                "name a branch, a tag or a commit that it has, after an `@`; see `git fsck` if it should be there",
            ) from error  # fmt: skip

    def kind_of(self, name: str) -> str | None:
        """What kind of object a name stands for; None where it stands for none."""
        try:
            return b"".join(self.asked("cat-file", "-t", name)).decode().strip()
        except InputError:
            return None

    def commits(self, head: str, *options: str) -> list[Commit]:
        """Commits that led to one, itself included, from the oldest to the newest."""
        output = b"".join(self.asked("rev-list", "--timestamp", "--parents", *options, head, "--")).decode()
        lines = [line.split(" ") for line in output.splitlines()]
        return [Commit(line[1], line[2:], int(line[0])) for line in reversed(lines)]

    def changes(
        self, pairs: Sequence[tuple[str, str | None]], subdir: str, progress: Callable[[int], None]
    ) -> pl.DataFrame:
        """What is another content below a folder in the first commit of each pair than in the second one (None: than
        nothing): rows of `CHANGES`, `pair` being the number of the pair."""
        lines = (f"{commit} {parent}" if parent else commit for commit, parent in pairs)
        output = self.asked(*DIFF_TREE, "--stdin", "--always", *_pathspec(subdir), lines=lines)
        found, count = self._parsed(output, subdir, progress)
        if count != len(pairs):
            raise self.corrupt(f"of {len(pairs)} commits {count} could be compared")
        return found

    def files(self, head: str, subdir: str) -> pl.DataFrame:
        """All that a commit has below a folder: rows of `CHANGES`."""
        output = self.asked(*DIFF_TREE, EMPTY_TREES[len(head)], f"{head}^{{tree}}", *_pathspec(subdir))
        return self._parsed(output, subdir, lambda _: None)[0]

    def _parsed(
        self, output: Iterable[bytes], subdir: str, progress: Callable[[int], None]
    ) -> tuple[pl.DataFrame, int]:
        """Changes, and how many pairs there were."""
        skipped = os.fsencode(subdir) + b"/" if subdir else b""
        frames = [pl.DataFrame(schema=CHANGES)]
        pairs: list[int] = []
        names: list[bytes] = []
        kinds: list[int | None] = []
        locators: list[bytes | None] = []
        meta: list[bytes] | None = None
        total, count = 0, 0

        def flush() -> None:
            frames.append(pl.DataFrame([pairs, names, kinds, locators], schema=CHANGES))
            for column in (pairs, names, kinds, locators):
                column.clear()
            progress(sum(map(len, frames)))

        for tokens in _tokens(output, b"\0"):
            for token in tokens:
                total += len(token)
                if meta is None:
                    if token.startswith(b":"):
                        meta = token.split(b" ")
                    else:
                        # The commit of the next pair.
                        count += 1
                    continue
                if token.startswith(skipped):
                    name = token[len(skipped) :]
                    if b"/." in name or name.startswith(b".") or name.count(b"/") > DEEPEST:
                        self._check_name(name)
                    kind = int(meta[1], 8) & KIND
                    pairs.append(count - 1)
                    names.append(name)
                    kinds.append(kind or None)
                    locators.append(meta[3] if kind else None)
                meta = None
            if total > CHANGES_BYTES:
                raise InputError(TOO_MUCH, self.path, NAME_ANOTHER)
            if len(names) >= BATCH_ROWS:
                flush()
        flush()
        return pl.concat(frames), count

    def _check_name(self, name: bytes) -> None:
        """Raises `InputError` where a name leads elsewhere, or too deep."""
        parts = name.split(b"/")
        if len(parts) > DEEPEST:
            shown = name[:40].decode(errors="replace")
            raise self.corrupt(f"folders in folders, more than {DEEPEST} deep, below `{shown}`")
        for part in parts:
            if part in (b".", b".."):
                raise self.corrupt(f"an entry named `{part.decode()}`")

    def sizes(self, locators: Sequence[bytes]) -> pl.DataFrame:
        """Size of each file by its id, or why it has none: columns `locator`, `source_bytes`, `problem`."""
        sizes: list[int] = []
        problems: list[str | None] = []
        while len(sizes) < len(locators):
            asked = [locator.decode() for locator in locators[len(sizes) :]]
            with suppress(InputError):
                output = self.asked("cat-file", "--batch-check", lines=asked)
                for line in chain.from_iterable(_tokens(output, b"\n")):
                    _, kind, *size = line.split(b" ")
                    sizes.append(int(size[0]) if kind == b"blob" else 0)
                    problems.append(None if kind == b"blob" else MISSING.format(kind.decode()))
            if len(sizes) < len(locators):
                sizes.append(0)
                problems.append(MISSING.format(GAVE_UP))
        columns = {"locator": locators, "source_bytes": sizes, "problem": problems}
        return pl.DataFrame(columns, schema={"locator": pl.Binary, "source_bytes": pl.Int64, "problem": pl.String})


class Blobs:
    """Contents of files by their ids, in the order in which they were asked for. To be used in a `with`."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: list[str] = []

    def __enter__(self) -> Blobs:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ask(self, locators: Sequence[str]) -> None:
        """Ask for contents, so few that their ids fit into a pipe, after those of the last call were read."""
        self._asked = list(locators)
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch", given=subprocess.PIPE, said=subprocess.DEVNULL)
        given = self._process.stdin
        # Where git is gone already, reading finds that out.
        with suppress(BrokenPipeError):
            if given is not None:
                given.write("".join(f"{locator}\n" for locator in locators).encode())
                given.flush()

    def read(self, source: Source, limits: Limits) -> bytes | Reject:
        """The next content, which is the source's, or the reject that says why there is none."""
        del self._asked[0]
        outcome, goes_on = self._next(source, limits)
        if not goes_on:
            self._stop()
            self.ask(self._asked)
        return outcome

    def _next(self, source: Source, limits: Limits) -> tuple[bytes | Reject, bool]:
        """What git answers, and whether it goes on with what else it was asked for."""
        file = self._process.stdout if self._process is not None else None
        given_up = unreadable(source, MISSING.format(GAVE_UP))
        header = file.readline().split() if file is not None else []
        if file is None or len(header) < 2:
            return given_up, False
        if header[1] != b"blob":
            return unreadable(source, MISSING.format(header[1].decode())), header[1] == b"missing"
        size = int(header[2])
        if size > limits.source_bytes:
            chunks = (file.read(min(READ_BYTES, size - start)) for start in range(0, size, READ_BYTES))
            reject = too_large(source, size, limits, chunks)
            return reject, reject.source_sha256 is not None and file.read(1) == b"\n"
        data = file.read(size)
        if len(data) < size or file.read(1) != b"\n":
            return given_up, False
        digest = hashlib.new("sha1" if len(source.locator) == SHA1_DIGITS else "sha256", usedforsecurity=False)
        digest.update(b"blob %d\0" % size)
        digest.update(data)
        if digest.hexdigest() != source.locator:
            detail = f"object hash mismatch: its bytes are those of {digest.hexdigest()}"
            return unreadable(source, MISSING.format(detail)), True
        return data, True

    def _stop(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            if stream is not None:
                stream.close()


def _tokens(output: Iterable[bytes], end: bytes) -> Iterator[list[bytes]]:
    """What ends with `end` in chunks of output, as lists."""
    rest = b""
    for chunk in output:
        *tokens, rest = (rest + chunk).split(end)
        yield tokens


def _last_line(said: IO[bytes]) -> str:
    """The last message of git."""
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.removeprefix("fatal: ") for line in reversed(lines) if line.strip()), "git failed")


def _pathspec(subdir: str) -> tuple[str, ...]:
    return ("--", subdir) if subdir else ()


def _git_folder(path: Path) -> str:
    """Where a repository has its objects, as git has to be told."""
    inside = os.path.join(path, ".git")
    if os.path.isfile(inside):
        raise InputError("its `.git` is a file that names another folder", path, f"name that repository, or {CLONE}")
    folder = os.path.realpath(inside if os.path.isdir(inside) else path)
    if not os.path.isdir(os.path.join(folder, "objects")) or not os.path.lexists(os.path.join(folder, "HEAD")):
        raise InputError("this is no git repository that can be read", path, "name its folder")
    return folder


def _check_folder(path: Path, folder: str) -> None:
    """Raises `InputError` where git would read something outside of the repository, or wait for ever."""
    root = os.path.join(os.path.realpath(path), "")
    for name in ("commondir", "objects/info/alternates"):
        if _is_filled(folder, name):
            raise InputError(f"its objects are elsewhere, by its file `{name}`", path, CLONE)
    if not os.path.join(folder, "").startswith(root):
        raise InputError("its `.git` leads out of the folder", path, CLONE)
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
                    elif not entry.is_file():
                        raise InputError("this is neither a file nor a folder", entry.path, CLONE)
                    elif entry.is_symlink() and not os.path.realpath(entry.path).startswith(root):
                        raise InputError("this leads out of the repository", entry.path, CLONE)
        except OSError as error:
            raise InputError(f"the repository can't be read ({error.strerror})", at, "mend its permissions") from error


def _is_filled(folder: str, name: str) -> bool:
    """Whether a file of the repository says anything."""
    place = os.path.join(folder, name)
    if os.path.lexists(place) and not os.path.isfile(place):
        return True
    try:
        with open(place, "rb") as file:
            return any(line.strip() and not line.startswith(b"#") for line in file)
    except OSError:
        return False
