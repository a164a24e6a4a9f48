"""`pressmark completion`: a script for a shell, with every command, option and path."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from pressmark.flows.cli import EXIT_OK, build_parser

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's completion script; the exit code."""
    parser = build_parser()
    _complete_paths(parser)
    print(shtab.complete(parser, shell=arguments.shell))
    return EXIT_OK


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Let every argument that is a path complete to files and folders, those of commands included."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to walk a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # its only name
            for command in action.choices.values():
                _complete_paths(command)
        elif action.type is Path or action.dest in ("source", "output"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
