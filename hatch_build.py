"""Compiles `transforms/_scan.c` where a C compiler and Python's headers are at hand; elsewhere Python does its work.

Hatchling calls this for each install and each wheel; `python hatch_build.py` does the same by hand.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("transforms/_scan.c")
FLAGS = ["-O2", "-fPIC", "-shared", "-fvisibility=hidden"]


class CompileHook(BuildHookInterface[Any]):
    """Adds the compiled module to what is installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # Hatchling's signature
        built = compile_scan(Path(self.root))
        if built is not None:
            build_data["artifacts"].append(f"/{built}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def compile_scan(root: Path) -> Path | None:
    """The compiled module, relative to `root`; None, with a word on why and what to do, where it can't be compiled."""
    target = SOURCE.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    for old in (root / SOURCE.parent).glob("_scan.*.so"):
        old.unlink()
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    with tempfile.TemporaryDirectory(dir=root / SOURCE.parent) as folder:
        draft = Path(folder, target.name)
        headers = sysconfig.get_path("include")
        command = [*compiler, *FLAGS, f"-I{headers}", str(root / SOURCE), "-o", str(draft)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = (getattr(error, "stderr", None) or str(error)).strip()
            print(
                f"Pressmark will parse more slowly, in Python alone, as its compiled part could not be made:\n{why}\n"
                "To have it, install a C compiler and Python's headers, and install pressmark again.",
                file=sys.stderr,
            )
            return None
        draft.replace(root / target)
    return target


if __name__ == "__main__":
    compile_scan(Path(__file__).parent)
