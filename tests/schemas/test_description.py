"""The pages of columns and errors are made from schemas and code, and say all they say."""

from __future__ import annotations

import re
import runpy

from archives import ROOT

from pressmark.schemas import TABLES

columns_page = runpy.run_path(str(ROOT / "docs" / "columns.py"))["columns_page"]
errors_page = runpy.run_path(str(ROOT / "docs" / "errors.py"))["errors_page"]


def test_the_pages_in_docs_are_what_schemas_and_code_give() -> None:
    assert (ROOT / "docs" / "columns.md").read_text("utf-8") == columns_page(), "run `make docs`"
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == errors_page(), "run `make docs`"


def test_each_kind_of_error_has_a_code_of_its_own_and_nearly_every_error_a_message() -> None:
    page = errors_page()
    codes = re.findall(r"^## `([a-z_]+)`$", page, re.MULTILINE)
    assert len(codes) == len(set(codes)) > 10
    messages = re.findall(r"^\| (?!message|---)(.+?) \|", page, re.MULTILINE)
    assert len(messages) > 100
    assert sum(message == "…" for message in messages) < 10


def test_each_table_has_a_line_per_column_and_per_field_of_a_link() -> None:
    parts = re.split(r"^## `(\w+)`$", columns_page(), flags=re.MULTILINE)
    for name, section in zip(parts[1::2], parts[2::2], strict=True):
        columns = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
        assert [column for column in columns if "[]" not in column] == TABLES[name].schema.names
        assert [column for column in columns if "[]" in column] == [
            *(f"links[].{field}" for field in ("href", "start", "end") if name == "paragraphs"),
            *(f"contributors[].{field}" for field in ("name", "role") if name == "articles"),
        ]
    assert parts[1::2] == list(TABLES)


def test_a_line_shows_type_null_unit_and_meaning() -> None:
    lines = columns_page().splitlines()
    assert "| `source_bytes` | int64 |  | bytes | size of the source |" in lines
    assert (
        "| `dateline_at` | timestamp, us, UTC | yes |  | date printed on the page, in the outlet's zone, converted |"
        in lines
    )
