"""What makes an output known elsewhere: `export` to other formats, and `describe`."""

from __future__ import annotations

import argparse

from pressmark.flows.cli import EXIT_OK
from pressmark.flows.progress import ProgressDisplay
from pressmark.flows.summary import as_json, table
from pressmark.storage.description import README
from pressmark.storage.description import describe as describe_output
from pressmark.storage.errors import OutputError
from pressmark.storage.output.tables import Output
from pressmark.views.export import Selected
from pressmark.views.export import export as export_output

__all__ = ["describe", "export"]


def export(arguments: argparse.Namespace) -> int:
    """Write an export, and print its tables and files; the exit code."""
    selected = Selected(tuple(arguments.outlet or ()), arguments.since, arguments.until)
    with ProgressDisplay() as progress:
        done = export_output(
            arguments.output, arguments.to, arguments.format, selected, force=arguments.force, defuse=arguments.defuse,
            progress=progress,
        )  # fmt: skip
    if arguments.json:
        print(as_json(done._asdict()))
        return EXIT_OK
    print(table(("table", "rows"), list(done.rows.items())))
    print(f"\n{len(done.sizes)} files, {sum(done.sizes.values()) / 1e6:.1f} MB, written to {done.folder}")
    if arguments.format == "csv" and not arguments.defuse:
        print("for Excel and its like export with --defuse: they compute cells that begin with = + - or @")
    return EXIT_OK


def describe(arguments: argparse.Namespace) -> int:
    """Write the files that say what an output is, and print their names; the exit code."""
    output = Output(arguments.output)
    written = describe_output(output)
    if not written:
        raise OutputError("a README.md of somebody else is there", output.location(README), "move it away to have ours")
    print(as_json({"written": written}) if arguments.json else "\n".join(map(output.location, written)))
    return EXIT_OK
