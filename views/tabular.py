"""A frame as a file: CSV, JSON and Parquet of what a page shows."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from typing import Any, Final

import polars as pl

__all__ = ["FORMATS", "as_file"]

FORMATS: Final = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula.
FORMULA: Final = r"^[=+\-@\t\r]"


def as_file(frame: pl.DataFrame, kind: str) -> bytes:
    """The frame's rows. In CSV lists are JSON, and a text that a spreadsheet would take for a formula has `'` before
    it; bytes are hexadecimal in CSV and JSON. Parquet has all as it is."""
    if kind == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        return buffer.getvalue()
    frame = frame.with_columns(pl.col(pl.Binary).bin.encode("hex"))
    if kind == "json":
        return json.dumps(frame.to_dicts(), ensure_ascii=False, default=_plain, indent=0).encode()
    nested = [name for name, type_ in frame.schema.items() if type_.is_nested()]
    lists = {name: [None if row is None else _line(row) for row in frame[name].to_list()] for name in nested}
    flat = frame.with_columns(pl.Series(name, values, pl.String) for name, values in lists.items())
    return flat.with_columns(pl.col(pl.String).str.replace(FORMULA, "'$0")).write_csv().encode()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
