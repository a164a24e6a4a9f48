"""A local Prefect server for the length of one command, where no other server is named.

Started on a free port of 127.0.0.1, with its embedded database in PREFECT_HOME, and ended by its own process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
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
QUIET: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
}


class ServerError(PressmarkError):
    """The local Prefect server did not start: mend PREFECT_HOME, or name another server."""


@contextlib.contextmanager
def prefect_server(*, ui: bool = False) -> Iterator[str]:
    """The address of a Prefect API that flows in this process use.

    That of PREFECT_API_URL where it is set; else a server is started for the length of the block. Import Prefect
    inside the block only: it reads its settings once.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield given
        return
    home = Path(os.environ.setdefault("PREFECT_HOME", str(Path.home() / ".prefect")))
    home.mkdir(parents=True, exist_ok=True)
    # People keep the address of a server with pages, so that one has Prefect's own port where it is free.
    port = _free_port(USUAL_PORT) if ui else _free_port()
    address = f"http://127.0.0.1:{port}/api"
    with TemporaryFile() as log:
        process = _start(port, log, ui=ui)
        try:
            _wait(process, address, log)
            os.environ["PREFECT_API_URL"] = address
            yield address
        finally:
            os.environ.pop("PREFECT_API_URL", None)
            _stop(process)


def _start(port: int, log: IO[bytes], *, ui: bool) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *([] if ui else ["--no-ui"]),
    ]
    # A session of its own, so that Ctrl-C reaches this process alone, which then stops the server in order.
    pages = {"PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"}
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **pages}
    )


def _wait(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    print("starting a local Prefect server; the first start takes about half a minute …", file=sys.stderr, flush=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(
                f"the local Prefect server ended with code {process.returncode}: {_last_line(log)}",
                os.environ["PREFECT_HOME"],
                "mend that folder, or set PREFECT_API_URL to a server that runs",
            )
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{address}/health", timeout=2) as answer,  # noqa: S310  # the address is ours
        ):  # a fixed http address
            if answer.status == 200:
                return
        time.sleep(POLL_S)
    raise ServerError(
        f"the local Prefect server gave no answer in {START_TIMEOUT_S} s: {_last_line(log)}",
        os.environ["PREFECT_HOME"],
        "try again, or set PREFECT_API_URL to a server that runs",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # The group is the server's own: it was started as a session of its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it printed nothing"


def _free_port(wanted: int = 0) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        port: int = probe.getsockname()[1]
        return port
