"""What `pressmark serve` sees of itself: a server that can't write, a runner that stands still, a set clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from copies import InCopy, copies_of

from pressmark.flows.server import one_server
from pressmark.storage.errors import LockedError

pytestmark = pytest.mark.slow

# Watches a server, and prints what it found.
WATCH = """
import threading, time
from prefect.context import refresh_global_settings_context
from pressmark.flows import serving
serving.BEAT_S = serving.AGAIN_S = serving.BUSY_S = 0.05

def work(case, address):
    os.environ["PREFECT_API_URL"] = address
    refresh_global_settings_context()
    serving.STALL_S = 1.0 if case == "stalled" else 100.0
    polls, real, found, ended = [0], time.time, [], threading.Event()
    time.time = lambda: real() - (3600 if case == "clock" and polls[0] > 3 else 0)
    def polled():
        polls[0] += case != "stalled"
        return polls[0]
    def lost(problem):
        found.append(problem)
        ended.set()
    serving.Watch(polled, lost)
    if case == "fine":
        while polls[0] < 8:
            time.sleep(0.01)
    else:
        ended.wait()
    print(*found, flush=True)
"""


class Answers(BaseHTTPRequestHandler):
    """A server that takes a change, or says that it can't."""

    status = 204

    def do_PATCH(self) -> None:
        """Answer a change."""
        self.send_response(self.status)
        self.end_headers()

    def do_GET(self) -> None:
        """There is nothing else here, such as tokens."""
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Answering", (Answers,), {"status": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InCopy]:
    home = str(tmp_path_factory.mktemp("prefect"))
    with copies_of(WATCH, {"PREFECT_HOME": home, "HOME": home}) as in_copy:
        yield in_copy


@pytest.mark.parametrize(
    ("address", "case", "said"),
    [
        (204, "fine", ""),
        (500, "full", "the Prefect server is lost: it answers a change with 500; PREFECT_HOME has "),
        (204, "stalled", "no run was asked for in 1 s, so none would begin"),
        (204, "clock", "the clock was set by -3600 s"),
    ],
    ids=["all is well", "its disk is full", "no loop", "the clock"],
    indirect=["address"],
)
def test_what_blocks_a_schedule_is_said(address: str, case: str, said: str, watched: InCopy) -> None:
    assert watched(case, address)[0].startswith(said or "\n")


def test_a_second_schedule_with_the_same_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with one_server(), pytest.raises(LockedError, match="give this one a PREFECT_HOME of its own"), one_server():
        raise AssertionError("there are two")
    with one_server():
        assert (tmp_path / "pressmark-serve.lock").exists()
