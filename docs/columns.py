"""The tables as a page of Markdown, made from the schemas: `make docs` writes it to `columns.md`."""

from __future__ import annotations

import sys

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION, PARTITION_KEYS, Table
from pressmark.schemas.description import column_lines

KEYS = "\n".join(f"| `{key}` | {type_} | {meaning} |" for key, (type_, meaning) in PARTITION_KEYS.items())
HEAD = f"""\
# Columns

Contract version {CONTRACT_VERSION}. This page is made from `schemas/` by `make docs`. Each Parquet file carries the
same descriptions in the metadata of its columns. [analyst.md](analyst.md) shows how to use them.

## Partition keys

`articles`, `paragraphs`, `media` and `revisions` are folders of folders, as `articles/outlet=rfi/month=2022-01/`. The
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
    return [
        f"## `{table.name}`",
        "",
        table.meaning,
        "",
        f"- Files: `{folder}`",
        f"- Order of the rows in a file: {_names(table.sort_keys)}",
        f"- What a later run replaces together: rows with the same {_names(table.replace_keys)}",
        "",
        *column_lines(table.schema),
        "",
    ]


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


if __name__ == "__main__":
    sys.stdout.write(columns_page())
