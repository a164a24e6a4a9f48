"""Moments of an output that are kept: `OUTPUT@RUN` is the output as it was after that run.

A moment is a folder of hard links below `.pressmark/moments`, so it takes the space of what later runs replaced alone.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from pressmark.storage.errors import OutputError
from pressmark.storage.output.folder import PRIVATE, sync
from pressmark.storage.output.snapshot import snapshot
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import latest_of, new_stamp

__all__ = ["KeptMoment", "drop_moments", "keep", "kept", "names_moment", "output_at"]

MOMENTS: Final = f"{PRIVATE}/moments"
AT: Final = re.compile(r".+@\d{8}T\d{6}Z-[0-9a-f]+")


class KeptMoment(NamedTuple):
    """A kept moment: the run after which the output was so, and the bytes of files that no other moment has and that
    the output has replaced."""

    run_id: str
    own_bytes: int


def keep(output: Output) -> KeptMoment:
    """Keep an output as it is, as the moment of its latest run; again is as well. Raises `OutputError` where it has no
    run, or lies where no hard links can be made."""
    moments = output.root / MOMENTS
    with snapshot(output, f"keep-{new_stamp().run_id}", digested=False) as held:
        run_id = latest_of(Output(held.folder)).run_id
        target = moments / run_id
        if held.folder == output.root:
            raise OutputError("no hard links can be made here", output.address, "copy the output's folder instead")
        if not target.exists():
            moments.mkdir(exist_ok=True)
            for folder, _, _ in os.walk(held.folder):
                sync(Path(folder))
            held.folder.rename(target)
            sync(moments)
    return _moment(target)


def kept(output: Output) -> list[KeptMoment]:
    """The moments that are kept, the latest first."""
    return [_moment(folder) for folder in sorted((output.root / MOMENTS).glob("*"), reverse=True)]


def drop_moments(output: Output, run_id: str | None = None) -> list[str]:
    """Let go of one moment, or of all; their runs. Raises `OutputError` where it is not kept."""
    found = [moment.run_id for moment in kept(output) if run_id in (None, moment.run_id)] if output.is_local else []
    if run_id is not None and not found:
        raise _not_kept(output, run_id)
    for name in found:
        shutil.rmtree(output.root / MOMENTS / name)
    return found


def output_at(address: str | Path) -> Output:
    """The output at an address, or at `OUTPUT@RUN` its moment after a run. Raises `OutputError` where that moment is
    neither the latest nor kept."""
    if not names_moment(address):
        return Output(address)
    folder, _, run_id = str(address).rpartition("@")
    output = Output(folder)
    moment = output.root / MOMENTS / run_id
    if moment.is_dir():
        return Output(moment)
    if latest_of(output).run_id != run_id:
        raise _not_kept(output, run_id)
    return output


def names_moment(address: str | Path) -> bool:
    """Whether an address is `OUTPUT@RUN`, and no folder of that name."""
    return AT.fullmatch(str(address)) is not None and Output(address).is_local and not Path(address).exists()


def _not_kept(output: Output, run_id: str) -> OutputError:
    names = ", ".join(moment.run_id for moment in kept(output)) or "none"
    return OutputError(
        f"the moment of the run `{run_id}` is not kept", output.address,
        f"kept are: {names}; `pressmark keep {output.address}` keeps the output as it is",
    )  # fmt: skip


def _moment(folder: Path) -> KeptMoment:
    files = [path.stat() for path in folder.rglob("*.parquet")]
    return KeptMoment(folder.name, sum(file.st_size for file in files if file.st_nlink == 1))
