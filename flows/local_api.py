"""Prefect's server for this machine alone, as a process that `server.py` starts. Prefect answers every web page (CORS
`*`), so a request, or web socket, whose `Host` or `Origin` is not the server's own is refused before."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import Final

import uvicorn
from prefect.server.api.server import create_app
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OwnPagesOnly", "main"]

NAMES: Final = ("127.0.0.1", "localhost")
CLOSE_S: Final = 2
STOP_S: Final = 8


class OwnPagesOnly:
    """Hands on what asks for this server by its own name, and comes from no page but its own."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in NAMES}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 403, or as Prefect does."""
        if scope["type"] in ("http", "websocket"):
            hosts = {value.lower() for name, value in scope["headers"] if name == b"host"}
            origins = {value.lower() for name, value in scope["headers"] if name == b"origin"}
            if len(hosts) != 1 or not hosts <= self._hosts or not origins <= self._origins:
                refusal = PlainTextResponse("only programs and pages of this machine are served", 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def main() -> None:
    """Serve on the socket whose number is the argument, until standard input ends: with whoever started this."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = OwnPagesOnly(create_app(final=True), listening.getsockname()[1])
    config = uvicorn.Config(app, log_level="error", timeout_keep_alive=5, timeout_graceful_shutdown=CLOSE_S)
    uvicorn.Server(config).run(sockets=[listening])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_S)
    os._exit(1)


if __name__ == "__main__":
    main()
