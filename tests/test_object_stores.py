"""The proxy before the S3 server of the tests fails exactly as it says, and the server keeps conditions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import get_args

import obstore
import pytest
from fault_proxy import KINDS, Fault, FaultProxy, Kind
from object_stores import Reply, S3Server, signed_request
from obstore.exceptions import AlreadyExistsError, GenericError, PermissionDeniedError, PreconditionError
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
CONDITIONAL: dict[Kind, tuple[int, bytes]] = {
    "error_501": (501, b"NotImplemented"), "error_409": (409, b"ConditionalRequestConflict"),
}  # fmt: skip


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


def test_conditions_of_puts_hold_and_one_of_many_writers_wins(proxy: FaultProxy) -> None:
    s3 = store(proxy.endpoint)
    first = obstore.put(s3, "a", b"1", mode="create")["e_tag"]
    with pytest.raises(AlreadyExistsError):
        obstore.put(s3, "a", b"2", mode="create")
    obstore.put(s3, "a", b"3", mode={"e_tag": first})
    for name in ("a", "never-there"):
        with pytest.raises(PreconditionError):
            obstore.put(s3, name, b"4", mode={"e_tag": first})
    assert bytes(obstore.get(s3, "a").bytes()) == b"3"
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda n: put(proxy.endpoint, "race", b"%d" % n, if_none_match="*").status, range(4)))
    assert (won.count(200), get(proxy.endpoint, "race").body) == (1, b"%d" % won.index(200))


def test_every_kind_is_tested() -> None:
    others = {"drop_before", "slow", "truncate", "lost_reply"}
    assert {*REFUSED, *CONDITIONAL, *others} == set(KINDS) == set(get_args(Kind))


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


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_conditional_puts_are_refused_and_no_others(server: S3Server, proxy: FaultProxy, kind: Kind) -> None:
    proxy.rules = [Fault(kind, times=None)]
    for condition in ({"if_none_match": "*"}, {"if_match": '"0"'}):
        reply = put(proxy.endpoint, "a", TEXT, **condition)
        assert (reply.status, CONDITIONAL[kind][1] in reply.body) == (CONDITIONAL[kind][0], True)
    assert get(server.endpoint, "a").status == 404
    assert (put(proxy.endpoint, "a").status, get(proxy.endpoint, "a").status) == (200, 200)
    assert proxy.counts == {kind: 2}


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


def test_rules_choose_by_request_and_number_and_requests_are_noted(proxy: FaultProxy) -> None:
    proxy.rules = [Fault("error_500", lambda request: request.key == "a", 2), Fault("denied", lambda r: r.size > 200)]
    assert [put(proxy.endpoint, "a").status for _ in range(3)] == [500, 500, 200]
    assert put(proxy.endpoint, "year=2024/一.txt", TEXT * 3, if_none_match="*").status == 403
    noted = proxy.requests[-1]
    assert (noted.method, noted.bucket, noted.key, noted.size) == ("PUT", BUCKET, "year=2024/一.txt", 300)
    assert noted.conditional_put
    proxy.clear()
    assert (proxy.rules, dict(proxy.counts), proxy.requests) == ([], {}, [])


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


def test_random_faults_repeat_for_a_seed(proxy: FaultProxy) -> None:
    kinds: tuple[Kind, ...] = ("error_500", "error_503", "drop_before", "truncate", "lost_reply", "error_501")

    def outcomes(seed: int) -> list[str]:
        proxy.clear()
        proxy.random(seed, 0.5, kinds)
        seen = []
        for number in range(40):
            try:
                seen.append(str((put if number % 3 else get)(proxy.endpoint, f"random-{number // 3}").status))
            except HTTPException as error:
                seen.append(type(error).__name__)
        assert 10 < proxy.counts.total() < 30
        return [*seen, str(sorted(proxy.counts.items()))]

    for number in range(14):
        put(proxy.endpoint, f"random-{number}")
    first = outcomes(7)
    assert outcomes(7) == first != outcomes(8)
