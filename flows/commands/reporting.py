"""`report`: one HTML file for people, about an output."""

from __future__ import annotations

import argparse

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.progress import ProgressDisplay
from pressmark.views.report import write_report

__all__ = ["report"]


def report(arguments: argparse.Namespace) -> int:
    """Write the report, say where it is; the exit code."""
    with ProgressDisplay() as progress:
        written = write_report(arguments.output, arguments.to, progress)
    print(f"{written.address}  ({written.size / 1e3:,.0f} kB); open it in a browser")
    return EXIT_OK
