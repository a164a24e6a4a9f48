"""Tells which kind of input an address names, and opens it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from pressmark.storage.errors import InputError
from pressmark.storage.inputs.archives import TarArchive, ZipArchive
from pressmark.storage.inputs.budget import Budget
from pressmark.storage.inputs.folder import Objects
from pressmark.storage.inputs.recordfiles import RecordFolder
from pressmark.storage.inputs.source import Input
from pressmark.storage.output.folder import PRIVATE
from pressmark.storage.output.store import is_object_address

__all__ = ["InputAddress", "absolute", "look_at", "open_input", "parse_address"]

GIT_SCHEME: Final = "git+file:"
FILE_SCHEME: Final = "file:"
# How git writes what it reads over ssh.
SECURE_COPY: Final = re.compile(r"[\w.-]+@[\w.-]+:")
TAR_SUFFIXES: Final = (
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz",
)  # fmt: skip

Kind = Literal["folder", "git", "tar", "zip", "objects"]


class InputAddress(NamedTuple):
    """Where an input is: a folder or a single file, a git repository (at `ref`, below `subdir`, `trusted` where it may
    name other folders of this machine), a tar or zip; or, by its `url`, objects in a store."""

    kind: Kind
    path: Path
    ref: str | None = None
    subdir: str = ""
    url: str = ""
    trusted: bool = False

    def location(self, source_path: str) -> str:
        return f"{self.url.rstrip('/')}/{source_path}" if self.url else str(self.path / source_path)

    def at(self, commit: str | None) -> InputAddress:
        return self if commit is None or self.kind != "git" else self._replace(ref=commit)


def parse_address(text: str) -> InputAddress:
    """The address that a user gave: a path, `file:path` (never read as a repository), `git+file:path[@ref][#subdir]`,
    or objects such as `s3://bucket/prefix`. Behind `file:` and `git+file:` a path is written as anywhere else; `//`
    before one that starts with `/` changes nothing.

    A path is a repository where it has a `.git` or is a bare one, and a tar or zip archive by its name's end.

    >>> parse_address("git+file:/archives/news@main#rfi")
    InputAddress(kind='git', path=PosixPath('/archives/news'), ref='main', subdir='rfi', url='', trusted=False)
    """
    if "\0" in unquote(text):
        raise InputError("the address has a character that no name has (0)", text, "give a path")
    if text.startswith(GIT_SCHEME):
        return _repository(text)
    if is_object_address(text):
        return InputAddress("objects", Path(), url=text)
    plain = text.startswith(FILE_SCHEME)
    scheme, _, rest = text.partition("://")
    remote = "://" in text and not plain
    if (remote and scheme.removeprefix("git+") in ("https", "http", "ssh", "git")) or (
        SECURE_COPY.match(text) and not os.path.lexists(text)
    ):
        how = f"`git clone {text.removeprefix('git+')}`"
        if scheme in ("https", "http") and not rest.partition("?")[0].rstrip("/").endswith(".git"):
            how = f"`curl -LO '{text}'`, or `git clone` if it is one"
        raise InputError("what is on another machine can't be read from there", text, f"fetch it first: {how}")
    if remote:
        raise InputError(
            f"inputs of the kind `{scheme}` can't be read", text,
            f"give a path, {GIT_SCHEME}path or s3://bucket/prefix; clone a remote repository first (`git clone`)",
        )  # fmt: skip
    path = Path(unquote(_path_behind(text, FILE_SCHEME)) if plain else text)
    if path.is_dir():
        return InputAddress("git" if not plain and _is_repository(path) else "folder", path)
    name = path.name.lower()
    if name.endswith(TAR_SUFFIXES):
        return InputAddress("tar", path)
    return InputAddress("zip" if name.endswith(".zip") else "folder", path)


def absolute(text: str) -> str:
    """The address that a user gave, such that it means the same in any working folder."""
    for scheme in (GIT_SCHEME, FILE_SCHEME):
        if text.startswith(scheme):
            return f"{scheme}//{os.path.abspath(_path_behind(text, scheme))}"
    return text if "://" in text else os.path.abspath(text)


def open_input(address: InputAddress, budget: Budget | None = None, keys: Mapping[str, str] | None = None) -> Input:
    """The input at an address. Nothing is read yet; raises `InputError` where nothing is there. `keys` are those of
    JSON Lines, by field."""
    budget = budget or Budget()
    if address.kind == "objects":
        return Objects(address.url, budget)
    _must_be_there(address.path)
    if address.kind == "git":
        # The only input that needs polars, which no worker has a use for.
        from pressmark.storage.inputs.git import GitRepository

        return GitRepository(address.path, address.ref, address.subdir, budget, trusted=address.trusted)
    if address.kind in ("tar", "zip"):
        return (TarArchive if address.kind == "tar" else ZipArchive)(address.path, budget)
    return RecordFolder(address.path, budget, keys or {})


def look_at(address: InputAddress, output: Path | None) -> None:
    """Raise `InputError` where nothing is there, or the folder is an output, but for the one that is written to."""
    if address.kind == "objects":
        return
    _must_be_there(address.path)
    is_output = (address.path / PRIVATE).is_dir() and next(address.path.glob("runs/*.parquet"), None)
    if is_output and address.kind == "folder" and not (output and output.exists() and output.samefile(address.path)):
        raise InputError(
            "this is an output, and no archive", address.path,
            "name the archive first, then the output; where its tables lie among articles, move them elsewhere",
        )  # fmt: skip


def _must_be_there(path: Path) -> None:
    if not os.path.lexists(path):
        raise InputError("there is no such file or folder", path, "give the folder that holds the archive")


def _path_behind(text: str, scheme: str) -> str:
    """The path in an address such as `file:news`, `file:/news` or `file:///news`; raises `InputError` where what
    follows `//` is a host, and where only the relative path of the same name is there."""
    path = text.removeprefix(scheme)
    if not path.startswith("//"):
        return path
    if not path.startswith("///"):
        raise InputError("what is on another machine can't be read from there", text, f"write `{scheme}{path[2:]}`")
    plain = unquote(path[2:].partition("#")[0])
    if not os.path.lexists(plain) and os.path.lexists(plain.lstrip("/")):
        raise InputError(
            "there is no such file or folder", plain, f"write `{scheme}{path.lstrip('/')}` for the one in this folder"
        )
    return path[2:]


def _repository(text: str) -> InputAddress:
    rest, _, subdir = _path_behind(text, GIT_SCHEME).partition("#")
    subdir = "/".join(part for part in unquote(subdir).split("/") if part)
    # A path may hold an `@` too, so it is as long as there is a folder.
    path, ref = rest, ""
    while not Path(unquote(path)).is_dir() and "@" in path:
        path, _, more = path.rpartition("@")
        ref = f"{more}@{ref}" if ref else more
    if rest.endswith("@"):
        raise InputError("no branch, tag or commit follows the `@`", text, "name one, or leave the `@` out")
    return InputAddress("git", Path(unquote(path)), unquote(ref) or None, subdir)


def _is_repository(path: Path) -> bool:
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    return bare or (path / ".git").exists()
