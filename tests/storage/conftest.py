"""One archive that changed after its first ingest, for all tests of what a run that is stopped leaves."""

from __future__ import annotations

import pytest
from archives import Changed, change_sources, files_of, ingest, write_sources, writer


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    folder = tmp_path_factory.mktemp("changed")
    archive = folder / "archive"
    archive.mkdir()
    write_sources(writer(archive))
    for output in ("before", "after"):
        ingest(archive, folder / output, 1)
    change_sources(archive, writer(archive))
    ingest(archive, folder / "after", 2, sync=True)
    before, after = files_of(folder / "before"), files_of(folder / "after")
    assert before != after
    return Changed(archive, folder / "before", before, after)
