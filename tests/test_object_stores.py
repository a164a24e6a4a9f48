"""The S3 server of the tests is a real one, and the proxy before it fails exactly as it says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import object_stores
import obstore
import pytest
from fault_proxy import KINDS, Fault, FaultProxy, Kind, Request
from object_stores import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    Reply,
    S3Server,
    ServerFailed,
    signed_request,
    started_server,
)
from obstore.exceptions import AlreadyExistsError, GenericError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

BUCKET = "songling-press"
TEXT = b"0123456789" * 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with started_server(tmp_path_factory.mktemp("s3"), BUCKET) as started:
        yield started


@pytest.fixture
def bucket(server: S3Server) -> Iterator[str]:
    """The bucket with one object, `text`; emptied after the test, because a new one costs its first object 0.2 s."""
    assert put(server.endpoint, "text").status == 200
    yield BUCKET
    s3 = store(server.endpoint)
    obstore.delete(s3, [row["path"] for row in obstore.list(s3).collect()])


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(server) as started:
        yield started


@pytest.fixture(params=["direct", "proxy"])
def endpoint(request: pytest.FixtureRequest, server: S3Server, proxy: FaultProxy) -> str:
    return server.endpoint if request.param == "direct" else proxy.endpoint


def store(endpoint: str, *, bucket: str = BUCKET, key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> S3Store:
    return S3Store(
        bucket,
        endpoint=endpoint,
        region=REGION,
        access_key_id=key,
        secret_access_key=secret,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def get(endpoint: str, key: str = "text") -> Reply:
    return signed_request(endpoint, "GET", f"/{BUCKET}/{key}")


def put(endpoint: str, key: str, body: bytes = TEXT, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return signed_request(endpoint, "PUT", f"/{BUCKET}/{key}", body=body, headers=names)


def test_objects_are_put_read_listed_and_deleted(endpoint: str, bucket: str) -> None:
    s3 = store(endpoint)
    names = ["year=2024/part-0.parquet", "year=2024/一 二+三%&=.txt", "z"]
    for name in names:
        obstore.put(s3, name, name.encode())
    assert [bytes(obstore.get(s3, name).bytes()) for name in names] == [name.encode() for name in names]
    assert {row["path"] for row in obstore.list(s3).collect()} == {*names, "text"}
    assert {row["path"] for row in obstore.list(s3, "year=2024").collect()} == set(names[:2])
    assert bytes(obstore.get_range(s3, "text", start=3, length=4)) == b"3456"
    obstore.copy(s3, "z", "copied")
    assert bytes(obstore.get(s3, "copied").bytes()) == b"z"
    obstore.delete(s3, [*names, "never-there"])
    assert {row["path"] for row in obstore.list(s3).collect()} == {"text", "copied"}
    with pytest.raises(FileNotFoundError):
        obstore.get(s3, "z")


def test_an_object_of_many_parts_comes_back_whole(endpoint: str, bucket: str) -> None:
    s3 = store(endpoint)
    content = bytes(range(256)) * (12 << 12)
    obstore.put(s3, "large", content)
    assert bytes(obstore.get(s3, "large").bytes()) == content


def test_a_list_of_more_than_a_page_is_whole(endpoint: str, bucket: str) -> None:
    s3 = store(endpoint)
    names = [f"many/{number:04}" for number in range(1100)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: obstore.put(s3, name, b"x"), names))
    assert [row["path"] for row in obstore.list(s3, "many").collect()] == names


def test_conditions_of_puts_hold(endpoint: str, bucket: str) -> None:
    s3 = store(endpoint)
    first = obstore.put(s3, "a", b"1", mode="create")["e_tag"]
    with pytest.raises(AlreadyExistsError):
        obstore.put(s3, "a", b"2", mode="create")
    obstore.put(s3, "a", b"3", mode={"e_tag": first})
    with pytest.raises(PreconditionError):
        obstore.put(s3, "a", b"4", mode={"e_tag": first})
    with pytest.raises(PreconditionError):
        obstore.put(s3, "never-there", b"5", mode={"e_tag": first})
    assert bytes(obstore.get(s3, "a").bytes()) == b"3"


def test_one_of_many_writers_at_a_time_wins(endpoint: str, bucket: str) -> None:
    s3 = store(endpoint)

    def create(job: tuple[int, int]) -> bool:
        try:
            obstore.put(s3, f"race-{job[0]}", str(job[1]).encode(), mode="create")
        except AlreadyExistsError:
            return False
        return True

    for number in range(2):
        with ThreadPoolExecutor(4) as pool:
            won = list(pool.map(create, [(number, writer) for writer in range(4)]))
        assert won.count(True) == 1
        assert bytes(obstore.get(s3, f"race-{number}").bytes()) == str(won.index(True)).encode()


def test_wrong_credentials_are_denied(endpoint: str, bucket: str) -> None:
    for other in (store(endpoint, secret="wrong"), store(endpoint, key="SONGLINGPRESS0000002")):
        with pytest.raises(PermissionDeniedError):
            obstore.get(other, "text")
        with pytest.raises(PermissionDeniedError):
            obstore.put(other, "text", b"")
    assert signed_request(endpoint, "GET", f"/{BUCKET}/text", secret_key="wrong").status == 403
    assert get(endpoint).body == TEXT


def test_a_store_from_the_environment(
    server: S3Server, proxy: FaultProxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in (server, proxy):
        for name, value in given.environment().items():
            monkeypatch.setenv(name, value)
        assert bytes(obstore.get(S3Store(BUCKET), "text").bytes()) == TEXT
    assert len(proxy.requests) == 1


def test_buckets_come_and_go_with_what_is_in_them(server: S3Server) -> None:
    s3 = store(server.endpoint, bucket="another")
    with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
        obstore.put(s3, "a/b", b"1")
    for _ in range(2):
        server.create_bucket("another")
        assert obstore.list(s3).collect() == []
        obstore.put(s3, "a/b", b"1")
        server.delete_bucket("another")
        with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
            obstore.get(s3, "a/b")


def test_a_server_started_again_has_its_data(tmp_path: Path, server: S3Server) -> None:
    other = S3Server(tmp_path)
    with other:
        other.create_bucket(BUCKET)
        put(other.endpoint, "kept")
    with pytest.raises(ConnectionRefusedError):
        get(other.endpoint, "kept")
    with other:
        assert get(other.endpoint, "kept").body == TEXT


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\necho no room on the disk\nexit 3\n")
    program.chmod(0o700)
    monkeypatch.setattr(object_stores, "weed", lambda: program)
    with pytest.raises(ServerFailed, match=r"(?s)ended with 3.*no room on the disk"):
        S3Server(tmp_path / "data").start()


def test_requests_are_noted(proxy: FaultProxy, bucket: str) -> None:
    obstore.put(store(proxy.endpoint), "year=2024/一.txt", b"123", mode="create")
    obstore.list(store(proxy.endpoint), "year=2024").collect()
    written, listed = proxy.requests
    assert (written.method, written.path, written.size) == ("PUT", f"/{BUCKET}/year=2024/一.txt", 3)
    assert (written.bucket, written.key, written.conditional_put) == (BUCKET, "year=2024/一.txt", True)
    assert written.headers["host"] == urlsplit(proxy.endpoint).netloc
    assert (listed.method, listed.key, listed.query) == ("GET", "", {"list-type": "2", "prefix": "year=2024/"})
    assert not proxy.counts


def test_every_kind_has_a_test() -> None:
    tested = {name.removeprefix("test_fault_") for name in globals() if name.startswith("test_fault_")}
    assert tested == set(KINDS) == set(get_args(Kind))


def test_fault_drop_before(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("drop_before")]
    with pytest.raises(RemoteDisconnected):
        put(proxy.endpoint, "a")
    assert get(server.endpoint, "a").status == 404
    assert put(proxy.endpoint, "a").status == 200
    assert proxy.counts == {"drop_before": 1}
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("error_500", 500, b"InternalError"),
        ("error_503", 503, b"SlowDown"),
        ("error_404_bucket", 404, b"NoSuchBucket"),
        ("denied", 403, b"AccessDenied"),
    ],
)
def test_errors_are_replies_and_nothing_is_forwarded(
    server: S3Server, proxy: FaultProxy, bucket: str, kind: Kind, status: int, code: bytes, method: str
) -> None:
    proxy.rules = [Fault(kind)]
    body = b"new" if method == "PUT" else b""
    reply = signed_request(proxy.endpoint, method, f"/{BUCKET}/text", body=body)
    assert reply.status == status
    assert (b"<Code>" + code + b"</Code>" in reply.body) == (method != "HEAD")
    assert get(server.endpoint).body == TEXT
    assert get(proxy.endpoint).status == 200
    assert proxy.counts == {kind: 1}


def test_fault_error_500(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("error_500")]
    with pytest.raises(GenericError, match="InternalError"):
        obstore.get(store(proxy.endpoint), "text")


def test_fault_error_503(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("error_503")]
    with pytest.raises(GenericError, match="SlowDown"):
        obstore.get(store(proxy.endpoint), "text")


def test_fault_error_404_bucket(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("error_404_bucket")]
    with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
        obstore.get(store(proxy.endpoint), "text")


def test_fault_denied(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("denied")]
    with pytest.raises(PermissionDeniedError):
        obstore.get(store(proxy.endpoint), "text")


def test_fault_error_501(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    _only_conditional_puts(server, proxy, "error_501", 501, b"NotImplemented")


def test_fault_error_409(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    _only_conditional_puts(server, proxy, "error_409", 409, b"ConditionalRequestConflict")


def _only_conditional_puts(server: S3Server, proxy: FaultProxy, kind: Kind, status: int, code: bytes) -> None:
    proxy.rules = [Fault(kind, times=None)]
    for condition in ({"if_none_match": "*"}, {"if_match": '"0"'}):
        reply = put(proxy.endpoint, "a", TEXT, **condition)
        assert (reply.status, code in reply.body) == (status, True)
    assert get(server.endpoint, "a").status == 404
    assert put(proxy.endpoint, "a").status == 200
    assert get(proxy.endpoint, "a").status == 200
    assert proxy.counts == {kind: 2}


def test_fault_slow(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("slow")]
    proxy.delay_s = 30
    with pytest.raises(TimeoutError):
        signed_request(proxy.endpoint, "GET", f"/{BUCKET}/text", timeout_s=0.2)
    proxy.delay_s = 0.01
    proxy.rules = [Fault("slow")]
    assert get(proxy.endpoint).body == TEXT
    assert proxy.counts == {"slow": 2}


def test_fault_truncate(proxy: FaultProxy, bucket: str) -> None:
    rule = Fault("truncate")
    proxy.rules = [rule]
    assert signed_request(proxy.endpoint, "HEAD", f"/{BUCKET}/text").headers["content-length"] == "100"
    assert put(proxy.endpoint, "one", b"1").status == 200
    assert get(proxy.endpoint, "one").body == b"1"
    assert (rule.used, dict(proxy.counts)) == (0, {})
    with pytest.raises(IncompleteRead) as caught:
        get(proxy.endpoint)
    assert (caught.value.partial, caught.value.expected) == (TEXT[:50], 50)
    assert get(proxy.endpoint).body == TEXT
    assert (rule.used, dict(proxy.counts)) == (1, {"truncate": 1})


def test_fault_lost_reply(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("lost_reply")]
    with pytest.raises(GenericError):
        obstore.put(store(proxy.endpoint), "a", b"1", mode="create")
    assert get(server.endpoint, "a").body == b"1"
    with pytest.raises(AlreadyExistsError):
        obstore.put(store(proxy.endpoint), "a", b"1", mode="create")
    assert proxy.counts == {"lost_reply": 1}


def test_rules_choose_by_request_and_number(proxy: FaultProxy, bucket: str) -> None:
    def of_a(request: Request) -> bool:
        return request.key == "a"

    proxy.rules = [Fault("error_500", of_a, times=2), Fault("denied", of_a), Fault("error_503", lambda r: r.size > 200)]
    assert [put(proxy.endpoint, "a").status for _ in range(4)] == [500, 500, 403, 200]
    assert put(proxy.endpoint, "b").status == 200
    assert put(proxy.endpoint, "b", TEXT * 3).status == 503
    assert proxy.counts == {"error_500": 2, "denied": 1, "error_503": 1}
    proxy.clear()
    assert (proxy.rules, dict(proxy.counts), proxy.requests) == ([], {}, [])


def test_a_store_without_conditions_takes_no_notice_of_them(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    proxy.no_conditions = True
    obstore.put(store(proxy.endpoint), "text", b"over", mode="create")
    assert get(server.endpoint).body == b"over"
    obstore.put(store(proxy.endpoint), "text", b"and over", mode={"e_tag": '"0"'})
    assert get(server.endpoint).body == b"and over"
    proxy.no_conditions = False
    with pytest.raises(AlreadyExistsError):
        obstore.put(store(proxy.endpoint), "text", b"never", mode="create")
    assert all("if-none-match" in request.headers or "if-match" in request.headers for request in proxy.requests)


def test_the_clock_of_replies_can_be_wrong(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    proxy.skew = timedelta(hours=-5)
    straight = parsedate_to_datetime(get(server.endpoint).headers["date"])
    shifted = parsedate_to_datetime(get(proxy.endpoint).headers["date"])
    assert timedelta(hours=4) < straight - shifted < timedelta(hours=6)
    proxy.rules = [Fault("error_500")]
    refused = parsedate_to_datetime(get(proxy.endpoint).headers["date"])
    assert timedelta(hours=4) < straight - refused < timedelta(hours=6)


def test_random_faults_repeat_for_a_seed(proxy: FaultProxy, bucket: str) -> None:
    kinds: tuple[Kind, ...] = ("error_500", "error_503", "drop_before", "truncate", "lost_reply", "error_501")

    def outcomes(seed: int) -> list[str]:
        proxy.clear()
        proxy.random(seed, 0.5, kinds)
        seen = []
        for number in range(60):
            before = proxy.counts.copy()
            try:
                status = str((put if number % 3 else get)(proxy.endpoint, f"random-{number // 3}").status)
            except HTTPException as error:
                status = type(error).__name__
            seen.append(f"{status} {dict(proxy.counts - before)}")
        assert len(proxy.requests) == 60
        assert 15 < proxy.counts.total() < 45
        assert set(proxy.counts) == {"error_500", "error_503", "drop_before", "truncate", "lost_reply"}
        return seen

    for number in range(20):
        put(proxy.endpoint, f"random-{number}")
    first = outcomes(7)
    assert outcomes(7) == first
    assert outcomes(8) != first
    proxy.random(7, 0, kinds)
    assert get(proxy.endpoint).status == 200


class Raw:
    """A connection on which a test writes and reads bytes."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self.reader = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.socket.close()

    def head(self) -> list[bytes]:
        """The lines up to an empty one; none where the connection is closed."""
        return list(iter(lambda: self.reader.readline().strip(), b""))

    def reply(self) -> tuple[bytes, bytes]:
        """Status line and body."""
        lines = self.head()
        length = next(int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length:"))
        return lines[0], self.reader.read(length)


def test_a_connection_serves_many_requests_and_bodies_in_chunks(proxy: FaultProxy, bucket: str) -> None:
    proxy.rules = [Fault("error_500", lambda request: request.size == 9)]
    with Raw(proxy.endpoint) as raw:
        for _ in range(2):
            raw.socket.sendall(
                b"PUT /songling-press/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"4;x=y\r\n1234\r\n5\r\n56789\r\n0\r\nTrailer: t\r\n\r\n"
            )
        assert b"500" in raw.reply()[0]
        # Nothing signs it; that the server denies it, and not the proxy, is what the second reply tells.
        status, body = raw.reply()
        assert b"403" in status
        assert b"a fault of the test" not in body
    assert [request.size for request in proxy.requests] == [9, 9]


def test_a_client_that_waits_to_be_told_to_continue(server: S3Server, proxy: FaultProxy, bucket: str) -> None:
    with Raw(proxy.endpoint) as raw:
        raw.socket.sendall(
            b"PUT /songling-press/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert raw.head() == [b"HTTP/1.1 100 Continue"]
        raw.socket.sendall(b"1234")
        assert b"403" in raw.reply()[0]
    reply = put(proxy.endpoint, "a", expect="100-continue")
    assert reply.status == 200
    assert get(server.endpoint, "a").body == TEXT


def test_half_a_request_is_not_forwarded(proxy: FaultProxy, bucket: str) -> None:
    with Raw(proxy.endpoint) as raw:
        raw.socket.sendall(b"PUT /songling-press/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n12")
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.head() == []
    assert proxy.requests == []


def test_a_proxy_of_a_server_that_is_gone_closes(proxy: FaultProxy, tmp_path: Path) -> None:
    with FaultProxy(S3Server(tmp_path)) as other, pytest.raises(RemoteDisconnected):
        get(other.endpoint)
