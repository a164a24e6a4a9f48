"""What `pressmark serve` and its runs print of Prefect's log: one line for each record, and no traceback. Named in
`server.py` as the class of Prefect's console, so that each process of Prefect's has it from its first line on."""

from __future__ import annotations

import copy
import logging

from prefect.logging.handlers import PrefectConsoleHandler

__all__ = ["OneLineConsole"]


class OneLineConsole(PrefectConsoleHandler):
    """Prefect's console, with an error's own words in the place of its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        record = copy.copy(record)
        words = record.getMessage() if error is None else f"{record.getMessage()}: {type(error).__name__}: {error}"
        record.msg, record.args, record.exc_info, record.exc_text = " ".join(words.split()), (), None, None
        return super().format(record)
