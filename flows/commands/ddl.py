"""`pressmark ddl`: statements for warehouses that read the output's files themselves."""

from __future__ import annotations

import argparse

from pressmark.flows.cli import EXIT_OK
from pressmark.warehouses.ddl import statements

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Print the statements, each with its semicolon; the exit code."""
    print("\n\n".join(f"{statement};" for statement in statements(arguments.dialect, arguments.location)))
    return EXIT_OK
