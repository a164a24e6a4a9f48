"""A local Prefect server for the length of one command, where no other server is named.

Started on a free port of 127.0.0.1, with its database in PREFECT_HOME, and ended by the process that started it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from pressmark.storage.errors import PressmarkError

__all__ = ["ServerError", "prefect_server"]

# A first start migrates the database, which took 34 s on two slow cores.
START_TIMEOUT_S: Final = 240
STOP_TIMEOUT_S: Final = 20
POLL_S: Final = 0.2
USUAL_PORT: Final = 4200
# Logs of runs go to the server from INFO on; a terminal shows what is worth a person's time.
SETTINGS: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "pressmark",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}


class ServerError(PressmarkError):
    """The local Prefect server did not start: correct PREFECT_HOME, or name another server."""


@contextlib.contextmanager
def prefect_server(*, ui: bool = False, first: Callable[[], object] = lambda: None) -> Iterator[str]:
    """The address of a Prefect API that flows in this process use.

    That of PREFECT_API_URL where it is set; else that of a server which is started for the length of the block.

    Import Prefect inside the block, or in `first`, which is called before a server starts: Prefect reads its settings
    once.
    """
    # A command that runs one flow prints its errors itself; with several, Prefect says which run warned or failed.
    console = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING" if ui else "CRITICAL"}
    for name, value in {**SETTINGS, **console}.items():
        os.environ.setdefault(name, value)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        first()
        yield given
        return
    home = Path(os.environ.setdefault("PREFECT_HOME", str(Path.home() / ".prefect")))
    home.mkdir(parents=True, exist_ok=True)
    # People keep the address of a server with pages, so that one has Prefect's own port where it is free.
    port = _free_port(USUAL_PORT) if ui else _free_port()
    address = os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    try:
        first()
        with TemporaryFile() as log, _started(port, log, ui=ui) as process:
            _wait(process, address, log)
            try:
                yield address
            finally:
                # Prefect sends logs in the background: the last ones go before the server does.
                for handler in logging.getLogger("prefect.flow_runs").handlers:
                    handler.flush()
    finally:
        os.environ.pop("PREFECT_API_URL", None)


@contextlib.contextmanager
def _started(port: int, log: IO[bytes], *, ui: bool) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    pages = {"PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"}
    # A session of its own, so that Ctrl-C reaches this process alone, which then stops the server in order.
    process = subprocess.Popen(
        command + ([] if ui else ["--no-ui"]), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True, env={**os.environ, **pages},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                # The group is the server's own: it was started in a session of its own.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    print("starting a local Prefect server; the first start takes about half a minute …", file=sys.stderr, flush=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        # What fails to connect is an `OSError`; the address is ours.
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2) as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(POLL_S)
    ended = process.poll()
    what = f"gave no answer in {START_TIMEOUT_S} s" if ended is None else f"ended with code {ended}"
    log.seek(0)
    printed = log.read().decode(errors="replace").strip().splitlines() or ["it printed nothing"]
    raise ServerError(
        f"the local Prefect server {what}: {printed[-1].strip()}", os.environ["PREFECT_HOME"],
        "correct that folder, or set PREFECT_API_URL to a server that runs",
    )  # fmt: skip


def _free_port(wanted: int = 0) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        port: int = probe.getsockname()[1]
        return port
