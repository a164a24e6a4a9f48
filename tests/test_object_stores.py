"""The proxy before the S3 server of the tests fails exactly as it says, and the server keeps conditions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead, RemoteDisconnected

import obstore
import pytest
from fault_proxy import Fault, FaultProxy, Kind
from object_stores import Reply, S3Server, signed_request
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import S3Store

BUCKET = "proxied-press"
TEXT = b"0123456789" * 10
# What a client without retries makes of a fault, and the reply's status and code, where there is a reply.
REFUSED: dict[Kind, tuple[type[Exception], int, bytes]] = {
    "error_500": (GenericError, 500, b"InternalError"),
    "error_503": (GenericError, 503, b"SlowDown"),
    "error_404_bucket": (FileNotFoundError, 404, b"NoSuchBucket"),
    "denied": (PermissionDeniedError, 403, b"AccessDenied"),
}


@pytest.fixture(scope="module")
def server(s3_server: S3Server) -> S3Server:
    s3_server.create_bucket(BUCKET)
    return s3_server


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    assert put(server.endpoint, "text").status == 200
    with FaultProxy(server) as started:
        yield started
    s3 = store(server.endpoint)
    obstore.delete(s3, [row["path"] for row in obstore.list(s3).collect()])


def store(endpoint: str) -> S3Store:
    return S3Store(
        BUCKET, endpoint=endpoint, region="us-east-1", access_key_id=S3Server.access_key,
        secret_access_key=S3Server.secret_key, client_options={"allow_http": True}, retry_config={"max_retries": 0},
    )  # fmt: skip


def get(endpoint: str, key: str = "text") -> Reply:
    return signed_request(endpoint, "GET", f"/{BUCKET}/{key}")


def put(endpoint: str, key: str, body: bytes = TEXT, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return signed_request(endpoint, "PUT", f"/{BUCKET}/{key}", body=body, headers=names)


@pytest.mark.parametrize("kind", REFUSED)
def test_errors_are_replies_and_nothing_is_forwarded(server: S3Server, proxy: FaultProxy, kind: Kind) -> None:
    error, status, code = REFUSED[kind]
    proxy.rules = [Fault(kind, times=3)]
    with pytest.raises(error):
        obstore.get(store(proxy.endpoint), "text")
    reply = put(proxy.endpoint, "text", b"new")
    assert (reply.status, b"<Code>" + code + b"</Code>" in reply.body) == (status, True)
    assert signed_request(proxy.endpoint, "HEAD", f"/{BUCKET}/text").status == status
    assert get(server.endpoint).body == get(proxy.endpoint).body == TEXT
    assert proxy.counts == {kind: 3}


def test_what_is_dropped_slow_cut_off_or_lost_is_what_it_says(server: S3Server, proxy: FaultProxy) -> None:
    proxy.rules = [Fault("drop_before")]
    with pytest.raises(RemoteDisconnected):
        put(proxy.endpoint, "a")
    assert (get(server.endpoint, "a").status, put(proxy.endpoint, "a").status) == (404, 200)
    proxy.rules, proxy.delay_s = [Fault("slow")], 30
    with pytest.raises(TimeoutError):
        signed_request(proxy.endpoint, "GET", f"/{BUCKET}/text", timeout_s=0.2)
    # A reply without a body can't be cut off, and is left alone.
    proxy.rules = [Fault("truncate")]
    assert put(proxy.endpoint, "one", b"1").status == 200
    with pytest.raises(IncompleteRead) as caught:
        get(proxy.endpoint)
    assert (caught.value.partial, caught.value.expected) == (TEXT[:50], 50)
    proxy.rules = [Fault("lost_reply")]
    with pytest.raises(GenericError):
        obstore.put(store(proxy.endpoint), "b", b"1", mode="create")
    assert get(server.endpoint, "b").body == b"1"
    assert proxy.counts == {"drop_before": 1, "slow": 1, "truncate": 1, "lost_reply": 1}


def test_conditions_can_be_ignored_and_the_clock_of_replies_wrong(server: S3Server, proxy: FaultProxy) -> None:
    proxy.no_conditions = True
    obstore.put(store(proxy.endpoint), "text", b"over", mode="create")
    obstore.put(store(proxy.endpoint), "text", b"and over", mode={"e_tag": '"0"'})
    assert get(server.endpoint).body == b"and over"
    proxy.skew = timedelta(hours=-5)
    for rules in ([], [Fault("error_500")]):
        proxy.rules = rules
        straight, shifted = (parsedate_to_datetime(get(at.endpoint).headers["date"]) for at in (server, proxy))
        assert timedelta(hours=4) < straight - shifted < timedelta(hours=6)
