"""The package as a user installs it: built from a copy of the tree, and used in an environment outside of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from archives import ROOT

pytestmark = pytest.mark.slow

PACKAGES: Final = ("flows", "schemas", "storage", "transforms", "views", "warehouses")
BUILT_FROM: Final = ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "src", *PACKAGES)
UV: Final = Path(sys.executable).with_name("uv")
URL: Final = "https://www.bbc.com/news/world-1"
SOURCE: Final = f"<!--1646370367000-->\n[A]({URL})\n------\n<p>One.</p>"


class Built(NamedTuple):
    """What a build gives."""

    wheel: Path
    sdist: Path


def run(*command: object, cwd: Path) -> str:
    """What a command prints; it runs in an empty environment, so that no setting of this one leads back here."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={"PATH": "/usr/bin:/bin", "HOME": str(cwd)}, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    tree = tmp_path_factory.mktemp("tree")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / name, tree / name)
    (tree / "tests").mkdir()
    (tree / "tests" / "test_a.py").touch()  # setuptools would take it into the sdist
    (tree / "build" / "lib" / "pressmark").mkdir(parents=True)
    (tree / "build" / "lib" / "pressmark" / "stale.py").touch()  # what an older build left
    command = ("build", "--no-build-isolation", "--offline", "--no-cache", "--python", sys.executable)
    run(UV, *command, "--out-dir", tree / "dist", cwd=tree)
    (wheel,), (sdist,) = (tree / "dist").glob("*.whl"), (tree / "dist").glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def clean(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel. Its dependencies come by path from this one, whose own `pressmark` does not:
    that is an editable install, which a path alone does not bring."""
    folder = tmp_path_factory.mktemp("clean")
    run(UV, "venv", "--offline", "--no-cache", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    install = ("pip", "install", "--offline", "--no-cache", "--no-deps", "--python", python, built.wheel)
    run(UV, *install, cwd=folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return folder


def test_the_wheel_is_pure_and_holds_the_package_and_nothing_else(built: Built) -> None:
    assert built.wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (about,) = (name for name in wheel.namelist() if name.endswith(".dist-info/WHEEL"))
        assert message_from_bytes(wheel.read(about))["Root-Is-Purelib"] == "true"
    tracked = run("git", "ls-files", *PACKAGES, cwd=ROOT).split()
    own = ("__init__.py", "__main__.py", "py.typed")
    assert names == {f"pressmark/{name}" for name in (*tracked, *own)}


def test_the_sdist_holds_what_the_package_is_built_from(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {member.name.split("/")[1] for member in sdist.getmembers() if "/" in member.name}
        assert not [member.name for member in sdist.getmembers() if member.issym()]
    assert names == {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "src"}


def test_the_program_runs_outside_the_repository(clean: Path) -> None:
    programs = clean / "venv" / "bin"
    assert run(programs / "pressmark", "--version", cwd=clean) == "pressmark 0.1.0\n"
    assert run(programs / "python", "-m", "pressmark", "--version", cwd=clean) == "pressmark 0.1.0\n"


def test_an_article_is_parsed_with_the_registry_of_the_package(clean: Path) -> None:
    code = (
        "import pressmark\n"
        f"found = pressmark.parse({SOURCE!r}.encode(), path='a.md')\n"
        "print(found.outlet, [paragraph.text.decode() for paragraph in found.paragraphs], pressmark.__file__)"
    )
    outlet, paragraphs, file = run(clean / "venv" / "bin" / "python", "-c", code, cwd=clean).split()
    assert (outlet, paragraphs) == ("bbc", "['One.']")
    assert Path(file).is_relative_to(clean)


def test_an_archive_is_ingested_and_verified_outside_the_repository(clean: Path, seeds: Path) -> None:
    program = clean / "venv" / "bin" / "pressmark"
    run(program, "ingest", seeds, "output", "--workers", "2", cwd=clean)
    assert "law 5, completeness: 54 sources checked, 0 breaches" in run(
        program, "verify", "output", seeds, "--workers", "1", cwd=clean
    )
