"""The tables as a page of Markdown, made from the schemas: `make docs` writes it to `columns.md`."""

from __future__ import annotations

import sys

import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, DICTIONARY, PARTITION_KEYS, Table

KEYS = "\n".join(f"| `{key}` | {type_} | {meaning} |" for key, (type_, meaning) in PARTITION_KEYS.items())
HEAD = f"""\
# Columns

Contract version {CONTRACT_VERSION}. This page is made from `schemas/` by `make docs`. Each Parquet file carries the
same descriptions in the metadata of its columns. [analyst.md](analyst.md) shows how to use them.

## Partition keys

`articles`, `paragraphs` and `revisions` are folders of folders, such as `articles/outlet=rfi/month=2022-01/`. The
keys stand in the path alone; readers of partitioned folders give them as columns.

| key | type | meaning |
|---|---|---|
{KEYS}
"""


def columns_page() -> str:
    """Markdown: a section per table with its rows' meaning, place, order and key, and a line per column."""
    return "\n".join([HEAD, *("\n".join(_section(table)) for table in TABLES.values())])


def _section(table: Table) -> list[str]:
    folder = f"{table.name}/outlet=…/month=…/" if table.partitioned else f"{table.name}/"
    lines = [
        f"## `{table.name}`",
        "",
        table.meaning,
        "",
        f"- Files: `{folder}`",
        f"- Order of the rows in a file: {_names(table.sort_keys)}",
        f"- What a later run replaces together: rows with the same {_names(table.replace_keys)}",
        "",
        "| column | type | null | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    for field in table.schema:
        lines.append(_line(field.name, field))
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            lines += [_line(f"{field.name}[].{inner.name}", inner) for inner in field.type.value_type]
    return [*lines, ""]


def _line(name: str, field: pa.Field) -> str:
    metadata = {key.decode(): value.decode() for key, value in field.metadata.items()}
    cells = [
        f"`{name}`", _type(field.type), "yes" if field.nullable else "", metadata.get("unit", ""),
        metadata["description"].replace("|", "\\|"),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _type(type_: pa.DataType) -> str:
    if type_ == DICTIONARY:
        return "dictionary of string"
    if pa.types.is_list(type_):
        return "list of struct" if pa.types.is_struct(type_.value_type) else f"list of {_type(type_.value_type)}"
    if pa.types.is_timestamp(type_):
        return f"timestamp, {type_.unit}, {type_.tz}"
    return str(type_)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


if __name__ == "__main__":
    sys.stdout.write(columns_page())
