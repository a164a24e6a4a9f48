"""A stream of blobs and commits into a bare repository, by `git fast-import`.

Owns the format of that stream and the settings that keep git's answer the same on every machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

__all__ = ["NUMBERS", "FastImport", "environment", "git"]

NUMBERS: Final = "Numbers"
AUTHOR: Final = "Relay <relay@archive.example>"
BUFFER_BYTES: Final = 1 << 16
PIPE_BYTES: Final = 1 << 20
NO_COMMIT: Final = "0" * 40


def environment() -> dict[str, str]:
    """The environment without anything by which git's settings or repository would be other ones."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def git(repository: Path, *arguments: str) -> str:
    """What a git command on a repository prints; raises `CalledProcessError`."""
    command = ["git", "--git-dir", str(repository), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment()).stdout.decode()


class FastImport:
    """Writes one pack; commits say in a trailer that article numbers up to `numbers` are taken.

    `parent` is what the first commit on the main line stands on, where the repository has one. All times are epoch
    seconds, all files are given by the mark of their blob, None for a deleted one.
    """

    def __init__(self, repository: Path, numbers: int, parent: str = "") -> None:
        # A limit of 1 keeps git from unpacking small imports into loose objects.
        command = ["git", "--git-dir", str(repository), "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet"]
        # The pipe holds some commits, so that git works on these while the next are written.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, bufsize=BUFFER_BYTES, pipesize=PIPE_BYTES, env=environment()
        )
        self._numbers = numbers
        self._parent = parent
        self._mark = 0

    def __enter__(self) -> FastImport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self._process.kill()
        self._process.communicate()
        if self._process.returncode and not kind:
            raise subprocess.CalledProcessError(self._process.returncode, self._process.args)

    def blob(self, data: bytes) -> int:
        """Mark of a new blob."""
        self._mark += 1
        self._write(f"blob\nmark :{self._mark}\ndata {len(data)}\n".encode(), data, b"\n")
        return self._mark

    def commit(self, ref: str, at: int, files: Mapping[str, int | None], *, parent: int = 0, merge: int = 0) -> int:
        """Mark of a new commit on the tip of `ref`, or on the commit of the mark `parent`."""
        self._mark += 1
        message = (
            f"Archive of {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}\n\n{NUMBERS}: {self._numbers}\n".encode()
        )
        lines = [f"commit {ref}", f"mark :{self._mark}"]
        lines += [f"{role} {AUTHOR} {at} +0000" for role in ("author", "committer")]
        lines += [f"data {len(message)}\n{message.decode()}"]
        if parent or self._parent:
            lines.append(f"from :{parent}" if parent else f"from {self._parent}")
            self._parent = "" if not parent else self._parent
        if merge:
            lines.append(f"merge :{merge}")
        lines += [f"D {path}" for path, mark in files.items() if mark is None]
        lines += [f"M 100644 :{mark} {path}" for path, mark in files.items() if mark is not None]
        self._write("\n".join(lines).encode(), b"\n\n")
        return self._mark

    def forget(self, ref: str) -> None:
        """Removes a branch; its commits stay where they are merged."""
        self._write(f"reset {ref}\nfrom {NO_COMMIT}\n\n".encode())

    def _write(self, *pieces: bytes) -> None:
        stream = self._process.stdin
        if stream is None:
            raise AssertionError("the process was started with a pipe")
        for piece in pieces:
            stream.write(piece)
