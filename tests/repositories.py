"""Git repositories for tests, made object by object: any name, any mode, any history."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pygit2

REGULAR, LINK, SUBMODULE = 0o100644, 0o120000, 0o160000
FIRST_COMMIT_S = 1_740_000_000


class Special(NamedTuple):
    """A link with its target, or a submodule with the hex id of its commit."""

    mode: int
    content: str


Files = Mapping[str | bytes, bytes | Special]


class Repository:
    """A bare repository whose commits are given as whole archives or as changes to the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git = pygit2.init_repository(str(path), bare=True, initial_head="main")
        self.commits: list[str] = []
        self._clock = FIRST_COMMIT_S

    def commit(
        self, files: Files, *, at: int | None = None, parents: list[str] | None = None, branch: str | None = "main"
    ) -> str:
        """Commit exactly these files, an hour after the last commit; the commit's id."""
        self._clock = self._clock + 3600 if at is None else at
        by_parts: dict[tuple[bytes, ...], bytes | Special] = {}
        for name, content in files.items():
            raw = os.fsencode(name)
            by_parts[tuple(raw.split(b"/"))] = content
        who = pygit2.Signature("A", "a@pressmark.example", self._clock, 0)
        if parents is None:
            parents = self.commits[-1:]
        made = self.git.create_commit(None, who, who, "c", self._tree(by_parts), [pygit2.Oid(hex=p) for p in parents])
        if branch is not None:
            self.git.references.create(f"refs/heads/{branch}", made, force=True)
            self.commits.append(str(made))
        return str(made)

    def _tree(self, files: Mapping[tuple[bytes, ...], bytes | Special]) -> pygit2.Oid:
        entries: dict[bytes, tuple[int, bytes]] = {}
        below: dict[bytes, dict[tuple[bytes, ...], bytes | Special]] = {}
        for parts, content in files.items():
            if len(parts) > 1:
                below.setdefault(parts[0], {})[parts[1:]] = content
            elif isinstance(content, Special) and content.mode == SUBMODULE:
                entries[parts[0]] = (SUBMODULE, bytes.fromhex(content.content))
            else:
                data = content.content.encode() if isinstance(content, Special) else content
                mode = content.mode if isinstance(content, Special) else REGULAR
                entries[parts[0]] = (mode, self.git.create_blob(data).raw)
        for name, inside in below.items():
            entries[name] = (0o40000, self._tree(inside).raw)
        ordered = sorted(entries.items(), key=lambda entry: entry[0] + b"/" * (entry[1][0] == 0o40000))
        raw = b"".join(b"%o %s\0%s" % (mode, name, blob) for name, (mode, blob) in ordered)
        return self.git.write(pygit2.GIT_OBJECT_TREE, raw)


def article(
    slug: str,
    *,
    at: str = "2022-03-04T05:06:07",
    body: str = "<p>松岭市图书馆今天开放。</p><p>读者从早晨开始排队。</p>",
) -> bytes:
    """A fictional article whose URL ends with `slug`."""

    milliseconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    return (
        f"<!--{milliseconds}-->\n[松岭市举行读书节](https://songling-times.example/{slug})\n------\n\n{body}\n".encode()
    )


def files_below(folder: Path) -> dict[str | bytes, bytes | Special]:
    """The files of a folder, links as links."""
    return {
        str(path.relative_to(folder)): Special(LINK, str(path.readlink())) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
