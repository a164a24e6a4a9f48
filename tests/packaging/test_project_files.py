"""What a contributor and a machine follow names only what is there: targets, Pythons and locked packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from archives import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMING_TARGETS = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", ROOT / ".ci" / "run", *WORKFLOWS]
LOCKS = sorted(ROOT.glob("*.lock"))


@pytest.mark.parametrize("path", NAMING_TARGETS, ids=lambda path: path.name)
def test_every_target_that_is_named_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"(?:^ *(?:- run: )?|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE))
    assert named
    assert named <= targets


def test_the_workflow_runs_every_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text]
    (workflow,) = WORKFLOWS
    matrices = re.findall(r"python: \[(.*)\]", workflow.read_text("utf-8"))
    assert matrices
    assert all(re.findall(r"3\.\d+", matrix) == named for matrix in matrices)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_by_hash_and_names_no_index(lock: Path) -> None:
    text = lock.read_text("utf-8")
    packages = re.split(r"^(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert packages
    assert all("==" in package and "--hash=sha256:" in package for package in packages)
    assert "://" not in text
    assert "index-url" not in text


def test_the_lock_holds_every_dependency_but_those_of_bench_and_site() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(
            name
            for extra, names in project["optional-dependencies"].items()
            if extra not in ("peers", "docs")
            for name in names
        ),
    ]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    assert {re.split(r"[^A-Za-z0-9-]", name)[0] for name in wanted} <= locked
