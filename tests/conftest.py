"""Fixtures: the real articles where they are at hand, the seeds, and an archive to write articles into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from archives import ROOT, News, WriteArticle
from hypothesis import settings
from object_stores import S3Server, why_no_server

# No test depends on how fast the machine is.
settings.register_profile("pressmark", deadline=None)
settings.load_profile("pressmark")

MARKED_BY: Final = {
    "server": "server", "s3_server": "server", "cluster": "server", "postgresql": "server", "corpus": "corpus",
    "sessions": "slow",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark a test by the fixtures that it uses and by its parameters, so that `make quick` leaves out what is slow."""
    for item in items:
        parameters = item.name.partition("[")[2].rstrip("]").split("-")
        for name in {*getattr(item, "fixturenames", ()), *parameters} & MARKED_BY.keys():
            item.add_marker(MARKED_BY[name])


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
    """Write a fictional article into the test's archive: `write_article("a.md", url=…, at=…, body=…)`."""

    def write(
        name: str,
        *,
        url: str = "https://songling-times.example/a",
        at: str = "2022-03-04T05:06:07",
        title: str = "松岭市举行读书节",
        body: str = "<p>松岭市图书馆今天开放。</p><p>读者从早晨开始排队。</p>",
    ) -> Path:
        milliseconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
        path = archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"<!--{milliseconds}-->\n[{title}]({url})\n------\n\n{body}\n".encode())
        return path

    return write


@pytest.fixture
def news(archive: Path, write_article: WriteArticle, tmp_path: Path) -> News:
    return News(archive, write_article, tmp_path)
