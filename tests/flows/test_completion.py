"""Completion as a shell does it: a real bash reads the script and completes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import shtab

from pressmark.flows.arguments import SHELLS
from pressmark.flows.cli import main


def complete(words: list[str], folder: Path, script: str) -> list[str]:
    """What bash offers for the last of the words."""
    program = f"""{script}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_pressmark
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    command = ["bash", "--norc", "-c", program, "bash", "pressmark", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ing"], ["ingest"]), (["ingest", "--wor"], ["--workers"]), (["trace", "--hex"], ["--hexdump"]),
        (["ingest", "arch"], ["archive"]), (["ingest", "archive", "archive/a"], ["archive/article.md"]),
        (["explain", "archive/"], ["archive/article.md"]), (["trace", "0-0", "arch"], ["archive"]),
        (["completion", "z"], ["zsh"]), (["nothing"], []),
    ],
    ids=" ".join,
)  # fmt: skip
def test_bash_completes_commands_options_and_paths(
    words: list[str], offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "article.md").touch()
    assert main(["completion", "bash"]) == 0
    assert complete(words, tmp_path, capsys.readouterr().out) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script_with_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "ingest" in script
    assert "workers" in script


def test_all_shells_that_can_be_completed_are_offered() -> None:
    assert list(SHELLS) == list(shtab.SUPPORTED_SHELLS)
