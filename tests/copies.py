"""Copies of a process that has imported what they need, for tests that end them: a copy takes no second to begin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from archives import ROOT

# Does its arguments' work in a copy of the process; what that printed, and how it ended.
InCopy = Callable[..., tuple[str, int]]
LOOP = """
import os, sys
sys.path[:0] = ["src", "tests", "."]
{program}
for line in sys.stdin:
    child = os.fork()
    if not child:
        work(*line.rstrip("\\n").split(chr(9)))
        os._exit(0)
    print("ended", os.waitpid(child, 0)[1], flush=True)
"""


@contextmanager
def copies_of(program: str, environment: Mapping[str, str] | None = None) -> Iterator[InCopy]:
    """Start a process with the program, which imports what is slow to import and defines `work`."""
    command, variables = [sys.executable, "-c", LOOP.format(program=program)], {**os.environ, **(environment or {})}
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def in_copy(*arguments: object) -> tuple[str, int]:
            print(*arguments, sep="\t", file=process.stdin, flush=True)
            printed = ""
            while not (line := process.stdout.readline()).startswith("ended "):  # type: ignore[union-attr]
                assert line, "the process itself has ended"
                printed += line
            return printed, int(line.split()[1])

        yield in_copy
        process.communicate()
