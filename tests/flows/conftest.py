"""One Prefect server for all tests of a module that run flows; one that idles takes a second of CPU every fifteen."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from pressmark.flows.server import prefect_server


@pytest.fixture(scope="module")
def harness(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = Path(shutil.copytree(prefect_home, tmp_path_factory.mktemp("harness") / "home"))
    with patch.dict(os.environ, {"PREFECT_HOME": str(home)}):
        os.environ.pop("PREFECT_API_URL", None)
        with prefect_server() as address:
            from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

            with temporary_settings({PREFECT_API_URL: address, PREFECT_HOME: home}):
                yield


@pytest.fixture
def logged(harness: None) -> Iterator[list[logging.LogRecord]]:
    """What flow runs and task runs log. Prefect's first set-up removes other handlers, that of `caplog` too."""
    from prefect.logging.configuration import setup_logging

    setup_logging()
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment, method-assign]  # all that it has to do
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield records
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
