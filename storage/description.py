"""The files in which an output says what it is: README.md (a dataset card, too), croissant.json, datacontract.yaml and
columns.csv, at its root, where no reader of a table meets them. A run writes them where the tables changed."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version
from typing import Final

from pressmark.schemas import BY_RUN, TABLES
from pressmark.schemas.contract import UNKNOWN_PERIODS
from pressmark.schemas.description import About, Origin, described, mark, mark_of, texts_of
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport, last_runs, latest_of

__all__ = ["README", "describe", "plain_words", "with_origins"]

README: Final = "README.md"
PARQUET: Final = "application/x-parquet"
READING: Final = """\
Read a table as a folder; the folders' names give the columns `outlet` and `{period}`:

```python
import polars as pl

articles = pl.scan_parquet("articles")
```

```sql
select outlet, count(*) from read_parquet('articles/**/*.parquet', hive_partitioning = true) group by outlet
```

`datasets.load_dataset` of Hugging Face gives each table as a configuration, without `outlet` and `{period}`, as these
stand in the folders' names alone: `pressmark export` writes files that have them as columns."""


def describe(output: Output, run: RunReport | None = None) -> list[str]:
    """Write the files and give their names; none where an owner's own README.md stands there, or where the `run` that
    writes them wrote no partition and changed no count. Raises `OutputError` where no run has written to the output."""
    last = run or latest_of(output)
    found = output.store.find(README)
    known = None if found is None else mark_of(output.store.read(README).decode(errors="replace"))
    if found is not None and known is None:
        return []
    if run is not None and not run.partitions_written and known == mark(_about(last, "", "month")):
        return []
    parts = [part.partition for part in output.parts(TABLES["articles"]) if part.partition is not None]
    keys = [partition.period.partition("=") for partition in parts]
    periods = sorted(value for _, _, value in keys if value not in UNKNOWN_PERIODS.values())
    outlets = len({partition.outlet for partition in parts})
    span = f", {periods[0]} to {periods[-1]}" if periods else ""
    by_run = [name for name in BY_RUN if output.files(name)]
    about = _about(last, f" of {outlets} outlets{span}", keys[0][0] if keys else "month", by_run)
    texts = texts_of(with_origins(about, output))
    for name, text in texts.items():
        # The README comes last: where a run is killed before, the next one finds the old counts.
        output.store.write(name, text.encode())
    return list(texts)


def with_origins(about: About, output: Output) -> About:
    """What is told of a folder, with the runs and archives that its rows come from."""
    origins = [Origin(*(getattr(one, name) for name in Origin._fields)) for one in last_runs(output)]
    # The rows that a root is over are those of all archives.
    origins = [one if number == 0 else one._replace(root=None) for number, one in enumerate(origins)]
    return about._replace(origins=tuple(origins), version=version("pressmark"))


def _about(last: RunReport, extent: str, period: str, by_run: Collection[str] = ()) -> About:
    archives = ", ".join(plain_words(name) for name in sorted(last.argument("archives", [last.archive])))
    rows = {name: getattr(last, name, None) for name in TABLES}
    tables = [
        described(table, period, rows[table.name])
        for table in TABLES.values()
        if rows[table.name] or table.name in by_run
    ]
    return About(
        f"News of {archives}",
        f"{last.articles} archived news articles{extent}, made from their sources by pressmark: a row for each article "
        "and each paragraph, with the bytes that it came from, for revisions, and for sources that are no article.",
        last.started_at.date(), READING.format(period=period), tuple(tables), PARQUET,
    )  # fmt: skip


def plain_words(text: str) -> str:
    """A name as it may stand in Markdown, HTML and YAML: without what any of them would take for markup."""
    return "".join(char if char.isalnum() or char in " -_." else "·" for char in text)
