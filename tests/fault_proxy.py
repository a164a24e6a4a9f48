"""A proxy before an S3 server that fails on demand."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple, Self, get_args
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from object_stores import HOST, S3Server, authorization, environment_of

Kind = Literal[
    "drop_before",  # closed before the request is forwarded
    "error_500",  # InternalError, not forwarded
    "error_503",  # SlowDown, not forwarded
    "error_501",  # NotImplemented, not forwarded; only for conditional PUTs
    "error_409",  # ConditionalRequestConflict, not forwarded; only for conditional PUTs
    "error_404_bucket",  # NoSuchBucket, not forwarded
    "denied",  # AccessDenied, not forwarded
    "slow",  # forwarded, the reply held back for `delay_s`
    "truncate",  # forwarded, closed after half of the reply's body; only where that has more than a byte
    "lost_reply",  # forwarded and carried out, closed without a reply
]
KINDS: tuple[Kind, ...] = get_args(Kind)
CONDITIONS = ("if-match", "if-none-match")

_ERRORS: dict[Kind, tuple[int, str, str]] = {
    "error_500": (500, "Internal Server Error", "InternalError"),
    "error_503": (503, "Service Unavailable", "SlowDown"),
    "error_501": (501, "Not Implemented", "NotImplemented"),
    "error_409": (409, "Conflict", "ConditionalRequestConflict"),
    "error_404_bucket": (404, "Not Found", "NoSuchBucket"),
    "denied": (403, "Forbidden", "AccessDenied"),
}
_ONLY_CONDITIONAL_PUTS = {"error_501", "error_409"}
_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}


class Request(NamedTuple):
    """What a client asked of the proxy; path and query decoded, header names in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    size: int

    @property
    def bucket(self) -> str:
        """The first part of the path."""
        return self.path.split("/", 2)[1]

    @property
    def key(self) -> str:
        """The path below the bucket; empty where the bucket itself is asked for."""
        return "/".join(self.path.split("/")[2:])

    @property
    def conditional_put(self) -> bool:
        """Whether it writes only if the object is, or is not, there."""
        return self.method == "PUT" and any(name in self.headers for name in CONDITIONS)


@dataclass
class Fault:
    """A kind of failure for the first `times` requests that match; None is for all."""

    kind: Kind
    match: Callable[[Request], bool] = lambda _: True
    times: int | None = 1
    used: int = field(default=0, init=False)


class FaultProxy:
    """An HTTP proxy in front of a server, on a port of its own; started and ended by `with`.

    A rule of `rules` that matches goes first, then the random mode. A kind that does not apply to a request (`truncate`
    to an empty body, `error_501` and `error_409` to anything but a conditional PUT) leaves it alone and is not counted.

    Modes change what is forwarded: with `no_conditions`, PUTs lose If-Match and If-None-Match and are signed anew with
    the server's keys, as for a store that takes no notice of them; `skew` shifts the header Date of all replies.
    """

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.delay_s = 0.5
        self.clear()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._http = _HTTPServer((HOST, 0), _Handler)
        self._http.proxy = self
        self.endpoint = f"http://{HOST}:{self._http.server_address[1]}"

    def clear(self) -> None:
        """Forget rules, modes, counts and requests."""
        self.rules: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.no_conditions = False
        self.skew = timedelta(0)
        self._random: tuple[random.Random, float, Sequence[Kind]] | None = None

    def random(self, seed: int, share: float, kinds: Iterable[Kind]) -> None:
        """Let a share of all requests fail; the same ones for a seed where requests come one after another."""
        self._random = (random.Random(seed), share, tuple(kinds))

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to use the server through this proxy."""
        return environment_of(self.endpoint)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _choose(self, request: Request) -> tuple[Kind | None, Fault | None]:
        """Note a request; how it shall fail, and by which rule."""
        with self._lock:
            self.requests.append(request)
            drawn = None
            if self._random is not None:
                # Always two draws, so that a request's number alone decides.
                generator, share, kinds = self._random
                hit, kind = generator.random() < share, generator.choice(kinds)
                drawn = kind if hit else None
            for rule in self.rules:
                unused = rule.times is None or rule.used < rule.times
                if unused and _applies(rule.kind, request) and rule.match(request):
                    rule.used += 1
                    self.counts[rule.kind] += 1
                    return rule.kind, rule
            if drawn is None or not _applies(drawn, request):
                return None, None
            self.counts[drawn] += 1
            return drawn, None

    def _take_back(self, kind: Kind, rule: Fault | None) -> None:
        """A fault turned out not to apply."""
        with self._lock:
            self.counts -= Counter([kind])
            if rule is not None:
                rule.used -= 1


def _applies(kind: Kind, request: Request) -> bool:
    return kind not in _ONLY_CONDITIONAL_PUTS or request.conditional_put


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: FaultProxy


class _Handler(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        super().setup()
        with self.server.proxy._lock:
            self.server.proxy._open.add(self.connection)

    def finish(self) -> None:
        with self.server.proxy._lock:
            self.server.proxy._open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is in `requests`."""

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self._body()
        target = self.requestline.split()[1]
        parts = urlsplit(f"http://host{target}")
        request = Request(
            self.command,
            unquote(parts.path),
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            len(body),
        )
        # A request that fails is read whole first: a connection closed with bytes unread would be reset, and what a
        # client then sees depends on the moment.
        kind, rule = proxy._choose(request)
        if kind == "drop_before":
            self.close_connection = True
            return
        if kind in _ERRORS:
            self._refuse(request, *_ERRORS[kind])
            return
        try:
            status, reason, headers, content = self._forward(request, target, body)
        except (OSError, HTTPException):
            self.close_connection = True
            return
        if kind == "lost_reply":
            self.close_connection = True
            return
        if kind == "slow":
            proxy._ended.wait(proxy.delay_s)
        sent = content
        if kind == "truncate":
            if len(content) > 1:
                sent = content[: len(content) // 2]
                self.close_connection = True
            else:
                proxy._take_back(kind, rule)
        self._answer(status, reason, headers, sent)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        size = int(self.headers.get("content-length", 0))
        read = self.rfile.read(size) if size > 0 else b""
        if len(read) != size:
            # A client that ends within a body has asked for nothing.
            raise ConnectionAbortedError
        return read

    def _forward(self, request: Request, target: str, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP]
        signature = request.headers.get("authorization", "")
        names = signature.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if self.server.proxy.no_conditions and request.conditional_put:
            headers = [(name, value) for name, value in headers if name.lower() not in CONDITIONS]
            if not set(CONDITIONS).isdisjoint(names):
                headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
                headers.append(("Authorization", self._without_conditions(request, target, names)))
        # A connection for each request: none is ever found closed, which would be a fault that nobody asked for.
        upstream = HTTPConnection(urlsplit(self.server.proxy.server.endpoint).netloc, timeout=60)
        try:
            upstream.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                upstream.putheader(name, value)
            if "content-length" in request.headers:
                upstream.putheader("Content-Length", str(len(body)))
            # A server may answer and close before it has read a body, such as where it denies.
            with suppress(BrokenPipeError, ConnectionResetError):
                upstream.endheaders(body or None)
            reply = upstream.getresponse()
            content = reply.read()
            kept = [(name, value) for name, value in reply.getheaders() if name.lower() not in _HOP_BY_HOP]
            length = reply.headers.get("content-length") if self.command == "HEAD" else str(len(content))
            if length is not None and reply.status not in (204, 304):
                kept.append(("Content-Length", length))
            return reply.status, reply.reason, kept, content
        finally:
            upstream.close()

    def _without_conditions(self, request: Request, target: str, names: Iterable[str]) -> str:
        """A signature for the request without its conditions, which its own signature covered."""
        server = self.server.proxy.server
        return authorization(
            request.method,
            target,
            {name: request.headers[name] for name in names if name not in CONDITIONS},
            access_key=server.access_key,
            secret_key=server.secret_key,
            region=request.headers["authorization"].split("/")[2],
        )

    def _refuse(self, request: Request, status: int, reason: str, code: str) -> None:
        content = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>a fault of the test</Message>'
            f"<Resource>{quote(request.path)}</Resource><RequestId>0</RequestId></Error>"
        ).encode()
        headers = [
            ("Content-Type", "application/xml"),
            ("Content-Length", str(len(content))),
            ("Date", format_datetime(datetime.now(UTC), usegmt=True)),
        ]
        self._answer(status, reason, headers, b"" if request.method == "HEAD" else content)

    def _answer(self, status: int, reason: str, headers: list[tuple[str, str]], content: bytes) -> None:
        skew = self.server.proxy.skew
        lines = [f"HTTP/1.1 {status} {reason}"]
        for name, value in headers:
            if skew and name.lower() == "date":
                lines.append(f"{name}: {format_datetime(parsedate_to_datetime(value) + skew, usegmt=True)}")
            else:
                lines.append(f"{name}: {value}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)


# SeaweedFS's worker looks for its admin service at this distance, whatever the options say.
