"""What people look at elsewhere: `report`, `browse`, `export`, and `describe`, which says what an output is."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Final

import uvicorn

from pressmark.flows.cli import EXIT_OK, UsageError
from pressmark.flows.summary import ProgressDisplay, as_json, counted, table, takes_long
from pressmark.storage.description import README
from pressmark.storage.description import describe as describe_output
from pressmark.storage.errors import OutputError
from pressmark.storage.inputs.opening import open_input, parse_address
from pressmark.storage.output.tables import Output
from pressmark.storage.search import bounds
from pressmark.views.export import Selected
from pressmark.views.export import export as export_output
from pressmark.views.frozen import write_room
from pressmark.views.readings import Room
from pressmark.views.report import write_report
from pressmark.views.room import reading_room

__all__ = ["browse", "describe", "export", "report"]


def export(arguments: argparse.Namespace) -> int:
    """Write an export, and print its tables and files; the exit code."""
    selected = Selected(tuple(arguments.outlet or ()), *bounds(arguments.since, arguments.until))
    with ProgressDisplay() as progress:
        done = export_output(
            arguments.output, arguments.to, arguments.format, selected, force=arguments.force, defuse=arguments.defuse,
            progress=progress,
        )  # fmt: skip
    if arguments.json:
        print(as_json(done._asdict()))
        return EXIT_OK
    print(table(("table", "rows"), list(done.rows.items())))
    print(f"\n{counted(len(done.sizes), 'file')}, {sum(done.sizes.values()) / 1e6:.1f} MB, written to {done.folder}")
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


def report(arguments: argparse.Namespace) -> int:
    """Write the report, say where it is; the exit code."""
    with ProgressDisplay() as progress:
        written = write_report(arguments.output, arguments.to, progress)
    print(f"{written.address}  ({written.size / 1e3:,.0f} kB); open it in a browser")
    return EXIT_OK


CLOSE_S: Final = 2
# A phrase of 20,000 characters in an address, each three bytes of three characters.
LONGEST_REQUEST: Final = 1 << 19


def browse(arguments: argparse.Namespace) -> int:
    """Serve the pages until someone stops it, or write them; the exit code."""
    if arguments.source is not None:
        open_input(parse_address(arguments.source))  # else a wrong name would be told on each page alone
    room = Room(arguments.output, arguments.source)
    name = Path(arguments.output).name or str(arguments.output)
    if arguments.static is not None:
        with ProgressDisplay() as progress, contextlib.closing(room):
            pages = write_room(room, arguments.static, name, progress)
        print(f"{counted(pages, 'page')} written; open {arguments.static / 'index.html'}")
        return EXIT_OK
    with _listening(arguments.port or 0) as listening:
        takes_long(f"opening {name}")  # of thousands of partitions
        with room.moment() as moment:
            articles = moment.articles.height
        app = reading_room(room, name)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        print(f"reading room: {address}  ({counted(articles, 'article')}; Ctrl-C ends it)", flush=True)
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, http="h11", ws="none",
            h11_max_incomplete_event_size=LONGEST_REQUEST, timeout_graceful_shutdown=CLOSE_S,
        )  # fmt: skip
        # An interrupt asked it to end, and it has.
        with contextlib.closing(room), contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    return EXIT_OK


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(
            f"this port can't be had ({os.strerror(error.errno)})", f"127.0.0.1:{port}",
            "give another --port, or none for a free one",
        ) from None  # fmt: skip
