"""Compiles the modules in C where a C compiler and Python's headers are at hand; elsewhere Python does their work.

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

SOURCES = (Path("transforms/_scan.c"), Path("storage/_formats.c"), Path("storage/_folders.c"))
FLAGS = ["-O2", "-fPIC", "-shared", "-fvisibility=hidden"]


class CompileHook(BuildHookInterface[Any]):
    """Adds the compiled modules to what is installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # Hatchling's signature
        built = compile_modules(Path(self.root))
        if built:
            build_data["artifacts"] += [f"/{module}" for module in built]
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def compile_modules(root: Path) -> list[Path]:
    """The compiled modules, relative to `root`; none, with a word on why and what to do, where one can't be made."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for source in SOURCES:
        for old in (root / source.parent).glob(f"{source.stem}.*.so"):
            old.unlink()
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    headers = sysconfig.get_path("include")
    with tempfile.TemporaryDirectory(dir=root) as folder:
        drafts = {source.with_suffix(suffix): Path(folder, source.with_suffix(suffix).name) for source in SOURCES}
        try:
            for source, draft in zip(SOURCES, drafts.values(), strict=True):
                command = [*compiler, *FLAGS, f"-I{headers}", str(root / source), "-o", str(draft)]
                subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = (getattr(error, "stderr", None) or str(error)).strip()
            print(
                f"Pressmark will parse more slowly, in Python alone, as its compiled part could not be made:\n{why}\n"
                "To have it, install a C compiler and Python's headers, and install pressmark again.",
                file=sys.stderr,
            )
            return []
        for target, draft in drafts.items():
            draft.replace(root / target)
    return list(drafts)


if __name__ == "__main__":
    compile_modules(Path(__file__).parent)
