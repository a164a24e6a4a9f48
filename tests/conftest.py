"""Fixtures: the real articles where they are at hand, the seeds, and an archive to write articles into."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
from archives import ROOT, News, WriteArticle, ingest, writer
from hypothesis import settings
from object_stores import S3Server, why_no_server

LOOPBACK: Final = ("127.", "::1", "localhost", "0.0.0.0")  # looked up, not bound to


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise where this process would ask another machine for anything: nothing is fetched because a source names it."""
    if event == "socket.connect":
        place = arguments[1]
    elif event == "socket.getaddrinfo":
        place = arguments[:1]
    else:
        return
    host = place[0] if isinstance(place, tuple) else None
    host = host.decode() if isinstance(host, bytes) else host
    if host and not host.startswith(LOOPBACK):
        raise AssertionError(f"a test asks another machine: {event} {host}")


sys.addaudithook(guard)
# No power is lost while tests run; those of syncs watch the calls. A quarter of a small ingest waits for the disk.
os.fsync = os.fstat  # type: ignore[assignment]  # which refuses what is no file, too
# No test depends on how fast the machine is.
settings.register_profile("pressmark", deadline=None)
settings.load_profile("pressmark")

# Files that take longest, so that they begin first; the summary of a run names others that take `LONG_S`.
LONGEST: Final = tuple(
    f"test_{name}.py"
    for name in "serving documents flow loading refusals publish object_output interrupts backfill replay incremental "
    "corpus dask kinds power_loss pool kills room".split()
)
LONG_S: Final = 40
MARKED_BY: Final = {
    "server": "server", "s3_server": "server", "cluster": "server", "postgresql": "server", "corpus": "corpus",
    "sessions": "slow",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark a test by the fixtures that it uses and by its parameters, so that `make quick` leaves out what is slow; and
    begin with the files that take longest, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        parameters = item.name.partition("[")[2].rstrip("]").split("-")
        for name in {*getattr(item, "fixturenames", ()), *parameters} & MARKED_BY.keys():
            item.add_marker(MARKED_BY[name])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the files that took long and did not begin first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    for path, taken in seconds.items():
        if taken > LONG_S and not path.endswith(LONGEST):
            terminalreporter.write_line(
                f"{path} took {taken:.0f} s: share what its tests set up, or name it in `LONGEST`"
            )


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real articles beside the repository; never part of it."""
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip("the real articles (../shared/corpus) are not there")
    return folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for all tests of a process; each module makes a bucket of its own."""
    if why := why_no_server():
        pytest.skip(why)
    with S3Server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="session")
def corpus_output(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run makes of the real articles; not to be changed."""
    output = tmp_path_factory.mktemp("corpus") / "out"
    ingest(corpus, output, workers=2)
    return output


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PREFECT_HOME as a server has left it after its first start, to be copied: that start takes twice as
    long as each later one, so one process of the suite makes it for all."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "prefect"
    with open(f"{home}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            program = "from pressmark.flows.server import prefect_server\nwith prefect_server(): pass"
            variables = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            variables |= {"PREFECT_HOME": str(home), "HOME": str(home.parent)}
            subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=variables, check=True, capture_output=True)
    return home


@pytest.fixture
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def write_article(archive: Path) -> WriteArticle:
    return writer(archive)


@pytest.fixture
def news(archive: Path, write_article: WriteArticle, tmp_path: Path) -> News:
    return News(archive, write_article, tmp_path)
