"""A local Prefect server for the length of one command, where no other server is named: on a free port of 127.0.0.1,
with its database in PREFECT_HOME, and ended by the process that started it; as a program, that server itself."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from pressmark.storage.errors import LockedError, PressmarkError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ServerError", "one_server", "prefect_home", "prefect_server"]

# A first start migrates the database, which took 34 s on two slow cores.
START_TIMEOUT_S: Final = 240
STOP_TIMEOUT_S: Final = 10
POLL_S: Final = 0.2
ANSWER_S: Final = 10
USUAL_PORT: Final = 4200
NAMES: Final = ("127.0.0.1", "localhost")
CLOSE_S: Final = 2
STOP_S: Final = 8
# Logs of runs go to the server from INFO on; a terminal shows what is worth a person's time.
SETTINGS: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "pressmark",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    # How long a run waits that found another one under way; 30 s by itself.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
}


class ServerError(PressmarkError):
    """The Prefect server did not start, or was lost: correct PREFECT_HOME, or name another server."""


def prefect_home() -> Path:
    """The folder that Prefect keeps its things in, made where it is not there."""
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextlib.contextmanager
def one_server() -> Iterator[None]:
    """Be the only `pressmark serve` with this PREFECT_HOME: what it finds under way then has no process any more.
    Raises `LockedError` where there is another one."""
    home = prefect_home()
    with open(home / "pressmark-serve.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                "another `pressmark serve` runs with this PREFECT_HOME", home,
                "stop it, or give this one a PREFECT_HOME of its own",
            ) from None  # fmt: skip
        yield


@contextlib.contextmanager
def prefect_server(*, ui: bool = False, first: Callable[[], object] = lambda: None) -> Iterator[str]:
    """The address of a Prefect API: that of PREFECT_API_URL, else that of a server which runs for the length of the
    block. Import Prefect inside, or in `first`, which is called before a server starts: it reads its settings once."""
    # A command that runs one flow prints its errors itself; with several, Prefect says which run warned or failed.
    console = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    if ui:
        console = {
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": "pressmark.flows.console.OneLineConsole",
        }
    for name, value in {**SETTINGS, **console}.items():
        os.environ.setdefault(name, value)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        first()
        _ask(given)
        yield given
        return
    os.environ.setdefault("PREFECT_HOME", str(prefect_home()))
    with _listening(USUAL_PORT if ui else 0) as listening:
        port = listening.getsockname()[1]
        address = os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        try:
            first()
            if ui and port != USUAL_PORT:
                print(f"port {USUAL_PORT} is taken by another program; using {port}", file=sys.stderr, flush=True)
            with TemporaryFile() as log, _started(listening, log, ui=ui) as process:
                # This process's copy would keep the port open after the server has died.
                listening.close()
                _wait(process, address, log)
                try:
                    yield address
                finally:
                    # Prefect sends logs in the background: the last ones go before the server does.
                    for handler in logging.getLogger("prefect.flow_runs").handlers:
                        handler.flush()
        finally:
            os.environ.pop("PREFECT_API_URL", None)


def _ask(address: str) -> None:
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=ANSWER_S).close()  # noqa: S310  # the user's own
    except urllib.error.HTTPError:
        # It wants a key, which Prefect has and this request has not.
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ServerError(
            f"no Prefect server answers ({reason})", address, "start it, or correct or unset PREFECT_API_URL"
        ) from None


def _listening(wanted: int) -> socket.socket:
    """A socket that listens on this port, or on a free one where another program has it."""
    # Bound here and handed to the server, so that no other program can take the port in between. People keep the
    # address of a server with pages, so that one has Prefect's own port where it can.
    try:
        return socket.create_server(("127.0.0.1", wanted))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return socket.create_server(("127.0.0.1", 0))


@contextlib.contextmanager
def _started(listening: socket.socket, log: IO[bytes], *, ui: bool) -> Iterator[subprocess.Popen[bytes]]:
    port = listening.getsockname()[1]
    settings = {
        "PREFECT_SERVER_UI_ENABLED": str(ui).lower(),
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
    }
    # A session of its own, so that Ctrl-C reaches this process alone. The server ends when its input does: when this
    # process closes it, or is killed.
    process = subprocess.Popen(
        [sys.executable, "-m", "pressmark.flows.server", str(listening.fileno())],
        stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, pass_fds=(listening.fileno(),),
        env={**os.environ, **settings},
    )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.close()
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
    # The last error of a traceback says more than the server's farewell behind it.
    errors = [line for line in printed if re.match(r"[\w.]*(Error|Exception)\b", line)]
    raise ServerError(
        f"the local Prefect server {what}: {(errors or printed)[-1].strip()}", os.environ["PREFECT_HOME"],
        "correct that folder, or set PREFECT_API_URL to a server that runs",
    )  # fmt: skip


class _OwnPagesOnly:
    """Hands on what asks for this server by its own name, and comes from no page but its own: Prefect answers every web
    page (CORS `*`)."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in NAMES}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 403, or as Prefect does."""
        from fastapi.responses import PlainTextResponse

        if scope["type"] in ("http", "websocket"):
            hosts = {value.lower() for name, value in scope["headers"] if name == b"host"}
            origins = {value.lower() for name, value in scope["headers"] if name == b"origin"}
            if len(hosts) != 1 or not hosts <= self._hosts or not origins <= self._origins:
                refusal = PlainTextResponse("only programs and pages of this machine are served", 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _serve() -> None:
    """Serve on the socket whose number is the argument, until standard input ends: with whoever started this."""
    import uvicorn
    from prefect.server.api.server import create_app

    listening = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = _OwnPagesOnly(create_app(final=True), listening.getsockname()[1])
    config = uvicorn.Config(app, log_level="error", timeout_keep_alive=5, timeout_graceful_shutdown=CLOSE_S)
    uvicorn.Server(config).run(sockets=[listening])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_S)
    os._exit(1)


if __name__ == "__main__":
    _serve()
