"""`browse`: a reading room for people, on this machine."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn

from pressmark.flows.cli import EXIT_OK, UsageError
from pressmark.flows.progress import ProgressDisplay
from pressmark.views.frozen import write_room
from pressmark.views.readings import Room
from pressmark.views.room import reading_room

__all__ = ["browse"]

CLOSE_S: Final = 2
# A phrase of 20,000 characters in an address, each three bytes of three characters.
LONGEST_REQUEST: Final = 1 << 19


def browse(arguments: argparse.Namespace) -> int:
    """Serve the pages until someone stops it, or write them; the exit code."""
    room = Room(arguments.output, arguments.source)
    name = Path(arguments.output).name or str(arguments.output)
    if arguments.static is not None:
        with ProgressDisplay() as progress, contextlib.closing(room):
            pages = write_room(room, arguments.static, name, progress)
        print(f"{pages} pages written; open {arguments.static / 'index.html'}")
        return EXIT_OK
    with _listening(arguments.port or 0) as listening:
        print(f"opening {name} …", file=sys.stderr, flush=True)  # thousands of partitions take a while
        with room.moment() as moment:
            articles = moment.articles.height
        app = reading_room(room, name)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        print(f"reading room: {address}  ({articles} articles; Ctrl-C ends it)", flush=True)
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, http="h11", ws="none",
            h11_max_incomplete_event_size=LONGEST_REQUEST, timeout_graceful_shutdown=CLOSE_S,
        )  # fmt: skip
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            pass  # it was asked to end, and has
        finally:
            room.close()
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
